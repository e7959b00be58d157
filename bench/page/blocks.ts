/**
 * `blocks.*`: transactions a second from the bytes of a block to its commit in IndexedDB, signatures checked by one check worker, or
 * known beforehand; the latter also as milliseconds for a block as heavy as Bitcoin's. The reference does the same work one transaction after
 * another with scure-btc-signer and noble on one thread, and stores nothing.
 */
import { schnorr } from '@noble/curves/secp256k1.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex } from '@noble/hashes/utils.js'
import { Transaction as ScureTransaction } from '@scure/btc-signer'
import { Chain } from '../../src/chain/chain.ts'
import { Mempool } from '../../src/mempool/mempool.ts'
import { decodeBlock } from '../../src/primitives/block.ts'
import type { CheckPool } from '../../src/script/input-check.ts'
import { IdbChainStore } from '../../src/storage/idb-chain-store.ts'
import { ProfileDatabase } from '../../src/storage/profile-database.ts'
import { installHashKernel } from '../../src/workers/hash-kernel.ts'
import { systemClock } from '../../src/workers/system-ports.ts'
import { ThreadedCheckPool } from '../../src/workers/threaded-check-pool.ts'
import { startWorkerCheckThread } from '../../src/workers/worker-check-threads.ts'
import { type BenchResult, compared, median } from '../result.ts'
import { type BenchChain, fullBlock, HEAVY, LIGHT } from './chains.ts'

const ROUNDS = 5
/** Milliseconds that the heaviest block of known transactions may take. */
const ALLOWED = 150
/** Transactions on which the reference, which is slow, is measured. */
const REFERENCE_SAMPLE = 400

export async function benchBlocks(): Promise<BenchResult[]> {
  // As the brain does.
  await installHashKernel()
  // One for all rounds: the threads of a tab live as long as it does, and the reference is warm as well.
  const checks = new ThreadedCheckPool(startWorkerCheckThread, 1, (message) => {
    throw new Error(message)
  })
  const results: BenchResult[] = []
  for (const [suffix, params] of [
    ['', HEAVY],
    ['-public-limit', LIGHT],
  ] as const) {
    const chain = fullBlock(params)
    const connect: number[] = []
    const cached: number[] = []
    const referenceConnect: number[] = []
    const referenceCached: number[] = []
    for (let round = -1; round < ROUNDS; round++) {
      const turn = [
        [connect, await connectRate(chain, checks, false)],
        [referenceConnect, referenceRate(chain, true)],
        [cached, await connectRate(chain, checks, true)],
        [referenceCached, referenceRate(chain, false)],
      ] as const
      // The first round warms up.
      if (round >= 0) for (const [figures, rate] of turn) figures.push(rate)
    }
    const reference = 'scure-btc-signer and noble, one thread'
    results.push(
      compared(`blocks.connect${suffix}`, median(connect), 'tx/s', reference, median(referenceConnect)),
      compared(`blocks.cached${suffix}`, median(cached), 'tx/s', reference, median(referenceCached)),
    )
    if (params === HEAVY)
      results.push(
        compared('blocks.full-known', (chain.spends.length / median(cached)) * 1000, 'ms', '150 ms', ALLOWED),
      )
  }
  checks.stop()
  return results
}

/** Transactions a second of the full block; `known` has the mempool take them all beforehand. */
async function connectRate(
  { params, funding, full, spends }: BenchChain,
  checks: CheckPool,
  known: boolean,
): Promise<number> {
  const name = `bench/${crypto.randomUUID()}`
  const database = await ProfileDatabase.open(name)
  const chain: Chain = await Chain.open({
    params,
    checks,
    clock: systemClock,
    faults: { report: reportError },
    store: new IdbChainStore(database),
    alreadyVerified: (transaction) => mempool.wasVerified(transaction),
  })
  const mempool = new Mempool({ chain, checks, clock: systemClock })
  for (const block of funding) await chain.acceptBlock(block)
  await chain.settled()
  if (known)
    for (const accepted of await Promise.all(spends.map((transaction) => mempool.accept(transaction))))
      if (!accepted.ok) throw new Error(accepted.detail)
  await mempool.settled()

  const bytes = full.bytes.slice()
  const start = performance.now()
  const block = decodeBlock(bytes)
  if (!block.ok) throw new Error(block.detail)
  const connected = new Promise<void>((resolve) => chain.subscribe({ tipChanged: () => resolve() }))
  const accepted = await chain.acceptBlock(block.value)
  if (!accepted.ok) throw new Error(accepted.detail)
  await connected
  const seconds = (performance.now() - start) / 1000

  await chain.settled()
  mempool.close()
  await chain.close()
  database.close()
  await ProfileDatabase.delete(name)
  return spends.length / seconds
}

/** The same transactions, one after another: decoded, their coins looked up and replaced, their identifiers hashed, and with `signatures` each input verified. */
function referenceRate({ spends, coins, scriptPubKey }: BenchChain, signatures: boolean): number {
  const unspent = new Map(
    coins.map(({ prevout, value }) => [
      `${bytesToHex(prevout.txid.slice().reverse())}:${prevout.index}`,
      { amount: BigInt(value), script: scriptPubKey },
    ]),
  )
  const sample = spends.slice(0, REFERENCE_SAMPLE).map((tx) => tx.bytes)
  const start = performance.now()
  for (const bytes of sample) {
    const tx = ScureTransaction.fromRaw(bytes, { allowUnknownOutputs: true })
    const spent = []
    for (let i = 0; i < tx.inputsLength; i++) {
      const { txid, index } = tx.getInput(i)
      const key = `${bytesToHex(txid as Uint8Array)}:${index}`
      const coin = unspent.get(key)
      if (coin === undefined) throw new Error(`The reference misses the coin ${key}`)
      spent.push(coin)
      unspent.delete(key)
    }
    const { id } = tx
    sha256(sha256(tx.toBytes(true, true)))
    if (signatures)
      for (let i = 0; i < tx.inputsLength; i++) {
        const message = tx.preimageWitnessV1(
          i,
          spent.map(({ script }) => script),
          0,
          spent.map(({ amount }) => amount),
        )
        const [signature] = tx.getInput(i).finalScriptWitness as Uint8Array[]
        if (!schnorr.verify(signature, message, scriptPubKey.subarray(2)))
          throw new Error('The reference finds a bad signature')
      }
    for (let i = 0; i < tx.outputsLength; i++) {
      const { amount, script } = tx.getOutput(i)
      unspent.set(`${id}:${i}`, { amount: amount as bigint, script: script as Uint8Array })
    }
  }
  return sample.length / ((performance.now() - start) / 1000)
}
