/** A channel on a real chain and mempool, whose two sides have real signers and a monitor each; either of them may cheat. */
import { schnorr } from '@noble/curves/secp256k1.js'
import type { BlockPlace } from '../../src/chain/follower.ts'
import { ChainFollower, locatorOf } from '../../src/chain/follower.ts'
import { commitmentTransaction } from '../../src/channels/commitment-transaction.ts'
import { fundingSighash, withFundingSignature } from '../../src/channels/funding-spend.ts'
import { htlcTransactions } from '../../src/channels/htlc-transactions.ts'
import { deriveSecretKey } from '../../src/channels/keys.ts'
import { ChannelMonitor, type FeeSource, type MonitorEvent } from '../../src/channels/monitor.ts'
import type { Commitment, CommitmentHtlc, SpendKey } from '../../src/channels/ports.ts'
import { fundingKey } from '../../src/channels/scripts.ts'
import { perCommitmentSecret, SecretStore, secretIndex } from '../../src/channels/secrets.ts'
import {
  type ChannelSpend,
  type FeeCoin,
  holderSpends,
  secondLevelSpends,
  spendSighash,
  spendTransaction,
  spendWitness,
  withWitnesses,
} from '../../src/channels/spends.ts'
import { equalBytes } from '../../src/primitives/bytes.ts'
import { sha256 } from '../../src/primitives/hashes.ts'
import { outpointKey, type Transaction } from '../../src/primitives/transaction.ts'
import { packOutputs } from '../../src/script/input-check.ts'
import { MusigSession, nonceAgg, nonceGen } from '../../src/script/musig2.ts'
import { SIGHASH_DEFAULT, SighashCache } from '../../src/script/sighash.ts'
import { tweakSecretKey } from '../../src/script/taproot.ts'
import type { TestBlock, TestCoin } from './chain-builder.ts'
import { ChainNode } from './chain-node.ts'
import { type Agreed, KeeperPair, type KeeperSide } from './channel-keepers.ts'
import { value } from './wallets.ts'

export const CAPACITY = 1_000_000
const DELAYS = [12, 8] as const

/** The preimage of the `id`th payment. */
export function preimageFor(id: number): Uint8Array {
  return sha256(Uint8Array.of(id))
}

/** One side on the chain. */
export class ChainSide {
  readonly index: 0 | 1
  readonly keeper: KeeperSide
  readonly monitor: ChannelMonitor
  readonly follower: ChainFollower
  readonly events: MonitorEvent[] = []
  /** Ids of the payments whose preimage it knows. */
  readonly known = new Set<number>()
  private readonly rig: MonitoredPair
  readonly secrets = new SecretStore()
  private readonly coins = new Map<string, TestCoin[]>()
  /** Whether it looks at the chain. */
  awake = true

  constructor(rig: MonitoredPair, index: 0 | 1) {
    this.rig = rig
    this.index = index
    this.keeper = rig.pair.sides[index]
    const { chain } = rig.node
    const tip: BlockPlace = { hash: chain.headers.hash(chain.tip), height: chain.headers.height(chain.tip) }
    this.monitor = new ChannelMonitor(
      {
        signer: { ...bound(this.keeper) },
        fees: this.fees(),
        channel: () => rig.channelOf(this),
        revoked: async (_, number) => rig.history.get(number)?.[1 - index]?.[index],
        preimageOf: (hash) =>
          [...this.known].map(preimageFor).find((preimage) => equalBytes(sha256(preimage), hash)),
        publish: (transactions) => {
          if (this.awake) rig.offered.push(...transactions)
        },
        onEvent: (_, event) => this.events.push(event),
      },
      tip,
    )
    this.follower = new ChainFollower(chain, this.monitor, locatorOf(chain, tip))
    chain.subscribe({ tipChanged: (change) => this.awake && this.follower.tipChanged(change) })
  }

