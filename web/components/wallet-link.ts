/** The way back from a page of the wallet, above its heading. */
import { html } from 'lit'
import { icons } from './icons.ts'

export const walletLink = html`<a class="up" href="/wallet">${icons.back}Wallet</a>`
