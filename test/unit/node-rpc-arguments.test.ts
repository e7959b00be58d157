/** Promise: a wrong argument gets Bitcoin Core's code and a sentence that says what to do, and changes nothing. */
import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import { NodeRig, type RigNode, STRANGER } from '../support/node-rig.ts'

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
    ['walletcreatefundedpsbt', [[], { [STRANGER]: 1 }, 9], -8, /locktime can only be 0/],
    ['walletcreatefundedpsbt', [[], { [STRANGER]: 1 }, 0, { feeRate: 1 }], -3, /no field 'feeRate'/],
    [
      'walletcreatefundedpsbt',
      [[], [{ [STRANGER]: 1 }, { [STRANGER]: 2 }], 0, { subtractFeeFromOutputs: [1] }],
      -8,
      /empty or name all outputs that pay, 0, 1/,
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
  ]

let node: RigNode
/** `help` of every method: its usage. */
let usages: string[]

before(async () => {
  node = await new NodeRig().add('node')
  await node.fund()
  usages = (await node.rpc('help')).split('\n')
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

async function snapshot(): Promise<string> {
  const state = ['getbestblockhash', 'getrawmempool', 'getbalances', 'exportlabels'].map((name) =>
    node.rpc(name),
  )
  return JSON.stringify(await Promise.all(state))
}
