/**
 * `channels.*`: payments over channels between real tabs, each with a brain and a signer of its own, by the page's RPC, as a journey of people would make them.
 * `rate`: a thousand asked for at once; `latency`: one after another, from the call of `pay` to its answer. The tabs' stores are in memory, as in private windows, but
 * for `latency-disk`, whose tabs keep profiles on the disk and wait for it. `cpu`: see `channels-node.ts`.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { schnorr, secp256k1 } from '@noble/curves/secp256k1.js'
import { type BrowserContext, chromium, type Page } from 'playwright-core'
import type { Server } from '../relay/server.ts'
import { CHROMIUM_FLAGS, CHROMIUM_PERMISSIONS, findChromium } from '../test/support/chromium.ts'
import { PASSPHRASE } from '../test/support/node-tab.ts'
import { benchInOneThread } from './channels-node.ts'
import { type BenchResult, compared, median, quantile } from './result.ts'
import { openTabIn, reaches, withTabs } from './tabs.ts'

/** Payments of a measurement at full load, and one at a time. */
const MANY = 1_000
const SINGLE = 100
const WARM_UP = 20
/** Satoshis of a channel, and millisatoshis of a payment: above the dust limit, so that each has its outputs. */
const CHANNEL = 16_000_000
const AMOUNT = 1_000_000
/** Blocks until the coins of the first can be spent. */
const MATURE = 101

export async function benchChannels(): Promise<BenchResult[]> {
  const [oneHop, twoHops] = [1, 2].map(curveWork)
  const reference = (hops: string) => `the curve work of a payment over ${hops} alone, by noble in one thread`
  const inMemory = await withTabs(3, async (tabs, _open, _browser, server) => {
    const [a, b, c] = tabs
    await prepare(tabs)
    await open(a, b)
    await open(b, c)
    await pay(a, await invoices(b, WARM_UP, 'warm'), 1)
    const single = await pay(a, await invoices(b, SINGLE, 'single'), 1)
    const many = await pay(a, await invoices(b, MANY, 'many'), MANY)
    const far = await pay(a, await invoices(c, MANY, 'far'), MANY)
    await Promise.all(tabs.map((tab) => tab.context().close()))
    const disk = await onDisk(server)
    return [
      compared('channels.rate', rate(many), 'payments/s', reference('one hop'), 1000 / oneHop),
      compared('channels.rate-two-hops', rate(far), 'payments/s', reference('two hops'), 1000 / twoHops),
      compared('channels.latency-p50', median(single.each), 'ms', reference('one hop'), oneHop),
      compared('channels.latency-p95', quantile(single.each, 0.95), 'ms', reference('one hop'), oneHop),
      compared('channels.latency-disk', median(disk.each), 'ms', reference('one hop'), oneHop),
    ]
  })
  return [...inMemory, ...(await benchInOneThread(reference('one hop'), oneHop))]
}

/** Payments one at a time between tabs whose stores are on the disk. */
async function onDisk(server: Server): Promise<Paid> {
  const folder = await mkdtemp(join(tmpdir(), 'opentab-bench-'))
  const contexts: BrowserContext[] = []
  try {
    for (const name of ['a', 'b'])
      contexts.push(
        await chromium.launchPersistentContext(join(folder, name), {
          executablePath: await findChromium(),
          args: [...CHROMIUM_FLAGS],
          permissions: [...CHROMIUM_PERMISSIONS],
        }),
      )
    const tabs = await Promise.all(contexts.map((context) => openTabIn(context, server)))
    const [a, b] = tabs
    await prepare(tabs)
    await open(a, b)
    await pay(a, await invoices(b, WARM_UP, 'warm'), 1)
    return await pay(a, await invoices(b, SINGLE, 'single'), 1)
  } finally {
    await Promise.all(contexts.map((context) => context.close()))
    await rm(folder, { recursive: true })
  }
}

/** Gives the tabs wallets, the first two of them a coin, and channels to all. */
async function prepare(tabs: readonly Page[]): Promise<void> {
  await Promise.all(tabs.map(createWallet))
  const [a, b] = tabs
  await mine(a, 1)
  await reaches(b, 1)
  await mine(b, 1)
  await reaches(a, 2)
  await mine(a, MATURE)
  await Promise.all(tabs.map((tab) => reaches(tab, MATURE + 2)))
  await Promise.all(tabs.map((tab) => knowsNodes(tab, tabs.length - 1)))
}

