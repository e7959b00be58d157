/** A chain with its mempool on a memory store and virtual time, and a wallet whose coins the tests spend. */
import { setImmediate } from 'node:timers/promises'
import { Chain } from '../../src/chain/chain.ts'
import { type NetworkParams, REGTEST } from '../../src/consensus/params.ts'
import { Mempool, type MempoolOptions, type RemovalReason } from '../../src/mempool/mempool.ts'
import { sats } from '../../src/primitives/amount.ts'
import type { Txid } from '../../src/primitives/hashes.ts'
import type { Transaction } from '../../src/primitives/transaction.ts'
import type { CheckPool } from '../../src/script/input-check.ts'
import { InlineCheckPool } from '../../src/script/verify-input.ts'
import { VirtualTime } from '../../src/simulator/virtual-time.ts'
import { MemoryChainStore } from '../../src/storage/memory-chain-store.ts'
import { type TestBlock, TestChain, type TestCoin, TestWallet } from './chain-builder.ts'
import { FAIL_TEST } from './faults.ts'

/** Coinbases mature at once, so that a test needs few blocks. */
export const QUICK_PARAMS: NetworkParams = { ...REGTEST, coinbaseMaturity: 1 }

export interface ChainNodeOptions extends Partial<Omit<MempoolOptions, 'chain'>> {
  readonly params?: NetworkParams
  readonly checks?: CheckPool
}

export class ChainNode {
  readonly time: VirtualTime
  readonly builder: TestChain
  readonly chain: Chain
  readonly mempool: Mempool
  readonly wallet = new TestWallet('payer')
  /** What the mempool told, as `added <txid>` and `<reason> <txid>`. */
  readonly told: string[] = []
  /** The active tip, as the builder knows it. */
  tip: TestBlock

  private constructor(time: VirtualTime, builder: TestChain, chain: Chain, mempool: Mempool) {
    this.time = time
    this.builder = builder
    this.chain = chain
    this.mempool = mempool
    this.tip = builder.genesis
    mempool.subscribe({
      added: ({ transaction }) => this.told.push(`added ${transaction.txid}`),
      removed: ({ txid }, reason: RemovalReason) => this.told.push(`${reason} ${txid}`),
      failed: (error) => {
        throw error
      },
    })
  }

  static async open(options: ChainNodeOptions = {}): Promise<ChainNode> {
    const { params = QUICK_PARAMS, checks = new InlineCheckPool(), ...rest } = options
    // Far enough from genesis that no block of a test is ahead of its time.
    const time = new VirtualTime((params.genesisTime + 1_000_000) * 1_000, () => setImmediate())
    let mempool: Mempool | undefined
    const chain = await Chain.open({
      params,
      checks,
      clock: time,
      faults: FAIL_TEST,
      store: new MemoryChainStore(),
      alreadyVerified: (tx) => mempool?.wasVerified(tx) ?? false,
    })
    mempool = new Mempool({ chain, checks, clock: time, ...rest })
    return new ChainNode(time, new TestChain(params), chain, mempool)
  }

  /** Mines a block after `parent`, by default the tip, and waits until chain and mempool have taken it in. */
  async mine(
    transactions: readonly Transaction[] = [],
    parent = this.tip,
    time?: number,
  ): Promise<TestBlock> {
    const block = this.builder.mineBlock(parent, transactions, {
      scriptPubKey: this.wallet.scriptPubKey,
      extraNonce: Uint8Array.of(this.mined >> 8, this.mined++ & 0xff),
      ...(time === undefined ? {} : { time }),
    })
    await this.offer(block)
    return block
  }
  private mined = 0

  async offer(block: TestBlock): Promise<void> {
    const accepted = await this.chain.acceptBlock(block.block)
    if (!accepted.ok) throw new Error(`${accepted.code}: ${accepted.detail}`)
    await this.settled()
    if (this.chain.tip === accepted.value) this.tip = block
  }

  async settled(): Promise<void> {
    await this.chain.settled()
    await this.mempool.settled()
  }

  /** Mines what it takes to have `count` confirmed coins of `amount` satoshis. */
  async fund(count: number, amount = 100_000): Promise<TestCoin[]> {
    const coinbase = this.wallet.coinbaseOf(await this.mine())
    const outputs = Array.from({ length: count }, () => ({
      value: sats(amount),
      scriptPubKey: this.wallet.scriptPubKey,
    }))
    const split = this.wallet.spend([coinbase], outputs)
    await this.mine([split])
    return this.wallet.coinsOf(split)
  }

  /** A signed transaction of `coins` with `outputs` equal outputs to the wallet that pays `fee` satoshis. */
  spend(coins: readonly TestCoin[], fee: number, outputs = 1): Transaction {
    const total = coins.reduce((sum, { value }) => sum + value, 0) - fee
    const each = Math.floor(total / outputs)
    return this.wallet.spend(
      coins,
      Array.from({ length: outputs }, (_, i) => ({
        value: sats(i === 0 ? total - each * (outputs - 1) : each),
        scriptPubKey: this.wallet.scriptPubKey,
      })),
    )
  }

  /** `ok`, or the code of the rejection. */
  async code(tx: Transaction): Promise<string> {
    const accepted = await this.mempool.accept(tx)
    return accepted.ok ? 'ok' : accepted.code
  }

  txids(): Set<Txid> {
    return new Set([...this.mempool.entries()].map(({ transaction }) => transaction.txid))
  }
}
