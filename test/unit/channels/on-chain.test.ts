/**
 * Promises: what a channel publishes, the mempool relays and the chain takes, at the least feerate and with a child that pays, and no
 * counterparty can hold it back; when all is over, every satoshi is with whom the last state gave it to, and a thief has none.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { schnorr } from '@noble/curves/secp256k1.js'
import { msat } from '../../../src/channels/amount.ts'
import { htlcTransactions } from '../../../src/channels/htlc-transactions.ts'
import { FEERATE_FLOOR } from '../../../src/channels/policy.ts'
import {
  type ChannelSpend,
  counterpartySpends,
  holderSpends,
  penaltySpends,
  type SpendPlan,
  secondLevelSpends,
  spendTransaction,
  spendWitness,
  withWitnesses,
} from '../../../src/channels/spends.ts'
import { sats } from '../../../src/primitives/amount.ts'
import { equalBytes } from '../../../src/primitives/bytes.ts'
import { sha256 } from '../../../src/primitives/hashes.ts'
import type { Transaction } from '../../../src/primitives/transaction.ts'
import { packOutputs } from '../../../src/script/input-check.ts'
import { SIGHASH_DEFAULT, SighashCache } from '../../../src/script/sighash.ts'
import { tweakSecretKey } from '../../../src/script/taproot.ts'
import type { TestCoin } from '../../support/chain-builder.ts'
import { ChainNode } from '../../support/chain-node.ts'
import {
  ChannelPair,
  ChannelSide,
  type ChannelState,
  preimageOf,
  type StateHtlc,
} from '../../support/channels.ts'
import { value } from '../../support/wallets.ts'

const CAPACITY = 10_000_000

/** What is not as by default: satoshis for 1,000 weight units, who is paid, a parent to be lifted. */
type SpendOptions = Partial<Pick<SpendPlan, 'feerate' | 'destination' | 'parent'>>

/** A channel on a chain. */
class Rig {
  readonly node: ChainNode
  readonly pair: ChannelPair
  /** Coins of a wallet that pay fees, one after another. */
  private readonly coins: TestCoin[]
  /** What each side has got on the chain. */
  readonly got = new Map<ChannelSide, number>()

  private constructor(node: ChainNode, pair: ChannelPair, coins: TestCoin[]) {
    this.node = node
    this.pair = pair
    this.coins = coins
  }

  static async open(): Promise<Rig> {
    const node = await ChainNode.open()
    const pair = new ChannelPair(new ChannelSide('a', 354, 12), new ChannelSide('b', 354, 8), CAPACITY)
    const [coin] = await node.fund(1, CAPACITY + 100_000)
    const funding = node.wallet.pay([coin], pair.fundingOutput.scriptPubKey, CAPACITY, 1_000)
    await node.mine([funding])
    pair.fundingTxid = funding.txid
    return new Rig(node, pair, await node.fund(60, 100_000))
  }

  get height(): number {
    return this.node.tip.height
  }

  /** The commitment of `owner`, signed by both, and what each side makes of it; preimages of the payments in `known`. */
  publish(state: ChannelState, owner: ChannelSide, known: readonly number[]) {
    const { pair } = this
    const other = pair.other(owner)
    const own = pair.build(state, owner, owner)
    const seen = pair.build(state, owner, other)
    const secondLevel = htlcTransactions(own.contract, own.commitment, own.built)
    const signatures = secondLevel.map((each) => other.signHtlc(each, own.commitment.point))
    const preimageFor = (hash: Uint8Array) =>
      known.map(preimageOf).find((preimage) => equalBytes(sha256(preimage), hash))
    const secret = owner.perCommitmentSecret(state.number)
    return {
      owner,
      other,
      built: own.built,
      transaction: pair.signFunding(own.built.transaction),
      holder: holderSpends(own.contract, own.commitment, own.built, secondLevel, signatures, preimageFor),
      counterparty: counterpartySpends(seen.commitment, seen.built, preimageFor),
      penalty: penaltySpends(seen.built, secret),
      settle: (transaction: Transaction) => secondLevelSpends(own.contract, own.commitment, transaction),
      punish: (transaction: Transaction) =>
        secondLevelSpends(seen.contract, seen.commitment, transaction, secret),
    }
  }

