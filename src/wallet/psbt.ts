/**
 * Partially signed transactions (BIP174 version 0, taproot fields of BIP371) over scure-btc-signer, seen through
 * the project's own types. What comes from outside is refused by value; scure's classes don't leave this file. Any
 * thread.
 */
import { Transaction as ScureTransaction } from '@scure/btc-signer'
import { sats } from '../primitives/amount.ts'
import { equalBytes, reversed } from '../primitives/bytes.ts'
import {
  decodeTransaction,
  type Outpoint,
  type Transaction,
  type TxOutput,
} from '../primitives/transaction.ts'
import { packOutputs } from '../script/input-check.ts'
import type { KeyOrigin } from './descriptor.ts'
import { accept, invalid, type Result, type WalletCode } from './result.ts'

/** Bytes of a PSBT that is read: several times the largest payment. */
export const MAX_PSBT_BYTES = 4_000_000

/** The key-path key of an input or output. */
export interface PsbtKey {
  /** X-only, 32 bytes: before the tweak. */
  readonly internalKey: Uint8Array
  readonly origin: KeyOrigin
}

export interface PsbtInput {
  readonly prevout: Outpoint
  readonly sequence: number
  /** The output it spends; undefined where the PSBT doesn't tell. */
  readonly spent: TxOutput | undefined
  readonly key: PsbtKey | undefined
  /** Undefined where the PSBT doesn't ask for one. */
  readonly sighashType: number | undefined
}

export interface PsbtOutput extends TxOutput {
  /** The key that a change output can be checked by. */
  readonly key: PsbtKey | undefined
}

/** What a PSBT is built from. Version 2 transactions. */
export interface PsbtFields {
  readonly inputs: readonly (Omit<PsbtInput, 'sighashType'> & {
    readonly spent: TxOutput
    readonly key: PsbtKey
  })[]
  readonly outputs: readonly PsbtOutput[]
  readonly lockTime: number
}

/**
 * Resolves with the class `Psbt`. A port, since the class brings a large library that a tab fetches when it first pays; every later
 * call resolves at once.
 */
export type LoadPsbt = () => Promise<typeof Psbt>

export class Psbt {
  readonly inputs: readonly PsbtInput[]
  readonly outputs: readonly PsbtOutput[]
  /** The transaction without signatures. */
  readonly unsigned: Transaction
  private readonly scure: ScureTransaction

  private constructor(scure: ScureTransaction, unsigned: Transaction) {
    this.scure = scure
    this.unsigned = unsigned
    this.inputs = unsigned.inputs.map(({ prevout, sequence }, i) => {
      const { witnessUtxo, nonWitnessUtxo, sighashType, tapInternalKey, tapBip32Derivation } =
        scure.getInput(i)
      const spent = witnessUtxo ?? nonWitnessUtxo?.outputs[prevout.index]
      return {
        prevout,
        sequence,
        spent: spent && { value: sats(Number(spent.amount)), scriptPubKey: spent.script },
        key: keyOf(tapInternalKey, tapBip32Derivation),
        sighashType,
      }
    })
    this.outputs = unsigned.outputs.map((output, i) => {
      const { tapInternalKey, tapBip32Derivation } = scure.getOutput(i)
      return { ...output, key: keyOf(tapInternalKey, tapBip32Derivation) }
    })
  }

  /** Reads a PSBT. Rejects with `psbt-invalid`. */
  static parse(bytes: Uint8Array): Result<Psbt> {
    if (bytes.length > MAX_PSBT_BYTES)
      return invalid(
        'psbt-invalid',
        `This PSBT has ${bytes.length} bytes, over the limit of ${MAX_PSBT_BYTES}.`,
      )
    return attempt('psbt-invalid', 'This is no PSBT that can be used', () => {
      const scure = ScureTransaction.fromPSBT(bytes, OPTIONS)
      if (scure.opts.PSBTVersion !== 0)
        throw new Error('version 2 (BIP370) is not supported, export it as version 0')
      return new Psbt(scure, decoded(scure.unsignedTx))
    })
  }

