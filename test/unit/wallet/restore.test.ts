/**
 * Promise: a wallet never loses sight of a coin. Whatever the order in which its addresses were paid (no gap of 20 or more), the chain's
 * reorganisations, the clocks and restarts: restored from its words, from a backup file, or searched again, it has the coins, balances and next
 * addresses that the original has, and those are what the blocks say.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Chain } from '../../../src/chain/chain.ts'
import { subsidy } from '../../../src/consensus/subsidy.ts'
import { sats } from '../../../src/primitives/amount.ts'
import { bytesToHex, equalBytes } from '../../../src/primitives/bytes.ts'
import {
  type Outpoint,
  outpointKey,
  outpointOf,
  Transaction,
  type TxOutput,
} from '../../../src/primitives/transaction.ts'
import { Turns } from '../../../src/primitives/turns.ts'
import { encodeAddress } from '../../../src/script/address.ts'
import { p2trScript } from '../../../src/script/taproot.ts'
import { writeBackup } from '../../../src/signer/backup.ts'
import { MemoryWalletStore } from '../../../src/storage/memory-wallet-store.ts'
import { AddressBook, MAX_ISSUED } from '../../../src/wallet/address-book.ts'
import { type Descriptor, parseDescriptor } from '../../../src/wallet/descriptor.ts'
import { decodeMetadata } from '../../../src/wallet/metadata.ts'
import { type Account, NO_SIGNER } from '../../../src/wallet/signer.ts'
import { Wallet } from '../../../src/wallet/wallet.ts'
import { decodeKeys } from '../../../src/wallet/wallet-records.ts'
import { type TestBlock, TestChain, TestWallet } from '../../support/chain-builder.ts'
import { deliver, openChain, QUICK } from '../../support/chain-nodes.ts'
import {
  codeOf,
  ManualClock,
  openSigner,
  PASSPHRASE,
  seededRandom,
  TEST_NETWORK,
  value,
  WORDS,
} from '../../support/wallets.ts'

const net = new TestChain(QUICK)
const stranger = new TestWallet('stranger')

/** When a wallet may claim to be born, seconds from genesis: before, among and after the blocks, up to ten years. */
const BIRTHDAYS = [-86_400, 0, 3_600, 9_000, 20_000, 26_000, 40_000, 86_400, 315_360_000]

/** Seconds between the blocks before a wallet is made: a few of them are older than what a birthday leaves open. */
const SLOW_SPACING = 7_200

/** The account as the signer has it after restoring from words, and from backups of these birthdays. */
const fromWords = await accountOf((signer) => signer.restoreWords(WORDS, PASSPHRASE))
const fromBackups = await Promise.all(
  BIRTHDAYS.map((after) => {
    const content = { words: WORDS, birthday: QUICK.genesisTime + after, metadata: '' }
    const file = writeBackup(content, TEST_NETWORK, 0, PASSPHRASE, seededRandom('backup'), 1)
    return accountOf((signer) => signer.restoreBackup(file, PASSPHRASE))
  }),
)
const descriptor = value(parseDescriptor(fromWords.descriptor))

async function accountOf(
  restore: (signer: Awaited<ReturnType<typeof openSigner>>) => Promise<unknown>,
): Promise<Account> {
  const signer = await openSigner()
  await restore(signer)
  const status = signer.status()
  assert(status.state !== 'none')
  return status.account
}

interface Key {
  readonly branch: number
  readonly index: number
}

const steps = (minLength: number, maxLength: number) =>
  fc.array(fc.integer({ min: 1, max: 20 }), { minLength, maxLength })

const recipe = fc.record({
  /** How far each used key lies behind the one used before it on its branch. */
  receiving: steps(1, 5),
  change: steps(0, 3),
  /** By these the keys are put in the order in which they are paid. */
  order: fc.array(fc.nat({ max: 99 }), { minLength: 8, maxLength: 8 }),
  keysInBlock: fc.integer({ min: 1, max: 3 }),
  /** Blocks before the wallet is made. */
  before: fc.nat({ max: 5 }),
  /** Empty blocks after its last one. */
  after: fc.nat({ max: 3 }),
  /** A branch that the chain leaves: where it ends to be shared, from the last block before the wallet; and how many blocks it has beyond. */
  lost: fc.option(
    fc.record({ shared: fc.integer({ min: -5, max: 6 }), own: fc.integer({ min: 1, max: 3 }) }),
  ),
  /** Blocks that also spend the oldest coin. */
  spends: fc.array(fc.nat({ max: 8 }), { maxLength: 3 }),
  /** Whether the addresses were given out here, before they were paid, or by another copy of the wallet. */
  issued: fc.boolean(),
  /** Addresses given out last, and never used. */
  unused: fc.nat({ max: 12 }),
  birthday: fc.nat({ max: BIRTHDAYS.length - 1 }),
  /** The block after which the original is closed and opened. */
  restart: fc.nat({ max: 8 }),
  /** In which reading of filters, by a wallet restored meanwhile, the chain leaves the lost branch. */
  interrupted: fc.nat({ max: 3 }),
})
type Recipe = typeof recipe extends fc.Arbitrary<infer R> ? R : never

