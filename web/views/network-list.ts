/** `<ot-network-list .current>`: the networks that this browser keeps something of: opened, called by other names, and deleted. Thread: Window. */
import { css, html, LitElement, nothing } from 'lit'
import { repeat } from 'lit/directives/repeat.js'
import { networkId as idOf } from '../../src/consensus/genesis.ts'
import { type NetworkParams, OWN_NETWORKS, PUBLIC } from '../../src/consensus/params.ts'
import { icons } from '../components/view-icons.ts'
import '../components/network-mark.ts'
import { TaskController } from '../controllers/task-controller.ts'
import { bytesText, plural } from '../format.ts'
import { invitationPath } from '../invitation.ts'
import { deleteNetwork, measureNetwork, type StoredNetwork, storedProfiles } from '../network-storage.ts'
import { notify } from '../requests.ts'
import { base } from '../styles/base.ts'
import { forgetNetwork, MAX_NICKNAME, renameNetwork, visitedNetworks } from '../visited-networks.ts'

/** A network of the list. */
interface Listed {
  readonly networkId: string
  /** Undefined for data of a network whose link this browser has forgotten. */
  readonly params: NetworkParams | undefined
  readonly nickname: string | undefined
  readonly relays: readonly string[]
  /** Profiles whose data is stored. */
  readonly profiles: number
}

/** What is done to one of them, below it. */
interface Doing {
  readonly networkId: string
  readonly what: 'rename' | 'delete'
  /** What deleting frees, once that was found out. */
  readonly frees?: StoredNetwork
}

export class NetworkList extends LitElement {
  static override properties = {
    current: {},
    networks: { state: true },
    doing: { state: true },
  }
  static override styles = [
    base,
    css`
      li {
        display: grid;
        gap: 12px;
        padding: 16px 0;
        border-top: 1px solid var(--line);
      }
      ul {
        margin-top: 8px;
      }
      li:first-child {
        border-top: 0;
      }
      .below {
        display: grid;
        gap: 12px;
      }
    `,
  ]
  /** Genesis hash of this tab's network, display order. */
  declare current: string
  declare networks: readonly Listed[]
  declare doing: Doing | undefined
  readonly #task = new TaskController(this)

  constructor() {
    super()
    this.networks = []
  }

  override connectedCallback(): void {
    super.connectedCallback()
    void this.#load()
  }

