/**
 * The bytes of scripts against libauth (bitcoinjs-lib's `compile` folds small numbers into opcodes, as our `pushNumber`) and addresses
 * against bitcoinjs-lib, which has bech32m from the bech32 package. Hashes against OpenSSL.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  bigIntToCompactUint,
  bigIntToVmNumber,
  decodeAuthenticationInstructions,
  encodeDataPush,
  isMinimalDataPush,
  isVmNumberError,
  stackItemIsTruthy,
  vmNumberToBigInt,
} from '@bitauth/libauth'
import * as bitcoin from 'bitcoinjs-lib'
import { bytesToHex, concatBytes, equalBytes } from '../../src/primitives/bytes.ts'
import { compactSizeLength, decodeWith, Writer } from '../../src/primitives/codec.ts'
import { sha256, sha256d, taggedHash } from '../../src/primitives/hashes.ts'
import { siphash24, siphash24Low48 } from '../../src/primitives/siphash.ts'
import {
  addressOf,
  decodeAddress,
  decodeSegwitAddress,
  encodeSegwitAddress,
} from '../../src/script/address.ts'
import * as opcodes from '../../src/script/opcodes.ts'
import { isMinimalPush, pushData, pushNumber, ScriptReader } from '../../src/script/opcodes.ts'
import {
  decodeScriptNumber,
  encodeScriptNumber,
  isMinimalNumber,
  isTrue,
} from '../../src/script/script-number.ts'
import { attempt, differential, opensslSha256, opensslSha256d } from '../support/differential.ts'
import type { Draw } from '../support/draw.ts'
import { siphashReference } from '../support/siphash-reference.ts'

test('opcodes have the numbers that they have in bitcoinjs', () => {
  const theirs = new Map(Object.entries(bitcoin.opcodes))
  const named = Object.entries(opcodes).filter(([name]) => name.startsWith('OP_'))
  for (const [name, number] of named) assert.equal(number, theirs.get(name), name)
  assert.ok(named.length > 50)
})

differential('hashes', 'SHA-256, its double and tagged hashes are those of OpenSSL', (draw) => {
  const data = draw.blob()
  const other = draw.blob()
  const tag = draw.pick([
    'TapLeaf',
    'TapBranch',
    'TapTweak',
    'TapSighash',
    'BIP0340/challenge',
    'opentab/params',
  ])
  const tagHash = opensslSha256(Buffer.from(tag))
  assert.ok(equalBytes(sha256(data), opensslSha256(data)))
  assert.ok(equalBytes(sha256d(data), opensslSha256d(data)))
  assert.ok(equalBytes(taggedHash(tag, data, other), opensslSha256(tagHash, tagHash, data, other)))
})

differential('siphash', 'both forms are those of the paper, in plain BigInt', (draw) => {
  const key = draw.bytes(16)
  const data = draw.blob().subarray(0, 300)
  const expected = siphashReference(key, data)
  assert.equal(siphash24(key, data), expected)
  assert.equal(siphash24Low48(key, data), Number(expected & 0xffffffffffffn))
})

differential('scripts', 'are read opcode by opcode, up to a push cut short, as by libauth', (draw) => {
  const script = drawScript(draw)
  const reader = new ScriptReader(script)
  const instructions = decodeAuthenticationInstructions(script)
  let atEnd = true
  for (const instruction of instructions) {
    if ('malformed' in instruction) {
      atEnd = false
      break
    }
    assert.ok(reader.next(), bytesToHex(script))
    const data = 'data' in instruction ? instruction.data : new Uint8Array(0)
    assert.equal(reader.opcode, instruction.opcode)
    assert.ok(equalBytes(reader.data, data) && reader.dataLength === data.length)
    if (!('data' in instruction)) continue
    // Of a single byte that isn't a small number libauth takes any form of push; Bitcoin Core only the one without a prefix.
    const minimal = isMinimalDataPush(reader.opcode, data) && (data.length !== 1 || reader.opcode === 1)
    assert.equal(isMinimalPush(reader.opcode, data), minimal, bytesToHex(script))
  }
  assert.equal(reader.next(), false, bytesToHex(script))
  assert.equal(reader.atEnd, atEnd, bytesToHex(script))
  return atEnd ? 'whole' : 'cut short'
})

/** Opcodes and pushes of every form, shortest or not; one in four is cut somewhere. */
function drawScript(draw: Draw): Uint8Array {
  const parts = draw.list(draw.below(8), () => {
    if (draw.oneIn(3)) return Uint8Array.of(draw.integer(0x4f, 0xff))
    const data = draw.blob().subarray(0, 600)
    const [low, high] = [data.length & 0xff, data.length >> 8]
    const form = draw.oneIn(2) ? draw.below(4) : 0
    if (form === 0) return data.length < 0x4c ? Uint8Array.of(low, ...data) : pushData(data)
    if (form === 1) return Uint8Array.of(0x4c, low, ...data.subarray(0, low))
    return Uint8Array.of(...(form === 2 ? [0x4d, low, high] : [0x4e, low, high, 0, 0]), ...data)
  })
  const script = concatBytes(...parts)
  if (draw.oneIn(8)) return draw.blob().subarray(0, 1_000)
  // A push whose length is cut short itself.
  if (draw.oneIn(8))
    return concatBytes(script, Uint8Array.of(...draw.pick([[0x4c], [0x4d, 1], [0x4e, 1, 0, 0]])))
  return draw.oneIn(4) ? script.subarray(0, draw.below(script.length + 1)) : script
}

