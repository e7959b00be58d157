/**
 * Port: the records of one wallet in the brain: its descriptor, its transactions and its address book. No secret
 * ever passes here: keys have a store of their own, see `key-record.ts`. Thread: the brain.
 */

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
