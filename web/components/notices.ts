/**
 * `<ot-notices .opentab>`: short messages that go away by themselves or at a tap, read out by assistive technology: those of views, and news of the
 * node. It comes with the views that have something to say. Thread: Window.
 */
import { css, html, LitElement } from 'lit'
import { repeat } from 'lit/directives/repeat.js'
import { announce } from '../announcements.ts'
import { base } from '../styles/base.ts'
import type { Opentab } from '../tab/opentab.ts'
import { icons } from './icons.ts'

/** Milliseconds for which a message stays, and how many are shown at once. */
const SHOWN = 5000
const MOST = 3

interface Message {
  readonly id: number
  readonly key: string | undefined
  readonly count: number
  readonly text: string
}

export class Notices extends LitElement {
  static override properties = { opentab: { attribute: false }, messages: { state: true } }
  static override styles = [
    base,
    css`
      :host {
        position: fixed;
        z-index: 5;
        /* In the middle: what stands in the rows of a list stands at its ends. */
        inset: auto 16px 20px;
        pointer-events: none;
      }
      .messages {
        display: grid;
        gap: 8px;
        justify-items: center;
      }
      .message {
        display: flex;
        justify-content: start;
        gap: 10px;
        max-width: min(380px, calc(100vw - 32px));
        padding: 12px 18px 12px 14px;
        border-color: transparent;
        border-radius: 12px;
        background: var(--text);
        color: var(--bg);
        font-size: 14px;
        font-weight: 500;
        text-align: left;
        box-shadow: 0 8px 28px rgb(0 0 0 / 0.22);
        pointer-events: auto;
        animation: rise 180ms ease-out;
      }
      .message:hover {
        background: var(--text);
      }
      @keyframes rise {
        from {
          opacity: 0;
          transform: translateY(8px);
        }
      }
      @media (max-width: 960px) {
        :host {
          bottom: calc(74px + env(safe-area-inset-bottom));
        }
        /* Little may lie over a phone's page. */
        .message {
          padding: 8px 14px 8px 10px;
        }
        .messages > :not(:last-child) {
          display: none;
        }
      }
    `,
  ]
  /** Whose news are told. */
  declare opentab: Opentab
  declare messages: readonly Message[]
  #next = 0

  constructor() {
    super()
    this.messages = []
  }

  override firstUpdated(): void {
    announce(this.opentab, (...message) => this.show(...message))
  }

  /** Shows a message. One with the same key that is still there is replaced: `text` gets how many of them there were, this one included. */
  show(text: string | ((count: number) => string), key?: string): void {
    const id = this.#next++
    const before = key === undefined ? undefined : this.messages.find((message) => message.key === key)
    const count = (before?.count ?? 0) + 1
    const message = { id, key, count, text: typeof text === 'string' ? text : text(count) }
    this.messages = [...this.messages.filter((other) => other !== before), message].slice(-MOST)
    setTimeout(() => this.#dismiss(id), SHOWN)
  }

  #dismiss(id: number): void {
    this.messages = this.messages.filter((other) => other.id !== id)
  }

  override render() {
    return html`<div class="messages" role="status" aria-live="polite">
      ${repeat(
        this.messages,
        ({ id, key }) => key ?? id,
        ({ id, text }) =>
          html`<button class="message" title="Dismiss" @click=${() => this.#dismiss(id)}>${icons.check}${text}</button>`,
      )}
    </div>`
  }
}
customElements.define('ot-notices', Notices)
