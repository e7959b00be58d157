/**
 * `<ot-warnings .node>`: what is wrong with this tab's place in the network, if anything: cut off, alone, attacked, with a wrong clock or on a
 * chain of its own; each with what is kept and what to do. With `chain`, only what makes mining vain. Thread: Window.
 */
import { css, html, LitElement, nothing, type TemplateResult } from 'lit'
import { repeat } from 'lit/directives/repeat.js'
import type { NetworkStatus } from '../../src/network/transport.ts'
import { NodeController } from '../controllers/node-controller.ts'
import { plural } from '../format.ts'
import type { LiveNode } from '../live-node.ts'
import { base } from '../styles/base.ts'
import './age.ts'
import { icons } from './icons.ts'

/** Alarms that are about this tab's chain. */
const OF_CHAIN: readonly string[] = ['clock', 'unfollowed']

/** The share of the browser's connections from which on a tab should be opened anew. */
const NEARLY_USED_UP = 0.9

/** Milliseconds without a relay that are worth a word: most come back sooner. */
const RELAYS_GONE = 30_000

/** Whether no other tab is connected and nobody is there who could introduce one. */
export function isAlone({ directPeers, relayedOnlyPeers, relays }: NetworkStatus): boolean {
  return directPeers + relayedOnlyPeers === 0 && relays.every(({ state }) => state === 'unreachable')
}

export class Warnings extends LitElement {
  static override properties = { node: { attribute: false }, chain: { type: Boolean } }
  static override styles = [
    base,
    css`
      :host {
        display: grid;
        gap: 10px;
      }
      :host(:not([shown])) {
        display: none;
      }
      .since {
        white-space: nowrap;
      }
    `,
  ]
  declare node: LiveNode
  declare chain: boolean

  constructor() {
    super()
    this.chain = false
    // Peers tell of their latency now and then: time passes without other events.
    new NodeController(this, ['network', 'mining', 'peer'])
  }

  override render() {
    const notices = [...this.#cutOff(), ...this.#alarms()]
    // Nothing takes no room, not even the gap of whatever holds this.
    this.toggleAttribute('shown', notices.length > 0)
    return notices
  }

  *#cutOff(): Generator<TemplateResult> {
    const { network } = this.node
    const { relayedOnlyPeers, directPeers, connectionsUsed = 0 } = network
    if (isAlone(network))
      yield notice(
        'warn',
        html`<strong>This tab is alone: it is connected to no other, and no relay can be reached.</strong>
          Its chain and wallet are kept and go on working here; what it pays or mines reaches nobody until it meets another tab, and may
          then not last. It goes on trying by itself. Look whether this device is online and the server of this page runs, and leave this
          tab open: opening it anew needs that server.`,
      )
    const { relaysGoneAt = Number.POSITIVE_INFINITY } = this.node
    if (directPeers > 0 && !this.chain && Date.now() - relaysGoneAt > RELAYS_GONE)
      yield html`<div class="notice" role="status">${icons.info}<div>
        No relay is reachable: tabs that have met stay connected, new ones can’t join. This tab goes on trying; opening it anew may
        need the server of this page.
      </div></div>`
    if (relayedOnlyPeers > 0 && !this.chain)
      yield notice(
        directPeers === 0 ? 'bad' : 'warn',
        html`<strong>Only relayed: no direct path to ${plural(relayedOnlyPeers, 'tab')}.</strong>
          ${
            directPeers === 0
              ? 'This tab is cut off: a firewall or the Wi-Fi keeps devices apart. Join another network, or allow UDP between devices.'
              : 'Blocks and payments still reach this tab by the others.'
          }`,
      )
    if (connectionsUsed >= NEARLY_USED_UP && !this.chain)
      yield notice(
        'warn',
        html`<strong>Soon this tab can meet nobody new.</strong> It has used up
          ${Math.round(connectionsUsed * 100)} % of the connections that the browser grants a tab. What is connected stays, and nothing is
          lost: close this tab and open the page in a new one. A reload is not enough.`,
      )
  }

  #alarms(): readonly unknown[] {
    const { network, mining } = this.node
    const alarms = (network.alarms ?? []).filter(
      // What the miner itself says already isn't said twice.
      ({ code, sentence }) => !this.chain || (OF_CHAIN.includes(code) && !mining.pause?.includes(sentence)),
    )
    if (alarms.length === 0) return []
    return [
      repeat(
        alarms,
        ({ code }) => code,
        ({ code, sentence, since }) =>
          notice(
            OF_CHAIN.includes(code) ? 'bad' : 'warn',
            html`${sentence}
            ${since > 0 ? html`<span class="since">Since <ot-age .time=${since / 1000}></ot-age>.</span>` : nothing}`,
          ),
      ),
    ]
  }
}

function notice(look: 'warn' | 'bad', text: TemplateResult): TemplateResult {
  return html`<div class=${`notice ${look}`} role="alert">${icons.warning}<div>${text}</div></div>`
}
customElements.define('ot-warnings', Warnings)
