/**
 * `<ot-learn>`: lessons on channels. Whoever learns follows a story step by step, forward and back, or leaves it and does otherwise; the channels of a tab do what is
 * asked, on a small chain in memory. Nothing of it touches the tab's own wallet or chain. Fetched when it is first shown. Thread: Window.
 */
import { css, html, LitElement, nothing } from 'lit'
import { CASTS, Lesson, type LessonStep, type Line, type Move } from '../../src/learn/lesson.ts'
import { chapterAfter, chapterOf, STORIES, type Story } from '../../src/learn/stories.ts'
import { choiceStyles } from '../components/choice-styles.ts'
import '../components/lesson-channel.ts'
import '../components/lesson-moves.ts'
import { icons } from '../components/view-icons.ts'
import { TaskController } from '../controllers/task-controller.ts'
import { countText, plural } from '../format.ts'
import { base } from '../styles/base.ts'

/** Blocks that are drawn. */
const SHOWN_BLOCKS = 4

const GROUPS = [
  { cast: 'two', title: 'One channel' },
  { cast: 'three', title: 'Three people' },
] as const

export class Learn extends LitElement {
  static override properties = { story: { state: true }, at: { state: true }, lesson: { state: true } }
  static override styles = [
    base,
    choiceStyles,
    css`
      .intro {
        max-width: 70ch;
        margin-bottom: 20px;
      }
      .stories {
        display: grid;
        gap: 16px;
      }
      .stories .choices {
        grid-template-columns: repeat(auto-fill, minmax(190px, 1fr));
      }
      .lesson {
        display: grid;
        grid-template:
          "step moves" auto
          "stage moves" 1fr / minmax(0, 1fr) 300px;
        gap: 20px;
        margin-top: 20px;
      }
      .step {
        grid-area: step;
      }
      .stage {
        display: grid;
        grid-area: stage;
        grid-template-columns: minmax(0, 1fr);
        gap: 20px;
        align-content: start;
      }
      .moves {
        grid-area: moves;
        align-self: start;
      }
      .moves h2 {
        margin-bottom: 12px;
      }
      .person .spread {
        gap: 6px;
      }
      .happened {
        margin-top: 12px;
        font-size: 20px;
        line-height: 1.35;
        font-weight: 600;
        letter-spacing: -0.01em;
      }
      .why {
        margin-top: 8px;
      }
      .lines {
        display: grid;
        gap: 6px;
        margin-top: 14px;
        padding-left: 14px;
        border-left: 2px solid var(--line);
        font-size: 14px;
      }
      .lines .warning {
        color: var(--warning);
      }
      summary {
        color: var(--muted);
        font-size: 14px;
        cursor: pointer;
      }
      .step details {
        margin-top: 12px;
      }
      .messages {
        display: grid;
        gap: 8px;
        margin-top: 8px;
        font-size: 14px;
      }
      .messages .mono {
        color: var(--muted);
      }
      .next {
        margin-top: 16px;
        padding-top: 16px;
        border-top: 1px solid var(--line);
      }
      .people {
        display: grid;
        grid-template-columns: repeat(auto-fit, minmax(180px, 1fr));
        gap: 16px;
      }
      .person {
        padding: 16px;
      }
      .person dl {
        display: grid;
        gap: 2px;
        margin-top: 8px;
        font-size: 14px;
      }
      .person dl > div {
        display: flex;
        justify-content: space-between;
        gap: 12px;
      }
      .person dt {
        color: var(--muted);
      }
      .blocks {
        display: flex;
        gap: 10px;
        margin-top: 14px;
        overflow-x: auto;
      }
      .block {
        flex: 1 0 150px;
        padding: 10px 12px;
        border: 1px solid var(--line);
        border-radius: var(--radius-small);
        font-size: 14px;
      }
      .block.waiting {
        border-style: dashed;
      }
      .block h3 {
        font-size: 14px;
      }
      .block li {
        margin-top: 4px;
        color: var(--muted);
      }
      @media (max-width: 860px) {
        .lesson {
          grid-template: "step" auto "stage" auto "moves" auto / minmax(0, 1fr);
        }
      }
      @media (max-width: 640px) {
        .stories .choices {
          grid-template-columns: repeat(2, minmax(0, 1fr));
        }
        .stories label span {
          display: none;
        }
        .step .row button {
          flex: 1;
        }
      }
    `,
  ]
  declare story: Story
  declare lesson: Lesson | undefined
  /** The step that is shown. */
  declare at: number
  readonly #task = new TaskController(this)

