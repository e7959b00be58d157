/** `<ot-explorer .node page>`: the blocks of this tab's chain, newest first, and the transactions that wait. Thread: Window. */
import { css, html, LitElement, nothing } from 'lit'
import { repeat } from 'lit/directives/repeat.js'
import { type BlockSummary, readBlocks } from '../chain-reader.ts'
import '../components/age.ts'
import { figure } from '../components/amount.ts'
import '../components/hash.ts'
import { RpcController } from '../controllers/rpc-controller.ts'
import {
  amountWithUnit,
  bytesText,
  countText,
  feeRateText,
  fromCoins,
  percentText,
  plural,
} from '../format.ts'
import { type LiveNode, sentence } from '../live-node.ts'
import type { MempoolEntry } from '../rpc-results.ts'
import { base } from '../styles/base.ts'

/** Blocks that a step loads, and rows of the mempool that are shown. */
const STEP = 20

export class ExplorerView extends LitElement {
  static override properties = { node: { attribute: false }, page: {}, shown: { state: true } }
  static override styles = [
    base,
    css`
      nav {
        display: flex;
        gap: 4px;
        margin-bottom: 12px;
      }
      nav a {
        padding: 7px 14px;
        border-radius: 99px;
        color: var(--muted);
        font-weight: 560;
      }
      nav a:hover {
        background: var(--sunken);
        text-decoration: none;
      }
      nav a[aria-current="page"] {
        background: var(--accent-soft);
        color: var(--accent);
      }
      .card {
        padding: 10px 24px 14px;
      }
      td a {
        font-weight: 560;
      }
      .more {
        margin-top: 12px;
      }
      @media (max-width: 640px) {
        .card {
          padding: 6px 16px 10px;
        }
      }
    `,
  ]
  declare node: LiveNode
  declare page: 'blocks' | 'mempool'
  declare shown: number
  readonly #blocks: RpcController<BlockSummary[]> = new RpcController(this, {
    events: ['tip'],
    load: async (node) => readBlocks(node, await node.rpc('getblockcount'), this.shown),
  })
  readonly #waiting: RpcController<[string, MempoolEntry][]> = new RpcController(this, {
    events: ['tip', 'transaction'],
    load: async (node) => {
      const entries = Object.entries(await node.rpc('getrawmempool', true))
      const rate = ({ fees, vsize }: MempoolEntry) => fees.base / vsize
      return entries.sort(([, a], [, b]) => rate(b) - rate(a))
    },
  })

  constructor() {
    super()
    this.shown = STEP
    this.page = 'blocks'
  }

  #showMore(): void {
    this.shown += STEP
    this.#blocks.reload()
  }

  override render() {
    const waiting = this.#waiting.value
    const current = (page: string) => (this.page === page ? 'page' : nothing)
    return html`<div class="head"><h1 tabindex="-1">Explorer</h1></div>
      <nav aria-label="Explorer">
        <a href="/explorer" aria-current=${current('blocks')}>Blocks</a>
        <a href="/explorer/mempool" aria-current=${current('mempool')}
          >Waiting${waiting ? ` (${countText(waiting.length)})` : ''}</a
        >
      </nav>
      ${this.page === 'blocks' ? this.#blockList() : this.#mempool()}`
  }

  #blockList() {
    const blocks = this.#blocks.value
    if (!blocks) return this.#pending(this.#blocks.error, 'Reading the chain…')
    const oldest = blocks.at(-1)
    return html`<div class="card">
      <div class="scroll">
        <table>
          <thead>
            <tr>
              <th scope="col">Height</th>
              <th scope="col">Mined</th>
              <th scope="col" class="end">Transactions</th>
              <th scope="col" class="end wide-only">Size</th>
              <th scope="col" class="end wide-only">Full</th>
              <th scope="col" class="end wide-only">Hash</th>
            </tr>
          </thead>
          <tbody>
            ${repeat(
              blocks,
              ({ hash }) => hash,
              (block) => this.#blockRow(block),
            )}
          </tbody>
        </table>
      </div>
      ${
        oldest && oldest.height > 0
          ? html`<button class="quiet more" @click=${() => this.#showMore()}>Show older blocks</button>`
          : nothing
      }
    </div>`
  }

  #blockRow({ hash, height, time, transactions, size, weight }: BlockSummary) {
    const percent = (weight / this.node.identity.params.weightLimit) * 100
    return html`<tr>
      <td><a href=${`/block/${hash}`}>${countText(height)}</a></td>
      <td class="muted">${height === 0 ? 'the first block' : html`<ot-age .time=${time}></ot-age>`}</td>
      <td class="end">${countText(transactions)}</td>
      <td class="end wide-only">${figure(bytesText(size))}</td>
      <td class="end wide-only">${figure(percentText(percent))}</td>
      <td class="end wide-only"><ot-hash .value=${hash} path=${`/block/${hash}`} what="block hash"></ot-hash></td>
    </tr>`
  }

  #mempool() {
    const waiting = this.#waiting.value
    if (!waiting) return this.#pending(this.#waiting.error, 'Reading the mempool…')
    if (waiting.length === 0)
      return html`<div class="card empty">
        <p>No transaction waits for a block. A payment shows here until it is mined.</p>
        <p><a class="button" href="/wallet/send">Send a payment</a></p>
      </div>`
    const hidden = waiting.length - this.shown
    return html`<div class="card">
      <div class="scroll">
        <table>
          <thead>
            <tr>
              <th scope="col">Transaction</th>
              <th scope="col" class="end">Fee rate</th>
              <th scope="col" class="end wide-only">Fee</th>
              <th scope="col" class="end wide-only">Size</th>
              <th scope="col" class="end">Seen</th>
            </tr>
          </thead>
          <tbody>
            ${repeat(
              waiting.slice(0, this.shown),
              ([txid]) => txid,
              ([txid, { vsize, time, fees }]) =>
                html`<tr>
                  <td><ot-hash .value=${txid} path=${`/tx/${txid}`} what="transaction id" plain></ot-hash></td>
                  <td class="end">${figure(feeRateText(fromCoins(fees.base) / vsize))}</td>
                  <td class="end wide-only">${figure(amountWithUnit(fromCoins(fees.base)))}</td>
                  <td class="end wide-only">${figure(`${countText(vsize)} vB`)}</td>
                  <td class="end muted"><ot-age .time=${time}></ot-age></td>
                </tr>`,
            )}
          </tbody>
        </table>
      </div>
      ${
        hidden > 0
          ? html`<button class="quiet more" @click=${() => this.#showMore()}>Show ${plural(Math.min(hidden, STEP), 'more', 'more')}</button>`
          : nothing
      }
    </div>`
  }

  #pending(error: unknown, text: string) {
    return html`<div class="card empty">
      ${error === undefined ? html`<p>${text}</p>` : html`<p class="error" role="alert">${sentence(error)}</p>`}
    </div>`
  }
}
customElements.define('ot-explorer', ExplorerView)
