/**
 * Promise: who sleeps while it is robbed has everything in the end, by a tower that knew nothing before, can take nothing, and keeps what it
 * promised within its bounds. The tower alone acts: the sleeper does nothing.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ChainFollower, locatorOf } from '../../../src/chain/follower.ts'
import {
  type Appointment,
  BLOB_BYTES,
  locatorOfTxid,
  makeAppointments,
  openBlob,
  type PenaltyFeerates,
  sealBlobs,
} from '../../../src/channels/appointments.ts'
import { Tower, type TowerLimits } from '../../../src/channels/tower.ts'
import { TowerWatch } from '../../../src/channels/tower-watch.ts'
import { sats } from '../../../src/primitives/amount.ts'
import { bytesToHex } from '../../../src/primitives/bytes.ts'
import { sha256 } from '../../../src/primitives/hashes.ts'
import { Transaction, type TxInput, unsignedInput } from '../../../src/primitives/transaction.ts'
import { MemoryTowerStore } from '../../../src/storage/memory-tower-store.ts'
import { agreedOf, CAPACITY, htlcOf, MonitoredPair } from '../../support/monitored-channel.ts'
import { codeOf, seededRandom, value } from '../../support/wallets.ts'

const SERIES = 'ab'.repeat(16)
const FEERATES: PenaltyFeerates = { shares: [500, 5_000], htlc: 2_000 }
const random = seededRandom('tower')

/** A channel with HTLCs both ways in its past. Side 0 is the thief. */
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

/** What side 1 hands over of a state that side 0 has revoked. */
async function appointmentsOf(
  rig: MonitoredPair,
  number: number,
  feerates = FEERATES,
): Promise<Appointment[]> {
  const { keeper } = rig.sides[1]
  const secret = await rig.pair.secret(0, number)
  const commitment = rig.history.get(number)![0][1]
  return value(await makeAppointments(keeper.keeper, keeper.contract, commitment, secret, feerates, random))
}

/** Everything that side 1 has to fear, at a tower. */
async function entrust(rig: MonitoredPair, tower: Tower, client = 'bob'): Promise<void> {
  for (let number = 0; number < rig.now.number; number++)
    for (const appointment of await appointmentsOf(rig, number))
      value(await tower.accept(client, SERIES, appointment))
}

/** A tower on the chain, from a block on that it saw last. */
class TowerOnChain {
  readonly watch: TowerWatch
  readonly follower: ChainFollower
  readonly submitted: Transaction[] = []
  private readonly rig: MonitoredPair

  constructor(rig: MonitoredPair, tower: Tower, from = rig.height) {
    this.rig = rig
    const { chain, mempool } = rig.node
    const place = chain.activeAt(from)
    const tip = { hash: chain.headers.hash(place), height: from }
    this.watch = new TowerWatch(
      {
        tower,
        maxAge: 300,
        submit: async (transaction) => {
          this.submitted.push(transaction)
          const accepted = await mempool.accept(transaction)
          if (accepted.ok || mempool.has(transaction.txid)) return 'taken'
          return accepted.kind === 'invalid' ? 'void' : 'refused'
        },
        failed: (error) => assert.fail(`${error}`),
      },
      tip,
    )
    this.follower = new ChainFollower(chain, this.watch, locatorOf(chain, tip))
    chain.subscribe({ tipChanged: (change) => this.follower.tipChanged(change) })
    mempool.subscribe({ added: ({ transaction }) => this.watch.sighted(transaction) })
    this.follower.advance()
  }

  async settled(): Promise<void> {
    await this.rig.node.settled()
    await this.follower.settled()
    await this.watch.settled()
    await this.rig.node.settled()
  }

  /** Mines block by block, what is due at each being done. */
  async mine(blocks: number, withheld?: (transaction: Transaction) => boolean): Promise<void> {
    for (let at = 0; at < blocks; at++) {
      await this.settled()
      await this.rig.mine(withheld)
      await this.settled()
    }
  }
}

function asleep(rig: MonitoredPair): void {
  for (const side of rig.sides) side.awake = false
}

