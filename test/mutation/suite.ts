/**
 * The tests of the project's rules as programs in which every mutant can be switched on, and their runs. A test file runs in a
 * process of its own, without the test runner's. Thread: Node's main.
 */
import { spawn } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Metafile } from 'esbuild'
import { bundle } from '../support/instrumented-bundle.ts'
import { PROJECT } from '../support/test-runs.ts'
import { type Mutant, SWITCH, withMutants } from './mutants.ts'
import { OUT_OF_STEPS } from './switch.ts'

/** Folders of the sources that are mutated. */
const MUTATED = ['src/script', 'src/consensus']
/** Layers of tests that judge; `tests/simulation` and those in a browser take too long for each mutant. */
const LAYERS = ['unit', 'vectors', 'scenarios', 'differential']
/** A test asks the switch this many times as often as without a mutant, and no more: beyond, it hangs. */
const STEPS_FACTOR = 4
const FREE_STEPS = 5_000_000
/** A test that takes this much longer hangs where no switch is asked. Generous: a busy machine must kill no mutant. */
const TIME_FACTOR = 10
const FREE_MILLISECONDS = 60_000
/** Without a mutant: a test that hangs by itself is left out. */
const RECORDING_MILLISECONDS = 15 * 60_000

/** Whatever the environment says of longer runs, a mutant is tried on the tests as `npm test` has them. */
const SMALL_RUN = { OPENTAB_CASES: undefined, OPENTAB_SEED: '1' }

/** A test file and what it does without a mutant. */
export interface TestFile {
  /** Relative to the project. */
  readonly path: string
  readonly milliseconds: number
  readonly steps: number
  /** A byte for each mutant: 1 where the test asks for it. */
  readonly hits: Uint8Array
}

export type Verdict = 'killed' | 'timeout' | 'survived'

/** The tests with all mutants in them, in a folder of their own. `close` removes it. */
export class Suite {
  readonly mutants: readonly Mutant[]
  /** Test files that import what is mutated. */
  readonly paths: readonly string[]
  private readonly folder: string

  private constructor(mutants: readonly Mutant[], paths: readonly string[], folder: string) {
    this.mutants = mutants
    this.paths = paths
    this.folder = folder
  }

  /**
   * `wanted` says which test files to take. `seed` is that of their properties: a verdict must not depend on luck.
   */
  static async build(wanted: RegExp, seed: number): Promise<Suite> {
    const mutants: Mutant[] = []
    const sources = new Map<string, string>()
    for (const file of MUTATED.flatMap((folder) => filesIn(folder, '.ts'))) {
      const result = withMutants(file, readFileSync(join(PROJECT, file), 'utf8'), mutants.length)
      mutants.push(...result.mutants)
      sources.set(file, result.code)
    }
    const tests = LAYERS.flatMap((layer) => filesIn(join('test', layer), '.test.ts')).filter((path) =>
      wanted.test(path),
    )
    const folder = await mkdtemp(join(tmpdir(), 'opentab-mutation-'))
    const metafile = await bundle({
      entries: [...tests, 'test/mutation/switch.ts', 'test/mutation/fail-fast.ts'],
      folder,
      banner: `const ${SWITCH}=globalThis.${SWITCH};`,
      transform: (path, code) => sources.get(path) ?? withSeed(code, seed),
    })
    return new Suite(
      mutants,
      tests.filter((path) => importsAny(metafile, path, sources)),
      folder,
    )
  }

  /** Runs a test file without a mutant; undefined where it fails or hangs. */
  async record(path: string): Promise<TestFile | undefined> {
    const file = join(this.folder, `${path.replaceAll('/', '-')}.hits`)
    const start = performance.now()
    const code = await this.run(path, { OPENTAB_HITS: file }, RECORDING_MILLISECONDS)
    const milliseconds = performance.now() - start
    if (code !== 0) return undefined
    const bytes = await readFile(file)
    const steps = Number(bytes.readBigUInt64LE(bytes.length - 8))
    return { path, milliseconds, steps, hits: bytes.subarray(0, -8) }
  }

  /** Runs a test file with one mutant switched on. */
  async judge(mutant: Mutant, test: TestFile): Promise<Verdict> {
    const env = {
      OPENTAB_MUTANT: String(mutant.id),
      OPENTAB_STEPS: String(FREE_STEPS + test.steps * STEPS_FACTOR),
    }
    const code = await this.run(test.path, env, FREE_MILLISECONDS + test.milliseconds * TIME_FACTOR)
    return code === 0 ? 'survived' : code === OUT_OF_STEPS || code === undefined ? 'timeout' : 'killed'
  }

  async close(): Promise<void> {
    await rm(this.folder, { recursive: true, force: true })
  }

  /** Exit code of the test file, undefined where it was ended after `milliseconds`. */
  private async run(
    path: string,
    env: Readonly<Record<string, string>>,
    milliseconds: number,
  ): Promise<number | undefined> {
    const built = (source: string): string => join(this.folder, source.replace(/\.ts$/, '.js'))
    const child = spawn(
      process.execPath,
      [
        ...['--import', pathToFileURL(built('test/mutation/switch.ts')).href],
        ...[`--test-reporter=${pathToFileURL(built('test/mutation/fail-fast.ts')).href}`],
        ...['--test-reporter-destination=stdout', built(path)],
      ],
      { cwd: PROJECT, env: { ...process.env, ...SMALL_RUN, ...env }, stdio: 'ignore' },
    )
    let late = false
    const timer = setTimeout(() => {
      late = true
      child.kill('SIGKILL')
    }, milliseconds)
    const code = await new Promise<number>((resolve, reject) => {
      child.on('error', reject)
      child.on('exit', (exitCode) => resolve(exitCode ?? 1))
    })
    clearTimeout(timer)
    return late ? undefined : code
  }
}

/** Files of a folder of the project at any depth, relative to the project, sorted. */
function filesIn(folder: string, ending: string): string[] {
  if (!existsSync(join(PROJECT, folder))) return []
  return readdirSync(join(PROJECT, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith(ending))
    .map((name) => join(folder, name))
    .sort()
}

/** A test file of properties always draws the same ones, and ends at the first that fails. */
function withSeed(code: string, seed: number): string | undefined {
  if (!code.includes("from 'fast-check'")) return undefined
  return (
    `import { configureGlobal as $configure, readConfigureGlobal as $read } from 'fast-check'\n` +
    `$configure({ ...$read(), seed: ${seed}, endOnFailure: true })\n${code}`
  )
}

function importsAny(metafile: Metafile, entry: string, files: ReadonlyMap<string, string>): boolean {
  const seen = new Set<string>()
  const pending = [entry]
  for (let path = pending.pop(); path !== undefined; path = pending.pop()) {
    if (files.has(path)) return true
    if (seen.has(path)) continue
    seen.add(path)
    pending.push(...(metafile.inputs[path]?.imports ?? []).map((imported) => imported.path))
  }
  return false
}
