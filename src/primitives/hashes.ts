/** The hash functions of the protocol, and the branded names of their values. Synchronous, any thread. */
import { sha256 as nobleSha256 } from '@noble/hashes/sha2.js'
import { bytesToHex, hexToBytes, reversed } from './bytes.ts'
import { hasher } from './hasher.ts'

/** A block hash in display order: 64 lower-case hex digits. */
export type BlockHash = string & { readonly __brand: 'BlockHash' }
/** A transaction id (hash without witness) in display order: 64 lower-case hex digits. */
export type Txid = string & { readonly __brand: 'Txid' }
/** A witness transaction id (BIP141) in display order: 64 lower-case hex digits. */
export type Wtxid = string & { readonly __brand: 'Wtxid' }

/** SHA-256 of the parts, one after another: 32 bytes. */
export function sha256(...parts: Uint8Array[]): Uint8Array {
  return hasher().sha256(parts)
}

/** SHA-256 of `sha256`: 32 bytes, internal order. */
export function sha256d(...parts: Uint8Array[]): Uint8Array {
  return hasher().sha256d(parts)
}

/** BIP340 tagged hash: SHA-256(SHA-256(tag) ‖ SHA-256(tag) ‖ parts…), 32 bytes. */
export function taggedHash(tag: string, ...parts: Uint8Array[]): Uint8Array {
  return hasher().taggedHash(tag, parts)
}

/** A SHA-256 that takes its data little by little, where it would not fit in memory at once. */
export function startSha256(): ReturnType<typeof nobleSha256.create> {
  return nobleSha256.create()
}

/** 32 bytes in internal order as the hex people see (reversed). */
export function toDisplay<T extends BlockHash | Txid | Wtxid>(internal: Uint8Array): T {
  return bytesToHex(reversed(internal)) as T
}

/** The 32 bytes, internal order, behind a hash in display order. */
export function fromDisplay(hash: BlockHash | Txid | Wtxid): Uint8Array {
  return hexToBytes(hash).reverse()
}
