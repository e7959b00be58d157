/**
 * What gossip promises: the handler's verdict decides what goes further.
 */

import { assert } from 'chai'
import { MAX_GOSSIP_BYTES } from '../../src/network/transport.ts'
import { deferred, randomNetworkId, startRelay, stopRelay, stopTabs, Tab } from './support/tab.ts'

describe('gossip', () => {
  let relay: string

  before(async () => {
    relay = await startRelay(3)
  })

  afterEach(stopTabs)

  after(() => stopRelay(relay))

  /** Three tabs in a row: the outer two refuse each other, so that gossip between them passes the middle one. */
  async function row(): Promise<[Tab, Tab, Tab]> {
    const networkId = randomNetworkId()
    const [left, middle, right] = Array.from({ length: 3 }, () => new Tab({ networkId, relays: [relay] }))
    left!.transport.disconnect(right!.id, 'test', 3600)
    right!.transport.disconnect(left!.id, 'test', 3600)
    const tabs: [Tab, Tab, Tab] = [left!, middle!, right!]
    await Promise.all(tabs.map((tab) => tab.start()))
    await Promise.all([
      left!.untilConnectedTo(middle!),
      right!.untilConnectedTo(middle!),
      middle!.until('it has both', ({ peers }) => peers.size === 2),
    ])
    return tabs
  }

  const firstBytes = ({ gossiped }: Tab): number[] => gossiped.map(({ payload }) => payload[0]!)

  it('forwards what is accepted, and nothing that is rejected or ignored', async () => {
    const [left, middle, right] = await row()
    const verdicts = { 1: 'reject', 2: 'ignore', 3: 'accept' } as const
    middle.verdict = ([first]) => verdicts[first as 1 | 2 | 3]
    for (const first of [1, 2, 3]) left.transport.publish('tx', Uint8Array.of(first, 0, 0))
    await middle.until('it is asked about each', ({ gossiped }) => gossiped.length === 3)
    await right.until('the accepted one came', ({ gossiped }) => gossiped.length > 0)
    assert.deepEqual(firstBytes(middle).sort(), [1, 2, 3])
    // A second one, accepted too, comes behind whatever else would have been forwarded.
    left.transport.publish('tx', Uint8Array.of(3, 0, 1))
    await right.until('the next one came', ({ gossiped }) => gossiped.length > 1)
    assert.deepEqual(firstBytes(right), [3, 3])
    assert.equal(right.gossiped[0]!.from, middle.id)
  })

  it('waits for a slow verdict before it forwards', async () => {
    const [left, middle, right] = await row()
    const verdict = deferred<'accept'>()
    middle.verdict = ([first]) => (first === 1 ? verdict.promise : 'accept')
    left.transport.publish('block', Uint8Array.of(1))
    await middle.until('it is asked', ({ gossiped }) => gossiped.length === 1)
    left.transport.publish('block', Uint8Array.of(2))
    await right.until('the later one came', ({ gossiped }) => gossiped.length === 1)
    assert.deepEqual(firstBytes(right), [2])
    verdict.resolve('accept')
    await right.until('the earlier one came', ({ gossiped }) => gossiped.length === 2)
    assert.equal(right.gossiped[1]!.topic, 'block')
  })

  it('stops listening to a peer whose messages are rejected', async () => {
    const [left, middle] = await row()
    middle.verdict = () => 'reject'
    for (let i = 0; i < 10; i++) left.transport.publish('tx', Uint8Array.of(i))
    await middle.until('it has heard some', ({ gossiped }) => gossiped.length >= 3)
    // Scores are computed about once a second; after that nothing of this peer is asked about.
    await until(async () => {
      const before = middle.gossiped.length
      left.transport.publish('tx', crypto.getRandomValues(new Uint8Array(8)))
      left.transport.send(middle.id, Uint8Array.of(1))
      const frames = middle.frames.length
      await middle.until('a frame sent after it came', (tab) => tab.frames.length > frames)
      return middle.gossiped.length === before
    })
  })

  it('needs no timer: a hidden tab, whose timers the browser holds back, relays at once', async () => {
    const [left, middle, right] = await row()
    const { setTimeout, setInterval } = globalThis
    const never = (): number => 0
    Object.assign(globalThis, { setTimeout: never, setInterval: never })
    try {
      left.transport.publish('block', Uint8Array.of(1))
      left.transport.send(middle.id, Uint8Array.of(2))
      await Promise.race([
        Promise.all([
          right.until('the message came', ({ gossiped }) => gossiped.length === 1),
          middle.until('the frame came', ({ frames }) => frames.length === 1),
        ]),
        // The one timer left.
        new Promise((_, reject) => {
          AbortSignal.timeout(120_000).addEventListener('abort', () => reject(new Error('waited in vain')))
        }),
      ])
    } finally {
      Object.assign(globalThis, { setTimeout, setInterval })
    }
    assert.equal(right.gossiped[0]!.from, middle.id)
  })

  it('asks once about a payload that comes twice', async () => {
    const [left, middle, right] = await row()
    left.transport.publish('tx', Uint8Array.of(1))
    await right.until('it came', ({ gossiped }) => gossiped.length === 1)
    right.transport.publish('tx', Uint8Array.of(1))
    right.transport.publish('tx', Uint8Array.of(2))
    await left.until('the other came', ({ gossiped }) => gossiped.length === 1)
    assert.deepEqual(firstBytes(middle), [1, 2])
    assert.deepEqual(firstBytes(left), [2])
  })

  it('carries the largest payload, and refuses to publish a larger one', async () => {
    const [left, , right] = await row()
    left.transport.publish('block', new Uint8Array(MAX_GOSSIP_BYTES).fill(6))
    await right.until('it came', ({ gossiped }) => gossiped.length === 1)
    assert.equal(right.gossiped[0]!.payload.length, MAX_GOSSIP_BYTES)
    let refused = false
    try {
      left.transport.publish('block', new Uint8Array(MAX_GOSSIP_BYTES + 1))
    } catch (error) {
      refused = error instanceof RangeError
    }
    assert.isTrue(refused, 'too large a payload was published')
  })
})

/** Repeats an attempt until it succeeds; the test's own timeout ends it otherwise. */
async function until(attempt: () => Promise<boolean>): Promise<void> {
  while (!(await attempt()));
}
