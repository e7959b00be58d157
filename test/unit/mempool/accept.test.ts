/** Promise: the mempool takes what the next block could hold and policy allows, and refuses the rest with Core's codes. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { REGTEST } from '../../../src/consensus/params.ts'
import { checkAcceptance } from '../../../src/mempool/acceptance.ts'
import { MempoolGraph } from '../../../src/mempool/graph.ts'
import { sats } from '../../../src/primitives/amount.ts'
import { Transaction } from '../../../src/primitives/transaction.ts'
import type { CheckOutcome, CheckPool, TransactionCheck } from '../../../src/script/input-check.ts'
import { OP_RETURN } from '../../../src/script/opcodes.ts'
import { InlineCheckPool } from '../../../src/script/verify-input.ts'
import type { TestCoin } from '../../support/chain-builder.ts'
import { ChainNode, QUICK_PARAMS } from '../../support/chain-node.ts'

/** Waits with every verification until it is let go. */
class HeldCheckPool implements CheckPool {
  readonly waiting: (() => void)[] = []
  held = false
  private readonly inner = new InlineCheckPool()

  async verify(checks: readonly TransactionCheck[]): Promise<CheckOutcome> {
    if (this.held) await new Promise<void>((resolve) => this.waiting.push(resolve))
    return this.inner.verify(checks)
  }
}

