/** `<ot-psbt label .value>`: a PSBT, pasted in base64 or taken from a file of bytes or text. Fires `change`. Thread: Window. */
import { css, html, LitElement, nothing } from 'lit'
import { MAX_FILE_BYTES } from '../files.ts'
import { base } from '../styles/base.ts'
import { fileStyles } from './file-styles.ts'

export class PsbtField extends LitElement {
  static override properties = { label: {}, value: {}, problem: { state: true } }
  static override shadowRootOptions = { ...LitElement.shadowRootOptions, delegatesFocus: true }
  static override styles = [
    base,
    fileStyles,
    css`
      textarea {
        font-family: var(--mono);
        font-size: 13px;
        overflow-wrap: anywhere;
      }
      .field + .field {
        margin-top: 16px;
      }
    `,
  ]
  declare label: string
  /** As pasted, or base64 of the file. */
  declare value: string
  /** What is wrong with the file, a sentence. */
  declare problem: string | undefined

  constructor() {
    super()
    this.label = 'Payment (PSBT)'
    this.value = ''
  }

  #set(value: string, problem?: string): void {
    this.value = value
    this.problem = problem
    this.dispatchEvent(new Event('change'))
  }

  async #take(event: Event): Promise<void> {
    const file = (event.target as HTMLInputElement).files?.[0]
    if (!file) return
    if (file.size > MAX_FILE_BYTES)
      return this.#set('', 'This file is too large to be a payment. Choose another one.')
    const bytes = new Uint8Array(await file.arrayBuffer())
    // Such files hold bytes, which begin with "psbt" and 0xff, or their base64.
    this.#set(bytes[4] === 0xff ? base64(bytes) : new TextDecoder().decode(bytes).trim())
  }

  override render() {
    return html`<div class="field">
        <label for="psbt">${this.label}</label>
        <textarea
          id="psbt"
          rows="4"
          autocomplete="off"
          autocapitalize="off"
          spellcheck="false"
          .value=${this.value}
          @input=${(event: Event) => this.#set((event.target as HTMLTextAreaElement).value)}
        ></textarea>
      </div>
      <div class="field">
        <label for="file">or its file</label>
        <input id="file" type="file" accept=".psbt,.txt" aria-describedby="problem" @change=${this.#take} />
        <div id="problem" aria-live="polite">
          ${this.problem ? html`<p class="error">${this.problem}</p>` : nothing}
        </div>
      </div>`
  }
}

function base64(bytes: Uint8Array): string {
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''))
}
customElements.define('ot-psbt', PsbtField)
