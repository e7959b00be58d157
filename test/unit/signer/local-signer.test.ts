/**
 * Promises: the seed is on disk only under its passphrase; no mistake destroys it; a locked signer signs nothing;
 * and the signer signs only what the whole PSBT shows to be right.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Transaction as ScureTransaction } from '@scure/btc-signer'
import { TaprootControlBlock } from '@scure/btc-signer/psbt.js'
import fc from 'fast-check'
import { sats } from '../../../src/primitives/amount.ts'
import { bytesToHex, concatBytes } from '../../../src/primitives/bytes.ts'
import { packOutputs } from '../../../src/script/input-check.ts'
import { OP_CHECKSIG, pushData } from '../../../src/script/opcodes.ts'
import { p2trScript, taprootOutputKey } from '../../../src/script/taproot.ts'
import { verifyTransaction } from '../../../src/script/verify-input.ts'
import { isKeyRecord, type KeyRecord } from '../../../src/signer/key-record.ts'
import { deriveAccount, wordsToEntropy } from '../../../src/signer/keys.ts'
import type { LocalSigner } from '../../../src/signer/local-signer.ts'
import { isBox, openBox, sealBox } from '../../../src/signer/passphrase-box.ts'
import { unattended } from '../../../src/signer/unattended.ts'
import { MemoryKeyStore } from '../../../src/storage/memory-key-store.ts'
import { Psbt, type PsbtKey } from '../../../src/wallet/psbt.ts'
import type { PsbtInputMap } from '../../../src/wallet/psbt-maps.ts'
import { controlBlocksOf, rootOf } from '../../support/tapscript-spends.ts'
import {
  codeOf,
  ManualClock,
  openSigner,
  PASSPHRASE,
  seededRandom,
  unlockedSigner,
  value,
  WORDS,
} from '../../support/wallets.ts'

const random = seededRandom('test')

test('a box opens with its passphrase in its context, and with nothing else', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), fc.string(), fc.string(), (secret, passphrase, other) => {
      const box = sealBox(secret, passphrase, 'context', random, 1)
      assert.ok(isBox(JSON.parse(JSON.stringify(box))), 'not recognised')
      assert.deepEqual(value(openBox(box, passphrase, 'context')), secret)
      assert.equal(codeOf(openBox(box, passphrase, 'other')), 'wallet-passphrase-incorrect')
      fc.pre(passphrase.normalize('NFKC') !== other.normalize('NFKC'))
      assert.equal(codeOf(openBox(box, other, 'context')), 'wallet-passphrase-incorrect')
    }),
  )
})

test('the same passphrase typed with other code points opens', () => {
  const box = sealBox(Uint8Array.of(1), 'caf\u00e9', '', random, 1)
  assert.ok(openBox(box, 'cafe\u0301', '').ok, 'not opened')
})

test('a box with absurd parameters is not opened at all', () => {
  const box = sealBox(Uint8Array.of(1), 'x', '', random, 1)
  const absurd = [
    { logN: 31 },
    { logN: 20, r: 32 },
    { logN: 1.5 },
    { logN: '17' },
    { r: 0 },
    { p: 1_000_000 },
    { salt: '00' },
    { nonce: 'zz'.repeat(12) },
    { ciphertext: 5 },
    { kdf: 'pbkdf2' },
    { cipher: 'none' },
  ]
  for (const change of absurd) assert.equal(isBox({ ...box, ...change }), false, JSON.stringify(change))
  for (const none of [undefined, null, 5, 'box', []]) assert.equal(isBox(none), false)
})

test('a new wallet is locked, opens with its passphrase, and shows its words only with it', async () => {
  const store = new MemoryKeyStore()
  const signer = await openSigner({ store })
  assert.deepEqual(signer.status(), { state: 'none' })
  const words = value(await signer.create(PASSPHRASE))
  const locked = signer.status()
  assert.equal(locked.state, 'locked')
  assert.equal(codeOf(await signer.unlock('another walk')), 'wallet-passphrase-incorrect')
  assert.equal(codeOf(await signer.revealWords('another walk')), 'wallet-passphrase-incorrect')
  assert.equal(value(await signer.revealWords(PASSPHRASE)).words, words)
  value(await signer.unlock(PASSPHRASE))
  assert.equal(signer.status().state, 'unlocked')
  signer.lock()
  assert.deepEqual(signer.status(), locked)

  const stored = JSON.stringify(await store.load())
  for (const secret of [words, bytesToHex(value(wordsToEntropy(words)))])
    assert.ok(!stored.includes(secret), 'the record tells a secret')

  const reopened = await openSigner({ store })
  assert.deepEqual(reopened.status(), locked)
  assert.equal(value(await reopened.revealWords(PASSPHRASE)).words, words)
})

test('no command overwrites a stored seed', async () => {
  const signer = await openSigner()
  const words = value(await signer.create(PASSPHRASE))
  const other = await openSigner({ random: seededRandom('other') })
  value(await other.create(PASSPHRASE))
  const backup = value(await other.exportBackup(PASSPHRASE, ''))
  assert.equal(codeOf(await signer.create('x')), 'wallet-exists')
  assert.equal(codeOf(await signer.restoreWords(WORDS, 'x')), 'wallet-exists')
  assert.equal(codeOf(await signer.restoreBackup(backup, PASSPHRASE)), 'wallet-exists')
  const both = await Promise.all([signer.create('y'), signer.restoreWords(WORDS, 'z')])
  assert.deepEqual(both.map(codeOf), ['wallet-exists', 'wallet-exists'])
  assert.equal(value(await signer.revealWords(PASSPHRASE)).words, words)
})

test('no backup file is made that would be too large to be brought in again', async () => {
  const signer = await unlockedSigner()
  const other = await openSigner()
  const most = 'x'.repeat(4_900_000)
  const file = value(await signer.exportBackup(PASSPHRASE, most))
  assert.equal(value(await other.restoreBackup(file, PASSPHRASE)), most)
  assert.equal(codeOf(await signer.exportBackup(PASSPHRASE, 'x'.repeat(5_000_000))), 'backup-size')
})

test('two first commands at once make one wallet', async () => {
  const signer = await openSigner()
  const [one, two] = await Promise.all([signer.create(PASSPHRASE), signer.create(PASSPHRASE)])
  assert.equal(codeOf(two), 'wallet-exists')
  assert.equal(value(await signer.revealWords(PASSPHRASE)).words, value(one))
})

test('without a wallet, or a passphrase, nothing is done', async () => {
  const signer = await openSigner()
  assert.equal(codeOf(await signer.unlock(PASSPHRASE)), 'keys-missing')
  assert.equal(codeOf(await signer.signPsbt(new Uint8Array())), 'keys-missing')
  assert.equal(codeOf(await signer.create('')), 'passphrase-empty')
  assert.equal(codeOf(await signer.restoreWords('one tvo', 'x')), 'mnemonic-word')
  assert.deepEqual(signer.status(), { state: 'none' })
})

test('it locks when its time is over, and unlocking again counts anew', async () => {
  const clock = new ManualClock()
  const signer = await unlockedSigner({ clock })
  const seen: string[] = []
  signer.onChange(({ state }) => seen.push(state))
  value(await signer.unlock(PASSPHRASE, 60))
  clock.advance(59_000)
  value(await signer.unlock(PASSPHRASE, 60))
  clock.advance(59_000)
  assert.equal(signer.status().state, 'unlocked')
  clock.advance(1_000)
  assert.equal(signer.status().state, 'locked')
  value(await signer.unlock(PASSPHRASE))
  clock.advance(1e12)
  assert.equal(signer.status().state, 'unlocked')
  assert.deepEqual(seen, ['unlocked', 'unlocked', 'locked', 'unlocked'])
})

test('it signs nothing after its time, though the timer slept with the machine', async () => {
  const clock = new ManualClock()
  const signer = await unlockedSigner({ clock: { now: () => clock.now(), after: () => () => undefined } })
  value(await signer.unlock(PASSPHRASE, 60))
  clock.advance(60_000)
  assert.equal(codeOf(await sign(signer, payment())), 'wallet-locked')
  assert.equal(signer.status().state, 'locked')
})

test('locking overwrites the private key', async () => {
  const signer = await unlockedSigner()
  const { unlocked } = signer as unknown as { unlocked: { keys: { key: { _privateKey: Uint8Array } } } }
  const secret = unlocked.keys.key._privateKey
  assert.ok(
    secret.some((byte) => byte !== 0),
    'no key in memory',
  )
  signer.lock()
  assert.ok(
    secret.every((byte) => byte === 0),
    'the key is still in memory',
  )
})

test('the passphrase changes, and the former one is worth nothing', async () => {
  const store = new MemoryKeyStore()
  const signer = await openSigner({ store })
  const words = value(await signer.create(PASSPHRASE))
  assert.equal(codeOf(await signer.changePassphrase('wrong', 'new')), 'wallet-passphrase-incorrect')
  assert.equal(codeOf(await signer.changePassphrase(PASSPHRASE, '')), 'passphrase-empty')
  value(await signer.changePassphrase(PASSPHRASE, 'new'))
  const reopened = await openSigner({ store })
  assert.equal(codeOf(await reopened.unlock(PASSPHRASE)), 'wallet-passphrase-incorrect')
  assert.equal(value(await reopened.revealWords('new')).words, words)
})

test('a record that was tampered with is not opened', async () => {
  const store = new MemoryKeyStore()
  value(await (await openSigner({ store })).restoreWords(WORDS, PASSPHRASE))
  const record = (await store.load()) as KeyRecord
  assert.ok(isKeyRecord(record), 'no record')
  // Someone else's account, to receive what is paid to this wallet.
  const thief = deriveAccount(new Uint8Array(16).fill(9), 1).descriptor.text
  await store.save({ ...record, descriptor: thief })
  assert.equal(codeOf(await (await openSigner({ store })).unlock(PASSPHRASE)), 'wallet-passphrase-incorrect')
  await store.save({ ...record, birthday: 1 })
  assert.equal(codeOf(await (await openSigner({ store })).unlock(PASSPHRASE)), 'wallet-passphrase-incorrect')
  for (const damaged of [
    { ...record, box: { ...record.box, logN: 60 } },
    { ...record, version: 3 },
    'text',
    null,
  ]) {
    await store.save(damaged as KeyRecord)
    await assert.rejects(openSigner({ store }), /damaged/)
  }
  await store.save({ ...record, network: '11'.repeat(32) })
  await assert.rejects(openSigner({ store }), /another network/)
})

test('a failing store leaves the wallet that was there', async () => {
  const store = new MemoryKeyStore()
  const signer = await openSigner({ store })
  const words = value(await signer.create(PASSPHRASE))
  store.save = () => Promise.reject(new Error('disk full'))
  await assert.rejects(signer.changePassphrase(PASSPHRASE, 'new'), /disk full/)
  assert.equal(value(await signer.revealWords(PASSPHRASE)).words, words)
})

test('a backup brings back seed and metadata, with its own passphrase on its own network', async () => {
  const clock = new ManualClock()
  const signer = await openSigner({ clock })
  const words = value(await signer.create(PASSPHRASE))
  assert.equal(codeOf(await signer.exportBackup('wrong', '')), 'wallet-passphrase-incorrect')
  const file = value(await signer.exportBackup(PASSPHRASE, 'métadonnées'))
  const status = signer.status()
  assert.ok(status.state !== 'none', 'no wallet')
  assert.equal(status.account.birthday, clock.now() / 1000)
  for (const hidden of [words, 'xpub', 'métadonnées'])
    assert.ok(!file.includes(hidden), 'the file tells a secret')

  const restored = await openSigner()
  assert.equal(codeOf(await restored.restoreBackup(file, 'wrong')), 'wallet-passphrase-incorrect')
  assert.equal(value(await restored.restoreBackup(file, PASSPHRASE)), 'métadonnées')
  // All blocks are searched, whatever the clock said that named the birthday.
  assert.deepEqual(restored.status(), { ...status, account: { ...status.account, birthday: 0 } })
  assert.equal(value(await restored.restoreBackup(file, PASSPHRASE)), 'métadonnées', 'no second try')
  assert.equal(value(await restored.revealWords(PASSPHRASE)).words, words)

  const elsewhere = await openSigner({ network: { id: '22'.repeat(32), name: 'class 7b' } })
  const refused = await elsewhere.restoreBackup(file, PASSPHRASE)
  assert.equal(codeOf(refused), 'backup-network')
  const broken = {
    '': 'backup-format',
    '{}': 'backup-format',
    null: 'backup-format',
    [file.slice(0, -10)]: 'backup-format',
    [file.replace('"version": 1', '"version": 2')]: 'wallet-passphrase-incorrect',
    [file.replace('"version": 1', '"version": 3')]: 'backup-version',
    [file.replace('"logN": 1', '"logN": 40')]: 'backup-format',
    [file.replace(/"created": \d+/, '"created": 1')]: 'wallet-passphrase-incorrect',
  }
  for (const [text, code] of Object.entries(broken))
    assert.equal(codeOf(await (await openSigner()).restoreBackup(text, PASSPHRASE)), code, text.slice(0, 60))
})

test("BIP39's passphrase makes another wallet, and comes back with the seed everywhere", async () => {
  const accountIn = (signer: Awaited<ReturnType<typeof openSigner>>): string => {
    const status = signer.status()
    assert.ok(status.state !== 'none', 'no wallet')
    return status.account.descriptor
  }
  const store = new MemoryKeyStore()
  const signer = await openSigner({ store })
  value(await signer.restoreWords(WORDS, PASSPHRASE, 'TREZOR'))
  assert.equal(accountIn(signer), deriveAccount(value(wordsToEntropy(WORDS)), 1, 'TREZOR').descriptor.text)
  assert.notEqual(accountIn(signer), accountIn(await unlockedSigner()))
  assert.ok(!JSON.stringify(await store.load()).includes('TREZOR'), 'the record tells a secret')

  const reopened = await openSigner({ store })
  value(await reopened.unlock(PASSPHRASE))
  value(await reopened.changePassphrase(PASSPHRASE, 'another long walk'))
  assert.deepEqual(value(await reopened.revealWords('another long walk')), {
    words: WORDS,
    mnemonicPassphrase: 'TREZOR',
  })
  const file = value(await reopened.exportBackup('another long walk', 'labels'))
  assert.match(file, /"version": 2/, 'a program without it would restore another wallet')
  const restored = await openSigner()
  assert.equal(value(await restored.restoreBackup(file, 'another long walk')), 'labels')
  assert.equal(accountIn(restored), accountIn(signer))
  value(await restored.unlock('another long walk'))

  // Made with it from the start.
  const made = await openSigner()
  const words = value(await made.create(PASSPHRASE, 12, { mnemonicPassphrase: 'Ü' }))
  const again = await openSigner()
  value(await again.restoreWords(words, PASSPHRASE, 'U\u0308'))
  assert.equal(accountIn(again), accountIn(made))
})

test('a birthday is no later than the chain says, however far ahead the clock is', async () => {
  const clock = new ManualClock()
  const birthdayAt = async (chainTime: number): Promise<number> => {
    const signer = await openSigner({ clock })
    value(await signer.create(PASSPHRASE, 12, { chainTime }))
    const status = signer.status()
    return status.state === 'none' ? Number.NaN : status.account.birthday
  }
  const now = clock.now() / 1000
  assert.equal(await birthdayAt(now - 50_000), now - 50_000)
  assert.equal(await birthdayAt(now + 50_000), now)
})

test('words are shown in full before they are restored; nothing is stored by it', async () => {
  const signer = await openSigner()
  assert.equal(value(await signer.readWords(`1. ABAN 2. ${WORDS.split(' ').slice(1).join(' ')}`)), WORDS)
  assert.equal(codeOf(await signer.readWords('one tvo')), 'mnemonic-word')
  assert.deepEqual(signer.status(), { state: 'none' })
})

test('no backup file is made under a passphrase that is guessed at once', async () => {
  for (const [passphrase, code] of [
    ['abc', 'passphrase-weak'],
    ['aaaaaaaaaaaaaaaa', 'passphrase-weak'],
    ['1212121212', 'passphrase-weak'],
    ['12345678', 'accepted'],
    ['a long walk', 'accepted'],
  ]) {
    const signer = await openSigner()
    value(await signer.create(passphrase))
    assert.equal(codeOf(await signer.exportBackup(passphrase, '')), code, passphrase)
  }
})

// --- Signing ---

const account = deriveAccount(value(wordsToEntropy(WORDS)), 1)
const ownKey = (branch: number, index: number) => {
  const key = account.descriptor.derive(branch, index)
  return { ...key, scriptPubKey: p2trScript(key.outputKey) }
}
const stranger = (() => {
  const key = deriveAccount(new Uint8Array(16).fill(9), 1).descriptor.derive(0, 0)
  return { ...key, scriptPubKey: p2trScript(key.outputKey) }
})()

interface Payment {
  readonly inputs?: readonly {
    readonly key: PsbtKey
    readonly scriptPubKey: Uint8Array
    readonly value?: number
  }[]
  readonly change?: { readonly key: PsbtKey; readonly scriptPubKey: Uint8Array }
  readonly paid?: number
}

function payment({ inputs, change, paid = 50_000 }: Payment = {}): Psbt {
  const spent =
    inputs ?? [0, 1].map((index) => ({ key: ownKey(index, 4), scriptPubKey: ownKey(index, 4).scriptPubKey }))
  const back = change ?? { key: ownKey(1, 3), scriptPubKey: ownKey(1, 3).scriptPubKey }
  return Psbt.of({
    inputs: spent.map(({ key, scriptPubKey }, index) => ({
      prevout: { txid: new Uint8Array(32).fill(index + 1), index },
      sequence: 0xfffffffd,
      spent: { value: sats(40_000), scriptPubKey },
      key,
    })),
    outputs: [
      { value: sats(paid), scriptPubKey: stranger.scriptPubKey, key: undefined },
      { value: sats(29_000), scriptPubKey: back.scriptPubKey, key: back.key },
    ],
    lockTime: 0,
  })
}

/** As whoever prepared it agrees to it. */
function sign(signer: LocalSigner, psbt: Psbt) {
  return unattended(signer).signPsbt(psbt.bytes)
}

