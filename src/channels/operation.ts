/** Normal operation (BOLT 2): updates are proposed, signed for and acknowledged. Pure, any thread. */

import { equalBytes } from '../primitives/bytes.ts'
import { sha256 } from '../primitives/hashes.ts'
import { invalid, notNow, ok, type Result } from '../primitives/result.ts'
import { curve } from '../script/curve.ts'
import { type Msat, msat } from './amount.ts'
import { isTrimmed } from './commitment-transaction.ts'
import { BADONION } from './failures.ts'
import { checkFee, checkOffer, checkOffered, checkProposedFee, exceedsDust } from './limits.ts'
import type {
  CommitmentSigned,
  RevokeAndAck,
  UpdateAddHtlc,
  UpdateFailHtlc,
  UpdateFailMalformedHtlc,
  UpdateFee,
  UpdateFulfillHtlc,
} from './messages.ts'
import type { CounterpartyCommitmentRequest, HtlcOrigin } from './ports.ts'
import { SecretStore, secretIndex } from './secrets.ts'
import {
  awaitsRevocation,
  type ChannelState,
  commitmentIn,
  counterpartyCommitment,
  holderNumber,
  isOperating,
} from './state.ts'
import { type ChannelEvent, type Outgoing, type Step, type StepResult, say, step } from './step.ts'
import {
  advanceHtlc,
  type Htlc,
  type HtlcTerms,
  type Removal,
  stageAfter,
  standing,
  type Turn,
  type View,
} from './updates.ts'

const HOLDER: View = { ofHolder: true, next: false }
const COUNTERPARTY: View = { ofHolder: false, next: false }

/** What the holder offers. */
export interface HtlcOffer {
  readonly amount: Msat
  readonly paymentHash: Uint8Array
  readonly expiry: number
  readonly onion: Uint8Array
  readonly pathKey?: Uint8Array
  readonly origin: HtlcOrigin
}

/** Offers an HTLC. Rejects with `channel-not-open`, `peer-disconnected` and the codes of `checkOffer`. Its id is the state's `nextHolderHtlc`. */
export function offerHtlc(state: ChannelState, offer: HtlcOffer): StepResult {
  if (state.status !== 'open')
    return notNow('channel-not-open', `The channel takes no payments: ${statusInWords(state)}.`)
  if (state.connection !== 'connected')
    return notNow('peer-disconnected', 'The other side of the channel is away. Nothing was sent.')
  if (state.fundingHeight === undefined)
    return notNow(
      'channel-not-open',
      'The block that held the channel’s money was replaced. Wait until it is back.',
    )
  const terms: HtlcTerms = { offered: true, id: state.nextHolderHtlc, ...offer }
  const allowed = checkOffer(state, terms)
  if (!allowed.ok) return allowed
  const added: ChannelState = {
    ...state,
    htlcs: [...state.htlcs, { terms, added: 0 }],
    nextHolderHtlc: state.nextHolderHtlc + 1,
  }
  return ok(step(added, say(added, addMessage(added, terms))))
}

function statusInWords({ status }: ChannelState): string {
  if (status === 'funding') return 'its funding is not confirmed'
  return status === 'shutdown' ? 'it is being closed' : 'it is closed'
}

/**
 * Ends an HTLC that the holder was offered. Rejects with `htlc-unknown`, `htlc-ended`, `htlc-not-committed`, `preimage-wrong` and, where it may
 * only be failed, `htlc-refused`. In a channel that failed, a preimage is kept for what follows on the chain.
 */
