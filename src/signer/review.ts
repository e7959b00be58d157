/**
 * What a PSBT does, as the keys' own thread reads it: whom it pays, what comes back, what is left to the miner. Whoever prepared it, a
 * person or a caller agrees to what is read here, and nothing else is signed. Believes no word of the PSBT about whose a key is: an
 * output comes back only where its key, derived here, is the one it pays. Pure; needs no secret.
 */
import { type Sats, sats } from '../primitives/amount.ts'
import { bytesToHex, equalBytes } from '../primitives/bytes.ts'
import { type Txid, taggedHash } from '../primitives/hashes.ts'
import type { Transaction, TxOutput } from '../primitives/transaction.ts'
import { addressOf } from '../script/address.ts'
import { packOutputs } from '../script/input-check.ts'
import { SIGHASH_ANYONECANPAY, SIGHASH_DEFAULT } from '../script/sighash.ts'
import { isToSign } from '../script/signed-message.ts'
import { outputKeyOf } from '../script/taproot.ts'
import type { DerivedKey, Descriptor } from '../wallet/descriptor.ts'
import type { Psbt } from '../wallet/psbt.ts'
import { invalid, ok, type Result } from '../wallet/result.ts'
import { greatestFee } from './greatest-fee.ts'
import { checkHashType, mismatch, type OwnSpend, ownSpendsOf, positionOf } from './psbt-signing.ts'

/**
 * Keys of a branch among which change is looked for. A coin at an index in the thousands of millions would be this wallet's, and yet no
 * restore would ever find it; up to here one does within minutes.
 */
export const MAX_KEY_INDEX = 100_000

/** An output that does not come back. */
export interface ReviewedPayee {
  /** Undefined where it pays nobody: see `data`. */
  readonly address: string | undefined
  /** The script of an output without an address, hex. */
  readonly data: string | undefined
  readonly amount: Sats
}

/** An output that was proved to pay the account's own key. */
export interface ReviewedChange {
  readonly address: string
  readonly amount: Sats
}

/** What is shown before a payment is signed: plain data. */
export interface PaymentReview {
  /** Names exactly this transaction with exactly these coins, 64 hex digits. */
  readonly digest: string
  readonly txid: Txid
  /** In the order of the transaction. */
  readonly payees: readonly ReviewedPayee[]
  readonly change: readonly ReviewedChange[]
  readonly fee: Sats
  /** Above what is signed without a person having seen it: `greatestFee`. */
  readonly isFeeHigh: boolean
  /** Virtual bytes once signed; coins of others are counted as key-path spends. */
  readonly vsize: number
  /** Inputs that are not the account's alone: others pay a part. */
  readonly foreignInputs: number
  /** It pays nobody: signed is a message, see `isToSign`. */
  readonly isMessage: boolean
}

/** A PSBT that was read. */
export interface PaymentReading {
  readonly review: PaymentReview
  readonly unsigned: Transaction
  /** The coins of its inputs, in their order. */
  readonly spent: readonly TxOutput[]
  /** What the account signs, by the number of the input: coins of its own, and leaves that it has a key in. */
  readonly ownInputs: ReadonlyMap<number, readonly OwnSpend[]>
  /** Numbers of the outputs that come back. */
  readonly ownOutputs: ReadonlySet<number>
  /** Of the signatures that it is read for. */
  readonly hashType: number
}

/**
 * Reads a PSBT for the account of a descriptor as `accountDescriptor` makes it. Rejects with `psbt-invalid` (it leaves out a coin),
 * `psbt-not-ours` (no input is the account's), `psbt-sighash` (an input asks for another type than `hashType`, or than SIGHASH_DEFAULT), and `psbt-mismatch` (a key, script or amount that is not what it claims, or
 * change at an index from `MAX_KEY_INDEX` on).
 */
export function readPayment(
  psbt: Psbt,
  account: Descriptor,
  addressPrefix: string,
  hashType?: number,
): Result<PaymentReading> {
  const { unsigned } = psbt
  const spent = psbt.inputs.flatMap((input) => input.spent ?? [])
  if (spent.length < psbt.inputs.length)
    return invalid(
      'psbt-invalid',
      'This PSBT leaves out which coins it spends: its fee could be anything. It was not signed.',
    )
  const ownInputs = new Map<number, readonly OwnSpend[]>()
  for (const [index, input] of psbt.inputs.entries()) {
    if (input.isFinal) continue
    const spends = ownSpendsOf(index, input, account)
    if (!spends.ok) return spends
    if (spends.value.length === 0) continue
    const refusal = checkHashType(index, input, hashType)
    if (refusal) return refusal
    ownInputs.set(index, spends.value)
  }
  if (ownInputs.size === 0)
    return invalid('psbt-not-ours', 'No coin that this PSBT spends belongs to this wallet.')
  const ownOutputs = new Set<number>()
  for (const [index, output] of psbt.outputs.entries()) {
    const position = positionOf(account, output.key?.origin)
    if (!position) continue
    if (position.index >= MAX_KEY_INDEX)
      return mismatch(
        `Output ${index} comes back at address ${position.index} of this wallet, where a restored wallet would never find it.`,
      )
    if (!paysTo(output, account.derive(position.branch, position.index)))
      return mismatch(`Output ${index} says that it comes back to this wallet, but it does not.`)
    ownOutputs.add(index)
  }
  const held = spent.reduce((sum, { value }) => sum + value, 0)
  const paid = psbt.outputs.reduce((sum, { value }) => sum + value, 0)
  // What others may yet add pays the rest.
  const isOpen = ((hashType ?? SIGHASH_DEFAULT) & SIGHASH_ANYONECANPAY) !== 0
  if (!Number.isSafeInteger(held) || (paid > held && !isOpen))
    return mismatch('It pays more than the coins it spends hold.')
  const outputs = psbt.outputs.map(({ value, scriptPubKey }, index) => {
    const address = addressOf(scriptPubKey, addressPrefix)
    const data = address === undefined ? bytesToHex(scriptPubKey) : undefined
    return { address, data, amount: value, own: ownOutputs.has(index) }
  })
  const vsize = psbt.keyPathVsize
  const own = [...ownInputs.values()].filter((spends) => spends.some(({ leaf }) => !leaf))
  const fee = sats(held - paid)
  const review: PaymentReview = {
    digest: bytesToHex(taggedHash('opentab/payment', unsigned.bytes, packOutputs(spent))),
    txid: unsigned.txid,
    payees: outputs.flatMap(({ own, ...payee }) => (own ? [] : [payee])),
    change: outputs.flatMap(({ own, address, amount }) => (own ? [{ address: address!, amount }] : [])),
    fee,
    isFeeHigh: fee > greatestFee(vsize, undefined),
    vsize,
    foreignInputs: psbt.inputs.length - own.length,
    isMessage: isToSign(unsigned),
  }
  return ok({ review, unsigned, spent, ownInputs, ownOutputs, hashType: hashType ?? SIGHASH_DEFAULT })
}

function paysTo({ scriptPubKey }: TxOutput, own: DerivedKey): boolean {
  const outputKey = outputKeyOf(scriptPubKey)
  return outputKey !== undefined && equalBytes(outputKey, own.outputKey)
}
