/** `PeerStore` in memory: for tests and the simulator, where it outlives the crash of the node that used it. Any thread. */
import type { BanRecord, KnownPeer, PeerStore } from '../protocol/peer-store.ts'

export class MemoryPeerStore implements PeerStore {
  private bans: readonly BanRecord[] = []
  private peers: readonly KnownPeer[] = []

  async loadBans(): Promise<readonly BanRecord[]> {
    return this.bans
  }

  async saveBans(bans: readonly BanRecord[]): Promise<void> {
    this.bans = bans
  }

  async loadKnownPeers(): Promise<readonly KnownPeer[]> {
    return this.peers
  }

  async saveKnownPeers(peers: readonly KnownPeer[]): Promise<void> {
    this.peers = peers
  }
}
