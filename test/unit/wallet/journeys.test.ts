/**
 * Promises: the wallet follows the chain through payments, reorganisations, restarts and crashes; what it shows it
 * has stored; its payments are valid, and its coins are never promised twice.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Chain } from '../../../src/chain/chain.ts'
import { Mempool } from '../../../src/mempool/mempool.ts'
import { type Sats, sats } from '../../../src/primitives/amount.ts'
import { bytesToHex } from '../../../src/primitives/bytes.ts'
import { outpointKey, type Transaction } from '../../../src/primitives/transaction.ts'
import { Turns } from '../../../src/primitives/turns.ts'
import { encodeAddress } from '../../../src/script/address.ts'
import { InlineCheckPool } from '../../../src/script/verify-input.ts'
import type { LocalSigner } from '../../../src/signer/local-signer.ts'
import { unattended } from '../../../src/signer/unattended.ts'
import { MemoryWalletStore } from '../../../src/storage/memory-wallet-store.ts'
import { Psbt } from '../../../src/wallet/psbt.ts'
import { NO_SIGNER } from '../../../src/wallet/signer.ts'
import { type PaymentOrder, Wallet, type WalletOptions } from '../../../src/wallet/wallet.ts'
import { type TestBlock, TestChain, TestWallet } from '../../support/chain-builder.ts'
import { bodiesRead, deliver, openChain, QUICK } from '../../support/chain-nodes.ts'
import {
  codeOf,
  ManualClock,
  openSigner,
  PASSPHRASE,
  seededRandom,
  unlockedSigner,
  value,
} from '../../support/wallets.ts'

const net = new TestChain(QUICK)
const shop = new TestWallet('shop')
const shopAddress = addressOf(shop)
const RATE = 2_000
const SUBSIDY = QUICK.initialSubsidy

/** A node of chain, mempool and wallet, joined as NodeCore joins them. */
class TestNode {
  readonly chain: Chain
  readonly mempool: Mempool
  readonly wallet: Wallet
  readonly store: MemoryWalletStore
  readonly signer: LocalSigner

  private constructor(parts: Pick<TestNode, 'chain' | 'mempool' | 'wallet' | 'store' | 'signer'>) {
    this.chain = parts.chain
    this.mempool = parts.mempool
    this.wallet = parts.wallet
    this.store = parts.store
    this.signer = parts.signer
  }

  static async open(
    options: Partial<WalletOptions & { store: MemoryWalletStore; signer: LocalSigner }> = {},
  ) {
    const chain = options.chain ?? (await openChain())
    const clock = new ManualClock()
    const mempool = new Mempool({ chain, checks: new InlineCheckPool(), clock })
    const store = options.store ?? new MemoryWalletStore()
    const signer = options.signer ?? (await unlockedSigner())
    const wallet = await Wallet.open({
      chain,
      clock,
      random: seededRandom('wallet'),
      turns: new Turns(),
      ...options,
      store,
      signer: unattended(signer),
    })
    await wallet.settled()
    mempool.subscribe({
      added: ({ transaction }) => wallet.transactionAdded(transaction),
      removed: (transaction, reason) => wallet.transactionRemoved(transaction, reason),
    })
    return new TestNode({ chain, mempool, wallet, store, signer })
  }

  async deliver(...blocks: readonly TestBlock[]): Promise<void> {
    await deliver(this.chain, blocks)
    await this.mempool.settled()
    await this.wallet.settled()
  }

  /** Mines `count` blocks to this wallet, and one to the shop that lets the last of them mature. */
  async fund(from: TestBlock, count: number): Promise<TestBlock> {
    let tip = from
    for (let i = 0; i < count; i++) {
      const { scriptPubKey } = value(await this.wallet.newAddress())
      tip = net.mineBlock(tip, [], { scriptPubKey })
    }
    tip = net.mineBlock(tip, [], { scriptPubKey: shop.scriptPubKey })
    await this.deliver(...net.branch(tip).slice(from.height))
    return tip
  }

  /** Plans, signs and sends a payment to the shop. */
  async pay(amount: number, extra: object = {}): Promise<Transaction> {
    const recipients = [{ address: shopAddress, amount: sats(amount) }]
    const plan = value(await this.wallet.createPayment({ recipients, feeRate: RATE, ...extra }))
    return this.send(plan)
  }

  async send(plan: PaymentOrder): Promise<Transaction> {
    const transaction = value(await this.sign(plan))
    value(await this.mempool.accept(transaction))
    await this.wallet.settled()
    return transaction
  }

