/** What comes of an event in a channel. The machine is pure: it says here what its driver is to do, and in what order. Any thread. */
import type { Result } from '../primitives/result.ts'
import type { AnnouncementSignatures, ChannelMessage, ClosingSig } from './messages.ts'
import type {
  ClosingTransaction,
  Commitment,
  CounterpartyCommitmentRequest,
  HolderCommitmentRequest,
} from './ports.ts'
import type { ChannelState, ClosingProposal } from './state.ts'
import type { HtlcTerms, Removal } from './updates.ts'

/** A message to the counterparty, or what becomes one once the signer has added what only it knows. */
export type Outgoing =
  | { readonly kind: 'message'; readonly message: ChannelMessage }
  /** `channel_ready`, with the point and the nonce of commitment 1. */
  | { readonly kind: 'ready' }
  /** `channel_reestablish`, with the point of the holder's newest commitment, `number`, and the nonce of the next. */
  | {
      readonly kind: 'reestablish'
      readonly number: number
      readonly nextRevocation: number
      readonly lastSecret: Uint8Array
    }
  /** `commitment_signed`. */
  | { readonly kind: 'commit'; readonly request: CounterpartyCommitmentRequest }
  /** `revoke_and_ack`: the secret of the holder's commitment `number`, point and nonce of `number + 2`. */
  | { readonly kind: 'revoke'; readonly number: number }
  /** `closing_complete`. */
  | { readonly kind: 'propose-closing'; readonly proposal: ClosingProposal; readonly closeeNonce: Uint8Array }
  /** `closing_sig`, by which the transaction is whole. */
  | {
      readonly kind: 'sign-closing'
      readonly message: Omit<ClosingSig, 'signatures'>
      readonly variant: 'closerOnly' | 'closeeOnly' | 'both'
      readonly transaction: ClosingTransaction
      /** The holder's nonce as closee, and the closer's with its half. */
      readonly nonce: Uint8Array
      readonly closerNonce: Uint8Array
      readonly closerSignature: Uint8Array
    }

/** What others may want to know. Told once the state that it follows from is durable, and again after a restart until it is dealt with. */
export type ChannelEvent =
  /** Irrevocable: to be fulfilled, failed, or passed on. `terms.refused`: to be failed. */
  | { readonly kind: 'htlc-received'; readonly terms: HtlcTerms }
  /** Told as soon as the preimage is known. */
  | { readonly kind: 'htlc-fulfilled'; readonly terms: HtlcTerms; readonly preimage: Uint8Array }
  /** Told once it is irrevocable, so that what was passed on can be failed. */
  | { readonly kind: 'htlc-failed'; readonly terms: HtlcTerms; readonly removal: Removal }
  /** Both sides are ready. */
  | { readonly kind: 'opened' }
  /** No new HTLCs: somebody wants to close. */
  | { readonly kind: 'shutdown'; readonly byHolder: boolean }
  /** A transaction to be published, whole: that of the funding, or one that closes the channel. */
  | { readonly kind: 'publish'; readonly transaction: Uint8Array; readonly what: 'funding' | 'closing' }
  /** The holder's commitment is to be published: see `signHolderCommitment`. `text`: why, for people. */
  | { readonly kind: 'failed'; readonly byHolder: boolean; readonly text: string }
  /** The counterparty proved that our state is an old copy. Nothing may be published. */
  | { readonly kind: 'stale'; readonly text: string }
  /** The counterparty's half of the announcement of the channel. Nothing of it was checked, and nothing is kept. */
  | { readonly kind: 'announcement-signatures'; readonly message: AnnouncementSignatures }
  /** The funding transaction never came: the channel holds no money of ours, and is forgotten. */
  | { readonly kind: 'abandoned' }
  /** The counterparty told something, for people. */
  | { readonly kind: 'warned'; readonly text: string }

export interface Step {
  readonly state: ChannelState
  /** To be said in this order, once the state is durable. */
  readonly outgoing: readonly Outgoing[]
  readonly events: readonly ChannelEvent[]
  /** Commitments of the counterparty that it has revoked in this step: kept for the day that it publishes one. */
  readonly revoked: readonly Commitment[]
  /** Before anything else comes of the step: what the signer must accept. Where it refuses, the channel fails, and the old state stands. */
  readonly accept?: HolderCommitmentRequest
  /** The connection is of no use any more. */
  readonly disconnect?: boolean
}

export function step(
  state: ChannelState,
  outgoing: readonly Outgoing[] = [],
  events: readonly ChannelEvent[] = [],
): Step {
  return { state, outgoing, events, revoked: [] }
}

/** The steps as one: `second` starts where `first` ended. */
export function both(first: Step, second: Step): Step {
  return {
    state: second.state,
    outgoing: [...first.outgoing, ...second.outgoing],
    events: [...first.events, ...second.events],
    revoked: [...first.revoked, ...second.revoked],
    accept: first.accept ?? second.accept,
    disconnect: first.disconnect || second.disconnect,
  }
}

/** A message that needs no signer, where the counterparty hears us; else nothing, since it will be said once it does. */
export function say(state: ChannelState, ...messages: ChannelMessage[]): Outgoing[] {
  return state.connection === 'connected' ? messages.map((message) => ({ kind: 'message', message })) : []
}

/**
 * What the counterparty did wrong, or a person asked for in vain. `invalid`: the channel fails, since the two sides disagree on its state;
 * `not-now`: a warning, and the end of the connection, after which both start from what is durable.
 */
export type StepResult = Result<Step>

/** Thirty-two zero bytes. */
export const NO_SECRET = new Uint8Array(32)

/** Our state is an old copy: nothing of it is ever published, and nothing follows from it. `text`: for people. */
export function outdated(state: ChannelState, text: string): Step {
  return step({ ...state, status: 'stale', failure: { byHolder: true, text } }, [], [{ kind: 'stale', text }])
}

/** Ends the channel on our side: the counterparty is told, the holder's commitment published. */
export function fail(state: ChannelState, text: string, byHolder = true): Step {
  if (state.status === 'failed' || state.status === 'stale') return step(state)
  const failed: ChannelState = { ...state, status: 'failed', failure: { byHolder, text } }
  // An error ends the channel on the other side, too, whatever the state of the connection.
  const outgoing: Outgoing[] =
    byHolder && state.connection !== 'disconnected'
      ? [{ kind: 'message', message: { type: 'error', channelId: state.channelId, text } }]
      : []
  return step(failed, outgoing, [{ kind: 'failed', byHolder, text }])
}
