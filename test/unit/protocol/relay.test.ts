import assert from 'node:assert/strict'
import { test } from 'node:test'
import { REGTEST } from '../../../src/consensus/params.ts'
import { type Block, BlockHeader } from '../../../src/primitives/block.ts'
import { bytesToHex } from '../../../src/primitives/bytes.ts'
import { decodeTransaction, Transaction } from '../../../src/primitives/transaction.ts'
import { type CompactBlock, compactBlockOf, encodeCompactBlock } from '../../../src/protocol/compact-block.ts'
import { TestChain, type TestCoin, TestWallet } from '../../support/chain-builder.ts'
import { networksOf, type Puppet, type TestNetwork, type TestNode } from '../../support/protocol-nodes.ts'

const NONCE = new Uint8Array(8)

/** Its first coinbases can be spent. */
const chain = new TestChain({ ...REGTEST, coinbaseMaturity: 2 })
const tip = chain.mineEmpty(chain.genesis, 30)
const payee = new TestWallet('payee')

/** The coin of the coinbase at `height`. */
function coinAt(height: number): TestCoin {
  return chain.miner.coinbaseOf(chain.ancestor(tip, height))
}

function payment(height: number, fee = 10_000) {
  return chain.miner.pay([coinAt(height)], payee.scriptPubKey, 1_000_000, fee)
}

const withNetwork = networksOf(chain)

/** A node at the tip and a puppet that said hello to it. */
async function nodeAndPuppet(network: TestNetwork): Promise<[TestNode, Puppet]> {
  const node = await network.node('node', tip)
  const puppet = network.puppet('puppet')
  puppet.serve([])
  await node.join()
  await puppet.join()
  await network.pass(2)
  return [node, puppet]
}

function gossipOf(
  block: Block,
  change: (compact: CompactBlock) => CompactBlock = (same) => same,
): Uint8Array {
  return encodeCompactBlock(change(compactBlockOf(block, NONCE)))
}

/** Lets a puppet answer every question for missing transactions with these, and one for bodies with `whole`. */
function answerMissing(puppet: Puppet, transactions: readonly Transaction[], whole?: Block): void {
  puppet.onMessage = (message, from) => {
    if (message.type === 'getblocktxn')
      puppet.send(from, { type: 'blocktxn', id: message.id, blockHash: message.blockHash, transactions })
    if (message.type === 'getdata' && whole)
      puppet.send(from, { type: 'block', id: message.id, block: whole })
  }
}

test('a block whose transactions are all at hand crosses three tabs without a question', () =>
  withNetwork(
    async (network) => {
      const nodes = [await network.node('a', tip), await network.node('b', tip), await network.node('c', tip)]
      for (const node of nodes) await node.join()
      await network.pass(2)
      const transactions = [payment(1), payment(2), payment(3)]
      for (const transaction of transactions) await nodes[0].pay(transaction)
      await network.until(() => nodes.every((node) => node.mempool.size === 3), 'payments spread')
      const { block } = chain.mineBlock(tip, transactions)
      await nodes[0].mine(block)
      await network.until(() => nodes.every((node) => node.tipHash === block.hash), 'block spread', 1)
      await network.pass(10)
      for (const node of nodes) {
        assert.equal(node.mempool.size, 0)
        assert.equal(node.sentCount('getblocktxn') + node.sentCount('getdata'), 0)
      }
    },
    { degree: 1 },
  ))

test('transactions that the mempool lacks are asked of the sender, and no body is fetched whole', () =>
  withNetwork(async (network) => {
    const a = await network.node('a', tip)
    const b = await network.node('b', tip)
    await a.join()
    await b.join()
    await network.pass(2)
    const known = payment(1)
    await a.pay(known)
    await network.until(() => b.mempool.size === 1, 'payment spread')
    const { block } = chain.mineBlock(tip, [known, payment(2), payment(3)])
    await a.mine(block)
    await network.until(() => b.tipHash === block.hash, 'block spread', 1)
    assert.equal(b.sentCount('getblocktxn'), 1)
    assert.equal(a.sentCount('blocktxn'), 1)
    await network.pass(10)
    assert.equal(b.sentCount('getdata'), 0)
  }))

