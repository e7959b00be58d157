/** A network's rules in plain words, each beside that of the public network. Pure, any thread. */
import { type NetworkParams, PUBLIC } from '../src/consensus/params.ts'
import { targetOf } from '../src/consensus/pow.ts'
import { amountWithUnit, bytesText, countText, dateText, durationText, plural, siText } from './format.ts'

export interface Rule {
  readonly name: string
  /** What holds on this network. */
  readonly here: string
  /** What holds on the public one. */
  readonly usual: string
  readonly differs: boolean
}

type Field = keyof NetworkParams

/** The rules that people notice: what each is called, the fields that it is about, and how it is said. */
const RULES: readonly (readonly [
  name: string,
  fields: readonly Field[],
  say: (params: NetworkParams) => string,
])[] = [
  ['Blocks', ['targetSpacing'], ({ targetSpacing }) => `one every ${exactly(targetSpacing)}`],
  [
    'Difficulty',
    ['retarget', 'halfLife'],
    ({ retarget, halfLife }) =>
      retarget
        ? `follows the blocks’ times: doubles or halves once they are ${exactly(halfLife)} off`
        : 'always the easiest: blocks come as fast as they are searched for',
  ],
  ['Easiest block', ['powLimitBits'], ({ powLimitBits }) => `${hashesText(powLimitBits)} on average`],
  [
    'Room in a block',
    ['weightLimit'],
    // Four weight units are a byte (BIP141), one of a witness.
    ({ weightLimit }) =>
      `${countText(weightLimit)} weight units, about ${bytesText(weightLimit / 4)} of payments`,
  ],
  ['New coins in a block', ['initialSubsidy'], ({ initialSubsidy }) => amountWithUnit(initialSubsidy)],
  [
    'New coins halve',
    ['halvingInterval'],
    ({ halvingInterval, targetSpacing }) =>
      `every ${plural(halvingInterval, 'block')}, about ${durationText(halvingInterval * targetSpacing)}`,
  ],
  [
    'Mined coins wait',
    ['coinbaseMaturity'],
    ({ coinbaseMaturity }) => `${plural(coinbaseMaturity, 'block')} until they can be spent`,
  ],
  [
    'Hash of all coins',
    ['snapshotInterval', 'snapshotDelay'],
    ({ snapshotInterval, snapshotDelay }) =>
      `every ${plural(snapshotInterval, 'block')}, in the chain ${plural(snapshotDelay, 'block')} later`,
  ],
  [
    'Controls',
    ['testControls'],
    ({ testControls }) =>
      testControls
        ? 'on: anybody can make blocks at will, undo them and set a clock, so that coins are worth nothing'
        : 'off: blocks are mined, and nobody can undo them at will',
  ],
  ['Addresses begin with', ['addressPrefix'], ({ addressPrefix }) => `${addressPrefix}1`],
  ['Began', ['genesisTime'], ({ genesisTime }) => dateText(genesisTime)],
]

/** All rules of a network, in a fixed order. */
export function rulesOf(params: NetworkParams): readonly Rule[] {
  return RULES.map(([name, fields, say]) => ({
    name,
    here: say(params),
    usual: say(PUBLIC),
    // By the fields: texts are rounded here and there.
    differs: fields.some((field) => params[field] !== PUBLIC[field]),
  }))
}

/** A length of time that rounds nothing: `10 min`, but `601 s`. */
function exactly(seconds: number): string {
  const isRound = seconds < 60 || (seconds < 86_400 ? seconds % 60 === 0 : seconds % 86_400 === 0)
  return isRound ? durationText(seconds) : `${countText(seconds)} s`
}

/** How many hashes the easiest block takes on average: `2 hashes`, `2^20 hashes`, or `1.20 M hashes` where it is no power of 2. */
export function hashesText(powLimitBits: number): string {
  const hashes = Number(2n ** 256n / targetOf(powLimitBits))
  const bits = Math.round(Math.log2(hashes))
  if (Math.abs(Math.log2(hashes) - bits) > 0.001) return siText(hashes, ' hashes')
  return bits <= 10 ? plural(2 ** bits, 'hash', 'hashes') : `2^${bits} hashes`
}
