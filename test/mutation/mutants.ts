/**
 * The mutants of a source file, and the file with all of them in it, each behind a switch: nothing is built again to try another
 * one. What only people read (types, comments, sentences of errors) has no mutants. Thread: Node's main.
 */
import {
  isTest,
  isWithinChain,
  lineOf,
  nameOf,
  type Place,
  type SyntaxNode,
  weave,
} from '../support/instrumented-bundle.ts'

/** One small change of the code that a test should notice. */
export interface Mutant {
  /** Number among all the mutants of a run. */
  readonly id: number
  /** Relative to the project. */
  readonly file: string
  readonly line: number
  /** The line as it stands, trimmed. */
  readonly code: string
  /** `original -> mutated`, on one line; ` #2` behind the second equal change of its line. */
  readonly change: string
}

/** What the code of `withMutants` calls: whether the mutant with this number is switched on. */
export const SWITCH = '__mutant'

const BINARY: Readonly<Record<string, readonly string[]>> = {
  '<': ['<=', '>='],
  '>': ['>=', '<='],
  '<=': ['<', '>'],
  '>=': ['>', '<'],
  '===': ['!=='],
  '!==': ['==='],
  '+': ['-'],
  '-': ['+'],
  '*': ['/'],
  '/': ['*'],
  '%': ['*'],
  '<<': ['>>'],
  '>>': ['<<'],
  '>>>': ['>>', '<<'],
  '&': ['|'],
  '|': ['&'],
  '^': ['&'],
}
const LOGICAL: Readonly<Record<string, readonly string[]>> = { '&&': ['||'], '||': ['&&'], '??': ['&&'] }
const ASSIGNMENTS: Readonly<Record<string, string>> = {
  '+=': '-=',
  '-=': '+=',
  '*=': '/=',
  '/=': '*=',
  '<<=': '>>=',
  '>>=': '<<=',
  '>>>=': '<<=',
  '&=': '|=',
  '|=': '&=',
  '^=': '&=',
  '??=': '&&=',
}
const METHODS = new Map(
  Object.entries({
    every: 'some',
    some: 'every',
    min: 'max',
    max: 'min',
    floor: 'ceil',
    ceil: 'floor',
    push: 'unshift',
    find: 'findLast',
    indexOf: 'lastIndexOf',
    startsWith: 'endsWith',
    endsWith: 'startsWith',
    toLowerCase: 'toUpperCase',
    toUpperCase: 'toLowerCase',
  }),
)
/** Methods whose result stands in for what they were called on. */
const DROPPED = new Set(['filter', 'slice', 'subarray', 'reverse', 'toReversed', 'sort', 'toSorted', 'trim'])
const REMOVED = new Set([
  'ExpressionStatement',
  'ReturnStatement',
  'ThrowStatement',
  'BreakStatement',
  'ContinueStatement',
])
/** Expressions that need parentheses within others. */
const COMPOUND = new Set([
  'BinaryExpression',
  'LogicalExpression',
  'ConditionalExpression',
  'AssignmentExpression',
  'ArrowFunctionExpression',
])
/** Functions whose second argument is a sentence. */
const REJECTIONS = new Set(['invalid', 'mutated', 'retry', 'notNow'])

/** The source with every mutant behind its switch, and the mutants, numbered from `firstId`. */
export function withMutants(
  file: string,
  code: string,
  firstId: number,
): { code: string; mutants: Mutant[] } {
  const mutants: Mutant[] = []
  const lines = code.split('\n')
  /** The condition under which the mutant applies. */
  const add = ({ start, end }: SyntaxNode, replacement: string): string => {
    const line = lineOf(code, start)
    const change = `${oneLine(code.slice(start, end))} -> ${oneLine(replacement)}`
    const equal = mutants.filter((other) => other.line === line && other.change.split(' #')[0] === change)
    const nth = equal.length === 0 ? '' : ` #${equal.length + 1}`
    const id = firstId + mutants.length
    mutants.push({ id, file, line, code: lines[line - 1].trim(), change: change + nth })
    return `${SWITCH}(${id})`
  }
  const woven = weave(code, (place) => {
    const { node } = place
    if (isProse(place)) return undefined
    // In a block of its own, so that no `else` behind it changes hands.
    if (isRemovable(place)) return { before: `{if(!${add(node, '(nothing)')})`, after: '}' }
    const replacements = isWrappable(place) ? replacementsOf(code, place) : []
    if (replacements.length === 0) return {}
    const choices = replacements.map((text) => `${add(node, text)}?(${text}):`)
    return { before: `(${choices.join('')}(`, after: '))' }
  })
  return { code: woven, mutants }
}

