/** What hostile peers do. Each is a thing that the verdict table, a bound or a timeout has an answer to. */
import { NO_HEADER } from '../chain/header-tree.ts'
import type { NodeCore } from '../node/node-core.ts'
import { sats } from '../primitives/amount.ts'
import { Block } from '../primitives/block.ts'
import { equalBytes } from '../primitives/bytes.ts'
import { Transaction, type TransactionFields } from '../primitives/transaction.ts'
import { compactBlockOf, decodeCompactBlock, encodeCompactBlock } from '../protocol/compact-block.ts'
import { encodeMessage, MAX_HEADERS, type Message } from '../protocol/wire.ts'
import type { WalletCoin } from '../wallet/wallet.ts'
import type { Adversary, Attack } from './adversary.ts'
import {
  FORGER_SCRIPT,
  type Forgery,
  forgeBlock,
  forgeSpend,
  lowWorkHeaders,
  signedSpend,
} from './forged-blocks.ts'

export const ATTACKS = {
  /** Frames of noise, most of them of a type that there is. */
  garbage: {
    strike(me, peer) {
      const type = me.random.integer(16)
      me.sendBytes(peer, Uint8Array.of(type, ...me.random.bytes(me.random.integer(2000))))
    },
  },
  /** A message of some type with bytes missing, added or changed. */
  malformed: {
    strike(me, peer, node) {
      const frame = encodeMessage(me.random.pick(messages(me, node)))
      const at = me.random.integer(frame.length)
      const damaged = me.random.pick([
        frame.subarray(0, at),
        Uint8Array.of(...frame, ...me.random.bytes(3)),
        frame.map((byte, i) => (i === at ? byte ^ 0xff : byte)),
      ])
      me.sendBytes(peer, damaged)
    },
  },
  /** A frame over the size of its kind. */
  oversized: {
    strike: (me, peer) => me.sendBytes(peer, Uint8Array.of(1, ...me.random.bytes(4000))),
  },
  /** Answers that nobody asked for. */
  unsolicited: {
    strike(me, peer, node) {
      for (const message of messages(me, node)) me.send(peer, message)
    },
  },
  /** Announces a block that breaks a rule when it is connected, and serves it. */
  'invalid block': servingAttack(invalidBlock),
  /** The same by gossip. */
  'invalid gossip': {
    strike(me, _peer, node) {
      const block = invalidBlock(me, node)
      me.blocks.push(block)
      gossip(me, block)
    },
  },
  /** Gossips a block whose coinbase names another height: found before it is forwarded. */
  'malformed block': {
    strike(me, _peer, { chain }) {
      const coinbase = (fields: TransactionFields) => ({ ...fields, lockTime: fields.lockTime + 1 })
      gossip(me, forgeBlock(chain, chain.tip, { ...timely(me), coinbase }))
    },
  },
  /** Serves a good header with another body. */
  'mutated body': servingAttack((me, { chain }) => {
    const good = forgeBlock(chain, chain.tip, timely(me))
    const [coinbase] = good.transactions
    const [input] = coinbase.inputs
    const other = Transaction.of({ ...coinbase, inputs: [{ ...input, witness: [me.random.bytes(32)] }] })
    return Block.of(good.header, [other])
  }),
  /** Passes on every block with another witness in its coinbase, ahead of those who would pass on the true one. */
  'mutated relay': {
    hear(me, topic, payload) {
      const compact = topic === 'block' ? decodeCompactBlock(payload) : undefined
      if (!compact?.ok) return
      const prefilled = compact.value.prefilled.map(({ index, transaction }) => {
        const inputs = transaction.inputs.map((input) => ({ ...input, witness: [me.random.bytes(32)] }))
        return { index, transaction: Transaction.of({ ...transaction, inputs }) }
      })
      me.publish('block', encodeCompactBlock({ ...compact.value, prefilled }))
    },
  },
  /** Gossips a good header with transactions that there are none of, and serves noise for them. */
  'wrong short ids': {
    strike(me, _peer, { chain }) {
      const block = forgeBlock(chain, chain.tip, timely(me))
      const compact = compactBlockOf(block, me.random.bytes(8))
      me.publish('block', encodeCompactBlock({ ...compact, shortIds: [1, 2, 3] }))
    },
    answer(me, peer, message) {
      if (message.type !== 'getblocktxn') return false
      const { id, blockHash, indexes } = message
      const transactions = indexes.map(() => noise(me))
      me.send(peer, { type: 'blocktxn', id, blockHash, transactions })
      return true
    },
  },
  /** Answers questions for headers with long branches that cost nothing. */
  'low work': {
    hello: (_me, { chain }) => ({
      tipHash: new Uint8Array(32).fill(1),
      chainWork: chain.headers.chainWork(chain.tip) * 2n,
    }),
    answer(me, peer, message, { chain }) {
      if (message.type !== 'getheaders') return false
      const count = Math.min(chain.headers.height(chain.tip), MAX_HEADERS)
      me.send(peer, {
        type: 'headers',
        id: message.id,
        headers: lowWorkHeaders(chain, count, me.random.bytes(32)),
      })
      return true
    },
  },
  /** Announces blocks from an hour ahead. */
  'from the future': {
    strike(me, peer, { chain }) {
      const { header } = forgeBlock(chain, chain.tip, { time: Math.floor(me.now() / 1000) + 3600 })
      me.send(peer, { type: 'headers', id: 0, headers: [header] })
    },
  },
  /** Says another time than it is, an hour ahead. */
  'wrong time': {
    answer(me, peer, message) {
      if (message.type !== 'gettime') return false
      me.send(peer, { type: 'time', id: message.id, time: Math.floor(me.now()) + 3_600_000 })
      return true
    },
  },
  /** Announces a good block and never sends its body. */
  withholding: {
    strike(me, peer, { chain }) {
      const { header } = forgeBlock(chain, chain.tip, timely(me))
      me.send(peer, { type: 'headers', id: 0, headers: [header] })
    },
    answer: (_me, _peer, message) => message.type === 'getdata' || message.type === 'getblocktxn',
  },
  /** Gossips transactions that nobody signed. */
  forgery: {
    strike(me, _peer, node) {
      const coin = someCoin(node)
      if (coin) me.publish('tx', forgeSpend(coin.outpoint, coin.value - 1000, me.random.bytes(64)).bytes)
    },
  },
  /** Gossips transactions whose parents don't exist, too large ones, and such as pay too little. */
  spam: {
    strike(me, _peer, node) {
      for (let i = 0; i < 20; i++) me.publish('tx', noise(me).bytes)
      const coin = someCoin(node)
      if (coin) me.publish('tx', forgeSpend(coin.outpoint, coin.value, me.random.bytes(64)).bytes)
      const outputs = Array.from({ length: 2400 }, () => ({ value: sats(1000), scriptPubKey: FORGER_SCRIPT }))
      me.publish('tx', Transaction.of({ ...noise(me), outputs }).bytes)
    },
  },
  /** Answers everything at the last moment. */
  slow: {
    answer(me, peer, message) {
      if (message.type !== 'getheaders') return false
      me.after(9_000, () => me.send(peer, { type: 'headers', id: message.id, headers: [] }))
      return true
    },
  },
  /** Asks without end. */
  flood: {
    strike(me, peer, { chain }) {
      const hashes = [chain.headers.hashBytes(chain.tip)]
      for (let id = 1; id <= 500; id++) me.send(peer, { type: 'getdata', id, hashes })
      for (let id = 1; id <= 500; id++) me.send(peer, { type: 'mempool' })
    },
  },
} as const satisfies Record<string, Attack>

