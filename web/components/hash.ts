/**
 * `<ot-hash .value path="/tx/…">`: a hash, address or id shortened in the middle, of a multiaddr the peer id alone, with its full text on hover and for assistive
 * technology, and a button that copies it. Thread: Window.
 */
import { css, html, LitElement, nothing } from 'lit'
import { shortened } from '../format.ts'
import { base } from '../styles/base.ts'
import './copy-button.ts'

export class HashText extends LitElement {
  static override properties = {
    value: {},
    path: {},
    what: {},
    full: { type: Boolean },
    plain: { type: Boolean },
  }
  static override styles = [
    base,
    css`
      :host {
        display: inline-flex;
        align-items: center;
        gap: 2px;
        max-width: 100%;
        vertical-align: middle;
      }
      .text {
        min-width: 0;
        font-family: var(--mono);
        font-size: 0.92em;
        overflow-wrap: break-word;
      }
      :host([full]) .text {
        overflow-wrap: anywhere;
      }
    `,
  ]
  declare value: string
  /** Where it leads; no link without. */
  declare path: string | undefined
  /** What it is, for the names of link and button: `transaction id`. */
  declare what: string
  /** Shows all of it, on as many lines as it takes. */
  declare full: boolean
  /** Leaves out the copy button, where one row has many. */
  declare plain: boolean

  constructor() {
    super()
    this.value = ''
    this.what = 'hash'
    this.full = false
    this.plain = false
  }

  override render() {
    // The zeros of a block hash's proof of work tell nothing: its end tells it apart.
    const text = this.full
      ? this.value
      : /^0{6}/.test(this.value)
        ? `${this.value.slice(0, 4)}…${this.value.slice(-8)}`
        : this.value.replace(/[^/]*$/, (last) => shortened(last))
    const shown = this.path
      ? html`<a class="text" href=${this.path} title=${this.value}>${text}</a>`
      : html`<span class="text" title=${this.value}>${text}</span>`
    return html`${shown}${
      this.plain ? nothing : html`<ot-copy .text=${this.value} label=${`Copy the ${this.what}`}></ot-copy>`
    }`
  }
}
customElements.define('ot-hash', HashText)
