/**
 * Promise: who sleeps while it is robbed has everything in the end, by a tower that knew nothing before, can take nothing, and keeps what it
 * promised within its bounds.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  type Appointment,
  MAX_BLOB_BYTES,
  makeAppointment,
  openBlob,
  Tower,
  type TowerLimits,
  updateTower,
} from '../../../src/channels/tower.ts'
import { bytesToHex } from '../../../src/primitives/bytes.ts'
import { sha256 } from '../../../src/primitives/hashes.ts'
import { OK } from '../../../src/primitives/result.ts'
import { MemoryTowerStore } from '../../../src/storage/memory-tower-store.ts'
import { agreedOf, CAPACITY, htlcOf, MonitoredPair } from '../../support/monitored-channel.ts'
import { codeOf, seededRandom, value } from '../../support/wallets.ts'

const SERIES = 'ab'.repeat(16)

/** A channel with HTLCs both ways in its past. */
async function channel(): Promise<MonitoredPair> {
  const rig = await MonitoredPair.open(agreedOf(0, 600_000))
  const expiry = rig.height + 3
  const [one, two] = [htlcOf(1, true, 50_000, expiry), htlcOf(2, false, 40_000, expiry)]
  await rig.advance(agreedOf(1, 550_000, [one]))
  await rig.advance(agreedOf(2, 550_000, [one, two]))
  await rig.advance(agreedOf(3, 600_000, [two]))
  await rig.advance(agreedOf(4, 640_000))
  return rig
}

/** Everything that side 1 has to fear, at a tower. */
async function entrust(rig: MonitoredPair, tower: Tower, client = 'bob', feerate = 2_000) {
  const { keeper } = rig.sides[1]
  return updateTower(
    {
      accept: (series, appointment) => tower.accept(client, series, appointment),
      forget: async (series) => {
        await tower.forget(client, series)
        return OK
      },
    },
    keeper.keeper,
    {
      contract: keeper.contract,
      revokedCount: rig.now.number,
      revoked: async (number) => ({
        commitment: rig.history.get(number)![0][1],
        secret: await rig.pair.secret(0, number),
      }),
    },
    { series: SERIES, next: 0 },
    feerate,
    seededRandom('tower'),
  )
}

test('the victim sleeps: the tower takes all that the thief published, HTLCs included', {
  timeout: 600_000,
}, async () => {
  const store = new MemoryTowerStore()
  const rig = await channel()
  const { progress, stopped } = await entrust(rig, await Tower.open(store))
  assert.equal(stopped, undefined)
  assert.equal(progress.next, 4)
  // The tower has been started anew since.
  const tower = await Tower.open(store)
  assert.equal(tower.countOf('bob'), 4)
  for (const side of rig.sides) side.awake = false
  const stolen = rig.commitmentOf(2, 0)
  await rig.send(stolen)
  assert.deepEqual(tower.penaltiesFor(rig.node.tip.block), [])
  await rig.mine()
  const penalties = tower.penaltiesFor(rig.node.tip.block)
  // One for the shares, one for each HTLC.
  assert.equal(penalties.length, 3)
  for (const penalty of penalties) await rig.send(penalty)
  await rig.mineBlocks(14)
  assert.equal(await rig.paidTo(0), 0)
  const cost = CAPACITY - stolen.outputs.reduce((sum, { value }) => sum + value, 0)
  const paid = await rig.paidTo(1)
  assert.ok(paid <= CAPACITY - cost && paid > CAPACITY - cost - 10_000, `${paid}`)
})

