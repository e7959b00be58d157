import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { CoinsOverlay, CoinTable } from '../../../src/consensus/coin-table.ts'
import type { Coin, CoinsView } from '../../../src/consensus/coins.ts'
import {
  connectBlock,
  disconnectBlock,
  spentCoinsIn,
  spentScriptsIn,
} from '../../../src/consensus/connect-block.ts'
import { MAX_MONEY, type NetworkParams, REGTEST } from '../../../src/consensus/params.ts'
import { subsidy } from '../../../src/consensus/subsidy.ts'
import { checkTxInputs, spentCoins } from '../../../src/consensus/tx-inputs.ts'
import { sats } from '../../../src/primitives/amount.ts'
import { SEQUENCE_LOCK_SECONDS } from '../../../src/primitives/lock-times.ts'
import type { Result } from '../../../src/primitives/result.ts'
import {
  type Outpoint,
  outpointKey,
  Transaction,
  unsignedInput,
} from '../../../src/primitives/transaction.ts'
import type { TransactionCheck } from '../../../src/script/input-check.ts'
import { outputKeyOf, p2trScript } from '../../../src/script/taproot.ts'
import {
  TEST_SALT,
  type TestBlock,
  TestChain,
  type TestCoin,
  TestWallet,
} from '../../support/chain-builder.ts'

/** A network of its own: short maturity and eras. */
const params: NetworkParams = { ...REGTEST, name: 'short', coinbaseMaturity: 3, halvingInterval: 5 }

function code(result: Result<unknown>): string {
  return result.ok ? 'ok' : `${result.kind} ${result.code}`
}

/** The coins after a branch whose blocks must all be valid. */
function coinsAfter(chain: TestChain, tip: TestBlock): CoinTable {
  const table = new CoinTable(TEST_SALT)
  for (const block of chain.branch(tip)) {
    const validated = chain.validate(block, table)
    assert.ok(validated.ok, !validated.ok ? validated.detail : '')
    validated.value.coins.applyTo(table)
  }
  return table
}

const chain = new TestChain(params)
const { miner } = chain
const other = new TestWallet('other')
const base = chain.mineEmpty(chain.genesis, 4)
const coins = coinsAfter(chain, base)
/** Mature in block 5, and not yet. */
const mature = miner.coinbaseOf(chain.ancestor(base, 2))
const older = miner.coinbaseOf(chain.ancestor(base, 1))
const immature = miner.coinbaseOf(chain.ancestor(base, 3))

/** For tests of what connecting does beside them. */
const leaveChecks = (): void => {}

function validated(transactions: readonly Transaction[], claim?: number, view: CoinsView = coins): string {
  return code(chain.validate(chain.mineBlock(base, transactions, { claim }), view))
}

test('a block in order is accepted: payments, a chain of them within the block, fees claimed', () => {
  const first = miner.pay([mature], other.scriptPubKey, 1000, 500)
  const second = other.pay(other.coinsOf(first), miner.scriptPubKey, 900, 100)
  const block = chain.mineBlock(base, [first, second])
  const result = chain.validate(block, coins)
  assert.ok(result.ok, !result.ok ? result.detail : '')
  assert.equal(result.value.fees, 600)
  assert.equal(result.value.checks.length, 2)
  const coin = (tx: Transaction, index: number): Coin | undefined =>
    result.value.coins.get({ txid: tx.txidBytes, index })
  const [coinbase] = block.block.transactions
  assert.deepEqual(coin(coinbase, 0), {
    value: subsidy(5, params) + 600,
    height: 5,
    coinbase: true,
    outputKey: outputKeyOf(miner.scriptPubKey),
  })
  assert.equal(coin(coinbase, 1), undefined, 'OP_RETURN makes no coin')
  assert.equal(coin(first, 0), undefined, 'spent within the block')
  assert.deepEqual(coin(second, 0), {
    value: 900,
    height: 5,
    coinbase: false,
    outputKey: outputKeyOf(miner.scriptPubKey),
  })
})

