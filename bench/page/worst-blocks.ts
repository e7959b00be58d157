/**
 * The most expensive blocks that the public weight limit allows, each by another means: signatures, hashing, one giant transaction, deep
 * stacks, nested conditions, many tiny inputs, many witness items, many outputs. Made before the clock runs.
 */
import { schnorr } from '@noble/curves/secp256k1.js'
import { WEIGHT_PER_SIGNATURE } from '../../src/consensus/checks.ts'
import { sats } from '../../src/primitives/amount.ts'
import type { Block } from '../../src/primitives/block.ts'
import { concatBytes, EMPTY } from '../../src/primitives/bytes.ts'
import { Writer } from '../../src/primitives/codec.ts'
import { taggedHash } from '../../src/primitives/hashes.ts'
import { Transaction, type TxInput, unsignedInput } from '../../src/primitives/transaction.ts'
import { packOutputs } from '../../src/script/input-check.ts'
import { hashAnnex, SIGHASH_ALL, SIGHASH_ANYONECANPAY, SighashCache } from '../../src/script/sighash.ts'
import { p2trScript, type TweakedKey, taprootOutputKey } from '../../src/script/taproot.ts'
import { TestChain, type TestCoin, TestWallet } from '../../test/support/chain-builder.ts'
import { signKeyPath } from '../../test/support/transactions.ts'
import { LIGHT } from './chains.ts'

export interface WorstBlock {
  /** What it wastes. */
  readonly name: string
  /** To be connected first: they make the coins. */
  readonly funding: readonly Block[]
  readonly block: Block
}

/** Left for header, count, coinbase, and the transaction around its inputs. */
const RESERVED_WEIGHT = 2_000
/** What one transaction's witness may weigh beside an input of 41 bytes and an output of 43. */
const WITNESS_BYTES = LIGHT.weightLimit - RESERVED_WEIGHT - 4 * (41 + 43)
const KEY = new TestWallet('worst')
const PUBLIC_KEY = schnorr.getPublicKey(KEY.secretKey)

const OP_IF = 0x63
const OP_ENDIF = 0x68
const OP_2DROP = 0x6d
const OP_2DUP = 0x6e
const OP_DROP = 0x75
const OP_DUP = 0x76
const OP_ROLL = 0x7a
const OP_TUCK = 0x7d
const OP_RIPEMD160 = 0xa6
const OP_SHA1 = 0xa7
const OP_HASH160 = 0xa9
const OP_HASH256 = 0xaa
const OP_CHECKSIGVERIFY = 0xad
const OP_1 = 0x51
const OP_SUCCESS80 = 0x50

export function* worstBlocks(): Generator<WorstBlock> {
  yield repeatedSignature()
  yield distinctSignatures()
  yield keyPathInputs()
  for (const [name, opcode] of [
    ['hash256', OP_HASH256],
    ['hash160', OP_HASH160],
    ['sha1', OP_SHA1],
    ['ripemd160', OP_RIPEMD160],
  ] as const)
    yield hashes(name, opcode)
  yield deepStack()
  yield nestedConditions()
  yield tinyInputs()
  yield witnessItems()
  yield manyOutputs()
  yield manyTransactions()
}

/** One signature checked again and again: the budget of BIP342 allows a check per 50 bytes of witness, most of them annex. */
function repeatedSignature(): WorstBlock {
  const checks = Math.floor(WITNESS_BYTES / 50) - 1
  const script = repeat([OP_2DUP, OP_CHECKSIGVERIFY], checks, [OP_DROP])
  const annex = new Uint8Array(WITNESS_BYTES - script.length - 150).fill(0x50)
  return oneInput('signature-repeated', script, (sign) => [sign(script, annex), PUBLIC_KEY], annex)
}

