/**
 * What carries messages between the nodes of a world: in order and whole as long as a connection lasts; what is on its way when it ends is lost.
 * Connections end and come back as the world draws it, and none lasts across a partition.
 */
import type { NodeId } from '../../src/channels/gossip.ts'
import type { SeededRandom } from '../../src/simulator/seeded-random.ts'
import type { VirtualTime } from '../../src/simulator/virtual-time.ts'

/** A node, as the network sees it. */
export interface Station {
  readonly id: NodeId
  /** Whether it hears and is heard at all. */
  readonly online: boolean
  /** Which side of a partition it is on; all on 0 where there is none. */
  readonly island: number
  peerConnected(peer: NodeId): void
  peerDisconnected(peer: NodeId): void
  receive(peer: NodeId, bytes: Uint8Array): void
}

interface Connection {
  up: boolean
  /** Counts connections: what was sent on an earlier one is lost. */
  number: number
  /** By sender: when its last message arrives. */
  readonly arrival: Map<NodeId, number>
}

export class ChannelNetwork {
  messages = 0
  cuts = 0
  /** Greatest time that a message takes, milliseconds. */
  latency = 100
  private readonly stations = new Map<NodeId, Station>()
  private readonly connections = new Map<string, Connection>()
  private readonly time: VirtualTime
  private readonly random: SeededRandom

  constructor(time: VirtualTime, random: SeededRandom) {
    this.time = time
    this.random = random
  }

  add(station: Station): void {
    this.stations.set(station.id, station)
  }

  /** Two nodes that have to do with each other: they meet whenever they can. */
  introduce(a: NodeId, b: NodeId): void {
    const key = keyOf(a, b)
    if (!this.connections.has(key)) this.connections.set(key, { up: false, number: 0, arrival: new Map() })
    this.connect(a, b)
  }

  private connect(a: NodeId, b: NodeId): void {
    const connection = this.connections.get(keyOf(a, b))!
    const [one, other] = [this.stations.get(a)!, this.stations.get(b)!]
    if (connection.up || !one.online || !other.online || one.island !== other.island) return
    connection.up = true
    connection.number++
    connection.arrival.clear()
    one.peerConnected(b)
    other.peerConnected(a)
  }

  /** Every connection that can be there is there; those that can't be are not. */
  update(): void {
    for (const [key, { up }] of this.connections) {
      const [a, b] = key.split(' ') as [NodeId, NodeId]
      const [one, other] = [this.stations.get(a)!, this.stations.get(b)!]
      if (!up) this.connect(a, b)
      else if (!one.online || !other.online || one.island !== other.island) this.cut(a, b)
    }
  }

  /** Ends a connection, which comes back after a while. */
  cut(a: NodeId, b: NodeId): void {
    const connection = this.connections.get(keyOf(a, b))
    if (!connection?.up) return
    connection.up = false
    this.cuts++
    for (const [own, peer] of [
      [a, b],
      [b, a],
    ]) {
      const station = this.stations.get(own)!
      if (station.online) station.peerDisconnected(peer)
    }
    this.time.after(this.random.between(10, 3_000), () => this.connect(a, b))
  }

  /** Ends one of the connections. */
  cutAny(): void {
    const up = [...this.connections].filter(([, connection]) => connection.up)
    if (up.length === 0) return
    const [key] = this.random.pick(up)
    const [a, b] = key.split(' ') as [NodeId, NodeId]
    this.cut(a, b)
  }

  send(from: NodeId, to: NodeId, bytes: Uint8Array): void {
    const connection = this.connections.get(keyOf(from, to))
    if (!connection?.up) return
    const { number } = connection
    const due = Math.max(
      connection.arrival.get(from) ?? 0,
      this.time.now() + this.random.between(1, this.latency),
    )
    connection.arrival.set(from, due)
    this.time.after(due - this.time.now(), () => {
      if (!connection.up || connection.number !== number) return
      this.messages++
      this.stations.get(to)!.receive(from, bytes)
    })
  }
}

function keyOf(a: NodeId, b: NodeId): string {
  return a < b ? `${a} ${b}` : `${b} ${a}`
}
