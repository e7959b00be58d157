/** Rules about headers: alone, and in the context of the headers before. Nothing here needs a body. Pure. */
import type { BlockHeader } from '../primitives/block.ts'
import { invalid, OK, ok, type Result, retry } from '../primitives/result.ts'
import { type DifficultyState, retarget } from './difficulty.ts'
import type { NetworkParams } from './params.ts'
import { checkProofOfWork } from './pow.ts'

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
  /** Of the parent, its time included. */
  readonly difficulty: DifficultyState
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
 * The least time that a block may have, seconds. Where difficulty follows the times they never step back, so that the time which a
 * chain claims is the sum of its intervals; elsewhere Bitcoin's median rule leaves room for blocks on demand.
 */
export function leastTime({ params, difficulty, medianTimePast }: Omit<HeaderContext, 'now'>): number {
  return (params.retarget ? difficulty.time : medianTimePast) + 1
}

/** How far a block's time may be ahead of the local one, seconds. */
export function maxFutureSeconds(params: NetworkParams): number {
  return params.testControls ? MAX_FUTURE_SECONDS_ON_DEMAND : MAX_FUTURE_SECONDS
}

/**
 * Checks a header against those before it: `time-too-old`, `bad-diffbits`, and `time-too-new`, which is no fault for ever: it
 * is held and retried. The value is what the difficulty of its children follows from.
 */
export function contextualCheckHeader(header: BlockHeader, context: HeaderContext): Result<DifficultyState> {
  const least = leastTime(context)
  // First, since the target that a block must have follows from its own time.
  if (header.time < least)
    return invalid(
      'time-too-old',
      `The time ${header.time} is before ${least}, the least that its parent leaves.`,
    )
  const { bits, state } = retarget(context.difficulty, header.time, context.params)
  if (header.bits !== bits)
    return invalid('bad-diffbits', `The target is ${hexBits(header.bits)}, not ${hexBits(bits)}.`)
  const allowed = maxFutureSeconds(context.params)
  if (header.time > context.now + allowed)
    return retry(
      'time-too-new',
      `The time ${header.time} is ${header.time - context.now} s ahead of this clock; ${allowed} s are allowed.`,
    )
  return ok(state)
}

/** Median time past (BIP113) from the times of a block and up to 10 ancestors, in any order. Even counts: the later middle one. */
export function medianTime(times: readonly number[]): number {
  return times.toSorted((a, b) => a - b)[times.length >> 1]
}

function hexBits(bits: number): string {
  return `0x${bits.toString(16).padStart(8, '0')}`
}
