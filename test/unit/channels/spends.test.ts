/**
 * Promises: every output of a channel's transactions can be spent in each way that the contract gives, and in no other: not before a delay or an
 * expiry, with no other key, preimage or secret. The judge is our own interpreter, by the rules of policy, and the locks of consensus.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { schnorr } from '@noble/curves/secp256k1.js'
import fc from 'fast-check'
import { msat } from '../../../src/channels/amount.ts'
import {
  type HtlcTransaction,
  htlcSignatureCheck,
  htlcTransactions,
} from '../../../src/channels/htlc-transactions.ts'
import type { SpendKey } from '../../../src/channels/ports.ts'
import {
  anchorsOfAnyone,
  type ChannelSpend,
  counterpartySpends,
  feeFor,
  holderSpends,
  inputWeight,
  penaltySpends,
  secondLevelSpends,
  spendRequest,
  spendTransaction,
  spendWitness,
  toRemoteSpends,
  withWitnesses,
} from '../../../src/channels/spends.ts'
import type { BlockContext } from '../../../src/consensus/block-context.ts'
import { isFinal, sequenceLocksMet } from '../../../src/consensus/locks.ts'
import { REGTEST } from '../../../src/consensus/params.ts'
import { checkStandard } from '../../../src/policy/standard.ts'
import { sats } from '../../../src/primitives/amount.ts'
import { equalBytes } from '../../../src/primitives/bytes.ts'
import { sha256 } from '../../../src/primitives/hashes.ts'
import { Transaction, type TxOutput } from '../../../src/primitives/transaction.ts'
import { packOutputs } from '../../../src/script/input-check.ts'
import { verifySchnorr } from '../../../src/script/schnorr.ts'
import { STANDARD_SCRIPT_FLAGS } from '../../../src/script/script-flags.ts'
import { SIGHASH_DEFAULT, SighashCache } from '../../../src/script/sighash.ts'
import { outputKeyOf, p2trScript, tweakSecretKey } from '../../../src/script/taproot.ts'
import { verifyTransaction } from '../../../src/script/verify-input.ts'
import { ChannelPair, ChannelSide, type ChannelState, channels, preimageOf } from '../../support/channels.ts'
import { value } from '../../support/wallets.ts'

const FEERATE = 500

/** A coin of a wallet, which pays for what can't pay for itself, and the secret key of its output. */
const coinSecret = tweakSecretKey(sha256(new Uint8Array(1)))
const COIN = {
  outpoint: { txid: sha256(new Uint8Array(2)), index: 3 },
  output: { value: sats(200_000), scriptPubKey: p2trScript(schnorr.getPublicKey(coinSecret)) },
}

/** One transaction for the spends, with the coin where they pay no fee. */
function plan(spends: readonly ChannelSpend[]) {
  const poor = spends.some(({ paired, kind }) => paired || kind.startsWith('anchor'))
  const destination = COIN.output.scriptPubKey
  return value(spendTransaction({ spends, coins: poor ? [COIN] : [], destination, feerate: FEERATE }))
}

function spentBy(transaction: Transaction, spends: readonly ChannelSpend[]): TxOutput[] {
  const outputs = spends.map(({ output }) => output)
  return transaction.inputs.length > spends.length ? [...outputs, COIN.output] : outputs
}

/** Signs every input: those of the channel by `side`. */
function sign(side: ChannelSide, unsigned: Transaction, spends: readonly ChannelSpend[]): Transaction {
  const spent = spentBy(unsigned, spends)
  const witnesses = spends.map((spend, i) =>
    spendWitness(spend, side.signSpend(unsigned, spends, i, spent.slice(spends.length))),
  )
  if (spent.length > spends.length) {
    const sighash = new SighashCache(unsigned, packOutputs(spent)).sighash(spends.length, SIGHASH_DEFAULT)
    assert(sighash)
    witnesses.push([schnorr.sign(sighash, coinSecret)])
  }
  return withWitnesses(unsigned, witnesses)
}

/** `ok`, or the code by which the first bad input fails. */
function verdictOf(transaction: Transaction, spends: readonly ChannelSpend[]): string {
  const failure = verifyTransaction({
    transaction: transaction.bytes,
    spentOutputs: packOutputs(spentBy(transaction, spends)),
    flags: STANDARD_SCRIPT_FLAGS,
  })
  return failure?.code ?? 'ok'
}

