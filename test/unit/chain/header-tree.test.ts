/** Promise: the packed header tree answers as a naive one does, now and after reopening. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { HEADERS_PER_PAGE, type HeaderIndex, HeaderTree, NO_HEADER } from '../../../src/chain/header-tree.ts'
import { StorageError } from '../../../src/chain/store.ts'
import { blockWork, targetOf } from '../../../src/consensus/pow.ts'
import { BlockHeader } from '../../../src/primitives/block.ts'
import { taggedHash } from '../../../src/primitives/hashes.ts'
import { seededIntegers } from '../../support/block-trees.ts'

const BITS = [0x207fffff, 0x1f00ffff, 0x1d00ffff, 0x0f000001]

/** A header of the naive tree. */
interface Naive {
  readonly header: BlockHeader
  readonly parent: HeaderIndex
  readonly height: number
  readonly work: bigint
}

/** `size` headers, mostly in long branches; work and times at random. */
function grow(size: number, seed: number): { tree: HeaderTree; naive: Naive[] } {
  const integer = seededIntegers(seed)
  const tree = new HeaderTree()
  const naive: Naive[] = []
  for (let i = 0; i < size; i++) {
    const parent = i === 0 ? NO_HEADER : Math.max(0, i - 1 - integer(integer(4) === 0 ? 200 : 2))
    const header = BlockHeader.of({
      version: 0x20000000 + integer(8),
      previousHash: parent === NO_HEADER ? new Uint8Array(32) : naive[parent].header.hashBytes,
      merkleRoot: taggedHash('test/merkle', Uint8Array.of(i, i >> 8, seed)),
      time: 0xf0000000 + integer(1000),
      bits: BITS[integer(integer(20) === 0 ? 4 : 2)],
      nonce: 0xffffffff - i,
    })
    const before = naive[parent]
    const work = blockWork(targetOf(header.bits)) + (before?.work ?? 0n)
    naive.push({ header, parent, height: before ? before.height + 1 : 0, work })
    assert.equal(tree.add(header, parent, { base: BITS[0], ease: i * 65_537 }), i)
  }
  return { tree, naive }
}

function ancestors(naive: readonly Naive[], index: HeaderIndex): HeaderIndex[] {
  const path: HeaderIndex[] = []
  for (let at = index; at !== NO_HEADER; at = naive[at].parent) path.push(at)
  return path
}

function compare(tree: HeaderTree, naive: readonly Naive[], seed: number): void {
  const integer = seededIntegers(seed)
  assert.equal(tree.size, naive.length)
  for (const [index, { header, parent, height, work }] of naive.entries()) {
    assert.deepEqual(tree.header(index).bytes, header.bytes)
    assert.equal(tree.hash(index), header.hash)
    assert.equal(tree.find(header.hash), index)
    assert.deepEqual(tree.difficulty(index), {
      time: header.time,
      base: BITS[0],
      ease: index * 65_537,
    })
    assert.deepEqual(
      [tree.parent(index), tree.height(index), tree.time(index)],
      [parent, height, header.time],
    )
    assert.equal(tree.chainWork(index), work)
  }
  for (let i = 0; i < 300; i++) {
    const [a, b] = [integer(naive.length), integer(naive.length)]
    const [pathA, pathB] = [ancestors(naive, a), new Set(ancestors(naive, b))]
    const height = integer(naive[a].height + 3) - 1
    assert.equal(tree.ancestor(a, height), pathA.find((index) => naive[index].height === height) ?? NO_HEADER)
    assert.equal(
      tree.forkPoint(a, b),
      pathA.find((index) => pathB.has(index)),
    )
    const times = pathA.slice(0, 11).map((index) => naive[index].header.time)
    assert.equal(tree.medianTimePast(a), times.sort((x, y) => x - y)[times.length >> 1])
  }
  const parents = new Set(naive.map(({ parent }) => parent))
  assert.deepEqual(
    tree.leaves(),
    [...naive.keys()].filter((index) => !parents.has(index)),
  )
  assert.equal(tree.findBytes(taggedHash('test/unknown')), NO_HEADER)
}

test('relations of any two headers are those of a naive tree', () => {
  const { tree, naive } = grow(2500, 1)
  compare(tree, naive, 2)
})

test('pages hold everything, and only those that changed are written again', () => {
  const { tree, naive } = grow(2 * HEADERS_PER_PAGE + 10, 3)
  const marks = [{ index: 1500, bodyOrder: 7, connectedBy: 0 as const }]
  const pages = new Map(tree.takeChangedPages(marks).map(({ page, bytes }) => [page, bytes]))
  assert.deepEqual([...pages.keys()].sort(), [0, 1, 2])
  assert.equal(tree.hasBody(1500), false)
  tree.apply(marks)
  assert.deepEqual(tree.takeChangedPages([]), [])
  tree.markInvalid(2000)
  for (const { page, bytes } of tree.takeChangedPages([])) pages.set(page, bytes)
  const restored = HeaderTree.restore([0, 1, 2].map((page) => pages.get(page) as Uint8Array))
  compare(restored, naive, 4)
  assert.deepEqual(
    [restored.hasBody(1500), restored.bodyOrder(1500)].concat(
      ([0, 1] as const).map((by) => restored.wasConnected(1500, by)),
    ),
    [true, 7, true, false],
  )
  for (let index = 0; index < naive.length; index++)
    assert.equal(restored.isInvalid(index), ancestors(naive, index).includes(2000), `header ${index}`)
})

