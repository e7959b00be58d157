/** Promise: a tab finds the other tabs of its own network through the relay, and no ask, however odd, harms the relay. */

import '../../../relay/polyfill.ts'
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { PeerId } from '@libp2p/interface'
import * as lp from 'it-length-prefixed'
import { MAX_PEERS_IN_ANSWER, PeerDirectory } from '../../../relay/discovery.ts'
import { type Server, startServer } from '../../../relay/server.ts'
import { sourceOf } from '../../../relay/source.ts'
import { PEERS_PROTOCOL } from '../../../src/network/peers-protocol.ts'
import { RelayTab } from '../../support/relay-clients.ts'

const OPENTAB = '0f'.repeat(32)
const REGTEST = 'ab'.repeat(32)

/** Sends bytes on a stream of their own and returns the answer, undefined if the relay reset it. */
async function send(tab: RelayTab, bytes: Uint8Array): Promise<string[] | undefined> {
  const stream = await tab.connection.newStream(PEERS_PROTOCOL)
  try {
    stream.send(bytes)
    for await (const frame of lp.decode(stream)) return JSON.parse(new TextDecoder().decode(frame.subarray()))
  } catch {
    // A reset stream throws, on writing if the reset came first.
  }
  return undefined
}

const framed = (text: string): Uint8Array => lp.encode.single(new TextEncoder().encode(text)).subarray()

const ask = (tab: RelayTab, network: string): Promise<string[] | undefined> => send(tab, framed(network))

describe('the discovery protocol', () => {
  let server: Server
  const tabs: RelayTab[] = []
  const tab = async (): Promise<RelayTab> => {
    const started = await RelayTab.connect(server, '127.0.0.1')
    tabs.push(started)
    return await started.reserve()
  }

  before(async () => {
    server = await startServer({ host: '127.0.0.1', port: 0, keySeed: new Uint8Array(32).fill(1) })
  })
  after(async () => {
    await Promise.all(tabs.map(({ node }) => node.stop()))
    await server.stop()
  })

  test('two tabs on one network see each other, and none of another network', async () => {
    const [a, b, other] = await Promise.all([tab(), tab(), tab()])
    assert.deepEqual(await ask(a, OPENTAB), [])
    assert.deepEqual(await ask(other, REGTEST), [])
    assert.deepEqual(await ask(b, OPENTAB), [a.node.peerId.toString()])
    assert.deepEqual(await ask(a, OPENTAB), [b.node.peerId.toString()])
    assert.deepEqual(await ask(other, REGTEST), [])
  })

  test('a tab that left is forgotten, its reservation with it', async () => {
    const [stays, leaves] = await Promise.all([tab(), tab()])
    await ask(stays, 'c0')
    await ask(leaves, 'c0')
    assert.deepEqual(await ask(stays, 'c0'), [leaves.node.peerId.toString()])
    await leaves.node.stop()
    // The relay hears of it in its own time: ask again until it has.
    let answer: string[] | undefined
    do answer = await ask(stays, 'c0')
    while (answer?.length !== 0)
    assert.deepEqual(answer, [])
  })

  const malformed: Record<string, Uint8Array> = {
    'an empty name': lp.encode.single(new Uint8Array(0)).subarray(),
    'upper case': framed('AB'),
    'a name that is not hexadecimal': framed('main'),
    'bytes that are not text': lp.encode.single(new Uint8Array([0xff, 0xfe])).subarray(),
    'a name of 65 characters': framed('a'.repeat(65)),
    'a frame that claims a gigabyte': new Uint8Array([0x80, 0x80, 0x80, 0x80, 0x04, 0x61]),
    'a length that never ends': new Uint8Array(32).fill(0x80),
  }
  test('refuses malformed asks, and answers the next good one on the same connection', async () => {
    const asker = await tab()
    for (const [name, bytes] of Object.entries(malformed)) {
      assert.equal(await send(asker, bytes), undefined, name)
    }
    assert.deepEqual(await ask(asker, 'd0'), [])
  })

  test('a tab that asks without end is refused in time', async () => {
    const asker = await tab()
    let refused = false
    // More than a slow machine, too, needs until the rate that is always allowed no longer helps.
    for (let i = 0; i < 2000 && !refused; i++) refused = (await ask(asker, 'e0')) === undefined
    assert.ok(refused)
  })
})

