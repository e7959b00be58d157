/** Thread root of every worker: gives the module that it is to run the globals of a browser's worker, and runs it. */
import { parentPort, workerData } from 'node:worker_threads'
import './file-fetch.ts'

Object.assign(globalThis, {
  // A MessagePort: it posts and tells messages as a worker's global scope does.
  self: parentPort,
  // Whoever started the thread hears of it by its `error` event.
  reportError(error: unknown) {
    setImmediate(() => {
      throw error
    })
  },
})

await import(workerData as string)
