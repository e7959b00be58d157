/** Blocks with real proof of work that a hostile miner could make: by the rules, or breaking one of them. */
import { schnorr } from '@noble/curves/secp256k1.js'
import type { Chain } from '../chain/chain.ts'
import type { HeaderIndex } from '../chain/header-tree.ts'
import { buildCoinbase, witnessMerkleRoot } from '../consensus/coinbase.ts'
import { genesisDifficulty, nextBits, retarget } from '../consensus/difficulty.ts'
import { BLOCK_VERSION } from '../consensus/genesis.ts'
import { targetOf } from '../consensus/pow.ts'
import { subsidy } from '../consensus/subsidy.ts'
import { NONCES, withNonce } from '../mining/kernel.ts'
import { typescriptKernel } from '../mining/typescript-kernel.ts'
import { REPLACEABLE_SEQUENCE } from '../policy/fees.ts'
import { sats } from '../primitives/amount.ts'
import { Block, BlockHeader, type HeaderFields, merkleRoot } from '../primitives/block.ts'
import { hexToBytes } from '../primitives/bytes.ts'
import { Reader } from '../primitives/codec.ts'
import {
  type Outpoint,
  Transaction,
  type TransactionFields,
  unsignedInput,
} from '../primitives/transaction.ts'
import { packOutputs } from '../script/input-check.ts'
import { SIGHASH_DEFAULT, SighashCache } from '../script/sighash.ts'
import { p2trScript, taprootOutputKey, tweakSecretKey } from '../script/taproot.ts'

const FORGER_KEY = new Uint8Array(32).fill(2)

/** Whom forged blocks pay. */
export const FORGER_SCRIPT = p2trScript(taprootOutputKey(schnorr.getPublicKey(FORGER_KEY))!.outputKey)

/** How a block departs from a good one. Commitments and proof of work fit whatever results. */
export interface Forgery {
  /** Seconds since 1970; by default one spacing after the parent. */
  readonly time?: number
  /** After the coinbase. */
  readonly transactions?: readonly Transaction[]
  /** Satoshis that the coinbase claims beyond the subsidy. */
  readonly excess?: number
  /** Last word on the coinbase. */
  readonly coinbase?: (fields: TransactionFields) => TransactionFields
}

/** A block on `parent`, a block of a branch that `chain` has connected. */
export function forgeBlock(chain: Chain, parent: HeaderIndex, forgery: Forgery = {}): Block {
  const { params, headers, genesis } = chain
  const { transactions = [], excess = 0 } = forgery
  const height = headers.height(parent) + 1
  const built = buildCoinbase({
    height,
    genesisHash: genesis.header.hashBytes,
    extraNonce: new Uint8Array(1),
    outputs: [{ value: sats(subsidy(height, params) + excess), scriptPubKey: FORGER_SCRIPT }],
    snapshot: chain.contextOn(parent).snapshot,
    // The coinbase itself counts as zeros: any transaction stands for it.
    witnessRoot: witnessMerkleRoot([genesis.transactions[0], ...transactions]),
  })
  const all = [forgery.coinbase ? Transaction.of(forgery.coinbase(built)) : built, ...transactions]
  const time =
    forgery.time ?? Math.max(headers.time(parent) + params.targetSpacing, headers.medianTimePast(parent) + 1)
  const header = solve({
    version: BLOCK_VERSION,
    previousHash: headers.hashBytes(parent),
    merkleRoot: merkleRoot(all.map((tx) => tx.txidBytes)).root,
    time,
    bits: nextBits(headers.difficulty(parent), time, params),
    nonce: 0,
  })
  return Block.of(header, all)
}

/** `count` headers of a branch from genesis at the least difficulty there is. `salt` tells one branch from another. */
export function lowWorkHeaders(chain: Chain, count: number, salt: Uint8Array): BlockHeader[] {
  const { params, genesis } = chain
  const branch: BlockHeader[] = []
  let parent: BlockHeader = genesis.header
  let difficulty = genesisDifficulty(params)
  for (let i = 0; i < count; i++) {
    // As slow as the network aims at: the difficulty stays at its limit.
    const time = parent.time + params.targetSpacing
    const { bits, state } = retarget(difficulty, time, params)
    difficulty = state
    parent = solve({
      version: BLOCK_VERSION,
      previousHash: parent.hashBytes,
      merkleRoot: salt,
      time,
      bits,
      nonce: 0,
    })
    branch.push(parent)
  }
  return branch
}

/** A spend of a coin with this signature, 64 bytes. */
export function forgeSpend(prevout: Outpoint, value: number, signature: Uint8Array): Transaction {
  const input = { ...unsignedInput(prevout, REPLACEABLE_SEQUENCE), witness: [signature] }
  const outputs = [{ value: sats(value), scriptPubKey: FORGER_SCRIPT }]
  return Transaction.of({ version: 2, inputs: [input], outputs, lockTime: 0 })
}

/** A spend of a coin of `FORGER_SCRIPT`, which holds `held` satoshis and pays `value`, rightly signed. */
export function signedSpend(prevout: Outpoint, held: number, value: number): Transaction {
  const spentOutputs = packOutputs([{ value: sats(held), scriptPubKey: FORGER_SCRIPT }])
  const unsigned = forgeSpend(prevout, value, new Uint8Array(64))
  const message = new SighashCache(unsigned, spentOutputs).sighash(0, SIGHASH_DEFAULT)!
  return forgeSpend(prevout, value, schnorr.sign(message, tweakSecretKey(FORGER_KEY), new Uint8Array(32)))
}

function solve(fields: HeaderFields): BlockHeader {
  const { bytes } = BlockHeader.of(fields)
  const target = hexToBytes(targetOf(fields.bits).toString(16).padStart(64, '0'))
  const nonce = typescriptKernel.scan(bytes, target, 0, NONCES)
  if (nonce < 0) throw new Error('No nonce is left: this difficulty is not for simulations.')
  return BlockHeader.read(new Reader(withNonce(bytes, nonce)))
}