/** What payments took, milliseconds. */
interface Paid {
  readonly each: readonly number[]
  readonly total: number
}

function rate({ each, total }: Paid): number {
  return (1000 * each.length) / total
}

async function createWallet(tab: Page): Promise<void> {
  await tab.evaluate(async (passphrase) => {
    const { rpc } = window.opentab!
    await rpc('createwallet', '', { passphrase })
    await rpc('walletpassphrase', passphrase, 100_000)
  }, PASSPHRASE)
}

async function mine(tab: Page, blocks: number): Promise<void> {
  await tab.evaluate(async (count) => {
    const { rpc } = window.opentab!
    await rpc('generatetoaddress', count, await rpc('getnewaddress'))
  }, blocks)
}

/** Waits until the node knows so many others as nodes: the first call of a method of channels fetches them. */
async function knowsNodes(tab: Page, count: number): Promise<void> {
  await tab.waitForFunction(
    async (wanted) => (await window.opentab!.rpc('listpeers')).peers.length >= wanted,
    count,
    { polling: 100 },
  )
}

/** A channel that the first opens with the second, usable. */
async function open(from: Page, to: Page): Promise<void> {
  const id = await to.evaluate(async () => (await window.opentab!.rpc('getnetworkinfo')).localid)
  const txid = await from.evaluate(
    async ([peer, amount]) => (await window.opentab!.rpc('fundchannel', peer, amount)).txid,
    [id, CHANNEL] as const,
  )
  await to.waitForFunction(
    async (wanted) => (await window.opentab!.rpc('getrawmempool')).includes(wanted),
    txid,
    { polling: 100 },
  )
  await mine(from, 1)
  for (const tab of [from, to])
    await tab.waitForFunction(
      async (wanted) =>
        (await window.opentab!.rpc('listpeerchannels')).channels.some(
          ({ state, short_channel_id, funding_txid }) =>
            state === 'CHANNELD_NORMAL' && short_channel_id !== undefined && funding_txid === wanted,
        ),
      txid,
      { polling: 100 },
    )
}

/** Made beforehand: what is measured is the payments. */
function invoices(tab: Page, count: number, name: string): Promise<string[]> {
  return tab.evaluate(
    async ([count, name, amount]) => {
      const { rpc } = window.opentab!
      const made: string[] = []
      for (let number = 0; number < count; number++)
        made.push((await rpc('invoice', amount, `${name} ${number}`, name)).bolt11)
      return made
    },
    [count, name, AMOUNT] as const,
  )
}

/** Pays, so many at a time. Throws where one fails. */
function pay(tab: Page, asked: readonly string[], atOnce: number): Promise<Paid> {
  return tab.evaluate(
    async ([asked, atOnce]) => {
      const { rpc } = window.opentab!
      const each: number[] = []
      const left = [...asked]
      const start = performance.now()
      const one = async (): Promise<void> => {
        for (let bolt11 = left.shift(); bolt11 !== undefined; bolt11 = left.shift()) {
          const began = performance.now()
          await rpc('pay', bolt11)
          each.push(performance.now() - began)
        }
      }
      await Promise.all(Array.from({ length: atOnce }, one))
      return { each, total: performance.now() - start }
    },
    [asked, atOnce] as const,
  )
}

/**
 * Milliseconds of the curve work that a payment can't do without, one after another in one thread, by noble-curves: the payer's ephemeral key and what it
 * shares with each hop, what each hop shares with it, and for each channel the signatures of its two HTLC outputs, made and verified. Those of the
 * commitments are left out: under load many payments share one.
 */
function curveWork(hops: number): number {
  const rounds = 20
  const secret = secp256k1.utils.randomSecretKey()
  const other = secp256k1.getPublicKey(secp256k1.utils.randomSecretKey(), true)
  const publicKey = schnorr.getPublicKey(secret)
  const message = new Uint8Array(32)
  const run = (): void => {
    secp256k1.getPublicKey(secret, true)
    for (let hop = 0; hop < hops; hop++) {
      for (let side = 0; side < 2; side++) {
        secp256k1.getSharedSecret(secret, other, true)
        const signature = schnorr.sign(message, secret)
        if (!schnorr.verify(signature, message, publicKey)) throw new Error('A signature is not valid')
      }
    }
  }
  for (let round = 0; round < rounds; round++) run()
  const start = performance.now()
  for (let round = 0; round < rounds; round++) run()
  return (performance.now() - start) / rounds
}
