import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  COIN_BYTES,
  COIN_RECORD_BYTES,
  CoinsOverlay,
  CoinTable,
  PackedCoin,
  readCoin,
  readCoinRecord,
  readOutpoint,
  writeCoin,
  writeCoinRecord,
} from '../../../src/consensus/coin-table.ts'
import type { Coin } from '../../../src/consensus/coins.ts'
import { MAX_MONEY } from '../../../src/consensus/params.ts'
import { sats } from '../../../src/primitives/amount.ts'
import { sha256 } from '../../../src/primitives/hashes.ts'
import { type Outpoint, outpointKey } from '../../../src/primitives/transaction.ts'

const salt = Uint8Array.of(9, 8, 7, 6, 5, 4, 3, 2)

function outpoint(n: number): Outpoint {
  return { txid: sha256(Uint8Array.of(n >> 10, n >> 2)), index: n & 3 }
}

const anyCoin: fc.Arbitrary<Coin> = fc.record(
  {
    value: fc.integer({ min: 0, max: MAX_MONEY }).map(sats),
    height: fc.integer({ min: 0, max: 0x7fffffff }),
    coinbase: fc.boolean(),
    outputKey: fc.uint8Array({ minLength: 32, maxLength: 32 }),
  },
  { noNullPrototype: true },
)

/** A small range, so that the same outpoints come again. */
const anyOutpoint = fc.integer({ min: 0, max: 60 }).map(outpoint)

type Model = Map<string, Coin>

function assertSame(table: CoinTable, model: Model): void {
  assert.equal(table.size, model.size)
  const seen: Model = new Map()
  table.forEach((prevout, coin) => {
    seen.set(outpointKey(prevout), coin)
    assert.deepEqual(table.get(prevout), coin)
  })
  assert.deepEqual(new Map([...seen].sort()), new Map([...model].sort()))
}

class Add implements fc.Command<Model, CoinTable> {
  constructor(prevout: Outpoint, coin: Coin) {
    this.prevout = prevout
    this.coin = coin
  }
  readonly prevout: Outpoint
  readonly coin: Coin
  check(): boolean {
    return true
  }
  run(model: Model, table: CoinTable): void {
    const key = outpointKey(this.prevout)
    if (model.has(key)) assert.throws(() => table.add(this.prevout, this.coin), /already/)
    else {
      table.add(this.prevout, this.coin)
      model.set(key, this.coin)
    }
    assertSame(table, model)
  }
  toString(): string {
    return `add ${outpointKey(this.prevout)}`
  }
}

class Remove implements fc.Command<Model, CoinTable> {
  constructor(prevout: Outpoint) {
    this.prevout = prevout
  }
  readonly prevout: Outpoint
  check(): boolean {
    return true
  }
  run(model: Model, table: CoinTable): void {
    const key = outpointKey(this.prevout)
    assert.equal(table.has(this.prevout), model.has(key))
    assert.equal(table.remove(this.prevout), model.delete(key))
    assert.equal(table.get(this.prevout), undefined)
    assertSame(table, model)
  }
  toString(): string {
    return `remove ${outpointKey(this.prevout)}`
  }
}

test('a coin table behaves as a map', () => {
  const commands = fc.commands(
    [
      fc.tuple(anyOutpoint, anyCoin).map(([prevout, coin]) => new Add(prevout, coin)),
      anyOutpoint.map((prevout) => new Remove(prevout)),
    ],
    { maxCommands: 200, size: 'max' },
  )
  fc.assert(
    fc.property(commands, (list) => {
      fc.modelRun(() => ({ model: new Map(), real: new CoinTable(salt) }), list)
    }),
    { numRuns: 60 },
  )
})

