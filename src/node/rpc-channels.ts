/** RPC: payment channels, with the names, arguments and shapes of Core Lightning. Amounts are in millisatoshis where their name says so. */
import { FEE_EXEMPT, greatestPaymentFee, msat } from '../channels/amount.ts'
import type { Channel } from '../channels/channel.ts'
import { encodeFeatures, hasFeature } from '../channels/features.ts'
import { type NodeId, nodeId } from '../channels/gossip.ts'
import { decodeInvoice } from '../channels/invoice.ts'
import type { KnownInvoice } from '../channels/invoice-book.ts'
import type { PaymentTerms } from '../channels/payment.ts'
import type { KnownPayment } from '../channels/payment-book.ts'
import { findRoutes, routingCosts } from '../channels/router.ts'
import { balanceOf } from '../channels/state.ts'
import { isPoint } from '../channels/wire.ts'
import { sats } from '../primitives/amount.ts'
import { bytesToHex, hexToBytes, isHex } from '../primitives/bytes.ts'
import { sha256, type Txid, toDisplay } from '../primitives/hashes.ts'
import type { Result } from '../primitives/result.ts'
import type { Channels } from './channels-part.ts'
import { decodeStaticBackup, encodeStaticBackup } from './lost-channels.ts'
import type { NodeCore } from './node-core.ts'
import { RPC_INVALID_PARAMETER, RPC_MISC_ERROR, RpcError } from './rpc-error.ts'
import {
  flag,
  implement,
  integer,
  method,
  optional,
  type Parameter,
  parameter,
  text,
  wrongType,
} from './rpc-method.ts'
import { list } from './rpc-parameters.ts'
import type { AnswerOf } from './rpc-result.ts'
import type { Results } from './rpc-results.ts'
import { fundChannel, keysend, payInvoice } from './rpc-signing-methods.ts'

/** Core Lightning's codes. */
const ROUTE_NOT_FOUND = 205
const PAY_FAILED = 210
const LABEL_EXISTS = 900
const UNKNOWN_PEER = 306
const INVOICE_UNKNOWN = 905
const INVOICE_STATUS = 906
const PAYMENT_UNKNOWN = 208
const CODES: Readonly<Record<string, number>> = {
  'route-none': ROUTE_NOT_FOUND,
  'route-fee': 206,
  'route-too-long': ROUTE_NOT_FOUND,
  'route-balance': ROUTE_NOT_FOUND,
  'route-self': RPC_INVALID_PARAMETER,
  'invoice-label': LABEL_EXISTS,
  'invoice-status': INVOICE_STATUS,
  'payment-status': 211,
  'payment-complete': 208,
}

const SHADOW = 40
const MAX_PARTS = 16
const MAX_FAILURES = 30
const WEEK = 604_800
const TARGET = 6

function value<T>(result: Result<T>): T {
  if (result.ok) return result.value
  throw new RpcError(CODES[result.code] ?? RPC_MISC_ERROR, result.detail)
}

function amountMsat<const Name extends string>(name: Name, describe: string) {
  return integer(name, `${describe}, in millisatoshis`, 1, Number.MAX_SAFE_INTEGER)
}

function node<const Name extends string>(name: Name, describe: string): Parameter<string, string, Name> {
  const wanted = 'a node id of 66 hex digits, or a peer id'
  return parameter(
    name,
    describe,
    (given) => {
      if (typeof given !== 'string') throw wrongType(name, wanted, given)
      return given
    },
    wanted,
  )
}

function oneOf<const Name extends string, const Choice extends string>(
  name: Name,
  choices: readonly Choice[],
  describe: string,
): Parameter<Choice, Choice, Name> {
  const wanted = choices.join(', ')
  return parameter(
    name,
    describe,
    (given) => {
      const choice = choices.find((each) => each === given)
      if (choice === undefined) throw new RpcError(RPC_INVALID_PARAMETER, `${name} must be one of ${wanted}.`)
      return choice
    },
    wanted,
  )
}

