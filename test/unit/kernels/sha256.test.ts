/**
 * Promise: the hash kernel and the plain hasher compute SHA-256 wherever a message lies and however it is cut, and identifiers and merkle roots
 * as their definitions read; a kernel that doesn't is refused. OPENTAB_CASES: random messages, 300 when not given; OPENTAB_SEED: another seed than 1.
 */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { schnorr } from '@noble/curves/secp256k1.js'
import { sha256 as nobleSha256 } from '@noble/hashes/sha2.js'
import { sats } from '../../../src/primitives/amount.ts'
import { merkleRoot } from '../../../src/primitives/block.ts'
import { bytesToHex, concatBytes, equalBytes } from '../../../src/primitives/bytes.ts'
import { type Hasher, installHasher, NOBLE_HASHER } from '../../../src/primitives/hasher.ts'
import { sha256, sha256d, taggedHash } from '../../../src/primitives/hashes.ts'
import { decodeTransaction, NULL_OUTPOINT, Transaction } from '../../../src/primitives/transaction.ts'
import { openHashKernel } from '../../../src/workers/hash-kernel.ts'
import { kernelBytes, seededNumbers } from '../../support/kernels.ts'

const module = await kernelBytes('sha256')
const kernel = await openHashKernel(module)

const cases = Number(process.env.OPENTAB_CASES ?? 300)
const random = seededNumbers(Number(process.env.OPENTAB_SEED ?? 1))
const randomBytes = (length: number): Uint8Array => Uint8Array.from({ length }, () => random() & 255)
const below = (limit: number): number => random() % limit

const nobleSha256d = (message: Uint8Array): Uint8Array => nobleSha256(nobleSha256(message))

/** A view at an odd place of a larger buffer. */
function viewOf(length: number): Uint8Array {
  const before = below(9)
  return randomBytes(before + length + 5).subarray(before, before + length)
}

/** The message, cut at random places. */
function cut(message: Uint8Array): Uint8Array[] {
  const parts: Uint8Array[] = []
  for (let at = 0; at < message.length || parts.length === 0; ) {
    const taken = below(4) === 0 ? 0 : 1 + below(message.length - at)
    parts.push(message.subarray(at, at + taken))
    at += taken
  }
  return parts
}

/** The tree as BIPs and Bitcoin describe it, one pair after another. */
function plainMerkleRoot(leaves: readonly Uint8Array[]): { root: Uint8Array; repeated: boolean } {
  if (leaves.length === 1) return { root: leaves[0], repeated: false }
  const above: Uint8Array[] = []
  let repeated = false
  for (let i = 0; i < leaves.length; i += 2) {
    if (i + 1 < leaves.length && equalBytes(leaves[i], leaves[i + 1])) repeated = true
    above.push(nobleSha256d(concatBytes(leaves[i], leaves[i + 1] ?? leaves[i])))
  }
  const { root, repeated: repeatedAbove } = plainMerkleRoot(above)
  return { root, repeated: repeated || repeatedAbove }
}

/** With scripts and witness items of such sizes, so that it has about `bytes` bytes. */
function transaction(bytes: number, witnesses: boolean): Transaction {
  const inputs = Array.from({ length: 1 + below(3) }, (_, index) => ({
    prevout: { txid: randomBytes(32), index },
    scriptSig: viewOf(below(70)),
    sequence: random(),
    witness: Array.from({ length: witnesses ? 1 + below(3) : 0 }, () => viewOf(below(bytes))),
  }))
  const outputs = Array.from({ length: 1 + below(3) }, () => ({
    value: sats(below(1e9)),
    scriptPubKey: viewOf(below(bytes)),
  }))
  return Transaction.of({ version: random(), inputs, outputs, lockTime: random() })
}

/** Read anew, so that it has no identifier yet. */
function unidentified({ bytes }: Transaction): Transaction {
  const decoded = decodeTransaction(bytes)
  assert(decoded.ok)
  return decoded.value
}