test('inputs must exist and be unspent', () => {
  const nowhere = { prevout: { ...mature.prevout, index: 9 }, value: mature.value }
  const pay = (coin: TestCoin, amount = 1000): Transaction => miner.pay([coin], other.scriptPubKey, amount)
  assert.equal(validated([pay(nowhere)]), 'invalid bad-txns-inputs-missingorspent')
  assert.equal(validated([pay(mature), pay(mature, 2000)]), 'invalid bad-txns-inputs-missingorspent')
  // A child before its parent.
  const parent = pay(mature)
  const child = other.pay(other.coinsOf(parent), other.scriptPubKey, 1000)
  assert.equal(validated([child, parent]), 'invalid bad-txns-inputs-missingorspent')
  // The same transaction again, in a later block.
  const next = chain.mineBlock(base, [parent])
  const again = chain.validate(chain.mineBlock(next, [parent]), coinsAfter(chain, next))
  assert.equal(code(again), 'invalid bad-txns-inputs-missingorspent')
})

test('a coinbase made at height h is spent in block h + maturity at the earliest', () => {
  assert.equal(validated([miner.pay([mature], other.scriptPubKey, 1000)]), 'ok')
  assert.equal(
    validated([miner.pay([immature], other.scriptPubKey, 1000)]),
    'invalid bad-txns-premature-spend-of-coinbase',
  )
})

test('a transaction pays no more than it spends', () => {
  const pay = (amount: number): string =>
    validated([miner.spend([mature], [{ value: sats(amount), scriptPubKey: other.scriptPubKey }])])
  assert.equal(pay(mature.value), 'ok')
  assert.equal(pay(mature.value + 1), 'invalid bad-txns-in-belowout')
})

test('sums beyond all the money are refused, even of coins that can not be', () => {
  const rich = new CoinTable(TEST_SALT)
  for (const coin of [mature, older])
    rich.add(coin.prevout, { ...(coins.get(coin.prevout) as Coin), value: MAX_MONEY })
  const all = (coin: TestCoin): TestCoin => ({ ...coin, value: MAX_MONEY })
  const pay = (...from: TestCoin[]): Transaction =>
    miner.pay(from.map(all), other.scriptPubKey, 1000, MAX_MONEY * 2)
  assert.equal(validated([pay(mature)], 0, rich), 'ok')
  assert.equal(validated([pay(mature, older)], 0, rich), 'invalid bad-txns-inputvalues-outofrange')
  assert.equal(validated([pay(mature), pay(older)], 0, rich), 'invalid bad-txns-accumulated-fee-outofrange')
})

test('relative locks hold (BIP68)', () => {
  const locked = (sequence: number): string =>
    validated([miner.spend([mature], [{ value: sats(1), scriptPubKey: other.scriptPubKey }], { sequence })])
  assert.equal(locked(3), 'ok')
  assert.equal(locked(4), 'invalid bad-txns-nonfinal')
  assert.equal(locked(SEQUENCE_LOCK_SECONDS), 'ok')
  assert.equal(locked(SEQUENCE_LOCK_SECONDS | 1), 'invalid bad-txns-nonfinal')
})

test('a coinbase claims at most subsidy and fees', () => {
  const paying = miner.pay([mature], other.scriptPubKey, 1000, 77)
  const allowed = subsidy(5, params) + 77
  assert.equal(validated([paying], allowed), 'ok')
  assert.equal(validated([paying], allowed - 1), 'ok')
  assert.equal(validated([paying], allowed + 1), 'invalid bad-cb-amount')
  assert.equal(validated([], subsidy(5, params) + 1), 'invalid bad-cb-amount')
})

test('a forged signature fails the checks that connecting asks for', () => {
  const theft = other.spend([mature], [{ value: sats(1), scriptPubKey: other.scriptPubKey }])
  assert.equal(validated([theft]), 'invalid schnorr-sig')
})

