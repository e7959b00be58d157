/** Promise: the wallet answers RPC with Bitcoin Core's shapes and codes, and no payment is lost, doubled or half made. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MemoryWalletStore } from '../../../src/storage/memory-wallet-store.ts'
import { type Json, NodeRig, RIG_PARAMS, type RigNode, STRANGER } from '../../support/node-rig.ts'

/** A disk that takes its time. */
class HeldWalletStore extends MemoryWalletStore {
  private held: Promise<void> = Promise.resolve()
  release: () => void = () => {}

  hold(): void {
    this.held = new Promise((resolve) => {
      this.release = resolve
    })
  }

  override async commit(changes: ReadonlyMap<string, string | undefined>): Promise<void> {
    await this.held
    return super.commit(changes)
  }
}

/** A node with one mature coin of 50. */
async function fundedNode(): Promise<RigNode> {
  const node = await new NodeRig().add('node')
  await node.fund()
  return node
}

test('what was mined is immature, then trusted; blocks tell how deep it is', async () => {
  const node = await new NodeRig().add('node')
  const address = await node.rpc('getnewaddress', 'savings')
  const [block] = await node.generate(1, address)
  assert.deepEqual((await node.rpc('getbalances')).mine, { trusted: 0, untrusted_pending: 0, immature: 50 })
  assert.deepEqual(await node.rpc('listunspent'), [])
  const [immature] = await node.rpc('listunspent', 1, 9, [], true, { include_immature_coinbase: true })
  assert.equal(immature.spendable, false)
  const [line] = await node.rpc('listtransactions')
  assert.deepEqual(
    [line.category, line.amount, line.confirmations, line.blockhash],
    ['immature', 50, 1, block],
  )
  await node.generate(RIG_PARAMS.coinbaseMaturity, STRANGER)
  const balances = await node.rpc('getbalances')
  assert.deepEqual(balances.mine, { trusted: 50, untrusted_pending: 0, immature: 0 })
  assert.deepEqual(balances.lastprocessedblock, { hash: node.tip, height: 6 })
  const [coin] = await node.rpc('listunspent')
  assert.deepEqual(
    [coin.address, coin.label, coin.amount, coin.confirmations, coin.spendable, coin.safe],
    [address, 'savings', 50, 6, true, true],
  )
  assert.equal((await node.rpc('listtransactions'))[0].category, 'generate')
  const info = await node.rpc('getwalletinfo')
  assert.deepEqual(
    [info.txcount, info.balance, info.private_keys_enabled, info.descriptor.slice(0, 4)],
    [1, 50, true, 'tr(['],
  )
})

test('a payment is told to both sides, unconfirmed and confirmed', async () => {
  const rig = new NodeRig()
  const payer = await rig.add('payer')
  const payee = await rig.add('payee')
  await payer.fund()
  await rig.until(() => payee.tip === payer.tip)
  const address = await payee.rpc('getnewaddress', 'from payer')
  const txid = await payer.rpc('sendtoaddress', address, '1.5')
  await rig.until(() => payee.core.mempool.size === 1)
  assert.equal((await payee.rpc('getbalances')).mine.untrusted_pending, 1.5)
  const [received] = await payee.rpc('listtransactions')
  assert.deepEqual(
    [received.category, received.amount, received.label, received.confirmations, received.trusted],
    ['receive', 1.5, 'from payer', 0, false],
  )
  assert.deepEqual(await payee.rpc('listunspent'), [])
  const [pending] = await payee.rpc('listunspent', 0)
  assert.deepEqual([pending.safe, pending.spendable], [false, false])
  assert.deepEqual(await payee.rpc('listunspent', 0, 9, [], false), [])

  const sent = await payer.rpc('gettransaction', txid, null, true)
  assert.equal(sent.amount, -1.5)
  assert.ok(sent.fee < 0)
  assert.equal(sent.details.length, 1, 'the change is not shown')
  assert.equal(sent.decoded.txid, txid)
  assert.equal(sent.hex, await payer.rpc('getrawtransaction', txid))
  const { trusted } = (await payer.rpc('getbalances')).mine
  assert.equal(trusted.toFixed(8), (50 - 1.5 + sent.fee).toFixed(8), 'change of an own payment counts')

  for (let confirmations = 1; confirmations <= 6; confirmations++) {
    await payer.generate(1, STRANGER)
    await rig.until(() => payee.tip === payer.tip)
    for (const node of [payer, payee])
      assert.equal((await node.rpc('gettransaction', txid)).confirmations, confirmations)
  }
  assert.equal((await payee.rpc('getbalances')).mine.trusted, 1.5)
})

