/** Promise: no list decides by its length whom a tab dials, and no relay by its word alone whom it can't. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PeerId, RememberedPeer, Standing } from '../../../src/network/transport.ts'
import {
  Candidates,
  type Chosen,
  type Dialled,
  type Situation,
  type Source,
} from '../../../src/transport/candidates.ts'

const RELAY: Source = { prefix: '/relay', id: 'relay' as PeerId, isRelay: true }
const OTHER_RELAY: Source = { prefix: '/other', id: 'other' as PeerId, isRelay: true }

function tab(name: string): Source {
  return { prefix: `/p2p/${name}`, id: name as PeerId, isRelay: false }
}

function candidates(): Candidates {
  let draws = 0
  return new Candidates({
    self: 'self' as PeerId,
    dialBackoff: [1000, 8000],
    yieldTime: 4000,
    random: () => (draws++ % 10) / 10,
  })
}

function situation(more: Partial<Situation> = {}): Situation {
  return {
    now: 0,
    chosen: [],
    sources: [RELAY],
    outboundPeers: 4,
    impatient: false,
    mixing: false,
    isUnfit: () => false,
    heldUntil: () => 0,
    ...more,
  }
}

const names = (prefix: string, count: number): PeerId[] =>
  Array.from({ length: count }, (_, at) => `${prefix} ${at}` as PeerId)

const remembered = (id: string, standing: Standing, more: Partial<RememberedPeer> = {}): RememberedPeer => ({
  id: id as PeerId,
  standing,
  introducers: [],
  ...more,
})

const chosen = (id: string, more: Partial<Chosen> = {}): Chosen => ({
  id: id as PeerId,
  addressGroup: undefined,
  source: undefined,
  ...more,
})

/** Picks one after another, as if every dial succeeded. */
function pickAll(from: Candidates, count: number, more: Partial<Situation>): Dialled[] {
  const picked: Dialled[] = []
  for (let i = 0; i < count; i++) {
    const taken = picked.map(({ candidate: { id, addressGroup }, source }) =>
      chosen(id, { addressGroup, source }),
    )
    const next = from.pick(situation({ ...more, chosen: [...(more.chosen ?? []), ...taken] }))
    if ('dueAt' in next) break
    picked.push(next)
  }
  return picked
}

test('a source that names thousands counts as much as one that names three', () => {
  const from = candidates()
  for (let i = 0; i < 50; i++) from.add(names(`liar's ${i}`, 100), '/relay', true, 0)
  from.add(names('good', 3), '/other', true, 0)
  const picked = pickAll(from, 6, { sources: [RELAY, OTHER_RELAY] })
  assert.equal(picked.filter(({ candidate }) => candidate.id.startsWith('good')).length, 3)
  // Of one source the last hundred names are kept.
  assert.equal(from.get("liar's 0 0" as PeerId), undefined)
  assert.notEqual(from.get("liar's 49 0" as PeerId), undefined)
})

test('what a stranger’s tab tells comes last, what a proven one tells does not', () => {
  const from = candidates()
  from.remember([remembered('friend', 'proven')])
  from.add(names('of a stranger', 50), '/p2p/stranger', true, 0)
  from.add(names('of a friend', 2), '/p2p/friend', true, 0)
  from.add(names('of the relay', 2), '/relay', true, 0)
  const picked = pickAll(from, 3, {
    sources: [RELAY, tab('stranger'), tab('friend')],
    chosen: [chosen('friend')],
  })
  assert.deepEqual(new Set(picked.map(({ source }) => source)), new Set(['/relay', '/p2p/friend']))
  assert.ok(picked.every(({ candidate }) => !candidate.id.startsWith('of a stranger')))
})

test('a remembered peer of which one relay knows nothing is tried by the other at once', () => {
  const from = candidates()
  from.remember([remembered('anchor', 'anchor')])
  const sources = [RELAY, OTHER_RELAY]
  const first = from.pick(situation({ sources })) as Dialled
  from.failed(first.candidate, false, 2, 0)
  const second = from.pick(situation({ sources })) as Dialled
  assert.equal(second.candidate.id, 'anchor')
  assert.deepEqual([first.prefix, second.prefix].sort(), ['/other', '/relay'])
  from.failed(second.candidate, false, 2, 0)
  // Then there is a pause, and it is not forgotten however often it fails.
  assert.ok('dueAt' in from.pick(situation({ sources })))
  for (let i = 0; i < 50; i++) from.failed(second.candidate, false, 2, 0)
  assert.notEqual(from.get('anchor' as PeerId), undefined)
})

test('a remembered peer is reached by a tab that introduced it before, when no relay is left', () => {
  const from = candidates()
  from.remember([remembered('anchor', 'anchor', { introducers: ['friend' as PeerId] })])
  assert.deepEqual(from.pick(situation({ sources: [tab('someone')] })), { dueAt: Infinity })
  const picked = from.pick(situation({ sources: [tab('someone'), tab('friend')] })) as Dialled
  assert.equal(picked.prefix, '/p2p/friend')
})

test('while remembered peers serve, strangers get two places', () => {
  const from = candidates()
  from.remember(['a', 'b', 'c'].map((id) => remembered(id, 'anchor')))
  from.add(names('stranger', 50), '/relay', true, 0)
  const picked = pickAll(from, 10, {})
  assert.deepEqual(
    picked.slice(0, 3).map(({ candidate }) => candidate.id),
    ['a', 'b', 'c'],
  )
  assert.equal(picked.length, 5)
})

test('one group of addresses gets no more than half beyond the first few places, but where it is the only one', () => {
  const group = (addressGroup: string) => (id: string) => remembered(id, 'proven', { addressGroup })
  const mixed = candidates()
  mixed.remember([...names('m', 8).map(group('machine')), ...names('x', 2).map(group('x'))])
  const before = names('m', 2).map((id) => chosen(id, { addressGroup: 'machine' }))
  const others = names('x', 2).map((id) => chosen(id, { addressGroup: 'x' }))
  assert.ok('dueAt' in mixed.pick(situation({ chosen: [...before, ...others] })))
  const alone = candidates()
  alone.remember(names('m', 8).map(group('machine')))
  assert.equal(pickAll(alone, 8, {}).length, 8)
})

test('a peer rises by proof alone: having been met makes nobody remembered', () => {
  const from = candidates()
  from.rise('inbound' as PeerId, 'met')
  assert.equal(from.standingOf('inbound' as PeerId), undefined)
  from.rise('served' as PeerId, 'proven')
  assert.equal(from.isKnown('served' as PeerId), true)
})

test('who was introduced by a tab that is gone is forgotten, who was named by others is not', () => {
  const from = candidates()
  from.add(names('a', 2), '/p2p/tab', true, 0)
  from.add(names('a', 1), '/relay', true, 0)
  from.forgetSource('/p2p/tab')
  assert.notEqual(from.get('a 0' as PeerId), undefined)
  assert.equal(from.get('a 1' as PeerId), undefined)
})

test('whom a source named first is dialled first, and those of its last answer before those of an earlier one', () => {
  const known = candidates()
  known.add(names('early', 2), RELAY.prefix, true, 0)
  known.add(names('late', 3), RELAY.prefix, true, 0)
  const order: string[] = []
  for (;;) {
    const next = known.pick(situation({ chosen: order.map((id) => chosen(id)) }))
    if (!('candidate' in next)) break
    order.push(next.candidate.id)
  }
  assert.deepEqual(order, ['late 0', 'late 1', 'late 2', 'early 0', 'early 1'])
})
