/** `help`: the methods by groups, and what is known of one of them, from its declaration and the description of its result. */
import type { Declaration, Parameter } from './rpc-method.ts'
import type { Fields, Result } from './rpc-result.ts'
import { RESULT_GROUPS } from './rpc-results.ts'

const GROUPS: Readonly<Record<string, Fields>> = RESULT_GROUPS

/** The usage of all methods, under the names of their groups. */
export function helpList(declared: readonly Declaration[]): string {
  // Some methods are declared both where the page answers and where the node does.
  const usages = (isIn: (name: string) => boolean): string[] =>
    [...new Set(declared.filter(({ name }) => isIn(name)).map(({ usage }) => usage))].sort()
  return Object.entries(GROUPS)
    .map(([group, results]) => [group, usages((name) => Object.hasOwn(results, name))] as const)
    .filter(([, listed]) => listed.length > 0)
    .map(([group, listed]) => [`== ${group} ==`, ...listed].join('\n'))
    .join('\n\n')
}

/** How one method is called, and what it answers. */
export function helpOn(declared: Declaration): string {
  const { name, summary, usage, parameters } = declared
  const results = Object.values(GROUPS).find((group) => Object.hasOwn(group, name))
  const sections = [
    usage,
    summary,
    ...(parameters.length === 0 ? [] : [`Arguments:\n${argumentsOf(parameters)}`]),
    ...(results === undefined ? [] : resultsOf(results[name]!, parameters, 'Result')),
    ...exampleOf(declared),
  ]
  return sections.join('\n\n')
}

function argumentsOf(parameters: readonly Parameter<unknown>[]): string {
  const rows = parameters.flatMap((parameter, at) => [
    parameterRow(`${at + 1}. ${parameter.name}`, parameter),
    ...Object.entries(parameter.fields ?? {}).map(([key, field]) => parameterRow(`     ${key}`, field)),
  ])
  return inColumns(rows)
}

function parameterRow(left: string, { type, optional, describe }: Parameter<unknown>): Row {
  const kind = [type, optional ? 'optional' : 'required'].filter((word) => word !== '').join(', ')
  return [left, `(${kind}) ${describe}`]
}

/** One section for each result that arguments decide on. */
function resultsOf(result: Result, parameters: readonly Parameter<unknown>[], title: string): string[] {
  if (result.kind !== 'cases') return [`${title}:\n${inColumns(rowsOf(result))}`]
  const { argument, byDefault, cases } = result
  return Object.entries(cases).flatMap(([value, described]) => {
    const isDefault = value === byDefault ? ', the default' : ''
    const join = title === 'Result' ? ' with' : ' and'
    return resultsOf(
      described,
      parameters,
      `${title}${join} ${parameters[argument]?.name} ${value}${isDefault}`,
    )
  })
}

/** Left and right column. */
type Row = readonly [left: string, right: string]

/** Most characters of the left column that the right one makes room for. */
const LEFT_COLUMN = 44

function inColumns(rows: readonly Row[]): string {
  const width = Math.min(LEFT_COLUMN, Math.max(...rows.map(([left]) => left.length)))
  return rows.map(([left, right]) => (right === '' ? left : `${left.padEnd(width)}  ${right}`)).join('\n')
}

/** A result as JSON would show it, with what each part is beside it. */
function rowsOf(result: Result, key = '', depth = 0, note = ''): Row[] {
  const indent = '  '.repeat(depth)
  const label = key === '' ? '' : `${key}: `
  const line = (shown: string, type: string): Row => [
    `${indent}${label}${shown}`,
    [`(${note}${type})`, result.sentence].filter((word) => word !== '').join(' '),
  ]
  const end = (bracket: string): Row => [`${indent}${bracket}`, '']
  switch (result.kind) {
    case 'text':
      return [line('"text"', result.words === undefined ? 'text' : `one of ${result.words.join(', ')}`)]
    case 'hex':
      return [line('"hex"', 'hex')]
    case 'flag':
      return [line('true|false', 'boolean')]
    case 'number':
      return [line('n', result.unit === undefined ? 'number' : `number, ${result.unit}`)]
    case 'null':
      return [line('null', 'null')]
    case 'maybe':
      return rowsOf(result.inner, key, depth, 'not always, ')
    case 'either':
      return result.choices.flatMap((choice, at) => [
        ...(at > 0 ? [[`${indent}or`, ''] as const] : []),
        ...rowsOf(choice, key, depth, note),
      ])
    case 'list':
      return [
        line('[', 'array'),
        ...rowsOf(result.item, '', depth + 1),
        [`${'  '.repeat(depth + 1)}…`, ''],
        end(']'),
      ]
    case 'map':
      return [
        line('{', 'object'),
        ...rowsOf(result.value, `"${result.key}"`, depth + 1),
        [`${'  '.repeat(depth + 1)}…`, ''],
        end('}'),
      ]
    case 'object':
      return [
        line('{', 'object'),
        ...Object.entries(result.fields).flatMap(([name, field]) => rowsOf(field, `"${name}"`, depth + 1)),
        end('}'),
      ]
    case 'cases':
      return Object.values(result.cases).flatMap((described) => rowsOf(described, key, depth, note))
  }
}

/** How it is called from a script or the browser's console. */
function exampleOf({ name, parameters }: Declaration): string[] {
  // An optional one before a required one keeps its place.
  const last = parameters.findLastIndex(({ optional }) => !optional)
  const required = parameters.slice(0, last + 1).map(({ name, optional }) => (optional ? 'undefined' : name))
  const call = (args: readonly string[]): string =>
    `> await opentab.rpc(${[`'${name}'`, ...args].join(', ')})`
  const named =
    parameters.length > 1 ? [call([`{ ${parameters.map((parameter) => parameter.name).join(', ')} }`])] : []
  return [['Calls:', call(required), ...named].join('\n')]
}
