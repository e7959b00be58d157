/** The look of the page's frame: header, navigation, main part and footer. */
import { css } from 'lit'

export const appStyles = css`
  :host {
    display: flex;
    flex-direction: column;
    min-height: 100dvh;
  }
  .skip {
    position: absolute;
    z-index: 6;
    top: 8px;
    left: 8px;
    transform: translateY(-200%);
  }
  .skip:focus {
    transform: none;
  }
  header {
    position: sticky;
    z-index: 3;
    top: 0;
    border-bottom: 1px solid var(--line);
    background: var(--surface);
  }
  .bar {
    display: flex;
    align-items: center;
    gap: 16px;
    max-width: calc(var(--page-width) + 2 * var(--gutter));
    height: 60px;
    margin: 0 auto;
    padding: 0 var(--gutter);
  }
  .brand {
    display: flex;
    align-items: center;
    gap: 9px;
    color: var(--text);
    font-size: 17px;
    font-weight: 660;
    letter-spacing: -0.02em;
  }
  .brand:hover {
    text-decoration: none;
  }
  .brand svg {
    color: var(--accent);
  }
  nav ul {
    display: flex;
    gap: 2px;
  }
  nav a {
    display: flex;
    align-items: center;
    gap: 8px;
    padding: 7px 11px;
    border-radius: 8px;
    color: var(--muted);
    font-weight: 540;
  }
  nav a:hover {
    color: var(--text);
    text-decoration: none;
    background: var(--sunken);
  }
  nav a[aria-current="page"] {
    color: var(--text);
    background: var(--sunken);
  }
  .nav-top svg {
    display: none;
  }
  .right {
    display: flex;
    align-items: center;
    gap: 10px;
  }
  /* It keeps its place until its element is fetched. */
  ot-search {
    display: block;
    width: 230px;
    min-height: 38px;
    margin-left: auto;
  }
  .link-state {
    display: inline-flex;
    align-items: center;
    gap: 7px;
    padding: 6px 8px;
    border-radius: 8px;
    color: var(--muted);
    font-size: 14px;
    white-space: nowrap;
  }
  .link-state:hover {
    background: var(--sunken);
    text-decoration: none;
  }
  .dot {
    width: 9px;
    height: 9px;
    border-radius: 50%;
    background: var(--line-strong);
  }
  .dot.good {
    background: var(--accent);
  }
  .dot.warn {
    background: var(--warning);
  }
  .dot.bad {
    background: var(--danger);
  }
  .nav-bottom {
    display: none;
  }
  main {
    flex: 1;
    width: 100%;
    max-width: calc(var(--page-width) + 2 * var(--gutter));
    margin: 0 auto;
    padding: 36px var(--gutter) 64px;
  }
  main:focus {
    outline: none;
  }
  .faults {
    display: grid;
    gap: 10px;
    margin-bottom: 24px;
  }
  footer {
    border-top: 1px solid var(--line);
    color: var(--muted);
    font-size: 14px;
  }
  footer > div {
    display: flex;
    flex-wrap: wrap;
    gap: 6px 24px;
    max-width: calc(var(--page-width) + 2 * var(--gutter));
    margin: 0 auto;
    padding: 18px var(--gutter);
  }
  footer strong {
    color: var(--text);
    font-weight: 540;
  }
  /* Too narrow for the search beside the rest: where one explores it has a row of its own. */
  @media (max-width: 1080px) {
    ot-search {
      display: none;
    }
    .right {
      margin-left: auto;
    }
    .exploring .bar {
      flex-wrap: wrap;
      height: auto;
      padding-top: 7px;
      padding-bottom: 10px;
    }
    .exploring ot-search {
      display: block;
      order: 1;
      flex: 1 0 100%;
      margin: 0;
    }
  }
  @media (max-width: 960px) {
    /* Two rows are too much of a phone to stay. */
    header.exploring {
      position: static;
    }
    .bar {
      height: 54px;
      gap: 10px;
    }
    .nav-top {
      display: none;
    }
    main {
      padding: 22px var(--gutter) 40px;
    }
    .nav-bottom {
      display: block;
      position: sticky;
      z-index: 3;
      bottom: 0;
      border-top: 1px solid var(--line);
      background: var(--surface);
      padding-bottom: env(safe-area-inset-bottom);
    }
    .nav-bottom ul {
      display: grid;
      grid-auto-columns: minmax(0, 1fr);
      grid-auto-flow: column;
      gap: 0;
      padding: 4px;
    }
    .nav-bottom a {
      flex-direction: column;
      gap: 2px;
      padding: 6px 2px;
      background: none;
      font-size: 12px;
    }
    .nav-bottom a[aria-current="page"] {
      background: none;
      color: var(--accent);
    }
  }
  @media (max-width: 420px) {
    .link-state .text {
      display: none;
    }
  }
`
