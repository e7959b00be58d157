/**
 * A connection that ends and one that begins (BOLT 2, Message Retransmission). What the counterparty did not sign for is forgotten with the
 * connection; what it may lack is said again with the next, in the order in which it was said first. Pure, any thread.
 */
import { invalid, notNow, ok, type Result } from '../primitives/result.ts'
import type { ChannelReestablish } from './messages.ts'
import { addMessage, commitmentToSign, feeMessage, isSecretOf, removalMessage } from './operation.ts'
import { secretIndex } from './secrets.ts'
import {
  awaitsRevocation,
  type ChannelState,
  counterpartyCommitment,
  holderNumber,
  isOperating,
  unrevokedNumber,
} from './state.ts'
import { NO_SECRET, type Outgoing, outdated, type Step, type StepResult, step } from './step.ts'
import type { Htlc, Stage } from './updates.ts'

/** The connection is gone: takes back what the counterparty proposed and did not sign for. */
export function disconnect(state: ChannelState): Step {
  if (state.connection === 'disconnected') return step(state)
  const htlcs: Htlc[] = []
  for (const htlc of state.htlcs) {
    const { terms, added, removal: _, removed, ...rest } = htlc
    if (!terms.offered && added === 0) continue
    htlcs.push(terms.offered && removed === 0 ? { ...rest, terms, added } : htlc)
  }
  const dropped = state.htlcs.filter(({ terms, added }) => !terms.offered && added === 0)
  return step({
    ...state,
    connection: 'disconnected',
    htlcs,
    nextCounterpartyHtlc: dropped[0]?.terms.id ?? state.nextCounterpartyHtlc,
    feeUpdates: state.contract.holderIsFunder
      ? state.feeUpdates
      : state.feeUpdates.filter(({ stage }) => stage > 0),
    counterpartyNonce: undefined,
    holderClosingNonce: undefined,
    counterpartyClosingNonce: undefined,
    closingProposal: undefined,
    closingProposed: undefined,
  })
}

/** The counterparty hears us again: each side says where it stands. */
export function connect(state: ChannelState): Step {
  const apart = disconnect(state).state
  if (state.status === 'failed' || state.status === 'stale')
    return step({ ...apart, connection: 'connected' }, [errorAgain(apart)])
  return step({ ...apart, connection: 'reestablishing' }, [reestablishMessage(apart)])
}

/** What the counterparty is told of a channel that has ended for us. */
export function errorAgain({ channelId, status, failure }: ChannelState): Outgoing {
  const text = status === 'stale' ? STALE_TEXT : failure?.byHolder ? failure.text : 'The channel is closed.'
  return { kind: 'message', message: { type: 'error', channelId, text } }
}

const STALE_TEXT = 'Our state of this channel is outdated: please close it with your last commitment.'

function reestablishMessage(state: ChannelState): Outgoing {
  const next = unrevokedNumber(state)
  return {
    kind: 'reestablish',
    number: holderNumber(state),
    nextRevocation: next,
    lastSecret: state.secrets.find(secretIndex(next - 1)) ?? NO_SECRET,
  }
}

/**
 * `claimed`: the point of our commitment `nextRevocationNumber - 1`, whose secret the message shows; undefined where that is −1. A `shutdown`
 * that was sent before is due again with the next flush, as is a new commitment.
 */
