/**
 * Promise: neither side can offer what breaks a limit: of amounts, numbers, values, dust, reserves or fees. Who offers is told in a sentence and
 * nothing is sent; who is offered it all the same fails the channel.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { msat } from '../../../src/channels/amount.ts'
import { type ChannelMessage, encodeMessage } from '../../../src/channels/messages.ts'
import { brokenInvariants } from '../../../src/channels/state.ts'
import { bytesToHex } from '../../../src/primitives/bytes.ts'
import { sha256 } from '../../../src/primitives/hashes.ts'
import {
  ChannelNode,
  deliverAll,
  Link,
  moveChain,
  offerOf,
  openChannel,
  POLICY,
  quiet,
  settled,
  utf8,
} from '../../support/channel-nodes.ts'
import { mockSigner } from '../../support/mock-channel-signer.ts'
import { codeOf, value } from '../../support/wallets.ts'

async function pair(push = 200_000_000) {
  const alice = new ChannelNode('alice', mockSigner('alice'))
  const bob = new ChannelNode('bob', mockSigner('bob'))
  const link = new Link(alice, bob)
  for (const node of [alice, bob]) await node.start()
  link.connect()
  await openChannel(link, { push })
  return { alice, bob, link }
}

let hashes = 0
const hash = () => sha256(utf8(`hash ${hashes++}`))

/** Bob's answer to a message that a well-behaved Alice would not send. */
async function answerTo(
  { alice, bob, link }: Awaited<ReturnType<typeof pair>>,
  message: Partial<Extract<ChannelMessage, { type: 'update_add_htlc' }>>,
): Promise<string> {
  const { channelId, nextHolderHtlc } = alice.channel.state
  bob.manager!.receive(
    'alice',
    encodeMessage({
      type: 'update_add_htlc',
      channelId,
      id: nextHolderHtlc,
      amount: msat(1_000_000),
      paymentHash: hash(),
      expiry: 200,
      onion: new Uint8Array(1366),
      ...message,
    }),
  )
  await deliverAll(link)
  await quiet([alice, bob])
  assert.deepEqual(brokenInvariants(bob.channel.state), [])
  return bob.channel.state.status
}

test('amounts, expiries and ids', async () => {
  const { alice } = await pair()
  for (const amount of [0, -1, 0.5])
    assert.equal(codeOf(await alice.channel.offer(offerOf(amount, hash(), 200))), 'htlc-amount')
  for (const expiry of [101, 500_000_000])
    assert.equal(codeOf(await alice.channel.offer(offerOf(1_000_000, hash(), expiry))), 'htlc-expiry')
  assert.equal(await answerTo(await pair(), { amount: msat(0) }), 'failed')
  assert.equal(await answerTo(await pair(), { expiry: 500_000_000 }), 'failed')
  assert.equal(await answerTo(await pair(), { id: 1 }), 'failed')
  assert.equal(await answerTo(await pair(), {}), 'open')
})

test('the reserve, and the fees of who funded the channel', async () => {
  const { alice, bob, link } = await pair()
  // Bob keeps a hundredth, 10,000 satoshis, to the last millisatoshi.
  assert.equal(codeOf(await bob.channel.offer(offerOf(190_000_001, hash(), 200))), 'balance-insufficient')
  value(await bob.channel.offer(offerOf(190_000_000, alice.invoice('all'), 200)))
  await deliverAll(link)
  // Alice pays a commitment of two HTLCs and one to spare at twice the feerate, and two anchors.
  const cost = (2 * 1_000 * (968 + 172 * 3)) / 1_000 + 660
  const most = 790_000_000 - cost * 1_000
  assert.equal(codeOf(await alice.channel.offer(offerOf(most + 1, hash(), 200))), 'balance-insufficient')
  value(await alice.channel.offer(offerOf(most, hash(), 200)))
  await deliverAll(link)
  for (const node of [alice, bob]) {
    assert.equal(node.channel.state.status, 'open')
    assert.equal(node.channel.state.htlcs.length, 2)
  }
  assert.equal(await answerTo(await pair(), { amount: msat(790_000_000) }), 'failed')
  assert.equal(await answerTo(await pair(), { amount: msat(780_000_000) }), 'open')
})

test('a side whose counterparty could not pay the fee of one more HTLC offers none', async () => {
  // All but the reserve and the fee of a commitment without HTLCs is Bob's.
  const { bob } = await pair(1_000_000_000 - 10_000_000 - 968_000 - 660_000)
  assert.equal(codeOf(await bob.channel.offer(offerOf(1_000_000, hash(), 200))), 'peer-balance-insufficient')
})

test('as many HTLCs at a time as the other side takes', async () => {
  const { alice, bob, link } = await pair()
  const offers = Array.from({ length: POLICY.maxAcceptedHtlcs + 1 }, () =>
    alice.channel.offer(offerOf(400_000, hash(), 200)),
  )
  const codes = (await Promise.all(offers)).map((result) => (result.ok ? 'ok' : result.code))
  assert.equal(codes.filter((code) => code === 'ok').length, POLICY.maxAcceptedHtlcs)
  assert.equal(codes.at(-1), 'htlc-count')
  await deliverAll(link)
  assert.equal(bob.channel.state.htlcs.length, POLICY.maxAcceptedHtlcs)
  assert.equal(await answerTo({ alice, bob, link }, {}), 'failed')
})