/** The methods of a node's channels. */
export function channelMethods(channels: Channels) {
  const { invoices, payments, self } = channels

  function nodeOf(given: string): NodeId {
    if (isHex(given.toLowerCase(), 33) && isPoint(hexToBytes(given.toLowerCase())))
      return given.toLowerCase() as NodeId
    const known = channels.links.nodeOf(given)
    if (known) return known
    throw new RpcError(UNKNOWN_PEER, `No node of the id ${given.slice(0, 80)} is connected.`)
  }

  /** By channel id, short channel id, or the node that there is one channel with. */
  function channelOf(given: string): Channel {
    const found = channels
      .all()
      .filter(
        ({ state }) => state.channelId === given || channels.placeOf(state) === given || state.peer === given,
      )
    if (found.length === 1) return found[0]
    throw new RpcError(
      RPC_INVALID_PARAMETER,
      found.length === 0
        ? `There is no channel ${given.slice(0, 80)}.`
        : 'There are several channels with this node: name one by its channel id.',
    )
  }

  async function paid(terms: PaymentTerms, more: Pick<KnownPayment, 'text' | 'description'>) {
    const known = value(await payments.pay(terms, more))
    if (known.status !== 'complete' || !known.preimage)
      throw new RpcError(CODES[known.code ?? ''] ?? PAY_FAILED, known.detail ?? 'The payment failed.')
    return {
      payment_preimage: bytesToHex(known.preimage),
      destination: known.terms.payee,
      payment_hash: bytesToHex(known.terms.paymentHash),
      created_at: known.createdAt,
      parts: known.parts,
      amount_msat: known.terms.amount,
      amount_sent_msat: known.terms.amount + (known.fee ?? 0),
      status: 'complete' as const,
    }
  }

  return [
    implement(fundChannel, async (core: NodeCore, id, amount, feerate, announce, push) => {
      if (announce) throw new RpcError(RPC_INVALID_PARAMETER, 'Channels are not announced yet.')
      const feeRate = feerate === undefined ? core.mempool.estimateFeeRate(TARGET) : feerate * 1000
      const opened = value(
        await channels.openChannel({
          peer: nodeOf(id),
          amount: sats(amount),
          pushAmount: msat(push),
          announced: false,
          feeRate,
        }),
      )
      return {
        tx: bytesToHex(opened.transaction.bytes),
        txid: opened.transaction.txid,
        outnum: opened.output,
        channel_id: opened.channel.state.channelId,
      }
    }),
    method(
      'close',
      'Closes a channel: in agreement with the other side, or alone where it is away.',
      [
        text('id', 'channel id, short channel id, or the node'),
        optional(flag('unilateral', 'close alone at once: it takes longer until the money is back'), false),
      ],
      async (core: NodeCore, id, unilateral) => {
        const channel = channelOf(id)
        const { state } = channel
        if (unilateral || state.connection !== 'connected' || state.status === 'funding') {
          value(await channel.forceClose())
          return { type: 'unilateral' as const }
        }
        value(await channel.close(Math.max(253, Math.ceil(core.mempool.estimateFeeRate(TARGET) / 4))))
        return { type: 'mutual' as const }
      },
    ),
    method(
      'staticbackup',
      'What to keep of the channels, beside the seed words, to have their peers close them once all else is lost. Holds no secret.',
      [],
      () => ({ scb: channels.staticBackups().map(encodeStaticBackup) }),
    ),
    method(
      'recoverchannel',
      'After the words were restored: asks the peers of lost channels to close them, searches the whole chain for what peers have paid out, and brings it into the wallet. To be called again once peers were met and have closed.',
      [optional(list('scb', 'of lost channels, as staticbackup answered them', text('scb', 'one')), [])],
      async (_: NodeCore, scb) => {
        const asked = await channels.askToClose(scb.map((text) => value(decodeStaticBackup(text))))
        const { shares, claim } = value(await channels.recoverShares())
        return {
          stubs: asked.map(({ channelId }) => channelId),
          outputs: shares.map(({ spend }) => ({
            txid: toDisplay<Txid>(spend.outpoint.txid),
            output: spend.outpoint.index,
            amount_msat: spend.output.value * 1000,
          })),
          txid: claim?.txid,
        }
      },
    ),
    method('listpeers', 'The nodes that are connected.', [], () => ({
      peers: channels.links.nodes.map((id) => ({
        id,
        connected: true,
        num_channels: channels.all().filter(({ state }) => state.peer === id).length,
        netaddr: [channels.links.peerOf(id)!],
      })),
    })),
    method(
      'listpeerchannels',
      'The channels of this node.',
      [optional(node('id', 'those with this node alone'), undefined)],
      (_: NodeCore, id) => ({
        channels: channels
          .all()
          .filter(({ state }) => id === undefined || state.peer === nodeOf(id))
          .map((channel) => channelJson(channels, channel)),
      }),
    ),
    method(
      'invoice',
      'Asks for a payment. Answers the invoice, which the payer needs.',
      [
        optional(
          amountMsat('amount_msat', 'that is asked for; the payer chooses where it is left out'),
          undefined,
        ),
        text('label', 'unique, for yourself'),
        text('description', 'what is paid for: the payer reads it'),
        optional(integer('expiry', 'seconds that it holds', 1, WEEK), WEEK),
      ],
      async (_: NodeCore, amount, label, description, expiry) => {
        const made = value(
          await invoices.create({
            ...(amount !== undefined && { amount: msat(amount) }),
            label,
            description,
            expiry,
            minFinalCltvExpiryDelta: channels.policy.claimMargin + channels.policy.expiryGrace,
            routeHints: channels.routeHints(),
          }),
        )
        return {
          bolt11: made.text!,
          payment_hash: bytesToHex(made.paymentHash),
          payment_secret: bytesToHex(made.paymentSecret!),
          expires_at: made.expiresAt,
        }
      },
    ),
    method(
      'listinvoices',
      'The invoices of this node, and what was paid to it unasked.',
      [optional(text('label', 'this one alone'), undefined)],
      (_: NodeCore, label) => ({
        invoices: invoices
          .all()
          .filter((invoice) => label === undefined || invoice.label === label)
          .map((invoice) => invoiceJson(channels, invoice)),
      }),
    ),
    method(
      'waitinvoice',
      'Waits until an invoice is paid.',
      [text('label', 'that it was made with')],
      async (_: NodeCore, label) => {
        const invoice = invoices.byLabel(label)
        if (!invoice) throw new RpcError(RPC_INVALID_PARAMETER, `There is no invoice ‘${label}’.`)
        return invoiceJson(channels, await invoices.wait(invoice))
      },
    ),
    method(
      'delinvoice',
      'Deletes an invoice: it can’t be paid any more. Answers what it was.',
      [
        text('label', 'that it was made with'),
        oneOf(
          'status',
          ['paid', 'expired', 'unpaid'],
          'that it has, so that none is deleted that was paid meanwhile',
        ),
      ],
      async (_: NodeCore, label, status) => {
        const invoice = invoices.byLabel(label)
        if (!invoice) throw new RpcError(INVOICE_UNKNOWN, `There is no invoice ‘${label}’.`)
        if (channels.isUnderWay(invoice.paymentHash))
          throw new RpcError(INVOICE_STATUS, 'It is being paid. It was kept.')
        const was = invoiceJson(channels, invoice)
        value(await invoices.delete(invoice, status))
        return was
      },
    ),
    method(
      'delpay',
      'Deletes a payment that is over from the list. Answers what it was.',
      [text('payment_hash', '64 hex digits'), oneOf('status', ['complete', 'failed'], 'that it has')],
      async (_: NodeCore, hash, status) => {
        const payment = payments
          .all()
          .find(({ terms }) => bytesToHex(terms.paymentHash) === hash.toLowerCase())
        if (!payment) throw new RpcError(PAYMENT_UNKNOWN, 'There is no payment of this hash.')
        value(await payments.delete(payment, status))
        return { payments: [payJson(payment)] }
      },
    ),
    method(
      'autoclean-once',
      'Deletes what is over since a while, once. What channels still need is kept.',
      [
        oneOf('subsystem', ['succeededpays', 'failedpays', 'paidinvoices', 'expiredinvoices'], 'of what'),
        integer('age', 'seconds since it was over, or the payment was made', 0, Number.MAX_SAFE_INTEGER),
      ],
      async (_: NodeCore, subsystem, age) => {
        const isNeeded = (hash: Uint8Array) => channels.isUnderWay(hash)
        const clean = {
          succeededpays: () => payments.clean('complete', age),
          failedpays: () => payments.clean('failed', age),
          paidinvoices: () => invoices.clean('paid', age, isNeeded),
          expiredinvoices: () => invoices.clean('expired', age, isNeeded),
        }
        return { subsystem, cleaned: await clean[subsystem]() }
      },
    ),
    method('decode', 'What an invoice says.', [text('string', 'the invoice')], (core: NodeCore, string) => {
      const invoice = value(decodeInvoice(string, core.params.addressPrefix))
      const { description } = invoice
      return {
        type: 'bolt11 invoice' as const,
        valid: true,
        currency: core.params.addressPrefix,
        created_at: invoice.timestamp,
        expiry: invoice.expiry,
        payee: bytesToHex(invoice.payee),
        amount_msat: invoice.amount,
        description: typeof description === 'string' ? description : undefined,
        description_hash: typeof description === 'string' ? undefined : bytesToHex(description),
        min_final_cltv_expiry: invoice.minFinalCltvExpiryDelta,
        payment_hash: bytesToHex(invoice.paymentHash),
        payment_secret: bytesToHex(invoice.paymentSecret),
        features: bytesToHex(encodeFeatures(invoice.features)),
        routes: invoice.routeHints.map((hints) =>
          hints.map((hint) => ({
            pubkey: bytesToHex(hint.nodeId),
            short_channel_id: hint.shortChannelId,
            fee_base_msat: hint.feeBase,
            fee_proportional_millionths: hint.feeProportionalMillionths,
            cltv_expiry_delta: hint.cltvExpiryDelta,
          })),
        ),
      }
    }),
    implement(payInvoice, async (core: NodeCore, bolt11, given, percent) => {
      const invoice = value(decodeInvoice(bolt11, core.params.addressPrefix))
      const amount = invoice.amount ?? given
      if (amount === undefined || (given !== undefined && given !== amount))
        throw new RpcError(
          RPC_INVALID_PARAMETER,
          amount === undefined
            ? 'The invoice leaves the amount open: give amount_msat.'
            : 'The invoice names another amount.',
        )
      if (
        core.clock.now() >= (invoice.timestamp + invoice.expiry) * 1000 &&
        !payments.get(invoice.paymentHash)
      )
        throw new RpcError(207, 'The invoice has expired. Ask for a new one.')
      const { description } = invoice
      return paid(
        {
          payer: self,
          payee: nodeId(invoice.payee),
          amount: msat(amount),
          paymentHash: invoice.paymentHash,
          paymentSecret: invoice.paymentSecret,
          ...(invoice.metadata && { metadata: invoice.metadata }),
          minFinalCltvExpiryDelta: invoice.minFinalCltvExpiryDelta,
          hints: invoice.routeHints,
          maxFee: greatestPaymentFee(amount, percent),
          maxCltvExpiryDelta: channels.policy.maxToSelfDelay,
          maxParts: hasFeature(invoice.features, 'basic_mpp') ? MAX_PARTS : 1,
          maxFailures: MAX_FAILURES,
          maxShadow: shadow(channels),
        },
        { text: bolt11, ...(typeof description === 'string' && { description }) },
      )
    }),
    implement(keysend, async (core: NodeCore, destination, amount, percent) => {
      const preimage = core.random.bytes(32)
      return paid(
        {
          payer: self,
          payee: nodeOf(destination),
          amount: msat(amount),
          paymentHash: sha256(preimage),
          preimage,
          minFinalCltvExpiryDelta: channels.policy.claimMargin + channels.policy.expiryGrace,
          hints: [],
          maxFee: greatestPaymentFee(amount, percent),
          maxCltvExpiryDelta: channels.policy.maxToSelfDelay,
          maxParts: 1,
          maxFailures: MAX_FAILURES,
          maxShadow: shadow(channels),
        },
        {},
      )
    }),
    method('listpays', 'The payments that this node made.', [], () => ({
      pays: payments.all().map(payJson),
    })),
    method(
      'getroute',
      'A way to a node, as a payment of this amount would go now.',
      [
        node('id', 'who is to be reached'),
        amountMsat('amount_msat', 'that reaches it'),
        optional(integer('cltv', 'blocks that the last HTLC has left', 1, 2016), 9),
      ],
      (core: NodeCore, id, amount, cltv) => {
        const payee = nodeOf(id)
        const routes = value(
          findRoutes(
            {
              payer: self,
              payee,
              amount: msat(amount),
              finalCltvExpiryDelta: cltv,
              ownChannels: channels.ownChannels(msat(2 * amount + FEE_EXEMPT)),
              hints: [],
              maxFee: msat(amount + FEE_EXEMPT),
              maxCltvExpiryDelta: channels.policy.maxToSelfDelay,
              maxParts: 1,
              inFlight: new Map(),
            },
            channels.graph,
            channels.memory,
            routingCosts(core.params.targetSpacing),
          ),
        )
        return {
          route: routes[0].hops.map((hop, at) => ({
            id: hop.nodeId,
            channel: hop.shortChannelId,
            direction: (at === 0 ? self : routes[0].hops[at - 1].nodeId) < hop.nodeId ? 0 : 1,
            amount_msat: hop.amount,
            delay: hop.cltvExpiryDelta,
          })),
        }
      },
    ),
    method('listchannels', 'The channels that this node knows of, each in both directions.', [], () => ({
      channels: [...channels.graph.allChannels()].flatMap(({ announcement: { message }, updates }) =>
        updates.flatMap((update, direction) => {
          if (!update) return []
          const { nodeIds, shortChannelId, capacity } = message
          return {
            source: nodeIds[direction],
            destination: nodeIds[1 - direction],
            short_channel_id: shortChannelId,
            direction,
            public: true,
            amount_msat: capacity * 1000,
            active: !update.message.disabled,
            base_fee_millisatoshi: update.message.feeBase,
            fee_per_millionth: update.message.feeProportionalMillionths,
            delay: update.message.cltvExpiryDelta,
            htlc_minimum_msat: update.message.htlcMinimum,
            htlc_maximum_msat: update.message.htlcMaximum,
          }
        }),
      ),
    })),
  ] as const
}

