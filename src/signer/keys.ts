/**
 * Seed words and what is derived from them: BIP39, BIP32, BIP86. Everything here handles secrets: the signer worker
 * only.
 */
import { HDKey } from '@scure/bip32'
import { entropyToMnemonic, mnemonicToEntropy, mnemonicToSeedSync } from '@scure/bip39'
import { wordlist } from '@scure/bip39/wordlists/english.js'
import type { Random } from '../primitives/ports.ts'
import { accountDescriptor, type Descriptor, HARDENED } from '../wallet/descriptor.ts'
import { invalid, ok, type Result } from '../wallet/result.ts'

/** Word counts of BIP39. */
const WORD_COUNTS = [12, 15, 18, 21, 24]

/** Fresh entropy for 12 words (16 bytes) or 24 words (32 bytes). */
export function createEntropy(random: Random, words: 12 | 24): Uint8Array {
  return random.bytes((words / 3) * 4)
}

/** The words, in lower case with one space between them. */
export function entropyToWords(entropy: Uint8Array): string {
  return entropyToMnemonic(entropy, wordlist)
}

/**
 * The entropy behind words of BIP39's English list as a person wrote them: case, full-width letters, numbers, separators and what can't be seen
 * don't matter, and the first four letters of a word stand for it. Rejects with `mnemonic-length`, `mnemonic-word` (which word, and what it may
 * have been), `mnemonic-checksum`.
 */
export function wordsToEntropy(text: string): Result<Uint8Array> {
  const words = splitWords(text)
  const unknown = words.findIndex((word) => !wordlist.includes(word))
  if (unknown >= 0 && words.length <= 24) {
    const similar = similarWords(words[unknown])
    const hint = similar.length > 0 ? ` Did you mean ${listed(similar)}?` : ''
    return invalid(
      'mnemonic-word',
      `Word ${unknown + 1}, "${words[unknown].slice(0, 20)}", is not in the English list of seed words (BIP39), the only one that this wallet reads.${hint}`,
    )
  }
  if (!WORD_COUNTS.includes(words.length))
    return invalid(
      'mnemonic-length',
      `These are ${words.length} words; seed words come by 12, 15, 18, 21 or 24. Is one missing, or written twice?`,
    )
  try {
    return ok(mnemonicToEntropy(words.join(' '), wordlist))
  } catch {
    return invalid(
      'mnemonic-checksum',
      'Every word is in the list, but together they are no seed: one of them must be another word of the list, or their ' +
        'order is not right. Compare them with your copy.',
    )
  }
}

/** The master key of a seed (BIP39, BIP32). `mnemonicPassphrase`: BIP39's, "" for none. Wipe it after use. */
export function masterKey(entropy: Uint8Array, mnemonicPassphrase = ''): HDKey {
  const seed = mnemonicToSeedSync(entropyToWords(entropy), mnemonicPassphrase)
  const master = HDKey.fromMasterSeed(seed)
  seed.fill(0)
  return master
}

/** An account with its private key. */
export interface AccountKeys {
  /** Wipe its private data after use. */
  readonly key: HDKey
  /** Master fingerprint, see `KeyOrigin`. */
  readonly fingerprint: number
  readonly path: readonly number[]
  readonly descriptor: Descriptor
}

/** The first account of a seed, at m/86'/`coinType`'/0' (BIP86). `mnemonicPassphrase`: see `masterKey`. */
export function deriveAccount(entropy: Uint8Array, coinType: number, mnemonicPassphrase = ''): AccountKeys {
  const master = masterKey(entropy, mnemonicPassphrase)
  const path = [HARDENED + 86, HARDENED + coinType, HARDENED]
  let key = master
  for (const step of path) {
    const parent = key
    key = parent.deriveChild(step)
    parent.wipePrivateData()
  }
  const { fingerprint } = master
  return {
    key,
    fingerprint,
    path,
    descriptor: accountDescriptor(key.publicExtendedKey, { fingerprint, path }),
  }
}

/** The words in lower case, those that are known in full. */
function splitWords(text: string): string[] {
  const seen = text.normalize('NFKC').toLowerCase()
  // A zero-width space may part words, or stand within one.
  const ways = [seen, seen.replaceAll('\u200b', ' ')].map((way) =>
    way
      .replace(/\p{Cf}/gu, '')
      .split(/[^\p{L}\p{M}]+/u)
      .filter(Boolean)
      .map(wholeWord),
  )
  return ways.find((words) => words.every((word) => wordlist.includes(word))) ?? ways[0]
}

/** The word of the list that four letters or more begin: no two share their first four (BIP39). */
function wholeWord(typed: string): string {
  if (typed.length < 4) return typed
  return wordlist.find((word) => word.startsWith(typed)) ?? typed
}

/** Up to three words of the list that are at most two edits away, or that begin with the same four letters. */
function similarWords(typed: string): string[] {
  const found = wordlist
    .map((word) => ({ word, edits: editDistance(typed, word) }))
    // BIP39's words differ in their first four letters, so that these alone name one.
    .map(({ word, edits }) => ({ word, edits: word.slice(0, 4) === typed.slice(0, 4) ? 0 : edits }))
    .filter(({ word, edits }) => edits <= 2 && edits < word.length)
  return found
    .sort((a, b) => a.edits - b.edits)
    .slice(0, 3)
    .map(({ word }) => word)
}

/**
 * Levenshtein distance, with a swap of neighbours counted as one edit. Of words over 12 letters only the beginning
 * counts.
 */
function editDistance(a: string, b: string): number {
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, j) => j)]
  for (let i = 1; i <= Math.min(a.length, 12); i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1]
      row[j] = Math.min(rows[i - 1][j] + 1, row[j - 1] + 1, rows[i - 1][j - 1] + (same ? 0 : 1))
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        row[j] = Math.min(row[j], rows[i - 2][j - 2] + 1)
    }
    rows.push(row)
  }
  return rows[rows.length - 1][b.length]
}

function listed(words: string[]): string {
  const quoted = words.map((word) => `"${word}"`)
  return quoted.length < 2
    ? quoted.join('')
    : `${quoted.slice(0, -1).join(', ')} or ${quoted[quoted.length - 1]}`
}