/** What side 1 has, of all that the stolen state gave out, but for fees. */
async function assertTaken(rig: MonitoredPair, stolen: Transaction, fees: number): Promise<void> {
  assert.equal(await rig.paidTo(0), 0)
  const held = stolen.outputs.reduce((sum, { value }) => sum + value, 0)
  const paid = await rig.paidTo(1)
  assert.ok(paid <= held && paid > held - fees, `${paid} of ${held}`)
  assert.ok(held > CAPACITY - 3_000)
}

for (const number of [0, 1, 2, 3])
  test(`the victim sleeps: the tower takes all of state ${number}, HTLCs included, started anew in between`, {
    timeout: 600_000,
  }, async () => {
    const rig = await channel()
    const store = new MemoryTowerStore()
    await entrust(rig, await Tower.open(store))
    asleep(rig)
    const seenLast = rig.height
    const stolen = rig.commitmentOf(number, 0)
    await rig.send(stolen)
    // Nobody looks, while it is mined and buried by two.
    await rig.mine((transaction) => transaction.txid !== stolen.txid)
    await rig.mineBlocks(2)
    const tower = new TowerOnChain(rig, await Tower.open(store.copy()), seenLast)
    await tower.mine(3)
    await assertTaken(rig, stolen, 4_000)
    const [theft] = tower.watch.thefts
    assert.equal(theft.txid, stolen.txid)
    assert.equal(theft.settled, theft.penalties)
    // It stays with it until nothing can undo it.
    assert.equal(tower.watch.restartHeight, theft.height! - 1)
    await tower.mine(100)
    assert.deepEqual(tower.watch.thefts, [])
    assert.equal(tower.watch.restartHeight, rig.height)
  })

test('a tower that sees the theft on its way has the HTLCs in the same block, before the thief’s next', async () => {
  const rig = await channel()
  const book = await Tower.open(new MemoryTowerStore())
  await entrust(rig, book)
  asleep(rig)
  const tower = new TowerOnChain(rig, book)
  const stolen = rig.commitmentOf(2, 0)
  await rig.send(stolen)
  await tower.settled()
  const { height } = rig
  await rig.mine()
  // The commitment, and one penalty for each HTLC.
  const [theft] = tower.watch.thefts
  assert.deepEqual([theft.height, theft.penalties, theft.settled], [height + 1, 3, 2])
  await tower.mine(2)
  await assertTaken(rig, stolen, 4_000)
})

test('what does not get into a block makes way for what pays more, and is offered until it is in one', async () => {
  const rig = await channel()
  const book = await Tower.open(new MemoryTowerStore())
  await entrust(rig, book)
  asleep(rig)
  const tower = new TowerOnChain(rig, book)
  const stolen = rig.commitmentOf(0, 0)
  await rig.send(stolen)
  const isPenalty = (transaction: Transaction) =>
    transaction.inputs.some(({ prevout }) => bytesToHex(prevout.txid) === bytesToHex(stolen.txidBytes))
  await tower.mine(4, isPenalty)
  const [cheap, dear] = new Map(tower.submitted.map((each) => [each.txid, each])).values()
  assert.equal(dear.outputs[0].value < cheap.outputs[0].value, true)
  const waiting = () => [cheap, dear].map(({ txid }) => rig.node.mempool.has(txid))
  assert.deepEqual(waiting(), [true, false])
  await tower.mine(4, isPenalty)
  assert.deepEqual(waiting(), [false, true])
  const { length } = tower.submitted
  await tower.mine(2, isPenalty)
  assert.equal(tower.submitted.length, length + 2)
  await tower.mine(1)
  await assertTaken(rig, stolen, 12_000)
})

test('a reorganisation brings the theft back, and the penalty after it', async () => {
  const rig = await channel()
  const book = await Tower.open(new MemoryTowerStore())
  await entrust(rig, book)
  asleep(rig)
  const fork = rig.node.tip
  const tower = new TowerOnChain(rig, book)
  const stolen = rig.commitmentOf(3, 0)
  await rig.send(stolen)
  await tower.mine(3)
  assert.equal(tower.watch.thefts[0].settled, tower.watch.thefts[0].penalties)
  await rig.reorganise(fork)
  await tower.settled()
  assert.deepEqual(
    tower.watch.thefts.map(({ height, settled }) => [height, settled]),
    [[undefined, 0]],
  )
  await tower.mine(4)
  await assertTaken(rig, stolen, 4_000)
})

