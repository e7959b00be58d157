/** Promise: a branch that is announced and whose blocks nobody serves stops neither payments nor mining, now, later, or after a reload. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { REGTEST } from '../../src/consensus/params.ts'
import type { PeerId } from '../../src/network/transport.ts'
import { BlockHeader } from '../../src/primitives/block.ts'
import { equalBytes } from '../../src/primitives/bytes.ts'
import { MAX_HEADERS } from '../../src/protocol/wire.ts'
import { Adversary, type Attack } from '../../src/simulation/adversary.ts'
import type { SimulatedNode } from '../../src/simulation/simulated-node.ts'
import type { World } from '../../src/simulation/world.ts'
import { MINUTE, SECOND } from '../../src/simulator/run.ts'
import { newWorld } from '../support/worlds.ts'

const params = { ...REGTEST, coinbaseMaturity: 3 }

/** Headers with work above `parent`, where every target is the limit. */
function headersAbove(parent: BlockHeader, count: number): BlockHeader[] {
  const branch: BlockHeader[] = []
  let at = parent
  for (let i = 0; i < count; i++) {
    let nonce = 0
    let header: BlockHeader
    do
      header = BlockHeader.of({
        ...at,
        previousHash: at.hashBytes,
        merkleRoot: new Uint8Array(32).fill(5),
        time: at.time + 1,
        nonce: nonce++,
      })
    while (header.hashBytes[31] >= 0x7f)
    branch.push(header)
    at = header
  }
  return branch
}

/** Has these headers, and no body of any. */
function claiming(branch: readonly BlockHeader[]): Attack {
  return {
    hello: () => ({ height: 10_000, tipHash: branch[branch.length - 1].hashBytes, chainWork: 1n << 60n }),
    answer(me, peer, message) {
      if (message.type === 'getdata') return true
      if (message.type !== 'getheaders') return false
      const known = message.locator.map((hash) =>
        branch.findIndex((header) => equalBytes(header.hashBytes, hash)),
      )
      const start = Math.max(-1, ...known) + 1
      me.send(peer, { type: 'headers', id: message.id, headers: branch.slice(start, start + MAX_HEADERS) })
      return true
    },
  }
}

async function pay(world: World, from: SimulatedNode, to: SimulatedNode): Promise<void> {
  const address = await world.time.complete(world.rpc(to, 'getnewaddress'))
  const txid = (await world.time.complete(world.rpc(from, 'sendtoaddress', address, 1))) as never
  await world.until(
    () => world.running.every(({ core }) => core.mempool.has(txid)),
    'all have the payment',
    10 * SECOND,
  )
}

function height({ core: { chain } }: SimulatedNode): number {
  return chain.headers.height(chain.tip)
}

for (const count of [7, 7200])
  test(`${count} headers without bodies`, async () => {
    const world = newWorld(`${count} bodiless headers`, { params })
    const nodes = await world.startNodes(3, { hashRate: 0.02 })
    const [payer, payee, restarted] = nodes
    const address = await world.time.complete(world.rpc(payer, 'getnewaddress'))
    await world.time.complete(world.rpc(payer, 'generatetoaddress', 20, address))
    await world.until(() => world.agreed(), 'all have the chain')
    // So that the headers are not from the future.
    await world.run(10 * MINUTE)

    const { chain } = payer.core
    const branch = headersAbove(chain.headers.header(chain.tip), count)
    const adversary = new Adversary({
      id: 'hostile' as PeerId,
      network: world.network,
      random: world.random.fork('adversary'),
      attacks: [claiming(branch)],
      view: () => payer.core,
    })
    await adversary.start()
    await world.until(
      () => nodes.every(({ core }) => core.peers.syncState().headers === 20 + count),
      'all heard of the headers',
      MINUTE,
    )
    await pay(world, payer, payee)
    world.mine(nodes)
    await world.until(() => nodes.every((node) => height(node) > 20), 'a block is mined', 10 * MINUTE)
    await world.until(() => world.agreed() && payer.core.mempool.size === 0, 'the payment is in it')
    for (const node of nodes) {
      const { headers, blocks, initialblockdownload } = (await world.rpc(node, 'getblockchaininfo')) as never
      assert.deepEqual([headers, initialblockdownload], [blocks, false])
    }
    await pay(world, payer, payee)

    await adversary.stop()
    for (const node of nodes) node.stopMining()
    await world.time.complete(restarted.stop())
    await world.time.complete(restarted.start())
    await world.until(() => restarted.core.peers.peers().length > 0, 'it has peers again', MINUTE)
    await world.run(5 * SECOND)
    const { headers, blocks, synced } = restarted.core.peers.syncState()
    assert.deepEqual([headers, synced], [blocks, true])
    await pay(world, payer, restarted)
    await world.settle(nodes)
    await world.checkInvariants()
    for (const node of nodes) assert.equal((await node.bannedPeers()).length, 0)
  })
