/**
 * Promise: three nodes with a chain, mempools and wallets of their own open channels, pay each other over them and over a third, lose nothing when they are
 * restarted in the middle, and have their money back in their wallets when they close.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { callRpc } from '../../../src/node/rpc.ts'
import type { RpcResult } from '../../../src/node/rpc-client.ts'
import { sats } from '../../../src/primitives/amount.ts'
import { NodeRig, type RigNode } from '../../support/node-rig.ts'
import { PASSPHRASE, value } from '../../support/wallets.ts'

type ChannelPay = RpcResult<'listpays'>['pays'][number]

const CHANNEL = 1_000_000

interface Trio {
  readonly rig: NodeRig
  readonly a: RigNode
  readonly b: RigNode
  readonly c: RigNode
}

/** Three nodes, the first two of which have a coin. */
async function trio(seed: string): Promise<Trio> {
  const rig = new NodeRig({ seed })
  const a = await rig.add('a', { channels: true })
  const b = await rig.add('b', { channels: true })
  const c = await rig.add('c', { channels: true })
  await a.fund()
  await rig.until(() => b.tip === a.tip)
  await b.fund()
  await rig.until(() => c.tip === b.tip && a.tip === b.tip)
  await linked([a, b, c])
  return { rig, a, b, c }
}

async function linked(nodes: readonly RigNode[]): Promise<void> {
  const { rig } = nodes[0]
  await rig.until(() =>
    nodes.every(({ channels }) =>
      nodes.every(
        (other) => other.channels === channels || channels.links.nodes.includes(other.channels.self),
      ),
    ),
  )
}

/** Opens a channel, and mines until it can be used. */
async function open(from: RigNode, to: RigNode, push = 0): Promise<void> {
  await from.rpc('fundchannel', to.channels.self, CHANNEL, null, false, push)
  await from.rig.until(() => [from, to].every(({ core }) => core.mempool.size > 0))
  await mine(from, [from, to], 1)
  await from.rig.until(() => [from, to].every((node) => stateWith(node) === 'open'))
  function stateWith(node: RigNode) {
    const other = node === from ? to : from
    return node.channels.all().findLast(({ state }) => state.peer === other.channels.self)?.state.status
  }
}

async function mine(by: RigNode, nodes: readonly RigNode[], count: number): Promise<void> {
  await by.generate(count)
  await by.rig.until(() => nodes.every((node) => node.tip === by.tip))
}

/** Everything that a node has, in millisatoshis: its wallet's coins, and its shares of channels. */
async function wealth(node: RigNode): Promise<number> {
  const { balances } = { balances: node.core.wallet!.balances() }
  return Object.values(balances).reduce((sum: number, each) => sum + Number(each), 0) * 1000
}

test('channels: opened, paid over one hop and two, and closed with all money accounted for', async () => {
  const { rig, a, b, c } = await trio('two hops')
  await open(a, b)
  await open(b, c)
  // Each has told the other what it asks for passing on.
  await rig.until(() => c.channels.routeHints().length === 1)
  const direct = await b.rpc('invoice', 10_000_000, 'direct', 'one hop')
  assert.equal((await a.rpc('pay', direct.bolt11)).amount_sent_msat, 10_000_000)
  const asked = await c.rpc('invoice', 50_000_000, 'coffee', 'two hops')
  assert.equal((await a.rpc('decode', asked.bolt11)).routes.length, 1)
  const paid = await a.rpc('pay', asked.bolt11)
  // A base of 1,000 and 10 millionths.
  assert.equal(paid.amount_sent_msat, 50_000_000 + 1_000 + 500)
  const [invoice] = (await c.rpc('listinvoices', 'coffee')).invoices
  assert.equal(invoice.status, 'paid')
  assert.equal(invoice.payment_preimage, paid.payment_preimage)
  // The same again pays nothing.
  assert.deepEqual(await a.rpc('pay', asked.bolt11), paid)
  await rig.until(() =>
    [a, b, c].every(({ channels }) => channels.all().every(({ state }) => state.htlcs.length === 0)),
  )
  const share = async (node: RigNode, other: RigNode) =>
    (await node.rpc('listpeerchannels', other.channels.self)).channels[0].to_us_msat
  assert.equal(await share(a, b), CHANNEL * 1000 - 10_000_000 - 50_001_500)
  assert.equal(await share(b, a), 10_000_000 + 50_001_500)
  assert.equal(await share(c, b), 50_000_000)
  const { pays }: { pays: ChannelPay[] } = await a.rpc('listpays')
  assert.deepEqual(
    pays.map(({ ways }) => ways.map(({ status, hops }) => [status, hops.map(({ id }) => id)])),
    [[['complete', [b.channels.self]]], [['complete', [b.channels.self, c.channels.self]]]],
  )
  const before = await wealth(c)
  await c.rpc('close', b.channels.self)
  await rig.until(() => b.core.mempool.size > 0 && c.core.mempool.size > 0)
  await mine(a, [a, b, c], 1)
  const gained = (await wealth(c)) - before
  assert(gained > 49_000_000 && gained <= 50_000_000, `the wallet got ${gained} of 50,000,000`)
})