function keysOf({ receiving, change, order }: Recipe): Key[] {
  const along = (branch: number, steps: readonly number[]) => {
    let index = -1
    return steps.map((step) => {
      index += step
      return { branch, index }
    })
  }
  const keys = [...along(0, receiving), ...along(1, change)]
  return keys
    .map((key, i) => ({ key, at: order[i] }))
    .sort((a, b) => a.at - b.at)
    .map(({ key }) => key)
}

function scriptOf({ branch, index }: Key): Uint8Array {
  return p2trScript(descriptor.derive(branch, index).outputKey)
}

/** A block whose coinbase pays these keys, or a stranger. */
function payBlock(parent: TestBlock, keys: readonly Key[], transactions: readonly Transaction[]): TestBlock {
  const scripts = keys.map(scriptOf)
  const part = Math.floor(subsidy(parent.height + 1, QUICK) / Math.max(1, scripts.length))
  const outputs = scripts.slice(1).map((scriptPubKey): TxOutput => ({ value: sats(part), scriptPubKey }))
  return net.mineBlock(parent, transactions, {
    scriptPubKey: scripts[0] ?? stranger.scriptPubKey,
    claim: part,
    outputs,
  })
}

interface Coin {
  readonly outpoint: Outpoint
  readonly value: number
  readonly height: number
}

/** What blocks leave to the scripts of `keys`. */
function coinsOn(tip: TestBlock, keys: readonly Key[]): Map<string, Coin> {
  const own = new Set(keys.map((key) => bytesToHex(scriptOf(key))))
  const coins = new Map<string, Coin>()
  for (const { block, height } of net.branch(tip))
    for (const { txid, inputs, outputs } of block.transactions) {
      for (const { prevout } of inputs) coins.delete(outpointKey(prevout))
      for (const [index, { value, scriptPubKey }] of outputs.entries()) {
        const outpoint = outpointOf(txid, index)
        if (own.has(bytesToHex(scriptPubKey))) coins.set(outpointKey(outpoint), { outpoint, value, height })
      }
    }
  return coins
}

/** Spends a coin, half of it to a stranger and half to `to`. No chain of this test looks at signatures. */
function spend({ outpoint, value }: Coin, to: Key): Transaction {
  const half = sats(Math.floor(value / 2))
  const input = {
    prevout: outpoint,
    scriptSig: new Uint8Array(),
    sequence: 0xfffffffd,
    witness: [new Uint8Array(64).fill(1)],
  }
  const outputs = [stranger.scriptPubKey, scriptOf(to)].map((scriptPubKey) => ({ value: half, scriptPubKey }))
  return Transaction.of({ version: 2, inputs: [input], outputs, lockTime: 0 })
}

/** The blocks of the life of a wallet: those up to its making, those of a branch that loses, and those of the one that wins. */
function blocksOf(recipe: Recipe, keys: readonly Key[]) {
  const { before, after, keysInBlock, lost, spends } = recipe
  let start = net.genesis
  for (let i = 0; i < before; i++) {
    const time = start.block.header.time + SLOW_SPACING
    start = net.mineBlock(start, [], { scriptPubKey: stranger.scriptPubKey, time })
  }
  let won = start
  for (let at = 0; at < keys.length || won.height - start.height < 8; at += keysInBlock) {
    const coin = [...coinsOn(won, keys).values()].find(
      ({ height }) => won.height + 1 - height >= QUICK.coinbaseMaturity,
    )
    const isSpending = spends.includes(won.height - start.height) && coin !== undefined
    won = payBlock(won, keys.slice(at, at + keysInBlock), isSpending ? [spend(coin, keys[0])] : [])
  }
  won = net.mineEmpty(won, after, { scriptPubKey: stranger.scriptPubKey })
  const fork = Math.max(0, start.height + (lost?.shared ?? 0))
  let left = net.ancestor(won, fork)
  for (let i = 0; i < (lost?.own ?? 0); i++) {
    left = payBlock(left, [keys[(fork + i) % keys.length]], [])
    won = net.mineEmpty(won, 1, { scriptPubKey: stranger.scriptPubKey })
  }
  // A wallet that is made on the lost branch, where that leaves the other before it was made.
  const made = fork < start.height ? left : start
  return {
    made: net.branch(made),
    left: net.branch(left).slice(made.height),
    won: net.branch(won).slice(Math.min(fork, made.height)),
    tip: won,
  }
}

