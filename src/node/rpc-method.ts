/**
 * How RPC methods are declared: a name, typed parameters and a function, whose answer `rpc-results.ts` describes. Arguments are parsed before
 * the function runs, so that every wrong one gets a sentence and Bitcoin Core's code; `help` and the types that callers see
 * (`rpc-client.ts`) come from the same declaration.
 */

import { isHex } from '../primitives/bytes.ts'
import type { BlockHash, Txid } from '../primitives/hashes.ts'
import { RPC_INVALID_PARAMETER, RPC_MISC_ERROR, RPC_TYPE_ERROR, RpcError } from './rpc-error.ts'
import type { AnswerOf } from './rpc-result.ts'
import type { Results } from './rpc-results.ts'

declare const GIVEN: unique symbol

/** One parameter: its name, how `help` describes it, and how a value becomes a `T` (throws `RpcError`). */
export interface Parameter<T, Given = unknown, Name extends string = string> {
  readonly name: Name
  readonly describe: string
  /** What a value is, as errors and `help` say it: `a number`. */
  readonly type: string
  readonly optional: boolean
  /** The fields of an object. */
  readonly fields?: Readonly<Record<string, Parameter<unknown>>>
  /** Called with undefined only when optional. */
  parse(value: unknown): T
  /** The type of what a caller gives. No value has it. */
  readonly [GIVEN]?: Given
}

export type Parameters = readonly Parameter<unknown>[]

/** The type of what a caller gives for a parameter. */
export type GivenOf<P> = P extends Parameter<unknown, infer Given> ? Given : never

export type Parsed<P extends Parameters> = {
  [K in keyof P]: P[K] extends Parameter<infer T> ? T : never
}

/** A method as `help` explains it, and as its arguments are read. */
export interface Declaration<Name extends string = string, P extends Parameters = Parameters> {
  readonly name: Name
  readonly summary: string
  /** `getblock blockhash ( verbosity )` */
  readonly usage: string
  readonly parameters: P
}

export interface RpcMethod<Context, Name extends string = string, P extends Parameters = Parameters>
  extends Declaration<Name, P> {
  /** Arguments are in the order of the parameters: see `byPosition`. */
  call(context: Context, args: readonly unknown[]): Promise<unknown>
}

/** What a method's function answers: as `rpc-results.ts` describes the method's result. */
export type Answer<Name> = Name extends keyof Results ? AnswerOf<Results[Name]> : unknown

/** What runs when a method is called: it gets the parsed arguments. */
export type Run<Name extends string, P extends Parameters> = (
  ...args: Parsed<P>
) => Answer<Name> | Promise<Answer<Name>>

/** Declares a method. `run` gets the parsed arguments as a tuple. What it answers is described in `rpc-results.ts` under the same name. */
export function method<Context, const Name extends string, const P extends Parameters>(
  name: Name,
  summary: string,
  parameters: P,
  run: (context: Context, ...args: Parsed<P>) => Answer<Name> | Promise<Answer<Name>>,
): RpcMethod<Context, Name, P> {
  return implement(declaration(name, summary, parameters), run)
}

/** `method` of what is declared apart. */
export function implement<Context, Name extends string, P extends Parameters>(
  declared: Declaration<Name, P>,
  run: (context: Context, ...args: Parsed<P>) => Answer<Name> | Promise<Answer<Name>>,
): RpcMethod<Context, Name, P> {
  return {
    ...declared,
    call: (context, args) => handler(declared, (...parsed: Parsed<P>) => run(context, ...parsed))(args),
  }
}

/** What is known of a method where it doesn't run. */
export function declaration<const Name extends string, const P extends Parameters>(
  name: Name,
  summary: string,
  parameters: P,
): Declaration<Name, P> {
  const usage = [name, ...parameters.map((p) => (p.optional ? `( ${p.name} )` : p.name))].join(' ')
  return { name, summary, usage, parameters }
}

/** Answers calls of a method that is declared apart from the function that runs. Arguments are in the order of the parameters. */
export function handler<Name extends string, P extends Parameters>(
  declared: Declaration<Name, P>,
  run: Run<Name, P>,
): (args: readonly unknown[]) => Promise<unknown> {
  return async (args) => run(...(parseArguments(declared, args) as Parsed<P>))
}