test('a payment to oneself shows both sides and costs the fee', async () => {
  const node = await fundedNode()
  const txid = await node.rpc('sendtoaddress', await node.rpc('getnewaddress'), 2)
  const { amount, fee, details } = await node.rpc('gettransaction', txid)
  assert.equal(amount, 0)
  assert.ok(fee < 0)
  assert.deepEqual(
    details.map(({ category, amount }: Json) => [category, amount]),
    [
      ['send', -2],
      ['receive', 2],
    ],
  )
  const lines = await node.rpc('listtransactions')
  assert.deepEqual(
    lines.slice(-2).map(({ category }: Json) => category),
    ['send', 'receive'],
  )
})

test('listtransactions counts from the newest and filters by label', async () => {
  const node = await fundedNode()
  await node.rpc('setlabel', STRANGER, 'stranger')
  const txids: string[] = []
  for (let n = 1; n <= 3; n++) txids.push(await node.rpc('sendtoaddress', STRANGER, n))
  const amounts = async (...args: unknown[]) =>
    (await node.rpc('listtransactions', ...args)).map(({ amount }: Json) => amount)
  assert.equal((await amounts('*')).length, 4)
  assert.equal((await amounts('*', 2)).length, 2)
  assert.deepEqual((await amounts('*', 1, 3))[0], 50)
  assert.deepEqual((await amounts('stranger')).sort(), [-1, -2, -3])
  assert.deepEqual(await amounts('nobody'), [])
})

test('not enough money: -6, with the figures', async () => {
  const node = await fundedNode()
  await node.generate(1)
  const { code, message } = await node.failure('sendtoaddress', STRANGER, 60)
  assert.equal(code, -6)
  assert.match(message, /There are 50\.00000000 coins that can be spent/)
  assert.match(message, /needs 60\.\d{8}\./)
  assert.match(message, /50\.00000000 more were mined and have yet to mature/)
  assert.deepEqual(await node.rpc('getrawmempool'), [])
})

test('a locked wallet: -13, and nothing is reserved', async () => {
  const node = await fundedNode()
  node.signer.lock()
  const { code, message } = await node.failure('sendtoaddress', STRANGER, 1)
  assert.equal(code, -13)
  assert.match(message, /Unlock it with its passphrase/)
  assert.equal((await node.rpc('getwalletinfo')).unlocked_until, 0)
  assert.equal((await node.rpc('listunspent')).length, 1)
})

test('an address with a slip is refused with the one that was meant', async () => {
  const node = await fundedNode()
  const slip = STRANGER.replace(/(.)(.)$/, (_, a, b) =>
    a === b ? `${a}${b === 'q' ? 'p' : 'q'}` : `${b}${a}`,
  )
  const { code, message } = await node.failure('sendtoaddress', slip, 1)
  assert.equal(code, -5)
  assert.ok(message.includes(STRANGER))
  const validated = await node.rpc('validateaddress', slip)
  assert.equal(validated.isvalid, false)
  assert.equal(validated.suggestion, STRANGER)
  assert.ok(validated.error_locations.length > 0)
  const own = await node.rpc('getnewaddress')
  const valid = await node.rpc('validateaddress', own.toUpperCase())
  assert.deepEqual([valid.isvalid, valid.address, valid.ismine, valid.witness_version], [true, own, true, 1])
  assert.equal(valid.scriptPubKey, `5120${valid.witness_program}`)
  assert.deepEqual((await node.rpc('validateaddress', 'x')).error_locations, [])
})

test('fee rate and who bears the fee are kept to', async () => {
  const node = await fundedNode()
  const txid = await node.rpc('sendtoaddress', STRANGER, 10, '', '', true, true, null, 'unset', false, 25)
  const { fees, vsize } = await node.rpc('getmempoolentry', txid)
  const fee = Math.round(fees.base * 1e8)
  assert.equal(fee, vsize * 25)
  const sent = await node.rpc('gettransaction', txid)
  assert.equal(Math.round(sent.details[0].amount * 1e8), -(10e8 - fee))
})

