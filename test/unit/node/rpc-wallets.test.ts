/**
 * Promise: the wallets of a profile are made, loaded, unloaded and chosen as Bitcoin Core does it; no name, however odd, reaches another's wallet
 * or hides what is there; a wallet that only watches takes what describes it, says what is wrong with the rest, and never signs.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { HeaderIndex } from '../../../src/chain/header-tree.ts'
import { StorageError } from '../../../src/chain/store.ts'
import type { LoadWallet } from '../../../src/node/node-core.ts'
import { walletPart } from '../../../src/node/wallet-part.ts'
import { encodeAddress } from '../../../src/script/address.ts'
import { MemoryChainStore } from '../../../src/storage/memory-chain-store.ts'
import { MemoryWalletStore } from '../../../src/storage/memory-wallet-store.ts'
import { branchesOf, descriptorChecksum, parseDescriptor } from '../../../src/wallet/descriptor.ts'
import { type Json, NodeRig, type RigNode, STRANGER } from '../../support/node-rig.ts'
import { PASSPHRASE, value, WORDS } from '../../support/wallets.ts'

/** BIP86's account xpub of its example words, for coin type 1 as in these tests it is not: somebody else's. */
const XPUB =
  'xpub6BgBgsespWvERF3LHQu6CnqdvfEvtMcQjYrcRzx53QJjSxarj2afYWcLteoGVky7D3UKDP9QyrLprQ3VCECoY49yfdDEHGCtMMj92pReUsQ'
const OTHERS = withChecksum(`tr([73c5da0a/86h/0h/0h]${XPUB}/<0;1>/*)`)
const RECEIVING = withChecksum(`tr([73c5da0a/86h/0h/0h]${XPUB}/0/*)`)
const CHANGE = withChecksum(`tr([73c5da0a/86h/0h/0h]${XPUB}/1/*)`)

function withChecksum(body: string): string {
  return `${body}#${descriptorChecksum(body)}`
}

async function addKeys(node: RigNode, name: string, words?: string): Promise<void> {
  await node.rpc('createwallet', name)
  const signer = await node.signers.of(name)
  if (words === undefined) value(await signer.create(PASSPHRASE))
  else value(await signer.restoreWords(words, PASSPHRASE))
  value(await signer.unlock(PASSPHRASE))
  await node.rig.until(() => node.core.wallets?.get(name) !== undefined)
}

/** A node with funds in the default wallet. */
async function funded(): Promise<RigNode> {
  const node = await new NodeRig().add('node')
  await node.fund()
  return node
}

test('a call without a name means the only loaded wallet; with several loaded it has to name one', async () => {
  const node = await new NodeRig().add('node', { wallet: false })
  assert.equal((await node.failure('getbalances')).code, -18)
  await node.rpc('createwallet', 'one', true)
  assert.equal((await node.rpc('getwalletinfo')).walletname, 'one')
  await node.rpc('createwallet', 'two', true)
  for (const method of [
    'getwalletinfo',
    'getbalances',
    'listunspent',
    'getnewaddress',
    'unloadwallet',
    'listdescriptors',
  ]) {
    const { code, message } = await node.failure(method)
    assert.equal(code, -19, method)
    assert.match(message, /opentab\.wallet\("one"\)/)
  }
  for (const name of ['one', 'two']) assert.equal((await node.rpcOf(name, 'getwalletinfo')).walletname, name)
  assert.equal((await node.failureOf('three', 'getwalletinfo')).code, -18)
  for (const name of ['', 5, null, {}])
    assert.equal((await node.failureOf(name as string, 'getwalletinfo')).code, -18)
  // Methods of the chain don't mind.
  for (const name of ['one', 'three', undefined]) assert.equal(await node.rpcOf(name, 'getblockcount'), 0)
  await node.rpc('unloadwallet', 'one')
  assert.equal((await node.rpc('getwalletinfo')).walletname, 'two')
  assert.equal((await node.failureOf('one', 'getwalletinfo')).code, -18)
  await node.rpcOf('two', 'unloadwallet')
  assert.equal((await node.failure('getbalances')).code, -18)
  assert.deepEqual(await node.rpc('listwallets'), [])
  assert.deepEqual(await node.rpc('listwalletdir'), { wallets: [{ name: 'one' }, { name: 'two' }] })
})

test('a node that is called by the name of a wallet closes like any other', async () => {
  const node = await new NodeRig().add('node')
  await node.rpcOf('', 'stop')
  assert.equal(node.core.isClosed, true)
  assert.match((await node.failure('getblockcount')).message, /has stopped/)
})

