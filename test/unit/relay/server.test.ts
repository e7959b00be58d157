/** Promise: one port serves the page, and nothing but the page, its relay and its addresses, to whoever asks however. */

import '../../../relay/polyfill.ts'
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { request as httpRequest, type IncomingHttpHeaders } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { connect as connectTls } from 'node:tls'
import type { Libp2p } from '@libp2p/interface'
import { noise } from '@libp2p/noise'
import { webSockets } from '@libp2p/websockets'
import { yamux } from '@libp2p/yamux'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'
import { WebSocket } from 'ws'
import { loadLanIdentity } from '../../../relay/lan.ts'
import type { NetworkJson } from '../../../relay/network-json.ts'
import { loadPage } from '../../../relay/page.ts'
import { type Server, startServer } from '../../../relay/server.ts'
import { PEERS_PROTOCOL } from '../../../src/network/peers-protocol.ts'

const SEED = new Uint8Array(32).fill(9)
const OTHER_RELAY = '/dns4/relay.example/tcp/443/wss/p2p/12D3KooWEQJC4otMhFw3yC8t8joRizbqT33bMmew82v959SeQrqs'
const INDEX = '<!doctype html><title>Opentab</title>'
const SCRIPT = `export const filler = '${'opentab '.repeat(500)}'`

interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

let folder: string
let server: Server
const clients: Libp2p[] = []

before(async () => {
  // As Node 20 has none; accepts the certificate that a person would accept once.
  globalThis.WebSocket = class extends WebSocket {
    constructor(url: string) {
      super(url, { rejectUnauthorized: false })
    }
  } as unknown as typeof globalThis.WebSocket
  folder = await mkdtemp(join(tmpdir(), 'opentab-server-'))
  await mkdir(join(folder, 'dist/assets'), { recursive: true })
  await writeFile(join(folder, 'secret.txt'), 'secret')
  await writeFile(join(folder, 'dist/index.html'), INDEX)
  await writeFile(join(folder, 'dist/assets/main-3f2a.js'), SCRIPT)
  await writeFile(join(folder, 'dist/assets/kernel-77aa.wasm'), Uint8Array.of(0, 0x61, 0x73, 0x6d))
  const page = await loadPage(join(folder, 'dist'))
  const options = { host: '127.0.0.1', port: 0, keySeed: SEED, page: () => page, otherRelays: [OTHER_RELAY] }
  server = await startServer(options)
  // Another program may have the same number for UDP, without which there is no STUN.
  while (server.stunError !== undefined) {
    await server.stop()
    server = await startServer(options)
  }
})
after(async () => {
  await Promise.all(clients.map((client) => client.stop()))
  await server.stop()
  await rm(folder, { recursive: true })
})

/** One request as it is written: unlike `fetch`, it leaves the path and the Host header alone. */
async function get(path: string, headers: Record<string, string> = {}, port = server.port): Promise<Answer> {
  return await ask(httpRequest({ host: '127.0.0.1', port, path, headers, agent: false }))
}

async function ask(request: ReturnType<typeof httpRequest>): Promise<Answer> {
  request.end()
  const [response] = await once(request, 'response')
  let body = ''
  for await (const chunk of response) body += chunk
  return { status: response.statusCode, headers: response.headers, body }
}

