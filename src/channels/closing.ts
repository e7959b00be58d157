/**
 * The end in agreement (BOLT 2, Channel Close, with `option_simple_close`; simple taproot channels, RBF Cooperative Close). Both announce it; once
 * no HTLC is left, each may propose a closing transaction whose fee it pays itself, and the other signs it. Either may be mined. Pure, any thread.
 */
import { DUST } from '../policy/fees.ts'
import { type Sats, sats } from '../primitives/amount.ts'
import { equalBytes } from '../primitives/bytes.ts'
import { invalid, notNow, ok, type Result } from '../primitives/result.ts'
import { decodeTransaction, type Transaction } from '../primitives/transaction.ts'
import { MusigSession, nonceAgg } from '../script/musig2.ts'
import { isP2tr } from '../script/taproot.ts'
import { msatToSats } from './amount.ts'
import { closingTransaction, fundingSighash, withFundingSignature } from './funding-spend.ts'
import type { ClosingComplete, ClosingSig, ClosingVariants, Shutdown } from './messages.ts'
import { isClear } from './operation.ts'
import type { ChannelContract, ClosingTransaction } from './ports.ts'
import { fundingKey } from './scripts.ts'
import type { ChannelState, ClosingVariant } from './state.ts'
import { type Outgoing, type Step, type StepResult, step } from './step.ts'

/** Weight of the witness of a closing transaction: marker and flag, one item, one signature. */
const WITNESS_WEIGHT = 2 + 1 + 1 + 64

/** Satoshis at a feerate for 1,000 weight units. */
function feeOf(feerate: number, weight: number): Sats {
  return sats(Math.ceil((feerate * weight) / 1000))
}

type VariantName = ClosingVariant['name']
const VARIANT_NAMES: readonly VariantName[] = ['closerOnly', 'closeeOnly', 'both']

/**
 * Announces that the holder wants to close, and what its closing transaction is to pay. Again: asks for another one that pays more. Rejects with
 * `channel-closed` and `closing-feerate`.
 */
export function closeChannel(state: ChannelState, feerate: number): StepResult {
  if (state.status === 'failed' || state.status === 'stale' || state.spent)
    return notNow('channel-closed', 'The channel is closed already.')
  if (!Number.isInteger(feerate) || feerate < state.policy.minFeerate || feerate > state.policy.maxFeerate)
    return notNow(
      'closing-feerate',
      `The feerate must be from ${state.policy.minFeerate} to ${state.policy.maxFeerate} satoshis for 1,000 weight units.`,
    )
  const closing: ChannelState = {
    ...state,
    status: 'shutdown',
    closingFeerate: feerate,
    closingProposed: undefined,
  }
  return ok(step(closing, [], state.status === 'shutdown' ? [] : [{ kind: 'shutdown', byHolder: true }]))
}

/** Whether `shutdown` is due: all that the holder proposed is signed for (BOLT 2: the sender always sends a `commitment_signed` first). */
export function owesShutdown(state: ChannelState): boolean {
  return (
    state.status === 'shutdown' &&
    state.connection === 'connected' &&
    state.holderClosingNonce === undefined &&
    !state.htlcs.some(({ terms, added, removed }) => (terms.offered ? added === 0 : removed === 0)) &&
    !(state.contract.holderIsFunder && state.feeUpdates.some(({ stage }) => stage === 0))
  )
}

/** `nonce`: a fresh one of the holder's. */
export function sendShutdown(state: ChannelState, nonce: Uint8Array): Step {
  const { channelId, contract } = state
  const message: Shutdown = { type: 'shutdown', channelId, script: contract.payout.script, nonce }
  return step({ ...state, shutdownSent: true, holderClosingNonce: nonce }, [{ kind: 'message', message }])
}