export function receiveReestablish(
  state: ChannelState,
  message: ChannelReestablish,
  claimed: Uint8Array | undefined,
): StepResult {
  if (state.connection !== 'reestablishing')
    return notNow(
      'reestablish-unexpected',
      'The channel was re-established on a connection on which it already was.',
    )
  const compared = compare(state, message, claimed)
  if (!compared.ok) return compared
  if (compared.value === 'we-are-stale') {
    const text =
      'The other side of this channel has a later state than this tab: the tab runs on an old copy of its profile. Nothing was published. The other side was asked to close the channel, which pays out your share.'
    const stale = outdated(state, text)
    return ok({ ...stale, outgoing: [errorAgain(stale.state)] })
  }
  if (compared.value === 'they-are-stale')
    // It finds out by our own message, and asks us to close; or starts again from a better copy. Nothing else is said until then.
    return ok(
      step(state, [
        {
          kind: 'message',
          message: {
            type: 'warning',
            channelId: state.channelId,
            text: 'Your state of this channel is older than what you have acknowledged.',
          },
        },
      ]),
    )
  const nonce = message.nextLocalNonces?.get(state.contract.fundingTxid)
  if (!nonce)
    return invalid('nonce-missing', 'A channel was re-established without the nonce of the next commitment.')

  const connected: ChannelState = { ...state, connection: 'connected', counterpartyNonce: nonce }
  const outgoing: Outgoing[] = []
  if (state.readySent && message.nextCommitmentNumber === 1 && holderNumber(state) === 0)
    outgoing.push({ kind: 'ready' })
  const revocation: Outgoing[] =
    message.nextRevocationNumber < holderNumber(state)
      ? [{ kind: 'revoke', number: message.nextRevocationNumber }]
      : []
  const lost = message.nextCommitmentNumber === counterpartyCommitment(state).number
  const commitment: Outgoing[] =
    lost && awaitsRevocation(state) ? [...updatesAt(connected, 1), commitmentToSign(connected, nonce)] : []
  outgoing.push(
    ...(state.lastSent === 'revoke_and_ack'
      ? [...commitment, ...revocation]
      : [...revocation, ...commitment]),
    ...updatesAt(connected, 0),
  )
  return ok(step(lost ? { ...connected, counterpartyNonce: undefined } : connected, outgoing))
}

/** The updates that the holder proposed and that are at a stage, as messages: such an order that each is allowed where all together were. */
function updatesAt(state: ChannelState, stage: Stage): Outgoing[] {
  if (!isOperating(state)) return []
  const removals = state.htlcs
    .filter(({ terms, removed }) => !terms.offered && removed === stage)
    .map(({ terms, removal }) => removalMessage(state, terms.id, removal!))
  const fees = state.contract.holderIsFunder
    ? state.feeUpdates
        .filter((update) => update.stage === stage)
        .map(({ feerate }) => feeMessage(state, feerate))
    : []
  const adds = state.htlcs
    .filter(({ terms, added }) => terms.offered && added === stage)
    .map(({ terms }) => addMessage(state, terms))
  return [...removals, ...fees, ...adds].map((message) => ({ kind: 'message', message }))
}

type Comparison = 'in-step' | 'we-are-stale' | 'they-are-stale'

/** Rejects with `reestablish-zero`, `reestablish-secret` and `reestablish-number`. */
function compare(
  state: ChannelState,
  { nextCommitmentNumber, nextRevocationNumber, yourLastPerCommitmentSecret }: ChannelReestablish,
  claimed: Uint8Array | undefined,
): Result<Comparison> {
  if (nextCommitmentNumber === 0)
    return invalid(
      'reestablish-zero',
      'The counterparty asks for the first commitment, which is to say that it lost all.',
    )
  // A secret that it can only have from us, or that we are yet to tell: whoever shows it says the truth on our state.
  const proven =
    nextRevocationNumber === 0
      ? true
      : claimed !== undefined && isSecretOf(yourLastPerCommitmentSecret, claimed)
  if (!proven) return invalid('reestablish-secret', 'The counterparty shows a secret that is not ours.')
  const revoked = holderNumber(state)
  if (nextRevocationNumber > revoked) return ok('we-are-stale')
  const signed = counterpartyCommitment(state).number
  // Only with the secret of a commitment that we don't know to be revoked is it proven that it is us who fell behind.
  if (nextCommitmentNumber > signed + 1)
    return invalid(
      'reestablish-number',
      `The counterparty asks for commitment ${nextCommitmentNumber}; ${signed + 1} is next.`,
    )
  if (nextRevocationNumber < revoked - 1 || nextCommitmentNumber < signed) return ok('they-are-stale')
  // What it has not got and has already answered can't be.
  if (nextCommitmentNumber === signed && !awaitsRevocation(state) && signed > 0) return ok('they-are-stale')
  return ok('in-step')
}
