/**
 * `<ot-wallet-sign .node>`: signs a payment that another wallet prepared, such as one that watches this one. The keeper of keys reads it, and that is
 * shown before anything is signed. Thread: Window.
 */
import { css, html, LitElement, nothing } from 'lit'
import { RPC_WALLET_UNLOCK_NEEDED } from '../../src/node/rpc-error.ts'
import { sats } from '../../src/primitives/amount.ts'
import { amount } from '../components/amount.ts'
import { highFee, highFeeStyles } from '../components/high-fee.ts'
import { icons } from '../components/icons.ts'
import { payeeFacts, payeeStyles } from '../components/payee-facts.ts'
import '../components/psbt-field.ts'
import type { PsbtField } from '../components/psbt-field.ts'
import '../components/psbt-out.ts'
import { walletLink } from '../components/wallet-link.ts'
import { TaskController } from '../controllers/task-controller.ts'
import { feeRateText } from '../format.ts'
import { type LiveNode, rpcCode } from '../live-node.ts'
import { requestUnlock } from '../requests.ts'
import { paidBy, type Review, reviewOf } from '../review.ts'
import { base } from '../styles/base.ts'

export class WalletSign extends LitElement {
  static override properties = {
    node: { attribute: false },
    pasted: { state: true },
    review: { state: true },
    foreign: { state: true },
    isFeeMeant: { state: true },
    signed: { state: true },
  }
  static override styles = [
    base,
    payeeStyles,
    highFeeStyles,
    css`
      :host {
        max-width: 640px;
        margin: 0 auto;
      }
    `,
  ]
  declare node: LiveNode
  /** As it came. */
  declare pasted: string
  /** What the keeper of keys read in it. */
  declare review: Review | undefined
  /** Inputs that this wallet can't sign. */
  declare foreign: number
  /** The person said so of a fee that is unusually high. */
  declare isFeeMeant: boolean
  declare signed: { readonly psbt: string; readonly complete: boolean } | undefined
  readonly #task = new TaskController(this)

  constructor() {
    super()
    this.pasted = ''
    this.foreign = 0
    this.isFeeMeant = false
  }

  async #read(event: SubmitEvent): Promise<void> {
    event.preventDefault()
    const psbt = this.pasted.trim()
    if (psbt === '') return this.#task.fail('Paste the payment, or choose its file.')
    const read = await this.#task.run(async () => {
      // What another program left out about our own coins is filled in first; nothing is signed by it.
      const filled = await this.node.rpc('walletprocesspsbt', psbt, false)
      return { psbt: filled.psbt, review: await this.node.rpc('reviewpsbt', filled.psbt) }
    })
    if (!read) return
    this.review = reviewOf(read.psbt, read.review, '')
    this.foreign = read.review.foreigninputs
    this.isFeeMeant = false
    await this.updateComplete
    this.renderRoot.querySelector<HTMLElement>('h1')?.focus()
  }

  /** Has signed what is shown, and nothing else. */
  async #sign({ psbt, digest }: Review): Promise<void> {
    const { node } = this
    const sign = () => node.rpc('walletprocesspsbt', { psbt, digest })
    const unlock = () => requestUnlock(this, node, 'Your passphrase is needed to sign this payment.')
    if (node.signer.state === 'locked' && !(await unlock())) return
    this.signed = await this.#task.run(async () => {
      try {
        return await sign()
      } catch (error) {
        // It locked by itself in the meantime.
        if (rpcCode(error) !== RPC_WALLET_UNLOCK_NEEDED || !(await unlock())) throw error
        return sign()
      }
    })
  }

  override render() {
    return html`<div class="head">
        <div>${walletLink(this.node)}<h1 tabindex="-1">${this.signed ? 'Signed' : 'Sign a payment'}</h1></div>
      </div>
      ${this.signed ? this.#done(this.signed) : this.review ? this.#shown(this.review) : this.#form()}`
  }

  #problem() {
    return this.#task.problem ? html`<p class="error" role="alert">${this.#task.problem}</p>` : nothing
  }

  #form() {
    return html`<form class="card stack" novalidate @submit=${this.#read}>
      <p class="muted">
        A wallet that watches this one can’t sign. Bring its payment here as a PSBT (BIP174): you see what it does before it is signed.
      </p>
      <ot-psbt
        .value=${this.pasted}
        @change=${(event: Event) => {
          this.pasted = (event.target as PsbtField).value
          this.#task.fail(undefined)
        }}
      ></ot-psbt>
      ${this.#problem()}
      <div class="row">
        <button class="primary" ?disabled=${this.#task.running}>
          ${this.#task.running ? 'Reading…' : 'Show what it does'}
        </button>
        <a class="button quiet" href="/wallet/backup">Cancel</a>
      </div>
    </form>`
  }

  #shown(review: Review) {
    const { payees, fee, change, vsize, isFeeHigh } = review
    return html`<div class="card stack">
      <p class="muted">Compare the addresses with those that are meant to be paid.</p>
      <dl class="facts">
        ${payeeFacts(payees)}
        <div>
          <dt>Fee</dt>
          <dd data-testid="review-fee">${amount(fee)} <span class="muted">(${feeRateText(fee / vsize)})</span></dd>
        </div>
        <div>
          <dt>In all</dt>
          <dd>${amount(sats(paidBy(review) + fee))}</dd>
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
      ${
        isFeeHigh
          ? highFee(fee, this.isFeeMeant, (isMeant) => {
              this.isFeeMeant = isMeant
            })
          : nothing
      }
      ${
        this.foreign > 0
          ? html`<div class="notice">
              ${icons.info}
              <div>It spends coins of others, too, who have to sign it as well. Of what it pays, this wallet bears only a part.</div>
            </div>`
          : nothing
      }
      ${this.#problem()}
      <div class="row">
        <button class="primary" ?disabled=${this.#task.running || (isFeeHigh && !this.isFeeMeant)} @click=${() => this.#sign(review)}>
          ${this.#task.running ? 'Signing…' : 'Sign it'}
        </button>
        <button
          ?disabled=${this.#task.running}
          @click=${() => {
            this.review = undefined
            this.#task.cancel()
          }}
        >
          Back
        </button>
      </div>
    </div>`
  }

  #done({ psbt, complete }: { readonly psbt: string; readonly complete: boolean }) {
    return html`<div class="card stack">
      <p role="status">
        ${
          complete
            ? 'It has all signatures. Take it back to the wallet that prepared it, which sends it.'
            : 'It is signed by this wallet; others have to sign it, too.'
        }
      </p>
      <ot-psbt-out label="Signed payment" .psbt=${psbt}></ot-psbt-out>
      <div><a class="button primary" href="/wallet">Back to the wallet</a></div>
    </div>`
  }
}
customElements.define('ot-wallet-sign', WalletSign)
