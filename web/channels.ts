/** Payment channels as people read them: amounts, invoices that are typed or pasted, and what is wrong with one. Pure, any thread. */
import { type Sats, sats } from '../src/primitives/amount.ts'
import { ageText, amountWithUnit, durationText, OWN_STYLE, plural } from './format.ts'
import type { Payment } from './history.ts'
import type { ChannelInvoice, ChannelPay, ChannelResult, DecodedInvoice } from './rpc-results.ts'

const MSAT = 1000

/** The scheme of links to an invoice, as all wallets of such channels have it. */
export const INVOICE_SCHEME = 'lightning'

/** Fewest characters of an invoice: less is a slip, or not typed to its end. */
const MIN_CHARACTERS = 100

/** The most that a payment may cost, satoshis, whatever its amount, and in hundredths of the amount: `pay` keeps to both. */
export const FEE_EXEMPT = 5
export const FEE_PERCENT = 0.5

/** Rounded down to what the chain knows. */
export function msatToSats(msat: number): Sats {
  return sats(Math.floor(msat / MSAT))
}

/** Of a whole number of satoshis. */
export function satsToMsat(amount: Sats): number {
  return amount * MSAT
}

/** `1.05 sat`: what is too little to be told in coins, such as a hop's fee. */
export function satText(msat: number): string {
  return `${OWN_STYLE.group(msat / MSAT)} sat`
}

/** The most that paying this may cost, millisatoshis. */
export function greatestFee(amountMsat: number): number {
  return Math.max(FEE_EXEMPT * MSAT, Math.floor((amountMsat * FEE_PERCENT) / 100))
}

/** The invoice in a text or a link, in lower case; undefined where the text is something else. */
export function invoiceIn(text: string): string | undefined {
  const [, invoice] = /^(?:lightning:)?(?:\/\/)?(ln[a-z0-9]+)$/i.exec(text.trim()) ?? []
  return invoice !== undefined && invoice.length >= MIN_CHARACTERS ? invoice.toLowerCase() : undefined
}

/** A link that a wallet opens, and a QR code holds: in capitals there, which take less room. */
export function invoiceLink(invoice: string): string {
  return `${INVOICE_SCHEME}:${invoice}`
}

/** Whether a text is meant for the wallet's form: an address of this network, or a link to one. */
export function isForWallet(text: string, addressPrefix: string): boolean {
  return new RegExp(`^\\s*(opentab:|${addressPrefix}1)`, 'i').test(text)
}

/** What all channels can send now together, millisatoshis. */
export function sendable(channels: readonly ChannelResult[]): number {
  return channels.reduce((sum, { spendable_msat }) => sum + spendable_msat, 0)
}

/** What all can receive now together, millisatoshis. */
export function receivable(channels: readonly ChannelResult[]): number {
  return channels.reduce((sum, { receivable_msat }) => sum + receivable_msat, 0)
}

/** Why so much can't be sent, with how much could be; undefined where it can. */
export function amountProblem(amountMsat: number, channels: readonly ChannelResult[]): string | undefined {
  if (channels.length === 0)
    return 'You have no channel to pay over. Open one, or have an address given to you and pay on the chain.'
  const most = sendable(channels)
  if (amountMsat <= most) return undefined
  if (most === 0)
    return channels.some(({ state }) => state === 'CHANNELD_NORMAL')
      ? 'Your channels can send nothing now: their other sides are away, or all that is yours there must stay as reserve.'
      : 'No channel of yours is open yet. Wait until one has its confirmations.'
  return `That is more than your channels can send: ${amountWithUnit(msatToSats(most))} at most, since some of your side must stay as reserve and for fees. Pay less, or open another channel.`
}

/** Why so much can't be received, with how much could be; undefined where it can. */
export function amountProblemOfReceiving(
  amountMsat: number,
  channels: readonly ChannelResult[],
): string | undefined {
  if (channels.length === 0)
    return 'Nobody can pay it yet: you have no channel. Somebody else must open one with you, or you open one and pay something over it first.'
  const most = receivable(channels)
  if (amountMsat <= most) return undefined
  return most === 0
    ? 'Nobody can pay it now: the other sides of your channels have nothing to give, or are away. What you pay over a channel you can be paid back.'
    : `That is more than the other sides of your channels have: they can give you ${amountWithUnit(msatToSats(most))} at most.`
}

