/** Promise: a wrong argument gets Bitcoin Core's code and a sentence that says what to do, and changes nothing. */
import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import type { NodeCore } from '../../../src/node/node-core.ts'
import { callRpc } from '../../../src/node/rpc.ts'
import { pageMethods } from '../../../src/node/rpc-page-methods.ts'
import { NodeRig, type RigNode, STRANGER } from '../../support/node-rig.ts'

/** The methods that the developer interface promises; those with passphrases are the page's. */
const PROMISED =
  'getblockchaininfo getbestblockhash getblockcount getblockhash getblockheader getblock getchaintips getrawtransaction decoderawtransaction sendrawtransaction testmempoolaccept getmempoolinfo getrawmempool getmininginfo getblocktemplate submitblock generatetoaddress setmocktime getpeerinfo getnetworkinfo getwalletinfo listwallets getnewaddress getbalances listunspent listtransactions sendtoaddress validateaddress invalidateblock reconsiderblock gettxout gettxoutsetinfo uptime stop help'.split(
    ' ',
  )

const HASH = '11'.repeat(32)
const LONG = 'x'.repeat(256)

/** Method, arguments, code, and what the sentence must hold. */
const REFUSED: readonly (readonly [method: string, args: readonly unknown[], code: number, says: RegExp])[] =
  [
    ['getblockhash', ['1'], -3, /height must be a number, not a string/],
    ['getblockhash', [1.5], -8, /whole number/],
    ['getblockhash', [-1], -8, /from 0/],
    ['getblockhash', [7], -8, /The tip is block 6/],
    ['getblock', [5], -3, /blockhash must be a hash of 64 hex digits/],
    ['getblock', ['abc'], -8, /64 hex digits \(for 'abc', which has 3 characters\)/],
    ['getblock', [HASH], -5, /No block with the hash/],
    ['getblock', [HASH, 4], -8, /0 to 3/],
    ['getblock', [HASH, 'all'], -3, /verbosity must be a number/],
    ['getblockheader', [HASH], -5, /No block/],
    ['getblockheader', [HASH, 1], -3, /true or false/],
    ['invalidateblock', [HASH], -5, /No block/],
    ['reconsiderblock', [HASH], -5, /No block/],
    ['gettxout', [HASH, -1], -8, /n must be/],
    ['gettxoutsetinfo', ['muhash'], -8, /use hash_serialized_3 or none/],
    ['getrawtransaction', [HASH], -5, /neither in the mempool nor in the active chain/],
    ['getrawtransaction', [HASH, 0, HASH], -5, /No block/],
    ['getmempoolentry', [HASH], -5, /not in the mempool/],
    ['decoderawtransaction', ['xy'], -22, /hex digits/],
    ['decoderawtransaction', ['00'], -22, /not a transaction/],
    ['sendrawtransaction', [null], -1, /needs the argument hexstring/],
    ['sendrawtransaction', ['0'], -22, /even number/],
    ['sendrawtransaction', ['00', true], -3, /maxfeerate must be an amount/],
    ['testmempoolaccept', [[]], -8, /1 to 25/],
    ['testmempoolaccept', ['00'], -3, /an array, not a string/],
    ['testmempoolaccept', [[null]], -3, /not null/],
    ['estimatesmartfee', [0], -8, /1 to 1008/],
    ['submitblock', ['00'], -22, /not a block/],
    ['generatetoaddress', [1, 'nobody'], -5, /start with "tabrt1"/],
    ['generatetoaddress', [-1, STRANGER], -8, /0 to 10000/],
    ['setmocktime', [-1], -8, /from 0/],
    ['setgenerate', ['yes'], -3, /true or false/],
    ['setgenerate', [true, 1, 2], -8, /throttle must be from 0.01 to 1/],
    ['setgenerate', [true, 1, 1, 'yes'], -3, /true or false/],
    ['getblocktemplate', [[]], -3, /an object, not an array/],
    ['getblocktemplate', [{ payoutaddress: 5 }], -3, /text/],
    ['getblocktemplate', [{ payto: STRANGER }], -3, /no field 'payto'; its fields are payoutaddress/],
    ['getnewaddress', [LONG], -8, /at most 255 characters/],
    ['getnewaddress', ['', 'legacy'], -8, /bech32m/],
    ['setlabel', ['nobody', 'x'], -5, /tabrt1/],
    ['listunspent', [2, 1.5], -8, /whole number/],
    ['listunspent', [0, 9, [], true, { minimumamount: 1 }], -3, /no field 'minimumamount'/],
    ['getbalance', ['mine'], -8, /can only be "\*"/],
    ['listunspent', [0, 9, ['nobody']], -5, /tabrt1/],
    ['listunspent', [0, 9, [STRANGER, STRANGER.toUpperCase()]], -8, /twice/],
    ['listtransactions', ['*', -1], -8, /count must be/],
    ['gettransaction', [HASH], -5, /does not concern this wallet/],
    ['sendtoaddress', ['nobody', 1], -5, /tabrt1/],
    ['sendtoaddress', [STRANGER, 0], -3, /above 0/],
    ['sendtoaddress', [STRANGER, '1.123456789'], -3, /at most 8 decimals/],
    ['sendtoaddress', [STRANGER, -1], -3, /above 0/],
    ['sendtoaddress', [STRANGER, 1e-9], -3, /8 decimals/],
    ['sendtoaddress', [STRANGER, []], -3, /an array/],
    ['sendtoaddress', [STRANGER, 0.000001], -6, /smallest amount/],
    ['sendtoaddress', [STRANGER, 1, '', '', false, false], -8, /replaceable can only be true/],
    ['sendtoaddress', [STRANGER, 1, '', '', false, true, 2, '', false, 5], -8, /not both/],
    ['sendtoaddress', [STRANGER, 1, '', '', false, true, null, '', false, 50_000], -8, /must be a mistake/],
    ['walletcreatefundedpsbt', [{}, {}], -3, /inputs must be an array/],
    ['walletcreatefundedpsbt', [[], {}], -8, /who is to be paid/],
    ['walletcreatefundedpsbt', [[], 'x'], -3, /objects such as/],
    ['walletcreatefundedpsbt', [[{ txid: HASH }], { [STRANGER]: 1 }], -8, /needs the field vout/],
    ['walletcreatefundedpsbt', [[{ txid: HASH, vout: 0 }], { [STRANGER]: 1 }], -8, /not in this wallet/],
    ['walletcreatefundedpsbt', [[], { [STRANGER]: 1 }, -1], -8, /locktime must be/],
    ['walletcreatefundedpsbt', [[], { [STRANGER]: 1 }, 0, { feerate: 1 }], -3, /no field 'feerate'/],
    ['walletcreatefundedpsbt', [[], { [STRANGER]: 1 }, 0, { feeRate: 1, fee_rate: 1 }], -8, /not both/],
    ['walletcreatefundedpsbt', [[], [{ [STRANGER]: 1 }, { [STRANGER]: 2 }]], -8, /named twice/],
    [
      'walletcreatefundedpsbt',
      [[], [{ [STRANGER]: 1 }, { data: '00' }], 0, { subtractFeeFromOutputs: [1] }],
      -8,
      /among those that pay, 0, each named once/,
    ],
    ['walletprocesspsbt', ['%'], -22, /not base64/],
    ['walletprocesspsbt', ['AAAA'], -22, /no PSBT/],
    ['finalizepsbt', [''], -22, /no PSBT/],
    ['decodepsbt', [7], -3, /base64/],
    ['bumpfee', [HASH], -5, /no such transaction/],
    ['bumpfee', [HASH, { conf_target: 0 }], -8, /conf_target/],
    ['abandontransaction', [HASH], -5, /no such transaction/],
    ['importlabels', ['{}'], -22, /could not be read/],
    ['search', [' 12 '], -8, /no block 12 yet/],
    ['search', [HASH], -5, /has that hash/],
    ['search', ['tabrt1x'], -5, /./],
    ['search', ['hello'], -8, /Type a height/],
    ['searchaddress', ['nobody'], -5, /tabrt1/],
    ['help', ['nothing'], -32601, /'help' lists them/],
    ['getblcok', [], -32601, /no method getblcok/],
    ['getrawmempool', [true, true], -8, /verbose must be false/],
    ['gettxoutsetinfo', ['none', 5], -8, /the coins of the tip alone/],
    ['setgenerate', [true, 1, 'fast'], -3, /throttle must be a number, not a string/],
    ['getblock', [{ blockhash: HASH, verbose: 1 }], -8, /no argument 'verbose': getblock blockhash/],
    ['getblock', [{ verbosity: 1 }], -1, /needs the argument blockhash/],
    ['getblock', [{ blockhash: 5 }], -3, /blockhash must be a hash/],
    ['getblockhash', [{ hieght: 1 }], -3, /height must be a number, not an object/],
    ['getblockhash', [{ constructor: 1 }], -3, /not an object/],
    ['walletcreatefundedpsbt', [{ inputs: [], outputs: {}, feerate: 1 }], -8, /no argument 'feerate'/],
    ['getblockstats', ['5'], -3, /a hash of 64 hex digits or a height/],
    ['getblockstats', [99], -8, /The tip is block 6/],
    ['getblockstats', [1, ['fees']], -8, /no figure 'fees', only avgfee/],
    ['getchaintxstats', [99], -8, /at most 6/],
    ['getdescriptorinfo', ['wpkh(x)'], -5, /Only tr/],
    ['getdescriptorinfo', ['raw(zz)'], -5, /in hex/],
    ['deriveaddresses', ['raw(51)'], -5, /checksum lacks/],
    ['scantxoutset', ['begin'], -8, /start, status or abort/],
    ['scantxoutset', ['start'], -8, /1 to 1000/],
    ['gettxspendingprevout', [[{ txid: HASH }]], -8, /needs the field vout/],
    ['getmempoolancestors', [HASH], -5, /not in the mempool/],
    ['waitforblock', ['x'], -8, /64 hex digits/],
    ['decodescript', ['x'], -22, /hex digits/],
  ]

