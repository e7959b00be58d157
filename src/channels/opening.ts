/**
 * How a channel is opened (BOLT 2, Channel Establishment v1, with the nonces of simple taproot channels). Nothing of an opening is stored: a
 * connection that ends takes it along, until the accepter holds a signed commitment (`funding_created`) or the opener (`funding_signed`): from
 * there on it is a channel. Pure, any thread.
 */
import { type Sats, sats } from '../primitives/amount.ts'
import { equalBytes } from '../primitives/bytes.ts'
import type { Txid } from '../primitives/hashes.ts'
import { invalid, ok, type Result } from '../primitives/result.ts'
import { isP2tr } from '../script/taproot.ts'
import { type Msat, msat, satsToMsat } from './amount.ts'
import { ANCHOR_AMOUNT, commitmentFee } from './commitment-transaction.ts'
import {
  type AcceptChannel,
  type ChannelId,
  channelIdOf,
  type FundingCreated,
  type FundingSigned,
  MAX_HTLCS,
  type OpenChannel,
} from './messages.ts'
import { type ChannelPolicy, reserveOf } from './policy.ts'
import type {
  ChannelBasepoints,
  ChannelContract,
  ChannelKeys,
  Commitment,
  HolderCommitmentRequest,
  HolderPoint,
  Payout,
} from './ports.ts'
import { fundingKey, fundingScript } from './scripts.ts'
import { SecretStore } from './secrets.ts'
import type { ChannelState, HtlcLimits } from './state.ts'

/** The channel type of BOLT 9 with `option_simple_taproot` (bit 80) alone: 11 bytes. */
export const CHANNEL_TYPE = Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)

/** Bit of `channel_flags`: the channel may be told to others. */
const ANNOUNCE_CHANNEL = 1

/** Least dust limit: below it a P2TR output is not relayed (BOLT 2, `open_channel`). */
const MIN_DUST_LIMIT = sats(354)

/** What one side said of itself. */
export interface SideTerms {
  readonly basepoints: ChannelBasepoints
  /** Of its commitment 0: point, 33 bytes, and verification nonce, 66 bytes. */
  readonly first: HolderPoint
  readonly dustLimit: Sats
  /** That it demands of the other side's outputs. */
  readonly toSelfDelay: number
  /** That it demands of the other side's HTLCs. */
  readonly limits: HtlcLimits
  /** Where it wants its money in the end; undefined where it says so later. */
  readonly script?: Uint8Array
}

/** An opening that both sides know of. */
export interface Opening {
  readonly peer: string
  readonly temporaryChannelId: ChannelId
  readonly holderIsFunder: boolean
  readonly policy: ChannelPolicy
  readonly fundingAmount: Sats
  readonly pushAmount: Msat
  readonly feerate: number
  readonly announced: boolean
  /** What the holder said; undefined as long as it has not answered. */
  readonly holder?: HolderTerms
  readonly counterparty?: SideTerms
  /** Confirmations that the accepter asks for. */
  readonly minimumDepth?: number
  /** There once the opener has funded it. */
  readonly funding?: Funding
}

/** The holder's side, with what stays here. */
export interface HolderTerms extends SideTerms {
  readonly keyId: string
  readonly payout: Payout
}

/** The transaction that funds a channel, signed and not published. */
export interface Funding {
  readonly txid: Txid
  readonly output: number
  /** With its witnesses. */
  readonly transaction: Uint8Array
}

/** What the holder says in an opening: the same, whoever opens. */
export function holderTerms(
  policy: ChannelPolicy,
  fundingAmount: Sats,
  counterpartyDustLimit: Sats,
  { keyId, basepoints }: ChannelKeys,
  first: HolderPoint,
  payout: Payout,
): HolderTerms {
  return {
    keyId,
    payout,
    basepoints,
    first,
    dustLimit: policy.dustLimit,
    toSelfDelay: policy.toSelfDelay,
    limits: {
      maxHtlcValueInFlight: satsToMsat(fundingAmount),
      htlcMinimum: policy.htlcMinimum,
      maxAcceptedHtlcs: policy.maxAcceptedHtlcs,
      channelReserve: reserveOf(fundingAmount, sats(Math.max(policy.dustLimit, counterpartyDustLimit))),
    },
    script: payout.script,
  }
}

