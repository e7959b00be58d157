/**
 * `<ot-network .node>`: the tabs this one talks to and those it keeps out, the relays that introduce them, what is wrong if anything is,
 * and the log. Thread: Window.
 */
import { css, html, LitElement, nothing } from 'lit'
import { join } from 'lit/directives/join.js'
import { repeat } from 'lit/directives/repeat.js'
import type { RelayInfo } from '../../src/network/transport.ts'
import '../components/age.ts'
import { figure } from '../components/amount.ts'
import '../components/hash.ts'
import { icons } from '../components/view-icons.ts'
import '../components/warnings.ts'
import { NodeController } from '../controllers/node-controller.ts'
import { RpcController } from '../controllers/rpc-controller.ts'
import { TaskController } from '../controllers/task-controller.ts'
import { bytesText, durationText, plural, shortened, timeOfDay } from '../format.ts'
import type { LiveNode } from '../live-node.ts'
import { notify } from '../requests.ts'
import { newTabUrl } from '../router.ts'
import type { BanResult, NetworkInfo, PeerResult } from '../rpc-results.ts'
import { base } from '../styles/base.ts'

/** What a relay's state means to people. */
const RELAY_STATES: Readonly<Record<RelayInfo['state'], { text: string; look: string }>> = {
  reserved: { text: 'Introduces this tab to others', look: 'good' },
  connected: { text: 'Connected, asking for introductions', look: 'warn' },
  connecting: { text: 'Connecting…', look: '' },
  unreachable: { text: 'Not reachable: tabs that have met stay connected', look: 'bad' },
}

/** Seconds for which a person keeps a peer out: a day. */
const BAN_TIME = 86_400

/** Points from which on a peer's are shown: less is what an honest one may get, too. */
const NOTEWORTHY_SCORE = 5

/** Seconds by which clocks may differ before it is worth a word. */
const NOTEWORTHY_OFFSET = 3
/** The same of a single peer, which may be the one that is wrong. */
const NOTEWORTHY_PEER_OFFSET = 60

