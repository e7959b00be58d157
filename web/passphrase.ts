/** How hard a passphrase is to guess: a hint while it is typed, not a rule. Pure, any thread. */

export interface Strength {
  /** 0 (nothing typed) to 4. */
  readonly level: 0 | 1 | 2 | 3 | 4
  readonly text: string
}

/** Bits of entropy from which on a level is reached, if the characters were drawn at random. */
const LEVELS = [0, 28, 50, 72] as const

/** Rates a passphrase by its length, the kinds of characters in it and how often they repeat. */
export function passphraseStrength(passphrase: string): Strength {
  if (passphrase === '') return { level: 0, text: 'Several random words make a good passphrase.' }
  const kinds = [/[a-z]/, /[A-Z]/, /\d/, /[^a-zA-Z\d]/].filter((kind) => kind.test(passphrase)).length
  const distinct = new Set(passphrase).size
  const bits = Math.min(passphrase.length, distinct * 2) * (2 + kinds * 0.9)
  const level = (LEVELS.filter((least) => bits >= least).length || 1) as 1 | 2 | 3 | 4
  const text = [
    'Very weak: a computer guesses it at once.',
    'Weak: add a few words.',
    'Fair: one more word makes it good.',
    'Strong.',
  ][level - 1]!
  return { level, text }
}
