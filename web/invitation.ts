/**
 * What an invitation says: a network, and relays that introduce its tabs. It is the page's address: `?network=NAME-OR-LINK&relay=ADDRESS`. Everything in it is a stranger's.
 * Pure, any thread.
 */
import { networkId } from '../src/consensus/genesis.ts'
import { encodeParams, type NetworkParams, OWN_NETWORKS, PUBLIC } from '../src/consensus/params.ts'
import { decodeNetworkLink, encodeNetworkLink } from '../src/node/network-link.ts'
import { equalBytes } from '../src/primitives/bytes.ts'
import { invalid, ok, type Result } from '../src/primitives/result.ts'

export interface Invitation {
  readonly params: NetworkParams
  /** Genesis hash, display order. */
  readonly networkId: string
  /** Multiaddrs, each different. */
  readonly relays: readonly string[]
}

/** Most relays of an invitation, and the greatest length of one's address, characters. */
export const MAX_INVITED_RELAYS = 4
const MAX_RELAY_ADDRESS = 200

/** A WebSocket on a host and port, and who answers there: host names in ASCII, so that none looks like another. */
const RELAY =
  /^\/(?:ip4|ip6|dns|dns4|dns6)\/([\w.:-]+)\/tcp\/(\d{1,5})\/(?:(?:tls\/(?:sni\/[\w.-]+\/)?)?ws|wss)\/p2p\/\w+$/

/** The host and port of a relay, as people read them: `relay.example:443`. Undefined for what no invitation may carry. */
export function relayHost(address: string): string | undefined {
  const [, host, port] = (address.length <= MAX_RELAY_ADDRESS && RELAY.exec(address)) || []
  if (host === undefined) return undefined
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

/** What the address calls a network: its name where that stands for it, else the text that carries it. */
export function networkParameter(params: NetworkParams): string {
  return ownNetwork(params)?.name ?? encodeNetworkLink(params)
}

/** The network of this program that has these very params. */
function ownNetwork(params: NetworkParams): NetworkParams | undefined {
  const bytes = encodeParams(params)
  return OWN_NETWORKS.find((network) => equalBytes(encodeParams(network), bytes))
}

/** The path of the page that joins a network, from `/?`; of the public one without relays `/`. */
export function invitationPath(params: NetworkParams, relays: readonly string[] = []): string {
  const parameter = networkParameter(params)
  const query = new URLSearchParams(parameter === PUBLIC.name ? [] : [['network', parameter]])
  for (const relay of relays) query.append('relay', relay)
  // Slashes and colons may stand in a query: the address stays readable, and a QR code small.
  const text = `${query}`.replaceAll('%2F', '/').replaceAll('%3A', ':')
  return text === '' ? '/' : `/?${text}`
}

/**
 * Reads `location.search`. `isRelayAddress` tells whether a tab can use a relay at an address. Rejects with `invitation-network` what names no network, with `invitation-relay`
 * and `invitation-relays` relays that can't be used or are too many, and with the codes of `decodeNetworkLink`.
 */
export function readInvitation(
  search: string,
  isRelayAddress: (address: string) => boolean,
): Result<Invitation> {
  const query = new URLSearchParams(search)
  const named = readNetwork(query.get('network') ?? PUBLIC.name)
  if (!named.ok) return named
  const relays = [...new Set(query.getAll('relay'))]
  if (relays.length > MAX_INVITED_RELAYS)
    return invalid(
      'invitation-relays',
      `The invitation names ${relays.length} relays; at most ${MAX_INVITED_RELAYS} are allowed.`,
    )
  const wrong = relays.find((relay) => relayHost(relay) === undefined || !isRelayAddress(relay))
  if (wrong !== undefined)
    return invalid(
      'invitation-relay',
      `The invitation names a relay that no tab can use: “${wrong.slice(0, 80)}”. A relay’s address looks like /dns4/relay.example/tcp/443/wss/p2p/12D3Koo….`,
    )
  return ok({ params: named.value, networkId: networkId(named.value), relays })
}

function readNetwork(text: string): Result<NetworkParams> {
  const known = OWN_NETWORKS.find(({ name }) => name === text)
  if (known !== undefined) return ok(known)
  if (/^net1/i.test(text)) {
    const decoded = decodeNetworkLink(text)
    // A link may carry one of ours.
    return decoded.ok ? ok(ownNetwork(decoded.value) ?? decoded.value) : decoded
  }
  const names = OWN_NETWORKS.map(({ name }) => `?network=${name}`).join(' and ')
  return invalid(
    'invitation-network',
    `There is no network “${text.slice(0, 40)}” here. This page knows ${names}, and links of other networks, which begin with ?network=net1.`,
  )
}
