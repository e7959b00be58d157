/**
 * `<ot-channels .node page>`: the payment channels of the default wallet: their list, and the pages to open one, pay, receive and close. What stands in the way, a
 * network without channels, no wallet, keys that were not unlocked yet, is said in place of them. Thread: Window.
 */
import { css, html, LitElement, nothing } from 'lit'
import { channelsLink } from '../components/channels-link.ts'
import { notFound } from '../components/not-found.ts'
import { icons } from '../components/view-icons.ts'
import { NodeController } from '../controllers/node-controller.ts'
import { RpcController } from '../controllers/rpc-controller.ts'
import { type LiveNode, sentence } from '../live-node.ts'
import { requestUnlock } from '../requests.ts'
import { base } from '../styles/base.ts'
import { rememberChannels } from '../wallet-memory.ts'
import './channel-details.ts'
import './channel-list.ts'
import './channel-open.ts'
import './channel-pay.ts'
import './channel-payments.ts'
import './channel-receive.ts'
import './channel-towers.ts'

/** Pages that are fetched when they are first shown: most people need neither. */
const LATER: Readonly<Record<string, { readonly title: string; fetch(): Promise<unknown> }>> = {
  graph: { title: 'Graph of channels', fetch: () => import('./channels-graph.ts') },
  learn: { title: 'How a channel works', fetch: () => import('./channels-learn.ts') },
}

/** Name of the wallet that channels belong to: the default one. */
const WALLET = ''

