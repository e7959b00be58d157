/** What an attack is to the programs that run it, and how what it did is measured and judged. */

import type { Arena, Setting } from './arena.ts'

/** One thing that an enemy of the network does. */
export interface Attack {
  /** A few words, by which it is chosen on the command line. */
  readonly name: string
  /** What is done to the tabs, a sentence for the table. */
  readonly deed: string
  /** How the arena is set up; as usual when left out. */
  readonly setting?: Setting
  /** Does it to an arena of its own and measures what came of it. */
  run(arena: Arena, findings: Findings): Promise<void>
  /** Does it among others, until `over` aborts; left out by what can't be done beside others. */
  strike?(arena: Arena, over: AbortSignal): Promise<void>
}

/** One promise, and what was measured of it. */
export interface Finding {
  readonly what: string
  readonly asked: string
  readonly measured: string
  readonly held: boolean
}

/** What was found while one attack ran. */
export class Findings {
  readonly list: Finding[] = []
  /** Figures that explain, and that nothing is asked of. */
  readonly notes: string[] = []

  /** Whether all that was promised held. An attack that measured nothing has shown nothing. */
  get held(): boolean {
    return this.list.length > 0 && this.list.every(({ held }) => held)
  }

  /** A time, milliseconds; `undefined` is never. */
  within(what: string, measured: number | undefined, bound: number): void {
    const asked = `${what} ≤ ${seconds(bound)}`
    this.add(
      what,
      asked,
      measured === undefined ? 'never' : seconds(measured),
      (measured ?? Infinity) <= bound,
    )
  }

  /** A number that may be at most `bound`. */
  atMost(what: string, measured: number, bound: number, unit = ''): void {
    this.add(what, `${what} ≤ ${bound}${unit}`, `${round(measured)}${unit}`, measured <= bound)
  }

  /** A number that must be at least `bound`. */
  atLeast(what: string, measured: number, bound: number, unit = ''): void {
    this.add(what, `${what} ≥ ${bound}${unit}`, `${round(measured)}${unit}`, measured >= bound)
  }

  /** A thing that must be so. */
  holds(what: string, held: boolean, measured = held ? 'yes' : 'no'): void {
    this.add(what, what, measured, held)
  }

  note(text: string): void {
    this.notes.push(text)
  }

  private add(what: string, asked: string, measured: string, held: boolean): void {
    this.list.push({ what, asked, measured, held })
  }
}

/** Milliseconds as seconds, for people. */
export function seconds(milliseconds: number): string {
  return milliseconds === Infinity ? 'never' : `${round(milliseconds / 1000)} s`
}

function round(value: number): number {
  return Math.round(value * 100) / 100
}
