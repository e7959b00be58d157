/**
 * Encryption under a passphrase: scrypt and AES-256-GCM, both from noble. The parameters travel with the box and
 * are bounded when it is read, so that a forged one can't exhaust the tab. Synchronous and slow by design; the
 * signer worker only.
 */
import { gcm } from '@noble/ciphers/aes.js'
import { scrypt } from '@noble/hashes/scrypt.js'
import { utf8 } from '@scure/base'
import { bytesToHex, hexToBytes, isHex } from '../primitives/bytes.ts'
import type { Random } from '../primitives/ports.ts'
import { invalid, ok, type Result } from '../wallet/result.ts'

/**
 * Something sealed. Byte strings are lower-case hex, so that one value goes into IndexedDB and into a backup file.
 */
export interface PassphraseBox {
  readonly kdf: 'scrypt'
  /** Binary logarithm of scrypt's N (RFC 7914). */
  readonly logN: number
  readonly r: number
  readonly p: number
  /** 16 bytes. */
  readonly salt: string
  readonly cipher: 'aes-256-gcm'
  /** 12 bytes. */
  readonly nonce: string
  /** Ends with the 16-byte tag. */
  readonly ciphertext: string
}

/** scrypt's N as a power of two: 128 MiB and 0.4 to 0.8 s a guess with noble, in a tab as in Node. */
export const DEFAULT_LOG_N = 17

/** Limits of what is opened: memory (128 · N · r bytes) and rounds of a guess, and the size of what is sealed. */
const MAX_MEMORY_BYTES = 2 ** 28
const MAX_P = 4
const MAX_CIPHERTEXT_BYTES = 16 * 2 ** 20

/** Seals `plaintext`. `context` is bound to it but not hidden: opening asks for the same. */
export function sealBox(
  plaintext: Uint8Array,
  passphrase: string,
  context: string,
  random: Random,
  logN: number,
): PassphraseBox {
  const box = { kdf: 'scrypt', logN, r: 8, p: 1, salt: bytesToHex(random.bytes(16)) } as const
  const nonce = random.bytes(12)
  const key = deriveKey(box, passphrase)
  const ciphertext = gcm(key, nonce, utf8.decode(context)).encrypt(plaintext)
  key.fill(0)
  return { ...box, cipher: 'aes-256-gcm', nonce: bytesToHex(nonce), ciphertext: bytesToHex(ciphertext) }
}

/**
 * What was sealed; wipe it after use. Rejects with `wallet-passphrase-incorrect`: a changed box can't be told from
 * a wrong passphrase.
 */
export function openBox(box: PassphraseBox, passphrase: string, context: string): Result<Uint8Array> {
  const key = deriveKey(box, passphrase)
  try {
    return ok(gcm(key, hexToBytes(box.nonce), utf8.decode(context)).decrypt(hexToBytes(box.ciphertext)))
  } catch {
    return invalid(
      'wallet-passphrase-incorrect',
      'The passphrase is not right. Mind upper and lower case and the keyboard layout, and try again: nothing was changed.',
    )
  } finally {
    key.fill(0)
  }
}

/** Whether a value from outside is a box that may be opened. */
export function isBox(value: unknown): value is PassphraseBox {
  const { kdf, logN, r, p, salt, cipher, nonce, ciphertext } = (value ?? {}) as Partial<
    Record<string, unknown>
  >
  return (
    kdf === 'scrypt' &&
    cipher === 'aes-256-gcm' &&
    isBetween(logN, 1, 20) &&
    isBetween(r, 1, 32) &&
    isBetween(p, 1, MAX_P) &&
    128 * 2 ** logN * r <= MAX_MEMORY_BYTES &&
    isHexText(salt, 16) &&
    isHexText(nonce, 12) &&
    isHexText(ciphertext) &&
    ciphertext.length <= MAX_CIPHERTEXT_BYTES * 2
  )
}

function isBetween(value: unknown, low: number, high: number): value is number {
  return Number.isInteger(value) && (value as number) >= low && (value as number) <= high
}

function isHexText(value: unknown, byteLength?: number): value is string {
  return typeof value === 'string' && isHex(value, byteLength)
}

/** 32 bytes. NFKC, so that the same passphrase typed on another system is the same. */
function deriveKey(
  { logN, r, p, salt }: Pick<PassphraseBox, 'logN' | 'r' | 'p' | 'salt'>,
  passphrase: string,
) {
  const password = utf8.decode(passphrase.normalize('NFKC'))
  const key = scrypt(password, hexToBytes(salt), { N: 2 ** logN, r, p, dkLen: 32 })
  password.fill(0)
  return key
}
