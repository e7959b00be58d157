/**
 * Runs one group of benchmarks in a worker, as the brain runs, and hands its results to whoever drives the page; beside them how often the page's
 * own thread was busy for more than 50 ms meanwhile.
 */
import { type BenchResult, result } from '../result.ts'
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
    const longTasks: PerformanceEntry[] = []
    const observer = new PerformanceObserver((list) => longTasks.push(...list.getEntries()))
    observer.observe({ type: 'longtask' })
    worker.onmessage = ({ data }: MessageEvent<{ results?: BenchResult[]; error?: string }>) => {
      worker.terminate()
      longTasks.push(...observer.takeRecords())
      observer.disconnect()
      if (data.results) resolve([...data.results, result(`${group}.long-tasks`, longTasks.length, 'tasks')])
      else reject(new Error(data.error))
    }
    worker.onerror = (event) => reject(new Error(event.message))
    worker.postMessage(group)
  })
