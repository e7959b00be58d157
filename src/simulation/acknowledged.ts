/**
 * What a node has told to be done, noted outside of it: after any death of the tab the next life must know it. Acknowledged
 * means durable.
 */
import { type HeaderIndex, type HeaderTree, NO_HEADER } from '../chain/header-tree.ts'
import type { NodeCore } from '../node/node-core.ts'
import type { BlockHash, Txid } from '../primitives/hashes.ts'

export class Acknowledged {
  private readonly payments = new Set<Txid>()
  private readonly addresses = new Set<string>()
  private readonly tips = new Set<BlockHash>()
  /** Told as soon as their bodies are stored: the tip may have yet to move there when the tab dies. */
  private readonly minedBlocks = new Set<BlockHash>()

  /** `sendtoaddress` and the like answered with this id. */
  payment(txid: Txid): void {
    this.payments.add(txid)
  }

  /** `getnewaddress` answered with this address. */
  address(address: string): void {
    this.addresses.add(address)
  }

  /** The node told of a new tip. */
  tip(hash: BlockHash): void {
    this.tips.add(hash)
  }

  /** The node told of a block that it mined. */
  mined(hash: BlockHash): void {
    this.minedBlocks.add(hash)
  }

  /** Throws where `core` does not know what was told. */
  check({ chain: { headers, tip }, wallet }: NodeCore): void {
    for (const hash of this.minedBlocks) findHeld(headers, hash)
    const work = mostWork(headers, this.tips)
    if (headers.chainWork(tip) < work)
      throw new Error(`a tip of work ${work} was told, that of the tip is ${headers.chainWork(tip)}`)
    for (const txid of this.payments)
      if (wallet?.transaction(txid) === undefined) throw new Error(`the payment ${txid} was lost`)
    const issued = new Set(wallet?.addresses().map(({ address }) => address))
    for (const address of this.addresses)
      if (!issued.has(address)) throw new Error(`the address ${address} was lost`)
  }

  /** As `check`, of a node that had time to connect what it holds. */
  checkSettled(core: NodeCore): void {
    this.check(core)
    const { headers, tip } = core.chain
    const work = mostWork(headers, this.minedBlocks)
    if (headers.chainWork(tip) < work)
      throw new Error(`a block of work ${work} was mined, that of the tip is ${headers.chainWork(tip)}`)
  }
}

/** The most chain work that one of these blocks has. Throws where one is not held. */
function mostWork(headers: HeaderTree, blocks: ReadonlySet<BlockHash>): bigint {
  let most = 0n
  for (const hash of blocks) {
    const work = headers.chainWork(findHeld(headers, hash))
    if (work > most) most = work
  }
  return most
}

function findHeld(headers: HeaderTree, hash: BlockHash): HeaderIndex {
  const index = headers.find(hash)
  if (index === NO_HEADER || !headers.hasBody(index))
    throw new Error(`block ${hash} was accepted and is no longer held`)
  return index
}
