/** Promise: on the public network a tab joins the same chain as every other, and searches with real work. */

import assert from 'node:assert/strict'
import test from 'node:test'
import { networkId } from '../../src/consensus/genesis.ts'
import { PUBLIC } from '../../src/consensus/params.ts'
import { journey, type Tab } from '../support/tabs.ts'

/** The part of `getmininginfo` that tells of this tab's own work. */
interface Work {
  readonly generate: boolean
  readonly hashespersec: number
}

test(
  'two tabs share the public genesis; one searches at the public difficulty, is told at what rate, and stops',
  journey(async (world) => {
    await world.serve()
    const [ada, ben] = (await world.openAll(['Ada', 'Ben'], { query: '' })) as [Tab, Tab]
    await Promise.all([ada.untilPeers(1), ben.untilPeers(1)])
    const genesis = networkId(PUBLIC)
    for (const tab of [ada, ben]) {
      assert.equal(await tab.rpc('getblockhash', 0), genesis)
      const { networkName, addressPrefix, testControls } = await tab.identity()
      assert.deepEqual(
        { networkName, addressPrefix, testControls },
        { networkName: PUBLIC.name, addressPrefix: 'tab', testControls: false },
      )
    }

    await ada.createWallet()
    await ada.rpc('setgenerate', true)
    const { hashespersec } = await ada.until(
      'it searches',
      'getmininginfo',
      [],
      (work: Work) => work.hashespersec > 0,
    )
    await ada.rpc('setgenerate', false)
    await ada.until(
      'it rests',
      'getmininginfo',
      [],
      (work: Work) => !work.generate && work.hashespersec === 0,
    )
    // A block takes about 2^26 hashes here, so that none may be found; what is found is worth that much.
    const height = await ada.rpc('getblockcount')
    await ben.untilHeight(height)
    const header = await ben.rpc('getblockheader', await ben.rpc('getblockhash', height))
    assert.equal(BigInt(`0x${header.chainwork}`) >> 26n, BigInt(height), `at ${hashespersec} hashes a second`)
    await assert.rejects(
      ada.rpc('generatetoaddress', 1, await ada.rpc('getnewaddress')),
      /networks for tests only/,
    )
  }),
)