  /** Has a plan signed and recorded, unless the mempool would refuse it. */
  sign(plan: PaymentOrder) {
    return this.wallet.sign(plan, (payment) => this.mempool.test(payment))
  }

  get total(): number {
    const { trusted, untrustedPending, immature } = this.wallet.balances()
    return trusted + untrustedPending + immature
  }
}

function addressOf(wallet: TestWallet): string {
  return encodeAddress(wallet.scriptPubKey.subarray(2), QUICK.addressPrefix)
}

/** What must not depend on the way: coins and confirmed history. */
function summary(wallet: Wallet): object {
  const coins = wallet
    .coins()
    .map((coin) => `${outpointKey(coin.outpoint)} ${coin.value} ${coin.height} ${coin.spendable}`)
  const confirmed = wallet.history().filter(({ state }) => state === 'confirmed')
  return {
    coins: coins.sort(),
    history: confirmed.map(({ txid, net, fee, height }) => `${txid} ${net} ${fee} ${height}`).sort(),
  }
}

test('mined coins are immature, then can be spent', async () => {
  const node = await TestNode.open()
  assert.deepEqual(node.wallet.balances(), { trusted: 0, untrustedPending: 0, immature: 0 })
  const { scriptPubKey } = value(await node.wallet.newAddress())
  const mined = net.mineBlock(net.genesis, [], { scriptPubKey })
  await node.deliver(mined)
  assert.deepEqual(node.wallet.balances(), { trusted: 0, untrustedPending: 0, immature: SUBSIDY })
  const [entry] = node.wallet.history()
  assert.deepEqual([entry.kind, entry.net, entry.confirmations, entry.mature], ['mined', SUBSIDY, 1, false])
  assert.equal(node.wallet.coins()[0].spendable, false)
  await node.deliver(net.mineEmpty(mined, 1))
  assert.deepEqual(node.wallet.balances(), { trusted: SUBSIDY, untrustedPending: 0, immature: 0 })
  assert.equal(node.wallet.coins()[0].spendable, true)
})

test('a payment is valid, shows at once, and counts its confirmations up', async () => {
  const node = await TestNode.open()
  const tip = await node.fund(net.genesis, 1)
  const payment = await node.pay(30_000_000)
  const waiting = node.wallet.transaction(payment.txid)!
  assert.deepEqual(
    [waiting.kind, waiting.state, waiting.inMempool, waiting.confirmations],
    ['sent', 'pending', true, 0],
  )
  assert.equal(waiting.net, -30_000_000 - waiting.fee!)
  assert.deepEqual(
    waiting.outputs.map(({ mine, change, address }) => `${mine} ${change} ${address === shopAddress}`).sort(),
    ['false false true', 'true true false'],
  )
  assert.equal(node.wallet.balances().trusted, SUBSIDY - 30_000_000 - waiting.fee!)
  assert.ok(
    waiting.fee! >= (payment.vsize * RATE) / 1000 && waiting.fee! < (payment.vsize * RATE) / 1000 + 2,
    'not the fee rate asked for',
  )
  assert.equal(payment.lockTime, node.chain.headers.height(node.chain.tip))
  assert.ok(
    payment.inputs.every(({ sequence }) => sequence === 0xfffffffd),
    'not replaceable',
  )

  let at = tip
  for (let confirmations = 1; confirmations <= 6; confirmations++) {
    at = net.mineBlock(at, confirmations === 1 ? [payment] : [])
    await node.deliver(at)
    const entry = node.wallet.transaction(payment.txid)!
    assert.deepEqual(
      [entry.state, entry.confirmations, entry.height],
      ['confirmed', confirmations, tip.height + 1],
    )
  }
})

test('a payment of another is pending until it is mined', async () => {
  const payer = await TestNode.open()
  const payee = await TestNode.open({ signer: await otherSigner() })
  const tip = await payer.fund(net.genesis, 1)
  await payee.deliver(...net.branch(tip))
  const { address, scriptPubKey } = value(await payee.wallet.newAddress('rent'))
  assert.ok(
    payee.wallet.isMine(scriptPubKey) && !payer.wallet.isMine(scriptPubKey),
    "taken for another wallet's",
  )
  const plan = value(
    await payer.wallet.createPayment({ recipients: [{ address, amount: sats(5_000) }], feeRate: RATE }),
  )
  const payment = await payer.send(plan)
  value(await payee.mempool.accept(payment))
  assert.deepEqual(payee.wallet.balances(), { trusted: 0, untrustedPending: 5_000, immature: 0 })
  assert.equal(payee.wallet.coins()[0].spendable, false)
  const [entry] = payee.wallet.history()
  assert.deepEqual([entry.kind, entry.net, entry.fee], ['received', 5_000, undefined])
  assert.equal(entry.outputs.find(({ mine }) => mine)?.label, 'rent')
  await payee.deliver(net.mineBlock(tip, [payment]))
  assert.deepEqual(payee.wallet.balances(), { trusted: 5_000, untrustedPending: 0, immature: 0 })
  assert.equal(payee.wallet.addresses()[0].used, true)
})

