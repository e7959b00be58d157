/** `page.*` and `network.*`: the real page in real tabs, on a network of their own. */
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core'
import { buildPage, DIST, isStale } from '../relay/build.ts'
import { loadPage } from '../relay/page.ts'
import { type Server, startServer } from '../relay/server.ts'
import { REGTEST } from '../src/consensus/params.ts'
import type { RpcCall } from '../src/node/rpc-client.ts'
import { encodeAddress } from '../src/script/address.ts'
import { CHROMIUM_FLAGS, CHROMIUM_PERMISSIONS, findChromium } from '../test/support/chromium.ts'
import { kilobytes, weighPage } from '../test/support/page-weight.ts'
import type { Opentab } from '../web/tab/opentab.ts'
import { type BenchResult, median, quantile, result } from './result.ts'

/** Blocks of the network that a new tab joins. */
const BLOCKS = 200
const JOINS = 5
const TABS = 8
const PROPAGATED = 20
/** Somebody's address: its key doesn't matter. */
const PAYOUT = encodeAddress(new Uint8Array(32).fill(2), REGTEST.addressPrefix)

/** Milliseconds from opening the page to its first direct peer and to being in step with a running network; what it fetches for that, later, and as kernels. */
export async function benchPage(): Promise<BenchResult[]> {
  return withTabs(3, async (tabs, open, browser) => {
    await mine(tabs[0], BLOCKS)
    await Promise.all(tabs.map((tab) => reaches(tab, BLOCKS)))
    const firstPeer: number[] = []
    const synced: number[] = []
    for (let join = 0; join < JOINS; join++) {
      const start = performance.now()
      const tab = await open()
      const peer = tab
        .evaluate(() =>
          window.until('peer', async (rpc) => ((await rpc('getconnectioncount')) as number) > 0),
        )
        .then(() => firstPeer.push(performance.now() - start))
      await reaches(tab, BLOCKS)
      synced.push(performance.now() - start)
      await peer
      await tab.context().close()
    }
    const { joining, later, kernels } = await weighPage(browser)
    return [
      result('page.first-peer', median(firstPeer), 'ms'),
      result('page.synced', median(synced), 'ms'),
      result('page.weight', kilobytes(joining), 'kB gzip'),
      result('page.later', kilobytes(later), 'kB gzip'),
      result('page.kernels', kilobytes(kernels), 'kB gzip'),
    ]
  })
}

/** Milliseconds from a block's discovery in one of 8 tabs to its being the tip of each other. */
export async function benchNetwork(): Promise<BenchResult[]> {
  return withTabs(TABS, async (tabs) => {
    await Promise.all(
      tabs.map((tab) =>
        tab.evaluate(() =>
          window.until('peer', async (rpc) => ((await rpc('getconnectioncount')) as number) > 2),
        ),
      ),
    )
    const delays: number[] = []
    for (let i = 0; i < PROPAGATED; i++) {
      const height = i + 1
      const [miner, ...others] = [...tabs.slice(i % TABS), ...tabs.slice(0, i % TABS)]
      const arrivals = others.map((tab) =>
        tab.evaluate(
          (wanted) =>
            new Promise<number>((resolve) => {
              const stop = window.opentab!.on('tip', (tip) => {
                if (tip.height < wanted) return
                stop()
                resolve(performance.timeOrigin + performance.now())
              })
            }),
          height,
        ),
      )
      const found = await miner.evaluate(async () => {
        const rpc = window.opentab!.rpc
        const at = new Promise<number>((resolve) => {
          const stop = window.opentab!.on('tip', () => {
            stop()
            resolve(performance.timeOrigin + performance.now())
          })
        })
        await rpc('generatetoaddress', 1, window.payout)
        return at
      })
      for (const arrival of await Promise.all(arrivals)) delays.push(arrival - found)
    }
    return [
      result('network.propagation-p50', median(delays), 'ms'),
      result('network.propagation-p95', quantile(delays, 0.95), 'ms'),
    ]
  })
}

declare global {
  interface Window {
    opentab?: Opentab
    /** Where blocks are mined to. */
    payout: string
    /** Resolves when `holds`, asked now and at every such event. */
    until(event: 'peer' | 'tip', holds: (rpc: RpcCall) => Promise<boolean>): Promise<void>
  }
}

/** Opens a server, a browser and some tabs for as long as `run` takes. */
export async function withTabs(
  count: number,
  run: (tabs: Page[], open: () => Promise<Page>, browser: Browser, server: Server) => Promise<BenchResult[]>,
): Promise<BenchResult[]> {
  if (await isStale()) await buildPage()
  const server = await startServer({
    host: '127.0.0.1',
    port: 0,
    keySeed: new Uint8Array(32).fill(2),
    page: () => loadPage(DIST),
  })
  const browser = await chromium.launch({ executablePath: await findChromium(), args: [...CHROMIUM_FLAGS] })
  try {
    const tabs: Page[] = []
    for (let i = 0; i < count; i++) tabs.push(await openTab(browser, server))
    return await run(tabs, () => openTab(browser, server), browser, server)
  } finally {
    await browser.close()
    await server.stop()
  }
}

/** Opens the page in storage of its own, which is memory; resolves when its node runs. */
export async function openTab(browser: Browser, server: Server): Promise<Page> {
  return openTabIn(await browser.newContext({ permissions: [...CHROMIUM_PERMISSIONS] }), server)
}

/** The same in a context that there is. */
export async function openTabIn(context: BrowserContext, server: Server): Promise<Page> {
  const page = await context.newPage()
  // The functions that run in the page are compiled as the rest of this file, where each is given its name by this helper.
  await page.addInitScript('globalThis.__name = (named) => named')
  await page.addInitScript(() => {
    window.until = (event, holds) =>
      new Promise((resolve, reject) => {
        const { on, rpc } = window.opentab!
        const look = (): void => {
          holds(rpc).then((held) => {
            if (!held) return
            stop()
            resolve()
          }, reject)
        }
        const stop = on(event, look)
        look()
      })
  })
  await page.goto(`http://localhost:${server.port}/?network=regtest`)
  await page.waitForFunction(() => window.opentab !== undefined)
  await page.evaluate((address) => {
    window.payout = address
  }, PAYOUT)
  return page
}

async function mine(tab: Page, blocks: number): Promise<void> {
  await tab.evaluate((count) => window.opentab!.rpc('generatetoaddress', count, window.payout), blocks)
}

/** Resolves when the tab's chain has this height. */
export async function reaches(tab: Page, height: number): Promise<void> {
  await tab.evaluate(
    (wanted) => window.until('tip', async (rpc) => ((await rpc('getblockcount')) as number) >= wanted),
    height,
  )
}
