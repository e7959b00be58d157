/** The icons, with those that come with the other views alone: a tab joins without them. */
import { svg } from 'lit'
import { icons as frameIcons, icon } from './icons.ts'

export const icons = {
  ...frameIcons,
  copy: icon(
    svg`<rect x="7.2" y="7.2" width="9" height="9.3" rx="2"/><path d="M4.6 12.8a1 1 0 0 1-.8-1V5.5a2 2 0 0 1 2-2h6a1 1 0 0 1 1 .8"/>`,
    16,
  ),
  search: icon(svg`<circle cx="9" cy="9" r="5.2"/><path d="m13 13 3.8 3.8"/>`),
  lock: icon(
    svg`<rect x="4.2" y="9" width="11.6" height="8" rx="2"/><path d="M6.8 9V6.4a3.2 3.2 0 0 1 6.4 0V9"/>`,
    18,
  ),
  unlock: icon(
    svg`<rect x="4.2" y="9" width="11.6" height="8" rx="2"/><path d="M6.8 9V6.2a3.2 3.2 0 0 1 6.1-1.4"/>`,
    18,
  ),
  back: icon(svg`<path d="M12 4.5 6.5 10l5.5 5.5"/>`, 18),
  forward: icon(svg`<path d="M8 4.5 13.5 10 8 15.5"/>`, 18),
  external: icon(
    svg`<path d="M8 4.5H5.5a1 1 0 0 0-1 1v9a1 1 0 0 0 1 1h9a1 1 0 0 0 1-1V12M11.5 4.5h4v4M15.5 4.5 9.5 10.5"/>`,
    18,
  ),
  ban: icon(svg`<circle cx="10" cy="10" r="6.6"/><path d="m5.4 14.6 9.2-9.2"/>`, 18),
} as const
