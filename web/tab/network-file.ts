/**
 * `network.json`, the small file beside the page that names its relays and ICE servers. A relay may come back under another
 * key, or others take its place: the file is read again and again while the tab lives. Thread: Window.
 */
import type { RelayInfo } from '../../src/protocol/transport.ts'

export interface NetworkFile {
  /** Multiaddrs, each ending in `/p2p/<peer id>`. */
  readonly relays: readonly string[]
  readonly iceServers: readonly { readonly urls: string }[]
}

/** How long the server may take to send the file, milliseconds. */
const TIMEOUT = 10_000

/** Between two readings while a relay introduces this tab, milliseconds, give or take a quarter: tabs shouldn't ask together. */
const NOW_AND_THEN = 600_000

/** With no relay: after this time, then after twice as long each time, up to the longest; milliseconds, give or take a quarter. */
const WHILE_LOST = 5000
const LONGEST_WHILE_LOST = 60_000

/** Reads the file. Undefined where it can't be had or makes no sense. */
export async function loadNetworkFile(): Promise<NetworkFile | undefined> {
  try {
    const response = await fetch('/network.json', { cache: 'no-store', signal: AbortSignal.timeout(TIMEOUT) })
    return response.ok ? parseNetworkFile(await response.json()) : undefined
  } catch {
    return undefined
  }
}

/**
 * What the file says; it may leave out the ICE servers. Undefined where it names no relays or a part of it is of another kind; whether an
 * address can be used, the transport knows.
 */
export function parseNetworkFile(value: unknown): NetworkFile | undefined {
  const { relays, iceServers = [] } = (value ?? {}) as Partial<Record<keyof NetworkFile, unknown>>
  if (!Array.isArray(relays) || !Array.isArray(iceServers)) return undefined
  const servers = iceServers.map((server: { urls?: unknown } | null) => server?.urls)
  if (![...relays, ...servers].every((text) => typeof text === 'string')) return undefined
  return { relays: relays as string[], iceServers: servers.map((urls) => ({ urls: urls as string })) }
}

/** What a follower works with. */
export interface NetworkFilePorts {
  /** Reads the file; undefined where it can't be had or makes no sense. Never rejects. */
  load(): Promise<NetworkFile | undefined>
  /** The file says something new. Throws where that can't be used; then what is in use stays, too. */
  changed(file: NetworkFile): void
  /** Calls `run` once after so many milliseconds, unless the returned function is called before. */
  after(milliseconds: number, run: () => void): () => void
  /** 0 to 1, below 1. */
  random(): number
}

/** Reads the file now and then; while no relay can be reached, more often. A file that can't be read changes nothing. */
export class NetworkFileFollower {
  readonly #ports: NetworkFilePorts
  /** What was taken over last, as text. */
  #current = ''
  #lost = true
  /** Files taken since the relays were lost. */
  #readings = 0
  #cancel: (() => void) | undefined
  #reading: Promise<void> | undefined

  constructor(ports: NetworkFilePorts) {
    this.#ports = ports
  }

  /** Takes over what a file says, and reads it again in due time. */
  take(file: NetworkFile | undefined): void {
    const text = JSON.stringify(file)
    if (file !== undefined && text !== this.#current) {
      try {
        this.#ports.changed(file)
        this.#current = text
      } catch {
        // An address that can't be used: as if the file couldn't be read.
      }
    }
    this.#readings++
    this.#schedule()
  }

  /** Reads the file at once: the tab woke. */
  read(): Promise<void> {
    this.#cancel?.()
    this.#reading ??= this.#ports.load().then((file) => {
      this.#reading = undefined
      this.take(file)
    })
    return this.#reading
  }

  /** The relays' states, whenever they change. */
  relaysAre(relays: readonly Pick<RelayInfo, 'state'>[]): void {
    const lost = !relays.some(({ state }) => state === 'connected' || state === 'reserved')
    if (lost === this.#lost) return
    this.#lost = lost
    this.#readings = 0
    this.#schedule()
  }

  #schedule(): void {
    this.#cancel?.()
    const interval = this.#lost
      ? Math.min(LONGEST_WHILE_LOST, WHILE_LOST * 2 ** Math.max(0, this.#readings - 1))
      : NOW_AND_THEN
    this.#cancel = this.#ports.after(interval * (0.75 + 0.5 * this.#ports.random()), () => void this.read())
  }
}
