/** `<ot-network-invitation .path>`: the link of a network, to be copied or photographed. Thread: Window. */
import { css, html, LitElement } from 'lit'
import { base } from '../styles/base.ts'
import './copy-button.ts'
import './qr-code.ts'

export class NetworkInvitation extends LitElement {
  static override properties = { path: {} }
  static override styles = [
    base,
    css`
      :host {
        display: grid;
        gap: 16px;
      }
      .line {
        display: flex;
        gap: 8px;
        align-items: center;
      }
      .line input {
        flex: 1;
        min-width: 0;
      }
      ot-qr {
        width: min(260px, 100%);
      }
    `,
  ]
  /** Path and query, see `invitationPath`. */
  declare path: string

  override render() {
    const link = location.origin + this.path
    return html`<div class="field">
        <label for="link">Link</label>
        <div class="line">
          <input id="link" class="mono" readonly .value=${link} @focus=${select} />
          <ot-copy .text=${link} .label=${'Copy the link'}></ot-copy>
        </div>
      </div>
      <ot-qr .text=${link} .label=${'QR code of the link'}></ot-qr>`
  }
}

function select(event: FocusEvent): void {
  ;(event.target as HTMLInputElement).select()
}
customElements.define('ot-network-invitation', NetworkInvitation)