function termsMessage(temporaryChannelId: ChannelId, terms: SideTerms) {
  const { basepoints, first, dustLimit, toSelfDelay, limits, script } = terms
  return {
    temporaryChannelId,
    dustLimit,
    toSelfDelay,
    ...limits,
    fundingPublicKey: basepoints.funding,
    revocationBasepoint: basepoints.revocation,
    paymentBasepoint: basepoints.payment,
    delayedPaymentBasepoint: basepoints.delayedPayment,
    htlcBasepoint: basepoints.htlc,
    firstPerCommitmentPoint: first.point,
    nextLocalNonce: first.nonce,
    channelType: CHANNEL_TYPE,
    upfrontShutdownScript: script,
  }
}

/** `open_channel`. `chainHash`: of the genesis block, internal order. */
export function openMessage(opening: Opening & { holder: HolderTerms }, chainHash: Uint8Array): OpenChannel {
  const { fundingAmount, pushAmount, feerate, announced, holder, temporaryChannelId } = opening
  return {
    type: 'open_channel',
    chainHash,
    fundingAmount,
    pushAmount,
    feerate,
    channelFlags: announced ? ANNOUNCE_CHANNEL : 0,
    ...termsMessage(temporaryChannelId, holder),
  }
}

/** `accept_channel`. */
export function acceptMessage({
  temporaryChannelId,
  holder,
  policy,
}: Opening & { holder: HolderTerms }): AcceptChannel {
  return {
    type: 'accept_channel',
    minimumDepth: policy.minimumDepth,
    ...termsMessage(temporaryChannelId, holder),
  }
}

/** Rejects with `opening-terms`: what is missing, or not ours to accept. */
function readTerms(
  message: OpenChannel | AcceptChannel,
  policy: ChannelPolicy,
  fundingAmount: Sats,
): Result<SideTerms> {
  const { dustLimit, channelReserve, toSelfDelay, maxAcceptedHtlcs, htlcMinimum, maxHtlcValueInFlight } =
    message
  const refuse = (detail: string) => invalid('opening-terms', detail)
  if (!message.channelType || !equalBytes(message.channelType, CHANNEL_TYPE))
    return refuse('Only simple taproot channels are opened here.')
  if (!message.nextLocalNonce) return refuse('The nonce of the first commitment is missing.')
  const script = message.upfrontShutdownScript?.length ? message.upfrontShutdownScript : undefined
  if (script && !isP2tr(script))
    return refuse('The script for closing is not P2TR, which alone is relayed here.')
  if (dustLimit < MIN_DUST_LIMIT || dustLimit > policy.maxDustLimit)
    return refuse(
      `A dust limit of ${dustLimit} satoshis is not from ${MIN_DUST_LIMIT} to ${policy.maxDustLimit}.`,
    )
  if (dustLimit > channelReserve)
    return refuse(`A dust limit of ${dustLimit} satoshis is above the reserve of ${channelReserve}.`)
  if (toSelfDelay > policy.maxToSelfDelay)
    return refuse(`A delay of ${toSelfDelay} blocks is more than ${policy.maxToSelfDelay}.`)
  if (toSelfDelay < 1) return refuse('A delay of no blocks leaves no time to punish a theft.')
  if (maxAcceptedHtlcs > MAX_HTLCS || maxAcceptedHtlcs < 1)
    return refuse(`${maxAcceptedHtlcs} HTLCs at a time are not from 1 to ${MAX_HTLCS}.`)
  if (channelReserve > fundingAmount / 5)
    return refuse(`A reserve of ${channelReserve} satoshis is more than a fifth of the channel.`)
  if (htlcMinimum > satsToMsat(fundingAmount) / 100)
    return refuse(`A least payment of ${htlcMinimum} millisatoshis is more than a hundredth of the channel.`)
  if (maxHtlcValueInFlight < satsToMsat(fundingAmount) / 10)
    return refuse(`${maxHtlcValueInFlight} millisatoshis at a time are less than a tenth of the channel.`)
  return ok({
    basepoints: {
      funding: message.fundingPublicKey,
      revocation: message.revocationBasepoint,
      payment: message.paymentBasepoint,
      delayedPayment: message.delayedPaymentBasepoint,
      htlc: message.htlcBasepoint,
    },
    first: { point: message.firstPerCommitmentPoint, nonce: message.nextLocalNonce },
    dustLimit,
    toSelfDelay,
    limits: { maxHtlcValueInFlight, htlcMinimum, maxAcceptedHtlcs, channelReserve },
    ...(script && { script }),
  })
}

