/** Compares real answers of RPC methods with the descriptions that `help` and the types of callers come from. */
import type { Fields, Result } from '../../src/node/rpc-result.ts'
import { RESULT_GROUPS } from '../../src/node/rpc-results.ts'

/** The results of all methods, by name. */
export const DESCRIBED: Fields = Object.assign({}, ...Object.values(RESULT_GROUPS))

/** How an answer differs from what `help` says of the method. Where arguments are named, any of the answers that they decide on will do. */
export function differencesOf(method: string, args: readonly unknown[], answer: unknown): string[] {
  const described = DESCRIBED[method]
  if (described === undefined) return [`${method} is not described`]
  const isNamed = args.length === 1 && typeof args[0] === 'object'
  return differences(isNamed ? described : resultFor(described, args), answer, method)
}

/** What arguments in order are answered, as far as they decide on it. */
function resultFor(described: Result, args: readonly unknown[]): Result {
  if (described.kind !== 'cases') return described
  const { argument, byDefault, cases } = described
  const value = args[argument] ?? byDefault
  return resultFor(cases[String(value)] ?? cases[String(Number(value))]!, args)
}

/** How a value differs from its description, a line each: fields that are missing or not described, and values of another kind. */
function differences(described: Result, value: unknown, path: string): string[] {
  const wrong = (wanted: string): string[] => [`${path} is ${JSON.stringify(value)}, not ${wanted}`]
  switch (described.kind) {
    case 'text':
      if (typeof value !== 'string') return wrong('a text')
      return described.words === undefined || described.words.includes(value)
        ? []
        : wrong(`one of ${described.words.join(', ')}`)
    case 'hex':
      return typeof value === 'string' && /^([0-9a-f]{2})*$/.test(value) ? [] : wrong('hex')
    case 'flag':
      return typeof value === 'boolean' ? [] : wrong('a boolean')
    case 'number':
      return Number.isFinite(value) ? [] : wrong('a number')
    case 'null':
      return value === null ? [] : wrong('null')
    case 'maybe':
      return value === undefined ? [] : differences(described.inner, value, path)
    case 'either':
      return nearest(described.choices, value, path)
    case 'cases':
      return nearest(Object.values(described.cases), value, path)
    case 'list':
      if (!Array.isArray(value)) return wrong('a list')
      return value.flatMap((item, at) => differences(described.item, item, `${path}[${at}]`))
    case 'map':
    case 'object': {
      if (typeof value !== 'object' || value === null || Array.isArray(value)) return wrong('an object')
      if (described.kind === 'map')
        return Object.entries(value).flatMap(([key, item]) =>
          differences(described.value, item, `${path}.${key}`),
        )
      const given = value as Readonly<Record<string, unknown>>
      const strangers = Object.keys(given).filter(
        (key) => given[key] !== undefined && !Object.hasOwn(described.fields, key),
      )
      return [
        ...strangers.map((key) => `${path}.${key} is not described`),
        ...Object.entries(described.fields).flatMap(([key, field]) =>
          given[key] === undefined && field.kind !== 'maybe'
            ? [`${path}.${key} is missing`]
            : differences(field, given[key], `${path}.${key}`),
        ),
      ]
    }
  }
}

/** The differences to that of several descriptions which the value is closest to. */
function nearest(choices: readonly Result[], value: unknown, path: string): string[] {
  return choices
    .map((choice) => differences(choice, value, path))
    .reduce((best, other) => (other.length < best.length ? other : best))
}
