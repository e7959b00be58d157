/**
 * What a chain is given, step by step, with what is expected of each: a generator in the manner of btcd's full block tests. It
 * builds blocks on a tree and knows nothing of the chain that will judge them; `player.ts` gives their bytes to one.
 */
import type { NetworkParams } from '../../src/consensus/params.ts'
import { subsidy } from '../../src/consensus/subsidy.ts'
import { sats } from '../../src/primitives/amount.ts'
import { Block } from '../../src/primitives/block.ts'
import type { BlockHash } from '../../src/primitives/hashes.ts'
import type { Transaction, TxOutput } from '../../src/primitives/transaction.ts'
import { OP_RETURN } from '../../src/script/opcodes.ts'
import {
  type MineOptions,
  type SpendOptions,
  type TestBlock,
  TestChain,
  type TestCoin,
} from '../support/chain-builder.ts'
import { QUICK } from '../support/chain-nodes.ts'
import { kindOf, type RuleId, stageOf } from './rules.ts'

/** What must follow from a step. */
export type Expected =
  /** Stored; `edges` are the rules that it only just keeps. */
  | { readonly outcome: 'accepted'; readonly edges: readonly RuleId[] }
  /** Refused by `rule`. `culprit`: the block that breaks it, where it isn't the one that is given. */
  | { readonly outcome: 'rejected'; readonly rule: RuleId; readonly culprit?: BlockHash }

/** One thing that a chain is given. `tip` is where it must stand afterwards. */
export type Step =
  | {
      readonly give: 'block'
      readonly bytes: Uint8Array
      readonly expected: Expected
      readonly tip: TestBlock
    }
  | {
      readonly give: 'headers'
      readonly bytes: Uint8Array
      readonly expected: Expected
      readonly tip: TestBlock
    }
  /** Local time from now on, seconds since 1970. */
  | { readonly give: 'time'; readonly now: number }

/** A named list of steps on a network of its own. */
export interface Scenario {
  readonly name: string
  readonly params?: NetworkParams
  readonly write: (s: ScenarioWriter) => void
}

export class ScenarioWriter {
  readonly net: TestChain
  readonly steps: Step[] = []
  /** Where the chain must stand by now. */
  tip: TestBlock
  /** Coins of `net.miner` that can be spent. */
  private readonly coins: TestCoin[] = []
  private mined = 0

  constructor(params: NetworkParams = QUICK) {
    this.net = new TestChain(params)
    this.tip = this.net.genesis
  }

  /** A block after the tip, or after `parent`, that is like no other. */
  mine(transactions: readonly Transaction[] = [], options: MineOptions = {}, parent = this.tip): TestBlock {
    this.mined++
    const extraNonce = Uint8Array.of(this.mined & 0xff, this.mined >> 8)
    return this.net.mineBlock(parent, transactions, { extraNonce, ...options })
  }

  /** Gives a block that becomes the tip. */
  accept(block: TestBlock, ...edges: RuleId[]): TestBlock {
    this.tip = block
    return this.side(block, ...edges)
  }

  /** Gives a block that is taken and leaves the tip where it is. */
  side(block: TestBlock, ...edges: RuleId[]): TestBlock {
    this.give(block.block.bytes, { outcome: 'accepted', edges })
    return block
  }

  /**
   * Gives a block that breaks `rule`. Where that is a fault for ever, its header is marked: the same block is refused at sight
   * from then on, and so is a block on it.
   */
  reject(block: TestBlock, rule: RuleId): TestBlock {
    this.give(block.block.bytes, { outcome: 'rejected', rule })
    if (kindOf(rule) === 'invalid') this.refuseForEver(block, stageOf(rule) === 'header' ? rule : undefined)
    return block
  }

  /** Gives `bytes` under the header of `good`, which are refused without holding it against the header: `good` is the next tip. */
  mutate(good: TestBlock, bytes: Uint8Array | readonly Transaction[], rule: RuleId): TestBlock {
    const body = bytes instanceof Uint8Array ? bytes : Block.of(good.block.header, bytes).bytes
    this.give(body, { outcome: 'rejected', rule })
    return this.accept(good, rule)
  }