async function open(chain: Chain, account: Account, store = new MemoryWalletStore()): Promise<Wallet> {
  const wallet = await Wallet.open({
    chain,
    store,
    signer: NO_SIGNER,
    clock: new ManualClock(),
    random: seededRandom('restore'),
    turns: new Turns(),
  })
  if (!wallet.account) value(await wallet.watch(account))
  await wallet.settled()
  return wallet
}

/** What must not depend on the way. */
function viewOf(wallet: Wallet): object {
  return {
    coins: wallet
      .coins()
      .map(({ outpoint, value, height }) => `${outpointKey(outpoint)} ${value} ${height}`)
      .sort(),
    balances: wallet.balances(),
    history: wallet
      .history()
      .filter(({ state }) => state === 'confirmed')
      .map(({ txid, net, height }) => `${txid} ${net} ${height}`)
      .sort(),
  }
}

function nextOf(wallet: Wallet): readonly number[] {
  return JSON.parse(wallet.exportMetadata()).next
}

async function newAddressOf(wallet: Wallet): Promise<string> {
  return value(await wallet.newAddress()).address
}

test('a restored or searched wallet has what the original has, and what the blocks say', async () => {
  await fc.assert(
    fc.asyncProperty(recipe, async (recipe) => {
      const keys = keysOf(recipe)
      const used = [0, 1].map((branch) =>
        Math.max(0, ...keys.filter((key) => key.branch === branch).map(({ index }) => index + 1)),
      )
      const { made, left, won, tip } = blocksOf(recipe, keys)
      const chain = await openChain({ alreadyVerified: () => true })
      await deliver(chain, made)

      // The original lives through it all.
      const store = new MemoryWalletStore()
      const birthday = QUICK.genesisTime + BIRTHDAYS[recipe.birthday]
      const account = { ...fromWords, birthday }
      let original = await open(chain, account, store)
      while (recipe.issued && nextOf(original)[0] < used[0]) {
        value(await original.newAddress())
        await original.settled()
      }
      const restart = async (): Promise<void> => {
        await original.close()
        original = await open(chain, account, store)
      }
      for (const [i, block] of left.entries()) {
        await deliver(chain, [block])
        if (i === recipe.restart) await restart()
      }

      // Another copy is restored while the chain goes on.
      const readMentions = chain.readMentions.bind(chain)
      let turns = recipe.interrupted
      chain.readMentions = async (first, last) => {
        if (turns-- === 0) await deliver(chain, won)
        return readMentions(first, last)
      }
      const meanwhile = await open(chain, fromWords)
      turns = -1
      await deliver(chain, won)
      if (recipe.restart >= left.length) await restart()
      await original.settled()
      await meanwhile.settled()
      const truth = coinsOn(tip, keys)
      assert.deepEqual(
        original
          .coins()
          .map(({ outpoint }) => outpointKey(outpoint))
          .sort(),
        [...truth.keys()].sort(),
      )
      assert.deepEqual(nextOf(original), used)

      const expected = viewOf(original)
      const words = await open(chain, fromWords)
      for (const restored of [words, meanwhile]) {
        assert.deepEqual(viewOf(restored), expected)
        assert.deepEqual(nextOf(restored), used)
      }

      for (let i = 0; i < recipe.unused; i++) value(await original.newAddress())
      const metadata = original.exportMetadata()
      const backup = await open(chain, fromBackups[recipe.birthday])
      value(await backup.importMetadata(metadata))
      assert.deepEqual(viewOf(backup), expected)
      assert.equal(backup.exportMetadata(), metadata)

      value(await original.rescan(0))
      assert.deepEqual(viewOf(original), expected)
      assert.equal(original.exportMetadata(), metadata)

      const next = await newAddressOf(original)
      assert.equal(await newAddressOf(backup), next)
      if (recipe.unused === 0) assert.equal(await newAddressOf(words), next)
    }),
    { numRuns: 1_000 },
  )
})

test('a wallet made on a branch that the chain leaves is searched for from where that began', async () => {
  const slowly = (from: TestBlock, height: number): TestBlock => {
    let tip = from
    while (tip.height < height)
      tip = net.mineBlock(tip, [], {
        scriptPubKey: stranger.scriptPubKey,
        time: tip.block.header.time + SLOW_SPACING,
      })
    return tip
  }
  const left = slowly(net.genesis, 6)
  const chain = await openChain({ alreadyVerified: () => true })
  await deliver(chain, net.branch(left))
  // Block 5 has the first median time past that is no more than two hours older.
  const wallet = await open(chain, { ...fromWords, birthday: QUICK.genesisTime + 4 * SLOW_SPACING - 1 })
  const fork = net.ancestor(left, 1)
  const won = slowly(
    payBlock(payBlock(fork, [{ branch: 0, index: 30 }], []), [{ branch: 0, index: 15 }], []),
    8,
  )
  await deliver(chain, net.branch(won))
  await wallet.settled()
  assert.equal(wallet.coins().length, 2)
})

