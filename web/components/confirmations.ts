/**
 * `<ot-confirmations .count>`: how settled a transaction is, in six steps: a payment counts as confirmed at six blocks. States other
 * than counting are given by `state`. Thread: Window.
 */
import { css, html, LitElement, svg } from 'lit'
import { countText, plural } from '../format.ts'
import type { Payment } from '../history.ts'
import { base } from '../styles/base.ts'

/** Blocks after which a payment counts as confirmed. */
export const CONFIRMED = 6

/** What became of what will not be confirmed. */
const UNDONE = { abandoned: 'Given up', replaced: 'Replaced', orphaned: 'Not in the chain' } as const

/** What the badge of a payment says. */
export function badgeOf({ state, immature }: Pick<Payment, 'state' | 'immature'>): Confirmations['state'] {
  if (state === 'abandoned' || state === 'replaced' || state === 'orphaned') return state
  return immature ? 'maturing' : 'counting'
}

export class Confirmations extends LitElement {
  static override properties = { count: { type: Number }, of: { type: Number }, state: {} }
  static override styles = [
    base,
    css`
      :host {
        display: inline-block;
        white-space: nowrap;
      }
      .badge {
        font-variant-numeric: tabular-nums;
      }
      rect {
        fill: currentColor;
        opacity: 0.25;
      }
      rect.on {
        opacity: 1;
      }
    `,
  ]
  /** Blocks on top of it and its own; 0 while it waits, negative when a confirmed transaction conflicts. */
  declare count: number
  /** Blocks that it takes: 6 unless given, such as a coinbase's maturity. */
  declare of: number | undefined
  declare state: 'counting' | 'maturing' | 'abandoned' | 'replaced' | 'orphaned'

  constructor() {
    super()
    this.count = 0
    this.state = 'counting'
  }

  override render() {
    const of = this.of ?? CONFIRMED
    const undone = UNDONE[this.state as keyof typeof UNDONE]
    if (undone) return html`<span class="badge">${undone}</span>`
    if (this.count < 0) return html`<span class="badge bad">Conflicted</span>`
    if (this.count === 0) return html`<span class="badge warn">Unconfirmed</span>`
    if (this.count >= of && this.state === 'counting')
      return html`<span class="badge good" title=${`${countText(this.count)} confirmations`}
        >${this.#steps(of)} ${this.count === of ? countText(of) : `${countText(of)}+`} confirmations</span
      >`
    const left = of - this.count
    const text =
      this.state === 'maturing'
        ? `Spendable in ${plural(Math.max(left, 1), 'block')}`
        : `${countText(this.count)} of ${countText(of)} confirmations`
    return html`<span class="badge good">${this.#steps(of)} ${text}</span>`
  }

  #steps(of: number) {
    const filled = Math.floor((CONFIRMED * Math.min(this.count, of)) / of)
    const step = (at: number) =>
      svg`<rect class=${at < filled ? 'on' : ''} x=${at * 4} y="0" width="2.6" height="10" rx="1.3" />`
    return html`<svg width="23" height="10" viewBox="0 0 23 10" aria-hidden="true">
      ${Array.from({ length: CONFIRMED }, (_, at) => step(at))}
    </svg>`
  }
}
customElements.define('ot-confirmations', Confirmations)
