/** `<ot-overview .node>`: where this tab stands, and what to do first. Thread: Window. */
import { css, html, LitElement, nothing } from 'lit'
import '../components/age.ts'
import { figure } from '../components/amount.ts'
import '../components/block-strip.ts'
import '../components/guide.ts'
import { icons } from '../components/icons.ts'
import '../components/warnings.ts'
import { miningBadge } from '../components/mining-badge.ts'
import { NodeController } from '../controllers/node-controller.ts'
import { RpcController } from '../controllers/rpc-controller.ts'
import { TaskController } from '../controllers/task-controller.ts'
import {
  amountText,
  amountWithUnit,
  bytesText,
  coinUnit,
  countText,
  easedText,
  fromCoins,
  hashRateText,
  isLong,
  plural,
} from '../format.ts'
import { type Payment, paymentsOf } from '../history.ts'
import type { LiveNode } from '../live-node.ts'
import { EASING, networkSpeed, startMining, stopMining } from '../mining.ts'
import { newTabUrl } from '../router.ts'
import type { Balances, MempoolInfo, MiningInfo } from '../rpc-results.ts'
import { base } from '../styles/base.ts'

interface Figures {
  readonly mining: MiningInfo
  readonly mempool: MempoolInfo
}

interface WalletFigures {
  readonly balances: Balances['mine']
  readonly payments: readonly Payment[]
}

/** Blocks from which on a tab is said to catch up: less is the daily business of following the tip. */
const BEHIND = 6

/** Payments that the overview shows. */
const RECENT = 4