test('loading and unloading refuse what Core refuses', async () => {
  const node = await new NodeRig().add('node')
  assert.equal((await node.failure('loadwallet', '')).code, -35)
  assert.equal((await node.failure('loadwallet', 'nowhere')).code, -18)
  assert.equal((await node.failure('unloadwallet', 'nowhere')).code, -18)
  assert.equal((await node.failureOf('', 'unloadwallet', 'other')).code, -8)
  await node.rpcOf('', 'unloadwallet', '')
  assert.equal((await node.failure('unloadwallet', '')).code, -18)
  assert.deepEqual(await node.rpc('loadwallet', ''), { name: '' })
  // Of two at once one finds it done.
  await node.rpc('unloadwallet', '')
  const both = await Promise.all([node.rpc('loadwallet', ''), node.failure('loadwallet', '')])
  assert.equal(both[1].code, -35)
})

test('what is unloaded is locked, follows nothing, and has missed nothing when it is loaded', async () => {
  const node = await funded()
  const { trusted } = (await node.rpc('getbalances')).mine
  const address = await node.rpc('getnewaddress', 'rent')
  assert.equal(node.signer.status().state, 'unlocked')
  node.events.length = 0
  await node.rpc('unloadwallet')
  assert.equal(node.signer.status().state, 'locked')
  assert.deepEqual(node.told('wallet').at(-1), { wallet: '', loaded: false, state: 'locked', txids: [] })
  await node.generate(1, address)
  await node.generate(node.rig.params.coinbaseMaturity, STRANGER)
  await node.rpc('loadwallet', '')
  assert.equal(node.told('wallet').at(-1)?.loaded, true)
  await node.rig.time.complete(node.core.settled())
  assert.equal((await node.rpc('getbalances')).mine.trusted, 2 * trusted)
  assert.deepEqual((await node.rpc('getaddressinfo', address)).labels, ['rent'])
})

test('which wallets are loaded at start is remembered', async () => {
  const node = await new NodeRig().add('node')
  const names = async () => (await node.rpc('listwallets')).toSorted()
  await addKeys(node, 'keys')
  await node.rpc('createwallet', 'seldom', { disable_private_keys: true, load_on_startup: false })
  await node.rpc('createwallet', 'watch', true)
  await node.restart()
  assert.deepEqual(await names(), ['', 'keys', 'watch'])
  await node.rpc('unloadwallet', 'watch')
  await node.rpc('unloadwallet', '', false)
  await node.rpc('loadwallet', 'seldom')
  await node.restart()
  assert.deepEqual(await names(), ['keys', 'watch'], 'unloading alone changes nothing for later')
  await node.rpc('loadwallet', 'seldom', true)
  await node.restart()
  assert.deepEqual(await names(), ['keys', 'seldom', 'watch'])
  await node.rpc('loadwallet', '')
  assert.equal((await node.rpcOf('', 'getwalletinfo')).private_keys_enabled, true)
})

test('keys of a wallet that is not to be loaded at start are followed until then', async () => {
  const node = await new NodeRig().add('node', { wallet: false })
  await node.rpc('createwallet', 'once', { load_on_startup: false })
  const signer = await node.signers.of('once')
  value(await signer.create(PASSPHRASE))
  await node.rig.until(() => node.core.wallets?.get('once') !== undefined)
  await node.restart()
  assert.deepEqual(await node.rpc('listwallets'), [])
  assert.deepEqual(await node.rpc('listwalletdir'), { wallets: [{ name: 'once' }] })
})

test('no name hides or overwrites a wallet, whatever it is made of', async () => {
  const node = await new NodeRig().add('node')
  const good = [
    'savings',
    'a/b',
    '..',
    '/',
    'a/b/../c',
    '__proto__',
    'constructor',
    'wallet',
    'Zürich',
    '財布',
    'my coins',
    '❤\ufe0f',
    'ΟΔΟΣ',
    'x'.repeat(64),
  ]
  for (const name of good) assert.deepEqual(await node.rpc('createwallet', name, true), { name })
  const taken = [
    '',
    'savings',
    'SAVINGS',
    'Savings',
    'A/B',
    'ZÜRICH',
    'ＳＡＶＩＮＧＳ',
    'X'.repeat(64),
    '__PROTO__',
    'my  coins',
    'my\u00a0coins',
    'savings\ufe0f',
    '❤',
    'οδος',
    'οδοσ',
  ]
  for (const name of taken)
    for (const given of [[true], []])
      assert.equal((await node.failure('createwallet', name, ...given)).code, -4, name)
  const bad = [
    'x'.repeat(65),
    'x'.repeat(100_000),
    ' a',
    'a ',
    '\u00a0',
    'a\nb',
    'a\0b',
    'a\u202eb',
    'a\u200bb',
    '\ud800',
    'a\u2028',
    // What Unicode calls letters, marks or symbols, and nobody sees.
    '\u3164',
    'a\u3164',
    '\u115f',
    'a\u034f',
    '\u2800',
    'a\u2800',
    '\ufe0f',
    'a\u{e0100}',
  ]
  for (const name of bad)
    for (const given of [[true], []])
      assert.equal(
        (await node.failure('createwallet', name, ...given)).code,
        -8,
        JSON.stringify(name.slice(0, 10)),
      )
  assert.deepEqual(
    (await node.rpc('listwalletdir')).wallets.map(({ name }: Json) => name),
    ['', ...good].toSorted(),
  )
  for (const name of good) assert.equal((await node.rpcOf(name, 'getwalletinfo')).walletname, name)
  // Of several asked for at once one is made.
  const outcomes = await Promise.allSettled(
    ['New', 'new', 'NEW'].map((name) => node.rpc('createwallet', name, true)),
  )
  assert.deepEqual(outcomes.map(({ status }) => status).toSorted(), ['fulfilled', 'rejected', 'rejected'])
  await node.restart()
  assert.equal((await node.rpc('listwallets')).length, good.length + 2)
})

