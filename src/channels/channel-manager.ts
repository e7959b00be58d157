/**
 * All channels of a node: opens them, finds the one that a message is about, starts them from the store. It keeps what is opened apart from what
 * is a channel: an opening is memory alone and ends with its connection. Thread: the brain.
 */
import type { Sats } from '../primitives/amount.ts'
import { bytesToHex } from '../primitives/bytes.ts'
import type { Random } from '../primitives/ports.ts'
import { invalid, notNow, ok, type Rejection, type Result } from '../primitives/result.ts'
import { type Msat, msat } from './amount.ts'
import { Channel, type DriverEvent } from './channel.ts'
import type { ChainView } from './machine.ts'
import {
  ALL_CHANNELS,
  type ChannelId,
  type ChannelMessage,
  channelIdOf,
  channelOf,
  decodeMessage,
  encodeMessage,
} from './messages.ts'
import {
  type AgreedOpening,
  acceptMessage,
  checkAmounts,
  contractOf,
  type Funding,
  firstCommitment,
  foundChannel,
  fundingScriptOf,
  type HolderTerms,
  holderTerms,
  type Opening,
  openMessage,
  receiveAccept,
  receiveOpen,
} from './opening.ts'
import { commitmentToSign } from './operation.ts'
import type { ChannelPolicy } from './policy.ts'
import type { ChannelContract, ChannelSigner, ChannelStore, Payout } from './ports.ts'
import { decodeChannel } from './records.ts'

/** Openings that one peer may have under way with us, and channels of its that are not funded yet. */
const MAX_OPENINGS = 4
const MAX_UNFUNDED = 8
/** Of all peers together: a node's key costs nothing, and each of them is stored and watched until its time is over. */
const MAX_UNFUNDED_OF_ALL = 100

export interface ManagerPorts {
  readonly signer: ChannelSigner
  readonly store: ChannelStore
  readonly random: Random
  readonly policy: ChannelPolicy
  /** Hash of the genesis block, internal order. */
  readonly chainHash: Uint8Array
  /** Height of the chain. */
  height(): number
  /** `message`: with its two bytes of type. It may be lost with the connection, never alone; the order is kept. */
  send(peer: string, message: Uint8Array): void
  /** Ends the connection with a peer. It may come back at once. */
  disconnect(peer: string): void
  /** Whether a channel that a peer wants to open is welcome, and where our share goes in the end. A rejection's sentence is told to the peer. */
  welcome(opening: Opening): Promise<Result<Payout>>
  onEvent(channel: Channel, event: DriverEvent): void
  /** A channel is there, durable, whose funding is in no block yet. */
  founded?(channel: Channel): void
}

/** A channel that the holder opens. */
export interface OpenRequest {
  readonly peer: string
  readonly fundingAmount: Sats
  /** Given away at the opening. */
  readonly pushAmount?: Msat
  readonly announced: boolean
  readonly feerate?: number
  readonly payout: Payout
}

/** What the wallet is to fund. */
export interface ToFund {
  readonly temporaryChannelId: ChannelId
  readonly script: Uint8Array
  readonly amount: Sats
}

/** An opening under way, and who waits for it. */
interface Underway {
  opening: Opening
  /** Height of the chain when it began. */
  readonly since: number
  /** Of the opener: for `accept_channel`, then for `funding_signed`. */
  accepted?: (result: Result<ToFund>) => void
  founded?: (result: Result<Channel>) => void
}

export class ChannelManager {
  private readonly ports: ManagerPorts
  private readonly byId = new Map<ChannelId, Channel>()
  private readonly connectedPeers = new Set<string>()
  /** By peer, then by temporary channel id. */
  private readonly openings = new Map<string, Map<ChannelId, Underway>>()
  /** The messages of openings, one after another for each peer. */
  private readonly lastOf = new Map<string, Promise<void>>()
  /** Whether the store was read: before, a peer would be told that its channel is unknown, and close it. */
  private loaded = false

  constructor(ports: ManagerPorts) {
    this.ports = ports
  }

  /** By channel id. */
  get channels(): ReadonlyMap<ChannelId, Channel> {
    return this.byId
  }

