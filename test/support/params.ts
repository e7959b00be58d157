/** Params of networks that can be, for properties. */
import fc from 'fast-check'
import type { NetworkParams } from '../../src/consensus/params.ts'
import { sats } from '../../src/primitives/amount.ts'

const letters = (alphabet: string, maxLength: number): fc.Arbitrary<string> =>
  fc.string({ unit: fc.constantFrom(...alphabet), minLength: 1, maxLength })

/** Params that make a network. */
export const anyParams: fc.Arbitrary<NetworkParams> = fc.record(
  {
    rulesVersion: fc.constant(3),
    name: letters('abcxyz019-', 32),
    addressPrefix: letters('adxyz', 16),
    genesisTime: fc.integer({ min: 1_231_006_505, max: 4_000_000_000 }),
    powLimitBits: fc.constantFrom(0x207fffff, 0x1d400000, 0x1e3fffff, 0x19010000),
    retarget: fc.boolean(),
    targetSpacing: fc.integer({ min: 2, max: 86_400 }),
    halfLife: fc.integer({ min: 86_400, max: 31_536_000 }),
    weightLimit: fc.integer({ min: 10_000, max: 4_000_000 }),
    initialSubsidy: fc.integer({ min: 0, max: 1_000_000_000 }).map(sats),
    halvingInterval: fc.integer({ min: 1, max: 1_000_000 }),
    coinbaseMaturity: fc.integer({ min: 1, max: 10_000 }),
    snapshotInterval: fc.integer({ min: 10_001, max: 1_000_000 }),
    snapshotDelay: fc.integer({ min: 1, max: 10_000 }),
    testControls: fc.boolean(),
  },
  { noNullPrototype: true },
)
