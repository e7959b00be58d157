/** `<ot-network-rules .params>`: a network's rules in plain words: what differs from the public network, beside it; the rest on request. Thread: Window. */
import { css, html, LitElement, nothing } from 'lit'
import type { NetworkParams } from '../../src/consensus/params.ts'
import { type Rule, rulesOf } from '../network-rules.ts'
import { base } from '../styles/base.ts'

export class NetworkRules extends LitElement {
  static override properties = { params: { attribute: false } }
  static override styles = [
    base,
    css`
      dt {
        font-weight: 560;
      }
      dd span {
        display: block;
        color: var(--muted);
        font-size: 14px;
      }
      details {
        margin-top: 12px;
      }
      summary {
        cursor: pointer;
      }
      .facts > div {
        align-items: start;
      }
    `,
  ]
  declare params: NetworkParams

  override render() {
    const rules = rulesOf(this.params)
    const same = rules.filter(({ differs }) => !differs)
    return html`${list(rules.filter(({ differs }) => differs))}
      ${
        same.length === 0
          ? nothing
          : html`<details>
              <summary>${same.length} rules are those of the public network</summary>
              ${list(same)}
            </details>`
      }`
  }
}

function list(rules: readonly Rule[]) {
  return html`<dl class="facts">
    ${rules.map(
      ({ name, here, usual, differs }) => html`<div>
        <dt>${name}</dt>
        <dd>${here}${differs ? html`<span>Public network: ${usual}</span>` : nothing}</dd>
      </div>`,
    )}
  </dl>`
}
customElements.define('ot-network-rules', NetworkRules)
