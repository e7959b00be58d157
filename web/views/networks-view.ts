/** `<ot-networks .node>`: this tab’s network and how to invite to it, a form that makes others, and those that this browser knows. Thread: Window. */
import { css, html, LitElement, nothing } from 'lit'
import { OWN_NETWORKS } from '../../src/consensus/params.ts'
import '../components/network-invitation.ts'
import '../components/network-mark.ts'
import '../components/network-rules.ts'
import { NodeController } from '../controllers/node-controller.ts'
import { invitationPath, MAX_INVITED_RELAYS, relayHost } from '../invitation.ts'
import type { LiveNode } from '../live-node.ts'
import { base } from '../styles/base.ts'
import './network-list.ts'
import './network-maker.ts'

export class NetworksView extends LitElement {
  static override properties = { node: { attribute: false }, carries: { state: true } }
  static override styles = [
    base,
    css`
      .invite {
        display: grid;
        gap: 18px;
      }
      .invite label {
        display: flex;
        gap: 10px;
        align-items: start;
      }
      .invite .hint {
        display: block;
        margin: 0;
        font-weight: 400;
      }
    `,
  ]
  declare node: LiveNode
  /** Whether the invitation carries this tab's relays. */
  declare carries: boolean

  constructor() {
    super()
    this.carries = false
    new NodeController(this, ['network'])
  }

  override render() {
    const { networkId, networkName, params } = this.node.identity
    return html`<div class="head"><h1 tabindex="-1">Networks</h1></div>
      <div class="stack">
        <section class="card invite" aria-labelledby="this">
          <h2 id="this">This tab’s network: ${networkName}</h2>
          <ot-network-mark .networkId=${networkId}></ot-network-mark>
          ${this.#invitation()}
          <details>
            <summary>Its rules</summary>
            <ot-network-rules .params=${params}></ot-network-rules>
          </details>
        </section>
        <ot-network-maker></ot-network-maker>
        <ot-network-list .current=${networkId}></ot-network-list>
      </div>`
  }

  #invitation() {
    const { params } = this.node.identity
    const relays = this.node.network.relays
      .filter(({ address, state }) => relayHost(address) !== undefined && state !== 'unreachable')
      .map(({ address }) => address)
      .slice(0, MAX_INVITED_RELAYS)
    const isAsked = !OWN_NETWORKS.includes(params) || (this.carries && relays.length > 0)
    return html`<p class="muted">Whoever opens this link ${isAsked ? 'is asked, and then joins' : 'joins'} this network.</p>
      ${
        relays.length === 0
          ? nothing
          : html`<label>
            <input
              type="checkbox"
              .checked=${this.carries}
              @change=${(event: Event) => {
                this.carries = (event.target as HTMLInputElement).checked
              }}
            />
            <span>
              Name this tab’s relays in it (${relays.map(relayHost).join(', ')})
              <span class="hint">For people who open this page from another server. They are asked before they use them.</span>
            </span>
          </label>`
      }
      <ot-network-invitation .path=${invitationPath(params, this.carries ? relays : [])}></ot-network-invitation>`
  }
}
customElements.define('ot-networks', NetworksView)
