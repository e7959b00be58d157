/**
 * The verdict table: what a node concludes from a rejection, in one place. Rules say what is wrong;
 * only this table says what follows for gossip and for the peer. Pure, any thread.
 */

import type { GossipVerdict } from '../network/transport.ts'
import { err, type Rejection, type RejectionKind } from '../primitives/result.ts'

export interface Verdict {
  /** Whether the header of such a block is marked invalid, with all that descend from it (done by `chain`). */
  readonly marksHeader: boolean
  readonly gossip: GossipVerdict
  /** Added to the score of the peer that vouched for it; at `BAN_SCORE` it is banned. */
  readonly points: number
}

/** Score at which a peer is disconnected and banned. */
export const BAN_SCORE = 100
/** Seconds that a ban lasts. */
export const BAN_SECONDS = 3600
/** Score forgiven, points a minute. */
export const FORGIVEN_PER_MINUTE = 1

const BY_KIND: Readonly<Record<RejectionKind, Verdict>> = {
  invalid: { marksHeader: true, gossip: 'reject', points: BAN_SCORE },
  mutated: { marksHeader: false, gossip: 'reject', points: BAN_SCORE },
  retry: { marksHeader: false, gossip: 'ignore', points: 0 },
  'not-now': { marksHeader: false, gossip: 'ignore', points: 0 },
}

const BLAMELESS: Verdict = { marksHeader: false, gossip: 'ignore', points: 0 }

/** Codes whose consequence differs from that of their kind. */
const BY_CODE: Readonly<Record<string, Verdict>> = {
  // Known to be bad before: found by us alone, or by our own `invalidateblock`. An honest peer may still hold it good.
  'duplicate-invalid': BLAMELESS,
  'bad-prevblk': BLAMELESS,
  // A transaction that another tip may allow: the sender may have that tip.
  'bad-txns-inputs-missingorspent': BLAMELESS,
  'bad-txns-premature-spend-of-coinbase': BLAMELESS,
  'non-final': BLAMELESS,
  'non-BIP68-final': BLAMELESS,
  // Misuse of the peer stream that a race or a busy peer could explain once, not always.
  unrequested: { marksHeader: false, gossip: 'reject', points: 20 },
  'rate-limited': { marksHeader: false, gossip: 'ignore', points: 5 },
}

export function verdictOn(rejection: Rejection): Verdict {
  return BY_CODE[rejection.code] ?? BY_KIND[rejection.kind]
}

/**
 * On a block that proved bad when it was connected, told to whoever vouched for the whole of it: it names its own place in the chain, so no
 * other tip would allow what one may allow of a transaction.
 */
export function verdictOnConnected(rejection: Rejection): Verdict {
  return BY_KIND[rejection.kind]
}

/** A peer sent what was not asked for. */
export function unrequested(what: string): Rejection {
  return err('invalid', 'unrequested', `Sent ${what} that was not asked for.`)
}

/** A peer asks or announces more than its share. */
export function rateLimited(what: string): Rejection {
  return err('not-now', 'rate-limited', `Sent ${what} faster than it may.`)
}
