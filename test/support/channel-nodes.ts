/**
 * Nodes with channels, for tests: a manager each over a store that outlives it, and links between them that deliver message by message, in order,
 * and are cut whenever a test wants.
 */

import { msat } from '../../src/channels/amount.ts'
import type { Channel, DriverEvent } from '../../src/channels/channel.ts'
import { ChannelManager } from '../../src/channels/channel-manager.ts'
import type { ChainView } from '../../src/channels/machine.ts'
import { type ChannelMessage, decodeMessage } from '../../src/channels/messages.ts'
import type { HtlcOffer } from '../../src/channels/operation.ts'
import { type ChannelPolicy, channelPolicy } from '../../src/channels/policy.ts'
import type { ChannelSigner, Payout } from '../../src/channels/ports.ts'
import { fundingKey, fundingScript } from '../../src/channels/scripts.ts'
import { REGTEST } from '../../src/consensus/params.ts'
import { sats } from '../../src/primitives/amount.ts'
import { bytesToHex } from '../../src/primitives/bytes.ts'
import { sha256, type Txid, toDisplay } from '../../src/primitives/hashes.ts'
import type { Random } from '../../src/primitives/ports.ts'
import { ok, type Result } from '../../src/primitives/result.ts'
import { packOutputs } from '../../src/script/input-check.ts'
import { verifyTransaction } from '../../src/script/verify-input.ts'
import { MemoryChannelStore } from '../../src/storage/memory-channel-store.ts'
import { KeeperSide } from './channel-keepers.ts'
import { value } from './wallets.ts'

export const CHAIN_HASH = new Uint8Array(32).fill(0xab)

export const POLICY: ChannelPolicy = channelPolicy(REGTEST)

/** What signs for a node, and its memory's end. */
export interface NodeSigner {
  readonly signer: ChannelSigner
  readonly payout: Payout
  /** A signer with nothing in memory, as after a start. */
  restart(): ChannelSigner
}

/** With the signer of the program. */
export function keeperSigner(name: string): NodeSigner {
  const side = new KeeperSide(name)
  return {
    get signer() {
      return side.keeper
    },
    payout: { branch: 0, index: 0, script: side.payoutScript },
    restart: () => side.start(),
  }
}

/** A message on its way. */
interface Flying {
  readonly bytes: Uint8Array
}

/** Both directions between two nodes. */
export class Link {
  readonly nodes: readonly [ChannelNode, ChannelNode]
  /** By sender. */
  readonly flying: readonly [Flying[], Flying[]] = [[], []]
  up = false
  /** What was delivered, newest last: for tests that look at it or say it again. */
  readonly delivered: {
    readonly from: number
    readonly message: ChannelMessage
    readonly bytes: Uint8Array
  }[] = []

  constructor(a: ChannelNode, b: ChannelNode) {
    this.nodes = [a, b]
    a.links.set(b.name, this)
    b.links.set(a.name, this)
  }

  connect(): void {
    if (this.up) return
    this.up = true
    const [a, b] = this.nodes
    a.manager?.peerConnected(b.name)
    b.manager?.peerConnected(a.name)
  }

  /** Whatever is on its way is lost. */
  cut(): void {
    if (!this.up) return
    this.up = false
    for (const queue of this.flying) queue.length = 0
    const [a, b] = this.nodes
    a.manager?.peerDisconnected(b.name)
    b.manager?.peerDisconnected(a.name)
  }

  send(from: ChannelNode, bytes: Uint8Array): void {
    if (this.up) this.flying[this.indexOf(from)].push({ bytes })
  }

  indexOf(node: ChannelNode): 0 | 1 {
    return node === this.nodes[0] ? 0 : 1
  }

  /** Delivers the oldest message of one sender. False where none waits. */
  deliver(from: 0 | 1): boolean {
    const flying = this.flying[from].shift()
    if (!flying) return false
    const decoded = decodeMessage(flying.bytes)
    if (decoded.ok) this.delivered.push({ from, message: decoded.value, bytes: flying.bytes })
    this.nodes[1 - from].manager?.receive(this.nodes[from].name, flying.bytes)
    return true
  }
}

/** One node. */
export class ChannelNode {
  readonly name: string
  readonly store: MemoryChannelStore
  readonly signing: NodeSigner
  readonly random: Random
  readonly links = new Map<string, Link>()
  readonly events: { readonly channel: Channel; readonly event: DriverEvent }[] = []
  /** By hex of the hash: what the node fulfils. */
  readonly preimages = new Map<string, Uint8Array>()
  /** What it does with an event beside noting it. */
  onEvent: (channel: Channel, event: DriverEvent) => void = () => {}
  /** Instead of taking every channel. */
  welcome: (() => Result<Payout>) | undefined
  /** Looks at what it sends. */
  onSend: (message: ChannelMessage) => void = () => {}
  manager: ChannelManager | undefined
  height = 100

  constructor(name: string, signing: NodeSigner = keeperSigner(name), store = new MemoryChannelStore()) {
    this.name = name
    this.signing = signing
    this.store = store
    let drawn = 0
    this.random = { bytes: (length) => sha256(utf8(`${name} ${drawn++}`)).slice(0, length) }
  }

