/**
 * Script trees of BIP341 against bitcoinjs-lib's `p2tr` payments over libsecp256k1 (tiny-secp256k1): leaf and root hashes, output
 * keys, and control blocks, good and damaged.
 */
import assert from 'node:assert/strict'
import * as bitcoin from 'bitcoinjs-lib'
import { rootHashFromPath, tapleafHash, tweakKey } from 'bitcoinjs-lib/src/payments/bip341'
import type { Taptree } from 'bitcoinjs-lib/src/types'
import * as tiny from 'tiny-secp256k1'
import { bytesToHex, concatBytes, equalBytes } from '../../src/primitives/bytes.ts'
import {
  commitsTo,
  isControlBlockSize,
  leafVersionOf,
  outputKeyOf,
  splitWitness,
  tapBranchHash,
  tapLeafHash,
  taprootOutputKey,
} from '../../src/script/taproot.ts'
import { attempt, differential } from '../support/differential.ts'
import type { Draw } from '../support/draw.ts'

bitcoin.initEccLib(tiny)

/** Of BIP341's leaf versions: tapscript's, and some that are free. */
const LEAF_VERSIONS = [0xc0, 0xc0, 0xc0, 0xc2, 0xfe, 0x66, 0x7e]

interface Leaf {
  readonly output: Uint8Array
  readonly version: number
}

type Tree = Leaf | readonly [Tree, Tree]

function drawTree(draw: Draw, depth: number): Tree {
  if (depth === 0 || draw.oneIn(4)) return drawLeaf(draw)
  // One side in three is a leaf, so that paths of very different lengths occur.
  return [drawTree(draw, draw.oneIn(3) ? 0 : depth - 1), drawTree(draw, depth - 1)]
}

function drawLeaf(draw: Draw): Leaf {
  return {
    output: concatBytes(Uint8Array.of(0x51), draw.blob().subarray(0, 600)),
    version: draw.pick(LEAF_VERSIONS),
  }
}

function isBranch(tree: Tree): tree is readonly [Tree, Tree] {
  return Array.isArray(tree)
}

function leavesOf(tree: Tree): Leaf[] {
  return isBranch(tree) ? [...leavesOf(tree[0]), ...leavesOf(tree[1])] : [tree]
}

function rootOf(tree: Tree): Uint8Array {
  return isBranch(tree)
    ? tapBranchHash(rootOf(tree[0]), rootOf(tree[1]))
    : tapLeafHash(tree.output, tree.version)
}

differential('script trees', 'roots, output keys and control blocks are those of bitcoinjs', (draw) => {
  const internalPubkey = tiny.xOnlyPointFromScalar(draw.bytes(32))
  const tree = drawTree(draw, draw.oneIn(10) ? 9 : 4)
  const leaf = draw.pick(leavesOf(tree))
  const redeem = { output: leaf.output, redeemVersion: leaf.version }
  const scriptTree = tree as unknown as Taptree
  const theirs = bitcoin.payments.p2tr({ internalPubkey, scriptTree, redeem })
  const { output, hash, witness } = theirs as Required<typeof theirs>
  assert.ok(equalBytes(rootOf(tree), hash as Uint8Array))
  const outputKey = outputKeyOf(output) as Uint8Array
  const tweaked = taprootOutputKey(internalPubkey, hash as Uint8Array)
  assert.ok(tweaked && equalBytes(tweaked.outputKey, outputKey))

  const { stack, scriptPath } = splitWitness(witness)
  assert.ok(scriptPath && stack.length === 0 && equalBytes(scriptPath.script, leaf.output))
  const { controlBlock } = scriptPath
  assert.deepEqual(
    [leafVersionOf(controlBlock), controlBlock[0] & 1, isControlBlockSize(controlBlock.length)],
    [leaf.version, tweaked.oddY ? 1 : 0, true],
  )
  const leafHash = tapLeafHash(leaf.output, leaf.version)
  assert.ok(equalBytes(leafHash, tapleafHash(leaf)))
  assert.ok(commitsTo(outputKey, leafHash, controlBlock))

  // Damaged: bitcoinjs's own steps to the output key say whether it still holds.
  const at = draw.oneIn(3) ? 0 : draw.below(controlBlock.length)
  const other = draw.oneIn(4)
    ? concatBytes(controlBlock, draw.bytes(32))
    : controlBlock.with(at, controlBlock[at] ^ (1 << (at === 0 && draw.oneIn(2) ? 0 : draw.below(8))))
  const leafOfOther = tapleafHash({ output: leaf.output, version: leafVersionOf(other) })
  const key = attempt(() => tweakKey(other.slice(1, 33), rootHashFromPath(other, leafOfOther)))
  const holds = !!key && equalBytes(key.x, outputKey) && key.parity === (other[0] & 1)
  const ours = commitsTo(outputKey, tapLeafHash(leaf.output, leafVersionOf(other)), other)
  assert.equal(ours, holds, bytesToHex(other))
})
