/** Promise: RPC tells of the mempool and takes transactions into it with Bitcoin Core's shapes and codes. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sats } from '../../../src/primitives/amount.ts'
import { bytesToHex } from '../../../src/primitives/bytes.ts'
import type { Transaction } from '../../../src/primitives/transaction.ts'
import { encodeAddress } from '../../../src/script/address.ts'
import { type TestCoin, TestWallet } from '../../support/chain-builder.ts'
import { type Json, NodeRig, RIG_PARAMS, type RigNode, STRANGER } from '../../support/node-rig.ts'

const payer = new TestWallet('payer')
const PAYER = encodeAddress(payer.scriptPubKey.subarray(2), RIG_PARAMS.addressPrefix)

/** A node without a wallet, and mature coins of 50 that `payer` can spend. */
async function fundedNode(coins = 2): Promise<{ node: RigNode; coins: TestCoin[] }> {
  const node = await new NodeRig().add('node', { wallet: false })
  await node.generate(coins, PAYER)
  await node.generate(RIG_PARAMS.coinbaseMaturity, STRANGER)
  const found: TestCoin[] = []
  for (let height = 1; height <= coins; height++) {
    const block = await node.core.chain.readBlock(node.core.chain.activeAt(height))
    found.push(...payer.coinsOf(block!.transactions[0]))
  }
  return { node, coins: found }
}

/** Spends coins to `payer` again, less a fee in satoshis. */
function spend(coins: readonly TestCoin[], fee: number): Transaction {
  const total = coins.reduce((sum, { value }) => sum + value, 0)
  return payer.spend(coins, [{ value: sats(total - fee), scriptPubKey: payer.scriptPubKey }])
}

const hexOf = ({ bytes }: Transaction) => bytesToHex(bytes)

test('a transaction goes in, is told in every shape, and confirms', async () => {
  const { node, coins } = await fundedNode()
  const parent = spend([coins[0]], 1000)
  const child = spend(payer.coinsOf(parent), 500)
  assert.equal(await node.rpc('sendrawtransaction', hexOf(parent)), parent.txid)
  assert.equal(await node.rpc('sendrawtransaction', hexOf(child)), child.txid)
  assert.equal(await node.rpc('sendrawtransaction', hexOf(child)), child.txid, 'again is no error')

  const info = await node.rpc('getmempoolinfo')
  assert.equal(info.size, 2)
  assert.equal(info.bytes, parent.vsize + child.vsize)
  assert.equal(info.total_fee, 0.000015)
  assert.equal(info.minrelaytxfee, 0.00001)
  assert.equal(info.mempoolminfee, 0.00001)
  assert.deepEqual(await node.rpc('getrawmempool'), [parent.txid, child.txid])
  const verbose = await node.rpc('getrawmempool', true)
  assert.deepEqual(verbose[child.txid].depends, [parent.txid])
  assert.deepEqual(verbose[parent.txid].spentby, [child.txid])
  assert.equal(verbose[child.txid].ancestorcount, 2)
  assert.equal(verbose[child.txid].fees.ancestor, 0.000015)
  assert.equal(verbose[parent.txid].fees.descendant, 0.000015)
  assert.deepEqual(await node.rpc('getmempoolentry', child.txid), verbose[child.txid])

  assert.equal(await node.rpc('getrawtransaction', child.txid), hexOf(child))
  const waiting = await node.rpc('getrawtransaction', child.txid, 1)
  assert.equal(waiting.fee, 0.000005)
  assert.equal(waiting.vin[0].prevout.value, 49.99999)
  assert.equal(waiting.blockhash, undefined)
  const decoded = await node.rpc('decoderawtransaction', hexOf(child))
  assert.equal(decoded.txid, child.txid)
  assert.equal(decoded.fee, undefined)

  const [block] = await node.generate(1, STRANGER)
  const confirmed = await node.rpc('getrawtransaction', child.txid, true)
  assert.equal(confirmed.blockhash, block)
  assert.equal(confirmed.confirmations, 1)
  assert.equal(confirmed.in_active_chain, true)
  assert.equal(confirmed.fee, 0.000005)
  assert.equal(await node.rpc('getrawtransaction', child.txid, 0, block), hexOf(child))
  const elsewhere = await node.failure('getrawtransaction', child.txid, 0, await node.rpc('getblockhash', 1))
  assert.equal(elsewhere.code, -5)
  assert.match(elsewhere.message, /does not hold/)
})

