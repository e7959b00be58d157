/** `<ot-miner .node>`: start and stop, how hard to work, what comes of it; on test networks also blocks on demand. Thread: Window. */
import { css, html, LitElement, nothing } from 'lit'
import { subsidy } from '../../src/consensus/subsidy.ts'
import { figure } from '../components/amount.ts'
import { icons } from '../components/icons.ts'
import { miningBadge } from '../components/mining-badge.ts'
import '../components/spark-line.ts'
import '../components/warnings.ts'
import { NodeController } from '../controllers/node-controller.ts'
import { RpcController } from '../controllers/rpc-controller.ts'
import { TaskController } from '../controllers/task-controller.ts'
import {
  amountWithUnit,
  countText,
  durationText,
  easedText,
  hashesPerBlock,
  hashRateText,
  plural,
  siText,
} from '../format.ts'
import type { LiveNode } from '../live-node.ts'
import {
  coreCount,
  EASING,
  hasGraphicsCard,
  type MiningSettings,
  miningSettings,
  networkSpeed,
  rememberMiningSettings,
  startMining,
  stopMining,
} from '../mining.ts'
import { notify } from '../requests.ts'
import type { MiningInfo } from '../rpc-results.ts'
import { base } from '../styles/base.ts'

/** Blocks that the test controls offer to make at once. */
const ON_DEMAND = [1, 10, 101] as const

