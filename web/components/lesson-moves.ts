/**
 * `<ot-lesson-moves .view cast>`: what whoever learns can do in a lesson, beside following its story: pay, cheat, sleep, let blocks come, close. Asks for a
 * move by `ot-move`; the lesson refuses what can't be done. Thread: Window.
 */
import { css, html, LitElement, nothing } from 'lit'
import { CASTS, type Cast, type Move, type Name } from '../../src/learn/lesson.ts'
import type { LessonView, StateView } from '../../src/learn/view.ts'
import { countText } from '../format.ts'
import { base } from '../styles/base.ts'

export class LessonMoves extends LitElement {
  static override properties = {
    view: { attribute: false },
    cast: {},
    busy: { type: Boolean },
    thief: { state: true },
  }
  static override styles = [
    base,
    css`
      form,
      .group {
        display: grid;
        gap: 10px;
        padding: 16px 0;
        border-top: 1px solid var(--line);
      }
      .pair {
        display: grid;
        grid-template-columns: repeat(2, minmax(0, 1fr));
        gap: 10px;
      }
      button {
        justify-self: start;
      }
      h3 {
        margin: 0;
      }
    `,
  ]
  declare view: LessonView
  declare cast: Cast
  declare busy: boolean
  declare thief: Name

  constructor() {
    super()
    this.thief = 'Alice'
  }

  get #names(): readonly Name[] {
    return CASTS[this.cast]
  }

  #ask(move: Move): void {
    this.dispatchEvent(new CustomEvent('ot-move', { detail: move }))
  }

  override render() {
    const { view, cast } = this
    const isOpened = view.channels.length > 0
    return html`${isOpened ? this.#pay() : this.#open()} ${this.#blocks()} ${this.#tabs()}
    ${isOpened && cast === 'two' ? this.#cheat() : nothing} ${isOpened ? this.#close() : nothing}`
  }

  #open() {
    return html`<form @submit=${this.#submit((form) => ({ kind: 'open', amount: Number(form.get('amount')) }))}>
      <h3>Open ${this.cast === 'two' ? 'a channel' : 'both channels'}</h3>
      <div class="field">
        <label for="open-amount">Amount, sat</label>
        <input id="open-amount" name="amount" inputmode="numeric" required value="1000000" />
      </div>
      <button ?disabled=${this.busy}>Open</button>
    </form>`
  }

  #pay() {
    const names = this.#names
    return html`<form
      @submit=${this.#submit((form) => ({
        kind: 'pay',
        from: form.get('from') as Name,
        to: form.get('to') as Name,
        amount: Number(form.get('amount')),
      }))}
    >
      <h3>Pay</h3>
      <div class="pair">
        ${this.#who('from', 'From', names[0])} ${this.#who('to', 'To', names.at(-1)!)}
      </div>
      <div class="field">
        <label for="pay-amount">Amount, sat</label>
        <input id="pay-amount" name="amount" inputmode="numeric" required value="100000" />
      </div>
      <button ?disabled=${this.busy}>Pay</button>
    </form>`
  }

  #who(name: string, label: string, chosen: Name) {
    return html`<div class="field">
      <label for=${name}>${label}</label>
      <select id=${name} name=${name}>
        ${this.#names.map((each) => html`<option ?selected=${each === chosen}>${each}</option>`)}
      </select>
    </div>`
  }

  #blocks() {
    return html`<div class="group">
      <h3>Time</h3>
      <div class="row">
        ${
          this.cast === 'three'
            ? this.#button('Next messages', { kind: 'deliver' }, this.view.flying.length === 0)
            : nothing
        }
        ${this.#button('1 block', { kind: 'mine', blocks: 1 })}
        ${this.#button('Blocks until something happens', { kind: 'wait' })}
      </div>
    </div>`
  }

  #tabs() {
    return html`<div class="group">
      <h3>Tabs</h3>
      ${this.view.people.map(({ name, awake, hasTower, cheats }) => {
        const who = name as Name
        return html`<div class="row" role="group" aria-label=${name}>
          ${this.#button(awake ? `Close ${name}’s tab` : `Open ${name}’s tab`, { kind: awake ? 'sleep' : 'wake', who })}
          ${hasTower || cheats || this.cast === 'three' ? nothing : this.#button('Ask a tower', { kind: 'tower', who })}
        </div>`
      })}
    </div>`
  }

  #cheat() {
    const [channel] = this.view.channels
    const old = channel.states.filter(({ owner, given }) => given && owner === this.thief)
    return html`<form
      @submit=${this.#submit((form) => ({
        kind: 'cheat',
        who: form.get('thief') as Name,
        number: Number(form.get('state') ?? -1),
      }))}
    >
      <h3>Cheat</h3>
      <div class="field">
        <label for="thief">Who</label>
        <select id="thief" name="thief" @change=${({ target }: Event) => {
          this.thief = (target as HTMLSelectElement).value as Name
        }}>
          ${this.#names.map((each) => html`<option ?selected=${each === this.thief}>${each}</option>`)}
        </select>
      </div>
      <div class="field">
        <label for="state">With the old state</label>
        <select id="state" name="state" ?disabled=${old.length === 0}>
          ${
            old.length === 0
              ? html`<option value="-1">None: no state was given up yet</option>`
              : old.map((state) => html`<option value=${state.number}>${stateText(state)}</option>`)
          }
        </select>
      </div>
      <button class="danger" ?disabled=${this.busy}>Publish the old state</button>
    </form>`
  }

  #close() {
    const names = this.#names
    const pairs = names.slice(0, -1).map((name, at) => [name, names[at + 1]] as const)
    return html`<div class="group">
      <h3>Close</h3>
      ${pairs.map(
        ([
          first,
          second,
        ]) => html`<div class="row" role="group" aria-label=${`The channel of ${first} and ${second}`}>
          ${this.#button(`${first} and ${second} agree`, { kind: 'close', who: first, with: second, alone: false })}
          ${this.#button(`${first} alone`, { kind: 'close', who: first, with: second, alone: true })}
          ${this.#button(`${second} alone`, { kind: 'close', who: second, with: first, alone: true })}
        </div>`,
      )}
    </div>`
  }

  #button(text: string, move: Move, isIdle = false) {
    return html`<button class="small" type="button" ?disabled=${this.busy || isIdle} @click=${() => this.#ask(move)}>
      ${text}
    </button>`
  }

  #submit(read: (form: FormData) => Move) {
    return (event: Event) => {
      event.preventDefault()
      this.#ask(read(new FormData(event.target as HTMLFormElement)))
    }
  }
}
customElements.define('ot-lesson-moves', LessonMoves)

function stateText({ number, owner, shares: [own], underWay }: StateView): string {
  const moving = underWay > 0 ? `, ${countText(underWay)} under way` : ''
  return `${number}: ${countText(own)} sat ${owner}’s${moving}`
}
