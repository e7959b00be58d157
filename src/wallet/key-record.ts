/**
 * The encrypted seed as it lies in storage: plain data whose decoder bounds every field, and the port that keeps it.
 * Thread: the signer worker only.
 */

/**
 * Something sealed under a passphrase: scrypt (RFC 7914) makes the key, AES-256-GCM the ciphertext. Byte strings are lower-case hex, so that
 * the same value goes into IndexedDB and into a backup file.
 */
export interface PassphraseBox {
  readonly kdf: 'scrypt'
  /** Binary logarithm of scrypt's N. */
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

/** The one record of a key store. Everything but `box` is public; the box authenticates it. */
export interface KeyRecord {
  readonly version: 1
  /** Genesis hash of the network, display order. */
  readonly network: string
  /** Descriptor of the account, see `Account`. */
  readonly descriptor: string
  /** Seconds since 1970, see `Account`. */
  readonly birthday: number
  /** Holds the BIP39 entropy, 16 to 32 bytes. */
  readonly box: PassphraseBox
}

/** Port: keeps one record. Durable in the strict sense when `save` resolves; throws when storage fails. */
export interface KeyStore {
  /** The stored record, unvalidated: what comes from a disk is input. Undefined when there is none. */
  load(): Promise<unknown>
  /** Replaces the record. A failed save leaves the former one. */
  save(record: KeyRecord): Promise<void>
}
