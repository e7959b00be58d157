/** Promise: what the form says becomes a network or a sentence; invitations carry it and relays, bounded; and its name, picture and rules are told truly. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { networkId } from '../../../src/consensus/genesis.ts'
import { checkParams, type NetworkParams, PUBLIC, REGTEST } from '../../../src/consensus/params.ts'
import { targetOf } from '../../../src/consensus/pow.ts'
import { encodeNetworkLink } from '../../../src/node/network-link.ts'
import { invitationPath, networkParameter, readInvitation, relayHost } from '../../../web/invitation.ts'
import {
  draftOf,
  type NetworkDraft,
  PRESETS,
  paramsOf,
  powLimitOf,
  prefixOf,
  WORK_CHOICES,
} from '../../../web/network-draft.ts'
import { networkNickname, networkPicture, PICTURE_SIZE } from '../../../web/network-name.ts'
import { rulesOf } from '../../../web/network-rules.ts'
import { NETWORK_WORDS } from '../../../web/network-words.ts'
import { anyParams } from '../../support/params.ts'

const PEER = '12D3KooWGYkDqWcVfaUMLd5HRfKFVjFq1yqr8mMhy4GCcMVrUXQW'
const RELAY = `/dns4/relay.example/tcp/443/wss/p2p/${PEER}`
const NOW = 1_800_000_000
const DRAFT = draftOf(PRESETS[0]!, 'class-7b')
/** As they were when the list of words was made. */
const NICKNAMES: readonly string[] = ['desert-syrup-diamond-papaya', 'dynamo-prairie-fabric-lemon']
/** Its hue, and its rows. */
const PUBLIC_PICTURE: readonly string[] = ['290', '#####', '.###.', '#.#.#', '#.#.#', '.#.#.']
const search = (path: string): string => path.slice(1)
const isRelay = (): boolean => true

test('every preset makes a network under any good name, with a prefix that is nobody’s', () => {
  for (const preset of PRESETS)
    for (const name of [
      'class-7b',
      '7',
      'x',
      'tabula-rasa',
      'bc',
      'tb',
      'bcrt-2',
      'averylongnamethatgoesonandon',
    ]) {
      const made = paramsOf(draftOf(preset, name), NOW)
      assert.ok(made.ok, `${preset.id} ${name}: ${!made.ok && made.detail}`)
      const { addressPrefix, genesisTime } = made.value
      for (const [field, value] of Object.entries(preset.rules))
        if (!['name', 'addressPrefix', 'genesisTime'].includes(field))
          assert.equal(made.value[field as keyof NetworkParams], value, `${preset.id} ${field}`)
      assert.equal(genesisTime, NOW)
      assert.equal(addressPrefix, prefixOf(name))
    }
})

test('choices of work are what they say', () => {
  for (const { bits } of WORK_CHOICES) {
    const hashes = Number(2n ** 256n / targetOf(powLimitOf(bits)))
    assert.ok(Math.abs(Math.log2(hashes) - bits) < 0.001, `${bits}`)
  }
})

test('what can’t be a network is told by the field’s name in the form, before there is a link', () => {
  const cases: readonly (readonly [Partial<NetworkDraft>, RegExp])[] = [
    [{ name: '' }, /name/],
    [{ name: 'Class' }, /name/],
    [{ name: 'opentab' }, /reserved/],
    [{ name: 'op3ntab-school' }, /reserved/],
    [{ name: 'оpentab' }, /name/],
    [{ targetSpacing: '' }, /“Time between blocks” needs a whole number/],
    [{ targetSpacing: '1.5' }, /“Time between blocks” needs a whole number/],
    [{ targetSpacing: '-3' }, /“Time between blocks” needs a whole number/],
    [{ targetSpacing: '1e3' }, /“Time between blocks” needs a whole number/],
    [{ targetSpacing: '0' }, /“Time between blocks” can be 1 to 86[,.]?400 seconds; 0 is not/],
    [{ halfLife: '10' }, /half-life is shorter/],
    [{ weightLimit: '5000000' }, /“Room in a block” can be 10.000 to 4.000.000 weight units/],
    [{ coinbaseMaturity: '10001' }, /“Blocks until mined coins can be spent” can be/],
    [{ initialSubsidy: '-1' }, /“New coins in a block” needs an amount/],
    [{ initialSubsidy: '0.000000001' }, /“New coins in a block” needs an amount/],
    [{ initialSubsidy: '21000000', halvingInterval: '2' }, /more than 21,000,000/],
    [{ retarget: true, targetSpacing: '1' }, /leaves difficulty no way/],
  ]
  for (const [change, sentence] of cases) {
    const made = paramsOf({ ...DRAFT, ...change }, NOW)
    assert.ok(!made.ok, JSON.stringify(change))
    assert.match(made.detail, sentence)
  }
})

