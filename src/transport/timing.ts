/**
 * Waiting in the Window: pauses that an AbortSignal ends, and how they grow. Thread: Window.
 */

/** Resolves after `milliseconds`, or as soon as `signal` aborts; it never rejects, so callers look at the signal. */
export function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) {
      resolve()
      return
    }
    const done = (): void => {
      clearTimeout(timer)
      signal.removeEventListener('abort', done)
      resolve()
    }
    const timer = setTimeout(done, milliseconds)
    signal.addEventListener('abort', done)
  })
}

/** Parts of a patience. */
const STEPS = 8

/**
 * As `pause`, but time for which this tab stood still hardly counts: what it waits for may have come meanwhile, and is still to be read.
 * A machine that is busy, or was asleep, lets all of a tab's timers run before it lets the tab read.
 */
export async function patience(milliseconds: number, signal: AbortSignal): Promise<void> {
  for (let step = 0; step < STEPS && !signal.aborted; step++) await pause(milliseconds / STEPS, signal)
}

/** Answers as `ask` does, whose signal aborts when the patience of so many milliseconds is over, or as soon as `stopped` does. */
export async function within<T>(
  milliseconds: number,
  stopped: AbortSignal,
  ask: (over: AbortSignal) => Promise<T>,
): Promise<T> {
  const done = new AbortController()
  const over = AbortSignal.any([done.signal, stopped])
  void patience(milliseconds, over).then(() => done.abort(new Error('It took too long')))
  try {
    return await ask(over)
  } finally {
    done.abort()
  }
}

/**
 * The pause before attempt `failures + 1`: doubling from `first` to `longest`, of which the upper half is random, so
 * that tabs which failed together don't try again together.
 */
export function backoff(
  failures: number,
  [first, longest]: readonly [number, number],
  random: () => number = Math.random,
): number {
  const full = Math.min(longest, first * 2 ** failures)
  return full / 2 + (full / 2) * random()
}

/** `interval` give or take a quarter. */
export function jittered(interval: number, random: () => number = Math.random): number {
  return interval * (0.75 + 0.5 * random())
}

/** Resolves with the next `type` event of `target`; rejects with the signal's reason when it aborts first. */
export function nextEvent(target: EventTargetLike, type: string, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (finish: () => void): void => {
      target.removeEventListener(type, onEvent)
      signal.removeEventListener('abort', onAbort)
      finish()
    }
    const onEvent = (): void => settle(resolve)
    const onAbort = (): void => settle(() => reject(signal.reason))
    if (signal.aborted) {
      reject(signal.reason)
      return
    }
    target.addEventListener(type, onEvent)
    signal.addEventListener('abort', onAbort)
  })
}

/** The part of an event target, the browser's or libp2p's, that `nextEvent` uses. */
interface EventTargetLike {
  addEventListener(type: string, listener: () => void): void
  removeEventListener(type: string, listener: () => void): void
}
