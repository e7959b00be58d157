/** Promise: wallet, keys, bans and identity of a profile are as they were after reopening, and apart from every other profile's. */

import { assert } from 'chai'
import { StorageError } from '../../src/chain/store.ts'
import type { Random } from '../../src/primitives/ports.ts'
import { IdbChainStore } from '../../src/storage/idb-chain-store.ts'
import { IdbChannelStore } from '../../src/storage/idb-channel-store.ts'
import { IdbKeyStores, walletsWithKeys } from '../../src/storage/idb-key-store.ts'
import { IdbPeerStore, loadIdentity } from '../../src/storage/idb-peer-store.ts'
import { IdbTowerStore } from '../../src/storage/idb-tower-store.ts'
import { IdbWalletDirectory } from '../../src/storage/idb-wallet-directory.ts'
import { IdbWalletStore } from '../../src/storage/idb-wallet-store.ts'
import { ProfileDatabase } from '../../src/storage/profile-database.ts'
import { databaseName } from '../../src/storage/profile-names.ts'

const random: Random = { bytes: (length) => crypto.getRandomValues(new Uint8Array(length)) }

describe('the database of a profile', () => {
  const open = new Map<string, ProfileDatabase>()
  let networkId = ''

  /** A profile's database, opened anew. */
  const reopen = async (profile = '1'): Promise<ProfileDatabase> => {
    const name = databaseName(networkId, profile)
    open.get(name)?.close()
    open.set(name, await ProfileDatabase.open(name))
    return open.get(name) as ProfileDatabase
  }

  beforeEach(() => {
    networkId = crypto.randomUUID()
  })

  afterEach(async () => {
    for (const [name, database] of open) {
      database.close()
      await ProfileDatabase.delete(name)
    }
    open.clear()
  })

  it('keeps wallet records, each change of a commit or none', async () => {
    const wallet = new IdbWalletStore(await reopen(), 'savings')
    assert.deepEqual([...(await wallet.load())], [])
    // Not awaited: commits take effect in their order.
    const first = wallet.commit(
      new Map([
        ['a', '1'],
        ['b', '2'],
      ]),
    )
    const second = wallet.commit(
      new Map([
        ['a', undefined],
        ['c', '3'],
      ]),
    )
    await Promise.all([first, second])
    const unstorable = wallet.commit(
      new Map([
        ['d', '4'],
        ['e', (() => undefined) as unknown as string],
      ]),
    )
    const error = await unstorable.catch((thrown: unknown) => thrown)
    assert.isTrue(error instanceof Error, `${error}`)
    const again = new IdbWalletStore(await reopen(), 'savings')
    assert.deepEqual(
      [...(await again.load())],
      [
        ['b', '2'],
        ['c', '3'],
      ],
    )
    assert.deepEqual([...(await new IdbWalletStore(await reopen('2'), 'savings').load())], [])
  })

  it('keeps the key record as it was given', async () => {
    const record = {
      version: 1,
      network: 'ab'.repeat(32),
      descriptor: 'tr()',
      birthday: 1,
      box: { salt: 'x' },
    } as never
    const keys = new IdbKeyStores(await reopen()).store('')
    assert.equal(await keys.load(), undefined)
    await keys.save(record)
    assert.deepEqual(await new IdbKeyStores(await reopen()).store('').load(), record)
  })

  it('keeps the wallets of a profile apart, whatever their names', async () => {
    const names = ['', 'a', 'a/b', 'b', '\u{1f41d}', 'savings']
    const database = await reopen()
    assert.deepEqual([...(await new IdbWalletDirectory(database).load())], [])
    assert.deepEqual(await new IdbKeyStores(database).names(), [])
    for (const [at, name] of names.entries()) {
      await new IdbWalletDirectory(await reopen()).save(name, { loadOnStartup: at % 2 === 0 })
      await new IdbWalletStore(await reopen(), name).commit(new Map([['record', name]]))
      await new IdbKeyStores(await reopen()).store(name).save({ descriptor: name } as never)
    }
    const reopened = await reopen()
    const again = new IdbWalletDirectory(reopened)
    const entries = await again.load()
    assert.deepEqual([...entries.keys()].sort(), [...names].sort())
    for (const [at, name] of names.entries()) {
      assert.deepEqual(entries.get(name), { loadOnStartup: at % 2 === 0 })
      assert.deepEqual([...(await again.records(name).load())], [['record', name]])
      assert.deepEqual(await new IdbKeyStores(reopened).store(name).load(), { descriptor: name })
    }
    assert.deepEqual([...(await walletsWithKeys(reopened))].sort(), [...names].sort())
    await again.records('a').commit(new Map([['record', undefined]]))
    assert.equal((await again.records('a').load()).size, 0)
    assert.equal((await again.records('a/b').load()).size, 1)
  })

  it('keeps the bans last saved', async () => {
    const peers = new IdbPeerStore(await reopen())
    assert.deepEqual(await peers.loadBans(), [])
    const ban = { id: 'peer' as never, until: 5, reason: 'bad work' }
    await peers.saveBans([ban, { ...ban, until: 6 }])
    await peers.saveBans([ban])
    assert.deepEqual(await new IdbPeerStore(await reopen()).loadBans(), [ban])
  })

  it('keeps the peers last saved, beside the bans', async () => {
    const peers = new IdbPeerStore(await reopen())
    assert.deepEqual(await peers.loadKnownPeers(), [])
    const known = {
      id: 'peer' as never,
      introducers: ['relay' as never],
      addressGroup: undefined,
      lastSeen: 5,
      stay: 60,
      blocks: 1,
      chosen: true,
    }
    const bans = await peers.loadBans()
    await peers.saveKnownPeers([known])
    const reopened = new IdbPeerStore(await reopen())
    assert.deepEqual(await reopened.loadKnownPeers(), [known])
    assert.deepEqual(await reopened.loadBans(), bans)
  })

  it('draws an identity once', async () => {
    const database = await reopen()
    const [one, two] = await Promise.all([loadIdentity(database, random), loadIdentity(database, random)])
    assert.equal(one.length, 32)
    assert.deepEqual(one, two)
    assert.deepEqual(await loadIdentity(await reopen(), random), one)
    assert.isTrue(
      `${await loadIdentity(await reopen('2'), random)}` !== `${one}`,
      'another profile, another identity',
    )
  })

  const SECRET = { version: 1, box: { salt: 'x' } }
  /** Object stores of version 1, each with one record. */
  const FIRST_VERSION = {
    'chain-state': [0, { salt: new Uint8Array(8), state: undefined }],
    headers: [[0, 0], new Uint8Array(89)],
    bodies: [[0, 1], new Uint8Array(3)],
    undo: [[0, 1], new Uint8Array(3)],
    mentions: [[0, 1], new Uint8Array(8)],
    deltas: [[0, 1], new Uint8Array(3)],
    buckets: [[0, 0, 0], new Uint8Array(0)],
    wallet: ['wallet', 'the account'],
    keys: ['seed', SECRET],
    peers: ['bans', []],
    identity: ['seed', new Uint8Array(32).fill(7)],
  } as const

  /** Writes a database as an earlier version did. */
  const writeOld = (
    version: number,
    stores: Readonly<Record<string, readonly [key: unknown, value: unknown] | undefined>>,
  ): Promise<void> =>
    new Promise((resolve, reject) => {
      const opening = indexedDB.open(databaseName(networkId, '1'), version)
      opening.onupgradeneeded = () => {
        for (const [store, record] of Object.entries(stores)) {
          const made = opening.result.createObjectStore(store)
          if (record) made.put(record[1], record[0] as IDBValidKey)
        }
      }
      opening.onerror = () => reject(opening.error)
      opening.onsuccess = () => {
        opening.result.close()
        resolve()
      }
    })

  it('of version 1 keeps wallet, keys and identity, and gives up the chain', async () => {
    await writeOld(1, FIRST_VERSION)
    const database = await reopen()
    const chain = new IdbChainStore(database)
    const { state, headerPages, deltas, snapshots } = await chain.load()
    assert.deepEqual(
      { state, headerPages, deltas, snapshots },
      { state: undefined, headerPages: [], deltas: [], snapshots: [] },
    )
    assert.deepEqual(await chain.readBodies([1]), [undefined])
    assert.deepEqual(await chain.readMentions(0, 9), [])
    await expectTheWallet(database)
    assert.deepEqual(await loadIdentity(database, random), new Uint8Array(32).fill(7))
  })

  it('of version 2 keeps all, and its one wallet is the one without a name', async () => {
    const place = new Uint8Array(97)
    await writeOld(2, { ...FIRST_VERSION, headers: [[0, 0], place], snapshots: [[0, 1], new Uint8Array(44)] })
    const database = await reopen()
    const { headerPages } = await new IdbChainStore(database).load()
    assert.deepEqual(headerPages, [place])
    await expectTheWallet(database)
    assert.deepEqual(await loadIdentity(database, random), new Uint8Array(32).fill(7))
    // And so it stays.
    await expectTheWallet(await reopen())
  })

  it('of version 2 without a wallet has none', async () => {
    await writeOld(2, { ...FIRST_VERSION, snapshots: undefined, wallet: undefined, keys: undefined })
    const database = await reopen()
    assert.deepEqual([...(await new IdbWalletDirectory(database).load())], [])
    assert.deepEqual(await walletsWithKeys(database), [])
  })

  it('of version 2 keeps keys that no wallet was followed with yet', async () => {
    await writeOld(2, { ...FIRST_VERSION, snapshots: undefined, wallet: undefined })
    const database = await reopen()
    assert.deepEqual([...(await new IdbWalletDirectory(database).load()).keys()], [''])
    assert.deepEqual(await new IdbKeyStores(database).store('').load(), SECRET)
  })

  it('of version 4 keeps all, channels too, and can be a watchtower', async () => {
    await writeOld(4, {
      ...FIRST_VERSION,
      headers: [[0, 0], new Uint8Array(97)],
      snapshots: [[0, 1], new Uint8Array(44)],
      wallet: undefined,
      wallets: ['', { loadOnStartup: true }],
      'wallet-records': [['', 'wallet'], 'the account'],
      keys: ['', SECRET],
      'channel-keys': [['', 'a'], { number: 7 }],
      channels: [['a', 'state'], 'as it was'],
      'revoked-commitments': [['a', 0], 'the first'],
    })
    const database = await reopen()
    await expectTheWallet(database)
    const channels = new IdbChannelStore(database)
    assert.deepEqual([...(await channels.load())[0].records], [['state', 'as it was']])
    assert.equal(await channels.revoked('a', 0), 'the first')
    const slot = { client: 'b', series: 'c', locator: 'd', part: 0 }
    await new IdbTowerStore(database).put([{ ...slot, blob: Uint8Array.of(1) }])
    assert.deepEqual(await new IdbTowerStore(await reopen()).load(), [slot])
  })

  async function expectTheWallet(database: ProfileDatabase): Promise<void> {
    const directory = new IdbWalletDirectory(database)
    assert.deepEqual([...(await directory.load())], [['', { loadOnStartup: true }]])
    assert.deepEqual([...(await directory.records('').load())], [['wallet', 'the account']])
    assert.deepEqual(await walletsWithKeys(database), [''])
    assert.deepEqual(await new IdbKeyStores(database).store('').load(), SECRET)
  }

  it('tells a full disk and refused storage from other failures', async () => {
    const database = await reopen()
    const kinds = { QuotaExceededError: 'quota', UnknownError: 'unavailable', SecurityError: 'unavailable' }
    for (const [name, kind] of Object.entries(kinds)) {
      const failing = database.transact(['peers'], 'readwrite', 'relaxed', async (transaction) => {
        await transaction.objectStore('peers').put([], 'bans')
        throw new DOMException('', name)
      })
      const error = await failing.catch((thrown: unknown) => thrown)
      assert.isTrue(error instanceof StorageError && error.kind === kind, `${name} became ${error}`)
    }
    assert.equal(
      await database.transact(['peers'], 'readonly', 'relaxed', (transaction) =>
        transaction.objectStore('peers').count(),
      ),
      0,
    )
  })
})
