/**
 * The riskiest plumbing, end to end: a module worker with IndexedDB decides about what two libp2p transports in the
 * page receive, through a relay in another process.
 */

import { assert } from 'chai'
import type { GossipVerdict } from '../../src/network/transport.ts'
import { randomNetworkId, startRelay, stopRelay, stopTabs, Tab } from './support/tab.ts'
import type { BrainReply, BrainRequest } from './support/verdict-worker.ts'

/** Asks the worker and waits for its reply. */
class Brain {
  readonly #worker = new Worker(new URL('./support/verdict-worker.ts', import.meta.url), { type: 'module' })
  readonly #replies = new Map<number, (reply: BrainReply) => void>()
  #nextId = 0

  constructor() {
    this.#worker.addEventListener('message', ({ data }: MessageEvent<BrainReply>) => {
      this.#replies.get(data.id)?.(data)
      this.#replies.delete(data.id)
    })
  }

  ask(request: BrainRequest['request']): Promise<BrainReply> {
    const id = this.#nextId++
    return new Promise((resolve) => {
      this.#replies.set(id, resolve)
      const message: BrainRequest = { id, request }
      this.#worker.postMessage(message, 'payload' in request ? [request.payload.buffer as ArrayBuffer] : [])
    })
  }

  close(): void {
    this.#worker.terminate()
  }
}

describe('a worker, IndexedDB and two libp2p nodes in one page', () => {
  let relay: string
  let brain: Brain

  before(async () => {
    relay = await startRelay(1)
    brain = new Brain()
  })

  after(async () => {
    await stopTabs()
    brain.close()
    await stopRelay(relay)
  })

  it('exchange a frame, and gossip by the verdict of the worker', async () => {
    const networkId = randomNetworkId()
    const a = await new Tab({ networkId, relays: [relay] }).start()
    const b = new Tab({ networkId, relays: [relay] })
    b.verdict = async (payload): Promise<GossipVerdict> => (await brain.ask({ payload })).verdict
    await b.start()
    await Promise.all([a.untilConnectedTo(b), b.untilConnectedTo(a)])

    a.transport.send(b.id, Uint8Array.of(1, 2, 3))
    await b.until('the frame is there', ({ frames }) => frames.length === 1)
    assert.deepEqual([...b.frames[0]!.frame], [1, 2, 3])
    assert.equal(b.frames[0]!.from, a.id)

    a.transport.publish('tx', Uint8Array.of(7, 7))
    await b.until('the message is there', ({ gossiped }) => gossiped.length === 1)
    assert.equal(b.gossiped[0]!.topic, 'tx')
    assert.equal(b.gossiped[0]!.from, a.id)
    // The worker keeps what it accepts: it is read back from the database, not from its memory.
    assert.deepEqual((await brain.ask({ list: true })).kept, [[7, 7]])
  })
})
