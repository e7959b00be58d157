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

  /** `salt`: `SALT_BYTES` random bytes that peers don't know. */
  constructor(salt: Uint8Array) {
    this.table = new OutpointTable(COIN_RECORD_BYTES, salt)
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

/**
 * Spends and additions staged above a view that stays untouched, and must not change, while the overlay is in use. Overlays
 * stack. Invariants: every outpoint in `spent` is a coin of the base; a coin in `added` isn't in the base, or is in `spent` too.
 */
export class CoinsOverlay implements CoinsView {
  private readonly base: CoinsView
  private readonly added: CoinTable
  private readonly spent: OutpointTable

  /** `salt` as for `CoinTable`. */
  constructor(base: CoinsView, salt: Uint8Array) {
    this.base = base
    this.added = new CoinTable(salt)
    this.spent = new OutpointTable(OUTPOINT_BYTES, salt)
  }

  get(prevout: Outpoint): Coin | undefined {
    return this.added.get(prevout) ?? (this.spent.find(prevout) >= 0 ? undefined : this.base.get(prevout))
  }

  /** Stages a coin. Throws when one is at that outpoint: a bug of the caller. */
  add(prevout: Outpoint, coin: Coin): void {
    if (this.spent.find(prevout) >= 0) {
      // The coin of the base comes back: unless it differs (made again at another height), nothing has changed.
      const before = this.base.get(prevout)
      if (before && equalCoins(before, coin) && !this.added.has(prevout)) {
        this.spent.remove(prevout)
        return
      }
    } else if (this.base.get(prevout)) throw new Error('The base has a coin at the added outpoint')
    this.added.add(prevout, coin)
  }

  /** Takes the coin at `prevout` away and returns it, undefined when there is none. */
  spend(prevout: Outpoint): Coin | undefined {
    const coin = this.get(prevout)
    if (coin && !this.added.remove(prevout)) this.spent.insert(prevout)
    return coin
  }

  /** The net changes above the base: a coin added and spent again is in neither list. */
  changes(): CoinChanges {
    return { added: this.added.records(), spent: this.spent.slice() }
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
}

function equalCoins(a: Coin, b: Coin): boolean {
  return (
    a.value === b.value &&
    a.height === b.height &&
    a.coinbase === b.coinbase &&
    equalBytes(a.outputKey, b.outputKey)
  )
}
