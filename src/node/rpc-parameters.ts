/** Kinds of parameters that the methods from the start don't take: they come with the rest of the RPC methods. */
import { parseCoins, type Sats } from '../primitives/amount.ts'
import { hexToBytes, isHex } from '../primitives/bytes.ts'
import { RPC_DESERIALIZATION_ERROR, RPC_INVALID_PARAMETER, RPC_TYPE_ERROR, RpcError } from './rpc-error.ts'
import { type GivenOf, isObject, optional, type Parameter, parameter, wrongType } from './rpc-method.ts'

/** Bitcoin Core's parameter that changes nothing here: of any kind. */
export function unused<const Name extends string>(name: Name): Parameter<undefined, unknown, Name> {
  return optional(
    parameter(name, 'changes nothing', () => undefined, 'anything'),
    undefined,
  )
}

/** What has but one value here: others are refused rather than not kept. `why` ends the sentence. */
export function only<const Name extends string, T extends boolean | string>(
  name: Name,
  value: T,
  why: string,
): Parameter<undefined, (T extends boolean ? boolean : T) | null | undefined, Name> {
  const shown = JSON.stringify(value)
  return optional(
    parameter<undefined, Name, T extends boolean ? boolean : T>(
      name,
      `only ${shown}: ${why}`,
      (given) => {
        if (given !== value)
          throw new RpcError(RPC_INVALID_PARAMETER, `${name} can only be ${shown}: ${why}.`)
        return undefined
      },
      shown,
    ),
    undefined,
  )
}

/** Any number from `least` to `most`; also as a text, as Bitcoin Core takes what isn't whole. */
export function number<const Name extends string>(
  name: Name,
  describe: string,
  least: number,
  most: number,
): Parameter<number, number | string, Name> {
  return parameter(
    name,
    describe,
    (given) => {
      const value = typeof given === 'string' && /^\d+(\.\d+)?$/.test(given) ? Number(given) : given
      if (typeof value !== 'number') throw wrongType(name, 'a number', value)
      if (!(value >= least && value <= most))
        throw new RpcError(RPC_INVALID_PARAMETER, `${name} must be from ${least} to ${most}, not ${value}.`)
      return value
    },
    `a number from ${least} to ${most}`,
  )
}

/** Bytes in hex; another text is refused as what doesn't decode, as Bitcoin Core does. */
export function hexBytes<const Name extends string>(
  name: Name,
  describe: string,
): Parameter<Uint8Array, string, Name> {
  return parameter(
    name,
    describe,
    (value) => {
      if (typeof value !== 'string') throw wrongType(name, 'hex digits', value)
      if (!isHex(value))
        throw new RpcError(RPC_DESERIALIZATION_ERROR, `${name} must be an even number of hex digits.`)
      return hexToBytes(value)
    },
    'hex digits',
  )
}

/** An amount in coins, a number or a text with at most 8 decimals; more than zero. */
export function amount<const Name extends string>(
  name: Name,
  describe: string,
): Parameter<Sats, number | string, Name> {
  return coinsParameter(name, describe, 1)
}

/** As `amount`, and zero is fine. */
export function amountOrZero<const Name extends string>(
  name: Name,
  describe: string,
): Parameter<Sats, number | string, Name> {
  return coinsParameter(name, describe, 0)
}

/** An amount in coins, of at least `least` satoshis. */
function coinsParameter<Name extends string>(
  name: Name,
  describe: string,
  least: 0 | 1,
): Parameter<Sats, number | string, Name> {
  const wanted = 'an amount in coins'
  return parameter(
    name,
    describe,
    (value) => {
      if (typeof value !== 'number' && typeof value !== 'string') throw wrongType(name, wanted, value)
      const parsed = parseCoins(typeof value === 'number' ? decimal(value) : value)
      if (parsed === undefined || parsed < least)
        throw new RpcError(
          RPC_TYPE_ERROR,
          `${name} must be an amount${least > 0 ? ' above 0' : ''}, at most 21000000 and with at most 8 decimals, not '${value}'.`,
        )
      return parsed
    },
    wanted,
  )
}

/** An array of which every element is parsed by `element`. */
export function list<T, Given, const Name extends string>(
  name: Name,
  describe: string,
  element: Parameter<T, Given>,
): Parameter<T[], readonly Given[], Name> {
  return parameter(
    name,
    describe,
    (value) => {
      if (!Array.isArray(value)) throw wrongType(name, 'an array', value)
      return value.map((item) => element.parse(item))
    },
    `an array: of ${element.type}`,
  )
}

type Fields = Readonly<Record<string, Parameter<unknown>>>
type ParsedFields<F extends Fields> = {
  readonly [K in keyof F]: F[K] extends Parameter<infer T> ? T : never
}

/** Names and values of what a caller gives: what may be undefined may be left out. */
export type GivenFields<F extends Fields> = {
  readonly [K in keyof F as undefined extends GivenOf<F[K]> ? never : K]: GivenOf<F[K]>
} & {
  readonly [K in keyof F as undefined extends GivenOf<F[K]> ? K : never]?: GivenOf<F[K]>
}

/** A plain object of these fields. A name that is not among them is refused: a slip in it would change what is asked for. */
export function object<const F extends Fields, const Name extends string>(
  name: Name,
  describe: string,
  fields: F,
): Parameter<ParsedFields<F>, GivenFields<F>, Name> {
  return {
    name,
    describe,
    type: 'an object',
    optional: false,
    fields,
    parse(given) {
      if (!isObject(given)) throw wrongType(name, 'an object', given)
      const stranger = Object.keys(given).find((key) => !Object.hasOwn(fields, key))
      if (stranger !== undefined)
        throw new RpcError(
          RPC_TYPE_ERROR,
          `${name} has no field '${stranger.slice(0, 40)}'; its fields are ${Object.keys(fields).join(', ')}.`,
        )
      const parsed = Object.entries(fields).map(([key, field]) => {
        const item = given[key] ?? undefined
        if (item === undefined && !field.optional)
          throw new RpcError(RPC_INVALID_PARAMETER, `${name} needs the field ${key}: ${field.describe}.`)
        return [key, field.parse(item)]
      })
      return Object.fromEntries(parsed) as ParsedFields<F>
    },
  }
}

/** An object whose fields are all optional, and which may itself be left out. */
export function options<const F extends Fields>(
  fields: F,
): Parameter<ParsedFields<F>, GivenFields<F> | null | undefined, 'options'> {
  const inner = object('options', '', fields)
  return { ...inner, optional: true, parse: (value) => inner.parse(value ?? {}) }
}

/** A number in plain decimal notation: `1e-8` becomes `0.00000001`; more than 8 decimals stay visible. */
function decimal(value: number): string {
  const plain = value.toFixed(8)
  return Number(plain) === value ? plain : String(value)
}