test('a sender that does not answer delays the block by 3 s; then it comes whole from another', () =>
  withNetwork(async (network) => {
    const [node, puppet] = await nodeAndPuppet(network)
    const next = chain.mineBlock(tip, [payment(1)])
    const honest = await network.node('honest', next)
    await honest.join()
    // Before the honest peer's hello is answered the puppet's gossip is there.
    puppet.publish('block', gossipOf(next.block))
    await network.until(() => node.tipHash === next.block.hash, 'block', 10)
    assert.equal(node.scoreOf(puppet.id), 0)
    assert.equal(puppet.got('getdata'), 0)
  }))

test('a compact block that puts together another block is fetched whole, and its sender not blamed', () =>
  withNetwork(async (network) => {
    const [node, puppet] = await nodeAndPuppet(network)
    const next = chain.mineBlock(tip, [payment(1)])
    const wrong = chain.ancestor(tip, 5).block.transactions[0]
    answerMissing(puppet, [wrong], next.block)
    // Prefilled coinbase of another block: the merkle root differs, as when short ids collide.
    const prefilled = [{ index: 0, transaction: wrong }]
    puppet.publish(
      'block',
      gossipOf(next.block, (compact) => ({ ...compact, prefilled })),
    )
    await network.until(() => node.tipHash === next.block.hash, 'fetched whole', 1)
    assert.equal(node.scoreOf(puppet.id), 0)
    assert.equal(puppet.got('getdata'), 1)
  }))

test('a wrong number of missing transactions is punished', () =>
  withNetwork(async (network) => {
    const [node, puppet] = await nodeAndPuppet(network)
    const next = chain.mineBlock(tip, [payment(1), payment(2)])
    answerMissing(puppet, [])
    puppet.publish('block', gossipOf(next.block))
    await network.until(() => node.isBanned(puppet.id), 'ban', 10)
    assert.match(node.peerStore.saved[0].reason, /blocktxn-count/)
  }))

test('a gossiped block without work is rejected and its sender banned; one that breaks a later rule spreads blame to nobody', () =>
  withNetwork(async (network) => {
    const [node, puppet] = await nodeAndPuppet(network)
    const bad = chain.mineBlock(tip, [], { claim: 6_000_000_000 })
    puppet.publish('block', gossipOf(bad.block))
    await network.pass(5)
    const index = node.chain.headers.find(bad.block.hash)
    assert.equal(node.chain.headers.isInvalid(index), true)
    assert.equal(node.scoreOf(puppet.id), 0, 'it may have forwarded what it could not yet know')

    let workless = chain.mineBlock(tip).block.header
    while (workless.hashBytes[31] < 0x80)
      workless = BlockHeader.of({ ...workless, nonce: workless.nonce + 1 })
    puppet.publish(
      'block',
      gossipOf(bad.block, (compact) => ({ ...compact, header: workless })),
    )
    await network.until(() => node.isBanned(puppet.id), 'ban', 5)
    assert.match(node.peerStore.saved[0].reason, /high-hash/)
  }))

test('what is no compact block or transaction costs the connection', async () => {
  for (const topic of ['block', 'tx'] as const)
    await withNetwork(async (network) => {
      const [node, puppet] = await nodeAndPuppet(network)
      puppet.publish(topic, Uint8Array.of(1, 2, 3))
      await network.until(() => node.isBanned(puppet.id), 'ban', 5)
    })
})

test('only one compact form of a block is rebuilt and forwarded', () =>
  withNetwork(async (network) => {
    const node = await network.node('node', tip)
    const [first, second] = [network.puppet('first'), network.puppet('second')]
    for (const peer of [node, first, second]) await peer.join()
    await network.pass(2)
    // What reaches the second puppet comes through the node alone.
    network.network.disconnect(first.id, second.id, 1_000_000)
    await network.pass(1)
    const { block } = chain.mineBlock(tip, [payment(1)])
    answerMissing(first, [block.transactions[1]])
    for (let i = 0; i < 3; i++)
      first.publish('block', encodeCompactBlock(compactBlockOf(block, new Uint8Array(8).fill(i))))
    await network.until(() => node.tipHash === block.hash, 'block')
    first.publish('block', encodeCompactBlock(compactBlockOf(block, new Uint8Array(8).fill(9))))
    await network.pass(5)
    assert.equal(first.got('getblocktxn'), 1)
    assert.equal(second.gossiped.length, 1)
    assert.equal(node.scoreOf(first.id), 0)
  }))

