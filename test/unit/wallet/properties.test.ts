/** Promise: what the wallet writes, for people, for other wallets and for its own store, is read back as it was meant. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { HDKey } from '@scure/bip32'
import fc from 'fast-check'
import { REGTEST } from '../../../src/consensus/params.ts'
import { sats } from '../../../src/primitives/amount.ts'
import { bytesToHex } from '../../../src/primitives/bytes.ts'
import { OK } from '../../../src/primitives/result.ts'
import { encodeAddress } from '../../../src/script/address.ts'
import { readBackup, writeBackup } from '../../../src/signer/backup.ts'
import { decodeSecret, encodeSecret } from '../../../src/signer/key-record.ts'
import { accountDescriptor, HARDENED, parseDescriptor } from '../../../src/wallet/descriptor.ts'
import { decodeMetadata, encodeLabels, encodeMetadata } from '../../../src/wallet/metadata.ts'
import { Psbt } from '../../../src/wallet/psbt.ts'
import { formatPaymentLink, parsePaymentLink } from '../../../src/wallet/uri.ts'
import { decodeLabels, decodeWallet, encodeWallet, labelRecord } from '../../../src/wallet/wallet-records.ts'
import { damage, damaged } from '../../support/damage.ts'
import { anyTransactionFields } from '../../support/transactions.ts'

const u32 = fc.integer({ min: 0, max: 0xffffffff })
const bytes32 = fc.uint8Array({ minLength: 32, maxLength: 32 })
const label = fc.string({ maxLength: 50, unit: 'grapheme' })

test('descriptors: what is written means the same keys when it is read again', () => {
  const account = fc.record({
    seed: fc.uint8Array({ minLength: 16, maxLength: 64 }),
    fingerprint: u32,
    path: fc.array(u32, { maxLength: 4 }),
    index: fc.integer({ min: 0, max: HARDENED - 1 }),
  })
  fc.assert(
    fc.property(account, fc.nat(), ({ seed, fingerprint, path, index }, at) => {
      const { publicExtendedKey } = HDKey.fromMasterSeed(seed)
      const written = accountDescriptor(publicExtendedKey, { fingerprint, path })
      const read = parseDescriptor(written.text)
      assert.ok(read.ok)
      assert.equal(read.value.text, written.text)
      assert.deepEqual(read.value.derive(1, index), written.derive(1, index))
      assert.deepEqual(written.derive(1, index).origin, { fingerprint, path: [...path, 1, index] })
      // The checksum finds any one wrong character.
      const position = at % written.text.length
      const wrong = written.text[position] === 'x' ? 'y' : 'x'
      const other = written.text.slice(0, position) + wrong + written.text.slice(position + 1)
      assert.equal(parseDescriptor(other).ok, false, other)
    }),
    { numRuns: 10 },
  )
})

test('payment links: whatever text is read says the same when it is written again', () => {
  const part = fc.constantFrom(
    'amount=10',
    'amount=',
    'label',
    'message',
    '=',
    '&',
    '?',
    '1.5',
    '10',
    '%20',
    '%',
    'a',
    'opentab:',
    '#',
  )
  fc.assert(
    fc.property(fc.array(part, { maxLength: 12 }), (parts) => {
      const parsed = parsePaymentLink(`opentab:tab1x?${parts.join('')}`, () => OK)
      if (!parsed.ok) return
      const again = parsePaymentLink(formatPaymentLink(parsed.value), () => OK)
      assert.deepEqual(again, parsed)
    }),
    { numRuns: 1000 },
  )
})

const next = fc.tuple(fc.nat({ max: 10_000 }), fc.nat({ max: 10_000 }))

test("the wallet's records and what a backup adds to its words are read back whole", () => {
  const address = bytes32.map((key) => encodeAddress(key, REGTEST.addressPrefix))
  const entries = fc.array(fc.tuple(address, label), { maxLength: 5 })
  const mining = fc.option(fc.nat({ max: 10 }), { nil: undefined })
  const hash = bytes32.map(bytesToHex)
  fc.assert(
    fc.property(
      next,
      mining,
      entries,
      fc.tuple(hash, hash, fc.nat()),
      (next, mining, rows, [network, tipHash, height]) => {
        const labels = new Map(rows)
        assert.deepEqual(decodeMetadata(encodeMetadata({ next, mining, labels }), REGTEST.addressPrefix), {
          ok: true,
          value: { next, mining: mining ?? null, labels, warnings: [] },
        })
        const lines = decodeMetadata(encodeLabels(labels), REGTEST.addressPrefix)
        assert.deepEqual(lines.ok && lines.value.labels, new Map(rows.filter(([, text]) => text !== '')))
        const records = new Map([...labels].flatMap(([address, text]) => [...labelRecord(address, text)]))
        assert.deepEqual(decodeLabels(records as Map<string, string>), labels)
        const account = { descriptor: 'tr(…)', fingerprint: 7, path: [1], birthday: height }
        const tip = { hash: tipHash, height }
        const stored = { network, account, next, tip, locator: [tipHash] } as never
        assert.deepEqual(decodeWallet(encodeWallet(stored) as Map<string, string>), stored)
      },
    ),
  )
})

test('backups: opened with their passphrase they say what they said; a damaged one is refused or says the same', () => {
  const network = { id: '00'.repeat(32), name: 'regtest' }
  const content = fc.record(
    { words: label, mnemonicPassphrase: fc.string({ minLength: 1 }), birthday: u32, metadata: label },
    { noNullPrototype: true, requiredKeys: ['words', 'birthday', 'metadata'] },
  )
  const random = { bytes: (length: number) => new Uint8Array(length).fill(length) }
  fc.assert(
    fc.property(
      content,
      label,
      fc.nat(),
      fc.constantFrom('0', 'f', '"', ' ', '}'),
      (content, passphrase, at, wrong) => {
        const text = writeBackup(content, network, 1_800_000_000, passphrase, random, 1)
        assert.deepEqual(readBackup(text, network, passphrase), { ok: true, value: content })
        const position = at % text.length
        const other = readBackup(
          text.slice(0, position) + wrong + text.slice(position + 1),
          network,
          passphrase,
        )
        if (other.ok) assert.deepEqual(other.value, content)
        assert.equal(readBackup(text, network, `${passphrase}.`).ok, false)
      },
    ),
  )
})

test('PSBTs: whatever is read is written in one form, which is read back the same', () => {
  fc.assert(
    fc.property(anyTransactionFields, damage, (fields, harm) => {
      const key = { internalKey: new Uint8Array(32).fill(2), origin: { fingerprint: 7, path: [HARDENED, 1] } }
      const spent = { value: sats(1_000), scriptPubKey: Uint8Array.of(0x51, 32, ...key.internalKey) }
      const psbt = Psbt.of({
        inputs: fields.inputs.map(({ sequence }, index) => {
          return { prevout: { txid: new Uint8Array(32).fill(1), index }, sequence, spent, key }
        }),
        outputs: fields.outputs.map((_, i) => ({ ...spent, value: sats(i), key: undefined })),
        lockTime: fields.lockTime,
      })
      const read = Psbt.parse(psbt.bytes)
      assert.ok(read.ok, read.ok ? '' : read.detail)
      assert.deepEqual([read.value.inputs, read.value.outputs], [psbt.inputs, psbt.outputs])
      assert.deepEqual(read.value.bytes, psbt.bytes)
      const other = Psbt.parse(damaged(psbt.bytes, harm))
      if (!other.ok) return
      const again = Psbt.parse(other.value.bytes)
      assert.ok(again.ok)
      assert.deepEqual(again.value.bytes, other.value.bytes)
    }),
    { numRuns: 50 },
  )
})

test('key records: a secret is read back whole, and one without a BIP39 passphrase lies as it always has', () => {
  const entropy = fc
    .constantFrom(16, 20, 24, 28, 32)
    .chain((n) => fc.uint8Array({ minLength: n, maxLength: n }))
  fc.assert(
    fc.property(entropy, fc.string({ unit: 'grapheme' }), (entropy, mnemonicPassphrase) => {
      const { version, bytes } = encodeSecret({ entropy, mnemonicPassphrase })
      assert.deepEqual(decodeSecret(version, bytes), { entropy, mnemonicPassphrase })
      if (mnemonicPassphrase === '') assert.deepEqual({ version, bytes }, { version: 1, bytes: entropy })
    }),
  )
})
