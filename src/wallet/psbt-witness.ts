/**
 * What a taproot input's witness may be by the signatures and preimages that its PSBT has (BIP174, Input Finalizer; fields of
 * BIP371). Only put together here: whether a witness holds is for whoever runs it. Pure, any thread.
 */
import { EMPTY, equalBytes } from '../primitives/bytes.ts'
import { hash160 } from '../script/interpreter.ts'
import * as op from '../script/opcodes.ts'
import { decodeScriptNumber, encodeScriptNumber, isTrue } from '../script/script-number.ts'
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

/** What lies on the stack: bytes, or what is yet to be said of an item of the witness, by its number: itself, its length, or its hash. */
type Value =
  | { readonly bytes: Uint8Array }
  | { readonly item: number; readonly as: 'itself' }
  | { readonly item: number; readonly as: 'length' }
  | { readonly item: number; readonly as: 'hash'; readonly opcode: number }

/** How far a run has come. Nothing in it changes: each choice goes on from its own. */
interface State {
  /** Operations that ran. */
  readonly at: number
  readonly stack: readonly Value[]
  readonly altStack: readonly Value[]
  /** Whether each open branch runs. */
  readonly branches: readonly boolean[]
  /** Items that the script took from the witness, the first from its top; undefined while nothing depends on one. */
  readonly items: readonly (Uint8Array | undefined)[]
}

/** Choices that are followed for a leaf, of which each is a few operations. */
const MAX_CHOICES = 2_000

const TRUE = Uint8Array.of(1)
/** What has no known hash: a preimage that fails (miniscript's dissatisfaction of hashes). */
const NO_PREIMAGE = new Uint8Array(32)

/**
 * The items under a script, bottom of the stack first: signatures, preimages, keys and choices of branches that let it end in true, by what the
 * PSBT has. It is run over items that are not known yet: where an operation asks for one, each value that it could have is tried, a signature
 * before its absence. Undefined where nothing is found, or where an operation is none that scripts of keys, hashes and locks (miniscript) have.
 */
function satisfy(map: PsbtInputMap, leaf: PsbtLeaf): Uint8Array[] | undefined {
  const operations = operationsOf(leaf.script)
  if (!operations) return undefined
  const leftOver: State[] = [{ at: 0, stack: [], altStack: [], branches: [], items: [] }]
  for (let choices = 0; choices < MAX_CHOICES; choices++) {
    let state = leftOver.pop()
    if (!state) return undefined
    while (state && state.at < operations.length) {
      const [first, ...others]: readonly State[] = follow(map, leaf.hash, operations, state)
      leftOver.push(...others.reverse())
      state = first
    }
    const items = state && itemsOf(state)
    if (items) return items
  }
  return undefined
}

/** The items of a run that ended well. */
function itemsOf({ stack, branches, items }: State): Uint8Array[] | undefined {
  const [last] = stack
  if (stack.length !== 1 || branches.length > 0 || !last) return undefined
  if ('bytes' in last && !isTrue(last.bytes)) return undefined
  const known = items.map((item) => item ?? TRUE)
  return known.reverse()
}

