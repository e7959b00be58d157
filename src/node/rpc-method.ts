/**
 * How RPC methods are declared: a name, typed parameters and a function. Parameters are parsed before the function runs, so
 * that every wrong argument gets a sentence and Bitcoin Core's code, and `help` is written from the same declaration.
 */

import { parseCoins, type Sats } from '../primitives/amount.ts'
import { hexToBytes, isHex } from '../primitives/bytes.ts'
import type { BlockHash, Txid } from '../primitives/hashes.ts'
import {
  RPC_DESERIALIZATION_ERROR,
  RPC_INVALID_PARAMETER,
  RPC_MISC_ERROR,
  RPC_TYPE_ERROR,
  RpcError,
} from './rpc-error.ts'

/** One parameter: its name, how `help` describes it, and how a value becomes a `T` (throws `RpcError`). */
export interface Parameter<T> {
  readonly name: string
  readonly describe: string
  readonly optional: boolean
  /** Called with undefined only when optional. */
  parse(value: unknown): T
}

type Parsed<P extends readonly Parameter<unknown>[]> = {
  [K in keyof P]: P[K] extends Parameter<infer T> ? T : never
}

export interface RpcMethod<Context> {
  readonly name: string
  readonly summary: string
  /** `getblock blockhash ( verbosity )` */
  readonly usage: string
  readonly parameters: readonly Parameter<unknown>[]
  call(context: Context, args: readonly unknown[]): Promise<unknown>
}

/** Declares a method. `run` gets the parsed arguments as a tuple. */
export function method<Context, const P extends readonly Parameter<unknown>[]>(
  name: string,
  summary: string,
  parameters: P,
  run: (context: Context, ...args: Parsed<P>) => unknown,
): RpcMethod<Context> {
  const usage = [name, ...parameters.map((p) => (p.optional ? `( ${p.name} )` : p.name))].join(' ')
  return {
    name,
    summary,
    usage,
    parameters,
    async call(context, args) {
      if (args.length > parameters.length)
        throw new RpcError(
          RPC_MISC_ERROR,
          `${name} takes ${parameters.length === 0 ? 'no' : `at most ${parameters.length}`} arguments: ${usage}`,
        )
      const parsed = parameters.map((parameter, at) => {
        const value = args[at] ?? undefined
        if (value === undefined && !parameter.optional)
          throw new RpcError(RPC_MISC_ERROR, `${name} needs the argument ${parameter.name}: ${usage}`)
        return parameter.parse(value)
      })
      return run(context, ...(parsed as Parsed<P>))
    },
  }
}

/** A parameter of some other kind than those below. `parse` throws an `RpcError`. */
export function parameter<T>(name: string, describe: string, parse: (value: unknown) => T): Parameter<T> {
  return { name, describe, optional: false, parse }
}

/** The same parameter, which may be left out (or null) and is then `fallback`. */
export function optional<T, F>(inner: Parameter<T>, fallback: F): Parameter<T | F> {
  return {
    ...inner,
    optional: true,
    parse: (value) => (value === undefined ? fallback : inner.parse(value)),
  }
}

/** The error of a value that is not `wanted`, such as `a number`. */
export function wrongType(name: string, wanted: string, value: unknown): RpcError {
  const found = value === null ? 'null' : Array.isArray(value) ? 'an array' : `a ${typeof value}`
  return new RpcError(RPC_TYPE_ERROR, `${name} must be ${wanted}, not ${found}.`)
}

export function text(name: string, describe: string): Parameter<string> {
  return parameter(name, describe, (value) => {
    if (typeof value !== 'string') throw wrongType(name, 'text', value)
    return value
  })
}

export function flag(name: string, describe: string): Parameter<boolean> {
  return parameter(name, describe, (value) => {
    if (typeof value !== 'boolean') throw wrongType(name, 'true or false', value)
    return value
  })
}

/** A whole number from `least` to `most`. */
export function integer(name: string, describe: string, least: number, most: number): Parameter<number> {
  return parameter(name, describe, (value) => {
    if (typeof value !== 'number') throw wrongType(name, 'a number', value)
    if (!Number.isInteger(value) || value < least || value > most)
      throw new RpcError(
        RPC_INVALID_PARAMETER,
        `${name} must be a whole number from ${least} to ${most}, not ${value}.`,
      )
    return value
  })
}

/** Any number from `least` to `most`. */
export function number(name: string, describe: string, least: number, most: number): Parameter<number> {
  return parameter(name, describe, (value) => {
    if (typeof value !== 'number') throw wrongType(name, 'a number', value)
    if (!(value >= least && value <= most))
      throw new RpcError(RPC_INVALID_PARAMETER, `${name} must be from ${least} to ${most}, not ${value}.`)
    return value
  })
}