test('a signed payment verifies, and is what scure-btc-signer signs', async () => {
  const psbt = payment()
  const signed = value(Psbt.parse(value(await sign(await unlockedSigner(), psbt))))
  const transaction = value(signed.extract())
  assert.equal(transaction.txid, psbt.unsigned.txid)
  const spentOutputs = packOutputs(psbt.inputs.map(({ spent }) => spent!))
  assert.equal(verifyTransaction({ transaction: transaction.bytes, spentOutputs }), undefined)

  const reference = ScureTransaction.fromPSBT(psbt.bytes)
  for (const index of [0, 1]) {
    const key = account.key.deriveChild(index).deriveChild(4).privateKey!
    reference.signIdx(key, index, undefined, new Uint8Array(32))
  }
  reference.finalize()
  assert.equal(reference.id, transaction.txid)
  assert.equal(reference.extract().length, transaction.bytes.length)
})

test('a locked signer signs nothing', async () => {
  const signer = await unlockedSigner()
  signer.lock()
  assert.equal(codeOf(await sign(signer, payment())), 'wallet-locked')
})

test('what is not as it says is not signed', async () => {
  const signer = await unlockedSigner()
  const own = ownKey(0, 4)
  const wrongPath = { ...own, origin: ownKey(0, 5).origin }
  const otherAccount = { ...own, origin: { ...own.origin, path: own.origin.path.with(2, 2 ** 31 + 1) } }
  const refusals: [string, Psbt][] = [
    ['psbt-not-ours', payment({ inputs: [{ key: stranger, scriptPubKey: stranger.scriptPubKey }] })],
    ['psbt-not-ours', payment({ inputs: [{ key: otherAccount, scriptPubKey: own.scriptPubKey }] })],
    // A key that is ours at another path than it says.
    ['psbt-mismatch', payment({ inputs: [{ key: wrongPath, scriptPubKey: own.scriptPubKey }] })],
    // Change that goes to someone else under our key's name.
    ['psbt-mismatch', payment({ change: { key: ownKey(1, 3), scriptPubKey: stranger.scriptPubKey } })],
    ['psbt-mismatch', payment({ change: { key: ownKey(1, 3), scriptPubKey: ownKey(1, 4).scriptPubKey } })],
    // It pays more than it spends.
    ['psbt-mismatch', payment({ paid: 60_000 })],
  ]
  for (const [code, psbt] of refusals) assert.equal(codeOf(await sign(signer, psbt)), code)
  assert.equal(codeOf(await signer.signPsbt(Uint8Array.of(1, 2, 3))), 'psbt-invalid')
})

