/**
 * What this node knows of a PSBT that came from elsewhere (BIP174, Updater): coins and own keys are filled in, and what the PSBT says of
 * them is held against that. Pure, any thread.
 */
import { formatCoins } from '../primitives/amount.ts'
import type { TxOutput } from '../primitives/transaction.ts'
import { type AddressBook, CHANGE, GAP_LIMIT, RECEIVING } from './address-book.ts'
import type { Ledger } from './ledger.ts'
import { equalOutputs, type Psbt, type PsbtKey } from './psbt.ts'
import { invalid, ok, type Result } from './result.ts'

/**
 * With the coins that it spends, one an input where they are known. Rejects with `psbt-mismatch` where the PSBT says something else of one:
 * a signature commits to all of them, so that none would be valid.
 */
export function withKnownCoins(psbt: Psbt, coins: readonly (TxOutput | undefined)[]): Result<Psbt> {
  for (const [index, { spent }] of psbt.inputs.entries()) {
    const coin = coins[index]
    if (spent && coin && !equalOutputs(spent, coin))
      return invalid(
        'psbt-mismatch',
        spent.value === coin.value
          ? `Input ${index} says that the coin it spends belongs to another address than it does. No signature for it would be valid.`
          : `Input ${index} says that the coin it spends holds ${formatCoins(spent.value)} coins; it holds ${formatCoins(coin.value)}. No signature for it would be valid.`,
      )
  }
  return ok(
    psbt.updated(
      coins.map((spent) => ({ spent })),
      [],
    ),
  )
}

/**
 * With the keys of the account's own coins and outputs. Rejects with `psbt-key-too-far` where money would come back to a key that the
 * wallet does not look for.
 */
export function withOwnKeys(psbt: Psbt, book: AddressBook, ledger: Ledger): Result<Psbt> {
  const outputs = psbt.outputs.map(({ scriptPubKey }) => ({ key: book.find(scriptPubKey) }))
  for (const [index, { key }] of psbt.outputs.entries()) {
    const last = key && !outputs[index].key && lastKeyBefore(key, book)
    if (last)
      return invalid(
        'psbt-key-too-far',
        `Output ${index} comes back to key ${key.origin.path.at(-1)} of this wallet, which looks no further than key ${last}: the money would be out of its sight. It was not signed. Let the change go to an address that this wallet gave.`,
      )
  }
  return ok(
    psbt.updated(
      psbt.inputs.map(({ prevout }) => ({ key: ledger.output(prevout)?.key })),
      outputs,
    ),
  )
}

/** The last key that is looked for on the branch of a key that lies behind it; undefined where it doesn't, or is no key of the account. */
function lastKeyBefore({ origin: { fingerprint, path } }: PsbtKey, book: AddressBook): number | undefined {
  for (const branch of [RECEIVING, CHANGE] as const) {
    const { origin } = book.peek(branch)
    const isBranch =
      fingerprint === origin.fingerprint &&
      path.length === origin.path.length &&
      path.every((step, i) => step === origin.path[i] || i === path.length - 1)
    const last = book.next[branch] + GAP_LIMIT - 1
    if (isBranch && path[path.length - 1] > last) return last
  }
  return undefined
}
