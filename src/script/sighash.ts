/**
 * Signature messages of BIP341 and BIP342. A `SighashCache` belongs to one transaction and keeps every hash that its
 * inputs share, so that the bytes hashed grow with the transaction and never with its square. Everything is taken from the
 * source bytes: amounts need not be safe integers here. Pure, any thread.
 */
import { decodeWith, Writer } from '../primitives/codec.ts'
import { sha256, taggedHash } from '../primitives/hashes.ts'
import { readOutput, type Transaction } from '../primitives/transaction.ts'
import type { SignatureCheck } from './schnorr.ts'

export const SIGHASH_DEFAULT = 0x00
export const SIGHASH_ALL = 0x01
export const SIGHASH_NONE = 0x02
export const SIGHASH_SINGLE = 0x03
/** Added to one of the others: commits to the input that is signed alone. */
export const SIGHASH_ANYONECANPAY = 0x80

/** What a tapscript signature commits to beyond the rest (BIP342, Common Signature Message Extension). */
export interface TapscriptContext {
  /** TapLeaf hash of the executed script, 32 bytes. */
  readonly leafHash: Uint8Array
  /** Opcode position of the last executed OP_CODESEPARATOR, 0xffffffff for none. */
  readonly codeSeparatorPosition: number
}

/** An output as it is serialised. */
interface PackedOutput {
  /** CTxOut: value, CompactSize, script. */
  readonly bytes: Uint8Array
  readonly scriptPubKey: Uint8Array
}

/**
 * Reads a signature as witnesses hold it: 64 bytes, and a 65th for a hash type other than the default (BIP341). `messageOf`
 * gives what a hash type signs, undefined where it is not allowed. A code of `ScriptError` where there is nothing to verify.
 */
export function signatureCheck(
  item: Uint8Array,
  publicKey: Uint8Array,
  messageOf: (hashType: number) => Uint8Array | undefined,
): SignatureCheck | 'schnorr-sig-size' | 'schnorr-sig-hashtype' {
  if (item.length !== 64 && item.length !== 65) return 'schnorr-sig-size'
  const hashType = item.length === 65 ? item[64] : SIGHASH_DEFAULT
  // A default that is spelled out would let anyone lengthen the witness of a 64-byte signature.
  if (item.length === 65 && hashType === SIGHASH_DEFAULT) return 'schnorr-sig-hashtype'
  const message = messageOf(hashType)
  return message ? { signature: item.subarray(0, 64), message, publicKey } : 'schnorr-sig-hashtype'
}

/** SHA-256 of the annex behind its CompactSize length. An input's signatures all share it: hash an annex once. */
export function hashAnnex(annex: Uint8Array): Uint8Array {
  return sha256(new Writer(9).compactSize(annex.length).finish(), annex)
}

export class SighashCache {
  readonly transaction: Transaction
  /** The outputs spent, one an input and in their order. */
  readonly spentOutputs: readonly PackedOutput[]
  private cachedOutputs: readonly PackedOutput[] | undefined
  private readonly singleHashes = new Map<number, Uint8Array>()
  private prevoutsHash: Uint8Array | undefined
  private amountsHash: Uint8Array | undefined
  private scriptPubKeysHash: Uint8Array | undefined
  private sequencesHash: Uint8Array | undefined
  private outputsHash: Uint8Array | undefined

  /**
   * `spentOutputs` as in `TransactionCheck`. Throws unless it holds exactly one output an input: whoever knows the coins
   * made it.
   */
  constructor(transaction: Transaction, spentOutputs: Uint8Array) {
    this.transaction = transaction
    this.spentOutputs = unpackOutputs(spentOutputs)
    if (this.spentOutputs.length !== transaction.inputs.length)
      throw new Error(
        `${this.spentOutputs.length} spent outputs given for ${transaction.inputs.length} inputs of ${transaction.txid}`,
      )
  }

  /** `sha_prevouts`, 32 bytes. */
  get shaPrevouts(): Uint8Array {
    this.prevoutsHash ??= hashEach(this.transaction.inputs, ({ prevout }) =>
      items.put(prevout.txid).u32(prevout.index),
    )
    return this.prevoutsHash
  }

  /** `sha_amounts`, 32 bytes. */
  get shaAmounts(): Uint8Array {
    this.amountsHash ??= hashEach(this.spentOutputs, (output) => items.put(amountOf(output)))
    return this.amountsHash
  }

  /** `sha_scriptpubkeys`, 32 bytes. */
  get shaScriptPubKeys(): Uint8Array {
    this.scriptPubKeysHash ??= hashEach(this.spentOutputs, ({ bytes }) => items.put(bytes.subarray(8)))
    return this.scriptPubKeysHash
  }