test('an invitation comes back from its address, with its relays', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        anyParams.filter((params) => checkParams(params).ok),
        fc.constantFrom(PUBLIC, REGTEST),
      ),
      fc.uniqueArray(fc.integer({ min: 1, max: 65_535 }), { maxLength: 4 }),
      (params, ports) => {
        const relays = ports.map((port) => `/ip4/192.0.2.1/tcp/${port}/ws/p2p/${PEER}`)
        const read = readInvitation(search(invitationPath(params, relays)), isRelay)
        assert.deepEqual(read, { ok: true, value: { params, networkId: networkId(params), relays } })
      },
    ),
  )
  assert.equal(invitationPath(PUBLIC), '/')
  // Nobody is told that the public network isn't the public one.
  const own = readInvitation(`?network=${encodeNetworkLink(PUBLIC)}`, isRelay)
  assert.equal(own.ok && own.value.params, PUBLIC)
  assert.equal(invitationPath(REGTEST), '/?network=regtest')
  assert.equal(networkParameter({ ...REGTEST, name: 'x', addressPrefix: 'x' }).slice(0, 4), 'net1')
})

test('an invitation that is wrong, or too much, is refused with what is wrong', () => {
  const link = encodeNetworkLink({ ...REGTEST, name: 'class', addressPrefix: 'class' })
  const relay = (address: string): string => `relay=${encodeURIComponent(address)}`
  const cases: readonly (readonly [query: string, code: string])[] = [
    ['network=', 'invitation-network'],
    ['network=Opentab', 'invitation-network'],
    ['network=%D0%BEpentab', 'invitation-network'],
    ['network=mainnet', 'invitation-network'],
    ['network=opentab%20', 'invitation-network'],
    [`network=${link.slice(0, -1)}`, 'network-link-checksum'],
    [`network=${link}&${relay('wss://relay.example')}`, 'invitation-relay'],
    [relay(`/dns4/relay.example/tcp/443/p2p/${PEER}`), 'invitation-relay'],
    [relay(`/dns4/rel\u0430y.example/tcp/443/wss/p2p/${PEER}`), 'invitation-relay'],
    [relay(`/dns4/${'a'.repeat(200)}/tcp/443/wss/p2p/${PEER}`), 'invitation-relay'],
    [relay(`${RELAY}/p2p-circuit`), 'invitation-relay'],
    [[1, 2, 3, 4, 5].map((port) => relay(RELAY.replace('443', `${port}`))).join('&'), 'invitation-relays'],
  ]
  for (const [query, code] of cases) {
    const read = readInvitation(`?${query}`, isRelay)
    assert.equal(read.ok ? 'ok' : read.code, code, query)
    if (!read.ok) assert.match(read.detail, /^\p{Lu}.*\.$/u)
  }
  const unknown = readInvitation(`?${relay(RELAY)}`, () => false)
  assert.equal(unknown.ok ? 'ok' : unknown.code, 'invitation-relay')
  const twice = readInvitation(`?${relay(RELAY)}&${relay(RELAY)}`, isRelay)
  assert.deepEqual(twice.ok && twice.value.relays, [RELAY])
  assert.equal(relayHost(RELAY), 'relay.example:443')
  assert.equal(relayHost(`/ip6/2001:db8::1/tcp/8080/ws/p2p/${PEER}`), '[2001:db8::1]:8080')
})

