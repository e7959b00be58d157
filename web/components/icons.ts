/** Line icons of the frame and the first view, 20 × 20, in the colour of the text around them. Decoration: the text beside them carries the meaning. */
import { html, type SVGTemplateResult, svg, type TemplateResult } from 'lit'

/** An icon of these paths; `size` in pixels. */
export function icon(paths: SVGTemplateResult, size = 20): TemplateResult {
  return html`<svg
    width=${size}
    height=${size}
    viewBox="0 0 20 20"
    fill="none"
    stroke="currentColor"
    stroke-width="1.6"
    stroke-linecap="round"
    stroke-linejoin="round"
    aria-hidden="true"
  >
    ${paths}
  </svg>`
}

export const icons = {
  overview: icon(svg`<path d="M3 9.2 10 3.5l7 5.7V16a1 1 0 0 1-1 1h-3.5v-5h-5v5H4a1 1 0 0 1-1-1Z"/>`),
  wallet: icon(
    svg`<path d="M3.5 6.5v8a2 2 0 0 0 2 2h10a1 1 0 0 0 1-1v-8a1 1 0 0 0-1-1h-10a2 2 0 0 1 0-4H14v4"/><path d="M13.3 11.5h.01" stroke-width="2.2"/>`,
  ),
  explorer: icon(
    svg`<path d="m10 2.8 6.3 3.6v7.2L10 17.2l-6.3-3.6V6.4Z"/><path d="m3.9 6.5 6.1 3.5 6.1-3.5M10 10v7"/>`,
  ),
  channels: icon(svg`<path d="M11.2 2.8 4.8 11.3h4.6l-.6 5.9 6.4-8.5h-4.6Z"/>`),
  miner: icon(svg`<path d="M3.2 8.3C6.4 3.4 12 2.4 16.6 5.6"/><path d="m11.6 5.2-7.4 11M9.9 4.1l3.4 2.3"/>`),
  network: icon(
    svg`<circle cx="10" cy="4.6" r="2"/><circle cx="4.4" cy="14.6" r="2"/><circle cx="15.6" cy="14.6" r="2"/><path d="m9 6.4-3.6 6.4M11 6.4l3.6 6.4M6.4 14.6h7.2"/>`,
  ),
  check: icon(svg`<path d="m4.5 10.6 3.6 3.6 7.4-8"/>`, 16),
  warning: icon(svg`<path d="M10 3.2 17.6 16H2.4Z"/><path d="M10 8.2v3.4M10 13.8h.01"/>`),
  info: icon(svg`<circle cx="10" cy="10" r="7"/><path d="M10 9.4v4M10 6.6h.01"/>`),
  send: icon(svg`<path d="M5.5 14.5 14.5 5.5M7 5.5h7.5V13"/>`, 18),
  receive: icon(svg`<path d="M14.5 5.5 5.5 14.5M13 14.5H5.5V7"/>`, 18),
  pickaxe: icon(
    svg`<path d="M3.2 8.3C6.4 3.4 12 2.4 16.6 5.6"/><path d="m11.6 5.2-7.4 11M9.9 4.1l3.4 2.3"/>`,
    18,
  ),
  sun: icon(
    svg`<circle cx="10" cy="10" r="3.3"/><path d="M10 2.5v1.6M10 15.9v1.6M2.5 10h1.6M15.9 10h1.6M4.7 4.7l1.1 1.1M14.2 14.2l1.1 1.1M15.3 4.7l-1.1 1.1M5.8 14.2l-1.1 1.1"/>`,
  ),
  moon: icon(svg`<path d="M16.3 11.9A6.8 6.8 0 0 1 8.1 3.7a6.8 6.8 0 1 0 8.2 8.2Z"/>`),
  system: icon(svg`<rect x="3" y="4" width="14" height="9.6" rx="1.8"/><path d="M7 16.8h6"/>`),
} as const

/** The page's mark: a browser's window with an open tab, and room for another. */
export const mark: TemplateResult = html`<svg width="26" height="26" viewBox="0 0 32 32" aria-hidden="true">
  <rect width="31" height="27" x=".5" y="2.5" rx="6" fill="currentColor" />
  <path fill="var(--surface)" d="M3 12.5h.5c1.2 0 1.8-.7 1.8-1.8V9a3 3 0 0 1 3-3h7.4a3 3 0 0 1 3 3v1.7c0 1.1.6 1.8 1.8 1.8H29v11a3.5 3.5 0 0 1-3.5 3.5h-19A3.5 3.5 0 0 1 3 23.5Z" />
  <path stroke="var(--surface)" stroke-width="1.8" stroke-linecap="round" d="M24 6.6v4M22 8.6h4" />
  <path stroke="currentColor" stroke-width="2.6" stroke-linecap="round" d="M7.5 17.2h17" />
</svg>`
