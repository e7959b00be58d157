/**
 * `<ot-channel-open .node>`: opens a channel: with whom, how much, at which fee, and what it asks of its person; then a review, then the wallet's approval. Thread: Window.
 */
import { css, html, LitElement, nothing } from 'lit'
import { RPC_WALLET_UNLOCK_NEEDED } from '../../src/node/rpc-error.ts'
import { type Sats, sats } from '../../src/primitives/amount.ts'
import { balanceOf } from '../balance.ts'
import { blocksText } from '../channels.ts'
import { amount } from '../components/amount.ts'
import { channelRisk, spacingOf } from '../components/channel-risk.ts'
import { channelsLink } from '../components/channels-link.ts'
import { choiceStyles } from '../components/choice-styles.ts'
import type { FeePicker } from '../components/fee-picker.ts'
import '../components/fee-picker.ts'
import '../components/hash.ts'
import { costText } from '../components/rate-field.ts'
import { icons } from '../components/view-icons.ts'
import { RpcController } from '../controllers/rpc-controller.ts'
import { StepController } from '../controllers/step-controller.ts'
import { TaskController } from '../controllers/task-controller.ts'
import { amountWithUnit, feeRateText, OWN_STYLE } from '../format.ts'
import { type LiveNode, rpcCode } from '../live-node.ts'
import { type NodeNames, nodeNames, nodeText } from '../node-names.ts'
import { readAmount } from '../payment.ts'
import { notify, requestUnlock } from '../requests.ts'
import { navigate } from '../router.ts'
import { base } from '../styles/base.ts'

/** Least that a channel holds, satoshis (`channelPolicy`): the other side would refuse less. */
const LEAST = sats(20_000)
/** Share of the channel that each side must leave in it. */
const RESERVE = 100
/** Of the ways to name a node: one that is not connected by its id. */
const OTHER = 'other'

interface Loaded {
  readonly peers: readonly {
    readonly id: string
    readonly num_channels: number
    readonly netaddr: readonly string[]
  }[]
  readonly spendable: Sats
  readonly names: NodeNames
}

/** What is about to be opened. */
interface Plan {
  readonly id: string
  readonly amount: Sats
  /** Satoshis per virtual byte. */
  readonly rate: number
}

