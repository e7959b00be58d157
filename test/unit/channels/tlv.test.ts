/**
 * Promise: BigSize, truncated integers and TLV streams are those of BOLT 1: its appendices A and B, every refusal that they list, and the
 * inverse of encoding over drawn values.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { MAX_MSAT, msat } from '../../../src/channels/amount.ts'
import { shortChannelId } from '../../../src/channels/short-channel-id.ts'
import {
  BYTES,
  bytesOf,
  POINT,
  SHORT_CHANNEL_ID,
  TU16,
  TU32,
  TU64,
  TU64_MSAT,
  tlvField,
  tlvStream,
} from '../../../src/channels/tlv.ts'
import { decodeWire, WireWriter } from '../../../src/channels/wire.ts'
import { bytesToHex, equalBytes, hexToBytes } from '../../../src/primitives/bytes.ts'
import { damage, damaged } from '../../support/damage.ts'

const A_POINT = '023da092f6980e58d2c037173180e9a465476026ee50f96695963e8efe436f54eb'

/** The two streams of BOLT 1, appendix B. */
const n1 = tlvStream({
  tlv1: tlvField(1, TU64_MSAT),
  tlv2: tlvField(2, SHORT_CHANNEL_ID),
  tlv3: tlvField(3, {
    read: (reader) => ({ nodeId: reader.point(), first: reader.msat(), second: reader.msat() }),
    write: (writer, { nodeId, first, second }: { nodeId: Uint8Array; first: number; second: number }) =>
      writer.put(nodeId).safeU64(first).safeU64(second),
  }),
  tlv4: tlvField(254, {
    read: (reader) => reader.u16(),
    write: (writer, value: number) => writer.u16(value),
  }),
})
const n2 = tlvStream({ tlv1: tlvField(0, TU64), tlv2: tlvField(11, TU32) })

function hex(text: string): Uint8Array {
  return hexToBytes(text.replaceAll(' ', ''))
}

test('BigSize: appendix A', () => {
  const values: readonly (readonly [bigint, string])[] = [
    [0n, '00'],
    [252n, 'fc'],
    [253n, 'fd00fd'],
    [65535n, 'fdffff'],
    [65536n, 'fe00010000'],
    [4294967295n, 'feffffffff'],
    [4294967296n, 'ff0000000100000000'],
    [18446744073709551615n, 'ffffffffffffffffff'],
  ]
  for (const [value, encoded] of values) {
    assert.equal(bytesToHex(new WireWriter().bigSize(value).finish()), encoded)
    assert.deepEqual(
      decodeWire(hex(encoded), 'x', (reader) => reader.bigSize()),
      { ok: true, value },
    )
    // What `Reader` and `Writer` call CompactSize is the same here, up to what a number holds.
    const small = decodeWire(hex(encoded), 'x', (reader) => reader.compactSize())
    assert.equal(small.ok ? BigInt(small.value) : undefined, value < 2n ** 53n ? value : undefined)
    if (value < 2n ** 53n)
      assert.equal(bytesToHex(new WireWriter().compactSize(Number(value)).finish()), encoded)
  }
  for (const wrong of 'fd00fc fe0000ffff ff00000000ffffffff fd00 feffff ffffffffff fd fe ff'.split(' '))
    for (const read of ['bigSize', 'compactSize'] as const)
      assert(!decodeWire(hex(wrong), 'x', (reader) => reader[read]()).ok, wrong)
})

