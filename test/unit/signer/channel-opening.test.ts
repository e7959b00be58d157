/**
 * Promise: the wallet's money enters a channel by one approval that names the most it can take, and not before the other side has signed what
 * brings it back. The brain is hostile; it has the tab's own line to the signer.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MessageChannel } from 'node:worker_threads'
import type { Msat } from '../../../src/channels/amount.ts'
import type { ChannelContract, ChannelSigner } from '../../../src/channels/ports.ts'
import { fundingKey, fundingScript } from '../../../src/channels/scripts.ts'
import { type Sats, sats } from '../../../src/primitives/amount.ts'
import type { Transaction } from '../../../src/primitives/transaction.ts'
import { p2trScript } from '../../../src/script/taproot.ts'
import { deriveAccount, wordsToEntropy } from '../../../src/signer/keys.ts'
import type { LocalSigner } from '../../../src/signer/local-signer.ts'
import { Psbt } from '../../../src/wallet/psbt.ts'
import type { Endpoint } from '../../../src/workers/channel.ts'
import { remoteChannelSigner } from '../../../src/workers/channel-signer-link.ts'
import { RemoteSigners, serveSigners } from '../../../src/workers/signer-link.ts'
import { type Agreed, KeeperPair, KeeperSide } from '../../support/channel-keepers.ts'
import { codeOf, openSigners, PASSPHRASE, unlockedSigner, value, WORDS } from '../../support/wallets.ts'

const AMOUNT = 1_000_000
const account = deriveAccount(value(wordsToEntropy(WORDS)), 1).descriptor
const own = (branch: number, index: number) => {
  const key = account.derive(branch, index)
  return { ...key, scriptPubKey: p2trScript(key.outputKey) }
}

/** A channel of the tab's wallet, funded by a PSBT, with another signer; `given` is that one's from the start. */
class Opening {
  readonly signer: LocalSigner
  readonly brain: RemoteSigners
  readonly channels: ChannelSigner
  private pair!: KeeperPair
  psbt!: Psbt

  private constructor(signer: LocalSigner, brain: RemoteSigners) {
    this.signer = signer
    this.brain = brain
    this.channels = remoteChannelSigner(brain, '')
  }

  static async run(given: number, run: (opening: Opening) => Promise<void>): Promise<void> {
    const signers = await openSigners()
    const signer = await signers.of('')
    value(await signer.restoreWords(WORDS, PASSPHRASE))
    value(await signer.unlock(PASSPHRASE))
    const ports = new MessageChannel()
    serveSigners(signers, ports.port1 as unknown as Endpoint)
    const brain = await RemoteSigners.connect(ports.port2 as unknown as Endpoint)
    const opening = new Opening(signer, brain)
    try {
      await opening.prepare(given)
      await run(opening)
    } finally {
      ports.port1.close()
    }
  }

  /** Everything up to the other side's signature under the first commitment. */
  private async prepare(given: number): Promise<void> {
    const side = new KeeperSide('tab')
    Object.assign(side, { keeper: this.channels, account: deriveAccount(value(wordsToEntropy(WORDS)), 1) })
    this.pair = await KeeperPair.open({ amount: AMOUNT }, [side, new KeeperSide('bob')])
    this.psbt = payment(this.fundingScript, AMOUNT)
    await this.pair.fund(this.psbt.unsigned.txid)
    this.first = { number: 0, amounts: [(AMOUNT - given) * 1000, given * 1000], htlcs: [], feerate: 1000 }
  }
  private first!: Agreed

  get fundingScript(): Uint8Array {
    const [a, b] = this.pair.sides
    return fundingScript(value(fundingKey(a.keys.basepoints.funding, b.keys.basepoints.funding)))
  }

  get contract(): ChannelContract {
    return this.pair.sides[0].contract
  }

  /** The other side signs. */
  async countersign(): Promise<void> {
    await this.pair.advance(this.first)
  }

  /** The tab's own commitment. */
  publish(): Promise<Transaction> {
    return this.pair.publish(this.first, 0)
  }

  approve(amount: number, given = 0): void {
    value(
      this.signer.approve({ type: 'channel', amount: sats(amount), given: sats(given), feeRate: undefined }),
    )
  }

  async sign(psbt = this.psbt): Promise<string> {
    return codeOf(await this.brain.signer('').signPsbt(psbt.bytes))
  }
}

function payment(
  script: Uint8Array,
  amount: number,
  more: readonly { readonly value: Sats; readonly scriptPubKey: Uint8Array }[] = [],
): Psbt {
  const back = own(1, 0)
  return Psbt.of({
    inputs: [
      {
        prevout: { txid: new Uint8Array(32).fill(1), index: 0 },
        sequence: 0xfffffffd,
        spent: { value: sats(2_000_000), scriptPubKey: own(0, 0).scriptPubKey },
        key: own(0, 0),
      },
    ],
    outputs: [
      { value: sats(amount), scriptPubKey: script, key: undefined },
      ...more.map((output) => ({ ...output, key: undefined })),
      {
        value: sats(2_000_000 - amount - 500 - (more[0]?.value ?? 0)),
        scriptPubKey: back.scriptPubKey,
        key: back,
      },
    ],
    lockTime: 0,
  })
}

