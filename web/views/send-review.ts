/**
 * `<ot-send-review .node .review>`: shows a payment before it is signed, signs and sends it. Fires `sent` (a CustomEvent with the txid) and `back`.
 * Thread: Window.
 */
import { css, html, LitElement, nothing } from 'lit'
import { RPC_WALLET_UNLOCK_NEEDED } from '../../src/node/rpc-error.ts'
import { type Sats, sats } from '../../src/primitives/amount.ts'
import { amount } from '../components/amount.ts'
import { icons } from '../components/icons.ts'
import { TaskController } from '../controllers/task-controller.ts'
import { amountWithUnit, countText, feeRateText } from '../format.ts'
import { type LiveNode, rpcCode } from '../live-node.ts'
import { requestUnlock } from '../requests.ts'
import { base } from '../styles/base.ts'

/** What is about to be paid. */
export interface Review {
  /** Base64, unsigned. */
  readonly psbt: string
  readonly address: string
  /** Label for the address; empty for none. */
  readonly label: string
  /** What the recipient gets. */
  readonly amount: Sats
  readonly fee: Sats
  readonly change: Sats
  /** Virtual bytes. */
  readonly vsize: number | undefined
}

export class SendReview extends LitElement {
  static override properties = { node: { attribute: false }, review: { attribute: false } }
  static override styles = [
    base,
    css`
      .address {
        font-family: var(--mono);
        font-size: 14px;
      }
      .total dt,
      .total dd {
        color: var(--text);
        font-size: 17px;
        font-weight: 620;
      }
    `,
  ]
  declare node: LiveNode
  declare review: Review
  readonly #task = new TaskController(this)

  override firstUpdated(): void {
    this.renderRoot.querySelector<HTMLElement>('h1')?.focus()
  }

  async #send(): Promise<void> {
    const { psbt, address, label } = this.review
    if (this.node.signer.state === 'locked' && !(await this.#unlock())) return
    const txid = await this.#task.run(async () => {
      const signed = await this.#sign(psbt)
      const { hex, complete } = await this.node.rpc('finalizepsbt', signed)
      if (!complete || hex === undefined)
        throw new Error(
          'The wallet could not sign all of this payment. Nothing was sent. Go back and try again.',
        )
      const sent = await this.node.rpc('sendrawtransaction', hex)
      // The payment is out: a label that can't be kept is no reason to call it failed.
      if (label !== '') await this.node.rpc('setlabel', address, label).catch(() => undefined)
      return sent
    })
    if (txid !== undefined) this.dispatchEvent(new CustomEvent('sent', { detail: txid }))
  }

  async #sign(psbt: string): Promise<string> {
    const sign = async () => (await this.node.rpc('walletprocesspsbt', psbt)).psbt
    try {
      return await sign()
    } catch (error) {
      // It locked by itself in the meantime.
      if (rpcCode(error) !== RPC_WALLET_UNLOCK_NEEDED || !(await this.#unlock())) throw error
      return sign()
    }
  }

  #unlock(): Promise<boolean> {
    return requestUnlock(this, 'Your passphrase is needed to sign this payment.')
  }

  override render() {
    const { address, amount: pays, fee, change, vsize } = this.review
    return html`<div class="head"><h1 tabindex="-1">Review the payment</h1></div>
      <div class="card stack">
        <p class="muted">A payment that is sent can’t be taken back. Compare the address with the recipient’s.</p>
        <dl class="facts">
          <div>
            <dt>To</dt>
            <dd class="address" data-testid="review-recipient">${address}</dd>
          </div>
          <div>
            <dt>They get</dt>
            <dd data-testid="review-amount">${amount(pays)}</dd>
          </div>
          <div>
            <dt>Fee</dt>
            <dd data-testid="review-fee">
              ${amount(fee)}
              ${vsize ? html`<span class="muted">(${feeRateText(fee / vsize)} × ${countText(vsize)} vB)</span>` : nothing}
            </dd>
          </div>
          <div class="total">
            <dt>You pay</dt>
            <dd data-testid="review-total">${amount(sats(pays + fee))}</dd>
          </div>
          ${
            change > 0
              ? html`<div>
                  <dt>Change</dt>
                  <dd>${amount(change)} <span class="muted">comes back to you</span></dd>
                </div>`
              : nothing
          }
        </dl>
        ${this.#task.problem ? html`<p class="error" role="alert">${this.#task.problem}</p>` : nothing}
        <div class="row">
          <button class="primary" ?disabled=${this.#task.running} @click=${this.#send}>
            ${icons.send}${this.#task.running ? 'Sending…' : `Send ${amountWithUnit(pays)}`}
          </button>
          <button ?disabled=${this.#task.running} @click=${() => this.dispatchEvent(new Event('back'))}>Back</button>
        </div>
      </div>`
  }
}
customElements.define('ot-send-review', SendReview)
