/**
 * A watchtower on the chain: sees the transactions that its book waits for, publishes the penalties, and goes on until all that they spend is spent deep
 * in the chain. What it does follows from the chain and the book alone: after a restart or a reorganisation it is only to read again from
 * `restartHeight`. Thread: the brain.
 */
import type { BlockPlace, ChainConsumer } from '../chain/follower.ts'
import type { Block } from '../primitives/block.ts'
import { bytesToHex, equalBytes } from '../primitives/bytes.ts'
import type { Txid } from '../primitives/hashes.ts'
import type { Transaction } from '../primitives/transaction.ts'
import { locatorOfTxid } from './appointments.ts'
import { IRREVOCABLE_DEPTH } from './monitor.ts'
import type { Tower } from './tower.ts'

/** Blocks that a penalty waits before one of the same outputs that pays more takes its place. */
const PATIENCE = 6
/** Blocks whose transactions are remembered, for appointments that come a little late: a client is awake while it hands them over. */
const RECENT_BLOCKS = 12

export interface TowerWatchPorts {
  readonly tower: Pick<Tower, 'waitsFor' | 'penaltiesFor' | 'isEmpty'>
  /** Blocks after which nothing of a theft is looked for any more: the longest delay, and what buries its end. */
  readonly maxAge: number
  /** Offers a transaction to the mempool, and tells the network. `void`: it breaks a rule, so that it is never valid. */
  submit(transaction: Transaction): Promise<'taken' | 'refused' | 'void'>
  /** The chain could not be read, or the book. */
  failed(error: unknown): void
}

/** What a tower knows of a theft. */
export interface Theft {
  readonly txid: Txid
  /** Undefined while it waits for a block. */
  readonly height: number | undefined
  /** Of different outputs. */
  readonly penalties: number
  /** How many of them are in a block, or void since somebody else was faster. */
  readonly settled: number
}

interface Seen {
  readonly transaction: Transaction
  height: number | undefined
  /** Height of the tip when it was first seen. */
  readonly since: number
  /** By what they spend; undefined until they were read. */
  groups: readonly Transaction[][] | undefined
  /** Its outputs that are spent, by their index: where. */
  readonly spent: Map<number, number>
}

export class TowerWatch implements ChainConsumer {
  tip: BlockPlace
  readonly hasBacklog = false
  private readonly ports: TowerWatchPorts
  /** By txid, internal order, in hex. */
  private readonly seen = new Map<string, Seen>()
  /** Of the last blocks, by locator. */
  private recent: { readonly height: number; readonly transactions: ReadonlyMap<string, Transaction> }[] = []
  private acting: Promise<void> = Promise.resolve()

  constructor(ports: TowerWatchPorts, tip: BlockPlace) {
    this.ports = ports
    this.tip = tip
  }

  /** The last block that needs not be read again after a restart. */
  get restartHeight(): number {
    const firsts = [...this.seen.values()].map(({ height, since }) => (height ?? since) - 1)
    return Math.max(0, Math.min(this.tip.height, ...firsts))
  }

  get thefts(): Theft[] {
    return [...this.seen.values()].map((seen) => ({
      txid: seen.transaction.txid,
      height: seen.height,
      penalties: seen.groups?.length ?? 0,
      settled: seen.groups?.filter((group) => settledAt(seen, group) !== undefined).length ?? 0,
    }))
  }

  /** A transaction waits for a block: penalties without a lock can be in the same one, before the thief's next. */
  sighted(transaction: Transaction): void {
    if (!this.ports.tower.waitsFor(locatorOfTxid(transaction.txidBytes))) return
    this.notice(transaction, undefined)
    this.act()
  }

  /** The book has got something new. */
  accepted(locator: string): void {
    for (const seen of this.seen.values())
      if (locatorOfTxid(seen.transaction.txidBytes) === locator) {
        seen.groups = undefined
        this.act()
      }
    for (const { height, transactions } of this.recent) {
      const transaction = transactions.get(locator)
      if (!transaction || this.seen.has(keyOf(transaction))) continue
      this.notice(transaction, height)
      this.act()
    }
  }

  connectBlock(block: Block, height: number): void {
    this.tip = { hash: block.hash, height }
    const transactions = new Map<string, Transaction>()
    for (const transaction of block.transactions) {
      const locator = locatorOfTxid(transaction.txidBytes)
      transactions.set(locator, transaction)
      if (this.ports.tower.waitsFor(locator)) this.notice(transaction, height)
      if (this.seen.size > 0) this.noteSpent(transaction, height)
    }
    this.recent.push({ height, transactions })
    if (this.recent.length > RECENT_BLOCKS) this.recent.shift()
  }