async function startClient(): Promise<Libp2p> {
  const client = await createLibp2p({
    transports: [webSockets()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
  })
  clients.push(client)
  return client
}

describe('the page', () => {
  test('has a type, and a lifetime that suits its name', async () => {
    const index = await get('/')
    assert.equal(index.status, 200)
    assert.equal(index.body, INDEX)
    assert.equal(index.headers['content-type'], 'text/html; charset=utf-8')
    assert.equal(index.headers['cache-control'], 'no-cache')

    const script = await get('/assets/main-3f2a.js?x=1')
    assert.equal(script.body, SCRIPT)
    assert.equal(script.headers['content-type'], 'text/javascript; charset=utf-8')
    assert.equal(script.headers['cache-control'], 'public, max-age=31536000, immutable')
    assert.equal((await get('/assets/kernel-77aa.wasm')).headers['content-type'], 'application/wasm')
  })

  test('is compressed for those who can, and not sent again to those who have it', async () => {
    const compressed = await get('/assets/main-3f2a.js', { 'accept-encoding': 'gzip, br' })
    assert.equal(compressed.headers['content-encoding'], 'gzip')
    assert.ok(Number(compressed.headers['content-length']) < SCRIPT.length)
    const { etag = '' } = (await get('/')).headers
    const again = await get('/', { 'if-none-match': etag })
    assert.deepEqual([again.status, again.body], [304, ''])
  })

  test('answers its own routes with index.html, missing files with 404', async () => {
    for (const path of ['/wallet', '/explorer/block/00ab', '/network/'])
      assert.equal((await get(path)).body, INDEX)
    for (const path of ['/assets/gone-1234.js', '/favicon.ico']) assert.equal((await get(path)).status, 404)
  })

  test('gives no file beside it, however the path is written', async () => {
    const paths = [
      '/../secret.txt',
      '/%2e%2e/secret.txt',
      '/..%2fsecret.txt',
      '/assets/../../secret.txt',
      '/..\\secret.txt',
      '//../secret.txt',
      '/\0/secret.txt',
      `/${folder}/secret.txt`,
    ]
    for (const path of paths) {
      const socket = connect(server.port, '127.0.0.1')
      socket.end(`GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`)
      let answer = ''
      for await (const chunk of socket) answer += chunk
      assert.match(answer, /^HTTP\/1\.1 (404|400) /, path)
      assert.doesNotMatch(answer, /secret$/, path)
    }
  })

  test('may talk to itself and to relays, its threads to those of its server, and nobody to anybody else', async () => {
    const policyOf = async (path: string): Promise<unknown> =>
      (await get(path, { host: 'opentab.test:8080' })).headers['content-security-policy']
    const policy = (sockets: string): string =>
      "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; style-src 'self'; " +
      "img-src 'self' data: blob:; font-src 'self'; manifest-src 'self'; " +
      `connect-src 'self' ${sockets}; ` +
      "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    for (const view of ['/', '/index.html', '/wallet/send', '/block/1?network=regtest'])
      assert.equal(await policyOf(view), policy('ws: wss:'), view)
    for (const file of ['/assets/brain.js', '/network.json', '/a.b/../brain.js'])
      assert.equal(
        await policyOf(file),
        policy('ws://opentab.test:8080 wss://opentab.test:8080 wss://relay.example:443'),
        file,
      )
    assert.equal((await get('/')).headers['x-content-type-options'], 'nosniff')
  })

  test('is not served to who never ends a request, nor waits for it', async () => {
    const slow = connect(server.port, '127.0.0.1')
    slow.on('error', () => {})
    slow.write('GET / HTTP/1.1\r\nHost: localhost\r\nX-')
    await once(slow.resume(), 'close')
  })

  test('is only read', async () => {
    const { port } = server
    assert.equal((await ask(httpRequest({ host: '127.0.0.1', port, method: 'POST', path: '/' }))).status, 405)
    assert.equal((await ask(httpRequest({ host: '127.0.0.1', port, method: 'HEAD', path: '/' }))).body, '')
  })
})

describe('network.json', () => {
  const readAs = async (host: string, headers: Record<string, string> = {}): Promise<NetworkJson> => {
    const answer = await get('/network.json', { host, ...headers })
    assert.equal(answer.headers['cache-control'], 'no-store')
    return JSON.parse(answer.body)
  }

  test('names the relay and STUN by the host that was asked for', async () => {
    const { relayPeerId, port } = server
    const expected: Record<string, [relay: string, stun: string]> = {
      'localhost:8080': ['/dns4/localhost/tcp/8080/ws', 'localhost'],
      '192.0.2.1:8081': ['/ip4/192.0.2.1/tcp/8081/ws', '192.0.2.1'],
      '[2001:db8::1]:8080': ['/ip6/2001:db8::1/tcp/8080/ws', '[2001:db8::1]'],
      'Opentab.Example': ['/dns4/opentab.example/tcp/80/ws', 'opentab.example'],
    }
    for (const [host, [relay, stun]] of Object.entries(expected)) {
      assert.deepEqual(await readAs(host), {
        relays: [`${relay}/p2p/${relayPeerId}`, OTHER_RELAY],
        iceServers: [{ urls: `stun:${stun}:${port}` }],
      })
    }
  })

  test('knows of TLS that a proxy in front ended', async () => {
    const { relays } = await readAs('opentab.example', { 'x-forwarded-proto': 'https' })
    assert.equal(relays[0], `/dns4/opentab.example/tcp/443/wss/p2p/${server.relayPeerId}`)
  })

  test('refuses a host that is none', async () => {
    const hosts = [
      'a b',
      'a/p2p/x',
      "x; script-src 'unsafe-inline'",
      '[::1',
      'host:0',
      'host:99999',
      '-a.b',
      '[1.2.3.4]',
    ]
    for (const host of hosts) assert.equal((await get('/network.json', { host })).status, 400, host)
  })
})

describe('the relay behind the page', () => {
  test('is reached at the address that network.json gives', async () => {
    const client = await startClient()
    const { relays }: NetworkJson = JSON.parse((await get('/network.json')).body)
    const connection = await client.dial(multiaddr(relays[0]))
    assert.equal(connection.remotePeer.toString(), server.relayPeerId)
    const stream = await connection.newStream(PEERS_PROTOCOL)
    assert.equal(stream.protocol, PEERS_PROTOCOL)
  })

  test('stops and starts again under the same name while the page stays', async () => {
    const client = await startClient()
    const address = multiaddr(JSON.parse((await get('/network.json')).body).relays[0])
    const connection = await client.dial(address)
    const closed = once(connection as unknown as EventTarget, 'close')
    await server.stopRelay()
    await closed
    assert.equal((await get('/')).status, 200)
    await assert.rejects(client.dial(address))
    await server.startRelay()
    assert.equal((await client.dial(address)).remotePeer.toString(), server.relayPeerId)
  })

  test('a second server on the same port is told that it is taken, and harms nothing', async () => {
    await assert.rejects(startServer({ host: '127.0.0.1', port: server.port, keySeed: SEED }), {
      code: 'EADDRINUSE',
    })
    assert.equal((await get('/')).status, 200)
  })

  test('alone, without a page, it still says where it is', async () => {
    const alone = await startServer({ host: '127.0.0.1', port: 0, keySeed: new Uint8Array(32).fill(8) })
    assert.equal((await get('/', {}, alone.port)).status, 404)
    const answer = await get('/network.json', {}, alone.port)
    assert.match(JSON.parse(answer.body).relays[0], new RegExp(`/p2p/${alone.relayPeerId}$`))
    await alone.stop()
  })
})

describe('over TLS', () => {
  test('page and relay share the port, slow requests end, and plain HTTP is sent there', async () => {
    const tls = await loadLanIdentity(join(folder, 'data'), ['127.0.0.1'])
    const page = await loadPage(join(folder, 'dist'))
    const secure = await startServer({ host: '127.0.0.1', port: 0, keySeed: SEED, page: () => page, tls })
    const { port } = secure
    try {
      const options = { host: '127.0.0.1', port, ca: tls.cert, agent: false }
      assert.equal((await ask(httpsRequest({ ...options, path: '/wallet' }))).body, INDEX)
      const { relays }: NetworkJson = JSON.parse(
        (await ask(httpsRequest({ ...options, path: '/network.json' }))).body,
      )
      assert.equal(relays[0], `/ip4/127.0.0.1/tcp/${port}/wss/p2p/${secure.relayPeerId}`)
      const client = await startClient()
      assert.equal((await client.dial(multiaddr(relays[0]))).remotePeer.toString(), secure.relayPeerId)

      const slow = connectTls({ host: '127.0.0.1', port, ca: tls.cert })
      slow.on('error', () => {})
      slow.write('GET / HTTP/1.1\r\nHost: localhost\r\nX-')
      await once(slow.resume(), 'close')

      const redirect = await get('/wallet?x', {}, port)
      assert.equal(redirect.status, 307)
      assert.equal(redirect.headers.location, `https://127.0.0.1:${port}/wallet?x`)
    } finally {
      await secure.stop()
    }
  })
})