test('channels: more payments at once than a channel takes at a time, and all of them arrive', async () => {
  const { rig, a, b } = await trio('many')
  await open(a, b)
  const count = a.channels.policy.maxAcceptedHtlcs + 20
  const asked: string[] = []
  for (let at = 0; at < count; at++) asked.push((await b.rpc('invoice', 1_000_000, `${at}`, 'one')).bolt11)
  const paying = asked.map((bolt11) => callRpc(a.core, 'pay', [bolt11]))
  await rig.until(() => b.channels.invoices.all().every(({ paid }) => paid))
  for (const answer of await rig.time.complete(Promise.all(paying)))
    assert('result' in answer, JSON.stringify(answer))
  await rig.until(() => [a, b].every((each) => htlcs(each).length === 0))
  assert.equal(b.channels.all()[0].state.holderAmount, count * 1_000_000)
  assert.equal((await a.rpc('listpays')).pays.length, count)
})

/** Places at which a node is killed while a payment of a over b to c is under way. */
const INSTANTS: readonly { readonly who: 'a' | 'b' | 'c'; readonly when: string; is(trio: Trio): boolean }[] =
  [
    { who: 'a', when: 'it has offered', is: ({ a }) => htlcs(a).length > 0 },
    { who: 'b', when: 'it was offered', is: ({ b }) => htlcs(b).length > 0 },
    { who: 'b', when: 'it has passed on', is: ({ b }) => htlcs(b).some(({ terms }) => terms.offered) },
    { who: 'c', when: 'it was offered', is: ({ c }) => htlcs(c).length > 0 },
    { who: 'c', when: 'it has answered', is: ({ c }) => htlcs(c).some(({ removal }) => removal) },
    {
      who: 'b',
      when: 'it knows the preimage',
      is: ({ b }) => htlcs(b).some(({ terms, removal }) => terms.offered && removal),
    },
    {
      who: 'a',
      when: 'the one after it has answered',
      is: ({ b }) => htlcs(b).some(({ terms, removal }) => !terms.offered && removal),
    },
  ]

function htlcs({ channels }: RigNode) {
  return channels.all().flatMap(({ state }) => state.htlcs)
}

test('channels: whoever is killed in the middle of a payment comes back, and it ends as it would have', async () => {
  const all = await trio('killed')
  const { rig, a, b, c } = all
  await open(a, b)
  await open(b, c)
  let sent = 0
  for (const [round, { who, when, is }] of INSTANTS.entries()) {
    await rig.until(() => c.channels.routeHints().length === 1)
    const { bolt11 } = await c.rpc('invoice', 10_000_000, `round ${round}`, when)
    const paying = callRpc(a.core, 'pay', [bolt11])
    await rig.until(() => is(all))
    const node = all[who]
    await node.kill()
    await node.open()
    await linked([a, b, c])
    await rig.until(() => [a, b, c].every((each) => htlcs(each).length === 0 && operating(each)))
    const [pay] = (await a.rpc('listpays')).pays.slice(-1)
    const [invoice] = (await c.rpc('listinvoices', `round ${round}`)).invoices
    assert.equal(pay.status === 'complete', invoice.status === 'paid', `${who} killed when ${when}`)
    if (who !== 'a') assert('result' in (await paying), `${who} killed when ${when}: a was not told`)
    if (pay.status === 'complete') sent++
    const shares = [a, b, c].map((each) =>
      each.channels.all().reduce((sum, { state }) => sum + state.holderAmount, 0),
    )
    const fees = sent * 1100
    assert.deepEqual(
      shares,
      [CHANNEL * 1000 - sent * 10_000_000 - fees, CHANNEL * 1000 + fees, sent * 10_000_000],
      `${who} killed when ${when}`,
    )
  }
  assert(sent >= INSTANTS.length - 1, `${sent} of ${INSTANTS.length} payments were made`)
})