export type AttackName = keyof typeof ATTACKS

/** Announces by its header a block that `make` makes, and serves it when asked. */
export function servingAttack(make: Forger): Attack {
  return {
    strike(me, peer, node) {
      const block = make(me, node)
      me.blocks.push(block)
      me.send(peer, { type: 'headers', id: 0, headers: [block.header] })
    },
    answer(me, peer, message) {
      if (message.type !== 'getdata') return false
      for (const hash of message.hashes) {
        const block = me.blocks.findLast(({ header }) => equalBytes(header.hashBytes, hash))
        if (block) me.send(peer, { type: 'block', id: message.id, block })
        else me.send(peer, { type: 'notfound', id: message.id, hashes: [hash] })
      }
      return true
    },
  }
}

type Forger = (me: Adversary, node: NodeCore) => Block

/**
 * Blocks on the tip that break one rule, which is known only when they are connected; all else about them is right. Where the attacker
 * has no coin to do it with, a good block that earns one.
 */
export const BAD_BLOCKS = {
  'claims more than subsidy and fees': (me, { chain }) =>
    forgeBlock(chain, chain.tip, { ...timely(me), excess: 1 }),
  'spends without a signature': spending(({ outpoint, value }, me) => [
    forgeSpend(outpoint, value, me.random.bytes(64)),
  ]),
  'spends one coin twice': spending(({ outpoint, value }) => [
    signedSpend(outpoint, value, value),
    signedSpend(outpoint, value, value - 1),
  ]),
  'makes money of nothing': spending(({ outpoint, value }) => [signedSpend(outpoint, value, value + 1)]),
  'spends what was just mined': spending(
    ({ outpoint, value }) => [signedSpend(outpoint, value, value)],
    (confirmations) => confirmations === 1,
  ),
} as const satisfies Record<string, Forger>

