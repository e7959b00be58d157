/** `<ot-channel-list .node>`: all channels with what can be paid and received over them, and what they ask of their person. Thread: Window. */
import { css, html, LitElement, nothing } from 'lit'
import { repeat } from 'lit/directives/repeat.js'
import type { Sats } from '../../src/primitives/amount.ts'
import {
  blocksText,
  channelPayments,
  isLive,
  isReturning,
  msatToSats,
  onlineBefore,
  receivable,
  sendable,
  stateKind,
  stateWords,
} from '../channels.ts'
import { amount } from '../components/amount.ts'
import '../components/channel-bar.ts'
import { spacingOf } from '../components/channel-risk.ts'
import '../components/payment-list.ts'
import { icons } from '../components/view-icons.ts'
import { RpcController } from '../controllers/rpc-controller.ts'
import { amountText, coinUnit, countText, isLong, plural } from '../format.ts'
import type { Payment } from '../history.ts'
import { type LiveNode, sentence } from '../live-node.ts'
import { type NodeNames, nodeNames, nodeText } from '../node-names.ts'
import type { ChannelResult } from '../rpc-results.ts'
import { base } from '../styles/base.ts'
import { type Watchers, watchersOf, watchWords } from '../towers.ts'

/** Payments that are shown below the channels. */
const RECENT = 5

interface Loaded {
  readonly channels: readonly ChannelResult[]
  /** Newest first. */
  readonly payments: readonly Payment[]
  readonly watchers: Watchers
  readonly names: NodeNames
  /** Nodes that are connected and have channels. */
  readonly peers: number
}

