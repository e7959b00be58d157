/** The Window's line to the brain worker: RPC calls there, events back. */
import {
  NODE_EVENT_NAMES,
  type NodeEvent,
  type NodeEventName,
  type NodeEvents,
} from '../../src/node/events.ts'
import { RPC_INVALID_PARAMETER, RpcError, type RpcResponse } from '../../src/node/rpc-error.ts'
import type { BrainMessage, BrainRequest } from '../../src/workers/brain-messages.ts'
import { Channel, PendingAnswers } from '../../src/workers/channel.ts'
import { TabError } from './tab-error.ts'

export type Claimed = Extract<BrainMessage, { type: 'claimed' }>
type Listener = (detail: unknown) => void

/** Events of one name that are kept while nobody listens to it yet. */
const MAX_EARLY = 100

export class BrainClient {
  private readonly worker: Worker
  private readonly channel: Channel<BrainRequest, BrainMessage>
  private readonly answers = new PendingAnswers<RpcResponse>()
  private readonly listeners = new Map<NodeEventName, Set<Listener>>()
  /** Logs and faults from before the page listened: what went wrong at the start must not be missed. */
  private readonly early: NodeEvent[] = []
  /** Whoever waits for the next step of the start. */
  private waiting: { resolve(message: BrainMessage): void; reject(error: Error): void } | undefined

  /** Names of the wallets that are loaded, in the order of loading. */
  wallets: readonly string[] = []

  constructor() {
    const worker = new Worker(new URL('../../src/workers/brain.worker.ts', import.meta.url), {
      type: 'module',
    })
    this.worker = worker
    this.channel = new Channel(worker)
    this.channel.listen((message) => this.receive(message))
    worker.addEventListener('error', (event) =>
      this.waiting?.reject(
        new TabError('failed', `The node could not start: ${event.message ?? 'its script did not load.'}`),
      ),
    )
  }

  /** Claims a profile and opens its storage. Rejects with a `TabError`. */
  async open(request: Omit<Extract<BrainRequest, { type: 'open' }>, 'type'>): Promise<Claimed> {
    return (await this.step({ type: 'open', ...request })) as Claimed
  }

  /** Opens the node and lets it join the network. Rejects with a `TabError`. */
  async join(request: Omit<Extract<BrainRequest, { type: 'join' }>, 'type'>): Promise<void> {
    await this.step({ type: 'join', ...request }, [request.transport, request.signer])
  }

  /** Has the brain load the parts of its program that it hasn't needed yet. */
  loadRest(): void {
    this.channel.post({ type: 'load-rest' })
  }

  /** Ends the worker, and with it its hold of the profile. */
  terminate(): void {
    this.worker.terminate()
  }

  /** `wallet`: the one that is meant. Rejects with an `RpcError`. */
  async rpc(method: string, args: readonly unknown[], wallet?: string): Promise<unknown> {
    const response = await this.answers.ask((id) =>
      this.channel.post({ type: 'rpc', id, method, args, wallet }),
    )
    if ('error' in response) throw new RpcError(response.error.code, response.error.message)
    return response.result
  }

  /** Throws an `RpcError` where there is no such event, or nothing to be called: a script would wait for ever. */
  on<Name extends NodeEventName>(name: Name, listener: (detail: NodeEvents[Name]) => void): () => void {
    if (!NODE_EVENT_NAMES.includes(name))
      throw new RpcError(
        RPC_INVALID_PARAMETER,
        `There is no event "${String(name).slice(0, 40)}". There are ${NODE_EVENT_NAMES.join(', ')}.`,
      )
    if (typeof listener !== 'function')
      throw new RpcError(
        RPC_INVALID_PARAMETER,
        'The second argument must be a function: it is called at every event.',
      )
    const listeners = this.listeners.get(name) ?? new Set()
    this.listeners.set(name, listeners.add(listener as Listener))
    const missed = this.early.filter((event) => event.name === name)
    if (missed.length > 0)
      queueMicrotask(() => {
        for (const { detail } of missed) listener(detail as NodeEvents[Name])
      })
    return () => listeners.delete(listener as Listener)
  }

  private step(request: BrainRequest, transfer: Transferable[] = []): Promise<BrainMessage> {
    return new Promise((resolve, reject) => {
      this.waiting = { resolve, reject }
      this.channel.post(request, transfer)
    })
  }

  private receive(message: BrainMessage): void {
    switch (message.type) {
      case 'ready':
        this.wallets = message.wallets
        this.waiting?.resolve(message)
        break
      case 'claimed':
        this.waiting?.resolve(message)
        break
      case 'failed':
        this.waiting?.reject(new TabError('failed', message.reason))
        break
      case 'rpc':
        this.answers.answer(message.id, message.response)
        break
      case 'event':
        this.tell(message.event)
    }
  }

  private tell(event: NodeEvent): void {
    if (event.name === 'wallet') {
      const { wallet, loaded } = event.detail
      const isKnown = this.wallets.includes(wallet)
      if (loaded && !isKnown) this.wallets = [...this.wallets, wallet]
      if (!loaded && isKnown) this.wallets = this.wallets.filter((name) => name !== wallet)
    }
    const listeners = this.listeners.get(event.name)
    if (listeners) for (const listener of listeners) listener(event.detail)
    else if ((event.name === 'log' || event.name === 'fault') && this.early.length < MAX_EARLY)
      this.early.push(event)
  }
}
