/** `<ot-network-maker>`: a form that makes a network of rules of one's own, and its link. Nothing is sent or stored: the link is the network. Thread: Window. */
import { css, html, LitElement, nothing } from 'lit'
import { networkId } from '../../src/consensus/genesis.ts'
import type { NetworkParams } from '../../src/consensus/params.ts'
import { choiceStyles } from '../components/choice-styles.ts'
import '../components/network-invitation.ts'
import '../components/network-mark.ts'
import '../components/network-rules.ts'
import { invitationPath } from '../invitation.ts'
import {
  draftOf,
  type NetworkDraft,
  NUMBER_FIELDS,
  PRESETS,
  paramsOf,
  powLimitOf,
  prefixOf,
  WORK_CHOICES,
} from '../network-draft.ts'
import { hashesText } from '../network-rules.ts'
import { base } from '../styles/base.ts'

export class NetworkMaker extends LitElement {
  static override properties = {
    preset: { state: true },
    draft: { state: true },
    made: { state: true },
    problem: { state: true },
  }
  static override styles = [
    base,
    choiceStyles,
    css`
      form {
        margin-top: 20px;
      }
      form,
      .made {
        display: grid;
        gap: 22px;
      }
      .choices,
      .numbers {
        grid-template-columns: repeat(auto-fit, minmax(min(240px, 100%), 1fr));
      }
      .numbers {
        display: grid;
        gap: 18px 20px;
      }
      .check {
        display: grid;
        grid-template-columns: auto minmax(0, 1fr);
        align-content: start;
        gap: 2px 10px;
      }
      .check .hint {
        grid-column: 2;
        margin: 0;
        font-weight: 400;
      }
      summary {
        cursor: pointer;
        font-weight: 560;
      }
      details[open] summary {
        margin-bottom: 16px;
      }
      .made {
        margin-top: 24px;
        padding-top: 24px;
        border-top: 1px solid var(--line);
      }
    `,
  ]
  /** What the form was filled in from. */
  declare preset: string
  declare draft: NetworkDraft
  /** What was made of the form as it stands. */
  declare made: NetworkParams | undefined
  /** Why nothing could be made of it. */
  declare problem: string | undefined

  constructor() {
    super()
    const [first] = PRESETS
    this.preset = first!.id
    this.draft = draftOf(first!, '')
  }

