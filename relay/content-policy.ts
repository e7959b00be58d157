/**
 * The page's Content-Security-Policy: its own files and the relays, nothing else. The built page carries it, for hosts that send files and nothing
 * more; this server sends it as well, for the threads, which no policy in the page reaches, and to them with the relays by name.
 */

/** Directives that say the same wherever the policy stands. */
const OWN_FILES: readonly string[] = [
  "default-src 'none'",
  // WebAssembly: the kernels for mining, hashes and signatures.
  "script-src 'self' 'wasm-unsafe-eval'",
  "worker-src 'self'",
  // Lit's styles are constructed sheets, which need no 'unsafe-inline'.
  "style-src 'self'",
  // data: and blob: are made by the page itself: QR codes.
  "img-src 'self' data: blob:",
  "font-src 'self'",
  "manifest-src 'self'",
]

/** The policy as a header. `relays`: origins of WebSockets, such as `wss://relay.example:443`. */
export function policyHeader(relays: readonly string[]): string {
  return [
    ...OWN_FILES,
    ["connect-src 'self'", ...relays].join(' '),
    "base-uri 'none'",
    "form-action 'none'",
    // No other page may show this one in a frame. In a page itself browsers don't heed it.
    "frame-ancestors 'none'",
  ].join('; ')
}

/**
 * The policy as the page carries it. It is built before anybody knows its relays, and `network.json` may name others at any time, as an invitation may: any WebSocket may
 * be opened. Text becomes script nowhere (Trusted Types) but in lit's templates and in the names of the page's own threads (web/own-threads.ts).
 */
export const PAGE_POLICY: string = [
  ...OWN_FILES,
  "connect-src 'self' ws: wss:",
  "base-uri 'none'",
  "form-action 'none'",
  "require-trusted-types-for 'script'",
  'trusted-types default lit-html',
].join('; ')