export class MinerView extends LitElement {
  static override properties = {
    node: { attribute: false },
    settings: { state: true },
    offersCard: { state: true },
  }
  static override styles = [
    base,
    css`
      .main {
        display: grid;
        grid-template-columns: minmax(0, 1.4fr) minmax(0, 1fr);
        gap: 20px;
      }
      .rate {
        margin: 6px 0 20px;
        font-size: 44px;
        line-height: 1.15;
        font-weight: 640;
        letter-spacing: -0.03em;
      }
      .rate .unit {
        font-size: 20px;
        letter-spacing: 0;
      }
      .actions {
        margin-top: 24px;
      }
      .settings {
        display: grid;
        gap: 24px;
      }
      .settings .spread {
        margin-bottom: 2px;
      }
      .settings label {
        margin: 0;
      }
      .settings .check {
        display: flex;
        gap: 8px;
        align-items: center;
      }
      .facts {
        margin-top: 8px;
      }
      @media (max-width: 820px) {
        .main {
          grid-template-columns: minmax(0, 1fr);
        }
      }
    `,
  ]
  declare node: LiveNode
  declare settings: MiningSettings
  /** Whether there is a graphics card to choose. */
  declare offersCard: boolean
  readonly #task = new TaskController(this)
  readonly #demand = new TaskController(this)
  readonly #info: RpcController<MiningInfo> = new RpcController(this, {
    events: ['tip'],
    every: EASING,
    load: (node) => node.rpc('getmininginfo'),
  })

  constructor() {
    super()
    this.settings = miningSettings()
    this.offersCard = false
    hasGraphicsCard().then((offers) => {
      this.offersCard = offers
    })
    new NodeController(this, ['mining', 'wallet', 'tip'])
  }

  /** Those that the miner works with, which a program may have set; else those chosen last. */
  get #shown(): MiningSettings {
    return this.node.mining.active ? this.node.mining : this.settings
  }

  /** Keeps a setting; a running miner takes it over at once. */
  async #choose(settings: MiningSettings): Promise<void> {
    this.settings = settings
    rememberMiningSettings(settings)
    if (this.node.mining.active) await this.#task.run(() => startMining(this.node))
  }

  async #makeBlocks(count: number): Promise<void> {
    const made = await this.#demand.run(async () => {
      const address = await this.node.rpc('getnewaddress', 'mined')
      return this.node.rpc('generatetoaddress', count, address)
    })
    if (made) notify(this, `${plural(made.length, 'block')} made.`)
  }

  override render() {
    const { hasWallet } = this.node
    return html`<div class="head"><h1 tabindex="-1">Miner</h1></div>
      <div class="stack">
        <ot-warnings .node=${this.node} chain></ot-warnings>
        ${hasWallet ? nothing : this.#needsWallet()}
        <div class="main">${this.#work(hasWallet)}${this.#settings()}</div>
        ${this.#chances()} ${this.node.identity.testControls ? this.#onDemand(hasWallet) : nothing}
      </div>`
  }

  #needsWallet() {
    return html`<div class="notice">
      ${icons.info}
      <div>
        The miner needs a wallet to put its coins into. <a href="/wallet/create">Create one</a>, it takes a minute.
      </div>
    </div>`
  }

  #work(hasWallet: boolean) {
    const { active, hashRate, kernels, blocksFound, problem, pause } = this.node.mining
    const shown = this.#task.problem ?? problem
    return html`<section class="card" aria-labelledby="rate">
      <div class="spread">
        <h2 id="rate">Hash rate</h2>
        ${miningBadge(this.node.mining)}
      </div>
      <p class="rate" data-testid="hash-rate">${figure(hashRateText(active ? hashRate : 0))}</p>
      <ot-spark-line
        .values=${this.node.hashRates}
        label="Hash rate over the last two minutes"
      ></ot-spark-line>
      ${
        active && !pause && kernels.length > 0
          ? html`<p class="hint" data-testid="kernels">Searching with ${kernels.join(' and ')}.</p>`
          : nothing
      }
      <div class="row actions">
        ${
          active
            ? html`<button ?disabled=${this.#task.running} @click=${() => this.#task.run(() => stopMining(this.node))}>
              Stop mining
            </button>`
            : html`<button
              class="primary"
              ?disabled=${!hasWallet || this.#task.running}
              @click=${() => this.#task.run(() => startMining(this.node))}
            >
              ${icons.pickaxe}${this.#task.running ? 'Starting…' : 'Start mining'}
            </button>`
        }
        <span class="muted" data-testid="blocks-found">${plural(blocksFound, 'block')} found</span>
      </div>
      ${pause ? html`<p class="error" role="alert">${pause}</p>` : nothing}
      ${shown ? html`<p class="error" role="alert">${shown}</p>` : nothing}
    </section>`
  }

  #settings() {
    const { threads, throttle, graphicsCard } = this.#shown
    const choose = (changed: Partial<MiningSettings>) =>
      this.#choose({ threads, throttle, graphicsCard, ...changed })
    const cores = coreCount()
    const percent = Math.round(throttle * 100)
    return html`<section class="card settings" aria-labelledby="settings">
      <h2 id="settings">How hard to work</h2>
      <div>
        <div class="spread">
          <label for="threads">Threads</label><output for="threads">${countText(threads)} of ${plural(cores, 'core')}</output>
        </div>
        <input
          id="threads"
          type="range"
          min="1"
          max=${Math.max(cores, 1)}
          .value=${String(threads)}
          ?disabled=${cores === 1}
          @change=${(event: Event) => choose({ threads: Number((event.target as HTMLInputElement).value) })}
        />
      </div>
      <div>
        <div class="spread">
          <label for="throttle">Share of the time</label><output for="throttle">${percent} %</output>
        </div>
        <input
          id="throttle"
          type="range"
          min="5"
          max="100"
          step="5"
          .value=${String(percent)}
          @change=${(event: Event) =>
            choose({ throttle: Number((event.target as HTMLInputElement).value) / 100 })}
        />
      </div>
      ${this.#graphicsCard(choose)}
      <p class="hint">Fewer threads or less time keep the computer cool and quiet. A locked wallet mines as well.</p>
    </section>`
  }

  /** Offered where there is one, or where it was chosen. */
  #graphicsCard(choose: (changed: Partial<MiningSettings>) => void) {
    const { graphicsCard } = this.#shown
    const { active, graphicsCardProblem } = this.node.mining
    const problem = active ? graphicsCardProblem : undefined
    if (!this.offersCard && !graphicsCard && !problem) return nothing
    return html`<div>
      <label class="check">
        <input
          id="graphics-card"
          type="checkbox"
          .checked=${graphicsCard}
          @change=${(event: Event) => choose({ graphicsCard: (event.target as HTMLInputElement).checked })}
        />
        Use the graphics card too
      </label>
      ${
        problem
          ? html`<p class="hint" role="status">The graphics card can’t be used: ${problem}. The processor goes on.</p>`
          : nothing
      }
    </div>`
  }

  #chances() {
    const info = this.#info.value
    const { params } = this.node.identity
    const { active, hashRate, pause } = this.node.mining
    const hashes = info ? hashesPerBlock(info.next.difficulty) : undefined
    const { targetSpacing } = params
    const eased = info && easedText(info.next.ease, this.node.sinceTip, targetSpacing)
    const speed = info && networkSpeed(this.node, info)
    const height = info?.next.height ?? (this.node.tip?.height ?? 0) + 1
    return html`<section class="card" aria-labelledby="chances">
      <h2 id="chances">What comes of it</h2>
      <dl class="facts">
        <div>
          <dt>The next block takes</dt>
          <dd>${hashes === undefined ? '…' : figure(siText(hashes, 'H'))} <span class="muted">on average${eased ? `: ${eased}` : nothing}</span></dd>
        </div>
        <div>
          <dt>You find one</dt>
          <dd>
            ${
              active && hashRate > 0 && hashes !== undefined
                ? html`about every ${durationText(Math.max(1, hashes / hashRate))} <span class="muted">at your hash rate</span>`
                : html`<span class="muted">${pause ? 'none while paused' : active ? 'the search starts…' : 'start mining to see'}</span>`
            }
          </dd>
        </div>
        <div>
          <dt>It pays</dt>
          <dd>
            ${figure(amountWithUnit(subsidy(height, params)))}
            <span class="muted">and fees, spendable after ${plural(params.coinbaseMaturity, 'block')}</span>
          </dd>
        </div>
        <div>
          <dt>All miners</dt>
          <dd>
            ${speed ? html`${figure(speed.text)} <span class="muted">${speed.about}</span>` : '…'}
            ${
              params.retarget
                ? html`<span class="muted">· difficulty follows, for a block every ${durationText(targetSpacing)}, and eases while none comes</span>`
                : nothing
            }
          </dd>
        </div>
      </dl>
    </section>`
  }

  #onDemand(hasWallet: boolean) {
    return html`<section class="card" aria-labelledby="demand">
      <h2 id="demand">Blocks on demand</h2>
      <p class="hint">
        This is a network for tests: blocks can be made at once, to your wallet. The first coin can be spent after
        ${plural(this.node.identity.params.coinbaseMaturity, 'block')}.
      </p>
      <div class="row actions">
        ${ON_DEMAND.map(
          (count) =>
            html`<button ?disabled=${!hasWallet || this.#demand.running} @click=${() => this.#makeBlocks(count)}>
              Make ${plural(count, 'block')}
            </button>`,
        )}
        ${this.#demand.running ? html`<span class="muted" role="status">Making blocks…</span>` : nothing}
      </div>
      ${this.#demand.problem ? html`<p class="error" role="alert">${this.#demand.problem}</p>` : nothing}
    </section>`
  }
}
customElements.define('ot-miner', MinerView)
