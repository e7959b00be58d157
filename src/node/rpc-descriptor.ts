/** RPC: output descriptors and scripts, and the coins of the chain that they describe. No wallet is needed. */

import type { Coin } from '../consensus/coins.ts'
import { bytesToHex, hexToBytes, isHex } from '../primitives/bytes.ts'
import { type Txid, toDisplay } from '../primitives/hashes.ts'
import type { Outpoint } from '../primitives/transaction.ts'
import { addressOf, decodeAddress } from '../script/address.ts'
import { outputKeyOf, p2trScript } from '../script/taproot.ts'
import { descriptorChecksum, parseDescriptor } from '../wallet/descriptor.ts'
import type { NodeCore } from './node-core.ts'
import { RPC_INVALID_ADDRESS_OR_KEY, RPC_INVALID_PARAMETER, RpcError } from './rpc-error.ts'
import { coins } from './rpc-json.ts'
import {
  integer,
  method,
  optional,
  type Parameter,
  parameter,
  type RpcMethod,
  text,
  wrongType,
} from './rpc-method.ts'
import { hexBytes, list, object } from './rpc-parameters.ts'
import { asmOf, descriptorOf } from './rpc-transaction-json.ts'
import { unwrap } from './rpc-wallet-error.ts'

/** Keys that one descriptor is asked for at most. */
const MAX_RANGE = 10_000
/** Descriptors of `scantxoutset`. */
const MAX_SCANNED = 1000
/** Last index of a ranged descriptor that is searched for when nobody says. */
const DEFAULT_RANGE = 1000

/** Core's range: its end, from 0 on; or begin and end, both included. */
const RANGE: Parameter<readonly [number, number], number | readonly number[], 'range'> = parameter(
  'range',
  'last index, or [first, last], of a descriptor that ends in /*',
  (value) => {
    const index = integer('range', '', 0, 0x7fffffff)
    const [first, last] = Array.isArray(value) ? value : [0, value]
    const range = [index.parse(first), index.parse(last)] as const
    if (range[1] < range[0] || range[1] - range[0] >= MAX_RANGE)
      throw new RpcError(
        RPC_INVALID_PARAMETER,
        `range must be [first, last] and hold at most ${MAX_RANGE} indexes.`,
      )
    return range
  },
  'a whole number or a pair of them',
)

/** The scripts of a descriptor, branch by branch, each with a descriptor of its own. */
interface Described {
  /** Normalised, with its checksum. */
  readonly text: string
  readonly ranged: boolean
  readonly branches: number
  /** Those of a branch. */
  scripts(branch: number, first: number, last: number): readonly Uint8Array[]
}

/** `tr(…)`, which wallets use, and what names one script: `addr(…)`, `raw(…)` and `rawtr(…)` of BIP385 and BIP386. */
function describedBy(node: NodeCore, descriptor: string): Described {
  const [body = '', checksum] = descriptor.trim().split('#')
  const [, kind, inner = ''] = /^(addr|raw|rawtr)\((.*)\)$/.exec(body) ?? []
  if (kind === undefined) {
    const parsed = parseDescriptor(descriptor)
    if (!parsed.ok) throw new RpcError(RPC_INVALID_ADDRESS_OR_KEY, parsed.detail)
    const { text: whole, ranged, branches, derive } = parsed.value
    return {
      text: whole,
      ranged,
      branches,
      scripts: (branch, first, last) =>
        ranged
          ? Array.from({ length: last - first + 1 }, (_, at) =>
              p2trScript(derive(branch, first + at).outputKey),
            )
          : [p2trScript(derive(branch, 0).outputKey)],
    }
  }
  if (checksum !== undefined && checksum !== descriptorChecksum(body))
    throw new RpcError(
      RPC_INVALID_ADDRESS_OR_KEY,
      'The checksum behind "#" does not fit the descriptor: copy it again, whole.',
    )
  const script = scriptIn(node, kind, inner)
  return { text: `${body}#${descriptorChecksum(body)}`, ranged: false, branches: 1, scripts: () => [script] }
}

function scriptIn(node: NodeCore, kind: string, inner: string): Uint8Array {
  if (kind === 'addr') return unwrap(decodeAddress(inner, node.params.addressPrefix))
  if (kind === 'raw' && isHex(inner)) return hexToBytes(inner)
  if (kind === 'rawtr' && isHex(inner, 32)) return p2trScript(hexToBytes(inner))
  throw new RpcError(
    RPC_INVALID_ADDRESS_OR_KEY,
    kind === 'raw' ? 'raw(…) holds a script in hex.' : 'rawtr(…) holds an output key of 64 hex digits.',
  )
}

/** A descriptor, or one with a range. */
const SCAN_OBJECT = parameter<
  { readonly desc: string; readonly range: readonly [number, number] },
  'scanobject',
  string | { readonly desc: string; readonly range?: number | readonly number[] }
>(
  'scanobject',
  'a descriptor, or {"desc", "range"}',
  (value) => {
    if (typeof value !== 'string' && (typeof value !== 'object' || value === null))
      throw wrongType('scanobject', 'a descriptor or an object', value)
    return SCAN_FIELDS.parse(typeof value === 'string' ? { desc: value } : value)
  },
  'text or an object',
)
const SCAN_FIELDS = object('scanobject', '', {
  desc: text('desc', 'a descriptor'),
  range: optional(RANGE, [0, DEFAULT_RANGE] as const),
})