  passBlock(place: BlockPlace): void {
    this.tip = place
  }

  disconnectTo(place: BlockPlace): void {
    this.tip = place
    const isLeft = (height: number) => height > place.height
    this.recent = this.recent.filter(({ height }) => !isLeft(height))
    for (const seen of this.seen.values()) {
      if (seen.height !== undefined && isLeft(seen.height)) seen.height = undefined
      for (const [index, height] of seen.spent) if (isLeft(height)) seen.spent.delete(index)
    }
  }

  /** Names no script: it has to see every block, as long as it waits for anything. */
  scripts(): readonly Uint8Array[] | undefined {
    return this.ports.tower.isEmpty && this.seen.size === 0 ? [] : undefined
  }

  advanced(): void {}

  arrived(): void {
    this.act()
  }

  async readBacklog(): Promise<boolean> {
    return true
  }

  failed(error: Error): void {
    this.ports.failed(error)
  }

  /** Resolves when all is offered that is due. */
  async settled(): Promise<void> {
    for (;;) {
      const { acting } = this
      await acting
      if (acting === this.acting) return
    }
  }

  private notice(transaction: Transaction, height: number | undefined): void {
    const known = this.seen.get(keyOf(transaction))
    if (known) {
      if (height !== undefined) known.height = height
      return
    }
    const { height: since } = this.tip
    this.seen.set(keyOf(transaction), { transaction, height, since, groups: undefined, spent: new Map() })
    for (const block of this.recent)
      for (const later of block.transactions.values()) this.noteSpent(later, block.height)
  }

  private noteSpent({ inputs }: Transaction, height: number): void {
    for (const { prevout } of inputs)
      this.seen.get(bytesToHex(prevout.txid))?.spent.set(prevout.index, height)
  }

  private act(): void {
    this.acting = this.acting
      .then(async () => {
        for (const [key, seen] of [...this.seen])
          if (await this.isOver(seen)) this.seen.delete(key)
          else await this.punish(seen)
      })
      .catch((error: unknown) => this.ports.failed(error))
  }

  private async isOver(seen: Seen): Promise<boolean> {
    seen.groups ??= groupsOf(
      seen.transaction,
      await this.ports.tower.penaltiesFor(seen.transaction.txidBytes),
    )
    const { height } = this.tip
    const isDeep = (at: number | undefined) => at !== undefined && height - at + 1 >= IRREVOCABLE_DEPTH
    return (
      height - (seen.height ?? seen.since) > this.ports.maxAge ||
      seen.groups.every((group) => isDeep(settledAt(seen, group)))
    )
  }

  /** Offers one penalty of each group whose outputs are there: again at each block, so that it is told again. */
  private async punish(seen: Seen): Promise<void> {
    const age = this.tip.height - (seen.height ?? this.tip.height)
    for (const group of seen.groups!) {
      if (settledAt(seen, group) !== undefined) continue
      const first = Math.min(Math.floor(age / PATIENCE), group.length - 1)
      // What pays less is better than nothing, where what pays more is refused.
      for (const penalty of [...group.slice(first), ...group.slice(0, first).reverse()]) {
        const outcome = await this.ports.submit(penalty)
        if (outcome === 'taken') break
        // A client's nonsense: it costs one try.
        if (outcome === 'void') group.splice(group.indexOf(penalty), 1)
      }
    }
    seen.groups = seen.groups!.filter(({ length }) => length > 0)
  }
}

function keyOf({ txidBytes }: Transaction): string {
  return bytesToHex(txidBytes)
}

/** Those that follow each other and spend the same outputs of the transaction, and nothing else: what does more is no business of a tower. */
function groupsOf({ txidBytes, outputs }: Transaction, penalties: readonly Transaction[]): Transaction[][] {
  const groups: Transaction[][] = []
  let last: string | undefined
  for (const penalty of penalties) {
    const isForeign = penalty.inputs.some(
      ({ prevout }) => !equalBytes(prevout.txid, txidBytes) || prevout.index >= outputs.length,
    )
    if (isForeign) continue
    const spent = penalty.inputs.map(({ prevout }) => prevout.index).join()
    if (spent !== last) groups.push([])
    groups[groups.length - 1].push(penalty)
    last = spent
  }
  return groups
}

/** Height at which somebody spent an output of a group, so that nothing of it can be in a block any more. */
function settledAt({ spent }: Seen, [penalty]: readonly Transaction[]): number | undefined {
  return penalty.inputs.map(({ prevout }) => spent.get(prevout.index)).find((height) => height !== undefined)
}