test('createwallet refuses what contradicts itself', async () => {
  const node = await new NodeRig().add('node', { wallet: false })
  for (const [code, ...args] of [
    [-8, 'w', { blank: true }],
    [-8, 'w', false, true],
    [-4, 'w', true, false, 'a passphrase'],
    [-4, 'w', { disable_private_keys: true, passphrase: 'a passphrase' }],
    [-8, 'w', { disable_private_keys: true, words: WORDS }],
    [-8, 'w', { disable_private_keys: true, wordcount: 12 }],
    [-8, 'w', { disable_private_keys: true, external_signer: true }],
    [-3, 'w', { disable_private_keys: 'yes' }],
  ] as const)
    assert.equal((await node.failure('createwallet', ...args)).code, code, JSON.stringify(args))
  assert.deepEqual(await node.rpc('listwalletdir'), { wallets: [] })
})

test('a blank wallet has nothing and says what it lacks', async () => {
  const node = await new NodeRig().add('node', { wallet: false })
  await node.rpc('createwallet', 'watch', true, true)
  const info = await node.rpc('getwalletinfo')
  assert.deepEqual([info.blank, info.private_keys_enabled, info.txcount], [true, false, 0])
  assert.deepEqual(await node.rpc('listdescriptors'), { wallet_name: 'watch', descriptors: [] })
  assert.deepEqual(await node.rpc('listunspent'), [])
  for (const [method, ...args] of [
    ['getnewaddress'],
    ['walletcreatefundedpsbt', [], { [STRANGER]: 1 }],
    ['rescanblockchain'],
    ['getblocktemplate'],
  ] as const) {
    const { code, message } = await node.failure(method, ...args)
    assert.equal(code, -4, method)
    assert.match(message, /watches nothing yet/)
  }
  // It stays blank until it is told what to watch.
  await node.restart()
  assert.equal((await node.rpc('getwalletinfo')).blank, true)
  await node.rpc('importdescriptors', [{ desc: OTHERS, timestamp: 0 }])
  await node.restart()
  assert.equal((await node.rpc('getwalletinfo')).blank, false)
})

test('importdescriptors takes an account whole or by its branches, and finds what it received', async () => {
  const node = await funded()
  const given = await node.rpc('getnewaddress')
  const { mine } = await node.rpc('getbalances')
  const { descriptors } = await node.rpc('listdescriptors')
  const { descriptor } = await node.rpc('getwalletinfo')
  assert.deepEqual(
    descriptors.map(({ desc, internal }: Json) => [desc, internal]),
    branchesOf(value(parseDescriptor(descriptor))).map((desc, branch) => [desc, branch === 1]),
  )
  const ways: Record<string, Json[]> = {
    whole: [{ desc: descriptor, timestamp: 0 }],
    branches: descriptors,
    // As whoever copies them by hand may have them.
    reversed: descriptors.toReversed().map(({ desc, internal }: Json) => ({ desc, internal, timestamp: 0 })),
    apostrophes: [
      {
        desc: withChecksum(
          descriptor.split('#')[0].replace(/\[.*\]/, (origin: string) => origin.replaceAll('h', "'")),
        ),
        timestamp: 0,
        active: true,
      },
    ],
  }
  for (const [name, requests] of Object.entries(ways)) {
    await node.rpc('createwallet', name, true)
    const outcomes = await node.rpcOf(name, 'importdescriptors', requests)
    assert.deepEqual(
      outcomes.map(({ success }: Json) => success),
      requests.map(() => true),
      name,
    )
    assert.deepEqual((await node.rpcOf(name, 'getbalances')).mine, mine, name)
    // The same again changes nothing.
    assert.equal((await node.rpcOf(name, 'importdescriptors', requests))[0].success, true)
  }
  assert.match(
    (await node.rpcOf('whole', 'importdescriptors', ways.whole))[0].warnings[0],
    /default wallet.*same account/s,
  )
  // An address given out there is not given out here, where the count came along.
  assert.notEqual(await node.rpcOf('branches', 'getnewaddress'), given)
  assert.equal(await node.rpcOf('whole', 'getnewaddress'), given)
})

