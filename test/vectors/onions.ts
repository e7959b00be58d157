/** Onions and the errors that come back by them: BOLT 4. */
import assert from 'node:assert/strict'
import { FAILURES } from '../../src/channels/failures.ts'
import { createOnion, openOnion, readOnion } from '../../src/channels/onion.ts'
import { createError, type ErrorPacket, openError, wrapError } from '../../src/channels/onion-errors.ts'
import { decodeFinalPayload, decodeForwardPayload } from '../../src/channels/onion-payload.ts'
import { deriveKey, sharedSecret } from '../../src/channels/sphinx.ts'
import { decodeWire } from '../../src/channels/wire.ts'
import { bytesToHex, hexToBytes } from '../../src/primitives/bytes.ts'
import type { VectorReport } from '../support/vector-report.ts'
import { jsonRule, type VectorRule } from './rule.ts'

interface OnionVector {
  readonly generate: {
    readonly session_key: string
    readonly associated_data: string
    readonly hops: readonly { readonly pubkey: string; readonly payload: string }[]
  }
  readonly onion: string
  /** The hops' secret keys. */
  readonly decode: readonly string[]
}

const onion = jsonRule<OnionVector>(
  'bolt',
  ['generate', 'onion', 'decode'],
  [],
  ({ generate, onion, decode }, report) => {
    const associatedData = hexToBytes(generate.associated_data)
    // The payloads of the file begin with their lengths.
    const payloads = generate.hops.map(({ payload }) => {
      const read = decodeWire(hexToBytes(payload), 'x', (reader) => reader.varBytes())
      assert(read.ok)
      return read.value
    })
    report.row('generate', () => {
      const hops = generate.hops.map(({ pubkey }, at) => ({
        nodeId: hexToBytes(pubkey),
        payload: payloads[at],
      }))
      const created = createOnion(hops, hexToBytes(generate.session_key), associatedData)
      assert(created.ok)
      assert.equal(bytesToHex(created.value.packet), onion)
    })
    let packet: Uint8Array | undefined = hexToBytes(onion)
    decode.forEach((secretKey, hop) => {
      report.row(`decode ${hop}`, () => {
        assert(packet)
        const read = readOnion(packet)
        assert(read.ok)
        const secret = sharedSecret(hexToBytes(secretKey), read.value.ephemeralKey)
        const opened = openOnion(read.value, secret, associatedData)
        assert(opened.ok)
        assert.deepEqual(opened.value.payload, payloads[hop])
        // What the payloads say is read as well, where they hold no records of no BOLT.
        const isLast = hop === decode.length - 1
        assert((isLast ? decodeFinalPayload : decodeForwardPayload)(opened.value.payload).ok)
        packet = opened.value.next
        assert.equal(packet === undefined, isLast)
      })
    })
  },
)

interface ErrorVector {
  readonly generate: {
    readonly session_key: string
    readonly failure_message: string
    readonly hops: readonly {
      readonly pubkey: string
      readonly hop_shared_secret: string
      readonly ammag_key: string
    }[]
  }
  /** As the first hop returns it. */
  readonly errorpacket: string
}

const onionError = jsonRule<ErrorVector>(
  'bolt',
  ['generate', 'errorpacket'],
  [],
  ({ generate, errorpacket }, report: VectorReport) => {
    const message = hexToBytes(generate.failure_message)
    const secrets = generate.hops.map(({ hop_shared_secret }) => hexToBytes(hop_shared_secret))
    const last = secrets.length - 1
    for (const { hop_shared_secret, ammag_key } of generate.hops)
      report.row(ammag_key, () =>
        assert.equal(bytesToHex(deriveKey('ammag', hexToBytes(hop_shared_secret))), ammag_key),
      )
    report.row('shared secrets', () => {
      const hops = generate.hops.map(({ pubkey }) => ({
        nodeId: hexToBytes(pubkey),
        payload: new Uint8Array(2),
      }))
      const created = createOnion(hops, hexToBytes(generate.session_key), new Uint8Array(32))
      assert(created.ok)
      assert.deepEqual(created.value.sharedSecrets.map(bytesToHex), secrets.map(bytesToHex))
    })
    report.row('errorpacket', () => {
      let packet: ErrorPacket = createError(secrets[last], message, 0)
      for (let hop = last - 1; hop >= 0; hop--) packet = wrapError(secrets[hop], packet, 0)
      assert.equal(bytesToHex(packet.reason), errorpacket)
    })
    report.row('the sender reads it', () => {
      const { source } = openError(secrets, { reason: hexToBytes(errorpacket) })
      assert.deepEqual(source, { hop: last, message })
      assert.equal(bytesToHex(message), FAILURES.temporary_node_failure.code.toString(16))
    })
  },
)

export const onionRules: readonly VectorRule[] = [onion, onionError]
