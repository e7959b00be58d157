/** Promise: whatever one machine does to a relay, tabs elsewhere, and newcomers beside it, still join and meet. */

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { request } from 'node:http'
import type { Socket } from 'node:net'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { type Server, startServer } from '../../relay/server.ts'
import { openSocket, RelayTab, UPGRADE } from '../support/relay-clients.ts'

const ATTACKER = '127.0.0.2'
const ELSEWHERE = '127.0.1.3'
const NETWORK = 'ab'.repeat(32)

describe('a relay under attack', { timeout: 240_000 }, () => {
  let server: Server
  let sockets: Socket[]
  let tabs: RelayTab[]

  beforeEach(async () => {
    server = await startServer({ host: '127.0.0.1', port: 0, keySeed: new Uint8Array(32).fill(5) })
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
    slow: `${UPGRADE}\x82\x94\0\0\0\0\x13/multistream/1.0.0\n`,
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
})

test('998 identities of one machine leave a newcomer a slot, and half of the peers it is told', {
  timeout: 240_000,
}, async () => {
  const server = await startServer({ host: '127.0.0.1', port: 0, keySeed: new Uint8Array(32).fill(6) })
  const tabs: RelayTab[] = []
  const join = async (address: string): Promise<RelayTab> => {
    const tab = await RelayTab.connect(server, address)
    tabs.push(tab)
    await tab.reserve()
    await tab.peers(NETWORK)
    return tab
  }
  try {
    const honest = await Promise.all(['127.0.1.1', '127.0.2.1', '127.0.3.1'].map(join))
    for (let i = 0; i < 998; i += 4) {
      await Promise.all(Array.from({ length: 4 }, () => join(ATTACKER).catch(() => {})))
    }
    const newcomer = await join(ELSEWHERE)
    assert.ok(honest.every(({ isLost }) => !isLost))
    const told = await newcomer.peers(NETWORK)
    const found = honest.filter(({ node }) => told.includes(node.peerId.toString()))
    assert.equal(found.length, 3)
    assert.ok(told.length <= 7, `${told.length} were named`)
    for (const other of honest) await newcomer.meet(other)
  } finally {
    await Promise.all(tabs.map(({ node }) => node.stop()))
    await server.stop()
  }
})
