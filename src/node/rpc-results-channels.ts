/** What the RPC methods of channels answer, with Core Lightning's names, for `help` and for the types of their results. */
import { flag, hex, list, maybe, nothing, number, object, oneOf, text, time } from './rpc-result.ts'
import { towerResults } from './rpc-results-towers.ts'

const msat = (sentence: string) => number(sentence, 'millisatoshis')

const PAYMENT = {
  payment_hash: hex(''),
  status: oneOf(['pending', 'complete', 'failed'], ''),
  destination: hex('node id'),
  created_at: time(''),
  bolt11: maybe(text('absent for a keysend')),
  description: maybe(text('')),
  amount_msat: msat('that is the payee’s'),
  amount_sent_msat: maybe(msat('fees included')),
  preimage: maybe(hex('once it is paid')),
  erroronion: maybe(text('why it failed')),
}

const INVOICE = {
  label: text('that it was made with'),
  bolt11: maybe(text('the invoice; absent for a keysend')),
  payment_hash: hex(''),
  amount_msat: maybe(msat('absent where the payer chooses')),
  status: oneOf(['unpaid', 'paid', 'expired'], ''),
  description: text(''),
  expires_at: time(''),
  pay_index: maybe(number('from 1, in the order of payment')),
  amount_received_msat: maybe(msat('')),
  paid_at: maybe(time('')),
  payment_preimage: maybe(hex('once it is paid')),
}

const PAY = object({
  payment_preimage: hex('proves that it was paid'),
  destination: hex('node id of the payee'),
  payment_hash: hex(''),
  created_at: time(''),
  parts: number('that were tried'),
  amount_msat: msat('that the payee got'),
  amount_sent_msat: msat('fees included'),
  status: oneOf(['complete'], ''),
})

const CHANNEL_STATES = [
  'CHANNELD_AWAITING_LOCKIN',
  'CHANNELD_NORMAL',
  'CHANNELD_SHUTTING_DOWN',
  'CLOSINGD_COMPLETE',
  'AWAITING_UNILATERAL',
  'ONCHAIN',
] as const

const FAULTS = object({
  faults: list(
    object({
      direction: oneOf(['in', 'out'], ''),
      type: maybe(text('absent where it is any')),
      count: number('of the messages that are still to come'),
      milliseconds: maybe(number('that each is held up; absent where it is lost', 'milliseconds')),
    }),
  ),
})