  /** `sha_sequences`, 32 bytes. */
  get shaSequences(): Uint8Array {
    this.sequencesHash ??= hashEach(this.transaction.inputs, ({ sequence }) => items.u32(sequence))
    return this.sequencesHash
  }

  /** `sha_outputs`, 32 bytes. */
  get shaOutputs(): Uint8Array {
    this.outputsHash ??= sha256(this.transaction.outputsBytes)
    return this.outputsHash
  }

  /** `sha_single_output`, 32 bytes. */
  private shaSingleOutput(index: number): Uint8Array {
    let hash = this.singleHashes.get(index)
    if (!hash) {
      this.cachedOutputs ??= unpackOutputs(this.transaction.outputsBytes)
      hash = sha256(this.cachedOutputs[index].bytes)
      this.singleHashes.set(index, hash)
    }
    return hash
  }

  /**
   * What a signature of input `index` signs: 32 bytes (BIP341, Common signature message, hashed with its epoch and the tag
   * TapSighash). Undefined where the hash type is none of the seven, or is SINGLE without an output at `index`: no
   * signature can be valid then.
   */
  sighash(
    index: number,
    hashType: number,
    shaAnnex?: Uint8Array,
    tapscript?: TapscriptContext,
  ): Uint8Array | undefined {
    const writer = this.writeMessage(message.clear(), index, hashType, shaAnnex, tapscript)
    return writer && taggedHash('TapSighash', writer.written)
  }

  /**
   * The message behind `sighash`, epoch byte first. `shaAnnex` is the `hashAnnex` of the input's annex; with `tapscript`
   * it is the message of BIP342 (extension flag 1), else that of a key-path spend.
   */
  message(
    index: number,
    hashType: number,
    shaAnnex?: Uint8Array,
    tapscript?: TapscriptContext,
  ): Uint8Array | undefined {
    return this.writeMessage(new Writer(), index, hashType, shaAnnex, tapscript)?.finish()
  }

  private writeMessage(
    writer: Writer,
    index: number,
    hashType: number,
    shaAnnex?: Uint8Array,
    tapscript?: TapscriptContext,
  ): Writer | undefined {
    const { version, lockTime, inputs, outputs } = this.transaction
    const outputType = hashType & 3
    const anyoneCanPay = (hashType & SIGHASH_ANYONECANPAY) !== 0
    if (hashType & ~(SIGHASH_ANYONECANPAY | 3) || hashType === SIGHASH_ANYONECANPAY) return undefined
    if (outputType === SIGHASH_SINGLE && index >= outputs.length) return undefined

    writer.u8(0).u8(hashType).u32(version).u32(lockTime)
    if (!anyoneCanPay)
      writer.put(this.shaPrevouts).put(this.shaAmounts).put(this.shaScriptPubKeys).put(this.shaSequences)
    if (outputType === SIGHASH_DEFAULT || outputType === SIGHASH_ALL) writer.put(this.shaOutputs)
    writer.u8((tapscript ? 2 : 0) | (shaAnnex ? 1 : 0))
    if (anyoneCanPay) {
      const { prevout, sequence } = inputs[index]
      writer.put(prevout.txid).u32(prevout.index).put(this.spentOutputs[index].bytes).u32(sequence)
    } else writer.u32(index)
    if (shaAnnex) writer.put(shaAnnex)
    if (outputType === SIGHASH_SINGLE) writer.put(this.shaSingleOutput(index))
    if (tapscript) writer.put(tapscript.leafHash).u8(KEY_VERSION).u32(tapscript.codeSeparatorPosition)
    return writer
  }
}

/** `key_version` of BIP342: the type of public keys in today's tapscript. */
const KEY_VERSION = 0

/** The 8 bytes of the value. */
function amountOf(output: PackedOutput): Uint8Array {
  return output.bytes.subarray(0, 8)
}

/** Splits outputs that are serialised one after another. Throws where they are cut short. */
function unpackOutputs(packed: Uint8Array): PackedOutput[] {
  const outputs: PackedOutput[] = []
  const unpacked = decodeWith(packed, 'outputs-decode-failed', (reader) => {
    while (reader.remaining > 0) {
      const start = reader.offset
      const { scriptPubKey } = readOutput(reader)
      outputs.push({ bytes: packed.subarray(start, reader.offset), scriptPubKey })
    }
  })
  if (!unpacked.ok) throw new Error(`Packed outputs are malformed. ${unpacked.detail}`)
  return outputs
}

/** What is being hashed: hashing is most of the work here, and new buffers would double it. */
const message = new Writer()
const items = new Writer()

/** SHA-256 over all that `write` writes to `items`. */
function hashEach<T>(all: readonly T[], write: (item: T) => void): Uint8Array {
  items.clear()
  for (const item of all) write(item)
  return sha256(items.written)
}
