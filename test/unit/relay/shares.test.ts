/** Promise: a full room has a place for whoever comes from where fewest are, and one address never has more than its share. */

import assert from 'node:assert/strict'
import { describe, mock, test } from 'node:test'
import fc from 'fast-check'
import { FairShare, type Shares } from '../../../relay/fair-share.ts'
import { INTRODUCTION_LIMITS, type IntroductionLimits, Introductions } from '../../../relay/introductions.ts'
import { RateLimit } from '../../../relay/rate-limit.ts'
import { Refusals } from '../../../relay/refusals.ts'
import { addressBytes, isLoopback, plainAddress, type Source, sourceOf } from '../../../relay/source.ts'

describe('the source of a connection', () => {
  test('is an IPv4 address in its /24, however it is written', () => {
    const source: Source = { address: '192.0.2.7', subnet: '192.0.2.0/24' }
    for (const text of [
      '192.0.2.7',
      '::ffff:192.0.2.7',
      '::FFFF:192.0.2.7',
      '::ffff:c000:207',
      '0:0:0:0:0:ffff:c000:0207',
    ]) {
      assert.deepEqual(sourceOf(text), source)
      assert.equal(plainAddress(text), '192.0.2.7')
    }
  })

  test('is the IPv4 address that an IPv6 address stands for, which yet stays another endpoint', () => {
    const source: Source = { address: '203.0.113.9', subnet: '203.0.113.0/24' }
    for (const text of ['64:ff9b::203.0.113.9', '64:ff9b::cb00:7109', '2002:cb00:7109:5::1']) {
      assert.deepEqual(sourceOf(text), source)
      assert.equal(plainAddress(text), text)
      assert.equal(addressBytes(text)?.length, 16)
    }
  })

  test('is an IPv6 /64 in its /48, however it is written', () => {
    const source: Source = { address: '2001:db8:1:2::/64', subnet: '2001:db8:1::/48' }
    const texts = [
      '2001:db8:1:2::5',
      '2001:0DB8:1:2:ffff:ffff:ffff:ffff',
      '2001:db8:1:2::5%eth0',
      '2001:db8:1:2::192.0.2.7',
    ]
    for (const text of texts) assert.deepEqual(sourceOf(text), source)
    assert.deepEqual(sourceOf('::1'), { address: '0:0:0:0::/64', subnet: '0:0:0::/48' })
  })

  test('is one and the same for all that is no address', () => {
    for (const text of [undefined, '', 'localhost', '1.2.3', '1:2', '300.1.1.1', '1.2.3.4::', '[::1]']) {
      assert.deepEqual(sourceOf(text), sourceOf('unknown'))
    }
  })

  test('is this machine for its own addresses only', () => {
    for (const own of ['127.0.0.1', '127.9.9.9', '::1', '::ffff:127.0.0.1', '::ffff:7f00:1'])
      assert.ok(isLoopback(own))
    for (const other of [
      '128.0.0.1',
      '::2',
      '::ffff:192.0.2.1',
      '64:ff9b::7f00:1',
      '2002:7f00:1::',
      '',
      undefined,
    ])
      assert.ok(!isLoopback(other))
  })
})

