/** Promises: every secret that a counterparty told is found again, from 49 slots at most; one of another seed is refused and changes nothing. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  MAX_COMMITMENT_NUMBER,
  perCommitmentSecret,
  SecretStore,
  secretIndex,
} from '../../../src/channels/secrets.ts'
import { value } from '../../support/wallets.ts'

const seeds = fc.uint8Array({ minLength: 32, maxLength: 32 })

function told(seed: Uint8Array, count: number): SecretStore {
  const store = new SecretStore()
  for (let number = 0; number < count; number++) {
    const index = secretIndex(number)
    value(store.insert(index, perCommitmentSecret(seed, index)))
  }
  return store
}

test('every secret told is found, none that was not, also after it was stored', () => {
  fc.assert(
    fc.property(seeds, fc.integer({ min: 0, max: 300 }), (seed, count) => {
      const store = told(seed, count)
      const reopened = value(SecretStore.decode(store.encode()))
      for (const each of [store, reopened]) {
        assert.equal(each.nextIndex, secretIndex(count))
        for (let number = 0; number < count; number++) {
          const index = secretIndex(number)
          assert.deepEqual(each.find(index), perCommitmentSecret(seed, index))
        }
        assert.equal(each.find(secretIndex(count)), undefined)
      }
      assert.ok(store.encode().length <= 1 + 38 * (Math.floor(Math.log2(count + 1)) + 1))
    }),
    { seed: 3, numRuns: 30 },
  )
})

test('a secret of another seed is refused wherever one before it must follow from it, and nothing is changed', () => {
  fc.assert(
    fc.property(seeds, seeds, fc.integer({ min: 1, max: 100 }), (seed, other, number) => {
      const index = secretIndex(number)
      // Below an odd index nothing is derived from it: it is found out one later.
      fc.pre(index % 2 === 0)
      const store = told(seed, number)
      const before = store.encode()
      const refused = store.insert(index, perCommitmentSecret(other, index))
      assert.equal(refused.ok || refused.code, 'per-commitment-secret')
      assert.deepEqual(store.encode(), before)
      value(store.insert(index, perCommitmentSecret(seed, index)))
    }),
    { seed: 3, numRuns: 50 },
  )
})

test('a secret out of turn is a bug; what no store wrote is refused', () => {
  const seed = new Uint8Array(32).fill(7)
  const store = told(seed, 5)
  for (const number of [0, 4, 6])
    assert.throws(() => store.insert(secretIndex(number), perCommitmentSecret(seed, secretIndex(number))))
  const bytes = store.encode()
  const swapped = bytes.with(6, bytes[6] ^ 1)
  for (const damaged of [bytes.subarray(1), bytes.subarray(0, -1), Uint8Array.of(...bytes, 0), swapped])
    assert.equal(SecretStore.decode(damaged).ok, false)
})

test('the last secret is the seed itself', () => {
  const seed = new Uint8Array(32).fill(9)
  assert.equal(secretIndex(MAX_COMMITMENT_NUMBER), 0)
  assert.deepEqual(perCommitmentSecret(seed, 0), seed)
})
