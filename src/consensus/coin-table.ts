/**
 * Coins in packed memory. `CoinTable` holds a set of them; `CoinsOverlay` stages spends and additions above a view, and is
 * dropped or applied whole. The 80-byte record of a coin is the same in memory, between threads and on disk. Any thread.
 */
import { type Sats, sats } from '../primitives/amount.ts'
import { equalBytes } from '../primitives/bytes.ts'
import type { Outpoint } from '../primitives/transaction.ts'
import type { Coin, CoinsView } from './coins.ts'
import { OUTPOINT_BYTES, OutpointTable } from './outpoint-table.ts'

/**
 * Bytes of a packed coin record, little-endian: txid 32 (internal order), output index 4, value in satoshis 8, height × 2 + 1 if
 * made by a coinbase 4, output key 32. Its first 36 bytes are a packed outpoint.
 */
export const COIN_RECORD_BYTES = 80

/** What a set of coins gained and lost. Spends come first: an outpoint in both lists had its coin replaced. */
export interface CoinChanges {
  /** Coins added, packed records of `COIN_RECORD_BYTES`. */
  readonly added: Uint8Array
  /** Outpoints spent, packed, `OUTPOINT_BYTES` each. */
  readonly spent: Uint8Array
}

/** The net changes of a set, and the satoshis that it gains by them, below 0 where it loses. */
export interface NetCoinChanges extends CoinChanges {
  readonly gain: number
}

/** Bytes of a record behind its outpoint: value, height and coinbase flag, output key. */
export const COIN_BYTES = COIN_RECORD_BYTES - OUTPOINT_BYTES

/** Writes the 44 bytes of a coin without its outpoint. `view` covers exactly `bytes`. */
export function writeCoin(bytes: Uint8Array, view: DataView, offset: number, coin: Coin): void {
  view.setUint32(offset, coin.value >>> 0, true)
  view.setUint32(offset + 4, Math.floor(coin.value / 0x1_0000_0000), true)
  view.setUint32(offset + 8, ((coin.height << 1) | (coin.coinbase ? 1 : 0)) >>> 0, true)
  bytes.set(coin.outputKey, offset + 12)
}

/** Reads the satoshis of what `writeCoin` wrote. */
export function readCoinValue(view: DataView, offset: number): Sats {
  return sats(view.getUint32(offset + 4, true) * 0x1_0000_0000 + view.getUint32(offset, true))
}

/** Reads what `writeCoin` wrote. The output key is a copy. */
export function readCoin(bytes: Uint8Array, view: DataView, offset: number): Coin {
  const made = view.getUint32(offset + 8, true)
  return {
    value: readCoinValue(view, offset),
    height: made >>> 1,
    coinbase: (made & 1) === 1,
    outputKey: bytes.slice(offset + 12, offset + 44),
  }
}

/** What `writeCoin` wrote, read where it stands as it is asked for. */
export class PackedCoin implements Coin {
  private readonly bytes: Uint8Array
  private readonly view: DataView
  private readonly offset: number

  /** `view` covers exactly `bytes`, which must not change. */
  constructor(bytes: Uint8Array, view: DataView, offset: number) {
    this.bytes = bytes
    this.view = view
    this.offset = offset
  }

  get value(): Sats {
    return readCoinValue(this.view, this.offset)
  }

  get height(): number {
    return this.view.getUint32(this.offset + 8, true) >>> 1
  }

  get coinbase(): boolean {
    return (this.view.getUint32(this.offset + 8, true) & 1) === 1
  }

  get outputKey(): Uint8Array {
    return this.bytes.subarray(this.offset + 12, this.offset + COIN_BYTES)
  }
}

/** Writes a packed record of `COIN_RECORD_BYTES` at `offset`. */
export function writeCoinRecord(records: Uint8Array, offset: number, prevout: Outpoint, coin: Coin): void {
  const view = dataViewOf(records)
  records.set(prevout.txid, offset)
  view.setUint32(offset + 32, prevout.index, true)
  writeCoin(records, view, offset + OUTPOINT_BYTES, coin)
}

/** Reads the packed outpoint at `offset`: the beginning of a coin record, or an item of `CoinChanges.spent`. */
export function readOutpoint(records: Uint8Array, offset: number): Outpoint {
  return {
    txid: records.slice(offset, offset + 32),
    index: dataViewOf(records).getUint32(offset + 32, true),
  }
}

/** Reads the coin of the packed record at `offset`. */
export function readCoinRecord(records: Uint8Array, offset: number): Coin {
  return readCoin(records, dataViewOf(records), offset + OUTPOINT_BYTES)
}

function dataViewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

export class CoinTable implements CoinsView {
  private readonly table: OutpointTable

  /** `salt`: `SALT_BYTES` random bytes that peers don't know. `expected`: coins that there is room for from the beginning. */
  constructor(salt: Uint8Array, expected?: number) {
    this.table = new OutpointTable(COIN_RECORD_BYTES, salt, expected)
  }

  /** Coins held. */
  get size(): number {
    return this.table.size
  }

  /** Bytes of memory: about 90 a coin. */
  get bytes(): number {
    return this.table.bytes
  }