/** As many signatures of their own as a block may hold, at most 1,000 on an input's stack, and what is left of the weight in hashing. */
function distinctSignatures(): WorstBlock {
  const signatures = Math.floor(LIGHT.weightLimit / WEIGHT_PER_SIGNATURE)
  const inputs = Math.ceil(signatures / 990)
  const perInput = Math.floor(signatures / inputs)
  const hashes = Math.floor((WITNESS_BYTES / inputs - 900 - perInput * 67) / 3)
  const script = concatBytes(
    repeat([OP_TUCK, OP_CHECKSIGVERIFY], perInput, [OP_DROP]),
    repeat([OP_DUP, OP_HASH256, OP_DROP], hashes, []),
  )
  return leafInputs('signatures', script, inputs, (sighashes, index, leafHash) => {
    const message = sighashes.sighash(index, 0, undefined, { leafHash, codeSeparatorPosition: 0xffffffff })
    return [
      new Uint8Array(520).fill(1),
      ...Array.from({ length: perInput }, (_, i) =>
        schnorr.sign(
          message as Uint8Array,
          KEY.secretKey,
          taggedHash('bench/aux', Uint8Array.of(i & 255, i >> 8)),
        ),
      ),
      PUBLIC_KEY,
    ]
  })
}

/** One transaction whose every input is signed by itself, with the costliest hash type. */
function keyPathInputs(): WorstBlock {
  const count = Math.floor((LIGHT.weightLimit - RESERVED_WEIGHT) / (4 * 41 + 67))
  const { chain, funding, tip, coins } = fund(KEY.scriptPubKey, count)
  const fields = {
    version: 2,
    lockTime: 0,
    inputs: coins.map(({ prevout }) => unsignedInput(prevout, 0xfffffffd)),
    outputs: [{ value: sats(1_000), scriptPubKey: KEY.scriptPubKey }],
  }
  const { transaction } = signKeyPath(
    fields,
    coins.map(({ value }) => ({
      secretKey: KEY.secretKey,
      value,
      hashType: SIGHASH_ALL | SIGHASH_ANYONECANPAY,
    })),
  )
  return { name: 'key-path', funding, block: chain.mineBlock(tip, [transaction]).block }
}

/** An element of 520 bytes hashed over and over. */
function hashes(name: string, opcode: number): WorstBlock {
  const script = repeat([OP_DUP, opcode, OP_DROP], Math.floor((WITNESS_BYTES - 700) / 3), [])
  return oneInput(name, script, () => [new Uint8Array(520).fill(1)])
}

/** 997 elements below the one that is fetched each time. */
function deepStack(): WorstBlock {
  const depth = 997
  const script = concatBytes(
    repeat([0x02, depth & 0xff, depth >> 8, OP_ROLL], Math.floor((WITNESS_BYTES - 3_000) / 4), []),
    repeat([OP_2DROP], depth >> 1, [OP_DROP]),
  )
  return oneInput('deep-stack', script, () => Array.from({ length: depth + 1 }, () => Uint8Array.of(1)))
}

function nestedConditions(): WorstBlock {
  const depth = Math.floor((WITNESS_BYTES - 200) / 3)
  const script = concatBytes(
    repeat([OP_1, OP_IF], depth, []),
    Uint8Array.of(OP_1),
    repeat([OP_ENDIF], depth, []),
  )
  return oneInput('nested-conditions', script, () => [])
}

/** The smallest inputs by script path: each asks for its own check of the control block. */
function tinyInputs(): WorstBlock {
  const count = Math.floor((LIGHT.weightLimit - RESERVED_WEIGHT) / (4 * 41 + 37))
  return leafInputs('tiny-inputs', Uint8Array.of(OP_1), count, () => [])
}

/** A witness of one-byte items, which a script of OP_SUCCESS accepts. */
function witnessItems(): WorstBlock {
  return oneInput('witness-items', Uint8Array.of(OP_SUCCESS80), () =>
    new Array<Uint8Array>(WITNESS_BYTES - 200).fill(EMPTY),
  )
}

function manyOutputs(): WorstBlock {
  const { chain, funding, tip, coins } = fund(KEY.scriptPubKey, 1)
  const outputs = Math.floor((LIGHT.weightLimit - RESERVED_WEIGHT) / (43 * 4))
  const value = sats(Math.floor(coins[0].value / outputs))
  const spend = KEY.spend(
    coins,
    Array.from({ length: outputs }, () => ({ value, scriptPubKey: KEY.scriptPubKey })),
  )
  return { name: 'outputs', funding, block: chain.mineBlock(tip, [spend]).block }
}

