/**
 * Drives the machine of one channel over its ports. Events are dealt with one after another; what is to be said or told waits until the state
 * that it follows from is durable, and then goes in order. While a write is under way further events are dealt with, and the next write takes
 * all of them: so many payments share one. Thread: the brain.
 */
import { putBounded } from '../primitives/bounded.ts'
import { invalid, notNow, ok, type Rejection, type Result } from '../primitives/result.ts'
import { closeChannel, closingHalves, closingSigned, completeClosing } from './closing.ts'
import { commitmentTransaction } from './commitment-transaction.ts'
import { withFundingSignature } from './funding-spend.ts'
import { htlcRoom } from './limits.ts'
import {
  announce,
  type ChainView,
  canFlush,
  chainMoved,
  flush,
  flushNeeds,
  forceClose,
  type Given,
  type Needs,
  needsOf,
  pendingEvents,
  receive,
  refuse,
} from './machine.ts'
import {
  type AnnouncementSignatures,
  type ChannelMessage,
  type ClosingVariants,
  MAX_HTLCS,
  type PartialSignatureWithNonce,
} from './messages.ts'
import { acknowledge, type HtlcOffer, offerHtlc, proposeFee, removeHtlc } from './operation.ts'
import type { ChannelSigner, ChannelStore, Commitment, HolderPoint } from './ports.ts'
import { changedRecords, encodeCommitment } from './records.ts'
import { connect, disconnect } from './reestablish.ts'
import { secretIndex } from './secrets.ts'
import type { ChannelState } from './state.ts'
import { type ChannelEvent, fail, type Outgoing, outdated, type Step, step } from './step.ts'
import type { Removal } from './updates.ts'

/** Codes of a signer that can't be asked now, or has lost the nonces that it held in memory: nothing is wrong with the channel. */
const SIGNER_AWAY = new Set([
  'wallet-locked',
  'wallet-missing',
  'signer-failed',
  'channel-keys-unknown',
  'nonce-used',
])

/** Events of a channel that may wait: the updates of both sides at their most, and as many again. More is a flood, and ends the connection. */
const MAX_WAITING = 4 * MAX_HTLCS

/** Points of the holder's commitments that are remembered: of the newest, and the two that come next. */
const MAX_POINTS = 4

/** Blocks for which an offer waits for room: whoever pays may try another way, or later. */
const MAX_BLOCKS_IN_TURN = 1

/** What a driver is given. */
export interface ChannelPorts {
  readonly signer: ChannelSigner
  readonly store: ChannelStore
  /** Hands a message over to whoever carries it. It may be lost with the connection, never alone. */
  send(message: ChannelMessage): void
  /** Ends the connection with the counterparty: its state is in doubt, and a new one starts from what is durable. */
  disconnect(): void
  /** Told in order, each once its cause is durable. Must not throw. */
  onEvent(event: DriverEvent): void
}

/** What a driver tells beside what its machine does. */
export type DriverEvent =
  | ChannelEvent
  /** The holder's last commitment, whole, with what it says. */
  | { readonly kind: 'publish-commitment'; readonly transaction: Uint8Array; readonly commitment: Commitment }
  /** The signer can't be asked: the channel rests. `connected` again, it goes on. */
  | { readonly kind: 'signer-away'; readonly rejection: Rejection }
  /** Commitments of the counterparty are void, and durable: whoever watches for us can be told. */
  | { readonly kind: 'revoked' }
  /** The store failed, or has a later state than this tab, or there is a bug: the channel stands still until the tab starts again. */
  | { readonly kind: 'halted'; readonly error: unknown }

/** What waits to be dealt with. It gives a step, now or later. */
interface Task {
  readonly run: () => Step | Promise<Step>
  readonly lost?: () => void
}

/** What follows from states that are not durable yet. */
interface Pending {
  readonly outgoing: { readonly link: number; readonly item: Outgoing }[]
  readonly events: ChannelEvent[]
  readonly revoked: Map<number, string>
  /** Told whether the write succeeded. */
  readonly done: ((durable: boolean) => void)[]
}

function nothingPending(): Pending {
  return { outgoing: [], events: [], revoked: new Map(), done: [] }
}

type CommandResult<T> = Result<{ readonly step: Step; readonly value: T }>

