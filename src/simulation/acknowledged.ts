/**
 * What a node has told to be done, noted outside of it: after any death of the tab the next life must know it. Acknowledged
 * means durable.
 */
import { NO_HEADER } from '../chain/header-tree.ts'
import type { NodeCore } from '../node/node-core.ts'
import type { BlockHash, Txid } from '../primitives/hashes.ts'

export class Acknowledged {
  private readonly payments = new Set<Txid>()
  private readonly addresses = new Set<string>()
  private readonly blocks = new Set<BlockHash>()
  /** Of the best tip told. */
  private work = 0n

  /** `sendtoaddress` and the like answered with this id. */
  payment(txid: Txid): void {
    this.payments.add(txid)
  }

  /** `getnewaddress` answered with this address. */
  address(address: string): void {
    this.addresses.add(address)
  }

  /** The node told of a new tip, or of a block that it mined. */
  block(hash: BlockHash, { chain: { headers } }: NodeCore): void {
    this.blocks.add(hash)
    const work = headers.chainWork(headers.find(hash))
    if (work > this.work) this.work = work
  }

  /** Throws where `core` does not know what was told. */
  check({ chain, wallet }: NodeCore): void {
    const { headers, tip } = chain
    for (const hash of this.blocks) {
      const index = headers.find(hash)
      if (index === NO_HEADER || !headers.hasBody(index))
        throw new Error(`block ${hash} was accepted and is no longer held`)
    }
    if (headers.chainWork(tip) < this.work)
      throw new Error(`a tip of work ${this.work} was told, that of the tip is ${headers.chainWork(tip)}`)
    for (const txid of this.payments)
      if (wallet.transaction(txid) === undefined) throw new Error(`the payment ${txid} was lost`)
    const issued = new Set(wallet.addresses().map(({ address }) => address))
    for (const address of this.addresses)
      if (!issued.has(address)) throw new Error(`the address ${address} was lost`)
  }
}
