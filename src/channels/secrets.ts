/**
 * Per-commitment secrets (BOLT 3, Per-commitment Secret Requirements): derived from a seed, told one by one, and kept by who is told them in
 * at most 49 slots. Indices run down from 2^48 − 1; numbers of commitments run up from 0. Pure, any thread; `perCommitmentSecret` is for
 * the signer.
 */
import { bytesToHex, equalBytes } from '../primitives/bytes.ts'
import { DecodeError, decodeWith, type Reader, Writer } from '../primitives/codec.ts'
import { sha256 } from '../primitives/hashes.ts'
import { invalid, OK, type Result } from '../primitives/result.ts'

const INDEX_BITS = 48
/** Greatest number of a commitment, and index of the first secret: 2^48 − 1. */
export const MAX_COMMITMENT_NUMBER = 2 ** INDEX_BITS - 1

/** Index of the secret of commitment `number`, and the other way round. */
export function secretIndex(number: number): number {
  return MAX_COMMITMENT_NUMBER - number
}

/** Whether a bit of an index is set: indices have more bits than JavaScript's operators. */
function hasBit(index: number, bit: number): boolean {
  return Math.floor(index / 2 ** bit) % 2 === 1
}

/** BOLT 3, `derive_secret`: from a secret whose index agrees with `index` in all but the last `bits` bits, which are zero there. */
function deriveSecret(base: Uint8Array, bits: number, index: number): Uint8Array {
  let secret = base
  for (let bit = bits - 1; bit >= 0; bit--) {
    if (!hasBit(index, bit)) continue
    const flipped = secret.slice()
    flipped[bit >> 3] ^= 1 << (bit & 7)
    secret = sha256(flipped)
  }
  return secret
}

/** The secret at `index` (see `secretIndex`) of a seed, 32 bytes each (BOLT 3, `generate_from_seed`). */
export function perCommitmentSecret(seed: Uint8Array, index: number): Uint8Array {
  return deriveSecret(seed, INDEX_BITS, index)
}

interface KnownSecret {
  readonly index: number
  readonly secret: Uint8Array
}

/** The secrets that a counterparty has told: each that was told is found again (BOLT 3, Efficient Per-commitment Secret Storage). */
export class SecretStore {
  /** By the number of zero bits at the end of the index. */
  private readonly known: KnownSecret[] = []

  /**
   * Takes the secret at `index`, 32 bytes: the first at 2^48 − 1, each other one below. Rejects with `per-commitment-secret` one that does
   * not lead to those before it: nothing is changed then. Throws where `index` is not the next.
   */
  insert(index: number, secret: Uint8Array): Result<void> {
    if (index !== this.nextIndex) throw new Error(`Secret ${index} comes out of turn`)
    const bucket = trailingZeros(index)
    const all = this.known
      .slice(0, bucket)
      .every((known) => equalBytes(deriveSecret(secret, bucket, known.index), known.secret))
    if (!all)
      return invalid(
        'per-commitment-secret',
        `The secret of commitment ${secretIndex(index)} does not come from the seed of those before it.`,
      )
    this.known[bucket] = { index, secret }
    return OK
  }

  /** The index that comes next; −1 after the last. */
  get nextIndex(): number {
    const least = this.known.reduce((least, { index }) => Math.min(least, index), MAX_COMMITMENT_NUMBER + 1)
    return least - 1
  }

  /** The secret at `index`; undefined where it was not told yet. */
  find(index: number): Uint8Array | undefined {
    for (const [bits, { index: base, secret }] of this.known.entries())
      if (index - (index % 2 ** bits) === base) return deriveSecret(secret, bits, index)
    return undefined
  }

  /** At most 1,863 bytes: the number of slots in one, then each with its index (6 bytes, big-endian) and secret (32). */
  encode(): Uint8Array {
    const writer = new Writer(1 + this.known.length * 38).u8(this.known.length)
    for (const { index, secret } of this.known) {
      for (let bit = 40; bit >= 0; bit -= 8) writer.u8(Math.floor(index / 2 ** bit) % 0x100)
      writer.put(secret)
    }
    return writer.finish()
  }

  /** Reads what `encode` gave. Rejects with `secret-store` anything else. */
  static decode(bytes: Uint8Array): Result<SecretStore> {
    return decodeWith(bytes, 'secret-store', (reader) => {
      const store = new SecretStore()
      const slots = reader.u8()
      for (let slot = 0; slot < slots; slot++) {
        const index = readIndex(reader)
        if (trailingZeros(index) !== slot) throw new DecodeError(`has secret ${index} in slot ${slot}`)
        store.known.push({ index, secret: reader.take(32).slice() })
      }
      return store
    })
  }
}

function readIndex(reader: Reader): number {
  return Number.parseInt(bytesToHex(reader.take(6)), 16)
}

/** How many bits at the end of an index are zero: the slot of its secret (BOLT 3, `where_to_put_secret`). */
function trailingZeros(index: number): number {
  let bit = 0
  while (bit < INDEX_BITS && !hasBit(index, bit)) bit++
  return bit
}
