/**
 * Random chains, with forks and payments, on which random rules are broken one at a time. OPENTAB_CASES: how many violations, 300
 * when not given. OPENTAB_SEED: what they are drawn from.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { NetworkParams } from '../../src/consensus/params.ts'
import { blockWork, targetOf } from '../../src/consensus/pow.ts'
import { outpointKey, type Transaction } from '../../src/primitives/transaction.ts'
import type { TestBlock, TestCoin } from '../support/chain-builder.ts'
import { QUICK } from '../support/chain-nodes.ts'
import { Draw } from '../support/draw.ts'
import { play, type RuleTests } from './player.ts'
import type { RuleId } from './rules.ts'
import type { ScenarioWriter } from './scenario.ts'
import { VIOLATIONS } from './violations.ts'

const VIOLATIONS_A_CHAIN = 20
const { OPENTAB_CASES = '300', OPENTAB_SEED = '1' } = process.env
const cases = Number(OPENTAB_CASES)
if (!Number.isSafeInteger(cases) || cases < 1) throw new Error(`OPENTAB_CASES is no number: ${OPENTAB_CASES}`)

/** Networks that differ in what rules depend on. */
const NETWORKS: readonly NetworkParams[] = [
  QUICK,
  { ...QUICK, retarget: true, testControls: false, coinbaseMaturity: 1 },
  { ...QUICK, coinbaseMaturity: 4, halvingInterval: 20, snapshotInterval: 5, snapshotDelay: 2 },
]

test('a random violation on a random chain is refused for what it is', async (context) => {
  const tests = new Map<RuleId, RuleTests>()
  for (let chain = 0; chain * VIOLATIONS_A_CHAIN < cases; chain++) {
    const draw = new Draw(`${OPENTAB_SEED}/scenarios/${chain}`)
    const count = Math.min(VIOLATIONS_A_CHAIN, cases - chain * VIOLATIONS_A_CHAIN)
    const write = (s: ScenarioWriter): void => new RandomChain(s, draw).violate(count)
    const name = `chain ${chain} of OPENTAB_SEED=${OPENTAB_SEED}`
    await play({ name, params: draw.pick(NETWORKS), write }, tests)
  }
  const rules = Object.keys(VIOLATIONS) as RuleId[]
  const told = rules.map((rule) => `${rule} ${tests.get(rule)?.rejecting ?? 0}`)
  context.diagnostic(`${cases} violations (seed ${OPENTAB_SEED}): ${told.join(', ')}`)
  // With so many draws, a rule that never came up can't be broken as it stands.
  if (cases >= rules.length * 20)
    assert.deepEqual(
      rules.filter((rule) => !tests.has(rule)),
      [],
    )
})

/** A coin of the miner and its block. */
interface PlacedCoin extends TestCoin {
  readonly height: number
  readonly coinbase: boolean
}

/** What the miner holds and held after a block. */
interface Purse {
  readonly coins: ReadonlyMap<string, PlacedCoin>
  readonly spent: readonly PlacedCoin[]
}

class RandomChain {
  private readonly s: ScenarioWriter
  private readonly draw: Draw
  private readonly purses = new Map<TestBlock, Purse>()

  constructor(s: ScenarioWriter, draw: Draw) {
    this.s = s
    this.draw = draw
    this.purses.set(s.net.genesis, { coins: new Map(), spent: [] })
  }

  /** Grows the chain and breaks `count` rules on the way. */
  violate(count: number): void {
    const { s, draw } = this
    const violations = Object.values(VIOLATIONS)
    s.fund(20)
    for (let done = 0; done < count; ) {
      if (draw.oneIn(6)) this.fork()
      else if (draw.oneIn(3)) s.accept(s.mine(this.payments(this.spendable(s.tip))))
      const coins = this.spendable(s.tip)
      if (coins.length < 6) s.fund(20)
      else {
        const purse = this.purseOf(s.tip)
        const payments = this.payments(coins.splice(0, draw.below(4)))
        const violation = draw.pick(violations)
        const broken = violation({
          s,
          draw,
          payments,
          coin: () => coins.shift() as TestCoin,
          immature: [...purse.coins.values()].filter((coin) => !this.isMature(coin, s.tip)),
          spent: purse.spent,
        })
        if (broken) done++
      }
    }
  }

  /** A branch from a few blocks below the tip, until it overtakes or for a while only. */
  private fork(): void {
    const { s, draw } = this
    let at = s.net.ancestor(s.tip, Math.max(0, s.tip.height - draw.integer(1, 4)))
    const most = draw.oneIn(3) ? draw.below(3) : Number.POSITIVE_INFINITY
    for (let mined = 0; mined < most; mined++) {
      const next = s.mine(this.payments(this.spendable(at)), {}, at)
      if (this.workOf(next) > this.workOf(s.tip)) {
        s.accept(next)
        return
      }
      at = s.side(next)
    }
  }

  private workOf(tip: TestBlock): bigint {
    return this.s.net.branch(tip).reduce((sum, { block }) => sum + blockWork(targetOf(block.header.bits)), 0n)
  }

  /** Payments of some of `coins`, of which some spend what others make. */
  private payments(coins: readonly TestCoin[]): Transaction[] {
    const { s, draw } = this
    return coins.slice(0, draw.below(4)).flatMap((coin) => {
      const parts = draw.integer(1, 3)
      const share = Math.floor(coin.value / parts)
      const tx = s.spend({ coin, outputs: draw.list(parts, () => s.own(share)) })
      const chained = draw.oneIn(4) ? [s.spend({ coin: s.net.miner.coinsOf(tx)[0] })] : []
      return [tx, ...chained]
    })
  }

  private spendable(tip: TestBlock): PlacedCoin[] {
    return [...this.purseOf(tip).coins.values()].filter(
      (coin) => coin.value > 1000 && this.isMature(coin, tip),
    )
  }

  private isMature({ coinbase, height }: PlacedCoin, tip: TestBlock): boolean {
    return !coinbase || tip.height + 1 - height >= this.s.net.params.coinbaseMaturity
  }

  private purseOf(block: TestBlock): Purse {
    const known = this.purses.get(block)
    if (known) return known
    const before = this.purseOf(block.parent as TestBlock)
    const coins = new Map(before.coins)
    const spent = [...before.spent]
    block.block.transactions.forEach((tx, position) => {
      for (const { prevout } of tx.inputs) {
        const coin = coins.get(outpointKey(prevout))
        if (!coin) continue
        coins.delete(outpointKey(prevout))
        spent.push(coin)
      }
      for (const coin of this.s.net.miner.coinsOf(tx))
        coins.set(outpointKey(coin.prevout), { ...coin, height: block.height, coinbase: position === 0 })
    })
    const purse = { coins, spent }
    this.purses.set(block, purse)
    return purse
  }
}
