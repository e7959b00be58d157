/** Promise: signatures are judged as BIP340 says. */
import assert from 'node:assert/strict'
import { schnorr } from '@noble/curves/secp256k1.js'
import { bytesToHex, hexToBytes } from '../../src/primitives/bytes.ts'
import { verifySchnorr } from '../../src/script/schnorr.ts'
import { vectorTest, vectorText } from '../support/vectors.ts'

vectorTest('BIP340 vectors', vectorText('bip340/test-vectors.csv'), (csv, context) => {
  const rows = csv.trim().split(/\r?\n/).slice(1)
  let signed = 0
  for (const row of rows) {
    const [index, secret, publicKey, auxRand, message, signature, result] = row.split(',')
    const verdict = verifySchnorr({
      signature: hexToBytes(signature),
      message: hexToBytes(message),
      publicKey: hexToBytes(publicKey),
    })
    assert.equal(verdict, result === 'TRUE', `row ${index}`)
    if (!secret) continue
    // What the signer calls, held against the same file.
    const made = schnorr.sign(hexToBytes(message), hexToBytes(secret), hexToBytes(auxRand))
    assert.equal(bytesToHex(made), signature.toLowerCase(), `row ${index}`)
    assert.equal(bytesToHex(schnorr.getPublicKey(hexToBytes(secret))), publicKey.toLowerCase())
    signed++
  }
  context.diagnostic(`${rows.length} verified, ${signed} signed`)
})
