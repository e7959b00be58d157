/**
 * Real tabs for journeys: the real server and relay on a free port, Chromium, and tabs driven by `opentab.rpc` as a developer
 * would, or by the page as a person would. A journey waits on the node's events, never on time. Thread: Node's main.
 */

import '../../relay/polyfill.ts'
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import {
  type Browser,
  type BrowserContext,
  type BrowserContextOptions,
  chromium,
  type Locator,
  type Page,
} from 'playwright-core'
import { buildPage, DIST, isStale } from '../../relay/build.ts'
import { loadPage } from '../../relay/page.ts'
import { type Server, type ServerOptions, startServer } from '../../relay/server.ts'
import { CHROMIUM_FLAGS, CHROMIUM_PERMISSIONS, findChromium } from './chromium.ts'
import { NodeTab, PATIENCE, type PageGlobals } from './node-tab.ts'

export { PASSPHRASE } from './node-tab.ts'

/** How the brain begins the line of a bug in the console. */
const FAULT = 'A fault of this program:'

/** Log lines that a failed journey prints of each tab. */
const LOG_LINES = 30

/** Characters of an answer that it prints. */
const LINE_LENGTH = 1000

/** How a tab is opened. */
export interface OpenOptions {
  /** Opens the tab in this context, beside others, rather than in one of its own with storage of its own. */
  readonly context?: BrowserContext
  /** Who serves the page; the first server when left out. */
  readonly server?: Pick<Server, 'port'>
  /** Path of the view; `/` when left out. */
  readonly path?: string
  /** `?network=regtest` when left out. */
  readonly query?: string
}

/** A tab of Chromium. */
export class Tab extends NodeTab {
  readonly page: Page
  /** Errors that nothing in the page caught, and bugs that the brain told of. */
  readonly pageErrors: string[] = []
  /** Errors on the console; the browser reports failed requests there, too. */
  readonly consoleErrors: string[] = []
  /** Every address that the page asked for, WebSockets included. */
  readonly requests: string[] = []

  constructor(name: string, page: Page) {
    super(name)
    this.page = page
    page.on('pageerror', (error) => this.pageErrors.push(error.stack ?? error.message))
    page.on('console', (message) => {
      if (message.type() !== 'error') return
      const text = message.text()
      this.consoleErrors.push(text)
      if (text.startsWith(FAULT)) this.pageErrors.push(text)
    })
    page.on('request', (request) => this.requests.push(request.url()))
    page.on('websocket', (socket) => this.requests.push(socket.url()))
  }

  get context(): BrowserContext {
    return this.page.context()
  }

  /** Waits until the node runs, after the page was opened or reloaded. */
  async ready(): Promise<this> {
    await this.page.locator('main#content').waitFor()
    await this.watch()
    return this
  }

  override evaluate<T, A>(run: (argument: A) => T | Promise<T>, argument: A): Promise<T> {
    return this.page.evaluate(run as (argument: unknown) => T | Promise<T>, argument)
  }

  /** WebRTC connections that the browser itself counts as connected. */
  directConnections(): Promise<number> {
    return this.page.evaluate(
      () =>
        [...(globalThis as unknown as PageGlobals).connections].filter(
          ({ connectionState }) => connectionState === 'connected',
        ).length,
    )
  }

  /** WebRTC connections that the page has made since it was loaded, closed ones included. */
  connectionsOpened(): Promise<number> {
    return this.page.evaluate(() => (globalThis as unknown as PageGlobals).connectionsOpened)
  }

  /** As the browser's button does. */
  async reload(): Promise<this> {
    await this.page.reload()
    return this.ready()
  }

  /** Kills the renderer, as running out of memory would: no handler of the page runs. */
  async kill(): Promise<void> {
    const session = await this.context.newCDPSession(this.page)
    const crashed = this.page.waitForEvent('crash')
    // The command dies with the renderer that it kills.
    session.send('Page.crash').catch(() => undefined)
    await crashed
    await this.page.close()
  }

  /** What a failed journey prints. */
  async report(): Promise<string> {
    const ask = (
      method: 'getchaintips' | 'getnetworkinfo' | 'getmininginfo' | 'getwalletinfo',
    ): Promise<unknown> => this.rpc(method).catch((error: Error) => `${error.message}`)
    const lines = [`--- ${this.name} at ${this.page.url()}`, ...this.pageErrors, ...this.consoleErrors]
    if (!this.page.isClosed()) {
      for (const method of ['getchaintips', 'getnetworkinfo', 'getmininginfo', 'getwalletinfo'] as const)
        lines.push(`${method}: ${JSON.stringify(await ask(method)).slice(0, LINE_LENGTH)}`)
      const peers = await this.rpc('getpeerinfo').catch(() => [])
      lines.push(...peers.map(({ id, synced_headers }) => `peer ${id} has headers up to ${synced_headers}`))
      const log = await this.page
        .evaluate(() => (globalThis as unknown as PageGlobals).watch.log)
        .catch(() => [])
      for (const { time, source, message } of log.slice(-LOG_LINES))
        lines.push(`${new Date(time).toISOString()} ${source}: ${message}`)
      lines.push(await this.page.locator('body').ariaSnapshot())
    }
    return lines.join('\n')
  }
}

/** Starts a browser. `flags`: beyond the usual ones. */
export async function launchChromium(flags: readonly string[] = []): Promise<Browser> {
  const executablePath = await findChromium()
  return chromium.launch({ executablePath, args: [...CHROMIUM_FLAGS, ...flags], timeout: PATIENCE })
}