/**
 * What an `open_channel` asks for, to be accepted or not. Rejects with `opening-chain`, `opening-amount`, `opening-feerate` and `opening-terms`.
 */
export function receiveOpen(
  message: OpenChannel,
  peer: string,
  policy: ChannelPolicy,
  chainHash: Uint8Array,
): Result<Opening & { counterparty: SideTerms }> {
  const { fundingAmount, pushAmount, feerate, temporaryChannelId, channelFlags } = message
  if (!equalBytes(message.chainHash, chainHash))
    return invalid('opening-chain', 'The channel is to be funded on another chain.')
  const amounts = checkAmounts(policy, fundingAmount, pushAmount)
  if (!amounts.ok) return amounts
  if (feerate < policy.minFeerate || feerate > policy.maxFeerate)
    return invalid(
      'opening-feerate',
      `A feerate of ${feerate} is not from ${policy.minFeerate} to ${policy.maxFeerate}.`,
    )
  const counterparty = readTerms(message, policy, fundingAmount)
  if (!counterparty.ok) return counterparty
  const shares = checkShares(fundingAmount, pushAmount, feerate, counterparty.value.limits.channelReserve)
  if (!shares.ok) return shares
  return ok({
    peer,
    temporaryChannelId,
    holderIsFunder: false,
    policy,
    fundingAmount,
    pushAmount,
    feerate,
    announced: (channelFlags & ANNOUNCE_CHANNEL) !== 0,
    counterparty: counterparty.value,
    minimumDepth: policy.minimumDepth,
  })
}

/** Whether a channel of these amounts is opened at all. Rejects with `opening-amount`. */
export function checkAmounts(
  { minFunding, maxFunding }: ChannelPolicy,
  fundingAmount: Sats,
  pushAmount: Msat,
): Result<void> {
  if (fundingAmount < minFunding || fundingAmount > maxFunding)
    return invalid(
      'opening-amount',
      `A channel of ${fundingAmount} satoshis is not from ${minFunding} to ${maxFunding} satoshis.`,
    )
  if (pushAmount > satsToMsat(fundingAmount))
    return invalid('opening-amount', 'More is to be given away than the channel holds.')
  return ok(undefined)
}

/**
 * Whether the funder can pay its first commitment, and a side has something to lose. `reserve`: the greater that either keeps. Rejects with
 * `opening-amount`.
 */
export function checkShares(
  fundingAmount: Sats,
  pushAmount: Msat,
  feerate: number,
  reserve: Sats,
): Result<void> {
  const cost = satsToMsat(sats(commitmentFee(feerate, 0) + 2 * ANCHOR_AMOUNT))
  const left = satsToMsat(fundingAmount) - pushAmount - cost
  if (left < 0)
    return invalid(
      'opening-amount',
      'What stays with the one who opens the channel can’t pay the fees of its commitment.',
    )
  if (left <= satsToMsat(reserve) && pushAmount <= satsToMsat(reserve))
    return invalid('opening-amount', `Neither side has more than the reserve of ${reserve} satoshis.`)
  return ok(undefined)
}

/** The accepter's answer to our `open_channel`. Rejects with `opening-terms` and `opening-amount`. */
export function receiveAccept(
  opening: Opening & { holder: HolderTerms },
  message: AcceptChannel,
): Result<Opening & { holder: HolderTerms; counterparty: SideTerms }> {
  const { policy, fundingAmount, holder, pushAmount, feerate } = opening
  const { minimumDepth } = message
  if (minimumDepth > policy.maxMinimumDepth)
    return invalid('opening-terms', `${minimumDepth} confirmations are more than ${policy.maxMinimumDepth}.`)
  const counterparty = readTerms(message, policy, fundingAmount)
  if (!counterparty.ok) return counterparty
  const { dustLimit, limits } = counterparty.value
  if (limits.channelReserve < holder.dustLimit || dustLimit > holder.limits.channelReserve)
    return invalid('opening-terms', 'A reserve is below a dust limit.')
  const shares = checkShares(fundingAmount, pushAmount, feerate, limits.channelReserve)
  if (!shares.ok) return shares
  return ok({ ...opening, counterparty: counterparty.value, minimumDepth })
}

