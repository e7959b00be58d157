/**
 * Promise: whoever publishes a state of a channel that was given up loses all of it: to the other side where that looks, and to its watchtower where it sleeps. A
 * tab that was restored from an old copy of its profile learns that it is one, publishes nothing by itself, and is paid out.
 */
import assert from 'node:assert/strict'
import { cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'node:test'
import {
  fund,
  meet,
  mineUntilTrusted,
  STRANGER,
  sharesOf,
  trusted,
  untilUsable,
} from '../support/channel-tabs.ts'
import { journey, type Tab, untilAgreed } from '../support/tabs.ts'

/** Satoshis. */
const CHANNEL = 1_000_000
const SMALL = 600_000
/** Coins. */
const WHOLE = CHANNEL / 100_000_000
/** What claims may cost, coins. */
const FEES = 0.000_2
/** Blocks after which a thief could have what nobody took from it. */
const DELAY = 12
const MOST_BLOCKS = 80

/** Opens a channel, and has it confirmed. `count`: of the channels between them then. */
async function open(from: Tab, to: Tab, node: string, amount: number, count: number): Promise<void> {
  const { txid } = await from.rpc('fundchannel', node, amount)
  await to.until('the funding is known', 'getrawmempool', [], (txids) => txids.includes(txid))
  await from.generate(1, STRANGER)
  await Promise.all([from, to].map((tab) => untilUsable(tab, count)))
}

async function pay(from: Tab, to: Tab, amount: number, label: string): Promise<void> {
  const { bolt11 } = await to.rpc('invoice', amount, label, label)
  assert.equal((await from.rpc('pay', bolt11)).status, 'complete')
  await Promise.all([from, to].map((tab) => sharesOf(tab)))
}

/** Publishes the state in which the thief had most. */
async function cheat(thief: Tab, node: string): Promise<string> {
  const { channels } = await thief.rpc('listpeerchannels', node)
  const { channel_id } = channels.find(({ state }) => state === 'CHANNELD_NORMAL')!
  const { states } = await thief.rpc('dev-list-states', channel_id)
  const [best] = states.toSorted((a, b) => b.to_us_msat - a.to_us_msat)
  return (await thief.rpc('dev-publish-state', channel_id, best!.number)).txid
}

test(
  'a thief publishes a void state: the other side takes all, and so does its watchtower while it sleeps',
  journey(async (world) => {
    await world.serve()
    const tabs = (await world.openAll(['Ada', 'Ben', 'Cleo'])) as [Tab, Tab, Tab]
    const [ada, , cleo] = tabs
    let [, ben] = tabs
    await Promise.all(tabs.map((tab) => tab.untilPeers(2)))
    await Promise.all(tabs.map((tab) => tab.createWallet()))
    await fund(ada)
    await untilAgreed(tabs)
    const [, victim, tower] = (await meet(tabs)) as [string, string, string]
    await ada.rpc('dev-keep-states')

    await open(ada, ben, victim, CHANNEL, 1)
    await pay(ada, ben, 300_000_000, 'awake')
    const stolen = await cheat(ada, victim)
    await ben.until('it sees the theft', 'getrawmempool', [], (txids) => txids.includes(stolen))
    const afterFirst = await mineUntilTrusted(cleo, ben, WHOLE - FEES)

    await open(ada, ben, victim, CHANNEL, 1)
    await cleo.rpc('towerservice', true)
    await ben.rpc('registertower', tower)
    await pay(ada, ben, 300_000_000, 'asleep')
    await ben.until('the tower has all', 'listtowers', [], ({ towers: [chosen] }) =>
      Boolean(chosen && chosen.acknowledged_states > 0 && chosen.pending_states === 0),
    )
    await ben.kill()
    const again = await cheat(ada, victim)
    await cleo.until('it sees the theft', 'getrawmempool', [], (txids) => txids.includes(again))
    // Beyond the delay, and nobody but the tower was there.
    const isSettled = async (): Promise<boolean> => {
      const { breaches } = await cleo.rpc('towerservice')
      return breaches.some(({ txid, penalties, settled }) => txid === again && settled === penalties)
    }
    for (let block = 0; block < DELAY || (block < MOST_BLOCKS && !(await isSettled())); block++)
      await cleo.generate(1, STRANGER)
    assert(await isSettled(), 'the tower took what was stolen')
    ben = await world.open('Ben again', { context: ben.context })
    await ben.untilPeers(2)
    await untilAgreed([ada, ben, cleo])
    // Nobody had to unlock its wallet.
    await mineUntilTrusted(cleo, ben, afterFirst + WHOLE - FEES)
  }),
)

test(
  'a tab restored from an old copy of its profile: what it publishes is taken from it; else it is told that it is old, and paid out',
  journey(async (world) => {
    await world.serve()
    const folder = await mkdtemp(join(tmpdir(), 'opentab-profile-'))
    const copy = `${folder}-copy`
    try {
      let ada = await world.open('Ada', { context: await world.openFolder(folder) })
      let ben = await world.open('Ben')
      const cleo = await world.open('Cleo')
      const all = () => [ada, ben, cleo] as const
      await Promise.all(all().map((tab) => tab.untilPeers(2)))
      await Promise.all(all().map((tab) => tab.createWallet()))
      await fund(ada)
      await untilAgreed(all())
      const [self, bens] = (await meet(all())) as [string, string, string]
      await open(ada, ben, bens, CHANNEL, 1)
      await open(ada, ben, bens, SMALL, 2)
      await pay(ada, ben, 20_000_000, 'before the copy')

      await ada.context.close()
      await cp(folder, copy, { recursive: true })
      ada = await world.open('Ada, reloaded', { context: await world.openFolder(folder) })
      await meet(all())
      await Promise.all([ada, ben].map((tab) => untilUsable(tab, 2)))
      // More than either channel holds: both go on.
      await pay(ada, ben, 1_200_000_000, 'after the copy')
      const { channels: hers } = await ada.rpc('listpeerchannels')
      const large = hers.find(({ total_msat }) => total_msat === CHANNEL * 1000)!
      const small = hers.find(({ total_msat }) => total_msat === SMALL * 1000)!
      assert(large.to_us_msat < 900_000_000 && small.to_us_msat < 500_000_000)
      await ada.context.close()
      await ben.kill()

      ada = await world.open('Ada of the copy', { context: await world.openFolder(copy) })
      await ada.untilPeers(1)
      await meet([ada, cleo])
      await untilAgreed([ada, cleo])
      const old = (await ada.rpc('listpeerchannels')).channels
      assert(old.find(({ channel_id }) => channel_id === large.channel_id)!.to_us_msat > large.to_us_msat)
      assert.equal((await ada.rpc('close', large.channel_id)).type, 'unilateral')
      await cleo.until('her closing is known', 'getrawmempool', [], (txids) => txids.length > 0)
      await cleo.generate(1, STRANGER)
      await untilAgreed([ada, cleo])
      const before = await trusted(ada)

      ben = await world.open('Ben again', { context: ben.context })
      await meet(all())
      await mineUntilTrusted(cleo, ben, WHOLE - FEES)
      const { channels } = await ada.until(
        'her other channel is known to be old',
        'listpeerchannels',
        [],
        ({ channels }) => channels.some(({ lost_state }) => lost_state),
      )
      const stale = channels.find(({ channel_id }) => channel_id === small.channel_id)!
      assert.match(stale.status.join(' '), /old/)
      await mineUntilTrusted(cleo, ada, before + small.to_us_msat / 1000 / 100_000_000 - FEES)
      assert(self !== bens)
    } finally {
      await rm(folder, { recursive: true, force: true })
      await rm(copy, { recursive: true, force: true })
    }
  }),
)
