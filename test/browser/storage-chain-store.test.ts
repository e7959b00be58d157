/** Promise: the store in IndexedDB behaves as the port says; a failed batch leaves nothing, and failures have a kind and a sentence. */

import { assert } from 'chai'
import { StorageError } from '../../src/chain/store.ts'
import { IdbChainStore } from '../../src/storage/idb-chain-store.ts'
import { ProfileDatabase } from '../../src/storage/profile-database.ts'
import { CHAIN_STORE_CASES, requestsOfBlock } from '../support/chain-store-suite.ts'

describe('the chain store in IndexedDB', () => {
  const open: ProfileDatabase[] = []
  let name = ''
  let number = 0

  const reopen = async (): Promise<IdbChainStore> => {
    open.push(await ProfileDatabase.open(name))
    return new IdbChainStore(open.at(-1) as ProfileDatabase)
  }

  beforeEach(() => {
    name = `test-chain-store-${number++}`
  })

  afterEach(async () => {
    for (const database of open.splice(0)) database.close()
    await ProfileDatabase.delete(name)
  })

  for (const { name: promise, run } of CHAIN_STORE_CASES) it(promise, () => run(reopen))

  it('takes the same requests for a block of 200 payments as for a block of one', async () => {
    const one = await requestsOfBlock(await reopen(), 1)
    name += '-many'
    const many = await requestsOfBlock(await reopen(), 200)
    assert.deepEqual(many, one)
  })

  it('keeps nothing of a batch that fails', async () => {
    const store = await reopen()
    await store.load()
    const unstorable = (() => undefined) as unknown as Uint8Array
    const failing = store.write({
      bodies: [{ index: 1, bytes: Uint8Array.of(1) }],
      delta: {
        sequence: 1,
        bytes: { buffer: {}, byteLength: 1, slice: () => unstorable } as unknown as Uint8Array,
      },
    })
    const error = await failing.catch((thrown: unknown) => thrown)
    assert.isTrue(error instanceof Error, `${error}`)
    assert.deepEqual(await store.readBodies([1]), [undefined])
    assert.equal((await (await reopen()).load()).deltas.length, 0)
  })

  it('keeps chainstates apart', async () => {
    const active = await reopen()
    const background = new IdbChainStore(open[0]!, 1)
    await Promise.all([active.load(), background.load()])
    await active.write({
      delta: { sequence: 1, bytes: Uint8Array.of(1) },
      undo: [{ index: 1, bytes: Uint8Array.of(1) }],
    })
    await background.write({ dropDeltas: 100, keepBuckets: 3, undo: [{ index: 1, bytes: Uint8Array.of(2) }] })
    assert.equal((await active.load()).deltas.length, 1)
    assert.equal((await background.load()).deltas.length, 0)
    assert.equal((await active.readUndo([1]))[0]?.[0], 1)
  })

  it('tells when the database is taken away, and what was lost can be read no more', async () => {
    const lost: StorageError[] = []
    const database = await ProfileDatabase.open(name, (error) => lost.push(error))
    const store = new IdbChainStore(database)
    await store.load()
    await ProfileDatabase.delete(name)
    assert.deepEqual(
      lost.map(({ kind }) => kind),
      ['closed'],
    )
    const error = await store.readBodies([0]).catch((thrown: unknown) => thrown)
    assert.isTrue(error instanceof StorageError && error.kind === 'closed', `${error}`)
  })

  it('says when the data was written by a newer version of the page', async () => {
    const newer = await new Promise<IDBDatabase>((resolve, reject) => {
      const request = indexedDB.open(name, 1000)
      request.onsuccess = () => resolve(request.result)
      request.onerror = () => reject(request.error)
    })
    newer.close()
    const error = await ProfileDatabase.open(name).catch((thrown: unknown) => thrown)
    assert.isTrue(error instanceof StorageError && error.kind === 'unavailable', `${error}`)
  })
})