/** Another lock time, other sequences, other outputs than planned. */
interface Tampering {
  readonly sequence?: number
  readonly lockTime?: number
  readonly firstValue?: number
}

/** The verdict on a spend alone, signed by `side`, of a transaction that was changed before it was signed. */
function attempt(side: ChannelSide, spend: ChannelSpend, tampering: Tampering = {}): string {
  const { version, inputs, outputs, lockTime } = plan([spend]).transaction
  const changed = Transaction.of({
    version,
    inputs: inputs.map((input, i) => ({
      ...input,
      sequence: i === 0 ? (tampering.sequence ?? input.sequence) : input.sequence,
    })),
    outputs: outputs.map((output, i) => ({
      ...output,
      value: i === 0 ? sats(tampering.firstValue ?? output.value) : output.value,
    })),
    lockTime: tampering.lockTime ?? lockTime,
  })
  return verdictOf(sign(side, changed, [spend]), [spend])
}

/** The block at `height`, on a chain whose blocks are a second apart. */
function block(height: number): BlockContext {
  return {
    params: REGTEST,
    genesisHash: new Uint8Array(32),
    height,
    medianTimePast: height,
    medianTimePastAt: (at) => at,
  }
}

/** That the locks of consensus, whatever the scripts say, hold until a spend is due and no longer. Its output was confirmed at height 100. */
function assertDue(transaction: Transaction, spend: ChannelSpend): void {
  const coins = transaction.inputs.map(() => ({
    value: sats(1),
    height: 100,
    coinbase: false,
    outputKey: new Uint8Array(32),
  }))
  if (spend.sequence < 0x80000000) {
    assert.equal(sequenceLocksMet(transaction, coins, block(100 + spend.sequence - 1)), false)
    assert.equal(sequenceLocksMet(transaction, coins, block(100 + spend.sequence)), true)
  }
  if (spend.lockTime > 0) {
    assert.equal(isFinal(transaction, spend.lockTime, 0), false)
    assert.equal(isFinal(transaction, spend.lockTime + 1, 0), true)
  }
}

function preimageFor(paymentHash: Uint8Array): Uint8Array | undefined {
  return [...Array(6).keys()].map(preimageOf).find((preimage) => equalBytes(sha256(preimage), paymentHash))
}

/** A published commitment of `owner`, and what each side can make of it. */
function publish(pair: ChannelPair, state: ChannelState, owner: ChannelSide) {
  const other = pair.other(owner)
  const own = pair.build(state, owner, owner)
  const others = pair.build(state, owner, other)
  const secondLevel = htlcTransactions(own.contract, own.commitment, own.built)
  const signatures = secondLevel.map((each) => other.signHtlc(each, own.commitment.point))
  const secret = owner.perCommitmentSecret(state.number)
  return {
    ...own,
    owner,
    other,
    others,
    secondLevel,
    secret,
    holder: holderSpends(own.contract, own.commitment, own.built, secondLevel, signatures, preimageFor),
    counterparty: counterpartySpends(others.commitment, others.built, preimageFor),
    penalty: penaltySpends(others.built, secret),
    anyone: anchorsOfAnyone(own.built),
    signatures,
  }
}

/** The second-level transaction that a spend makes, signed, and both sides' spends of its output. */
function secondLevelOf(
  { owner, contract, commitment, others, secret }: ReturnType<typeof publish>,
  spends: readonly ChannelSpend[],
) {
  const transaction = sign(owner, plan(spends).transaction, spends)
  return {
    transaction,
    settle: secondLevelSpends(contract, commitment, transaction),
    penalty: secondLevelSpends(others.contract, others.commitment, transaction, secret),
  }
}

/** Every spend of a published commitment, its second level included, with who signs it. */
function everySpend(published: ReturnType<typeof publish>): [ChannelSide, ChannelSpend][] {
  const { owner, other, holder, counterparty, penalty, anyone } = published
  const secondLevel = holder.filter(({ paired }) => paired).map((spend) => secondLevelOf(published, [spend]))
  return [
    ...[...holder, ...secondLevel.flatMap(({ settle }) => settle)].map(
      (spend) => [owner, spend] as [ChannelSide, ChannelSpend],
    ),
    ...[...counterparty, ...penalty, ...anyone, ...secondLevel.flatMap(({ penalty }) => penalty)].map(
      (spend) => [other, spend] as [ChannelSide, ChannelSpend],
    ),
  ]
}