let node: RigNode
/** The usage of every method that the node answers, by `help`. */
let usages: string[]

before(async () => {
  node = await new NodeRig().add('node')
  await node.fund()
  usages = (await node.rpc('help'))
    .split('\n')
    .filter((line: string) => line !== '' && !line.startsWith('=='))
    .filter((usage: string) => !pageMethods.some(({ name }) => name === usage.split(' ')[0]))
})

test('every promised method is there, and help explains it', async () => {
  const names = usages.map((usage) => usage.split(' ')[0])
  for (const promised of PROMISED) assert.ok(names.includes(promised), promised)
  for (const usage of usages) {
    const [name] = usage.split(' ')
    const text: string = await node.rpc('help', name)
    assert.equal(text.split('\n')[0], usage)
    assert.match(text.split('\n')[2], /^[A-Z].*\.$/, `${name} has a summary`)
  }
})

test('too many and too few arguments', async () => {
  for (const usage of usages) {
    const [name] = usage.split(' ')
    const excess = await node.failure(name, ...new Array(12).fill(null))
    assert.equal(excess.code, -1, name)
    assert.ok(excess.message.endsWith(usage), excess.message)
    const required = usage.replace(/\( \w+ \)/g, '').trim()
    if (!required.includes(' ')) continue
    const missing = await node.failure(name)
    assert.equal(missing.code, -1, name)
    assert.match(missing.message, /needs the argument/)
  }
})

