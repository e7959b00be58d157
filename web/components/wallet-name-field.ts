/**
 * `<ot-wallet-name .node>`: the name of a wallet that is about to be made. The first one of a profile needs none, and isn't asked for one. Thread:
 * Window.
 */
import { html, LitElement, nothing } from 'lit'
import { RpcController } from '../controllers/rpc-controller.ts'
import type { LiveNode } from '../live-node.ts'
import { base } from '../styles/base.ts'
import { freeName, walletNames } from '../wallet-name.ts'

export class WalletNameField extends LitElement {
  static override properties = {
    node: { attribute: false },
    typed: { state: true },
    problem: { state: true },
  }
  static override shadowRootOptions = { ...LitElement.shadowRootOptions, delegatesFocus: true }
  static override styles = base
  declare node: LiveNode
  /** Undefined until the person typed one. */
  declare typed: string | undefined
  declare problem: string | undefined
  readonly #taken: RpcController<readonly string[]> = new RpcController(this, { load: walletNames })

  /** The name that stands there, empty for the first wallet; undefined, and said why, where it is none. */
  read(): string | undefined {
    const taken = this.#taken.value ?? []
    const name = this.#shown.trim()
    this.problem =
      taken.length > 0 && name === '' ? 'Give the wallet a name, to tell it from the others.' : undefined
    return this.problem === undefined ? name : undefined
  }

  get #shown(): string {
    const taken = this.#taken.value ?? []
    return this.typed ?? (taken.length === 0 ? '' : freeName(taken))
  }

  override render() {
    const isFirst = !this.#taken.value?.length
    // Without anything to show it takes no room, not even the gap of whatever holds this.
    this.hidden = isFirst
    if (isFirst) return nothing
    return html`<div class="field">
      <label for="name">Name</label>
      <input
        id="name"
        autocomplete="off"
        maxlength="64"
        .value=${this.#shown}
        aria-invalid=${this.problem ? 'true' : 'false'}
        aria-describedby="name-problem"
        @input=${(event: Event) => {
          this.typed = (event.target as HTMLInputElement).value
          this.problem = undefined
        }}
        @keydown=${(event: KeyboardEvent) => {
          // The form lies in another tree and isn't told by the browser.
          if (event.key === 'Enter') this.closest('form')?.requestSubmit()
        }}
      />
      <p id="name-problem" class="error" ?hidden=${!this.problem}>${this.problem}</p>
    </div>`
  }
}
customElements.define('ot-wallet-name', WalletNameField)
