/** `<ot-send-done .node .txid .amount>`: a payment that was just sent, its confirmations counting up. Fires `again`. Thread: Window. */
import { css, html, LitElement } from 'lit'
import type { Sats } from '../../src/primitives/amount.ts'
import '../components/confirmations.ts'
import '../components/hash.ts'
import { icons } from '../components/icons.ts'
import { RpcController } from '../controllers/rpc-controller.ts'
import { amountWithUnit } from '../format.ts'
import type { LiveNode } from '../live-node.ts'
import type { WalletTransactionDetail } from '../rpc-results.ts'
import { base } from '../styles/base.ts'

export class SendDone extends LitElement {
  static override properties = { node: { attribute: false }, txid: {}, amount: { attribute: false } }
  static override styles = [
    base,
    css`
      .card {
        text-align: center;
      }
      .emblem {
        display: grid;
        place-items: center;
        width: 64px;
        height: 64px;
        margin: 8px auto 0;
        border-radius: 50%;
        background: var(--accent-soft);
        color: var(--accent);
      }
      .emblem svg {
        width: 32px;
        height: 32px;
      }
      .row {
        justify-content: center;
      }
    `,
  ]
  declare node: LiveNode
  declare txid: string
  /** What the recipient gets, where it is known. */
  declare amount: Sats | undefined
  readonly #sent: RpcController<WalletTransactionDetail> = new RpcController(this, {
    events: ['tip', 'wallet'],
    key: () => this.txid,
    load: (node) => node.rpc('gettransaction', this.txid),
  })

  override firstUpdated(): void {
    this.renderRoot.querySelector<HTMLElement>('h1')?.focus()
  }

  override render() {
    const confirmations = this.#sent.value?.confirmations ?? 0
    return html`<div class="card stack">
      <div class="emblem">${icons.check}</div>
      <h1 tabindex="-1">${this.amount === undefined ? 'The payment is' : amountWithUnit(this.amount)} sent</h1>
      <p class="muted" role="status">
        ${
          confirmations === 0
            ? 'The network knows of it. It waits for the next block.'
            : confirmations < 0
              ? 'Another transaction spent the same coins: this payment will not be made.'
              : 'It is in a block. Each further block makes it more certain.'
        }
      </p>
      <p data-testid="sent-confirmations"><ot-confirmations .count=${confirmations}></ot-confirmations></p>
      <p><ot-hash .value=${this.txid} path=${`/wallet/tx/${this.txid}`} what="transaction id"></ot-hash></p>
      <div class="row">
        <a class="button primary" href="/wallet">Back to the wallet</a>
        <button class="quiet" @click=${() => this.dispatchEvent(new Event('again'))}>Send another payment</button>
      </div>
    </div>`
  }
}
customElements.define('ot-send-done', SendDone)
