import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { checkBlock } from '../../../src/consensus/checks.ts'
import { genesisOf, networkId } from '../../../src/consensus/genesis.ts'
import {
  checkParams,
  decodeParams,
  encodeParams,
  MAX_MONEY,
  MAX_PARAMS_BYTES,
  type NetworkParams,
  PUBLIC,
  REGTEST,
} from '../../../src/consensus/params.ts'
import { targetOf } from '../../../src/consensus/pow.ts'
import { subsidy } from '../../../src/consensus/subsidy.ts'
import { sats } from '../../../src/primitives/amount.ts'
import { equalBytes } from '../../../src/primitives/bytes.ts'
import { Writer } from '../../../src/primitives/codec.ts'
import { taggedHash } from '../../../src/primitives/hashes.ts'
import { outputKeyOf } from '../../../src/script/taproot.ts'
import { anyParams } from '../../support/params.ts'

test('params come back from their serialisation, within its bound', () => {
  for (const params of [PUBLIC, REGTEST])
    assert.deepEqual(decodeParams(encodeParams(params)), { ok: true, value: params })
  fc.assert(
    fc.property(anyParams, (params) => {
      const bytes = encodeParams(params)
      assert.ok(bytes.length <= MAX_PARAMS_BYTES)
      assert.deepEqual(decodeParams(bytes), { ok: true, value: params })
    }),
  )
})

test('whatever bytes are accepted as params are the serialisation of what they say', () => {
  let accepted = 0
  fc.assert(
    fc.property(anyParams, fc.nat(200), fc.nat(255), (params, at, value) => {
      const bytes = encodeParams(params).slice()
      bytes[at % bytes.length] = value
      const decoded = decodeParams(bytes)
      if (!decoded.ok) return
      accepted++
      assert.deepEqual(encodeParams(decoded.value), bytes)
    }),
    { numRuns: 2000 },
  )
  assert.ok(accepted > 0)
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => !decodeParams(bytes).ok))
})

test('every field of params is bounded', () => {
  const refused: [Partial<NetworkParams>, string][] = [
    [{ rulesVersion: 2 }, 'params-rules-version'],
    [{ rulesVersion: 4 }, 'params-rules-version'],
    [{ name: '' }, 'params-name'],
    [{ name: 'x'.repeat(33) }, 'params-name'],
    [{ name: '<script>' }, 'params-name'],
    [{ addressPrefix: '' }, 'params-address-prefix'],
    [{ addressPrefix: 'tab1' }, 'params-address-prefix'],
    [{ addressPrefix: 'bc' }, 'params-address-prefix'],
    [{ genesisTime: 0 }, 'params-out-of-range'],
    [{ genesisTime: 0xffffffff }, 'params-out-of-range'],
    [{ targetSpacing: 0 }, 'params-out-of-range'],
    [{ targetSpacing: 1 }, 'params-out-of-range'],
    [{ targetSpacing: 86_401 }, 'params-out-of-range'],
    [{ halfLife: 0 }, 'params-out-of-range'],
    [{ halfLife: 29 }, 'params-out-of-range'],
    [{ halfLife: 31_536_001 }, 'params-out-of-range'],
    [{ weightLimit: 9_999 }, 'params-out-of-range'],
    [{ weightLimit: 4_000_001 }, 'params-out-of-range'],
    [{ initialSubsidy: sats(-1) }, 'params-out-of-range'],
    [{ initialSubsidy: sats(MAX_MONEY + 1) }, 'params-out-of-range'],
    [{ halvingInterval: 0 }, 'params-out-of-range'],
    [{ halvingInterval: 4_200_001 }, 'params-supply'],
    [{ coinbaseMaturity: 0 }, 'params-out-of-range'],
    [{ coinbaseMaturity: 10_001 }, 'params-out-of-range'],
    [{ snapshotInterval: 7 }, 'params-out-of-range'],
    [{ snapshotInterval: 1_000_001 }, 'params-out-of-range'],
    [{ snapshotDelay: 0 }, 'params-out-of-range'],
    [{ snapshotDelay: 10_001, snapshotInterval: 20_000 }, 'params-out-of-range'],
    [{ snapshotDelay: 64, snapshotInterval: 64 }, 'params-out-of-range'],
    [{ powLimitBits: 0 }, 'params-pow-limit'],
    [{ powLimitBits: 0x2100ffff }, 'params-pow-limit'],
    [{ powLimitBits: 0x20800001 }, 'params-pow-limit'],
    [{ powLimitBits: 0x1dc00000 }, 'params-pow-limit'],
    [{ powLimitBits: 0x1800ffff }, 'params-pow-limit'],
    [{ powLimitBits: 0x1e003fff }, 'params-pow-limit'],
    // One step beyond either bound.
    [{ powLimitBits: 0x1900ffff }, 'params-pow-limit'],
    [{ powLimitBits: 0x21008000 }, 'params-pow-limit'],
  ]
  for (const [change, code] of refused) {
    const params = { ...PUBLIC, ...change }
    for (const result of [checkParams(params), decodeParams(encodeParams(params))])
      assert.equal(!result.ok && result.code, code, JSON.stringify(change))
  }
  const bytes = encodeParams(PUBLIC)
  for (const wrong of [bytes.slice(1), Uint8Array.of(...bytes, 0), Uint8Array.of(...bytes.slice(0, -1), 2)]) {
    const result = decodeParams(wrong)
    assert.ok(!result.ok && ['params-decode-failed', 'params-rules-version'].includes(result.code))
  }
})

