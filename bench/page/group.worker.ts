/** Thread root of the benchmarks that need no network. */
import type { BenchResult } from '../result.ts'
import { benchBlocks } from './blocks.ts'
import { benchMining } from './mining.ts'
import { benchSignatures } from './signatures.ts'
import { benchStore } from './store.ts'
import { benchSyncStages } from './sync.ts'
import { benchWorstCase } from './worst-case.ts'

const GROUPS: Readonly<Record<string, () => Promise<BenchResult[]>>> = {
  blocks: benchBlocks,
  mining: benchMining,
  signatures: benchSignatures,
  store: benchStore,
  sync: benchSyncStages,
  'worst-case': benchWorstCase,
}

self.onmessage = async ({ data }: MessageEvent<string>) => {
  try {
    self.postMessage({ results: await GROUPS[data]() })
  } catch (error) {
    self.postMessage({ error: error instanceof Error ? (error.stack ?? error.message) : String(error) })
  }
}
