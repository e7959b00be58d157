/** Promise: who listens to a node hears of all that happens to its channels, once, by Core Lightning's names, and what each waits for is said in words. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ChannelEvent } from '../../../src/node/events.ts'
import { NodeRig, type RigNode } from '../../support/node-rig.ts'

const CHANNEL = 1_000_000

interface Pair {
  readonly rig: NodeRig
  readonly a: RigNode
  readonly b: RigNode
}

async function pair(seed: string): Promise<Pair> {
  const rig = new NodeRig({ seed })
  const a = await rig.add('a', { channels: true })
  const b = await rig.add('b', { channels: true })
  await a.fund()
  await rig.until(() => b.tip === a.tip)
  await rig.until(() => a.channels.links.nodes.length === 1 && b.channels.links.nodes.length === 1)
  return { rig, a, b }
}

async function mine({ rig, a, b }: Pair, blocks: number): Promise<void> {
  for (let at = 0; at < blocks; at++) {
    await a.generate(1)
    await rig.until(() => b.tip === a.tip)
    for (const { channels } of [a, b]) await rig.time.complete(channels.settled())
  }
}

function heard(node: RigNode, ...names: readonly ChannelEvent['notification'][]): ChannelEvent[] {
  return node.told('channel').filter(({ notification }) => names.includes(notification))
}

/** `from>to` of every change of a state, in order. */
function states(node: RigNode): string[] {
  return node
    .told('channel')
    .flatMap((event) =>
      event.notification === 'channel_state_changed'
        ? [`${event.old_state ?? ''}>${event.new_state ?? ''}`]
        : [],
    )
}

async function first(node: RigNode) {
  return (await node.rpc('listpeerchannels')).channels[0]
}

test('events of channels: opened, paid over, closed in agreement, forgotten', async () => {
  const both = await pair('events')
  const { rig, a, b } = both
  assert.deepEqual(heard(a, 'connect'), [{ notification: 'connect', id: b.channels.self }])
  const { txid } = await a.rpc('fundchannel', b.channels.self, CHANNEL)
  await rig.until(() => b.core.mempool.size > 0)
  assert.deepEqual(heard(b, 'channel_opened'), [
    { notification: 'channel_opened', id: a.channels.self, funding_msat: CHANNEL * 1000, funding_txid: txid },
  ])
  assert.deepEqual(heard(a, 'channel_opened'), [])
  const waiting = await first(b)
  assert.deepEqual(waiting.status, ['opening: 0 of 1 confirmation'])
  assert.equal(waiting.online_before, undefined)
  assert.equal((await a.rpc('getinfo')).num_pending_channels, 1)

  await mine(both, 1)
  await rig.until(() => [a, b].every(({ channels }) => channels.all()[0].state.status === 'open'))
  const open = await first(a)
  assert.deepEqual(open.status, ['open'])
  // The counterparty's old commitment, published now, is its own after its delay.
  assert.equal(open.online_before, (await a.rpc('getblockcount')) + open.their_to_self_delay)
  const info = await a.rpc('getinfo')
  assert.deepEqual(
    [info.id, info.num_peers, info.num_active_channels, info.num_inactive_channels, info.warning_signer],
    [a.channels.self, 1, 1, 0, undefined],
  )

  const { bolt11, payment_hash } = await b.rpc('invoice', 10_000_000, 'coffee', 'coffee')
  await a.rpc('pay', bolt11)
  await a.rpc('pay', bolt11)
  assert.deepEqual(heard(a, 'sendpay_success', 'sendpay_failure'), [
    { notification: 'sendpay_success', payment_hash, amount_msat: 10_000_000 },
  ])
  assert.deepEqual(heard(b, 'invoice_payment'), [
    { notification: 'invoice_payment', label: 'coffee', msat: 10_000_000 },
  ])
  const large = await b.rpc('invoice', 2_000_000_000, 'large', 'more than there is')
  await a.failure('pay', large.bolt11)
  assert.equal(heard(a, 'sendpay_failure').length, 1)
  await rig.until(() => a.channels.all()[0].state.htlcs.length === 0)

  const funds = await b.rpc('listfunds')
  assert.equal(funds.channels[0].our_amount_msat, 10_000_000)
  assert.equal(funds.channels[0].amount_msat, CHANNEL * 1000)
  // What one says that it can receive, the other can send.
  const { spendable_msat } = await a.rpc('listpeerchannels').then(({ channels }) => channels[0])
  const { receivable_msat } = await first(b)
  assert.equal(receivable_msat, spendable_msat)
  const coins = (await a.rpc('listfunds')).outputs
  assert.deepEqual(
    new Set(coins.map(({ status }: { status: string }) => status)),
    new Set(['confirmed', 'immature']),
  )

  await a.rpc('close', b.channels.self)
  await rig.until(() => [a, b].every(({ core }) => core.mempool.size > 0))
  assert.match((await first(a)).status[0], /^closing: the transaction that both signed/)
  await mine(both, 1)
  const closed = await first(a)
  assert.deepEqual(closed.status, ['closed: what is yours is in your wallet'])
  assert.equal(closed.online_before, undefined)
  await mine(both, 100)
  assert.deepEqual((await a.rpc('listpeerchannels')).channels, [])
  for (const node of [a, b])
    assert.deepEqual(states(node), [
      '>CHANNELD_AWAITING_LOCKIN',
      'CHANNELD_AWAITING_LOCKIN>CHANNELD_NORMAL',
      'CHANNELD_NORMAL>CHANNELD_SHUTTING_DOWN',
      'CHANNELD_SHUTTING_DOWN>CLOSINGD_COMPLETE',
      'CLOSINGD_COMPLETE>ONCHAIN',
      'ONCHAIN>',
    ])
})

test('events of channels: a side that goes is missed, a close alone counts its blocks down', async () => {
  const both = await pair('alone')
  const { rig, a, b } = both
  await a.rpc('fundchannel', b.channels.self, CHANNEL, null, false, 400_000_000)
  await rig.until(() => b.core.mempool.size > 0)
  await mine(both, 1)
  await rig.until(() => [a, b].every(({ channels }) => channels.all()[0].state.status === 'open'))
  await b.kill()
  await rig.until(() => heard(a, 'disconnect').length === 1)
  assert.match((await first(a)).status[0], /^open, but the other side is away/)
  await a.rpc('close', b.channels.self)
  assert.match((await first(a)).status[0], /^closing alone: your last commitment waits/)
  const words: string[] = []
  for (let blocks = 0; blocks < 16; blocks++) {
    await rig.time.complete(a.channels.settled())
    await rig.time.run(2000)
    await a.generate(1)
    await rig.time.complete(a.channels.settled())
    words.push((await first(a)).status[0])
  }
  const { our_to_self_delay: delay } = await first(a)
  assert.equal(words[0], `closing: yours again in ${delay} blocks`)
  assert.equal(words[delay - 2], 'closing: yours again in 2 blocks')
  assert.equal(words[delay - 1], 'closing: what is yours waits for a block')
  assert.equal(words.at(-1), 'closed: what is yours is in your wallet')
})
