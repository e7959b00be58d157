/**
 * Promise: three tabs pay each other over two channels while no relay runs and nobody looks at the one between, all three are killed in the middle of it and
 * go on with what they had, and whoever is left when the one between vanishes has its share from the chain.
 */
import assert from 'node:assert/strict'
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
import { journey, type Tab, untilAgreed, type World } from '../support/tabs.ts'

/** Satoshis. */
const CHANNEL = 1_000_000
const DIRECT = 200_000
/** Millisatoshis. */
const AMOUNT = 1_000_000
const FEE = 1_000 + AMOUNT / 100_000
const PAYMENTS = 200
/** Payments under way at a time. */
const AT_ONCE = 10
/** Milliseconds between timers of a page that nobody sees. */
const HIDDEN = 1000
/** Those that are under way when the tabs are killed, and how many of them are paid by then. */
const KILLED_IN = 60
const PAID_BEFORE = 15
/** Asked for by a tab, with a way to it. */
async function invoices(tab: Tab, count: number, label: string): Promise<string[]> {
  const asked: string[] = []
  for (let at = 0; at < count; at++)
    asked.push((await tab.rpc('invoice', AMOUNT, `${label} ${at}`, label)).bolt11)
  return asked
}

/** Pays all in the page, some at a time; answers how many were paid. */
function payAll(tab: Tab, asked: readonly string[]): Promise<number> {
  return tab.evaluate(
    async ([invoices, atOnce]) => {
      const { opentab } = globalThis as unknown as {
        opentab: { rpc(method: string, ...args: unknown[]): Promise<{ status: string }> }
      }
      const waiting = [...invoices]
      let paid = 0
      await Promise.all(
        Array.from({ length: atOnce }, async () => {
          for (let next = waiting.shift(); next !== undefined; next = waiting.shift())
            if ((await opentab.rpc('pay', next)).status === 'complete') paid++
        }),
      )
      return paid
    },
    [asked, AT_ONCE] as const,
  )
}

async function paidOf(tab: Tab): Promise<number> {
  return (await tab.rpc('listinvoices')).invoices.filter(({ status }) => status === 'paid').length
}

/** Three tabs with channels between the first and the second, and the second and the third. */
async function chainOfChannels(world: World): Promise<{ tabs: [Tab, Tab, Tab]; nodes: string[] }> {
  const tabs = (await world.openAll(['Ada', 'Ben', 'Cleo'])) as [Tab, Tab, Tab]
  const [ada, ben, cleo] = tabs
  await Promise.all(tabs.map((tab) => tab.untilPeers(2)))
  await Promise.all(tabs.map((tab) => tab.createWallet()))
  await fund(ada)
  await ada.pay(await ben.rpc('getnewaddress', 'from Ada'), 1)
  await ada.generate(1, STRANGER)
  await untilAgreed(tabs)
  const nodes = await meet(tabs)
  const fundings = [
    await ada.rpc('fundchannel', nodes[1]!, CHANNEL),
    await ben.rpc('fundchannel', nodes[2]!, CHANNEL),
  ]
  await ada.until('both fundings are known', 'getrawmempool', [], (txids) =>
    fundings.every(({ txid }) => txids.includes(txid)),
  )
  await ada.generate(1, STRANGER)
  await Promise.all([untilUsable(ada, 1), untilUsable(ben, 2), untilUsable(cleo, 1)])
  return { tabs, nodes }
}

