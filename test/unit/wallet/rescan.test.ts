/**
 * Promise: a restored wallet finds by filters all that reading every block would find, and reads hardly more blocks than those that
 * concern it: over growing look-aheads, reorganisations meanwhile, false positives, missing filters and strangers' double spends.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Mentions } from '../../../src/chain/block-mentions.ts'
import type { Chain } from '../../../src/chain/chain.ts'
import { OK } from '../../../src/primitives/result.ts'
import type { Transaction } from '../../../src/primitives/transaction.ts'
import { Turns } from '../../../src/primitives/turns.ts'
import { encodeAddress } from '../../../src/script/address.ts'
import { p2trScript } from '../../../src/script/taproot.ts'
import { unattended } from '../../../src/signer/unattended.ts'
import { MemoryWalletStore } from '../../../src/storage/memory-wallet-store.ts'
import { parseDescriptor } from '../../../src/wallet/descriptor.ts'
import { type Account, NO_SIGNER } from '../../../src/wallet/signer.ts'
import { Wallet } from '../../../src/wallet/wallet.ts'
import { type TestBlock, TestChain, TestWallet } from '../../support/chain-builder.ts'
import { bodiesRead, deliver, openChain, QUICK } from '../../support/chain-nodes.ts'
import { ManualClock, seededRandom, unlockedSigner, value } from '../../support/wallets.ts'

const net = new TestChain(QUICK)
const stranger = new TestWallet('stranger')
const { account, descriptor } = await restored()

/** The account of a seed that was typed in: nothing is known of its age. */
async function restored() {
  const status = (await unlockedSigner()).status()
  assert(status.state !== 'none')
  const account: Account = { ...status.account, birthday: 0 }
  return { account, descriptor: value(parseDescriptor(account.descriptor)) }
}

/** The script of a receiving key. */
function scriptAt(index: number): Uint8Array {
  return p2trScript(descriptor.derive(0, index).outputKey)
}

async function open(chain: Chain, store = new MemoryWalletStore()): Promise<Wallet> {
  const wallet = await Wallet.open({
    chain,
    store,
    signer: NO_SIGNER,
    clock: new ManualClock(),
    random: seededRandom('rescan'),
    turns: new Turns(),
  })
  if (!wallet.account) value(await wallet.watch(account))
  await wallet.settled()
  return wallet
}

async function chainOf(tip: TestBlock): Promise<Chain> {
  const chain = await openChain({ alreadyVerified: () => true })
  await deliver(chain, net.branch(tip))
  return chain
}

/** Puts another answer in the place of a chain's own mentions. */
function replaceMentions(
  chain: Chain,
  answer: (found: Map<number, Mentions>) => Map<number, Mentions> | Promise<Map<number, Mentions>>,
): void {
  const readMentions = chain.readMentions.bind(chain)
  chain.readMentions = async (first, last) => answer(await readMentions(first, last))
}

function historyOf(wallet: Wallet): string[] {
  return wallet
    .history()
    .map(({ txid, state, net, height }) => `${txid} ${state} ${net} ${height}`)
    .sort()
}

/** What is found by reading every block. */
async function foundByReading(tip: TestBlock): Promise<string[]> {
  const chain = await chainOf(tip)
  replaceMentions(chain, () => new Map())
  const read = bodiesRead(chain)
  const found = historyOf(await open(chain))
  assert.equal(new Set(read).size, tip.height)
  return found
}

/** Blocks up to the last of `heights`, each of which pays the script that `script` names for it. */
function payAt(from: TestBlock, heights: readonly number[], script: (i: number) => Uint8Array): TestBlock {
  let tip = from
  for (const [i, height] of heights.entries()) {
    tip = net.mineEmpty(tip, height - tip.height - 1, { scriptPubKey: stranger.scriptPubKey })
    tip = net.mineBlock(tip, [], { scriptPubKey: script(i) })
  }
  return tip
}

test('a restored seed with five payments in 500 blocks reads five blocks', async () => {
  const heights = [20, 21, 255, 256, 480]
  const tip = net.mineEmpty(payAt(net.genesis, heights, scriptAt), 20)
  const chain = await chainOf(tip)
  const read = bodiesRead(chain)
  const wallet = await open(chain)
  assert.equal(wallet.height, 500)
  assert.deepEqual(historyOf(wallet), await foundByReading(tip))
  assert.equal(wallet.history().length, 5)
  // 60 scripts in 500 filters: one false match in 26 such searches.
  assert.deepEqual(read, heights)
})

test('what the account spends is found by the coins it spends', async () => {
  const signer = unattended(await unlockedSigner())
  const before = payAt(net.genesis, [5], scriptAt)
  const chain = await chainOf(net.mineEmpty(before, 3))
  const wallet = await open(chain)
  // All of it leaves: the payment has no output of the account's.
  const address = encodeAddress(stranger.scriptPubKey.subarray(2), QUICK.addressPrefix)
  const recipients = [{ address, amount: wallet.coins()[0].value }]
  const plan = value(await wallet.createPayment({ recipients, feeRate: 1000, subtractFee: true }))
  const payment = value(await wallet.sign({ psbt: value(await signer.signPsbt(plan.psbt)) }, async () => OK))
  const tip = net.mineEmpty(net.mineBlock(net.mineEmpty(before, 40), [payment]), 5)
  const later = await chainOf(tip)
  const read = bodiesRead(later)
  const found = await open(later)
  assert.deepEqual(historyOf(found), await foundByReading(tip))
  assert.equal(found.coins().length, 0)
  assert.deepEqual(read, [5, 46])
})