export class ChannelsView extends LitElement {
  static override properties = { node: { attribute: false }, page: {}, fetched: { state: true } }
  static override styles = [
    base,
    css`
      .locked {
        margin-bottom: 20px;
      }
      .locked p {
        margin-top: 10px;
      }
    `,
  ]
  declare node: LiveNode
  declare page: string
  /** By page: whether it is there, or could not be fetched. */
  declare fetched: ReadonlyMap<string, boolean>
  /** The node with the wallet of the channels in hand. */
  #held: LiveNode | undefined
  /** Why the keys can't be used now; undefined where they can. Rejects where they never were. */
  readonly #locked: RpcController<{ readonly reason: string | undefined }> = new RpcController(this, {
    events: ['wallet'],
    key: () => this.#isPossible,
    load: async (node) => {
      if (!this.#isPossible) return { reason: undefined }
      const { warning_signer: reason } = await node.of(WALLET).rpc('getinfo')
      rememberChannels(node.of(WALLET))
      return { reason }
    },
  })

  constructor() {
    super()
    this.fetched = new Map()
    new NodeController(this, ['wallet'])
  }

  get #isPossible(): boolean {
    const { node } = this
    return (
      node.identity.testControls && node.wallets.includes(WALLET) && node.of(WALLET).signer.state !== 'none'
    )
  }

  override willUpdate(): void {
    if (Object.hasOwn(LATER, this.page) && !this.fetched.has(this.page)) void this.#fetch(this.page)
  }

  async #fetch(page: string): Promise<void> {
    const isThere = await LATER[page].fetch().then(
      () => true,
      () => false,
    )
    this.fetched = new Map(this.fetched).set(page, isThere)
  }

  /** A page that comes by itself. */
  #later(page: string, shown: () => unknown) {
    const isThere = this.fetched.get(page)
    return html`<div class="head"><div>${channelsLink}<h1 tabindex="-1">${LATER[page].title}</h1></div></div>
      ${
        isThere
          ? shown()
          : isThere === undefined
            ? html`<p class="empty">Fetching it…</p>`
            : html`<div class="card empty">
                <p>This page could not be fetched: the server of the page can’t be reached. Reload the page when it is back.</p>
              </div>`
      }`
  }

  override render() {
    const { node } = this
    if (this.page === 'learn') return this.#later('learn', () => html`<ot-learn></ot-learn>`)
    if (!node.identity.testControls) return this.#elsewhere()
    if (!this.#isPossible) return this.#walletless()
    this.#held ??= node.of(WALLET)
    const { value, error } = this.#locked
    if (error) return this.#asleep(this.#held, sentence(error))
    if (!value)
      return html`<div class="head"><h1 tabindex="-1">Channels</h1></div>
        <p class="empty">Opening the channels…</p>`
    return html`${
      value.reason === undefined
        ? nothing
        : html`<div class="notice warn locked" role="status">
            ${icons.lock}
            <div>
              <strong>The wallet was not unlocked since this page was opened.</strong> Until then nobody pays or is paid over channels, and
              what another side takes wrongly is not taken back.
              <p>${this.#unlockButton(this.#held)}</p>
            </div>
          </div>`
    }
    ${this.#page(this.#held)}`
  }

  #page(node: LiveNode) {
    const { page } = this
    switch (page) {
      case '':
        return html`<ot-channel-list .node=${node}></ot-channel-list>`
      case 'open':
        return html`<ot-channel-open .node=${node}></ot-channel-open>`
      case 'pay':
        return html`<ot-channel-pay .node=${node}></ot-channel-pay>`
      case 'receive':
        return html`<ot-channel-receive .node=${node}></ot-channel-receive>`
      case 'towers':
        return html`<ot-channel-towers .node=${node}></ot-channel-towers>`
      case 'graph':
        return this.#later(page, () => html`<ot-channel-graph .node=${node}></ot-channel-graph>`)
      case 'payments':
        return html`<ot-channel-payments .node=${node}></ot-channel-payments>`
      default:
        return /^[0-9a-f]{64}$/.test(page)
          ? html`<ot-channel-details .node=${node} .channelId=${page}></ot-channel-details>`
          : notFound(`This page has no view at /channels/${page.slice(0, 80)}.`)
    }
  }

  #unlockButton(node: LiveNode) {
    return html`<button
      class="primary"
      @click=${async () => {
        if (
          await requestUnlock(this, node, 'Your channels need its keys once after each start of this page.')
        )
          this.#locked.reload()
      }}
    >
      ${icons.unlock}Unlock
    </button>`
  }

  #asleep(node: LiveNode, why: string) {
    const isLocked = node.signer.state === 'locked'
    return html`<div class="head"><h1 tabindex="-1">Channels</h1></div>
      <div class="card empty">
        <p>
          A channel is coins that you and another tab hold together: it pays at once and as often as you like, with nothing on the chain until
          it is closed.
        </p>
        <p>${isLocked ? 'Channels need the keys of your wallet once after each start of this page.' : why}</p>
        <p>
          ${isLocked ? this.#unlockButton(node) : html`<button @click=${() => this.#locked.reload()}>Try again</button>`}
        </p>
      </div>`
  }

  #elsewhere() {
    return html`<div class="head"><h1 tabindex="-1">Channels</h1></div>
      <div class="card empty">
        <p>
          On this network there are no payment channels yet. They are tried where coins are worth nothing first: on the network
          <strong>regtest</strong>, where blocks are made on demand.
        </p>
        <p>
          <a class="button" href="/channels?network=regtest" target="_blank">Open regtest in a new tab</a>
          <a class="button" href="/channels/learn">See how they work</a>
        </p>
      </div>`
  }

  #walletless() {
    const isWatching = this.node.wallets.includes(WALLET)
    return html`<div class="head"><h1 tabindex="-1">Channels</h1></div>
      <div class="card empty">
        ${
          isWatching
            ? html`<p>Channels need a wallet whose keys are in this browser. The first wallet of this profile only watches.</p>`
            : html`<p>A channel holds coins of your wallet, and its money comes back there. Create the wallet first.</p>
                <p><a class="button primary" href="/wallet/create">Create a wallet</a></p>`
        }
      </div>`
  }
}
customElements.define('ot-channels', ChannelsView)