test('transactions verified before need no check, the others are checked in the order of the block', () => {
  const known = miner.pay([mature], other.scriptPubKey, 1000)
  const fresh = miner.pay([older], other.scriptPubKey, 1000)
  const { block } = chain.mineBlock(base, [known, fresh])
  const checked = (isVerified?: (tx: Transaction) => boolean): Uint8Array[] => {
    const overlay = new CoinsOverlay(coins, TEST_SALT)
    const checks: TransactionCheck[] = []
    const startChecks = (more: readonly TransactionCheck[]): void => {
      checks.push(...more)
    }
    assert.ok(connectBlock(block, overlay, chain.contextAfter(base), startChecks, isVerified).ok)
    return checks.map(({ transaction }) => transaction)
  }
  assert.deepEqual(
    checked((tx) => tx.wtxid === known.wtxid),
    [fresh.bytes],
  )
  assert.deepEqual(checked(), [known.bytes, fresh.bytes])
})

test('checks are handed over in the order of the block, the first while the rest is connected', () => {
  const fan = miner.spend(
    [mature],
    Array.from({ length: 600 }, () => ({ value: sats(1000), scriptPubKey: miner.scriptPubKey })),
  )
  const payments = miner.coinsOf(fan).map((coin) => miner.pay([coin], other.scriptPubKey, 900))
  const { block } = chain.mineBlock(base, [fan, ...payments])
  const overlay = new CoinsOverlay(coins, TEST_SALT)
  const [last] = payments.slice(-1)
  const handed: Uint8Array[] = []
  let wereEarly = 0
  const startChecks = (checks: readonly TransactionCheck[]): void => {
    handed.push(...checks.map(({ transaction }) => transaction))
    if (overlay.get(last.inputs[0].prevout)) wereEarly += checks.length
  }
  assert.ok(connectBlock(block, overlay, chain.contextAfter(base), startChecks).ok)
  assert.deepEqual(
    handed,
    [fan, ...payments].map(({ bytes }) => bytes),
  )
  assert.equal(wereEarly > 0 && wereEarly < handed.length, true)
})

test('the rules about inputs serve a transaction outside a block', () => {
  const tx = miner.pay([mature, older], other.scriptPubKey, 1000, 5)
  const spent = spentCoins(tx, coins)
  assert.ok(spent.ok)
  assert.deepEqual(
    spent.value.map(({ height }) => height),
    [2, 1],
  )
  assert.deepEqual(checkTxInputs(tx, spent.value, chain.contextAfter(base)), { ok: true, value: 5 })
  const orphan = miner.pay(miner.coinsOf(tx), other.scriptPubKey, 1000)
  assert.equal(code(spentCoins(orphan, coins)), 'invalid bad-txns-inputs-missingorspent')
})

test('undo data gives the coins that were spent and their scripts, in the order of the inputs', () => {
  const { block } = chain.mineBlock(base, [miner.pay([mature, older], other.scriptPubKey, 1000)])
  const connected = connectBlock(
    block,
    new CoinsOverlay(coins, TEST_SALT),
    chain.contextAfter(base),
    leaveChecks,
  )
  assert.ok(connected.ok)
  const { undo } = connected.value
  assert.deepEqual(
    spentCoinsIn(undo),
    [mature, older].map(({ prevout }) => coins.get(prevout)),
  )
  // The second belongs to another wallet.
  undo.fill(7, undo.length - 32)
  assert.deepEqual(spentScriptsIn(Uint8Array.of(1, ...undo).subarray(1)), [
    miner.scriptPubKey,
    p2trScript(new Uint8Array(32).fill(7)),
  ])
  assert.deepEqual(spentScriptsIn(new Uint8Array(0)), [])
})

