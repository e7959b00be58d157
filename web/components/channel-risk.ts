/** What a channel asks of its person, which is never hidden: who has to be online when, and what happens if not. Thread: Window. */
import { html } from 'lit'
import { blocksText } from '../channels.ts'
import type { TabIdentity } from '../tab/opentab.ts'
import { icons } from './view-icons.ts'

/** Seconds between blocks, where they come by time; undefined where they come on demand. */
export function spacingOf({ params }: TabIdentity): number | undefined {
  return params.retarget ? params.targetSpacing : undefined
}

/** `delay`: blocks that the other side waits for its own money after it has closed alone. */
export function channelRisk(identity: TabIdentity, delay: number) {
  return html`<div class="notice warn">
    ${icons.warning}
    <div>
      <strong>This tab has to look at the chain once in ${blocksText(delay, spacingOf(identity))}.</strong>
      The other side could publish an old state, in which more was its own. Seen in time, all that is in the channel becomes yours. Who looks
      away for longer loses what the old state gives to the other side. Open this page now and then, with the wallet unlocked once, or have
      <a href="/channels/towers">another tab watch</a>.
    </div>
  </div>`
}
