/** The options of `npm start`. */

import { isIP } from 'node:net'
import { parseArgs } from 'node:util'
import { RPC_OPTIONS, type RpcOptions, readRpcOptions } from '../rpc/options.ts'
import { relayUrl } from './network-json.ts'
import { DEFAULT_COOKIE_FILE, DEFAULT_KEY_FILE } from './relay-key.ts'

/** What the command line asks for. */
export interface StartOptions {
  readonly port: number
  /** Address to bind; undefined means loopback, or every address with `--lan`. */
  readonly host: string | undefined
  readonly lan: boolean
  /** Files of a certificate and its key, PEM. */
  readonly certificate: { readonly cert: string; readonly key: string } | undefined
  readonly relayKey: string
  readonly otherRelays: readonly string[]
  readonly build: boolean
  readonly relayOnly: boolean
  /** A reverse proxy on this computer says for whom it speaks. */
  readonly behindProxy: boolean
  readonly dev: boolean
  /** Programs of this computer may call a tab that allows it; undefined: they may not. */
  readonly rpc: RpcOptions | undefined
  readonly help: boolean
}

/** A command line understood, or a sentence on what is wrong with it. */
export type ParsedOptions =
  | { readonly ok: true; readonly options: StartOptions }
  | { readonly ok: false; readonly message: string }

/** The text of `--help`. */
export const HELP = `npm start -- [options]

Serves the Opentab page and the relay that introduces tabs to each other, from one process on one port.

  --port N          port for page and relay (TCP) and STUN (UDP); 8080 if not given
  --host ADDRESS    address to listen on; 127.0.0.1 if not given, which only this computer reaches
  --lan             serve the local network over HTTPS with a certificate made for it, and print a QR code
  --cert FILE       certificate chain (PEM) to serve over HTTPS, together with --key
  --key FILE        its private key (PEM)
  --relay-key FILE  the relay's key, made on first use; ${DEFAULT_KEY_FILE} if not given
  --relay ADDRESS   multiaddr of a further relay that the page shall use (may be repeated)
  --behind-proxy    a reverse proxy on this computer says in X-Forwarded-For whom it speaks for
  --relay-only      serve the relay without the page
  --no-build        serve the page as it was last built
  --dev             serve the page from its sources, with hot reload
  --rpc             let programs of this computer call a tab that allows it, by JSON-RPC as Bitcoin Core has it
  --rpcport N       port for that, on 127.0.0.1; 18443 if not given, Bitcoin Core's for test networks
  --rpccookiefile FILE  where the password for programs is written; ${DEFAULT_COOKIE_FILE} if not given
  --rpcuser NAME, --rpcpassword WORD  a user and a password in place of that file
  --rpcauth USER:SALT$HASH  a further user, as Bitcoin Core's rpcauth.py writes it (may be repeated)
  --help            show this text

A wallet belongs to the page's address, port included: the same page at another address shows another wallet.
`

/** Reads the command line, without the program's name. */
export function parseOptions(argv: readonly string[]): ParsedOptions {
  let values: ReturnType<typeof parse>['values']
  try {
    values = parse(argv).values
  } catch (error) {
    return { ok: false, message: usageSentence(error as NodeJS.ErrnoException) }
  }
  const wrong = (message: string): ParsedOptions => ({ ok: false, message })
  const port = /^\d{1,5}$/.test(values.port) ? Number(values.port) : 0
  if (port < 1 || port > 65_535) {
    return wrong(`--port takes a number from 1 to 65535, such as --port 8081, not "${values.port}".`)
  }
  if (values.host !== undefined && isIP(values.host) === 0 && values.host !== 'localhost') {
    return wrong(
      `--host takes an IP address of this computer, such as 127.0.0.1 or ::, not "${values.host}".`,
    )
  }
  if ((values.cert === undefined) !== (values.key === undefined)) {
    return wrong('--cert and --key belong together: give the certificate and its private key.')
  }
  for (const relay of values.relay) {
    if (relayUrl(relay) === undefined) {
      return wrong(
        '--relay takes the multiaddr of a WebSocket relay with its peer id, ' +
          `such as /dns4/relay.example/tcp/443/wss/p2p/12D3Koo…, not "${relay}".`,
      )
    }
  }
  if (values.dev && values['relay-only'])
    return wrong('--dev serves the page and --relay-only none: choose one.')
  const rpc = readRpcOptions(values, DEFAULT_COOKIE_FILE)
  if (typeof rpc === 'string') return wrong(rpc)
  if (rpc && values['relay-only'])
    return wrong('--rpc lets programs call a tab, and --relay-only serves none: choose one.')
  if (rpc && values['behind-proxy'])
    return wrong('--rpc is for tabs of this computer, and --behind-proxy for those of others: choose one.')
  const { cert, key } = values
  return {
    ok: true,
    options: {
      port,
      host: values.host === 'localhost' ? '127.0.0.1' : values.host,
      lan: values.lan,
      certificate: cert !== undefined && key !== undefined ? { cert, key } : undefined,
      relayKey: values['relay-key'],
      otherRelays: values.relay,
      build: !values['no-build'],
      relayOnly: values['relay-only'],
      behindProxy: values['behind-proxy'],
      dev: values.dev,
      rpc,
      help: values.help,
    },
  }
}

function parse(argv: readonly string[]) {
  return parseArgs({
    args: [...argv],
    allowPositionals: false,
    options: {
      port: { type: 'string', default: '8080' },
      host: { type: 'string' },
      lan: { type: 'boolean', default: false },
      cert: { type: 'string' },
      key: { type: 'string' },
      'relay-key': { type: 'string', default: DEFAULT_KEY_FILE },
      relay: { type: 'string', multiple: true, default: [] },
      'no-build': { type: 'boolean', default: false },
      'relay-only': { type: 'boolean', default: false },
      'behind-proxy': { type: 'boolean', default: false },
      dev: { type: 'boolean', default: false },
      ...RPC_OPTIONS,
      help: { type: 'boolean', short: 'h', default: false },
    },
  })
}

/** Node's own messages speak to programmers ("To specify a positional argument…"). */
function usageSentence({ code, message }: NodeJS.ErrnoException): string {
  const named = /'([^']*)'/.exec(message)?.[1] ?? ''
  switch (code) {
    case 'ERR_PARSE_ARGS_UNKNOWN_OPTION':
      return `There is no option ${named}.`
    case 'ERR_PARSE_ARGS_UNEXPECTED_POSITIONAL':
      return `"${named}" is not an option. Options start with --, and npm wants a -- before them: npm start -- --port 8081.`
    default:
      return `${message}.`
  }
}
