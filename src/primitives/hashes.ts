/** The hash functions of the protocol, and the branded names of their values. Synchronous, any thread. */
import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex, hexToBytes, reversed } from './bytes.ts'

export { sha256 }

/** A block hash in display order: 64 lower-case hex digits. */
export type BlockHash = string & { readonly __brand: 'BlockHash' }
/** A transaction id (hash without witness) in display order: 64 lower-case hex digits. */
export type Txid = string & { readonly __brand: 'Txid' }
/** A witness transaction id (BIP141) in display order: 64 lower-case hex digits. */
export type Wtxid = string & { readonly __brand: 'Wtxid' }

/** SHA-256 of SHA-256: 32 bytes, internal order. */
export function sha256d(data: Uint8Array): Uint8Array {
  return sha256(sha256(data))
}

/** 32 bytes in internal order as the hex people see (reversed). */
export function toDisplay<T extends BlockHash | Txid | Wtxid>(internal: Uint8Array): T {
  return bytesToHex(reversed(internal)) as T
}

/** The 32 bytes, internal order, behind a hash in display order. */
export function fromDisplay(hash: BlockHash | Txid | Wtxid): Uint8Array {
  return hexToBytes(hash).reverse()
}

const tags = new Map<string, ReturnType<typeof sha256.create>>()

/** BIP340 tagged hash: SHA-256(SHA-256(tag) ‖ SHA-256(tag) ‖ data…), 32 bytes. */
export function taggedHash(tag: string, ...data: Uint8Array[]): Uint8Array {
  let start = tags.get(tag)
  if (!start) {
    const tagHash = sha256(Uint8Array.from(tag, (char) => char.charCodeAt(0)))
    start = sha256.create().update(tagHash).update(tagHash)
    tags.set(tag, start)
  }
  const hash = start.clone()
  for (const part of data) hash.update(part)
  return hash.digest()
}
