/**
 * What this node relays and mines beyond what consensus allows: Bitcoin Core's standardness and limits, as far as they apply to
 * a chain of P2TR outputs. Everything here may differ between nodes. Pure.
 */
import { signatureItems, WEIGHT_PER_SIGNATURE } from '../consensus/checks.ts'
import type { NetworkParams } from '../consensus/params.ts'
import { notNow, OK, type Result } from '../primitives/result.ts'
import type { Transaction } from '../primitives/transaction.ts'
import { isNullData, leafVersionOf, splitWitness, TAPSCRIPT_LEAF_VERSION } from '../script/taproot.ts'
import { DUST } from './fees.ts'

/** Weight units of a block that transactions leave free: header, count and coinbase with its commitments. */
export const BLOCK_RESERVED_WEIGHT = 4_000

/** A transaction and its unconfirmed ancestors, or its descendants: at most so many, itself included, */
export const MAX_RELATIVES = 25
/** and of so much weight together: 101,000 virtual bytes. */
export const MAX_RELATIVES_WEIGHT = 404_000
/**
 * One child more is let in that has a single unconfirmed ancestor and weighs at most this (Core's CPFP carve-out,
 * `EXTRA_DESCENDANT_TX_SIZE_LIMIT`): where two sides can each spend an output of a transaction, neither can take all places behind it.
 */
export const CARVE_OUT_WEIGHT = 40_000

/** Most transactions that one replacement may drive out (BIP125, rule 5). */
export const MAX_REPLACED = 100

/** Greatest weight of a transaction, weight units: Core's limit, or what a block of this network has room for. */
export function maxStandardWeight(params: NetworkParams): number {
  return Math.min(400_000, params.weightLimit - BLOCK_RESERVED_WEIGHT)
}

/** Stripped bytes below which nothing is relayed (Core's `MIN_STANDARD_TX_NONWITNESS_SIZE`, CVE-2017-12842). */
const MIN_STANDARD_SIZE = 65

/** Greatest length of what a tapscript finds on its stack, bytes (Core's `MAX_STANDARD_TAPSCRIPT_STACK_ITEM_SIZE`). */
const MAX_STACK_ITEM_BYTES = 80

/**
 * Checks the form of a transaction that passed `checkTransaction` (Core's `IsStandardTx`). Rejects, as `not-now`: `version` other
 * than 1 or 2 (3 asks for rules of relay, BIP431, that this node doesn't follow), `tx-size`, `tx-size-small`, `dust`,
 * `multi-op-return`, `tx-signatures`, and as `bad-witness-nonstandard` an annex, which has no meaning yet, and what would make a tapscript's
 * witness a store of data (Core's `IsWitnessStandard`).
 */
export function checkStandard(tx: Transaction, params: NetworkParams): Result<void> {
  if (tx.version !== 1 && tx.version !== 2)
    return notNow('version', `Transactions of version ${tx.version} are not relayed, only 1 and 2.`)
  const limit = maxStandardWeight(params)
  if (tx.weight > limit)
    return notNow('tx-size', `The transaction weighs ${tx.weight} weight units, over the limit of ${limit}.`)
  if (tx.strippedSize < MIN_STANDARD_SIZE)
    return notNow('tx-size-small', `The transaction has ${tx.strippedSize} bytes without its witness.`)
  let nullData = 0
  for (const { value, scriptPubKey } of tx.outputs) {
    if (isNullData(scriptPubKey)) nullData++
    else if (value < DUST)
      return notNow('dust', `An output of ${value} satoshis costs more to spend than it holds.`)
  }
  if (nullData > 1) return notNow('multi-op-return', 'The transaction has more than one OP_RETURN output.')
  // So that no choice of transactions makes a block with too many.
  const signatures = signatureItems(tx)
  if (signatures * WEIGHT_PER_SIGNATURE > tx.weight)
    return notNow(
      'tx-signatures',
      `The transaction holds ${signatures} signatures, too many for its ${tx.weight} weight units.`,
    )
  for (const { witness } of tx.inputs) {
    const standard = checkWitness(witness)
    if (!standard.ok) return standard
  }
  return OK
}

function checkWitness(witness: readonly Uint8Array[]): Result<void> {
  // Left to the verification of inputs, as all that consensus forbids.
  if (witness.length === 0) return OK
  const { stack, scriptPath, annex } = splitWitness(witness)
  if (annex) return notNow('bad-witness-nonstandard', 'An input has an annex, which has no meaning yet.')
  if (!scriptPath || leafVersionOf(scriptPath.controlBlock) !== TAPSCRIPT_LEAF_VERSION) return OK
  return stack.every(({ length }) => length <= MAX_STACK_ITEM_BYTES)
    ? OK
    : notNow(
        'bad-witness-nonstandard',
        `A script is given an item of over ${MAX_STACK_ITEM_BYTES} bytes by its witness.`,
      )
}
