/** Light or dark: what the system prefers, unless the person chose. Kept in localStorage. Thread: Window. */
import { remember, remembered } from './remembered.ts'

export type Theme = 'system' | 'light' | 'dark'

const KEY = 'opentab.theme'

export function chosenTheme(): Theme {
  const kept = remembered(KEY)
  return kept === 'light' || kept === 'dark' ? kept : 'system'
}

/** Shows the page in this theme and keeps the choice. */
export function chooseTheme(theme: Theme): void {
  remember(KEY, theme === 'system' ? undefined : theme)
  applyTheme()
}

/** Shows the page in the chosen theme. */
export function applyTheme(): void {
  document.documentElement.dataset.theme = chosenTheme()
}
