/** `<ot-wallet-backup .node>`: backup file, seed words and change of passphrase. Thread: Window. */
import { css, html, LitElement, nothing } from 'lit'
import { icons } from '../components/icons.ts'
import '../components/passphrase-field.ts'
import '../components/seed-words.ts'
import { walletLink } from '../components/wallet-link.ts'
import { TaskController } from '../controllers/task-controller.ts'
import { download, walletFileName } from '../files.ts'
import { countText } from '../format.ts'
import type { LiveNode } from '../live-node.ts'
import { notify } from '../requests.ts'
import { base } from '../styles/base.ts'
import { isBackedUp, rememberBackup } from '../wallet-memory.ts'
import './wallet-keys.ts'
import './wallet-labels.ts'

/** The passphrase fields of this page. */
type Field = 'file' | 'reveal' | 'old' | 'new' | 'repeated'

export class WalletBackup extends LitElement {
  static override properties = {
    node: { attribute: false },
    words: { state: true },
    typed: { state: true },
    problems: { state: true },
    progress: { state: true },
  }
  static override styles = [
    base,
    css`
      :host {
        max-width: 640px;
        margin: 0 auto;
      }
      form {
        display: grid;
        gap: 18px;
      }
      section > h2 + p {
        margin: 6px 0 18px;
      }
    `,
  ]
  declare node: LiveNode
  /** While they are shown. */
  declare words: readonly string[] | undefined
  /** What stands in the passphrase fields. */
  declare typed: Readonly<Record<Field, string>>
  declare problems: Readonly<Partial<Record<Field, string>>>
  /** Of the search for coins, 0 to 1. */
  declare progress: number
  readonly #file = new TaskController(this)
  readonly #reveal = new TaskController(this)
  readonly #change = new TaskController(this)
  readonly #rescan = new TaskController(this)
  /** Of BIP39, while the words are shown; mostly empty. */
  #mnemonicPassphrase = ''

  constructor() {
    super()
    this.typed = { file: '', reveal: '', old: '', new: '', repeated: '' }
    this.problems = {}
    this.progress = 0
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback()
    this.words = undefined
    this.#mnemonicPassphrase = ''
  }

