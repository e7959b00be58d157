/**
 * All that a channel remembers, from the moment that a counterparty can hold a commitment of it. A state is immutable: what happens makes a new
 * one, which shares what did not change. What is durable of it is in `records.ts`. Pure, any thread.
 */
import type { Sats } from '../primitives/amount.ts'
import type { Txid } from '../primitives/hashes.ts'
import { type Msat, msat, satsToMsat } from './amount.ts'
import type { ChannelId, ClosingComplete } from './messages.ts'
import type { ChannelPolicy } from './policy.ts'
import type {
  ChannelContract,
  ClosingTransaction,
  Commitment,
  CommitmentHtlc,
  HolderCommitmentSignatures,
} from './ports.ts'
import type { SecretStore } from './secrets.ts'
import {
  type FeeUpdate,
  type Htlc,
  type HtlcTerms,
  includes,
  type Shares,
  sharesIn,
  type View,
} from './updates.ts'

/** What one side demands of the other's HTLCs, as it told when the channel was opened. */
export interface HtlcLimits {
  readonly maxHtlcValueInFlight: Msat
  readonly htlcMinimum: Msat
  readonly maxAcceptedHtlcs: number
  /** What the other side must keep. */
  readonly channelReserve: Sats
}

/**
 * - `funding`: the funding transaction waits for its confirmations, or a side for the other's `channel_ready`.
 * - `open`: HTLCs go both ways.
 * - `shutdown`: a side wants to close: no new HTLCs, and closing transactions once the last is gone.
 * - `failed`: something was wrong, or the person wanted it: our last commitment is published, and nothing is said any more.
 * - `stale`: we run on an old copy of our state. Nothing is ever published: the other side must, see `reestablish.ts`.
 */
export type Status = 'funding' | 'open' | 'shutdown' | 'failed' | 'stale'

/** Whether the other side hears us: before `reestablishing` is over, nothing but `channel_reestablish` is said. Never stored. */
export type Connection = 'disconnected' | 'reestablishing' | 'connected'

/** Our proposal of a closing transaction, which the other side has not signed yet. Never stored: a new connection starts anew. */
export interface ClosingProposal {
  readonly terms: Omit<ClosingComplete, 'signatures' | 'type'>
  readonly variants: readonly ClosingVariant[]
}

/** One of the transactions that a `closing_complete` offers. */
export interface ClosingVariant {
  readonly name: 'closerOnly' | 'closeeOnly' | 'both'
  readonly transaction: ClosingTransaction
  /** The closer's nonce for it, 66 bytes. */
  readonly nonce: Uint8Array
  /** The closer's half: there once the signer has made it. */
  readonly partialSignature?: Uint8Array
}

export interface ChannelState {
  readonly channelId: ChannelId
  /** Who the counterparty is, to whoever carries the messages. */
  readonly peer: string
  readonly contract: ChannelContract
  readonly policy: ChannelPolicy
  /** Whether the channel may be told to others. */
  readonly announced: boolean
  /** What we demand of the counterparty's HTLCs, and it of ours. */
  readonly holderLimits: HtlcLimits
  readonly counterpartyLimits: HtlcLimits
  /** Where the counterparty wants its money in the end; undefined as long as it didn't tell. */
  readonly counterpartyScript?: Uint8Array
  /** Confirmations before `channel_ready`. */
  readonly minimumDepth: number

  readonly status: Status
  /** Why it failed, for people. */
  readonly failure?: { readonly byHolder: boolean; readonly text: string }

  readonly readySent: boolean
  readonly readyReceived: boolean
  readonly shutdownSent: boolean
  readonly shutdownReceived: boolean
  /** Feerate that our closing transaction is to pay, satoshis for 1,000 weight units. */
  readonly closingFeerate?: number
  /** Transactions that close the channel, whole: each of ours, once the other side signed it. */
  readonly closingTransactions: readonly Uint8Array[]

  /** Height of the chain when the channel was made, as last told, and of the block that holds the funding transaction. */
  readonly madeAt: number
  readonly height: number
  readonly fundingHeight?: number
  /** What spent the funding output, and where. */
  readonly spent?: { readonly txid: Txid; readonly height: number }
  /** The funding transaction, as long as it is not confirmed and we opened: it may have to be sent again. */
  readonly fundingTransaction?: Uint8Array

