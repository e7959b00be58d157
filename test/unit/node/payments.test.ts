/**
 * Promises: there is one way from a plan to the network. What was reviewed is sent, or refused with a sentence; what the mempool would
 * refuse leaves no trace; and the history says what became of a payment.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { base64 } from '@scure/base'
import { sats } from '../../../src/primitives/amount.ts'
import { hexToBytes } from '../../../src/primitives/bytes.ts'
import { decodeTransaction } from '../../../src/primitives/transaction.ts'
import { decodeAddress } from '../../../src/script/address.ts'
import { parseDescriptor } from '../../../src/wallet/descriptor.ts'
import { Psbt } from '../../../src/wallet/psbt.ts'
import { type Json, NodeRig, RIG_PARAMS, type RigNode, STRANGER } from '../../support/node-rig.ts'
import { value } from '../../support/wallets.ts'

async function fundedNode(coins = 1): Promise<RigNode> {
  const node = await new NodeRig().add('node')
  for (let i = 0; i < coins; i++) await node.generate(1)
  await node.generate(node.rig.params.coinbaseMaturity, STRANGER)
  return node
}

const plan = (node: RigNode, amount = 1, options: object = {}): Promise<Json> =>
  node.rpc('walletcreatefundedpsbt', [], { [STRANGER]: amount }, 0, options)

/** Everything that a payment may leave behind. */
async function traces(node: RigNode): Promise<Json> {
  return [
    await node.rpc('listtransactions', '*', 100),
    await node.rpc('listunspent', 0),
    await node.rpc('getrawmempool'),
  ]
}

test('a reviewed payment is sent as it is', async () => {
  const node = await fundedNode()
  const { psbt } = await plan(node)
  const { tx } = await node.rpc('decodepsbt', psbt)
  assert.equal(await node.rpc('sendpsbt', psbt), tx.txid)
  assert.deepEqual(await node.rpc('getrawmempool'), [tx.txid])
  assert.equal((await node.rpc('gettransaction', tx.txid)).state, 'pending')
})

test('what the mempool would refuse leaves no trace: a low fee, a lock that holds, a bump that pays too little', async () => {
  const node = await fundedNode(2)
  const txid = await node.rpc('sendtoaddress', STRANGER, 1)
  const { psbt } = await plan(node, 1, { fee_rate: 0.5 })
  const locked = await lockedPayment(node)
  const bump = await node.rpc('psbtbumpfee', txid, { fee_rate: 10 })
  const before = await traces(node)
  for (const refused of [psbt, locked]) {
    const { code, message } = await node.failure('sendpsbt', refused)
    assert.equal(code, -26)
    assert.match(message, /was not sent: .* Nothing was recorded, its coins are free\./)
  }
  assert.deepEqual(await traces(node), before)
  // A higher bump came first: what was planned before it pays too little now, and is stale.
  await node.rpc('bumpfee', txid, { fee_rate: 50 })
  const after = await traces(node)
  assert.match((await node.failure('sendpsbt', bump.psbt, { replaces: txid })).message, /spent meanwhile/)
  assert.deepEqual(await traces(node), after)
})

test('a stale review is refused, and nothing is planned in its place', async () => {
  const node = await fundedNode()
  const { psbt } = await plan(node)
  await node.rpc('sendtoaddress', STRANGER, 2)
  const before = await traces(node)
  const { code, message } = await node.failure('sendpsbt', psbt)
  assert.equal(code, -4)
  assert.match(message, /spent meanwhile, or left the chain\. Nothing was sent\. Prepare the payment again\./)
  assert.deepEqual(await traces(node), before)
})

test('a review whose coin the chain left is refused', async () => {
  const node = await new NodeRig().add('node')
  const [mined] = await node.generate(1)
  await node.generate(node.rig.params.coinbaseMaturity, STRANGER)
  const { psbt } = await plan(node)
  await node.rpc('invalidateblock', mined)
  await node.generate(8, STRANGER)
  const before = await traces(node)
  assert.match((await node.failure('sendpsbt', psbt)).message, /left the chain/)
  assert.deepEqual(await traces(node), before)
})

test('a bump is reviewed, and sent as a replacement alone', async () => {
  const node = await fundedNode()
  const txid = await node.rpc('sendtoaddress', STRANGER, 1)
  const bump = await node.rpc('psbtbumpfee', txid, { fee_rate: 10 })
  assert.ok(bump.fee > bump.origfee)
  assert.deepEqual(await node.rpc('getrawmempool'), [txid], 'it was sent')
  assert.match((await node.failure('sendpsbt', bump.psbt)).message, /spent meanwhile/)
  const replacement = await node.rpc('sendpsbt', bump.psbt, { replaces: txid })
  assert.deepEqual(await node.rpc('getrawmempool'), [replacement])
})

