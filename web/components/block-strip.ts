/** `<ot-block-strip .node>`: the latest blocks, newest first, and the one that is being made. Thread: Window. */
import { css, html, LitElement, nothing } from 'lit'
import { repeat } from 'lit/directives/repeat.js'
import { type BlockSummary, readBlocks } from '../chain-reader.ts'
import { NodeController } from '../controllers/node-controller.ts'
import { RpcController } from '../controllers/rpc-controller.ts'
import { bytesText, countText, percentText, plural } from '../format.ts'
import type { LiveNode } from '../live-node.ts'
import type { MempoolInfo } from '../rpc-results.ts'
import { base } from '../styles/base.ts'
import './age.ts'

const SHOWN = 6

export class BlockStrip extends LitElement {
  static override properties = { node: { attribute: false } }
  static override styles = [
    base,
    css`
      ol {
        display: grid;
        grid-auto-flow: column;
        /* Seven fill the row; fewer keep their size. */
        grid-auto-columns: minmax(138px, calc((100% - 72px) / 7));
        gap: 12px;
        /* Room for the focus ring. */
        margin: -4px;
        padding: 4px;
        overflow-x: auto;
        scrollbar-width: thin;
      }
      .block {
        position: relative;
        display: block;
        height: 100%;
        padding: 14px 16px 18px;
        overflow: hidden;
        border: 1px solid var(--line);
        border-radius: 12px;
        background: var(--surface);
        color: var(--muted);
        font-size: 13px;
        white-space: nowrap;
      }
      a.block:hover {
        border-color: var(--line-strong);
        text-decoration: none;
      }
      .block strong {
        display: block;
        margin-bottom: 2px;
        color: var(--text);
        font-size: 17px;
        font-weight: 620;
        letter-spacing: -0.01em;
      }
      a.block strong {
        color: var(--accent);
      }
      .next {
        border-style: dashed;
        border-color: var(--line-strong);
        background: none;
      }
      .next.mining {
        border-color: var(--accent);
      }
      .fill {
        position: absolute;
        inset: auto 0 0;
        height: 4px;
        background: var(--sunken);
      }
      rect {
        fill: var(--accent);
      }
      .fill svg {
        width: 100%;
        height: 100%;
      }
      li.block-item {
        animation: arrive 320ms cubic-bezier(0.2, 0.8, 0.2, 1);
      }
      @keyframes arrive {
        from {
          opacity: 0;
          transform: translateX(-16px);
        }
      }
    `,
  ]
  declare node: LiveNode
  readonly #blocks: RpcController<BlockSummary[]> = new RpcController(this, {
    events: ['tip'],
    load: async (node) => readBlocks(node, await node.rpc('getblockcount'), SHOWN),
  })
  readonly #mempool: RpcController<MempoolInfo> = new RpcController(this, {
    events: ['tip', 'transaction'],
    load: (node) => node.rpc('getmempoolinfo'),
  })

  constructor() {
    super()
    new NodeController(this, ['mining'])
  }

  override render() {
    const waiting = this.#mempool.value
    const { weightLimit } = this.node.identity.params
    return html`<ol aria-label="Latest blocks" tabindex="-1">
      <li>
        <a class=${`block next ${this.node.mining.active ? 'mining' : ''}`} href="/explorer/mempool">
          <strong>Next block</strong>
          ${waiting ? html`${plural(waiting.size, 'transaction')}<br />${bytesText(waiting.bytes)} waiting` : nothing}
          ${this.#fill((waiting?.bytes ?? 0) * 4, weightLimit)}
        </a>
      </li>
      ${repeat(
        this.#blocks.value ?? [],
        ({ hash }) => hash,
        (block) =>
          html`<li class="block-item">
            <a class="block" href=${`/block/${block.hash}`}>
              <strong><span class="visually-hidden">Block </span>${countText(block.height)}</strong>
              ${plural(block.transactions, 'transaction')}<br />${block.height === 0 ? 'the first block' : html`<ot-age .time=${block.time}></ot-age>`}
              ${this.#fill(block.weight, weightLimit)}
            </a>
          </li>`,
      )}
    </ol>`
  }

  /** How full a block is, as a bar at its foot. */
  #fill(weight: number, limit: number) {
    const percent = Math.min(100, (weight / limit) * 100)
    return html`<span class="fill" title=${`${percentText(percent)} full`}
      ><svg aria-hidden="true" preserveAspectRatio="none" viewBox="0 0 100 1">
        <rect width=${percent} height="1" /></svg
    ></span>`
  }
}
customElements.define('ot-block-strip', BlockStrip)