test('importdescriptors says what is wrong with each, and takes what is right', async () => {
  const node = await funded()
  const xprv =
    'xprv9s21ZrQH143K3QTDL4LXw2F7HEK3wJUD2nW2nRk4stbPy6cq3jPPqjiChkVvvNKmPGJxWUtg6LnF5kejMRNNU3TGtRBeJgk33yuGBxrMPHi'
  const wrong: readonly (readonly [code: number, request: Json])[] = [
    [-4, { desc: withChecksum(`tr(${xprv}/0/*)`), timestamp: 0 }],
    [-4, { desc: `tr([73c5da0a/86h/0h/0h]${xprv}/0/*)`, timestamp: 0 }],
    [-5, { desc: OTHERS.slice(0, -1), timestamp: 0 }],
    [-5, { desc: `${OTHERS.slice(0, -1)}${OTHERS.endsWith('q') ? 'p' : 'q'}`, timestamp: 0 }],
    [-5, { desc: OTHERS.split('#')[0], timestamp: 0 }],
    [-5, { desc: '', timestamp: 0 }],
    [-5, { desc: withChecksum(`wpkh(${XPUB}/0/*)`), timestamp: 0 }],
    [-5, { desc: `#${'q'.repeat(100_000)}`, timestamp: 0 }],
    [-4, { desc: withChecksum(`tr(${XPUB}/0/0)`), timestamp: 0 }],
    [-4, { desc: withChecksum(`tr(${XPUB}/<0;1;2>/*)`), timestamp: 0 }],
    [-8, { desc: OTHERS, timestamp: 0, internal: true }],
    [-8, { desc: OTHERS, timestamp: 0, label: 'mine' }],
    [-8, { desc: OTHERS, timestamp: 0, range: [0, 10], next_index: 12 }],
    [-4, { desc: CHANGE, timestamp: 0, internal: true }],
  ]
  await node.rpc('createwallet', 'watch', true)
  for (const [code, request] of wrong) {
    const [outcome] = await node.rpcOf('watch', 'importdescriptors', [request])
    assert.equal(outcome.success, false, JSON.stringify(request).slice(0, 200))
    assert.equal(
      outcome.error.code,
      code,
      `${JSON.stringify(request).slice(0, 200)}: ${outcome.error.message}`,
    )
    assert.ok(!outcome.error.message.includes(xprv))
  }
  assert.equal((await node.rpcOf('watch', 'getwalletinfo')).blank, true)
  // What has no meaning as a request at all is refused whole.
  for (const request of [
    { desc: OTHERS },
    { timestamp: 0 },
    { desc: OTHERS, timestamp: -1 },
    { desc: OTHERS, timestamp: 'yesterday' },
    { desc: OTHERS, timestamp: 1e300 },
    { desc: OTHERS, timestamp: 0, range: [5, 1] },
    { desc: OTHERS, timestamp: 0, next_index: 1e9 },
    { desc: OTHERS, timestamp: 0, keys: [] },
  ])
    assert.ok((await node.failureOf('watch', 'importdescriptors', [request])).code < 0)
  const outcomes = await node.rpcOf('watch', 'importdescriptors', [
    ...wrong.map(([, request]) => request),
    { desc: RECEIVING, timestamp: 'now' },
    { desc: CHANGE, timestamp: 'now', internal: true },
    { desc: withChecksum(`tr(${XPUB}/7/*)`), timestamp: 0 },
  ])
  assert.deepEqual(
    outcomes.slice(wrong.length - 1).map(({ success }: Json) => success),
    // The branch for change, too, now that it comes with the other.
    [true, true, true, false],
  )
  assert.equal((await node.rpcOf('watch', 'getwalletinfo')).descriptor, OTHERS)
  // A wallet with keys follows those.
  assert.equal((await node.failureOf('', 'importdescriptors', [{ desc: OTHERS, timestamp: 0 }])).code, -4)
  assert.equal((await node.failureOf('', 'listdescriptors', true)).code, -4)
})

