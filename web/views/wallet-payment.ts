/** `<ot-wallet-payment .node .txid>`: one payment of the wallet, and what can still be done about it while it waits. Thread: Window. */
import { css, html, LitElement, nothing } from 'lit'
import { amount, signedAmount } from '../components/amount.ts'
import { badgeOf } from '../components/confirmations.ts'
import '../components/hash.ts'
import { feeOffer } from '../components/fee-picker.ts'
import { icons } from '../components/icons.ts'
import '../components/rate-field.ts'
import type { RateField } from '../components/rate-field.ts'
import { walletLink } from '../components/wallet-link.ts'
import { RpcController } from '../controllers/rpc-controller.ts'
import { TaskController } from '../controllers/task-controller.ts'
import { countText, dateText, feeRateText, fromCoins } from '../format.ts'
import { type Payment, paymentsOf, paymentTitle } from '../history.ts'
import { type LiveNode, sentence } from '../live-node.ts'
import { readFeeRate } from '../payment.ts'
import { notify } from '../requests.ts'
import { type Review, reviewOf } from '../review.ts'
import { navigate } from '../router.ts'
import type { WalletTransactionDetail } from '../rpc-results.ts'
import { base } from '../styles/base.ts'
import './send-elsewhere.ts'
import './send-review.ts'

interface Waiting {
  /** Satoshis per virtual byte. */
  readonly rate: number
  readonly vsize: number
  /** What the fastest payment needs now, satoshis per virtual byte. */
  readonly needed: number
}

interface Detail {
  readonly payment: Payment
  readonly transaction: WalletTransactionDetail
  /** How it waits in the mempool, if it does. */
  readonly waiting: Waiting | undefined
}