test('every spend of random channels is valid, standard, due when its locks say and not before, and weighs what was predicted', () => {
  const kinds = new Set<string>()
  fc.assert(
    fc.property(channels, fc.boolean(), ({ pair, state }, ofA) => {
      const published = publish(pair, state, ofA ? pair.a : pair.b)
      for (const [side, spend] of everySpend(published)) {
        const rich = spend.paired || spend.kind.startsWith('anchor') || spend.output.value > 1_000
        if (!rich) continue
        const { transaction, weight, fee } = plan([spend])
        const whole = sign(side, transaction, [spend])
        assert.equal(verdictOf(whole, [spend]), 'ok', spend.kind)
        value(checkStandard(whole, REGTEST))
        assert.equal(whole.weight, weight, spend.kind)
        assert.equal(fee, feeFor(FEERATE, weight))
        const paid = whole.outputs.reduce((sum, { value }) => sum + value, 0)
        assert.equal(spentBy(whole, [spend]).reduce((sum, { value }) => sum + value, 0) - paid, fee)
        assertDue(whole, spend)
        kinds.add(spend.kind)
      }
    }),
    { seed: 5, numRuns: 12 },
  )
  assert.equal(kinds.size, 12, [...kinds].join())
})

/** A channel whose commitments have every kind of output, and HTLCs of both sides with and without company of the same expiry. */
function wholeChannel() {
  const pair = new ChannelPair(new ChannelSide('a', 354, 144), new ChannelSide('b', 354, 12), 10_000_000)
  const htlcs = [true, false, true, false].map((ofA, id) => ({
    ofA,
    id,
    amount: msat(20_000_000 + id),
    paymentHash: sha256(preimageOf(id)),
    expiry: 600 + id,
  }))
  const inHtlcs = htlcs.reduce((sum, { amount }) => sum + amount, 0)
  const bAmount = msat(3_000_000_000)
  const state = {
    number: 42,
    feerate: 1_000,
    aAmount: msat(10_000_000_000 - inHtlcs - bAmount),
    bAmount,
    htlcs,
  }
  return { pair, state }
}

test('no spend is valid before its delay or its expiry', () => {
  const { pair, state } = wholeChannel()
  for (const owner of [pair.a, pair.b])
    for (const [side, spend] of everySpend(publish(pair, state, owner))) {
      // Of second-level transactions the counterparty's signature holds the locks, elsewhere the script.
      const code = spend.paired ? 'schnorr-sig' : 'unsatisfied-locktime'
      if (spend.sequence < 0x80000000)
        for (const sequence of [
          spend.sequence - 1,
          0xfffffffd,
          0x80000000 + spend.sequence,
          0x400000 + spend.sequence,
        ])
          assert.equal(attempt(side, spend, { sequence }), code, `${spend.kind} ${sequence}`)
      if (spend.lockTime > 0) {
        assert.equal(attempt(side, spend, { lockTime: spend.lockTime - 1 }), code, spend.kind)
        assert.equal(attempt(side, spend, { sequence: 0xffffffff }), code, spend.kind)
      }
    }
})

/** The same spend, signed with another key. */
function keyed(spend: ChannelSpend, key: SpendKey): ChannelSpend {
  return { ...spend, key }
}

test('no other key signs: neither the other side’s, nor one of another commitment, nor a revocation without the secret', () => {
  const { pair, state } = wholeChannel()
  for (const owner of [pair.a, pair.b]) {
    const published = publish(pair, state, owner)
    const { point } = published.commitment
    const other = owner.perCommitmentPoint(state.number + 1)
    const keys: SpendKey[] = [
      { kind: 'payment' },
      { kind: 'delayed-payment', point },
      { kind: 'htlc', point },
      { kind: 'revocation', secret: published.secret },
      { kind: 'delayed-payment', point: other },
      { kind: 'htlc', point: other },
      { kind: 'revocation', secret: owner.perCommitmentSecret(state.number + 1) },
    ]
    for (const [side, spend] of everySpend(published)) {
      if (!spend.key) continue
      for (const signer of [pair.a, pair.b])
        for (const key of keys) {
          const right: boolean =
            signer === side && equalBytes(signer.secretKey(key), side.secretKey(spend.key))
          assert.equal(
            attempt(signer, keyed(spend, key)),
            right ? 'ok' : 'schnorr-sig',
            `${spend.kind} ${key.kind}`,
          )
        }
    }
  }
})

