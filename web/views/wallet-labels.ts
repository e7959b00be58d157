/** `<ot-wallet-labels .node>`: a wallet's labels, saved for other wallets and brought in from them (BIP329). Thread: Window. */
import { css, html, LitElement, nothing } from 'lit'
import { fileStyles } from '../components/file-styles.ts'
import { icons } from '../components/icons.ts'
import { TaskController } from '../controllers/task-controller.ts'
import { download, MAX_FILE_BYTES, readText, walletFileName } from '../files.ts'
import { plural } from '../format.ts'
import type { LiveNode } from '../live-node.ts'
import { notify } from '../requests.ts'
import type { ImportedLabels } from '../rpc-results.ts'
import { base } from '../styles/base.ts'

export class WalletLabels extends LitElement {
  static override properties = { node: { attribute: false }, imported: { state: true } }
  static override styles = [
    base,
    fileStyles,
    css`
      section > h2 + p {
        margin: 6px 0 18px;
      }
      [role="status"] > * {
        margin-top: 12px;
      }
    `,
  ]
  declare node: LiveNode
  /** What was taken of the file that was brought in last. */
  declare imported: ImportedLabels | undefined
  readonly #save = new TaskController(this)
  readonly #bring = new TaskController(this)

  async #export(): Promise<void> {
    const text = await this.#save.run(() => this.node.rpc('exportlabels', 'bip329'))
    if (text === undefined) return
    if (text === '')
      return this.#save.fail(
        'There is no label yet. Notes of payments become labels, and so do those on “Receive”.',
      )
    download(walletFileName(this.node, 'labels', '.jsonl'), text, 'application/jsonl')
    notify(this, 'Labels saved.')
  }

  async #import(event: Event): Promise<void> {
    const field = event.target as HTMLInputElement
    const file = field.files?.[0]
    this.imported = undefined
    if (!file) return
    if (file.size > MAX_FILE_BYTES)
      this.#bring.fail('This file is too large to hold labels. Choose another one.')
    else
      this.imported = await this.#bring.run(async () => this.node.rpc('importlabels', await readText(file)))
    // The same file can be chosen again.
    field.value = ''
  }

  override render() {
    const problem = this.#save.problem ?? this.#bring.problem
    return html`<section class="card" aria-labelledby="labels">
      <h2 id="labels">Labels</h2>
      <p class="muted">
        Your notes on addresses, in a file that other wallets read, too (BIP329). It holds no key, but shows whoever gets it which addresses
        are yours.
      </p>
      <div class="stack">
        <div>
          <button ?disabled=${this.#save.running} @click=${() => this.#export()}>Save the labels</button>
        </div>
        <div class="field">
          <label for="file">Bring in labels from a file</label>
          <input id="file" type="file" ?disabled=${this.#bring.running} @change=${this.#import} />
          <div role="status">${this.#told()}</div>
        </div>
        ${problem ? html`<p class="error" role="alert">${problem}</p>` : nothing}
      </div>
    </section>`
  }

  #told() {
    if (this.#bring.running) return html`<p class="hint">Reading the labels…</p>`
    if (this.imported === undefined) return nothing
    const { labels, warnings = [] } = this.imported
    return html`<p>${labels === 0 ? 'No label was brought in.' : `${plural(labels, 'label')} brought in.`}</p>
      ${
        warnings.length === 0
          ? nothing
          : html`<div class="notice warn">
              ${icons.warning}
              <div>${warnings.map((warning) => html`<p>${warning}</p>`)}</div>
            </div>`
      }`
  }
}
customElements.define('ot-wallet-labels', WalletLabels)
