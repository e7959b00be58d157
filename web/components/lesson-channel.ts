/**
 * `<ot-lesson-channel .channel>`: a channel of a lesson: who has what, the commitments of both sides beside each other, each output with who can spend it, when and
 * with what, and the secrets of the states that were given up. Thread: Window.
 */
import { css, html, LitElement, nothing } from 'lit'
import type { ChannelView, CommitmentView, OutputView, PublishedView } from '../../src/learn/view.ts'
import { countText } from '../format.ts'
import { base } from '../styles/base.ts'
import './hash.ts'

export class LessonChannel extends LitElement {
  static override properties = { channel: { attribute: false } }
  static override styles = [
    base,
    css`
      .bar {
        display: flex;
        gap: 3px;
        height: 16px;
        margin: 16px 0 8px;
      }
      .bar span {
        min-width: 0;
        border-radius: 4px;
        background: var(--line-strong);
        transition: flex-grow 240ms;
      }
      .bar .first {
        background: var(--accent);
      }
      .bar .moving {
        background: repeating-linear-gradient(135deg, var(--accent) 0 4px, var(--line-strong) 4px 8px);
      }
      .closed .bar span {
        background: var(--line);
      }
      .sides {
        display: flex;
        flex-wrap: wrap;
        justify-content: space-between;
        gap: 2px 16px;
      }
      .sides dt {
        color: var(--muted);
        font-size: 13px;
      }
      .sides dd {
        font-weight: 560;
      }
      .sides > :last-child {
        margin-left: auto;
        text-align: right;
      }
      .both {
        display: grid;
        grid-template-columns: repeat(2, minmax(0, 1fr));
        gap: 16px;
        margin-top: 20px;
      }
      .commitment {
        padding: 16px;
        border: 1px solid var(--line);
        border-radius: var(--radius-small);
      }
      .output {
        padding: 12px 0;
        border-top: 1px solid var(--line);
      }
      .output:first-child {
        margin-top: 12px;
      }
      .published {
        margin-top: 20px;
      }
      .name {
        gap: 2px 12px;
        font-weight: 560;
      }
      .fate {
        font-size: 14px;
      }
      .scale {
        height: 5px;
        margin: 6px 0 8px;
        border-radius: 3px;
        background: var(--sunken);
      }
      .scale span {
        display: block;
        min-width: 3px;
        height: 100%;
        border-radius: 3px;
        background: var(--accent);
      }
      .scale.other span {
        background: var(--line-strong);
      }
      .ways {
        display: grid;
        gap: 4px;
        font-size: 14px;
      }
      .ways strong {
        font-weight: 560;
      }
      summary {
        color: var(--muted);
        font-size: 14px;
        cursor: pointer;
      }
      .output details {
        margin-top: 6px;
      }
      code {
        display: block;
        margin-top: 4px;
        font-family: var(--mono);
        font-size: 13px;
        overflow-wrap: anywhere;
      }
      .outlook {
        display: grid;
        gap: 4px;
        margin-top: 16px;
        font-size: 14px;
      }
      .secrets {
        margin-top: 20px;
      }
      .secrets ul {
        display: grid;
        grid-template-columns: repeat(2, minmax(0, 1fr));
        gap: 2px 16px;
        margin-top: 8px;
        font-size: 14px;
      }
      @media (max-width: 640px) {
        .both,
        .secrets ul {
          grid-template-columns: minmax(0, 1fr);
        }
      }
    `,
  ]
  declare channel: ChannelView

