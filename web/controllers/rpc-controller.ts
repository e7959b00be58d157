/**
 * A reactive controller that keeps a host supplied with what a few RPC calls answer, and asks again when the node tells that it
 * changed. Calls never overlap: events that come during one lead to a single next one. Thread: Window.
 */
import type { ReactiveController, ReactiveControllerHost } from 'lit'
import type { NodeEventName } from '../../src/node/events.ts'
import type { LiveNode } from '../live-node.ts'

/** Milliseconds between the end of one call and the next: what a burst of events costs at most. */
const REST = 200

export interface RpcOptions<T> {
  /** Asks the node. What it throws becomes `error`. */
  load(node: LiveNode): Promise<T>
  /** Events after which the answer may be another. */
  readonly events?: readonly NodeEventName[]
  /** Milliseconds after which it is asked anew in any case, for what changes with time alone. */
  readonly every?: number
  /** What the answer is about, such as a txid: when it changes, the old answer is dropped and asked anew. */
  readonly key?: () => unknown
}

export class RpcController<T> implements ReactiveController {
  /** The last answer; stays while the next one is under way, and when that fails. */
  value: T | undefined
  /** Why the last call failed. */
  error: unknown
  readonly #host: ReactiveControllerHost & { readonly node: LiveNode }
  readonly #options: RpcOptions<T>
  #unsubscribe: (() => void) | undefined
  #key: unknown
  #generation = 0
  #running = false
  #again = false
  #timer: ReturnType<typeof setTimeout> | undefined
  #regular: ReturnType<typeof setTimeout> | undefined

  constructor(host: ReactiveControllerHost & { readonly node: LiveNode }, options: RpcOptions<T>) {
    this.#host = host
    this.#options = options
    host.addController(this)
  }

  /** No answer yet, neither value nor error. */
  get pending(): boolean {
    return this.value === undefined && this.error === undefined
  }

  hostUpdate(): void {
    const key = this.#options.key?.()
    if (this.#unsubscribe !== undefined && Object.is(key, this.#key)) return
    // Here rather than in `hostConnected`: the host's properties are set by now.
    this.#unsubscribe ??= this.#host.node.on(this.#options.events ?? [], () => this.reload())
    this.#key = key
    this.value = undefined
    this.error = undefined
    this.#generation++
    this.#running = false
    void this.#load()
  }

  hostDisconnected(): void {
    this.#unsubscribe?.()
    this.#unsubscribe = undefined
    clearTimeout(this.#timer)
    clearTimeout(this.#regular)
    this.#timer = undefined
    this.#again = false
    this.#generation++
    this.#running = false
  }

  hostConnected(): void {
    this.#host.requestUpdate()
  }

  /** Asks again, soon. */
  reload(): void {
    if (this.#running || this.#timer !== undefined) this.#again = this.#running
    else void this.#load()
  }

  async #load(): Promise<void> {
    const generation = this.#generation
    this.#running = true
    this.#again = false
    clearTimeout(this.#timer)
    clearTimeout(this.#regular)
    this.#timer = undefined
    try {
      const value = await this.#options.load(this.#host.node)
      if (generation !== this.#generation) return
      this.value = value
      this.error = undefined
    } catch (error) {
      if (generation !== this.#generation) return
      this.error = error
    }
    this.#running = false
    if (this.#again) this.#timer = setTimeout(() => void this.#load(), REST)
    else if (this.#options.every !== undefined)
      this.#regular = setTimeout(() => this.reload(), this.#options.every)
    this.#host.requestUpdate()
  }
}
