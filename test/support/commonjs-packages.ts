/**
 * Serves CommonJS packages to browser tests as modules: a plugin of the test runner, which serves the files of
 * packages as they are, and browsers know modules only. Thread: Node's main.
 */

import { createRequire } from 'node:module'
import type { TestRunnerPlugin } from '@web/test-runner'
import { build } from 'esbuild'

const PREFIX = '/__commonjs/'

const require = createRequire(import.meta.url)

/** Serves the packages with these names, each bundled with all it requires. */
export function commonjsPackages(names: readonly string[]): TestRunnerPlugin {
  const bundles = new Map<string, Promise<string>>()
  return {
    name: 'commonjs-packages',
    resolveImport({ source }) {
      return names.includes(source) ? `${PREFIX}${source}.js` : undefined
    },
    async serve({ path }) {
      if (!path.startsWith(PREFIX)) return undefined
      const name = path.slice(PREFIX.length, -'.js'.length)
      if (!names.includes(name)) return undefined
      const bundle = bundles.get(name) ?? bundlePackage(name)
      bundles.set(name, bundle)
      return { body: await bundle, type: 'js' }
    },
  }
}

async function bundlePackage(name: string): Promise<string> {
  // The exports of a CommonJS module are known only by running it.
  const names = Object.keys(require(name)).filter((key) => key !== 'default')
  const { outputFiles } = await build({
    stdin: {
      contents: `const all = require('${name}')
        export default all.__esModule ? all.default : all
        export const { ${names.join(', ')} } = all`,
      resolveDir: process.cwd(),
    },
    bundle: true,
    format: 'esm',
    write: false,
  })
  return outputFiles[0]!.text
}