  override render() {
    const { sides, capacity, status, shares, underWay, isClosed, published, commitments, outlook } =
      this.channel
    const [first, second] = sides
    return html`<section class=${`card ${isClosed ? 'closed' : ''}`} aria-label=${`The channel of ${first} and ${second}`}>
      <div class="spread">
        <h2>${first} and ${second}</h2>
        <span class=${`badge ${isClosed ? '' : 'good'}`} data-testid="status">${status}</span>
      </div>
      ${
        isClosed
          ? nothing
          : html`<div class="bar" aria-hidden="true">
              ${[
                ['first', shares[0]],
                ['moving', underWay],
                ['second', shares[1]],
              ].map(([side, share]) =>
                share === 0 ? nothing : html`<span class=${side} .style=${`flex-grow: ${share}`}></span>`,
              )}
            </div>
            <dl class="sides">
              <div>
                <dt>${first}</dt>
                <dd data-testid="first">${countText(shares[0])} <span class="unit">sat</span></dd>
              </div>
              ${
                underWay === 0
                  ? nothing
                  : html`<div>
                      <dt>In a payment under way</dt>
                      <dd data-testid="moving">${countText(underWay)} <span class="unit">sat</span></dd>
                    </div>`
              }
              <div>
                <dt>${second}</dt>
                <dd data-testid="second">${countText(shares[1])} <span class="unit">sat</span></dd>
              </div>
            </dl>`
      }
      ${
        outlook.length === 0
          ? nothing
          : html`<ul class="outlook" data-testid="outlook">
              ${outlook.map(({ who, text }) => html`<li><strong>${who}’s tab says:</strong> ${text}</li>`)}
            </ul>`
      }
      ${
        published
          ? html`<div class="published">${this.#commitment(published, capacity, published)}</div>`
          : isClosed
            ? nothing
            : html`<div class="both">${commitments.map((each) => this.#commitment(each, capacity))}</div>`
      }
      ${this.#secrets()}
    </section>`
  }

  #commitment(
    { owner, number, outputs, fee, txid }: CommitmentView,
    capacity: number,
    published?: PublishedView,
  ) {
    const anchors = outputs.filter(isAnchor)
    return html`<section class="commitment" aria-label=${`${owner}’s commitment`}>
      <h3>${owner}’s commitment, state ${number}</h3>
      <p class="hint">
        ${
          published
            ? published.given
              ? `Published by ${owner}, though it was given up.`
              : `Published by ${owner}.`
            : `Signed by the other side. Only ${owner} can publish it.`
        }
      </p>
      <ul>
        ${outputs.map((each, at) =>
          isAnchor(each)
            ? nothing
            : html`<li class="output">${this.#output(each, owner, capacity, published?.fates[at])}</li>`,
        )}
      </ul>
      <details>
        <summary>The rest</summary>
        <ul>
          ${anchors.map((each) => html`<li class="output">${this.#output(each, owner, capacity, undefined)}</li>`)}
        </ul>
        <p class="small wrap">
          ${countText(fee)} sat go to the miner. The transaction’s id is
          <ot-hash .value=${txid} what="transaction id"></ot-hash>
        </p>
      </details>
    </section>`
  }

  #output(
    { title, whose, amount, ways, scripts, scriptPubKey }: OutputView,
    owner: string,
    capacity: number,
    fate: string | undefined,
  ) {
    return html`<div class="spread name">
        <span>${title}</span><span class="number">${countText(amount)} <span class="unit">sat</span></span>
      </div>
      <div class=${`scale ${whose === owner ? '' : 'other'}`} aria-hidden="true">
        <span .style=${`width: ${(100 * amount) / capacity}%`}></span>
      </div>
      ${
        fate === undefined
          ? html`<ul class="ways">
              ${ways.map(
                ({ who, when, needs }) =>
                  html`<li><strong>${who}</strong> ${when}${needs === undefined ? nothing : `, with ${needs}`}</li>`,
              )}
            </ul>`
          : html`<p class="fate">${fate}</p>`
      }
      <details>
        <summary>Scripts</summary>
        ${scripts.map(({ name, text }) => html`<p class="small muted">${name}</p><code>${text}</code>`)}
        <p class="small muted">output</p>
        <code>${scriptPubKey}</code>
      </details>`
  }

  #secrets() {
    const { secrets, sides, isClosed } = this.channel
    if (secrets.length === 0) return nothing
    const other = (by: string) => sides.find((name) => name !== by)
    return html`<details class="secrets" data-testid="secrets" ?open=${!isClosed && secrets.length <= 8}>
      <summary>${countText(secrets.length)} secrets of states that were given up</summary>
      <p class="hint">Whoever publishes one of these states loses everything to the one who has its secret.</p>
      <ul>
        ${secrets.map(
          ({ by, number, secret }) =>
            html`<li>
              ${other(by)} has that of ${by}’s state ${number}
              <ot-hash .value=${secret} what="secret"></ot-hash>
            </li>`,
        )}
      </ul>
    </details>`
  }
}

function isAnchor({ kind }: OutputView): boolean {
  return kind.endsWith('anchor')
}
customElements.define('ot-lesson-channel', LessonChannel)