/** Everything that a journey started. */
export class World {
  readonly browser: Browser
  readonly tabs: Tab[] = []
  readonly #servers: Server[] = []
  readonly #contexts: BrowserContext[] = []

  constructor(browser: Browser) {
    this.browser = browser
  }

  /** Starts a server with page and relay; on a free port unless one is given. */
  async serve(options: Partial<ServerOptions> = {}): Promise<Server> {
    const page = await loadPage(DIST)
    const server = await startServer({
      host: '127.0.0.1',
      port: 0,
      keySeed: randomBytes(32),
      page: () => page,
      ...options,
    })
    this.#servers.push(server)
    return server
  }

  /** A context has storage of its own, as another person's browser has. */
  async newContext(options: BrowserContextOptions = {}, browser = this.browser): Promise<BrowserContext> {
    const context = await browser.newContext({ permissions: [...CHROMIUM_PERMISSIONS], ...options })
    context.setDefaultTimeout(PATIENCE)
    return context
  }

  /** A browser of its own whose storage lies in a folder, so that it can be copied while nobody has it open. */
  async openFolder(folder: string): Promise<BrowserContext> {
    const context = await chromium.launchPersistentContext(folder, {
      executablePath: await findChromium(),
      args: [...CHROMIUM_FLAGS],
      permissions: [...CHROMIUM_PERMISSIONS],
      timeout: PATIENCE,
    })
    context.setDefaultTimeout(PATIENCE)
    this.#contexts.push(context)
    return context
  }

  /** Opens the page and waits for nothing: the node may refuse to start. */
  async load(name: string, options: OpenOptions = {}): Promise<Tab> {
    const { server = this.#servers[0]!, path = '/', query = '?network=regtest' } = options
    const context = options.context ?? (await this.newContext())
    const page = await context.newPage()
    await page.addInitScript(() => {
      const connections = new Set<RTCPeerConnection>()
      const Native = RTCPeerConnection
      Object.assign(globalThis, {
        connections,
        connectionsOpened: 0,
        RTCPeerConnection: new Proxy(Native, {
          construct(target, args) {
            const connection = new target(...args)
            // What is closed is let go, so that watching doesn't cost the tab memory.
            for (const earlier of connections)
              if (earlier.connectionState === 'closed') connections.delete(earlier)
            connections.add(connection)
            ;(globalThis as unknown as { connectionsOpened: number }).connectionsOpened++
            return connection
          },
        }),
      })
    })
    const tab = this.adopt(name, page)
    await page.goto(`http://localhost:${server.port}${path}${query}`)
    return tab
  }

  /** Takes in a page that another one opened. */
  adopt(name: string, page: Page): Tab {
    const tab = new Tab(name, page)
    this.tabs.push(tab)
    return tab
  }

  /** Opens the page and waits until its node runs. */
  async open(name: string, options: OpenOptions = {}): Promise<Tab> {
    return (await this.load(name, options)).ready()
  }

  /** Opens tabs in contexts of their own, together. */
  openAll(names: readonly string[], options: OpenOptions = {}): Promise<Tab[]> {
    return Promise.all(names.map((name) => this.open(name, options)))
  }

  async close(): Promise<void> {
    await this.browser.close()
    for (const context of this.#contexts) await context.close()
    for (const server of this.#servers) await server.stop().catch(() => undefined)
  }
}

/**
 * The body of a test: a world of its own, closed whatever happens. When it fails, the state of every tab is printed; a journey in which
 * a page had an error that nothing caught has failed. `flags` are of Chromium, beyond the usual ones.
 */
export function journey(
  run: (world: World) => Promise<void>,
  flags: readonly string[] = [],
): () => Promise<void> {
  return async () => {
    if (await isStale()) await buildPage()
    const world = new World(await launchChromium(flags))
    try {
      await run(world)
      const errors = world.tabs.flatMap(({ name, pageErrors }) =>
        pageErrors.map((error) => `${name}: ${error}`),
      )
      assert.deepEqual(errors, [], 'A page had errors that nothing caught')
    } catch (error) {
      for (const tab of world.tabs) process.stderr.write(`${await tab.report()}\n`)
      throw error
    } finally {
      await world.close()
    }
  }
}

/** What an element says, its white space as one blank. */
export async function textOf(locator: Locator): Promise<string> {
  return ((await locator.textContent()) ?? '').replace(/\s+/g, ' ').trim()
}

/** Waits until all tabs are on one tip, and answers its hash. */
export async function untilAgreed(tabs: readonly Tab[]): Promise<string> {
  const over = AbortSignal.timeout(PATIENCE)
  /** Of each tab, the wait for its next event: it goes on for those that say nothing while others do. */
  const waits = new Map<Tab, Promise<void>>()
  for (;;) {
    // In an object, or it would be waited for here.
    const next = await Promise.all(
      tabs.map(async (tab) => {
        if (!waits.has(tab)) {
          const seen = await tab.eventsSeen()
          const wait = tab.anotherEvent(seen, over).finally(() => waits.delete(tab))
          // It goes on when they agree, until its page closes.
          wait.catch(() => undefined)
          waits.set(tab, wait)
        }
        return { wait: waits.get(tab)! }
      }),
    )
    const tips = await Promise.all(tabs.map((tab) => tab.rpc('getbestblockhash')))
    if (tips.every((tip) => tip === tips[0])) return tips[0]!
    if (over.aborted) throw new Error(`The tabs don't agree on a tip: ${tips.join(', ')}`)
    await Promise.race(next.map(({ wait }) => wait))
  }
}
