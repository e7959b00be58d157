/** The snapshot commitment: which blocks must hold it, what it must say, and that it follows the branch. */
import { type SnapshotCommitment, snapshotOutput } from '../../src/consensus/snapshot.ts'
import { sats } from '../../src/primitives/amount.ts'
import { concatBytes } from '../../src/primitives/bytes.ts'
import type { TransactionFields, TxOutput } from '../../src/primitives/transaction.ts'
import type { TestBlock } from '../support/chain-builder.ts'
import { QUICK } from '../support/chain-nodes.ts'
import { snapshotOf } from '../support/snapshots.ts'
import { flipped } from './edits.ts'
import type { RuleId } from './rules.ts'
import type { Scenario, ScenarioWriter } from './scenario.ts'

const RULE: RuleId = 'bad-snapshot-commitment'
const params = { ...QUICK, snapshotInterval: 8, snapshotDelay: 3 }

export const snapshotScenarios: readonly Scenario[] = [
  {
    name: 'blocks that commit to the coins of an earlier one',
    params,
    write: (s) => {
      s.fund(8)
      while (s.tip.height < 10) s.accept(s.mine(s.tip.height < 8 ? [s.spend()] : []))
      const right = commitmentAt(s, s.tip, 8)
      // Its order among the outputs is free, and others may stand before and behind.
      s.reject(withOutputs(s, []), RULE)
      const others: readonly SnapshotCommitment[] = [
        { ...right, root: flipped(right.root, 31) },
        { ...right, blockHash: flipped(right.blockHash, 0) },
        { ...right, coins: right.coins + 1 },
        { ...right, total: sats(right.total - 1) },
        commitmentAt(s, s.tip, 7),
        commitmentAt(s, s.tip, 9),
      ]
      for (const wrong of others) s.reject(withOutputs(s, [snapshotOutput(wrong)]), RULE)
      const output = snapshotOutput(right)
      const { scriptPubKey } = output
      // The last that has the form counts; what lacks the form, by one byte of its mark or by its length, is none.
      s.reject(withOutputs(s, [output, snapshotOutput(others[0])]), RULE)
      s.reject(withOutputs(s, [{ ...output, scriptPubKey: flipped(scriptPubKey, 3) }]), RULE)
      s.reject(withOutputs(s, [{ ...output, scriptPubKey: scriptPubKey.subarray(0, 82) }]), RULE)
      s.accept(
        withOutputs(s, [
          snapshotOutput(others[0]),
          output,
          { ...output, scriptPubKey: concatBytes(scriptPubKey.subarray(0, 82)) },
        ]),
        RULE,
      )
      // None is asked for at other heights, and a wrong one says nothing there.
      s.accept(withOutputs(s, []), RULE)
      s.accept(withOutputs(s, [output]), RULE)
      while (s.tip.height < 18) s.grow(1)
      s.reject(withOutputs(s, [output]), RULE)
      s.accept(withOutputs(s, [snapshotOutput(commitmentAt(s, s.tip, 16))]), RULE)
    },
  },
  {
    name: 'commitments on branches that part before, at and behind the block counted',
    params,
    write: (s) => {
      s.fund(10)
      while (s.tip.height < 6) s.grow(1)
      const before = s.tip
      s.accept(s.mine([s.spend()]))
      s.accept(s.mine())
      const counted = s.tip
      s.grow(2)
      const left = s.grow(2)
      // From before the block counted on: other coins, and another commitment.
      let at = before
      while (at.height < 10) at = s.side(s.mine(at.height < 8 ? [s.spend()] : [], {}, at))
      const other = snapshotOutput(commitmentAt(s, left, 8))
      s.side(s.mine([], {}, at))
      const wrong = s.side(withOutputs(s, [other], at))
      const onWrong = s.side(s.mine([], {}, wrong))
      s.complete(s.mine([], {}, onWrong), wrong, RULE)
      const good = s.side(s.mine([], {}, at), RULE)
      const next = s.side(s.mine([], {}, good))
      s.accept(s.mine([], {}, next), RULE)
      // From behind it on: the same coins, whatever came after.
      let late = counted
      while (late.height < 13) late = s.side(s.mine([], {}, late), RULE)
      s.accept(s.mine([], {}, late), RULE)
    },
  },
]

/** What a block after `tip` would have to say about the coins at `height`. */
function commitmentAt(s: ScenarioWriter, tip: TestBlock, height: number): SnapshotCommitment {
  return snapshotOf(s.net.branch(s.net.ancestor(tip, height)).map(({ block }) => block))
}

/** A block after `parent` whose coinbase has its reward, these outputs, and the witness commitment. */
function withOutputs(s: ScenarioWriter, outputs: readonly TxOutput[], parent = s.tip): TestBlock {
  const coinbase = (fields: TransactionFields): TransactionFields => ({
    ...fields,
    outputs: [fields.outputs[0], ...outputs, fields.outputs[fields.outputs.length - 1]],
  })
  return s.mine([], { coinbase }, parent)
}
