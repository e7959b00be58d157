/** Promise: wallets of one tab live side by side in a real browser's storage and threads: each is unlocked, pays, is kept and restored for itself. */

import assert from 'node:assert/strict'
import test from 'node:test'
import { journey } from '../support/tabs.ts'

const SAVERS = 'nine slow snails in a row'
const SHOP = { disable_private_keys: true, load_on_startup: false }

test(
  'wallets are made, pay each other, outlive a reload, and are restored under other names',
  journey(async (world) => {
    await world.serve()
    let ada = await world.open('Ada')
    const codeOf = (asked: Promise<unknown>): Promise<number | undefined> =>
      asked.then(
        () => undefined,
        ({ code }) => code,
      )
    await ada.createWallet()
    const made = await ada.rpc('createwallet', 'savings', { passphrase: SAVERS })
    assert.equal(made.name, 'savings')
    assert.equal(made.mnemonic?.split(' ').length, 12)
    assert.equal(await codeOf(ada.rpc('createwallet', 'Savings', { passphrase: SAVERS })), -4)
    await ada.rpc('createwallet', 'shop/till', SHOP)
    assert.deepEqual(await ada.rpc('listwallets'), ['', 'savings', 'shop/till'])
    assert.equal(await codeOf(ada.rpc('getbalances')), -19)
    assert.equal(await codeOf(ada.rpc('sendtoaddress', 'x', 1)), -19)

    const [daily, savings, till] = ['', 'savings', 'shop/till'].map((name) => ada.rpcOf(name))
    await till!('importdescriptors', (await savings!('listdescriptors')).descriptors)
    await ada.rpc('generatetoaddress', 1, await daily!('getnewaddress'))
    await ada.rpc('generatetoaddress', 100, await savings!('getnewaddress', 'mined'))

    // The passphrase of one opens no other.
    assert.equal(await codeOf(daily!('walletpassphrase', SAVERS)), -14)
    await savings!('walletpassphrase', SAVERS)
    const address = await savings!('getnewaddress', 'from the other')
    assert.equal(await codeOf(daily!('sendtoaddress', address, 7)), -13)
    await ada.rpcOf('')('walletpassphrase', 'copper window battery staple')
    await savings!('walletlock')
    const txid = await daily!('sendtoaddress', address, 7)
    for (const [rpc, amount] of [
      [daily!, -7],
      [savings!, 7],
      [till!, 7],
    ] as const)
      assert.equal((await rpc('gettransaction', txid)).amount, amount)
    assert.equal(await codeOf(till!('sendtoaddress', address, 1)), -4)
    assert.equal(await codeOf(till!('exportbackup', SAVERS)), -15)

    const file = await savings!('exportbackup', SAVERS)
    ada = await ada.reload()
    assert.deepEqual(await ada.rpc('listwallets'), ['', 'savings'])
    assert.deepEqual(
      (await ada.rpc('listwalletdir')).wallets.map(({ name }) => name),
      ['', 'savings', 'shop/till'],
    )
    await ada.rpc('loadwallet', 'shop/till')
    assert.equal(await codeOf(ada.rpc('restorewallet', 'savings', file, null, SAVERS)), -36)
    assert.deepEqual(await ada.rpc('restorewallet', 'twin', file, null, SAVERS), { name: 'twin' })
    const twin = ada.rpcOf('twin')
    assert.deepEqual((await twin('getbalances')).mine, (await ada.rpcOf('savings')('getbalances')).mine)
    assert.deepEqual((await twin('getaddressinfo', address)).labels, ['from the other'])
    assert.deepEqual((await ada.rpcOf('shop/till')('getaddressinfo', address)).labels, [])
    await ada.rpc('unloadwallet', '')
    assert.deepEqual((await ada.rpc('listwallets')).toSorted(), ['savings', 'shop/till', 'twin'])
  }),
)