/** A promise and how it is kept. */
interface Deferred<T> {
  readonly promise: Promise<T>
  resolve(value: T): void
}

function deferred<T>(): Deferred<T> {
  let resolve!: (value: T) => void
  const promise = new Promise<T>((keep) => {
    resolve = keep
  })
  return { promise, resolve }
}

const HALTED = notNow(
  'channel-halted',
  'The channel stands still since its store failed. Nothing more was sent. Start the tab again.',
)

export class Channel {
  private current: ChannelState
  /** What the store holds, and the number of the write that brought it. */
  private stored: ChannelState | undefined
  private storedText: string | undefined
  private sequence: number
  private readonly ports: ChannelPorts
  private readonly inbox: Task[] = []
  private working = false
  private writing = false
  private pending = nothingPending()
  /** Counts connections, as the carrier tells of them: what was to be said on one that is over is not said. */
  private link = 0
  /** The connection that the state is on. */
  private stateLink = 0
  /** Whether the signer knows the channel, since it was last away. */
  private attached: boolean
  /** The last message on its way through the signer. */
  private sending: Promise<void> = Promise.resolve()
  private halted = false
  /** Offers that wait for room, and since which height. */
  private readonly queue: { readonly height: number; resolve(): void }[] = []
  private readonly points = new Map<number, HolderPoint>()
  private readonly idle: (() => void)[] = []
  private readonly written: (() => void)[] = []

  /** `stored`: the state is what the store holds, by its write `sequence`; without, the channel is new, and written first of all. */
  constructor(state: ChannelState, ports: ChannelPorts, stored?: { readonly sequence: number }) {
    this.current = stored ? disconnect(state).state : state
    this.ports = ports
    this.stored = stored && state
    this.sequence = stored?.sequence ?? 0
    this.attached = stored === undefined
  }

  /** The newest state, which may not be durable yet. */
  get state(): ChannelState {
    return this.current
  }

  /** What the store holds; undefined as long as it holds nothing. */
  get durableState(): ChannelState | undefined {
    return this.stored
  }

  /** Whether it stands still after its store failed. */
  get isHalted(): boolean {
    return this.halted
  }

  /**
   * A new channel, which the signer knows, is written, then `first` goes out. One from the store tells again what was not dealt with. Resolves
   * when it is durable.
   */
  async start(first: readonly Outgoing[] = []): Promise<void> {
    const pending = pendingEvents(this.current)
    const started = this.command(async () => {
      if (!this.attached) this.apply(await this.attach())
      return ok({ step: step(this.current, first, pending), value: undefined })
    })
    await started
  }

  /** The signer can be asked again: what it is needed for goes on, also where the counterparty is away. */
  resume(): void {
    this.enqueue(async () => {
      if (this.attached) return step(this.current)
      const attached = await this.attach()
      if (this.attached && attached.state.status === 'failed') await this.publishCommitment()
      return attached
    })
  }

  /** The counterparty hears us. */
  connected(): void {
    const link = ++this.link
    this.enqueue(async () => {
      if (link !== this.link) return step(this.current)
      this.stateLink = link
      this.apply(disconnect(this.current))
      if (!this.attached) this.apply(await this.attach())
      return this.attached ? connect(this.current) : step(this.current)
    })
  }

  /** It does not any more. */
  disconnected(): void {
    this.link++
    this.enqueue(() => disconnect(this.current))
  }

  /** Tells the signer the channel, by what is durable. */
  private async attach(): Promise<Step> {
    await this.durable()
    const { contract, holder, counterparty, secrets } = this.current
    const told = {
      holder: holder.commitment,
      counterparty,
      revocation: secrets.find(secretIndex(counterparty[0].number - 1)),
    }
    const known = await this.ports.signer.attach(contract, told)
    this.attached = known.ok
    if (known.ok) return step(this.current)
    return SIGNER_AWAY.has(known.code) ? this.signerAway(known) : outdated(this.current, known.detail)
  }

  receive(message: ChannelMessage): void {
    if (this.inbox.length >= MAX_WAITING) {
      // Nothing after it may be taken either.
      this.disconnected()
      this.ports.disconnect()
      return
    }
    const { link } = this
    this.enqueue(async () => {
      // What was under way when the connection ended is lost, as the counterparty takes it to be.
      if (link !== this.link || this.current.connection === 'disconnected') return step(this.current)
      const given = await this.provide(needsOf(this.current, message))
      if (!given.ok) return this.signerAway(given)
      return this.checked(receive(this.current, message, given.value))
    })
  }

