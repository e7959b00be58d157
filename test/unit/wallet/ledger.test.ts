/**
 * Promise: whatever way the chain took, the ledger ends with what a look at the active branch alone would give; and
 * it tells apart what is confirmed, pending, replaced, conflicted and orphaned.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { schnorr } from '@noble/curves/secp256k1.js'
import fc from 'fast-check'
import { bytesToHex } from '../../../src/primitives/bytes.ts'
import { outpointKey, type Transaction } from '../../../src/primitives/transaction.ts'
import { deriveAccount, wordsToEntropy } from '../../../src/signer/keys.ts'
import { AddressBook, CHANGE, GAP_LIMIT, RECEIVING } from '../../../src/wallet/address-book.ts'
import { parseDescriptor } from '../../../src/wallet/descriptor.ts'
import { Ledger } from '../../../src/wallet/ledger.ts'
import { growTree } from '../../support/block-trees.ts'
import { type TestBlock, TestChain, TestWallet } from '../../support/chain-builder.ts'
import { QUICK } from '../../support/chain-nodes.ts'
import { value, WORDS } from '../../support/wallets.ts'

const PREFIX = QUICK.addressPrefix
const account = deriveAccount(value(wordsToEntropy(WORDS)), 1).descriptor

/** Of the one key of a test wallet. */
function ledgerOf(wallet: TestWallet, genesis: TestBlock): Ledger {
  const key = bytesToHex(schnorr.getPublicKey(wallet.secretKey))
  const book = new AddressBook(value(parseDescriptor(`tr(${key})`)), PREFIX)
  return new Ledger(book, { hash: genesis.block.hash, height: 0 })
}

/** Goes from the ledger's tip to a block, over their fork. */
function moveTo(ledger: Ledger, from: TestBlock, to: TestBlock): void {
  const path: TestBlock[] = []
  let [a, b] = [from, to]
  while (a !== b) {
    if (b.height >= a.height) {
      path.unshift(b)
      b = b.parent!
    } else a = a.parent!
  }
  if (a !== from) ledger.disconnectTo({ hash: a.block.hash, height: a.height })
  for (const { block, height } of path) ledger.connectBlock(block, height)
}

/** The coins that pay `scriptPubKey` on the branch that ends in `tip`, found without a ledger. */
function coinsOn(net: TestChain, tip: TestBlock, wallet: TestWallet): string[] {
  const coins = new Map<string, string>()
  for (const { block, height } of net.branch(tip))
    for (const transaction of block.transactions) {
      for (const { prevout } of transaction.inputs) coins.delete(outpointKey(prevout))
      for (const { prevout, value } of wallet.coinsOf(transaction))
        coins.set(outpointKey(prevout), `${outpointKey(prevout)} ${value} at ${height}`)
    }
  return [...coins.values()].sort()
}

function coinsIn(ledger: Ledger): string[] {
  return ledger
    .unspent()
    .map(
      ({ outpoint, output, entry }) => `${outpointKey(outpoint)} ${output.value} at ${entry.block?.height}`,
    )
    .sort()
}

test('after any walk over a tree of blocks the coins are those of the branch it ends on', () => {
  const walk = fc.array(fc.record({ step: fc.nat(1_000), reload: fc.boolean() }), {
    minLength: 1,
    maxLength: 12,
  })
  fc.assert(
    fc.property(fc.nat(1_000), walk, (seed, steps) => {
      const net = new TestChain(QUICK)
      const { blocks, best } = growTree(seed, 14)
      const stored = new Map<string, string>()
      let ledger = ledgerOf(net.miner, net.genesis)
      let at = net.ancestor(best, 0)
      for (const { step, reload } of steps) {
        const target = blocks[step % blocks.length]
        moveTo(ledger, at, target)
        at = target
        // Payments that left the chain hold their coins until they are given up.
        for (const { txid } of ledger.pendingPayments()) ledger.abandon(txid)
        for (const [key, record] of ledger.takeChanges()) stored.set(key, record)
        assert.deepEqual(coinsIn(ledger), coinsOn(net, at, net.miner))
        if (!reload) continue
        const { tip } = ledger
        ledger = ledgerOf(net.miner, net.genesis)
        ledger.load(stored)
        ledger.tip = tip
        assert.deepEqual(coinsIn(ledger), coinsOn(net, at, net.miner))
      }
    }),
    { numRuns: 40 },
  )
})

// --- One transaction and its fate ---

const net = new TestChain(QUICK)
const other = new TestWallet('other')
/** Four blocks of the miner's: the coinbases of the first two are mature. */
const base = net.mineEmpty(net.genesis, 4)
const [first, second] = [1, 2].map((height) => net.miner.coinbaseOf(net.ancestor(base, height)))

