/**
 * Networks that this browser joined by link: what a person agreed to, and what they call them here. A convenience: where storage is refused or cleared the page asks again. Thread: Window.
 */
import { networkId } from '../src/consensus/genesis.ts'
import { type NetworkParams, OWN_NETWORKS } from '../src/consensus/params.ts'
import { decodeNetworkLink } from '../src/node/network-link.ts'
import { MAX_INVITED_RELAYS, networkParameter, relayHost } from './invitation.ts'
import { remember, remembered } from './remembered.ts'

export interface VisitedNetwork {
  readonly params: NetworkParams
  /** Genesis hash, display order. */
  readonly networkId: string
  /** What the person calls it, here alone; at most `MAX_NICKNAME` characters. */
  readonly nickname: string | undefined
  /** Relays of invitations that were agreed to, the latest first. */
  readonly relays: readonly string[]
  /** Seconds since 1970, of the last visit by its link. */
  readonly visited: number
}

/** Greatest length of a nickname, characters. */
export const MAX_NICKNAME = 40

/** Most networks that are kept; those visited last. */
const MAX_NETWORKS = 100

const KEY = 'opentab/networks'

/** What is kept of one, under the address's word for it. */
interface Entry {
  readonly network: string
  readonly nickname?: string
  readonly relays: readonly string[]
  readonly visited: number
}

/** All of them, those visited last first. What makes no sense is left out. */
export function visitedNetworks(): readonly VisitedNetwork[] {
  return entries().flatMap(({ network, nickname, relays, visited }) => {
    const params = OWN_NETWORKS.find(({ name }) => name === network) ?? decoded(network)
    return params === undefined ? [] : [{ params, networkId: networkId(params), nickname, relays, visited }]
  })
}

/** Notes a visit, and relays that were agreed to for it. `now`: seconds since 1970. */
export function noteVisit(params: NetworkParams, relays: readonly string[], now: number): void {
  change(params, (entry) => ({
    ...entry,
    relays: [...new Set([...relays, ...entry.relays])].slice(0, 2 * MAX_INVITED_RELAYS),
    visited: now,
  }))
}

/** Calls a network by another name in this browser; an empty one is none. */
export function renameNetwork(params: NetworkParams, nickname: string): void {
  const { nickname: _, ...rest } = entryOf(params)
  const name = nickname.trim().slice(0, MAX_NICKNAME)
  change(params, () => (name === '' ? rest : { ...rest, nickname: name }))
}

/** Forgets a network: the page asks again when its link is opened. */
export function forgetNetwork(params: NetworkParams): void {
  const network = networkParameter(params)
  save(entries().filter((entry) => entry.network !== network))
}

function entryOf(params: NetworkParams): Entry {
  const network = networkParameter(params)
  return entries().find((entry) => entry.network === network) ?? { network, relays: [], visited: 0 }
}

function change(params: NetworkParams, changed: (entry: Entry) => Entry): void {
  const entry = changed(entryOf(params))
  const others = entries().filter(({ network }) => network !== entry.network)
  save([entry, ...others].sort((a, b) => b.visited - a.visited).slice(0, MAX_NETWORKS))
}

function save(all: readonly Entry[]): void {
  remember(KEY, all.length === 0 ? undefined : JSON.stringify(all))
}

function entries(): readonly Entry[] {
  try {
    const all: unknown = JSON.parse(remembered(KEY) ?? '[]')
    return Array.isArray(all) ? all.flatMap(readEntry) : []
  } catch {
    return []
  }
}

/** An entry as it may stand in storage, which older pages wrote, too. */
function readEntry(value: unknown): readonly Entry[] {
  const { network, nickname, relays, visited } = (value ?? {}) as Partial<Record<keyof Entry, unknown>>
  if (typeof network !== 'string' || typeof visited !== 'number' || !Array.isArray(relays)) return []
  return [
    {
      network,
      relays: relays.filter((relay) => typeof relay === 'string' && relayHost(relay) !== undefined),
      visited,
      ...(typeof nickname === 'string' && { nickname: nickname.slice(0, MAX_NICKNAME) }),
    },
  ]
}

function decoded(text: string): NetworkParams | undefined {
  const params = decodeNetworkLink(text)
  return params.ok ? params.value : undefined
}
