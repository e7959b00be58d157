/** Promise: what the signer remembers of channels in IndexedDB is there after a restart, several channels in one write, under a MAC that fits. */
import { assert } from 'chai'
import { type ChannelKeysId, createKeysId } from '../../src/signer/channel-keys.ts'
import { type ChannelMarks, openRecord, sealRecord } from '../../src/signer/channel-record.ts'
import { IdbChannelRecordStore } from '../../src/storage/idb-channel-record-store.ts'
import { ProfileDatabase } from '../../src/storage/profile-database.ts'
import { systemRandom } from '../../src/workers/system-ports.ts'

const NAME = 'test-channel-record-store'
const KEY = new Uint8Array(32).fill(7)
const DIGEST = 'ab'.repeat(32)

function marks(number: number): ChannelMarks {
  return {
    holder: [{ number, digest: DIGEST }],
    released: number,
    counterparty: [{ number, digest: DIGEST }],
    former: { number: 0, point: '02'.repeat(33) },
    published: undefined,
    closing: false,
    owed: [3],
    offered: [
      { id: 1, amount: 7, source: { kind: 'payment', hash: DIGEST }, taken: false },
      { id: 2, amount: 8, source: { kind: 'forward', keyId: 'ab', htlc: 3 }, taken: true },
    ],
  }
}

it('the records of channels outlive the tab', async () => {
  const ids = [createKeysId(systemRandom), createKeysId(systemRandom)]
  const record = (id: ChannelKeysId, number: number) => sealRecord(id, DIGEST, marks(number), KEY)
  try {
    const first = await ProfileDatabase.open(NAME)
    const store = new IdbChannelRecordStore(first, '')
    assert.equal(await store.load(ids[0]), undefined)
    await store.save([record(ids[0], 1)])
    await store.save([record(ids[0], 2), record(ids[1], 5)])
    first.close()

    const second = await ProfileDatabase.open(NAME)
    const again = new IdbChannelRecordStore(second, '')
    const [one, two] = await Promise.all(ids.map((id) => again.load(id)))
    assert.deepEqual(openRecord(one, ids[0], KEY), record(ids[0], 2))
    assert.equal(openRecord(two, ids[1], KEY)?.released, 5)
    // Of another channel, or by another key, it is nobody's.
    assert.equal(openRecord(two, ids[0], KEY), undefined)
    assert.equal(openRecord(one, ids[0], new Uint8Array(32)), undefined)
    second.close()
  } finally {
    await ProfileDatabase.delete(NAME)
  }
})
