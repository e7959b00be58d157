/**
 * Promise: two machines with the program's own signer open a channel, pay, re-establish it and close it, and agree all along; what a store or a
 * signer fails at loses nothing; an old copy of a channel publishes nothing.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { DriverEvent } from '../../../src/channels/channel.ts'
import { commitmentTransaction } from '../../../src/channels/commitment-transaction.ts'
import { decodeMessage } from '../../../src/channels/messages.ts'
import type { ShortChannelId } from '../../../src/channels/short-channel-id.ts'
import { brokenInvariants } from '../../../src/channels/state.ts'
import { sats } from '../../../src/primitives/amount.ts'
import type { Txid } from '../../../src/primitives/hashes.ts'
import { notNow } from '../../../src/primitives/result.ts'
import { decodeTransaction } from '../../../src/primitives/transaction.ts'
import { MemoryChannelStore } from '../../../src/storage/memory-channel-store.ts'
import { runChaos } from '../../support/channel-chaos.ts'
import { KeeperSide } from '../../support/channel-keepers.ts'
import {
  ChannelNode,
  deliverAll,
  keeperSigner,
  Link,
  moveChain,
  type NodeSigner,
  type OpenTerms,
  offerOf,
  openChannel,
  POLICY,
  quiet,
  settled,
  verdict,
} from '../../support/channel-nodes.ts'
import { mockSigner } from '../../support/mock-channel-signer.ts'
import { codeOf, value } from '../../support/wallets.ts'

interface Pair {
  readonly alice: ChannelNode
  readonly bob: ChannelNode
  readonly link: Link
}

async function pair(
  signer: (name: string) => NodeSigner = keeperSigner,
  terms: OpenTerms = { push: 200_000_000 },
): Promise<Pair> {
  const alice = new ChannelNode('alice', signer('alice')).settling()
  const bob = new ChannelNode('bob', signer('bob')).settling()
  const link = new Link(alice, bob)
  await alice.start()
  await bob.start()
  link.connect()
  await openChannel(link, terms)
  return { alice, bob, link }
}

/** What each has, when nothing is under way. */
function amounts({ channel: { state } }: ChannelNode): readonly number[] {
  assert.deepEqual(brokenInvariants(state), [])
  return [state.holderAmount, state.counterpartyAmount]
}

function eventsOf<Kind extends DriverEvent['kind']>(node: ChannelNode, kind: Kind) {
  return node.events.flatMap(({ event }) =>
    event.kind === kind ? [event as Extract<DriverEvent, { kind: Kind }>] : [],
  )
}

test('a channel is opened, pays both ways, comes back after a cut, and closes', async () => {
  const { alice, bob, link } = await pair()
  assert.equal(alice.channel.state.status, 'open')
  assert.equal(bob.channel.state.status, 'open')
  assert.deepEqual(amounts(alice), [800_000_000, 200_000_000])
  assert.equal(eventsOf(alice, 'publish').length, 1)
  const paid = alice.channel.offer(offerOf(50_000_000, bob.invoice('one'), 200))
  const back = bob.channel.offer(offerOf(10_000_000, alice.invoice('two'), 200))
  await deliverAll(link)
  value(await paid)
  value(await back)
  assert.deepEqual(amounts(alice), [760_000_000, 240_000_000])
  assert.deepEqual(amounts(bob), [240_000_000, 760_000_000])

  link.cut()
  link.connect()
  await deliverAll(link)
  value(await alice.channel.offer(offerOf(5_000_000, bob.invoice('three'), 200)))
  await deliverAll(link)
  assert.deepEqual(amounts(bob), [245_000_000, 755_000_000])

  value(await bob.channel.close(500))
  await deliverAll(link)
  for (const node of [alice, bob]) {
    assert.equal(node.channel.state.status, 'shutdown')
    // Each proposes one, and signs the other's.
    const closings = eventsOf(node, 'publish').filter(({ what }) => what === 'closing')
    assert.equal(closings.length, 2)
    for (const { transaction } of closings) assert.equal(verdict(node, transaction), 'valid')
  }
  // Both know both, and each pays its own fee alone.
  const [first, second] = alice.channel.state.closingTransactions.map(
    (bytes) => value(decodeTransaction(bytes)).outputs,
  )
  assert.deepEqual(
    [first, second].map((outputs) => outputs.map(({ value }) => value).sort((a, b) => a - b)).sort(),
    [
      [244_692, 755_000],
      [245_000, 754_384],
    ].sort(),
  )
})

