/**
 * The IndexedDB database of one profile: chain, wallets, keys, channels, peers and identity, each behind its own port. This file knows its
 * schema, and turns the browser's failures into `StorageError`s. Thread: the brain; the signer opens the same one for the keys.
 */
import {
  type DBSchema,
  deleteDB,
  type IDBPDatabase,
  type IDBPTransaction,
  openDB,
  type StoreNames,
} from 'idb'
import type { ChainState } from '../chain/store.ts'
import { StorageError } from '../chain/store.ts'
import type { BanRecord, KnownPeer } from '../protocol/peer-store.ts'
import type { ChannelRecord } from '../signer/channel-record.ts'
import type { SpendingRecord } from '../signer/channel-spending.ts'
import type { KeyRecord } from '../signer/key-record.ts'
import type { WalletEntry } from '../wallet/store.ts'

/** A change of the schema, or of what records hold, is a new version, and a step in `upgrade`. */
const SCHEMA_VERSION = 5

/** What is kept of peers: bans, or peers to come back to, by key. */
export type PeerRecords = readonly BanRecord[] | readonly KnownPeer[]

/** Keys begin with the number of the chainstate they belong to. */
export interface ProfileSchema extends DBSchema {
  'chain-state': { key: number; value: { salt: Uint8Array; state: ChainState | undefined } }
  headers: { key: [chainstate: number, page: number]; value: Uint8Array }
  bodies: { key: [chainstate: number, index: number]; value: Uint8Array }
  undo: { key: [chainstate: number, index: number]; value: Uint8Array }
  mentions: { key: [chainstate: number, index: number]; value: Uint8Array }
  snapshots: { key: [chainstate: number, index: number]; value: Uint8Array }
  deltas: { key: [chainstate: number, sequence: number]; value: Uint8Array }
  buckets: { key: [chainstate: number, bits: number, bucket: number]; value: Uint8Array }
  /** By the wallet's name. */
  wallets: { key: string; value: WalletEntry }
  'wallet-records': { key: [wallet: string, record: string]; value: string }
  /** By the wallet's name. */
  keys: { key: string; value: KeyRecord }
  /** What the signer keeps of the channels of a wallet, and of what they may spend. */
  'channel-keys': { key: [wallet: string, keyId: string]; value: ChannelRecord | SpendingRecord }
  channels: { key: [keyId: string, name: string]; value: string | number }
  'revoked-commitments': { key: [keyId: string, number: number]; value: string }
  /** Blobs that this profile keeps as a watchtower of other nodes. */
  'tower-appointments': {
    key: [client: string, series: string, locator: string, part: number]
    value: Uint8Array
  }
  peers: { key: string; value: PeerRecords }
  identity: { key: string; value: Uint8Array }
}

type StoreName = StoreNames<ProfileSchema>
type Mode = 'readonly' | 'readwrite'
export type ProfileTransaction<M extends Mode> = IDBPTransaction<ProfileSchema, StoreName[], M>

const CHAIN_STORES: readonly StoreName[] = [
  'chain-state',
  'headers',
  'bodies',
  'undo',
  'mentions',
  'snapshots',
  'deltas',
  'buckets',
]
const STORES: readonly StoreName[] = [
  ...CHAIN_STORES,
  'wallets',
  'wallet-records',
  'keys',
  'channel-keys',
  'channels',
  'revoked-commitments',
  'tower-appointments',
  'peers',
  'identity',
]

/** Of versions 1 and 2, which knew one wallet: the store of its records, and the key of its keys. */
interface OneWalletSchema extends DBSchema {
  wallets: ProfileSchema['wallets']
  'wallet-records': ProfileSchema['wallet-records']
  keys: ProfileSchema['keys']
  wallet: { key: string; value: string }
}
const ONE_WALLETS_KEYS = 'seed'
/** The name that it has since. */
const ONE_WALLETS_NAME = ''

export class ProfileDatabase {
  private readonly connection: IDBPDatabase<ProfileSchema>

  private constructor(connection: IDBPDatabase<ProfileSchema>) {
    this.connection = connection
  }

  /**
   * Opens or makes the database called `name`. `lost` is called once when the browser takes it away later: site data cleared,
   * disk failure, or a newer version of the page that needs to change it. Rejects with a `StorageError`.
   */
  static async open(
    name: string,
    lost: (error: StorageError) => void = () => undefined,
  ): Promise<ProfileDatabase> {
    let blocked: (error: StorageError) => void
    const blocking = new Promise<never>((_, reject) => {
      blocked = reject
    })
    const opening = openDB<ProfileSchema>(name, SCHEMA_VERSION, {
      upgrade(database, from, _to, transaction) {
        const has = (store: StoreName) => database.objectStoreNames.contains(store)
        // Version 1 kept neither filters nor snapshots: its chain is fetched again. Wallet, keys and identity stay.
        // Versions up to 3 knew no channels, version 4 no towers: they lack their stores alone.
        if (from < 2) for (const store of CHAIN_STORES.filter(has)) database.deleteObjectStore(store)
        for (const store of STORES) if (!has(store)) database.createObjectStore(store)
        if (from > 0 && from < 3) nameTheWallet(transaction as unknown as OneWalletUpgrade)
      },
      blocked() {
        blocked(
          new StorageError(
            'unavailable',
            'An older version of this page is open in another tab and keeps the data. Close that tab, then reload this one.',
          ),
        )
      },
      blocking(_current, _blocked, event) {
        // Whoever deletes or upgrades must not wait for us.
        ;(event.target as IDBDatabase).close()
        lost(
          new StorageError(
            'closed',
            'The data of this tab is being removed or upgraded by another tab. Reload this tab.',
          ),
        )
      },
      terminated() {
        lost(
          new StorageError(
            'closed',
            'The browser closed the data of this tab: it was cleared, or the disk failed. Reload this tab.',
          ),
        )
      },
    })
    try {
      return new ProfileDatabase(await Promise.race([opening, blocking]))
    } catch (error) {
      // When it is unblocked after all, nobody uses the connection.
      opening.then(
        (connection) => connection.close(),
        () => undefined,
      )
      // What Firefox says in a private window.
      const isRefused = error instanceof DOMException && error.name === 'InvalidStateError'
      throw isRefused ? refused({ cause: error }) : storageErrorOf(error)
    }
  }