for (const [method, args, code, says] of REFUSED)
  test(`${method} ${JSON.stringify(args).slice(0, 60)} is refused with ${code}`, async () => {
    const before = await snapshot()
    const failure = await node.failure(method, ...args)
    assert.equal(failure.code, code, failure.message)
    assert.match(failure.message, says)
    assert.match(failure.message, /[.?]$|: .*/, 'a sentence')
    assert.equal(await snapshot(), before)
  })

test('arguments may be named, those in options beside the others', async () => {
  const genesis = await node.rpc('getblockhash', 0)
  assert.equal(await node.rpc('getblockhash', { height: 0 }), genesis)
  assert.equal(
    await node.rpc('getblock', { verbosity: 0, blockhash: genesis }),
    await node.rpc('getblock', genesis, 0),
  )
  assert.deepEqual(await node.rpc('getrawmempool', {}), [])
  const payoutaddress = STRANGER
  const [byPosition, byName] = [
    await node.rpc('getblocktemplate', { payoutaddress }),
    await node.rpc('getblocktemplate', { template_request: { payoutaddress } }),
  ]
  assert.equal(byName.coinbasetxn.data.slice(-150), byPosition.coinbasetxn.data.slice(-150))
  const outputs = { [STRANGER]: 1 }
  const { fee } = await node.rpc('walletcreatefundedpsbt', [], outputs, 0, { fee_rate: 7 })
  assert.equal((await node.rpc('walletcreatefundedpsbt', { inputs: [], outputs, fee_rate: 7 })).fee, fee)
  const options = { fee_rate: 7 }
  assert.equal((await node.rpc('walletcreatefundedpsbt', { inputs: [], outputs, options })).fee, fee)
})

