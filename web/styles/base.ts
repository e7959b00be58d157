/** What every component's shadow tree shares: native elements in the house style, and a few named patterns. */
import { css } from 'lit'

export const base = css`
  *,
  *::before,
  *::after {
    box-sizing: border-box;
  }
  :host {
    display: block;
    font-variant-numeric: tabular-nums;
  }
  :host([hidden]),
  [hidden] {
    display: none !important;
  }
  h1,
  h2,
  h3,
  p,
  ol,
  ul,
  dl,
  dd,
  figure {
    margin: 0;
    padding: 0;
  }
  ol,
  ul {
    list-style: none;
  }
  h1 {
    font-size: 28px;
    line-height: 1.2;
    font-weight: 650;
    letter-spacing: -0.02em;
    text-wrap: balance;
  }
  h1:focus {
    outline: none;
  }
  h2 {
    font-size: 17px;
    line-height: 1.35;
    font-weight: 620;
    letter-spacing: -0.01em;
  }
  h3 {
    font-size: 15px;
    line-height: 1.4;
    font-weight: 600;
  }
  p {
    text-wrap: pretty;
  }
  a {
    color: var(--accent);
    text-decoration: none;
    border-radius: 4px;
  }
  a:hover,
  p a:not(.button),
  .notice a:not(.button) {
    text-decoration: underline;
    text-underline-offset: 3px;
  }
  :focus-visible {
    outline: 2px solid var(--accent);
    outline-offset: 2px;
  }
  svg {
    display: block;
    flex: none;
  }

  button,
  .button {
    display: inline-flex;
    align-items: center;
    justify-content: center;
    gap: 8px;
    min-height: 40px;
    padding: 8px 16px;
    border: 1px solid var(--line-strong);
    border-radius: var(--radius-small);
    background: var(--surface);
    color: var(--text);
    font: 560 15px / 1.3 var(--sans);
    text-align: center;
    text-decoration: none;
    cursor: pointer;
    transition:
      background-color 120ms,
      border-color 120ms;
  }
  button:hover,
  .button:hover {
    background: var(--sunken);
    text-decoration: none;
  }
  button.primary,
  .button.primary {
    border-color: transparent;
    background: var(--accent);
    color: var(--on-accent);
  }
  button.primary:hover,
  .button.primary:hover {
    background: var(--accent-strong);
  }
  button.quiet,
  .button.quiet {
    border-color: transparent;
    background: none;
    color: var(--accent);
  }
  button.quiet:hover,
  .button.quiet:hover {
    background: var(--accent-soft);
  }
  button.danger {
    color: var(--danger);
  }
  button.icon {
    min-height: 32px;
    width: 32px;
    padding: 0;
    border-color: transparent;
    background: none;
    color: var(--muted);
  }
  button.icon:hover {
    background: var(--sunken);
    color: var(--text);
  }
  button:disabled {
    cursor: not-allowed;
    opacity: 0.5;
  }
  button.small,
  .button.small {
    min-height: 32px;
    padding: 4px 12px;
    font-size: 14px;
  }

  label,
  legend,
  .label {
    display: block;
    padding: 0;
    margin: 0 0 6px;
    font-size: 14px;
    font-weight: 560;
  }
  fieldset {
    min-width: 0;
    margin: 0;
    padding: 0;
    border: 0;
  }
  input:not([type="checkbox"], [type="radio"], [type="range"], [type="file"]),
  textarea,
  select {
    display: block;
    width: 100%;
    min-height: 44px;
    padding: 9px 12px;
    border: 1px solid var(--line-strong);
    border-radius: var(--radius-small);
    background: var(--surface);
    color: var(--text);
    font: 400 16px / 1.5 var(--sans);
    font-variant-numeric: tabular-nums;
  }
  textarea {
    resize: vertical;
  }
  input::placeholder,
  textarea::placeholder {
    color: var(--muted);
    opacity: 1;
  }
  input:focus-visible,
  textarea:focus-visible,
  select:focus-visible {
    outline-offset: -1px;
  }
  [aria-invalid="true"] {
    border-color: var(--danger) !important;
  }
  input[type="range"],
  input[type="checkbox"],
  input[type="radio"],
  progress {
    accent-color: var(--accent);
  }
  input[type="range"] {
    width: 100%;
    height: 28px;
    margin: 0;
  }
  .field {
    min-width: 0;
  }
  .hint {
    margin-top: 6px;
    color: var(--muted);
    font-size: 14px;
  }
  .error {
    margin-top: 6px;
    color: var(--danger);
    font-size: 14px;
    overflow-wrap: anywhere;
  }

  .card {
    padding: 24px;
    border: 1px solid var(--line);
    border-radius: var(--radius);
    background: var(--surface);
  }
  .stack > * + * {
    margin-top: 20px;
  }
  .row {
    display: flex;
    flex-wrap: wrap;
    align-items: center;
    gap: 12px;
  }
  .spread {
    display: flex;
    flex-wrap: wrap;
    align-items: center;
    justify-content: space-between;
    gap: 12px 24px;
  }
  .head {
    display: flex;
    flex-wrap: wrap;
    align-items: center;
    justify-content: space-between;
    gap: 12px 24px;
    margin-bottom: 24px;
  }
  .up {
    display: inline-flex;
    align-items: center;
    gap: 2px;
    margin: 0 0 6px -5px;
    color: var(--muted);
    font-size: 14px;
  }
  .muted {
    color: var(--muted);
  }
  .small {
    font-size: 14px;
  }
  .mono {
    font-family: var(--mono);
    font-size: 0.92em;
  }
  /* A whole address fits; a phone would enlarge the page for small type. */
  input.mono {
    font-family: var(--mono);
    font-size: 14px;
  }
  input.mono::placeholder {
    font-family: var(--sans);
  }
  .unit {
    color: var(--muted);
    font-weight: 400;
  }
  .number {
    white-space: nowrap;
  }
  .wrap {
    overflow-wrap: anywhere;
  }
  .visually-hidden {
    position: absolute;
    width: 1px;
    height: 1px;
    margin: -1px;
    overflow: hidden;
    clip-path: inset(50%);
    white-space: nowrap;
  }

  .badge {
    display: inline-flex;
    align-items: center;
    gap: 6px;
    padding: 2px 9px;
    border-radius: 99px;
    background: var(--sunken);
    color: var(--muted);
    font-size: 13px;
    font-weight: 560;
    white-space: nowrap;
  }
  .badge.good {
    background: var(--accent-soft);
    color: var(--accent);
  }
  .badge.warn {
    background: var(--warning-soft);
    color: var(--warning);
  }
  .badge.bad {
    background: var(--danger-soft);
    color: var(--danger);
  }

  .notice {
    display: flex;
    gap: 12px;
    padding: 14px 16px;
    border-radius: var(--radius-small);
    background: var(--sunken);
    font-size: 14px;
  }
  .notice svg {
    margin-top: 1px;
  }
  .notice a:not(.button) {
    color: inherit;
  }
  .notice.warn {
    background: var(--warning-soft);
    color: var(--warning);
  }
  .notice.bad {
    background: var(--danger-soft);
    color: var(--danger);
  }
  .notice.good {
    background: var(--accent-soft);
    color: var(--accent);
  }

  .empty {
    padding: 32px 24px;
    color: var(--muted);
    text-align: center;
  }
  .empty > * + * {
    margin-top: 12px;
  }
  .empty h1 {
    color: var(--text);
  }

  /* Pairs of a name and a value, one below another. */
  .facts {
    display: grid;
    grid-template-columns: minmax(120px, max-content) minmax(0, 1fr);
  }
  .facts > div {
    display: grid;
    grid-column: 1 / -1;
    grid-template-columns: subgrid;
    column-gap: 32px;
    align-items: center;
    min-height: 46px;
    padding: 6px 0;
    border-top: 1px solid var(--line);
  }
  .facts > div:first-child {
    border-top: 0;
  }
  .facts dt {
    color: var(--muted);
    font-size: 14px;
  }
  .facts dd {
    min-width: 0;
    overflow-wrap: anywhere;
  }

  .scroll {
    overflow-x: auto;
  }
  table {
    width: 100%;
    border-collapse: collapse;
    font-size: 15px;
  }
  th {
    padding: 8px 16px 8px 0;
    color: var(--muted);
    font-size: 13px;
    font-weight: 500;
    text-align: left;
    white-space: nowrap;
  }
  td {
    padding: 11px 16px 11px 0;
    border-top: 1px solid var(--line);
    white-space: nowrap;
  }
  th.end,
  td.end {
    text-align: right;
  }
  th:last-child,
  td:last-child {
    padding-right: 0;
  }

  dialog {
    width: min(440px, calc(100vw - 32px));
    padding: 28px;
    border: 1px solid var(--line);
    border-radius: 18px;
    background: var(--surface);
    color: var(--text);
    box-shadow: 0 24px 64px rgb(0 0 0 / 0.28);
  }
  dialog::backdrop {
    background: rgb(6 12 10 / 0.45);
  }

  @media (max-width: 640px) {
    h1 {
      font-size: 24px;
    }
    .card {
      padding: 18px 16px;
    }
    .card.empty {
      padding: 32px 20px;
    }
    .facts {
      display: block;
    }
    .facts > div {
      display: block;
    }
    .facts dd {
      margin-top: 1px;
    }
    .wide-only {
      display: none;
    }
    /* The last cell that is shown. */
    th:not(:has(~ :not(.wide-only))),
    td:not(:has(~ :not(.wide-only))) {
      padding-right: 0;
    }
  }
  @media (pointer: coarse) {
    button,
    .button {
      min-height: 44px;
    }
    button.icon {
      min-height: 40px;
      width: 40px;
    }
    input.mono {
      font-size: 16px;
    }
  }
  @media (prefers-reduced-motion: reduce) {
    *,
    *::before,
    *::after {
      animation-duration: 1ms !important;
      animation-iteration-count: 1 !important;
      transition-duration: 1ms !important;
    }
  }
`