test('a payment in the lost branch waits again, and is mined in the other', async () => {
  const node = await TestNode.open()
  const tip = await node.fund(net.genesis, 2)
  const payment = await node.pay(70_000_000)
  const mined = net.mineBlock(tip, [payment])
  await node.deliver(mined)
  assert.equal(node.wallet.transaction(payment.txid)!.state, 'confirmed')
  const extraNonce = Uint8Array.of(9)
  const [one, two] = [net.mineEmpty(tip, 1, { extraNonce }), net.mineEmpty(tip, 2, { extraNonce })]
  await node.deliver(one, two)
  const waiting = node.wallet.transaction(payment.txid)!
  assert.deepEqual([waiting.state, waiting.inMempool], ['pending', true])
  await node.deliver(net.mineBlock(two, [payment]))
  assert.deepEqual(
    [node.wallet.transaction(payment.txid)!.state, node.wallet.height],
    ['confirmed', tip.height + 3],
  )
})

test('a wallet that was closed catches up, over a reorganisation that it missed', async () => {
  const chain = await openChain()
  const node = await TestNode.open({ chain })
  const tip = await node.fund(net.genesis, 3)
  const payment = await node.pay(20_000_000)
  const left = net.mineBlock(tip, [payment])
  await node.deliver(left)
  await node.wallet.close()
  const won = net.mineEmpty(tip, 3, {
    extraNonce: Uint8Array.of(8),
    scriptPubKey: node.wallet.addresses()[0].scriptPubKey,
  })
  await deliver(chain, net.branch(won))

  const reopened = await TestNode.open({ chain, store: node.store, signer: node.signer })
  assert.equal(reopened.wallet.height, won.height)
  assert.equal(reopened.wallet.transaction(payment.txid)!.state, 'pending')
  assert.deepEqual(
    reopened.wallet.pendingPayments().map(({ txid }) => txid),
    [payment.txid],
  )
  value(await reopened.wallet.abandon(payment.txid))
  assert.deepEqual(summary(reopened.wallet), summary((await TestNode.open({ chain })).wallet))
})

test('after any crash it opens with what it acknowledged, and ends where a fresh look ends', async () => {
  const chain = await openChain()
  // Every state that the store ever had: where a crash may leave it.
  const states: MemoryWalletStore[] = []
  const store = new RecordingStore(states)
  const node = await TestNode.open({ chain, store })
  let tip = await node.fund(net.genesis, 3)
  const addresses = node.wallet.addresses().map(({ address }) => address)
  const payments: Transaction[] = []
  for (const amount of [10_000_000, 20_000_000]) {
    payments.push(await node.pay(amount))
    tip = net.mineBlock(tip, [payments.at(-1)!])
    await node.deliver(tip)
  }
  const fork = net.ancestor(tip, tip.height - 1)
  const won = net.mineEmpty(fork, 3, {
    extraNonce: Uint8Array.of(7),
    scriptPubKey: node.wallet.addresses()[1].scriptPubKey,
  })
  await node.deliver(...net.branch(won))
  const fresh = await TestNode.open({ chain })
  assert.ok(states.length >= 8, `${states.length} states`)
  for (const state of states) {
    const reopened = await TestNode.open({ chain, store: state, signer: node.signer })
    for (const { txid } of reopened.wallet.pendingPayments()) await reopened.wallet.abandon(txid)
    assert.deepEqual(summary(reopened.wallet), summary(fresh.wallet))
  }
  const last = await TestNode.open({ chain, store: states.at(-1)!, signer: node.signer })
  assert.deepEqual(
    last.wallet.addresses().map(({ address }) => address),
    addresses,
  )
  assert.ok(
    payments.every(({ txid }) => last.wallet.transaction(txid)),
    'a payment is lost',
  )
})

