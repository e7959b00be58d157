/** Promise: headers whose bodies nobody serves stop nothing for long, are not told as a way to go, and take bounded room. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { REGTEST } from '../../../src/consensus/params.ts'
import { BlockHeader } from '../../../src/primitives/block.ts'
import { MAX_BODILESS, MAX_LEAD } from '../../../src/protocol/header-sync.ts'
import { MAX_HEADERS } from '../../../src/protocol/wire.ts'
import { TestChain, TestWallet } from '../../support/chain-builder.ts'
import { networksOf, type Puppet, type TestNetwork, type TestNode } from '../../support/protocol-nodes.ts'

/** Its first coinbases can be spent. */
const chain = new TestChain({ ...REGTEST, coinbaseMaturity: 2 })
const tip = chain.mineEmpty(chain.genesis, 30)
const ahead = chain.branch(chain.mineEmpty(tip, 40, { extraNonce: Uint8Array.of(7) })).slice(30)
const payee = new TestWallet('payee')

function payment(height: number) {
  const coin = chain.miner.coinbaseOf(chain.ancestor(tip, height))
  return chain.miner.pay([coin], payee.scriptPubKey, 1_000_000, 10_000)
}

const withNetwork = networksOf(chain)

/** A puppet that is asked for bodies and never sends one. */
async function withholder(network: TestNetwork, name = 'withholder'): Promise<Puppet> {
  const puppet = network.puppet(name)
  puppet.serve(
    chain.branch(tip).map(({ block }) => block),
    { bodies: false },
  )
  await puppet.join()
  await network.pass(1)
  return puppet
}

/** Announces `count` headers above the tip, eight at a time as honest tabs do. */
async function announce(network: TestNetwork, puppet: Puppet, node: TestNode, count: number): Promise<void> {
  const headers = ahead.slice(-40, -40 + count || undefined).map(({ block }) => block.header)
  for (let i = 0; i < headers.length; i += 8) {
    puppet.send(node.id, { type: 'headers', id: 0, headers: headers.slice(i, i + 8) })
    await network.pass(0.2)
  }
}

test('payments go on, at once, while seven headers without bodies are announced', () =>
  withNetwork(async (network) => {
    const [a, b] = [await network.node('a', tip), await network.node('b', tip)]
    for (const node of [a, b]) await node.join()
    const puppet = await withholder(network)
    for (const node of [a, b]) await announce(network, puppet, node, 7)
    assert.deepEqual(a.manager.syncState(), { headers: 37, blocks: 30, synced: false })
    await b.pay(payment(1))
    await network.until(() => a.mempool.size === 1, 'the payment, by gossip', 3)
  }))

test('a tab that was never near the tip waits for bodies a minute, and then takes payments', () =>
  withNetwork(async (network) => {
    const node = await network.node('node', tip)
    const puppet = network.puppet('withholder', {
      height: 70,
      tipHash: ahead[ahead.length - 1].block.header.hashBytes,
      chainWork: 1n << 60n,
    })
    puppet.serve(
      chain.branch(ahead[ahead.length - 1]).map(({ block }) => block),
      { bodies: false },
    )
    await puppet.join()
    await node.join()
    await network.until(() => node.manager.syncState().headers === 70, 'the headers')
    puppet.publish('tx', payment(1).bytes)
    await network.pass(5)
    assert.equal(node.mempool.size, 0, 'too far behind to judge')
    await network.until(() => node.manager.syncState().synced, 'its patience is over', 90)
    assert.deepEqual(node.manager.syncState(), { headers: 30, blocks: 30, synced: true })
    // It was dropped for what it owes, and comes again with the same claim.
    await network.until(() => node.lost.length === 1 && puppet.connections === 1, 'it is back')
    await network.pass(5)
    assert.equal(node.manager.syncState().synced, true)
    puppet.publish('tx', payment(2).bytes)
    await network.until(() => node.mempool.size === 1, 'the payment', 5)
  }))

test('the tab is up to date when the only one with those headers is gone, and after a restart', () =>
  withNetwork(async (network) => {
    const node = await network.node('node', tip)
    await node.join()
    const puppet = await withholder(network)
    await announce(network, puppet, node, 40)
    assert.equal(node.manager.syncState().headers, 70)
    await puppet.leave()
    await network.until(() => node.manager.peers().length === 0, 'gone')
    assert.deepEqual(node.manager.syncState(), { headers: 30, blocks: 30, synced: true })
    // The headers are still held: that alone makes nobody wait.
    assert.equal(node.chain.headers.size, 71)
  }))

test('who announces a block and says that it lacks it is not thought to have it, nor what is built on it', () =>
  withNetwork(async (network) => {
    const node = await network.node('node', tip)
    await node.join()
    const puppet = network.puppet('denier')
    puppet.serve(chain.branch(tip).map(({ block }) => block))
    await puppet.join()
    await network.pass(1)
    await announce(network, puppet, node, 8)
    await network.until(() => node.manager.syncState().synced, 'not waited for', 5)
    assert.equal(node.manager.peers()[0].headerHeight, 30)
  }))

