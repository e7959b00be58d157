/** Promise: the graph's sums are those of counting from scratch, whatever entered and left. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { ancestorsOf, descendantsOf, type Entry, MempoolGraph } from '../../src/mempool/graph.ts'
import { sats } from '../../src/primitives/amount.ts'
import { addGenerated, spending } from '../support/mempool-graphs.ts'

/** Compares everything that the graph keeps up to date with what follows from its transactions alone. */
function checkSums(graph: MempoolGraph): void {
  const entries = [...graph.entries()]
  const byTxid = new Map(entries.map((entry) => [entry.transaction.txid as string, entry]))
  const parentsOf = (entry: Entry) =>
    new Set(
      entry.transaction.inputs
        .map(({ prevout }) => byTxid.get(Buffer.from(prevout.txid).reverse().toString('hex')))
        .filter((parent) => parent !== undefined),
    )
  const ancestors = new Map<Entry, Set<Entry>>()
  for (const entry of entries) {
    const found = new Set([entry])
    for (const member of found) for (const parent of parentsOf(member)) found.add(parent)
    ancestors.set(entry, found)
  }
  const total = (set: Iterable<Entry>, of: (entry: Entry) => number) =>
    [...set].reduce((sum, entry) => sum + of(entry), 0)
  for (const entry of entries) {
    const above = ancestors.get(entry)!
    const below = entries.filter((other) => ancestors.get(other)!.has(entry))
    assert.deepEqual(entry.parents, parentsOf(entry))
    assert.deepEqual(entry.children, new Set(entries.filter((other) => parentsOf(other).has(entry))))
    assert.deepEqual(new Set([...ancestorsOf(entry), entry]), above)
    assert.deepEqual(new Set([...descendantsOf(entry), entry]), new Set(below))
    assert.equal(entry.ancestorCount, above.size)
    assert.equal(
      entry.ancestorFees,
      total(above, (e) => e.fee),
    )
    assert.equal(
      entry.ancestorWeight,
      total(above, (e) => e.transaction.weight),
    )
    assert.equal(entry.descendantCount, below.length)
    assert.equal(
      entry.descendantFees,
      total(below, (e) => e.fee),
    )
    assert.equal(
      entry.descendantWeight,
      total(below, (e) => e.transaction.weight),
    )
    assert.equal(graph.get(entry.transaction.txid), entry)
    assert.equal(graph.getByWtxid(entry.transaction.wtxid), entry)
    for (const { prevout } of entry.transaction.inputs) assert.equal(graph.spender(prevout), entry)
  }
}

describe('mempool graph', () => {
  test('sums hold after any additions, confirmations and removals', () => {
    const operation = fc.record({
      kind: fc.constantFrom('add', 'add', 'add', 'confirm', 'remove'),
      pick: fc.nat(),
      parents: fc.array(fc.nat(), { maxLength: 3 }),
      fee: fc.integer({ min: 0, max: 10_000 }),
      outputs: fc.integer({ min: 1, max: 4 }),
    })
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 40 }), (operations) => {
        const graph = new MempoolGraph()
        let height = 1
        for (const { kind, pick, ...shape } of operations) {
          const entries = [...graph.entries()]
          if (kind === 'add') addGenerated(graph, shape)
          else if (entries.length > 0 && kind === 'remove')
            graph.removeWithDescendants([entries[pick % entries.length]])
          else if (kind === 'confirm') {
            const roots = entries.filter((entry) => entry.parents.size === 0)
            if (roots.length > 0) graph.removeConfirmed(roots[pick % roots.length], height++)
          }
          checkSums(graph)
        }
        graph.removeWithDescendants([...graph.entries()])
        assert.equal(graph.size, 0)
        assert.equal(graph.bytes, 0)
      }),
      { numRuns: 200 },
    )
  })

  test('what leaves comes parents first, and takes all that spends it', () => {
    const graph = new MempoolGraph()
    const a = addGenerated(graph, { parents: [], fee: 1, outputs: 2 })
    const b = addGenerated(graph, { parents: [0], fee: 1, outputs: 1 })
    const c = addGenerated(graph, { parents: [1], fee: 1, outputs: 1 })
    const other = addGenerated(graph, { parents: [], fee: 1, outputs: 1 })
    assert.deepEqual(graph.removeWithDescendants([c, a]), [a, b, c])
    assert.deepEqual([...graph.entries()], [other])
  })

  test('a confirmed parent leaves its height with its children', () => {
    const graph = new MempoolGraph()
    const a = addGenerated(graph, { parents: [], fee: 1, outputs: 1 })
    const b = addGenerated(graph, { parents: [0], fee: 1, outputs: 1 })
    graph.removeConfirmed(a, 77)
    assert.equal(b.anchorHeight, 77)
    assert.equal(b.parents.size, 0)
  })

  test('mistakes of its caller throw', () => {
    const graph = new MempoolGraph()
    const a = addGenerated(graph, { parents: [], fee: 1, outputs: 1 })
    const b = addGenerated(graph, { parents: [0], fee: 1, outputs: 1 })
    assert.throws(() => graph.removeConfirmed(b, 1), /before its parent/)
    const doubleSpend = spending([{ txid: a.transaction.txidBytes, index: 0 }], 3)
    assert.throws(
      () =>
        graph.add({
          transaction: doubleSpend,
          fee: sats(1),
          time: 0,
          height: 0,
          anchorHeight: 0,
        }),
      /spent by another/,
    )
  })
})