export function receiveShutdown(state: ChannelState, message: Shutdown): StepResult {
  if (!message.nonce) return invalid('nonce-missing', 'A shutdown came without its nonce.')
  if (state.counterpartyClosingNonce) return notNow('shutdown-repeated', 'A second shutdown came.')
  if (!isP2tr(message.script))
    return notNow(
      'shutdown-script',
      'A shutdown names a script that is not P2TR, which alone is relayed here.',
    )
  if (state.counterpartyScript && !equalBytes(state.counterpartyScript, message.script))
    return notNow('shutdown-script', 'A shutdown names another script than was agreed to.')
  if (state.htlcs.some(({ terms, added, removed }) => (terms.offered ? removed === 0 : added === 0)))
    return notNow('shutdown-early', 'A shutdown came before its sender had signed for its updates.')
  const closing: ChannelState = {
    ...state,
    status: 'shutdown',
    shutdownReceived: true,
    counterpartyScript: message.script,
    counterpartyClosingNonce: message.nonce,
    closingFeerate: state.closingFeerate ?? state.policy.feerate,
  }
  return ok(step(closing, [], state.status === 'shutdown' ? [] : [{ kind: 'shutdown', byHolder: false }]))
}

/** Whether the holder has yet to propose its closing transaction, and can. */
export function canPropose(state: ChannelState): boolean {
  return (
    state.connection === 'connected' &&
    isClear(state) &&
    !state.spent &&
    !state.closingProposed &&
    state.closingProposal === undefined &&
    state.holderClosingNonce !== undefined &&
    state.counterpartyClosingNonce !== undefined
  )
}

/** `nonces`: two fresh ones of the holder's, one a variant. Proposes nothing where the holder has not enough to pay the fee. */
export function propose(state: ChannelState, nonces: readonly Uint8Array[]): Step {
  const proposed: ChannelState = { ...state, closingProposed: true }
  const closerScript = state.contract.payout.script
  const closeeScript = state.counterpartyScript!
  const weight = closingTransaction(
    state.contract,
    closingOf(state, true, 'both', closerScript, closeeScript, sats(0), 0),
  ).weight
  const fee = feeOf(state.closingFeerate!, weight + WITNESS_WEIGHT)
  const own = msatToSats(state.holderAmount)
  const names = variantsOf(state, fee)
  if (fee > own || names.length === 0) return step(proposed)
  const terms = { channelId: state.channelId, closerScript, closeeScript, fee, lockTime: state.height }
  const variants = names.map(
    (name, at): ClosingVariant => ({
      name,
      transaction: closingOf(state, true, name, closerScript, closeeScript, fee, terms.lockTime),
      nonce: nonces[at],
    }),
  )
  const proposal = { terms, variants }
  return step({ ...proposed, closingProposal: proposal }, [
    { kind: 'propose-closing', proposal, closeeNonce: state.counterpartyClosingNonce! },
  ])
}

/** The transactions that the holder offers as closer (BOLT 2, `closing_complete`, Requirements). */
function variantsOf(state: ChannelState, fee: Sats): VariantName[] {
  const own = msatToSats(state.holderAmount) - fee >= DUST
  const others = msatToSats(state.counterpartyAmount) >= DUST
  if (!own && !others) return []
  if (state.holderAmount < state.counterpartyAmount) return own ? ['both'] : ['closeeOnly']
  if (!others) return ['closerOnly']
  return own ? ['closerOnly', 'both'] : []
}

/** A closing transaction, as each side builds it from the terms. */
function closingOf(
  state: ChannelState,
  closerIsHolder: boolean,
  name: VariantName,
  closerScript: Uint8Array,
  closeeScript: Uint8Array,
  fee: Sats,
  lockTime: number,
): ClosingTransaction {
  const [closerAmount, closeeAmount] = closerIsHolder
    ? [state.holderAmount, state.counterpartyAmount]
    : [state.counterpartyAmount, state.holderAmount]
  const closer =
    name === 'closeeOnly' ? undefined : { script: closerScript, amount: sats(msatToSats(closerAmount) - fee) }
  const closee =
    name === 'closerOnly' ? undefined : { script: closeeScript, amount: msatToSats(closeeAmount) }
  return {
    closerIsHolder,
    holderOutput: closerIsHolder ? closer : closee,
    counterpartyOutput: closerIsHolder ? closee : closer,
    lockTime,
  }
}

