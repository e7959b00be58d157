/**
 * Promise: what is reviewed is what is signed. The brain reads what strangers send; here it is turned, and lies in every way that it could
 * gain by: about outputs, amounts, change, fee and inputs, and about what it shows. The signer refuses, or the review tells the truth. The
 * signer and its links are those of a tab.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MessageChannel } from 'node:worker_threads'
import { secp256k1 } from '@noble/curves/secp256k1.js'
import { base64 } from '@scure/base'
import { type Msat, msat } from '../../../src/channels/amount.ts'
import { features } from '../../../src/channels/features.ts'
import type { ChannelSigner } from '../../../src/channels/ports.ts'
import { REGTEST } from '../../../src/consensus/params.ts'
import { RpcError } from '../../../src/node/rpc-error.ts'
import { formatCoins, type Sats, sats } from '../../../src/primitives/amount.ts'
import { bytesToHex } from '../../../src/primitives/bytes.ts'
import type { Result } from '../../../src/primitives/result.ts'
import type { Transaction } from '../../../src/primitives/transaction.ts'
import { encodeAddress } from '../../../src/script/address.ts'
import { HASH_TYPES } from '../../../src/script/hash-types.ts'
import { packOutputs } from '../../../src/script/input-check.ts'
import { messageOutput, transactionToSign } from '../../../src/script/signed-message.ts'
import { p2trScript } from '../../../src/script/taproot.ts'
import { verifyTransaction } from '../../../src/script/verify-input.ts'
import { deriveAccount, wordsToEntropy } from '../../../src/signer/keys.ts'
import type { LocalSigner } from '../../../src/signer/local-signer.ts'
import type { LocalSigners } from '../../../src/signer/local-signers.ts'
import type { DerivedKey } from '../../../src/wallet/descriptor.ts'
import { Psbt, type PsbtKey } from '../../../src/wallet/psbt.ts'
import type { Signer } from '../../../src/wallet/signer.ts'
import type { Endpoint } from '../../../src/workers/channel.ts'
import { remoteChannelSigner } from '../../../src/workers/channel-signer-link.ts'
import {
  RemoteSigners,
  runCommand,
  type SignerCommand,
  serveSigners,
} from '../../../src/workers/signer-link.ts'
import { foreignReview, reviewOf } from '../../../web/review.ts'
import type { PsbtReview } from '../../../web/rpc-results.ts'
import { callPayment } from '../../../web/tab/payment-methods.ts'
import { encodeInvoice } from '../../support/invoices.ts'
import { codeOf, openSigners, PASSPHRASE, value, WORDS } from '../../support/wallets.ts'

const account = deriveAccount(value(wordsToEntropy(WORDS)), 1).descriptor
const strangers = deriveAccount(new Uint8Array(16).fill(9), 1).descriptor

interface Key extends DerivedKey {
  readonly scriptPubKey: Uint8Array
  readonly address: string
}

function keyOf({ outputKey, ...key }: DerivedKey): Key {
  const address = encodeAddress(outputKey, REGTEST.addressPrefix)
  return { ...key, outputKey, scriptPubKey: p2trScript(outputKey), address }
}

const own = (branch: number, index: number) => keyOf(account.derive(branch, index))
const BOB = keyOf(strangers.derive(0, 0))
const EVE = keyOf(strangers.derive(0, 1))

interface Output {
  readonly to: Key
  readonly value: number
  /** The key that the PSBT names for it. */
  readonly named?: PsbtKey | undefined
}

/** What the brain makes of the request to pay Bob 1,000,000 satoshis out of two coins of 1,000,000. */
interface Lies {
  readonly outputs?: readonly Output[]
  /** Of the coins, as the PSBT tells it. */
  readonly told?: number
  readonly prevout?: number
}

const PAID = 1_000_000
const FEE = 500

