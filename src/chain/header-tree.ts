/**
 * The tree of all known headers, in packed memory: about 150 bytes a header. A header is named by its `HeaderIndex`, the number of its
 * place. Headers whose bodies never came can be forgotten; their places are used again, so that the tree grows with what was served and
 * not with what was claimed. Segments of a thousand headers are the pages of the store. Thread: the brain.
 */
import type { DifficultyState } from '../consensus/difficulty.ts'
import { MEDIAN_TIME_SPAN, medianTime } from '../consensus/headers.ts'
import { blockWork, decodeCompact, targetOf } from '../consensus/pow.ts'
import { BlockHeader } from '../primitives/block.ts'
import { type BlockHash, fromDisplay, toDisplay } from '../primitives/hashes.ts'
import { type HeaderIndex, type HeaderPage, StorageError } from './store.ts'

export type { HeaderIndex } from './store.ts'

/** The index of no header. */
export const NO_HEADER: HeaderIndex = -1

/** Headers of a segment in memory and of a page on disk. */
export const HEADERS_PER_PAGE = 1000

/**
 * A header's record, in memory and on disk, little-endian: hash 32, version 4, merkle root 32, time 4, bits 4, nonce 4, index of
 * the parent 4, position of its body among all bodies stored 4, base and ease of the difficulty after it 4 and 4, flags 1. Hash and
 * parent stand for the parent's hash.
 */
const RECORD_BYTES = 97
const VERSION = 32
const MERKLE_ROOT = 36
const TIME = 68
const BITS = 72
const NONCE = 76
const PARENT = 80
const BODY_ORDER = 84
const BASE = 88
const EASE = 92
const FLAGS = 96

/** The body is stored. */
const BODY = 1
/** Connected once by chainstate 0, and by chainstate 1: there its transactions are valid where it stands. */
const CONNECTED = [2, 64] as const
/** Proven bad, or marked so by hand. */
const FAILED = 4
/** An ancestor is. Follows from the others, so that the copy on disk may lag. */
const FAILED_ANCESTOR = 8
/** No header is in this place any more: the next one may take it. */
const FREE = 16
/** Marked bad by hand: kept until that is taken back by hand, too. */
const FAILED_BY_HAND = 32

/**
 * Of the chainstates that share the tree there may be two: what one has connected says nothing to another, which may have begun with coins that
 * nobody has checked.
 */
export type ChainstateId = 0 | 1

/** What a write to the store will make true of a header: told to the tree once it is durable. */
export interface HeaderMark {
  readonly index: HeaderIndex
  /** The body is stored, as the how manieth of all bodies, from 1. */
  readonly bodyOrder?: number
  /** The chainstate that connected it. */
  readonly connectedBy?: ChainstateId
}

interface Segment {
  readonly bytes: Uint8Array
  readonly view: DataView
  /** Four words a header, the lowest first. */
  readonly work: BigUint64Array
  readonly height: Int32Array
  /** An ancestor far below, as `skipHeight` says. */
  readonly skip: Int32Array
  dirty: boolean
}

export class HeaderTree {
  private readonly segments: Segment[] = []
  private count = 0
  /** Places below `count` that hold no header, the lowest last. */
  private readonly free: HeaderIndex[] = []
  /** Headers ever added in this life. */
  private additions = 0
  private withoutBody = 0
  /** Some parent has a higher index than its child. */
  private isMixed = false
  /** Index + 1 of a header at its slot by hash, 0 where empty: open addressing, at most half full. */
  private slots = new Uint32Array(1024)

