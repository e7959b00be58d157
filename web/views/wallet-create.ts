/**
 * `<ot-wallet-create .node .page>`: a new wallet in three steps: passphrase, seed words, proof that they were written down. The last two are the page
 * `words`, of a wallet that is here: a reload asks for its passphrase. The words leave the signer only to be shown here, and are forgotten with this
 * view. Thread: Window.
 */
import { css, html, LitElement, nothing } from 'lit'
import { icons } from '../components/icons.ts'
import '../components/passphrase-field.ts'
import '../components/seed-words.ts'
import '../components/wallet-name-field.ts'
import type { WalletNameField } from '../components/wallet-name-field.ts'
import { TaskController } from '../controllers/task-controller.ts'
import type { LiveNode } from '../live-node.ts'
import { navigate } from '../router.ts'
import { base } from '../styles/base.ts'
import { rememberBackup } from '../wallet-memory.ts'
import { isNamed, walletPath, walletTitle } from '../wallet-name.ts'

/** Where the way to a wallet began, such as the miner: "later" leads back there. Links of the page note it, see `Router.go`. */
function cameFrom(): string {
  const from: unknown = (history.state as { readonly from?: unknown } | null)?.from
  return typeof from === 'string' && !from.startsWith('/wallet/') ? from : '/wallet'
}

/** Words that are asked back. */
const ASKED = 3

export class WalletCreate extends LitElement {
  static override properties = {
    node: { attribute: false },
    page: {},
    step: { state: true },
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
      .words {
        display: grid;
        grid-template-columns: repeat(auto-fit, minmax(140px, 1fr));
        gap: 16px;
      }
      .steps {
        margin-bottom: 6px;
        color: var(--muted);
        font-size: 14px;
      }
      h1 + p {
        margin-top: 8px;
      }
    `,
  ]
  declare node: LiveNode
  /** With `words`, `node` has their wallet in hand. */
  declare page: 'create' | 'words'
  declare step: 'passphrase' | 'words' | 'check'
  declare passphrase: string
  declare repeated: string
  /** What is wrong with each field, by its name or the number of the word. */
  declare problems: Readonly<Record<string, string>>
  #words: readonly string[] = []
  /** Positions of the words that are asked back, counted from 0. */
  #asked: readonly number[] = []
  readonly #task = new TaskController(this)

  constructor() {
    super()
    this.page = 'create'
    this.step = 'passphrase'
    this.passphrase = ''
    this.repeated = ''
    this.problems = {}
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback()
    this.#words = []
    this.step = 'passphrase'
  }

  override updated(changed: Map<string, unknown>): void {
    if (changed.has('step') && changed.get('step') !== undefined)
      this.renderRoot.querySelector<HTMLElement>('h1')?.focus()
  }

  async #create(event: SubmitEvent): Promise<void> {
    event.preventDefault()
    const problems: Record<string, string> = {}
    if (this.passphrase === '')
      problems.passphrase = 'Choose a passphrase. It encrypts the wallet in this browser.'
    else if (this.repeated !== this.passphrase)
      problems.repeated = 'The two differ. Type the same passphrase twice.'
    this.problems = problems
    const name = this.renderRoot.querySelector<WalletNameField>('ot-wallet-name')?.read()
    if (name === undefined || Object.keys(problems).length > 0) return
    const { passphrase } = this
    const created = await this.#task.run(() => this.node.rpc('createwallet', name, { passphrase }))
    if (!created) return
    this.#showWords(created.mnemonic!)
    // In place of the form: "back" must not lead to it.
    navigate(this, walletPath('/wallet/words', name || undefined), true)
  }

  #ask(): void {
    const left = this.#words.map((_, at) => at)
    const asked = Array.from({ length: ASKED }, () => left.splice(randomBelow(left.length), 1)[0]!)
    this.#asked = asked.sort((a, b) => a - b)
    this.problems = {}
    this.step = 'check'
  }

  #check(event: SubmitEvent): void {
    event.preventDefault()
    const problems: Record<string, string> = {}
    for (const at of this.#asked) {
      const typed = this.renderRoot.querySelector<HTMLInputElement>(`#word-${at}`)?.value.trim().toLowerCase()
      if (typed !== this.#words[at])
        problems[at] = typed ? 'This is another word. Look at your copy again.' : 'Type this word.'
    }
    this.problems = problems
    if (Object.keys(problems).length > 0) return
    rememberBackup(this.node)
    navigate(this, '/wallet')
  }

  override render() {
    if (this.step === 'passphrase' && this.page === 'words') return this.#again()
    return html`<div class="card">
      ${this.step === 'passphrase' ? this.#passphraseStep() : this.step === 'words' ? this.#wordsStep() : this.#checkStep()}
    </div>`
  }

