/** What the miner does, in a word. */
import { html, type TemplateResult } from 'lit'
import type { MiningEvent } from '../../src/node/events.ts'

export function miningBadge({ active, pause }: Pick<MiningEvent, 'active' | 'pause'>): TemplateResult {
  if (!active) return html`<span class="badge">Off</span>`
  return pause ? html`<span class="badge warn">Paused</span>` : html`<span class="badge good">Mining</span>`
}
