/**
 * `<ot-guide-step .node .step .progress>`: what there is to do in a later one of the first steps, mining or paying. It takes a wallet, and so
 * comes with the views that make one. Thread: Window.
 */
import { css, html, LitElement, nothing } from 'lit'
import { subsidy } from '../../src/consensus/subsidy.ts'
import { sats } from '../../src/primitives/amount.ts'
import { NodeController } from '../controllers/node-controller.ts'
import { RpcController } from '../controllers/rpc-controller.ts'
import { TaskController } from '../controllers/task-controller.ts'
import { amountWithUnit, durationText, hashesPerBlock, hashRateText, plural } from '../format.ts'
import type { LiveNode } from '../live-node.ts'
import { EASING, startMining, stopMining } from '../mining.ts'
import { newTabUrl } from '../router.ts'
import type { MiningInfo } from '../rpc-results.ts'
import { base } from '../styles/base.ts'
import { icons } from './view-icons.ts'

/** How far the person has come. */
export interface Progress {
  readonly trusted: number
  /** Mined coins that wait, and how many blocks the oldest has. */
  readonly immature: number
  readonly maturing: number
  readonly hasCoins: boolean
  readonly hasPaid: boolean
}

export class GuideStep extends LitElement {
  static override properties = {
    node: { attribute: false },
    step: { attribute: false },
    progress: { attribute: false },
  }
  static override styles = [
    base,
    css`
      :host {
        display: grid;
        gap: 14px;
        justify-items: start;
      }
      progress {
        width: 100%;
        height: 6px;
      }
    `,
  ]
  declare node: LiveNode
  declare step: 'mine' | 'pay'
  declare progress: Progress
  readonly #task = new TaskController(this)
  readonly #info: RpcController<MiningInfo> = new RpcController(this, {
    events: ['tip'],
    every: EASING,
    load: (node) => node.rpc('getmininginfo'),
  })

  constructor() {
    super()
    new NodeController(this, ['mining', 'tip'])
  }

  override render() {
    return this.step === 'mine' ? this.#mine() : this.#pay(this.progress)
  }

  #mine() {
    const { mining, identity, tip } = this.node
    const reward = amountWithUnit(subsidy((tip?.height ?? 0) + 1, identity.params))
    if (!mining.active)
      return html`<p class="muted">
          Your computer searches for the next block. Who finds it first is paid ${reward}. You can stop at any time.
        </p>
        <button class="primary" ?disabled=${this.#task.running} @click=${() => this.#start()}>
          ${icons.pickaxe}${this.#task.running ? 'Starting…' : 'Start mining'}
        </button>
        ${this.#problem(mining.problem)}`
    const stop = html`<button ?disabled=${this.#task.running} @click=${() => this.#stop()}>Stop</button>`
    if (mining.pause) return html`<p class="error" role="alert">${mining.pause}</p>${stop}`
    const info = this.#info.value
    const seconds = info && hashesPerBlock(info.next.difficulty) / mining.hashRate
    return html`<p class="muted" role="status">
        ${
          seconds !== undefined && mining.hashRate > 0
            ? html`Searching at ${hashRateText(mining.hashRate)}. At this speed you find a block about every
            ${durationText(Math.max(1, seconds))}: it is a lottery, so sooner or later than that.`
            : 'Starting the search…'
        }
      </p>
      <progress aria-label="Mining"></progress>
      ${stop} ${this.#problem(mining.problem)}`
  }

  #pay({ trusted, immature, maturing }: Progress) {
    const { params } = this.node.identity
    const another = html`<a class="button" href=${newTabUrl()} target="_blank" rel="noopener"
      >${icons.external} Open another tab</a
    >`
    if (trusted > 0)
      return html`<p class="muted">
          You can spend ${amountWithUnit(sats(trusted))}. Every tab of this page is a node with its own wallet: create a wallet in another one, copy
          its address from “Receive”, and pay it from here.
        </p>
        <div class="row"><a class="button primary" href="/wallet/send">${icons.send}Send coins</a>${another}</div>`
    const left = Math.max(1, params.coinbaseMaturity - maturing)
    return html`<p class="muted">
        ${
          immature > 0
            ? html`You mined ${amountWithUnit(sats(immature))}. The first can be spent after ${plural(left, 'more block')}${
                params.retarget ? html`, about ${durationText(left * params.targetSpacing)}` : nothing
              }, mined by you or anyone else. Meanwhile open another tab and create a wallet there to pay to.`
            : html`Your coins are on their way: they can be spent once they are confirmed.`
        }
      </p>
      ${
        immature > 0
          ? html`<progress aria-label="Blocks until your coins can be spent" max=${params.coinbaseMaturity} value=${maturing}></progress>`
          : nothing
      }
      <div class="row">
        ${another}
        ${
          this.node.mining.active
            ? html`<button class="quiet" @click=${() => this.#stop()}>Stop mining</button>`
            : html`<button class="quiet" @click=${() => this.#start()}>Keep mining</button>`
        }
      </div>
      ${this.#problem(this.node.mining.problem)}`
  }

  #problem(problem: string | undefined) {
    const shown = this.#task.problem ?? problem
    return shown ? html`<p class="error" role="alert">${shown}</p>` : nothing
  }

  #start() {
    return this.#task.run(() => startMining(this.node))
  }

  #stop() {
    return this.#task.run(() => stopMining(this.node))
  }
}
customElements.define('ot-guide-step', GuideStep)
