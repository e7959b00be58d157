/**
 * The encrypted seed as it lies in storage, and the port that keeps it. Thread: the signer worker only.
 */
import { isHex } from '../primitives/bytes.ts'
import { isBox, type PassphraseBox } from './passphrase-box.ts'

/** The one record of a key store: plain data. Everything but `box` is public, and the box authenticates it. */
export interface KeyRecord {
  readonly version: 1
  /** Genesis hash of the network, display order. */
  readonly network: string
  /** Descriptor of the account, see `Account`. */
  readonly descriptor: string
  /** Seconds since 1970, see `Account`. */
  readonly birthday: number
  /** Holds the BIP39 entropy, 16 to 32 bytes, in the context that `recordContext` names. */
  readonly box: PassphraseBox
}

/** Port: keeps one record. Durable in the strict sense when `save` resolves; throws when storage fails. */
export interface KeyStore {
  /** The stored record, unvalidated: what comes from a disk is input. Undefined when there is none. */
  load(): Promise<unknown>
  /** Replaces the record. A failed save leaves the former one. */
  save(record: KeyRecord): Promise<void>
}

/** Whether a stored value is a key record that may be opened. */
export function isKeyRecord(value: unknown): value is KeyRecord {
  const { version, network, descriptor, birthday, box } = (value ?? {}) as Partial<Record<string, unknown>>
  return (
    version === 1 &&
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
