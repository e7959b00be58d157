/**
 * The miner pool over any kind of thread: starts and ends them as the settings ask, deals out the headers of a job, and adds
 * up what they report. Runs beside the node's core; the threads are workers in a tab.
 */
import type { Clock } from '../primitives/ports.ts'
import type { MinerPool, MinerPoolListener, MinerSettings, MiningJob } from './miner-pool.ts'
import type { MinerThreadEvent, MinerThreadRequest } from './miner-thread.ts'

/** A running thread, from outside. */
export interface MinerThreadHandle {
  post(request: MinerThreadRequest): void
  /** Ends the thread at once. */
  close(): void
}

/** Starts a thread that runs a `MinerThread`. It tells events until it is closed, and `failed` when it can't go on. */
export type StartMinerThread = (told: {
  event(event: MinerThreadEvent): void
  failed(reason: string): void
}) => MinerThreadHandle

/** Milliseconds between reports of hashes. */
const REPORT_MS = 1_000

export class ThreadedMinerPool implements MinerPool {
  readonly maxThreads: number
  private readonly startThread: StartMinerThread
  private readonly clock: Clock
  private readonly threads: MinerThreadHandle[] = []
  private listener: MinerPoolListener | undefined
  private settings: MinerSettings = { threads: 1, throttle: 1 }
  private job: MiningJob | undefined
  private hashes = 0
  private reportedAt = 0

  constructor(startThread: StartMinerThread, maxThreads: number, clock: Clock) {
    this.startThread = startThread
    this.maxThreads = maxThreads
    this.clock = clock
  }

  start(listener: MinerPoolListener): void {
    this.listener = listener
    this.configure(this.settings)
  }

  configure(settings: MinerSettings): void {
    this.settings = settings
    if (!this.listener) return
    const threads = Math.min(Math.max(Math.floor(settings.threads), 1), this.maxThreads)
    while (this.threads.length > threads) this.threads.pop()?.close()
    while (this.threads.length < threads) this.addThread()
    for (const thread of this.threads) thread.post({ type: 'throttle', throttle: settings.throttle })
  }

  setJob(job: MiningJob | undefined): void {
    if (!this.job && job) this.reportedAt = this.clock.now()
    this.job = job
    this.threads.forEach((thread, i) => {
      const header = job?.headers[i]
      thread.post(job && header ? { type: 'job', job: job.id, header, target: job.target } : { type: 'rest' })
    })
  }

  stop(): void {
    this.listener = undefined
    this.job = undefined
    this.hashes = 0
    for (const thread of this.threads.splice(0)) thread.close()
  }

  private addThread(): void {
    const handle: MinerThreadHandle = this.startThread({
      event: (event) => {
        const number = this.threads.indexOf(handle)
        if (number >= 0) this.heed(event, number)
      },
      failed: (reason) => {
        if (!this.threads.includes(handle)) return
        const { listener } = this
        this.stop()
        listener?.failed(reason)
      },
    })
    this.threads.push(handle)
  }

  private heed(event: MinerThreadEvent, thread: number): void {
    if (event.type === 'hashed') this.count(event.hashes)
    else if (event.job !== this.job?.id) return
    else if (event.type === 'found') this.listener?.found(event.job, thread, event.header)
    else this.listener?.exhausted(event.job)
  }

  private count(hashes: number): void {
    this.hashes += hashes
    const now = this.clock.now()
    const milliseconds = now - this.reportedAt
    if (milliseconds < REPORT_MS || !this.job) return
    this.listener?.hashed(this.hashes, milliseconds)
    this.hashes = 0
    this.reportedAt = now
  }
}