test('the words of short names can’t be taken for one another', () => {
  assert.equal(new Set(NETWORK_WORDS).size, 256)
  assert.equal(new Set(NETWORK_WORDS.map((word) => word.slice(0, 4))).size, 256)
  for (const word of NETWORK_WORDS) assert.match(word, /^[a-z]{4,8}$/)
  for (const [i, word] of NETWORK_WORDS.entries())
    for (const other of NETWORK_WORDS.slice(i + 1)) assert.ok(distance(word, other) >= 3, `${word} ${other}`)
})

test('name and picture are a network’s own and always the same', () => {
  // Written down: another answer would tell people that one network is two.
  assert.deepEqual(
    [PUBLIC, REGTEST].map((params) => networkNickname(networkId(params))),
    NICKNAMES,
  )
  assert.deepEqual(pictureOf(PUBLIC), PUBLIC_PICTURE)
  fc.assert(
    fc.property(anyParams, anyParams, (a, b) => {
      const [one, other] = [networkId(a), networkId(b)]
      assert.equal(networkNickname(one) === networkNickname(other), one === other)
      assert.match(networkNickname(one), /^([a-z]{4,8}-){3}[a-z]{4,8}$/)
      const { cells } = networkPicture(one)
      for (let y = 0; y < PICTURE_SIZE; y++) {
        const row = cells.slice(y * PICTURE_SIZE, (y + 1) * PICTURE_SIZE)
        assert.deepEqual(row, row.toReversed())
      }
    }),
  )
})

test('whatever differs from the public network’s rules is told, and nothing else', () => {
  const differing = (change: Partial<NetworkParams>): readonly string[] =>
    rulesOf({ ...PUBLIC, ...change })
      .filter(({ differs }) => differs)
      .map(({ name }) => name)
  assert.deepEqual(differing({}), [])
  const changes: readonly (readonly [Partial<NetworkParams>, string])[] = [
    [{ targetSpacing: 31 }, 'Blocks'],
    [{ halfLife: 601 }, 'Difficulty'],
    [{ powLimitBits: 0x1d400001 }, 'Easiest block'],
    [{ retarget: false }, 'Difficulty'],
    [{ powLimitBits: 0x207fffff }, 'Easiest block'],
    [{ weightLimit: 400_001 }, 'Room in a block'],
    [{ initialSubsidy: REGTEST.initialSubsidy }, 'New coins in a block'],
    [{ halvingInterval: 4_199_999 }, 'New coins halve'],
    [{ coinbaseMaturity: 21 }, 'Mined coins wait'],
    [{ snapshotInterval: 1025 }, 'Hash of all coins'],
    [{ snapshotDelay: 65 }, 'Hash of all coins'],
    [{ testControls: true }, 'Controls'],
    [{ addressPrefix: 'net' }, 'Addresses begin with'],
    [{ genesisTime: PUBLIC.genesisTime + 1 }, 'Began'],
  ]
  for (const [change, name] of changes) assert.deepEqual(differing(change), [name], JSON.stringify(change))
  // Every field but the name, which stands above, is in some rule.
  const told = new Set(changes.flatMap(([change]) => Object.keys(change)))
  assert.deepEqual(
    Object.keys(PUBLIC).filter((field) => !told.has(field)),
    ['rulesVersion', 'name'],
  )
})

/** A picture as lines of characters, after its hue. */
function pictureOf(params: NetworkParams): readonly string[] {
  const { hue, cells } = networkPicture(networkId(params))
  const drawn = cells.map((isFilled) => (isFilled ? '#' : '.')).join('')
  return [`${hue}`, ...drawn.match(/.{5}/g)!]
}

/** Letters to add, drop or change to get from one word to another (Levenshtein). */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (const [i, letter] of [...a].entries()) {
    const next = [i + 1]
    for (const [j, other] of [...b].entries())
      next.push(Math.min(row[j + 1]! + 1, next[j]! + 1, row[j]! + (letter === other ? 0 : 1)))
    row = next
  }
  return row.at(-1)!
}
