/**
 * `<ot-channel-towers .node>`: the watchtowers of this tab's channels, which punish old states while it sleeps, and whether this tab is one for others. Thread: Window.
 */
import { css, html, LitElement, nothing } from 'lit'
import { channelsLink } from '../components/channels-link.ts'
import { choiceStyles } from '../components/choice-styles.ts'
import '../components/hash.ts'
import { icons } from '../components/view-icons.ts'
import { RpcController } from '../controllers/rpc-controller.ts'
import { TaskController } from '../controllers/task-controller.ts'
import { plural, shortened } from '../format.ts'
import { type LiveNode, sentence } from '../live-node.ts'
import { notify } from '../requests.ts'
import type { Tower, TowerService } from '../rpc-results.ts'
import { base } from '../styles/base.ts'

/** Milliseconds: what towers have taken is told by no event. */
const REGULARLY = 5_000

interface Loaded {
  readonly towers: readonly Tower[]
  readonly service: TowerService
  /** Of each tower: how many channels it watches. */
  readonly channels: ReadonlyMap<string, number>
  /** Nodes that are connected. */
  readonly peers: readonly { readonly id: string; readonly num_channels: number }[]
}

const WORDS: Readonly<
  Record<Tower['status'], { readonly text: string; readonly kind: 'good' | 'warn' | 'bad' }>
> = {
  reachable: { text: 'Watches', kind: 'good' },
  temporary_unreachable: { text: 'Away', kind: 'warn' },
  subscription_error: { text: 'Refuses', kind: 'warn' },
  misbehaving: { text: 'Broke its promise', kind: 'bad' },
}

