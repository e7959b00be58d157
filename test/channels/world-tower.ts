/** A watchtower of a world of channels: one for all of its nodes, always awake, on the same chain. */
import { ChainFollower, locatorOf } from '../../src/chain/follower.ts'
import type { Channel } from '../../src/channels/channel.ts'
import { nodeId } from '../../src/channels/gossip.ts'
import { IRREVOCABLE_DEPTH } from '../../src/channels/monitor.ts'
import type { ChannelPolicy } from '../../src/channels/policy.ts'
import type { ChannelSigner, ChannelStore } from '../../src/channels/ports.ts'
import type { RecordBook } from '../../src/channels/record-book.ts'
import { decodeCommitment } from '../../src/channels/records.ts'
import { secretIndex } from '../../src/channels/secrets.ts'
import { unrevokedNumber } from '../../src/channels/state.ts'
import { Tower } from '../../src/channels/tower.ts'
import { TowerClient } from '../../src/channels/tower-client.ts'
import { refusalOf } from '../../src/channels/tower-messages.ts'
import { TowerWatch } from '../../src/channels/tower-watch.ts'
import type { Random } from '../../src/primitives/ports.ts'
import { OK, ok } from '../../src/primitives/result.ts'
import type { Transaction } from '../../src/primitives/transaction.ts'
import { MemoryTowerStore } from '../../src/storage/memory-tower-store.ts'
import type { SharedChain } from './shared-chain.ts'

/** A point that is nobody's node. */
const TOWER = nodeId(Uint8Array.of(2, ...new Uint8Array(32).fill(1)))

/** What a node gives to its client of the tower. */
export interface TowerUser {
  readonly name: string
  readonly book: RecordBook
  readonly signer: ChannelSigner
  readonly store: ChannelStore
  readonly random: Random
  channels(): readonly Channel[]
  failed(error: unknown): void
}

export class WorldTower {
  private readonly chain: SharedChain
  private readonly tower: Tower
  private readonly watch: TowerWatch

  /** `published`: told each transaction that it publishes. */
  static async open(
    chain: SharedChain,
    { maxToSelfDelay }: ChannelPolicy,
    published: (transaction: Transaction) => void,
    failed: (error: unknown) => void,
  ): Promise<WorldTower> {
    return new WorldTower(chain, maxToSelfDelay, await Tower.open(new MemoryTowerStore()), published, failed)
  }

  private constructor(
    chain: SharedChain,
    longestDelay: number,
    tower: Tower,
    published: (transaction: Transaction) => void,
    failed: (error: unknown) => void,
  ) {
    this.chain = chain
    this.tower = tower
    const { chain: headers, mempool } = chain.node
    const genesis = { hash: headers.headers.hash(0), height: 0 }
    this.watch = new TowerWatch(
      {
        tower,
        maxAge: longestDelay + IRREVOCABLE_DEPTH,
        submit: async (transaction) => {
          published(transaction)
          if (mempool.has(transaction.txid)) return 'taken'
          const accepted = await mempool.accept(transaction)
          return accepted.ok ? 'taken' : accepted.kind === 'invalid' ? 'void' : 'refused'
        },
        failed,
      },
      genesis,
    )
    const follower = new ChainFollower(headers, this.watch, locatorOf(headers, genesis))
    chain.onTip((change) => follower.tipChanged(change))
    chain.onTransaction((transaction) => this.watch.sighted(transaction))
    follower.advance()
  }

  /** A node's client, from a start to a death. It has still to be told that the tower is there. */
  async clientOf({ name, book, signer, store, random, channels, failed }: TowerUser): Promise<TowerClient> {
    const { tower, watch, chain } = this
    const isKnown = TowerClient.known(book).includes(TOWER)
    const client = new TowerClient(TOWER, {
      book,
      signer,
      clock: chain.time,
      random,
      remote: {
        keep: async (series, appointment) => {
          const kept = await tower.accept(name, series, appointment)
          if (kept.ok) watch.accepted(appointment.locator)
          return kept
        },
        show: async (series, place) => {
          const blob = await tower.show({ client: name, series, ...place })
          return blob ? ok(blob) : refusalOf('tower-absent')
        },
        forget: async (series) => {
          await tower.forget(name, series)
          return OK
        },
      },
      channels: () =>
        channels().flatMap(({ durableState }) => {
          if (!durableState) return []
          const { contract, peer, secrets } = durableState
          return {
            peer,
            contract,
            revokedCount: unrevokedNumber(durableState),
            revoked: async (number: number) => {
              const text = await store.revoked(contract.keyId, number)
              const secret = secrets.find(secretIndex(number))
              return text === undefined || !secret
                ? undefined
                : { commitment: decodeCommitment(text), secret }
            },
          }
        }),
      isBusy: () => channels().some(({ state }) => state.htlcs.length > 0),
      feerates: () => ({ shares: [2_500, 25_000], htlc: 10_000 }),
      failed,
    })
    if (!isKnown) await client.register(name)
    return client
  }

  /** Resolves when all is offered that is due. */
  async settled(): Promise<void> {
    await this.watch.settled()
  }
}
