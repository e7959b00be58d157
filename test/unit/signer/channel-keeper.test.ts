/**
 * Promise: the signer gives nothing of a channel away that no payment explains, signs no commitment that is void, makes none void before the
 * next can be published, and uses no nonce twice; whatever the brain asks, in whatever order, and after any restart.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { secp256k1 } from '@noble/curves/secp256k1.js'
import fc from 'fast-check'
import type { Msat } from '../../../src/channels/amount.ts'
import { commitmentTransaction } from '../../../src/channels/commitment-transaction.ts'
import {
  closingTransaction,
  fundingSighash,
  withFundingSignature,
} from '../../../src/channels/funding-spend.ts'
import {
  type ChannelAnnouncement,
  decodeGossip,
  encodeGossip,
  type Gossip,
  inNodeOrder,
  nodeId,
} from '../../../src/channels/gossip.ts'
import { checkChannelAnnouncement } from '../../../src/channels/gossip-checks.ts'
import type {
  ChannelContract,
  ClosingTransaction,
  Commitment,
  CommitmentHtlc,
  SpendRequest,
} from '../../../src/channels/ports.ts'
import { fundingKey, secondLevelOutput } from '../../../src/channels/scripts.ts'
import { SecretStore, secretIndex } from '../../../src/channels/secrets.ts'
import { shortChannelId } from '../../../src/channels/short-channel-id.ts'
import { sharesOf } from '../../../src/channels/spends.ts'
import { claimLostShares } from '../../../src/node/lost-channels.ts'
import { sats } from '../../../src/primitives/amount.ts'
import { bytesToHex, equalBytes } from '../../../src/primitives/bytes.ts'
import { sha256, type Txid } from '../../../src/primitives/hashes.ts'
import { Transaction, type TxOutput, unsignedInput } from '../../../src/primitives/transaction.ts'
import { packOutputs } from '../../../src/script/input-check.ts'
import { MusigSession, nonceAgg } from '../../../src/script/musig2.ts'
import { verifyTransaction } from '../../../src/script/verify-input.ts'
import type { ChannelKeysId } from '../../../src/signer/channel-keys.ts'
import type { ChannelRecord } from '../../../src/signer/channel-record.ts'
import { type Agreed, KeeperPair, KeeperSide } from '../../support/channel-keepers.ts'
import { codeOf, value } from '../../support/wallets.ts'

const AMOUNT = 1_000_000
const FEERATE = 1_000

const first: Agreed = { number: 0, amounts: [600_000_000, 400_000_000], htlcs: [], feerate: FEERATE }

function preimage(id: number): Uint8Array {
  return sha256(Uint8Array.of(id))
}

function htlc(id: number, offered: boolean, amount: number, expiry = 500): CommitmentHtlc {
  return { offered, id, amount: amount as Msat, paymentHash: sha256(preimage(id)), expiry }
}

/** The first side offers HTLC 1, of 10,000 satoshis. */
const offering: Agreed = {
  ...first,
  number: 1,
  amounts: [590_000_000, 400_000_000],
  htlcs: [htlc(1, true, 10_000_000)],
}
/** It was taken. */
const taken: Agreed = { ...first, number: 2, amounts: [590_000_000, 410_000_000] }
/** It came back. */
const failed: Agreed = { ...first, number: 2 }

async function opened(): Promise<KeeperPair> {
  const pair = await KeeperPair.open({ amount: AMOUNT })
  await pair.fund()
  await pair.advance(first)
  return pair
}

function verdict(transaction: Transaction, spent: readonly TxOutput[]): string {
  return (
    verifyTransaction({ transaction: transaction.bytes, spentOutputs: packOutputs(spent) })?.code ?? 'valid'
  )
}

test('keys are of the seed and of a draw: the same again for the same name, others for each channel', async () => {
  const alice = new KeeperSide('alice')
  const one = value(await alice.keeper.createKeys())
  const two = value(await alice.keeper.createKeys())
  const keysOf = ({ basepoints }: typeof one) =>
    Object.values(basepoints as unknown as Record<string, Uint8Array>).map(bytesToHex)
  assert.equal(new Set([...keysOf(one), ...keysOf(two)]).size, 10)
  const point = value(await alice.keeper.holderPoint(one.keyId, 5))
  alice.start()
  assert.deepEqual(value(await alice.keeper.holderPoint(one.keyId, 5)), point)
  const stranger = new KeeperSide('bob')
  assert.notDeepEqual(value(await stranger.keeper.holderPoint(one.keyId, 5)), point)
  assert.equal(codeOf(await alice.keeper.holderPoint('an unknown one', 5)), 'channel-keys-unknown')
})

test('locked, it signs and tells nothing', async () => {
  const pair = await opened()
  pair.sides[0].keeper.close()
  const { keeper, keys, contract } = pair.sides[0]
  const answers = [
    await keeper.createKeys(),
    await keeper.holderPoint(keys.keyId, 0),
    await keeper.attach(contract, { holder: undefined, counterparty: [] }),
    await keeper.releaseSecret(keys.keyId, 0),
    await keeper.closingNonce(keys.keyId),
    await keeper.nodeKey(),
  ]
  assert.deepEqual(
    answers.map(codeOf),
    answers.map(() => 'wallet-locked'),
  )
})

test('commitments are valid by the interpreter, and their secrets are those of one seed', async () => {
  const pair = await opened()
  await pair.advance(offering)
  await pair.advance(taken, new Map([[1, preimage(1)]]))
  const transaction = await pair.publish(taken, 0)
  assert.equal(verdict(transaction, [pair.fundingOutput]), 'valid')
  const store = new SecretStore()
  for (const number of [0, 1]) value(store.insert(secretIndex(number), await pair.secret(1, number)))
})

