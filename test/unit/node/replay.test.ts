/** Promise: NodeCore is deterministic: a run depends on its seed alone. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { NodeRig, RIG_PARAMS, STRANGER } from '../../support/node-rig.ts'

/** Three nodes mine, pay, are cut off from each other and meet again; all that they tell, in order. */
async function run(seed: string): Promise<string> {
  const rig = new NodeRig({ seed })
  const log: string[] = []
  const nodes = []
  for (const name of ['a', 'b', 'c']) {
    const node = await rig.add(name)
    node.core.subscribe((event) => log.push(`${rig.time.now()} ${name} ${JSON.stringify(event)}`))
    await node.rpc('setgenerate', true)
    nodes.push(node)
  }
  const [a, b, c] = nodes
  await rig.until(() => a.core.wallet!.balances().trusted > 0)
  await a.rpc('sendtoaddress', STRANGER, 1)
  await a.rpc('sendtoaddress', await b.rpc('getnewaddress'), 2)
  rig.network.partition([[a.id], [b.id, c.id]])
  await rig.time.run(20_000)
  rig.network.heal()
  await rig.time.run(20_000)
  await c.restart()
  await rig.time.run(20_000)
  assert.ok(
    log.some((line) => /"disconnected":[1-9]/.test(line)),
    'there was a reorganisation',
  )
  assert.ok(a.core.chain.headers.height(a.core.chain.tip) > RIG_PARAMS.coinbaseMaturity)
  return log.join('\n')
}

test('the same seed tells the same story, another seed another one', async () => {
  const first = await run('one')
  assert.equal(await run('one'), first)
  assert.notEqual(await run('two'), first)
})