/** Bitcoin Core's verbosity arguments: a number, or a boolean for 0 and 1. */
export function verbosity(name: string, describe: string, most: number): Parameter<number> {
  const number = integer(name, describe, 0, most)
  return parameter(name, describe, (value) =>
    typeof value === 'boolean' ? Number(value) : number.parse(value),
  )
}

function hash<T extends BlockHash | Txid>(name: string, describe: string): Parameter<T> {
  return parameter(name, describe, (value) => {
    if (typeof value !== 'string') throw wrongType(name, 'a hash of 64 hex digits', value)
    if (!isHex(value, 32))
      throw new RpcError(
        RPC_INVALID_PARAMETER,
        `${name} must be 64 hex digits (for '${value.slice(0, 80)}', which has ${value.length} characters).`,
      )
    return value.toLowerCase() as T
  })
}

export function blockHash(name = 'blockhash', describe = 'hash of a block'): Parameter<BlockHash> {
  return hash<BlockHash>(name, describe)
}

export function txid(name = 'txid', describe = 'id of a transaction'): Parameter<Txid> {
  return hash<Txid>(name, describe)
}

/** Bytes in hex; another text is refused as what doesn't decode, as Bitcoin Core does. */
export function hexBytes(name: string, describe: string): Parameter<Uint8Array> {
  return parameter(name, describe, (value) => {
    if (typeof value !== 'string') throw wrongType(name, 'hex digits', value)
    if (!isHex(value))
      throw new RpcError(RPC_DESERIALIZATION_ERROR, `${name} must be an even number of hex digits.`)
    return hexToBytes(value)
  })
}

/** An amount in coins, a number or a text with at most 8 decimals; more than zero. */
export function amount(name: string, describe: string): Parameter<Sats> {
  return coinsParameter(name, describe, 1)
}

/** As `amount`, and zero is fine. */
export function amountOrZero(name: string, describe: string): Parameter<Sats> {
  return coinsParameter(name, describe, 0)
}

/** An amount in coins, of at least `least` satoshis. */
function coinsParameter(name: string, describe: string, least: 0 | 1): Parameter<Sats> {
  return parameter(name, describe, (value) => {
    if (typeof value !== 'number' && typeof value !== 'string')
      throw wrongType(name, 'an amount in coins', value)
    const parsed = parseCoins(typeof value === 'number' ? decimal(value) : value)
    if (parsed === undefined || parsed < least)
      throw new RpcError(
        RPC_TYPE_ERROR,
        `${name} must be an amount${least > 0 ? ' above 0' : ''} with at most 8 decimals, not '${value}'.`,
      )
    return parsed
  })
}

/** An array of which every element is parsed by `element`. */
export function list<T>(name: string, describe: string, element: Parameter<T>): Parameter<T[]> {
  return parameter(name, describe, (value) => {
    if (!Array.isArray(value)) throw wrongType(name, 'an array', value)
    return value.map((item) => element.parse(item))
  })
}

type Fields = Readonly<Record<string, Parameter<unknown>>>
type ParsedFields<F extends Fields> = {
  readonly [K in keyof F]: F[K] extends Parameter<infer T> ? T : never
}

/** A plain object of these fields. A name that is not among them is refused: a slip in it would change what is asked for. */
export function object<const F extends Fields>(
  name: string,
  describe: string,
  fields: F,
): Parameter<ParsedFields<F>> {
  return parameter(name, describe, (value) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      throw wrongType(name, 'an object', value)
    const given: Readonly<Record<string, unknown>> = { ...value }
    const stranger = Object.keys(given).find((key) => !Object.hasOwn(fields, key))
    if (stranger !== undefined)
      throw new RpcError(
        RPC_TYPE_ERROR,
        `${name} has no field '${stranger}'; its fields are ${Object.keys(fields).join(', ')}.`,
      )
    const parsed = Object.entries(fields).map(([key, field]) => {
      const item = given[key] ?? undefined
      if (item === undefined && !field.optional)
        throw new RpcError(RPC_INVALID_PARAMETER, `${name} needs the field ${key}: ${field.describe}.`)
      return [key, field.parse(item)]
    })
    return Object.fromEntries(parsed) as ParsedFields<F>
  })
}

/** An object whose fields are all optional, and which may itself be left out. */
export function options<const F extends Fields>(fields: F): Parameter<ParsedFields<F>> {
  const described = Object.entries(fields).map(([key, field]) => `${key} (${field.describe})`)
  const inner = object('options', described.join(', '), fields)
  return { ...inner, optional: true, parse: (value) => inner.parse(value ?? {}) }
}

/** A number in plain decimal notation: `1e-8` becomes `0.00000001`; more than 8 decimals stay visible. */
function decimal(value: number): string {
  const plain = value.toFixed(8)
  return Number(plain) === value ? plain : String(value)
}
