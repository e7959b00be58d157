/** Partially signed transactions: BIP174, BIP370, BIP371, BIP373, and those of Bitcoin Core's functional tests. */
import assert from 'node:assert/strict'
import { bytesToHex, hexToBytes } from '../../src/primitives/bytes.ts'
import { decodeWith, type Reader } from '../../src/primitives/codec.ts'
import { Psbt } from '../../src/wallet/psbt.ts'
import { notApplicable, type VectorReport } from '../support/vector-report.ts'
import { codeOf, unlockedSigner, value } from '../support/wallets.ts'
import type { VectorRule } from './rule.ts'

interface PsbtRow {
  readonly case?: string
  readonly hex: string
}

interface PsbtVectors {
  readonly valid?: readonly (PsbtRow | string)[]
  readonly invalid?: readonly (PsbtRow | string)[]
  readonly invalid_with_msg?: readonly (readonly [string, string])[]
  readonly fails_signer_checks?: readonly PsbtRow[]
}

/** PSBTs of Bitcoin Core stand in base64 by themselves, those of the BIPs in hex with a name. */
function psbtOf(row: PsbtRow | string): { readonly label: string; readonly bytes: Uint8Array } {
  return typeof row === 'string'
    ? { label: row.slice(0, 60), bytes: Uint8Array.from(Buffer.from(row, 'base64')) }
    : { label: row.case ?? row.hex.slice(0, 60), bytes: hexToBytes(row.hex) }
}

const psbts: VectorRule = {
  folder: 'psbt',
  accepts: (file) => file.hasKeys('valid', 'invalid'),
  run: async (file, report) => {
    const content = file.json as PsbtVectors
    for (const row of content.valid ?? []) checkValid(psbtOf(row), report)
    for (const row of content.invalid ?? []) checkInvalid(psbtOf(row), report)
    for (const [text] of content.invalid_with_msg ?? []) checkInvalid(psbtOf(text), report)
    const signer = content.fails_signer_checks && (await unlockedSigner())
    for (const row of content.fails_signer_checks ?? [])
      await report.rowAsync(psbtOf(row).label, async () =>
        assert.equal(signer?.review(psbtOf(row).bytes).ok, false),
      )
    for (const [name, list] of Object.entries(content))
      if (Array.isArray(list) && !VERDICTS.includes(name))
        report.skipAll(
          ROLES.includes(name) ? 'roles played with keys of older outputs' : `UNKNOWN LIST "${name}"`,
          list,
        )
  },
}

const VERDICTS = ['valid', 'invalid', 'invalid_with_msg', 'fails_signer_checks']
/** Lists that take a PSBT from one role of BIP174 to the next, in the BIP and in Bitcoin Core. */
const ROLES = ['role_workflow', 'creator', 'signer', 'combiner', 'finalizer', 'extractor']

const VERSION_2 = 'version 2 (BIP370), which is refused whole'

function checkValid({ label, bytes }: ReturnType<typeof psbtOf>, report: VectorReport): void {
  report.row(label, () => {
    const outline = outlineOf(bytes)
    if (outline && outline.version !== 0) {
      assert.equal(codeOf(Psbt.parse(bytes)), 'psbt-invalid')
      notApplicable(VERSION_2)
    }
    // Read as a network transaction these bytes are another one (BIP144), and there is nothing to sign.
    if (outline?.inputs === 0) notApplicable('no inputs')
    assert.equal(bytesToHex(value(Psbt.parse(bytes)).bytes), bytesToHex(bytes))
  })
}

function checkInvalid({ label, bytes }: ReturnType<typeof psbtOf>, report: VectorReport): void {
  report.row(label, () => {
    const outline = outlineOf(bytes)
    if (outline?.musig) notApplicable('a fault in fields of BIP373, which are kept as unknown ones')
    assert.equal(codeOf(Psbt.parse(bytes)), 'psbt-invalid')
    if (outline && outline.version !== 0) notApplicable(VERSION_2)
  })
}

/** What a PSBT is, without judging it: nothing where its maps can't be told apart. */
interface PsbtOutline {
  readonly version: number
  readonly inputs: number
  /** Has fields of BIP373. */
  readonly musig: boolean
}

const TYPE_UNSIGNED_TX = 0x00
const TYPE_VERSION = 0xfb
/** Field types of BIP373 in inputs, and in outputs. */
const MUSIG_IN = [0x1a, 0x1b, 0x1c]
const MUSIG_OUT = [0x08]

function outlineOf(bytes: Uint8Array): PsbtOutline | undefined {
  const maps = decodeWith(bytes, 'psbt', (reader) => {
    reader.take(5)
    const maps: Map<number, Uint8Array>[] = []
    while (reader.remaining > 0) maps.push(readMap(reader))
    return maps
  })
  if (!maps.ok || maps.value.length === 0) return undefined
  const [global, ...rest] = maps.value
  const version = global.get(TYPE_VERSION)?.[0] ?? 0
  // Behind four bytes of version, one byte in all that are published.
  const inputs = global.get(TYPE_UNSIGNED_TX)?.[4] ?? rest.length
  const musig = rest.some((map, i) => (i < inputs ? MUSIG_IN : MUSIG_OUT).some((type) => map.has(type)))
  return { version, inputs, musig }
}

/** A key-value map of BIP174, by the first byte of its keys. */
function readMap(reader: Reader): Map<number, Uint8Array> {
  const map = new Map<number, Uint8Array>()
  for (;;) {
    const key = reader.varBytes()
    if (key.length === 0) return map
    map.set(key[0], reader.varBytes())
  }
}

export const psbtRules: readonly VectorRule[] = [psbts]