test('ever new headers without bodies, from ever new peers, do not keep a tab waiting', () =>
  withNetwork(async (network) => {
    const node = await network.node('node', tip)
    await node.join()
    let waited = 0
    for (let i = 0; i < 20; i++) {
      const puppet = await withholder(network, `withholder ${i}`)
      const branch = chain.branch(chain.mineEmpty(tip, 8, { extraNonce: Uint8Array.of(9, i) })).slice(-8)
      puppet.send(node.id, { type: 'headers', id: 0, headers: branch.map(({ block }) => block.header) })
      for (let second = 0; second < 20; second++) {
        await network.pass(1)
        if (node.manager.isFarBehind) waited++
      }
      await puppet.leave()
    }
    assert.ok(waited > 30 && waited < 70, `it waited for ${waited} of 400 s`)
  }))

test('blocks served drop by drop are not waited for, and taken all the same', () =>
  withNetwork(async (network) => {
    const node = await network.node('node', tip)
    await node.join()
    const puppet = await withholder(network)
    const blocks = ahead.map(({ block }) => block)
    puppet.onMessage = (message, from) => {
      if (message.type === 'getheaders') puppet.send(from, { type: 'headers', id: message.id, headers: [] })
      if (message.type !== 'getdata') return
      message.hashes.forEach((hash, i) => {
        const block = blocks.find((each) => each.header.hashBytes.every((byte, at) => byte === hash[at]))
        if (block)
          network.time.after((i + 1) * 20_000, () =>
            puppet.send(from, { type: 'block', id: message.id, block }),
          )
      })
    }
    await announce(network, puppet, node, 40)
    let waited = 0
    for (let second = 0; second < 400; second++) {
      await network.pass(1)
      if (node.manager.isFarBehind) waited++
    }
    assert.ok(node.height > 35, `height ${node.height}`)
    // A minute at first, and four seconds for each block.
    assert.ok(waited < 150, `it waited for ${waited} of 400 s`)
  }))

test('a flood of headers that lead to more work is bounded, forgotten, and stops no honest chain', () =>
  withNetwork(async (network) => {
    const node = await network.node('node', tip)
    await node.join()
    const { headers } = node.chain
    for (let i = 0; i < 4; i++) {
      const flooder = network.puppet(`flooder ${i}`, {
        chainWork: 1n << 60n,
        tipHash: new Uint8Array(32).fill(9),
      })
      let last: BlockHeader = tip.block.header
      flooder.onMessage = (message, from) => {
        if (message.type !== 'getheaders') return
        const batch = headersAbove(last, MAX_HEADERS, i)
        last = batch[batch.length - 1]
        flooder.send(from, { type: 'headers', id: message.id, headers: batch })
      }
      const before = headers.added
      await flooder.join()
      await network.pass(40)
      const taken = headers.added - before
      assert.ok(taken <= MAX_LEAD, `${taken} headers of one flooder`)
      if (i < 2) assert.ok(taken > MAX_LEAD / 2, `${taken} headers of one flooder`)
      assert.ok(headers.bodiless <= MAX_BODILESS + 1000, `${headers.bodiless} are held`)
      if (i === 0) {
        const looks = await looksAtRefused(network, flooder, node)
        assert.ok(looks < MAX_LEAD / 2, `${looks} headers were looked at to refuse 80`)
      }
      await flooder.leave()
      await network.pass(1)
    }
    assert.ok(headers.added > MAX_BODILESS, 'more came than are held')
    assert.ok(headers.end <= MAX_BODILESS + 2000, `${headers.end} places`)
    const longer = chain.mineEmpty(tip, 60, { extraNonce: Uint8Array.of(3) })
    const honest = await network.node('honest', longer)
    await honest.join()
    await network.until(() => node.tipHash === longer.block.hash, 'the honest chain', 60)
    assert.equal(node.scoreOf(honest.id), 0)
  }))

/** How many headers a node looks at when ten announcements follow a branch that has its greatest lead. */
async function looksAtRefused(network: TestNetwork, puppet: Puppet, node: TestNode): Promise<number> {
  const { headers } = node.chain
  const end = headers.leaves().reduce((a, b) => (headers.height(b) > headers.height(a) ? b : a))
  const news = headersAbove(headers.header(end), 8, 77)
  const { added } = headers
  const parent = headers.parent.bind(headers)
  let looks = 0
  headers.parent = (index) => {
    looks++
    return parent(index)
  }
  for (let i = 0; i < 10; i++) puppet.send(node.id, { type: 'headers', id: 0, headers: news })
  await network.pass(0.2)
  headers.parent = parent
  assert.equal(headers.added, added, 'they are refused')
  return looks
}

/** `count` headers with the least work above `parent`. */
function headersAbove(parent: BlockHeader, count: number, salt: number): BlockHeader[] {
  const branch: BlockHeader[] = []
  const merkleRoot = new Uint8Array(32).fill(salt + 1)
  let at = parent
  for (let i = 0; i < count; i++) {
    const time = at.time + 1
    let nonce = 0
    let header: BlockHeader
    do header = BlockHeader.of({ ...at, previousHash: at.hashBytes, merkleRoot, time, nonce: nonce++ })
    while (header.hashBytes[31] >= 0x7f)
    branch.push(header)
    at = header
  }
  return branch
}
