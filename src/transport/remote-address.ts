/**
 * Where a peer's packets come from, as far as the browser tells. Thread: Window.
 */

import type { Connection } from '@libp2p/interface'
import { peerConnectionOf } from './peer-connections.ts'

/** The parts of a candidate pair's statistics that are read. */
interface PairStats {
  readonly type: string
  readonly state?: string
  readonly nominated?: boolean
  readonly remoteCandidateId?: string
}

/**
 * The IP address at the other end of a direct connection, or the `.local` name behind which that browser hides it. Undefined when
 * ours doesn't tell, as it may of addresses that it found behind such a name, or when the connection is closed.
 */
export async function remoteAddressOf(connection: Connection): Promise<string | undefined> {
  const stats = await peerConnectionOf(connection)
    ?.getStats()
    .catch(() => undefined)
  if (stats === undefined) return undefined
  let inUse: PairStats | undefined
  stats.forEach((entry: PairStats) => {
    if (entry.type === 'candidate-pair' && entry.state === 'succeeded' && (!inUse || entry.nominated))
      inUse = entry
  })
  const remote: { readonly address?: unknown } | undefined = stats.get(inUse?.remoteCandidateId ?? '')
  return typeof remote?.address === 'string' ? remote.address : undefined
}
