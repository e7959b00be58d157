/**
 * What seed words alone can't bring back: labels, how many addresses were handed out, which of them mining pays to. A text of JSON that goes
 * into the backup file beside the seed; labels alone also as BIP329 has them. A part that can't be read costs only itself. Pure, any thread.
 */
import { decodeSegwitAddress, encodeSegwitAddress } from '../script/address.ts'
import { GAP_LIMIT, MAX_ISSUED, type PerBranch } from './address-book.ts'
import { invalid, ok, type Result } from './result.ts'
import { withoutTurns } from './strangers-words.ts'

export interface WalletMetadata {
  /** Per branch, the index of the next key to hand out: at most `MAX_ISSUED`. */
  readonly next: PerBranch
  /** Index of the receiving key that mining pays to; undefined where there is none. */
  readonly mining: number | undefined
  /** By address; also those of others. */
  readonly labels: ReadonlyMap<string, string>
}

/** What could be read of a metadata text. */
export interface ReadMetadata extends Omit<WalletMetadata, 'mining'> {
  /** Also undefined where the text is of version 0.3.0, which had a label in its place; null where mining has no address. */
  readonly mining: number | null | undefined
  /** What was left out and why: sentences for people. */
  readonly warnings: readonly string[]
}

/** Characters of a label: what BIP329 expects wallets to take. */
export const MAX_LABEL_CHARACTERS = 255

export function encodeMetadata({ next, mining, labels }: WalletMetadata): string {
  return JSON.stringify({
    version: 1,
    next: next.map((index) => Math.min(index, MAX_ISSUED)),
    mining: mining ?? null,
    labels: [...labels],
  })
}

/** Labels as lines of JSON, one an address (BIP329). */
export function encodeLabels(labels: ReadonlyMap<string, string>): string {
  return [...labels].map(([ref, label]) => `${JSON.stringify({ type: 'addr', ref, label })}\n`).join('')
}

/**
 * Reads what `encodeMetadata` or `encodeLabels` gave, or another wallet's labels (BIP329), for a network with this address prefix. Rejects with
 * `metadata-invalid` where nothing can be read.
 */
export function decodeMetadata(text: string, addressPrefix: string): Result<ReadMetadata> {
  const labels = new LabelReader(addressPrefix)
  const whole = parseObject(text)
  if (whole?.version !== 1) return labels.readLines(text)
  const warnings: string[] = []
  const next = isNext(whole.next) ? whole.next : undefined
  const rows = Array.isArray(whole.labels) ? whole.labels : undefined
  if (!next && !rows) return unreadable()
  if (!next)
    warnings.push(
      `The count of addresses that were given out could not be read. Coins at addresses beyond ${GAP_LIMIT} unused ones are not looked for.`,
    )
  if (!rows) warnings.push('The labels could not be read.')
  for (const row of rows ?? []) {
    const [address, label] = Array.isArray(row) ? row : []
    labels.take(address, label)
  }
  const { mining } = whole
  const isMining = mining === null || mining === undefined || isIndex(mining)
  return ok({
    next: next ?? [0, 0],
    mining: isMining ? mining : undefined,
    labels: labels.taken,
    warnings: [...warnings, ...labels.warnings()],
  })
}

/** Keeps what labels an address, and counts the rest. */
class LabelReader {
  readonly taken = new Map<string, string>()
  private readonly addressPrefix: string
  private strangers: string[] = []
  private shortened = 0
  private otherKinds = 0

  constructor(addressPrefix: string) {
    this.addressPrefix = addressPrefix
  }

  take(ref: unknown, label: unknown): void {
    const address = typeof ref === 'string' ? this.addressOf(ref) : undefined
    if (address === undefined || typeof label !== 'string') {
      this.strangers.push(String(ref))
      return
    }
    if (label.length > MAX_LABEL_CHARACTERS) this.shortened++
    this.taken.set(address, label.slice(0, MAX_LABEL_CHARACTERS))
  }

  readLines(text: string): Result<ReadMetadata> {
    for (const line of text.split('\n').filter((line) => line.trim() !== '')) {
      const { type, ref, label } = parseObject(line) ?? {}
      // A record without a label says nothing that this wallet keeps (BIP329).
      if (type === 'addr' && (label === undefined || label === '')) continue
      const words = typeof label === 'string' ? withoutTurns(label) : label
      if (type === 'addr' || typeof type !== 'string') this.take(ref, words)
      else this.otherKinds++
    }
    if (this.taken.size === 0 && this.strangers.length > 0) return unreadable()
    return ok({ next: [0, 0], mining: null, labels: this.taken, warnings: this.warnings() })
  }

  /** What was left out. */
  warnings(): string[] {
    const { strangers, shortened, otherKinds } = this
    const warnings: string[] = []
    if (strangers.length > 0)
      warnings.push(
        `${counted(strangers.length)} left out: "${strangers[0].slice(0, 80)}" is no address of this network.`,
      )
    if (otherKinds > 0)
      warnings.push(`${counted(otherKinds)} left out: this wallet keeps labels of addresses only.`)
    if (shortened > 0) warnings.push(`${counted(shortened)} shortened to ${MAX_LABEL_CHARACTERS} characters.`)
    return warnings
  }

  /** In the form that the wallet writes. */
  private addressOf(text: string): string | undefined {
    const decoded = decodeSegwitAddress(text)
    if (!decoded.ok) return undefined
    const { prefix, version, program } = decoded.value
    const isTaproot = prefix === this.addressPrefix && version === 1 && program.length === 32
    return isTaproot ? encodeSegwitAddress(decoded.value) : undefined
  }
}

function counted(labels: number): string {
  return labels === 1 ? '1 label was' : `${labels} labels were`
}

function unreadable(): Result<never> {
  return invalid(
    'metadata-invalid',
    'The labels and the count of addresses could not be read; the coins are not affected.',
  )
}

function parseObject(text: string): Partial<Record<string, unknown>> | undefined {
  try {
    const value = JSON.parse(text)
    return typeof value === 'object' && value !== null ? value : undefined
  } catch {
    return undefined
  }
}

function isNext(value: unknown): value is [number, number] {
  return Array.isArray(value) && value.length === 2 && value.every(isIndex)
}

function isIndex(value: unknown): value is number {
  return Number.isInteger(value) && Number(value) >= 0 && Number(value) <= MAX_ISSUED
}