function payment({ outputs, told = 1_000_000, prevout = 1 }: Lies = {}): Psbt {
  return Psbt.of({
    inputs: [0, 1].map((index) => ({
      prevout: { txid: new Uint8Array(32).fill(prevout), index },
      sequence: 0xfffffffd,
      spent: { value: sats(told), scriptPubKey: own(0, index).scriptPubKey },
      key: own(0, index),
    })),
    outputs: (outputs ?? honest()).map(({ to, value, named }) => ({
      value: sats(value),
      scriptPubKey: to.scriptPubKey,
      key: named,
    })),
    lockTime: 0,
  })
}

function honest(fee = FEE): Output[] {
  const back = own(1, 0)
  return [
    { to: BOB, value: PAID },
    { to: back, value: 1_000_000 - fee, named: back },
  ]
}

/** A tab whose brain is ours. */
class Tab {
  readonly signers: LocalSigners
  readonly signer: LocalSigner
  private readonly remote: RemoteSigners
  private readonly brain: Signer
  /** What the brain asks of the signer of channels. */
  readonly channels: ChannelSigner
  private readonly ports: MessageChannel
  /** The wallets that the brain says are loaded, and the one that the page's user names. */
  wallets: readonly string[] = ['']
  named: string | undefined
  /** What the brain does at each RPC call. */
  answer: (method: string) => Promise<unknown> = async () => undefined

  private constructor(signers: LocalSigners, brain: RemoteSigners, ports: MessageChannel) {
    this.signers = signers
    this.signer = signers.get('')!
    this.remote = brain
    this.brain = brain.signer('')
    this.channels = remoteChannelSigner(brain, '')
    this.ports = ports
  }

  static async open(): Promise<Tab> {
    const signers = await openSigners()
    const signer = await signers.of('')
    value(await signer.restoreWords(WORDS, PASSPHRASE))
    value(await signer.unlock(PASSPHRASE))
    const ports = new MessageChannel()
    serveSigners(signers, ports.port1 as unknown as Endpoint)
    const brain = await RemoteSigners.connect(ports.port2 as unknown as Endpoint)
    return new Tab(signers, brain, ports)
  }

  close(): void {
    this.ports.port1.close()
  }

  /** What the page's user calls: `opentab.rpc`, where it signs. */
  rpc(method: string, ...args: unknown[]): Promise<unknown> {
    const keys = {
      status: () => this.signer.status(),
      stopped: new Promise<never>(() => {}),
      run: (wallet: string, command: SignerCommand) => runCommand(this.signers, wallet, command),
    }
    return callPayment(
      { rpc: () => this.answer(method), wallets: this.wallets },
      keys,
      method,
      args,
      this.named,
    )
  }

  /** The brain calls a method of the signer of channels, of whatever name. */
  call(method: string, ...args: unknown[]): Promise<Result<unknown>> {
    return this.remote.callChannel('', { method, args } as never)
  }

  /** The brain asks for a signature. */
  sign(psbt: Psbt, replaced?: Transaction, hashType?: number): Promise<Result<Uint8Array>> {
    return this.brain.signPsbt(psbt.bytes, replaced?.bytes, hashType)
  }

  /** The brain hands what it likes to the signer, while the page makes this call. What the signer says to it. */
  async during(psbt: Psbt, method: string, ...args: unknown[]): Promise<string> {
    let said: Result<Uint8Array> | undefined
    this.answer = async () => {
      said = await this.sign(psbt)
    }
    await this.rpc(method, ...args)
    return codeOf(said!)
  }
}

async function withTab(run: (tab: Tab) => Promise<void>): Promise<void> {
  const tab = await Tab.open()
  try {
    await run(tab)
  } finally {
    tab.close()
  }
}

const coins = (amount: number) => formatCoins(amount as Sats)
const encoded = (psbt: Psbt) => base64.encode(psbt.bytes)
const SEND = ['sendtoaddress', BOB.address, coins(PAID)] as const