test('a chain that lost its last blocks takes the wallet back with it', async () => {
  const node = await TestNode.open()
  const tip = await node.fund(net.genesis, 12)
  const payment = await node.pay(20_000_000)
  await node.deliver(net.mineBlock(tip, [payment]))
  await node.wallet.close()
  // The chain's own store is relaxed: its last writes may be gone, with the headers.
  for (const height of [tip.height - 2, tip.height - 9, 0]) {
    const chain = await openChain()
    await deliver(chain, net.branch(net.ancestor(tip, height)))
    const store = await copyOf(node.store)
    const read = bodiesRead(chain)
    const reopened = await TestNode.open({ chain, store, signer: node.signer })
    assert.equal(reopened.wallet.height, height)
    assert.deepEqual(read, [], 'it goes back to where both agree, and reads nothing again')
    assert.deepEqual(summary(reopened.wallet), summary((await TestNode.open({ chain })).wallet))
    await reopened.deliver(...net.branch(net.mineBlock(tip, [payment])))
    assert.equal(reopened.wallet.transaction(payment.txid)!.state, 'confirmed')
  }
})

test('a missing body holds the wallet where it is until the body is there', async () => {
  const chain = await openChain()
  const node = await TestNode.open({ chain })
  const tip = await node.fund(net.genesis, 3)
  await node.wallet.close()
  const readBlock = chain.readBlock.bind(chain)
  chain.readBlock = async (index) => (chain.headers.height(index) === 2 ? undefined : readBlock(index))
  const late = await TestNode.open({ chain, store: new MemoryWalletStore() })
  const failures: Error[] = []
  late.wallet.subscribe({ storageFailed: (error) => failures.push(error) })
  await late.deliver(net.mineEmpty(tip, 1))
  assert.equal(late.wallet.height, 1)
  assert.deepEqual(failures, [])
  chain.readBlock = readBlock
  await late.deliver(...net.branch(net.mineEmpty(tip, 2)))
  assert.equal(late.wallet.height, tip.height + 2)
  assert.deepEqual(summary(late.wallet), summary((await TestNode.open({ chain })).wallet))
})

test('an account is adopted when the signer gets one, and searched for from its birthday on', async () => {
  const chain = await openChain()
  const signer = await openSigner({
    clock: new ManualClock((QUICK.genesisTime + 40 * QUICK.targetSpacing + 7_200) * 1000),
  })
  const node = await TestNode.open({ chain, signer })
  assert.equal(codeOf(await node.wallet.newAddress()), 'wallet-blank')
  await deliver(chain, net.branch(net.mineEmpty(net.genesis, 60)))
  const searched: number[] = []
  const readMentions = chain.readMentions.bind(chain)
  chain.readMentions = (first, last) => {
    searched.push(chain.headers.height(first))
    return readMentions(first, last)
  }
  value(await signer.create(PASSPHRASE))
  await node.wallet.settled()
  assert.equal(node.wallet.height, 60)
  assert.ok(searched[0] > 30 && searched[0] <= 46, `searched from ${searched[0]} on`)
  assert.ok((await node.wallet.newAddress()).ok, 'no address')
})

test('an address is stored before it is shown', async () => {
  const node = await TestNode.open()
  const shown = [value(await node.wallet.newAddress('a')), value(await node.wallet.newAddress())]
  assert.notEqual(shown[0].address, shown[1].address)
  const reopened = await TestNode.open({ store: await copyOf(node.store), signer: node.signer })
  assert.deepEqual(reopened.wallet.addresses(), shown)
  value(await reopened.wallet.setLabel(shown[1].address, 'b'))
  value(await reopened.wallet.setLabel(shown[0].address, ''))
  assert.deepEqual(
    reopened.wallet.addresses().map(({ label }) => label),
    [undefined, 'b'],
  )
  assert.equal(codeOf(await reopened.wallet.setLabel('nonsense', 'b')).startsWith('address-'), true)
  assert.equal(codeOf(await reopened.wallet.newAddress('x'.repeat(256))), 'label-too-long')
})

test('metadata brings back labels, and addresses that words alone would miss', async () => {
  const chain = await openChain()
  const node = await TestNode.open({ chain })
  for (let i = 0; i < 24; i++) await node.wallet.newAddress(i === 23 ? 'far' : undefined)
  const far = node.wallet.addresses()[23]
  assert.equal(far.beyondGap, true)
  await node.deliver(net.mineBlock(net.genesis, [], { scriptPubKey: far.scriptPubKey }))
  const restored = await TestNode.open({ chain })
  assert.equal(restored.total, 0)
  assert.equal(codeOf(await restored.wallet.importMetadata('{"version":1}')), 'metadata-invalid')
  value(await restored.wallet.importMetadata(node.wallet.exportMetadata()))
  assert.deepEqual(restored.wallet.balances(), node.wallet.balances())
  assert.equal(restored.wallet.coins()[0].label, 'far')
})