test('a sighash type other than the default, and a missing coin, are refused', async () => {
  const signer = await unlockedSigner()
  for (const sighashType of [1, 2, 3, 0x81, 0x83]) {
    const psbt = ScureTransaction.fromPSBT(payment().bytes)
    psbt.updateInput(1, { sighashType })
    assert.equal(codeOf(await signer.signPsbt(psbt.toPSBT())), 'psbt-sighash')
  }
  const unknown = ScureTransaction.fromPSBT(payment().bytes)
  unknown.updateInput(0, { witnessUtxo: undefined })
  assert.equal(codeOf(await signer.signPsbt(unknown.toPSBT())), 'psbt-invalid')
})

test('a hash type that is named is signed, and nothing else than what was named', async () => {
  const signer = await unlockedSigner()
  const psbt = payment()
  for (const type of [0, 1, 2, 3, 0x81, 0x82, 0x83]) {
    const signed = value(Psbt.parse(value(await unattended(signer).signPsbt(psbt.bytes, undefined, type))))
    assert.ok(signed.extract().ok, `${type}`)
    assert.ok(signed.maps.inputs.every(({ tapKeySig }) => (tapKeySig?.[64] ?? 0) === type))
    assert.ok(signed.inputs.every(({ sighashType }) => (sighashType ?? 0) === type))
    const asking = Psbt.parse(signed.bytes)
    for (const other of [0, 1, 0x83])
      if (type !== 0 && other !== type)
        assert.equal(
          codeOf(await unattended(signer).signPsbt(value(asking).bytes, undefined, other)),
          'psbt-sighash',
        )
  }
  for (const none of [4, 0x80, 0x84])
    assert.equal(codeOf(await unattended(signer).signPsbt(psbt.bytes, undefined, none)), 'psbt-sighash')
})

