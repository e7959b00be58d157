/** A reactive controller that renders its host anew at events of the node. Thread: Window. */
import type { ReactiveController, ReactiveControllerHost } from 'lit'
import type { NodeEventName } from '../../src/node/events.ts'
import type { LiveNode } from '../live-node.ts'

export class NodeController implements ReactiveController {
  readonly #host: ReactiveControllerHost & { readonly node: LiveNode }
  readonly #events: readonly NodeEventName[]
  #unsubscribe: (() => void) | undefined

  constructor(host: ReactiveControllerHost & { readonly node: LiveNode }, events: readonly NodeEventName[]) {
    this.#host = host
    this.#events = events
    host.addController(this)
  }

  hostConnected(): void {
    this.#host.requestUpdate()
  }

  hostUpdate(): void {
    this.#unsubscribe ??= this.#host.node.on(this.#events, () => this.#host.requestUpdate())
  }

  hostDisconnected(): void {
    this.#unsubscribe?.()
    this.#unsubscribe = undefined
  }
}