test('the node has one key: it opens onions and signs', async () => {
  const alice = new KeeperSide('alice')
  const key = value(await alice.keeper.nodeKey())
  const secret = sha256(Uint8Array.of(1))
  const shared = sha256(secp256k1.getSharedSecret(secret, key, true))
  assert.deepEqual(value(await alice.keeper.ecdh(secp256k1.getPublicKey(secret, true))), shared)
  assert.equal(codeOf(await alice.keeper.ecdh(new Uint8Array(33))), 'public-key-invalid')
  const hash = sha256(Uint8Array.of(2))
  const signature = value(await alice.keeper.signNode(hash))
  const recovered = secp256k1.Signature.fromBytes(
    Uint8Array.of(signature[64], ...signature.subarray(0, 64)),
    'recovered',
  ).recoverPublicKey(hash)
  assert.deepEqual(recovered.toBytes(true), key)
})

test('an announcement is signed for a channel that is here, as its fields stand, by both keys; nothing else is', async () => {
  const pair = await opened()
  const [alice, bob] = pair.sides
  const ids = [nodeId(value(await alice.keeper.nodeKey())), nodeId(value(await bob.keeper.nodeKey()))]
  const announcement: ChannelAnnouncement = {
    type: 'channel_announcement_2',
    chainHash: new Uint8Array(32),
    features: 0n,
    shortChannelId: shortChannelId({ height: 1, position: 2, output: 3 }),
    capacity: sats(AMOUNT),
    ...inNodeOrder(
      { id: ids[0], fundingKey: alice.keys.basepoints.funding },
      { id: ids[1], fundingKey: bob.keys.basepoints.funding },
    ),
  }
  const signatures: Uint8Array[][] = [[], []]
  for (const { keeper, contract, keys } of pair.sides) {
    const { nodeSignature, fundingSignature } = value(await keeper.signAnnouncement(contract, announcement))
    const at = announcement.fundingKeys.findIndex(
      (key) => bytesToHex(key) === bytesToHex(keys.basepoints.funding),
    )
    signatures[0][at] = nodeSignature
    signatures[1][at] = fundingSignature
  }
  const read = decodeGossip(encodeGossip(announcement, signatures.flat()))
  const output = {
    outpoint: '',
    scriptPubKey: pair.fundingOutput.scriptPubKey,
    amount: sats(AMOUNT),
    spent: false,
  }
  const context = { chainHash: announcement.chainHash, height: 10 }
  assert.equal(
    codeOf(checkChannelAnnouncement(value(read) as Gossip<ChannelAnnouncement>, output, context)),
    'accepted',
  )
  const refused = async (change: Partial<ChannelAnnouncement>) =>
    codeOf(await alice.keeper.signAnnouncement(alice.contract, { ...announcement, ...change }))
  const [firstId, secondId] = announcement.nodeIds
  const [firstKey, secondKey] = announcement.fundingKeys
  const other = secp256k1.getPublicKey(sha256(Uint8Array.of(9)), true)
  for (const change of [
    { nodeIds: [secondId, firstId] as const },
    { fundingKeys: [secondKey, firstKey] as const },
    { fundingKeys: [firstKey, other] as const },
    { fundingKeys: [other, secondKey] as const },
    { nodeIds: [nodeId(other), nodeId(other)] as const },
    { capacity: sats(AMOUNT + 1) },
  ])
    assert.equal(await refused(change), 'announcement-mismatch', JSON.stringify(Object.keys(change)))
  assert.equal(
    codeOf(await alice.keeper.signAnnouncement({ ...alice.contract, fundingOutput: 5 }, announcement)),
    'channel-mismatch',
  )
  alice.start()
  assert.equal(await refused({}), 'channel-keys-unknown')
})

/** What no payment explains, each instead of `offering`. */
const unexplained: readonly (readonly [name: string, agreed: Agreed])[] = [
  ['money goes to the other side', { ...first, number: 1, amounts: [599_999_999, 400_000_001] }],
  ['an HTLC costs more than its amount', { ...offering, amounts: [589_999_999, 400_000_001] }],
  ['money is left to the miner', { ...first, number: 1, amounts: [599_000_000, 400_000_000] }],
  ['there is more money than the channel has', { ...first, number: 1, amounts: [600_000_000, 400_000_001] }],
  ['an amount is negative', { ...first, number: 1, amounts: [-1, 1_000_000_001] }],
  ['the fee is beyond reason', { ...first, number: 1, feerate: 25_001 }],
  [
    'an HTLC stands twice',
    { ...offering, amounts: [580_000_000, 400_000_000], htlcs: [...offering.htlcs, ...offering.htlcs] },
  ],
  ['an expiry is a time', { ...offering, htlcs: [htlc(1, true, 10_000_000, 500_000_000)] }],
]

for (const [name, agreed] of unexplained)
  test(`a commitment is refused where ${name}`, async () => {
    const pair = await opened()
    assert.equal(codeOf(await pair.sign(agreed, 0)), 'commitment-unexplained')
    // The other side, who gains, would sign it for this one.
    const loose = value(await pair.sign(offering, 1))
    assert.equal(codeOf(await pair.accept(agreed, 0, loose)), 'commitment-unexplained')
  })

