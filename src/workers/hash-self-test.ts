/**
 * What a hash kernel must compute before it is trusted in this browser: hashes of every entry point, as the plain hasher has them. A
 * miscompiled or altered kernel would fail at once. Its own tests are far more (test/unit/kernels/sha256.test.ts). Some 20 ms.
 */
import { equalBytes } from '../primitives/bytes.ts'
import { type Hasher, NOBLE_HASHER, type SerialisedTransaction } from '../primitives/hasher.ts'

/** Every length of padding, and one of several fillings of the kernel's memory. */
const LENGTHS = [...Array.from({ length: 66 }, (_, length) => length), 70_000]
/** The last needs several fillings of the kernel's memory at its lowest level. */
const LEAVES = [1, 2, 3, 4, 5, 6, 7, 8, 9, 15, 16, 17, 2050]

/** Throws an Error where the kernel computes another hash than the plain hasher. */
export function selfTest(kernel: Hasher): void {
  const data = Uint8Array.from({ length: 2250 * 32 }, (_, i) => (i * i * 31 + i * 7) >> 3)
  for (const length of LENGTHS) {
    const parts = [data.subarray(1, 1 + (length >> 1)), data.subarray(7, 7 + length - (length >> 1))]
    expectEqual(`sha256 of ${length} bytes`, kernel.sha256(parts), NOBLE_HASHER.sha256(parts))
    expectEqual(`sha256d of ${length} bytes`, kernel.sha256d(parts), NOBLE_HASHER.sha256d(parts))
    const tagged = NOBLE_HASHER.taggedHash('TapSighash', parts)
    expectEqual(`a tagged hash of ${length} bytes`, kernel.taggedHash('TapSighash', parts), tagged)
  }
  const transactions = LENGTHS.flatMap((length, i): SerialisedTransaction[] => {
    const bytes = data.subarray(i, i + 20 + length)
    return [
      { bytes, witnessOffset: bytes.length - 4 },
      { bytes, witnessOffset: 15 + ((i * 5) % (length + 1)) },
    ]
  })
  expectEqual('identifiers', kernel.identify(transactions), NOBLE_HASHER.identify(transactions))
  for (const count of LEAVES) {
    const leaves = data.slice(0, count * 32)
    // The second pair of the level above the leaves is made to repeat itself in every other tree.
    if (count % 2 === 0 && count >= 4) leaves.copyWithin((count - 2) * 32, (count - 4) * 32, (count - 2) * 32)
    const { root, repeated } = NOBLE_HASHER.merkleRoot(leaves)
    const found = kernel.merkleRoot(leaves)
    expectEqual(`a merkle root of ${count} leaves`, found.root, root)
    if (found.repeated !== repeated) throw new Error(`it misjudges a merkle tree of ${count} leaves`)
  }
}

function expectEqual(what: string, found: Uint8Array, expected: Uint8Array): void {
  if (!equalBytes(found, expected)) throw new Error(`it computes ${what} wrong`)
}