test('missing transactions with another witness are nobody’s fault: the block is fetched whole', () =>
  withNetwork(async (network) => {
    const [node, puppet] = await nodeAndPuppet(network)
    const { block } = chain.mineBlock(tip, [payment(1)])
    const tampered = block.transactions[1].bytes.slice()
    tampered[tampered.length - 10] ^= 1
    const decoded = decodeTransaction(tampered)
    assert.ok(decoded.ok)
    answerMissing(puppet, [decoded.value], block)
    puppet.publish('block', gossipOf(block))
    await network.until(() => node.tipHash === block.hash, 'fetched whole', 1)
    assert.equal(puppet.got('getblocktxn'), 1)
    assert.equal(puppet.got('getdata'), 1)
    assert.equal(node.scoreOf(puppet.id), 0)
  }))

test('a late joiner and a tab that was cut off get the transactions that wait', () =>
  withNetwork(async (network) => {
    const a = await network.node('a', tip)
    await a.join()
    const parent = payment(1)
    const child = payee.pay(payee.coinsOf(parent), payee.scriptPubKey, 500_000, 10_000)
    for (const transaction of [parent, child, payment(2)]) await a.pay(transaction)
    const b = await network.node('b', chain.genesis)
    await b.join()
    await network.until(() => b.mempool.size === 3, 'mempool')

    const c = await network.node('c', tip)
    network.network.partition([[a.id, b.id]])
    await c.join()
    await c.pay(payment(3))
    await network.pass(60)
    assert.equal(a.mempool.size, 3)
    network.network.heal()
    await network.until(() => [a, b, c].every((node) => node.mempool.size === 4), 'both sides')
  }))

test('a transaction that several peers announce is asked of one, and of the next when that one is silent', () =>
  withNetwork(async (network) => {
    const node = await network.node('node', tip)
    const transaction = payment(1)
    const puppets = ['one', 'two', 'three'].map((name) => network.puppet(name))
    for (const each of [node, ...puppets]) await each.join()
    await network.pass(1)
    for (const puppet of puppets) {
      puppet.serve([])
      puppet.send(node.id, { type: 'inv', wtxids: [transaction.wtxidBytes] })
    }
    await network.pass(1)
    const asked = () => puppets.map((puppet) => puppet.got('gettx'))
    assert.deepEqual(asked(), [1, 0, 0])
    await network.pass(25)
    assert.deepEqual(asked(), [1, 1, 0])
    const answer = puppets[1].received.find((message) => message.type === 'gettx')
    puppets[1].send(node.id, { type: 'tx', id: answer?.id ?? 0, transactions: [transaction] })
    await network.until(() => node.mempool.size === 1, 'transaction')
    await network.pass(25)
    assert.deepEqual(asked(), [1, 1, 0])
  }))

test('transactions spread when gossip is lost: mempools are compared now and then', () =>
  withNetwork(
    async (network) => {
      const nodes = [await network.node('a', tip), await network.node('b', tip), await network.node('c', tip)]
      for (const node of nodes) await node.join()
      await network.pass(60)
      await nodes[0].pay(payment(1))
      await network.until(() => nodes.every((node) => node.mempool.size === 1), 'spread', 1200)
    },
    { gossipLoss: 1, degree: 1 },
  ))

