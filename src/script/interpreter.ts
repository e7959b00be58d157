/**
 * The interpreter of tapscript (BIP342), in the order of Bitcoin Core's `ExecuteWitnessScript` and `EvalScript`. Signatures
 * are collected, not verified: a non-empty one counts as true, since a script with an invalid one fails whatever comes after.
 * Pure and synchronous, any thread.
 *
 * What one input can cost is bounded: no opcode moves more than 1,000 elements or reads more than 520 bytes (OP_EQUAL: twice
 * that), and each takes at least one weight unit. Elements are never changed once they are on the stack, so that duplicates
 * share their memory and pushes are views of the script: beyond 1,000 references, only results of at most 32 bytes and the
 * signatures collected (one for 50 weight units) are new.
 */
import { ripemd160, sha1 } from '@noble/hashes/legacy.js'
import { EMPTY, equalBytes } from '../primitives/bytes.ts'
import { sha256, sha256d } from '../primitives/hashes.ts'
import {
  LOCK_TIME_THRESHOLD,
  SEQUENCE_FINAL,
  SEQUENCE_LOCK_DISABLE,
  SEQUENCE_LOCK_MASK,
  SEQUENCE_LOCK_SECONDS,
} from '../primitives/lock-times.ts'
import { ok, type RejectionKind, type Result } from '../primitives/result.ts'
import type { TransactionFields } from '../primitives/transaction.ts'
import { opcodeName } from './opcode-names.ts'
import * as op from './opcodes.ts'
import type { SignatureCheck } from './schnorr.ts'
import { type ScriptError, scriptRejection } from './script-error.ts'
import { SCRIPT_VERIFY, type ScriptFlags } from './script-flags.ts'
import { decodeScriptNumber, encodeScriptNumber, isMinimalNumber, isTrue } from './script-number.ts'
import { signatureCheck } from './sighash.ts'

/** Greatest number of elements on stack and altstack together. */
const MAX_STACK_SIZE = 1_000
/** Greatest length of an element, bytes. */
const MAX_SCRIPT_ELEMENT_SIZE = 520
/** Weight units of the budget that a signature takes (BIP342, Resource limits). */
const VALIDATION_WEIGHT_PER_SIGOP = 50
/** Bytes of a number that opcodes take, and of a lock time. */
const NUMBER_BYTES = 4
const LOCK_TIME_BYTES = 5
const PUBLIC_KEY_BYTES = 32

/** A tapscript and what surrounds it. */
export interface TapscriptExecution {
  readonly script: Uint8Array
  /** The witness items under the script, bottom first. */
  readonly stack: readonly Uint8Array[]
  readonly transaction: TransactionFields
  /** The input that it unlocks. */
  readonly input: number
  /** Weight units for signatures: the bytes of the serialised witness and 50. */
  readonly validationWeight: number
  readonly flags: ScriptFlags
  /** What a signature of this hash type signs, 32 bytes; undefined where the hash type is not allowed. */
  sighash(hashType: number, codeSeparatorPosition: number): Uint8Array | undefined
}

/** RIPEMD-160 of the SHA-256 (OP_HASH160): 20 bytes. */
export function hash160(data: Uint8Array): Uint8Array {
  return ripemd160(sha256(data))
}

/** The signatures on which the success of the script depends, in the order of execution; or how it fails without them. */
export function executeTapscript(execution: TapscriptExecution): Result<readonly SignatureCheck[]> {
  const interpreter = new Interpreter(execution)
  try {
    interpreter.execute()
    return ok(interpreter.signatures)
  } catch (error) {
    if (!(error instanceof ScriptFailure)) throw error
    return scriptRejection(execution.input, error.code, interpreter.place, error.kind)
  }
}

/** Ends the execution. Never leaves this file. */
class ScriptFailure extends Error {
  readonly code: ScriptError
  readonly kind: RejectionKind

  constructor(code: ScriptError, kind: RejectionKind) {
    super(code)
    this.code = code
    this.kind = kind
  }
}

function fail(code: ScriptError): never {
  throw new ScriptFailure(code, 'invalid')
}

/** Policy alone refuses this. */
function discourage(code: ScriptError): never {
  throw new ScriptFailure(code, 'not-now')
}

const TRUE = Uint8Array.of(1)

class Interpreter {
  readonly signatures: SignatureCheck[] = []
  private readonly execution: TapscriptExecution
  private readonly reader: op.ScriptReader
  private readonly stack: Stack
  private readonly conditions = new ConditionStack()
  private readonly sighashes = new Map<number, Uint8Array>()
  /** By signature as it lies on the stack, what was collected for it last. */
  private readonly collected = new Map<Uint8Array, SignatureCheck>()
  private validationWeight: number
  /** Opcodes read before this one; -1 before the first. */
  private position = -1
  private codeSeparatorPosition = 0xffffffff

