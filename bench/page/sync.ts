/** What each stage of joining takes by itself: seconds for the blocks that the page's driver serves. */
import { Chain } from '../../src/chain/chain.ts'
import type { ChainStore } from '../../src/chain/store.ts'
import { checkBlock } from '../../src/consensus/checks.ts'
import { REGTEST } from '../../src/consensus/params.ts'
import { Block } from '../../src/primitives/block.ts'
import { Reader } from '../../src/primitives/codec.ts'
import type { CheckOutcome, CheckPool, TransactionCheck } from '../../src/script/input-check.ts'
import { IdbChainStore } from '../../src/storage/idb-chain-store.ts'
import { MemoryChainStore } from '../../src/storage/memory-chain-store.ts'
import { ProfileDatabase } from '../../src/storage/profile-database.ts'
import { installHashKernel } from '../../src/workers/hash-kernel.ts'
import { systemClock } from '../../src/workers/system-ports.ts'
import { ThreadedCheckPool } from '../../src/workers/threaded-check-pool.ts'
import { startWorkerCheckThread } from '../../src/workers/worker-check-threads.ts'
import { type BenchResult, median, result } from '../result.ts'

const ROUNDS = 3

export async function benchSyncStages(): Promise<BenchResult[]> {
  await installHashKernel()
  const served = await fetch('/sync.blocks')
  const bytes = new Uint8Array(await served.arrayBuffer())
  const pool = new ThreadedCheckPool(startWorkerCheckThread, 1, (message) => {
    throw new Error(message)
  })
  const figures = { decode: [], connect: [], storage: [], signatures: [] } as Record<string, number[]>
  for (let round = -1; round < ROUNDS; round++) {
    const decode = secondsOf(() => {
      for (const block of read(bytes)) if (!checkBlock(block, REGTEST).ok) throw new Error('A bad block')
    })
    const checks = new RecordedChecks()
    const inMemory = await secondsToConnect(read(bytes), new MemoryChainStore(), checks)
    const name = `bench/${crypto.randomUUID()}`
    const database = await ProfileDatabase.open(name)
    const stored = await secondsToConnect(read(bytes), new IdbChainStore(database), new RecordedChecks())
    database.close()
    await ProfileDatabase.delete(name)
    const signatures = await secondsUntil(async () => {
      const outcomes = await Promise.all(checks.lists.map((list) => pool.verify(list)))
      if (outcomes.some(({ ok }) => !ok)) throw new Error('A bad signature')
    })
    // The first round warms up.
    if (round < 0) continue
    figures.decode.push(await decode)
    figures.connect.push(inMemory - (await decode))
    figures.storage.push(stored - inMemory)
    figures.signatures.push(signatures)
  }
  pool.stop()
  return Object.entries(figures).map(([name, seconds]) => result(name, median(seconds), 's'))
}

function read(bytes: Uint8Array): Block[] {
  const reader = new Reader(bytes.slice())
  const blocks: Block[] = []
  while (reader.remaining > 0) blocks.push(Block.read(reader))
  return blocks
}

/** Takes every check for good, and keeps it. */
class RecordedChecks implements CheckPool {
  readonly lists: (readonly TransactionCheck[])[] = []

  async verify(checks: readonly TransactionCheck[]): Promise<CheckOutcome> {
    this.lists.push(checks)
    return { ok: true }
  }
}

/** Checks and connects decoded blocks. */
async function secondsToConnect(blocks: Block[], store: ChainStore, checks: CheckPool): Promise<number> {
  const chain = await Chain.open({
    params: REGTEST,
    checks,
    clock: systemClock,
    faults: { report: reportError },
    store,
  })
  const seconds = await secondsUntil(async () => {
    await Promise.all(blocks.map((block) => chain.acceptBlock(block)))
    await chain.settled()
  })
  if (chain.headers.height(chain.tip) !== blocks.length) throw new Error('A block did not connect')
  await chain.close()
  return seconds
}

function secondsOf(run: () => void): Promise<number> {
  return secondsUntil(async () => run())
}

async function secondsUntil(run: () => Promise<void>): Promise<number> {
  const start = performance.now()
  await run()
  return (performance.now() - start) / 1_000
}
