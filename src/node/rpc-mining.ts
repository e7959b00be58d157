/** RPC: starting to mine, templates, blocks of our own, and time on networks for tests. */
import type { HeaderIndex } from '../chain/header-tree.ts'
import { nextBits } from '../consensus/difficulty.ts'
import { maxFutureSeconds } from '../consensus/headers.ts'
import { targetOf } from '../consensus/pow.ts'
import { createTemplate } from '../mining/template.ts'
import { typescriptKernel } from '../mining/typescript-kernel.ts'
import { decodeBlock, type HeaderFields } from '../primitives/block.ts'
import { bytesToHex, hexToBytes, isHex } from '../primitives/bytes.ts'
import { type Txid, toDisplay } from '../primitives/hashes.ts'
import { decodeTransaction, type Transaction } from '../primitives/transaction.ts'
import { decodeAddress } from '../script/address.ts'
import type { NodeCore } from './node-core.ts'
import { scriptNamed } from './rpc-descriptor.ts'
import {
  RPC_DATABASE_ERROR,
  RPC_DESERIALIZATION_ERROR,
  RPC_INVALID_ADDRESS_OR_KEY,
  RPC_METHOD_NOT_FOUND,
  RPC_MISC_ERROR,
  RPC_VERIFY_ERROR,
  RpcError,
} from './rpc-error.ts'
import { hex32, hex256 } from './rpc-json.ts'
import { flag, integer, method, optional, type RpcMethod, text } from './rpc-method.ts'
import { hexBytes, list, number, object, unused } from './rpc-parameters.ts'
import { requireWallet, unwrap } from './rpc-wallet-error.ts'

/** Blocks that `generatetoaddress` makes in one call. */
const MAX_GENERATED = 10_000

/** Nonces that are tried when nobody says. */
const MAX_TRIES = 1_000_000

/** Header times end in 2106: a year before that blocks can still be made. */
const LATEST_MOCK_TIME = 0xffffffff - 31_536_000

/** The scriptPubKey of an address of this network. */
export function scriptOf(node: NodeCore, address: string): Uint8Array {
  return unwrap(decodeAddress(address, node.params.addressPrefix))
}

/** Where a template pays to: the address asked for, else this wallet. */
async function payoutScript(node: NodeCore, address?: string): Promise<Uint8Array> {
  if (address !== undefined) return scriptOf(node, address)
  const wallet = await requireWallet(node)
  return unwrap(await wallet.miningAddress()).scriptPubKey
}

/** A transaction of the mempool by its id, or the one that the hex is. */
function transactionNamed({ mempool }: NodeCore, named: string): Transaction {
  if (isHex(named, 32)) {
    const entry = mempool.get(named.toLowerCase() as Txid)
    if (entry) return entry.transaction
    throw new RpcError(RPC_INVALID_ADDRESS_OR_KEY, `The transaction ${named} is not in the mempool.`)
  }
  const decoded = isHex(named) ? decodeTransaction(hexToBytes(named)) : undefined
  if (decoded?.ok) return decoded.value
  throw new RpcError(
    RPC_DESERIALIZATION_ERROR,
    `'${named.slice(0, 80)}' is neither the id of a transaction nor one in hex.`,
  )
}

function requireTestControls(node: NodeCore, name: string): void {
  if (!node.params.testControls)
    throw new RpcError(
      RPC_METHOD_NOT_FOUND,
      `${name} works on networks for tests only, such as ?network=regtest.`,
    )
}

/** The times that leave a template's bits as they are (BIP23) and that this node takes now, seconds since 1970. */
function mutableTime(
  { chain, clock, params }: NodeCore,
  { time, bits }: HeaderFields,
  parent: HeaderIndex,
): { readonly mintime: number; readonly maxtime: number; readonly mutable: readonly string[] } {
  const before = chain.headers.difficulty(parent)
  const same = (at: number): boolean => nextBits(before, at, params) === bits
  const least = chain.leastTimeOn(parent)
  // Bits change with time in one direction only: both ends are found by halving.
  const mintime = firstWhere(least, time, same)
  const latest = Math.floor(clock.forBlocks.now() / 1000) + maxFutureSeconds(params)
  const maxtime = firstWhere(time, latest + 1, (at) => !same(at)) - 1
  return { mintime, maxtime, mutable: mintime < maxtime ? ['time'] : [] }
}

