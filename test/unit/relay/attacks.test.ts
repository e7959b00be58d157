/** Promise: whatever one machine does to a relay, tabs elsewhere, and newcomers beside it, still join and meet. */

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { request } from 'node:http'
import type { Socket } from 'node:net'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { type Server, startServer } from '../../../relay/server.ts'
import { openSocket, RelayTab, UPGRADE } from '../../support/relay-clients.ts'

const ATTACKER = '127.0.0.2'
const ELSEWHERE = '127.0.1.3'
const NETWORK = 'ab'.repeat(32)

describe('a relay under attack', () => {
  let server: Server
  let sockets: Socket[]
  let tabs: RelayTab[]
  let said: string[]

  beforeEach(async () => {
    said = []
    server = await startServer({
      host: '127.0.0.1',
      port: 0,
      keySeed: new Uint8Array(32).fill(5),
      log: (line) => said.push(line),
    })
    sockets = []
    tabs = []
  })
  afterEach(async () => {
    for (const socket of sockets) socket.destroy()
    await Promise.all(tabs.map(({ node }) => node.stop()))
    await server.stop()
  })

  const join = async (address: string): Promise<RelayTab> => {
    const tab = await RelayTab.connect(server, address)
    tabs.push(tab)
    return await tab.reserve()
  }
  const pageStatus = async (localAddress: string): Promise<number | undefined> => {
    const asked = request({
      host: '127.0.0.1',
      port: server.port,
      path: '/network.json',
      localAddress,
      agent: false,
    })
    const [response] = await once(asked.end(), 'response')
    response.resume()
    return response.statusCode
  }
  const crowd = async (count: number, text: string): Promise<void> => {
    // A hundred at a time: the kernel queues no more than its backlog.
    for (let i = 0; i < count; i += 100) {
      sockets.push(
        ...(await Promise.all(Array.from({ length: 100 }, () => openSocket(server.port, ATTACKER, text)))),
      )
    }
  }

  for (const [name, text] of Object.entries({
    silent: UPGRADE,
    // The header of multistream-select, with which every handshake begins.
    slow: UPGRADE + frame('\x13/multistream/1.0.0\n'),
  })) {
    for (const count of [100, 1000]) {
      test(`${count} WebSockets of one machine that stay ${name} keep nobody out`, async () => {
        await crowd(count, text)
        await join(ELSEWHERE)
        await join(ATTACKER)
      })
    }
  }

  for (const [name, text] of Object.entries({
    silent: '',
    slow: 'GET / HTTP/1.1\r\nHost: localhost\r\nX-',
  })) {
    test(`4,100 connections of one machine that stay ${name} keep nobody from the page`, async () => {
      await crowd(4100, text)
      assert.equal(await pageStatus(ELSEWHERE), 200)
      assert.equal(await pageStatus(ATTACKER), 200)
      await join(ELSEWHERE)
    })
  }

  test('WebSockets opened again as often as they are closed keep nobody out', async () => {
    let isOver = false
    const reopen = async (): Promise<void> => {
      while (!isOver) {
        const socket = await openSocket(server.port, ATTACKER, UPGRADE)
        sockets.push(socket)
        if (!socket.destroyed) await once(socket.resume(), 'close')
      }
    }
    const attack = Promise.all(Array.from({ length: 200 }, reopen))
    try {
      await join(ELSEWHERE)
      await join(ATTACKER)
    } finally {
      isOver = true
      for (const socket of sockets) socket.destroy()
      await attack
    }
  })

  const malformed: Record<string, string> = {
    'reserved bits': '\xff\xff\xff\xff',
    'no mask': '\x82\x01a',
    'a length of a gigabyte': '\x82\xff\0\0\0\0\x40\0\0\0\0\0\0\0',
    text: frame('hello', '\x81'),
    'a fragment of nothing': frame('hello', '\x80'),
    'half a megabyte in one message': frame('a'.repeat(524_288)),
    'a hundred pings': frame('', '\x89').repeat(100),
    'no handshake of libp2p': frame('GET / HTTP/1.1\r\n\r\n'),
  }
  test('a malformed frame ends the connection that it came on, and no other', async () => {
    const before = await join(ELSEWHERE)
    for (const bytes of Object.values(malformed)) {
      const socket = await openSocket(server.port, ATTACKER, UPGRADE)
      sockets.push(socket)
      await once(socket, 'data')
      socket.write(bytes, 'latin1')
      await once(socket.resume(), 'close')
    }
    await join(ATTACKER)
    assert.ok(!before.isLost)
  })

  test('a tab that opens and resets streams without end is disconnected, and others join', async () => {
    const attacker = await join(ATTACKER)
    const closed = once(attacker.connection as unknown as EventTarget, 'close')
    attacker.openAndResetStreams(2000)
    await closed
    await join(ELSEWHERE)
  })

  test('one machine that asks for a tab again and again is refused in time, and others still meet it', async () => {
    const victim = await join(ELSEWHERE)
    const attacker = await join(ATTACKER)
    const isRefused = (): boolean => said.some((line) => /introductions asked for too often/.test(line))
    // More than a slow machine, too, needs until the rate that is always allowed no longer helps.
    for (let i = 0; i < 1000 && !isRefused(); i++) await attacker.meet(victim).catch(() => {})
    assert.ok(isRefused())
    await (await join('127.0.2.1')).meet(victim)
  })

  test('a dozen that are introduced to one tab at a time are not taken for a leak', async () => {
    const warnings: Error[] = []
    const warned = (warning: Error): void => void warnings.push(warning)
    process.on('warning', warned)
    try {
      const host = await join(ELSEWHERE)
      for (let i = 0; i < 12; i++) await (await join(ATTACKER)).dial(host)
      assert.deepEqual(warnings, [])
    } finally {
      process.off('warning', warned)
    }
  })

  test('a class of 60 behind one router gets in, and finds itself', async () => {
    // Ten at a time, since all 60 tabs' sums are done by this one thread.
    for (let i = 0; i < 60; i += 10) await Promise.all(Array.from({ length: 10 }, () => join('127.0.9.1')))
    for (const tab of tabs) await tab.peers(NETWORK)
    const answers = await Promise.all(tabs.map((tab) => tab.peers(NETWORK)))
    assert.ok(answers.every((answer) => answer.length === 50))
  })
})

