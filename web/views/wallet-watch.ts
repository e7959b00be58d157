/**
 * `<ot-wallet-watch .node .name>`: watches a wallet whose keys are elsewhere, by its descriptor or extended public key. With `name`, into a wallet
 * that watches nothing yet. Thread: Window.
 */
import { css, html, LitElement, nothing } from 'lit'
import '../components/wallet-name-field.ts'
import type { WalletNameField } from '../components/wallet-name-field.ts'
import { TaskController } from '../controllers/task-controller.ts'
import type { LiveNode } from '../live-node.ts'
import { notify } from '../requests.ts'
import { navigate } from '../router.ts'
import { base } from '../styles/base.ts'
import { walletPath, walletTitle } from '../wallet-name.ts'

export class WalletWatch extends LitElement {
  static override properties = {
    node: { attribute: false },
    name: {},
    problem: { state: true },
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
      h1 + p {
        margin-top: 8px;
      }
      textarea {
        font-family: var(--mono);
        font-size: 14px;
      }
    `,
  ]
  declare node: LiveNode
  /** Of the wallet that is to watch; undefined makes one. */
  declare name: string | undefined
  declare problem: string | undefined
  #keys = ''
  readonly #task = new TaskController(this)
  /** The wallet that was made for this, while nothing could be watched. */
  #made: string | undefined

  async #submit(event: SubmitEvent): Promise<void> {
    event.preventDefault()
    const name = this.name ?? this.renderRoot.querySelector<WalletNameField>('ot-wallet-name')?.read()
    this.problem = problemOf(this.#keys.trim())
    if (name === undefined || this.problem !== undefined) return
    const watched = await this.#task.run(async () => {
      // First, so that no wallet is made for what can't be watched.
      const { descriptor } = await this.node.rpc('getdescriptorinfo', descriptorOf(this.#keys))
      if (this.name !== name && this.#made !== name) await this.node.rpc('createwallet', name, true)
      this.#made = name
      const [result] = await this.node
        .of(name)
        .rpc('importdescriptors', [{ desc: descriptor, timestamp: 0, active: true }])
      if (result?.success === false) throw new Error(result.error?.message ?? 'It could not be watched.')
      return true
    })
    if (!watched) return
    notify(this, `${walletTitle(name)} is watched.`)
    navigate(this, walletPath('/wallet', name))
  }

  override render() {
    const { problem } = this
    return html`<form class="card" novalidate @submit=${this.#submit}>
      <div>
        <h1 tabindex="-1">Watch a wallet</h1>
        <p class="muted">
          This tab then shows its coins and payments, gives out its addresses, and prepares payments that are signed where the keys are. Nothing
          can be spent from here.
        </p>
      </div>
      ${this.name === undefined ? html`<ot-wallet-name .node=${this.node}></ot-wallet-name>` : nothing}
      <div class="field">
        <label for="keys">Descriptor or extended public key</label>
        <textarea
          id="keys"
          rows="4"
          autocomplete="off"
          autocapitalize="off"
          spellcheck="false"
          placeholder="tr([…]xpub…/<0;1>/*) or xpub…"
          aria-invalid=${problem ? 'true' : 'false'}
          aria-describedby="keys-problem keys-about"
          @input=${(event: Event) => {
            this.#keys = (event.target as HTMLTextAreaElement).value
          }}
        ></textarea>
        <p id="keys-problem" class="error" ?hidden=${!problem}>${problem}</p>
        <p id="keys-about" class="hint">
          It names all addresses of a wallet, and can’t spend. The wallet that has the keys shows it: in Opentab under “Backup and passphrase”.
          Whoever has it sees every payment of that wallet.
        </p>
      </div>
      ${this.#task.problem ? html`<p class="error" role="alert">${this.#task.problem}</p>` : nothing}
      <div class="row">
        <button class="primary" ?disabled=${this.#task.running}>
          ${this.#task.running ? 'Searching the chain…' : 'Watch it'}
        </button>
        <a class="button quiet" href="/wallet/all">Cancel</a>
      </div>
    </form>`
  }
}

/** What is wrong with what was pasted, as far as the page itself can tell. */
function problemOf(pasted: string): string | undefined {
  if (pasted === '') return 'Paste the descriptor or the extended public key.'
  if (/^[xt]prv/.test(pasted) || /^(\d*[\s.)]*\p{L}+[\s,]*){12,}$/u.test(pasted))
    return 'These are the keys themselves: with them everything can be spent. Clear them here, and paste them under “Restore a wallet” alone. What watches needs the descriptor, which the wallet shows under “Backup and passphrase”.'
  return undefined
}

/** A descriptor of what was pasted: a bare key is that of an account (BIP86), with addresses to receive and for change. */
function descriptorOf(text: string): string {
  const pasted = text.trim()
  return /^(\[[^\]]*\])?[xt]pub\w+$/.test(pasted) ? `tr(${pasted}/<0;1>/*)` : pasted
}
customElements.define('ot-wallet-watch', WalletWatch)