describe('mempool acceptance', () => {
  test('a payment enters with its fee, time and height', async () => {
    const node = await ChainNode.open()
    const [coin] = await node.fund(1)
    const tx = node.spend([coin], 500)
    const accepted = await node.mempool.accept(tx)
    assert.ok(accepted.ok)
    const entry = accepted.value
    assert.equal(entry.fee, 500)
    assert.equal(entry.height, 2)
    assert.equal(entry.time, node.time.now() / 1_000)
    assert.equal(node.mempool.get(tx.txid), entry)
    assert.equal(node.mempool.getByWtxid(tx.wtxid), entry)
    assert.equal(node.mempool.spender(coin.prevout), entry)
    assert.deepEqual(node.told, [`added ${tx.txid}`])
    assert.ok(node.mempool.wasVerified(tx))
  })

  test('what breaks consensus is invalid', async () => {
    const node = await ChainNode.open()
    const [coin] = await node.fund(1)
    const { wallet } = node
    const to = wallet.scriptPubKey
    const forged = Transaction.of({
      ...node.spend([coin], 500),
      inputs: [{ ...node.spend([coin], 500).inputs[0], witness: [new Uint8Array(64)] }],
    })
    for (const [code, tx] of [
      ['bad-txns-vout-empty', wallet.spend([coin], [])],
      ['bad-txns-in-belowout', wallet.spend([coin], [{ value: sats(coin.value + 1), scriptPubKey: to }])],
      ['coinbase', node.tip.block.transactions[0]],
      ['mempool-script-verify-flag-failed', forged],
    ] as const) {
      const accepted = await node.mempool.accept(tx)
      assert.ok(!accepted.ok)
      assert.deepEqual([accepted.kind, accepted.code], ['invalid', code])
    }
    const parent = node.spend([coin], 500)
    assert.equal(await node.code(parent), 'ok')
    const noCoin = wallet.spend(
      [{ prevout: { txid: parent.txidBytes, index: 1 }, value: sats(1_000) }],
      [{ value: sats(500), scriptPubKey: to }],
    )
    assert.equal(await node.code(noCoin), 'bad-txns-inputs-missingorspent')
    assert.equal(node.mempool.isOrphan(noCoin.wtxid), false)
    assert.equal(node.mempool.size, 1)
  })

  test('a forged witness does not keep out the true one', async () => {
    const node = await ChainNode.open()
    const [coin] = await node.fund(1)
    const tx = node.spend([coin], 500)
    const forged = Transaction.of({ ...tx, inputs: [{ ...tx.inputs[0], witness: [new Uint8Array(64)] }] })
    assert.equal(forged.txid, tx.txid)
    assert.equal(await node.code(forged), 'mempool-script-verify-flag-failed')
    assert.equal(node.mempool.wasVerified(forged), false)
    assert.equal(await node.code(tx), 'ok')
    assert.equal(await node.code(tx), 'txn-already-in-mempool')
    assert.equal(await node.code(forged), 'txn-same-nonwitness-data-in-mempool')
  })

  test('what policy does not relay is not now', async () => {
    const node = await ChainNode.open()
    const coins = await node.fund(8)
    const { wallet } = node
    const to = wallet.scriptPubKey
    const nullData = { value: sats(0), scriptPubKey: Uint8Array.of(OP_RETURN) }
    const change = { value: sats(50_000), scriptPubKey: to }
    const plain = node.spend([coins[0]], 5_000)
    const annex = Transaction.of({
      ...plain,
      inputs: [{ ...plain.inputs[0], witness: [...plain.inputs[0].witness, Uint8Array.of(0x50)] }],
    })
    const heavy = Array.from({ length: 2_400 }, () => ({ value: sats(330), scriptPubKey: to }))
    const [rich] = await node.fund(1, 2_400 * 330 + 200_000)
    for (const [code, tx] of [
      ['version', wallet.spend([coins[0]], [change], { version: 3 })],
      ['version', wallet.spend([coins[0]], [change], { version: 0 })],
      ['tx-size', wallet.spend([rich], heavy)],
      ['dust', wallet.spend([coins[0]], [change, { value: sats(329), scriptPubKey: to }])],
      ['multi-op-return', wallet.spend([coins[0]], [change, nullData, nullData])],
      ['bad-witness-nonstandard', annex],
      ['tx-size-small', wallet.spend([coins[0]], [nullData])],
      ['min relay fee not met', node.spend([coins[0]], plain.vsize - 1)],
    ] as const) {
      const accepted = await node.mempool.accept(tx)
      assert.ok(!accepted.ok, code)
      assert.deepEqual([accepted.kind, accepted.code], ['not-now', code])
    }
    // What stands just within each limit.
    assert.equal(await node.code(wallet.spend([coins[1]], [change], { version: 1 })), 'ok')
    assert.equal(
      await node.code(wallet.spend([coins[2]], [change, { value: sats(330), scriptPubKey: to }])),
      'ok',
    )
    assert.equal(await node.code(wallet.spend([coins[3]], [change, nullData])), 'ok')
    assert.equal(await node.code(node.spend([coins[4]], plain.vsize)), 'ok')
  })

  test('no transaction may outweigh a block of the network', async () => {
    const params = { ...QUICK_PARAMS, weightLimit: 12_000 }
    const node = await ChainNode.open({ params })
    const [coin] = await node.fund(1)
    assert.equal(await node.code(node.spend([coin], 9_000, 45)), 'tx-size')
    const fits = node.spend([coin], 9_000, 44)
    assert.equal(await node.code(fits), 'ok')
    await node.mine([fits])
    assert.equal(node.mempool.size, 0)
  })

  test('locks: a transaction enters when the next block may hold it', async () => {
    const node = await ChainNode.open()
    const coins = await node.fund(4)
    const { wallet } = node
    const outputs = [{ value: sats(50_000), scriptPubKey: wallet.scriptPubKey }]
    // The tip is at height 2, the next block at 3: a lock time of 2 is the last that it may have.
    assert.equal(await node.code(wallet.spend([coins[0]], outputs, { lockTime: 3 })), 'non-final')
    assert.equal(await node.code(wallet.spend([coins[0]], outputs, { lockTime: 2 })), 'ok')
    // The coins are of height 2: one block old in the next.
    assert.equal(await node.code(wallet.spend([coins[1]], outputs, { sequence: 2 })), 'non-BIP68-final')
    assert.equal(await node.code(wallet.spend([coins[1]], outputs, { sequence: 1 })), 'ok')
    const medianTime = node.chain.headers.medianTimePast(node.chain.tip)
    assert.equal(await node.code(wallet.spend([coins[2]], outputs, { lockTime: medianTime })), 'non-final')
    assert.equal(await node.code(wallet.spend([coins[2]], outputs, { lockTime: medianTime - 1 })), 'ok')
    // An unconfirmed coin counts as of the next block: no relative lock on it is over.
    const parent = node.spend([coins[3]], 5_000)
    assert.equal(await node.code(parent), 'ok')
    const child = (sequence: number) => wallet.spend(wallet.coinsOf(parent), outputs, { sequence })
    assert.equal(await node.code(child(1)), 'non-BIP68-final')
    assert.equal(await node.code(child(0)), 'ok')
  })

  test('a coinbase is spent when it is mature in the next block', async () => {
    const node = await ChainNode.open({ params: { ...REGTEST, coinbaseMaturity: 3 } })
    const coinbase = node.wallet.coinbaseOf(await node.mine())
    const tx = node.spend([coinbase], 5_000)
    await node.mine()
    const early = await node.mempool.accept(tx)
    assert.ok(!early.ok)
    assert.deepEqual([early.kind, early.code], ['not-now', 'bad-txns-premature-spend-of-coinbase'])
    await node.mine()
    assert.equal(await node.code(tx), 'ok')
  })

  test('an orphan names its missing parents and follows them in', async () => {
    const node = await ChainNode.open()
    const [coin] = await node.fund(1)
    const { wallet } = node
    const parent = node.spend([coin], 5_000)
    const child = node.spend(wallet.coinsOf(parent), 5_000)
    const grandchild = node.spend(wallet.coinsOf(child), 5_000)
    for (const [orphan, missing] of [
      [grandchild, child],
      [child, parent],
    ]) {
      const accepted = await node.mempool.accept(orphan)
      assert.ok(!accepted.ok)
      assert.equal(accepted.kind, 'retry')
      assert.equal(accepted.code, 'bad-txns-inputs-missingorspent')
      assert.deepEqual('missingParents' in accepted && accepted.missingParents, [missing.txid])
      assert.ok(node.mempool.isOrphan(orphan.wtxid))
    }
    assert.equal(await node.code(parent), 'ok')
    await node.settled()
    assert.deepEqual(node.txids(), new Set([parent.txid, child.txid, grandchild.txid]))
    assert.equal(node.mempool.isOrphan(child.wtxid), false)
  })

  test('an orphan follows a parent that a block brings', async () => {
    const node = await ChainNode.open()
    const [coin] = await node.fund(1)
    const parent = node.spend([coin], 5_000)
    const child = node.spend(node.wallet.coinsOf(parent), 5_000)
    assert.equal(await node.code(child), 'bad-txns-inputs-missingorspent')
    await node.mine([parent])
    assert.deepEqual(node.txids(), new Set([child.txid]))
  })

  test('coins that were not looked up are missing, even when all parents that were missing have come', async () => {
    const node = await ChainNode.open()
    const [a, b] = await node.fund(2)
    const graph = new MempoolGraph()
    const parent = node.spend([a], 5_000)
    graph.add({ transaction: parent, fee: sats(5_000), time: 0, height: 0, anchorHeight: 0 })
    const tx = node.spend([...node.wallet.coinsOf(parent), b], 5_000)
    const context = node.chain.contextOn(node.chain.tip)
    const state = { graph, context, rates: { relay: 1_000, mempool: 1_000 }, checkFees: true }
    const checked = checkAcceptance(tx, [undefined], state)
    assert.ok(!checked.ok && checked.kind === 'retry')
    const whole = checkAcceptance(tx, await node.chain.coins(tx.inputs.map(({ prevout }) => prevout)), state)
    assert.ok(whole.ok)
  })

  test('an orphan is not left behind by a parent that comes while it is looked at', async () => {
    const node = await ChainNode.open()
    const [coin] = await node.fund(1)
    const parent = node.spend([coin], 5_000)
    const child = node.spend(node.wallet.coinsOf(parent), 5_000)
    const { coins: readCoins } = node.chain
    let release = () => {}
    const released = new Promise<void>((resolve) => {
      release = resolve
    })
    // The look whether the child is confirmed takes long.
    node.chain.coins = async (prevouts) => {
      if (Buffer.from(prevouts[0].txid).equals(child.txidBytes)) await released
      return readCoins.call(node.chain, prevouts)
    }
    const accepting = node.code(child)
    await node.time.run(0)
    assert.equal(await node.code(parent), 'ok')
    await node.settled()
    release()
    assert.equal(await accepting, 'bad-txns-inputs-missingorspent')
    assert.deepEqual(node.txids(), new Set([parent.txid, child.txid]))
  })

  test('what is confirmed is known, not an orphan', async () => {
    const node = await ChainNode.open()
    const [coin] = await node.fund(1)
    const tx = node.spend([coin], 5_000)
    await node.mine([tx])
    assert.equal(await node.code(tx), 'txn-already-known')
    assert.equal(node.mempool.isOrphan(tx.wtxid), false)
  })

  test('a transaction of a thousand unknown coins costs few reads', async () => {
    const node = await ChainNode.open()
    const unknown = Array.from({ length: 1_000 }, (_, index) => ({
      prevout: { txid: new Uint8Array(32).fill(9), index },
      value: sats(1_000),
    }))
    const signed = node.spend(unknown.slice(0, 1), 100)
    const tx = Transaction.of({
      ...signed,
      inputs: unknown.map(({ prevout }) => ({ ...signed.inputs[0], prevout })),
    })
    let looked = 0
    const { coins } = node.chain
    node.chain.coins = (prevouts) => {
      looked += prevouts.length
      return coins.call(node.chain, prevouts)
    }
    assert.equal(await node.code(tx), 'bad-txns-inputs-missingorspent')
    assert.ok(looked <= 80, `${looked} coins looked up`)
  })

  test('test says what accept would, and adds nothing', async () => {
    const node = await ChainNode.open()
    const [coin] = await node.fund(1)
    const tx = node.spend([coin], 500)
    assert.deepEqual(await node.mempool.test(tx), { ok: true, value: { fee: 500 } })
    assert.equal(node.mempool.size, 0)
    const child = node.spend(node.wallet.coinsOf(tx), 500)
    const orphan = await node.mempool.test(child)
    assert.ok(!orphan.ok && orphan.kind === 'retry')
    assert.equal(node.mempool.isOrphan(child.wtxid), false)
  })

  test('lines of unconfirmed transactions are bounded both ways', async () => {
    const node = await ChainNode.open()
    const [coin, other] = await node.fund(2)
    const { wallet } = node
    // 25 in a row, the first with an output to spare.
    const first = node.spend([coin], 500, 3)
    assert.equal(await node.code(first), 'ok')
    const [spare, another, start] = wallet.coinsOf(first)
    let last: TestCoin = start
    for (let i = 1; i < 25; i++) {
      const tx = node.spend([last], 500)
      assert.equal(await node.code(tx), 'ok')
      last = wallet.coinsOf(tx)[0]
    }
    assert.equal(await node.code(node.spend([last], 500)), 'too-long-mempool-chain')
    // The 26th that hangs together with the first: let in, as the last, since it has no other ancestor.
    assert.equal(await node.code(node.spend([spare], 500)), 'ok')
    assert.equal(await node.code(node.spend([another], 500)), 'too-long-mempool-chain')
    const wide = node.spend([other], 3_000, 26)
    assert.equal(await node.code(wide), 'ok')
    const outputs = wallet.coinsOf(wide)
    for (let i = 0; i < 24; i++) assert.equal(await node.code(node.spend([outputs[i]], 300)), 'ok')
    const grandchild = node.spend([wallet.coinsOf(node.spend([outputs[0]], 300))[0]], 300)
    assert.equal(await node.code(grandchild), 'too-long-mempool-chain')
    assert.equal(await node.code(node.spend([outputs[24]], 300)), 'ok')
    assert.equal(await node.code(node.spend([outputs[25]], 300)), 'too-long-mempool-chain')
    // One that replaces another of the 25 takes its place.
    assert.equal(await node.code(node.spend([outputs[23]], 900)), 'ok')
  })

  test('lines of unconfirmed transactions are bounded by weight, too', async () => {
    const node = await ChainNode.open()
    const [coin, other] = await node.fund(2, 10_000_000)
    const { wallet } = node
    // About 206,000 weight units each: two weigh more than 404,000 together.
    const heavy = (coins: TestCoin[], fee: number, length = 1_200) => {
      const { value } = coins[0]
      const outputs = Array.from({ length }, (_, i) => ({
        value: sats(i === 0 ? value - fee - (length - 1) * 330 : 330),
        scriptPubKey: wallet.scriptPubKey,
      }))
      return wallet.spend(coins, outputs)
    }
    const above = heavy([coin], 60_000)
    assert.equal(await node.code(above), 'ok')
    assert.equal(await node.code(heavy(wallet.coinsOf(above).slice(0, 1), 60_000)), 'too-long-mempool-chain')
    const split = node.spend([other], 1_000, 3)
    const [a, b, c] = wallet.coinsOf(split)
    assert.equal(await node.code(split), 'ok')
    assert.equal(await node.code(heavy([a], 60_000)), 'ok')
    assert.equal(await node.code(heavy([b], 60_000)), 'too-long-mempool-chain')
    // One that takes the other's place adds no weight.
    const next = heavy([a], 150_000)
    assert.equal(await node.code(next), 'ok')
    // Two that may wait side by side have no common child.
    const child = node.spend([wallet.coinsOf(above)[0], wallet.coinsOf(next)[0]], 5_000)
    assert.equal(await node.code(child), 'too-long-mempool-chain')
    // Beside what leaves 8,000, a light one is let in, as the last: it has no other ancestor.
    assert.equal(await node.code(heavy([b], 60_000, 1_100)), 'ok')
    const [light, tooHeavy] = [230, 240].map((length) => heavy([c], 60_000, length))
    assert.ok(light.weight <= 40_000 && tooHeavy.weight > 40_000)
    assert.equal(await node.code(tooHeavy), 'too-long-mempool-chain')
    assert.equal(await node.code(light), 'ok')
  })

  test('double spends that are checked at the same time: one enters', async () => {
    const checks = new HeldCheckPool()
    const node = await ChainNode.open({ checks })
    const [coin] = await node.fund(1)
    checks.held = true
    const all = Array.from({ length: 5 }, (_, i) => node.code(node.spend([coin], 1_000 + i)))
    await node.time.run(0)
    assert.equal(checks.waiting.length, 5)
    for (const release of checks.waiting) release()
    const codes = await Promise.all(all)
    assert.equal(codes.filter((code) => code === 'ok').length, 1)
    assert.equal(codes.filter((code) => code === 'insufficient fee').length, 4)
    assert.equal(node.mempool.size, 1)
  })

  test('a block that takes the coin while the signature is checked decides', async () => {
    const checks = new HeldCheckPool()
    const node = await ChainNode.open({ checks })
    const [coin] = await node.fund(1)
    const tx = node.spend([coin], 1_000)
    checks.held = true
    const accepting = node.code(tx)
    await node.time.run(0)
    checks.held = false
    await node.mine([node.spend([coin], 2_000)])
    for (const release of checks.waiting) release()
    assert.equal(await accepting, 'bad-txns-inputs-missingorspent')
    assert.equal(node.mempool.size, 0)
  })

  test('a transaction keeps its own bytes, not the message that brought it', async () => {
    const node = await ChainNode.open()
    const [coin] = await node.fund(1)
    const { bytes } = node.spend([coin], 500)
    const message = new Uint8Array(100_000)
    message.set(bytes, 5_000)
    const { decodeTransaction } = await import('../../../src/primitives/transaction.ts')
    const decoded = decodeTransaction(message.subarray(5_000, 5_000 + bytes.length))
    assert.ok(decoded.ok)
    const accepted = await node.mempool.accept(decoded.value)
    assert.ok(accepted.ok)
    assert.equal(accepted.value.transaction.bytes.buffer.byteLength, bytes.length)
    assert.equal(accepted.value.transaction.txid, decoded.value.txid)
  })
})