  /** Shares that leave out all of `htlcs`. */
  readonly holderAmount: Msat
  readonly counterpartyAmount: Msat
  readonly htlcs: readonly Htlc[]
  /** HTLCs that the holder offered, gone for good, whose origin does not know yet. */
  readonly outcomes: readonly Htlc[]
  readonly nextHolderHtlc: number
  readonly nextCounterpartyHtlc: number
  readonly feerate: number
  /** The funder's updates that are not irrevocable, oldest first. */
  readonly feeUpdates: readonly FeeUpdate[]

  /** The newest commitment that we can publish. */
  readonly holder: { readonly commitment: Commitment; readonly signatures: HolderCommitmentSignatures }
  /** Those of the counterparty's that it can publish and go unpunished, oldest first: the last but one until it is revoked. */
  readonly counterparty: readonly Commitment[]
  /** The per-commitment point of the counterparty's next commitment; undefined before its `channel_ready`. */
  readonly counterpartyPoint?: Uint8Array
  readonly secrets: SecretStore
  /** The last of the two that we sent, or are bound to send: where both are lost, they are sent again in their order. */
  readonly lastSent: 'commitment_signed' | 'revoke_and_ack'

  readonly connection: Connection
  /** The counterparty's verification nonce for its next commitment. Never stored: told anew with every connection. */
  readonly counterpartyNonce?: Uint8Array
  /** The nonces of closees, ours and the counterparty's; never stored, since the secret half is not either. */
  readonly holderClosingNonce?: Uint8Array
  readonly counterpartyClosingNonce?: Uint8Array
  readonly closingProposal?: ClosingProposal
  /** Whether a `closing_complete` was sent on this connection. Never stored. */
  readonly closingProposed?: boolean
}

/** Number of the newest commitment of the holder. */
export function holderNumber(state: ChannelState): number {
  return state.holder.commitment.number
}

/** The newest commitment of the counterparty. */
export function counterpartyCommitment(state: ChannelState): Commitment {
  return state.counterparty[state.counterparty.length - 1]
}

/** Whether the counterparty owes us a `revoke_and_ack`: until then we sign no other commitment of it. */
export function awaitsRevocation(state: ChannelState): boolean {
  return state.counterparty.length > 1
}

/** Lowest number of a commitment of the counterparty that is not revoked. */
export function unrevokedNumber(state: ChannelState): number {
  return state.counterparty[0].number
}

/** Whether updates can be proposed at all. */
export function isOperating({ status, readySent, readyReceived, spent }: ChannelState): boolean {
  return (status === 'open' || status === 'shutdown') && readySent && readyReceived && !spent
}

/** Shares and pending HTLCs in a commitment. */
export function viewShares(state: ChannelState, view: View, htlcs = state.htlcs): Shares {
  return sharesIn(view, htlcs, state.holderAmount, state.counterpartyAmount)
}

/** The feerate in a commitment: that of the newest update that is in it. */
export function viewFeerate({ feerate, feeUpdates, contract }: ChannelState, view: View): number {
  return (
    feeUpdates.findLast(({ stage }) => includes(view, stage, contract.holderIsFunder))?.feerate ?? feerate
  )
}

/** What a commitment says. */
export function commitmentIn(state: ChannelState, view: View, number: number, point: Uint8Array): Commitment {
  const { holder, counterparty, pending } = viewShares(state, view)
  return {
    ofHolder: view.ofHolder,
    number,
    point,
    feerate: viewFeerate(state, view),
    holderAmount: holder,
    counterpartyAmount: counterparty,
    htlcs: pending.map(({ terms }) => commitmentHtlc(terms)).sort(compareHtlcs),
  }
}

/** One for each HTLC: it is the same in all commitments. What goes to the signer with each of them is not the message behind its hash. */
const commitmentHtlcs = new WeakMap<HtlcTerms, CommitmentHtlc>()

