/** Thread root of every worker: runs the module that it is given. Not in TypeScript, which a new thread can't read before tsx is registered in it. */
import { workerData } from 'node:worker_threads'
import { register } from 'tsx/esm/api'

register()
await import('./worker-globals.ts')
await import(workerData)
