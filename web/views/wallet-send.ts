/**
 * `<ot-wallet-send .node>`: a payment in three steps: form, review, sent. Nothing is signed before the review is confirmed; until then it can
 * be left without a trace. Thread: Window.
 */
import { css, html, LitElement, nothing } from 'lit'
import { RPC_WALLET_UNLOCK_NEEDED } from '../../src/node/rpc-error.ts'
import { formatCoins, type Sats, sats } from '../../src/primitives/amount.ts'
import { amount } from '../components/amount.ts'
import '../components/confirmations.ts'
import '../components/hash.ts'
import { icons } from '../components/icons.ts'
import { NodeController } from '../controllers/node-controller.ts'
import { RpcController } from '../controllers/rpc-controller.ts'
import { TaskController } from '../controllers/task-controller.ts'
import { amountText, amountWithUnit, durationText, feeRateText, fromCoins, plural } from '../format.ts'
import { type LiveNode, rpcCode } from '../live-node.ts'
import {
  FEE_TARGETS,
  type FeeChoice,
  type FeeSpeed,
  feeChoices,
  readAmount,
  readFeeRate,
  readRecipient,
  satsPerVbyte,
} from '../payment.ts'
import { requestUnlock } from '../requests.ts'
import type {
  AddressValidation,
  Balances,
  FeeEstimate,
  FundedPsbt,
  MempoolInfo,
  WalletTransactionDetail,
} from '../rpc-results.ts'
import { base } from '../styles/base.ts'

/** What is about to be paid. */
interface Review {
  readonly psbt: string
  readonly address: string
  /** What the recipient gets. */
  readonly amount: Sats
  readonly fee: Sats
  readonly change: Sats
  /** Virtual bytes. */
  readonly vsize: number | undefined
}

export class WalletSend extends LitElement {
  static override properties = {
    node: { attribute: false },
    recipient: { state: true },
    amountTyped: { state: true },
    all: { state: true },
    speed: { state: true },
    rateTyped: { state: true },
    problems: { state: true },
    suggestion: { state: true },
    review: { state: true },
    txid: { state: true },
  }
  static override styles = [
    base,
    css`
      :host {
        max-width: 600px;
        margin: 0 auto;
      }
      form {
        display: grid;
        gap: 24px;
      }
      .with-unit {
        position: relative;
      }
      .with-unit input {
        padding-right: 132px !important;
      }
      .with-unit .unit {
        position: absolute;
        top: 10px;
        right: 70px;
        pointer-events: none;
      }
      .with-unit button {
        position: absolute;
        inset: 5px 5px auto auto;
        min-height: 34px;
        padding: 0 12px;
        font-size: 14px;
      }
      .speeds {
        display: grid;
        grid-template-columns: repeat(4, minmax(0, 1fr));
        gap: 8px;
      }
      .speeds label {
        margin: 0;
        padding: 10px 12px;
        border: 1px solid var(--line-strong);
        border-radius: var(--radius-small);
        font-weight: 560;
        cursor: pointer;
      }
      .speeds label:has(:checked) {
        border-color: var(--accent);
        background: var(--accent-soft);
      }
      .speeds label:has(:focus-visible) {
        outline: 2px solid var(--accent);
        outline-offset: 2px;
      }
      .speeds input {
        position: absolute;
        opacity: 0;
        pointer-events: none;
      }
      .speeds span {
        display: block;
        color: var(--muted);
        font-size: 13px;
        font-weight: 400;
      }
      .custom {
        margin-top: 12px;
      }
      .total dt,
      .total dd {
        color: var(--text);
        font-size: 17px;
        font-weight: 620;
      }
      .sent {
        text-align: center;
      }
      .emblem {
        display: grid;
        place-items: center;
        width: 64px;
        height: 64px;
        margin: 0 auto;
        border-radius: 50%;
        background: var(--accent-soft);
        color: var(--accent);
      }
      .emblem svg {
        width: 32px;
        height: 32px;
      }
      .sent .row {
        justify-content: center;
      }
      @media (max-width: 520px) {
        .speeds {
          grid-template-columns: 1fr 1fr;
        }
      }
    `,
  ]
  declare node: LiveNode
  declare recipient: string
  declare amountTyped: string
  /** The whole balance; the fee is taken from it. */
  declare all: boolean
  declare speed: FeeSpeed | 'custom'
  declare rateTyped: string
  declare problems: Readonly<Record<'recipient' | 'amount' | 'rate', string | undefined>>
  /** An address that was probably meant. */
  declare suggestion: string | undefined
  declare review: Review | undefined
  /** Of the payment that was sent. */
  declare txid: string | undefined
  readonly #task = new TaskController(this)
  #label = ''

