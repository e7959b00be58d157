/**
 * How hard a passphrase is to guess, by a library that knows words, names and much-used passwords. What is typed stays in this thread. Its lists
 * weigh more than a view: this module is for importing when a passphrase is chosen. Pure, any thread.
 */
import { ZxcvbnFactory, type ZxcvbnResult } from '@zxcvbn-ts/core'
import { adjacencyGraphs, dictionary } from '@zxcvbn-ts/language-common'

export interface Strength {
  /** At 1 a computer needs fewer than a million guesses, at 2 fewer than 10^8, at 3 fewer than 10^10. */
  readonly level: 1 | 2 | 3 | 4
  readonly text: string
}

const VERDICTS = [
  'Very weak: a computer guesses it at once.',
  'Weak: a computer guesses it within hours.',
  'Fair: one more word makes it good.',
  'Strong.',
] as const

/** What makes a passphrase easy to guess, by the library's names of it. */
const REASONS: Readonly<Record<string, string>> = {
  straightRow: 'Keys beside each other are tried early.',
  keyPattern: 'Keys beside each other are tried early.',
  simpleRepeat: 'Repeating what is there adds little.',
  extendedRepeat: 'Repeating what is there adds little.',
  sequences: 'Sequences such as abc or 6543 are tried early.',
  recentYears: 'Years and dates are tried early.',
  dates: 'Years and dates are tried early.',
  topTen: 'It is among the passwords that people use most.',
  topHundred: 'It is among the passwords that people use most.',
  common: 'Many people use it as a password.',
  similarToCommon: 'It is much like a password that many people use.',
  wordByItself: 'A single word is found in every list.',
  namesByThemselves: 'Names are found in every list.',
  commonNames: 'Names are found in every list.',
  userInputs: 'It is what this page is about.',
}

/** Words that anybody would try here. */
const OF_THIS_PAGE = ['opentab', 'bitcoin', 'wallet', 'satoshi', 'nakamoto']

/** Phrases that everybody tries who has heard of them, without what stands between the words. */
const FAMOUS: ReadonlySet<string> = new Set(['correcthorsebatterystaple'])

/** Characters that are looked at: a passphrase that is longer gains nothing by the rest. */
const MOST_CHARACTERS = 128

let estimator: ZxcvbnFactory | undefined

/** Rates a passphrase by the guesses that a computer needs which tries what people choose before what they don't. */
export function passphraseStrength(passphrase: string): Strength {
  estimator ??= new ZxcvbnFactory({ dictionary, graphs: adjacencyGraphs, maxLength: MOST_CHARACTERS })
  // As the keeper of keys reads it.
  const read = passphrase.normalize('NFKC')
  if (FAMOUS.has(read.toLowerCase().replace(/[^\p{L}]/gu, '')))
    return { level: 1, text: `${VERDICTS[0]} Many people know this phrase.` }
  const rated = estimator.check(read, OF_THIS_PAGE)
  const level = levelOf(rated, passphrase)
  const text: string[] = [VERDICTS[level - 1]!]
  if (level < 3)
    text.push(
      REASONS[rated.feedback.warning ?? ''] ?? 'Add a few words that have nothing to do with each other.',
    )
  return { level, text: text.join(' ') }
}

/** No list has every word of every language: what may be a single one is at best fair. */
function levelOf({ score }: ZxcvbnResult, passphrase: string): Strength['level'] {
  const most = /^[\p{L}\p{M}]+$/u.test(passphrase) ? 3 : 4
  return Math.min(Math.max(score, 1), most) as Strength['level']
}

/** What is to be said of a passphrase that was chosen for keys, a sentence or two; undefined where nothing is. */
export function warningOnKeys(passphrase: string): string | undefined {
  const { level, text } = passphraseStrength(passphrase)
  if (level > 1) return undefined
  return `The passphrase of this wallet is too easy, and no backup file can be made under it: walletpassphrasechange changes it. ${text}`
}

/** Why no backup file is made under a passphrase, a sentence; undefined where it may be: its finder has all the time in the world. */
export function tooWeakForBackup(passphrase: string): string | undefined {
  const { level, text } = passphraseStrength(passphrase)
  if (level > 1) return undefined
  return `No backup file was made: whoever finds one can try passphrases without end, and yours is too easy. ${text} Change it to a few random words, then save the file.`
}
