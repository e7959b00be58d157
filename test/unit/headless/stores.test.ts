/** Promise: the stores on disk behave as their ports say, whatever the names, and none of it is lost when the process is. */
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { DiskChainStore } from '../../../headless/disk-chain-store.ts'
import { DiskChannelStore } from '../../../headless/disk-channel-store.ts'
import { DiskDatabase } from '../../../headless/disk-database.ts'
import { DiskKeyStores } from '../../../headless/disk-key-stores.ts'
import { DiskPeerStore, loadIdentity } from '../../../headless/disk-peer-store.ts'
import { DiskTowerStore } from '../../../headless/disk-tower-store.ts'
import { DiskWalletDirectory } from '../../../headless/disk-wallet-stores.ts'
import { StorageError } from '../../../src/chain/store.ts'
import { systemRandom } from '../../../src/workers/system-ports.ts'
import { CHAIN_STORE_CASES } from '../../support/chain-store-suite.ts'
import { CHANNEL_STORE_CASES } from '../../support/channel-store-suite.ts'
import { TOWER_STORE_CASES } from '../../support/tower-store-suite.ts'

/** A test with a folder of its own, whose database `reopen` closes and opens again. */
function onDisk(
  run: (reopen: () => Promise<DiskDatabase>, folder: string) => Promise<void>,
): () => Promise<void> {
  return async () => {
    const folder = await mkdtemp(join(tmpdir(), 'opentab-'))
    let database: DiskDatabase | undefined
    try {
      await run(async () => {
        await database?.close()
        database = await DiskDatabase.open(folder)
        return database
      }, folder)
    } finally {
      await database?.close()
      await rm(folder, { recursive: true })
    }
  }
}

describe('chain', () => {
  for (const { name, run } of CHAIN_STORE_CASES)
    test(
      name,
      onDisk((reopen) => run(async () => new DiskChainStore(await reopen()))),
    )
})

describe('channels', () => {
  for (const { name, run } of CHANNEL_STORE_CASES)
    test(
      name,
      onDisk((reopen) => run(async () => new DiskChannelStore(await reopen()))),
    )
})

describe('watchtowers', () => {
  for (const { name, run } of TOWER_STORE_CASES)
    test(
      name,
      onDisk((reopen) => run(async () => new DiskTowerStore(await reopen()))),
    )
})

/** Names that could be taken for parts of a key, and halves of a surrogate pair. */
const NAMES = ['', 'a', 'a/b', 'a/', '#00000000000001', '=a', '~', '!', '%2F', 'Ω', '\ud800', '\udfff', '😀']

/** A text that no other record of any wallet holds. */
function textIn(name: string, record: string): string {
  return `${NAMES.indexOf(name)} ${NAMES.indexOf(record)}`
}

describe('wallets and keys', () => {
  test(
    'each wallet has its own records, whatever it is called',
    onDisk(async (reopen) => {
      const before = new DiskWalletDirectory(await reopen())
      for (const name of NAMES) {
        await before.save(name, { loadOnStartup: name.length > 1 })
        await before.records(name).commit(new Map(NAMES.map((record) => [record, textIn(name, record)])))
        await before.records(name).commit(new Map([['a', undefined]]))
      }
      const after = new DiskWalletDirectory(await reopen())
      const entries = await after.load()
      assert.deepEqual(new Set(entries.keys()), new Set(NAMES))
      for (const name of NAMES) {
        assert.deepEqual(entries.get(name), { loadOnStartup: name.length > 1 })
        const expected = NAMES.filter((record) => record !== 'a').map(
          (record) => [record, textIn(name, record)] as const,
        )
        assert.deepEqual(await after.records(name).load(), new Map(expected))
      }
    }),
  )

  test(
    'overlapping changes of a wallet take effect in their order',
    onDisk(async (reopen) => {
      const records = new DiskWalletDirectory(await reopen()).records('')
      await Promise.all(Array.from({ length: 50 }, (_, i) => records.commit(new Map([['count', `${i}`]]))))
      assert.deepEqual(await records.load(), new Map([['count', '49']]))
    }),
  )

  test(
    'keys and the records of their channels come back as they were',
    onDisk(async (reopen) => {
      const record = {
        version: 1,
        network: 'ab',
        descriptor: 'tr()',
        birthday: 7,
        box: { salt: new Uint8Array(3) },
      }
      const before = new DiskKeyStores(await reopen())
      assert.deepEqual(await before.names(), [])
      assert.equal(await before.store('Savings').load(), undefined)
      await before.store('Savings').save(record as never)
      await before.channelRecords('Savings').save([{ keyId: 'one', next: 5n } as never])
      const after = new DiskKeyStores(await reopen())
      assert.deepEqual(await after.names(), ['Savings'])
      assert.deepEqual(await after.store('Savings').load(), record)
      assert.deepEqual(await after.channelRecords('Savings').load('one' as never), { keyId: 'one', next: 5n })
      assert.equal(await after.channelRecords('').load('one' as never), undefined)
    }),
  )
})

test(
  'a node keeps its identity, bans and peers',
  onDisk(async (reopen) => {
    const bans = [{ id: 'x' as never, until: 5, reason: 'spam' }]
    const before = await reopen()
    const seed = await loadIdentity(before, systemRandom)
    assert.equal(seed.length, 32)
    assert.deepEqual(await new DiskPeerStore(before).loadBans(), [])
    await new DiskPeerStore(before).saveBans(bans)
    const after = await reopen()
    assert.deepEqual(await loadIdentity(after, systemRandom), seed)
    assert.deepEqual(await new DiskPeerStore(after).loadBans(), bans)
    assert.deepEqual(await new DiskPeerStore(after).loadKnownPeers(), [])
  }),
)

test(
  'a folder serves one node at a time, and the second is told so',
  onDisk(async (reopen, folder) => {
    await reopen()
    await assert.rejects(
      DiskDatabase.open(folder),
      (error) => error instanceof StorageError && /Another node runs on this folder/.test(error.message),
    )
  }),
)