  async #save(event: SubmitEvent): Promise<void> {
    event.preventDefault()
    const { file } = this.typed
    this.problems = file === '' ? { file: 'Enter the passphrase of this wallet.' } : {}
    if (file === '') return
    const text = await this.#file.run(() => this.node.rpc('exportbackup', file))
    if (text === undefined) return
    this.typed = { ...this.typed, file: '' }
    download(walletFileName(this.node, '', '.json'), text)
    rememberBackup(this.node)
    notify(this, 'Backup file saved.')
    this.requestUpdate()
  }

  async #show(event: SubmitEvent): Promise<void> {
    event.preventDefault()
    const { reveal } = this.typed
    this.problems = reveal === '' ? { reveal: 'Enter the passphrase of this wallet.' } : {}
    if (reveal === '') return
    const secret = await this.#reveal.run(() => this.node.rpc('revealmnemonic', reveal))
    if (!secret) return
    this.typed = { ...this.typed, reveal: '' }
    this.#mnemonicPassphrase = secret.mnemonicpassphrase
    this.words = secret.mnemonic.split(' ')
  }

  async #changePassphrase(event: SubmitEvent): Promise<void> {
    event.preventDefault()
    const { old, new: chosen, repeated } = this.typed
    this.problems = {
      ...(old === '' && { old: 'Enter the passphrase you have now.' }),
      ...(chosen === '' && { new: 'Choose a new passphrase.' }),
      ...(repeated !== chosen && { repeated: 'The two differ. Type the same passphrase twice.' }),
    }
    if (Object.keys(this.problems).length > 0) return
    const done = await this.#change.run(async () => {
      await this.node.rpc('walletpassphrasechange', old, chosen)
      return true
    })
    if (!done) return
    this.typed = { ...this.typed, old: '', new: '', repeated: '' }
    notify(this, 'The passphrase is changed. Older backup files keep the old one.')
  }

  override render() {
    const isWatching = this.node.signer.state === 'none'
    return html`<div class="head">
        <div>
          ${walletLink(this.node)}
          <h1 tabindex="-1">${isWatching ? 'Keys and labels' : 'Backup and passphrase'}</h1>
        </div>
        ${
          isWatching
            ? nothing
            : isBackedUp(this.node)
              ? html`<span class="badge good">${icons.check} Backed up</span>`
              : html`<span class="badge warn">No backup yet</span>`
        }
      </div>
      <div class="stack">
        ${
          isWatching
            ? html`<div class="notice">
                ${icons.info}
                <div>The keys of this wallet are elsewhere, and so is their backup. Here are its public key and your labels.</div>
              </div>`
            : [this.#fileCard(), this.#wordsCard(), this.#passphraseCard()]
        }
        <ot-wallet-keys .node=${this.node}></ot-wallet-keys>
        <ot-wallet-labels .node=${this.node}></ot-wallet-labels>
        ${isWatching ? nothing : this.#signCard()}${this.#searchCard()}
      </div>`
  }

  #fileCard() {
    return html`<section class="card" aria-labelledby="file">
      <h2 id="file">Backup file</h2>
      <p class="muted">
        Keys, labels and addresses, encrypted with your passphrase. Keep it outside this computer; the passphrase opens it again.
      </p>
      <form @submit=${this.#save}>
        ${this.#field('file', 'Passphrase', 'current-password', this.problems.file ?? this.#file.problem)}
        <div>
          <button class="primary" ?disabled=${this.#file.running}>
            ${this.#file.running ? 'Encrypting…' : 'Save a backup file'}
          </button>
        </div>
      </form>
    </section>`
  }

  #wordsCard() {
    return html`<section class="card" aria-labelledby="words">
      <h2 id="words">Seed words</h2>
      <p class="muted">They alone restore the wallet, without any passphrase. Make sure that nobody looks on.</p>
      ${
        this.words
          ? html`<div class="stack">
            <ot-seed-words .words=${this.words}></ot-seed-words>
            ${
              this.#mnemonicPassphrase === ''
                ? nothing
                : html`<p>Without their BIP39 passphrase these words open another wallet: <strong>${this.#mnemonicPassphrase}</strong></p>`
            }
            <div class="row">
              <button
                class="primary"
                @click=${() => {
                  rememberBackup(this.node)
                  this.words = undefined
                }}
              >
                I wrote them down
              </button>
              <button
                @click=${() => {
                  this.words = undefined
                }}
              >
                Hide
              </button>
            </div>
          </div>`
          : html`<form @submit=${this.#show}>
            ${this.#field('reveal', 'Passphrase', 'current-password', this.problems.reveal ?? this.#reveal.problem)}
            <div>
              <button ?disabled=${this.#reveal.running}>${this.#reveal.running ? 'Decrypting…' : 'Show the words'}</button>
            </div>
          </form>`
      }
    </section>`
  }

  #passphraseCard() {
    return html`<section class="card" aria-labelledby="passphrase">
      <h2 id="passphrase">Change the passphrase</h2>
      <p class="muted">The keys stay the same. Backup files that you saved before still open with the old passphrase.</p>
      <form @submit=${this.#changePassphrase}>
        ${this.#field('old', 'Present passphrase', 'current-password', this.problems.old ?? this.#change.problem)}
        ${this.#field('new', 'New passphrase', 'new-password', this.problems.new)}
        ${this.#field('repeated', 'Repeat the new passphrase', 'new-password', this.problems.repeated)}
        <div>
          <button ?disabled=${this.#change.running}>${this.#change.running ? 'Changing…' : 'Change the passphrase'}</button>
        </div>
      </form>
    </section>`
  }

  #signCard() {
    return html`<section class="card" aria-labelledby="sign">
      <h2 id="sign">Sign a payment</h2>
      <p class="muted">A wallet that watches this one, in another profile or browser, prepares payments that are signed here.</p>
      <a class="button" href="/wallet/sign">Sign a payment</a>
    </section>`
  }

  #searchCard() {
    const { running, problem } = this.#rescan
    return html`<section class="card" aria-labelledby="search">
      <h2 id="search">Search the chain again</h2>
      <p class="muted">
        If a coin or payment seems to be missing, search every block for what belongs to this wallet. Nothing is lost by it.
      </p>
      <div class="row">
        <button ?disabled=${running} @click=${() => this.#search()}>
          ${running ? 'Searching…' : 'Search all blocks'}
        </button>
        ${running ? html`<progress aria-label="Blocks searched" .value=${this.progress}></progress>` : nothing}
      </div>
      ${problem ? html`<p class="error" role="alert">${problem}</p>` : nothing}
    </section>`
  }

  async #search(): Promise<void> {
    this.progress = 0
    const looking = setInterval(() => void this.#look(), 500)
    const found = await this.#rescan.run(() => this.node.rpc('rescanblockchain'))
    clearInterval(looking)
    if (found) notify(this, `The chain is searched up to block ${countText(found.stop_height)}.`)
  }

  /** Sees how far the search is; where that can't be told, it goes on all the same. */
  async #look(): Promise<void> {
    try {
      const info = await this.node.rpc('getwalletinfo')
      const count = await this.node.rpc('getblockcount')
      this.progress = (info.lastprocessedblock?.height ?? 0) / Math.max(1, count)
    } catch {
      // The next look may succeed.
    }
  }

  #field(name: Field, label: string, autocomplete: AutoFill, problem: string | undefined) {
    return html`<ot-passphrase
      .label=${label}
      .autocomplete=${autocomplete}
      .strength=${name === 'new'}
      .value=${this.typed[name]}
      .problem=${problem}
      @change=${(event: Event) => {
        this.typed = { ...this.typed, [name]: (event.target as HTMLInputElement).value }
      }}
    ></ot-passphrase>`
  }
}

customElements.define('ot-wallet-backup', WalletBackup)