test('a close waits for what is under way, and goes on after a restart of both', async () => {
  const { alice, bob, link } = await pair()
  bob.onEvent = () => {}
  value(await alice.channel.offer(offerOf(50_000_000, bob.invoice('one'), 200)))
  await deliverAll(link)
  value(await alice.channel.close(500))
  await deliverAll(link)
  assert.equal(bob.channel.state.shutdownReceived, true)
  assert.equal(
    codeOf(await bob.channel.offer(offerOf(1_000_000, alice.invoice('two'), 200))),
    'channel-not-open',
  )
  for (const node of [alice, bob]) {
    node.crash()
    await node.start()
  }
  bob.settling()
  link.connect()
  await deliverAll(link)
  assert.equal(eventsOf(bob, 'publish').length, 0)
  const [received] = eventsOf(bob, 'htlc-received').slice(-1)
  const preimage = [...bob.preimages.values()][0]
  value(await bob.channel.remove(received.terms.id, { kind: 'fulfill', preimage }))
  await deliverAll(link)
  for (const node of [alice, bob]) {
    const closings = eventsOf(node, 'publish').filter(({ what }) => what === 'closing')
    assert.equal(closings.length, 2, node.name)
    for (const { transaction } of closings) assert.equal(verdict(node, transaction), 'valid')
  }
  assert.deepEqual(amounts(bob), [250_000_000, 750_000_000])
})

test('a close that is cut, or whose tab dies, at any message ends all the same', async () => {
  for (const dies of [false, true])
    for (let at = 0; at < 8; at++) {
      const { alice, bob, link } = await pair()
      value(await alice.channel.close(500))
      const before = link.delivered.length
      while (link.delivered.length < before + at) {
        await quiet([alice, bob])
        if (!link.deliver(0) && !link.deliver(1)) break
      }
      const victim = at % 2 === 0 ? alice : bob
      if (dies) {
        victim.crash()
        await victim.start()
      } else link.cut()
      link.connect()
      await deliverAll(link)
      for (const node of [alice, bob]) {
        const { status, closingTransactions } = node.channel.state
        assert.equal(status, 'shutdown')
        assert.ok(closingTransactions.length >= 2, `${node.name}, message ${at}`)
        for (const transaction of closingTransactions) assert.equal(verdict(node, transaction), 'valid')
      }
    }
})

test('a side whose share is dust is left out of the closing transaction', async () => {
  const { alice, bob, link } = await pair(keeperSigner, { push: 100_000 })
  value(await alice.channel.close(500))
  await deliverAll(link)
  const [only, ...more] = alice.channel.state.closingTransactions
  assert.equal(more.length, 0)
  assert.equal(value(decodeTransaction(only)).outputs.length, 1)
  assert.equal(verdict(bob, only), 'valid')
})

/** Alice signs no closing transaction but the one that she proposes. */
function signsNothing({ alice, link }: Pair): void {
  const send = link.send.bind(link)
  link.send = (from, bytes) => {
    const isAnswer = from === alice && value(decodeMessage(bytes)).type === 'closing_sig'
    if (!isAnswer) send(from, bytes)
  }
}

test('a closing transaction that nobody would relay, or not for years, is not signed, and keeps nobody from closing alone', async () => {
  for (const change of [{ closingFeerate: 100 }, { height: 499_999_999 }]) {
    const both = await pair()
    const { alice, bob, link } = both
    signsNothing(both)
    value(await alice.channel.close(500))
    Object.assign(alice.channel.state, change)
    const codes: string[] = []
    bob.onSend = (message) => codes.push(message.type)
    await deliverAll(link)
    assert.deepEqual(bob.channel.state.closingTransactions, [])
    assert.deepEqual(codes, ['shutdown', 'closing_complete', 'warning'])
    value(await bob.channel.forceClose())
    await quiet([bob])
    assert.equal(verdict(bob, eventsOf(bob, 'publish-commitment')[0].transaction), 'valid')
  }
})

test('closed alone after a closing transaction that both signed: the commitment is published where it pays more', async () => {
  for (const [feerate, published] of [
    [POLICY.minFeerate, 1],
    [POLICY.feerate, 0],
  ]) {
    const both = await pair()
    const { alice, bob, link } = both
    signsNothing(both)
    value(await alice.channel.close(feerate))
    await deliverAll(link)
    assert.equal(bob.channel.state.closingTransactions.length, 1)
    value(await bob.channel.forceClose())
    await quiet([bob])
    assert.equal(eventsOf(bob, 'publish-commitment').length, published)
  }
})