/** What two partial signatures come to. */
interface ClosingSession {
  readonly unsigned: Transaction
  readonly session: MusigSession
}

/** Rejects with `musig2-aggregate-nonce` where nonces cancel each other out. */
function closingSession(
  { holder, counterparty, ...contract }: ChannelContract,
  transaction: ClosingTransaction,
  nonces: readonly Uint8Array[],
): Result<ClosingSession> {
  const key = fundingKey(holder.basepoints.funding, counterparty.basepoints.funding)
  if (!key.ok) return key
  const unsigned = closingTransaction({ holder, counterparty, ...contract }, transaction)
  const aggregate = nonceAgg(nonces)
  if (!aggregate.ok) return aggregate
  const session = MusigSession.start(
    key.value,
    aggregate.value,
    fundingSighash(contract, key.value, unsigned),
  )
  return session.ok ? ok({ unsigned, session: session.value }) : session
}

/**
 * The transaction, whole. `halves`: both partial signatures, `nonces`: both public nonces. Rejects with the codes of MuSig2.
 */
export function completeClosing(
  contract: ChannelContract,
  transaction: ClosingTransaction,
  nonces: readonly Uint8Array[],
  halves: readonly Uint8Array[],
): Result<Uint8Array> {
  const started = closingSession(contract, transaction, nonces)
  if (!started.ok) return started
  const signature = started.value.session.aggregate(halves)
  return signature.ok ? ok(withFundingSignature(started.value.unsigned, signature.value).bytes) : signature
}

/** Rejects with `closing-signature` a half of the counterparty's that is not valid. */
function checkHalf(
  contract: ChannelContract,
  transaction: ClosingTransaction,
  nonces: readonly Uint8Array[],
  half: Uint8Array,
  counterpartyNonce: Uint8Array,
): Result<void> {
  const started = closingSession(contract, transaction, nonces)
  const valid =
    started.ok &&
    started.value.session.verify(half, counterpartyNonce, contract.counterparty.basepoints.funding)
  return valid
    ? ok(undefined)
    : notNow('closing-signature', 'The partial signature under a closing transaction is not valid.')
}

/** The counterparty proposes: the holder is the closee and signs one variant. `nextNonce`: a fresh one, for the next proposal. */
export function receiveClosingComplete(
  state: ChannelState,
  message: ClosingComplete,
  nextNonce: Uint8Array,
): StepResult {
  const { contract, holderClosingNonce } = state
  if (!isClear(state) || !holderClosingNonce || !state.counterpartyClosingNonce)
    return notNow('closing-early', 'A closing transaction came before both sides were done.')
  if (message.fee > msatToSats(state.counterpartyAmount))
    return notNow(
      'closing-fee',
      `A closing transaction pays ${message.fee} satoshis, more than its sender has.`,
    )
  if (!equalBytes(message.closeeScript, contract.payout.script))
    return notNow('closing-script', 'A closing transaction pays us to a script that is not ours.')
  if (!equalBytes(message.closerScript, state.counterpartyScript!))
    return notNow('closing-script', 'A closing transaction names another script than its sender told before.')
  const variant = variantFor(state, message.signatures)
  const half = variant && message.signatures[variant]
  if (!variant || !half)
    return notNow(
      'closing-variant',
      'A closing transaction came without the signature that would be asked for.',
    )
  const { closerScript, closeeScript, fee, lockTime } = message
  const transaction = closingOf(state, false, variant, closerScript, closeeScript, fee, lockTime)
  // One that no mempool takes would be signed for nothing, and push out of our memory those that are worth something.
  if (lockTime > state.height + state.policy.expiryGrace)
    return notNow('closing-lock-time', `A closing transaction waits for height ${lockTime}.`)
  const { weight } = closingTransaction(contract, transaction)
  if (fee < feeOf(state.policy.minFeerate, weight + WITNESS_WEIGHT))
    return notNow('closing-fee', `A closing transaction pays ${fee} satoshis, which nobody relays.`)
  const valid = checkHalf(
    contract,
    transaction,
    [half.nonce, holderClosingNonce],
    half.partialSignature,
    half.nonce,
  )
  if (!valid.ok) return valid
  const answer: Outgoing = {
    kind: 'sign-closing',
    message: {
      type: 'closing_sig',
      channelId: state.channelId,
      closerScript,
      closeeScript,
      fee,
      lockTime,
      nextCloseeNonce: nextNonce,
    },
    variant,
    transaction,
    nonce: holderClosingNonce,
    closerNonce: half.nonce,
    closerSignature: half.partialSignature,
  }
  return ok(step({ ...state, holderClosingNonce: nextNonce }, [answer]))
}