test('a coin table keeps every coin over several segments, and gives their memory back', () => {
  const table = new CoinTable(salt)
  const coinOf = (n: number): Coin => ({
    value: sats(n * 1_000_003),
    height: n,
    coinbase: n % 7 === 0,
    outputKey: outpoint(n).txid,
  })
  const many = 50_000
  for (let n = 0; n < many; n++) table.add(outpoint(n), coinOf(n))
  const full = table.bytes
  // 80 bytes of record and at most 10.7 of index a coin, and a segment that isn't full.
  assert.ok(full < many * 91 + 16_384 * 80, `${full / many} bytes a coin`)
  for (let n = 0; n < many; n += 2) assert.ok(table.remove(outpoint(n)))
  assert.equal(table.size, many / 2)
  for (let n = 0; n < many; n++) assert.deepEqual(table.get(outpoint(n)), n % 2 === 0 ? undefined : coinOf(n))
  for (let n = 1; n < many; n += 2) assert.ok(table.remove(outpoint(n)))
  assert.equal(table.size, 0)
  assert.ok(table.bytes < full * 0.75)
})

test('records written and read elsewhere are those of the table', () => {
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.nat(500), { minLength: 1 }),
      fc.infiniteStream(anyCoin),
      (numbers, coins) => {
        const records = new Uint8Array(numbers.length * COIN_RECORD_BYTES)
        const model: Model = new Map()
        numbers.forEach((n, position) => {
          const coin = coins.next().value as Coin
          writeCoinRecord(records, position * COIN_RECORD_BYTES, outpoint(n), coin)
          model.set(outpointKey(outpoint(n)), coin)
        })
        const table = new CoinTable(salt)
        table.addRecords(records)
        assertSame(table, model)
        assert.deepEqual(table.records(), records)
        assert.deepEqual(table.records(1), records.slice(COIN_RECORD_BYTES))
        numbers.forEach((n, position) => {
          assert.deepEqual(readOutpoint(records, position * COIN_RECORD_BYTES), outpoint(n))
          const coin = readCoinRecord(records, position * COIN_RECORD_BYTES)
          assert.deepEqual(coin, model.get(outpointKey(outpoint(n))))
        })
      },
    ),
  )
})

test('a coin takes 44 bytes: value, height and whether a coinbase made it, output key', () => {
  const bytes = new Uint8Array(COIN_BYTES + 1)
  const outputKey = Uint8Array.from({ length: 32 }, (_, i) => 100 + i)
  writeCoin(bytes, new DataView(bytes.buffer), 1, {
    value: sats(0x1_0203_0000_0005),
    height: 0x4000_0001,
    coinbase: true,
    outputKey,
  })
  assert.deepEqual(
    bytes,
    Uint8Array.of(0, 5, 0, 0, 0, 3, 2, 1, 0, 0x03, 0, 0, 0x80, ...outputKey),
    'little-endian, at the offset',
  )
})

test('a coin that was read stays as it was when the table changes', () => {
  const table = new CoinTable(salt)
  const coin = { value: sats(1), height: 2, coinbase: false, outputKey: new Uint8Array(32).fill(3) }
  table.add(outpoint(0), coin)
  table.add(outpoint(4), { ...coin, outputKey: new Uint8Array(32).fill(4) })
  const read = table.get(outpoint(0))
  table.remove(outpoint(0))
  assert.deepEqual(read, coin)
})

test('a coin is the same read at once or as it is asked for, where it stands', () => {
  fc.assert(
    fc.property(anyCoin, fc.nat(8), (coin, at) => {
      const bytes = new Uint8Array(at + COIN_BYTES + 3).fill(0xee)
      const view = new DataView(bytes.buffer)
      writeCoin(bytes, view, at, coin)
      const { value, height, coinbase, outputKey } = new PackedCoin(bytes, view, at)
      assert.deepEqual({ value, height, coinbase, outputKey }, coin)
      assert.deepEqual(readCoin(bytes, view, at), coin)
    }),
  )
})

/** Coins by the numbers of their outpoints, each told by its height. */
function tableOf(heights: ReadonlyMap<number, number>): CoinTable {
  const table = new CoinTable(salt)
  for (const [n, height] of heights) table.add(outpoint(n), coinAt(height))
  return table
}

function coinAt(height: number): Coin {
  return { value: sats(height), height, coinbase: false, outputKey: new Uint8Array(32).fill(height) }
}