export class ChannelTowers extends LitElement {
  static override properties = { node: { attribute: false }, chosen: { state: true } }
  static override styles = [
    base,
    choiceStyles,
    css`
      :host {
        max-width: 760px;
        margin: 0 auto;
      }
      section > * + * {
        margin-top: 14px;
      }
      .choices {
        grid-template-columns: repeat(auto-fill, minmax(180px, 1fr));
      }
      li {
        padding: 12px 0;
        border-top: 1px solid var(--line);
      }
      .switch {
        display: flex;
        gap: 10px;
        align-items: baseline;
        font-weight: 400;
      }
    `,
  ]
  declare node: LiveNode
  /** Node id of the tab that is to watch; the first as long as none was chosen. */
  declare chosen: string | undefined
  readonly #task = new TaskController(this)
  readonly #loaded: RpcController<Loaded> = new RpcController(this, {
    events: ['channel', 'tip'],
    every: REGULARLY,
    load: async (node) => {
      const [{ towers }, service, { peers }] = await Promise.all([
        node.rpc('listtowers'),
        node.rpc('towerservice'),
        node.rpc('listpeers'),
      ])
      const counts = towers.map(
        async ({ tower_id }) =>
          [tower_id, (await node.rpc('gettowerinfo', tower_id)).channels.length] as const,
      )
      return { towers, service, peers, channels: new Map(await Promise.all(counts)) }
    },
  })

  async #run(action: () => Promise<unknown>, done?: string): Promise<void> {
    const isDone = await this.#task.run(async () => {
      await action()
      return true
    })
    if (!isDone) return
    if (done !== undefined) notify(this, done)
    this.#loaded.reload()
  }

  override render() {
    const { value, error } = this.#loaded
    return html`<div class="head"><div>${channelsLink}<h1 tabindex="-1">Watchtowers</h1></div></div>
      ${
        value
          ? html`<div class="stack">
              ${this.#task.problem ? html`<p class="error" role="alert">${this.#task.problem}</p>` : nothing}
              ${this.#own(value)} ${this.#forOthers(value.service)}
            </div>`
          : error
            ? html`<p class="error" role="alert">${sentence(error)}</p>`
            : html`<p class="empty">Asking for the towers…</p>`
      }`
  }

  #own({ towers, channels, peers }: Loaded) {
    const others = peers.filter(({ id }) => towers.every(({ tower_id }) => tower_id !== id))
    return html`<section class="card" aria-labelledby="own">
      <h2 id="own">Who watches for you</h2>
      <p class="muted">
        A watchtower is another tab that you choose. It keeps, encrypted, what punishes each old state of your channels, learns nothing of them,
        and publishes it if one is used while you sleep. Choose tabs that are open when yours is not, and that you have no channel with: none watches itself.
      </p>
      ${
        towers.length === 0
          ? html`<div class="notice warn">
              ${icons.warning}
              <div><strong>Nobody watches while this tab sleeps.</strong> Until then you have to be online yourself.</div>
            </div>`
          : html`<ul>
              ${towers.map((tower) => this.#tower(tower, channels.get(tower.tower_id) ?? 0))}
            </ul>`
      }
      ${
        others.length === 0
          ? html`<p class="hint">${towers.length === 0 ? 'No other tab with channels is connected now.' : 'No further tab is connected now.'}</p>`
          : html`<fieldset>
                <legend>Have another tab watch</legend>
                <div class="choices">
                  ${others.map(
                    ({ id, num_channels }) =>
                      html`<label>
                        <input
                          type="radio"
                          name="tower"
                          .checked=${this.#choice(others) === id}
                          @change=${() => {
                            this.chosen = id
                          }}
                        /><b class="mono">${shortened(id)}</b>
                        <span>${num_channels === 0 ? 'a connected tab' : 'can’t watch your channel with it'}</span>
                      </label>`,
                  )}
                </div>
              </fieldset>
              <button
                ?disabled=${this.#task.running}
                @click=${() =>
                  this.#run(
                    () => this.node.rpc('registertower', this.#choice(others)!),
                    'Another tab watches over your channels now.',
                  )}
              >
                ${this.#task.running ? 'Asking it…' : 'Ask it to watch'}
              </button>`
      }
    </section>`
  }

  #choice(others: Loaded['peers']): string | undefined {
    return (others.find(({ id }) => id === this.chosen) ?? others[0])?.id
  }

  #tower({ tower_id, status, status_detail, acknowledged_states, pending_states }: Tower, channels: number) {
    const { text, kind } = WORDS[status]
    const kept =
      channels === 0
        ? 'There is nothing for it to watch: you have no channel with others than itself.'
        : acknowledged_states + pending_states === 0
          ? 'There is no old state yet that could be used against you.'
          : pending_states === 0
            ? `It keeps what punishes all ${plural(acknowledged_states, 'old state')}.`
            : `It keeps what punishes ${plural(acknowledged_states, 'old state')}; ${plural(pending_states, 'further one')} it has not taken yet.`
    return html`<li class="spread">
      <div>
        <ot-hash .value=${tower_id} what="node id"></ot-hash>
        <span class=${`badge ${kind}`}>${text}</span>
        <p class="hint">${kept} ${status_detail ?? ''}</p>
      </div>
      <div class="row">
        ${
          status === 'subscription_error'
            ? html`<button
                class="small"
                ?disabled=${this.#task.running}
                @click=${() => this.#run(() => this.node.rpc('retrytower', tower_id))}
              >
                Ask again
              </button>`
            : nothing
        }
        <button
          class="small"
          ?disabled=${this.#task.running}
          @click=${() => this.#run(() => this.node.rpc('abandontower', tower_id), 'That tab does not watch any more.')}
        >
          Give up
        </button>
      </div>
    </li>`
  }

  #forOthers({ enabled, n_appointments, users, breaches }: TowerService) {
    return html`<section class="card" aria-labelledby="others">
      <h2 id="others">Watch for others</h2>
      <label class="switch">
        <input
          type="checkbox"
          .checked=${enabled}
          ?disabled=${this.#task.running}
          @change=${(event: Event) =>
            this.#run(() => this.node.rpc('towerservice', (event.target as HTMLInputElement).checked))}
        />
        <span>
          Tabs that choose this one may leave their encrypted penalties here, and this tab looks for old states in every block.
          <span class="muted">It costs some space and no coins. Turned off, what was promised is kept.</span>
        </span>
      </label>
      ${
        n_appointments === 0
          ? nothing
          : html`<p class="hint">
              ${plural(n_appointments, 'penalty', 'penalties')} kept for ${plural(users.length, 'tab')}.
              ${breaches.length > 0 ? `${plural(breaches.length, 'old state')} seen, and answered.` : ''}
            </p>`
      }
    </section>`
  }
}
customElements.define('ot-channel-towers', ChannelTowers)
