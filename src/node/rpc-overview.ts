/** RPC: what a tab is watched by, such as by the overview, from the start: chain, blocks, peers, mempool and mining as they stand. */
import { type HeaderIndex, NO_HEADER } from '../chain/header-tree.ts'
import type { MempoolEntry } from '../mempool/mempool.ts'
import type { Block } from '../primitives/block.ts'
import { bytesToHex } from '../primitives/bytes.ts'
import type { BlockHash } from '../primitives/hashes.ts'
import { USER_AGENT } from '../protocol/peer-manager.ts'
import { PROTOCOL_VERSION, SERVICE_FULL_CHAIN } from '../protocol/wire.ts'
import type { NodeCore } from './node-core.ts'
import { RPC_INVALID_ADDRESS_OR_KEY, RPC_INVALID_PARAMETER, RPC_MISC_ERROR, RpcError } from './rpc-error.ts'
import { blockJson, coins, easeOfNext, feeRate, headerJson, hex256, nextDifficultyJson } from './rpc-json.ts'
import { blockHash, flag, integer, method, optional, type RpcMethod, verbosity } from './rpc-method.ts'

/** Headers over which the network's hash rate is estimated. */
const HASH_RATE_SPAN = 120

/** The header of this hash; an `RpcError` when there is none. */
export function headerOf(node: NodeCore, hash: BlockHash): HeaderIndex {
  const index = node.chain.headers.find(hash)
  if (index === NO_HEADER)
    throw new RpcError(RPC_INVALID_ADDRESS_OR_KEY, `No block with the hash ${hash} is known here.`)
  return index
}

/** The body of a block; an `RpcError` when it isn't held. */
export async function bodyOf(node: NodeCore, index: HeaderIndex): Promise<Block> {
  const block = await node.chain.readBlock(index)
  if (block === undefined)
    throw new RpcError(
      RPC_MISC_ERROR,
      'Only the header of this block is known: its body has not been downloaded yet.',
    )
  return block
}

/** What people should know of, as sentences: attacks under way, a wrong clock, a chain that nobody follows. */
export function warningsOf({ peers }: NodeCore): string[] {
  return (peers.networkStatus().alarms ?? []).map(({ sentence }) => sentence)
}

/** Whole seconds; 0 for none. */
export function seconds(milliseconds: number | undefined): number {
  return milliseconds === undefined ? 0 : Math.floor(milliseconds / 1000)
}

/** Services as Bitcoin Core writes them: 64 bits in hex, and the names of those that are defined here. */
function services(bits: bigint): { readonly hex: string; readonly names: readonly string[] } {
  return { hex: bits.toString(16).padStart(16, '0'), names: bits & SERVICE_FULL_CHAIN ? ['NETWORK'] : [] }
}

/** The version in the user agent `/opentab:0.3.0/` as Bitcoin Core's number: two digits each, 300. */
function versionNumber(): number {
  const [major, minor, patch] = (/(\d+)\.(\d+)\.(\d+)/.exec(USER_AGENT) ?? []).slice(1).map(Number)
  return major * 10_000 + minor * 100 + patch
}

/** `getmempoolentry`. Sizes in virtual bytes, fees in coins. */
export function entryJson(entry: MempoolEntry) {
  const { transaction, parents, children } = entry
  const idsOf = (entries: ReadonlySet<MempoolEntry>) => [...entries].map((other) => other.transaction.txid)
  return {
    vsize: transaction.vsize,
    weight: transaction.weight,
    time: entry.time,
    height: entry.height,
    descendantcount: entry.descendantCount,
    descendantsize: Math.ceil(entry.descendantWeight / 4),
    ancestorcount: entry.ancestorCount,
    ancestorsize: Math.ceil(entry.ancestorWeight / 4),
    wtxid: transaction.wtxid,
    fees: {
      base: coins(entry.fee),
      modified: coins(entry.fee),
      ancestor: coins(entry.ancestorFees),
      descendant: coins(entry.descendantFees),
    },
    depends: idsOf(parents),
    spentby: idsOf(children),
    'bip125-replaceable': true,
  }
}

/**
 * Hashes a second over the last blocks until now, from their work and times. The time between genesis and the first block, and most of a
 * night without blocks, is no time in which anybody searched.
 */
