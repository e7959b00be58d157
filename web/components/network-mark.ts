/** `<ot-network-mark .networkId>`: a network's picture and short name, by which people compare. The whole hash is its title. Thread: Window. */
import { css, html, LitElement, svg } from 'lit'
import { networkNickname, networkPicture, PICTURE_SIZE } from '../network-name.ts'
import { base } from '../styles/base.ts'

export class NetworkMark extends LitElement {
  static override properties = { networkId: {} }
  static override styles = [
    base,
    css`
      :host {
        display: flex;
        align-items: center;
        gap: 14px;
      }
      /* Light in both themes, so that the picture is the same. */
      svg {
        width: 56px;
        height: 56px;
        border-radius: var(--radius-small);
        background: #fff;
      }
      span {
        min-width: 0;
        font-weight: 560;
        overflow-wrap: anywhere;
      }
    `,
  ]
  /** Genesis hash, display order. */
  declare networkId: string

  override render() {
    const name = networkNickname(this.networkId)
    const { hue, cells } = networkPicture(this.networkId)
    return html`<svg viewBox="-1 -1 7 7" aria-hidden="true" shape-rendering="crispEdges">
        ${cells.map((isFilled, at) =>
          isFilled
            ? svg`<rect width="1" height="1" x=${at % PICTURE_SIZE} y=${Math.floor(at / PICTURE_SIZE)} fill=${`hsl(${hue} 70% 36%)`} />`
            : '',
        )}
      </svg>
      <span title=${this.networkId}>${name}</span>`
  }
}
customElements.define('ot-network-mark', NetworkMark)
