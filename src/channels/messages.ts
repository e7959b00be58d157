/**
 * The messages of a channel (BOLT 2, and BOLT 1 for error and warning), with what simple taproot channels add to them. Each is its type, two
 * bytes, fixed fields, and a TLV stream. A decoder checks form alone: lengths, points, numbers in range; what a message may say is the
 * machine's business. Byte strings of a decoded message are views over the source. Pure, any thread.
 */
import type { Sats } from '../primitives/amount.ts'
import { bytesToHex, hexToBytes } from '../primitives/bytes.ts'
import { DecodeError } from '../primitives/codec.ts'
import { fromDisplay, type Txid, toDisplay } from '../primitives/hashes.ts'
import { invalid, notNow, type Result } from '../primitives/result.ts'
import type { Msat } from './amount.ts'
import type { ShortChannelId } from './short-channel-id.ts'
import { BYTES, bytesOf, SHORT_CHANNEL_ID, type TlvEncoding, tlvField, tlvStream } from './tlv.ts'
import { decodeWire, isPoint, POINT_BYTES, type WireReader, WireWriter } from './wire.ts'

/** Greatest length of a message with its type (BOLT 1, Lightning Message Format). */
export const MAX_MESSAGE_BYTES = 65_535

/** Most HTLCs that one side may offer in a channel (BOLT 2, `update_add_htlc`, Rationale). */
export const MAX_HTLCS = 483

/** Bytes of an onion (BOLT 4). */
export const ONION_BYTES = 1366

/** Bytes of a public MuSig2 nonce (BIP327). */
export const PUBLIC_NONCE_BYTES = 66

/** Bytes of a partial signature (BIP327). */
export const PARTIAL_SIGNATURE_BYTES = 32

/** A channel's id, or before it has one its temporary id: 32 bytes as hex. */
export type ChannelId = string & { readonly __brand: 'ChannelId' }

/** The id that stands for all channels with a peer (BOLT 1). */
export const ALL_CHANNELS = '00'.repeat(32) as ChannelId

/** The funding transaction's id, in internal order, with the output's index over its last two bytes (BOLT 2, Definition of `channel_id`). */
export function channelIdOf(fundingTxid: Txid, fundingOutput: number): ChannelId {
  const id = fromDisplay(fundingTxid)
  id[30] ^= fundingOutput >> 8
  id[31] ^= fundingOutput & 0xff
  return bytesToHex(id) as ChannelId
}

/** A partial signature and the public half of the nonce that it was made with. */
export interface PartialSignatureWithNonce {
  /** 32 bytes. */
  readonly partialSignature: Uint8Array
  /** 66 bytes. */
  readonly nonce: Uint8Array
}

/** What both sides of an opening say of themselves. */
interface OpeningTerms {
  readonly temporaryChannelId: ChannelId
  readonly dustLimit: Sats
  readonly maxHtlcValueInFlight: Msat
  /** What the other side must keep. */
  readonly channelReserve: Sats
  readonly htlcMinimum: Msat
  /** Blocks that the other side must wait for its own outputs. */
  readonly toSelfDelay: number
  readonly maxAcceptedHtlcs: number
  readonly fundingPublicKey: Uint8Array
  readonly revocationBasepoint: Uint8Array
  readonly paymentBasepoint: Uint8Array
  readonly delayedPaymentBasepoint: Uint8Array
  readonly htlcBasepoint: Uint8Array
  readonly firstPerCommitmentPoint: Uint8Array
  readonly upfrontShutdownScript?: Uint8Array
  /** Feature bits, big-endian, the smallest that hold them. */
  readonly channelType?: Uint8Array
  readonly nextLocalNonce?: Uint8Array
}

export interface OpenChannel extends OpeningTerms {
  readonly type: 'open_channel'
  /** Hash of the genesis block, internal order. */
  readonly chainHash: Uint8Array
  readonly fundingAmount: Sats
  readonly pushAmount: Msat
  readonly feerate: number
  readonly channelFlags: number
}

export interface AcceptChannel extends OpeningTerms {
  readonly type: 'accept_channel'
  readonly minimumDepth: number
}

