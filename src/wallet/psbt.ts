/**
 * Partially signed transactions (BIP174, taproot fields of BIP371, MuSig2 fields of BIP373) over scure-btc-signer's tables of
 * fields, seen through the project's own types. Version 2 (BIP370) is read, and becomes version 0. What comes from outside
 * is refused by value. A `Psbt` never changes but for signatures that are added. Any thread.
 */
import { PSBTGlobal, PSBTInput, PSBTOutput, TaprootControlBlock } from '@scure/btc-signer/psbt.js'
import { RawTx } from '@scure/btc-signer/script.js'
import { sats } from '../primitives/amount.ts'
import { EMPTY, equalBytes, reversed } from '../primitives/bytes.ts'
import type { Random } from '../primitives/ports.ts'
import {
  decodeTransaction,
  type Outpoint,
  outpointKey,
  Transaction,
  type TxInput,
  type TxOutput,
  unsignedInput,
} from '../primitives/transaction.ts'
import { packOutputs } from '../script/input-check.ts'
import { STANDARD_SCRIPT_FLAGS } from '../script/script-flags.ts'
import { SIGHASH_DEFAULT, SighashCache } from '../script/sighash.ts'
import { tapLeafHash } from '../script/taproot.ts'
import { verifyInput } from '../script/verify-input.ts'
import type { KeyOrigin } from './descriptor.ts'
import {
  decodeMaps,
  encodeMaps,
  finalMap,
  isFinal,
  type PsbtInputMap,
  type PsbtLeaf,
  type PsbtMaps,
  type PsbtOutputMap,
  type Table,
  united,
} from './psbt-maps.ts'
import { witnessesOf } from './psbt-witness.ts'
import { invalid, ok, type Result, type WalletCode } from './result.ts'
import { shuffled } from './shuffle.ts'

/** Bytes of a PSBT that is read: several times the largest payment. */
export const MAX_PSBT_BYTES = 4_000_000

/**
 * Bytes of the transaction of a PSBT that is read, without its witnesses: by Core's standard weight, which no larger one keeps to. Each input and output
 * may name an own key, which takes milliseconds to derive and to sign with.
 */
const MAX_STRIPPED_BYTES = 100_000

/** Weight units that a key-path spend adds to its input: a count, a length, and a signature of 64 bytes. */
const KEY_PATH_WITNESS_WEIGHT = 66

/** A key, and where it comes from. */
export interface PsbtKey {
  /** X-only, 32 bytes: before the tweak. */
  readonly internalKey: Uint8Array
  readonly origin: KeyOrigin
}

/** A key that stands in leaves of an input's script tree. */
export interface PsbtLeafKey {
  /** X-only, 32 bytes. */
  readonly publicKey: Uint8Array
  readonly origin: KeyOrigin
  /** TapLeaf hashes of the leaves that it stands in. */
  readonly leafHashes: readonly Uint8Array[]
}

export interface PsbtInput {
  readonly prevout: Outpoint
  readonly sequence: number
  /** The output it spends; undefined where the PSBT doesn't tell. */
  readonly spent: TxOutput | undefined
  /** The key of a key-path spend. */
  readonly key: PsbtKey | undefined
  /** Root of the script tree that the key-path key is tweaked with, 32 bytes; undefined where the PSBT tells of none. */
  readonly merkleRoot: Uint8Array | undefined
  readonly leaves: readonly PsbtLeaf[]
  readonly leafKeys: readonly PsbtLeafKey[]
  /** Undefined where the PSBT doesn't ask for one. */
  readonly sighashType: number | undefined
  /** Has its witness: nothing more is signed. */
  readonly isFinal: boolean
}

export interface PsbtOutput extends TxOutput {
  /** The key that a change output can be checked by. */
  readonly key: PsbtKey | undefined
}

/** What a PSBT is built from. */
export interface PsbtFields {
  /** Of the transaction; 2 where absent. */
  readonly version?: number
  readonly inputs: readonly Pick<PsbtInput, 'prevout' | 'sequence' | 'spent' | 'key'>[]
  readonly outputs: readonly PsbtOutput[]
  readonly lockTime: number
}

/** What an Updater (BIP174) adds to an input or output, each where it is known. */
export interface PsbtUpdate {
  readonly spent?: TxOutput | undefined
  readonly key?: PsbtKey | undefined
}

export class Psbt {
  readonly inputs: readonly PsbtInput[]
  readonly outputs: readonly PsbtOutput[]
  /** The transaction without signatures. */
  readonly unsigned: Transaction
  /** Its fields as they are, for whoever tells all of them. */
  readonly maps: PsbtMaps

