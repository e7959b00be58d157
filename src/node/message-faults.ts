/**
 * Test control of channels: loses or holds up messages between this node and another, as the person says. A connection never loses a message alone, nor
 * changes the order, so that a side which misses one takes it for a broken rule; what is held up holds up all that comes behind it. Thread: the brain.
 */
import type { NodeId } from '../channels/gossip.ts'
import { type ChannelMessage, messageName } from '../channels/messages.ts'
import type { Clock } from '../primitives/ports.ts'

/** What happens to the next messages. */
export interface MessageFault {
  /** `in`: those that come; `out`: those that go. */
  readonly direction: 'in' | 'out'
  /** Any, where undefined. */
  readonly name: ChannelMessage['type'] | undefined
  /** How many of them; what is over leaves. */
  readonly count: number
  /** Milliseconds that each is held up; undefined where it is lost. */
  readonly delay: number | undefined
}

/** A message that is held up, or waits behind one. */
interface Held {
  readonly due: number
  readonly pass: () => void
}

/** One direction between this node and another. */
interface Way {
  faults: MessageFault[]
  readonly held: Held[]
  cancel: (() => void) | undefined
}

export class MessageFaults {
  private readonly clock: Clock
  private readonly ways = new Map<string, Way>()

  constructor(clock: Clock) {
    this.clock = clock
  }

  /** In force with a node, oldest first: a message meets the first that fits it. */
  of(node: NodeId): MessageFault[] {
    return DIRECTIONS.flatMap((direction) => this.ways.get(nameOf(node, direction))?.faults ?? [])
  }

  add(node: NodeId, fault: MessageFault): void {
    const name = nameOf(node, fault.direction)
    const way = this.ways.get(name) ?? { faults: [], held: [], cancel: undefined }
    this.ways.set(name, way)
    way.faults.push(fault)
  }

  /** No more faults with a node: what is held up goes on at once. */
  clear(node: NodeId): void {
    for (const direction of DIRECTIONS) {
      const way = this.ways.get(nameOf(node, direction))
      if (!way) continue
      this.ways.delete(nameOf(node, direction))
      way.cancel?.()
      for (const { pass } of way.held.splice(0)) pass()
    }
  }

  /** The connection is over: what was held up is lost with it. The faults stay. */
  disconnected(node: NodeId): void {
    for (const direction of DIRECTIONS) this.ways.get(nameOf(node, direction))?.held.splice(0)
  }

  /** A message, with its two bytes of type: `pass` hands it on, now or later or never. */
  take(node: NodeId, direction: MessageFault['direction'], bytes: Uint8Array, pass: () => void): void {
    const way = this.ways.get(nameOf(node, direction))
    if (!way) {
      pass()
      return
    }
    const fault = this.next(way, messageName(bytes))
    if (fault && fault.delay === undefined) return
    const now = this.clock.now()
    const last = way.held.at(-1)?.due ?? now
    const due = Math.max(last, now + (fault?.delay ?? 0))
    if (due <= now && way.held.length === 0) pass()
    else {
      way.held.push({ due, pass })
      this.schedule(way)
    }
  }

  private next(way: Way, name: ChannelMessage['type'] | undefined): MessageFault | undefined {
    const found = way.faults.find((fault) => fault.name === undefined || fault.name === name)
    if (found)
      way.faults = way.faults.flatMap((fault) => {
        if (fault !== found) return fault
        return fault.count > 1 ? { ...fault, count: fault.count - 1 } : []
      })
    return found
  }

  private schedule(way: Way): void {
    way.cancel?.()
    const [first] = way.held
    if (!first) return
    way.cancel = this.clock.after(Math.max(0, first.due - this.clock.now()), () => {
      way.cancel = undefined
      const now = this.clock.now()
      while (way.held.length > 0 && way.held[0].due <= now) way.held.shift()!.pass()
      this.schedule(way)
    })
  }
}

const DIRECTIONS = ['in', 'out'] as const

function nameOf(node: NodeId, direction: MessageFault['direction']): string {
  return `${node} ${direction}`
}
