/**
 * What computes SHA-256 on a thread. Everybody hashes through `hashes.ts`, `merkleRoot` and the identifiers of transactions, which ask the hasher
 * of their thread: noble's code, until a thread's root installs a faster one at its start. A hasher is a pure function of its arguments; one that
 * differs from another in a single bit makes its tab leave the network.
 */
import { sha256 } from '@noble/hashes/sha2.js'
import { equalBytes } from './bytes.ts'

/** A transaction in BIP144 serialisation. */
export interface SerialisedTransaction {
  readonly bytes: Uint8Array
  /** Offset in `bytes` of the witness, or of the lock time where there is none. */
  readonly witnessOffset: number
}

export interface MerkleRoot {
  /** 32 bytes, internal order. */
  readonly root: Uint8Array
  /** Whether two different siblings at some level are equal (CVE-2012-2459). */
  readonly repeated: boolean
}

/** Every hash returned is new memory of 32 bytes, internal order, and no argument is kept. */
export interface Hasher {
  /** Of the parts, one after another. */
  sha256(parts: readonly Uint8Array[]): Uint8Array
  /** SHA-256 of `sha256`. */
  sha256d(parts: readonly Uint8Array[]): Uint8Array
  /** BIP340: SHA-256(SHA-256(tag) ‖ SHA-256(tag) ‖ parts…). The tag is ASCII. */
  taggedHash(tag: string, parts: readonly Uint8Array[]): Uint8Array
  /** For each transaction 64 bytes: its txid and its wtxid (BIP141). */
  identify(transactions: readonly SerialisedTransaction[]): Uint8Array
  /** Of `leaves`, 32 bytes each and one at least, one after another. */
  merkleRoot(leaves: Uint8Array): MerkleRoot
}

/** Bytes of a transaction's marker and flag, which precede its inputs where it has a witness. */
const MARKER_AND_FLAG = 2
const VERSION_BYTES = 4
const LOCK_TIME_BYTES = 4

/** Whether any input has a witness. */
export function hasWitness({ bytes, witnessOffset }: SerialisedTransaction): boolean {
  return bytes.length - witnessOffset > LOCK_TIME_BYTES
}

/** The parts of a transaction that its txid commits to: all but marker, flag and witness. */
export function strippedParts(transaction: SerialisedTransaction): readonly Uint8Array[] {
  const { bytes, witnessOffset } = transaction
  if (!hasWitness(transaction)) return [bytes]
  return [
    bytes.subarray(0, VERSION_BYTES),
    bytes.subarray(VERSION_BYTES + MARKER_AND_FLAG, witnessOffset),
    bytes.subarray(-LOCK_TIME_BYTES),
  ]
}

const tags = new Map<string, ReturnType<typeof sha256.create>>()

/** The plain hasher. */
export const NOBLE_HASHER: Hasher = {
  sha256: (parts) => digest(sha256.create(), parts),

  sha256d: (parts) => sha256(digest(sha256.create(), parts)),

  taggedHash(tag, parts) {
    let start = tags.get(tag)
    if (!start) {
      const tagHash = sha256(Uint8Array.from(tag, (char) => char.charCodeAt(0)))
      start = sha256.create().update(tagHash).update(tagHash)
      tags.set(tag, start)
    }
    return digest(start.clone(), parts)
  },

  identify(transactions) {
    const ids = new Uint8Array(transactions.length * 64)
    transactions.forEach((transaction, i) => {
      const txid = this.sha256d(strippedParts(transaction))
      ids.set(txid, i * 64)
      ids.set(hasWitness(transaction) ? this.sha256d([transaction.bytes]) : txid, i * 64 + 32)
    })
    return ids
  },

  merkleRoot(leaves) {
    let level = leaves
    let repeated = false
    while (level.length > 32) {
      const above = new Uint8Array(Math.ceil(level.length / 64) * 32)
      for (let at = 0; at < level.length; at += 64) {
        const left = level.subarray(at, at + 32)
        const right = level.subarray(at + 32, at + 64)
        if (equalBytes(left, right)) repeated = true
        // The last of an odd number is its own sibling.
        above.set(this.sha256d([left, right.length > 0 ? right : left]), at / 2)
      }
      level = above
    }
    return { root: level.slice(), repeated }
  },
}

function digest(hash: ReturnType<typeof sha256.create>, parts: readonly Uint8Array[]): Uint8Array {
  for (const part of parts) hash.update(part)
  return hash.digest()
}

let installed = NOBLE_HASHER

/** The hasher of this thread. */
export function hasher(): Hasher {
  return installed
}

/** Replaces the hasher of this thread: a thread's root calls it before anything is hashed, with a hasher that was tested. */
export function installHasher(faster: Hasher): void {
  installed = faster
}
