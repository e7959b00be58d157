/**
 * A chain of blocks full of 2-in 2-out key-path spends, for joining: made once and kept in the system's folder for temporary files, since
 * its signatures take minutes. Node only.
 */
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as tiny from 'tiny-secp256k1'
import { REGTEST } from '../src/consensus/params.ts'
import { sats } from '../src/primitives/amount.ts'
import { decodeBlock } from '../src/primitives/block.ts'
import { Transaction, unsignedInput } from '../src/primitives/transaction.ts'
import { packOutputs } from '../src/script/input-check.ts'
import { SIGHASH_DEFAULT, SighashCache } from '../src/script/sighash.ts'
import { tweakSecretKey } from '../src/script/taproot.ts'
import { TestChain, type TestCoin, TestWallet } from '../test/support/chain-builder.ts'

/** Spends of a block. */
export const SPENDS_PER_BLOCK = 100
/** Coins that are spent in turns, oldest first. */
const COINS = 2_000

/** Serialised blocks from height 1: what makes the coins, then `count` blocks of `SPENDS_PER_BLOCK` spends. */
export async function syncChain(count: number): Promise<Uint8Array[]> {
  const folder = join(tmpdir(), 'opentab-bench')
  const file = join(folder, `sync-${count}.blocks`)
  const kept = await readFile(file).catch(() => undefined)
  if (kept) return split(kept)
  const blocks = makeChain(count)
  await mkdir(folder, { recursive: true })
  // Under another name until it is whole.
  await writeFile(`${file}.part`, joined(blocks))
  await rename(`${file}.part`, file)
  return blocks
}

function makeChain(count: number): Uint8Array[] {
  const chain = new TestChain(REGTEST)
  const wallet = new TestWallet('sync')
  const key = tweakSecretKey(wallet.secretKey)
  const { scriptPubKey } = wallet
  const blocks: Uint8Array[] = []
  let tip = chain.mineBlock(chain.genesis, [], { scriptPubKey })
  const first = wallet.coinbaseOf(tip)
  blocks.push(tip.block.bytes)
  const mine = (transactions: readonly Transaction[]): void => {
    tip = chain.mineBlock(tip, transactions)
    blocks.push(tip.block.bytes)
  }
  while (tip.height < REGTEST.coinbaseMaturity) mine([])

  const value = sats(Math.floor(first.value / COINS))
  const opening = wallet.spend(
    [first],
    Array.from({ length: COINS }, () => ({ value, scriptPubKey })),
  )
  mine([opening])
  const coins = wallet.coinsOf(opening)
  for (let block = 0; block < count; block++) {
    const spends = Array.from({ length: SPENDS_PER_BLOCK }, () =>
      spend(coins.splice(0, 2), scriptPubKey, key),
    )
    mine(spends)
    for (const { txidBytes: txid } of spends)
      for (const index of [0, 1]) coins.push({ prevout: { txid, index }, value })
  }
  return blocks
}

/** Pays each coin back to the script it was paid to. libsecp256k1 signs: noble would take six times as long. */
function spend(coins: readonly TestCoin[], scriptPubKey: Uint8Array, key: Uint8Array): Transaction {
  const fields = {
    version: 2,
    lockTime: 0,
    inputs: coins.map(({ prevout }) => unsignedInput(prevout, 0xfffffffd)),
    outputs: coins.map(({ value }) => ({ value, scriptPubKey })),
  }
  const sighashes = new SighashCache(Transaction.of(fields), packOutputs(fields.outputs))
  const inputs = fields.inputs.map((input, i) => ({
    ...input,
    witness: [tiny.signSchnorr(sighashes.sighash(i, SIGHASH_DEFAULT) as Uint8Array, key)],
  }))
  return Transaction.of({ ...fields, inputs })
}

/** Each block after its length in 32 bits little-endian. */
function joined(blocks: readonly Uint8Array[]): Buffer {
  return Buffer.concat(
    blocks.flatMap((block) => {
      const length = Buffer.alloc(4)
      length.writeUInt32LE(block.length)
      return [length, block]
    }),
  )
}

function split(bytes: Buffer): Uint8Array[] {
  const blocks: Uint8Array[] = []
  for (let at = 0; at < bytes.length; ) {
    const end = at + 4 + bytes.readUInt32LE(at)
    blocks.push(new Uint8Array(bytes.subarray(at + 4, end)))
    at = end
  }
  const last = blocks.at(-1)
  if (!last || !decodeBlock(last).ok) throw new Error('The kept chain is damaged: delete it.')
  return blocks
}
