/**
 * Transactions in BIP144 serialisation. A `Transaction` is immutable and keeps the bytes it was read from: identifiers
 * and signature hashes are taken from those, and its scripts and witness items are views over them.
 */
import type { Sats } from './amount.ts'
import { concatBytes, EMPTY } from './bytes.ts'
import { compactSizeLength, DecodeError, decodeWith, type Reader, Writer } from './codec.ts'
import { hasher, hasWitness, type SerialisedTransaction, strippedParts } from './hasher.ts'
import { fromDisplay, sha256d, type Txid, toDisplay, type Wtxid } from './hashes.ts'
import type { Result } from './result.ts'

/** The output a coin was made by. */
export interface Outpoint {
  /** Transaction id, 32 bytes, internal order. */
  readonly txid: Uint8Array
  /** Position among that transaction's outputs; 0xffffffff in a coinbase. */
  readonly index: number
}

export interface TxInput {
  readonly prevout: Outpoint
  readonly scriptSig: Uint8Array
  /** BIP68 relative lock, or 0xffffffff for none. */
  readonly sequence: number
  /** Witness stack, bottom first. */
  readonly witness: readonly Uint8Array[]
}

export interface TxOutput {
  /** Satoshis. Decoded from 64 signed bits: `checkTransaction` rejects what is not an amount. */
  readonly value: Sats
  readonly scriptPubKey: Uint8Array
}

export interface TransactionFields {
  /** Unsigned 32 bits. BIP68 applies from version 2. */
  readonly version: number
  readonly inputs: readonly TxInput[]
  readonly outputs: readonly TxOutput[]
  /** Height below 500,000,000, else seconds since 1970 against median time past (BIP113). */
  readonly lockTime: number
}

/** A value under construction. */
type Mutable<T> = { -readonly [Key in keyof T]: T[Key] }

/** Bytes of the smallest input: outpoint 36, empty scriptSig 1, sequence 4. */
const MIN_INPUT_BYTES = 41
/** Bytes of the smallest output: value 8, empty script 1. */
const MIN_OUTPUT_BYTES = 9

export class Transaction implements TransactionFields, SerialisedTransaction {
  readonly version: number
  readonly inputs: readonly TxInput[]
  readonly outputs: readonly TxOutput[]
  readonly lockTime: number
  /** BIP144 serialisation; without marker, flag and witness where no input has one. */
  readonly bytes: Uint8Array
  /** Offset in `bytes` of the witness, or of the lock time where there is none. */
  readonly witnessOffset: number
  private cachedTxid: Uint8Array | undefined
  private cachedTxidText: Txid | undefined
  private cachedWtxid: Uint8Array | undefined

  private constructor(fields: TransactionFields, bytes: Uint8Array, witnessOffset: number) {
    this.version = fields.version
    this.inputs = fields.inputs
    this.outputs = fields.outputs
    this.lockTime = fields.lockTime
    this.bytes = bytes
    this.witnessOffset = witnessOffset
  }

  /** Serialises `fields`. The scripts and witness items are kept as given. */
  static of(fields: TransactionFields): Transaction {
    const { bytes, witnessOffset } = serialise(fields)
    return new Transaction(fields, bytes, witnessOffset)
  }

  /** Reads one transaction where the reader stands. Throws `DecodeError`. */
  static read(reader: Reader): Transaction {
    const start = reader.offset
    const version = reader.u32()
    let inputs: Mutable<TxInput>[] = []
    let flag = 0
    let count = reader.count(0)
    if (count === 0) {
      // BIP144: an input count of zero is the marker, followed by the flag.
      flag = reader.u8()
      if (flag !== 0) count = reader.count(MIN_INPUT_BYTES)
    }
    let outputs: TxOutput[] = []
    if (count !== 0 || flag !== 0) {
      if (count * MIN_INPUT_BYTES > reader.remaining) throw new DecodeError(`announces ${count} inputs`)
      inputs = new Array(count)
      for (let i = 0; i < count; i++) inputs[i] = readInput(reader)
      count = reader.count(MIN_OUTPUT_BYTES)
      outputs = new Array(count)
      for (let i = 0; i < count; i++) outputs[i] = readOutput(reader)
    }
    const witnessOffset = reader.offset - start
    if (flag & 1) {
      let any = false
      for (let i = 0; i < inputs.length; i++) {
        const items = reader.count(1)
        if (items === 0) continue
        any = true
        const witness = new Array<Uint8Array>(items)
        for (let j = 0; j < items; j++) witness[j] = reader.varBytes()
        inputs[i].witness = witness
      }
      if (!any) throw new DecodeError('has a superfluous witness record')
    }
    if (flag & ~1) throw new DecodeError(`has unknown optional data, flag ${flag}`)
    const lockTime = reader.u32()
    const bytes = reader.bytes.subarray(start, reader.offset)
    return new Transaction({ version, inputs, outputs, lockTime }, bytes, witnessOffset)
  }

  /** Computes the identifiers of all the transactions at once, far faster than one after another when they are first asked for. */
  static identify(transactions: readonly Transaction[]): void {
    const unknown = transactions.filter(({ cachedTxid, cachedWtxid }) => !cachedTxid || !cachedWtxid)
    const ids = hasher().identify(unknown)
    unknown.forEach((transaction, i) => {
      transaction.cachedTxid = ids.subarray(i * 64, i * 64 + 32)
      transaction.cachedWtxid = ids.subarray(i * 64 + 32, i * 64 + 64)
    })
  }