/** Each with what the honest wallet would never do. */
const swaps: readonly (readonly [name: string, lies: Lies])[] = [
  ['the payee is another', { outputs: [{ ...honest()[0], to: EVE }, honest()[1]] }],
  ['the amount is greater', { outputs: [{ to: BOB, value: PAID + 1 }, honest(FEE + 1)[1]] }],
  ['the amount is less', { outputs: [{ to: BOB, value: PAID - 1 }, honest(FEE - 1)[1]] }],
  ['the change goes elsewhere', { outputs: [honest()[0], { to: EVE, value: 1_000_000 - FEE }] }],
  [
    'the change goes elsewhere under our name',
    { outputs: [honest()[0], { to: EVE, value: 1_000_000 - FEE, named: own(1, 0) }] },
  ],
  [
    'a part of the change goes elsewhere',
    { outputs: [honest()[0], { to: EVE, value: 1_000 }, honest(FEE + 1_000)[1]] },
  ],
  ['the payee is paid twice', { outputs: [honest()[0], { to: BOB, value: 1_000_000 - FEE }] }],
  ['nobody is paid', { outputs: [honest()[1]] }],
  ['the change is left to the miner', { outputs: [honest()[0]] }],
  [
    'the change comes back where nobody looks',
    {
      outputs: [
        honest()[0],
        { to: own(1, 2_000_000_000), value: 1_000_000 - FEE, named: own(1, 2_000_000_000) },
      ],
    },
  ],
]

test('without a request in the page an unlocked signer signs nothing', () =>
  withTab(async (tab) => {
    assert.equal(codeOf(await tab.sign(payment())), 'payment-not-approved')
  }))

test('a request in the page has its own payment signed, once, and while it is made', () =>
  withTab(async (tab) => {
    const signatures: string[] = []
    tab.answer = async () => {
      signatures.push(codeOf(await tab.sign(payment())), codeOf(await tab.sign(payment({ prevout: 2 }))))
    }
    await tab.rpc(...SEND)
    signatures.push(codeOf(await tab.sign(payment({ prevout: 3 }))))
    assert.deepEqual(signatures, ['accepted', 'payment-not-approved', 'payment-not-approved'])
  }))

test('what is agreed to for one wallet is signed by no other, not even by one with the same keys', () =>
  withTab(async (tab) => {
    const other = await tab.signers.of('other')
    value(await other.restoreWords(WORDS, PASSPHRASE))
    value(await other.unlock(PASSPHRASE))
    tab.wallets = ['', 'other']
    const signatures: string[] = []
    tab.answer = async () => {
      for (const signer of [tab.signer, other])
        signatures.push(codeOf(await signer.signPsbt(payment().bytes)))
    }
    tab.named = ''
    await tab.rpc(...SEND)
    tab.named = 'other'
    await tab.rpc(...SEND)
    assert.deepEqual(signatures, ['accepted', 'payment-not-approved', 'payment-not-approved', 'accepted'])
    // Where it isn't said which one pays, nothing is agreed to.
    tab.named = undefined
    await assert.rejects(tab.rpc(...SEND), /Several wallets/)
    tab.wallets = []
    await assert.rejects(tab.rpc(...SEND), /No wallet/)
    tab.wallets = ['other']
    await tab.rpc(...SEND)
    assert.deepEqual(signatures.slice(4), ['payment-not-approved', 'accepted'])
  }))

test('an approval ends with its call, also where the node says that it failed', () =>
  withTab(async (tab) => {
    tab.answer = () => Promise.reject(new RpcError(-6, 'There are 0 coins that can be spent.'))
    await assert.rejects(tab.rpc(...SEND), /0 coins/)
    assert.equal(codeOf(await tab.sign(payment())), 'payment-not-approved')
  }))

for (const [name, lies] of swaps)
  test(`sendtoaddress is not signed where ${name}`, () =>
    withTab(async (tab) => {
      const said = await tab.during(payment(lies), ...SEND)
      assert.ok(['payment-not-approved', 'max-fee-exceeded', 'psbt-mismatch'].includes(said), said)
    }))

for (const [method, ...args] of [
  ['send', { [BOB.address]: coins(PAID) }],
  ['sendmany', '', { [BOB.address]: coins(PAID) }],
] as const)
  test(`${method} agrees to its own payment alone`, () =>
    withTab(async (tab) => {
      assert.equal(await tab.during(payment(), method, ...args), 'accepted')
      for (const [name, lies] of swaps)
        assert.notEqual(await tab.during(payment(lies), method, ...args), 'accepted', name)
    }))