test(
  'three tabs pay over two channels without a relay, are killed in the middle, go on, and have their shares when the one between vanishes',
  journey(async (world) => {
    const server = await world.serve()
    const { tabs, nodes } = await chainOfChannels(world)
    let [ada, ben, cleo] = tabs
    await server.stopRelay()
    // The tab between is hidden: its Window's timers come once a second, as the browser has them; its workers' are as ever.
    await ben.page.evaluate(`{
      const after = setTimeout
      setTimeout = (run, milliseconds = 0, ...args) => after(run, Math.max(milliseconds, ${HIDDEN}), ...args)
      const every = setInterval
      setInterval = (run, milliseconds = 0, ...args) => every(run, Math.max(milliseconds, ${HIDDEN}), ...args)
    }`)
    assert.equal(await payAll(ada, await invoices(cleo, PAYMENTS, 'without a relay')), PAYMENTS)
    const sent = PAYMENTS * (AMOUNT + FEE)
    assert.deepEqual(await sharesOf(ada), [CHANNEL * 1000 - sent])
    assert.deepEqual((await sharesOf(ben)).sort(), [sent, CHANNEL * 1000 - PAYMENTS * AMOUNT].sort())
    assert.deepEqual(await sharesOf(cleo), [PAYMENTS * AMOUNT])

    await server.startRelay()
    const asked = await invoices(cleo, KILLED_IN, 'killed in the middle')
    payAll(ada, asked).catch(() => undefined)
    while ((await paidOf(cleo)) < PAYMENTS + PAID_BEFORE);
    await Promise.all([ada, ben, cleo].map((tab) => tab.kill()))
    ;[ada, ben, cleo] = (await Promise.all(
      [ada, ben, cleo].map(({ name, context }) => world.open(`${name} again`, { context })),
    )) as [Tab, Tab, Tab]
    await meet([ada, ben, cleo])
    await Promise.all([untilUsable(ada, 1), untilUsable(ben, 2), untilUsable(cleo, 1)])
    // Those that never left go out now, those under way end.
    await ada.until('all its payments have ended', 'listpays', [], ({ pays }) =>
      pays.every(({ status }) => status !== 'pending'),
    )
    const shares = { ada: await sharesOf(ada), ben: await sharesOf(ben), cleo: await sharesOf(cleo) }
    const { pays } = await ada.rpc('listpays')
    const complete = pays.filter(({ status }) => status === 'complete').length
    assert.equal(await paidOf(cleo), complete, 'what one paid the other has')
    assert(complete >= PAYMENTS + PAID_BEFORE)
    assert.deepEqual(shares.ada, [CHANNEL * 1000 - complete * (AMOUNT + FEE)])
    assert.deepEqual(shares.cleo, [complete * AMOUNT])
    assert.equal(
      shares.ben.reduce((sum, each) => sum + each, 0),
      CHANNEL * 1000 + complete * FEE,
    )
    // What is left of them is paid, and each one once.
    assert.equal(await payAll(ada, asked), KILLED_IN)
    assert.deepEqual(await sharesOf(cleo), [(PAYMENTS + KILLED_IN) * AMOUNT])

    await closeInAgreement(ada, cleo, nodes[2]!)
    const last = [...(await sharesOf(ada, nodes[1])), ...(await sharesOf(cleo, nodes[1]))]
    await ben.kill()
    await leftAlone(ada, cleo, nodes[1]!, last)
  }),
)

/** The first tab opens a channel of its own with the second, pays over it, and closes it. */
async function closeInAgreement(ada: Tab, cleo: Tab, node: string): Promise<void> {
  const { txid } = await ada.rpc('fundchannel', node, DIRECT)
  await cleo.until('the funding is known', 'getrawmempool', [], (txids) => txids.includes(txid))
  await ada.generate(1, STRANGER)
  await Promise.all([untilUsable(ada, 2), untilUsable(cleo, 2)])
  const { payment_hash } = await ada.rpc('keysend', node, 100_000_000)
  await cleo.rpc('waitinvoice', `keysend-${payment_hash}`)
  const { channels } = await ada.rpc('listpeerchannels', node)
  const { type } = await ada.rpc('close', channels[0]!.channel_id)
  assert.equal(type, 'mutual')
  await ada.until('the close waits', 'getrawmempool', [], (txids) => txids.length > 0)
  await ada.generate(1, STRANGER)
  const { mine } = await cleo.until('its share is there', 'getbalances', [], ({ mine }) => mine.trusted > 0)
  assert(mine.trusted > 0.000_99 && mine.trusted <= 0.001, `Cleo has ${mine.trusted}`)
}

/** Both close their channels with one that is gone, and have their shares after the delay. */
async function leftAlone(ada: Tab, cleo: Tab, gone: string, shares: readonly number[]): Promise<void> {
  await Promise.all(
    [ada, cleo].map(async (tab) => {
      await tab.until('the other is gone', 'listpeers', [], ({ peers }) =>
        peers.every(({ id }) => id !== gone),
      )
      assert.deepEqual(await tab.rpc('close', gone), { type: 'unilateral' })
    }),
  )
  const before = await Promise.all([ada, cleo].map(trusted))
  await ada.until('both closings are known', 'getrawmempool', [], (txids) => txids.length >= 2)
  for (const [at, tab] of [ada, cleo].entries()) {
    const share = shares[at]! / 1000 / 100_000_000
    // What its closing and its claim may cost.
    const gained = (await mineUntilTrusted(ada, tab, before[at]! + share - 0.000_2)) - before[at]!
    assert(gained <= share + 1e-9, `${tab.name} got ${gained} of ${share}`)
  }
}
