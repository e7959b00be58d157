/**
 * `<ot-link-conditions .node>`: conditions on the links of a network for tests: what is asked for and by whom, who takes part, a form to ask, cut and heal, and the
 * choice not to take part. Fetched for the network's page there alone. Thread: Window.
 */
import { css, html, LitElement, nothing } from 'lit'
import { RpcController } from '../controllers/rpc-controller.ts'
import { TaskController } from '../controllers/task-controller.ts'
import { durationText, plural, shortened } from '../format.ts'
import type { LiveNode } from '../live-node.ts'
import type { LinkConditionsResult } from '../rpc-results.ts'
import { base } from '../styles/base.ts'
import './hash.ts'

type Request = LinkConditionsResult['requests'][number]
type Condition = Request['timetable'][number]['conditions'][number]

/** Numbers that the form asks for. */
const FIELDS = [
  { name: 'latency', label: 'Latency, ms one way', most: 60_000, unit: 1 },
  { name: 'jitter', label: 'Jitter, ms at most', most: 60_000, unit: 1 },
  { name: 'loss', label: 'Loss, %', most: 99, unit: 0.01 },
  { name: 'duplication', label: 'Duplication, %', most: 100, unit: 0.01 },
  { name: 'bandwidth', label: 'Bandwidth, kB/s', most: 4_000_000, unit: 1000 },
] as const

/** Name of the group of ticked tabs. */
const TICKED = 'ticked'

