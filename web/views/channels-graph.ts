/**
 * `<ot-channel-graph .node>`: nodes and channels that this tab knows of, and the way of a payment of its person, hop by hop: as its payer chose it, since nobody else
 * tells. It plays where motion is welcome, and goes step by step everywhere; the same stands below it as a list. Fetched when it is first shown. Thread: Window.
 */
import { css, html, LitElement, nothing, svg } from 'lit'
import { type ChannelMap, channelMap, type GraphEdge, layOut, type Point } from '../channel-graph.ts'
import { msatToSats, satText } from '../channels.ts'
import { amount } from '../components/amount.ts'
import '../components/hash.ts'
import { icons } from '../components/view-icons.ts'
import { RpcController } from '../controllers/rpc-controller.ts'
import { countText, plural } from '../format.ts'
import { type LiveNode, sentence } from '../live-node.ts'
import type { ChannelPay } from '../rpc-results.ts'
import { base } from '../styles/base.ts'

/** Pixels: the drawing is as wide as its card, and a few nodes need no great height. */
const HEIGHT_OF_FEW = 180
const LEAST_HEIGHT = 280
const GREATEST_HEIGHT = 440
const MARGIN = 56
/** Of the card around it, with its border. */
const PADDING = 13
const FEW = 4
/** Payments that can be followed, and lines of the list. */
const MOST_PAYS = 12
const MOST_LINES = 100
/** Milliseconds of a hop. */
const HOP = 700

/** Wide lines are large channels: pixels. */
const LEAST_LINE = 1.5
const MOST_LINE = 7
/** Millisatoshis of a coin, whose line is in the middle. */
const COIN = 1e11

interface Loaded {
  readonly map: ChannelMap
  /** Newest first: those whose way is known. */
  readonly pays: readonly ChannelPay[]
}