  /** The page was loaded again while it showed the words, or they were put off. */
  #again() {
    return html`<form class="card" @submit=${this.#showAgain}>
      <div>
        ${this.#whose('')}
        <h1 tabindex="-1">Show the seed words again</h1>
        <p class="muted">
          The wallet was made, and is kept in this browser. Show its words again to write them down: without a copy its coins are lost with this
          browser's data.
        </p>
      </div>
      <ot-passphrase
        label="Passphrase"
        .value=${this.passphrase}
        .problem=${this.problems.passphrase ?? this.#task.problem}
        @change=${(event: Event) => {
          this.passphrase = (event.target as HTMLInputElement).value
        }}
      ></ot-passphrase>
      <div class="spread">
        <button class="primary" ?disabled=${this.#task.running}>Show the words</button>
        <a href=${cameFrom()}>Back up later</a>
      </div>
    </form>`
  }

  async #showAgain(event: SubmitEvent): Promise<void> {
    event.preventDefault()
    this.problems = this.passphrase === '' ? { passphrase: 'Enter the passphrase of this wallet.' } : {}
    if (this.passphrase === '') return
    const revealed = await this.#task.run(() => this.node.rpc('revealmnemonic', this.passphrase))
    if (revealed) this.#showWords(revealed.mnemonic)
  }

  #showWords(mnemonic: string): void {
    this.passphrase = ''
    this.repeated = ''
    this.#words = mnemonic.split(' ')
    this.step = 'words'
  }

  /** Above a heading: how far it is, and of which wallet. */
  #whose(step: string) {
    const name = isNamed(this.node) ? walletTitle(this.node.wallet ?? '') : ''
    return html`<p class="steps wrap" data-testid="whose">${[step, name].filter(Boolean).join(' · ')}</p>`
  }

  #passphraseStep() {
    return html`<form @submit=${this.#create}>
      <div>
        <p class="steps">Step 1 of 3</p>
        <h1 tabindex="-1">Choose a passphrase</h1>
        <p class="muted">
          It encrypts your wallet in this browser and is asked for when you pay. Nobody can reset it for you.
        </p>
      </div>
      <ot-wallet-name .node=${this.node}></ot-wallet-name>
      <ot-passphrase
        label="Passphrase"
        autocomplete="new-password"
        strength
        .value=${this.passphrase}
        .problem=${this.problems.passphrase}
        @change=${(event: Event) => {
          this.passphrase = (event.target as HTMLInputElement).value
        }}
      ></ot-passphrase>
      <ot-passphrase
        label="Repeat the passphrase"
        autocomplete="new-password"
        .value=${this.repeated}
        .problem=${this.problems.repeated}
        @change=${(event: Event) => {
          this.repeated = (event.target as HTMLInputElement).value
        }}
      ></ot-passphrase>
      ${this.#task.problem ? html`<p class="error" role="alert">${this.#task.problem}</p>` : nothing}
      <div class="spread">
        <button class="primary" ?disabled=${this.#task.running}>
          ${this.#task.running ? 'Encrypting the wallet…' : 'Create the wallet'}
        </button>
        <a href="/wallet/restore">I have a wallet to restore</a>
      </div>
    </form>`
  }

  #wordsStep() {
    return html`<div class="stack">
      <div>
        ${this.#whose('Step 2 of 3')}
        <h1 tabindex="-1">Write down these ${this.#words.length} words</h1>
        <p class="muted">
          In this order, on paper. They are the wallet: whoever has them has its coins, and with them you restore it in any browser.
        </p>
      </div>
      <ot-seed-words .words=${this.#words}></ot-seed-words>
      <div class="spread">
        <button class="primary" @click=${() => this.#ask()}>I wrote them down</button>
        <a href=${cameFrom()}>Back up later</a>
      </div>
    </div>`
  }

  #checkStep() {
    return html`<form @submit=${this.#check}>
      <div>
        ${this.#whose('Step 3 of 3')}
        <h1 tabindex="-1">Check your copy</h1>
        <p class="muted">Type these words from your paper.</p>
      </div>
      <div class="words">
        ${this.#asked.map(
          (at) =>
            html`<div class="field">
              <label for=${`word-${at}`}>Word ${at + 1}</label>
              <input
                id=${`word-${at}`}
                autocomplete="off"
                autocapitalize="off"
                spellcheck="false"
                aria-invalid=${this.problems[at] ? 'true' : 'false'}
                aria-describedby=${`problem-${at}`}
              />
              <p id=${`problem-${at}`} class="error" ?hidden=${!this.problems[at]}>${this.problems[at]}</p>
            </div>`,
        )}
      </div>
      <div class="spread">
        <button class="primary">${icons.check}Finish</button>
        <button
          type="button"
          class="quiet"
          @click=${() => {
            this.step = 'words'
          }}
        >
          Show the words again
        </button>
      </div>
    </form>`
  }
}

/** A random integer from 0 to below `bound`. Which words are asked is no secret: a slight bias does no harm. */
function randomBelow(bound: number): number {
  return crypto.getRandomValues(new Uint32Array(1))[0]! % bound
}
customElements.define('ot-wallet-create', WalletCreate)
