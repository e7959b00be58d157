/** Two signers of one channel, whose commitments tests dictate: no state machine stands between. */
import { schnorr } from '@noble/curves/secp256k1.js'
import { HDKey } from '@scure/bip32'
import type { Msat } from '../../src/channels/amount.ts'
import { commitmentTransaction } from '../../src/channels/commitment-transaction.ts'
import { fundingSighash, withFundingSignature } from '../../src/channels/funding-spend.ts'
import { htlcSighash, htlcTransactions } from '../../src/channels/htlc-transactions.ts'
import { deriveSecretKey } from '../../src/channels/keys.ts'
import type {
  ChannelContract,
  ChannelKeys,
  Commitment,
  CommitmentHtlc,
  CounterpartyCommitmentSignatures,
  HtlcOrigin,
} from '../../src/channels/ports.ts'
import { fundingKey, fundingScript } from '../../src/channels/scripts.ts'
import { sats } from '../../src/primitives/amount.ts'
import { type Txid, toDisplay } from '../../src/primitives/hashes.ts'
import type { Random } from '../../src/primitives/ports.ts'
import type { Transaction, TxOutput } from '../../src/primitives/transaction.ts'
import { MusigSession, nonceAgg, nonceGen } from '../../src/script/musig2.ts'
import { p2trScript } from '../../src/script/taproot.ts'
import { ChannelKeeper } from '../../src/signer/channel-keeper.ts'
import {
  type ChannelKeysId,
  type ChannelSecrets,
  channelRoot,
  deriveChannel,
} from '../../src/signer/channel-keys.ts'
import { type AccountKeys, deriveAccount } from '../../src/signer/keys.ts'
import { MemoryChannelRecordStore } from '../../src/storage/memory-channel-record-store.ts'
import { seededRandom, value } from './wallets.ts'

/** What both sides agree on, as the first of them sees it. */
export interface Agreed {
  readonly number: number
  /** Millisatoshis of the first and of the second side. */
  readonly amounts: readonly [number, number]
  /** `offered`: by the first. */
  readonly htlcs: readonly CommitmentHtlc[]
  readonly feerate: number
}

export interface ChannelTerms {
  readonly amount: number
  /** Of the first side's and the second side's commitments. */
  readonly delays?: readonly [number, number]
  readonly dustLimit?: number
  readonly fundingTxid?: Txid
}

/** Seeds take a tenth of a second each: those of a name are the same. */
const ACCOUNTS = new Map<string, AccountKeys>()
const ROOTS = new Map<string, string>()

/** One side: its keeper, and its half of the contract. */
export class KeeperSide {
  readonly name: string
  readonly entropy: Uint8Array
  readonly account: AccountKeys
  readonly random: Random
  records: MemoryChannelRecordStore
  keeper: ChannelKeeper
  keys!: ChannelKeys
  contract!: ChannelContract
  /** Whether payments need an approval. */
  attended = false
  /** What the other side has signed of its own commitments, by number. */
  readonly signatures = new Map<number, CounterpartyCommitmentSignatures>()

  constructor(name: string) {
    this.name = name
    this.random = seededRandom(name)
    this.entropy = this.random.bytes(16)
    this.account = ACCOUNTS.get(name) ?? deriveAccount(this.entropy, 1)
    ACCOUNTS.set(name, this.account)
    this.records = new MemoryChannelRecordStore()
    this.keeper = this.start()
  }

  /** A keeper with these records, its memory empty: as after a start. */
  start(records = this.records): ChannelKeeper {
    this.records = records
    const { descriptor } = this.account
    this.keeper = new ChannelKeeper({
      records,
      random: this.random,
      account: () => descriptor,
      unattended: !this.attended,
    })
    this.keeper.open(this.root())
    return this.keeper
  }

  /** The key that its channels' come from, a copy. */
  root(): HDKey {
    const root = ROOTS.get(this.name) ?? channelRoot(this.entropy, 1).privateExtendedKey
    ROOTS.set(this.name, root)
    return HDKey.fromExtendedKey(root)
  }

