/**
 * What nodes tell everybody about channels and themselves: the messages of BOLT 7 in the form that the extension "gossip v2" (lightning/bolts, pull
 * 1059) gives them for taproot channels: TLV streams, ordered by block heights in place of times. Where it aggregates the signatures under an
 * announcement into one by MuSig2, ours stand side by side, so that two nodes need no more rounds than BOLT 7's (docs/channels.md). Pure, any thread.
 */
import { utf8 } from '@scure/base'
import type { Sats } from '../primitives/amount.ts'
import { bytesToHex, hexToBytes } from '../primitives/bytes.ts'
import { DecodeError } from '../primitives/codec.ts'
import { sha256, taggedHash } from '../primitives/hashes.ts'
import { invalid, notNow, ok, type Result } from '../primitives/result.ts'
import type { Msat } from './amount.ts'
import { decodeFeatures, encodeFeatures, type Features } from './features.ts'
import type { ShortChannelId } from './short-channel-id.ts'
import {
  BYTES,
  bytesOf,
  POINT,
  readTlvRecords,
  SHORT_CHANNEL_ID,
  type TlvEncoding,
  tlvField,
  tlvStream,
} from './tlv.ts'
import { decodeWire, WireReader, WireWriter } from './wire.ts'

/** A node's public key, 33 bytes compressed, as hex. */
export type NodeId = string & { readonly __brand: 'NodeId' }

export function nodeId(publicKey: Uint8Array): NodeId {
  return bytesToHex(publicKey) as NodeId
}

/** Greatest length of a gossip message, bytes; ours have at most some 500. What a later version adds has room. */
export const MAX_GOSSIP_BYTES = 1024

/** A channel that exists: who has it, and the output that holds its money. */
export interface ChannelAnnouncement {
  readonly type: 'channel_announcement_2'
  /** Hash of the genesis block, 32 bytes, internal order. */
  readonly chainHash: Uint8Array
  readonly features: Features
  readonly shortChannelId: ShortChannelId
  readonly capacity: Sats
  /** The lesser key first. */
  readonly nodeIds: readonly [NodeId, NodeId]
  /** Funding keys of the nodes in that order, 33 bytes each: aggregated, they are the key of the output. */
  readonly fundingKeys: readonly [Uint8Array, Uint8Array]
}

/** What a node asks for passing payments on over a channel of its. */
export interface ChannelUpdate {
  readonly type: 'channel_update_2'
  readonly chainHash: Uint8Array
  readonly shortChannelId: ShortChannelId
  /** Greater in each update than in the last. */
  readonly blockHeight: number
  /** Whether the node can't pass on over it, for now or for good. */
  readonly disabled: boolean
  /** Whose it is: 0 for the first node of the announcement, 1 for the second. */
  readonly direction: 0 | 1
  /** Blocks. */
  readonly cltvExpiryDelta: number
  readonly htlcMinimum: Msat
  readonly htlcMaximum: Msat
  readonly feeBase: Msat
  readonly feeProportionalMillionths: number
}

/** What a node says about itself. */
export interface NodeAnnouncement {
  readonly type: 'node_announcement_2'
  readonly features: Features
  readonly blockHeight: number
  readonly nodeId: NodeId
  /** At most 32 characters, of the node's own choice: nobody vouches for it. */
  readonly alias?: string
  /** Where it is found among the peers: a libp2p peer id in binary, at most 64 bytes. In place of addresses. */
  readonly peerId?: Uint8Array
}

export type GossipMessage = ChannelAnnouncement | ChannelUpdate | NodeAnnouncement

/** A message as it came. */
export interface Gossip<Message extends GossipMessage = GossipMessage> {
  readonly message: Message
  /** 64 bytes each, by the message's own order. */
  readonly signatures: readonly Uint8Array[]
  /** The records that are signed, those that this version doesn't know included. */
  readonly signed: Uint8Array
  /** What is passed on: type and records. */
  readonly bytes: Uint8Array
}

