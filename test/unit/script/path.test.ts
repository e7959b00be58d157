/** Promise: a script-path spend is accepted exactly when BIP341 and BIP342 accept it, with Bitcoin Core's code where not. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { schnorr } from '@noble/curves/secp256k1.js'
import { sats } from '../../../src/primitives/amount.ts'
import { concatBytes, EMPTY } from '../../../src/primitives/bytes.ts'
import { Transaction, type TransactionFields } from '../../../src/primitives/transaction.ts'
import { packOutputs } from '../../../src/script/input-check.ts'
import type { SignatureKernel } from '../../../src/script/schnorr.ts'
import { CONSENSUS_SCRIPT_FLAGS, SCRIPT_VERIFY } from '../../../src/script/script-flags.ts'
import { hashAnnex, SighashCache } from '../../../src/script/sighash.ts'
import { p2trScript, tapLeafHash, taprootOutputKey } from '../../../src/script/taproot.ts'
import { verifyInput } from '../../../src/script/verify-input.ts'
import { parseAsm } from '../../support/script-asm.ts'
import { controlBlocksOf, leafSpend, rootOf, type ScriptTree } from '../../support/tapscript-spends.ts'

const KEYS = [1, 2, 3].map((byte) => new Uint8Array(32).fill(byte))
const PUBLIC_KEYS = KEYS.map((key) => schnorr.getPublicKey(key))
const ANNEX = Uint8Array.of(0x50, 1)
const ALL_VALID: SignatureKernel = { findInvalid: () => -1 }

/** A transaction of one input that spends `scriptPubKey`, and the cache of its hashes. */
function spend(scriptPubKey: Uint8Array, witness: readonly Uint8Array[]): SighashCache {
  const fields: TransactionFields = {
    version: 2,
    lockTime: 0,
    inputs: [{ prevout: { txid: new Uint8Array(32), index: 0 }, scriptSig: EMPTY, sequence: 0, witness }],
    outputs: [{ value: sats(1_000), scriptPubKey: p2trScript(PUBLIC_KEYS[0]) }],
  }
  return new SighashCache(Transaction.of(fields), packOutputs([{ value: sats(2_000), scriptPubKey }]))
}

function verdict(
  scriptPubKey: Uint8Array,
  witness: readonly Uint8Array[],
  flags = CONSENSUS_SCRIPT_FLAGS,
  kernel?: SignatureKernel,
): string {
  const result = verifyInput(spend(scriptPubKey, witness), 0, flags, kernel)
  if (result.ok) return 'ok'
  return result.kind === 'invalid' ? result.code : `${result.kind} ${result.code}`
}

const leaf = (asm: string, leafVersion = 0xc0): ScriptTree => ({ script: parseAsm(asm), leafVersion })

/** What spends each leaf of a tree, with an empty stack under the script. */
function tree(root: ScriptTree, internalKey = PUBLIC_KEYS[0]) {
  const output = taprootOutputKey(internalKey, rootOf(root))
  assert(output)
  return {
    scriptPubKey: p2trScript(output.outputKey),
    oddY: output.oddY,
    controlBlocks: controlBlocksOf(internalKey, root),
  }
}

test('every leaf of a tree is spent by its own path, and by no other', () => {
  const leaves = ['1', '2', '3', '4', '5'].map((asm) => leaf(asm))
  const [a, b, c, d, e] = leaves
  const { scriptPubKey, controlBlocks } = tree([
    [a, [b, c]],
    [d, e],
  ])
  leaves.forEach((each, i) => {
    assert('script' in each)
    controlBlocks.forEach((controlBlock, j) => {
      const expected = i === j ? 'ok' : 'witness-program-mismatch'
      assert.equal(verdict(scriptPubKey, [each.script, controlBlock]), expected, `${i} by ${j}`)
    })
  })
})

test('the control block: its sizes, and every bit of it', () => {
  const script = parseAsm('1')
  const { scriptPubKey, controlBlocks } = tree([leaf('1'), leaf('2')])
  const [block] = controlBlocks
  assert.equal(verdict(scriptPubKey, [script, block]), 'ok')
  for (let bit = 0; bit < block.length * 8; bit += bit < 16 ? 1 : 7) {
    const changed = block.slice()
    changed[bit >> 3] ^= 0x80 >> (bit & 7)
    // A bit of the first byte makes another leaf version or parity.
    assert.equal(verdict(scriptPubKey, [script, changed]), 'witness-program-mismatch', `bit ${bit}`)
  }
  for (const length of [0, 1, 32, 34, 64, 66, 33 + 127 * 32 + 31, 33 + 128 * 32 + 1, 33 + 129 * 32])
    assert.equal(verdict(scriptPubKey, [script, new Uint8Array(length)]), 'taproot-wrong-control-size')
  assert.equal(verdict(scriptPubKey, [script, new Uint8Array(33)]), 'witness-program-mismatch')
})

test('a path has 128 hashes at most', () => {
  const deep = (depth: number) => {
    let root = leaf('1')
    for (let i = 0; i < depth; i++) root = [root, leaf('2')]
    const { scriptPubKey, controlBlocks } = tree(root)
    return verdict(scriptPubKey, [parseAsm('1'), controlBlocks[0]])
  }
  assert.equal(deep(0), 'ok')
  assert.equal(deep(128), 'ok')
  assert.equal(deep(129), 'taproot-wrong-control-size')
})

