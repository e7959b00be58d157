/** What is fuzzed of the interpreter of tapscript, and of the verification of an input as a whole. */
import assert from 'node:assert/strict'
import { schnorr } from '@noble/curves/secp256k1.js'
import { sats } from '../../src/primitives/amount.ts'
import { concatBytes, EMPTY } from '../../src/primitives/bytes.ts'
import { DecodeError, Reader, Writer } from '../../src/primitives/codec.ts'
import type { Result } from '../../src/primitives/result.ts'
import { Transaction } from '../../src/primitives/transaction.ts'
import { packOutputs } from '../../src/script/input-check.ts'
import { executeTapscript } from '../../src/script/interpreter.ts'
import { pushData, pushNumber } from '../../src/script/opcodes.ts'
import type { SignatureCheck } from '../../src/script/schnorr.ts'
import { STANDARD_SCRIPT_FLAGS } from '../../src/script/script-flags.ts'
import { SighashCache } from '../../src/script/sighash.ts'
import { p2trScript, tapLeafHash, taprootOutputKey } from '../../src/script/taproot.ts'
import { collectSignatures } from '../../src/script/verify-input.ts'
import type { Target } from './fuzzer.ts'

const ITEMS = [
  EMPTY,
  Uint8Array.of(1),
  new Uint8Array(64).fill(1),
  new Uint8Array(65).fill(1),
  new Uint8Array(32).fill(2),
]
const NUMBERS = [-1, 0, 1, 2, 127, 128, 255, 256, 500_000_000, 0x7fffffff, 0x80000000, 0x400001]
const DICTIONARY = [
  ...ITEMS.map(pushData),
  ...NUMBERS.map(pushNumber),
  // IF ELSE ENDIF, NOTIF ENDIF, and pairs that pass elements on.
  ...[
    [0x63, 0x67, 0x68],
    [0x64, 0x68],
    [0x6b, 0x6c],
    [0x76, 0xac],
    [0x87, 0x69],
    [0xba],
    [0xab],
    [0xb1],
    [0xb2],
  ].map((bytes) => Uint8Array.from(bytes)),
]

interface Execution {
  readonly transaction: Transaction
  readonly stack: readonly Uint8Array[]
  readonly script: Uint8Array
}

/** Reads an input: version 1 byte, lock time 4, sequence 4, witness items as BIP144 has them; the last is the script. */
function executionOf(input: Uint8Array): Execution | undefined {
  try {
    const reader = new Reader(input)
    const version = reader.u8()
    const lockTime = reader.u32()
    const sequence = reader.u32()
    const items = Array.from({ length: reader.count(1) }, () => reader.varBytes())
    const script = reader.take(reader.remaining)
    return { transaction: spendOf(version, lockTime, sequence, [...items, script]), stack: items, script }
  } catch (error) {
    if (error instanceof DecodeError) return undefined
    throw error
  }
}

function spendOf(
  version: number,
  lockTime: number,
  sequence: number,
  witness: readonly Uint8Array[],
): Transaction {
  const prevout = { txid: new Uint8Array(32).fill(9), index: 1 }
  return Transaction.of({
    version,
    lockTime,
    inputs: [{ prevout, scriptSig: EMPTY, sequence, witness }],
    outputs: [{ value: sats(7), scriptPubKey: p2trScript(new Uint8Array(32).fill(8)) }],
  })
}

function encoded(
  version: number,
  lockTime: number,
  sequence: number,
  items: readonly Uint8Array[],
  script: readonly number[],
): Uint8Array {
  const writer = new Writer().u8(version).u32(lockTime).u32(sequence).compactSize(items.length)
  for (const item of items) writer.varBytes(item)
  return writer.put(Uint8Array.from(script)).finish()
}

/** Policy refuses more than consensus, and differs in nothing else. */
function checkFlags(
  consensus: Result<readonly SignatureCheck[]>,
  policy: Result<readonly SignatureCheck[]>,
): void {
  if (!consensus.ok) assert.equal(consensus.kind, 'invalid')
  if (policy.ok || policy.kind === 'invalid') assert.deepEqual(policy, consensus)
  else assert.equal(policy.kind, 'not-now')
}

const signature = new Uint8Array(64).fill(1)
const key = [...pushData(new Uint8Array(32).fill(2))]

