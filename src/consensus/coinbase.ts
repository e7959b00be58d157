/**
 * The coinbase's form and its commitments: what every block's first transaction must hold, built here for miners and read
 * here by the checks. Pure.
 */
import { sats } from '../primitives/amount.ts'
import { merkleRoot } from '../primitives/block.ts'
import { concatBytes, equalBytes } from '../primitives/bytes.ts'
import { sha256d } from '../primitives/hashes.ts'
import { SEQUENCE_FINAL } from '../primitives/lock-times.ts'
import { NULL_OUTPOINT, Transaction, type TxOutput } from '../primitives/transaction.ts'
import { OP_RETURN, pushData, pushNumber } from '../script/opcodes.ts'
import { type SnapshotCommitment, snapshotOutput } from './snapshot.ts'

/** Greatest length of a coinbase's scriptSig, bytes (Bitcoin's). */
export const MAX_COINBASE_SCRIPT_BYTES = 100

/** Bytes of the genesis hash that a coinbase repeats. */
export const NETWORK_TAG_BYTES = 8

/** Witness reserved value (BIP141): 32 bytes that the commitment covers, free for later use. */
const RESERVED_VALUE = new Uint8Array(32)

/** OP_RETURN, push of 36, and BIP141's four bytes that mark the commitment. */
const COMMITMENT_PREFIX = Uint8Array.of(OP_RETURN, 0x24, 0xaa, 0x21, 0xa9, 0xed)

/**
 * How a coinbase's scriptSig starts at `height`: the height pushed as BIP34 says, then the first 8 bytes of the
 * genesis hash (internal order), so that no coinbase, and no spend of one, is valid on two networks.
 */
export function coinbasePrefix(height: number, networkTag: Uint8Array): Uint8Array {
  return concatBytes(pushNumber(height), pushData(networkTag.subarray(0, NETWORK_TAG_BYTES)))
}

export interface CoinbaseFields {
  readonly height: number
  /** Genesis hash, 32 bytes, internal order. */
  readonly genesisHash: Uint8Array
  /** Any bytes, at most 64; makes the coinbase unique to a miner. */
  readonly extraNonce: Uint8Array
  /** What it pays; its commitments are appended, the witness commitment last. */
  readonly outputs: readonly TxOutput[]
  /** `BlockContext.snapshot`. */
  readonly snapshot?: SnapshotCommitment
  /** Root over the wtxids of the block (`witnessMerkleRoot`), 32 bytes. */
  readonly witnessRoot: Uint8Array
}

/** Builds the coinbase of a block at `height` ≥ 1. */
export function buildCoinbase(fields: CoinbaseFields): Transaction {
  const { height, genesisHash, extraNonce, outputs, snapshot, witnessRoot } = fields
  return Transaction.of({
    version: 2,
    inputs: [
      {
        prevout: NULL_OUTPOINT,
        scriptSig: concatBytes(coinbasePrefix(height, genesisHash), extraNonce),
        sequence: SEQUENCE_FINAL - 1,
        witness: [RESERVED_VALUE],
      },
    ],
    outputs: [
      ...outputs,
      ...(snapshot ? [snapshotOutput(snapshot)] : []),
      commitmentOutput(witnessCommitment(witnessRoot, RESERVED_VALUE)),
    ],
    lockTime: Math.max(height - 1, 0),
  })
}

/** Merkle root over wtxids, the coinbase's counting as zeros (BIP141): it holds the commitment itself. 32 bytes. */
export function witnessMerkleRoot(transactions: readonly Transaction[]): Uint8Array {
  const leaves = transactions.map((tx, position) => (position === 0 ? new Uint8Array(32) : tx.wtxidBytes))
  return merkleRoot(leaves).root
}

/** BIP141's commitment hash, 32 bytes, over the witness root and the reserved value. */
export function witnessCommitment(witnessRoot: Uint8Array, reservedValue: Uint8Array): Uint8Array {
  return sha256d(concatBytes(witnessRoot, reservedValue))
}

function commitmentOutput(commitment: Uint8Array): TxOutput {
  return { value: sats(0), scriptPubKey: concatBytes(COMMITMENT_PREFIX, commitment) }
}

/** The 32-byte witness commitment of a coinbase: the last output that has the form counts (BIP141). Undefined for none. */
export function findWitnessCommitment(coinbase: Transaction): Uint8Array | undefined {
  const script = coinbase.outputs.findLast(
    ({ scriptPubKey }) =>
      scriptPubKey.length >= 38 && equalBytes(scriptPubKey.subarray(0, 6), COMMITMENT_PREFIX),
  )?.scriptPubKey
  return script?.subarray(6, 38)
}
