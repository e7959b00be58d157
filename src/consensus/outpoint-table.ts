/**
 * A hash table of fixed-size records keyed by their first 36 bytes, an outpoint. Records lie packed in segments without
 * holes; an index of 32-bit record numbers (open addressing, linear probing) finds them. No objects per record. Any thread.
 */
import type { Outpoint } from '../primitives/transaction.ts'

/** Bytes of a packed outpoint: txid in internal order, then its index in 32 bits little-endian. */
export const OUTPOINT_BYTES = 36
const OUTPOINT_WORDS = OUTPOINT_BYTES / 4

/** Bytes of the salt that keys the hash function. */
export const SALT_BYTES = 8

/** Records in a full segment, 2^14. Only the first segment is ever copied to grow; later ones come whole. */
const SEGMENT_SHIFT = 14
const SEGMENT_RECORDS = 1 << SEGMENT_SHIFT
const FIRST_RECORDS = 16

/** One for each word of the key, one for its length, three to finish. */
const HASH_ROUNDS = OUTPOINT_WORDS + 4

export interface Segment {
  readonly bytes: Uint8Array
  /** The same bytes in machine order: for comparing and hashing only, fields are read through `view`. */
  readonly words: Uint32Array
  readonly view: DataView
}

function segmentOf(byteLength: number): Segment {
  const buffer = new ArrayBuffer(byteLength)
  return { bytes: new Uint8Array(buffer), words: new Uint32Array(buffer), view: new DataView(buffer) }
}

/** The key that is looked for: one for all tables, since no operation is interrupted. */
const key = segmentOf(OUTPOINT_BYTES)
/** The outpoint it was taken from, which several tables are often asked for in turn. */
let keyOutpoint: Outpoint | undefined
/** Its hash, under the salt it was made with; no salt where it wasn't. */
let keyHash = 0
let keySalt0 = -1
let keySalt1 = -1

function stageOutpoint(prevout: Outpoint): void {
  if (prevout === keyOutpoint) return
  stageBytes(prevout.txid, 0, OUTPOINT_BYTES - 4)
  key.view.setUint32(32, prevout.index, true)
  keyOutpoint = prevout
}

function stageBytes(bytes: Uint8Array, offset: number, count = OUTPOINT_BYTES): void {
  for (let i = 0; i < count; i++) key.bytes[i] = bytes[offset + i]
  keyOutpoint = undefined
  keySalt0 = -1
}

export class OutpointTable {
  readonly recordBytes: number
  private readonly recordWords: number
  private readonly salt0: number
  private readonly salt1: number
  private readonly segments: Segment[]
  /** Record number + 1 at each slot, 0 where empty. A power of two long, at most three quarters full. */
  private index: Uint32Array
  private count = 0

  /**
   * `recordBytes`: a multiple of 4, at least 36. `salt`: 8 bytes that peers can't know, so that nobody grinds txids that
   * share a slot. `expected`: records that there is room for from the beginning.
   */
  constructor(recordBytes: number, salt: Uint8Array, expected = 0) {
    if (salt.length !== SALT_BYTES) throw new Error(`A salt has ${SALT_BYTES} bytes, not ${salt.length}`)
    this.recordBytes = recordBytes
    this.recordWords = recordBytes / 4
    const view = new DataView(salt.buffer, salt.byteOffset)
    this.salt0 = view.getUint32(0, true)
    this.salt1 = view.getUint32(4, true)
    let room = FIRST_RECORDS
    while (room < expected) room *= 2
    this.segments = [segmentOf(Math.min(room, SEGMENT_RECORDS) * recordBytes)]
    this.index = new Uint32Array(room * 2)
  }

  /** Records held. They are numbered from 0 to `size` − 1. */
  get size(): number {
    return this.count
  }

  /** Bytes of memory. */
  get bytes(): number {
    return this.segments.reduce((sum, segment) => sum + segment.bytes.length, this.index.byteLength)
  }

