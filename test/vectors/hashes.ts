/** SipHash-2-4. */
import assert from 'node:assert/strict'
import { concatBytes, hexToBytes, reversed } from '../../src/primitives/bytes.ts'
import { siphash24, siphash24Low48 } from '../../src/primitives/siphash.ts'
import { isRecord } from '../support/vector-files.ts'
import type { VectorReport } from '../support/vector-report.ts'
import { jsonRule, type VectorRule } from './rule.ts'

function check(key: Uint8Array, input: Uint8Array, expected: string): void {
  const hash = BigInt(`0x${expected}`)
  assert.equal(siphash24(key, input), hash)
  assert.equal(BigInt(siphash24Low48(key, input)), hash & 0xffff_ffff_ffffn)
}

interface ReferenceVectors {
  readonly key_bytes: string
  readonly vectors: readonly { readonly input: string; readonly siphash24: string }[]
}

const reference = jsonRule<ReferenceVectors>(
  'siphash',
  ['key_bytes', 'vectors'],
  [],
  ({ key_bytes, vectors }, report) => {
    for (const { input, siphash24: expected } of vectors)
      report.row(`input ${input}`, () => check(hexToBytes(key_bytes), hexToBytes(input), expected))
  },
)

/** A row of Bitcoin Core's siphash.json: k0 and k1 as numbers, the input in chunks. */
interface CoreRow {
  readonly key: readonly [string, string]
  readonly input: readonly string[]
  readonly expected: { readonly siphash24?: string }
}

const core: VectorRule = {
  folder: 'siphash',
  accepts: ({ rows }) => rows.length > 0 && rows.every((row) => isRecord(row) && 'expected' in row),
  run: ({ rows }, report: VectorReport) => {
    for (const { key, input, expected } of rows as readonly CoreRow[]) {
      const hash = expected.siphash24
      if (hash === undefined) report.skip('another hash than SipHash-2-4')
      else
        report.row(`${key} ${input}`, () => {
          const keyBytes = concatBytes(...key.map((half) => reversed(hexToBytes(half))))
          check(keyBytes, concatBytes(...input.map(hexToBytes)), hash)
        })
    }
  },
}

export const hashRules: readonly VectorRule[] = [reference, core]
