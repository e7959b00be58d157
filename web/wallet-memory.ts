/** What the page remembers about a wallet beside the wallet itself: conveniences that may be lost. Thread: Window. */
import type { LiveNode } from './live-node.ts'
import { remember, remembered } from './remembered.ts'

/** A name of the wallet's account: the checksum that ends its descriptor; of a wallet that only watches, where it is. */
function accountName({ signer, wallet, identity }: LiveNode): string {
  return signer.state === 'none'
    ? `${identity.networkId.slice(0, 8)}/${identity.profile}/${wallet}`
    : signer.account.descriptor.slice(-8)
}

/** Whether the person has a backup: confirmed words, a saved file, or words it was restored from. What only watches needs none here. */
export function isBackedUp(node: LiveNode): boolean {
  return node.signer.state === 'none' || remembered(`opentab.backup.${accountName(node)}`) === 'done'
}

export function rememberBackup(node: LiveNode): void {
  remember(`opentab.backup.${accountName(node)}`, 'done')
}

/** The address that was shown last for receiving. */
export function lastReceiveAddress(node: LiveNode): string | undefined {
  return remembered(`opentab.receive.${accountName(node)}`)
}

export function rememberReceiveAddress(node: LiveNode, address: string): void {
  remember(`opentab.receive.${accountName(node)}`, address)
}

/** Whether its channels were looked at: its history then has their payments, too. */
export function hasChannels(node: LiveNode): boolean {
  return remembered(`opentab.channels.${accountName(node)}`) === 'yes'
}

export function rememberChannels(node: LiveNode): void {
  remember(`opentab.channels.${accountName(node)}`, 'yes')
}