const U32: TlvEncoding<number> = {
  read: (reader) => reader.u32(),
  write: (writer, value) => writer.u32(value),
}
const U16: TlvEncoding<number> = {
  read: (reader) => reader.u16(),
  write: (writer, value) => writer.u16(value),
}
const U64_MSAT: TlvEncoding<Msat> = {
  read: (reader) => reader.msat(),
  write: (writer, value) => writer.safeU64(value),
}
const U64_SATS: TlvEncoding<Sats> = {
  read: (reader) => reader.sats(),
  write: (writer, value) => writer.safeU64(value),
}
const FEATURES: TlvEncoding<Features> = {
  read: (reader) => decodeFeatures(reader.rest()),
  write: (writer, value) => writer.put(encodeFeatures(value)),
}
const NODE_ID: TlvEncoding<NodeId> = {
  read: (reader) => nodeId(reader.point()),
  write: (writer, value) => writer.put(hexToBytes(value)),
}
/** Present or not. */
const FLAG: TlvEncoding<true> = { read: () => true, write: (writer) => writer }
const TEXT: TlvEncoding<string> = {
  read: (reader) => {
    try {
      return utf8.encode(reader.rest())
    } catch {
      throw new DecodeError('holds a text that is no UTF-8')
    }
  },
  write: (writer, value) => writer.put(utf8.decode(value)),
}

const SIGNATURE_BYTES = 64
const SIGNATURE = bytesOf(SIGNATURE_BYTES)
/** Type and length take a byte each. */
const SIGNATURE_RECORD_BYTES = 2 + SIGNATURE_BYTES
/** The first record that is not signed; from the second bound on they are again (pull 1059, Pure TLV messages). */
const FIRST_UNSIGNED = 160n
const SIGNED_AGAIN = [1_000_000_000n, 2_999_999_999n] as const

/** Bits of `disable_flags`. */
const DISABLED_PERMANENTLY = 1
const DISABLED_OUTGOING = 4

const CHANNEL_ANNOUNCEMENT = 267
const NODE_ANNOUNCEMENT = 269
const CHANNEL_UPDATE = 271

const announcementStream = tlvStream({
  chainHash: tlvField(0, bytesOf(32)),
  features: tlvField(2, FEATURES),
  shortChannelId: tlvField(4, SHORT_CHANNEL_ID),
  capacity: tlvField(6, U64_SATS),
  nodeId1: tlvField(8, NODE_ID),
  nodeId2: tlvField(10, NODE_ID),
  fundingKey1: tlvField(12, POINT),
  fundingKey2: tlvField(14, POINT),
  nodeSignature1: tlvField(160, SIGNATURE),
  nodeSignature2: tlvField(162, SIGNATURE),
  fundingSignature1: tlvField(164, SIGNATURE),
  fundingSignature2: tlvField(166, SIGNATURE),
})

const nodeStream = tlvStream({
  features: tlvField(0, FEATURES),
  blockHeight: tlvField(2, U32),
  alias: tlvField(3, TEXT),
  nodeId: tlvField(4, NODE_ID),
  peerId: tlvField(13, BYTES),
  signature: tlvField(160, SIGNATURE),
})

const updateStream = tlvStream({
  chainHash: tlvField(0, bytesOf(32)),
  shortChannelId: tlvField(2, SHORT_CHANNEL_ID),
  blockHeight: tlvField(4, U32),
  disableFlags: tlvField<number>(6, {
    read: (reader) => reader.u8(),
    write: (writer, value) => writer.u8(value),
  }),
  secondPeer: tlvField(8, FLAG),
  cltvExpiryDelta: tlvField(10, U16),
  htlcMinimum: tlvField(12, U64_MSAT),
  htlcMaximum: tlvField(14, U64_MSAT),
  feeBase: tlvField(16, U32),
  feeProportionalMillionths: tlvField(18, U32),
  signature: tlvField(160, SIGNATURE),
})

/** Thrown by a decoder's inner part where a record is missing. */
function present<T>(value: T | undefined, name: string): T {
  if (value === undefined) throw new DecodeError(`has no ${name}`)
  return value
}

/** Of a node's alias. */
export const MAX_ALIAS_CHARACTERS = 32
const MAX_PEER_ID_BYTES = 64

