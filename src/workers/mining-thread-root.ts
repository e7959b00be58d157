/** What the thread roots of mining threads have in common. Mining threads. */
import type { DeferredMiningKernel, MiningKernel } from '../mining/kernel.ts'
import { MinerThread, type MinerThreadEvent, type MinerThreadRequest } from '../mining/miner-thread.ts'
import { Channel, type Endpoint } from './channel.ts'
import type { LoadedMiningKernel } from './mining-kernels.ts'
import { promptClock } from './prompt-clock.ts'

/** Tells the pool with which kernel this thread searches, or that it can't be loaded, and does the pool's work with it. */
export function runMinerThread(
  scope: Endpoint,
  loading: Promise<LoadedMiningKernel<MiningKernel | DeferredMiningKernel>>,
): void {
  const channel = new Channel<MinerThreadEvent, MinerThreadRequest>(scope)
  const started = loading.then(
    ({ name, kernel, fallback }) => {
      channel.post({ type: 'kernel', name, fallback })
      return new MinerThread({ kernel, clock: promptClock(), post: (event) => channel.post(event) })
    },
    (error: Error) => {
      channel.post({ type: 'failed', reason: error.message })
    },
  )
  channel.listen((request) => {
    // The pool hears of a bug as of any in a worker: by an error event.
    started.then((thread) => thread?.receive(request)).catch(reportError)
  })
}
