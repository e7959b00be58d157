/** `<ot-spark-line .values label="…">`: a small chart of the latest values, scaled to the greatest. Thread: Window. */
import { css, html, LitElement } from 'lit'
import { base } from '../styles/base.ts'

const WIDTH = 240
const HEIGHT = 48

export class SparkLine extends LitElement {
  static override properties = { values: { attribute: false }, label: {} }
  static override styles = [
    base,
    css`
      svg {
        width: 100%;
        height: 64px;
        overflow: visible;
      }
      .line {
        fill: none;
        stroke: var(--accent);
        stroke-width: 2;
        vector-effect: non-scaling-stroke;
        stroke-linejoin: round;
      }
      .area {
        fill: var(--accent);
        opacity: 0.1;
      }
      .ground {
        stroke: var(--line);
        vector-effect: non-scaling-stroke;
      }
    `,
  ]
  /** Oldest first. */
  declare values: readonly number[]
  declare label: string

  constructor() {
    super()
    this.values = []
    this.label = ''
  }

  override render() {
    const most = Math.max(...this.values, 1)
    const step = WIDTH / Math.max(this.values.length - 1, 1)
    const points = this.values.map(
      (value, at) => `${(at * step).toFixed(1)},${(HEIGHT - (value / most) * HEIGHT).toFixed(1)}`,
    )
    const area = points.length > 1 ? `M0,${HEIGHT} L${points.join(' ')} ${WIDTH},${HEIGHT}Z` : ''
    return html`<svg viewBox=${`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" role="img" aria-label=${this.label}>
      <path class="ground" d=${`M0,${HEIGHT}H${WIDTH}`} />
      <path class="area" d=${area} />
      <polyline class="line" points=${points.join(' ')} />
    </svg>`
  }
}
customElements.define('ot-spark-line', SparkLine)