  constructor(execution: TapscriptExecution) {
    this.execution = execution
    this.reader = new op.ScriptReader(execution.script)
    this.stack = new Stack(execution.stack)
    this.validationWeight = execution.validationWeight
  }

  /** Where it stands, for people: ` at opcode 3 (OP_DUP)`, empty while no opcode is being executed. */
  get place(): string {
    return this.position < 0 ? '' : ` at opcode ${this.position} (${opcodeName(this.reader.opcode)})`
  }

  /** Core's `ExecuteWitnessScript`. */
  execute(): void {
    const { script, stack, flags } = this.execution
    if (holdsOpSuccess(script)) {
      if (flags & SCRIPT_VERIFY.DISCOURAGE_OP_SUCCESS) discourage('discourage-op-success')
      return
    }
    if (stack.length > MAX_STACK_SIZE) fail('stack-size')
    for (const element of stack) if (element.length > MAX_SCRIPT_ELEMENT_SIZE) fail('push-size')
    this.evaluate()
    this.position = -1
    if (!this.conditions.isEmpty) fail('unbalanced-conditional')
    if (this.stack.size !== 1) fail('cleanstack')
    if (!isTrue(this.stack.top(1))) fail('eval-false')
  }

  /** Core's `EvalScript`. */
  private evaluate(): void {
    const { reader, stack, conditions } = this
    while (reader.next()) {
      this.position++
      const { opcode } = reader
      if (reader.dataLength > MAX_SCRIPT_ELEMENT_SIZE) fail('push-size')
      // OP_IF to OP_ENDIF count where nothing is executed, too; so do OP_VERIF and OP_VERNOTIF, which stand between them.
      if (conditions.allTrue || (opcode >= op.OP_IF && opcode <= op.OP_ENDIF)) this.step(opcode)
      if (stack.totalSize > MAX_STACK_SIZE) fail('stack-size')
    }
  }

