/** Transactions by themselves, and towards the coins they spend. */
import { MAX_MONEY, type NetworkParams } from '../../src/consensus/params.ts'
import { sats } from '../../src/primitives/amount.ts'
import { concatBytes } from '../../src/primitives/bytes.ts'
import { NULL_OUTPOINT, Transaction, type TxOutput, unsignedInput } from '../../src/primitives/transaction.ts'
import { OP_RETURN } from '../../src/script/opcodes.ts'
import type { TestBlock } from '../support/chain-builder.ts'
import { QUICK } from '../support/chain-nodes.ts'
import type { RuleId } from './rules.ts'
import { nullData, type Scenario, type ScenarioWriter } from './scenario.ts'

/**
 * A network that makes all the money there can be in every block, and so more than there can be: no params that a node accepts
 * do. Only here can a sum of coins be out of range.
 */
const INFLATED: NetworkParams = {
  ...QUICK,
  initialSubsidy: MAX_MONEY,
  halvingInterval: 1000,
  coinbaseMaturity: 1,
}

export const transactionScenarios: readonly Scenario[] = [
  {
    name: 'transactions without inputs or outputs',
    write: (s) => {
      s.fund(4)
      const empty = { version: 2, inputs: [], outputs: [], lockTime: 0 }
      s.reject(s.mine([Transaction.of(empty)]), 'bad-txns-vin-empty')
      s.reject(s.mine([s.spend({ outputs: [] })]), 'bad-txns-vout-empty')
      s.reject(s.mine([], { coinbase: (fields) => ({ ...fields, outputs: [] }) }), 'bad-witness-commitment')
      s.accept(s.mine([s.spend()]), 'bad-txns-vin-empty', 'bad-txns-vout-empty')
    },
  },
  {
    name: 'transactions of 64 bytes',
    write: (s) => {
      s.fund(6)
      const sized = (size: number): Transaction => s.spend({ outputs: [nullData(size - 60)] })
      s.reject(s.mine([sized(64)]), 'bad-txns-size')
      s.accept(s.mine([sized(63)]), 'bad-txns-size')
      s.accept(s.mine([sized(65)]), 'bad-txns-size')
      s.reject(s.mine([sized(63), sized(64)]), 'bad-txns-size')
    },
  },
  {
    name: 'amounts from 0 to all the money',
    params: INFLATED,
    write: (s) => {
      fundInflated(s, 11)
      const paying = (...amounts: number[]): Transaction =>
        s.spend({ outputs: amounts.map((value) => s.own(value)) })
      const mine = (tx: Transaction): TestBlock => s.mine([tx], { claim: 0 })
      s.reject(mine(paying(-1)), 'bad-txns-vout-negative')
      s.reject(mine(paying(-1, 1)), 'bad-txns-vout-negative')
      s.reject(mine(paying(Number.MIN_SAFE_INTEGER)), 'bad-txns-vout-negative')
      s.accept(mine(paying(0)), 'bad-txns-vout-negative')
      s.reject(mine(paying(MAX_MONEY + 1)), 'bad-txns-vout-toolarge')
      s.reject(mine(paying(Number.MAX_SAFE_INTEGER)), 'bad-txns-vout-toolarge')
      s.accept(mine(paying(MAX_MONEY)), 'bad-txns-vout-toolarge')
      s.reject(mine(paying(MAX_MONEY, 1)), 'bad-txns-txouttotal-toolarge')
      s.reject(mine(paying(MAX_MONEY - 1, 1, 1)), 'bad-txns-txouttotal-toolarge')
      s.accept(mine(paying(MAX_MONEY - 1, 1)), 'bad-txns-txouttotal-toolarge')
      s.reject(s.mine([], { claim: MAX_MONEY + 1 }), 'bad-txns-vout-toolarge')
      s.reject(s.mine([], { claim: MAX_MONEY, outputs: [s.own(1)] }), 'bad-txns-txouttotal-toolarge')
      s.reject(s.mine([], { claim: -1 }), 'bad-txns-vout-negative')
      s.accept(s.mine([], { claim: MAX_MONEY }), 'bad-txns-vout-toolarge')
    },
  },
  {
    name: 'sums of coins beyond all the money',
    params: INFLATED,
    write: (s) => {
      const { miner } = s.net
      fundInflated(s, 8)
      const two = (second: number): Transaction => {
        const whole = s.coin()
        const split = s.spend({ outputs: [s.own(second), s.own(MAX_MONEY - second)] })
        s.accept(s.mine([split], { claim: 0 }))
        return miner.spend([whole, miner.coinsOf(split)[0]], [s.own(MAX_MONEY)])
      }
      s.reject(s.mine([two(1)], { claim: 0 }), 'bad-txns-inputvalues-outofrange')
      s.accept(s.mine([two(0)], { claim: 0 }), 'bad-txns-inputvalues-outofrange')
      // All of one coin for the miner, and one satoshi of another.
      const gift = s.spend({ outputs: [nullData(10)] })
      const one = s.spend({ outputs: [s.own(MAX_MONEY - 1)] })
      s.reject(s.mine([gift, one], { claim: 0 }), 'bad-txns-accumulated-fee-outofrange')
      s.accept(s.mine([gift], { claim: 0 }), 'bad-txns-accumulated-fee-outofrange')
    },
  },
  {
    name: 'the types of outputs',
    write: (s) => {
      s.fund(40)
      const key = s.own(0).scriptPubKey.subarray(2)
      const both = (output: TxOutput, rule: RuleId, edge = false): void => {
        const take = (block: TestBlock): TestBlock => (edge ? s.accept(block, rule) : s.reject(block, rule))
        // In a payment, and in the coinbase.
        take(s.mine([s.spend({ outputs: [output] })]))
        take(s.mine([], { outputs: [output] }))
      }
      const script = (...parts: (readonly number[] | Uint8Array)[]): TxOutput => ({
        value: sats(0),
        scriptPubKey: concatBytes(...parts.map((part) => Uint8Array.from(part))),
      })
      both(script([0x51, 32], key), 'bad-txns-output-type: script', true)
      // No point of the curve has this x: an output all the same, which nobody can spend.
      both(script([0x51, 32], new Uint8Array(32)), 'bad-txns-output-type: script', true)
      both(nullData(1), 'bad-txns-output-type: script', true)
      for (const wrong of [
        script([]),
        script([0x51]),
        // Witness versions 0, 2, 16; 31 and 33 bytes; a byte too many; a longer push.
        script([0x00, 32], key),
        script([0x00, 20], key.subarray(12)),
        script([0x52, 32], key),
        script([0x60, 32], key),
        script([0x51, 31], key.subarray(1)),
        script([0x51, 33], key, [0]),
        script([0x51, 32], key, [0]),
        script([0x51, 0x4c, 32], key),
        // P2PK, P2PKH, P2SH, OP_TRUE OP_DROP.
        script([32], key, [0xac]),
        script([0x76, 0xa9, 20], key.subarray(12), [0x88, 0xac]),
        script([0xa9, 20], key.subarray(12), [0x87]),
        script([0x51, 0x4e, 0x73]),
        script([0x00, OP_RETURN]),
      ])
        both(wrong, 'bad-txns-output-type: script')
      both(nullData(83), 'bad-txns-output-type: size', true)
      both(nullData(84), 'bad-txns-output-type: size')
      both(nullData(300), 'bad-txns-output-type: size')
      both(nullData(40, 0), 'bad-txns-output-type: amount', true)
      both(nullData(40, 1), 'bad-txns-output-type: amount')
    },
  },
  {
    name: 'what an input names',
    write: (s) => {
      s.fund(12)
      const { miner } = s.net
      const [a, b, c] = [s.coin(), s.coin(), s.coin()]
      const twice = (...coins: (typeof a)[]): Transaction => miner.spend(coins, [s.own(a.value)])
      s.reject(s.mine([twice(a, a)]), 'bad-txns-inputs-duplicate')
      s.reject(s.mine([twice(a, b, a)]), 'bad-txns-inputs-duplicate')
      s.reject(s.mine([twice(b, c, a, c)]), 'bad-txns-inputs-duplicate')
      // Neighbours of one transaction.
      s.accept(s.mine([twice(c, a, b)]), 'bad-txns-inputs-duplicate')
      const withNull = (others: number): Transaction => {
        const coins = Array.from({ length: others }, () => s.coin())
        const signed = miner.spend(coins, [s.own(1)])
        return Transaction.of({ ...signed, inputs: [unsignedInput(NULL_OUTPOINT, 0), ...signed.inputs] })
      }
      s.reject(s.mine([withNull(1)]), 'bad-txns-prevout-null')
      s.reject(s.mine([withNull(2)]), 'bad-txns-prevout-null')
      // Half of what makes an outpoint null is a coin that does not exist.
      const half = s.coin()
      for (const prevout of [
        { ...NULL_OUTPOINT, index: 0 },
        { ...half.prevout, index: 0xffffffff },
      ])
        s.reject(s.mine([s.spend({ coin: { ...half, prevout } })]), 'bad-txns-inputs-missingorspent: unknown')
      s.accept(s.mine([s.spend({ coin: half })]), 'bad-txns-prevout-null')
      const signed = s.spend()
      for (const scriptSig of [Uint8Array.of(0), Uint8Array.of(0x51), new Uint8Array(200)])
        s.reject(
          s.mine([Transaction.of({ ...signed, inputs: [{ ...signed.inputs[0], scriptSig }] })]),
          'bad-txns-scriptsig-not-empty',
        )
      s.accept(s.mine([signed]), 'bad-txns-scriptsig-not-empty')
    },
  },
  {
    name: 'coins that exist, and are unspent',
    write: (s) => {
      s.fund(12)
      const { miner, genesis } = s.net
      const first = s.coin()
      const unknown: RuleId = 'bad-txns-inputs-missingorspent: unknown'
      const beyond = { ...first, prevout: { ...first.prevout, index: 100 } }
      s.reject(s.mine([s.spend({ coin: beyond })]), unknown)
      // Genesis holds nothing to spend, and no OP_RETURN output does.
      const ofGenesis = { txid: genesis.block.transactions[0].txidBytes, index: 0 }
      s.reject(s.mine([s.spend({ coin: { prevout: ofGenesis, value: sats(0) } })]), unknown)
      const commitment = { txid: s.tip.block.transactions[0].txidBytes, index: 1 }
      s.reject(s.mine([s.spend({ coin: { prevout: commitment, value: sats(0) } })]), unknown)
      s.accept(s.mine([s.spend({ coin: first })]), unknown)

      const spent: RuleId = 'bad-txns-inputs-missingorspent: spent'
      s.reject(s.mine([s.spend({ coin: first })]), spent)
      const coin = s.coin()
      s.reject(s.mine([s.spend({ coin }), s.spend({ coin, outputs: [s.own(1)] })]), spent)
      const once = s.spend({ coin })
      s.reject(s.mine([once, miner.spend([s.coin(), coin], [s.own(1)])]), spent)
      s.accept(s.mine([once]), spent)

      const order: RuleId = 'bad-txns-inputs-missingorspent: order'
      const parent = s.spend()
      const child = s.spend({ coin: miner.coinsOf(parent)[0] })
      const grandchild = s.spend({ coin: miner.coinsOf(child)[0] })
      s.reject(s.mine([child, parent]), order)
      s.reject(s.mine([parent, grandchild, child]), order)
      s.reject(s.mine([child]), order)
      s.accept(s.mine([parent, child, grandchild]), order)
      // A whole chain in one block leaves its last coin, which the next block spends.
      s.accept(s.mine([s.spend({ coin: miner.coinsOf(grandchild)[0] })]), order)
      s.reject(s.mine([s.spend({ coin: miner.coinsOf(parent)[0] })]), spent)
    },
  },
  {
    name: 'coinbases that mature',
    params: { ...QUICK, coinbaseMaturity: 5 },
    write: (s) => {
      const { miner } = s.net
      const made = s.grow(1)
      const coin = miner.coinbaseOf(made)
      for (let age = 1; age < 5; age++) {
        s.reject(s.mine([s.spend({ coin })]), 'bad-txns-premature-spend-of-coinbase')
        if (age < 4) s.grow(1)
      }
      s.grow(1)
      const payment = s.spend({ coin })
      // What a payment makes needs no time.
      s.accept(
        s.mine([payment, s.spend({ coin: miner.coinsOf(payment)[0] })]),
        'bad-txns-premature-spend-of-coinbase',
      )
    },
  },
  {
    name: 'amounts paid and spent, fees, and the claim of the coinbase',
    write: (s) => {
      s.fund(12)
      const { initialSubsidy } = s.net.params
      const paying = (more: number): Transaction => {
        const coin = s.coin()
        return s.spend({ coin, outputs: [s.own(coin.value + more)] })
      }
      s.reject(s.mine([paying(1)]), 'bad-txns-in-belowout')
      s.accept(s.mine([paying(0)]), 'bad-txns-in-belowout')
      s.reject(s.mine([paying(-1), paying(1)]), 'bad-txns-in-belowout')
      s.reject(s.mine([], { claim: initialSubsidy + 1 }), 'bad-cb-amount')
      s.reject(s.mine([], { outputs: [s.own(1)] }), 'bad-cb-amount')
      s.accept(s.mine([], { claim: initialSubsidy }), 'bad-cb-amount')
      const payments = [paying(-1000), paying(-1)]
      s.reject(s.mine(payments, { claim: initialSubsidy + 1002 }), 'bad-cb-amount')
      s.accept(s.mine(payments, { claim: initialSubsidy + 1001 }), 'bad-cb-amount')
      // To claim less is to give it up.
      s.accept(s.mine([paying(-5)], { claim: 0 }))
      s.reject(s.mine([], { claim: initialSubsidy + 6 }), 'bad-cb-amount')
    },
  },
  {
    name: 'the subsidy, from halving to halving until nothing is left',
    params: { ...QUICK, halvingInterval: 3, initialSubsidy: sats(13) },
    write: (s) => {
      for (const due of [13, 13, 6, 6, 6, 3, 3, 3, 1, 1, 1, 0, 0, 0, 0]) {
        s.reject(s.mine([], { claim: due + 1 }), 'bad-cb-amount: halving')
        s.accept(s.mine([], { claim: due }), 'bad-cb-amount: halving')
      }
    },
  },
]

/** Makes `count` coins of all the money each. */
function fundInflated(s: ScenarioWriter, count: number): void {
  for (let i = 0; i < count; i++) s.fund(1)
}
