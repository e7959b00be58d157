/**
 * `<ot-send-elsewhere .node .psbt .note .replaces>`: a payment of a wallet that only watches. It leaves as a PSBT, is signed where the keys are, comes back and is
 * sent: that one and no other. Fires `sent` (a CustomEvent with the txid) and `back`. Thread: Window.
 */
import { css, html, LitElement, nothing } from 'lit'
import type { RpcResult } from '../../src/node/rpc-client.ts'
import { type Sats, sats } from '../../src/primitives/amount.ts'
import { amount } from '../components/amount.ts'
import { payeeFacts, payeeStyles } from '../components/payee-facts.ts'
import '../components/psbt-field.ts'
import type { PsbtField } from '../components/psbt-field.ts'
import '../components/psbt-out.ts'
import { RpcController } from '../controllers/rpc-controller.ts'
import { TaskController } from '../controllers/task-controller.ts'
import { amountWithUnit, countText, feeRateText, fromCoins } from '../format.ts'
import { type LiveNode, sentence } from '../live-node.ts'
import { paidBy, type ReviewedPayee } from '../review.ts'
import { base } from '../styles/base.ts'
import { walletTitle } from '../wallet-name.ts'

/** What this tab's node reads in the PSBT. */
interface Plan {
  /** Of the transaction that is to be signed. */
  readonly txid: string
  readonly payees: readonly ReviewedPayee[]
  readonly change: Sats
  readonly fee: Sats
  /** Virtual bytes, once it is signed; undefined where that can't be told. */
  readonly vsize: number | undefined
}

