/**
 * What becomes of HTLCs between the channels of a node (BOLT 2 and 4): one that came in is passed on by another channel, taken for an invoice, or failed;
 * one that was passed on is settled upstream by how it ended downstream. Downstream always comes first: nothing is fulfilled upstream without the preimage,
 * nothing failed there before the one downstream is gone for good, and downstream is told that it is known only once upstream is durable. So whatever a killed
 * node forgot is told to it again. Thread: the brain.
 */
import { bytesToHex, equalBytes, hexToBytes } from '../primitives/bytes.ts'
import { sha256 } from '../primitives/hashes.ts'
import type { Clock } from '../primitives/ports.ts'
import { OK } from '../primitives/result.ts'
import { msat } from './amount.ts'
import type { Channel, DriverEvent } from './channel.ts'
import { encodeFailure, type Failure, malformedFailure } from './failures.ts'
import type { ForwardingPolicy } from './graph.ts'
import { HtlcSets, type SetOutcome } from './htlc-sets.ts'
import { checkForward, checkReceive, type IncomingHtlc, openIncoming, readIncoming } from './incoming.ts'
import type { InvoiceBook } from './invoice-book.ts'
import { readOnion } from './onion.ts'
import { createError, type ErrorPacket, wrapError } from './onion-errors.ts'
import type { FinalPayload, ForwardPayload } from './onion-payload.ts'
import type { PaymentBook } from './payment-book.ts'
import type { ChannelPolicy } from './policy.ts'
import type { ChannelSigner, CommitmentHtlc } from './ports.ts'
import type { RecordBook } from './record-book.ts'
import { type OpenedOnionRecord, ReplayGuard } from './replays.ts'
import type { ShortChannelId } from './short-channel-id.ts'
import type { HtlcTerms, Removal } from './updates.ts'

export interface SwitchPorts {
  readonly signer: Pick<ChannelSigner, 'ecdh' | 'htlcReturned'>
  readonly book: RecordBook
  readonly clock: Clock
  readonly policy: ChannelPolicy
  /** What this node accepts for passing on by a channel, the newest policy first. */
  accepted(keyId: string): readonly ForwardingPolicy[]
  readonly invoices: InvoiceBook
  readonly payments: PaymentBook
  height(): number
  channelAt(id: ShortChannelId): Channel | undefined
  channelOf(keyId: string): Channel | undefined
  channels(): Iterable<Channel>
  /** A preimage is known that a channel on the chain may need. */
  preimageLearnt(): void
  /** A fault of this program, or failing storage. */
  failed(error: unknown): void
}

/** An HTLC that came in, with what it takes to fail it. */
interface Incoming {
  readonly channel: Channel
  readonly terms: HtlcTerms
  readonly name: string
  readonly secret: Uint8Array
  /** Resolves when it is durable that its onion was opened: before, nothing may follow. */
  remembered: Promise<void>
}

/** A part that waits for the others, or is taken. */
interface Part extends Incoming {
  readonly keysend: Uint8Array | undefined
}

const ONION_PREFIX = 'onion/'
const PREIMAGE_PREFIX = 'preimage/'
const NO_UPDATE = new Uint8Array(0)
/** What a node tells of how long it held a payment: nothing. */
const NO_HOLD_TIME = 0

export class HtlcSwitch {
  private readonly ports: SwitchPorts
  private readonly guard: ReplayGuard
  private readonly sets: HtlcSets<Part>
  /** What could not be dealt with while the signer is locked. */
  private waiting: (() => Promise<void>)[] = []
  private readonly running = new Set<Promise<void>>()
  private cancelExpiry: (() => void) | undefined
  private closed = false

  constructor(ports: SwitchPorts) {
    this.ports = ports
    const records: OpenedOnionRecord[] = []
    for (const [hmac, text] of ports.book.entries(ONION_PREFIX)) {
      const { expiry, htlc } = JSON.parse(text)
      records.push({ hmac: hexToBytes(hmac), expiry, htlc })
    }
    this.guard = new ReplayGuard(records)
    this.sets = new HtlcSets(ports.clock)
  }

  /** What a channel told. */
  onEvent(channel: Channel, event: DriverEvent): void {
    if (event.kind === 'htlc-received') this.run(() => this.received(channel, event.terms))
    else if (event.kind === 'htlc-fulfilled')
      this.run(() => this.fulfilled(channel, event.terms, event.preimage))
    else if (event.kind === 'htlc-failed') this.run(() => this.gaveBack(channel, event.terms, event.removal))
  }

