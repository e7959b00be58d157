/** `network.json`, the small file beside the page that names its relays and ICE servers. */

export interface NetworkFile {
  /** Multiaddrs, each ending in `/p2p/<peer id>`. */
  readonly relays: readonly string[]
  readonly iceServers: readonly { readonly urls: string }[]
}

const NONE: NetworkFile = { relays: [], iceServers: [] }

/** A page without the file, or offline, has no relay: its node runs alone. */
export async function loadNetworkFile(): Promise<NetworkFile> {
  try {
    const response = await fetch('/network.json')
    if (!response.ok) return NONE
    const file = (await response.json()) as Partial<NetworkFile>
    return {
      relays: (file.relays ?? []).filter((relay) => typeof relay === 'string'),
      iceServers: (file.iceServers ?? []).filter(({ urls }) => typeof urls === 'string'),
    }
  } catch {
    return NONE
  }
}
