/** `<ot-wallet-restore .node>`: a wallet from its seed words or its backup file. What is typed goes to the signer alone. Thread: Window. */
import { css, html, LitElement, nothing } from 'lit'
import { fileStyles } from '../components/file-styles.ts'
import { icons } from '../components/icons.ts'
import '../components/passphrase-field.ts'
import '../components/seed-words.ts'
import '../components/wallet-name-field.ts'
import type { WalletNameField } from '../components/wallet-name-field.ts'
import { TaskController } from '../controllers/task-controller.ts'
import { MAX_FILE_BYTES, readText } from '../files.ts'
import type { LiveNode } from '../live-node.ts'
import { notify } from '../requests.ts'
import { navigate } from '../router.ts'
import { base } from '../styles/base.ts'
import { rememberBackup } from '../wallet-memory.ts'
import { walletPath } from '../wallet-name.ts'

export class WalletRestore extends LitElement {
  static override properties = {
    node: { attribute: false },
    from: { state: true },
    passphrase: { state: true },
    repeated: { state: true },
    problems: { state: true },
    words: { state: true },
    missing: { state: true },
    name: { state: true },
  }
  static override styles = [
    base,
    fileStyles,
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
      h1 + p {
        margin-top: 8px;
      }
      summary {
        color: var(--accent);
        font-weight: 560;
        cursor: pointer;
      }
      details[open] summary {
        margin-bottom: 14px;
      }
    `,
  ]
  declare node: LiveNode
  declare from: 'words' | 'file'
  declare passphrase: string
  declare repeated: string
  declare problems: Readonly<Record<string, string>>
  /** The words as they were understood, while they are shown to be compared. */
  declare words: readonly string[] | undefined
  /** What the backup file held and could not be brought back. */
  declare missing: readonly string[]
  /** Of the wallet that was restored from a file which is not whole. */
  declare name: string | undefined
  /** What stands in the field of the words. */
  #typed = ''
  /** Of BIP39. */
  #mnemonicPassphrase = ''
  /** The name that the wallet of these words shall have. */
  #chosen = ''
  readonly #task = new TaskController(this)

  constructor() {
    super()
    this.from = 'words'
    this.passphrase = ''
    this.repeated = ''
    this.problems = {}
    this.missing = []
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback()
    this.words = undefined
    this.#typed = ''
    this.#mnemonicPassphrase = ''
  }

  override updated(changed: Map<string, unknown>): void {
    if (changed.has('words') && (this.words || changed.get('words')))
      this.renderRoot.querySelector<HTMLElement>('h1')?.focus()
  }

  async #submit(event: SubmitEvent): Promise<void> {
    event.preventDefault()
    const file = this.renderRoot.querySelector<HTMLInputElement>('#file')?.files?.[0]
    const problems: Record<string, string> = {}
    const name = this.name ?? this.renderRoot.querySelector<WalletNameField>('ot-wallet-name')?.read()
    if (this.from === 'words') {
      if (this.#typed.trim() === '') problems.words = 'Type the words in their order.'
      if (this.passphrase === '')
        problems.passphrase = 'Choose a passphrase. It encrypts the wallet in this browser.'
      else if (this.repeated !== this.passphrase)
        problems.repeated = 'The two differ. Type the same passphrase twice.'
    } else {
      if (!file) problems.file = 'Choose the backup file that “Save a backup file” made.'
      else if (file.size > MAX_FILE_BYTES)
        problems.file = 'This file is too large to be a wallet backup. Choose another one.'
      if (this.passphrase === '') problems.passphrase = 'Enter the passphrase that the backup was made with.'
    }
    this.problems = problems
    if (name === undefined || Object.keys(problems).length > 0) return
    if (this.from === 'words') await this.#readWords(name)
    else await this.#restoreFile(file!, name)
  }

  /** Has the words understood: they are shown in full before anything is made of them. */
  async #readWords(name: string): Promise<void> {
    const read = await this.#task.run(() => this.node.rpc('readmnemonic', this.#typed))
    this.words = read?.mnemonic.split(' ')
    this.#chosen = name
  }

  async #restoreWords(words: readonly string[]): Promise<void> {
    const { passphrase } = this
    const mnemonicpassphrase = this.#mnemonicPassphrase
    const options = {
      passphrase,
      words: words.join(' '),
      ...(mnemonicpassphrase !== '' && { mnemonicpassphrase }),
    }
    const name = this.#chosen
    const done = await this.#task.run(() => this.node.rpc('createwallet', name, options))
    if (done) this.#finish(name, 'Your wallet is restored. Its coins are looked for in the chain.')
  }

  async #restoreFile(file: File, name: string): Promise<void> {
    const restored = await this.#task.run(async () =>
      this.node.rpc('importbackup', await readText(file), this.passphrase, name),
    )
    if (!restored) return
    this.missing = restored.warnings ?? []
    this.name = restored.name
    if (this.missing.length === 0) this.#finish(restored.name, 'Your wallet is restored.')
    else rememberBackup(this.node.of(restored.name))
  }

  #finish(name: string, message: string): void {
    rememberBackup(this.node.of(name))
    notify(this, message)
    navigate(this, walletPath('/wallet', name || undefined))
  }

  override render() {
    if (this.words) return this.#compare(this.words)
    if (this.name !== undefined) return this.#incomplete(this.name)
    return html`<form class="card" @submit=${this.#submit}>
      <div>
        <h1 tabindex="-1">Restore a wallet</h1>
        <p class="muted">Its coins and payments are found again in the chain.</p>
      </div>
      <fieldset class="choice" aria-label="Restore from">
        ${this.#choice('words', 'Seed words')}${this.#choice('file', 'Backup file')}
      </fieldset>
      <ot-wallet-name .node=${this.node}></ot-wallet-name>
      ${this.from === 'words' ? this.#wordFields() : this.#file()}${this.#problem()}
      <div class="spread">
        <button class="primary" ?disabled=${this.#task.running}>
          ${this.from === 'words' ? 'Check the words' : this.#task.running ? 'Restoring…' : 'Restore the wallet'}
        </button>
        <a href="/wallet/create">Create a new one instead</a>
      </div>
    </form>`
  }

  #problem() {
    return this.#task.problem ? html`<p class="error" role="alert">${this.#task.problem}</p>` : nothing
  }

  /** What was understood of the words, before a wallet is made of them. */
  #compare(words: readonly string[]) {
    const { running } = this.#task
    return html`<div class="card stack">
      <div>
        <h1 tabindex="-1">Are these your ${words.length} words?</h1>
        <p class="muted">
          Compare them with your copy, in their order.${
            this.#mnemonicPassphrase === '' ? '' : ' Their BIP39 passphrase goes with them.'
          }
        </p>
      </div>
      <ot-seed-words .words=${words}></ot-seed-words>
      ${this.#problem()}
      <div class="spread">
        <button class="primary" ?disabled=${running} @click=${() => this.#restoreWords(words)}>
          ${running ? 'Restoring…' : 'Restore the wallet'}
        </button>
        <button
          class="quiet"
          ?disabled=${running}
          @click=${() => {
            this.words = undefined
            this.#task.cancel()
          }}
        >
          Type them again
        </button>
      </div>
    </div>`
  }

  /** The wallet is here, but what its file holds beside the keys is missing. */
  #incomplete(name: string) {
    return html`<form class="card stack" @submit=${this.#submit}>
      <div>
        <h1 tabindex="-1">Your coins are safe, but the file is not whole</h1>
        <p class="muted">The keys are restored, and the chain is searched for their coins. What is missing:</p>
      </div>
      <div class="notice warn">
        ${icons.warning}
        <div>${this.missing.map((sentence) => html`<p>${sentence}</p>`)}</div>
      </div>
      <details>
        <summary>Try again, or with another copy of the file</summary>
        <div class="stack">
          ${this.#file()}${this.#problem()}
          <div><button ?disabled=${this.#task.running}>Restore what is missing</button></div>
        </div>
      </details>
      <a class="button primary" href=${walletPath('/wallet', name || undefined)}>Open the wallet</a>
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

  #wordFields() {
    return html`<div class="field">
        <label for="words">Seed words</label>
        <textarea
          id="words"
          rows="3"
          autocomplete="off"
          autocapitalize="off"
          spellcheck="false"
          placeholder="12 to 24 words, in their order; numbers and line breaks do no harm"
          aria-invalid=${this.problems.words ? 'true' : 'false'}
          aria-describedby="words-problem"
          .value=${this.#typed}
          @input=${(event: Event) => {
            this.#typed = (event.target as HTMLTextAreaElement).value
          }}
        ></textarea>
        <p id="words-problem" class="error" ?hidden=${!this.problems.words}>${this.problems.words}</p>
      </div>
      <details>
        <summary>The words have a passphrase of their own</summary>
        <div class="field">
          <label for="mnemonic-passphrase">BIP39 passphrase, or “25th word”</label>
          <input
            id="mnemonic-passphrase"
            type="password"
            autocomplete="off"
            spellcheck="false"
            aria-describedby="about-mnemonic-passphrase"
            .value=${this.#mnemonicPassphrase}
            @input=${(event: Event) => {
              this.#mnemonicPassphrase = (event.target as HTMLInputElement).value
            }}
          />
          <p id="about-mnemonic-passphrase" class="hint">
            Other wallets can ask for one when words are made. Any other text, a single letter apart, opens another, empty wallet.
          </p>
        </div>
      </details>
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

customElements.define('ot-wallet-restore', WalletRestore)