  /** Number of the record with this key, or −1. Good until the next change. */
  find(prevout: Outpoint): number {
    stageOutpoint(prevout)
    return this.index[this.probe()] - 1
  }

  /** The same for the key that stands in `source` at `offset`. */
  findKey(source: Uint8Array, offset: number): number {
    stageBytes(source, offset)
    return this.index[this.probe()] - 1
  }

  /** Appends a record that holds only its key and returns its number. Throws when the key is there. */
  insert(prevout: Outpoint): number {
    stageOutpoint(prevout)
    return this.insertStaged()
  }

  /** Appends the record that stands in `source` at `offset`. Throws when its key is there. */
  insertRecord(source: Uint8Array, offset: number): void {
    if (!this.putRecord(source, offset)) throw new Error('The outpoint is in the table already')
  }

  /** Appends the record that stands in `source` at `offset` unless its key is there: false then. */
  putRecord(source: Uint8Array, offset: number): boolean {
    stageBytes(source, offset)
    if (this.index[this.probe()] !== 0) return false
    const record = this.insertStaged()
    const start = this.offsetOf(record)
    const { bytes } = this.segmentAt(record)
    for (let i = OUTPOINT_BYTES; i < this.recordBytes; i++) bytes[start + i] = source[offset + i]
    return true
  }

  /** Removes the record with this key; the last record takes its number. False when there is none. */
  remove(prevout: Outpoint): boolean {
    stageOutpoint(prevout)
    return this.removeStaged()
  }

  /** Removes the record whose key stands in `source` at `offset`. False when there is none. */
  removeKey(source: Uint8Array, offset: number): boolean {
    stageBytes(source, offset)
    return this.removeStaged()
  }

  /** The segment that holds a record, at `offsetOf` it. */
  segmentAt(record: number): Segment {
    return this.segments[record >>> SEGMENT_SHIFT]
  }

  /** Byte offset of a record in its segment. */
  offsetOf(record: number): number {
    return (record & (SEGMENT_RECORDS - 1)) * this.recordBytes
  }

  /** A copy of the records numbered `start` to `end` − 1, one behind the other. */
  slice(start = 0, end = this.count): Uint8Array {
    const copy = new Uint8Array((end - start) * this.recordBytes)
    for (let record = start; record < end; ) {
      const offset = this.offsetOf(record)
      const here = Math.min(end - record, SEGMENT_RECORDS - (record & (SEGMENT_RECORDS - 1)))
      const part = this.segmentAt(record).bytes.subarray(offset, offset + here * this.recordBytes)
      copy.set(part, (record - start) * this.recordBytes)
      record += here
    }
    return copy
  }

  /** The slot of the staged key, or the empty slot where it belongs. */
  private probe(): number {
    const mask = this.index.length - 1
    let slot = this.stagedHash() & mask
    for (;;) {
      const entry = this.index[slot]
      if (entry === 0 || this.isStaged(entry - 1)) return slot
      slot = (slot + 1) & mask
    }
  }

  private isStaged(record: number): boolean {
    const { words } = this.segmentAt(record)
    const start = this.wordOf(record)
    for (let i = 0; i < OUTPOINT_WORDS; i++) if (words[start + i] !== key.words[i]) return false
    return true
  }

  private wordOf(record: number): number {
    return (record & (SEGMENT_RECORDS - 1)) * this.recordWords
  }

  private stagedHash(): number {
    if (keySalt0 !== this.salt0 || keySalt1 !== this.salt1) {
      keyHash = this.hash(key.words, 0)
      keySalt0 = this.salt0
      keySalt1 = this.salt1
    }
    return keyHash
  }

  private hashOf(record: number): number {
    return this.hash(this.segmentAt(record).words, this.wordOf(record))
  }