  /** Reads the pages of a store, all in order. Throws a `StorageError` where they can't be what was written. */
  static restore(pages: readonly Uint8Array[]): HeaderTree {
    const tree = new HeaderTree()
    pages.forEach((page, number) => {
      const headers = page.length / RECORD_BYTES
      const full = number < pages.length - 1
      if (full ? headers !== HEADERS_PER_PAGE : !(Number.isInteger(headers) && headers <= HEADERS_PER_PAGE))
        throw new StorageError('corrupt', `Page ${number} of the stored headers has ${page.length} bytes.`)
      const segment = newSegment()
      segment.bytes.set(page)
      tree.segments.push(segment)
      tree.count += headers
    })
    tree.growSlots(tree.count)
    // 1: on the way that is being followed; 2: entered.
    const entered = new Uint8Array(tree.count)
    for (let index = 0; index < tree.count; index++) {
      if (tree.flags(index, FREE)) {
        if (index === 0) throw new StorageError('corrupt', 'Stored header 0 is missing.')
        tree.free.push(index)
        continue
      }
      // A parent may stand behind its child: first the way up to one that is known, then down again.
      const path: HeaderIndex[] = []
      for (let at = index; entered[at] === 0; at = tree.parent(at)) {
        entered[at] = 1
        path.push(at)
        const parent = tree.parent(at)
        if (at === 0 ? parent !== NO_HEADER : !tree.has(parent) || entered[parent] === 1)
          throw new StorageError('corrupt', `Stored header ${at} has no parent.`)
        for (const bits of [tree.bits(at), tree.difficulty(at).base]) {
          const { target, negative, overflow } = decodeCompact(bits)
          if (target === 0n || negative || overflow)
            throw new StorageError('corrupt', `Stored header ${at} has no target.`)
        }
        if (at === 0) break
      }
      for (const at of path.reverse()) {
        tree.enter(at, tree.parent(at))
        entered[at] = 2
      }
    }
    tree.free.reverse()
    return tree
  }

  /** Headers held. */
  get size(): number {
    return this.count - this.free.length
  }

  /** Above every index. */
  get end(): number {
    return this.count
  }

  /** Whether an index names a header: not after that was forgotten. Its place may have been given to another since. */
  has(index: HeaderIndex): boolean {
    return index >= 0 && index < this.count && !this.flags(index, FREE)
  }

  /** Headers ever added in this life of the tab. */
  get added(): number {
    return this.additions
  }

  /** Headers whose body isn't stored. */
  get bodiless(): number {
    return this.withoutBody
  }

  /** The indexes of all headers, parents before their children. */
  parentsFirst(): Uint32Array {
    const indexes = Uint32Array.from(this.indexes())
    return this.isMixed ? indexes.sort((a, b) => this.height(a) - this.height(b) || a - b) : indexes
  }

  /** `NO_HEADER` when unknown. */
  find(hash: BlockHash): HeaderIndex {
    return this.findBytes(fromDisplay(hash))
  }

  /** As `find`, by the 32 bytes in internal order. */
  findBytes(hash: Uint8Array): HeaderIndex {
    return this.slots[this.slotOf(hash)] - 1
  }

  header(index: HeaderIndex): BlockHeader {
    const { bytes, view } = this.segmentOf(index)
    const at = recordAt(index)
    const parent = this.parent(index)
    return BlockHeader.of({
      version: view.getUint32(at + VERSION, true),
      previousHash: parent === NO_HEADER ? new Uint8Array(32) : this.hashBytes(parent),
      merkleRoot: bytes.slice(at + MERKLE_ROOT, at + MERKLE_ROOT + 32),
      time: this.time(index),
      bits: this.bits(index),
      nonce: view.getUint32(at + NONCE, true),
    })
  }

  hash(index: HeaderIndex): BlockHash {
    return toDisplay<BlockHash>(this.hashBytes(index))
  }

  /** 32 bytes, internal order; a copy. */
  hashBytes(index: HeaderIndex): Uint8Array {
    const at = recordAt(index)
    return this.segmentOf(index).bytes.slice(at, at + 32)
  }

  /** `NO_HEADER` for genesis. */
  parent(index: HeaderIndex): HeaderIndex {
    return this.segmentOf(index).view.getInt32(recordAt(index) + PARENT, true)
  }

  height(index: HeaderIndex): number {
    return this.segmentOf(index).height[index % HEADERS_PER_PAGE]
  }

  /** Seconds since 1970. */
  time(index: HeaderIndex): number {
    return this.segmentOf(index).view.getUint32(recordAt(index) + TIME, true)
  }

  /** Target in compact form. */
  bits(index: HeaderIndex): number {
    return this.segmentOf(index).view.getUint32(recordAt(index) + BITS, true)
  }

  /** What the difficulty of its children follows from. */
  difficulty(index: HeaderIndex): DifficultyState {
    const { view } = this.segmentOf(index)
    const at = recordAt(index)
    return {
      time: view.getUint32(at + TIME, true),
      base: view.getUint32(at + BASE, true),
      ease: view.getUint32(at + EASE, true),
    }
  }

