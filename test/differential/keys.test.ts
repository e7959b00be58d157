/**
 * Keys and signatures of BIP340 and BIP341 against libsecp256k1 (tiny-secp256k1 is its WASM build), with bitcoinjs-lib around it for
 * BIP86, BIP174 and BIP371; BIP32 against libauth, which has libsecp256k1 and hashes of its own in WASM; BIP39's seeds against
 * OpenSSL. libauth knows nothing of taproot, only of keys.
 */
import assert from 'node:assert/strict'
import { pbkdf2Sync } from 'node:crypto'
import {
  deriveHdPath,
  deriveHdPathRelative,
  deriveHdPrivateNodeFromSeed,
  deriveHdPublicNode,
  encodeHdPublicKey,
} from '@bitauth/libauth'
import { schnorr } from '@noble/curves/secp256k1.js'
import * as bitcoin from 'bitcoinjs-lib'
import { tweakKey } from 'bitcoinjs-lib/src/payments/bip341'
import * as tiny from 'tiny-secp256k1'
import { sats } from '../../src/primitives/amount.ts'
import { bytesToHex, equalBytes, hexToBytes } from '../../src/primitives/bytes.ts'
import { encodeAddress } from '../../src/script/address.ts'
import { verifySchnorr } from '../../src/script/schnorr.ts'
import { taprootOutputKey, tweakSecretKey } from '../../src/script/taproot.ts'
import { verifyTransaction } from '../../src/script/verify-input.ts'
import { deriveAccount, entropyToWords } from '../../src/signer/keys.ts'
import { Psbt } from '../../src/wallet/psbt.ts'
import { attempt, differential } from '../support/differential.ts'
import type { Draw } from '../support/draw.ts'

bitcoin.initEccLib(tiny)

const ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n
const FIELD = 2n ** 256n - 2n ** 32n - 977n

/** A number below 2^256, big-endian. */
function bytesOf(number: bigint): Uint8Array {
  return hexToBytes(number.toString(16).padStart(64, '0'))
}

function drawSecretKey(draw: Draw): Uint8Array {
  return draw.oneIn(20) ? bytesOf(draw.pick([1n, 2n, ORDER - 1n, ORDER - 2n, ORDER / 2n])) : draw.bytes(32)
}

differential('tweaks', 'output keys and tweaked secret keys are those of libsecp256k1', (draw) => {
  const secretKey = drawSecretKey(draw)
  const root = draw.oneIn(2) ? draw.bytes(32) : undefined
  // Half of all x belong to no point.
  const internalKey = draw.oneIn(3)
    ? draw.pick([draw.bytes(32), bytesOf(FIELD), bytesOf(FIELD - 1n), bytesOf(2n ** 256n - 1n), bytesOf(0n)])
    : tiny.xOnlyPointFromScalar(secretKey)
  const expected = attempt(() => tweakKey(internalKey, root))
  const ours = taprootOutputKey(internalKey, root)
  assert.equal(ours && bytesToHex(ours.outputKey), expected ? bytesToHex(expected.x) : undefined)
  if (ours) assert.equal(ours.oddY ? 1 : 0, expected?.parity)

  const tweaked = tweakSecretKey(secretKey, root)
  const point = tiny.pointFromScalar(secretKey, true) as Uint8Array
  const even = point[0] === 2 ? secretKey : tiny.privateNegate(secretKey)
  const tweak = bitcoin.crypto.taggedHash(
    'TapTweak',
    Uint8Array.from([...point.subarray(1), ...(root ?? [])]),
  )
  assert.ok(equalBytes(tweaked, tiny.privateAdd(even, tweak) as Uint8Array))
  return ours ? 'keys' : 'of no point'
})

