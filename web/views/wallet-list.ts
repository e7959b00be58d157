/** `<ot-wallet-list .node>`: all wallets of the profile, to choose one, open or close it, or make another. Thread: Window. */
import { css, html, LitElement, nothing } from 'lit'
import { repeat } from 'lit/directives/repeat.js'
import { sats } from '../../src/primitives/amount.ts'
import { type Balance, balanceOf } from '../balance.ts'
import { amount } from '../components/amount.ts'
import { icons } from '../components/view-icons.ts'
import { RpcController } from '../controllers/rpc-controller.ts'
import { TaskController } from '../controllers/task-controller.ts'
import { amountWithUnit } from '../format.ts'
import { type LiveNode, sentence } from '../live-node.ts'
import { notify } from '../requests.ts'
import { base } from '../styles/base.ts'
import { walletNames, walletPath, walletTitle } from '../wallet-name.ts'

/** A wallet of the profile. */
interface Entry {
  readonly name: string
  /** Undefined of one that is closed. */
  readonly open:
    | {
        /** Undefined while it can't be told. */
        readonly balance: Balance | undefined
        readonly state: LiveNode['signer']['state']
      }
    | undefined
}

export class WalletList extends LitElement {
  static override properties = { node: { attribute: false } }
  static override styles = [
    base,
    css`
      :host {
        max-width: 760px;
        margin: 0 auto;
      }
      .wallets {
        padding-block: 10px;
      }
      li {
        display: grid;
        grid-template-columns: minmax(0, 1fr) auto;
        gap: 8px;
        align-items: center;
      }
      li + li {
        border-top: 1px solid var(--line);
      }
      li > a {
        display: grid;
        grid-template-columns: 36px minmax(0, 1fr) auto;
        gap: 0 14px;
        align-items: center;
        margin-left: -12px;
        padding: 14px 12px;
        border-radius: 10px;
        color: var(--text);
      }
      li > a:hover {
        background: var(--sunken);
        text-decoration: none;
      }
      .mark {
        display: grid;
        place-items: center;
        width: 36px;
        height: 36px;
        border-radius: 50%;
        background: var(--accent-soft);
        color: var(--accent);
      }
      .closed .mark,
      .watching .mark {
        background: var(--sunken);
        color: var(--muted);
      }
      .name {
        max-width: 100%;
        overflow: hidden;
        font-weight: 560;
        text-overflow: ellipsis;
        white-space: nowrap;
      }
      .which {
        display: flex;
        flex-wrap: wrap;
        gap: 2px 10px;
        align-items: center;
      }
      .about {
        flex-basis: 100%;
        display: flex;
        gap: 6px;
        align-items: center;
        color: var(--muted);
        font-size: 14px;
      }
      .about svg {
        width: 14px;
        height: 14px;
      }
      .amount {
        font-weight: 560;
        text-align: right;
      }
      .rest {
        display: block;
        color: var(--muted);
        font-weight: 400;
        font-size: 14px;
      }
      .ways {
        display: grid;
        grid-template-columns: repeat(auto-fit, minmax(200px, 1fr));
        gap: 18px;
      }
      .ways {
        margin-top: 18px;
      }
      .ways p {
        margin-top: 8px;
      }
      @media (max-width: 560px) {
        li > a {
          grid-template-columns: 36px minmax(0, 1fr);
        }
        li > a .amount {
          grid-column: 2;
          text-align: left;
        }
      }
    `,
  ]
  declare node: LiveNode
  readonly #task = new TaskController(this)
  readonly #entries: RpcController<readonly Entry[]> = new RpcController(this, {
    events: ['wallet', 'tip'],
    load: async (node) => {
      const open = new Set(node.wallets)
      const names = await walletNames(node)
      return Promise.all(names.map((name) => entryOf(node, name, open.has(name))))
    },
  })

  override render() {
    const entries = this.#entries.value
    return html`<div class="head"><h1 tabindex="-1">Wallets</h1></div>
      <div class="stack">
        <section class="card wallets" aria-label="Wallets of this profile">
          ${
            entries
              ? entries.length === 0
                ? html`<p class="empty">This profile has no wallet yet.</p>`
                : html`<ul>
                    ${repeat(
                      entries,
                      ({ name }) => name,
                      (entry) => this.#entry(entry),
                    )}
                  </ul>`
              : this.#waiting()
          }
          ${this.#task.problem ? html`<p class="error" role="alert">${this.#task.problem}</p>` : nothing}
        </section>
        <section class="card" aria-labelledby="another">
          <h2 id="another">Another wallet</h2>
          <p class="muted">Each has keys, passphrase, backup and history of its own.</p>
          <div class="ways">
            ${way('/wallet/create', 'Create a wallet', 'New keys, kept here.')}
            ${way('/wallet/restore', 'Restore a wallet', 'From seed words or a backup file.')}
            ${way('/wallet/watch', 'Watch a wallet', 'See its coins and prepare payments, without its keys.')}
          </div>
        </section>
      </div>`
  }

  #waiting() {
    const { error } = this.#entries
    if (!error) return html`<p class="empty">Reading the wallets…</p>`
    return html`<p class="error" role="alert">${sentence(error)}</p>
      <button @click=${() => this.#entries.reload()}>Try again</button>`
  }

  #entry({ name, open }: Entry) {
    const isShown = open !== undefined && name === this.node.wallet
    const title = walletTitle(name)
    const about =
      open === undefined
        ? 'closed'
        : open.state === 'none'
          ? html`${icons.search}watch-only`
          : open.state === 'locked'
            ? html`${icons.lock}keys here, locked`
            : html`${icons.unlock}keys here, unlocked`
    return html`<li class=${open === undefined ? 'closed' : open.state === 'none' ? 'watching' : ''}>
      <a href=${walletPath('/wallet', name)} aria-current=${isShown ? 'true' : nothing}>
        <span class="mark">${icons.wallet}</span>
        <span class="which">
          <span class="name">${title}</span>
          ${isShown ? html`<span class="badge good">Current</span>` : nothing}
          <span class="about">${about}</span>
        </span>
        ${open?.balance ? amounts(open.balance) : nothing}
      </a>
      <button
        class="quiet small"
        ?disabled=${this.#task.running}
        aria-label=${`${open ? 'Close' : 'Open'} ${title}`}
        @click=${() => this.#toggle(name, open !== undefined)}
      >
        ${open ? 'Close' : 'Open'}
      </button>
    </li>`
  }

  /** What is open is opened again with the tab, and what is closed is not. */
  async #toggle(name: string, isOpen: boolean): Promise<void> {
    const answer = await this.#task.run(() =>
      isOpen ? this.node.rpc('unloadwallet', name, false) : this.node.rpc('loadwallet', name, true),
    )
    if (!answer) return
    const [warning] = answer.warnings ?? []
    notify(
      this,
      warning ?? (isOpen ? `${walletTitle(name)} is closed. It is kept.` : `${walletTitle(name)} is open.`),
    )
    this.#entries.reload()
  }
}

/** A way to another wallet. */
function way(path: string, name: string, about: string) {
  return html`<div>
    <a class="button" href=${path}>${name}</a>
    <p class="muted small">${about}</p>
  </div>`
}

/** What can be spent, as on the wallet's page, and what else there is. */
function amounts({ spendable, locked, pending, immature }: Balance) {
  const rest = sats(locked + pending + immature)
  return html`<span class="amount">
    ${amount(spendable)}
    ${rest > 0 ? html`<span class="rest">+ ${amountWithUnit(rest)} not spendable yet</span>` : nothing}
  </span>`
}

async function entryOf(node: LiveNode, name: string, isOpen: boolean): Promise<Entry> {
  if (!isOpen) return { name, open: undefined }
  const held = node.of(name)
  const balance = await held.rpc('getbalances').then(
    ({ mine }) => balanceOf(mine),
    () => undefined,
  )
  return { name, open: { balance, state: held.signer.state } }
}
customElements.define('ot-wallet-list', WalletList)