test('the halves of an announcement reach the other side, of a channel that is to be announced', async () => {
  const halves = {
    shortChannelId: '100x1x0' as ShortChannelId,
    nodeSignature: new Uint8Array(64).fill(1),
    fundingSignature: new Uint8Array(64).fill(2),
  }
  const open = await pair(mockSigner, { announced: true })
  value(await open.alice.channel.announce(halves))
  await deliverAll(open.link)
  const [told] = eventsOf(open.bob, 'announcement-signatures')
  assert.deepEqual(
    [told.message.shortChannelId, told.message.nodeSignature, told.message.fundingSignature],
    Object.values(halves),
  )
  const secret = await pair(mockSigner)
  assert.equal(codeOf(await secret.alice.channel.announce(halves)), 'channel-not-announced')
})

test('closed alone: the last commitment is published, whole, and no other', async () => {
  const { alice, bob, link } = await pair()
  value(await alice.channel.offer(offerOf(50_000_000, bob.invoice('one'), 200)))
  await deliverAll(link)
  value(await bob.channel.forceClose())
  await deliverAll(link)
  for (const node of [bob, alice]) {
    assert.equal(node.channel.state.status, 'failed')
    const [published, ...more] = eventsOf(node, 'publish-commitment')
    assert.equal(more.length, 0)
    assert.equal(verdict(node, published.transaction), 'valid')
    const { contract, holder } = node.channel.state
    const built = value(commitmentTransaction(contract, holder.commitment))
    assert.equal(value(decodeTransaction(published.transaction)).txid, built.transaction.txid)
  }
  // After a restart it is published again, the same.
  const before = eventsOf(bob, 'publish-commitment')[0].transaction
  bob.crash()
  await bob.start()
  await quiet([bob])
  assert.deepEqual(eventsOf(bob, 'publish-commitment')[1].transaction, before)
})

test('random lives with the program’s signer', async () => {
  for (const seed of ['0', '1', '3']) await runChaos({ seed, steps: 400, signer: keeperSigner })
})

test('a tab with an old copy of its profile finds out, and publishes nothing; the other side pays it out', async () => {
  const side = new KeeperSide('alice')
  const signing = (): NodeSigner => ({
    get signer() {
      return side.keeper
    },
    payout: { branch: 0, index: 0, script: side.payoutScript },
    restart: () => side.start(),
  })
  const alice = new ChannelNode('alice', signing()).settling()
  const bob = new ChannelNode('bob').settling()
  const link = new Link(alice, bob)
  for (const node of [alice, bob]) await node.start()
  link.connect()
  await openChannel(link, { push: 200_000_000 })
  value(await alice.channel.offer(offerOf(50_000_000, bob.invoice('one'), 200)))
  await deliverAll(link)
  // Of the whole profile: the signer's records, too.
  const oldStore = alice.store.copy()
  const oldRecords = side.records.copy()
  value(await alice.channel.offer(offerOf(70_000_000, bob.invoice('two'), 200)))
  value(await bob.channel.offer(offerOf(1_000_000, alice.invoice('three'), 200)))
  await deliverAll(link)
  alice.crash()

  side.records = oldRecords
  const restored = new ChannelNode('alice', signing(), oldStore).settling()
  const again = new Link(restored, bob)
  await restored.start()
  again.connect()
  await deliverAll(again)
  assert.equal(restored.channel.state.status, 'stale')
  assert.equal(codeOf(await restored.channel.forceClose()), 'channel-stale')
  assert.equal(eventsOf(restored, 'publish-commitment').length, 0)
  assert.equal(bob.channel.state.status, 'failed')
  const [published] = eventsOf(bob, 'publish-commitment')
  assert.equal(verdict(bob, published.transaction), 'valid')
  // Also after another start.
  restored.crash()
  await restored.start()
  again.connect()
  await deliverAll(again)
  assert.equal(restored.channel.state.status, 'stale')
  assert.equal(eventsOf(restored, 'publish-commitment').length, 0)
})

test('an old copy of the store alone is known to the signer', async () => {
  const { alice, bob, link } = await pair()
  const old = alice.store.copy()
  value(await alice.channel.offer(offerOf(50_000_000, bob.invoice('one'), 200)))
  await deliverAll(link)
  alice.crash()
  const restored = new ChannelNode('alice', alice.signing, old)
  await restored.start()
  await quiet([restored])
  assert.equal(restored.channel.state.status, 'stale')
  assert.equal(eventsOf(restored, 'stale').length, 1)
})

