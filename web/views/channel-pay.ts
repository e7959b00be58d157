/**
 * `<ot-channel-pay .node>`: pays an invoice that is pasted or comes as a link, or a node that asked for nothing (keysend). What is paid, to whom, what for and what
 * it may cost at most is shown before; it is paid once, however often it is asked for. Thread: Window.
 */
import { css, html, LitElement, nothing } from 'lit'
import { sats } from '../../src/primitives/amount.ts'
import {
  amountProblem,
  FEE_PERCENT,
  greatestFee,
  invoiceIn,
  invoiceProblem,
  isForWallet,
  msatToSats,
  satsToMsat,
  satText,
} from '../channels.ts'
import { amount } from '../components/amount.ts'
import { channelsLink } from '../components/channels-link.ts'
import '../components/hash.ts'
import { icons } from '../components/view-icons.ts'
import { NodeController } from '../controllers/node-controller.ts'
import { RpcController } from '../controllers/rpc-controller.ts'
import { TaskController } from '../controllers/task-controller.ts'
import { amountWithUnit, durationText, OWN_STYLE } from '../format.ts'
import { handOver, takeHanded } from '../handover.ts'
import { type LiveNode, sentence } from '../live-node.ts'
import { readAmount } from '../payment.ts'
import type { ChannelResult, DecodedInvoice, ChannelPay as Pay } from '../rpc-results.ts'
import { base } from '../styles/base.ts'

interface Loaded {
  readonly self: string
  readonly channels: readonly ChannelResult[]
  readonly pays: readonly Pay[]
}

/** A text that was read: an invoice, a node, or what is wrong. */
type Read =
  | { readonly invoice: DecodedInvoice; readonly text: string }
  | { readonly destination: string }
  | { readonly problem: string | undefined }

/** A payment that was made. */
interface Paid {
  readonly amountMsat: number
  readonly feeMsat: number
  readonly preimage: string
}

