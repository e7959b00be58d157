/** Promise: a tab with which there is a channel in use is dialled before others, after a restart as well, and no longer than there is one. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PeerId, Standing } from '../../../src/network/transport.ts'
import { NodeRig } from '../../support/node-rig.ts'

const CHANNEL = 200_000

/** Notes which tabs the transport of a node is told to favour, from its next start on. */
function favoured({ network }: NodeRig, node: string): [PeerId, Standing][] {
  const told: [PeerId, Standing][] = []
  const endpoint = network.endpoint.bind(network)
  network.endpoint = (id, options) => {
    const transport = endpoint(id, options)
    if (id === node) transport.valued = (peer, standing) => void told.push([peer, standing])
    return transport
  }
  return told
}

test('partners: the tabs behind channels go before others, as long as there are channels', async () => {
  const rig = new NodeRig({ seed: 'partners' })
  const told = favoured(rig, 'a')
  const a = await rig.add('a', { channels: true })
  const b = await rig.add('b', { channels: true })
  const c = await rig.add('c', { channels: true })
  await a.fund()
  await rig.until(() => [b, c].every(({ tip }) => tip === a.tip))
  await rig.until(() => [b, c].every((each) => a.channels.links.nodes.includes(each.channels.self)))
  assert.deepEqual(told, [])
  await a.rpc('fundchannel', b.channels.self, CHANNEL)
  await rig.until(() => b.core.mempool.size > 0)
  // What waits for its funding costs a stranger nothing.
  assert.deepEqual(told, [])
  await a.generate(1)
  await rig.until(() => told.length > 0)
  assert.deepEqual(new Set(told.map(String)), new Set(['b,anchor']))

  await b.kill()
  await a.kill()
  told.length = 0
  await a.open()
  // Nobody has said yet which node b is.
  assert.deepEqual(told[0], ['b', 'anchor'])

  await b.open()
  await rig.until(() => a.channels.all()[0].state.connection === 'connected')
  await a.rpc('close', b.channels.self)
  await rig.until(() => a.core.mempool.size > 0 && b.core.mempool.size > 0)
  await a.generate(101)
  await rig.until(() => b.tip === a.tip)
  await rig.time.complete(a.channels.settled())
  await rig.until(() => a.channels.all().length === 0)
  await a.kill()
  told.length = 0
  await a.open()
  await rig.until(() => a.channels.links.nodes.length === 2)
  assert.deepEqual(told, [])
})
