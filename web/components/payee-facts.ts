/** Whom a payment pays, and what they get, among the facts of a review. Thread: Window. */
import { css, html, nothing } from 'lit'
import type { ReviewedPayee } from '../review.ts'
import { amount } from './amount.ts'

export const payeeStyles = css`
  .address {
    font-family: var(--mono);
    font-size: 14px;
  }
`

/** Rows of a `dl`. */
export function payeeFacts(payees: readonly ReviewedPayee[]) {
  return payees.map(
    (payee) => html`<div>
        <dt>To</dt>
        <dd class="address" data-testid="review-recipient">${payee.address ?? 'nobody: it carries data'}</dd>
      </div>
      ${
        payee.address === undefined
          ? nothing
          : html`<div>
              <dt>They get</dt>
              <dd data-testid="review-amount">${amount(payee.amount)}</dd>
            </div>`
      }`,
  )
}
