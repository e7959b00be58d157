/** Promise: a link carries any network that can be, and nothing else: one wrong character is refused, with a sentence that helps. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bech32m } from '@scure/base'
import fc from 'fast-check'
import { networkId } from '../../../src/consensus/genesis.ts'
import {
  checkParams,
  encodeParams,
  type NetworkParams,
  PARAM_BOUNDS,
  PUBLIC,
  REGTEST,
} from '../../../src/consensus/params.ts'
import { decodeNetworkLink, encodeNetworkLink, MAX_NETWORK_LINK } from '../../../src/node/network-link.ts'
import { sats } from '../../../src/primitives/amount.ts'
import { anyParams } from '../../support/params.ts'

const CLASS: NetworkParams = { ...REGTEST, name: 'class-7b', addressPrefix: 'class' }
const CHARACTERS = 'qpzry9x8gf2tvdw0s3jn54khce6mua7l'

const codeOf = (text: string): string => {
  const read = decodeNetworkLink(text)
  return read.ok ? 'ok' : read.code
}

test('any network comes back from its link, in either case, and so does its genesis block', () => {
  fc.assert(
    fc.property(
      anyParams.filter((params) => checkParams(params).ok),
      (params) => {
        const text = encodeNetworkLink(params)
        assert.ok(text.length <= MAX_NETWORK_LINK)
        for (const read of [decodeNetworkLink(text), decodeNetworkLink(text.toUpperCase())])
          assert.deepEqual(read, { ok: true, value: params })
        const read = decodeNetworkLink(text)
        assert.equal(read.ok && networkId(read.value), networkId(params))
      },
    ),
  )
})

test('a name and a prefix of the greatest lengths have room', () => {
  const params = { ...REGTEST, name: 'x'.repeat(32), addressPrefix: 'x'.repeat(16) }
  assert.deepEqual(decodeNetworkLink(encodeNetworkLink(params)), { ok: true, value: params })
})

test('every one-character damage is refused: another character, one too few, one too many, two that changed places', () => {
  const text = encodeNetworkLink(CLASS)
  for (let at = 0; at < text.length; at++) {
    const [before, after] = [text.slice(0, at), text.slice(at + 1)]
    assert.notEqual(codeOf(before + after), 'ok', `without character ${at}`)
    for (const other of `${CHARACTERS}1bio -_%`) {
      if (other !== text[at]) assert.notEqual(codeOf(before + other + after), 'ok', `${other} at ${at}`)
      assert.notEqual(codeOf(before + other + text[at] + after), 'ok', `${other} before ${at}`)
    }
    if (at > 0 && text[at] !== text[at - 1])
      assert.notEqual(
        codeOf(text.slice(0, at - 1) + text[at] + text[at - 1] + after),
        'ok',
        `swapped at ${at}`,
      )
  }
})

test('damage of two to four characters is refused, wherever it is', () => {
  fc.assert(
    fc.property(
      anyParams.filter((params) => checkParams(params).ok),
      fc.uniqueArray(fc.tuple(fc.nat(), fc.integer({ min: 1, max: 31 })), { minLength: 2, maxLength: 4 }),
      (params, changes) => {
        const characters = [...encodeNetworkLink(params)]
        const original = characters.join('')
        for (const [where, by] of changes) {
          const at = 4 + (where % (characters.length - 4))
          characters[at] = CHARACTERS[(CHARACTERS.indexOf(characters[at]!) + by) % 32]!
        }
        const damaged = characters.join('')
        if (damaged !== original) assert.notEqual(codeOf(damaged), 'ok')
      },
    ),
    { numRuns: 1000 },
  )
})

test('what is no link says what is wrong in a sentence', () => {
  const text = encodeNetworkLink(CLASS)
  const bytesOf = (bytes: Uint8Array): string => bech32m.encode('net', bech32m.toWords(bytes), false)
  const cases: readonly (readonly [text: string, code: string, sentence: RegExp])[] = [
    ['', 'network-link-format', /begins with “net1”/],
    ['opentab', 'network-link-format', /begins with “net1”/],
    [text.replace(/[a-z](?=[^a-z]*$)/, (last) => last.toUpperCase()), 'network-link-format', /in one case/],
    // The sign for kelvin is k in lower case.
    [text.replace(/k/, '\u212a'), 'network-link-format', /in one case/],
    [`${text.slice(0, 20)}\u0430${text.slice(21)}`, 'network-link-format', /no “\u0430”/],
    [text.slice(0, -1), 'network-link-checksum', /missing or was mistyped/],
    [`${text}${text}`, 'network-link-length', /at most 215 characters, this one has/],
    ['net1'.padEnd(1_000_000, 'q'), 'network-link-length', /this one has 1000000/],
    [bytesOf(new Uint8Array(10)), 'params-decode-failed', /newer page/],
    [bytesOf(encodeParams(CLASS).slice(0, -1)), 'params-decode-failed', /newer page/],
    [bytesOf(encodeParams({ ...CLASS, rulesVersion: 4 })), 'params-rules-version', /newer page/],
  ]
  for (const [given, code, sentence] of cases) {
    const read = decodeNetworkLink(given)
    assert.ok(!read.ok, given.slice(0, 50))
    assert.equal(read.code, code, given.slice(0, 50))
    assert.match(read.detail, sentence)
    assert.match(read.detail, /^\p{Lu}.*\.$/u)
  }
})

test('a right checksum lets nothing through that may not be: every field stays bounded', () => {
  const link = (change: Partial<NetworkParams>): string => codeOf(encodeNetworkLink({ ...CLASS, ...change }))
  assert.equal(link({}), 'ok')
  for (const [field, [least, greatest]] of Object.entries(PARAM_BOUNDS)) {
    if (field === 'initialSubsidy') continue
    for (const value of [least - 1, greatest + 1])
      if (value >= 0 && value <= 0xffffffff)
        assert.equal(link({ [field]: value }), 'params-out-of-range', `${field} ${value}`)
  }
  assert.equal(link({ initialSubsidy: sats(2_100_000_000_000_001) }), 'params-out-of-range')
  for (const name of [
    '',
    'UPPER',
    '<b>',
    'opentab',
    'OPENTAB',
    '0pen-t4b',
    'open7ab',
    'regtest',
    'rnainnet',
    'bitc0in',
  ])
    assert.equal(link({ name }), 'params-name', name)
  for (const addressPrefix of ['tab', 'tabs', 'tabrt', 'bc', 'tb', 'bcrt', 'T', ''])
    assert.equal(link({ addressPrefix }), 'params-address-prefix', addressPrefix)
  // The public network’s name with other rules; its very rules are the public network.
  assert.equal(codeOf(encodeNetworkLink({ ...PUBLIC, targetSpacing: 31 })), 'params-name')
  assert.equal(codeOf(encodeNetworkLink(PUBLIC)), 'ok')
})
