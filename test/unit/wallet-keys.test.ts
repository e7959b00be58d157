/** Promise: words and keys are those of BIP39, BIP32 and BIP86, and a mistyped word is named. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { wordlist } from '@scure/bip39/wordlists/english.js'
import fc from 'fast-check'
import { PUBLIC, REGTEST } from '../../src/consensus/params.ts'
import { bytesToHex } from '../../src/primitives/bytes.ts'
import { createEntropy, entropyToWords, wordsToEntropy } from '../../src/signer/keys.ts'
import { coinType } from '../../src/wallet/coin-type.ts'
import { HARDENED } from '../../src/wallet/descriptor.ts'
import { codeOf, seededRandom, value, WORDS } from '../support/wallets.ts'

test('fresh words are read back, however they are typed', () => {
  for (const count of [12, 24] as const) {
    const entropy = createEntropy(seededRandom('words'), count)
    const words = entropyToWords(entropy)
    assert.equal(words.split(' ').length, count)
    assert.deepEqual(value(wordsToEntropy(`\n ${words.toUpperCase().replaceAll(' ', '  ')}\t`)), entropy)
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
      const typo = `${word.slice(0, at)}#${word.slice(at + 1)}`
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