export function removeHtlc(state: ChannelState, id: number, removal: Removal): StepResult {
  const at = state.htlcs.findIndex(({ terms }) => !terms.offered && terms.id === id)
  if (at < 0) return notNow('htlc-unknown', `No HTLC ${id} was offered in this channel.`)
  const htlc = state.htlcs[at]
  if (htlc.removal) return notNow('htlc-ended', `HTLC ${id} was already answered.`)
  if (htlc.added < 4) return notNow('htlc-not-committed', `HTLC ${id} is not irrevocable yet.`)
  if (removal.kind === 'fulfill') {
    if (!equalBytes(sha256(removal.preimage), htlc.terms.paymentHash))
      return notNow('preimage-wrong', `The preimage is not that of HTLC ${id}.`)
    if (htlc.terms.refused)
      return notNow('htlc-refused', `HTLC ${id} is dust beyond what may be risked: it is to be failed.`)
  }
  const removed: ChannelState = {
    ...state,
    htlcs: state.htlcs.with(at, { ...htlc, removal, removed: 0 }),
  }
  return ok(step(removed, isOperating(removed) ? say(removed, removalMessage(removed, id, removal)) : []))
}

/** Proposes a feerate. Rejects with `fee-not-ours`, `channel-not-open`, `peer-disconnected` and the codes of `checkFee`. */
export function proposeFee(state: ChannelState, feerate: number): StepResult {
  if (!state.contract.holderIsFunder)
    return notNow('fee-not-ours', 'The other side opened the channel: it pays the fees and sets their rate.')
  if (!isOperating(state) || isClear(state))
    return notNow('channel-not-open', `The feerate can't change: ${statusInWords(state)}.`)
  if (state.connection !== 'connected')
    return notNow('peer-disconnected', 'The other side of the channel is away. Nothing was sent.')
  const allowed = checkFee(state, feerate)
  if (!allowed.ok) return allowed
  const proposed = withFee(state, feerate)
  return ok(step(proposed, say(proposed, feeMessage(proposed, feerate))))
}

/** A shutdown is on its way, and nothing is left to do before closing transactions. */
export function isClear(state: ChannelState): boolean {
  return (
    state.shutdownSent &&
    state.shutdownReceived &&
    state.htlcs.length === 0 &&
    state.feeUpdates.length === 0 &&
    !awaitsRevocation(state)
  )
}

/** With a new feerate, which replaces one that nobody has signed for. */
function withFee(state: ChannelState, feerate: number): ChannelState {
  const signed = state.feeUpdates.filter(({ stage }) => stage > 0)
  return { ...state, feeUpdates: [...signed, { feerate, stage: 0 }] }
}

/** Marks outcomes as known to the origins of the HTLCs, by the holder's ids: they need not be told again. */
export function acknowledge(state: ChannelState, ids: ReadonlySet<number>): Step {
  const known = ({ terms }: Htlc) => terms.offered && ids.has(terms.id)
  return step({
    ...state,
    outcomes: state.outcomes.filter((htlc) => !known(htlc)),
    htlcs: state.htlcs.map((htlc) =>
      known(htlc) && htlc.removal && !htlc.acknowledged ? { ...htlc, acknowledged: true } : htlc,
    ),
  })
}

export function addMessage({ channelId }: ChannelState, terms: HtlcTerms): UpdateAddHtlc {
  const { id, amount, paymentHash, expiry, onion, pathKey } = terms
  return { type: 'update_add_htlc', channelId, id, amount, paymentHash, expiry, onion, pathKey }
}

export function removalMessage(
  { channelId }: ChannelState,
  id: number,
  removal: Removal,
): UpdateFulfillHtlc | UpdateFailHtlc | UpdateFailMalformedHtlc {
  if (removal.kind === 'fulfill')
    return { type: 'update_fulfill_htlc', channelId, id, preimage: removal.preimage }
  if (removal.kind === 'fail') {
    const { reason, attribution } = removal
    return { type: 'update_fail_htlc', channelId, id, reason, ...(attribution && { attribution }) }
  }
  const { onionHash, failureCode } = removal
  return { type: 'update_fail_malformed_htlc', channelId, id, onionHash, failureCode }
}

export function feeMessage({ channelId }: ChannelState, feerate: number): UpdateFee {
  return { type: 'update_fee', channelId, feerate }
}

