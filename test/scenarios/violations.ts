/** Ways to break one rule, each on top of any chain and beside any payments: what random chains draw from. */
import { MAX_MONEY } from '../../src/consensus/params.ts'
import { type HeaderFields, merkleRoot } from '../../src/primitives/block.ts'
import { concatBytes } from '../../src/primitives/bytes.ts'
import {
  NULL_OUTPOINT,
  Transaction,
  type TransactionFields,
  unsignedInput,
} from '../../src/primitives/transaction.ts'
import { pushData, pushNumber } from '../../src/script/opcodes.ts'
import { type MineOptions, type TestBlock, type TestCoin, TestWallet } from '../support/chain-builder.ts'
import type { Draw } from '../support/draw.ts'
import {
  editCoinbase,
  flipped,
  repetitions,
  withHeader,
  withInput,
  withoutWork,
  withWitness,
} from './edits.ts'
import type { RuleId } from './rules.ts'
import { nullData, type ScenarioWriter } from './scenario.ts'

/** Where a rule is to be broken. */
export interface Place {
  readonly s: ScenarioWriter
  readonly draw: Draw
  /** Good payments, in an order in which they are good: to stand beside the bad one. */
  readonly payments: readonly Transaction[]
  /** A coin on this branch that nothing spends, not even the payments. */
  coin(): TestCoin
  /** The coinbase's coin of the next block, and other coins on this branch that are too young to be spent. */
  readonly immature: readonly TestCoin[]
  /** Coins on this branch that are spent. */
  readonly spent: readonly TestCoin[]
}

/** Gives the chain a block that breaks the rule. False where the place offers no way to. */
export type Violation = (place: Place) => boolean

/** A bad transaction, somewhere among the payments. */
function transaction(rule: RuleId, make: (place: Place) => Transaction | undefined): Violation {
  return (place) => {
    const bad = make(place)
    if (!bad) return false
    const { s, draw, payments } = place
    const list = [...payments]
    list.splice(draw.below(list.length + 1), 0, bad)
    s.reject(s.mine(list), rule)
    return true
  }
}

/** A block whose coinbase or header departs from the ordinary. */
function block(rule: RuleId, options: (place: Place) => MineOptions): Violation {
  return (place) => {
    place.s.reject(place.s.mine(place.payments, options(place)), rule)
    return true
  }
}

/** A body that isn't the header's; undefined where the good one can't be broken so. */
function body(
  rule: RuleId,
  change: (transactions: readonly Transaction[], draw: Draw) => readonly Transaction[] | undefined,
): Violation {
  return ({ s, draw, payments }) => {
    const good = s.mine(payments)
    const changed = change(good.block.transactions, draw)
    if (!changed) return false
    s.mutate(good, changed, rule)
    return true
  }
}

/** A payment whose nLockTime is too late, and not void. */
const lockedAt = (rule: RuleId, lockTime: (place: Place) => number): Violation =>
  transaction(rule, (place) =>
    place.s.spend({
      coin: place.coin(),
      lockTime: lockTime(place),
      sequence: 0x80000000 + place.draw.below(0x7fffffff),
    }),
  )

/** A payment whose outputs are wrong. */
const paying = (
  rule: RuleId,
  outputs: (place: Place, coin: TestCoin) => TransactionFields['outputs'],
): Violation =>
  transaction(rule, (place) => {
    const coin = place.coin()
    return place.s.spend({ coin, outputs: outputs(place, coin) })
  })

/** A block of these transactions alone, under a header that commits to them. */
function rehashed(s: ScenarioWriter, draw: Draw, transactions: readonly Transaction[]): TestBlock {
  const { root } = merkleRoot(transactions.map((tx) => tx.txidBytes))
  // Without a coinbase, the version makes it unlike others.
  const header = (fields: HeaderFields): HeaderFields => ({
    ...fields,
    merkleRoot: root,
    version: draw.u32(),
  })
  return s.net.withBody(s.mine([], { header }), transactions)
}

const height = ({ s }: Place): number => s.tip.height + 1

