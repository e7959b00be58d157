/**
 * Counts the RTCPeerConnections that this tab opens: Chrome grants about 500 in the life of a tab's process, and then
 * no peer can be met any more. A reload stays in the process, so the count is kept beside the page. Thread: Window.
 */

/** What Chrome grants, measured. Other browsers grant more. */
const GRANTED = 500

/** Where the count is kept. A duplicated tab inherits it, and then is more sparing than it need be. */
const STORAGE_KEY = 'opentab/peer-connections'

/** How many may be opened in a row, and the pause that earns one more, milliseconds. */
const BURST = 100
const REFILL = 30_000

/** The count, for all transports of the page. */
let opened = remembered()

/** What one transport may still open. */
export class ConnectionBudget {
  readonly #now: () => number
  #tokens = BURST
  #at: number

  /** `now` is a monotonic clock in milliseconds. */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now
    this.#at = now()
  }

  /** The share of what the browser grants that this tab has used up, 0 to 1 in hundredths. */
  get used(): number {
    return Math.min(100, Math.round((100 * opened) / GRANTED)) / 100
  }

  /**
   * Notes that a connection is about to be opened, by us or for a peer that asks. Throws when too many were lately:
   * a peer that asks without end would otherwise use up in seconds what is there for the tab's life.
   */
  spend(): void {
    const at = this.#now()
    this.#tokens = Math.min(BURST, this.#tokens + (at - this.#at) / REFILL)
    this.#at = at
    if (this.#tokens < 1) throw new Error('Too many WebRTC connections were opened lately')
    this.#tokens--
    opened++
    remember(opened)
  }
}

function remembered(): number {
  try {
    return Number(sessionStorage.getItem(STORAGE_KEY))
  } catch {
    // The browser keeps nothing for this page, and the tab says so elsewhere.
    return 0
  }
}

function remember(count: number): void {
  try {
    sessionStorage.setItem(STORAGE_KEY, String(count))
  } catch {
    // As above: the count lasts as long as the page.
  }
}
