/**
 * Blocks and payments for tests, by the rules and by breaking one on purpose. Deterministic: the same calls make the same bytes.
 * Blocks are mined for real, so give params with an easy limit, as those of regtest.
 */
import type { BlockContext } from '../../src/consensus/block-context.ts'
import { checkBlock, contextualCheckBlock } from '../../src/consensus/checks.ts'
import { CoinsOverlay } from '../../src/consensus/coin-table.ts'
import { buildCoinbase, witnessMerkleRoot } from '../../src/consensus/coinbase.ts'
import type { CoinsView } from '../../src/consensus/coins.ts'
import { type ConnectedBlock, connectBlock } from '../../src/consensus/connect-block.ts'
import {
  type DifficultyState,
  genesisDifficulty,
  nextBits,
  retarget,
} from '../../src/consensus/difficulty.ts'
import { BLOCK_VERSION, genesisOf } from '../../src/consensus/genesis.ts'
import {
  checkHeader,
  contextualCheckHeader,
  MEDIAN_TIME_SPAN,
  medianTime,
} from '../../src/consensus/headers.ts'
import { type NetworkParams, REGTEST } from '../../src/consensus/params.ts'
import { checkProofOfWork } from '../../src/consensus/pow.ts'
import { committedSnapshotHeight, type SnapshotCommitment } from '../../src/consensus/snapshot.ts'
import { subsidy } from '../../src/consensus/subsidy.ts'
import { type Sats, sats } from '../../src/primitives/amount.ts'
import { Block, BlockHeader, type HeaderFields, merkleRoot } from '../../src/primitives/block.ts'
import { EMPTY, equalBytes } from '../../src/primitives/bytes.ts'
import { taggedHash } from '../../src/primitives/hashes.ts'
import { err, ok, type Result } from '../../src/primitives/result.ts'
import {
  type Outpoint,
  outpointKey,
  Transaction,
  type TransactionFields,
  type TxOutput,
  unsignedInput,
} from '../../src/primitives/transaction.ts'
import type { TransactionCheck } from '../../src/script/input-check.ts'
import { verifyChecks } from '../../src/script/verify-input.ts'
import { snapshotOf } from './snapshots.ts'
import { scriptOf, signKeyPath } from './transactions.ts'

/** Any salt will do in tests. */
export const TEST_SALT = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8)

/** A block and its place. */
export interface TestBlock {
  readonly block: Block
  readonly height: number
  /** Undefined for genesis. */
  readonly parent: TestBlock | undefined
}

/** A coin that a wallet can spend. */
export interface TestCoin {
  readonly prevout: Outpoint
  readonly value: Sats
}

export interface SpendOptions {
  readonly version?: number
  readonly lockTime?: number
  /** Of all inputs. */
  readonly sequence?: number
}

/** One key, derived from a name, and spends of its coins by key path. */
export class TestWallet {
  readonly secretKey: Uint8Array
  readonly scriptPubKey: Uint8Array

  constructor(name: string) {
    this.secretKey = taggedHash(
      'test/key',
      Uint8Array.from(name, (char) => char.charCodeAt(0)),
    )
    this.scriptPubKey = scriptOf(this.secretKey)
  }

  /** The outputs of `tx` that pay to this wallet. */
  coinsOf(tx: Transaction): TestCoin[] {
    return tx.outputs.flatMap(({ value, scriptPubKey }, index) =>
      equalBytes(scriptPubKey, this.scriptPubKey) ? [{ prevout: { txid: tx.txidBytes, index }, value }] : [],
    )
  }

  /** The coin of a block's coinbase, which must pay to this wallet. */
  coinbaseOf({ block }: TestBlock): TestCoin {
    return this.coinsOf(block.transactions[0])[0]
  }

  /** A signed transaction that spends all of `coins` and pays `outputs`; what remains is its fee. */
  spend(coins: readonly TestCoin[], outputs: readonly TxOutput[], options: SpendOptions = {}): Transaction {
    const { version = 2, lockTime = 0, sequence = 0xfffffffd } = options
    const inputs = coins.map(({ prevout }) => unsignedInput(prevout, sequence))
    const signing = coins.map(({ value }) => ({ secretKey: this.secretKey, value }))
    return signKeyPath({ version, inputs, outputs, lockTime }, signing).transaction
  }

