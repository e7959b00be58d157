/**
 * The life of updates (BOLT 2, Normal Operation). An HTLC added or removed, or a new feerate, is proposed by one side and stands in both
 * commitments in the end, which takes four turns: the other side's commitment is signed, its last one revoked, the proposer's own commitment
 * signed, and its last one revoked. How many of them are behind an update is its stage. Updates are immutable. Pure, any thread.
 */
import { type Msat, msat } from './amount.ts'
import type { ErrorPacket } from './onion-errors.ts'
import type { CommitmentHtlc, HtlcOrigin } from './ports.ts'

/** Turns behind an update: 0 proposed, 1 signed by its proposer, 2 acknowledged, 3 signed by the other side, 4 irrevocable. */
export type Stage = 0 | 1 | 2 | 3 | 4

/** What moves updates on. "Signs": signs the other's commitment. "Revokes": revokes its own last commitment. */
export type Turn = 'holder-signs' | 'counterparty-revokes' | 'counterparty-signs' | 'holder-revokes'

/** The turns of an update, in their order, by whether the holder proposed it. */
const TURNS_OF_HOLDER: readonly Turn[] = [
  'holder-signs',
  'counterparty-revokes',
  'counterparty-signs',
  'holder-revokes',
]
const TURNS_OF_COUNTERPARTY: readonly Turn[] = [
  'counterparty-signs',
  'holder-revokes',
  'holder-signs',
  'counterparty-revokes',
]

/** The stage after a turn, which may be none of this update's. */
export function stageAfter(stage: Stage, proposedByHolder: boolean, turn: Turn): Stage {
  const turns = proposedByHolder ? TURNS_OF_HOLDER : TURNS_OF_COUNTERPARTY
  return turns[stage] === turn ? ((stage + 1) as Stage) : stage
}

/** A commitment as its log of updates sees it: whose it is, and whether the one that stands or the one that would come next. */
export interface View {
  readonly ofHolder: boolean
  readonly next: boolean
}

/** Whether an update is in a commitment. Its proposer's own takes it in once the other side has acknowledged it. */
export function includes({ ofHolder, next }: View, stage: Stage, proposedByHolder: boolean): boolean {
  const needed = ofHolder === proposedByHolder ? 3 : 1
  return stage >= (next ? needed - 1 : needed)
}

/** What an HTLC is, from its `update_add_htlc` to its end. */
export interface HtlcTerms extends CommitmentHtlc {
  /** 1,366 bytes (BOLT 4). */
  readonly onion: Uint8Array
  /** Of a blinded path, 33 bytes. */
  readonly pathKey?: Uint8Array
  /** Where the holder offered it. */
  readonly origin?: HtlcOrigin
  /** Offered to the holder, and too much dust with those before: it is to be failed, and its preimage never told (BOLT 2, max_dust_htlc_exposure_msat). */
  readonly refused?: boolean
}

/** How an HTLC ended. */
export type Removal =
  | { readonly kind: 'fulfill'; readonly preimage: Uint8Array }
  /** Encrypted for the payment's origin (BOLT 4). */
  | ({ readonly kind: 'fail' } & ErrorPacket)
  | { readonly kind: 'malformed'; readonly onionHash: Uint8Array; readonly failureCode: number }

export interface Htlc {
  readonly terms: HtlcTerms
  /** Of the update that added it, proposed by the one who offered it. */
  readonly added: Stage
  /** Proposed by the other side. `removed` is its stage. */
  readonly removal?: Removal
  readonly removed?: Stage
  /** The holder offered it, and its origin knows the removal for good. */
  readonly acknowledged?: boolean
}

export interface FeeUpdate {
  readonly feerate: number
  readonly stage: Stage
}

/** Where an HTLC stands in a commitment. */
export type Standing = 'absent' | 'pending' | 'fulfilled' | 'failed'

export function standing(view: View, { terms, added, removal, removed }: Htlc): Standing {
  if (!includes(view, added, terms.offered)) return 'absent'
  if (removal === undefined || !includes(view, removed!, !terms.offered)) return 'pending'
  return removal.kind === 'fulfill' ? 'fulfilled' : 'failed'
}

/** The update's HTLC one turn on. */
export function advanceHtlc(htlc: Htlc, turn: Turn): Htlc {
  const { terms } = htlc
  const added = stageAfter(htlc.added, terms.offered, turn)
  const removed = htlc.removed === undefined ? undefined : stageAfter(htlc.removed, !terms.offered, turn)
  return added === htlc.added && removed === htlc.removed ? htlc : { ...htlc, added, removed }
}

/** The money in a view, of shares that leave all of `htlcs` out. */
export interface Shares {
  readonly holder: Msat
  readonly counterparty: Msat
  /** Those that are pending. */
  readonly pending: readonly Htlc[]
}

export function sharesIn(view: View, htlcs: readonly Htlc[], holder: Msat, counterparty: Msat): Shares {
  const shares: number[] = [holder, counterparty]
  const pending: Htlc[] = []
  for (const htlc of htlcs) {
    const { offered, amount } = htlc.terms
    const state = standing(view, htlc)
    const [from, to] = offered ? [0, 1] : [1, 0]
    if (state === 'pending') {
      shares[from] -= amount
      pending.push(htlc)
    } else if (state === 'fulfilled') {
      shares[from] -= amount
      shares[to] += amount
    }
  }
  return { holder: msat(shares[0]), counterparty: msat(shares[1]), pending }
}
