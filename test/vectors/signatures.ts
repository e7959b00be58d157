/** Schnorr signatures (BIP340), taproot outputs and signature messages (BIP341). */
import assert from 'node:assert/strict'
import { schnorr } from '@noble/curves/secp256k1.js'
import { sats } from '../../src/primitives/amount.ts'
import { bytesToHex, concatBytes, hexToBytes, isHex } from '../../src/primitives/bytes.ts'
import { decodeTransaction, type Transaction } from '../../src/primitives/transaction.ts'
import { addressOf, decodeAddress } from '../../src/script/address.ts'
import { verifyByCurve } from '../../src/script/curve.ts'
import { packOutputs } from '../../src/script/input-check.ts'
import { verifySchnorr } from '../../src/script/schnorr.ts'
import { SighashCache } from '../../src/script/sighash.ts'
import {
  outputKeyOf,
  p2trScript,
  taprootOutputKey,
  tapTweak,
  tweakSecretKey,
} from '../../src/script/taproot.ts'
import { verifyInput } from '../../src/script/verify-input.ts'
import { SchnorrKey } from '../../src/signer/schnorr-key.ts'
import { parseAsm } from '../support/script-asm.ts'
import { controlBlocksOf, rootOf, type ScriptTree, tapLeafHash } from '../support/tapscript-spends.ts'
import { notApplicable } from '../support/vector-report.ts'
import { value } from '../support/wallets.ts'
import { jsonRule, type VectorRule } from './rule.ts'

interface SignatureRow {
  readonly secretKey: string | undefined
  readonly publicKey: string
  readonly auxRand: string
  readonly message: string
  readonly signature: string
  readonly valid: boolean
}

function checkSignature({ secretKey, publicKey, auxRand, message, signature, valid }: SignatureRow): void {
  const check = {
    signature: hexToBytes(signature),
    message: hexToBytes(message),
    publicKey: hexToBytes(publicKey),
  }
  assert.equal(verifySchnorr(check), valid)
  assert.equal(verifyByCurve(check), valid)
  if (!secretKey) return
  // What the signer calls, held against the same row.
  const made = schnorr.sign(check.message, hexToBytes(secretKey), hexToBytes(auxRand))
  assert.equal(bytesToHex(made), signature.toLowerCase())
  assert.equal(bytesToHex(schnorr.getPublicKey(hexToBytes(secretKey))), publicKey.toLowerCase())
  const key = new SchnorrKey(hexToBytes(secretKey))
  assert.equal(bytesToHex(key.sign(check.message, hexToBytes(auxRand))), signature.toLowerCase())
  assert.equal(bytesToHex(key.publicKey), publicKey.toLowerCase())
}

/** Comma-separated: index, secret key, public key, aux_rand, message, signature, result, comment. */
const bip340: VectorRule = {
  folder: 'bip340',
  accepts: ({ text }) => text.startsWith('index,secret key,public key,aux_rand,message,signature,'),
  run: ({ text }, report) => {
    for (const line of text.trim().split(/\r?\n/).slice(1)) {
      const [index, secretKey, publicKey, auxRand, message, signature, result] = line.split(',')
      const valid = result === 'TRUE'
      report.row(index, () => checkSignature({ secretKey, publicKey, auxRand, message, signature, valid }))
    }
  },
}

interface TinyVectors {
  readonly bip340testvectors: readonly {
    readonly d?: string
    readonly e?: string
    readonly Q: string
    readonly m: string
    readonly s: string
    /** Absent where that library throws instead of saying no. */
    readonly v?: boolean
  }[]
  readonly tweakaddvectors?: readonly unknown[]
}

/** The fixture of tiny-secp256k1. */
const tinySecp = jsonRule<TinyVectors>(
  'bip340',
  ['bip340testvectors'],
  ['tweakaddvectors'],
  (content, report) => {
    content.bip340testvectors.forEach(({ d, e, Q, m, s, v }, index) => {
      report.row(`${index}`, () =>
        checkSignature({
          secretKey: d,
          publicKey: Q,
          auxRand: e ?? '',
          message: m,
          signature: s,
          valid: v ?? false,
        }),
      )
    })
    report.skipAll('tweaks of any number: keys are tweaked by TapTweak hashes alone', content.tweakaddvectors)
  },
)

/** A leaf or a pair, as BIP341 writes it. */
type WalletTree = { script: string; leafVersion: number } | readonly [WalletTree, WalletTree]

