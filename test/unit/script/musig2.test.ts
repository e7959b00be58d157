/** Promises: a secret nonce signs once, whatever comes of it; the keys of a channel make one BIP340 signature; who cheats is found out. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { schnorr, secp256k1 } from '@noble/curves/secp256k1.js'
import fc from 'fast-check'
import {
  AggregateKey,
  isPublicKey,
  isPublicNonce,
  keySort,
  MusigSession,
  nonceAgg,
  nonceGen,
} from '../../../src/script/musig2.ts'
import { verifySchnorr } from '../../../src/script/schnorr.ts'
import { taprootOutputKey } from '../../../src/script/taproot.ts'
import { value } from '../../support/wallets.ts'

const bytes32 = fc.uint8Array({ minLength: 32, maxLength: 32 })
/** A number below the group order, and not zero. */
const secretKeys = bytes32.filter((key) => key[0] < 0xff && key.some((byte) => byte !== 0))

function signersOf(secrets: readonly Uint8Array[], random: Uint8Array) {
  return secrets.map((secretKey, i) => {
    const publicKey = secp256k1.getPublicKey(secretKey)
    return { secretKey, publicKey, nonce: nonceGen({ random: random.with(0, i), publicKey }) }
  })
}

test('two keys sign as one key of a taproot output', () => {
  fc.assert(
    fc.property(
      secretKeys,
      secretKeys,
      bytes32,
      bytes32,
      fc.option(bytes32),
      (one, two, random, message, root) => {
        fc.pre(one.some((byte, i) => byte !== two[i]))
        const signers = signersOf([one, two], random)
        const internal = value(AggregateKey.of(keySort(signers.map(({ publicKey }) => publicKey))))
        const key = value(internal.taproot(root ?? undefined))
        assert.deepEqual(key.xOnly, taprootOutputKey(internal.xOnly, root ?? undefined)?.outputKey)
        const aggregateNonce = value(nonceAgg(signers.map(({ nonce }) => nonce.publicNonce)))
        const session = value(MusigSession.start(key, aggregateNonce, message))
        const partials = signers.map(({ nonce, secretKey }) => session.sign(nonce, secretKey))
        for (const [i, { nonce, publicKey }] of signers.entries()) {
          assert.ok(session.verify(partials[i], nonce.publicNonce, publicKey))
          assert.equal(session.verify(partials[1 - i], nonce.publicNonce, publicKey), false)
          assert.equal(session.verify(partials[i], signers[1 - i].nonce.publicNonce, publicKey), false)
        }
        const signature = value(session.aggregate(partials))
        assert.ok(verifySchnorr({ signature, message, publicKey: key.xOnly }))
      },
    ),
    { seed: 327, numRuns: 20 },
  )
})

function pair() {
  const signers = signersOf(
    [new Uint8Array(32).fill(3), new Uint8Array(32).fill(4)],
    new Uint8Array(32).fill(5),
  )
  const key = value(AggregateKey.of(signers.map(({ publicKey }) => publicKey)))
  const aggregateNonce = value(nonceAgg(signers.map(({ nonce }) => nonce.publicNonce)))
  const session = (message: number) =>
    value(MusigSession.start(key, aggregateNonce, new Uint8Array(32).fill(message)))
  return { signers, session }
}

test('a nonce signs once, and not even once where the attempt fails', () => {
  const { signers, session } = pair()
  const [first, second] = signers
  assert.equal(first.nonce.used, false)
  session(1).sign(first.nonce, first.secretKey)
  assert.equal(first.nonce.used, true)
  assert.throws(() => session(2).sign(first.nonce, first.secretKey), /used before/)
  assert.throws(() => session(1).sign(first.nonce, first.secretKey), /used before/)
  // Another's key with this nonce.
  assert.throws(() => session(1).sign(second.nonce, first.secretKey), /another key/)
  assert.throws(() => session(1).sign(second.nonce, second.secretKey), /used before/)
})

test('a nonce shows nothing of its secret when it is written down or looked at', () => {
  const { nonce } = pair().signers[0]
  const public_ = { publicNonce: nonce.publicNonce, publicKey: nonce.publicKey }
  assert.equal(JSON.stringify(nonce), JSON.stringify(public_))
  assert.deepEqual(structuredClone(nonce), public_)
})

test('a key that is none of the aggregate’s signs nothing, and verifies nothing', () => {
  const { signers, session } = pair()
  const [stranger] = signersOf([new Uint8Array(32).fill(6)], new Uint8Array(32).fill(7))
  assert.throws(() => session(1).sign(stranger.nonce, stranger.secretKey), /none of those/)
  const partial = session(1).sign(signers[0].nonce, signers[0].secretKey)
  assert.equal(session(1).verify(partial, signers[0].nonce.publicNonce, stranger.publicKey), false)
})

test('what a counterparty sends malformed is refused, never thrown at', () => {
  const { signers, session } = pair()
  const { publicKey, nonce } = signers[0]
  const partial = session(1).sign(nonce, signers[0].secretKey)
  const good = session(1)
  for (const bad of [
    new Uint8Array(0),
    partial.subarray(1),
    Uint8Array.of(...partial, 0),
    new Uint8Array(32).fill(0xff),
  ]) {
    assert.equal(good.verify(bad, nonce.publicNonce, publicKey), false)
    assert.equal(good.aggregate([bad]).ok, false)
  }
  const zero = new Uint8Array(66)
  for (const bad of [
    new Uint8Array(0),
    zero,
    nonce.publicNonce.subarray(1),
    Uint8Array.of(...nonce.publicNonce, 2),
  ]) {
    assert.equal(isPublicNonce(bad), false)
    assert.equal(good.verify(partial, bad, publicKey), false)
    assert.equal(nonceAgg([nonce.publicNonce, bad]).ok, false)
  }
  for (const bad of [
    new Uint8Array(0),
    new Uint8Array(33),
    secp256k1.getPublicKey(signers[0].secretKey, false),
    schnorr.getPublicKey(signers[0].secretKey),
  ]) {
    assert.equal(isPublicKey(bad), false)
    assert.equal(AggregateKey.of([publicKey, bad]).ok, false)
    assert.equal(good.verify(partial, nonce.publicNonce, bad), false)
  }
  assert.ok(isPublicKey(publicKey) && isPublicNonce(nonce.publicNonce))
})
