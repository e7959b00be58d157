/**
 * Opens an invitation: what was agreed to before is joined at once; else a page in the app's place says whose rules and relays these are, and asks. Fetched only when the
 * address names more than a network of this program. Thread: Window.
 */
import { OWN_NETWORKS } from '../../src/consensus/params.ts'
import '../components/join-network.ts'
import { JoinNetwork } from '../components/join-network.ts'
import { type Invitation, readInvitation } from '../invitation.ts'
import { noteVisit, visitedNetworks } from '../visited-networks.ts'
import { TabError } from './tab-error.ts'

/** Resolves once the person has agreed, to what they agreed to. Rejects with a `TabError` that says what is wrong with the address. */
export async function accept(isRelayAddress: (address: string) => boolean): Promise<Invitation> {
  const read = readInvitation(location.search, isRelayAddress)
  if (!read.ok) throw new TabError('network', read.detail)
  const invitation = read.value
  const visited = visitedNetworks().find(({ networkId }) => networkId === invitation.networkId)
  const isOwn = OWN_NETWORKS.includes(invitation.params)
  const newRelays = invitation.relays.filter((relay) => !visited?.relays.includes(relay))
  const isAgreed = (isOwn || visited !== undefined) && newRelays.length === 0
  const relays = isAgreed ? invitation.relays : await ask({ ...invitation, relays: newRelays }, isOwn)
  const agreed = invitation.relays.filter((relay) => !newRelays.includes(relay) || relays.includes(relay))
  noteVisit(invitation.params, agreed, Date.now() / 1000)
  if (agreed.length < invitation.relays.length) dropRelays(agreed)
  return { ...invitation, relays: agreed }
}

/** Shows the page, and answers the relays that may be used. */
async function ask(invitation: Invitation, isOwn: boolean): Promise<readonly string[]> {
  const app = document.querySelector('ot-app')
  const page = new JoinNetwork()
  page.invitation = invitation
  page.isOwn = isOwn
  app?.replaceWith(page)
  const relays = await page.answer
  if (app) page.replaceWith(app)
  return relays
}

/** What was declined isn't passed on by this page's links. */
function dropRelays(relays: readonly string[]): void {
  const url = new URL(location.href)
  url.searchParams.delete('relay')
  for (const relay of relays) url.searchParams.append('relay', relay)
  history.replaceState(history.state, '', url)
}