test('what send names for the change may get it, and nobody else', () =>
  withTab(async (tab) => {
    const asked = [{ [BOB.address]: coins(PAID) }, null, null, null, { change_address: EVE.address }] as const
    const away = { to: EVE, value: 1_000_000 - FEE }
    assert.equal(await tab.during(payment({ outputs: [honest()[0]!, away] }), 'send', ...asked), 'accepted')
    assert.equal(await tab.during(payment(), 'send', ...asked), 'accepted')
    const less = [{ to: BOB, value: PAID - 1 }, away]
    assert.equal(await tab.during(payment({ outputs: less }), 'send', ...asked), 'payment-not-approved')
    const twice = [honest()[0]!, { to: EVE, value: 1_000 }, { to: EVE, value: 1_000_000 - FEE - 1_000 }]
    assert.equal(await tab.during(payment({ outputs: twice }), 'send', ...asked), 'payment-not-approved')
  }))

test('sendall pays its recipients, what is named exactly, and nobody else', () =>
  withTab(async (tab) => {
    const all = (to: Key): Psbt => payment({ outputs: [{ to, value: 2_000_000 - FEE }] })
    assert.equal(await tab.during(all(BOB), 'sendall', [BOB.address]), 'accepted')
    assert.equal(await tab.during(all(EVE), 'sendall', [BOB.address]), 'payment-not-approved')
    const shared = [
      { to: EVE, value: 900_000 },
      { to: BOB, value: 1_100_000 - FEE },
    ]
    const exact = [{ [EVE.address]: coins(900_000) }, BOB.address]
    assert.equal(await tab.during(payment({ outputs: shared }), 'sendall', exact), 'accepted')
    const off = [
      { to: EVE, value: 900_001 },
      { to: BOB, value: 1_099_999 - FEE },
    ]
    assert.equal(await tab.during(payment({ outputs: off }), 'sendall', exact), 'payment-not-approved')
  }))

test('to sign a message is to sign no payment and no other message', () =>
  withTab(async (tab) => {
    const { scriptPubKey, address } = own(0, 0)
    const message = (text: string): Psbt => {
      const { version, inputs, outputs, lockTime } = transactionToSign(scriptPubKey, text)
      return Psbt.of({
        version,
        inputs: inputs.map((input) => ({ ...input, spent: messageOutput(scriptPubKey), key: own(0, 0) })),
        outputs: outputs.map((output) => ({ ...output, key: undefined })),
        lockTime,
      })
    }
    const asked = ['signmessage', address, 'I pay on Friday.'] as const
    assert.equal(await tab.during(message('I pay on Friday.'), ...asked), 'accepted')
    assert.equal(await tab.during(message('I pay now.'), ...asked), 'payment-not-approved')
    assert.equal(await tab.during(payment(), ...asked), 'payment-not-approved')
    // What is handed over as a payment, whose review would show a payment of nothing to nobody.
    const disguised = message('I owe Eve.')
    const calls: readonly (readonly [method: string, text: string])[] = [
      ['reviewpsbt', encoded(disguised)],
      ['walletprocesspsbt', encoded(disguised)],
      ['sendpsbt', encoded(disguised)],
      ['signrawtransactionwithwallet', bytesToHex(disguised.unsigned.bytes)],
    ]
    for (const call of calls) await assert.rejects(tab.during(disguised, ...call), /signmessage/, call[0])
  }))