test('an HTLC that was offered goes for its preimage, or comes back', async () => {
  for (const [agreed, preimages, code] of [
    [taken, new Map(), 'commitment-unexplained'],
    [taken, new Map([[1, preimage(2)]]), 'commitment-unexplained'],
    [taken, new Map([[2, preimage(1)]]), 'commitment-unexplained'],
    [taken, new Map([[1, preimage(1)]]), 'accepted'],
    [failed, new Map(), 'accepted'],
    [{ ...taken, amounts: [600_000_000, 400_000_000] }, new Map([[1, preimage(1)]]), 'accepted'],
    // Its amount, its hash and its expiry stay.
    [
      { ...offering, number: 2, htlcs: [htlc(1, true, 10_000_000, 501)] },
      new Map(),
      'commitment-unexplained',
    ],
    [
      { ...offering, number: 2, amounts: [580_000_000, 400_000_000], htlcs: [htlc(1, true, 20_000_000)] },
      new Map(),
      'commitment-unexplained',
    ],
  ] as const) {
    const pair = await opened()
    await pair.advance(offering)
    const revocation = await pair.secret(1, 0)
    assert.equal(codeOf(await pair.sign(agreed, 0, { preimages, revocation })), code)
  }
})

test('a commitment is signed in its turn, and once what it follows is void', async () => {
  const pair = await opened()
  assert.equal(codeOf(await pair.sign({ ...offering, number: 2 }, 0)), 'commitment-revoked')
  await pair.advance(offering)
  const next = { ...failed, number: 2 }
  const told = sha256(Uint8Array.of(9))
  assert.equal(codeOf(await pair.sign(next, 0)), 'commitment-revoked')
  assert.equal(codeOf(await pair.sign(next, 0, { revocation: told })), 'commitment-revoked')
  assert.equal(codeOf(await pair.sign(next, 0, { revocation: new Uint8Array(32) })), 'commitment-revoked')
  // Of its own is no proof either.
  assert.equal(
    codeOf(await pair.sign(next, 0, { revocation: await pair.secret(0, 0) })),
    'commitment-revoked',
  )
  assert.equal(codeOf(await pair.sign(next, 0, { revocation: await pair.secret(1, 0) })), 'accepted')
  assert.equal(codeOf(await pair.sign(first, 0)), 'commitment-revoked')
  assert.equal(codeOf(await pair.sign(offering, 0)), 'commitment-revoked')
})

test('a secret is told once the next commitment is signed by the other side, and never of one that is published', async () => {
  const pair = await opened()
  const [alice] = pair.sides
  const release = async (number: number) => codeOf(await alice.keeper.releaseSecret(alice.keys.keyId, number))
  assert.equal(await release(0), 'commitment-missing')
  const signatures = value(await pair.sign(offering, 1))
  // What it offers stands in the other's commitment first.
  assert.equal(codeOf(await pair.accept(offering, 0, signatures)), 'commitment-unexplained')
  value(await pair.sign(offering, 0))
  for (const wrong of [
    { ...signatures, partialSignature: sha256(Uint8Array.of(1)) },
    { ...signatures, nonce: value(await alice.keeper.holderPoint(alice.keys.keyId, 3)).nonce },
    { ...signatures, nonce: new Uint8Array(66) },
  ])
    assert.equal(codeOf(await pair.accept(offering, 0, wrong)), 'signature-invalid')
  for (const htlcSignatures of [
    [],
    [new Uint8Array(64)],
    [...signatures.htlcSignatures, ...signatures.htlcSignatures],
  ])
    assert.equal(
      codeOf(await pair.accept(offering, 0, { ...signatures, htlcSignatures })),
      'htlc-signature-invalid',
    )
  assert.equal(await release(0), 'commitment-missing')
  assert.equal(codeOf(await pair.accept(offering, 0, signatures)), 'accepted')
  assert.equal(await release(1), 'commitment-missing')
  assert.equal(await release(0), 'accepted')
  assert.equal(await release(0), 'accepted')
  assert.equal(codeOf(await alice.keeper.holderPoint(alice.keys.keyId, -1)), 'commitment-number')

  alice.signatures.set(1, signatures)
  await pair.publish(offering, 0)
  assert.equal(await release(1), 'commitment-signed')
})

test('a void commitment is not signed, nor one that the other side did not sign, nor a second one of a number', async () => {
  const pair = await opened()
  const [alice] = pair.sides
  const sign = async (agreed: Agreed, signatures = alice.signatures.get(agreed.number)!) =>
    codeOf(
      await alice.keeper.signHolderCommitment(
        alice.contract,
        await pair.commitment(agreed, 0, 0),
        signatures,
      ),
    )
  await pair.advance(offering)
  assert.equal(await sign(first), 'commitment-revoked')
  const richer: Agreed = { ...offering, amounts: [591_000_000, 399_000_000] }
  assert.equal(await sign(richer), 'signature-invalid')
  // Not even with a valid signature that the signer was not asked to take in.
  const other: Agreed = { ...first, number: 2 }
  const revocation = await pair.secret(0, 0)
  const unheard = value(await pair.sign(other, 1, { revocation }))
  assert.equal(await sign(other, unheard), 'commitment-revoked')
  assert.equal(await sign(offering), 'accepted')
  assert.equal(await sign(offering), 'accepted')
  assert.equal(await sign(first), 'commitment-revoked')
  // Nothing is updated any more.
  assert.equal(codeOf(await pair.accept(other, 0, unheard)), 'commitment-signed')
  assert.equal(
    codeOf(await pair.sign(other, 0, { revocation: await pair.secret(1, 0) })),
    'commitment-signed',
  )
})

test('the nonce of a published commitment signs with no other one of the counterparty', async () => {
  const pair = await opened()
  const [alice] = pair.sides
  await pair.publish(first, 0)
  // The same commitment under another nonce: two signatures with one nonce would give the key away.
  const again = await pair.collude(first, 1)
  const commitment = await pair.commitment(first, 0, 0)
  assert.equal(
    codeOf(await alice.keeper.signHolderCommitment(alice.contract, commitment, again)),
    'nonce-used',
  )
  alice.start()
  value(
    await alice.keeper.attach(alice.contract, {
      holder: commitment,
      counterparty: [await pair.commitment(first, 1, 0)],
    }),
  )
  assert.equal(
    codeOf(await alice.keeper.signHolderCommitment(alice.contract, commitment, again)),
    'nonce-used',
  )
  assert.equal(
    codeOf(await alice.keeper.signHolderCommitment(alice.contract, commitment, alice.signatures.get(0)!)),
    'accepted',
  )
})