  private constructor(maps: PsbtMaps) {
    this.maps = maps
    this.unsigned = unsignedOf(maps)
    this.inputs = this.unsigned.inputs.map((input, i) => inputOf(input, maps.inputs[i]))
    this.outputs = this.unsigned.outputs.map((output, i) => {
      const { tapInternalKey, tapBip32Derivation } = maps.outputs[i]
      return { ...output, key: keyOf(tapInternalKey, tapBip32Derivation) }
    })
  }

  /** Reads a PSBT of version 0 or 2. Rejects with `psbt-invalid`. */
  static parse(bytes: Uint8Array): Result<Psbt> {
    if (bytes.length > MAX_PSBT_BYTES)
      return invalid(
        'psbt-invalid',
        `This PSBT has ${bytes.length} bytes, over the limit of ${MAX_PSBT_BYTES}.`,
      )
    const parsed = attempt(
      'psbt-invalid',
      'This is no PSBT that can be used',
      () => new Psbt(decodeMaps(bytes)),
    )
    if (parsed.ok && parsed.value.unsigned.strippedSize > MAX_STRIPPED_BYTES)
      return invalid(
        'psbt-invalid',
        `The transaction of this PSBT has ${parsed.value.unsigned.strippedSize} bytes, and none of more than ${MAX_STRIPPED_BYTES} is relayed. Pay in parts.`,
      )
    const twice = parsed.ok && spentTwice(parsed.value.inputs)
    if (twice)
      return invalid(
        'psbt-invalid',
        `This PSBT spends the coin ${twice} twice: no such transaction is valid.`,
      )
    return parsed
  }

  /** An unsigned PSBT. The caller vouches for its fields. */
  static of({ version = 2, inputs, outputs, lockTime }: PsbtFields): Psbt {
    return new Psbt({
      global: {
        unsignedTx: {
          version: version | 0,
          inputs: inputs.map(({ prevout, sequence }) => ({
            // Scure keeps identifiers in display order.
            txid: reversed(prevout.txid),
            index: prevout.index,
            finalScriptSig: EMPTY,
            sequence,
          })),
          outputs: outputs.map(({ value, scriptPubKey }) => ({
            amount: BigInt(value),
            script: scriptPubKey,
          })),
          lockTime,
        },
      },
      inputs: inputs.map((input) => updatedInput({}, input)),
      outputs: outputs.map(({ key }) => withKey(PSBTOutput, {}, key)),
    })
  }

  /**
   * One PSBT of the inputs and outputs of several, in an order by lot (Bitcoin Core's `joinpsbts`): of the latest version and the
   * earliest lock time among them. Rejects with `psbt-mismatch` where two spend the same coin.
   */
  static join(parts: readonly Psbt[], random: Random): Result<Psbt> {
    const twice = spentTwice(parts.flatMap(({ inputs }) => inputs))
    if (twice) return invalid('psbt-mismatch', `More than one of these PSBTs spends the coin ${twice}.`)
    const transactions = parts.map(({ maps }) => maps.global.unsignedTx!)
    const inputs = shuffled(
      parts.flatMap(({ maps }, at) =>
        maps.inputs.map((map, i) => ({ map, input: transactions[at].inputs[i] })),
      ),
      random,
    )
    const outputs = shuffled(
      parts.flatMap(({ maps }, at) =>
        maps.outputs.map((map, i) => ({ map, output: transactions[at].outputs[i] })),
      ),
      random,
    )
    return ok(
      new Psbt({
        global: {
          ...parts.map(({ maps }) => maps.global).reduce((all, one) => united(PSBTGlobal, all, one)),
          unsignedTx: {
            version: Math.max(...transactions.map(({ version }) => version)),
            lockTime: Math.min(...transactions.map(({ lockTime }) => lockTime)),
            inputs: inputs.map(({ input }) => input),
            outputs: outputs.map(({ output }) => output),
          },
        },
        inputs: inputs.map(({ map }) => map),
        outputs: outputs.map(({ map }) => map),
      }),
    )
  }

  /** BIP174 serialisation, version 0. */
  get bytes(): Uint8Array {
    return encodeMaps(this.maps)
  }

  /** The outputs spent, packed as in `TransactionCheck`; undefined unless the PSBT tells them all. */
  get spentOutputs(): Uint8Array | undefined {
    const spent = this.inputs.flatMap((input) => input.spent ?? [])
    return spent.length === this.inputs.length ? packOutputs(spent) : undefined
  }