test('a signature leaves open what the page named by its hash type, and nothing else', () =>
  withTab(async (tab) => {
    const text = encoded(payment())
    const asked = async (hashType: number | undefined, ...args: unknown[]): Promise<string> => {
      let said: Result<Uint8Array> | undefined
      tab.answer = async () => {
        said = await tab.sign(payment(), undefined, hashType)
      }
      await tab.rpc('walletprocesspsbt', text, ...args)
      return codeOf(said!)
    }
    // Who holds a signature that commits to no outputs has the coin.
    for (const open of [1, 2, 3, 0x81, 0x82, 0x83]) {
      assert.equal(await asked(open), 'payment-not-approved')
      assert.equal(await asked(open, true, 'DEFAULT'), 'payment-not-approved')
    }
    for (const [name, type] of HASH_TYPES)
      for (const other of HASH_TYPES.values())
        assert.equal(await asked(other, true, name), other === type ? 'accepted' : 'payment-not-approved')
    tab.answer = async () => codeOf(await tab.sign(payment(), undefined, 2))
    assert.equal(await tab.rpc(...SEND), 'payment-not-approved')
    const { digest } = value(tab.signer.review(payment().bytes))
    assert.equal(await tab.rpc('sendpsbt', text, { digest }), 'payment-not-approved')
  }))

test('a fee is bounded by the rate that was named, or by what is no slip', () =>
  withTab(async (tab) => {
    const { vsize } = value(tab.signer.review(payment().bytes))
    const named = [undefined, undefined, undefined, undefined, undefined, undefined, undefined, 3]
    assert.equal(await tab.during(payment({ outputs: honest(3 * vsize) }), ...SEND, ...named), 'accepted')
    assert.equal(
      await tab.during(payment({ outputs: honest(3 * vsize + 1_000) }), ...SEND, ...named),
      'max-fee-exceeded',
    )
    assert.equal(await tab.during(payment({ outputs: honest(1_000 * vsize) }), ...SEND), 'accepted')
    assert.equal(
      await tab.during(payment({ outputs: honest(1_000 * vsize + 1) }), ...SEND),
      'max-fee-exceeded',
    )
  }))

test('the recipient bears the fee, and no more than that', () =>
  withTab(async (tab) => {
    const all = ['sendtoaddress', BOB.address, coins(2_000_000), '', '', true] as const
    assert.equal(
      await tab.during(payment({ outputs: [{ to: BOB, value: 2_000_000 - FEE }] }), ...all),
      'accepted',
    )
    const less = [
      { to: BOB, value: 1_900_000 },
      { ...honest()[1], value: 100_000 - FEE },
    ]
    assert.equal(await tab.during(payment({ outputs: less }), ...all), 'payment-not-approved')
  }))

test('those named bear the fee once between them, and nobody else does', () =>
  withTab(async (tab) => {
    const [toBob, toEve] = [900_000, 1_000_000]
    const paid = (bob: number, eve: number): Psbt => {
      const left = 2_000_000 - toBob - toEve + bob + eve - FEE
      return payment({
        outputs: [
          { to: BOB, value: toBob - bob },
          { to: EVE, value: toEve - eve },
          { ...honest()[1]!, value: left },
        ],
      })
    }
    const amounts = { [BOB.address]: coins(toBob), [EVE.address]: coins(toEve) }
    type Call = readonly [method: string, ...args: unknown[]]
    const sendFrom = (...places: number[]): Call => [
      'send',
      amounts,
      null,
      null,
      null,
      { subtract_fee_from_outputs: places },
    ]
    const sendManyFrom = (...keys: Key[]): Call => [
      'sendmany',
      '',
      amounts,
      0,
      '',
      keys.map(({ address }) => address.toUpperCase()),
    ]
    const calls: readonly (readonly [both: Call, one: Call])[] = [
      [sendFrom(0, 1), sendFrom(1)],
      [sendManyFrom(BOB, EVE), sendManyFrom(EVE)],
    ]
    for (const [both, one] of calls) {
      assert.equal(await tab.during(paid(FEE / 2, FEE / 2), ...both), 'accepted')
      assert.equal(await tab.during(paid(0, FEE), ...one), 'accepted')
      for (const [bob, eve] of [
        [FEE, FEE],
        [FEE, 1],
        [1, FEE],
      ])
        assert.equal(await tab.during(paid(bob!, eve!), ...both), 'payment-not-approved', `${bob} and ${eve}`)
      for (const bob of [1, FEE])
        assert.equal(await tab.during(paid(bob, FEE - bob), ...one), 'payment-not-approved', `${bob} of Bob`)
    }
  }))