test('an HTLC is taken with its preimage alone', () => {
  const { pair, state } = wholeChannel()
  for (const owner of [pair.a, pair.b]) {
    const spends = everySpend(publish(pair, state, owner)).filter(([, { above }]) => above.length > 0)
    assert.equal(spends.length, 4)
    for (const [side, spend] of spends) {
      const [preimage] = spend.above
      const wrong = [preimageOf(9), preimage.subarray(1), Uint8Array.of(...preimage, 0), new Uint8Array(0)]
      for (const other of wrong)
        assert.equal(attempt(side, { ...spend, above: [other] }), 'equalverify', spend.kind)
    }
  }
})

test('without a preimage nothing is claimed by one, and all else is the same', () => {
  const { pair, state } = wholeChannel()
  const { contract, commitment, built, secondLevel, signatures, others, holder, counterparty } = publish(
    pair,
    state,
    pair.a,
  )
  const none = () => undefined
  const kindsOf = (spends: readonly ChannelSpend[]) => spends.map(({ kind }) => kind)
  assert.deepEqual(
    kindsOf(holderSpends(contract, commitment, built, secondLevel, signatures, none)),
    kindsOf(holder).filter((kind) => kind !== 'htlc-success-transaction'),
  )
  assert.deepEqual(
    kindsOf(counterpartySpends(others.commitment, others.built, none)),
    kindsOf(counterparty).filter((kind) => kind !== 'htlc-success'),
  )
})

test('a second-level transaction needs the counterparty, who signed its output and no other', () => {
  const { pair, state } = wholeChannel()
  const published = publish(pair, state, pair.a)
  for (const spend of published.holder.filter(({ paired }) => paired)) {
    const less = spend.output.value - 1
    assert.equal(attempt(pair.a, spend, { firstValue: less }), 'schnorr-sig')
    const plain = spend.below[0].subarray(0, 64)
    assert.equal(attempt(pair.a, { ...spend, below: [plain] }), 'schnorr-sig')
    assert.notEqual(attempt(pair.a, { ...spend, below: [new Uint8Array(0)] }), 'ok')
  }
  const [first, second] = published.secondLevel
  const check = (each: HtlcTransaction, signature: Uint8Array) =>
    verifySchnorr(htlcSignatureCheck(each, signature, published.built))
  assert.ok(check(first, published.signatures[0]) && check(second, published.signatures[1]))
  assert.equal(check(first, published.signatures[1]), false)
})

test('second-level transactions of one lock time share a transaction, whose outputs are all found, by both sides', () => {
  const { pair, state } = wholeChannel()
  const same = { ...state, htlcs: state.htlcs.map((htlc) => ({ ...htlc, expiry: 600 })) }
  const published = publish(pair, same, pair.b)
  for (const kind of ['htlc-success-transaction', 'htlc-timeout-transaction']) {
    const spends = published.holder.filter((spend) => spend.kind === kind)
    assert.equal(spends.length, 2)
    const { transaction, settle, penalty } = secondLevelOf(published, spends)
    assert.equal(verdictOf(transaction, spends), 'ok')
    assert.equal(transaction.weight, plan(spends).weight)
    for (const [side, found] of [
      [pair.b, settle],
      [pair.a, penalty],
    ] as const) {
      assert.deepEqual(
        found.map(({ output }) => output.value),
        spends.map(({ output }) => output.value),
      )
      assert.equal(verdictOf(sign(side, plan(found).transaction, found), found), 'ok')
    }
  }
  const mixed = spendTransaction({
    spends: published.holder.filter(({ paired }) => paired),
    coins: [COIN],
    destination: COIN.output.scriptPubKey,
    feerate: FEERATE,
  })
  assert.equal(mixed.ok || mixed.code, 'spend-lock-times')
})

test('a thief loses everything: one transaction takes all outputs of a revoked commitment but the thief’s anchor', () => {
  fc.assert(
    fc.property(channels, fc.boolean(), ({ pair, state }, ofA) => {
      const { other, built, penalty } = publish(pair, state, ofA ? pair.a : pair.b)
      const taken = penalty.reduce((sum, { output }) => sum + output.value, 0)
      const anchors = built.outputs.filter(({ kind }) => kind === 'local-anchor')
      const all = built.transaction.outputs.reduce((sum, { value }) => sum + value, 0)
      assert.equal(taken, all - anchors.reduce((sum, { amount }) => sum + amount, 0))
      const planned = plan(penalty)
      const whole = sign(other, planned.transaction, penalty)
      assert.equal(verdictOf(whole, penalty), 'ok')
      assert.equal(whole.weight, planned.weight)
    }),
    { seed: 7, numRuns: 15 },
  )
})

