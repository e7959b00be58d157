/** `<ot-transaction-flow .transaction>`: what a transaction spends, and whom it pays. Thread: Window. */
import { css, html, LitElement, nothing } from 'lit'
import { fromCoins, plural } from '../format.ts'
import type { TransactionInput, TransactionOutput, TransactionResult } from '../rpc-results.ts'
import { base } from '../styles/base.ts'
import { amount } from './amount.ts'
import './hash.ts'
import { icons } from './view-icons.ts'

/** Inputs or outputs that are shown at once. */
const SHOWN = 10

export class TransactionFlow extends LitElement {
  static override properties = {
    transaction: { attribute: false },
    spent: { attribute: false },
    highlight: {},
    all: { state: true },
  }
  static override styles = [
    base,
    css`
      .flow {
        display: grid;
        grid-template-columns: minmax(0, 1fr) 20px minmax(0, 1fr);
        gap: 20px;
      }
      .arrow {
        align-self: center;
        color: var(--muted);
      }
      li {
        display: flex;
        flex-wrap: wrap;
        justify-content: space-between;
        gap: 2px 16px;
        padding: 9px 0;
        border-top: 1px solid var(--line);
        min-height: 52px;
        align-items: center;
      }
      li:first-child {
        border-top: 0;
      }
      .mine {
        font-weight: 600;
      }
      .badge {
        margin-left: 6px;
      }
      @media (max-width: 760px) {
        .flow {
          grid-template-columns: minmax(0, 1fr);
          gap: 4px;
        }
      }
    `,
  ]
  declare transaction: TransactionResult
  /** Output numbers that are known to be spent or unspent. */
  declare spent: ReadonlyMap<number, boolean> | undefined
  /** An address that is set off. */
  declare highlight: string | undefined
  declare all: boolean

  constructor() {
    super()
    this.all = false
  }

  override render() {
    const { vin, vout } = this.transaction
    return html`<div class="flow">
      <ul aria-label="Inputs">
        ${this.#cut(vin).map((input) => this.#input(input))}${this.#more(vin.length)}
      </ul>
      <span class="arrow wide-only">${icons.forward}</span>
      <ul aria-label="Outputs">
        ${this.#cut(vout).map((output) => this.#output(output))}${this.#more(vout.length)}
      </ul>
    </div>`
  }

  #cut<T>(items: readonly T[]): readonly T[] {
    return this.all ? items : items.slice(0, SHOWN)
  }

  #more(count: number) {
    if (this.all || count <= SHOWN) return nothing
    return html`<li>
      <button
        class="quiet small"
        @click=${() => {
          this.all = true
        }}
      >
        Show ${plural(count - SHOWN, 'more', 'more')}
      </button>
    </li>`
  }

  #input({ coinbase, txid, vout, prevout }: TransactionInput) {
    if (coinbase !== undefined)
      return html`<li><span>Newly made coins</span><span class="badge good">Block reward</span></li>`
    const address = prevout?.scriptPubKey.address
    return html`<li>
      ${
        address
          ? this.#address(address)
          : html`<ot-hash .value=${`${txid}:${vout}`} path=${`/tx/${txid}`} what="spent output"></ot-hash>`
      }
      ${prevout ? amount(fromCoins(prevout.value)) : nothing}
    </li>`
  }

  #output({ value, n, scriptPubKey }: TransactionOutput) {
    const { address, type, hex } = scriptPubKey
    const isSpent = this.spent?.get(n)
    const data = type === 'nulldata' || hex.startsWith('6a')
    return html`<li>
      <span
        >${
          address
            ? this.#address(address)
            : data
              ? html`<span class="muted" title=${hex}>Data, ${hex.length / 2 - 1} bytes</span>`
              : html`<ot-hash .value=${hex} what="script"></ot-hash>`
        }${
          isSpent === undefined || data
            ? nothing
            : html`<span class="badge">${isSpent ? 'Spent' : 'Unspent'}</span>`
        }</span
      >
      ${data && value === 0 ? nothing : amount(fromCoins(value))}
    </li>`
  }

  #address(address: string) {
    return html`<ot-hash
      class=${address === this.highlight ? 'mine' : ''}
      .value=${address}
      path=${`/address/${address}`}
      what="address"
    ></ot-hash>`
  }
}
customElements.define('ot-transaction-flow', TransactionFlow)