test('a channel is funded by its approval, once the first commitment is signed, and once', () =>
  Opening.run(0, async (opening) => {
    assert.equal(await opening.sign(), 'payment-not-approved')
    opening.approve(AMOUNT)
    assert.equal(await opening.sign(), 'payment-not-approved')
    await opening.countersign()
    assert.equal(await opening.sign(), 'accepted')
    assert.equal(await opening.sign(), 'payment-not-approved')
  }))

test('it takes no more than was approved, pays nobody else, and gives nothing away', async () => {
  await Opening.run(0, async (opening) => {
    await opening.countersign()
    opening.approve(AMOUNT - 1)
    assert.equal(await opening.sign(), 'payment-not-approved')
    opening.approve(AMOUNT)
    const eve = { value: sats(1_000), scriptPubKey: new KeeperSide('eve').payoutScript }
    assert.equal(await opening.sign(payment(opening.fundingScript, AMOUNT, [eve])), 'payment-not-approved')
    assert.equal(await opening.sign(payment(eve.scriptPubKey, AMOUNT)), 'payment-not-approved')
    assert.equal(await opening.sign(payment(opening.fundingScript, AMOUNT - 1)), 'payment-not-approved')
    assert.equal(await opening.sign(), 'accepted')
  })
  await Opening.run(2_000, async (opening) => {
    await opening.countersign()
    opening.approve(AMOUNT, 1_999)
    assert.equal(await opening.sign(), 'payment-not-approved')
    opening.approve(AMOUNT, 2_000)
    assert.equal(await opening.sign(), 'accepted')
  })
})

test('the wallet pays the fee of a channel’s claim without being asked again, and nothing beside it', () =>
  Opening.run(0, async (opening) => {
    await opening.countersign()
    const commitment = await opening.publish()
    const anchor = commitment.outputs.findIndex(({ value }) => value === 330)
    const child = (
      fee: number,
      to: Pick<ReturnType<typeof own>, 'scriptPubKey'> = own(1, 0),
      index = anchor,
      txid = commitment.txidBytes,
    ) =>
      Psbt.of({
        inputs: [
          {
            prevout: { txid, index },
            sequence: 0xfffffffd,
            spent: commitment.outputs[anchor],
            key: undefined,
          },
          {
            prevout: { txid: new Uint8Array(32).fill(3), index: 0 },
            sequence: 0xfffffffd,
            spent: { value: sats(2_000_000), scriptPubKey: own(0, 0).scriptPubKey },
            key: own(0, 0),
          },
        ],
        outputs: [
          {
            value: sats(2_000_330 - fee),
            scriptPubKey: to.scriptPubKey,
            key: 'origin' in to ? own(1, 0) : undefined,
          },
        ],
        lockTime: 0,
      })
    assert.equal(await opening.sign(child(2_000)), 'accepted')
    assert.equal(await opening.sign(child(2_000)), 'accepted')
    const eve = { scriptPubKey: new KeeperSide('eve').payoutScript }
    assert.notEqual(await opening.sign(child(2_000, eve)), 'accepted')
    assert.notEqual(await opening.sign(child(501_000)), 'accepted')
    // Of a transaction that is no commitment.
    assert.notEqual(await opening.sign(child(2_000, own(1, 0), 0, new Uint8Array(32).fill(9))), 'accepted')
  }))

test('a wallet that locks keeps the keys of its channels, and none where there is no channel', async () => {
  await Opening.run(0, async (opening) => {
    await opening.countersign()
    opening.signer.lock()
    assert.equal(await opening.sign(), 'wallet-locked')
    assert.equal(codeOf(await opening.channels.closingNonce(opening.contract.keyId)), 'accepted')
    // They pay nothing that was not allowed before.
    assert.equal(codeOf(await opening.signer.allowance(1_000)), 'wallet-locked')
    const keysend = { type: 'keysend', amount: 1_000, maxFeePercent: 0 } as const
    assert.equal(codeOf(opening.signer.approve(keysend)), 'wallet-locked')
    assert.equal(value(await opening.signer.allowance()), 0)
    const pay = async () =>
      codeOf(await opening.channels.beginPayment(new Uint8Array(32).fill(1), 1_000 as Msat))
    assert.equal(await pay(), 'payment-not-approved')
    value(await opening.signer.unlock(PASSPHRASE))
    value(await opening.signer.allowance(1_000))
    opening.signer.lock()
    assert.equal(await pay(), 'accepted')
  })
  const signer = await unlockedSigner()
  assert.equal(codeOf(await signer.channels.createKeys()), 'accepted')
  signer.lock()
  assert.equal(codeOf(await signer.channels.createKeys()), 'wallet-locked')
  value(await signer.unlock(PASSPHRASE))
  assert.equal(codeOf(await signer.channels.createKeys()), 'accepted')
})

test('the brain calls the methods of a channel’s signer, and no others', () =>
  Opening.run(0, async ({ brain }) => {
    for (const method of ['close', 'open', 'givenAway', 'constructor'])
      assert.equal(codeOf(await brain.callChannel('', { method, args: [] } as never)), 'signer-failed')
  }))