test('a time of birth in the future, or in a clock that is wrong, hides no coin', async () => {
  const node = await funded()
  const { mine } = await node.rpc('getbalances')
  const { descriptor } = await node.rpc('getwalletinfo')
  await node.rpc('createwallet', 'watch', true)
  for (const timestamp of [Number.MAX_SAFE_INTEGER, 'now'])
    assert.equal(
      (await node.rpcOf('watch', 'importdescriptors', [{ desc: descriptor, timestamp }]))[0].success,
      true,
    )
  // From a time after all blocks on nothing is found: that was asked for; but it is no time to come, so that later ones are.
  assert.ok(
    (await node.rpcOf('watch', 'getwalletinfo')).birthtime <=
      (await node.rpc('getblockchaininfo')).mediantime,
  )
  await node.generate(1, await node.rpcOf('watch', 'getnewaddress'))
  assert.ok((await node.rpcOf('watch', 'getbalances')).mine.immature > 0)
  // An earlier one finds the rest.
  await node.rpcOf('watch', 'importdescriptors', [{ desc: descriptor, timestamp: 0 }])
  assert.deepEqual(
    (await node.rpcOf('watch', 'getbalances')).mine,
    (await node.rpcOf('', 'getbalances')).mine,
  )
  assert.ok((await node.rpcOf('', 'getbalances')).mine.trusted >= mine.trusted)
})

test('a count of given out addresses leads to coins beyond the gap', async () => {
  const node = await new NodeRig().add('node')
  let address = ''
  for (let i = 0; i < 60; i++) address = await node.rpc('getnewaddress')
  await node.generate(1, address)
  const { descriptors } = await node.rpc('listdescriptors')
  assert.deepEqual([descriptors[0].next_index, descriptors[1].next_index], [60, 0])
  const bare = descriptors.map(({ desc, internal }: Json) => ({ desc, internal, timestamp: 0 }))
  await node.rpc('createwallet', 'bare', true)
  await node.rpc('createwallet', 'counted', true)
  const [outcome] = await node.rpcOf('bare', 'importdescriptors', [{ ...bare[0], range: [0, 999] }, bare[1]])
  assert.match(outcome.warnings.at(-1), /Keys up to index \d+ were looked for/)
  assert.equal((await node.rpcOf('bare', 'getbalances')).mine.immature, 0)
  await node.rpcOf('counted', 'importdescriptors', descriptors)
  assert.equal((await node.rpcOf('counted', 'getbalances')).mine.immature, 50)
  // It can be told later, too.
  await node.rpcOf('bare', 'importdescriptors', descriptors)
  assert.equal((await node.rpcOf('bare', 'getbalances')).mine.immature, 50)
})

test('a wallet that only watches plans, and never signs', async () => {
  const node = await funded()
  await node.rpc('createwallet', 'watch', true)
  const { descriptors } = await node.rpcOf('', 'listdescriptors')
  await node.rpcOf('watch', 'importdescriptors', descriptors)
  const pay = { [STRANGER]: 1 }
  const { psbt } = await node.rpcOf('watch', 'walletcreatefundedpsbt', [], pay)
  const processed = await node.rpcOf('watch', 'walletprocesspsbt', psbt)
  assert.equal(processed.complete, false)
  assert.equal((await node.rpc('finalizepsbt', processed.psbt)).complete, false)
  for (const [method, ...args] of [
    ['sendtoaddress', STRANGER, 1],
    ['sendpsbt', psbt],
    ['sendpsbt', processed.psbt],
    ['bumpfee', '11'.repeat(32)],
  ] as const) {
    const { code, message } = await node.failureOf('watch', method, ...args)
    assert.equal(code, -4, method)
    assert.match(message, /only watches/)
  }
  assert.equal(node.core.mempool.size, 0)
  assert.equal((await node.rpcOf('watch', 'getwalletinfo')).unlocked_until, undefined)
  // What is signed elsewhere it sends, unless its fee must be a mistake.
  const coin = (await node.rpcOf('watch', 'listunspent'))[0]
  const careless = await node.rpc('createpsbt', [{ txid: coin.txid, vout: coin.vout }], pay)
  const dear = await node.rpcOf('', 'walletprocesspsbt', careless)
  assert.equal(dear.complete, true)
  assert.match((await node.failureOf('watch', 'sendpsbt', dear.psbt)).message, /must be a mistake/)
  assert.equal(node.core.mempool.size, 0)
  const signed = await node.rpcOf('', 'walletprocesspsbt', processed.psbt)
  assert.equal(signed.complete, true)
  const txid = await node.rpcOf('watch', 'sendpsbt', signed.psbt)
  for (const name of ['', 'watch']) assert.equal((await node.rpcOf(name, 'gettransaction', txid)).amount, -1)
  const bump = await node.rpcOf('watch', 'psbtbumpfee', txid)
  assert.equal((await node.failureOf('watch', 'bumpfee', txid)).code, -4)
  assert.equal((await node.failureOf('watch', 'sendpsbt', bump.psbt, { replaces: txid })).code, -4)
  // A higher fee, too.
  const bumped = await node.rpcOf('', 'walletprocesspsbt', bump.psbt)
  assert.match((await node.failureOf('watch', 'sendpsbt', bumped.psbt)).message, /was spent meanwhile/)
  const replacement = await node.rpcOf('watch', 'sendpsbt', bumped.psbt, { replaces: txid })
  assert.deepEqual(await node.rpc('getrawmempool'), [replacement])
})

