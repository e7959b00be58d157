/** Running test files and programs from a program, with their output shown as it comes: what `npm test` and `npm run test:deep` share. */
import { spawn } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The folder of the project, where the programs below run. */
export const PROJECT = fileURLToPath(new URL('../..', import.meta.url))
/** Milliseconds. */
export const MINUTE = 60_000

/** What tests came to. */
export interface Counts {
  passed: number
  failed: number
  skipped: number
}

/** The test files of a layer, `*.test.ts` at any depth, relative to the project. */
export async function testFiles(layer: string): Promise<string[]> {
  const entries = await readdir(join(PROJECT, 'test', layer), { recursive: true, withFileTypes: true }).catch(
    () => [],
  )
  return entries
    .filter((entry) => entry.isFile() && entry.name.endsWith('.test.ts'))
    .map((entry) => relative(PROJECT, join(entry.parentPath, entry.name)))
    .sort()
}

/** What each of the closing lines of node's TAP reporter adds to. */
const ADDS_TO: Readonly<Record<string, keyof Counts>> = {
  pass: 'passed',
  fail: 'failed',
  // Tests that a failed hook or a time limit kept from ending.
  cancelled: 'failed',
  skipped: 'skipped',
  todo: 'skipped',
}

/** What a run of files came to, and the lines that its tests told through their diagnostics. */
export interface TestRun extends Counts {
  readonly diagnostics: readonly string[]
}

/**
 * Runs files under node:test, each in a process of its own. `timeout`, milliseconds, only ends a test or a file that hangs: neither
 * takes more than two minutes where the machine has nothing else to do. A second reporter writes TAP to a file, whose closing lines are
 * node's own counts (`# pass 12`).
 */
export async function runTestFiles(
  files: readonly string[],
  concurrency: number,
  timeout = 30 * MINUTE,
  env: NodeJS.ProcessEnv = process.env,
): Promise<TestRun> {
  const folder = await mkdtemp(join(tmpdir(), 'opentab-test-'))
  const tapFile = join(folder, 'results.tap')
  const flags = [
    ...['--import', 'tsx', '--test', `--test-concurrency=${concurrency}`, `--test-timeout=${timeout}`],
    ...['--test-reporter=spec', '--test-reporter-destination=stdout'],
    ...['--test-reporter=tap', `--test-reporter-destination=${tapFile}`],
  ]
  try {
    const succeeded = await succeeds(process.execPath, [...flags, ...files], env)
    const told = (await readFile(tapFile, 'utf8'))
      .trimEnd()
      .split('\n')
      .flatMap((line) => (line.startsWith('# ') ? [line.slice(2)] : []))
    const counts: Counts = { passed: 0, failed: 0, skipped: 0 }
    for (const line of told.slice(-8)) {
      const [, word = '', count] = /^(\w+) (\d+)$/.exec(line) ?? []
      const key = ADDS_TO[word]
      if (key !== undefined) counts[key] += Number(count)
    }
    if (!succeeded && counts.failed === 0) counts.failed = 1
    return { ...counts, diagnostics: told }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** Runs a command with our output; whether it ended with 0. */
export async function succeeds(
  command: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = process.env,
): Promise<boolean> {
  const child = spawn(command, args, {
    stdio: 'inherit',
    shell: process.platform === 'win32' && command === 'npm',
    env,
  })
  return await new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('exit', (code) => resolve(code === 0))
  })
}

/** What a program of this project said on its standard output, shown as it came, and whether it ended with 0. */
export async function runProgram(
  args: readonly string[],
): Promise<{ readonly succeeded: boolean; readonly output: string }> {
  const child = spawn(process.execPath, ['--import', 'tsx', ...args], {
    stdio: ['inherit', 'pipe', 'inherit'],
  })
  let output = ''
  child.stdout.setEncoding('utf8')
  child.stdout.on('data', (text: string) => {
    output += text
    process.stdout.write(text)
  })
  return await new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code) => resolve({ succeeded: code === 0, output }))
  })
}