  /** Carries out one opcode. The checks of each case are in Core's order. */
  private step(opcode: number): void {
    const { stack, conditions } = this
    if (opcode <= op.OP_PUSHDATA4) {
      const { data } = this.reader
      if (this.requiresMinimal && !op.isMinimalPush(opcode, data)) discourage('minimaldata')
      stack.push(data)
      return
    }
    if (opcode <= op.OP_16) {
      stack.pushNumber(opcode - op.OP_1 + 1)
      return
    }
    switch (opcode) {
      // Control
      case op.OP_NOP:
        break
      case op.OP_CHECKLOCKTIMEVERIFY:
        this.checkLockTime()
        break
      case op.OP_CHECKSEQUENCEVERIFY:
        this.checkSequence()
        break
      case op.OP_NOP1:
      case op.OP_NOP4:
      case op.OP_NOP5:
      case op.OP_NOP6:
      case op.OP_NOP7:
      case op.OP_NOP8:
      case op.OP_NOP9:
      case op.OP_NOP10:
        if (this.execution.flags & SCRIPT_VERIFY.DISCOURAGE_UPGRADABLE_NOPS)
          discourage('discourage-upgradable-nops')
        break
      case op.OP_IF:
      case op.OP_NOTIF: {
        let value = false
        if (conditions.allTrue) {
          stack.need(1)
          const element = stack.pop()
          // BIP342: a rule here, where it is policy in older scripts. Another true value would let anyone change the witness.
          if (element.length > 1 || (element.length === 1 && element[0] !== 1)) fail('tapscript-minimalif')
          value = (element.length === 1) === (opcode === op.OP_IF)
        }
        conditions.push(value)
        break
      }
      case op.OP_ELSE:
        if (conditions.isEmpty) fail('unbalanced-conditional')
        conditions.toggle()
        break
      case op.OP_ENDIF:
        if (conditions.isEmpty) fail('unbalanced-conditional')
        conditions.pop()
        break
      case op.OP_VERIFY:
        stack.need(1)
        if (!isTrue(stack.pop())) fail('verify')
        break
      case op.OP_RETURN:
        fail('op-return')
        break

      // Stack
      case op.OP_TOALTSTACK:
        stack.need(1)
        stack.altstack.push(stack.pop())
        break
      case op.OP_FROMALTSTACK: {
        const element = stack.altstack.pop()
        if (!element) fail('invalid-altstack-operation')
        stack.push(element)
        break
      }
      case op.OP_2DROP:
        stack.need(2)
        stack.drop(2)
        break
      case op.OP_2DUP:
        stack.need(2)
        stack.push(stack.top(2))
        stack.push(stack.top(2))
        break
      case op.OP_3DUP:
        stack.need(3)
        stack.push(stack.top(3))
        stack.push(stack.top(3))
        stack.push(stack.top(3))
        break
      case op.OP_2OVER:
        stack.need(4)
        stack.push(stack.top(4))
        stack.push(stack.top(4))
        break
      case op.OP_2ROT:
        stack.need(6)
        stack.push(stack.remove(6))
        stack.push(stack.remove(6))
        break
      case op.OP_2SWAP:
        stack.need(4)
        stack.push(stack.remove(4))
        stack.push(stack.remove(4))
        break
      case op.OP_IFDUP:
        stack.need(1)
        if (isTrue(stack.top(1))) stack.push(stack.top(1))
        break
      case op.OP_DEPTH:
        stack.pushNumber(stack.size)
        break
      case op.OP_DROP:
        stack.need(1)
        stack.drop(1)
        break
      case op.OP_DUP:
        stack.need(1)
        stack.push(stack.top(1))
        break
      case op.OP_NIP:
        stack.need(2)
        stack.remove(2)
        break
      case op.OP_OVER:
        stack.need(2)
        stack.push(stack.top(2))
        break
      case op.OP_PICK:
      case op.OP_ROLL: {
        stack.need(2)
        const depth = this.number(1) + 1
        stack.drop(1)
        if (depth < 1 || depth > stack.size) fail('invalid-stack-operation')
        stack.push(opcode === op.OP_ROLL ? stack.remove(depth) : stack.top(depth))
        break
      }
      case op.OP_ROT:
        stack.need(3)
        stack.push(stack.remove(3))
        break
      case op.OP_SWAP:
        stack.need(2)
        stack.push(stack.remove(2))
        break
      case op.OP_TUCK: {
        stack.need(2)
        const top = stack.pop()
        const second = stack.pop()
        stack.push(top)
        stack.push(second)
        stack.push(top)
        break
      }
      case op.OP_SIZE:
        stack.need(1)
        stack.pushNumber(stack.top(1).length)
        break

      // Equality and numbers
      case op.OP_EQUAL:
      case op.OP_EQUALVERIFY: {
        stack.need(2)
        const equal = equalBytes(stack.pop(), stack.pop())
        if (opcode === op.OP_EQUAL) stack.pushBoolean(equal)
        else if (!equal) fail('equalverify')
        break
      }
      case op.OP_1ADD:
      case op.OP_1SUB:
      case op.OP_NEGATE:
      case op.OP_ABS:
      case op.OP_NOT:
      case op.OP_0NOTEQUAL: {
        stack.need(1)
        const value = this.number(1)
        stack.drop(1)
        stack.pushNumber(unaryResult(opcode, value))
        break
      }
      case op.OP_ADD:
      case op.OP_SUB:
      case op.OP_BOOLAND:
      case op.OP_BOOLOR:
      case op.OP_NUMEQUAL:
      case op.OP_NUMEQUALVERIFY:
      case op.OP_NUMNOTEQUAL:
      case op.OP_LESSTHAN:
      case op.OP_GREATERTHAN:
      case op.OP_LESSTHANOREQUAL:
      case op.OP_GREATERTHANOREQUAL:
      case op.OP_MIN:
      case op.OP_MAX: {
        stack.need(2)
        const result = binaryResult(opcode, this.number(2), this.number(1))
        stack.drop(2)
        if (opcode !== op.OP_NUMEQUALVERIFY) stack.pushNumber(result)
        else if (result === 0) fail('numequalverify')
        break
      }
      case op.OP_WITHIN: {
        stack.need(3)
        const value = this.number(3)
        const least = this.number(2)
        const limit = this.number(1)
        stack.drop(3)
        stack.pushBoolean(least <= value && value < limit)
        break
      }

      // Hashes and signatures
      case op.OP_RIPEMD160:
        stack.need(1)
        stack.push(ripemd160(stack.pop()))
        break
      case op.OP_SHA1:
        stack.need(1)
        stack.push(sha1(stack.pop()))
        break
      case op.OP_SHA256:
        stack.need(1)
        stack.push(sha256(stack.pop()))
        break
      case op.OP_HASH160:
        stack.need(1)
        stack.push(hash160(stack.pop()))
        break
      case op.OP_HASH256:
        stack.need(1)
        stack.push(sha256d(stack.pop()))
        break
      case op.OP_CODESEPARATOR:
        this.codeSeparatorPosition = this.position
        break
      case op.OP_CHECKSIG:
      case op.OP_CHECKSIGVERIFY: {
        stack.need(2)
        const success = this.checkSignature(stack.top(2), stack.top(1))
        stack.drop(2)
        if (opcode === op.OP_CHECKSIG) stack.pushBoolean(success)
        else if (!success) fail('checksigverify')
        break
      }
      case op.OP_CHECKSIGADD: {
        stack.need(3)
        const count = this.number(2)
        const success = this.checkSignature(stack.top(3), stack.top(1))
        stack.drop(3)
        stack.pushNumber(count + (success ? 1 : 0))
        break
      }
      case op.OP_CHECKMULTISIG:
      case op.OP_CHECKMULTISIGVERIFY:
        fail('tapscript-checkmultisig')
        break

      default:
        fail('bad-opcode')
    }
  }

