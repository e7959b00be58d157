/** Port: threads that search nonces, on the processor and, where the person allows it, on the graphics card. */

export interface MiningJob {
  /** Distinguishes jobs; results of an older job are ignored. */
  readonly id: number
  /** 80-byte headers with nonce 0, that differ in their merkle root (extra nonce): one for each thread, the graphics card's last. */
  readonly headers: readonly Uint8Array[]
  /** 32 bytes, big-endian: a hash (display order) at or below it wins. */
  readonly target: Uint8Array
}

export interface MinerSettings {
  /** On the processor. */
  readonly threads: number
  /** Share of the time that a thread works, above 0 to 1. */
  readonly throttle: number
  /** Whether one more thread searches on the graphics card. */
  readonly graphicsCard: boolean
}

/** Threads that the settings ask for, each with a header of its own. */
export function threadCount({ threads, graphicsCard }: MinerSettings): number {
  return graphicsCard ? threads + 1 : threads
}

export interface MinerPoolListener {
  /** `header` is the winning one, 80 bytes with its nonce. */
  found(job: number, thread: number, header: Uint8Array): void
  /** Hashes of all threads since the last call, and the time that passed, rests included; about once a second while working. */
  hashed(hashes: number, milliseconds: number): void
  /** A thread's range of nonces is used up: a new job is wanted. */
  exhausted(job: number): void
  /** The names of the kernels that search from now on, for people, each once. */
  kernelsChanged(kernels: readonly string[]): void
  /** A kernel can't be used, and what is used instead: a sentence for the log, told once. */
  fellBack(sentence: string): void
  /**
   * The graphics card can't be used, or no more; the other threads go on. It is tried again when mining starts anew, or when it is
   * switched off and on.
   */
  graphicsCardFailed(reason: string): void
  /** The threads can't run (worker failed); mining has stopped. */
  failed(reason: string): void
}

export interface MinerPool {
  /** Threads that make sense on this machine. */
  readonly maxThreads: number
  start(listener: MinerPoolListener): void
  configure(settings: MinerSettings): void
  /** Works on `job` from now on; what was under way is cancelled within one batch. Undefined: rest. */
  setJob(job: MiningJob | undefined): void
  stop(): void
}
