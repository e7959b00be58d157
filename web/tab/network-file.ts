/**
 * `network.json`, the small file beside the page that names its relays and ICE servers. A relay may come back under another
 * key, or others take its place: the file is read again and again while the tab lives. Thread: Window.
 */
import type { RelayInfo } from '../../src/network/transport.ts'

export interface NetworkFile {
  /** Multiaddrs, each ending in `/p2p/<peer id>`. */
  readonly relays: readonly string[]
  readonly iceServers: readonly { readonly urls: string }[]
}

/** How long the server may take to send the file to its end, milliseconds, and the most that is read of it, bytes. */
const TIMEOUT = 10_000
const MAX_BYTES = 65_536

/**
 * Most relays that are used at a time: each costs a connection, a slot for this tab and questions for peers. One introduces, a few
 * more are there for when it is gone.
 */
const MAX_RELAYS = 8

/** Most ICE servers: browsers ask all of them for each connection, and warn of five. */
const MAX_ICE_SERVERS = 4

/** Most lines told of one file. */
const MAX_LINES = 20

/** STUN alone: a browser refuses TURN servers without credentials, which the file doesn't have, and with them the whole connection. */
const STUN_URL = /^stuns?:(\[[0-9a-f:.]+\]|[\w.-]+)(:\d{1,5})?(\?transport=\w+)?$/i

/** Between two readings while a relay introduces this tab, milliseconds, give or take a quarter: tabs shouldn't ask together. */
const NOW_AND_THEN = 600_000

/** With no relay: after this time, then after twice as long each time, up to the longest; milliseconds, give or take a quarter. */
const WHILE_LOST = 5000
const LONGEST_WHILE_LOST = 60_000

/** Reads the file. Undefined where it can't be had or makes no sense. */
export async function loadNetworkFile(): Promise<NetworkFile | undefined> {
  try {
    const response = await fetch('/network.json', { cache: 'no-store', signal: AbortSignal.timeout(TIMEOUT) })
    const text = response.ok ? await readText(response) : undefined
    return text === undefined ? undefined : parseNetworkFile(JSON.parse(text))
  } catch {
    return undefined
  }
}

/** Undefined where it is longer than may be; the rest isn't fetched then. */
async function readText({ body }: Response): Promise<string | undefined> {
  const reader = body?.pipeThrough(new TextDecoderStream()).getReader()
  let text = ''
  while (reader !== undefined) {
    const { done, value } = await reader.read()
    if (done) break
    text += value
    // UTF-16 units, of which there are no more than bytes.
    if (text.length <= MAX_BYTES) continue
    await reader.cancel()
    return undefined
  }
  return text
}

/**
 * What the file says; it may leave out the ICE servers. Undefined where it names no relays or a part of it is of another kind; which of
 * them can be used, `usable` says.
 */
export function parseNetworkFile(value: unknown): NetworkFile | undefined {
  const { relays, iceServers = [] } = (value ?? {}) as Partial<Record<keyof NetworkFile, unknown>>
  if (!Array.isArray(relays) || !Array.isArray(iceServers)) return undefined
  const servers = iceServers.map((server: { urls?: unknown } | null) => server?.urls)
  if (![...relays, ...servers].every((text) => typeof text === 'string')) return undefined
  return { relays: relays as string[], iceServers: servers.map((urls) => ({ urls: urls as string })) }
}

/**
 * What of a file can be used, and for whoever wrote it what can't, a sentence each. The first ones count where there are too many.
 * Undefined where it names relays and none can be used: what is in use is better.
 */
function usable(
  { relays, iceServers }: NetworkFile,
  isRelayAddress: NetworkFilePorts['isRelayAddress'],
): { readonly file: NetworkFile | undefined; readonly leftOut: readonly string[] } {
  const leftOut: string[] = []
  const some = <T>(all: readonly T[], most: number, kind: string, isGood: (one: T) => boolean): T[] => {
    const good = all.filter((one) => {
      if (isGood(one)) return true
      leftOut.push(`network.json: ${JSON.stringify(one).slice(0, 200)} is no ${kind} that a tab can use.`)
      return false
    })
    if (good.length > most)
      leftOut.push(`network.json: of ${good.length} ${kind}s the first ${most} are used.`)
    return good.slice(0, most)
  }
  const goodRelays = some([...new Set(relays)], MAX_RELAYS, 'relay', isRelayAddress)
  const goodServers = some(iceServers, MAX_ICE_SERVERS, 'ICE server', ({ urls }) => STUN_URL.test(urls))
  const isUseless = relays.length > 0 && goodRelays.length === 0
  return { file: isUseless ? undefined : { relays: goodRelays, iceServers: goodServers }, leftOut }
}

/** What a follower works with. */
export interface NetworkFilePorts {
  /** Reads the file; undefined where it can't be had or makes no sense. Never rejects. */
  load(): Promise<NetworkFile | undefined>
  /** Whether a tab can use a relay at this address. */
  isRelayAddress(address: string): boolean
  /** The file says something new: all in it can be used. */
  changed(file: NetworkFile): void
  /** Told what is left out of a file and why, a sentence for whoever wrote it. */
  log(line: string): void
  /** Calls `run` once after so many milliseconds, unless the returned function is called before. */
  after(milliseconds: number, run: () => void): () => void
  /** 0 to 1, below 1. */
  random(): number
}

/** Reads the file now and then; while no relay can be reached, more often. A file that can't be read changes nothing. */
export class NetworkFileFollower {
  readonly #ports: NetworkFilePorts
  /** What was read last, as text. */
  #last = ''
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
    if (file !== undefined && text !== this.#last) {
      this.#last = text
      const { file: good, leftOut } = usable(file, this.#ports.isRelayAddress)
      for (const line of leftOut.slice(0, MAX_LINES)) this.#ports.log(line)
      if (good !== undefined) this.#ports.changed(good)
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
