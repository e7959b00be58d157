/** `<ot-wallet-restore .node>`: a wallet from its seed words or its backup file. What is typed goes to the signer alone. Thread: Window. */
import { css, html, LitElement, nothing } from 'lit'
import '../components/passphrase-field.ts'
import { TaskController } from '../controllers/task-controller.ts'
import { type LiveNode, sentence } from '../live-node.ts'
import { notify } from '../requests.ts'
import { navigate } from '../router.ts'
import { base } from '../styles/base.ts'
import { rememberBackup } from '../wallet-memory.ts'

/** A backup is a few kilobytes; what is larger is another file. */
const MAX_BACKUP_BYTES = 10_000_000

export class WalletRestore extends LitElement {
  static override properties = {
    node: { attribute: false },
    from: { state: true },
    passphrase: { state: true },
    repeated: { state: true },
    problems: { state: true },
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
        gap: 22px;
      }
      .choice {
        display: grid;
        grid-template-columns: 1fr 1fr;
        gap: 10px;
      }
      .choice label {
        display: flex;
        gap: 10px;
        align-items: center;
        margin: 0;
        padding: 12px 14px;
        border: 1px solid var(--line-strong);
        border-radius: var(--radius-small);
        cursor: pointer;
      }
      .choice label:has(:checked) {
        border-color: var(--accent);
        background: var(--accent-soft);
      }
      .choice label:has(:focus-visible) {
        outline: 2px solid var(--accent);
        outline-offset: 2px;
      }
      .choice input {
        margin: 0;
        outline: none;
      }
      input[type="file"] {
        width: 100%;
        padding: 18px;
        border: 1px dashed var(--line-strong);
        border-radius: var(--radius-small);
        color: var(--muted);
        font: inherit;
      }
      h1 + p {
        margin-top: 8px;
      }
    `,
  ]
  declare node: LiveNode
  declare from: 'words' | 'file'
  declare passphrase: string
  declare repeated: string
  declare problems: Readonly<Record<string, string>>
  readonly #task = new TaskController(this)

  constructor() {
    super()
    this.from = 'words'
    this.passphrase = ''
    this.repeated = ''
    this.problems = {}
  }

  async #restore(event: SubmitEvent): Promise<void> {
    event.preventDefault()
    const words = this.renderRoot.querySelector<HTMLTextAreaElement>('#words')?.value.trim() ?? ''
    const file = this.renderRoot.querySelector<HTMLInputElement>('#file')?.files?.[0]
    const problems: Record<string, string> = {}
    if (this.from === 'words') {
      if (words === '') problems.words = 'Type the words in their order, with spaces between them.'
      if (this.passphrase === '')
        problems.passphrase = 'Choose a passphrase. It encrypts the wallet in this browser.'
      else if (this.repeated !== this.passphrase)
        problems.repeated = 'The two differ. Type the same passphrase twice.'
    } else {
      if (!file) problems.file = 'Choose the backup file that “Save a backup file” made.'
      else if (file.size > MAX_BACKUP_BYTES)
        problems.file = 'This file is too large to be a wallet backup. Choose another one.'
      if (this.passphrase === '') problems.passphrase = 'Enter the passphrase that the backup was made with.'
    }
    this.problems = problems
    if (Object.keys(problems).length > 0) return
    const done = await this.#task.run(async () => {
      if (this.from === 'words')
        await this.node.rpc('createwallet', '', { passphrase: this.passphrase, words })
      else await this.node.rpc('importbackup', await readText(file!), this.passphrase)
      return true
    })
    if (!done) return
    rememberBackup(this.node)
    notify(this, 'Your wallet is restored.')
    navigate(this, '/wallet')
  }

  override render() {
    if (this.node.signer.state !== 'none' && !this.#task.running)
      return html`<div class="card stack">
        <h1 tabindex="-1">This tab has a wallet</h1>
        <p class="muted">A tab holds one wallet. Open another tab to restore another one.</p>
        <a class="button primary" href="/wallet">Open the wallet</a>
      </div>`
    return html`<form class="card" @submit=${this.#restore}>
      <div>
        <h1 tabindex="-1">Restore a wallet</h1>
        <p class="muted">Its coins and payments are found again in the chain.</p>
      </div>
      <fieldset class="choice" aria-label="Restore from">
        ${this.#choice('words', 'Seed words')}${this.#choice('file', 'Backup file')}
      </fieldset>
      ${this.from === 'words' ? this.#words() : this.#file()}
      ${this.#task.problem ? html`<p class="error" role="alert">${this.#task.problem}</p>` : nothing}
      <div class="spread">
        <button class="primary" ?disabled=${this.#task.running}>
          ${this.#task.running ? 'Restoring…' : 'Restore the wallet'}
        </button>
        <a href="/wallet/create">Create a new one instead</a>
      </div>
    </form>`
  }

  #choice(from: 'words' | 'file', text: string) {
    return html`<label
      ><input
        type="radio"
        name="from"
        .checked=${this.from === from}
        @change=${() => {
          this.from = from
          this.problems = {}
          this.#task.cancel()
        }}
      />${text}</label
    >`
  }

  #words() {
    return html`<div class="field">
        <label for="words">Seed words</label>
        <textarea
          id="words"
          rows="3"
          autocomplete="off"
          autocapitalize="off"
          spellcheck="false"
          placeholder="12 to 24 words, in their order"
          aria-invalid=${this.problems.words ? 'true' : 'false'}
          aria-describedby="words-problem"
        ></textarea>
        <p id="words-problem" class="error" ?hidden=${!this.problems.words}>${this.problems.words}</p>
      </div>
      ${this.#passphrase('Passphrase for this browser', 'new-password', true)}
      <ot-passphrase
        label="Repeat the passphrase"
        autocomplete="new-password"
        .value=${this.repeated}
        .problem=${this.problems.repeated}
        @change=${(event: Event) => {
          this.repeated = (event.target as HTMLInputElement).value
        }}
      ></ot-passphrase>`
  }

  #file() {
    return html`<div class="field">
        <label for="file">Backup file</label>
        <input
          id="file"
          type="file"
          accept=".json,application/json"
          aria-invalid=${this.problems.file ? 'true' : 'false'}
          aria-describedby="file-problem"
        />
        <p id="file-problem" class="error" ?hidden=${!this.problems.file}>${this.problems.file}</p>
      </div>
      ${this.#passphrase('Passphrase of the backup', 'current-password', false)}`
  }

  #passphrase(label: string, autocomplete: AutoFill, strength: boolean) {
    return html`<ot-passphrase
      .label=${label}
      .autocomplete=${autocomplete}
      .strength=${strength}
      .value=${this.passphrase}
      .problem=${this.problems.passphrase}
      @change=${(event: Event) => {
        this.passphrase = (event.target as HTMLInputElement).value
      }}
    ></ot-passphrase>`
  }
}

async function readText(file: File): Promise<string> {
  try {
    return await file.text()
  } catch (error) {
    throw new Error(`The file could not be read. Choose it again. (${sentence(error)})`)
  }
}
customElements.define('ot-wallet-restore', WalletRestore)