function networkHashRate({ chain, clock, params }: NodeCore): number {
  const { headers, tip } = chain
  const longest = params.targetSpacing + params.halfLife
  let elapsed = Math.max(0, Math.floor(clock.forBlocks.now() / 1000) - headers.time(tip))
  let from = tip
  for (let count = 0; count < HASH_RATE_SPAN && headers.height(from) > 1; count++) {
    const parent = headers.parent(from)
    elapsed += Math.min(headers.time(from) - headers.time(parent), longest)
    from = parent
  }
  return elapsed > 0 ? Number(headers.chainWork(tip) - headers.chainWork(from)) / elapsed : 0
}

export const overviewMethods = [
  method(
    'getblockchaininfo',
    'State of the chain. Bits, target and difficulty are those of the next block, now.',
    [],
    (node) => {
      const { chain, params } = node
      const { headers, tip } = chain
      const { headers: bestHeight, synced } = node.peers.syncState()
      return {
        chain: params.name,
        blocks: headers.height(tip),
        headers: bestHeight,
        bestblockhash: headers.hash(tip),
        ...nextDifficultyJson(node),
        time: headers.time(tip),
        mediantime: headers.medianTimePast(tip),
        verificationprogress: bestHeight === 0 ? 1 : headers.height(tip) / bestHeight,
        initialblockdownload: !synced,
        chainwork: hex256(headers.chainWork(tip)),
        pruned: false,
        warnings: warningsOf(node),
      }
    },
  ),
  method('getbestblockhash', 'Hash of the tip.', [], ({ chain }) => chain.headers.hash(chain.tip)),
  method('getblockcount', 'Height of the tip.', [], ({ chain }) => chain.headers.height(chain.tip)),
  method(
    'getblockhash',
    'Hash of the block at a height of the active chain.',
    [integer('height', 'height, genesis is 0', 0, 0xffffffff)],
    ({ chain }, height) => {
      const index = chain.activeAt(height)
      if (index === NO_HEADER)
        throw new RpcError(
          RPC_INVALID_PARAMETER,
          `The tip is block ${chain.headers.height(chain.tip)}: there is none at height ${height} yet.`,
        )
      return chain.headers.hash(index)
    },
  ),
  method(
    'getblockheader',
    'A header, as an object or as its 80 bytes in hex.',
    [blockHash(), optional(flag('verbose', 'an object (default) or hex'), true)],
    async (node, hash, verbose) => {
      const index = headerOf(node, hash)
      if (!verbose) return bytesToHex(node.chain.headers.header(index).bytes)
      const block = await node.chain.readBlock(index)
      return headerJson(node, index, block?.transactions.length)
    },
  ),
  method(
    'getblock',
    'A block: hex (0), with the ids of its transactions (1), with its transactions and their fees (2), and with the coins they spend (3).',
    [blockHash(), optional(verbosity('verbosity', '0, 1 (default), 2 or 3', 3), 1)],
    async (node, hash, level) => {
      const index = headerOf(node, hash)
      const block = await bodyOf(node, index)
      if (level === 0) return bytesToHex(block.bytes)
      if (level === 1)
        return blockJson(
          node,
          index,
          block,
          block.transactions.map((tx) => tx.txid),
        )
      const { blockTransactionsJson } = await node.loadRpc()
      const spent = await node.chain.readSpentCoins(index)
      return blockJson(node, index, block, blockTransactionsJson(node, block, spent, level))
    },
  ),
  method('getpeerinfo', 'The peers that this tab is connected to directly.', [], ({ mempool, peers }) =>
    peers.peers().map((peer) => {
      const { hex, names } = services(peer.services)
      return {
        id: peer.number,
        peerid: peer.id,
        addr: peer.address,
        network: 'webrtc',
        services: hex,
        servicesnames: names,
        relaytxes: true,
        inbound: peer.direction === 'inbound',
        connection_type:
          peer.connectionType ?? (peer.direction === 'inbound' ? 'inbound' : 'outbound-full-relay'),
        ...(peer.introducer === undefined ? {} : { introducer: peer.introducer }),
        ...(peer.addressGroup === undefined ? {} : { address_group: peer.addressGroup }),
        conntime: seconds(peer.connectedAt),
        lastsend: seconds(peer.lastSentAt),
        lastrecv: seconds(peer.lastReceivedAt),
        last_transaction: seconds(peer.lastTransactionAt),
        last_block: seconds(peer.lastBlockAt),
        bytessent: peer.bytesSent,
        bytesrecv: peer.bytesReceived,
        timeoffset: Math.round((peer.clockOffset ?? 0) / 1000),
        ...(peer.latency === undefined ? {} : { pingtime: peer.latency / 1000 }),
        version: peer.version,
        subver: peer.userAgent,
        startingheight: peer.startingHeight,
        synced_headers: peer.headerHeight ?? -1,
        synced_blocks: peer.commonHeight ?? -1,
        inflight: peer.inFlight,
        permissions: [],
        minfeefilter: feeRate(mempool.relayFeeRate),
        banscore: peer.score,
      }
    }),
  ),
  method('getconnectioncount', 'Number of peers.', [], ({ peers }) => peers.peers().length),
  method('getnetworkinfo', 'This tab’s place in the network.', [], (node) => {
    const { mempool, peers, self } = node
    const connected = peers.peers()
    const status = peers.networkStatus()
    const inbound = connected.filter((peer) => peer.direction === 'inbound').length
    const { hex, names } = services(peers.services)
    return {
      version: versionNumber(),
      subversion: USER_AGENT,
      protocolversion: PROTOCOL_VERSION,
      localservices: hex,
      localservicesnames: names,
      localrelay: true,
      timeoffset: peers.clockState().offsetSeconds,
      localid: self,
      connections: connected.length,
      connections_in: inbound,
      connections_out: connected.length - inbound,
      networkactive: true,
      networks: [{ name: 'webrtc', limited: false, reachable: true, proxy: '' }],
      relayfee: feeRate(mempool.relayFeeRate),
      incrementalfee: feeRate(mempool.relayFeeRate),
      localaddresses: [],
      relays: status.relays,
      relayedonlypeers: status.relayedOnlyPeers,
      // The share of the connections that the browser grants a tab in its life.
      ...(status.connectionsUsed === undefined ? {} : { connectionsused: status.connectionsUsed }),
      warnings: warningsOf(node),
    }
  }),
  method('getmempoolinfo', 'State of the mempool.', [], ({ mempool }) => {
    let vbytes = 0
    let fees = 0
    for (const entry of mempool.entries()) {
      vbytes += entry.transaction.vsize
      fees += entry.fee
    }
    return {
      loaded: true,
      size: mempool.size,
      bytes: vbytes,
      usage: mempool.bytes,
      total_fee: coins(fees),
      maxmempool: mempool.maxBytes,
      mempoolminfee: feeRate(mempool.minFeeRate),
      minrelaytxfee: feeRate(mempool.relayFeeRate),
      incrementalrelayfee: feeRate(mempool.relayFeeRate),
      fullrbf: true,
    }
  }),
  method(
    'getrawmempool',
    'The transactions that wait for a block: their ids, or an object with an entry for each.',
    [
      optional(flag('verbose', 'an object of entries'), false),
      optional(flag('mempool_sequence', 'how often it has changed, too'), false),
    ],
    (node, verbose, sequence) => {
      if (verbose && sequence)
        throw new RpcError(
          RPC_INVALID_PARAMETER,
          'mempool_sequence comes with ids alone: verbose must be false.',
        )
      const entries = [...node.mempool.entries()]
      if (verbose)
        return Object.fromEntries(entries.map((entry) => [entry.transaction.txid, entryJson(entry)]))
      const txids = entries.map((entry) => entry.transaction.txid)
      return sequence ? { txids, mempool_sequence: node.mempool.sequence } : txids
    },
  ),
  method(
    'getmininginfo',
    'State of mining. Bits, target and difficulty are those of the next block, now: they ease while no block comes, by next.ease doublings of the target.',
    [],
    (node) => {
      const { chain, mempool, miner, params } = node
      const { headers, tip } = chain
      const { state } = miner
      const next = nextDifficultyJson(node)
      return {
        blocks: headers.height(tip),
        ...next,
        networkhashps: networkHashRate(node),
        pooledtx: mempool.size,
        next: { height: headers.height(tip) + 1, ...next, ease: easeOfNext(node) },
        chain: params.name,
        ...(state.template === undefined
          ? {}
          : { currentblockweight: state.template.weight, currentblocktx: state.template.transactions }),
        generate: state.status !== 'stopped',
        threads: state.threads,
        maxthreads: state.maxThreads,
        throttle: state.throttle,
        graphicscard: state.graphicsCard,
        ...(state.graphicsCardProblem === undefined
          ? {}
          : { graphicscardproblem: state.graphicsCardProblem }),
        kernels: state.kernels,
        hashespersec: state.hashRate,
        blocksfound: state.blocksFound,
        ...(state.lastError === undefined ? {} : { problem: state.lastError }),
        ...(state.pause === undefined ? {} : { pause: state.pause }),
        warnings: warningsOf(node),
      }
    },
  ),
] satisfies readonly RpcMethod<NodeCore>[]
