/** Starts mining threads as workers. Thread: the brain. */
import type { MinerThreadEvent, MinerThreadRequest } from '../mining/miner-thread.ts'
import type { StartMinerThread } from '../mining/threaded-miner-pool.ts'
import { Channel } from './channel.ts'

export const startWorkerMinerThread: StartMinerThread = (hardware, told) => {
  const worker =
    hardware === 'processor'
      ? new Worker(new URL('./miner.worker.ts', import.meta.url), { type: 'module' })
      : new Worker(new URL('./graphics-card.worker.ts', import.meta.url), { type: 'module' })
  const channel = new Channel<MinerThreadRequest, MinerThreadEvent>(worker)
  channel.listen((event) => told.event(event))
  worker.addEventListener('error', (event) =>
    told.failed(event.message || 'the mining worker could not start'),
  )
  return {
    post: (request) => channel.post(request),
    close: () => worker.terminate(),
  }
}
