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

export type MiningHardware = 'processor' | 'graphics card'

/** Starts a thread that runs a `MinerThread`. It tells events until it is closed, and `failed` when it can't go on. */
export type StartMinerThread = (
  hardware: MiningHardware,
  told: { event(event: MinerThreadEvent): void; failed(reason: string): void },
) => MinerThreadHandle

interface Thread {
  readonly hardware: MiningHardware
  readonly handle: MinerThreadHandle
  /** The name of what it searches with, once it told. */
  kernel: string | undefined
}

/** Milliseconds between reports of hashes. */
const REPORT_MS = 1_000

export class ThreadedMinerPool implements MinerPool {
  readonly maxThreads: number
  private readonly startThread: StartMinerThread
  private readonly clock: Clock
  /** In the order of a job's headers: the graphics card's last. */
  private threads: readonly Thread[] = []
  private graphicsCardFailed = false
  private listener: MinerPoolListener | undefined
  private settings: MinerSettings = { threads: 1, throttle: 1, graphicsCard: false }
  private job: MiningJob | undefined
  private hashes = 0
  private reportedAt = 0
  /** Told last. */
  private kernels = ''
  /** Sentences about kernels that were told: each thread has the same to say. */
  private readonly fallbacks = new Set<string>()

  constructor(startThread: StartMinerThread, maxThreads: number, clock: Clock) {
    this.startThread = startThread
    this.maxThreads = maxThreads
    this.clock = clock
  }

  start(listener: MinerPoolListener): void {
    this.listener = listener
    this.graphicsCardFailed = false
    this.configure(this.settings)
  }

  configure(settings: MinerSettings): void {
    this.settings = settings
    if (!settings.graphicsCard) this.graphicsCardFailed = false
    if (!this.listener) return
    const threads = Math.min(Math.max(Math.floor(settings.threads), 1), this.maxThreads)
    const cards = settings.graphicsCard && !this.graphicsCardFailed ? 1 : 0
    this.threads = [...this.resized('processor', threads), ...this.resized('graphics card', cards)]
    for (const { handle } of this.threads) handle.post({ type: 'throttle', throttle: settings.throttle })
    this.tellKernels()
  }

  setJob(job: MiningJob | undefined): void {
    if (!this.job && job) this.reportedAt = this.clock.now()
    this.job = job
    this.threads.forEach(({ handle }, i) => {
      const header = job?.headers[i]
      handle.post(job && header ? { type: 'job', job: job.id, header, target: job.target } : { type: 'rest' })
    })
  }

  stop(): void {
    this.listener = undefined
    this.job = undefined
    this.hashes = 0
    this.kernels = ''
    for (const { handle } of this.threads) handle.close()
    this.threads = []
  }

  /** The threads on `hardware`, as many as `count`: the ones there are, as far as they go. */
  private resized(hardware: MiningHardware, count: number): Thread[] {
    const threads = this.threads.filter((thread) => thread.hardware === hardware)
    for (const { handle } of threads.splice(count)) handle.close()
    while (threads.length < count) threads.push(this.startedThread(hardware))
    return threads
  }

  private startedThread(hardware: MiningHardware): Thread {
    const handle = this.startThread(hardware, {
      event: (event) => {
        if (this.threads.includes(thread)) this.heed(event, thread)
      },
      failed: (reason) => {
        if (this.threads.includes(thread)) this.fail(thread, reason)
      },
    })
    const thread: Thread = { hardware, handle, kernel: undefined }
    return thread
  }

  private heed(event: MinerThreadEvent, thread: Thread): void {
    if (event.type === 'hashed') this.count(event.hashes)
    else if (event.type === 'failed') this.fail(thread, event.reason)
    else if (event.type === 'kernel') {
      thread.kernel = event.name
      this.tellKernels()
      if (event.fallback !== undefined) this.tellFallback(event.fallback)
    } else if (event.job !== this.job?.id) return
    else if (event.type === 'found')
      this.listener?.found(event.job, this.threads.indexOf(thread), event.header)
    else this.listener?.exhausted(event.job)
  }

  /** Without a thread on the processor nothing is sure to go on; the graphics card is an extra. */
  private fail(thread: Thread, reason: string): void {
    const { listener } = this
    if (thread.hardware === 'processor') {
      this.stop()
      listener?.failed(reason)
      return
    }
    thread.handle.close()
    this.threads = this.threads.filter((other) => other !== thread)
    this.graphicsCardFailed = true
    this.tellKernels()
    listener?.graphicsCardFailed(reason)
  }

  private count(hashes: number): void {
    this.hashes += hashes
    const now = this.clock.now()
    const milliseconds = now - this.reportedAt
    // Where the clock was set back, nobody knows how long these took.
    const isSetBack = milliseconds < 0
    if ((milliseconds < REPORT_MS && !isSetBack) || !this.job) return
    if (!isSetBack) this.listener?.hashed(this.hashes, milliseconds)
    this.hashes = 0
    this.reportedAt = now
  }

  private tellKernels(): void {
    const names = new Set(this.threads.map(({ kernel }) => kernel).filter((name) => name !== undefined))
    const kernels = [...names]
    if (kernels.join() === this.kernels) return
    this.kernels = kernels.join()
    this.listener?.kernelsChanged(kernels)
  }

  private tellFallback(sentence: string): void {
    if (this.fallbacks.has(sentence)) return
    this.fallbacks.add(sentence)
    this.listener?.fellBack(sentence)
  }
}
