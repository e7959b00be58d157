/** Serves the benchmark page, built as the real one is, to a Chromium, and runs a group in it. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { chromium, type Page } from 'playwright-core'
import { build } from 'vite'
import { buildKernels } from '../kernels/build.ts'
import { loadPage } from '../relay/page.ts'
import { startServer } from '../relay/server.ts'
import { CHROMIUM_FLAGS, findChromium } from '../test/support/chromium.ts'
import type { BenchResult } from './result.ts'

/** For `coins.bytes`. */
const MEMORY_FLAGS = ['--js-flags=--expose-gc', '--enable-precise-memory-info']

/** Runs a group of benchmarks in the page. */
export async function runInPage(group: string): Promise<BenchResult[]> {
  return withBenchPage(async (runGroup, page) => {
    const results = await runGroup(group)
    return group === 'store' ? [...results, await page.evaluate(() => window.runCoins())] : results
  })
}

/** Opens the page for as long as `use` takes, which may run groups in it several times. */
export async function withBenchPage<T>(
  use: (runGroup: (group: string) => Promise<BenchResult[]>, page: Page) => Promise<T>,
): Promise<T> {
  const directory = await mkdtemp(join(tmpdir(), 'opentab-bench-'))
  await buildKernels()
  await build({
    configFile: false,
    logLevel: 'warn',
    root: fileURLToPath(new URL('page', import.meta.url)),
    build: {
      outDir: directory,
      emptyOutDir: true,
      target: 'es2023',
      assetsInlineLimit: 0,
      modulePreload: { polyfill: false },
    },
    worker: { format: 'es' },
  })
  const server = await startServer({
    host: '127.0.0.1',
    port: 0,
    keySeed: new Uint8Array(32).fill(1),
    page: () => loadPage(directory),
  })
  const browser = await chromium.launch({
    executablePath: await findChromium(),
    args: [...CHROMIUM_FLAGS, ...MEMORY_FLAGS],
  })
  try {
    const page = await browser.newPage()
    await page.goto(`http://localhost:${server.port}/`)
    await page.waitForFunction(() => 'runGroup' in window)
    return await use((group) => page.evaluate((name) => window.runGroup(name), group), page)
  } finally {
    await browser.close()
    await server.stop()
    await rm(directory, { recursive: true })
  }
}
