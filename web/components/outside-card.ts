/** `<ot-outside-card>`: lets programs of this computer call this tab, and says how. Thread: Window. */
import { css, html, LitElement } from 'lit'
import { TaskController } from '../controllers/task-controller.ts'
import { base } from '../styles/base.ts'
import { type Allowed, outside } from '../tab/outside.ts'
import { outsideMark } from './outside-mark.ts'

export class OutsideCard extends LitElement {
  static override properties = { allow: { state: true }, code: { state: true } }
  static override styles = [
    base,
    css`
      form {
        display: grid;
        gap: 16px;
        max-width: 480px;
        margin-top: 12px;
      }
    `,
  ]
  declare allow: Allowed
  declare code: string
  readonly #task = new TaskController(this)
  readonly #update = (): void => this.requestUpdate()

  constructor() {
    super()
    this.allow = 'read'
    this.code = ''
  }

  override connectedCallback(): void {
    super.connectedCallback()
    outside.addEventListener('change', this.#update)
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback()
    outside.removeEventListener('change', this.#update)
  }

  async #submit(event: SubmitEvent): Promise<void> {
    event.preventDefault()
    if (this.code.trim() === '')
      return this.#task.fail('Type the code that the server printed when it was started.')
    const mark = outsideMark()
    await this.#task.run(() =>
      outside.open(window.opentab!, this.allow, this.code, (wallet) => mark.ask(wallet)),
    )
    this.code = ''
  }

  override render() {
    const { allowed } = outside
    return html`<section class="card" aria-labelledby="outside">
      <h2 id="outside">From outside the page</h2>
      <p class="hint">
        Programs of this computer can call this tab as they call Bitcoin Core, if its server was started by npm start -- --rpc. Passphrases
        and seed words stay here.
      </p>
      ${allowed === undefined ? this.#form() : this.#open(allowed)}
    </section>`
  }

  #form() {
    return html`<form @submit=${this.#submit}>
      <div class="field">
        <label for="allow">Programs may</label>
        <select
          id="allow"
          @change=${(event: Event) => {
            this.allow = (event.target as HTMLSelectElement).value as Allowed
          }}
        >
          <option value="read" ?selected=${this.allow === 'read'}>Read: blocks, balances, payments</option>
          <option value="everything" ?selected=${this.allow === 'everything'}>
            Everything: mine, and pay from wallets that are unlocked
          </option>
        </select>
      </div>
      <div class="field">
        <label for="code">Code that the server printed</label>
        <input
          id="code"
          autocomplete="off"
          autocapitalize="off"
          spellcheck="false"
          .value=${this.code}
          @input=${(event: Event) => {
            this.code = (event.target as HTMLInputElement).value
          }}
        />
      </div>
      ${this.#task.problem ? html`<p class="error" role="alert">${this.#task.problem}</p>` : ''}
      <div class="row">
        <button class="primary" ?disabled=${this.#task.running}>${this.#task.running ? 'Connecting…' : 'Let programs call'}</button>
      </div>
    </form>`
  }

  #open(allowed: Allowed) {
    return html`<form
      @submit=${(event: SubmitEvent) => {
        event.preventDefault()
        outside.close()
      }}
    >
      <p>${allowed === 'read' ? 'Programs may read this tab.' : 'Programs may do everything with this tab.'} It ends with this page.</p>
      <div class="row"><button>Switch off</button></div>
    </form>`
  }
}
customElements.define('ot-outside-card', OutsideCard)
