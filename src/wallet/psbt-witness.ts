/**
 * What a taproot input's witness may be by the signatures and preimages that its PSBT has (BIP174, Input Finalizer; fields of
 * BIP371). Only put together here: whether a witness holds is for whoever runs it. Pure, any thread.
 */
import { EMPTY, equalBytes } from '../primitives/bytes.ts'
import * as op from '../script/opcodes.ts'
import { decodeScriptNumber } from '../script/script-number.ts'
import { SIGHASH_DEFAULT } from '../script/sighash.ts'
import type { PsbtInputMap, PsbtLeaf } from './psbt-maps.ts'

/** Leaves that are tried: each costs a run of its script. */
const MAX_LEAVES = 32

/** Witnesses for an input, bottom of the stack first: by its key, then by its leaves from the smallest on. */
export function witnessesOf(map: PsbtInputMap, leaves: readonly PsbtLeaf[]): (readonly Uint8Array[])[] {
  const byKey = map.tapKeySig && agrees(map, map.tapKeySig) ? [[map.tapKeySig]] : []
  const byLeaf = [...leaves]
    .sort((a, b) => sizeOf(a) - sizeOf(b))
    .slice(0, MAX_LEAVES)
    .flatMap((leaf) => {
      const items = satisfy(map, leaf)
      return items ? [[...items, leaf.script, leaf.controlBlock]] : []
    })
  return [...byKey, ...byLeaf]
}

/** Whether a signature is of the hash type that the PSBT asks for, if it does: no other may be made final (BIP174). */
function agrees({ sighashType }: PsbtInputMap, signature: Uint8Array): boolean {
  const type = signature.length === 65 ? signature[64] : SIGHASH_DEFAULT
  return sighashType === undefined || sighashType === type
}

function sizeOf({ script, controlBlock }: PsbtLeaf): number {
  return script.length + controlBlock.length
}

/** An opcode with the data that it pushes. */
interface Operation {
  readonly opcode: number
  readonly data: Uint8Array
}

/** What a script takes from the stack for a key or a hash in it; undefined where it isn't there. */
interface Slot {
  item: Uint8Array | undefined
  /** Its result is added to those before it. */
  readonly isSum: boolean
}

/**
 * The items under a script that takes one for each of its keys and hashes, in their order: signatures one after another, thresholds
 * (CHECKSIGADD), preimages and time locks. Undefined where one is missing, or where the script has branches.
 */
function satisfy(map: PsbtInputMap, { script, hash }: PsbtLeaf): Uint8Array[] | undefined {
  const operations = operationsOf(script)
  if (!operations || operations.some(({ opcode }) => opcode === op.OP_IF || opcode === op.OP_NOTIF))
    return undefined
  const slots: Slot[] = []
  let threshold: number | undefined
  for (const [at, { data }] of operations.entries()) {
    const next = operations[at + 1]?.opcode
    const isCheck = next === op.OP_CHECKSIG || next === op.OP_CHECKSIGVERIFY || next === op.OP_CHECKSIGADD
    if (isCheck && data.length === 32) {
      const found = map.tapScriptSig?.find(
        ([key, signature]) =>
          equalBytes(key.leafHash, hash) && equalBytes(key.pubKey, data) && agrees(map, signature),
      )
      slots.push({ item: found?.[1], isSum: next === op.OP_CHECKSIGADD })
    } else if (isEqual(next) && at > 0 && data.length > 0) {
      const preimages = preimagesOf(map, operations[at - 1].opcode)
      if (preimages) {
        const found = preimages.find(([digest]) => equalBytes(digest, data))
        slots.push({ item: found?.[1], isSum: false })
      }
    } else if (next === op.OP_NUMEQUAL || next === op.OP_NUMEQUALVERIFY) threshold = numberOf(operations[at])
  }
  if (threshold !== undefined) limitSignatures(slots, threshold)
  // The first that the script takes lies on top.
  const items = slots.map(({ item }) => item).reverse()
  return items.every((item) => item !== undefined) ? items : undefined
}

/** Leaves as many signatures of a sum as it may come to, and an empty item for each other key of it. */
function limitSignatures(slots: Slot[], threshold: number): void {
  const first = slots.findIndex(({ isSum }) => isSum) - 1
  let left = threshold
  for (const [at, slot] of slots.entries()) {
    if (first < 0 || at < first || !(slot.isSum || at === first)) continue
    if (slot.item && left > 0) left--
    else slot.item = EMPTY
  }
}

function operationsOf(script: Uint8Array): Operation[] | undefined {
  const reader = new op.ScriptReader(script)
  const operations: Operation[] = []
  while (reader.next()) operations.push({ opcode: reader.opcode, data: reader.data })
  return reader.atEnd ? operations : undefined
}

function isEqual(opcode: number | undefined): boolean {
  return opcode === op.OP_EQUAL || opcode === op.OP_EQUALVERIFY
}

/** The preimages that a PSBT has for an opcode that hashes. */
function preimagesOf(map: PsbtInputMap, opcode: number): PsbtInputMap['sha256'] {
  switch (opcode) {
    case op.OP_SHA256:
      return map.sha256 ?? []
    case op.OP_HASH256:
      return map.hash256 ?? []
    case op.OP_RIPEMD160:
      return map.ripemd160 ?? []
    case op.OP_HASH160:
      return map.hash160 ?? []
    default:
      return undefined
  }
}

function numberOf({ opcode, data }: Operation): number | undefined {
  if (opcode >= op.OP_1 && opcode <= op.OP_16) return opcode - op.OP_1 + 1
  return data.length > 0 && data.length <= 4 ? Number(decodeScriptNumber(data)) : undefined
}
