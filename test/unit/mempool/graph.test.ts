/** Promise: the graph's sums are those of counting from scratch, whatever entered and left. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { ancestorsOf, descendantsOf, MempoolGraph } from '../../../src/mempool/graph.ts'
import { sats } from '../../../src/primitives/amount.ts'
import { addGenerated, checkSums, spending } from '../../support/mempool-graphs.ts'

/** Compares everything that the graph keeps up to date with what follows from its transactions alone. */
function checkGraph(graph: MempoolGraph): void {
  const entries = [...graph.entries()]
  checkSums(entries)
  for (const entry of entries) {
    assert.deepEqual(ancestorsOf(entry).size, entry.ancestorCount - 1)
    assert.deepEqual(descendantsOf(entry).size, entry.descendantCount - 1)
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
          checkGraph(graph)
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