function parseArguments(declared: Declaration, args: readonly unknown[]): readonly unknown[] {
  const { name, parameters, usage } = declared
  if (args.length > parameters.length)
    throw new RpcError(
      RPC_MISC_ERROR,
      `${name} takes ${parameters.length === 0 ? 'no' : `at most ${parameters.length}`} arguments: ${usage}`,
    )
  return parameters.map((parameter, at) => {
    const value = args[at] ?? undefined
    if (value === undefined && !parameter.optional)
      throw new RpcError(RPC_MISC_ERROR, `${name} needs the argument ${parameter.name}: ${usage}`)
    return parameter.parse(value)
  })
}

/** Whether a value is an object with names. */
export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** A parameter of some other kind than those below. `parse` throws an `RpcError`; `type` is for `help`. */
export function parameter<T, const Name extends string, Given = unknown>(
  name: Name,
  describe: string,
  parse: (value: unknown) => T,
  type = '',
): Parameter<T, Given, Name> {
  return { name, describe, type, optional: false, parse }
}

/** The same parameter, which may be left out (or null) and is then `fallback`. */
export function optional<T, Given, Name extends string, F>(
  inner: Parameter<T, Given, Name>,
  fallback: F,
): Parameter<T | F, Given | null | undefined, Name> {
  return {
    ...inner,
    optional: true,
    parse: (value) => (value === undefined ? fallback : inner.parse(value)),
  }
}

/** The error of a value that is not `wanted`, such as `a number`. */
export function wrongType(name: string, wanted: string, value: unknown): RpcError {
  const found =
    value === null
      ? 'null'
      : Array.isArray(value)
        ? 'an array'
        : `${isObject(value) ? 'an' : 'a'} ${typeof value}`
  return new RpcError(RPC_TYPE_ERROR, `${name} must be ${wanted}, not ${found}.`)
}

export function text<const Name extends string>(
  name: Name,
  describe: string,
): Parameter<string, string, Name> {
  return parameter(
    name,
    describe,
    (value) => {
      if (typeof value !== 'string') throw wrongType(name, 'text', value)
      return value
    },
    'text',
  )
}

export function flag<const Name extends string>(
  name: Name,
  describe: string,
): Parameter<boolean, boolean, Name> {
  return parameter(
    name,
    describe,
    (value) => {
      if (typeof value !== 'boolean') throw wrongType(name, 'true or false', value)
      return value
    },
    'true or false',
  )
}

/** A whole number from `least` to `most`. */
export function integer<const Name extends string>(
  name: Name,
  describe: string,
  least: number,
  most: number,
): Parameter<number, number, Name> {
  const range = `a whole number from ${least} to ${most}`
  return parameter(
    name,
    describe,
    (value) => {
      if (typeof value !== 'number') throw wrongType(name, 'a number', value)
      if (!Number.isInteger(value) || value < least || value > most)
        throw new RpcError(RPC_INVALID_PARAMETER, `${name} must be ${range}, not ${value}.`)
      return value
    },
    range,
  )
}

/** Bitcoin Core's verbosity arguments: a number, or a boolean for 0 and 1. */
export function verbosity<const Name extends string, Given extends number | boolean = number | boolean>(
  name: Name,
  describe: string,
  most: number,
): Parameter<number, Given, Name> {
  const number = integer(name, describe, 0, most)
  return parameter(
    name,
    describe,
    (value) => (typeof value === 'boolean' ? Number(value) : number.parse(value)),
    number.type,
  )
}

function hash<T extends BlockHash | Txid, Name extends string>(
  name: Name,
  describe: string,
): Parameter<T, string, Name> {
  const wanted = 'a hash of 64 hex digits'
  return parameter(
    name,
    describe,
    (value) => {
      if (typeof value !== 'string') throw wrongType(name, wanted, value)
      if (!isHex(value, 32))
        throw new RpcError(
          RPC_INVALID_PARAMETER,
          `${name} must be 64 hex digits (for '${value.slice(0, 80)}', which has ${value.length} characters).`,
        )
      return value.toLowerCase() as T
    },
    wanted,
  )
}

export function blockHash(): Parameter<BlockHash, string, 'blockhash'>
export function blockHash<const Name extends string>(
  name: Name,
  describe: string,
): Parameter<BlockHash, string, Name>
export function blockHash(name = 'blockhash', describe = 'hash of a block'): Parameter<BlockHash, string> {
  return hash(name, describe)
}

export function txid(): Parameter<Txid, string, 'txid'>
export function txid<const Name extends string>(name: Name, describe: string): Parameter<Txid, string, Name>
export function txid(name = 'txid', describe = 'id of a transaction'): Parameter<Txid, string> {
  return hash(name, describe)
}