  /**
   * Takes up the channels of the store: comes before all else. Throws where storage fails, or holds what this program did not write. Resolves
   * when what was not dealt with is told again.
   */
  async start(): Promise<void> {
    for (const stored of await this.ports.store.load()) {
      const state = decodeChannel(stored, this.ports.policy)
      const channel = this.driver(state, { sequence: stored.sequence })
      this.byId.set(state.channelId, channel)
    }
    this.loaded = true
    await Promise.all([...this.byId.values()].map((channel) => channel.start()))
  }

  private driver(state: Channel['state'], stored?: { readonly sequence: number }): Channel {
    const { signer, store } = this.ports
    const channel: Channel = new Channel(
      state,
      {
        signer,
        store,
        send: (message) => this.ports.send(state.peer, encodeMessage(message)),
        disconnect: () => this.ports.disconnect(state.peer),
        onEvent: (event) => {
          this.ports.onEvent(channel, event)
          if (event.kind === 'abandoned') void this.forget(channel)
        },
      },
      stored,
    )
    return channel
  }

  /** Ends a channel of which nothing is left to do: nothing of it stays in the store. */
  async forget(channel: Channel): Promise<void> {
    this.byId.delete(channel.state.channelId)
    await channel.forget()
  }

  /** The signer can be asked again. */
  signerReturned(): void {
    for (const channel of this.byId.values()) channel.resume()
  }

  peerConnected(peer: string): void {
    if (!this.loaded) throw new Error('The channels were not started')
    this.connectedPeers.add(peer)
    for (const channel of this.channelsOf(peer)) channel.connected()
  }

  peerDisconnected(peer: string): void {
    this.connectedPeers.delete(peer)
    for (const channel of this.channelsOf(peer)) channel.disconnected()
    this.endOpenings(peer, notNow('peer-disconnected', 'The other side went away. No channel was opened.'))
  }

  private channelsOf(peer: string): Channel[] {
    return [...this.byId.values()].filter(({ state }) => state.peer === peer)
  }

  private endOpenings(peer: string, why: Rejection): void {
    const underway = this.openings.get(peer)
    this.openings.delete(peer)
    for (const each of underway?.values() ?? []) end(each, why)
  }

  /** The chain moved. `viewOf`: what it says of a channel. */
  async chainMoved(viewOf: (channel: Channel) => ChainView): Promise<void> {
    this.endSilent()
    await Promise.all([...this.byId.values()].map((channel) => channel.chainMoved(viewOf(channel))))
  }

  /** Takes a message from a peer, with its two bytes of type. */
  receive(peer: string, bytes: Uint8Array): void {
    const message = decodeMessage(bytes)
    if (!message.ok) {
      if (message.kind !== 'invalid' || !this.connectedPeers.has(peer)) return
      this.send(peer, { type: 'warning', channelId: ALL_CHANNELS, text: message.detail })
      this.ports.disconnect(peer)
      return
    }
    this.take(peer, message.value)
  }

  /** Takes a message that was read. */
  take(peer: string, message: ChannelMessage): void {
    if (!this.connectedPeers.has(peer)) return
    const id = channelOf(message)
    if (id === ALL_CHANNELS && (message.type === 'error' || message.type === 'warning')) {
      for (const channel of this.channelsOf(peer)) channel.receive(message)
      if (message.type === 'error') this.endOpenings(peer, refusedBy(message.text))
      return
    }
    const channel = this.byId.get(id)
    if (channel && channel.state.peer === peer) channel.receive(message)
    // What comes for an opening waits for what came before.
    else this.inOrder(peer, () => this.takeOpening(peer, message))
  }

  private inOrder(peer: string, run: () => Promise<void>): void {
    const next = (this.lastOf.get(peer) ?? Promise.resolve()).then(run)
    this.lastOf.set(peer, next)
    void next.then(() => {
      if (this.lastOf.get(peer) === next) this.lastOf.delete(peer)
    })
  }

  private send(peer: string, message: ChannelMessage): void {
    this.ports.send(peer, encodeMessage(message))
  }