  /** Starts, or starts again: with what is in the store alone. `wrap`: a store that fails, or waits. */
  async start(wrap: (store: MemoryChannelStore) => MemoryChannelStore = (store) => store): Promise<void> {
    const signer = this.signing.restart()
    const manager = new ChannelManager({
      signer,
      store: wrap(this.store),
      random: this.random,
      policy: POLICY,
      chainHash: CHAIN_HASH,
      height: () => this.height,
      send: (peer, message) => {
        if (this.manager !== manager) return
        const decoded = value(decodeMessage(message))
        this.onSend(decoded)
        this.links.get(peer)?.send(this, message)
      },
      disconnect: (peer) => {
        if (this.manager === manager) this.links.get(peer)?.cut()
      },
      welcome: async (): Promise<Result<Payout>> => this.welcome?.() ?? ok(this.signing.payout),
      onEvent: (channel, event) => {
        if (this.manager !== manager) return
        this.events.push({ channel, event })
        this.onEvent(channel, event)
      },
    })
    this.manager = manager
    await manager.start()
  }

  /** Everything in memory is gone, at this instant. */
  crash(): void {
    this.manager = undefined
    for (const link of this.links.values()) link.cut()
  }

  get channel(): Channel {
    const [channel] = this.manager?.channels.values() ?? []
    if (!channel) throw new Error(`${this.name} has no channel`)
    return channel
  }

  /** A payment hash that this node will fulfil. */
  invoice(seed: string): Uint8Array {
    const preimage = sha256(utf8(`${this.name} ${seed}`))
    const hash = sha256(preimage)
    this.preimages.set(bytesToHex(hash), preimage)
    return hash
  }

  /** Fulfils what it has the preimage of, and fails the rest; acknowledges what became of its own. */
  settling(): this {
    this.onEvent = (channel, event) => {
      if (event.kind === 'htlc-received') {
        const preimage = this.preimages.get(bytesToHex(event.terms.paymentHash))
        void channel.remove(
          event.terms.id,
          preimage && !event.terms.refused
            ? { kind: 'fulfill', preimage }
            : { kind: 'fail', reason: new Uint8Array(292).fill(1) },
        )
      } else if (event.kind === 'htlc-fulfilled' || event.kind === 'htlc-failed')
        void channel.acknowledge([event.terms.id])
    }
    return this
  }
}

export function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}

/** An offer of a payment. */
export function offerOf(amount: number, paymentHash: Uint8Array, expiry: number): HtlcOffer {
  return {
    amount: msat(amount),
    paymentHash,
    expiry,
    onion: new Uint8Array(1366).fill(7),
    origin: { kind: 'payment', id: bytesToHex(paymentHash) },
  }
}

/** Lets all that can settle without another message settle. */
export async function quiet(nodes: readonly ChannelNode[]): Promise<void> {
  for (let round = 0; round < 2; round++)
    for (const node of nodes)
      for (const channel of node.manager?.channels.values() ?? []) await channel.whenIdle()
  await new Promise<void>((resolve) => setImmediate(resolve))
}

/** Delivers until nothing is on its way. */
export async function deliverAll(link: Link): Promise<void> {
  for (let idle = 0; idle < 2; ) {
    await quiet(link.nodes)
    let any = false
    for (const from of [0, 1] as const) while (link.deliver(from)) any = true
    idle = any ? 0 : idle + 1
  }
}

export interface OpenTerms {
  readonly amount?: number
  readonly push?: number
  readonly announced?: boolean
  /** Whether its funding is confirmed; true by itself. */
  readonly confirmed?: boolean
}

/** The first node opens a channel with the second, which is confirmed. */
export async function openChannel(
  link: Link,
  { amount = 1_000_000, push = 0, confirmed = true, announced = false }: OpenTerms = {},
): Promise<void> {
  const [a, b] = link.nodes
  const opening = a.manager!.open({
    peer: b.name,
    fundingAmount: sats(amount),
    pushAmount: msat(push),
    announced,
    payout: a.signing.payout,
  })
  const toFund = value(await settled(link, opening))
  const txid = toDisplay<Txid>(sha256(utf8(`${a.name} ${b.name} ${toFund.temporaryChannelId}`)))
  const funding = { txid, output: 0, transaction: utf8('a transaction') }
  value(await settled(link, a.manager!.fund(toFund.temporaryChannelId, funding)))
  if (confirmed) await moveChain(link.nodes, { fundingHeight: 100, height: 101 })
  await deliverAll(link)
}

/** Delivers until a promise is kept. */
export async function settled<T>(link: Link, promise: Promise<T>): Promise<T> {
  let done = false
  void promise.then(() => {
    done = true
  })
  for (let round = 0; round < 1_000 && !done; round++) {
    await deliverAll(link)
    await new Promise<void>((resolve) => setImmediate(resolve))
  }
  return promise
}

export async function moveChain(
  nodes: readonly ChannelNode[],
  view: Partial<ChainView> & { readonly height: number },
): Promise<void> {
  for (const node of nodes) {
    node.height = view.height
    await node.manager?.chainMoved(({ state }) => ({
      fundingHeight: state.fundingHeight,
      spent: state.spent,
      ...view,
    }))
  }
}

/** What the interpreter says of a transaction that spends the channel's money. */
export function verdict({ channel }: ChannelNode, bytes: Uint8Array): string {
  const { holder, counterparty, fundingAmount } = channel.state.contract
  const key = value(fundingKey(holder.basepoints.funding, counterparty.basepoints.funding))
  const spentOutputs = packOutputs([{ value: fundingAmount, scriptPubKey: fundingScript(key) }])
  return verifyTransaction({ transaction: bytes, spentOutputs })?.code ?? 'valid'
}