/** An opening whose terms are all known. */
export type AgreedOpening = Opening & { holder: HolderTerms; counterparty: SideTerms }

/** The script that the funding transaction pays. Rejects with `musig2-public-key`. */
export function fundingScriptOf({ holder, counterparty }: AgreedOpening): Result<Uint8Array> {
  const key = fundingKey(holder.basepoints.funding, counterparty.basepoints.funding)
  return key.ok ? ok(fundingScript(key.value)) : key
}

/** The contract, once the funding outpoint is known. */
export function contractOf(
  { holder, counterparty, holderIsFunder, fundingAmount }: AgreedOpening,
  { txid, output }: Pick<Funding, 'txid' | 'output'>,
): ChannelContract {
  return {
    keyId: holder.keyId,
    fundingTxid: txid,
    fundingOutput: output,
    fundingAmount,
    holderIsFunder,
    holder: {
      basepoints: holder.basepoints,
      dustLimit: holder.dustLimit,
      delay: counterparty.toSelfDelay,
    },
    counterparty: {
      basepoints: counterparty.basepoints,
      dustLimit: counterparty.dustLimit,
      delay: holder.toSelfDelay,
    },
    payout: holder.payout,
  }
}

/** Commitment 0 of a side. */
export function firstCommitment(opening: AgreedOpening, ofHolder: boolean): Commitment {
  const { holder, counterparty, holderIsFunder, fundingAmount, pushAmount, feerate } = opening
  const left = msat(satsToMsat(fundingAmount) - pushAmount)
  return {
    ofHolder,
    number: 0,
    point: (ofHolder ? holder : counterparty).first.point,
    feerate,
    holderAmount: holderIsFunder ? left : pushAmount,
    counterpartyAmount: holderIsFunder ? pushAmount : left,
    htlcs: [],
  }
}

/** A channel that came of an opening, once the signer accepts the counterparty's signature. */
export interface Founded {
  readonly state: ChannelState
  readonly accept: HolderCommitmentRequest
}

/** `height`: of the chain. Rejects with `signature-missing`. */
export function foundChannel(
  opening: AgreedOpening,
  funding: Pick<Funding, 'txid' | 'output'> & Partial<Funding>,
  message: FundingCreated | FundingSigned,
  height: number,
): Result<Founded> {
  if (!message.signature)
    return invalid('signature-missing', 'The first commitment came without its partial signature.')
  const contract = contractOf(opening, funding)
  const { holder, counterparty, policy, peer, announced, feerate } = opening
  const commitment = firstCommitment(opening, true)
  const signatures = { ...message.signature, htlcSignatures: [] }
  const state: ChannelState = {
    channelId: channelIdOf(funding.txid, funding.output),
    peer,
    contract,
    policy,
    announced,
    holderLimits: holder.limits,
    counterpartyLimits: counterparty.limits,
    ...(counterparty.script && { counterpartyScript: counterparty.script }),
    // Who opens trusts itself, and yet waits as long: a channel that a reorganisation takes away helps nobody.
    minimumDepth: Math.max(1, opening.minimumDepth ?? policy.minimumDepth),
    status: 'funding',
    readySent: false,
    readyReceived: false,
    shutdownSent: false,
    shutdownReceived: false,
    closingTransactions: [],
    madeAt: height,
    height,
    ...(funding.transaction && { fundingTransaction: funding.transaction }),
    holderAmount: commitment.holderAmount,
    counterpartyAmount: commitment.counterpartyAmount,
    htlcs: [],
    outcomes: [],
    nextHolderHtlc: 0,
    nextCounterpartyHtlc: 0,
    feerate,
    feeUpdates: [],
    holder: { commitment, signatures },
    counterparty: [firstCommitment(opening, false)],
    secrets: new SecretStore(),
    lastSent: 'commitment_signed',
    connection: 'connected',
  }
  return ok({ state, accept: { contract, commitment, signatures, preimages: new Map() } })
}
