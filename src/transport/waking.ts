/**
 * Notices that this tab was away: its computer slept, its process was stopped, its page frozen, or its network gone. What
 * it believes of its peers is then old. Thread: Window.
 */

/** Milliseconds between two looks at the clocks. */
const LOOK = 1000

/**
 * How much later than it should a look must come to count as waking, milliseconds. A busy or hidden tab is a second or two
 * late, again and again; a peer drops a tab that was silent for half a minute.
 */
const LATE = 8000

/** The two clocks of a browser, milliseconds. */
export interface Clocks {
  /** Time since 1970. It goes on while the computer sleeps, and jumps when it is set. */
  wall(): number
  /** Time since some instant. It never jumps, and on some systems stands still while the computer sleeps. */
  steady(): number
}

/** Tells by how much time has jumped between two looks. */
export class TimeJump {
  readonly #clocks: Clocks
  #wall: number
  #steady: number

  constructor(clocks: Clocks) {
    this.#clocks = clocks
    this.#wall = clocks.wall()
    this.#steady = clocks.steady()
  }

  /**
   * To be called every `expected` milliseconds. Answers how many milliseconds too late it is called: 0 while that is
   * no more than a busy tab is. A clock that was set forward looks like a sleep, and one that was set back like nothing.
   */
  look(expected: number): number {
    const wall = this.#clocks.wall()
    const steady = this.#clocks.steady()
    const late = Math.max(wall - this.#wall, steady - this.#steady) - expected
    this.#wall = wall
    this.#steady = steady
    return late > LATE ? late : 0
  }
}

/** The browser's own clocks. */
const BROWSER_CLOCKS: Clocks = { wall: () => Date.now(), steady: () => performance.now() }

/** The part of the Network Information API that some browsers have. */
interface NetworkInformation extends EventTarget {
  /** `wifi`, `cellular` and so on; undefined where it isn't told. */
  readonly type?: string
}

/**
 * Calls `woke` whenever the tab was away, until `stopped` aborts. A jump of time is found by the next look; a page that is
 * shown again looks at once, since the timers of hidden pages come late.
 */
export function watchForWaking(woke: () => void, stopped: AbortSignal): void {
  const jump = new TimeJump(BROWSER_CLOCKS)
  const look = (): void => {
    if (jump.look(LOOK) > 0) woke()
  }
  const timer = setInterval(look, LOOK)
  stopped.addEventListener('abort', () => clearInterval(timer))

  const listen = (target: EventTarget, type: string, listener: (event: Event) => void): void =>
    target.addEventListener(type, listener, { signal: stopped })
  listen(document, 'visibilitychange', look)
  // Page Lifecycle: nothing ran while the page was frozen, for however short a time.
  listen(document, 'resume', woke)
  // Out of the cache of pages that were left.
  listen(window, 'pageshow', (event) => {
    if ((event as PageTransitionEvent).persisted) woke()
  })
  listen(window, 'online', woke)
  const { connection } = navigator as { connection?: NetworkInformation }
  if (connection === undefined) return
  // It tells of every new estimate of the network's speed, too.
  let { type } = connection
  listen(connection, 'change', () => {
    if (connection.type === type) return
    type = connection.type
    woke()
  })
}
