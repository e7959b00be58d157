/** Rules about headers: alone, and in the context of the headers before. Nothing here needs a body. Pure. */
import type { BlockHeader, HeaderFields } from '../primitives/block.ts'
import { invalid, OK, type Result, retry } from '../primitives/result.ts'
import type { NetworkParams } from './params.ts'
import { checkProofOfWork, nextBits } from './pow.ts'

/** How far a block's time may be ahead of local time, seconds. */
export const MAX_FUTURE_SECONDS = 120
/**
 * The same where blocks are made on demand: there a tab's time can be set, and a thousand blocks in a row push the median time past
 * minutes ahead. Bitcoin's two hours.
 */
export const MAX_FUTURE_SECONDS_ON_DEMAND = 7200

/** Blocks whose times the median time past is taken over (BIP113). */
export const MEDIAN_TIME_SPAN = 11

/** What a header is compared with. Times in seconds since 1970. */
export interface HeaderContext {
  readonly params: NetworkParams
  readonly parent: Pick<HeaderFields, 'bits' | 'time'>
  /** Undefined where the parent is the genesis block. */
  readonly grandparentTime: number | undefined
  /** Median time past of the parent. */
  readonly medianTimePast: number
  /** Local time. */
  readonly now: number
}

/** Checks the work of a header on its 80 bytes: `high-hash`. The genesis block is exempt and never passes through here. */
export function checkHeader(header: BlockHeader, params: NetworkParams): Result<void> {
  return checkProofOfWork(header, params)
    ? OK
    : invalid('high-hash', `Block ${header.hash} does not have the proof of work that the network asks for.`)
}

/**
 * Checks a header against those before it: `bad-diffbits`, `time-too-old`, and `time-too-new`, which is no fault for ever: it
 * is held and retried.
 */
export function contextualCheckHeader(header: BlockHeader, context: HeaderContext): Result<void> {
  const bits = nextBits(context.parent, context.grandparentTime, context.params)
  if (header.bits !== bits)
    return invalid('bad-diffbits', `The target is ${hexBits(header.bits)}, not ${hexBits(bits)}.`)
  if (header.time <= context.medianTimePast)
    return invalid(
      'time-too-old',
      `The time ${header.time} is not after the median time past ${context.medianTimePast}.`,
    )
  const allowed = context.params.testControls ? MAX_FUTURE_SECONDS_ON_DEMAND : MAX_FUTURE_SECONDS
  if (header.time > context.now + allowed)
    return retry(
      'time-too-new',
      `The time ${header.time} is ${header.time - context.now} s ahead of this clock; ${allowed} s are allowed.`,
    )
  return OK
}

/** Median time past (BIP113) from the times of a block and up to 10 ancestors, in any order. Even counts: the later middle one. */
export function medianTime(times: readonly number[]): number {
  return times.toSorted((a, b) => a - b)[times.length >> 1]
}

function hexBits(bits: number): string {
  return `0x${bits.toString(16).padStart(8, '0')}`
}
