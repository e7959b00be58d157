/**
 * Promise: whoever makes many identities can't surround a tab that knew good peers, nor keep one out that knows nobody as long as one
 * relay is honest; and a memory of peers that are gone costs next to no time.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { KnownPeer } from '../../../src/protocol/peer-store.ts'
import { EclipseWorld, siege, type Tab, type WorldOptions } from '../../support/eclipse-world.ts'

const SECOND = 1000
const MINUTE = 60_000

interface Siege {
  /** How long the attacker behaves well before the reload, milliseconds. */
  readonly before: number
  /** Whether the tab's memory survives. */
  readonly remembers: boolean
  /** What the attacker does besides, after the reload. */
  readonly harm: (world: EclipseWorld, tab: Tab) => () => void
}

/** A tab knows three honest tabs of six, then comes the attacker; then the tab is loaded again, and has a minute. */
async function reloadUnderSiege(
  seed: number,
  options: Partial<WorldOptions>,
  { before = 4 * MINUTE, remembers = true, harm = () => () => {} }: Partial<Siege> = {},
): Promise<Tab> {
  const world = new EclipseWorld({
    seed: `reload ${seed}`,
    honest: 6,
    sybils: 40,
    addresses: 'apart',
    ...options,
  })
  for (const { id } of [...world.sybils, ...world.honest.slice(3)]) world.gone.add(id)
  const first = await world.open()
  first.run(10 * MINUTE)
  world.gone.clear()
  first.run(before, siege(world, first, 1))
  if (!remembers) await world.store.saveKnownPeers([])
  const tab = await world.open()
  const besiege = siege(world, tab, 5)
  const doHarm = harm(world, tab)
  tab.run(MINUTE, () => {
    besiege()
    doHarm()
  })
  return tab
}

/** Whether the tab has enough peers that it chose, and at least half of them are honest. */
function isHalfHonest(tab: Tab): boolean {
  return tab.chosen.length >= 4 && 2 * tab.honestChosen >= tab.chosen.length
}

/** The share of `tries` that are good, by seeds 0 and up. */
async function shareOf(tries: number, isGood: (seed: number) => Promise<boolean>): Promise<number> {
  let good = 0
  for (let seed = 0; seed < tries; seed++) if (await isGood(seed)) good++
  return good / tries
}

for (const [addresses, tries] of [
  ['apart', 1000],
  ['one', 500],
  ['unknown', 500],
] as const)
  test(`loaded again among 40 identities of one attacker, half of the chosen peers are honest: addresses ${addresses}`, async (t) => {
    const share = await shareOf(tries, async (seed) =>
      isHalfHonest(await reloadUnderSiege(seed, { addresses })),
    )
    t.diagnostic(`${(100 * share).toFixed(1)} % of ${tries} tries`)
    assert.ok(share >= 0.95)
  })

test('without its memory the same tab is surrounded, as the lists are the attacker’s', async (t) => {
  const share = await shareOf(200, async (seed) =>
    isHalfHonest(await reloadUnderSiege(seed, {}, { remembers: false })),
  )
  t.diagnostic(`${(100 * share).toFixed(1)} % of 200 tries`)
  assert.ok(share < 0.2)
})

test('an attacker who behaved for hours, told no lie and was remembered has no majority', async (t) => {
  const share = await shareOf(40, async (seed) => {
    const tab = await reloadUnderSiege(seed, {}, { before: 180 * MINUTE })
    return 2 * tab.honestChosen >= tab.chosen.length
  })
  t.diagnostic(`${(100 * share).toFixed(1)} % of 40 tries`)
  assert.ok(share >= 0.8)
})

test('an attacker who ends connections to honest peers does not cut the tab off from them', async (t) => {
  const cut = (world: EclipseWorld, tab: Tab) => () => {
    const honest = tab.connections.filter(({ id }) => world.actor(id).isHonest)
    // One every 25 s.
    if (honest.length > 0 && world.random.fraction() < 0.01)
      tab.lose(honest[world.random.integer(honest.length)]!.id)
  }
  const share = await shareOf(
    200,
    async (seed) => (await reloadUnderSiege(seed, {}, { harm: cut })).honestChosen >= 1,
  )
  t.diagnostic(`${(100 * share).toFixed(1)} % of 200 tries`)
  assert.ok(share >= 0.95)
})

test('a relay that lists the attacker alone does not decide where there is an honest one', async () => {
  const share = await shareOf(200, async (seed) => {
    const world = new EclipseWorld({
      seed: `lie ${seed}`,
      honest: 12,
      sybils: 40,
      addresses: 'unknown',
      relays: ['sybils', 'honest'],
    })
    const tab = await world.open()
    tab.run(MINUTE, siege(world, tab, 5))
    return 2 * tab.honestChosen >= tab.chosen.length
  })
  assert.ok(share >= 0.95)
})

test('mixing gives one machine’s identities less and less, though lists are full of them', async (t) => {
  let [soon, later] = [0, 0]
  for (let seed = 0; seed < 60; seed++) {
    const world = new EclipseWorld({ seed: `mix ${seed}`, honest: 12, sybils: 40, addresses: 'apart' })
    const tab = await world.open()
    tab.run(2 * MINUTE, siege(world, tab, 1))
    soon += tab.honestChosen / tab.chosen.length
    for (let round = 0; round < 20; round++) {
      tab.mix()
      tab.run(2 * MINUTE, siege(world, tab, 1))
    }
    later += tab.honestChosen / tab.chosen.length
  }
  t.diagnostic(
    `honest: ${(soon / 0.6).toFixed(0)} % of the chosen after 2 minutes, ${(later / 0.6).toFixed(0)} % after 40`,
  )
  assert.ok(later > 1.5 * soon)
})

/** Records of peers that served well. */
function provenPeers(world: EclipseWorld): KnownPeer[] {
  return world.sybils.map(({ id }) => ({
    id,
    introducers: [],
    addressGroup: undefined,
    lastSeen: world.now,
    stay: 100_000,
    blocks: 10,
    chosen: true,
  }))
}

test('who remembers only peers that are gone joins nearly as soon as who remembers none', async (t) => {
  const firstPeer = async (seed: number, remembered: number, isSilent: boolean): Promise<number> => {
    const world = new EclipseWorld({
      seed: `gone ${seed}`,
      honest: 12,
      sybils: remembered,
      addresses: 'unknown',
      isSilent,
    })
    for (const { id } of world.sybils) world.gone.add(id)
    await world.store.saveKnownPeers(provenPeers(world))
    const tab = await world.open()
    tab.run(MINUTE)
    return tab.firstPeerAfter!
  }
  let [none, gone, silent] = [0, 0, 0]
  for (let seed = 0; seed < 100; seed++) {
    none += (await firstPeer(seed, 0, false)) / 100
    gone += (await firstPeer(seed, 60, false)) / 100
    silent += (await firstPeer(seed, 60, true)) / 100
  }
  t.diagnostic(
    `first peer after ${none.toFixed(0)} ms with none, ${gone.toFixed(0)} gone, ${silent.toFixed(0)} silent`,
  )
  assert.ok(gone < none + 2 * SECOND)
  // The relay still holds their places, and they never answer.
  assert.ok(silent < none + 3 * SECOND)
})