test('a name of any length is refused with a code', () => {
  const bytes = new Writer().u32(PUBLIC.rulesVersion).varBytes(new Uint8Array(1_000_000)).finish()
  const decoded = decodeParams(bytes)
  assert.equal(!decoded.ok && decoded.code, 'params-decode-failed')
})

test('the bounds of each number are the last that are allowed', () => {
  const bounds: readonly [keyof NetworkParams, least: number, greatest: number][] = [
    ['genesisTime', 1_231_006_505, 4_000_000_000],
    ['targetSpacing', 1, 86_400],
    ['halfLife', 1, 31_536_000],
    ['weightLimit', 10_000, 4_000_000],
    ['halvingInterval', 1, 0xffffffff],
    ['coinbaseMaturity', 1, 10_000],
    ['snapshotInterval', 8, 1_000_000],
    ['snapshotDelay', 1, 10_000],
  ]
  // What numbers must be to each other never gets in the way.
  const roomy = {
    ...PUBLIC,
    name: 'class',
    addressPrefix: 'cls',
    initialSubsidy: sats(0),
    retarget: false,
    targetSpacing: 1,
    halfLife: 31_536_000,
    snapshotInterval: 1_000_000,
    snapshotDelay: 1,
  }
  // With the sentence: a half-life of 0 breaks two rules that share a code.
  const answer = (field: keyof NetworkParams, value: number): string => {
    const checked = checkParams({ ...roomy, [field]: value })
    return checked.ok ? 'ok' : `${checked.code}: ${checked.detail}`
  }
  for (const [field, least, greatest] of bounds) {
    for (const value of [least, greatest]) assert.equal(answer(field, value), 'ok', `${field} ${value}`)
    for (const value of [least - 1, greatest + 1])
      assert.equal(
        answer(field, value),
        `params-out-of-range: ${field} is ${value}, not ${least} to ${greatest}.`,
      )
  }
})

test('no network takes an address prefix of Bitcoin', () => {
  for (const addressPrefix of ['bc', 'tb', 'bcrt']) {
    const checked = checkParams({ ...PUBLIC, addressPrefix })
    assert.equal(!checked.ok && checked.code, 'params-address-prefix', addressPrefix)
  }
})

test('no network passes for one of this program: neither by its name nor by its addresses', () => {
  const own = { ...PUBLIC, name: 'class', addressPrefix: 'cls' }
  const answer = (change: Partial<NetworkParams>): string => {
    const checked = decodeParams(encodeParams({ ...own, ...change }))
    return checked.ok ? 'ok' : checked.code
  }
  for (const name of [
    'opentab',
    '0pentab',
    'open-tab',
    'opentab-2',
    'my-opentab',
    'main',
    'ma1n',
    'public',
    'reg-test',
    'op3n-t4b',
    'open7ab',
    'the-0pen-ta8',
    '-opentab-',
    'o-p-e-n-t-a-b',
    'rnainnet',
    'blt-coin',
    '7e57ne7',
    're9te5t',
  ])
    assert.equal(answer({ name }), 'params-name', name)
  // Mixed scripts, capitals and marks: names are of a-z, 0-9 and "-" alone.
  for (const name of [
    'opent\u0430b',
    '\u043epentab',
    'Opentab',
    '\uff4fpentab',
    'open\u200btab',
    'opent\u00e4b',
  ]) {
    const checked = checkParams({ ...own, name })
    assert.equal(!checked.ok && checked.code, 'params-name', name)
  }
  for (const addressPrefix of ['tab', 'tabrt', 'tabs', 'bc'])
    assert.equal(answer({ addressPrefix }), 'params-address-prefix', addressPrefix)
  // The rules of a network of its own under the name of the public one, and the other way round.
  assert.equal(answer({ ...PUBLIC, initialSubsidy: sats(1) }), 'params-name')
  assert.equal(answer({ ...REGTEST, name: 'class' }), 'params-address-prefix')
  for (const allowed of [
    {},
    { name: 'maintenance' },
    { name: 'test-7b' },
    { addressPrefix: 'ta' },
    PUBLIC,
    REGTEST,
  ])
    assert.equal(answer(allowed), 'ok', JSON.stringify(allowed))
})