  private async takeOpening(peer: string, message: ChannelMessage): Promise<void> {
    if (!this.connectedPeers.has(peer)) return
    const id = channelOf(message)
    // It became one while the message waited.
    const channel = this.byId.get(id)
    if (channel && channel.state.peer === peer) {
      channel.receive(message)
      return
    }
    const underway = this.openings.get(peer)?.get(id)
    const result =
      message.type === 'open_channel'
        ? await this.takeOpen(peer, message)
        : message.type === 'funding_signed'
          ? await this.takeFundingSigned(peer, message)
          : underway && (await this.takeAnswer(peer, underway, message))
    if (result === undefined) {
      // Nobody knows the channel. BOLT 1: an error, which ends it on the other side; never in answer to an error.
      if (message.type !== 'error' && message.type !== 'warning')
        this.send(peer, { type: 'error', channelId: id, text: 'This channel is not known here.' })
      return
    }
    if (result.ok) return
    this.endOpening(peer, id, result)
    this.send(peer, { type: 'error', channelId: id, text: result.detail })
  }

  /** Who does not go on with an opening while the connection stands would have us wait for ever. */
  private endSilent(): void {
    const { policy, height } = this.ports
    const latest = height() - 2 * policy.expiryGrace
    for (const [peer, openings] of [...this.openings])
      for (const [
        id,
        {
          since,
          opening: { funding },
        },
      ] of [...openings]) {
        if (since >= latest) continue
        this.endOpening(
          peer,
          id,
          notNow(
            'opening-silent',
            'The other side did not go on with the opening. No channel was opened, and nothing was paid.',
          ),
        )
        const channelId = funding ? channelIdOf(funding.txid, funding.output) : id
        this.send(peer, { type: 'error', channelId, text: 'The opening took too long and was given up.' })
      }
  }

  private endOpening(peer: string, id: ChannelId, why: Rejection): void {
    const openings = this.openings.get(peer)
    const underway = openings?.get(id)
    openings?.delete(id)
    if (openings?.size === 0) this.openings.delete(peer)
    if (underway) end(underway, why)
  }

  private async takeOpen(
    peer: string,
    message: Extract<ChannelMessage, { type: 'open_channel' }>,
  ): Promise<Result<void>> {
    const { policy, chainHash } = this.ports
    const openings = this.openings.get(peer)
    if (openings?.has(message.temporaryChannelId))
      return invalid('opening-known', 'A channel with this temporary id is being opened already.')
    const unfunded = [...this.byId.values()].filter(
      ({ state }) => !state.contract.holderIsFunder && state.fundingHeight === undefined,
    )
    const ofPeer = unfunded.filter(({ state }) => state.peer === peer)
    if (
      (openings?.size ?? 0) >= MAX_OPENINGS ||
      ofPeer.length >= MAX_UNFUNDED ||
      unfunded.length >= MAX_UNFUNDED_OF_ALL
    )
      return notNow('openings-many', 'Too many channels are being opened at once. Try again later.')
    const asked = receiveOpen(message, peer, policy, chainHash)
    if (!asked.ok) return asked
    const payout = await this.ports.welcome(asked.value)
    if (!payout.ok) return payout
    const { fundingAmount, counterparty } = asked.value
    const holder = await this.makeTerms(fundingAmount, payout.value, counterparty.dustLimit)
    if (!holder.ok) return holder
    if (holder.value.dustLimit > counterparty.limits.channelReserve)
      return invalid('opening-terms', 'The reserve is below our dust limit.')
    if (!this.connectedPeers.has(peer)) return ok(undefined)
    const opening = { ...asked.value, holder: holder.value }
    this.put(peer, { opening, since: this.ports.height() })
    this.send(peer, acceptMessage(opening))
    return ok(undefined)
  }

  private put(peer: string, underway: Underway): void {
    const openings = this.openings.get(peer) ?? new Map<ChannelId, Underway>()
    this.openings.set(peer, openings)
    openings.set(underway.opening.temporaryChannelId, underway)
  }

  private async makeTerms(
    fundingAmount: Sats,
    payout: Payout,
    counterpartyDustLimit: Sats,
  ): Promise<Result<HolderTerms>> {
    const { signer, policy } = this.ports
    const keys = await signer.createKeys()
    if (!keys.ok) return keys
    const first = await signer.holderPoint(keys.value.keyId, 0)
    if (!first.ok) return first
    return ok(holderTerms(policy, fundingAmount, counterpartyDustLimit, keys.value, first.value, payout))
  }

