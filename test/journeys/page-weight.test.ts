/**
 * Promise: a tab joins with little to fetch, what several of its threads use is fetched once, and one that is among others has what a
 * wallet needs; one that isn't says so where the server is gone, until it is back.
 */

import assert from 'node:assert/strict'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'node:test'
import { DIST } from '../../relay/build.ts'
import { loadPage } from '../../relay/page.ts'
import { REGTEST } from '../../src/consensus/params.ts'
import { encodeAddress } from '../../src/script/address.ts'
import type { Balances } from '../../web/rpc-results.ts'
import { kilobytes, weighPage } from '../support/page-weight.ts'
import { journey, type Tab, untilAgreed } from '../support/tabs.ts'

/** Somebody's address: its key doesn't matter. */
const PAYOUT = encodeAddress(new Uint8Array(32).fill(2), REGTEST.addressPrefix)

/** How long the tabs may take to fetch what they will need, milliseconds: far more than they do. */
const PATIENCE = 90_000

/** kB; to be lowered with the page, not to be raised without a word in the change log. */
const JOINING = 250
const KERNELS = 150

/** Texts of modules that page and workers share, where minifying leaves them whole. */
const SHARED = {
  'the curve of signatures': 'fffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc2f',
  'the verification of signatures': 'BIP0340/challenge',
}

test(
  'the page and its kernels weigh no more than they may',
  journey(async (world) => {
    const { joining, later, kernels } = await weighPage(world.browser)
    const table = [...joining].sort(([, a], [, b]) => b - a).map(([name, bytes]) => `${bytes} ${name}`)
    assert.ok(kilobytes(joining) <= JOINING, `joining takes ${kilobytes(joining)} kB:\n${table.join('\n')}`)
    assert.ok(kilobytes(kernels) <= KERNELS, `the kernels weigh ${kilobytes(kernels)} kB`)
    const waits = (part: string): boolean => [...later.keys()].some((name) => name.includes(part))
    for (const part of ['signer.worker', 'miner.worker', 'wallet-part', 'psbt', 'other-views'])
      assert.ok(waits(part), `${part} is fetched by a tab that has no use for it yet`)
  }),
)

test(
  'tabs that have met make wallets, mine and pay when the server is gone, with page and relay',
  journey(async (world) => {
    const page = await loadPage(DIST)
    const parts = ['signer.worker', 'wallet-part', 'psbt', 'other-views', 'miner.worker', 'mining-simd']
    const awaited = parts.flatMap((part) => [part, part])
    let fetched = (): void => {}
    const allFetched = new Promise<void>((resolve, reject) => {
      fetched = resolve
      AbortSignal.timeout(PATIENCE).onabort = () => reject(new Error(`Not fetched: ${awaited.join(', ')}`))
    })
    const server = await world.serve({
      page: () => (request, response) => {
        response.on('finish', () => {
          const at = awaited.findIndex((part) => request.url!.startsWith(`/assets/${part}-`))
          if (at >= 0) awaited.splice(at, 1)
          if (awaited.length === 0) fetched()
        })
        page(request, response)
      },
    })
    const [ada, ben] = (await world.openAll(['Ada', 'Ben'])) as [Tab, Tab]
    await ada.untilPeers(1)
    await allFetched
    await server.stop()

    await Promise.all([ada.createWallet(), ben.createWallet()])
    await ada.generate(101)
    await untilAgreed([ada, ben])
    await ada.pay(await ben.rpc('getnewaddress'), 1)
    await ben.until(
      'it sees the payment',
      'getbalances',
      [],
      ({ mine }: Balances) => mine.untrusted_pending === 1,
    )
    await ben.page.getByRole('link', { name: 'Wallet' }).first().click()
    await ben.page.getByRole('link', { name: 'Receive' }).first().waitFor()
  }),
)

test(
  'a tab that has met nobody says so when what its wallet needs can’t be fetched, works on, and makes one when the server is back',
  journey(async (world) => {
    const server = await world.serve()
    const [ada] = (await world.openAll(['Ada'])) as [Tab]
    await server.stop()
    const sentence = /server of this page can’t be reached.* Nothing is lost/
    await assert.rejects(ada.rpc('getbalances'), sentence)
    await assert.rejects(ada.createWallet(), sentence)
    await ada.generate(1, PAYOUT)
    assert.equal(await ada.rpc('getblockcount'), 1)

    await world.serve({ port: server.port })
    await ada.createWallet()
    await ada.generate(1)
    assert.ok((await ada.rpc<Balances>('getbalances')).mine.immature > 0)
  }),
)

test('no module is built twice', async () => {
  const assets = join(DIST, 'assets')
  const scripts = (await readdir(assets)).filter((name) => name.endsWith('.js'))
  const texts = await Promise.all(scripts.map((name) => readFile(join(assets, name), 'utf8')))
  for (const [what, mark] of Object.entries(SHARED)) {
    const holders = scripts.filter((_, i) => texts[i]!.includes(mark))
    assert.equal(holders.length, 1, `${what} is in ${holders.join(', ') || 'none'}`)
  }
})