test('a bumped payment is told as replaced, by what, and whose place that took', async () => {
  const node = await fundedNode()
  const first = await node.rpc('sendtoaddress', STRANGER, 1.5)
  const { txid: second } = await node.rpc('bumpfee', first, { fee_rate: 10 })
  const told = async (txid: string) => {
    const { state, replaced_by_txid, replaces_txid, walletconflicts } = await node.rpc('gettransaction', txid)
    return [state, replaced_by_txid, replaces_txid, walletconflicts]
  }
  assert.deepEqual(await told(first), ['replaced', second, undefined, [second]])
  assert.deepEqual(await told(second), ['pending', undefined, first, [first]])
  const lines = (await node.rpc('listtransactions')).filter(({ category }: Json) => category === 'send')
  assert.deepEqual(
    lines.map(({ txid, replaced_by_txid }: Json) => [txid, replaced_by_txid]),
    [
      [first, second],
      [second, undefined],
    ],
  )
  assert.equal((await node.failure('abandontransaction', first)).code, -5)
})

test('who is paid by a payment that is bumped sees which took the place of which', async () => {
  const rig = new NodeRig()
  const payer = await rig.add('payer')
  const payee = await rig.add('payee')
  await payer.fund()
  await rig.until(() => payee.tip === payer.tip)
  const txids = [await payer.rpc('sendtoaddress', await payee.rpc('getnewaddress'), 1)]
  for (const rate of [10, 20]) {
    await rig.until(() => payee.core.mempool.has(txids.at(-1)))
    await rig.time.run(1000)
    txids.push((await payer.rpc('bumpfee', txids.at(-1), { fee_rate: rate })).txid)
  }
  await rig.until(() => payee.core.mempool.has(txids.at(-1)))
  const told = () =>
    Promise.all(
      txids.map(async (txid) => {
        const { state, replaced_by_txid, replaces_txid } = await payee.rpc('gettransaction', txid)
        return [state, replaced_by_txid, replaces_txid]
      }),
    )
  const [first, second, third] = txids
  const before = [
    ['replaced', second, undefined],
    ['replaced', third, first],
  ]
  assert.deepEqual(await told(), [...before, ['pending', undefined, second]])
  await payer.generate(1, STRANGER)
  await rig.until(() => payee.tip === payer.tip)
  assert.deepEqual(await told(), [...before, ['confirmed', undefined, second]])
})

test("a payment whose payee's coin someone spends already is not replaced, and that leaves no trace", async () => {
  const rig = new NodeRig()
  const payer = await rig.add('payer')
  const payee = await rig.add('payee')
  await payer.fund()
  await rig.until(() => payee.tip === payer.tip)
  const address = await payee.rpc('getnewaddress')
  const txid = await payer.rpc('sendtoaddress', address, 1)
  await rig.until(() => payee.core.mempool.size === 1)
  const [{ vout }] = (await payee.rpc('listunspent', 0)).filter((coin: Json) => coin.txid === txid)
  // Its wallet would wait for a confirmation; its owner need not.
  const { hex } = await spendUnconfirmed(payee, txid, vout)
  await payer.rpc('sendrawtransaction', hex)
  const before = await traces(payer)
  for (const method of ['bumpfee', 'psbtbumpfee']) {
    const { code, message } = await payer.failure(method, txid, { fee_rate: 50 })
    assert.equal(code, -4)
    assert.match(message, /would be undone with it/)
  }
  assert.deepEqual(await traces(payer), before)
})

test('a payment with data, and one of all there is, can be bumped; what that costs the payee is told', async () => {
  const node = await fundedNode()
  const { psbt } = await node.rpc('walletcreatefundedpsbt', [], [{ data: '0102' }, { [STRANGER]: 1 }])
  const noted = await node.rpc('sendpsbt', psbt)
  const { txid: again, warnings } = await node.rpc('bumpfee', noted, { fee_rate: 10 })
  assert.equal(warnings, undefined)
  const { vout } = (await node.rpc('gettransaction', again, false, true)).decoded
  assert.ok(vout.some(({ scriptPubKey }: Json) => scriptPubKey.hex === '6a020102'))
  await node.generate(1, STRANGER)

  const { trusted } = (await node.rpc('getbalances')).mine
  const all = await node.rpc('sendtoaddress', STRANGER, trusted, '', '', true)
  const bumped = await node.rpc('bumpfee', all, { fee_rate: 10 })
  assert.equal(bumped.reduced.toFixed(8), (bumped.fee - bumped.origfee).toFixed(8))
  assert.match(bumped.warnings[0], /the recipient gets .* coins less/)
  const [{ amount }] = (await node.rpc('gettransaction', bumped.txid)).details
  assert.equal(amount.toFixed(8), (bumped.fee - trusted).toFixed(8))
})

