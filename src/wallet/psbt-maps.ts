/**
 * The fields of PSBTs (BIP174, BIP370, BIP371, BIP373) by scure-btc-signer's tables: read, written, brought together. What is
 * read in version 2 becomes version 0. Throws where bytes are no PSBT: `psbt.ts` turns that into values. Pure, any thread.
 */
import {
  PSBTGlobal,
  PSBTInput,
  PSBTInputFinalKeys,
  type PSBTKeyMapKeys,
  PSBTOutput,
  RawPSBTV0,
  RawPSBTV2,
  type TransactionInput,
  type TransactionOutput,
} from '@scure/btc-signer/psbt.js'
import { bytesToHex, concatBytes, EMPTY } from '../primitives/bytes.ts'
import { LOCK_TIME_THRESHOLD, SEQUENCE_FINAL } from '../primitives/lock-times.ts'

export type PsbtGlobalMap = PSBTKeyMapKeys<typeof PSBTGlobal>
export type PsbtInputMap = TransactionInput
export type PsbtOutputMap = TransactionOutput

/** The fields of a PSBT under scure's names. */
export interface PsbtMaps {
  readonly global: PsbtGlobalMap
  readonly inputs: PsbtInputMap[]
  readonly outputs: readonly PsbtOutputMap[]
}

/** A leaf of an input's script tree, and the way to it. */
export interface PsbtLeaf {
  readonly script: Uint8Array
  readonly version: number
  readonly controlBlock: Uint8Array
  /** TapLeaf hash, 32 bytes. */
  readonly hash: Uint8Array
}

/** The maps, in version 0. Throws where they are none. */
export function decodeMaps(bytes: Uint8Array): PsbtMaps {
  let maps: PsbtMaps
  try {
    maps = RawPSBTV0.decode(bytes)
  } catch (reason) {
    try {
      return fromVersion2(RawPSBTV2.decode(bytes))
    } catch (reasonOfVersion2) {
      // The number of inputs is in the transaction, which version 2 has none of.
      throw String(reason).includes('arrayLen') ? reasonOfVersion2 : reason
    }
  }
  const { inputs, outputs } = maps.global.unsignedTx!
  // An empty map too many where there are no inputs: bip174js writes it.
  const surplus = maps.outputs.length > outputs.length && Object.keys(maps.outputs[0]).length === 0
  const from = inputs.length === 0 && surplus ? 1 : 0
  return { ...maps, outputs: maps.outputs.slice(from, from + outputs.length) }
}

/** Fields of BIP370 that say in version 2 what the unsigned transaction says in version 0, or what others may still change. */
const OF_VERSION_2 = new Set([
  'version',
  'txVersion',
  'fallbackLocktime',
  'inputCount',
  'outputCount',
  'txModifiable',
  'txid',
  'index',
  'sequence',
  'requiredTimeLocktime',
  'requiredHeightLocktime',
  'amount',
  'script',
])

function fromVersion2({ global, inputs, outputs }: PsbtMaps): PsbtMaps {
  return {
    global: {
      ...withoutVersion2(PSBTGlobal, global),
      unsignedTx: {
        version: global.txVersion! | 0,
        lockTime: lockTimeOf(inputs, global.fallbackLocktime ?? 0),
        inputs: inputs.map(({ txid, index, sequence }) => ({
          txid: txid!,
          index: index!,
          finalScriptSig: EMPTY,
          sequence: sequence ?? SEQUENCE_FINAL,
        })),
        outputs: outputs.map(({ amount, script }) => ({ amount: amount!, script: script! })),
      },
    },
    inputs: inputs.map((map) => withoutVersion2(PSBTInput, map)),
    outputs: outputs.map((map) => withoutVersion2(PSBTOutput, map)),
  }
}

/** BIP370, Determining Lock Time. Throws where inputs ask for both a height and a time. */
function lockTimeOf(inputs: readonly PsbtInputMap[], fallback: number): number {
  const bound = inputs.filter(
    ({ requiredHeightLocktime, requiredTimeLocktime }) =>
      requiredHeightLocktime !== undefined || requiredTimeLocktime !== undefined,
  )
  if (bound.length === 0) return fallback
  for (const field of ['requiredHeightLocktime', 'requiredTimeLocktime'] as const)
    if (bound.every((input) => input[field] !== undefined))
      return Math.max(...bound.map((input) => input[field]!))
  throw new Error(
    `some inputs ask for a lock time below ${LOCK_TIME_THRESHOLD}, others for one above, and a transaction has one`,
  )
}

export type Table = Readonly<Record<string, readonly unknown[]>>

function withoutVersion2<T extends object>(table: Table, map: T): T {
  return Object.fromEntries(
    Object.entries(map).filter(([name]) => {
      const fits = name === 'unknown' || (table[name][4] as readonly number[]).includes(0)
      if (!fits && !OF_VERSION_2.has(name)) throw new Error(`its field ${name} has no place in version 0`)
      return !OF_VERSION_2.has(name)
    }),
  ) as T
}

/** BIP174 serialisation, version 0. */
export function encodeMaps(maps: PsbtMaps): Uint8Array {
  return RawPSBTV0.encode(maps as unknown as Parameters<typeof RawPSBTV0.encode>[0])
}

/** How the encoder writes a key of a field that has several. */
interface Coder {
  encode(value: unknown): Uint8Array
}

/** All that either map has; where both say something else of the same, what the first says. */
export function united<T extends object>(table: Table, first: T, second: T): T {
  const both: Record<string, unknown> = Object.fromEntries([
    ...Object.entries(second),
    ...Object.entries(first),
  ])
  for (const [name, value] of Object.entries(first)) {
    const other = (second as Record<string, unknown>)[name]
    if (!Array.isArray(other) || !Array.isArray(value)) continue
    const coder = (name === 'unknown' ? UNKNOWN_KEY : table[name][1]) as Coder | false
    // Without keys it is one value that happens to be a list.
    if (coder) both[name] = unitedPairs(coder, value, other)
  }
  return both as T
}

type Pair = readonly [key: unknown, value: unknown]

function unitedPairs(coder: Coder, first: readonly Pair[], second: readonly Pair[]): Pair[] {
  const pairs = new Map(second.map((pair) => [bytesToHex(coder.encode(pair[0])), pair]))
  for (const pair of first) pairs.set(bytesToHex(coder.encode(pair[0])), pair)
  return [...pairs.values()]
}

/** Tells keys of unknown fields apart. */
const UNKNOWN_KEY: Coder = {
  encode: (key) => {
    const { type, key: data } = key as { readonly type: number; readonly key: Uint8Array }
    return concatBytes(Uint8Array.of(type & 0xff, type >>> 8, type >>> 16, type >>> 24), data)
  },
}

/** Whether an input has its witness. */
export function isFinal({ finalScriptSig, finalScriptWitness }: PsbtInputMap): boolean {
  return (finalScriptWitness?.length ?? 0) > 0 || (finalScriptSig?.length ?? 0) > 0
}

/** A final input keeps its coin, its witness and what nobody here knows (BIP174, Input Finalizer). */
export function finalMap(map: PsbtInputMap): PsbtInputMap {
  const kept: readonly string[] = [...PSBTInputFinalKeys, 'proprietary']
  return Object.fromEntries(Object.entries(map).filter(([name]) => kept.includes(name))) as PsbtInputMap
}
