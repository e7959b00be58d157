/**
 * The RTCPeerConnections of this page. @libp2p/webrtc makes them and keeps them to itself; here each is got hold of as it is made, counted
 * until the browser has freed it, and given the guard of its data channels. Thread: Window.
 *
 * Chrome makes no more while a process holds 500. Closing one doesn't give it back, only the collection of its object does, and Chrome knows
 * no reason to collect: they weigh little in its eyes (crbug.com/825576). So where many are spent a collection is provoked, by asking for
 * memory that is never touched: some 64 MiB set it off (measured in Chromium 147: of 500 closed ones all came back).
 */

import type { Connection } from '@libp2p/interface'
import { ChannelGuard } from './channel-guard.ts'

/** What is asked for to provoke a collection: so many bytes at a time, so many times at most, with a pause in between, milliseconds. */
const PRESSURE_BYTES = 32 * 1024 * 1024
const PRESSURE_TIMES = 8
const PRESSURE_PAUSE = 100

/** Where the count is kept beside the page: a reload stays in the process, and what the page before it spent isn't freed yet. */
const STORAGE_KEY = 'opentab/peer-connections'

/** Connections that the page before this one left behind, and those made by this one, that aren't freed yet. */
let inherited = remembered()
let made = 0

const guards = new WeakMap<RTCPeerConnection, ChannelGuard>()
const freed = new FinalizationRegistry<'connection' | 'canary'>((what) => {
  if (what === 'connection') made--
  // A collection took place, so that what was left behind is gone as well.
  else inherited = 0
  remember()
})

let installed = false

/**
 * Gets hold of every connection from now on, once for the page: @libp2p/webrtc listens on each as soon as it has made it, and
 * `RTCPeerConnection.prototype.addEventListener` is where we stand.
 */
export function watchPeerConnections(): void {
  if (installed) return
  installed = true
  const { prototype } = RTCPeerConnection
  const { addEventListener } = EventTarget.prototype
  prototype.addEventListener = function (
    this: RTCPeerConnection,
    ...args: Parameters<EventTarget['addEventListener']>
  ) {
    if (!guards.has(this)) take(this)
    addEventListener.apply(this, args)
  }
  const { createDataChannel } = prototype
  prototype.createDataChannel = function (this: RTCPeerConnection, label, init) {
    const channel = createDataChannel.call(this, label, init)
    guards.get(this)?.opened(channel)
    return channel
  }
}

/** Connections that count towards what the browser grants: open ones, and closed ones that it hasn't freed yet. */
export function unfreedConnections(): number {
  return inherited + made
}

/** The RTCPeerConnection under a direct connection. libp2p has no public way to it. */
export function peerConnectionOf(connection: Connection): RTCPeerConnection | undefined {
  return (connection as { maConn?: { peerConnection?: RTCPeerConnection } }).maConn?.peerConnection
}

/** The guard of a direct connection that was made since `watchPeerConnections`. */
export function guardOf(connection: Connection): ChannelGuard | undefined {
  const peerConnection = peerConnectionOf(connection)
  return peerConnection && guards.get(peerConnection)
}

/**
 * Lets go of a connection that is closed. @libp2p/webrtc 6 waits for a `close` event to do so, which RTCPeerConnection hasn't: every connection
 * there ever was would stay in memory, and count towards what the browser grants.
 */
export function letGo(connection: Connection): void {
  peerConnectionOf(connection)?.dispatchEvent(new Event('close'))
}

/** Provokes collections, so that closed connections are freed. Resolves when there were some, or when none could be provoked. */
export async function freeConnections(): Promise<void> {
  freed.register({}, 'canary')
  for (let i = 0; i < PRESSURE_TIMES; i++) {
    try {
      new ArrayBuffer(PRESSURE_BYTES)
    } catch {
      // So little memory is left that the browser collects by itself.
      return
    }
    await new Promise((resolve) => setTimeout(resolve, PRESSURE_PAUSE))
  }
}

function take(connection: RTCPeerConnection): void {
  guards.set(connection, new ChannelGuard(connection))
  freed.register(connection, 'connection')
  made++
  remember()
}

function remembered(): number {
  try {
    return Number(sessionStorage.getItem(STORAGE_KEY))
  } catch {
    // The browser keeps nothing for this page, and the tab says so elsewhere.
    return 0
  }
}

function remember(): void {
  try {
    sessionStorage.setItem(STORAGE_KEY, String(unfreedConnections()))
  } catch {
    // As above: the count lasts as long as the page.
  }
}