  private get requiresMinimal(): boolean {
    return (this.execution.flags & SCRIPT_VERIFY.MINIMALDATA) !== 0
  }

  /** The number that stands there, counted from 1 at the top. */
  private number(fromTop: number, maxBytes = NUMBER_BYTES): number {
    const element = this.stack.top(fromTop)
    if (element.length > maxBytes) fail('scriptnum')
    if (this.requiresMinimal && !isMinimalNumber(element)) discourage('scriptnum')
    return decodeScriptNumber(element)
  }

  /** OP_CHECKLOCKTIMEVERIFY (BIP65). Leaves its operand. */
  private checkLockTime(): void {
    this.stack.need(1)
    const lockTime = this.number(1, LOCK_TIME_BYTES)
    if (lockTime < 0) fail('negative-locktime')
    const { transaction, input } = this.execution
    const isSameKind = lockTime < LOCK_TIME_THRESHOLD === transaction.lockTime < LOCK_TIME_THRESHOLD
    if (!isSameKind || lockTime > transaction.lockTime) fail('unsatisfied-locktime')
    // nLockTime would be void for the transaction if all its inputs were final: at least this one must not be.
    if (transaction.inputs[input].sequence === SEQUENCE_FINAL) fail('unsatisfied-locktime')
  }

  /** OP_CHECKSEQUENCEVERIFY (BIP112). Leaves its operand. */
  private checkSequence(): void {
    this.stack.need(1)
    const required = this.number(1, LOCK_TIME_BYTES)
    if (required < 0) fail('negative-locktime')
    if (required & SEQUENCE_LOCK_DISABLE) return
    const { transaction, input } = this.execution
    const { sequence } = transaction.inputs[input]
    if (transaction.version < 2 || sequence & SEQUENCE_LOCK_DISABLE) fail('unsatisfied-locktime')
    const isSameKind = ((required ^ sequence) & SEQUENCE_LOCK_SECONDS) === 0
    if (!isSameKind || (required & SEQUENCE_LOCK_MASK) > (sequence & SEQUENCE_LOCK_MASK))
      fail('unsatisfied-locktime')
  }

  /**
   * Whether the signature is there, in which case it is collected (BIP342, Rules for signature opcodes; Core's
   * `EvalChecksigTapscript`). The order is consensus: the budget is charged for keys of unknown kind too.
   */
  private checkSignature(signature: Uint8Array, publicKey: Uint8Array): boolean {
    const isSigned = signature.length > 0
    if (isSigned) {
      this.validationWeight -= VALIDATION_WEIGHT_PER_SIGOP
      if (this.validationWeight < 0) fail('tapscript-validation-weight')
    }
    if (publicKey.length === 0) fail('tapscript-empty-pubkey')
    if (publicKey.length !== PUBLIC_KEY_BYTES) {
      if (this.execution.flags & SCRIPT_VERIFY.DISCOURAGE_UPGRADABLE_PUBKEYTYPE)
        discourage('discourage-upgradable-pubkeytype')
    } else if (isSigned) {
      const check = signatureCheck(signature, publicKey, (hashType) => this.sighash(hashType))
      if (typeof check === 'string') fail(check)
      this.collect(signature, check)
    }
    return isSigned
  }

  /**
   * Adds a signature to those to be verified, unless the same one with the same key and message was the last to be added for this
   * element: a script that checks one signature 8,000 times costs one verification.
   */
  private collect(signature: Uint8Array, check: SignatureCheck): void {
    const last = this.collected.get(signature)
    if (last && last.message === check.message && equalBytes(last.publicKey, check.publicKey)) return
    this.collected.set(signature, check)
    this.signatures.push(check)
  }