  /** Satoshis that the miner gets; undefined unless the PSBT tells all the coins it spends. Negative where it pays more than they hold. */
  get fee(): number | undefined {
    let fee = 0
    for (const { spent } of this.inputs) {
      if (!spent) return undefined
      fee += spent.value
    }
    return this.outputs.reduce((left, { value }) => left - value, fee)
  }

  /** Virtual bytes once it is signed, where every input is spent by its key alone and with the default hash type. */
  get keyPathVsize(): number {
    return Math.ceil((4 * this.unsigned.strippedSize + 2 + this.inputs.length * KEY_PATH_WITNESS_WEIGHT) / 4)
  }

  /** The transaction that an input spends from, where the PSBT brings it along. */
  previous(input: number): Transaction | undefined {
    return previousOf(this.maps.inputs[input])
  }

  /** Adds the key-path signature of an input: 64 bytes, and its hash type where that is not SIGHASH_DEFAULT. */
  addSignature(input: number, signature: Uint8Array): void {
    this.maps.inputs[input] = { ...this.maps.inputs[input], tapKeySig: signature, ...typeOf(signature) }
  }

  /** Adds the signature that a key gives for a leaf of an input's script tree, as `addSignature` does. */
  addLeafSignature(input: number, publicKey: Uint8Array, leafHash: Uint8Array, signature: Uint8Array): void {
    const map = this.maps.inputs[input]
    const added: PsbtInputMap = { tapScriptSig: [[{ pubKey: publicKey, leafHash }, signature]] }
    this.maps.inputs[input] = { ...united(PSBTInput, added, map), ...typeOf(signature) }
  }

  /**
   * With what is known of its coins and keys (BIP174, Updater), by position. A coin that it tells stays as it is, see `withKnownCoins`; of
   * a key, what is known here goes before what it tells. A final input needs no key.
   */
  updated(inputs: readonly PsbtUpdate[], outputs: readonly PsbtUpdate[]): Psbt {
    return this.withMaps(
      (map, i) => updatedInput(map, { ...inputs[i], ...(this.inputs[i].isFinal && { key: undefined }) }),
      (map, i) => withKey(PSBTOutput, map, outputs[i]?.key),
    )
  }

  /** Telling of keys what `other`, a PSBT of the same transaction, tells, and nothing more. */
  withKeysOf({ maps }: Psbt): Psbt {
    const keysOf = ({ tapInternalKey, tapBip32Derivation }: PsbtInputMap | PsbtOutputMap) =>
      defined({ tapInternalKey, tapBip32Derivation })
    const without = <T extends PsbtInputMap | PsbtOutputMap>(map: T): T => {
      const { tapInternalKey: _key, tapBip32Derivation: _derivations, ...rest } = map
      return rest as T
    }
    return this.withMaps(
      (map, i) => (this.inputs[i].isFinal ? map : { ...without(map), ...keysOf(maps.inputs[i]) }),
      (map, i) => ({ ...without(map), ...keysOf(maps.outputs[i]) }),
    )
  }

  /**
   * Takes over what another PSBT of the same transaction has more (BIP174, Combiner); where both tell something else, this one's
   * stays. Rejects with `psbt-mismatch`.
   */
  combine({ maps, unsigned }: Psbt): Result<Psbt> {
    if (!equalBytes(unsigned.bytes, this.unsigned.bytes))
      return invalid(
        'psbt-mismatch',
        "These PSBTs don't belong together: they are of different transactions.",
      )
    return attempt('psbt-mismatch', "These PSBTs don't belong together", () => {
      return new Psbt({
        ...this.maps,
        global: united(PSBTGlobal, this.maps.global, maps.global),
        inputs: this.maps.inputs.map((map, i) => {
          const both = united(PSBTInput, map, maps.inputs[i])
          return isFinal(both) ? finalMap(both) : both
        }),
        outputs: this.maps.outputs.map((map, i) => united(PSBTOutput, map, maps.outputs[i])),
      })
    })
  }