test('offers in turn wait for room, and go on as others end', async () => {
  const { alice, bob, link } = await pair()
  alice.settling()
  bob.settling()
  const count = 2 * POLICY.maxAcceptedHtlcs + 10
  let most = 0
  bob.onEvent = ((settle) => (channel, event) => {
    most = Math.max(most, channel.state.htlcs.length)
    settle(channel, event)
  })(bob.onEvent)
  const offers = Array.from({ length: count }, (_, at) =>
    alice.channel.offerInTurn(offerOf(400_000, bob.invoice(`${at}`), 200)),
  )
  const ids = (await settled(link, Promise.all(offers))).map((result) => value(result))
  assert.deepEqual(
    ids,
    Array.from({ length: count }, (_, at) => at),
  )
  await deliverAll(link)
  assert.equal(most, POLICY.maxAcceptedHtlcs)
  assert.equal(alice.channel.state.htlcs.length, 0)
  assert.equal(alice.channel.state.counterpartyAmount, 200_000_000 + count * 400_000)
})

test('offers in turn wait two blocks, and no longer than the connection', async () => {
  const { alice, bob, link } = await pair()
  const offers = (count: number) =>
    Array.from({ length: count }, () => alice.channel.offerInTurn(offerOf(400_000, hash(), 300)))
  await settled(link, Promise.all(offers(POLICY.maxAcceptedHtlcs)))
  const { height } = alice.channel.state
  let over = 0
  const waiting = offers(3)
  for (const each of waiting) void each.then(() => over++)
  await moveChain([alice, bob], { height: height + 1 })
  await deliverAll(link)
  assert.equal(over, 0)
  await moveChain([alice, bob], { height: height + 2 })
  assert.deepEqual((await settled(link, Promise.all(waiting))).map(codeOf), Array(3).fill('htlc-count'))
  const cut = offers(2)
  await quiet([alice])
  link.cut()
  assert.deepEqual((await Promise.all(cut)).map(codeOf), Array(2).fill('peer-disconnected'))
})

test('dust: no more is offered than is risked, and what is offered beyond must be failed', async () => {
  const { alice, bob, link } = await pair()
  const dust = () => offerOf(353_999, alice.invoice(`${hashes++}`), 200)
  const most = Math.floor(POLICY.maxDustExposure / 353_999)
  for (let at = 0; at < most; at++) value(await bob.channel.offer(dust()))
  assert.equal(codeOf(await bob.channel.offer(dust())), 'dust-exposure')
  await deliverAll(link)
  // Bob offers on, against the rules of a well-behaved side.
  const received: { id: number; refused: boolean }[] = []
  alice.onEvent = (_, event) => {
    if (event.kind === 'htlc-received') received.push({ id: event.terms.id, refused: !!event.terms.refused })
  }
  const loose = { ...POLICY, maxDustExposure: msat(1_000_000_000) }
  Object.assign(bob.channel.state, { policy: loose })
  const last = dust()
  const id = value(await bob.channel.offer(last))
  await deliverAll(link)
  assert.deepEqual(received, [{ id, refused: true }])
  const preimage = alice.preimages.get(bytesToHex(last.paymentHash))!
  assert.equal(codeOf(await alice.channel.remove(id, { kind: 'fulfill', preimage })), 'htlc-refused')
  value(await alice.channel.remove(id, { kind: 'fail', reason: new Uint8Array(10) }))
  await deliverAll(link)
  assert.equal(bob.channel.state.htlcs.length, most)
})

test('feerates: the funder’s alone, within bounds, and what it can pay', async () => {
  const { alice, bob, link } = await pair()
  assert.equal(codeOf(await bob.channel.proposeFee(2_000)), 'fee-not-ours')
  for (const feerate of [POLICY.minFeerate - 1, POLICY.maxFeerate + 1, 300.5])
    assert.equal(codeOf(await alice.channel.proposeFee(feerate)), 'feerate')
  // Several before the other side answers: the last one counts.
  for (const feerate of [2_000, 3_000, 2_500]) value(await alice.channel.proposeFee(feerate))
  await deliverAll(link)
  for (const node of [alice, bob]) assert.equal(node.channel.state.feerate, 2_500)
  assert.equal(bob.channel.state.holder.commitment.feerate, 2_500)
  const poor = await pair(985_000_000)
  assert.equal(codeOf(await poor.alice.channel.proposeFee(20_000)), 'balance-insufficient')
})

test('an HTLC is answered once, by its preimage, and by who was offered it', async () => {
  const { alice, bob, link } = await pair()
  const paymentHash = bob.invoice('one')
  value(await alice.channel.offer(offerOf(50_000_000, paymentHash, 200)))
  const preimage = bob.preimages.get(bytesToHex(paymentHash))!
  const fulfill = { kind: 'fulfill', preimage } as const
  assert.equal(codeOf(await bob.channel.remove(0, fulfill)), 'htlc-unknown')
  await deliverAll(link)
  assert.equal(codeOf(await alice.channel.remove(0, fulfill)), 'htlc-unknown')
  assert.equal(codeOf(await bob.channel.remove(0, { kind: 'fulfill', preimage: hash() })), 'preimage-wrong')
  value(await bob.channel.remove(0, fulfill))
  assert.equal(codeOf(await bob.channel.remove(0, { kind: 'fail', reason: hash() })), 'htlc-ended')
  await deliverAll(link)
  const outcomes = alice.events.flatMap(({ event }) => (event.kind === 'htlc-fulfilled' ? [event] : []))
  assert.deepEqual(
    outcomes.map((event) => event.preimage),
    [preimage],
  )
  // Until its origin says that it knows, it is told again after every start.
  assert.equal(alice.channel.state.outcomes.length, 1)
  alice.crash()
  await alice.start()
  assert.equal(alice.events.filter(({ event }) => event.kind === 'htlc-fulfilled').length, 2)
  value(await alice.channel.acknowledge([0]))
  alice.crash()
  await alice.start()
  assert.equal(alice.events.filter(({ event }) => event.kind === 'htlc-fulfilled').length, 2)
})