  /** A signed payment of `amount` satoshis to `scriptPubKey`; the change comes back as a second output, if any. */
  pay(coins: readonly TestCoin[], scriptPubKey: Uint8Array, amount: number, fee = 0): Transaction {
    const change = coins.reduce((sum, { value }) => sum + value, 0) - amount - fee
    const outputs = [{ value: sats(amount), scriptPubKey }]
    if (change > 0) outputs.push({ value: sats(change), scriptPubKey: this.scriptPubKey })
    return this.spend(coins, outputs)
  }
}

/** How a block departs from the ordinary. Commitments and proof of work are made to fit what results. */
export interface MineOptions {
  /** Who is paid; by default the chain's `miner`. */
  readonly scriptPubKey?: Uint8Array
  /** Seconds since 1970; by default one spacing after the parent. */
  readonly time?: number
  /** What the coinbase pays; by default subsidy and fees. */
  readonly claim?: number
  readonly extraNonce?: Uint8Array
  /** More coinbase outputs. */
  readonly outputs?: readonly TxOutput[]
  /** Last word on the coinbase. */
  readonly coinbase?: (fields: TransactionFields) => TransactionFields
  /** Last word on the header, before its nonce is searched. */
  readonly header?: (fields: HeaderFields) => HeaderFields
}

/** A tree of blocks on one genesis. */
export class TestChain {
  readonly params: NetworkParams
  readonly genesis: TestBlock
  /** Whom coinbases pay. */
  readonly miner = new TestWallet('miner')
  /** Amounts of all outputs that were ever mined, on any branch: an outpoint has one amount. */
  private readonly amounts = new Map<string, number>()
  private readonly snapshots = new Map<TestBlock, SnapshotCommitment>()
  private readonly difficulties = new Map<TestBlock, DifficultyState>()

  constructor(params: NetworkParams = REGTEST) {
    this.params = params
    this.genesis = { block: genesisOf(params), height: 0, parent: undefined }
  }

  /** Mines a block with these transactions, parents first, after `parent`. */
  mineBlock(
    parent: TestBlock,
    transactions: readonly Transaction[] = [],
    options: MineOptions = {},
  ): TestBlock {
    const { params } = this
    const height = parent.height + 1
    for (const tx of transactions) this.recordAmounts(tx)
    const claim = options.claim ?? subsidy(height, params) + this.feesOf(transactions)
    const built = buildCoinbase({
      height,
      genesisHash: this.genesis.block.header.hashBytes,
      extraNonce: options.extraNonce ?? EMPTY,
      outputs: [
        { value: sats(claim), scriptPubKey: options.scriptPubKey ?? this.miner.scriptPubKey },
        ...(options.outputs ?? []),
      ],
      snapshot: this.snapshotFor(parent),
      // The coinbase itself counts as zeros: any transaction stands for it.
      witnessRoot: witnessMerkleRoot([Transaction.of(NOTHING), ...transactions]),
    })
    const coinbase = options.coinbase ? Transaction.of(options.coinbase(built)) : built
    this.recordAmounts(coinbase)

    const all = [coinbase, ...transactions]
    const time = options.time ?? parent.block.header.time + params.targetSpacing
    const fields: HeaderFields = {
      version: BLOCK_VERSION,
      previousHash: parent.block.header.hashBytes,
      merkleRoot: merkleRoot(all.map((tx) => tx.txidBytes)).root,
      time,
      bits: nextBits(this.difficultyAfter(parent), Math.max(time, parent.block.header.time), params),
      nonce: 0,
    }
    const header = this.solve(options.header ? options.header(fields) : fields)
    return { block: Block.of(header, all), height, parent }
  }

  /** `count` blocks with nothing but their coinbase; the last of them. */
  mineEmpty(parent: TestBlock, count: number, options?: MineOptions): TestBlock {
    let tip = parent
    for (let i = 0; i < count; i++) tip = this.mineBlock(tip, [], options)
    return tip
  }

  /** Another body under the same header, as someone on the way could make it. */
  withBody(original: TestBlock, transactions: readonly Transaction[]): TestBlock {
    return { ...original, block: Block.of(original.block.header, transactions) }
  }