/** Whether there is something to sign for, and the counterparty can take it. */
export function canCommit(state: ChannelState): boolean {
  return (
    state.connection === 'connected' &&
    isOperating(state) &&
    !awaitsRevocation(state) &&
    state.counterpartyPoint !== undefined &&
    state.counterpartyNonce !== undefined &&
    (state.htlcs.some((htlc) => advanceHtlc(htlc, 'holder-signs') !== htlc) ||
      state.feeUpdates.some(
        ({ stage }) => stageAfter(stage, state.contract.holderIsFunder, 'holder-signs') !== stage,
      ))
  )
}

/** Signs the counterparty's next commitment, with all that is proposed and acknowledged. Where `canCommit`. */
export function commit(state: ChannelState): Step {
  const turned = turn(state, 'holder-signs')
  const number = counterpartyCommitment(state).number + 1
  const commitment = commitmentIn(turned, COUNTERPARTY, number, state.counterpartyPoint!)
  const committed: ChannelState = {
    ...turned,
    counterparty: [...state.counterparty, commitment],
    counterpartyPoint: undefined,
    counterpartyNonce: undefined,
    lastSent: 'commitment_signed',
  }
  return step(committed, [commitmentToSign(committed, state.counterpartyNonce!)])
}

/** The counterparty's newest commitment, to be signed with its nonce. */
export function commitmentToSign(state: ChannelState, counterpartyNonce: Uint8Array): Outgoing {
  const commitment = counterpartyCommitment(state)
  const request: CounterpartyCommitmentRequest = {
    contract: state.contract,
    commitment,
    counterpartyNonce,
    origins: new Map(
      state.htlcs.flatMap(({ terms }) => (terms.origin ? [[terms.id, terms.origin] as const] : [])),
    ),
    preimages: preimagesIn(state, COUNTERPARTY),
    revocation: state.secrets.find(secretIndex(commitment.number - 2)),
  }
  return { kind: 'commit', request }
}

/** Preimages of HTLCs that the holder offered and that are gone from a commitment for them. */
function preimagesIn(state: ChannelState, view: View): Map<number, Uint8Array> {
  return new Map(
    state.htlcs.flatMap((htlc) =>
      htlc.terms.offered && htlc.removal?.kind === 'fulfill' && standing(view, htlc) === 'fulfilled'
        ? [[htlc.terms.id, htlc.removal.preimage] as const]
        : [],
    ),
  )
}

/** All updates one turn on. */
function turn(state: ChannelState, turn: Turn): ChannelState {
  const { holderIsFunder } = state.contract
  return {
    ...state,
    htlcs: state.htlcs.map((htlc) => advanceHtlc(htlc, turn)),
    feeUpdates: state.feeUpdates.map((update) => {
      const stage = stageAfter(update.stage, holderIsFunder, turn)
      return stage === update.stage ? update : { ...update, stage }
    }),
  }
}

/** Folds what is irrevocable into the shares. */
function settle(state: ChannelState): ChannelState {
  let { holderAmount, counterpartyAmount, feerate } = state
  const outcomes = [...state.outcomes]
  const htlcs = state.htlcs.filter((htlc) => {
    if (htlc.removed !== 4) return true
    const { offered, amount } = htlc.terms
    if (htlc.removal!.kind === 'fulfill') {
      holderAmount = msat(holderAmount + (offered ? -amount : amount))
      counterpartyAmount = msat(counterpartyAmount + (offered ? amount : -amount))
    }
    if (offered && !htlc.acknowledged) outcomes.push(htlc)
    return false
  })
  const feeUpdates = state.feeUpdates.filter((update) => {
    if (update.stage === 4) feerate = update.feerate
    return update.stage !== 4
  })
  return { ...state, holderAmount, counterpartyAmount, feerate, htlcs, feeUpdates, outcomes }
}

