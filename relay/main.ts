/** The command behind `npm start` and `npm run dev`: builds the page if need be, serves it with the relay, says where. */

import './polyfill.ts'
import { readFile } from 'node:fs/promises'
import type { Server as HttpServer } from 'node:http'
import { join } from 'node:path'
import { createSecureContext } from 'node:tls'
import { renderUnicodeCompact } from 'uqr'
import { type Credentials, loadCredentials } from '../rpc/credentials.ts'
import type { RpcOptions } from '../rpc/options.ts'
import { serveRpc } from '../rpc/server.ts'
import { buildPage, DIST, isStale, PROJECT } from './build.ts'
import { lanAddresses, loadLanIdentity } from './lan.ts'
import { bracketed, relayAddress } from './network-json.ts'
import { HELP, parseOptions, type StartOptions } from './options.ts'
import { loadPage, type PageHandler } from './page.ts'
import { DATA_DIRECTORY, loadKeySeed } from './relay-key.ts'
import { type Server, startServer, type TlsIdentity } from './server.ts'
import { listenError, StartError } from './start-error.ts'
import { TabLine } from './tab-line.ts'

/** What is stopped on the way out, last started first. */
const stops: (() => Promise<void>)[] = []

await main()

async function main(): Promise<void> {
  const parsed = parseOptions(process.argv.slice(2))
  if (!parsed.ok) {
    process.stderr.write(`${parsed.message}\n\n${HELP}`)
    process.exitCode = 2
    return
  }
  if (parsed.options.help) {
    process.stdout.write(HELP)
    return
  }
  try {
    await start(parsed.options)
  } catch (error) {
    // A mistake that the user can mend is a sentence; anything else is a bug and shows its stack.
    process.stderr.write(`${error instanceof StartError ? error.message : (error as Error).stack}\n`)
    process.exitCode = 1
    await stopAll()
  }
}

async function start(options: StartOptions): Promise<void> {
  const { lan, port, certificate } = options
  const host = options.host ?? (lan ? '0.0.0.0' : '127.0.0.1')
  const isLoopback = host === '::1' || host.startsWith('127.')
  const isWildcard = host === '0.0.0.0' || host === '::'
  const reachable = isWildcard ? lanAddresses() : [host]
  if (lan && reachable.length === 0) {
    throw new StartError(
      'This computer is in no network: --lan found no address that others could reach. ' +
        'Connect it to the Wi-Fi and start again, or leave --lan away to try Opentab on this computer alone.',
    )
  }
  const tls = await tlsIdentity(certificate, lan, reachable)
  const keySeed = await loadKeySeed(options.relayKey)
  const page = options.relayOnly ? undefined : await pageMaker(options)
  const log = (line: string): void => void process.stdout.write(`${new Date().toISOString()} ${line}\n`)
  const tabLine = options.rpc && new TabLine(log)
  // Loopback has the name that is a secure context in every browser.
  const [publicHost = 'localhost'] = isLoopback ? ['localhost'] : reachable
  const server = await startServer({
    host,
    port,
    keySeed,
    publicHosts: isLoopback || reachable.length === 0 ? ['localhost'] : reachable,
    otherRelays: options.otherRelays,
    development: options.dev,
    behindProxy: options.behindProxy,
    log,
    ...(tabLine && { tabLine }),
    ...(page !== undefined && { page }),
    ...(tls !== undefined && { tls }),
  }).catch((error: NodeJS.ErrnoException) => {
    throw listenError(error, host, port)
  })
  stops.push(() => server.stop())
  if (options.rpc && tabLine) await startRpc(options.rpc, tabLine)
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void stopAll())
  announce(
    options,
    server,
    tabLine?.code,
    `${tls === undefined ? 'http' : 'https'}://${bracketed(publicHost)}:${port}/`,
    isLoopback,
  )
}