test('a wallet that version 0.3.0 kept finds the coins which that missed, and mining pays where it did', async () => {
  const chain = await openChain({ alreadyVerified: () => true })
  // Key 30 is paid before key 15 lets the look-ahead come to it.
  const first = payBlock(net.genesis, [{ branch: 0, index: 30 }], [])
  const tip = payBlock(first, [{ branch: 0, index: 15 }], [])
  await deliver(chain, net.branch(tip))
  const mined = encodeAddress(descriptor.derive(0, 3).outputKey, QUICK.addressPrefix)
  const store = new MemoryWalletStore()
  const record = {
    version: 1,
    network: chain.genesis.hash,
    account: fromWords,
    next: [16, 0],
    tip: { hash: tip.block.hash, height: 2 },
    locator: [],
  }
  await store.commit(
    new Map([
      ['wallet', JSON.stringify(record)],
      [`label/${mined}`, '"Mining"'],
      ['label/nonsense', '"no address"'],
    ]),
  )
  const wallet = await open(chain, fromWords, store)
  assert.equal(wallet.coins().length, 2)
  assert.equal(value(await wallet.miningAddress()).address, mined)
  value(await wallet.setLabel(mined, 'Pit'))
  value(await wallet.setLabel('nonsense', ''))
  assert.deepEqual(JSON.parse(wallet.exportMetadata()).labels, [[mined, 'Pit']])
  await wallet.close()
  const reopened = await open(chain, fromWords, store)
  assert.equal(value(await reopened.miningAddress()).address, mined)
  assert.equal(nextOf(reopened)[0], 31)
})

test('however many addresses were given out, they come back, others are answered meanwhile, and none is derived twice', async () => {
  const chain = await openChain({ alreadyVerified: () => true })
  await deliver(chain, net.branch(payBlock(net.genesis, [{ branch: 0, index: 290 }], [])))
  const store = new MemoryWalletStore()
  const wallet = await open(chain, fromWords, store)
  let answered = 0
  const commit = store.commit.bind(store)
  store.commit = async (changes) => {
    await commit(changes)
    answered += wallet.balances().immature === 0 ? 1 : 0
  }
  const metadata = JSON.stringify({ version: 1, next: [300, 0], mining: 2, labels: [] })
  assert.deepEqual(value(await wallet.importMetadata(metadata)), { labels: 0, warnings: [] })
  assert.ok(answered > 5, `answered ${answered} times`)
  assert.equal(wallet.coins().length, 1)
  assert.equal(wallet.exportMetadata(), metadata)
  await wallet.close()

  // Whoever opens it anew derives only what no page holds.
  const records = await store.load()
  const pages = decodeKeys(records)
  const asked: number[] = []
  const counting: Descriptor = {
    ...descriptor,
    derive: (branch, index) => {
      asked.push(index)
      return descriptor.derive(branch, index)
    },
  }
  const book = new AddressBook(counting, QUICK.addressPrefix, [300, 0], pages)
  assert.ok(
    book.issued(0).every(({ outputKey }, i) => equalBytes(outputKey, descriptor.derive(0, i).outputKey)),
  )
  assert.deepEqual(asked, [...Array(20).keys()])
})

test('a wallet gives out no more addresses than it could bring back', async () => {
  const chain = await openChain()
  const store = new MemoryWalletStore()
  const record = {
    version: 1,
    network: chain.genesis.hash,
    account: fromWords,
    next: [MAX_ISSUED - 1, 0],
    tip: { hash: chain.genesis.hash, height: 0 },
    locator: [],
    searched: { above: 0, keys: [MAX_ISSUED + 20, 20] },
  }
  // Anybody's keys: to derive as many would take a minute.
  const page = JSON.stringify(Array.from({ length: 40 }, (_, i) => bytesToHex(new Uint8Array(32).fill(i))))
  const records = new Map([['wallet', JSON.stringify(record)]])
  for (let at = 0; at <= MAX_ISSUED / 40; at++) records.set(`keys/0/${at}`, page)
  await store.commit(records)
  const wallet = await open(chain, fromWords, store)
  value(await wallet.newAddress())
  assert.equal(codeOf(await wallet.newAddress()), 'addresses-exhausted')
  const { next, warnings } = value(decodeMetadata(wallet.exportMetadata(), QUICK.addressPrefix))
  assert.deepEqual([next, warnings], [[MAX_ISSUED, 0], []])
})