  /** The chain showed the preimage of an HTLC that the holder offered. */
  preimageShown(channel: Channel, { id }: CommitmentHtlc, preimage: Uint8Array): void {
    const terms = offeredIn(channel, id)
    if (terms) this.run(() => this.fulfilled(channel, terms, preimage))
  }

  /** The chain gave an HTLC back that the holder offered. */
  returned(channel: Channel, { id }: CommitmentHtlc): void {
    const terms = offeredIn(channel, id)
    if (terms) this.run(() => this.gaveBack(channel, terms, undefined))
  }

  /** The signer can be asked again. */
  resume(): void {
    for (const task of this.waiting.splice(0)) this.run(task)
  }

  /** A block came. */
  blockConnected(): void {
    const height = this.ports.height()
    this.guard.forgetExpired(height)
    for (const [hmac, text] of [...this.ports.book.entries(ONION_PREFIX)])
      if (JSON.parse(text).expiry <= height) void this.set(ONION_PREFIX + hmac, undefined)
  }

  /** A preimage that is known, of any payment. */
  preimageOf(paymentHash: Uint8Array): Uint8Array | undefined {
    const { invoices, book, channels } = this.ports
    const invoice = invoices.get(paymentHash)
    // That of an invoice that nobody has paid in full is not shown for a part.
    if (invoice?.paid) return invoice.preimage
    const stored = book.get(PREIMAGE_PREFIX + bytesToHex(paymentHash))
    if (stored !== undefined) return hexToBytes(stored)
    for (const { state } of channels())
      for (const { terms, removal } of state.htlcs)
        if (removal?.kind === 'fulfill' && equalBytes(terms.paymentHash, paymentHash)) return removal.preimage
    return undefined
  }

  /** Resolves when nothing is being dealt with. */
  async settled(): Promise<void> {
    while (this.running.size > 0) await Promise.all(this.running)
  }

  close(): void {
    this.closed = true
    this.cancelExpiry?.()
  }

  private run(task: () => Promise<void>): void {
    if (this.closed) return
    const running: Promise<void> = task()
      .catch((error: unknown) => this.ports.failed(error))
      .finally(() => this.running.delete(running))
    this.running.add(running)
  }

  private set(name: string, text: string | undefined): Promise<void> {
    return this.ports.book.set(name, text).catch((error: unknown) => this.ports.failed(error))
  }

  private async received(channel: Channel, terms: HtlcTerms): Promise<void> {
    const { signer, book } = this.ports
    const name = nameOf(channel, terms)
    const { amount, paymentHash, expiry: cltvExpiry, onion } = terms
    const htlc: IncomingHtlc = { name, amount, paymentHash, cltvExpiry, onion }
    const read = readIncoming(htlc)
    if (read.kind === 'malformed') {
      await channel.remove(terms.id, read)
      return
    }
    const secret = await signer.ecdh(read.packet.ephemeralKey)
    if (!secret.ok) {
      this.waiting.push(() => this.received(channel, terms))
      return
    }
    const incoming: Incoming = { channel, terms, name, secret: secret.value, remembered: Promise.resolve() }
    if (terms.refused)
      return this.fail(incoming, { name: 'temporary_channel_failure', channelUpdate: NO_UPDATE })
    const opened = openIncoming(htlc, read.packet, secret.value, this.guard)
    const record = ONION_PREFIX + bytesToHex(read.packet.hmac)
    if (opened.kind !== 'malformed' && book.get(record) === undefined) {
      const named = 'payload' in opened ? opened.payload.cltvExpiry : 0
      incoming.remembered = book.set(
        record,
        JSON.stringify({ expiry: Math.max(cltvExpiry, named), htlc: name }),
      )
      // A part that waits for others is not waited for.
      incoming.remembered.catch((error: unknown) => this.ports.failed(error))
    }
    switch (opened.kind) {
      case 'malformed':
        await channel.remove(terms.id, opened)
        return
      case 'fail':
        return this.fail(incoming, opened.failure)
      case 'forward':
        return this.forward(incoming, htlc, opened.payload, opened.onion)
      case 'receive':
        return this.take(incoming, htlc, opened.payload)
    }
  }

