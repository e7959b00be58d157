import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MAX_FUTURE_SECONDS_ON_DEMAND } from '../../../src/consensus/headers.ts'
import type { Block } from '../../../src/primitives/block.ts'
import { compactBlockOf, encodeCompactBlock } from '../../../src/protocol/compact-block.ts'
import { TestChain } from '../../support/chain-builder.ts'
import { networksOf, WatchedPeerStore } from '../../support/protocol-nodes.ts'

/** One long branch that all tests share, for its blocks take time to mine. */
const chain = new TestChain()
const tip300 = chain.mineEmpty(chain.genesis, 300)

const withNetwork = networksOf(chain)

function blocksTo(tip: typeof tip300): Block[] {
  return chain.branch(tip).map(({ block }) => block)
}

function helloAt(tip: typeof tip300): { height: number; tipHash: Uint8Array; chainWork: bigint } {
  return { height: tip.height, tipHash: tip.block.header.hashBytes, chainWork: BigInt(tip.height * 2 + 2) }
}

test('a new node syncs 300 blocks from a peer and says so', () =>
  withNetwork(async (network) => {
    const full = await network.node('full', tip300)
    const late = await network.node('late', chain.genesis)
    await full.join()
    await late.join()
    await network.until(() => late.height === 300, 'sync')
    await network.pass(2)
    assert.equal(late.tipHash, tip300.block.hash)
    assert.deepEqual(late.manager.syncState(), { headers: 300, blocks: 300, synced: true })
    const [peer] = late.manager.peers()
    assert.equal(peer.startingHeight, 300)
    assert.equal(peer.headerHeight, 300)
    assert.deepEqual(peer.inFlight, [])
    assert.equal(peer.commonHeight, 300)
    assert.equal(peer.score, 0)
    assert.equal(full.sentCount('block'), 300, 'every body once')
  }))

test('bodies come from several peers, each once', () =>
  withNetwork(async (network) => {
    const full = [
      await network.node('a', tip300),
      await network.node('b', tip300),
      await network.node('c', tip300),
    ]
    for (const node of full) await node.join()
    const late = await network.node('late', chain.genesis)
    await late.join()
    await network.until(() => late.height === 300, 'sync')
    const shares = full.map((node) => node.sentCount('block'))
    assert.equal(shares[0] + shares[1] + shares[2], 300)
    assert.ok(Math.min(...shares) >= 30, `shares ${shares}`)
  }))

test('a peer that holds up the window is dropped, and its blocks come from another', () =>
  withNetwork(async (network) => {
    const late = await network.node('late', chain.genesis)
    const staller = network.puppet('staller', helloAt(tip300))
    staller.serve(blocksTo(tip300), { bodies: false })
    await staller.join()
    await late.join()
    await network.until(() => staller.got('getdata') > 0, 'asked the staller')
    const full = await network.node('full', tip300)
    await full.join()
    await network.until(() => late.height === 300, 'sync', 60)
    assert.match(late.lost.find(({ id }) => id === staller.id)?.reason ?? '', /holds up/)
  }))

test('a peer that alone could send blocks and never does is dropped in the end', () =>
  withNetwork(async (network) => {
    const late = await network.node('late', chain.genesis)
    const staller = network.puppet('staller', helloAt(tip300))
    staller.serve(blocksTo(tip300), { bodies: false })
    await staller.join()
    await late.join()
    await network.until(() => late.lost.length > 0, 'dropped', 90)
    assert.match(late.lost[0].reason, /did not send the blocks/)
  }))

test('a peer that does not answer for headers is dropped, and another asked', () =>
  withNetwork(async (network) => {
    const late = await network.node('late', chain.genesis)
    const mute = network.puppet('mute', helloAt(tip300))
    await mute.join()
    await late.join()
    await network.until(() => mute.got('getheaders') > 0, 'asked')
    const full = await network.node('full', tip300)
    await full.join()
    await network.until(() => late.height === 300, 'sync')
    assert.match(late.lost[0].reason, /did not answer for headers/)
  }))

test('after a partition both sides end on the branch with more work', () =>
  withNetwork(async (network) => {
    const common = chain.ancestor(tip300, 200)
    const longer = chain.mineEmpty(common, 20, { extraNonce: Uint8Array.of(1) })
    const shorter = chain.mineEmpty(common, 15, { extraNonce: Uint8Array.of(2) })
    const a = await network.node('a', longer)
    const b = await network.node('b', shorter)
    await a.join()
    await b.join()
    await network.until(() => b.tipHash === longer.block.hash, 'reorganisation')
    await network.pass(5)
    assert.equal(a.tipHash, longer.block.hash)
    assert.deepEqual(
      [...a.manager.peers(), ...b.manager.peers()].map((peer) => peer.score),
      [0, 0],
    )
  }))