  readonly #balance: RpcController<Sats> = new RpcController(this, {
    events: ['tip', 'wallet'],
    load: async (node) => fromCoins((await node.rpc<Balances>('getbalances')).mine.trusted),
  })
  readonly #fees: RpcController<{ choices: FeeChoice[]; minimum: number }> = new RpcController(this, {
    events: ['tip'],
    load: async (node) => {
      const { mempoolminfee } = await node.rpc<MempoolInfo>('getmempoolinfo')
      const minimum = satsPerVbyte(mempoolminfee)
      const estimates = await Promise.all(
        Object.values(FEE_TARGETS).map((blocks) => node.rpc<FeeEstimate>('estimatesmartfee', blocks)),
      )
      return { choices: feeChoices(estimates, minimum), minimum }
    },
  })
  readonly #sent: RpcController<WalletTransactionDetail | undefined> = new RpcController(this, {
    events: ['tip', 'wallet'],
    key: () => this.txid,
    load: async (node) =>
      this.txid === undefined ? undefined : node.rpc<WalletTransactionDetail>('gettransaction', this.txid),
  })

  constructor() {
    super()
    this.#reset()
    new NodeController(this, ['wallet'])
  }

  #reset(): void {
    this.recipient = ''
    this.amountTyped = ''
    this.all = false
    this.speed = 'normal'
    this.rateTyped = ''
    this.problems = { recipient: undefined, amount: undefined, rate: undefined }
    this.suggestion = undefined
    this.review = undefined
    this.txid = undefined
    this.#label = ''
  }

  override updated(changed: Map<string, unknown>): void {
    const isNewStep = changed.has('review') || changed.has('txid')
    if (isNewStep && this.hasUpdated) this.renderRoot.querySelector<HTMLElement>('h1')?.focus()
  }

  /** A link fills in amount and label; the field keeps the address. */
  #typeRecipient(text: string): void {
    this.recipient = text
    this.suggestion = undefined
    this.problems = { ...this.problems, recipient: undefined }
    const link = readRecipient(text).value
    if (!link || link.address === text.trim()) return
    this.recipient = link.address
    this.#label = link.label ?? ''
    if (link.amount === undefined) return
    this.amountTyped = amountText(link.amount).replaceAll(',', '')
    this.all = false
  }

  /** Checks the address as soon as it is left, and before the review. */
  async #checkRecipient(): Promise<string | undefined> {
    const { value, problem } = readRecipient(this.recipient)
    if (!value) {
      this.problems = { ...this.problems, recipient: problem }
      return undefined
    }
    const asked = this.recipient
    const answer = await this.node.rpc<AddressValidation>('validateaddress', value.address)
    if (this.recipient !== asked) return undefined
    this.suggestion = answer.suggestion
    this.problems = {
      ...this.problems,
      recipient: answer.isvalid
        ? undefined
        : (answer.error ?? 'This is not an address. Was it copied whole?'),
    }
    return answer.isvalid ? value.address : undefined
  }

  #checkAmount(): Sats | undefined {
    const spendable = this.#balance.value ?? sats(0)
    if (this.all && spendable > 0) return spendable
    const { value, problem } = readAmount(this.amountTyped, spendable)
    this.problems = { ...this.problems, amount: problem }
    return value
  }

  #checkRate(): number | undefined {
    const fees = this.#fees.value
    if (this.speed !== 'custom') return fees?.choices.find(({ speed }) => speed === this.speed)?.rate ?? 1
    const { value, problem } = readFeeRate(this.rateTyped, fees?.minimum ?? 1)
    this.problems = { ...this.problems, rate: problem }
    return value
  }

  async #submit(event: SubmitEvent): Promise<void> {
    event.preventDefault()
    const [asked, rate] = [this.#checkAmount(), this.#checkRate()]
    const review = await this.#task.run(async () => {
      const address = await this.#checkRecipient()
      if (address === undefined || asked === undefined || rate === undefined) return undefined
      return this.#plan(address, asked, rate)
    })
    if (review) this.review = review
    else
      await this.updateComplete.then(() =>
        this.renderRoot.querySelector<HTMLElement>('[aria-invalid=true]')?.focus(),
      )
  }

  async #plan(address: string, asked: Sats, rate: number): Promise<Review> {
    const options = { fee_rate: rate, ...(this.all && { subtractFeeFromOutputs: [0] }) }
    const funded = await this.node.rpc<FundedPsbt>(
      'walletcreatefundedpsbt',
      [],
      [{ [address]: Number(formatCoins(asked)) }],
      0,
      options,
    )
    const fee = fromCoins(funded.fee)
    const change = (funded.outputs ?? [])
      .filter((output) => output.change)
      .reduce((sum, output) => sum + fromCoins(output.amount), 0)
    return {
      psbt: funded.psbt,
      address,
      amount: sats(this.all ? asked - fee : asked),
      fee,
      change: sats(change),
      vsize: funded.vsize,
    }
  }

  async #send({ psbt, address }: Review): Promise<void> {
    if (this.node.signer.state === 'locked' && !(await this.#unlock())) return
    const txid = await this.#task.run(async () => {
      const signed = await this.#sign(psbt)
      const { hex, complete } = await this.node.rpc<{ hex?: string; complete: boolean }>(
        'finalizepsbt',
        signed,
      )
      if (!complete || hex === undefined)
        throw new Error(
          'The wallet could not sign all of this payment. Nothing was sent. Go back and try again.',
        )
      const sent = await this.node.rpc<string>('sendrawtransaction', hex)
      // The payment is out: a label that can't be kept is no reason to call it failed.
      if (this.#label) await this.node.rpc('setlabel', address, this.#label).catch(() => undefined)
      return sent
    })
    if (txid !== undefined) this.txid = txid
  }

  async #sign(psbt: string): Promise<string> {
    try {
      return (await this.node.rpc<{ psbt: string }>('walletprocesspsbt', psbt)).psbt
    } catch (error) {
      // It locked by itself in the meantime.
      if (rpcCode(error) !== RPC_WALLET_UNLOCK_NEEDED || !(await this.#unlock())) throw error
      return (await this.node.rpc<{ psbt: string }>('walletprocesspsbt', psbt)).psbt
    }
  }

  #unlock(): Promise<boolean> {
    return requestUnlock(this, 'Your passphrase is needed to sign this payment.')
  }

  override render() {
    if (this.txid !== undefined) return this.#sentStep(this.txid)
    return html`<div class="card">${this.review ? this.#reviewStep(this.review) : this.#formStep()}</div>`
  }

  #formStep() {
    const spendable = this.#balance.value
    const { problems } = this
    return html`<form novalidate @submit=${this.#submit}>
      <h1 tabindex="-1">Send coins</h1>
      ${
        spendable === 0
          ? html`<div class="notice">
            ${icons.info}
            <div>You have no coins to spend yet. <a href="/miner">Mine some</a> or <a href="/wallet/receive">have some sent to you</a>.</div>
          </div>`
          : nothing
      }
      <div class="field">
        <label for="recipient">To</label>
        <input
          id="recipient"
          .value=${this.recipient}
          placeholder=${`Address, ${this.node.identity.addressPrefix}1p…, or payment link`}
          autocomplete="off"
          autocapitalize="off"
          spellcheck="false"
          aria-invalid=${problems.recipient ? 'true' : 'false'}
          aria-describedby="recipient-problem"
          @input=${(event: Event) => this.#typeRecipient((event.target as HTMLInputElement).value)}
          @change=${() => {
            if (this.recipient.trim() !== '') void this.#checkRecipient()
          }}
        />
        <div id="recipient-problem" aria-live="polite">
          ${problems.recipient ? html`<p class="error">${problems.recipient}</p>` : nothing}
          ${
            this.suggestion
              ? html`<p class="hint wrap">
                Did you mean <span class="mono">${this.suggestion}</span>? Compare it with the original before you use it.
              </p>`
              : nothing
          }
        </div>
      </div>
      <div class="field">
        <label for="amount">Amount</label>
        <div class="with-unit">
          <input
            id="amount"
            inputmode="decimal"
            placeholder="0.0"
            autocomplete="off"
            .value=${this.all && spendable !== undefined ? amountText(spendable).replaceAll(',', '') : this.amountTyped}
            aria-invalid=${problems.amount ? 'true' : 'false'}
            aria-describedby="amount-about"
            @input=${(event: Event) => {
              this.amountTyped = (event.target as HTMLInputElement).value
              this.all = false
              this.problems = { ...problems, amount: undefined }
            }}
          />
          <span class="unit" aria-hidden="true">coins</span>
          <button
            type="button"
            class="quiet"
            aria-pressed=${this.all}
            aria-label="Send all"
            @click=${() => {
              this.all = true
              this.problems = { ...problems, amount: undefined }
            }}
          >
            All
          </button>
        </div>
        <div id="amount-about" aria-live="polite">
          ${
            problems.amount
              ? html`<p class="error">${problems.amount}</p>`
              : html`<p class="hint">
                ${
                  this.all
                    ? 'Everything you can spend. The fee is taken from it.'
                    : spendable === undefined
                      ? nothing
                      : html`You can spend ${amountWithUnit(spendable)}.`
                }
              </p>`
          }
        </div>
      </div>
      ${this.#feeField()}
      ${this.#task.problem ? html`<p class="error" role="alert">${this.#task.problem}</p>` : nothing}
      <div class="row">
        <button class="primary" ?disabled=${this.#task.running}>
          ${this.#task.running ? 'Preparing…' : 'Review payment'}
        </button>
        <a class="button quiet" href="/wallet">Cancel</a>
      </div>
    </form>`
  }

  #feeField() {
    const names = { slow: 'Slow', normal: 'Normal', fast: 'Fast' } as const
    const { params } = this.node.identity
    return html`<fieldset>
      <legend>Fee</legend>
      <div class="speeds">
        ${(this.#fees.value?.choices ?? []).map(({ speed, rate, blocks }) => {
          const wait = params.retarget
            ? `≈ ${durationText(blocks * params.targetSpacing)}`
            : plural(blocks, 'block')
          return this.#speed(
            speed,
            names[speed],
            html`<span>${feeRateText(rate)}</span><span title=${`within ${plural(blocks, 'block')}`}>${wait}</span>`,
          )
        })}
        ${this.#speed('custom', 'Custom', html`<span>your own</span><span>rate</span>`)}
      </div>
      ${
        this.speed === 'custom'
          ? html`<div class="field custom">
            <label for="rate">Fee rate, sat/vB</label>
            <input
              id="rate"
              inputmode="decimal"
              autocomplete="off"
              .value=${this.rateTyped}
              aria-invalid=${this.problems.rate ? 'true' : 'false'}
              aria-describedby="rate-problem"
              @input=${(event: Event) => {
                this.rateTyped = (event.target as HTMLInputElement).value
                this.problems = { ...this.problems, rate: undefined }
              }}
            />
            <div id="rate-problem" aria-live="polite">
              ${
                this.problems.rate
                  ? html`<p class="error">${this.problems.rate}</p>`
                  : html`<p class="hint">Satoshis (0.00000001 coins) for each virtual byte of the transaction.</p>`
              }
            </div>
          </div>`
          : nothing
      }
    </fieldset>`
  }

  #speed(speed: FeeSpeed | 'custom', name: string, about: unknown) {
    return html`<label>
      <input
        type="radio"
        name="speed"
        .checked=${this.speed === speed}
        @change=${() => {
          this.speed = speed
        }}
      />${name}${about}
    </label>`
  }

  #reviewStep(review: Review) {
    const { address, amount: pays, fee, change, vsize } = review
    return html`<div class="stack">
      <div>
        <h1 tabindex="-1">Review the payment</h1>
        <p class="hint">A payment that is sent can't be taken back. Compare the address with the recipient's.</p>
      </div>
      <dl class="facts">
        <div>
          <dt>To</dt>
          <dd class="mono" data-testid="review-recipient">${address}</dd>
        </div>
        <div>
          <dt>They get</dt>
          <dd data-testid="review-amount">${amount(pays)}</dd>
        </div>
        <div>
          <dt>Fee</dt>
          <dd data-testid="review-fee">
            ${amount(fee)} ${vsize ? html`<span class="muted">(${feeRateText(fee / vsize)} × ${vsize} vB)</span>` : nothing}
          </dd>
        </div>
        <div class="total">
          <dt>You pay</dt>
          <dd data-testid="review-total">${amount(sats(pays + fee))}</dd>
        </div>
        ${
          change > 0
            ? html`<div>
              <dt>Change</dt>
              <dd>${amount(change)} <span class="muted">comes back to you</span></dd>
            </div>`
            : nothing
        }
      </dl>
      ${this.#task.problem ? html`<p class="error" role="alert">${this.#task.problem}</p>` : nothing}
      <div class="row">
        <button class="primary" ?disabled=${this.#task.running} @click=${() => this.#send(review)}>
          ${icons.send}${this.#task.running ? 'Sending…' : `Send ${amountWithUnit(pays)}`}
        </button>
        <button
          ?disabled=${this.#task.running}
          @click=${() => {
            this.#task.cancel()
            this.review = undefined
          }}
        >
          Back
        </button>
      </div>
    </div>`
  }

  #sentStep(txid: string) {
    const sent = this.#sent.value
    const pays = this.review?.amount ?? sats(0)
    return html`<div class="card stack sent">
      <div class="emblem">${icons.check}</div>
      <h1 tabindex="-1">${amountWithUnit(pays)} sent</h1>
      <p class="muted" role="status">
        ${
          !sent || sent.confirmations === 0
            ? 'The network knows of it. It waits for the next block.'
            : sent.confirmations < 0
              ? 'Another transaction spent the same coins: this payment will not be made.'
              : 'It is in a block. Each further block makes it more certain.'
        }
      </p>
      <p data-testid="sent-confirmations"><ot-confirmations .count=${sent?.confirmations ?? 0}></ot-confirmations></p>
      <p><ot-hash .value=${txid} path=${`/wallet/tx/${txid}`} what="transaction id"></ot-hash></p>
      <div class="row">
        <a class="button" href="/wallet">Back to the wallet</a>
        <button class="quiet" @click=${() => this.#reset()}>Send another payment</button>
      </div>
    </div>`
  }
}
customElements.define('ot-wallet-send', WalletSend)