export class ChannelPay extends LitElement {
  static override properties = {
    node: { attribute: false },
    recipient: { state: true },
    amount: { state: true },
    read: { state: true },
    amountProblem: { state: true },
    paid: { state: true },
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
      textarea {
        font-family: var(--mono);
        font-size: 14px;
      }
      textarea::placeholder {
        font-family: var(--sans);
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
      .done {
        text-align: center;
      }
      .done .row {
        justify-content: center;
      }
      @media (pointer: coarse) {
        textarea {
          font-size: 16px;
        }
      }
    `,
  ]
  declare node: LiveNode
  /** As typed. */
  declare recipient: string
  declare amount: string
  declare read: Read
  declare amountProblem: string | undefined
  declare paid: Paid | undefined
  readonly #task = new TaskController(this)
  readonly #loaded: RpcController<Loaded> = new RpcController(this, {
    events: ['channel', 'tip'],
    load: async (node) => {
      const [{ id }, { channels }, { pays }] = await Promise.all([
        node.rpc('getinfo'),
        node.rpc('listpeerchannels'),
        node.rpc('listpays'),
      ])
      return { self: id, channels, pays }
    },
  })

  constructor() {
    super()
    // An invoice runs out with time.
    new NodeController(this, ['tip'])
    this.#reset()
  }

  override firstUpdated(): void {
    const handed = takeHanded()
    if (handed !== undefined) void this.#type(handed)
  }

  #reset(): void {
    this.recipient = ''
    this.amount = ''
    this.read = { problem: undefined }
    this.amountProblem = undefined
    this.paid = undefined
  }

  async #type(text: string): Promise<void> {
    this.recipient = text
    this.#task.fail(undefined)
    const read = await this.#reading(text)
    // Typed on in the meantime: the answer is about something else.
    if (this.recipient === text) this.read = read
  }

  async #reading(text: string): Promise<Read> {
    const typed = text.trim()
    if (typed === '') return { problem: undefined }
    if (isForWallet(typed, this.node.identity.addressPrefix)) {
      handOver(this, '/wallet/send', typed)
      return { problem: undefined }
    }
    if (/^0[23][0-9a-f]{64}$/i.test(typed)) return { destination: typed.toLowerCase() }
    try {
      const invoice = invoiceIn(typed) ?? typed
      return { invoice: await this.node.rpc('decode', invoice), text: invoice }
    } catch (error) {
      return { problem: sentence(error) }
    }
  }

  /** Millisatoshis that are to be paid; undefined where they are to be typed, and are none. */
  get #amountMsat(): number | undefined {
    if ('invoice' in this.read && this.read.invoice.amount_msat !== undefined)
      return this.read.invoice.amount_msat
    const { value } = readAmount(this.amount)
    return value === undefined ? undefined : satsToMsat(value)
  }

  /** Why this must not be paid, or can't be; undefined where nothing is known against it. */
  get #obstacle(): string | undefined {
    const { value } = this.#loaded
    if (!value || 'problem' in this.read) return undefined
    const { self, channels, pays } = value
    const now = Date.now() / 1000
    const wrong =
      'invoice' in this.read
        ? invoiceProblem(this.read.invoice, { self, pays, now })
        : this.read.destination === self
          ? 'This is your own node: you would pay yourself.'
          : undefined
    return wrong ?? amountProblem(this.#amountMsat ?? 0, channels)
  }

  async #submit(event: SubmitEvent): Promise<void> {
    event.preventDefault()
    const { read } = this
    if ('problem' in read) {
      if (this.recipient.trim() === '')
        this.read = { problem: 'Paste the invoice that you were given, or the id of a node.' }
      this.renderRoot.querySelector<HTMLElement>('#recipient')?.focus()
      return
    }
    const amountMsat = this.#amountMsat
    if (amountMsat === undefined) {
      this.amountProblem = readAmount(this.amount).problem
      this.renderRoot.querySelector<HTMLElement>('#amount')?.focus()
      return
    }
    if (this.#obstacle !== undefined) return
    const paid = await this.#task.run(() =>
      'invoice' in read
        ? this.node.rpc(
            'pay',
            read.text,
            read.invoice.amount_msat === undefined ? amountMsat : undefined,
            FEE_PERCENT,
          )
        : this.node.rpc('keysend', read.destination, amountMsat, FEE_PERCENT),
    )
    if (!paid) return
    this.paid = {
      amountMsat: paid.amount_msat,
      feeMsat: paid.amount_sent_msat - paid.amount_msat,
      preimage: paid.payment_preimage,
    }
    await this.updateComplete
    this.renderRoot.querySelector<HTMLElement>('h1')?.focus()
  }

  override render() {
    if (this.paid) return this.#done(this.paid)
    return html`<div class="head"><div>${channelsLink}<h1 tabindex="-1">Pay over channels</h1></div></div>
      ${this.#form()}`
  }

  #form() {
    const { read } = this
    const problem = 'problem' in read ? read.problem : undefined
    const obstacle = this.#obstacle
    const isReady = !('problem' in read) && obstacle === undefined
    const amountMsat = this.#amountMsat
    return html`<form class="card" novalidate @submit=${this.#submit}>
      <div class="field">
        <label for="recipient">Invoice</label>
        <textarea
          id="recipient"
          rows="3"
          placeholder=${`Paste an invoice (ln${this.node.identity.addressPrefix}…), a link to one, or a node id`}
          autocomplete="off"
          autocapitalize="off"
          spellcheck="false"
          .value=${this.recipient}
          ?disabled=${this.#task.running}
          aria-invalid=${problem ? 'true' : 'false'}
          aria-describedby="recipient-about"
          @input=${(event: Event) => this.#type((event.target as HTMLTextAreaElement).value)}
        ></textarea>
        <div id="recipient-about" aria-live="polite">${problem ? html`<p class="error">${problem}</p>` : nothing}</div>
      </div>
      ${this.#asksAmount ? this.#amountField() : nothing} ${this.#facts(amountMsat)}
      ${obstacle ? html`<div class="notice warn" role="alert">${icons.warning}<div>${obstacle}</div></div>` : nothing}
      ${
        this.#task.problem
          ? html`<p class="error" role="alert">${this.#task.problem} Nothing was paid.</p>`
          : nothing
      }
      ${
        this.#task.running
          ? html`<p class="muted small" role="status">
              Looking for a way, and waiting for the answer. It goes on where this page is left.
            </p>`
          : nothing
      }
      <div class="row">
        <button class="primary" ?disabled=${this.#task.running || obstacle !== undefined}>
          ${icons.send}${
            this.#task.running
              ? 'Paying…'
              : isReady && amountMsat !== undefined
                ? `Pay ${amountWithUnit(msatToSats(amountMsat))}`
                : 'Pay'
          }
        </button>
        <a class="button quiet" href="/channels">${this.#task.running ? 'Leave' : 'Cancel'}</a>
      </div>
    </form>`
  }

  get #asksAmount(): boolean {
    const { read } = this
    return 'destination' in read || ('invoice' in read && read.invoice.amount_msat === undefined)
  }

  #amountField() {
    const problem = this.amountProblem
    return html`<div class="field">
      <label for="amount">Amount, coins</label>
      <input
        id="amount"
        inputmode="decimal"
        autocomplete="off"
        placeholder=${`0${OWN_STYLE.decimal}0`}
        .value=${this.amount}
        ?disabled=${this.#task.running}
        aria-invalid=${problem ? 'true' : 'false'}
        aria-describedby="amount-about"
        @input=${(event: Event) => {
          this.amount = (event.target as HTMLInputElement).value
          this.amountProblem = undefined
        }}
      />
      <div id="amount-about" aria-live="polite">
        ${
          problem
            ? html`<p class="error">${problem}</p>`
            : html`<p class="hint">
                ${'destination' in this.read ? 'The node asked for nothing: it gets what you enter.' : 'The invoice leaves the amount to you.'}
              </p>`
        }
      </div>
    </div>`
  }

  #facts(amountMsat: number | undefined) {
    const { read } = this
    if ('problem' in read) return nothing
    const payee = 'invoice' in read ? read.invoice.payee : read.destination
    const description = 'invoice' in read ? read.invoice.description : undefined
    const left =
      'invoice' in read ? read.invoice.created_at + read.invoice.expiry - Date.now() / 1000 : undefined
    return html`<dl class="facts">
      <div>
        <dt>To</dt>
        <dd data-testid="payee"><ot-hash .value=${payee} what="node id"></ot-hash></dd>
      </div>
      ${
        'invoice' in read
          ? html`<div>
              <dt>What for</dt>
              <dd class="wrap" data-testid="description">
                ${description ? description : html`<span class="muted">not said</span>`}
              </dd>
            </div>`
          : nothing
      }
      ${
        amountMsat === undefined
          ? nothing
          : html`<div>
                <dt>They get</dt>
                <dd data-testid="amount">${amount(sats(Math.ceil(amountMsat / 1000)))}</dd>
              </div>
              <div>
                <dt>Fee</dt>
                <dd data-testid="fee">
                  at most ${amount(msatToSats(greatestFee(amountMsat)))}<span class="muted">; nothing over your own channel with them</span>
                </dd>
              </div>`
      }
      ${
        left !== undefined && left > 0
          ? html`<div>
              <dt>Holds for</dt>
              <dd>${durationText(left)}</dd>
            </div>`
          : nothing
      }
    </dl>`
  }

  #done({ amountMsat, feeMsat, preimage }: Paid) {
    return html`<div class="card stack done">
      <div class="emblem">${icons.check}</div>
      <h1 tabindex="-1">${amountWithUnit(msatToSats(amountMsat))} paid</h1>
      <p class="muted" role="status">${feeMsat === 0 ? 'It cost no fee.' : `It cost a fee of ${satText(feeMsat)}.`} They have it.</p>
      <p class="small">Proof of payment: <ot-hash .value=${preimage} what="proof of payment"></ot-hash></p>
      <div class="row">
        <a class="button primary" href="/channels">Back to the channels</a>
        <button class="quiet" @click=${this.#reset}>Pay another</button>
      </div>
    </div>`
  }
}
customElements.define('ot-channel-pay', ChannelPay)
