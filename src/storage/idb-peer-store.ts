/** What a profile keeps of peers, itself among them: bans, good peers, and the seed of its own identity. Thread: the brain. */
import type { Random } from '../primitives/ports.ts'
import type { BanRecord, KnownPeer, PeerStore } from '../protocol/peer-store.ts'
import type { PeerRecords, ProfileDatabase } from './profile-database.ts'

const BANS = 'bans'
const KNOWN_PEERS = 'known'
const IDENTITY = 'seed'
/** Bytes of an Ed25519 seed. */
const SEED_BYTES = 32

/** `PeerStore` in IndexedDB. What it holds can be learnt again, so that relaxed durability is enough. */
export class IdbPeerStore implements PeerStore {
  private readonly database: ProfileDatabase

  constructor(database: ProfileDatabase) {
    this.database = database
  }

  async loadBans(): Promise<readonly BanRecord[]> {
    return ((await this.load(BANS)) as readonly BanRecord[] | undefined) ?? []
  }

  saveBans(bans: readonly BanRecord[]): Promise<void> {
    return this.save(BANS, bans)
  }

  async loadKnownPeers(): Promise<readonly KnownPeer[]> {
    return ((await this.load(KNOWN_PEERS)) as readonly KnownPeer[] | undefined) ?? []
  }

  saveKnownPeers(peers: readonly KnownPeer[]): Promise<void> {
    return this.save(KNOWN_PEERS, peers)
  }

  private load(key: string): Promise<PeerRecords | undefined> {
    return this.database.transact(['peers'], 'readonly', 'relaxed', (transaction) =>
      transaction.objectStore('peers').get(key),
    )
  }

  private async save(key: string, records: PeerRecords): Promise<void> {
    await this.database.transact(['peers'], 'readwrite', 'relaxed', (transaction) =>
      transaction.objectStore('peers').put(records, key),
    )
  }
}

/**
 * The seed of the Ed25519 key that names this profile among peers, 32 bytes: drawn when it is first asked for, the same after
 * every reload.
 */
export function loadIdentity(database: ProfileDatabase, random: Random): Promise<Uint8Array> {
  return database.transact(['identity'], 'readwrite', 'strict', async (transaction) => {
    const store = transaction.objectStore('identity')
    const stored = await store.get(IDENTITY)
    if (stored) return stored
    const seed = random.bytes(SEED_BYTES)
    await store.put(seed, IDENTITY)
    return seed
  })
}
