/** A network that is being made: what the fields of the form say, presets to begin with, and the params that come of it. Pure, any thread. */
import { checkParams, type NetworkParams, PARAM_BOUNDS, PUBLIC, REGTEST } from '../src/consensus/params.ts'
import { encodeCompact } from '../src/consensus/pow.ts'
import { parseCoins, sats } from '../src/primitives/amount.ts'
import { invalid, type Result } from '../src/primitives/result.ts'
import { countText } from './format.ts'
import { decimalText, readNumber } from './payment.ts'

/** What a person chooses: everything but the name, the prefix that comes of it, and the time. */
export type ChosenRules = Omit<NetworkParams, 'rulesVersion' | 'name' | 'addressPrefix' | 'genesisTime'>

export interface Preset {
  readonly id: string
  readonly title: string
  /** Whom it is for, and what they get. */
  readonly about: string
  readonly rules: ChosenRules
}

/** The compact form of a target that takes 2^`bits` hashes on average; regtest's for 1, which is the easiest. */
export function powLimitOf(bits: number): number {
  return bits <= 1 ? REGTEST.powLimitBits : encodeCompact(1n << BigInt(256 - bits))
}

/** How hard the easiest block may be, in bits: what a phone finds at once up to what the public network begins with. */
export const WORK_CHOICES: readonly { readonly bits: number; readonly about: string }[] = [
  { bits: 1, about: 'at once, on any device' },
  { bits: 16, about: 'in an instant' },
  { bits: 20, about: 'about a second for one tab' },
  { bits: 22, about: 'a few seconds for one tab' },
  { bits: 24, about: 'some ten seconds for one tab' },
  { bits: 26, about: 'as on the public network' },
]

export const PRESETS: readonly Preset[] = [
  {
    id: 'demand',
    title: 'Blocks on demand',
    about:
      'For programs and their tests. Nothing is mined unless somebody asks; the rules of Bitcoin’s regtest.',
    rules: REGTEST,
  },
  {
    id: 'class',
    title: 'Classroom',
    about:
      'For a lesson. Tabs mine a block every ten seconds, new coins can soon be spent, and controls are there.',
    rules: {
      ...PUBLIC,
      powLimitBits: powLimitOf(16),
      targetSpacing: 10,
      halfLife: 120,
      initialSubsidy: sats(5_000_000_000),
      halvingInterval: 1000,
      coinbaseMaturity: 5,
      testControls: true,
    },
  },
  {
    id: 'public',
    title: 'Like the public network',
    about: 'The same rules among people of your choice, from block 0, and without controls.',
    rules: PUBLIC,
  },
  {
    id: 'bitcoin',
    title: 'Bitcoin’s pace',
    about: 'A block every ten minutes, 50 coins that halve every 210,000 blocks, 100 blocks of waiting.',
    rules: {
      ...PUBLIC,
      powLimitBits: powLimitOf(20),
      targetSpacing: 600,
      // Two days, as Bitcoin Cash has it for the same spacing.
      halfLife: 172_800,
      weightLimit: 4_000_000,
      initialSubsidy: sats(5_000_000_000),
      halvingInterval: 210_000,
      coinbaseMaturity: 100,
    },
  },
]

/** Fields that hold a whole number: what each is called, its unit, and what it does. Bounds: `PARAM_BOUNDS`. */
export const NUMBER_FIELDS = [
  {
    field: 'targetSpacing',
    label: 'Time between blocks',
    unit: 'seconds',
    about:
      'What difficulty aims at. Shorter confirms sooner, and has more tabs find blocks at the same time.',
  },
  {
    field: 'halfLife',
    label: 'Half-life of difficulty',
    unit: 'seconds',
    about:
      'After so much delay blocks are twice as easy. At least the time between blocks; twenty times it is calm.',
  },
  {
    field: 'weightLimit',
    label: 'Room in a block',
    unit: 'weight units',
    about: 'A usual payment takes about 450 to 600. Less room makes fees matter sooner.',
  },
  {
    field: 'halvingInterval',
    label: 'Blocks until new coins halve',
    unit: 'blocks',
    about: 'All new coins together must not be more than 21,000,000.',
  },
  {
    field: 'coinbaseMaturity',
    label: 'Blocks until mined coins can be spent',
    unit: 'blocks',
    about: 'So that a reorganisation rarely takes back coins that were passed on.',
  },
] as const

/** Of a field that holds a whole number. */
export type NumberField = (typeof NUMBER_FIELDS)[number]['field']

/** What the form says, as texts; digits and a decimal mark as in this browser's language. */
export interface NetworkDraft extends Readonly<Record<NumberField, string>> {
  readonly name: string
  /** Coins. */
  readonly initialSubsidy: string
  readonly powLimitBits: number
  readonly retarget: boolean
  readonly testControls: boolean
}

/** The form as a preset fills it in. */
export function draftOf({ rules }: Preset, name: string): NetworkDraft {
  return {
    name,
    powLimitBits: rules.powLimitBits,
    retarget: rules.retarget,
    testControls: rules.testControls,
    initialSubsidy: decimalText(rules.initialSubsidy),
    targetSpacing: `${rules.targetSpacing}`,
    halfLife: `${rules.halfLife}`,
    weightLimit: `${rules.weightLimit}`,
    halvingInterval: `${rules.halvingInterval}`,
    coinbaseMaturity: `${rules.coinbaseMaturity}`,
  }
}

/** A prefix of addresses for a network of this name: its first letters, or what is nobody's. */
export function prefixOf(name: string): string {
  const letters = name.replace(/[^a-z]/g, '').slice(0, 8)
  // Bitcoin's and those of this program's own networks are theirs.
  return /^(bc|tb|bcrt|tab.*)?$/.test(letters) ? `net${letters}` : letters
}

/**
 * The params of a draft. `genesisTime`: seconds since 1970. Rejects with `draft-number` or `draft-range` and a sentence that names the field as the form does, and with
 * the codes of `checkParams`.
 */
export function paramsOf(draft: NetworkDraft, genesisTime: number): Result<NetworkParams> {
  const numbers: Partial<Record<NumberField, number>> = {}
  for (const { field, label, unit } of NUMBER_FIELDS) {
    const { value: digits = '' } = readNumber(draft[field])
    if (!/^\d{1,12}$/.test(digits))
      return invalid('draft-number', `“${label}” needs a whole number, such as ${PUBLIC[field]}.`)
    const value = Number(digits)
    const [least, greatest] = PARAM_BOUNDS[field]
    if (value < least || value > greatest)
      return invalid(
        'draft-range',
        `“${label}” can be ${countText(least)} to ${countText(greatest)} ${unit}; ${countText(value)} is not.`,
      )
    numbers[field] = value
  }
  const initialSubsidy = parseCoins(readNumber(draft.initialSubsidy).value ?? '')
  if (initialSubsidy === undefined)
    return invalid('draft-number', '“New coins in a block” needs an amount with at most 8 decimals, or 0.')
  const name = draft.name.trim()
  return checkParams({
    ...PUBLIC,
    ...(numbers as Record<NumberField, number>),
    name,
    addressPrefix: prefixOf(name),
    genesisTime,
    initialSubsidy,
    powLimitBits: draft.powLimitBits,
    retarget: draft.retarget,
    testControls: draft.testControls,
  })
}
