/** `<ot-qr .text label="…">`: a QR code as SVG, dark on white in both themes, since many readers refuse inverted ones. Thread: Window. */
import { css, html, LitElement } from 'lit'
import { encode } from 'uqr'
import { base } from '../styles/base.ts'

export class QrCode extends LitElement {
  static override properties = { text: {}, label: {} }
  static override styles = [
    base,
    css`
      :host {
        padding: 14px;
        border-radius: 12px;
        background: #fff;
      }
      svg {
        width: 100%;
        height: auto;
      }
    `,
  ]
  declare text: string
  declare label: string

  constructor() {
    super()
    this.text = ''
    this.label = 'QR code'
  }

  override render() {
    const { data, size } = encode(this.text, { ecc: 'M', border: 0 })
    const path = data.flatMap((row, y) => row.map((dark, x) => (dark ? `M${x} ${y}h1v1h-1z` : ''))).join('')
    return html`<svg
      viewBox=${`0 0 ${size} ${size}`}
      role="img"
      aria-label=${this.label}
      shape-rendering="crispEdges"
    >
      <path d=${path} fill="#0d1110" />
    </svg>`
  }
}
customElements.define('ot-qr', QrCode)
