/** What must hold of every honest node when a run is over. Each check throws with the node and the difference. */
import { isSnapshotHeight } from '../consensus/snapshot.ts'
import type { NodeCore } from '../node/node-core.ts'
import { bytesToHex, equalBytes } from '../primitives/bytes.ts'
import { outpointKey } from '../primitives/transaction.ts'
import type { VirtualTime } from '../simulator/virtual-time.ts'
import { type ReferenceCoin, ReferenceLedger } from './reference-ledger.ts'
import type { SimulatedNode } from './simulated-node.ts'
import type { VerdictCache } from './virtual-check-pool.ts'

/** Checks every invariant on running nodes that had time to agree, and whose miners rest. */
export async function checkInvariants(
  nodes: readonly SimulatedNode[],
  time: VirtualTime,
  verdicts: VerdictCache,
): Promise<void> {
  sameTip(nodes)
  await noneBanned(nodes)
  // The same blocks on all of them: applied once.
  const ledger = await time.complete(replay(nodes[0].core, verdicts))
  for (const node of nodes) {
    const { id, core, acknowledged } = node
    try {
      acknowledged.checkSettled(core)
      await time.complete(sameCoins(core, ledger))
      sameSnapshots(core, nodes[0].core)
      walletAgrees(core, ledger)
      await mempoolConnects(core, ledger, verdicts, time)
      await time.complete(paymentsAreOffered(core))
      await connectIsInverseOfDisconnect(core, time)
      walletAgrees(core, ledger)
    } catch (error) {
      throw new Error(`${id}: ${error instanceof Error ? error.message : error}`, { cause: error })
    }
  }
}

/** Connected honest nodes end on one tip. */
function sameTip(nodes: readonly SimulatedNode[]): void {
  const tips = nodes.map(({ id, core: { chain } }) => {
    const { headers, tip } = chain
    return { id, tip: `${headers.hash(tip)} at ${headers.height(tip)}` }
  })
  if (new Set(tips.map(({ tip }) => tip)).size > 1)
    throw new Error(`the nodes disagree:\n${tips.map(({ id, tip }) => `  ${id}: ${tip}`).join('\n')}`)
}

/** Honest nodes never ban each other. */
async function noneBanned(nodes: readonly SimulatedNode[]): Promise<void> {
  const honest = new Set(nodes.map(({ id }) => id))
  for (const node of nodes)
    for (const banned of await node.bannedPeers())
      if (honest.has(banned)) throw new Error(`${node.id} banned the honest ${banned}`)
}

/** The blocks of the active chain, from genesis, by the plain rules. */
export async function replay({ chain, params }: NodeCore, verdicts: VerdictCache): Promise<ReferenceLedger> {
  const ledger = new ReferenceLedger(params, verdicts)
  for (let height = 1; height <= chain.headers.height(chain.tip); height++) {
    const block = await chain.readBlock(chain.activeAt(height))
    if (block === undefined) throw new Error(`the body of block ${height} of the active chain is not held`)
    ledger.apply(block)
  }
  return ledger
}

/** The coins held are those that the chain leaves, and their statistics are true. */
async function sameCoins({ chain }: NodeCore, ledger: ReferenceLedger): Promise<void> {
  const held = new Map<string, string>()
  await chain.forEachCoin((prevout, coin) => held.set(outpointKey(prevout), describe(coin)))
  for (const [key, coin] of ledger.coins)
    if (held.get(key) !== describe(coin))
      throw new Error(`the coin ${key} is ${describe(coin)}, and held as ${held.get(key)}`)
  if (held.size !== ledger.coins.size)
    throw new Error(`${held.size} coins are held, the chain leaves ${ledger.coins.size}`)
  const { coins, total } = chain.coinStatistics()
  if (coins !== held.size) throw new Error(`${held.size} coins are held, ${coins} are counted`)
  if (total !== ledger.supply)
    throw new Error(`${total} satoshis are counted, the supply is ${ledger.supply}`)
}

/** What coinbases must commit to is one thing on all nodes, at every height that asks for it. */
function sameSnapshots({ chain }: NodeCore, other: NodeCore): void {
  for (let height = 1; height <= chain.headers.height(chain.tip); height++) {
    const [own, expected] = [chain, other.chain].map((each) => each.snapshotAfter(each.activeAt(height)))
    const isTaken = isSnapshotHeight(height, chain.params)
    if ((own !== undefined) !== isTaken || (expected !== undefined) !== isTaken)
      throw new Error(`the coins after block ${height} were ${own ? '' : 'not '}counted`)
    if (own && expected && !equalBytes(own.root, expected.root))
      throw new Error(`the coins after block ${height} hash to ${bytesToHex(own.root)}, elsewhere not`)
  }
}