function spending(
  transactions: (coin: Pick<WalletCoin, 'outpoint' | 'value'>, me: Adversary) => Transaction[],
  suits?: (confirmations: number) => boolean,
): Forger {
  return (me, { chain }) => {
    const { params, headers, tip } = chain
    const suitable = suits ?? ((confirmations) => confirmations >= params.coinbaseMaturity)
    const earned = me.blocks.find(({ header }) => {
      const index = headers.findBytes(header.hashBytes)
      if (index === NO_HEADER || !chain.isActive(index)) return false
      return suitable(headers.height(tip) - headers.height(index) + 1)
    })
    if (earned === undefined) return forgeBlock(chain, tip, timely(me))
    const [coinbase] = earned.transactions
    const coin = { outpoint: { txid: coinbase.txidBytes, index: 0 }, value: coinbase.outputs[0].value }
    return forgeBlock(chain, tip, { ...timely(me), transactions: transactions(coin, me) })
  }
}

function invalidBlock(me: Adversary, node: NodeCore): Block {
  return me.random.pick(Object.values<Forger>(BAD_BLOCKS))(me, node)
}

/** A confirmed coin of the node that is looked into. */
function someCoin({ wallet }: NodeCore): WalletCoin | undefined {
  return wallet?.coins().find(({ spendable, confirmations }) => spendable && confirmations > 0)
}

/** What an honest miner would write. */
function timely(me: Adversary): Pick<Forgery, 'time'> {
  return { time: Math.floor(me.now() / 1000) }
}

function gossip(me: Adversary, block: Block): void {
  me.publish('block', encodeCompactBlock(compactBlockOf(block, me.random.bytes(8))))
}

/** A transaction of a coin that there isn't. */
function noise(me: Adversary): Transaction {
  return forgeSpend({ txid: me.random.bytes(32), index: 0 }, 1000, me.random.bytes(64))
}

/** One message of each type but `hello`, all well-formed. */
function messages(me: Adversary, { chain }: NodeCore): Message[] {
  const id = 0x7fffffff
  const block = forgeBlock(chain, chain.tip, timely(me))
  const hash = block.header.hashBytes
  const headers = lowWorkHeaders(chain, 9, me.random.bytes(32))
  return [
    { type: 'block', id, block },
    { type: 'headers', id, headers },
    { type: 'headers', id: 0, headers },
    { type: 'blocktxn', id, blockHash: hash, transactions: [noise(me)] },
    { type: 'tx', id, transactions: [noise(me)] },
    { type: 'notfound', id, hashes: [hash] },
    { type: 'getdata', id, hashes: [hash] },
    { type: 'getblocktxn', id, blockHash: hash, indexes: [0] },
    { type: 'gettx', id, wtxids: [hash] },
    { type: 'inv', wtxids: [hash] },
    { type: 'time', id, time: 0 },
    { type: 'getheaders', id, locator: [hash], stop: new Uint8Array(32) },
  ]
}