test('what is handed over a little late is punished all the same', async () => {
  const rig = await channel()
  const book = await Tower.open(new MemoryTowerStore())
  asleep(rig)
  const tower = new TowerOnChain(rig, book)
  const stolen = rig.commitmentOf(2, 0)
  await rig.send(stolen)
  await tower.mine(2)
  for (const appointment of await appointmentsOf(rig, 2)) {
    value(await book.accept('bob', SERIES, appointment))
    tower.watch.accepted(appointment.locator)
  }
  await tower.mine(2)
  await assertTaken(rig, stolen, 4_000)
})

test('a blob tells nothing without the txid, not even how much is in it, and says whose it is not', async () => {
  const rig = await channel()
  const { keeper } = rig.sides[1]
  const all = await Promise.all([0, 1, 2, 3].map((number) => appointmentsOf(rig, number)))
  // With none, one and two HTLCs.
  for (const appointments of all)
    assert.deepEqual(
      appointments.map(({ blob }) => blob.length),
      [BLOB_BYTES],
    )
  const { txidBytes, txid } = rig.commitmentOf(2, 0)
  const [made] = all[2]
  assert.equal(made.locator, bytesToHex(txidBytes.subarray(0, 16)))
  // Two for the shares, one for each HTLC.
  assert.equal(openBlob(txidBytes, made.blob)?.penalties.length, 4)
  // The half that the tower has, and another half.
  const guessed = txidBytes.slice()
  guessed[31] ^= 1
  assert.equal(openBlob(guessed, made.blob), undefined)
  assert.equal(openBlob(new Uint8Array(32), made.blob), undefined)
  for (const part of [txid, bytesToHex(keeper.payoutScript), bytesToHex(keeper.keys.basepoints.payment)])
    assert.equal(bytesToHex(made.blob).includes(part), false)
  const [again] = await appointmentsOf(rig, 2)
  assert.notDeepEqual(again.blob, made.blob)
})

test('what does not fit into one blob is spread over several, and none is lost', async () => {
  const rig = await channel()
  const txid = sha256(Uint8Array.of(1))
  const [{ blob }] = await appointmentsOf(rig, 2)
  const { penalties } = openBlob(rig.commitmentOf(2, 0).txidBytes, blob)!
  const many = Array.from({ length: 120 }, (_, at) => penalties[at % penalties.length])
  const sealed = sealBlobs(txid, many, random)
  assert.ok(sealed.length > 10)
  assert.deepEqual(
    sealed.map(({ part }) => part),
    sealed.map((_, at) => at),
  )
  const opened = sealed.map((each) => openBlob(txid, each.blob)!)
  assert.ok(opened.every(({ parts }) => parts === sealed.length))
  assert.deepEqual(
    opened.flatMap((each) => each.penalties.map(({ wtxid }) => wtxid)),
    many.map(({ wtxid }) => wtxid),
  )
})

test('no penalty pays more than half of what it takes from the thief', async () => {
  const rig = await MonitoredPair.open(agreedOf(0, 5_000))
  await rig.advance(agreedOf(1, 5_000))
  const [{ blob }] = await appointmentsOf(rig, 0, { shares: [2_000, 25_000], htlc: 25_000 })
  const stolen = rig.commitmentOf(0, 0)
  const held = stolen.outputs.reduce((sum, { value }) => sum + value, 0) - 660
  const { penalties } = openBlob(stolen.txidBytes, blob)!
  assert.ok(penalties.length > 0)
  for (const { outputs } of penalties)
    assert.ok(held - outputs[0].value <= 2_500, `${held - outputs[0].value}`)
})

const nothing = (at: number, size = BLOB_BYTES): Appointment => ({
  locator: locatorOfTxid(sha256(Uint8Array.of(at >> 8, at & 0xff))),
  part: 0,
  blob: new Uint8Array(size).fill(at & 0xff),
})

