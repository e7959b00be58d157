/** Promise: whatever the brain makes of gossip, the Window has a verdict. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PeerId, RememberedPeer, Standing, TransportHandler } from '../../../src/network/transport.ts'
import type { Faults } from '../../../src/primitives/ports.ts'
import { Channel } from '../../../src/workers/channel.ts'
import { RemoteTransport, serveTransport } from '../../../src/workers/transport-link.ts'
import { FAIL_TEST, ToldFaults } from '../../support/faults.ts'
import { silentTransport } from '../../support/silent-transport.ts'

const idle: TransportHandler = {
  subscriptions: [{ topic: 'tx', isCommon: true }],
  peerConnected: () => {},
  peerDisconnected: () => {},
  frame: async () => {},
  gossip: async () => 'accept',
  latency: () => {},
  misbehaved: () => {},
  status: () => {},
}

/** The Window's side of a brain that handles events as told. */
async function windowSide(
  handler: TransportHandler,
  faults: Faults = FAIL_TEST,
): Promise<TransportHandler & Disposable> {
  const { port1, port2 } = new MessageChannel()
  let served: TransportHandler = idle
  const transport = silentTransport({
    start: async (handler) => {
      served = handler
    },
  })
  serveTransport(transport, new Channel(port1))
  await new RemoteTransport(transport.self, new Channel(port2), faults).start(handler)
  return { ...served, [Symbol.dispose]: () => port1.close() }
}

const message = { topic: 'tx', payload: Uint8Array.of(1), from: 'peer' as PeerId } as const

test('the verdict on gossip crosses threads', async () => {
  using window = await windowSide(idle)
  assert.equal(await window.gossip(message), 'accept')
})

test('gossip on which the handler fails is ignored, and the failure reported', async () => {
  const faults = new ToldFaults()
  using window = await windowSide({ ...idle, gossip: () => Promise.reject(new Error('a bug')) }, faults)
  assert.equal(await window.gossip(message), 'ignore')
  assert.match(String(faults.told[0]?.error), /a bug/)
})

test('a frame on which the handler fails is done with, and the failure reported', async () => {
  const faults = new ToldFaults()
  using window = await windowSide({ ...idle, frame: () => Promise.reject(new Error('a bug')) }, faults)
  await window.frame(message.from, Uint8Array.of(1))
  assert.match(String(faults.told[0]?.error), /a bug/)
})

test('peers that the brain remembers and values are told to the Window', async () => {
  const { port1, port2 } = new MessageChannel()
  const friend: RememberedPeer = { id: 'friend' as PeerId, standing: 'anchor', introducers: [] }
  let started: readonly RememberedPeer[] | undefined
  const valued = new Promise<[PeerId, Standing]>((resolve) => {
    const transport = silentTransport({
      start: async (_handler, remembered) => {
        started = remembered
      },
      valued: (...told) => resolve(told),
    })
    serveTransport(transport, new Channel(port1))
  })
  const remote = new RemoteTransport('window' as PeerId, new Channel(port2), FAIL_TEST)
  await remote.start(idle, [friend])
  assert.deepEqual(started, [friend])
  remote.valued(friend.id, 'proven')
  assert.deepEqual(await valued, ['friend', 'proven'])
  port1.close()
})
