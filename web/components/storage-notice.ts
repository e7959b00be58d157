/**
 * `<ot-storage-notice .node holds-coins>`: how long the browser keeps the wallet, shown while that is not for good; and the button by which the
 * browser is asked to, since some ask the person in turn. Thread: Window.
 */
import { html, LitElement, nothing, type TemplateResult } from 'lit'
import { TaskController } from '../controllers/task-controller.ts'
import type { LiveNode } from '../live-node.ts'
import { remember, remembered } from '../remembered.ts'
import { notify } from '../requests.ts'
import { isDecidedByBrowser, keepForGood, type Lasting, storageLasting } from '../storage-lasting.ts'
import { base } from '../styles/base.ts'
import { isBackedUp } from '../wallet-memory.ts'
import { icons } from './icons.ts'

/** Where it is kept that the browser was asked, and did not agree. */
const REFUSED = 'opentab.storage-refused'

export class StorageNotice extends LitElement {
  static override properties = {
    node: { attribute: false },
    holdsCoins: { type: Boolean, attribute: 'holds-coins' },
    lasting: { state: true },
    refused: { state: true },
  }
  static override styles = base
  declare node: LiveNode
  declare holdsCoins: boolean
  /** Undefined until the browser has answered. */
  declare lasting: Lasting | undefined
  /** The browser was just asked, and did not agree. */
  declare refused: boolean
  readonly #task = new TaskController(this)

  constructor() {
    super()
    this.holdsCoins = false
    this.refused = false
  }

  override connectedCallback(): void {
    super.connectedCallback()
    void storageLasting().then((lasting) => {
      this.lasting = lasting
    })
  }

  override render() {
    const notice = this.#notice()
    // Nothing takes no room, not even the gap of whatever holds this.
    this.hidden = notice === undefined
    return notice ?? nothing
  }

  #notice(): TemplateResult | undefined {
    if (this.lasting === 'for-this-window')
      return warning(html`<strong>This is a private window: a wallet in it is gone when the window is closed.</strong>
        Keep its words or its backup file elsewhere, or open this page in an ordinary window.`)
    if (this.lasting !== 'for-now' || !this.holdsCoins) return undefined
    if (this.refused)
      return warning(html`<strong>The browser did not agree to keep this wallet.</strong> It stays here until the browser needs the space, or,
        in a private window, until that is closed. <a href="/wallet/backup">With a backup</a> it can be restored anywhere.`)
    const wasRefused = isDecidedByBrowser() || remembered(REFUSED) !== undefined
    if (wasRefused && isBackedUp(this.node)) return undefined
    return html`<div class="notice">
      ${icons.info}
      <div>
        <p>
          <strong>The browser may remove this wallet when space on the disk gets tight.</strong> Ask it to keep the wallet: it may
          want your permission to store data for good.
        </p>
        <button class="small" ?disabled=${this.#task.running} @click=${this.#ask}>Keep this wallet</button>
      </div>
    </div>`
  }

  async #ask(): Promise<void> {
    const isKept = await this.#task.run(keepForGood)
    if (isKept === undefined) return
    this.refused = !isKept
    remember(REFUSED, isKept ? undefined : 'yes')
    if (!isKept) return
    this.lasting = 'for-good'
    notify(this, 'The browser keeps this wallet until you remove it.')
  }
}

function warning(text: TemplateResult): TemplateResult {
  return html`<div class="notice warn" role="alert">${icons.warning}<div>${text}</div></div>`
}
customElements.define('ot-storage-notice', StorageNotice)