test('a PSBT is planned, signed and sent; the wallet learns of it and its coin is taken', async () => {
  const node = await fundedNode()
  const plan = await node.rpc('walletcreatefundedpsbt', [], { [STRANGER]: 1.25 }, 0, { fee_rate: 3 })
  assert.equal(plan.outputs.length, 2)
  assert.equal(plan.outputs[plan.changepos].change, true)
  assert.equal(Math.round(plan.fee * 1e8), plan.vsize * 3)
  assert.deepEqual(await node.rpc('finalizepsbt', plan.psbt), { psbt: plan.psbt, complete: false })
  const decoded = await node.rpc('decodepsbt', plan.psbt)
  assert.equal(decoded.fee, plan.fee)
  assert.equal(decoded.tx.vout.length, 2)
  assert.equal((await node.rpc('listunspent')).length, 1, 'nothing is reserved by a plan')

  const signed = await node.rpc('walletprocesspsbt', plan.psbt)
  assert.equal(signed.complete, true)
  const { hex, complete } = await node.rpc('finalizepsbt', signed.psbt)
  assert.equal(complete, true)
  assert.equal(hex, signed.hex)
  const txid = await node.rpc('sendrawtransaction', hex)
  assert.equal(txid, decoded.tx.txid)

  const own = await node.rpc('gettransaction', txid)
  assert.deepEqual([own.amount, own.fee, own.state], [-1.25, -plan.fee, 'pending'])
  const inputs = plan.inputs.map(({ txid, vout }: Json) => ({ txid, vout }))
  const again = await node.failure('walletcreatefundedpsbt', inputs, { [STRANGER]: 1 })
  assert.equal(again.code, -8)
  await node.restart()
  assert.equal((await node.rpc('gettransaction', txid)).state, 'pending', 'it was durable')
  assert.deepEqual(await node.rpc('getrawmempool'), [txid])
})

test('a payment of the wallet is durable before the network hears of it, whoever sends it', async () => {
  const rig = new NodeRig()
  const walletStore = new HeldWalletStore()
  const node = await rig.add('node', { walletStore })
  const peer = await rig.add('peer', { wallet: false })
  await node.fund()
  await rig.until(() => peer.tip === node.tip)
  const { psbt } = await node.rpc('walletcreatefundedpsbt', [], { [STRANGER]: 1 })
  const { hex } = await node.rpc('walletprocesspsbt', psbt)
  walletStore.hold()
  const sent = node.rpc('sendrawtransaction', hex)
  await rig.time.run(5_000)
  assert.equal(peer.core.mempool.size, 0)
  walletStore.release()
  await sent
  await rig.until(() => peer.core.mempool.size === 1)
})

test('a payment that the mempool refuses leaves no trace: its coins are free', async () => {
  const node = await fundedNode()
  const before = await node.rpc('listtransactions')
  const pay = ['sendtoaddress', STRANGER, 1, '', '', false, true, null, '', false] as const
  const { code, message } = await node.failure(...pay, 0.5)
  assert.equal(code, -26)
  assert.match(message, /was not sent: The fee of .* Nothing was recorded/)
  assert.equal((await node.rpc('listunspent')).length, 1)
  assert.deepEqual(await node.rpc('listtransactions'), before)
  await node.rpc(...pay, 1)
})

test('chosen coins and all outputs bearing the fee empty the wallet', async () => {
  const node = await fundedNode()
  const [{ txid, vout, amount }] = await node.rpc('listunspent')
  const plan = await node.rpc('walletcreatefundedpsbt', [{ txid, vout }], [{ [STRANGER]: amount }], 0, {
    subtractFeeFromOutputs: [0],
  })
  assert.equal(plan.changepos, -1)
  assert.equal((plan.outputs[0].amount + plan.fee).toFixed(8), '50.00000000')
})

