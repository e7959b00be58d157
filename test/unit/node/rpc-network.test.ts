/** Promise: peers, bans and warnings are told and ruled over RPC in Bitcoin Core's shapes, and a ban outlives the tab. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { NodeRig, STRANGER } from '../../support/node-rig.ts'

/** Names that pass for peer ids. */
const ALICE = `12D3KooW${'A'.repeat(44)}`
const BOB = `12D3KooW${'B'.repeat(44)}`

test('peers are told with what Bitcoin Core tells of them, and what only tabs have', async () => {
  const rig = new NodeRig()
  const alice = await rig.add(ALICE)
  await alice.generate(3, STRANGER)
  const bob = await rig.add(BOB)
  await rig.until(() => bob.tip === alice.tip)
  await rig.time.run(1_000)
  const [peer] = await bob.rpc('getpeerinfo')
  assert.equal(peer.peerid, ALICE)
  assert.deepEqual(
    [peer.id, peer.services, peer.servicesnames, peer.synced_headers, peer.synced_blocks, peer.inflight],
    [1, '0000000000000001', ['NETWORK'], 3, 3, []],
  )
  assert.deepEqual([peer.permissions, peer.timeoffset, peer.minfeefilter], [[], 0, 0.00001])
  assert.equal(peer.connection_type, peer.inbound ? 'inbound' : 'outbound-full-relay')
  const info = await bob.rpc('getnetworkinfo')
  assert.deepEqual(
    [
      info.version,
      info.subversion,
      info.localservices,
      info.localservicesnames,
      info.timeoffset,
      info.warnings,
    ],
    [300, '/opentab:0.3.0/', '0000000000000001', ['NETWORK'], 0, []],
  )
  assert.equal(info.networks[0].reachable, true)
  const totals = await bob.rpc('getnettotals')
  assert.deepEqual([totals.totalbytesrecv, totals.totalbytessent], [peer.bytesrecv, peer.bytessent])
  await bob.rpc('disconnectnode', '', peer.id)
  assert.deepEqual(await bob.rpc('getpeerinfo'), [])
  const after = await bob.rpc('getnettotals')
  assert.equal(after.totalbytesrecv, totals.totalbytesrecv, 'who left still counts')
  assert.equal((await bob.failure('disconnectnode', ALICE)).code, -29)
  assert.equal((await bob.failure('disconnectnode')).code, -32602)
  assert.equal((await bob.failure('disconnectnode', ALICE, 1)).code, -32602)
  await rig.until(() => bob.core.peers.peers().length === 1)
  assert.equal((await bob.rpc('getpeerinfo'))[0].id, 2, 'a new connection has a new id')
})

test('setban keeps a peer out, for this life and the next, until it ends or is taken back', async () => {
  const rig = new NodeRig()
  const alice = await rig.add(ALICE)
  const bob = await rig.add(BOB)
  await rig.until(() => bob.core.peers.peers().length === 1)
  const now = Math.floor(rig.time.now() / 1000)
  assert.equal(await bob.rpc('setban', ALICE, 'add', 7200), null)
  assert.deepEqual(await bob.rpc('getpeerinfo'), [])
  const [ban] = await bob.rpc('listbanned')
  assert.deepEqual(
    [ban.address, ban.ban_duration, ban.banned_until - ban.ban_created, ban.ban_reason],
    [ALICE, 7200, 7200, 'Kept out by you.'],
  )
  assert.ok(ban.ban_created - now <= 1 && ban.time_remaining <= 7200)
  assert.equal((await bob.failure('setban', ALICE, 'add')).code, -23)

  await bob.restart()
  await rig.time.run(60_000)
  assert.equal((await bob.rpc('listbanned'))[0].address, ALICE)
  assert.deepEqual(await bob.rpc('getpeerinfo'), [])
  assert.equal(await bob.rpc('setban', ALICE, 'remove'), null)
  assert.deepEqual(await bob.rpc('listbanned'), [])
  await rig.until(() => bob.core.peers.peers().length === 1)
  assert.equal((await bob.failure('setban', ALICE, 'remove')).code, -30)

  const end = Math.floor(rig.time.now() / 1000) + 100
  await bob.rpc('setban', ALICE, 'add', end, true)
  assert.equal((await bob.rpc('listbanned'))[0].banned_until, end)
  assert.equal(await bob.rpc('clearbanned'), null)
  await bob.restart()
  assert.deepEqual(await bob.rpc('listbanned'), [])
  await rig.until(() => bob.core.peers.peers().length === 1)
  await bob.rpc('setban', ALICE, 'add')
  assert.equal((await bob.rpc('listbanned'))[0].ban_duration, 86_400)
  await rig.time.run(86_500_000)
  assert.deepEqual(await bob.rpc('listbanned'), [])
  assert.equal(alice.core.peers.peers().length, 1)
})

test('setban says where a ban would not last', async () => {
  const node = await new NodeRig().add(ALICE)
  const idOf = (i: number): string => `${BOB.slice(0, -3)}${String(i + 111).replaceAll('0', 'z')}`
  for (let i = 0; i < 192; i++) await node.rpc('setban', idOf(i), 'add')
  assert.match((await node.failure('setban', idOf(192), 'add')).message, /No more than 192 bans.*remove one/)
  await node.rpc('setban', idOf(0), 'remove')
  await node.rpc('setban', idOf(192), 'add')
})

test('the log tells who is kept out and let in, which relays are reached and lost, and that the tab was away', async () => {
  const rig = new NodeRig()
  const node = await rig.add(ALICE)
  const lines = () => node.told('log').map(({ message }) => message)
  node.events.length = 0
  await node.rpc('setban', BOB, 'add')
  await node.rpc('setban', BOB, 'remove')
  const { peers } = node.core
  const address = '/dns4/relay.example/tcp/443/wss'
  for (const state of [
    'connecting',
    'reserved',
    'connecting',
    'reserved',
    'unreachable',
    'connecting',
  ] as const)
    peers.status({ relays: [{ address, state }], directPeers: 0, relayedOnlyPeers: 0 })
  peers.woke()
  peers.woke()
  const told = [
    /BBB is kept out until \d{4}-.*: Kept out by you\./,
    /BBB is let in again\./,
    /relay\.example.* is reached/,
    /relay\.example.* can’t be reached/,
    /was away and is back/,
  ]
  assert.equal(lines().length, told.length, lines().join('\n'))
  for (const [at, line] of lines().entries()) assert.match(line, told[at])
})

test('a wrong argument of setban is told as such', async () => {
  const node = await new NodeRig().add(ALICE)
  const refused = await node.failure('setban', '192.168.0.6', 'add')
  assert.equal(refused.code, -30)
  assert.match(refused.message, /peerid.*not by address or subnet/)
  assert.equal((await node.failure('setban', 7, 'add')).code, -3)
  assert.equal((await node.failure('setban', BOB, 'forgive')).code, -8)
  assert.equal((await node.failure('setban', BOB, 'add', 1, true)).code, -8)
  const own = await node.failure('setban', ALICE, 'add')
  assert.equal(own.code, -8)
  assert.match(own.message, /this tab itself/)
  assert.match(await node.rpc('help', 'setban'), /By peer id: another identity/)
})
