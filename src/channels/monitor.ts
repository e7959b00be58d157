/**
 * Stands on the chain for all channels of a node: sees what spends them, takes every output that is the holder's as soon as it can be taken,
 * punishes who published a revoked commitment, and pays more the nearer a deadline comes. Follows the chain as a `ChainConsumer`; does nothing
 * by itself, and keeps nothing: what it does at a block follows from the chain and from what the channels remember, so that after a restart or a
 * reorganisation it is only asked again. What it tells may be told again. Thread: the brain.
 */
import type { BlockPlace, ChainConsumer } from '../chain/follower.ts'
import type { Block } from '../primitives/block.ts'
import { bytesToHex } from '../primitives/bytes.ts'
import type { Txid } from '../primitives/hashes.ts'
import { outpointKey, type Transaction } from '../primitives/transaction.ts'
import { ChainWatch } from './chain-watch.ts'
import { commitmentTransaction, fundingOutpoint } from './commitment-transaction.ts'
import type { ChainView } from './machine.ts'
import type { ChannelSigner, Commitment, CommitmentHtlc } from './ports.ts'
import {
  type ClosableChannel,
  type Close,
  identifyClose,
  preimageIn,
  type Resolution,
  resolutionsOf,
} from './resolution.ts'
import { fundingKey, fundingScript } from './scripts.ts'
import {
  type ChannelSpend,
  type FeeCoin,
  feeFor,
  holderSpends,
  type PreimageOf,
  type SpendPlan,
  spendRequest,
  spendTransaction,
  spendWitness,
  withWitnesses,
} from './spends.ts'
import type { Removal } from './updates.ts'

/** Blocks after which what settled an HTLC counts as settled, so that the one who passed it on can be told. */
export const SETTLED_DEPTH = 6
/** Blocks after which nothing of a closed channel is looked for any more (BOLT 5, General Nomenclature). */
export const IRREVOCABLE_DEPTH = 100

/** Blocks that what has no deadline waits before it pays more. */
const PATIENCE = 6
/** What a transaction pays more than the one that it replaces, at least: a quarter covers what the mempool asks of a replacement. */
const BUMP = 1.25
/** Blocks within which a transaction without a deadline should be in one. */
const NO_HURRY = 36
/** Weight of a fee coin's input with its signature, and of an output. */
const COIN_WEIGHT = 230

/** Port: the wallet's coins that pay for what has no fee of its own, and what fees are asked for at the moment. */
export interface FeeSource {
  /** Satoshis for 1,000 weight units that bring a transaction into one of the next `blocks` blocks. */
  feerate(blocks: number): number
  /**
   * Confirmed coins of at least `amount` satoshis together, set aside for `purpose`: the same ones each time, as long as they are enough.
   * Undefined where there are none.
   */
  coins(purpose: string, amount: number): Promise<readonly FeeCoin[] | undefined>
  /** The witnesses of the coins' inputs, which are the last of the transaction's. `spent`: what all its inputs spend. Undefined where nobody signs now. */
  sign(
    transaction: Transaction,
    coins: readonly FeeCoin[],
    spent: readonly FeeCoin['output'][],
  ): Promise<readonly (readonly Uint8Array[])[] | undefined>
  /** The coins of a purpose are free again. */
  release(purpose: string): void
}

/** A channel as it is watched. */
export interface MonitoredChannel extends ClosableChannel {
  /** Pending in any commitment that could be published. `removal`: as its receiver said, or is to. */
  readonly htlcs: readonly { readonly terms: CommitmentHtlc; readonly removal?: Pick<Removal, 'kind'> }[]
}