export class ChannelList extends LitElement {
  static override properties = { node: { attribute: false } }
  static override styles = [
    base,
    css`
      .hero {
        display: grid;
        grid-template-columns: minmax(0, 1fr) auto;
        gap: 24px;
        align-items: end;
        padding: 28px;
      }
      .total {
        margin-top: 6px;
        font-size: 44px;
        line-height: 1.15;
        font-weight: 640;
        letter-spacing: -0.03em;
        overflow-wrap: anywhere;
      }
      .total .unit {
        font-size: 20px;
        letter-spacing: 0;
      }
      .money {
        container-type: inline-size;
      }
      .total.long {
        font-size: clamp(16px, 7.2cqi, 40px);
        white-space: nowrap;
      }
      .total.long .unit {
        font-size: 0.6em;
      }
      .parts {
        display: flex;
        flex-wrap: wrap;
        gap: 12px 40px;
        grid-column: 1 / -1;
        padding-top: 20px;
        border-top: 1px solid var(--line);
      }
      .parts dt {
        color: var(--muted);
        font-size: 14px;
      }
      .parts dd {
        font-weight: 560;
      }
      .channels {
        display: grid;
        gap: 12px;
        margin-top: 16px;
      }
      .channel {
        display: block;
        padding: 16px;
        border: 1px solid var(--line);
        border-radius: var(--radius-small);
        color: var(--text);
      }
      .channel:hover {
        border-color: var(--line-strong);
        text-decoration: none;
      }
      .channel .spread {
        margin-bottom: 12px;
      }
      .badge {
        white-space: normal;
      }
      .who {
        font-weight: 560;
      }
      @media (max-width: 640px) {
        .hero {
          grid-template-columns: minmax(0, 1fr);
          padding: 20px 16px;
        }
        .total {
          font-size: 36px;
        }
        .hero .row > * {
          flex: 1;
          min-width: max-content;
        }
      }
    `,
  ]
  declare node: LiveNode
  readonly #loaded: RpcController<Loaded> = new RpcController(this, {
    events: ['tip', 'channel', 'wallet'],
    load: async (node) => {
      const [{ channels }, { pays }, { invoices }, { peers }, watchers, names] = await Promise.all([
        node.rpc('listpeerchannels'),
        node.rpc('listpays'),
        node.rpc('listinvoices'),
        node.rpc('listpeers'),
        watchersOf(node),
        nodeNames(node),
      ])
      return { channels, watchers, names, payments: channelPayments(pays, invoices), peers: peers.length }
    },
  })

  override render() {
    const loaded = this.#loaded.value
    const { error } = this.#loaded
    return html`<div class="head">
        <h1 tabindex="-1">Channels</h1>
        <div class="row">
          <a class="button quiet small" href="/channels/learn">How they work</a>
          <a class="button quiet small" href="/channels/graph">Graph</a>
          <a class="button small" href="/channels/open">Open a channel</a>
        </div>
      </div>
      ${
        loaded
          ? this.#all(loaded)
          : error
            ? html`<p class="error" role="alert">${sentence(error)}</p>`
            : html`<p class="empty">Reading the channels…</p>`
      }`
  }

  #all({ channels, payments, peers, watchers, names }: Loaded) {
    if (channels.length === 0 && payments.length === 0) return this.#none(peers)
    return html`<div class="stack">
      ${this.#hero(channels)} ${this.#deadline(channels, watchers)}
      <section class="card" aria-labelledby="channels">
        <h2 id="channels">${plural(channels.length, 'channel')}</h2>
        ${
          channels.length === 0
            ? html`<p class="empty">No channel is open any more. <a href="/channels/open">Open one</a></p>`
            : html`<ul class="channels">
                ${repeat(
                  channels,
                  ({ channel_id }) => channel_id,
                  (channel) => html`<li>${this.#channel(channel, names)}</li>`,
                )}
              </ul>`
        }
      </section>
      <section class="card" aria-labelledby="payments">
        <div class="spread">
          <h2 id="payments">Payments</h2>
          <a class="button quiet small" href="/channels/payments">All, and invoices</a>
        </div>
        ${
          payments.length === 0
            ? html`<p class="empty">None yet. Have an invoice given to you and pay it, or make one.</p>`
            : html`<ot-payments .node=${this.node} .payments=${payments} .most=${RECENT}></ot-payments>`
        }
      </section>
    </div>`
  }

  #none(peers: number) {
    return html`<div class="card empty">
      <p>
        A channel is coins that you and another tab hold together. Between you two, and over others to a third, it pays at once and as often as
        you like, with nothing on the chain until it is closed.
      </p>
      <p>
        ${
          peers === 0
            ? 'No tab with channels is connected now. Open this page in another tab, with another profile, and unlock its wallet.'
            : `${plural(peers, 'tab')} with channels ${peers === 1 ? 'is' : 'are'} connected.`
        }
      </p>
      <p>
        <a class="button primary" href="/channels/open">Open a channel</a>
        <a class="button" href="/channels/receive">Receive</a>
      </p>
    </div>`
  }

  #hero(channels: readonly ChannelResult[]) {
    const most = msatToSats(sendable(channels))
    const moving = channels
      .flatMap(({ htlcs }) => htlcs)
      .reduce((sum, { amount_msat }) => sum + amount_msat, 0)
    const returning = oursIn(channels.filter(isReturning))
    return html`<section class="card hero" aria-labelledby="sendable">
      <div class="money">
        <h2 id="sendable">You can pay at once</h2>
        <p class=${`total ${isLong(most) ? 'long' : ''}`} data-testid="sendable">
          ${amountText(most)} <span class="unit">${coinUnit(most)}</span>
        </p>
      </div>
      <div class="row">
        <a class="button primary" href="/channels/pay">${icons.send}Pay</a>
        <a class="button" href="/channels/receive">${icons.receive}Receive</a>
      </div>
      <dl class="parts">
        <div>
          <dt>You can receive</dt>
          <dd data-testid="receivable">${amount(msatToSats(receivable(channels)))}</dd>
        </div>
        <div>
          <dt>Yours in channels, reserves included</dt>
          <dd>${amount(oursIn(channels.filter(isLive)))}</dd>
        </div>
        ${
          returning === 0
            ? nothing
            : html`<div>
                <dt>Coming back to your wallet</dt>
                <dd data-testid="returning">${amount(returning)}</dd>
              </div>`
        }
        ${
          moving === 0
            ? nothing
            : html`<div>
                <dt>Under way</dt>
                <dd>${amount(msatToSats(moving))}</dd>
              </div>`
        }
      </dl>
    </section>`
  }

  /** What must be online when, of all of them. */
  #deadline(channels: readonly ChannelResult[], watchers: Watchers) {
    const before = onlineBefore(channels)
    const { tip } = this.node
    if (before === undefined || !tip) return nothing
    return html`<div class="notice" data-testid="deadline">
      ${icons.info}
      <div>
        You must be online before block ${countText(before)}
        (${blocksText(Math.max(0, before - tip.height), spacingOf(this.node.identity))} from now): this page open, with blocks coming in. It
        moves on with every block that is seen. If not, a side that publishes an old state could keep what was yours in it. ${watchWords(
          channels
            .filter(({ online_before }) => online_before !== undefined)
            .map(({ channel_id }) => channel_id),
          watchers,
        )}
        <a href="/channels/towers">Watchtowers</a>
      </div>
    </div>`
  }

  #channel(channel: ChannelResult, names: NodeNames) {
    const { channel_id, peer_id } = channel
    return html`<a class="channel" href=${`/channels/${channel_id}`}>
      <div class="spread">
        <span class="who wrap">With ${nodeText(peer_id, names)}</span>
        <span class=${`badge ${stateKind(channel)}`} data-testid="state">${stateWords(channel)}</span>
      </div>
      <ot-channel-bar .channel=${channel}></ot-channel-bar>
    </a>`
  }
}
/** What is ours in these, payments under way apart. */
function oursIn(channels: readonly ChannelResult[]): Sats {
  return msatToSats(channels.reduce((sum, { to_us_msat }) => sum + to_us_msat, 0))
}
customElements.define('ot-channel-list', ChannelList)
