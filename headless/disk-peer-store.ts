/** What a node keeps of peers on disk, itself among them: bans, good peers, and the seed of its own identity. Thread: Node's main. */
import type { Random } from '../src/primitives/ports.ts'
import type { BanRecord, KnownPeer, PeerStore } from '../src/protocol/peer-store.ts'
import { type DiskDatabase, pack, unpack } from './disk-database.ts'

const IDENTITY = 'seed'
/** Bytes of an Ed25519 seed. */
const SEED_BYTES = 32

/** What it holds can be learnt again: relaxed durability is enough. */
export class DiskPeerStore implements PeerStore {
  private readonly database: DiskDatabase

  constructor(database: DiskDatabase) {
    this.database = database
  }

  loadBans(): Promise<readonly BanRecord[]> {
    return this.load('bans')
  }

  saveBans(bans: readonly BanRecord[]): Promise<void> {
    return this.save('bans', bans)
  }

  loadKnownPeers(): Promise<readonly KnownPeer[]> {
    return this.load('known')
  }

  saveKnownPeers(peers: readonly KnownPeer[]): Promise<void> {
    return this.save('known', peers)
  }

  private async load<Record>(key: string): Promise<readonly Record[]> {
    const bytes = await this.database.get('peers', [key])
    return bytes ? unpack(bytes) : []
  }

  private save(key: string, records: readonly unknown[]): Promise<void> {
    return this.database.write('relaxed', () => [{ table: 'peers', key: [key], value: pack(records) }])
  }
}

/** The seed of the Ed25519 key that names this node among peers, 32 bytes: drawn at the first start, the same ever after. */
export async function loadIdentity(database: DiskDatabase, random: Random): Promise<Uint8Array> {
  const stored = await database.get('identity', [IDENTITY])
  if (stored) return stored
  const seed = random.bytes(SEED_BYTES)
  await database.write('strict', () => [{ table: 'identity', key: [IDENTITY], value: seed }])
  return seed
}
