/**
 * What seed words alone can't bring back: labels, and how many addresses were handed out. A text of JSON that goes
 * into the backup file beside the seed. Pure, any thread.
 */
import { accept, invalid, type Result } from './result.ts'

export interface WalletMetadata {
  /** Per branch, the index of the next key to hand out. */
  readonly next: readonly [number, number]
  /** By address; also those of others. */
  readonly labels: ReadonlyMap<string, string>
}

/** Addresses that a backup may claim were handed out: each takes a millisecond to derive. */
const MAX_NEXT = 10_000
export const MAX_LABEL_CHARACTERS = 200

export function encodeMetadata({ next, labels }: WalletMetadata): string {
  return JSON.stringify({ version: 1, next, labels: [...labels] })
}

/** Rejects with `metadata-invalid`. */
export function decodeMetadata(text: string): Result<WalletMetadata> {
  try {
    const { version, next, labels } = JSON.parse(text) ?? {}
    if (version === 1 && isNext(next) && isLabels(labels)) return accept({ next, labels: new Map(labels) })
  } catch {
    // Not JSON: the same as JSON of another shape.
  }
  return invalid(
    'metadata-invalid',
    'The labels in this backup could not be read; the coins are not affected.',
  )
}

function isNext(value: unknown): value is [number, number] {
  const isIndex = (index: unknown) =>
    Number.isInteger(index) && Number(index) >= 0 && Number(index) <= MAX_NEXT
  return Array.isArray(value) && value.length === 2 && value.every(isIndex)
}

function isLabels(value: unknown): value is [string, string][] {
  return (
    Array.isArray(value) && value.every((row) => Array.isArray(row) && row.length === 2 && row.every(isLabel))
  )
}

function isLabel(value: unknown): boolean {
  return typeof value === 'string' && value.length <= MAX_LABEL_CHARACTERS
}