  /** Hashed once for all signatures of one hash type behind one OP_CODESEPARATOR. */
  private sighash(hashType: number): Uint8Array | undefined {
    const key = this.codeSeparatorPosition * 0x100 + hashType
    let message = this.sighashes.get(key)
    if (!message) {
      message = this.execution.sighash(hashType, this.codeSeparatorPosition)
      if (message) this.sighashes.set(key, message)
    }
    return message
  }
}

/**
 * Whether an OP_SUCCESSx stands in the script, executed or not (BIP342). Nothing else matters then, not even whether the
 * script can be read behind it.
 */
function holdsOpSuccess(script: Uint8Array): boolean {
  const reader = new op.ScriptReader(script)
  while (reader.next()) if (op.isOpSuccess(reader.opcode)) return true
  if (!reader.atEnd) fail('bad-opcode')
  return false
}

function unaryResult(opcode: number, value: number): number {
  switch (opcode) {
    case op.OP_1ADD:
      return value + 1
    case op.OP_1SUB:
      return value - 1
    case op.OP_NEGATE:
      return -value
    case op.OP_ABS:
      return Math.abs(value)
    case op.OP_NOT:
      return value === 0 ? 1 : 0
    default: // OP_0NOTEQUAL
      return value === 0 ? 0 : 1
  }
}

function binaryResult(opcode: number, a: number, b: number): number {
  switch (opcode) {
    case op.OP_ADD:
      return a + b
    case op.OP_SUB:
      return a - b
    case op.OP_BOOLAND:
      return a !== 0 && b !== 0 ? 1 : 0
    case op.OP_BOOLOR:
      return a !== 0 || b !== 0 ? 1 : 0
    case op.OP_NUMEQUAL:
    case op.OP_NUMEQUALVERIFY:
      return a === b ? 1 : 0
    case op.OP_NUMNOTEQUAL:
      return a !== b ? 1 : 0
    case op.OP_LESSTHAN:
      return a < b ? 1 : 0
    case op.OP_GREATERTHAN:
      return a > b ? 1 : 0
    case op.OP_LESSTHANOREQUAL:
      return a <= b ? 1 : 0
    case op.OP_GREATERTHANOREQUAL:
      return a >= b ? 1 : 0
    case op.OP_MIN:
      return Math.min(a, b)
    default: // OP_MAX
      return Math.max(a, b)
  }
}

/** Stack and altstack. Depths count from 1 at the top. Whoever takes elements asks with `need` first whether they are there. */
class Stack {
  readonly altstack: Uint8Array[] = []
  private readonly elements: Uint8Array[]

  constructor(elements: readonly Uint8Array[]) {
    this.elements = elements.slice()
  }

  get size(): number {
    return this.elements.length
  }

  get totalSize(): number {
    return this.elements.length + this.altstack.length
  }

  need(count: number): void {
    if (this.elements.length < count) fail('invalid-stack-operation')
  }

  top(depth: number): Uint8Array {
    return this.elements[this.elements.length - depth]
  }

  push(element: Uint8Array): void {
    this.elements.push(element)
  }

  pushNumber(value: number): void {
    this.elements.push(encodeScriptNumber(value))
  }

  pushBoolean(value: boolean): void {
    this.elements.push(value ? TRUE : EMPTY)
  }

  pop(): Uint8Array {
    return this.elements.pop() as Uint8Array
  }

  drop(count: number): void {
    // Not by its length: setting that makes the engine reallocate.
    for (let i = 0; i < count; i++) this.elements.pop()
  }

  /** Takes out the element at `depth`. */
  remove(depth: number): Uint8Array {
    const { elements } = this
    const at = elements.length - depth
    const element = elements[at]
    // By hand: `splice` would allocate.
    for (let i = at + 1; i < elements.length; i++) elements[i - 1] = elements[i]
    elements.pop()
    return element
  }
}

/**
 * The values of the OP_IFs that are open. Only their number and the first false one are kept (as in Core's `ConditionStack`):
 * nothing else can be observed, and a script may open 100,000.
 */
class ConditionStack {
  private size = 0
  /** Position of the first false value; -1 where there is none. */
  private firstFalse = -1

  get isEmpty(): boolean {
    return this.size === 0
  }

  get allTrue(): boolean {
    return this.firstFalse < 0
  }

  push(value: boolean): void {
    if (this.firstFalse < 0 && !value) this.firstFalse = this.size
    this.size++
  }

  pop(): void {
    this.size--
    if (this.firstFalse === this.size) this.firstFalse = -1
  }

  /** Inverts the last value. Behind a false one it makes no difference. */
  toggle(): void {
    const last = this.size - 1
    if (this.firstFalse < 0) this.firstFalse = last
    else if (this.firstFalse === last) this.firstFalse = -1
  }
}
