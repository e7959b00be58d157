/**
 * The network outlives the page's server, and so should a tab: once it has joined, it fetches whatever of the page it hasn't needed yet.
 * Thread: Window.
 */
import type { NetworkStatus } from '../../src/network/transport.ts'

/** The list of the page's files, made with them (vite.config.ts). */
const LIST = '/files.json'

/** Milliseconds that a tab has for finding peers before it fetches what it may need later. */
const QUIET = 2000

/** Milliseconds after which a tab that no relay introduces fetches it all the same. */
const ALONE = 10_000

/** Milliseconds after which the browser need not be idle. */
const IDLE_TIMEOUT = 5000

/** First and longest pause after failing to fetch, milliseconds; it doubles. */
const RETRY = [5000, 300_000] as const

/** Tells of the network's state. */
interface NetworkEvents {
  on(name: 'network', listener: (status: NetworkStatus) => void): unknown
}

/** Resolves when the tab has joined and has nothing better to do. */
export async function whenIdle(node: NetworkEvents): Promise<void> {
  const joined = new Promise<void>((resolve) => {
    node.on('network', ({ directPeers, relays }) => {
      if (directPeers > 0 || relays.some(({ state }) => state === 'reserved')) resolve()
    })
  })
  await Promise.race([joined, pause(ALONE)])
  await pause(QUIET)
  // Safari has no idle callbacks.
  if (!('requestIdleCallback' in globalThis)) return
  await new Promise<void>((resolve) => {
    requestIdleCallback(() => resolve(), { timeout: IDLE_TIMEOUT })
  })
}

/** Puts every file of the page in the browser's cache, one after another. Rejects when one can't be had. */
export async function fetchFiles(): Promise<void> {
  const files = (await (await fetched(LIST)).json()) as readonly string[]
  for (const file of files) await (await fetched(`/${file}`)).arrayBuffer()
}

/** Takes a step again and again until it succeeds. */
export async function untilDone(step: () => Promise<void>): Promise<void> {
  for (let wait: number = RETRY[0]; ; wait = Math.min(RETRY[1], wait * 2)) {
    try {
      return await step()
    } catch {
      await pause(wait)
    }
  }
}

async function fetched(path: string): Promise<Response> {
  const response = await fetch(path, { priority: 'low' })
  if (!response.ok) throw new Error(`${path} can’t be had: status ${response.status}`)
  return response
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, milliseconds)
  })
}
