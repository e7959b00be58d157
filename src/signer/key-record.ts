/**
 * The encrypted seed as it lies in storage, and the ports that keep it. Thread: the signer worker only.
 */
import { utf8 } from '@scure/base'
import { concatBytes, isHex } from '../primitives/bytes.ts'
import { isBox, type PassphraseBox } from './passphrase-box.ts'

/** The one record of a key store: plain data. Everything but `box` is public, and the box authenticates it. */
export interface KeyRecord {
  /** 1 without a BIP39 passphrase, as all were up to 0.3.0; 2 with one: a program that knows none must not open it. */
  readonly version: 1 | 2
  /** Genesis hash of the network, display order. */
  readonly network: string
  /** Descriptor of the account, see `Account`. */
  readonly descriptor: string
  /** Seconds since 1970, see `Account`. */
  readonly birthday: number
  /** Holds what `encodeSecret` writes, in the context that `recordContext` names. */
  readonly box: PassphraseBox
}

/** What a seed is made of (BIP39). */
export interface Secret {
  /** 16 to 32 bytes. Wipe it after use. */
  readonly entropy: Uint8Array
  /** BIP39's own passphrase, the "25th word", which changes the keys; "" for none. Not that of the record. */
  readonly mnemonicPassphrase: string
}

/** Port: keeps one record. Durable in the strict sense when `save` resolves; throws when storage fails. */
export interface KeyStore {
  /** The stored record, unvalidated: what comes from a disk is input. Undefined when there is none. */
  load(): Promise<unknown>
  /** Replaces the record. A failed save leaves the former one. */
  save(record: KeyRecord): Promise<void>
}

/** Port: the stores of a profile's wallets, by the wallets' names. */
export interface KeyStores {
  /** Names of those that hold a record. */
  names(): Promise<readonly string[]>
  store(name: string): KeyStore
}

/** Whether a stored value is a key record that may be opened. */
export function isKeyRecord(value: unknown): value is KeyRecord {
  const { version, network, descriptor, birthday, box } = (value ?? {}) as Partial<Record<string, unknown>>
  return (
    (version === 1 || version === 2) &&
    typeof network === 'string' &&
    isHex(network, 32) &&
    typeof descriptor === 'string' &&
    Number.isSafeInteger(birthday) &&
    isBox(box)
  )
}

/**
 * The public fields as the box authenticates them: who exchanges the descriptor to receive the coins is found out
 * at unlocking.
 */
export function recordContext(record: Omit<KeyRecord, 'box'>): string {
  return JSON.stringify(['opentab/keys', record.version, record.network, record.descriptor, record.birthday])
}

/** A secret as the box of a record holds it: the entropy; in version 2 after a byte with its length, and followed by the passphrase in UTF-8. */
export function encodeSecret({ entropy, mnemonicPassphrase }: Secret): Pick<KeyRecord, 'version'> & {
  readonly bytes: Uint8Array
} {
  if (mnemonicPassphrase === '') return { version: 1, bytes: entropy.slice() }
  const bytes = concatBytes(Uint8Array.of(entropy.length), entropy, utf8.decode(mnemonicPassphrase))
  return { version: 2, bytes }
}

/** What `encodeSecret` wrote: a copy. */
export function decodeSecret(version: KeyRecord['version'], bytes: Uint8Array): Secret {
  if (version === 1) return { entropy: bytes.slice(), mnemonicPassphrase: '' }
  const end = 1 + bytes[0]
  return { entropy: bytes.slice(1, end), mnemonicPassphrase: utf8.encode(bytes.slice(end)) }
}