test('a coin is found by its packed outpoint, and written behind what stands before it', () => {
  const table = tableOf(
    new Map([
      [0, 5],
      [7, 6],
    ]),
  )
  for (const [n, height] of [
    [0, 5],
    [7, 6],
    [3, undefined],
  ] as const) {
    const record = new Uint8Array(2 + COIN_RECORD_BYTES)
    writeCoinRecord(record, 2, outpoint(n), coinAt(1))
    assert.equal(table.hasKey(record, 2), height !== undefined)
    assert(!table.hasKey(record, 0))
    for (const view of [table, new CoinsOverlay(table, salt)]) {
      const target = new Uint8Array(COIN_BYTES + 2).fill(0xee)
      assert.equal(view.read(outpoint(n), target, 1), height !== undefined)
      assert.deepEqual([target[0], target[COIN_BYTES + 1]], [0xee, 0xee])
      if (height === undefined) assert(target.every((byte) => byte === 0xee))
      else assert.deepEqual(readCoin(target, new DataView(target.buffer), 1), coinAt(height))
    }
  }
})

test('a copied coin is that of the table it comes from, and never takes the place of another', () => {
  const from = tableOf(
    new Map([
      [0, 5],
      [1, 6],
      [2, 7],
    ]),
  )
  const target = tableOf(
    new Map([
      [1, 9],
      [8, 1],
    ]),
  )
  assert.deepEqual(
    [0, 1, 2, 3].map((n) => from.copyTo(target, outpoint(n))),
    [true, true, true, false],
  )
  const heights = (table: CoinTable): unknown[] => [0, 1, 2, 3, 8].map((n) => table.get(outpoint(n))?.height)
  assert.deepEqual(heights(target), [5, 9, 7, undefined, 1])
  assert.deepEqual(target.get(outpoint(2)), coinAt(7))
  assert.equal(target.size, 4)

  const other = tableOf(
    new Map([
      [1, 9],
      [8, 1],
    ]),
  )
  other.addMissing(from)
  assert.deepEqual(heights(other), [5, 9, 7, undefined, 1])
  assert.deepEqual(other.get(outpoint(0)), coinAt(5))
  assert.equal(other.size, 4)
})

test('only what the changes name is removed', () => {
  const nowhere = { txid: new Uint8Array(32), index: 0 }
  const table = tableOf(new Map([[4, 1]]))
  table.add(nowhere, coinAt(2))
  const overlay = new CoinsOverlay(table, salt)
  overlay.spend(outpoint(4))
  table.apply(overlay.changes())
  assert.deepEqual(table.get(nowhere), coinAt(2))
  assert.equal(table.size, 1)
})

test('the salt must have 8 bytes', () => {
  assert.throws(() => new CoinTable(new Uint8Array(4)), /salt/)
})

/** What is done to a stack of overlays. */
type Step =
  | { readonly do: 'add'; readonly prevout: Outpoint; readonly coin: Coin }
  | { readonly do: 'spend'; readonly prevout: Outpoint }
  | { readonly do: 'push' | 'drop' | 'merge' }

/** Few outpoints and two coins: coins come back as they were, or changed. */
const fewOutpoints = fc.integer({ min: 0, max: 12 }).map(outpoint)
const twoCoins = fc.constantFrom<Coin>(
  { value: sats(5), height: 1, coinbase: false, outputKey: new Uint8Array(32).fill(1) },
  { value: sats(5), height: 2, coinbase: false, outputKey: new Uint8Array(32).fill(1) },
)
const anyStep: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({ do: fc.constant('add' as const), prevout: fewOutpoints, coin: twoCoins }),
  },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('spend' as const), prevout: fewOutpoints }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constantFrom('push' as const, 'drop' as const, 'merge' as const) }),
  },
)

