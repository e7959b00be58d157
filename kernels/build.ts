/** `npm run kernels`: makes the kernels in `build/` from their folders: WebAssembly from AssemblyScript, and a shader. */

import { execFile } from 'node:child_process'
import { mkdir, readdir, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

interface Kernel {
  readonly folder: string
  /** Other folders that it takes sources from. */
  readonly shared?: readonly string[]
  /** Made of the folder's sources, in `build/`. */
  readonly output: string
  /** Where a program writes the source. */
  readonly source?: (sources: typeof import('./mining/sources.ts')) => string
  readonly options?: readonly string[]
}

const KERNELS: readonly Kernel[] = [
  { folder: 'secp256k1', shared: ['sha256'], output: 'secp256k1.wasm', options: ['--enable', 'simd'] },
  { folder: 'sha256', output: 'sha256.wasm', options: ['--enable', 'simd'] },
  {
    folder: 'mining',
    output: 'mining-simd.wasm',
    source: ({ assemblyScript }) => assemblyScript(true),
    options: ['--enable', 'simd'],
  },
  { folder: 'mining', output: 'mining-scalar.wasm', source: ({ assemblyScript }) => assemblyScript(false) },
  { folder: 'mining', output: 'mining.wgsl', source: ({ wgsl }) => wgsl() },
]

const FOLDER = fileURLToPath(new URL('.', import.meta.url))
const COMPILER = join(FOLDER, '../node_modules/assemblyscript/bin/asc.js')
const OPTIONS = ['-O3', '--noAssert', '--runtime', 'stub']

/** Makes the kernels that changed, or whose compiler did, since they were made. Rejects with what the compiler says. */
export async function buildKernels(): Promise<void> {
  await mkdir(join(FOLDER, 'build'), { recursive: true })
  for (const kernel of KERNELS) if (await isStale(kernel)) await build(kernel)
}

async function isStale({ folder, shared = [], output }: Kernel): Promise<boolean> {
  const built = await stat(join(FOLDER, 'build', output)).catch(() => undefined)
  if (built === undefined) return true
  const inputs = ['build.ts', '../package-lock.json']
  for (const each of [folder, ...shared]) {
    // A folder's own time tells of removed files.
    inputs.push(each)
    for (const file of await readdir(join(FOLDER, each))) inputs.push(join(each, file))
  }
  const changes = await Promise.all(inputs.map(async (input) => (await stat(join(FOLDER, input))).mtimeMs))
  return Math.max(...changes) > built.mtimeMs
}

async function build({ folder, output, source, options = [] }: Kernel): Promise<void> {
  // Written aside and renamed: commands that build at the same time never read half a file.
  const draft = `build/${process.pid}.${output}`
  let entry = `${folder}/index.ts`
  if (source) {
    entry = `${draft}.ts`
    await writeFile(join(FOLDER, entry), source(await import('./mining/sources.ts')))
  }
  if (output.endsWith('.wasm')) {
    const args = [COMPILER, entry, '--outFile', draft, ...OPTIONS, ...options]
    await promisify(execFile)(process.execPath, args, { cwd: FOLDER })
    if (source) await rm(join(FOLDER, entry))
  } else await rename(join(FOLDER, entry), join(FOLDER, draft))
  await rename(join(FOLDER, draft), join(FOLDER, 'build', output))
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await buildKernels()
