/** Blocks whose times are lies, to make the next ones harder than the work that was done. */

import { REGTEST } from '../../../src/consensus/params.ts'
import { targetOf } from '../../../src/consensus/pow.ts'
import { BlockHeader } from '../../../src/primitives/block.ts'
import { bytesToHex } from '../../../src/primitives/bytes.ts'
import { Writer } from '../../../src/primitives/codec.ts'
import { encodeAddress } from '../../../src/script/address.ts'
import { FORGER_SCRIPT } from '../../../src/simulation/forged-blocks.ts'
import type { Tab } from '../../support/tabs.ts'
import { pause } from '../arena.ts'
import type { Attack } from '../attack.ts'
import { DIFFICULTY_STEP, NEVER } from '../bounds.ts'
import { hashBytes, solve } from '../forge.ts'

/** The part of `getblocktemplate` that a miner needs. */
interface Template {
  readonly version: number
  readonly previousblockhash: string
  readonly merkleroot: string
  readonly bits: string
  readonly curtime: number
  readonly mintime: number
  readonly height: number
  readonly coinbasetxn: { readonly data: string }
}

/** Seconds by which the liar's clock is behind. */
const BEHIND = 8 * 3600
/** As many blocks as the median time past is taken over, and one more. */
const LIES = 12

async function template(tab: Tab): Promise<Template> {
  const { addressPrefix } = await tab.identity()
  return tab.rpc('getblocktemplate', {
    payoutaddress: encodeAddress(FORGER_SCRIPT.subarray(2), addressPrefix),
  })
}

/** Searches and submits a tab's template with this time. Answers what the tab says: null is yes. */
async function submit(
  tab: Tab,
  { version, previousblockhash, merkleroot, bits, coinbasetxn }: Template,
  time: number,
): Promise<unknown> {
  const header = solve({
    version,
    previousHash: hashBytes(previousblockhash),
    merkleRoot: hashBytes(merkleroot),
    time,
    bits: Number.parseInt(bits, 16),
    nonce: 0,
  })
  const block = new Writer(200_000).put(BlockHeader.of(header).bytes).compactSize(1).finish()
  return tab.rpc('submitblock', bytesToHex(block) + coinbasetxn.data).catch((error: Error) => error.message)
}

function work({ bits }: Template): number {
  return 2 ** 256 / Number(targetOf(Number.parseInt(bits, 16)))
}

export const backStamped: Attack = {
  name: 'back-stamped block',
  deed: `on the public rules with an easy limit, ${LIES} blocks of a tab whose clock is 8 h behind, an honest one, then one stamped just above the median time`,
  setting: { network: 'scaled', tabs: 2 },
  async run(arena, findings) {
    const honest = arena.payer
    const context = await arena.wrongClock(-BEHIND)
    const liar = await (await arena.load('liar', { context })).ready()
    await liar.untilPeers(1)
    let taken = 0
    for (let i = 0; i < LIES; i++) {
      const offered = await template(liar)
      if ((await submit(liar, offered, offered.curtime)) === null) taken++
    }
    findings.note(
      `${taken} of ${LIES} blocks of the liar were taken by itself, the target's limit being ${REGTEST.powLimitBits.toString(16)}`,
    )
    await honest
      .until('it has the liar’s blocks', 'getblockcount', [], (height: number) => height >= taken, NEVER)
      .catch(() => undefined)
    // As after any night: one block at the true time, at which the target is at its limit.
    const morning = await template(honest)
    findings.note(`an honest block: ${(await submit(honest, morning, morning.curtime)) ?? 'taken'}`)
    await pause(1000)
    const before = await template(honest)
    findings.note(`the lie: ${(await submit(honest, before, before.mintime)) ?? 'taken'}`)
    await pause(1000)
    const after = await template(honest)
    const step = work(after) / work(before)
    findings.atMost('work of the next block', step, DIFFICULTY_STEP, '× of the one before')
    findings.note(`the next block takes 2^${Math.log2(work(after)).toFixed(1)} hashes`)
    const next = await (async () => {
      if (work(after) > 2 ** 24) return 'nobody could make the next block'
      return submit(honest, after, after.curtime)
    })()
    findings.holds('the next block is made', next === null, next === null ? 'yes' : String(next))
  },
}