test('what Bitcoin Core takes is taken: rates as text, and arguments that change nothing here', async () => {
  const outputs = { [STRANGER]: '1' }
  const { psbt, fee } = await node.rpc('walletcreatefundedpsbt', [], outputs, 0, { fee_rate: '7' })
  assert.equal((await node.rpc('walletcreatefundedpsbt', [], outputs, 0, { fee_rate: 7 })).fee, fee)
  const { hex } = await node.rpc('walletprocesspsbt', psbt)
  const decoded = await node.rpc('decoderawtransaction', hex, true)
  assert.deepEqual(await node.rpc('decoderawtransaction', hex), decoded)
  const before = await node.rpc('getrawmempool', false, true)
  assert.deepEqual(before.txids, [])
  await node.rpc('sendrawtransaction', hex, '0.1', 0)
  const after = await node.rpc('getrawmempool', false, true)
  assert.deepEqual(after, { txids: [decoded.txid], mempool_sequence: before.mempool_sequence + 1 })
  await node.generate(1, STRANGER)
  assert.equal((await node.rpc('getrawmempool', false, true)).mempool_sequence, before.mempool_sequence + 2)
})

test('help lists methods by groups, and explains arguments and results of one', async () => {
  const list: string = await node.rpc('help')
  for (const group of ['Blockchain', 'Control', 'Mining', 'Network', 'Wallet'])
    assert.ok(list.includes(`== ${group} ==\n`), group)
  assert.match(list, /== Wallet ==[^=]*\ncreatewallet \( wallet_name \)/)
  const block: string = await node.rpc('help', 'getblock')
  assert.match(block, /1\. blockhash +\(a hash of 64 hex digits, required\) hash of a block/)
  assert.match(block, /2\. verbosity +\(a whole number from 0 to 3, optional\)/)
  assert.match(block, /Result with verbosity 0:\n"hex" +\(hex\) the bytes of the block/)
  assert.match(block, /Result with verbosity 1, the default:\n\{ +\(object\)\n {2}"hash": "hex" +\(hex\)/)
  assert.match(block, /"weight": n +\(number, weight units\)/)
  const create: string = await node.rpc('help', 'createwallet')
  assert.match(create, /wordcount +\(a whole number from 12 to 24, optional\)/)
  assert.match(create, /"mnemonic": "text" +\(not always, text\) the seed words/)
})

test('help tells of channels before they are open, and not where there are none', async () => {
  const locked = Object.create(node.core, {
    openChannels: { value: () => Promise.reject(new Error('The wallet is locked.')) },
  }) as NodeCore
  const ask = async (...args: string[]) => {
    const response = await callRpc(locked, 'help', args)
    return 'result' in response ? String(response.result) : response.error.message
  }
  assert.match(await ask(), /== Channels ==\n[^=]*\nfundchannel /)
  assert.match(await ask('pay'), /^pay bolt11 /)
  // What is left out before something that is needed keeps its place.
  assert.match(await ask('invoice'), /rpc\('invoice', undefined, label, description\)/)
  assert.match(await ask('registertower'), /tower_id/)
  assert.ok('error' in (await callRpc(locked, 'listpays', [])))
  assert.doesNotMatch(await node.rpc('help'), /== Channels ==/)
})

async function snapshot(): Promise<string> {
  const state = ['getbestblockhash', 'getrawmempool', 'getbalances', 'exportlabels'].map((name) =>
    node.rpc(name),
  )
  return JSON.stringify(await Promise.all(state))
}
