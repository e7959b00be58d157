/** `<ot-search .node>`: finds blocks, transactions and addresses. The app leads here from anywhere by the `/` key. Thread: Window. */
import { css, html, LitElement, nothing } from 'lit'
import { TaskController } from '../controllers/task-controller.ts'
import type { LiveNode } from '../live-node.ts'
import { navigate } from '../router.ts'
import { base } from '../styles/base.ts'
import { icons } from './view-icons.ts'

export class SearchBox extends LitElement {
  static override properties = { node: { attribute: false } }
  static override shadowRootOptions = { ...LitElement.shadowRootOptions, delegatesFocus: true }
  static override styles = [
    base,
    css`
      form {
        position: relative;
      }
      form > svg {
        position: absolute;
        top: 10px;
        left: 11px;
        width: 18px;
        height: 18px;
        color: var(--muted);
        pointer-events: none;
      }
      input {
        min-height: 38px !important;
        padding: 6px 36px !important;
        border-color: var(--line) !important;
        background: var(--sunken) !important;
        font-size: 15px !important;
        text-overflow: ellipsis;
      }
      input::-webkit-search-cancel-button {
        appearance: none;
      }
      kbd {
        position: absolute;
        top: 9px;
        right: 10px;
        padding: 0 6px;
        border: 1px solid var(--line-strong);
        border-radius: 5px;
        color: var(--muted);
        font: 12px / 18px var(--sans);
        pointer-events: none;
      }
      input:focus ~ kbd {
        display: none;
      }
      .problem {
        position: absolute;
        z-index: 4;
        top: calc(100% + 8px);
        right: 0;
        left: 0;
        padding: 10px 14px;
        border: 1px solid var(--line);
        border-radius: var(--radius-small);
        background: var(--surface);
        box-shadow: 0 8px 24px rgb(0 0 0 / 0.12);
        font-size: 14px;
        overflow-wrap: anywhere;
      }
      @media (pointer: coarse) {
        kbd {
          display: none;
        }
        input {
          min-height: 44px !important;
          font-size: 16px !important;
        }
        form > svg {
          top: 13px;
        }
      }
    `,
  ]
  declare node: LiveNode
  readonly #task = new TaskController(this)

  get #input(): HTMLInputElement {
    return this.renderRoot.querySelector('input')!
  }

  async #submit(event: SubmitEvent): Promise<void> {
    event.preventDefault()
    const text = this.#input.value.trim()
    if (text === '') return
    const found = await this.#task.run(() => this.node.rpc('search', text))
    if (found === undefined) return
    // What was typed meanwhile is the next search.
    if (this.#input.value.trim() === text) this.#input.value = ''
    navigate(this, `/${found.type === 'transaction' ? 'tx' : found.type}/${found.id}`)
  }

  override render() {
    const { problem } = this.#task
    return html`<form role="search" @submit=${this.#submit}>
      ${icons.search}
      <input
        type="search"
        aria-label="Search for a block, transaction or address"
        placeholder="Height, hash, txid or address"
        autocomplete="off"
        autocapitalize="off"
        spellcheck="false"
        maxlength="200"
        aria-describedby="problem"
        @input=${() => this.#task.fail(undefined)}
        @keydown=${(event: KeyboardEvent) => {
          if (event.key === 'Escape') this.#task.fail(undefined)
        }}
      />
      <kbd aria-hidden="true">/</kbd>
      <div id="problem" role="alert">${problem ? html`<p class="problem">${problem}</p>` : nothing}</div>
    </form>`
  }
}
customElements.define('ot-search', SearchBox)