  has(prevout: Outpoint): boolean {
    return this.table.find(prevout) >= 0
  }

  /** Whether it has a coin at the packed outpoint that stands in `source` at `offset`. */
  hasKey(source: Uint8Array, offset: number): boolean {
    return this.table.findKey(source, offset) >= 0
  }

  get(prevout: Outpoint): Coin | undefined {
    const record = this.table.find(prevout)
    return record < 0 ? undefined : this.coinAt(record)
  }

  read(prevout: Outpoint, target: Uint8Array, offset: number): boolean {
    const record = this.table.find(prevout)
    if (record < 0) return false
    const from = this.table.offsetOf(record) + OUTPOINT_BYTES
    copyCoin(target, offset, this.table.segmentAt(record).bytes, from)
    return true
  }

  /** Adds the coin at `prevout` to another table, unless that has it. False when there is none here. */
  copyTo(target: CoinTable, prevout: Outpoint): boolean {
    const record = this.table.find(prevout)
    if (record < 0) return false
    if (target.table.find(prevout) >= 0) return true
    const { bytes } = this.table.segmentAt(record)
    const copy = target.table.insert(prevout)
    const to = target.table.offsetOf(copy) + OUTPOINT_BYTES
    copyCoin(target.table.segmentAt(copy).bytes, to, bytes, this.table.offsetOf(record) + OUTPOINT_BYTES)
    return true
  }

  /** Adds all coins of another table that it doesn't have. */
  addMissing(other: CoinTable): void {
    for (let record = 0; record < other.size; record++)
      this.table.putRecord(other.table.segmentAt(record).bytes, other.table.offsetOf(record))
  }

  /** Throws when a coin is at that outpoint: a bug of the caller. */
  add(prevout: Outpoint, coin: Coin): void {
    const record = this.table.insert(prevout)
    const { bytes, view } = this.table.segmentAt(record)
    writeCoin(bytes, view, this.table.offsetOf(record) + OUTPOINT_BYTES, coin)
  }

  /** False when there was none. */
  remove(prevout: Outpoint): boolean {
    return this.table.remove(prevout)
  }

  /** Adds packed records. Throws at the first one whose outpoint is held. */
  addRecords(records: Uint8Array): void {
    for (let at = 0; at < records.length; at += COIN_RECORD_BYTES) this.table.insertRecord(records, at)
  }

  /**
   * A copy of the packed records at positions `start` to `end` − 1, all by default. Positions run from 0 to `size` − 1 in no
   * set order and hold until the next change.
   */
  records(start?: number, end?: number): Uint8Array {
    return this.table.slice(start, end)
  }

  /** Takes in changes: removes what was spent, where held, then adds. */
  apply(changes: CoinChanges): void {
    for (let at = 0; at < changes.spent.length; at += OUTPOINT_BYTES) this.table.removeKey(changes.spent, at)
    this.addRecords(changes.added)
  }

  /** Calls `visit` for every coin, in no set order. The table must not change meanwhile. */
  forEach(visit: (prevout: Outpoint, coin: Coin) => void): void {
    for (let record = 0; record < this.size; record++) {
      const prevout = readOutpoint(this.table.segmentAt(record).bytes, this.table.offsetOf(record))
      visit(prevout, this.coinAt(record))
    }
  }

  private coinAt(record: number): Coin {
    const { bytes, view } = this.table.segmentAt(record)
    return readCoin(bytes, view, this.table.offsetOf(record) + OUTPOINT_BYTES)
  }
}

/** A coin that the base hasn't. */
const ADDED = 1
/** No coin, where the base has one: the record holds that. */
const SPENT = 2
/** A coin other than the base's: that was spent, and made again at another height. */
const REPLACED = 3

/** Bytes of an overlay's record: a coin's, and one of the above in 32 bits. */
const OVERLAY_RECORD_BYTES = COIN_RECORD_BYTES + 4
const STATE_OFFSET = COIN_RECORD_BYTES

/** A coin on its way through. */
const passing = new Uint8Array(COIN_BYTES)
const passingView = dataViewOf(passing)

/**
 * Spends and additions staged above coins that stay untouched, and must not change, while the overlay is in use. Overlays
 * stack. One record an outpoint whose coin is not that of the base.
 */
export class CoinsOverlay implements CoinsView {
  private readonly base: CoinsView
  private readonly table: OutpointTable

  /** `salt` and `expected` as for `CoinTable`, the latter of changes. */
  constructor(base: CoinsView, salt: Uint8Array, expected?: number) {
    this.base = base
    this.table = new OutpointTable(OVERLAY_RECORD_BYTES, salt, expected)
  }

  get(prevout: Outpoint): Coin | undefined {
    return this.read(prevout, passing, 0) ? readCoin(passing, passingView, 0) : undefined
  }

  read(prevout: Outpoint, target: Uint8Array, offset: number): boolean {
    const record = this.table.find(prevout)
    if (record < 0) return this.base.read(prevout, target, offset)
    if (this.stateOf(record) === SPENT) return false
    this.readRecord(record, target, offset)
    return true
  }