describe('WebSockets that ask for the subprotocol of hot reload, where nothing is developed', () => {
  const ask = (source: string): string =>
    UPGRADE.replace('\r\n\r\n', `\r\nSec-WebSocket-Protocol: vite-hmr\r\nX-Forwarded-For: ${source}\r\n\r\n`)

  for (const behindProxy of [false, true]) {
    test(`are handshakes like any others${behindProxy ? ', by the address that a proxy forwards' : ''}`, async () => {
      const said: string[] = []
      const server = await startServer({
        host: '127.0.0.1',
        port: 0,
        keySeed: new Uint8Array(32).fill(8),
        shares: { handshakes: { total: 20, perAddress: 4, perSubnet: 8 } },
        behindProxy,
        log: (line) => said.push(line),
      })
      const open = async (source: string): Promise<Socket> => {
        const socket = await openSocket(server.port, ATTACKER, ask(source))
        await once(socket, 'data')
        return socket
      }
      try {
        const sockets: Socket[] = []
        const neighbour = behindProxy ? await open('198.51.100.1') : undefined
        for (let i = 0; i < 4; i++) sockets.push(await open('203.0.113.7'))
        const oneCloses = Promise.race(sockets.map((socket) => once(socket, 'close')))
        const last = await openSocket(server.port, ATTACKER, ask('203.0.113.7'))
        await oneCloses
        assert.equal(neighbour?.destroyed ?? false, false)
        last.destroy()
      } finally {
        await server.stop()
      }
      const from = behindProxy ? '203.0.113.7' : ATTACKER
      assert.ok(
        said.some((line) => line.includes('handshakes') && line.includes(from)),
        said.join('\n'),
      )
    })
  }
})