/** The states after one more operation, best first; none where it fails. */
function follow(
  map: PsbtInputMap,
  leafHash: Uint8Array,
  operations: readonly Operation[],
  state: State,
): State[] {
  const { opcode, data } = operations[state.at]
  const run = new Run(state)
  const { branches } = state
  if (opcode === op.OP_ELSE || opcode === op.OP_ENDIF) {
    if (branches.length === 0) return []
    const rest = branches.slice(0, -1)
    return [run.done(opcode === op.OP_ELSE ? [...rest, !branches.at(-1)] : rest)]
  }
  const isBranch = opcode === op.OP_IF || opcode === op.OP_NOTIF
  if (branches.includes(false)) return [run.done(isBranch ? [...branches, false] : branches)]
  if (opcode <= op.OP_PUSHDATA4) return [run.push(data).done()]
  if (opcode === op.OP_1NEGATE || (opcode >= op.OP_1 && opcode <= op.OP_16))
    return [run.push(encodeScriptNumber(opcode - op.OP_1 + 1)).done()]
  switch (opcode) {
    case op.OP_IF:
    case op.OP_NOTIF:
      return run
        .choose(run.take(), [TRUE, EMPTY])
        .map(([next, isIt]) => next.done([...branches, isIt === (opcode === op.OP_IF)]))
    case op.OP_VERIFY:
      return run.choose(run.take(), [TRUE]).flatMap(([next, isIt]) => (isIt ? next.done() : []))
    case op.OP_CHECKSIG:
    case op.OP_CHECKSIGVERIFY:
    case op.OP_CHECKSIGADD: {
      const key = run.bytes(run.take())
      const before = opcode === op.OP_CHECKSIGADD ? run.number(run.take()) : 0
      if (key?.length !== 32 || before === undefined) return []
      const signature = map.tapScriptSig?.find(
        ([of, bytes]) =>
          equalBytes(of.leafHash, leafHash) && equalBytes(of.pubKey, key) && agrees(map, bytes),
      )?.[1]
      const isEnough = opcode === op.OP_CHECKSIGADD && before === thresholdFrom(operations, state.at)
      const values = [...(signature ? [signature] : []), EMPTY]
      return run.choose(run.take(), isEnough ? values.reverse() : values).flatMap(([next, isIt]) => {
        if (opcode === op.OP_CHECKSIGVERIFY) return isIt ? next.done() : []
        return next.push(encodeScriptNumber(before + (isIt ? 1 : 0))).done()
      })
    }
    case op.OP_EQUAL:
    case op.OP_EQUALVERIFY:
      return run
        .equal(map, run.take(), run.take())
        .flatMap(([next, isIt]) =>
          opcode === op.OP_EQUAL ? next.push(isIt).done() : isIt ? next.done() : [],
        )
    case op.OP_SHA256:
    case op.OP_HASH256:
    case op.OP_RIPEMD160:
    case op.OP_HASH160: {
      const value = run.take()
      if ('bytes' in value || value.as !== 'itself') return []
      return [run.put({ item: value.item, as: 'hash', opcode }).done()]
    }
    case op.OP_SIZE: {
      const value = run.take()
      const known = run.bytes(value)
      if (known) return [run.put(value).push(encodeScriptNumber(known.length)).done()]
      if (!('as' in value) || value.as !== 'itself') return []
      const { item } = value
      // It is something; or nothing, which is its own length.
      return [
        run.copy().put(value).put({ item, as: 'length' }).done(),
        run.copy().assign(item, EMPTY).push(EMPTY).push(EMPTY).done(),
      ]
    }
    case op.OP_0NOTEQUAL:
      return run.choose(run.take(), []).map(([next, isIt]) => next.push(isIt).done())
    case op.OP_NUMEQUAL:
    case op.OP_NUMEQUALVERIFY:
    case op.OP_ADD:
    case op.OP_BOOLAND:
    case op.OP_BOOLOR: {
      const [b, a] = [run.number(run.take()), run.number(run.take())]
      if (a === undefined || b === undefined) return []
      if (opcode === op.OP_ADD) return [run.push(encodeScriptNumber(a + b)).done()]
      if (opcode === op.OP_BOOLAND) return [run.push(a !== 0 && b !== 0).done()]
      if (opcode === op.OP_BOOLOR) return [run.push(a !== 0 || b !== 0).done()]
      if (opcode === op.OP_NUMEQUAL) return [run.push(a === b).done()]
      return a === b ? [run.done()] : []
    }
    case op.OP_DUP: {
      const value = run.take()
      return [run.put(value).put(value).done()]
    }
    case op.OP_IFDUP: {
      const value = run.take()
      return run
        .choose(value, [])
        .map(([next, isIt]) => (isIt ? next.put(value).put(value) : next.put(value)).done())
    }
    case op.OP_SWAP: {
      const [b, a] = [run.take(), run.take()]
      return [run.put(b).put(a).done()]
    }
    case op.OP_DROP:
      run.take()
      return [run.done()]
    case op.OP_TOALTSTACK:
      return [run.toAltStack(run.take()).done()]
    case op.OP_FROMALTSTACK:
      return state.altStack.length > 0 ? [run.fromAltStack().done()] : []
    case op.OP_CHECKLOCKTIMEVERIFY:
    case op.OP_CHECKSEQUENCEVERIFY:
      // Whether a lock has passed, the run of the whole witness tells.
      return [run.done()]
    default:
      return []
  }
}

/** One operation's work on a state. */
class Run {
  private readonly from: State
  private readonly stack: Value[]
  private readonly altStack: Value[]
  private readonly items: (Uint8Array | undefined)[]

  constructor(from: State) {
    this.from = from
    this.stack = [...from.stack]
    this.altStack = [...from.altStack]
    this.items = [...from.items]
  }

  /** The state that follows. */
  done(branches = this.from.branches): State {
    const { stack, altStack, items } = this
    return { at: this.from.at + 1, stack, altStack, items, branches }
  }

