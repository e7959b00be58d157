import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkBlock, checkTransaction, contextualCheckBlock } from '../../../src/consensus/checks.ts'
import { findWitnessCommitment } from '../../../src/consensus/coinbase.ts'
import { MAX_MONEY, REGTEST } from '../../../src/consensus/params.ts'
import { sats } from '../../../src/primitives/amount.ts'
import { Block, BlockHeader, decodeBlock, merkleRoot } from '../../../src/primitives/block.ts'
import { EMPTY, hexToBytes } from '../../../src/primitives/bytes.ts'
import type { Result } from '../../../src/primitives/result.ts'
import {
  NULL_OUTPOINT,
  Transaction,
  type TransactionFields,
  type TxOutput,
  unsignedInput,
} from '../../../src/primitives/transaction.ts'
import { type MineOptions, type TestBlock, TestChain } from '../../support/chain-builder.ts'

const chain = new TestChain()
const { miner, params } = chain
const base = chain.mineEmpty(chain.genesis, 3)
const coin = miner.coinbaseOf(base)
const payment = miner.pay([coin], miner.scriptPubKey, 1000)
const change = miner.pay([miner.coinsOf(payment)[1]], miner.scriptPubKey, 500)

function code(result: Result<unknown>): string {
  return result.ok ? 'ok' : `${result.kind} ${result.code}`
}

function nullData(length: number, value = 0): TxOutput {
  const scriptPubKey = new Uint8Array(length)
  scriptPubKey[0] = 0x6a
  return { value: sats(value), scriptPubKey }
}

function paying(...values: number[]): TxOutput[] {
  return values.map((value) => ({ value: sats(value), scriptPubKey: miner.scriptPubKey }))
}

function checked(change: Partial<TransactionFields>): string {
  return code(checkTransaction(Transaction.of({ ...payment, ...change }), params))
}

test('a transaction in order is accepted, with or without its witness', () => {
  assert.equal(code(checkTransaction(payment, params)), 'ok')
  assert.equal(checked({ inputs: [unsignedInput(coin.prevout, 0)] }), 'ok')
})

test('each rule about a transaction by itself has its code', () => {
  assert.equal(checked({ inputs: [] }), 'invalid bad-txns-vin-empty')
  assert.equal(checked({ outputs: [] }), 'invalid bad-txns-vout-empty')

  assert.equal(checked({ outputs: paying(0) }), 'ok')
  assert.equal(checked({ outputs: paying(-1) }), 'invalid bad-txns-vout-negative')
  assert.equal(checked({ outputs: paying(MAX_MONEY) }), 'ok')
  assert.equal(checked({ outputs: paying(MAX_MONEY + 1) }), 'invalid bad-txns-vout-toolarge')
  assert.equal(checked({ outputs: paying(MAX_MONEY - 5, 5) }), 'ok')
  assert.equal(checked({ outputs: paying(MAX_MONEY - 5, 6) }), 'invalid bad-txns-txouttotal-toolarge')

  const other = { ...coin.prevout, index: 1 }
  const spending = (...inputs: (typeof other)[]): string =>
    checked({ inputs: inputs.map((prevout) => unsignedInput(prevout, 0)) })
  assert.equal(spending(coin.prevout, other), 'ok')
  assert.equal(spending(coin.prevout, other, coin.prevout), 'invalid bad-txns-inputs-duplicate')
  for (const count of [8, 9, 30]) {
    const prevouts = Array.from({ length: count }, (_, index) => ({ ...coin.prevout, index }))
    assert.equal(spending(...prevouts), 'ok')
    for (const [at, from] of [
      [count - 1, 0],
      [1, 0],
      [count - 1, count - 2],
    ] as const)
      assert.equal(spending(...prevouts.with(at, prevouts[from])), 'invalid bad-txns-inputs-duplicate')
  }
  assert.equal(spending(coin.prevout, NULL_OUTPOINT), 'invalid bad-txns-prevout-null')
  const withScript = [{ ...unsignedInput(coin.prevout, 0), scriptSig: Uint8Array.of(0x51) }]
  assert.equal(checked({ inputs: withScript }), 'invalid bad-txns-scriptsig-not-empty')
})

