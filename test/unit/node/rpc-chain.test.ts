/** Promise: RPC tells of blocks, branches and coins what Bitcoin Core would, and moves between branches as it does. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { BlockFilter } from '../../../src/chain/block-filter.ts'
import { REGTEST } from '../../../src/consensus/params.ts'
import { sats } from '../../../src/primitives/amount.ts'
import { decodeBlock } from '../../../src/primitives/block.ts'
import { bytesToHex, hexToBytes } from '../../../src/primitives/bytes.ts'
import type { TransactionFields } from '../../../src/primitives/transaction.ts'
import { type TestBlock, TestChain } from '../../support/chain-builder.ts'
import { type Json, NodeRig, RIG_PARAMS, type RigNode, STRANGER } from '../../support/node-rig.ts'

/** A node whose chain is fund() and one payment of 1.5 coins to a stranger, confirmed. */
async function paidNode(): Promise<{ node: RigNode; txid: string; block: string }> {
  const node = await new NodeRig().add('node')
  await node.fund()
  const txid = await node.rpc('sendtoaddress', STRANGER, 1.5)
  const [block] = await node.generate(1, STRANGER)
  return { node, txid, block }
}

/** Offers a block of a builder; the result of submitblock. */
function submit(node: RigNode, { block }: TestBlock): Promise<string | null> {
  return node.rpc('submitblock', bytesToHex(block.bytes))
}

test('a new chain is its genesis block', async () => {
  const node = await new NodeRig().add('node')
  const info = await node.rpc('getblockchaininfo')
  const genesis = await node.rpc('getblockhash', 0)
  assert.equal(info.chain, 'regtest')
  assert.equal(info.blocks, 0)
  assert.equal(info.headers, 0)
  assert.equal(info.bestblockhash, genesis)
  assert.equal(info.verificationprogress, 1)
  assert.equal(info.initialblockdownload, false)
  assert.equal(info.bits, '207fffff')
  assert.equal(info.target, `7fffff${'00'.repeat(29)}`)
  assert.equal(info.chainwork, '2'.padStart(64, '0'))
  assert.equal(await node.rpc('getblockcount'), 0)
  assert.equal(await node.rpc('getbestblockhash'), genesis)
  const block = await node.rpc('getblock', genesis, 2)
  assert.equal(block.previousblockhash, undefined)
  assert.equal(block.nextblockhash, undefined)
  assert.equal(block.tx.length, 1)
})

test('getblock at its verbosities, and getblockheader, tell one story', async () => {
  const { node, txid, block: hash } = await paidNode()
  const raw = await node.rpc('getblock', hash, 0)
  const decoded = decodeBlock(hexToBytes(raw))
  assert.ok(decoded.ok && decoded.value.hash === hash)
  const ids = await node.rpc('getblock', hash)
  const header = await node.rpc('getblockheader', hash)
  assert.equal(await node.rpc('getblockheader', hash, false), raw.slice(0, 160))
  for (const [key, value] of Object.entries(header)) assert.deepEqual(ids[key], value, key)
  assert.deepEqual(ids.tx, [decoded.value.transactions[0].txid, txid])
  assert.equal(ids.nTx, 2)
  assert.equal(ids.height, 7)
  assert.equal(ids.confirmations, 1)
  assert.equal(ids.size, raw.length / 2)
  assert.equal(ids.weight, ids.size + 3 * ids.strippedsize)
  assert.equal(ids.previousblockhash, await node.rpc('getblockhash', 6))

  const full = await node.rpc('getblock', hash, 3)
  const [coinbase, payment] = full.tx
  const fees = await node.rpc('getblock', hash, 2)
  assert.equal(fees.tx[1].fee, payment.fee)
  assert.equal(fees.tx[1].vin[0].prevout, undefined)
  assert.equal(coinbase.fee, undefined)
  assert.ok(coinbase.vin[0].coinbase.length > 0)
  assert.equal(payment.vin[0].prevout.value, 50)
  assert.equal(payment.vin[0].prevout.generated, true)
  assert.equal(payment.vin[0].prevout.height, 1)
  const paid = payment.vout.reduce((sum: number, { value }: Json) => sum + value, 0)
  assert.equal(payment.fee.toFixed(8), (50 - paid).toFixed(8))
  assert.equal(coinbase.vout[0].value.toFixed(8), (50 + payment.fee).toFixed(8))
  const commitment = coinbase.vout[1].scriptPubKey
  assert.equal(commitment.type, 'nulldata')
  assert.equal(commitment.asm, `OP_RETURN ${commitment.hex.slice(4)}`)
  assert.equal(payment.hex, await node.rpc('getrawtransaction', txid))
})

