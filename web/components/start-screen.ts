/** `<ot-start-screen .step .failure>`: what is shown until the tab runs, and why it can't. Thread: Window. */
import { css, html, LitElement, nothing } from 'lit'
import { sentence } from '../live-node.ts'
import { newTabUrl } from '../router.ts'
import { base } from '../styles/base.ts'
import { TabError, type TabErrorKind } from '../tab/tab-error.ts'
import { mark } from './icons.ts'

/** What is under way, by the steps that `startTab` tells. */
const STEPS: Readonly<Record<string, string>> = {
  page: 'Loading…',
  profile: 'Finding this tab’s profile…',
  keys: 'Opening the wallet…',
  chain: 'Reading the chain…',
}

const TITLES = {
  unsupported: 'This browser can’t run a node',
  network: 'The address is not right',
  profile: 'The address is not right',
  failed: 'The tab could not start',
} as const

export class StartScreen extends LitElement {
  static override properties = { step: {}, failure: { attribute: false } }
  static override styles = [
    base,
    css`
      :host {
        display: grid;
        place-items: center;
        min-height: 100dvh;
        padding: var(--gutter);
      }
      .box {
        width: min(480px, 100%);
        text-align: center;
      }
      .box > * + * {
        margin-top: 16px;
      }
      .mark svg {
        width: 56px;
        height: 56px;
        margin: 0 auto;
        color: var(--accent);
      }
      progress {
        width: 160px;
        height: 4px;
      }
      ul {
        padding: 14px 18px;
        border-radius: var(--radius-small);
        background: var(--sunken);
        text-align: left;
      }
      li + li {
        margin-top: 8px;
      }
      .row {
        justify-content: center;
      }
    `,
  ]
  declare step: string
  declare failure: unknown

  constructor() {
    super()
    this.step = 'page'
  }

  override render() {
    return html`<main class="box">
      <div class="mark">${mark}</div>
      ${this.failure === undefined ? this.#starting() : this.#failed(this.failure)}
    </main>`
  }

  #starting() {
    return html`<h1>Opentab</h1>
      <p>A Bitcoin-style network whose nodes are browser tabs.</p>
      <p class="muted" role="status">${STEPS[this.step] ?? STEPS.page}</p>
      <progress aria-label="Starting"></progress>`
  }

  #failed(failure: unknown) {
    const kind = failure instanceof TabError ? failure.kind : 'failed'
    const missing = failure instanceof TabError ? failure.missing : []
    return html`<h1>${TITLES[kind]}</h1>
      <p class="wrap" role="alert">${sentence(failure)}</p>
      ${missing.length > 0 ? html`<ul aria-label="What is missing">${missing.map((name) => html`<li>${name}</li>`)}</ul>` : nothing}
      ${kind === 'unsupported' ? nothing : this.#wayOut(kind)}`
  }

  /** By targets of their own: the page follows other links by itself and keeps the query, which is what is wrong. */
  #wayOut(kind: TabErrorKind) {
    const isNamed = new URLSearchParams(location.search).has('profile')
    return html`<div class="row">
      <button class="primary" @click=${() => location.reload()}>Try again</button>
      ${
        kind === 'network'
          ? html`<a class="button" href="/" target="_self">Open the public network</a>`
          : isNamed
            ? html`<a class="button" href=${newTabUrl()} target="_self">Open another profile</a>`
            : nothing
      }
    </div>`
  }
}
customElements.define('ot-start-screen', StartScreen)