  /** Stages a coin. Throws when one is at that outpoint: a bug of the caller. */
  add(prevout: Outpoint, coin: Coin): void {
    const found = this.table.find(prevout)
    if (found < 0 && this.base.read(prevout, passing, 0))
      throw new Error('The base has a coin at the added outpoint')
    if (found >= 0 && this.stateOf(found) !== SPENT) throw new Error('The outpoint has a coin already')
    const record = found < 0 ? this.table.insert(prevout) : found
    const { bytes, view } = this.table.segmentAt(record)
    const at = this.table.offsetOf(record)
    // The coin of the base comes back: unless it differs (made again at another height), nothing has changed.
    if (found >= 0 && equalCoins(readCoin(bytes, view, at + OUTPOINT_BYTES), coin)) {
      this.table.remove(prevout)
      return
    }
    writeCoin(bytes, view, at + OUTPOINT_BYTES, coin)
    view.setUint32(at + STATE_OFFSET, found < 0 ? ADDED : REPLACED, true)
  }

  /** Takes the coin at `prevout` away and returns it, undefined when there is none. */
  spend(prevout: Outpoint): Coin | undefined {
    return this.spendInto(prevout, passing, 0) ? readCoin(passing, passingView, 0) : undefined
  }

  /** Takes the coin at `prevout` away and writes its `COIN_BYTES` to `target` at `offset`. False when there is none. */
  spendInto(prevout: Outpoint, target: Uint8Array, offset: number): boolean {
    const found = this.table.find(prevout)
    const state = found < 0 ? undefined : this.stateOf(found)
    if (state === SPENT) return false
    if (state === undefined) {
      if (!this.base.read(prevout, target, offset)) return false
    } else this.readRecord(found, target, offset)
    if (state === ADDED) return this.table.remove(prevout)
    const record = state === undefined ? this.table.insert(prevout) : found
    const { bytes, view } = this.table.segmentAt(record)
    const at = this.table.offsetOf(record)
    if (state === undefined) copyCoin(bytes, at + OUTPOINT_BYTES, target, offset)
    else this.base.read(prevout, bytes, at + OUTPOINT_BYTES)
    view.setUint32(at + STATE_OFFSET, SPENT, true)
    return true
  }

  /** The net changes above the base: a coin added and spent again is in neither list. */
  changes(): NetCoinChanges {
    let spends = 0
    let additions = 0
    for (let record = 0; record < this.table.size; record++) {
      if (this.stateOf(record) !== ADDED) spends++
      if (this.stateOf(record) !== SPENT) additions++
    }
    const added = new Uint8Array(additions * COIN_RECORD_BYTES)
    const spent = new Uint8Array(spends * OUTPOINT_BYTES)
    let addedEnd = 0
    let spentEnd = 0
    let gain = 0
    for (let record = 0; record < this.table.size; record++) {
      const { bytes, view } = this.table.segmentAt(record)
      const at = this.table.offsetOf(record)
      const state = this.stateOf(record)
      const value = readCoinValue(view, at + OUTPOINT_BYTES)
      if (state !== SPENT) {
        added.set(bytes.subarray(at, at + COIN_RECORD_BYTES), addedEnd)
        addedEnd += COIN_RECORD_BYTES
        gain += value
      }
      if (state !== ADDED) {
        spent.set(bytes.subarray(at, at + OUTPOINT_BYTES), spentEnd)
        spentEnd += OUTPOINT_BYTES
        gain -= state === SPENT ? value : (this.base.get(readOutpoint(bytes, at)) as Coin).value
      }
    }
    return { added, spent, gain }
  }

  /** Takes in the changes of an overlay that stood on this one. Throws when they don't fit. */
  apply(changes: CoinChanges): void {
    for (let at = 0; at < changes.spent.length; at += OUTPOINT_BYTES)
      if (!this.spend(readOutpoint(changes.spent, at)))
        throw new Error('The spent coin is not in the overlay')
    for (let at = 0; at < changes.added.length; at += COIN_RECORD_BYTES)
      this.add(readOutpoint(changes.added, at), readCoinRecord(changes.added, at))
  }

  /** Moves the changes into what this overlay stands on, and is used up by it. */
  applyTo(target: CoinTable | CoinsOverlay): void {
    target.apply(this.changes())
  }

  private stateOf(record: number): number {
    return this.table.segmentAt(record).view.getUint32(this.table.offsetOf(record) + STATE_OFFSET, true)
  }

  private readRecord(record: number, target: Uint8Array, offset: number): void {
    const from = this.table.offsetOf(record) + OUTPOINT_BYTES
    copyCoin(target, offset, this.table.segmentAt(record).bytes, from)
  }
}

function copyCoin(target: Uint8Array, at: number, source: Uint8Array, from: number): void {
  for (let i = 0; i < COIN_BYTES; i++) target[at + i] = source[from + i]
}

function equalCoins(a: Coin, b: Coin): boolean {
  return (
    a.value === b.value &&
    a.height === b.height &&
    a.coinbase === b.coinbase &&
    equalBytes(a.outputKey, b.outputKey)
  )
}
