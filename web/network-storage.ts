/**
 * What this browser stores of networks, a database for each profile, and its removal. A profile that a tab has open is held by its Web Lock: nothing is deleted
 * under a tab. Thread: Window.
 */
import { databaseName, lockName } from '../src/storage/profile-names.ts'

/** What deleting a network's data takes away. */
export interface StoredNetwork {
  readonly profiles: number
  /** Wallets whose keys are stored here. */
  readonly wallets: number
  /** Of the records, about; the browser needs somewhat more. */
  readonly bytes: number
}

/** Profiles by the genesis hash of their network, display order. */
export async function storedProfiles(): Promise<ReadonlyMap<string, readonly string[]>> {
  const profiles = new Map<string, string[]>()
  for (const { name = '' } of await indexedDB.databases()) {
    const [, id, profile] = /^opentab\/([0-9a-f]{64})\/(.+)$/.exec(name) ?? []
    if (id === undefined) continue
    profiles.set(id, [...(profiles.get(id) ?? []), profile!])
  }
  return profiles
}

/** Runs an action while all profiles of a network are held, so that no tab can open them. Undefined, and nothing is run, where a tab has one open. */
async function whileClosed<T>(
  networkId: string,
  run: (profiles: readonly string[]) => Promise<T>,
): Promise<T | undefined> {
  const profiles = (await storedProfiles()).get(networkId) ?? []
  const held = async (at: number): Promise<T | undefined> => {
    const profile = profiles[at]
    if (profile === undefined) return run(profiles)
    return navigator.locks.request(lockName(networkId, profile), { ifAvailable: true }, (lock) =>
      lock ? held(at + 1) : undefined,
    )
  }
  return held(0)
}

/** What deleting would free. Undefined where a tab has the network open. Rejects with the browser's error where the databases can't be read. */
export function measureNetwork(networkId: string): Promise<StoredNetwork | undefined> {
  return whileClosed(networkId, async (profiles) => {
    let [wallets, bytes] = [0, 0]
    for (const profile of profiles) {
      const database = await done(indexedDB.open(databaseName(networkId, profile)))
      try {
        const stores = [...database.objectStoreNames]
        if (stores.length === 0) continue
        const transaction = database.transaction(stores)
        for (const store of stores) {
          if (store === 'keys') wallets += await done(transaction.objectStore(store).count())
          bytes += await recordBytes(transaction.objectStore(store))
        }
      } finally {
        database.close()
      }
    }
    return { profiles: profiles.length, wallets, bytes }
  })
}

/** Deletes all that is stored of a network. Answers whether it did: false where a tab has it open. Rejects with the browser's error. */
export async function deleteNetwork(networkId: string): Promise<boolean> {
  const deleted = await whileClosed(networkId, async (profiles) => {
    for (const profile of profiles) await done(indexedDB.deleteDatabase(databaseName(networkId, profile)))
    return true
  })
  return deleted === true
}

/** The bytes of a store's records, read one by one: they may be more than fits in memory. */
function recordBytes(store: IDBObjectStore): Promise<number> {
  return new Promise((resolve, reject) => {
    let bytes = 0
    const request = store.openCursor()
    request.onerror = () => reject(request.error)
    request.onsuccess = () => {
      const cursor = request.result
      if (cursor === null) return resolve(bytes)
      bytes += sizeOf(cursor.value)
      cursor.continue()
    }
  })
}

/** About as many bytes as a stored value takes. */
function sizeOf(value: unknown): number {
  if (ArrayBuffer.isView(value)) return value.byteLength
  if (typeof value === 'string') return value.length
  if (typeof value !== 'object' || value === null) return 8
  return Object.values(value).reduce<number>((sum, part) => sum + sizeOf(part), 0)
}

/** Settles with a request. */
function done<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result)
    request.onerror = () => reject(request.error)
  })
}
