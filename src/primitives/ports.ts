/** The two ports that stand between the deterministic core and the world: time and randomness. Any thread. */

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
