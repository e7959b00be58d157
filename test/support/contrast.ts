/** Whether what a page shows can be read, by the browser's own computed styles: WCAG 2.2, 1.4.3 (contrast) and 1.4.1 (links in text). */

/**
 * What can't be read well, a line each: text of less than 4.5:1 (3:1 where it is large) against what is behind it, and links that only a colour
 * of less than 3:1 tells from the text around them. To be run in the page; it uses nothing from outside itself.
 */
export function hardToRead(): string[] {
  type Colour = readonly [red: number, green: number, blue: number, alpha: number]
  const found: string[] = []

  const read = (text: string): Colour => {
    const [red = 0, green = 0, blue = 0, alpha = 1] = (text.match(/[\d.]+/g) ?? []).map(Number)
    return [red, green, blue, alpha]
  }
  const over = (front: Colour, back: Colour): Colour => {
    const mix = (at: 0 | 1 | 2): number => front[at] * front[3] + back[at] * (1 - front[3])
    return [mix(0), mix(1), mix(2), 1]
  }
  const luminance = (colour: Colour): number => {
    const [red, green, blue] = colour.slice(0, 3).map((value) => {
      const share = value / 255
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4
    }) as [number, number, number]
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
  }
  const contrast = (a: Colour, b: Colour): number => {
    const [dark, light] = [luminance(a), luminance(b)].sort((x, y) => x - y) as [number, number]
    return (light + 0.05) / (dark + 0.05)
  }

  const parentOf = (element: Element): Element | null =>
    element.parentElement ?? (element.getRootNode() as ShadowRoot).host ?? null
  /** What is behind an element's text, and how opaque the text is before it. */
  const behind = (element: Element): { readonly back: Colour; readonly opacity: number } => {
    const layers: Colour[] = []
    let opacity = 1
    for (let at: Element | null = element; at; at = parentOf(at)) {
      const style = getComputedStyle(at)
      const layer = read(style.backgroundColor)
      if (layer[3] > 0) layers.push(layer)
      if (layer[3] === 1) break
      opacity *= Number(style.opacity)
    }
    const ground: Colour = matchMedia('(prefers-color-scheme: dark)').matches
      ? [0, 0, 0, 1]
      : [255, 255, 255, 1]
    return { back: layers.reduceRight((below, layer) => over(layer, below), ground), opacity }
  }
  const check = (element: Element, colour: string, ownOpacity: number, text: string): void => {
    const { back, opacity } = behind(element)
    const [red, green, blue, alpha] = read(colour)
    const ratio = contrast(over([red, green, blue, alpha * opacity * ownOpacity], back), back)
    const { fontSize, fontWeight } = getComputedStyle(element)
    const size = Number.parseFloat(fontSize)
    const isLarge = size >= 24 || (size >= 18.66 && Number(fontWeight) >= 700)
    if (ratio < (isLarge ? 3 : 4.5))
      found.push(`“${text.slice(0, 40)}” is ${ratio.toFixed(2)}:1 against what is behind it`)
  }
  const ownText = (node: Node): string =>
    [...node.childNodes]
      .filter(({ nodeType }) => nodeType === Node.TEXT_NODE)
      .map(({ textContent }) => textContent!.trim())
      .join(' ')
      .trim()
  const isShown = (element: Element): boolean => {
    const { width, height } = element.getBoundingClientRect()
    return (
      width > 1 && height > 1 && element.checkVisibility({ opacityProperty: true, visibilityProperty: true })
    )
  }

  const walk = (root: ParentNode): void => {
    for (const element of root.querySelectorAll('*')) {
      if (element.shadowRoot) walk(element.shadowRoot)
      // What can't be used may be pale.
      if (element.closest('style, script, button:disabled, option') || !isShown(element)) continue
      const style = getComputedStyle(element)
      const text = ownText(element)
      if (text !== '') check(element, style.color, 1, text)
      if (element instanceof HTMLInputElement && element.placeholder !== '' && element.value === '') {
        const placeholder = getComputedStyle(element, '::placeholder')
        check(element, placeholder.color, Number(placeholder.opacity), element.placeholder)
      }
      const around = element.parentElement
      if (!element.matches('a[href]:not(.button)') || !around || ownText(around) === '') continue
      const ratio = contrast(read(style.color), read(getComputedStyle(around).color))
      if (!style.textDecorationLine.includes('underline') && ratio < 3)
        found.push(
          `The link “${element.textContent!.trim().slice(0, 40)}” is told from its text by ${ratio.toFixed(2)}:1 alone`,
        )
    }
  }
  walk(document)
  return found
}
