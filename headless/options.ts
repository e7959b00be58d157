/** The options of `npm run node`. */
import { homedir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { RPC_OPTIONS, type RpcOptions, readRpcOptions } from '../rpc/options.ts'
import { type NetworkParams, PUBLIC } from '../src/consensus/params.ts'
import { isRelayAddress } from '../src/transport/relay-client.ts'
import { readInvitation } from '../web/invitation.ts'
import { isPage } from './node.ts'

/** What the command line asks for. */
export interface NodeOptions {
  readonly params: NetworkParams
  readonly folder: string
  readonly relays: readonly string[]
  /** Programs of this computer may call by HTTP; undefined: they may not. */
  readonly rpc: RpcOptions | undefined
  /** Whether lines of the standard input are calls. */
  readonly console: boolean
  /** Whether events are written to the standard output. */
  readonly events: boolean
  readonly help: boolean
}

/** A command line understood, or a sentence on what is wrong with it. */
export type ParsedOptions =
  | { readonly ok: true; readonly options: NodeOptions }
  | { readonly ok: false; readonly message: string }

const DEFAULT_FOLDER = join(homedir(), '.opentab', 'node')

/** The page that is asked for relays unless another is named, and as whose address a network's name or text is read. */
const DEFAULT_PAGE = 'http://localhost:8080'

/** The text of `--help`. */
export const HELP = `npm run node -- [options]

Runs a node without a browser, a peer of the tabs that use the same relay.

  --network NAME    public, regtest, or the link of another network (http://…?network=net1… or net1… alone); public if not given
  --datadir FOLDER  where chain and wallets lie, in a folder for each network; ${DEFAULT_FOLDER} if not given
  --relay ADDRESS   address of a page (${DEFAULT_PAGE}) whose relays are used, or a relay's multiaddr (may be repeated);
                    those that the link names and those of its page, or of ${DEFAULT_PAGE}, if not given
  --rpc             let programs of this computer call by JSON-RPC, as Bitcoin Core has it
  --rpcport N       port for that, on 127.0.0.1; 18443 if not given, Bitcoin Core's for test networks
  --rpccookiefile FILE  where the password for programs is written; .cookie in the network's folder if not given
  --rpcuser NAME, --rpcpassword WORD  a user and a password in place of that file
  --rpcauth USER:SALT$HASH  a further user, as Bitcoin Core's rpcauth.py writes it (may be repeated)
  --console         take calls from the standard input, one a line: a method, a blank, and its arguments in JSON with commas in
                    between, such as: getblockhash 0
                    Each is answered by one line of the standard output, {"result":…} or {"error":…}
  --events          write each event of the node to the standard output, too: {"event":NAME,"detail":…}
  --help            show this text
`

/** Reads the command line, without the program's name. */
export function parseOptions(argv: readonly string[]): ParsedOptions {
  const wrong = (message: string): ParsedOptions => ({ ok: false, message })
  let values: ReturnType<typeof parse>['values']
  try {
    values = parse(argv).values
  } catch (error) {
    return wrong((error as Error).message)
  }
  const { network } = values
  if (isPage(network) && !URL.canParse(network))
    return wrong(`--network: "${network}" is not the address of a page.`)
  const link = isPage(network) ? new URL(network) : linkOf(network)
  const invitation = readInvitation(link.search, isRelayAddress)
  if (!invitation.ok) return wrong(`--network: ${invitation.detail}`)
  const { params, networkId, relays } = invitation.value
  for (const relay of values.relay)
    if (!isRelayAddress(relay) && !(isPage(relay) && URL.canParse(relay)))
      return wrong(
        `--relay takes the address of a page, such as ${DEFAULT_PAGE}, or the multiaddr of a relay that ends in /p2p/ and its peer id, not "${relay}".`,
      )
  const rpc = readRpcOptions(values, join(values.datadir, networkId, '.cookie'))
  if (typeof rpc === 'string') return wrong(rpc)
  return {
    ok: true,
    options: {
      params,
      folder: values.datadir,
      relays: values.relay.length > 0 ? values.relay : [...relays, link.origin],
      rpc,
      console: values.console,
      events: values.events,
      help: values.help,
    },
  }
}

/** The page's address for a network that is not named by one. */
function linkOf(network: string): URL {
  const link = new URL(DEFAULT_PAGE)
  link.searchParams.set('network', network === 'public' ? PUBLIC.name : network)
  return link
}

function parse(argv: readonly string[]) {
  return parseArgs({
    args: [...argv],
    allowPositionals: false,
    options: {
      network: { type: 'string', default: 'public' },
      datadir: { type: 'string', default: DEFAULT_FOLDER },
      relay: { type: 'string', multiple: true, default: [] },
      ...RPC_OPTIONS,
      console: { type: 'boolean', default: false },
      events: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  })
}