  /** Takes a change of the form. What was made before is no longer what the form says. */
  #change(part: Partial<NetworkDraft>): void {
    this.draft = { ...this.draft, ...part }
    this.made = undefined
    this.problem = undefined
  }

  async #submit(event: SubmitEvent): Promise<void> {
    event.preventDefault()
    // Networks that are made at different times differ, even by the same rules.
    const made = paramsOf(this.draft, Math.floor(Date.now() / 1000))
    this.made = made.ok ? made.value : undefined
    this.problem = made.ok ? undefined : made.detail
    await this.updateComplete
    this.renderRoot.querySelector<HTMLElement>('.made h3')?.focus()
  }

  override render() {
    const { draft } = this
    return html`<section class="card" aria-labelledby="make">
      <h2 id="make">Make a network</h2>
      <p class="muted">
        Your rules, in a link. Whoever opens it is asked, and then in your network: its chain, coins, wallets and tabs are apart from all others.
      </p>
      <form novalidate @submit=${this.#submit}>
        <fieldset>
          <legend>Begin with</legend>
          <div class="choices">
            ${PRESETS.map(
              (preset) => html`<label>
                <input
                  type="radio"
                  name="preset"
                  .checked=${this.preset === preset.id}
                  @change=${() => {
                    this.preset = preset.id
                    this.#change(draftOf(preset, draft.name))
                  }}
                />
                ${preset.title}<span>${preset.about}</span>
              </label>`,
            )}
          </div>
        </fieldset>
        <div class="field">
          <label for="name">Name</label>
          <input
            id="name"
            autocomplete="off"
            autocapitalize="off"
            spellcheck="false"
            maxlength="32"
            placeholder="class-7b"
            aria-describedby="name-about"
            .value=${draft.name}
            @input=${(event: Event) => this.#change({ name: (event.target as HTMLInputElement).value.toLowerCase() })}
          />
          <p id="name-about" class="hint">
            Letters a–z, digits and “-”. Everybody in the network sees it. Addresses will begin with ${prefixOf(draft.name)}1.
          </p>
        </div>
        <details>
          <summary>All rules</summary>
          ${this.#rules()}
        </details>
        ${this.problem ? html`<p class="error" role="alert">${this.problem}</p>` : nothing}
        <div class="row"><button class="primary">Make the link</button></div>
      </form>
      ${this.made ? this.#madeOf(this.made) : nothing}
    </section>`
  }

  #rules() {
    const { draft } = this
    return html`<div class="numbers">
      ${NUMBER_FIELDS.map(
        ({ field, label, unit, about }) => html`<div class="field">
          <label for=${field}>${label} <span class="unit">(${unit})</span></label>
          <input
            id=${field}
            inputmode="numeric"
            autocomplete="off"
            aria-describedby=${`${field}-about`}
            .value=${draft[field]}
            @input=${(event: Event) => this.#change({ [field]: (event.target as HTMLInputElement).value })}
          />
          <p id=${`${field}-about`} class="hint">${about}</p>
        </div>`,
      )}
      <div class="field">
        <label for="subsidy">New coins in a block <span class="unit">(coins)</span></label>
        <input
          id="subsidy"
          inputmode="decimal"
          autocomplete="off"
          aria-describedby="subsidy-about"
          .value=${draft.initialSubsidy}
          @input=${(event: Event) => this.#change({ initialSubsidy: (event.target as HTMLInputElement).value })}
        />
        <p id="subsidy-about" class="hint">For whoever finds the block, with the fees in it.</p>
      </div>
      <div class="field">
        <label for="work">The easiest block</label>
        <select
          id="work"
          aria-describedby="work-about"
          @change=${(event: Event) =>
            this.#change({ powLimitBits: Number((event.target as HTMLSelectElement).value) })}
        >
          ${WORK_CHOICES.map(({ bits, about }) => {
            const limit = powLimitOf(bits)
            return html`<option value=${limit} .selected=${draft.powLimitBits === limit}>
              ${hashesText(limit)}: ${about}
            </option>`
          })}
        </select>
        <p id="work-about" class="hint">How many hashes the first blocks take. No block is ever easier.</p>
      </div>
      ${this.#check('retarget', 'Difficulty follows the blocks’ times', 'Otherwise every block is as easy as the first, however many tabs mine.')}
      ${this.#check('testControls', 'Controls', 'Anybody in the network can make blocks at will, undo them and set a clock. For tests and lessons: its coins are worth nothing.')}
    </div>`
  }

  #check(field: 'retarget' | 'testControls', label: string, about: string) {
    return html`<label class="check">
      <input
        type="checkbox"
        .checked=${this.draft[field]}
        @change=${(event: Event) => this.#change({ [field]: (event.target as HTMLInputElement).checked })}
      />
      <span>${label}</span><span class="hint">${about}</span>
    </label>`
  }

  #madeOf(params: NetworkParams) {
    const path = invitationPath(params)
    return html`<div class="made">
      <h3 tabindex="-1">The network “${params.name}”</h3>
      <ot-network-mark .networkId=${networkId(params)}></ot-network-mark>
      <p class="hint">
        Every tab of this network shows this picture and these words. Compare them with others: another rule, however small, is another network.
      </p>
      <ot-network-invitation .path=${path}></ot-network-invitation>
      <div class="row"><a class="button primary" href=${path} target="_self">Open it</a></div>
      <ot-network-rules .params=${params}></ot-network-rules>
    </div>`
  }
}
customElements.define('ot-network-maker', NetworkMaker)
