/**
 * Builds the page and its workers as one program. Vite by itself bundles each worker apart, and ships what several of them use, such as the
 * curve's arithmetic, several times over. In the build alone: the development server serves every module under its own address.
 */

import { dirname, resolve } from 'node:path'
import type { Plugin } from 'vite'

/** What the plugins look at of a built file. */
interface BuiltFile {
  readonly type: string
  readonly fileName: string
  readonly isEntry?: boolean
  readonly facadeModuleId?: string | null
  readonly imports?: readonly string[]
  readonly dynamicImports?: readonly string[]
}

/** Makes a file of its own of each module that `new URL('….worker.ts', import.meta.url)` names, and names that file there. */
export function workersWithPage(): Plugin {
  const workerAddress = /new URL\(\s*'([^']+\.worker\.ts)',\s*import\.meta\.url\s*\)/g
  return {
    name: 'opentab:workers-with-page',
    apply: 'build',
    // Before Vite's own plugin for the same addresses.
    enforce: 'pre',
    transform: {
      filter: { code: '.worker.ts' },
      handler(code, importer) {
        return code.replace(workerAddress, (_, path: string) => {
          const worker = this.emitFile({
            type: 'chunk',
            id: resolve(dirname(importer), path),
            // Else what a thread shares with parts that it loads later would lie in its first file: see below.
            preserveSignature: 'strict',
          })
          return `import.meta.ROLLUP_FILE_URL_${worker}`
        })
      },
    },
    // Vite loads what a dynamic import needs by way of the document, which workers lack.
    load: {
      filter: { id: /^\0vite\/preload-helper/ },
      handler: () => 'export const __vitePreload = (load) => load()',
    },
  }
}

/**
 * Stops the build where a file imports the first file of a thread. WebKit doesn't count that file among the thread's modules: it would be run a
 * second time, and what it holds be there twice, such as the node.
 */
export function threadsRunOnce(): Plugin {
  return {
    name: 'opentab:threads-run-once',
    apply: 'build',
    generateBundle(_options, bundle) {
      const [first] = importsOfThreads(Object.values(bundle))
      if (first !== undefined) this.error(`${first} WebKit would run that thread's program twice.`)
    },
  }
}

/** Which files import the first file of a thread, a sentence each. */
export function importsOfThreads(files: readonly BuiltFile[]): string[] {
  const threads = new Set(
    files
      .filter(({ isEntry, facadeModuleId }) => isEntry === true && facadeModuleId?.endsWith('.worker.ts'))
      .map(({ fileName }) => fileName),
  )
  return files.flatMap(({ fileName, imports = [], dynamicImports = [] }) =>
    [...imports, ...dynamicImports]
      .filter((imported) => threads.has(imported))
      .map((imported) => `${fileName} imports ${imported}, the first file of a thread.`),
  )
}