test('bumpfee replaces: by default with what it takes, else with the rate asked for', async () => {
  const node = await fundedNode()
  const first = await node.rpc('sendtoaddress', STRANGER, 1)
  const low = await node.failure('bumpfee', first, { fee_rate: 1.5 })
  assert.equal(low.code, -8)
  assert.match(low.message, /at least 1 more/)
  const second = await node.rpc('bumpfee', first)
  assert.ok(second.fee > second.origfee)
  assert.deepEqual(await node.rpc('getrawmempool'), [second.txid])
  const third = await node.rpc('bumpfee', second.txid, { fee_rate: 40 })
  assert.deepEqual(await node.rpc('getrawmempool'), [third.txid])
  const replaced = await node.rpc('gettransaction', first)
  assert.deepEqual([replaced.state, replaced.confirmations], ['replaced', 0])
  assert.deepEqual(new Set(replaced.walletconflicts), new Set([second.txid, third.txid]))
  await node.generate(1, STRANGER)
  assert.equal((await node.rpc('gettransaction', third.txid)).confirmations, 1)
  assert.equal((await node.rpc('gettransaction', first)).confirmations, -1)
  const late = await node.failure('bumpfee', third.txid)
  assert.equal(late.code, -4)
})

test('abandontransaction frees a payment that no mempool holds, and no other', async () => {
  const node = await fundedNode()
  const txid = await node.rpc('sendtoaddress', STRANGER, 1)
  const { code, message } = await node.failure('abandontransaction', txid)
  assert.equal(code, -5)
  assert.match(message, /Raise its fee/)
})

test('labels and given addresses survive by export and import', async () => {
  const node = await fundedNode()
  const address = await node.rpc('getnewaddress', 'rent')
  await node.rpc('setlabel', STRANGER, 'landlord')
  const exported = await node.rpc('exportlabels')
  await node.rpc('setlabel', STRANGER, '')
  await node.rpc('setlabel', address, 'other')
  assert.deepEqual(await node.rpc('importlabels', exported), { labels: 2 })
  assert.equal(await node.rpc('exportlabels'), exported)
})

test('addresses that words alone would not bring back are warned of', async () => {
  const node = await new NodeRig().add('node')
  const addresses: string[] = []
  const ask = async (count: number): Promise<void> => {
    for (let i = 0; i < count; i++) addresses.push(await node.rpc('getnewaddress'))
  }
  const warnings = async (): Promise<string[]> => (await node.rpc('getwalletinfo')).warnings
  await ask(20)
  assert.deepEqual(await warnings(), [])
  assert.equal((await node.rpc('getaddressinfo', addresses[19])).warnings, undefined)
  await ask(1)
  assert.match((await warnings())[0], /^The latest address was given out after 20 unused ones in a row/)
  await ask(4)
  assert.match((await warnings())[0], /^The latest 5 addresses were given out/)
  assert.match((await node.rpc('getaddressinfo', addresses[20])).warnings[0], /backup file/)
  await node.generate(1, addresses[10])
  assert.deepEqual(await warnings(), [])
})

test('getaddressinfo tells where a key of the wallet lies, and whose another address is', async () => {
  const node = await new NodeRig().add('node')
  const address = await node.rpc('getnewaddress', 'rent')
  const own = await node.rpc('getaddressinfo', address.toUpperCase())
  assert.deepEqual(
    [own.address, own.ismine, own.solvable, own.ischange, own.labels],
    [address, true, true, false, ['rent']],
  )
  assert.match(own.hdkeypath, /^m\/86h\/1h\/0h\/0\/0$/)
  assert.match(
    own.desc,
    new RegExp(`^tr\\(\\[${own.hdmasterfingerprint}/86h/1h/0h/0/0\\][0-9a-f]{64}\\)#.{8}$`),
  )
  await node.rpc('setlabel', STRANGER, 'landlord')
  const other = await node.rpc('getaddressinfo', STRANGER)
  assert.deepEqual([other.ismine, other.labels, other.desc], [false, ['landlord'], undefined])
  assert.equal((await node.failure('getaddressinfo', 'x')).code, -5)
})

test('labels are exported for other wallets, and what is no address is told, not kept', async () => {
  const node = await new NodeRig().add('node')
  await node.rpc('setlabel', STRANGER, 'landlord')
  const lines = await node.rpc('exportlabels', 'bip329')
  assert.deepEqual(JSON.parse(lines), { type: 'addr', ref: STRANGER, label: 'landlord' })
  await node.rpc('setlabel', STRANGER, '')
  const more = `${lines}${JSON.stringify({ type: 'addr', ref: 'nonsense', label: 'x' })}\n`
  const taken = await node.rpc('importlabels', more)
  assert.equal(taken.labels, 1)
  assert.match(taken.warnings[0], /"nonsense" is no address/)
  assert.equal(await node.rpc('exportlabels', 'bip329'), lines)
  assert.equal((await node.failure('exportlabels', 'csv')).code, -8)
})