  private async forward(
    incoming: Incoming,
    htlc: IncomingHtlc,
    { amount, cltvExpiry, shortChannelId }: ForwardPayload,
    onion: Uint8Array,
  ): Promise<void> {
    const { channel, terms } = incoming
    const { keyId } = channel.state.contract
    // A node that was killed hears of it again; how it ends will be told.
    if (this.isPassedOn(keyId, terms.id)) return
    const { channelAt, policy, accepted, height } = this.ports
    const next = channelAt(shortChannelId)
    const asked = (next ? accepted(next.state.contract.keyId) : []).map((each) => ({
      ...each,
      htlcMinimum: next!.state.counterpartyLimits.htlcMinimum,
      htlcMaximum: next!.state.counterpartyLimits.maxHtlcValueInFlight,
      disabled: false,
    }))
    const limits = { soonest: 2 * policy.expiryGrace, furthest: policy.maxToSelfDelay }
    const failure = checkForward(htlc, { amount, cltvExpiry, shortChannelId }, asked, height(), limits)
    if (failure || !next) return this.fail(incoming, failure ?? { name: 'unknown_next_peer' })
    await incoming.remembered
    const offered = await next.offer({
      amount,
      paymentHash: terms.paymentHash,
      expiry: cltvExpiry,
      onion,
      origin: { kind: 'forward', keyId, htlc: terms.id },
    })
    // A channel that halted may have stored it: the next start will tell.
    if (!offered.ok && offered.code !== 'channel-halted')
      return this.fail(incoming, { name: 'temporary_channel_failure', channelUpdate: NO_UPDATE })
  }

  private isPassedOn(keyId: string, id: number): boolean {
    for (const { state } of this.ports.channels())
      for (const { terms } of [...state.htlcs, ...state.outcomes]) {
        const { origin } = terms
        if (terms.offered && origin?.kind === 'forward' && origin.keyId === keyId && origin.htlc === id)
          return true
      }
    return false
  }

  private async take(incoming: Incoming, htlc: IncomingHtlc, payload: FinalPayload): Promise<void> {
    const { invoices, height, policy } = this.ports
    const { terms, name } = incoming
    const { paymentHash } = terms
    const known = invoices.get(paymentHash)
    // It was taken before this node was killed.
    if (known?.paid?.htlcs.includes(name)) return this.fulfil([incoming], known.preimage)
    const keysend = payload.preimage
    const expected = invoices.expected(paymentHash, keysend, policy.claimMargin)
    const failure = checkReceive(htlc, payload, expected, height())
    if (failure) return this.fail(incoming, failure)
    const total = payload.paymentData?.total ?? payload.amount
    await this.settle(
      this.sets.add({ id: { ...incoming, keysend }, paymentHash, amount: payload.amount, total }),
    )
    this.scheduleExpiry()
  }

  private async settle(outcome: SetOutcome<Part>): Promise<void> {
    if (outcome.kind === 'wait') return
    if (outcome.kind === 'fail') {
      await Promise.all(outcome.ids.map((part) => this.fail(part, outcome.failure)))
      return
    }
    const { invoices } = this.ports
    const parts = outcome.ids
    const { paymentHash } = parts[0].terms
    const known = invoices.get(paymentHash)
    // Another set of parts was faster: what comes behind is not taken as well.
    if (known?.paid) {
      const failure: Failure = {
        name: 'incorrect_or_unknown_payment_details',
        htlcMsat: parts[0].terms.amount,
        height: this.ports.height(),
      }
      await Promise.all(parts.map((part) => this.fail(part, failure)))
      return
    }
    const received = msat(parts.reduce((sum: number, { terms }) => sum + terms.amount, 0))
    const names = parts.map(({ name }) => name)
    const { preimage } = await invoices.take(paymentHash, names, received, parts[0].keysend)
    await this.fulfil(parts, preimage)
  }

  private async fulfil(parts: readonly Incoming[], preimage: Uint8Array): Promise<void> {
    // The invoice, which says that it is paid, was written with the onion or after it.
    await Promise.all(
      parts.map(async ({ channel, terms, remembered }) => {
        await remembered
        return channel.remove(terms.id, { kind: 'fulfill', preimage })
      }),
    )
    this.ports.preimageLearnt()
  }