test('two tabs with one store: the second to write stands still, and sends nothing more', async () => {
  const { alice, bob, link } = await pair(mockSigner)
  const other = new ChannelNode('alice', alice.signing, alice.store)
  await other.start()
  // The other tab writes first.
  value(await other.channel.chainMoved({ height: 150, fundingHeight: 100, spent: undefined }))
  const sent: string[] = []
  alice.onSend = (message) => sent.push(message.type)
  assert.equal(
    codeOf(await alice.channel.offer(offerOf(50_000_000, bob.invoice('one'), 200))),
    'channel-halted',
  )
  await deliverAll(link)
  assert.deepEqual(sent, [])
  assert.equal(eventsOf(alice, 'halted').length, 1)
  assert.equal(codeOf(await alice.channel.forceClose()), 'channel-halted')
})

test('a store that fails: nothing leaves, and what was durable goes on', async () => {
  const { alice, bob, link } = await pair(mockSigner)
  alice.crash()
  let full = false
  class FullStore extends MemoryChannelStore {
    override load() {
      return alice.store.load()
    }
    override async commit(writes: Parameters<MemoryChannelStore['commit']>[0]) {
      if (full) throw new Error('The disk is full')
      await alice.store.commit(writes)
    }
  }
  await alice.start(() => new FullStore())
  link.connect()
  await deliverAll(link)
  full = true
  const sent: string[] = []
  alice.onSend = (message) => sent.push(message.type)
  assert.equal(
    codeOf(await alice.channel.offer(offerOf(50_000_000, bob.invoice('one'), 200))),
    'channel-halted',
  )
  assert.deepEqual(sent, [])
  alice.crash()
  await alice.start()
  link.connect()
  await deliverAll(link)
  value(await alice.channel.offer(offerOf(50_000_000, bob.invoice('two'), 200)))
  await deliverAll(link)
  assert.deepEqual(amounts(bob), [250_000_000, 750_000_000])
})

test('a locked wallet: the channel rests, and goes on once it is open again', async () => {
  const signing = mockSigner('alice')
  const { alice, bob, link } = await pair((name) => (name === 'alice' ? signing : mockSigner(name)))
  signing.signer.locked = true
  value(await alice.channel.offer(offerOf(50_000_000, bob.invoice('one'), 200)))
  await deliverAll(link)
  assert.ok(eventsOf(alice, 'signer-away').length > 0)
  assert.equal(link.up, false)
  link.connect()
  await deliverAll(link)
  assert.deepEqual(alice.channel.state.status, 'open')
  signing.signer.locked = false
  alice.manager!.signerReturned()
  link.connect()
  await deliverAll(link)
  assert.deepEqual(amounts(bob), [250_000_000, 750_000_000])
})

test('an HTLC that expires sends the channel to the chain, on the side that would lose by it', async () => {
  const one = await pair(mockSigner)
  one.bob.onEvent = () => {}
  value(await one.alice.channel.offer(offerOf(50_000_000, one.bob.invoice('one'), 200)))
  await deliverAll(one.link)
  await moveChain([one.alice, one.bob], { height: 201 })
  assert.equal(one.alice.channel.state.status, 'open')
  await moveChain([one.alice, one.bob], { height: 202 })
  await quiet([one.alice, one.bob])
  assert.equal(one.alice.channel.state.status, 'failed')
  assert.equal(eventsOf(one.alice, 'publish-commitment').length, 1)

  // Who has told the preimage claims in time, where the other side does not answer.
  const two = await pair(mockSigner)
  two.bob.onEvent = () => {}
  value(await two.alice.channel.offer(offerOf(50_000_000, two.bob.invoice('one'), 200)))
  await deliverAll(two.link)
  two.link.cut()
  const preimage = [...two.bob.preimages.values()][0]
  value(await two.bob.channel.remove(0, { kind: 'fulfill', preimage }))
  await moveChain([two.bob], { height: 195 })
  assert.equal(two.bob.channel.state.status, 'open')
  await moveChain([two.bob], { height: 196 })
  await quiet([two.bob])
  assert.equal(two.bob.channel.state.status, 'failed')
})

test('a funding transaction that a reorganisation takes away stops new payments until it is back', async () => {
  const { alice, bob, link } = await pair(mockSigner)
  await moveChain([alice, bob], { height: 101, fundingHeight: undefined })
  const offer = () => alice.channel.offer(offerOf(50_000_000, bob.invoice('one'), 200))
  assert.equal(codeOf(await offer()), 'channel-not-open')
  await moveChain([alice, bob], { height: 102, fundingHeight: 102 })
  value(await offer())
  await deliverAll(link)
  assert.deepEqual(amounts(bob), [250_000_000, 750_000_000])
})