export const VIOLATIONS: Partial<Record<RuleId, Violation>> = {
  'block-decode-failed: length': ({ s, draw, payments }) => {
    const good = s.mine(payments)
    const { bytes } = good.block
    const short = bytes.slice(0, draw.integer(80, bytes.length - 1))
    s.mutate(
      good,
      draw.oneIn(2) ? short : concatBytes(bytes, draw.bytes(draw.integer(1, 9))),
      'block-decode-failed: length',
    )
    return true
  },
  'high-hash: work': ({ s, payments }) => {
    s.reject(withoutWork(s.mine(payments), s.net.params), 'high-hash: work')
    return true
  },
  'high-hash: limit': ({ s, draw, payments }) => {
    s.reject(
      withHeader(s.mine(payments), { bits: 0x21000000 + draw.integer(0x8000, 0xffff) }),
      'high-hash: limit',
    )
    return true
  },
  'high-hash: compact form': ({ s, draw, payments }) => {
    // Negative, zero, or over 256 bits, whatever the other bits are.
    const bits = [draw.u32() | 0x00800001, draw.u32() & 0xff000000, (draw.u32() & 0x7fffff) | 0xff000001]
    s.reject(withHeader(s.mine(payments), { bits: draw.pick(bits) >>> 0 }), 'high-hash: compact form')
    return true
  },
  'bad-diffbits': block('bad-diffbits', ({ draw }) => ({
    header: (fields) => ({ ...fields, bits: fields.bits - draw.integer(1, 1000) }),
  })),
  'time-too-old': block('time-too-old', ({ s, draw }) => ({
    time: s.net.contextAfter(s.tip).medianTimePast - draw.below(draw.pick([1, 10, 100_000])),
  })),
  'prev-blk-not-found': ({ s, payments }) => {
    s.defer(s.mine([], {}, s.mine(payments)), 'prev-blk-not-found')
    return true
  },

  'bad-txnmrklroot': body('bad-txnmrklroot', (all, draw) => {
    const at = draw.below(all.length)
    const swapped = [...all.slice(0, at), ...all.slice(at + 1), all[at]]
    return at === all.length - 1 ? all.slice(0, -1) : draw.pick([swapped, all.filter((_, i) => i !== at)])
  }),
  'bad-txns-duplicate': body('bad-txns-duplicate', (all, draw) => {
    const longer = repetitions(all)
    return longer.length > 0 ? draw.pick(longer) : undefined
  }),
  'bad-blk-length': ({ s, draw }) => {
    s.reject(rehashed(s, draw, []), 'bad-blk-length')
    return true
  },
  'bad-cb-missing': ({ s, draw, payments }) => {
    if (payments.length === 0) return false
    s.reject(rehashed(s, draw, payments), 'bad-cb-missing')
    return true
  },
  'bad-witness-commitment': block('bad-witness-commitment', ({ draw }) => ({
    coinbase: (fields) => ({
      ...fields,
      outputs: fields.outputs.map((output) => {
        const { scriptPubKey } = output
        // Its length tells it from the other outputs.
        return scriptPubKey.length === 38
          ? { ...output, scriptPubKey: flipped(scriptPubKey, draw.integer(1, 5)) }
          : output
      }),
    }),
  })),
  'bad-witness-nonce-size': body('bad-witness-nonce-size', ([coinbase, ...others], draw) => {
    const items = draw.pick([[], [31], [33], [32, 0], [0], [draw.integer(34, 500)]])
    return [withInput(coinbase, { witness: items.map((length) => draw.bytes(length)) }), ...others]
  }),
  'bad-witness-merkle-match': body('bad-witness-merkle-match', (all, draw) => {
    const at = draw.below(all.length)
    const corrupt = ([item, ...rest]: readonly Uint8Array[]) => [
      flipped(item, draw.below(item.length)),
      ...rest,
    ]
    return all.map((tx, i) => (i === at ? withWitness(tx, corrupt) : tx))
  }),
  'bad-cb-multiple': transaction('bad-cb-multiple', ({ s }) => s.mine().block.transactions[0]),
  'bad-txns-vin-empty': transaction('bad-txns-vin-empty', ({ draw }) =>
    Transaction.of({ version: draw.anyU32(), inputs: [], outputs: [], lockTime: draw.anyU32() }),
  ),
  'bad-txns-vout-empty': paying('bad-txns-vout-empty', () => []),
  'bad-txns-size': paying('bad-txns-size', () => [nullData(4)]),
  'bad-txns-vout-negative': paying('bad-txns-vout-negative', ({ s, draw }) => [
    s.own(1),
    s.own(-1 - draw.u32()),
  ]),
  'bad-txns-vout-toolarge': paying('bad-txns-vout-toolarge', ({ s, draw }) => [
    s.own(1),
    s.own(MAX_MONEY + 1 + draw.u32()),
  ]),
  'bad-txns-txouttotal-toolarge': paying('bad-txns-txouttotal-toolarge', ({ s, draw }) => {
    const first = draw.u32()
    return [s.own(first), s.own(MAX_MONEY - first + 1)]
  }),
  'bad-txns-output-type: script': paying('bad-txns-output-type: script', ({ s, draw }) => {
    const scriptPubKey = draw.bytes(draw.pick([0, 1, 22, 25, 33, 34, 35, 42]))
    // Any first byte but those of P2TR and OP_RETURN.
    if (scriptPubKey.length > 0) scriptPubKey[0] = draw.pick([0x00, 0x52, 0x76, 0xa9])
    return [s.own(0), { ...s.own(0), scriptPubKey }]
  }),
  'bad-txns-output-type: size': paying('bad-txns-output-type: size', ({ draw }) => [
    nullData(draw.integer(84, 300)),
  ]),
  'bad-txns-output-type: amount': paying('bad-txns-output-type: amount', ({ draw }) => [
    nullData(draw.integer(5, 83), draw.integer(1, 1000)),
  ]),
  'bad-txns-inputs-duplicate': transaction('bad-txns-inputs-duplicate', (place) => {
    const [a, b] = [place.coin(), place.coin()]
    return place.s.net.miner.spend(
      place.draw.pick([
        [a, a],
        [a, b, a],
        [b, a, a],
      ]),
      [place.s.own(1)],
    )
  }),
  'bad-cb-length': block('bad-cb-length', ({ draw }) =>
    editCoinbase({ scriptSig: draw.bytes(draw.pick([0, 1, 101, 200])) }),
  ),
  'bad-txns-prevout-null': transaction('bad-txns-prevout-null', (place) => {
    const signed = place.s.spend({ coin: place.coin() })
    return Transaction.of({ ...signed, inputs: [...signed.inputs, unsignedInput(NULL_OUTPOINT, 0)] })
  }),
  'bad-txns-scriptsig-not-empty': transaction('bad-txns-scriptsig-not-empty', (place) =>
    withInput(place.s.spend({ coin: place.coin() }), {
      scriptSig: place.draw.bytes(place.draw.integer(1, 90)),
    }),
  ),
  'bad-txns-nonfinal: height': lockedAt(
    'bad-txns-nonfinal: height',
    (place) => height(place) + place.draw.below(place.draw.pick([1, 400_000_000])),
  ),
  'bad-txns-nonfinal: time': lockedAt(
    'bad-txns-nonfinal: time',
    ({ s, draw }) => s.net.contextAfter(s.tip).medianTimePast + draw.below(draw.pick([1, 1_000_000])),
  ),
  'bad-cb-height': block('bad-cb-height', (place) =>
    editCoinbase({
      scriptSig: concatBytes(
        pushNumber(height(place) + place.draw.pick([-1, 1, 16, 1000])),
        place.draw.bytes(20),
      ),
    }),
  ),
  'bad-cb-network': block('bad-cb-network', (place) =>
    editCoinbase({ scriptSig: concatBytes(pushNumber(height(place)), pushData(place.draw.bytes(8))) }),
  ),
  'bad-cb-locktime': block('bad-cb-locktime', (place) => ({
    coinbase: (fields) => ({ ...fields, lockTime: place.draw.below(height(place) - 1) }),
  })),
  'bad-cb-sequence': block('bad-cb-sequence', () => editCoinbase({ sequence: 0xffffffff })),

  'bad-txns-inputs-missingorspent: unknown': transaction(
    'bad-txns-inputs-missingorspent: unknown',
    ({ s, draw }) =>
      s.spend({ coin: { prevout: { txid: draw.bytes(32), index: draw.below(3) }, value: s.own(1).value } }),
  ),
  'bad-txns-inputs-missingorspent: spent': transaction(
    'bad-txns-inputs-missingorspent: spent',
    ({ s, draw, spent }) => (spent.length > 0 ? s.spend({ coin: draw.pick(spent) }) : undefined),
  ),
  'bad-txns-inputs-missingorspent: order': (place) => {
    const { s, payments } = place
    const parent = s.spend({ coin: place.coin() })
    const child = s.spend({ coin: s.net.miner.coinsOf(parent)[0] })
    s.reject(s.mine([child, ...payments, parent]), 'bad-txns-inputs-missingorspent: order')
    return true
  },
  'bad-txns-premature-spend-of-coinbase': transaction(
    'bad-txns-premature-spend-of-coinbase',
    ({ s, draw, immature }) => (immature.length > 0 ? s.spend({ coin: draw.pick(immature) }) : undefined),
  ),
  'bad-txns-in-belowout': paying('bad-txns-in-belowout', ({ s, draw }, coin) => [
    s.own(coin.value),
    s.own(1 + draw.below(draw.pick([1, 1_000_000]))),
  ]),
  'bad-txns-nonfinal: BIP68 blocks': transaction('bad-txns-nonfinal: BIP68 blocks', (place) =>
    place.s.spend({
      coin: place.coin(),
      sequence: height(place) + place.draw.below(place.draw.pick([1, 60_000])),
    }),
  ),
  'bad-cb-amount': (place) => {
    const { s, draw, payments } = place
    const [good] = s.mine(payments).block.transactions
    const more = 1 + draw.below(draw.pick([1, 1_000_000]))
    s.reject(s.mine(payments, { claim: good.outputs[0].value + more }), 'bad-cb-amount')
    return true
  },

  'witness-program-witness-empty': transaction('witness-program-witness-empty', (place) =>
    withWitness(place.s.spend({ coin: place.coin() }), () => []),
  ),
  'schnorr-sig-size': transaction('schnorr-sig-size', (place) =>
    withWitness(place.s.spend({ coin: place.coin() }), () => [
      place.draw.bytes(place.draw.pick([0, 1, 63, 66, 520])),
    ]),
  ),
  'schnorr-sig-hashtype': transaction('schnorr-sig-hashtype', (place) =>
    withWitness(place.s.spend({ coin: place.coin() }), ([item]) => [
      concatBytes(item, Uint8Array.of(place.draw.pick([0, 4, 0x10, 0x80, 0x84, 0xff]))),
    ]),
  ),
  'schnorr-sig': transaction('schnorr-sig', (place) => {
    const { s, draw } = place
    const coin = place.coin()
    if (draw.oneIn(4)) return new TestWallet('thief').spend([coin], [s.own(1)])
    return withWitness(s.spend({ coin }), ([item]) => [flipped(item, draw.below(64))])
  }),
  'taproot-wrong-control-size': transaction('taproot-wrong-control-size', (place) =>
    withWitness(place.s.spend({ coin: place.coin() }), () => [
      Uint8Array.of(0x51),
      concatBytes(Uint8Array.of(0xc0), place.draw.bytes(place.draw.integer(33, 60))),
    ]),
  ),
  'witness-program-mismatch': transaction('witness-program-mismatch', (place) =>
    withWitness(place.s.spend({ coin: place.coin() }), () => [
      Uint8Array.of(0x51),
      concatBytes(Uint8Array.of(0xc0), place.draw.bytes(32)),
    ]),
  ),
}
