/**
 * `<ot-outside-mark>`: on every view, while programs may call this tab: what they may, how often they called, and the switch. It asks for the
 * passphrase of a wallet that a program wants made, too. Thread: Window.
 */
import { css, html, LitElement, nothing } from 'lit'
import { plural } from '../format.ts'
import { base } from '../styles/base.ts'
import { outside } from '../tab/outside.ts'
import { walletTitle } from '../wallet-name.ts'
import './passphrase-field.ts'

/** A wallet that a program wants made. */
interface Wanted {
  readonly wallet: string
  resolve(passphrase: string | undefined): void
}

export class OutsideMark extends LitElement {
  static override properties = {
    wanted: { state: true },
    passphrase: { state: true },
    problem: { state: true },
  }
  static override styles = [
    base,
    css`
      .mark {
        position: fixed;
        z-index: 5;
        inset: auto 16px 16px auto;
        display: flex;
        align-items: center;
        gap: 12px;
        max-width: calc(100vw - 32px);
        padding: 8px 8px 8px 16px;
        border: 1px solid var(--warning);
        border-radius: 12px;
        background: var(--surface);
        color: var(--text);
        font-size: 14px;
      }
      .mark button {
        flex: none;
      }
      /* The views are chosen at the lower edge there. */
      @media (max-width: 960px) {
        .mark {
          bottom: calc(76px + env(safe-area-inset-bottom));
        }
      }
      form {
        display: grid;
        gap: 20px;
      }
      .actions {
        justify-content: flex-end;
      }
    `,
  ]
  /** Those that wait, in the order of their calls; the first is asked for. */
  declare wanted: readonly Wanted[]
  declare passphrase: string
  declare problem: string | undefined
  readonly #update = (): void => {
    if (outside.allowed === undefined) this.#decline()
    this.requestUpdate()
  }

  constructor() {
    super()
    this.wanted = []
    this.passphrase = ''
  }

  override connectedCallback(): void {
    super.connectedCallback()
    outside.addEventListener('change', this.#update)
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback()
    outside.removeEventListener('change', this.#update)
  }

  /** Asks the person for a passphrase; undefined where there is to be no wallet. */
  ask(wallet: string): Promise<string | undefined> {
    return new Promise((resolve) => {
      this.wanted = [...this.wanted, { wallet, resolve }]
    })
  }

  override updated(): void {
    const dialog = this.renderRoot.querySelector('dialog')
    if (dialog?.open === false) dialog.showModal()
  }

  #submit(event: SubmitEvent): void {
    event.preventDefault()
    if (this.passphrase === '') this.problem = 'Choose a passphrase: it encrypts the keys in this browser.'
    else this.#next(this.passphrase)
  }

  #next(passphrase: string | undefined): void {
    const [first, ...others] = this.wanted
    this.passphrase = ''
    this.problem = undefined
    this.wanted = others
    first?.resolve(passphrase)
  }

  /** No wallet of all that wait. */
  #decline(): void {
    while (this.wanted.length > 0) this.#next(undefined)
  }

  override render() {
    const { allowed, calls } = outside
    if (allowed === undefined) return nothing
    const may = allowed === 'read' ? 'read this tab' : 'use this tab'
    return html`<aside class="mark" aria-label="From outside the page">
        <span>Programs may ${may} · ${plural(calls, 'call')}</span>
        <button class="small" @click=${() => outside.close()}>Switch off</button>
      </aside>
      ${this.wanted.slice(0, 1).map(
        ({ wallet }) =>
          html`<dialog
            aria-labelledby="title"
            @cancel=${(event: Event) => {
              event.preventDefault()
              this.#next(undefined)
            }}
          >
            <form @submit=${this.#submit}>
              <div>
                <h2 id="title" class="wrap">A program wants a new wallet: ${walletTitle(wallet)}</h2>
                <p class="hint">
                  Choose its passphrase here; the program does not get it, nor the seed words. They are shown under Wallet, “Backup and passphrase”.
                </p>
              </div>
              <ot-passphrase
                label="Passphrase"
                autocomplete="new-password"
                strength
                .value=${this.passphrase}
                .problem=${this.problem}
                @change=${(event: Event) => {
                  this.passphrase = (event.target as HTMLInputElement).value
                  this.problem = undefined
                }}
              ></ot-passphrase>
              <div class="row actions">
                <button type="button" @click=${() => this.#next(undefined)}>No wallet</button>
                <button class="primary">Make the wallet</button>
              </div>
            </form>
          </dialog>`,
      )}`
  }
}
customElements.define('ot-outside-mark', OutsideMark)

/** The page's mark, which is put there with the first use. */
export function outsideMark(): OutsideMark {
  const here = document.querySelector<OutsideMark>('ot-outside-mark')
  if (here !== null) return here
  const mark = new OutsideMark()
  document.body.append(mark)
  return mark
}
