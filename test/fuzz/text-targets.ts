/** What is fuzzed of the readers of text, which people paste, scan and drop, and of the wallet's files. */
import assert from 'node:assert/strict'
import { schnorr } from '@noble/curves/secp256k1.js'
import { networkId } from '../../src/consensus/genesis.ts'
import { REGTEST } from '../../src/consensus/params.ts'
import { formatCoins, parseCoins, sats } from '../../src/primitives/amount.ts'
import { bytesToHex } from '../../src/primitives/bytes.ts'
import { ok } from '../../src/primitives/result.ts'
import {
  addressOf,
  decodeAddress,
  decodeSegwitAddress,
  encodeSegwitAddress,
} from '../../src/script/address.ts'
import { p2trScript } from '../../src/script/taproot.ts'
import { readBackup, writeBackup } from '../../src/signer/backup.ts'
import { parseDescriptor } from '../../src/wallet/descriptor.ts'
import { decodeMetadata, encodeLabels, encodeMetadata } from '../../src/wallet/metadata.ts'
import { Psbt } from '../../src/wallet/psbt.ts'
import { formatPaymentLink, parsePaymentLink } from '../../src/wallet/uri.ts'
import { value } from '../support/wallets.ts'
import type { Target } from './fuzzer.ts'

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text)
/** Text of any bytes: those that are no UTF-8 become U+FFFD. */
const textOf = (bytes: Uint8Array): string => new TextDecoder().decode(bytes)

const PREFIX = REGTEST.addressPrefix
const outputKey = new Uint8Array(32).fill(5)
const address = addressOf(p2trScript(outputKey), PREFIX) as string
const segwit = encodeSegwitAddress({ prefix: 'bc', version: 0, program: new Uint8Array(20) })
const internalKey = schnorr.getPublicKey(new Uint8Array(32).fill(1))
const XPUB =
  'xpub6BgBgsespWvERF3LHQu6CnqdvfEvtMcQjYrcRzx53QJjSxarj2afYWcLteoGVky7D3UKDP9QyrLprQ3VCECoY49yfdDEHGCtMMj92pReUsQ'
const descriptor = `tr([d34db33f/86h/1'/0]${XPUB}/<0;1>/*)`

const network = { id: networkId(REGTEST), name: REGTEST.name }
const backup = writeBackup(
  {
    words: 'abandon about',
    birthday: 1,
    metadata: encodeMetadata({ next: [1, 2], mining: undefined, labels: new Map() }),
  },
  network,
  1,
  'passphrase',
  { bytes: (length) => new Uint8Array(length) },
  1,
)

/** A payment of one input. */
const payment = (): Psbt =>
  Psbt.of({
    inputs: [
      {
        prevout: { txid: new Uint8Array(32).fill(3), index: 2 },
        sequence: 0xfffffffd,
        spent: { value: sats(70_000), scriptPubKey: p2trScript(outputKey) },
        key: { internalKey, origin: { fingerprint: 1, path: [0, 1] } },
      },
    ],
    outputs: [{ value: sats(40_000), scriptPubKey: p2trScript(outputKey), key: undefined }],
    lockTime: 7,
  })
const psbt = payment()
const signed = payment()
signed.addSignature(0, new Uint8Array(64).fill(1))

/** A coin that is spent by a leaf. */
const leafPsbt = payment()
leafPsbt.maps.inputs[0] = {
  ...leafPsbt.maps.inputs[0],
  tapLeafScript: [
    [{ version: 0xc0, internalKey, merklePath: [] }, Uint8Array.of(0x20, ...internalKey, 0xac, 0xc0)],
  ],
}
leafPsbt.addLeafSignature(
  0,
  internalKey,
  value(Psbt.parse(leafPsbt.bytes)).inputs[0].leaves[0].hash,
  new Uint8Array(65).fill(1),
)

/** Without the search for slips of the keyboard, which is fuzzed as `address`. */
const checkAddress = decodeSegwitAddress