test('a PSBT that a caller hands over can not be swapped for another', () =>
  withTab(async (tab) => {
    const asked = encoded(payment())
    for (const method of ['walletprocesspsbt', 'sendpsbt']) {
      assert.equal(await tab.during(payment(), method, asked), 'accepted')
      for (const [name, lies] of swaps)
        assert.notEqual(await tab.during(payment(lies), method, asked), 'accepted', name)
      // Of other coins.
      assert.equal(await tab.during(payment({ prevout: 2 }), method, asked), 'payment-not-approved')
      const dear = payment({ outputs: [honest()[0]] })
      assert.equal(await tab.during(dear, method, encoded(dear)), 'max-fee-exceeded')
    }
  }))

test('what is reviewed is told by the signer, whatever the node says of it', () =>
  withTab(async (tab) => {
    const asked = { address: BOB.address, amount: sats(PAID), all: false }
    const shown = async (lies: Lies) => {
      const psbt = encoded(payment(lies))
      return reviewOf(psbt, (await tab.rpc('reviewpsbt', psbt)) as PsbtReview, '')
    }
    const truth = await shown({})
    assert.deepEqual(truth.payees, [{ address: BOB.address, amount: PAID }])
    assert.deepEqual([truth.fee, truth.change], [FEE, 1_000_000 - FEE])
    assert.equal(foreignReview(truth, asked), undefined)
    for (const [name, lies] of swaps) {
      const review = await shown(lies).catch((error: Error) => error)
      // A lie that would not show in what is paid shows in the fee, or is refused outright.
      const isTold = review instanceof Error || foreignReview(review, asked) !== undefined || review.isFeeHigh
      assert.ok(isTold, name)
    }
  }))

test('a review is approved as it was shown: neither its outputs nor its coins can change behind it', () =>
  withTab(async (tab) => {
    const psbt = payment()
    const { digest } = (await tab.rpc('reviewpsbt', encoded(psbt))) as PsbtReview
    for (const [name, lies] of swaps)
      assert.notEqual(
        await tab.during(payment(lies), 'sendpsbt', encoded(psbt), { digest }),
        'accepted',
        name,
      )
    assert.equal(await tab.during(psbt, 'sendpsbt', encoded(psbt), { digest }), 'accepted')
  }))

test('coins that are worth more than the review said make no valid signature', () =>
  withTab(async (tab) => {
    // The fee looks like 500 satoshis; the coins hold 2,000,000 more.
    const lie = payment()
    const { digest } = (await tab.rpc('reviewpsbt', encoded(lie))) as PsbtReview
    const truth = payment({ told: 2_000_000 })
    assert.notEqual(truth.spentOutputs, lie.spentOutputs)
    assert.equal(await tab.during(truth, 'sendpsbt', encoded(lie), { digest }), 'payment-not-approved')
    let signed: Result<Uint8Array> | undefined
    tab.answer = async () => {
      signed = await tab.sign(lie)
    }
    await tab.rpc('sendpsbt', encoded(lie), { digest })
    const transaction = value(value(Psbt.parse(value(signed!))).extract())
    const held = [0, 1].map((index) => ({
      value: sats(2_000_000),
      scriptPubKey: own(0, index).scriptPubKey,
    }))
    const failure = verifyTransaction({ transaction: transaction.bytes, spentOutputs: packOutputs(held) })
    assert.equal(failure?.code, 'schnorr-sig')
  }))

test('a PSBT that is to be filled in alone is not signed', () =>
  withTab(async (tab) => {
    const psbt = payment()
    assert.equal(await tab.during(psbt, 'walletprocesspsbt', encoded(psbt), false), 'payment-not-approved')
  }))

