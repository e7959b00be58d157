/**
 * Promise: a new part of the protocol brings its messages, its topic and their limits with it, and tabs without it are none the worse. The
 * part here passes notes.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type MessageKind, MessageTable } from '../../../src/network/frames.ts'
import type { GossipVerdict, PeerId, Transport } from '../../../src/network/transport.ts'
import { DecodeError } from '../../../src/primitives/codec.ts'
import { always, type MakePart, on, type PartPorts, type ProtocolPart } from '../../../src/protocol/part.ts'
import type { Peer } from '../../../src/protocol/peer.ts'
import type { PeerSet } from '../../../src/protocol/peer-set.ts'
import { SERVICE_FULL_CHAIN } from '../../../src/protocol/wire.ts'
import { TestChain } from '../../support/chain-builder.ts'
import { networksOf, type TestNetwork, type TestNode } from '../../support/protocol-nodes.ts'

interface NoteMessage {
  readonly type: 'note'
  readonly text: Uint8Array
}

interface EssayMessage {
  readonly type: 'essay'
  readonly id: number
  readonly text: Uint8Array
}

const NOTE: MessageKind<NoteMessage> = {
  type: 'note',
  byte: 100,
  maxBytes: 1 + 1 + 20,
  write: (writer, { text }) => writer.varBytes(text),
  read(reader) {
    const text = reader.varBytes()
    if (text.length === 0) throw new DecodeError('says nothing')
    return { type: 'note', text }
  },
}

const ESSAY: MessageKind<EssayMessage> = {
  type: 'essay',
  byte: 101,
  maxBytes: 100_000,
  write: (writer, { id, text }) => writer.u32(id).varBytes(text),
  read: (reader) => ({ type: 'essay', id: reader.u32(), text: reader.varBytes() }),
}

const SERVICE_NOTES = 1n << 8n
/** Notes of one peer: at once, and a second. */
const NOTES = [3, 0] as const
const RUMOURS = [2, 0] as const

class Notes implements ProtocolPart {
  readonly services = SERVICE_NOTES
  readonly messages = [
    on(NOTE, (_peer, { text }) => void this.notes.push(text[0]), {
      unasked: always,
      limit: { rate: NOTES, what: 'notes' },
    }),
    on(ESSAY, (_peer, { id }) => void this.essays.push(id), { isOwed: (_peer, id) => id === this.asked }),
  ]
  readonly topics = [
    {
      topic: 'rumour',
      isCommon: false,
      rate: RUMOURS,
      handle: async (payload: Uint8Array): Promise<GossipVerdict> => {
        this.rumours.push(payload[0])
        return 'accept'
      },
    },
  ]
  readonly notes: number[] = []
  readonly rumours: number[] = []
  readonly essays: number[] = []
  readonly met: PeerId[] = []
  ticks = 0
  asked = 0
  private readonly peers: PeerSet<NoteMessage | EssayMessage>
  private readonly transport: Pick<Transport, 'publish'>

  constructor({ peers, transport }: PartPorts) {
    this.peers = peers
    this.transport = transport
  }

  add(peer: Peer): void {
    this.met.push(peer.id)
  }

  forget(peer: Peer): void {
    this.met.splice(this.met.indexOf(peer.id), 1)
  }

  tick(): void {
    this.ticks++
  }

  /** To all who speak of notes. */
  pass(...texts: number[]): void {
    for (const peer of this.peers.ready())
      if (peer.hello!.services & SERVICE_NOTES)
        for (const text of texts) this.peers.send(peer, { type: 'note', text: Uint8Array.of(text) })
  }

  write(id: number): void {
    for (const peer of this.peers.ready())
      this.peers.send(peer, { type: 'essay', id, text: new Uint8Array(5000) })
  }

  spread(text: number): void {
    this.transport.publish('rumour', Uint8Array.of(text))
  }
}

const chain = new TestChain()
const withNetwork = networksOf(chain)

async function noter(network: TestNetwork, name: string): Promise<[TestNode, Notes]> {
  let notes: Notes | undefined
  const make: MakePart = (ports) => {
    notes = new Notes(ports)
    return notes
  }
  const node = await network.node(name, chain.genesis, undefined, undefined, [make])
  await node.join()
  return [node, notes!]
}

async function stranger(network: TestNetwork): Promise<TestNode> {
  const node = await network.node('stranger', chain.genesis)
  await node.join()
  return node
}

