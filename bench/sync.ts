/**
 * `sync.*`: a tab joins a network of one other tab, which has blocks full of payments, over WebRTC. The whole time; of it, how long it took to find
 * the other tab, and from then to the last body's arrival (a window of bodies may be ahead of the tip); and what each stage takes by itself,
 * measured in turns on the same blocks. Stages overlap, so that they add up to more. `SYNC_BLOCKS` in the environment makes it shorter.
 */
import type { Page } from 'playwright-core'
import { type BenchResult, compared, result } from './result.ts'
import { withBenchPage } from './run-in-page.ts'
import { SPENDS_PER_BLOCK, syncChain } from './sync-chain.ts'
import { openTab, reaches, withTabs } from './tabs.ts'

const BLOCKS = Number(process.env.SYNC_BLOCKS ?? 2_000)
/** Blocks on which the stages are measured. */
const SAMPLE = Math.min(BLOCKS, 300)
/** Blocks handed to the serving tab at once. */
const SUBMITTED_AT_ONCE = 50

export async function benchSync(): Promise<BenchResult[]> {
  const blocks = await syncChain(BLOCKS)
  const stages = await measureStages(blocks.slice(0, blocks.length - BLOCKS + SAMPLE))
  const { seconds, peer, download, longTasks } = await measureJoining(blocks)
  return [
    result('sync.seconds', seconds, 's'),
    result('sync.rate', (BLOCKS * SPENDS_PER_BLOCK) / seconds, 'tx/s'),
    compared('sync.first-peer', peer, 's', 'the whole time', seconds),
    compared('sync.download', download, 's', 'the whole time', seconds),
    ...stages.map(({ name, value }) => {
      const whole = (value / SAMPLE) * BLOCKS
      return compared(`sync.${name}`, whole, 's', 'the whole time', seconds)
    }),
    result('sync.long-tasks', longTasks, 'tasks'),
  ]
}

/** Seconds that each stage takes for the sample. */
function measureStages(blocks: readonly Uint8Array[]): Promise<readonly BenchResult[]> {
  return withBenchPage(async (runGroup, page) => {
    await page.route('**/sync.blocks', (route) => route.fulfill({ body: Buffer.concat(blocks) }))
    const results = await runGroup('sync')
    return results.filter(({ unit }) => unit === 's')
  })
}

interface Joining {
  /** From opening the page to the tip of the other tab. */
  readonly seconds: number
  /** From opening the page to the first direct connection. */
  readonly peer: number
  /** From then to the last body's arrival. */
  readonly download: number
  /** How often the page's own thread was busy for more than 50 ms meanwhile. */
  readonly longTasks: number
}

async function measureJoining(blocks: readonly Uint8Array[]): Promise<Joining> {
  const bytes = blocks.reduce((sum, { length }) => sum + length, 0)
  let joined: Joining | undefined
  await withTabs(1, async ([serving], _open, browser, server) => {
    for (let at = 0; at < blocks.length; at += SUBMITTED_AT_ONCE)
      await submit(serving, blocks.slice(at, at + SUBMITTED_AT_ONCE))
    await reaches(serving, blocks.length)
    const start = performance.now()
    const joining = await openTab(browser, server)
    await joining.evaluate(() => {
      window.longTasks = 0
      new PerformanceObserver((list) => {
        window.longTasks += list.getEntries().length
      }).observe({ type: 'longtask' })
    })
    const sinceStart = (): number => (performance.now() - start) / 1_000
    const [peer, received, seconds] = await Promise.all([
      receives(joining, 1).then(sinceStart),
      receives(joining, bytes).then(sinceStart),
      reaches(joining, blocks.length).then(sinceStart),
    ])
    const longTasks = await joining.evaluate(() => window.longTasks)
    joined = { seconds, peer, download: received - peer, longTasks }
    return []
  })
  return joined!
}

/** Resolves when the tab has so many bytes of one direct peer. */
async function receives(tab: Page, bytes: number): Promise<void> {
  await tab.evaluate(
    (wanted) =>
      new Promise<void>((resolve) => {
        const look = async (): Promise<void> => {
          const peers = await window.opentab!.rpc('getpeerinfo')
          if (peers.some(({ bytesrecv }) => bytesrecv >= wanted)) resolve()
          else setTimeout(look, 100)
        }
        void look()
      }),
    bytes,
  )
}

declare global {
  interface Window {
    longTasks: number
  }
}

async function submit(tab: Page, blocks: readonly Uint8Array[]): Promise<void> {
  const answers = await tab.evaluate(
    (all) => Promise.all(all.map((block) => window.opentab!.rpc('submitblock', block))),
    blocks.map((block) => Buffer.from(block).toString('hex')),
  )
  const refused = answers.find((answer) => answer !== null && answer !== 'inconclusive')
  if (refused !== undefined) throw new Error(`The serving tab refuses a block: ${refused}`)
}
