/** `<ot-channel-payments .node>`: all payments over channels, those that failed too, and invoices that wait to be paid. Thread: Window. */
import { css, html, LitElement, nothing } from 'lit'
import { channelPayments, invoiceLink, msatToSats } from '../channels.ts'
import '../components/age.ts'
import { amount } from '../components/amount.ts'
import { channelsLink } from '../components/channels-link.ts'
import '../components/copy-button.ts'
import '../components/payment-list.ts'
import { RpcController } from '../controllers/rpc-controller.ts'
import { dateText } from '../format.ts'
import { type LiveNode, sentence } from '../live-node.ts'
import type { ChannelInvoice, ChannelPay } from '../rpc-results.ts'
import { base } from '../styles/base.ts'

interface Loaded {
  readonly pays: readonly ChannelPay[]
  readonly invoices: readonly ChannelInvoice[]
}

export class ChannelPayments extends LitElement {
  static override properties = { node: { attribute: false } }
  static override styles = [
    base,
    css`
      li {
        padding: 12px 0;
        border-top: 1px solid var(--line);
      }
      li:first-child {
        border-top: 0;
      }
    `,
  ]
  declare node: LiveNode
  readonly #loaded: RpcController<Loaded> = new RpcController(this, {
    events: ['channel'],
    load: async (node) => {
      const [{ pays }, { invoices }] = await Promise.all([node.rpc('listpays'), node.rpc('listinvoices')])
      return { pays, invoices }
    },
  })

  override render() {
    const { value, error } = this.#loaded
    return html`<div class="head"><div>${channelsLink}<h1 tabindex="-1">Payments over channels</h1></div></div>
      ${
        value
          ? this.#all(value)
          : error
            ? html`<p class="error" role="alert">${sentence(error)}</p>`
            : html`<p class="empty">Reading the payments…</p>`
      }`
  }

  #all({ pays, invoices }: Loaded) {
    const payments = channelPayments(pays, invoices)
    const failed = pays.filter(({ status }) => status === 'failed').reverse()
    const waiting = invoices.filter(({ status }) => status === 'unpaid').reverse()
    return html`<div class="stack">
      <section class="card" aria-labelledby="made">
        <h2 id="made">Made and received</h2>
        ${
          payments.length === 0
            ? html`<p class="empty">None yet.</p>`
            : html`<ot-payments .node=${this.node} .payments=${payments}></ot-payments>`
        }
      </section>
      ${
        waiting.length === 0
          ? nothing
          : html`<section class="card" aria-labelledby="waiting">
              <h2 id="waiting">Invoices that wait</h2>
              <ul>
                ${waiting.map((invoice) => this.#invoice(invoice))}
              </ul>
            </section>`
      }
      ${
        failed.length === 0
          ? nothing
          : html`<section class="card" aria-labelledby="failed">
              <h2 id="failed">Failed, nothing was paid</h2>
              <ul>
                ${failed.map(
                  ({ amount_msat, description, created_at, erroronion }) =>
                    html`<li>
                      ${amount(msatToSats(amount_msat))} ${description ? html`· <span class="wrap">${description}</span>` : nothing}
                      <p class="hint wrap"><ot-age .time=${created_at}></ot-age>. ${erroronion}</p>
                    </li>`,
                )}
              </ul>
            </section>`
      }
    </div>`
  }

  #invoice({ amount_msat, description, expires_at, bolt11 }: ChannelInvoice) {
    return html`<li class="spread">
      <div>
        ${amount_msat === undefined ? 'Any amount' : amount(msatToSats(amount_msat))}
        ${description ? html`· <span class="wrap">${description}</span>` : nothing}
        <p class="hint">until ${dateText(expires_at)}</p>
      </div>
      ${bolt11 ? html`<ot-copy wide .text=${invoiceLink(bolt11)} label="Copy link"></ot-copy>` : nothing}
    </li>`
  }
}
customElements.define('ot-channel-payments', ChannelPayments)
