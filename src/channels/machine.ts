/**
 * The state machine of one channel, without I/O: a message, a command or a block makes a new state and tells what is to be said. It never throws
 * on what comes from outside. `channel.ts` drives it; what a signer alone knows is handed in, or added by the driver to what goes out.
 */

import type { Txid } from '../primitives/hashes.ts'
import { invalid, notNow, ok, type Rejection, type Result } from '../primitives/result.ts'
import {
  canPropose,
  owesShutdown,
  propose,
  receiveClosingComplete,
  receiveClosingSig,
  receiveShutdown,
  sendShutdown,
} from './closing.ts'
import type { AnnouncementSignatures, ChannelMessage, ChannelReady } from './messages.ts'
import {
  canCommit,
  commit,
  receiveAdd,
  receiveCommitment,
  receiveFee,
  receiveRemoval,
  receiveRevocation,
} from './operation.ts'
import { errorAgain, receiveReestablish } from './reestablish.ts'
import { MAX_COMMITMENT_NUMBER } from './secrets.ts'
import { type ChannelState, fundingDepth, holderNumber, isOperating } from './state.ts'
import {
  both,
  type ChannelEvent,
  fail,
  type Outgoing,
  type Step,
  type StepResult,
  say,
  step,
} from './step.ts'

/** What of the signer's an event needs before it can be dealt with. */
export interface Needs {
  /** Number of the holder's commitment whose point is needed. */
  readonly point?: number
  /** How many fresh nonces for closing. */
  readonly closingNonces: number
}

/** What was needed. */
export interface Given {
  readonly point?: Uint8Array
  readonly closingNonces: readonly Uint8Array[]
}

/** What `receive` needs for a message. */
export function needsOf(state: ChannelState, message: ChannelMessage): Needs {
  if (message.type === 'commitment_signed') return { point: holderNumber(state) + 1, closingNonces: 0 }
  if (message.type === 'channel_reestablish') {
    const claimed = message.nextRevocationNumber - 1
    const point = claimed >= 0 && claimed <= MAX_COMMITMENT_NUMBER ? claimed : undefined
    return { point, closingNonces: 0 }
  }
  return { closingNonces: message.type === 'closing_complete' ? 1 : 0 }
}

/** Deals with a message of the counterparty. */
export function receive(state: ChannelState, message: ChannelMessage, given: Given): Step {
  if (message.type === 'warning') return step(state, [], [{ kind: 'warned', text: message.text }])
  if (state.status === 'failed' || state.status === 'stale')
    return step(state, message.type === 'channel_reestablish' ? [errorAgain(state)] : [])
  if (message.type === 'error') return fail(state, message.text, false)
  const result = dispatch(state, message, given)
  return result.ok ? result.value : refuse(state, result)
}

/** What comes of a message that broke a rule; or of a signer that refused what it brought. */
export function refuse(state: ChannelState, { kind, detail }: Rejection): Step {
  if (kind === 'invalid') return { ...fail(state, detail), disconnect: false }
  const outgoing: Outgoing[] = [
    { kind: 'message', message: { type: 'warning', channelId: state.channelId, text: detail } },
  ]
  return { ...step(state, outgoing), disconnect: true }
}

function dispatch(state: ChannelState, message: ChannelMessage, given: Given): StepResult {
  if (message.type === 'channel_reestablish') return receiveReestablish(state, message, given.point)
  if (state.connection !== 'connected')
    return notNow(
      'reestablish-first',
      `A message ${message.type} came before the channel was re-established.`,
    )
  switch (message.type) {
    case 'channel_ready':
      return receiveReady(state, message)
    case 'update_add_htlc':
      return receiveAdd(state, message)
    case 'update_fulfill_htlc':
    case 'update_fail_htlc':
    case 'update_fail_malformed_htlc':
      return receiveRemoval(state, message)
    case 'update_fee':
      return receiveFee(state, message)
    case 'announcement_signatures':
      return state.announced && isOperating(state)
        ? ok(step(state, [], [{ kind: 'announcement-signatures', message }]))
        : notNow(
            'announcement-unexpected',
            'Signatures came for the announcement of a channel that is not to be announced.',
          )
    case 'commitment_signed':
      return receiveCommitment(state, message, given.point!)
    case 'revoke_and_ack':
      return receiveRevocation(state, message)
    case 'shutdown':
      return receiveShutdown(state, message)
    case 'closing_complete':
      return receiveClosingComplete(state, message, given.closingNonces[0])
    case 'closing_sig':
      return receiveClosingSig(state, message)
    default:
      return notNow(
        'message-unexpected',
        `A message ${message.type} came for a channel that is funded already.`,
      )
  }
}

function receiveReady(state: ChannelState, message: ChannelReady): StepResult {
  // Said again after a reconnection, or with another alias.
  if (state.readyReceived) return ok(step(state))
  if (!message.nextLocalNonce) return invalid('nonce-missing', 'A channel_ready came without its nonce.')
  return ok(
    opened({
      ...state,
      readyReceived: true,
      counterpartyPoint: message.secondPerCommitmentPoint,
      counterpartyNonce: message.nextLocalNonce,
    }),
  )
}

/** Open, where both sides are ready. */
function opened(state: ChannelState, outgoing: readonly Outgoing[] = []): Step {
  const open = state.status === 'funding' && state.readySent && state.readyReceived
  return open ? step({ ...state, status: 'open' }, outgoing, [{ kind: 'opened' }]) : step(state, outgoing)
}