test('disconnecting what was not connected throws and is no verdict', () => {
  const payment = miner.pay([mature], other.scriptPubKey, 1000)
  const { block } = chain.mineBlock(base, [payment])
  const connected = (): { overlay: CoinsOverlay; undo: Uint8Array } => {
    const overlay = new CoinsOverlay(coins, TEST_SALT)
    const result = connectBlock(block, overlay, chain.contextAfter(base), leaveChecks)
    assert.ok(result.ok)
    return { overlay, undo: result.value.undo }
  }
  assert.throws(
    () => disconnectBlock(block, connected().undo, new CoinsOverlay(coins, TEST_SALT), 5),
    /missing/,
  )
  assert.throws(() => disconnectBlock(block, connected().undo, connected().overlay, 6), /differs/)
  for (const fault of [{ value: sats(999) }, { outputKey: new Uint8Array(32) }]) {
    const { overlay, undo } = connected()
    const prevout = { txid: payment.txidBytes, index: 0 }
    overlay.add(prevout, { ...(overlay.spend(prevout) as Coin), ...fault })
    assert.throws(() => disconnectBlock(block, undo, overlay, 5), /differs/)
  }
  assert.throws(() => disconnectBlock(block, new Uint8Array(0), connected().overlay, 5), /too few/)
  const long = Uint8Array.of(...connected().undo, ...connected().undo)
  assert.throws(() => disconnectBlock(block, long, connected().overlay, 5), /too many/)
})

/** What generated blocks are made of: payments that pick coins and split them. Signatures don't matter to connecting. */
interface PaymentPlan {
  readonly picks: readonly number[]
  readonly outputs: number
  readonly fee: number
}

const anyBlockPlan = fc.array(
  fc.record({
    picks: fc.array(fc.nat(), { minLength: 1, maxLength: 3 }),
    outputs: fc.integer({ min: 1, max: 3 }),
    fee: fc.nat(1000),
  }),
  { maxLength: 4 },
)

type Coins = Map<string, { readonly prevout: Outpoint; readonly coin: Coin }>

/** Mines a block of payments from `coins`, an independent account of the unspent outputs, and brings it up to date. */
function minePlanned(
  on: TestChain,
  parent: TestBlock,
  plans: readonly PaymentPlan[],
  coins: Coins,
): TestBlock {
  const height = parent.height + 1
  const addOutputs = (tx: Transaction): void =>
    tx.outputs.forEach(({ value, scriptPubKey }, index) => {
      const outputKey = outputKeyOf(scriptPubKey)
      const prevout = { txid: tx.txidBytes, index }
      const coin = outputKey && { value, height, coinbase: tx.isCoinbase, outputKey: outputKey.slice() }
      if (coin) coins.set(outpointKey(prevout), { prevout, coin })
    })
  const transactions: Transaction[] = []
  for (const { picks, outputs, fee } of plans) {
    const spendable = [...coins.values()].filter(
      ({ coin }) => !coin.coinbase || height - coin.height >= on.params.coinbaseMaturity,
    )
    if (spendable.length === 0) continue
    const chosen = [...new Set(picks.map((pick) => spendable[pick % spendable.length]))]
    const total = chosen.reduce((sum, { coin }) => sum + coin.value, 0)
    const share = Math.max(Math.floor((total - fee) / outputs), 0)
    const tx = Transaction.of({
      version: 2,
      inputs: chosen.map(({ prevout }) => unsignedInput(prevout, 0xffffffff)),
      outputs: Array.from({ length: outputs }, () => ({
        value: sats(share),
        scriptPubKey: miner.scriptPubKey,
      })),
      lockTime: 0,
    })
    for (const { prevout } of chosen) coins.delete(outpointKey(prevout))
    addOutputs(tx)
    transactions.push(tx)
  }
  const block = on.mineBlock(parent, transactions)
  addOutputs(block.block.transactions[0])
  return block
}

function contents(table: CoinTable): [string, Coin][] {
  const all: [string, Coin][] = []
  table.forEach((prevout, coin) => {
    all.push([outpointKey(prevout), coin])
  })
  return all.sort()
}

function accountOf(coins: Coins): [string, Coin][] {
  return [...coins].map(([key, { coin }]): [string, Coin] => [key, coin]).sort()
}

