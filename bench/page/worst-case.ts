/**
 * `worst-case.*`: milliseconds from the bytes of the most expensive blocks to their commit in IndexedDB, on one check worker with plain noble,
 * beside a tenth of the public network's block spacing; and the slowest answer that the chain's thread gave meanwhile, beside 100 ms.
 */
import { Chain } from '../../src/chain/chain.ts'
import { PUBLIC } from '../../src/consensus/params.ts'
import { decodeBlock } from '../../src/primitives/block.ts'
import type { CheckOutcome, CheckPool, TransactionCheck } from '../../src/script/input-check.ts'
import { IdbChainStore } from '../../src/storage/idb-chain-store.ts'
import { ProfileDatabase } from '../../src/storage/profile-database.ts'
import { encodeChecks } from '../../src/workers/check-batch.ts'
import { systemClock } from '../../src/workers/system-ports.ts'
import { type BenchResult, compared, median } from '../result.ts'
import { LIGHT } from './chains.ts'
import { type WorstBlock, worstBlocks } from './worst-blocks.ts'

const ROUNDS = 3
/** Milliseconds that a block may take. */
const ALLOWED = (PUBLIC.targetSpacing * 1000) / 10
/** Milliseconds in which a question must be answered. */
const ANSWER = 100

export async function benchWorstCase(): Promise<BenchResult[]> {
  const results: BenchResult[] = []
  for (const worst of worstBlocks()) {
    const times: number[] = []
    const answers: number[] = []
    for (let round = 0; round < ROUNDS; round++) {
      const { connected, slowestAnswer } = await connect(worst)
      times.push(connected)
      answers.push(slowestAnswer)
    }
    results.push(
      compared(`worst-case.${worst.name}`, median(times), 'ms', 'a tenth of the block spacing', ALLOWED),
      compared(`worst-case.${worst.name}.answer`, median(answers), 'ms', '100 ms', ANSWER),
    )
  }
  return results
}

async function connect({ funding, block }: WorstBlock) {
  const name = `bench/${crypto.randomUUID()}`
  const database = await ProfileDatabase.open(name)
  const checks = new PlainCheckPool()
  const store = new IdbChainStore(database)
  const chain = await Chain.open({
    params: LIGHT,
    checks,
    clock: systemClock,
    faults: { report: reportError },
    store,
  })
  for (const before of funding) {
    const accepted = await chain.acceptBlock(before)
    if (!accepted.ok) throw new Error(accepted.detail)
  }
  await chain.settled()

  const bytes = block.bytes.slice()
  const probe = await startProbe(() => chain.headers.height(chain.tip))
  const start = performance.now()
  const decoded = decodeBlock(bytes)
  if (!decoded.ok) throw new Error(decoded.detail)
  const accepted = await chain.acceptBlock(decoded.value)
  if (!accepted.ok) throw new Error(accepted.detail)
  await chain.settled()
  const connected = performance.now() - start
  const slowestAnswer = await probe.stop()
  if (chain.tip !== accepted.value) throw new Error('The block did not connect')

  await chain.close()
  checks.stop()
  database.close()
  await ProfileDatabase.delete(name)
  return { connected, slowestAnswer }
}

/** One worker that verifies with noble. */
class PlainCheckPool implements CheckPool {
  private readonly worker = new Worker(new URL('./plain-check.worker.ts', import.meta.url), {
    type: 'module',
  })
  private last: Promise<unknown> = Promise.resolve()

  verify(checks: readonly TransactionCheck[]): Promise<CheckOutcome> {
    const outcome = this.last.then(
      () =>
        new Promise<CheckOutcome>((resolve, reject) => {
          this.worker.onmessage = ({ data }: MessageEvent<CheckOutcome>) => resolve(data)
          this.worker.onerror = (event) => reject(new Error(event.message))
          this.worker.postMessage(encodeChecks(checks))
        }),
    )
    this.last = outcome.catch(() => undefined)
    return outcome
  }

  stop(): void {
    this.worker.terminate()
  }
}

/** Has another thread ask this one for the height, as a page does. */
async function startProbe(height: () => number) {
  const worker = new Worker(new URL('./probe.worker.ts', import.meta.url), { type: 'module' })
  const { port1, port2 } = new MessageChannel()
  port1.onmessage = () => port1.postMessage(height())
  const answer = (message: unknown, transfer: Transferable[] = []): Promise<number> =>
    new Promise((resolve) => {
      worker.onmessage = ({ data }: MessageEvent<number>) => resolve(data)
      worker.postMessage(message, transfer)
    })
  await answer(port2, [port2])
  return {
    async stop(): Promise<number> {
      const slowest = await answer('stop')
      worker.terminate()
      port1.close()
      return slowest
    },
  }
}