function operating({ channels }: RigNode): boolean {
  return channels.all().every(({ state }) => state.connection === 'connected' && state.status === 'open')
}

test('channels: payments that can’t be made say why, cost nothing, and hold nothing up', async () => {
  const { rig, a, b, c } = await trio('failures')
  await open(a, b)
  await open(b, c)
  await rig.until(() => c.channels.routeHints().length === 1 && b.channels.routeHints().length === 2)
  const failureOf = async (bolt11: string) => (await a.failure('pay', bolt11)).message
  const invoice = async (node: RigNode, amount: number, label: string) =>
    (await node.rpc('invoice', amount, label, label)).bolt11
  // More than the second channel holds: its owner tells by onion, and only the payer can read it.
  assert.match(await failureOf(await invoice(c, 990_000_000, 'too much')), /millisatoshis|way|failed/)
  assert.match(await failureOf(await invoice(c, 2_000_000_000, 'more than there is')), /can send/)
  assert.match(await failureOf(await invoice(a, 1000, 'own')), /your own/)
  // The payee refuses: what it is asked to take was paid for already, by another payment.
  const once = await invoice(c, 5_000_000, 'once')
  await a.rpc('pay', once)
  const twice = await b.failure('pay', once)
  assert.match(twice.message, /refuses/)
  // Unasked, to a node that is a neighbour.
  const sent = await a.rpc('keysend', b.channels.self, 3_000_000)
  assert.equal((await b.rpc('waitinvoice', `keysend-${sent.payment_hash}`)).amount_received_msat, 3_000_000)
  const { route } = await a.rpc('getroute', b.channels.self, 1_000_000)
  assert.deepEqual(
    route.map(({ id }: { readonly id: string }) => id),
    [b.channels.self],
  )
  assert.deepEqual(await a.rpc('listchannels'), { channels: [] })
  assert.deepEqual(
    (await b.rpc('listpeers')).peers.map(
      ({ num_channels }: { readonly num_channels: number }) => num_channels,
    ),
    [1, 1],
  )
  await rig.until(() => [a, b, c].every((each) => htlcs(each).length === 0))
  const [own] = a.channels.all()
  assert.equal(own.state.holderAmount, CHANNEL * 1000 - 5_000_000 - 1_050 - 3_000_000)
})

test('channels: invoices and payments that are over can be deleted, one or all that are old; the others stay, and nothing is paid twice', async () => {
  const { rig, a, b } = await trio('deleted')
  await open(a, b)
  await rig.until(() => b.channels.routeHints().length === 1)
  const { bolt11 } = await b.rpc('invoice', 1_000_000, 'paid', 'paid')
  await b.rpc('invoice', 1_000_000, 'open', 'open')
  await b.rpc('invoice', 1_000_000, 'expired', 'expired', 1)
  const { payment_hash } = await a.rpc('pay', bolt11)
  await a.failure('pay', (await b.rpc('invoice', 2_000_000_000, 'large', 'more than there is', 60)).bolt11)
  await rig.until(() => [a, b].every((each) => htlcs(each).length === 0))
  await rig.time.run(2_000)
  assert.match((await b.failure('delinvoice', 'open', 'paid')).message, /is unpaid, not paid/)
  assert.match((await b.failure('delinvoice', 'none', 'paid')).message, /no invoice/)
  assert.match((await b.failure('delinvoice', 'open', 'old')).message, /one of paid/)
  const labels = async () =>
    (await b.rpc('listinvoices')).invoices.map(({ label }: { readonly label: string }) => label)
  assert.equal((await b.rpc('autoclean-once', 'expiredinvoices', 3_600)).cleaned, 0)
  assert.equal((await b.rpc('autoclean-once', 'expiredinvoices', 0)).cleaned, 1)
  assert.deepEqual(await labels(), ['paid', 'open', 'large'])
  assert.equal((await b.rpc('delinvoice', 'open', 'unpaid')).status, 'unpaid')
  assert.equal((await b.rpc('autoclean-once', 'paidinvoices', 0)).cleaned, 1)
  assert.deepEqual(await labels(), ['large'])
  assert.equal((await a.rpc('autoclean-once', 'failedpays', 0)).cleaned, 1)
  assert.match((await a.failure('delpay', payment_hash, 'failed')).message, /is complete/)
  assert.equal((await a.rpc('delpay', payment_hash, 'complete')).payments[0].payment_hash, payment_hash)
  assert.deepEqual((await a.rpc('listpays')).pays, [])
  // The payee has forgotten the invoice: who pays it again pays nothing.
  assert.match((await a.failure('pay', bolt11)).message, /refuses/)
  await b.kill()
  await b.open()
  assert.deepEqual(await labels(), ['large'])
})

