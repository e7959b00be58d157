/**
 * Transactions drawn for differential tests, in numbers and bytes that belong to neither side. They need not be valid: any that has an
 * input can be serialised, and every decoder must read it the same.
 */
import * as bitcoin from 'bitcoinjs-lib'
import type { Draw } from './draw.ts'

export interface DrawnTransaction {
  readonly version: number
  readonly inputs: readonly {
    /** Internal order. */
    readonly txid: Uint8Array
    readonly index: number
    readonly scriptSig: Uint8Array
    readonly sequence: number
    readonly witness: readonly Uint8Array[]
  }[]
  /** Values are any 64 signed bits. */
  readonly outputs: readonly { readonly value: bigint; readonly script: Uint8Array }[]
  readonly lockTime: number
}

/** One transaction: one in forty has lists on both sides of 253, one in thirty is a coinbase. */
export function drawTransaction(draw: Draw): DrawnTransaction {
  const witnessed = !draw.oneIn(4)
  const coinbase = draw.oneIn(30)
  const inputs = draw.list(coinbase ? 1 : listLength(draw, 1), () => ({
    txid: coinbase ? new Uint8Array(32) : draw.bytes(32),
    index: coinbase ? 0xffffffff : draw.anyU32(),
    scriptSig: draw.oneIn(4) ? draw.blob() : new Uint8Array(0),
    sequence: draw.anyU32(),
    witness: witnessed && !draw.oneIn(3) ? drawWitness(draw) : [],
  }))
  const outputs = draw.list(listLength(draw, 0), () => ({ value: drawValue(draw), script: drawScript(draw) }))
  return { version: draw.anyU32(), inputs, outputs, lockTime: draw.anyU32() }
}

/** The same in bitcoinjs-lib. */
export function toBitcoinjs(drawn: DrawnTransaction): bitcoin.Transaction {
  const transaction = new bitcoin.Transaction()
  transaction.version = drawn.version
  transaction.locktime = drawn.lockTime
  for (const { txid, index, scriptSig, sequence, witness } of drawn.inputs)
    transaction.ins.push({ hash: txid, index, script: scriptSig, sequence, witness: [...witness] })
  for (const { value, script } of drawn.outputs) transaction.outs.push({ value, script })
  return transaction
}

/** Bytes of a valid encoding with one accident, or a few: to bits, to lengths, to a CompactSize. */
export function corrupt(draw: Draw, bytes: Uint8Array): Uint8Array {
  let result = bytes
  do result = accident(draw, result)
  while (draw.oneIn(4))
  return result
}

function accident(draw: Draw, bytes: Uint8Array): Uint8Array {
  // Counts and flags stand near the beginning, and there most of the structure is decided: the first count at 4 or 6.
  const at = draw.oneIn(3)
    ? draw.pick([4, 5, 6])
    : draw.below(draw.oneIn(2) ? Math.min(bytes.length, 60) : bytes.length)
  const splice = (remove: number, ...add: number[]) =>
    Uint8Array.from([...bytes.subarray(0, at), ...add, ...bytes.subarray(at + remove)])
  switch (draw.below(12)) {
    case 0:
      return splice(1, bytes[at] ^ (1 << draw.below(8)))
    case 1:
      return splice(1, draw.pick([0, 1, 2, 0x7f, 0x80, 0xfc, 0xfd, 0xfe, 0xff]))
    case 2:
      return splice(draw.integer(1, 4))
    case 3:
      return splice(0, ...draw.bytes(draw.integer(1, 4)))
    case 4:
      return bytes.subarray(0, at)
    case 5:
      return Uint8Array.from([...bytes, ...draw.bytes(draw.integer(1, 4))])
    case 6:
      // A CompactSize that is longer than it need be, where one stands.
      return draw.oneIn(2) ? splice(1, 0xfd, bytes[at], 0) : splice(1, 0xfe, bytes[at], 0, 0, 0)
    case 7:
      // Marker and flag come or go.
      return draw.oneIn(2)
        ? Uint8Array.from([...bytes.subarray(0, 4), 0, draw.below(4), ...bytes.subarray(4)])
        : Uint8Array.from([...bytes.subarray(0, 4), ...bytes.subarray(6)])
    default: {
      const anywhere = draw.below(bytes.length)
      return bytes.with(anywhere, bytes[anywhere] ^ (1 << draw.below(8)))
    }
  }
}

function listLength(draw: Draw, least: number): number {
  return draw.oneIn(40) ? draw.integer(251, 255) : draw.integer(least, 4)
}

function drawWitness(draw: Draw): Uint8Array[] {
  if (draw.oneIn(100)) return draw.list(draw.integer(251, 255), () => new Uint8Array(0))
  const items = draw.list(draw.integer(1, 4), () => draw.blob())
  // An annex (BIP341).
  return draw.oneIn(6) ? [...items, Uint8Array.of(0x50, ...draw.blob().subarray(0, 300))] : items
}

function drawValue(draw: Draw): bigint {
  if (draw.oneIn(8))
    return draw.pick([
      0n,
      -1n,
      2n ** 63n - 1n,
      -(2n ** 63n),
      2n ** 53n,
      2n ** 53n - 1n,
      2_100_000_000_000_000n,
    ])
  return draw.bits(51)
}

function drawScript(draw: Draw): Uint8Array {
  return draw.oneIn(2) ? Uint8Array.of(0x51, 32, ...draw.bytes(32)) : draw.blob()
}