  /** Gives a block that can't be judged yet. */
  defer(block: TestBlock, rule: RuleId): TestBlock {
    this.give(block.block.bytes, { outcome: 'rejected', rule })
    return block
  }

  /** Gives headers alone, 80 bytes each: taken, or refused by `rule` at the last. */
  headers(blocks: readonly TestBlock[], rule?: RuleId): void {
    const bytes = new Uint8Array(blocks.length * 80)
    blocks.forEach(({ block }, i) => {
      bytes.set(block.header.bytes, i * 80)
    })
    const expected: Expected = rule ? { outcome: 'rejected', rule } : { outcome: 'accepted', edges: [] }
    this.steps.push({ give: 'headers', bytes, expected, tip: this.tip })
  }

  /** Gives the last body that a branch lacked, of which `culprit` turns out to break `rule`. */
  complete(block: TestBlock, culprit: TestBlock, rule: RuleId): void {
    this.give(block.block.bytes, { outcome: 'rejected', rule, culprit: culprit.block.hash })
  }

  /** Sets the local time, seconds since 1970. */
  time(now: number): void {
    this.steps.push({ give: 'time', now })
  }

  /** Mines `count` blocks with nothing but their coinbase. */
  grow(count: number): TestBlock {
    for (let i = 0; i < count; i++) this.accept(this.mine())
    return this.tip
  }

  /** Mines what it takes to have `count` more coins to spend, of one amount each. */
  fund(count: number): void {
    const { net } = this
    const reward = subsidy(this.tip.height + 1, net.params)
    const share = sats(Math.floor(reward / count))
    const { scriptPubKey } = net.miner
    const outputs = Array.from({ length: count - 1 }, () => ({ value: share, scriptPubKey }))
    const block = this.accept(this.mine([], { claim: share, outputs }))
    this.grow(net.params.coinbaseMaturity - 1)
    this.coins.push(...net.miner.coinsOf(block.block.transactions[0]))
  }

  /** The next coin of `fund`. */
  coin(): TestCoin {
    const coin = this.coins.shift()
    if (!coin) throw new Error('The scenario has no coin left: fund it')
    return coin
  }

  /** A signed spend of one coin, by default the next one, to these outputs, by default back to the wallet. */
  spend(
    options: SpendOptions & { readonly coin?: TestCoin; readonly outputs?: readonly TxOutput[] } = {},
  ): Transaction {
    const coin = options.coin ?? this.coin()
    return this.net.miner.spend([coin], options.outputs ?? [this.own(coin.value)], options)
  }

  /** An output that pays the wallet. */
  own(value: number): TxOutput {
    return { value: sats(value), scriptPubKey: this.net.miner.scriptPubKey }
  }

  private give(bytes: Uint8Array, expected: Expected): void {
    this.steps.push({ give: 'block', bytes, expected, tip: this.tip })
  }

  /** `again`: how the block is refused a second time, where its header was never taken. */
  private refuseForEver(block: TestBlock, again: RuleId | undefined): void {
    this.give(block.block.bytes, { outcome: 'rejected', rule: again ?? 'duplicate-invalid' })
    // Nothing but its header is looked at, of which only the parent matters.
    const previousHash = block.block.header.hashBytes
    const child = this.mine([], { header: (fields) => ({ ...fields, previousHash }) }, block.parent)
    this.give(child.block.bytes, { outcome: 'rejected', rule: again ? 'prev-blk-not-found' : 'bad-prevblk' })
  }
}

/** An output of `size` script bytes that carries data: OP_RETURN and zeros. */
export function nullData(size: number, value = 0): TxOutput {
  const scriptPubKey = new Uint8Array(size)
  scriptPubKey[0] = OP_RETURN
  return { value: sats(value), scriptPubKey }
}
