/**
 * Promise: what `help` and the types of callers say of a method is what it answers: real answers have exactly the fields that are described, and
 * every method is described.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { RpcCall, RpcMethodName } from '../../../src/node/rpc-client.ts'
import { pageMethods } from '../../../src/node/rpc-page-methods.ts'
import { rpcPart } from '../../../src/node/rpc-part.ts'
import { channelResults } from '../../../src/node/rpc-results-channels.ts'
import { walletPart } from '../../../src/node/wallet-part.ts'
import { NodeRig, type RigNode, STRANGER } from '../../support/node-rig.ts'
import { DESCRIBED } from '../../support/rpc-shapes.ts'

/** Names that pass for peer ids. */
const ALICE = `12D3KooW${'A'.repeat(44)}`
const BOB = `12D3KooW${'B'.repeat(44)}`
const STRANGER_ID = `12D3KooW${'C'.repeat(44)}`

const PAGE_METHODS: readonly string[] = pageMethods.map(({ name }) => name)

test('the answers of all methods have exactly the fields that are described', async () => {
  const rig = new NodeRig()
  const node = await rig.add(ALICE, { links: true })
  const other = await rig.add(BOB, { links: true })
  const asked = new Set<string>()
  /** The rig compares every answer with its description. */
  const askOf: RigNode['rpcOf'] = (wallet, method, ...args) => {
    asked.add(method)
    return node.rpcOf(wallet, method, ...args)
  }
  const ask: RigNode['rpc'] = (method, ...args) => askOf(undefined, method, ...args)

  const genesis = await ask('getblockhash', await ask('getblockcount'))
  await ask('getmininginfo')
  await node.fund()
  await rig.until(() => other.tip === node.tip && node.core.peers.peers().length > 0)
  await rig.time.run(1000)

  // The chain and a branch of it.
  const tip = await ask('getbestblockhash')
  for (const level of [0, 1, 2, 3]) await ask('getblock', tip, level)
  for (const verbose of [true, false]) await ask('getblockheader', tip, verbose)
  await ask('getblockheader', genesis)
  await ask('getblock', genesis, 2)
  await ask('getblockfilter', tip)
  await ask('getblockchaininfo')
  await ask('gettxoutsetinfo')
  await ask('gettxoutsetinfo', 'none')
  await ask('invalidateblock', tip)
  await ask('getchaintips')
  await ask('reconsiderblock', tip)
  await ask('waitforblock', tip)
  await ask('waitforblockheight', 1)
  await ask('waitfornewblock', 0, genesis)
  await ask('getchaintxstats')
  await ask('getchaintxstats', 2)
  await ask('getblockstats', genesis)
  await ask('getblockstats', 1, ['subsidy', 'txs'])

  // The network.
  await ask('getpeerinfo')
  await ask('getnetworkinfo')
  await ask('getconnectioncount')
  await ask('getnettotals')
  await ask('allowlinkconditions', true)
  await ask('schedulelinkconditions', [{ after: 600, conditions: [] }])
  await ask('partition', [['nobody']])
  await ask('setlinkconditions', [{ latency: 1, jitter: 1, loss: 0.01, duplication: 0.01, bandwidth: 1e9 }])
  await rig.time.run(1000)
  await ask('getlinkconditions')
  await ask('heal')
  await ask('setban', STRANGER_ID, 'add')
  await ask('listbanned')
  await ask('clearbanned')
  await ask('uptime')
  await ask('getnodeaddresses', 0)
  await ask('logging', ['all'], ['mining'])
  await ask('getrpcinfo')

  // Mining.
  const mined = await ask('getnewaddress', 'mined')
  const template = await ask('getblocktemplate', { payoutaddress: mined })
  await ask('submitblock', template.block)
  await ask('generatetoaddress', 1, mined)
  await ask('setgenerate', true)
  await ask('getmininginfo')
  await ask('setgenerate', false)
  await ask('setmocktime', 0)

  // The wallet, and what waits in the mempool.
  const coins = await ask('listunspent', 0)
  await ask('getbalances')
  await ask('getbalance')
  await ask('getwalletinfo')
  await ask('listwallets')
  await ask('setlabel', STRANGER, 'Somebody')
  await ask('importlabels', await ask('exportlabels'))
  await ask('exportlabels', 'bip329')
  await ask('getaddressinfo', mined)
  await ask('getaddressinfo', STRANGER)
  await ask('validateaddress', mined)
  await ask('validateaddress', `${mined.slice(0, -1)}${mined.endsWith('q') ? 'p' : 'q'}`)
  await ask('validateaddress', 'nobody')
  await ask('estimatesmartfee', 3)
  const { descriptor } = await ask('getwalletinfo')
  await ask('getdescriptorinfo', descriptor)
  await ask('deriveaddresses', descriptor, 2)
  const own = await ask('getdescriptorinfo', `addr(${mined})`)
  assert.deepEqual(await ask('deriveaddresses', own.descriptor), [mined])
  await ask('scantxoutset', 'start', [own.descriptor, { desc: descriptor, range: 5 }])
  await ask('scantxoutset', 'status')
  await ask('decodescript', '6a0401020304')
  await ask('decodescript', '51')
  const plan = await ask('walletcreatefundedpsbt', [], { [STRANGER]: 1 })
  await ask('decodepsbt', plan.psbt)
  await ask('finalizepsbt', plan.psbt)
  await ask('analyzepsbt', plan.psbt)
  await ask('utxoupdatepsbt', plan.psbt)
  await ask('combinepsbt', [plan.psbt, plan.psbt])
  const spent = [{ txid: coins[0].txid, vout: coins[0].vout }]
  const bare = await ask('createpsbt', spent, [{ [STRANGER]: 1 }, { data: '00' }])
  const raw = await ask('createrawtransaction', spent, [{ [STRANGER]: 1 }, { data: '00' }])
  assert.equal((await ask('decoderawtransaction', raw)).txid, (await ask('decodepsbt', bare)).tx.txid)
  await ask('joinpsbts', [bare, await ask('createpsbt', [{ txid: '11'.repeat(32), vout: 0 }], {})])
  const signed = await ask('walletprocesspsbt', plan.psbt)
  await ask('decodepsbt', signed.psbt)
  await ask('analyzepsbt', signed.psbt)
  const { hex } = await ask('finalizepsbt', signed.psbt)
  await ask('decoderawtransaction', hex)
  await ask('converttopsbt', hex, true)
  await ask('testmempoolaccept', [hex])
  const txid = await ask('sendrawtransaction', hex)
  await ask('testmempoolaccept', [hex])
  await ask('getmempoolinfo')
  await ask('getmempoolentry', txid)
  await ask('getrawmempool')
  await ask('getrawmempool', true)
  await ask('getrawmempool', false, true)
  for (const verbose of [false, true]) {
    await ask('getmempoolancestors', txid, verbose)
    await ask('getmempooldescendants', txid, verbose)
  }
  await ask('gettxspendingprevout', [
    { txid: coins[0].txid, vout: coins[0].vout },
    { txid: coins[0].txid, vout: 7 },
  ])
  await ask('getblocktemplate', { payoutaddress: mined })
  await ask('gettransaction', txid, null, true)
  await ask('listtransactions')
  for (const level of [0, 1, 2]) await ask('getrawtransaction', txid, level)
  const change = (await ask('decoderawtransaction', hex)).vout.length - 1
  await ask('gettxout', txid, change)
  await ask('gettxout', txid, 99)
  await ask('search', txid)
  await ask('search', STRANGER)
  await ask('search', '1')
  await ask('searchaddress', STRANGER)
  await ask('psbtbumpfee', txid)
  const { txid: bumped } = await ask('bumpfee', txid)
  await ask('listtransactions', '*', 100)
  await ask('generatetoaddress', 1, mined)
  for (const level of [1, 2]) await ask('getrawtransaction', bumped, level)
  await ask('gettransaction', bumped)
  await ask('gettransaction', coins[0].txid)
  await ask('gettxout', bumped, 0)
  await ask('searchaddress', STRANGER)
  await ask('rescanblockchain', 0)
  await ask('getblockstats', await ask('getbestblockhash'))
  await ask('sendtoaddress', STRANGER, 0.5)
  const verbose = [null, null, null, null, null, null, null, '3', true]
  const { fee_reason: reason } = await ask('sendtoaddress', STRANGER, 0.5, ...verbose)
  assert.match(reason, /asked for/)
  await ask('sendpsbt', (await ask('walletcreatefundedpsbt', [], { [STRANGER]: 1 })).psbt)
  await ask('generatetoaddress', 1, mined)
  await ask('generateblock', mined, [])
  await ask('generateblock', mined, [], false)
  const proof = await ask('gettxoutproof', [bumped])
  assert.deepEqual(await ask('verifytxoutproof', proof), [bumped])
  await ask('scanblocks', 'start', [own.descriptor])
  for (const action of ['status', 'abort']) await ask('scanblocks', action)
  await ask('submitpackage', [hex])
  const [coin] = await ask('listunspent')
  await ask('lockunspent', false, [{ txid: coin.txid, vout: coin.vout }])
  await ask('listlockunspent')
  await ask('getbalances')
  await ask('lockunspent', true)
  await ask('getrawchangeaddress')
  await ask('send', { [STRANGER]: 0.1 })
  await ask('send', { [STRANGER]: 0.1 }, null, null, null, { psbt: true })
  await ask('sendmany', '', { [STRANGER]: 0.1 })
  await ask('sendmany', '', { [STRANGER]: 0.1 }, 1, '', [], true, 2, '', null, true)
  const unfunded = await ask('createrawtransaction', [], { [STRANGER]: 0.1 })
  const funded = await ask('fundrawtransaction', unfunded)
  await ask('signrawtransactionwithwallet', funded.hex)
  await ask(
    'signrawtransactionwithwallet',
    await ask('createrawtransaction', [{ txid: '11'.repeat(32), vout: 0 }], { [STRANGER]: 0.1 }),
  )
  await ask('verifymessage', mined, await ask('signmessage', mined, 'hello'), 'hello')
  await ask('listsinceblock')
  await ask('listsinceblock', tip, 1, null, false, true)
  await ask('help')
  await ask('help', 'getblock')
  await ask('disconnectnode', BOB)

  // Several wallets.
  await node.generate(rig.params.coinbaseMaturity, STRANGER)
  const { descriptors } = await ask('listdescriptors')
  await ask('createwallet', 'watch', true)
  await ask('listwalletdir')
  await askOf('watch', 'getwalletinfo')
  await askOf('watch', 'listdescriptors')
  await askOf('watch', 'importdescriptors', [...descriptors, { desc: 'tr()#', timestamp: 'now' }])
  await askOf('watch', 'listunspent')
  const watched = await askOf('watch', 'walletcreatefundedpsbt', [], { [STRANGER]: 1 })
  await askOf('watch', 'walletprocesspsbt', watched.psbt)
  const planned = await askOf('watch', 'send', { [STRANGER]: 0.1 })
  assert.deepEqual(Object.keys(planned), ['complete', 'psbt'])
  assert.equal((await askOf('watch', 'signrawtransactionwithwallet', funded.hex)).complete, false)
  await askOf('watch', 'unloadwallet')
  await ask('loadwallet', 'watch')
  await ask('unloadwallet', 'watch')
  await ask('sendall', [STRANGER])
  await ask('stop')

  // Those of channels are asked in their own tests.
  const elsewhere = [...PAGE_METHODS, ...Object.keys(channelResults)]
  const left = Object.keys(DESCRIBED).filter((name) => !asked.has(name) && !elsewhere.includes(name))
  assert.deepEqual(left, ['abandontransaction'], 'methods that this test leaves out')
})