  /** Whether any input has a witness. */
  get hasWitness(): boolean {
    return hasWitness(this)
  }

  /** Serialisation without marker, flag and witness: what `txid` commits to. */
  get strippedBytes(): Uint8Array {
    return this.hasWitness ? concatBytes(...strippedParts(this)) : this.bytes
  }

  /** Bytes without marker, flag and witness. */
  get strippedSize(): number {
    return this.hasWitness ? this.witnessOffset + 2 : this.bytes.length
  }

  /** The outputs one after another as CTxOut, without their count: a view, exact where a value is no safe integer. */
  get outputsBytes(): Uint8Array {
    const size = this.outputs.reduce((sum, { scriptPubKey }) => sum + 8 + varBytesLength(scriptPubKey), 0)
    return this.bytes.subarray(this.witnessOffset - size, this.witnessOffset)
  }

  /** Weight units (BIP141): three times the stripped size plus the whole size. */
  get weight(): number {
    return this.strippedSize * 3 + this.bytes.length
  }

  /** Virtual bytes: weight over 4, rounded up. */
  get vsize(): number {
    return Math.ceil(this.weight / 4)
  }

  /** 32 bytes, internal order. */
  get txidBytes(): Uint8Array {
    this.cachedTxid ??= sha256d(...strippedParts(this))
    return this.cachedTxid
  }

  get txid(): Txid {
    this.cachedTxidText ??= toDisplay<Txid>(this.txidBytes)
    return this.cachedTxidText
  }

  /** 32 bytes, internal order. Equal to `txidBytes` where there is no witness. */
  get wtxidBytes(): Uint8Array {
    this.cachedWtxid ??= this.hasWitness ? sha256d(this.bytes) : this.txidBytes
    return this.cachedWtxid
  }

  get wtxid(): Wtxid {
    return toDisplay<Wtxid>(this.wtxidBytes)
  }

  /** One input whose outpoint is null (txid of zeros, index 0xffffffff). */
  get isCoinbase(): boolean {
    return this.inputs.length === 1 && isNullOutpoint(this.inputs[0].prevout)
  }
}

export function isNullOutpoint(prevout: Outpoint): boolean {
  return prevout.index === 0xffffffff && prevout.txid.every((byte) => byte === 0)
}

/** The outpoint of a coinbase's input. */
export const NULL_OUTPOINT: Outpoint = { txid: new Uint8Array(32), index: 0xffffffff }

/** `<txid>:<index>`, a key for maps and a text for people. */
export function outpointKey(prevout: Outpoint): string {
  return `${toDisplay<Txid>(prevout.txid)}:${prevout.index}`
}

export function outpointOf(txid: Txid, index: number): Outpoint {
  return { txid: fromDisplay(txid), index }
}

/** Decodes one transaction that fills `bytes`; rejects with `tx-decode-failed`. */
export function decodeTransaction(bytes: Uint8Array): Result<Transaction> {
  return decodeWith(bytes, 'tx-decode-failed', Transaction.read)
}

/** Reads an output (CTxOut): 8-byte value, script after its CompactSize. Throws `DecodeError`. */
export function readOutput(reader: Reader): TxOutput {
  const value = reader.i64AsNumber() as Sats
  return { value, scriptPubKey: reader.varBytes() }
}

export function writeOutput(writer: Writer, output: TxOutput): void {
  writer.i64FromNumber(output.value).varBytes(output.scriptPubKey)
}

function readInput(reader: Reader): Mutable<TxInput> {
  const txid = reader.take(32)
  const index = reader.u32()
  const scriptSig = reader.varBytes()
  return { prevout: { txid, index }, scriptSig, sequence: reader.u32(), witness: NO_WITNESS }
}

const NO_WITNESS: readonly Uint8Array[] = []

/** Bytes of a byte string behind its CompactSize length. */
function varBytesLength(bytes: Uint8Array): number {
  return compactSizeLength(bytes.length) + bytes.length
}

function serialise(fields: TransactionFields): { bytes: Uint8Array; witnessOffset: number } {
  const { inputs, outputs } = fields
  const hasWitness = inputs.some((input) => input.witness.length > 0)
  let size = 8 + (hasWitness ? 2 : 0) + compactSizeLength(inputs.length) + compactSizeLength(outputs.length)
  for (const input of inputs) size += 40 + varBytesLength(input.scriptSig)
  for (const output of outputs) size += 8 + varBytesLength(output.scriptPubKey)
  const witnessOffset = size - 4
  if (hasWitness)
    for (const input of inputs) {
      size += compactSizeLength(input.witness.length)
      for (const item of input.witness) size += varBytesLength(item)
    }
  const writer = new Writer(size)
  writer.u32(fields.version)
  if (hasWitness) writer.u8(0).u8(1)
  writer.compactSize(inputs.length)
  for (const { prevout, scriptSig, sequence } of inputs)
    writer.put(prevout.txid).u32(prevout.index).varBytes(scriptSig).u32(sequence)
  writer.compactSize(outputs.length)
  for (const output of outputs) writeOutput(writer, output)
  if (hasWitness)
    for (const { witness } of inputs) {
      writer.compactSize(witness.length)
      for (const item of witness) writer.varBytes(item)
    }
  writer.u32(fields.lockTime)
  return { bytes: writer.finish(), witnessOffset }
}

/** An input before it is signed: empty scriptSig and witness. */
export function unsignedInput(prevout: Outpoint, sequence: number): TxInput {
  return { prevout, scriptSig: EMPTY, sequence, witness: NO_WITNESS }
}
