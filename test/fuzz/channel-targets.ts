/** What is fuzzed of payment channels: what strangers write into onions, errors, gossip and invoices. */
import assert from 'node:assert/strict'
import { bech32 } from '@scure/base'
import { msat } from '../../src/channels/amount.ts'
import { decodeFailure, encodeFailure, FAILURES, type Failure } from '../../src/channels/failures.ts'
import { decodeGossip, encodeGossip } from '../../src/channels/gossip.ts'
import { decodeGossipQuery, encodeGossipQuery } from '../../src/channels/gossip-queries.ts'
import { decodeInvoice } from '../../src/channels/invoice.ts'
import { openError } from '../../src/channels/onion-errors.ts'
import { decodeFinalPayload, decodeForwardPayload, encodePayload } from '../../src/channels/onion-payload.ts'
import { PUBLIC } from '../../src/consensus/params.ts'
import { announcementOf, channelAt, testNode, unsigned, updateOf } from '../support/channel-graphs.ts'
import { encodeInvoice } from '../support/invoices.ts'
import type { Target } from './fuzzer.ts'

const bytes32 = (fill: number): Uint8Array => new Uint8Array(32).fill(fill)

/** For decoders that copy or look at each byte a few times. */
const linear =
  (fixed: number, perByte: number) =>
  (input: Uint8Array): number =>
    fixed + perByte * input.length

/** Lengths and types of TLV records, and ends of truncated integers. */
const DICTIONARY = [[0], [2, 1, 1], [8, 32], [0xfd, 0, 0xfd], [0xfe, 0, 1, 0, 0], [160, 64], [162, 64]].map(
  (bytes) => Uint8Array.from(bytes),
)

const channel = { a: 1, b: 2, capacity: 5000 }
const invoice = encodeInvoice(
  {
    amount: msat(5000),
    timestamp: 1_800_000_000,
    paymentHash: bytes32(1),
    paymentSecret: bytes32(2),
    description: 'coffee',
    expiry: 60,
    minFinalCltvExpiryDelta: 40,
    fallbacks: [],
    routeHints: [],
    features: 0n,
  },
  PUBLIC.addressPrefix,
  bytes32(3),
)

const decoders: readonly Pick<Target, 'name' | 'examples' | 'run' | 'bound'>[] = [
  {
    name: 'onion-payload',
    examples: [
      encodePayload({ amount: msat(1000), cltvExpiry: 600_000, shortChannelId: channelAt(1) }),
      encodePayload({
        amount: msat(70_000),
        cltvExpiry: 600_000,
        paymentData: { secret: bytes32(4), total: msat(90_000) },
        metadata: bytes32(5),
        preimage: bytes32(6),
      }),
    ],
    bound: linear(4_000, 60),
    run(input) {
      for (const decode of [decodeForwardPayload, decodeFinalPayload]) {
        const decoded = decode(input)
        // Unknown odd records are dropped, so that less may be written than was read.
        if (decoded.ok) assert.ok(encodePayload(decoded.value).length <= input.length)
      }
      return decodeFinalPayload(input).ok
    },
  },
  {
    name: 'failure',
    examples: Object.keys(FAILURES).map((name) =>
      encodeFailure({
        name,
        sha256OfOnion: bytes32(7),
        htlcMsat: msat(5),
        cltvExpiry: 6,
        disabledFlags: 0,
        height: 7,
        type: 8n,
        offset: 9,
        channelUpdate: bytes32(8),
      } as unknown as Failure),
    ),
    bound: linear(2_000, 20),
    run(input) {
      // As an error's packet, too, which nobody made.
      assert.equal(openError([bytes32(9)], { reason: input }).source, undefined)
      const decoded = decodeFailure(input)
      return decoded.ok && decoded.value.failure !== undefined
    },
  },
  {
    name: 'gossip',
    examples: [
      unsigned(announcementOf(channel, 0)).bytes,
      unsigned(updateOf(channel, 0, 1)).bytes,
      unsigned({
        type: 'node_announcement_2',
        features: 1n << 80n,
        blockHeight: 9,
        nodeId: testNode(1).id,
        alias: 'node',
        peerId: bytes32(1),
      }).bytes,
    ],
    bound: linear(10_000, 100),
    run(input) {
      const decoded = decodeGossip(input)
      if (!decoded.ok) return false
      const { message, signatures } = decoded.value
      assert.ok(encodeGossip(message, signatures).length <= input.length)
      return true
    },
  },
  {
    name: 'gossip-query',
    examples: [
      encodeGossipQuery({
        type: 'query_channel_range',
        chainHash: bytes32(1),
        firstBlock: 2,
        blocks: 3,
        wantsHeights: true,
      }),
      encodeGossipQuery({
        type: 'reply_channel_range',
        chainHash: bytes32(1),
        firstBlock: 2,
        blocks: 3,
        complete: true,
        known: [
          { id: channelAt(1), updates: [4, 5] },
          { id: channelAt(2), updates: [0, 6] },
        ],
      }),
      encodeGossipQuery({
        type: 'query_short_channel_ids',
        chainHash: bytes32(1),
        wanted: [{ id: channelAt(1), flags: 31 }],
      }),
      encodeGossipQuery({
        type: 'reply_short_channel_ids_end',
        chainHash: bytes32(1),
        fullInformation: true,
      }),
    ],
    bound: linear(4_000, 60),
    run(input) {
      const decoded = decodeGossipQuery(input)
      if (!decoded.ok) return false
      const again = decodeGossipQuery(encodeGossipQuery(decoded.value))
      assert.ok(again.ok)
      assert.deepEqual(again.value, decoded.value)
      return true
    },
  },
  {
    name: 'invoice',
    // What stands behind the human-readable part, always with a right checksum.
    examples: [Uint8Array.from(bech32.decode(invoice as `${string}1${string}`, false).words)],
    bound: linear(5_000, 100),
    run(input) {
      const words = Array.from(input, (byte) => byte & 31)
      return decodeInvoice(bech32.encode(`ln${PUBLIC.addressPrefix}`, words, false), PUBLIC.addressPrefix).ok
    },
  },
]

export const CHANNEL_TARGETS: readonly Target[] = decoders.map((decoder) => ({
  ...decoder,
  dictionary: DICTIONARY,
  maxLength: 1_500,
  // An error's packet is decrypted 27 times, and who signed an invoice is recovered.
  share: decoder.name === 'failure' || decoder.name === 'invoice' ? 0.1 : 0.5,
}))