function describe({ value, height, coinbase }: Pick<ReferenceCoin, 'value' | 'height' | 'coinbase'>): string {
  return `${value} of height ${height}${coinbase ? ', mined' : ''}`
}

/** The wallet's confirmed coins are those of the chain that pay it, less what its own payments spend; so are its balances. */
function walletAgrees({ wallet, chain, params }: NodeCore, ledger: ReferenceLedger): void {
  if (wallet?.account === undefined) return
  if (wallet.height !== ledger.height)
    throw new Error(`the wallet is at height ${wallet.height}, the chain at ${ledger.height}`)
  const payments = wallet.pendingPayments()
  const spent = new Set(payments.flatMap(({ inputs }) => inputs.map(({ prevout }) => outpointKey(prevout))))
  const own = [...ledger.coins].filter(
    ([key, { scriptPubKey }]) => wallet.isMine(scriptPubKey) && !spent.has(key),
  )
  const confirmed = new Map(
    wallet
      .coins()
      .filter(({ confirmations }) => confirmations > 0)
      .map((coin) => [outpointKey(coin.outpoint), coin]),
  )
  const balances = { trusted: 0, immature: 0 }
  for (const [key, coin] of own) {
    const known = confirmed.get(key)
    if (known?.value !== coin.value || known.height !== coin.height)
      throw new Error(
        `the wallet holds ${key} as ${known?.value} of height ${known?.height}, not ${describe(coin)}`,
      )
    const mature = !coin.coinbase || coin.height + params.coinbaseMaturity <= ledger.height + 1
    balances[mature ? 'trusted' : 'immature'] += coin.value
    if (known.spendable !== mature) throw new Error(`the wallet takes ${key} for ${mature ? 'im' : ''}mature`)
  }
  if (confirmed.size !== own.length)
    throw new Error(`the wallet holds ${confirmed.size} confirmed coins, the chain has ${own.length} for it`)
  const { trusted, immature } = wallet.balances()
  // Change of a pending payment is trusted too.
  if (
    immature !== balances.immature ||
    (payments.length === 0 ? trusted !== balances.trusted : trusted < balances.trusted)
  )
    throw new Error(
      `the wallet counts ${trusted} and ${immature} satoshis, it has ${balances.trusted} and ${balances.immature} at tip ${chain.tip}`,
    )
}

/** The mempool connects as a whole: its transactions spend what exists, each coin once, parents first. */
async function mempoolConnects(
  core: NodeCore,
  { coins, height }: ReferenceLedger,
  verdicts: VerdictCache,
  time: VirtualTime,
): Promise<void> {
  const { mempool, params } = core
  await time.complete(mempool.settled())
  const next = new ReferenceLedger(params, verdicts)
  next.height = height
  for (const [key, coin] of coins) next.coins.set(key, coin)
  const selected = mempool.select(Number.MAX_SAFE_INTEGER)
  if (selected.length !== mempool.size)
    throw new Error(`of ${mempool.size} transactions of the mempool ${selected.length} could be mined`)
  for (const { transaction } of selected) next.spend(transaction)
}

/** A payment of the wallet that could be mined waits in the mempool. */
async function paymentsAreOffered({ wallet, mempool }: NodeCore): Promise<void> {
  for (const payment of wallet?.pendingPayments() ?? []) {
    if (mempool.has(payment.txid)) continue
    const result = await mempool.test(payment)
    if (result.ok) throw new Error(`the payment ${payment.txid} is valid and not in the mempool`)
  }
}

/** Going back to genesis leaves no coin, and coming back leaves the coins as they were. */
async function connectIsInverseOfDisconnect(core: NodeCore, time: VirtualTime): Promise<void> {
  const { chain, wallet } = core
  const before = await time.complete(fingerprint(core))
  const first = chain.activeAt(1)
  if (first < 0) return
  await time.complete(chain.invalidate(first))
  await time.complete(chain.settled())
  const empty = chain.coinStatistics().coins
  if (chain.activeAt(1) < 0 && empty !== 0) throw new Error(`${empty} coins are left at genesis`)
  await time.complete(chain.reconsider(first))
  await time.complete(chain.settled())
  const after = await time.complete(fingerprint(core))
  if (after !== before) throw new Error('the coins changed on the way to genesis and back')
  if (wallet) await time.complete(wallet.settled())
}

async function fingerprint({ chain }: NodeCore): Promise<string> {
  const coins: string[] = []
  await chain.forEachCoin((prevout, coin) =>
    coins.push(`${outpointKey(prevout)} ${describe(coin)} ${bytesToHex(coin.outputKey)}`),
  )
  return [chain.headers.hash(chain.tip), ...coins.sort()].join('\n')
}
