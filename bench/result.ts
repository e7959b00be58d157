/** What a benchmark says, in Node and in the page. */

export interface BenchResult {
  /** `group.figure`. */
  readonly name: string
  /** Ours. */
  readonly value: number
  readonly unit: string
  /** What ours was run against; null where there is nothing to compare with. */
  readonly reference: string | null
  /** Ours over the reference's; null without a reference. */
  readonly ratio: number | null
}

export function result(name: string, value: number, unit: string): BenchResult {
  return { name, value, unit, reference: null, ratio: null }
}

/** `reference` names what was run, `other` is its figure in the same unit, measured in the same run. */
export function compared(
  name: string,
  value: number,
  unit: string,
  reference: string,
  other: number,
): BenchResult {
  return { name, value, unit, reference, ratio: value / other }
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)]
}

/** The value below which the share `fraction` of the values lies. */
export function quantile(values: readonly number[], fraction: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * fraction))]
}
