/**
 * Promise: the signers of a profile's wallets know nothing of each other: seeds, passphrases, locks, timers and approvals are of one wallet, no
 * seed is ever overwritten, and the brain reaches each by its name alone, over threads too.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MessageChannel } from 'node:worker_threads'
import type { KeyRecord } from '../../../src/signer/key-record.ts'
import type { LocalSigners } from '../../../src/signer/local-signers.ts'
import { MemoryKeyStores } from '../../../src/storage/memory-key-store.ts'
import type { Endpoint } from '../../../src/workers/channel.ts'
import {
  RemoteSigners,
  runCommand,
  type SignerCommand,
  serveSigners,
} from '../../../src/workers/signer-link.ts'
import { codeOf, ManualClock, openSigners, PASSPHRASE, value, WORDS } from '../../support/wallets.ts'

const CREATE: SignerCommand = {
  type: 'create',
  passphrase: PASSPHRASE,
  words: 12,
  mnemonicPassphrase: '',
  chainTime: 0,
}
const RESTORE: SignerCommand = {
  type: 'restoreWords',
  words: WORDS,
  passphrase: PASSPHRASE,
  mnemonicPassphrase: '',
}

/** The record of a wallet's store. */
async function recordOf(stores: MemoryKeyStores, name: string): Promise<KeyRecord> {
  return (await stores.store(name).load()) as KeyRecord
}

/** The brain's line to signers. */
async function linked(signers: LocalSigners): Promise<{ readonly brain: RemoteSigners; close(): void }> {
  const ports = new MessageChannel()
  serveSigners(signers, ports.port1 as unknown as Endpoint)
  const brain = await RemoteSigners.connect(ports.port2 as unknown as Endpoint)
  return { brain, close: () => ports.port1.close() }
}

test('each wallet has a seed and a passphrase of its own, and is as it was in the next life', async () => {
  const stores = new MemoryKeyStores()
  const signers = await openSigners({ stores })
  const names = ['', 'savings', 'a/b', '__proto__']
  for (const name of names) value(await runCommand(signers, name, { ...CREATE, passphrase: `of ${name}` }))
  assert.deepEqual(signers.names(), names)
  const records = await Promise.all(names.map((name) => recordOf(stores, name)))
  assert.equal(new Set(records.map(({ descriptor }) => descriptor)).size, names.length)

  const again = await openSigners({ stores })
  assert.deepEqual(again.names().toSorted(), names.toSorted())
  for (const [at, name] of names.entries()) {
    const signer = await again.of(name)
    const status = signer.status()
    assert(status.state === 'locked')
    assert.equal(status.account.descriptor, records[at]!.descriptor)
    for (const other of names)
      assert.equal(
        codeOf(await signer.unlock(`of ${other}`)),
        other === name ? 'accepted' : 'wallet-passphrase-incorrect',
      )
  }
})

test('of several makings of one name, at once or later, one seed is stored, and stays', async () => {
  const stores = new MemoryKeyStores()
  const signers = await openSigners({ stores })
  const made = await Promise.all(
    [CREATE, RESTORE, CREATE].map((command) => runCommand(signers, 'new', command)),
  )
  assert.deepEqual(made.map(codeOf), ['accepted', 'wallet-exists', 'wallet-exists'])
  const { descriptor } = await recordOf(stores, 'new')
  for (const life of [signers, await openSigners({ stores })]) {
    const codes: string[] = [CREATE, RESTORE].map(() => '')
    for (const [at, command] of [CREATE, RESTORE].entries())
      codes[at] = codeOf(await runCommand(life, 'new', command))
    assert.deepEqual(codes, ['wallet-exists', 'wallet-exists'])
    assert.equal((await recordOf(stores, 'new')).descriptor, descriptor)
  }
})

test('to look at a name makes no wallet', async () => {
  const stores = new MemoryKeyStores()
  const signers = await openSigners({ stores })
  const commands: SignerCommand[] = [
    { type: 'lock' },
    { type: 'unlock', passphrase: 'x', seconds: undefined },
    { type: 'readWords', words: WORDS },
    { type: 'review', psbt: new Uint8Array() },
  ]
  for (const command of commands) await runCommand(signers, 'nobody', command)
  assert.deepEqual(signers.names(), [])
  assert.deepEqual(await stores.names(), [])
})