function commitmentHtlc(terms: HtlcTerms): CommitmentHtlc {
  const known = commitmentHtlcs.get(terms)
  if (known) return known
  const { offered, id, amount, paymentHash, expiry } = terms
  const htlc = { offered, id, amount, paymentHash: paymentHash.slice(), expiry }
  commitmentHtlcs.set(terms, htlc)
  return htlc
}

function compareHtlcs(a: CommitmentHtlc, b: CommitmentHtlc): number {
  return Number(a.offered) - Number(b.offered) || a.id - b.id
}

/** Confirmations of the funding transaction; 0 where it has none. */
export function fundingDepth({ height, fundingHeight }: ChannelState): number {
  return fundingHeight === undefined ? 0 : Math.max(0, height - fundingHeight + 1)
}

/** What a side may lose at most of what it has in the channel, and what it could pay: for views of people. */
export interface Balance {
  readonly holder: Msat
  readonly counterparty: Msat
  /** In HTLCs that the holder offered, and in those that it was offered. */
  readonly outgoing: Msat
  readonly incoming: Msat
}

/** As it stands in the next commitment of the holder. */
export function balanceOf(state: ChannelState): Balance {
  const { holder, counterparty, pending } = viewShares(state, { ofHolder: true, next: true })
  const sum = (offered: boolean) =>
    msat(pending.reduce((total, { terms }) => total + (terms.offered === offered ? terms.amount : 0), 0))
  return { holder, counterparty, outgoing: sum(true), incoming: sum(false) }
}

/**
 * What is wrong with a state, of all that must hold of each: sums are kept and nobody owes, in every commitment, numbers and stages fit. Empty
 * where nothing is. For tests, and for what was read from a store.
 */
export function brokenInvariants(state: ChannelState): string[] {
  const broken: string[] = []
  const total = satsToMsat(state.contract.fundingAmount)
  if (state.holderAmount + state.counterpartyAmount !== total) broken.push('the shares are not the channel')
  for (const ofHolder of [true, false])
    for (const next of [false, true]) {
      const { holder, counterparty, pending } = viewShares(state, { ofHolder, next })
      const inHtlcs = pending.reduce((sum, { terms }) => sum + terms.amount, 0)
      if (holder + counterparty + inHtlcs !== total)
        broken.push(`a commitment shares out ${holder + counterparty + inHtlcs} of ${total}`)
      if (holder < 0 || counterparty < 0)
        broken.push(`a commitment has a share below nothing: ${holder}, ${counterparty}`)
    }
  for (const amount of [state.holderAmount, state.counterpartyAmount])
    if (!Number.isSafeInteger(amount)) broken.push(`${amount} is no amount`)
  if (state.counterparty.length < 1 || state.counterparty.length > 2)
    broken.push(`${state.counterparty.length} commitments of the counterparty are not revoked`)
  if (awaitsRevocation(state) && state.counterparty[1].number !== state.counterparty[0].number + 1)
    broken.push('the counterparty skipped a commitment')
  const ids = new Set<string>()
  for (const { terms, added, removal, removed } of state.htlcs) {
    const id = `${terms.offered}/${terms.id}`
    if (ids.has(id)) broken.push(`two HTLCs are ${id}`)
    ids.add(id)
    if ((removal === undefined) !== (removed === undefined)) broken.push(`${id} is half removed`)
    if (removal && added !== 4) broken.push(`${id} is removed before it is there`)
    if (removed === 4) broken.push(`${id} is gone and still there`)
    if (terms.id >= (terms.offered ? state.nextHolderHtlc : state.nextCounterpartyHtlc))
      broken.push(`${id} has an id of the future`)
  }
  // Our own commitment, as it was signed, and as the log of updates says.
  const said = commitmentIn(
    state,
    { ofHolder: true, next: false },
    holderNumber(state),
    state.holder.commitment.point,
  )
  if (JSON.stringify(said) !== JSON.stringify(state.holder.commitment))
    broken.push('the log of updates says another commitment of the holder')
  const newest = counterpartyCommitment(state)
  const theirs = commitmentIn(state, { ofHolder: false, next: false }, newest.number, newest.point)
  if (JSON.stringify(theirs) !== JSON.stringify(newest))
    broken.push('the log of updates says another commitment of the counterparty')
  return broken
}