function checkIdentifiers(hasher: Hasher, transactions: readonly Transaction[]): void {
  const ids = hasher.identify(transactions)
  assert.equal(ids.length, transactions.length * 64)
  transactions.forEach((tx, i) => {
    const txid = bytesToHex(ids.subarray(i * 64, i * 64 + 32))
    const wtxid = bytesToHex(ids.subarray(i * 64 + 32, i * 64 + 64))
    const stripped = tx.hasWitness
      ? concatBytes(tx.bytes.subarray(0, 4), tx.bytes.subarray(6, tx.witnessOffset), tx.bytes.subarray(-4))
      : tx.bytes
    assert.equal(txid, bytesToHex(nobleSha256d(stripped)))
    assert.equal(wtxid, bytesToHex(nobleSha256d(tx.bytes)))
  })
}

const hashers: readonly [name: string, hasher: Hasher][] = [
  ['the plain hasher', NOBLE_HASHER],
  ['the kernel', kernel],
]
for (const [name, hasher] of hashers)
  describe(name, () => {
    const check = (message: Uint8Array, parts: readonly Uint8Array[]): void => {
      assert.deepEqual(hasher.sha256(parts), nobleSha256(message))
      assert.deepEqual(hasher.sha256d(parts), nobleSha256d(message))
      const tag = `tag ${message.length % 3}`
      assert.deepEqual(hasher.taggedHash(tag, parts), schnorr.utils.taggedHash(tag, message))
    }

    test('hashes messages of every length, whole and in parts', () => {
      check(new Uint8Array(0), [])
      for (let length = 0; length <= 300; length++) {
        const message = viewOf(length)
        check(message, [message])
        check(message, cut(message))
      }
    })

    test('hashes random messages, and long ones around the sizes of the kernel', () => {
      const lengths = [65_472, 65_535, 65_536, 65_537, 65_600, 131_072, 131_073, 200_000]
      for (let i = 0; i < cases; i++) lengths.push(below(4000))
      for (const length of lengths) {
        const message = viewOf(length)
        check(message, cut(message))
      }
    })

    test('gives every hash its own memory, and keeps no argument', () => {
      const message = randomBytes(100)
      const first = hasher.sha256([message])
      const copy = first.slice()
      message.fill(1)
      hasher.taggedHash('another', [message])
      hasher.sha256d([message])
      assert.deepEqual(first, copy)
      assert.deepEqual(hasher.sha256([message]), nobleSha256(message))
      const leaf = randomBytes(32)
      const { root } = hasher.merkleRoot(leaf)
      assert.notEqual(root.buffer, leaf.buffer)
      assert.deepEqual(root, leaf)
    })

    test('identifies transactions with witnesses and without, in any number and of any length', () => {
      for (let count = 0; count <= 20; count++)
        checkIdentifiers(
          hasher,
          Array.from({ length: count }, () => transaction(1 + below(300), below(3) > 0)),
        )
      // Every remainder of lengths, and transactions too long for the kernel's lanes among short ones.
      const lengths = Array.from({ length: 150 }, (_, i) => i + 1)
      lengths.push(...[16_000, 100, 200_000, 70_000, 100, 17_000, 16_300])
      checkIdentifiers(
        hasher,
        lengths.map((length, i) => transaction(length, i % 3 > 0)),
      )
    })

    test('identifies transactions exactly as long as its lanes hold, and more than it takes in a call', () => {
      const outputs = [{ value: sats(0), scriptPubKey: new Uint8Array(0) }]
      const sized = (length: number): Transaction => {
        const input = { prevout: NULL_OUTPOINT, scriptSig: new Uint8Array(0), sequence: 0 }
        const witness = [randomBytes(length - 66)]
        const tx = Transaction.of({ version: 2, inputs: [{ ...input, witness }], outputs, lockTime: 1 })
        assert.equal(tx.bytes.length, length)
        return tx
      }
      const edges = [16_382, 16_383, 16_384, 16_385, 16_384, 16_384, 16_384]
      checkIdentifiers(hasher, edges.map(sized))
      // The last of them is a little too much for one filling of its memory.
      checkIdentifiers(hasher, [16_350, 16_350, 16_350, 16_350, 426].map(sized))
      // Small enough for their number to be the limit, not their bytes.
      const tiny = Transaction.of({ version: 2, inputs: [], outputs: [], lockTime: 0 })
      checkIdentifiers(
        hasher,
        Array.from({ length: 2050 }, (_, i) => (i % 7 === 0 ? transaction(10, true) : tiny)),
      )
    })

    test('computes merkle roots of every number of leaves, and tells repetitions at every level', () => {
      const checkTree = (leaves: readonly Uint8Array[]): boolean => {
        const found = hasher.merkleRoot(concatBytes(...leaves))
        assert.deepEqual(found, plainMerkleRoot(leaves), `${leaves.length} leaves`)
        return found.repeated
      }
      for (let count = 1; count <= 70; count++) {
        const leaves = Array.from({ length: count }, () => randomBytes(32))
        assert.equal(checkTree(leaves), false)
        // CVE-2012-2459: the end of the list again, as much of it as leaves the root as it is.
        for (let size = 1; count % size === 0 && count / size > 1; size *= 2)
          if ((count / size) % 2 === 1) assert.equal(checkTree([...leaves, ...leaves.slice(-size)]), true)
        // Any two siblings.
        const twin = 2 * below(count >> 1)
        if (count > 1) assert.equal(checkTree(leaves.with(twin, leaves[twin + 1])), true)
        // Neighbours that are no siblings.
        if (count > 2) assert.equal(checkTree(leaves.with(1, leaves[2])), false)
        // Siblings that differ in a bit.
        if (count > 1)
          for (const at of [0, 15, 16, 31])
            assert.equal(checkTree(leaves.with(0, leaves[1].with(at, leaves[1][at] ^ 128))), false)
      }
      for (const count of [2047, 2048, 2049, 4097]) {
        const leaves = Array.from({ length: count }, () => randomBytes(32))
        assert.equal(checkTree(leaves), false)
        if (count > 2048) assert.equal(checkTree(leaves.with(2046, leaves[2047])), true)
        if (count % 2 === 1) assert.equal(checkTree([...leaves, leaves[count - 1]]), true)
      }
    })
  })