  /**
   * With the witness of each input whose signatures add up to one (BIP174, Input Finalizer): it was run, and what the mempool would
   * refuse is none. Nothing is finalised unless the PSBT tells all the coins it spends, since taproot signatures commit to them.
   */
  finalized(): Psbt {
    const { spentOutputs } = this
    if (!spentOutputs) return this
    const candidates = this.inputs.map(({ isFinal, leaves }, i) => {
      return isFinal ? [] : witnessesOf(this.maps.inputs[i], leaves)
    })
    const found = new Map<number, readonly Uint8Array[]>()
    const rounds = Math.max(0, ...candidates.map(({ length }) => length))
    for (let round = 0; round < rounds; round++) {
      const tried = candidates.map((witnesses, i) => (found.has(i) ? undefined : witnesses[round]))
      const sighashes = new SighashCache(this.withWitnesses(tried), spentOutputs)
      for (const [i, witness] of tried.entries())
        if (witness && verifyInput(sighashes, i, STANDARD_SCRIPT_FLAGS).ok) found.set(i, witness)
    }
    if (found.size === 0) return this
    return this.withMaps(
      (map, i) => {
        const witness = found.get(i)
        return witness ? finalMap({ ...map, finalScriptWitness: [...witness] }) : map
      },
      (map) => map,
    )
  }

  /**
   * The signed transaction (BIP174, Input Finalizer and Extractor). Every witness was run, those too that came with the PSBT. Rejects
   * with `psbt-incomplete`, which says what is missing.
   */
  extract(): Result<Transaction> {
    if (this.inputs.length === 0 || this.outputs.length === 0)
      return incomplete('a transaction has at least one input and one output')
    const { spentOutputs, maps, inputs } = this.finalized()
    const untold = inputs.findIndex(({ spent }) => !spent)
    if (!spentOutputs) return incomplete(`it does not tell which coin input ${untold} spends`)
    const open = inputs.findIndex((input) => !input.isFinal)
    if (open >= 0)
      return incomplete(
        isSigned(maps.inputs[open])
          ? `what input ${open} has of signatures is not valid, or not all that its coin asks for`
          : `input ${open} has no signature`,
      )
    if (maps.inputs.some(({ finalScriptSig }) => finalScriptSig?.length))
      return incomplete('it has a scriptSig, which no coin of this network takes')
    if (this.fee! < 0) return incomplete('it pays more than the coins it spends hold')
    const transaction = this.withWitnesses(maps.inputs.map(({ finalScriptWitness }) => finalScriptWitness))
    const sighashes = new SighashCache(transaction, spentOutputs)
    for (const [i, { isFinal }] of this.inputs.entries()) {
      if (!isFinal) continue
      const verdict = verifyInput(sighashes, i, STANDARD_SCRIPT_FLAGS)
      if (!verdict.ok) return incomplete(`the witness of input ${i} is not valid. ${verdict.detail}`)
    }
    return ok(transaction)
  }

  private withWitnesses(witnesses: readonly (readonly Uint8Array[] | undefined)[]): Transaction {
    const { version, inputs, outputs, lockTime } = this.unsigned
    const signed = inputs.map((input, i) => ({ ...input, witness: witnesses[i] ?? [] }))
    return Transaction.of({ version, inputs: signed, outputs, lockTime })
  }

  private withMaps(
    input: (map: PsbtInputMap, index: number) => PsbtInputMap,
    output: (map: PsbtOutputMap, index: number) => PsbtOutputMap,
  ): Psbt {
    const { inputs, outputs } = this.maps
    return new Psbt({ ...this.maps, inputs: inputs.map(input), outputs: outputs.map(output) })
  }
}

/** The first coin, by `outpointKey`, that several inputs spend. */
function spentTwice(inputs: readonly Pick<PsbtInput, 'prevout'>[]): string | undefined {
  const seen = new Set<string>()
  return inputs.map(({ prevout }) => outpointKey(prevout)).find((key) => seen.size === seen.add(key).size)
}

function incomplete(reason: string): Result<never> {
  return invalid('psbt-incomplete', `This PSBT is not complete: ${reason.replace(/\.$/, '')}.`)
}

// Reading

function unsignedOf({ global }: PsbtMaps): Transaction {
  const { version, inputs, outputs, lockTime } = global.unsignedTx!
  return Transaction.of({
    version: version >>> 0,
    inputs: inputs.map(({ txid, index, sequence }) =>
      unsignedInput({ txid: reversed(txid), index }, sequence),
    ),
    outputs: outputs.map(outputOf),
    lockTime,
  })
}

function outputOf({ amount, script }: { readonly amount: bigint; readonly script: Uint8Array }): TxOutput {
  const value = Number(amount)
  if (!Number.isSafeInteger(value)) throw new Error(`${amount} satoshis are more than there can be`)
  return { value: sats(value), scriptPubKey: script }
}