test('after a restart the signer goes on from where it was, and from no other place', async () => {
  const pair = await opened()
  const [alice] = pair.sides
  await pair.advance(offering)
  const told = async (holder: Agreed | undefined, ...counterparty: Agreed[]) =>
    codeOf(
      await alice.start().attach(alice.contract, {
        holder: holder && (await pair.commitment(holder, 0, 0)),
        counterparty: await Promise.all(counterparty.map((agreed) => pair.commitment(agreed, 1, 0))),
      }),
    )
  const richer: Agreed = { ...offering, amounts: [591_000_000, 399_000_000] }
  assert.equal(await told(first, first), 'channel-outdated')
  assert.equal(await told(undefined), 'channel-outdated')
  assert.equal(await told(offering), 'channel-outdated')
  assert.equal(await told(richer, offering), 'channel-mismatch')
  assert.equal(await told(offering, richer), 'channel-mismatch')
  assert.equal(await told(offering, first, offering), 'accepted')
  // What is void stays void, without the brain's word for it.
  const next: Agreed = { ...failed, number: 2 }
  assert.equal(codeOf(await pair.sign(next, 0)), 'commitment-revoked')
  assert.equal(await told(offering, offering), 'accepted')
  assert.equal(codeOf(await pair.sign(next, 0)), 'commitment-revoked')
  assert.equal(codeOf(await pair.sign(next, 0, { revocation: await pair.secret(1, 0) })), 'accepted')
})

test('a commitment that was signed and lost on the way is signed anew as it was, and never with another content', async () => {
  const pair = await opened()
  const one = value(await pair.sign(offering, 0))
  const again = value(await pair.sign(offering, 0))
  assert.notDeepEqual(one.nonce, again.nonce)
  // Both would be the other side's to publish, whatever came before is void.
  value(await pair.sign(offering, 1))
  value(await pair.accept(offering, 1, one))
  value(await pair.hear(0, 0))
  assert.equal(codeOf(await pair.sign({ ...first, number: 1 }, 0)), 'commitment-revoked')
})

test('a record that somebody else wrote, or of another contract, is not taken', async () => {
  const pair = await opened()
  const [alice] = pair.sides
  const state = {
    holder: await pair.commitment(first, 0, 0),
    counterparty: [await pair.commitment(first, 1, 0)],
  }
  const record = (await alice.records.load(alice.keys.keyId as never)) as { released: number }
  const { records } = alice
  for (const damaged of [{ ...record, released: 7 }, { ...record, version: 2 }, 'nonsense', null]) {
    alice.start({ load: async () => damaged, save: async () => {}, copy: () => records } as never)
    assert.equal(codeOf(await alice.keeper.attach(alice.contract, state)), 'channel-mismatch')
  }
  alice.start(records)
  const other: ChannelContract = { ...alice.contract, fundingOutput: 1 }
  assert.equal(codeOf(await alice.keeper.attach(other, state)), 'channel-mismatch')
  assert.equal(codeOf(await alice.keeper.attach(alice.contract, state)), 'accepted')
  // Gone altogether: the words were restored elsewhere.
  alice.start({ load: async () => undefined, save: async () => {}, copy: () => records } as never)
  assert.equal(codeOf(await alice.keeper.attach(alice.contract, state)), 'channel-outdated')
})

test('nothing leaves before it is durable, and nothing more once the store has failed', async () => {
  const pair = await opened()
  const [alice] = pair.sides
  const { records } = alice
  const state = {
    holder: await pair.commitment(first, 0, 0),
    counterparty: [await pair.commitment(first, 1, 0)],
  }
  const saves: { readonly keep: () => void; readonly fail: () => void }[] = []
  const held = {
    load: (keyId: ChannelKeysId) => records.load(keyId),
    save: (all: readonly ChannelRecord[]) =>
      new Promise<void>((resolve, reject) =>
        saves.push({
          keep: () => void records.save(all).then(resolve),
          fail: () => reject(new Error('The disk is full')),
        }),
      ),
  }
  alice.start(held as never)
  value(await alice.keeper.attach(alice.contract, state))
  let signed = false
  const signing = pair.sign(offering, 0).then((result) => {
    signed = true
    return result
  })
  while (saves.length === 0) await new Promise((resolve) => setImmediate(resolve))
  assert.equal(signed, false)
  saves[0].keep()
  assert.equal(codeOf(await signing), 'accepted')
  const again = pair.accept(offering, 0, value(await pair.sign(offering, 1)))
  while (saves.length === 1) await new Promise((resolve) => setImmediate(resolve))
  saves[1].fail()
  await assert.rejects(again, /disk is full/)
  await assert.rejects(pair.sign(offering, 0), /disk is full/)
})

test('a contract names this side’s own keys and script', async () => {
  const pair = await opened()
  const [alice, bob] = pair.sides
  const attach = async (contract: ChannelContract) =>
    codeOf(await alice.keeper.attach(contract, { holder: undefined, counterparty: [] }))
  const { contract } = alice
  assert.equal(
    await attach({ ...contract, payout: { ...contract.payout, script: bob.payoutScript } }),
    'channel-mismatch',
  )
  assert.equal(await attach({ ...contract, payout: { ...contract.payout, index: 1 } }), 'channel-mismatch')
  assert.equal(await attach({ ...contract, holder: contract.counterparty }), 'channel-mismatch')
})