test('a child that comes before its parent is taken, and told on, when the parent comes', () =>
  withNetwork(async (network) => {
    const [node, puppet] = await nodeAndPuppet(network)
    const other = network.puppet('other')
    other.serve([])
    await other.join()
    await network.pass(2)
    network.network.disconnect(puppet.id, other.id, 1_000_000)
    await network.pass(35)
    const parent = payment(1)
    const child = payee.pay(payee.coinsOf(parent), payee.scriptPubKey, 500_000, 10_000)
    const asked = puppet.got('mempool')
    puppet.publish('tx', child.bytes)
    await network.pass(1)
    assert.equal(node.mempool.size, 0)
    assert.equal(node.scoreOf(puppet.id), 0)
    assert.equal(puppet.got('mempool'), asked + 1, 'who has the child has its parent')
    puppet.publish('tx', parent.bytes)
    await network.until(() => node.mempool.size === 2, 'both')
    await network.pass(1)
    assert.deepEqual(
      other.gossiped.map(({ payload }) => bytesToHex(payload)).sort(),
      [parent, child].map(({ bytes }) => bytesToHex(bytes)).sort(),
    )
  }))

test('an invalid signature costs the sender the connection', () =>
  withNetwork(async (network) => {
    const [node, puppet] = await nodeAndPuppet(network)
    const bytes = payment(1).bytes.slice()
    bytes[bytes.length - 10] ^= 1
    puppet.publish('tx', bytes)
    await network.until(() => node.isBanned(puppet.id), 'ban', 5)
  }))

test('a rejected transaction is not checked twice on one tip', () =>
  withNetwork(async (network) => {
    const [node, puppet] = await nodeAndPuppet(network)
    const cheap = payment(1, 0)
    let checked = 0
    const accept = node.mempool.accept.bind(node.mempool)
    node.mempool.accept = (transaction) => {
      checked++
      return accept(transaction)
    }
    const ask = async () => {
      puppet.send(node.id, { type: 'inv', wtxids: [cheap.wtxidBytes] })
      await network.pass(1)
    }
    puppet.onMessage = (message, from) => {
      if (message.type === 'gettx') puppet.send(from, { type: 'tx', id: message.id, transactions: [cheap] })
    }
    await ask()
    await ask()
    assert.equal(checked, 1)
    assert.equal(puppet.got('gettx'), 1)
    await node.mine(chain.mineBlock(tip).block)
    await ask()
    assert.equal(checked, 2)
    assert.equal(node.scoreOf(puppet.id), 0)
  }))

test('of large transactions only a few of one peer are checked at a time', () =>
  withNetwork(async (network) => {
    const [node, puppet] = await nodeAndPuppet(network)
    const other = network.puppet('other')
    await other.join()
    await network.pass(2)
    const accept = node.mempool.accept.bind(node.mempool)
    let release = (): void => undefined
    const released = new Promise<void>((resolve) => {
      release = resolve
    })
    let checked = 0
    node.mempool.accept = async (transaction) => {
      checked++
      await released
      return accept(transaction)
    }
    const large = (height: number): Uint8Array => {
      const { version, inputs, outputs, lockTime } = payment(height)
      const witness = [new Uint8Array(400_000), new Uint8Array(33)]
      return Transaction.of({ version, inputs: [{ ...inputs[0], witness }], outputs, lockTime }).bytes
    }
    for (const height of [1, 2, 3]) puppet.publish('tx', large(height))
    await network.pass(2)
    assert.equal(checked, 2)
    puppet.publish('tx', payment(4).bytes)
    await network.pass(2)
    assert.equal(checked, 3, 'a small one goes beside them')
    other.publish('tx', large(5))
    await network.pass(2)
    assert.equal(checked, 4, 'and a large one of another peer')
    release()
    await network.until(() => node.mempool.size === 1, 'the small one', 5)
    puppet.publish('tx', large(6))
    await network.until(() => checked === 5, 'the next large one', 5)
    assert.equal(node.scoreOf(puppet.id), 0)
  }))

test('an own transaction is repeated until it is mined', () =>
  withNetwork(async (network) => {
    const [node, puppet] = await nodeAndPuppet(network)
    puppet.serve([])
    const own = payment(1)
    let published = 0
    const publish = node.transport.publish.bind(node.transport)
    node.transport.publish = (topic, payload) => {
      if (topic === 'tx') published++
      publish(topic, payload)
    }
    await node.pay(own)
    await network.pass(1000)
    assert.equal(published, 3, 'at once, after 150 s and after 450 s')
    await node.mine(chain.mineBlock(tip, [own]).block)
    await network.pass(20_000)
    assert.equal(published, 3)
  }))