describe('slots', () => {
  test('a hundred identities of each of four machines leave newcomers a slot, and half of the peers they are told', async () => {
    // A tenth of a real relay, since each identity costs this thread two handshakes.
    const slots = { total: 100, perAddress: 25, perSubnet: 50 }
    const server = await startServer({
      host: '127.0.0.1',
      port: 0,
      keySeed: new Uint8Array(32).fill(6),
      shares: { slots },
    })
    const tabs: RelayTab[] = []
    const join = async (address: string): Promise<RelayTab> => {
      const tab = await RelayTab.connect(server, address)
      tabs.push(tab)
      await tab.reserve()
      await tab.peers(NETWORK)
      return tab
    }
    const flood = async (address: string): Promise<void> => {
      for (let i = 0; i < 100; i += 4) {
        await Promise.all(Array.from({ length: 4 }, () => join(address).catch(() => {})))
      }
    }
    try {
      const honest = await Promise.all(['127.0.1.1', '127.0.2.1', '127.0.3.1'].map(join))
      await flood(ATTACKER)
      const newcomer = await join('127.0.4.1')
      const told = await newcomer.peers(NETWORK)
      const found = honest.filter(({ node }) => told.includes(node.peerId.toString()))
      assert.equal(found.length, 3)
      assert.ok(told.length <= 7, `${told.length} were named`)
      for (const address of ['127.1.0.2', '127.2.0.2', '127.3.0.2']) await flood(address)
      honest.push(newcomer, await join('127.0.5.1'))
      assert.ok(honest.every(({ isLost }) => !isLost))
      for (const other of honest.slice(0, 4)) await honest[4]!.meet(other)
    } finally {
      await Promise.all(tabs.map(({ node }) => node.stop()))
      await server.stop()
    }
  })

  /** A relay of a few slots behind a proxy on this machine, or so it seems. */
  async function withSmallRelay(
    behindProxy: boolean,
    body: (join: (forwardedFor?: string) => Promise<RelayTab>, port: number) => Promise<void>,
  ): Promise<string[]> {
    const said: string[] = []
    const server = await startServer({
      host: '127.0.0.1',
      port: 0,
      keySeed: new Uint8Array(32).fill(7),
      shares: { slots: { total: 6, perAddress: 2, perSubnet: 4 } },
      behindProxy,
      log: (line) => said.push(line),
    })
    const tabs: RelayTab[] = []
    try {
      await body(async (forwardedFor) => {
        const headers: Record<string, string> =
          forwardedFor === undefined ? {} : { 'x-forwarded-for': forwardedFor }
        const tab = await RelayTab.connect(server, '127.0.0.1', headers)
        tabs.push(tab)
        return await tab.reserve()
      }, server.port)
    } finally {
      await Promise.all(tabs.map(({ node }) => node.stop()))
      await server.stop()
    }
    return said
  }

  const notice = async (port: number, forwardedFor: string): Promise<string | undefined> => {
    const headers = { 'x-forwarded-for': forwardedFor }
    const asked = request({ host: '127.0.0.1', port, path: '/network.json', headers, agent: false })
    const [response] = await once(asked.end(), 'response')
    let body = ''
    for await (const chunk of response) body += chunk
    return JSON.parse(body).notice
  }

  test('behind a proxy an address is what the proxy adds last, whatever the visitor says before', async () => {
    const said = await withSmallRelay(true, async (join, port) => {
      for (const made of ['198.51.100.1, ', '198.51.100.2,', '']) {
        const joined = join(`${made}203.0.113.7`)
        if (made === '') await assert.rejects(joined)
        else await joined
      }
      assert.match((await notice(port, '203.0.113.7')) ?? '', /as many tabs of your address as it can/)
      assert.equal(await notice(port, '203.0.113.8'), undefined)
      await join('203.0.113.8:4711')
      await join('2001:db8::1')
      await join('[2001:db8::2]:4711')
      await assert.rejects(join('2001:db8::3'))
    })
    assert.deepEqual(said, ['Refused 1 tabs beyond the share of their address (from 203.0.113.7).'])
  })

  test('without the option nobody can speak for another, and the operator is told of the option once', async () => {
    const said = await withSmallRelay(false, async (join) => {
      await join('203.0.113.1')
      await join('203.0.113.2')
      await assert.rejects(join('203.0.113.3'))
    })
    assert.equal(said.filter((line) => line.includes('--behind-proxy')).length, 1)
  })

  test('a full relay takes a newcomer in the place of one of those that are most at an address', async () => {
    await withSmallRelay(true, async (join) => {
      const crowd = await Promise.all(
        ['192.0.2.1', '192.0.2.1', '192.0.2.2', '192.0.2.2', '203.0.113.1', '198.51.100.1'].map(join),
      )
      const oneIsLost = Promise.race(
        crowd.map(({ connection }) => once(connection as unknown as EventTarget, 'close')),
      )
      const newcomer = await join('198.51.100.200')
      await oneIsLost
      const lost = crowd.map(({ isLost }) => isLost)
      assert.equal(lost.filter(Boolean).length, 1)
      assert.ok(lost.slice(0, 4).includes(true))
      assert.ok(!newcomer.isLost)
    })
  })
})

/** A final WebSocket frame of a client, whose mask is nothing. */
function frame(payload: string, kind = '\x82'): string {
  const { length } = payload
  const extended = Buffer.alloc(8)
  extended.writeUInt32BE(length, 4)
  const size = length < 126 ? String.fromCharCode(0x80 + length) : `\xff${extended.toString('latin1')}`
  return `${kind}${size}\0\0\0\0${payload}`
}
