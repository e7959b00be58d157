/** RPC: proofs that blocks hold transactions, and blocks that mention scripts. */
import { findTransaction, MENTIONS_AT_ONCE, mentionsAt } from '../chain/chain-search.ts'
import { type HeaderIndex, NO_HEADER } from '../chain/header-tree.ts'
import { bytesToHex, equalBytes } from '../primitives/bytes.ts'
import { type BlockHash, type Txid, toDisplay } from '../primitives/hashes.ts'
import { decodeMerkleProof, encodeMerkleProof } from '../primitives/merkle-proof.ts'
import { p2trScript } from '../script/taproot.ts'
import type { NodeCore } from './node-core.ts'
import { SCAN_OBJECTS, scriptsOf } from './rpc-descriptor.ts'
import {
  RPC_DESERIALIZATION_ERROR,
  RPC_INVALID_ADDRESS_OR_KEY,
  RPC_INVALID_PARAMETER,
  RPC_MISC_ERROR,
  RpcError,
} from './rpc-error.ts'
import { blockHash, flag, integer, method, optional, type RpcMethod, text, txid } from './rpc-method.ts'
import { bodyOf, headerOf } from './rpc-overview.ts'
import { hexBytes, list, options } from './rpc-parameters.ts'

/** Ids of `gettxoutproof` in one call. */
const MAX_PROVED = 10_000

const HEIGHT_LIMIT = 0xffffffff

/** Whether a block surely pays to or spends from one of the scripts: its filter is wrong about one in 784,931. */
async function mentions(
  node: NodeCore,
  index: HeaderIndex,
  scripts: readonly Uint8Array[],
): Promise<boolean> {
  const wanted = new Set(scripts.map(bytesToHex))
  const { transactions } = await bodyOf(node, index)
  const spent = (await node.chain.readSpentCoins(index)) ?? []
  return (
    transactions.some(({ outputs }) =>
      outputs.some(({ scriptPubKey }) => wanted.has(bytesToHex(scriptPubKey))),
    ) || spent.some(({ outputKey }) => wanted.has(bytesToHex(p2trScript(outputKey))))
  )
}

export const proofMethods = [
  method(
    'gettxoutproof',
    'A proof that a block holds transactions (BIP37), in hex.',
    [
      list('txids', 'transactions of one block', txid()),
      optional(
        blockHash('blockhash', 'their block; else that of the active chain which holds the first'),
        undefined,
      ),
    ],
    async (node: NodeCore, ids, hash) => {
      const wanted = new Set<Txid>(ids)
      const [first] = ids
      if (first === undefined || ids.length > MAX_PROVED)
        throw new RpcError(RPC_INVALID_PARAMETER, `txids must hold 1 to ${MAX_PROVED} ids.`)
      if (wanted.size < ids.length)
        throw new RpcError(RPC_INVALID_PARAMETER, 'txids names one transaction twice.')
      const index =
        hash === undefined ? (await findTransaction(node.chain, first))?.index : headerOf(node, hash)
      if (index === undefined)
        throw new RpcError(
          RPC_INVALID_ADDRESS_OR_KEY,
          `The transaction ${first} is not in a block of the active chain.`,
        )
      const { header, transactions } = await bodyOf(node, index)
      const places = new Set([...transactions.keys()].filter((at) => wanted.has(transactions[at].txid)))
      if (places.size < wanted.size)
        throw new RpcError(
          RPC_INVALID_ADDRESS_OR_KEY,
          `The block ${header.hash} does not hold all of these transactions.`,
        )
      const txids = transactions.map(({ txidBytes }) => txidBytes)
      return bytesToHex(encodeMerkleProof(header, txids, places))
    },
  ),
  method(
    'verifytxoutproof',
    'The transactions that a proof of gettxoutproof is about; none where it proves nothing. Its block must be in the active chain.',
    [hexBytes('proof', 'of gettxoutproof')],
    async (node, bytes) => {
      const decoded = decodeMerkleProof(bytes)
      if (!decoded.ok) {
        // What is no proof at all is told from one that is wrong, as in Bitcoin Core.
        if (bytes.length < 80 + 4 + 1 + 1)
          throw new RpcError(RPC_DESERIALIZATION_ERROR, `This is not a proof. ${decoded.detail}`)
        return []
      }
      const { header, transactions, matched } = decoded.value
      const { chain } = node
      const index = chain.headers.find(header.hash as BlockHash)
      if (index === NO_HEADER || !chain.isActive(index))
        throw new RpcError(
          RPC_INVALID_ADDRESS_OR_KEY,
          `The block ${header.hash} of this proof is not in the active chain.`,
        )
      // A node of the tree could pass for a transaction where the count is wrong (CVE-2017-12842).
      const block = await bodyOf(node, index)
      const holds = (id: Uint8Array): boolean =>
        block.transactions.some(({ txidBytes }) => equalBytes(txidBytes, id))
      if (block.transactions.length !== transactions || !matched.every(holds)) return []
      return matched.map((id) => toDisplay<Txid>(id))
    },
  ),
  method(
    'scanblocks',
    'The blocks of the active chain that pay to or spend from what descriptors describe, by their filters (BIP158). Answers null to status and false to abort: a scan ends with its call.',
    [
      text('action', 'start, status or abort'),
      optional(SCAN_OBJECTS, []),
      optional(integer('start_height', 'first block, 0 by default', 0, HEIGHT_LIMIT), 0),
      optional(integer('stop_height', 'last block, the tip by default', 0, HEIGHT_LIMIT), undefined),
      optional(text('filtertype', 'basic, the only type'), 'basic'),
      options({
        filter_false_positives: optional(
          flag('filter_false_positives', 'look into the blocks, since a filter is wrong once in a while'),
          false,
        ),
      }),
    ],
    async (node, action, wanted, start, stop, type, choice) => {
      if (action === 'status') return null
      if (action === 'abort') return false
      if (action !== 'start')
        throw new RpcError(
          RPC_INVALID_PARAMETER,
          `action must be start, status or abort, not '${action.slice(0, 40)}'.`,
        )
      if (type !== 'basic')
        throw new RpcError(
          RPC_INVALID_ADDRESS_OR_KEY,
          `'${type.slice(0, 40)}' is not a filtertype: the only one is basic.`,
        )
      const scripts = scriptsOf(node, wanted)
      const { chain } = node
      const { headers } = chain
      const tip = headers.height(chain.tip)
      const last = stop ?? tip
      if (start > tip) throw new RpcError(RPC_MISC_ERROR, `Invalid start_height: the tip is block ${tip}.`)
      if (last > tip || last < start)
        throw new RpcError(RPC_MISC_ERROR, `Invalid stop_height: it must be from ${start} to ${tip}.`)
      const relevant: BlockHash[] = []
      for (let from = start; from <= last; from += MENTIONS_AT_ONCE) {
        const count = Math.min(MENTIONS_AT_ONCE, last - from + 1)
        const indexes = Array.from({ length: count }, (_, i) => chain.activeAt(from + i))
        const found = await mentionsAt(chain, indexes)
        for (const index of indexes) {
          if (!found.get(index)?.filter().matchesAny(scripts)) continue
          if (choice.filter_false_positives && !(await mentions(node, index, scripts))) continue
          relevant.push(headers.hash(index))
        }
      }
      return { from_height: start, to_height: last, relevant_blocks: relevant, completed: true }
    },
  ),
] satisfies readonly RpcMethod<NodeCore>[]
