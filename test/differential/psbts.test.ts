/**
 * The roles of BIP174 with the fields of BIP371 against bitcoinjs-lib and scure-btc-signer: what one of the three writes, the others read
 * and write alike; what one signs, the others combine and finalise to the same transaction. Ours runs scure's tables of fields, but none
 * of its roles. bitcoinjs knows no version 2 and no thresholds; scure does.
 */
import assert from 'node:assert/strict'
import { Transaction as ScureTransaction } from '@scure/btc-signer/transaction.js'
import * as bitcoin from 'bitcoinjs-lib'
import * as tiny from 'tiny-secp256k1'
import { bytesToHex, concatBytes, equalBytes } from '../../src/primitives/bytes.ts'
import { HASH_TYPES } from '../../src/script/hash-types.ts'
import {
  OP_CHECKSIG,
  OP_CHECKSIGADD,
  OP_CHECKSIGVERIFY,
  OP_NUMEQUAL,
  pushData,
  pushNumber,
} from '../../src/script/opcodes.ts'
import { p2trScript, taprootOutputKey, tweakSecretKey } from '../../src/script/taproot.ts'
import { verifyTransaction } from '../../src/script/verify-input.ts'
import { Psbt } from '../../src/wallet/psbt.ts'
import { differential } from '../support/differential.ts'
import type { Draw } from '../support/draw.ts'
import {
  controlBlocksOf,
  rootOf,
  type ScriptTree,
  TAPSCRIPT_LEAF_VERSION,
} from '../support/tapscript-spends.ts'
import { value } from '../support/wallets.ts'

bitcoin.initEccLib(tiny)

const SCURE = {
  unknown: 'ignore',
  allowUnknownOutputs: true,
  allowUnknownInputs: true,
  allowUnknownVersion: true,
  disableScriptCheck: true,
} as const

/** How an input is spent. */
type Path = 'key' | 'single' | 'both' | 'threshold'

/** A coin, what spends it, and by which keys. */
interface DrawnInput {
  readonly path: Path
  readonly scriptPubKey: Uint8Array
  readonly value: bigint
  readonly hashType: number
  readonly internalKey: Uint8Array
  readonly tree: ScriptTree | undefined
  readonly script: Uint8Array
  /** Of those who sign. */
  readonly secrets: readonly Uint8Array[]
}

function publicKeyOf(secret: Uint8Array): Uint8Array {
  return tiny.xOnlyPointFromScalar(secret)
}

function scriptOf(path: Path, keys: readonly Uint8Array[]): Uint8Array {
  const [a, b, c] = keys.map(pushData)
  switch (path) {
    case 'key':
    case 'single':
      return concatBytes(a, Uint8Array.of(OP_CHECKSIG))
    case 'both':
      return concatBytes(a, Uint8Array.of(OP_CHECKSIGVERIFY), b, Uint8Array.of(OP_CHECKSIG))
    case 'threshold':
      return concatBytes(
        ...[
          a,
          Uint8Array.of(OP_CHECKSIG),
          b,
          Uint8Array.of(OP_CHECKSIGADD),
          c,
          Uint8Array.of(OP_CHECKSIGADD),
        ],
        ...[pushNumber(2), Uint8Array.of(OP_NUMEQUAL)],
      )
  }
}

function drawInput(draw: Draw, path: Path, hashType: number): DrawnInput {
  const secrets = draw.list(3, () => draw.bytes(32))
  const internalSecret = draw.bytes(32)
  const internalKey = publicKeyOf(internalSecret)
  const script = scriptOf(path, secrets.map(publicKeyOf))
  const leaf = { script, leafVersion: TAPSCRIPT_LEAF_VERSION }
  const sibling = { script: pushData(draw.bytes(draw.integer(0, 40))), leafVersion: TAPSCRIPT_LEAF_VERSION }
  const tree: ScriptTree | undefined =
    path === 'key' && draw.oneIn(2) ? undefined : draw.oneIn(2) ? leaf : [leaf, sibling]
  const { outputKey } = taprootOutputKey(internalKey, tree && rootOf(tree))!
  const signers = { key: [internalSecret], single: secrets.slice(0, 1), both: secrets.slice(0, 2) }
  return {
    path,
    scriptPubKey: p2trScript(outputKey),
    value: 2n ** 46n + draw.bits(40),
    hashType,
    internalKey,
    tree,
    script,
    secrets: path === 'threshold' ? secrets.toSpliced(draw.below(3), 1) : signers[path],
  }
}