test('a reorganisation deeper than the download window completes', () =>
  withNetwork(async (network) => {
    const ours = chain.mineEmpty(tip300, 1100, { extraNonce: Uint8Array.of(3) })
    const theirs = chain.mineEmpty(tip300, 1101, { extraNonce: Uint8Array.of(4) })
    const a = await network.node('a', ours)
    const b = await network.node('b', theirs)
    await a.join()
    await b.join()
    await network.until(() => a.tipHash === theirs.block.hash, 'deep reorganisation', 300)
  }))

test('a fork longer than a batch of headers is followed though its first batch has less work than our chain', () =>
  withNetwork(async (network) => {
    const ours = chain.mineEmpty(chain.genesis, 2100, { extraNonce: Uint8Array.of(6) })
    const theirs = chain.mineEmpty(chain.genesis, 2200, { extraNonce: Uint8Array.of(7) })
    const node = await network.node('node', ours)
    const sender = network.puppet('sender', helloAt(theirs))
    sender.serve(blocksTo(theirs), { bodies: false })
    await sender.join()
    await node.join()
    const behind = () => node.manager.syncState().headers
    assert.equal(behind(), 2100)
    await network.until(() => behind() === 2200, 'the longer fork', 10)
    assert.ok(sender.got('getheaders') <= 4)
  }))

test('bodies in flight are bounded by bytes while blocks may be large, by number when they prove small', () =>
  withNetwork(async (network) => {
    const node = await network.node('node', chain.genesis)
    const sender = network.puppet('sender', helloAt(tip300))
    sender.serve(blocksTo(tip300))
    await sender.join()
    await node.join()
    await network.until(() => node.height === 300, 'sync')
    const asked = sender.received.flatMap((message) =>
      message.type === 'getdata' ? message.hashes.length : [],
    )
    assert.equal(asked[0], 1, 'blocks of this network may have 4,000,000 bytes')
    assert.ok(Math.max(...asked) > 4 && Math.max(...asked) <= 16)
  }))

test('headers that do not follow the question cost score, and are not asked for without end', () =>
  withNetwork(async (network) => {
    const node = await network.node('node', chain.genesis)
    const puppet = network.puppet('puppet', helloAt(tip300))
    puppet.onMessage = (message, from) => {
      if (message.type === 'getheaders')
        puppet.send(from, { type: 'headers', id: message.id, headers: [tip300.block.header] })
    }
    await puppet.join()
    await node.join()
    await network.pass(30)
    assert.equal(puppet.got('getheaders'), 1)
    assert.equal(node.scoreOf(puppet.id), 20)
  }))

test('new blocks spread when all gossip is lost, by announcements of headers', () =>
  withNetwork(
    async (network) => {
      const common = chain.ancestor(tip300, 100)
      const nodes = [
        await network.node('a', common),
        await network.node('b', common),
        await network.node('c', common),
      ]
      for (const node of nodes) await node.join()
      await network.pass(2)
      const next = chain.ancestor(tip300, 101)
      await nodes[0].mine(next.block)
      await network.until(() => nodes.every((node) => node.height === 101), 'spread')
      for (let height = 102; height <= 140; height++)
        await nodes[1].mine(chain.ancestor(tip300, height).block)
      await network.until(() => nodes.every((node) => node.height === 140), 'a burst spread')
      for (const node of nodes) for (const peer of node.manager.peers()) assert.equal(peer.score, 0)
    },
    { gossipLoss: 1 },
  ))

test('a gossiped block whose parents are unknown leads to sync with its sender, who is not blamed', () =>
  withNetwork(async (network) => {
    const late = await network.node('late', chain.genesis)
    const tip = chain.ancestor(tip300, 50)
    // It claims nothing when it connects: only the block tells that it has more.
    const sender = network.puppet('sender')
    sender.serve(blocksTo(tip))
    await sender.join()
    await late.join()
    await network.pass(2)
    assert.equal(sender.got('getheaders'), 0)
    sender.publish('block', encodeCompactBlock(compactBlockOf(tip.block, new Uint8Array(8))))
    await network.until(() => late.height === 50, 'sync')
    assert.equal(late.scoreOf(sender.id), 0)
  }))