test('to be unlocked is a matter of one wallet', async () => {
  const node = await funded()
  await addKeys(node, 'other')
  value(await (await node.signers.of('other')).unlock(PASSPHRASE, 60))
  await node.generate(1, await node.rpcOf('other', 'getnewaddress'))
  await node.generate(node.rig.params.coinbaseMaturity, STRANGER)
  node.signer.lock()
  assert.equal((await node.failureOf('', 'sendtoaddress', STRANGER, 1)).code, -13)
  await node.rpcOf('other', 'sendtoaddress', STRANGER, 1)
  assert.deepEqual(
    await Promise.all(
      ['', 'other'].map(async (name) => (await node.rpcOf(name, 'getwalletinfo')).unlocked_until > 0),
    ),
    [false, true],
  )
  await node.rig.time.run(61_000)
  assert.equal((await node.failureOf('other', 'sendtoaddress', STRANGER, 1)).code, -13)
})

/** A node that has funds, and a wallet whose search of the chain is held in its first reading until `release`. */
async function searching() {
  let begin: (() => void) | undefined
  let held: Promise<void> | undefined
  class HeldStore extends MemoryChainStore {
    override async readMentions(first: HeaderIndex, last: HeaderIndex) {
      const wait = held
      held = undefined
      begin?.()
      await wait
      return super.readMentions(first, last)
    }
  }
  const node = await new NodeRig().add('node', { chainStore: new HeldStore(new Uint8Array(8)) })
  await node.fund()
  await addKeys(node, 'slow')
  let release = (): void => {}
  held = new Promise((resolve) => {
    release = resolve
  })
  const begun = new Promise<void>((resolve) => {
    begin = resolve
  })
  const wallet = node.core.wallets!.get('slow')!
  const rescan = wallet.rescan(0)
  await begun
  return { node, wallet, rescan, release }
}

test('while one wallet searches the chain, the others pay, receive, load and unload', async () => {
  const { node, rescan, release } = await searching()
  const address = await node.rpcOf('', 'getnewaddress')
  const slowly = value(parseDescriptor((await node.rpcOf('slow', 'getwalletinfo')).descriptor))
  const toSlow = encodeAddress(slowly.derive(0, 0).outputKey, node.rig.params.addressPrefix)
  await node.rpcOf('', 'sendtoaddress', address, 1)
  const txid = await node.rpcOf('', 'sendtoaddress', toSlow, 2)
  assert.equal((await node.rpcOf('slow', 'gettransaction', txid)).amount, 2)
  // It waits for all wallets before it answers.
  const tips = node.told('tip').length
  const mined = node.generate(1, STRANGER)
  await node.rig.until(() => node.told('tip').length > tips)
  assert.equal((await node.rpcOf('', 'gettransaction', txid)).confirmations, 1)
  await node.rpc('createwallet', 'blank', true)
  await node.rpc('unloadwallet', 'blank')
  await node.rpc('loadwallet', 'blank')
  release()
  await node.rig.time.complete(rescan)
  await mined
  assert.equal((await node.rpcOf('slow', 'gettransaction', txid)).confirmations, 1)
})

test('a wallet that is unloaded while it searches the chain stops, and goes on when it is loaded', async () => {
  const { node, wallet, rescan, release } = await searching()
  const stopped = assert.rejects(rescan, /unloaded meanwhile/)
  const unloaded = node.rpc('unloadwallet', 'slow')
  release()
  await unloaded
  assert.equal(wallet.height, 0)
  await stopped
  await node.rpc('loadwallet', 'slow')
  await node.rig.time.complete(node.core.settled())
  assert.equal(node.core.wallets!.get('slow')!.height, await node.rpc('getblockcount'))
})

test('a node does not wait for a wallet that has the chain to search: it starts, and the others pay', async (t) => {
  const node = await funded()
  await addKeys(node, 'slow')
  await node.rpc('unloadwallet', 'slow')
  await node.generate(3, await node.rpcOf('', 'getnewaddress'))
  let release = (): void => {}
  const held = new Promise<void>((resolve) => {
    release = resolve
  })
  const read = MemoryChainStore.prototype.readMentions
  t.mock.method(
    MemoryChainStore.prototype,
    'readMentions',
    async function (this: MemoryChainStore, ...range: Parameters<typeof read>) {
      await held
      return read.apply(this, range)
    },
  )
  await node.restart()
  const behind = node.core.wallets!.get('slow')!.height!
  assert.equal((await node.rpcOf('slow', 'getwalletinfo')).scanning, true)
  await node.rpcOf('', 'sendtoaddress', STRANGER, 1)
  release()
  await node.rig.time.complete(node.core.settled())
  assert.equal(node.core.wallets!.get('slow')!.height, behind + 3)
})

