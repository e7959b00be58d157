/** Amounts and statuses as templates: no element of their own is needed for a number and its unit. */
import { html, type TemplateResult } from 'lit'
import type { Sats } from '../../src/primitives/amount.ts'
import { amountText, coinUnit } from '../format.ts'

/** `2.5 coins` */
export function amount(value: Sats): TemplateResult {
  return html`<span class="number">${amountText(value)} <span class="unit">${coinUnit(value)}</span></span>`
}

/** The same with a sign, as a history shows it. */
export function signedAmount(value: Sats): TemplateResult {
  return html`<span class="number">${value > 0 ? '+' : ''}${amountText(value)} <span class="unit">${coinUnit(value)}</span></span>`
}

/** A number with its unit, the unit in a quiet colour. `text` is as the functions of format.ts write it. */
export function figure(text: string): TemplateResult {
  const space = text.indexOf(' ')
  if (space < 0) return html`<span class="number">${text}</span>`
  return html`<span class="number">${text.slice(0, space)} <span class="unit">${text.slice(space + 1)}</span></span>`
}
