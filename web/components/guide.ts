/**
 * `<ot-guide .node>`: the first steps, in order: a wallet, a mined coin, a payment to another tab. The step that is next is open; what
 * is done is ticked; it goes away when all are. Thread: Window.
 */
import { css, html, LitElement, nothing, type TemplateResult } from 'lit'
import { NodeController } from '../controllers/node-controller.ts'
import { RpcController } from '../controllers/rpc-controller.ts'
import { fromCoins } from '../format.ts'
import { isVoid, paymentsOf } from '../history.ts'
import type { LiveNode } from '../live-node.ts'
import { base } from '../styles/base.ts'
import type { GuideStep, Progress } from './guide-step.ts'
import { icons } from './icons.ts'

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
    `,
  ]
  declare node: LiveNode
  readonly #progress: RpcController<Progress> = new RpcController(this, {
    events: ['wallet', 'tip'],
    key: () => this.node.wallet,
    load: async (node) => {
      if (!node.hasWallet) return NONE
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

  constructor() {
    super()
    new NodeController(this, ['wallet'])
  }

  override willUpdate(): void {
    // Without anything to show it takes no room.
    this.hidden = this.#steps().every(({ done }) => done)
  }

  #steps(): readonly Step[] {
    const progress = this.#progress.value
    if (!progress) return []
    return [
      { title: 'Create your wallet', done: this.node.hasWallet, body: () => this.#create() },
      { title: 'Mine your first coin', done: progress.hasCoins, body: () => this.#step('mine', progress) },
      { title: 'Pay another tab', done: progress.hasPaid, body: () => this.#step('pay', progress) },
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

  #step(step: GuideStep['step'], progress: Progress) {
    return html`<ot-guide-step .node=${this.node} .step=${step} .progress=${progress}></ot-guide-step>`
  }
}
customElements.define('ot-guide', Guide)