/** Which of the variants offered the closee signs. */
function variantFor(state: ChannelState, offered: ClosingVariants<unknown>): VariantName | undefined {
  if (msatToSats(state.holderAmount) < DUST) return 'closerOnly'
  return offered.both ? 'both' : 'closeeOnly'
}

/** The counterparty has signed our proposal. */
export function receiveClosingSig(state: ChannelState, message: ClosingSig): StepResult {
  const { contract, closingProposal, counterpartyClosingNonce } = state
  if (!closingProposal || !counterpartyClosingNonce)
    return notNow('closing-unexpected', 'A closing signature came that nobody asked for.')
  const { terms, variants } = closingProposal
  const same =
    equalBytes(message.closerScript, terms.closerScript) &&
    equalBytes(message.closeeScript, terms.closeeScript) &&
    message.fee === terms.fee &&
    message.lockTime === terms.lockTime
  if (!same) return notNow('closing-terms', 'A closing signature is for other terms than were proposed.')
  const [name, ...more] = VARIANT_NAMES.filter((name) => message.signatures[name])
  const variant = variants.find((each) => each.name === name)
  if (more.length > 0 || !variant?.partialSignature)
    return notNow('closing-variant', 'A closing signature is not for one of the transactions proposed.')
  const half = message.signatures[name]!
  const nonces = [variant.nonce, counterpartyClosingNonce]
  const valid = checkHalf(contract, variant.transaction, nonces, half, counterpartyClosingNonce)
  if (!valid.ok) return valid
  const whole = completeClosing(contract, variant.transaction, nonces, [variant.partialSignature, half])
  if (!whole.ok) return whole
  const closed = closingSigned(state, whole.value)
  return ok({
    ...closed,
    state: {
      ...closed.state,
      closingProposal: undefined,
      counterpartyClosingNonce: message.nextCloseeNonce,
    },
  })
}

/** Closing transactions that are kept: each side's last, and the one before it. */
const MAX_CLOSING_TRANSACTIONS = 4

/** A closing transaction is whole. */
export function closingSigned(state: ChannelState, transaction: Uint8Array): Step {
  const closingTransactions = [...state.closingTransactions, transaction].slice(-MAX_CLOSING_TRANSACTIONS)
  return step({ ...state, closingTransactions }, [], [{ kind: 'publish', transaction, what: 'closing' }])
}

/** Whether a closing transaction is whole that is mined as soon as the holder's commitment would be: it pays as much, and may be in the next block. */
export function isClosed({ closingTransactions, contract, holder, height }: ChannelState): boolean {
  return closingTransactions.some((bytes) => {
    const transaction = decodeTransaction(bytes)
    if (!transaction.ok) return false
    const { outputs, weight, lockTime } = transaction.value
    const fee = outputs.reduce((left, { value }) => left - value, contract.fundingAmount as number)
    return lockTime <= height && fee >= feeOf(holder.commitment.feerate, weight)
  })
}

/** The signer has made the halves of our proposal, by variant: it is sent. Nothing changes where the proposal is gone. */
export function closingHalves(
  state: ChannelState,
  halves: ReadonlyMap<VariantName, Uint8Array>,
): ChannelState {
  const proposal = state.closingProposal
  if (!proposal) return state
  const variants = proposal.variants.map((variant) => ({
    ...variant,
    partialSignature: halves.get(variant.name),
  }))
  return { ...state, closingProposal: { ...proposal, variants } }
}
