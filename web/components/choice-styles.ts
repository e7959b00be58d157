/** Radio buttons that look like tiles: what is chosen is tinted, the native control does the work. */
import { css } from 'lit'

export const choiceStyles = css`
  .choices {
    display: grid;
    gap: 8px;
  }
  .choices label {
    margin: 0;
    padding: 10px 12px;
    border: 1px solid var(--line-strong);
    border-radius: var(--radius-small);
    font-weight: 560;
    cursor: pointer;
  }
  .choices label:has(:checked) {
    border-color: var(--accent);
    background: var(--accent-soft);
  }
  .choices label:has(:focus-visible) {
    outline: 2px solid var(--accent);
    outline-offset: 2px;
  }
  .choices input {
    position: absolute;
    opacity: 0;
    pointer-events: none;
  }
  .choices span {
    display: block;
    color: var(--muted);
    font-size: 13px;
    font-weight: 400;
  }
`