test('a channel that is never funded is forgotten by who accepted it, and kept by who may still publish', async () => {
  const alice = new ChannelNode('alice', mockSigner('alice'))
  const bob = new ChannelNode('bob', mockSigner('bob'))
  const link = new Link(alice, bob)
  for (const node of [alice, bob]) await node.start()
  link.connect()
  await openChannel(link, { confirmed: false })
  const late = 100 + POLICY.fundingTimeout
  await moveChain([alice, bob], { height: late })
  await quiet([alice, bob])
  assert.equal(bob.manager!.channels.size, 1)
  await moveChain([alice, bob], { height: late + 1 })
  await quiet([alice, bob])
  assert.equal(bob.manager!.channels.size, 0)
  assert.deepEqual(await bob.store.load(), [])
  assert.equal(alice.manager!.channels.size, 1)
  // The other side tells that it knows nothing of it.
  link.cut()
  link.connect()
  await deliverAll(link)
  assert.equal(alice.channel.state.status, 'failed')
})

test('a channel that its opener never funds and fails is forgotten like one that waits; and few are let wait, whoever they are with', async () => {
  const bob = new ChannelNode('bob', mockSigner('bob'))
  await bob.start()
  const open = async (at: number): Promise<unknown> => {
    const stranger = new ChannelNode(`stranger ${at}`, mockSigner(`stranger ${at}`))
    const link = new Link(stranger, bob)
    await stranger.start()
    link.connect()
    await openChannel(link, { confirmed: false })
    value(await stranger.channel.forceClose())
    await deliverAll(link)
    return link.cut()
  }
  for (let at = 0; at < 100; at++) await open(at)
  for (const { state } of bob.manager!.channels.values()) assert.equal(state.status, 'failed')
  await assert.rejects(open(100), /Too many channels are being opened/)
  await moveChain([bob], { height: 101 + POLICY.fundingTimeout })
  await quiet([bob])
  assert.equal(bob.manager!.channels.size, 0)
  assert.deepEqual(await bob.store.load(), [])
  await open(101)
})

test('an opening that the other side does not go on with ends after some blocks, and nothing of it is left', async () => {
  for (const silentOn of ['accept_channel', 'funding_signed']) {
    const alice = new ChannelNode('alice')
    const bob = new ChannelNode('bob')
    const link = new Link(alice, bob)
    for (const node of [alice, bob]) await node.start()
    link.connect()
    const send = link.send.bind(link)
    link.send = (from, bytes) => {
      if (value(decodeMessage(bytes)).type !== silentOn) send(from, bytes)
    }
    const opening = openChannel(link)
    const ended = assert.rejects(opening, /did not go on with the opening/)
    await deliverAll(link)
    await moveChain([alice, bob], { height: 100 + 2 * POLICY.expiryGrace })
    await deliverAll(link)
    await moveChain([alice, bob], { height: 101 + 2 * POLICY.expiryGrace })
    await ended
    await deliverAll(link)
    assert.equal(alice.manager!.channels.size, 0)
    for (const { state } of bob.manager!.channels.values()) assert.equal(state.status, 'failed')
  }
})

test('an opening ends with its connection, and with a refusal, in the peer’s words', async () => {
  const alice = new ChannelNode('alice', mockSigner('alice'))
  const bob = new ChannelNode('bob', mockSigner('bob'))
  const link = new Link(alice, bob)
  for (const node of [alice, bob]) await node.start()
  const open = (amount: number) =>
    alice.manager!.open({
      peer: 'bob',
      fundingAmount: sats(amount),
      announced: false,
      payout: alice.signing.payout,
    })
  assert.equal(codeOf(await open(100_000)), 'peer-disconnected')
  link.connect()
  const cut = open(100_000)
  await quiet([alice, bob])
  link.cut()
  assert.equal(codeOf(await cut), 'peer-disconnected')
  link.connect()
  bob.welcome = () => notNow('not-welcome', 'Not today.')
  const refused = await settled(link, open(100_000))
  assert.equal(codeOf(refused), 'opening-refused')
  assert.match(refused.ok ? '' : refused.detail, /Not today/)
  bob.welcome = undefined
  const toFund = value(await settled(link, open(100_000)))
  alice.manager!.abandon(toFund.temporaryChannelId)
  await deliverAll(link)
  const funding = { txid: '00'.repeat(32) as Txid, output: 0, transaction: new Uint8Array(10) }
  assert.equal(codeOf(await alice.manager!.fund(toFund.temporaryChannelId, funding)), 'opening-unknown')
  // A flood of openings is bounded.
  const flood = Array.from({ length: 9 }, () => open(100_000))
  await deliverAll(link)
  const answers = await Promise.all(flood)
  assert.equal(answers.filter(({ ok }) => ok).length, 4)
})
