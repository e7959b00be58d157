/** What the page's address says about the node: `?network=`, `?relay=` and `?profile=`. Pure. */
import { type NetworkParams, PUBLIC, REGTEST } from '../../src/consensus/params.ts'
import { TabError } from './tab-error.ts'

export interface AddressParameters {
  /** The network, where a name stands for it and nothing else is asked for; undefined for an invitation (`invitation.ts`). */
  readonly params: NetworkParams | undefined
  /** The profile asked for by name. */
  readonly profile: string | undefined
}

/** Networks that a name stands for. */
export const NETWORKS: readonly NetworkParams[] = [PUBLIC, REGTEST]

/** Reads `location.search`. Throws a `TabError` that says what is allowed. */
export function readAddress(search: string): AddressParameters {
  const query = new URLSearchParams(search)
  const name = query.get('network') ?? PUBLIC.name
  const params = query.has('relay') ? undefined : NETWORKS.find((network) => network.name === name)
  const profile = query.get('profile') ?? undefined
  if (profile !== undefined && !/^[a-zA-Z0-9_-]{1,32}$/.test(profile))
    throw new TabError(
      'profile',
      'A profile’s name has 1 to 32 letters, digits, “-” or “_”. Change ?profile= in the address.',
    )
  return { params, profile }
}