test('a blob tells nothing without the txid, and says whose it is not', async () => {
  const rig = await channel()
  const { keeper } = rig.sides[1]
  const secret = await rig.pair.secret(0, 2)
  const commitment = rig.history.get(2)![0][1]
  const make = async (nonce: Uint8Array) =>
    value(await makeAppointment(keeper.keeper, keeper.contract, commitment, secret, 2_000, nonce))!
  const made = await make(new Uint8Array(12).fill(1))
  const { txidBytes, txid } = rig.commitmentOf(2, 0)
  assert.deepEqual(made.locator, txidBytes.subarray(0, 16))
  assert.equal(openBlob(txidBytes, made.blob)?.length, 3)
  // The half that the tower has, and another half.
  const guessed = txidBytes.slice()
  guessed[31] ^= 1
  assert.equal(openBlob(guessed, made.blob), undefined)
  assert.equal(openBlob(new Uint8Array(32), made.blob), undefined)
  for (const part of [txid, bytesToHex(keeper.payoutScript), bytesToHex(keeper.keys.basepoints.payment)])
    assert.equal(bytesToHex(made.blob).includes(part), false)
  const again = await make(new Uint8Array(12).fill(2))
  assert.notDeepEqual(again.blob.subarray(12), made.blob.subarray(12))
})

const nothing = (at: number, size = 100): Appointment => ({
  locator: sha256(Uint8Array.of(at >> 8, at & 0xff)).subarray(0, 16),
  blob: new Uint8Array(size).fill(at & 0xff),
})

test('a tower keeps within its bounds, and what it keeps never gives way', async () => {
  const limits: TowerLimits = { clients: 2, bytesPerClient: 1_000, bytes: 1_500 }
  const store = new MemoryTowerStore()
  const tower = await Tower.open(store, limits)
  const accept = async (client: string, at: number, size?: number) =>
    codeOf(await tower.accept(client, SERIES, nothing(at, size)))
  assert.equal(await accept('a', 0), 'accepted')
  assert.equal(await accept('a', 0), 'accepted')
  assert.equal(tower.countOf('a'), 1)
  assert.equal(await accept('a', 1, 27), 'appointment-invalid')
  assert.equal(await accept('a', 1, MAX_BLOB_BYTES + 1), 'appointment-invalid')
  assert.equal(codeOf(await tower.accept('a', '../keys', nothing(1))), 'appointment-invalid')
  const answers: string[] = []
  for (let at = 1; at < 8; at++) answers.push(await accept('a', at))
  assert.deepEqual(answers, [
    'accepted',
    'accepted',
    'accepted',
    'tower-full',
    'tower-full',
    'tower-full',
    'tower-full',
  ])
  assert.equal(await accept('b', 20), 'accepted')
  assert.equal(await accept('c', 30), 'tower-full')
  assert.equal(await accept('b', 21), 'accepted')
  assert.equal(await accept('b', 22), 'tower-full')
  assert.equal(tower.countOf('a'), 4)
  // Another client's series of the same name is another.
  await tower.forget('b', SERIES)
  assert.equal(tower.countOf('a'), 4)
  assert.equal(tower.countOf('b'), 0)
  assert.equal(await accept('c', 30), 'accepted')
  assert.equal((await Tower.open(store, limits)).countOf('a'), 4)
})

test('a client that sends nonsense for the same locator takes nothing from another', async () => {
  const rig = await channel()
  const tower = await Tower.open(new MemoryTowerStore())
  const stolen = rig.commitmentOf(1, 0)
  const locator = stolen.txidBytes.slice(0, 16)
  value(await tower.accept('eve', SERIES, { locator, blob: new Uint8Array(200) }))
  await entrust(rig, tower)
  const block = rig.node.builder.mineBlock(rig.node.tip, [stolen])
  assert.equal(tower.penaltiesFor(block.block).length, 2)
})

test('a client stops where its tower is full, and goes on there', async () => {
  const rig = await channel()
  const limits: TowerLimits = { clients: 1, bytesPerClient: 2_000, bytes: 2_000 }
  const small = await entrust(rig, await Tower.open(new MemoryTowerStore(), limits))
  assert.match(small.stopped ?? '', /keeps as much/)
  const { next } = small.progress
  assert.ok(next > 0 && next < 4, `${next}`)
})