export interface FundingCreated {
  readonly type: 'funding_created'
  readonly temporaryChannelId: ChannelId
  readonly fundingTxid: Txid
  readonly fundingOutput: number
  readonly signature?: PartialSignatureWithNonce
}

interface OfChannel {
  readonly channelId: ChannelId
}

export interface FundingSigned extends OfChannel {
  readonly type: 'funding_signed'
  readonly signature?: PartialSignatureWithNonce
}

export interface ChannelReady extends OfChannel {
  readonly type: 'channel_ready'
  readonly secondPerCommitmentPoint: Uint8Array
  readonly alias?: ShortChannelId
  readonly nextLocalNonce?: Uint8Array
}

export interface Shutdown extends OfChannel {
  readonly type: 'shutdown'
  readonly script: Uint8Array
  /** With which the sender signs as closee. */
  readonly nonce?: Uint8Array
}

/** What a closing transaction looks like. */
interface ClosingTerms extends OfChannel {
  readonly closerScript: Uint8Array
  readonly closeeScript: Uint8Array
  readonly fee: Sats
  readonly lockTime: number
}

/** By the outputs that stand. */
export interface ClosingVariants<T> {
  readonly closerOnly?: T
  readonly closeeOnly?: T
  readonly both?: T
}

export interface ClosingComplete extends ClosingTerms {
  readonly type: 'closing_complete'
  readonly signatures: ClosingVariants<PartialSignatureWithNonce>
}

export interface ClosingSig extends ClosingTerms {
  readonly type: 'closing_sig'
  /** 32 bytes each. */
  readonly signatures: ClosingVariants<Uint8Array>
  readonly nextCloseeNonce?: Uint8Array
}

export interface UpdateAddHtlc extends OfChannel {
  readonly type: 'update_add_htlc'
  readonly id: number
  readonly amount: Msat
  readonly paymentHash: Uint8Array
  readonly expiry: number
  readonly onion: Uint8Array
  /** Of a blinded path (BOLT 4, Route Blinding). */
  readonly pathKey?: Uint8Array
}

export interface UpdateFulfillHtlc extends OfChannel {
  readonly type: 'update_fulfill_htlc'
  readonly id: number
  readonly preimage: Uint8Array
}

export interface UpdateFailHtlc extends OfChannel {
  readonly type: 'update_fail_htlc'
  readonly id: number
  /** Encrypted for the origin of the payment (BOLT 4, Returning Errors). */
  readonly reason: Uint8Array
  /** `attribution_data`, 920 bytes: whatever has another length counts as none. */
  readonly attribution?: Uint8Array
}

export interface UpdateFailMalformedHtlc extends OfChannel {
  readonly type: 'update_fail_malformed_htlc'
  readonly id: number
  readonly onionHash: Uint8Array
  readonly failureCode: number
}

export interface UpdateFee extends OfChannel {
  readonly type: 'update_fee'
  readonly feerate: number
}

export interface CommitmentSigned extends OfChannel {
  readonly type: 'commitment_signed'
  readonly htlcSignatures: readonly Uint8Array[]
  readonly fundingTxid?: Txid
  readonly signature?: PartialSignatureWithNonce
}

/** Verification nonces, by the funding transaction of the commitment: one, as long as nothing is spliced. */
export type NoncesByFunding = ReadonlyMap<Txid, Uint8Array>

export interface RevokeAndAck extends OfChannel {
  readonly type: 'revoke_and_ack'
  readonly perCommitmentSecret: Uint8Array
  readonly nextPerCommitmentPoint: Uint8Array
  readonly nextLocalNonces?: NoncesByFunding
}

export interface ChannelReestablish extends OfChannel {
  readonly type: 'channel_reestablish'
  readonly nextCommitmentNumber: number
  readonly nextRevocationNumber: number
  readonly yourLastPerCommitmentSecret: Uint8Array
  readonly myCurrentPerCommitmentPoint: Uint8Array
  readonly nextLocalNonces?: NoncesByFunding
}