differential('signatures', 'each side verifies what the other signed, and both refuse the same', (draw) => {
  const secretKey = drawSecretKey(draw)
  const publicKey = schnorr.getPublicKey(secretKey)
  const message = draw.bytes(32)
  const auxiliary = draw.bytes(32)
  const signature = schnorr.sign(message, secretKey, auxiliary)
  // BIP340 leaves nothing to choose.
  assert.ok(equalBytes(signature, tiny.signSchnorr(message, secretKey, auxiliary)))
  assert.ok(
    verifySchnorr({ signature, message, publicKey }) && tiny.verifySchnorr(message, publicKey, signature),
  )

  const check = { signature: signature.slice(), message: message.slice(), publicKey: publicKey.slice() }
  const part = draw.pick([check.signature, check.signature, check.message, check.publicKey])
  if (draw.oneIn(3)) {
    // r and s at the ends of their ranges, keys at the end of the field.
    const edge = bytesOf(draw.pick([0n, 1n, ORDER - 1n, ORDER, FIELD - 1n, FIELD, 2n ** 256n - 1n]))
    part.set(edge, part.length === 64 ? 32 * draw.below(2) : 0)
  } else part[draw.below(part.length)] ^= 1 << draw.below(8)
  const theirs = attempt(() => tiny.verifySchnorr(check.message, check.publicKey, check.signature)) ?? false
  assert.equal(verifySchnorr(check), theirs)
})

differential(
  'derivation',
  'words, account and addresses are those of OpenSSL, libauth and bitcoinjs',
  (draw) => {
    const entropy = draw.bytes(draw.pick([16, 20, 24, 28, 32]))
    const coinType = draw.oneIn(2) ? 1 : draw.below(2 ** 31)
    const account = deriveAccount(entropy, coinType)
    const seed = pbkdf2Sync(entropyToWords(entropy), 'mnemonic', 2048, 64, 'sha512')
    const master = deriveHdPrivateNodeFromSeed(Uint8Array.from(seed))
    assert.ok('privateKey' in master && typeof master !== 'string')
    const theirs = deriveHdPublicNode(deriveHdPath(master as never, `m/86'/${coinType}'/0'`) as never)
    const xpub = encodeHdPublicKey({ network: 'mainnet', node: theirs as never })
    assert.equal(account.key.publicExtendedKey, typeof xpub === 'string' ? xpub : xpub.hdPublicKey)
    for (let i = 0; i < 2; i++) {
      const [branch, index] = [draw.below(2), draw.oneIn(2) ? draw.below(1000) : draw.below(2 ** 31)]
      const ours = account.descriptor.derive(branch, index)
      const node = deriveHdPathRelative(theirs as never, `${branch}/${index}`) as unknown as {
        publicKey: Uint8Array
      }
      const internalPubkey = bitcoin.toXOnly(node.publicKey)
      const payment = bitcoin.payments.p2tr({
        internalPubkey,
        network: { ...bitcoin.networks.bitcoin, bech32: 'tab' },
      })
      assert.ok(equalBytes(ours.internalKey, internalPubkey))
      assert.equal(encodeAddress(ours.outputKey, 'tab'), payment.address)
    }
  },
)

/** A coin and the key that spends it. */
function drawPsbtInput(draw: Draw) {
  const secretKey = drawSecretKey(draw)
  const internalKey = tiny.xOnlyPointFromScalar(secretKey)
  const outputKey = (tweakKey(internalKey, undefined) as { x: Uint8Array }).x
  const script = Uint8Array.of(0x51, 32, ...outputKey)
  const [txid, index, sequence] = [draw.bytes(32), draw.below(1_000), draw.anyU32()]
  const [fingerprint, path] = [draw.u32(), draw.list(draw.integer(0, 5), () => draw.anyU32())]
  // More than the outputs come to: scure extracts no transaction that makes money.
  return {
    secretKey,
    internalKey,
    script,
    txid,
    index,
    sequence,
    fingerprint,
    path,
    value: 2 ** 48 + Number(draw.bits(46)),
  }
}

/** How bitcoinjs spends by key path. */
function signerOf(secretKey: Uint8Array): bitcoin.Signer {
  const tweaked = tweakSecretKey(secretKey)
  const publicKey = tiny.pointFromScalar(tweaked, true) as Uint8Array
  return {
    publicKey,
    sign: () => {
      throw new Error('ECDSA has no part in this')
    },
    signSchnorr: (hash) => tiny.signSchnorr(hash, tweaked),
  }
}

