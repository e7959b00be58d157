/**
 * Promise: tabs of Firefox, as it comes, and of Chromium are one network; Firefox is asked to keep a wallet only by the person's click, and its
 * private windows are told of.
 */

import assert from 'node:assert/strict'
import test from 'node:test'
import type { Balances } from '../../web/rpc-results.ts'
import { Firefox, NO_FIREFOX } from '../support/firefox.ts'
import { journey, PASSPHRASE, type World } from '../support/tabs.ts'

/** Coinbase maturity of regtest. */
const MATURITY = 100

/** A journey with a Firefox, closed whatever happens. */
function withFirefox(
  run: (world: World, firefox: Firefox, url: string) => Promise<void>,
): () => Promise<void> {
  return journey(async (world) => {
    const { port } = await world.serve()
    const firefox = await Firefox.start()
    try {
      await run(world, firefox, `http://localhost:${port}/?network=regtest`)
    } finally {
      await firefox.close()
    }
  })
}

test(
  'two tabs of Firefox and one of Chromium meet, sync, mine, pay each other and come back after a reload',
  { skip: NO_FIREFOX },
  withFirefox(async (world, firefox, url) => {
    const ada = await (await firefox.open('Ada', url)).ready()
    const ben = await (await firefox.open('Ben', url)).ready()
    const cleo = await world.open('Cleo')
    const tabs = [ada, ben, cleo]
    for (const tab of tabs) await tab.untilPeers(2)
    const identities = await Promise.all(tabs.map((tab) => tab.identity()))
    assert.deepEqual(
      identities.map(({ profile }) => profile),
      ['1', '2', '1'],
    )

    for (const tab of tabs) await tab.createWallet()
    const mined = await ada.generate(MATURITY)
    for (const tab of tabs) await tab.untilTip(mined.at(-1)!)

    const txid = await ada.pay(await cleo.rpc('getnewaddress', 'Coffee'), 1.5)
    await cleo.until('it sees the payment', 'getrawmempool', [], (txids) => txids.includes(txid))
    await ben.until('it sees the payment', 'getrawmempool', [], (txids) => txids.includes(txid))
    await ben.rpc('setgenerate', true, 1)
    const isConfirmed = ({ mine }: Balances): boolean => mine.trusted === 1.5
    await cleo.until('the payment is in a block that Ben mined', 'getbalances', [], isConfirmed)
    const { kernels } = await ben.rpc('getmininginfo')
    assert.deepEqual(kernels, ['WebAssembly SIMD'])
    await ben.rpc('setgenerate', false)

    await ben.reload()
    assert.deepEqual(await ben.identity(), identities[1])
    await ben.untilPeers(2)
    const address = await ben.rpc('getnewaddress', 'Back')
    const back = await cleo.pay(address, 0.5)
    await ben.until('it sees the payment', 'getrawmempool', [], (txids) => txids.includes(back))
    const [last] = (await cleo.generate(1)) as [string]
    for (const tab of tabs) await tab.untilTip(last)
    const { mine } = await ben.rpc('getbalances')
    assert.equal(mine.trusted, 0.5)
    assert.deepEqual([await ada.errors(), await ben.errors()], [[], []])
  }),
)

test(
  'Firefox asks whether a wallet may be kept only at a click on the button that explains it',
  { skip: NO_FIREFOX },
  withFirefox(async (_world, firefox, url) => {
    const ada = await (await firefox.open('Ada', url)).ready()
    await ada.evaluate(() => {
      const asked = { times: 0 }
      Object.assign(globalThis, { asked })
      navigator.storage.persist = async () => {
        asked.times++
        return true
      }
    }, null)
    const asked = (): Promise<number> =>
      ada.evaluate(() => (globalThis as unknown as { asked: { times: number } }).asked.times, null)
    await ada.createWallet()
    await ada.generate(1)
    await ada.visit('/wallet')
    await ada.see('.notice', 'The browser may remove this wallet when space on the disk gets tight.')
    assert.equal(await asked(), 0)
    await ada.click('button', 'Keep this wallet')
    await ada.see('.message', 'The browser keeps this wallet until you remove it.')
    assert.equal(await asked(), 1)
    assert.deepEqual(await ada.errors(), [])
  }),
)

test(
  'in a private window of Firefox the wallet’s pages say that it goes with the window',
  { skip: NO_FIREFOX },
  withFirefox(async (_world, firefox, url) => {
    const sentence = 'This is a private window: a wallet in it is gone when the window is closed.'
    const ada = await (await firefox.open('Ada', url, true)).ready()
    await ada.visit('/wallet/create')
    await ada.see('.notice', sentence)
    await ada.rpc('createwallet', '', { passphrase: PASSPHRASE })
    await ada.visit('/wallet')
    await ada.see('.notice', sentence)
    assert.deepEqual(await ada.errors(), [])
  }),
)
