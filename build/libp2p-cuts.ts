/**
 * What the built page leaves out of libp2p, because no tab ever uses it: a fifth of what it would weigh. In the build alone: with `npm run dev`
 * and in tests of the sources libp2p is whole. Each cut fails the build when libp2p has changed under it.
 */

import { readFile } from 'node:fs/promises'
import type { Plugin } from 'vite'

/** A node of a syntax tree (ESTree). */
interface Node {
  readonly type: string
  readonly start: number
  readonly end: number
  readonly [child: string]: unknown
}

/** Calls that only word what is told: an argument with another one may do something, and stays. */
const WORDING: ReadonlySet<unknown> = new Set(['toString', 'map', 'equals', 'now', 'debugFrame'])
const ACTING: ReadonlySet<string> = new Set([
  'AssignmentExpression',
  'AwaitExpression',
  'TaggedTemplateExpression',
  'UpdateExpression',
  'YieldExpression',
])

/** A log that tells nobody, in the place of libp2p's own. */
const SILENT_LOG = `
const log = Object.assign(() => {}, { enabled: false, trace() {}, error() {}, newScope: () => log })
export const defaultLogger = () => ({ forComponent: () => log })
export const logger = () => log
`

/**
 * Leaves out libp2p's log, which is silent unless a developer asks for it in the console: the log itself and, since their sentences weigh
 * far more, the statements that write to it.
 */