/** A closing transaction of `first`, proposed by the first side. */
function closing(
  changes: Partial<ClosingTransaction> & { readonly own: number; readonly fee?: number },
  pair: KeeperPair,
): ClosingTransaction {
  const [alice, bob] = pair.sides
  const { own, fee = 500, ...rest } = changes
  return {
    closerIsHolder: true,
    holderOutput: { script: alice.payoutScript, amount: sats(own) },
    counterpartyOutput: { script: bob.payoutScript, amount: sats(AMOUNT - own - fee) },
    lockTime: 0,
    ...rest,
  }
}

test('a channel closes for what it holds, by one signature for each nonce', async () => {
  const pair = await opened()
  const [alice, bob] = pair.sides
  const nonce = value(await alice.keeper.closingNonce(alice.keys.keyId))
  const bobs = value(await bob.keeper.closingNonce(bob.keys.keyId))
  assert.notDeepEqual(value(await alice.keeper.closingNonce(alice.keys.keyId)), nonce)
  const transaction = closing({ own: 599_500 }, pair)
  const mirrored: ClosingTransaction = {
    ...transaction,
    closerIsHolder: false,
    holderOutput: transaction.counterpartyOutput!,
    counterpartyOutput: transaction.holderOutput!,
  }
  const halves = [
    value(await alice.keeper.signClosing(alice.contract, transaction, nonce, bobs)),
    value(await bob.keeper.signClosing(bob.contract, mirrored, bobs, nonce)),
  ]
  const key = value(fundingKey(alice.keys.basepoints.funding, bob.keys.basepoints.funding))
  const unsigned = closingTransaction(alice.contract, transaction)
  const message = fundingSighash(alice.contract, key, unsigned)
  const session = value(MusigSession.start(key, value(nonceAgg([nonce, bobs])), message))
  const signed = withFundingSignature(unsigned, value(session.aggregate(halves)))
  assert.equal(verdict(signed, [pair.fundingOutput]), 'valid')
  assert.equal(codeOf(await alice.keeper.signClosing(alice.contract, transaction, nonce, bobs)), 'nonce-used')
  // No state comes after it.
  assert.equal(codeOf(await pair.sign(offering, 0)), 'channel-closing')
})

test('a closing transaction that leaves this side less than its share is refused', async () => {
  const pair = await opened()
  const [alice, bob] = pair.sides
  const sign = async (transaction: ClosingTransaction) => {
    const nonce = value(await alice.keeper.closingNonce(alice.keys.keyId))
    const other = value(await bob.keeper.closingNonce(bob.keys.keyId))
    return codeOf(await alice.keeper.signClosing(alice.contract, transaction, nonce, other))
  }
  for (const [name, transaction] of [
    ['gives away', closing({ own: 599_499 }, pair)],
    ['is paid for by the one who did not ask', closing({ own: 599_500, closerIsHolder: false }, pair)],
    ['leaves all to the miner', closing({ own: 0, fee: 600_000 }, pair)],
    ['leaves out', closing({ own: 0, holderOutput: undefined as never }, pair)],
    [
      'pays elsewhere',
      closing({ own: 599_500, holderOutput: { script: bob.payoutScript, amount: sats(599_500) } }, pair),
    ],
    ['pays more than there is', closing({ own: 700_000, fee: -100_000 }, pair)],
  ] as const)
    assert.equal(await sign(transaction), 'closing-unexplained', name)
  await pair.advance(offering)
  assert.equal(await sign(closing({ own: 599_500 }, pair)), 'closing-unexplained')
})

test('spends pay the account, or the own second level, and nobody else', async () => {
  const pair = await opened()
  const [alice, bob] = pair.sides
  const { point } = value(await alice.keeper.holderPoint(alice.keys.keyId, 0))
  const spend = async (script: Uint8Array, key: SpendRequest['key'], amount = 9_000) => {
    const transaction = Transaction.of({
      version: 2,
      inputs: [unsignedInput({ txid: new Uint8Array(32).fill(1), index: 0 }, 1)],
      outputs: [{ value: sats(amount), scriptPubKey: script }],
      lockTime: 0,
    })
    const spent = [{ script: alice.payoutScript, amount: sats(10_000) }]
    return codeOf(
      await alice.keeper.signSpend({
        contract: alice.contract,
        transaction: transaction.bytes,
        input: 0,
        spent,
        key,
        hashType: 0,
      }),
    )
  }
  const commitment = await pair.commitment(first, 0, 0)
  const { keys } = value(commitmentTransaction(alice.contract, commitment))
  const ownLevel = secondLevelOutput(keys, alice.contract.holder.delay).scriptPubKey
  const theirs = value(commitmentTransaction(alice.contract, await pair.commitment(first, 1, 0)))
  const theirLevel = secondLevelOutput(theirs.keys, alice.contract.counterparty.delay).scriptPubKey
  const kinds: SpendRequest['key'][] = [
    { kind: 'payment' },
    { kind: 'delayed-payment', point },
    { kind: 'htlc', point },
    { kind: 'revocation', secret: sha256(Uint8Array.of(3)) },
  ]
  for (const key of kinds) {
    assert.equal(await spend(alice.payoutScript, key), 'accepted')
    assert.equal(await spend(bob.payoutScript, key), 'payout-foreign')
    assert.equal(await spend(ownLevel, key), key.kind === 'htlc' ? 'accepted' : 'payout-foreign')
    assert.equal(await spend(theirLevel, key), 'payout-foreign')
  }
  assert.equal(
    await spend(theirLevel, { kind: 'htlc', point: theirs && (await pair.commitment(first, 1, 0)).point }),
    'payout-foreign',
  )
  assert.equal(
    await spend(alice.payoutScript, { kind: 'revocation', secret: new Uint8Array(32) }),
    'revocation-invalid',
  )
})

