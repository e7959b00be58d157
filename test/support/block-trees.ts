/** Trees of blocks with forks, payments and bad blocks, drawn from a seed: the same seed makes the same bytes. */
import { sats } from '../../src/primitives/amount.ts'
import type { Transaction } from '../../src/primitives/transaction.ts'
import { type TestBlock, TestChain, type TestCoin } from './chain-builder.ts'
import { QUICK } from './chain-nodes.ts'

export interface BlockTree {
  /** In the order in which they were made: parents first. */
  readonly blocks: readonly TestBlock[]
  /** The one valid block with most work. */
  readonly best: TestBlock
}

/** Numbers from 0 to `below` − 1: a linear congruential generator (Numerical Recipes), good enough to vary tests. */
export function seededIntegers(seed: number): (below: number) => number {
  let state = seed >>> 0
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

/** `size` blocks, about one in ten of them bad, and three more on the best. Coinbases mature after 2 blocks. */
export function growTree(seed: number, size: number): BlockTree {
  const net = new TestChain(QUICK)
  const integer = seededIntegers(seed)
  const blocks: TestBlock[] = []
  const valid: TestBlock[] = [net.genesis]
  const unspent = new Map<TestBlock, readonly TestCoin[]>([[net.genesis, []]])

  const coinsAfter = (block: TestBlock, transactions: readonly Transaction[]): TestCoin[] => {
    const spent = new Set(transactions.flatMap((tx) => tx.inputs.map(({ prevout }) => keyOf(prevout))))
    // The coinbase that matures with the next block.
    const matured =
      block.height >= 2
        ? [net.miner.coinsOf(net.ancestor(block, block.height - 1).block.transactions[0])]
        : []
    const before = unspent.get(block.parent as TestBlock) ?? []
    const made = transactions.flatMap((tx) => net.miner.coinsOf(tx))
    return [...before, ...made, ...matured.flat()].filter(({ prevout }) => !spent.has(keyOf(prevout)))
  }

  const mine = (parent: TestBlock, number: number): TestBlock => {
    const extraNonce = Uint8Array.of(number & 0xff, number >> 8)
    const available = [...(unspent.get(parent) as readonly TestCoin[])]
    const transactions: Transaction[] = []
    for (let payments = integer(3); payments > 0 && available.length > 0; payments--) {
      const coins = available.splice(integer(available.length), 1)
      const amount = Math.floor(coins[0].value / 2)
      const tx = net.miner.pay(coins, net.miner.scriptPubKey, amount, 1)
      transactions.push(tx)
      // Sometimes spent again in the same block.
      if (integer(2) === 0) available.push(...net.miner.coinsOf(tx))
    }
    const block = net.mineBlock(parent, transactions, { extraNonce })
    unspent.set(block, coinsAfter(block, transactions))
    return block
  }

  const mineBad = (parent: TestBlock, number: number): TestBlock => {
    const extraNonce = Uint8Array.of(number & 0xff, number >> 8)
    return net.mineBlock(parent, [], { extraNonce, claim: sats(net.params.initialSubsidy + 1) })
  }

  for (let number = 0; number < size; number++) {
    // Mostly near the end, so that branches grow long enough to compete.
    const parent = valid[Math.max(0, valid.length - 1 - integer(integer(3) === 0 ? 8 : 2))]
    if (integer(10) === 0) blocks.push(mineBad(parent, number))
    else {
      const block = mine(parent, number)
      blocks.push(block)
      valid.push(block)
    }
  }
  let best = valid.reduce((a, b) => (b.height > a.height ? b : a))
  for (let number = size; number < size + 3; number++) {
    best = mine(best, number)
    blocks.push(best)
  }
  return { blocks, best }
}

function keyOf({ txid, index }: TestCoin['prevout']): string {
  return `${txid}:${index}`
}