function inputOf({ prevout, sequence }: TxInput, map: PsbtInputMap): PsbtInput {
  const { tapInternalKey, tapBip32Derivation = [], tapMerkleRoot, tapLeafScript = [], sighashType } = map
  return {
    prevout,
    sequence,
    spent: spentBy(prevout, map),
    key: keyOf(tapInternalKey, tapBip32Derivation),
    merkleRoot: tapMerkleRoot,
    leaves: tapLeafScript.map(([controlBlock, scriptAndVersion]) => {
      const script = scriptAndVersion.subarray(0, -1)
      const version = scriptAndVersion[scriptAndVersion.length - 1]
      const hash = tapLeafHash(script, version)
      return { script, version, controlBlock: TaprootControlBlock.encode(controlBlock), hash }
    }),
    leafKeys: tapBip32Derivation
      .filter(([, { hashes }]) => hashes.length > 0)
      .map(([publicKey, { hashes, der }]) => ({ publicKey, origin: der, leafHashes: hashes })),
    sighashType,
    isFinal: isFinal(map),
  }
}

/** The output that an input spends, by what the PSBT tells. Throws where that contradicts itself. */
function spentBy({ txid, index }: Outpoint, map: PsbtInputMap): TxOutput | undefined {
  const told = map.witnessUtxo && outputOf(map.witnessUtxo)
  const previous = previousOf(map)
  if (!previous) return told
  if (!equalBytes(previous.txidBytes, txid))
    throw new Error('a transaction that it brings along is not the one that it spends from')
  const spent = previous.outputs[index]
  if (!spent) throw new Error('it spends an output that the transaction it brings along does not have')
  if (!Number.isSafeInteger(spent.value) || (told && !equalOutputs(told, spent)))
    throw new Error('it tells two different things of a coin that it spends')
  return spent
}

function previousOf({ nonWitnessUtxo }: PsbtInputMap): Transaction | undefined {
  if (!nonWitnessUtxo) return undefined
  const decoded = decodeTransaction(RawTx.encode(nonWitnessUtxo))
  if (!decoded.ok) throw new Error(decoded.detail)
  return decoded.value
}

/** Whether both are the same amount to the same script. */
export function equalOutputs(a: TxOutput, b: TxOutput): boolean {
  return a.value === b.value && equalBytes(a.scriptPubKey, b.scriptPubKey)
}

type TapDerivations = PsbtInputMap['tapBip32Derivation']

function keyOf(internalKey: Uint8Array | undefined, derivations: TapDerivations): PsbtKey | undefined {
  const derivation = internalKey && derivations?.find(([key]) => equalBytes(key, internalKey))
  return derivation && { internalKey: derivation[0], origin: derivation[1].der }
}

// Changing

/** Without the names that hold nothing, which the coders take for fields. */
function defined<T extends object>(map: T): T {
  return Object.fromEntries(Object.entries(map).filter(([, value]) => value !== undefined)) as T
}

function updatedInput(map: PsbtInputMap, { spent, key }: PsbtUpdate): PsbtInputMap {
  const added = spent && { amount: BigInt(spent.value), script: spent.scriptPubKey }
  const witnessUtxo = map.witnessUtxo ?? (map.nonWitnessUtxo ? undefined : added)
  return defined({ ...withKey(PSBTInput, map, key), witnessUtxo })
}

function withKey<T extends PsbtInputMap | PsbtOutputMap>(table: Table, map: T, key: PsbtKey | undefined): T {
  if (!key) return map
  const der = { fingerprint: key.origin.fingerprint, path: [...key.origin.path] }
  const added = {
    tapInternalKey: key.internalKey,
    tapBip32Derivation: [[key.internalKey, { hashes: [], der }]],
  }
  return united(table, added as unknown as T, map)
}

/** The hash type that a signature names where it is not the default one; BIP174 has the PSBT name it, too. */
function typeOf(signature: Uint8Array): Pick<PsbtInputMap, 'sighashType'> {
  return signature.length === 65 && signature[64] !== SIGHASH_DEFAULT ? { sighashType: signature[64] } : {}
}

function isSigned({ tapKeySig, tapScriptSig }: PsbtInputMap): boolean {
  return tapKeySig !== undefined || (tapScriptSig?.length ?? 0) > 0
}

/** Scure throws where its input is wrong: the message becomes part of the sentence. */
function attempt<T>(code: WalletCode, sentence: string, run: () => T): Result<T> {
  try {
    return ok(run())
  } catch (error) {
    return invalid(code, `${sentence}: ${error instanceof Error ? error.message.slice(0, 200) : 'unknown'}.`)
  }
}
