/**
 * Source code with counters or switches woven in: walks the syntax tree of a TypeScript file and bundles programs from what became
 * of their sources. The mutation check and the fuzzer are built on it. Thread: Node's main.
 */

import { readFileSync } from 'node:fs'
import { symlink } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'
import { pathToFileURL } from 'node:url'
import { build, type Metafile, type Plugin } from 'esbuild'
import { parseAst } from 'vite'
import { PROJECT } from './test-runs.ts'

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

/** What is written around a node. */
export interface Weft {
  /** Stands before the node. */
  readonly before?: string
  /** Stands at a position inside the node. */
  readonly inside?: { readonly at: number; readonly text: string }
  /** Stands behind the node. */
  readonly after?: string
}

/** Nodes of TypeScript that hold an expression which runs; all others are types. */
const WRAPPERS = new Set(['TSAsExpression', 'TSNonNullExpression', 'TSSatisfiesExpression'])

/**
 * Asks about everything that runs in a TypeScript source, outer nodes before inner ones and in the order of the text, and writes the
 * answers into it. Types, imports and names of properties are left out, and what is below a node for which the answer is undefined.
 */
export function weave(code: string, ask: (place: Place) => Weft | undefined): string {
  const pieces: { readonly at: number; readonly text: string }[] = []
  const put = (at: number, text: string | undefined): void => {
    if (text) pieces.push({ at, text })
  }
  const visit = (place: Place): void => {
    const { node } = place
    const weft = runs(place) ? ask(place) : undefined
    if (!weft) return
    put(node.start, weft.before)
    if (weft.inside) put(weft.inside.at, weft.inside.text)
    for (const child of childrenOf(place)) visit(child)
    put(node.end, weft.after)
  }
  const program = parseAst(code, { lang: 'ts' }) as unknown as SyntaxNode
  visit({ node: program, parent: undefined, key: '', above: undefined })
  let woven = ''
  let position = 0
  for (const { at, text } of pieces.sort((a, b) => a.at - b.at)) {
    woven += code.slice(position, at) + text
    position = at
  }
  return woven + code.slice(position)
}

function childrenOf(place: Place): Place[] {
  const { node } = place
  const children = Object.entries(node).flatMap(([key, value]) =>
    (Array.isArray(value) ? value : [value])
      .filter(isNode)
      .map((child) => ({ node: child, parent: node, key, above: place })),
  )
  return children.sort((a, b) => a.node.start - b.node.start)
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

/** Whether an optional chain goes through the node, so that nothing may be written around it. */
export function isWithinChain({ parent, key, above }: Place): boolean {
  let [node, role, place] = [parent, key, above]
  while (node && (role === 'object' || role === 'callee'))
    [node, role, place] = [place?.parent, place?.key ?? '', place?.above]
  return node?.type === 'ChainExpression'
}

/** Whether the node is the test of a statement or expression; not the value of a `case`. */
export function isTest({ parent, key }: Place): boolean {
  return key === 'test' && parent?.type !== 'SwitchCase'
}

/** The name of an identifier, or of the property that a member expression names; '' for others. */
export function nameOf(value: unknown): string {
  const node = value as SyntaxNode
  if (node.type === 'MemberExpression') return node.computed ? '' : nameOf(node.property)
  return node.type === 'Identifier' ? (node.name as string) : ''
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