/** The least number from `low` to `high` that meets a condition which all above it meet, too; `high` if there is no other. */
function firstWhere(low: number, high: number, meets: (value: number) => boolean): number {
  while (low < high) {
    const middle = Math.floor((low + high) / 2)
    if (meets(middle)) high = middle
    else low = middle + 1
  }
  return low
}

/** BIP22's and BIP23's fields are taken and change nothing: there is one kind of template. */
const TEMPLATE_REQUEST = {
  payoutaddress: optional(text('payoutaddress', 'whom the block pays'), undefined),
  mode: unused('mode'),
  rules: unused('rules'),
  capabilities: unused('capabilities'),
  longpollid: unused('longpollid'),
}
const NO_REQUEST = { payoutaddress: undefined }

export const miningMethods = [
  method(
    'setgenerate',
    'Starts or stops mining to this wallet.',
    [
      flag('generate', 'true starts, false stops'),
      optional(integer('threads', 'threads to mine with; all cores when left out', 1, 64), undefined),
      optional(number('throttle', 'share of the time that each works', 0.01, 1), undefined),
      optional(
        flag('graphicscard', 'whether the graphics card works, too; as before when left out'),
        undefined,
      ),
    ],
    async (node, active, threads, throttle, graphicsCard) => {
      const { miner } = node
      if (!active) {
        miner.stop()
        return null
      }
      node.requireStorage()
      miner.start(await payoutScript(node), {
        ...(threads === undefined ? {} : { threads }),
        ...(throttle === undefined ? {} : { throttle }),
        ...(graphicsCard === undefined ? {} : { graphicsCard }),
      })
      return null
    },
  ),
  method(
    'getblocktemplate',
    'A block to search a nonce for (BIP22, the part that fits): submit it with submitblock. Pays to the address given, else to this wallet.',
    [optional(object('template_request', 'may hold payoutaddress', TEMPLATE_REQUEST), NO_REQUEST)],
    async (node, request) => {
      const template = createTemplate(node.chain, node.mempool, {
        scriptPubKey: await payoutScript(node, request.payoutaddress),
        extraNonce: node.random.bytes(8),
        time: Math.floor(node.clock.forBlocks.now() / 1000),
      })
      const { header, transactions } = template.block
      const [coinbase, ...rest] = transactions
      const places = new Map(rest.map(({ txid }, at) => [txid, at + 1]))
      return {
        version: header.version,
        rules: ['segwit', 'taproot'],
        capabilities: [],
        previousblockhash: header.previous,
        longpollid: `${header.previous}${node.mempool.sequence}`,
        merkleroot: toDisplay<Txid>(header.merkleRoot),
        transactions: rest.map((tx) => ({
          data: bytesToHex(tx.bytes),
          txid: tx.txid,
          hash: tx.wtxid,
          depends: [
            ...new Set(tx.inputs.map(({ prevout }) => places.get(toDisplay<Txid>(prevout.txid)))),
          ].filter((place) => place !== undefined),
          fee: node.mempool.get(tx.txid)?.fee ?? 0,
          weight: tx.weight,
        })),
        coinbasetxn: { data: bytesToHex(coinbase.bytes), txid: coinbase.txid, hash: coinbase.wtxid },
        coinbasevalue: template.subsidy + template.fees,
        target: hex256(targetOf(header.bits)),
        ...mutableTime(node, header, template.parent),
        noncerange: '00000000ffffffff',
        sizelimit: node.params.weightLimit,
        weightlimit: node.params.weightLimit,
        curtime: header.time,
        bits: hex32(header.bits),
        height: template.height,
        default_witness_commitment: bytesToHex(coinbase.outputs[coinbase.outputs.length - 1].scriptPubKey),
        block: bytesToHex(template.block.bytes),
      }
    },
  ),
  method(
    'submitblock',
    'Takes a block (BIP22). Null when it joined the chain, "inconclusive" when it was kept on a side branch, else why it was refused.',
    [hexBytes('hexdata', 'the block'), unused('dummy')],
    async (node, bytes) => {
      const block = decodeBlock(bytes)
      if (!block.ok) throw new RpcError(RPC_DESERIALIZATION_ERROR, `This is not a block. ${block.detail}`)
      const submitted = await node.submitBlock(block.value)
      if (submitted.ok) return node.chain.wasConnected(submitted.value) ? null : 'inconclusive'
      if (submitted.code === 'storage-busy') throw new RpcError(RPC_DATABASE_ERROR, submitted.detail)
      return submitted.code
    },
  ),
  method(
    'generatetoaddress',
    'Mines blocks on demand that pay to an address, and answers their hashes. Networks for tests only.',
    [
      integer('nblocks', 'blocks', 0, MAX_GENERATED),
      text('address', 'where subsidy and fees go'),
      optional(integer('maxtries', 'nonces tried in all', 1, 0xffffffff), MAX_TRIES),
    ],
    async (node, count, address, maxTries) => {
      requireTestControls(node, 'generatetoaddress')
      node.requireStorage()
      const generated = await node.miner.generateBlocks(
        count,
        scriptOf(node, address),
        typescriptKernel,
        maxTries,
      )
      if (!generated.ok) {
        // A burst of blocks soon has times ahead of the clock, since each must be later than the median before it.
        const advice = generated.code === 'time-too-new' ? ' Wait, or set a later time with setmocktime.' : ''
        throw new RpcError(RPC_MISC_ERROR, generated.detail + advice)
      }
      await node.settled()
      return generated.value
    },
  ),
  method(
    'generateblock',
    'Mines a block on demand that holds these transactions, in this order, and pays the subsidy alone: their fees are left. Networks for tests only.',
    [
      text('output', 'an address or a descriptor: who gets the subsidy'),
      list('transactions', 'ids of the mempool, or transactions in hex', text('transaction', 'id or hex')),
      optional(flag('submit', 'false: it is answered in hex, and neither checked nor kept'), true),
    ],
    async (node, output, named, submit) => {
      requireTestControls(node, 'generateblock')
      if (submit) node.requireStorage()
      const scriptPubKey = scriptNamed(node, output)
      const transactions = named.map((item) => transactionNamed(node, item))
      const chosen = { select: () => transactions.map((transaction) => ({ transaction, fee: 0 })) }
      const template = createTemplate(node.chain, chosen, {
        scriptPubKey,
        extraNonce: node.random.bytes(8),
        time: Math.floor(node.clock.forBlocks.now() / 1000),
      })
      const { block } = await node.miner.solve(template, typescriptKernel, MAX_TRIES)
      if (!block)
        throw new RpcError(RPC_MISC_ERROR, `No nonce was found in ${MAX_TRIES} tries. Call it again.`)
      if (!submit) return { hash: block.hash, hex: bytesToHex(block.bytes) }
      const submitted = await node.submitBlock(block)
      if (!submitted.ok)
        throw new RpcError(RPC_VERIFY_ERROR, `The block was refused (${submitted.code}): ${submitted.detail}`)
      await node.settled()
      return { hash: block.hash }
    },
  ),
  method(
    'setmocktime',
    'Holds the node’s time at an instant; 0 lets it run again. Networks for tests only.',
    [integer('timestamp', 'seconds since 1970', 0, LATEST_MOCK_TIME)],
    (node, seconds) => {
      requireTestControls(node, 'setmocktime')
      node.clock.hold(seconds === 0 ? undefined : seconds * 1000)
      return null
    },
  ),
] satisfies readonly RpcMethod<NodeCore>[]
