/** The ports that stand between the deterministic core and the world: time, randomness, and where its own faults are told. Any thread. */

/** Time. Real in a tab, virtual in the simulator. */
export interface Clock {
  /** Milliseconds since 1970. */
  now(): number
  /** Calls `run` once, `milliseconds` from now. The returned function cancels it. */
  after(milliseconds: number, run: () => void): () => void
}

/** A source of random bytes: cryptographic in a tab, seeded in the simulator. */
export interface Random {
  bytes(length: number): Uint8Array
}

/**
 * Where a bug is told that nobody waits for: an error that is neither a failure of storage nor a mistake of a peer or a person. A tab shows it,
 * a test fails by it.
 */
export interface Faults {
  /** `consequence`: a sentence for people on what has stopped and what to do. Never throws. */
  report(error: unknown, consequence?: string): void
}
