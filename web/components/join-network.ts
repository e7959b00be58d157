/**
 * `<ot-join-network .invitation .isOwn>`: stands in the app's place until a person agrees to an invitation. It says whose rules these are, how they differ from
 * the public network's, and which relays come with it. Thread: Window.
 */
import { css, html, LitElement, nothing } from 'lit'
import { type Invitation, relayHost } from '../invitation.ts'
import { base } from '../styles/base.ts'
import { icons, mark } from './icons.ts'
import './network-mark.ts'
import './network-rules.ts'

export class JoinNetwork extends LitElement {
  static override properties = { invitation: { attribute: false }, isOwn: { attribute: false } }
  static override styles = [
    base,
    css`
      :host {
        padding: var(--gutter);
      }
      main {
        width: min(640px, 100%);
        margin: 4vh auto;
      }
      .mark svg {
        width: 40px;
        height: 40px;
        color: var(--accent);
      }
      .relays .notice {
        margin-top: 12px;
      }
      .relays label {
        display: flex;
        gap: 10px;
        align-items: start;
        margin: 12px 0 0;
      }
      .relays li {
        margin-top: 8px;
      }
      .relays .mono {
        color: var(--muted);
      }
    `,
  ]
  declare invitation: Invitation
  /** It names a network of this program: nothing is said of its rules. */
  declare isOwn: boolean
  /** Resolves when the person agrees, to the relays that may be used. Never, where they leave. */
  readonly answer: Promise<readonly string[]>
  #agree!: (relays: readonly string[]) => void
  #usesRelays = true

  constructor() {
    super()
    this.isOwn = false
    this.answer = new Promise((resolve) => {
      this.#agree = resolve
    })
  }

  override firstUpdated(): void {
    const { name } = this.invitation.params
    document.title = `Join ${name} · Opentab`
    this.renderRoot.querySelector('h1')?.focus()
  }

  override render() {
    const { params, networkId, relays } = this.invitation
    return html`<main class="card stack">
      <div class="mark">${mark}</div>
      ${
        this.isOwn
          ? html`<h1 tabindex="-1">Use the relays of this invitation?</h1>`
          : html`<h1 tabindex="-1">Join the network “${params.name}”?</h1>
            <ot-network-mark .networkId=${networkId}></ot-network-mark>
            <p>
              Whoever made this link made these rules; it is not the public network of Opentab. Its coins are others, and nothing that you
              have elsewhere can be spent on it. Whoever sent you the link sees the same picture and words if it is the same network.
            </p>
            <h2>What is different here</h2>
            <ot-network-rules .params=${params}></ot-network-rules>`
      }
      ${relays.length === 0 ? nothing : this.#relays(relays)}
      <div class="row">
        <button class="primary" @click=${() => this.#agree(this.#usesRelays ? relays : [])}>
          ${this.isOwn ? 'Go on' : 'Join'}
        </button>
        <a class="button quiet" href="/" target="_self">Open the public network instead</a>
      </div>
    </main>`
  }

  #relays(relays: readonly string[]) {
    return html`<section class="relays" aria-labelledby="relays">
      <h2 id="relays">Relays that come with it</h2>
      <div class="notice">
        ${icons.info}
        <div>
          <p>
            A relay introduces tabs to each other. Whoever runs it learns your internet address and when you are here; it sees neither payments nor
            keys.
          </p>
          <ul>
            ${relays.map(
              (relay) =>
                html`<li class="wrap"><strong>${relayHost(relay)}</strong><br /><span class="mono">${relay}</span></li>`,
            )}
          </ul>
        </div>
      </div>
      <label>
        <input
          type="checkbox"
          checked
          @change=${(event: Event) => {
            this.#usesRelays = (event.target as HTMLInputElement).checked
          }}
        />
        Use ${relays.length === 1 ? 'this relay' : 'these relays'}
      </label>
    </section>`
  }
}
customElements.define('ot-join-network', JoinNetwork)
