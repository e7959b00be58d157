/** `<ot-wallet-home .node>`: balance, lock and history. Thread: Window. */
import { css, html, LitElement, nothing } from 'lit'
import { sats } from '../../src/primitives/amount.ts'
import { type Balance, balanceOf } from '../balance.ts'
import { channelPayments } from '../channels.ts'
import { amount } from '../components/amount.ts'
import { icons } from '../components/view-icons.ts'
import '../components/payment-list.ts'
import '../components/storage-notice.ts'
import { NodeController } from '../controllers/node-controller.ts'
import { RpcController } from '../controllers/rpc-controller.ts'
import { TaskController } from '../controllers/task-controller.ts'
import { amountText, coinUnit, isLong } from '../format.ts'
import { type Payment, paymentsOf } from '../history.ts'
import { type HistoryFilter, rowsOf } from '../history-rows.ts'
import { type LiveNode, sentence } from '../live-node.ts'
import { requestUnlock } from '../requests.ts'
import { base } from '../styles/base.ts'
import { hasChannels, isBackedUp } from '../wallet-memory.ts'
import { isNamed, walletTitle } from '../wallet-name.ts'
import './wallet-watch.ts'

/** Lines that a step of the history shows. */
const STEP = 25
/** Most entries that `listtransactions` gives. */
const MAX_ENTRIES = 100_000

const FILTERS: Readonly<Record<HistoryFilter, { readonly name: string; readonly empty: string }>> = {
  all: { name: 'All', empty: 'No payments yet. Mine a coin, or have someone pay you.' },
  payments: { name: 'Payments', empty: 'No payments yet, only mined coins at most. Have someone pay you.' },
  mining: { name: 'Mining', empty: 'Nothing mined yet.' },
}

interface HistoryPage {
  readonly payments: readonly Payment[]
  /** Lines that the filter leaves. */
  readonly rows: number
  /** There is nothing older. */
  readonly isWhole: boolean
}