export function libp2pWithoutLog(): Plugin {
  let silenced = false
  let statements = 0
  return {
    name: 'opentab:libp2p-without-log',
    apply: 'build',
    load: {
      filter: { id: /@libp2p\/logger\/dist\/src\/index\.js$/ },
      handler() {
        silenced = true
        return SILENT_LOG
      },
    },
    transform: {
      filter: { id: /node_modules\/(@libp2p|libp2p)\//, code: /\blog\b/ },
      handler(code) {
        const found = logStatements(this.parse(code) as unknown as Node)
        statements += found.length
        // From the last to the first: places before a cut stay as they are.
        const kept = found.reduceRight(
          (text, { start, end }) => `${text.slice(0, start)};${text.slice(end)}`,
          code,
        )
        return { code: kept, map: null }
      },
    },
    buildEnd(error) {
      if (!error && !(silenced && statements > 0)) this.error('libp2p logs in another way than it did')
    },
  }
}

/** Statements that do nothing but log, in their order. */
function logStatements(root: Node): Node[] {
  const found: Node[] = []
  const visit = (node: Node): void => {
    if (isLogStatement(node)) found.push(node)
    else childrenOf(node).forEach(visit)
  }
  visit(root)
  return found
}

function isLogStatement({ type, expression }: Node): boolean {
  if (type !== 'ExpressionStatement') return false
  const chained = expression as Node
  const call = chained.type === 'ChainExpression' ? (chained.expression as Node) : chained
  return (
    call.type === 'CallExpression' &&
    isLog(call.callee as Node) &&
    (call.arguments as Node[]).every((argument) => !acts(argument))
  )
}

/** `log`, `….log`, and their `error` and `trace`. */
function isLog({ type, name, computed, object, property }: Node): boolean {
  if (type === 'Identifier') return name === 'log'
  if (type !== 'MemberExpression' || computed) return false
  const { name: member } = property as Node
  return member === 'log' || ((member === 'error' || member === 'trace') && isLog(object as Node))
}

/** Whether evaluating it may do more than read. */
function acts(node: Node): boolean {
  if (ACTING.has(node.type)) return true
  if (node.type === 'CallExpression') {
    const { name, property } = node.callee as Node
    if (!WORDING.has(name ?? (property as Node | undefined)?.name)) return true
  }
  if (node.type === 'NewExpression' && (node.callee as Node).name !== 'Date') return true
  return childrenOf(node).some(acts)
}

function childrenOf(node: Node): Node[] {
  return Object.values(node)
    .flat()
    .filter((child): child is Node => typeof (child as Node | null)?.type === 'string')
}

/** The whole of a module: every function or class that it exports throws. */
const UNUSED = Symbol()

const NO_MAPPINGS = `
  has() { return false }
  add() {}
  remove() { return false }
  getAll() { return [] }
  confirm() { return false }
  unconfirm() { return false }
`

/** Modules of libp2p that no tab uses, by the end of their path, and what takes their place. */
const PARTS: Readonly<Record<string, string | typeof UNUSED>> = {
  // Identities are Ed25519, those of tabs and of relays. One of another kind is refused like a broken one.
  '/@libp2p/crypto/dist/src/keys/rsa/utils.js': UNUSED,
  '/@libp2p/crypto/dist/src/keys/rsa/der.js': UNUSED,
  '/@libp2p/crypto/dist/src/keys/ecdsa/utils.js': UNUSED,
  '/@libp2p/crypto/dist/src/keys/ecdsa/ecdsa.js': UNUSED,
  '/@libp2p/crypto/dist/src/keys/secp256k1/utils.js': UNUSED,
  // `connectionMonitor: { enabled: false }`
  '/libp2p/dist/src/connection-monitor.js': UNUSED,
  // `reconnectRetries: 0`: relays and peers are dialled again by ourselves.
  '/libp2p/dist/src/connection-manager/reconnect-queue.js':
    'export class ReconnectQueue { start() {} afterStart() {} stop() {} }',
  // There is no router that could be asked for peers or content: discovery is our own. What asks all the same takes an error, as it does of the whole.
  '/libp2p/dist/src/content-routing.js': 'export class CompoundContentRouting {}',
  '/libp2p/dist/src/peer-routing.js': `export class DefaultPeerRouting {
    async findPeer() { throw new Error('There are no routers') }
  }`,
  '/libp2p/dist/src/random-walk.js': `export class RandomWalk {
    async *walk() { throw new Error('There are no routers') }
  }`,
  // It asks strangers for names over HTTPS, which the Content-Security-Policy forbids. The names of relays are the browser's to resolve.
  '/libp2p/dist/src/connection-manager/resolvers/dnsaddr.js':
    'export const dnsaddrResolver = { canResolve: () => false }',
  // Addresses that a router forwards or a name points to: a browser listens on none.
  '/libp2p/dist/src/address-manager/ip-mappings.js': `export class IPMappings {${NO_MAPPINGS}}`,
  '/libp2p/dist/src/address-manager/dns-mappings.js': `export class DNSMappings {${NO_MAPPINGS}}`,
  // Whether an IP address is a private one: tabs have none to announce.
  '/netmask/dist/netmask.js': 'export class Netmask { contains() { return false } }',
  '/@chainsafe/netmask/dist/src/index.js':
    'export const cidrContains = () => false; export class IpNet { contains() { return false } }',
  // Text of bytes in bases of 2, 8, 36 and emoji; content identifiers.
  '/multiformats/dist/src/basics.js': `
    import * as base10 from './bases/base10.js'
    import * as base16 from './bases/base16.js'
    import * as base32 from './bases/base32.js'
    import * as base58 from './bases/base58.js'
    import * as base64 from './bases/base64.js'
    import * as digest from './hashes/digest.js'
    export const bases = { ...base10, ...base16, ...base32, ...base58, ...base64 }
    export { digest }`,
}

/** Leaves out `PARTS`. What else is imported from them fails the build by itself. */
export function libp2pWithoutUnusedParts(): Plugin {
  const missing = new Set(Object.keys(PARTS))
  return {
    name: 'opentab:libp2p-without-unused-parts',
    apply: 'build',
    // Before CommonJS is taken for what it is.
    enforce: 'pre',
    load: {
      filter: { id: /node_modules\// },
      async handler(id) {
        const path = Object.keys(PARTS).find((end) => id.endsWith(end))
        if (path === undefined) return
        missing.delete(path)
        const instead = PARTS[path]!
        if (instead !== UNUSED) return instead
        const names = exportsOf(this.parse(await readFile(id, 'utf8')) as unknown as Node)
        return `function unused() { throw new Error('Left out of the page: ${path}') }
          export { ${names.map((name) => `unused as ${name}`).join(', ')} }`
      },
    },
    buildEnd(error) {
      if (!error && missing.size > 0)
        this.error(`What is left out of libp2p is not part of it: ${[...missing].join(', ')}`)
    },
  }
}

/** The names that a module exports one by one. */
function exportsOf({ body }: Node): string[] {
  return (body as Node[])
    .filter(({ type }) => type === 'ExportNamedDeclaration')
    .flatMap(({ declaration, specifiers }) => {
      const declared = declaration as Node | null
      const named = (declared?.declarations as Node[] | undefined) ?? (declared ? [declared] : [])
      return [
        ...named.map(({ id }) => (id as Node).name),
        ...(specifiers as Node[]).map(({ exported }) => (exported as Node).name),
      ]
    }) as string[]
}

/**
 * Leaves out what reads protobuf messages field by field, a third of each codec that protons makes: libp2p takes messages whole.
 */
export function protonsWithoutStreams(): Plugin {
  let cuts = 0
  return {
    name: 'opentab:protons-without-streams',
    apply: 'build',
    transform: {
      filter: { id: /node_modules\//, code: /from ['"]protons-runtime['"]/ },
      handler(code) {
        const found = codecsOf(this.parse(code) as unknown as Node)
        cuts += found.length
        // From the last to the first, as above. A codec may hold others, but none lies in what is cut.
        const kept = found.reduceRight((text, call) => {
          const [, decode, stream] = call.arguments as Node[]
          return text.slice(0, decode!.end) + text.slice(stream!.end)
        }, code)
        return { code: kept, map: null }
      },
    },
    buildEnd(error) {
      if (!error && cuts === 0) this.error('protons reads messages field by field in another way than it did')
    },
  }
}

/** Calls that make a codec of three functions: `message(encode, decode, stream)`. */
function codecsOf(root: Node): Node[] {
  const found: Node[] = []
  const visit = (node: Node): void => {
    if (isCodec(node)) found.push(node)
    childrenOf(node).forEach(visit)
  }
  visit(root)
  return found.sort((a, b) => (a.arguments as Node[])[2]!.start - (b.arguments as Node[])[2]!.start)
}

function isCodec({ type, callee, arguments: given }: Node): boolean {
  if (type !== 'CallExpression' || (callee as Node).name !== 'message') return false
  const [, , stream, ...more] = given as Node[]
  return stream?.type === 'FunctionExpression' && stream.generator === true && more.length === 0
}

/** Leaves out gossipsub's metrics, a tenth of it: a tab has no register to give it, and without one it makes none. */
export function gossipsubWithoutMetrics(): Plugin {
  const given = 'options.metricsRegister != null'
  return {
    name: 'opentab:gossipsub-without-metrics',
    apply: 'build',
    transform: {
      filter: { id: /gossipsub\/dist\/src\/gossipsub\.js$/ },
      handler(code) {
        if (!code.includes(given)) this.error('gossipsub makes its metrics in another way than it did')
        return code.replace(given, 'false')
      },
    },
  }
}
