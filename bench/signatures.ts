/** `signatures.*`: the figures of the page, and against libsecp256k1 where it is installed, in turns. */
import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { type BenchResult, compared } from './result.ts'
import { withBenchPage } from './run-in-page.ts'

const run = promisify(execFile)

const TURNS = 5
/** Milliseconds of each native measurement. */
const SLICE = 500

export async function benchSignatures(): Promise<BenchResult[]> {
  const directory = await mkdtemp(join(tmpdir(), 'opentab-bench-'))
  try {
    const native = await compileNative(directory)
    const turns: BenchResult[][] = []
    await withBenchPage(async (runGroup) => {
      for (let turn = 0; turn < TURNS; turn++) {
        const results = await runGroup('signatures')
        if (native !== undefined) results.push(await againstNative(results, native))
        turns.push(results)
      }
    })
    return turns[0].map((_, i) => medianTurn(turns.map((turn) => turn[i])))
  } finally {
    await rm(directory, { recursive: true })
  }
}

async function againstNative(results: readonly BenchResult[], program: string): Promise<BenchResult> {
  const batch = results.find(({ name }) => name === 'signatures.batch512')
  if (batch === undefined) throw new Error('The page told no signatures.batch512.')
  const { stdout } = await run(program, [String(SLICE)])
  const reference = 'native libsecp256k1, one by one'
  return compared('signatures.batch512-native', batch.value, batch.unit, reference, Number(stdout))
}

/** The turn of the middle ratio. */
function medianTurn(turns: readonly BenchResult[]): BenchResult {
  const sorted = [...turns].sort((a, b) => (a.ratio ?? 0) - (b.ratio ?? 0))
  return sorted[sorted.length >> 1]
}

/** Compiles the native program. Undefined, with a word on stderr, where there is no compiler or no libsecp256k1. */
async function compileNative(directory: string): Promise<string | undefined> {
  const program = join(directory, 'schnorr')
  const source = fileURLToPath(new URL('native/schnorr.c', import.meta.url))
  try {
    await run('cc', ['-O2', '-o', program, source, '-lsecp256k1'])
    return program
  } catch {
    process.stderr.write(
      'signatures.batch512-native is left out: it takes a C compiler and libsecp256k1 (apt-get install gcc libsecp256k1-dev).\n',
    )
    return undefined
  }
}
