/**
 * What a newcomer may touch: how many relatives it may have, and what it may replace. Every unconfirmed transaction can be
 * replaced by fee (full RBF): no signal is asked for, since an unconfirmed payment is final for nobody. The other rules of
 * BIP125, and Core's rule on fee rates, keep replacing from being free. Checks are ordered so that refusing is cheap. Pure.
 */

import { feeAt, feeRate } from '../policy/fees.ts'
import { CARVE_OUT_WEIGHT, MAX_RELATIVES, MAX_RELATIVES_WEIGHT, MAX_REPLACED } from '../policy/standard.ts'
import type { Sats } from '../primitives/amount.ts'
import { invalid, notNow, OK, ok, type Result } from '../primitives/result.ts'
import type { Transaction } from '../primitives/transaction.ts'
import { ancestorsOf, type Entry, withAncestors, withDescendants } from './graph.ts'

/** A transaction on its way in, and what it would touch. */
export interface Newcomer {
  readonly transaction: Transaction
  readonly fee: Sats
  /** Its unconfirmed parents. */
  readonly parents: ReadonlySet<Entry>
  /** The entries that spend what it spends. */
  readonly conflicts: ReadonlySet<Entry>
}

/**
 * Checks the newcomer against the graph; on success what it drives out: its conflicts with their descendants. Rejects with
 * `too-long-mempool-chain` and the codes of `checkReplacement`.
 *
 * @param incrementalRate satoshis per 1,000 virtual bytes to be paid, beyond what is replaced, for relaying once more
 */
export function checkRelatives(newcomer: Newcomer, incrementalRate: number): Result<ReadonlySet<Entry>> {
  const { parents, conflicts } = newcomer
  if (parents.size >= MAX_RELATIVES) return tooLong(`${parents.size} unconfirmed parents`)
  const ancestors = withAncestors(parents)
  const { weight } = newcomer.transaction
  const ancestorWeight = [...ancestors].reduce((sum, ancestor) => sum + ancestor.weight, weight)
  if (ancestors.size >= MAX_RELATIVES || ancestorWeight > MAX_RELATIVES_WEIGHT)
    return tooLong(`${ancestors.size} unconfirmed ancestors, ${ancestorWeight} weight units with it`)

  const replacement = checkReplacement(newcomer, ancestors, incrementalRate)
  if (!replacement.ok) return replacement
  const replaced = conflicts.size === 0 ? conflicts : withDescendants(conflicts)
  const descendants = checkDescendants(ancestors, replaced, weight)
  return descendants.ok ? ok(replaced) : descendants
}

/**
 * BIP125 without signalling. Rejects with `bad-txns-spends-conflicting-tx`, `insufficient fee`, `too many potential
 * replacements`, `replacement-adds-unconfirmed`.
 */
function checkReplacement(
  newcomer: Newcomer,
  ancestors: ReadonlySet<Entry>,
  incrementalRate: number,
): Result<void> {
  const { transaction, fee, conflicts } = newcomer
  if (conflicts.size === 0) return OK
  for (const conflict of conflicts)
    if (ancestors.has(conflict))
      return invalid(
        'bad-txns-spends-conflicting-tx',
        `The transaction spends what only exists if ${conflict.transaction.txid} confirms, and conflicts with it.`,
      )

  // Else it would be less worth mining than what it replaces, whatever it pays in total.
  const rate = feeRate(fee, transaction.weight)
  for (const conflict of conflicts)
    if (rate <= feeRate(conflict.fee, conflict.weight))
      return notNow(
        'insufficient fee',
        `The fee rate does not exceed that of ${conflict.transaction.txid}, which it would replace.`,
      )

  // Rule 5, by counts that may overlap.
  const atMost = [...conflicts].reduce((sum, conflict) => sum + conflict.descendantCount, 0)
  if (atMost > MAX_REPLACED)
    return notNow(
      'too many potential replacements',
      `It would replace ${atMost} transactions; ${MAX_REPLACED} are allowed.`,
    )

  // Rule 2: else it could depend on something that is less likely to confirm than what it replaces.
  const parentsBefore = new Set([...conflicts].flatMap((conflict) => [...conflict.parents]))
  for (const parent of newcomer.parents)
    if (!parentsBefore.has(parent))
      return notNow(
        'replacement-adds-unconfirmed',
        `The replacement spends ${parent.transaction.txid}, which is unconfirmed and which what it replaces did not spend.`,
      )

  // Rules 3 and 4.
  const replacedFees = [...withDescendants(conflicts)].reduce((sum, entry) => sum + entry.fee, 0)
  const needed = replacedFees + feeAt(incrementalRate, transaction.vsize)
  if (fee < needed)
    return notNow(
      'insufficient fee',
      `The fee of ${fee} satoshis is below ${needed}: what it replaces pays ${replacedFees}, relaying it costs the rest.`,
    )
  return OK
}

/**
 * Checks that no ancestor gets too many descendants, or too heavy ones, by `weight` more once `replaced` are gone. Where it has one
 * ancestor alone, and is light, it may be one too many.
 */
function checkDescendants(
  ancestors: ReadonlySet<Entry>,
  replaced: ReadonlySet<Entry>,
  weight: number,
): Result<void> {
  const counts = new Map<Entry, number>()
  const weights = new Map<Entry, number>()
  for (const ancestor of ancestors) {
    counts.set(ancestor, ancestor.descendantCount)
    weights.set(ancestor, ancestor.descendantWeight)
  }
  for (const entry of replaced)
    for (const ancestor of ancestorsOf(entry)) {
      if (!ancestors.has(ancestor)) continue
      counts.set(ancestor, counts.get(ancestor)! - 1)
      weights.set(ancestor, weights.get(ancestor)! - entry.weight)
    }
  const carvedOut = ancestors.size === 1 && weight <= CARVE_OUT_WEIGHT
  const most = MAX_RELATIVES + (carvedOut ? 1 : 0)
  const heaviest = MAX_RELATIVES_WEIGHT + (carvedOut ? CARVE_OUT_WEIGHT : 0)
  for (const ancestor of ancestors) {
    const count = counts.get(ancestor)!
    const total = weights.get(ancestor)! + weight
    if (count >= most || total > heaviest)
      return tooLong(
        `an ancestor whose descendants are ${count - 1} without it, ${total} weight units with it`,
      )
  }
  return OK
}

function tooLong(what: string): Result<never> {
  return notNow(
    'too-long-mempool-chain',
    `The transaction has ${what}; at most ${MAX_RELATIVES} of ${MAX_RELATIVES_WEIGHT} weight units may hang together.`,
  )
}
