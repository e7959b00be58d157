/** Promise: blocks take the packages that pay best, as large as they may be, with every parent before its child. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import {
  descendantsOf,
  type Entry,
  MempoolGraph,
  parentsFirst,
  withAncestors,
} from '../../../src/mempool/graph.ts'
import { selectPackages } from '../../../src/mempool/package-selection.ts'
import { SeededRandom } from '../../../src/simulator/seeded-random.ts'
import { addGenerated, type EntryShape } from '../../support/mempool-graphs.ts'

function graphOf(shapes: readonly EntryShape[]): { graph: MempoolGraph; entries: Entry[] } {
  const graph = new MempoolGraph()
  return { graph, entries: shapes.map((shape) => addGenerated(graph, shape)) }
}

const weightOf = (entries: readonly Entry[]) => entries.reduce((sum, entry) => sum + entry.weight, 0)
const feesOf = (entries: readonly Entry[]) => entries.reduce((sum, entry) => sum + entry.fee, 0)

/** The rule as it reads: again and again the best package among those that fit, counted from scratch. */
function plainSelection(entries: readonly Entry[], maxWeight: number): Entry[] {
  const selected: Entry[] = []
  for (;;) {
    let best: { package_: Entry[]; rate: number } | undefined
    for (const entry of entries) {
      if (selected.includes(entry)) continue
      const package_ = [...withAncestors([entry])].filter((member) => !selected.includes(member))
      if (weightOf(selected) + weightOf(package_) > maxWeight) continue
      const rate = feesOf(package_) / weightOf(package_)
      if (!best || rate > best.rate) best = { package_, rate }
    }
    if (!best) return selected
    selected.push(...best.package_.sort((a, b) => a.ancestorCount - b.ancestorCount || a.order - b.order))
  }
}

/** The packages of `entries` in the order of selection, found by looking at each again and again: nothing but sums is kept. */
function scannedPackages(entries: readonly Entry[]): Entry[][] {
  const left = new Map(
    entries.map((entry) => [entry, { fees: entry.ancestorFees as number, weight: entry.ancestorWeight }]),
  )
  const packages: Entry[][] = []
  while (left.size > 0) {
    const [best] = [...left].reduce((a, b) => (b[1].fees / b[1].weight > a[1].fees / a[1].weight ? b : a))
    const package_ = [...withAncestors([best])].filter((member) => left.has(member))
    for (const member of package_) left.delete(member)
    for (const member of package_)
      for (const descendant of descendantsOf(member)) {
        const sums = left.get(descendant)
        if (!sums) continue
        sums.fees -= member.fee
        sums.weight -= member.weight
      }
    packages.push(parentsFirst(package_))
  }
  return packages
}

/** Greatest sum of fees of any set that holds its members' ancestors and weighs at most `maxWeight`. */
function bestFees(entries: readonly Entry[], maxWeight: number): number {
  const parents = entries.map((entry) =>
    [...entry.parents].reduce((mask, parent) => mask | (1 << entries.indexOf(parent as Entry)), 0),
  )
  let best = 0
  for (let set = 0; set < 1 << entries.length; set++) {
    const members = entries.filter((_, i) => set & (1 << i))
    const closed = parents.every((mask, i) => !(set & (1 << i)) || (mask & ~set) === 0)
    if (closed && weightOf(members) <= maxWeight) best = Math.max(best, feesOf(members))
  }
  return best
}

const shape = (outputs: fc.Arbitrary<number>): fc.Arbitrary<EntryShape> =>
  fc.record({
    parents: fc.array(fc.nat(), { maxLength: 3 }),
    fee: fc.integer({ min: 0, max: 5_000 }),
    outputs,
  })
const anyShape = shape(fc.integer({ min: 1, max: 5 }))

describe('package selection', () => {
  test('is the rule applied from scratch at every step', () => {
    fc.assert(
      fc.property(fc.array(anyShape, { maxLength: 25 }), fc.nat({ max: 12_000 }), (shapes, maxWeight) => {
        const { entries } = graphOf(shapes)
        const { entries: selected, complete } = selectPackages(entries, maxWeight)
        assert.deepEqual(selected, plainSelection(entries, maxWeight))
        assert.ok(weightOf(selected) <= maxWeight)
        assert.equal(complete, selected.length === entries.length)
        const seen = new Set<Entry>()
        for (const entry of selected) {
          for (const parent of entry.parents) assert.ok(seen.has(parent))
          seen.add(entry)
        }
      }),
      { numRuns: 300 },
    )
  })

  test('among hundreds, each next one is the best that is left', () => {
    fc.assert(
      fc.property(fc.string(), (seed) => {
        const random = new SeededRandom(seed)
        const { entries } = graphOf(
          Array.from({ length: 400 }, () => ({
            parents: Array.from({ length: random.integer(4) }, () => random.integer(1_000_000)),
            fee: random.integer(5_000),
            outputs: 1 + random.integer(4),
          })),
        )
        const { entries: selected } = selectPackages(entries, Number.MAX_SAFE_INTEGER)
        assert.deepEqual(
          selected.map(({ order }) => order),
          scannedPackages(entries)
            .flat()
            .map(({ order }) => order),
        )
      }),
      { numRuns: 20 },
    )
  })

  test('where no transaction has two children, full blocks hold the most fees there are', () => {
    // One output each: the best-paying set is then always one transaction with its ancestors, and choosing it is exact.
    const shapes = fc.array(shape(fc.constant(1)), { minLength: 1, maxLength: 10 })
    fc.assert(
      fc.property(shapes, (shapes) => {
        const { entries } = graphOf(shapes)
        const filled: Entry[] = []
        // The end of a package is where a smaller limit changes what fits: compare at every weight that packages fill.
        for (const package_ of scannedPackages(entries)) {
          filled.push(...package_)
          const { entries: selected } = selectPackages(entries, weightOf(filled))
          assert.equal(feesOf(selected), bestFees(entries, weightOf(filled)))
        }
      }),
      { numRuns: 100 },
    )
  })

  test('a child pays for its parent, and a rich parent does not wait for a poor child', () => {
    const { entries } = graphOf([
      { parents: [], fee: 0, outputs: 1 },
      { parents: [0], fee: 9_000, outputs: 1 },
      { parents: [], fee: 2_000, outputs: 1 },
      { parents: [2], fee: 1, outputs: 1 },
    ])
    const [poor, child, rich, poorChild] = entries
    const room = weightOf([poor, child, rich])
    assert.deepEqual(selectPackages(entries, room).entries, [poor, child, rich])
    assert.deepEqual(selectPackages(entries, room + poorChild.weight).entries, [poor, child, rich, poorChild])
  })
})
