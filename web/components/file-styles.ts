/** A field for a file, into which one can be dropped: the native control, whose button looks like the page's others. */
import { css } from 'lit'

export const fileStyles = css`
  input[type="file"] {
    width: 100%;
    padding: 18px;
    border: 1px dashed var(--line-strong);
    border-radius: var(--radius-small);
    color: var(--muted);
    font: inherit;
  }
  input[type="file"]::file-selector-button {
    min-height: 32px;
    margin-right: 14px;
    padding: 8px 14px;
    border: 1px solid var(--line-strong);
    border-radius: var(--radius-small);
    background: var(--surface);
    color: var(--text);
    font: 560 15px / 1.3 var(--sans);
    cursor: pointer;
  }
  input[type="file"]::file-selector-button:hover {
    background: var(--sunken);
  }
`
