/**
 * The wallet's records in its store, beside the ledger's own: the account, the tip that everything reflects, the
 * keys handed out, the labels. Writes go one after another, and none after one that failed. Thread: the brain.
 */
import type { BlockPlace } from '../chain/follower.ts'
import { StorageError } from '../chain/store.ts'
import { bytesToHex, hexToBytes } from '../primitives/bytes.ts'
import type { BlockHash } from '../primitives/hashes.ts'
import type { Branch, KeyPage, PerBranch } from './address-book.ts'
import type { Searched } from './ledger-follower.ts'
import type { Account } from './signer.ts'
import type { WalletStore } from './store.ts'

export type Records = Map<string, string | undefined>

const LABEL_PREFIX = 'label/'
const KEYS_PREFIX = 'keys/'

/** What the records tell, but for the ledger's. */
export interface StoredWallet {
  /** Genesis hash of its network. */
  readonly network: BlockHash
  readonly account: Account
  /** Per branch, the index of the next key to hand out. */
  readonly next: PerBranch
  readonly tip: BlockPlace
  /** See `locatorOf`. */
  readonly locator: readonly BlockHash[]
  readonly searched: Searched
  /** Index of the receiving key that mining pays to; undefined before there is one. */
  readonly mining?: number
}

/** As it may lie in a store of version 0.3.0: without the blocks searched. */
export type AnyStoredWallet = Omit<StoredWallet, 'searched'> & Partial<Pick<StoredWallet, 'searched'>>

/** The records of the account's state. They are small and written together: a store then holds one state, whole. */
export function encodeWallet(stored: StoredWallet): Records {
  return new Map([['wallet', JSON.stringify({ version: 1, ...stored })]])
}

/** Undefined in a new store. Throws on a record that no version of this wallet wrote: storage corruption. */
export function decodeWallet(records: ReadonlyMap<string, string>): AnyStoredWallet | undefined {
  const text = records.get('wallet')
  if (text === undefined) return undefined
  const { version, ...stored } = JSON.parse(text)
  if (version !== 1)
    throw new Error(`This wallet was written by a later version of the program (format ${version}).`)
  return stored
}

export function labelRecord(address: string, label: string | undefined): Records {
  return new Map([[`${LABEL_PREFIX}${address}`, label === undefined ? undefined : JSON.stringify(label)]])
}

/** Labels by address. */
export function decodeLabels(records: ReadonlyMap<string, string>): Map<string, string> {
  const labels = new Map<string, string>()
  for (const [key, text] of records)
    if (key.startsWith(LABEL_PREFIX)) labels.set(key.slice(LABEL_PREFIX.length), JSON.parse(text))
  return labels
}

export function keysRecord({ branch, page, outputKeys }: KeyPage): Records {
  return new Map([[`${KEYS_PREFIX}${branch}/${page}`, JSON.stringify(outputKeys.map(bytesToHex))]])
}

/** The keys that were derived before, in no set order. */
export function decodeKeys(records: ReadonlyMap<string, string>): KeyPage[] {
  const pages: KeyPage[] = []
  for (const [key, text] of records) {
    if (!key.startsWith(KEYS_PREFIX)) continue
    const [branch, page] = key.slice(KEYS_PREFIX.length).split('/').map(Number)
    const outputKeys = (JSON.parse(text) as string[]).map(hexToBytes)
    pages.push({ branch: branch as Branch, page, outputKeys })
  }
  return pages
}

/** What whoever still holds a wallet that was closed gets. `consequence`: a sentence. */
export function unloaded(consequence: string): StorageError {
  return new StorageError('closed', `The wallet was unloaded meanwhile. ${consequence}`)
}

/** Commits in order. */
export class RecordWriter {
  private readonly store: WalletStore
  private readonly failed: (error: Error) => void
  private failure: Error | undefined
  private last: Promise<void> = Promise.resolve()
  private isClosed = false

  /** `failed` is told of the first failure; every commit after it throws the same. */
  constructor(store: WalletStore, failed: (error: Error) => void) {
    this.store = store
    this.failed = failed
  }

  /** Takes no more commits: whoever opens the store next is alone with it. Resolves when the earlier ones are done. */
  async close(): Promise<void> {
    this.isClosed = true
    await this.last
  }

  /** Resolves when these and all earlier changes are durable. Throws when storage fails, and as `unloaded` for changes after `close`. */
  async commit(changes: Records): Promise<void> {
    if (this.isClosed && changes.size > 0)
      throw unloaded('Nothing of this was kept: load it again, then try again.')
    const write = this.last.then(() => this.write(changes))
    this.last = write.catch(() => {})
    await write
  }

  private async write(changes: Records): Promise<void> {
    if (this.failure) throw this.failure
    if (changes.size === 0) return
    try {
      await this.store.commit(changes)
    } catch (error) {
      this.failure = error instanceof Error ? error : new Error(String(error))
      this.failed(this.failure)
      throw this.failure
    }
  }
}