/** Transactions with one input and one output. */
function manyTransactions(): WorstBlock {
  const count = Math.floor((LIGHT.weightLimit - RESERVED_WEIGHT) / (4 * (10 + 41 + 43) + 68))
  const { chain, funding, tip, coins } = fund(KEY.scriptPubKey, count)
  const spends = coins.map((coin) =>
    KEY.spend([coin], [{ value: sats(coin.value - 200), scriptPubKey: KEY.scriptPubKey }]),
  )
  return { name: 'transactions', funding, block: chain.mineBlock(tip, spends).block }
}

type Sign = (script: Uint8Array, annex?: Uint8Array) => Uint8Array

/** One transaction with one input that runs `script`. */
function oneInput(
  name: string,
  script: Uint8Array,
  stack: (sign: Sign) => Uint8Array[],
  annex?: Uint8Array,
): WorstBlock {
  return leafInputs(
    name,
    script,
    1,
    (sighashes, index, leafHash) =>
      stack(() => {
        const context = { leafHash, codeSeparatorPosition: 0xffffffff }
        const message = sighashes.sighash(index, 0, annex && hashAnnex(annex), context)
        return schnorr.sign(message as Uint8Array, KEY.secretKey, new Uint8Array(32))
      }),
    annex,
  )
}

/** One transaction with `count` inputs that run `script` each, on the stack that `stack` makes. */
function leafInputs(
  name: string,
  script: Uint8Array,
  count: number,
  stack: (sighashes: SighashCache, index: number, leafHash: Uint8Array) => Uint8Array[],
  annex?: Uint8Array,
): WorstBlock {
  const leafHash = taggedHash('TapLeaf', new Writer(script.length + 6).u8(0xc0).varBytes(script).finish())
  const { outputKey, oddY } = taprootOutputKey(PUBLIC_KEY, leafHash) as TweakedKey
  const scriptPubKey = p2trScript(outputKey)
  const control = concatBytes(Uint8Array.of(0xc0 | (oddY ? 1 : 0)), PUBLIC_KEY)
  const { chain, funding, tip, coins } = fund(scriptPubKey, count)
  const unsigned = Transaction.of({
    version: 2,
    lockTime: 0,
    inputs: coins.map(({ prevout }) => unsignedInput(prevout, 0xfffffffd)),
    outputs: [{ value: sats(1_000), scriptPubKey: KEY.scriptPubKey }],
  })
  const sighashes = new SighashCache(
    unsigned,
    packOutputs(coins.map(({ value }) => ({ value, scriptPubKey }))),
  )
  const inputs: TxInput[] = unsigned.inputs.map((input, index) => ({
    ...input,
    witness: [...stack(sighashes, index, leafHash), script, control, ...(annex ? [annex] : [])],
  }))
  const spend = Transaction.of({ ...unsigned, inputs })
  return { name, funding, block: chain.mineBlock(tip, [spend]).block }
}

/** A chain with `count` coins that pay to `scriptPubKey`. */
function fund(scriptPubKey: Uint8Array, count: number) {
  const chain = new TestChain(LIGHT)
  const wallet = new TestWallet('funds')
  const first = chain.mineBlock(chain.genesis, [], { scriptPubKey: wallet.scriptPubKey })
  const coin = wallet.coinbaseOf(first)
  const value = sats(Math.floor(coin.value / count))
  const split = wallet.spend(
    [coin],
    Array.from({ length: count }, () => ({ value, scriptPubKey })),
  )
  const tip = chain.mineBlock(first, [split])
  const coins: TestCoin[] = split.outputs.map((_, index) => ({
    prevout: { txid: split.txidBytes, index },
    value,
  }))
  return { chain, funding: [first.block, tip.block], tip, coins }
}

/** `count` times `body`, then `end`. */
function repeat(body: readonly number[], count: number, end: readonly number[]): Uint8Array {
  const script = new Uint8Array(body.length * count + end.length)
  for (let i = 0; i < count; i++) script.set(body, i * body.length)
  script.set(end, body.length * count)
  return script
}