describe('the peer directory', () => {
  const peerId = (name: string): PeerId => ({ toString: () => name }) as PeerId

  /** Stands in for a stream, so that hundreds of tabs cost nothing. */
  async function serve(directory: PeerDirectory, peer: string, network: string): Promise<void> {
    const frame = lp.encode.single(new TextEncoder().encode(network))
    const stream = Object.assign([frame], { send: () => true, close: async () => {}, abort: () => {} })
    const connection = { remotePeer: peerId(peer) }
    await directory.serve(...([stream, connection] as unknown as Parameters<PeerDirectory['serve']>))
  }

  /** A directory in which the tabs of each address, so many, are on one network. */
  async function directoryOf(tabs: Record<string, number>): Promise<PeerDirectory> {
    const directory = new PeerDirectory((peer) => sourceOf(peer.toString().split(' ')[0]))
    for (const [address, count] of Object.entries(tabs)) {
      for (let i = 0; i < count; i++) await serve(directory, `${address} ${i}`, 'aa')
    }
    return directory
  }

  const countFrom = (answer: readonly string[], address: string): number =>
    answer.filter((peer) => peer.startsWith(`${address} `)).length

  test('names at most 50 of many peers, each once, and not always the same', async () => {
    const directory = await directoryOf({ '192.0.2.1': 500 })
    const seen = new Set<string>()
    for (let i = 0; i < 200; i++) {
      const answer = directory.peersOf('aa', peerId('192.0.2.1 0'))
      assert.equal(answer.length, MAX_PEERS_IN_ANSWER)
      assert.equal(new Set(answer).size, MAX_PEERS_IN_ANSWER)
      assert.ok(!answer.includes('192.0.2.1 0'))
      for (const peer of answer) seen.add(peer)
    }
    assert.equal(seen.size, 499)
  })

  test('names every honest tab and no more of a machine with a thousand identities, from wherever it is', async () => {
    for (const sybils of [40, 998]) {
      const directory = await directoryOf({
        '203.0.113.9': sybils,
        ...Object.fromEntries(Array.from({ length: 6 }, (_, i) => [`192.0.2.${i}`, 1])),
        '198.51.100.1': 2,
      })
      const answer = directory.peersOf('aa', peerId('192.0.2.0 0'))
      const honest = answer.length - countFrom(answer, '203.0.113.9')
      assert.equal(honest, 7)
      assert.ok(countFrom(answer, '203.0.113.9') <= honest)
    }
  })

  test('names as many as one subnet has, and no more, where a neighbour in it has a thousand identities', async () => {
    const directory = await directoryOf({ '192.0.2.1': 998, '192.0.2.2': 5, '192.0.2.3': 5 })
    const answer = directory.peersOf('aa', peerId('192.0.2.3 0'))
    assert.equal(answer.length - countFrom(answer, '192.0.2.1'), 9)
    assert.ok(countFrom(answer, '192.0.2.1') <= 9)
  })

  test('a class behind one address finds itself, whoever else is there, and others find some of it', async () => {
    const directory = await directoryOf({ '192.0.2.1': 30, '198.51.100.1': 1, '203.0.113.1': 1 })
    const pupil = directory.peersOf('aa', peerId('192.0.2.1 0'))
    assert.deepEqual([pupil.length, countFrom(pupil, '192.0.2.1')], [27, 25])
    const other = directory.peersOf('aa', peerId('198.51.100.1 0'))
    assert.deepEqual([other.length, countFrom(other, '192.0.2.1')], [5, 4])
  })

  test('every other one named is of the asker’s own address, whoever has himself listed elsewhere', async () => {
    const elsewhere = Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`203.0.${i}.1`, 10]))
    const directory = await directoryOf({ '192.0.2.1': 5, ...elsewhere })
    const answer = directory.peersOf('aa', peerId('192.0.2.1 0'))
    const isNear = answer.map((peer) => peer.startsWith('192.0.2.1 '))
    assert.deepEqual(isNear.slice(0, 8), [true, false, true, false, true, false, true, false])
    assert.equal(answer.length, MAX_PEERS_IN_ANSWER)
  })

  test('names only peers that hold a reservation', async () => {
    const reserved = new Set(['b'])
    const directory = new PeerDirectory((peer) =>
      reserved.has(peer.toString()) ? sourceOf('192.0.2.1') : undefined,
    )
    for (const peer of ['a', 'b', 'c']) await serve(directory, peer, 'aa')
    assert.deepEqual(directory.peersOf('aa', peerId('a')), ['b'])
    directory.forget('b')
    assert.deepEqual(directory.peersOf('aa', peerId('a')), [])
  })

  test('remembers the last few networks of a peer only', async () => {
    const directory = new PeerDirectory(() => sourceOf('192.0.2.1'))
    for (const network of ['a0', 'a1', 'a2', 'a3', 'a4']) await serve(directory, 'p', network)
    assert.deepEqual(directory.peersOf('a0', peerId('q')), [])
    assert.deepEqual(directory.peersOf('a1', peerId('q')), ['p'])
    assert.deepEqual(directory.peersOf('a4', peerId('q')), ['p'])
  })
})
