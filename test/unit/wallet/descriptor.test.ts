/**
 * Promise: a descriptor means the same keys here as in every other wallet, and one that can't be followed is
 * refused with a reason.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { descriptorChecksum, HARDENED, parseDescriptor } from '../../../src/wallet/descriptor.ts'
import { codeOf, value } from '../../support/wallets.ts'

const XPUB =
  'xpub6BgBgsespWvERF3LHQu6CnqdvfEvtMcQjYrcRzx53QJjSxarj2afYWcLteoGVky7D3UKDP9QyrLprQ3VCECoY49yfdDEHGCtMMj92pReUsQ'
const ACCOUNT = `tr([73c5da0a/86h/0h/0h]${XPUB}/<0;1>/*)`

test("the checksum is that of BIP380's example", () => {
  assert.equal(descriptorChecksum('raw(deadbeef)'), '89f8spxm')
})

test('a descriptor is written as it was read, and names the origin of its keys', () => {
  const descriptor = value(parseDescriptor(ACCOUNT))
  assert.equal(descriptor.text, `${ACCOUNT}#${descriptorChecksum(ACCOUNT)}`)
  assert.equal(value(parseDescriptor(descriptor.text)).text, descriptor.text)
  assert.equal(descriptor.branches, 2)
  assert.deepEqual(descriptor.derive(1, 5).origin, {
    fingerprint: 0x73c5da0a,
    path: [HARDENED + 86, HARDENED, HARDENED, 1, 5],
  })
})

test('<0;1> stands for both of the descriptors that spell a branch out (BIP389)', () => {
  const both = value(parseDescriptor(ACCOUNT))
  for (const branch of [0, 1]) {
    const one = value(parseDescriptor(ACCOUNT.replace('<0;1>', String(branch))))
    assert.deepEqual(both.derive(branch, 3), one.derive(0, 3))
  }
})

test('what this wallet can not follow is refused', () => {
  const checksum = value(parseDescriptor(ACCOUNT)).text.slice(-8)
  const refused = [
    ACCOUNT.replace('tr(', 'wpkh('),
    ACCOUNT.replace('/*)', '/*h)'),
    ACCOUNT.replace('<0;1>', '<0;0>'),
    ACCOUNT.replace('<0;1>', '<0;00>'),
    ACCOUNT.replace('<0;1>', '<01;1>'),
    ACCOUNT.replace('<0;1>', '<0>'),
    ACCOUNT.replace('<0;1>', '2147483648'),
    ACCOUNT.replace('86h', '86x'),
    ACCOUNT.replace('86h', '86H'),
    ACCOUNT.replace('73c5da0a', '73c5da0'),
    ACCOUNT.replace(XPUB, `${XPUB.slice(0, -1)}R`),
    `${ACCOUNT.slice(0, -1)},pk(${XPUB}))`,
    `${ACCOUNT}#${checksum.slice(0, -1)}${checksum.endsWith('q') ? 'p' : 'q'}`,
    `${ACCOUNT}#${checksum}#`,
    `tr(${'ff'.repeat(32)})`,
    ACCOUNT.replace('tr(', 'tr(é'),
    `tr(${'/0'.repeat(2000)})`,
    '',
  ]
  for (const text of refused)
    assert.equal(codeOf(parseDescriptor(text)), 'descriptor-invalid', text.slice(0, 150))
})

test('one wrong character is noticed by the checksum', () => {
  const { text } = value(parseDescriptor(ACCOUNT))
  const position = fc.integer({ min: 0, max: ACCOUNT.length - 1 })
  fc.assert(
    fc.property(position, fc.constantFrom(...'0123456789abcdefhxyzXYZ/*;<>[]()'), (at, char) => {
      fc.pre(text[at] !== char)
      const typo = text.slice(0, at) + char + text.slice(at + 1)
      assert.equal(codeOf(parseDescriptor(typo)), 'descriptor-invalid')
    }),
  )
})