export interface MonitorPorts {
  readonly signer: ChannelSigner
  readonly fees: FeeSource
  /** Newest state of a channel that is watched; undefined where it is gone. */
  channel(keyId: string): MonitoredChannel | undefined
  /** A commitment that the counterparty revoked, as the store has it. */
  revoked(keyId: string, number: number): Promise<Commitment | undefined>
  /** Preimages that are known, of any payment. */
  readonly preimageOf: PreimageOf
  /** Offers transactions to the mempool, parents first. They may have been offered before. */
  publish(transactions: readonly Transaction[]): void
  onEvent(keyId: string, event: MonitorEvent): void
}

/** What the chain has shown. Each may be told again after a restart or a reorganisation. */
export type MonitorEvent =
  /** The funding output was spent. */
  | { readonly kind: 'closed'; readonly by: Close['kind']; readonly txid: Txid; readonly height: number }
  /** The preimage of an HTLC that the holder offered: it is to be claimed upstream. */
  | { readonly kind: 'preimage'; readonly htlc: CommitmentHtlc; readonly preimage: Uint8Array }
  /** An HTLC that the holder offered came back for good: upstream it is to be failed. */
  | { readonly kind: 'htlc-returned'; readonly htlc: CommitmentHtlc }
  /** Nothing of the channel is left to do, for good. */
  | { readonly kind: 'resolved' }
  /** For people: what needs them. */
  | { readonly kind: 'warned'; readonly text: string }

/** One line for people on what a closed channel waits for. */
export interface Outlook {
  readonly text: string
  /** Satoshis. */
  readonly amount: number
  /** Blocks that it takes at least; 0 where it is under way or done. */
  readonly blocks: number
  /** Settled in a block. */
  readonly isDone: boolean
}

/** A transaction of ours that waits for a block. */
interface Attempt {
  readonly transaction: Transaction
  /** What it spends, sorted. */
  readonly outpoints: readonly string[]
  readonly feerate: number
  /** Height of the tip when it was made. */
  readonly since: number
}

interface WatchedChannel {
  readonly keyId: string
  readonly watch: ChainWatch
  /** By what they are for. */
  readonly attempts: Map<string, Attempt>
  /** What was told, so that it is not told at every block. */
  readonly told: Set<string>
  /** The holder's commitment that is to be in a block. */
  publishing: { readonly transaction: Transaction; readonly commitment: Commitment } | undefined
  closeTxid: Txid | undefined
  close: Close | undefined
  resolutions: readonly Resolution[]
}

export class ChannelMonitor implements ChainConsumer {
  tip: BlockPlace
  readonly hasBacklog = false
  private readonly ports: MonitorPorts
  private readonly watched = new Map<string, WatchedChannel>()
  /** Preimages that the chain showed, by payment hash in hex. */
  private readonly shown = new Map<string, Uint8Array>()
  private acting: Promise<void> = Promise.resolve()
  private failure: Error | undefined

  /** `tip`: a block of the chain before the funding of every channel that will be watched. */
  constructor(ports: MonitorPorts, tip: BlockPlace) {
    this.ports = ports
    this.tip = tip
  }

  /** Watches a channel, whose funding transaction is in no block up to `tip`. */
  watch(keyId: string): void {
    const channel = this.ports.channel(keyId)
    if (!channel || this.watched.has(keyId)) return
    const { contract } = channel
    const key = fundingKey(contract.holder.basepoints.funding, contract.counterparty.basepoints.funding)
    if (!key.ok) throw new Error(key.detail)
    this.watched.set(keyId, {
      keyId,
      watch: new ChainWatch(fundingOutpoint(contract), fundingScript(key.value)),
      attempts: new Map(),
      told: new Set(),
      publishing: undefined,
      closeTxid: undefined,
      close: undefined,
      resolutions: [],
    })
  }

  unwatch(keyId: string): void {
    const watched = this.watched.get(keyId)
    for (const purpose of watched?.attempts.keys() ?? []) this.ports.fees.release(`${keyId}/${purpose}`)
    this.watched.delete(keyId)
  }

