/**
 * Promise: in WebKit, too, everything but meeting others works: Debian's WebKit, which alone runs here, has no WebRTC. The page says so; with
 * something inert in its place it keeps a chain and a wallet, mines and pays.
 */

import assert from 'node:assert/strict'
import test from 'node:test'
import { REGTEST } from '../../src/consensus/params.ts'
import { encodeAddress } from '../../src/script/address.ts'
import { journey, type World } from '../support/tabs.ts'
import type { WebDriverTab } from '../support/web-driver-tab.ts'
import { NO_WEBKIT, pageWithoutConnections, WebKit } from '../support/webkit.ts'

/** Somebody's address: its key doesn't matter. */
const PAYEE = encodeAddress(new Uint8Array(32).fill(2), REGTEST.addressPrefix)

/** Views of the page, and their headings. */
const VIEWS = [
  ['/explorer', 'Explorer'],
  ['/block/1', 'Block'],
  ['/miner', 'Miner'],
  ['/network', 'Network'],
  ['/wallet/send', 'Send'],
  ['/wallet/receive', 'Receive'],
  ['/wallet/backup', 'Back'],
  ['/wallet', 'Wallet'],
  ['/', 'Overview'],
] as const

/** The driver's word for a page whose process has died. */
const DIED = 'Could not parse script result'

/**
 * A journey with a WebKit, closed whatever happens. WebKitGTK 2.50 now and then dies by itself, of a segmentation fault in JavaScriptCore's interpreter.
 * Once that says nothing of the page, and the journey begins anew in another; twice it does.
 */
function withWebKit(
  run: (world: World, webkit: WebKit, tab: WebDriverTab) => Promise<void>,
): () => Promise<void> {
  return journey(async (world) => {
    for (let died = false; ; died = true) {
      const webkit = await WebKit.start()
      try {
        return await run(world, webkit, webkit.tab('Ada'))
      } catch (error) {
        if (died || !(error as Error).message.includes(DIED)) throw error
        process.stderr.write('WebKit died: the journey begins anew.\n')
      } finally {
        await webkit.close()
      }
    }
  })
}

test(
  'WebKit without WebRTC is told what it lacks',
  { skip: NO_WEBKIT },
  withWebKit(async (world, _webkit, ada) => {
    const { port } = await world.serve()
    await ada.load(`http://localhost:${port}/?network=regtest`)
    await ada.see('[role=alert]', 'This browser can’t run a node')
    await ada.see('li', 'WebRTC (RTCPeerConnection), by which tabs talk to each other')
  }),
)

test(
  'in WebKit a tab makes a wallet, mines, pays, comes back after a reload, and shows every view',
  { skip: NO_WEBKIT },
  withWebKit(async (world, _webkit, ada) => {
    const page = await pageWithoutConnections()
    const { port } = await world.serve({ page: () => page })
    await ada.load(`http://localhost:${port}/?network=regtest`)
    await ada.ready()
    await ada.createWallet()
    await ada.generate(101)
    const txid = await ada.pay(PAYEE, 1.5)
    assert.deepEqual(await ada.rpc('getrawmempool'), [txid])
    await ada.generate(1)
    const state = async (): Promise<unknown> => ({
      identity: await ada.identity(),
      tip: await ada.rpc('getbestblockhash'),
      balances: (await ada.rpc('getbalances')).mine,
      wallet: (await ada.rpc('getwalletinfo')).descriptor,
    })
    const before = await state()
    await ada.reload()
    assert.deepEqual(await state(), before)
    for (const [path, heading] of VIEWS) {
      await ada.visit(path)
      await ada.see('h1', heading)
    }
    assert.deepEqual(await ada.errors(), [])
  }),
)

test(
  'in WebKit a page that is left gives its profile to the next, and one that is gone back to starts anew',
  { skip: NO_WEBKIT },
  withWebKit(async (world, webkit, ada) => {
    const page = await pageWithoutConnections()
    const { port } = await world.serve({ page: () => page })
    const url = (path: string): string => `http://localhost:${port}${path}?network=regtest&profile=Ada`
    await ada.load(url('/'))
    await ada.ready()
    const identity = await ada.identity()
    await ada.evaluate(() => {
      Object.assign(globalThis, { isFirst: true })
      addEventListener('pageshow', ({ persisted }) => sessionStorage.setItem('kept', `${persisted}`))
    }, null)
    await ada.load(url('/explorer'))
    await ada.ready()
    assert.deepEqual(await ada.identity(), identity)

    await webkit.back()
    // Scripts that a page doesn't live to finish have no outcome.
    const isFirst = (): Promise<boolean> =>
      ada.evaluate(() => 'isFirst' in globalThis, null).catch(() => true)
    while (await isFirst());
    await ada.ready()
    assert.deepEqual(await ada.identity(), identity)
    assert.equal(await ada.rpc('getblockcount'), 0)
    assert.equal(await ada.evaluate(() => sessionStorage.getItem('kept'), null), 'true')
  }),
)
