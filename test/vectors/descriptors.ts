/** Output descriptors: BIP380, BIP386, BIP387, BIP389, BIP390. */
import assert from 'node:assert/strict'
import { bytesToHex } from '../../src/primitives/bytes.ts'
import { p2trScript } from '../../src/script/taproot.ts'
import { descriptorChecksum, parseDescriptor } from '../../src/wallet/descriptor.ts'
import { isRecord } from '../support/vector-files.ts'
import { notApplicable } from '../support/vector-report.ts'
import { codeOf, value } from '../support/wallets.ts'
import type { VectorRule } from './rule.ts'

/** A descriptor, or a key expression, with its verdict. */
interface DescriptorRow {
  readonly text: string
  readonly valid: boolean
  /** What it gives: scripts in hex at index 0, 1, 2, or the descriptors that it stands for. */
  readonly gives: readonly string[]
}

/** All rows of a file: the verdict stands in the row, or in the name of the list that it is in. */
function descriptorRows(content: unknown, valid?: boolean): DescriptorRow[] {
  if (Array.isArray(content)) return content.flatMap((each) => descriptorRows(each, valid))
  if (typeof content === 'string') return valid === undefined ? [] : [{ text: content, valid, gives: [] }]
  if (!isRecord(content)) return []
  const own = typeof content.valid === 'boolean' ? content.valid : valid
  const text = content.descriptor ?? content.expression ?? content.key
  if (typeof text === 'string' && own !== undefined) {
    const gives = content.scripts ?? content.expands_to ?? content.expanded ?? content.expansions ?? []
    return [{ text, valid: own, gives: Array.isArray(gives) ? gives.map(String) : [] }]
  }
  return Object.entries(content).flatMap(([name, inner]) => {
    const verdict = /invalid/i.test(name) ? false : /valid/i.test(name) ? true : own
    return typeof inner === 'object' ? descriptorRows(inner, verdict) : []
  })
}

const descriptors: VectorRule = {
  folder: 'descriptors',
  accepts: (file) => descriptorRows(file.json).length > 0,
  run: (file, report) => {
    for (const row of descriptorRows(file.json)) report.row(row.text, () => checkDescriptor(row))
  },
}

/** A descriptor of one key as the tr() of the same key: what BIP389 says of paths holds for both. */
function asTr(text: string): string {
  return text.replace(/^(?:pk|pkh|wpkh)\(([^(),#]*)\)$/, 'tr($1)')
}

function checkDescriptor(row: DescriptorRow): void {
  const { valid } = row
  const givesScripts = row.gives.length > 0 && row.gives.every((given) => /^[0-9a-f]+$/.test(given))
  const [text, gives] = givesScripts ? [row.text, row.gives] : [asTr(row.text), row.gives.map(asTr)]
  // A key expression by itself is tried where this wallet has keys: in tr(), which here takes x coordinates alone.
  const isExpression = !/^\w+\(/.test(text)
  const expression = text.replace(/\b0[23]([0-9a-f]{64})$/, '$1')
  const parsed = parseDescriptor(isExpression ? `tr(${expression})` : text)
  const [body, checksum] = text.split('#')
  const unsupported = whyUnsupported(isExpression ? expression : body, isExpression)
  if (!valid || unsupported) {
    assert.equal(codeOf(parsed), 'descriptor-invalid')
    if (!unsupported) return
    // A valid one of its kind is refused as well: whether the fault was seen can be told from the checksum alone.
    if (checksum === undefined) notApplicable(unsupported)
    assert.equal(checksum === descriptorChecksum(body), valid)
    return
  }
  const descriptor = value(parsed)
  if (givesScripts || gives.length === 0)
    gives.forEach((script, index) => {
      assert.equal(bytesToHex(p2trScript(descriptor.derive(0, index).outputKey)), script)
    })
  else {
    assert.equal(descriptor.branches, gives.length)
    gives.forEach((expanded, branch) => {
      const one = value(parseDescriptor(expanded))
      for (const index of [0, 1, 2]) assert.deepEqual(descriptor.derive(branch, index), one.derive(0, index))
    })
  }
}

const OTHER_TYPE = 'another type than tr(), which the protocol has no coins for: refused'

/** Why a valid descriptor is none for this wallet, which then refuses it. */
function whyUnsupported(text: string, isExpression: boolean): string | undefined {
  if (!isExpression && !text.startsWith('tr(')) return OTHER_TYPE
  if (text.includes('musig(')) return 'MuSig2 keys are not built: refused'
  if (!isExpression && text.includes(','))
    return 'a script tree; this wallet spends by key path alone: refused'
  if (/[xt]prv|(^|[(\]])[KL5c9][1-9A-HJ-NP-Za-km-z]{50,51}(\)|$)/.test(text))
    return 'a private key; descriptors hold public ones here: refused'
  if (/(^|\])0[2-4][0-9a-f]{64}/.test(text))
    return 'a key with its y coordinate; this wallet takes x alone: refused'
  if (/pub[0-9A-Za-z]+\/.*[0-9*>][h']/.test(text)) return 'a hardened step behind a public key: refused'
  return undefined
}

export const descriptorRules: readonly VectorRule[] = [descriptors]
