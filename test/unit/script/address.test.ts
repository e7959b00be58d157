/** Promises: addresses are BIP350's, for every prefix; a mistyped one is refused with a sentence that helps. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bech32, bech32m } from '@scure/base'
import fc from 'fast-check'
import { hexToBytes } from '../../../src/primitives/bytes.ts'
import {
  addressOf,
  decodeAddress,
  decodeSegwitAddress,
  encodeAddress,
  encodeSegwitAddress,
} from '../../../src/script/address.ts'
import { p2trScript } from '../../../src/script/taproot.ts'

const outputKeys = fc.uint8Array({ minLength: 32, maxLength: 32 })
const prefixes = fc.stringMatching(/^[a-z]{1,16}$/)

test('decoding is the inverse of encoding for every key and prefix', () => {
  fc.assert(
    fc.property(outputKeys, prefixes, (key, prefix) => {
      const address = encodeAddress(key, prefix)
      assert.equal(addressOf(p2trScript(key), prefix), address)
      for (const text of [address, address.toUpperCase()])
        assert.deepEqual(decodeAddress(text, prefix), { ok: true, value: p2trScript(key) })
    }),
  )
})

test('one wrong character is located, and the address suggested', () => {
  fc.assert(
    fc.property(
      outputKeys,
      fc.constantFrom('tab', 'tabrt'),
      fc.nat(),
      fc.constantFrom(...'qpzry9x8gf2tvdw0s3jn54khce6mua7l', ...'1bio', '-', 'é'),
      fc.boolean(),
      (key, prefix, draw, character, capitals) => {
        const address = encodeAddress(key, prefix)
        const at = draw % address.length
        fc.pre(address[at] !== character && character.toUpperCase().length === 1)
        const wrong = address.slice(0, at) + character + address.slice(at + 1)
        const decoded = decodeAddress(capitals ? wrong.toUpperCase() : wrong, prefix)
        assert(!decoded.ok)
        // A wrong separator leaves nothing to go by.
        if (at === prefix.length) return
        assert.deepEqual(decoded.errorLocations, [at])
        assert.equal(decoded.suggestion, address)
        assert(decoded.detail.includes(`Compare character ${at + 1} with the original: was it "${address}"?`))
      },
    ),
  )
})

test('two swapped neighbours are located', () => {
  fc.assert(
    fc.property(outputKeys, fc.integer({ min: 3, max: 61 }), (key, at) => {
      const address = encodeAddress(key, 'tab')
      fc.pre(address[at] !== address[at + 1])
      const swapped = `${address.slice(0, at)}${address[at + 1]}${address[at]}${address.slice(at + 2)}`
      const decoded = decodeAddress(swapped, 'tab')
      assert(!decoded.ok)
      assert.deepEqual(decoded.errorLocations, [at, at + 1])
      assert(decoded.detail.includes(`Compare character ${at + 1}, ${at + 2} with`))
      assert.equal(decoded.suggestion, address)
    }),
  )
})

test('where an address mixes lower case and capitals, the capitals are pointed at', () => {
  const address = encodeAddress(new Uint8Array(32).fill(7), 'tab')
  const decoded = decodeAddress(address.slice(0, 20) + address.slice(20).toUpperCase(), 'tab')
  assert(!decoded.ok)
  const letters = [...address].flatMap((character, at) => (at >= 20 && /[a-z]/.test(character) ? [at] : []))
  assert.deepEqual(decoded.errorLocations, letters)
})

test('the lengths of an address are those of BIP173 and BIP350', () => {
  const program = new Uint8Array(32).fill(7)
  const longest = 'a'.repeat(30)
  assert.equal(
    codeOf(decodeSegwitAddress(encodeSegwitAddress({ prefix: longest, version: 1, program }))),
    'ok',
  )
  const tooLong = bech32m.encode(`${longest}a`, [1, ...bech32m.toWords(program)], false)
  assert.equal(codeOf(decodeSegwitAddress(tooLong)), 'address-format')
  // A version alone is an address by its form.
  assert.equal(codeOf(decodeSegwitAddress(bech32m.encode('tab', [1]))), 'address-length')
  assert.equal(codeOf(decodeSegwitAddress(bech32m.encode('tab', []))), 'address-format')
  assert.equal(codeOf(decodeSegwitAddress(`1${'q'.repeat(40)}`)), 'address-format')
  const stray = `é${encodeSegwitAddress({ prefix: 'tab', version: 1, program }).slice(1)}`
  assert.equal(codeOf(decodeSegwitAddress(stray)), 'address-character')
})

test('a program has 2 to 40 bytes, and in version 0 either 20 or 32', () => {
  for (const version of [0, 1, 2, 16])
    for (let length = 0; length <= 42; length++) {
      const program = new Uint8Array(length).fill(7)
      const fits = version === 0 ? length === 20 || length === 32 : length >= 2 && length <= 40
      const decoded = decodeSegwitAddress(encodeSegwitAddress({ prefix: 'tab', version, program }))
      if (fits) assert.deepEqual(decoded, { ok: true, value: { prefix: 'tab', version, program } })
      else assert.equal(codeOf(decoded), 'address-length', `version ${version}, ${length} bytes`)
    }
})

test('versions go from 0 to 16, each with its checksum, and programs fill whole bytes', () => {
  const words = bech32m.toWords(new Uint8Array(32))
  const code = (codec: typeof bech32m, version: number, data = words): string =>
    codeOf(decodeSegwitAddress(codec.encode('tab', [version, ...data])))
  for (let version = 0; version < 32; version++) {
    const [right, wrong] = version === 0 ? [bech32, bech32m] : [bech32m, bech32]
    assert.equal(code(right, version), version <= 16 ? 'ok' : 'address-version')
    assert.equal(code(wrong, version), version <= 16 ? 'address-encoding' : 'address-version')
  }
  // Eight characters hold five bytes, a ninth holds none.
  const whole = bech32m.toWords(new Uint8Array(35))
  assert.equal(code(bech32m, 1, whole), 'ok')
  assert.equal(code(bech32m, 1, [...whole, 0]), 'address-length')
})

test('what this network has no coins for is never suggested', () => {
  const future = encodeSegwitAddress({ prefix: 'tab', version: 2, program: new Uint8Array(32).fill(7) })
  const decoded = decodeAddress(
    `${future.slice(0, 20)}${future[20] === 'q' ? 'p' : 'q'}${future.slice(21)}`,
    'tab',
  )
  assert(!decoded.ok)
  assert.equal(decoded.suggestion, undefined)
})

test('an address of another length or of a network whose prefix begins like ours is never suggested', () => {
  const program = new Uint8Array(31).fill(7)
  const short = encodeSegwitAddress({ prefix: 'tab', version: 1, program })
  const mistyped = decodeAddress(`${short.slice(0, -1)}${short.endsWith('q') ? 'p' : 'q'}`, 'tab')
  assert.equal(codeOf(mistyped), 'address-checksum')
  assert(!mistyped.ok && mistyped.suggestion === undefined)
  // As long as ours.
  const foreign = encodeSegwitAddress({ prefix: 'tabqq', version: 1, program })
  assert.equal(foreign.length, encodeAddress(new Uint8Array(32), 'tab').length)
  const decoded = decodeAddress(foreign, 'tab')
  assert.equal(codeOf(decoded), 'address-prefix')
  assert(!decoded.ok && decoded.suggestion === undefined)
})

test('a garbled address gets no suggestion', () => {
  const address = encodeAddress(new Uint8Array(32).fill(7), 'tab')
  const garbled = `${address.slice(0, 10)}qqqqqqqq${address.slice(18)}`
  const decoded = decodeAddress(garbled, 'tab')
  assert(!decoded.ok)
  assert.equal(decoded.code, 'address-checksum')
  assert.equal(decoded.suggestion, undefined)
})

test('refusals name what is wrong', () => {
  const key = new Uint8Array(32).fill(7)
  const address = encodeAddress(key, 'tab')
  const cases: [text: string, code: string, words: string][] = [
    [encodeAddress(key, 'bc'), 'address-prefix', '"bc1"'],
    ['1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa', 'address-prefix', '"tab1"'],
    ['', 'address-prefix', '"tab1"'],
    [address.slice(0, -1), 'address-checksum', 'checksum'],
    ['tab1', 'address-format', 'copied whole'],
    [`${address} `, 'address-character', 'Character 64, " "'],
    [`${address.slice(0, -1)}B`, 'address-character', '"B"'],
    [address.slice(0, 20) + address.slice(20).toUpperCase(), 'address-mixed-case', address],
    [encodeSegwitAddress({ prefix: 'tab', version: 0, program: key }), 'address-version', 'version 0'],
    [encodeSegwitAddress({ prefix: 'tab', version: 2, program: key }), 'address-version', 'version 2'],
    [
      encodeSegwitAddress({ prefix: 'tab', version: 1, program: key.subarray(1) }),
      'address-length',
      '31 bytes',
    ],
  ]
  for (const [text, code, words] of cases) {
    const decoded = decodeAddress(text, 'tab')
    assert(!decoded.ok)
    assert.equal(decoded.code, code, text)
    assert(decoded.detail.includes(words), decoded.detail)
  }
})

test('letters beyond ASCII never stand for those they resemble', () => {
  const address = encodeAddress(Uint8Array.of(...hexToBytes('b6'.repeat(32))), 'tab').toUpperCase()
  assert(address.includes('K'))
  assert.equal(codeOf(decodeAddress(address.replace('K', '\u212a'), 'tab')), 'address-character')
})

test('any text is refused with a sentence, however long', () => {
  const long = `tab1${'q'.repeat(1_000_000)}`
  assert.equal(codeOf(decodeAddress(long, 'tab')), 'address-format')
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.boolean(), (text, prefixed) => {
      const decoded = decodeAddress(prefixed ? `tab1${text}` : text, 'tab')
      assert(!decoded.ok)
      assert.match(decoded.detail, /[.?]$/)
    }),
  )
})

function codeOf(result: { ok: true } | { ok: false; code: string }): string {
  return result.ok ? 'ok' : result.code
}