  /** One transaction for the spends, signed by `side`, with a coin of the wallet where they pay no fee. */
  spend(
    side: ChannelSide,
    spends: readonly ChannelSpend[],
    { feerate = 500, destination = side.script, parent }: SpendOptions = {},
  ): Transaction {
    const { wallet } = this.node
    const poor = spends.some(({ paired }) => paired) || spends.every(({ kind }) => kind === 'anchor')
    const coins = poor ? this.coins.splice(0, 1) : []
    const fees = coins.map(({ prevout, value }) => ({
      outpoint: prevout,
      output: { value: sats(value), scriptPubKey: wallet.scriptPubKey },
    }))
    const planned = value(
      spendTransaction({
        spends,
        coins: fees,
        destination,
        feerate,
        ...(parent ? { parent } : {}),
      }),
    )
    const { transaction } = planned
    const spent = [...spends, ...fees].map(({ output }) => output)
    const sighashes = new SighashCache(transaction, packOutputs(spent))
    const witnesses = [
      ...spends.map((spend, i) =>
        spendWitness(spend, side.signSpend(transaction, spends, i, spent.slice(spends.length))),
      ),
      ...fees.map((_, i) => {
        const sighash = sighashes.sighash(spends.length + i, SIGHASH_DEFAULT)
        assert(sighash)
        return [schnorr.sign(sighash, tweakSecretKey(wallet.secretKey))]
      }),
    ]
    const signed = withWitnesses(transaction, witnesses)
    assert.equal(signed.weight, planned.weight)
    return signed
  }

  /** Mines what the mempool holds and takes account of it. */
  async mine(): Promise<Transaction[]> {
    const transactions = this.node.mempool.select(300_000).map((entry) => entry.transaction)
    await this.node.mine(transactions)
    for (const { outputs } of transactions)
      for (const side of [this.pair.a, this.pair.b])
        for (const { value, scriptPubKey } of outputs)
          if (equalBytes(scriptPubKey, side.script)) this.got.set(side, (this.got.get(side) ?? 0) + value)
    return transactions
  }

  /** Mines empty blocks until the next one has `height`. */
  async mineUntil(height: number): Promise<void> {
    while (this.height + 1 < height) await this.node.mine()
  }

  /** Sends a transaction, which must be refused with `early` as long as the next block is below `height`, and taken then. */
  async sendWhenDue(transaction: Transaction, height: number, early: string): Promise<void> {
    if (this.height + 1 < height) {
      await this.mineUntil(height - 1)
      assert.equal(await this.node.code(transaction), early)
      await this.mineUntil(height)
    }
    assert.equal(await this.node.code(transaction), 'ok')
  }

  /** Offers a transaction to the mempool, whose answer must be this. */
  async send(transaction: Transaction, expected = 'ok'): Promise<void> {
    assert.equal(await this.node.code(transaction), expected)
  }
}

function htlc(id: number, ofA: boolean, sat: number, expiry: number): StateHtlc {
  return { id, ofA, amount: msat(sat * 1000), paymentHash: sha256(preimageOf(id)), expiry }
}

function stateOf(number: number, bSats: number, htlcs: readonly StateHtlc[], feerate = 1_000): ChannelState {
  const inHtlcs = htlcs.reduce((sum, { amount }) => sum + amount, 0)
  const bAmount = msat(bSats * 1000)
  return { number, feerate, aAmount: msat(CAPACITY * 1000 - inHtlcs - bAmount), bAmount, htlcs }
}