test('two tabs exchange the messages and the gossip of a further part, which knows who has it', () =>
  withNetwork(async (network) => {
    const [alice, a] = await noter(network, 'alice')
    const [, b] = await noter(network, 'bob')
    await network.until(() => a.met.length === 1 && b.met.length === 1, 'they met')
    assert.equal(alice.manager.peers()[0].services, SERVICE_FULL_CHAIN | SERVICE_NOTES)
    a.pass(1, 2)
    b.pass(3)
    b.spread(4)
    const arrived = (): number => b.notes.length + a.notes.length + a.rumours.length
    await network.until(() => arrived() === 4, 'all arrived')
    assert.deepEqual([b.notes, a.notes, a.rumours], [[1, 2], [3], [4]])
    await network.pass(3)
    assert.ok(a.ticks > 0)
    await alice.manager.stop()
    await network.until(() => b.met.length === 0, 'it noticed that the other left')
  }))

test('a tab without the part stays a peer: it has no such service, hears no such gossip, and ignores such messages', () =>
  withNetwork(async (network) => {
    const [alice, a] = await noter(network, 'alice')
    const other = await stranger(network)
    await network.until(() => a.met.length === 1, 'they met')
    assert.equal(alice.manager.peers()[0].services, SERVICE_FULL_CHAIN)
    let heard = 0
    const { gossip } = other.manager
    other.manager.gossip = (message) => {
      heard++
      return gossip.call(other.manager, message)
    }
    a.spread(1)
    a.pass(1)
    a.write(7)
    await network.pass(5)
    assert.equal(heard, 0)
    assert.equal(other.scoreOf(alice.id), 0)
    assert.equal(alice.manager.peers().length, 1)
  }))

test('messages of kinds that are unknown use up the share of messages', () =>
  withNetwork(async (network) => {
    const other = await stranger(network)
    const puppet = network.puppet('puppet')
    await puppet.join()
    await network.until(() => other.manager.peers().length === 1, 'they met')
    for (let i = 0; i < 401; i++) puppet.sendBytes(other.id, Uint8Array.of(100, 1, i & 255))
    await network.pass(1)
    assert.equal(other.scoreOf(puppet.id), 5)
  }))

test('the limits that a part declares are kept: size, rate, what is not asked for, and the rate of gossip', () =>
  withNetwork(async (network) => {
    const [alice, a] = await noter(network, 'alice')
    const puppet = network.puppet('puppet')
    await puppet.join()
    await network.until(() => a.met.length === 1, 'they met')
    for (const text of [1, 2, 3, 4]) puppet.sendBytes(alice.id, Uint8Array.of(100, 1, text))
    for (const text of [1, 2, 3]) puppet.publish('rumour', Uint8Array.of(text))
    await network.pass(1)
    assert.deepEqual(a.notes, [1, 2, 3])
    assert.deepEqual(a.rumours, [1, 2])
    assert.equal(alice.scoreOf(puppet.id), 5, 'one note over the limit; gossip is nobody’s fault')

    const essay = new MessageTable([ESSAY]).encode({ type: 'essay', id: 7, text: Uint8Array.of(1) } as never)
    puppet.sendBytes(alice.id, essay.slice())
    await network.pass(1)
    assert.deepEqual(a.essays, [])
    assert.equal(alice.scoreOf(puppet.id), 25, 'not asked for')
    a.asked = 7
    puppet.sendBytes(alice.id, essay.slice())
    await network.pass(1)
    assert.deepEqual(a.essays, [7])

    puppet.sendBytes(alice.id, Uint8Array.of(100, 21, ...new Uint8Array(21)))
    await network.pass(1)
    assert.ok(alice.isBanned(puppet.id), 'over the size of its kind')
  }))

test('what a part can’t read is refused, and nothing is taken before the hello', () =>
  withNetwork(async (network) => {
    const [alice, a] = await noter(network, 'alice')
    const puppet = network.puppet('puppet')
    puppet.peerConnected = ({ id }) => puppet.sendBytes(id, Uint8Array.of(100, 1, 1))
    await puppet.join()
    await network.pass(2)
    assert.deepEqual(a.notes, [])
    assert.ok(alice.log.some((line) => line.includes('did not say hello first')))
    await puppet.leave()
    const mute = network.puppet('mute')
    await mute.join()
    await network.until(() => a.met.length === 1, 'they met')
    mute.sendBytes(alice.id, Uint8Array.of(100, 0))
    await network.pass(1)
    assert.ok(alice.isBanned(mute.id))
  }))

test('two parts that can’t be told apart are a bug that shows at once', async () => {
  const table = new MessageTable([NOTE])
  assert.throws(() => table.add({ ...ESSAY, byte: NOTE.byte }), /can't be told apart/)
  assert.throws(() => table.add({ ...ESSAY, type: 'note' as never }), /can't be told apart/)
  assert.throws(() => table.encode({ type: 'essay' }), /Nobody declared/)
  await withNetwork(async (network) => {
    const rumours: MakePart = () => ({
      topics: [{ topic: 'tx', isCommon: false, rate: RUMOURS, handle: async () => 'ignore' }],
    })
    await assert.rejects(
      network.node('alice', chain.genesis, undefined, undefined, [rumours]),
      /Two parts gossip on 'tx'/,
    )
  })
})
