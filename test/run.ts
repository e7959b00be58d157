/**
 * `npm test`: runs the checks and every layer of tests, streams what they say, and ends with one plain line
 * `N passed, N failed, N skipped`. `npm test -- unit browser` runs some layers alone. A layer without files is absent;
 * one with files that runs no test has failed.
 */

import { buildKernels } from '../kernels/build.ts'
import { findChromium } from './support/chromium.ts'
import { type Counts, PROJECT, runTestFiles, succeeds, testFiles } from './support/test-runs.ts'

/** How a layer's files are run. */
interface Layer {
  readonly name: string
  /** Whether it drives a browser. */
  readonly browser: boolean
  run(files: readonly string[]): Promise<Counts>
}

const LAYERS: readonly Layer[] = [
  { name: 'unit', browser: false, run: (files) => runTestFiles(files, 2) },
  // One process for one table.
  { name: 'vectors', browser: false, run: (files) => runTestFiles(files, 1) },
  { name: 'scenarios', browser: false, run: (files) => runTestFiles(files, 2) },
  { name: 'differential', browser: false, run: (files) => runTestFiles(files, 2) },
  { name: 'fuzz', browser: false, run: (files) => runTestFiles(files, 2) },
  { name: 'simulation', browser: false, run: (files) => runTestFiles(files, 2) },
  { name: 'browser', browser: true, run: runBrowser },
  // One at a time: each fills the machine with tabs.
  { name: 'journeys', browser: true, run: (files) => runTestFiles(files, 1) },
]

async function main(asked: readonly string[]): Promise<number> {
  const names = ['check', ...LAYERS.map(({ name }) => name)]
  const unknown = asked.find((name) => !names.includes(name))
  if (unknown !== undefined) {
    process.stderr.write(`There is no layer "${unknown}". The layers are ${names.join(', ')}.\n`)
    return 2
  }
  const isAsked = (name: string): boolean => asked.length === 0 || asked.includes(name)
  const total: Counts = { passed: 0, failed: 0, skipped: 0 }
  const add = (counts: Counts): void => {
    for (const key of ['passed', 'failed', 'skipped'] as const) total[key] += counts[key]
  }

  if (isAsked('check')) {
    heading('check')
    // Not a test: it counts only when it fails.
    if (!(await succeeds('npm', ['run', '--silent', 'check']))) add(oneFailure('The check failed.'))
  }
  await buildKernels()
  for (const layer of LAYERS) {
    const files = isAsked(layer.name) ? await testFiles(layer.name) : []
    if (files.length === 0) continue
    heading(layer.name)
    add(await runLayer(layer, files))
  }
  process.stdout.write(`\n${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped\n`)
  return total.failed === 0 ? 0 : 1
}

async function runLayer(layer: Layer, files: readonly string[]): Promise<Counts> {
  try {
    // The layers' own processes then find the same browser at once.
    if (layer.browser) process.env.CHROME_PATH = await chromium()
    const counts = await layer.run(files)
    const ran = counts.passed + counts.failed + counts.skipped
    return ran === 0 ? oneFailure(`The layer ${layer.name} has files but ran no test.`) : counts
  } catch (error) {
    return oneFailure(`The layer ${layer.name} could not be run. ${(error as Error).message}`)
  }
}

/** A browser that is there, else one that an npm package ships, installed for this time only: it weighs 70 MB. */
async function chromium(): Promise<string> {
  try {
    return await findChromium()
  } catch {
    process.stdout.write(
      'No Chromium is installed: fetching the one in the npm package @sparticuz/chromium.\n',
    )
    await succeeds('npm', ['install', '--no-save', '--no-audit', '--no-fund', '@sparticuz/chromium'])
    return await findChromium()
  }
}

/** Runs web-test-runner with the project's configuration, in this process so that the configuration may be TypeScript. */
async function runBrowser(files: readonly string[]): Promise<Counts> {
  const { startTestRunner } = await import('@web/test-runner')
  const runner = await startTestRunner({
    readCliArgs: false,
    autoExitProcess: false,
    config: { files: [...files], watch: false },
  })
  if (runner === undefined) throw new Error('web-test-runner did not start.')
  const passed = await new Promise<boolean>((resolve) => runner.on('stopped', resolve))
  const counts: Counts = { passed: 0, failed: 0, skipped: 0 }
  for (const session of runner.sessions.all()) {
    // A file that fails to load has errors and no results.
    counts.failed += session.errors.length
    if (session.testResults !== undefined) addSuite(session.testResults, counts)
  }
  if (!passed && counts.failed === 0) counts.failed = 1
  return counts
}

interface Suite {
  readonly suites: readonly Suite[]
  readonly tests: readonly { readonly passed: boolean; readonly skipped: boolean }[]
}

function addSuite(suite: Suite, counts: Counts): void {
  for (const test of suite.tests) counts[test.skipped ? 'skipped' : test.passed ? 'passed' : 'failed']++
  for (const inner of suite.suites) addSuite(inner, counts)
}

function oneFailure(sentence: string): Counts {
  process.stdout.write(`${sentence}\n`)
  return { passed: 0, failed: 1, skipped: 0 }
}

function heading(name: string): void {
  process.stdout.write(`\n=== ${name}\n`)
}

process.chdir(PROJECT)
process.exitCode = await main(process.argv.slice(2))
