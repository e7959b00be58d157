/** Promise: a tab whose renderer is killed at any moment reopens as the same node, and has lost nothing that it acknowledged. */

import assert from 'node:assert/strict'
import test from 'node:test'
import { REGTEST } from '../../src/consensus/params.ts'
import { subsidy } from '../../src/consensus/subsidy.ts'
import { SATS_PER_COIN } from '../../src/primitives/amount.ts'
import { journey, PASSPHRASE, type Tab, untilAgreed } from '../support/tabs.ts'

const KILLS = 20
/** Blocks that the other tab mines while the killed one is dead: more than the dead one can be ahead. */
const MISSED = 12

/** What a tab told before it was killed. */
interface Acknowledged {
  readonly tip: string
  readonly addresses: string[]
  readonly payments: string[]
}

test(
  `a tab killed ${KILLS} times while it syncs and mines reopens each time at a consistent tip`,
  journey(async (world) => {
    await world.serve()
    const context = await world.newContext()
    const ada = await world.open('Ada')
    let ben = await world.open('Ben', { context })
    await Promise.all([ada.createWallet(), ben.createWallet()])
    const self = await ben.identity()
    const { descriptor } = await ben.rpc('getwalletinfo')
    await ada.generate(100)
    await ben.untilPeers(1)
    await untilAgreed([ada, ben])
    await ada.pay(await ben.rpc('getnewaddress', 'Savings'), 40)
    await ada.generate(1)
    await untilAgreed([ada, ben])

    const kept: Acknowledged = { tip: '', addresses: [], payments: [] }
    for (let kill = 1; kill <= KILLS; kill++) {
      // Every other time it has hardly reopened and is still catching up.
      const isSettled = kill % 2 === 1
      if (isSettled) await settle(ada, ben)
      const height = await ben.rpc('getblockcount')
      await ben.rpc('setgenerate', true, 1, 0.05)
      kept.addresses.push(await ben.rpc('getnewaddress', `Kill ${kill}`))
      if (isSettled) kept.payments.push(await ben.pay(await ada.rpc('getnewaddress'), 0.01))
      const blocks = 1 + (kill % 10)
      const { bestblockhash: tip } = await ben.until(
        `it has ${blocks} more blocks`,
        'getblockchaininfo',
        [],
        ({ blocks: at }) => at >= height + blocks,
      )
      await ben.kill()

      await mineOn(ada, MISSED)
      ben = await world.open(`Ben after kill ${kill}`, { context })
      const { peerId, profile } = await ben.identity()
      assert.deepEqual({ peerId, profile }, { peerId: self.peerId, profile: self.profile })
      await checkKept(ben, { ...kept, tip })
      const set = await ben.rpc('gettxoutsetinfo')
      assert.equal(set.total_amount, issued(set.height), 'the coins are those of the tip')
      assert.equal((await ben.rpc('getwalletinfo')).descriptor, descriptor)
    }
    await settle(ada, ben)
    await ben.rpc('walletpassphrase', PASSPHRASE, 60)
  }),
)

/** Coins that the blocks up to a height made. */
function issued(height: number): number {
  const subsidies = Array.from({ length: height + 1 }, (_, at) => subsidy(at, REGTEST))
  return subsidies.reduce((sum, each) => sum + each, 0) / SATS_PER_COIN
}

/** Mines while blocks of the other may still come in and win. */
async function mineOn(tab: Tab, blocks: number): Promise<void> {
  const goal = (await tab.rpc('getblockcount')) + blocks
  while ((await tab.rpc('getblockcount')) < goal)
    await tab.generate(1).catch((error: Error) => assert.match(error.message, /lost to another block/))
}

/** Waits until both are on one tip, and compares all that hangs on it. */
async function settle(ada: Tab, ben: Tab): Promise<void> {
  await ben.untilPeers(1)
  const [hers, his] = await Promise.all([ada, ben].map((tab) => tab.rpc('getblockchaininfo')))
  // Of two branches with equal work everyone keeps the one seen first, until a block decides.
  if (hers!.blocks === his!.blocks && hers!.bestblockhash !== his!.bestblockhash) await ada.generate(1)
  await untilAgreed([ada, ben])
  const [herSet, hisSet] = await Promise.all([ada, ben].map((tab) => tab.rpc('gettxoutsetinfo')))
  assert.deepEqual({ ...hisSet, memory_bytes: 0 }, { ...herSet, memory_bytes: 0 })
  for (let height = 0; height <= hisSet!.height; height += 10)
    assert.equal(await ben.rpc('getblockhash', height), await ada.rpc('getblockhash', height))
}

/** Fails unless the tab still has what it told before it was killed. */
async function checkKept(tab: Tab, { tip, addresses, payments }: Acknowledged): Promise<void> {
  await tab.rpc('getblockheader', tip)
  const labels = await tab.rpc('exportlabels')
  for (const address of addresses) assert.ok(labels.includes(address))
  for (const txid of payments) assert.ok((await tab.rpc('gettransaction', txid)).confirmations >= 0)
}
