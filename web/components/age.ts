/** `<ot-age .time>`: how long ago something was, counting on by itself. `time` is in seconds since 1970. Thread: Window. */
import { css, html, LitElement } from 'lit'
import { ageText, dateText } from '../format.ts'
import { base } from '../styles/base.ts'

const shown = new Set<Age>()
let ticking: ReturnType<typeof setInterval> | undefined

export class Age extends LitElement {
  static override properties = { time: { type: Number } }
  static override styles = [base, css`:host { display: inline; white-space: nowrap; }`]
  declare time: number

  constructor() {
    super()
    this.time = 0
  }

  override connectedCallback(): void {
    super.connectedCallback()
    shown.add(this)
    // One clock for all of them.
    ticking ??= setInterval(() => {
      for (const age of shown) age.requestUpdate()
    }, 1000)
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback()
    shown.delete(this)
    if (shown.size > 0) return
    clearInterval(ticking)
    ticking = undefined
  }

  override render() {
    const seconds = Date.now() / 1000 - this.time
    return html`<time datetime=${new Date(this.time * 1000).toISOString()} title=${dateText(this.time)}
      >${ageText(seconds)}</time
    >`
  }
}
customElements.define('ot-age', Age)
