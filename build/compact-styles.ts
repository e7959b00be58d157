/** Components' styles without what only their authors read: the minifier leaves template literals as they are. Build only. */
import type { Plugin } from 'vite'

/** A style sheet without expressions in it. */
const SHEET = /\bcss`([^`$]*)`/g

export function compactStyles(): Plugin {
  return {
    name: 'opentab:compact-styles',
    apply: 'build',
    enforce: 'pre',
    transform: {
      filter: { id: /\/web\/.*\.ts$/, code: 'css`' },
      handler: (code) => code.replace(SHEET, (_, sheet: string) => `css\`${compact(sheet)}\``),
    },
  }
}

/** One blank for white space of any length, and none where it separates nothing. No sheet holds a string with such characters. */
function compact(sheet: string): string {
  return sheet
    .replace(/\/\*.*?\*\//gs, '')
    .replace(/\s+/g, ' ')
    .replace(/ ?([{};,]) ?/g, '$1')
    .replace(/;}/g, '}')
    .trim()
}