  /** What lies on top: of the stack, or else the next item of the witness. */
  take(): Value {
    const top = this.stack.pop()
    if (top) return top
    this.items.push(undefined)
    return { item: this.items.length - 1, as: 'itself' }
  }

  put(value: Value): this {
    this.stack.push(value)
    return this
  }

  push(result: Uint8Array | boolean): this {
    return this.put({ bytes: typeof result === 'boolean' ? (result ? TRUE : EMPTY) : result })
  }

  toAltStack(value: Value): this {
    this.altStack.push(value)
    return this
  }

  fromAltStack(): this {
    return this.put(this.altStack.pop()!)
  }

  assign(item: number, bytes: Uint8Array): this {
    this.items[item] = bytes
    return this
  }

  /** The bytes of a value; undefined where they aren't known. */
  bytes(value: Value): Uint8Array | undefined {
    if ('bytes' in value) return value.bytes
    return value.as === 'itself' ? this.items[value.item] : undefined
  }

  number(value: Value): number | undefined {
    const bytes = this.bytes(value)
    return bytes && bytes.length <= 4 ? decodeScriptNumber(bytes) : undefined
  }

  /** Whether a value is true, for each of the bytes that it could be where it is an item of which nothing is known. */
  choose(value: Value, candidates: readonly Uint8Array[]): [Run, boolean][] {
    const known = this.bytes(value)
    if (known) return [[this, isTrue(known)]]
    if ('bytes' in value || value.as === 'hash') return []
    // A length is asked for where the item is something.
    if (value.as === 'length') return [[this, true]]
    return candidates.map((bytes) => [this.copy().assign(value.item, bytes), isTrue(bytes)])
  }

  /** Whether two values are equal, with what an item has to be for it. */
  equal(map: PsbtInputMap, a: Value, b: Value): [Run, boolean][] {
    const [left, right] = [this.bytes(a), this.bytes(b)]
    if (left && right) return [[this, equalBytes(left, right)]]
    const [open, known] = left ? [b, left] : [a, right]
    if (!known || 'bytes' in open) return []
    if (open.as === 'length') return [[this, equalBytes(known, Uint8Array.of(32))]]
    if (open.as === 'itself') return [[this.assign(open.item, known), true]]
    const assigned = this.items[open.item]
    if (assigned) return []
    const preimage = preimageOf(map, open.opcode, known)
    return [
      ...(preimage ? [[this.copy().assign(open.item, preimage), true] as [Run, boolean]] : []),
      [this.copy().assign(open.item, NO_PREIMAGE), false],
    ]
  }

  /** For one of several choices. */
  copy(): Run {
    return new Run({ ...this.done(), at: this.from.at })
  }
}

/** What the next comparison of a sum (CHECKSIGADD) asks for. */
function thresholdFrom(operations: readonly Operation[], at: number): number | undefined {
  const end = operations.findIndex(
    ({ opcode }, i) => i > at && (opcode === op.OP_NUMEQUAL || opcode === op.OP_NUMEQUALVERIFY),
  )
  if (end < 0) return undefined
  const { opcode, data } = operations[end - 1]
  if (opcode >= op.OP_1 && opcode <= op.OP_16) return opcode - op.OP_1 + 1
  return data.length > 0 && data.length <= 4 ? decodeScriptNumber(data) : undefined
}

function operationsOf(script: Uint8Array): Operation[] | undefined {
  const reader = new op.ScriptReader(script)
  const operations: Operation[] = []
  while (reader.next()) operations.push({ opcode: reader.opcode, data: reader.data })
  return reader.atEnd ? operations : undefined
}

/** What hashes to a digest, of the preimages that a PSBT has, and of its keys (`pk_h`). */
function preimageOf(map: PsbtInputMap, opcode: number, digest: Uint8Array): Uint8Array | undefined {
  const known = preimagesOf(map, opcode)?.find(([of]) => equalBytes(of, digest))?.[1]
  if (known || opcode !== op.OP_HASH160) return known
  const keys = [
    ...(map.tapScriptSig ?? []).map(([{ pubKey }]) => pubKey),
    ...(map.tapBip32Derivation ?? []).map(([key]) => key),
  ]
  return keys.find((key) => equalBytes(hash160(key), digest))
}

/** The preimages that a PSBT has for an opcode that hashes. */
function preimagesOf(map: PsbtInputMap, opcode: number): PsbtInputMap['sha256'] {
  switch (opcode) {
    case op.OP_SHA256:
      return map.sha256
    case op.OP_HASH256:
      return map.hash256
    case op.OP_RIPEMD160:
      return map.ripemd160
    default:
      return map.hash160
  }
}
