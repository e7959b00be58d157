/** What the page's address says about the node: `?network=`, `?relay=` and `?profile=`. Pure. */
import { type NetworkParams, OWN_NETWORKS, PUBLIC } from '../../src/consensus/params.ts'
import { TabError } from './tab-error.ts'

export interface AddressParameters {
  /** The network, where a name stands for it and nothing else is asked for; undefined for an invitation (`invitation.ts`). */
  readonly params: NetworkParams | undefined
  /** The profile asked for by name. */
  readonly profile: string | undefined
}

/** Reads `location.search`. Throws a `TabError` that says what is allowed. */
export function readAddress(search: string): AddressParameters {
  const query = new URLSearchParams(search)
  const name = query.get('network') ?? PUBLIC.name
  const params = query.has('relay') ? undefined : OWN_NETWORKS.find((network) => network.name === name)
  const profile = query.get('profile') ?? undefined
  if (profile !== undefined && !/^[a-zA-Z0-9_-]{1,32}$/.test(profile))
    throw new TabError(
      'profile',
      'A profile’s name has 1 to 32 letters, digits, “-” or “_”. Change ?profile= in the address.',
    )
  return { params, profile }
}