export class WalletPayment extends LitElement {
  static override properties = {
    node: { attribute: false },
    txid: {},
    rateTyped: { state: true },
    rateProblem: { state: true },
    bumping: { state: true },
    review: { state: true },
    unsigned: { state: true },
  }
  static override styles = [
    base,
    css`
      :host {
        max-width: 720px;
        margin: 0 auto;
      }
      .amount {
        margin-top: 4px;
        font-size: 36px;
        line-height: 1.2;
        font-weight: 640;
        letter-spacing: -0.03em;
        overflow-wrap: anywhere;
      }
      .amount .unit {
        font-size: 18px;
        letter-spacing: 0;
      }
      form {
        display: grid;
        gap: 14px;
        max-width: 320px;
      }
    `,
  ]
  declare node: LiveNode
  declare txid: string
  declare rateTyped: string
  /** What is wrong with it, a sentence. */
  declare rateProblem: string | undefined
  declare bumping: boolean
  /** The same payment at a higher fee, to be confirmed. */
  declare review: Review | undefined
  /** That, to be signed elsewhere, base64: the wallet only watches. */
  declare unsigned: string | undefined
  readonly #task = new TaskController(this)
  readonly #detail: RpcController<Detail> = new RpcController(this, {
    events: ['tip', 'wallet', 'transaction'],
    key: () => this.txid,
    load: async (node) => {
      const transaction = await node.rpc('gettransaction', this.txid)
      const entry =
        transaction.confirmations === 0
          ? await node.rpc('getmempoolentry', this.txid).catch(() => undefined)
          : undefined
      const entries = transaction.details.map((detail) => ({ ...transaction, ...detail }))
      return {
        transaction,
        payment: paymentsOf(entries)[0]!,
        waiting: entry && {
          rate: fromCoins(entry.fees.base) / entry.vsize,
          vsize: entry.vsize,
          needed: await neededRate(node),
        },
      }
    },
  })

  constructor() {
    super()
    this.rateTyped = ''
    this.bumping = false
  }

  /** Has the replacement prepared, and read by the keeper of keys. */
  async #prepare(event: SubmitEvent, rate: number, note: string): Promise<void> {
    event.preventDefault()
    const { value, problem } = readFeeRate(this.rateTyped, Math.floor(rate) + 1)
    this.rateProblem = problem
    if (value === undefined) return
    const { txid } = this
    this.review = await this.#task.run(async () => {
      const { psbt, reduced = 0 } = await this.node.rpc('psbtbumpfee', txid, { fee_rate: value })
      if (this.node.signer.state === 'none') {
        this.unsigned = psbt
        return
      }
      const read = await this.node.rpc('reviewpsbt', psbt)
      return { ...reviewOf(psbt, read, note), replaces: { txid, reduced: fromCoins(reduced) } }
    })
  }

  #bumped(txid: string): void {
    this.bumping = false
    this.review = undefined
    this.unsigned = undefined
    notify(this, 'The payment was sent again with a higher fee.')
    navigate(this, `/wallet/tx/${txid}`)
  }

  async #abandon(): Promise<void> {
    const done = await this.#task.run(async () => {
      await this.node.rpc('abandontransaction', this.txid)
      return true
    })
    if (done) this.#detail.reload()
  }

  override willUpdate(changed: Map<PropertyKey, unknown>): void {
    // What is about another payment is not kept.
    if (!changed.has('txid')) return
    this.bumping = false
    this.review = undefined
    this.unsigned = undefined
  }

  override render() {
    const detail = this.#detail.value
    if (!detail)
      return html`<div class="card empty">
        ${
          this.#detail.error
            ? html`<h1 tabindex="-1">Not found</h1>
              <p>${sentence(this.#detail.error)}</p>
              <p><a class="button" href="/wallet">Back to the wallet</a></p>`
            : html`<p>Reading the payment…</p>`
        }
      </div>`
    const { payment, transaction, waiting } = detail
    if (this.unsigned !== undefined)
      return html`<ot-send-elsewhere
        .node=${this.node}
        .psbt=${this.unsigned}
        .replaces=${this.txid}
        @sent=${(event: CustomEvent<string>) => this.#bumped(event.detail)}
        @back=${() => {
          this.unsigned = undefined
        }}
      ></ot-send-elsewhere>`
    if (this.review)
      return html`<ot-send-review
        .node=${this.node}
        .review=${this.review}
        @sent=${(event: CustomEvent<string>) => this.#bumped(event.detail)}
        @back=${() => {
          this.review = undefined
        }}
      ></ot-send-review>`
    return html`<div class="head">
        <div>
          ${walletLink(this.node)}
          <h1 tabindex="-1">${paymentTitle(payment)}</h1>
          <p class="amount">${signedAmount(payment.net)}</p>
        </div>
        <ot-confirmations
          .count=${payment.confirmations}
          .of=${payment.immature ? this.node.identity.params.coinbaseMaturity : undefined}
          .state=${badgeOf(payment)}
        ></ot-confirmations>
      </div>
      <div class="stack">
        ${this.#state(payment, transaction)}
        <section class="card">
          <dl class="facts">
            ${transaction.details.map(({ category, amount: value, address }) =>
              address
                ? html`<div>
                    <dt>${category === 'send' ? 'Paid to' : 'Received at'}</dt>
                    <dd>
                      <ot-hash .value=${address} path=${`/address/${address}`} what="address"></ot-hash>
                      ${transaction.details.length > 1 ? signedAmount(fromCoins(value)) : nothing}
                    </dd>
                  </div>`
                : nothing,
            )}
            ${
              payment.fee > 0
                ? html`<div>
                  <dt>Fee</dt>
                  <dd>${amount(payment.fee)}${waiting ? html` <span class="muted">(${feeRateText(waiting.rate)})</span>` : nothing}</dd>
                </div>`
                : nothing
            }
            <div>
              <dt>Time</dt>
              <dd>${dateText(transaction.time)}</dd>
            </div>
            ${
              transaction.blockhash && transaction.confirmations > 0
                ? html`<div>
                  <dt>Block</dt>
                  <dd>
                    <a href=${`/block/${transaction.blockhash}`}
                      >${transaction.blockheight === undefined ? 'Show' : countText(transaction.blockheight)}</a
                    >
                  </dd>
                </div>`
                : nothing
            }
            <div>
              <dt>Transaction</dt>
              <dd><ot-hash .value=${this.txid} path=${`/tx/${this.txid}`} what="transaction id"></ot-hash></dd>
            </div>
          </dl>
        </section>
        ${this.#actions(payment, waiting)}
      </div>`
  }

  #state(payment: Payment, { walletconflicts = [] }: WalletTransactionDetail) {
    const other = walletconflicts[0]
    const link = other ? html`<a href=${`/wallet/tx/${other}`}>Show the other one</a>` : nothing
    const note = (text: unknown) => html`<div class="notice">${icons.info}<div>${text}</div></div>`
    const by = payment.replacedBy
    if (payment.state === 'replaced')
      return note(
        html`Another payment with a higher fee took the place of this one.
          ${by === undefined ? link : html`<a href=${`/wallet/tx/${by}`}>Show that one</a>`}`,
      )
    if (payment.state === 'orphaned')
      return note('The network chose another block: this coin was never made.')
    if (payment.state === 'abandoned')
      return note(html`This payment was given up. Its coins are yours again. ${link}`)
    if (payment.state === 'conflicted')
      return html`<div class="notice bad" role="alert">
        ${icons.warning}
        <div>Another transaction that spends the same coins was confirmed: this one will not be. ${link}</div>
      </div>`
    return nothing
  }

  #actions(payment: Payment, waiting: Waiting | undefined) {
    const isOwn = payment.kind === 'sent' || payment.kind === 'moved'
    if (payment.state !== 'pending' || !isOwn) return nothing
    return html`<section class="card stack" aria-labelledby="actions">
      <div>
        <h2 id="actions">While it waits</h2>
        <p class="hint">
          ${
            waiting === undefined
              ? 'This tab no longer holds it for a block. Give it up to have its coins back.'
              : 'A higher fee has it mined sooner.'
          }
        </p>
      </div>
      ${
        waiting === undefined
          ? html`<button ?disabled=${this.#task.running} @click=${() => this.#abandon()}>Give this payment up</button>`
          : this.bumping
            ? html`<form novalidate @submit=${(event: SubmitEvent) => this.#prepare(event, waiting.rate, payment.label ?? '')}>
              <ot-rate
                label=${`New fee rate, sat/vB (now ${feeRateText(waiting.rate)})`}
                .value=${this.rateTyped}
                .vsize=${waiting.vsize}
                .needed=${waiting.needed}
                .problem=${this.rateProblem}
                @change=${(event: Event) => {
                  this.rateTyped = (event.target as RateField).value
                  this.rateProblem = undefined
                }}
                @submit=${(event: Event) => (event.target as RateField).closest('form')?.requestSubmit()}
              ></ot-rate>
              <div class="row">
                <button class="primary" ?disabled=${this.#task.running}>
                  ${this.#task.running ? 'Preparing…' : 'Review with this fee'}
                </button>
                <button
                  type="button"
                  @click=${() => {
                    this.bumping = false
                    this.#task.cancel()
                  }}
                >
                  Cancel
                </button>
              </div>
            </form>`
            : html`<button
              @click=${() => {
                this.bumping = true
                this.rateTyped = String(Math.ceil(waiting.rate * 2))
                this.rateProblem = undefined
              }}
            >
              Raise the fee
            </button>`
      }
      ${this.#task.problem ? html`<p class="error" role="alert">${this.#task.problem}</p>` : nothing}
    </section>`
  }
}
/** What the fastest payment needs now, satoshis per virtual byte. */
async function neededRate(node: LiveNode): Promise<number> {
  const { choices, minimum } = await feeOffer(node)
  return Math.max(minimum, ...choices.map(({ rate }) => rate))
}
customElements.define('ot-wallet-payment', WalletPayment)
