/**
 * Basic block filters (BIP158): which scripts a block pays or spends from, in about 21 bits each, so that whoever looks for a few scripts reads only the
 * blocks that have them. Scripts of any kind go in, so that Bitcoin's own blocks have Bitcoin's own filters. Pure, any thread.
 */
import type { Block } from '../primitives/block.ts'
import { concatBytes } from '../primitives/bytes.ts'
import { decodeGolombSet, encodeGolombSet, matchesAny } from '../primitives/golomb.ts'
import { sha256d } from '../primitives/hashes.ts'
import { ok, type Result } from '../primitives/result.ts'
import { OP_RETURN } from '../script/opcodes.ts'

/** The header before that of the genesis block's filter (BIP157, Filter Headers). */
export const NO_FILTER_HEADER = new Uint8Array(32)

export class BlockFilter {
  /** As BIP158 serialises it; one byte 0 where the block has nothing to find. */
  readonly bytes: Uint8Array
  private readonly key: Uint8Array
  private values: Float64Array | undefined

  private constructor(key: Uint8Array, bytes: Uint8Array, values?: Float64Array) {
    this.key = key
    this.bytes = bytes
    this.values = values
  }

  /**
   * The filter of a block. `spentScripts`: the scriptPubKeys of all coins that it spends, in any order. Left out are empty scripts, and outputs that
   * begin with OP_RETURN (BIP158, Contents).
   */
  static of(block: Block, spentScripts: readonly Uint8Array[]): BlockFilter {
    const elements: Uint8Array[] = []
    for (const { outputs } of block.transactions)
      for (const { scriptPubKey } of outputs)
        if (scriptPubKey.length > 0 && scriptPubKey[0] !== OP_RETURN) elements.push(scriptPubKey)
    for (const script of spentScripts) if (script.length > 0) elements.push(script)
    const key = keyOf(block.header.hashBytes)
    return new BlockFilter(key, encodeGolombSet(key, elements))
  }

  /**
   * Reads the filter of the block with this hash (32 bytes, internal order). Rejects with `golomb-set-invalid` what is no filter's serialisation;
   * whether it is that block's shows by its header alone.
   */
  static decode(blockHash: Uint8Array, bytes: Uint8Array): Result<BlockFilter> {
    const values = decodeGolombSet(bytes)
    return values.ok ? ok(new BlockFilter(keyOf(blockHash), bytes, values.value)) : values
  }

  /** Whether the block may pay or spend from one of these scripts: surely where it does, and once in 784,931 scripts where it doesn't. */
  matchesAny(scripts: readonly Uint8Array[]): boolean {
    this.values ??= valuesOf(this.bytes)
    return matchesAny(this.values, this.key, scripts)
  }

  /**
   * The filter header: 32 bytes, internal order, which commit to this filter and to all before it. `previous`: that of the parent's filter,
   * `NO_FILTER_HEADER` for genesis (BIP157, Filter Headers).
   */
  header(previous: Uint8Array): Uint8Array {
    return sha256d(concatBytes(sha256d(this.bytes), previous))
  }
}

/** The first 16 bytes of the block's hash, internal order (BIP158, Block Filters). */
function keyOf(blockHash: Uint8Array): Uint8Array {
  return blockHash.subarray(0, 16)
}

/** Of bytes that `encodeGolombSet` wrote. */
function valuesOf(bytes: Uint8Array): Float64Array {
  const values = decodeGolombSet(bytes)
  if (!values.ok) throw new Error(values.detail)
  return values.value
}
