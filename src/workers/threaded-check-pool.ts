/**
 * The check pool of a tab: checks spread over threads in batches that pay for the kernel, whatever transactions and blocks they come
 * from. The outcome of each list is that of checking it in order, whichever thread is done first. Thread: the brain.
 */
import type { CheckFailure, CheckOutcome, CheckPool, TransactionCheck } from '../script/input-check.ts'
import { CONSENSUS_SCRIPT_FLAGS } from '../script/script-flags.ts'
import { P2TR_OUTPUT_BYTES } from '../script/taproot.ts'
import { verifyChecks } from '../script/verify-input.ts'
import { type CheckAnswer, type CheckMessage, type CheckRequest, encodeChecks } from './check-batch.ts'

/** A running thread, from outside. */
export interface CheckThread {
  /** Every request is answered, in their order. */
  post(request: CheckRequest): void
  /** Ends the thread at once. */
  close(): void
}

/** Starts a thread that verifies batches. It tells messages until it is closed, and `failed` when it can't go on. */
export type StartCheckThread = (told: {
  message(message: CheckMessage): void
  failed(reason: string): void
}) => CheckThread

/** Signatures of a batch, about: as many as the kernel likes in one call. */
const BATCH_SIGNATURES = 512
/** Where less waits, every thread gets a share, but none smaller than this. */
const MIN_SHARE = 64
/** Batches that a thread holds: one at work and one waiting, so that it never idles for a message. */
const BATCHES_PER_THREAD = 2
/** Bytes of a check for each of its signatures: half of a payment with two inputs and two outputs. */
const BYTES_PER_SIGNATURE = 200

/** A list that somebody waits for. */
interface Job {
  readonly checks: readonly TransactionCheck[]
  /** Checks of it that wait for their answer. */
  waiting: number
  /** The first of the failures known so far. */
  failure: CheckFailure | undefined
  resolve(outcome: CheckOutcome): void
  reject(error: Error): void
}

/** The checks of a job from `first` to `end` − 1. */
interface Part {
  readonly job: Job
  readonly first: number
  readonly end: number
  /** See `signaturesOf`. */
  readonly signatures: number
  /** It shared a batch that failed before its turn, and shares none again: bad checks make others be checked twice, never more. */
  readonly alone: boolean
}

interface Member {
  readonly thread: CheckThread
  /** Batches that it holds. */
  held: number
}

export class ThreadedCheckPool implements CheckPool {
  private members: Member[] = []
  private readonly jobs = new Set<Job>()
  /** What no thread holds, in the order in which it is dealt out. */
  private queue: Part[] = []
  /** Signatures in the queue. */
  private queued = 0
  /** The parts of each batch that a thread holds, by its id. */
  private readonly batches = new Map<number, readonly Part[]>()
  private nextId = 0
  private stopped = false
  private kernelFaultTold = false
  private readonly log: (message: string) => void

  /** `log` is told when threads or their kernel can't be used, and what checks signatures instead. */
  constructor(start: StartCheckThread, threads: number, log: (message: string) => void) {
    this.log = log
    for (let i = 0; i < threads; i++) {
      const thread = start({
        message: (message) => this.told(member, message),
        failed: (reason) => this.fallBack(reason),
      })
      const member: Member = { thread, held: 0 }
      this.members.push(member)
    }
  }

  verify(checks: readonly TransactionCheck[]): Promise<CheckOutcome> {
    if (this.stopped) return Promise.reject(new Error('the check pool was stopped'))
    if (checks.length === 0 || this.members.length === 0) return Promise.resolve(verifyChecks(checks))
    return new Promise((resolve, reject) => {
      const job: Job = { checks, waiting: checks.length, failure: undefined, resolve, reject }
      this.jobs.add(job)
      const part = partOf(job, 0, checks.length)
      // Blocks go before the mempool's checks: strangers send transactions that are dear to refuse for nothing, blocks they pay for.
      const behind = isOfBlock(part) ? this.queue.findLastIndex(isOfBlock) + 1 : this.queue.length
      this.queue.splice(behind, 0, part)
      this.queued += part.signatures
      this.dispatch()
    })
  }

  /** Checks under way reject. */
  stop(): void {
    this.stopped = true
    for (const { reject } of this.dismiss()) reject(new Error('the check pool was stopped'))
  }

  private dispatch(): void {
    // The emptiest first: nobody gets a second batch while another has none.
    for (let held = 0; held < BATCHES_PER_THREAD; held++)
      for (const member of this.members) {
        if (member.held !== held) continue
        const parts = this.takeBatch()
        if (parts.length === 0) return
        const id = this.nextId++
        this.batches.set(id, parts)
        member.held++
        member.thread.post({ id, checks: encodeChecks(parts.flatMap(checksOf)) })
      }
  }