export class WalletHome extends LitElement {
  static override properties = {
    node: { attribute: false },
    shown: { state: true },
    filter: { state: true },
  }
  static override styles = [
    base,
    css`
      .whose {
        display: flex;
        flex-wrap: wrap;
        gap: 6px 12px;
        align-items: center;
        min-width: 0;
      }
      /* What it says begins where the heading does, should it wrap. */
      .whose > a {
        margin-left: -12px;
      }
      .hero {
        display: grid;
        grid-template-columns: minmax(0, 1fr) auto;
        gap: 24px;
        align-items: end;
        padding: 28px;
      }
      .total {
        margin-top: 6px;
        font-size: 44px;
        line-height: 1.15;
        font-weight: 640;
        letter-spacing: -0.03em;
        overflow-wrap: anywhere;
      }
      .total .unit {
        font-size: 20px;
        letter-spacing: 0;
      }
      .money {
        container-type: inline-size;
      }
      /* Many digits and their unit stay on one line. */
      .total.long {
        font-size: clamp(16px, 7.2cqi, 40px);
        white-space: nowrap;
      }
      .total.long .unit {
        font-size: 0.6em;
      }
      .filters {
        display: flex;
        gap: 4px;
      }
      .filters label {
        margin: 0;
        padding: 4px 12px;
        border-radius: 999px;
        color: var(--muted);
        font-size: 14px;
        cursor: pointer;
      }
      .filters label:has(:checked) {
        background: var(--accent-soft);
        color: var(--text);
      }
      .filters label:has(:focus-visible) {
        outline: 2px solid var(--accent);
        outline-offset: 2px;
      }
      .filters input {
        position: absolute;
        opacity: 0;
        pointer-events: none;
      }
      .parts {
        display: flex;
        flex-wrap: wrap;
        gap: 12px 40px;
        grid-column: 1 / -1;
        padding-top: 20px;
        border-top: 1px solid var(--line);
      }
      .parts dt {
        color: var(--muted);
        font-size: 14px;
      }
      .parts dd {
        font-weight: 560;
      }
      @media (max-width: 640px) {
        .hero {
          grid-template-columns: minmax(0, 1fr);
          padding: 20px 16px;
        }
        .total {
          font-size: 36px;
        }
        .hero .row > * {
          flex: 1;
          min-width: max-content;
        }
        /* What these say begins where the heading does. */
        .head > .row {
          gap: 0;
          margin-left: -12px;
        }
      }
    `,
  ]
  declare node: LiveNode
  /** Lines of the history. */
  declare shown: number
  declare filter: HistoryFilter
  readonly #task = new TaskController(this)
  readonly #balances: RpcController<Balance> = new RpcController(this, {
    events: ['tip', 'wallet'],
    load: async (node) => balanceOf((await node.rpc('getbalances')).mine),
  })
  readonly #history: RpcController<HistoryPage> = new RpcController(this, {
    events: ['tip', 'wallet', 'channel'],
    key: () => `${this.filter} ${this.shown}`,
    load: (node) => loadHistory(node, this.filter, this.shown),
  })

  /** Whether it is to watch, and watches nothing yet. */
  readonly #isBlank: RpcController<boolean> = new RpcController(this, {
    events: ['wallet'],
    key: () => this.#isWatching,
    load: async (node) => this.#isWatching && (await node.rpc('getwalletinfo')).blank,
  })

  constructor() {
    super()
    this.shown = STEP
    this.filter = 'all'
    new NodeController(this, ['wallet'])
  }

  override render() {
    if (this.#isBlank.value === true)
      return html`<ot-wallet-watch .node=${this.node} .name=${this.node.wallet}></ot-wallet-watch>`
    return html`<div class="head">
        <div class="whose">
          <h1 tabindex="-1" class="wrap" data-testid="whose">${isNamed(this.node) ? walletTitle(this.node.wallet ?? '') : 'Wallet'}</h1>
          ${this.#isWatching ? html`<span class="badge">${icons.search} Watch-only</span>` : nothing}
          <a class="button quiet small" href="/wallet/all">${this.node.wallets.length > 1 ? 'Change wallet' : 'Wallets'}</a>
        </div>
        <div class="row">
          ${this.#lock()}
          <a class="button quiet small" href="/wallet/backup">${this.#isWatching ? 'Keys and labels' : 'Backup and passphrase'}</a>
        </div>
      </div>
      <div class="stack">
        ${
          isBackedUp(this.node)
            ? nothing
            : html`<div class="notice warn">
              ${icons.warning}
              <div>
                <strong>This wallet has no backup yet.</strong> If this browser's data is cleared, its coins are lost.
                <a href="/wallet/backup">Back it up now</a>
              </div>
            </div>`
        }
        <ot-storage-notice .node=${this.node} ?holds-coins=${this.#holdsCoins}></ot-storage-notice>
        ${this.#hero()}
        <section class="card" aria-labelledby="history">
          <div class="spread">
            <h2 id="history">Payments</h2>
            ${this.#filters()}
          </div>
          ${this.#payments()}
        </section>
      </div>`
  }

  get #holdsCoins(): boolean {
    return Object.values(this.#balances.value ?? {}).some((amount) => amount > 0)
  }

  get #isWatching(): boolean {
    return this.node.signer.state === 'none'
  }

  #lock() {
    const { signer } = this.node
    if (signer.state === 'none') return nothing
    if (signer.state === 'locked')
      return html`<button
        class="quiet small"
        @click=${() => requestUnlock(this, this.node, 'Locked, the wallet can receive and mine, but not pay.')}
      >
        ${icons.lock}Unlock
      </button>`
    return html`<button
      class="quiet small"
      ?disabled=${this.#task.running}
      @click=${() => this.#task.run(() => this.node.rpc('walletlock'))}
    >
      ${icons.unlock}Lock now
    </button>`
  }

  #hero() {
    const balances = this.#balances.value
    const { spendable = sats(0), locked = sats(0), pending = sats(0), immature = sats(0) } = balances ?? {}
    return html`<section class="card hero" aria-labelledby="spendable">
      <div class="money">
        <h2 id="spendable">${this.#isWatching ? 'Spendable, by its keys' : 'You can spend'}</h2>
        <p class=${`total ${isLong(spendable) ? 'long' : ''}`} data-testid="spendable">
          ${
            balances
              ? html`${amountText(spendable)} <span class="unit">${coinUnit(spendable)}</span>`
              : html`<span class="muted">…</span>`
          }
        </p>
        ${
          this.#balances.error && !balances
            ? html`<p class="error" role="alert">${sentence(this.#balances.error)}</p>`
            : nothing
        }
      </div>
      <div class="row">
        <a class="button primary" href="/wallet/send">${icons.send}${this.#isWatching ? 'Prepare a payment' : 'Send'}</a>
        <a class="button" href="/wallet/receive">${icons.receive}Receive</a>
      </div>
      <dl class="parts">
        <div>
          <dt>Unconfirmed, from others</dt>
          <dd data-testid="pending">${amount(pending)}</dd>
        </div>
        <div>
          <dt>Mined, not spendable yet</dt>
          <dd data-testid="immature">${amount(immature)}</dd>
        </div>
        ${
          locked > 0
            ? html`<div>
                <dt>Locked: only payments that name them take them</dt>
                <dd data-testid="locked">${amount(locked)}</dd>
              </div>`
            : nothing
        }
      </dl>
    </section>`
  }

  #filters() {
    return html`<fieldset class="filters">
      <legend class="visually-hidden">Show</legend>
      ${(Object.keys(FILTERS) as HistoryFilter[]).map(
        (filter) => html`<label>
            <input
              type="radio"
              name="filter"
              .checked=${this.filter === filter}
              @change=${() => {
                this.filter = filter
                this.shown = STEP
              }}
            />${FILTERS[filter].name}
          </label>`,
      )}
    </fieldset>`
  }

  #payments() {
    const page = this.#history.value
    if (this.#history.error && !page)
      return html`<p class="error" role="alert">${sentence(this.#history.error)}</p>`
    if (!page) return html`<p class="empty">Reading the history…</p>`
    if (page.rows === 0)
      return html`<div class="empty">
        <p>${FILTERS[this.filter].empty}</p>
        <p>
          <a class="button" href="/miner">Start mining</a>
          <a class="button" href="/wallet/receive">Show my address</a>
        </p>
      </div>`
    return html`<ot-payments
        .node=${this.node}
        .payments=${page.payments}
        .filter=${this.filter}
        .most=${this.shown}
      ></ot-payments>
      ${
        page.isWhole
          ? nothing
          : html`<button
            class="quiet"
            @click=${() => {
              this.shown += STEP
            }}
          >
            Show older payments
          </button>`
      }`
  }
}

/** Reads as much of the history as gives so many lines: many rewards make one, and a filter leaves lines out. */
async function loadHistory(node: LiveNode, filter: HistoryFilter, shown: number): Promise<HistoryPage> {
  const overChannels = await channelHistory(node)
  for (let count = 2 * shown; ; count = Math.min(4 * count, MAX_ENTRIES)) {
    const entries = await node.rpc('listtransactions', '*', count)
    const isWhole = entries.length < count
    const payments = joined(paymentsOf(entries), overChannels, isWhole)
    const rows = rowsOf(payments, filter).length
    // The last line may go on in what was not read.
    if (isWhole || rows > shown || count === MAX_ENTRIES)
      return { payments, rows, isWhole: isWhole && rows <= shown }
  }
}
/** Payments over channels, newest first; none where they can't be read now. */
async function channelHistory(node: LiveNode): Promise<readonly Payment[]> {
  if (node.wallet !== '' || !node.identity.testControls || !hasChannels(node)) return []
  try {
    const [{ pays }, { invoices }] = await Promise.all([node.rpc('listpays'), node.rpc('listinvoices')])
    return channelPayments(pays, invoices)
  } catch {
    return []
  }
}

/** Both histories in one, newest first; where the chain's goes on below what was read, so does the other. */
function joined(onChain: readonly Payment[], overChannels: readonly Payment[], isWhole: boolean): Payment[] {
  const oldest = isWhole ? 0 : (onChain.at(-1)?.time ?? 0)
  const left = overChannels.filter(({ time }) => time >= oldest)
  const rows: Payment[] = []
  for (const payment of onChain) {
    while (left.length > 0 && left[0]!.time > payment.time) rows.push(left.shift()!)
    rows.push(payment)
  }
  return [...rows, ...left]
}
customElements.define('ot-wallet-home', WalletHome)