function minerAt(tip: TestBlock): Ledger {
  const ledger = ledgerOf(net.miner, net.genesis)
  for (const { block, height } of net.branch(tip)) ledger.connectBlock(block, height)
  return ledger
}
const stateOf = (ledger: Ledger, { txid }: Transaction) => ledger.state(ledger.get(txid)!)

test('a payment waits, confirms, and waits again after its block was left', () => {
  const ledger = minerAt(base)
  const before = coinsIn(ledger)
  const payment = net.miner.pay([first], other.scriptPubKey, 1_000, 10)
  ledger.record(payment, 5)
  assert.equal(stateOf(ledger, payment), 'pending')
  assert.equal(ledger.unspent().length, before.length - 1, 'its change counts once the mempool has it')
  ledger.addToMempool(payment, 5)
  assert.equal(ledger.unspent().length, before.length)
  assert.ok(ledger.isTrusted(ledger.get(payment.txid)!), 'not trusted')
  assert.equal(ledger.net(ledger.get(payment.txid)!), -1_010)
  assert.equal(ledger.fee(ledger.get(payment.txid)!), 10)

  const block = net.mineBlock(base, [payment])
  ledger.connectBlock(block.block, block.height)
  ledger.removeFromMempool(payment.txid, false)
  assert.equal(stateOf(ledger, payment), 'confirmed')
  ledger.disconnectTo({ hash: base.block.hash, height: base.height })
  assert.equal(stateOf(ledger, payment), 'pending')
  assert.equal(ledger.state(ledger.get(block.block.transactions[0].txid)!), 'orphaned')
  assert.deepEqual(
    ledger.pendingPayments().map(({ txid }) => txid),
    [payment.txid],
  )
  assert.equal(ledger.unspent().length, before.length - 1)
})

test('a double spend that confirms first makes the payment and what follows it conflicted, until it is left again', () => {
  const ledger = minerAt(base)
  const payment = net.miner.pay([first], other.scriptPubKey, 1_000)
  const child = net.miner.pay(net.miner.coinsOf(payment), other.scriptPubKey, 2_000)
  // Pays nobody of this wallet.
  const rival = net.miner.pay([first], other.scriptPubKey, first.value)
  for (const transaction of [payment, child]) ledger.addToMempool(transaction, 0)
  assert.deepEqual(
    ledger.pendingPayments().map(({ txid }) => txid),
    [payment.txid, child.txid],
  )
  const block = net.mineBlock(base, [rival])
  ledger.connectBlock(block.block, block.height)
  assert.deepEqual(
    [payment, child, rival].map((tx) => stateOf(ledger, tx)),
    ['conflicted', 'conflicted', 'confirmed'],
  )
  assert.deepEqual(coinsIn(ledger), coinsOn(net, block, net.miner))
  ledger.disconnectTo({ hash: base.block.hash, height: base.height })
  assert.deepEqual(
    [payment, child, rival].map((tx) => stateOf(ledger, tx)),
    ['pending', 'pending', 'pending'],
  )
})

test("a stranger's payment to us is told when someone else's double spend confirms", () => {
  const ledger = ledgerOf(other, net.genesis)
  for (const { block, height } of net.branch(base)) ledger.connectBlock(block, height)
  const incoming = net.miner.pay([second], other.scriptPubKey, 7_000)
  ledger.addToMempool(incoming, 0)
  assert.equal(ledger.isTrusted(ledger.get(incoming.txid)!), false)
  assert.equal(ledger.unspent().length, 1)
  const rival = net.miner.pay([second], net.miner.scriptPubKey, 1_000)
  const block = net.mineBlock(base, [rival])
  assert.deepEqual([...ledger.connectBlock(block.block, block.height)], [incoming.txid])
  assert.equal(stateOf(ledger, incoming), 'conflicted')
  assert.deepEqual(ledger.unspent(), [])
})

test('a replacement in the mempool retires what it replaces, and either may confirm', () => {
  const payment = net.miner.pay([first], other.scriptPubKey, 1_000, 10)
  const replacement = net.miner.pay([first], other.scriptPubKey, 1_000, 500)
  const mempool = (ledger: Ledger) => {
    ledger.addToMempool(payment, 0)
    ledger.addToMempool(replacement, 1)
    ledger.removeFromMempool(payment.txid, true)
    assert.deepEqual(
      [payment, replacement].map((tx) => stateOf(ledger, tx)),
      ['replaced', 'pending'],
    )
    return ledger
  }
  for (const confirmed of [payment, replacement]) {
    const ledger = mempool(minerAt(base))
    const block = net.mineBlock(base, [confirmed])
    ledger.connectBlock(block.block, block.height)
    const states = confirmed === payment ? ['confirmed', 'conflicted'] : ['replaced', 'confirmed']
    assert.deepEqual(
      [payment, replacement].map((tx) => stateOf(ledger, tx)),
      states,
    )
    assert.deepEqual(coinsIn(ledger), coinsOn(net, block, net.miner))
  }
})

