/**
 * Published test vectors, read where they are: the folder that OPENTAB_VECTORS names, by default `../shared/vectors`
 * beside the project. Files are found at run time and recognised by their shape, so that larger collections in the
 * same layout run as they are.
 */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const project = fileURLToPath(new URL('../../', import.meta.url))
const folder = resolve(project, process.env.OPENTAB_VECTORS ?? '../shared/vectors')

/** A file of the vector folder. It is read when it is first looked into. */
export class VectorFile {
  /** Relative to the vector folder, with slashes: `blocks/block413567.raw`. */
  readonly path: string
  private cachedBytes: Uint8Array | undefined
  private cachedJson: { readonly value: unknown } | undefined

  constructor(path: string) {
    this.path = path
  }

  /** Without its folders. */
  get name(): string {
    return this.path.slice(this.path.lastIndexOf('/') + 1)
  }

  get bytes(): Uint8Array {
    this.cachedBytes ??= Uint8Array.from(readFileSync(resolve(folder, this.path)))
    return this.cachedBytes
  }

  get text(): string {
    return new TextDecoder().decode(this.bytes)
  }

  /** The parsed JSON; undefined where it is none. A comma behind it, as in dumps of single cases, is overlooked. */
  get json(): unknown {
    this.cachedJson ??= { value: parseJson(this.text.trim().replace(/,$/, '')) }
    return this.cachedJson.value
  }

  /** Whether this is a JSON object with all of these names. */
  hasKeys(...names: string[]): boolean {
    return isRecord(this.json) && names.every((name) => name in (this.json as object))
  }

  /** The elements of a JSON array; none where this is no array. */
  get rows(): readonly unknown[] {
    return Array.isArray(this.json) ? this.json : []
  }

  /** Lets go of what was read. */
  close(): void {
    this.cachedBytes = undefined
    this.cachedJson = undefined
  }
}

/** Every file of the vector folder but its descriptions (`*.md`), sorted; undefined where there is no such folder. */
export function vectorFiles(): VectorFile[] | undefined {
  return existsSync(folder) ? filesUnder('').map((path) => new VectorFile(path)) : undefined
}

/** Links are followed, so that a collection can be put together of others. */
function filesUnder(path: string): string[] {
  return readdirSync(resolve(folder, path))
    .sort()
    .map((name) => (path ? `${path}/${name}` : name))
    .flatMap((inner) => {
      if (statSync(resolve(folder, inner)).isDirectory()) return filesUnder(inner)
      return inner.endsWith('.md') ? [] : [inner]
    })
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
