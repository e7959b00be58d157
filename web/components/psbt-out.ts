/** `<ot-psbt-out label .psbt>`: a PSBT to be taken elsewhere, as text or file. Thread: Window. */
import { css, html, LitElement } from 'lit'
import { download, today } from '../files.ts'
import { base } from '../styles/base.ts'
import './copy-button.ts'

export class PsbtOut extends LitElement {
  static override properties = { label: {}, psbt: {} }
  static override styles = [
    base,
    css`
      :host {
        display: grid;
        gap: 12px;
      }
      textarea {
        font-family: var(--mono);
        font-size: 13px;
        overflow-wrap: anywhere;
      }
    `,
  ]
  declare label: string
  /** Base64. */
  declare psbt: string

  override render() {
    return html`<textarea rows="4" readonly aria-label=${this.label} data-testid="psbt" .value=${this.psbt}></textarea>
      <div class="row">
        <ot-copy wide .text=${this.psbt} label="Copy the PSBT"></ot-copy>
        <button type="button" @click=${() => this.#save()}>Save as a file</button>
      </div>`
  }

  #save(): void {
    const bytes = Uint8Array.from(atob(this.psbt), (char) => char.charCodeAt(0))
    download(`opentab-payment-${today()}.psbt`, bytes, 'application/octet-stream')
  }
}
customElements.define('ot-psbt-out', PsbtOut)
