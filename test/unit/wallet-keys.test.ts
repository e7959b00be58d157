/** Promise: words and keys are those of BIP39, BIP32 and BIP86, and a mistyped word is named. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { HDKey } from '@scure/bip32'
import { mnemonicToSeedSync } from '@scure/bip39'
import { wordlist } from '@scure/bip39/wordlists/english.js'
import fc from 'fast-check'
import { PUBLIC, REGTEST } from '../../src/consensus/params.ts'
import { bytesToHex, hexToBytes } from '../../src/primitives/bytes.ts'
import { encodeAddress } from '../../src/script/address.ts'
import { coinType } from '../../src/wallet/coin-type.ts'
import { accountDescriptor, HARDENED } from '../../src/wallet/descriptor.ts'
import {
  createEntropy,
  deriveAccount,
  entropyToWords,
  masterKey,
  wordsToEntropy,
} from '../../src/wallet/keys.ts'
import { vectors, vectorTest } from '../support/vectors.ts'
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

interface Bip86Vectors {
  readonly mnemonic: string
  readonly rootpriv: string
  readonly keys: readonly {
    readonly path: string
    readonly xpub: string
    readonly internal_key?: string
    readonly output_key?: string
    readonly address?: string
  }[]
}

vectorTest(
  'BIP86',
  vectors<Bip86Vectors>('bip86/bip86_vectors.json'),
  ({ mnemonic, rootpriv, keys }, context) => {
    const entropy = value(wordsToEntropy(mnemonic))
    assert.equal(masterKey(entropy).privateExtendedKey, rootpriv)
    const { descriptor, key } = deriveAccount(entropy, 0)
    for (const { path, xpub, internal_key, output_key, address } of keys) {
      const [branch, index] = path.split('/').slice(4).map(Number)
      if (branch === undefined) {
        assert.equal(key.publicExtendedKey, xpub)
        continue
      }
      const derived = descriptor.derive(branch, index)
      assert.equal(bytesToHex(derived.internalKey), internal_key)
      assert.equal(bytesToHex(derived.outputKey), output_key)
      assert.equal(encodeAddress(derived.outputKey, 'bc'), address)
    }
    context.diagnostic(`${keys.length} keys`)
  },
)

vectorTest('BIP39', vectors<string[][]>('bip39/trezor_english.json'), (rows, context) => {
  for (const [entropy, words, seed, xprv] of rows) {
    assert.equal(entropyToWords(hexToBytes(entropy)), words)
    assert.equal(bytesToHex(value(wordsToEntropy(words))), entropy)
    // The vectors carry BIP39's optional passphrase, which this wallet never uses.
    const derived = mnemonicToSeedSync(words, 'TREZOR')
    assert.equal(bytesToHex(derived), seed)
    assert.equal(HDKey.fromMasterSeed(derived).privateExtendedKey, xprv)
  }
  context.diagnostic(`${rows.length} cases`)
})

interface Bip32Vectors {
  readonly valid: readonly {
    readonly seed: string
    readonly chains: readonly { readonly path: string; readonly xpub: string }[]
  }[]
  readonly invalid_extended_keys: readonly { readonly key: string; readonly reason: string }[]
}

vectorTest(
  'BIP32',
  vectors<Bip32Vectors>('bip32/bip32_vectors.json'),
  ({ valid, invalid_extended_keys }, context) => {
    let ran = 0
    for (const { seed, chains } of valid) {
      const master = HDKey.fromMasterSeed(hexToBytes(seed))
      for (const { path, xpub } of chains) {
        assert.equal(master.derive(path).publicExtendedKey, xpub)
        ran++
      }
    }
    const origin = { fingerprint: 0, path: [] }
    for (const { key, reason } of invalid_extended_keys)
      assert.throws(() => accountDescriptor(key, origin), Error, reason)
    context.diagnostic(`${ran} keys derived, ${invalid_extended_keys.length} refused`)
  },
)
