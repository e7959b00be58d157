/** A hash rate that neither jumps with every report nor lags behind a change for long. */

/** Milliseconds after which a change shows by half. */
const SMOOTHING_MS = 10_000

export class HashRate {
  private smoothed: number | undefined

  /** Hashes a second, 0 before the first report. */
  get value(): number {
    return this.smoothed ?? 0
  }

  /** Takes in `hashes` done in `milliseconds`. A longer report weighs more. */
  add(hashes: number, milliseconds: number): void {
    if (milliseconds <= 0) return
    const rate = (hashes * 1_000) / milliseconds
    const before = this.smoothed ?? rate
    this.smoothed = before + ((rate - before) * milliseconds) / (milliseconds + SMOOTHING_MS)
  }

  reset(): void {
    this.smoothed = undefined
  }
}
