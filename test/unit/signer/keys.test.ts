/** Promise: words and keys are those of BIP39, BIP32 and BIP86, and a mistyped word is named. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { wordlist } from '@scure/bip39/wordlists/english.js'
import fc from 'fast-check'
import { PUBLIC, REGTEST } from '../../../src/consensus/params.ts'
import { bytesToHex } from '../../../src/primitives/bytes.ts'
import { createEntropy, entropyToWords, wordsToEntropy } from '../../../src/signer/keys.ts'
import { coinType } from '../../../src/wallet/coin-type.ts'
import { HARDENED } from '../../../src/wallet/descriptor.ts'
import { codeOf, seededRandom, value, WORDS } from '../../support/wallets.ts'

test('fresh words are read back, however they are typed', () => {
  for (const count of [12, 24] as const) {
    const entropy = createEntropy(seededRandom('words'), count)
    const words = entropyToWords(entropy)
    assert.equal(words.split(' ').length, count)
    assert.deepEqual(value(wordsToEntropy(`\n ${words.toUpperCase().replaceAll(' ', '  ')}\t`)), entropy)
  }
})

test('words are taken as people keep them: numbered, grouped, shortened, pasted from anywhere', () => {
  const entropy = value(wordsToEntropy(WORDS))
  const written = (form: (word: string, at: number) => string, between = ' '): string =>
    WORDS.split(' ').map(form).join(between)
  for (const text of [
    written((word, at) => `${at + 1}. ${word}`),
    written((word, at) => `${at + 1})${word}`, '\r\n'),
    written((word) => word, ', '),
    written((word) => word, ' - '),
    written((word, at) => (at % 4 === 3 ? `${word}\n\n` : `${word}\u3000`), ''),
    written((word) => word.slice(0, 4)),
    written((word) => word.slice(0, 5).toUpperCase()),
    written((word) => `\u200b${word}\ufeff`),
    written((word) => word, '\u200b'),
    written((word) => `${word.slice(0, 2)}\u00ad${word.slice(2)}`),
    written((word) => String.fromCharCode(...[...word].map((char) => char.charCodeAt(0) + 0xfee0))),
    `"${WORDS}".`,
  ])
    assert.deepEqual(value(wordsToEntropy(text)), entropy, JSON.stringify(text))
})

test('the first four letters of any word of the list stand for it, fewer do not', () => {
  for (const word of wordlist) {
    const refused = wordsToEntropy(word.slice(0, 4))
    assert.equal(codeOf(refused), 'mnemonic-length', word)
  }
  assert.equal(codeOf(wordsToEntropy('aba')), 'mnemonic-word')
  assert.equal(codeOf(wordsToEntropy('abandons')), 'mnemonic-word')
})

test('words of another list are refused with a sentence that says which list is read', () => {
  for (const [words, first] of [
    ['あいこくしん あいさつ あいだ', 'あいこくしん'],
    ['ábaco abdomen abeja', 'ábaco'],
    ['abaisser abandon abdiquer', 'abaisser'],
  ]) {
    const refused = wordsToEntropy(words)
    assert.ok(!refused.ok, words)
    assert.equal(refused.code, 'mnemonic-word')
    assert.match(refused.detail, new RegExp(`"${first}", is not in the English list`))
  }
})

test('a mistyped word is named, with what it may have been', () => {
  const typed = WORDS.replace('about', 'abuot')
  const refused = wordsToEntropy(typed)
  assert.ok(!refused.ok, 'accepted')
  assert.equal(refused.code, 'mnemonic-word')
  assert.match(refused.detail, /Word 12, "abuot"/)
  assert.match(refused.detail, /"about"/)
})

test('every word with one letter changed is named, and the word itself is offered', () => {
  const slip = fc.record({
    word: fc.constantFrom(...wordlist.filter((word) => word.length >= 6)),
    at: fc.integer({ min: 0, max: 5 }),
  })
  fc.assert(
    fc.property(slip, ({ word, at }) => {
      const typo = `${word.slice(0, at)}${word[at] === 'x' ? 'z' : 'x'}${word.slice(at + 1)}`
      fc.pre(!wordlist.some((other) => other.startsWith(typo)))
      const refused = wordsToEntropy(WORDS.replace('about', typo))
      assert.ok(!refused.ok, 'accepted')
      assert.match(refused.detail, new RegExp(`"${word}"`))
    }),
    { numRuns: 30 },
  )
})

test('too few words, and words in another order, are told apart', () => {
  assert.equal(codeOf(wordsToEntropy('abandon about')), 'mnemonic-length')
  assert.equal(codeOf(wordsToEntropy('')), 'mnemonic-length')
  assert.equal(codeOf(wordsToEntropy(WORDS.replace('about', 'abandon'))), 'mnemonic-checksum')
})

test("no network has Bitcoin's coin type, and networks differ", () => {
  assert.equal(coinType(REGTEST, new Uint8Array(32)), 1)
  const genesis = fc.uint8Array({ minLength: 32, maxLength: 32 })
  fc.assert(
    fc.property(genesis, genesis, (a, b) => {
      const type = coinType(PUBLIC, a)
      assert.ok(type > 1 && type < HARDENED, 'out of range')
      if (bytesToHex(a) !== bytesToHex(b)) assert.notEqual(type, coinType(PUBLIC, b))
    }),
  )
})
