/**
 * `store.*`: what the chain's storage costs. The reference keeps one IndexedDB record a coin, as is common: a request for each
 * coin made or spent, and all of them read at opening.
 */
import { type IDBPDatabase, openDB } from 'idb'
import { Chain } from '../../src/chain/chain.ts'
import { sats } from '../../src/primitives/amount.ts'
import { outpointKey } from '../../src/primitives/transaction.ts'
import { InlineCheckPool } from '../../src/script/verify-input.ts'
import { IdbChainStore } from '../../src/storage/idb-chain-store.ts'
import { ProfileDatabase } from '../../src/storage/profile-database.ts'
import { systemClock } from '../../src/workers/system-ports.ts'
import { TestChain, TestWallet } from '../../test/support/chain-builder.ts'
import { type BenchResult, compared, median } from '../result.ts'
import { fullBlock, HEAVY } from './chains.ts'

const COINS = 100_000
/** Outputs of one transaction that fills a block. */
const SPLIT = 20_000
const ROUNDS = 5
const REFERENCE = 'one IndexedDB record a coin'

export async function benchStore(): Promise<BenchResult[]> {
  return [await requestsPerBlock(), await reopen()]
}

/** Requests that connecting one full block makes, its body's included. */
async function requestsPerBlock(): Promise<BenchResult> {
  const { params, funding, full, spends } = fullBlock(HEAVY)
  const { chain, close } = await openFresh(params)
  for (const block of funding) await chain.acceptBlock(block)
  await chain.settled()
  const counted = countRequests()
  await chain.acceptBlock(full)
  await chain.settled()
  const ours = counted.stop()
  await close()
  // Every spend takes two coins and makes two; the coinbase makes one; the body and the tip are records of their own.
  const theirs = spends.length * 4 + 1 + 2
  return compared('store.requests-per-block', ours, 'requests', REFERENCE, theirs)
}

/** Milliseconds from a closed database to a chain that can connect the next block, with 100,000 coins. */
async function reopen(): Promise<BenchResult> {
  const params = HEAVY
  const builder = new TestChain(params)
  const wallet = new TestWallet('bench')
  const { scriptPubKey } = wallet
  const { chain, name, close } = await openFresh(params)
  let tip = builder.genesis
  for (let coins = 0; coins < COINS; coins += SPLIT) {
    tip = builder.mineBlock(tip, [], { scriptPubKey })
    await chain.acceptBlock(tip.block)
    const coin = wallet.coinbaseOf(tip)
    const value = sats(Math.floor(coin.value / SPLIT))
    tip = builder.mineBlock(tip, [
      wallet.spend(
        [coin],
        Array.from({ length: SPLIT }, () => ({ value, scriptPubKey })),
      ),
    ])
    await chain.acceptBlock(tip.block)
  }
  await chain.settled()
  const reference = await openDB(`${name}/reference`, 1, {
    upgrade: (database) => void database.createObjectStore('coins'),
  })
  await copyCoins(chain, reference)
  reference.close()
  await chain.close()

  const ours: number[] = []
  const theirs: number[] = []
  for (let round = 0; round < ROUNDS; round++) {
    const start = performance.now()
    const database = await ProfileDatabase.open(name)
    const reopened = await openChain(params, database)
    await reopened.coins([{ txid: new Uint8Array(32), index: 0 }])
    ours.push(performance.now() - start)
    await reopened.close()
    database.close()
    theirs.push(await reopenReference(`${name}/reference`))
  }
  await close()
  await ProfileDatabase.delete(`${name}/reference`)
  return compared('store.reopen', median(ours), 'ms', REFERENCE, median(theirs))
}

async function copyCoins(chain: Chain, reference: IDBPDatabase): Promise<void> {
  const coins: { key: string; coin: object }[] = []
  await chain.forEachCoin((prevout, coin) => coins.push({ key: outpointKey(prevout), coin }))
  const transaction = reference.transaction('coins', 'readwrite', { durability: 'relaxed' })
  await Promise.all(coins.map(({ key, coin }) => transaction.store.put(coin, key)))
  await transaction.done
}

async function reopenReference(name: string): Promise<number> {
  const start = performance.now()
  const database = await openDB(name)
  const [keys, coins] = await Promise.all([database.getAllKeys('coins'), database.getAll('coins')])
  const held = new Map(keys.map((key, i) => [key, coins[i]]))
  const milliseconds = performance.now() - start
  if (held.size < COINS) throw new Error(`The reference holds ${held.size} coins`)
  database.close()
  return milliseconds
}

function openChain(params: typeof HEAVY, database: ProfileDatabase): Promise<Chain> {
  return Chain.open({
    params,
    store: new IdbChainStore(database),
    checks: new InlineCheckPool(),
    clock: systemClock,
    faults: { report: reportError },
  })
}

async function openFresh(params: typeof HEAVY) {
  const name = `bench/${crypto.randomUUID()}`
  const database = await ProfileDatabase.open(name)
  const chain = await openChain(params, database)
  return {
    name,
    chain,
    async close() {
      await chain.close().catch(() => undefined)
      database.close()
      await ProfileDatabase.delete(name)
    },
  }
}

/** Counts the requests to IndexedDB of this thread from now on. */
function countRequests(): { stop(): number } {
  const methods = [
    'put',
    'add',
    'delete',
    'clear',
    'get',
    'getAll',
    'getKey',
    'getAllKeys',
    'count',
    'openCursor',
  ] as const
  const prototype = IDBObjectStore.prototype as unknown as Record<string, (...args: unknown[]) => unknown>
  const originals = methods.map((method) => prototype[method])
  let requests = 0
  methods.forEach((method, i) => {
    prototype[method] = function (this: IDBObjectStore, ...args: unknown[]) {
      requests++
      return originals[i].apply(this, args)
    }
  })
  return {
    stop() {
      methods.forEach((method, i) => {
        prototype[method] = originals[i]
      })
      return requests
    },
  }
}
