/** `<ot-wallet-closed .node .name>`: in place of a wallet that the address names and that isn't open. Thread: Window. */
import { html, LitElement, nothing } from 'lit'
import { RpcController } from '../controllers/rpc-controller.ts'
import { TaskController } from '../controllers/task-controller.ts'
import type { LiveNode } from '../live-node.ts'
import { base } from '../styles/base.ts'
import { walletNames, walletTitle } from '../wallet-name.ts'

export class WalletClosed extends LitElement {
  static override properties = { node: { attribute: false }, name: {} }
  static override styles = base
  declare node: LiveNode
  declare name: string
  readonly #task = new TaskController(this)
  readonly #known: RpcController<readonly string[]> = new RpcController(this, {
    events: ['wallet'],
    key: () => this.name,
    load: walletNames,
  })

  override render() {
    const known = this.#known.value
    const title = walletTitle(this.name)
    const isKnown = known?.includes(this.name) ?? false
    return html`<div class="head">
        <h1 tabindex="-1" class="wrap">${known && !isKnown ? 'Not found' : isKnown ? `“${title}” is closed` : title}</h1>
      </div>
      <div class="card empty">
        ${
          isKnown
            ? html`<p>It is kept in this browser. While it is closed its coins are not looked for, and nothing of it is shown.</p>`
            : known
              ? html`<p class="wrap">This profile has no wallet of the name “${title}”.</p>`
              : html`<p>Looking for this wallet…</p>`
        }
        ${this.#task.problem ? html`<p class="error" role="alert">${this.#task.problem}</p>` : nothing}
        <p>
          ${
            isKnown
              ? html`<button class="primary" ?disabled=${this.#task.running} @click=${() => this.#open()}>
                  ${this.#task.running ? 'Opening…' : 'Open this wallet'}
                </button>`
              : nothing
          }
          <a class="button" href="/wallet/all">Show all wallets</a>
        </p>
      </div>`
  }

  #open() {
    return this.#task.run(() => this.node.rpc('loadwallet', this.name, true))
  }
}
customElements.define('ot-wallet-closed', WalletClosed)
