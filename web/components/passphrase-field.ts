/**
 * `<ot-passphrase label="Passphrase">`: a passphrase with a button that shows it and, with `strength`, how hard it is to guess. That is judged by
 * lists of words, which are fetched once such a field is shown; without them there is no judgement, and everything else works. Thread: Window.
 */
import { css, html, LitElement, nothing } from 'lit'
import type { Strength } from '../passphrase.ts'
import { base } from '../styles/base.ts'

export class PassphraseField extends LitElement {
  static override properties = {
    label: {},
    value: {},
    autocomplete: {},
    problem: {},
    strength: { type: Boolean },
    shown: { state: true },
    judge: { state: true },
  }
  static override shadowRootOptions = { ...LitElement.shadowRootOptions, delegatesFocus: true }
  static override styles = [
    base,
    css`
      .input {
        position: relative;
      }
      input {
        padding-right: 72px !important;
      }
      .input button {
        position: absolute;
        inset: 5px 5px 5px auto;
        min-height: 0;
        padding: 0 12px;
        font-size: 14px;
      }
      .meter {
        display: grid;
        grid-template-columns: repeat(4, 1fr);
        gap: 4px;
        margin-top: 8px;
      }
      .meter span {
        height: 4px;
        border-radius: 2px;
        background: var(--line-strong);
      }
      .meter .on {
        background: var(--accent);
      }
      .meter.level-1 .on {
        background: var(--danger);
      }
      .meter.level-2 .on {
        background: var(--warning);
      }
    `,
  ]
  declare label: string
  declare value: string
  declare autocomplete: AutoFill
  /** What is wrong with it, a sentence. */
  declare problem: string | undefined
  declare strength: boolean
  declare shown: boolean
  /** Rates what is typed; undefined until it is fetched. */
  declare judge: ((passphrase: string) => Strength) | undefined

  constructor() {
    super()
    this.label = 'Passphrase'
    this.value = ''
    this.autocomplete = 'current-password'
    this.strength = false
    this.shown = false
  }

  override willUpdate(changed: Map<PropertyKey, unknown>): void {
    if (changed.has('strength') && this.strength) void this.#fetchJudge()
  }

  async #fetchJudge(): Promise<void> {
    try {
      this.judge = (await import('../passphrase.ts')).passphraseStrength
    } catch {
      // The page's server is away: a passphrase can be chosen without being judged.
    }
  }

  #input(event: Event): void {
    this.value = (event.target as HTMLInputElement).value
    this.dispatchEvent(new Event('change', { bubbles: true }))
  }

  /** A form around this element is not told by the browser: the input lies in another tree. */
  #keydown(event: KeyboardEvent): void {
    if (event.key === 'Enter') this.closest('form')?.requestSubmit()
  }

  override render() {
    return html`<label for="input">${this.label}</label>
      <div class="input">
        <input
          id="input"
          type=${this.shown ? 'text' : 'password'}
          .value=${this.value}
          autocomplete=${this.autocomplete}
          autocapitalize="off"
          spellcheck="false"
          aria-invalid=${this.problem ? 'true' : 'false'}
          aria-describedby="about"
          @input=${this.#input}
          @keydown=${this.#keydown}
        />
        <button
          type="button"
          class="quiet"
          aria-pressed=${this.shown}
          aria-label=${this.shown ? 'Hide what is typed' : 'Show what is typed'}
          @click=${() => {
            this.shown = !this.shown
          }}
        >
          ${this.shown ? 'Hide' : 'Show'}
        </button>
      </div>
      <div id="about" aria-live="polite">
        ${this.problem ? html`<p class="error">${this.problem}</p>` : nothing}
        ${this.strength ? this.#meter() : nothing}
      </div>`
  }

  #meter() {
    const { level = 0, text = 'Several random words make a good passphrase.' } =
      (this.value !== '' && this.judge?.(this.value)) || {}
    return html`<div class=${`meter level-${level}`} aria-hidden="true">
        ${[1, 2, 3, 4].map((at) => html`<span class=${at <= level ? 'on' : ''}></span>`)}
      </div>
      <p class="hint">${text}</p>
      ${
        level === 1
          ? html`<p class="hint">You can use it for this wallet, but no backup file can be made under it.</p>`
          : nothing
      }`
  }
}
customElements.define('ot-passphrase', PassphraseField)
