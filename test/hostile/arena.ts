/**
 * Where attacks are fought: real tabs in Chromium, the real server with its relay, and enemies in processes of their own, a second browser
 * and an outsider. What is measured here is what a person at a tab would notice, read in ways that don't hang on how the tab defends itself.
 * Thread: Node's main.
 */

import '../../relay/polyfill.ts'
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type Server as HttpServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { getPriority, setPriority } from 'node:os'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { type Browser, type BrowserContext, chromium, type JSHandle } from 'playwright-core'
import { buildPage, DIST, isStale } from '../../relay/build.ts'
import { loadPage, type PageHandler } from '../../relay/page.ts'
import type { Server } from '../../relay/server.ts'
import type { PeerResult, WalletTransactionDetail } from '../../web/rpc-results.ts'
import { CHROMIUM_FLAGS, CHROMIUM_PERMISSIONS, findChromium } from '../support/chromium.ts'
import { type OpenOptions, type Tab, World } from '../support/tabs.ts'
import { JOIN, NEVER } from './bounds.ts'
import type { Intruder, Manners } from './intruder.ts'
import type { Deeds, Order, Report } from './outsider.ts'
import { browsers, prioritize, tabMemory } from './processes.ts'

/** How an arena is set up. */
export interface Setting {
  /** Honest tabs; 4 by default. */
  readonly tabs?: number
  /**
   * `regtest` by default, with a payer that has coins. `scaled` is the public network with the one difference that its easiest target is
   * that of regtest, so that its difficulty can be watched on one core.
   */
  readonly network?: 'regtest' | 'scaled'
}

/** Blocks after which the payer's first coin can be spent. */
const MATURE = 101

/** An address of this machine that enemies come from, as if from another. */
export const ENEMY = '127.66.6.6'

/** `powLimitBits` of the public network and of regtest, as they stand in the built page. */
const PUBLIC_LIMIT = '490733568'
const EASY_LIMIT = '545259519'

const NAMES = ['Ada', 'Ben', 'Cleo', 'Dan', 'Eve', 'Fay', 'Gus', 'Hal', 'Ida', 'Jon', 'Kim', 'Leo']

/** A browser and its first process. */
interface OwnBrowser {
  readonly browser: Browser
  readonly pid: number
}

/** An intruder in its page. */
export class Enemy {
  readonly #handle: JSHandle<Intruder>
  readonly #gone: () => Promise<void>
  readonly id: string

  /** `gone` is called when it has left. */
  constructor(handle: JSHandle<Intruder>, id: string, gone: () => Promise<void>) {
    this.#handle = handle
    this.#gone = gone
    this.id = id
  }

  /** Ends it. */
  async leave(): Promise<void> {
    await orNever(this.do('leave'), LEAVING)
    await this.#gone()
  }

  /** Calls a method of the intruder. */
  do<Name extends Deed>(name: Name, ...args: Parameters<Intruder[Name]>): ReturnType<Intruder[Name]> {
    const call = this.#handle.evaluate(
      (intruder, [method, given]) =>
        (intruder[method as 'leave'] as (...all: unknown[]) => Promise<unknown>).apply(intruder, given),
      [name, args] as const,
    )
    return call as ReturnType<Intruder[Name]>
  }

  behave(manners: Manners): Promise<void> {
    return this.#handle.evaluate((intruder, given) => intruder.behave(given), manners)
  }

  isIn(tab: string): Promise<boolean> {
    return this.#handle.evaluate((intruder, id) => intruder.isIn(id), tab)
  }

  stayed(tab: string): Promise<number | undefined> {
    return this.#handle.evaluate((intruder, id) => intruder.stayed(id), tab)
  }
}

/** How long an enemy may take to leave by itself, milliseconds. */
const LEAVING = 3000

/** Methods of an intruder that answer with a promise and can be called from here. */
type Deed = {
  [Name in keyof Intruder]: Intruder[Name] extends (...args: never[]) => Promise<unknown> ? Name : never
}[keyof Intruder] &
  Exclude<keyof Intruder, 'connect'>