  /** The secrets of its channel. */
  get secrets(): ChannelSecrets {
    return deriveChannel(this.root(), this.keys.keyId as ChannelKeysId)
  }

  get payoutScript(): Uint8Array {
    return p2trScript(this.account.descriptor.derive(0, 0).outputKey)
  }
}

/** A channel that the first side funds. */
export class KeeperPair {
  readonly sides: readonly [KeeperSide, KeeperSide]
  private readonly terms: ChannelTerms

  private constructor(sides: readonly [KeeperSide, KeeperSide], terms: ChannelTerms) {
    this.sides = sides
    this.terms = terms
  }

  static async open(
    terms: ChannelTerms,
    sides: readonly [KeeperSide, KeeperSide] = [new KeeperSide('alice'), new KeeperSide('bob')],
  ): Promise<KeeperPair> {
    const pair = new KeeperPair(sides, terms)
    for (const side of sides) side.keys = value(await side.keeper.createKeys())
    return pair
  }

  /** The output that the channel's money lies in. */
  get fundingOutput(): TxOutput {
    const [a, b] = this.sides
    const key = value(fundingKey(a.keys.basepoints.funding, b.keys.basepoints.funding))
    return { value: sats(this.terms.amount), scriptPubKey: fundingScript(key) }
  }

  /** Both sides are told the contract. */
  async fund(fundingTxid = toDisplay<Txid>(new Uint8Array(32).fill(7)), fundingOutput = 0): Promise<void> {
    for (const index of [0, 1]) {
      const [own, other] = index === 0 ? this.sides : [this.sides[1], this.sides[0]]
      const delays = this.terms.delays ?? [12, 12]
      const party = (side: KeeperSide, at: number) => ({
        basepoints: side.keys.basepoints,
        dustLimit: sats(this.terms.dustLimit ?? 354),
        delay: delays[at],
      })
      own.contract = {
        keyId: own.keys.keyId,
        fundingTxid,
        fundingOutput,
        fundingAmount: sats(this.terms.amount),
        holderIsFunder: index === 0,
        holder: party(own, index),
        counterparty: party(other, 1 - index),
        payout: { branch: 0, index: 0, script: own.payoutScript },
      }
      value(await own.keeper.attach(own.contract, { holder: undefined, counterparty: [] }))
    }
  }

  /** The commitment of side `owner` at a state, as side `viewer` sees it. */
  async commitment(agreed: Agreed, owner: number, viewer: number): Promise<Commitment> {
    const { number, amounts, htlcs, feerate } = agreed
    const side = this.sides[owner]
    const { point } = value(await side.keeper.holderPoint(side.keys.keyId, number))
    const isFirst = viewer === 0
    return {
      ofHolder: owner === viewer,
      number,
      point,
      feerate,
      holderAmount: amounts[viewer] as Msat,
      counterpartyAmount: amounts[1 - viewer] as Msat,
      htlcs: htlcs
        .map((htlc) => ({ ...htlc, offered: isFirst ? htlc.offered : !htlc.offered }))
        .sort((a, b) => Number(b.offered) - Number(a.offered) || a.id - b.id),
    }
  }

  /** Side `signer` signs the other's commitment of this state. */
  async sign(
    agreed: Agreed,
    signer: number,
    {
      preimages = new Map<number, Uint8Array>(),
      origins = PAYMENTS,
      revocation,
    }: {
      preimages?: ReadonlyMap<number, Uint8Array>
      origins?: ReadonlyMap<number, HtlcOrigin>
      revocation?: Uint8Array | undefined
    } = {},
  ) {
    const own = this.sides[signer]
    const other = this.sides[1 - signer]
    const { nonce } = value(await other.keeper.holderPoint(other.keys.keyId, agreed.number))
    return own.keeper.signCounterpartyCommitment({
      contract: own.contract,
      commitment: await this.commitment(agreed, 1 - signer, signer),
      counterpartyNonce: nonce,
      origins,
      preimages,
      revocation,
    })
  }

