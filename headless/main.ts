/** The command behind `npm run node`: runs a node without a browser until it is told to stop. Logs go to the standard error. */
import { createInterface } from 'node:readline'
import { StartError } from '../relay/start-error.ts'
import { loadCredentials } from '../rpc/credentials.ts'
import type { RpcOptions } from '../rpc/options.ts'
import { serveRpc } from '../rpc/server.ts'
import { StorageError } from '../src/chain/store.ts'
import { networkId } from '../src/consensus/genesis.ts'
import type { NodeEvent } from '../src/node/events.ts'
import { RPC_INVALID_PARAMS, type RpcResponse } from '../src/node/rpc-error.ts'
import { HeadlessNode } from './node.ts'
import { HELP, type NodeOptions, parseOptions } from './options.ts'

const parsed = parseOptions(process.argv.slice(2))
if (!parsed.ok) {
  process.stderr.write(`${parsed.message}\n\n${HELP}`)
  process.exit(2)
}
if (parsed.options.help) {
  process.stdout.write(HELP)
  process.exit()
}
try {
  await run(parsed.options)
  // Connections and threads of libraries would keep the process.
  process.exit()
} catch (error) {
  // A mistake that the user can mend is a sentence; anything else is a bug and shows its stack.
  process.stderr.write(
    `${error instanceof StorageError || error instanceof StartError ? error.message : (error as Error).stack}\n`,
  )
  process.exit(1)
}

/** Resolves when the node has ended. */
async function run({ params, folder, relays, rpc, console, events }: NodeOptions): Promise<void> {
  // A bug anywhere, or a connection that failed where nobody waits for it: as in a tab it is told, and the rest goes on.
  process.on('unhandledRejection', (error) => log('error', `A fault of this program: ${stackOf(error)}`))
  process.on('uncaughtException', (error) => log('error', `A fault of this program: ${stackOf(error)}`))
  // Whoever reads it may have gone.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined)
  const node = await HeadlessNode.open({ params, folder, relays, told: events ? tellAll : tell })
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void node.close())
  log('info', `The node ${node.peerId} runs on the network ${params.name} (${networkId(params)}).`)
  const endRpc = rpc && (await answerPrograms(node, rpc))
  if (console) answerLines(node)
  await node.ended
  await endRpc?.()
}

/** Lets programs of this computer call. Answers the function that ends it. Rejects with a `StartError`. */
async function answerPrograms(
  node: HeadlessNode,
  { port, credentials }: RpcOptions,
): Promise<() => Promise<void>> {
  const auth = await loadCredentials(credentials).catch((error: Error) => {
    throw new StartError(
      `The file ${credentials.cookieFile} could not be written (${error.message}). Name another with --rpccookiefile FILE, or set --rpcpassword.`,
    )
  })
  const call = node.call.bind(node)
  const server = await serveRpc({ auth, port, call }).catch(async (error: NodeJS.ErrnoException) => {
    await auth.forget()
    if (error.code !== 'EADDRINUSE') throw error
    throw new StartError(
      `Port ${port} is taken, perhaps by another node. The node was stopped, and keeps what it has. Name another port with --rpcport.`,
    )
  })
  const who = auth.cookieFile === undefined ? 'the password given' : `the password in ${auth.cookieFile}`
  log('info', `Programs of this computer reach it at http://127.0.0.1:${server.port}/ with ${who}.`)
  return async () => {
    await server.stop()
    await auth.forget()
  }
}

/** Answers each line of the standard input by one line, in their order: what a JSON-RPC server says, without `id`. Its end stops nothing. */
function answerLines(node: HeadlessNode): void {
  let last: Promise<void> = Promise.resolve()
  createInterface({ input: process.stdin }).on('line', (line) => {
    if (line.trim() === '') return
    const answer = answerLine(node, line.trim())
    last = last.then(async () => writeLine(await answer))
  })
}

async function answerLine(node: HeadlessNode, line: string): Promise<RpcResponse> {
  const [, method, rest] = /^(\S+)\s*(.*)$/.exec(line)!
  let args: readonly unknown[]
  try {
    args = JSON.parse(`[${rest}]`)
  } catch {
    const message = `The arguments of ${method} are not JSON with commas in between, such as: ${method} "text", 5, true`
    return { error: { code: RPC_INVALID_PARAMS, message } }
  }
  return node.call(method!, args)
}

function tell({ name, detail }: NodeEvent): void {
  if (name === 'log') log(detail.level, `${detail.source}: ${detail.message}`, detail.time)
}

/** Each event is a line of the standard output, too. */
function tellAll(event: NodeEvent): void {
  tell(event)
  writeLine({ event: event.name, detail: event.detail })
}

function writeLine(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value)}\n`)
}

function log(level: 'info' | 'warning' | 'error', message: string, time = Date.now()): void {
  const mark = level === 'info' ? '' : `${level.toUpperCase()} `
  process.stderr.write(`${new Date(time).toISOString()} ${mark}${message}\n`)
}

function stackOf(error: unknown): string {
  return error instanceof Error ? `${error.stack}` : String(error)
}