test('every method is described, and nothing else is', async () => {
  const listed = (await (await new NodeRig().add('node', { channels: true })).rpc('help'))
    .split('\n')
    .filter((line: string) => line !== '' && !line.startsWith('=='))
    .map((usage: string) => usage.split(' ')[0])
  assert.deepEqual([...new Set(listed)].sort(), Object.keys(DESCRIBED).sort())
  for (const { name } of [...rpcPart.methods, ...walletPart.methods])
    assert.ok(listed.includes(name), `help lists ${name}`)
})

test('callers are told by the compiler what they slip in, and what they get', async () => {
  const node = await new NodeRig().add('node')
  const rpc: RpcCall = (method, ...args) => node.rpc(method, ...args) as Promise<never>

  const height: number = await rpc('getblockcount')
  const hash: string = await rpc('getblockhash', height)
  const raw: string = await rpc('getblock', hash, 0)
  const ids: readonly string[] = (await rpc('getblock', hash)).tx
  const [coinbase] = (await rpc('getblock', { blockhash: hash, verbosity: 2 })).tx
  assert.equal(coinbase?.txid, ids[0])
  const output: number | undefined = coinbase?.vout[0]?.value
  assert.equal(output, 0)
  assert.ok(raw.startsWith(await rpc('getblockheader', hash, false)))
  const { nTx = 0 } = await rpc('getblockheader', hash)
  assert.equal(nTx, 1)
  const waiting: readonly string[] = await rpc('getrawmempool')
  const { txids } = await rpc('getrawmempool', false, true)
  assert.deepEqual(txids, waiting)
  const name: RpcMethodName = 'createwallet'
  assert.ok(await rpc('help', name))

  // @ts-expect-error: no such method
  await assert.rejects(rpc('getblcok', hash))
  // @ts-expect-error: an argument lacks
  await assert.rejects(rpc('getblock'))
  // @ts-expect-error: a hash is a text
  await assert.rejects(rpc('getblock', 5))
  // @ts-expect-error: there is no third argument
  await assert.rejects(rpc('getblock', hash, 1, 1))
  // @ts-expect-error: no argument of this name
  await assert.rejects(rpc('getblock', { hash }))
  // @ts-expect-error: the answer to verbosity 0 is a text
  assert.equal((await rpc('getblock', hash, 0)).tx, undefined)
  // @ts-expect-error: no such field
  assert.equal((await rpc('getblockchaininfo')).height, undefined)
})
