/** The way back from a page of channels, above its heading. */
import { html } from 'lit'
import { icons } from './view-icons.ts'

export const channelsLink = html`<a class="up" href="/channels">${icons.back}Channels</a>`