test('channels: a payment larger than any channel goes in parts, and is taken whole', async () => {
  const { rig, a, b } = await trio('parts')
  await open(a, b)
  await open(a, b)
  await rig.until(() => b.channels.routeHints().length === 2)
  const { bolt11, payment_hash } = await b.rpc('invoice', 1_500_000_000, 'large', 'in parts')
  const paid = await a.rpc('pay', bolt11)
  assert(paid.parts >= 2)
  assert.equal(paid.payment_hash, payment_hash)
  const [invoice] = (await b.rpc('listinvoices', 'large')).invoices
  assert.equal(invoice.amount_received_msat, 1_500_000_000)
})

test('channels: a node whose other side has gone closes alone, and has its share back after the delay', async () => {
  const { rig, a, b, c } = await trio('alone')
  await open(a, b, 400_000_000)
  await b.kill()
  await rig.until(() => !a.channels.links.nodes.includes(b.channels.self))
  const before = await wealth(a)
  assert.deepEqual(await a.rpc('close', b.channels.self), { type: 'unilateral' })
  await rig.until(() => a.core.mempool.size > 0 && c.core.mempool.size > 0)
  await mine(c, [a, c], 1)
  const [closing] = (await a.rpc('listpeerchannels')).channels
  assert.equal(closing.state, 'ONCHAIN')
  assert.equal(closing.status.length > 0, true)
  for (let blocks = 0; blocks < 14; blocks++) {
    await a.rig.time.complete(a.channels.settled())
    await mine(c, [a, c], 1)
  }
  const gained = (await wealth(a)) - before
  assert(gained > 595_000_000 && gained <= 600_000_000, `the wallet got ${gained} of 600,000,000`)
})

/** Mines block by block, all that is due at each being done. */
async function pass(nodes: readonly RigNode[], blocks: number, done: () => boolean): Promise<void> {
  const [first] = nodes
  for (let at = 0; at < blocks && !done(); at++) {
    for (const node of nodes) await node.rig.time.complete(node.channels.settled())
    await first.rig.time.run(2000)
    await mine(first, nodes, 1)
  }
  assert(done(), `it did not come within ${blocks} blocks`)
}

test('channels: a payee that vanishes costs nobody the payment: it comes back from the chain, hop by hop', async () => {
  const { rig, a, b, c } = await trio('vanished')
  await open(a, b)
  await open(b, c)
  await rig.until(() => c.channels.routeHints().length === 1)
  const { bolt11 } = await c.rpc('invoice', 100_000_000, 'never', 'never taken')
  const paying = callRpc(a.core, 'pay', [bolt11, null, 1])
  await rig.until(
    () => htlcs(c).length > 0 && htlcs(b).length === 2 && htlcs(b).every(({ added }) => added === 4),
  )
  await c.kill()
  await pass([a, b], 80, () => htlcs(a).length === 0)
  const answer = await paying
  assert('error' in answer, JSON.stringify(answer))
  const [own] = a.channels.all()
  assert.equal(own.state.status, 'open', 'the channel upstream goes on')
  assert.equal(own.state.holderAmount, CHANNEL * 1000)
  const [closing] = (await b.rpc('listpeerchannels', c.channels.self)).channels
  assert.equal(closing.state, 'ONCHAIN')
})

test('channels: a payee whose payer vanishes takes the payment from the chain, and the node between has it from there', async () => {
  const { rig, a, b, c } = await trio('claimed')
  await c.fund()
  await rig.until(() => a.tip === c.tip && b.tip === c.tip)
  await open(a, b)
  await open(b, c)
  await rig.until(() => c.channels.routeHints().length === 1)
  const { bolt11 } = await c.rpc('invoice', 100_000_000, 'taken', 'taken on the chain')
  void callRpc(a.core, 'pay', [bolt11, null, 1])
  await rig.until(() => htlcs(c).some(({ removal }) => removal))
  // It knows nothing of the preimage yet.
  assert(htlcs(b).every(({ removal }) => !removal))
  await b.kill()
  await pass([a, c], 20, () => c.channels.all()[0].state.spent !== undefined)
  // Time enough for the claim, and not for the one upstream to run out.
  await pass([a, c], 3, () =>
    c.channels.monitor
      .outlook(c.channels.all()[0].state.contract.keyId)
      .some(({ text }) => text.includes('yours since')),
  )
  await b.open()
  await rig.until(() => a.tip === b.tip && a.channels.links.nodes.includes(b.channels.self))
  await rig.until(() => htlcs(a).length === 0)
  assert.equal((await a.rpc('listpays')).pays[0].status, 'complete')
  assert.equal(a.channels.all()[0].state.status, 'open')
})

