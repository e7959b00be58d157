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
  {
    file: 'src/consensus/locks.ts',
    code: 'return context.medianTimePast >= context.medianTimePastAt(Math.max(height - 1, 0)) + units * 512',
    changes: ['0 -> -1'],
    why: 'The genesis block, at height 0, makes no coins.',
  },
  {
    file: 'src/consensus/params.ts',
    code: 'export const MAX_PARAMS_BYTES = 128',
    changes: ['128 -> 127', '128 -> 129'],
    why: 'A round number above what the longest names and numbers take.',
  },
  {
    file: 'src/script/address.ts',
    code: 'for (let at = prefix.length; at < lower.length; at++) {',
    changes: ['at < lower.length -> at <= lower.length'],
    why: 'Tries one character more, of which no address of this length comes.',
  },
  {
    file: 'src/script/address.ts',
    code: 'if (at + 1 < lower.length) yield `${before}${lower[at + 1]}${lower[at]}${lower.slice(at + 2)}`',
    changes: [
      'at + 1 < lower.length -> (at + 1) <= lower.length',
      'at + 1 < lower.length -> true',
      'at + 1 -> at - 1',
      '1 -> 0',
    ],
    why: 'Tries the last character swapped with nothing, of which no address comes.',
  },
  {
    file: 'src/script/taproot.ts',
    code: 'if (tweak >= Fn.ORDER) return undefined',
    changes: [
      'return undefined -> (nothing)',
      'tweak >= Fn.ORDER -> tweak > Fn.ORDER',
      'tweak >= Fn.ORDER -> false',
    ],
    why: 'BIP341 asks for it, but no input is known: one hash in 2^128 is that great.',
  },
  {
    file: 'src/script/taproot.ts',
    code: 'if (output.is0()) return undefined',
    changes: ['output.is0() -> false', 'return undefined -> (nothing)'],
    why: 'No input is known: the tweak, a hash of the key, would have to be its negated logarithm.',
  },
  {
    file: 'src/script/taproot.ts',
    code: "if (tweak >= Fn.ORDER || Fn.is0(tweaked)) throw new Error('This key has no taproot tweak')",
    changes: [
      'tweak >= Fn.ORDER || Fn.is0(tweaked) -> (tweak >= Fn.ORDER) && Fn.is0(tweaked)',
      'tweak >= Fn.ORDER || Fn.is0(tweaked) -> false',
      'tweak >= Fn.ORDER -> tweak > Fn.ORDER',
      "throw new Error('This key has no taproot tweak') -> (nothing)",
    ],
    why: 'No input is known: one hash in 2^128 is that great, or the negated secret key.',
  },
  {
    file: 'src/script/script-number.ts',
    code: 'if (value < 0) bytes[length - 1] |= 0x80',
    changes: ['value < 0 -> value <= 0'],
    why: 'Zero has no byte to set.',
  },
  {
    file: 'src/script/script-number.ts',
    code: 'if (last < 0) return 0',
    changes: ['return 0 -> (nothing)', 'last < 0 -> false', '0 -> -1'],
    why: 'What is read before the first byte counts as 0.',
  },
  {
    file: 'src/script/sighash.ts',
    code: 'return sha256(new Writer(annex.length + 9).varBytes(annex).finish())',
    changes: ['9 -> 10', '9 -> 8'],
    why: 'Only how much is reserved: a writer grows.',
  },
  {
    file: 'src/script/sighash.ts',
    code: "const unpacked = decodeWith(packed, 'outputs-decode-failed', (reader) => {",
    changes: ["'outputs-decode-failed' -> ''"],
    why: 'The code goes no further: what the caller packed itself is malformed, which throws.',
  },
  {
    file: 'src/script/taproot.ts',
    code: "return compareBytes(a, b) < 0 ? taggedHash('TapBranch', a, b) : taggedHash('TapBranch', b, a)",
    changes: ['compareBytes(a, b) < 0 -> compareBytes(a, b) <= 0'],
    why: 'Equal nodes are the same in either order.',
  },
]
