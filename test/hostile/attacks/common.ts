/** What most attacks are judged by: whether somebody can still join and pay, whether all agree, and what it cost the tabs. */

import type { Arena, Enemy, MemoryWatch } from '../arena.ts'
import { orNever, pause } from '../arena.ts'
import type { Findings } from '../attack.ts'
import { AGREEMENT, ANSWER, EXILE, EXPULSION, JOIN, MEMORY, NEVER, PAYMENT } from '../bounds.ts'

/** While an attack goes on, or just after: a newcomer, a payment, a block, answers. */
export async function goesOn(arena: Arena, findings: Findings): Promise<void> {
  findings.within('answer', await arena.answers(), ANSWER)
  findings.within('payment', await arena.payment(), PAYMENT)
  findings.within('newcomer', await arena.newcomer(), JOIN)
  findings.within('one tip', await arena.agreement(), AGREEMENT)
}

/** What the tabs' memory grew to while it was watched. */
export async function memoryHeld(watch: MemoryWatch, findings: Findings): Promise<void> {
  const { growth, bytes } = await watch.end()
  findings.atMost('memory', growth, MEMORY, '×')
  findings.note(`most memory of a tab ${Math.round(bytes / 1e6)} MB`)
}

/** A trespasser is sent away in time and kept out for a while. */
export async function sentAway(
  enemy: Enemy,
  tab: string,
  offend: () => Promise<unknown>,
): Promise<{ out: number | undefined; back: number | undefined }> {
  const offending = orNever(offend(), NEVER)
  const out = await enemy.do('untilOut', tab, NEVER)
  if (out === undefined) return { out, back: 0 }
  const back = await enemy.do('comeBack', tab, EXILE)
  await orNever(offending, 1)
  return { out, back }
}

/** Judges what `sentAway` found. */
export function judgeExpulsion(
  findings: Findings,
  what: string,
  { out, back }: { readonly out: number | undefined; readonly back: number | undefined },
): void {
  findings.within(`${what}: out`, out, EXPULSION)
  if (out !== undefined)
    findings.holds(
      `${what}: kept out ${EXILE / 1000} s`,
      back === undefined,
      back === undefined ? 'yes' : `back after ${(back / 1000).toFixed(2)} s`,
    )
}

/** Repeats `work` until `over` aborts, with a rest between, whatever becomes of it. */
export async function again(over: AbortSignal, rest: number, work: () => Promise<unknown>): Promise<void> {
  while (!over.aborted) {
    await Promise.race([
      work().catch(() => undefined),
      new Promise((resolve) => over.addEventListener('abort', resolve, { once: true })),
    ])
    if (!over.aborted) await pause(rest)
  }
}

/** An enemy that has met a tab, an honest one at random where none is named. Rejects when it isn't let in. */
export async function guest(
  arena: Arena,
  tab = pick(arena.ids),
  address?: string,
): Promise<{ enemy: Enemy; tab: string }> {
  const enemy = await arena.enemy(address)
  try {
    await enemy.do('meet', tab)
  } catch (error) {
    await enemy.leave()
    throw error
  }
  return { enemy, tab }
}

/** One of a list. */
export function pick<T>(list: readonly T[]): T {
  return list[Math.floor(Math.random() * list.length)]!
}
