/**
 * `<ot-channel-details .node channelId>`: one channel: both sides, what it waits for, what it asks of its person, and its two ways to an end, each with what it costs and
 * how long it takes. Thread: Window.
 */
import { css, html, LitElement, nothing } from 'lit'
import { blocksText, isLive, msatToSats, stateKind, stateWords } from '../channels.ts'
import { amount } from '../components/amount.ts'
import '../components/channel-bar.ts'
import { channelRisk, spacingOf } from '../components/channel-risk.ts'
import { channelsLink } from '../components/channels-link.ts'
import '../components/hash.ts'
import { costText } from '../components/rate-field.ts'
import { icons } from '../components/view-icons.ts'
import { RpcController } from '../controllers/rpc-controller.ts'
import { TaskController } from '../controllers/task-controller.ts'
import { countText, feeRateText, plural } from '../format.ts'
import { type LiveNode, sentence } from '../live-node.ts'
import { type NodeNames, nodeNames } from '../node-names.ts'
import { satsPerVbyte } from '../payment.ts'
import type { ChannelResult } from '../rpc-results.ts'
import { base } from '../styles/base.ts'
import { type Watchers, watchersOf, watchWords } from '../towers.ts'

/** Blocks within which a closing transaction is to be in one, as `close` asks. */
const CLOSE_TARGET = 6

interface Loaded {
  /** Undefined where it is gone. */
  readonly channel: ChannelResult | undefined
  /** Peer id of the other side's tab, while it is connected. */
  readonly tab: string | undefined
  readonly watchers: Watchers
  readonly names: NodeNames
  /** Satoshis per virtual byte that a close in agreement pays. */
  readonly rate: number
}