test('a tower keeps within its bounds, and what it keeps never gives way', async () => {
  const limits: TowerLimits = { clients: 2, perClient: 4, inAll: 6 }
  const store = new MemoryTowerStore()
  const tower = await Tower.open(store, limits)
  const accept = async (client: string, at: number, size?: number) =>
    codeOf(await tower.accept(client, SERIES, nothing(at, size)))
  assert.equal(tower.roomFor('a'), 4)
  assert.equal(await accept('a', 0), 'accepted')
  assert.equal(await accept('a', 0), 'accepted')
  assert.equal(tower.countOf('a'), 1)
  for (const size of [0, 27, BLOB_BYTES - 1, BLOB_BYTES + 1])
    assert.equal(await accept('a', 1, size), 'appointment-invalid')
  assert.equal(codeOf(await tower.accept('a', '../keys', nothing(1))), 'appointment-invalid')
  assert.equal(codeOf(await tower.accept('a', SERIES, { ...nothing(1), part: 255 })), 'appointment-invalid')
  // Two at once don't both take the last place.
  const answers = await Promise.all([1, 2, 3, 4, 5].map((at) => accept('a', at)))
  assert.deepEqual(answers, ['accepted', 'accepted', 'accepted', 'tower-full', 'tower-full'])
  assert.equal(await accept('b', 20), 'accepted')
  assert.equal(await accept('c', 30), 'tower-full')
  assert.equal(tower.roomFor('c'), 0)
  assert.equal(await accept('b', 21), 'accepted')
  assert.equal(await accept('b', 22), 'tower-full')
  assert.equal(tower.countOf('a'), 4)
  // Another client's series of the same name is another.
  await tower.forget('b', SERIES)
  assert.deepEqual([tower.countOf('a'), tower.countOf('b')], [4, 0])
  assert.equal(await accept('c', 30), 'accepted')
  assert.equal((await Tower.open(store.copy(), limits)).countOf('a'), 4)
  // What was there once can be replaced where all is full.
  assert.equal(await accept('a', 3), 'accepted')
  await tower.forgetAll('a')
  assert.deepEqual(tower.users, ['c'])
  assert.deepEqual((await Tower.open(store.copy(), limits)).users, ['c'])
  // What comes while a series is let go of is kept.
  const kept = Promise.all([accept('c', 40), tower.forget('c', SERIES), accept('c', 41)])
  assert.deepEqual(await kept, ['accepted', undefined, 'accepted'])
  assert.equal(tower.countOf('c'), 1)
  assert.equal((await Tower.open(store.copy(), limits)).countOf('c'), 1)
})

test('a client that sends nonsense for the same locator takes nothing from another, and has nothing published', async () => {
  const rig = await channel()
  const book = await Tower.open(new MemoryTowerStore())
  const stolen = rig.commitmentOf(1, 0)
  const locator = locatorOfTxid(stolen.txidBytes)
  value(await book.accept('eve', SERIES, { ...nothing(7), locator }))
  // Well sealed, and of no business of the tower: it spends another transaction.
  const [own] = rig.coins
  const input = (txid: Uint8Array, index: number) => unsignedInput({ txid, index }, 0xfffffffd)
  const outputs = [{ value: sats(1_000), scriptPubKey: rig.sides[0].keeper.payoutScript }]
  const spending = (...inputs: TxInput[]) => Transaction.of({ version: 2, inputs, outputs, lockTime: 0 })
  const nonsense = [
    rig.commitmentOf(4, 0),
    spending(input(stolen.txidBytes, 0), input(own.prevout.txid, own.prevout.index)),
    spending(input(stolen.txidBytes, 77)),
    // Signed by nobody: it is tried, once.
    spending(input(stolen.txidBytes, 0)),
  ]
  const [sealed] = sealBlobs(stolen.txidBytes, nonsense, random)
  value(await book.accept('mallory', SERIES, sealed))
  await entrust(rig, book)
  asleep(rig)
  const tower = new TowerOnChain(rig, book)
  await rig.send(stolen)
  await tower.mine(3)
  await assertTaken(rig, stolen, 4_000)
  assert.equal(tower.watch.thefts[0].penalties, 2)
  const tries = tower.submitted.filter(({ txid }) => nonsense.some((each) => each.txid === txid))
  assert.deepEqual(
    tries.map(({ txid }) => txid),
    [nonsense[3].txid],
  )
})
