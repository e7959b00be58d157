/** What the RPC methods of channels answer, with Core Lightning's names, for `help` and for the types of their results. */
import { flag, hex, list, maybe, number, object, oneOf, text, time } from './rpc-result.ts'

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
  fundchannel: object({
    tx: hex('the funding transaction'),
    txid: hex('its id'),
    outnum: number('its output that funds the channel'),
    channel_id: hex(''),
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
        base_fee_millisatoshi: msat(''),
        fee_per_millionth: number(''),
        delay: number('', 'blocks'),
        htlc_minimum_msat: msat(''),
        htlc_maximum_msat: msat(''),
      }),
    ),
  }),
  listinvoices: object({ invoices: list(object(INVOICE)) }),
  listpays: object({
    pays: list(object(PAYMENT)),
  }),
  listpeerchannels: object({
    channels: list(
      object({
        peer_id: hex('node id'),
        peer_connected: flag(''),
        state: oneOf(
          [
            'CHANNELD_AWAITING_LOCKIN',
            'CHANNELD_NORMAL',
            'CHANNELD_SHUTTING_DOWN',
            'CLOSINGD_COMPLETE',
            'AWAITING_UNILATERAL',
            'ONCHAIN',
          ],
          'as Core Lightning names it',
        ),
        status: list(text('what it waits for, for people')),
        opener: oneOf(['local', 'remote'], ''),
        private: flag('whether it is not announced'),
        short_channel_id: maybe(text('once it is in a block')),
        channel_id: hex(''),
        funding_txid: hex(''),
        funding_outnum: number(''),
        total_msat: msat('that it holds'),
        to_us_msat: msat('that is ours, payments under way apart'),
        spendable_msat: msat('that can be paid now'),
        our_reserve_msat: msat('that must stay ours'),
        their_reserve_msat: msat('that must stay theirs'),
        our_to_self_delay: number('until ours is ours after our own close', 'blocks'),
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
  waitinvoice: object(INVOICE),
} as const
