/** `<ot-channel-payment .node paymentHash>`: one payment over channels: how much, with whom, what for, what it cost, and what proves it. Thread: Window. */
import { html, LitElement, nothing } from 'lit'
import { msatToSats, satText } from '../channels.ts'
import { amount } from '../components/amount.ts'
import { channelsLink } from '../components/channels-link.ts'
import '../components/hash.ts'
import { RpcController } from '../controllers/rpc-controller.ts'
import { dateText } from '../format.ts'
import { type LiveNode, sentence } from '../live-node.ts'
import type { ChannelInvoice, ChannelPay } from '../rpc-results.ts'
import { base } from '../styles/base.ts'

interface Loaded {
  readonly pay: ChannelPay | undefined
  readonly invoice: ChannelInvoice | undefined
}

const STATES = { pending: 'under way', complete: 'paid', failed: 'failed, nothing was paid' } as const

export class ChannelPayment extends LitElement {
  static override properties = { node: { attribute: false }, paymentHash: {} }
  static override styles = base
  declare node: LiveNode
  declare paymentHash: string
  readonly #loaded: RpcController<Loaded> = new RpcController(this, {
    events: ['channel'],
    key: () => this.paymentHash,
    load: async (node) => {
      const [{ pays }, { invoices }] = await Promise.all([node.rpc('listpays'), node.rpc('listinvoices')])
      const isIt = ({ payment_hash }: { readonly payment_hash: string }) => payment_hash === this.paymentHash
      return { pay: pays.find(isIt), invoice: invoices.find((each) => isIt(each) && each.status === 'paid') }
    },
  })

  override render() {
    const { value, error } = this.#loaded
    return html`<div class="head"><div>${channelsLink}<h1 tabindex="-1">Payment over channels</h1></div></div>
      ${
        value
          ? this.#facts(value)
          : error
            ? html`<p class="error" role="alert">${sentence(error)}</p>`
            : html`<p class="empty">Reading the payment…</p>`
      }`
  }

  #facts({ pay, invoice }: Loaded) {
    if (!pay && !invoice)
      return html`<div class="card empty">
        <p>No payment of this hash was made or received here.</p>
        <p><a class="button" href="/channels/payments">All payments</a></p>
      </div>`
    return html`<div class="card"><dl class="facts">
      ${pay ? this.#sent(pay) : invoice ? this.#received(invoice) : nothing}
      ${this.#fact('Payment hash', this.#hash(this.paymentHash, 'payment hash'))}
    </dl></div>`
  }

  #sent({
    status,
    destination,
    description,
    created_at,
    amount_msat,
    amount_sent_msat,
    preimage,
    erroronion,
  }: ChannelPay) {
    const fee = amount_sent_msat === undefined ? undefined : amount_sent_msat - amount_msat
    return html`${this.#fact('They get', amount(msatToSats(amount_msat)))}
      ${fee === undefined ? nothing : this.#fact('Fee', fee === 0 ? 'none' : satText(fee))}
      ${this.#fact('To', this.#hash(destination, 'node id'))} ${this.#purpose(description)} ${this.#fact('When', dateText(created_at))}
      ${this.#fact('State', STATES[status])} ${erroronion ? this.#fact('Why', erroronion) : nothing}
      ${preimage ? this.#fact('Proof of payment', this.#hash(preimage, 'proof of payment')) : nothing}`
  }

  #received({ amount_received_msat = 0, description, paid_at, payment_preimage }: ChannelInvoice) {
    return html`${this.#fact('You got', amount(msatToSats(amount_received_msat)))} ${this.#purpose(description)}
      ${paid_at === undefined ? nothing : this.#fact('When', dateText(paid_at))}
      ${payment_preimage ? this.#fact('Secret that the payer has as proof', this.#hash(payment_preimage, 'secret')) : nothing}`
  }

  #purpose(description: string | undefined) {
    return description ? this.#fact('What for', html`<span class="wrap">${description}</span>`) : nothing
  }

  #hash(value: string, what: string) {
    return html`<ot-hash .value=${value} what=${what}></ot-hash>`
  }

  #fact(name: string, value: unknown) {
    return html`<div><dt>${name}</dt><dd>${value}</dd></div>`
  }
}
customElements.define('ot-channel-payment', ChannelPayment)