/** Everything of a message but its signatures: what they cover. */
function unsignedRecords(message: GossipMessage): Uint8Array {
  switch (message.type) {
    case 'channel_announcement_2': {
      const [nodeId1, nodeId2] = message.nodeIds
      const [fundingKey1, fundingKey2] = message.fundingKeys
      return announcementStream.encode({ ...message, nodeId1, nodeId2, fundingKey1, fundingKey2 })
    }
    case 'node_announcement_2':
      return nodeStream.encode(message)
    case 'channel_update_2':
      return updateStream.encode({
        ...message,
        disableFlags: message.disabled ? DISABLED_OUTGOING : undefined,
        secondPeer: message.direction === 1 ? true : undefined,
      })
  }
}

/** The hash that a node's key signs (ECDSA) under its own message: 32 bytes (pull 1059, Signature Message Construction). */
export function gossipHash(message: GossipMessage): Uint8Array {
  return gossipHashOf({ message, signed: unsignedRecords(message) })
}

/** The same of a message as it came: records that this version doesn't know are signed, too. */
export function gossipHashOf({ message, signed }: Pick<Gossip, 'message' | 'signed'>): Uint8Array {
  return hashOf(message.type, 'signature', signed)
}

/** The hash that a funding key signs (BIP340) under the announcement of its channel. */
export function fundingProofHash(message: ChannelAnnouncement): Uint8Array {
  return fundingProofHashOf({ message, signed: unsignedRecords(message) })
}

/** The same of an announcement as it came. */
export function fundingProofHashOf({
  message,
  signed,
}: Pick<Gossip<ChannelAnnouncement>, 'message' | 'signed'>): Uint8Array {
  return hashOf(message.type, 'bitcoin_signature', signed)
}

function hashOf(messageName: string, fieldName: string, signed: Uint8Array): Uint8Array {
  return taggedHash(`lightning${messageName}${fieldName}`, sha256(signed))
}

/**
 * A message with its signatures, 64 bytes each: of an announcement those of both nodes by `gossipHash`, then those of both funding keys by
 * `fundingProofHash`; of the others the node's.
 */
export function encodeGossip(message: GossipMessage, signatures: readonly Uint8Array[]): Uint8Array {
  const writer = new WireWriter(512).u16(typeNumber(message.type)).put(unsignedRecords(message))
  signatures.forEach((signature, at) => {
    writer.bigSize(FIRST_UNSIGNED + 2n * BigInt(at)).varBytes(signature)
  })
  return writer.finish()
}

/** Whether messages of this number are gossip that this program knows. */
export function isGossip(number: number): boolean {
  return number === CHANNEL_ANNOUNCEMENT || number === NODE_ANNOUNCEMENT || number === CHANNEL_UPDATE
}

function typeNumber(type: GossipMessage['type']): number {
  return type === 'channel_announcement_2'
    ? CHANNEL_ANNOUNCEMENT
    : type === 'node_announcement_2'
      ? NODE_ANNOUNCEMENT
      : CHANNEL_UPDATE
}

/** Reads a gossip message; nothing is checked but its form. Rejects with `gossip-malformed`, and with `gossip-unknown` another type. */
export function decodeGossip(bytes: Uint8Array): Result<Gossip> {
  if (bytes.length > MAX_GOSSIP_BYTES)
    return invalid('gossip-malformed', `A gossip message has at most ${MAX_GOSSIP_BYTES} bytes.`)
  const type = bytes.length >= 2 ? (bytes[0] << 8) | bytes[1] : undefined
  const records = bytes.subarray(2)
  const read =
    type === CHANNEL_ANNOUNCEMENT
      ? decodeWire(records, 'gossip-malformed', readAnnouncement)
      : type === NODE_ANNOUNCEMENT
        ? decodeWire(records, 'gossip-malformed', readNode)
        : type === CHANNEL_UPDATE
          ? decodeWire(records, 'gossip-malformed', readUpdate)
          : notNow('gossip-unknown', `Gossip messages of type ${type} are not known.`)
  if (!read.ok) return read
  const signed = signedRange(records)
  // What nobody signed, anybody may have added: the same message in ever other bytes.
  if (signed.length + read.value.signatures.length * SIGNATURE_RECORD_BYTES !== records.length)
    return invalid('gossip-malformed', 'The message holds more records than its signatures cover.')
  return ok({ ...read.value, signed, bytes })
}