/** Whether updates may come from the counterparty. Rejects with `update-unexpected`. */
function checkOperating(state: ChannelState, what: string): Result<void> {
  return isOperating(state)
    ? ok(undefined)
    : invalid('update-unexpected', `${what} came before the channel was open.`)
}

export function receiveAdd(state: ChannelState, message: UpdateAddHtlc): StepResult {
  const operating = checkOperating(state, 'An HTLC')
  if (!operating.ok) return operating
  if (state.shutdownReceived)
    return invalid(
      'update-after-shutdown',
      'An HTLC was added after its sender announced to close the channel.',
    )
  if (message.id !== state.nextCounterpartyHtlc)
    return invalid('htlc-id', `HTLC ${message.id} came where ${state.nextCounterpartyHtlc} is next.`)
  const { id, amount, paymentHash, expiry, onion, pathKey } = message
  const terms: HtlcTerms = {
    offered: false,
    id,
    amount,
    paymentHash,
    expiry,
    onion,
    ...(pathKey && { pathKey }),
    ...(exceedsDust(state, amount) && { refused: true }),
  }
  const htlcs: Htlc[] = [...state.htlcs, { terms, added: 0 }]
  const allowed = checkOffered(state, htlcs)
  if (!allowed.ok) return allowed
  return ok(step({ ...state, htlcs, nextCounterpartyHtlc: id + 1 }))
}

/** Takes back an HTLC that the holder offered. */
export function receiveRemoval(
  state: ChannelState,
  message: UpdateFulfillHtlc | UpdateFailHtlc | UpdateFailMalformedHtlc,
): StepResult {
  const operating = checkOperating(state, 'The end of an HTLC')
  if (!operating.ok) return operating
  const { id } = message
  const at = state.htlcs.findIndex(({ terms }) => terms.offered && terms.id === id)
  const htlc = state.htlcs[at]
  if (!htlc || htlc.added < 4)
    return invalid('htlc-unknown', `HTLC ${id} was ended, which is not in the sender's commitment for good.`)
  if (htlc.removal) return invalid('htlc-ended', `HTLC ${id} was ended twice.`)
  let removal: Removal
  if (message.type === 'update_fulfill_htlc') {
    if (!equalBytes(sha256(message.preimage), htlc.terms.paymentHash))
      return invalid('preimage-wrong', `HTLC ${id} was fulfilled with a wrong preimage.`)
    removal = { kind: 'fulfill', preimage: message.preimage }
  } else if (message.type === 'update_fail_htlc') {
    const { reason, attribution } = message
    removal = { kind: 'fail', reason, ...(attribution && { attribution }) }
  } else {
    const { onionHash, failureCode } = message
    if ((failureCode & BADONION) === 0)
      return invalid('failure-code', `HTLC ${id} was failed as malformed with code ${failureCode}.`)
    removal = { kind: 'malformed', onionHash, failureCode }
  }
  const events: ChannelEvent[] =
    removal.kind === 'fulfill'
      ? [{ kind: 'htlc-fulfilled', terms: htlc.terms, preimage: removal.preimage }]
      : []
  return ok(step({ ...state, htlcs: state.htlcs.with(at, { ...htlc, removal, removed: 0 }) }, [], events))
}

export function receiveFee(state: ChannelState, { feerate }: UpdateFee): StepResult {
  const operating = checkOperating(state, 'A feerate')
  if (!operating.ok) return operating
  if (state.contract.holderIsFunder)
    return invalid('fee-not-theirs', 'A feerate came from the side that does not pay the fees.')
  if (isClear(state)) return invalid('update-after-shutdown', 'A feerate came after all was settled.')
  const allowed = checkProposedFee(state, feerate)
  return allowed.ok ? ok(step(withFee(state, feerate))) : allowed
}

/**
 * The counterparty signed the holder's next commitment. The step stands once the signer accepts it. `point`: of that commitment, 33 bytes.
 */