/** Blocks by which an expiry is put off at most: less where a day has few. */
function shadow({ policy }: Channels): number {
  return Math.min(SHADOW, policy.expiryDelta)
}

function payJson({ terms, text, description, status, createdAt, fee, preimage, detail }: KnownPayment) {
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

function invoiceJson({ invoices }: Channels, invoice: KnownInvoice) {
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

function stateName({ state }: Channel): AnswerOf<Results['listpeerchannels']>['channels'][number]['state'] {
  if (state.spent) return 'ONCHAIN'
  if (state.closingTransactions.length > 0) return 'CLOSINGD_COMPLETE'
  switch (state.status) {
    case 'funding':
      return 'CHANNELD_AWAITING_LOCKIN'
    case 'open':
      return 'CHANNELD_NORMAL'
    case 'shutdown':
      return 'CHANNELD_SHUTTING_DOWN'
    default:
      return 'AWAITING_UNILATERAL'
  }
}

function channelJson(channels: Channels, channel: Channel) {
  const { state } = channel
  const { contract, holderLimits, counterpartyLimits, feerate } = state
  const id = channels.placeOf(state)
  const own = channels
    .ownChannels(msat(Number.MAX_SAFE_INTEGER))
    .find(({ shortChannelId }) => shortChannelId === id)
  return {
    peer_id: state.peer,
    peer_connected: state.connection === 'connected',
    state: stateName(channel),
    status: channels.monitor.outlook(contract.keyId).map(({ text }) => text),
    opener: contract.holderIsFunder ? ('local' as const) : ('remote' as const),
    private: !state.announced,
    short_channel_id: id,
    channel_id: state.channelId,
    funding_txid: contract.fundingTxid,
    funding_outnum: contract.fundingOutput,
    total_msat: contract.fundingAmount * 1000,
    to_us_msat: balanceOf(state).holder,
    spendable_msat: own?.sendable ?? 0,
    our_reserve_msat: counterpartyLimits.channelReserve * 1000,
    their_reserve_msat: holderLimits.channelReserve * 1000,
    our_to_self_delay: contract.holder.delay,
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

export type ChannelMethods = ReturnType<typeof channelMethods>
