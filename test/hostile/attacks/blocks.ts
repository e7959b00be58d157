/** Blocks that are not what they seem. */

import { Block } from '../../../src/primitives/block.ts'
import { bytesToHex } from '../../../src/primitives/bytes.ts'
import { Transaction } from '../../../src/primitives/transaction.ts'
import { compactBlockOf, encodeCompactBlock } from '../../../src/protocol/compact-block.ts'
import type { Arena, Enemy } from '../arena.ts'
import { orNever, pause } from '../arena.ts'
import type { Attack } from '../attack.ts'
import { AGREEMENT, EXPULSION } from '../bounds.ts'
import { announcement, blockOn, frame, noise, orphans, tipOf } from '../forge.ts'
import { again, goesOn, guest, memoryHeld } from './common.ts'

/** Gossips a compact block of a good header whose transactions nobody has, and serves noise for them, or nothing. */
async function wrongShortIds(arena: Arena, enemy: Enemy, serves: boolean): Promise<void> {
  const { header, height } = await tipOf(arena.payer)
  const block = blockOn(header, height + 1)
  const compact = { ...compactBlockOf(block, noise(8)), shortIds: [1, 2, 3] }
  await enemy.behave(
    serves
      ? {
          blockTransactions: frame({
            type: 'blocktxn',
            id: 0,
            blockHash: block.header.hashBytes,
            transactions: orphans(3),
          }),
        }
      : {},
  )
  await enemy.do('gossip', 'block', [bytesToHex(encodeCompactBlock(compact))])
}

export const compactLies: Attack = {
  name: 'compact lies',
  deed: 'an enemy gossips compact blocks whose transactions it serves wrongly, ten times, with new identities',
  async run(arena, findings) {
    const watch = await arena.watchMemory()
    for (let i = 0; i < 10; i++) {
      const { enemy } = await guest(arena, arena.ids[3])
      await wrongShortIds(arena, enemy, true)
      await pause(300)
      await enemy.leave()
    }
    findings.within('one tip', await arena.agreement(), AGREEMENT)
    await goesOn(arena, findings)
    await memoryHeld(watch, findings)
  },
  strike: (arena, over) =>
    again(over, 4000, async () => {
      const { enemy } = await guest(arena)
      await wrongShortIds(arena, enemy, Math.random() < 0.5)
      await pause(2000)
      await enemy.leave()
    }),
}

export const stalledBlock: Attack = {
  name: 'stalled block',
  deed: 'an enemy at every tab is first to announce the next block and never answers for its transactions; the true next block comes 2 s later',
  async run(arena, findings) {
    const guests = await Promise.all(arena.ids.map((tab) => guest(arena, tab)))
    for (const { enemy } of guests) await wrongShortIds(arena, enemy, false)
    await pause(2000)
    findings.within('one tip', await arena.agreement(), AGREEMENT)
    await goesOn(arena, findings)
  },
}

export const mutatedBody: Attack = {
  name: 'mutated body',
  deed: 'an enemy announces a good header and serves another witness with it, before the true body comes',
  async run(arena, findings) {
    const { header, height } = await tipOf(arena.payer)
    const good = blockOn(header, height + 1)
    const [coinbase] = good.transactions
    const inputs = coinbase!.inputs.map((input) => ({ ...input, witness: [noise(32)] }))
    const mutated = Block.of(good.header, [Transaction.of({ ...coinbase!, inputs })])
    const { enemy, tab } = await guest(arena, arena.ids[3])
    await enemy.behave({ body: frame({ type: 'block', id: 0, block: mutated }) })
    await enemy.do('say', tab, [announcement([good.header])])
    findings.within('out', await enemy.do('untilOut', tab, 2 * EXPULSION), EXPULSION)
    // The true block must count still.
    const hash = good.header.hash
    await arena.miner.rpc('submitblock', bytesToHex(good.bytes)).catch(() => undefined)
    const all = await Promise.all(
      arena.tabs.map((each) =>
        orNever(
          each.until(
            'it has the true block',
            'getbestblockhash',
            [],
            (tip: string) => tip === hash,
            AGREEMENT,
          ),
          AGREEMENT,
        ),
      ),
    )
    findings.holds(
      'the true body is taken by all',
      all.every((tip) => tip !== undefined),
    )
    await goesOn(arena, findings)
  },
}

export const logFlood: Attack = {
  name: 'invalid blocks',
  deed: 'thirty identities announce a block each that pays its miner too much, and serve it: each would be a line in the log',
  async run(arena, findings) {
    const watch = await arena.watchMemory()
    const enemies = await arena.enemies(30)
    let stayed = 0
    for (const enemy of enemies) {
      const { header, height } = await tipOf(arena.payer)
      const block = blockOn(header, height + 1, [], 1)
      await enemy.behave({ body: frame({ type: 'block', id: 0, block }) })
      const met = await orNever(
        enemy.do('meet', arena.ids[3]!).then(() => true),
        15_000,
      )
      if (!met) continue
      await enemy.do('say', arena.ids[3]!, [announcement([block.header])])
      if ((await enemy.do('untilOut', arena.ids[3]!, 10_000)) === undefined) stayed++
      await enemy.leave()
    }
    findings.atMost('offenders that stayed', stayed, 0)
    await goesOn(arena, findings)
    await memoryHeld(watch, findings)
  },
  strike: (arena, over) =>
    again(over, 3000, async () => {
      const { header, height } = await tipOf(arena.payer)
      const block = blockOn(header, height + 1, [], 1)
      const { enemy, tab } = await guest(arena)
      await enemy.behave({ body: frame({ type: 'block', id: 0, block }) })
      await enemy.do('say', tab, [announcement([block.header])])
      await pause(2000)
      await enemy.leave()
    }),
}