  /** Brings the holder's commitment into a block, whole as it is, and pays for it as is needed. */
  publishCommitment(keyId: string, transaction: Transaction, commitment: Commitment): void {
    const watched = this.watched.get(keyId)
    if (!watched) return
    watched.publishing = { transaction, commitment }
    this.act()
  }

  /** What the chain says of a channel, for its state machine. */
  viewOf(keyId: string): ChainView {
    const watch = this.watched.get(keyId)?.watch
    const close = watch?.close
    return {
      height: this.tip.height,
      fundingHeight: watch?.fundingHeight,
      spent: close && { txid: close.transaction.txid, height: close.height },
    }
  }

  /** A transaction waits for a block: whoever claims an HTLC by it shows its preimage already. */
  sighted(transaction: Transaction): void {
    for (const each of this.watched.values())
      if (each.watch.concerns(transaction)) this.learn(each, transaction)
  }

  connectBlock(block: Block, height: number): void {
    this.tip = { hash: block.hash, height }
    for (const { watch } of this.watched.values()) watch.connectBlock(block, height)
  }

  passBlock(place: BlockPlace): void {
    this.tip = place
  }

  disconnectTo(place: BlockPlace): void {
    this.tip = place
    for (const each of this.watched.values()) if (each.watch.disconnectTo(place.height)) each.told.clear()
  }

  scripts(): readonly Uint8Array[] {
    return [...this.watched.values()].flatMap(({ watch }) => watch.scripts())
  }

  advanced(): void {}

  arrived(): void {
    this.act()
  }

  async readBacklog(): Promise<boolean> {
    return true
  }

  failed(error: Error): void {
    for (const { keyId } of this.watched.values())
      this.ports.onEvent(keyId, {
        kind: 'warned',
        text: `The chain could not be read, so nobody looks after this channel. Reload the tab. ${error.message}`,
      })
  }

  /** Does what is due by what is known now: at every block, and when a preimage or the signer has come. */
  act(): void {
    this.acting = this.acting.then(async () => {
      for (const each of [...this.watched.values()]) await this.actFor(each)
    })
    this.acting.catch((error: Error) => {
      this.failure = error
    })
  }

  /** Resolves when all is done that was due. Throws the fault of this program, or of its store, that stopped it. */
  async settled(): Promise<void> {
    for (;;) {
      const { acting } = this
      await acting
      if (acting === this.acting) break
    }
    if (this.failure) throw this.failure
  }

  /** What a channel that was closed waits for, in words. */
  outlook(keyId: string): Outlook[] {
    const watched = this.watched.get(keyId)
    if (!watched) return []
    const { resolutions, publishing, close } = watched
    if (!close && publishing)
      return [{ text: 'Your closing of the channel waits for a block.', amount: 0, blocks: 1, isDone: false }]
    // An anchor that nobody needed is left where it is.
    const own = resolutions.filter(({ kind }) => kind !== 'anchor')
    return own.map((each) => ({
      text: wordsOf(each, this.tip.height),
      amount: each.amount,
      blocks: each.state === 'waiting' ? Math.max(0, each.height - this.tip.height) : 0,
      isDone: each.state === 'ours' || each.state === 'theirs',
    }))
  }

  private async actFor(watched: WatchedChannel): Promise<void> {
    const channel = this.ports.channel(watched.keyId)
    if (!channel) return
    const { watch } = watched
    const closed = watch.close
    if (!closed) {
      watched.close = undefined
      watched.closeTxid = undefined
      watched.resolutions = []
      await this.pushCommitment(watched, channel)
      return
    }
    const { txid } = closed.transaction
    if (watched.closeTxid !== txid || !watched.close) {
      const revoked = (number: number) => this.ports.revoked(watched.keyId, number)
      watched.close = await identifyClose(channel, closed.transaction, revoked)
      watched.closeTxid = txid
    }
    const { close } = watched
    this.tellOnce(watched, `closed ${txid}`, {
      kind: 'closed',
      by: close.kind,
      txid,
      height: closed.height,
    })
    const trouble = troubleWith(close)
    if (trouble) this.tellOnce(watched, `trouble ${txid}`, { kind: 'warned', text: trouble })
    const preimageOf: PreimageOf = (hash) => this.shown.get(bytesToHex(hash)) ?? this.ports.preimageOf(hash)
    const resolve = () => resolutionsOf(channel.contract, close, closed, watch, this.tip.height, preimageOf)
    watched.resolutions = resolve()
    for (const { taken } of watched.resolutions) if (taken) this.learn(watched, taken.transaction)
    watched.resolutions = resolve()
    await this.claim(watched, channel)
    this.tellOutcomes(watched, channel, close, closed.height)
  }