test('everybody hashes with what their thread has installed, and gets the same', (t) => {
  t.after(() => installHasher(NOBLE_HASHER))
  const used = new Set<string>()
  const observed = new Proxy(kernel, {
    get(target, name) {
      used.add(String(name))
      const value: unknown = Reflect.get(target, name)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
  const message = randomBytes(77)
  const transactions = Array.from({ length: 9 }, () => transaction(100, below(2) > 0))
  const leaves = Array.from({ length: 9 }, () => randomBytes(32))
  const everything = () => {
    const batch = transactions.map(unidentified)
    Transaction.identify(batch)
    return {
      hashes: [sha256(message), sha256d(message), taggedHash('tag', message), merkleRoot(leaves)],
      together: batch.map(({ txid, wtxid }) => [txid, wtxid]),
      alone: transactions.map(unidentified).map(({ txid, wtxid }) => [txid, wtxid]),
    }
  }
  const plain = everything()
  assert.deepEqual(plain.alone, plain.together)
  installHasher(observed)
  assert.deepEqual(everything(), plain)
  assert.deepEqual([...used].sort(), ['identify', 'merkleRoot', 'sha256', 'sha256d', 'taggedHash'])
})

test('a kernel that was altered is refused', async () => {
  // A bit of the round constants, which lie in the module as they are written in memory.
  const at = bytesToHex(module).indexOf('982f8a429144377') / 2
  assert(at > 0)
  await assert.rejects(openHashKernel(module.with(at, module[at] ^ 1)), /it computes .* wrong/)
})
