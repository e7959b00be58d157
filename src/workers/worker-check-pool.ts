/**
 * The check pool of a tab: batches of checks spread over workers. The verdict is that of checking in list order: the lowest
 * failing check wins, whichever worker is done first. Thread: the brain.
 */
import type { CheckOutcome, CheckPool, TransactionCheck } from '../script/input-check.ts'
import { verifyChecks } from '../script/verify-input.ts'
import { Channel } from './channel.ts'
import { type CheckAnswer, type CheckMessage, type CheckRequest, encodeChecks } from './check-batch.ts'

/** Serialised bytes of checks in one batch, about: some 15 two-input transactions, 30 ms of work with the plain verifier. */
const BATCH_BYTES = 8_000
/** Batches that a worker holds: one at work and one waiting, so that it never idles for a message. */
const BATCHES_PER_WORKER = 2

interface Batch {
  readonly id: number
  readonly checks: readonly TransactionCheck[]
  resolve(answer: CheckAnswer): void
  reject(error: Error): void
}

interface PoolWorker {
  readonly worker: Worker
  readonly channel: Channel<CheckRequest, CheckMessage>
  held: number
}

export class WorkerCheckPool implements CheckPool {
  private workers: PoolWorker[] = []
  /** Batches without an answer, by their id, in the order they were asked. */
  private readonly open = new Map<number, Batch>()
  /** Those of them that no worker holds. */
  private queue: Batch[] = []
  private nextId = 0
  private stopped = false
  private kernelFaultTold = false
  private readonly log: (message: string) => void

  /** `log` is told when workers or their kernel can't be used, and what checks signatures instead. */
  constructor(threads: number, log: (message: string) => void) {
    this.log = log
    for (let i = 0; i < threads; i++) this.addWorker()
  }

  async verify(checks: readonly TransactionCheck[]): Promise<CheckOutcome> {
    if (this.stopped) throw new Error('the check pool was stopped')
    if (this.workers.length === 0) return verifyChecks(checks)
    const batches: Promise<CheckOutcome>[] = []
    for (let start = 0, end = 0; start < checks.length; start = end) {
      for (let bytes = 0; end < checks.length && bytes < BATCH_BYTES; end++)
        bytes += checks[end].transaction.length + checks[end].spentOutputs.length
      batches.push(this.verifyBatch(checks.slice(start, end), start))
    }
    this.dispatch()
    const outcomes = await Promise.all(batches)
    return outcomes.find((outcome) => !outcome.ok) ?? { ok: true }
  }

  /** Checks under way reject. */
  stop(): void {
    this.stopped = true
    this.dismissWorkers()
    for (const { reject } of this.open.values()) reject(new Error('the check pool was stopped'))
    this.open.clear()
  }

  private async verifyBatch(checks: readonly TransactionCheck[], first: number): Promise<CheckOutcome> {
    const { failure } = await new Promise<CheckAnswer>((resolve, reject) => {
      const batch: Batch = { id: this.nextId++, checks, resolve, reject }
      this.open.set(batch.id, batch)
      this.queue.push(batch)
    })
    return failure ? { ...failure, ok: false, check: first + failure.check } : { ok: true }
  }

  private dispatch(): void {
    for (const member of this.workers)
      while (member.held < BATCHES_PER_WORKER) {
        const batch = this.queue.shift()
        if (batch === undefined) return
        const checks = encodeChecks(batch.checks)
        member.held++
        member.channel.post({ id: batch.id, checks }, [checks.buffer as ArrayBuffer])
      }
  }

  private answered(answer: CheckAnswer): void {
    this.open.get(answer.id)?.resolve(answer)
    this.open.delete(answer.id)
  }

  private addWorker(): void {
    const worker = new Worker(new URL('./check.worker.ts', import.meta.url), { type: 'module' })
    const member: PoolWorker = { worker, channel: new Channel(worker), held: 0 }
    member.channel.listen((answer) => {
      if ('kernelFault' in answer) {
        this.tellKernelFault(answer.kernelFault)
        return
      }
      member.held--
      this.answered(answer)
      this.dispatch()
    })
    worker.addEventListener('error', (event) => this.fallBack(event.message))
    this.workers.push(member)
  }

  /** Every worker loads the kernel by itself, and one cause is worth one line. */
  private tellKernelFault(reason: string): void {
    if (this.kernelFaultTold) return
    this.kernelFaultTold = true
    this.log(
      `The signature kernel can't be used (${reason}). Signatures are checked by the plain verifier, more slowly.`,
    )
  }

  /** A worker that can't run would leave checks unanswered: from then on, all of them run on this thread. */
  private fallBack(reason: string): void {
    if (this.workers.length === 0) return
    this.log(
      `The check workers failed (${reason}). Signatures are now checked in the node's own thread, more slowly.`,
    )
    this.dismissWorkers()
    for (const { id, checks } of [...this.open.values()]) {
      const outcome = verifyChecks(checks)
      this.answered(outcome.ok ? { id } : { id, failure: outcome })
    }
  }

  private dismissWorkers(): void {
    for (const { worker } of this.workers) worker.terminate()
    this.workers = []
    this.queue = []
  }
}
