/** The way back from a page of the wallet, above its heading: it says whose page it is. */
import { html } from 'lit'
import type { LiveNode } from '../live-node.ts'
import { isNamed, walletTitle } from '../wallet-name.ts'
import { icons } from './view-icons.ts'

/** `node` has the page's wallet in hand. */
export function walletLink(node: LiveNode) {
  const name = isNamed(node) ? walletTitle(node.wallet ?? '') : 'Wallet'
  return html`<a class="up" href="/wallet" data-testid="whose">${icons.back}<span class="cut">${name}</span></a>`
}
