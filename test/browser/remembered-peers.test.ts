/**
 * What a tab keeps of its peers when it is loaded again while one attacker holds forty identities: they fill the relay's list and
 * dial the tab as soon as it is back.
 */

import { assert } from 'chai'
import type { PeerInfo, RememberedPeer } from '../../src/network/transport.ts'
import { KnownPeers } from '../../src/protocol/known-peers.ts'
import { MemoryPeerStore } from '../../src/storage/memory-peer-store.ts'
import { randomNetworkId, startRelay, stopRelay, stopTabs, Tab } from './support/tab.ts'

const SYBILS = 40
/** So many of them dial the tab; the others wait to be dialled. */
const DIALLING = 10
const TRIES = 3

describe('remembered peers', () => {
  let relay: string

  before(async () => {
    relay = await startRelay(40)
  })

  afterEach(stopTabs)

  after(() => stopRelay(relay))

  it('are dialled before those whom the relay lists, and keep half of the places that the tab fills', async function () {
    // Longer than others: for fifty tabs.
    this.timeout(600_000)
    const networkId = randomNetworkId()
    const seed = crypto.getRandomValues(new Uint8Array(32))
    const passive = { networkId, relays: [relay], targetPeers: 0 }
    const honest = await started(3, passive)
    const first = new Tab({ networkId, relays: [relay], seed: seed.slice() })
    await first.start()
    await first.until('it has the honest ones', ({ peers }) => peers.size === 3)
    for (const info of first.peers.values()) {
      assert.equal(info.connectionType, 'outbound-full-relay')
      assert.equal(info.introducer, relay.split('/p2p/')[1])
    }
    const remembered = await afterAWhile([...first.peers.values()])
    await first.stop()

    await started(SYBILS - DIALLING, passive)
    const dialling = await started(DIALLING, { ...passive, targetPeers: 1 }, (sybil) => {
      // They are after nobody but the tab.
      for (const id of [...honest.map((tab) => tab.id), ...everyone])
        sybil.transport.disconnect(id, 'test', 3600)
    })
    const shares: string[] = []
    for (let attempt = 0; attempt < TRIES; attempt++) {
      const tab = new Tab({ networkId, relays: [relay], seed: seed.slice() })
      assert.equal(tab.id, first.id)
      await tab.start(remembered)
      const chosen = (): PeerInfo[] => [...tab.peers.values()].filter(isChosen)
      const good = (): PeerInfo[] => chosen().filter(({ id }) => honest.some((each) => each.id === id))
      await tab.until('it has filled the places of those it chooses', () => chosen().length >= 4)
      await tab.until('it has been found by those that dial it', ({ peers }) => peers.size >= 8)
      // One whose dial was late in a machine that stood still is dialled again.
      await tab.until('it has those that it remembers', () => good().length === honest.length)
      shares.push(`${good().length} of ${chosen().length}`)
      assert.isAtLeast(2 * good().length, chosen().length, shares.join(', '))
      assert.isTrue(
        good().some(({ connectionType }) => connectionType === 'anchor'),
        'those that were remembered are its anchors',
      )
      await tab.stop()
    }
    assert.isTrue(
      dialling.some(({ history }) => history.length > 0),
      'no sybil ever reached the tab',
    )
  })
})

/** Ids of all sybils, so that they leave each other alone. */
const everyone: Tab['id'][] = []

async function started(
  count: number,
  options: ConstructorParameters<typeof Tab>[0],
  prepare: (tab: Tab) => void = () => {},
): Promise<Tab[]> {
  const tabs = Array.from({ length: count }, () => new Tab(options))
  everyone.push(...tabs.map(({ id }) => id))
  for (const tab of tabs) {
    prepare(tab)
    await tab.start()
    await tab.untilReserved()
  }
  return tabs
}

function isChosen({ direction, connectionType }: PeerInfo): boolean {
  return direction === 'outbound' || connectionType === 'anchor'
}

/** What the brain remembers of peers that were there for ten minutes. */
async function afterAWhile(peers: readonly PeerInfo[]): Promise<readonly RememberedPeer[]> {
  const store = new MemoryPeerStore()
  let now = 1_000_000_000_000
  const life = (): KnownPeers =>
    new KnownPeers({
      store,
      transport: new Tab({ networkId: '00', relays: [] }).transport,
      clock: { now: () => now, after: () => () => {} },
      log: () => {},
    })
  const before = life()
  for (const peer of peers) before.connected(peer)
  for (let second = 0; second < 600; second++) {
    now += 1000
    before.tick()
  }
  return life().load()
}
