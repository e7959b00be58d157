/** Promise: the mempool keeps its cap, keeps what pays best, and forgets what nobody mines. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { FeeFloor } from '../../../src/mempool/fee-floor.ts'
import { OrphanPool } from '../../../src/mempool/orphan-pool.ts'
import { VerifiedSet } from '../../../src/mempool/verified-set.ts'
import { BLOCK_RESERVED_WEIGHT } from '../../../src/policy/standard.ts'
import { sha256, type Txid } from '../../../src/primitives/hashes.ts'
import { Transaction } from '../../../src/primitives/transaction.ts'
import { VirtualTime } from '../../../src/simulator/virtual-time.ts'
import { ChainNode, QUICK_PARAMS } from '../../support/chain-node.ts'
import { freshCoin, spending } from '../../support/mempool-graphs.ts'

describe('mempool limits', () => {
  test('over the cap the lowest fee rates leave, and the floor rises over them', async () => {
    const maxBytes = 80_000
    const node = await ChainNode.open({ maxBytes })
    const coins = await node.fund(60)
    const fees = coins.map((_, i) => 1_000 + ((i * 37) % 60) * 100)
    for (const [i, coin] of coins.entries()) {
      const code = await node.code(node.spend([coin], fees[i]))
      assert.ok(['ok', 'mempool min fee not met', 'mempool full'].includes(code), code)
      assert.ok(node.mempool.bytes <= maxBytes)
    }
    const kept = new Set([...node.mempool.entries()].map(({ fee }) => fee as number))
    const best = fees.toSorted((a, b) => b - a).slice(0, 15)
    assert.ok(kept.size < 30)
    assert.deepEqual(
      best.filter((fee) => !kept.has(fee)),
      [],
    )
    const worst = Math.min(...kept)
    const lost = fees.filter((fee) => !kept.has(fee))
    assert.ok(lost.some((fee) => fee < worst))
    assert.ok(node.mempool.minFeeRate > 1_000)
    assert.ok(node.told.some((event) => event.startsWith('size-limit')))
  })

  test('a poor parent with a rich child stays, a rich parent does not keep a poor child', async () => {
    const node = await ChainNode.open({ maxBytes: 40_000 })
    const coins = await node.fund(40)
    const poor = node.spend([coins[0]], 200)
    const richChild = node.spend(node.wallet.coinsOf(poor), 50_000)
    const rich = node.spend([coins[1]], 40_000)
    const poorChild = node.spend(node.wallet.coinsOf(rich), 150)
    for (const tx of [poor, richChild, rich, poorChild]) assert.equal(await node.code(tx), 'ok')
    for (const coin of coins.slice(2)) await node.mempool.accept(node.spend([coin], 5_000))
    assert.ok(node.mempool.has(poor.txid))
    assert.ok(node.mempool.has(richChild.txid))
    assert.ok(node.mempool.has(rich.txid))
    assert.equal(node.mempool.has(poorChild.txid), false)
  })

  test('a poor child leaves without its parent', async () => {
    const node = await ChainNode.open({ maxBytes: 100_000 })
    const coins = await node.fund(40)
    const parent = node.spend([coins[0]], 1_500)
    const child = node.spend(node.wallet.coinsOf(parent), 170, 2)
    for (const tx of [parent, child]) assert.equal(await node.code(tx), 'ok')
    // Together they pay less than these, the parent alone pays more.
    for (const [i, coin] of coins.slice(1).entries()) await node.mempool.accept(node.spend([coin], 1_110 + i))
    assert.equal(node.mempool.has(child.txid), false)
    assert.ok(node.mempool.has(parent.txid))
    const left = node.told.filter((event) => event.startsWith('size-limit'))
    assert.ok(left.length > 1, 'others had to leave as well')
  })

  test('what would be the first to leave does not enter', async () => {
    const node = await ChainNode.open({ maxBytes: 30_000 })
    const coins = await node.fund(30)
    let full = false
    for (const [i, coin] of coins.entries()) {
      const tx = node.spend([coin], 50_000 - i * 1_000)
      const code = await node.code(tx)
      if (code === 'mempool full') {
        full = true
        assert.equal(node.mempool.has(tx.txid), false)
        assert.equal(node.told.includes(`added ${tx.txid}`), false)
        break
      }
      assert.equal(code, 'ok')
    }
    assert.ok(full)
    assert.equal(await node.code(node.spend([coins[29]], 200)), 'mempool min fee not met')
  })

  test('a raised floor halves in 72 block spacings once blocks come, faster when there is room', async () => {
    const time = new VirtualTime(1e12, async () => {})
    const floor = new FeeFloor(time, 1_000, 30)
    floor.raise(7_000)
    assert.equal(floor.rate(1), 8_000)
    const wait = (seconds: number) => time.run(seconds * 1_000)
    await wait(72 * 30)
    assert.equal(floor.rate(1), 8_000, 'no block came')
    floor.blockConnected()
    await wait(72 * 30)
    assert.equal(floor.rate(1), 4_000)
    await wait(72 * 15)
    assert.equal(floor.rate(0.4), 2_000)
    await wait((72 * 30) / 4)
    assert.equal(floor.rate(0.2), 1_000)
    await wait(72 * 30 * 10)
    assert.equal(floor.rate(1), 1_000)
  })

  test('what waits too long leaves at the next block, with what spends it', async () => {
    const node = await ChainNode.open({ expirySeconds: 1_000 })
    const coins = await node.fund(2)
    const old = node.spend([coins[0]], 500)
    assert.equal(await node.code(old), 'ok')
    await node.time.run(600_000)
    const child = node.spend(node.wallet.coinsOf(old), 500)
    const young = node.spend([coins[1]], 500)
    assert.equal(await node.code(child), 'ok')
    assert.equal(await node.code(young), 'ok')
    await node.mine()
    assert.equal(node.mempool.size, 3)
    await node.time.run(400_000)
    await node.mine()
    assert.deepEqual(node.txids(), new Set([young.txid]))
    assert.deepEqual(node.told.slice(3), [`expired ${old.txid}`, `expired ${child.txid}`])
  })

  test('estimates: the floor while there is room, else what the projected blocks take', async () => {
    const params = { ...QUICK_PARAMS, weightLimit: 10_000 }
    const node = await ChainNode.open({ params })
    const coins = await node.fund(30, 60_000)
    assert.equal(node.mempool.estimateFeeRate(1), 1_000)
    const perBlock = Math.floor(
      (params.weightLimit - BLOCK_RESERVED_WEIGHT) / node.spend([coins[0]], 500).weight,
    )
    for (const [i, coin] of coins.entries())
      assert.equal(await node.code(node.spend([coin], 1_000 + i * 100)), 'ok')
    const rate = (rank: number) => {
      const fee = 1_000 + (coins.length - rank) * 100
      return Math.floor((fee * 4_000) / node.spend([coins[0]], fee).weight) + 1
    }
    assert.equal(node.mempool.estimateFeeRate(1), rate(perBlock))
    assert.ok(node.mempool.estimateFeeRate(2) < node.mempool.estimateFeeRate(1))
    assert.equal(node.mempool.estimateFeeRate(100), 1_000)
  })

  test('orphans: a hundred, two million bytes, twenty minutes', () => {
    const pool = new OrphanPool()
    const parent = 'aa'.repeat(32) as Txid
    const orphans = Array.from({ length: 150 }, () => spending([freshCoin()], 1))
    for (const [i, orphan] of orphans.entries()) pool.add(orphan, [parent], i)
    assert.equal(pool.size, 100)
    assert.equal(pool.has(orphans[49].wtxid), false)
    assert.ok(pool.has(orphans[50].wtxid))
    pool.expire(99 + 1_200)
    assert.equal(pool.has(orphans[99].wtxid), false)
    assert.ok(pool.has(orphans[100].wtxid))
    assert.deepEqual(pool.takeChildrenOf(parent), orphans.slice(100))
    assert.equal(pool.size, 0)
    for (let i = 0; i < 30; i++) pool.add(spending([freshCoin()], 2_000), [parent], 2_000)
    assert.ok(pool.size > 1 && pool.size < 15)
  })

  test('an orphan counts with the memory of its witness items, however short', () => {
    const pool = new OrphanPool()
    const parent = 'aa'.repeat(32) as Txid
    for (let i = 0; i < 10; i++) {
      const { version, inputs, outputs, lockTime } = spending([freshCoin()], 1)
      const witness = Array.from({ length: 5_000 }, () => Uint8Array.of(1))
      const orphan = Transaction.of({
        version,
        inputs: [{ ...inputs[0], witness }],
        outputs,
        lockTime,
      })
      pool.add(orphan, [parent], 0)
    }
    assert.equal(pool.size, 3, 'of about 0.5 MB each')
  })

  test('the memory of verified transactions is bounded and keeps the last', () => {
    const verified = new VerifiedSet()
    const wtxid = (n: number) => sha256(new Uint8Array(Uint32Array.of(n).buffer))
    for (let i = 0; i < 70_000; i++) verified.add(wtxid(i))
    assert.equal(verified.has(wtxid(70_000 - 65_536 - 1)), false)
    assert.ok(verified.has(wtxid(70_000 - 65_536)))
    assert.ok(verified.has(wtxid(69_999)))
    // No other hash, however alike.
    for (let byte = 0; byte < 32; byte++) {
      const other = wtxid(69_999)
      other[byte] ^= 0x80
      assert.equal(verified.has(other), false)
    }
  })
})
