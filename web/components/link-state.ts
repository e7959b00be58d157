/** How this tab is connected, in a dot and two words, for the header. */
import { html } from 'lit'
import type { NetworkStatus } from '../../src/network/transport.ts'
import { plural } from '../format.ts'

/** A link to the Network page. */
export function linkState({ directPeers, relayedOnlyPeers, relays, alarms = [] }: NetworkStatus) {
  const isLooking = relays.some(({ state }) => state !== 'unreachable')
  const look =
    directPeers > 0
      ? alarms.length > 0
        ? 'warn'
        : 'good'
      : relayedOnlyPeers > 0
        ? 'bad'
        : isLooking
          ? 'warn'
          : 'bad'
  const text =
    directPeers > 0
      ? plural(directPeers, 'tab')
      : relayedOnlyPeers > 0
        ? 'No direct path'
        : isLooking
          ? 'Looking for tabs'
          : 'Offline'
  const full = alarms.length > 0 ? `${text}, with a warning` : text
  return html`<a class="link-state" href="/network" aria-label=${`Connection: ${full}`} title=${full}>
    <span class=${`dot ${look}`}></span><span class="text">${text}</span>
  </a>`
}
