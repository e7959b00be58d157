/**
 * `<ot-wallet-send .node>`: a payment in three steps: form, review, sent. Nothing is signed before the review is confirmed; until then it can
 * be left without a trace. Thread: Window.
 */
import { css, html, LitElement, nothing } from 'lit'
import { formatCoins, type Sats, sats } from '../../src/primitives/amount.ts'
import { MAX_LABEL_CHARACTERS } from '../../src/wallet/metadata.ts'
import type { PaymentLink } from '../../src/wallet/uri.ts'
import { balanceOf } from '../balance.ts'
import { invoiceIn } from '../channels.ts'
import type { FeePicker } from '../components/fee-picker.ts'
import '../components/fee-picker.ts'
import { icons } from '../components/icons.ts'
import { walletLink } from '../components/wallet-link.ts'
import { RpcController } from '../controllers/rpc-controller.ts'
import { StepController } from '../controllers/step-controller.ts'
import { TaskController } from '../controllers/task-controller.ts'
import { amountWithUnit, OWN_STYLE } from '../format.ts'
import { handOver, takeHanded } from '../handover.ts'
import type { LiveNode } from '../live-node.ts'
import { decimalText, readAmount, readRecipient } from '../payment.ts'
import { type Asked, foreignReview, paidBy, type Review, reviewOf } from '../review.ts'
import { base } from '../styles/base.ts'
import './send-done.ts'
import './send-elsewhere.ts'
import './send-review.ts'

/** A payment that is to be signed elsewhere. */
interface Prepared {
  /** Base64. */
  readonly psbt: string
  /** As typed. */
  readonly note: string
}

