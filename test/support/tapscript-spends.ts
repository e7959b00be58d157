/** Script-path spends for tests: script trees and their control blocks (BIP341), and scripts that are verified as the one leaf of an output. */
import { sats } from '../../src/primitives/amount.ts'
import { compareBytes, concatBytes, EMPTY, hexToBytes } from '../../src/primitives/bytes.ts'
import { Writer } from '../../src/primitives/codec.ts'
import { taggedHash } from '../../src/primitives/hashes.ts'
import { decodeTransaction, Transaction, type TransactionFields } from '../../src/primitives/transaction.ts'
import { packOutputs } from '../../src/script/input-check.ts'
import { CONSENSUS_SCRIPT_FLAGS, type ScriptFlags } from '../../src/script/script-flags.ts'
import { SighashCache } from '../../src/script/sighash.ts'
import { p2trScript, taprootOutputKey } from '../../src/script/taproot.ts'
import { verifyInput } from '../../src/script/verify-input.ts'

/** Leaf version of tapscript (BIP342). */
export const TAPSCRIPT_LEAF_VERSION = 0xc0

/** The x-only key of the secret key 1: no spend here goes by the key path. */
const INTERNAL_KEY = hexToBytes('79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798')

/** A leaf, or the pair of branches under a node. */
export type ScriptTree =
  | { readonly script: Uint8Array; readonly leafVersion: number }
  | readonly [ScriptTree, ScriptTree]

/** Written from BIP341 and not taken from the code under test. */
export function tapLeafHash(script: Uint8Array, leafVersion = TAPSCRIPT_LEAF_VERSION): Uint8Array {
  return taggedHash('TapLeaf', new Writer().u8(leafVersion).varBytes(script).finish())
}

export function tapBranchHash(a: Uint8Array, b: Uint8Array): Uint8Array {
  return taggedHash('TapBranch', ...[a, b].sort(compareBytes))
}

export function rootOf(tree: ScriptTree): Uint8Array {
  if ('script' in tree) return tapLeafHash(tree.script, tree.leafVersion)
  return tapBranchHash(rootOf(tree[0]), rootOf(tree[1]))
}

/** The control block of each leaf, in the order of the tree. */
export function controlBlocksOf(internalKey: Uint8Array, tree: ScriptTree): Uint8Array[] {
  const tweaked = taprootOutputKey(internalKey, rootOf(tree))
  if (!tweaked) throw new Error('The internal key is no point')
  return pathsOf(tree).map(({ leafVersion, hashes }) =>
    concatBytes(Uint8Array.of(leafVersion | (tweaked.oddY ? 1 : 0)), internalKey, ...hashes),
  )
}

function pathsOf(tree: ScriptTree): { readonly leafVersion: number; readonly hashes: Uint8Array[] }[] {
  if ('script' in tree) return [{ leafVersion: tree.leafVersion, hashes: [] }]
  const [left, right] = tree
  const below = (branch: ScriptTree, sibling: ScriptTree) =>
    pathsOf(branch).map(({ leafVersion, hashes }) => ({
      leafVersion,
      hashes: [...hashes, rootOf(sibling)],
    }))
  return [...below(left, right), ...below(right, left)]
}

/** A script as the only leaf of an output, and what unlocks it. */
export function leafSpend(
  script: Uint8Array,
  stack: readonly Uint8Array[],
): { readonly scriptPubKey: Uint8Array; readonly witness: readonly Uint8Array[] } {
  const tree = { script, leafVersion: TAPSCRIPT_LEAF_VERSION }
  const output = taprootOutputKey(INTERNAL_KEY, rootOf(tree))
  if (!output) throw new Error('The script has no output key')
  const [controlBlock] = controlBlocksOf(INTERNAL_KEY, tree)
  return { scriptPubKey: p2trScript(output.outputKey), witness: [...stack, script, controlBlock] }
}

/** `ok`, or the code with which the input fails. */
export function verdictOf(
  transaction: Transaction,
  spentOutputs: Uint8Array,
  index: number,
  flags: ScriptFlags = CONSENSUS_SCRIPT_FLAGS,
): string {
  const verdict = verifyInput(new SighashCache(transaction, spentOutputs), index, flags)
  return verdict.ok ? 'ok' : verdict.code
}

/** What the transaction around a leaf says about time; by default it is that of Bitcoin Core's script tests. */
export interface LeafTransaction {
  readonly version?: number
  readonly lockTime?: number
  readonly sequence?: number
}

/** The verdict on a script as a leaf with these witness items under it. */
export function leafVerdict(
  script: Uint8Array,
  stack: readonly Uint8Array[],
  flags: ScriptFlags = CONSENSUS_SCRIPT_FLAGS,
  { version = 1, lockTime = 0, sequence = 0xffffffff }: LeafTransaction = {},
): string {
  const { scriptPubKey, witness } = leafSpend(script, stack)
  const prevout = { txid: new Uint8Array(32).fill(1), index: 0 }
  const fields: TransactionFields = {
    version,
    inputs: [{ prevout, scriptSig: EMPTY, sequence, witness }],
    outputs: [{ value: sats(0), scriptPubKey: EMPTY }],
    lockTime,
  }
  const spent = packOutputs([{ value: sats(0), scriptPubKey }])
  return verdictOf(Transaction.of(fields), spent, 0, flags)
}

/** What is exchanged in a transaction. */
export interface Rehousing {
  readonly scriptSigs?: readonly Uint8Array[]
  readonly witnesses?: readonly (readonly Uint8Array[])[]
  /** The scripts of all outputs. */
  readonly scriptPubKey?: Uint8Array
}

/**
 * The transaction with other scripts and witnesses. All else stays as it is in its bytes: amounts may be numbers that no
 * amount is.
 */
export function rehouse(transaction: Transaction, changes: Rehousing): Transaction {
  const { version, inputs, outputs, outputsBytes, lockTime } = transaction
  const witnessAt = (index: number) => (changes.witnesses ? (changes.witnesses[index] ?? []) : [])
  const hasWitness = inputs.some((_, index) => witnessAt(index).length > 0)
  const writer = new Writer().u32(version)
  if (hasWitness) writer.u8(0).u8(1)
  writer.compactSize(inputs.length)
  inputs.forEach(({ prevout, scriptSig, sequence }, index) => {
    writer.put(prevout.txid).u32(prevout.index)
    writer.varBytes(changes.scriptSigs?.[index] ?? scriptSig).u32(sequence)
  })
  writer.compactSize(outputs.length)
  if (changes.scriptPubKey) {
    let offset = 0
    for (const { scriptPubKey } of outputs) {
      writer.put(outputsBytes.subarray(offset, offset + 8)).varBytes(changes.scriptPubKey)
      offset += 8 + new Writer().varBytes(scriptPubKey).finish().length
    }
  } else writer.put(outputsBytes)
  if (hasWitness)
    inputs.forEach((_, index) => {
      const witness = witnessAt(index)
      writer.compactSize(witness.length)
      for (const item of witness) writer.varBytes(item)
    })
  const decoded = decodeTransaction(writer.u32(lockTime).finish())
  if (!decoded.ok) throw new Error(decoded.detail)
  return decoded.value
}
