/**
 * `<ot-wallet .node page>`: the pages of one wallet, those that make one, and the list of all. A wallet's pages hold a node that has it in hand,
 * and go with it: nothing of one wallet, typed or on its way, is ever shown with another. Thread: Window.
 */
import { css, html, LitElement } from 'lit'
import { keyed } from 'lit/directives/keyed.js'
import { icons } from '../components/icons.ts'
import '../components/storage-notice.ts'
import { NodeController } from '../controllers/node-controller.ts'
import type { LiveNode } from '../live-node.ts'
import { namedWallet, type WalletPage } from '../router.ts'
import { base } from '../styles/base.ts'
import { isNamed, walletPath } from '../wallet-name.ts'
import './wallet-backup.ts'
import './wallet-closed.ts'
import './wallet-create.ts'
import './wallet-home.ts'
import './wallet-list.ts'
import './wallet-payment.ts'
import './wallet-receive.ts'
import './wallet-restore.ts'
import './wallet-send.ts'
import './wallet-sign.ts'
import './wallet-watch.ts'

/** Pages that are about no single wallet. */
const COMMON: readonly WalletPage[] = ['all', 'create', 'restore', 'watch']

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
  /** The node with the shown wallet in hand. */
  #held: LiveNode | undefined

  constructor() {
    super()
    new NodeController(this, ['wallet'])
  }

  /** The wallet whose page this is: the one that the address names, else the one that the page shows. */
  get #wallet(): string | undefined {
    return namedWallet() ?? this.node.wallet
  }

  #hold(wallet: string): LiveNode {
    if (this.#held?.wallet !== wallet) this.#held = this.node.of(wallet)
    return this.#held!
  }

  override updated(): void {
    const wallet = this.#wallet
    // So that a reload or a bookmark shows the same one.
    if (wallet === undefined || namedWallet() !== undefined || !isNamed(this.node)) return
    if (!COMMON.includes(this.page))
      history.replaceState(history.state, '', walletPath(location.pathname, wallet))
  }

  override render() {
    const { node, page } = this
    const wallet = this.#wallet
    if (page === 'all') return html`<ot-wallet-list .node=${node}></ot-wallet-list>`
    if (page === 'watch') return html`<ot-wallet-watch .node=${node}></ot-wallet-watch>`
    if (page === 'restore')
      return html`${this.#storage()}<ot-wallet-restore .node=${node}></ot-wallet-restore>`
    // One element for both: it holds the words of the wallet that it has just made.
    if (page === 'create' || (page === 'words' && wallet !== undefined))
      return html`${this.#storage()}<ot-wallet-create
          .node=${page === 'words' && wallet !== undefined ? this.#hold(wallet) : node}
          .page=${page}
        ></ot-wallet-create>`
    if (wallet === undefined) return this.#welcome()
    if (!node.wallets.includes(wallet))
      return html`<ot-wallet-closed .node=${node} .name=${wallet}></ot-wallet-closed>`
    return keyed(wallet, this.#pageOf(this.#hold(wallet)))
  }

  #pageOf(node: LiveNode) {
    switch (this.page) {
      case 'send':
        return html`<ot-wallet-send .node=${node}></ot-wallet-send>`
      case 'receive':
        return html`<ot-wallet-receive .node=${node}></ot-wallet-receive>`
      case 'backup':
        return html`<ot-wallet-backup .node=${node}></ot-wallet-backup>`
      case 'sign':
        return html`<ot-wallet-sign .node=${node}></ot-wallet-sign>`
      case 'payment':
        return html`<ot-wallet-payment .node=${node} .txid=${this.paymentId ?? ''}></ot-wallet-payment>`
      default:
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
      <p class="small"><a href="/wallet/watch">Watch a wallet whose keys are elsewhere</a></p>
    </div>`
  }
}
customElements.define('ot-wallet', WalletView)