/** What one leaf, spent by its only path, is committed to by. */
function committed(
  script: Uint8Array,
  leafVersion: number,
): { outputKey: Uint8Array; controlBlock: Uint8Array } {
  const internalKey = schnorr.getPublicKey(new Uint8Array(32).fill(1))
  const tweaked = taprootOutputKey(internalKey, tapLeafHash(script, leafVersion))
  if (!tweaked) throw new Error('no output key')
  const controlBlock = concatBytes(Uint8Array.of(leafVersion | (tweaked.oddY ? 1 : 0)), internalKey)
  return { outputKey: tweaked.outputKey, controlBlock }
}
const leafScript = Uint8Array.from([...key, 0xac])
const { outputKey, controlBlock } = committed(leafScript, 0xc0)
const spentOutputs = packOutputs([{ value: sats(9), scriptPubKey: p2trScript(outputKey) }])

function witnessBytes(items: readonly Uint8Array[]): Uint8Array {
  const writer = new Writer().compactSize(items.length)
  for (const item of items) writer.varBytes(item)
  return writer.finish()
}

export const SCRIPT_TARGETS: readonly Target[] = [
  {
    name: 'script',
    examples: [
      encoded(2, 500, 10, [signature], [...key, 0xac]),
      encoded(2, 500, 10, [Uint8Array.of(1)], [0x63, 0x51, 0x67, 0x00, 0x68]),
      encoded(2, 500, 10, [], [0x02, 0xf4, 0x01, 0xb1, 0x75, 0x5a, 0xb2]),
      encoded(2, 500, 10, [EMPTY, signature], [...key, 0xac, 0x7c, ...key, 0xba, 0x51, 0x9c]),
      encoded(2, 500, 10, [], [0x52, 0x53, 0x93, 0x55, 0x87, 0xab, 0x76, 0xa9, 0x82, 0x77, 0x75]),
      encoded(1, 0, 0xffffffff, [], [0x50]),
      // The dearest that there is: zeros that OP_IFDUP reads to their end, and equal elements.
      encoded(2, 0, 0, [new Uint8Array(520)], new Array(100).fill(0x73)),
      encoded(
        2,
        0,
        0,
        [new Uint8Array(520).fill(1)],
        [0x76, ...new Array(40).fill([0x6e, 0x87, 0x75]).flat()],
      ),
    ],
    dictionary: DICTIONARY,
    maxLength: 700,
    share: 8,
    // An opcode reads at most 520 bytes, in four steps each, and a script is run twice here.
    bound: (input) => 5_000 + 2 * 4 * 520 * input.length,
    run(input) {
      const execution = executionOf(input)
      if (!execution) return false
      const sighashes = new SighashCache(execution.transaction, spentOutputs)
      const common = {
        ...execution,
        input: 0,
        validationWeight: 50 + input.length,
        sighash: (hashType: number, codeSeparatorPosition: number) =>
          sighashes.sighash(0, hashType, undefined, { leafHash: outputKey, codeSeparatorPosition }),
      }
      const verdict = executeTapscript({ ...common, flags: 0 })
      checkFlags(verdict, executeTapscript({ ...common, flags: STANDARD_SCRIPT_FLAGS }))
      if (verdict.ok) assert.ok(verdict.value.length * 50 <= common.validationWeight)
      return verdict.ok
    },
  },
  {
    name: 'witness',
    examples: [
      witnessBytes([signature]),
      witnessBytes([signature, Uint8Array.of(0x50, 7)]),
      witnessBytes([signature, leafScript, controlBlock]),
      witnessBytes([signature, leafScript, controlBlock, Uint8Array.of(0x50)]),
    ],
    dictionary: [Uint8Array.of(0x50), Uint8Array.of(0), controlBlock, leafScript, new Uint8Array(32)],
    maxLength: 400,
    // A control block of the right size costs a point of the curve.
    share: 0.3,
    bound: (input) => 8_000 + 2_000 * input.length,
    run(input) {
      const reader = new Reader(input)
      let items: Uint8Array[]
      try {
        items = Array.from({ length: reader.count(1) }, () => reader.varBytes())
        reader.end()
      } catch (error) {
        if (error instanceof DecodeError) return false
        throw error
      }
      const sighashes = new SighashCache(spendOf(2, 0, 5, items), spentOutputs)
      const verdict = collectSignatures(sighashes, 0)
      checkFlags(verdict, collectSignatures(sighashes, 0, STANDARD_SCRIPT_FLAGS))
      return verdict.ok
    },
  },
]
