/**
 * Finds the reject codes in the sources, so that no rule can be added without a test: what is passed for a code to `invalid` and
 * its like, also by way of functions that pass their own argument on.
 */
import { readdir, readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { parseAst } from 'vite'
import { SCRIPT_ERRORS } from '../../src/script/script-error.ts'

/** Where codes are given to blocks and to what is in them. */
const LAYERS = ['primitives', 'consensus', 'script', 'chain']
/** Files that judge something else than blocks. */
const NOT_OF_BLOCKS = ['consensus/params.ts', 'script/address.ts']
/** Files that pass codes on: the one where the functions are made, and the one that names every script error. */
const PASSING_ON = ['primitives/result.ts', 'script/script-error.ts']
/** Position of the code among the arguments of the functions of `result.ts`. */
const REJECTING: readonly (readonly [string, number])[] = [
  ['invalid', 0],
  ['mutated', 0],
  ['retry', 0],
  ['notNow', 0],
  ['reject', 1],
]

/** A node of the syntax tree (ESTree with TypeScript), as far as it is looked at. */
interface Node {
  readonly type: string
  readonly [field: string]: unknown
}

/** A call, with the parameters of the functions around it. */
interface Call {
  readonly file: string
  readonly callees: readonly string[]
  readonly arguments: readonly Node[]
  /** Of each function around the call: its name and the names of its parameters. */
  readonly within: readonly { readonly name: string; readonly parameters: readonly string[] }[]
}

/** Every code in the sources by the files that give it. Throws where a code can't be told from the sources. */
export async function findRejectCodes(): Promise<ReadonlyMap<string, ReadonlySet<string>>> {
  const calls: Call[] = []
  for (const layer of LAYERS) {
    const folder = new URL(`../../src/${layer}/`, import.meta.url)
    for (const name of await readdir(fileURLToPath(folder))) {
      const file = `${layer}/${name}`
      if (NOT_OF_BLOCKS.includes(file) || PASSING_ON.includes(file)) continue
      const program = parseAst(await readFile(new URL(name, folder), 'utf8'), { lang: 'ts' })
      collectCalls(program as unknown as Node, file, [], calls)
    }
  }
  const found = codesIn(calls)
  for (const code of SCRIPT_ERRORS) found.set(code, new Set(['script/script-error.ts']))
  return found
}

function codesIn(calls: readonly Call[]): Map<string, Set<string>> {
  const found = new Map<string, Set<string>>()
  const rejecting = new Map(REJECTING)
  // A function that passes its own parameter on as a code is as good as `invalid`: found from the inside out.
  for (let known = 0; known < rejecting.size; ) {
    known = rejecting.size
    found.clear()
    for (const call of calls) {
      const name = call.callees.find((callee) => rejecting.has(callee))
      if (name === undefined) continue
      for (const code of literalsOf(call.arguments[rejecting.get(name) as number])) {
        if (typeof code === 'string') found.set(code, (found.get(code) ?? new Set()).add(call.file))
        else markWrapper(call, code, rejecting)
      }
    }
  }
  return found
}

/** Notes the function whose parameter is passed on as a code. A property of something, as in `other.code`, is a code found elsewhere. */
function markWrapper(call: Call, code: Node, rejecting: Map<string, number>): void {
  if (code.type === 'MemberExpression') return
  for (const { name, parameters } of call.within.toReversed()) {
    const position = parameters.indexOf(String(code.name))
    if (code.type !== 'Identifier' || position < 0) continue
    rejecting.set(name, position)
    return
  }
  throw new Error(`${call.file}: the code that ${call.callees} is called with can't be told from the sources`)
}

/** The texts that an expression can come to, or the expression itself where it is no text. */
function literalsOf(expression: Node | undefined): (string | Node)[] {
  if (expression === undefined) return []
  if (expression.type === 'Literal' && typeof expression.value === 'string') return [expression.value]
  if (expression.type === 'ConditionalExpression')
    return [...literalsOf(expression.consequent as Node), ...literalsOf(expression.alternate as Node)]
  return [expression]
}

function collectCalls(node: Node, file: string, within: Call['within'], calls: Call[]): void {
  if (node.type === 'CallExpression')
    calls.push({
      file,
      callees: identifiersIn(node.callee as Node),
      arguments: node.arguments as Node[],
      within,
    })
  const inside = Array.isArray(node.params) ? [...within, functionOf(node)] : within
  for (const value of Object.values(node))
    for (const child of Array.isArray(value) ? value : [value])
      if (isNode(child)) collectCalls(child, file, inside, calls)
}

/** `f` of `f(…)`, both of `(condition ? f : g)(…)`. */
function identifiersIn(callee: Node): string[] {
  if (callee.type === 'Identifier') return [callee.name as string]
  if (callee.type === 'ConditionalExpression')
    return [callee.consequent, callee.alternate].flatMap((branch) => identifiersIn(branch as Node))
  if (callee.type === 'ParenthesizedExpression') return identifiersIn(callee.expression as Node)
  return []
}

function functionOf(node: Node): Call['within'][0] {
  const parameters = (node.params as Node[]).map((parameter) => String(parameter.name))
  return { name: isNode(node.id) ? String(node.id.name) : '', parameters }
}

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && 'type' in value
}