test('an output is P2TR, or at most 83 bytes of OP_RETURN without value', () => {
  assert.equal(checked({ outputs: [nullData(1)] }), 'ok')
  assert.equal(checked({ outputs: [nullData(83)] }), 'ok')
  assert.equal(checked({ outputs: [nullData(84)] }), 'invalid bad-txns-output-type')
  assert.equal(checked({ outputs: [nullData(83, 1)] }), 'invalid bad-txns-output-type')
  const others = [
    '',
    '51',
    '0014'.padEnd(44, '0'),
    '5120'.padEnd(66, '0'),
    '5220'.padEnd(68, '0'),
    '51024e73',
  ]
  for (const script of others) {
    const outputs = [...paying(1), { value: sats(0), scriptPubKey: hexToBytes(script) }]
    assert.equal(checked({ outputs }), 'invalid bad-txns-output-type', script)
  }
})

test('a transaction that fills a block without its witness is the longest', () => {
  const outputs = Array.from({ length: 30 }, () => nullData(83))
  const long = Transaction.of({ ...payment, outputs })
  const at = (weightLimit: number): string => code(checkTransaction(long, { ...params, weightLimit }))
  assert.equal(at(long.strippedSize * 4), 'ok')
  assert.equal(at(long.strippedSize * 4 - 1), 'invalid bad-txns-oversize')
})

test("a coinbase's scriptSig has 2 to 100 bytes", () => {
  const length = (count: number): string =>
    checked({ inputs: [{ ...unsignedInput(NULL_OUTPOINT, 0), scriptSig: new Uint8Array(count) }] })
  assert.equal(length(1), 'invalid bad-cb-length')
  assert.equal(length(2), 'ok')
  assert.equal(length(100), 'ok')
  assert.equal(length(101), 'invalid bad-cb-length')
})

test('a transaction of 64 bytes without its witness is refused, one byte less or more is not (BIP54)', () => {
  const sized = (length: number): string => checked({ outputs: [nullData(length)] })
  assert.equal(Transaction.of({ ...payment, outputs: [nullData(4)] }).strippedSize, 64)
  assert.equal(sized(3), 'ok')
  assert.equal(sized(4), 'invalid bad-txns-size')
  assert.equal(sized(5), 'ok')
})

function mined(transactions: readonly Transaction[], options?: MineOptions): TestBlock {
  return chain.mineBlock(base, transactions, options)
}

function body({ block }: TestBlock, transactions: readonly Transaction[]): string {
  return code(checkBlock(Block.of(block.header, transactions), params))
}

function checkedBlock(transactions: readonly Transaction[], options?: MineOptions): string {
  return code(checkBlock(mined(transactions, options).block, params))
}

const good = mined([payment, change])
const [coinbase] = good.block.transactions

test('a block in order is accepted', () => {
  assert.equal(checkedBlock([]), 'ok')
  assert.equal(code(checkBlock(good.block, params)), 'ok')
  assert.equal(code(contextualCheckBlock(good.block, chain.contextAfter(base))), 'ok')
})

test('a body that is not the one its header commits to is mutated, never invalid', () => {
  assert.equal(body(good, [coinbase, change, payment]), 'mutated bad-txnmrklroot')
  assert.equal(body(good, [coinbase, payment]), 'mutated bad-txnmrklroot')
  assert.equal(body(good, []), 'mutated bad-txnmrklroot')
  // CVE-2012-2459.
  assert.equal(body(good, [coinbase, payment, change, change]), 'mutated bad-txns-duplicate')
  const cut = decodeBlock(good.block.bytes.subarray(0, -1))
  assert.equal(code(cut), 'mutated block-decode-failed')
})

