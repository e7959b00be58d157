/**
 * Promise: every published vector that the protocol covers holds, and every file is accounted for: the table at the end says for each how
 * many rows ran, and why the others don't apply. One process runs them all, so that there is one table.
 */
import assert from 'node:assert/strict'
import { writeSync } from 'node:fs'
import { test } from 'node:test'
import { isRecord, type VectorFile, vectorFiles } from '../support/vector-files.ts'
import { tableOf, VectorReport } from '../support/vector-report.ts'
import { addressRules } from './addresses.ts'
import { blockRules } from './blocks.ts'
import { boltTransactionRules } from './bolt-transactions.ts'
import { coreScriptRules } from './core-scripts.ts'
import { coreTransactionRules } from './core-transactions.ts'
import { descriptorRules } from './descriptors.ts'
import { difficultyRules } from './difficulty.ts'
import { hashRules } from './hashes.ts'
import { invoiceRules } from './invoices.ts'
import { keyRules } from './keys.ts'
import { musig2Rules } from './musig2.ts'
import { onionRules } from './onions.ts'
import { psbtRules } from './psbt.ts'
import type { VectorRule } from './rule.ts'
import { serializationRules } from './serialization.ts'
import { signatureRules } from './signatures.ts'
import { tapscriptRules } from './tapscript.ts'

const RULES: readonly VectorRule[] = [
  ...tapscriptRules,
  ...coreScriptRules,
  ...coreTransactionRules,
  ...signatureRules,
  ...serializationRules,
  ...blockRules,
  ...difficultyRules,
  ...hashRules,
  ...keyRules,
  ...addressRules,
  ...descriptorRules,
  ...psbtRules,
  ...musig2Rules,
  ...onionRules,
  ...invoiceRules,
  ...boltTransactionRules,
]

/** The line of the table that a file stands in. Dumps of single cases, named by their hash, share one. */
function lineOf({ path }: VectorFile): string {
  return path.replace(/(^|\/)[0-9a-f]{40}(\.\w+)?$/, '$1*')
}

/** A file of a folder that is covered, which no rule can read: loud, and no failure of what is tested. */
const UNKNOWN_FORMAT = 'UNKNOWN FORMAT'

/** How many rows a file of unknown format has, about: the elements of its outermost lists, 1 where it has none. */
function rowsIn(content: unknown): number {
  if (Array.isArray(content)) return content.length
  const inner = isRecord(content) ? Object.values(content).filter((each) => typeof each === 'object') : []
  return Math.max(
    1,
    inner.reduce((sum: number, each) => sum + (each ? rowsIn(each) : 0), 0),
  )
}

const reports = new Map<string, VectorReport>()

function reportOf(file: VectorFile, aspect?: string): VectorReport {
  const name = aspect ? `${lineOf(file)}, ${aspect}` : lineOf(file)
  const report = reports.get(name) ?? new VectorReport(name)
  reports.set(name, report)
  report.files++
  return report
}

async function runFile(file: VectorFile): Promise<VectorReport[]> {
  const folder = file.path.split('/')[0]
  const inFolder = RULES.filter((rule) => rule.folder === folder)
  const rules = inFolder.filter((rule) => rule.accepts(file))
  if (rules.length === 0) {
    const reason = inFolder.length > 0 ? UNKNOWN_FORMAT : 'no rule for this file'
    const report = reportOf(file)
    report.skipMany(reason, rowsIn(file.json))
    return [report]
  }
  const touched: VectorReport[] = []
  for (const rule of rules) {
    const report = reportOf(file, rule.aspect)
    const before = report.rows
    try {
      await rule.run(file, report)
    } catch (error) {
      // What is not where the rule looks for it: the file is of another shape than the names in it promise.
      if (!(error instanceof TypeError)) throw error
      report.skip(`${UNKNOWN_FORMAT}, ${error.message}`)
    }
    assert(report.rows > before, `${file.path} was read as known, and no row was found in it`)
    touched.push(report)
  }
  file.close()
  return touched
}

const files = vectorFiles()
if (!files) test('published vectors', { skip: 'the folder of vectors is absent' }, () => undefined)
else {
  const byLine = new Map<string, VectorFile[]>()
  for (const file of files) byLine.set(lineOf(file), [...(byLine.get(lineOf(file)) ?? []), file])
  for (const [line, group] of byLine)
    test(line, async () => {
      const touched = new Set<VectorReport>()
      for (const file of group) for (const report of await runFile(file)) touched.add(report)
      const failures = [...touched].flatMap(({ name, failures }) =>
        failures.map((text) => `${name}: ${text}`),
      )
      assert.equal(failures.length, 0, `${failures.length} rows failed\n${failures.slice(0, 20).join('\n')}`)
    })
  process.on('exit', () => writeSync(1, `\n${tableOf([...reports.values()])}\n`))
}