test('channels: the wallet funds a channel by an approval of the most that it can take, and not without; then nothing is left of it', async () => {
  const rig = new NodeRig({ seed: 'approved' })
  const a = await rig.add('a', { channels: true, attended: true })
  const b = await rig.add('b', { channels: true })
  await a.fund()
  await rig.until(() => b.tip === a.tip)
  await linked([a, b])
  const refused = await a.failure('fundchannel', b.channels.self, CHANNEL)
  assert.match(refused.message, /not agreed to/)
  assert.deepEqual((await a.rpc('listpeerchannels')).channels, [])
  assert.equal(a.core.mempool.size, 0)
  const approve = (amount: number, given: number) =>
    value(a.signer.approve({ type: 'channel', amount: sats(amount), given: sats(given), feeRate: undefined }))
  const less = approve(CHANNEL - 1, 0)
  assert.match((await a.failure('fundchannel', b.channels.self, CHANNEL)).message, /at most/)
  a.signer.revoke(less)
  const nothingGiven = approve(CHANNEL, 0)
  assert.match(
    (await a.failure('fundchannel', b.channels.self, CHANNEL, null, false, 1_000_000)).message,
    /gives more/,
  )
  a.signer.revoke(nothingGiven)
  approve(CHANNEL, 1000)
  await open(a, b, 1_000_000)
  assert.equal(a.channels.all().length, 1)
})

test('channels: what nobody agreed to is not paid, and costs no channel; an approval or an allowance pays, also after a restart', async () => {
  const rig = new NodeRig({ seed: 'allowed' })
  const a = await rig.add('a', { channels: true, attended: true })
  const b = await rig.add('b', { channels: true })
  await a.fund()
  await rig.until(() => b.tip === a.tip)
  await linked([a, b])
  value(a.signer.approve({ type: 'channel', amount: sats(CHANNEL), given: sats(0), feeRate: undefined }))
  await open(a, b)
  await rig.until(() => b.channels.routeHints().length === 1)
  const invoice = async (label: string): Promise<string> =>
    (await b.rpc('invoice', 10_000_000, label, label)).bolt11
  const first = await invoice('first')
  assert.match((await a.failure('pay', first)).message, /not agreed to/)
  assert.match((await a.failure('keysend', b.channels.self, 1_000)).message, /not agreed to/)
  assert.deepEqual((await a.rpc('listpays')).pays, [])
  assert(operating(a))
  const asked = { amount: undefined, maxFeePercent: 0.5 }
  value(a.signer.approve({ type: 'invoice', invoice: first, ...asked }))
  assert.equal((await a.rpc('pay', first)).status, 'complete')
  const second = await invoice('second')
  assert.match((await a.failure('pay', second)).message, /not agreed to/)
  // It holds what is under way when the node dies.
  assert.equal(value(await a.signer.allowance(10_060_000)), 10_060_000)
  const paying = callRpc(a.core, 'pay', [second])
  await rig.until(() => htlcs(a).length > 0)
  await a.kill()
  await a.open()
  await linked([a, b])
  await rig.until(() => htlcs(a).length === 0 && operating(a))
  void paying
  assert.equal((await a.rpc('listpays')).pays[1].status, 'complete')
  // Another of the amount would be more than is left of it.
  await rig.time.complete(a.channels.settled())
  const left = value(await a.signer.allowance())
  assert(left <= 60_000, `${left} of 10,060,000 are left`)
  assert.match((await a.failure('pay', await invoice('third'))).message, /not agreed to/)
  assert(operating(a))
})

test('channels: a node whose wallet is locked when it starts has its channels again once it is unlocked', async () => {
  const { rig, a, b } = await trio('locked')
  await open(a, b)
  await a.kill()
  await a.open(true)
  await rig.until(() => a.core.peers.peers().length > 0)
  assert.deepEqual(a.channels.links.nodes, [])
  value(await a.signer.unlock(PASSPHRASE))
  await rig.until(() => a.channels.links.nodes.includes(b.channels.self) && operating(a) && operating(b))
  await rig.until(() => b.channels.routeHints().length === 1)
  const { bolt11 } = await b.rpc('invoice', 1_000_000, 'after', 'unlocked')
  assert.equal((await a.rpc('pay', bolt11)).status, 'complete')
})
