/** Where the focus is and where it goes, through whatever shadow trees. Thread: Window. */

/** The element that has the focus; the body when none has. */
export function focused(): Element | null {
  let element = document.activeElement
  while (element?.shadowRoot?.activeElement) element = element.shadowRoot.activeElement
  return element
}

/** The main heading below a node, in the shadow trees there, too. */
export function headingOf(root: ParentNode | null): HTMLElement | null {
  const own = root?.querySelector<HTMLElement>('h1')
  if (own) return own
  for (const { shadowRoot } of root?.querySelectorAll('*') ?? []) {
    const found = shadowRoot && headingOf(shadowRoot)
    if (found) return found
  }
  return null
}