test('a fee that nobody would mean is told, and taken where its review was confirmed', () =>
  withTab(async (tab) => {
    const dear = payment({ outputs: honest(500_000) })
    const { digest, feeishigh } = (await tab.rpc('reviewpsbt', encoded(dear))) as PsbtReview
    assert.equal(feeishigh, true)
    assert.equal(await tab.during(dear, 'sendpsbt', encoded(dear), { digest }), 'accepted')
    const sign = ['walletprocesspsbt', encoded(dear), true, null, null, null] as const
    assert.equal(await tab.during(dear, ...sign), 'max-fee-exceeded')
    assert.equal(await tab.during(dear, ...sign, digest), 'accepted')
    assert.equal(await tab.during(payment(), ...sign, digest), 'payment-not-approved')
  }))

test('bumpfee replaces a payment that this wallet signed, for the same payees, at a bounded fee', () =>
  withTab(async (tab) => {
    let former: Transaction | undefined
    tab.answer = async () => {
      former = value(value(Psbt.parse(value(await tab.sign(payment())))).extract())
    }
    await tab.rpc(...SEND)
    const bump = async (lies: Lies, replaced: Transaction, txid = former!.txid, fee_rate = 10) => {
      let said: Result<Uint8Array> | undefined
      tab.answer = async () => {
        said = await tab.sign(payment(lies), replaced)
      }
      await tab.rpc('bumpfee', txid, { fee_rate })
      return codeOf(said!)
    }
    // To have all of it back is no theft, and to pay somewhat less is what a payment of all there was takes.
    for (const [name, lies] of swaps)
      if (!['nobody is paid', 'the amount is less', 'the change is left to the miner'].includes(name))
        assert.notEqual(await bump(lies, former!), 'accepted', name)
    assert.equal(await bump({ outputs: [honest()[0]] }, former!), 'max-fee-exceeded')
    assert.equal(await bump({ outputs: honest(2_000) }, former!), 'accepted')
    assert.equal(await bump({ outputs: honest(2_000), prevout: 2 }, former!), 'payment-not-approved')
    // A payment that was never made can't be replaced: its payee was never agreed to.
    const invented = payment({ outputs: [{ to: EVE, value: PAID }, honest()[1]] }).unsigned
    assert.equal(
      await bump({ outputs: [{ to: EVE, value: PAID }, honest(2_000)[1]] }, invented, invented.txid),
      'payment-not-approved',
    )
  }))

test('a replacement takes no more from its payees than its fee, between them', () =>
  withTab(async (tab) => {
    const paid = (less: number): Psbt =>
      payment({
        outputs: [
          { to: BOB, value: 900_000 - less },
          { to: EVE, value: 1_000_000 - less },
          { ...honest()[1]!, value: 100_000 - 2_000 + 2 * less },
        ],
      })
    let said: Result<Uint8Array> | undefined
    tab.answer = async () => {
      said = await tab.sign(paid(0))
    }
    await tab.rpc('send', { [BOB.address]: coins(900_000), [EVE.address]: coins(1_000_000) })
    const former = value(value(Psbt.parse(value(said!))).extract())
    for (const [less, code] of [
      [2_000, 'payment-not-approved'],
      [1_000, 'accepted'],
    ] as const) {
      tab.answer = async () => {
        said = await tab.sign(paid(less), former)
      }
      await tab.rpc('bumpfee', former.txid, { fee_rate: 10 })
      assert.equal(codeOf(said!), code)
    }
  }))

/** An invoice of Bob's of 1,000 satoshis, or of an amount that is left open. */
function invoiceOf(hash: Uint8Array, amount?: Msat): string {
  const terms = {
    amount,
    timestamp: 1_700_000_000,
    paymentHash: hash,
    paymentSecret: new Uint8Array(32).fill(5),
    description: 'coffee',
    expiry: 3_600,
    minFinalCltvExpiryDelta: 18,
    fallbacks: [],
    routeHints: [],
    features: features(['var_onion_optin', 'payment_secret'], []),
  }
  return encodeInvoice(terms, REGTEST.addressPrefix, new Uint8Array(32).fill(9))
}

