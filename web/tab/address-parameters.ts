/** What the page's address says about the node: `?network=` and `?profile=`. Pure. */
import { type NetworkParams, PUBLIC, REGTEST } from '../../src/consensus/params.ts'
import { TabError } from './tab-error.ts'

export interface AddressParameters {
  readonly params: NetworkParams
  /** The profile asked for by name. */
  readonly profile: string | undefined
}

/** Networks that a name stands for. */
const NETWORKS: readonly NetworkParams[] = [PUBLIC, REGTEST]

/** Reads `location.search`. Throws a `TabError` that says what is allowed. */
export function readAddress(search: string): AddressParameters {
  const query = new URLSearchParams(search)
  const name = query.get('network') ?? PUBLIC.name
  const params = NETWORKS.find((network) => network.name === name)
  if (params === undefined) {
    const known = NETWORKS.map((network) => `?network=${network.name}`).join(' and ')
    throw new TabError(
      'network',
      `There is no network “${name.slice(0, 40)}” here. This page knows ${known}.`,
    )
  }
  const profile = query.get('profile') ?? undefined
  if (profile !== undefined && !/^[a-zA-Z0-9_-]{1,32}$/.test(profile))
    throw new TabError(
      'profile',
      'A profile’s name has 1 to 32 letters, digits, “-” or “_”. Change ?profile= in the address.',
    )
  return { params, profile }
}
