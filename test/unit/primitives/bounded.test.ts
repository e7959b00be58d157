/** Maps and sets hold no more than their bound, and keep what was put in last. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { addBounded, putBounded } from '../../../src/primitives/bounded.ts'

const puts = fc.array(fc.nat(20))
const bound = fc.integer({ min: 1, max: 10 })

test('a map keeps the keys put last, each with its last value, the youngest at the end', () => {
  fc.assert(
    fc.property(puts, bound, (keys, max) => {
      const map = new Map<number, number>()
      for (const [at, key] of keys.entries()) putBounded(map, key, at, max)
      const last = [...new Set([...keys].reverse())].slice(0, max).reverse()
      assert.deepEqual(
        [...map],
        last.map((key) => [key, keys.lastIndexOf(key)]),
      )
    }),
  )
})

test('a set likewise', () => {
  fc.assert(
    fc.property(puts, bound, (values, max) => {
      const set = new Set<number>()
      for (const value of values) addBounded(set, value, max)
      assert.deepEqual([...set], [...new Set([...values].reverse())].slice(0, max).reverse())
    }),
  )
})
