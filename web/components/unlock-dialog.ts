/** `<ot-unlock-dialog>`: asks for a wallet's passphrase; the app opens it on `requestUnlock`. Thread: Window. */
import { css, html, LitElement, nothing } from 'lit'
import { TaskController } from '../controllers/task-controller.ts'
import type { UnlockRequest } from '../requests.ts'
import { base } from '../styles/base.ts'
import { isNamed, walletTitle } from '../wallet-name.ts'
import './passphrase-field.ts'

/** Choices of how long the wallet stays unlocked, seconds. */
const PERIODS = [
  { seconds: 60, text: '1 minute' },
  { seconds: 600, text: '10 minutes' },
  { seconds: 3600, text: '1 hour' },
] as const

export class UnlockDialog extends LitElement {
  static override properties = {
    request: { state: true },
    passphrase: { state: true },
    seconds: { state: true },
  }
  static override styles = [
    base,
    css`
      form {
        display: grid;
        gap: 20px;
      }
      .actions {
        justify-content: flex-end;
      }
    `,
  ]
  declare request: UnlockRequest | undefined
  declare passphrase: string
  declare seconds: number
  readonly #task = new TaskController(this)

  constructor() {
    super()
    this.passphrase = ''
    this.seconds = PERIODS[1].seconds
  }

  async open(request: UnlockRequest): Promise<void> {
    this.request?.resolve(false)
    this.request = request
    this.passphrase = ''
    await this.updateComplete
    this.#dialog?.showModal()
  }

  get #dialog(): HTMLDialogElement | null {
    return this.renderRoot.querySelector('dialog')
  }

  async #submit(event: SubmitEvent): Promise<void> {
    event.preventDefault()
    const { node } = this.request ?? {}
    if (!node) return
    if (this.passphrase === '') return this.#task.fail('Enter the passphrase of this wallet.')
    const unlocked = await this.#task.run(async () => {
      await node.rpc('walletpassphrase', this.passphrase, this.seconds)
      return true
    })
    if (unlocked) this.#close(true)
  }

  #close(unlocked: boolean): void {
    const request = this.request
    this.request = undefined
    this.passphrase = ''
    this.#task.cancel()
    this.#dialog?.close()
    request?.resolve(unlocked)
  }

  override render() {
    const { request } = this
    return html`<dialog aria-labelledby="title" @close=${() => this.#close(false)}>
      ${request ? this.#form(request) : nothing}
    </dialog>`
  }

  #form({ node, reason }: UnlockRequest) {
    return html`<form @submit=${this.#submit}>
      <div>
        <h2 id="title" class="wrap">Unlock ${isNamed(node) ? `“${walletTitle(node.wallet ?? '')}”` : 'the wallet'}</h2>
        <p class="hint">${reason}</p>
      </div>
      <ot-passphrase
        label="Passphrase"
        .value=${this.passphrase}
        .problem=${this.#task.problem}
        @change=${(event: Event) => {
          this.passphrase = (event.target as HTMLInputElement).value
          this.#task.fail(undefined)
        }}
      ></ot-passphrase>
      <div class="field">
        <label for="period">Keep it unlocked for</label>
        <select
          id="period"
          @change=${(event: Event) => {
            this.seconds = Number((event.target as HTMLSelectElement).value)
          }}
        >
          ${PERIODS.map(
            ({ seconds, text }) =>
              html`<option value=${seconds} ?selected=${seconds === this.seconds}>${text}</option>`,
          )}
        </select>
      </div>
      <div class="row actions">
        <button type="button" @click=${() => this.#close(false)}>Cancel</button>
        <button class="primary" ?disabled=${this.#task.running}>
          ${this.#task.running ? 'Unlocking…' : 'Unlock'}
        </button>
      </div>
    </form>`
  }
}
customElements.define('ot-unlock-dialog', UnlockDialog)
