/** Chains full of 2-in 2-out key-path spends, made before the clock runs. */
import { type NetworkParams, PUBLIC, REGTEST } from '../../src/consensus/params.ts'
import { type Sats, sats } from '../../src/primitives/amount.ts'
import type { Block } from '../../src/primitives/block.ts'
import type { Transaction } from '../../src/primitives/transaction.ts'
import { TestChain, type TestCoin, TestWallet } from '../../test/support/chain-builder.ts'

/** Full blocks, as heavy as Bitcoin's. */
export const HEAVY: NetworkParams = { ...REGTEST, name: 'bench', coinbaseMaturity: 1 }
/** Blocks of the public network's weight, without its proof of work. */
export const LIGHT: NetworkParams = { ...HEAVY, name: 'bench-light', weightLimit: PUBLIC.weightLimit }

/** Weight units of such a transaction: 10.5 virtual bytes, two inputs of 57.5 and two outputs of 43. */
const SPEND_WEIGHT = 846
/** Left for header, count and coinbase. */
const RESERVED_WEIGHT = 4_000
/** Most outputs of one transaction that splits a coin. */
const SPLIT = 2_000

export interface BenchChain {
  readonly params: NetworkParams
  /** To be connected first: they make the coins. */
  readonly funding: readonly Block[]
  /** Full of spends. */
  readonly full: Block
  /** Its transactions after the coinbase. */
  readonly spends: readonly Transaction[]
  /** The coins they spend: all of one wallet. */
  readonly coins: readonly TestCoin[]
  readonly scriptPubKey: Uint8Array
}

/** A chain that ends in a block as full of spends as `params` allow. */
export function fullBlock(params: NetworkParams): BenchChain {
  const count = Math.floor((params.weightLimit - RESERVED_WEIGHT) / SPEND_WEIGHT)
  const chain = new TestChain(params)
  const wallet = new TestWallet('bench')
  const options = { scriptPubKey: wallet.scriptPubKey }
  let tip = chain.genesis
  const funding: Block[] = []
  const coins: TestCoin[] = []
  while (coins.length < count * 2) {
    tip = chain.mineBlock(tip, [], options)
    funding.push(tip.block)
    const coin = wallet.coinbaseOf(tip)
    // An output takes 172 weight units: a share of them to a block.
    const outputs = Math.min(count * 2 - coins.length, SPLIT, Math.floor(params.weightLimit / 200))
    const value = sats(Math.floor(coin.value / outputs))
    const split = wallet.spend(
      [coin],
      Array.from({ length: outputs }, () => ({ value, ...options })),
    )
    tip = chain.mineBlock(tip, [split])
    funding.push(tip.block)
    coins.push(...wallet.coinsOf(split))
  }
  const spends = Array.from({ length: count }, (_, i) => {
    const pair = coins.slice(i * 2, i * 2 + 2)
    const half = sats(Math.floor((pair[0].value + pair[1].value) / 2) - 500) as Sats
    return wallet.spend(pair, [
      { value: half, ...options },
      { value: half, ...options },
    ])
  })
  return {
    params,
    funding,
    full: chain.mineBlock(tip, spends).block,
    spends,
    coins,
    scriptPubKey: wallet.scriptPubKey,
  }
}