  /** Takes what can be taken. */
  private async claim(watched: WatchedChannel, channel: MonitoredChannel): Promise<void> {
    const groups = new Map<string, Resolution[]>()
    for (const each of watched.resolutions) {
      if (each.state !== 'claimable' || each.kind === 'anchor') continue
      const purpose = purposeOf(each)
      groups.set(purpose, [...(groups.get(purpose) ?? []), each])
    }
    for (const purpose of [...watched.attempts.keys()])
      if (!groups.has(purpose)) {
        watched.attempts.delete(purpose)
        this.ports.fees.release(`${watched.keyId}/${purpose}`)
      }
    for (const [purpose, group] of groups) {
      const deadline = Math.min(...group.map((each) => each.deadline ?? Number.POSITIVE_INFINITY))
      const blocks = Math.max(1, Math.min(NO_HURRY, Math.ceil((deadline - this.tip.height) / 2)))
      const feerate = this.ports.fees.feerate(blocks)
      // What costs more than it brings waits for a cheaper hour; the witness of an input has at most some 250 bytes.
      const spends = group
        .filter(({ amount, spend }) => spend!.paired || amount > feeFor(feerate, COIN_WEIGHT))
        .map(({ spend }) => spend!)
      if (spends.length > 0) await this.attempt(watched, channel, purpose, spends, feerate, blocks < PATIENCE)
    }
  }

  /** Publishes the transaction for a purpose, made anew where what it spends has changed, or where it has waited too long. */
  private async attempt(
    watched: WatchedChannel,
    channel: MonitoredChannel,
    purpose: string,
    spends: readonly ChannelSpend[],
    feerate: number,
    isUrgent: boolean,
    parent?: SpendPlan['parent'],
  ): Promise<void> {
    const outpoints = spends.map(({ outpoint }) => outpointKey(outpoint)).sort()
    const last = watched.attempts.get(purpose)
    // One that shares nothing with it is in a block, or void: nothing has to be paid beyond it.
    const former = last?.outpoints.some((outpoint) => outpoints.includes(outpoint)) ? last : undefined
    const waited = former ? this.tip.height - former.since : 0
    const isSame = former?.outpoints.join() === outpoints.join()
    if (former && isSame && waited < (isUrgent ? 1 : PATIENCE) && feerate <= former.feerate * BUMP) {
      this.ports.publish([former.transaction])
      return
    }
    const asked = former ? Math.max(feerate, Math.ceil(former.feerate * BUMP)) : feerate
    const transaction = await this.build(watched, channel, purpose, spends, asked, parent)
    if (transaction) {
      watched.attempts.set(purpose, { transaction, outpoints, feerate: asked, since: this.tip.height })
      this.ports.publish([transaction])
    } else if (former && isSame) this.ports.publish([former.transaction])
  }

