/**
 * `<ot-fee-picker .node>`: how fast a payment shall be mined, and at what rate: three choices from the node's estimates, or one's own.
 * Thread: Window.
 */
import { css, html, LitElement, nothing } from 'lit'
import { sats } from '../../src/primitives/amount.ts'
import { RpcController } from '../controllers/rpc-controller.ts'
import { amountWithUnit, countText, durationText, feeRateText, plural } from '../format.ts'
import type { LiveNode } from '../live-node.ts'
import {
  FEE_TARGETS,
  type FeeChoice,
  type FeeSpeed,
  feeChoices,
  readFeeRate,
  satsPerVbyte,
} from '../payment.ts'
import { base } from '../styles/base.ts'
import { choiceStyles } from './choice-styles.ts'

const NAMES: Readonly<Record<FeeSpeed, string>> = { slow: 'Slow', normal: 'Normal', fast: 'Fast' }

/** Virtual bytes of a payment that spends one coin and has change: one key-path input, two P2TR outputs. */
const USUAL_VSIZE = 154

/** Rates from which on one is asked twice: satoshis per virtual byte, and multiples of the dearest on offer. */
const HIGH_RATE = 100
const HIGH_MULTIPLE = 20

interface Offer {
  readonly choices: readonly FeeChoice[]
  /** Least rate that is forwarded, satoshis per virtual byte. */
  readonly minimum: number
}

export class FeePicker extends LitElement {
  static override properties = {
    node: { attribute: false },
    speed: { state: true },
    typed: { state: true },
    problem: { state: true },
  }
  static override styles = [
    base,
    choiceStyles,
    css`
      .choices {
        grid-template-columns: repeat(auto-fit, minmax(130px, 1fr));
      }
      .custom {
        margin-top: 12px;
      }
    `,
  ]
  declare node: LiveNode
  declare speed: FeeSpeed | 'custom'
  /** The rate of one's own. */
  declare typed: string
  declare problem: string | undefined
  /** The high rate that was asked about. */
  #questioned: number | undefined
  readonly #offer: RpcController<Offer> = new RpcController(this, {
    events: ['tip'],
    load: async (node) => {
      const minimum = satsPerVbyte((await node.rpc('getmempoolinfo')).mempoolminfee)
      const estimates = await Promise.all(
        Object.values(FEE_TARGETS).map((blocks) => node.rpc('estimatesmartfee', blocks)),
      )
      return { choices: feeChoices(estimates, minimum), minimum }
    },
  })

  constructor() {
    super()
    this.speed = 'normal'
    this.typed = ''
  }

  /** The rate that is chosen, satoshis per virtual byte; undefined, and said why, when what is typed is none. */
  read(): number | undefined {
    const { choices = [], minimum = 1 } = this.#offer.value ?? {}
    const chosen = this.#chosen
    if (chosen !== 'custom') return choices.find(({ speed }) => speed === chosen)?.rate ?? minimum
    const { value, problem } = readFeeRate(this.typed, minimum)
    const multiple = (value ?? 0) / Math.max(minimum, ...choices.map(({ rate }) => rate))
    const isHigh = value !== undefined && value >= HIGH_RATE && multiple >= HIGH_MULTIPLE
    this.problem =
      isHigh && value !== this.#questioned
        ? `${feeRateText(value)} is ${countText(multiple)} times what is needed now: ${costText(value)} for a usual payment. To pay that much, press the button again.`
        : problem
    this.#questioned = isHigh ? value : undefined
    return this.problem === undefined ? value : undefined
  }

  /** What was chosen; the normal rate where that is no longer on offer. */
  get #chosen(): FeeSpeed | 'custom' {
    const isOffered = this.#offer.value?.choices.some(({ speed }) => speed === this.speed)
    return this.speed === 'custom' || isOffered ? this.speed : 'normal'
  }

  override render() {
    const { params } = this.node.identity
    const { choices = [], minimum = 0 } = this.#offer.value ?? {}
    const hasRoom = choices.length === 1 && choices[0]!.rate <= minimum
    const wait = (blocks: number) =>
      params.retarget ? `≈ ${durationText(blocks * params.targetSpacing)}` : plural(blocks, 'block')
    return html`<fieldset>
      <legend>Fee</legend>
      <div class="choices">
        ${choices.map(({ speed, rate, blocks }) =>
          this.#choice(
            speed,
            NAMES[speed],
            html`<span>${feeRateText(rate)}</span>
              <span>${costText(rate)}</span>
              <span title=${`within ${plural(blocks, 'block')}`}>${wait(blocks)}</span>`,
          ),
        )}
        ${this.#choice('custom', 'Custom', html`<span>your own rate</span>`)}
      </div>
      ${this.speed === 'custom' ? this.#custom() : nothing}
      <p class="hint">
        ${hasRoom ? 'Blocks have room: paying more gains nothing. ' : nothing}Costs are for a usual payment; the review shows that of yours.
      </p>
    </fieldset>`
  }

  #choice(speed: FeeSpeed | 'custom', name: string, about: unknown) {
    return html`<label>
      <input
        type="radio"
        name="speed"
        .checked=${this.#chosen === speed}
        @change=${() => {
          this.speed = speed
        }}
      />${name}${about}
    </label>`
  }

  #custom() {
    const rate = readFeeRate(this.typed, 0).value
    return html`<div class="field custom">
      <label for="rate">Fee rate, sat/vB</label>
      <input
        id="rate"
        inputmode="decimal"
        autocomplete="off"
        .value=${this.typed}
        aria-invalid=${this.problem ? 'true' : 'false'}
        aria-describedby="rate-about"
        @input=${(event: Event) => {
          this.typed = (event.target as HTMLInputElement).value
          this.problem = undefined
        }}
        @keydown=${(event: KeyboardEvent) => {
          // The form lies in another tree and isn't told by the browser.
          if (event.key === 'Enter') this.closest('form')?.requestSubmit()
        }}
      />
      <div id="rate-about" aria-live="polite">
        ${
          this.problem
            ? html`<p class="error">${this.problem}</p>`
            : html`<p class="hint">
                Satoshis (${amountWithUnit(sats(1))}) for each virtual byte of the transaction${rate === undefined ? nothing : `: ${costText(rate)}`}.
              </p>`
        }
      </div>
    </div>`
  }
}

/** What a usual payment costs at a rate. */
function costText(rate: number): string {
  return `≈\u00a0${amountWithUnit(sats(Math.ceil(rate * USUAL_VSIZE)))}`
}
customElements.define('ot-fee-picker', FeePicker)