test('coins of a payment under way are not promised to another', async () => {
  const node = await TestNode.open()
  await node.fund(net.genesis, 1)
  const recipients = [{ address: shopAddress, amount: sats(1_000_000) }]
  const plans = [0, 1].map(() => node.wallet.createPayment({ recipients, feeRate: RATE }))
  const [one, two] = (await Promise.all(plans)).map(value)
  const signing = node.sign(one)
  assert.equal(codeOf(await node.sign(two)), 'coin-promised')
  assert.equal(codeOf(await node.wallet.createPayment({ recipients, feeRate: RATE })), 'insufficient-funds')
  const payment = value(await signing)
  assert.equal(codeOf(await node.sign(two)), 'coin-spent')
  // Recorded, though no mempool has it yet: a crash now loses nothing.
  const reopened = await TestNode.open({
    chain: node.chain,
    store: await copyOf(node.store),
    signer: node.signer,
  })
  assert.deepEqual(
    reopened.wallet.pendingPayments().map(({ txid }) => txid),
    [payment.txid],
  )
  assert.equal(reopened.wallet.balances().trusted, 0)
  value(await node.wallet.abandon(payment.txid))
  assert.equal(node.wallet.balances().trusted, SUBSIDY)
})

test('a locked signer leaves everything as it was', async () => {
  const node = await TestNode.open()
  await node.fund(net.genesis, 1)
  const recipients = [{ address: shopAddress, amount: sats(1_000_000) }]
  const plan = value(await node.wallet.createPayment({ recipients, feeRate: RATE }))
  node.signer.lock()
  assert.equal(codeOf(await node.sign(plan)), 'wallet-locked')
  assert.equal(node.wallet.balances().trusted, SUBSIDY)
  value(await node.signer.unlock(PASSPHRASE))
  assert.ok((await node.sign(plan)).ok, 'not signed')
})

test('change that waits is spent, and only when it must be', async () => {
  const node = await TestNode.open()
  await node.fund(net.genesis, 2)
  const first = await node.pay(1_000_000)
  const second = await node.pay(1_000_000)
  assert.ok(
    second.inputs.every(({ prevout }) => outpointKey(prevout).slice(0, 64) !== first.txid),
    'change was spent',
  )
  const third = await node.pay(SUBSIDY + 10_000_000)
  assert.ok(
    third.inputs.some(({ prevout }) => outpointKey(prevout).slice(0, 64) === first.txid),
    'change was not spent',
  )
})

test('the user chooses the coins', async () => {
  const node = await TestNode.open()
  await node.fund(net.genesis, 3)
  const [, chosen] = node.wallet.coins()
  const payment = await node.pay(1_000, { coins: [chosen.outpoint, chosen.outpoint] })
  assert.deepEqual(
    payment.inputs.map(({ prevout }) => outpointKey(prevout)),
    [outpointKey(chosen.outpoint)],
  )
  const recipients = [{ address: shopAddress, amount: sats(1_000) }]
  const again = node.wallet.createPayment({ recipients, feeRate: RATE, coins: [chosen.outpoint] })
  assert.equal(codeOf(await again), 'coin-unknown')
})

test('the whole balance can be sent', async () => {
  const node = await TestNode.open()
  const tip = await node.fund(net.genesis, 3)
  const payment = await node.pay(node.wallet.balances().trusted, { subtractFee: true })
  assert.equal(payment.outputs.length, 1)
  assert.equal(node.total, 0)
  await node.deliver(net.mineBlock(tip, [payment]))
  assert.equal(node.total, 0)
})

test('a payment that waits is replaced by one with a higher fee', async () => {
  const node = await TestNode.open()
  const tip = await node.fund(net.genesis, 1)
  const payment = await node.pay(30_000_000)
  assert.equal(codeOf(await node.wallet.bumpFee(payment.txid, RATE + 500)), 'fee-rate-too-low')
  const plan = value(await node.wallet.bumpFee(payment.txid, 10_000))
  assert.equal(plan.replaces, payment.txid)
  assert.deepEqual(
    plan.outputs.filter(({ change }) => !change).map(({ address, value }) => [address, value]),
    [[shopAddress, 30_000_000]],
  )
  const replacement = await node.send(plan)
  assert.deepEqual(
    [payment, replacement].map(({ txid }) => node.wallet.transaction(txid)!.state),
    ['replaced', 'pending'],
  )
  assert.equal(node.total, SUBSIDY - 30_000_000 - plan.fee)
  assert.equal(codeOf(await node.wallet.bumpFee(payment.txid, 20_000)), 'not-replaceable')
  await node.deliver(net.mineBlock(tip, [replacement]))
  assert.equal(node.wallet.transaction(replacement.txid)!.state, 'confirmed')
  assert.equal(codeOf(await node.wallet.bumpFee(replacement.txid, 20_000)), 'not-replaceable')
})