export class ChannelDetails extends LitElement {
  static override properties = {
    node: { attribute: false },
    channelId: { attribute: false },
    asked: { state: true },
  }
  static override styles = [
    base,
    css`
      :host {
        max-width: 760px;
        margin: 0 auto;
      }
      .badge {
        white-space: normal;
      }
      .whose {
        margin-bottom: 16px;
      }
      .ways {
        display: grid;
        grid-template-columns: 1fr 1fr;
        gap: 24px;
        margin-top: 16px;
      }
      .ways > div {
        display: flex;
        flex-direction: column;
        gap: 12px;
        align-items: flex-start;
      }
      .ways p {
        flex: 1;
        color: var(--muted);
        font-size: 14px;
      }
      .ways.only {
        grid-template-columns: minmax(0, 1fr);
      }
      .status {
        display: grid;
        gap: 6px;
        margin-top: 16px;
        color: var(--muted);
        font-size: 14px;
      }
      @media (max-width: 640px) {
        .ways {
          grid-template-columns: minmax(0, 1fr);
        }
      }
    `,
  ]
  declare node: LiveNode
  declare channelId: string
  /** The close that is to be confirmed. */
  declare asked: 'mutual' | 'unilateral' | undefined
  readonly #task = new TaskController(this)
  readonly #loaded: RpcController<Loaded> = new RpcController(this, {
    events: ['tip', 'channel', 'wallet'],
    key: () => this.channelId,
    load: async (node) => {
      const [{ channels }, { peers }, { feerate = 0 }, watchers, names] = await Promise.all([
        node.rpc('listpeerchannels'),
        node.rpc('listpeers'),
        node.rpc('estimatesmartfee', CLOSE_TARGET),
        watchersOf(node),
        nodeNames(node),
      ])
      const channel = channels.find(({ channel_id }) => channel_id === this.channelId)
      const tab = peers.find(({ id }) => id === channel?.peer_id)?.netaddr[0]
      return { channel, tab, watchers, names, rate: Math.max(1, satsPerVbyte(feerate)) }
    },
  })

  override render() {
    const { value, error } = this.#loaded
    return html`<div class="head"><div>${channelsLink}<h1 tabindex="-1">Channel</h1></div></div>
      ${
        value
          ? value.channel
            ? this.#channel(value.channel, value)
            : html`<div class="card empty">
                <p>This channel is not here any more: it was settled and ${plural(100, 'block')} passed, or it never was.</p>
                <p><a class="button" href="/channels">Show all channels</a></p>
              </div>`
          : error
            ? html`<p class="error" role="alert">${sentence(error)}</p>`
            : html`<p class="empty">Reading the channel…</p>`
      }`
  }

  #channel(channel: ChannelResult, { tab, watchers, names, rate }: Loaded) {
    const [, ...more] = channel.status
    const name = names.get(channel.peer_id)
    return html`<div class="stack">
      <section class="card" aria-label="Balance">
        <div class="spread whose">
          <span class="wrap"
            >With ${name === undefined ? nothing : `“${name}” `}<ot-hash .value=${channel.peer_id} what="node id"></ot-hash
          ></span>
          <span class=${`badge ${stateKind(channel)}`} role="status" data-testid="state">${stateWords(channel)}</span>
        </div>
        <ot-channel-bar .channel=${channel}></ot-channel-bar>
        ${
          more.length === 0
            ? nothing
            : html`<ul class="status" data-testid="status">
                ${more.map((line) => html`<li class="wrap">${line}</li>`)}
              </ul>`
        }
      </section>
      ${isLive(channel) && !channel.lost_state ? this.#risk(channel, watchers) : nothing} ${this.#underWay(channel)}
      ${this.#facts(channel, tab)} ${this.#close(channel, rate)}
    </div>`
  }

  #risk({ channel_id, their_to_self_delay, online_before }: ChannelResult, watchers: Watchers) {
    const { identity, tip } = this.node
    const left = online_before === undefined || !tip ? undefined : Math.max(0, online_before - tip.height)
    return html`<div>
      ${channelRisk(identity, their_to_self_delay)}
      ${
        left === undefined
          ? nothing
          : html`<p class="hint" data-testid="deadline">
              You must be online before block ${countText(online_before!)}, ${blocksText(left, spacingOf(identity))} from now. It moves on with
              every block that is seen. ${watchWords([channel_id], watchers)}
            </p>`
      }
    </div>`
  }

  #underWay({ htlcs }: ChannelResult) {
    if (htlcs.length === 0) return nothing
    return html`<section class="card" aria-labelledby="under-way">
      <h2 id="under-way">Payments under way</h2>
      <div class="scroll">
        <table>
          <thead>
            <tr>
              <th>Way</th>
              <th class="end">Amount</th>
              <th class="end">Given back from block</th>
            </tr>
          </thead>
          <tbody>
            ${htlcs.map(
              ({ direction, amount_msat, expiry }) =>
                html`<tr>
                  <td>${direction === 'out' ? 'Out' : 'In'}</td>
                  <td class="end">${amount(msatToSats(amount_msat))}</td>
                  <td class="end">${countText(expiry)}</td>
                </tr>`,
            )}
          </tbody>
        </table>
      </div>
    </section>`
  }

  #facts(channel: ChannelResult, tab: string | undefined) {
    const { funding_txid, short_channel_id, opener, channel_id } = channel
    return html`<section class="card" aria-labelledby="facts">
      <h2 id="facts">Details</h2>
      <dl class="facts">
        <div>
          <dt>Other side’s tab</dt>
          <dd>${tab ? html`<ot-hash .value=${tab} what="peer id"></ot-hash>` : 'not connected'}</dd>
        </div>
        <div>
          <dt>Holds</dt>
          <dd>${amount(msatToSats(channel.total_msat))}</dd>
        </div>
        ${
          channel.state === 'CHANNELD_NORMAL'
            ? html`<div>
                  <dt>You can pay</dt>
                  <dd>
                    ${amount(msatToSats(channel.spendable_msat))}
                    <span class="muted">beyond your reserve of ${amount(msatToSats(channel.our_reserve_msat))} and fees</span>
                  </dd>
                </div>
                <div>
                  <dt>You can receive</dt>
                  <dd>${amount(msatToSats(channel.receivable_msat))}</dd>
                </div>`
            : nothing
        }
        <div>
          <dt>Opened by</dt>
          <dd>${opener === 'local' ? 'you: you pay the fee of its transactions' : 'the other side, which pays the fee of its transactions'}</dd>
        </div>
        <div>
          <dt>Funded by</dt>
          <dd><ot-hash .value=${funding_txid} path=${`/tx/${funding_txid}`} what="transaction id"></ot-hash></dd>
        </div>
        ${
          short_channel_id
            ? html`<div>
                <dt>Short channel id</dt>
                <dd class="mono">${short_channel_id}</dd>
              </div>`
            : nothing
        }
        <div>
          <dt>Channel id</dt>
          <dd><ot-hash .value=${channel_id} what="channel id"></ot-hash></dd>
        </div>
      </dl>
    </section>`
  }

  #close(channel: ChannelResult, rate: number) {
    const { state, peer_connected, our_to_self_delay, lost_state } = channel
    const isOver = state === 'ONCHAIN' || state === 'AWAITING_UNILATERAL'
    if (isOver || lost_state) return nothing
    const spacing = spacingOf(this.node.identity)
    const isClosing = state !== 'CHANNELD_NORMAL'
    const title =
      state === 'CHANNELD_AWAITING_LOCKIN'
        ? 'If it does not open'
        : isClosing
          ? 'If the other side does not come back'
          : 'Close this channel'
    return html`<section class="card" aria-labelledby="close">
      <h2 id="close">${title}</h2>
      <div class=${isClosing ? 'ways only' : 'ways'}>
        ${
          isClosing
            ? nothing
            : html`<div>
                <h3>Together</h3>
                <p>
                  Both sides sign one transaction that pays each its share. Yours is in your wallet with the next block. It costs you its fee,
                  ${costText(rate)} at ${feeRateText(rate)}. ${peer_connected ? '' : 'The other side must be online for it, and is away.'}
                </p>
                ${this.#way('mutual', 'Close together', !peer_connected)}
              </div>`
        }
        <div>
          ${isClosing ? nothing : html`<h3>Alone</h3>`}
          <p>
            Your last state is published. Your share is yours again after ${blocksText(our_to_self_delay, spacing)}; the other side has its own at
            once. It costs ${channel.opener === 'local' ? 'you' : 'the other side'} the fee agreed on, and you that of one or more transactions that
            bring your share home. For when the other side does not come back.
          </p>
          ${this.#way('unilateral', 'Close alone', false)}
        </div>
      </div>
      ${this.#task.problem ? html`<p class="error" role="alert">${this.#task.problem}</p>` : nothing}
    </section>`
  }

  #way(type: 'mutual' | 'unilateral', name: string, isDisabled: boolean) {
    if (this.asked !== type)
      return html`<button
        ?disabled=${isDisabled || this.#task.running}
        @click=${() => {
          this.asked = type
        }}
      >
        ${name}
      </button>`
    return html`<div class="row">
      <button class="primary" ?disabled=${this.#task.running} @click=${() => this.#end(type)}>
        ${icons.check}${this.#task.running ? 'Closing…' : `Yes, ${name.toLowerCase()}`}
      </button>
      <button
        class="quiet"
        ?disabled=${this.#task.running}
        @click=${() => {
          this.asked = undefined
        }}
      >
        Keep it
      </button>
    </div>`
  }

  async #end(type: 'mutual' | 'unilateral'): Promise<void> {
    const done = await this.#task.run(() => this.node.rpc('close', this.channelId, type === 'unilateral'))
    if (!done) return
    this.asked = undefined
    this.#loaded.reload()
  }
}
customElements.define('ot-channel-details', ChannelDetails)