  constructor() {
    super()
    this.story = STORIES[0]
    this.at = 0
  }

  override connectedCallback(): void {
    super.connectedCallback()
    if (!this.lesson) void this.#begin(this.story)
  }

  async #begin(story: Story): Promise<void> {
    this.#task.cancel()
    this.story = story
    this.lesson = undefined
    this.at = 0
    const lesson = await this.#work(() => Lesson.start(story.cast))
    if (lesson) this.lesson = lesson
  }

  /** Shows that something is under way before it begins: it takes this thread. */
  #work<T>(action: () => Promise<T>): Promise<T | undefined> {
    return this.#task.run(async () => {
      await new Promise((drawn) => setTimeout(drawn))
      return action()
    })
  }

  /** Plays a move behind the step that is shown; what came after it is dropped. */
  async #play(move: Move): Promise<void> {
    const { lesson, at } = this
    if (!lesson) return
    const played = await this.#work(async () => {
      const before = lesson.moves.slice(0, at)
      // The one that is shown stays as it is where the move is refused.
      const next = before.length < lesson.moves.length ? await Lesson.replay(lesson.cast, before) : lesson
      const result = await next.play(move)
      if (!result.ok) throw new Error(result.detail)
      return next
    })
    if (!played) return
    this.lesson = played
    this.at = played.steps.length - 1
    this.requestUpdate()
  }

  #forward(): void {
    const { lesson, at, story } = this
    if (!lesson) return
    if (at < lesson.steps.length - 1) {
      this.#task.fail(undefined)
      this.at++
      return
    }
    const chapter = chapterAfter(story, lesson.moves)
    if (chapter) void this.#play(chapter.move)
  }

  #back(): void {
    this.#task.fail(undefined)
    this.at = Math.max(0, this.at - 1)
  }

  override render() {
    const { lesson, at } = this
    return html`<p class="muted intro">
        Watch how a channel works, by the very code that runs your own: real keys, scripts and signatures, on a small chain that lives in this
        view alone. Follow a story, or leave it at any point and do what you like. Your coins are not touched.
      </p>
      ${this.#stories()}
      ${
        lesson
          ? html`<div class="lesson">
              ${this.#step(lesson.steps[at], lesson)} ${this.#stage(lesson.steps[at])}
              <section class="card moves" aria-labelledby="moves">
                <h2 id="moves">Do something else</h2>
                <ot-lesson-moves
                  .view=${lesson.steps[at].view}
                  .cast=${lesson.cast}
                  ?busy=${this.#task.running}
                  @ot-move=${({ detail }: CustomEvent<Move>) => void this.#play(detail)}
                ></ot-lesson-moves>
              </section>
            </div>`
          : this.#task.problem
            ? html`<p class="error" role="alert">${this.#task.problem}</p>`
            : html`<p class="empty">Drawing the keys of ${CASTS[this.story.cast].join(' and ')}…</p>`
      }`
  }

  #stories() {
    return html`<div class="stories">
      ${GROUPS.map(
        ({ cast, title }) => html`<fieldset>
          <legend>${title}</legend>
          <div class="choices">
            ${STORIES.filter((story) => story.cast === cast).map(
              (story) => html`<label
                ><input
                  type="radio"
                  name="story"
                  value=${story.id}
                  .checked=${story === this.story}
                  @change=${() => void this.#begin(story)}
                />${story.title}<span>${story.about}</span></label
              >`,
            )}
          </div>
        </fieldset>`,
      )}
    </div>`
  }

  #step({ title, lines }: LessonStep, lesson: Lesson) {
    const { story, at } = this
    const { running, problem } = this.#task
    const moves = lesson.moves.slice(0, at)
    const chapter = chapterOf(story, moves)
    const next = at < lesson.steps.length - 1 ? undefined : chapterAfter(story, moves)
    const hasNext = at < lesson.steps.length - 1 || next !== undefined
    const isOnStory = at === 0 || chapter !== undefined
    const told = lines.filter(({ kind }) => kind !== 'message')
    const messages = lines.filter(({ kind }) => kind === 'message')
    return html`<section class="card step" aria-label="The step">
      <div class="spread">
        <span class="muted small" data-testid="place"
          >${
            isOnStory
              ? `${story.title}: step ${countText(at)} of ${countText(story.chapters.length)}`
              : `Step ${countText(at)}, on your own`
          }</span
        >
        <div class="row">
          <button class="small" ?disabled=${running || at === 0} @click=${this.#back}>${icons.back}Back</button>
          <button class="small primary" ?disabled=${running || !hasNext} @click=${this.#forward}>
            Next${icons.forward}
          </button>
        </div>
      </div>
      <div role="status" aria-live="polite">
        <p class="happened" data-testid="happened">${title}</p>
        ${chapter ? html`<p class="why">${chapter.text}</p>` : nothing}
        ${
          told.length === 0
            ? nothing
            : html`<ul class="lines" data-testid="lines">
                ${told.map(({ kind, text }) => html`<li class=${kind}>${text}</li>`)}
              </ul>`
        }
      </div>
      ${messages.length === 0 ? nothing : this.#messages(messages)}
      ${problem ? html`<p class="error" role="alert">${problem}</p>` : nothing}
      ${running ? html`<p class="hint" role="status">Signing and checking…</p>` : nothing}
      ${
        hasNext || !isOnStory
          ? nothing
          : html`<p class="next muted">The story ends here. Choose another one, or do something else from here on.</p>`
      }
      ${
        isOnStory
          ? nothing
          : html`<p class="next">
              <button class="small quiet" ?disabled=${running} @click=${() => void this.#begin(story)}>Start the story again</button>
            </p>`
      }
    </section>`
  }

  #messages(messages: readonly Line[]) {
    return html`<details>
      <summary>${plural(messages.length, 'message')} went between them</summary>
      <ol class="messages">
        ${messages.map(({ text }) => {
          const [name] = text.split(': ', 1)
          return html`<li><span class="mono">${name}</span><br />${text.slice(name.length + 2)}</li>`
        })}
      </ol>
    </details>`
  }

  #stage({ view }: LessonStep) {
    const { people, channels, blocks, waiting, height } = view
    const inChannels = (name: string) =>
      channels.reduce((sum, { sides, shares, isClosed }) => {
        const side = sides.indexOf(name)
        return side < 0 || isClosed ? sum : sum + shares[side]
      }, 0)
    return html`<div class="stage">
      <div class="people">
        ${people.map(
          ({ name, awake, cheats, hasTower, coins }) => html`<section class="card person" aria-label=${name}>
            <div class="spread">
              <h2>${name}</h2>
              ${
                !awake
                  ? html`<span class="badge">tab closed</span>`
                  : cheats
                    ? html`<span class="badge bad">cheats</span>`
                    : html`<span class="badge good">online</span>`
              }
              ${hasTower ? html`<span class="badge">has a tower</span>` : nothing}
            </div>
            <dl>
              <div>
                <dt>On the chain</dt>
                <dd data-testid=${`coins-${name}`}>${countText(coins)} <span class="unit">sat</span></dd>
              </div>
              <div>
                <dt>In channels</dt>
                <dd>${countText(inChannels(name))} <span class="unit">sat</span></dd>
              </div>
            </dl>
          </section>`,
        )}
      </div>
      ${channels.map((channel) => html`<ot-lesson-channel .channel=${channel}></ot-lesson-channel>`)}
      <section class="card" aria-labelledby="chain">
        <h2 id="chain">The chain, at block ${countText(height)}</h2>
        <div class="blocks" tabindex="0" role="group" aria-label="Blocks, newest first">
          ${
            waiting.length === 0
              ? nothing
              : html`<div class="block waiting">
                  <h3>Waiting for a block</h3>
                  <ul>
                    ${waiting.map(({ title }) => html`<li>${title}</li>`)}
                  </ul>
                </div>`
          }
          ${blocks.slice(0, SHOWN_BLOCKS).map(
            (block) => html`<div class="block">
              <h3>Block ${countText(block.height)}</h3>
              <ul>
                ${
                  block.transactions.length === 0
                    ? html`<li>empty</li>`
                    : block.transactions.map(({ title }) => html`<li>${title}</li>`)
                }
              </ul>
            </div>`,
          )}
        </div>
      </section>
    </div>`
  }
}
customElements.define('ot-learn', Learn)
