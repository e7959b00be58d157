/**
 * What the built page weighs, by what a browser asks the server for. A weight is the sum of files, each compressed by itself as the server
 * does it. Thread: Node's main.
 */

import { randomBytes } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import type { Browser } from 'playwright-core'
import { DIST } from '../../relay/build.ts'
import { compress, loadPage } from '../../relay/page.ts'
import { startServer } from '../../relay/server.ts'
import type { NetworkInfo } from '../../web/rpc-results.ts'
import type { Opentab } from '../../web/tab/opentab.ts'
import { CHROMIUM_PERMISSIONS } from './chromium.ts'
import { PATIENCE } from './node-tab.ts'

/** Bytes once compressed, by the file's name in the build. */
export type Weights = ReadonlyMap<string, number>

export interface PageWeight {
  /**
   * What opening the page and joining the network takes: everything that was asked for until a tab of an empty profile, which is alone,
   * holds a slot on the relay, where the next tab finds it: the whole of a node that checks, relays and serves. No kernels.
   */
  readonly joining: Weights
  /** The rest, which is fetched when it is needed or once the tab is among others: other views, wallet, mining. No kernels. */
  readonly later: Weights
  /** WebAssembly and shaders, fetched by the workers that run them. */
  readonly kernels: Weights
}

/** The sum of weights, kB of 1,000 bytes. */
export function kilobytes(weights: Weights): number {
  return [...weights.values()].reduce((sum, bytes) => sum + bytes, 0) / 1000
}

/** Opens the page that was built last in a tab of its own, and weighs it. */
export async function weighPage(browser: Browser): Promise<PageWeight> {
  const asked = new Set<string>()
  const page = await loadPage(DIST)
  const server = await startServer({
    host: '127.0.0.1',
    port: 0,
    keySeed: randomBytes(32),
    page: () => (request, response) => {
      asked.add(request.url!.replace(/\?.*/, '').replace(/^\/$/, '/index.html').slice(1))
      page(request, response)
    },
  })
  const context = await browser.newContext({ permissions: [...CHROMIUM_PERMISSIONS] })
  context.setDefaultTimeout(PATIENCE)
  try {
    const tab = await context.newPage()
    // What networks for tests have beside it is fetched there alone.
    await tab.goto(`http://localhost:${server.port}/`)
    await tab.waitForFunction(() => 'opentab' in globalThis)
    // Functions without names, which the compiler of this file would give them by a helper that the page lacks.
    await tab.evaluate(() => {
      const { opentab } = globalThis as unknown as { opentab: Opentab }
      return new Promise<void>((resolve, reject) => {
        opentab.on('network', ({ relays }) => relays.some(({ state }) => state === 'reserved') && resolve())
        opentab.rpc('getnetworkinfo').then((info) => {
          if ((info as NetworkInfo).relays?.some(({ state }) => state === 'reserved')) resolve()
        }, reject)
      })
    })
  } finally {
    await context.close()
    await server.stop()
  }

  const weight = {
    joining: new Map<string, number>(),
    later: new Map<string, number>(),
    kernels: new Map<string, number>(),
  }
  for (const file of await readdir(DIST, { recursive: true, withFileTypes: true })) {
    if (!file.isFile()) continue
    const path = `${file.parentPath}/${file.name}`
    const name = path.slice(DIST.length + 1)
    const part = /\.(wasm|wgsl)$/.test(name) ? 'kernels' : asked.has(name) ? 'joining' : 'later'
    weight[part].set(name, compress(await readFile(path)).length)
  }
  return weight
}
