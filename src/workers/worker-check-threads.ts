/** Starts check threads as workers. Thread: the brain. */
import { Channel } from './channel.ts'
import type { CheckMessage, CheckRequest } from './check-batch.ts'
import type { StartCheckThread } from './threaded-check-pool.ts'

export const startWorkerCheckThread: StartCheckThread = (told) => {
  const worker = new Worker(new URL('./check.worker.ts', import.meta.url), { type: 'module' })
  const channel = new Channel<CheckRequest, CheckMessage>(worker)
  channel.listen((message) => told.message(message))
  worker.addEventListener('error', (event) =>
    told.failed(event.message || 'the check worker could not start'),
  )
  return {
    post: (request) => channel.post(request, [request.checks.buffer as ArrayBuffer]),
    close: () => worker.terminate(),
  }
}
