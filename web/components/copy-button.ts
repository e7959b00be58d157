/** `<ot-copy .text label="Copy the address">`: copies a text and says that it did. Thread: Window. */
import { html, LitElement } from 'lit'
import { base } from '../styles/base.ts'
import { icons } from './view-icons.ts'

/** Milliseconds for which the check mark stays. */
const SHOWN = 1600

export class CopyButton extends LitElement {
  static override properties = { text: {}, label: {}, wide: { type: Boolean }, done: { state: true } }
  static override styles = [base]
  /** What is copied. */
  declare text: string
  /** What the button is called. */
  declare label: string
  /** Shows the label instead of the icon alone. */
  declare wide: boolean
  declare done: 'copied' | 'refused' | undefined

  constructor() {
    super()
    this.text = ''
    this.label = 'Copy'
    this.wide = false
  }

  async #copy(): Promise<void> {
    try {
      await navigator.clipboard.writeText(this.text)
      this.done = 'copied'
    } catch {
      this.done = 'refused'
    }
    setTimeout(() => {
      this.done = undefined
    }, SHOWN)
  }

  override render() {
    const icon = this.done === 'copied' ? icons.check : icons.copy
    const said =
      this.done === 'copied' ? 'Copied' : this.done === 'refused' ? 'The browser refused to copy' : ''
    return html`<button
        type="button"
        class=${this.wide ? '' : 'icon'}
        aria-label=${this.label}
        title=${this.label}
        @click=${this.#copy}
      >
        ${icon}${this.wide ? said || this.label : ''}</button
      ><span class="visually-hidden" role="status">${said}</span>`
  }
}
customElements.define('ot-copy', CopyButton)
