/**
 * Promise: nodes without a browser and tabs are one network, with wallets alike; and one that is killed at any moment opens again as the same node,
 * and has lost nothing that it acknowledged.
 */
import assert from 'node:assert/strict'
import test from 'node:test'
import { REGTEST } from '../../src/consensus/params.ts'
import { subsidy } from '../../src/consensus/subsidy.ts'
import { SATS_PER_COIN } from '../../src/primitives/amount.ts'
import { withNodes } from '../support/headless-nodes.ts'
import { journey, PASSPHRASE, type World } from '../support/tabs.ts'

const KILLS = 3

test(
  'two headless nodes and a tab are one network: blocks of each reach all, and payments go from node to tab to node',
  journey((world) =>
    withNodes(async (nodes) => {
      const page = await serve(world)
      const [ada, ben] = await Promise.all([nodes.start('Ada', page), nodes.start('Ben', page)])
      const tab = await world.open('Tab')
      const all = [ada, ben, tab]
      await ada.rpc('createwallet', '', { passphrase: PASSPHRASE })
      await ben.rpc('createwallet', 'Savings', { passphrase: PASSPHRASE })
      await tab.createWallet()
      for (const each of all)
        await each.until('it knows both others', 'getpeerinfo', [], (peers) => peers.length === 2)

      const mined = await ada.rpc('getnewaddress', 'mined')
      await ada.rpc('generatetoaddress', 101, mined)
      for (const each of [ben, tab]) {
        const tip = await ada.rpc('getbestblockhash')
        await each.until('it has her tip', 'getbestblockhash', [], (hash) => hash === tip)
      }

      await ada.rpc('walletpassphrase', PASSPHRASE, 600)
      const first = await ada.rpc('sendtoaddress', await tab.rpc('getnewaddress', 'rent'), 2.5)
      await tab.until('it waits there', 'getrawmempool', [], (waiting) => waiting.includes(first))
      await ben.until('it waits there', 'getrawmempool', [], (waiting) => waiting.includes(first))
      // Somebody else confirms it.
      await ben.rpc('generatetoaddress', 1, await ben.rpc('getnewaddress'))
      await tab.until('it is paid', 'getbalances', [], ({ mine }) => mine.trusted === 2.5)

      const second = await tab.pay(await ben.rpc('getnewaddress', 'goods'), 1.25)
      await ada.until('it waits there', 'getrawmempool', [], (waiting) => waiting.includes(second))
      await ada.rpc('generatetoaddress', 1, mined)
      await ben.until('it is paid', 'getbalances', [], ({ mine }) => mine.trusted === 1.25)

      const sets = await Promise.all(all.map((each) => each.rpc('gettxoutsetinfo')))
      for (const { bestblock, hash_serialized_3 } of sets)
        assert.deepEqual(
          { bestblock, hash_serialized_3 },
          { bestblock: sets[0]!.bestblock, hash_serialized_3: sets[0]!.hash_serialized_3 },
        )
      await ada.stop()
    }),
  ),
)

test(`a headless node killed ${KILLS} times while it mines opens each time at a consistent tip, with its wallet whole`, () =>
  withNodes(async (nodes) => {
    // No relay is there: what it has comes from its folder alone.
    const relay = '/ip4/127.0.0.1/tcp/9/ws/p2p/12D3KooWSrKnMZUcSxK8G7wmBbXdU8nFEfWGhLu6H8xjn8LmCSJb'
    let node = await nodes.start('Ada', relay)
    await node.rpc('createwallet', '', { passphrase: PASSPHRASE })
    const { descriptor } = await node.rpc('getwalletinfo')
    const { localid } = await node.rpc('getnetworkinfo')
    const addresses: string[] = []
    const payments: string[] = []
    await node.rpc('generatetoaddress', 110, await node.rpc('getnewaddress'))
    for (let kill = 1; kill <= KILLS; kill++) {
      await node.rpc('walletpassphrase', PASSPHRASE, 600)
      const address = await node.rpc('getnewaddress', `Kill ${kill}`)
      addresses.push(address)
      payments.push(await node.rpc('sendtoaddress', address, 1))
      const height = await node.rpc('getblockcount')
      await node.rpc('setgenerate', true, 1, 1)
      const { bestblockhash } = await node.until(
        'it has more blocks',
        'getblockchaininfo',
        [],
        ({ blocks }) => blocks >= height + 5,
      )
      await node.kill()

      node = await nodes.start('Ada', relay)
      // On its chain, below what came until it died.
      assert.ok((await node.rpc('getblockheader', bestblockhash)).confirmations > 0)
      const set = await node.rpc('gettxoutsetinfo')
      assert.equal(set.total_amount, issued(set.height), 'the coins are those of the tip')
      assert.equal((await node.rpc('getwalletinfo')).descriptor, descriptor)
      assert.equal((await node.rpc('getnetworkinfo')).localid, localid)
      const labels = await node.rpc('exportlabels')
      for (const each of addresses) assert.ok(labels.includes(each))
      for (const txid of payments)
        assert.ok((await node.rpc('gettransaction', txid)).confirmations > 0, 'each payment is in a block')
    }
    await node.rpc('walletpassphrase', PASSPHRASE, 60)
    await node.stop()
  }))

/** Serves page and relay, and answers the page's address. */
async function serve(world: World): Promise<string> {
  return `http://localhost:${(await world.serve()).port}`
}

/** Coins that the blocks up to a height made. */
function issued(height: number): number {
  const subsidies = Array.from({ length: height + 1 }, (_, at) => subsidy(at, REGTEST))
  return subsidies.reduce((sum, each) => sum + each, 0) / SATS_PER_COIN
}
