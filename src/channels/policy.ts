/** What a node asks of its channels and accepts from others': limits and delays that suit its network. Pure, any thread. */

import type { NetworkParams } from '../consensus/params.ts'
import { type Sats, sats } from '../primitives/amount.ts'
import { MAX_CHANNEL_SATS, type Msat, msat } from './amount.ts'
import { GREATEST_FEERATE } from './ports.ts'

/** Seconds of a day, the time that a side has to answer an old commitment. */
const DAY = 86_400

/** Blocks are heights, feerates satoshis for 1,000 weight units. */
export interface ChannelPolicy {
  /** Blocks that the other side waits for its own money once it has published its commitment. */
  readonly toSelfDelay: number
  /** Most blocks that we let ourselves be made wait. */
  readonly maxToSelfDelay: number
  /** Confirmations of a funding transaction before a channel that others opened is used. */
  readonly minimumDepth: number
  /** Most confirmations that we wait for where we opened. */
  readonly maxMinimumDepth: number
  /** Blocks that the accepter waits for the funding transaction, and then forgets the channel. */
  readonly fundingTimeout: number
  readonly minFunding: Sats
  readonly maxFunding: Sats
  /** Outputs of our commitments below it are left out. */
  readonly dustLimit: Sats
  /** Greatest dust limit of others: what is below is lost to fees when a commitment is published. */
  readonly maxDustLimit: Sats
  /** Least HTLC that we are offered. */
  readonly htlcMinimum: Msat
  readonly maxAcceptedHtlcs: number
  /** HTLCs without an output, together, beyond which we take and offer no more of them. */
  readonly maxDustExposure: Msat
  /** Where we open. */
  readonly feerate: number
  /** Least that gets a commitment into a mempool, so that its anchors can pay for more. */
  readonly minFeerate: number
  /** Beyond, a feerate is a mistake or an attack. */
  readonly maxFeerate: number
  /** Blocks before the expiry of an HTLC whose preimage we know that we go to the chain. */
  readonly claimMargin: number
  /** Blocks after the expiry of an HTLC of ours that we give the other side to fail it. */
  readonly expiryGrace: number
  /** Blocks between the expiries of an HTLC that we pass on: what we have to see the one and claim the other. */
  readonly expiryDelta: number
}

/** Least feerate that a mempool takes: 1,000 satoshis for 1,000 virtual bytes, rounded up as implementations do. */
export const FEERATE_FLOOR = 253

/** The policy for a network: delays follow from the time between its blocks; where blocks come on demand, they are a few. */
export function channelPolicy({ targetSpacing, testControls }: NetworkParams): ChannelPolicy {
  const day = Math.ceil(DAY / targetSpacing)
  const hour = Math.ceil(day / 24)
  return {
    toSelfDelay: testControls ? 12 : day,
    maxToSelfDelay: testControls ? 144 : 7 * day,
    minimumDepth: testControls ? 1 : 6,
    maxMinimumDepth: testControls ? 144 : hour,
    fundingTimeout: testControls ? 144 : 2 * day,
    minFunding: sats(20_000),
    maxFunding: MAX_CHANNEL_SATS,
    dustLimit: sats(354),
    maxDustLimit: sats(1_000),
    htlcMinimum: msat(1),
    maxAcceptedHtlcs: 240,
    maxDustExposure: msat(5_000_000),
    feerate: 1_000,
    minFeerate: FEERATE_FLOOR,
    maxFeerate: GREATEST_FEERATE,
    claimMargin: testControls ? 4 : hour,
    expiryGrace: testControls ? 2 : Math.ceil(hour / 4),
    expiryDelta: testControls ? 12 : 4 * hour,
  }
}

/** What a side must keep: a hundredth of the channel, and no less than the other's dust limit. */
export function reserveOf(funding: Sats, dustLimit: Sats): Sats {
  return sats(Math.max(Math.ceil(funding / 100), dustLimit))
}
