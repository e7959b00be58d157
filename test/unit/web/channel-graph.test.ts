/**
 * Promises: the graph holds what the node knows, the own channels and the ways of payments included, and no more nodes than a person can look at, near ones first;
 * it is laid out the same each time, inside its box, with no two nodes upon each other and neighbours nearer than others.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { channelMap, type GraphSource, layOut } from '../../../web/channel-graph.ts'

const SELF = 'a'.repeat(66)
const node = (at: number): string => at.toString(16).padStart(66, '0')

function announced(id: string, source: string, destination: string, active = true) {
  return {
    source,
    destination,
    short_channel_id: id,
    direction: 0,
    public: true,
    amount_msat: 5e10,
    active,
    last_update: 1,
    base_fee_millisatoshi: 0,
    fee_per_millionth: 0,
    delay: 1,
    htlc_minimum_msat: 1,
    htlc_maximum_msat: 1,
  }
}

function own(channel_id: string, peer_id: string, more: object = {}) {
  return { channel_id, peer_id, total_msat: 1e9, state: 'CHANNELD_NORMAL', peer_connected: true, ...more }
}

function source(given: object): GraphSource {
  return { self: SELF, own: [], announced: [], known: [], pays: [], ...given } as GraphSource
}

test('own channels, announced ones and those of payments are each there once', () => {
  const { nodes, edges, hidden } = channelMap(
    source({
      own: [own('aa', node(1), { short_channel_id: '1x1x0' }), own('bb', node(2), { state: 'ONCHAIN' })],
      announced: [
        announced('1x1x0', SELF, node(1)),
        announced('1x1x0', node(1), SELF),
        announced('2x1x0', node(1), node(3), false),
        announced('2x1x0', node(3), node(1), true),
        announced('4x1x0', node(3), node(5), false),
      ],
      known: [
        { nodeid: node(1), alias: 'Bob’s tab' },
        { nodeid: node(3), alias: '' },
      ],
      pays: [
        {
          ways: [
            {
              hops: [
                { id: node(1), channel: '1x1x0' },
                { id: node(4), channel: '3x1x0' },
              ],
            },
          ],
        },
      ],
    }),
  )
  assert.deepEqual(
    edges.map(({ id, isOwn, isUsable, capacity }) => [id, isOwn, isUsable, capacity]),
    [
      ['1x1x0', true, true, 1e9],
      ['2x1x0', false, true, 5e10],
      ['4x1x0', false, false, 5e10],
      ['3x1x0', false, true, undefined],
    ],
  )
  assert.deepEqual(
    nodes.map(({ name, isSelf }) => [name, isSelf]),
    [
      ['You', true],
      ['Bob’s tab', false],
      ['000000…0003', false],
      ['000000…0004', false],
      ['000000…0005', false],
    ],
  )
  assert.equal(hidden, 0)
})

test('of too many nodes the nearest are drawn', () => {
  const chain = Array.from({ length: 30 }, (_, at) => announced(`${at}x1x0`, node(at + 1), node(at + 2)))
  const { nodes, edges, hidden } = channelMap(
    source({ own: [own('aa', node(1))], announced: chain.toReversed() }),
    10,
  )
  assert.deepEqual(
    nodes.map(({ id }) => id),
    [SELF, ...Array.from({ length: 9 }, (_, at) => node(at + 1))],
  )
  assert.equal(edges.length, 9)
  assert.equal(hidden, 22)
})

test('any graph is laid out inside its box, the same each time, and no two nodes lie upon each other', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 30 }),
      fc.array(fc.tuple(fc.nat(29), fc.nat(29)), { maxLength: 60 }),
      (count, pairs) => {
        const nodes = Array.from({ length: count }, (_, at) => ({ id: node(at), name: '', isSelf: at === 0 }))
        const edges = pairs
          .filter(([from, to]) => from !== to && from < count && to < count)
          .map(([from, to], at) => ({
            id: `${at}`,
            from: node(from),
            to: node(to),
            capacity: 1,
            isOwn: false,
            isUsable: true,
          }))
        const points = layOut({ nodes, edges }, 640, 380, 40)
        assert.deepEqual(points, layOut({ nodes, edges }, 640, 380, 40))
        for (const [at, { x, y }] of points.entries()) {
          assert(x >= 39.9 && x <= 600.1 && y >= 39.9 && y <= 340.1, `${x}, ${y} is outside`)
          for (const other of points.slice(0, at))
            assert(Math.hypot(x - other.x, y - other.y) > 10, 'two lie upon each other')
        }
      },
    ),
  )
})

test('three in a row lie in a row, the middle between the others', () => {
  const nodes = [1, 2, 3].map((at) => ({ id: node(at), name: '', isSelf: false }))
  const edges = [1, 2].map((at) => ({
    id: `${at}`,
    from: node(at),
    to: node(at + 1),
    capacity: 1,
    isOwn: false,
    isUsable: true,
  }))
  const [first, middle, last] = layOut({ nodes, edges }, 640, 380, 40)
  assert(last!.x - first!.x > 300, 'the first is to the left')
  assert(middle!.x > Math.min(first!.x, last!.x) && middle!.x < Math.max(first!.x, last!.x))
  assert(Math.abs(first!.y - middle!.y) < 100)
})