test('witnesses changed on the way make a body mutated, whatever else they break', () => {
  const withWitness = (tx: Transaction, witness: Uint8Array[]): Transaction =>
    Transaction.of({ ...tx, inputs: tx.inputs.map((input) => ({ ...input, witness })) })
  const forged = withWitness(payment, [new Uint8Array(64)])
  assert.equal(body(good, [coinbase, forged, change]), 'mutated bad-witness-merkle-match')
  assert.equal(body(good, [coinbase, withWitness(payment, []), change]), 'mutated bad-witness-merkle-match')
  const stuffed = withWitness(payment, [new Uint8Array(4_000_000)])
  assert.equal(body(good, [coinbase, stuffed, change]), 'mutated bad-witness-merkle-match')

  assert.equal(body(good, [withWitness(coinbase, []), payment, change]), 'mutated bad-witness-nonce-size')
  for (const wrong of [
    [new Uint8Array(31)],
    [new Uint8Array(32), new Uint8Array(32)],
    [new Uint8Array(4_000_000)],
  ])
    assert.equal(
      body(good, [withWitness(coinbase, wrong), payment, change]),
      'mutated bad-witness-nonce-size',
    )
  const other = withWitness(coinbase, [new Uint8Array(32).fill(1)])
  assert.equal(body(good, [other, payment, change]), 'mutated bad-witness-merkle-match')
})

test('every block has a witness commitment, and the last one counts', () => {
  const without = (fields: TransactionFields): TransactionFields => ({
    ...fields,
    outputs: fields.outputs.slice(0, -1),
  })
  assert.equal(checkedBlock([], { coinbase: without }), 'invalid bad-witness-commitment')

  const decoy = { value: sats(0), scriptPubKey: hexToBytes('6a24aa21a9ed'.padEnd(76, '0')) }
  assert.equal(checkedBlock([payment], { outputs: [decoy] }), 'ok')
  const after = (fields: TransactionFields): TransactionFields => ({
    ...fields,
    outputs: [...fields.outputs, decoy],
  })
  assert.equal(checkedBlock([payment], { coinbase: after }), 'mutated bad-witness-merkle-match')

  const longer = { value: sats(0), scriptPubKey: Uint8Array.of(...decoy.scriptPubKey, 7) }
  assert.deepEqual(
    findWitnessCommitment(Transaction.of({ ...payment, outputs: [longer] })),
    new Uint8Array(32),
  )
  const shorter = { value: sats(0), scriptPubKey: decoy.scriptPubKey.subarray(0, 37) }
  assert.equal(findWitnessCommitment(Transaction.of({ ...payment, outputs: [shorter] })), undefined)
})

/** A block whose header commits to exactly these transactions, none added. */
function committedTo(transactions: readonly Transaction[]): Block {
  const { root } = merkleRoot(transactions.map((tx) => tx.txidBytes))
  return Block.of(BlockHeader.of({ ...good.block.header, merkleRoot: root }), transactions)
}

test('a block has transactions, and the first alone is a coinbase', () => {
  assert.equal(code(checkBlock(committedTo([]), params)), 'invalid bad-blk-length')
  assert.equal(code(checkBlock(committedTo([payment]), params)), 'invalid bad-cb-missing')
  const second = mined([], { extraNonce: Uint8Array.of(1) }).block.transactions[0]
  const bare = Transaction.of({
    ...second,
    inputs: second.inputs.map((input) => ({ ...input, witness: [] })),
  })
  assert.equal(checkedBlock([bare]), 'invalid bad-cb-multiple')
})

test('inner nodes of the merkle tree passed off as transactions are mutated: the header may have a good body', () => {
  const node = Transaction.of({
    ...payment,
    inputs: [unsignedInput(coin.prevout, 0)],
    outputs: [nullData(4)],
  })
  const fake = committedTo([node])
  const { root } = merkleRoot([node.bytes.subarray(0, 32), node.bytes.subarray(32)])
  assert.deepEqual(root, fake.header.merkleRoot, 'two transactions may stand behind it')
  assert.equal(code(checkBlock(fake, params)), 'mutated bad-cb-missing')
  // One of them is doubt enough.
  assert.equal(code(checkBlock(committedTo([payment, node]), params)), 'mutated bad-cb-missing')
  // Behind a coinbase the list is the true one.
  assert.equal(checkedBlock([node]), 'invalid bad-txns-size')
})

test('a block weighs no more than the limit', () => {
  const { block } = mined([payment], { outputs: Array.from({ length: 30 }, () => nullData(83)) })
  const at = (weightLimit: number): string => code(checkBlock(block, { ...params, weightLimit }))
  assert.equal(at(block.weight), 'ok')
  assert.equal(at(block.weight - 1), 'invalid bad-blk-weight')
})

