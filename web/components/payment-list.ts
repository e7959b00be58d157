/** `<ot-payments .payments .node .filter .most>`: the wallet's history, one row a payment; rewards of mining in a row are one, which opens.
 * The first `most` rows, all when left out. Thread: Window. */
import { css, html, LitElement, nothing } from 'lit'
import { repeat } from 'lit/directives/repeat.js'
import { sats } from '../../src/primitives/amount.ts'
import { plural, shortened } from '../format.ts'
import { isVoid, type Payment, paymentTitle } from '../history.ts'
import { type HistoryFilter, type HistoryRow, rowsOf } from '../history-rows.ts'
import type { LiveNode } from '../live-node.ts'
import { base } from '../styles/base.ts'
import './age.ts'
import { signedAmount } from './amount.ts'
import { badgeOf } from './confirmations.ts'
import { icons } from './icons.ts'

export class PaymentList extends LitElement {
  static override properties = {
    payments: { attribute: false },
    node: { attribute: false },
    filter: {},
    most: { type: Number },
    opened: { state: true },
  }
  static override styles = [
    base,
    css`
      a,
      .group {
        display: grid;
        grid-template-columns: 36px minmax(0, 1fr);
        gap: 0 14px;
        align-items: center;
        margin: 0 -12px;
        padding: 12px;
        border-radius: 10px;
        color: var(--text);
      }
      .group {
        width: calc(100% + 24px);
        min-height: 0;
        border: 0;
        background: none;
        box-shadow: none;
        font: inherit;
        text-align: left;
      }
      .open {
        color: var(--accent);
        font-weight: 560;
      }
      .inner {
        margin-left: 50px;
      }
      .line {
        display: flex;
        justify-content: space-between;
        gap: 12px;
        align-items: center;
        min-width: 0;
        min-height: 26px;
      }
      a:hover,
      .group:hover {
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
      .badge svg {
        width: 14px;
        height: 14px;
      }
      .group .about {
        flex-shrink: 0;
      }
      @media (max-width: 480px) {
        .about .to {
          display: none;
        }
        .group .line {
          flex-wrap: wrap;
        }
      }
    `,
  ]
  /** Newest first. */
  declare payments: readonly Payment[]
  declare filter: HistoryFilter
  declare most: number
  declare node: LiveNode
  /** Oldest rewards of the groups that are open: new ones join a group at its other end. */
  declare opened: ReadonlySet<string>

  constructor() {
    super()
    this.payments = []
    this.filter = 'all'
    this.most = Number.POSITIVE_INFINITY
    this.opened = new Set()
  }

  override render() {
    const rows = rowsOf(this.payments, this.filter).slice(0, this.most)
    return html`<ul>
      ${repeat(rows, keyOf, (row) => html`<li>${'rewards' in row ? this.#rewards(row.rewards) : this.#payment(row)}</li>`)}
    </ul>`
  }

  #payment({ payment, former }: Extract<HistoryRow, { readonly payment: Payment }>) {
    return html`${this.#row(payment)}
      ${
        former.length === 0
          ? nothing
          : html`<ul class="inner" aria-label="Replaced by it">
              ${former.map((one) => html`<li>${this.#row(one)}</li>`)}
            </ul>`
      }`
  }

  #rewards(rewards: readonly Payment[]) {
    const newest = rewards[0]!
    if (rewards.length === 1) return this.#row(newest)
    const key = rewards.at(-1)!.txid
    const isOpen = this.opened.has(key)
    const made = rewards.filter((reward) => !isVoid(reward))
    const maturing = made.filter(({ immature }) => immature).length
    return html`<button
        class="group in"
        aria-expanded=${isOpen ? 'true' : 'false'}
        @click=${() => {
          const opened = new Set(this.opened)
          if (!opened.delete(key)) opened.add(key)
          this.opened = opened
        }}
      >
        <span class="mark">${icons.pickaxe}</span>
        <span class="line">
          <span class="title">Mined</span>
          <span class="amount">${signedAmount(sats(made.reduce((sum, { net }) => sum + net, 0)))}</span>
        </span>
        <span class="line">
          <span class="about"
            >${plural(rewards.length, 'block')}<span class="to"> · <ot-age .time=${newest.time}></ot-age></span> ·
            <span class="open">${isOpen ? 'Hide them' : 'Show each'}</span></span
          >
          ${maturing > 0 ? html`<span class="badge">${maturing} not spendable yet</span>` : nothing}
        </span>
      </button>
      ${
        isOpen
          ? html`<ul class="inner">
              ${rewards.map((reward) => html`<li>${this.#row(reward)}</li>`)}
            </ul>`
          : nothing
      }`
  }

  #row(payment: Payment) {
    const { txid, kind, net, address, time, confirmations, immature } = payment
    const icon = { mined: icons.pickaxe, received: icons.receive, sent: icons.send, moved: icons.wallet }[
      kind
    ]
    const to =
      address && kind !== 'mined'
        ? html`<span class="to"> · <span class="mono">${shortened(address, 10)}</span></span>`
        : ''
    return html`<a
      href=${payment.isOverChannel ? `/channels/payments` : `/wallet/tx/${txid}`}
      class=${`${net > 0 ? 'in' : ''} ${isVoid(payment) ? 'void' : ''}`}
    >
      <span class="mark">${icon}</span>
      <span class="line">
        <span class="title">${paymentTitle(payment)}</span>
        <span class="amount">${signedAmount(net)}</span>
      </span>
      <span class="line">
        <span class="about"><ot-age .time=${time}></ot-age>${to}</span>
        ${
          payment.isOverChannel
            ? html`<span class="badge">${icons.channels}${payment.state === 'pending' ? 'Under way' : 'Over a channel'}</span>`
            : html`<ot-confirmations
                .count=${confirmations}
                .of=${immature ? this.node.identity.params.coinbaseMaturity : undefined}
                .state=${badgeOf(payment)}
              ></ot-confirmations>`
        }
      </span>
    </a>`
  }
}

function keyOf(row: HistoryRow): string {
  return 'rewards' in row ? row.rewards.at(-1)!.txid : row.payment.txid
}
customElements.define('ot-payments', PaymentList)
