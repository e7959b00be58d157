/**
 * Ports: the wallets of a profile, and the records of each: its descriptor, its transactions and its address book. No secret
 * ever passes here: keys have stores of their own, see `key-record.ts`. Thread: the brain.
 */

/** What a profile keeps of a wallet beside its records. */
export interface WalletEntry {
  /** Whether it is loaded when the profile is opened. */
  readonly loadOnStartup: boolean
}

/** The wallets of a profile. A wallet's name stands for it everywhere, and never changes. */
export interface WalletDirectory {
  /** What is kept of all wallets, by name. */
  load(): Promise<ReadonlyMap<string, WalletEntry>>
  /** Enters a wallet, or changes what is kept of it. Durable in the strict sense when it resolves; throws when storage fails. */
  save(name: string, entry: WalletEntry): Promise<void>
  /** The records of one wallet: no other's are touched through it. */
  records(name: string): WalletStore
}

/**
 * Records under short text keys, each a JSON text that only the wallet reads. A store knows nothing about their
 * content. A wallet holds one record an own transaction and one a labelled address, so that all of them are read at
 * once.
 */
export interface WalletStore {
  /** All records; empty in a new wallet. */
  load(): Promise<Map<string, string>>
  /**
   * Writes every change or none; `undefined` deletes a record. Resolves when the changes are durable in the strict
   * sense: an address shown or a payment signed must survive the death of the tab and of the machine. Calls may
   * overlap and take effect in their order. Throws when storage fails: what was committed before stays readable.
   */
  commit(changes: ReadonlyMap<string, string | undefined>): Promise<void>
  close(): Promise<void>
}
