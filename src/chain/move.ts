/**
 * A move of the tip in preparation: blocks disconnected and connected on an overlay above the committed coins, with their input
 * checks running meanwhile. Dropped, or committed whole once every check has passed. Thread: the brain.
 */
import type { BlockContext } from '../consensus/block-context.ts'
import { CoinsOverlay, type CoinTable, type NetCoinChanges } from '../consensus/coin-table.ts'
import { connectBlock, disconnectBlock } from '../consensus/connect-block.ts'
import type { Block } from '../primitives/block.ts'
import { hashKey } from '../primitives/hash-key.ts'
import { invalid, type Rejection } from '../primitives/result.ts'
import type { Outpoint, Transaction } from '../primitives/transaction.ts'
import type { CheckOutcome, CheckPool, TransactionCheck } from '../script/input-check.ts'
import { outputKeyOf } from '../script/taproot.ts'
import type { PlacedBlock } from './block-archive.ts'
import { Mentions } from './block-mentions.ts'
import type { CoinsCache } from './coins-cache.ts'
import type { HeaderIndex } from './header-tree.ts'
import { type BlockRecord, StorageError } from './store.ts'

/** A block of the move that breaks a rule. */
export interface BadBlock {
  readonly index: HeaderIndex
  readonly rejection: Rejection
}

/** Bytes of blocks connected before the first of their checks must have ended: what one bad block can waste. */
const MAX_TRUSTED_BYTES = 8 * 1024 * 1024
/** Bytes of blocks whose checks run while the next ones are connected: work for a dozen threads. */
const MAX_UNCHECKED_BYTES = 2 * 1024 * 1024

export class Move {
  /** The former tip first. */
  readonly disconnected: Block[] = []
  /** Lowest first. */
  readonly connected: PlacedBlock[] = []
  /** Undo data of the blocks connected. */
  readonly undo: BlockRecord[] = []
  /** What the blocks connected mention. */
  readonly mentions: BlockRecord[] = []
  /** Filter header of the last block connected; before the first, of the block where it begins to connect. */
  filterHeader: Uint8Array
  private readonly coins: CoinsCache
  private readonly pool: CheckPool
  /** The committed coins that the move touches, and no others; and what becomes of them. From the first load on. */
  private staged: { readonly base: CoinTable; readonly overlay: CoinsOverlay } | undefined
  private readonly checks: { readonly index: HeaderIndex; readonly outcome: Promise<CheckOutcome> }[] = []
  /** Bytes of blocks whose checks run. */
  private unchecked = 0
  /** Whether some check failed, or the pool did. */
  private failing = false
  private bytes = 0

  /** `filterHeader`: of the last block that former and new chain share. */
  constructor(coins: CoinsCache, pool: CheckPool, filterHeader: Uint8Array) {
    this.coins = coins
    this.pool = pool
    this.filterHeader = filterHeader
  }

  /** Takes blocks away, the tip first. Throws a `StorageError` when block, undo and coins don't belong together. */
  async disconnect(
    blocks: readonly (PlacedBlock & { readonly undo: Uint8Array; readonly height: number })[],
  ): Promise<void> {
    const made = blocks.flatMap(({ block }) => block.transactions.flatMap(outpointsOf))
    const { overlay } = await this.load(made)
    for (const { block, undo, height } of blocks) {
      try {
        disconnectBlock(block, undo, overlay, height)
      } catch (cause) {
        throw new StorageError('corrupt', `Block ${block.hash} can't be disconnected.`, { cause })
      }
      this.disconnected.push(block)
    }
  }