  async #load(): Promise<void> {
    const stored = await storedProfiles().catch(() => new Map<string, readonly string[]>())
    const profilesOf = (networkId: string): number => stored.get(networkId)?.length ?? 0
    const visited = visitedNetworks().map((network) => ({
      ...network,
      profiles: profilesOf(network.networkId),
    }))
    const listed: Listed[] = [...visited]
    const ownIds = new Map(OWN_NETWORKS.map((params) => [idOf(params) as string, params]))
    for (const networkId of stored.keys())
      if (!visited.some((network) => network.networkId === networkId))
        listed.push({
          networkId,
          params: ownIds.get(networkId),
          nickname: undefined,
          relays: [],
          profiles: profilesOf(networkId),
        })
    this.networks = listed
  }

  async #measure({ networkId }: Listed): Promise<void> {
    this.doing = undefined
    await this.#task.run(async () => {
      const frees = await measureNetwork(networkId)
      if (frees === undefined) throw new Error(IN_USE)
      this.doing = { networkId, what: 'delete', frees }
    })
  }

  async #delete({ networkId, params, nickname }: Listed): Promise<void> {
    const frees = this.doing?.frees
    const done = await this.#task.run(async () => {
      if (!(await deleteNetwork(networkId))) throw new Error(IN_USE)
      return true
    })
    if (!done) return
    if (params) forgetNetwork(params)
    this.doing = undefined
    notify(
      this,
      `${nickname ?? params?.name ?? 'The network'} was deleted: about ${bytesText(frees?.bytes ?? 0)} are free.`,
    )
    await this.#load()
  }

  #rename(event: SubmitEvent, { params }: Listed): void {
    event.preventDefault()
    const field = this.renderRoot.querySelector<HTMLInputElement>('#nickname')
    if (params) renameNetwork(params, field?.value ?? '')
    this.doing = undefined
    void this.#load()
  }

  override render() {
    return html`<section class="card" aria-labelledby="visited">
      <h2 id="visited">Networks in this browser</h2>
      <p class="hint">What a network’s tabs stored here stays until you delete it. Names that you give are seen by you alone.</p>
      ${this.#task.problem ? html`<p class="error" role="alert">${this.#task.problem}</p>` : nothing}
      <ul>
        ${repeat(
          this.networks,
          ({ networkId }) => networkId,
          (network) => this.#row(network),
        )}
      </ul>
    </section>`
  }

  #row(network: Listed) {
    const { networkId, params, nickname, relays, profiles } = network
    const isCurrent = networkId === this.current
    const isPublic = params === PUBLIC
    const title = nickname ?? params?.name ?? 'Unknown network'
    const doing = this.doing?.networkId === networkId ? this.doing : undefined
    return html`<li>
      <div class="spread">
        <div>
          <h3 class="wrap">${title} ${isCurrent ? html`<span class="badge good">This tab’s</span>` : nothing}</h3>
          <p class="hint">
            ${nickname !== undefined && params ? `Calls itself ${params.name}. ` : nothing}${
              profiles === 0 ? 'Nothing is stored.' : `${plural(profiles, 'profile')} stored.`
            }
          </p>
        </div>
        <ot-network-mark .networkId=${networkId}></ot-network-mark>
      </div>
      <div class="row">
        ${
          isCurrent || !params
            ? nothing
            : html`<a
              class="button small"
              href=${invitationPath(params, relays)}
              target="_blank"
              rel="noopener"
              aria-label=${`Open ${title}`}
              >${icons.external} Open</a
            >`
        }
        ${
          params && !OWN_NETWORKS.includes(params)
            ? html`<button
              class="small"
              aria-label=${`Rename ${title}`}
              @click=${() => {
                this.doing = { networkId, what: 'rename' }
              }}
            >
              Rename
            </button>`
            : nothing
        }
        ${
          isPublic
            ? nothing
            : html`<button
              class="small danger"
              aria-label=${`Delete ${title}`}
              ?disabled=${this.#task.running}
              @click=${() => this.#measure(network)}
            >
              Delete
            </button>`
        }
      </div>
      ${doing?.what === 'rename' ? this.#renaming(network) : doing?.frees ? this.#deleting(network, doing.frees) : nothing}
    </li>`
  }

  #renaming(network: Listed) {
    return html`<form class="below" @submit=${(event: SubmitEvent) => this.#rename(event, network)}>
      <div class="field">
        <label for="nickname">Your name for it</label>
        <input id="nickname" maxlength=${MAX_NICKNAME} autocomplete="off" .value=${network.nickname ?? ''} />
        <p class="hint">Nobody else sees it. Leave it empty for “${network.params?.name}”.</p>
      </div>
      <div class="row">
        <button class="small primary">Keep the name</button>
        ${this.#cancel()}
      </div>
    </form>`
  }

  #deleting(network: Listed, { profiles, wallets, bytes }: StoredNetwork) {
    return html`<div class="notice bad" role="alert">
      ${icons.warning}
      <div class="below">
        <p>
          This deletes ${plural(profiles, 'profile')} with chain and settings, and
          ${wallets === 0 ? 'no wallet' : html`<strong>the keys of ${plural(wallets, 'wallet')}</strong>`}. It frees about
          ${bytesText(bytes)}.
          ${wallets === 0 ? '' : 'Coins of a wallet without a backup are lost for good.'}
        </p>
        <div class="row">
          <button class="small danger" ?disabled=${this.#task.running} @click=${() => this.#delete(network)}>
            Delete for good
          </button>
          ${this.#cancel()}
        </div>
      </div>
    </div>`
  }

  #cancel() {
    return html`<button
      class="small"
      type="button"
      @click=${() => {
        this.doing = undefined
      }}
    >
      Cancel
    </button>`
  }
}

const IN_USE = 'A tab has this network open. Close its tabs first; nothing was deleted.'
customElements.define('ot-network-list', NetworkList)