/** Core's scan objects. */
export const SCAN_OBJECTS = list('scanobjects', 'whose coins', SCAN_OBJECT)

/** The scripts that scan objects describe. */
export function scriptsOf(
  node: NodeCore,
  wanted: ReturnType<typeof SCAN_OBJECTS.parse>,
): readonly Uint8Array[] {
  if (wanted.length < 1 || wanted.length > MAX_SCANNED)
    throw new RpcError(RPC_INVALID_PARAMETER, `scanobjects must hold 1 to ${MAX_SCANNED} descriptors.`)
  return wanted.flatMap(({ desc, range }) => {
    const { branches, scripts } = describedBy(node, desc)
    return Array.from({ length: branches }, (_, branch) => scripts(branch, ...range)).flat()
  })
}

/** The script of an address, or of a descriptor of one script. */
export function scriptNamed(node: NodeCore, text: string): Uint8Array {
  if (!text.includes('(')) return unwrap(decodeAddress(text, node.params.addressPrefix))
  const { ranged, branches, scripts } = describedBy(node, text)
  if (ranged || branches > 1)
    throw new RpcError(RPC_INVALID_PARAMETER, 'The descriptor must be of one script: it has several.')
  return scripts(0, 0, 0)[0]
}

export const descriptorMethods = [
  method(
    'getdescriptorinfo',
    'What a descriptor is, with its checksum.',
    [text('descriptor', 'such as tr(xpub…/0/*), addr(…), raw(…) or rawtr(…)')],
    (node, descriptor) => {
      const { text: whole, ranged } = describedBy(node, descriptor)
      return {
        descriptor: whole,
        checksum: whole.slice(-8),
        isrange: ranged,
        issolvable: whole.startsWith('tr('),
        hasprivatekeys: false,
      }
    },
  ),
  method(
    'deriveaddresses',
    'The addresses of a descriptor; of one with several branches, those of each.',
    [text('descriptor', 'with its checksum, as getdescriptorinfo tells it'), optional(RANGE, undefined)],
    (node, descriptor, range) => {
      if (!descriptor.includes('#'))
        throw new RpcError(RPC_INVALID_ADDRESS_OR_KEY, 'The checksum lacks: getdescriptorinfo tells it.')
      const { ranged, branches, scripts } = describedBy(node, descriptor)
      if (ranged !== (range !== undefined))
        throw new RpcError(
          RPC_INVALID_PARAMETER,
          ranged
            ? 'range must be given for a descriptor that ends in /*.'
            : 'Only a descriptor that ends in /* takes a range.',
        )
      const [first, last] = range ?? [0, 0]
      const lists = Array.from({ length: branches }, (_, branch) =>
        scripts(branch, first, last).map((script) => {
          const address = addressOf(script, node.params.addressPrefix)
          if (address !== undefined) return address
          throw new RpcError(
            RPC_INVALID_ADDRESS_OR_KEY,
            'This script has no address: only P2TR outputs have.',
          )
        }),
      )
      return branches === 1 ? lists[0]! : lists
    },
  ),
  method(
    'scantxoutset',
    'The coins of the chain that descriptors describe, by looking at all of them. Answers null to status and abort: it is quick.',
    [text('action', 'start, status or abort'), optional(SCAN_OBJECTS, [])],
    async (node, action, wanted) => {
      if (action === 'status' || action === 'abort') return null
      if (action !== 'start')
        throw new RpcError(
          RPC_INVALID_PARAMETER,
          `action must be start, status or abort, not '${action.slice(0, 40)}'.`,
        )
      const { chain } = node
      const keys = new Set<string>()
      for (const script of scriptsOf(node, wanted)) {
        const key = outputKeyOf(script)
        if (key) keys.add(bytesToHex(key))
      }
      const found: { readonly prevout: Outpoint; readonly coin: Coin }[] = []
      let looked = 0
      await chain.forEachCoin((prevout, coin) => {
        looked++
        if (!keys.has(bytesToHex(coin.outputKey))) return
        found.push({
          prevout: { txid: prevout.txid.slice(), index: prevout.index },
          coin: { ...coin, outputKey: coin.outputKey.slice() },
        })
      })
      const { headers, tip } = chain
      const height = headers.height(tip)
      return {
        success: true,
        txouts: looked,
        height,
        bestblock: headers.hash(tip),
        unspents: found.map(({ prevout, coin }) => {
          const script = p2trScript(coin.outputKey)
          return {
            txid: toDisplay<Txid>(prevout.txid),
            vout: prevout.index,
            scriptPubKey: bytesToHex(script),
            desc: descriptorOf(script),
            amount: coins(coin.value),
            coinbase: coin.coinbase,
            height: coin.height,
            blockhash: headers.hash(chain.activeAt(coin.height)),
            confirmations: height - coin.height + 1,
          }
        }),
        total_amount: coins(found.reduce((total, { coin }) => total + coin.value, 0)),
      }
    },
  ),
  method('decodescript', 'What a script is.', [hexBytes('hexstring', 'the script')], (node, script) => {
    const isData = script[0] === 0x6a
    return {
      asm: asmOf(script),
      desc: descriptorOf(script),
      ...(outputKeyOf(script)
        ? { type: 'witness_v1_taproot' as const, address: addressOf(script, node.params.addressPrefix) }
        : { type: isData ? ('nulldata' as const) : ('nonstandard' as const) }),
    }
  }),
] satisfies readonly RpcMethod<NodeCore>[]