test('a higher fee is taken from what comes back, wherever that was sent, and never from the payee', async () => {
  const node = await fundedNode()
  const [{ desc }] = (await node.rpc('listdescriptors')).descriptors
  await node.rpc('createwallet', 'single', true)
  await node.rpcOf('single', 'importdescriptors', [{ desc, timestamp: 0 }])
  const paidBy = async (wallet: string, options: object): Promise<string> => {
    const { psbt } = await node.rpcOf(wallet, 'walletcreatefundedpsbt', [], { [STRANGER]: 10 }, 0, options)
    return node.rpcOf(wallet, 'sendpsbt', (await node.rpcOf('', 'walletprocesspsbt', psbt)).psbt)
  }
  const bumped = async (wallet: string, txid: string): Promise<void> => {
    const plan = await node.rpcOf(wallet, 'psbtbumpfee', txid, { fee_rate: 50 })
    assert.deepEqual([plan.reduced, plan.warnings], [undefined, undefined])
    const payee = plan.outputs.find(({ address }: Json) => address === STRANGER)
    assert.deepEqual([payee.amount, payee.change], [10, false])
    assert.equal(plan.outputs.filter(({ change }: Json) => change).length, 1)
    const { psbt } = await node.rpcOf('', 'walletprocesspsbt', plan.psbt)
    await node.rpcOf(wallet, 'sendpsbt', psbt, { replaces: txid })
    await node.generate(1, STRANGER)
  }
  // The branch to receive serves for change, too.
  await bumped('single', await paidBy('single', {}))
  await bumped('', await paidBy('', { changeAddress: await node.rpcOf('', 'getnewaddress') }))
})

test('a payment to oneself and a stranger is no move within the wallet', async () => {
  const node = await fundedNode()
  const own = await node.rpc('getnewaddress')
  const { psbt } = await node.rpc('walletcreatefundedpsbt', [], [{ [own]: 2 }, { [STRANGER]: 1 }])
  const txid = await node.rpc('sendpsbt', psbt)
  assert.equal((await node.rpc('gettransaction', txid)).kind, 'sent')
})

test('a reward that the chain left stands among its time, not on top', async () => {
  const node = await new NodeRig().add('node')
  const [left] = await node.generate(1)
  await node.rpc('invalidateblock', left)
  for (let i = 0; i < 3; i++) await node.generate(1)
  const lines = await node.rpc('listtransactions')
  assert.deepEqual(
    lines.map(({ state }: Json) => state),
    ['orphaned', 'confirmed', 'confirmed', 'confirmed'],
  )
})

/** A payment of one of a node's coins to a stranger that no block takes before height 100,000. */
async function lockedPayment(node: RigNode): Promise<string> {
  const [coin] = node.core
    .wallet!.coins()
    .filter(({ spendable, height }) => spendable && height !== undefined)
  const key = node.core.wallet!.addresses().find(({ address }) => address === coin.address)!
  const descriptor = value(parseDescriptor(node.core.wallet!.account!.descriptor))
  const psbt = Psbt.of({
    inputs: [
      {
        prevout: coin.outpoint,
        sequence: 0xfffffffd,
        spent: { value: coin.value, scriptPubKey: coin.scriptPubKey },
        key: descriptor.derive(0, key.index),
      },
    ],
    outputs: [
      {
        value: sats(coin.value - 1_000),
        scriptPubKey: value(decodeAddress(STRANGER, RIG_PARAMS.addressPrefix)),
        key: undefined,
      },
    ],
    lockTime: 100_000,
  })
  return base64.encode(psbt.bytes)
}

/** The signed transaction that spends one unconfirmed coin of a node, whole. */
async function spendUnconfirmed(node: RigNode, txid: string, vout: number): Promise<Json> {
  const raw = value(decodeTransaction(hexToBytes(await node.rpc('getrawtransaction', txid))))
  const spent = raw.outputs[vout]
  const descriptor = value(parseDescriptor(node.core.wallet!.account!.descriptor))
  const psbt = Psbt.of({
    inputs: [
      {
        prevout: { txid: raw.txidBytes, index: vout },
        sequence: 0xfffffffd,
        spent,
        key: descriptor.derive(0, 0),
      },
    ],
    outputs: [
      {
        value: (spent.value - 2_000) as typeof spent.value,
        scriptPubKey: spent.scriptPubKey,
        key: undefined,
      },
    ],
    lockTime: 0,
  })
  return node.rpc('walletprocesspsbt', base64.encode(psbt.bytes))
}
