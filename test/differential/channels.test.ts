/** MuSig2 (BIP327) and the outputs of channels against scure-btc-signer. */
import assert from 'node:assert/strict'
import { schnorr, secp256k1 } from '@noble/curves/secp256k1.js'
import * as theirMusig from '@scure/btc-signer/musig2.js'
import { p2tr } from '@scure/btc-signer/payment.js'
import { taprootTweakPubkey } from '@scure/btc-signer/utils.js'
import type { CommitmentKeys } from '../../src/channels/keys.ts'
import {
  acceptedHtlcOutput,
  anchorOutput,
  controlBlock,
  fundingKey,
  fundingScript,
  offeredHtlcOutput,
  type ScriptOutput,
  secondLevelOutput,
  toLocalOutput,
  toRemoteOutput,
} from '../../src/channels/scripts.ts'
import { bytesToHex, concatBytes, equalBytes } from '../../src/primitives/bytes.ts'
import { AggregateKey, keySort, MusigSession, nonceAgg, nonceGen } from '../../src/script/musig2.ts'
import { verifySchnorr } from '../../src/script/schnorr.ts'
import { tapLeafHash } from '../../src/script/taproot.ts'
import { attempt, differential } from '../support/differential.ts'
import type { Draw } from '../support/draw.ts'
import { value } from '../support/wallets.ts'

differential('musig2', 'keys, nonces, partial and whole signatures are those of scure-btc-signer', (draw) => {
  const secrets = draw.list(draw.integer(1, 4), () => draw.bytes(32))
  // One key may stand twice.
  if (draw.oneIn(4)) secrets.push(secrets[0])
  const publicKeys = secrets.map((secret) => secp256k1.getPublicKey(secret))
  assert.deepEqual(keySort(publicKeys), theirMusig.sortKeys(publicKeys))
  const tweaks = draw.list(draw.below(4), () => ({ bytes: draw.bytes(32), xOnly: draw.oneIn(2) }))
  let key = value(AggregateKey.of(publicKeys))
  for (const { bytes, xOnly } of tweaks) key = value(key.tweaked(bytes, xOnly ? 'x-only' : 'plain'))
  const theirTweaks = [tweaks.map(({ bytes }) => bytes), tweaks.map(({ xOnly }) => xOnly)] as const
  const theirKey = theirMusig.keyAggregate(publicKeys, ...theirTweaks)
  assert.ok(equalBytes(key.xOnly, theirMusig.keyAggExport(theirKey)))

  const message = draw.oneIn(3) ? draw.blob() : draw.bytes(32)
  const nonces = secrets.map((secretKey, i) => {
    const random = draw.bytes(32)
    const known = draw.oneIn(2)
    const extra = draw.oneIn(2) ? draw.bytes(draw.below(40)) : undefined
    const input = known ? { secretKey, aggregateKey: key.xOnly, message } : {}
    const ours = nonceGen({ random, publicKey: publicKeys[i], extra, ...input })
    const theirs = theirMusig.nonceGen(
      publicKeys[i],
      input.secretKey,
      input.aggregateKey,
      input.message,
      extra,
      random,
    )
    assert.ok(equalBytes(ours.publicNonce, theirs.public))
    return { ours, theirs }
  })
  const publicNonces = nonces.map(({ ours }) => ours.publicNonce)
  const aggregateNonce = value(nonceAgg(publicNonces))
  assert.ok(equalBytes(aggregateNonce, theirMusig.nonceAggregate(publicNonces)))

  const session = value(MusigSession.start(key, aggregateNonce, message))
  const theirSession = new theirMusig.Session(aggregateNonce, publicKeys, message, ...theirTweaks)
  const partials = nonces.map(({ ours, theirs }, i) => {
    const partial = session.sign(ours, secrets[i])
    assert.ok(equalBytes(partial, theirSession.sign(theirs.secret, secrets[i])))
    return partial
  })
  const signature = value(session.aggregate(partials))
  assert.ok(equalBytes(signature, theirSession.partialSigAgg(partials)))
  assert.ok(verifySchnorr({ signature, message, publicKey: key.xOnly }))

  // Damaged, both say the same.
  const signer = draw.below(partials.length)
  const damaged = partials[signer].slice()
  damaged[draw.below(32)] ^= draw.pick([0, 1, 0x80])
  const claimed = draw.oneIn(4) ? draw.below(partials.length) : signer
  const expected = attempt(() => theirSession.partialSigVerify(damaged, publicNonces, claimed)) ?? false
  const verdict = session.verify(damaged, publicNonces[claimed], publicKeys[claimed])
  assert.equal(verdict, expected, bytesToHex(damaged))
  return verdict ? 'verified' : 'refused'
})

function drawKeys(draw: Draw): CommitmentKeys {
  const key = () => schnorr.getPublicKey(draw.bytes(32))
  return {
    broadcasterDelayed: key(),
    broadcasterHtlc: key(),
    countersignatoryHtlc: key(),
    countersignatoryPayment: key(),
    revocation: key(),
  }
}

function parityOf(internalKey: Uint8Array, root: Uint8Array): number {
  return taprootTweakPubkey(internalKey, root)[1]
}

differential('channel outputs', 'keys, trees and control blocks are those of scure-btc-signer', (draw) => {
  const keys = drawKeys(draw)
  const terms = { paymentHash: draw.bytes(32), expiry: draw.integer(1, 499_999_999) }
  const delay = draw.pick([1, 16, 17, 127, 128, 144, 0x7fff, 0x8000, 0xffff, draw.integer(1, 0xffff)])
  const output: ScriptOutput = draw.pick([
    toLocalOutput(keys, delay),
    toRemoteOutput(keys),
    anchorOutput(keys.broadcasterDelayed),
    offeredHtlcOutput(keys, terms),
    acceptedHtlcOutput(keys, terms),
    secondLevelOutput(keys, delay),
  ])
  const leaves = Object.entries(output.leaves)
  const tree = leaves.map(([, script]) => ({ script, leafVersion: 0xc0 }))
  const theirs = p2tr(output.internalKey, tree, undefined, true)
  assert.ok(equalBytes(output.scriptPubKey, theirs.script))
  assert.ok(equalBytes(output.merkleRoot, theirs.tapMerkleRoot))
  for (const [name, script] of leaves) {
    const leaf = theirs.leaves.find(({ hash }) => equalBytes(hash, tapLeafHash(script)))
    // Its path, and the key with the parity before: all that is in a control block.
    const block = controlBlock(output, name)
    assert.ok(leaf && equalBytes(block.subarray(33), concatBytes(...leaf.path)))
    assert.ok(equalBytes(block.subarray(1, 33), theirs.tapInternalKey))
    assert.equal(block[0], 0xc0 | parityOf(theirs.tapInternalKey, theirs.tapMerkleRoot))
  }

  const funding = [draw.bytes(32), draw.bytes(32)].map((secret) => secp256k1.getPublicKey(secret))
  const combined = theirMusig.keyAggExport(theirMusig.keyAggregate(theirMusig.sortKeys(funding)))
  const [a, b] = draw.oneIn(2) ? funding : [...funding].reverse()
  assert.ok(equalBytes(fundingScript(value(fundingKey(a, b))), p2tr(combined).script))
  return undefined
})
