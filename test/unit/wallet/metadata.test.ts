/**
 * Promise: what a wallet exports beside its seed it imports whole; of a damaged or foreign text it takes what can be read, and says what it left
 * out. Labels are for addresses alone, and none makes an address anything else.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { REGTEST } from '../../../src/consensus/params.ts'
import { encodeAddress } from '../../../src/script/address.ts'
import { MAX_ISSUED } from '../../../src/wallet/address-book.ts'
import {
  decodeMetadata,
  encodeLabels,
  encodeMetadata,
  MAX_LABEL_CHARACTERS,
} from '../../../src/wallet/metadata.ts'
import { codeOf, value } from '../../support/wallets.ts'

const PREFIX = REGTEST.addressPrefix
const [ana, ben] = [1, 2].map((byte) => encodeAddress(new Uint8Array(32).fill(byte), PREFIX))

const read = (text: string) => value(decodeMetadata(text, PREFIX))

test('any count that is exported can be imported', () => {
  for (const index of [0, 10_000, 10_001, MAX_ISSUED, MAX_ISSUED + 19]) {
    const labels = new Map<string, string>()
    const { next, warnings } = read(encodeMetadata({ next: [index, index], mining: undefined, labels }))
    const expected = Math.min(index, MAX_ISSUED)
    assert.deepEqual([next, warnings], [[expected, expected], []])
  }
})

test('a part that is damaged costs only itself, and is told', () => {
  const whole = { version: 1, next: [3, 2], mining: 1, labels: [[ana, 'Ana']] }
  const text = (change: object): string => JSON.stringify({ ...whole, ...change })
  for (const next of [null, 'x', [1], [-1, 0], [1.5, 0], [MAX_ISSUED + 1, 0]]) {
    const { labels, next: counted, warnings } = read(text({ next }))
    assert.deepEqual([counted, labels.get(ana), warnings.length], [[0, 0], 'Ana', 1], JSON.stringify(next))
    assert.match(warnings[0], /count of addresses/)
  }
  for (const labels of [null, 5, { [ana]: 'Ana' }]) {
    const { next, labels: taken, warnings } = read(text({ labels }))
    assert.deepEqual([next, taken.size, warnings], [[3, 2], 0, ['The labels could not be read.']])
  }
  for (const mining of ['x', -1, 0.5]) assert.equal(read(text({ mining })).mining, undefined)
  for (const lost of ['', 'x', '[]', '{}', '{"version":1}', text({ version: 2 })])
    if (lost !== '') assert.equal(codeOf(decodeMetadata(lost, PREFIX)), 'metadata-invalid', lost)
})

test('only addresses of this network are labelled, each in the form that the wallet writes', () => {
  const other = encodeAddress(new Uint8Array(32), 'bc')
  const rows = [[ana.toUpperCase(), 'Ana'], ['nonsense', 'x'], [other, 'y'], [ben], 7, [ben, 'Ben']]
  const { labels, warnings } = read(JSON.stringify({ version: 1, next: [0, 0], labels: rows }))
  assert.deepEqual(
    [...labels],
    [
      [ana, 'Ana'],
      [ben, 'Ben'],
    ],
  )
  assert.deepEqual(warnings, ['4 labels were left out: "nonsense" is no address of this network.'])
})

test('labels go to other wallets and come from them as BIP329 has them', () => {
  const labels = new Map([
    [ana, 'Ana, "the first"'],
    [ben, 'Bén\n2'],
  ])
  const lines = encodeLabels(labels)
  assert.deepEqual(
    lines
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line)),
    [...labels].map(([ref, label]) => ({ type: 'addr', ref, label })),
  )
  assert.deepEqual(read(lines), { next: [0, 0], mining: null, labels, warnings: [] })
  assert.deepEqual(read('').warnings, [])
  // Of others' words none turns the direction of what stands behind it.
  const turned = encodeLabels(new Map([[ana, '\u202eanA\u2066']]))
  assert.deepEqual(read(turned).labels, new Map([[ana, 'anA']]))

  // The BIP's own kinds, and what wallets leave out or add.
  const foreign = [
    {
      type: 'tx',
      ref: 'f91d0a8a78462bc59398f2c5d7a84fcff491c26ba54c4833478b202796c8aafd',
      label: 'Transaction',
    },
    { type: 'addr', ref: ana, label: 'Address', keypath: '/0/5' },
    { type: 'addr', ref: ben },
    { type: 'addr', ref: 'bc1q34aq5drpuwy3wgl9lhup9892qp6svr8ldzyy7c', label: 'Address' },
    { type: 'output', ref: 'f91d:1', label: 'Output', spendable: false },
  ]
    .map((row) => JSON.stringify(row))
    .join('\r\n')
  const taken = read(foreign)
  assert.deepEqual([...taken.labels], [[ana, 'Address']])
  assert.equal(taken.warnings.length, 2)
  assert.match(taken.warnings[0], /^1 label was left out: "bc1q34/)
  assert.match(taken.warnings[1], /^2 labels were left out: this wallet keeps labels of addresses only/)
})

test('a label that is too long is shortened, and told', () => {
  const { labels, warnings } = read(encodeLabels(new Map([[ana, 'x'.repeat(MAX_LABEL_CHARACTERS + 1)]])))
  assert.equal(labels.get(ana)?.length, MAX_LABEL_CHARACTERS)
  assert.deepEqual(warnings, [`1 label was shortened to ${MAX_LABEL_CHARACTERS} characters.`])
})