  /** Sum of expected hashes from genesis to this header. */
  chainWork(index: HeaderIndex): bigint {
    const { work } = this.segmentOf(index)
    const at = (index % HEADERS_PER_PAGE) * 4
    return work[at] | (work[at + 1] << 64n) | (work[at + 2] << 128n) | (work[at + 3] << 192n)
  }

  /** Median of the times of this header and its 10 ancestors (BIP113), seconds. */
  medianTimePast(index: HeaderIndex): number {
    const times: number[] = []
    for (let at = index; at !== NO_HEADER && times.length < MEDIAN_TIME_SPAN; at = this.parent(at))
      times.push(this.time(at))
    return medianTime(times)
  }

  /** The ancestor at `height` (itself at its own), `NO_HEADER` above it. */
  ancestor(index: HeaderIndex, height: number): HeaderIndex {
    if (height < 0 || height > this.height(index)) return NO_HEADER
    let at = index
    while (this.height(at) > height) {
      // A skip that overshoots may still be beaten by the parent's skip: Bitcoin Core's rule, O(log n) steps.
      const here = skipHeight(this.height(at))
      const next = skipHeight(this.height(at) - 1)
      const useSkip = here === height || (here > height && !(next < here - 2 && next >= height))
      at = useSkip ? this.skip(at) : this.parent(at)
    }
    return at
  }

  /** Last common ancestor. */
  forkPoint(a: HeaderIndex, b: HeaderIndex): HeaderIndex {
    const height = Math.min(this.height(a), this.height(b))
    let left = this.ancestor(a, height)
    let right = this.ancestor(b, height)
    while (left !== right) {
      // Headers at one height have their skips at one height, too.
      const apart = this.skip(left) !== this.skip(right)
      left = apart ? this.skip(left) : this.parent(left)
      right = apart ? this.skip(right) : this.parent(right)
    }
    return left
  }

  /** The body is stored. */
  hasBody(index: HeaderIndex): boolean {
    return this.flags(index, BODY)
  }

  /** Its position among all bodies in the order in which they came, from 1; 0 when it isn't stored. */
  bodyOrder(index: HeaderIndex): number {
    return this.segmentOf(index).view.getUint32(recordAt(index) + BODY_ORDER, true)
  }

  /** Connected by a chainstate at some time. */
  wasConnected(index: HeaderIndex, by: ChainstateId): boolean {
    return this.flags(index, CONNECTED[by])
  }

  /** Proven bad, itself or an ancestor. */
  isInvalid(index: HeaderIndex): boolean {
    return this.flags(index, FAILED | FAILED_ANCESTOR)
  }

  /** Headers without children, by index. */
  leaves(): HeaderIndex[] {
    const hasChild = new Uint8Array(this.count)
    for (const index of this.indexes()) if (index > 0) hasChild[this.parent(index)] = 1
    return [...this.indexes()].filter((index) => hasChild[index] === 0)
  }

  /**
   * Adds a header that isn't held below `parent`, which is (`NO_HEADER` for genesis), with the state of the difficulty after it.
   * For the chain alone.
   */
  add(
    header: BlockHeader,
    parent: HeaderIndex,
    difficulty: Pick<DifficultyState, 'base' | 'ease'>,
  ): HeaderIndex {
    const index = this.free.pop() ?? this.count++
    if (index >= this.segments.length * HEADERS_PER_PAGE) this.segments.push(newSegment())
    const segment = this.segmentOf(index)
    const at = recordAt(index)
    segment.bytes.set(header.hashBytes, at)
    segment.view.setUint32(at + VERSION, header.version, true)
    segment.bytes.set(header.merkleRoot, at + MERKLE_ROOT)
    segment.view.setUint32(at + TIME, header.time, true)
    segment.view.setUint32(at + BITS, header.bits, true)
    segment.view.setUint32(at + NONCE, header.nonce, true)
    segment.view.setInt32(at + PARENT, parent, true)
    segment.view.setUint32(at + BASE, difficulty.base, true)
    segment.view.setUint32(at + EASE, difficulty.ease, true)
    segment.bytes[at + FLAGS] = 0
    segment.dirty = true
    if ((this.size + 1) * 2 > this.slots.length) this.growSlots(this.size)
    this.enter(index, parent)
    this.additions++
    return index
  }

