/**
 * Promise: onions are opened, and invoices read, as LDK does it: the Rust implementation of the BOLTs, as its makers publish it for JavaScript
 * (`lightningdevkit`). The cases are drawn from a seed.
 */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { bech32 } from '@scure/base'
import * as ldk from 'lightningdevkit'
import { msat } from '../../src/channels/amount.ts'
import { features } from '../../src/channels/features.ts'
import { decodeInvoice, type InvoiceTerms } from '../../src/channels/invoice.ts'
import { createOnion, encodeOnion, readOnion } from '../../src/channels/onion.ts'
import { encodePayload, type FinalPayload, type ForwardPayload } from '../../src/channels/onion-payload.ts'
import { shortChannelId } from '../../src/channels/short-channel-id.ts'
import { publicKeyOf, sharedSecret } from '../../src/channels/sphinx.ts'
import { WireReader, WireWriter } from '../../src/channels/wire.ts'
import { bytesToHex } from '../../src/primitives/bytes.ts'
import { sha256 } from '../../src/primitives/hashes.ts'
import { addressOf } from '../../src/script/address.ts'
import { p2trScript } from '../../src/script/taproot.ts'
import { differential } from '../support/differential.ts'
import type { Draw } from '../support/draw.ts'
import { encodeInvoice } from '../support/invoices.ts'

const wasm = readFileSync(
  fileURLToPath(import.meta.resolve('lightningdevkit')).replace('index.mjs', 'liblightningjs.wasm'),
)
await ldk.initializeWasmFromBinary(Uint8Array.from(wasm))

function secretKey(draw: Draw): Uint8Array {
  const key = draw.bytes(32)
  key[0] = 1 + (key[0] % 100)
  return key
}

/** A node of LDK's with this key: it is asked for nothing but shared secrets. */
function node(key: Uint8Array): ldk.NodeSigner {
  const unasked = (): never => {
    throw new Error('LDK was to open an onion, no more')
  }
  return ldk.NodeSigner.new_impl({
    ecdh: (_, point) => ldk.Result_ThirtyTwoBytesNoneZ.constructor_ok(sharedSecret(key, point)),
    get_inbound_payment_key: unasked,
    get_node_id: unasked,
    sign_invoice: unasked,
    sign_bolt12_invoice: unasked,
    sign_gossip_message: unasked,
  })
}

const logger = ldk.Logger.new_impl({ log: () => undefined })

/** What LDK makes of the onion of an HTLC. */
function peel(
  packet: Uint8Array,
  paymentHash: Uint8Array,
  htlc: { amount: number; cltvExpiry: number },
  key: Uint8Array,
): ldk.PendingHTLCInfo {
  const onion = ldk.OnionPacket.constructor_read(packet)
  assert(onion instanceof ldk.Result_OnionPacketDecodeErrorZ_OK)
  const message = ldk.UpdateAddHTLC.constructor_new(
    ldk.ChannelId.constructor_new(new Uint8Array(32)),
    0n,
    BigInt(htlc.amount),
    paymentHash,
    htlc.cltvExpiry,
    ldk.Option_u64Z.constructor_none(),
    onion.res,
    null,
  )
  const peeled = ldk.UtilMethods.constructor_peel_payment_onion(message, node(key), logger, HEIGHT, false)
  if (peeled instanceof ldk.Result_PendingHTLCInfoInboundHTLCErrZ_Err)
    assert.fail(`LDK: ${peeled.err.get_msg()}`)
  assert(peeled instanceof ldk.Result_PendingHTLCInfoInboundHTLCErrZ_OK)
  return peeled.res
}

const HEIGHT = 800_000