export class Arena {
  readonly world: World
  readonly setting: Setting
  server!: Server
  page!: PageHandler
  /** The honest tabs: the first pays, the second is paid, the third mines. */
  readonly tabs: Tab[] = []
  readonly ids: string[] = []
  networkId = ''
  /** What was seen of newcomers that didn't get in. */
  readonly complaints: string[] = []
  /** The tabs' browser's first process. */
  readonly pid: number
  readonly #browsers: OwnBrowser[]
  readonly #outsider: ChildProcess
  #orders = 0
  #enemyPage: Promise<OwnBrowser & { readonly server: HttpServer }> | undefined
  #newcomers = 0
  /** Ports by which enemies come from an address. */
  readonly #disguises = new Map<string, Promise<number>>()
  #payerAddress = ''
  #payeeAddress = ''

  private constructor(own: OwnBrowser, setting: Setting) {
    this.world = new World(own.browser)
    this.pid = own.pid
    this.setting = setting
    this.#browsers = [own]
    const program = fileURLToPath(new URL('outsider.ts', import.meta.url))
    this.#outsider = fork(program, { execArgv: ['--import', 'tsx'] })
    this.#outsider.setMaxListeners(0)
    setPriority(this.#outsider.pid!, ENEMY_PRIORITY)
  }

  /** Starts server and tabs, and waits until they know each other. */
  static async open(setting: Setting = {}): Promise<Arena> {
    if (await isStale()) await buildPage()
    const arena = new Arena(await launch(), setting)
    try {
      await arena.#begin()
    } catch (error) {
      await arena.close()
      throw error
    }
    return arena
  }

  get query(): string {
    return this.setting.network === 'scaled' ? '' : '?network=regtest'
  }

  get payer(): Tab {
    return this.tabs[0]!
  }

  get payee(): Tab {
    return this.tabs[1]!
  }

  get miner(): Tab {
    return this.tabs[2]!
  }

  /** The relay, as whoever comes from this port of the machine must dial it. */
  relayAt(port: number): string {
    return `/ip4/127.0.0.1/tcp/${port}/ws/p2p/${this.server.relayPeerId}`
  }

  /** The relay, as enemies that come from `address` dial it. */
  async relayFrom(address: string): Promise<string> {
    const port = this.#disguises.get(address) ?? this.outside('disguise', this.server.port, address)
    this.#disguises.set(address, port)
    return this.relayAt(await port)
  }

  /** Has the outsider do a thing. */
  outside<Name extends keyof Deeds>(deed: Name, ...args: Parameters<Deeds[Name]>): ReturnType<Deeds[Name]> {
    const outsider = this.#outsider
    const id = this.#orders++
    const answer = new Promise((resolve, reject) => {
      const settle = (): void => {
        outsider.off('message', hear)
        outsider.off('exit', ended)
      }
      const hear = (report: Report): void => {
        if (report.id !== id) return
        settle()
        if (report.error === undefined) resolve(report.result)
        else reject(new Error(report.error))
      }
      const ended = (): void => {
        settle()
        reject(new Error('The outsider ended'))
      }
      outsider.on('message', hear)
      outsider.on('exit', ended)
      if (outsider.connected) outsider.send({ id, deed, args } satisfies Order, (error) => error && ended())
      else ended()
    })
    return answer as ReturnType<Deeds[Name]>
  }

  /** An enemy in a page of its own, that comes from `address`. */
  async enemy(address = ENEMY): Promise<Enemy> {
    const [enemy] = await this.enemies(1, address)
    return enemy!
  }

  /** Enemies that share a page, and so the bounds of one tab of their browser. */
  async enemies(count: number, address = ENEMY): Promise<Enemy[]> {
    const relay = await this.relayFrom(address)
    this.#enemyPage ??= this.#openEnemyPage()
    const { browser, pid, server } = await this.#enemyPage
    const context = await browser.newContext({ permissions: [...CHROMIUM_PERMISSIONS] })
    const page = await context.newPage()
    await page.goto(`http://localhost:${(server.address() as AddressInfo).port}/`)
    await prioritize(pid, ENEMY_PRIORITY)
    const all: Enemy[] = []
    let left = count
    const gone = async (): Promise<void> => {
      if (--left === 0) await context.close().catch(() => undefined)
    }
    for (let i = 0; i < count; i++) {
      const handle = await page.evaluateHandle(
        ([address, network]) =>
          (globalThis as unknown as { Intruder: typeof Intruder }).Intruder.enter(address, network),
        [relay, this.networkId] as const,
      )
      all.push(new Enemy(handle, await handle.evaluate(({ id }) => id), gone))
    }
    return all
  }

  /** Another browser, for tabs that are stopped or that are strangers to the others. */
  async anotherBrowser(): Promise<OwnBrowser> {
    const own = await launch()
    this.#browsers.push(own)
    return own
  }

  /** A browser's storage whose tabs run by a clock that is wrong by `seconds`. */
  wrongClock(seconds: number): Promise<BrowserContext> {
    return this.world.newContext({ userAgent: `Mozilla/5.0 Chrome/150.0 ClockShift/${seconds}` })
  }

  /** Opens one more tab of this network, which is not counted among the honest ones. */
  load(name: string, options: OpenOptions = {}): Promise<Tab> {
    return this.world.load(name, { query: this.query, server: this.server, ...options })
  }

  /**
   * Somebody opens the page. Answers the milliseconds until the tab has an honest direct peer and the chain that the others had when it
   * came; undefined when it took too long. The tab is closed again.
   */
  async newcomer(patience = NEVER): Promise<number | undefined> {
    const height = await this.payer.rpc('getblockcount')
    const hash = await this.payer.rpc('getblockhash', height)
    const began = performance.now()
    const left = (): number => Math.max(1, Math.ceil(patience - (performance.now() - began)))
    const name = `newcomer ${++this.#newcomers}`
    const tab = await orNever(this.load(name), patience)
    if (!tab) {
      this.complaints.push(`${name} didn’t get the page`)
      return undefined
    }
    const steps = [`the page after ${Math.round(performance.now() - began)} ms`]
    const reached = (what: string): void =>
      void steps.push(`${what} after ${Math.round(performance.now() - began)} ms`)
    try {
      const joined = await orNever(
        (async () => {
          await tab.ready()
          reached('a node')
          await tab.until(
            'it has an honest peer',
            'getpeerinfo',
            [],
            (peers: readonly PeerResult[]) => peers.some(({ peerid }) => this.ids.includes(peerid)),
            left(),
          )
          reached('an honest peer')
          await tab.until('it has caught up', 'getblockcount', [], (at: number) => at >= height, left())
          if ((await tab.rpc('getblockhash', height)) !== hash) return undefined
          return performance.now() - began
        })(),
        patience,
      )
      if (joined === undefined) this.complaints.push(await this.#complaint(tab, height))
      else if (joined > JOIN) this.complaints.push(`${name} had ${steps.join(', ')}`)
      return joined
    } finally {
      await tab.page.close().catch(() => undefined)
      await tab.context.close().catch(() => undefined)
    }
  }

  /** How far a newcomer came. */
  async #complaint(tab: Tab, wanted: number): Promise<string> {
    const peers = (await orNever(tab.rpc('getpeerinfo'), 5000)) ?? []
    const honest = peers.filter(({ peerid }) => this.ids.includes(peerid)).length
    const { blocks = 'none', headers = 'none' } = (await orNever(tab.rpc('getblockchaininfo'), 5000)) ?? {}
    return `${tab.name} had ${peers.length} peers, ${honest} of them honest, block ${blocks} of ${wanted} and header ${headers}`
  }

  /** The payer pays and the miner mines; milliseconds until the payee has it confirmed, undefined when that took too long. */
  payment(patience = NEVER): Promise<number | undefined> {
    const began = performance.now()
    return orNever(
      (async () => {
        const txid = await this.payer.pay(this.#payeeAddress, 0.001)
        const has = (txids: readonly string[]): boolean => txids.includes(txid)
        await this.miner.until('it has the payment', 'getrawmempool', [], has, patience)
        await this.mine()
        await this.payee.until(
          'it is paid',
          'gettransaction',
          [txid],
          ({ confirmations }: WalletTransactionDetail) => confirmations > 0,
          patience,
        )
        return performance.now() - began
      })(),
      patience,
    )
  }

  /** The miner mines a block. Answers its hash. */
  async mine(): Promise<string> {
    const [hash] = await this.miner.generate(1, this.#payerAddress)
    return hash!
  }

  /** The miner mines; milliseconds until all honest tabs have the same tip, undefined when that took too long. */
  agreement(patience = NEVER, tabs: readonly Tab[] = this.tabs): Promise<number | undefined> {
    const began = performance.now()
    return orNever(
      (async () => {
        const hash = await this.mine()
        const is = (tip: string): boolean => tip === hash
        await Promise.all(
          tabs.map((tab) => tab.until(`its tip is ${hash}`, 'getbestblockhash', [], is, patience)),
        )
        return performance.now() - began
      })(),
      patience,
    )
  }

  /** How long the slowest honest tab takes to answer a question, milliseconds. */
  async answers(): Promise<number> {
    const times = await Promise.all(
      this.tabs.map(async (tab) => {
        const began = performance.now()
        await orNever(tab.rpc('getblockcount'), NEVER)
        return performance.now() - began
      }),
    )
    return Math.max(...times)
  }

  /** The honest ones among a tab's peers. */
  async honestPeers(tab: Tab): Promise<PeerResult[]> {
    const peers = await tab.rpc('getpeerinfo')
    return peers.filter(({ peerid }) => this.ids.includes(peerid))
  }

  /** WebRTC connections that each honest tab has opened since it was loaded, by the browser's own count. */
  connectionsOpened(): Promise<number[]> {
    return Promise.all(this.tabs.map((tab) => tab.connectionsOpened()))
  }

  /** Watches the memory of the tabs that there are now. */
  async watchMemory(): Promise<MemoryWatch> {
    return new MemoryWatch(this.pid, await tabMemory(this.pid))
  }

  /** Sentences that nothing in an honest tab's page caught. */
  get pageErrors(): string[] {
    return this.world.tabs.flatMap(({ name, pageErrors }) => pageErrors.map((error) => `${name}: ${error}`))
  }

  async close(): Promise<void> {
    if (this.#outsider.connected) this.#outsider.disconnect()
    const enemies = await this.#enemyPage?.catch(() => undefined)
    enemies?.server.close()
    await Promise.all([...this.#browsers.map(({ browser }) => browser.close().catch(() => undefined))])
    await this.world.close()
  }

  async #begin(): Promise<void> {
    const { tabs = 4, network = 'regtest' } = this.setting
    const page = withClocks(await pageOf(network))
    this.page = page
    this.server = await this.world.serve({ page: () => page })
    for (const name of NAMES.slice(0, tabs)) {
      const tab = await (await this.load(name)).ready()
      this.tabs.push(tab)
      const { peerId, networkId } = await tab.identity()
      this.ids.push(peerId)
      this.networkId = networkId
    }
    await Promise.all(this.tabs.map((tab) => tab.untilPeers(Math.min(3, tabs - 1))))
    await Promise.all(this.tabs.map((tab) => tab.untilReserved()))
    if (network !== 'regtest') return
    await this.payer.createWallet()
    await this.payee.createWallet()
    this.#payerAddress = await this.payer.rpc('getnewaddress')
    this.#payeeAddress = await this.payee.rpc('getnewaddress')
    const hashes = await this.payer.generate(MATURE, this.#payerAddress)
    await Promise.all(this.tabs.map((tab) => tab.untilTip(hashes.at(-1)!)))
    // Unlocking the keys takes memory once, which is none of an attack's doing.
    await this.payment()
  }

  async #openEnemyPage(): Promise<OwnBrowser & { readonly server: HttpServer }> {
    const { browser, pid } = await launch()
    this.#browsers.push({ browser, pid })
    await prioritize(pid, ENEMY_PRIORITY)
    const script = await intruderScript()
    const server = createServer((request, response) => {
      const isScript = request.url === '/intruder.js'
      response.setHeader('content-type', isScript ? 'text/javascript' : 'text/html; charset=utf-8')
      response.end(
        isScript ? script : '<!doctype html><title>Enemy</title><script src="/intruder.js"></script>',
      )
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return { browser, pid, server }
  }
}

/** The greatest growth of any tab that was there when it began. */
export class MemoryWatch {
  readonly #browser: number
  readonly #before: ReadonlyMap<number, number>
  readonly #timer: NodeJS.Timeout
  #peak = 1
  #peakBytes = 0

  constructor(browser: number, before: ReadonlyMap<number, number>) {
    this.#browser = browser
    this.#before = before
    this.#timer = setInterval(() => void this.#look(), 1000)
    this.#timer.unref()
  }

  /** Ends the watch. Answers the greatest multiple of what a tab had, and the most that one had, bytes. */
  async end(): Promise<{ growth: number; bytes: number }> {
    clearInterval(this.#timer)
    await this.#look()
    return { growth: this.#peak, bytes: this.#peakBytes }
  }

  async #look(): Promise<void> {
    for (const [pid, bytes] of await tabMemory(this.#browser)) {
      const before = this.#before.get(pid)
      if (before === undefined) continue
      this.#peak = Math.max(this.#peak, bytes / before)
      this.#peakBytes = Math.max(this.#peakBytes, bytes)
    }
  }
}

/** `work`, or undefined when it fails or takes longer than `patience` milliseconds. */
export async function orNever<T>(work: Promise<T>, patience: number): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined
  const over = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), patience)
  })
  try {
    return await Promise.race([work.catch(() => undefined), over])
  } finally {
    clearTimeout(timer)
  }
}

export function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds))
}

/** Enemies bring machines of their own; here they must not take the processor from the tabs. */
const ENEMY_PRIORITY = Math.min(19, getPriority() + 3)

let launching: Promise<unknown> = Promise.resolve()

/** Starts a browser, one after the other: its process is known by having come. */
async function launch(): Promise<OwnBrowser> {
  const executablePath = await findChromium()
  const launched = launching.then(async () => {
    const before = await browsers()
    const browser = await chromium.launch({ executablePath, args: [...CHROMIUM_FLAGS] })
    const pid = [...(await browsers())].find((id) => !before.has(id))
    if (pid === undefined) throw new Error('The browser’s process was not found')
    return { browser, pid }
  })
  launching = launched.catch(() => undefined)
  return launched
}

let script: Promise<string> | undefined

function intruderScript(): Promise<string> {
  script ??= build({
    entryPoints: [fileURLToPath(new URL('intruder.ts', import.meta.url))],
    bundle: true,
    write: false,
    platform: 'browser',
    target: 'es2023',
    format: 'iife',
  }).then(({ outputFiles }) => outputFiles[0]!.text)
  return script
}

/** The built page; with another easiest target where the network is the scaled one. */
async function pageOf(network: 'regtest' | 'scaled'): Promise<PageHandler> {
  const page = await loadPage(DIST)
  if (network === 'regtest') return page
  return rewritten(page, (text) =>
    text.replaceAll(`powLimitBits:${PUBLIC_LIMIT}`, `powLimitBits:${EASY_LIMIT}`),
  )
}

/** The page as a browser gets it whose user agent says by how many seconds its clock is wrong. */
function withClocks(page: PageHandler): PageHandler {
  return (request, response) => {
    const [, shift] = /ClockShift\/(-?\d+)/.exec(request.headers['user-agent'] ?? '') ?? []
    if (shift === undefined) page(request, response)
    else rewritten(page, (script) => `${CLOCK(Number(shift))}\n${script}`)(request, response)
  }
}

/** Puts every clock of a thread wrong, once. */
const CLOCK = (seconds: number): string =>
  `globalThis.clockShift??=(()=>{const Right=Date;const shift=${seconds * 1000};globalThis.Date=class extends Right{` +
  'constructor(...a){if(a.length)super(...a);else super(Right.now()+shift)}static now(){return Right.now()+shift}};return shift})();'

/** The page with its scripts changed on the way. */
function rewritten(page: PageHandler, change: (script: string) => string): PageHandler {
  return (request, response) => {
    // Plain and whole: neither compressed nor told to be as it was.
    delete request.headers['accept-encoding']
    delete request.headers['if-none-match']
    if (!(request.url ?? '').split('?', 1)[0]!.endsWith('.js')) return page(request, response)
    const end = response.end.bind(response)
    const writeHead = response.writeHead.bind(response)
    response.writeHead = ((status: number, headers: Record<string, string>) => {
      const { 'content-length': _, etag: __, ...rest } = headers
      return writeHead(status, rest)
    }) as typeof response.writeHead
    response.end = ((body?: Buffer | string) =>
      end(body === undefined ? undefined : change(body.toString()))) as typeof response.end
    page(request, response)
  }
}
