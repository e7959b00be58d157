/**
 * `<ot-guide .node>`: the first steps, in order: a wallet, a mined coin, a payment to another tab. The step that is next is open; what
 * is done is ticked; it goes away when all are. Thread: Window.
 */
import { css, html, LitElement, nothing, type TemplateResult } from 'lit'
import { subsidy } from '../../src/consensus/subsidy.ts'
import { sats } from '../../src/primitives/amount.ts'
import { NodeController } from '../controllers/node-controller.ts'
import { RpcController } from '../controllers/rpc-controller.ts'
import { TaskController } from '../controllers/task-controller.ts'
import { amountWithUnit, durationText, fromCoins, hashesPerBlock, hashRateText, plural } from '../format.ts'
import { isVoid, paymentsOf } from '../history.ts'
import type { LiveNode } from '../live-node.ts'
import { EASING, startMining, stopMining } from '../mining.ts'
import { newTabUrl } from '../router.ts'
import type { MiningInfo } from '../rpc-results.ts'
import { base } from '../styles/base.ts'
import { icons } from './icons.ts'

/** How far the person has come. */
interface Progress {
  readonly trusted: number
  /** Mined coins that wait, and how many blocks the oldest has. */
  readonly immature: number
  readonly maturing: number
  readonly hasCoins: boolean
  readonly hasPaid: boolean
}

const NONE: Progress = {
  trusted: 0,
  immature: 0,
  maturing: 0,
  hasCoins: false,
  hasPaid: false,
}

interface Step {
  readonly title: string
  readonly done: boolean
  readonly body: () => TemplateResult
}

export class Guide extends LitElement {
  static override properties = { node: { attribute: false } }
  static override styles = [
    base,
    css`
      .about {
        max-width: 62ch;
        margin-top: 8px;
      }
      ol {
        margin-top: 20px;
      }
      li {
        position: relative;
        display: grid;
        grid-template-columns: 28px minmax(0, 1fr);
        gap: 0 16px;
        padding-bottom: 20px;
      }
      li:last-child {
        padding-bottom: 0;
      }
      li:not(:last-child)::before {
        position: absolute;
        inset: 32px auto 4px 13px;
        width: 2px;
        border-radius: 1px;
        background: var(--line);
        content: "";
      }
      .step {
        display: grid;
        place-items: center;
        width: 28px;
        height: 28px;
        border: 2px solid var(--line-strong);
        border-radius: 50%;
        color: var(--muted);
        font-size: 14px;
        font-weight: 600;
      }
      .current .step {
        border-color: var(--accent);
        color: var(--accent);
      }
      .done .step {
        border-color: transparent;
        background: var(--accent-soft);
        color: var(--accent);
      }
      h3 {
        line-height: 28px;
      }
      li:not(.current) h3 {
        color: var(--muted);
        font-weight: 500;
      }
      .body > * + * {
        margin-top: 14px;
      }
      .body {
        max-width: 54ch;
        padding: 2px 0 8px;
      }
      progress {
        width: 100%;
        height: 6px;
      }
    `,
  ]
  declare node: LiveNode
  readonly #task = new TaskController(this)
  readonly #progress: RpcController<Progress> = new RpcController(this, {
    events: ['wallet', 'tip'],
    key: () => this.node.signer.state === 'none',
    load: async (node) => {
      if (node.signer.state === 'none') return NONE
      const [{ mine }, entries] = await Promise.all([
        node.rpc('getbalances'),
        node.rpc('listtransactions', '*', 200),
      ])
      const payments = paymentsOf(entries)
      return {
        trusted: fromCoins(mine.trusted),
        immature: fromCoins(mine.immature),
        maturing: Math.max(0, ...payments.filter((p) => p.immature).map((p) => p.confirmations)),
        hasCoins: payments.some((p) => !isVoid(p)),
        hasPaid: payments.some((p) => p.kind === 'sent' || p.kind === 'moved'),
      }
    },
  })
  readonly #info: RpcController<MiningInfo> = new RpcController(this, {
    events: ['tip'],
    every: EASING,
    load: (node) => node.rpc('getmininginfo'),
  })

  constructor() {
    super()
    new NodeController(this, ['mining', 'wallet', 'tip'])
  }

  override willUpdate(): void {
    // Without anything to show it takes no room.
    this.hidden = this.#steps().every(({ done }) => done)
  }

  #steps(): readonly Step[] {
    const progress = this.#progress.value
    if (!progress) return []
    return [
      { title: 'Create your wallet', done: this.node.signer.state !== 'none', body: () => this.#create() },
      { title: 'Mine your first coin', done: progress.hasCoins, body: () => this.#mine() },
      { title: 'Pay another tab', done: progress.hasPaid, body: () => this.#pay(progress) },
    ]
  }

  override render() {
    const steps = this.#steps()
    const current = steps.findIndex(({ done }) => !done)
    if (current < 0) return nothing
    return html`<section class="card" aria-labelledby="title">
      <h2 id="title">Get started</h2>
      ${
        current === 0
          ? html`<p class="about">
              Opentab is a small Bitcoin-style network whose nodes are browser tabs. This tab is one of them: it keeps the chain and checks
              every block itself, and can mine and pay other tabs. No account, and no server that it trusts.
            </p>`
          : nothing
      }
      <ol>
        ${steps.map(
          ({ title, done, body }, at) =>
            html`<li
              class=${done ? 'done' : at === current ? 'current' : ''}
              aria-current=${at === current ? 'step' : nothing}
            >
              <span class="step" aria-hidden="true">${done ? icons.check : at + 1}</span>
              <div>
                <h3>${title}${done ? html`<span class="visually-hidden"> (done)</span>` : nothing}</h3>
                ${at === current ? html`<div class="body">${body()}</div>` : nothing}
              </div>
            </li>`,
        )}
      </ol>
    </section>`
  }

  #create() {
    return html`<p class="muted">
        It lives in this browser, protected by a passphrase only you know. It takes a minute.
      </p>
      <div class="row">
        <a class="button primary" href="/wallet/create">Create a wallet</a>
        <a class="button quiet" href="/wallet/restore">Restore one</a>
      </div>`
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
customElements.define('ot-guide', Guide)