test('a payment over channels is that of the invoice that the page names: its hash, its amount, its greatest fee, while it is made', () =>
  withTab(async (tab) => {
    const [asked, other] = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)]
    const text = invoiceOf(asked, msat(1_000_000))
    /** What the signer says to a payment of `most` while the page makes this call. */
    const during = async (
      hash: Uint8Array,
      most: number,
      method: string,
      ...args: unknown[]
    ): Promise<string> => {
      let said = ''
      tab.answer = async () => {
        said = codeOf(await tab.channels.beginPayment(hash, msat(most)))
      }
      await tab.rpc(method, ...args)
      return said
    }
    const begin = async (hash: Uint8Array, most: number) =>
      codeOf(await tab.channels.beginPayment(hash, msat(most)))
    assert.equal(await begin(asked, 1), 'payment-not-approved')
    // Half of a hundredth, at least 5,000.
    assert.equal(await during(other, 1_005_000, 'pay', text), 'payment-not-approved')
    assert.equal(await during(asked, 1_005_001, 'pay', text), 'payment-not-approved')
    assert.equal(await during(asked, 1_020_001, 'pay', text, null, 2), 'payment-not-approved')
    // The approval ended with its call.
    assert.equal(await begin(asked, 1_005_000), 'payment-not-approved')
    assert.equal(await during(asked, 1_005_000, 'pay', text), 'accepted')
    const open = invoiceOf(other)
    await assert.rejects(tab.rpc('pay', open), /give amount_msat/)
    await assert.rejects(tab.rpc('pay', text, 999_999), /another amount/)
    assert.equal(await during(other, 2_005_000, 'pay', open, 2_000_000, 0), 'accepted')
    const hash = new Uint8Array(32).fill(3)
    assert.equal(
      await during(hash, 3_005_001, 'keysend', '02'.repeat(33), 3_000_000, 0),
      'payment-not-approved',
    )
    assert.equal(await during(hash, 3_005_000, 'keysend', '02'.repeat(33), 3_000_000, 0), 'accepted')
    assert.deepEqual(await tab.rpc('reviewinvoice', text), {
      payee: bytesToHex(secp256k1.getPublicKey(new Uint8Array(32).fill(9), true)),
      payment_hash: bytesToHex(asked),
      amount_msat: 1_000_000,
      max_fee_msat: 5_000,
      description: 'coffee',
      expires_at: 1_700_003_600,
    })
  }))

test('an allowance is set by the page, unlocked, and by nobody else; within it a locked wallet pays', () =>
  withTab(async (tab) => {
    const hash = new Uint8Array(32).fill(1)
    assert.deepEqual(await tab.rpc('payallowance'), { left_msat: 0 })
    assert.deepEqual(await tab.rpc('payallowance', 2_000_000), { left_msat: 2_000_000 })
    assert.equal(codeOf(await tab.channels.beginPayment(hash, msat(1_500_000))), 'accepted')
    assert.deepEqual(await tab.rpc('payallowance'), { left_msat: 500_000 })
    tab.signer.lock()
    await assert.rejects(tab.rpc('payallowance', 9_000_000), /locked/)
    let asked = 0
    tab.answer = async () => {
      asked++
    }
    await tab.rpc('pay', invoiceOf(hash, msat(1_000_000)))
    assert.equal(asked, 1)
    for (const method of ['allowance', 'approve', 'revoke'])
      assert.equal(codeOf(await tab.call(method, 9_000_000)), 'signer-failed')
  }))

test('the signer answers whatever it is asked', () =>
  withTab(async (tab) => {
    for (const asked of [undefined, null, 'psbt', {}, new Uint8Array(), new Uint8Array(5_000_000)])
      assert.equal((await tab.sign({ bytes: asked } as unknown as Psbt)).ok, false)
    // Also where it meets a fault of its own.
    tab.signer.signPsbt = () => Promise.reject(new Error('a fault'))
    assert.equal(codeOf(await tab.sign(payment())), 'signer-failed')
    tab.signer.review = () => {
      throw new Error('a fault')
    }
    assert.equal(
      codeOf(await runCommand(tab.signers, '', { type: 'review', psbt: new Uint8Array() })),
      'signer-failed',
    )
  }))