  /** The step, where the signer accepts the commitment that it brings. */
  private async checked(taken: Step): Promise<Step> {
    if (!taken.accept) return taken
    const accepted = await this.ports.signer.acceptHolderCommitment(taken.accept)
    if (accepted.ok) return taken
    return SIGNER_AWAY.has(accepted.code)
      ? this.signerAway(accepted)
      : refuse(this.current, invalid(accepted.code, accepted.detail))
  }

  /** Offers an HTLC; answers its id once it is durable. Rejects as `offerHtlc`. */
  offer(offer: HtlcOffer): Promise<Result<number>> {
    return this.command(() => {
      const offered = offerHtlc(this.current, offer)
      return offered.ok ? ok({ step: offered.value, value: this.current.nextHolderHtlc }) : offered
    })
  }

  /** The same; where as many HTLCs are under way as the counterparty takes, it waits until one is gone, for two blocks at most. */
  async offerInTurn(offer: HtlcOffer): Promise<Result<number>> {
    const { height } = this.current
    // Behind those that wait.
    if (this.queue.length > 0) await this.room()
    for (;;) {
      const offered = await this.offer(offer)
      if (offered.ok || offered.code !== 'htlc-count' || this.current.height > height + MAX_BLOCKS_IN_TURN)
        return offered
      await this.room()
    }
  }

  /** Resolves when there may be room for another HTLC, or waiting for it is of no use any more. */
  private room(): Promise<void> {
    return new Promise((resolve) => {
      this.queue.push({ height: this.current.height, resolve })
    })
  }

  /** Lets those go on that wait for room, as many as there is room for, and all that wait in vain. */
  private admit(): void {
    const { status, connection, height } = this.current
    const inVain = this.halted || status !== 'open' || connection !== 'connected'
    let room = inVain ? this.queue.length : htlcRoom(this.current)
    while (this.queue.length > 0 && (room-- > 0 || height > this.queue[0].height + MAX_BLOCKS_IN_TURN))
      this.queue.shift()!.resolve()
  }

  /** Ends an HTLC that was offered to the holder. Rejects as `removeHtlc`. */
  remove(id: number, removal: Removal): Promise<Result<void>> {
    return this.plainCommand(() => removeHtlc(this.current, id, removal))
  }

  /** The origins of these HTLCs, offered by the holder, know how they ended. */
  acknowledge(ids: Iterable<number>): Promise<Result<void>> {
    const set = new Set(ids)
    return this.plainCommand(() => ok(acknowledge(this.current, set)))
  }

  /** Rejects as `proposeFee`. */
  proposeFee(feerate: number): Promise<Result<void>> {
    return this.plainCommand(() => proposeFee(this.current, feerate))
  }

  /** Rejects as `announce`. */
  announce(signatures: Omit<AnnouncementSignatures, 'type' | 'channelId'>): Promise<Result<void>> {
    return this.plainCommand(() => announce(this.current, signatures))
  }

  /** Closes in agreement. Rejects as `closeChannel`. */
  close(feerate: number): Promise<Result<void>> {
    return this.plainCommand(() => closeChannel(this.current, feerate))
  }

  /** Closes alone, by the holder's commitment. Rejects as `forceClose`. */
  forceClose(): Promise<Result<void>> {
    return this.plainCommand(() => forceClose(this.current))
  }

  chainMoved(view: ChainView): Promise<Result<void>> {
    return this.plainCommand(() => ok(chainMoved(this.current, view)))
  }

  /** Ends the channel: nothing of it stays in the store. */
  async forget(): Promise<void> {
    await this.whenIdle()
    this.halted = true
    const { keyId } = this.current.contract
    await this.ports.store.commit([
      { keyId, sequence: this.sequence + 1, records: new Map(), revoked: new Map(), forget: true },
    ])
  }

  /** Resolves when what was dealt with is durable. */
  private async durable(): Promise<void> {
    void this.write()
    while (this.writing) await new Promise<void>((resolve) => this.written.push(resolve))
  }