export class ChannelOpen extends LitElement {
  static override properties = {
    node: { attribute: false },
    peer: { state: true },
    nodeId: { state: true },
    amount: { state: true },
    problems: { state: true },
    plan: { state: true },
  }
  static override styles = [
    base,
    choiceStyles,
    css`
      :host {
        max-width: 640px;
        margin: 0 auto;
      }
      form {
        display: grid;
        gap: 24px;
      }
      .choices {
        grid-template-columns: repeat(auto-fill, minmax(180px, 1fr));
      }
    `,
  ]
  declare node: LiveNode
  /** Node id of the chosen tab, or `OTHER`; undefined as long as nothing was chosen: then the first. */
  declare peer: string | undefined
  /** As typed. */
  declare nodeId: string
  declare amount: string
  declare problems: Readonly<Record<'peer' | 'amount', string | undefined>>
  declare plan: Plan | undefined
  readonly #task = new TaskController(this)
  readonly #step = new StepController(this, () => {
    this.plan = undefined
  })
  readonly #loaded: RpcController<Loaded> = new RpcController(this, {
    events: ['channel', 'wallet', 'tip'],
    load: async (node) => {
      const [{ peers }, balances, names] = await Promise.all([
        node.rpc('listpeers'),
        node.rpc('getbalances'),
        nodeNames(node),
      ])
      return { peers, names, spendable: balanceOf(balances.mine).spendable }
    },
  })

  /** The blocks of a delay, as this network's nodes ask for. */
  readonly #delay: RpcController<number> = new RpcController(this, {
    load: async (node) => (await node.rpc('getinfo')).to_self_delay,
  })

  constructor() {
    super()
    this.nodeId = ''
    this.amount = ''
    this.problems = { peer: undefined, amount: undefined }
  }

  get #peer(): string {
    const [first] = this.#loaded.value?.peers ?? []
    return this.peer ?? first?.id ?? OTHER
  }

  #review(event: SubmitEvent): void {
    event.preventDefault()
    const chosen = this.#peer
    const id = chosen === OTHER ? this.nodeId.trim().toLowerCase() : chosen
    const { value, problem } = readAmount(this.amount, this.#loaded.value?.spendable)
    const rate = this.renderRoot.querySelector<FeePicker>('ot-fee-picker')?.read()
    this.problems = {
      peer:
        id === ''
          ? 'Enter the id of the node: the one whom you ask finds it on its Channels page.'
          : undefined,
      amount:
        problem ??
        (value! < LEAST
          ? `A channel holds at least ${amountWithUnit(LEAST)}: its end must be worth a fee.`
          : undefined),
    }
    if (this.problems.peer ?? this.problems.amount) {
      void this.updateComplete.then(() =>
        this.renderRoot.querySelector<HTMLElement>('[aria-invalid=true]')?.focus(),
      )
      return
    }
    if (rate === undefined) return
    this.#task.fail(undefined)
    this.plan = { id, amount: value!, rate }
    this.#step.enter()
    void this.updateComplete.then(() => this.renderRoot.querySelector<HTMLElement>('h1')?.focus())
  }

  async #open({ id, amount: value, rate }: Plan): Promise<void> {
    const { node } = this
    const unlock = () =>
      requestUnlock(this, node, 'Your passphrase is needed to sign the payment into the channel.')
    if (node.signer.state === 'locked' && !(await unlock())) return
    const fund = () => node.rpc('fundchannel', id, value, rate)
    const opened = await this.#task.run(async () => {
      try {
        return await fund()
      } catch (error) {
        // It locked by itself in the meantime.
        if (rpcCode(error) !== RPC_WALLET_UNLOCK_NEEDED || !(await unlock())) throw error
        return fund()
      }
    })
    if (!opened) return
    await this.#name(opened.txid, opened.outnum, id)
    this.#step.forget()
    notify(this, `${amountWithUnit(value)} are on their way into a channel.`)
    navigate(this, `/channels/${opened.channel_id}`, true)
  }

  /** So that the wallet's history says what the payment was. The channel is there: what fails here is no matter. */
  async #name(txid: string, output: number, id: string): Promise<void> {
    const { node } = this
    try {
      const { details } = await node.rpc('gettransaction', txid)
      const address = details.find(({ vout }) => vout === output)?.address
      if (address !== undefined)
        await node.rpc('setlabel', address, `Channel with ${nodeText(id, this.#loaded.value?.names)}`)
    } catch {}
  }

  override render() {
    const { plan } = this
    return html`${plan ? this.#reviewed(plan) : nothing}
      <!-- Hidden rather than left out: "Back" finds it as it was. -->
      <div ?hidden=${plan !== undefined}>
        <div class="head"><div>${channelsLink}${plan ? nothing : html`<h1 tabindex="-1">Open a channel</h1>`}</div></div>
        ${this.#form()}
      </div>`
  }

  #form() {
    const { spendable } = this.#loaded.value ?? {}
    const { peer: peerProblem, amount: amountProblem } = this.problems
    return html`<form class="card" novalidate @submit=${this.#review}>
      ${this.#peers()}
      ${
        this.#peer === OTHER
          ? html`<div class="field">
              <label for="node-id">Node id or peer id</label>
              <input
                id="node-id"
                class="mono"
                autocomplete="off"
                autocapitalize="off"
                spellcheck="false"
                .value=${this.nodeId}
                aria-invalid=${peerProblem ? 'true' : 'false'}
                aria-describedby="node-id-about"
                @input=${(event: Event) => {
                  this.nodeId = (event.target as HTMLInputElement).value
                  this.problems = { ...this.problems, peer: undefined }
                }}
              />
              <div id="node-id-about" aria-live="polite">
                ${
                  peerProblem
                    ? html`<p class="error">${peerProblem}</p>`
                    : html`<p class="hint">66 digits, on the other’s page for receiving. Its tab must be connected.</p>`
                }
              </div>
            </div>`
          : nothing
      }
      <div class="field">
        <label for="amount">Amount, coins</label>
        <input
          id="amount"
          inputmode="decimal"
          autocomplete="off"
          placeholder=${`0${OWN_STYLE.decimal}0`}
          .value=${this.amount}
          aria-invalid=${amountProblem ? 'true' : 'false'}
          aria-describedby="amount-about"
          @input=${(event: Event) => {
            this.amount = (event.target as HTMLInputElement).value
            this.problems = { ...this.problems, amount: undefined }
          }}
        />
        <div id="amount-about" aria-live="polite">
          ${
            amountProblem
              ? html`<p class="error">${amountProblem}</p>`
              : html`<p class="hint">
                  All of it is yours at first, and all that the channel can ever pay.
                  ${spendable === undefined ? nothing : `You can spend ${amountWithUnit(spendable)}.`}
                </p>`
          }
        </div>
      </div>
      <ot-fee-picker .node=${this.node}></ot-fee-picker>
      ${this.#delay.value === undefined ? nothing : channelRisk(this.node.identity, this.#delay.value)}
      <div class="row">
        <button class="primary">Review</button>
        <a class="button quiet" href="/channels">Cancel</a>
      </div>
    </form>`
  }

  #peers() {
    const { peers = [], names } = this.#loaded.value ?? {}
    const choice = (value: string, name: unknown, about: string) =>
      html`<label>
        <input
          type="radio"
          name="peer"
          .checked=${this.#peer === value}
          @change=${() => {
            this.peer = value
          }}
        />${name}<span>${about}</span>
      </label>`
    return html`<fieldset>
      <legend>With</legend>
      <div class="choices">
        ${peers.map(({ id, num_channels }) =>
          choice(
            id,
            html`<b class="wrap">${nodeText(id, names)}</b>`,
            num_channels === 0 ? 'a connected tab' : `a connected tab, ${num_channels} with you already`,
          ),
        )}
        ${choice(OTHER, 'By node id', 'a node that you know')}
      </div>
      ${
        peers.length === 0
          ? html`<p class="hint">
              No tab with channels is connected now. Another tab of this page has them once its wallet was unlocked and its Channels page opened.
            </p>`
          : nothing
      }
    </fieldset>`
  }

  #reviewed(plan: Plan) {
    const { node } = this
    const reserve = sats(Math.ceil(plan.amount / RESERVE))
    const delay = this.#delay.value
    return html`<div class="head"><h1 tabindex="-1">Review the channel</h1></div>
      <div class="card stack">
        <dl class="facts">
          <div>
            <dt>With</dt>
            <dd><ot-hash .value=${plan.id} what="node id"></ot-hash></dd>
          </div>
          <div>
            <dt>You put in</dt>
            <dd data-testid="review-amount">${amount(plan.amount)}</dd>
          </div>
          <div>
            <dt>Fee</dt>
            <dd>
              ${costText(plan.rate)} <span class="muted">at ${feeRateText(plan.rate)}, and another such for its end</span>
            </dd>
          </div>
          <div>
            <dt>Reserve</dt>
            <dd>${amount(reserve)} <span class="muted">stays in the channel until it is closed</span></dd>
          </div>
          ${
            delay === undefined
              ? nothing
              : html`<div>
                  <dt>If you close alone</dt>
                  <dd>yours again after ${blocksText(delay, spacingOf(node.identity))}</dd>
                </div>`
          }
        </dl>
        ${delay === undefined ? nothing : channelRisk(node.identity, delay)}
        <p class="muted">The coins are paid only once the other side has signed the transaction that brings them back to you.</p>
        ${this.#task.problem ? html`<p class="error" role="alert">${this.#task.problem}</p>` : nothing}
        <div class="row">
          <button class="primary" ?disabled=${this.#task.running} @click=${() => this.#open(plan)}>
            ${icons.check}${this.#task.running ? 'Opening…' : `Open with ${amountWithUnit(plan.amount)}`}
          </button>
          <button ?disabled=${this.#task.running} @click=${() => this.#step.leave()}>Back</button>
        </div>
      </div>`
  }
}
customElements.define('ot-channel-open', ChannelOpen)
