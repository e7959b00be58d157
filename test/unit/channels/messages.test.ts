/** Promise: a message is read as it was written; what is malformed is refused with a code, and nothing throws. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { msat } from '../../../src/channels/amount.ts'
import { perCommitmentPoint } from '../../../src/channels/keys.ts'
import {
  type ChannelId,
  type ChannelMessage,
  channelIdOf,
  decodeMessage,
  encodeMessage,
  isChannelMessage,
  MAX_MESSAGE_BYTES,
  ONION_BYTES,
} from '../../../src/channels/messages.ts'
import type { ShortChannelId } from '../../../src/channels/short-channel-id.ts'
import { sats } from '../../../src/primitives/amount.ts'
import { bytesToHex, concatBytes } from '../../../src/primitives/bytes.ts'
import { sha256, type Txid } from '../../../src/primitives/hashes.ts'
import { Draw } from '../../support/draw.ts'
import { codeOf, value } from '../../support/wallets.ts'

const POINTS = Array.from({ length: 8 }, (_, at) => perCommitmentPoint(sha256(Uint8Array.of(at))))

function messages(draw: Draw): ChannelMessage[] {
  const point = () => draw.pick(POINTS)
  const nonce = () => concatBytes(point(), point())
  const id = bytesToHex(draw.bytes(32)) as ChannelId
  const txid = bytesToHex(draw.bytes(32)) as Txid
  const maybe = <T>(make: () => T) => (draw.oneIn(2) ? make() : undefined)
  const signature = () => ({ partialSignature: draw.bytes(32), nonce: nonce() })
  const terms = () => ({
    temporaryChannelId: id,
    dustLimit: sats(draw.below(1_000)),
    maxHtlcValueInFlight: msat(Number(draw.bits(53))),
    channelReserve: sats(draw.below(1_000_000)),
    htlcMinimum: msat(draw.below(1_000)),
    toSelfDelay: draw.below(65_536),
    maxAcceptedHtlcs: draw.below(484),
    fundingPublicKey: point(),
    revocationBasepoint: point(),
    paymentBasepoint: point(),
    delayedPaymentBasepoint: point(),
    htlcBasepoint: point(),
    firstPerCommitmentPoint: point(),
    upfrontShutdownScript: maybe(() => draw.bytes(34)),
    channelType: maybe(() => draw.bytes(11)),
    nextLocalNonce: maybe(nonce),
  })
  const closing = {
    channelId: id,
    closerScript: draw.bytes(34),
    closeeScript: draw.bytes(34),
    fee: sats(draw.below(10_000)),
    lockTime: draw.u32(),
  }
  return [
    { type: 'warning', channelId: id, text: 'careful' },
    { type: 'error', channelId: id, text: '' },
    {
      type: 'open_channel',
      ...terms(),
      chainHash: draw.bytes(32),
      fundingAmount: sats(Number(draw.bits(53))),
      pushAmount: msat(draw.below(1_000)),
      feerate: draw.u32(),
      channelFlags: draw.below(256),
    },
    { type: 'accept_channel', ...terms(), minimumDepth: draw.u32() },
    {
      type: 'funding_created',
      temporaryChannelId: id,
      fundingTxid: txid,
      fundingOutput: draw.below(65_536),
      signature: maybe(signature),
    },
    { type: 'funding_signed', channelId: id, signature: maybe(signature) },
    {
      type: 'channel_ready',
      channelId: id,
      secondPerCommitmentPoint: point(),
      alias: maybe(() => '5x6x7' as ShortChannelId),
      nextLocalNonce: maybe(nonce),
    },
    { type: 'shutdown', channelId: id, script: draw.bytes(draw.below(80)), nonce: maybe(nonce) },
    {
      type: 'closing_complete',
      ...closing,
      signatures: { closerOnly: maybe(signature), closeeOnly: maybe(signature), both: maybe(signature) },
    },
    {
      type: 'closing_sig',
      ...closing,
      signatures: {
        closerOnly: maybe(() => draw.bytes(32)),
        closeeOnly: maybe(() => draw.bytes(32)),
        both: maybe(() => draw.bytes(32)),
      },
      nextCloseeNonce: maybe(nonce),
    },
    {
      type: 'update_add_htlc',
      channelId: id,
      id: Number(draw.bits(53)),
      amount: msat(Number(draw.bits(53))),
      paymentHash: draw.bytes(32),
      expiry: draw.u32(),
      onion: draw.bytes(ONION_BYTES),
      pathKey: maybe(point),
    },
    { type: 'update_fulfill_htlc', channelId: id, id: draw.u32(), preimage: draw.bytes(32) },
    { type: 'update_fail_htlc', channelId: id, id: draw.u32(), reason: draw.bytes(draw.below(300)) },
    {
      type: 'update_fail_htlc',
      channelId: id,
      id: draw.u32(),
      reason: draw.bytes(292),
      attribution: draw.bytes(920),
    },
    {
      type: 'update_fail_malformed_htlc',
      channelId: id,
      id: draw.u32(),
      onionHash: draw.bytes(32),
      failureCode: draw.below(65_536),
    },
    { type: 'update_fee', channelId: id, feerate: draw.u32() },
    {
      type: 'commitment_signed',
      channelId: id,
      htlcSignatures: draw.list(draw.below(5), () => draw.bytes(64)),
      fundingTxid: maybe(() => txid),
      signature: maybe(signature),
    },
    {
      type: 'revoke_and_ack',
      channelId: id,
      perCommitmentSecret: draw.bytes(32),
      nextPerCommitmentPoint: point(),
      nextLocalNonces: maybe(() => new Map([[txid, nonce()]])),
    },
    {
      type: 'announcement_signatures',
      channelId: id,
      shortChannelId: '700x3x1' as ShortChannelId,
      nodeSignature: draw.bytes(64),
      fundingSignature: draw.bytes(64),
    },
    {
      type: 'channel_reestablish',
      channelId: id,
      nextCommitmentNumber: Number(draw.bits(48)),
      nextRevocationNumber: Number(draw.bits(48)),
      yourLastPerCommitmentSecret: draw.bytes(32),
      myCurrentPerCommitmentPoint: point(),
      nextLocalNonces: maybe(() => new Map([[txid, nonce()]])),
    },
  ]
}

/** Without fields that are undefined. */
function plain(message: unknown): unknown {
  if (message instanceof Map) return [...message].map(plain)
  if (message instanceof Uint8Array) return bytesToHex(message)
  if (Array.isArray(message)) return message.map(plain)
  if (typeof message !== 'object' || message === null) return message
  return Object.fromEntries(
    Object.entries(message).flatMap(([name, field]) => (field === undefined ? [] : [[name, plain(field)]])),
  )
}