export class WalletSend extends LitElement {
  static override properties = {
    node: { attribute: false },
    recipient: { state: true },
    amount: { state: true },
    all: { state: true },
    note: { state: true },
    problems: { state: true },
    suggestion: { state: true },
    review: { state: true },
    unsigned: { state: true },
    txid: { state: true },
  }
  static override styles = [
    base,
    css`
      :host {
        max-width: 640px;
        margin: 0 auto;
      }
      form {
        display: grid;
        gap: 24px;
      }
      .with-unit {
        position: relative;
      }
      .with-unit input {
        padding-right: 132px !important;
      }
      .with-unit .unit {
        position: absolute;
        top: 10px;
        right: 70px;
        pointer-events: none;
      }
      .with-unit button {
        position: absolute;
        inset: 5px 5px auto auto;
        min-height: 34px;
        padding: 0 12px;
        font-size: 14px;
      }
    `,
  ]
  declare node: LiveNode
  /** As typed. */
  declare recipient: string
  /** As typed. */
  declare amount: string
  /** The whole balance; the fee is taken from it. */
  declare all: boolean
  /** Kept with the recipient's address. */
  declare note: string
  declare problems: Readonly<Record<'recipient' | 'amount', string | undefined>>
  /** An address that was probably meant. */
  declare suggestion: string | undefined
  declare review: Review | undefined
  /** A payment to be signed elsewhere, base64: the wallet only watches. */
  declare unsigned: string | undefined
  /** Of the payment that was sent. */
  declare txid: string | undefined
  readonly #task = new TaskController(this)
  /** A review, or a payment that is signed elsewhere: the browser's Back leads to the form. The latter outlasts a reload, as its signature may take a day. */
  readonly #step = new StepController<Prepared>(this, (kept) => {
    if (this.txid === undefined) this.review = undefined
    this.unsigned = kept?.psbt
    if (kept) this.note = kept.note
  })
  /** The link that filled in the form, while its address is the one that is paid. */
  #link: PaymentLink | undefined
  readonly #balance: RpcController<Sats> = new RpcController(this, {
    events: ['tip', 'wallet'],
    load: async (node) => balanceOf((await node.rpc('getbalances')).mine).spendable,
  })

  constructor() {
    super()
    this.#reset()
  }

  override firstUpdated(): void {
    const handed = takeHanded()
    if (handed !== undefined) this.#typeRecipient(handed)
  }

  #reset(): void {
    this.recipient = ''
    this.amount = ''
    this.all = false
    this.problems = { recipient: undefined, amount: undefined }
    this.suggestion = undefined
    this.review = undefined
    this.unsigned = undefined
    this.txid = undefined
    this.note = ''
    this.#link = undefined
  }

  /** A link fills in amount and note; what came with one goes with it. */
  #typeRecipient(text: string): void {
    if (invoiceIn(text) !== undefined && this.#hasChannels) {
      handOver(this, '/channels/pay', text)
      return
    }
    this.recipient = text
    this.suggestion = undefined
    this.problems = { ...this.problems, recipient: undefined }
    const { value } = readRecipient(text)
    if (value?.address === this.#link?.address && value?.address === text.trim()) return
    this.#forgetLink()
    this.#link = value?.address === text.trim() ? undefined : value
    const { label, amount } = this.#link ?? {}
    if (label !== undefined) this.note = label
    if (amount !== undefined) this.#typeAmount(decimalText(amount))
  }

  /** They are the default wallet's, on a network that has them. */
  get #hasChannels(): boolean {
    return this.node.identity.testControls && this.node.wallet === '' && !this.#isWatching
  }

  /** What a link asked for is about its own recipient: another one gets neither its amount nor its note. */
  #forgetLink(): void {
    const { amount, label } = this.#link ?? {}
    if (label !== undefined && this.note === label) this.note = ''
    if (amount !== undefined && this.amount === decimalText(amount)) this.#typeAmount('')
    this.#link = undefined
  }

  #typeAmount(text: string): void {
    this.amount = text
    this.all = false
    this.problems = { ...this.problems, amount: undefined }
  }

  /** The recipient's address; undefined, and said why, when it is none. */
  async #checkRecipient(): Promise<string | undefined> {
    const typed = this.recipient
    const { value, problem } =
      invoiceIn(typed) === undefined
        ? readRecipient(typed)
        : {
            problem:
              'This is an invoice of payment channels, which this wallet does not have here. Ask for an address.',
          }
    const answer = value && (await this.node.rpc('validateaddress', value.address))
    // Typed on in the meantime: the answer is about something else.
    if (this.recipient !== typed) return undefined
    const isValid = answer?.isvalid === true
    this.suggestion = answer?.suggestion
    this.problems = {
      ...this.problems,
      recipient: isValid
        ? undefined
        : (problem ?? answer?.error ?? 'This is not an address. Was it copied whole?'),
    }
    return isValid ? value?.address : undefined
  }

  #checkAmount(): Sats | undefined {
    const spendable = this.#balance.value ?? sats(0)
    if (this.all && spendable > 0) return spendable
    const { value, problem } = readAmount(this.amount, spendable)
    this.problems = { ...this.problems, amount: problem }
    return value
  }

  async #submit(event: SubmitEvent): Promise<void> {
    event.preventDefault()
    const amount = this.#checkAmount()
    const rate = this.renderRoot.querySelector<FeePicker>('ot-fee-picker')?.read()
    const psbt = await this.#task.run(async () => {
      const address = await this.#checkRecipient()
      if (address === undefined || amount === undefined || rate === undefined) return
      const asked = { address, amount, all: this.all }
      const planned = await this.#plan(asked, rate)
      if (!this.#isWatching) this.review = await this.#read(planned, asked)
      return planned
    })
    if (psbt !== undefined) {
      if (this.#isWatching) this.unsigned = psbt
      this.#step.enter(this.#isWatching ? { psbt, note: this.note } : undefined)
      return
    }
    await this.updateComplete
    this.renderRoot.querySelector<HTMLElement>('[aria-invalid=true]')?.focus()
  }

  get #isWatching(): boolean {
    return this.node.signer.state === 'none'
  }

  /** Has the payment prepared by the node. */
  async #plan({ address, amount, all }: Asked, rate: number): Promise<string> {
    const { psbt } = await this.node.rpc(
      'walletcreatefundedpsbt',
      [],
      [{ [address]: Number(formatCoins(amount)) }],
      0,
      { fee_rate: rate, ...(all && { subtractFeeFromOutputs: [0] }) },
    )
    return psbt
  }

  /** Has it read by the keeper of keys: that is what is shown. */
  async #read(psbt: string, asked: Asked): Promise<Review> {
    const message = this.#link?.address === asked.address ? this.#link.message : undefined
    const review = reviewOf(psbt, await this.node.rpc('reviewpsbt', psbt), this.note.trim())
    const foreign = foreignReview(review, asked)
    if (foreign) throw new Error(foreign)
    return { ...review, ...(message !== undefined && { message }) }
  }

  override render() {
    const { node, txid, review, unsigned } = this
    if (txid !== undefined)
      return html`<ot-send-done
        .node=${node}
        .txid=${txid}
        .amount=${review ? paidBy(review) : undefined}
        @again=${this.#reset}
      ></ot-send-done>`
    const sent = (event: CustomEvent<string>): void => {
      this.txid = event.detail
      this.#step.leave()
    }
    const back = (): void => this.#step.leave()
    return html`${
      review
        ? html`<ot-send-review .node=${node} .review=${review} @sent=${sent} @back=${back}></ot-send-review>`
        : unsigned !== undefined
          ? html`<ot-send-elsewhere
              .node=${node}
              .psbt=${unsigned}
              .note=${this.note.trim()}
              @sent=${sent}
              @back=${back}
            ></ot-send-elsewhere>`
          : nothing
    }
      <!-- Hidden rather than left out: "Back" finds it as it was. -->
      <div ?hidden=${review !== undefined || unsigned !== undefined}>
        <div class="head">
          <div>${walletLink(this.node)}<h1 tabindex="-1">${this.#isWatching ? 'Prepare a payment' : 'Send coins'}</h1></div>
        </div>
        ${this.#form()}
      </div>`
  }

  #form() {
    return html`<form class="card" novalidate @submit=${this.#submit}>
      ${
        this.#balance.value === 0
          ? html`<div class="notice">
              ${icons.info}
              <div>
                You have no coins to spend yet. <a href="/miner">Mine some</a> or
                <a href="/wallet/receive">have some sent to you</a>.
              </div>
            </div>`
          : nothing
      }
      ${this.#recipientField()} ${this.#amountField()} ${this.#noteField()}
      <ot-fee-picker .node=${this.node}></ot-fee-picker>
      ${this.#task.problem ? html`<p class="error" role="alert">${this.#task.problem}</p>` : nothing}
      <div class="row">
        <button class="primary" ?disabled=${this.#task.running}>
          ${this.#task.running ? 'Preparing…' : this.#isWatching ? 'Prepare it for signing' : 'Review payment'}
        </button>
        <a class="button quiet" href="/wallet">Cancel</a>
      </div>
    </form>`
  }

  #recipientField() {
    const problem = this.problems.recipient
    return html`<div class="field">
      <label for="recipient">Pay to</label>
      <input
        id="recipient"
        class="mono"
        .value=${this.recipient}
        placeholder=${`Address (${this.node.identity.addressPrefix}1p…) or payment link`}
        autocomplete="off"
        autocapitalize="off"
        spellcheck="false"
        aria-invalid=${problem ? 'true' : 'false'}
        aria-describedby="recipient-about"
        @input=${(event: Event) => this.#typeRecipient((event.target as HTMLInputElement).value)}
        @change=${() => {
          // Of a link the address stays, to be compared.
          this.recipient = this.#link?.address ?? this.recipient
          if (this.recipient.trim() !== '') void this.#checkRecipient()
        }}
      />
      <div id="recipient-about" aria-live="polite">
        ${problem ? html`<p class="error">${problem}</p>` : nothing} ${this.#saidByLink()}
      </div>
    </div>`
  }

  /** Who is paid and what for, in the words of whoever wrote the link. */
  #saidByLink() {
    const { label, message } = this.#link ?? {}
    const said = [label && `for “${label}”`, message && `with the message “${message}”`].filter(Boolean)
    return said.length === 0 ? nothing : html`<p class="hint wrap">A payment link ${said.join(', ')}.</p>`
  }

  #amountField() {
    const spendable = this.#balance.value
    const problem = this.problems.amount
    const shown = this.all && spendable !== undefined ? decimalText(spendable) : this.amount
    return html`<div class="field">
      <label for="amount">Amount</label>
      <div class="with-unit">
        <input
          id="amount"
          inputmode="decimal"
          placeholder=${`0${OWN_STYLE.decimal}0`}
          autocomplete="off"
          .value=${shown}
          aria-invalid=${problem ? 'true' : 'false'}
          aria-describedby="amount-about"
          @input=${(event: Event) => this.#typeAmount((event.target as HTMLInputElement).value)}
        />
        <span class="unit" aria-hidden="true">coins</span>
        <button
          type="button"
          class="quiet"
          aria-pressed=${this.all ? 'true' : 'false'}
          aria-label="Send all"
          @click=${() => {
            this.all = true
            this.problems = { ...this.problems, amount: undefined }
          }}
        >
          All
        </button>
      </div>
      <div id="amount-about" aria-live="polite">
        ${
          problem
            ? html`<p class="error">${problem}</p>`
            : html`<p class="hint">
                ${
                  this.all
                    ? 'Everything you can spend. The fee is taken from it.'
                    : spendable === undefined
                      ? nothing
                      : `You can spend ${amountWithUnit(spendable)}.`
                }
              </p>`
        }
      </div>
    </div>`
  }

  #noteField() {
    return html`<div class="field">
      <label for="note">Note <span class="muted">(optional)</span></label>
      <input
        id="note"
        autocomplete="off"
        maxlength=${MAX_LABEL_CHARACTERS}
        .value=${this.note}
        aria-describedby="note-about"
        @input=${(event: Event) => {
          this.note = (event.target as HTMLInputElement).value
        }}
      />
      <p class="hint" id="note-about">Who it is, or what it is for. It stays with the address in your wallet.</p>
    </div>`
  }
}
customElements.define('ot-wallet-send', WalletSend)
