/** How the methods of channels tell what there is, with Core Lightning's names. Pure. Thread: the brain. */
import { base58 } from '@scure/base'
import { msat, satsToMsat } from '../channels/amount.ts'
import type { Channel } from '../channels/channel.ts'
import { encodeFeatures } from '../channels/features.ts'
import type { NodeAnnouncement, NodeId } from '../channels/gossip.ts'
import type { GraphChannel } from '../channels/graph.ts'
import type { KnownInvoice } from '../channels/invoice-book.ts'
import { receivable } from '../channels/limits.ts'
import type { KnownPayment } from '../channels/payment-book.ts'
import { balanceOf, isOperating } from '../channels/state.ts'
import { bytesToHex } from '../primitives/bytes.ts'
import { type Txid, toDisplay } from '../primitives/hashes.ts'
import type { WalletCoin } from '../wallet/views.ts'
import { onlineBefore, stateName, statusOf } from './channel-words.ts'
import type { Channels } from './channels-part.ts'
import type { NodeCore } from './node-core.ts'

/** A payment that this node made, as `listpays` and `delpay` have it. */
export function payJson({
  terms,
  text,
  description,
  status,
  createdAt,
  fee,
  preimage,
  detail,
}: KnownPayment) {
  return {
    payment_hash: bytesToHex(terms.paymentHash),
    status,
    destination: terms.payee,
    created_at: createdAt,
    bolt11: text,
    description,
    amount_msat: terms.amount,
    amount_sent_msat: fee === undefined ? undefined : terms.amount + fee,
    preimage: preimage && bytesToHex(preimage),
    erroronion: detail,
  }
}

/** Both directions of a channel, as `listchannels` has them: those of which something was said. */
export function directionsJson({ announcement: { message }, updates }: GraphChannel) {
  const { nodeIds, shortChannelId, capacity } = message
  return updates.flatMap((update, direction) => {
    if (!update) return []
    return {
      source: nodeIds[direction],
      destination: nodeIds[1 - direction],
      short_channel_id: shortChannelId,
      direction,
      public: true,
      amount_msat: capacity * 1000,
      active: !update.message.disabled,
      last_update: update.message.blockHeight,
      base_fee_millisatoshi: update.message.feeBase,
      fee_per_millionth: update.message.feeProportionalMillionths,
      delay: update.message.cltvExpiryDelta,
      htlc_minimum_msat: update.message.htlcMinimum,
      htlc_maximum_msat: update.message.htlcMaximum,
    }
  })
}

/** `said`: undefined where the node has said nothing about itself. */
export function nodeJson(nodeid: NodeId, said: NodeAnnouncement | undefined) {
  return {
    nodeid,
    last_announcement: said?.blockHeight,
    alias: said?.alias,
    features: said && bytesToHex(encodeFeatures(said.features)),
    peer_id: said?.peerId && base58.encode(said.peerId),
  }
}

/** A coin of the wallet, as `listfunds` has it. */
export function outputJson({ params }: NodeCore, coin: WalletCoin) {
  const { outpoint, value: amount, scriptPubKey, address, height, confirmations, coinbase, spendable } = coin
  const isImmature = coinbase && confirmations < params.coinbaseMaturity
  return {
    txid: toDisplay<Txid>(outpoint.txid),
    output: outpoint.index,
    amount_msat: satsToMsat(amount),
    scriptpubkey: bytesToHex(scriptPubKey),
    address,
    status:
      height === undefined
        ? ('unconfirmed' as const)
        : isImmature
          ? ('immature' as const)
          : ('confirmed' as const),
    blockheight: height,
    reserved: height !== undefined && !isImmature && !spendable,
  }
}

/** As `listinvoices` has it. */
export function invoiceJson({ invoices }: Channels, invoice: KnownInvoice) {
  const { label, text: bolt11, paymentHash, amount, description, expiresAt, paid, preimage } = invoice
  return {
    label,
    bolt11,
    payment_hash: bytesToHex(paymentHash),
    amount_msat: amount,
    status: invoices.statusOf(invoice),
    description,
    expires_at: expiresAt,
    pay_index: paid?.index,
    amount_received_msat: paid?.received,
    paid_at: paid?.at,
    payment_preimage: paid && bytesToHex(preimage),
  }
}

/** As `listpeerchannels` has it. */
export function channelJson(channels: Channels, channel: Channel) {
  const { state } = channel
  const { contract, holderLimits, counterpartyLimits, feerate } = state
  const id = channels.placeOf(state)
  const own = channels
    .ownChannels(msat(Number.MAX_SAFE_INTEGER))
    .find(({ shortChannelId }) => shortChannelId === id)
  return {
    peer_id: state.peer,
    peer_connected: state.connection === 'connected',
    state: stateName(state),
    status: statusOf(state, channels.monitor.outlook(contract.keyId)),
    opener: contract.holderIsFunder ? ('local' as const) : ('remote' as const),
    private: !state.announced,
    short_channel_id: id,
    channel_id: state.channelId,
    funding_txid: contract.fundingTxid,
    funding_outnum: contract.fundingOutput,
    total_msat: contract.fundingAmount * 1000,
    to_us_msat: balanceOf(state).holder,
    spendable_msat: own?.sendable ?? 0,
    receivable_msat: isOperating(state) ? receivable(state) : 0,
    our_reserve_msat: counterpartyLimits.channelReserve * 1000,
    their_reserve_msat: holderLimits.channelReserve * 1000,
    our_to_self_delay: contract.holder.delay,
    their_to_self_delay: contract.counterparty.delay,
    lost_state: state.status === 'stale',
    online_before: onlineBefore(state),
    feerate: { perkw: feerate },
    htlcs: state.htlcs.map(({ terms }) => ({
      direction: terms.offered ? ('out' as const) : ('in' as const),
      id: terms.id,
      amount_msat: terms.amount,
      expiry: terms.expiry,
      payment_hash: bytesToHex(terms.paymentHash),
    })),
  }
}