test('the next block tells by how many doublings its target is eased', async () => {
  const rig = new NodeRig({ params: { ...REGTEST, retarget: true, targetSpacing: 30, halfLife: 60 } })
  const node = await rig.add('node')
  const next = async () => (await node.rpc('getmininginfo')).next
  for (let i = 0; i < 20; i++) {
    await rig.time.run(3000)
    await node.generate(1, STRANGER)
  }
  const before = await next()
  assert.equal(before.ease, 0)
  await rig.time.run((10 + 1.5 * 3) * 30_000)
  const { ease, difficulty } = await next()
  assert.ok(Math.abs(ease - 3) < 0.1, `${ease}`)
  assert.ok(Math.abs(before.difficulty / difficulty / 2 ** ease - 1) < 0.001)
})

test('the network’s speed is that of its blocks, not of the time before the first one or of a night', async () => {
  const rig = new NodeRig({ params: { ...REGTEST, retarget: true, targetSpacing: 30, halfLife: 60 } })
  const node = await rig.add('node')
  const speed = async () => (await node.rpc('getmininginfo')).networkhashps
  const generate = async (count: number) => {
    for (let i = 0; i < count; i++) {
      await rig.time.run(30_000)
      await node.generate(1, STRANGER)
    }
  }
  // The genesis block is days old, and tells nothing of how fast anybody is.
  await generate(1)
  assert.equal(await speed(), 0)
  await generate(20)
  const { difficulty } = await node.rpc('getmininginfo')
  const expected = (difficulty * 2 ** 48) / 0xffff / 30
  assert.ok(Math.abs((await speed()) / expected - 1) < 0.1, `${await speed()}, not ${expected}`)
  await rig.time.run(8 * 3_600_000)
  await generate(20)
  assert.ok((await speed()) > expected / 2, `${await speed()} after a night, ${expected} before`)
})

test('a template’s times are those that leave its bits and that its node takes', async () => {
  const rig = new NodeRig({
    params: { ...REGTEST, retarget: true, targetSpacing: 30, halfLife: 600, testControls: false },
  })
  const node = await rig.add('node')
  const template = async () => node.rpc('getblocktemplate', { payoutaddress: STRANGER })
  const now = () => Math.floor(rig.time.now() / 1000)
  // At the limit nothing eases: two minutes ahead is what is taken.
  const first = await template()
  assert.deepEqual([first.maxtime, first.mutable], [now() + 120, ['time']])
  assert.equal(first.mintime, rig.params.genesisTime + 1)
})

test('an older block knows the next one, a left block has −1 confirmations', async () => {
  const { node, block } = await paidNode()
  const parent = await node.rpc('getblock', await node.rpc('getblockhash', 6))
  assert.equal(parent.nextblockhash, block)
  assert.equal(parent.confirmations, 2)
  await node.rpc('invalidateblock', block)
  assert.equal((await node.rpc('getblock', block)).confirmations, -1)
  assert.equal((await node.rpc('getblockheader', block)).nextblockhash, undefined)
})

test('invalidateblock goes back and reconsiderblock returns: chain, coins, mempool and wallet', async () => {
  const { node, txid, block } = await paidNode()
  const before = await stateOf(node)
  await node.rpc('invalidateblock', block)
  assert.equal(await node.rpc('getblockcount'), 6)
  assert.deepEqual(await node.rpc('getrawmempool'), [txid])
  const unconfirmed = await node.rpc('gettransaction', txid)
  assert.equal(unconfirmed.confirmations, 0)
  assert.equal(unconfirmed.inmempool, true)
  assert.deepEqual(
    (await node.rpc('getchaintips')).map(({ status, branchlen }: Json) => [status, branchlen]),
    [
      ['invalid', 1],
      ['active', 0],
    ],
  )
  await node.rpc('reconsiderblock', block)
  assert.equal(await stateOf(node), before)
})

test('the genesis block can not be invalidated', async () => {
  const node = await new NodeRig().add('node')
  const failure = await node.failure('invalidateblock', node.tip)
  assert.equal(failure.code, -8)
  assert.match(failure.message, /stays valid/)
})

