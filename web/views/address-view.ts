/** `<ot-address .node .address>`: what the chain and the mempool know of an address. Thread: Window. */
import { css, html, LitElement } from 'lit'
import '../components/age.ts'
import { amount, signedAmount } from '../components/amount.ts'
import '../components/confirmations.ts'
import '../components/copy-button.ts'
import '../components/hash.ts'
import { nothingHere } from '../components/not-found.ts'
import '../components/qr-code.ts'
import { RpcController } from '../controllers/rpc-controller.ts'
import { fromCoins, plural } from '../format.ts'
import { type LiveNode, sentence } from '../live-node.ts'
import type { AddressHistory } from '../rpc-results.ts'
import { base } from '../styles/base.ts'

/** Transactions that a step shows. */
const STEP = 25

export class AddressView extends LitElement {
  static override properties = { node: { attribute: false }, address: {}, shown: { state: true } }
  static override styles = [
    base,
    css`
      .top {
        display: grid;
        grid-template-columns: 148px minmax(0, 1fr);
        gap: 28px;
        align-items: start;
      }
      .address {
        font-family: var(--mono);
        overflow-wrap: anywhere;
      }
      section h2 {
        margin-bottom: 8px;
      }
      .more {
        margin-top: 12px;
      }
      @media (max-width: 640px) {
        .top {
          grid-template-columns: minmax(0, 1fr);
        }
        ot-qr {
          width: 148px;
        }
      }
    `,
  ]
  declare node: LiveNode
  declare address: string
  declare shown: number
  readonly #history: RpcController<AddressHistory> = new RpcController(this, {
    events: ['tip', 'transaction'],
    key: () => this.address,
    load: (node) => node.rpc('searchaddress', this.address),
  })

  constructor() {
    super()
    this.shown = STEP
  }

  override render() {
    const { value: history, error } = this.#history
    // One heading whatever is known: it may have the focus.
    return html`<div class="head"><h1 tabindex="-1">${error && !history ? 'Not found' : 'Address'}</h1></div>
      ${
        history
          ? this.#show(history)
          : error
            ? nothingHere(sentence(error))
            : html`<div class="card empty"><p>Searching the chain for this address…</p></div>`
      }`
  }

  #show(history: AddressHistory) {
    return html`<div class="stack">
        <section class="card top">
          <ot-qr .text=${history.address} label="QR code of this address"></ot-qr>
          <dl class="facts">
            <div>
              <dt>Address</dt>
              <dd><ot-hash full .value=${history.address} what="address"></ot-hash></dd>
            </div>
            <div>
              <dt>Balance</dt>
              <dd><strong>${amount(fromCoins(history.balance))}</strong></dd>
            </div>
            <div>
              <dt>Received</dt>
              <dd>${amount(fromCoins(history.received))}</dd>
            </div>
            <div>
              <dt>Sent</dt>
              <dd>${amount(fromCoins(history.sent))}</dd>
            </div>
          </dl>
        </section>
        <section class="card" aria-labelledby="transactions">
          <h2 id="transactions">${plural(history.transactions.length, 'transaction')}</h2>
          ${this.#transactions(history)}
        </section>
      </div>`
  }

  #transactions({ transactions }: AddressHistory) {
    if (transactions.length === 0)
      return html`<p class="empty">No transaction pays or spends from it yet. It shows here as soon as one does.</p>`
    const hidden = transactions.length - this.shown
    return html`<div class="scroll">
        <table>
          <thead>
            <tr>
              <th scope="col">Transaction</th>
              <th scope="col" class="wide-only">Time</th>
              <th scope="col" class="wide-only">Status</th>
              <th scope="col" class="end">Amount</th>
            </tr>
          </thead>
          <tbody>
            ${transactions.slice(0, this.shown).map(
              ({ txid, time, amount: value, confirmations }) =>
                html`<tr>
                  <td><ot-hash .value=${txid} path=${`/tx/${txid}`} what="transaction id" plain></ot-hash></td>
                  <td class="muted wide-only"><ot-age .time=${time}></ot-age></td>
                  <td class="wide-only"><ot-confirmations .count=${confirmations}></ot-confirmations></td>
                  <td class="end">${signedAmount(fromCoins(value))}</td>
                </tr>`,
            )}
          </tbody>
        </table>
      </div>
      ${
        hidden > 0
          ? html`<button
            class="quiet more"
            @click=${() => {
              this.shown += STEP
            }}
          >
            Show ${plural(Math.min(hidden, STEP), 'more', 'more')}
          </button>`
          : ''
      }`
  }
}
customElements.define('ot-address', AddressView)