  told<Kind extends MonitorEvent['kind']>(kind: Kind): Extract<MonitorEvent, { readonly kind: Kind }>[] {
    return this.events.filter((event) => event.kind === kind) as Extract<
      MonitorEvent,
      { readonly kind: Kind }
    >[]
  }

  private fees(): FeeSource {
    const { rig } = this
    return {
      feerate: () => rig.feerate,
      coins: async (purpose, amount) => {
        const kept = this.coins.get(purpose) ?? []
        while (kept.reduce((sum, { value }) => sum + value, 0) < amount) {
          const coin = rig.coins.pop()
          if (!coin) return undefined
          kept.push(coin)
        }
        this.coins.set(purpose, kept)
        return kept.map((coin) => rig.feeCoin(coin))
      },
      sign: async (transaction, coins, spent) => rig.signCoins(transaction, coins.length, spent),
      release: (purpose) => {
        this.coins.delete(purpose)
      },
    }
  }
}

/** The methods of a side's keeper, whichever it has at the time. */
function bound(side: KeeperSide): ConstructorParameters<typeof ChannelMonitor>[0]['signer'] {
  return new Proxy({} as never, {
    get: (_, method) => (side.keeper[method as never] as () => void).bind(side.keeper),
    ownKeys: () => ['signSpend'],
    getOwnPropertyDescriptor: (_, method) => ({
      enumerable: true,
      configurable: true,
      value: (...args: never[]) => (side.keeper[method as never] as (...args: never[]) => void)(...args),
    }),
  })
}

export class MonitoredPair {
  readonly node: ChainNode
  readonly pair: KeeperPair
  sides!: readonly [ChainSide, ChainSide]
  coins: TestCoin[] = []
  /** What monitors published since the last block. */
  offered: Transaction[] = []
  /** By number: the commitment of each owner, as each viewer sees it. */
  readonly history = new Map<number, readonly (readonly Commitment[])[]>()
  now!: Agreed
  /** Ids of HTLCs whose preimage was told, and which no commitment has left out yet. */
  readonly fulfilled = new Set<number>()
  feerate = 500

  private constructor(node: ChainNode, pair: KeeperPair) {
    this.node = node
    this.pair = pair
  }

  static async open(first: Agreed): Promise<MonitoredPair> {
    const node = await ChainNode.open()
    const pair = await KeeperPair.open({ amount: CAPACITY, delays: DELAYS })
    const rig = new MonitoredPair(node, pair)
    rig.coins = await node.fund(12, 200_000)
    const [coin] = await node.fund(1, CAPACITY + 10_000)
    const funding = node.wallet.pay([coin], pair.fundingOutput.scriptPubKey, CAPACITY, 1_000)
    const index = funding.outputs.findIndex(({ value }) => value === CAPACITY)
    await pair.fund(funding.txid, index)
    rig.sides = [new ChainSide(rig, 0), new ChainSide(rig, 1)]
    await rig.advance(first)
    for (const side of rig.sides) side.monitor.watch(side.keeper.keys.keyId)
    await node.mine([funding])
    await rig.settle()
    return rig
  }

  get height(): number {
    return this.node.tip.height
  }

  /** Both agree on a state. */
  async advance(agreed: Agreed): Promise<void> {
    const { number } = agreed
    await this.pair.advance(
      agreed,
      new Map(agreed.htlcs.concat(this.now?.htlcs ?? []).map(({ id }) => [id, preimageFor(id)])),
    )
    const owners = [0, 1].map((owner) =>
      Promise.all([0, 1].map((viewer) => this.pair.commitment(agreed, owner, viewer))),
    )
    this.history.set(number, await Promise.all(owners))
    if (number > 0)
      for (const side of this.sides) {
        const secret = await this.pair.secret(1 - side.index, number - 1)
        value(side.secrets.insert(secretIndex(number - 1), secret))
      }
    this.now = agreed
  }

