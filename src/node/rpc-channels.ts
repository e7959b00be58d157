/** RPC: payment channels, with the names, arguments and shapes of Core Lightning. Amounts are in millisatoshis where their name says so. */
import { FEE_EXEMPT, greatestPaymentFee, msat, satsToMsat } from '../channels/amount.ts'
import { encodeFeatures, hasFeature } from '../channels/features.ts'
import { MAX_ALIAS_CHARACTERS, nodeId } from '../channels/gossip.ts'
import { decodeInvoice } from '../channels/invoice.ts'
import type { PaymentTerms } from '../channels/payment.ts'
import type { KnownPayment } from '../channels/payment-book.ts'
import { findRoutes, routingCosts } from '../channels/router.ts'
import { balanceOf } from '../channels/state.ts'
import { sats } from '../primitives/amount.ts'
import { bytesToHex } from '../primitives/bytes.ts'
import { sha256, type Txid, toDisplay } from '../primitives/hashes.ts'
import { type StateName, stateName } from './channel-words.ts'
import type { Channels } from './channels-part.ts'
import { decodeStaticBackup, encodeStaticBackup } from './lost-channels.ts'
import type { NodeCore } from './node-core.ts'
import { CODES, INVOICE_STATUS, lookupIn, PAY_FAILED, value } from './rpc-channel-lookup.ts'
import { devMethods } from './rpc-channels-dev.ts'
import {
  channelJson,
  directionsJson,
  invoiceJson,
  nodeJson,
  outputJson,
  payJson,
} from './rpc-channels-json.ts'
import { RPC_INVALID_PARAMETER, RpcError } from './rpc-error.ts'
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
import { fundChannel, keysend, payInvoice } from './rpc-signing-methods.ts'

/** Core Lightning's codes. */
const INVOICE_UNKNOWN = 905
const PAYMENT_UNKNOWN = 208
const SHADOW = 40
const MAX_PARTS = 16
const MAX_FAILURES = 30
const WEEK = 604_800
const TARGET = 6

function amountMsat<const Name extends string>(name: Name, describe: string) {
  return integer(name, `${describe}, in millisatoshis`, 1, Number.MAX_SAFE_INTEGER)
}

