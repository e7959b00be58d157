/** Two sides of a channel with all their secrets: what each signs, and commitments drawn at random. */
import { schnorr } from '@noble/curves/secp256k1.js'
import fc from 'fast-check'
import { type Msat, msat } from '../../src/channels/amount.ts'
import {
  ANCHOR_AMOUNT,
  commitmentFee,
  commitmentTransaction,
  isTrimmed,
} from '../../src/channels/commitment-transaction.ts'
import { fundingSighash, withFundingSignature } from '../../src/channels/funding-spend.ts'
import { type HtlcTransaction, htlcSighash } from '../../src/channels/htlc-transactions.ts'
import { deriveRevocationSecretKey, deriveSecretKey, perCommitmentPoint } from '../../src/channels/keys.ts'
import type {
  ChannelBasepoints,
  ChannelContract,
  ChannelParty,
  Commitment,
  SpendKey,
} from '../../src/channels/ports.ts'
import { fundingKey, fundingScript } from '../../src/channels/scripts.ts'
import { perCommitmentSecret, secretIndex } from '../../src/channels/secrets.ts'
import { type ChannelSpend, spendSighash, spendWitness, withWitnesses } from '../../src/channels/spends.ts'
import { sats } from '../../src/primitives/amount.ts'
import { sha256, type Txid, toDisplay } from '../../src/primitives/hashes.ts'
import type { Transaction, TxOutput } from '../../src/primitives/transaction.ts'
import { MusigSession, nonceAgg, nonceGen } from '../../src/script/musig2.ts'
import { p2trScript, tweakSecretKey } from '../../src/script/taproot.ts'
import { value } from './wallets.ts'

export function textBytes(text: string): Uint8Array {
  return Uint8Array.from(text, (char) => char.charCodeAt(0))
}

const KEYS = ['funding', 'revocation', 'payment', 'delayedPayment', 'htlc'] as const

/** One side and its secrets. */
export class ChannelSide {
  readonly party: ChannelParty
  private readonly name: string
  private readonly secrets: Readonly<Record<(typeof KEYS)[number], Uint8Array>>
  private nonces = 0

  constructor(name: string, dustLimit: number, delay: number) {
    this.name = name
    const each = <T>(make: (key: (typeof KEYS)[number]) => T) =>
      Object.fromEntries(KEYS.map((key) => [key, make(key)])) as Record<(typeof KEYS)[number], T>
    this.secrets = each((key) => sha256(textBytes(`${name}/${key}`)))
    const basepoints: ChannelBasepoints = each((key) => perCommitmentPoint(this.secrets[key]))
    this.party = { basepoints, dustLimit: sats(dustLimit), delay }
  }

  /** BOLT 3, of the side's commitment `number`. */
  perCommitmentSecret(number: number): Uint8Array {
    return perCommitmentSecret(sha256(textBytes(`${this.name}/seed`)), secretIndex(number))
  }

  perCommitmentPoint(number: number): Uint8Array {
    return perCommitmentPoint(this.perCommitmentSecret(number))
  }

  /** A script of its own. */
  get script(): Uint8Array {
    return p2trScript(schnorr.getPublicKey(this.secrets.funding))
  }

  secretKey(key: SpendKey): Uint8Array {
    if (key.kind === 'payment') return this.secrets.payment
    if (key.kind === 'revocation') return deriveRevocationSecretKey(this.secrets.revocation, key.secret)
    return deriveSecretKey(key.kind === 'htlc' ? this.secrets.htlc : this.secrets.delayedPayment, key.point)
  }

  /** The signature of one input of a transaction that spends outputs of a channel. */
  signSpend(
    transaction: Transaction,
    spends: readonly ChannelSpend[],
    index: number,
    others: readonly TxOutput[] = [],
  ): Uint8Array | undefined {
    const { key, path } = spends[index]
    if (!key) return undefined
    const secret = this.secretKey(key)
    const signing = 'merkleRoot' in path ? tweakSecretKey(secret, path.merkleRoot) : secret
    return schnorr.sign(spendSighash(transaction, spends, index, others), signing)
  }

  /** As the countersignatory: BIP340, 64 bytes. `point`: of the commitment's owner. */
  signHtlc(transaction: HtlcTransaction, point: Uint8Array): Uint8Array {
    return schnorr.sign(htlcSighash(transaction), this.secretKey({ kind: 'htlc', point }))
  }

  nonce() {
    return nonceGen({
      random: sha256(textBytes(`${this.name}/nonce/${this.nonces++}`)),
      publicKey: this.party.basepoints.funding,
    })
  }

  get fundingSecret(): Uint8Array {
    return this.secrets.funding
  }
}

/** A channel between two sides, A the funder. */
export class ChannelPair {
  readonly a: ChannelSide
  readonly b: ChannelSide
  readonly capacity: number
  /** Of the transaction that funded it, as its first output. */
  fundingTxid = toDisplay<Txid>(sha256(textBytes('funding')))

  constructor(a: ChannelSide, b: ChannelSide, capacity: number) {
    this.a = a
    this.b = b
    this.capacity = capacity
  }

  contractOf(holder: ChannelSide): ChannelContract {
    const counterparty = this.other(holder)
    return {
      keyId: 'test',
      fundingTxid: this.fundingTxid,
      fundingOutput: 0,
      fundingAmount: sats(this.capacity),
      holderIsFunder: holder === this.a,
      holder: holder.party,
      counterparty: counterparty.party,
      payout: { branch: 0, index: 0, script: holder.script },
    }
  }

  other(side: ChannelSide): ChannelSide {
    return side === this.a ? this.b : this.a
  }

  get fundingKey() {
    return value(fundingKey(this.a.party.basepoints.funding, this.b.party.basepoints.funding))
  }

