/** Gives a thread the globals of a browser's worker. Importing this file installs them. */
import { parentPort } from 'node:worker_threads'
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