export class LinkConditionsPanel extends LitElement {
  static override properties = { node: { attribute: false }, ticked: { state: true } }
  static override styles = [
    base,
    css`
      form {
        margin-top: 16px;
      }
      .numbers {
        display: grid;
        align-items: end;
        grid-template-columns: repeat(auto-fill, minmax(150px, 1fr));
        gap: 12px;
      }
      fieldset {
        margin: 16px 0;
        padding: 0;
        border: 0;
      }
      legend {
        padding: 0 0 4px;
      }
      label.tick {
        display: flex;
        align-items: center;
        gap: 8px;
        min-height: 32px;
      }
      .buttons {
        display: flex;
        flex-wrap: wrap;
        gap: 8px;
      }
      .group {
        display: block;
        overflow-wrap: anywhere;
      }
      .asked li {
        padding: 8px 0;
        border-top: 1px solid var(--line);
      }
    `,
  ]
  declare node: LiveNode
  /** Peer ids of the tabs that are one side. */
  declare ticked: ReadonlySet<string>
  readonly #state: RpcController<LinkConditionsResult> = new RpcController(this, {
    events: ['network', 'log'],
    every: 5000,
    load: (node) => node.rpc('getlinkconditions'),
  })
  readonly #task = new TaskController(this)

  constructor() {
    super()
    this.ticked = new Set()
  }

  async #do(action: () => Promise<unknown>): Promise<void> {
    await this.#task.run(action)
    this.#state.reload()
  }

  #ask(event: SubmitEvent): void {
    event.preventDefault()
    const form = new FormData(event.target as HTMLFormElement)
    const conditions = Object.fromEntries(
      FIELDS.flatMap(({ name, unit }) => {
        const value = Number(form.get(name))
        return value > 0 ? [[name, value * unit]] : []
      }),
    )
    const ticked = this.#groupOfTicked()
    void this.#do(() =>
      ticked.length === 0
        ? this.node.rpc('setlinkconditions', [conditions])
        : this.node.rpc(
            'setlinkconditions',
            [
              { ...conditions, from: TICKED, to: 'rest' },
              { ...conditions, from: 'rest', to: TICKED },
            ],
            { [TICKED]: ticked },
          ),
    )
  }

  #cut(oneWay: boolean): void {
    void this.#do(() => this.node.rpc('partition', { [TICKED]: this.#groupOfTicked() }, oneWay))
  }

  /** Those that are still there. */
  #groupOfTicked(): readonly string[] {
    return (this.#state.value?.tabs ?? []).map(({ peerid }) => peerid).filter((id) => this.ticked.has(id))
  }

  #tick(id: string, isTicked: boolean): void {
    const ticked = new Set(this.ticked)
    if (isTicked) ticked.add(id)
    else ticked.delete(id)
    this.ticked = ticked
  }

  override render() {
    const state = this.#state.value
    return html`<section class="card" aria-labelledby="conditions">
      <h2 id="conditions">Conditions on links</h2>
      <p class="hint">
        Any tab of this network for tests can ask all others to make their links slow or lossy, or to cut them. It ends when that tab says so or is closed.
      </p>
      ${state ? [this.#asked(state), this.#consent(state), state.takes_part ? this.#form(state) : nothing] : html`<p class="empty">Loading…</p>`}
      ${this.#task.problem ? html`<p class="error" role="alert">${this.#task.problem}</p>` : nothing}
    </section>`
  }

  #asked({ requests }: LinkConditionsResult) {
    if (requests.length === 0) return html`<p>No conditions are in force: all links are as they are.</p>`
    return html`<ul class="asked" aria-label="In force">
      ${requests.map(
        (request) =>
          html`<li>
            ${
              request.self
                ? html`<strong>This tab</strong>`
                : html`<ot-hash .value=${request.author} what="peer id"></ot-hash>`
            }
            asked for it ${durationText(request.elapsed)} ago: ${inForce(request)}
            ${Object.entries(request.groups).map(
              ([name, members]) =>
                html`<span class="hint group">${name}: <span class="mono">${members.map((id) => shortened(id)).join(', ')}</span></span>`,
            )}
          </li>`,
      )}
    </ul>`
  }

  #consent({ takes_part }: LinkConditionsResult) {
    return html`<label class="tick">
      <input
        type="checkbox"
        .checked=${takes_part}
        ?disabled=${this.#task.running}
        @change=${(event: Event) => {
          const { checked } = event.target as HTMLInputElement
          void this.#do(() => this.node.rpc('allowlinkconditions', checked))
        }}
      />
      <span>Take part: what tabs ask for holds for this tab’s links, too</span>
    </label>`
  }

  #form({ tabs, requests }: LinkConditionsResult) {
    const isBusy = this.#task.running
    const ticked = this.#groupOfTicked().length
    return html`<form @submit=${(event: SubmitEvent) => this.#ask(event)}>
      <div class="numbers">
        ${FIELDS.map(
          ({ name, label, most }) =>
            html`<div class="field">
              <label for=${name}>${label}</label>
              <input id=${name} name=${name} type="number" min="0" max=${most} step="any" inputmode="decimal" />
            </div>`,
        )}
      </div>
      <fieldset>
        <legend>One side: ticked tabs; the other: all others. With none ticked, conditions are for all links.</legend>
        ${tabs.map(
          ({ peerid, takes_part, self }) =>
            html`<label class="tick">
              <input
                type="checkbox"
                .checked=${this.ticked.has(peerid)}
                @change=${(event: Event) => this.#tick(peerid, (event.target as HTMLInputElement).checked)}
              />
              <span class="mono" title=${peerid}>${shortened(peerid)}</span>
              ${self ? html`<span class="badge">this tab</span>` : nothing}
              ${takes_part ? nothing : html`<span class="badge warn">takes no part</span>`}
            </label>`,
        )}
      </fieldset>
      <div class="buttons">
        <button class="primary" ?disabled=${isBusy}>${ticked === 0 ? 'Apply to all links' : 'Apply between the sides'}</button>
        <button type="button" ?disabled=${isBusy || ticked === 0} @click=${() => this.#cut(false)}>
          ${ticked === 0 ? 'Cut off ticked tabs' : `Cut off ${plural(ticked, 'tab')}`}
        </button>
        <button type="button" ?disabled=${isBusy || ticked === 0} @click=${() => this.#cut(true)}>
          Cut what they say
        </button>
        <button
          type="button"
          ?disabled=${isBusy || !requests.some(({ self }) => self)}
          @click=${() => void this.#do(() => this.node.rpc('heal'))}
        >
          Heal
        </button>
      </div>
    </form>`
  }
}

/** What of a request holds now, in words. */
function inForce({ timetable, step }: Request): string {
  const count = timetable.length > 1 ? `, step ${step + 1} of ${timetable.length}` : ''
  const conditions = timetable[step]?.conditions ?? []
  if (conditions.length === 0) return `nothing now${count}`
  return `${conditions.map(wordsOf).join('; ')}${count}`
}

function wordsOf(condition: Condition): string {
  const { latency, jitter, loss, duplication, bandwidth, cut, from, to } = condition
  const words = [
    cut && 'cut',
    latency && `latency ${latency} ms`,
    jitter && `jitter ${jitter} ms`,
    loss && `loss ${Math.round(loss * 10_000) / 100} %`,
    duplication && `duplication ${Math.round(duplication * 10_000) / 100} %`,
    bandwidth && `bandwidth ${bandwidth / 1000} kB/s`,
  ].filter(Boolean)
  const sides = from === 'all' && to === 'all' ? 'all links' : `from ${from} to ${to}`
  return `${words.join(', ') || 'as they are'}, ${sides}`
}

customElements.define('ot-link-conditions', LinkConditionsPanel)