test('a bad transaction makes its block invalid', () => {
  const burning = miner.spend([coin], [nullData(10, 5)])
  assert.equal(checkedBlock([payment, burning]), 'invalid bad-txns-output-type')
})

function contextual(transactions: readonly Transaction[], options?: MineOptions): string {
  const { block } = mined(transactions, options)
  assert.equal(code(checkBlock(block, params)), 'ok')
  return code(contextualCheckBlock(block, chain.contextAfter(base)))
}

test('a block holds only final transactions', () => {
  const { medianTimePast } = chain.contextAfter(base)
  const locked = (lockTime: number): string =>
    contextual([miner.spend([coin], paying(1), { lockTime, sequence: 0 })])
  assert.equal(locked(3), 'ok')
  assert.equal(locked(4), 'invalid bad-txns-nonfinal')
  assert.equal(locked(medianTimePast - 1), 'ok')
  assert.equal(locked(medianTimePast), 'invalid bad-txns-nonfinal')
})

test('a coinbase names its height and its network, and is locked to its height', () => {
  const edited = (
    change: (scriptSig: Uint8Array) => Uint8Array,
    rest: Partial<TransactionFields> = {},
  ): string =>
    contextual([], {
      coinbase: (fields) => ({
        ...fields,
        ...rest,
        inputs: fields.inputs.map((input) => ({ ...input, scriptSig: change(input.scriptSig) })),
      }),
    })
  const same = (scriptSig: Uint8Array): Uint8Array => scriptSig
  assert.equal(edited(same), 'ok')
  assert.equal(
    edited((script) => Uint8Array.of(...script, ...new Uint8Array(90))),
    'ok',
  )
  // Height 4 is OP_4; any longer push of it is another form of the same number.
  assert.equal(
    edited((script) => Uint8Array.of(0x55, ...script.subarray(1))),
    'invalid bad-cb-height',
  )
  assert.equal(
    edited((script) => Uint8Array.of(1, 4, ...script.subarray(1))),
    'invalid bad-cb-height',
  )
  const otherNetwork = (script: Uint8Array): Uint8Array => script.with(9, script[9] ^ 1)
  assert.equal(edited(otherNetwork), 'invalid bad-cb-network')
  assert.equal(
    edited((script) => script.subarray(0, 9)),
    'invalid bad-cb-network',
  )

  assert.equal(edited(same, { lockTime: 2 }), 'invalid bad-cb-locktime')
  assert.equal(edited(same, { lockTime: 4 }), 'invalid bad-txns-nonfinal')
  const final = (fields: TransactionFields): TransactionFields => ({
    ...fields,
    inputs: fields.inputs.map((input) => ({ ...input, sequence: 0xffffffff })),
  })
  assert.equal(contextual([], { coinbase: final }), 'invalid bad-cb-sequence')
})

test('a coinbase of another network of the same height is refused', () => {
  const elsewhere = new TestChain({ ...REGTEST, name: 'elsewhere' })
  const { block } = elsewhere.mineEmpty(elsewhere.genesis, 4)
  assert.equal(code(contextualCheckBlock(block, chain.contextAfter(base))), 'invalid bad-cb-network')
})

test('heights from one byte to three are pushed as Bitcoin does', () => {
  const pushes: [number, string][] = [
    [1, '51'],
    [16, '60'],
    [17, '0111'],
    [128, '028000'],
    [65_536, '03000001'],
  ]
  for (const [height, push] of pushes) {
    const { block } = chain.mineBlock({ ...base, height: height - 1 })
    const { scriptSig } = block.transactions[0].inputs[0]
    assert.deepEqual(scriptSig.subarray(0, push.length / 2), hexToBytes(push))
    const context = { ...chain.contextAfter(base), height }
    assert.equal(code(contextualCheckBlock(block, context)), 'ok')
    assert.equal(
      code(contextualCheckBlock(block, { ...context, height: height + 1 })),
      'invalid bad-cb-height',
    )
  }
})

test('an extra nonce makes a coinbase unique', () => {
  const txids = [EMPTY, Uint8Array.of(1)].map(
    (extraNonce) => mined([], { extraNonce }).block.transactions[0].txid,
  )
  assert.notEqual(txids[0], txids[1])
})
