/** Builds the targets with counters in their sources, and loads them. Thread: Node's main. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { bundle } from '../support/instrumented-bundle.ts'
import { Coverage } from './coverage.ts'
import { CALLS, withEdges } from './edges.ts'
import type { Target } from './fuzzer.ts'

/** Layers whose sources get counters. */
const WOVEN = /^src\/(primitives|script|consensus|chain|channels|wallet|protocol|workers)\//

/** A folder with the built targets; remove it with `removeTargets`. */
export async function buildTargets(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'opentab-fuzz-'))
  let next = 0
  await bundle({
    entries: ['test/fuzz/targets.ts'],
    folder,
    banner: `const {${CALLS.join(',')}}=globalThis;`,
    transform(path, code) {
      if (!WOVEN.test(path)) return undefined
      const woven = withEdges(code, next)
      next = woven.next
      return woven.code
    },
  })
  return folder
}

/** The targets of a folder, and what their sources count. */
export async function loadTargets(
  folder: string,
): Promise<{ targets: readonly Target[]; coverage: Coverage }> {
  const coverage = new Coverage()
  coverage.install()
  const url = pathToFileURL(join(folder, 'test/fuzz/targets.js'))
  const { TARGETS } = (await import(url.href)) as typeof import('./targets.ts')
  return { targets: TARGETS, coverage }
}

export async function removeTargets(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true })
}
