/** `<ot-wallet-keys .node>`: a wallet's public descriptor, by which it is watched elsewhere. Thread: Window. */
import { css, html, LitElement } from 'lit'
import '../components/copy-button.ts'
import { RpcController } from '../controllers/rpc-controller.ts'
import { type LiveNode, sentence } from '../live-node.ts'
import { base } from '../styles/base.ts'

export class WalletKeys extends LitElement {
  static override properties = { node: { attribute: false } }
  static override styles = [
    base,
    css`
      section > h2 + p {
        margin: 6px 0 18px;
      }
      .keys {
        margin-bottom: 12px;
        padding: 14px 16px;
        border-radius: var(--radius-small);
        background: var(--sunken);
        font-family: var(--mono);
        font-size: 14px;
        overflow-wrap: anywhere;
        user-select: all;
      }
    `,
  ]
  declare node: LiveNode
  readonly #descriptor: RpcController<string> = new RpcController(this, {
    load: async (node) => (await node.rpc('getwalletinfo')).descriptor ?? '',
  })

  override render() {
    const descriptor = this.#descriptor.value
    return html`<section class="card" aria-labelledby="keys">
      <h2 id="keys">Public key</h2>
      <p class="muted">
        By this descriptor another wallet can watch this one. It can’t spend, but whoever has it sees every address and payment.
      </p>
      ${
        descriptor
          ? html`<p class="keys" data-testid="descriptor">${descriptor}</p>
              <ot-copy wide .text=${descriptor} label="Copy the descriptor"></ot-copy>`
          : this.#descriptor.error
            ? html`<p class="error" role="alert">${sentence(this.#descriptor.error)}</p>`
            : html`<p class="empty">Reading the key…</p>`
      }
    </section>`
  }
}
customElements.define('ot-wallet-keys', WalletKeys)
