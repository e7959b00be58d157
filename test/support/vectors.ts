/**
 * Published test vectors, read where they are: the folder that OPENTAB_VECTORS names, by default `../shared/vectors` beside the
 * project. A clone without them skips the tests that need them.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'

const project = fileURLToPath(new URL('../../', import.meta.url))
const folder = resolve(project, process.env.OPENTAB_VECTORS ?? '../shared/vectors')

/** The bytes of a vector file, such as `blocks/block413567.raw`; undefined where it is absent. */
export function vectorBytes(path: string): Uint8Array | undefined {
  const file = resolve(folder, path)
  return existsSync(file) ? Uint8Array.from(readFileSync(file)) : undefined
}

/** The files of a vector folder whose names match, sorted; undefined where there are none. */
export function vectorFiles(path: string, name: RegExp): string[] | undefined {
  const directory = resolve(folder, path)
  const names = existsSync(directory) ? readdirSync(directory).filter((file) => name.test(file)) : []
  return names.length === 0 ? undefined : names.sort().map((file) => `${path}/${file}`)
}

/** The text of a vector file; undefined where it is absent. */
export function vectorText(path: string): string | undefined {
  const bytes = vectorBytes(path)
  return bytes && new TextDecoder().decode(bytes)
}

/** The parsed JSON of a vector file; undefined where it is absent. `T` is the caller's description of the file. */
export function vectors<T>(path: string): T | undefined {
  const text = vectorText(path)
  return text === undefined ? undefined : (JSON.parse(text) as T)
}

/**
 * A test over vectors, skipped where they are absent. `run` reports how many cases it ran through
 * `context.diagnostic`: their number is that of the folder, not of the test.
 */
export function vectorTest<T>(
  name: string,
  found: T | undefined,
  run: (found: T, context: TestContext) => void | Promise<void>,
): void {
  test(name, { skip: found === undefined && 'the vectors are absent' }, (context) => run(found as T, context))
}
