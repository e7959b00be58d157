/**
 * Promise: by RPC a person parts a network for tests, lets each side mine its own branch, and heals it to one; asks for latency and sees it in getpeerinfo;
 * refuses; and none of it works on any other network.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LEASE } from '../../../src/network/link-agreement.ts'
import { NodeRig, type RigNode } from '../../support/node-rig.ts'

async function three(seed: string) {
  const rig = new NodeRig({ seed })
  const nodes: RigNode[] = []
  for (const name of ['a', 'b', 'c']) nodes.push(await rig.add(name, { links: true }))
  const [a, b, c] = nodes as [RigNode, RigNode, RigNode]
  await rig.until(() => nodes.every((node) => node.core.peers.peers().length === 2 && knows(node, 3)))
  return { rig, nodes, a, b, c }
}

const knows = ({ core }: RigNode, tabs: number): boolean => core.links?.known.length === tabs
const peers = ({ core }: RigNode): string =>
  core.peers
    .peers()
    .map(({ id }) => id)
    .sort()
    .join()

test('a partition makes two branches, healing one of them; timetables and one direction, too', async () => {
  const { rig, nodes, a, b, c } = await three('part')
  await a.generate(1)
  await rig.until(() => nodes.every(({ tip }) => tip === a.tip))
  const waysToPart: readonly (readonly [method: string, ...args: unknown[]])[] = [
    ['partition', [['a'], ['b', 'c']]],
    [
      'setlinkconditions',
      [
        { cut: true, from: 'one', to: 'two' },
        { cut: true, from: 'two', to: 'one' },
      ],
      { one: ['a'], two: ['b', 'c'] },
    ],
    [
      'schedulelinkconditions',
      [
        {
          after: 1,
          conditions: [
            { cut: true, from: 'x', to: 'rest' },
            { cut: true, from: 'rest', to: 'x' },
          ],
        },
      ],
      { x: ['a'] },
    ],
  ]
  for (const [method, ...args] of waysToPart) {
    await b.rpc(method, ...args)
    await rig.until(() => peers(a) === '' && peers(b) === 'c' && peers(c) === 'b')
    const [own] = await a.generate(1)
    const [, won] = await b.generate(2)
    await rig.until(() => c.tip === won)
    await rig.time.run(60_000)
    assert.equal(a.tip, own, `${method}: the branches don’t meet`)
    assert.equal(await b.rpc('heal'), true)
    await rig.until(() => nodes.every(({ tip }) => tip === won))
    await rig.until(() => nodes.every((node) => node.core.peers.peers().length === 2))
  }
  assert.equal(await b.rpc('heal'), false)
  for (const { core } of nodes)
    for (const { score } of core.peers.peers()) assert.equal(score, 0, 'nobody is blamed for it')
})

test('one direction: who is heard by nobody mines alone, and takes over what the others have', async () => {
  const { rig, nodes, a, b, c } = await three('one way')
  await a.rpc('partition', { mute: ['a'] }, true)
  await rig.until(() => b.core.links!.inForce.length === 1 && c.core.links!.inForce.length === 1)
  await a.generate(1)
  const [, last] = await b.generate(2)
  await rig.until(() => c.tip === last)
  await a.rpc('heal')
  await rig.until(() => nodes.every(({ tip }) => tip === last))
})

test('latency that is asked for is what getpeerinfo and getlinkconditions tell', async () => {
  const { rig, a, b, c } = await three('slow')
  const before = (await c.rpc('getpeerinfo'))[0].pingtime
  assert(before < 0.25)
  await a.rpc('setlinkconditions', { latency: 300, from: 'all', to: 'all' })
  await rig.until(() => b.core.peers.peers().every(({ latency = 0 }) => latency >= 600))
  await rig.time.run(5000)
  for (const node of [a, b, c]) {
    const { links, requests, takes_part, tabs } = await node.rpc('getlinkconditions')
    const infos = await node.rpc('getpeerinfo')
    for (const { peerid, ping, there, back } of links) {
      assert.deepEqual([there, back], [{ latency: 300 }, { latency: 300 }])
      assert(ping >= 0.62 && ping <= 0.8, `${ping} s`)
      assert.equal(infos.find((info: { peerid: string }) => info.peerid === peerid).pingtime, ping)
    }
    assert.deepEqual([takes_part, tabs.length, requests.length], [true, 3, 1])
    assert.deepEqual([requests[0].author, requests[0].self, requests[0].step], ['a', node === a, 0])
  }
  await rig.time.complete(a.core.close())
  await rig.time.run(2 * LEASE)
  assert.deepEqual((await b.rpc('getlinkconditions')).requests, [])
  assert((await b.rpc('getpeerinfo'))[0].pingtime < 0.25)
})

test('a node that refuses keeps its links, bridges a partition, and asks nobody for anything; over restarts', async () => {
  const { rig, nodes, a, b, c } = await three('refuse')
  await c.rpc('allowlinkconditions', false)
  await a.rpc('partition', [['a'], ['b']])
  await rig.until(() => peers(a) === 'c' && peers(b) === 'c')
  assert.match((await c.failure('setlinkconditions', { latency: 5 })).message, /takes no part/)
  await c.restart()
  await rig.until(() => knows(c, 3) && peers(c) === 'a,b')
  assert.equal((await c.rpc('getlinkconditions')).takes_part, false)
  await a.generate(1)
  await rig.until(() => nodes.every(({ tip }) => tip === a.tip))
  assert(a.linkLines.some((line) => line === 'The tab c takes no part in conditions on links.'))
})

test('mistakes get a sentence, and nodes of other networks have no such methods', async () => {
  const { rig, a } = await three('mistakes')
  const mistakes: readonly (readonly [message: RegExp, method: string, ...args: unknown[]])[] = [
    [/latency must be from 0 to 60000/, 'setlinkconditions', { latency: 1e9 }],
    [/loss must be from 0 to 0.99/, 'setlinkconditions', { loss: 1 }],
    [/no group 'x'/, 'setlinkconditions', { from: 'x' }],
    [/no field 'delay'/, 'setlinkconditions', { delay: 3 }],
    [/one group only/, 'partition', [['b'], ['b']]],
    [/array of peer ids/, 'partition', [['b', 3]]],
    [
      /later than the one before/,
      'schedulelinkconditions',
      [
        { after: 5, conditions: [] },
        { after: 5, conditions: [] },
      ],
    ],
    [/1 to 32 steps/, 'schedulelinkconditions', []],
  ]
  for (const [message, method, ...args] of mistakes)
    assert.match((await a.failure(method, ...args)).message, message)
  assert.deepEqual((await a.rpc('getlinkconditions')).requests, [])
  const bare = await rig.add('bare')
  for (const [method, ...args] of [
    ['getlinkconditions'],
    ['heal'],
    ['partition', [['a']]],
    ['setlinkconditions', { latency: 1 }],
    ['schedulelinkconditions', [{ after: 0, conditions: [] }]],
    ['allowlinkconditions', true],
  ] as const) {
    const { code, message } = await bare.failure(method, ...args)
    assert.deepEqual([code, /networks for tests only/.test(message)], [-32601, true], method)
  }
})
