/** A fee that nobody would pay by intention, mostly: whoever does has to say so. Thread: Window. */
import { css, html } from 'lit'
import type { Sats } from '../../src/primitives/amount.ts'
import { amountWithUnit } from '../format.ts'
import { icons } from './icons.ts'

export const highFeeStyles = css`
  .meant {
    display: flex;
    gap: 10px;
    align-items: baseline;
  }
`

/** A notice with a box to tick; `changed` is told of it. */
export function highFee(fee: Sats, isMeant: boolean, changed: (isMeant: boolean) => void) {
  return html`<div class="notice bad" role="alert">
    ${icons.warning}
    <label class="meant">
      <input
        type="checkbox"
        .checked=${isMeant}
        @change=${(event: Event) => changed((event.target as HTMLInputElement).checked)}
      />
      <span>This fee is unusually high. I mean to give ${amountWithUnit(fee)} to whoever mines it.</span>
    </label>
  </div>`
}