test('keys that are derived only after others were seen are found, each block read once', async () => {
  // Each pays the last key of the look-ahead that the one before gave, some in blocks side by side.
  const heights = [3, 4, 5, 60, 61, 300]
  const tip = net.mineEmpty(
    payAt(net.genesis, heights, (i) => scriptAt(19 + 20 * i)),
    3,
  )
  const chain = await chainOf(tip)
  const read = bodiesRead(chain)
  const wallet = await open(chain)
  assert.deepEqual(historyOf(wallet), await foundByReading(tip))
  assert.equal(wallet.history().length, heights.length)
  assert.deepEqual(read, heights)
})

test('a reorganisation while filters are read ends where a fresh search ends', async () => {
  const base = payAt(net.genesis, [4, 30], scriptAt)
  const lost = payAt(base, [40, 300], (i) => scriptAt(2 + i))
  const won = net.mineEmpty(
    payAt(base, [50, 280], (i) => scriptAt(4 + i)),
    40,
  )
  for (const turn of [1, 2]) {
    const chain = await chainOf(lost)
    let reads = 0
    replaceMentions(chain, async (found) => {
      if (++reads === turn) await deliver(chain, net.branch(won).slice(base.height))
      return found
    })
    const wallet = await open(chain)
    assert.equal(wallet.tip?.hash, won.block.hash)
    assert.deepEqual(
      historyOf(wallet).filter((line) => line.includes('confirmed')),
      await foundByReading(won),
    )
  }
})

test('false matches cost a block each and change nothing; where a filter is missing the block is read', async () => {
  const heights = [7, 30, 31]
  const tip = payAt(net.genesis, heights, scriptAt)
  const expected = await foundByReading(tip)
  const chain = await chainOf(tip)
  const isFalse = (index: number): boolean => index % 10 === 0
  replaceMentions(chain, (found) => {
    for (const [index, mentions] of found) {
      const filter = mentions.filter()
      const matchesAny = filter.matchesAny.bind(filter)
      filter.matchesAny = (scripts) => isFalse(index) || matchesAny(scripts)
      mentions.filter = () => filter
    }
    found.delete(12)
    return found
  })
  const read = bodiesRead(chain)
  assert.deepEqual(historyOf(await open(chain)), expected)
  assert.deepEqual(read, [7, 10, 12, 20, 30, 31])
})

test('a double spend among strangers is seen, though no filter tells of it', async () => {
  const funded = net.mineEmpty(net.mineBlock(net.genesis, [], { scriptPubKey: stranger.scriptPubKey }), 3)
  const coin = stranger.coinbaseOf(net.ancestor(funded, 1))
  const promised = stranger.pay([coin], scriptAt(0), 70_000, 500)
  const kept = stranger.pay([coin], stranger.scriptPubKey, 60_000, 900)
  const chain = await chainOf(funded)
  const store = new MemoryWalletStore()
  const wallet = await open(chain, store)
  wallet.transactionAdded(promised)
  await wallet.settled()
  await wallet.close()
  // While the wallet is away, its payer takes the coin back.
  const after = net.mineEmpty(net.mineBlock(net.mineEmpty(funded, 3), [kept]), 5)
  await deliver(chain, net.branch(after).slice(funded.height))
  const reopened = await open(chain, store)
  assert.equal(reopened.transaction(promised.txid)?.state, 'conflicted')

  // Or it is at the blocks before, and their filters are at hand, when the mempool learns of it.
  const late = await open(chain)
  assert.equal(late.transaction(promised.txid), undefined)
  replaceMentions(chain, (found) => {
    late.transactionAdded(promised)
    late.transactionRemoved(promised, 'conflict')
    return found
  })
  value(await late.rescan(0))
  assert.equal(late.transaction(promised.txid)?.state, 'conflicted')
})

test('a rescan reads what concerns the account, and ends with what was there', async () => {
  const funded = net.mineEmpty(net.mineBlock(net.genesis, [], { scriptPubKey: stranger.scriptPubKey }), 3)
  const received: Transaction = stranger.pay(
    [stranger.coinbaseOf(net.ancestor(funded, 1))],
    scriptAt(0),
    70_000,
    500,
  )
  const tip = net.mineEmpty(payAt(net.mineBlock(funded, [received]), [20, 40], scriptAt), 10)
  const chain = await chainOf(tip)
  const wallet = await open(chain)
  const before = historyOf(wallet)
  const read = bodiesRead(chain)
  value(await wallet.rescan(0))
  assert.deepEqual(read, [5, 20, 40])
  read.length = 0
  value(await wallet.rescan(20))
  assert.deepEqual(read, [20, 40])
  assert.deepEqual(historyOf(wallet), before)
  assert.equal(wallet.height, tip.height)
})