test('a replacement pays for its own relay, also where it is smaller than what it replaces', async () => {
  const node = await TestNode.open()
  const tip = await node.fund(net.genesis, 2)
  const recipients = []
  for (let i = 0; i < 10; i++)
    recipients.push({ address: value(await node.wallet.newAddress()).address, amount: sats(5_000) })
  const split = await node.send(value(await node.wallet.createPayment({ recipients, feeRate: RATE })))
  await node.deliver(net.mineBlock(tip, [split]))
  const coins = node.wallet.coins().filter((coin) => coin.value === 5_000)
  // 672 virtual bytes with change at 10 satoshis each: 340 satoshis remain for the change.
  const payment = await node.pay(50_000 - 6_720 - 340, {
    coins: coins.map(({ outpoint }) => outpoint),
    feeRate: 10_000,
  })
  assert.equal(payment.outputs.length, 2)
  // Without the change a rate of 11 could be paid, but not the relay of 629 virtual bytes more than before.
  const plan = value(await node.wallet.bumpFee(payment.txid, 11_100))
  await node.send(plan)
  assert.equal(node.wallet.transaction(payment.txid)!.state, 'replaced')
})

test('a plan whose coin a reorganisation took is not signed', async () => {
  const node = await TestNode.open()
  await node.fund(net.genesis, 1)
  const recipients = [{ address: shopAddress, amount: sats(1_000_000) }]
  const plan = value(await node.wallet.createPayment({ recipients, feeRate: RATE }))
  await node.deliver(...net.branch(net.mineEmpty(net.genesis, 4, { extraNonce: Uint8Array.of(6) })))
  assert.equal(codeOf(await node.sign(plan)), 'coin-spent')
})

test('a payment that the mempool refuses leaves no trace', async () => {
  const node = await TestNode.open()
  await node.fund(net.genesis, 2)
  const payment = await node.pay(1_000_000)
  assert.equal(codeOf(await node.wallet.abandon(payment.txid)), 'not-abandonable')
  const before = node.wallet.history().length
  const recipients = [{ address: shopAddress, amount: sats(1_000_000) }]
  const cheap = value(await node.wallet.createPayment({ recipients, feeRate: 1 }))
  assert.equal(codeOf(await node.sign(cheap)), 'payment-refused')
  assert.equal(node.wallet.history().length, before)
  assert.equal(
    (
      await TestNode.open({ chain: node.chain, store: await copyOf(node.store), signer: node.signer })
    ).wallet.history().length,
    before,
    'it was stored',
  )
  assert.ok((await node.wallet.createPayment({ recipients, feeRate: RATE })).ok, 'its coins are held')
})

test('a payment with data is bumped with its data', async () => {
  const node = await TestNode.open()
  await node.fund(net.genesis, 1)
  const data = new Uint8Array(80).fill(7)
  const recipients = [{ data }, { address: shopAddress, amount: sats(1_000_000) }]
  const plan = value(await node.wallet.createPayment({ recipients, feeRate: RATE }))
  const payment = await node.send(plan)
  assert.equal(payment.vsize, plan.vsize)
  const bump = value(await node.wallet.bumpFee(payment.txid, 10_000))
  const replacement = await node.send(bump)
  assert.equal(replacement.vsize, bump.vsize)
  const scripts = (tx: Transaction) =>
    tx.outputs.map(({ scriptPubKey, value }) => `${value} ${bytesToHex(scriptPubKey)}`)
  const carried = `0 6a4c50${'07'.repeat(80)}`
  assert.ok(scripts(payment).includes(carried), 'the payment has no data')
  assert.ok(scripts(replacement).includes(carried), 'the replacement has no data')
  assert.equal(replacement.outputs.length, 3)
})

test('a payment may be of data alone, and carries data once', async () => {
  const node = await TestNode.open()
  await node.fund(net.genesis, 1)
  const note = { data: Uint8Array.of(1, 2, 3) }
  const plan = value(
    await node.wallet.createPayment({ recipients: [note], feeRate: RATE, subtractFee: true }),
  )
  const payment = await node.send(plan)
  assert.equal(payment.outputs.length, 2)
  for (const recipients of [[note, note], [{ data: new Uint8Array(81) }]])
    assert.equal(codeOf(await node.wallet.createPayment({ recipients, feeRate: RATE })), 'data-invalid')
})

