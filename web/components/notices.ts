/** `<ot-notices>`: short messages that go away by themselves, read out by assistive technology. Thread: Window. */
import { css, html, LitElement } from 'lit'
import { repeat } from 'lit/directives/repeat.js'
import { base } from '../styles/base.ts'
import { icons } from './icons.ts'

/** Milliseconds for which a message stays, and how many are shown at once. */
const SHOWN = 6000
const MOST = 3

export class Notices extends LitElement {
  static override properties = { messages: { state: true } }
  static override styles = [
    base,
    css`
      :host {
        position: fixed;
        z-index: 5;
        right: 20px;
        bottom: 20px;
        display: grid;
        gap: 8px;
        justify-items: end;
        pointer-events: none;
      }
      .message {
        display: flex;
        gap: 10px;
        align-items: center;
        max-width: min(380px, calc(100vw - 32px));
        padding: 12px 18px 12px 14px;
        border-radius: 12px;
        background: var(--text);
        color: var(--bg);
        font-size: 14px;
        font-weight: 500;
        box-shadow: 0 8px 28px rgb(0 0 0 / 0.22);
        animation: rise 180ms ease-out;
      }
      @keyframes rise {
        from {
          opacity: 0;
          transform: translateY(8px);
        }
      }
      @media (max-width: 760px) {
        :host {
          right: 16px;
          bottom: 84px;
        }
      }
    `,
  ]
  declare messages: readonly { readonly id: number; readonly text: string }[]
  #next = 0

  constructor() {
    super()
    this.messages = []
  }

  show(text: string): void {
    const id = this.#next++
    this.messages = [...this.messages, { id, text }].slice(-MOST)
    setTimeout(() => {
      this.messages = this.messages.filter((message) => message.id !== id)
    }, SHOWN)
  }

  override render() {
    return html`<div role="status" aria-live="polite">
      ${repeat(
        this.messages,
        ({ id }) => id,
        ({ text }) => html`<p class="message">${icons.check}${text}</p>`,
      )}
    </div>`
  }
}
customElements.define('ot-notices', Notices)