export class NetworkView extends LitElement {
  static override properties = { node: { attribute: false } }
  static override styles = [
    base,
    css`
      section h2 {
        margin-bottom: 8px;
      }
      .rows li {
        display: flex;
        flex-wrap: wrap;
        align-items: center;
        justify-content: space-between;
        gap: 6px 16px;
        padding: 10px 0;
        border-top: 1px solid var(--line);
      }
      .rows li:first-child {
        border-top: 0;
      }
      .rows li > div {
        min-width: 0;
      }
      .rows .badge {
        white-space: normal;
      }
      /* The button is higher than the text beside it. */
      td:has(button) {
        padding-top: 4px;
        padding-bottom: 4px;
      }
      .about {
        display: block;
        color: var(--muted);
        font-size: 13px;
      }
      .about.score {
        color: var(--warning);
      }
      td .about.wrap {
        white-space: normal;
      }
      .used {
        display: flex;
        flex-wrap: wrap;
        align-items: center;
        gap: 4px 12px;
      }
      .used progress {
        width: 120px;
        height: 8px;
      }
      .log {
        max-height: 340px;
        overflow-y: auto;
        font-size: 14px;
      }
      .log li {
        display: grid;
        grid-template-columns: 84px 72px minmax(0, 1fr);
        gap: 12px;
        padding: 5px 0;
      }
      .log .warning {
        color: var(--warning);
      }
      .log .error {
        margin: 0;
        color: var(--danger);
      }
      @media (min-width: 641px) {
        .narrow-only {
          display: none;
        }
      }
      @media (max-width: 640px) {
        .log li {
          grid-template-columns: auto minmax(0, 1fr);
          gap: 0 10px;
        }
        .log li > :last-child {
          grid-column: 1 / -1;
        }
      }
    `,
  ]
  declare node: LiveNode
  readonly #peers: RpcController<readonly PeerResult[]> = new RpcController(this, {
    events: ['peer', 'network'],
    load: (node) => node.rpc('getpeerinfo'),
  })

  readonly #bans: RpcController<readonly BanResult[]> = new RpcController(this, {
    // A ban ends a connection, or is told in the log.
    events: ['peer', 'log'],
    load: (node) => node.rpc('listbanned'),
  })
  readonly #info: RpcController<NetworkInfo> = new RpcController(this, {
    events: ['network', 'clock'],
    load: (node) => node.rpc('getnetworkinfo'),
  })
  readonly #task = new TaskController(this)

  constructor() {
    super()
    new NodeController(this, ['network', 'log'])
  }

  async #ban(id: string): Promise<void> {
    const done = await this.#task.run(async () => {
      await this.node.rpc('setban', id, 'add', BAN_TIME)
      return true
    })
    if (done) notify(this, `${shortened(id)} is kept out for ${durationText(BAN_TIME)}.`)
    this.#bans.reload()
  }

  /** Of one peer, or of all. */
  async #lift(id?: string): Promise<void> {
    await this.#task.run(() =>
      id === undefined ? this.node.rpc('clearbanned') : this.node.rpc('setban', id, 'remove'),
    )
    this.#bans.reload()
  }

  override render() {
    return html`<div class="head">
        <h1 tabindex="-1">Network</h1>
        <a class="button" href="/networks">Networks and invitations</a>
      </div>
      <div class="stack">
        <ot-warnings .node=${this.node}></ot-warnings>
        ${this.#peerTable()}${this.#banned()}${this.#relays()}${this.#self()}${this.#log()}
      </div>`
  }

  #peerTable() {
    const peers = this.#peers.value ?? []
    return html`<section class="card" aria-labelledby="peers">
      <h2 id="peers">Connected to ${plural(peers.length, 'tab')}</h2>
      ${
        peers.length === 0
          ? html`<div class="empty">
            <p>No other tab is connected. Open this page in another tab or on another device: they find each other by themselves.</p>
            <p><a class="button" href=${newTabUrl()} target="_blank" rel="noopener">${icons.external} Open another tab</a></p>
          </div>`
          : html`<div class="scroll">
            <table>
              <thead>
                <tr>
                  <th scope="col">Peer</th>
                  <th scope="col" class="wide-only">Direction</th>
                  <th scope="col" class="end">Latency</th>
                  <th scope="col" class="end wide-only">Received</th>
                  <th scope="col" class="end wide-only">Sent</th>
                  <th scope="col" class="end wide-only">Connected</th>
                  <th scope="col" class="end"><span class="visually-hidden">Keep out</span></th>
                </tr>
              </thead>
              <tbody>
                ${repeat(
                  peers,
                  ({ id }) => id,
                  (peer) => this.#peer(peer),
                )}
              </tbody>
            </table>
          </div>`
      }
    </section>`
  }

  #peer(peer: PeerResult) {
    const unknown = html`<span class="muted">–</span>`
    const {
      peerid: id,
      inbound,
      pingtime,
      bytesrecv,
      bytessent,
      conntime,
      banscore = 0,
      timeoffset = 0,
    } = peer
    const details = [
      peer.connection_type === 'anchor' && 'Remembered as one of the best',
      peer.address_group && html`Addresses: <span class="mono">${peer.address_group}</span>`,
      peer.introducer && html`Introduced by <span class="mono">${shortened(peer.introducer)}</span>`,
    ].filter(Boolean)
    const direction = inbound ? 'They called us' : 'We called them'
    return html`<tr>
      <td>
        <ot-hash .value=${id} what="peer id"></ot-hash>
        <span class="about narrow-only">${direction} <ot-age .time=${conntime}></ot-age></span>
        ${details.length > 0 ? html`<span class="about wrap">${join(details, () => ' · ')}</span>` : nothing}
        ${
          Math.abs(timeoffset) > NOTEWORTHY_PEER_OFFSET
            ? html`<span class="about score wrap">Its clock is ${durationText(Math.abs(timeoffset))} ${timeoffset > 0 ? 'ahead of' : 'behind'} this tab’s</span>`
            : nothing
        }
        ${
          banscore >= NOTEWORTHY_SCORE
            ? html`<span class="about score wrap">Broke rules: ${Math.round(banscore)} of 100 points to a ban</span>`
            : nothing
        }
      </td>
      <td class="wide-only">${direction}</td>
      <td class="end">${pingtime === undefined ? unknown : figure(`${Math.max(1, Math.round(pingtime * 1000))} ms`)}</td>
      <td class="end wide-only">${bytesrecv === undefined ? unknown : figure(bytesText(bytesrecv))}</td>
      <td class="end wide-only">${bytessent === undefined ? unknown : figure(bytesText(bytessent))}</td>
      <td class="end muted wide-only"><ot-age .time=${conntime}></ot-age></td>
      <td class="end">
        <button
          class="icon"
          title=${`Keep out for ${durationText(BAN_TIME)}`}
          aria-label=${`Keep ${shortened(id)} out for ${durationText(BAN_TIME)}`}
          ?disabled=${this.#task.running}
          @click=${() => this.#ban(id)}
        >
          ${icons.ban}
        </button>
      </td>
    </tr>`
  }

  #banned() {
    const bans = this.#bans.value ?? []
    return html`<section class="card" aria-labelledby="bans">
      <div class="spread">
        <h2 id="bans">Kept out</h2>
        ${
          bans.length > 1
            ? html`<button class="small" ?disabled=${this.#task.running} @click=${() => this.#lift()}>
              Let all in again
            </button>`
            : nothing
        }
      </div>
      ${
        bans.length === 0
          ? html`<p class="hint">Nobody. A tab that breaks the rules comes here by itself, for a while.</p>`
          : html`<ul class="rows">
            ${repeat(
              bans,
              ({ address }) => address,
              ({ address, banned_until, ban_reason }) =>
                html`<li>
                  <div>
                    <ot-hash .value=${address} what="peer id"></ot-hash>
                    <span class="about wrap">${ban_reason} For another ${durationText(banned_until - Date.now() / 1000)}.</span>
                  </div>
                  <button
                    class="small"
                    aria-label=${`Let ${shortened(address)} in again`}
                    ?disabled=${this.#task.running}
                    @click=${() => this.#lift(address)}
                  >
                    Let in again
                  </button>
                </li>`,
            )}
          </ul>`
      }
      ${this.#task.problem ? html`<p class="error" role="alert">${this.#task.problem}</p>` : nothing}
    </section>`
  }

  #relays() {
    const { relays } = this.node.network
    return html`<section class="card" aria-labelledby="relays">
      <h2 id="relays">Relays</h2>
      <p class="hint">They introduce tabs to each other and see neither blocks nor payments. Once tabs have met, they do without.</p>
      ${
        relays.length === 0
          ? html`<p class="empty">No relay is known: new tabs find this one through the tabs it has met.</p>`
          : html`<ul class="rows">
            ${relays.map(
              ({ address, state }) =>
                html`<li>
                  <ot-hash .value=${address} what="relay address"></ot-hash>
                  <span class=${`badge ${RELAY_STATES[state].look}`}>${RELAY_STATES[state].text}</span>
                </li>`,
            )}
          </ul>`
      }
    </section>`
  }

  #self() {
    const { peerId, profile, networkName, networkId } = this.node.identity
    const { connectionsUsed } = this.node.network
    const offset = this.#info.value?.timeoffset ?? 0
    return html`<section class="card" aria-labelledby="self">
      <h2 id="self">This tab</h2>
      <dl class="facts">
        <div>
          <dt>Peer id</dt>
          <dd><ot-hash .value=${peerId} what="peer id"></ot-hash></dd>
        </div>
        ${
          connectionsUsed === undefined
            ? nothing
            : html`<div>
              <dt>Connections</dt>
              <dd class="used">
                <progress max="100" value=${Math.round(connectionsUsed * 100)} aria-label="Connections used"></progress>
                <span>${Math.round(connectionsUsed * 100)} % of what the browser grants a tab <span class="muted">at a time</span></span>
              </dd>
            </div>`
        }
        <div>
          <dt>Clock</dt>
          <dd>
            ${
              Math.abs(offset) < NOTEWORTHY_OFFSET
                ? 'No other tab disagrees'
                : `${durationText(Math.abs(offset))} ${offset > 0 ? 'behind' : 'ahead of'} the other tabs`
            }
          </dd>
        </div>
        <div>
          <dt>Profile</dt>
          <dd>${profile}</dd>
        </div>
        <div>
          <dt>Network</dt>
          <dd>${networkName}</dd>
        </div>
        <div>
          <dt>First block</dt>
          <dd><ot-hash .value=${networkId} path=${`/block/${networkId}`} what="network id"></ot-hash></dd>
        </div>
      </dl>
    </section>`
  }

  #log() {
    const lines = this.node.log.toReversed()
    return html`<section class="card" aria-labelledby="log">
      <h2 id="log">Log</h2>
      ${
        lines.length === 0
          ? html`<p class="empty">Nothing yet. What the node does is told here.</p>`
          : html`<ul class="log" tabindex="0" aria-label="Log, newest first">
            ${lines.map(
              ({ time, level, source, message }) =>
                html`<li>
                  <span class="muted">${timeOfDay(time)}</span><span class="muted">${source}</span
                  ><span class=${`wrap ${level}`}>${message}</span>
                </li>`,
            )}
          </ul>`
      }
    </section>`
  }
}
customElements.define('ot-network', NetworkView)
