/**
 * Weaves counters into a source: one for each way that a branch can go and for each function, and the length of what is allocated.
 * Thread: Node's main.
 */
import {
  isTest,
  isWithinChain,
  nameOf,
  type Place,
  type SyntaxNode,
  type Weft,
  weave,
} from '../support/instrumented-bundle.ts'

/** What the woven code calls, see `Coverage`. */
export const CALLS = ['__edge', '__branch', '__allocate'] as const

const ALLOCATORS = /^(Array|ArrayBuffer|Uint8Array|Uint16Array|Uint32Array|Float64Array|Writer)$/
/** Methods and functions whose result is as large as it is long. */
const COPIERS =
  /^(slice|map|flatMap|filter|split|join|concat|pad(Start|End)|repeat|replace|to(Sorted|Reversed|String)|from(CharCode)?|(concat|hexTo|reversed)Bytes|bytesToHex|decode|encode)$/

/** The source with its counters, numbered from `first`, and the number after the last. */
export function withEdges(code: string, first: number): { code: string; next: number } {
  let next = first
  const woven = weave(code, (place): Weft | undefined => {
    const { node, parent, key } = place
    // Messages.
    if (node.type === 'TemplateLiteral') return undefined
    if (node.type === 'BlockStatement' && (parent?.type === 'CatchClause' || isBodyOfFunction(place)))
      return { inside: { at: node.start + 1, text: `__edge(${next++});` } }
    if (node.type === 'SwitchCase') {
      const [statement] = node.consequent as SyntaxNode[]
      return statement ? { inside: { at: statement.start, text: `__edge(${next++});` } } : {}
    }
    let before = ''
    let after = ''
    const wrap = (call: string): void => {
      before += call
      after += '))'
    }
    if (isBodyOfFunction(place)) wrap(`(__edge(${next++}),(`)
    if (isTest(place) || (key === 'left' && parent?.type === 'LogicalExpression')) {
      wrap(`__branch(${next},(`)
      next += 2
    }
    if (isAllocation(place)) wrap('__allocate((')
    return isWithinChain(place) ? {} : { before, after }
  })
  return { code: woven, next }
}

function isBodyOfFunction({ parent, key }: Place): boolean {
  return key === 'body' && parent !== undefined && /Function/.test(parent.type)
}

/** The size that something new is given, or a copy. */
function isAllocation({ node, parent, key }: Place): boolean {
  if (node.type === 'CallExpression') return COPIERS.test(nameOf(node.callee))
  if (key !== 'arguments' || parent?.type !== 'NewExpression') return false
  return ALLOCATORS.test(nameOf(parent.callee)) && (parent.arguments as SyntaxNode[])[0] === node
}