  /**
   * Forgets every header without a body that leads to none with one, to none of `keep` and to none marked bad by hand. Their indexes mean
   * nothing from then on, and later headers may get them. A header whose body a peer sent and that was proven bad goes, mark and all: kept, it
   * would hold the room of all the headers that it leads to, for one proof of work; gone, it costs whoever sends it again a penalty again.
   * For the chain alone.
   */
  forget(keep: Iterable<HeaderIndex>): void {
    const kept = new Uint8Array(this.count)
    const keepTo = (end: HeaderIndex): void => {
      for (let index = end; index !== NO_HEADER && kept[index] === 0; index = this.parent(index))
        kept[index] = 1
    }
    keepTo(0)
    for (const index of keep) keepTo(index)
    for (const index of this.indexes()) if (this.flags(index, BODY | FAILED_BY_HAND)) keepTo(index)
    for (const index of [...this.indexes()].filter((index) => kept[index] === 0)) {
      const segment = this.segmentOf(index)
      const at = recordAt(index)
      segment.bytes.fill(0, at, at + RECORD_BYTES)
      segment.view.setInt32(at + PARENT, NO_HEADER, true)
      segment.bytes[at + FLAGS] = FREE
      segment.dirty = true
      this.free.push(index)
      this.withoutBody--
    }
    this.free.sort((a, b) => b - a)
    this.slots = new Uint32Array(this.slots.length)
    for (const index of this.indexes()) this.slots[this.slotOf(this.hashBytes(index))] = index + 1
  }

  /** Marks a header and its descendants invalid, proven or by hand. For the chain alone. */
  markInvalid(index: HeaderIndex, byHand = false): void {
    this.setFlags(index, byHand ? FAILED | FAILED_BY_HAND : FAILED)
    this.spreadFailure()
  }

  /** Takes back the failure marks of a header, its ancestors and its descendants. For the chain alone. */
  clearInvalid(index: HeaderIndex): void {
    for (const other of this.indexes()) {
      const [low, high] = this.height(other) < this.height(index) ? [other, index] : [index, other]
      if (this.ancestor(high, this.height(low)) === low)
        this.clearFlags(other, FAILED | FAILED_ANCESTOR | FAILED_BY_HAND)
      else this.clearFlags(other, FAILED_ANCESTOR)
    }
    this.spreadFailure()
  }

  /** Whether pages changed since they were last taken. */
  get hasChangedPages(): boolean {
    return this.segments.some(({ dirty }) => dirty)
  }

  /**
   * Copies of the pages that changed since they were last taken, and of those that `marks` touch, with the marks in
   * them: to be written before `apply` makes the marks true in memory. For the chain alone.
   */
  takeChangedPages(marks: readonly HeaderMark[]): HeaderPage[] {
    for (const { index } of marks) this.segmentOf(index).dirty = true
    const pages = new Map<number, Uint8Array>()
    this.segments.forEach((segment, page) => {
      if (!segment.dirty) return
      const headers = Math.min(this.count - page * HEADERS_PER_PAGE, HEADERS_PER_PAGE)
      pages.set(page, segment.bytes.slice(0, headers * RECORD_BYTES))
      segment.dirty = false
    })
    for (const mark of marks) writeMark(pages.get(pageOf(mark.index)) as Uint8Array, mark)
    return [...pages].map(([page, bytes]) => ({ page, bytes }))
  }

  /** Takes in marks that are durable. For the chain alone. */
  apply(marks: readonly HeaderMark[]): void {
    for (const mark of marks) {
      if (mark.bodyOrder !== undefined && !this.hasBody(mark.index)) this.withoutBody--
      writeMark(this.segmentOf(mark.index).bytes, mark)
    }
  }

  /** Enters a header, whose record stands and whose parent is entered, into what follows from the records. */
  private enter(index: HeaderIndex, parent: HeaderIndex): void {
    const segment = this.segmentOf(index)
    const i = index % HEADERS_PER_PAGE
    const height = parent === NO_HEADER ? 0 : this.height(parent) + 1
    segment.height[i] = height
    segment.skip[i] = parent === NO_HEADER ? NO_HEADER : this.ancestor(parent, skipHeight(height))
    const work = blockWork(targetOf(this.bits(index))) + (parent === NO_HEADER ? 0n : this.chainWork(parent))
    for (let word = 0; word < 4; word++) segment.work[i * 4 + word] = work >> BigInt(64 * word)
    if (parent !== NO_HEADER && this.isInvalid(parent)) this.setFlags(index, FAILED_ANCESTOR)
    if (parent > index) this.isMixed = true
    if (!this.hasBody(index)) this.withoutBody++
    this.slots[this.slotOf(this.hashBytes(index))] = index + 1
  }