test('what others may add to may pay more than it spends, and nothing else may', async () => {
  const signer = await unlockedSigner()
  const short = payment({ paid: 60_000 })
  for (const type of [0, 1, 2, 3])
    assert.equal(codeOf(await unattended(signer).signPsbt(short.bytes, undefined, type)), 'psbt-mismatch')
  for (const type of [0x81, 0x83]) value(await unattended(signer).signPsbt(short.bytes, undefined, type))
})

/** A tree of two leaves: the account's own key in one, nobody's in the other. */
const leafTree = [
  { script: concatBytes(pushData(ownKey(0, 4).internalKey), Uint8Array.of(OP_CHECKSIG)), leafVersion: 0xc0 },
  { script: concatBytes(pushData(stranger.internalKey), Uint8Array.of(OP_CHECKSIG)), leafVersion: 0xc0 },
] as const

/** Spends a coin of this tree under `internalKey`. */
function leafPayment(
  internalKey: Uint8Array,
  change: (map: PsbtInputMap) => PsbtInputMap = (map) => map,
): Psbt {
  const { outputKey } = taprootOutputKey(internalKey, rootOf(leafTree))!
  const psbt = Psbt.of({
    inputs: [
      {
        prevout: { txid: new Uint8Array(32).fill(1), index: 0 },
        sequence: 0,
        spent: { value: sats(40_000), scriptPubKey: p2trScript(outputKey) },
        key: undefined,
      },
    ],
    outputs: [{ value: sats(30_000), scriptPubKey: stranger.scriptPubKey, key: undefined }],
    lockTime: 0,
  })
  const { internalKey: publicKey, origin } = ownKey(0, 4)
  const hashes = [rootOf(leafTree[0])]
  const [controlBlock] = controlBlocksOf(internalKey, leafTree)
  const map: PsbtInputMap = {
    ...psbt.maps.inputs[0],
    tapLeafScript: [
      [TaprootControlBlock.decode(controlBlock), concatBytes(leafTree[0].script, Uint8Array.of(0xc0))],
    ],
    tapBip32Derivation: [
      [publicKey, { hashes, der: { fingerprint: origin.fingerprint, path: [...origin.path] } }],
    ],
  }
  psbt.maps.inputs[0] = change(map)
  return value(Psbt.parse(psbt.bytes))
}

