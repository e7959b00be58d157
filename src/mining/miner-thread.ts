/**
 * The work of one mining thread, wherever it runs: batches of nonces, short enough that a new job is taken up at once, with
 * rests between them as the throttle asks. The plain kernel has the last word on what is found. Speaks plain data that crosses threads
 * as it is.
 */
import type { Clock } from '../primitives/ports.ts'
import { type DeferredMiningKernel, type MiningKernel, NONCES, withNonce } from './kernel.ts'
import { typescriptKernel } from './typescript-kernel.ts'

export type MinerThreadRequest =
  | {
      readonly type: 'job'
      /** Repeated in what the thread tells of it. */
      readonly job: number
      /** 80 bytes; every nonce is tried, from 0. */
      readonly header: Uint8Array
      /** 32 bytes, big-endian. */
      readonly target: Uint8Array
    }
  | { readonly type: 'rest' }
  | {
      readonly type: 'throttle'
      /** Share of the time to work, above 0 to 1. */
      readonly throttle: number
    }

export type MinerThreadEvent =
  | {
      /** Before any other: what this thread searches with. */
      readonly type: 'kernel'
      /** For people. */
      readonly name: string
      /** Why it isn't a faster one. */
      readonly fallback: string | undefined
    }
  | {
      /** The thread rests until its next job. */
      readonly type: 'found'
      readonly job: number
      /** 80 bytes with the nonce that wins. */
      readonly header: Uint8Array
    }
  | {
      /** About once a second while working. */
      readonly type: 'hashed'
      /** Since the last time told. */
      readonly hashes: number
    }
  /** No nonce is left; the thread rests until its next job. */
  | { readonly type: 'exhausted'; readonly job: number }
  /** The thread can't search, or no more; it does nothing from now on. */
  | { readonly type: 'failed'; readonly reason: string }

type Job = Extract<MinerThreadRequest, { type: 'job' }>

/** Milliseconds that a batch aims at: a message waits for one batch at most, and so does the screen for a graphics card. */
const BATCH_MS = 30
/** Nonces of the first batch; a slow machine takes under 10 ms for them. */
const FIRST_BATCH = 2_048
const SMALLEST_BATCH = 256
const LARGEST_BATCH = 2 ** 28
/** How much a batch may grow or shrink from one to the next. */
const MAX_STEP = 4
/** Milliseconds between reports of hashes. */
const REPORT_MS = 1_000

export interface MinerThreadOptions {
  readonly kernel: MiningKernel | DeferredMiningKernel
  /** `after(0)` must let messages in, and should not wait for more: browsers delay nested timers by 4 ms, message channels don't. */
  readonly clock: Clock
  readonly post: (event: MinerThreadEvent) => void
}

export class MinerThread {
  private readonly options: MinerThreadOptions
  private work: Job | undefined
  private nextNonce = 0
  private batch = FIRST_BATCH
  private throttle = 1
  private hashes = 0
  private reportedAt: number
  /** Cancels the next batch while one is due. */
  private cancel: (() => void) | undefined
  /** A kernel that answers later has a batch. */
  private isScanning = false
  private hasFailed = false

  constructor(options: MinerThreadOptions) {
    this.options = options
    this.reportedAt = options.clock.now()
  }

  receive(request: MinerThreadRequest): void {
    if (this.hasFailed) return
    if (request.type === 'throttle') this.throttle = request.throttle
    else if (request.type === 'rest') this.rest()
    else {
      this.work = request
      this.nextNonce = 0
      // A rest that the throttle asked for goes on: jobs may change as often as they like.
      if (!this.cancel && !this.isScanning) this.schedule(0)
    }
  }

  private rest(): void {
    this.cancel?.()
    this.cancel = undefined
    this.work = undefined
    if (this.hashes > 0) this.report(this.options.clock.now())
  }

  private schedule(milliseconds: number): void {
    this.cancel = this.options.clock.after(milliseconds, () => {
      this.cancel = undefined
      if (this.work) this.scan(this.work)
    })
  }

  private scan(work: Job): void {
    const { kernel, clock } = this.options
    const start = this.nextNonce
    const count = Math.min(this.batch, NONCES - start)
    const startedAt = clock.now()
    const answer = kernel.scan(work.header, work.target, start, count)
    const done = (nonce: number): void => this.scanned(work, { start, count, nonce, startedAt })
    if (typeof answer === 'number') done(answer)
    else {
      this.isScanning = true
      answer.then(
        (nonce) => {
          this.isScanning = false
          done(nonce)
        },
        (error) => this.fail(error),
      )
    }
  }

  /** Takes in what a batch found; `work` may have been replaced meanwhile. */
  private scanned(
    work: Job,
    batch: { start: number; count: number; nonce: number; startedAt: number },
  ): void {
    const { clock, post } = this.options
    const { start, count, nonce } = batch
    const { job, header, target } = work
    const now = clock.now()
    // Clocks can be set back.
    const elapsed = Math.max(0, now - batch.startedAt)
    const wins = nonce >= 0 && typescriptKernel.scan(header, target, nonce, 1) === nonce
    this.hashes += wins ? nonce - start + 1 : count
    if (!wins && count === this.batch) this.resizeBatch(elapsed)
    if (now - this.reportedAt >= REPORT_MS || now < this.reportedAt) this.report(now)

    const isCurrent = work === this.work
    if (isCurrent) {
      this.nextNonce = start + count
      if (wins || this.nextNonce === NONCES) this.work = undefined
    }
    this.schedule(elapsed * (1 / this.throttle - 1))
    if (!isCurrent) return
    if (wins) post({ type: 'found', job, header: withNonce(header, nonce) })
    else if (!this.work) post({ type: 'exhausted', job })
  }

  private fail(error: unknown): void {
    this.rest()
    this.hasFailed = true
    this.options.post({ type: 'failed', reason: error instanceof Error ? error.message : String(error) })
  }

  private resizeBatch(elapsed: number): void {
    const factor = Math.min(Math.max(BATCH_MS / elapsed, 1 / MAX_STEP), MAX_STEP)
    this.batch = Math.min(Math.max(Math.round(this.batch * factor), SMALLEST_BATCH), LARGEST_BATCH)
  }

  private report(now: number): void {
    this.options.post({ type: 'hashed', hashes: this.hashes })
    this.hashes = 0
    this.reportedAt = now
  }
}