/** One side's signatures under the announcement of the channel (BOLT 7): of its node's key, and of its funding key. 64 bytes each. */
export interface AnnouncementSignatures extends OfChannel {
  readonly type: 'announcement_signatures'
  readonly shortChannelId: ShortChannelId
  readonly nodeSignature: Uint8Array
  readonly fundingSignature: Uint8Array
}

/** Ends the channel. */
export interface ErrorMessage extends OfChannel {
  readonly type: 'error'
  /** Printable ASCII; what was not reads `?`. */
  readonly text: string
}

export interface WarningMessage extends OfChannel {
  readonly type: 'warning'
  readonly text: string
}

export type ChannelMessage =
  | OpenChannel
  | AcceptChannel
  | FundingCreated
  | FundingSigned
  | ChannelReady
  | Shutdown
  | ClosingComplete
  | ClosingSig
  | UpdateAddHtlc
  | UpdateFulfillHtlc
  | UpdateFailHtlc
  | UpdateFailMalformedHtlc
  | UpdateFee
  | CommitmentSigned
  | RevokeAndAck
  | ChannelReestablish
  | AnnouncementSignatures
  | ErrorMessage
  | WarningMessage

/** The channel that a message is about, by its id or its temporary one. */
export function channelOf(message: ChannelMessage): ChannelId {
  return 'channelId' in message ? message.channelId : message.temporaryChannelId
}

/** Whether these are the 66 bytes of a public nonce: two points (BIP327). */
export function isPublicNonce(bytes: Uint8Array): boolean {
  return (
    bytes.length === PUBLIC_NONCE_BYTES &&
    isPoint(bytes.subarray(0, POINT_BYTES)) &&
    isPoint(bytes.subarray(POINT_BYTES))
  )
}

function readNonce(reader: WireReader): Uint8Array {
  const nonce = reader.take(PUBLIC_NONCE_BYTES)
  if (!isPublicNonce(nonce)) throw new DecodeError('holds a nonce that is not two points of the curve')
  return nonce
}

const NONCE: TlvEncoding<Uint8Array> = {
  read: readNonce,
  write: (writer, value) => writer.put(value),
}

const SIGNATURE_WITH_NONCE: TlvEncoding<PartialSignatureWithNonce> = {
  read: (reader) => ({ partialSignature: reader.take(PARTIAL_SIGNATURE_BYTES), nonce: readNonce(reader) }),
  write: (writer, { partialSignature, nonce }) => writer.put(partialSignature).put(nonce),
}

const PARTIAL_SIGNATURE = bytesOf(PARTIAL_SIGNATURE_BYTES)

const TXID: TlvEncoding<Txid> = {
  read: (reader) => toDisplay<Txid>(reader.take(32)),
  write: (writer, value) => writer.put(fromDisplay(value)),
}

const NONCES: TlvEncoding<NoncesByFunding> = {
  read(reader) {
    const nonces = new Map<Txid, Uint8Array>()
    while (reader.remaining > 0) {
      const txid = TXID.read(reader)
      if (nonces.has(txid)) throw new DecodeError('holds two nonces for one funding transaction')
      nonces.set(txid, readNonce(reader))
    }
    return nonces
  },
  write(writer, nonces) {
    for (const [txid, nonce] of nonces) {
      TXID.write(writer, txid)
      writer.put(nonce)
    }
  },
}

