/** Promise: a kernel finds exactly the nonces that plain SHA-256d would, at every edge of nonces and targets. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { type MiningKernel, withNonce } from '../../../src/mining/kernel.ts'
import { typescriptKernel } from '../../../src/mining/typescript-kernel.ts'
import { compareBytes, reversed } from '../../../src/primitives/bytes.ts'
import { sha256d } from '../../../src/primitives/hashes.ts'
import { openMiningKernel } from '../../../src/workers/mining-kernels.ts'
import { kernelBytes } from '../../support/kernels.ts'

/** The search as its definition reads, with noble's SHA-256. */
const plainKernel: MiningKernel = {
  scan(header, target, startNonce, count) {
    for (let nonce = startNonce; nonce < Math.min(startNonce + count, 2 ** 32); nonce++)
      if (compareBytes(hashNumber(header, nonce), target) <= 0) return nonce
    return -1
  },
}

/** The hash of the header with `nonce`, as 32 bytes big-endian. */
function hashNumber(header: Uint8Array, nonce: number): Uint8Array {
  return reversed(sha256d(withNonce(header, nonce)))
}

/** The number one above or below, 32 bytes big-endian. */
function neighbour(number: Uint8Array, step: 1n | -1n): Uint8Array {
  const value = BigInt(`0x${Buffer.from(number).toString('hex')}`) + step
  return Uint8Array.from(Buffer.from(value.toString(16).padStart(64, '0'), 'hex'))
}

const NO_HASH = new Uint8Array(32)
const ANY_HASH = new Uint8Array(32).fill(0xff)

const headers = fc.uint8Array({ minLength: 80, maxLength: 80 })
const nonces = fc.oneof(
  fc.integer({ min: 0, max: 0xffffffff }),
  fc.integer({ min: 0xffffffe0, max: 0xffffffff }),
  fc.constantFrom(0, 0x7fffffff, 0x80000000, 0xffffffff),
)

for (const { name, kernel } of [
  { name: 'TypeScript', kernel: typescriptKernel },
  { name: 'WebAssembly', kernel: await openMiningKernel(await kernelBytes('mining-scalar')) },
  { name: 'WebAssembly SIMD', kernel: await openMiningKernel(await kernelBytes('mining-simd')) },
])
  describe(`mining kernel in ${name}`, () => {
    test('finds what SHA-256d finds', () => {
      // Targets whose first bytes are anything: from winning at once to never within the count.
      const targets = fc
        .tuple(fc.integer({ min: 0, max: 2 }), fc.uint8Array({ minLength: 32, maxLength: 32 }))
        .map(([zeros, bytes]) => bytes.map((byte, i) => (i < zeros ? 0 : byte)))
      fc.assert(
        fc.property(
          headers,
          targets,
          nonces,
          fc.integer({ min: 1, max: 100 }),
          (header, target, start, count) => {
            assert.equal(
              kernel.scan(header, target, start, count),
              plainKernel.scan(header, target, start, count),
            )
          },
        ),
        { numRuns: 300 },
      )
    })

    test('a hash equal to the target wins, one above it does not', () => {
      fc.assert(
        fc.property(headers, nonces, (header, nonce) => {
          const hash = hashNumber(header, nonce)
          assert.equal(kernel.scan(header, hash, nonce, 1), nonce)
          assert.equal(kernel.scan(header, neighbour(hash, -1n), nonce, 1), -1)
          assert.equal(kernel.scan(header, neighbour(hash, 1n), nonce, 1), nonce)
        }),
      )
    })

    test('every word of the target counts', () => {
      const header = new Uint8Array(80).fill(7)
      const hash = hashNumber(header, 5)
      for (let word = 0; word < 8; word++) {
        // The lowest bit of each word, and everything below it at its worst.
        const last = word * 4 + 3
        if (hash[last] > 0) {
          const below = hash.map((byte, i) => (i === last ? byte - 1 : i > last ? 0xff : byte))
          assert.equal(kernel.scan(header, below, 5, 1), -1, `word ${word} one lower`)
        }
        if (hash[last] < 0xff) {
          const above = hash.map((byte, i) => (i === last ? byte + 1 : i > last ? 0 : byte))
          assert.equal(kernel.scan(header, above, 5, 1), 5, `word ${word} one higher`)
        }
      }
    })

    test('the search ends at the last nonce', () => {
      const header = new Uint8Array(80)
      assert.equal(kernel.scan(header, NO_HASH, 0xfffffff0, 1_000), -1)
      assert.equal(kernel.scan(header, ANY_HASH, 0xffffffff, 1_000), 0xffffffff)
      // The only winner lies at nonce 0: a search that wrapped around would find it.
      assert.equal(kernel.scan(header, hashNumber(header, 0), 0xfffffffe, 4), -1)
    })

    test('reads header and target that are views into larger buffers', () => {
      const buffer = new Uint8Array(200).map((_, i) => i)
      const header = buffer.subarray(3, 83)
      const target = Uint8Array.of(9, ...hashNumber(header, 77)).subarray(1)
      assert.equal(kernel.scan(header, target, 77, 1), 77)
    })

    test('solves the genesis block of Bitcoin', () => {
      const header = Buffer.from(
        `01000000${'00'.repeat(32)}3ba3edfd7a7b12b27ac72c3e67768f617fc81bc3888a51323a9fb8aa4b1e5e4a29ab5f49ffff001d00000000`,
        'hex',
      )
      const target = new Uint8Array(32)
      target.fill(0xff, 4, 6)
      assert.equal(kernel.scan(header, target, 2083236893 - 10_000, 20_000), 2083236893)
    })

    test('finds a nonce at every distance from where the search starts, and none beyond its end', () => {
      const header = new Uint8Array(80).fill(3)
      const nonce = Array.from({ length: 5_000 }, (_, n) => n).find(
        (n) => hashNumber(header, n)[0] === 0,
      ) as number
      const target = hashNumber(header, nonce)
      for (let distance = 0; distance < 9; distance++) {
        const start = nonce - distance
        assert.equal(kernel.scan(header, target, start, distance + 1), nonce)
        if (distance > 0) assert.equal(kernel.scan(header, target, start, distance), -1)
      }
    })
  })

test('a damaged module is refused, or searches as before', async () => {
  const module = await kernelBytes('mining-simd')
  const header = new Uint8Array(80).fill(9)
  const target = Uint8Array.of(0, 0x40, ...new Uint8Array(30))
  const expected = typescriptKernel.scan(header, target, 0, 5_000)
  let refused = 0
  for (let at = module.length - 4_000; at < module.length; at += 200) {
    const damaged = module.map((byte, i) => (i === at ? byte ^ 1 : byte))
    const kernel = await openMiningKernel(damaged).catch(() => undefined)
    if (kernel) assert.equal(kernel.scan(header, target, 0, 5_000), expected, `byte ${at}`)
    else refused++
  }
  assert.notEqual(refused, 0)
})