  private insertStaged(): number {
    if ((this.count + 1) * 4 > this.index.length * 3) this.growIndex()
    const slot = this.probe()
    if (this.index[slot] !== 0) throw new Error('The outpoint is in the table already')
    const record = this.count++
    this.growRecords()
    const { words } = this.segmentAt(record)
    const start = this.wordOf(record)
    for (let i = 0; i < OUTPOINT_WORDS; i++) words[start + i] = key.words[i]
    this.index[slot] = record + 1
    return record
  }

  private growRecords(): void {
    const [first] = this.segments
    const records = first.bytes.length / this.recordBytes
    if (this.count > this.segments.length * SEGMENT_RECORDS) {
      this.segments.push(segmentOf(SEGMENT_RECORDS * this.recordBytes))
    } else if (this.count > records && records < SEGMENT_RECORDS) {
      this.segments[0] = segmentOf(first.bytes.length * 2)
      this.segments[0].bytes.set(first.bytes)
    }
  }

  private growIndex(): void {
    this.index = new Uint32Array(this.index.length * 2)
    const mask = this.index.length - 1
    for (let record = 0; record < this.count; record++) {
      let slot = this.hashOf(record) & mask
      while (this.index[slot] !== 0) slot = (slot + 1) & mask
      this.index[slot] = record + 1
    }
  }

  private removeStaged(): boolean {
    const slot = this.probe()
    const entry = this.index[slot]
    if (entry === 0) return false
    this.closeSlot(slot)
    this.fillHole(entry - 1)
    return true
  }

  /** Empties a slot and shifts back those behind it that it displaced (Knuth 6.4, algorithm R): no tombstones. */
  private closeSlot(slot: number): void {
    const mask = this.index.length - 1
    let hole = slot
    for (let next = (hole + 1) & mask; this.index[next] !== 0; next = (next + 1) & mask) {
      const home = this.hashOf(this.index[next] - 1) & mask
      if (((next - home) & mask) < ((next - hole) & mask)) continue
      this.index[hole] = this.index[next]
      hole = next
    }
    this.index[hole] = 0
  }

  /** Moves the last record to the place of one that went. */
  private fillHole(record: number): void {
    const last = --this.count
    if (record !== last) {
      const mask = this.index.length - 1
      let slot = this.hashOf(last) & mask
      while (this.index[slot] !== last + 1) slot = (slot + 1) & mask
      this.index[slot] = record + 1
      const from = this.offsetOf(last)
      const bytes = this.segmentAt(last).bytes.subarray(from, from + this.recordBytes)
      this.segmentAt(record).bytes.set(bytes, this.offsetOf(record))
    }
    // One empty segment stays in reserve, so that a table whose size swings doesn't allocate each time.
    if (this.count <= (this.segments.length - 2) * SEGMENT_RECORDS) this.segments.pop()
  }

  /**
   * HalfSipHash-1-3 of a key (Aumasson and Bernstein's SipHash on 32-bit words, in the form that Linux uses for its hash
   * tables): an attacker who can't see the salt can't aim at a slot.
   */
  private hash(words: Uint32Array, start: number): number {
    let v0 = this.salt0 | 0
    let v1 = this.salt1 | 0
    let v2 = this.salt0 ^ 0x6c796765
    let v3 = this.salt1 ^ 0x74656462
    // Nine words, their length in bytes as a tenth, and three rounds on nothing to finish.
    for (let i = 0; i < HASH_ROUNDS; i++) {
      let word = 0
      if (i < OUTPOINT_WORDS) word = words[start + i] | 0
      else if (i === OUTPOINT_WORDS) word = OUTPOINT_BYTES << 24
      else if (i === OUTPOINT_WORDS + 1) v2 ^= 0xff
      v3 ^= word
      v0 = (v0 + v1) | 0
      v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0
      v0 = (v0 << 16) | (v0 >>> 16)
      v2 = (v2 + v3) | 0
      v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2
      v0 = (v0 + v3) | 0
      v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0
      v2 = (v2 + v1) | 0
      v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2
      v2 = (v2 << 16) | (v2 >>> 16)
      v0 ^= word
    }
    return v1 ^ v3
  }
}
