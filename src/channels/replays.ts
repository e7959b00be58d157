/**
 * Which onions a node has opened: one that comes again is refused, else whoever passed it on could learn from the answer where it goes (BOLT 4,
 * Onion Decryption). Exact, bounded, forgets what can't be played again. Deterministic, any thread.
 */
import { invalid, notNow, OK, type Result } from '../primitives/result.ts'

/** An onion that was opened: what a store keeps with the HTLC that brought it. */
export interface OpenedOnionRecord {
  /** Its HMAC, 32 bytes, which is another for each hop, payment and session key. */
  readonly hmac: Uint8Array
  /** Block height: the later one of the expiry of the HTLC that brought it and the expiry that its payload names. From then on it is too old to be taken. */
  readonly expiry: number
  /** Names the HTLC that brought it: the same one is no replay, when a restarted tab looks at it again. */
  readonly htlc: string
}

/** Most onions remembered: some 30 MB, and three a second with an expiry of a day. */
const MAX_ONIONS = 250_000

export class ReplayGuard {
  /** By tag. */
  private readonly opened = new Map<string, Omit<OpenedOnionRecord, 'hmac'>>()
  private readonly max: number

  /** `records`: what the store kept. */
  constructor(records: Iterable<OpenedOnionRecord> = [], max = MAX_ONIONS) {
    this.max = max
    for (const { hmac, expiry, htlc } of records) this.opened.set(tagOf(hmac), { expiry, htlc })
  }

  get size(): number {
    return this.opened.size
  }

  /**
   * Remembers an onion, before anything is done with it; its record must be durable before anything leaves. Rejects with `onion-replayed` one that
   * another HTLC brought, which fails as `invalid_onion_hmac`, and with `onions-full`, where nothing more can be remembered till some expire: `temporary_node_failure`.
   */
  remember({ hmac, expiry, htlc }: OpenedOnionRecord): Result<void, 'onion-replayed' | 'onions-full'> {
    const tag = tagOf(hmac)
    const known = this.opened.get(tag)
    if (known) return known.htlc === htlc ? OK : invalid('onion-replayed', 'This onion was opened before.')
    // To forget the oldest instead would let a peer flood the memory, then play one again.
    if (this.size >= this.max)
      return notNow(
        'onions-full',
        `This node remembers ${this.size} onions and takes no more until some expire.`,
      )
    this.opened.set(tag, { expiry, htlc })
    return OK
  }

  /** Of an onion that is remembered, by its HMAC, what a store is to keep. */
  recordOf(hmac: Uint8Array): Omit<OpenedOnionRecord, 'hmac'> | undefined {
    return this.opened.get(tagOf(hmac))
  }

  /** Forgets the onions that are of no use any more at this height of the tip. Once a block. */
  forgetExpired(height: number): void {
    for (const [tag, { expiry }] of this.opened) if (expiry <= height) this.opened.delete(tag)
  }
}

/** Half of the HMAC: who finds two with the same has his own payment refused. */
function tagOf(hmac: Uint8Array): string {
  return String.fromCharCode(...hmac.subarray(0, 16))
}
