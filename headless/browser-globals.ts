/**
 * What the sources take from a browser's globals and Node lacks, in the main thread: WebRTC by libdatachannel, WebSockets, workers over
 * `worker_threads`, and `fetch` of the kernels, which are files here. Importing this file installs them: import it before anything that uses them.
 */
import { Worker as NodeThread } from 'node:worker_threads'
import { RTCPeerConnection } from 'node-datachannel/polyfill'
import { WebSocket } from 'ws'
import './file-fetch.ts'

/** As much of a browser's `Worker` as the starters of threads use (`src/workers/worker-*-threads.ts`). */
class ThreadWorker {
  readonly #thread: NodeThread

  /** `root`: the module that the thread runs. */
  constructor(root: URL) {
    this.#thread = new NodeThread(new URL('./thread-root.mjs', import.meta.url), { workerData: root.href })
    // The main thread alone says how long the program lives.
    this.#thread.unref()
  }

  postMessage(message: unknown, transfer: readonly ArrayBuffer[] = []): void {
    this.#thread.postMessage(message, transfer)
  }

  addEventListener(
    type: 'message' | 'error',
    listener: (event: { data?: unknown; message?: string }) => void,
  ): void {
    if (type === 'message') this.#thread.on('message', (data) => listener({ data }))
    else this.#thread.on('error', ({ message }) => listener({ message }))
  }

  terminate(): void {
    void this.#thread.terminate()
  }
}

Object.assign(globalThis, { RTCPeerConnection, Worker: ThreadWorker })
// Node 22 has its own.
globalThis.WebSocket ??= WebSocket as unknown as typeof globalThis.WebSocket