  /** Deletes the database called `name`; connections to it are told and closed. */
  static async delete(name: string): Promise<void> {
    await deleteDB(name).catch((error: unknown) => {
      throw storageErrorOf(error)
    })
  }

  /**
   * Runs `work` in one transaction over `stores`: all of it is kept, or none when it fails. `work` may await nothing but requests of the
   * transaction. `durability`: 'strict' waits until the disk has it, 'relaxed' until the browser has. Rejects with a `StorageError`.
   */
  async transact<T, M extends Mode>(
    stores: readonly StoreName[],
    mode: M,
    durability: 'relaxed' | 'strict',
    work: (transaction: ProfileTransaction<M>) => Promise<T>,
  ): Promise<T> {
    let transaction: ProfileTransaction<M> | undefined
    try {
      transaction = this.connection.transaction([...stores], mode, { durability }) as ProfileTransaction<M>
      const [result] = await Promise.all([work(transaction), transaction.done])
      return result
    } catch (error) {
      // Requests fail with AbortError; the transaction knows why.
      const cause = transaction?.error ?? error
      abort(transaction)
      throw storageErrorOf(cause)
    }
  }

  /** Transactions under way still end. */
  close(): void {
    this.connection.close()
  }
}

type OneWalletUpgrade = IDBPTransaction<
  OneWalletSchema,
  ('wallets' | 'wallet-records' | 'keys' | 'wallet')[],
  'versionchange'
>

/** Gives the one wallet of an earlier version its name. All of the upgrade is undone where any of it fails. */
function nameTheWallet(transaction: OneWalletUpgrade): void {
  const move = async (): Promise<void> => {
    const wallets = transaction.objectStore('wallets')
    const records = transaction.objectStore('wallet-records')
    const keys = transaction.objectStore('keys')
    const former = transaction.objectStore('wallet')
    const [names, values, secret] = await Promise.all([
      former.getAllKeys(),
      former.getAll(),
      keys.get(ONE_WALLETS_KEYS),
    ])
    if (names.length > 0 || secret) await wallets.put({ loadOnStartup: true }, ONE_WALLETS_NAME)
    for (const [at, name] of names.entries()) await records.put(values[at]!, [ONE_WALLETS_NAME, name])
    if (secret) {
      await keys.put(secret, ONE_WALLETS_NAME)
      await keys.delete(ONE_WALLETS_KEYS)
    }
    transaction.db.deleteObjectStore('wallet')
  }
  move().catch(() => abort(transaction))
}

/** Gives up a transaction that `work` failed in without the database's doing; the others have ended by themselves. */
function abort(transaction: { abort(): void } | undefined): void {
  try {
    transaction?.abort()
  } catch (error) {
    if ((error as DOMException).name !== 'InvalidStateError') throw error
  }
}

/** What to say for an exception of IndexedDB. Those that only a bug can cause, and other errors, stay what they are. */
function storageErrorOf(error: unknown): unknown {
  if (!(error instanceof DOMException)) return error
  const cause = { cause: error }
  switch (error.name) {
    case 'QuotaExceededError':
      return new StorageError(
        'quota',
        'The disk, or the share of it that the browser grants this page, is full. What was stored is kept. Free some space, then reload.',
        cause,
      )
    case 'InvalidStateError':
    case 'AbortError':
      return new StorageError('closed', 'The data of this tab was closed. Reload this tab.', cause)
    case 'VersionError':
      return new StorageError(
        'unavailable',
        'This data was written by a newer version of this page. Reload to get that version.',
        cause,
      )
    case 'NotReadableError':
      return new StorageError(
        'corrupt',
        'The browser cannot read what it stored. Clear the data of this site to start again.',
        cause,
      )
    case 'DataCloneError':
    case 'DataError':
    case 'NotFoundError':
    case 'ReadOnlyError':
    case 'TransactionInactiveError':
      return error
    default:
      return refused(cause)
  }
}

function refused(cause: ErrorOptions): StorageError {
  return new StorageError(
    'unavailable',
    'The browser does not let this page store data: leave private browsing, or allow site data for this page.',
    cause,
  )
}