test('submitblock answers as BIP22 and Core say, and getchaintips names every branch', async () => {
  const node = await new NodeRig().add('node')
  const builder = new TestChain(RIG_PARAMS)
  const first = builder.mineBlock(builder.genesis)
  const second = builder.mineBlock(first)
  const rival = builder.mineBlock(builder.genesis, [], { extraNonce: Uint8Array.of(7) })
  const greedy = builder.mineBlock(second, [], { coinbase: withMore })
  assert.equal(await submit(node, first), null)
  assert.equal(await submit(node, first), 'duplicate')
  assert.equal(await submit(node, rival), 'inconclusive')
  assert.equal(await submit(node, second), null)
  const refused = await submit(node, greedy)
  assert.equal(refused, 'bad-cb-amount')
  assert.equal(await submit(node, greedy), 'duplicate-invalid')
  const orphan = builder.mineBlock(builder.mineBlock(second))
  assert.equal(await submit(node, orphan), 'prev-blk-not-found')
  // A body that does not match its header says nothing about the header.
  const third = builder.mineBlock(second)
  const mutated = builder.withBody(third, [...third.block.transactions, third.block.transactions[0]])
  assert.equal(await submit(node, mutated), 'bad-txnmrklroot')
  assert.equal(await submit(node, third), null)
  const tips = await node.rpc('getchaintips')
  const status = (hash: string) => tips.find((tip: Json) => tip.hash === hash)?.status
  assert.equal(status(third.block.hash), 'active')
  assert.equal(status(rival.block.hash), 'valid-headers')
  assert.equal(status(greedy.block.hash), 'invalid')
})

test('getchaintips tells connected branches from those of which only headers are known', async () => {
  const node = await new NodeRig().add('node')
  const builder = new TestChain(RIG_PARAMS)
  const left = builder.mineBlock(builder.genesis)
  assert.equal(await submit(node, left), null)
  const right = builder.mineEmpty(builder.genesis, 2, { extraNonce: Uint8Array.of(9) })
  for (const block of builder.branch(right)) await submit(node, block)
  const announced = builder.mineEmpty(right, 2)
  node.core.chain.acceptHeaders(builder.branch(announced).map(({ block }) => block.header))
  assert.deepEqual(
    (await node.rpc('getchaintips')).map(({ height, status, branchlen }: Json) => [
      height,
      status,
      branchlen,
    ]),
    [
      [4, 'headers-only', 2],
      [2, 'active', 0],
      [1, 'valid-fork', 1],
    ],
  )
})

test('gettxout sees the mempool unless told not to, and no data output', async () => {
  const node = await new NodeRig().add('node')
  await node.fund()
  const [coin] = await node.rpc('listunspent')
  const confirmed = await node.rpc('gettxout', coin.txid, coin.vout)
  assert.equal(confirmed.value, 50)
  assert.equal(confirmed.coinbase, true)
  assert.equal(confirmed.confirmations, 6)
  assert.equal(confirmed.scriptPubKey.address, coin.address)
  assert.equal(await node.rpc('gettxout', coin.txid, 1), null, 'the witness commitment is no coin')
  const txid = await node.rpc('sendtoaddress', STRANGER, 2)
  assert.equal(await node.rpc('gettxout', coin.txid, coin.vout), null)
  assert.equal((await node.rpc('gettxout', coin.txid, coin.vout, false)).value, 50)
  const { details } = await node.rpc('gettransaction', txid)
  const waiting = await node.rpc('gettxout', txid, details[0].vout)
  assert.equal(waiting.confirmations, 0)
  assert.equal(waiting.value, 2)
  assert.equal(await node.rpc('gettxout', txid, details[0].vout, false), null)
  assert.equal(await node.rpc('gettxout', txid, 9), null)
})

