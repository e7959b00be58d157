/** Promise: `network.json` is read again when relays are lost and now and then, and one that makes no sense changes nothing. */

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import test, { mock } from 'node:test'
import {
  loadNetworkFile,
  type NetworkFile,
  NetworkFileFollower,
  parseNetworkFile,
} from '../../../web/tab/network-file.ts'

const SECOND = 1000
const MINUTE = 60_000

const fileOf = (...relays: string[]): NetworkFile => ({ relays, iceServers: [] })

/** A follower on time of the test's own. */
class Rig {
  file: NetworkFile | undefined
  reads = 0
  readonly taken: (readonly string[])[] = []
  iceServers: NetworkFile['iceServers'] = []
  readonly said: string[] = []
  readonly follower: NetworkFileFollower
  #now = 0
  #timers: { readonly at: number; readonly run: () => void }[] = []

  constructor(first: NetworkFile | undefined) {
    this.follower = new NetworkFileFollower({
      load: async () => {
        this.reads++
        return this.file
      },
      isRelayAddress: (address) => !address.includes('nonsense'),
      changed: ({ relays, iceServers }) => {
        this.taken.push(relays)
        this.iceServers = iceServers
      },
      log: (line) => this.said.push(line),
      after: (milliseconds, run) => {
        const timer = { at: this.#now + milliseconds, run }
        this.#timers.push(timer)
        return () => {
          this.#timers = this.#timers.filter((other) => other !== timer)
        }
      },
      // In the middle of what chance may add or take away.
      random: () => 0.5,
    })
    this.follower.take(first)
  }

  async pass(milliseconds: number): Promise<void> {
    const end = this.#now + milliseconds
    for (;;) {
      const [next] = this.#timers.filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)
      if (next === undefined) break
      this.#timers = this.#timers.filter((other) => other !== next)
      this.#now = next.at
      next.run()
      await new Promise((resolve) => setImmediate(resolve))
    }
    this.#now = end
  }
}

test('relays that are lost: the file is read after seconds, then less and less often', async () => {
  const rig = new Rig(fileOf('a'))
  rig.follower.relaysAre([{ state: 'reserved' }])
  rig.follower.relaysAre([{ state: 'unreachable' }])
  await rig.pass(4 * SECOND)
  assert.equal(rig.reads, 0, 'a relay may be lost for a moment')
  rig.file = fileOf('b')
  await rig.pass(2 * SECOND)
  assert.deepEqual(rig.taken, [['a'], ['b']])
  await rig.pass(10 * MINUTE)
  assert.ok(rig.reads >= 10 && rig.reads <= 20, `read ${rig.reads} times in ten minutes`)
  assert.equal(rig.taken.length, 2, 'what is in use already is not taken again')
})

test('one relay of several suffices: then the file is read every ten minutes', async () => {
  const rig = new Rig(fileOf('a', 'b'))
  rig.file = fileOf('a', 'b')
  rig.follower.relaysAre([{ state: 'unreachable' }, { state: 'reserved' }])
  await rig.pass(9 * MINUTE)
  assert.equal(rig.reads, 0)
  rig.file = fileOf('a', 'c')
  await rig.pass(2 * MINUTE)
  assert.deepEqual(rig.taken.at(-1), ['a', 'c'])
})

test('waking reads it at once', async () => {
  const rig = new Rig(fileOf('a'))
  rig.follower.relaysAre([{ state: 'reserved' }])
  rig.file = fileOf('b')
  await rig.follower.read()
  assert.deepEqual(rig.taken.at(-1), ['b'])
})

test('a file that can’t be read, or names no relay that can be used, changes nothing and is tried again', async () => {
  const rig = new Rig(fileOf('a'))
  rig.follower.relaysAre([{ state: 'unreachable' }])
  await rig.pass(MINUTE)
  rig.file = fileOf('nonsense')
  await rig.pass(MINUTE)
  assert.deepEqual(rig.taken, [['a']])
  rig.file = fileOf('b')
  await rig.pass(2 * MINUTE)
  assert.deepEqual(rig.taken, [['a'], ['b']])
})

test('one relay or ICE server that can’t be used is left out and told once, the others are used', async () => {
  const iceServers = [
    { urls: 'turn:x:1' },
    { urls: 'stun:x:1' },
    { urls: 'stun:[2001:db8::1]:2' },
    { urls: '' },
  ]
  const rig = new Rig({ relays: ['a', 'nonsense', 'b', 'a'], iceServers })
  assert.deepEqual(rig.taken, [['a', 'b']])
  assert.deepEqual(rig.iceServers, iceServers.slice(1, 3))
  rig.file = { relays: ['a', 'nonsense', 'b', 'a'], iceServers }
  await rig.pass(5 * MINUTE)
  assert.equal(rig.taken.length, 1)
  assert.deepEqual(
    rig.said.map((line) => /"(nonsense|turn:x:1|)"/.exec(line)?.[1]),
    ['nonsense', 'turn:x:1', ''],
  )
})

test('of more relays and ICE servers than a tab uses the first are used', () => {
  const names = Array.from({ length: 1000 }, (_, i) => `r${i}`)
  const rig = new Rig({ relays: names, iceServers: names.map((name) => ({ urls: `stun:${name}` })) })
  assert.deepEqual(rig.taken, [names.slice(0, 8)])
  assert.equal(rig.iceServers.length, 4)
  assert.equal(rig.said.length, 2)
  const wrong = new Rig(fileOf('a', ...names.map((name) => `${name} nonsense`)))
  assert.ok(wrong.said.length <= 20, 'the log is bounded')
})

test('a file that is too long, or doesn’t end in time, is none', async () => {
  const file = JSON.stringify({ relays: ['a'] })
  const served: Record<string, (write: (text: string) => void, end: () => void) => void> = {
    '/good': (write, end) => {
      write(file)
      end()
    },
    '/long': (write, end) => {
      write(file + ' '.repeat(100_000))
      end()
    },
    '/slow': (write) => {
      write(file)
      late.abort()
    },
  }
  const late = new AbortController()
  const server = createServer((request, response) =>
    served[request.url!]!(
      (text) => response.write(text),
      () => response.end(),
    ),
  ).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const { fetch } = globalThis
  let path = '/good'
  mock.method(globalThis, 'fetch', (_: string, options: RequestInit) =>
    fetch(`http://127.0.0.1:${port}${path}`, options),
  )
  mock.method(AbortSignal, 'timeout', () => late.signal)
  try {
    assert.deepEqual(await loadNetworkFile(), fileOf('a'))
    path = '/long'
    assert.equal(await loadNetworkFile(), undefined)
    path = '/slow'
    assert.equal(await loadNetworkFile(), undefined)
  } finally {
    mock.restoreAll()
    server.close()
    server.closeAllConnections()
  }
})

test('a tab that was opened without the file gets it later', async () => {
  const rig = new Rig(undefined)
  rig.file = fileOf('a')
  await rig.pass(10 * SECOND)
  assert.deepEqual(rig.taken, [['a']])
})

test('what the file must say', () => {
  const iceServers = [{ urls: 'stun:x:1', credential: 'left out' }]
  assert.deepEqual(parseNetworkFile({ relays: ['a'], iceServers, more: 1 }), {
    relays: ['a'],
    iceServers: [{ urls: 'stun:x:1' }],
  })
  assert.deepEqual(parseNetworkFile({ relays: [] }), { relays: [], iceServers: [] })
  for (const wrong of [
    null,
    'relays',
    [],
    {},
    { iceServers: [] },
    { relays: 'a', iceServers: [] },
    { relays: [1], iceServers: [] },
    { relays: ['a'], iceServers: [null] },
    { relays: ['a'], iceServers: [{ urls: 1 }] },
  ])
    assert.equal(parseNetworkFile(wrong), undefined, JSON.stringify(wrong))
})
