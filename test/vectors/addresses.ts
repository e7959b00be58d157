/** Addresses and payment links: BIP350, BIP21, and Bitcoin Core's list of addresses and keys. */
import assert from 'node:assert/strict'
import { bytesToHex, hexToBytes } from '../../src/primitives/bytes.ts'
import { OK, type Result } from '../../src/primitives/result.ts'
import {
  addressOf,
  decodeAddress,
  decodeSegwitAddress,
  encodeSegwitAddress,
} from '../../src/script/address.ts'
import { outputKeyOf } from '../../src/script/taproot.ts'
import { parsePaymentLink } from '../../src/wallet/uri.ts'
import { isRecord } from '../support/vector-files.ts'
import { notApplicable } from '../support/vector-report.ts'
import { jsonRule, type VectorRule } from './rule.ts'

interface Bip350 {
  readonly valid: readonly { readonly string: string }[]
  readonly invalid: readonly {
    readonly string: string
    readonly string_bytes_hex?: string
    readonly reason: string
  }[]
  readonly address_valid: readonly { readonly address: string; readonly scriptPubKey: string }[]
  readonly address_invalid: readonly { readonly address: string; readonly reason: string }[]
}

/** The codes that stand for each reason that BIP350 gives; elsewhere it is the length. */
const CODE_OF_REASON: Readonly<Record<string, string>> = {
  'Invalid checksum (Bech32 instead of Bech32m)': 'address-encoding',
  'Invalid checksum (Bech32m instead of Bech32)': 'address-encoding',
  'Invalid character in checksum': 'address-character',
  'Invalid witness version': 'address-version',
  'Mixed case': 'address-mixed-case',
  'Empty data section': 'address-format',
}

/** What the decoder says of a string whose form or checksum is wrong, whatever it holds. */
const FORM_CODES = ['address-checksum', 'address-character', 'address-format', 'address-mixed-case']

const bip350 = jsonRule<Bip350>(
  'bech32',
  ['valid', 'invalid', 'address_valid', 'address_invalid'],
  [],
  (content, report) => {
    // The valid strings hold no witness program, but what is wrong with them as addresses is never their checksum.
    for (const { string } of content.valid)
      report.row(string, () =>
        assert(!['address-checksum', 'address-character'].includes(codeOf(decodeSegwitAddress(string)))),
      )
    for (const { string, string_bytes_hex } of content.invalid)
      report.row(string, () => {
        const text = string_bytes_hex ? String.fromCharCode(...hexToBytes(string_bytes_hex)) : string
        assert(FORM_CODES.includes(codeOf(decodeSegwitAddress(text))))
      })
    for (const { address, scriptPubKey } of content.address_valid)
      report.row(address, () => {
        const decoded = decodeSegwitAddress(address)
        assert(decoded.ok)
        const { prefix, version, program } = decoded.value
        const opcode = version === 0 ? 0 : 0x50 + version
        assert.equal(bytesToHex(Uint8Array.of(opcode, program.length, ...program)), scriptPubKey)
        assert.equal(encodeSegwitAddress(decoded.value), address.toLowerCase())
        const ours = decodeAddress(address, prefix)
        assert.equal(ours.ok, version === 1 && program.length === 32)
        if (ours.ok) assert.equal(bytesToHex(ours.value), scriptPubKey)
      })
    for (const { address, reason } of content.address_invalid)
      report.row(`${address}, ${reason}`, () => {
        if (reason === 'Invalid human-readable part')
          for (const prefix of ['bc', 'tb'])
            assert.equal(codeOf(decodeAddress(address, prefix)), 'address-prefix')
        else assert.equal(codeOf(decodeSegwitAddress(address)), CODE_OF_REASON[reason] ?? 'address-length')
      })
  },
)

/** Prefixes of Bitcoin's networks, by Bitcoin Core's names. */
const PREFIX_OF_CHAIN: Readonly<Record<string, string>> = {
  main: 'bc',
  test: 'tb',
  testnet4: 'tb',
  signet: 'tb',
  regtest: 'bcrt',
}

/** Rows of key_io_valid.json: address or key, script or secret in hex, what it is. */
type KeyIoRow = readonly [
  string,
  string,
  { readonly isPrivkey: boolean; readonly chain: string; readonly tryCaseFlip?: boolean },
]

