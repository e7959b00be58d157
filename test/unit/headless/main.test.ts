/** Promise: `npm run node` understands its command line or says what is wrong; it answers lines by lines, one node to a folder, and stops cleanly. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFile, stat, writeFile } from 'node:fs/promises'
import { createServer, type IncomingMessage, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { before, describe, test } from 'node:test'
import { parseOptions } from '../../../headless/options.ts'
import { buildKernels } from '../../../kernels/build.ts'
import { networkId } from '../../../src/consensus/genesis.ts'
import { PUBLIC, REGTEST } from '../../../src/consensus/params.ts'
import { encodeNetworkLink } from '../../../src/node/network-link.ts'
import { invitationPath } from '../../../web/invitation.ts'
import { withNodes } from '../../support/headless-nodes.ts'

/** Nobody is there. */
const RELAY = '/ip4/127.0.0.1/tcp/9/ws/p2p/12D3KooWSrKnMZUcSxK8G7wmBbXdU8nFEfWGhLu6H8xjn8LmCSJb'

function complaint(...argv: string[]): string {
  const parsed = parseOptions(argv)
  assert.ok(!parsed.ok)
  return parsed.message
}

describe('options of npm run node', () => {
  test('a network is one of ours by name, or any by its link, which may name relays', () => {
    const own = { ...REGTEST, name: 'class', addressPrefix: 'cls' }
    const page = 'https://class.example'
    for (const [network, params, relays] of [
      ['public', PUBLIC, ['http://localhost:8080']],
      ['regtest', REGTEST, ['http://localhost:8080']],
      [encodeNetworkLink(own), own, ['http://localhost:8080']],
      [`${page}${invitationPath(own, [RELAY])}`, own, [RELAY, page]],
    ] as const) {
      const parsed = parseOptions(['--network', network])
      assert.ok(parsed.ok)
      assert.deepEqual(parsed.options.params, params)
      assert.deepEqual(parsed.options.relays, relays)
    }
    const parsed = parseOptions(['--network', `${page}${invitationPath(own, [RELAY])}`, '--relay', page])
    assert.deepEqual(parsed.ok && parsed.options.relays, [page])
  })

  test('what is wrong is said', () => {
    assert.match(complaint('--network', 'main'), /no network “main”/)
    assert.match(complaint('--network', 'net1qqq'), /^--network: .*damaged/)
    assert.match(complaint('--network', 'http://'), /not the address of a page/)
    assert.match(complaint('--relay', 'relay.example'), /--relay takes the address of a page/)
    assert.match(complaint('--relay', '/ip4/127.0.0.1/tcp/9/ws'), /--relay takes the address of a page/)
    assert.match(complaint('--rpcport', '18443'), /go with --rpc/)
    assert.match(complaint('--verbose'), /--verbose/)
  })
})

describe('a node as a process', () => {
  before(buildKernels)

  test('answers in the order of its lines, mines, keeps its folder to itself, and has all after it was stopped', () =>
    withNodes(async (nodes) => {
      const node = await nodes.start('Ada', RELAY)
      const [genesis, unknown, wrong] = await Promise.allSettled([
        node.rpc('getblockhash', 0),
        node.rpc('nosuchmethod' as 'uptime'),
        node.rpc('getblockhash', -1),
      ])
      assert.deepEqual(genesis, { status: 'fulfilled', value: networkId(REGTEST) })
      assert.equal(unknown.status === 'rejected' && unknown.reason.code, -32601)
      assert.equal(wrong.status, 'rejected')
      await node.rpc('createwallet', 'Savings', { passphrase: 'copper window battery staple' })
      await node.rpc('generatetoaddress', 3, await node.rpc('getnewaddress'))
      // By the threads that search nonces and check signatures, of which one that can't start is told in the log.
      await node.rpc('setgenerate', true, 1, 1)
      await node.until('it has mined', 'getblockcount', [], (height) => height > 3)
      assert.doesNotMatch(node.report(), /WARNING|ERROR/)

      const second = await nodes.start('Ada', RELAY)
      await assert.rejects(second.rpc('uptime'), /Another node runs on this folder/)
      const folder = join(await nodes.folder('Ada'), networkId(REGTEST))
      assert.equal((await stat(folder)).mode & 0o077, 0, 'others may not look in')

      const tip = await node.rpc('getbestblockhash')
      await node.stop()
      const again = await nodes.start('Ada', RELAY)
      assert.ok((await again.rpc('getblockheader', tip)).confirmations > 0)
      assert.deepEqual(await again.rpc('listwallets'), ['Savings'])
      await again.stop()
    }))

  test('a folder that can’t be made is told in a sentence', () =>
    withNodes(async (nodes) => {
      await writeFile(join(await nodes.folder('Ada'), networkId(REGTEST)), '')
      const node = await nodes.start('Ada', RELAY)
      await assert.rejects(node.rpc('uptime'), /The folder .* can't be made/)
    }))

  test('the relays that a page names are used, and stay when the page is gone', () =>
    withNodes(async (nodes) => {
      const page = createServer((_request, response) =>
        response.end(JSON.stringify({ relays: [RELAY], iceServers: [] })),
      )
      page.listen(0, '127.0.0.1')
      await once(page, 'listening')
      const node = await nodes.start('Ada', `http://127.0.0.1:${(page.address() as AddressInfo).port}`)
      const relays = async (): Promise<readonly string[]> =>
        (await node.rpc('getnetworkinfo')).relays.map(({ address }) => address)
      assert.deepEqual(await relays(), [RELAY])
      page.close()
      page.closeAllConnections()
      // It can't reach the relay, and asks again.
      await node.until('it has asked', 'uptime', [], () => /can't be asked/.test(node.report()))
      assert.deepEqual(await relays(), [RELAY])
    }))

  test('programs call by HTTP with its cookie, a wallet by its path, and nobody without', () =>
    withNodes(async (nodes) => {
      const port = await freePort()
      const node = await nodes.start('Ada', RELAY, ['--rpc', '--rpcport', `${port}`])
      // It answers lines once it answers programs.
      await node.rpc('uptime')
      const cookieFile = join(await nodes.folder('Ada'), networkId(REGTEST), '.cookie')
      const cookie = await readFile(cookieFile, 'utf8')
      const call = async (method: string, params: unknown[], path = '/', user = cookie) => {
        const asked = request({ host: '127.0.0.1', port, path, method: 'POST', auth: user })
        asked.end(JSON.stringify({ id: 1, method, params }))
        const [response] = (await once(asked, 'response')) as [IncomingMessage]
        const body = await text(response)
        return { status: response.statusCode, ...(body && (JSON.parse(body) as { result: unknown })) }
      }
      const wallet = '/wallet/My%20savings'
      const passphrase = 'copper window battery staple'
      await call('createwallet', ['My savings', { passphrase }])
      await call('createwallet', ['Other', { passphrase }])
      const { result: address } = await call('getnewaddress', [], wallet)
      assert.equal((await call('generatetoaddress', [101, address])).status, 200)
      await call('walletpassphrase', [passphrase, 60], wallet)
      const { result: txid } = await call('sendtoaddress', [address, 1], wallet)
      assert.deepEqual((await call('getrawmempool', [])).result, [txid])
      assert.equal((await call('getbalance', [])).status, 500, 'two wallets are loaded, and none is named')
      assert.equal((await call('uptime', [], '/', '__cookie__:guess')).status, 401)

      assert.equal((await call('stop', [])).status, 200)
      await node.ended()
      await assert.rejects(readFile(cookieFile), { code: 'ENOENT' })
    }))
})

/** A port that nobody listens on. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}
