/**
 * Promise: a tab joins with little to fetch, and what several of its threads use is fetched once; once it has joined it fetches the rest, and
 * then needs the server no more; where the server goes before that, it says so until the server is back.
 */

import assert from 'node:assert/strict'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'node:test'
import { DIST } from '../../relay/build.ts'
import { loadPage, type PageHandler } from '../../relay/page.ts'
import { REGTEST } from '../../src/consensus/params.ts'
import { encodeAddress } from '../../src/script/address.ts'
import type { MiningInfo } from '../../web/rpc-results.ts'
import { PATIENCE } from '../support/node-tab.ts'
import { kilobytes, weighPage } from '../support/page-weight.ts'
import { journey, type Tab, untilAgreed } from '../support/tabs.ts'

/** Somebody's address: its key doesn't matter. */
const PAYOUT = encodeAddress(new Uint8Array(32).fill(2), REGTEST.addressPrefix)

/** Views of the page, one of each kind, and their headings. */
const VIEWS: readonly (readonly [path: string, heading: string | RegExp])[] = [
  ['/explorer', 'Explorer'],
  ['/explorer/mempool', 'Explorer'],
  ['/block/0', /Block/],
  ['/miner', 'Miner'],
  ['/network', 'Network'],
  ['/channels', 'Channels'],
  ['/wallet', 'You have no wallet yet'],
  ['/wallet/create', 'Choose a passphrase'],
  ['/wallet/restore', 'Restore a wallet'],
  ['/', 'Overview'],
]

/** kB; to be lowered with the page, not to be raised without a word in the change log. */
const JOINING = 250
const KERNELS = 150

/** Texts of modules that page and workers share, where minifying leaves them whole. */
const SHARED = {
  'the curve of signatures': 'fffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc2f',
  'signatures of BIP340': 'BIP0340/aux',
}

test(
  'the page and its kernels weigh no more than they may',
  journey(async (world) => {
    const { joining, later, kernels } = await weighPage(world.browser)
    const table = [...joining].sort(([, a], [, b]) => b - a).map(([name, bytes]) => `${bytes} ${name}`)
    assert.ok(kilobytes(joining) <= JOINING, `joining takes ${kilobytes(joining)} kB:\n${table.join('\n')}`)
    assert.ok(kilobytes(kernels) <= KERNELS, `the kernels weigh ${kilobytes(kernels)} kB`)
    const waits = (part: string): boolean => [...later.keys()].some((name) => name.includes(part))
    // PSBTs are in the part with signed messages.
    for (const part of [
      'signer.worker',
      'miner.worker',
      'rpc-part',
      'wallet-part',
      'signed-message',
      'other-views',
      'channels-learn',
      'channels-graph',
    ])
      assert.ok(waits(part), `${part} is fetched by a tab that has no use for it yet`)
  }),
)

test(
  'a tab that has joined opens every view, mines and makes a wallet when the server is gone, and pays another that it met',
  journey(async (world) => {
    const rest = new Set(await assets())
    const { page, all } = await servesOnce(rest)
    const server = await world.serve({ page })
    const [ada] = (await world.openAll(['Ada'])) as [Tab]
    await all
    const ben = await world.open('Ben')
    await ada.untilPeers(1)
    await server.stop()

    for (const [path, heading] of VIEWS) {
      await ada.page.evaluate((to) => {
        history.pushState(null, '', to + location.search)
        dispatchEvent(new PopStateEvent('popstate'))
      }, path)
      await ada.page.getByRole('heading', { level: 1, name: heading }).waitFor()
    }
    assert.equal(await ada.page.getByText('could not be loaded').count(), 0)
    await ada.createWallet()
    await ada.rpc('setgenerate', true, 1)
    await ada.until('it mines', 'getmininginfo', [], ({ kernels }: MiningInfo) => kernels.length > 0)
    await ada.rpc('setgenerate', false)
    await ada.generate(101)
    await untilAgreed([ada, ben])
    await ada.pay(PAYOUT, 1)
    await ben.until('it has the payment', 'getrawmempool', [], (txids) => txids.length === 1)
    // What fails to load is told there.
    const missed = ada.consoleErrors.filter((error) => error.includes('/assets/'))
    assert.deepEqual(missed, [])
  }),
)

test(
  'a tab whose server goes before it fetched the rest says so when that is needed, works on, and makes a wallet when the server is back',
  journey(async (world) => {
    const page = await loadPage(DIST)
    const server = await world.serve({
      page: () => (request, response) => {
        if (request.url === '/files.json' || /wallet-part|psbt|signer|other-views/.test(request.url!))
          response.destroy()
        else page(request, response)
      },
    })
    const [ada] = (await world.openAll(['Ada'])) as [Tab]
    const sentence = /server of this page can’t be reached.* Nothing is lost: .* reload the page/
    await assert.rejects(ada.rpc('getbalances'), sentence)
    await assert.rejects(ada.createWallet(), sentence)
    await ada.page.getByRole('link', { name: 'Explorer' }).first().click()
    const missing = ada.page.getByRole('heading', { name: 'This view could not be loaded' })
    await missing.waitFor()
    await ada.page.getByText(/server of this page can’t be reached.* reload the page/).waitFor()
    await ada.generate(1, PAYOUT)
    assert.equal(await ada.rpc('getblockcount'), 1)

    await server.stop()
    await world.serve({ port: server.port })
    // It says so for as long as it is so.
    assert.ok(await missing.isVisible())
    await ada.page.getByRole('button', { name: 'Try again' }).click()
    await ada.page.getByRole('heading', { name: 'Explorer', level: 1 }).waitFor()
    await ada.createWallet()
    await ada.generate(1)
    assert.ok((await ada.rpc('getbalances')).mine.immature > 0)
  }),
)

test('no module is built twice', async () => {
  const scripts = (await assets()).filter((name) => name.endsWith('.js'))
  const texts = await Promise.all(scripts.map((name) => readFile(join(DIST, name), 'utf8')))
  for (const [what, mark] of Object.entries(SHARED)) {
    const holders = scripts.filter((_, i) => texts[i]!.includes(mark))
    assert.equal(holders.length, 1, `${what} is in ${holders.join(', ') || 'none'}`)
  }
})

/** The files of the page whose names change with their content, such as `assets/index-CxjCWTHz.js`. */
async function assets(): Promise<readonly string[]> {
  return (await readdir(join(DIST, 'assets'))).map((name) => `assets/${name}`)
}

/** A page's handler, and a promise that it has answered with each of these files. */
async function servesOnce(
  files: ReadonlySet<string>,
): Promise<{ readonly page: () => PageHandler; readonly all: Promise<void> }> {
  const handler = await loadPage(DIST)
  const awaited = new Set(files)
  let answered = (): void => {}
  const all = new Promise<void>((resolve, reject) => {
    answered = resolve
    AbortSignal.timeout(PATIENCE).onabort = () => reject(new Error(`Not fetched: ${[...awaited].join(', ')}`))
  })
  const page = (): PageHandler => (request, response) => {
    response.on('finish', () => {
      if (awaited.delete(request.url!.slice(1)) && awaited.size === 0) answered()
    })
    handler(request, response)
  }
  return { page, all }
}