differential('pushes', 'pushes of data are those of libauth; CompactSize is that of libauth', (draw) => {
  const data = draw.blob()
  // Libauth pushes a number from -1 to 16 by its opcode; Bitcoin Core's `CScript <<` of bytes never does.
  const isNumber =
    data.length === 0 || (data.length === 1 && ((data[0] >= 1 && data[0] <= 16) || data[0] === 0x81))
  const expected = isNumber ? Uint8Array.of(data.length, ...data) : encodeDataPush(data)
  assert.ok(equalBytes(pushData(data), expected), bytesToHex(data))
  const chunks = bitcoin.script.decompile(pushData(data)) as (number | Uint8Array)[]
  assert.equal(chunks.length, 1)

  const value = draw.oneIn(3)
    ? draw.pick([0, 252, 253, 254, 65_535, 65_536, 65_537, 2 ** 32 - 1, 2 ** 32, Number.MAX_SAFE_INTEGER])
    : Number(draw.bits(53))
  const bytes = new Writer().compactSize(value).finish()
  assert.ok(equalBytes(bytes, bigIntToCompactUint(BigInt(value))))
  assert.equal(compactSizeLength(value), bytes.length)
  const read = decodeWith(bytes, 'test', (reader) => reader.compactSize())
  assert.equal(read.ok && read.value, value)
})

differential('script numbers', 'numbers and their pushes are those of libauth and bitcoinjs', (draw) => {
  const magnitude = draw.bits(53)
  const edge = draw.oneIn(3) ? 1n << BigInt(draw.below(53)) : magnitude
  const signed = (draw.oneIn(2) ? edge : magnitude) * (draw.oneIn(2) ? 1n : -1n) - (draw.oneIn(3) ? 1n : 0n)
  const value = Number(signed)
  if (!Number.isSafeInteger(value)) return 'beyond 2^53, left out'
  const encoded = encodeScriptNumber(value)
  assert.ok(equalBytes(encoded, bigIntToVmNumber(signed)), `${value}`)
  assert.equal(vmNumberToBigInt(encoded, { maximumVmNumberByteLength: 8 }), signed)
  // Bitcoinjs keeps numbers of at most 31 bits.
  if (Math.abs(value) < 2 ** 31) {
    assert.ok(equalBytes(encoded, bitcoin.script.number.encode(value)))
    assert.ok(equalBytes(pushNumber(value), bitcoin.script.compile([encoded])), `${value}`)
  }
  return undefined
})

