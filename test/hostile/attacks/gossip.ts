/** Gossip without end. */

import { bytesToHex } from '../../../src/primitives/bytes.ts'
import type { Transaction } from '../../../src/primitives/transaction.ts'
import { forgeSpend, signedSpend } from '../../../src/simulation/forged-blocks.ts'
import type { Arena } from '../arena.ts'
import { orNever } from '../arena.ts'
import type { Attack, Findings } from '../attack.ts'
import { PAYMENT } from '../bounds.ts'
import { FORGER_ADDRESS, hashBytes, noise, orphans } from '../forge.ts'
import { again, goesOn, guest, memoryHeld } from './common.ts'

/** Milliseconds. */
const LASTS = 20_000
const COIN = 100_000_000

interface Coin {
  readonly outpoint: { readonly txid: Uint8Array; readonly index: number }
  readonly value: number
}

/** Mines coins for the enemies, as if they had earned them, and waits until they can be spent. */
async function coins(arena: Arena, count: number): Promise<Coin[]> {
  const hashes = await arena.miner.generate(count, FORGER_ADDRESS)
  await arena.miner.generate(100, FORGER_ADDRESS)
  await arena.agreement()
  return Promise.all(
    hashes.map(async (hash) => {
      const { tx } = await arena.miner.rpc('getblock', hash, 2)
      const [coinbase] = tx
      return {
        outpoint: { txid: hashBytes(coinbase!.txid), index: 0 },
        value: Math.round(coinbase!.vout[0]!.value * COIN),
      }
    }),
  )
}

/** Does a thing to the gossip of all, from two enemies, and measures while it lasts and after. */
function flood(
  what: string,
  act: (arena: Arena, enemy: Awaited<ReturnType<typeof guest>>) => Promise<number>,
): Attack['run'] {
  return async (arena: Arena, findings: Findings) => {
    const watch = await arena.watchMemory()
    const guests = await Promise.all([guest(arena, arena.ids[3]), guest(arena, arena.ids[2])])
    const acting = Promise.all(guests.map((each) => act(arena, each)))
    findings.within('payment meanwhile', await arena.payment(), PAYMENT)
    const sent = (await acting).reduce((sum, each) => sum + each, 0)
    findings.note(`${sent} ${what}`)
    await goesOn(arena, findings)
    await memoryHeld(watch, findings)
  }
}

export const babble: Attack = {
  name: 'babble',
  deed: 'two enemies gossip noise on both topics for 20 s',
  run: flood('payloads', async (_, { enemy }) => {
    const sent = await Promise.all([
      enemy.do('babble', 'tx', 400, LASTS),
      enemy.do('babble', 'block', 2000, LASTS),
    ])
    return sent[0] + sent[1]
  }),
  strike: (arena, over) =>
    again(over, 2000, async () => {
      const { enemy } = await guest(arena)
      await enemy.do('babble', Math.random() < 0.5 ? 'tx' : 'block', 1000, 8000)
      await enemy.leave()
    }),
}

export const controlSpam: Attack = {
  name: 'gossip control',
  deed: 'two enemies send announcements of 500 messages that don’t exist, requests, grafts, prunes and don’t-wants for 20 s',
  run: flood('control messages', (_, { enemy, tab }) => enemy.do('control', tab, LASTS)),
  strike: (arena, over) =>
    again(over, 2000, async () => {
      const { enemy, tab } = await guest(arena)
      await enemy.do('control', tab, 8000)
      await enemy.leave()
    }),
}

export const orphanSpam: Attack = {
  name: 'orphans',
  deed: 'two enemies gossip 3,000 transactions each whose inputs don’t exist',
  run: flood('transactions', (_, { enemy }) =>
    enemy.do(
      'gossip',
      'tx',
      orphans(3000).map(({ bytes }) => bytesToHex(bytes)),
    ),
  ),
  strike: (arena, over) =>
    again(over, 3000, async () => {
      const { enemy } = await guest(arena)
      await enemy.do(
        'gossip',
        'tx',
        orphans(500).map(({ bytes }) => bytesToHex(bytes)),
      )
      await enemy.leave()
    }),
}

export const forgedPayments: Attack = {
  name: 'forged payments',
  deed: 'two enemies gossip 1,000 spends each of a coin that there is, with wrong signatures',
  async run(arena, findings) {
    const [coin] = await coins(arena, 1)
    await flood('transactions', (_, { enemy }) =>
      enemy.do(
        'gossip',
        'tx',
        Array.from({ length: 1000 }, (_each, i) =>
          bytesToHex(forgeSpend(coin!.outpoint, coin!.value - 1000 - i, noise(64)).bytes),
        ),
      ),
    )(arena, findings)
  },
}

export const fullMempool: Attack = {
  name: 'full mempool',
  deed: 'an enemy with 60 coins of its own gossips 1,200 payments to itself at the least fee, in chains of 20',
  async run(arena, findings) {
    const own = await coins(arena, 60)
    const chains = own.map((coin) => {
      const chain: Transaction[] = []
      let { outpoint, value } = coin
      for (let i = 0; i < 20; i++) {
        const spend = signedSpend(outpoint, value, value - 150)
        chain.push(spend)
        outpoint = { txid: spend.txidBytes, index: 0 }
        value -= 150
      }
      return chain
    })
    const watch = await arena.watchMemory()
    const { enemy } = await guest(arena, arena.ids[3])
    const payloads = Array.from({ length: 20 }, (_, depth) =>
      chains.map((chain) => bytesToHex(chain[depth]!.bytes)),
    ).flat()
    await orNever(enemy.do('gossip', 'tx', payloads), 60_000)
    const { size } = await arena.miner.rpc('getmempoolinfo')
    findings.note(`the miner’s mempool then held ${size}`)
    await goesOn(arena, findings)
    await memoryHeld(watch, findings)
  },
}
