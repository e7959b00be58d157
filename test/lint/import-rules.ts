/** What the table of layers forbids, and how the table looks in docs/architecture.md. Pure. */
import { posix } from 'node:path'
import type { Layer } from './layers.ts'

/** A source file. */
export interface Source {
  /** From the project's root, with slashes. */
  readonly path: string
  readonly text: string
}

/** An import as it is written, at the head of a line; of an export, what it is exported from. */
const STATIC = /^(?:import|export)\s(?:[^'";:=()]*?\sfrom\s)?'([^']+)'/gm
/** One that is fetched when it is needed, or of a type. */
const DYNAMIC = /\bimport\(\s*'([^']+)'/g

/** What these sources import and may not, a sentence each. Types count as anything else. */
export function importFaults(layers: readonly Layer[], sources: readonly Source[]): string[] {
  const reach = reachOf(layers)
  return sources.flatMap(({ path, text }) => {
    const layer = layerOf(layers, path)
    if (layer === undefined) return [`${path} lies in no layer: add its folder to test/lint/layers.ts.`]
    return importsOf(text).flatMap((specifier) => {
      if (!specifier.startsWith('.')) {
        return (layer.packages ?? []).some((allowed) => isOf(packageOf(specifier), allowed))
          ? []
          : [`${path} imports the package ${specifier}, which ${layer.folder} may not.`]
      }
      const imported = posix.join(posix.dirname(path), specifier)
      const target = layerOf(layers, imported)
      const allowed = reach.get(layer.folder)
      return target && (allowed?.has(target.folder) || allowed?.has(imported))
        ? []
        : [`${path} imports ${imported}, which ${layer.folder} may not.`]
    })
  })
}

/** Faults of the table itself. */
export function tableFaults(layers: readonly Layer[]): string[] {
  return layers.flatMap(({ folder, imports }, at) =>
    imports
      .filter((name) => !layers.slice(0, at).some((lower) => name === lower.folder || isFileOf(name, lower)))
      .map((name) => `${folder} may import ${name}, which is no layer above its line.`),
  )
}

/** The table as Markdown. */
export function layerTable(layers: readonly Layer[]): string {
  const code = (words: readonly string[] = []): string => words.map((word) => `\`${word}\``).join(', ')
  const rows = [
    ['Folder', 'What it knows', 'Imports', 'Ports it declares', 'Globals', 'Packages'],
    ...layers.map((layer) => [
      code([layer.folder]),
      layer.knows,
      code(layer.imports),
      code(layer.ports),
      layer.globals ?? '',
      code(layer.packages),
    ]),
  ]
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)))
  const line = (row: readonly string[]): string =>
    `| ${row.map((cell, column) => cell.padEnd(widths[column])).join(' | ')} |`
  return [line(rows[0]), line(widths.map((width) => '-'.repeat(width))), ...rows.slice(1).map(line)].join(
    '\n',
  )
}

/** Each layer's folder to what it may import: itself, the folders and files it names, and what those folders may. */
function reachOf(layers: readonly Layer[]): ReadonlyMap<string, ReadonlySet<string>> {
  const reach = new Map<string, ReadonlySet<string>>()
  for (const { folder, imports } of layers)
    reach.set(folder, new Set([folder, ...imports.flatMap((name) => [...(reach.get(name) ?? [name])])]))
  return reach
}

function layerOf(layers: readonly Layer[], path: string): Layer | undefined {
  return layers.find((layer) => isFileOf(path, layer))
}

function isFileOf(path: string, { folder }: Layer): boolean {
  return path.startsWith(`${folder}/`)
}

function importsOf(text: string): string[] {
  return [STATIC, DYNAMIC].flatMap((form) => [...text.matchAll(form)].map(([, specifier]) => specifier))
}

function packageOf(specifier: string): string {
  return specifier.startsWith('node:') ? 'node' : specifier
}

/** Whether a specifier is a package, within it, or of the scope. */
function isOf(specifier: string, allowed: string): boolean {
  return specifier === allowed || specifier.startsWith(`${allowed}/`)
}