/** What a payer knows beside the invoice. */
export interface PayerView {
  /** Own node id. */
  readonly self: string
  readonly pays: readonly ChannelPay[]
  /** Seconds since 1970. */
  readonly now: number
}

/** Why an invoice must not be paid, whatever amount; undefined where it may be. */
export function invoiceProblem(invoice: DecodedInvoice, { self, pays, now }: PayerView): string | undefined {
  const former = pays.find(({ payment_hash }) => payment_hash === invoice.payment_hash)
  if (former?.status === 'complete')
    return `You have paid this invoice already, ${agoText(now - former.created_at)}. It is not paid twice: ask for a new one.`
  if (former?.status === 'pending') return 'The payment of this invoice is under way already.'
  if (invoice.payee === self) return 'This invoice is your own: you would pay yourself.'
  const over = now - invoice.created_at - invoice.expiry
  if (over >= 0) return `This invoice ran out ${agoText(over)}. Ask for a new one.`
  return undefined
}

/** How long ago, within a sentence. */
function agoText(seconds: number): string {
  return seconds < 2 ? 'a moment ago' : ageText(seconds)
}

/** A state in one line, begun with a capital. */
export function stateWords({ status: [words = ''] }: Pick<ChannelResult, 'status'>): string {
  return words.charAt(0).toUpperCase() + words.slice(1)
}

/** Colour of a state's badge. */
export function stateKind({
  state,
  peer_connected,
  lost_state,
}: ChannelResult): 'good' | 'warn' | 'bad' | '' {
  if (lost_state) return 'bad'
  if (state === 'CHANNELD_NORMAL') return peer_connected ? 'good' : 'warn'
  return state === 'ONCHAIN' ? '' : 'warn'
}

/** Whether the channel holds money that an agreement may still move. */
export function isLive({ state }: Pick<ChannelResult, 'state'>): boolean {
  return state !== 'ONCHAIN'
}

/** Whether it was closed, and what is ours in it is not in the wallet yet. */
export function isReturning({ state, status }: Pick<ChannelResult, 'state' | 'status'>): boolean {
  return state === 'ONCHAIN' && status[0]?.startsWith('closing') === true
}

/** The block before which this tab has to look at the chain, of all channels; undefined where none asks for it. */
export function onlineBefore(channels: readonly ChannelResult[]): number | undefined {
  const heights = channels.flatMap(({ online_before }) => online_before ?? [])
  return heights.length === 0 ? undefined : Math.min(...heights)
}

/** `12 blocks`, with about how long that is where blocks come by time. */
export function blocksText(blocks: number, spacing: number | undefined): string {
  return plural(blocks, 'block') + (spacing === undefined ? '' : `, about ${durationText(blocks * spacing)}`)
}

/** Payments over channels as the wallet's history shows them, newest first: those made or under way, and those received. */
export function channelPayments(pays: readonly ChannelPay[], invoices: readonly ChannelInvoice[]): Payment[] {
  const common = { fee: sats(0), inMempool: false, confirmations: 0, immature: false, address: undefined }
  const sent = pays
    .filter(({ status }) => status !== 'failed')
    .map(
      (pay): Payment => ({
        ...common,
        txid: pay.payment_hash,
        kind: 'sent',
        state: pay.status === 'complete' ? 'confirmed' : 'pending',
        net: sats(-Math.ceil((pay.amount_sent_msat ?? pay.amount_msat) / MSAT)),
        label: pay.description || undefined,
        time: pay.created_at,
        replacedBy: undefined,
        replaces: undefined,
        isOverChannel: true,
      }),
    )
  const received = invoices
    .filter(({ status }) => status === 'paid')
    .map(
      (invoice): Payment => ({
        ...common,
        txid: invoice.payment_hash,
        kind: 'received',
        state: 'confirmed',
        net: msatToSats(invoice.amount_received_msat ?? 0),
        label: invoice.description || undefined,
        time: invoice.paid_at ?? 0,
        replacedBy: undefined,
        replaces: undefined,
        isOverChannel: true,
      }),
    )
  return [...sent, ...received].sort((a, b) => b.time - a.time)
}