  /** Undefined for a message that means nothing in an opening. */
  private async takeAnswer(
    peer: string,
    underway: Underway,
    message: ChannelMessage,
  ): Promise<Result<void> | undefined> {
    const { opening } = underway
    switch (message.type) {
      case 'error':
        this.endOpening(peer, opening.temporaryChannelId, refusedBy(message.text))
        return ok(undefined)
      case 'warning':
        return ok(undefined)
      case 'accept_channel': {
        const { holder } = opening
        if (!opening.holderIsFunder || !holder || opening.counterparty)
          return invalid('opening-order', 'An accept_channel came that nobody waits for.')
        const agreed = receiveAccept({ ...opening, holder }, message)
        if (!agreed.ok) return agreed
        const script = fundingScriptOf(agreed.value)
        if (!script.ok) return script
        underway.opening = agreed.value
        const { temporaryChannelId, fundingAmount } = opening
        underway.accepted?.(ok({ temporaryChannelId, script: script.value, amount: fundingAmount }))
        underway.accepted = undefined
        return ok(undefined)
      }
      case 'funding_created':
        return this.takeFundingCreated(peer, opening, message)
      default:
        return undefined
    }
  }

  private async takeFundingCreated(
    peer: string,
    opening: Opening,
    message: Extract<ChannelMessage, { type: 'funding_created' }>,
  ): Promise<Result<void>> {
    if (opening.holderIsFunder || !isAgreed(opening))
      return invalid('opening-order', 'A funding_created came from the side that does not fund.')
    const funding = { txid: message.fundingTxid, output: message.fundingOutput }
    if (this.byId.has(channelIdOf(funding.txid, funding.output)))
      return invalid('channel-known', 'A channel with this funding exists already.')
    const founded = foundChannel(opening, funding, message, this.ports.height())
    if (!founded.ok) return founded
    const accepted = await this.attachAndAccept(founded.value)
    if (!accepted.ok) return accepted
    const channel = this.driver(founded.value.state)
    this.openings.get(peer)?.delete(opening.temporaryChannelId)
    this.byId.set(channel.state.channelId, channel)
    await channel.start([commitmentToSign(channel.state, opening.counterparty.first.nonce)])
    this.ports.founded?.(channel)
    // The connection may have ended while the signer was asked: then it starts anew with the next.
    if (!this.connectedPeers.has(peer)) channel.disconnected()
    return ok(undefined)
  }

  private async attachAndAccept({
    state,
    accept,
  }: {
    readonly state: { readonly contract: ChannelContract }
    readonly accept: Parameters<ChannelSigner['acceptHolderCommitment']>[0]
  }): Promise<Result<void>> {
    const attached = await this.ports.signer.attach(state.contract, { holder: undefined, counterparty: [] })
    return attached.ok ? this.ports.signer.acceptHolderCommitment(accept) : attached
  }

  /**
   * Asks a peer to open a channel. Resolves with what the wallet is to fund, without publishing it: `fund` goes on, `abandon` gives up. Rejects
   * with `peer-disconnected`, `opening-refused` (the peer's words), the codes of `receiveAccept` and the signer's.
   */
  async open(request: OpenRequest): Promise<Result<ToFund>> {
    const { policy, random, chainHash } = this.ports
    const { peer, fundingAmount, pushAmount = msat(0), announced, feerate = policy.feerate, payout } = request
    if (!this.connectedPeers.has(peer))
      return notNow('peer-disconnected', 'The other side is away. No channel was opened.')
    const amounts = checkAmounts(policy, fundingAmount, pushAmount)
    if (!amounts.ok) return amounts
    const holder = await this.makeTerms(fundingAmount, payout, policy.maxDustLimit)
    if (!holder.ok) return holder
    if (!this.connectedPeers.has(peer))
      return notNow('peer-disconnected', 'The other side is away. No channel was opened.')
    const opening = {
      peer,
      temporaryChannelId: bytesToHex(random.bytes(32)) as ChannelId,
      holderIsFunder: true,
      policy,
      fundingAmount,
      pushAmount,
      feerate,
      announced,
      holder: holder.value,
    }
    return new Promise((accepted) => {
      this.put(peer, { opening, since: this.ports.height(), accepted })
      this.send(peer, openMessage(opening, chainHash))
    })
  }