test('TLV streams: what appendix B refuses', () => {
  const inBoth = [
    'fd',
    'fd01',
    'fd0001 00',
    'fd0101',
    '0f fd',
    '0f fd26',
    '0f fd2602',
    '0f fd0001 00',
    `0f fd0201 ${'00'.repeat(256)}`,
    '12 00',
    'fd0102 00',
    'fe01000002 00',
    'ff0100000000000002 00',
  ]
  const inN1 = [
    '01 09 ffffffffffffffffff',
    '01 01 00',
    '01 02 0001',
    '01 03 000100',
    '01 04 00010000',
    '01 05 0001000000',
    '01 06 000100000000',
    '01 07 00010000000000',
    '01 08 0001000000000000',
    '02 07 01010101010101',
    '02 09 010101010101010101',
    `03 21 ${A_POINT}`,
    `03 29 ${A_POINT}0000000000000001`,
    `03 30 ${A_POINT}000000000000000100000000000001`,
    `03 31 04${A_POINT.slice(2)}00000000000000010000000000000002`,
    `03 32 ${A_POINT}0000000000000001000000000000000001`,
    'fd00fe 00',
    'fd00fe 01 01',
    'fd00fe 03 010101',
    '00 00',
    '02 08 0000000000000226 01 01 2a',
    '02 08 0000000000000231 02 08 0000000000000451',
    '1f 00 0f 01 2a',
    '1f 00 1f 01 2a',
  ]
  const refused = (bytes: string, stream: typeof n1 | typeof n2): void =>
    assert(!decodeWire(hex(bytes), 'x', (reader): unknown => stream.read(reader)).ok, bytes)
  for (const bytes of inBoth) {
    refused(bytes, n1)
    refused(bytes, n2)
  }
  for (const bytes of inN1) refused(bytes, n1)
  refused('ffffffffffffffffff 00 00 00', n2)
  // Ours: nothing here counts beyond 2^53.
  refused('01 08 0100000000000000', n1)
})

test('TLV streams: what appendix B accepts', () => {
  for (const bytes of [
    '',
    '21 00',
    'fd0201 00',
    'fd00fd 00',
    'fd00ff 00',
    'fe02000001 00',
    'ff0200000000000001 00',
  ])
    for (const stream of [n1, n2])
      assert.deepEqual(
        decodeWire(hex(bytes), 'x', (reader): unknown => stream.read(reader)),
        { ok: true, value: {} },
      )
  const holds = (bytes: string, value: unknown): void => {
    const decoded = decodeWire(hex(bytes), 'x', n1.read)
    assert.deepEqual(decoded, { ok: true, value })
    assert(decoded.ok)
    assert.equal(bytesToHex(n1.encode(decoded.value)), bytesToHex(hex(bytes)))
  }
  holds('01 00', { tlv1: 0 })
  for (let length = 1; length <= 7; length++)
    holds(`01 0${length} 01${'00'.repeat(length - 1)}`, { tlv1: 256 ** (length - 1) })
  holds('02 08 0000000000000226', { tlv2: '0x0x550' })
  holds(`03 31 ${A_POINT}00000000000000010000000000000002`, {
    tlv3: { nodeId: hexToBytes(A_POINT), first: 1, second: 2 },
  })
  holds('fd00fe 02 0226', { tlv4: 550 })
})

test('TLV streams: decoding is the inverse of encoding, and only canonical bytes decode', () => {
  const stream = tlvStream({
    odd: tlvField(1, BYTES),
    small: tlvField(2, TU16),
    secret: tlvField(4, bytesOf(32)),
    point: tlvField(252, POINT),
    amount: tlvField(2n ** 60n, TU64_MSAT),
    channel: tlvField(254, SHORT_CHANNEL_ID),
  })
  const values = fc.record(
    {
      odd: fc.uint8Array({ maxLength: 300 }),
      small: fc.integer({ min: 0, max: 0xffff }),
      secret: fc.uint8Array({ minLength: 32, maxLength: 32 }),
      point: fc.constant(hexToBytes(A_POINT)),
      amount: fc.integer({ min: 0, max: MAX_MSAT }).map(msat),
      channel: fc
        .record({
          height: fc.integer({ min: 0, max: 0xffffff }),
          position: fc.integer({ min: 0, max: 0xffffff }),
          output: fc.integer({ min: 0, max: 0xffff }),
        })
        .map(shortChannelId),
    },
    { requiredKeys: [], noNullPrototype: true },
  )
  fc.assert(
    fc.property(values, damage, (value, harm) => {
      const bytes = stream.encode(value)
      assert.deepEqual(decodeWire(bytes, 'x', stream.read), { ok: true, value })
      const other = damaged(bytes, harm)
      const decoded = decodeWire(other, 'x', stream.read)
      // A damaged record may have become one of an odd type, which is dropped: then less is written than was read.
      if (decoded.ok) {
        const again = stream.encode(decoded.value)
        assert(again.length < other.length || equalBytes(again, other))
      }
    }),
    { numRuns: 300 },
  )
})
