/** `<ot-block .node .blockId>`: one block, named by hash or height. Its body is read once; its confirmations count up live. Thread: Window. */
import { css, html, LitElement, nothing } from 'lit'
import { sats } from '../../src/primitives/amount.ts'
import '../components/age.ts'
import { amount, figure } from '../components/amount.ts'
import '../components/hash.ts'
import { nothingHere } from '../components/not-found.ts'
import { icons } from '../components/view-icons.ts'
import { RpcController } from '../controllers/rpc-controller.ts'
import {
  bytesText,
  countText,
  dateText,
  feeRateText,
  fromCoins,
  hashesPerBlock,
  percentText,
  plural,
  siText,
} from '../format.ts'
import { type LiveNode, sentence } from '../live-node.ts'
import type { BlockHeaderResult, BlockWithTransactions, TransactionResult } from '../rpc-results.ts'
import { base } from '../styles/base.ts'

/** Transactions that a step shows. */
const STEP = 25

export class BlockView extends LitElement {
  static override properties = {
    node: { attribute: false },
    blockId: { attribute: false },
    shown: { state: true },
  }
  static override styles = [
    base,
    css`
      .two {
        display: grid;
        grid-template-columns: 1fr 1fr;
        column-gap: 48px;
      }
      .two dl:nth-child(2) > div:first-child {
        border-top: 0;
      }
      section h2 {
        margin-bottom: 8px;
      }
      .more {
        margin-top: 12px;
      }
      @media (max-width: 760px) {
        .two {
          grid-template-columns: minmax(0, 1fr);
        }
        .two dl:nth-child(2) > div:first-child {
          border-top: 1px solid var(--line);
        }
      }
    `,
  ]
  declare node: LiveNode
  /** Hash or height. */
  declare blockId: string
  declare shown: number
  readonly #block: RpcController<BlockWithTransactions> = new RpcController(this, {
    key: () => this.blockId,
    load: async (node) => {
      const hash = await hashOf(node, this.blockId)
      return node.rpc('getblock', hash, 3)
    },
  })
  /** What changes while the chain goes on; a height may come to name another block, or one at all. */
  readonly #header: RpcController<BlockHeaderResult> = new RpcController(this, {
    events: ['tip'],
    key: () => this.blockId,
    load: async (node) => {
      const header = await node.rpc('getblockheader', await hashOf(node, this.blockId))
      const { value, error } = this.#block
      if (error || (value && value.hash !== header.hash)) this.#block.reload()
      return header
    },
  })

  constructor() {
    super()
    this.shown = STEP
  }

  override render() {
    const { value: block, error } = this.#block
    const name = /^\d+$/.test(this.blockId) ? `Block ${countText(Number(this.blockId))}` : 'Block'
    // One heading whatever is known of the block: it may have the focus.
    return html`<div class="head">
        <div class="row">
          <h1 tabindex="-1">${block ? `Block ${countText(block.height)}` : error ? 'Not found' : name}</h1>
          ${block ? this.#place(this.#header.value ?? block) : nothing}
        </div>
        ${block ? this.#neighbours(this.#header.value ?? block) : nothing}
      </div>
      ${
        block
          ? html`<div class="stack">
            <section class="card two">${this.#facts(block)}</section>
            <section class="card" aria-labelledby="transactions">
              <h2 id="transactions">${plural(block.tx.length, 'transaction')}</h2>
              ${this.#transactions(block.tx)}
            </section>
          </div>`
          : error
            ? nothingHere(sentence(error))
            : html`<div class="card empty"><p>Reading the block…</p></div>`
      }`
  }

  #place({ confirmations }: Pick<BlockHeaderResult, 'confirmations'>) {
    return confirmations > 0
      ? html`<span class="badge good">${plural(confirmations, 'confirmation')}</span>`
      : html`<span class="badge warn">Not in the active chain</span>`
  }

  #neighbours({
    height,
    confirmations,
    previousblockhash,
    nextblockhash,
  }: Pick<BlockHeaderResult, 'height' | 'confirmations' | 'previousblockhash' | 'nextblockhash'>) {
    return html`<div class="row">
      ${
        previousblockhash
          ? html`<a class="button small" href=${`/block/${previousblockhash}`} aria-label=${`Block ${countText(height - 1)}, before this one`}
            >${icons.back}${countText(height - 1)}</a
          >`
          : nothing
      }
      ${
        nextblockhash
          ? html`<a class="button small" href=${`/block/${nextblockhash}`} aria-label=${`Block ${countText(height + 1)}, after this one`}
            >${countText(height + 1)}${icons.forward}</a
          >`
          : confirmations > 0
            ? html`<span class="badge">Latest</span>`
            : nothing
      }
    </div>`
  }

  #facts(block: BlockWithTransactions) {
    const fees = sats(block.tx.reduce((sum, { fee }) => sum + fromCoins(fee ?? 0), 0))
    const reward = sats((block.tx[0]?.vout ?? []).reduce((sum, { value }) => sum + fromCoins(value), 0))
    const miner = block.tx[0]?.vout.find(({ scriptPubKey }) => scriptPubKey.address)?.scriptPubKey.address
    const percent = (block.weight / this.node.identity.params.weightLimit) * 100
    return html`<dl class="facts">
        <div>
          <dt>Hash</dt>
          <dd><ot-hash .value=${block.hash} what="block hash"></ot-hash></dd>
        </div>
        <div>
          <dt>Time</dt>
          <dd>${dateText(block.time)} <span class="muted">(<ot-age .time=${block.time}></ot-age>)</span></dd>
        </div>
        <div>
          <dt>Miner was paid</dt>
          <dd>${amount(reward)}</dd>
        </div>
        <div>
          <dt>of this, fees</dt>
          <dd>${amount(fees)}</dd>
        </div>
        ${
          miner
            ? html`<div>
              <dt>Miner</dt>
              <dd><ot-hash .value=${miner} path=${`/address/${miner}`} what="address"></ot-hash></dd>
            </div>`
            : nothing
        }
      </dl>
      <dl class="facts">
        <div>
          <dt>Size</dt>
          <dd>${figure(bytesText(block.size))}</dd>
        </div>
        <div>
          <dt>Weight</dt>
          <dd>${figure(`${countText(block.weight)} WU`)} <span class="muted">(${percentText(percent)} full)</span></dd>
        </div>
        <div>
          <dt>Work</dt>
          <dd>${figure(siText(hashesPerBlock(block.difficulty), 'H'))} <span class="muted">on average</span></dd>
        </div>
        <div>
          <dt>Nonce</dt>
          <dd>${countText(block.nonce)}</dd>
        </div>
        <div>
          <dt>Merkle root</dt>
          <dd><ot-hash .value=${block.merkleroot} what="merkle root"></ot-hash></dd>
        </div>
      </dl>`
  }

  #transactions(transactions: readonly TransactionResult[]) {
    const hidden = transactions.length - this.shown
    return html`<div class="scroll">
        <table>
          <thead>
            <tr>
              <th scope="col">Transaction</th>
              <th scope="col" class="end">Pays</th>
              <th scope="col" class="end wide-only">Inputs → outputs</th>
              <th scope="col" class="end wide-only">Size</th>
              <th scope="col" class="end wide-only">Fee rate</th>
            </tr>
          </thead>
          <tbody>
            ${transactions.slice(0, this.shown).map((transaction, at) => this.#row(transaction, at === 0))}
          </tbody>
        </table>
      </div>
      ${
        hidden > 0
          ? html`<button
            class="quiet more"
            @click=${() => {
              this.shown += STEP
            }}
          >
            Show ${plural(Math.min(hidden, STEP), 'more', 'more')}
          </button>`
          : nothing
      }`
  }

  #row({ txid, vin, vout, vsize, fee }: TransactionResult, isCoinbase: boolean) {
    const value = sats(vout.reduce((sum, output) => sum + fromCoins(output.value), 0))
    return html`<tr>
      <td><ot-hash .value=${txid} path=${`/tx/${txid}`} what="transaction id" plain></ot-hash></td>
      <td class="end">${amount(value)}</td>
      <td class="end wide-only">${isCoinbase ? 'new coins' : countText(vin.length)} → ${countText(vout.length)}</td>
      <td class="end wide-only">${figure(`${countText(vsize)} vB`)}</td>
      <td class="end wide-only">${fee === undefined ? html`<span class="muted">–</span>` : figure(feeRateText(fromCoins(fee) / vsize))}</td>
    </tr>`
  }
}

/** The hash behind what a path names: a height in digits, or a hash. */
function hashOf(node: LiveNode, id: string): Promise<string> {
  return /^\d{1,10}$/.test(id) ? node.rpc('getblockhash', Number(id)) : Promise.resolve(id)
}
customElements.define('ot-block', BlockView)