test('a channel that one side closes pays out every output, each when it is due', async () => {
  const rig = await Rig.open()
  const { a, b } = rig.pair
  const expiry = rig.height + 15
  // Of each side: one that its preimage claims, one that expires.
  const htlcs = [
    htlc(0, true, 50_000, expiry),
    htlc(1, true, 60_000, expiry),
    htlc(2, false, 70_000, expiry),
    htlc(3, false, 80_000, expiry),
  ]
  const published = rig.publish(stateOf(5, 3_000_000, htlcs), a, [0, 2])
  await rig.send(published.transaction)
  // All but anchors wait a block.
  const toRemote = rig.spend(
    b,
    published.counterparty.filter(({ kind }) => kind === 'to-remote'),
  )
  await rig.send(toRemote, 'non-BIP68-final')
  await rig.mine()
  const confirmed = rig.height
  await rig.send(toRemote)

  const [success] = published.holder.filter(({ kind }) => kind === 'htlc-success-transaction')
  const [claim] = published.counterparty.filter(({ kind }) => kind === 'htlc-success')
  const successTransaction = rig.spend(a, [success])
  await rig.send(successTransaction)
  await rig.send(rig.spend(b, [claim]))
  assert.equal((await rig.mine()).length, 3)

  const settled = rig.spend(a, published.settle(successTransaction))
  await rig.sendWhenDue(settled, rig.height + 12, 'non-BIP68-final')
  const toLocal = rig.spend(
    a,
    published.holder.filter(({ kind }) => kind === 'to-local'),
  )
  await rig.sendWhenDue(toLocal, confirmed + 12, 'non-BIP68-final')
  await rig.mine()

  // Each side's HTLC that nobody claimed: the expiry is the last height at which it can't be taken back.
  const timeout = published.holder.filter(
    ({ kind, htlc }) => kind === 'htlc-timeout-transaction' && htlc?.id === 1,
  )
  const back = published.counterparty.filter(({ kind, htlc }) => kind === 'htlc-timeout' && htlc?.id === 3)
  const timeoutTransaction = rig.spend(a, timeout)
  await rig.sendWhenDue(timeoutTransaction, expiry + 1, 'non-final')
  await rig.send(rig.spend(b, back))
  await rig.mine()
  await rig.sendWhenDue(
    rig.spend(a, published.settle(timeoutTransaction)),
    rig.height + 12,
    'non-BIP68-final',
  )
  await rig.mine()

  // B has its share, what it claimed and what it took back; nothing but the anchors is left.
  const near = (side: ChannelSide, sum: number) => {
    const got = rig.got.get(side) ?? 0
    assert.ok(got <= sum && got > sum - 3_000, `${got} of ${sum}`)
  }
  near(b, 3_000_000 + 50_000 + 80_000)
  const left = published.built.outputs.filter(
    ({ kind }) => kind === 'local-anchor' || kind === 'remote-anchor',
  )
  const funderCost = published.built.fee + left.reduce((sum, { amount }) => sum + amount, 0)
  // The coins of the wallet that paid for two second-level transactions came back to A with what they had left.
  near(a, CAPACITY - 3_130_000 - funderCost + 2 * 100_000)
})

