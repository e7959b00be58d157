/** The options of `npm run node`. */
import { homedir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { decodeParams, type NetworkParams, PUBLIC, REGTEST } from '../src/consensus/params.ts'
import { hexToBytes, isHex } from '../src/primitives/bytes.ts'
import { isRelayAddress } from '../src/transport/relay-client.ts'
import { isPage } from './node.ts'

/** What the command line asks for. */
export interface NodeOptions {
  readonly params: NetworkParams
  readonly folder: string
  readonly relays: readonly string[]
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

/** The text of `--help`. */
export const HELP = `npm run node -- [options]

Runs a node without a browser, a peer of the tabs that use the same relay.

  --network NAME    public, regtest, or the serialised params of another network in hexadecimal; public if not given
  --datadir FOLDER  where chain and wallets lie, in a folder for each network; ${DEFAULT_FOLDER} if not given
  --relay ADDRESS   address of a page (http://localhost:8080) whose relays are used, or a relay's multiaddr (may be repeated);
                    http://localhost:8080 if not given
  --console         take calls from the standard input, one a line: a method, a blank, and its arguments in JSON with commas in
                    between, such as: getblockhash 0
                    Each is answered by one line of the standard output, {"result":…} or {"error":…}
  --events          write each event of the node to the standard output, too: {"event":NAME,"detail":…}
  --help            show this text
`

/** Networks that a name stands for. */
const NETWORKS: ReadonlyMap<string, NetworkParams> = new Map([
  ['public', PUBLIC],
  [PUBLIC.name, PUBLIC],
  [REGTEST.name, REGTEST],
])

/** Reads the command line, without the program's name. */
export function parseOptions(argv: readonly string[]): ParsedOptions {
  const wrong = (message: string): ParsedOptions => ({ ok: false, message })
  let values: ReturnType<typeof parse>['values']
  try {
    values = parse(argv).values
  } catch (error) {
    return wrong((error as Error).message)
  }
  const params = paramsOf(values.network)
  if (typeof params === 'string') return wrong(params)
  for (const relay of values.relay)
    if (!isPage(relay) && !isRelayAddress(relay))
      return wrong(
        `--relay takes the address of a page, such as http://localhost:8080, or the multiaddr of a relay that ends in /p2p/ and its peer id, not "${relay}".`,
      )
  return {
    ok: true,
    options: {
      params,
      folder: values.datadir,
      relays: values.relay,
      console: values.console,
      events: values.events,
      help: values.help,
    },
  }
}

/** The network of a name or of serialised params; a sentence where it is none. */
function paramsOf(text: string): NetworkParams | string {
  const known = NETWORKS.get(text)
  if (known !== undefined) return known
  if (!isHex(text))
    return `--network takes public, regtest, or the serialised params of a network in hexadecimal, not "${text.slice(0, 40)}".`
  const decoded = decodeParams(hexToBytes(text))
  return decoded.ok ? decoded.value : `--network: ${decoded.detail}`
}

function parse(argv: readonly string[]) {
  return parseArgs({
    args: [...argv],
    allowPositionals: false,
    options: {
      network: { type: 'string', default: 'public' },
      datadir: { type: 'string', default: DEFAULT_FOLDER },
      relay: { type: 'string', multiple: true, default: ['http://localhost:8080'] },
      console: { type: 'boolean', default: false },
      events: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  })
}