test('who lost all state finds its share in a commitment of any number', () => {
  const { pair, state } = wholeChannel()
  const { built, counterparty } = publish(pair, { ...state, number: 99 }, pair.b)
  const found = toRemoteSpends(pair.contractOf(pair.a), built.transaction)
  assert.deepEqual(
    found,
    counterparty.filter(({ kind }) => kind === 'to-remote'),
  )
  assert.equal(attempt(pair.a, found[0]), 'ok')
  assert.deepEqual(toRemoteSpends(pair.contractOf(pair.b), built.transaction), [])
})

test('an input weighs in company what it weighs alone', () => {
  const { pair, state } = wholeChannel()
  const { counterparty } = publish(pair, state, pair.a)
  const due = counterparty.filter(({ lockTime }) => lockTime === 0)
  assert.ok(due.length > 2)
  for (const spend of due) {
    const without = due.filter((each) => each !== spend && each.kind !== 'anchor')
    const difference = plan([...without, spend]).weight - plan(without).weight
    // A coin joins the anchor: outpoint, and a witness of one signature.
    assert.equal(difference, inputWeight(spend) + (spend.kind === 'anchor' ? 164 + 66 : 0), spend.kind)
  }
})

test('a child pays for a parent up to its fee rate, and no less than for itself', () => {
  const { pair, state } = wholeChannel()
  const { holder } = publish(pair, state, pair.a)
  const anchor = holder.find(({ kind }) => kind === 'anchor')
  assert(anchor)
  const child = (feerate: number, parent: { weight: number; fee: number }) =>
    value(
      spendTransaction({
        spends: [anchor],
        coins: [COIN],
        destination: COIN.output.scriptPubKey,
        feerate,
        parent: { weight: parent.weight, fee: sats(parent.fee) },
      }),
    )
  const { weight, fee } = child(5_000, { weight: 1_000, fee: 300 })
  assert.equal(fee + 300, feeFor(5_000, weight + 1_000))
  // A parent that pays more than that by itself lends nothing: the child has its own place in the mempool.
  assert.equal(child(1_000, { weight: 1_000, fee: 9_000 }).fee, feeFor(1_000, weight))
})

test('what would leave dust is refused, and so is an order in which an output misses its input', () => {
  const { pair, state } = wholeChannel()
  const { holder } = publish(pair, state, pair.a)
  const destination = COIN.output.scriptPubKey
  const anchors = holder.filter(({ kind }) => kind === 'anchor')
  const refused = spendTransaction({ spends: anchors, destination, feerate: FEERATE })
  assert.equal(refused.ok || refused.code, 'spend-fee')
  const paired = holder.filter(({ paired }) => paired).slice(0, 1)
  assert.throws(() =>
    spendTransaction({ spends: [...anchors, ...paired], coins: [COIN], destination, feerate: 500 }),
  )
})

test('the signer is asked for the same message, with the place of the key and the path', () => {
  const { pair, state } = wholeChannel()
  for (const [side, spend] of everySpend(publish(pair, state, pair.a))) {
    const { transaction } = plan([spend])
    const others = spentBy(transaction, [spend]).slice(1)
    const request = spendRequest(pair.contractOf(side), transaction, [spend], 0, others)
    if (!spend.key) {
      assert.equal(request, undefined)
      continue
    }
    assert(request)
    const signature = side.signSpend(transaction, [spend], 0, others)
    const secret = side.secretKey(request.key)
    const sighashes = new SighashCache(
      transaction,
      packOutputs(request.spent.map(({ amount, script }) => ({ value: amount, scriptPubKey: script }))),
    )
    if (request.merkleRoot) {
      const publicKey = schnorr.getPublicKey(tweakSecretKey(secret, request.merkleRoot))
      assert.deepEqual(publicKey, outputKeyOf(spend.output.scriptPubKey))
      const message = sighashes.sighash(request.input, SIGHASH_DEFAULT)
      assert(signature && message)
      assert.ok(verifySchnorr({ signature, message, publicKey }))
    } else assert.ok(request.leafScript && !('merkleRoot' in spend.path))
  }
})