describe('a room shared out by address', () => {
  /** An address of one of 4 subnets of 4 addresses each. */
  const sources = fc.tuple(fc.nat(3), fc.nat(3)).map(([a, b]) => sourceOf(`192.0.${a}.${b}`))
  const shares: Shares = { total: 12, perAddress: 4, perSubnet: 7 }
  /** Whoever is newest goes, so that the room refuses nobody. */
  const room = (): FairShare<{ source: Source }> =>
    new FairShare<{ source: Source }>(shares, ({ guests }) => guests.at(-1))

  test('never holds more than the shares, whoever comes and goes', () => {
    const visits = fc.array(fc.record({ source: sources, leaves: fc.boolean(), who: fc.nat() }), {
      maxLength: 200,
    })
    fc.assert(
      fc.property(visits, (steps) => {
        const share = room()
        const inside = new Set<{ source: Source }>()
        for (const { source, leaves, who } of steps) {
          if (leaves && inside.size > 0) {
            const guest = [...inside][who % inside.size]!
            assert.ok(share.delete(guest))
            inside.delete(guest)
          } else {
            const guest = { source }
            const out = share.add(guest, source)
            inside.add(guest)
            if (out !== undefined) assert.ok(inside.delete(out))
          }
          const count = (of: (source: Source) => string): number =>
            Math.max(
              0,
              ...[...inside].map((a) => [...inside].filter((b) => of(a.source) === of(b.source)).length),
            )
          assert.equal(share.size, inside.size)
          assert.ok(inside.size <= shares.total)
          assert.ok(count(({ address }) => address) <= shares.perAddress)
          assert.ok(count(({ subnet }) => subnet) <= shares.perSubnet)
        }
      }),
    )
  })

  test('makes room at the cost of those that are most, and never of one that is alone', () => {
    fc.assert(
      fc.property(fc.array(sources, { minLength: 30, maxLength: 100 }), (crowd) => {
        const share = room()
        const alone = { source: sourceOf('203.0.113.1') }
        share.add(alone, alone.source)
        for (const source of crowd) {
          assert.notEqual(share.add({ source }, source), alone)
        }
        const newcomer = { source: sourceOf('198.51.100.1') }
        assert.notEqual(share.add(newcomer, newcomer.source), newcomer)
        assert.ok(share.delete(alone))
      }),
    )
  })

  test('may refuse one that has no better claim, and says so beforehand', () => {
    const share = new FairShare<string>({ total: 4, perAddress: 2, perSubnet: 3 }, ({ guests, equal }) =>
      equal ? undefined : guests[0],
    )
    const there = sourceOf('192.0.2.1')
    for (const name of ['a', 'b']) assert.equal(share.add(name, there), undefined)
    assert.ok(!share.admits(there))
    assert.equal(share.add('c', there), 'c')
    for (const [name, address] of [
      ['d', '203.0.113.1'],
      ['e', '203.0.113.2'],
    ] as const)
      assert.equal(share.add(name, sourceOf(address)), undefined)
    // Four are in. One more from elsewhere has as good a claim as the two subnets of two have.
    assert.ok(!share.admits(sourceOf('203.0.113.3')))
    share.delete('e')
    share.delete('d')
    assert.ok(share.admits(sourceOf('203.0.113.3')))
    assert.equal(share.size, 2)
  })
})

describe('introductions', () => {
  const from = sourceOf('192.0.2.1')
  /** As usual, at one and the same instant. */
  const atOnce = Object.fromEntries(
    Object.entries(INTRODUCTION_LIMITS).map(([name, limit]) => [name, { ...limit, now: () => 0 }]),
  ) as unknown as IntroductionLimits

  test('of one address to one tab end in time, and leave others and other tabs alone', () => {
    const introductions = new Introductions(atOnce)
    let allowed = 0
    for (let peer = 0; peer < 50; peer++) {
      for (let i = 0; i < 10; i++) if (introductions.allow(`sybil ${peer}`, from, 'victim')) allowed++
    }
    assert.equal(allowed, 60)
    assert.ok(introductions.allow('neighbour', sourceOf('192.0.2.2'), 'victim'))
    assert.ok(introductions.allow('stranger', sourceOf('203.0.113.1'), 'victim'))
    assert.ok(introductions.allow('sybil', from, 'other'))
  })

  test('of one tab end in time, whomever it asks for, and leave its neighbours alone', () => {
    const introductions = new Introductions(atOnce)
    const allowed = Array.from({ length: 100 }, (_, i) => introductions.allow('sybil', from, `tab ${i}`))
    assert.equal(allowed.filter(Boolean).length, 30)
    assert.ok(introductions.allow('pupil', from, 'tab 1'))
  })
})

test('what is read on credit waits until it is paid', () => {
  let now = 0
  const limit = new RateLimit({ burst: 100, perSecond: 10, maxKeys: 4, now: () => now })
  assert.equal(limit.charge('a', 100), 0)
  assert.equal(limit.charge('a', 50), 5000)
  assert.equal(limit.charge('b', 50), 0)
  now = 5000
  assert.equal(limit.charge('a', 0), 0)
})

test('the operator is told of refusals at once, then once a minute while they go on', () => {
  mock.timers.enable({ apis: ['setTimeout'] })
  const said: string[] = []
  const refusals = new Refusals((line) => said.push(line))
  try {
    for (let i = 0; i < 1000; i++) refusals.count('visits', '192.0.2.1')
    refusals.count('visits', '192.0.2.2')
    refusals.count('slots', '192.0.2.3')
    assert.deepEqual(said, [
      'Refused 1 connections for the page (from 192.0.2.1).',
      'Refused 1 tabs beyond the share of their address (from 192.0.2.3).',
    ])
    mock.timers.tick(60_000)
    assert.deepEqual(said.slice(2), [
      'Refused 1000 connections for the page (from 2 addresses, 999 from 192.0.2.1).',
    ])
    mock.timers.tick(600_000)
    assert.equal(said.length, 3)
  } finally {
    refusals.stop()
    mock.timers.reset()
  }
})