  private async build(
    watched: WatchedChannel,
    channel: MonitoredChannel,
    purpose: string,
    spends: readonly ChannelSpend[],
    feerate: number,
    parent: SpendPlan['parent'],
  ): Promise<Transaction | undefined> {
    const { signer, fees } = this.ports
    const { contract } = channel
    const poor = spends.some(({ paired }) => paired) || spends.every(({ kind }) => kind === 'anchor')
    const needed = poor
      ? feeFor(feerate, spends.length * 800 + 2 * COIN_WEIGHT + (parent?.weight ?? 0)) + 1_000
      : 0
    const coins = poor ? await fees.coins(`${watched.keyId}/${purpose}`, needed) : []
    if (!coins) {
      this.tellOnce(watched, `coins ${purpose}`, {
        kind: 'warned',
        text: `A closing of this channel needs about ${needed} satoshis of the wallet to pay its fee, in a confirmed coin. Receive some, so that it is not too late.`,
      })
      return undefined
    }
    const planned = spendTransaction({
      spends,
      coins,
      destination: contract.payout.script,
      feerate,
      ...(parent && { parent }),
    })
    if (!planned.ok) return undefined
    const { transaction } = planned.value
    const others = coins.map(({ output }) => output)
    const witnesses: (readonly Uint8Array[])[] = []
    for (const [index, spend] of spends.entries()) {
      const request = spendRequest(contract, transaction, spends, index, others)
      const signature = request && (await signer.signSpend(request))
      if (signature && !signature.ok) {
        this.tellOnce(watched, `signer ${signature.code}`, { kind: 'warned', text: signature.detail })
        return undefined
      }
      witnesses.push(spendWitness(spend, signature?.value))
    }
    if (coins.length > 0) {
      const spent = [...spends.map(({ output }) => output), ...others]
      const signed = await fees.sign(transaction, coins, spent)
      if (!signed) return undefined
      witnesses.push(...signed)
    }
    return withWitnesses(transaction, witnesses)
  }

  /** Offers the holder's commitment again and again, with a child that pays where it pays too little by itself. */
  private async pushCommitment(watched: WatchedChannel, channel: MonitoredChannel): Promise<void> {
    const { publishing } = watched
    if (!publishing) return
    const { transaction, commitment } = publishing
    this.ports.publish([transaction])
    const { contract } = channel
    const built = commitmentTransaction(contract, commitment)
    if (!built.ok) throw new Error(built.detail)
    // An HTLC about to expire is a deadline for the commitment, too.
    const expiry = Math.min(...commitment.htlcs.map((htlc) => htlc.expiry))
    const blocks = Math.max(1, Math.min(NO_HURRY, Math.ceil((expiry - this.tip.height) / 2)))
    const feerate = this.ports.fees.feerate(blocks)
    const parent = { weight: transaction.weight, fee: built.value.fee }
    if (feeFor(feerate, parent.weight) <= parent.fee) return
    const anchor = holderSpends(contract, commitment, built.value, [], [], () => undefined).filter(
      ({ kind }) => kind === 'anchor',
    )
    if (anchor.length > 0)
      await this.attempt(watched, channel, 'anchor', anchor, feerate, blocks < PATIENCE, parent)
  }

  /** Tells the preimages that a transaction shows of HTLCs that the holder offered. */
  private learn(watched: WatchedChannel, transaction: Transaction): void {
    const channel = this.ports.channel(watched.keyId)
    const { close } = watched
    const committed = close && 'commitment' in close ? close.commitment.htlcs : []
    const pending = channel?.htlcs.map(({ terms }) => terms) ?? []
    for (const htlc of [...committed, ...pending]) {
      const preimage = htlc.offered ? preimageIn(transaction, htlc.paymentHash) : undefined
      if (!preimage) continue
      this.shown.set(bytesToHex(htlc.paymentHash), preimage)
      this.tellOnce(watched, `preimage ${htlc.id}`, { kind: 'preimage', htlc, preimage })
    }
  }