  /** Resolves when nothing waits: all is dealt with, durable, and said. */
  async whenIdle(): Promise<void> {
    for (;;) {
      if (this.working || this.writing) await new Promise<void>((resolve) => this.idle.push(resolve))
      const { sending } = this
      await sending
      if (!this.working && !this.writing && sending === this.sending) return
    }
  }

  private plainCommand(run: () => Result<Step>): Promise<Result<void>> {
    return this.command(() => {
      const done = run()
      return done.ok ? ok({ step: done.value, value: undefined }) : done
    })
  }

  private command<T>(run: () => CommandResult<T> | Promise<CommandResult<T>>): Promise<Result<T>> {
    const answer = deferred<Result<T>>()
    if (this.halted) return Promise.resolve(HALTED)
    this.enqueue(
      async () => {
        const done = await run()
        if (!done.ok) {
          answer.resolve(done)
          return step(this.current)
        }
        this.pending.done.push((durable) => answer.resolve(durable ? ok(done.value.value) : HALTED))
        return done.value.step
      },
      () => answer.resolve(HALTED),
    )
    return answer.promise
  }

  /** `lost`: told where the channel halts before it is the task's turn. */
  private enqueue(run: Task['run'], lost?: () => void): void {
    if (this.halted) return
    this.inbox.push({ run, lost })
    if (!this.working) void this.work()
  }

  /** Deals with what waits, then with what that makes due, then writes. */
  private async work(): Promise<void> {
    this.working = true
    // The caller's other events of the same moment come along.
    await undefined
    try {
      while (!this.halted) {
        const task = this.inbox.shift()
        if (task) this.apply(await task.run())
        else if (!canFlush(this.current) || !(await this.flush())) break
      }
    } catch (error) {
      this.halt(error)
    }
    this.working = false
    if (this.inbox.length > 0 && !this.halted) void this.work()
    else if (this.writing) return
    else void this.write()
  }

  /** False where the signer is away. */
  private async flush(): Promise<boolean> {
    const given = await this.provide(flushNeeds(this.current))
    // An event that came meanwhile goes first: it may join.
    if (this.inbox.length > 0) return true
    if (!given.ok) {
      this.apply(this.signerAway(given))
      return false
    }
    this.apply(flush(this.current, given.value))
    return true
  }

  private apply(taken: Step): void {
    this.current = taken.state
    if (this.queue.length > 0) this.admit()
    const { outgoing, events, revoked } = this.pending
    for (const item of taken.outgoing) outgoing.push({ link: this.stateLink, item })
    events.push(...taken.events)
    for (const commitment of taken.revoked) revoked.set(commitment.number, encodeCommitment(commitment))
    if (taken.disconnect) {
      // The last words go out before.
      this.pending.done.push(() => {
        void this.sending.then(() => this.ports.disconnect())
      })
    }
  }

  /** What a signer alone knows. */
  private async provide({ point, closingNonces }: Needs): Promise<Result<Given>> {
    const { signer } = this.ports
    const { keyId } = this.current.contract
    const given: { point?: Uint8Array; closingNonces: Uint8Array[] } = { closingNonces: [] }
    if (point !== undefined) {
      const known = await this.holderPoint(point)
      if (!known.ok) return known
      given.point = known.value.point
    }
    for (let at = 0; at < closingNonces; at++) {
      const nonce = await signer.closingNonce(keyId)
      if (!nonce.ok) return nonce
      given.closingNonces.push(nonce.value)
    }
    return ok(given)
  }

  /** Point and nonce of a commitment of the holder: told once, and needed again when it is signed. */
  private async holderPoint(number: number): Promise<Result<HolderPoint>> {
    const known = this.points.get(number)
    if (known) return ok(known)
    const told = await this.ports.signer.holderPoint(this.current.contract.keyId, number)
    if (told.ok) putBounded(this.points, number, told.value, MAX_POINTS)
    return told
  }

  /** The channel rests: whatever was under way starts anew with the next connection. */
  private signerAway(rejection: Rejection): Step {
    this.attached = false
    this.stateLink = ++this.link
    this.pending.done.push((durable) => {
      if (!durable) return
      this.ports.onEvent({ kind: 'signer-away', rejection })
      this.ports.disconnect()
    })
    return disconnect(this.current)
  }