  /** The other's commitment of this state as side `signer` signs it once it keeps to no rule. */
  async collude(agreed: Agreed, signer: number): Promise<CounterpartyCommitmentSignatures> {
    const { contract, keys, random, secrets } = this.sides[signer]
    const other = this.sides[1 - signer]
    const theirs = value(await other.keeper.holderPoint(other.keys.keyId, agreed.number)).nonce
    const commitment = await this.commitment(agreed, 1 - signer, signer)
    const key = value(fundingKey(keys.basepoints.funding, other.keys.basepoints.funding))
    const built = value(commitmentTransaction(contract, commitment))
    const nonce = nonceGen({ random: random.bytes(32), publicKey: keys.basepoints.funding })
    const message = fundingSighash(contract, key, built.transaction)
    const session = value(MusigSession.start(key, value(nonceAgg([theirs, nonce.publicNonce])), message))
    const htlcKey = deriveSecretKey(secrets.htlc, commitment.point)
    return {
      partialSignature: session.sign(nonce, secrets.funding),
      nonce: nonce.publicNonce,
      htlcSignatures: htlcTransactions(contract, commitment, built).map((transaction) =>
        schnorr.sign(htlcSighash(transaction), htlcKey, random.bytes(32)),
      ),
    }
  }

  /** Side `holder` takes in its commitment of this state. */
  async accept(
    agreed: Agreed,
    holder: number,
    signatures: CounterpartyCommitmentSignatures,
    preimages: ReadonlyMap<number, Uint8Array> = new Map(),
  ) {
    const { keeper, contract } = this.sides[holder]
    const commitment = await this.commitment(agreed, holder, holder)
    return keeper.acceptHolderCommitment({ contract, commitment, signatures, preimages })
  }

  /** Both sides go on to a state, whose number is one more than that of the last. `preimages`: of the HTLCs that are gone, of either side; `origins`: of those that the first side offers. */
  async advance(
    agreed: Agreed,
    preimages: ReadonlyMap<number, Uint8Array> = new Map(),
    origins = PAYMENTS,
  ): Promise<void> {
    const { number } = agreed
    // What is offered stands in the other's commitment first, so both sign before either takes in.
    for (const signer of [0, 1]) {
      const holder = 1 - signer
      const revocation = number >= 2 ? await this.secret(holder, number - 2) : undefined
      const signatures = value(
        await this.sign(agreed, signer, { preimages, revocation, ...(signer === 0 && { origins }) }),
      )
      this.sides[holder].signatures.set(number, signatures)
    }
    for (const holder of [0, 1]) {
      const { signatures } = this.sides[holder]
      value(await this.accept(agreed, holder, signatures.get(number)!, preimages))
      if (number > 0) await this.secret(holder, number - 1)
    }
  }

  /** A side's signer hears that the other side has revoked a commitment. */
  async hear(side: number, number: number) {
    const { keeper, keys } = this.sides[side]
    return keeper.counterpartyRevoked(keys.keyId, await this.secret(1 - side, number))
  }

  /** The secret of a side's commitment, which is thereby void. */
  async secret(side: number, number: number): Promise<Uint8Array> {
    const { keeper, keys } = this.sides[side]
    return value(await keeper.releaseSecret(keys.keyId, number))
  }

  /** A side's commitment as it can be published. */
  async publish(agreed: Agreed, holder: number): Promise<Transaction> {
    const { keeper, contract, signatures } = this.sides[holder]
    const commitment = await this.commitment(agreed, holder, holder)
    const signature = value(
      await keeper.signHolderCommitment(contract, commitment, signatures.get(agreed.number)!),
    )
    return withFundingSignature(value(commitmentTransaction(contract, commitment)).transaction, signature)
  }
}

/** Every HTLC is a person's payment. */
export const PAYMENTS: ReadonlyMap<number, HtlcOrigin> = new (class extends Map<number, HtlcOrigin> {
  override get(): HtlcOrigin {
    return { kind: 'payment', id: 'test' }
  }
})()
