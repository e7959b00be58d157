/** `<ot-payments .payments .node>`: the wallet's history, one row a payment. Thread: Window. */
import { css, html, LitElement } from 'lit'
import { repeat } from 'lit/directives/repeat.js'
import { shortened } from '../format.ts'
import { type Payment, paymentTitle } from '../history.ts'
import type { LiveNode } from '../live-node.ts'
import { base } from '../styles/base.ts'
import './age.ts'
import { signedAmount } from './amount.ts'
import './confirmations.ts'
import { icons } from './icons.ts'

export class PaymentList extends LitElement {
  static override properties = { payments: { attribute: false }, node: { attribute: false } }
  static override styles = [
    base,
    css`
      a {
        display: grid;
        grid-template-columns: 36px minmax(0, 1fr);
        gap: 0 14px;
        align-items: center;
        margin: 0 -12px;
        padding: 12px;
        border-radius: 10px;
        color: var(--text);
      }
      .line {
        display: flex;
        justify-content: space-between;
        gap: 12px;
        align-items: center;
        min-width: 0;
        min-height: 26px;
      }
      a:hover {
        background: var(--sunken);
        text-decoration: none;
      }
      .mark {
        grid-row: span 2;
        display: grid;
        place-items: center;
        width: 36px;
        height: 36px;
        border-radius: 50%;
        background: var(--sunken);
        color: var(--muted);
      }
      .in .mark {
        background: var(--accent-soft);
        color: var(--accent);
      }
      .title {
        font-weight: 560;
        overflow: hidden;
        text-overflow: ellipsis;
        white-space: nowrap;
      }
      .amount {
        font-weight: 560;
        text-align: right;
      }
      .in .amount {
        color: var(--accent);
      }
      .void .amount {
        color: var(--muted);
        text-decoration: line-through;
      }
      .about {
        color: var(--muted);
        font-size: 14px;
        overflow: hidden;
        text-overflow: ellipsis;
        white-space: nowrap;
      }
      @media (max-width: 480px) {
        .about .to {
          display: none;
        }
      }
    `,
  ]
  declare payments: readonly Payment[]
  declare node: LiveNode

  constructor() {
    super()
    this.payments = []
  }

  override render() {
    return html`<ul>
      ${repeat(
        this.payments,
        ({ txid }) => txid,
        (payment) => html`<li>${this.#row(payment)}</li>`,
      )}
    </ul>`
  }

  #row(payment: Payment) {
    const { txid, kind, net, address, time, confirmations, immature, abandoned } = payment
    const isVoid = abandoned || confirmations < 0
    const icon = { mined: icons.pickaxe, received: icons.receive, sent: icons.send, moved: icons.wallet }[
      kind
    ]
    const to =
      address && kind !== 'mined'
        ? html`<span class="to"> · <span class="mono">${shortened(address, 10)}</span></span>`
        : ''
    return html`<a href=${`/wallet/tx/${txid}`} class=${`${net > 0 ? 'in' : ''} ${isVoid ? 'void' : ''}`}>
      <span class="mark">${icon}</span>
      <span class="line">
        <span class="title">${paymentTitle(payment)}</span>
        <span class="amount">${signedAmount(net)}</span>
      </span>
      <span class="line">
        <span class="about"><ot-age .time=${time}></ot-age>${to}</span>
        <ot-confirmations
          .count=${confirmations}
          .of=${immature ? this.node.identity.params.coinbaseMaturity : undefined}
          .state=${abandoned ? 'abandoned' : immature ? 'maturing' : 'counting'}
        ></ot-confirmations>
      </span>
    </a>`
  }
}
customElements.define('ot-payments', PaymentList)