test('gettxoutsetinfo hashes the coins as hash_serialized_3 does', async () => {
  const { node, block } = await paidNode()
  const info = await node.rpc('gettxoutsetinfo')
  const records: { key: string; bytes: Uint8Array; value: number }[] = []
  for (let height = 1; height <= 7; height++) {
    const { tx } = await node.rpc('getblock', await node.rpc('getblockhash', height), 2)
    for (const { txid, vin, vout } of tx)
      for (const { n, value } of vout) {
        const found = await node.rpc('gettxout', txid, n)
        if (!found) continue
        const bytes = Buffer.alloc(36 + 4 + 8 + 1 + 34)
        bytes.set(hexToBytes(txid).reverse())
        bytes.writeUInt32LE(n, 32)
        bytes.writeUInt32LE(height * 2 + (vin[0].coinbase ? 1 : 0), 36)
        bytes.writeBigInt64LE(BigInt(Math.round(value * 1e8)), 40)
        bytes[48] = 34
        bytes.write(found.scriptPubKey.hex, 49, 'hex')
        records.push({ key: bytes.toString('hex', 0, 36), bytes, value })
      }
  }
  records.sort((a, b) => (a.key < b.key ? -1 : 1))
  const once = createHash('sha256')
    .update(Buffer.concat(records.map(({ bytes }) => bytes)))
    .digest()
  const hash = createHash('sha256').update(once).digest().reverse().toString('hex')
  assert.equal(info.hash_serialized_3, hash)
  assert.equal(info.txouts, records.length)
  assert.equal(info.total_amount, 350)
  assert.equal(info.bestblock, block)
  assert.equal((await node.rpc('gettxoutsetinfo', 'none')).hash_serialized_3, undefined)
})

test('gettxoutsetinfo shows the last snapshot of the coins', async () => {
  const node = await new NodeRig({ params: { ...RIG_PARAMS, snapshotInterval: 8, snapshotDelay: 3 } }).add(
    'node',
  )
  await node.generate(7, STRANGER)
  assert.equal((await node.rpc('gettxoutsetinfo', 'none')).snapshot, null)
  await node.generate(4, STRANGER)
  const { snapshot } = await node.rpc('gettxoutsetinfo', 'none')
  const { merkleroot, ...rest } = snapshot
  assert.deepEqual(rest, {
    height: 8,
    blockhash: await node.rpc('getblockhash', 8),
    txouts: 8,
    total_amount: 400,
  })
  // Block 11 says the same.
  const { tx } = await node.rpc('getblock', await node.rpc('getblockhash', 11), 2)
  assert.ok(tx[0].vout[1].scriptPubKey.hex.startsWith(`6a4c50a8361a41${merkleroot}`))
})

test('a template is solved by whoever asks for it', async () => {
  const node = await new NodeRig().add('node')
  await node.fund()
  const txid = await node.rpc('sendtoaddress', STRANGER, 1)
  const template = await node.rpc('getblocktemplate', { rules: ['segwit'], payoutaddress: STRANGER })
  assert.equal(template.height, 7)
  assert.equal(template.previousblockhash, node.tip)
  assert.deepEqual(
    template.transactions.map((tx: Json) => tx.txid),
    [txid],
  )
  const coinbase = await node.rpc('decoderawtransaction', template.coinbasetxn.data)
  assert.equal(Math.round(coinbase.vout[0].value * 1e8), template.coinbasevalue)
  assert.equal(coinbase.vout.at(-1).scriptPubKey.hex, template.default_witness_commitment)
  const bytes = hexToBytes(template.block)
  const target = BigInt(`0x${template.target}`)
  for (let nonce = 0; ; nonce++) {
    new DataView(bytes.buffer, bytes.byteOffset).setUint32(76, nonce, true)
    const hash = createHash('sha256')
      .update(createHash('sha256').update(bytes.subarray(0, 80)).digest())
      .digest()
    if (BigInt(`0x${hash.reverse().toString('hex')}`) <= target) break
  }
  assert.equal(await node.rpc('submitblock', bytesToHex(bytes)), null)
  assert.equal((await node.rpc('gettransaction', txid)).confirmations, 1)
})

test('generatetoaddress, setmocktime: blocks and time on demand, on networks for tests alone', async () => {
  const node = await new NodeRig().add('node')
  const later = RIG_PARAMS.genesisTime + 5_000_000
  assert.equal(await node.rpc('setmocktime', later), null)
  const hashes = await node.rpc('generatetoaddress', 3, STRANGER)
  assert.equal(hashes.length, 3)
  assert.equal(hashes[2], node.tip)
  assert.equal((await node.rpc('getblockheader', hashes[0])).time, later)
  assert.deepEqual(await node.rpc('generatetoaddress', 0, STRANGER), [])
  await node.rpc('setmocktime', RIG_PARAMS.genesisTime + 60)
  const ahead = await node.failure('generatetoaddress', 1, STRANGER)
  assert.equal(ahead.code, -1)
  assert.match(ahead.message, /setmocktime/)
  await node.rpc('setmocktime', 0)

  const other = await new NodeRig({ params: { ...RIG_PARAMS, testControls: false } }).add('node')
  for (const [method, ...args] of [
    ['generatetoaddress', 1, STRANGER],
    ['setmocktime', later],
  ] as const) {
    const { code, message } = await other.failure(method, ...args)
    assert.equal(code, -32601)
    assert.match(message, /network=regtest/)
  }
})