test('a share of a lost channel goes to the account, by the key of its basepoint', async () => {
  const pair = await opened()
  const [alice, bob] = pair.sides
  const points = value(await alice.keeper.paymentBasepoints())
  const basepoint = points.findIndex((point) => equalBytes(point, alice.keys.basepoints.payment))
  assert(basepoint >= 0 && points.length === 1_024)
  const published = await pair.publish(first, 1)
  const spends = sharesOf(points[basepoint], published)
  assert.equal(spends.length, 1)
  const claim = async (script: Uint8Array, at: number) => {
    const payout = { branch: 0, index: 0, script }
    return claimLostShares([{ spend: spends[0], basepoint: at }], alice.keeper, payout, 253)
  }
  assert.equal(codeOf(await claim(bob.payoutScript, basepoint)), 'channel-mismatch')
  assert.equal(codeOf(await claim(alice.payoutScript, 1_024)), 'channel-keys-unknown')
  const transaction = value(await claim(alice.payoutScript, basepoint))
  assert.equal(verdict(transaction, [spends[0].output]), 'valid')
  assert.notEqual(
    verdict(value(await claim(alice.payoutScript, (basepoint + 1) % 1_024)), [spends[0].output]),
    'valid',
  )
  const foreign = await alice.keeper.signLostShare({
    basepoint,
    payout: { branch: 0, index: 0, script: alice.payoutScript },
    transaction: published.bytes,
    input: 0,
    spent: [{ script: spends[0].output.scriptPubKey, amount: sats(AMOUNT) }],
    hashType: 0,
  })
  assert.equal(codeOf(foreign), 'payout-foreign')
})

test('an HTLC that is passed on is paid for by one that was offered: of its hash, no less money, a later expiry, and once', async () => {
  const hub = new KeeperSide('hub')
  const upstream = await KeeperPair.open({ amount: AMOUNT }, [new KeeperSide('payer'), hub])
  await upstream.fund()
  await upstream.advance(first)
  await upstream.advance(offering)
  const { keyId } = hub.contract
  const downstream = await KeeperPair.open({ amount: AMOUNT }, [hub, new KeeperSide('payee')])
  await downstream.fund('22'.repeat(32) as Txid)
  await downstream.advance(first)
  const forward = async (passed: CommitmentHtlc, source: number, from = keyId) =>
    codeOf(
      await downstream.sign(
        { ...first, number: 1, amounts: [600_000_000 - passed.amount, 400_000_000], htlcs: [passed] },
        0,
        {
          origins: new Map([[passed.id, { kind: 'forward', keyId: from, htlc: source }]]),
        },
      ),
    )
  const passed = (changes: Partial<CommitmentHtlc>): CommitmentHtlc => ({
    ...htlc(1, true, 9_999_000, 400),
    ...changes,
  })
  assert.equal(await forward(passed({}), 2), 'commitment-unexplained')
  assert.equal(await forward(passed({}), 1, 'ab'.repeat(8)), 'channel-keys-unknown')
  // The payer could still publish its commitment that does not have it.
  assert.equal(await forward(passed({}), 1), 'commitment-unexplained')
  value(await hub.keeper.counterpartyRevoked(keyId, await upstream.secret(0, 0)))
  assert.equal(await forward(passed({ amount: 10_000_001 as Msat }), 1), 'commitment-unexplained')
  assert.equal(await forward(passed({ expiry: 500 }), 1), 'commitment-unexplained')
  assert.equal(await forward(passed({ paymentHash: sha256(preimage(2)) }), 1), 'commitment-unexplained')
  const twice = [passed({}), { ...passed({}), id: 2 }]
  const origins = new Map(twice.map(({ id }) => [id, { kind: 'forward', keyId, htlc: 1 } as const]))
  const amounts: [number, number] = [600_000_000 - 2 * 9_999_000, 400_000_000]
  assert.equal(
    codeOf(await downstream.sign({ ...first, number: 1, amounts, htlcs: twice }, 0, { origins })),
    'commitment-unexplained',
  )
  assert.equal(await forward(passed({}), 1), 'accepted')
})

/** A pair whose first side pays by approval alone. */
async function attended(): Promise<KeeperPair> {
  const alice = new KeeperSide('alice')
  alice.attended = true
  alice.start()
  const pair = await KeeperPair.open({ amount: AMOUNT }, [alice, new KeeperSide('bob')])
  await pair.fund()
  await pair.advance(first)
  return pair
}

const HASH = bytesToHex(sha256(preimage(1)))

test('a payment that nobody agreed to is not signed, and one that was takes what was agreed to, all its parts together', async () => {
  const pair = await attended()
  const [alice] = pair.sides
  const offer = async (...amounts: number[]) => {
    const htlcs = amounts.map((amount, at) => ({ ...htlc(1, true, amount), id: at + 1 }))
    const total = amounts.reduce((sum, each) => sum + each, 0)
    return codeOf(
      await pair.sign({ ...first, number: 1, amounts: [600_000_000 - total, 400_000_000], htlcs }, 0),
    )
  }
  const begin = async (hash: Uint8Array, most: number) =>
    codeOf(await alice.keeper.beginPayment(hash, most as Msat))
  assert.equal(await offer(10_000_000), 'payment-not-approved')
  assert.equal(await begin(sha256(preimage(1)), 10_000_000), 'payment-not-approved')
  alice.keeper.approve(7, { hash: HASH, most: 10_000_000 as Msat })
  // Not begun, of another hash, or for more: each is another payment.
  assert.equal(await offer(10_000_000), 'payment-not-approved')
  assert.equal(await begin(sha256(preimage(2)), 10_000_000), 'payment-not-approved')
  assert.equal(await begin(sha256(preimage(1)), 10_000_001), 'payment-not-approved')
  assert.equal(await begin(sha256(preimage(1)), 10_000_000), 'accepted')
  assert.equal(await offer(10_000_001), 'payment-not-approved')
  assert.equal(await offer(5_000_000, 5_000_001), 'payment-not-approved')
  assert.equal(await offer(5_000_000, 5_000_000), 'accepted')
  // It was used up by that.
  alice.keeper.approve(8, { hash: HASH, most: 10_000_000 as Msat })
  alice.keeper.revoke(8)
  value(await alice.keeper.endPayment(sha256(preimage(1))))
  assert.equal(await begin(sha256(preimage(1)), 1), 'payment-not-approved')
})

