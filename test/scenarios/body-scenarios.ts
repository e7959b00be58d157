/** The body of a block: whether it is its header's, its weight, and the coinbase. */
import { witnessCommitment, witnessMerkleRoot } from '../../src/consensus/coinbase.ts'
import { type NetworkParams, PUBLIC } from '../../src/consensus/params.ts'
import { merkleRoot } from '../../src/primitives/block.ts'
import { concatBytes } from '../../src/primitives/bytes.ts'
import { Transaction, type TransactionFields, unsignedInput } from '../../src/primitives/transaction.ts'
import { OP_RETURN, pushData, pushNumber } from '../../src/script/opcodes.ts'
import type { TestBlock } from '../support/chain-builder.ts'
import { QUICK } from '../support/chain-nodes.ts'
import { signKeyPath } from '../support/transactions.ts'
import { editCoinbase, flipped, type InputChange, repetitions, withInput } from './edits.ts'
import { judge } from './leaf-spends.ts'
import type { RuleId } from './rules.ts'
import { nullData, type Scenario, type ScenarioWriter } from './scenario.ts'

/** The least weight limit that a network may have, so that a block is full at once. */
const NARROW: NetworkParams = { ...QUICK, weightLimit: 10_000 }

export const bodyScenarios: readonly Scenario[] = [
  {
    name: 'a body that is not the one of its header',
    write: (s) => {
      s.fund(12)
      const bodies: ((transactions: readonly Transaction[]) => Transaction[])[] = [
        ([coinbase, a]) => [coinbase, a],
        ([coinbase, a, b]) => [coinbase, b, a],
        ([coinbase, a, b]) => [a, coinbase, b],
        ([, a, b]) => [a, b],
        ([coinbase, a, b]) => [coinbase, a, b, Transaction.of({ ...b, lockTime: b.lockTime + 1 })],
        () => [],
      ]
      for (const body of bodies) {
        const good = s.mine([s.spend(), s.spend()])
        s.mutate(good, body(good.block.transactions), 'bad-txnmrklroot')
      }
    },
  },
  {
    name: 'lists that repeat themselves under the same root, at every level',
    write: (s) => {
      // Transactions with the coinbase.
      for (const count of [3, 5, 6, 7, 9, 10, 12]) {
        s.fund(count - 1)
        const good = s.mine(Array.from({ length: count - 1 }, () => s.spend()))
        for (const longer of repetitions(good.block.transactions))
          s.reject(s.net.withBody(good, longer), 'bad-txns-duplicate')
        s.accept(good, 'bad-txns-duplicate')
      }
      // One transaction twice is its own repetition, too.
      const good = s.mine()
      const [coinbase] = good.block.transactions
      s.mutate(good, [coinbase, coinbase], 'bad-txnmrklroot')
    },
  },
  {
    name: 'blocks without a transaction, or without a coinbase first',
    write: (s) => {
      s.fund(4)
      const { net } = s
      const rehashed = (transactions: readonly Transaction[]): TestBlock => {
        const { root } = merkleRoot(transactions.map((tx) => tx.txidBytes))
        const block = s.mine([], { header: (fields) => ({ ...fields, merkleRoot: root }) })
        return net.withBody(block, transactions)
      }
      s.reject(rehashed([]), 'bad-blk-length')
      s.accept(s.mine(), 'bad-blk-length')
      const payment = s.spend()
      s.reject(rehashed([payment]), 'bad-cb-missing')
      s.reject(rehashed([payment, ...s.mine([payment]).block.transactions]), 'bad-cb-missing')
      s.accept(s.mine([payment]), 'bad-cb-missing')
      // 64 bytes could be two hashes of the tree: whoever passes the block on may have put them there.
      const sized = (size: number): Transaction => s.spend({ outputs: [nullData(size - 60)] })
      s.reject(rehashed([sized(64)]), 'bad-cb-missing: in doubt')
      const other = sized(65)
      s.reject(rehashed([other]), 'bad-cb-missing')
      s.accept(s.mine([other]), 'bad-cb-missing: in doubt')
    },
  },
  {
    name: 'the witness commitment',
    write: (s) => {
      const none: RuleId = 'bad-witness-commitment'
      const wrong: RuleId = 'bad-witness-merkle-match'
      const refuse = (rule: RuleId, scripts: (right: Uint8Array) => readonly Uint8Array[]): void => {
        s.reject(withCommitments(s, scripts), rule)
      }
      const take = (rule: RuleId, scripts: (right: Uint8Array) => readonly Uint8Array[]): void => {
        s.accept(withCommitments(s, scripts), rule)
      }
      refuse(none, () => [])
      refuse(none, (right) => [flipped(right, 5)])
      refuse(none, (right) => [right.subarray(0, 37)])
      refuse(none, (right) => [concatBytes(Uint8Array.of(OP_RETURN), right)])
      take(none, (right) => [right])
      // What follows the hash has no meaning.
      take(none, (right) => [concatBytes(right, new Uint8Array(45))])
      // The last one counts. Where it is wrong, another witness could still fit it, as far as the header says.
      take(wrong, (right) => [flipped(right, 6), right])
      refuse(wrong, (right) => [right, flipped(right, 6)])
      refuse(wrong, (right) => [flipped(right, 37)])
    },
  },
  {
    name: 'a witness that is not the one committed to',
    write: (s) => {
      s.fund(8)
      const swap = (
        good: TestBlock,
        position: number,
        witness: readonly Uint8Array[],
        rule: RuleId,
      ): void => {
        const body = good.block.transactions.map((tx, i) =>
          i === position ? withInput(tx, { witness }) : tx,
        )
        s.mutate(good, body, rule)
      }
      for (const witness of [
        [],
        [new Uint8Array(31)],
        [new Uint8Array(33)],
        [new Uint8Array(32), new Uint8Array(0)],
        [new Uint8Array(0)],
      ])
        swap(s.mine(), 0, witness, 'bad-witness-nonce-size')
      swap(s.mine(), 0, [new Uint8Array(32).fill(1)], 'bad-witness-merkle-match')
      for (const change of [
        (witness: readonly Uint8Array[]) => [flipped(witness[0], 63)],
        (witness: readonly Uint8Array[]) => [...witness, Uint8Array.of(0x50)],
        () => [],
      ]) {
        const good = s.mine([s.spend()])
        swap(good, 1, change(good.block.transactions[1].inputs[0].witness), 'bad-witness-merkle-match')
      }
      // Any reserved value will do that the commitment was made with.
      const payment = s.spend()
      const reserved = new Uint8Array(32).fill(7)
      const coinbase = (fields: TransactionFields): TransactionFields => {
        const root = witnessMerkleRoot([Transaction.of(fields), payment])
        const script = concatBytes(COMMITMENT_TAG, witnessCommitment(root, reserved))
        return {
          ...fields,
          inputs: [{ ...fields.inputs[0], witness: [reserved] }],
          outputs: [fields.outputs[0], { ...s.own(0), scriptPubKey: script }],
        }
      }
      s.accept(s.mine([payment], { coinbase }), 'bad-witness-merkle-match', 'bad-witness-nonce-size')
    },
  },
  {
    name: 'a block of the greatest weight, and one unit more',
    params: NARROW,
    write: (s) => {
      s.fund(12)
      const { weightLimit } = s.net.params
      // An annex weighs one unit a byte: the payment that holds it makes the block as heavy as one likes.
      const weighing = (weight: number): TestBlock => {
        const coin = s.coin()
        const withAnnex = (bytes: number): TestBlock => {
          const fields = {
            version: 2,
            inputs: [unsignedInput(coin.prevout, 0)],
            outputs: [s.own(coin.value)],
            lockTime: 0,
          }
          const annex = new Uint8Array(bytes).fill(0x50)
          const signing = { secretKey: s.net.miner.secretKey, value: coin.value, annex }
          return s.mine([signKeyPath(fields, [signing]).transaction])
        }
        const { weight: start } = withAnnex(1000).block
        return withAnnex(1000 + weight - start)
      }
      s.reject(weighing(weightLimit + 1), 'bad-blk-weight')
      s.accept(weighing(weightLimit), 'bad-blk-weight')
      s.reject(weighing(weightLimit + 4), 'bad-blk-weight')
      s.accept(weighing(weightLimit - 1), 'bad-blk-weight')
    },
  },
  {
    name: 'as many items of the length of signatures as the weight limit allows, and one more',
    params: NARROW,
    write: (s) => {
      s.fund(12)
      const most = Math.floor(NARROW.weightLimit / 96)
      // An OP_SUCCESS looks at none of them.
      const items = (count: number, bytes: number) => ({
        asm: '0x50',
        stack: () => new Array<Uint8Array>(count).fill(new Uint8Array(bytes)),
      })
      judge(s, 'bad-blk-signatures', {
        keep: [items(most, 64), items(most, 65), items(most + 4, 63), items(most + 2, 66)],
        break: [items(most + 1, 64), items(most + 1, 65)],
      })
    },
  },
  {
    name: 'the largest block of the public network',
    params: { ...QUICK, weightLimit: PUBLIC.weightLimit },
    write: (s) => {
      const { weightLimit } = s.net.params
      const sized = (outputs: number, last: number): TestBlock =>
        s.mine([], { outputs: [...new Array(outputs).fill(nullData(83)), nullData(last)] })
      const outputs = 1_084
      const short = (weightLimit - sized(outputs, 1).block.weight) / 4
      if (!Number.isInteger(short) || short < 0 || short > 82) throw new Error(`${short} bytes are left`)
      s.accept(sized(outputs, 1 + short), 'bad-blk-weight')
      s.reject(sized(outputs, 2 + short), 'bad-blk-weight')
    },
  },
  {
    name: 'one coinbase',
    write: (s) => {
      s.fund(2)
      const coinbaseLike = s.mine().block.transactions[0]
      s.reject(s.mine([coinbaseLike]), 'bad-cb-multiple')
      s.reject(s.mine([s.spend(), coinbaseLike]), 'bad-cb-multiple')
      s.accept(s.mine([s.spend()]), 'bad-cb-multiple')
    },
  },
  {
    name: "the coinbase's height, in every form of push, and its network",
    write: (s) => {
      const { genesisHash } = s.net.contextAfter(s.tip)
      const tag = pushData(genesisHash.subarray(0, 8))
      const begin = (
        ...parts: readonly Uint8Array[]
      ): { coinbase: (fields: TransactionFields) => TransactionFields } =>
        editCoinbase({ scriptSig: concatBytes(...parts, Uint8Array.of(s.tip.height, 0)) })
      // OP_1 to OP_16, then one byte, then two from 128 on, since the top bit is the sign.
      for (const height of [1, 2, 16, 17, 127, 128, 129]) {
        while (s.tip.height < height - 1) s.grow(1)
        const push = pushNumber(height)
        for (const wrong of [
          pushNumber(height - 1),
          pushNumber(height + 1),
          // As data of one byte, which is the shortest form from 17 on only; with a byte of zeros too many; by a longer opcode.
          ...(height < 17 || height > 127 ? [Uint8Array.of(1, height)] : []),
          Uint8Array.of(2, height, 0, 0).subarray(0, height > 127 ? 2 : 3),
          Uint8Array.of(3, height, 0, 0),
          Uint8Array.of(0x4c, 1, height),
          new Uint8Array(0),
        ])
          s.reject(s.mine([], begin(wrong, tag)), 'bad-cb-height')
        s.reject(s.mine([], begin(tag, push)), 'bad-cb-height')
        s.reject(s.mine([], begin(push)), 'bad-cb-network')
        s.reject(s.mine([], begin(push, pushData(genesisHash.subarray(1, 9)))), 'bad-cb-network')
        s.reject(s.mine([], begin(push, pushData(genesisHash.subarray(0, 7)))), 'bad-cb-network')
        s.reject(s.mine([], begin(push, Uint8Array.of(0x4c), tag)), 'bad-cb-network')
        s.accept(s.mine([], begin(push, tag)), 'bad-cb-height', 'bad-cb-network')
      }
    },
  },
  {
    name: "the length of the coinbase's scriptSig",
    write: (s) => {
      const room =
        100 - s.mine([], { extraNonce: new Uint8Array(0) }).block.transactions[0].inputs[0].scriptSig.length
      s.accept(s.mine([], { extraNonce: new Uint8Array(room) }), 'bad-cb-length')
      s.reject(s.mine([], { extraNonce: new Uint8Array(room + 1) }), 'bad-cb-length')
      s.reject(s.mine([], editCoinbase({ scriptSig: Uint8Array.of(0x52) })), 'bad-cb-length')
      s.reject(s.mine([], editCoinbase({ scriptSig: new Uint8Array(0) })), 'bad-cb-length')
      // Two bytes are enough of a scriptSig, though not of a height and a network.
      s.reject(s.mine([], editCoinbase({ scriptSig: Uint8Array.of(0x52, 0) })), 'bad-cb-network')
      s.accept(s.mine([], { extraNonce: new Uint8Array(0) }), 'bad-cb-length')
    },
  },
  {
    name: "the coinbase's lock time and sequence",
    write: (s) => {
      s.grow(3)
      const locked = (lockTime: number, input: InputChange = {}): TestBlock => {
        const edit = editCoinbase(input)
        return s.mine([], { coinbase: (fields) => ({ ...edit.coinbase(fields), lockTime }) })
      }
      const { height } = s.mine()
      s.reject(locked(height - 2), 'bad-cb-locktime')
      s.reject(locked(0), 'bad-cb-locktime')
      s.reject(locked(height), 'bad-txns-nonfinal: height')
      // With a final sequence a later lock time is void, and still wrong.
      s.reject(locked(height, { sequence: 0xffffffff }), 'bad-cb-locktime')
      s.reject(locked(height - 1, { sequence: 0xffffffff }), 'bad-cb-sequence')
      s.accept(locked(height - 1, { sequence: 0xfffffffe }), 'bad-cb-locktime', 'bad-cb-sequence')
      s.accept(locked(height, { sequence: 0 }), 'bad-cb-locktime', 'bad-cb-sequence')
    },
  },
]

/** OP_RETURN, push of 36, and the tag of BIP141. */
const COMMITMENT_TAG = Uint8Array.of(0x6a, 0x24, 0xaa, 0x21, 0xa9, 0xed)

/** A block whose coinbase has the scripts that `scripts` makes of the right commitment, in its place. */
function withCommitments(
  s: ScenarioWriter,
  scripts: (right: Uint8Array) => readonly Uint8Array[],
): TestBlock {
  return s.mine([], {
    coinbase: (fields) => ({
      ...fields,
      outputs: [
        fields.outputs[0],
        ...scripts(fields.outputs[1].scriptPubKey).map((scriptPubKey) => ({ ...s.own(0), scriptPubKey })),
      ],
    }),
  })
}
