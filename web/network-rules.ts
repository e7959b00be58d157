/** A network's rules in plain words, each beside that of the public network. Pure, any thread. */
import { type NetworkParams, PUBLIC } from '../src/consensus/params.ts'
import { targetOf } from '../src/consensus/pow.ts'
import { amountWithUnit, bytesText, countText, dateText, durationText, plural } from './format.ts'

export interface Rule {
  readonly name: string
  /** What holds on this network. */
  readonly here: string
  /** What holds on the public one. */
  readonly usual: string
  readonly differs: boolean
}

/** The rules that people notice, by name; each says one thing about a network's params. */
const RULES: readonly (readonly [name: string, say: (params: NetworkParams) => string])[] = [
  ['Blocks', ({ targetSpacing }) => `one every ${durationText(targetSpacing)}`],
  [
    'Difficulty',
    ({ retarget, halfLife }) =>
      retarget
        ? `follows the blocks’ times: doubles or halves once they are ${durationText(halfLife)} off`
        : 'always the easiest: blocks come as fast as they are searched for',
  ],
  ['Easiest block', ({ powLimitBits }) => `${hashesText(powLimitBits)} on average`],
  [
    'Room in a block',
    // Four weight units are a byte (BIP141), one of a witness.
    ({ weightLimit }) =>
      `${countText(weightLimit)} weight units, about ${bytesText(weightLimit / 4)} of payments`,
  ],
  ['New coins in a block', ({ initialSubsidy }) => amountWithUnit(initialSubsidy)],
  [
    'New coins halve',
    ({ halvingInterval, targetSpacing }) =>
      `every ${plural(halvingInterval, 'block')}, about ${durationText(halvingInterval * targetSpacing)}`,
  ],
  [
    'Mined coins wait',
    ({ coinbaseMaturity }) => `${plural(coinbaseMaturity, 'block')} until they can be spent`,
  ],
  [
    'Hash of all coins',
    ({ snapshotInterval, snapshotDelay }) =>
      `every ${plural(snapshotInterval, 'block')}, in the chain ${plural(snapshotDelay, 'block')} later`,
  ],
  [
    'Controls',
    ({ testControls }) =>
      testControls
        ? 'on: anybody can make blocks at will, undo them and set a clock, so that coins are worth nothing'
        : 'off: blocks are mined, and nobody can undo them at will',
  ],
  ['Addresses begin with', ({ addressPrefix }) => `${addressPrefix}1`],
  ['Began', ({ genesisTime }) => dateText(genesisTime)],
]

/** All rules of a network, in a fixed order. */
export function rulesOf(params: NetworkParams): readonly Rule[] {
  return RULES.map(([name, say]) => {
    const [here, usual] = [say(params), say(PUBLIC)]
    return { name, here, usual, differs: here !== usual }
  })
}

/** How many hashes the easiest block takes on average: `2 hashes` or `2^20 hashes`. */
export function hashesText(powLimitBits: number): string {
  const bits = Math.round(Math.log2(Number(2n ** 256n / targetOf(powLimitBits))))
  return bits <= 10 ? plural(2 ** bits, 'hash', 'hashes') : `2^${bits} hashes`
}