test('a label makes no address the one that mining pays to', async () => {
  const node = await new NodeRig().add('node')
  const taken = await node.rpc('getnewaddress', 'Mining')
  await node.rpc('importlabels', JSON.stringify({ type: 'addr', ref: taken, label: 'Mining' }))
  await node.restart()
  const { coinbasetxn } = await node.rpc('getblocktemplate')
  const { vout } = await node.rpc('decoderawtransaction', coinbasetxn.data)
  const payout = vout[0].scriptPubKey.address
  assert.notEqual(payout, taken)
  await node.rpc('setlabel', payout, 'Pit')
  await node.rpc('setlabel', taken, 'Mining')
  await node.rpc('generatetoaddress', 1, payout)
  await node.restart()
  const [again] = await node.rpc('listtransactions', 'Pit')
  assert.equal(again.address, payout)
  const next = await node.rpc('getblocktemplate')
  const { vout: paid } = await node.rpc('decoderawtransaction', next.coinbasetxn.data)
  assert.equal(paid[0].scriptPubKey.address, payout)
})

test('the mining address stays the same over restarts and labels', async () => {
  const node = await new NodeRig().add('node')
  const payout = async () => {
    const { coinbasetxn } = await node.rpc('getblocktemplate')
    const { vout } = await node.rpc('decoderawtransaction', coinbasetxn.data)
    return vout[0].scriptPubKey.address
  }
  const first = await payout()
  assert.equal((await node.rpc('validateaddress', first)).ismine, true)
  await node.rpc('getnewaddress', 'another')
  await node.restart()
  assert.equal(await payout(), first)
})

test('rescanblockchain finds again what is there, and says what it searched', async () => {
  const node = await fundedNode()
  await node.rpc('sendtoaddress', STRANGER, 1.5)
  await node.generate(1, STRANGER)
  const before = await node.rpc('listtransactions')
  const height = await node.rpc('getblockcount')
  assert.deepEqual(await node.rpc('rescanblockchain'), { start_height: 0, stop_height: height })
  assert.deepEqual(await node.rpc('rescanblockchain', 2, 3), { start_height: 2, stop_height: 3 })
  assert.deepEqual(await node.rpc('listtransactions'), before)
  assert.equal((await node.rpc('getwalletinfo')).lastprocessedblock.height, height)
  for (const range of [[height + 1], [0, height + 1], [3, 2]])
    assert.equal((await node.failure('rescanblockchain', ...range)).code, -8, `${range}`)
  const empty = await new NodeRig().add('empty', { wallet: false })
  assert.equal((await empty.failure('rescanblockchain')).code, -18)
})

test('listunspent and getbalance choose coins by value, number and confirmations', async () => {
  const node = await new NodeRig().add('node')
  await node.generate(2)
  await node.generate(RIG_PARAMS.coinbaseMaturity, STRANGER)
  await node.rpc('sendtoaddress', await node.rpc('getnewaddress'), 3)
  await node.generate(1, STRANGER)
  const amounts = async (options: object): Promise<number[]> => {
    const coins: Json[] = await node.rpc('listunspent', 1, 9_999_999, [], true, options)
    return coins.map(({ amount }) => Math.round(amount)).sort((a, b) => a - b)
  }
  assert.deepEqual(await amounts({}), [3, 47, 50])
  assert.deepEqual(await amounts({ minimumAmount: 3, maximumAmount: '3' }), [3])
  assert.deepEqual(await amounts({ minimumAmount: 4 }), [47, 50])
  assert.equal((await amounts({ maximumCount: 2 })).length, 2)
  assert.equal((await amounts({ minimumSumAmount: 2 })).length, 1)
  const [{ desc, parent_descs: parents, address }] = await node.rpc('listunspent')
  assert.deepEqual(parents, [(await node.rpc('getwalletinfo')).descriptor])
  assert.equal((await node.rpc('getaddressinfo', address)).desc, desc)
  assert.deepEqual(await node.rpc('deriveaddresses', desc), [address])

  assert.equal(await node.rpc('getbalance'), (await node.rpc('getbalances')).mine.trusted)
  assert.equal(await node.rpc('getbalance', '*', 4), 50)
  assert.equal(await node.rpc('getbalance', '*', 100), 0)
})
