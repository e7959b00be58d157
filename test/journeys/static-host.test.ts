/**
 * Promise: a host that sends the built page's files, and no headers, is enough. Tabs of such a page meet through a relay elsewhere, and the page's own
 * policy holds.
 */

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readdir, readFile } from 'node:fs/promises'
import { createServer, type Server as HttpServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { extname, join } from 'node:path'
import test from 'node:test'
import { DIST } from '../../relay/build.ts'
import type { Balances } from '../../web/rpc-results.ts'
import { journey, type Tab, untilAgreed } from '../support/tabs.ts'

/** Coinbase maturity of regtest. */
const MATURITY = 100

/** Without these no browser takes a file for what it is. */
const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.wasm': 'application/wasm',
  '.svg': 'image/svg+xml',
}

/** Serves files, the page's and `more`, as the plainest of hosts does. */
async function plainHost(more: Readonly<Record<string, string>>): Promise<HttpServer> {
  const files = new Map<string, Buffer | string>(Object.entries(more))
  for (const entry of await readdir(DIST, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue
    const file = join(entry.parentPath, entry.name)
    files.set(file.slice(DIST.length).replaceAll('\\', '/').replace(/^\/*/, '/'), await readFile(file))
  }
  const host = createServer((request, response) => {
    const path = request.url!.replace(/[?#].*/, '').replace(/\/$/, '/index.html')
    const file = files.get(path)
    if (file === undefined) response.writeHead(404).end()
    else response.writeHead(200, { 'content-type': TYPES[extname(path)] ?? '' }).end(file)
  })
  await once(host.listen(0, '127.0.0.1'), 'listening')
  return host
}

/** What of these a script that gets into the page may do: to run text, write markup, start other threads, and tell a stranger. */
async function allowed(tab: Tab): Promise<readonly number[]> {
  return tab.page.evaluate(async () => {
    const outcomes = await Promise.allSettled([
      // Later: what the journey itself has run may run text.
      new Promise((resolve) => setTimeout(resolve)).then(() => Reflect.construct(Function, ['return 1'])()),
      (async () => {
        document.body.innerHTML = '<b>coins for free</b>'
      })(),
      (async () => new Worker('/main.js'))(),
      (async () => new Worker('https://elsewhere.example/assets/a.worker-b.js'))(),
      fetch('https://elsewhere.example/'),
    ])
    return outcomes.flatMap(({ status }, i) => (status === 'fulfilled' ? [i] : []))
  })
}

test(
  'two tabs of a page on a plain host meet through a relay elsewhere, mine and pay, and the page’s policy holds',
  journey(async (world) => {
    const { port, relayPeerId } = await world.serve({ page: undefined })
    const relays = [`/ip4/127.0.0.1/tcp/${port}/ws/p2p/${relayPeerId}`]
    const host = await plainHost({ '/network.json': JSON.stringify({ relays }) })
    try {
      const server = host.address() as AddressInfo
      const [ada, ben] = (await world.openAll(['Ada', 'Ben'], { server })) as [Tab, Tab]
      await ada.untilPeers(1)
      await Promise.all([ada.createWallet(), ben.createWallet()])
      await ada.generate(MATURITY)
      await ada.pay(await ben.rpc('getnewaddress', 'Coffee'), 1.5)
      await ada.rpc('setgenerate', true, 1)
      const isConfirmed = ({ mine }: Balances): boolean => mine.trusted === 1.5
      await ben.until('the payment is mined', 'getbalances', [], isConfirmed)
      await ada.rpc('setgenerate', false)
      await untilAgreed([ada, ben])
      await ada.page.getByRole('link', { name: 'Wallet' }).first().click()
      await ada.page.getByRole('heading', { level: 1, name: 'Wallet' }).waitFor()
      assert.deepEqual(ada.consoleErrors, [], 'the page does nothing that its policy forbids')
      assert.deepEqual(await allowed(ben), [])
    } finally {
      host.close()
      host.closeAllConnections()
    }
  }),
)
