/** `<ot-seed-words .words>`: numbered seed words, to be written down. Not selectable: paper is safer than a clipboard. Thread: Window. */
import { css, html, LitElement } from 'lit'
import { base } from '../styles/base.ts'

export class SeedWords extends LitElement {
  static override properties = { words: { attribute: false } }
  static override styles = [
    base,
    css`
      ol {
        display: grid;
        grid-template-columns: repeat(auto-fill, minmax(130px, 1fr));
        gap: 8px;
        user-select: none;
      }
      li {
        display: flex;
        gap: 10px;
        align-items: baseline;
        padding: 9px 14px;
        border-radius: var(--radius-small);
        background: var(--sunken);
        font-weight: 560;
      }
      .at {
        min-width: 18px;
        color: var(--muted);
        font-size: 13px;
        font-weight: 400;
        text-align: right;
      }
    `,
  ]
  declare words: readonly string[]

  constructor() {
    super()
    this.words = []
  }

  override render() {
    return html`<ol aria-label="Seed words">
      ${this.words.map(
        (word, at) =>
          html`<li><span class="at" aria-hidden="true">${at + 1}</span><span class="word">${word}</span></li>`,
      )}
    </ol>`
  }
}
customElements.define('ot-seed-words', SeedWords)