test('failure spreads to descendants, also later ones, and is taken back with them', () => {
  const { tree, naive } = grow(400, 5)
  const failed = naive[300].parent
  tree.markInvalid(failed)
  const child = tree.add(
    BlockHeader.of({ ...naive[300].header, previousHash: naive[300].header.hashBytes }),
    300,
    tree.difficulty(300),
  )
  assert.equal(tree.isInvalid(child), true)
  const other = naive.findIndex(
    (_, index) => index > 0 && !tree.isInvalid(index) && !ancestors(naive, failed).includes(index),
  )
  tree.markInvalid(other)
  tree.clearInvalid(300)
  for (let index = 0; index < naive.length; index++)
    assert.equal(tree.isInvalid(index), ancestors(naive, index).includes(other), `header ${index}`)
})

test('damaged pages are told as such', () => {
  const { tree } = grow(HEADERS_PER_PAGE + 5, 6)
  const pages = tree.takeChangedPages([]).map(({ bytes }) => bytes)
  const orphan = pages[0].slice()
  // The parent of header 500: itself.
  new DataView(orphan.buffer).setInt32(500 * 97 + 80, 500, true)
  const damaged = [[pages[0].subarray(1)], [pages[1], pages[0]], [orphan, pages[1]]]
  for (const bad of damaged)
    assert.throws(
      () => HeaderTree.restore(bad),
      (error) => error instanceof StorageError && error.kind === 'corrupt',
    )
})

test('forgotten headers are gone, their places are used again, and what is held answers as before, now and after reopening', () => {
  const integer = seededIntegers(7)
  const { tree, naive } = grow(600, 8)
  const held = new Map(naive.map(({ header }, index) => [header.hash, { header, index }]))
  let bodies = 0
  for (let round = 0; round < 12; round++) {
    const marks = [...held.values()]
      .filter(() => integer(40) === 0)
      .map(({ index }) => ({ index, bodyOrder: ++bodies }))
    tree.apply(marks)
    const failed = [...held.values()][integer(held.size)].index
    if (failed > 0 && round % 3 === 0) tree.markInvalid(failed)
    const keep = [...held.values()].filter(() => integer(80) === 0).map(({ index }) => index)
    const expected = new Set<HeaderIndex>([0])
    for (const end of [
      ...keep,
      ...[...held.values()].map(({ index }) => index).filter((i) => tree.hasBody(i)),
    ])
      for (let at = end; at !== NO_HEADER; at = tree.parent(at)) expected.add(at)
    const size = tree.end
    tree.forget(keep)
    assert.equal(tree.size, expected.size)
    for (const [hash, { index }] of held) {
      assert.equal(tree.has(index), expected.has(index))
      assert.equal(tree.find(hash as never), expected.has(index) ? index : NO_HEADER)
      if (!expected.has(index)) held.delete(hash)
    }
    assert.equal(tree.bodiless, [...expected].filter((index) => !tree.hasBody(index)).length)
    const parents = [...held.values()]
    for (let i = 0; i < 300; i++) {
      const parent = parents[Math.max(0, parents.length - 1 - integer(30))]
      const header = BlockHeader.of({
        ...parent.header,
        previousHash: parent.header.hashBytes,
        nonce: round * 1000 + i,
      })
      if (held.has(header.hash)) continue
      const index = tree.add(header, parent.index, tree.difficulty(parent.index))
      held.set(header.hash, { header, index })
      parents.push({ header, index })
    }
    assert.ok(tree.end <= Math.max(size, tree.size), 'free places are used before new ones')
  }
  const pages = tree.takeChangedPages([]).sort((a, b) => a.page - b.page)
  for (const each of [tree, HeaderTree.restore(pages.map(({ bytes }) => bytes))]) {
    assert.equal(each.size, held.size)
    const order = [...each.parentsFirst()]
    assert.equal(order.length, held.size)
    const place = new Map(order.map((index, at) => [index, at]))
    for (const { header, index } of held.values()) {
      assert.equal(each.findBytes(header.hashBytes), index)
      assert.deepEqual(each.header(index).bytes, header.bytes)
      assert.equal(each.hasBody(index), tree.hasBody(index))
      const parent = each.parent(index)
      if (parent === NO_HEADER) continue
      assert.equal(each.height(index), each.height(parent) + 1)
      assert.equal(each.chainWork(index), each.chainWork(parent) + blockWork(targetOf(header.bits)))
      assert.ok((place.get(parent) as number) < (place.get(index) as number))
      assert.equal(each.isInvalid(index), tree.isInvalid(index))
      if (each.isInvalid(parent)) assert.ok(each.isInvalid(index))
      const low = integer(each.height(index) + 1)
      let at = index
      while (each.height(at) > low) at = each.parent(at)
      assert.equal(each.ancestor(index, low), at)
    }
    assert.deepEqual(
      each.leaves(),
      [...held.values()]
        .map(({ index }) => index)
        .filter((index) => ![...held.values()].some((other) => each.parent(other.index) === index))
        .sort((a, b) => a - b),
    )
  }
})
