/** `<ot-channel-receive .node>`: makes an invoice, shows it as QR code and link, and says when it is paid. Thread: Window. */
import { css, html, LitElement, nothing } from 'lit'
import { amountProblemOfReceiving, invoiceLink, msatToSats, receivable, satsToMsat } from '../channels.ts'
import { amount } from '../components/amount.ts'
import { channelsLink } from '../components/channels-link.ts'
import '../components/copy-button.ts'
import '../components/hash.ts'
import '../components/qr-code.ts'
import { icons } from '../components/view-icons.ts'
import { RpcController } from '../controllers/rpc-controller.ts'
import { TaskController } from '../controllers/task-controller.ts'
import { amountWithUnit, dateText, OWN_STYLE } from '../format.ts'
import { type LiveNode, sentence } from '../live-node.ts'
import { readAmount } from '../payment.ts'
import type { ChannelInvoice, ChannelResult } from '../rpc-results.ts'
import { base } from '../styles/base.ts'

/** Most characters of a description: those of the invoice are bytes. */
const MAX_DESCRIPTION = 150

export class ChannelReceive extends LitElement {
  static override properties = {
    node: { attribute: false },
    amount: { state: true },
    description: { state: true },
    problem: { state: true },
    label: { state: true },
  }
  static override styles = [
    base,
    css`
      :host {
        max-width: 760px;
        margin: 0 auto;
      }
      form {
        display: grid;
        gap: 20px;
      }
      .both {
        display: grid;
        grid-template-columns: 280px minmax(0, 1fr);
        gap: 32px;
        align-items: start;
      }
      .right {
        display: grid;
        gap: 18px;
      }
      .invoice {
        padding: 14px 16px;
        border-radius: var(--radius-small);
        background: var(--sunken);
        font-family: var(--mono);
        font-size: 13px;
        line-height: 1.6;
        overflow-wrap: anywhere;
        user-select: all;
        max-height: 132px;
        overflow-y: auto;
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
      .paid {
        text-align: center;
      }
      .paid .row {
        justify-content: center;
      }
      @media (max-width: 640px) {
        .both {
          grid-template-columns: minmax(0, 1fr);
          gap: 20px;
        }
        ot-qr {
          width: min(280px, 100%);
          margin: 0 auto;
        }
      }
    `,
  ]
  declare node: LiveNode
  /** As typed; empty for an amount that the payer chooses. */
  declare amount: string
  declare description: string
  declare problem: string | undefined
  /** Of the invoice that is shown. */
  declare label: string | undefined
  readonly #task = new TaskController(this)
  readonly #channels: RpcController<readonly ChannelResult[]> = new RpcController(this, {
    events: ['channel', 'tip'],
    load: async (node) => (await node.rpc('listpeerchannels')).channels,
  })
  readonly #self: RpcController<string> = new RpcController(this, {
    load: async (node) => (await node.rpc('getinfo')).id,
  })
  readonly #invoice: RpcController<ChannelInvoice | undefined> = new RpcController(this, {
    // It runs out with time alone.
    events: ['channel', 'tip'],
    key: () => this.label,
    load: async (node) =>
      this.label === undefined ? undefined : (await node.rpc('listinvoices', this.label)).invoices[0],
  })

  constructor() {
    super()
    this.amount = ''
    this.description = ''
  }

  async #make(event: SubmitEvent): Promise<void> {
    event.preventDefault()
    const { value, problem } = this.amount.trim() === '' ? {} : readAmount(this.amount)
    this.problem = problem
    if (problem) {
      await this.updateComplete
      this.renderRoot.querySelector<HTMLElement>('[aria-invalid=true]')?.focus()
      return
    }
    const label = `page ${crypto.randomUUID()}`
    const made = await this.#task.run(() =>
      this.node.rpc(
        'invoice',
        value === undefined ? undefined : satsToMsat(value),
        label,
        this.description.trim(),
      ),
    )
    if (made) this.label = label
  }

  #again(): void {
    this.label = undefined
    this.amount = ''
    this.description = ''
  }

  override render() {
    const invoice = this.label === undefined ? undefined : this.#invoice.value
    return html`<div class="head"><div>${channelsLink}<h1 tabindex="-1">Receive over channels</h1></div></div>
      <div class="stack">
        ${
          invoice === undefined
            ? this.#form()
            : invoice.status === 'paid'
              ? this.#paid(invoice)
              : this.#waiting(invoice)
        }
      </div>`
  }

  #form() {
    const channels = this.#channels.value
    const { value } = this.amount.trim() === '' ? {} : readAmount(this.amount)
    const short = channels && amountProblemOfReceiving(value === undefined ? 1 : satsToMsat(value), channels)
    return html`<form class="card" novalidate @submit=${this.#make}>
        <div class="field">
          <label for="amount">Amount, coins <span class="muted">(the payer chooses where it is empty)</span></label>
          <input
            id="amount"
            inputmode="decimal"
            autocomplete="off"
            placeholder=${`0${OWN_STYLE.decimal}0`}
            .value=${this.amount}
            aria-invalid=${this.problem ? 'true' : 'false'}
            aria-describedby="amount-about"
            @input=${(event: Event) => {
              this.amount = (event.target as HTMLInputElement).value
              this.problem = undefined
            }}
          />
          <div id="amount-about" aria-live="polite">
            ${
              this.problem
                ? html`<p class="error">${this.problem}</p>`
                : channels
                  ? html`<p class="hint">Your channels can receive ${amountWithUnit(msatToSats(receivable(channels)))} now.</p>`
                  : nothing
            }
          </div>
        </div>
        <div class="field">
          <label for="description">What for</label>
          <input
            id="description"
            autocomplete="off"
            maxlength=${MAX_DESCRIPTION}
            .value=${this.description}
            aria-describedby="description-about"
            @input=${(event: Event) => {
              this.description = (event.target as HTMLInputElement).value
            }}
          />
          <p class="hint" id="description-about">The payer reads it, and so does whoever sees the invoice.</p>
        </div>
        ${short ? html`<div class="notice warn" role="status">${icons.warning}<div>${short}</div></div>` : nothing}
        ${this.#task.problem ? html`<p class="error" role="alert">${this.#task.problem}</p>` : nothing}
        <div class="row">
          <button class="primary" ?disabled=${this.#task.running}>
            ${this.#task.running ? 'Making it…' : 'Make an invoice'}
          </button>
          <a class="button quiet" href="/channels">Cancel</a>
        </div>
      </form>
      ${
        this.#self.value
          ? html`<p class="muted small">
              Your node id, for who wants to open a channel with you or pay you unasked:
              <ot-hash .value=${this.#self.value} what="node id"></ot-hash>
            </p>`
          : nothing
      }`
  }

  #waiting({ bolt11 = '', amount_msat, description, expires_at, status }: ChannelInvoice) {
    if (status === 'expired')
      return html`<div class="card empty">
        <p>This invoice ran out before anybody paid it. Nobody can pay it any more.</p>
        <p><button @click=${this.#again}>Make another</button></p>
      </div>`
    return html`<div class="card both">
        <ot-qr
          .text=${invoiceLink(bolt11).toUpperCase()}
          label="QR code of the invoice"
        ></ot-qr>
        <div class="right">
          <dl class="facts">
            <div>
              <dt>Asks for</dt>
              <dd>${amount_msat === undefined ? 'any amount' : amount(msatToSats(amount_msat))}</dd>
            </div>
            ${
              description
                ? html`<div>
                    <dt>What for</dt>
                    <dd class="wrap">${description}</dd>
                  </div>`
                : nothing
            }
            <div>
              <dt>Holds until</dt>
              <dd>${dateText(expires_at)}</dd>
            </div>
          </dl>
          <p class="invoice" data-testid="invoice">${bolt11}</p>
          <div class="row">
            <ot-copy wide .text=${bolt11} label="Copy invoice"></ot-copy>
            <ot-copy wide .text=${invoiceLink(bolt11)} label="Copy link"></ot-copy>
          </div>
        </div>
      </div>
      <p class="muted small" role="status">
        Waiting for the payment. Keep this page open until it has come: a tab that is closed can’t be paid.
      </p>
      <p><button class="quiet" @click=${this.#again}>Make another invoice</button></p>`
  }

  #paid({ amount_received_msat = 0, description }: ChannelInvoice) {
    return html`<div class="card stack paid">
      <div class="emblem">${icons.check}</div>
      <h2 role="status" data-testid="paid">${amountWithUnit(msatToSats(amount_received_msat))} received</h2>
      ${description ? html`<p class="muted wrap">${description}</p>` : nothing}
      <div class="row">
        <a class="button primary" href="/channels">Back to the channels</a>
        <button class="quiet" @click=${this.#again}>Make another invoice</button>
      </div>
    </div>`
  }

  override updated(): void {
    if (this.#invoice.error) this.#task.fail(sentence(this.#invoice.error))
  }
}
customElements.define('ot-channel-receive', ChannelReceive)