const OPENING_TLVS = tlvStream({
  upfrontShutdownScript: tlvField(0, BYTES),
  channelType: tlvField(1, BYTES),
  nextLocalNonce: tlvField(4, NONCE),
})
const SIGNED_TLVS = tlvStream({ signature: tlvField(2, SIGNATURE_WITH_NONCE) })
const READY_TLVS = tlvStream({ alias: tlvField(1, SHORT_CHANNEL_ID), nextLocalNonce: tlvField(4, NONCE) })
const SHUTDOWN_TLVS = tlvStream({ nonce: tlvField(8, NONCE) })
const COMPLETE_TLVS = tlvStream({
  closerOnly: tlvField(5, SIGNATURE_WITH_NONCE),
  closeeOnly: tlvField(6, SIGNATURE_WITH_NONCE),
  both: tlvField(7, SIGNATURE_WITH_NONCE),
})
const CLOSING_SIG_TLVS = tlvStream({
  closerOnly: tlvField(5, PARTIAL_SIGNATURE),
  closeeOnly: tlvField(6, PARTIAL_SIGNATURE),
  both: tlvField(7, PARTIAL_SIGNATURE),
  nextCloseeNonce: tlvField(22, NONCE),
})
const ADD_TLVS = tlvStream({
  pathKey: tlvField(0, {
    read: (reader) => reader.point(),
    write: (writer, value: Uint8Array) => writer.put(value),
  }),
})
const COMMITMENT_TLVS = tlvStream({
  fundingTxid: tlvField(1, TXID),
  signature: tlvField(2, SIGNATURE_WITH_NONCE),
})
const FAIL_TLVS = tlvStream({ attribution: tlvField(1, BYTES) })
const NONCES_TLVS = tlvStream({ nextLocalNonces: tlvField(22, NONCES) })
/** Of messages that we extend by nothing. */
const NO_TLVS = tlvStream({})

function readId(reader: WireReader): ChannelId {
  return bytesToHex(reader.take(32)) as ChannelId
}

/** The ECDSA signature that taproot channels have no use for: 64 zero bytes. */
function readNoSignature(reader: WireReader): void {
  if (reader.take(64).some((byte) => byte !== 0))
    throw new DecodeError('holds a signature of another kind of channel')
}

const NO_SIGNATURE = new Uint8Array(64)

function readText(reader: WireReader): string {
  return Array.from(reader.u16Bytes(), (byte) =>
    byte >= 32 && byte <= 126 ? String.fromCharCode(byte) : '?',
  ).join('')
}

function writeText(writer: WireWriter, text: string): void {
  writer.u16Bytes(Uint8Array.from(text, (character) => character.charCodeAt(0)))
}

function readPoints(reader: WireReader) {
  return {
    fundingPublicKey: reader.point(),
    revocationBasepoint: reader.point(),
    paymentBasepoint: reader.point(),
    delayedPaymentBasepoint: reader.point(),
    htlcBasepoint: reader.point(),
    firstPerCommitmentPoint: reader.point(),
  }
}

function writePoints(writer: WireWriter, terms: OpeningTerms): void {
  writer
    .put(terms.fundingPublicKey)
    .put(terms.revocationBasepoint)
    .put(terms.paymentBasepoint)
    .put(terms.delayedPaymentBasepoint)
    .put(terms.htlcBasepoint)
    .put(terms.firstPerCommitmentPoint)
}

function readClosingTerms(reader: WireReader) {
  return {
    channelId: readId(reader),
    closerScript: reader.u16Bytes(),
    closeeScript: reader.u16Bytes(),
    fee: reader.sats(),
    lockTime: reader.u32(),
  }
}

function writeClosingTerms(writer: WireWriter, terms: ClosingTerms): void {
  writer
    .put(hexToBytes(terms.channelId))
    .u16Bytes(terms.closerScript)
    .u16Bytes(terms.closeeScript)
    .safeU64(terms.fee)
    .u32(terms.lockTime)
}

interface MessageCodec<Message extends ChannelMessage> {
  /** Its number on the wire. */
  readonly number: number
  read(reader: WireReader): Omit<Message, 'type'>
  write(writer: WireWriter, message: Message): void
}

type Codecs = {
  readonly [Type in ChannelMessage['type']]: MessageCodec<Extract<ChannelMessage, { type: Type }>>
}

