/** The outputs that channels claim to be funded by, as the tab's own chain has them. Thread: the brain. */
import type { Chain } from '../chain/chain.ts'
import { type HeaderIndex, NO_HEADER } from '../chain/header-tree.ts'
import type { FundingOutput, FundingOutputs } from '../channels/gossip-checks.ts'
import { fundingPlace, type ShortChannelId } from '../channels/short-channel-id.ts'
import type { Block } from '../primitives/block.ts'
import { outpointKey } from '../primitives/transaction.ts'

export class ChainFundingOutputs implements FundingOutputs {
  private readonly chain: Pick<Chain, 'activeAt' | 'readBlock' | 'coins'>
  /** The block that was read last: channels are asked for in the order of the chain. */
  private last: { readonly index: HeaderIndex; readonly block: Block } | undefined

  constructor(chain: Pick<Chain, 'activeAt' | 'readBlock' | 'coins'>) {
    this.chain = chain
  }

  /** Undefined, too, where the body of the block is not held. Throws a `StorageError`. */
  async fundingOutput(id: ShortChannelId): Promise<FundingOutput | undefined> {
    const { height, position, output: index } = fundingPlace(id)
    const block = await this.blockAt(height)
    const transaction = block?.transactions[position]
    const output = transaction?.outputs[index]
    if (!transaction || !output) return undefined
    const outpoint = { txid: transaction.txidBytes, index }
    const [coin] = await this.chain.coins([outpoint])
    return {
      outpoint: outpointKey(outpoint),
      scriptPubKey: output.scriptPubKey,
      amount: output.value,
      spent: coin === undefined,
    }
  }

  private async blockAt(height: number): Promise<Block | undefined> {
    const index = this.chain.activeAt(height)
    if (index === NO_HEADER) return undefined
    if (this.last?.index !== index) {
      const block = await this.chain.readBlock(index)
      this.last = block && { index, block }
    }
    return this.last?.block
  }
}