test('what is written is read', () => {
  const draw = new Draw('messages')
  for (let round = 0; round < 20; round++)
    for (const message of messages(draw)) {
      const bytes = encodeMessage(message)
      assert.ok(isChannelMessage(bytes[0] * 256 + bytes[1]))
      assert.deepEqual(plain(value(decodeMessage(bytes))), plain(message))
      assert.deepEqual(encodeMessage(value(decodeMessage(bytes))), bytes)
    }
})

test('numbers are those of the BOLTs', () => {
  const numbers = messages(new Draw('numbers')).map((message) => {
    const bytes = encodeMessage(message)
    return bytes[0] * 256 + bytes[1]
  })
  assert.deepEqual(
    numbers,
    [1, 17, 32, 33, 34, 35, 36, 38, 40, 41, 128, 130, 131, 131, 135, 134, 132, 133, 259, 136],
  )
})

test('a shorter message, and one with a record of an unknown even type, are refused; an odd one is passed over', () => {
  const draw = new Draw('short')
  for (const message of messages(draw)) {
    const bytes = encodeMessage(message)
    // What is cut off in a TLV stream's first records may leave a whole stream.
    for (let length = 0; length < bytes.length; length++) {
      const cut = decodeMessage(bytes.subarray(0, length))
      if (cut.ok) assert.deepEqual(encodeMessage(cut.value), bytes.slice(0, length))
    }
    assert.equal(codeOf(decodeMessage(bytes.subarray(0, 20))), 'message-malformed')
    const even = concatBytes(bytes, Uint8Array.of(0xfd, 0x01, 0x00, 1, 9))
    assert.equal(codeOf(decodeMessage(even)), 'message-malformed')
    const odd = concatBytes(bytes, Uint8Array.of(0xfd, 0x01, 0x01, 1, 9))
    assert.deepEqual(plain(value(decodeMessage(odd))), plain(message))
  }
})

test('what is damaged is refused or is another message, and nothing throws', () => {
  const draw = new Draw('damage')
  for (let round = 0; round < 60; round++)
    for (const message of messages(draw)) {
      const bytes = encodeMessage(message).slice()
      for (let flips = draw.integer(1, 3); flips > 0; flips--)
        bytes[draw.below(bytes.length)] ^= 1 << draw.below(8)
      const read = decodeMessage(bytes)
      if (!read.ok) assert.match(read.code, /^message-/)
    }
})

test('numbers that no amount has, signatures of another kind of channel, nonces that are no points', () => {
  const draw = new Draw('strict')
  const byType = new Map(messages(draw).map((message) => [message.type, message]))
  const add = encodeMessage(byType.get('update_add_htlc')!).slice()
  add.fill(0xff, 2 + 32 + 8, 2 + 32 + 16)
  assert.equal(codeOf(decodeMessage(add)), 'message-malformed')
  const signed = encodeMessage(byType.get('funding_signed')!).slice()
  signed[2 + 32 + 5] = 1
  assert.equal(codeOf(decodeMessage(signed)), 'message-malformed')
  const ready = byType.get('channel_ready') as Extract<ChannelMessage, { type: 'channel_ready' }>
  const bad = encodeMessage({ ...ready, nextLocalNonce: new Uint8Array(66).fill(5) })
  assert.equal(codeOf(decodeMessage(bad)), 'message-malformed')
  const open = byType.get('open_channel') as Extract<ChannelMessage, { type: 'open_channel' }>
  const unlimited = encodeMessage(open).slice()
  unlimited.fill(0xff, 2 + 32 + 32 + 8 + 8 + 8, 2 + 32 + 32 + 8 + 8 + 16)
  const read = value(decodeMessage(unlimited))
  assert.equal(read.type === 'open_channel' && read.maxHtlcValueInFlight, Number.MAX_SAFE_INTEGER)
})

test('unknown messages: odd ones may be passed over, even ones not; none is over 65,535 bytes', () => {
  assert.deepEqual(decodeMessage(Uint8Array.of(0x01, 0x05)), {
    ok: false,
    kind: 'not-now',
    code: 'message-unknown',
    detail: 'Messages of type 261 are unknown here.',
  })
  const even = decodeMessage(Uint8Array.of(0x01, 0x06))
  assert.equal(!even.ok && even.kind, 'invalid')
  assert.equal(codeOf(decodeMessage(new Uint8Array(MAX_MESSAGE_BYTES + 1))), 'message-too-long')
  assert.equal(codeOf(decodeMessage(Uint8Array.of(1))), 'message-malformed')
})

test('the id of a channel is its funding outpoint', () => {
  const txid = `${'00'.repeat(31)}ff` as Txid
  // Displayed in reverse: the last two bytes of the internal order are the first two displayed.
  assert.equal(channelIdOf(txid, 0x0102), `ff${'00'.repeat(29)}0102`)
})