/** As Core Lightning's `any`: undefined for it. */
function amountOrAny<const Name extends string>(
  name: Name,
  describe: string,
): Parameter<number | undefined, number | 'any', Name> {
  const inner = amountMsat(name, describe)
  return parameter(
    name,
    inner.describe,
    (given) => (given === 'any' ? undefined : inner.parse(given)),
    `${inner.type}, or 'any'`,
  )
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
  const lookup = lookupIn(channels)
  const { nodeOf, channelOf } = lookup

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
      const feeRate = feerate === undefined ? core.mempool.estimateFeeRate(TARGET) : feerate * 1000
      const opened = value(
        await channels.openChannel({
          peer: nodeOf(id),
          amount: sats(amount),
          pushAmount: msat(push),
          announced: announce,
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
    method('getinfo', 'This node of channels, in a few numbers.', [], async (core: NodeCore) => {
      const { chain, params } = core
      const states = channels.all().map(({ state }) => stateName(state))
      const count = (isIt: (state: StateName) => boolean) => states.filter(isIt).length
      const active = count((state) => state === 'CHANNELD_NORMAL')
      const pending = count((state) => state === 'CHANNELD_AWAITING_LOCKIN')
      const signer = await channels.nodeKey()
      return {
        id: self,
        alias: channels.alias,
        num_peers: channels.links.nodes.length,
        num_pending_channels: pending,
        num_active_channels: active,
        num_inactive_channels: states.length - pending - active,
        blockheight: chain.headers.height(chain.tip),
        network: params.name,
        to_self_delay: channels.policy.toSelfDelay,
        warning_signer: signer.ok ? undefined : signer.detail,
      }
    }),
    method(
      'listfunds',
      'What the wallet of the channels has on the chain, and what its channels hold.',
      [],
      (core: NodeCore) => {
        const { wallet } = channels
        return {
          outputs: wallet.coins().map((coin) => outputJson(core, coin)),
          channels: channels.all().map(({ state }) => {
            const { contract } = state
            return {
              peer_id: state.peer,
              connected: state.connection === 'connected',
              state: stateName(state),
              channel_id: state.channelId,
              short_channel_id: channels.placeOf(state),
              our_amount_msat: balanceOf(state).holder,
              amount_msat: satsToMsat(contract.fundingAmount),
              funding_txid: contract.fundingTxid,
              funding_output: contract.fundingOutput,
            }
          }),
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
          amountOrAny('amount_msat', 'that is asked for; the payer chooses where it is left out'),
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
      pays: payments.all().map((payment) => ({
        ...payJson(payment),
        ways: payments.waysOf(payment.terms.paymentHash).map(({ status, amount, hops }) => ({
          status,
          amount_msat: amount,
          hops: hops.map(({ nodeId: id, shortChannelId }) => ({ id, channel: shortChannelId })),
        })),
      })),
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
    method(
      'listchannels',
      'The channels that are announced, each in both directions.',
      [
        optional(text('short_channel_id', 'this one alone'), undefined),
        optional(node('source', 'those from this node alone'), undefined),
        optional(node('destination', 'those to this node alone'), undefined),
      ],
      (_: NodeCore, id, source, destination) => {
        const [from, to] = [source, destination].map((given) => given && nodeOf(given))
        return {
          channels: [...channels.graph.allChannels()]
            .flatMap(directionsJson)
            .filter(
              (each) =>
                (id === undefined || each.short_channel_id === id) &&
                (from === undefined || each.source === from) &&
                (to === undefined || each.destination === to),
            ),
        }
      },
    ),
    method(
      'listnodes',
      'The nodes that have an announced channel, and what they say about themselves: nobody vouches for it.',
      [optional(node('id', 'this one alone'), undefined)],
      (_: NodeCore, id) => {
        const { graph } = channels
        const wanted = id && nodeOf(id)
        return {
          nodes: [...graph.allNodes()]
            .filter((each) => wanted === undefined || each === wanted)
            .map((nodeid) => nodeJson(nodeid, graph.node(nodeid))),
        }
      },
    ),
    method(
      'setchannel',
      'Sets what this node asks for passing payments on by a channel, and tells it to everybody.',
      [
        text('id', 'channel id, short channel id, or the node'),
        optional(integer('feebase', 'for each payment, in millisatoshis', 0, 0xffff_ffff), undefined),
        optional(integer('feeppm', 'in millionths of what is passed on', 0, 0xffff_ffff), undefined),
      ],
      async (_: NodeCore, id, base, millionths) => {
        const channel = channelOf(id)
        const { state } = channel
        const before = channels.forwarding.policy(state.contract.keyId)
        const feeBase = base === undefined ? before.feeBase : msat(base)
        const feeProportionalMillionths = millionths ?? before.feeProportionalMillionths
        await channels.setFees(channel, { feeBase, feeProportionalMillionths })
        return {
          channels: [
            {
              peer_id: state.peer,
              channel_id: state.channelId,
              short_channel_id: channels.placeOf(state),
              fee_base_msat: feeBase,
              fee_proportional_millionths: feeProportionalMillionths,
            },
          ],
        }
      },
    ),
    method(
      'setalias',
      'Sets the name under which this node announces itself.',
      [text('alias', 'at most 32 characters; empty for none')],
      async (_: NodeCore, alias) => {
        if ([...alias].length > MAX_ALIAS_CHARACTERS)
          throw new RpcError(
            RPC_INVALID_PARAMETER,
            `An alias has at most ${MAX_ALIAS_CHARACTERS} characters.`,
          )
        await channels.setAlias(alias)
        return { alias }
      },
    ),
    ...devMethods(channels, lookup),
  ] as const
}

/** Blocks by which an expiry is put off at most: less where a day has few. */
function shadow({ policy }: Channels): number {
  return Math.min(SHADOW, policy.expiryDelta)
}

export type ChannelMethods = ReturnType<typeof channelMethods>
