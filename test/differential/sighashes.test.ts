/**
 * Signature messages of BIP341 and BIP342 against bitcoinjs-lib's `hashForWitnessV1`, which has every hash type, annex and leaf but no code
 * separator, and against scure-btc-signer's `preimageWitnessV1`, which has that too and any amount. Bitcoinjs hashes with an older
 * noble; the hashes themselves are compared with OpenSSL's elsewhere.
 */
import assert from 'node:assert/strict'
import * as scure from '@scure/btc-signer'
import { tapLeafHash } from '@scure/btc-signer/payment.js'
import * as bitcoin from 'bitcoinjs-lib'
import { tapleafHash } from 'bitcoinjs-lib/src/payments/bip341'
import { concatBytes, equalBytes } from '../../src/primitives/bytes.ts'
import { decodeTransaction } from '../../src/primitives/transaction.ts'
import { hashAnnex, SighashCache } from '../../src/script/sighash.ts'
import { differential } from '../support/differential.ts'
import type { Draw } from '../support/draw.ts'
import { drawTransaction, toBitcoinjs } from '../support/drawn-transactions.ts'

/** The seven of BIP341. */
const HASH_TYPES = [0x00, 0x01, 0x02, 0x03, 0x81, 0x82, 0x83]

interface SpentCoin {
  readonly value: bigint
  readonly script: Uint8Array
}

/** CTxOut, written by bitcoinjs. */
function pack(coins: readonly SpentCoin[]): Uint8Array {
  const holder = new bitcoin.Transaction()
  for (const { value, script } of coins) holder.outs.push({ value, script })
  // Version, no inputs, CompactSize of the outputs; the outputs; lock time.
  return holder.toBuffer().subarray(coins.length < 0xfd ? 6 : 8, -4)
}

function drawP2trCoin(draw: Draw): SpentCoin {
  const value = draw.oneIn(6) ? draw.bits(63) : draw.bits(51)
  return { value, script: Uint8Array.of(0x51, 32, ...draw.bytes(32)) }
}

/** Beside P2TR any script: the message has no opinion on it. */
function drawCoin(draw: Draw): SpentCoin {
  return draw.oneIn(3) ? { ...drawP2trCoin(draw), script: draw.blob() } : drawP2trCoin(draw)
}

function drawAnnex(draw: Draw): Uint8Array | undefined {
  return draw.oneIn(3) ? concatBytes(Uint8Array.of(0x50), draw.blob()) : undefined
}

differential('sighashes', 'are those of bitcoinjs for every hash type, with annex and leaf', (draw) => {
  const theirs = toBitcoinjs(drawTransaction(draw))
  // What is signed with NONE or SINGLE may have none; bitcoinjs refuses the others, which no consensus rule does.
  if (theirs.outs.length === 0) theirs.outs.push({ value: 1n, script: Uint8Array.of(0x6a) })
  // Under ANYONECANPAY bitcoinjs has room for a script of 34 bytes and no other.
  const coins = theirs.ins.map(() => drawP2trCoin(draw))
  const decoded = decodeTransaction(theirs.toBuffer())
  assert.ok(decoded.ok)
  const sighashes = new SighashCache(decoded.value, pack(coins))
  // Several from one cache: what it keeps must serve them all.
  for (const index of draw.list(3, () => draw.below(theirs.ins.length))) {
    const hashType = draw.oneIn(8)
      ? draw.pick([0x04, 0x80, 0x84, 0xff, draw.below(256)])
      : draw.pick(HASH_TYPES)
    const annex = drawAnnex(draw)
    const leaf = draw.oneIn(2) ? draw.blob() : undefined
    const leafHash = leaf && tapleafHash({ output: leaf })
    const tapscript = leafHash && { leafHash, codeSeparatorPosition: 0xffffffff }
    const ours = sighashes.sighash(index, hashType, annex && hashAnnex(annex), tapscript)
    const outputMissing = (hashType & 3) === 3 && index >= theirs.outs.length
    if (!HASH_TYPES.includes(hashType) || outputMissing) {
      // Bitcoinjs hashes these all the same: its callers check.
      assert.equal(ours, undefined)
      continue
    }
    const scripts = coins.map(({ script }) => script)
    const values = coins.map(({ value }) => value)
    const expected = theirs.hashForWitnessV1(index, scripts, values, hashType, leafHash, annex)
    assert.ok(ours && equalBytes(ours, expected), `input ${index}, hash type ${hashType}`)
  }
})

differential('code separators', 'sighashes after a code separator are those of scure-btc-signer', (draw) => {
  const drawn = drawTransaction(draw)
  // Scure keeps the version signed and has amounts without sign.
  const version = drawn.version & 0x7fffffff
  const outputs = drawn.outputs.map(({ value, script }) => ({ value: BigInt.asUintN(63, value), script }))
  const bytes = toBitcoinjs({ ...drawn, version, outputs }).toBuffer()
  const decoded = decodeTransaction(bytes)
  assert.ok(decoded.ok)
  const coins = drawn.inputs.map(() => drawCoin(draw))
  const theirs = new scure.Transaction({
    version,
    lockTime: drawn.lockTime,
    allowUnknownVersion: true,
    allowUnknownOutputs: true,
    allowUnknownInputs: true,
    disableScriptCheck: true,
  } as never)
  for (const { txid, index, sequence } of drawn.inputs)
    theirs.addInput({ txid: txid.toReversed(), index, sequence }, true)
  for (const { value, script } of outputs) theirs.addOutput({ amount: value, script }, true)

  const index = draw.below(drawn.inputs.length)
  const hashType = draw.pick(HASH_TYPES)
  const annex = drawAnnex(draw)
  const leaf = draw.blob()
  const leafVersion = draw.oneIn(3) ? draw.pick([0x66, 0x7e, 0x84, 0xbe, 0xc2, 0xfe]) : 0xc0
  // Scure writes the position as a signed number.
  const position = draw.oneIn(4) ? -1 : draw.below(draw.oneIn(2) ? 20 : 2 ** 31)
  const tapscript = { leafHash: tapLeafHash(leaf, leafVersion), codeSeparatorPosition: position >>> 0 }
  const ours = new SighashCache(decoded.value, pack(coins)).sighash(
    index,
    hashType,
    annex && hashAnnex(annex),
    tapscript,
  )
  if ((hashType & 3) === 3 && index >= outputs.length) {
    assert.equal(ours, undefined)
    return 'without an output to sign'
  }
  const scripts = coins.map(({ script }) => script)
  const values = coins.map(({ value }) => value)
  const expected = theirs.preimageWitnessV1(
    index,
    scripts,
    hashType,
    values,
    position,
    leaf,
    leafVersion,
    annex,
  )
  assert.ok(ours && equalBytes(ours, expected), `input ${index}, hash type ${hashType}`)
  return undefined
})
