/**
 * What the browser must offer before a tab can be a node. Thread: Window.
 */

const FEATURES: readonly (readonly [name: string, present: () => boolean])[] = [
  [
    'a secure page (HTTPS, or localhost): browsers give cryptography and locks to such pages only',
    () => globalThis.isSecureContext,
  ],
  ['WebRTC (RTCPeerConnection), by which tabs talk to each other', () => 'RTCPeerConnection' in globalThis],
  ['WebSocket, by which a tab reaches the relay', () => 'WebSocket' in globalThis],
  ['Web Workers, in which the node runs', () => 'Worker' in globalThis],
  ['IndexedDB, which keeps the chain', () => 'indexedDB' in globalThis],
  ['Web Crypto (crypto.subtle)', () => globalThis.crypto?.subtle !== undefined],
  ['Web Locks, which keep two tabs out of one profile', () => globalThis.navigator?.locks !== undefined],
  [
    'Promise.withResolvers and AbortSignal.any (a browser of 2024 or later has them)',
    () => 'withResolvers' in Promise && 'any' in AbortSignal,
  ],
]

/** Names, in plain words, what this browser lacks to run a node. Empty when it has everything. */
export function missingFeatures(): string[] {
  return FEATURES.filter(([, present]) => !present()).map(([name]) => name)
}