type Read<Message extends GossipMessage> = Pick<Gossip<Message>, 'message' | 'signatures'>

function readAnnouncement(reader: WireReader): Read<ChannelAnnouncement> {
  const read = announcementStream.read(reader)
  return {
    message: {
      type: 'channel_announcement_2',
      chainHash: present(read.chainHash, 'chain hash'),
      features: present(read.features, 'features'),
      shortChannelId: present(read.shortChannelId, 'short channel id'),
      capacity: present(read.capacity, 'capacity'),
      nodeIds: [present(read.nodeId1, 'first node'), present(read.nodeId2, 'second node')],
      fundingKeys: [
        present(read.fundingKey1, 'first funding key'),
        present(read.fundingKey2, 'second funding key'),
      ],
    },
    signatures: [
      present(read.nodeSignature1, 'signature of the first node'),
      present(read.nodeSignature2, 'signature of the second node'),
      present(read.fundingSignature1, 'signature of the first funding key'),
      present(read.fundingSignature2, 'signature of the second funding key'),
    ],
  }
}

function readNode(reader: WireReader): Read<NodeAnnouncement> {
  const { alias, peerId, ...read } = nodeStream.read(reader)
  if (alias !== undefined && [...alias].length > MAX_ALIAS_CHARACTERS)
    throw new DecodeError(`has an alias of over ${MAX_ALIAS_CHARACTERS} characters`)
  if (peerId && peerId.length > MAX_PEER_ID_BYTES)
    throw new DecodeError(`has a peer id of over ${MAX_PEER_ID_BYTES} bytes`)
  const message: NodeAnnouncement = {
    type: 'node_announcement_2',
    features: present(read.features, 'features'),
    blockHeight: present(read.blockHeight, 'block height'),
    nodeId: present(read.nodeId, 'node id'),
    ...(alias !== undefined && { alias }),
    ...(peerId && { peerId }),
  }
  return { message, signatures: [present(read.signature, 'signature')] }
}

function readUpdate(reader: WireReader): Read<ChannelUpdate> {
  const read = updateStream.read(reader)
  const disabled = ((read.disableFlags ?? 0) & (DISABLED_OUTGOING | DISABLED_PERMANENTLY)) !== 0
  return {
    message: {
      type: 'channel_update_2',
      chainHash: present(read.chainHash, 'chain hash'),
      shortChannelId: present(read.shortChannelId, 'short channel id'),
      blockHeight: present(read.blockHeight, 'block height'),
      disabled,
      direction: read.secondPeer ? 1 : 0,
      cltvExpiryDelta: present(read.cltvExpiryDelta, 'expiry delta'),
      htlcMinimum: present(read.htlcMinimum, 'least amount'),
      htlcMaximum: present(read.htlcMaximum, 'greatest amount'),
      feeBase: present(read.feeBase, 'base fee') as Msat,
      feeProportionalMillionths: present(read.feeProportionalMillionths, 'proportional fee'),
    },
    signatures: [present(read.signature, 'signature')],
  }
}

/** The records that signatures cover, as they stand: what was read is in its only form. */
function signedRange(records: Uint8Array): Uint8Array {
  const writer = new WireWriter(records.length)
  for (const { type, value } of readTlvRecords(new WireReader(records)))
    if (type < FIRST_UNSIGNED || (type >= SIGNED_AGAIN[0] && type <= SIGNED_AGAIN[1]))
      writer.bigSize(type).varBytes(value)
  return writer.finish()
}

/** The two nodes of a channel with their funding keys (33 bytes), the lesser node first, as an announcement has them. */
export function inNodeOrder(
  a: { readonly id: NodeId; readonly fundingKey: Uint8Array },
  b: { readonly id: NodeId; readonly fundingKey: Uint8Array },
): Pick<ChannelAnnouncement, 'nodeIds' | 'fundingKeys'> {
  const [first, second] = a.id < b.id ? [a, b] : [b, a]
  return { nodeIds: [first.id, second.id], fundingKeys: [first.fundingKey, second.fundingKey] }
}