differential('psbt', 'what we write bitcoinjs reads and signs, and we read what bitcoinjs writes', (draw) => {
  const inputs = draw.list(draw.integer(1, 4), () => drawPsbtInput(draw))
  const lockTime = draw.anyU32()
  const outputs = draw.list(draw.integer(1, 4), () => ({
    value: draw.bits(44),
    script: Uint8Array.of(0x51, 32, ...draw.bytes(32)),
  }))
  const ours = Psbt.of({
    inputs: inputs.map(({ txid, index, sequence, value, script, internalKey, fingerprint, path }) => ({
      prevout: { txid, index },
      sequence,
      spent: { value: sats(value), scriptPubKey: script },
      key: { internalKey, origin: { fingerprint, path } },
    })),
    outputs: outputs.map(({ value, script }) => ({
      value: sats(Number(value)),
      scriptPubKey: script,
      key: undefined,
    })),
    lockTime,
  })

  const theirs = bitcoin.Psbt.fromBuffer(ours.bytes)
  assert.deepEqual([theirs.locktime, theirs.version], [lockTime, 2])
  inputs.forEach(({ txid, index, sequence, value, script, internalKey, fingerprint, path }, i) => {
    const { witnessUtxo, tapInternalKey, tapBip32Derivation = [] } = theirs.data.inputs[i]
    assert.deepEqual([theirs.txInputs[i].index, theirs.txInputs[i].sequence], [index, sequence])
    assert.ok(equalBytes(theirs.txInputs[i].hash, txid))
    assert.ok(witnessUtxo && witnessUtxo.value === BigInt(value) && equalBytes(witnessUtxo.script, script))
    assert.ok(tapInternalKey && equalBytes(tapInternalKey, internalKey))
    const [{ pubkey, masterFingerprint, path: text }] = tapBip32Derivation
    assert.ok(equalBytes(pubkey, internalKey))
    assert.equal(bytesToHex(masterFingerprint), fingerprint.toString(16).padStart(8, '0'))
    assert.equal(
      text,
      path.map((step) => (step < 2 ** 31 ? `/${step}` : `/${step - 2 ** 31}'`)).reduce((a, b) => a + b, 'm'),
    )
  })

  // Signed there, read here.
  inputs.forEach(({ secretKey }, i) => {
    theirs.signInput(i, signerOf(secretKey))
  })
  const signed = Psbt.parse(theirs.toBuffer())
  assert.ok(signed.ok, signed.ok ? '' : signed.detail)
  const extracted = signed.value.extract()
  assert.ok(extracted.ok, extracted.ok ? '' : extracted.detail)
  const expected = theirs.finalizeAllInputs().extractTransaction(true).toBuffer()
  assert.ok(equalBytes(extracted.value.bytes, expected))
  const spentOutputs = signed.value.spentOutputs as Uint8Array
  assert.equal(verifyTransaction({ transaction: expected, spentOutputs }), undefined)

  // Built there, read here: the same.
  const built = new bitcoin.Psbt()
  built.setVersion(2).setLocktime(lockTime)
  for (const [i, { txid, index, sequence, value, script, internalKey }] of inputs.entries()) {
    const { tapBip32Derivation } = bitcoin.Psbt.fromBuffer(ours.bytes).data.inputs[i]
    const witnessUtxo = { value: BigInt(value), script }
    built.addInput({
      hash: txid,
      index,
      sequence,
      witnessUtxo,
      tapInternalKey: internalKey,
      tapBip32Derivation,
    })
  }
  for (const { value, script } of outputs) built.addOutput({ value, script })
  const parsed = Psbt.parse(built.toBuffer())
  assert.ok(parsed.ok, parsed.ok ? '' : parsed.detail)
  assert.deepEqual(parsed.value.inputs, ours.inputs)
  assert.ok(equalBytes(parsed.value.unsigned.bytes, ours.unsigned.bytes))
})