const CODECS: Codecs = {
  warning: {
    number: 1,
    read: (reader) => ({ channelId: readId(reader), text: readText(reader), ...NO_TLVS.read(reader) }),
    write(writer, message) {
      writer.put(hexToBytes(message.channelId))
      writeText(writer, message.text)
    },
  },
  error: {
    number: 17,
    read: (reader) => ({ channelId: readId(reader), text: readText(reader), ...NO_TLVS.read(reader) }),
    write(writer, message) {
      writer.put(hexToBytes(message.channelId))
      writeText(writer, message.text)
    },
  },
  open_channel: {
    number: 32,
    read: (reader) => ({
      chainHash: reader.take(32),
      temporaryChannelId: readId(reader),
      fundingAmount: reader.sats(),
      pushAmount: reader.msat(),
      dustLimit: reader.sats(),
      maxHtlcValueInFlight: readCapped(reader),
      channelReserve: reader.sats(),
      htlcMinimum: reader.msat(),
      feerate: reader.u32(),
      toSelfDelay: reader.u16(),
      maxAcceptedHtlcs: reader.u16(),
      ...readPoints(reader),
      channelFlags: reader.u8(),
      ...OPENING_TLVS.read(reader),
    }),
    write(writer, message) {
      writer
        .put(message.chainHash)
        .put(hexToBytes(message.temporaryChannelId))
        .safeU64(message.fundingAmount)
        .safeU64(message.pushAmount)
        .safeU64(message.dustLimit)
        .safeU64(message.maxHtlcValueInFlight)
        .safeU64(message.channelReserve)
        .safeU64(message.htlcMinimum)
        .u32(message.feerate)
        .u16(message.toSelfDelay)
        .u16(message.maxAcceptedHtlcs)
      writePoints(writer, message)
      writer.u8(message.channelFlags)
      OPENING_TLVS.write(writer, message)
    },
  },
  accept_channel: {
    number: 33,
    read: (reader) => ({
      temporaryChannelId: readId(reader),
      dustLimit: reader.sats(),
      maxHtlcValueInFlight: readCapped(reader),
      channelReserve: reader.sats(),
      htlcMinimum: reader.msat(),
      minimumDepth: reader.u32(),
      toSelfDelay: reader.u16(),
      maxAcceptedHtlcs: reader.u16(),
      ...readPoints(reader),
      ...OPENING_TLVS.read(reader),
    }),
    write(writer, message) {
      writer
        .put(hexToBytes(message.temporaryChannelId))
        .safeU64(message.dustLimit)
        .safeU64(message.maxHtlcValueInFlight)
        .safeU64(message.channelReserve)
        .safeU64(message.htlcMinimum)
        .u32(message.minimumDepth)
        .u16(message.toSelfDelay)
        .u16(message.maxAcceptedHtlcs)
      writePoints(writer, message)
      OPENING_TLVS.write(writer, message)
    },
  },
  funding_created: {
    number: 34,
    read(reader) {
      const temporaryChannelId = readId(reader)
      const fundingTxid = TXID.read(reader)
      const fundingOutput = reader.u16()
      readNoSignature(reader)
      return { temporaryChannelId, fundingTxid, fundingOutput, ...SIGNED_TLVS.read(reader) }
    },
    write(writer, message) {
      writer
        .put(hexToBytes(message.temporaryChannelId))
        .put(fromDisplay(message.fundingTxid))
        .u16(message.fundingOutput)
        .put(NO_SIGNATURE)
      SIGNED_TLVS.write(writer, message)
    },
  },
  funding_signed: {
    number: 35,
    read(reader) {
      const channelId = readId(reader)
      readNoSignature(reader)
      return { channelId, ...SIGNED_TLVS.read(reader) }
    },
    write(writer, message) {
      writer.put(hexToBytes(message.channelId)).put(NO_SIGNATURE)
      SIGNED_TLVS.write(writer, message)
    },
  },
  channel_ready: {
    number: 36,
    read: (reader) => ({
      channelId: readId(reader),
      secondPerCommitmentPoint: reader.point(),
      ...READY_TLVS.read(reader),
    }),
    write(writer, message) {
      writer.put(hexToBytes(message.channelId)).put(message.secondPerCommitmentPoint)
      READY_TLVS.write(writer, message)
    },
  },
  shutdown: {
    number: 38,
    read: (reader) => ({
      channelId: readId(reader),
      script: reader.u16Bytes(),
      ...SHUTDOWN_TLVS.read(reader),
    }),
    write(writer, message) {
      writer.put(hexToBytes(message.channelId)).u16Bytes(message.script)
      SHUTDOWN_TLVS.write(writer, message)
    },
  },
  closing_complete: {
    number: 40,
    read: (reader) => ({ ...readClosingTerms(reader), signatures: COMPLETE_TLVS.read(reader) }),
    write(writer, message) {
      writeClosingTerms(writer, message)
      COMPLETE_TLVS.write(writer, message.signatures)
    },
  },
  closing_sig: {
    number: 41,
    read(reader) {
      const terms = readClosingTerms(reader)
      const { nextCloseeNonce, ...signatures } = CLOSING_SIG_TLVS.read(reader)
      return { ...terms, signatures, nextCloseeNonce }
    },
    write(writer, message) {
      writeClosingTerms(writer, message)
      CLOSING_SIG_TLVS.write(writer, { ...message.signatures, nextCloseeNonce: message.nextCloseeNonce })
    },
  },
  update_add_htlc: {
    number: 128,
    read: (reader) => ({
      channelId: readId(reader),
      id: reader.safeU64(),
      amount: reader.msat(),
      paymentHash: reader.take(32),
      expiry: reader.u32(),
      onion: reader.take(ONION_BYTES),
      ...ADD_TLVS.read(reader),
    }),
    write(writer, message) {
      writer
        .put(hexToBytes(message.channelId))
        .safeU64(message.id)
        .safeU64(message.amount)
        .put(message.paymentHash)
        .u32(message.expiry)
        .put(message.onion)
      ADD_TLVS.write(writer, message)
    },
  },
  update_fulfill_htlc: {
    number: 130,
    read: (reader) => ({
      channelId: readId(reader),
      id: reader.safeU64(),
      preimage: reader.take(32),
      ...NO_TLVS.read(reader),
    }),
    write(writer, message) {
      writer.put(hexToBytes(message.channelId)).safeU64(message.id).put(message.preimage)
    },
  },
  update_fail_htlc: {
    number: 131,
    read: (reader) => ({
      channelId: readId(reader),
      id: reader.safeU64(),
      reason: reader.u16Bytes(),
      ...FAIL_TLVS.read(reader),
    }),
    write(writer, message) {
      writer.put(hexToBytes(message.channelId)).safeU64(message.id).u16Bytes(message.reason)
      FAIL_TLVS.write(writer, message)
    },
  },
  update_fail_malformed_htlc: {
    number: 135,
    read: (reader) => ({
      channelId: readId(reader),
      id: reader.safeU64(),
      onionHash: reader.take(32),
      failureCode: reader.u16(),
      ...NO_TLVS.read(reader),
    }),
    write(writer, message) {
      writer
        .put(hexToBytes(message.channelId))
        .safeU64(message.id)
        .put(message.onionHash)
        .u16(message.failureCode)
    },
  },
  update_fee: {
    number: 134,
    read: (reader) => ({ channelId: readId(reader), feerate: reader.u32(), ...NO_TLVS.read(reader) }),
    write(writer, message) {
      writer.put(hexToBytes(message.channelId)).u32(message.feerate)
    },
  },
  commitment_signed: {
    number: 132,
    read(reader) {
      const channelId = readId(reader)
      readNoSignature(reader)
      const count = reader.u16()
      // Both sides' together; the length of a message bounds them in any case.
      if (count > 2 * MAX_HTLCS) throw new DecodeError(`holds ${count} signatures for HTLCs`)
      const htlcSignatures = Array.from({ length: count }, () => reader.take(64))
      return { channelId, htlcSignatures, ...COMMITMENT_TLVS.read(reader) }
    },
    write(writer, message) {
      writer.put(hexToBytes(message.channelId)).put(NO_SIGNATURE).u16(message.htlcSignatures.length)
      for (const signature of message.htlcSignatures) writer.put(signature)
      COMMITMENT_TLVS.write(writer, message)
    },
  },
  revoke_and_ack: {
    number: 133,
    read: (reader) => ({
      channelId: readId(reader),
      perCommitmentSecret: reader.take(32),
      nextPerCommitmentPoint: reader.point(),
      ...NONCES_TLVS.read(reader),
    }),
    write(writer, message) {
      writer
        .put(hexToBytes(message.channelId))
        .put(message.perCommitmentSecret)
        .put(message.nextPerCommitmentPoint)
      NONCES_TLVS.write(writer, message)
    },
  },
  announcement_signatures: {
    number: 259,
    read: (reader) => ({
      channelId: readId(reader),
      shortChannelId: reader.shortChannelId(),
      nodeSignature: reader.take(64),
      fundingSignature: reader.take(64),
      ...NO_TLVS.read(reader),
    }),
    write(writer, message) {
      writer
        .put(hexToBytes(message.channelId))
        .shortChannelId(message.shortChannelId)
        .put(message.nodeSignature)
        .put(message.fundingSignature)
    },
  },
  channel_reestablish: {
    number: 136,
    read: (reader) => ({
      channelId: readId(reader),
      nextCommitmentNumber: reader.safeU64(),
      nextRevocationNumber: reader.safeU64(),
      yourLastPerCommitmentSecret: reader.take(32),
      myCurrentPerCommitmentPoint: reader.point(),
      ...NONCES_TLVS.read(reader),
    }),
    write(writer, message) {
      writer
        .put(hexToBytes(message.channelId))
        .safeU64(message.nextCommitmentNumber)
        .safeU64(message.nextRevocationNumber)
        .put(message.yourLastPerCommitmentSecret)
        .put(message.myCurrentPerCommitmentPoint)
      NONCES_TLVS.write(writer, message)
    },
  },
}