  /**
   * Goes on with the transaction that pays what `open` told: signed, and not published, which the event `publish` says when. Resolves with the
   * channel once it is durable. Rejects with `opening-unknown`, `peer-disconnected`, `opening-refused`, and the signer's codes: then the
   * transaction must never be published.
   */
  async fund(temporaryChannelId: ChannelId, funding: Funding): Promise<Result<Channel>> {
    const underway = [...this.openings.values()].flatMap((all) => all.get(temporaryChannelId) ?? [])[0]
    const opening = underway?.opening
    if (!opening || !isAgreed(opening) || opening.funding || underway.accepted)
      return notNow('opening-unknown', 'No channel waits for this funding.')
    underway.opening = { ...opening, funding }
    const { peer, counterparty } = opening
    const { signer } = this.ports
    const contract = contractOf(opening, funding)
    const attached = await signer.attach(contract, { holder: undefined, counterparty: [] })
    const signed = attached.ok
      ? await signer.signCounterpartyCommitment({
          contract,
          commitment: firstCommitment(opening, false),
          counterpartyNonce: counterparty.first.nonce,
          origins: new Map(),
          preimages: new Map(),
          revocation: undefined,
        })
      : attached
    if (!signed.ok) {
      this.endOpening(peer, temporaryChannelId, signed)
      this.send(peer, { type: 'error', channelId: temporaryChannelId, text: 'The channel was given up.' })
      return signed
    }
    // The connection may have ended meanwhile.
    if (!this.openings.get(peer)?.has(temporaryChannelId))
      return notNow('peer-disconnected', 'The other side went away. No channel was opened.')
    const { partialSignature, nonce } = signed.value
    return new Promise((founded) => {
      underway.founded = founded
      this.send(peer, {
        type: 'funding_created',
        temporaryChannelId,
        fundingTxid: funding.txid,
        fundingOutput: funding.output,
        signature: { partialSignature, nonce },
      })
    })
  }

  /** Gives up an opening that waits for its funding. */
  abandon(temporaryChannelId: ChannelId): void {
    for (const [peer, openings] of this.openings)
      if (openings.has(temporaryChannelId)) {
        this.endOpening(peer, temporaryChannelId, notNow('opening-abandoned', 'The opening was given up.'))
        this.send(peer, { type: 'error', channelId: temporaryChannelId, text: 'The channel was given up.' })
        return
      }
  }

  private async takeFundingSigned(
    peer: string,
    message: Extract<ChannelMessage, { type: 'funding_signed' }>,
  ): Promise<Result<void> | undefined> {
    const underway = [...(this.openings.get(peer)?.values() ?? [])].find(
      ({ opening: { funding, holderIsFunder } }) =>
        holderIsFunder && funding && channelIdOf(funding.txid, funding.output) === message.channelId,
    )
    if (!underway?.founded || !isAgreed(underway.opening)) return undefined
    const { opening, founded: tell } = underway
    const founded = foundChannel(underway.opening, opening.funding!, message, this.ports.height())
    const accepted = founded.ok
      ? await this.ports.signer.acceptHolderCommitment(founded.value.accept)
      : founded
    // It was given up while the signer was asked: nobody would fund it.
    if (this.openings.get(peer)?.get(opening.temporaryChannelId) !== underway) return undefined
    if (!founded.ok || !accepted.ok) {
      const why = accepted.ok ? notNow('opening-refused', 'The channel was given up.') : accepted
      this.endOpening(peer, opening.temporaryChannelId, why)
      return why
    }
    this.openings.get(peer)?.delete(opening.temporaryChannelId)
    const channel = this.driver(founded.value.state)
    this.byId.set(channel.state.channelId, channel)
    await channel.start()
    if (!this.connectedPeers.has(peer)) channel.disconnected()
    tell(ok(channel))
    return ok(undefined)
  }
}

function isAgreed(opening: Opening): opening is AgreedOpening {
  return opening.holder !== undefined && opening.counterparty !== undefined
}

function end({ accepted, founded }: Underway, why: Rejection): void {
  accepted?.(why)
  founded?.(why)
}

function refusedBy(text: string): Rejection {
  return notNow('opening-refused', `The other side gave the channel up, and says: “${text}”`)
}