test('a stack of overlays behaves as a stack of maps, and merges into what it stands on', () => {
  fc.assert(
    fc.property(fc.array(anyStep, { maxLength: 80, size: 'max' }), (steps) => {
      const table = new CoinTable(salt)
      const overlays = [new CoinsOverlay(table, salt)]
      const models: Model[] = [new Map(), new Map()]
      for (const step of steps) {
        const top = overlays[overlays.length - 1]
        const model = models[models.length - 1]
        if (step.do === 'add') {
          const key = outpointKey(step.prevout)
          if (model.has(key)) assert.throws(() => top.add(step.prevout, step.coin))
          else {
            top.add(step.prevout, step.coin)
            model.set(key, step.coin)
          }
        } else if (step.do === 'spend') {
          const key = outpointKey(step.prevout)
          assert.deepEqual(top.spend(step.prevout), model.get(key))
          model.delete(key)
        } else if (step.do === 'push') {
          overlays.push(new CoinsOverlay(top, salt))
          models.push(new Map(model))
        } else {
          overlays.pop()
          models.pop()
          if (step.do === 'merge') {
            top.applyTo(overlays.at(-1) ?? table)
            models[models.length - 1] = model
          }
          if (overlays.length === 0) {
            overlays.push(new CoinsOverlay(table, salt))
            models.push(new Map(models[0]))
          }
        }
        const shown = overlays[overlays.length - 1]
        for (let n = 0; n <= 12; n++)
          assert.deepEqual(shown.get(outpoint(n)), models[models.length - 1].get(outpointKey(outpoint(n))))
      }
      // Merged one by one, and standing on the table, the overlays leave what the topmost showed.
      while (overlays.length > 0) overlays.pop()?.applyTo(overlays.at(-1) ?? table)
      assertSame(table, models[models.length - 1])
    }),
    { numRuns: 300 },
  )
})

test('the changes of an overlay are net', () => {
  const table = new CoinTable(salt)
  const old = { value: sats(1), height: 1, coinbase: true, outputKey: new Uint8Array(32) }
  table.add(outpoint(0), old)
  const overlay = new CoinsOverlay(table, salt)

  overlay.add(outpoint(4), old)
  overlay.spend(outpoint(4))
  assert.equal(overlay.changes().added.length, 0)
  assert.equal(overlay.changes().spent.length, 0)

  overlay.spend(outpoint(0))
  overlay.add(outpoint(0), old)
  assert.equal(overlay.changes().added.length, 0)
  assert.equal(overlay.changes().spent.length, 0)

  overlay.spend(outpoint(0))
  overlay.add(outpoint(0), { ...old, height: 2 })
  assert.deepEqual(readOutpoint(overlay.changes().spent, 0), outpoint(0))
  assert.equal(readCoinRecord(overlay.changes().added, 0).height, 2)
  overlay.applyTo(table)
  assert.equal(table.get(outpoint(0))?.height, 2)
})

test('the gain of an overlay is what its coins are worth more than those below, and any difference makes another coin', () => {
  const old = { value: sats(100), height: 1, coinbase: true, outputKey: new Uint8Array(32).fill(1) }
  const table = new CoinTable(salt)
  for (const n of [0, 4, 8]) table.add(outpoint(n), old)
  for (const change of [
    {},
    { value: sats(130) },
    { height: 2 },
    { coinbase: false },
    { outputKey: new Uint8Array(32) },
  ]) {
    const overlay = new CoinsOverlay(table, salt)
    overlay.spend(outpoint(0))
    assert.equal(overlay.changes().gain, -100)
    const made = { ...old, ...change }
    overlay.add(outpoint(0), made)
    const replaces = Object.keys(change).length > 0
    assert.equal(overlay.changes().added.length, replaces ? COIN_RECORD_BYTES : 0)
    assert.equal(overlay.changes().gain, made.value - 100)
    assert.deepEqual(overlay.get(outpoint(0)), made)
    overlay.add(outpoint(12), { ...old, value: sats(7) })
    overlay.spend(outpoint(4))
    assert.equal(overlay.changes().gain, made.value - 100 + 7 - 100)
    // What replaced it goes again: the base's coin is what is gone.
    overlay.spend(outpoint(0))
    assert.equal(overlay.changes().gain, 7 - 200)
  }
})