  channelOf({ index, keeper, secrets }: ChainSide) {
    const owners = this.history.get(this.now.number)!
    const own = owners[index][index]
    return {
      contract: keeper.contract,
      holder: { commitment: own, signatures: keeper.signatures.get(this.now.number)! },
      counterparty: [owners[1 - index][index]],
      secrets,
      htlcs: own.htlcs.map((terms) => ({
        terms,
        ...(this.fulfilled.has(terms.id) && { removal: { kind: 'fulfill' as const } }),
      })),
    }
  }

  feeCoin({ prevout, value }: TestCoin): FeeCoin {
    return { outpoint: prevout, output: { value, scriptPubKey: this.node.wallet.scriptPubKey } }
  }

  signCoins(transaction: Transaction, count: number, spent: readonly FeeCoin['output'][]): Uint8Array[][] {
    const sighashes = new SighashCache(transaction, packOutputs(spent))
    return Array.from({ length: count }, (_, i) => {
      const sighash = sighashes.sighash(spent.length - count + i, SIGHASH_DEFAULT)!
      return [schnorr.sign(sighash, tweakSecretKey(this.node.wallet.secretKey))]
    })
  }

  /** Waits until monitors have done what is due, and offers what they publish to the mempool. */
  async settle(): Promise<void> {
    for (let round = 0; round < 3; round++) {
      await this.node.settled()
      for (const { follower, monitor, awake } of this.sides) {
        if (!awake) continue
        await follower.settled()
        await monitor.settled()
      }
      for (const transaction of this.offered.splice(0)) await this.node.mempool.accept(transaction)
    }
  }

  /** Offers a transaction to the mempool, which has to take it. */
  async send(transaction: Transaction): Promise<void> {
    const code = await this.node.code(transaction)
    if (code !== 'ok') throw new Error(`The mempool refused ${transaction.txid}: ${code}`)
  }

  /** Mines what the mempool holds, but for what is `withheld`. */
  async mine(withheld: (transaction: Transaction) => boolean = () => false): Promise<Transaction[]> {
    const transactions = this.node.mempool
      .select(300_000)
      .map(({ transaction }) => transaction)
      .filter((transaction) => !withheld(transaction))
    await this.node.mine(transactions)
    await this.settle()
    return transactions
  }

  async mineBlocks(count: number): Promise<void> {
    for (let i = 0; i < count; i++) await this.mine()
  }

  /** A branch of empty blocks from `fork` that becomes the active one. */
  async reorganise(fork: TestBlock): Promise<void> {
    const length = this.height - fork.height + 1
    let tip = fork
    for (let i = 0; i < length; i++) {
      tip = this.node.builder.mineBlock(tip, [], { extraNonce: Uint8Array.of(0xee, i, this.height & 0xff) })
      await this.node.offer(tip)
    }
    await this.settle()
  }

  /** The commitment of a state that was agreed on, as its owner can publish it, whether it is void or not. */
  commitmentOf(number: number, owner: 0 | 1): Transaction {
    const { keeper } = this.sides[owner]
    const { contract, keys, secrets } = keeper
    const commitment = this.history.get(number)![owner][owner]
    const { transaction } = value(commitmentTransaction(contract, commitment))
    const key = value(
      fundingKey(contract.holder.basepoints.funding, contract.counterparty.basepoints.funding),
    )
    const nonce = nonceGen({
      random: perCommitmentSecret(secrets.nonceRoot, secretIndex(number)),
      publicKey: keys.basepoints.funding,
      secretKey: secrets.funding,
    })
    const theirs = keeper.signatures.get(number)!
    const message = fundingSighash(contract, key, transaction)
    const session = value(
      MusigSession.start(key, value(nonceAgg([nonce.publicNonce, theirs.nonce])), message),
    )
    const own = session.sign(nonce, secrets.funding)
    return withFundingSignature(transaction, value(session.aggregate([own, theirs.partialSignature])))
  }