  /** Tells which of the HTLCs that the holder offered came back, and when nothing is left. */
  private tellOutcomes(
    watched: WatchedChannel,
    channel: MonitoredChannel,
    close: Close,
    height: number,
  ): void {
    const depthOf = (at: number) => this.tip.height - at + 1
    const { resolutions } = watched
    for (const { terms: htlc, removal } of channel.htlcs) {
      if (!htlc.offered || this.shown.has(bytesToHex(htlc.paymentHash))) continue
      // Its preimage was told before the close: it is paid upstream, whoever takes this output.
      if (removal?.kind === 'fulfill') continue
      const output = resolutions.find((each) => each.htlc?.offered && each.htlc.id === htlc.id)
      // It has no output: it was dust, or not yet in this commitment, or no more. Who closed by another one got nothing for it.
      const settled = output ? (output.state === 'ours' ? output.height : undefined) : height
      if (close.kind !== 'future' && settled !== undefined && depthOf(settled) >= SETTLED_DEPTH)
        this.tellOnce(watched, `returned ${htlc.id}`, { kind: 'htlc-returned', htlc })
    }
    const taken = resolutions.filter(({ state, kind, amount, spend }) => {
      if (kind === 'anchor' || state === 'ours' || state === 'theirs') return false
      // Not worth its fee, also at the least that is relayed.
      return !(spend && !spend.paired && amount <= feeFor(253, COIN_WEIGHT))
    })
    const last = resolutions.reduce((latest, { taken }) => Math.max(latest, taken?.height ?? 0), height)
    if (taken.length === 0 && depthOf(last) >= IRREVOCABLE_DEPTH)
      this.tellOnce(watched, 'resolved', { kind: 'resolved' })
  }

  private tellOnce(watched: WatchedChannel, name: string, event: MonitorEvent): void {
    if (watched.told.has(name)) return
    watched.told.add(name)
    this.ports.onEvent(watched.keyId, event)
  }
}

/** What shares a transaction: nothing that the other side could make void by taking a part of it goes with what it can't touch. */
function purposeOf({ kind, spend, outpoint }: Resolution): string {
  switch (kind) {
    case 'to-local':
    case 'to-remote':
    case 'second-level':
      return 'sweep'
    case 'revoked-to-local':
    case 'revoked-second-level':
      return 'penalty'
    case 'revoked-htlc':
      return `penalty ${outpointKey(outpoint)}`
    case 'htlc-timeout-transaction':
      return `timeouts ${spend!.lockTime}`
    case 'htlc-timeout':
      return 'timeouts'
    default:
      return 'preimages'
  }
}

/** What a person should know of a close. */
function troubleWith(close: Close): string | undefined {
  switch (close.kind) {
    case 'revoked':
      return 'The other side published a state that was given up. All of the channel is taken from it now.'
    case 'future':
      return 'The other side closed by a state that this copy of the channel does not know: the copy is an old one. Your share by that state is taken; HTLCs under way may be lost.'
    case 'unknown':
      return 'The channel was closed by a transaction that nobody here agreed to. Its money may be lost: the keys may have leaked.'
    default:
      return undefined
  }
}

/** A resolution in words and blocks. */
function wordsOf({ kind, state, height, amount, htlc }: Resolution, tip: number): string {
  const blocks = Math.max(0, height - tip)
  const wait = blocks === 1 ? 'in 1 block' : `in ${blocks} blocks`
  const what = htlc
    ? htlc.offered
      ? `A payment of yours of ${amount} sat under way`
      : `A payment to you of ${amount} sat under way`
    : `${amount} sat`
  if (state === 'ours') return `${what}: yours since block ${height}.`
  if (state === 'theirs') return `${what}: the other side’s since block ${height}.`
  if (kind === 'htlc-unclaimable')
    return `${what}: its secret did not come. It goes back from block ${height + 1} on.`
  if (kind.startsWith('revoked')) return `${what}: being taken from the other side, which cheated.`
  if (state === 'claimable') return `${what}: yours, in a transaction that waits for a block.`
  return htlc ? `${what}: settled ${wait}, unless its secret comes before.` : `${what}: yours again ${wait}.`
}