  /** The next checks of the queue that make a batch; none when it is empty. */
  private takeBatch(): Part[] {
    let room = Math.min(Math.max(this.queued / this.members.length, MIN_SHARE), BATCH_SIGNATURES)
    const parts: Part[] = []
    for (let part = this.queue.shift(); part; part = this.queue.shift()) {
      const taken = part.alone && parts.length > 0 ? undefined : startOf(part, room, parts.length === 0)
      const { job, first, end, alone } = part
      const next = taken?.end ?? first
      if (next < end) this.queue.unshift(partOf(job, next, end, alone))
      if (taken) {
        parts.push(taken)
        room -= taken.signatures
        this.queued -= taken.signatures
      }
      if (alone || next < end) break
    }
    return parts
  }

  private told(member: Member, message: CheckMessage): void {
    if ('kernelFault' in message) this.tellKernelFault(message.kernelFault)
    else {
      member.held--
      this.answered(message)
      this.dispatch()
    }
  }

  private answered({ id, failure }: CheckAnswer): void {
    const parts = this.batches.get(id) ?? []
    this.batches.delete(id)
    const unreached: Part[] = []
    let start = 0
    for (const part of parts) {
      const { job, first, end } = part
      // Where in this part the batch failed: behind it, within it, or before it.
      const at = failure ? failure.check - start : end - first
      start += end - first
      if (failure && at < 0) {
        unreached.push({ ...part, alone: true })
        this.queued += part.signatures
        continue
      }
      if (failure && at < end - first) this.fails(job, { ...failure, ok: false, check: first + at })
      this.ends(job, end - first)
    }
    this.queue.unshift(...unreached)
  }

  /** Takes in a failure; what comes behind it in the list needs no check. */
  private fails(job: Job, failure: CheckFailure): void {
    if (job.failure && job.failure.check < failure.check) return
    job.failure = failure
    const isVoid = (part: Part): boolean => part.job === job && part.first > failure.check
    for (const part of this.queue.filter(isVoid)) {
      this.queued -= part.signatures
      job.waiting -= part.end - part.first
    }
    this.queue = this.queue.filter((part) => !isVoid(part))
  }

  private ends(job: Job, checks: number): void {
    job.waiting -= checks
    if (job.waiting > 0) return
    this.jobs.delete(job)
    job.resolve(job.failure ?? { ok: true })
  }

  /** Every thread loads the kernel by itself, and one cause is worth one line. */
  private tellKernelFault(reason: string): void {
    if (this.kernelFaultTold) return
    this.kernelFaultTold = true
    this.log(
      `The signature kernel can't be used (${reason}). Signatures are checked by the plain verifier, more slowly.`,
    )
  }

  /** A thread that can't run would leave checks unanswered: from then on, all of them run on this thread. */
  private fallBack(reason: string): void {
    if (this.members.length === 0) return
    this.log(
      `The check workers failed (${reason}). Signatures are now checked in the node's own thread, more slowly.`,
    )
    for (const { checks, resolve } of this.dismiss()) resolve(verifyChecks(checks))
  }

  /** Ends the threads; the jobs that they leave. */
  private dismiss(): Job[] {
    for (const { thread } of this.members) thread.close()
    const left = [...this.jobs]
    this.members = []
    this.queue = []
    this.batches.clear()
    this.jobs.clear()
    return left
  }
}

/** How many signatures a check has, about: one an input, or more where its scripts are long. */
function signaturesOf({ transaction, spentOutputs }: TransactionCheck): number {
  const bytes = transaction.length + spentOutputs.length
  return Math.max(spentOutputs.length / P2TR_OUTPUT_BYTES, bytes / BYTES_PER_SIGNATURE)
}

/** Whether it holds a block's checks: those have no rules of policy. */
function isOfBlock({ job }: Part): boolean {
  return (job.checks[0].flags ?? CONSENSUS_SCRIPT_FLAGS) === CONSENSUS_SCRIPT_FLAGS
}

function partOf(job: Job, first: number, end: number, alone = false): Part {
  let signatures = 0
  for (let i = first; i < end; i++) signatures += signaturesOf(job.checks[i])
  return { job, first, end, signatures, alone }
}

/** The first checks of a part, as far as there is room for their signatures; `atLeastOne` whatever it takes. */
function startOf(part: Part, room: number, atLeastOne: boolean): Part | undefined {
  const { job, first, alone } = part
  let end = first
  for (let signatures = 0; end < part.end; end++) {
    signatures += signaturesOf(job.checks[end])
    if (signatures > room && (end > first || !atLeastOne)) break
  }
  return end > first ? partOf(job, first, end, alone) : undefined
}

function checksOf({ job, first, end }: Part): readonly TransactionCheck[] {
  return job.checks.slice(first, end)
}