  /** Writes what changed, one write at a time; then says and tells what waited for it. */
  private async write(): Promise<void> {
    if (this.writing || this.halted) return
    this.writing = true
    while (!this.halted && this.isDirty()) {
      const { current, pending } = this
      this.pending = nothingPending()
      try {
        await this.commit(current, pending.revoked)
      } catch (error) {
        this.halt(error, pending)
        break
      }
      this.tellRevoked(current, pending.revoked)
      for (const { link, item } of pending.outgoing) this.say(link, item)
      for (const event of pending.events) this.tell(event)
      if (pending.revoked.size > 0) this.ports.onEvent({ kind: 'revoked' })
      for (const run of pending.done) run(true)
    }
    this.writing = false
    for (const run of this.written.splice(0)) run()
    if (!this.working) for (const run of this.idle.splice(0)) run()
  }

  /** The store failed, or there is a bug: nothing that follows from what is not durable ever happens. `pending`: of a write that failed. */
  private halt(error: unknown, pending: Pending = nothingPending()): void {
    if (this.halted) return
    this.halted = true
    this.admit()
    for (const run of [...pending.done, ...this.pending.done]) run(false)
    for (const { lost } of this.inbox.splice(0)) lost?.()
    this.pending = nothingPending()
    this.ports.onEvent({ kind: 'halted', error })
    this.ports.disconnect()
  }

  private isDirty(): boolean {
    const { outgoing, events, done, revoked } = this.pending
    return (
      this.current !== this.stored ||
      outgoing.length > 0 ||
      events.length > 0 ||
      done.length > 0 ||
      revoked.size > 0
    )
  }

  private async commit(state: ChannelState, revoked: ReadonlyMap<number, string>): Promise<void> {
    if (state === this.stored) return
    const { keyId } = state.contract
    const records = changedRecords(this.stored, state)
    const text = records.get('state')
    // What changed may be of this connection alone.
    if (text !== this.storedText || records.size > 1 || revoked.size > 0) {
      const sequence = this.sequence + 1
      await this.ports.store.commit([{ keyId, sequence, records, revoked }])
      this.sequence = sequence
      this.storedText = text
    }
    this.stored = state
  }

  /** The signer hears of it before whatever follows from it is asked for, in this channel or in another. */
  private tellRevoked({ contract, secrets }: ChannelState, revoked: ReadonlyMap<number, string>): void {
    for (const number of revoked.keys()) {
      const secret = secrets.find(secretIndex(number))
      if (secret) void this.ports.signer.counterpartyRevoked(contract.keyId, secret)
    }
  }

  private tell(event: ChannelEvent): void {
    this.ports.onEvent(event)
    if (event.kind === 'failed') void this.publishCommitment().catch((error: unknown) => this.halt(error))
  }

  /** Hands out the holder's last commitment. A closing transaction that is whole is worth more: it was told already. */
  private async publishCommitment(): Promise<void> {
    const { status, holder, contract, closingTransactions, spent } = this.current
    if (status !== 'failed' || closingTransactions.length > 0 || spent) return
    const { commitment, signatures } = holder
    const signature = await this.ports.signer.signHolderCommitment(contract, commitment, signatures)
    if (!signature.ok) {
      this.ports.onEvent({ kind: 'signer-away', rejection: signature })
      return
    }
    const built = commitmentTransaction(contract, commitment)
    if (!built.ok) throw new Error(built.detail)
    const transaction = withFundingSignature(built.value.transaction, signature.value).bytes
    this.ports.onEvent({ kind: 'publish-commitment', transaction, commitment })
  }

  /** Sends one item once those before it are sent; the signer works on it meanwhile. */
  private say(link: number, item: Outgoing): void {
    if (link !== this.link) return
    // What throws is a bug, or a signer that is gone for good.
    const made = this.make(item).catch((error: unknown) => {
      this.halt(error)
      return HALTED
    })
    this.sending = this.sending.then(async () => {
      const message = await made
      if (link !== this.link || this.halted) return
      if (message.ok) this.ports.send(message.value)
      else this.unsigned(message)
    })
  }