test('what comes back may be sent again, what was taken not, also after a restart', async () => {
  for (const isTaken of [false, true]) {
    const pair = await attended()
    const [alice] = pair.sides
    alice.keeper.approve(7, { hash: HASH, most: 10_000_000 as Msat })
    value(await alice.keeper.beginPayment(sha256(preimage(1)), 10_000_000 as Msat))
    await pair.advance(offering)
    const end = isTaken ? taken : failed
    await pair.advance(end, new Map(isTaken ? [[1, preimage(1)]] : []))
    const again: Agreed = {
      ...end,
      number: 3,
      amounts: [end.amounts[0] - 10_000_000, end.amounts[1]],
      htlcs: [{ ...htlc(1, true, 10_000_000), id: 2 }],
    }
    const state = {
      holder: await pair.commitment(end, 0, 0),
      counterparty: [await pair.commitment(end, 1, 0)],
    }
    // The other side could still publish the commitment that has the first one.
    assert.equal(codeOf(await pair.sign(again, 0)), 'payment-not-approved')
    value(await alice.start().attach(alice.contract, state))
    value(await pair.hear(0, 1))
    assert.equal(codeOf(await pair.sign(again, 0)), isTaken ? 'payment-not-approved' : 'accepted')
  }
})

test('an allowance pays for what nobody agreed to, as far as it goes, and has back what was not used', async () => {
  const pair = await attended()
  const [alice] = pair.sides
  const left = async (amount?: number) => value(await alice.keeper.allowance(amount as Msat | undefined))
  assert.equal(await left(), 0)
  assert.equal(await left(15_000_000), 15_000_000)
  value(await alice.keeper.beginPayment(sha256(preimage(1)), 12_000_000 as Msat))
  assert.equal(await left(), 3_000_000)
  const more = await alice.keeper.beginPayment(sha256(preimage(2)), 3_000_001 as Msat)
  assert.equal(codeOf(more), 'payment-not-approved')
  await pair.advance(offering)
  value(await alice.keeper.endPayment(sha256(preimage(1))))
  assert.equal(await left(), 5_000_000)
  await pair.advance(failed)
  value(await pair.hear(0, 1))
  assert.equal(await left(), 15_000_000)
  alice.start()
  // Durable with the next commitment that is signed.
  assert.equal(await left(), 3_000_000 + 2_000_000)
  const { records } = alice
  alice.start({
    ...records,
    load: async () => ({ version: 1, keyId: 'spending', allowance: 9e9, payments: [], mac: 'aa' }),
  } as never)
  assert.equal(await left(), 0)
})

test('an HTLC that was passed on is not failed before the one that it pays for is gone for good', async () => {
  for (const end of ['stands', 'taken', 'removed', 'gone', 'returned'] as const) {
    const hub = new KeeperSide('hub')
    hub.attended = true
    hub.start()
    const upstream = await KeeperPair.open({ amount: AMOUNT }, [new KeeperSide('payer'), hub])
    await upstream.fund()
    await upstream.advance(first)
    await upstream.advance(offering)
    value(await upstream.hear(1, 0))
    const { keys, contract } = hub
    const { keyId } = keys
    const downstream = await KeeperPair.open({ amount: AMOUNT }, [hub, new KeeperSide('payee')])
    await downstream.fund('22'.repeat(32) as Txid)
    await downstream.advance(first)
    const passed = htlc(1, true, 10_000_000, 400)
    const origins = new Map([[1, { kind: 'forward', keyId, htlc: 1 } as const]])
    await downstream.advance({ ...offering, htlcs: [passed] }, new Map(), origins)
    if (end === 'taken') await downstream.advance(taken, new Map([[1, preimage(1)]]))
    if (end === 'removed' || end === 'gone') await downstream.advance(failed)
    if (end === 'taken' || end === 'gone') value(await downstream.hear(0, 1))
    if (end === 'returned') {
      const { keyId: down } = hub.keys
      assert.equal(codeOf(await hub.keeper.htlcReturned(down, 1)), 'payment-not-approved')
      value(await hub.keeper.allowance(10_000_000 as Msat))
      value(await hub.keeper.htlcReturned(down, 1))
      assert.equal(value(await hub.keeper.allowance(undefined)), 0)
    }
    const isFree = end === 'gone' || end === 'returned'
    Object.assign(hub, { keys, contract })
    const revocation = await upstream.secret(0, 0)
    const code = isFree ? 'accepted' : 'commitment-unexplained'
    assert.equal(codeOf(await upstream.sign(failed, 1, { revocation })), code, end)
    assert.equal(codeOf(await upstream.accept(failed, 1, await upstream.collude(failed, 0))), code, end)
    // For its money it may go at any time.
    if (!isFree)
      assert.equal(
        codeOf(await upstream.sign(taken, 1, { revocation, preimages: new Map([[1, preimage(1)]]) })),
        'accepted',
      )
  }
})

