/**
 * How two nodes meet (BOLT 1, The `init` Message): what they understand, on which chain, and which node speaks behind a peer. A peer's identity in the
 * network and its node's key are two things; the key signs for the identity, which the transport vouches for. Pure, any thread.
 */
import { secp256k1 } from '@noble/curves/secp256k1.js'
import { utf8 } from '@scure/base'
import { equalBytes, hexToBytes } from '../primitives/bytes.ts'
import { DecodeError } from '../primitives/codec.ts'
import { taggedHash } from '../primitives/hashes.ts'
import { invalid, notNow, ok, type Result } from '../primitives/result.ts'
import { decodeFeatures, encodeFeatures, type Features, features, unknownRequired } from './features.ts'
import { type NodeId, nodeId } from './gossip.ts'
import { tlvField, tlvStream } from './tlv.ts'
import { decodeWire, POINT_BYTES, type WireReader, WireWriter } from './wire.ts'

export const INIT = 16

const HASH_BYTES = 32
const SIGNATURE_BYTES = 64

/** What a node of this program understands. */
export const NODE_FEATURES: Features = features(
  ['var_onion_optin', 'payment_secret'],
  ['basic_mpp', 'option_payment_metadata'],
)

export interface Init {
  readonly features: Features
  /** Genesis hashes, 32 bytes each, internal order. Undefined where any chain will do. */
  readonly networks?: readonly Uint8Array[]
  /** The node, and its signature (ECDSA, 64 bytes) under `nodeProofHash`. */
  readonly node?: { readonly id: NodeId; readonly signature: Uint8Array }
  readonly session?: Session
}

/** Which of the sessions on a connection this is, from 1: each side counts its own, and starts another where it wants all to start anew. */
export interface Session {
  readonly own: number
  /** The last of the other side's that was heard of; 0 where none was. */
  readonly heard: number
}

const bytes = {
  read: (reader: WireReader) => reader.rest(),
  write: (writer: WireWriter, value: Uint8Array) => {
    writer.put(value)
  },
}

const session = {
  read: (reader: WireReader): Session => ({ own: reader.u16(), heard: reader.u16() }),
  write: (writer: WireWriter, { own, heard }: Session) => {
    writer.u16(own).u16(heard)
  },
}

/** `node` and `session`: of this network of tabs alone, from the range of types that BOLT 1 leaves to custom records. */
const RECORDS = tlvStream({
  networks: tlvField(1, bytes),
  node: tlvField(71_007, bytes),
  session: tlvField(71_009, session),
})

/** What a node's key signs so that a peer's identity (as text) is known as its own. */
export function nodeProofHash(peer: string): Uint8Array {
  return taggedHash('opentab/node', utf8.decode(peer))
}

/** With its type. */
export function encodeInit({ features, networks, node, session }: Init): Uint8Array {
  const writer = new WireWriter(256).u16(INIT).u16Bytes(new Uint8Array(0)).u16Bytes(encodeFeatures(features))
  const joined = networks && new WireWriter(HASH_BYTES)
  for (const hash of networks ?? []) joined?.put(hash)
  RECORDS.write(writer, {
    networks: joined?.finish(),
    node: node && new WireWriter(97).put(hexToBytes(node.id)).put(node.signature).finish(),
    session,
  })
  return writer.finish()
}

/** Reads the message, its type included. Rejects with `message-malformed`. */
export function decodeInit(message: Uint8Array): Result<Init> {
  return decodeWire(message, 'message-malformed', (reader) => {
    if (reader.u16() !== INIT) throw new DecodeError('is of another type')
    const global = decodeFeatures(reader.u16Bytes())
    const bits = global | decodeFeatures(reader.u16Bytes())
    const { networks, node, session } = RECORDS.read(reader)
    if (networks && networks.length % HASH_BYTES !== 0) throw new DecodeError('names half a chain')
    if (node && node.length !== POINT_BYTES + SIGNATURE_BYTES)
      throw new DecodeError('proves its node by a record of another length')
    return {
      features: bits,
      networks: networks && chunks(networks),
      node: node && {
        id: nodeId(node.subarray(0, POINT_BYTES)),
        signature: node.slice(POINT_BYTES),
      },
      session,
    }
  })
}

function chunks(joined: Uint8Array): Uint8Array[] {
  return Array.from({ length: joined.length / HASH_BYTES }, (_, at) =>
    joined.slice(at * HASH_BYTES, (at + 1) * HASH_BYTES),
  )
}

/**
 * The node behind a peer. `peer`: its identity as the transport has it. Rejects with `init-features` and `init-network` (not-now: we have nothing to
 * say to each other), and with `init-proof` (invalid) what claims to be another node.
 */
export function checkInit(
  { features, networks, node }: Init,
  peer: string,
  chainHash: Uint8Array,
): Result<NodeId> {
  const unknown = unknownRequired(features, ['var_onion_optin', 'payment_secret', 'basic_mpp'])
  if (unknown !== undefined)
    return notNow('init-features', `The node requires feature ${unknown}, which is not known here.`)
  if (networks && !networks.some((hash) => equalBytes(hash, chainHash)))
    return notNow('init-network', 'The node has no channels on this chain.')
  if (!node) return notNow('init-proof-missing', 'The node does not say who it is.')
  const proven =
    secp256k1.utils.isValidPublicKey(hexToBytes(node.id), true) &&
    secp256k1.verify(node.signature, nodeProofHash(peer), hexToBytes(node.id), {
      prehash: false,
      lowS: true,
    })
  return proven
    ? ok(node.id)
    : invalid('init-proof', 'The peer claims to be a node that did not sign for it.')
}