test('no network makes more money than the greatest sum, and the public one comes close', () => {
  const supply = (params: NetworkParams): number => {
    let total = 0
    for (let era = 0; subsidy(era * params.halvingInterval + 1, params) > 0; era++)
      total += subsidy(era * params.halvingInterval + 1, params) * params.halvingInterval
    return total
  }
  assert.ok(supply(PUBLIC) <= MAX_MONEY && supply(PUBLIC) > MAX_MONEY * 0.999)
  fc.assert(
    fc.property(
      anyParams.filter((params) => checkParams(params).ok),
      (params) => supply(params) <= MAX_MONEY,
    ),
  )
})

test('the subsidy halves at its interval, rounding down, and ends', () => {
  assert.equal(subsidy(0, PUBLIC), 0)
  assert.equal(subsidy(1, PUBLIC), 250_000_000)
  assert.equal(subsidy(4_199_999, PUBLIC), 250_000_000)
  assert.equal(subsidy(4_200_000, PUBLIC), 125_000_000)
  assert.equal(subsidy(150 * 10, REGTEST), Math.floor(5_000_000_000 / 1024))
  assert.equal(subsidy(150 * 33, REGTEST), 0)
  assert.equal(subsidy(150 * 5000, REGTEST), 0)
})

test('the genesis block is a function of the params, and commits to all of them', () => {
  fc.assert(
    fc.property(anyParams, anyParams, (a, b) => {
      const same = equalBytes(encodeParams(a), encodeParams(b))
      assert.equal(networkId(a) === networkId(b), same)
      assert.equal(networkId(a), networkId({ ...a }))
    }),
  )
  assert.notEqual(networkId(PUBLIC), networkId(REGTEST))
  assert.notEqual(networkId(PUBLIC), networkId({ ...PUBLIC, testControls: true }))
})

test('the genesis block is a block like others, without coins and without work', () => {
  for (const params of [PUBLIC, REGTEST]) {
    const genesis = genesisOf(params)
    assert.deepEqual(checkBlock(genesis, params), { ok: true, value: undefined })
    const [coinbase] = genesis.transactions
    assert.ok(coinbase.outputs.every(({ value, scriptPubKey }) => value === 0 && !outputKeyOf(scriptPubKey)))
    const commitment = taggedHash('opentab/params', encodeParams(params))
    assert.deepEqual(coinbase.outputs[0].scriptPubKey, Uint8Array.of(0x6a, 32, ...commitment))
    assert.deepEqual(coinbase.inputs[0].scriptSig, Uint8Array.of(0, 8, ...commitment.subarray(0, 8)))
    assert.deepEqual([coinbase.version, coinbase.lockTime], [2, 0])
    assert.equal(coinbase.inputs[0].sequence, 0xfffffffe)
    assert.equal(genesis.header.version, 0x20000000)
    assert.deepEqual(genesis.header.previousHash, new Uint8Array(32))
    assert.equal(genesis.header.nonce, 0)
    assert.equal(genesis.header.time, params.genesisTime)
    assert.equal(genesis.header.bits, params.powLimitBits)
  }
})

test('the two networks have the parameters that the design names', () => {
  assert.equal(targetOf(PUBLIC.powLimitBits), 2n ** 230n)
  assert.equal(new Date(PUBLIC.genesisTime * 1000).toISOString(), '2026-11-22T00:00:00.000Z')
  assert.deepEqual([PUBLIC.targetSpacing, PUBLIC.halfLife, PUBLIC.weightLimit], [30, 600, 400_000])
  assert.deepEqual([PUBLIC.coinbaseMaturity, PUBLIC.addressPrefix, PUBLIC.testControls], [20, 'tab', false])
  assert.deepEqual([REGTEST.retarget, REGTEST.weightLimit, REGTEST.coinbaseMaturity], [false, 4_000_000, 100])
  assert.deepEqual([REGTEST.addressPrefix, REGTEST.testControls], ['tabrt', true])
  assert.deepEqual([REGTEST.powLimitBits, REGTEST.halvingInterval], [0x207fffff, 150])
  assert.equal(REGTEST.initialSubsidy, 5_000_000_000)
  for (const { snapshotInterval, snapshotDelay } of [PUBLIC, REGTEST])
    assert.deepEqual([snapshotInterval, snapshotDelay], [1024, 64])
})
