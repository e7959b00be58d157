/** `<ot-wallet-receive .node>`: an address to be paid at, as text, link and QR code; it says when a payment came. Thread: Window. */
import { css, html, LitElement, nothing } from 'lit'
import { formatPaymentLink } from '../../src/wallet/uri.ts'
import '../components/copy-button.ts'
import { icons } from '../components/icons.ts'
import '../components/payment-list.ts'
import '../components/qr-code.ts'
import { walletLink } from '../components/wallet-link.ts'
import { RpcController } from '../controllers/rpc-controller.ts'
import { TaskController } from '../controllers/task-controller.ts'
import { OWN_STYLE } from '../format.ts'
import { type Payment, paymentsOf } from '../history.ts'
import { type LiveNode, sentence } from '../live-node.ts'
import { readAmount } from '../payment.ts'
import type { WalletTransaction } from '../rpc-results.ts'
import { base } from '../styles/base.ts'
import { isBackedUp, lastReceiveAddress, rememberReceiveAddress } from '../wallet-memory.ts'

/** Entries of the history among which payments to an address are looked for. */
const RECENT = 500

export class WalletReceive extends LitElement {
  static override properties = { node: { attribute: false }, asked: { state: true }, label: { state: true } }
  static override styles = [
    base,
    css`
      :host {
        max-width: 760px;
        margin: 0 auto;
      }
      .both {
        display: grid;
        grid-template-columns: 240px minmax(0, 1fr);
        gap: 32px;
        align-items: start;
      }
      .address {
        padding: 14px 16px;
        border-radius: var(--radius-small);
        background: var(--sunken);
        font-family: var(--mono);
        font-size: 15px;
        line-height: 1.7;
        overflow-wrap: anywhere;
        user-select: all;
      }
      .right {
        display: grid;
        gap: 18px;
      }
      .options {
        display: grid;
        grid-template-columns: 1fr 1fr;
        gap: 14px;
      }
      summary {
        color: var(--accent);
        font-weight: 560;
        cursor: pointer;
      }
      details[open] summary {
        margin-bottom: 14px;
      }
      @media (max-width: 640px) {
        .both {
          grid-template-columns: minmax(0, 1fr);
          gap: 20px;
        }
        ot-qr {
          width: 200px;
          margin: 0 auto;
        }
        .options {
          grid-template-columns: minmax(0, 1fr);
        }
      }
    `,
  ]
  declare node: LiveNode
  /** Amount that the link asks for, as typed. */
  declare asked: string
  declare label: string
  readonly #task = new TaskController(this)
  readonly #address: RpcController<string> = new RpcController(this, {
    load: async (node) => {
      const last = lastReceiveAddress(node)
      if (last !== undefined && !(await paymentsTo(node, last)).length) return last
      return newAddress(node, '')
    },
  })
  readonly #payments: RpcController<WalletTransaction[]> = new RpcController(this, {
    events: ['tip', 'wallet'],
    key: () => this.#address.value,
    load: async (node) => (this.#address.value ? paymentsTo(node, this.#address.value) : []),
  })

  /** What the wallet warns of at this address. */
  readonly #warnings: RpcController<readonly string[]> = new RpcController(this, {
    events: ['wallet'],
    key: () => this.#address.value,
    load: async (node) => {
      if (!this.#address.value) return []
      const info = await node.rpc('getaddressinfo', this.#address.value)
      return info.warnings ?? []
    },
  })

  constructor() {
    super()
    this.asked = ''
    this.label = ''
  }

  async #new(): Promise<void> {
    const address = await this.#task.run(() => newAddress(this.node, ''))
    if (address === undefined) return
    this.label = ''
    this.asked = ''
    this.#address.value = address
    this.requestUpdate()
  }

  override render() {
    const payments = paymentsOf(this.#payments.value ?? [])
    return html`<div class="head">
        <div>${walletLink(this.node)}<h1 tabindex="-1">Receive coins</h1></div>
      </div>
      <div class="stack">
        ${
          isBackedUp(this.node)
            ? nothing
            : html`<div class="notice warn">
              ${icons.warning}
              <div>
                <strong>Back up this wallet before you receive.</strong> If this browser's data is cleared, its coins are lost.
                <a href="/wallet/backup">Back it up now</a>
              </div>
            </div>`
        }
        ${this.#warnings.value?.map(
          (warning) =>
            html`<div class="notice warn" role="status">
              ${icons.warning}
              <div>${warning} <a href="/wallet/backup">Save a backup file</a></div>
            </div>`,
        )}
        ${payments.length > 0 ? this.#received(payments) : nothing}
        ${this.#address.value ? this.#card(this.#address.value) : this.#waiting()}
        ${
          payments.length === 0
            ? html`<p class="muted small" role="status">
                Waiting for a payment. It shows here as soon as the network knows of it.
              </p>`
            : nothing
        }
      </div>`
  }

  #waiting() {
    return html`<div class="card empty">
      ${
        this.#address.error
          ? html`<p class="error" role="alert">${sentence(this.#address.error)}</p>
            <button @click=${() => this.#address.reload()}>Try again</button>`
          : html`<p>Making an address…</p>`
      }
    </div>`
  }

  #card(address: string) {
    const { value: amount, problem } = this.asked.trim() === '' ? {} : readAmount(this.asked)
    const link = formatPaymentLink({ address, amount, label: this.label.trim(), message: undefined })
    return html`<div class="card both">
      <ot-qr .text=${link} label=${`QR code of the address ${address}`}></ot-qr>
      <div class="right">
        <div>
          <p class="label">Your address</p>
          <p class="address" data-testid="address">${address}</p>
          <p class="hint">Give it to who pays you. One address for one payment keeps your payments apart.</p>
        </div>
        <div class="row">
          <ot-copy wide .text=${address} label="Copy address"></ot-copy>
          <button ?disabled=${this.#task.running} @click=${() => this.#new()}>New address</button>
        </div>
        ${this.#task.problem ? html`<p class="error" role="alert">${this.#task.problem}</p>` : nothing}
        <details>
          <summary>Ask for an amount, add a note</summary>
          <div class="options">
            <div class="field">
              <label for="asked">Amount, coins</label>
              <input
                id="asked"
                inputmode="decimal"
                autocomplete="off"
                placeholder=${`0${OWN_STYLE.decimal}0`}
                .value=${this.asked}
                aria-invalid=${problem ? 'true' : 'false'}
                aria-describedby="asked-problem"
                @input=${(event: Event) => {
                  this.asked = (event.target as HTMLInputElement).value
                }}
              />
              <p id="asked-problem" class="error" ?hidden=${!problem}>${problem}</p>
            </div>
            <div class="field">
              <label for="label">Note</label>
              <input
                id="label"
                autocomplete="off"
                maxlength="80"
                placeholder="What it is for"
                .value=${this.label}
                @change=${(event: Event) => {
                  this.label = (event.target as HTMLInputElement).value
                  void this.#task.run(() => this.node.rpc('setlabel', address, this.label.trim()))
                }}
              />
            </div>
          </div>
          <p class="hint"><ot-copy wide .text=${link} label="Copy payment link"></ot-copy></p>
        </details>
      </div>
    </div>`
  }

  #received(payments: readonly Payment[]) {
    return html`<section class="card" aria-labelledby="received">
      <h2 id="received">Received at this address</h2>
      <ot-payments .node=${this.node} .payments=${payments}></ot-payments>
    </section>`
  }
}

async function newAddress(node: LiveNode, label: string): Promise<string> {
  const address = await node.rpc('getnewaddress', label)
  rememberReceiveAddress(node, address)
  return address
}

async function paymentsTo(node: LiveNode, address: string): Promise<WalletTransaction[]> {
  const entries = await node.rpc('listtransactions', '*', RECENT)
  return entries.filter((entry) => entry.address === address && entry.category !== 'send')
}
customElements.define('ot-wallet-receive', WalletReceive)
