/** Promise: no file of the built page imports the first file of a thread, which WebKit would run twice; the build stops otherwise. */
import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { build, type Plugin, type Rolldown } from 'vite'
import { importsOfThreads, threadsRunOnce, workersWithPage } from '../../../build/threads.ts'

/** A page whose worker holds something, and loads later a part that uses the same. */
const SOURCES = {
  'index.html': '<script type="module" src="/main.ts"></script>',
  'main.ts': "new Worker(new URL('./a.worker.ts', import.meta.url), { type: 'module' })",
  'a.worker.ts': "import { held } from './held.ts'\nheld.add(1)\nvoid import('./part.ts')",
  'held.ts': 'export const held = new Set()',
  'part.ts': "import { held } from './held.ts'\nconsole.log(held.size)",
}

let folder: string

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'opentab-threads-'))
  for (const [name, text] of Object.entries(SOURCES)) await writeFile(join(folder, name), text)
})

after(() => rm(folder, { recursive: true }))

async function built(...plugins: readonly Plugin[]): Promise<Rolldown.RolldownOutput['output']> {
  const output = await build({
    root: folder,
    configFile: false,
    logLevel: 'silent',
    build: { write: false, modulePreload: false },
    plugins: [...plugins],
  })
  return (output as Rolldown.RolldownOutput).output
}

test('what a thread shares with a part that it loads later lies in neither', async () => {
  const files = await built(workersWithPage(), threadsRunOnce())
  assert.ok(files.some(({ fileName }) => /a\.worker-.*\.js$/.test(fileName)))
  assert.deepEqual(importsOfThreads(files), [])
})

test('the build stops where another file imports the first file of a thread', async () => {
  await writeFile(join(folder, 'main.ts'), `${SOURCES['main.ts']}\nvoid import('./a.worker.ts')`)
  await assert.rejects(
    built(workersWithPage(), threadsRunOnce()),
    /index-.*\.js imports .*a\.worker-.*\.js.*WebKit/,
  )
})