interface WalletVectors {
  readonly scriptPubKey: readonly {
    readonly given: { readonly internalPubkey: string; readonly scriptTree: WalletTree | null }
    readonly intermediary: {
      readonly leafHashes?: readonly string[]
      readonly merkleRoot: string | null
      readonly tweak: string
      readonly tweakedPubkey: string
    }
    readonly expected: {
      readonly scriptPubKey: string
      readonly bip350Address: string
      readonly scriptPathControlBlocks?: readonly string[]
    }
  }[]
  readonly keyPathSpending: readonly {
    readonly given: {
      readonly rawUnsignedTx: string
      readonly utxosSpent: readonly { readonly scriptPubKey: string; readonly amountSats: number }[]
    }
    readonly intermediary: Readonly<Record<string, string>>
    readonly inputSpending: readonly {
      readonly given: {
        readonly txinIndex: number
        readonly internalPrivkey: string
        readonly merkleRoot: string | null
        readonly hashType: number
      }
      readonly intermediary: {
        readonly internalPubkey: string
        readonly tweak: string
        readonly tweakedPrivkey: string
        readonly sigMsg: string
        readonly sigHash: string
      }
      readonly expected: { readonly witness: readonly string[] }
    }[]
    readonly auxiliary: { readonly fullySignedTx: string }
  }[]
}

function scriptTreeOf(tree: WalletTree): ScriptTree {
  return 'script' in tree
    ? { script: hexToBytes(tree.script), leafVersion: tree.leafVersion }
    : [scriptTreeOf(tree[0]), scriptTreeOf(tree[1])]
}

function leavesOf(tree: ScriptTree): { script: Uint8Array; leafVersion: number }[] {
  return 'script' in tree ? [tree] : tree.flatMap(leavesOf)
}

function checkWalletOutput({ given, intermediary, expected }: WalletVectors['scriptPubKey'][number]): void {
  const internalKey = hexToBytes(given.internalPubkey)
  const tree = given.scriptTree ? scriptTreeOf(given.scriptTree) : undefined
  const root = tree && rootOf(tree)
  assert.equal(root ? bytesToHex(root) : null, intermediary.merkleRoot)
  if (tree && intermediary.leafHashes)
    assert.deepEqual(
      leavesOf(tree).map(({ script, leafVersion }) => bytesToHex(tapLeafHash(script, leafVersion))),
      intermediary.leafHashes,
    )
  assert.equal(bytesToHex(tapTweak(internalKey, root)), intermediary.tweak)
  const tweaked = taprootOutputKey(internalKey, root)
  assert(tweaked)
  assert.equal(bytesToHex(tweaked.outputKey), intermediary.tweakedPubkey)
  const script = p2trScript(tweaked.outputKey)
  assert.equal(bytesToHex(script), expected.scriptPubKey)
  assert.equal(addressOf(script, 'bc'), expected.bip350Address)
  if (tree && expected.scriptPathControlBlocks)
    assert.deepEqual(controlBlocksOf(internalKey, tree).map(bytesToHex), expected.scriptPathControlBlocks)
}

const walletVectors = jsonRule<WalletVectors>(
  'bip341',
  ['scriptPubKey', 'keyPathSpending'],
  [],
  ({ scriptPubKey, keyPathSpending }, report) => {
    for (const row of scriptPubKey) report.row(row.expected.bip350Address, () => checkWalletOutput(row))
    for (const { given, intermediary, inputSpending, auxiliary } of keyPathSpending) {
      const spentOutputs = packOutputs(
        given.utxosSpent.map(({ scriptPubKey, amountSats }) => ({
          value: sats(amountSats),
          scriptPubKey: hexToBytes(scriptPubKey),
        })),
      )
      const sighashes = new SighashCache(decoded(given.rawUnsignedTx), spentOutputs)
      report.row('precomputed hashes', () =>
        assert.deepEqual(
          {
            hashAmounts: bytesToHex(sighashes.shaAmounts),
            hashOutputs: bytesToHex(sighashes.shaOutputs),
            hashPrevouts: bytesToHex(sighashes.shaPrevouts),
            hashScriptPubkeys: bytesToHex(sighashes.shaScriptPubKeys),
            hashSequences: bytesToHex(sighashes.shaSequences),
          },
          intermediary,
        ),
      )
      const signed = decoded(auxiliary.fullySignedTx)
      for (const { given, intermediary, expected } of inputSpending)
        report.row(`input ${given.txinIndex}`, () => {
          const root = given.merkleRoot === null ? undefined : hexToBytes(given.merkleRoot)
          const secretKey = hexToBytes(given.internalPrivkey)
          const internalKey = schnorr.getPublicKey(secretKey)
          assert.equal(bytesToHex(internalKey), intermediary.internalPubkey)
          assert.equal(bytesToHex(tapTweak(internalKey, root)), intermediary.tweak)
          const tweaked = tweakSecretKey(secretKey, root)
          assert.equal(bytesToHex(tweaked), intermediary.tweakedPrivkey)
          const message = sighashes.message(given.txinIndex, given.hashType)
          const sighash = sighashes.sighash(given.txinIndex, given.hashType)
          assert(message && sighash)
          assert.equal(bytesToHex(message), intermediary.sigMsg)
          assert.equal(bytesToHex(sighash), intermediary.sigHash)
          const signature = schnorr.sign(sighash, tweaked, new Uint8Array(32))
          const suffix = given.hashType === 0 ? [] : [given.hashType]
          assert.deepEqual([bytesToHex(Uint8Array.of(...signature, ...suffix))], expected.witness)
          assert.deepEqual(signed.inputs[given.txinIndex].witness.map(bytesToHex), expected.witness)
          value(verifyInput(new SighashCache(signed, spentOutputs), given.txinIndex))
        })
    }
  },
)