export function receiveCommitment(
  state: ChannelState,
  message: CommitmentSigned,
  point: Uint8Array,
): StepResult {
  const operating = checkOperating(state, 'A signature')
  if (!operating.ok) return operating
  const { contract } = state
  if (message.fundingTxid !== undefined && message.fundingTxid !== contract.fundingTxid)
    return invalid('funding-txid', 'A signature is for another funding transaction.')
  if (!message.signature)
    return invalid('signature-missing', 'A commitment came without its partial signature.')
  const signed = turn(state, 'counterparty-signs')
  if (!changed(state, signed))
    return notNow('commitment-empty', 'A commitment was signed that changes nothing.')
  const number = holderNumber(state)
  const commitment = commitmentIn(signed, HOLDER, number + 1, point)
  const outputs = commitment.htlcs.filter(({ amount }) => !isTrimmed(amount, contract.holder.dustLimit))
  if (message.htlcSignatures.length !== outputs.length)
    return invalid(
      'htlc-signature-count',
      `${message.htlcSignatures.length} HTLC signatures came for ${outputs.length} outputs.`,
    )
  const signatures = { ...message.signature, htlcSignatures: message.htlcSignatures }
  const revoked = settle({
    ...turn(signed, 'holder-revokes'),
    holder: { commitment, signatures },
    lastSent: 'revoke_and_ack',
  })
  return ok({
    ...step(revoked, [{ kind: 'revoke', number }]),
    accept: { contract, commitment, signatures, preimages: preimagesIn(signed, HOLDER) },
  })
}

function changed(before: ChannelState, after: ChannelState): boolean {
  return (
    after.htlcs.some((htlc, at) => htlc !== before.htlcs[at]) ||
    after.feeUpdates.some((update, at) => update !== before.feeUpdates[at])
  )
}

export function receiveRevocation(state: ChannelState, message: RevokeAndAck): StepResult {
  const operating = checkOperating(state, 'A revocation')
  if (!operating.ok) return operating
  if (!awaitsRevocation(state))
    return invalid('revocation-unexpected', 'A commitment was revoked with none signed in its place.')
  const [old, newest] = state.counterparty
  if (!isSecretOf(message.perCommitmentSecret, old.point))
    return invalid('revocation-secret', `The secret of commitment ${old.number} does not lead to its point.`)
  const secrets = copyOf(state.secrets)
  const inserted = secrets.insert(secretIndex(old.number), message.perCommitmentSecret.slice())
  if (!inserted.ok) return inserted
  const nonce = message.nextLocalNonces?.get(state.contract.fundingTxid)
  if (!nonce) return invalid('nonce-missing', 'A revocation came without the nonce of the next commitment.')
  const turned = turn(state, 'counterparty-revokes')
  const settled = settle({
    ...turned,
    secrets,
    counterparty: [newest],
    counterpartyPoint: message.nextPerCommitmentPoint,
    counterpartyNonce: nonce,
  })
  const events: ChannelEvent[] = turned.htlcs.flatMap((htlc, at): ChannelEvent[] => {
    const { terms, added, removal, removed } = htlc
    if (!terms.offered && added === 4 && state.htlcs[at].added !== 4)
      return [{ kind: 'htlc-received', terms }]
    if (terms.offered && removed === 4 && removal!.kind !== 'fulfill' && !htlc.acknowledged)
      return [{ kind: 'htlc-failed', terms, removal: removal! }]
    return []
  })
  return ok({ ...step(settled, [], events), revoked: [old] })
}

/** Whether a secret leads to a point, both from a message: whoever was told it knows it. */
export function isSecretOf(secret: Uint8Array, point: Uint8Array): boolean {
  // None where it is not below the order of the group.
  const own = curve().sum([], secret)
  return own !== undefined && equalBytes(own, point)
}

function copyOf(secrets: SecretStore): SecretStore {
  const copy = SecretStore.decode(secrets.encode())
  if (!copy.ok) throw new Error(copy.detail)
  return copy.value
}