/** How bitcoinjs signs: by the key as it is, or tweaked for the key path. */
function signerOf(secret: Uint8Array): bitcoin.Signer {
  return {
    publicKey: tiny.pointFromScalar(secret, true) as Uint8Array,
    sign: () => {
      throw new Error('ECDSA has no part in this')
    },
    signSchnorr: (hash) => tiny.signSchnorr(hash, secret),
  }
}

/** Built by bitcoinjs. */
function build(draw: Draw, inputs: readonly DrawnInput[]): bitcoin.Psbt {
  const psbt = new bitcoin.Psbt()
  psbt.setVersion(2).setLocktime(draw.anyU32())
  for (const { path, scriptPubKey, value, hashType, internalKey, tree, script } of inputs)
    psbt.addInput({
      hash: draw.bytes(32),
      index: draw.below(9),
      sequence: draw.anyU32(),
      witnessUtxo: { script: scriptPubKey, value },
      // Bitcoinjs takes no zero.
      ...(hashType === 0 ? {} : { sighashType: hashType }),
      ...(path === 'key' || draw.oneIn(2) ? { tapInternalKey: internalKey } : {}),
      ...(tree && (path === 'key' || draw.oneIn(2)) ? { tapMerkleRoot: rootOf(tree) } : {}),
      ...(path !== 'key' && tree
        ? {
            tapLeafScript: [
              {
                leafVersion: TAPSCRIPT_LEAF_VERSION,
                script,
                controlBlock: controlBlocksOf(internalKey, tree)[0],
              },
            ],
          }
        : {}),
    })
  for (const [i] of inputs.entries())
    psbt.addOutput({ script: p2trScript(draw.bytes(32)), value: 2n ** 44n + BigInt(i) })
  return psbt
}

differential('psbt roles', 'what bitcoinjs and scure write, sign and finalise is what we do', (draw) => {
  const path = draw.pick(['key', 'single', 'both', 'threshold'] as const)
  // Of the hash types that leave something open, bitcoinjs signs only those that it is allowed to.
  const types = [...HASH_TYPES.values()]
  const inputs = draw.list(draw.integer(1, 3), () => drawInput(draw, path, draw.pick(types)))
  const built = build(draw, inputs)
  const bytes = Uint8Array.from(built.toBuffer())

  const ours = value(Psbt.parse(bytes))
  const scure = ScureTransaction.fromPSBT(bytes, SCURE)
  assert.equal(bytesToHex(ours.bytes), bytesToHex(scure.toPSBT(0)))
  assert.equal(bytesToHex(value(Psbt.parse(scure.toPSBT(2))).bytes), bytesToHex(ours.bytes))
  const again = Uint8Array.from(bitcoin.Psbt.fromBuffer(ours.bytes).toBuffer())
  assert.equal(bytesToHex(value(Psbt.parse(again)).bytes), bytesToHex(ours.bytes))

  // Each key signs a copy of its own.
  const copies = inputs.flatMap(({ path, secrets, tree, hashType }, i) =>
    secrets.map((secret) => {
      const copy = bitcoin.Psbt.fromBuffer(bytes)
      const own = path === 'key' ? tweakSecretKey(secret, tree && rootOf(tree)) : secret
      copy.signInput(i, signerOf(own), [hashType])
      return copy
    }),
  )
  const parsed = copies.map((copy) => value(Psbt.parse(Uint8Array.from(copy.toBuffer()))))
  const combined = parsed.reduce((all, one) => value(all.combine(one)), ours)
  const theirs = bitcoin.Psbt.fromBuffer(bytes).combine(...copies)
  assert.equal(
    bytesToHex(combined.bytes),
    bytesToHex(value(Psbt.parse(Uint8Array.from(theirs.toBuffer()))).bytes),
  )

  const transaction = value(combined.extract())
  assert.equal(
    verifyTransaction({ transaction: transaction.bytes, spentOutputs: ours.spentOutputs! }),
    undefined,
  )
  const finalised = ScureTransaction.fromPSBT(combined.bytes, SCURE)
  finalised.finalize()
  assert.equal(bytesToHex(transaction.bytes), bytesToHex(finalised.extract()))
  assert.equal(bytesToHex(combined.finalized().bytes), bytesToHex(finalised.toPSBT(0)))
  if (path !== 'threshold') {
    const extracted = theirs.finalizeAllInputs().extractTransaction(true).toBuffer()
    assert.ok(equalBytes(transaction.bytes, extracted))
  }

  // Whatever is missing or altered, nothing is called complete.
  const harmed = value(Psbt.parse(combined.bytes))
  const map = harmed.maps.inputs[draw.below(inputs.length)]
  const signature = map.tapKeySig ?? map.tapScriptSig![0][1]
  signature[draw.below(64)] ^= 1 << draw.below(8)
  assert.equal(harmed.extract().ok, false)
  return path
})