test('the leaf that our key stands in is signed, and no leaf of another coin', async () => {
  const signer = await unlockedSigner()
  const signed = value(Psbt.parse(value(await sign(signer, leafPayment(stranger.internalKey)))))
  assert.equal(signed.maps.inputs[0].tapKeySig, undefined)
  assert.equal(signed.maps.inputs[0].tapScriptSig?.length, 1)
  assert.ok(signed.extract().ok, 'the signature holds')
  const [typed] = value(
    Psbt.parse(
      value(await unattended(signer).signPsbt(leafPayment(stranger.internalKey).bytes, undefined, 0x83)),
    ),
  ).maps.inputs
  assert.equal(typed.tapScriptSig?.[0][1][64], 0x83)

  // The key path of the same coin, tweaked with the root of its tree.
  const { internalKey, origin } = ownKey(0, 4)
  const der = { fingerprint: origin.fingerprint, path: [...origin.path] }
  const byKey = leafPayment(internalKey, (map) => ({
    witnessUtxo: map.witnessUtxo,
    tapInternalKey: internalKey,
    tapMerkleRoot: rootOf(leafTree),
    tapBip32Derivation: [[internalKey, { hashes: [], der }]],
  }))
  assert.ok(value(Psbt.parse(value(await sign(signer, byKey)))).extract().ok)

  const { spent } = payment().inputs[0]
  const refusals: [string, Psbt][] = [
    // A leaf that the coin does not commit to.
    [
      'psbt-mismatch',
      leafPayment(stranger.internalKey, (map) => ({
        ...map,
        witnessUtxo: { amount: 40_000n, script: spent!.scriptPubKey },
      })),
    ],
    // Another key's path.
    [
      'psbt-mismatch',
      leafPayment(stranger.internalKey, (map) => ({
        ...map,
        tapBip32Derivation: [[stranger.internalKey, map.tapBip32Derivation![0][1]]],
      })),
    ],
    // A key that is not in the leaf.
    [
      'psbt-not-ours',
      leafPayment(stranger.internalKey, (map) => ({
        ...map,
        tapBip32Derivation: [
          [
            ownKey(0, 5).internalKey,
            {
              hashes: [rootOf(leafTree[0])],
              der: { fingerprint: origin.fingerprint, path: [...ownKey(0, 5).origin.path] },
            },
          ],
        ],
      })),
    ],
    // The root is left out, and no leaf is there.
    [
      'psbt-mismatch',
      leafPayment(internalKey, (map) => ({
        witnessUtxo: map.witnessUtxo,
        tapInternalKey: internalKey,
        tapBip32Derivation: [[internalKey, { hashes: [], der }]],
      })),
    ],
  ]
  for (const [code, psbt] of refusals) assert.equal(codeOf(await sign(signer, psbt)), code)
})

test('inputs that are final are left as they are, and the others signed', async () => {
  const signer = await unlockedSigner()
  const whole = value(Psbt.parse(value(await sign(signer, payment())))).finalized()
  const half = payment()
  half.maps.inputs[0] = whole.maps.inputs[0]
  const signed = value(Psbt.parse(value(await sign(signer, value(Psbt.parse(half.bytes))))))
  assert.deepEqual(signed.maps.inputs[0], whole.maps.inputs[0])
  assert.ok(signed.extract().ok)
  assert.equal(codeOf(await sign(signer, whole)), 'psbt-not-ours')
})

test("of a payment with another's coin only our input is signed", async () => {
  const own = ownKey(0, 4)
  const joint = payment({ inputs: [own, stranger].map((key) => ({ key, scriptPubKey: key.scriptPubKey })) })
  const signed = ScureTransaction.fromPSBT(value(await sign(await unlockedSigner(), joint)))
  assert.equal(signed.getInput(0).tapKeySig?.length, 64)
  assert.equal(signed.getInput(1).tapKeySig, undefined)
})