test('keys that are damaged keep no other wallet from signing, are told of, and are never overwritten', async () => {
  const stores = new MemoryKeyStores()
  const made = await openSigners({ stores })
  for (const name of ['', 'whole']) value(await runCommand(made, name, CREATE))
  const damaged = { ...(await recordOf(stores, '')), version: 9 } as unknown as KeyRecord
  await stores.store('').save(damaged)

  const signers = await openSigners({ stores })
  assert.deepEqual(signers.names(), ['whole'])
  const unlock: SignerCommand = { type: 'unlock', passphrase: PASSPHRASE, seconds: undefined }
  assert.equal(codeOf(await runCommand(signers, 'whole', unlock)), 'accepted')
  const { brain, close } = await linked(signers)
  try {
    assert.deepEqual(brain.names(), ['whole'])
    const status = brain.signer('').status()
    assert(status.state === 'none')
    assert.match(status.fault!, /damaged.*backup/)
    const refusal = await brain.signer('').signPsbt(new Uint8Array())
    assert(!refusal.ok)
    assert.deepEqual([refusal.code, refusal.detail], ['keys-missing', status.fault])
  } finally {
    close()
  }
  for (const command of [CREATE, RESTORE, unlock]) {
    const refused = await runCommand(signers, '', command)
    assert(!refused.ok)
    assert.match(refused.detail!, /damaged/)
  }
  assert.deepEqual(await recordOf(stores, ''), damaged)
})

test('locks and timers are of one wallet', async () => {
  const clock = new ManualClock()
  const signers = await openSigners({ clock })
  const states = () => ['a', 'b', 'c'].map((name) => signers.get(name)!.status().state)
  for (const name of ['a', 'b', 'c']) value(await runCommand(signers, name, CREATE))
  const told: string[] = []
  signers.onChange((name, { state }) => told.push(`${name} ${state}`))
  for (const [name, seconds] of [
    ['a', 10],
    ['b', 20],
    ['c', undefined],
  ] as const)
    value(await runCommand(signers, name, { type: 'unlock', passphrase: PASSPHRASE, seconds }))
  clock.advance(10_000)
  assert.deepEqual(states(), ['locked', 'unlocked', 'unlocked'])
  value(await runCommand(signers, 'c', { type: 'lock' }))
  assert.deepEqual(states(), ['locked', 'unlocked', 'locked'])
  clock.advance(10_000)
  assert.deepEqual(states(), ['locked', 'locked', 'locked'])
  assert.deepEqual(told, ['a unlocked', 'b unlocked', 'c unlocked', 'a locked', 'c locked', 'b locked'])
})

test('the brain hears of every wallet, locks one, and gets no signature by a name without keys', async () => {
  const signers = await openSigners()
  value(await runCommand(signers, 'early', CREATE))
  const { brain, close } = await linked(signers)
  try {
    assert.deepEqual(brain.names(), ['early'])
    const heard = new Promise<string>((resolve) => brain.onChange(resolve))
    value(await runCommand(signers, 'late', RESTORE))
    assert.equal(await heard, 'late')
    assert.deepEqual(brain.names(), ['early', 'late'])
    for (const name of ['nobody', '', 'constructor']) {
      assert.equal(brain.signer(name).status().state, 'none')
      assert.equal(codeOf(await brain.signer(name).signPsbt(new Uint8Array())), 'keys-missing')
    }
    assert.deepEqual(signers.names(), ['early', 'late'])

    value(await runCommand(signers, 'late', { type: 'unlock', passphrase: PASSPHRASE, seconds: undefined }))
    value(await runCommand(signers, 'early', { type: 'unlock', passphrase: PASSPHRASE, seconds: undefined }))
    const locked = new Promise<void>((resolve) => {
      brain.signer('late').onChange(({ state }) => state === 'locked' && resolve())
    })
    brain.signer('late').lock()
    await locked
    assert.deepEqual(
      ['early', 'late'].map((name) => brain.signer(name).status().state),
      ['unlocked', 'locked'],
    )
  } finally {
    close()
  }
})

test('a store that fails is told of, and tried again', async () => {
  const stores = new MemoryKeyStores()
  const signers = await openSigners({ stores })
  const store = stores.store('x')
  const load = store.load.bind(store)
  store.load = () => Promise.reject(new Error('The disk is gone.'))
  assert.equal(codeOf(await runCommand(signers, 'x', CREATE)), 'signer-failed')
  store.load = load
  assert.equal(codeOf(await runCommand(signers, 'x', CREATE)), 'accepted')
})
