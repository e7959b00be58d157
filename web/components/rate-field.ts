/**
 * `<ot-rate label .value .needed .vsize .problem>`: a fee rate of one's own, with what it costs, and a warning, while it is typed, where it is far above
 * what is needed. Fires `change`. Thread: Window.
 */
import { html, LitElement, nothing } from 'lit'
import { sats } from '../../src/primitives/amount.ts'
import { amountWithUnit, countText, feeRateText } from '../format.ts'
import { readFeeRate } from '../payment.ts'
import { base } from '../styles/base.ts'

/** Virtual bytes of a payment that spends one coin and has change: one key-path input, two P2TR outputs. */
const USUAL_VSIZE = 154

/** Rates from which on one is warned: satoshis per virtual byte, and multiples of what is needed. */
const HIGH_RATE = 100
const HIGH_MULTIPLE = 20

export class RateField extends LitElement {
  static override properties = {
    label: {},
    value: {},
    needed: { type: Number },
    vsize: { type: Number },
    problem: {},
  }
  static override shadowRootOptions = { ...LitElement.shadowRootOptions, delegatesFocus: true }
  static override styles = base
  declare label: string
  /** As typed. */
  declare value: string
  /** What the fastest payment needs now, satoshis per virtual byte. */
  declare needed: number
  /** Virtual bytes of the payment, where it is known. */
  declare vsize: number | undefined
  /** What is wrong with it, a sentence. */
  declare problem: string | undefined

  constructor() {
    super()
    this.label = 'Fee rate, sat/vB'
    this.value = ''
    this.needed = 1
  }

  override render() {
    return html`<div class="field">
      <label for="rate">${this.label}</label>
      <input
        id="rate"
        inputmode="decimal"
        autocomplete="off"
        .value=${this.value}
        aria-invalid=${this.problem ? 'true' : 'false'}
        aria-describedby="rate-about"
        @input=${(event: Event) => {
          this.value = (event.target as HTMLInputElement).value
          this.dispatchEvent(new Event('change'))
        }}
        @keydown=${(event: KeyboardEvent) => {
          // The form lies in another tree and isn't told by the browser.
          if (event.key === 'Enter') this.dispatchEvent(new Event('submit'))
        }}
      />
      <div id="rate-about" aria-live="polite">${this.#about()}</div>
    </div>`
  }

  #about() {
    if (this.problem) return html`<p class="error">${this.problem}</p>`
    const rate = readFeeRate(this.value, 0).value
    const cost = rate === undefined ? '' : costText(rate, this.vsize)
    const payment = this.vsize === undefined ? 'a usual payment' : 'this payment'
    if (rate !== undefined && rate >= HIGH_RATE && rate >= HIGH_MULTIPLE * this.needed)
      return html`<p class="error">
        ${feeRateText(rate)} is ${countText(rate / this.needed)} times what is needed now: ${cost} for ${payment}.
      </p>`
    return html`<p class="hint">
      Satoshis (${amountWithUnit(sats(1))}) for each virtual byte of the transaction${cost === '' ? nothing : `: ${cost}`}.
    </p>`
  }
}

/** What a payment costs at a rate: a usual one where its virtual bytes aren't known. */
export function costText(rate: number, vsize = USUAL_VSIZE): string {
  return `≈\u00a0${amountWithUnit(sats(Math.ceil(rate * vsize)))}`
}
customElements.define('ot-rate', RateField)