async function tlsIdentity(
  certificate: StartOptions['certificate'],
  lan: boolean,
  addresses: readonly string[],
): Promise<TlsIdentity | undefined> {
  if (certificate === undefined) return lan ? await loadLanIdentity(DATA_DIRECTORY, addresses) : undefined
  const read = (file: string): Promise<string> =>
    readFile(file, 'utf8').catch((error: Error) => {
      throw new StartError(
        `The file ${file} could not be read (${error.message}). Check the path after --cert and --key.`,
      )
    })
  const identity = { cert: await read(certificate.cert), key: await read(certificate.key) }
  try {
    createSecureContext(identity)
  } catch (error) {
    throw new StartError(
      `${certificate.cert} and ${certificate.key} are not a certificate and its private key in PEM form ` +
        `(${(error as Error).message}). Nothing was started.`,
    )
  }
  return identity
}

/** Prepares the page: built and read, or from its sources for development. */
async function pageMaker(
  options: StartOptions,
): Promise<(server: HttpServer) => PageHandler | Promise<PageHandler>> {
  if (options.dev) return developmentPage
  if (options.build && (await isStale())) {
    process.stdout.write('Building the page…\n')
    await buildPage()
  }
  const page = await loadPage(DIST).catch(() => {
    throw new StartError('There is no built page to serve. Start without --no-build, and it is built first.')
  })
  return () => page
}

async function developmentPage(server: HttpServer): Promise<PageHandler> {
  const { createServer } = await import('vite')
  const vite = await createServer({
    configFile: join(PROJECT, 'vite.config.ts'),
    appType: 'spa',
    server: { middlewareMode: true, ws: { server } },
  })
  stops.push(() => vite.close())
  return (request, response) => vite.middlewares(request, response)
}

/** Serves programs of this computer. */
async function startRpc({ port, credentials }: RpcOptions, tabLine: TabLine): Promise<void> {
  // The cookie file is another server's where the port is taken: it is written once the port is ours.
  let auth: Credentials | undefined
  const server = await serveRpc({
    port,
    auth: { allow: (authorization) => auth?.allow(authorization) ?? false },
    call: (...asked) => tabLine.call(...asked),
  }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EADDRINUSE') throw error
    throw new StartError(
      `Port ${port} is taken by another program, perhaps Bitcoin Core on its test network. Nothing was started. Name another: npm start -- --rpc --rpcport ${port === 18443 ? 18444 : 18443}.`,
    )
  })
  stops.push(() => server.stop())
  auth = await loadCredentials(credentials).catch((error: Error) => {
    throw new StartError(
      `The file ${credentials.cookieFile} could not be written (${error.message}). Name another with --rpccookiefile FILE, or set --rpcpassword.`,
    )
  })
  stops.push(() => auth!.forget())
}

function announce(
  options: StartOptions,
  server: Server,
  code: string | undefined,
  url: string,
  isLoopback: boolean,
): void {
  const lines: string[] = []
  if (options.relayOnly) {
    const { hostname, protocol } = new URL(url)
    const host = { name: hostname.replace(/[[\]]/g, ''), port: server.port, secure: protocol === 'https:' }
    lines.push(`The relay is at ${relayAddress(host)}/p2p/${server.relayPeerId}`)
  } else {
    lines.push(`Opentab is at ${url}`)
  }
  if (options.rpc && code !== undefined) {
    const { port, credentials } = options.rpc
    const who = credentials.password ? 'the password given' : `the password in ${credentials.cookieFile}`
    lines.push(
      `Programs of this computer reach a tab at http://127.0.0.1:${port}/ with ${who}, once it is allowed in the tab:`,
      `open Network, “From outside the page”, and type the code ${code}`,
    )
  }
  if (options.lan) {
    lines.push('', renderUnicodeCompact(url), '')
    if (options.certificate === undefined) {
      lines.push('Every browser warns once that it does not know the certificate: choose to go on.')
    }
  } else if (!isLoopback && url.startsWith('http:')) {
    lines.push(
      'Browsers run Opentab over HTTPS only, except on this computer: add --lan, or --cert and --key.',
    )
  }
  if (server.stunError !== undefined) {
    lines.push(
      `UDP port ${server.port} is not free (${server.stunError.message}), so tabs get no STUN from here. ` +
        'On one computer or an open network they do without.',
    )
  }
  lines.push('Ctrl+C stops it. Tabs that have met go on without it.')
  process.stdout.write(`${lines.join('\n')}\n`)
}

async function stopAll(): Promise<void> {
  for (const stop of stops.splice(0).reverse()) await stop()
}
