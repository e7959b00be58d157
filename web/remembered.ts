/** Small choices that the page keeps for its origin. Nothing that matters: storage may be refused or cleared. Thread: Window. */

/** A small choice kept for this origin; undefined when there is none, or storage is refused. */
export function remembered(key: string): string | undefined {
  try {
    return localStorage.getItem(key) ?? undefined
  } catch {
    return undefined
  }
}

/** Keeps a small choice, or forgets it. Where storage is refused the choice lasts as long as the page. */
export function remember(key: string, value: string | undefined): void {
  try {
    if (value === undefined) localStorage.removeItem(key)
    else localStorage.setItem(key, value)
  } catch {
    // Nothing that matters is kept this way.
  }
}