function textOf(code: string, node: SyntaxNode): string {
  return code.slice(node.start, node.end)
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ')
}

/** What people read: messages, and sums of strings. */
function isProse({ node, parent, key }: Place): boolean {
  if (node.type === 'TemplateLiteral') return true
  if (node.type === 'NewExpression') return /Error$/.test(nameOf(node.callee))
  if (node.type === 'BinaryExpression' && node.operator === '+')
    return isText(node.left as SyntaxNode) || isText(node.right as SyntaxNode)
  if (parent?.type === 'CallExpression' && key === 'arguments' && REJECTIONS.has(nameOf(parent.callee)))
    return (parent.arguments as SyntaxNode[]).indexOf(node) === 1
  return false
}

function isText(node: SyntaxNode): boolean {
  return node.type === 'TemplateLiteral' || (node.type === 'Literal' && typeof node.value === 'string')
}

/** Statements that can be left out and leave a function that runs; not a return that ends its function. */
function isRemovable(place: Place): boolean {
  const { node } = place
  if (!REMOVED.has(node.type)) return false
  const expression = node.expression as SyntaxNode | undefined
  if (expression?.type === 'CallExpression' && (expression.callee as SyntaxNode).type === 'Super')
    return false
  return node.type !== 'ReturnStatement' || !endsFunction(place)
}

/** Whether the function is over behind this statement. */
function endsFunction({ parent, key, node, above }: Place): boolean {
  if (!parent || !above || parent.type === 'SwitchCase' || /^(For|While|DoWhile)/.test(parent.type))
    return false
  if (key === 'body' && /Function/.test(parent.type)) return true
  if (parent.type === 'BlockStatement' && (parent.body as SyntaxNode[]).at(-1) !== node) return false
  return endsFunction(above)
}

/** Whether parentheses around the node mean the same: not in the middle of an optional chain, nor on a method that is called. */
function isWrappable(place: Place): boolean {
  return !isWithinChain(place) && (place.node.type !== 'MemberExpression' || isTest(place))
}

function replacementsOf(code: string, place: Place): string[] {
  const found = operatorsOf(code, place.node)
  if (!isTest(place) || place.node.type === 'Literal') return found
  // A loop without end says nothing new.
  const isLoop = /^(For|While|DoWhile)Statement$/.test(place.parent?.type ?? '')
  return [...found, ...(isLoop ? ['false'] : ['true', 'false'])]
}

function operatorsOf(code: string, node: SyntaxNode): string[] {
  const operator = node.operator as string
  const text = (part: unknown): string => textOf(code, part as SyntaxNode)
  const operand = (part: unknown): string =>
    COMPOUND.has((part as SyntaxNode).type) ? `(${text(part)})` : text(part)
  const binary = (other: string): string => `${operand(node.left)} ${other} ${operand(node.right)}`
  switch (node.type) {
    case 'BinaryExpression':
      return (BINARY[operator] ?? []).map(binary)
    case 'LogicalExpression':
      return LOGICAL[operator].map(binary)
    case 'AssignmentExpression':
      return operator === '=' ? [] : [`${text(node.left)} ${ASSIGNMENTS[operator]} ${text(node.right)}`]
    case 'UpdateExpression':
      return [text(node).replace(operator, operator === '++' ? '--' : '++')]
    case 'UnaryExpression':
      return ['-', '!', '~'].includes(operator) ? [text(node.argument)] : []
    case 'ChainExpression':
      return [text(node).replace('?.[', '[').replace('?.(', '(').replace('?.', '.')]
    case 'ArrayExpression':
      return (node.elements as unknown[]).length > 0 ? ['[]'] : []
    case 'Literal':
      return literalsNear(node)
    case 'CallExpression':
      return callsNear(code, node)
    default:
      return []
  }
}

function literalsNear(node: SyntaxNode): string[] {
  const { value } = node
  if (typeof value === 'boolean') return [String(!value)]
  if (typeof value === 'number') return [String(value + 1), String(value - 1)]
  if (typeof value === 'bigint') return [`${value + 1n}n`, `${value - 1n}n`]
  // With a space it is a sentence.
  return typeof value === 'string' && value !== '' && !value.includes(' ') ? ["''"] : []
}

function callsNear(code: string, node: SyntaxNode): string[] {
  const callee = node.callee as SyntaxNode
  if (callee.type !== 'MemberExpression' || callee.computed) return []
  const property = callee.property as SyntaxNode
  const method = nameOf(property)
  const other = METHODS.get(method)
  if (other !== undefined)
    return [code.slice(node.start, property.start) + other + code.slice(property.end, node.end)]
  return DROPPED.has(method) ? [textOf(code, callee.object as SyntaxNode)] : []
}