test("a stranger's payment that was replaced is told so, though its replacement pays someone else", () => {
  const ledger = ledgerOf(other, net.genesis)
  const incoming = net.miner.pay([second], other.scriptPubKey, 7_000)
  ledger.addToMempool(incoming, 0)
  ledger.removeFromMempool(incoming.txid, true)
  assert.equal(stateOf(ledger, incoming), 'replaced')
})

test('what spends a coinbase of a block that was left is lost with it', () => {
  const ledger = minerAt(base)
  const payment = net.miner.pay([second], other.scriptPubKey, 1_000)
  ledger.addToMempool(payment, 0)
  const fork = net.ancestor(base, 1)
  ledger.disconnectTo({ hash: fork.block.hash, height: 1 })
  assert.equal(stateOf(ledger, payment), 'conflicted')
  for (const { block, height } of net.branch(base).slice(1)) ledger.connectBlock(block, height)
  assert.equal(stateOf(ledger, payment), 'pending')
})

test('a payment that is given up frees its coins', () => {
  const ledger = minerAt(base)
  const payment = net.miner.pay([first], other.scriptPubKey, 1_000)
  ledger.record(payment, 0)
  ledger.abandon(payment.txid)
  assert.equal(stateOf(ledger, payment), 'abandoned')
  assert.deepEqual(coinsIn(ledger), coinsOn(net, base, net.miner))
  ledger.addToMempool(payment, 0)
  assert.equal(stateOf(ledger, payment), 'pending', 'unless someone sends it after all')
})

// --- Addresses ---

test('payments far ahead are found while no gap is wider than the limit, also within one block', () => {
  const fresh = new AddressBook(account, PREFIX)
  const spread = [GAP_LIMIT - 1, 2 * GAP_LIMIT - 1, 3 * GAP_LIMIT - 1]
  const outputs = spread.map((index) => ({ value: first.value, scriptPubKey: keyAt(index) }))
  // The farthest first: it is unknown until those behind it in the block are known.
  const block = net.mineBlock(net.genesis, [], {
    outputs: outputs.toReversed().map((output) => ({ ...output })),
  })
  const ledger = new Ledger(fresh, { hash: net.genesis.block.hash, height: 0 })
  ledger.connectBlock(block.block, 1)
  assert.deepEqual(
    ledger
      .unspent()
      .map(({ key }) => key.index)
      .sort((a, b) => a - b),
    spread,
  )
  assert.equal(fresh.peek(RECEIVING).index, 3 * GAP_LIMIT)

  const beyond = new AddressBook(account, PREFIX)
  assert.equal(beyond.find(keyAt(GAP_LIMIT)), undefined)
  assert.equal(beyond.find(keyAt(GAP_LIMIT - 1))?.index, GAP_LIMIT - 1)
})

test('an address is marked when a search from words alone would not reach it', () => {
  const book = new AddressBook(account, PREFIX)
  book.issueTowards([GAP_LIMIT + 2, 0])
  assert.equal(book.reach(RECEIVING), GAP_LIMIT)
  // Whatever is used behind the gap, a search never comes to it.
  book.markUsed(book.issued(RECEIVING)[GAP_LIMIT])
  assert.equal(book.reach(RECEIVING), GAP_LIMIT)
  book.markUsed(book.issued(RECEIVING)[5])
  assert.equal(book.reach(RECEIVING), 2 * GAP_LIMIT + 1)
})

test('a key is handed out once', () => {
  const book = new AddressBook(account, PREFIX, [3, 1])
  const keys = Array.from({ length: 30 }, () => {
    const key = book.peek(RECEIVING)
    book.issue(key)
    return key.index
  })
  assert.deepEqual(
    keys,
    Array.from({ length: 30 }, (_, i) => i + 3),
  )
  assert.deepEqual(book.next, [33, 1])
  assert.equal(book.peek(CHANGE).branch, CHANGE)
})

function keyAt(index: number): Uint8Array {
  const book = new AddressBook(account, PREFIX)
  while (book.issueTowards([index + 1, 0]));
  return book.issued(RECEIVING)[index].scriptPubKey
}
