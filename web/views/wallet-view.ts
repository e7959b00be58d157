/** `<ot-wallet .node page>`: the wallet's pages; without a wallet, the way to one. Thread: Window. */
import { css, html, LitElement } from 'lit'
import { icons } from '../components/icons.ts'
import '../components/storage-notice.ts'
import { NodeController } from '../controllers/node-controller.ts'
import type { LiveNode } from '../live-node.ts'
import type { WalletPage } from '../router.ts'
import { base } from '../styles/base.ts'
import './wallet-backup.ts'
import './wallet-create.ts'
import './wallet-home.ts'
import './wallet-payment.ts'
import './wallet-receive.ts'
import './wallet-restore.ts'
import './wallet-send.ts'

export class WalletView extends LitElement {
  static override properties = { node: { attribute: false }, page: {}, paymentId: { attribute: false } }
  static override styles = [
    base,
    css`
      .welcome {
        max-width: 620px;
        margin: 24px auto;
        text-align: center;
      }
      .welcome > * + * {
        margin-top: 16px;
      }
      .emblem {
        display: grid;
        place-items: center;
        width: 64px;
        height: 64px;
        margin: 0 auto;
        border-radius: 20px;
        background: var(--accent-soft);
        color: var(--accent);
      }
      .emblem svg {
        width: 30px;
        height: 30px;
      }
      .row {
        justify-content: center;
      }
      .above {
        margin-bottom: 24px;
      }
    `,
  ]
  declare node: LiveNode
  declare page: WalletPage
  /** Of the page `payment`. */
  declare paymentId: string | undefined

  constructor() {
    super()
    new NodeController(this, ['wallet'])
  }

  override render() {
    const { node } = this
    // These two begin without a wallet and stay open when there is one: to show its words.
    if (this.page === 'create')
      return html`${this.#storage()}<ot-wallet-create .node=${node}></ot-wallet-create>`
    if (this.page === 'restore')
      return html`${this.#storage()}<ot-wallet-restore .node=${node}></ot-wallet-restore>`
    if (!node.hasWallet) return this.#welcome()
    switch (this.page) {
      case 'send':
        return html`<ot-wallet-send .node=${node}></ot-wallet-send>`
      case 'receive':
        return html`<ot-wallet-receive .node=${node}></ot-wallet-receive>`
      case 'backup':
        return html`<ot-wallet-backup .node=${node}></ot-wallet-backup>`
      case 'payment':
        return html`<ot-wallet-payment .node=${node} .txid=${this.paymentId ?? ''}></ot-wallet-payment>`
      case 'home':
        return html`<ot-wallet-home .node=${node}></ot-wallet-home>`
    }
  }

  /** Where a wallet is about to be made: that it would not last. */
  #storage() {
    return html`<ot-storage-notice class="above" .node=${this.node}></ot-storage-notice>`
  }

  #welcome() {
    return html`<div class="welcome">
      <div class="emblem">${icons.wallet}</div>
      <h1 tabindex="-1">You have no wallet yet</h1>
      <p class="muted">
        A wallet holds the keys to your coins. It is kept in this browser, encrypted with your passphrase, and never leaves it. Create one
        to mine, receive and pay.
      </p>
      <div class="row">
        <a class="button primary" href="/wallet/create">Create a wallet</a>
        <a class="button" href="/wallet/restore">Restore a wallet</a>
      </div>
    </div>`
  }
}
customElements.define('ot-wallet', WalletView)