differential(
  'elements',
  'what bytes mean as numbers and truth values is what it means to libauth',
  (draw) => {
    const bytes = draw.bytes(draw.below(7))
    // Ends that decide about signs and padding.
    if (bytes.length > 0 && draw.oneIn(2)) bytes[bytes.length - 1] = draw.pick([0, 0x80, 0x7f, 0xff, 1, 0x81])
    if (bytes.length > 1 && draw.oneIn(2)) bytes.fill(draw.pick([0, 0x7f, 0x80]), 0, bytes.length - 1)
    const anyForm = vmNumberToBigInt(bytes, { maximumVmNumberByteLength: 6, requireMinimalEncoding: false })
    const shortest = vmNumberToBigInt(bytes, { maximumVmNumberByteLength: 6, requireMinimalEncoding: true })
    assert.equal(BigInt(decodeScriptNumber(bytes)), anyForm, bytesToHex(bytes))
    assert.equal(isMinimalNumber(bytes), !isVmNumberError(shortest), bytesToHex(bytes))
    assert.equal(isTrue(bytes), stackItemIsTruthy(bytes), bytesToHex(bytes))
  },
)

const PREFIXES = ['tab', 'tabrt', 'a', 'zzzzzzzzzzzzzzzz']

/** Any witness program that BIP141 has. */
function drawProgram(draw: Draw): { version: number; program: Uint8Array } {
  const version = draw.oneIn(2) ? 1 : draw.below(17)
  if (version === 0) return { version, program: draw.bytes(draw.pick([20, 32])) }
  return { version, program: draw.bytes(draw.oneIn(2) ? 32 : draw.integer(2, 40)) }
}

differential('addresses', 'are those of bitcoinjs, with the prefix of any network', (draw) => {
  const prefix = draw.pick(PREFIXES)
  const { version, program } = drawProgram(draw)
  const text = bitcoin.address.toBech32(program, version, prefix)
  assert.equal(encodeSegwitAddress({ prefix, version, program }), text)
  const written = draw.oneIn(4) ? text.toUpperCase() : text
  const decoded = decodeSegwitAddress(written)
  assert.ok(decoded.ok, text)
  assert.deepEqual(
    [decoded.value.prefix, decoded.value.version, bytesToHex(decoded.value.program)],
    [prefix, version, bytesToHex(program)],
  )
  // Of these our networks know one kind.
  const isTaproot = version === 1 && program.length === 32
  const script = decodeAddress(written, prefix)
  assert.equal(script.ok, isTaproot)
  if (!script.ok) return 'of other kinds'
  const expected = concatBytes(Uint8Array.of(0x51, 0x20), program)
  assert.ok(equalBytes(script.value, expected))
  assert.equal(addressOf(expected, prefix), text)
  return 'P2TR'
})

differential('corrupted addresses', 'are accepted and refused as by bitcoinjs', (draw) => {
  const { version, program } = drawProgram(draw)
  let text = bitcoin.address.toBech32(program, version, draw.pick(PREFIXES))
  do {
    const at = draw.below(text.length)
    const [before, after] = [text.slice(0, at), text.slice(at)]
    const character = draw.pick([...'qpzry9x8gf2tvdw0s3jn54khce6mua7l1boi'])
    text = draw.pick([
      before + after.slice(1),
      before + character + after.slice(1),
      before + character + after,
      before + after.toUpperCase(),
      encodeMismatched(draw),
    ])
  } while (draw.oneIn(3))
  const theirs = attempt(() => bitcoin.address.fromBech32(text))
  const ours = decodeSegwitAddress(text)
  // Bitcoinjs leaves the length of the program and the range of its version to its callers; these are BIP141's.
  const { version: v = 0, data = new Uint8Array(0) } = theirs ?? {}
  const fits = v === 0 ? [20, 32].includes(data.length) : v <= 16 && data.length >= 2 && data.length <= 40
  assert.equal(ours.ok, theirs !== undefined && fits, text)
  if (!ours.ok) return 'refused'
  assert.deepEqual([ours.value.version, ours.value.prefix], [v, theirs?.prefix])
  assert.ok(equalBytes(ours.value.program, data))
  return 'accepted'
})

/** A program that its version does not have, or does, under a checksum that is right. */
function encodeMismatched(draw: Draw): string {
  const program = draw.bytes(draw.pick([1, 2, 20, 31, 32, 40, 41, 42]))
  return bitcoin.address.toBech32(program, draw.below(17), 'tab')
}
