/** Runs one group of benchmarks in a worker, as the brain runs, and hands its results to whoever drives the page. */
import type { BenchResult } from '../result.ts'
import { benchCoins } from './coins.ts'

declare global {
  interface Window {
    runGroup(group: string): Promise<BenchResult[]>
    runCoins(): BenchResult
  }
}

window.runCoins = benchCoins

window.runGroup = (group) =>
  new Promise((resolve, reject) => {
    const worker = new Worker(new URL('./group.worker.ts', import.meta.url), { type: 'module' })
    worker.onmessage = ({ data }: MessageEvent<{ results?: BenchResult[]; error?: string }>) => {
      worker.terminate()
      if (data.results) resolve(data.results)
      else reject(new Error(data.error))
    }
    worker.onerror = (event) => reject(new Error(event.message))
    worker.postMessage(group)
  })