  /** The signer did not give what a message needs. */
  private unsigned(rejection: Rejection): void {
    // What would follow is not said either.
    this.stateLink = ++this.link
    if (SIGNER_AWAY.has(rejection.code)) this.enqueue(() => this.signerAway(rejection))
    // It saw what we did not: nothing of this is to go on.
    else this.enqueue(() => fail(this.current, `The signer refused: ${rejection.detail}`))
  }

  /** The message, with what the signer adds. */
  private async make(item: Outgoing): Promise<Result<ChannelMessage>> {
    const { signer } = this.ports
    const { contract, channelId } = this.current
    const { keyId, fundingTxid } = contract
    switch (item.kind) {
      case 'message':
        return ok(item.message)
      case 'ready': {
        const point = await this.holderPoint(1)
        if (!point.ok) return point
        const { point: secondPerCommitmentPoint, nonce: nextLocalNonce } = point.value
        return ok({ type: 'channel_ready', channelId, secondPerCommitmentPoint, nextLocalNonce })
      }
      case 'reestablish': {
        const [own, next] = await Promise.all([
          this.holderPoint(item.number),
          this.holderPoint(item.number + 1),
        ])
        if (!own.ok) return own
        if (!next.ok) return next
        return ok({
          type: 'channel_reestablish',
          channelId,
          nextCommitmentNumber: item.number + 1,
          nextRevocationNumber: item.nextRevocation,
          yourLastPerCommitmentSecret: item.lastSecret,
          myCurrentPerCommitmentPoint: own.value.point,
          nextLocalNonces: new Map([[fundingTxid, next.value.nonce]]),
        })
      }
      case 'revoke': {
        const [secret, next] = await Promise.all([
          signer.releaseSecret(keyId, item.number),
          this.holderPoint(item.number + 2),
        ])
        if (!secret.ok) return secret
        if (!next.ok) return next
        return ok({
          type: 'revoke_and_ack',
          channelId,
          perCommitmentSecret: secret.value,
          nextPerCommitmentPoint: next.value.point,
          nextLocalNonces: new Map([[fundingTxid, next.value.nonce]]),
        })
      }
      case 'commit': {
        const signed = await signer.signCounterpartyCommitment(item.request)
        if (!signed.ok) return signed
        const { partialSignature, nonce, htlcSignatures } = signed.value
        const signature = { partialSignature, nonce }
        // The first one is made when the channel is: it answers `funding_created`.
        return item.request.commitment.number === 0
          ? ok({ type: 'funding_signed', channelId, signature })
          : ok({ type: 'commitment_signed', channelId, htlcSignatures, fundingTxid, signature })
      }
      case 'propose-closing':
        return this.proposeClosing(item)
      case 'sign-closing':
        return this.signClosing(item)
    }
  }

  private async proposeClosing({
    proposal,
    closeeNonce,
  }: Extract<Outgoing, { kind: 'propose-closing' }>): Promise<Result<ChannelMessage>> {
    const halves = new Map<'closerOnly' | 'closeeOnly' | 'both', Uint8Array>()
    const signatures: { -readonly [Name in keyof ClosingVariants<unknown>]: PartialSignatureWithNonce } = {}
    for (const { name, transaction, nonce } of proposal.variants) {
      const half = await this.ports.signer.signClosing(this.current.contract, transaction, nonce, closeeNonce)
      if (!half.ok) return half
      halves.set(name, half.value)
      signatures[name] = { partialSignature: half.value, nonce }
    }
    if (this.current.closingProposal?.terms === proposal.terms)
      this.current = closingHalves(this.current, halves)
    return ok({ type: 'closing_complete', ...proposal.terms, signatures })
  }

  private async signClosing({
    message,
    variant,
    transaction,
    nonce,
    closerNonce,
    closerSignature,
  }: Extract<Outgoing, { kind: 'sign-closing' }>): Promise<Result<ChannelMessage>> {
    const { contract } = this.current
    const half = await this.ports.signer.signClosing(contract, transaction, nonce, closerNonce)
    if (!half.ok) return half
    const whole = completeClosing(contract, transaction, [closerNonce, nonce], [closerSignature, half.value])
    if (!whole.ok) return whole
    this.enqueue(() => closingSigned(this.current, whole.value))
    return ok({ ...message, signatures: { [variant]: half.value } })
  }
}
