/** Partially signed transactions: BIP174, BIP370, BIP371, BIP373, and those of Bitcoin Core's functional tests. */
import assert from 'node:assert/strict'
import { bytesToHex, hexToBytes } from '../../src/primitives/bytes.ts'
import { Psbt } from '../../src/wallet/psbt.ts'
import { isRecord } from '../support/vector-files.ts'
import type { VectorReport } from '../support/vector-report.ts'
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
        report.skipAll(ROLES.includes(name) ? OLD_ROLES : `UNKNOWN LIST "${name}"`, list)
  },
}

const OLD_ROLES = 'roles played with keys of older outputs'
const VERDICTS = ['valid', 'invalid', 'invalid_with_msg', 'fails_signer_checks']
/** Lists that take a PSBT from one role of BIP174 to the next, in the BIP and in Bitcoin Core. */
const ROLES = ['role_workflow', 'creator', 'signer', 'combiner', 'finalizer', 'extractor']

const TAKEN_SINCE = 'PSBT with unknown types in the inputs.'

interface BitcoinjsRow {
  readonly description: string
  readonly psbt: string
}

const bitcoinjsPsbts: VectorRule = {
  folder: 'psbt',
  accepts: ({ json }) => isRecord(json) && isRecord(json.bip174),
  run: async ({ json }, report) => {
    const { bip174, ...others } = json as Record<string, Record<string, readonly BitcoinjsRow[]>>
    const { valid, invalid, failSignChecks, ...roles } = bip174
    const of = ({ description, psbt }: BitcoinjsRow) => ({
      label: description,
      bytes: Uint8Array.from(Buffer.from(psbt, 'base64')),
    })
    for (const row of valid)
      if (row.description === TAKEN_SINCE) report.skip('a type that was unknown then, and is BIP370’s now')
      else checkValid(of(row), report)
    for (const row of invalid) checkInvalid(of(row), report)
    const signer = await unlockedSigner()
    for (const row of failSignChecks)
      await report.rowAsync(row.description, async () =>
        assert.equal((await signer.signPsbt(of(row).bytes)).ok, false),
      )
    for (const list of Object.values(roles)) report.skipAll(OLD_ROLES, list)
    for (const [name, part] of Object.entries(others))
      report.skipMany(`bitcoinjs's own method ${name}`, Object.values(part).length)
  },
}

function checkValid({ label, bytes }: ReturnType<typeof psbtOf>, report: VectorReport): void {
  report.row(label, () => {
    const psbt = value(Psbt.parse(bytes))
    if (isVersion0(bytes)) assert.equal(bytesToHex(psbt.bytes), bytesToHex(bytes))
    // Version 2 becomes version 0, of the transaction that both are of.
    else assert.deepEqual(value(Psbt.parse(psbt.bytes)).inputs, psbt.inputs)
  })
}

function checkInvalid({ label, bytes }: ReturnType<typeof psbtOf>, report: VectorReport): void {
  report.row(label, () => assert.equal(codeOf(Psbt.parse(bytes)), 'psbt-invalid'))
}

/** Whether the first field is the transaction, as every published PSBT of version 0 has it. */
function isVersion0(bytes: Uint8Array): boolean {
  return bytes[5] === 1 && bytes[6] === 0
}

export const psbtRules: readonly VectorRule[] = [psbts, bitcoinjsPsbts]