export class ChannelGraphView extends LitElement {
  static override properties = {
    node: { attribute: false },
    followed: { state: true },
    hop: { state: true },
    plays: { state: true },
    width: { state: true },
  }
  static override styles = [
    base,
    css`
      .drawing {
        padding: 12px;
      }
      .drawing svg {
        width: 100%;
        height: auto;
      }
      line {
        stroke: var(--line-strong);
        stroke-linecap: round;
      }
      line.own {
        stroke: var(--accent);
        opacity: 0.55;
      }
      line.away {
        stroke-dasharray: 3 6;
      }
      line.way {
        stroke: var(--accent);
        opacity: 1;
      }
      line.way.ahead {
        opacity: 0.35;
      }
      .node {
        fill: var(--surface);
        stroke: var(--muted);
        stroke-width: 2;
      }
      .self {
        fill: var(--accent);
        stroke: var(--accent);
      }
      .reached {
        stroke: var(--accent);
        stroke-width: 4;
      }
      text {
        fill: var(--text);
        font: 560 13px var(--sans);
        text-anchor: middle;
        paint-order: stroke;
        stroke: var(--surface);
        stroke-width: 4px;
      }
      .payment {
        fill: var(--warning);
        stroke: var(--surface);
        stroke-width: 2;
        transition: transform 500ms;
      }
      .follow {
        display: grid;
        gap: 14px;
      }
      ol.hops {
        display: grid;
        gap: 4px;
        font-size: 14px;
      }
      .hops [aria-current] {
        font-weight: 620;
      }
      .list {
        margin-top: 12px;
      }
      .list li {
        display: flex;
        flex-wrap: wrap;
        justify-content: space-between;
        gap: 2px 16px;
        padding: 10px 0;
        border-top: 1px solid var(--line);
      }
      .list li:first-child {
        border-top: 0;
      }
      .legend {
        margin-top: 8px;
        color: var(--muted);
        font-size: 13px;
      }
    `,
  ]
  declare node: LiveNode
  /** Payment hash of the payment that is followed. */
  declare followed: string | undefined
  /** Hops that lie behind it. */
  declare hop: number
  declare plays: boolean
  /** Of the drawing, pixels. */
  declare width: number
  readonly #size = new ResizeObserver(([entry]) => {
    const width = Math.round(entry!.contentRect.width)
    // In the next frame: what it draws changes the size that is observed.
    if (width !== this.width) requestAnimationFrame(() => (this.width = width))
  })
  /** Where the nodes of a map lie. */
  #placed: { readonly map: ChannelMap; readonly width: number; readonly points: readonly Point[] } | undefined
  #timer: ReturnType<typeof setTimeout> | undefined
  /** The newest payment when the view was opened, or that was followed since. */
  #newest: string | undefined
  readonly #loaded: RpcController<Loaded> = new RpcController(this, {
    events: ['tip', 'channel'],
    load: async (node) => {
      const [{ id: self }, { channels: own }, { channels: announced }, { nodes: known }, { pays }] =
        await Promise.all([
          node.rpc('getinfo'),
          node.rpc('listpeerchannels'),
          node.rpc('listchannels'),
          node.rpc('listnodes'),
          node.rpc('listpays'),
        ])
      const followable = pays
        .filter(({ ways }) => ways.length > 0)
        .reverse()
        .slice(0, MOST_PAYS)
      return { map: channelMap({ self, own, announced, known, pays: followable }), pays: followable }
    },
  })

  constructor() {
    super()
    this.hop = 0
    this.plays = false
    this.width = 0
  }

  override connectedCallback(): void {
    super.connectedCallback()
    this.#size.observe(this)
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback()
    this.#size.disconnect()
    this.#stop()
  }

  override willUpdate(): void {
    const newest = this.#loaded.value?.pays[0]
    if (!newest || newest.payment_hash === this.#newest) return
    const isFirst = this.#newest === undefined && this.followed === undefined
    this.#newest = newest.payment_hash
    this.#follow(newest.payment_hash)
    // What was paid before the view was opened stands still.
    if (!isFirst && !matchMedia('(prefers-reduced-motion: reduce)').matches) this.#play()
  }

  #follow(hash: string): void {
    this.#stop()
    this.followed = hash
    this.hop = 0
  }

  #play(): void {
    this.#stop()
    if (this.hop >= this.#hops.length) this.hop = 0
    this.plays = true
    const step = (): void => {
      if (this.hop >= this.#hops.length) {
        this.#stop()
        return
      }
      this.hop++
      this.#timer = setTimeout(step, HOP)
    }
    this.#timer = setTimeout(step, HOP)
  }

  #stop(): void {
    clearTimeout(this.#timer)
    this.plays = false
  }

  #step(by: number): void {
    this.#stop()
    this.hop = Math.max(0, Math.min(this.#hops.length, this.hop + by))
  }

  get #pay(): ChannelPay | undefined {
    return this.#loaded.value?.pays.find(({ payment_hash }) => payment_hash === this.followed)
  }

  /** Of the way that arrived, or was tried last. */
  get #way(): ChannelPay['ways'][number] | undefined {
    const ways = this.#pay?.ways ?? []
    return ways.findLast(({ status }) => status === 'complete') ?? ways.at(-1)
  }

  get #hops(): ChannelPay['ways'][number]['hops'] {
    return this.#way?.hops ?? []
  }

  override render() {
    const { value, error } = this.#loaded
    if (!value)
      return error
        ? html`<p class="error" role="alert">${sentence(error)}</p>`
        : html`<p class="empty">Reading the channels…</p>`
    const { map } = value
    if (map.edges.length === 0)
      return html`<div class="card empty">
        <p>No channel is known here yet: you have none, and nobody has announced one.</p>
        <p><a class="button primary" href="/channels/open">Open a channel</a></p>
      </div>`
    return html`<div class="stack">${this.#drawing(value)} ${this.#followed(value)} ${this.#list(map)}</div>`
  }

  #drawing({ map }: Loaded) {
    const { nodes, edges, hidden } = map
    const width = Math.max(2 * MARGIN + 100, this.width - 2 * PADDING)
    const height =
      nodes.length < FEW ? HEIGHT_OF_FEW : Math.min(GREATEST_HEIGHT, Math.max(LEAST_HEIGHT, width / 2))
    if (this.#placed?.map !== map || this.#placed.width !== width)
      this.#placed = { map, width, points: layOut(map, width, height, MARGIN) }
    const places = this.#placed.points
    const points = new Map(nodes.map(({ id }, place) => [id, places[place]!]))
    const passed = new Map(this.#hops.map(({ channel }, at) => [channel, at < this.hop]))
    const self = nodes[0]!.id
    const ids = [self, ...this.#hops.map(({ id }) => id)]
    const reached = new Set(this.followed === undefined ? [] : ids.slice(0, this.hop + 1))
    const at = points.get(ids[this.hop] ?? self)
    return html`<section class="card drawing" aria-label="The graph">
      <svg viewBox=${`0 0 ${width} ${height}`} role="img" aria-labelledby="graph-summary">
        ${edges.map((edge) => {
          const [from, to] = [points.get(edge.from)!, points.get(edge.to)!]
          const isPassed = passed.get(edge.id)
          const way = isPassed === undefined ? '' : isPassed ? 'way' : 'way ahead'
          return svg`<line
            class=${`${edge.isOwn ? 'own' : ''} ${edge.isUsable ? '' : 'away'} ${way}`}
            x1=${from.x} y1=${from.y} x2=${to.x} y2=${to.y} stroke-width=${lineWidth(edge)}></line>`
        })}
        ${nodes.map(({ id, name, isSelf }) => {
          const { x, y } = points.get(id)!
          return svg`<circle
              class=${`node ${isSelf ? 'self' : ''} ${reached.has(id) ? 'reached' : ''}`}
              cx=${x} cy=${y} r=${isSelf ? 11 : 8}><title>${name}</title></circle>
            <text x=${x} y=${y + 28}>${cut(name, 14)}</text>`
        })}
        ${
          at && this.#hops.length > 0
            ? svg`<circle class="payment" r="7" .style=${`transform: translate(${at.x}px, ${at.y}px)`}></circle>`
            : nothing
        }
      </svg>
      <p class="legend" id="graph-summary">
        ${plural(nodes.length, 'node')} and ${plural(edges.length, 'channel')}${
          hidden === 0 ? '' : `; ${plural(hidden, 'node')} further away are not drawn`
        }. Wider lines are larger channels, yours are tinted, and dashed ones can’t be used now.
      </p>
    </section>`
  }

  #followed({ map, pays }: Loaded) {
    const pay = this.#pay
    const name = (id: string) => map.nodes.find((node) => node.id === id)?.name ?? 'a node that is not drawn'
    if (!pay)
      return html`<section class="card">
        <h2>Follow a payment</h2>
        <p class="hint">Pay somebody over your channels, and watch here which way the payment goes. <a href="/channels/pay">Pay</a></p>
      </section>`
    const hops = this.#hops
    return html`<section class="card follow" aria-labelledby="follow">
      <div class="spread">
        <h2 id="follow">Follow a payment</h2>
        <div class="row">
          <button class="small" ?disabled=${this.hop === 0} @click=${() => this.#step(-1)}>${icons.back}Hop back</button>
          <button class="small" ?disabled=${this.hop >= hops.length} @click=${() => this.#step(1)}>
            Next hop${icons.forward}
          </button>
          <button class="small primary" @click=${() => (this.plays ? this.#stop() : this.#play())}>
            ${this.plays ? 'Stop' : 'Play'}
          </button>
        </div>
      </div>
      <div class="field">
        <label for="payment">Payment</label>
        <select id="payment" @change=${({ target }: Event) => this.#follow((target as HTMLSelectElement).value)}>
          ${pays.map(
            (each) =>
              html`<option value=${each.payment_hash} ?selected=${each === pay}>
                ${satText(each.amount_msat)} to ${name(each.destination)}${each.description ? `: ${cut(each.description, 40)}` : ''}
              </option>`,
          )}
        </select>
      </div>
      <p role="status" aria-live="polite" data-testid="place">${this.#placeText(pay, name)}</p>
      <ol class="hops">
        ${hops.map(
          ({ id, channel }, at) =>
            html`<li aria-current=${at === this.hop - 1 ? 'step' : nothing}>
              ${countText(at + 1)}. ${name(at === 0 ? map.nodes[0]!.id : hops[at - 1]!.id)} to ${name(id)}, by the channel ${channel}
            </li>`,
        )}
      </ol>
    </section>`
  }

  #placeText({ ways, amount_msat, amount_sent_msat }: ChannelPay, name: (id: string) => string): string {
    const hops = this.#hops
    const { status } = this.#way!
    const parts = ways.filter((way) => way.status !== 'failed').length
    const split = parts > 1 ? ` This is one of its ${countText(parts)} parts.` : ''
    if (this.hop === 0) return `It is still with you. It has ${plural(hops.length, 'hop')} to go.${split}`
    const here = name(hops[this.hop - 1]!.id)
    if (this.hop < hops.length)
      return `${here} has it, and passes it on to ${name(hops[this.hop]!.id)}.${split}`
    if (status === 'failed') return `This way it did not get through, and came back.`
    if (status === 'pending') return `${here} is to get it: no answer has come yet.${split}`
    const fee = (amount_sent_msat ?? amount_msat) - amount_msat
    return `${here} has it, and its secret came back to you as proof.${fee > 0 ? ` Passing it on cost ${satText(fee)}.` : ''}${split}`
  }

  #list({ nodes, edges }: ChannelMap) {
    const name = (id: string) => nodes.find((node) => node.id === id)?.name ?? ''
    return html`<section class="card" aria-labelledby="list">
      <h2 id="list">The channels</h2>
      <ul class="list">
        ${edges
          .toSorted((a, b) => Number(b.isOwn) - Number(a.isOwn))
          .slice(0, MOST_LINES)
          .map(
            ({ id, from, to, capacity, isUsable }) => html`<li>
              <span>${name(from)} and ${name(to)}</span>
              <span class="muted small"
                >${capacity === undefined ? 'not announced' : amount(msatToSats(capacity))}${isUsable ? '' : ', can’t be used now'},
                <ot-hash .value=${id} what="channel id" plain></ot-hash
              ></span>
            </li>`,
          )}
      </ul>
    </section>`
  }
}
customElements.define('ot-channel-graph', ChannelGraphView)

/** Its first characters, where it is longer. */
function cut(text: string, most: number): string {
  const characters = [...text]
  return characters.length <= most ? text : `${characters.slice(0, most - 1).join('')}…`
}

/** Pixels: ten times as much is 1.5 wider. */
function lineWidth({ capacity }: GraphEdge): number {
  if (capacity === undefined) return LEAST_LINE
  const middle = (LEAST_LINE + MOST_LINE) / 2
  return Math.max(LEAST_LINE, Math.min(MOST_LINE, middle + 1.5 * Math.log10(capacity / COIN)))
}
