/**
 * `<ot-channel-bar .channel>`: both sides of a channel as one bar: what is ours, what is under way in payments, what is theirs; the same in words below it,
 * so that no colour carries it alone. Thread: Window.
 */
import { css, html, LitElement, nothing } from 'lit'
import { msatToSats } from '../channels.ts'
import type { ChannelResult } from '../rpc-results.ts'
import { base } from '../styles/base.ts'
import { amount } from './amount.ts'

export class ChannelBar extends LitElement {
  static override properties = { channel: { attribute: false } }
  static override styles = [
    base,
    css`
      .bar {
        display: flex;
        gap: 3px;
        height: 14px;
        border-radius: 7px;
        overflow: hidden;
      }
      .bar span {
        min-width: 3px;
        background: var(--line-strong);
        transition: flex-grow 240ms;
      }
      .bar .ours {
        background: var(--accent);
      }
      .bar .moving {
        background: repeating-linear-gradient(
          135deg,
          var(--accent) 0 4px,
          var(--line-strong) 4px 8px
        );
      }
      .sides {
        display: flex;
        flex-wrap: wrap;
        justify-content: space-between;
        gap: 2px 16px;
        margin-top: 8px;
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
    `,
  ]
  declare channel: ChannelResult

  override render() {
    const { total_msat, to_us_msat, htlcs } = this.channel
    const moving = htlcs.reduce((sum, { amount_msat }) => sum + amount_msat, 0)
    const theirs = total_msat - to_us_msat - moving
    return html`<div class="bar" aria-hidden="true">
        ${[
          ['ours', to_us_msat],
          ['moving', moving],
          ['theirs', theirs],
        ].map(([side, share]) =>
          share === 0 ? nothing : html`<span class=${side} .style=${`flex-grow: ${share}`}></span>`,
        )}
      </div>
      <dl class="sides">
        <div>
          <dt>Yours</dt>
          <dd data-testid="ours">${amount(msatToSats(to_us_msat))}</dd>
        </div>
        ${
          moving === 0
            ? nothing
            : html`<div>
                <dt>In payments under way</dt>
                <dd data-testid="moving">${amount(msatToSats(moving))}</dd>
              </div>`
        }
        <div>
          <dt>Theirs</dt>
          <dd data-testid="theirs">${amount(msatToSats(theirs))}</dd>
        </div>
      </dl>`
  }
}
customElements.define('ot-channel-bar', ChannelBar)