export const TEXT_TARGETS: readonly Target[] = [
  {
    name: 'address',
    examples: [address, address.toUpperCase(), segwit].map(bytesOf),
    dictionary: [`${PREFIX}1`, 'bc1', '1', 'q', 'p', 'É'].map(bytesOf),
    maxLength: 120,
    // One slip of the keyboard is looked for among two thousand.
    share: 0.05,
    bound: () => 100_000,
    run(input) {
      const text = textOf(input)
      const segwitAddress = decodeSegwitAddress(text)
      if (segwitAddress.ok) assert.equal(encodeSegwitAddress(segwitAddress.value), text.toLowerCase())
      const decoded = decodeAddress(text, PREFIX)
      if (decoded.ok) assert.equal(addressOf(decoded.value, PREFIX), text.toLowerCase())
      else if (decoded.suggestion !== undefined) assert.ok(decodeAddress(decoded.suggestion, PREFIX).ok)
      return decoded.ok
    },
  },
  {
    name: 'payment-link',
    examples: [`opentab:${address}?amount=0.5&label=Ana&message=Lunch%20%26`, address].map(bytesOf),
    dictionary: ['opentab:', '?', '&', 'amount=', 'label=', 'req-x=', '%20', '%ff', '0.00000001', '//'].map(
      bytesOf,
    ),
    maxLength: 2_100,
    share: 0.5,
    bound: (input) => 2_000 + 40 * input.length,
    run(input) {
      const parsed = parsePaymentLink(textOf(input), checkAddress)
      if (!parsed.ok) return false
      const again = parsePaymentLink(formatPaymentLink(parsed.value), checkAddress)
      assert.ok(again.ok)
      assert.equal(again.value.amount || undefined, parsed.value.amount || undefined)
      return true
    },
  },
  {
    name: 'amount',
    examples: ['0.5', '21000000', '.00000001', '1.'].map(bytesOf),
    dictionary: ['.', '00000000', '90071992', '-', 'e'].map(bytesOf),
    maxLength: 40,
    share: 1,
    bound: (input) => 400 + 8 * input.length,
    run(input) {
      const amount = parseCoins(textOf(input))
      if (amount === undefined) return false
      assert.equal(parseCoins(formatCoins(amount)), amount)
      return true
    },
  },
  {
    name: 'descriptor',
    examples: [descriptor, `tr(${bytesToHex(internalKey)})`, `tr(${XPUB}/1)`].map(bytesOf),
    dictionary: ['tr(', ')', '#', '<0;1>', '/*', '/', "'", 'h', '[00000000', ']', 'xprv', XPUB].map(bytesOf),
    maxLength: 1_100,
    // An extended key costs a point of the curve, each step of its path another.
    share: 0.05,
    bound: (input) => 20_000 + 200 * input.length,
    run(input) {
      const parsed = parseDescriptor(textOf(input))
      if (!parsed.ok) return false
      const again = parseDescriptor(parsed.value.text)
      assert.ok(again.ok && again.value.text === parsed.value.text)
      return true
    },
  },
  {
    name: 'psbt',
    examples: [psbt.bytes, signed.bytes, leafPsbt.bytes],
    dictionary: [
      bytesOf('psbt\xff'),
      Uint8Array.of(0),
      Uint8Array.of(1, 0x17, 0x20),
      Uint8Array.of(1, 0x13, 0x40),
    ],
    maxLength: 600,
    share: 0.1,
    bound: (input) => 4_000 + 60 * input.length,
    run(input) {
      const parsed = Psbt.parse(input)
      if (!parsed.ok) return false
      const again = Psbt.parse(parsed.value.bytes)
      assert.ok(again.ok)
      assert.equal(again.value.unsigned.txid, parsed.value.unsigned.txid)
      void parsed.value.fee
      parsed.value.extract()
      return true
    },
  },
  {
    name: 'backup',
    examples: [bytesOf(backup)],
    dictionary: ['"logN":', '"version":2', 'null', '{}', '[]', '"r":', '"', '\\u0000', '1e9'].map(bytesOf),
    maxLength: 1_500,
    share: 0.1,
    bound: (input) => 2_000 + 20 * input.length,
    run(input) {
      const text = textOf(input)
      // Memory-hard by design, up to a second a guess; the limits are of `isBox`, which has tests of its own.
      if (/"(logN|r|p)":\s*(?!\s|1,|8,)/.test(text)) return false
      return readBackup(text, network, 'passphrase').ok
    },
  },
  {
    name: 'metadata',
    examples: [
      encodeMetadata({ next: [3, 4], mining: 1, labels: new Map([[address, 'Ana']]) }),
      encodeLabels(new Map([[address, 'Ana']])),
    ].map(bytesOf),
    dictionary: ['"next":', '"labels":', '"mining":', '"type":"addr"', 'null', '[[]]', '1e9', '-1'].map(
      bytesOf,
    ),
    maxLength: 500,
    share: 0.5,
    bound: (input) => 500 + 20 * input.length,
    run(input) {
      const decoded = decodeMetadata(textOf(input), PREFIX)
      if (!decoded.ok) return false
      const { next, mining, labels } = decoded.value
      const again = decodeMetadata(encodeMetadata({ next, mining: mining ?? undefined, labels }), PREFIX)
      assert.deepEqual(again, ok({ next, mining: mining ?? null, labels, warnings: [] }))
      return true
    },
  },
]