  /**
   * Adds blocks, lowest first, and starts their checks, `isVerified` left out. Returns the first that is bad, as far as is known
   * without those checks.
   */
  async connect(
    blocks: readonly (PlacedBlock & {
      readonly context: BlockContext
      readonly isVerified: (tx: Transaction) => boolean
    })[],
  ): Promise<BadBlock | undefined> {
    const prevouts: Outpoint[] = []
    /** Where the prevouts of each block end. */
    const ends: number[] = []
    for (const { block } of blocks) {
      for (let i = 1; i < block.transactions.length; i++)
        for (const { prevout } of block.transactions[i].inputs) prevouts.push(prevout)
      ends.push(prevouts.length)
    }
    let places: Map<string, number> | undefined
    // Not what a later block claims to make: a bad one could repeat a transaction of old, whose coin a good one before it spends.
    const isOwn = (i: number): boolean => {
      places ??= this.placesOf(blocks)
      const madeIn = places.get(hashKey(prevouts[i].txid))
      return madeIn !== undefined && madeIn <= ends.findIndex((end) => i < end)
    }
    const { overlay } = await this.load(prevouts, isOwn)
    for (const { index, block, context, isVerified } of blocks) {
      const outcomes: Promise<CheckOutcome>[] = []
      const startChecks = (checks: readonly TransactionCheck[]): void => {
        outcomes.push(this.pool.verify(checks))
      }
      const result = connectBlock(block, overlay, context, startChecks, isVerified)
      // Watched even where nobody waits for it: the block may be bad without it, or the move be dropped.
      const outcome = firstFailure(outcomes)
      outcome.catch(() => undefined)
      if (!result.ok) return (await this.verdict()) ?? { index, rejection: result }
      if (outcomes.length > 0) this.watch({ index, block }, outcome)
      this.connected.push({ index, block })
      this.bytes += block.bytes.length
      const { undo } = result.value
      this.undo.push({ index, bytes: undo })
      const mentions = Mentions.of(block, undo, this.filterHeader)
      this.mentions.push({ index, bytes: mentions.encode() })
      this.filterHeader = mentions.filterHeader
    }
    return undefined
  }

  /** Whether checks run for whose end more blocks may be connected, on trust. */
  get isWaiting(): boolean {
    return this.unchecked > 0 && !this.failing && this.bytes < MAX_TRUSTED_BYTES
  }

  /** Waits until so many checks of the blocks connected so far have ended that more may run; the first bad block, if one failed. */
  room(): Promise<BadBlock | undefined> {
    return this.ended(MAX_UNCHECKED_BYTES)
  }

  /** Waits for the checks of all blocks connected so far; the first bad block. Each check counts in one verdict. */
  verdict(): Promise<BadBlock | undefined> {
    return this.ended(0)
  }

  private async ended(unchecked: number): Promise<BadBlock | undefined> {
    while (this.failing || this.unchecked > unchecked) {
      const first = this.checks.shift()
      if (!first) return undefined
      const result = await first.outcome
      if (result.ok) continue
      const detail = `Input ${result.input} of a transaction fails with ${result.code}: ${result.detail}`
      return { index: first.index, rejection: invalid('block-script-verify-flag-failed', detail) }
    }
    return undefined
  }

  /** The net change of the coins. Of a move of at least one block. */
  changes(): NetCoinChanges {
    if (!this.staged) throw new Error('A move of no blocks changes nothing')
    return this.staged.overlay.changes()
  }

  /** Counts a block as unchecked until the outcome of its checks is known. */
  private watch({ index, block }: PlacedBlock, outcome: Promise<CheckOutcome>): void {
    const { length } = block.bytes
    this.unchecked += length
    this.checks.push({ index, outcome })
    outcome
      .then(({ ok }) => ok)
      .catch(() => false)
      .then((ok) => {
        this.unchecked -= length
        if (!ok) this.failing = true
      })
  }

  /** By `hashKey` of a txid, in which of `blocks` it stands first; −1 for those of the blocks connected before. */
  private placesOf(blocks: readonly PlacedBlock[]): Map<string, number> {
    const places = new Map<string, number>()
    const enter = ({ block }: PlacedBlock, place: number): void => {
      for (const { txidBytes } of block.transactions) {
        const key = hashKey(txidBytes)
        if (!places.has(key)) places.set(key, place)
      }
    }
    for (const connected of this.connected) enter(connected, -1)
    blocks.forEach(enter)
    return places
  }

  private async load(prevouts: readonly Outpoint[], except?: (position: number) => boolean) {
    const base = await this.coins.load(prevouts, except)
    if (this.staged) this.staged.base.addMissing(base)
    else {
      // About as many coins are made as spent.
      const overlay = new CoinsOverlay(base, this.coins.salt, prevouts.length * 2)
      this.staged = { base, overlay }
    }
    return this.staged
  }
}

/** The first failure in the order of the list. */
async function firstFailure(outcomes: readonly Promise<CheckOutcome>[]): Promise<CheckOutcome> {
  const all = await Promise.all(outcomes)
  return all.find(({ ok }) => !ok) ?? { ok: true }
}

/** The outpoints at which a transaction makes coins. */
function outpointsOf(tx: Transaction): Outpoint[] {
  return tx.outputs.flatMap(({ scriptPubKey }, index) =>
    outputKeyOf(scriptPubKey) ? [{ txid: tx.txidBytes, index }] : [],
  )
}