test('a wallet whose store fails while it is unloaded is told to be gone, and can be loaded from what was durable', async () => {
  const store = new MemoryWalletStore()
  const node = await new NodeRig().add('node', { walletStore: store })
  await node.fund()
  const { trusted } = (await node.rpc('getbalances')).mine
  const commit = store.commit.bind(store)
  store.commit = () => Promise.reject(new Error('The disk is full.'))
  assert.match((await node.failure('unloadwallet')).message, /disk is full/)
  assert.deepEqual(await node.rpc('listwallets'), [])
  assert.deepEqual(node.told('wallet').at(-1), { wallet: '', loaded: false, state: 'locked', txids: [] })
  store.commit = commit
  await node.rpc('loadwallet', '')
  await node.rig.time.complete(node.core.settled())
  assert.equal((await node.rpc('getbalances')).mine.trusted, trusted)
})

test('of one branch alone it is told that it does not show the change of another', async () => {
  const node = await funded()
  const [receiving, change] = (await node.rpc('listdescriptors')).descriptors
  await node.rpc('createwallet', 'one', true)
  await node.rpc('createwallet', 'both', true)
  const [alone] = await node.rpcOf('one', 'importdescriptors', [receiving])
  assert.match(alone.warnings.join(' '), /import both branches/)
  for (const { warnings } of await node.rpcOf('both', 'importdescriptors', [receiving, change]))
    assert.doesNotMatch(warnings.join(' '), /branches/)
})

test('what still holds a wallet that was unloaded writes nothing into it any more', async () => {
  const node = await funded()
  const former = node.core.wallet!
  await node.rpc('unloadwallet')
  await node.rpc('loadwallet', '')
  await assert.rejects(former.newAddress('lost'), /unloaded meanwhile/)
  await assert.rejects(former.setLabel(STRANGER, 'lost'), /unloaded meanwhile/)
  await node.rpc('unloadwallet')
  await node.rpc('loadwallet', '')
  assert.ok(!(await node.rpc('exportlabels')).includes('lost'))
})

test('of a wallet that can not be read the person is told, and the others work', async () => {
  const rig = new NodeRig()
  const node = await rig.add('node')
  await addKeys(node, 'damaged')
  await addKeys(node, 'whole')
  await node.rpc('unloadwallet', 'damaged')
  await node.records('damaged').commit(new Map([['wallet', JSON.stringify({ version: 99 })]]))
  node.events.length = 0
  await node.restart()
  assert.deepEqual(await node.rpc('listwallets'), ['', 'whole'])
  const [fault, ...others] = node.told('fault')
  assert.deepEqual(others, [])
  assert.equal(fault?.kind, 'wallet')
  assert.match(fault!.message, /“damaged”.*later version/)
  assert.match((await node.failure('loadwallet', 'damaged')).message, /later version/)
  assert.deepEqual((await node.rpc('listwalletdir')).wallets.length, 3)
})

test('a wallet whose keys are damaged shows what it has and says why it can not pay, and the others pay', async () => {
  const node = await new NodeRig().add('node')
  await addKeys(node, 'damaged')
  await addKeys(node, 'whole')
  for (const name of ['damaged', 'whole']) await node.generate(1, await node.rpcOf(name, 'getnewaddress'))
  await node.generate(node.rig.params.coinbaseMaturity, STRANGER)
  const before = await node.rpcOf('damaged', 'getbalances')
  await node.keys.store('damaged').save({ version: 9 } as never)
  node.events.length = 0
  await node.restart()
  assert.deepEqual(
    node
      .told('fault')
      .map(({ kind, message }) => [kind, /“damaged” can only watch: .*damaged/.test(message)]),
    [['wallet', true]],
  )
  assert.deepEqual((await node.rpcOf('damaged', 'getbalances')).mine, before.mine)
  assert.match((await node.rpcOf('damaged', 'getwalletinfo')).warnings[0], /keys of this wallet are damaged/)
  assert.match((await node.failureOf('damaged', 'sendtoaddress', STRANGER, 1)).message, /damaged/)
  value(await (await node.signers.of('whole')).unlock(PASSPHRASE))
  await node.rpcOf('whole', 'sendtoaddress', STRANGER, 1)
})