  /** What the chain says about the place of the block after `parent`. */
  contextAfter(parent: TestBlock): BlockContext {
    return {
      params: this.params,
      genesisHash: this.genesis.block.header.hashBytes,
      height: parent.height + 1,
      medianTimePast: medianTimePast(parent),
      medianTimePastAt: (height) => medianTimePast(this.ancestor(parent, height)),
      snapshot: this.snapshotFor(parent),
    }
  }

  /** What the difficulty of the block after `parent` follows from, computed from the blocks' times alone. */
  difficultyAfter(parent: TestBlock): DifficultyState {
    const known = this.difficulties.get(parent)
    if (known) return known
    const { time } = parent.block.header
    const state = parent.parent
      ? retarget(
          this.difficultyAfter(parent.parent),
          Math.max(time, parent.parent.block.header.time),
          this.params,
        ).state
      : genesisDifficulty(this.params)
    this.difficulties.set(parent, state)
    return state
  }

  /** What the block after `parent` must commit to, computed from the blocks alone. */
  snapshotFor(parent: TestBlock): SnapshotCommitment | undefined {
    const height = committedSnapshotHeight(parent.height + 1, this.params)
    if (height === undefined) return undefined
    const counted = this.ancestor(parent, height)
    const snapshot = this.snapshots.get(counted) ?? snapshotOf(this.branch(counted).map(({ block }) => block))
    this.snapshots.set(counted, snapshot)
    return snapshot
  }

  /** The block at `height` below or at `from`. */
  ancestor(from: TestBlock, height: number): TestBlock {
    let at = from
    while (at.height > height) at = at.parent as TestBlock
    return at
  }

  /** Blocks from the one after genesis to `tip`. */
  branch(tip: TestBlock): TestBlock[] {
    const blocks: TestBlock[] = []
    for (let at = tip; at.parent; at = at.parent) blocks.unshift(at)
    return blocks
  }

  /**
   * Runs every rule on a block in the order that a node does, signatures last, on top of `coins`. On success also the overlay
   * that holds its effect. `now` is the local time, by default the block's own.
   */
  validate(
    { block, parent }: TestBlock,
    coins: CoinsView,
    now = block.header.time,
  ): Result<ConnectedBlock & { readonly checks: readonly TransactionCheck[]; readonly coins: CoinsOverlay }> {
    const context = this.contextAfter(parent as TestBlock)
    const { header } = block
    const steps = [
      () => checkHeader(header, this.params),
      () =>
        contextualCheckHeader(header, {
          params: this.params,
          difficulty: this.difficultyAfter(parent as TestBlock),
          medianTimePast: context.medianTimePast,
          now,
        }),
      () => checkBlock(block, this.params),
      () => contextualCheckBlock(block, context),
    ]
    for (const step of steps) {
      const result = step()
      if (!result.ok) return result
    }
    const overlay = new CoinsOverlay(coins, TEST_SALT)
    const checks: TransactionCheck[] = []
    const connected = connectBlock(block, overlay, context, (more) => checks.push(...more))
    if (!connected.ok) return connected
    const verified = verifyChecks(checks)
    if (!verified.ok) return err('invalid', verified.code, verified.detail)
    return ok({ ...connected.value, checks, coins: overlay })
  }

  private feesOf(transactions: readonly Transaction[]): number {
    let fees = 0
    for (const tx of transactions) {
      for (const { prevout } of tx.inputs) fees += this.amounts.get(outpointKey(prevout)) ?? 0
      for (const { value } of tx.outputs) fees -= value
    }
    return Math.max(fees, 0)
  }

  private recordAmounts(tx: Transaction): void {
    tx.outputs.forEach(({ value }, index) => {
      this.amounts.set(outpointKey({ txid: tx.txidBytes, index }), value)
    })
  }

  private solve(fields: HeaderFields): BlockHeader {
    for (let nonce = fields.nonce; ; nonce++) {
      const header = BlockHeader.of({ ...fields, nonce })
      if (checkProofOfWork(header, { ...this.params, powLimitBits: fields.bits })) return header
    }
  }
}

const NOTHING: TransactionFields = { version: 2, inputs: [], outputs: [], lockTime: 0 }

function medianTimePast(block: TestBlock): number {
  const times: number[] = []
  for (let at: TestBlock | undefined = block; at && times.length < MEDIAN_TIME_SPAN; at = at.parent)
    times.push(at.block.header.time)
  return medianTime(times)
}