  /** An unsigned PSBT. The caller vouches for its fields. */
  static of({ inputs, outputs, lockTime }: PsbtFields): Psbt {
    const scure = new ScureTransaction({ ...OPTIONS, version: 2, lockTime })
    for (const { prevout, sequence, spent, key } of inputs)
      scure.addInput(
        {
          // Scure keeps identifiers in display order.
          txid: reversed(prevout.txid),
          index: prevout.index,
          sequence,
          witnessUtxo: { amount: BigInt(spent.value), script: spent.scriptPubKey },
          ...keyFields(key),
        },
        true,
      )
    for (const { value, scriptPubKey, key } of outputs)
      scure.addOutput({ amount: BigInt(value), script: scriptPubKey, ...(key && keyFields(key)) }, true)
    return new Psbt(scure, decoded(scure.unsignedTx))
  }

  /** BIP174 serialisation, version 0. */
  get bytes(): Uint8Array {
    return this.scure.toPSBT(0)
  }

  /** The outputs spent, packed as in `TransactionCheck`; undefined unless the PSBT tells them all. */
  get spentOutputs(): Uint8Array | undefined {
    const spent = this.inputs.flatMap((input) => input.spent ?? [])
    return spent.length === this.inputs.length ? packOutputs(spent) : undefined
  }

  /** Adds the key-path signature of an input: 64 bytes, SIGHASH_DEFAULT. */
  addSignature(input: number, signature: Uint8Array): void {
    this.scure.updateInput(input, { tapKeySig: signature }, true)
  }

  /**
   * Takes over what another PSBT of the same transaction has more (BIP174, Combiner). Rejects with `psbt-mismatch`.
   */
  combine(other: Psbt): Result<Psbt> {
    return attempt('psbt-mismatch', "These PSBTs don't belong together", () => {
      const scure = this.scure.clone().combine(other.scure)
      return new Psbt(scure, this.unsigned)
    })
  }

  /** The signed transaction (BIP174, Finalizer and Extractor). Rejects with `psbt-incomplete`. */
  extract(): Result<Transaction> {
    return attempt('psbt-incomplete', 'This PSBT is not fully signed', () => {
      const scure = this.scure.clone()
      if (!scure.isFinal) scure.finalize()
      return decoded(scure.extract())
    })
  }
}

/**
 * Unknown fields are kept for whoever knows them (BIP174), and so are scripts that this network has no use for: the
 * rules of the network are asked when a transaction is sent, not when a PSBT is read.
 */
const OPTIONS = {
  unknown: 'ignore',
  allowUnknownOutputs: true,
  allowUnknownInputs: true,
  allowUnknownVersion: true,
  // Scure would derive each input's output key at every step; the signer compares it once with the key that it derives itself.
  disableScriptCheck: true,
} as const

type TapDerivations = ReturnType<ScureTransaction['getInput']>['tapBip32Derivation']

function keyOf(internalKey: Uint8Array | undefined, derivations: TapDerivations): PsbtKey | undefined {
  const derivation = internalKey && derivations?.find(([key]) => equalBytes(key, internalKey))
  return derivation && { internalKey: derivation[0], origin: derivation[1].der }
}

function keyFields({ internalKey, origin }: PsbtKey) {
  const der = { fingerprint: origin.fingerprint, path: [...origin.path] }
  const tapBip32Derivation: TapDerivations = [[internalKey, { hashes: [], der }]]
  return { tapInternalKey: internalKey, tapBip32Derivation }
}

function decoded(bytes: Uint8Array): Transaction {
  const transaction = decodeTransaction(bytes)
  if (!transaction.ok) throw new Error(transaction.detail)
  return transaction.value
}

/** Scure throws where its input is wrong: the message becomes part of the sentence. */
function attempt<T>(code: WalletCode, sentence: string, run: () => T): Result<T> {
  try {
    return accept(run())
  } catch (error) {
    return invalid(code, `${sentence}: ${error instanceof Error ? error.message.slice(0, 200) : 'unknown'}.`)
  }
}
