/** `<ot-network .node>`: the tabs this one talks to, the relays that introduce them, and the log. Thread: Window. */
import { css, html, LitElement, nothing } from 'lit'
import { repeat } from 'lit/directives/repeat.js'
import type { RelayInfo } from '../../src/protocol/transport.ts'
import '../components/age.ts'
import { figure } from '../components/amount.ts'
import '../components/hash.ts'
import { icons } from '../components/icons.ts'
import { NodeController } from '../controllers/node-controller.ts'
import { RpcController } from '../controllers/rpc-controller.ts'
import { bytesText, plural, timeOfDay } from '../format.ts'
import type { LiveNode } from '../live-node.ts'
import { newTabUrl } from '../router.ts'
import type { PeerResult } from '../rpc-results.ts'
import { base } from '../styles/base.ts'

/** What a relay's state means to people. */
const RELAY_STATES: Readonly<Record<RelayInfo['state'], { text: string; look: string }>> = {
  reserved: { text: 'Introduces this tab to others', look: 'good' },
  connected: { text: 'Connected, asking for introductions', look: 'warn' },
  connecting: { text: 'Connecting…', look: '' },
  unreachable: { text: 'Not reachable: tabs that have met stay connected', look: 'bad' },
}

export class NetworkView extends LitElement {
  static override properties = { node: { attribute: false } }
  static override styles = [
    base,
    css`
      section h2 {
        margin-bottom: 8px;
      }
      .relays li {
        display: flex;
        flex-wrap: wrap;
        justify-content: space-between;
        gap: 6px 16px;
        padding: 10px 0;
        border-top: 1px solid var(--line);
      }
      .relays li:first-child {
        border-top: 0;
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
  readonly #peers: RpcController<PeerResult[]> = new RpcController(this, {
    events: ['peer', 'network'],
    load: (node) => node.rpc<PeerResult[]>('getpeerinfo'),
  })

  constructor() {
    super()
    new NodeController(this, ['network', 'log'])
  }

  override render() {
    return html`<div class="head"><h1 tabindex="-1">Network</h1></div>
      <div class="stack">${this.#fault()}${this.#peerTable()}${this.#relays()}${this.#self()}${this.#log()}</div>`
  }

  #fault() {
    const { relayedOnlyPeers, directPeers } = this.node.network
    if (relayedOnlyPeers === 0) return nothing
    return html`<div class=${`notice ${directPeers === 0 ? 'bad' : 'warn'}`} role="alert">
      ${icons.warning}
      <div>
        <strong>Only relayed: no direct path to ${plural(relayedOnlyPeers, 'tab')}.</strong>
        ${
          directPeers === 0
            ? 'This tab is cut off: a firewall or the Wi-Fi keeps devices apart. Join another network, or allow UDP between devices.'
            : 'Blocks and payments still reach this tab by the others.'
        }
      </div>
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
                  <th scope="col" class="end">Since</th>
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
    return html`<tr>
      <td><ot-hash .value=${String(peer.peerid ?? peer.id)} what="peer id"></ot-hash></td>
      <td class="wide-only">${peer.inbound ? 'They called us' : 'We called them'}</td>
      <td class="end">${peer.pingtime === undefined ? unknown : figure(`${Math.max(1, Math.round(peer.pingtime * 1000))} ms`)}</td>
      <td class="end wide-only">${peer.bytesrecv === undefined ? unknown : figure(bytesText(peer.bytesrecv))}</td>
      <td class="end wide-only">${peer.bytessent === undefined ? unknown : figure(bytesText(peer.bytessent))}</td>
      <td class="end muted"><ot-age .time=${peer.conntime}></ot-age></td>
    </tr>`
  }

  #relays() {
    const { relays } = this.node.network
    return html`<section class="card" aria-labelledby="relays">
      <h2 id="relays">Relays</h2>
      <p class="hint">They introduce tabs to each other and see neither blocks nor payments. Once tabs have met, they do without.</p>
      ${
        relays.length === 0
          ? html`<p class="empty">No relay is known: new tabs find this one through the tabs it has met.</p>`
          : html`<ul class="relays">
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
    return html`<section class="card" aria-labelledby="self">
      <h2 id="self">This tab</h2>
      <dl class="facts">
        <div>
          <dt>Peer id</dt>
          <dd><ot-hash .value=${peerId} what="peer id"></ot-hash></dd>
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
