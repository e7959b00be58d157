/**
 * A step within a page, such as a review: the browser's Back leads from it to the page as it was, instead of away with all that was typed. Thread: Window.
 */
import type { ReactiveController, ReactiveControllerHost } from 'lit'

/** `Kept`: what the history holds of a step, so that a reload and the browser's Forward find it again. */
export class StepController<Kept = never> implements ReactiveController {
  readonly #moved: (kept: Kept | undefined) => void

  /** `moved` is called where the browser left the step, or came to one of which something is kept. */
  constructor(host: ReactiveControllerHost, moved: (kept: Kept | undefined) => void) {
    this.#moved = moved
    host.addController(this)
  }

  hostConnected(): void {
    addEventListener('popstate', this.#follow)
    if (keptStep() !== undefined) this.#follow()
  }

  hostDisconnected(): void {
    removeEventListener('popstate', this.#follow)
  }

  /** Goes on to the step. */
  enter(kept?: Kept): void {
    history.pushState({ ...history.state, isStep: true, kept }, '')
  }

  /** Goes back, as the browser does. Nothing is kept of the step. */
  leave(): void {
    const isStep = (history.state as Place)?.isStep === true
    this.forget()
    if (isStep) history.back()
    else this.#moved(undefined)
  }

  /** The step is done: nothing is kept of it, and the page that comes next may take its place in the history. */
  forget(): void {
    history.replaceState({ ...history.state, isStep: false, kept: undefined }, '')
  }

  readonly #follow = (): void => this.#moved(keptStep() as Kept | undefined)
}

/** What the page keeps in the browser's history of a place there. */
type Place = { readonly isStep?: boolean; readonly kept?: unknown } | null

function keptStep(): unknown {
  return (history.state as Place)?.kept
}
