/**
 * Holds the project to the table of layers: what the sources import, which globals the compiler and the linter allow them, and
 * docs/architecture.md. Part of `npm run check`; with `--write` it first writes the table in that document anew.
 */
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { PROJECT } from '../support/test-runs.ts'
import { importFaults, layerTable, type Source, tableFaults } from './import-rules.ts'
import { LAYERS, type Layer } from './layers.ts'

const DOCUMENT = 'docs/architecture.md'
/** The table in the document, from its head to the end of its last row. */
const TABLE = /^\| Folder .*\n(?:\|.*\n)*/m

async function main(write: boolean): Promise<number> {
  if (write) await writeTable()
  const faults = [
    ...tableFaults(LAYERS),
    ...importFaults(LAYERS, await sources()),
    ...(await globalFaults()),
    ...(await documentFaults()),
  ]
  for (const fault of faults) process.stderr.write(`${fault}\n`)
  return faults.length === 0 ? 0 : 1
}

/** Every source file of the layers, and of folders of `src` that are none. */
async function sources(): Promise<Source[]> {
  const roots = new Set(['src', ...LAYERS.map(({ folder }) => folder.split('/')[0])])
  const found = await Promise.all([...roots].map(sourcesBelow))
  return found.flat()
}

async function sourcesBelow(root: string): Promise<Source[]> {
  const entries = await readdir(join(PROJECT, root), { recursive: true, withFileTypes: true })
  const paths = entries
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => relative(PROJECT, join(entry.parentPath, entry.name)).replaceAll('\\', '/'))
  return Promise.all(paths.map(async (path) => ({ path, text: await read(path) })))
}

/** Where the compiler's projects or the linter's settings let a layer use other globals than the table says. */
async function globalFaults(): Promise<string[]> {
  const foldersWith = (matches: (layer: Layer) => boolean): string[] =>
    LAYERS.filter(matches).map(({ folder }) => folder)
  const impure = foldersWith(({ folder, globals }) => folder.startsWith('src/') && globals !== undefined)
  const faults: string[] = []
  const expect = (file: string, list: readonly string[], expected: readonly string[]): void => {
    if (!isDeepStrictEqual([...list].sort(), [...expected].sort()))
      faults.push(`${file} lists ${list.join(', ')}; by the table of layers: ${expected.join(', ')}.`)
  }
  const { exclude } = await json<Project>('tsconfig.core.json')
  expect('"exclude" of tsconfig.core.json', exclude ?? [], impure)
  for (const context of ['worker', 'window', 'node'] as const) {
    const file = `tsconfig.${context}.json`
    const { include } = await json<Project>(file)
    const layers = include.filter((entry) => LAYERS.some(({ folder }) => folder === entry))
    expect(
      `"include" of ${file}`,
      layers,
      foldersWith(({ globals }) => globals === context),
    )
  }
  const { overrides } = await json<{ readonly overrides: readonly Override[] }>('biome.json')
  const deterministic = overrides.find(({ plugins }) => plugins?.includes('./test/lint/deterministic.grit'))
  expect('The override of biome.json with the plugin deterministic.grit', deterministic?.includes ?? [], [
    'src/**',
    ...impure.map((folder) => `!${folder}/**`),
  ])
  return faults
}

interface Project {
  readonly include: readonly string[]
  readonly exclude?: readonly string[]
}

interface Override {
  readonly includes: readonly string[]
  readonly plugins?: readonly string[]
}

async function documentFaults(): Promise<string[]> {
  const [table] = (await read(DOCUMENT)).match(TABLE) ?? []
  return table === `${layerTable(LAYERS)}\n`
    ? []
    : [`The table in ${DOCUMENT} is not that of the layers: "npx tsx test/lint/check.ts --write" writes it.`]
}

async function writeTable(): Promise<void> {
  const text = await read(DOCUMENT)
  await writeFile(
    join(PROJECT, DOCUMENT),
    text.replace(TABLE, () => `${layerTable(LAYERS)}\n`),
  )
}

function read(path: string): Promise<string> {
  return readFile(join(PROJECT, path), 'utf8')
}

async function json<T>(path: string): Promise<T> {
  return JSON.parse(await read(path))
}

process.exitCode = await main(process.argv.includes('--write'))