differential('onions', 'LDK reads what each hop is told and passes on the same onion', (draw) => {
  const keysend = draw.oneIn(3)
  const preimage = draw.bytes(32)
  const paymentHash = keysend ? sha256(preimage) : draw.bytes(32)
  const amount = msat(draw.integer(1, 1_000_000_000))
  const cltvExpiry = HEIGHT + draw.integer(50, 500)
  const final: FinalPayload = {
    amount,
    cltvExpiry,
    paymentData: keysend ? undefined : { secret: draw.bytes(32), total: msat(amount + draw.below(1000)) },
    metadata: draw.oneIn(3) ? draw.bytes(draw.below(40)) : undefined,
    preimage: keysend ? preimage : undefined,
  }
  const middle = draw.list(
    draw.below(15),
    (hop): ForwardPayload => ({
      amount: msat(amount + 1000 * (20 - hop)),
      cltvExpiry: cltvExpiry + 10 * (20 - hop),
      shortChannelId: shortChannelId({
        height: draw.below(1 << 24),
        position: draw.below(1 << 24),
        output: draw.below(1 << 16),
      }),
    }),
  )
  const route = [...middle, final].map((payload) => ({ payload, key: secretKey(draw) }))
  const hops = route.map(({ payload, key }) => ({
    nodeId: publicKeyOf(key),
    payload: encodePayload(payload),
  }))
  const created = createOnion(hops, secretKey(draw), paymentHash)
  assert(created.ok)

  let packet = created.value.packet
  for (const [hop, { payload, key }] of route.entries()) {
    const info = peel(
      packet,
      paymentHash,
      { amount: payload.amount + 5000, cltvExpiry: payload.cltvExpiry + 50 },
      key,
    )
    assert.deepEqual(info.get_incoming_shared_secret(), created.value.sharedSecrets[hop])
    assert.equal(info.get_outgoing_cltv_value(), payload.cltvExpiry)
    const routing = info.get_routing()
    if ('shortChannelId' in payload) {
      assert(routing instanceof ldk.PendingHTLCRouting_Forward)
      assert.equal(info.get_outgoing_amt_msat(), BigInt(payload.amount))
      const channel = new WireWriter(8).u64(routing.short_channel_id).finish()
      assert.equal(new WireReader(channel).shortChannelId(), payload.shortChannelId)
      packet = routing.onion_packet.write()
    } else {
      checkFinal(routing, payload)
    }
    // LDK's next onion is one of ours, byte for byte.
    const read = readOnion(packet)
    assert(read.ok)
    assert.equal(bytesToHex(encodeOnion(read.value)), bytesToHex(packet))
  }
  return keysend ? 'keysend' : 'invoice'
})

function checkFinal(routing: ldk.PendingHTLCRouting, payload: FinalPayload): void {
  if (payload.preimage) {
    assert(routing instanceof ldk.PendingHTLCRouting_ReceiveKeysend)
    assert.deepEqual(routing.payment_preimage, payload.preimage)
  } else {
    assert(routing instanceof ldk.PendingHTLCRouting_Receive)
    assert.equal(routing.payment_data.get_total_msat(), BigInt(payload.paymentData?.total ?? -1))
    assert.deepEqual(routing.payment_data.get_payment_secret(), payload.paymentData?.secret)
  }
  const { payment_metadata: metadata } = routing
  if (payload.metadata) {
    assert(metadata instanceof ldk.Option_CVec_u8ZZ_Some)
    assert.deepEqual(metadata.some, payload.metadata)
  } else assert(metadata instanceof ldk.Option_CVec_u8ZZ_None)
}

/** Short ones: this LDK reads no more than 1,023 characters. */
function drawTerms(draw: Draw): InvoiceTerms {
  const unit = draw.pick([1, 100, 100_000, 100_000_000])
  return {
    amount: draw.oneIn(4) ? undefined : msat(draw.integer(1, 1_000_000) * unit),
    timestamp: draw.integer(1_000_000_000, 2_000_000_000),
    paymentHash: draw.bytes(32),
    paymentSecret: draw.bytes(32),
    description: draw.oneIn(3)
      ? draw.bytes(32)
      : draw.pick(['', 'a cup of coffee', 'ナンセンス 1杯', 'x'.repeat(100)]),
    metadata: draw.oneIn(3) ? draw.bytes(draw.integer(1, 60)) : undefined,
    expiry: draw.pick([0, 1, 31, 32, 3600, 86_400, 2 ** 31]),
    minFinalCltvExpiryDelta: draw.pick([1, 18, 31, 32, 144, 40_000]),
    fallbacks: draw.list(draw.below(3), () => p2trScript(draw.bytes(32))),
    routeHints: draw.list(draw.below(3), () =>
      draw.list(draw.integer(1, 2), () => ({
        nodeId: publicKeyOf(secretKey(draw)),
        shortChannelId: shortChannelId({
          height: draw.below(1 << 24),
          position: draw.below(1 << 24),
          output: draw.below(1 << 16),
        }),
        feeBase: msat(draw.u32()),
        feeProportionalMillionths: draw.u32(),
        cltvExpiryDelta: draw.below(1 << 16),
      })),
    ),
    features: features(['var_onion_optin', 'payment_secret'], draw.oneIn(2) ? ['basic_mpp'] : []),
  }
}

