/**
 * How the results of RPC methods are described: by values that TypeScript reads as types, so that a method's answer and what a caller makes
 * of it are checked against what `help` says. The sentences are needed for `help` alone and come with it; whoever only needs the types
 * imports no value.
 */

declare const ANSWER: unique symbol

interface Described<T> {
  /** What it is, as the end of a line; may be empty. */
  readonly sentence: string
  /** The type of the value. No description has it. */
  readonly [ANSWER]?: T
}

/** A text, bytes in hex, or `true` and `false`. */
export interface PlainResult<T = unknown> extends Described<T> {
  readonly kind: 'text' | 'hex' | 'flag'
  /** The only texts that it can be; any where left out. */
  readonly words?: readonly string[]
}

export interface NumberResult extends Described<number> {
  readonly kind: 'number'
  /** Such as `coins`; undefined for what is counted, or has none. */
  readonly unit: string | undefined
}

export interface NullResult extends Described<null> {
  readonly kind: 'null'
}

/** Either of two kinds. */
export interface EitherResult<T = unknown> extends Described<T> {
  readonly kind: 'either'
  readonly choices: readonly Result[]
}

export interface ListResult<T = unknown> extends Described<T> {
  readonly kind: 'list'
  readonly item: Result
}

/** An object whose keys are data. */
export interface MapResult<T = unknown> extends Described<T> {
  readonly kind: 'map'
  /** What a key is. */
  readonly key: string
  readonly value: Result
}

export interface ObjectResult<T = unknown> extends Described<T> {
  readonly kind: 'object'
  readonly fields: Fields
}

/** A field that isn't always there. */
export interface MaybeResult<T = unknown> extends Described<T> {
  readonly kind: 'maybe'
  readonly inner: Result
}

/** What an argument decides on. */
export interface CasesResult<
  At extends number = number,
  Default extends string = string,
  Cases extends Fields = Fields,
> extends Described<AnswerOf<Cases[keyof Cases]>> {
  readonly kind: 'cases'
  /** Position of the argument, from 0. */
  readonly argument: At
  /** The value that it has when it is left out. */
  readonly byDefault: Default
  /** By the argument's value. */
  readonly cases: Cases
}

export type Result<T = unknown> = Described<T> &
  (
    | PlainResult
    | NumberResult
    | NullResult
    | EitherResult
    | ListResult
    | MapResult
    | ObjectResult
    | MaybeResult
    | CasesResult
  )

/** By name. */
export type Fields = Readonly<Record<string, Result>>

/** The type of the values that a result describes. */
export type AnswerOf<R> = R extends Described<infer T> ? T : never

/** An object of these fields; without the names of its two halves, which would show in every message of the compiler. */
type ObjectOf<F extends Fields> = Flat<
  { readonly [K in keyof F as F[K] extends MaybeResult ? never : K]: AnswerOf<F[K]> } & {
    readonly [K in keyof F as F[K] extends MaybeResult ? K : never]?: AnswerOf<F[K]>
  }
>
type Flat<T> = { [K in keyof T]: T[K] }

export function text(sentence: string): PlainResult<string> {
  return { kind: 'text', sentence }
}

/** One of these words. */
export function oneOf<const Words extends readonly string[]>(
  words: Words,
  sentence: string,
): PlainResult<Words[number]> {
  return { kind: 'text', words, sentence }
}

export function hex(sentence: string): PlainResult<string> {
  return { kind: 'hex', sentence }
}

export function flag(sentence: string): PlainResult<boolean> {
  return { kind: 'flag', sentence }
}

export function number(sentence: string, unit?: string): NumberResult {
  return { kind: 'number', unit, sentence }
}

export function coins(sentence: string): NumberResult {
  return number(sentence, 'coins')
}

/** A fee rate as Bitcoin Core tells most. */
export function feeRate(sentence: string): NumberResult {
  return number(sentence, 'coins per 1,000 virtual bytes')
}

export function time(sentence: string): NumberResult {
  return number(sentence, 'seconds since 1970')
}

export function nothing(sentence = ''): NullResult {
  return { kind: 'null', sentence }
}

export function either<const Choices extends readonly Result[]>(
  ...choices: Choices
): EitherResult<AnswerOf<Choices[number]>> {
  return { kind: 'either', choices, sentence: '' }
}

export function list<R extends Result>(item: R, sentence = ''): ListResult<readonly AnswerOf<R>[]> {
  return { kind: 'list', item, sentence }
}

/** An object whose keys are data, such as transaction ids. */
export function map<R extends Result>(
  key: string,
  value: R,
): MapResult<{ readonly [key: string]: AnswerOf<R> }> {
  return { kind: 'map', key, value, sentence: '' }
}

export function object<const F extends Fields>(fields: F, sentence = ''): ObjectResult<ObjectOf<F>> {
  return { kind: 'object', fields, sentence }
}

/** A field that isn't always there. */
export function maybe<R extends Result>(inner: R): MaybeResult<AnswerOf<R>> {
  return { kind: 'maybe', inner, sentence: inner.sentence }
}

/** What the argument at a position, from 0, decides on; it is `byDefault` when it is left out. */
export function cases<
  const At extends number,
  const C extends Fields,
  const Default extends `${keyof C & (string | number)}`,
>(argument: At, byDefault: Default, described: C): CasesResult<At, Default, C> {
  return { kind: 'cases', argument, byDefault, cases: described, sentence: '' }
}