  private spreadFailure(): void {
    for (const index of this.parentsFirst())
      if (index > 0 && this.isInvalid(this.parent(index))) this.setFlags(index, FAILED_ANCESTOR)
  }

  /** All indexes, ascending. */
  private *indexes(): Generator<HeaderIndex, undefined> {
    for (let index = 0; index < this.count; index++) if (!this.flags(index, FREE)) yield index
  }

  private skip(index: HeaderIndex): HeaderIndex {
    return this.segmentOf(index).skip[index % HEADERS_PER_PAGE]
  }

  private segmentOf(index: HeaderIndex): Segment {
    return this.segments[pageOf(index)]
  }

  private flags(index: HeaderIndex, mask: number): boolean {
    return (this.segmentOf(index).bytes[recordAt(index) + FLAGS] & mask) !== 0
  }

  private setFlags(index: HeaderIndex, flags: number): void {
    const segment = this.segmentOf(index)
    if ((flags & FAILED_ANCESTOR) === 0) segment.dirty = true
    segment.bytes[recordAt(index) + FLAGS] |= flags
  }

  private clearFlags(index: HeaderIndex, flags: number): void {
    if (!this.flags(index, flags)) return
    const segment = this.segmentOf(index)
    segment.dirty = true
    segment.bytes[recordAt(index) + FLAGS] &= ~flags
  }

  /**
   * The slot of a hash, or the empty slot where it belongs. The first bytes in internal order are those that proof of work
   * leaves free; to make many of them collide costs a proof of work each.
   */
  private slotOf(hash: Uint8Array): number {
    const mask = this.slots.length - 1
    let slot = (hash[0] | (hash[1] << 8) | (hash[2] << 16) | (hash[3] << 24)) & mask
    while (this.slots[slot] !== 0 && !this.hasHash(this.slots[slot] - 1, hash)) slot = (slot + 1) & mask
    return slot
  }

  private hasHash(index: HeaderIndex, hash: Uint8Array): boolean {
    const { bytes } = this.segmentOf(index)
    const at = recordAt(index)
    for (let i = 0; i < 32; i++) if (bytes[at + i] !== hash[i]) return false
    return true
  }

  /** Makes room for twice as many as `headers`, all of which are entered or none. */
  private growSlots(headers: number): void {
    const entered = this.slots.filter((slot) => slot !== 0)
    let { length } = this.slots
    while (length < headers * 4) length *= 2
    this.slots = new Uint32Array(length)
    for (const slot of entered) this.slots[this.slotOf(this.hashBytes(slot - 1))] = slot
  }
}

function newSegment(): Segment {
  const bytes = new Uint8Array(HEADERS_PER_PAGE * RECORD_BYTES)
  return {
    bytes,
    view: new DataView(bytes.buffer),
    work: new BigUint64Array(HEADERS_PER_PAGE * 4),
    height: new Int32Array(HEADERS_PER_PAGE),
    skip: new Int32Array(HEADERS_PER_PAGE),
    dirty: false,
  }
}

function pageOf(index: HeaderIndex): number {
  return Math.floor(index / HEADERS_PER_PAGE)
}

/** Offset of a header's record in its page. */
function recordAt(index: HeaderIndex): number {
  return (index % HEADERS_PER_PAGE) * RECORD_BYTES
}

function writeMark(page: Uint8Array, mark: HeaderMark): void {
  const at = recordAt(mark.index)
  if (mark.connectedBy !== undefined) page[at + FLAGS] |= CONNECTED[mark.connectedBy]
  if (mark.bodyOrder === undefined) return
  page[at + FLAGS] |= BODY
  new DataView(page.buffer, page.byteOffset).setUint32(at + BODY_ORDER, mark.bodyOrder, true)
}

/** Height of the ancestor that a header at `height` skips to: Bitcoin Core's `GetSkipHeight`, any ancestor is reached in O(log n). */
function skipHeight(height: number): number {
  if (height < 2) return 0
  return height & 1 ? clearLowestBit(clearLowestBit(height - 1)) + 1 : clearLowestBit(height)
}

function clearLowestBit(n: number): number {
  return n & (n - 1)
}