export const channelResults = {
  close: object({
    type: oneOf(['mutual', 'unilateral'], 'mutual: in agreement'),
    txid: maybe(hex('of the transaction that closes it, where it is known')),
  }),
  decode: object({
    type: oneOf(['bolt11 invoice'], ''),
    valid: flag('true'),
    currency: text('the address prefix of its network'),
    created_at: time(''),
    expiry: number('', 'seconds'),
    payee: hex('node id'),
    amount_msat: maybe(msat('absent where the payer chooses')),
    description: maybe(text('')),
    description_hash: maybe(hex('of a description that comes another way')),
    min_final_cltv_expiry: number('', 'blocks'),
    payment_hash: hex(''),
    payment_secret: hex(''),
    features: hex(''),
    routes: list(
      list(
        object({
          pubkey: hex('node id'),
          short_channel_id: text(''),
          fee_base_msat: msat(''),
          fee_proportional_millionths: number(''),
          cltv_expiry_delta: number('', 'blocks'),
        }),
      ),
    ),
  }),
  'autoclean-once': object({
    subsystem: oneOf(['succeededpays', 'failedpays', 'paidinvoices', 'expiredinvoices'], ''),
    cleaned: number('how many were deleted'),
  }),
  delinvoice: object(INVOICE),
  delpay: object({ payments: list(object(PAYMENT)) }),
  'dev-delay-messages': FAULTS,
  'dev-disconnect': nothing(),
  'dev-drop-messages': FAULTS,
  'dev-keep-states': object({ keeping: flag('') }),
  'dev-list-states': object({
    states: list(
      object({
        number: number('of the state, from 0'),
        to_us_msat: msat('that was ours in it'),
        tx: hex('the transaction that publishes it'),
      }),
    ),
  }),
  'dev-pass-messages': nothing(),
  'dev-publish-state': object({ txid: hex('of the transaction') }),
  fundchannel: object({
    tx: hex('the funding transaction'),
    txid: hex('its id'),
    outnum: number('its output that funds the channel'),
    channel_id: hex(''),
  }),
  getinfo: object({
    id: hex('node id'),
    alias: maybe(text('name that it gives itself')),
    num_peers: number('nodes that are connected'),
    num_pending_channels: number('that wait for confirmations'),
    num_active_channels: number('that are open'),
    num_inactive_channels: number('that close'),
    blockheight: number(''),
    network: text('its name'),
    to_self_delay: number('that this node has the other side of a new channel wait', 'blocks'),
    warning_signer: maybe(
      text('why the keys can’t be used now: nothing is signed, and nothing of a channel claimed'),
    ),
  }),
  getroute: object({
    route: list(
      object({
        id: hex('node id'),
        channel: text('short channel id'),
        direction: number('0 or 1'),
        amount_msat: msat('of the HTLC'),
        delay: number('until it expires', 'blocks'),
      }),
    ),
  }),
  invoice: object({
    bolt11: text('the invoice'),
    payment_hash: hex(''),
    payment_secret: hex(''),
    expires_at: time(''),
  }),
  keysend: PAY,
  listchannels: object({
    channels: list(
      object({
        source: hex('node id'),
        destination: hex('node id'),
        short_channel_id: text(''),
        direction: number('0 or 1'),
        public: flag('whether it is announced'),
        amount_msat: msat('that it holds'),
        active: flag('whether it can be used'),
        last_update: number('of which this is what the source asks', 'block height'),
        base_fee_millisatoshi: msat(''),
        fee_per_millionth: number(''),
        delay: number('', 'blocks'),
        htlc_minimum_msat: msat(''),
        htlc_maximum_msat: msat(''),
      }),
    ),
  }),
  listfunds: object({
    outputs: list(
      object({
        txid: hex(''),
        output: number(''),
        amount_msat: msat(''),
        scriptpubkey: hex(''),
        address: text(''),
        status: oneOf(['unconfirmed', 'confirmed', 'immature'], ''),
        blockheight: maybe(number('of its block')),
        reserved: flag('whether payments leave it alone now'),
      }),
    ),
    channels: list(
      object({
        peer_id: hex('node id'),
        connected: flag(''),
        state: oneOf(CHANNEL_STATES, 'as in listpeerchannels'),
        channel_id: hex(''),
        short_channel_id: maybe(text('once it is in a block')),
        our_amount_msat: msat('that is ours, payments under way apart'),
        amount_msat: msat('that it holds'),
        funding_txid: hex(''),
        funding_output: number(''),
      }),
    ),
  }),
  listinvoices: object({ invoices: list(object(INVOICE)) }),
  listnodes: object({
    nodes: list(
      object({
        nodeid: hex('node id'),
        last_announcement: maybe(number('of what it says about itself', 'block height')),
        alias: maybe(text('name of its own choice')),
        features: maybe(hex('that it understands')),
        peer_id: maybe(text('where it is found in the network')),
      }),
    ),
  }),
  listpays: object({
    pays: list(
      object({
        ...PAYMENT,
        ways: list(
          object({
            status: oneOf(['pending', 'complete', 'failed'], ''),
            amount_msat: msat('of this part'),
            hops: list(
              object({ id: hex('node that is reached'), channel: text('short channel id of the way to it') }),
            ),
          }),
        ),
      }),
    ),
  }),
  listpeerchannels: object({
    channels: list(
      object({
        peer_id: hex('node id'),
        peer_connected: flag(''),
        state: oneOf(CHANNEL_STATES, 'as Core Lightning names it'),
        status: list(text('for people: the state in a few words, then more, a sentence each')),
        opener: oneOf(['local', 'remote'], ''),
        private: flag('whether it is not announced'),
        short_channel_id: maybe(text('once it is in a block')),
        channel_id: hex(''),
        funding_txid: hex(''),
        funding_outnum: number(''),
        total_msat: msat('that it holds'),
        to_us_msat: msat('that is ours, payments under way apart'),
        spendable_msat: msat('that can be paid now'),
        receivable_msat: msat('that can be received now'),
        our_reserve_msat: msat('that must stay ours'),
        their_reserve_msat: msat('that must stay theirs'),
        our_to_self_delay: number('until ours is ours after our own close', 'blocks'),
        their_to_self_delay: number(
          'until theirs is theirs after a close of theirs: as long an old one can be answered',
          'blocks',
        ),
        lost_state: flag('whether this copy of the channel is old'),
        online_before: maybe(
          number(
            'height of the block before which this tab has to look at the chain again, or money may be lost',
          ),
        ),
        feerate: object({ perkw: number('of its commitments', 'satoshis for 1,000 weight units') }),
        htlcs: list(
          object({
            direction: oneOf(['in', 'out'], ''),
            id: number(''),
            amount_msat: msat(''),
            expiry: number('', 'blocks'),
            payment_hash: hex(''),
          }),
        ),
      }),
    ),
  }),
  listpeers: object({
    peers: list(
      object({
        id: hex('node id'),
        connected: flag('true'),
        num_channels: number(''),
        netaddr: list(text('peer id in the network')),
      }),
    ),
  }),
  pay: PAY,
  recoverchannel: object({
    stubs: list(hex('channel id of a channel whose peer is asked to close it')),
    outputs: list(
      object({
        txid: hex('of a transaction by which a peer paid out'),
        output: number('its output'),
        amount_msat: msat('that it holds'),
      }),
    ),
    txid: maybe(hex('brings them into the wallet; absent where nothing is worth its fee')),
  }),
  staticbackup: object({ scb: list(hex('of one channel')) }),
  setalias: object({ alias: text('') }),
  setchannel: object({
    channels: list(
      object({
        peer_id: hex('node id'),
        channel_id: hex(''),
        short_channel_id: maybe(text('once it is in a block')),
        fee_base_msat: msat('for each payment'),
        fee_proportional_millionths: number('of what is passed on'),
      }),
    ),
  }),
  waitinvoice: object(INVOICE),
  ...towerResults,
} as const