test('two wallets of one seed that pay in the same moment pay with different coins', async () => {
  const node = await new NodeRig().add('node', { wallet: false })
  for (const name of ['one', 'twin']) await addKeys(node, name, WORDS)
  await node.generate(6, await node.rpcOf('one', 'getnewaddress'))
  await node.generate(node.rig.params.coinbaseMaturity, STRANGER)
  const payments = ['one', 'twin', 'one', 'twin'].map((name) =>
    node.rpcOf(name, 'sendtoaddress', STRANGER, 1),
  )
  const txids = await Promise.all(payments)
  assert.deepEqual((await node.rpc('getrawmempool')).toSorted(), txids.toSorted())
  for (const name of ['one', 'twin'])
    for (const txid of txids)
      assert.deepEqual((await node.rpcOf(name, 'gettransaction', txid)).walletconflicts, [])
})

test('a wallet that meets a bug while it writes is named', async () => {
  const node = await funded()
  await addKeys(node, 'odd')
  node.records('odd').commit = () => Promise.reject(new Error('A bug.'))
  node.events.length = 0
  await node.failureOf('odd', 'getnewaddress')
  assert.deepEqual(node.told('fault'), [{ kind: 'wallet', message: 'The wallet “odd” can’t go on: A bug.' }])
})

test('what a wallet is in the middle of when it is unloaded is kept whole or not at all', async () => {
  const node = await funded()
  const writes: string[] = []
  const store = node.records('')
  const commit = store.commit.bind(store)
  store.commit = async (changes) => {
    writes.push(...changes.keys())
    await commit(changes)
  }
  const [paid] = await Promise.allSettled([
    node.rpcOf('', 'sendtoaddress', STRANGER, 1),
    node.rpcOf('', 'unloadwallet'),
  ])
  await node.rpc('loadwallet', '')
  const isKnown = (await node.rpc('listtransactions', '*', 100)).some(
    ({ category }: Json) => category === 'send',
  )
  assert.equal(isKnown, node.core.mempool.size > 0)
  if (paid.status === 'rejected')
    assert.match(paid.reason.message, /unloaded meanwhile|is not there|locked|No wallet/)
  assert.ok(writes.length > 0)
})

test('a profile whose wallets part can not be fetched says so, and opens them with the next call', async () => {
  let isThere = true
  const loadWallet: LoadWallet = async () => {
    if (!isThere) throw new Error('The server is gone.')
    return walletPart
  }
  const node = await new NodeRig().add('node', { wallet: false, loadWallet })
  isThere = false
  assert.match((await node.failure('createwallet', 'x', true)).message, /server is gone/)
  isThere = true
  await node.rpc('createwallet', 'x', true)
  assert.deepEqual(await node.rpc('listwallets'), ['x'])
})

test('one store that fails halts the payments of all', async () => {
  const node = await funded()
  await addKeys(node, 'full')
  node.records('full').commit = () => Promise.reject(new StorageError('quota', 'The disk is full.'))
  assert.equal((await node.failureOf('full', 'getnewaddress')).code, -20)
  const { code, message } = await node.failureOf('', 'sendtoaddress', STRANGER, 1)
  assert.equal(code, -20)
  assert.match(message, /Storage has failed/)
  assert.equal(node.told('fault').length, 1)
})

test('a wallet whose store fails while it is unloaded is unloaded, and the person is told', async () => {
  const node = await funded()
  await addKeys(node, 'full')
  node.records('full').commit = () => Promise.reject(new StorageError('quota', 'The disk is full.'))
  node.events.length = 0
  assert.equal((await node.failure('unloadwallet', 'full')).code, -20)
  assert.deepEqual(await node.rpc('listwallets'), [''])
  assert.deepEqual(node.told('wallet').at(-1), { wallet: 'full', loaded: false, state: 'locked', txids: [] })
  assert.deepEqual(
    node.told('fault').map(({ kind }) => kind),
    ['storage'],
  )
})

test('keys that are unlocked while their wallet is about to be opened open it once', async () => {
  const opened: string[] = []
  let node: RigNode | undefined
  class Records extends MemoryWalletStore {
    override async load() {
      opened.push('')
      if (opened.length === 1) value(await node!.signers.get('b')!.unlock(PASSPHRASE))
      return super.load()
    }
    override async commit() {}
  }
  node = await new NodeRig().add('node', { wallet: false, walletStore: new Records() })
  await node.rpc('stop')
  // The page died before the wallets were entered.
  for (const name of ['a', 'b']) value(await (await node.signers.of(name)).create(PASSPHRASE))
  await node.restart()
  assert.deepEqual((await node.rpc('listwallets')).toSorted(), ['a', 'b'])
  assert.equal(opened.length, 2)
})
