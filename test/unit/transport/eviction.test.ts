/** Promise: places are kept for peers that are good in ways which cost an attacker something; he takes places from himself. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { PeerId } from '../../../src/network/transport.ts'
import { chooseEvicted, chooseExchanged, isLopsided, type Occupant } from '../../../src/transport/eviction.ts'

const PLACES = { maxPeers: 12, outboundPeers: 4 }
const NEWCOMER = 'newcomer' as PeerId

function occupant(id: string, more: Partial<Occupant> = {}): Occupant {
  return {
    id: id as PeerId,
    outbound: false,
    known: false,
    announced: true,
    latency: undefined,
    usefulAt: undefined,
    addressGroup: undefined,
    introducer: 'relay',
    ...more,
  }
}

const newcomer = (more: Partial<Occupant> = {}): Occupant => occupant(NEWCOMER, { announced: false, ...more })

const many = (count: number, name: string, more: Partial<Occupant> = {}): Occupant[] =>
  Array.from({ length: count }, (_, at) => occupant(`${name} ${at}`, more))

/** Those who are there after `comers` came one after another. */
function besieged(occupants: readonly Occupant[], comers: readonly Occupant[]): PeerId[] {
  let there = [...occupants]
  for (const comer of comers) {
    there.push({ ...comer, announced: false })
    const evicted = chooseEvicted(there, comer.id, PLACES)
    there = there.filter(({ id }) => id !== evicted).map((each) => ({ ...each, announced: true }))
  }
  return there.map(({ id }) => id)
}

test('nobody leaves while there is room', () => {
  assert.equal(chooseEvicted([...many(7, 'a'), newcomer()], NEWCOMER, PLACES), undefined)
})

test('those who dial us can not have the places of those whom we choose', () => {
  const dialled = many(8, 'dialled us')
  assert.notEqual(chooseEvicted([...dialled, newcomer()], NEWCOMER, PLACES), undefined)
  // Nor do they lose theirs while we dial.
  assert.equal(chooseEvicted([...dialled, newcomer({ outbound: true })], NEWCOMER, PLACES), undefined)
})

test('whom we dialled is never sent away by who dials us', () => {
  const flag = fc.boolean()
  const any = fc.record({
    outbound: flag,
    known: flag,
    announced: flag,
    latency: fc.option(fc.nat(500), { nil: undefined }),
    usefulAt: fc.option(fc.nat(500), { nil: undefined }),
    addressGroup: fc.constantFrom(undefined, 'a', 'b', 'c'),
    introducer: fc.constantFrom(undefined, 'relay', 'tab'),
  })
  fc.assert(
    fc.property(fc.array(any, { maxLength: 20 }), (drawn) => {
      const there = [...drawn.map((each, at) => occupant(`${at}`, each)), newcomer()]
      const evicted = chooseEvicted(there, NEWCOMER, PLACES)
      if (evicted === undefined) return
      const leaving = there.find(({ id }) => id === evicted)!
      assert.equal(leaving.outbound, false)
      const tellers = there.filter(({ announced, outbound, usefulAt }) => announced && !outbound && usefulAt)
      // The last who told a block stays.
      if (leaving.announced && leaving.usefulAt) assert.ok(tellers.length > 2)
    }),
    { numRuns: 2000 },
  )
})

test('a flood leaves the peers that are known, told blocks, are near, stayed long, or are from elsewhere', () => {
  const good = [
    occupant('stayed longest'),
    occupant('stayed long'),
    occupant('remembered', { known: true }),
    occupant('told a block', { usefulAt: 5 }),
    occupant('told another', { usefulAt: 7 }),
    occupant('is near', { latency: 3 }),
    occupant('is from elsewhere', { addressGroup: '203.0.0.0/16' }),
  ]
  const flood = many(200, 'flood', { addressGroup: '192.0.0.0/16', latency: 20 })
  const left = besieged(good, flood)
  for (const { id } of good) assert.ok(left.includes(id), id)
  assert.equal(left.length, 8)
})

test('a newcomer takes the place of the newest of the largest group, so that the attacker makes room himself', () => {
  const there = [
    ...many(5, 'sybil', { addressGroup: '192.0.0.0/16' }),
    ...many(3, 'class', { addressGroup: 'x' }),
  ]
  const comer = newcomer({ addressGroup: 'y' })
  assert.equal(chooseEvicted([...there, comer], NEWCOMER, PLACES), 'sybil 4')
})

test('connections that are only opened push out each other', () => {
  const there = [...many(7, 'a'), occupant('half open', { announced: false })]
  assert.equal(chooseEvicted([...there, newcomer()], NEWCOMER, PLACES), 'half open')
})

test('who comes when all places are kept goes', () => {
  const two = { maxPeers: 2, outboundPeers: 0 }
  assert.equal(chooseEvicted([...many(2, 'a'), newcomer()], NEWCOMER, two), NEWCOMER)
})

test('in exchange for another leaves a stranger of the largest group, never one that is known, stayed long or told blocks', () => {
  const there = [
    ...many(4, 'stayed long', { outbound: true, addressGroup: 'g' }),
    occupant('known', { known: true, addressGroup: 'g' }),
    occupant('told a block', { usefulAt: 1, addressGroup: 'g' }),
    occupant('elsewhere', { addressGroup: 'other' }),
    ...many(3, 'one of many', { addressGroup: 'g', outbound: true }),
    occupant(NEWCOMER, { outbound: true }),
  ]
  for (let draw = 0; draw < 1; draw += 0.05)
    assert.match(chooseExchanged(there, NEWCOMER, () => draw) ?? '', /^one of many/)
  assert.equal(
    chooseExchanged([...many(5, 'known', { known: true }), occupant(NEWCOMER)], NEWCOMER, () => 0),
    undefined,
  )
})

test('peers of one address are lopsided only where there are others', () => {
  const groups = (...all: (string | undefined)[]) => isLopsided(all.map((addressGroup) => ({ addressGroup })))
  assert.equal(groups('a', 'a', 'a', 'b'), true)
  assert.equal(groups('a', 'a', 'b', 'b'), false)
  assert.equal(groups('a', 'a', 'a', undefined), false)
  assert.equal(groups(), false)
})
