/** Chains opened for tests: on a memory store, with inline checks and a clock that stands at the end of time. */
import { Chain, type ChainListener, type ChainOptions } from '../../src/chain/chain.ts'
import { type NetworkParams, REGTEST } from '../../src/consensus/params.ts'
import { isSnapshotHeight } from '../../src/consensus/snapshot.ts'
import { bytesToHex, concatBytes } from '../../src/primitives/bytes.ts'
import { taggedHash, toDisplay } from '../../src/primitives/hashes.ts'
import type { Clock } from '../../src/primitives/ports.ts'
import { outpointKey } from '../../src/primitives/transaction.ts'
import { InlineCheckPool } from '../../src/script/verify-input.ts'
import { MemoryChainStore } from '../../src/storage/memory-chain-store.ts'
import { TEST_SALT, type TestBlock } from './chain-builder.ts'
import { FAIL_TEST } from './faults.ts'

/** Regtest whose coinbases can be spent soon, and whose coins are often counted. */
export const QUICK: NetworkParams = { ...REGTEST, coinbaseMaturity: 2, snapshotInterval: 8, snapshotDelay: 3 }

/** No header is from the future. */
export const lateClock: Clock = {
  now: () => 0xffff_ffff * 1000,
  after: () => () => undefined,
}

export function openChain(options: Partial<ChainOptions> = {}): Promise<Chain> {
  return Chain.open({
    params: QUICK,
    store: new MemoryChainStore(TEST_SALT),
    checks: new InlineCheckPool(),
    clock: lateClock,
    faults: FAIL_TEST,
    ...options,
  })
}

/** Gives blocks to a chain one after another, and waits until they are connected or refused. */
export async function deliver(chain: Chain, blocks: readonly TestBlock[]): Promise<void> {
  for (const { block } of blocks) await chain.acceptBlock(block)
  await chain.settled()
}

/** What a chain came to: its tip, the snapshots on the way, and a hash over all coins, their count and total. */
export async function stateOf(chain: Chain): Promise<string> {
  const coins: string[] = []
  let total = 0n
  await chain.forEachCoin((prevout, { value, height, coinbase, outputKey }) => {
    coins.push(`${outpointKey(prevout)} ${value} ${height} ${coinbase} ${outputKey}`)
    total += BigInt(value)
  })
  const told = chain.coinStatistics()
  if (told.coins !== coins.length || told.total !== total)
    throw new Error(`counted ${coins.length} coins of ${total}, told ${told.coins} of ${told.total}`)
  const snapshots: string[] = []
  for (let height = 1; height <= chain.headers.height(chain.tip); height++) {
    const snapshot = chain.snapshotAfter(chain.activeAt(height))
    if (isSnapshotHeight(height, chain.params) !== (snapshot !== undefined))
      throw new Error(`block ${height} ${snapshot ? 'has' : 'lacks'} a snapshot`)
    if (snapshot) snapshots.push(` ${snapshot.coins}:${bytesToHex(snapshot.root).slice(0, 16)}`)
  }
  const encode = (text: string): Uint8Array => Uint8Array.from(text, (char) => char.charCodeAt(0))
  const hash = taggedHash('test/coins', concatBytes(...coins.sort().map(encode)))
  return `${chain.headers.hash(chain.tip)} at ${chain.headers.height(chain.tip)}, ${coins.length} coins, ${toDisplay(hash)}${snapshots.join('')}`
}

/** Collects what a chain tells, as short texts. */
export function recordEvents(chain: Chain): string[] {
  const events: string[] = []
  const height = (index: number): number => chain.headers.height(index)
  const listener: ChainListener = {
    tipChanged: ({ fork, disconnected, connected, tip }) =>
      events.push(`tip ${height(fork)} -${disconnected.length} +${connected.length} = ${height(tip)}`),
    blockInvalid: (hash, { code }) => events.push(`invalid ${height(chain.headers.find(hash))} ${code}`),
    failed: (error) => events.push(`failed ${error.message}`),
  }
  chain.subscribe(listener)
  return events
}

/** The heights of the bodies that are read from now on. */
export function bodiesRead(chain: Chain): number[] {
  const heights: number[] = []
  const readBlock = chain.readBlock.bind(chain)
  chain.readBlock = (index) => {
    heights.push(chain.headers.height(index))
    return readBlock(index)
  }
  return heights
}
