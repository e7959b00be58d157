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

export const EQUIVALENT: readonly Equivalent[] = [
  {
    file: 'src/consensus/pow.ts',
    code: 'for (let offset = 24; offset >= 0; offset -= 8) value = (value << 64n) | view.getBigUint64(offset, true)',
    changes: ['0 -> -1'],
    why: 'Offsets are multiples of 8.',
  },
  {
    file: 'src/consensus/pow.ts',
    code: 'if (shifts >= 256n) return limit',
    changes: ['shifts >= 256n -> shifts > 256n', '256n -> 257n'],
    why: 'What 256 shifts give is over any limit, and is cut to it below.',
  },
  {
    file: 'src/consensus/pow.ts',
    code: '((195_766_423_245_049n * fraction +',
    changes: ['195_766_423_245_049n -> 195766423245050n', '195_766_423_245_049n -> 195766423245048n'],
    why: 'For none of the 65,536 fractions does the rounded sum change (tried).',
  },
  {
    file: 'src/consensus/pow.ts',
    code: '971_821_376n * fraction * fraction +',
    changes: ['971_821_376n -> 971821377n'],
    why: 'For none of the 65,536 fractions does the rounded sum change (tried).',
  },
  {
    file: 'src/consensus/pow.ts',
    code: 'if (target > limit) return limit',
    changes: ['target > limit -> target >= limit'],
    why: 'Where both are equal, either is returned.',
  },
]