test('a block that is too new for some tabs is taken by each as soon as it no longer is', () =>
  withNetwork(async (network) => {
    const { time } = network
    const behind = (milliseconds: number) => ({
      now: () => time.now() - milliseconds,
      after: (wait: number, run: () => void) => time.after(wait, run),
    })
    const right = await network.node('right', chain.genesis)
    const slow = await network.node('slow', chain.genesis, undefined, behind(1000))
    const slower = await network.node('slower', chain.genesis, undefined, behind(5000))
    for (const node of [right, slow, slower]) await node.join()
    await network.pass(3)
    const newest = Math.floor(time.now() / 1000) + MAX_FUTURE_SECONDS_ON_DEMAND
    await right.mine(chain.mineBlock(chain.genesis, [], { time: newest }).block)
    await network.pass(0.5)
    assert.deepEqual([right.height, slow.height], [1, 0])
    await network.until(() => slow.height === 1, 'the block', 1)
    assert.equal(slower.height, 0)
    await network.until(() => slower.height === 1, 'the block', 4)
  }))

test('headers whose time is too new are asked for again later', () =>
  withNetwork(async (network) => {
    const late = await network.node('late', chain.genesis)
    const now = Math.floor(network.time.now() / 1000)
    const early = chain.mineBlock(chain.genesis, [], { time: now + MAX_FUTURE_SECONDS_ON_DEMAND + 80 })
    const sender = network.puppet('sender', helloAt(early))
    sender.serve([early.block])
    await sender.join()
    await late.join()
    await network.pass(10)
    assert.equal(late.height, 0)
    await network.until(() => late.height === 1, 'taken when its time has come', 300)
    assert.equal(late.scoreOf(sender.id), 0)
  }))

test('an invalid block costs its sender the connection, and not those who shared its header', () =>
  withNetwork(async (network) => {
    const common = chain.ancestor(tip300, 10)
    const bad = chain.mineBlock(common, [], { claim: 6_000_000_000 })
    const victim = await network.node('victim', common)
    const sharer = network.puppet('sharer', helloAt(common))
    const sender = network.puppet('sender', helloAt(common))
    sharer.serve(blocksTo(common))
    sender.serve([...blocksTo(common), bad.block])
    for (const peer of [sharer, sender, victim]) await peer.join()
    await network.pass(2)
    for (const peer of [sharer, sender])
      peer.send(victim.id, { type: 'headers', id: 0, headers: [bad.block.header] })
    await network.until(() => victim.isBanned(sender.id), 'ban', 90)
    assert.match(victim.peerStore.saved[0].reason, /bad-cb-amount/)
    assert.equal(victim.scoreOf(sharer.id), 0)
    assert.equal(victim.tipHash, common.block.hash)
    assert.deepEqual(
      victim.manager.peers().map((peer) => peer.id),
      [sharer.id],
    )
    // A header that is known to be bad is not held against the next one who believes in it.
    sharer.send(victim.id, { type: 'headers', id: 0, headers: [bad.block.header] })
    await network.pass(2)
    assert.equal(victim.scoreOf(sharer.id), 0)
  }))

test('a body that does not match its header costs its sender the connection, and the block comes from another', () =>
  withNetwork(async (network) => {
    const common = chain.ancestor(tip300, 10)
    const next = chain.ancestor(tip300, 11)
    const mutated = chain.withBody(next, chain.ancestor(tip300, 9).block.transactions)
    const victim = await network.node('victim', common)
    const liar = network.puppet('liar', helloAt(next))
    liar.serve([...blocksTo(common), mutated.block])
    await liar.join()
    await victim.join()
    await network.until(() => victim.isBanned(liar.id), 'ban')
    assert.equal(victim.height, 10)
    const honest = await network.node('honest', next)
    await honest.join()
    await network.until(() => victim.height === 11, 'the true body')
  }))

test('bans outlive the tab and end in time', () =>
  withNetwork(async (network) => {
    const rude = network.puppet('rude')
    const store = new WatchedPeerStore()
    await store.saveBans([{ id: rude.id, until: network.time.now() + 60_000, reason: 'It was rude.' }])
    const node = await network.node('node', chain.genesis, store)
    await rude.join()
    await node.join()
    await network.pass(10)
    assert.equal(node.manager.peers().length, 0)
    await network.pass(60)
    await network.network.heal()
    await network.until(() => node.manager.peers().length === 1, 'welcome again')
  }))