/** A step in the life of a channel. */
type Step =
  | { readonly kind: 'offer'; readonly by: number; readonly amount: number }
  | { readonly kind: 'settle' | 'fail'; readonly which: number }
  | { readonly kind: 'restart'; readonly side: number }

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('offer' as const),
      by: fc.nat(1),
      amount: fc.integer({ min: 1, max: 30_000_000 }),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constantFrom('settle' as const, 'fail' as const), which: fc.nat() }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('restart' as const), side: fc.nat(1) }) },
)

test('property: over a life with restarts all is signed, and no nonce signs twice', {
  timeout: 600_000,
}, async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 3, maxLength: 8 }), async (steps) => {
      const pair = await KeeperPair.open({ amount: AMOUNT })
      await pair.fund()
      let now = first
      await pair.advance(now)
      let before: Agreed | undefined
      let ids = 0
      for (const each of steps) {
        if (each.kind === 'restart') {
          const side = each.side
          const { contract } = pair.sides[side]
          const states = before ? [before, now] : [now]
          const told = {
            holder: await pair.commitment(now, side, side),
            counterparty: await Promise.all(states.map((agreed) => pair.commitment(agreed, 1 - side, side))),
          }
          value(await pair.sides[side].start().attach(contract, told))
          continue
        }
        const amounts: [number, number] = [...now.amounts]
        let htlcs = now.htlcs
        const preimages = new Map<number, Uint8Array>()
        if (each.kind === 'offer') {
          ids++
          amounts[each.by] -= each.amount
          htlcs = [...htlcs, htlc(ids, each.by === 0, each.amount)]
        } else {
          const gone = htlcs[each.which % Math.max(1, htlcs.length)]
          if (!gone) continue
          htlcs = htlcs.filter(({ id }) => id !== gone.id)
          const offerer = gone.offered ? 0 : 1
          amounts[each.kind === 'settle' ? 1 - offerer : offerer] += gone.amount
          preimages.set(gone.id, preimage(gone.id))
        }
        before = now
        now = { number: now.number + 1, amounts, htlcs, feerate: FEERATE }
        await pair.advance(now, preimages)
      }
      // What each signed alone, by the nonce that it was signed with.
      const used = new Map<string, string>()
      for (const { signatures } of pair.sides)
        for (const { nonce, partialSignature } of signatures.values()) {
          assert.equal(used.has(bytesToHex(nonce)), false)
          used.set(bytesToHex(nonce), bytesToHex(partialSignature))
        }
      for (const side of [0, 1]) {
        const transaction = await pair.publish(now, side)
        assert.equal(verdict(transaction, [pair.fundingOutput]), 'valid')
        assert.deepEqual(await pair.publish(now, side), transaction)
      }
    }),
    { numRuns: 15 },
  )
})

/** What a brain turned hostile may ask, over and over, of a channel with a few states; all of it honest at its time or made up. */
test('property: whatever order a hostile brain asks in, no void commitment is signed and no two contents under one nonce', {
  timeout: 600_000,
}, async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.nat(5), fc.nat(4), fc.nat(3)), { minLength: 5, maxLength: 25 }),
      async (asked) => {
        const pair = await opened()
        const [alice] = pair.sides
        // The other side signs whatever gains it something: it colludes.
        const states: Agreed[] = [
          first,
          offering,
          { ...first, number: 1 },
          { ...taken, number: 2 },
          { ...failed, number: 2 },
        ]
        const released = new Set<number>()
        const signed = new Map<number, Set<string>>()
        let copy = alice.records.copy()
        for (const [request, which, more] of asked) {
          const agreed = states[which]
          const preimages = new Map(more > 0 ? [[1, preimage(1)]] : [])
          if (request === 0)
            await pair.sign(agreed, 0, {
              preimages,
              revocation: more > 1 ? await pair.secret(1, 0).catch(() => undefined) : undefined,
            })
          if (request === 1) {
            const signatures = await pair.collude(agreed, 1)
            await pair.accept(agreed, 0, signatures, preimages)
            alice.signatures.set(which, signatures)
          }
          if (request === 2) {
            const told = await alice.keeper.releaseSecret(alice.keys.keyId, more)
            if (told.ok) released.add(more)
          }
          if (request === 3 || request === 4) {
            const signatures = more > 1 ? await pair.collude(agreed, 1) : alice.signatures.get(which)
            if (!signatures) continue
            const commitment = await pair.commitment(agreed, 0, 0)
            const told = await alice.keeper.signHolderCommitment(alice.contract, commitment, signatures)
            if (told.ok) {
              assert.equal(released.has(agreed.number), false, 'a void commitment was signed')
              const all = signed.get(agreed.number) ?? new Set()
              signed.set(agreed.number, all.add(bytesToHex(told.value)))
            }
          }
          if (request === 5) {
            // It starts anew, and tells what it likes.
            copy = alice.records.copy()
            alice.start(copy)
            const holder: Commitment | undefined = more > 0 ? await pair.commitment(agreed, 0, 0) : undefined
            const told = await alice.keeper.attach(alice.contract, {
              holder,
              counterparty: more > 0 ? [await pair.commitment(agreed, 1, 0)] : [],
            })
            if (!told.ok)
              await alice.keeper.attach(alice.contract, {
                holder: await pair.commitment(first, 0, 0),
                counterparty: [await pair.commitment(first, 1, 0)],
              })
          }
        }
        for (const [number, signatures] of signed) assert.equal(signatures.size, 1, `commitment ${number}`)
      },
    ),
    { numRuns: 30 },
  )
})