/**
 * `max_htlc_value_in_flight_msat`, which many set to 2^64 − 1 for "no limit": what is over 2^53 − 1 is read as that, since no channel holds as
 * much.
 */
function readCapped(reader: WireReader): Msat {
  const value = reader.u64()
  return Number(value > BigInt(Number.MAX_SAFE_INTEGER) ? Number.MAX_SAFE_INTEGER : value) as Msat
}

const TYPE_OF_NUMBER = new Map(
  Object.entries(CODECS).map(([type, { number }]) => [number, type as ChannelMessage['type']]),
)

/** Whether messages of this number are a channel's. */
export function isChannelMessage(number: number): boolean {
  return TYPE_OF_NUMBER.has(number)
}

/** The names of a channel's messages, as the BOLTs have them. */
export const MESSAGE_NAMES: readonly ChannelMessage['type'][] = [...TYPE_OF_NUMBER.values()]

/** The name of a message by its two bytes of type; undefined where it is not a channel's. */
export function messageName([high, low]: Uint8Array): ChannelMessage['type'] | undefined {
  return TYPE_OF_NUMBER.get(high * 256 + low)
}

/** The message with its two bytes of type. */
export function encodeMessage<Message extends ChannelMessage>(message: Message): Uint8Array {
  // The compiler can't tell that a type's codec takes the message of that type.
  const codec = CODECS[message.type] as unknown as MessageCodec<Message>
  const writer = new WireWriter(512).u16(codec.number)
  codec.write(writer, message)
  return writer.finish()
}

/**
 * Rejects with `message-too-long`, `message-malformed`, and `message-unknown`: `not-now` where its number is odd, since it may be passed over
 * then (BOLT 1, "it's OK to be odd").
 */
export function decodeMessage(bytes: Uint8Array): Result<ChannelMessage> {
  if (bytes.length > MAX_MESSAGE_BYTES)
    return invalid(
      'message-too-long',
      `A message has ${bytes.length} bytes; at most ${MAX_MESSAGE_BYTES} are allowed.`,
    )
  if (bytes.length < 2) return invalid('message-malformed', 'A message is too short to have a type.')
  const number = bytes[0] * 256 + bytes[1]
  const type = TYPE_OF_NUMBER.get(number)
  if (type === undefined) {
    const detail = `Messages of type ${number} are unknown here.`
    return number % 2 === 1 ? notNow('message-unknown', detail) : invalid('message-unknown', detail)
  }
  return decodeWire(
    bytes.subarray(2),
    'message-malformed',
    (reader) => ({ type, ...CODECS[type].read(reader) }) as ChannelMessage,
  )
}
