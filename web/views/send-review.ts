/**
 * `<ot-send-review .node .review>`: shows a payment as the keeper of keys read it, and sends exactly that. Fires `sent` (a CustomEvent with the txid) and `back`.
 * Thread: Window.
 */
import { css, html, LitElement, nothing } from 'lit'
import { RPC_WALLET_UNLOCK_NEEDED } from '../../src/node/rpc-error.ts'
import { sats } from '../../src/primitives/amount.ts'
import { amount } from '../components/amount.ts'
import { highFee, highFeeStyles } from '../components/high-fee.ts'
import { icons } from '../components/icons.ts'
import { payeeFacts, payeeStyles } from '../components/payee-facts.ts'
import { TaskController } from '../controllers/task-controller.ts'
import { amountWithUnit, countText, feeRateText } from '../format.ts'
import { type LiveNode, rpcCode } from '../live-node.ts'
import { requestUnlock } from '../requests.ts'
import { paidBy, type Review } from '../review.ts'
import { base } from '../styles/base.ts'
import { isNamed, walletTitle } from '../wallet-name.ts'

export class SendReview extends LitElement {
  static override properties = {
    node: { attribute: false },
    review: { attribute: false },
    isFeeMeant: { state: true },
  }
  static override styles = [
    base,
    payeeStyles,
    highFeeStyles,
    css`
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
  /** The person said so of a fee that is unusually high. */
  declare isFeeMeant: boolean
  readonly #task = new TaskController(this)

  constructor() {
    super()
    this.isFeeMeant = false
  }

  override firstUpdated(): void {
    this.renderRoot.querySelector<HTMLElement>('h1')?.focus()
  }

  async #send(): Promise<void> {
    if (this.node.signer.state === 'locked' && !(await this.#unlock())) return
    const { note, payees } = this.review
    const txid = await this.#task.run(async () => {
      const sent = await this.#pay()
      // The payment is out: a note that can't be kept is no reason to call it failed.
      const address = payees.find((payee) => payee.address !== undefined)?.address
      if (note !== '' && address !== undefined)
        await this.node.rpc('setlabel', address, note).catch(() => undefined)
      return sent
    })
    if (txid !== undefined) this.dispatchEvent(new CustomEvent('sent', { detail: txid }))
  }

  /** Approves what is shown, and nothing else, and sends it. */
  async #pay(): Promise<string> {
    const { psbt, digest, replaces } = this.review
    const pay = () =>
      this.node.rpc('sendpsbt', psbt, { digest, ...(replaces && { replaces: replaces.txid }) })
    try {
      return await pay()
    } catch (error) {
      // It locked by itself in the meantime.
      if (rpcCode(error) !== RPC_WALLET_UNLOCK_NEEDED || !(await this.#unlock())) throw error
      return pay()
    }
  }

  #unlock(): Promise<boolean> {
    return requestUnlock(this, this.node, 'Your passphrase is needed to sign this payment.')
  }

  override render() {
    const { payees, fee, change, vsize, note, message, replaces, isFeeHigh } = this.review
    const pays = paidBy(this.review)
    return html`<div class="head"><h1 tabindex="-1">Review the payment</h1></div>
      <div class="card stack">
        <p class="muted">
          ${
            replaces
              ? 'It takes the place of the payment that waits: only one of them can be mined.'
              : 'A payment that is sent can’t be taken back.'
          }
          Compare the address with the recipient’s.
        </p>
        <dl class="facts">
          ${
            isNamed(this.node)
              ? html`<div>
                  <dt>From</dt>
                  <dd class="wrap" data-testid="whose">${walletTitle(this.node.wallet ?? '')}</dd>
                </div>`
              : nothing
          }
          ${payeeFacts(payees)}
          ${
            note === ''
              ? nothing
              : html`<div>
                  <dt>Note</dt>
                  <dd data-testid="review-note">${note} <span class="muted">only you see it</span></dd>
                </div>`
          }
          ${
            message === undefined
              ? nothing
              : html`<div>
                  <dt>Message</dt>
                  <dd class="wrap" data-testid="review-message">
                    ${message} <span class="muted">from the payment link; it is neither sent nor kept</span>
                  </dd>
                </div>`
          }
          <div>
            <dt>Fee</dt>
            <dd data-testid="review-fee">
              ${amount(fee)} <span class="muted">(${feeRateText(fee / vsize)} × ${countText(vsize)} vB)</span>
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
                  <dd data-testid="review-change">${amount(change)} <span class="muted">comes back to you</span></dd>
                </div>`
              : nothing
          }
        </dl>
        ${
          replaces && replaces.reduced > 0
            ? html`<div class="notice">
                ${icons.info}
                <div>
                  The payment took all your coins: the higher fee is taken from it. They get
                  ${amountWithUnit(replaces.reduced)} less than before.
                </div>
              </div>`
            : nothing
        }
        ${
          isFeeHigh
            ? highFee(fee, this.isFeeMeant, (isMeant) => {
                this.isFeeMeant = isMeant
              })
            : nothing
        }
        ${this.#task.problem ? html`<p class="error" role="alert">${this.#task.problem}</p>` : nothing}
        <div class="row">
          <button
            class="primary"
            ?disabled=${this.#task.running || (isFeeHigh && !this.isFeeMeant)}
            @click=${this.#send}
          >
            ${icons.send}${this.#task.running ? 'Sending…' : `Send ${amountWithUnit(pays)}`}
          </button>
          <button ?disabled=${this.#task.running} @click=${() => this.dispatchEvent(new Event('back'))}>Back</button>
        </div>
      </div>`
  }
}
customElements.define('ot-send-review', SendReview)