test('over generated chains: coins are those of an independent account, supply is subsidies, disconnecting restores all', () => {
  fc.assert(
    fc.property(fc.array(anyBlockPlan, { minLength: 1, maxLength: 12 }), (plans) => {
      const on = new TestChain(params)
      const table = new CoinTable(TEST_SALT)
      const account: Coins = new Map()
      const done: {
        readonly block: TestBlock
        readonly undo: Uint8Array
        readonly before: [string, Coin][]
      }[] = []
      let tip = on.genesis
      let issued = 0
      for (const plan of plans) {
        const before = contents(table)
        const block = minePlanned(on, tip, plan, account)
        const overlay = new CoinsOverlay(table, TEST_SALT)
        const connected = connectBlock(block.block, overlay, on.contextAfter(tip), leaveChecks)
        assert.ok(connected.ok, !connected.ok ? connected.detail : '')

        // On the overlay itself, disconnecting leaves no trace.
        const back = new CoinsOverlay(overlay, TEST_SALT)
        disconnectBlock(block.block, connected.value.undo, back, block.height)
        back.applyTo(overlay)
        assert.equal(overlay.changes().added.length + overlay.changes().spent.length, 0)
        const again = connectBlock(block.block, overlay, on.contextAfter(tip), leaveChecks)
        assert.deepEqual(again, connected)

        overlay.applyTo(table)
        issued += subsidy(block.height, params)
        assert.deepEqual(contents(table), accountOf(account))
        const supply = contents(table).reduce((sum, [, coin]) => sum + coin.value, 0)
        assert.ok(supply <= issued, `${supply} of ${issued}`)
        done.push({ block, undo: connected.value.undo, before })
        tip = block
      }
      for (const { block, undo, before } of done.toReversed()) {
        const overlay = new CoinsOverlay(table, TEST_SALT)
        disconnectBlock(block.block, undo, overlay, block.height)
        overlay.applyTo(table)
        assert.deepEqual(contents(table), before)
      }
      assert.equal(table.size, 0)
    }),
    { numRuns: 60 },
  )
})

test('a reorganisation on one overlay ends in the coins of the new branch alone', () => {
  fc.assert(
    fc.property(
      fc.array(anyBlockPlan, { minLength: 4, maxLength: 6 }),
      fc.array(anyBlockPlan, { minLength: 1, maxLength: 4 }),
      fc.array(anyBlockPlan, { minLength: 1, maxLength: 4 }),
      (shared, left, right) => {
        const on = new TestChain(params)
        const grow = (from: TestBlock, plans: typeof left, coins: Coins): TestBlock[] => {
          const blocks: TestBlock[] = []
          for (const plan of plans) blocks.push(minePlanned(on, blocks.at(-1) ?? from, plan, coins))
          return blocks
        }
        const connect = (overlay: CoinsOverlay, { block, parent }: TestBlock): Uint8Array => {
          const connected = connectBlock(block, overlay, on.contextAfter(parent as TestBlock), leaveChecks)
          assert.ok(connected.ok, !connected.ok ? connected.detail : '')
          return connected.value.undo
        }
        const account: Coins = new Map()
        const trunk = grow(on.genesis, shared, account)
        const fork = trunk[trunk.length - 1]
        const leftBlocks = grow(fork, left, new Map(account))
        const rightBlocks = grow(fork, right, account)

        const table = new CoinTable(TEST_SALT)
        const first = new CoinsOverlay(table, TEST_SALT)
        for (const block of trunk) connect(first, block)
        const undos = leftBlocks.map((block) => connect(first, block))
        first.applyTo(table)

        const reorganisation = new CoinsOverlay(table, TEST_SALT)
        leftBlocks.toReversed().forEach(({ block, height }, i) => {
          disconnectBlock(block, undos[undos.length - 1 - i], reorganisation, height)
        })
        for (const block of rightBlocks) connect(reorganisation, block)
        reorganisation.applyTo(table)
        assert.deepEqual(contents(table), accountOf(account))
      },
    ),
    { numRuns: 60 },
  )
})
