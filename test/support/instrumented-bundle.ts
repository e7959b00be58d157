/**
 * Source code with counters or switches woven in: walks the syntax tree of a TypeScript file and bundles programs from what became
 * of their sources. The mutation check and the fuzzer are built on it. Thread: Node's main.
 */

import { readFileSync } from 'node:fs'
import { symlink } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { build, type Metafile, type Plugin } from 'esbuild'
import { parseAst } from 'vite'

/** The project's folder. */
export const PROJECT = fileURLToPath(new URL('../..', import.meta.url))

/** A node of the ESTree. `start` and `end` are positions in the text. */
export interface SyntaxNode {
  readonly type: string
  readonly start: number
  readonly end: number
  readonly [key: string]: unknown
}

/** Where a node stands: `parent[key]` is the node, or a list that holds it. */
export interface Place {
  readonly node: SyntaxNode
  readonly parent: SyntaxNode | undefined
  readonly key: string
  /** The place of `parent`. */
  readonly above: Place | undefined
}

/** What is done on the way through a tree. */
export interface Visitor {
  /** False: what is below the node is left out, and its `leave`. */
  enter(place: Place): boolean
  leave(place: Place): void
}

/** Nodes of TypeScript that hold an expression which runs; all others are types. */
const WRAPPERS = new Set(['TSAsExpression', 'TSNonNullExpression', 'TSSatisfiesExpression'])

/** Parses TypeScript and visits all that runs, in the order of the text: no types, no imports, no names of properties. */
export function walk(code: string, visitor: Visitor): void {
  visit(
    {
      node: parseAst(code, { lang: 'ts' }) as unknown as SyntaxNode,
      parent: undefined,
      key: '',
      above: undefined,
    },
    visitor,
  )
}

function visit(place: Place, visitor: Visitor): void {
  const { node } = place
  if (!runs(place) || !visitor.enter(place)) return
  const below: Place[] = []
  for (const [key, value] of Object.entries(node))
    for (const child of Array.isArray(value) ? value : [value])
      if (isNode(child)) below.push({ node: child, parent: node, key, above: place })
  for (const child of below.sort((a, b) => a.node.start - b.node.start)) visit(child, visitor)
  visitor.leave(place)
}

function runs({ node, parent, key }: Place): boolean {
  if (node.type.startsWith('TS')) return WRAPPERS.has(node.type)
  if (node.type === 'ImportDeclaration' || node.type === 'ExportAllDeclaration') return false
  if ((key === 'key' || key === 'property') && parent) return parent.computed === true
  return true
}

function isNode(value: unknown): value is SyntaxNode {
  return typeof value === 'object' && value !== null && 'type' in value && 'start' in value
}

/** Line numbers of positions in a text, from 1. */
export function lineOf(code: string, position: number): number {
  return code.slice(0, position).split('\n').length
}

export interface BundleOptions {
  /** Files of the project, relative to it. */
  readonly entries: readonly string[]
  /** Gets `<entry without .ts>.js` for every entry. */
  readonly folder: string
  /** Stands before all else in every file: what the woven code calls. */
  readonly banner: string
  /** What stands for the source of `path`, relative to the project; undefined leaves it. */
  transform(path: string, code: string): string | undefined
}

/**
 * Bundles each entry with the project's own modules, which the entries share, into `folder`. Packages stay outside and are
 * found through a link; `import.meta.url` keeps naming the source. The result tells what each file was made of.
 */
export async function bundle({ entries, folder, banner, transform }: BundleOptions): Promise<Metafile> {
  const plugin: Plugin = {
    name: 'instrument',
    setup(api) {
      api.onLoad({ filter: /\.ts$/ }, ({ path }) => {
        const source = readFileSync(path, 'utf8')
        const contents = transform(relative(PROJECT, path), source) ?? source
        const here = JSON.stringify(pathToFileURL(path).href)
        return {
          contents: contents.replaceAll('import.meta.url', here),
          loader: 'ts',
          resolveDir: dirname(path),
        }
      })
    },
  }
  const { metafile } = await build({
    absWorkingDir: PROJECT,
    entryPoints: [...entries],
    outdir: folder,
    outbase: PROJECT,
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    packages: 'external',
    banner: { js: banner },
    logLevel: 'error',
    metafile: true,
    plugins: [plugin],
  })
  await symlink(join(PROJECT, 'node_modules'), join(folder, 'node_modules'))
  return metafile
}