test('sendrawtransaction refuses with the codes of Core', async () => {
  const { node, coins } = await fundedNode()
  const code = async (tx: Transaction, ...rest: unknown[]): Promise<[number, string]> => {
    const { code, message } = await node.failure('sendrawtransaction', hexOf(tx), ...rest)
    return [code, message]
  }
  const first = spend([coins[0]], 1000)
  const unknown = spend(payer.coinsOf(first), 1000)
  assert.match((await code(unknown)).join(' '), /^-25 bad-txns-inputs-missingorspent: /)
  assert.match((await code(spend([coins[0]], 10))).join(' '), /^-26 min relay fee not met: /)
  const forged = payer.spend(
    [{ ...coins[0], value: sats(1) }],
    [{ value: sats(1000), scriptPubKey: payer.scriptPubKey }],
  )
  assert.match((await code(forged, 0)).join(' '), /^-26 mempool-script-verify-flag-failed: /)
  const dear = spend([coins[0]], 100_000_000)
  assert.match((await code(dear)).join(' '), /^-25 The fee of 1\.00000000 coins .* exceeds maxfeerate/)
  assert.equal((await node.rpc('getmempoolinfo')).size, 0, 'nothing went in')
  assert.equal(await node.rpc('sendrawtransaction', hexOf(dear), 0), dear.txid)
  await node.generate(1, STRANGER)
  assert.equal((await code(dear))[0], -27)
})

test('testmempoolaccept says of each what would happen, and sends none', async () => {
  const { node, coins } = await fundedNode()
  const parent = spend([coins[0]], 1000)
  const child = spend(payer.coinsOf(parent), 1000)
  const cheap = spend([coins[1]], 1)
  const dear = spend([coins[1]], 100_000_000)
  const results = await node.rpc('testmempoolaccept', [parent, child, cheap, dear].map(hexOf))
  assert.deepEqual(results[0], {
    txid: parent.txid,
    wtxid: parent.wtxid,
    allowed: true,
    vsize: parent.vsize,
    fees: {
      base: 0.00001,
      'effective-feerate': Math.ceil(1_000_000 / parent.vsize) / 1e8,
      'effective-includes': [parent.wtxid],
    },
  })
  assert.deepEqual(
    results.map((result: Json) => result['reject-reason']),
    [undefined, 'missing-inputs', 'min relay fee not met', 'max-fee-exceeded'],
  )
  assert.match(results[1]['reject-details'], /Send those first/)
  assert.equal((await node.rpc('getmempoolinfo')).size, 0)
  const [allowed] = await node.rpc('testmempoolaccept', [hexOf(dear)], 0)
  assert.equal(allowed.allowed, true)
})

test('estimatesmartfee answers the floor while blocks have room', async () => {
  const { node } = await fundedNode()
  assert.deepEqual(await node.rpc('estimatesmartfee', 2), { feerate: 0.00001, blocks: 2 })
})

test('without a wallet, wallet methods say so', async () => {
  const { node } = await fundedNode()
  assert.deepEqual(await node.rpc('listwallets'), [])
  for (const method of [
    'getwalletinfo',
    'getnewaddress',
    'getbalances',
    'listunspent',
    'listtransactions',
    'exportlabels',
  ]) {
    const { code, message } = await node.failure(method)
    assert.equal(code, -18, method)
    assert.match(message, /create one, restore one/)
  }
  assert.equal((await node.failure('sendtoaddress', STRANGER, 1)).code, -18)
  assert.equal((await node.failure('setgenerate', true)).code, -18)
  assert.equal((await node.rpc('validateaddress', STRANGER)).ismine, false)
})
