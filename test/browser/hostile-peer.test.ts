/**
 * What a tab does about a peer that breaks the rules of the peer stream. The hostile peer is a libp2p node of its own,
 * which writes to the stream whatever it likes.
 */

import type { Stream } from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import { assert } from 'chai'
import { MAX_FRAME_BYTES } from '../../src/network/transport.ts'
import type { TransportOptions } from '../../src/transport/options.ts'
import { Hostile, stopHostiles, succeeds } from './support/hostile.ts'
import { randomNetworkId, startRelay, stopRelay, stopTabs, Tab } from './support/tab.ts'

const FRAME = 0
const CREDIT = 1
const READY = 2
const PING = '/ipfs/ping/1.0.0'

describe('a hostile peer', () => {
  let relay: string
  let tab: Tab
  let hostile: Hostile
  let stream: Stream

  before(async () => {
    relay = await startRelay(10)
  })

  /** Connects the hostile node to a tab up to the open stream, on which nothing is said yet. */
  async function meet(timeouts: Pick<TransportOptions, 'pingInterval' | 'pingTimeout' | 'frameTimeout'>) {
    await stopAll()
    const networkId = randomNetworkId()
    tab = await new Tab({ networkId, relays: [relay], ...timeouts }).start()
    await tab.untilReserved()
    hostile = await Hostile.start(networkId, relay)
    stream = await hostile.openPeerStream(await hostile.enter(tab.id))
  }

  // Tests of patience meet a tab with less.
  beforeEach(() => meet({ pingInterval: 60_000 }))

  afterEach(stopAll)

  async function stopAll(): Promise<void> {
    await stopHostiles()
    await stopTabs()
  }

  after(() => stopRelay(relay))

  /** Says that the hostile peer is ready, and waits until the tab takes it for a peer. */
  async function becomePeer(): Promise<void> {
    say(READY)
    await tab.until('it is a peer', ({ peers }) => peers.size === 1)
  }

  /** Sends one well-formed message. */
  function say(kind: number, ...body: number[]): void {
    stream.send(Uint8Array.of(1 + body.length, kind, ...body))
  }

  async function untilSentAway(): Promise<void> {
    const { id } = hostile
    await tab.until('it is sent away', ({ history }) => history.at(-1) === `disconnected ${id}`)
    assert.equal(tab.peers.size, 0)
  }

  /** The brain is told why, and the peer doesn't come back at once. */
  async function assertOffence(code: string, penalty = 100): Promise<void> {
    assert.deepEqual(
      tab.offences.map(({ from, offence }) => [from, offence.code, offence.penalty]),
      [[hostile.id, code, penalty]],
    )
    assert.isFalse(await succeeds(hostile.dial(tab.id)))
  }

  it('is a peer like any other while it keeps to the rules', async () => {
    await becomePeer()
    say(FRAME, 1, 2, 3)
    await tab.until('the frame came', ({ frames }) => frames.length === 1)
    assert.deepEqual([...tab.frames[0]!.frame], [1, 2, 3])
  })

  it('is sent away for announcing a frame above the limit, before it sends it', async () => {
    await becomePeer()
    stream.send(varint(MAX_FRAME_BYTES + 2))
    await untilSentAway()
    assert.equal(tab.frames.length, 0)
    await assertOffence('frame-too-long')
  })

  it('is sent away for a message of an unknown kind', async () => {
    await becomePeer()
    say(9)
    await untilSentAway()
    await assertOffence('bad-message')
  })

  it('is sent away for an empty message', async () => {
    await becomePeer()
    stream.send(Uint8Array.of(0))
    await untilSentAway()
    await assertOffence('bad-message')
  })

  it('is sent away for crediting what was never sent', async () => {
    await becomePeer()
    say(CREDIT, 0, 100, 0, 0)
    await untilSentAway()
    await assertOffence('bad-credit')
  })

  it('is sent away for credit in crumbs, which costs more to read than it is worth', async () => {
    await becomePeer()
    say(CREDIT, 0, 0, 0, 0)
    await untilSentAway()
    await assertOffence('bad-credit')
  })

  it('is sent away for being ready again and again', async () => {
    await becomePeer()
    say(READY)
    await untilSentAway()
    await assertOffence('bad-message')
  })

  it('is sent away when it begins a frame and lets it drip', async () => {
    await meet({ pingInterval: 60_000, frameTimeout: 1000 })
    await becomePeer()
    stream.send(varint(1000))
    stream.send(Uint8Array.of(FRAME, 1, 2, 3))
    await untilSentAway()
    await assertOffence('slow-frame', 50)
  })

  it('is sent away when it ends its stream', async () => {
    await becomePeer()
    await stream.close()
    await untilSentAway()
    assert.deepEqual(tab.offences, [])
  })

  it('is sent away when it is silent: its pings are missed, though its connection stands', async () => {
    await meet({ pingInterval: 500, pingTimeout: 5000 })
    await becomePeer()
    await tab.until('it answered a ping', ({ latencies }) => latencies.size === 1)
    // As after its process was killed, nothing says that it is gone.
    await hostile.node.unhandle(PING)
    await hostile.node.handle(PING, () => {})
    await untilSentAway()
    assert.deepEqual(tab.offences, [])
  })

  it('never becomes a peer when it sends frames before it is ready', async () => {
    const closed = new Promise((resolve) => stream.addEventListener('close', resolve))
    say(FRAME, 1)
    await closed
    assert.deepEqual(tab.history, [])
    assert.equal(tab.frames.length, 0)
    await assertOffence('frame-before-ready')
  })

  it('that credits nothing is sent one window of frames, and more only for credit', async () => {
    let received = 0
    stream.addEventListener('message', ({ data }) => {
      received += data.byteLength
    })
    const untilReceived = async (bytes: number): Promise<void> => {
      while (received < bytes) {
        assert.equal(stream.status, 'open', `the stream closed after ${received} of ${bytes} bytes`)
        await eitherEvent(stream, 'message', 'close')
      }
    }
    await becomePeer()
    const { id } = hostile
    for (let i = 0; i < 4; i++) tab.transport.send(id, new Uint8Array(MAX_FRAME_BYTES))
    const ready = 2
    const frame = varint(MAX_FRAME_BYTES + 1).length + 1 + MAX_FRAME_BYTES
    await untilReceived(ready + 2 * frame)
    // What follows would be under way already: a ping that is sent now is answered behind its beginning.
    const { signal } = new AbortController()
    await hostile.node.services.ping.ping(peerIdFromString(tab.id), { signal })
    assert.equal(received, ready + 2 * frame)
    const credit = new Uint8Array(4)
    new DataView(credit.buffer).setUint32(0, MAX_FRAME_BYTES)
    say(CREDIT, ...credit)
    await untilReceived(ready + 3 * frame)
    assert.equal(received, ready + 3 * frame)
  })

  it('that sends without end to a busy tab costs it bounded memory, and its place', async () => {
    await becomePeer()
    tab.onFrame = () => new Promise(() => {})
    const frame = new Uint8Array(1_000_000)
    let sent = 0
    while (tab.peers.size > 0 && sent < 200) {
      const header = varint(frame.length + 1)
      try {
        stream.send(Uint8Array.of(...header, FRAME))
        stream.send(frame)
      } catch {
        break
      }
      sent++
      if (stream.writeBufferLength > 0) await eitherEvent(stream, 'idle', 'close')
    }
    await untilSentAway()
    // What the handler holds; as much again and some more waits unread.
    assert.isTrue(tab.frames.length <= 10, `the tab took in ${tab.frames.length} frames`)
    await assertOffence('over-credit')
  })
})

function eitherEvent(target: Stream, ...types: ('idle' | 'message' | 'close')[]): Promise<void> {
  return new Promise((resolve) => {
    for (const type of types) target.addEventListener(type, () => resolve(), { once: true })
  })
}

function varint(value: number): Uint8Array {
  const bytes: number[] = []
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return Uint8Array.of(...bytes, rest)
    bytes.push((rest % 128) | 128)
  }
}
