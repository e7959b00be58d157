/**
 * Block templates: what a miner works on. A template holds the best of the mempool and connects to the tip that it was made on,
 * whatever nonce and extra nonce it gets.
 */
import type { Chain } from '../chain/chain.ts'
import type { HeaderIndex } from '../chain/header-tree.ts'
import { buildCoinbase, witnessMerkleRoot } from '../consensus/coinbase.ts'
import { BLOCK_VERSION } from '../consensus/genesis.ts'
import { subsidy } from '../consensus/subsidy.ts'
import { BLOCK_RESERVED_WEIGHT } from '../policy/standard.ts'
import { type Sats, sats } from '../primitives/amount.ts'
import { Block, BlockHeader, type HeaderFields } from '../primitives/block.ts'
import { concatBytes } from '../primitives/bytes.ts'
import { sha256d } from '../primitives/hashes.ts'
import type { Transaction } from '../primitives/transaction.ts'

export interface TemplateOptions {
  /** Whom subsidy and fees are paid to: a P2TR scriptPubKey. */
  readonly scriptPubKey: Uint8Array
  /** At most 8 bytes that make the coinbase unique to a miner. */
  readonly extraNonce: Uint8Array
  /** Seconds since 1970; raised to what the blocks before ask. */
  readonly time: number
}

/** Chooses what goes into a block, parents before children: a mempool, or whoever knows better. */
export interface TransactionChoice {
  select(maxWeight: number): readonly { readonly transaction: Transaction; readonly fee: number }[]
}

/** The parts of a block that depend on the extra nonce. */
export interface TemplateVariant {
  readonly coinbase: Transaction
  /** With nonce 0. */
  readonly header: BlockHeader
}

export class BlockTemplate {
  /** The block with nonce 0; it connects to `parent` once its nonce meets the target. */
  readonly block: Block
  readonly parent: HeaderIndex
  readonly height: number
  readonly fees: Sats
  readonly subsidy: Sats
  private readonly transactions: readonly Transaction[]
  private readonly header: Omit<HeaderFields, 'merkleRoot' | 'nonce'>
  private readonly merkleBranch: readonly Uint8Array[]
  private readonly makeCoinbase: (extraNonce: Uint8Array) => Transaction

  /** On the active tip. `mempool` must have subscribed to `chain` before whoever calls this on a change of tip. */
  constructor(chain: Chain, mempool: TransactionChoice, options: TemplateOptions) {
    const { params, headers, tip } = chain
    const entries = mempool.select(params.weightLimit - BLOCK_RESERVED_WEIGHT)
    this.parent = tip
    this.height = headers.height(tip) + 1
    this.subsidy = subsidy(this.height, params)
    this.fees = sats(entries.reduce((sum, { fee }) => sum + fee, 0))
    this.transactions = entries.map(({ transaction }) => transaction)
    const time = Math.max(options.time, chain.leastTimeOn(tip))
    this.header = {
      version: BLOCK_VERSION,
      previousHash: headers.hashBytes(tip),
      time,
      bits: chain.nextBits(time),
    }
    this.merkleBranch = firstLeafBranch(this.transactions.map(({ txidBytes }) => txidBytes))
    const fields = {
      height: this.height,
      genesisHash: chain.genesis.header.hashBytes,
      outputs: [{ value: sats(this.subsidy + this.fees), scriptPubKey: options.scriptPubKey }],
      snapshot: chain.contextOn(tip).snapshot,
      witnessRoot: witnessMerkleRoot([chain.genesis.transactions[0], ...this.transactions]),
    }
    this.makeCoinbase = (extraNonce) => buildCoinbase({ ...fields, extraNonce })
    this.block = this.assemble(this.variant(options.extraNonce), 0)
  }

  /** The same with another extra nonce, cheap beside a new template: one coinbase and one branch of the merkle tree. */
  variant(extraNonce: Uint8Array): TemplateVariant {
    const coinbase = this.makeCoinbase(extraNonce)
    let merkleRoot = coinbase.txidBytes
    for (const sibling of this.merkleBranch) merkleRoot = sha256d(concatBytes(merkleRoot, sibling))
    return { coinbase, header: BlockHeader.of({ ...this.header, merkleRoot, nonce: 0 }) }
  }

  /** The whole block of a variant with its nonce. */
  assemble({ coinbase, header }: TemplateVariant, nonce: number): Block {
    return Block.of(BlockHeader.of({ ...header, nonce }), [coinbase, ...this.transactions])
  }
}

/** A template on the active tip of `chain` with the best of `mempool`. */
export function createTemplate(
  chain: Chain,
  mempool: TransactionChoice,
  options: TemplateOptions,
): BlockTemplate {
  return new BlockTemplate(chain, mempool, options)
}

/**
 * The siblings on the way from the first leaf to the merkle root, lowest first, of a tree whose other leaves are `others`
 * (32 bytes each): all that the root takes besides the first leaf.
 */
export function firstLeafBranch(others: readonly Uint8Array[]): Uint8Array[] {
  const branch: Uint8Array[] = []
  let rest = others
  while (rest.length > 0) {
    branch.push(rest[0])
    const above: Uint8Array[] = []
    for (let i = 1; i < rest.length; i += 2) above.push(sha256d(concatBytes(rest[i], rest[i + 1] ?? rest[i])))
    rest = above
  }
  return branch
}