test('a payment of all there is bears the higher fee itself', async () => {
  const node = await TestNode.open()
  await node.fund(net.genesis, 2)
  const payment = await node.pay(node.wallet.balances().trusted, { subtractFee: true })
  const fee = (tx: Transaction) => 2 * SUBSIDY - tx.outputs.reduce((sum, { value }) => sum + value, 0)
  const plan = value(await node.wallet.bumpFee(payment.txid, 10_000))
  assert.equal(plan.fee, Math.ceil((plan.vsize * 10_000) / 1000))
  assert.equal(plan.reduced, plan.fee - fee(payment))
  const replacement = await node.send(plan)
  assert.equal(replacement.outputs.length, 1)
  assert.equal(fee(replacement), plan.fee)
  assert.deepEqual(replacement.outputs[0].scriptPubKey, payment.outputs[0].scriptPubKey)
})

test('what lost its coin counts how deep it lost it, and so does what hangs on it', async () => {
  const node = await TestNode.open()
  const tip = await node.fund(net.genesis, 1)
  const recipients = [{ address: shopAddress, amount: sats(2_000_000) }]
  const rival = value(await node.wallet.createPayment({ recipients, feeRate: RATE }))
  const signed = value(await unattended(node.signer).signPsbt(rival.psbt))
  const payment = await node.pay(1_000_000)
  const child = await node.pay(1_000_000)
  const states = () =>
    [payment, child].map(({ txid }) => {
      const { state, confirmations } = node.wallet.transaction(txid)!
      return `${state} ${confirmations}`
    })
  assert.deepEqual(states(), ['pending 0', 'pending 0'])
  const mined = net.mineBlock(tip, [value(value(Psbt.parse(signed)).extract())])
  await node.deliver(mined)
  assert.deepEqual(states(), ['conflicted -1', 'conflicted -1'])
  const later = net.mineEmpty(mined, 3)
  await node.deliver(...net.branch(later).slice(mined.height))
  assert.deepEqual(states(), ['conflicted -4', 'conflicted -4'])
})

test('replacements know whose place they took', async () => {
  const node = await TestNode.open()
  await node.fund(net.genesis, 1)
  const payments = [await node.pay(1_000_000)]
  for (const feeRate of [10_000, 20_000])
    payments.push(await node.send(value(await node.wallet.bumpFee(payments.at(-1)!.txid, feeRate))))
  const [first, second, third] = payments.map(({ txid }) => txid)
  assert.deepEqual(
    [first, second, third].map((txid) => {
      const { state, replaces, replacedBy } = node.wallet.transaction(txid)!
      return [state, replaces, replacedBy]
    }),
    [
      ['replaced', undefined, second],
      ['replaced', first, third],
      ['pending', second, undefined],
    ],
  )
})

test('mistakes get a code and a sentence', async () => {
  const node = await TestNode.open()
  await node.fund(net.genesis, 1)
  const ask = (recipient: { address?: string; amount?: number }, feeRate = RATE) => {
    const { address = shopAddress, amount = 1_000 } = recipient
    return node.wallet.createPayment({ recipients: [{ address, amount: amount as Sats }], feeRate })
  }
  const mistakes: [string, ReturnType<typeof ask>][] = [
    [
      'address-checksum',
      ask({ address: `${shopAddress.slice(0, -1)}${shopAddress.endsWith('q') ? 'p' : 'q'}` }),
    ],
    ['amount-too-small', ask({ amount: 329 })],
    ['amount-invalid', ask({ amount: 0 })],
    ['amount-invalid', ask({ amount: 0.5 })],
    ['amount-invalid', ask({ amount: Number.NaN })],
    ['fee-rate-invalid', ask({}, 0)],
    ['fee-rate-invalid', ask({}, Number.NaN)],
    ['max-fee-exceeded', ask({}, 1e9)],
    ['insufficient-funds', ask({ amount: SUBSIDY })],
    ['recipients-missing', node.wallet.createPayment({ recipients: [], feeRate: RATE })],
  ]
  for (const [code, mistake] of mistakes) {
    const refused = await mistake
    assert.equal(codeOf(refused), code)
    assert.ok(!refused.ok && /.{20}[.?]$/.test(refused.detail), 'no sentence')
  }
})

