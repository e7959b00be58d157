/** `<ot-transaction .node .txid>`: one transaction of the chain or the mempool. Thread: Window. */
import { css, html, LitElement, nothing } from 'lit'
import { type Sats, sats } from '../../src/primitives/amount.ts'
import { amount, figure } from '../components/amount.ts'
import '../components/age.ts'
import '../components/confirmations.ts'
import '../components/hash.ts'
import { nothingHere } from '../components/not-found.ts'
import '../components/transaction-flow.ts'
import { RpcController } from '../controllers/rpc-controller.ts'
import { bytesText, countText, dateText, feeRateText, fromCoins } from '../format.ts'
import { type LiveNode, sentence } from '../live-node.ts'
import type { BlockHeaderResult, TransactionResult } from '../rpc-results.ts'
import { base } from '../styles/base.ts'

/** Outputs of which it is asked whether they are spent. */
const ASKED = 20

interface Found {
  readonly transaction: TransactionResult
  readonly block: BlockHeaderResult | undefined
  readonly spent: ReadonlyMap<number, boolean>
}

export class TransactionView extends LitElement {
  static override properties = { node: { attribute: false }, txid: {} }
  static override styles = [
    base,
    css`
      section .spread {
        flex-wrap: nowrap;
        align-items: baseline;
        margin-bottom: 8px;
      }
    `,
  ]
  declare node: LiveNode
  declare txid: string
  readonly #found: RpcController<Found> = new RpcController(this, {
    events: ['tip', 'transaction'],
    key: () => this.txid,
    load: async (node) => {
      const transaction = await node.rpc('getrawtransaction', this.txid, 1)
      const block = transaction.blockhash
        ? await node.rpc('getblockheader', transaction.blockhash)
        : undefined
      const coins = await Promise.all(
        transaction.vout
          .slice(0, ASKED)
          .map(async ({ n }) => [n, (await node.rpc('gettxout', this.txid, n)) === null] as const),
      )
      return { transaction, block, spent: new Map(coins) }
    },
  })

  override render() {
    const { value: found, error } = this.#found
    // One heading whatever is known: it may have the focus.
    return html`<div class="head">
        <h1 tabindex="-1">${error && !found ? 'Not found' : 'Transaction'}</h1>
        ${found ? html`<ot-confirmations .count=${found.transaction.confirmations ?? 0}></ot-confirmations>` : nothing}
      </div>
      ${
        found
          ? this.#show(found)
          : error
            ? nothingHere(sentence(error))
            : html`<div class="card empty"><p>Reading the transaction…</p></div>`
      }`
  }

  #show({ transaction, block, spent }: Found) {
    const total = sats(transaction.vout.reduce((sum, { value }) => sum + fromCoins(value), 0))
    const fee = feeOf(transaction, total)
    return html`<div class="stack">
        <section class="card">
          <dl class="facts">
            <div>
              <dt>Transaction id</dt>
              <dd><ot-hash full .value=${transaction.txid} what="transaction id"></ot-hash></dd>
            </div>
            <div>
              <dt>Status</dt>
              <dd>
                ${
                  block
                    ? html`<p>
                        In block <a href=${`/block/${block.hash}`}>${countText(block.height)}</a>, ${dateText(block.time)}
                        <span class="muted">(<ot-age .time=${block.time}></ot-age>)</span>
                      </p>`
                    : 'Waits for a block'
                }
              </dd>
            </div>
            <div>
              <dt>Fee</dt>
              <dd>
                ${
                  fee === undefined
                    ? html`<span class="muted">none: it makes new coins</span>`
                    : html`${amount(fee)} <span class="muted">(${feeRateText(fee / transaction.vsize)})</span>`
                }
              </dd>
            </div>
            <div>
              <dt>Size</dt>
              <dd>
                ${figure(`${countText(transaction.vsize)} vB`)}
                <span class="muted">(${bytesText(transaction.size)}, ${countText(transaction.weight)} WU)</span>
              </dd>
            </div>
            ${
              transaction.locktime > 0
                ? html`<div>
                  <dt>Lock time</dt>
                  <dd>
                    ${
                      transaction.locktime < LOCKTIME_THRESHOLD
                        ? `block ${countText(transaction.locktime)}`
                        : dateText(transaction.locktime)
                    }
                  </dd>
                </div>`
                : nothing
            }
          </dl>
        </section>
        <section class="card" aria-labelledby="flow">
          <div class="spread">
            <h2 id="flow">Inputs and outputs</h2>
            <span>${amount(total)}</span>
          </div>
          <ot-transaction-flow .transaction=${transaction} .spent=${spent}></ot-transaction-flow>
        </section>
      </div>`
  }
}

/** Lock times below it are heights, others times (Bitcoin Core's LOCKTIME_THRESHOLD). */
const LOCKTIME_THRESHOLD = 500_000_000

/** Undefined for a coinbase, or where a spent output isn't known. */
function feeOf({ vin }: TransactionResult, total: Sats): Sats | undefined {
  let paid = 0
  for (const { prevout } of vin) {
    if (!prevout) return undefined
    paid += fromCoins(prevout.value)
  }
  return sats(paid - total)
}
customElements.define('ot-transaction', TransactionView)
