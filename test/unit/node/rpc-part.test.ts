/**
 * Promise: a node whose RPC methods can't all be fetched yet answers what the overview asks, says in a sentence what it can't answer, and
 * answers it once they can be had.
 */
import assert from 'node:assert/strict'
import test from 'node:test'
import { rpcPart } from '../../../src/node/rpc-part.ts'
import { NodeRig } from '../../support/node-rig.ts'

test('what the overview asks needs nothing that was not there from the start, and the rest is asked for anew until it is there', async () => {
  let isThere = false
  let asked = 0
  const node = await new NodeRig().add('node', {
    wallet: false,
    loadRpc: async () => {
      asked++
      if (!isThere) throw new Error('The server is gone.')
      return rpcPart
    },
  })
  for (const name of [
    'getblockchaininfo',
    'getmempoolinfo',
    'getmininginfo',
    'getnetworkinfo',
    'getpeerinfo',
  ])
    await node.rpc(name)
  const genesis = await node.rpc('getblockhash', await node.rpc('getblockcount'))
  const block = await node.rpc('getblock', genesis)
  assert.equal(block.tx.length, block.nTx)
  assert.match(await node.rpc('getblock', genesis, 0), /^[0-9a-f]+$/)
  assert.equal((await node.rpc('getblockheader', genesis)).hash, genesis)
  assert.deepEqual(await node.rpc('getrawmempool'), [])
  assert.equal(asked, 0)

  assert.match((await node.failure('getblock', genesis, 2)).message, /The server is gone/)
  assert.match((await node.failure('getchaintips')).message, /The server is gone/)
  isThere = true
  const [coinbase] = (await node.rpc('getblock', genesis, 2)).tx
  assert.equal(coinbase.txid, block.tx[0])
  assert.equal((await node.rpc('getchaintips'))[0].hash, genesis)
})