test('a watch-only wallet plans what a signer elsewhere signs', async () => {
  const chain = await openChain()
  const hot = await TestNode.open({ chain })
  const tip = await hot.fund(net.genesis, 2)
  const mempool = new Mempool({ chain, checks: new InlineCheckPool(), clock: new ManualClock() })
  const options = {
    chain,
    clock: new ManualClock(),
    random: seededRandom('watch'),
    turns: new Turns(),
    store: new MemoryWalletStore(),
  }
  const watching = await Wallet.open({ ...options, signer: NO_SIGNER })
  value(await watching.watch(hot.wallet.account!))
  await watching.settled()
  assert.deepEqual(summary(watching), summary(hot.wallet))
  assert.equal(codeOf(await watching.watch(hot.wallet.account!)), 'wallet-exists')
  const recipients = [{ address: shopAddress, amount: sats(1_000_000) }]
  const plan = value(await watching.createPayment({ recipients, feeRate: RATE }))
  const check = (tx: Transaction) => mempool.test(tx)
  assert.equal(codeOf(await watching.sign(plan, check)), 'keys-missing')
  const signed = value(await unattended(hot.signer).signPsbt(plan.psbt))
  const payment = value(await watching.sign({ psbt: signed }, check))
  value(await mempool.accept(payment))
  await hot.deliver(net.mineBlock(tip, [payment]))
  await watching.settled()
  assert.equal(watching.transaction(payment.txid)!.state, 'confirmed')
})

test('a descriptor that can not be followed is refused', async () => {
  const wallet = await Wallet.open({
    chain: await openChain(),
    clock: new ManualClock(),
    random: seededRandom('watch'),
    turns: new Turns(),
    store: new MemoryWalletStore(),
    signer: NO_SIGNER,
  })
  const single = `tr(${'79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798'})`
  for (const descriptor of ['nonsense', single])
    assert.equal(codeOf(await wallet.watch({ descriptor, birthday: 0 })), 'descriptor-invalid')
  assert.equal(wallet.account, undefined)
})

test('a failing store is told once, and nothing is shown that was not stored', async () => {
  const store = new MemoryWalletStore()
  const node = await TestNode.open({ store })
  const tip = await node.fund(net.genesis, 1)
  const failures: string[] = []
  node.wallet.subscribe({ storageFailed: ({ message }) => failures.push(message) })
  store.commit = () => Promise.reject(new Error('disk full'))
  await assert.rejects(node.wallet.newAddress(), /disk full/)
  await assert.rejects(node.wallet.newAddress(), /disk full/)
  const recipients = [{ address: shopAddress, amount: sats(1_000_000) }]
  const plan = value(await node.wallet.createPayment({ recipients, feeRate: RATE }))
  await assert.rejects(node.sign(plan), /disk full/)
  await deliver(node.chain, [net.mineBlock(tip, [])])
  assert.deepEqual(failures, ['disk full'])
})

test('listeners hear of changes when these are durable', async () => {
  const states: MemoryWalletStore[] = []
  const node = await TestNode.open({ store: new RecordingStore(states) })
  const heard: { readonly txids: readonly string[]; readonly commits: number }[] = []
  node.wallet.subscribe({ changed: (txids) => heard.push({ txids, commits: states.length }) })
  const tip = await node.fund(net.genesis, 1)
  const [mined] = node.wallet.history()
  const told = heard.find(({ txids }) => txids.includes(mined.txid))!
  const stored = await states[told.commits - 1].load()
  assert.ok(
    [...stored.keys()].some((key) => key.includes(mined.txid)),
    'told before it was stored',
  )
  heard.length = 0
  await node.deliver(net.mineEmpty(tip, 1))
  assert.deepEqual(heard, [], 'a block without anything of ours changes confirmations only')
})

test('a wallet of another network is not opened', async () => {
  const node = await TestNode.open()
  const chain = await openChain({ params: { ...QUICK, name: 'another' } })
  await assert.rejects(TestNode.open({ chain, store: node.store }), /another network/)
})

/** Keeps a copy of every state after a commit. */
class RecordingStore extends MemoryWalletStore {
  private readonly states: MemoryWalletStore[]

  constructor(states: MemoryWalletStore[]) {
    super()
    this.states = states
  }

  override async commit(changes: ReadonlyMap<string, string | undefined>): Promise<void> {
    await super.commit(changes)
    this.states.push(await copyOf(this))
  }
}

async function copyOf(store: MemoryWalletStore): Promise<MemoryWalletStore> {
  const copy = new MemoryWalletStore()
  await copy.commit(await store.load())
  return copy
}

async function otherSigner(): Promise<LocalSigner> {
  const signer = await openSigner({ random: seededRandom('other') })
  value(
    await signer.restoreWords(
      value(await (await openSigner({ random: seededRandom('x') })).create('x')),
      PASSPHRASE,
    ),
  )
  return signer
}
