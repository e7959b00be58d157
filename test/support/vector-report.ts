/**
 * What became of published vectors, file by file: how many rows ran and passed, and why the others don't apply. Nothing is left
 * out in silence: every row of a file ends in one of the columns.
 */

/** Thrown by a row's check that finds that the row says nothing about this project. */
export class NotApplicable extends Error {}

/** Ends the check of a row with the reason why it does not apply. */
export function notApplicable(reason: string): never {
  throw new NotApplicable(reason)
}

/** A line of the table: a file, or one aspect of it. */
export class VectorReport {
  readonly name: string
  /** Files that share the line. */
  files = 0
  passed = 0
  /** What failed and how. */
  readonly failures: string[] = []
  /** Rows that don't apply, by reason. */
  readonly reasons = new Map<string, number>()

  constructor(name: string) {
    this.name = name
  }

  /** Rows that were checked. */
  get run(): number {
    return this.passed + this.failures.length
  }

  get rows(): number {
    return this.run + [...this.reasons.values()].reduce((sum, count) => sum + count, 0)
  }

  /** Checks a row. What `check` throws is a failure, which doesn't end the file, or the row's `NotApplicable`. */
  row(label: string, check: () => void): void {
    try {
      check()
      this.passed++
    } catch (error) {
      this.conclude(label, error)
    }
  }

  /** As `row`, for checks that wait. */
  async rowAsync(label: string, check: () => Promise<void>): Promise<void> {
    try {
      await check()
      this.passed++
    } catch (error) {
      this.conclude(label, error)
    }
  }

  /** Counts a row that doesn't apply. */
  skip(reason: string): void {
    this.skipMany(reason, 1)
  }

  /** Counts the rows of a list that don't apply; none where the file has no such list. */
  skipAll(reason: string, rows: readonly unknown[] | undefined): void {
    this.skipMany(reason, rows?.length ?? 0)
  }

  /** Counts this many rows that don't apply. */
  skipMany(reason: string, count: number): void {
    if (count > 0) this.reasons.set(reason, (this.reasons.get(reason) ?? 0) + count)
  }

  private conclude(label: string, error: unknown): void {
    if (error instanceof NotApplicable) this.skip(error.message)
    else this.failures.push(`${label}: ${error instanceof Error ? error.message : String(error)}`)
  }
}

/** The lines as one table. */
export function tableOf(reports: readonly VectorReport[]): string {
  const lines = [...reports, totalOf(reports)].map((report) => {
    const reasons = [...report.reasons].map(([reason, count]) => `${reason}: ${count}`)
    return [
      report.files > 1 ? `${report.name} (${report.files} files)` : report.name,
      report.rows,
      report.run,
      report.passed,
      reasons.join('; ') || '-',
    ].map(String)
  })
  const table = [['file', 'rows', 'run', 'passed', 'not applicable (reason: rows)'], ...lines]
  const widths = [0, 1, 2, 3].map((column) => Math.max(...table.map((line) => line[column].length)))
  const aligned = table.map(([file, ...cells]) => {
    const numbers = cells.slice(0, 3).map((cell, i) => cell.padStart(widths[i + 1]))
    return [file.padEnd(widths[0]), ...numbers, cells[3]].join(' | ')
  })
  return aligned.join('\n')
}

function totalOf(reports: readonly VectorReport[]): VectorReport {
  const total = new VectorReport('all')
  for (const { passed, failures, reasons } of reports) {
    total.passed += passed
    total.failures.push(...failures)
    const skipped = [...reasons.values()].reduce((sum, count) => sum + count, 0)
    if (skipped > 0) total.reasons.set('in all', (total.reasons.get('in all') ?? 0) + skipped)
  }
  return total
}
