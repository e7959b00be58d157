/** How a file of published vectors is recognised and run. */
import type { VectorFile } from '../support/vector-files.ts'
import type { VectorReport } from '../support/vector-report.ts'

export interface VectorRule {
  /** The folder of the files it is for. */
  readonly folder: string
  /** What it looks at, where a file has several rules: each has its own line. */
  readonly aspect?: string
  /** Whether it knows this file's format: by its shape, and by its name where the shape leaves it open. */
  accepts(file: VectorFile): boolean
  /** Runs every row through the project's public functions. */
  run(file: VectorFile, report: VectorReport): void | Promise<void>
}

/**
 * A rule for JSON objects that the caller describes by `T`: recognised by the names that they all have, `optional` being the
 * other lists that it runs. Whatever else is a list in there is counted as unknown.
 */
export function jsonRule<T>(
  folder: string,
  names: readonly string[],
  optional: readonly string[],
  run: (content: T, report: VectorReport) => void | Promise<void>,
): VectorRule {
  return {
    folder,
    accepts: (file) => file.hasKeys(...names),
    run: async (file, report) => {
      await run(file.json as T, report)
      for (const [name, list] of Object.entries(file.json as object))
        if (Array.isArray(list) && !names.includes(name) && !optional.includes(name))
          report.skipAll(`UNKNOWN LIST "${name}"`, list)
    },
  }
}
