/**
 * A reactive controller for what a person starts: one action at a time, with its progress and its failure shown by the host.
 * Cancelling means that its outcome is no longer waited for. Thread: Window.
 */
import type { ReactiveController, ReactiveControllerHost } from 'lit'
import { sentence } from '../live-node.ts'

export class TaskController implements ReactiveController {
  /** An action is under way. */
  running = false
  /** What the last action failed with, a sentence. */
  problem: string | undefined
  readonly #host: ReactiveControllerHost
  #generation = 0

  constructor(host: ReactiveControllerHost) {
    this.#host = host
    host.addController(this)
  }

  hostDisconnected(): void {
    this.cancel()
  }

  /** Runs an action unless one is under way. Resolves to its value, or undefined when it failed or was cancelled. */
  async run<T>(action: () => Promise<T>): Promise<T | undefined> {
    if (this.running) return undefined
    const generation = ++this.#generation
    this.running = true
    this.problem = undefined
    this.#host.requestUpdate()
    try {
      const value = await action()
      return generation === this.#generation ? value : undefined
    } catch (error) {
      if (generation === this.#generation) this.problem = sentence(error)
      return undefined
    } finally {
      if (generation === this.#generation) {
        this.running = false
        this.#host.requestUpdate()
      }
    }
  }

  /** Shows a failure that was found without running anything; undefined clears it. */
  fail(problem: string | undefined): void {
    this.problem = problem
    this.#host.requestUpdate()
  }

  cancel(): void {
    this.#generation++
    this.running = false
    this.problem = undefined
    this.#host.requestUpdate()
  }
}
