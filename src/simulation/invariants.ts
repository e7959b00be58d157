/** What must hold of every honest node when a run is over. Each check throws with the node and the difference. */
import type { NodeCore } from '../node/node-core.ts'
import { outpointKey } from '../primitives/transaction.ts'
import { ReferenceLedger } from './reference-ledger.ts'
import type { SimulatedNode } from './simulated-node.ts'
import type { VirtualTime } from './virtual-time.ts'

/** Checks every invariant on running nodes that had time to agree. */
export async function checkInvariants(nodes: readonly SimulatedNode[], time: VirtualTime): Promise<void> {
  sameTip(nodes)
  for (const { id, core } of nodes) {
    try {
      await time.complete(checkNode(core))
      await connectIsInverseOfDisconnect(core, time)
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

async function checkNode(core: NodeCore): Promise<void> {
  const ledger = await replay(core)
  await sameCoins(core, ledger)
  walletAgrees(core, ledger)
  mempoolConnects(core, ledger)
}

/** The blocks of the active chain, from genesis: no coin spent twice, supply within the subsidies. */
async function replay({ chain, params }: NodeCore): Promise<ReferenceLedger> {
  const ledger = new ReferenceLedger(params)
  for (let height = 1; height <= chain.headers.height(chain.tip); height++) {
    const block = await chain.readBlock(chain.activeAt(height))
    if (block === undefined) throw new Error(`the body of block ${height} of the active chain is not held`)
    ledger.apply(block)
  }
  return ledger
}

/** The coins held are those that the chain leaves, and their statistics are true. */
async function sameCoins({ chain }: NodeCore, ledger: ReferenceLedger): Promise<void> {
  const held = new Map<string, number>()
  await chain.forEachCoin((prevout, { value }) => held.set(outpointKey(prevout), value))
  for (const [key, value] of ledger.coins)
    if (held.get(key) !== value) throw new Error(`the coin ${key} of ${value} is held as ${held.get(key)}`)
  if (held.size !== ledger.coins.size)
    throw new Error(`${held.size} coins are held, the chain leaves ${ledger.coins.size}`)
  const { coins } = chain.coinStatistics()
  if (coins !== held.size) throw new Error(`${held.size} coins are held, ${coins} are counted`)
}

/** What the wallet counts as confirmed is unspent in the chain. */
function walletAgrees({ wallet }: NodeCore, ledger: ReferenceLedger): void {
  for (const coin of wallet.coins()) {
    const value = ledger.coins.get(outpointKey(coin.outpoint))
    if (coin.confirmations > 0 && value !== coin.value)
      throw new Error(`the wallet holds ${outpointKey(coin.outpoint)} of ${coin.value}, the chain ${value}`)
  }
}

/** The mempool connects as a whole: its transactions spend what exists, each coin once, parents first. */
function mempoolConnects({ mempool }: NodeCore, ledger: ReferenceLedger): void {
  const selected = mempool.select(Number.MAX_SAFE_INTEGER)
  if (selected.length !== mempool.size)
    throw new Error(`of ${mempool.size} transactions of the mempool ${selected.length} could be mined`)
  for (const { transaction } of selected) ledger.spend(transaction)
}

/** Going back to genesis leaves no coin, and coming back leaves the coins as they were. */
async function connectIsInverseOfDisconnect(core: NodeCore, time: VirtualTime): Promise<void> {
  const { chain } = core
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
}

async function fingerprint({ chain }: NodeCore): Promise<string> {
  const coins: string[] = []
  await chain.forEachCoin((prevout, { value, height, coinbase }) =>
    coins.push(`${outpointKey(prevout)} ${value} ${height} ${coinbase}`),
  )
  return [chain.headers.hash(chain.tip), ...coins.sort()].join('\n')
}
