/** `npm run kernels`: compiles the WebAssembly kernels from their AssemblyScript, each folder's `index.ts` to `build/<folder>.wasm`. */

import { execFile } from 'node:child_process'
import { mkdir, readdir, rename, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

/** The kernels, by their folders. */
const KERNELS = ['secp256k1']

const FOLDER = fileURLToPath(new URL('.', import.meta.url))
const COMPILER = join(FOLDER, '../node_modules/assemblyscript/bin/asc.js')
const OPTIONS = ['-O3', '--noAssert', '--runtime', 'stub']

/** Compiles the kernels that changed, or whose compiler did, since they were built. Rejects with what the compiler says. */
export async function buildKernels(): Promise<void> {
  await mkdir(join(FOLDER, 'build'), { recursive: true })
  for (const name of KERNELS) if (await isStale(name)) await buildKernel(name)
}

async function isStale(name: string): Promise<boolean> {
  const built = await stat(join(FOLDER, 'build', `${name}.wasm`)).catch(() => undefined)
  if (built === undefined) return true
  const files = (await readdir(join(FOLDER, name))).map((file) => join(name, file))
  // A folder's own time tells of removed files.
  const inputs = [name, ...files, 'build.ts', '../package-lock.json']
  const changes = await Promise.all(inputs.map(async (input) => (await stat(join(FOLDER, input))).mtimeMs))
  return Math.max(...changes) > built.mtimeMs
}

async function buildKernel(name: string): Promise<void> {
  // Written aside and renamed: commands that build at the same time never read half a file.
  const draft = `build/${name}.${process.pid}.wasm`
  const args = [COMPILER, `${name}/index.ts`, '--outFile', draft, ...OPTIONS]
  await promisify(execFile)(process.execPath, args, { cwd: FOLDER })
  await rename(join(FOLDER, draft), join(FOLDER, 'build', `${name}.wasm`))
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await buildKernels()
