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
import './rate-field.ts'
import { costText, type RateField } from './rate-field.ts'

const NAMES: Readonly<Record<FeeSpeed, string>> = { slow: 'Slow', normal: 'Normal', fast: 'Fast' }

export interface Offer {
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
  readonly #offer: RpcController<Offer> = new RpcController(this, {
    events: ['tip'],
    load: feeOffer,
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
    this.problem = problem
    return value
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
    const { choices = [], minimum = 1 } = this.#offer.value ?? {}
    return html`<ot-rate
      class="custom"
      .value=${this.typed}
      .needed=${Math.max(minimum, ...choices.map(({ rate }) => rate))}
      .problem=${this.problem}
      @change=${(event: Event) => {
        this.typed = (event.target as RateField).value
        this.problem = undefined
      }}
      @submit=${() => this.closest('form')?.requestSubmit()}
    ></ot-rate>`
  }
}

/** What the node's estimates offer. */
export async function feeOffer(node: LiveNode): Promise<Offer> {
  const minimum = satsPerVbyte((await node.rpc('getmempoolinfo')).mempoolminfee)
  const estimates = await Promise.all(
    Object.values(FEE_TARGETS).map((blocks) => node.rpc('estimatesmartfee', blocks)),
  )
  return { choices: feeChoices(estimates, minimum), minimum }
}
customElements.define('ot-fee-picker', FeePicker)