/** A payment as bitcoinjs-lib describes it, in hex, assembly and trees of these. */
interface Payment {
  readonly address?: string
  readonly output?: string
  readonly pubkey?: string
  readonly internalPubkey?: string
  readonly hash?: string
  readonly scriptTree?: unknown
  readonly witness?: readonly string[]
}

interface PaymentVectors {
  readonly valid: readonly {
    readonly description?: string
    readonly arguments: Payment
    readonly expected: Payment
  }[]
  readonly invalid: readonly {
    readonly description?: string
    readonly exception: string
    readonly arguments: Payment
  }[]
}

/** The fixture p2tr.json of bitcoinjs-lib: each payment is made from what is given of it by the functions that make it here. */
const bitcoinjsPayments = jsonRule<PaymentVectors>('bip341', ['valid', 'invalid'], [], (content, report) => {
  for (const { description, arguments: given, expected } of content.valid)
    report.row(description ?? '', () => {
      if (!given.address && !given.output && !given.pubkey && !given.internalPubkey)
        notApplicable('nothing given that an output is made of here')
      const key = outputKeyFrom(given)
      assert(key)
      assert.equal(addressOf(p2trScript(key), 'bc'), expected.address ?? given.address)
      if (expected.pubkey) assert.equal(bytesToHex(key), expected.pubkey)
      if (expected.output) assert.deepEqual(p2trScript(key), scriptOf(expected.output))
      const tree = given.scriptTree ? treeOf(given.scriptTree) : undefined
      if (tree && expected.hash) assert.equal(bytesToHex(rootOf(tree)), expected.hash)
    })
  for (const { description, exception, arguments: given } of content.invalid)
    report.row(description ?? exception, () => {
      if (given.address && !given.pubkey && !given.output) {
        // BIP341 leaves outputs whose key is no point unspendable, not invalid.
        if (exception === 'Invalid pubkey for p2tr')
          notApplicable('an output that nobody can spend is no invalid one')
        assert.equal(decodeAddress(given.address, 'bc').ok, false)
        return
      }
      if (given.internalPubkey && isHex(given.internalPubkey, 32) && Object.keys(given).length === 1) {
        assert.equal(taprootOutputKey(hexToBytes(given.internalPubkey)), undefined)
        return
      }
      notApplicable('contradictions in the arguments of another interface')
    })
})

/** The output key of a payment, from the least that is given of it. */
function outputKeyFrom(given: Payment): Uint8Array | undefined {
  if (given.address) return outputKeyOf(value(decodeAddress(given.address, 'bc')))
  if (given.output) return outputKeyOf(scriptOf(given.output))
  if (given.pubkey) return hexToBytes(given.pubkey)
  if (given.internalPubkey) {
    const tree = given.scriptTree ? treeOf(given.scriptTree) : undefined
    const root = tree ? rootOf(tree) : given.hash ? hexToBytes(given.hash) : undefined
    return taprootOutputKey(hexToBytes(given.internalPubkey), root)?.outputKey
  }
  return undefined
}

function treeOf(tree: unknown): ScriptTree {
  if (Array.isArray(tree)) return [treeOf(tree[0]), treeOf(tree[1])]
  const { output, version } = tree as { output: string; version?: number }
  return { script: scriptOf(output), leafVersion: version ?? 0xc0 }
}

/** bitcoinjs-lib's assembly: names of opcodes, and pushes in bare hex. */
function scriptOf(asm: string): Uint8Array {
  const words = asm.split(' ').map((word) => {
    if (word.startsWith('OP_')) return parseAsm(word)
    const bytes = hexToBytes(word)
    return concatBytes(Uint8Array.of(bytes.length), bytes)
  })
  return concatBytes(...words)
}

function decoded(hex: string): Transaction {
  return value(decodeTransaction(hexToBytes(hex)))
}

export const signatureRules: readonly VectorRule[] = [bip340, tinySecp, walletVectors, bitcoinjsPayments]
