/** Compares real answers of RPC methods with the descriptions that `help` and the types of callers come from. */
import type { Result } from '../../src/node/rpc-result.ts'

/** How a value differs from its description, a line each: fields that are missing or not described, and values of another kind. */
export function differences(described: Result, value: unknown, path = 'result'): string[] {
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