test('output keys of both parities', () => {
  const parities = new Set<boolean>()
  for (const key of PUBLIC_KEYS)
    for (const asm of ['1', '2', '3']) {
      const { scriptPubKey, controlBlocks, oddY } = tree(leaf(asm), key)
      parities.add(oddY)
      assert.equal(verdict(scriptPubKey, [parseAsm(asm), controlBlocks[0]]), 'ok')
      const wrong = controlBlocks[0].slice()
      wrong[0] ^= 1
      assert.equal(verdict(scriptPubKey, [parseAsm(asm), wrong]), 'witness-program-mismatch')
    }
  assert.equal(parities.size, 2)
})

test('an internal key that is not on the curve commits to nothing', () => {
  const block = concatBytes(Uint8Array.of(0xc0), new Uint8Array(32).fill(0xff))
  assert.equal(verdict(p2trScript(PUBLIC_KEYS[0]), [parseAsm('1'), block]), 'witness-program-mismatch')
})

test('leaf versions without a meaning make any script succeed, and policy refuses them', () => {
  for (const leafVersion of [0xbe, 0xc2, 0x66]) {
    const { scriptPubKey, controlBlocks } = tree(leaf('RETURN', leafVersion))
    const witness = [new Uint8Array(600), parseAsm('RETURN'), controlBlocks[0]]
    assert.equal(verdict(scriptPubKey, witness), 'ok')
    assert.equal(
      verdict(scriptPubKey, witness, SCRIPT_VERIFY.DISCOURAGE_UPGRADABLE_TAPROOT_VERSION),
      'not-now discourage-upgradable-taproot-version',
    )
  }
  const { scriptPubKey, controlBlocks } = tree(leaf('RETURN'))
  assert.equal(verdict(scriptPubKey, [parseAsm('RETURN'), controlBlocks[0]]), 'op-return')
})

test('the budget for signatures is the witness, annex included, and 50', () => {
  const key = PUBLIC_KEYS[0]
  const signature = new Uint8Array(64).fill(9)
  const spent = (nops: number, annex: readonly Uint8Array[] = []) => {
    const script = parseAsm(`${'2DUP CHECKSIGVERIFY '.repeat(4)} CHECKSIG ${'NOP '.repeat(nops)}`)
    const { scriptPubKey, witness } = leafSpend(script, [signature, key])
    return verdict(scriptPubKey, [...witness, ...annex], CONSENSUS_SCRIPT_FLAGS, ALL_VALID)
  }
  // 1 for the count of items, then 65, 33, 34, and 1 + 9 + 57 for the script: 200, and 50.
  assert.equal(spent(57), 'ok')
  assert.equal(spent(56), 'tapscript-validation-weight')
  // The annex of two bytes counts three.
  assert.equal(spent(54, [ANNEX]), 'ok')
  assert.equal(spent(53, [ANNEX]), 'tapscript-validation-weight')
})

test('two of three keys sign, for every hash type, with and without an annex and a separator', () => {
  const [a, b, c] = PUBLIC_KEYS
  const checks = concatBytes(
    Uint8Array.of(32),
    a,
    parseAsm('CHECKSIG'),
    Uint8Array.of(32),
    b,
    parseAsm('CHECKSIGADD CODESEPARATOR'),
    Uint8Array.of(32),
    c,
    parseAsm('CHECKSIGADD 2 NUMEQUAL'),
  )
  const { scriptPubKey, witness } = leafSpend(checks, [EMPTY, EMPTY, EMPTY])
  const leafHash = tapLeafHash(checks)
  for (const hashType of [0, 1, 2, 3, 0x81, 0x82, 0x83])
    for (const annex of [undefined, ANNEX]) {
      const sighashes = spend(scriptPubKey, witness)
      const sign = (secretKey: Uint8Array, codeSeparatorPosition: number) => {
        const context = { leafHash, codeSeparatorPosition }
        const message = sighashes.sighash(0, hashType, annex && hashAnnex(annex), context)
        assert(message)
        const signature = schnorr.sign(message, secretKey, new Uint8Array(32))
        return hashType === 0 ? signature : Uint8Array.of(...signature, hashType)
      }
      const [, , , script, controlBlock] = witness
      const end = annex ? [script, controlBlock, annex] : [script, controlBlock]
      const [first, third] = [sign(KEYS[0], 0xffffffff), sign(KEYS[2], 4)]
      assert.equal(verdict(scriptPubKey, [third, EMPTY, first, ...end]), 'ok')
      assert.equal(verdict(scriptPubKey, [EMPTY, EMPTY, first, ...end]), 'eval-false')
      // The right signatures in the wrong places, behind the wrong separator, or for another annex.
      assert.equal(verdict(scriptPubKey, [first, EMPTY, third, ...end]), 'schnorr-sig')
      const stale = sign(KEYS[2], 0xffffffff)
      assert.equal(verdict(scriptPubKey, [stale, EMPTY, first, ...end]), 'schnorr-sig')
      const otherEnd = [script, controlBlock, Uint8Array.of(0x50, 2)]
      assert.equal(verdict(scriptPubKey, [third, EMPTY, first, ...otherEnd]), 'schnorr-sig')
      // What the script finds wrong comes before what the signatures are worth.
      assert.equal(verdict(scriptPubKey, [third, third, third, ...end]), 'eval-false')
    }
})
