/**
 * The hash kernel: what its module exports. SHA-256 of one message at a time, and of what a block has many of at once, four in parallel. The caller
 * writes messages into the input buffer.
 */
import * as lanes from './lanes'
import * as merkle from './merkle'
import * as stream from './stream'
import * as transactions from './transactions'

/** Bytes that the input buffer holds: whole levels of 64-byte pairs. */
const CAPACITY: u32 = 65536
/** Transactions of a call. */
const MAX_TRANSACTIONS: u32 = 1024

/** Vectors are read beyond the end. */
const buffer = memory.data(65536 + 256, 16)
const table = memory.data(1024 * 8)
const results = memory.data(1024 * 64, 16)

/** Address of the input buffer. */
export function input(): usize {
  return buffer
}

/** Bytes that the input buffer holds. */
export function capacity(): u32 {
  return CAPACITY
}

/** Address of what a call computed: a hash of 32 bytes, or the identifiers of transactions. */
export function output(): usize {
  return results
}

/** Address of the state of the hash under way, 32 bytes: a midstate after a multiple of 64 bytes. */
export function state(): usize {
  return stream.state
}

/** Starts a hash. */
export function begin(): void {
  stream.start()
}

/** Starts a hash from the midstate that was written to `state`, after 64 bytes. */
export function resume(): void {
  stream.startFrom(stream.state)
}

/** Adds the first `bytes` bytes in the input buffer to the hash. */
export function absorb(bytes: u32): void {
  stream.absorb(buffer, bytes)
}

/** Ends the hash. */
export function finish(): void {
  stream.finish(results)
}

/** Ends the hash and hashes its 32 bytes again. */
export function finishTwice(): void {
  stream.finish(results)
  stream.start()
  stream.absorb(results, 32)
  stream.finish(results)
}

/** Bytes of a transaction that `identify` takes, at most. */
export function maxTransactionBytes(): u32 {
  return transactions.MAX_BYTES
}

/** Transactions that `identify` takes, at most. */
export function maxTransactions(): u32 {
  return MAX_TRANSACTIONS
}

/** Where `identify` reads of each transaction its length and the offset of its witness, or of the lock time where it has none, in 32 bits each. */
export function entries(): usize {
  return table
}

/**
 * Identifies the first `count` transactions in the input buffer, which lie one after another: 64 bytes for each, its txid and its wtxid.
 */
export function identify(count: u32): void {
  transactions.identify(buffer, table, count, results)
}

/**
 * Replaces the first `count` nodes in the input buffer, 32 bytes each and one at least, by the level of the merkle tree above them. Returns
 * whether two nodes with the same parent are equal, the last of an odd number apart, which is its own sibling.
 */
export function merkleLevel(count: u32): bool {
  return merkle.level(buffer, count)
}

lanes.initialize()
transactions.initialize()
