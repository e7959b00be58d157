/** Promise: `npm start` says where the page is or what to do instead, is the same relay each time, and stops cleanly. */

import assert from 'node:assert/strict'
import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'

const MAIN = fileURLToPath(new URL('../../../relay/main.ts', import.meta.url))

type Start = ChildProcessByStdio<null, Readable, Readable>

function start(...options: string[]): Start {
  return spawn(process.execPath, ['--import', 'tsx', MAIN, ...options], { stdio: ['ignore', 'pipe', 'pipe'] })
}

/** Runs to the end: exit code and what was said. */
async function outcome(child: Start): Promise<{ code: number; said: string }> {
  let said = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (said += chunk))
  const [code] = await once(child, 'close')
  return { code, said }
}

/** Ports that nobody has now. */
async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'))
  return Promise.all(
    servers.map(async (server) => {
      await once(server, 'listening')
      const { port } = server.address() as AddressInfo
      server.close()
      await once(server, 'close')
      return port
    }),
  )
}

/** Output up to and including the line on how to stop. */
async function announcement(child: Start): Promise<string> {
  let said = ''
  for await (const chunk of child.stdout) {
    said += chunk
    if (said.includes('Ctrl+C stops it')) return said
  }
  throw new Error(`It ended after saying: ${said}`)
}

describe('npm start', () => {
  let folder: string
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'opentab-main-'))
  })
  after(() => rm(folder, { recursive: true }))

  test('reports a taken port, then starts there when it is free, twice as the same relay', async () => {
    const other = createServer().listen(0, '127.0.0.1')
    await once(other, 'listening')
    const { port } = other.address() as AddressInfo
    const options = ['--relay-only', '--port', String(port), '--relay-key', join(folder, 'relay.key')]
    const refused = await outcome(start(...options))
    assert.equal(refused.code, 1)
    assert.match(refused.said, new RegExp(`^Port ${port} is taken.*npm start -- --port ${port + 1}.*\\n$`))
    other.close()
    await once(other, 'close')

    const announced: string[] = []
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      const child = start(...options)
      announced.push(await announcement(child))
      const ended = once(child, 'exit')
      child.kill(signal)
      assert.deepEqual(await ended, [0, null])
    }
    assert.match(announced[0]!, new RegExp(`/dns4/localhost/tcp/${port}/ws/p2p/12D3KooW\\w+\\n`))
    assert.equal(announced[1], announced[0])
  })

  test('answers an unknown option with a sentence and the help', async () => {
    const { code, said } = await outcome(start('--prot', '8081'))
    assert.equal(code, 2)
    assert.match(said, /^There is no option --prot\.\n\nnpm start -- \[options\]/)
  })

  test('refuses a certificate that is none', async () => {
    const file = join(folder, 'cert.pem')
    await writeFile(file, 'no PEM')
    const { code, said } = await outcome(start('--relay-only', '--cert', file, '--key', file))
    assert.equal(code, 1)
    assert.match(said, /are not a certificate and its private key.*Nothing was started/)
    assert.match(
      (await outcome(start('--cert', join(folder, 'gone'), '--key', file))).said,
      /could not be read/,
    )
  })

  test('with --rpc a program with the cookie is let in, and told to allow it in a tab; a second server takes nothing away', async () => {
    const [port, rpcport] = await freePorts(2)
    const cookieFile = join(folder, '.cookie')
    const options = (at: number): string[] => [
      ...['--rpc', '--rpcport', `${rpcport}`, '--rpccookiefile', cookieFile, '--port', `${at}`],
      ...['--no-build', '--dev', '--relay-key', join(folder, 'rpc.key')],
    ]
    const child = start(...options(port!))
    const ended = once(child, 'close')
    try {
      const said = await announcement(child)
      assert.match(
        said,
        new RegExp(`http://127\\.0\\.0\\.1:${rpcport}/ .*\\.cookie.*\\n.*the code [0-9a-f]{10}\\n`),
      )
      const second = await outcome(start(...options(await freePorts(1).then(([one]) => one!))))
      assert.equal(second.code, 1)
      assert.match(second.said, new RegExp(`Port ${rpcport} is taken`))
      const cookie = await readFile(cookieFile, 'utf8')
      const response = await fetch(`http://127.0.0.1:${rpcport}/`, {
        method: 'POST',
        headers: { authorization: `Basic ${Buffer.from(cookie).toString('base64')}` },
        body: '{"method":"getblockcount"}',
      })
      const { error } = (await response.json()) as { error: { code: number; message: string } }
      assert.deepEqual([response.status, error.code], [500, -28])
    } finally {
      child.kill('SIGTERM')
      await ended
    }
    await assert.rejects(stat(cookieFile))
  })
})
