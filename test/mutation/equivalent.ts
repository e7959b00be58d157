/**
 * Mutants that no test can kill, since they mean the same, and why. They are found by the text of their line, so that moving code
 * keeps them; one that a test kills after all is reported.
 */
export interface Equivalent {
  /** Relative to the project. */
  readonly file: string
  /** The line as it stands, trimmed. */
  readonly code: string
  /** As `Mutant.change`. */
  readonly changes: readonly string[]
  readonly why: string
}

export const EQUIVALENT: readonly Equivalent[] = []