export class SendElsewhere extends LitElement {
  static override properties = {
    node: { attribute: false },
    psbt: {},
    note: {},
    replaces: {},
    signed: { state: true },
  }
  static override styles = [
    base,
    payeeStyles,
    css`
      h2 + p {
        margin-top: 6px;
      }
    `,
  ]
  declare node: LiveNode
  /** Base64, unsigned. */
  declare psbt: string
  /** Kept with the payee's address once it is sent; empty for none. */
  declare note: string
  /** Id of the payment whose place it takes, if it does. */
  declare replaces: string | undefined
  /** What came back, as pasted. */
  declare signed: string
  readonly #task = new TaskController(this)
  readonly #plan: RpcController<Plan> = new RpcController(this, {
    key: () => this.psbt,
    load: (node) => readPlan(node, this.psbt),
  })

  constructor() {
    super()
    this.note = ''
    this.signed = ''
  }

  override firstUpdated(): void {
    this.renderRoot.querySelector<HTMLElement>('h1')?.focus()
  }

  async #send(event: SubmitEvent): Promise<void> {
    event.preventDefault()
    const psbt = this.signed.trim()
    if (psbt === '') return this.#task.fail('Paste the signed payment, or choose its file.')
    const plan = this.#plan.value
    if (!plan) return
    const txid = await this.#task.run(async () => {
      const back = await this.node.rpc('decodepsbt', psbt)
      if (back.tx.txid !== plan.txid)
        throw new Error(
          'This is another payment than the one above. Nothing was sent. Have the one above signed, or prepare a new one.',
        )
      if (!back.inputs.some(isSigned))
        throw new Error(
          'This payment is not signed yet. Nothing was sent. Have it signed where the keys are, and bring it back from there.',
        )
      const { replaces } = this
      const sent = await (replaces === undefined
        ? this.node.rpc('sendpsbt', psbt)
        : this.node.rpc('sendpsbt', psbt, { replaces }))
      // The payment is out: a note that can't be kept is no reason to call it failed.
      const address = plan.payees.find((payee) => payee.address !== undefined)?.address
      if (this.note !== '' && address !== undefined)
        await this.node.rpc('setlabel', address, this.note).catch(() => undefined)
      return sent
    })
    if (txid !== undefined) this.dispatchEvent(new CustomEvent('sent', { detail: txid }))
  }

  override render() {
    const plan = this.#plan.value
    return html`<div class="head"><h1 tabindex="-1">Have it signed where the keys are</h1></div>
      <div class="stack">
        <section class="card stack" aria-labelledby="payment">
          <div>
            <h2 id="payment">The payment</h2>
            <p class="muted">
              This wallet only watches. What you see here is what this tab prepared: compare it with what the wallet that signs it shows.
            </p>
          </div>
          ${plan ? this.#facts(plan) : this.#waiting()}
        </section>
        <section class="card stack" aria-labelledby="take">
          <div>
            <h2 id="take">1. Take it to the keys</h2>
            <p class="muted">As a PSBT (BIP174), which holds no key and can’t be spent as it is. In Opentab it is signed under “Backup and passphrase”.</p>
          </div>
          <ot-psbt-out label="Unsigned payment" .psbt=${this.psbt}></ot-psbt-out>
        </section>
        <form class="card stack" novalidate aria-labelledby="bring" @submit=${this.#send}>
          <div>
            <h2 id="bring">2. Bring it back signed</h2>
            <p class="muted">This tab looks whether it is this very payment, and sends it.</p>
          </div>
          <ot-psbt
            label="Signed payment (PSBT)"
            .value=${this.signed}
            @change=${(event: Event) => {
              this.signed = (event.target as PsbtField).value
              this.#task.fail(undefined)
            }}
          ></ot-psbt>
          ${this.#task.problem ? html`<p class="error" role="alert">${this.#task.problem}</p>` : nothing}
          <div class="row">
            <button class="primary" ?disabled=${this.#task.running || !plan}>
              ${this.#task.running ? 'Sending…' : plan ? `Send ${amountWithUnit(paidBy(plan))}` : 'Send'}
            </button>
            <button type="button" ?disabled=${this.#task.running} @click=${() => this.dispatchEvent(new Event('back'))}>
              Back
            </button>
          </div>
        </form>
      </div>`
  }

  #waiting() {
    const { error } = this.#plan
    return error
      ? html`<p class="error" role="alert">${sentence(error)}</p>`
      : html`<p class="empty">Reading the payment…</p>`
  }

  #facts(plan: Plan) {
    const { payees, change, fee, vsize } = plan
    return html`<dl class="facts">
      <div>
        <dt>From</dt>
        <dd class="wrap" data-testid="whose">${walletTitle(this.node.wallet ?? '')}</dd>
      </div>
      ${payeeFacts(payees)}
      <div>
        <dt>Fee</dt>
        <dd data-testid="review-fee">
          ${amount(fee)}
          ${vsize === undefined ? nothing : html`<span class="muted">(${feeRateText(fee / vsize)} × ${countText(vsize)} vB)</span>`}
        </dd>
      </div>
      <div>
        <dt>You pay</dt>
        <dd>${amount(sats(paidBy(plan) + fee))}</dd>
      </div>
      ${
        change > 0
          ? html`<div>
              <dt>Change</dt>
              <dd>${amount(change)} <span class="muted">comes back</span></dd>
            </div>`
          : nothing
      }
      ${
        this.note
          ? html`<div>
              <dt>Note</dt>
              <dd class="wrap" data-testid="review-note">${this.note} <span class="muted">only you see it</span></dd>
            </div>`
          : nothing
      }
    </dl>`
  }
}

/** Whether somebody signed it; whether that is enough, the node says. */
function isSigned(input: RpcResult<'decodepsbt'>['inputs'][number]): boolean {
  return (
    input.final_scriptwitness !== undefined ||
    input.taproot_key_path_sig !== undefined ||
    input.taproot_script_path_sigs !== undefined
  )
}

async function readPlan(node: LiveNode, psbt: string): Promise<Plan> {
  const { tx, fee = 0 } = await node.rpc('decodepsbt', psbt)
  const { estimated_vsize: vsize } = await node.rpc('analyzepsbt', psbt)
  const outputs = await Promise.all(
    tx.vout.map(async ({ value, scriptPubKey: { address } }) => {
      const isOwn = address !== undefined && (await node.rpc('getaddressinfo', address)).ischange === true
      return { payee: { address, amount: fromCoins(value) }, isOwn }
    }),
  )
  return {
    txid: tx.txid,
    vsize,
    payees: outputs.filter(({ isOwn }) => !isOwn).map(({ payee }) => payee),
    change: sats(outputs.reduce((sum, { isOwn, payee }) => (isOwn ? sum + payee.amount : sum), 0)),
    fee: fromCoins(fee),
  }
}

customElements.define('ot-send-elsewhere', SendElsewhere)