  /** What the owner of a commitment can spend of it, by all preimages. */
  spendsOf(number: number, owner: 0 | 1): ChannelSpend[] {
    const { contract, signatures } = this.sides[owner].keeper
    const commitment = this.history.get(number)![owner][owner]
    const built = value(commitmentTransaction(contract, commitment))
    const secondLevel = htlcTransactions(contract, commitment, built)
    const preimageOf = (hash: Uint8Array) =>
      Array.from({ length: 20 }, (_, id) => preimageFor(id)).find((each) => equalBytes(sha256(each), hash))
    return holderSpends(
      contract,
      commitment,
      built,
      secondLevel,
      signatures.get(number)!.htlcSignatures,
      preimageOf,
    )
  }

  /** Second-level outputs of a transaction of the owner of a commitment. */
  secondLevelOf(number: number, owner: 0 | 1, transaction: Transaction): ChannelSpend[] {
    const commitment = this.history.get(number)![owner][owner]
    return secondLevelSpends(this.sides[owner].keeper.contract, commitment, transaction)
  }

  /** Spends by a side that asks no signer, with a coin of the wallet where needed. */
  spend(owner: 0 | 1, spends: readonly ChannelSpend[], feerate = 500): Transaction {
    const { keeper } = this.sides[owner]
    const { secrets } = keeper
    const secretOf = (key: SpendKey): Uint8Array => {
      if (key.kind === 'payment') return secrets.payment
      if (key.kind === 'revocation') throw new Error('A thief has none')
      return deriveSecretKey(key.kind === 'htlc' ? secrets.htlc : secrets.delayedPayment, key.point)
    }
    const coins = spends.some(({ paired }) => paired)
      ? this.coins.splice(0, 1).map((coin) => this.feeCoin(coin))
      : []
    const plan = { spends, coins, destination: keeper.payoutScript, feerate }
    const { transaction } = value(spendTransaction(plan))
    const others = coins.map(({ output }) => output)
    const witnesses = spends.map((spend, index) => {
      const { key, path } = spend
      const secret = secretOf(key!)
      const signing = 'merkleRoot' in path ? tweakSecretKey(secret, path.merkleRoot) : secret
      return spendWitness(spend, schnorr.sign(spendSighash(transaction, spends, index, others), signing))
    })
    const spent = [...spends.map(({ output }) => output), ...others]
    return withWitnesses(transaction, [...witnesses, ...this.signCoins(transaction, coins.length, spent)])
  }

  /** Satoshis of coins on the chain that pay a side's script, by the active chain. */
  async paidTo(side: 0 | 1): Promise<number> {
    const script = this.sides[side].keeper.payoutScript
    const coins = new Map<string, number>()
    for (const { block } of this.node.builder.branch(this.node.tip))
      for (const transaction of block.transactions) {
        for (const { prevout } of transaction.inputs) coins.delete(outpointKey(prevout))
        for (const [index, { value, scriptPubKey }] of transaction.outputs.entries())
          if (equalBytes(scriptPubKey, script))
            coins.set(outpointKey({ txid: transaction.txidBytes, index }), value)
      }
    return [...coins.values()].reduce((sum, amount) => sum + amount, 0)
  }
}

/** An HTLC of `sat` satoshis; `offered`: by the first side. */
export function htlcOf(id: number, offered: boolean, sat: number, expiry: number): CommitmentHtlc {
  return {
    offered,
    id,
    amount: (sat * 1000) as CommitmentHtlc['amount'],
    paymentHash: sha256(preimageFor(id)),
    expiry,
  }
}

/** A state by the first side's satoshis; the second has the rest. */
export function agreedOf(number: number, firstSats: number, htlcs: readonly CommitmentHtlc[] = []): Agreed {
  const inHtlcs = htlcs.reduce((sum, { amount }) => sum + amount, 0)
  const amounts = [firstSats * 1000, CAPACITY * 1000 - firstSats * 1000 - inHtlcs] as const
  return { number, amounts, htlcs, feerate: 1_000 }
}
