/**
 * `<ot-fee-picker .node>`: how fast a payment shall be mined, and at what rate: three choices from the node's estimates, or one's own.
 * Thread: Window.
 */
import { css, html, LitElement, nothing } from 'lit'
import { RpcController } from '../controllers/rpc-controller.ts'
import { durationText, feeRateText, plural } from '../format.ts'
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
        grid-template-columns: repeat(4, minmax(0, 1fr));
      }
      .custom {
        margin-top: 12px;
      }
      @media (max-width: 520px) {
        .choices {
          grid-template-columns: 1fr 1fr;
        }
      }
    `,
  ]
  declare node: LiveNode
  declare speed: FeeSpeed | 'custom'
  /** The rate of one's own. */
  declare typed: string
  declare problem: string | undefined
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
    if (this.speed !== 'custom') return choices.find(({ speed }) => speed === this.speed)?.rate ?? minimum
    const { value, problem } = readFeeRate(this.typed, minimum)
    this.problem = problem
    return value
  }

  override render() {
    const { params } = this.node.identity
    const wait = (blocks: number) =>
      params.retarget ? `≈ ${durationText(blocks * params.targetSpacing)}` : plural(blocks, 'block')
    return html`<fieldset>
      <legend>Fee</legend>
      <div class="choices">
        ${(this.#offer.value?.choices ?? []).map(({ speed, rate, blocks }) =>
          this.#choice(
            speed,
            NAMES[speed],
            html`<span>${feeRateText(rate)}</span
              ><span title=${`within ${plural(blocks, 'block')}`}>${wait(blocks)}</span>`,
          ),
        )}
        ${this.#choice('custom', 'Custom', html`<span>your own rate</span>`)}
      </div>
      ${this.speed === 'custom' ? this.#custom() : nothing}
    </fieldset>`
  }

  #choice(speed: FeeSpeed | 'custom', name: string, about: unknown) {
    return html`<label>
      <input
        type="radio"
        name="speed"
        .checked=${this.speed === speed}
        @change=${() => {
          this.speed = speed
        }}
      />${name}${about}
    </label>`
  }

  #custom() {
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
            : html`<p class="hint">Satoshis (0.00000001 coins) for each virtual byte of the transaction.</p>`
        }
      </div>
    </div>`
  }
}
customElements.define('ot-fee-picker', FeePicker)
