/** A tab of a browser that runs scripts as WebDriver says, rather than Chromium's. Thread: Node's main. */

import { NodeTab, PATIENCE } from './node-tab.ts'

/** A window of such a browser. */
export interface DriverWindow {
  /**
   * Runs the body of a function in the page. It finds `args` in its `arguments`, and after them the function that it calls with its outcome. Rejects
   * when that takes longer than a journey is patient.
   */
  run(script: string, args: readonly unknown[]): Promise<unknown>
  navigate(url: string): Promise<void>
  refresh(): Promise<void>
  close(): Promise<void>
}

/** What a function in the page came to. */
type Outcome<T> = { readonly value: T } | { readonly error: string }

export class WebDriverTab extends NodeTab {
  readonly window: DriverWindow

  constructor(name: string, window: DriverWindow) {
    super(name)
    this.window = window
  }

  override async evaluate<T, A>(run: (argument: A) => T | Promise<T>, argument: A): Promise<T> {
    // tsx names functions in functions by one that the page lacks, and Firefox runs scripts in a global of their own, before the window's.
    const script = `
      const __name = (named) => named
      const [argument, done] = arguments
      const run = ((globalThis) => ${run})(window)
      Promise.resolve(argument).then(run).then(
        (value) => done({ value }),
        (error) => done({ error: error + ' ' + error?.stack }),
      )`
    const outcome = (await this.window.run(script, [argument])) as Outcome<T>
    if ('error' in outcome) throw new Error(`${this.name}: ${outcome.error}`)
    return outcome.value
  }

  /** Opens an address and waits for nothing of the node. */
  async load(url: string): Promise<this> {
    await this.window.navigate(url)
    return this
  }

  /** Waits until the node runs, after the page was opened or reloaded. */
  async ready(): Promise<this> {
    await this.see('main#content')
    await this.evaluate(() => {
      const errors: string[] = []
      addEventListener('error', ({ message }) => errors.push(message))
      addEventListener('unhandledrejection', ({ reason }) => errors.push(String(reason?.stack ?? reason)))
      Object.assign(globalThis, { errors })
    }, null)
    await this.watch()
    return this
  }

  /** Errors that nothing in the page caught since it was ready. */
  errors(): Promise<readonly string[]> {
    return this.evaluate(() => (globalThis as unknown as { errors: readonly string[] }).errors, null)
  }

  /** As the browser's button does. */
  async reload(): Promise<this> {
    await this.window.refresh()
    return this.ready()
  }

  /** Goes to a view of the page as a link in it does. */
  async visit(path: string): Promise<void> {
    await this.evaluate((to) => {
      history.pushState(null, '', to + location.search)
      dispatchEvent(new PopStateEvent('popstate'))
    }, path)
  }

  /** Waits until an element is there, in whatever shadow it stands, whose text holds `text`; answers that text, its white space as blanks. */
  see(selector: string, text = ''): Promise<string> {
    return this.#find(selector, text, false)
  }

  /** Clicks the first such element, once it is there. */
  async click(selector: string, text = ''): Promise<void> {
    await this.#find(selector, text, true)
  }

  #find(selector: string, text: string, isClicked: boolean): Promise<string> {
    return this.evaluate(
      async ([wanted, part, clicks, patience]) => {
        const textOf = (element: Element): string => (element.textContent ?? '').replace(/\s+/g, ' ').trim()
        const find = (root: ParentNode): HTMLElement | undefined => {
          for (const element of root.querySelectorAll<HTMLElement>('*')) {
            if (element.matches(wanted) && textOf(element).includes(part)) return element
            const inside = element.shadowRoot && find(element.shadowRoot)
            if (inside) return inside
          }
          return undefined
        }
        const over = performance.now() + patience
        for (;;) {
          const found = find(document)
          if (found) {
            if (clicks) found.click()
            return textOf(found)
          }
          if (performance.now() > over) throw new Error(`There is no ${wanted} that says "${part}".`)
          // No event tells of changes in every shadow.
          await new Promise((resolve) => setTimeout(resolve, 20))
        }
      },
      [selector, text, isClicked, PATIENCE] as const,
    )
  }
}