  get fundingOutput(): TxOutput {
    return { value: sats(this.capacity), scriptPubKey: fundingScript(this.fundingKey) }
  }

  /** A state as a commitment of `owner`, seen from `holder`. */
  commitmentOf(state: ChannelState, owner: ChannelSide, holder: ChannelSide): Commitment {
    const amounts = holder === this.a ? [state.aAmount, state.bAmount] : [state.bAmount, state.aAmount]
    return {
      ofHolder: owner === holder,
      number: state.number,
      point: owner.perCommitmentPoint(state.number),
      feerate: state.feerate,
      holderAmount: amounts[0],
      counterpartyAmount: amounts[1],
      htlcs: state.htlcs
        .map(({ ofA, ...htlc }) => ({ ...htlc, offered: ofA === (holder === this.a) }))
        .sort((a, b) => Number(a.offered) - Number(b.offered) || a.id - b.id),
    }
  }

  /** A commitment of `owner`, seen from `holder`, and its transaction. */
  build(state: ChannelState, owner: ChannelSide, holder: ChannelSide) {
    const contract = this.contractOf(holder)
    const commitment = this.commitmentOf(state, owner, holder)
    return { contract, commitment, built: value(commitmentTransaction(contract, commitment)) }
  }

  /** Signs what spends the funding output by both. */
  signFunding(transaction: Transaction): Transaction {
    const key = this.fundingKey
    const sighash = fundingSighash({ fundingAmount: sats(this.capacity) }, key, transaction)
    const nonces = [this.a.nonce(), this.b.nonce()]
    const aggregateNonce = value(nonceAgg(nonces.map(({ publicNonce }) => publicNonce)))
    const session = value(MusigSession.start(key, aggregateNonce, sighash))
    const partials = [this.a, this.b].map((side, i) => session.sign(nonces[i], side.fundingSecret))
    return withFundingSignature(transaction, value(session.aggregate(partials)))
  }
}

/** An agreed state, of which each side has a commitment of its own. */
export interface ChannelState {
  readonly number: number
  readonly feerate: number
  readonly aAmount: Msat
  readonly bAmount: Msat
  readonly htlcs: readonly StateHtlc[]
}

export interface StateHtlc {
  readonly ofA: boolean
  readonly id: number
  readonly amount: Msat
  readonly paymentHash: Uint8Array
  readonly expiry: number
}

/** The preimage of the `id`th payment of tests. */
export function preimageOf(id: number): Uint8Array {
  return sha256(textBytes(`preimage/${id}`))
}

/** All inputs of `transaction`, which are `spends`, signed by `side`. */
export function signAll(
  side: ChannelSide,
  transaction: Transaction,
  spends: readonly ChannelSpend[],
): Transaction {
  const witnesses = spends.map((spend, i) => spendWitness(spend, side.signSpend(transaction, spends, i)))
  return withWitnesses(transaction, witnesses)
}

const CAPACITY = 10_000_000

/** Amounts about the dust limits, and others. */
const htlcAmounts = fc.oneof(
  fc.integer({ min: 1, max: 3_000_000 }),
  fc.integer({ min: 329, max: 331 }).map((amount) => amount * 1000),
  fc.integer({ min: 999, max: 1001 }).map((amount) => amount * 1000 - 1),
  fc.integer({ min: 1_000_000, max: 100_000_000 }),
)

const htlcs = fc
  .array(
    fc.record({
      ofA: fc.boolean(),
      amount: htlcAmounts,
      payment: fc.nat(5),
      expiry: fc.integer({ min: 17, max: 600_000 }),
    }),
    { maxLength: 12 },
  )
  .map((list) =>
    list.map(
      ({ ofA, amount, payment, expiry }, id): StateHtlc => ({
        ofA,
        id,
        amount: msat(amount),
        paymentHash: sha256(preimageOf(payment)),
        expiry,
      }),
    ),
  )

/** Channels in states that a funder can pay for: shares of each side about nothing and the dust limits, too. */
export const channels = fc
  .record({
    names: fc.tuple(fc.nat(3), fc.nat(3)),
    dustLimits: fc.tuple(fc.constantFrom(330, 354, 1000), fc.constantFrom(330, 546, 1000)),
    delays: fc.tuple(fc.constantFrom(1, 12, 16, 17, 144), fc.constantFrom(1, 12, 720, 2880, 0xffff)),
    number: fc.oneof(
      fc.nat(100),
      fc.maxSafeNat().map((n) => n % 2 ** 48),
    ),
    feerate: fc.integer({ min: 250, max: 25_000 }),
    htlcs,
    bShare: fc.oneof(fc.nat(2_000_000), fc.nat(5_000_000_000), fc.constant(-1)),
  })
  .map(({ names, dustLimits, delays, number, feerate, htlcs, bShare }) => {
    const a = new ChannelSide(`a${names[0]}`, dustLimits[0], delays[0])
    const b = new ChannelSide(`b${names[1]}`, dustLimits[1], delays[1])
    const pair = new ChannelPair(a, b, CAPACITY)
    const inHtlcs = htlcs.reduce((sum, { amount }) => sum + amount, 0)
    const least = Math.max(
      ...[a, b].map(({ party: { dustLimit } }) =>
        commitmentFee(feerate, htlcs.filter(({ amount }) => !isTrimmed(amount, dustLimit)).length),
      ),
    )
    const free = CAPACITY * 1000 - inHtlcs - (least + 2 * ANCHOR_AMOUNT) * 1000
    const bAmount = bShare < 0 ? free : Math.min(bShare, free)
    const state: ChannelState = {
      number,
      feerate,
      aAmount: msat(CAPACITY * 1000 - inHtlcs - bAmount),
      bAmount: msat(bAmount),
      htlcs,
    }
    return { pair, state }
  })
