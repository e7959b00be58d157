/** Port: threads that search nonces. */

export interface MiningJob {
  /** Distinguishes jobs; results of an older job are ignored. */
  readonly id: number
  /** 80-byte headers with nonce 0, one for each thread, that differ in their merkle root (extra nonce). */
  readonly headers: readonly Uint8Array[]
  /** 32 bytes, big-endian: a hash (display order) at or below it wins. */
  readonly target: Uint8Array
}

export interface MinerSettings {
  readonly threads: number
  /** Share of the time that a thread works, above 0 to 1. */
  readonly throttle: number
}

export interface MinerPoolListener {
  /** `header` is the winning one, 80 bytes with its nonce. */
  found(job: number, thread: number, header: Uint8Array): void
  /** Hashes of all threads since the last call, and the time that passed, rests included; about once a second while working. */
  hashed(hashes: number, milliseconds: number): void
  /** A thread's range of nonces is used up: a new job is wanted. */
  exhausted(job: number): void
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