test('a thief gets nothing, however it races', async () => {
  const rig = await Rig.open()
  const { a, b } = rig.pair
  const expiry = rig.height + 3
  const htlcs = [htlc(0, true, 50_000, expiry), htlc(1, true, 60_000, expiry), htlc(2, false, 70_000, expiry)]
  // A publishes a state in which B had little.
  const stolen = rig.publish(stateOf(7, 100_000, htlcs), a, [2])
  await rig.send(stolen.transaction)
  await rig.mine()
  // Before B acts, A takes HTLCs to the second level.
  const [success] = stolen.holder.filter(({ kind }) => kind === 'htlc-success-transaction')
  const timeouts = stolen.holder.filter(({ kind }) => kind === 'htlc-timeout-transaction')
  const whole = rig.spend(b, stolen.penalty)
  const successTransaction = rig.spend(a, [success], { feerate: 10_000 })
  await rig.send(successTransaction)
  // It is in the way of the penalty for everything, unless that pays more.
  await rig.send(whole, 'insufficient fee')
  await rig.mine()
  await rig.mineUntil(expiry + 1)
  const timeoutTransaction = rig.spend(a, timeouts)
  await rig.send(timeoutTransaction)
  await rig.mine()
  await rig.send(whole, 'bad-txns-inputs-missingorspent')
  // What is left of the commitment, and both second-level transactions, in one.
  const taken = [
    ...stolen.penalty.filter(({ kind }) => kind !== 'revoked-htlc'),
    ...stolen.punish(successTransaction),
    ...stolen.punish(timeoutTransaction),
  ]
  assert.equal(stolen.punish(timeoutTransaction).length, 2)
  const early = rig.spend(a, stolen.settle(successTransaction))
  await rig.send(early, 'non-BIP68-final')
  await rig.send(rig.spend(b, taken))
  await rig.mine()
  const anchor = 330
  const got = rig.got.get(b) ?? 0
  const all = CAPACITY - stolen.built.fee - anchor
  assert.ok(got <= all && got > all - 2_000, `${got} of ${all}`)
  await rig.mineUntil(rig.height + 20)
  await rig.send(early, 'bad-txns-inputs-missingorspent')
})

test('a commitment at the least feerate is relayed by itself, and its anchor’s child lifts it into the next block', async () => {
  const rig = await Rig.open()
  const { a } = rig.pair
  const { transaction, built, holder } = rig.publish(stateOf(9, 4_000_000, [], FEERATE_FLOOR), a, [])
  await rig.send(transaction)
  const anchor = holder.filter(({ kind }) => kind === 'anchor')
  const child = rig.spend(a, anchor, {
    feerate: 5_000,
    parent: { weight: transaction.weight, fee: built.fee },
  })
  await rig.send(child)
  const entry = rig.node.mempool.get(child.txid)
  assert(entry)
  const rate = (entry.fee + built.fee) / (child.weight + transaction.weight)
  assert.ok(rate >= 5 && rate < 5.01)
  // A block with room for the two alone takes them before anything that pays less a unit.
  for (const coin of await rig.node.fund(5)) await rig.send(rig.node.spend([coin], 500))
  const selected = rig.node.mempool.select(child.weight + transaction.weight)
  assert.deepEqual(
    selected.map((each) => each.transaction.txid),
    [transaction.txid, child.txid],
  )
})

test('a counterparty that fills all places behind its own anchor does not keep the other’s child out', async () => {
  const rig = await Rig.open()
  const { a, b } = rig.pair
  const { transaction, built, holder, counterparty } = rig.publish(
    stateOf(9, 4_000_000, [], FEERATE_FLOOR),
    a,
    [],
  )
  await rig.send(transaction)
  // B: a line of 24 that pay the least.
  const { node } = rig
  const floor = { feerate: FEERATE_FLOOR, destination: node.wallet.scriptPubKey }
  let cheap = rig.spend(
    b,
    counterparty.filter(({ kind }) => kind === 'anchor'),
    floor,
  )
  await rig.send(cheap)
  for (let i = 1; i < 24; i++) {
    cheap = node.spend(node.wallet.coinsOf(cheap), 120)
    await rig.send(cheap)
  }
  await rig.send(node.spend(node.wallet.coinsOf(cheap), 120), 'too-long-mempool-chain')
  const anchor = holder.filter(({ kind }) => kind === 'anchor')
  const child = rig.spend(a, anchor, {
    feerate: 5_000,
    parent: { weight: transaction.weight, fee: built.fee },
  })
  await rig.send(child)
  const [first, second] = rig.node.mempool.select(child.weight + transaction.weight)
  assert.deepEqual([first.transaction.txid, second.transaction.txid], [transaction.txid, child.txid])
})