  private async fail({ channel, terms, secret, remembered }: Incoming, failure: Failure): Promise<void> {
    await remembered
    const packet = createError(secret, encodeFailure(failure), NO_HOLD_TIME)
    await channel.remove(terms.id, { kind: 'fail', ...packet })
  }

  private scheduleExpiry(): void {
    this.cancelExpiry?.()
    const next = this.sets.nextExpiry
    if (next === undefined || this.closed) return
    const { clock } = this.ports
    this.cancelExpiry = clock.after(Math.max(0, next - clock.now()), () => {
      for (const outcome of this.sets.expire()) this.run(() => this.settle(outcome))
      this.scheduleExpiry()
    })
  }

  private async fulfilled(channel: Channel, terms: HtlcTerms, preimage: Uint8Array): Promise<void> {
    const { origin } = terms
    if (!equalBytes(sha256(preimage), terms.paymentHash)) return
    if (origin?.kind === 'payment') await this.ports.payments.fulfilled(origin.id, preimage)
    else if (origin && !(await this.fulfilUpstream(origin.keyId, origin.htlc, terms.paymentHash, preimage)))
      return
    await channel.acknowledge([terms.id])
  }

  /** False where the channel upstream stands still: it will be told again. */
  private async fulfilUpstream(
    keyId: string,
    id: number,
    paymentHash: Uint8Array,
    preimage: Uint8Array,
  ): Promise<boolean> {
    const upstream = this.ports.channelOf(keyId)
    const removed = await upstream?.remove(id, { kind: 'fulfill', preimage })
    if (!removed || removed.ok) {
      this.ports.preimageLearnt()
      return true
    }
    if (removed.code === 'channel-halted') return false
    // Of a channel that is settled on the chain its monitor needs it, as long as there is one.
    await this.ports.book.set(PREIMAGE_PREFIX + bytesToHex(paymentHash), bytesToHex(preimage))
    this.ports.preimageLearnt()
    return true
  }

  /** An HTLC that the holder offered is gone for good without its preimage. `removal`: undefined where the chain gave it back. */
  private async gaveBack(channel: Channel, terms: HtlcTerms, removal: Removal | undefined): Promise<void> {
    const { origin } = terms
    if (origin?.kind === 'payment') await this.ports.payments.failed(origin.id, removal)
    else if (origin) {
      const upstream = this.ports.channelOf(origin.keyId)
      const came = upstream?.state.htlcs.find((htlc) => !htlc.terms.offered && htlc.terms.id === origin.htlc)
      const read = came && !came.removal ? readOnion(came.terms.onion) : undefined
      if (upstream && came && read?.ok) {
        const secret = await this.ports.signer.ecdh(read.value.ephemeralKey)
        if (!secret.ok) {
          this.waiting.push(() => this.gaveBack(channel, terms, removal))
          return
        }
        // Of what the chain gave back the signer has this node's word alone. Where that is not enough, the one upstream expires by itself.
        const returned = removal
          ? OK
          : await this.ports.signer.htlcReturned(channel.state.contract.keyId, terms.id)
        if (!returned.ok) {
          if (returned.code !== 'payment-not-approved')
            this.waiting.push(() => this.gaveBack(channel, terms, removal))
          return
        }
        const packet = packetFor(secret.value, removal)
        const removed = await upstream.remove(origin.htlc, { kind: 'fail', ...packet })
        if (!removed.ok && removed.code === 'channel-halted') return
      }
    }
    await channel.acknowledge([terms.id])
  }
}

/** What the hop before hears. */
function packetFor(secret: Uint8Array, removal: Removal | undefined): ErrorPacket {
  if (removal?.kind === 'fail') return wrapError(secret, removal, NO_HOLD_TIME)
  const told =
    (removal?.kind === 'malformed' && malformedFailure(removal.failureCode, removal.onionHash)) ||
    encodeFailure({ name: 'permanent_channel_failure' })
  return createError(secret, told, NO_HOLD_TIME)
}

function nameOf({ state }: Channel, { id }: HtlcTerms): string {
  return `${state.contract.keyId}/${id}`
}

function offeredIn({ state }: Channel, id: number): HtlcTerms | undefined {
  return [...state.htlcs, ...state.outcomes].find(({ terms }) => terms.offered && terms.id === id)?.terms
}