export class OverviewView extends LitElement {
  static override properties = { node: { attribute: false } }
  static override styles = [
    base,
    css`
      :host {
        display: grid;
        grid-template-columns: minmax(0, 1fr);
        gap: 32px;
      }
      .top {
        display: grid;
        grid-template-columns: minmax(0, 1.5fr) minmax(0, 1fr);
        gap: 20px;
        align-items: start;
      }
      .side {
        display: grid;
        gap: 20px;
      }
      /* The first steps are done: balance and miner have the row to themselves. */
      .top:has(> ot-guide[hidden]) {
        grid-template-columns: minmax(0, 1fr);
      }
      .top:has(> ot-guide[hidden]) .side {
        grid-template-columns: repeat(auto-fit, minmax(min(320px, 100%), 1fr));
      }
      .balance {
        margin: 6px 0 4px;
        font-size: 38px;
        line-height: 1.15;
        font-weight: 640;
        letter-spacing: -0.03em;
        overflow-wrap: anywhere;
      }
      .balance .unit {
        font-size: 18px;
        letter-spacing: 0;
      }
      .money {
        container-type: inline-size;
      }
      /* Many digits and their unit stay on one line. */
      .balance.long {
        font-size: clamp(16px, 7.2cqi, 38px);
        white-space: nowrap;
      }
      .balance.long .unit {
        font-size: 0.6em;
      }
      .actions {
        margin-top: 20px;
      }
      .rate {
        margin-top: 4px;
        font-size: 24px;
        font-weight: 620;
        letter-spacing: -0.02em;
      }
      .rate .unit {
        font-size: 15px;
        letter-spacing: 0;
      }
      .figures {
        display: grid;
        grid-template-columns: repeat(4, minmax(0, 1fr));
        border: 1px solid var(--line);
        border-radius: var(--radius);
        background: var(--surface);
      }
      .figures > div {
        padding: 18px 24px;
      }
      .figures > div + div {
        border-left: 1px solid var(--line);
      }
      .figures dt {
        color: var(--muted);
        font-size: 14px;
      }
      .figures dd.value {
        margin-top: 2px;
        font-size: 24px;
        line-height: 1.3;
        font-weight: 620;
        letter-spacing: -0.02em;
      }
      .figures .unit {
        font-size: 15px;
        letter-spacing: 0;
      }
      .figures dd.about {
        color: var(--muted);
        font-size: 14px;
      }
      section > .spread {
        margin-bottom: 12px;
      }
      @media (max-width: 900px) {
        .top {
          grid-template-columns: minmax(0, 1fr);
        }
        .figures {
          grid-template-columns: 1fr 1fr;
        }
        .figures > div {
          padding: 14px 16px;
        }
        .figures > div:nth-child(3) {
          border-left: 0;
        }
        .figures > div:nth-child(n + 3) {
          border-top: 1px solid var(--line);
        }
      }
      @media (max-width: 640px) {
        :host {
          gap: 24px;
        }
      }
    `,
  ]
  declare node: LiveNode
  readonly #task = new TaskController(this)
  readonly #figures: RpcController<Figures> = new RpcController(this, {
    events: ['tip', 'transaction'],
    every: EASING,
    load: async (node) => {
      const [mining, mempool] = await Promise.all([node.rpc('getmininginfo'), node.rpc('getmempoolinfo')])
      return { mining, mempool }
    },
  })
  readonly #wallet: RpcController<WalletFigures | null> = new RpcController(this, {
    events: ['tip', 'wallet'],
    key: () => this.node.wallet,
    load: async (node) => {
      if (!node.hasWallet) return null
      // Payments and what a wallet's owner does first are shown by elements of the other views: who is new joins without.
      void import('./other-views.ts').catch(() => undefined)
      const [{ mine }, entries] = await Promise.all([
        node.rpc('getbalances'),
        node.rpc('listtransactions', '*', 40),
      ])
      return { balances: mine, payments: paymentsOf(entries) }
    },
  })

  constructor() {
    super()
    new NodeController(this, ['tip', 'peer', 'network', 'mining', 'sync', 'wallet'])
  }

  override render() {
    const { hasWallet } = this.node
    return html`<h1 class="visually-hidden" tabindex="-1">Overview</h1>
      <ot-warnings .node=${this.node}></ot-warnings>
      ${this.#sync()}
      <div class="top">
        <ot-guide .node=${this.node}></ot-guide>
        <div class="side">${hasWallet ? this.#balance() : nothing}${this.#miner(hasWallet)}</div>
      </div>
      ${this.#facts()}
      <section aria-labelledby="blocks">
        <div class="spread">
          <h2 id="blocks">Latest blocks</h2>
          <a href="/explorer">All blocks</a>
        </div>
        <ot-block-strip .node=${this.node}></ot-block-strip>
      </section>
      ${this.#recent()}`
  }

  #sync() {
    const { synced, blocks, headers } = this.node.sync
    if (synced || headers - blocks < BEHIND) return nothing
    return html`<div class="card" role="status">
      <div class="spread">
        <h2>Catching up with the network</h2>
        <span class="muted">${countText(blocks)} of ${plural(headers, 'block')} checked</span>
      </div>
      <progress max=${headers} value=${blocks} aria-label="Blocks checked"></progress>
    </div>`
  }

  #balance() {
    const balances = this.#wallet.value?.balances
    const [trusted, pending, immature] = [
      balances?.trusted,
      balances?.untrusted_pending,
      balances?.immature,
    ].map((coins) => fromCoins(coins ?? 0))
    return html`<section class="card" aria-labelledby="balance">
      <h2 id="balance">Your balance</h2>
      <div class="money">
        <p class=${`balance ${isLong(trusted!) ? 'long' : ''}`}>
          ${balances ? html`${amountText(trusted!)} <span class="unit">${coinUnit(trusted!)}</span>` : html`<span class="muted">…</span>`}
        </p>
      </div>
      ${pending! > 0 ? html`<p class="muted small">+ ${amountWithUnit(pending!)} unconfirmed</p>` : nothing}
      ${immature! > 0 ? html`<p class="muted small">+ ${amountWithUnit(immature!)} mined, not spendable yet</p>` : nothing}
      <div class="row actions">
        <a class="button primary" href="/wallet/send">${icons.send}Send</a>
        <a class="button" href="/wallet/receive">${icons.receive}Receive</a>
      </div>
    </section>`
  }

  #miner(hasWallet: boolean) {
    const { active, hashRate, blocksFound, problem, pause } = this.node.mining
    // By the warnings above.
    const isTold = this.node.network.alarms?.some(({ sentence }) => pause?.includes(sentence))
    return html`<section class="card" aria-labelledby="miner">
      <div class="spread">
        <h2 id="miner">Your miner</h2>
        ${miningBadge(this.node.mining)}
      </div>
      <p class="rate">${figure(hashRateText(hashRate))}</p>
      <p class="muted small">
        ${
          active || blocksFound > 0
            ? `${plural(blocksFound, 'block')} found since the page was opened`
            : hasWallet
              ? 'Mining makes new coins and keeps the network going.'
              : 'Needs a wallet to mine to.'
        }
      </p>
      ${
        pause
          ? html`<p class="error" role="alert">${isTold ? 'Mining rests: the warning above says why.' : pause}</p>`
          : nothing
      }
      ${
        problem || this.#task.problem
          ? html`<p class="error" role="alert">${this.#task.problem ?? problem}</p>`
          : nothing
      }
      <div class="row actions">
        ${
          active
            ? html`<button ?disabled=${this.#task.running} @click=${() => this.#task.run(() => stopMining(this.node))}>
              Stop mining
            </button>`
            : html`<button
              ?disabled=${!hasWallet || this.#task.running}
              @click=${() => this.#task.run(() => startMining(this.node))}
            >
              ${icons.pickaxe}Start mining
            </button>`
        }
        <a class="button quiet" href="/miner">Settings</a>
      </div>
    </section>`
  }

  #facts() {
    const { tip, network } = this.node
    const figures = this.#figures.value
    const { targetSpacing } = this.node.identity.params
    const eased = figures && easedText(figures.mining.next.ease, this.node.sinceTip, targetSpacing)
    const speed = figures && networkSpeed(this.node, figures.mining)
    return html`<dl class="figures">
      <div>
        <dt>Height</dt>
        <dd class="value">${tip ? figure(`${countText(tip.height)} blocks`) : '…'}</dd>
        <dd class="about">
          ${tip && tip.height > 0 ? html`latest <ot-age .time=${tip.time}></ot-age>` : 'no block yet'}
        </dd>
      </div>
      <div>
        <dt>Connected to</dt>
        <dd class="value">${figure(plural(network.directPeers, 'tab'))}</dd>
        <dd class="about">
          ${
            network.directPeers > 0
              ? html`<a href="/network">directly, by WebRTC</a>`
              : html`<a href=${newTabUrl()} target="_blank" rel="noopener">Open another tab</a>`
          }
        </dd>
      </div>
      <div>
        <dt>Network speed</dt>
        <dd class="value">${speed ? figure(speed.text) : '…'}</dd>
        <dd class="about">${speed?.about}${eased ? `. The next block is ${eased}` : nothing}</dd>
      </div>
      <div>
        <dt>Waiting for a block</dt>
        <dd class="value">${figures ? figure(plural(figures.mempool.size, 'transaction')) : '…'}</dd>
        <dd class="about">${figures ? bytesText(figures.mempool.bytes) : nothing}</dd>
      </div>
    </dl>`
  }

  #recent() {
    const payments = this.#wallet.value?.payments ?? []
    if (payments.length === 0) return nothing
    return html`<section aria-labelledby="recent">
      <div class="spread">
        <h2 id="recent">Your latest payments</h2>
        <a href="/wallet">All payments</a>
      </div>
      <div class="card"><ot-payments .node=${this.node} .payments=${payments} .most=${RECENT}></ot-payments></div>
    </section>`
  }
}
customElements.define('ot-overview', OverviewView)