/** What the chain says of a channel. */
export interface ChainView {
  readonly height: number
  /** Height of the block that holds the funding transaction; undefined where none of this chain does. */
  readonly fundingHeight: number | undefined
  /** The transaction that spends it, in a block of this chain. */
  readonly spent: { readonly txid: Txid; readonly height: number } | undefined
}

/** The chain moved. */
export function chainMoved(state: ChannelState, { height, fundingHeight, spent }: ChainView): Step {
  const moved: ChannelState = {
    ...state,
    height,
    fundingHeight,
    spent,
    fundingTransaction: fundingHeight === undefined ? state.fundingTransaction : undefined,
  }
  if (spent) return step(moved)
  const { status, readySent, minimumDepth, contract, policy, madeAt } = moved
  // Also one that has failed: else who never funds channels, and fails them, would have them watched for ever.
  if (
    !contract.holderIsFunder &&
    fundingHeight === undefined &&
    !readySent &&
    height - madeAt > policy.fundingTimeout
  )
    return step(moved, [], [{ kind: 'abandoned' }])
  if (status === 'failed' || status === 'stale') return step(moved)
  const late = lateHtlc(moved)
  if (late) return fail(moved, late)
  if (status === 'funding' && !readySent && fundingDepth(moved) >= minimumDepth)
    return opened({ ...moved, readySent: true }, moved.connection === 'connected' ? [{ kind: 'ready' }] : [])
  return step(moved)
}

/** Why the chain must settle an HTLC now, if it must (BOLT 2, `cltv_expiry_delta` Selection). */
function lateHtlc(state: ChannelState): string | undefined {
  if (!isOperating(state)) return undefined
  const { expiryGrace, claimMargin } = state.policy
  for (const { terms, removal } of state.htlcs) {
    if (terms.offered && state.height >= terms.expiry + expiryGrace)
      return `HTLC ${terms.id} expired at height ${terms.expiry}, and the other side did not give it back.`
    if (!terms.offered && removal?.kind === 'fulfill' && state.height >= terms.expiry - claimMargin)
      return `HTLC ${terms.id} is about to expire, and the other side did not settle it for its preimage.`
  }
  return undefined
}

/** What `flush` needs. */
export function flushNeeds(state: ChannelState): Needs {
  return { closingNonces: (owesShutdown(state) ? 1 : 0) + (canPropose(state) || owesShutdown(state) ? 2 : 0) }
}

/** Whether `flush` has something to do. */
export function canFlush(state: ChannelState): boolean {
  return canCommit(state) || owesShutdown(state) || canPropose(state)
}

/** Does what is due, once no more events wait: signs for all updates at once, announces to close, proposes how. */
export function flush(state: ChannelState, { closingNonces }: Given): Step {
  const nonces = [...closingNonces]
  let done = canCommit(state) ? commit(state) : step(state)
  if (owesShutdown(done.state) && nonces.length > 0)
    done = both(done, sendShutdown(done.state, nonces.shift()!))
  if (canPropose(done.state) && nonces.length > 1) done = both(done, propose(done.state, nonces))
  return done
}

/** What has to be told again after a restart: what is not dealt with, and what may not have reached the chain. */
export function pendingEvents(state: ChannelState): ChannelEvent[] {
  const events: ChannelEvent[] = []
  for (const { terms, added, removal, acknowledged } of state.htlcs) {
    if (!terms.offered && added === 4 && !removal) events.push({ kind: 'htlc-received', terms })
    if (terms.offered && removal?.kind === 'fulfill' && !acknowledged)
      events.push({ kind: 'htlc-fulfilled', terms, preimage: removal.preimage })
  }
  for (const { terms, removal } of state.outcomes)
    events.push(
      removal!.kind === 'fulfill'
        ? { kind: 'htlc-fulfilled', terms, preimage: removal!.preimage }
        : { kind: 'htlc-failed', terms, removal: removal! },
    )
  if (state.fundingTransaction)
    events.push({ kind: 'publish', transaction: state.fundingTransaction, what: 'funding' })
  if (!state.spent)
    for (const transaction of state.closingTransactions)
      events.push({ kind: 'publish', transaction, what: 'closing' })
  if (state.failure)
    events.push(
      state.status === 'stale'
        ? { kind: 'stale', text: state.failure.text }
        : { kind: 'failed', ...state.failure },
    )
  return events
}

/**
 * Tells the counterparty the holder's half of the announcement: again on each connection, until the other half is there, since neither is kept.
 * Rejects with `channel-not-announced` and `peer-disconnected`.
 */
export function announce(
  state: ChannelState,
  signatures: Omit<AnnouncementSignatures, 'type' | 'channelId'>,
): StepResult {
  if (!state.announced || !isOperating(state))
    return notNow(
      'channel-not-announced',
      'The channel is not open, or was opened to be known to its two sides alone.',
    )
  if (state.connection !== 'connected')
    return notNow('peer-disconnected', 'The other side of the channel is away. Nothing was sent.')
  const { channelId } = state
  return ok(step(state, say(state, { type: 'announcement_signatures', channelId, ...signatures })))
}

/** The holder ends the channel by itself. Rejects with `channel-closed` and, where our state is an old copy, `channel-stale`. */
export function forceClose(state: ChannelState): Result<Step> {
  if (state.status === 'stale')
    return notNow(
      'channel-stale',
      'This tab has an old copy of the channel. To publish it would lose all of your share.',
    )
  if (state.status === 'failed' || state.spent)
    return notNow('channel-closed', 'The channel is closed already.')
  return ok(fail(state, 'One side closed the channel alone.'))
}