test('getblockfilter gives the filter of every block that was connected, and headers that follow each other', async () => {
  const { node, block } = await paidNode()
  const genesis = await node.rpc('getblockhash', 0)
  assert.equal((await node.rpc('getblockfilter', genesis)).filter, '00')
  let previous = '00'.repeat(32)
  for (let height = 0; height <= 7; height++) {
    const found = await node.rpc('getblockfilter', await node.rpc('getblockhash', height), 'basic')
    const hash = sha256d(hexToBytes(found.filter))
    const header = sha256d(Buffer.concat([hash, hexToBytes(previous).reverse()]))
    assert.equal(found.header, bytesToHex(header.reverse()))
    previous = found.header
  }
  const [output] = (await node.rpc('getblock', block, 2)).tx[1].vout
  const { filter } = await node.rpc('getblockfilter', block)
  const read = BlockFilter.decode(hexToBytes(block).reverse(), hexToBytes(filter))
  assert.ok(read.ok && read.value.matchesAny([hexToBytes(output.scriptPubKey.hex)]))

  // A block on a branch with less work has none.
  const net = new TestChain(RIG_PARAMS)
  const side = net.mineBlock(net.genesis)
  await submit(node, side)
  assert.equal((await node.failure('getblockfilter', side.block.hash)).code, -5)
  assert.equal((await node.failure('getblockfilter', '11'.repeat(32))).code, -5)
  assert.equal((await node.failure('getblockfilter', block, 'extended')).code, -5)
})

test('search finds what people paste', async () => {
  const { node, txid, block } = await paidNode()
  const found = (text: string) => node.rpc('search', text)
  assert.deepEqual(await found(' 7 '), { type: 'block', id: block })
  assert.deepEqual(await found(block.toUpperCase()), { type: 'block', id: block })
  assert.deepEqual(await found(txid), { type: 'transaction', id: txid })
  assert.deepEqual(await found(STRANGER.toUpperCase()), { type: 'address', id: STRANGER })
  const mistyped = `${STRANGER.slice(0, -1)}${STRANGER.endsWith('q') ? 'p' : 'q'}`
  const failure = await node.failure('search', mistyped)
  assert.equal(failure.code, -5)
  assert.ok(failure.message.includes(STRANGER), 'it says what was probably meant')
})

test('searchaddress adds up what an address received and sent, confirmed or not', async () => {
  const { node, txid } = await paidNode()
  const [mined] = (await node.rpc('listtransactions')).filter((line: Json) => line.category === 'generate')
  const own = await node.rpc('searchaddress', mined.address)
  assert.equal(own.received, 50)
  assert.equal(own.sent, 50)
  assert.equal(own.balance, 0)
  assert.deepEqual(
    own.transactions.map((line: Json) => [line.txid, line.amount, line.confirmations]),
    [
      [txid, -50, 1],
      [mined.txid, 50, 7],
    ],
  )
  const waiting = await node.rpc('sendtoaddress', STRANGER, 0.25)
  const { transactions } = await node.rpc('searchaddress', STRANGER)
  assert.deepEqual(
    [transactions[0].txid, transactions[0].amount, transactions[0].height],
    [waiting, 0.25, null],
  )
})

function sha256d(bytes: Uint8Array): Uint8Array {
  const once = createHash('sha256').update(bytes).digest()
  return Uint8Array.from(createHash('sha256').update(once).digest())
}

/** A coinbase that pays itself a satoshi too much. */
function withMore(fields: TransactionFields): TransactionFields {
  const [first, ...rest] = fields.outputs
  return { ...fields, outputs: [{ ...first, value: sats(first.value + 1) }, ...rest] }
}

/** All that a move to another branch and back must leave as it was. */
async function stateOf(node: RigNode): Promise<string> {
  const parts: unknown[] = []
  for (const method of ['getbestblockhash', 'getrawmempool', 'getbalances', 'listtransactions'])
    parts.push(await node.rpc(method))
  const { hash_serialized_3 } = await node.rpc('gettxoutsetinfo')
  return JSON.stringify([...parts, hash_serialized_3])
}