const keyIoValid: VectorRule = {
  folder: 'core',
  accepts: ({ rows }) =>
    rows.length > 0 && rows.every((row) => Array.isArray(row) && row.length === 3 && isRecord(row[2])),
  run: ({ rows }, report) => {
    for (const [text, hex, { isPrivkey, chain, tryCaseFlip }] of rows as readonly KeyIoRow[])
      report.row(text, () => {
        if (isPrivkey) notApplicable('a private key in base58: keys come from seed words here')
        const prefix = PREFIX_OF_CHAIN[chain]
        if (!outputKeyOf(hexToBytes(hex))) {
          assert.equal(decodeAddress(text, prefix).ok, false)
          notApplicable('an address of another type than P2TR, which was refused')
        }
        const flipped = text === text.toLowerCase() ? text.toUpperCase() : text.toLowerCase()
        for (const address of tryCaseFlip ? [text, flipped] : [text])
          assert.equal(bytesToHex(must(decodeAddress(address, prefix))), hex)
        assert.equal(addressOf(hexToBytes(hex), prefix), text.toLowerCase())
      })
  },
}

const keyIoInvalid: VectorRule = {
  folder: 'core',
  accepts: ({ rows, name }) =>
    /^key_io/.test(name) &&
    rows.length > 0 &&
    rows.every((row) => Array.isArray(row) && row.length === 1 && typeof row[0] === 'string'),
  run: ({ rows }, report) => {
    for (const [text] of rows as readonly [string][])
      report.row(text, () => {
        for (const prefix of ['bc', 'tb', 'bcrt']) assert.equal(decodeAddress(text, prefix).ok, false)
      })
  },
}

interface LinkRow {
  readonly uri: string
  readonly valid: boolean
}

function isLinkRow(row: unknown): row is LinkRow {
  return isRecord(row) && typeof row.uri === 'string' && typeof row.valid === 'boolean'
}

/** Our parser with Bitcoin's scheme. The addresses are another network's: they are not looked at. */
function checkLink({ uri, valid }: LinkRow): void {
  const parsed = parsePaymentLink(uri, () => OK, 'bitcoin')
  assert.equal(parsed.ok, valid, parsed.ok ? undefined : parsed.detail)
}

const bip21: VectorRule = {
  folder: 'bip21',
  accepts: ({ rows }) => rows.length > 0 && rows.every(isLinkRow),
  run: ({ rows }, report) => {
    for (const row of rows as readonly LinkRow[]) report.row(row.uri, () => checkLink(row))
  },
}

interface Bip321 {
  readonly uris: readonly unknown[]
  readonly proof_of_payment?: readonly unknown[]
}

/** Parameters that BIP321 gives a meaning and BIP21 doesn't. */
const BIP321_PARAMETERS = ['bc', 'tb', 'lightning', 'lno', 'sp', 'pop', 'req-pop']

/** Its links are a superset of BIP21's: those that say no more than BIP21 are run. */
const bip321 = jsonRule<Bip321>('bip21', ['uris'], ['proof_of_payment'], (content, report) => {
  for (const row of content.uris)
    if (!isLinkRow(row)) report.skip('a row without verdict')
    else
      report.row(row.uri, () => {
        const [head, query = ''] = row.uri.split('?')
        const names = query.split('&').map((part) => part.split('=')[0].toLowerCase())
        if (head.endsWith(':') || names.some((name) => BIP321_PARAMETERS.includes(name)))
          notApplicable('payment instructions of BIP321, which is not built')
        checkLink(row)
      })
  report.skipAll('proof of payment of BIP321, which is not built', content.proof_of_payment)
})

interface BitcoinjsBip21 {
  readonly valid: readonly { readonly uri: string; readonly address: string }[]
  readonly invalid: readonly { readonly uri?: string; readonly address?: string }[]
}

/** The fixtures of the npm package bip21. */
const bip21Fixtures = jsonRule<BitcoinjsBip21>('bip21', ['valid', 'invalid'], [], (content, report) => {
  for (const { uri, address } of content.valid)
    report.row(uri, () => {
      const scheme = /^(\w+):/.exec(uri)?.[1] ?? 'bitcoin'
      if (scheme !== scheme.toLowerCase()) notApplicable('a scheme that is not in lower case')
      assert.equal(must(parsePaymentLink(uri, () => OK, scheme)).address, address)
    })
  for (const { uri } of content.invalid)
    if (uri === undefined) report.skip('options that another interface rejects')
    else report.row(uri, () => checkLink({ uri, valid: false }))
})

function must<T>(result: Result<T>): T {
  assert(result.ok, result.ok ? undefined : result.detail)
  return result.value
}

function codeOf(result: Result<unknown>): string {
  return result.ok ? 'ok' : result.code
}

export const addressRules: readonly VectorRule[] = [
  bip350,
  keyIoValid,
  keyIoInvalid,
  bip21,
  bip321,
  bip21Fixtures,
]