differential('invoices', 'LDK reads the same out of ours', (draw) => {
  const terms = drawTerms(draw)
  const key = secretKey(draw)
  const parsed = ldk.Bolt11Invoice.constructor_from_str(encodeInvoice(terms, 'bc', key))
  assert(parsed instanceof ldk.Result_Bolt11InvoiceParseOrSemanticErrorZ_OK, 'LDK does not read the invoice')
  const invoice = parsed.res
  const amount = invoice.amount_milli_satoshis()
  assert.equal(
    amount instanceof ldk.Option_u64Z_Some ? amount.some : undefined,
    terms.amount === undefined ? undefined : BigInt(terms.amount),
  )
  assert.equal(invoice.duration_since_epoch(), BigInt(terms.timestamp))
  assert.deepEqual(invoice.payment_hash(), terms.paymentHash)
  assert.deepEqual(invoice.payment_secret(), terms.paymentSecret)
  assert.equal(invoice.expiry_time(), BigInt(terms.expiry))
  assert.equal(invoice.min_final_cltv_expiry_delta(), BigInt(terms.minFinalCltvExpiryDelta))
  assert.deepEqual(invoice.recover_payee_pub_key(), publicKeyOf(key))
  const metadata = invoice.payment_metadata()
  assert.deepEqual(metadata instanceof ldk.Option_CVec_u8ZZ_Some ? metadata.some : undefined, terms.metadata)
  assert.deepEqual(
    invoice.fallback_addresses(),
    terms.fallbacks.map((script) => addressOf(script, 'bc')),
  )
  // The bindings take numbers for signed ones.
  const hints = invoice.route_hints().map((way) =>
    way.get_a().map((hop) => ({
      nodeId: hop.get_src_node_id(),
      shortChannelId: new WireReader(
        new WireWriter(8).u64(hop.get_short_channel_id()).finish(),
      ).shortChannelId(),
      feeBase: msat(hop.get_fees().get_base_msat() >>> 0),
      feeProportionalMillionths: hop.get_fees().get_proportional_millionths() >>> 0,
      cltvExpiryDelta: hop.get_cltv_expiry_delta() & 0xffff,
    })),
  )
  assert.deepEqual(hints, terms.routeHints)
  return undefined
})

/**
 * What this LDK refuses beyond the BOLTs: an s that is high (it is recovered from all the same), a payment secret without its bit in the features
 * (it is taken for granted), a fallback address of a version that another network may have (it is skipped).
 */
const STRICTER = ['signature is invalid', 'features are invalid', 'fallback']

differential('corrupted invoices', 'LDK refuses what we refuse, but for what is known', (draw) => {
  const text = encodeInvoice(drawTerms(draw), 'bc', secretKey(draw))
  const { prefix, words } = bech32.decode(text as `${string}1${string}`, false)
  for (let times = draw.integer(1, 2); times > 0; times--) words[draw.below(words.length)] = draw.below(32)
  const changed = bech32.encode(prefix, words, false)
  const ours = decodeInvoice(changed, 'bc')
  const parsed = ldk.Bolt11Invoice.constructor_from_str(changed)
  const theirs = parsed instanceof ldk.Result_Bolt11InvoiceParseOrSemanticErrorZ_OK
  if (ours.ok && parsed instanceof ldk.Result_Bolt11InvoiceParseOrSemanticErrorZ_Err) {
    const reason = parsed.err.to_str()
    assert(
      STRICTER.some((known) => reason.includes(known)),
      `LDK refuses what we accept: ${reason}`,
    )
    return reason
  }
  if (!ours.ok && theirs) {
    // We want the bits behind a field's last byte to be 0, LDK does not look.
    assert.match(ours.detail, /whole byte/, `LDK accepts what we refuse: ${ours.detail}`)
    return 'stray bits'
  }
  return ours.ok ? 'accepted' : ours.code
})
