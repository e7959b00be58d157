/**
 * A tab whose node a journey drives by `opentab.rpc`, as a developer would, in whatever browser it runs. Thread: Node's main.
 */

import { type LogEvent, NODE_EVENT_NAMES } from '../../src/node/events.ts'
import type { RpcArguments, RpcCall, RpcMethodName, RpcResult } from '../../src/node/rpc-client.ts'
import { RpcError } from '../../src/node/rpc-error.ts'
import type { NetworkInfo, PeerResult } from '../../web/rpc-results.ts'
import type { Opentab, TabIdentity } from '../../web/tab/opentab.ts'

/** How long a journey waits for one thing, milliseconds: only to end one that hangs, and with words that help. */
export const PATIENCE = 240_000

/** What the wallets of journeys are encrypted with. */
export const PASSPHRASE = 'copper window battery staple'

/** What a journey leaves in the page to wait on. */
export interface Watch {
  /** Events seen. */
  count: number
  readonly waiting: (() => void)[]
  readonly log: LogEvent[]
}

/** The page's globals, as a journey uses them. */
export interface PageGlobals {
  readonly opentab: Opentab
  watch: Watch
  /** Connections made and not closed yet, kept by an init script: the browser's own account of what the tab is connected to. */
  readonly connections: ReadonlySet<RTCPeerConnection>
  /** How many were made, closed ones included. */
  readonly connectionsOpened: number
}

/** What `opentab.rpc` came to. */
interface Answer {
  readonly result?: unknown
  readonly error?: Pick<RpcError, 'code' | 'message'>
}

/** Runs in the page: what a call of `opentab.rpc` comes to, or of that of a wallet. */
async function askNode([method, args, wallet]: readonly [
  string,
  readonly unknown[],
  wallet?: string,
]): Promise<Answer> {
  type Caller = { rpc(method: string, ...args: unknown[]): Promise<unknown> }
  const { opentab } = globalThis as unknown as { opentab: Caller & { wallet(name: string): Caller } }
  try {
    const caller = wallet === undefined ? opentab : opentab.wallet(wallet)
    return { result: await caller.rpc(method, ...args) }
  } catch (error) {
    const { code, message } = error as RpcError
    return { error: { code, message } }
  }
}

/** A tab whose node runs. */
export abstract class NodeTab {
  /** For messages. */
  readonly name: string

  constructor(name: string) {
    this.name = name
  }

  /** Runs a function in the page, which sees nothing but its argument and the page, and answers what comes of it. Both are plain data. */
  abstract evaluate<T, A>(run: (argument: A) => T | Promise<T>, argument: A): Promise<T>

  /** Begins to note the node's events, once it runs. */
  protected async watch(): Promise<void> {
    await this.evaluate((names) => {
      const { opentab } = globalThis as unknown as PageGlobals
      const watch: Watch = { count: 0, waiting: [], log: [] }
      for (const name of names)
        opentab.on(name, () => {
          watch.count++
          for (const wake of watch.waiting.splice(0)) wake()
        })
      opentab.on('log', (line) => watch.log.push(line))
      Object.assign(globalThis, { watch })
      // Any of them may be what a journey waits for.
    }, NODE_EVENT_NAMES)
  }

  /** Calls `opentab.rpc` in the page. Rejects with the page's `RpcError`. */
  readonly rpc: RpcCall = async (method, ...args) => (await this.ask(method, args)) as never

  /** The same of one wallet. */
  rpcOf(wallet: string): RpcCall {
    return async (method, ...args) => (await this.ask(method, args, wallet)) as never
  }

  private async ask(method: string, args: readonly unknown[], wallet?: string): Promise<unknown> {
    // Left out rather than undefined, which some drivers carry over as null.
    const call = wallet === undefined ? ([method, args] as const) : ([method, args, wallet] as const)
    const answer = await this.evaluate(askNode, call)
    if (answer.error) throw new RpcError(answer.error.code, answer.error.message)
    return answer.result
  }

  /** Asks again after every event of the node until `holds` says yes; resolves with that answer. */
  async until<Name extends RpcMethodName, const Args extends RpcArguments<Name>>(
    what: string,
    method: Name,
    args: Args,
    holds: (result: RpcResult<Name, Args>) => boolean,
    patience = PATIENCE,
  ): Promise<RpcResult<Name, Args>> {
    const over = AbortSignal.timeout(patience)
    for (;;) {
      const seen = await this.eventsSeen()
      const result = (await this.rpc(method, ...args)) as RpcResult<Name, Args>
      if (holds(result)) return result
      if (over.aborted)
        throw new Error(`${this.name} waited in vain until ${what}; ${method} says ${JSON.stringify(result)}`)
      await this.anotherEvent(seen, over)
    }
  }

  /** Events of the node since it was ready. */
  eventsSeen(): Promise<number> {
    return this.evaluate(() => (globalThis as unknown as PageGlobals).watch.count, null)
  }

  /** Resolves when the node has told more events than `seen`, or `over` aborts. */
  async anotherEvent(seen: number, over: AbortSignal): Promise<void> {
    let end = (): void => {}
    const ended = new Promise<void>((resolve) => {
      end = resolve
    })
    if (over.aborted) end()
    over.addEventListener('abort', end)
    const event = this.evaluate((after) => {
      const { watch } = globalThis as unknown as PageGlobals
      if (watch.count > after) return undefined
      return new Promise<void>((wake) => watch.waiting.push(wake))
    }, seen)
    // Whoever gives up closes the page, which this then complains of.
    event.catch(() => undefined)
    try {
      await Promise.race([event, ended])
    } finally {
      // `over` outlives many events.
      over.removeEventListener('abort', end)
    }
  }

  /** Waits until the active chain ends in this block. */
  async untilTip(hash: string): Promise<void> {
    await this.until(`its tip is ${hash}`, 'getbestblockhash', [], (tip) => tip === hash)
  }

  /** Waits until the active chain has this height. */
  async untilHeight(height: number): Promise<void> {
    await this.until(`it is at height ${height}`, 'getblockcount', [], (at) => at === height)
  }

  /** Waits until there are at least this many direct peers. */
  untilPeers(least: number): Promise<readonly PeerResult[]> {
    return this.until(`it has ${least} peers`, 'getpeerinfo', [], (peers) => peers.length >= least)
  }

  /** Waits until this many relays hold a slot for the tab. */
  untilReserved(count = 1): Promise<NetworkInfo> {
    return this.until(
      `${count} relays hold a slot for it`,
      'getnetworkinfo',
      [],
      ({ relays }) => relays.filter(({ state }) => state === 'reserved').length === count,
    )
  }

  /** Creates a wallet and answers its seed words. */
  async createWallet(): Promise<string> {
    return (await this.rpc('createwallet', '', { passphrase: PASSPHRASE })).mnemonic!
  }

  /** Mines blocks on demand to an address of its own, or the one given; answers their hashes. */
  async generate(count: number, address?: string): Promise<readonly string[]> {
    return this.rpc('generatetoaddress', count, address ?? (await this.rpc('getnewaddress', 'mined')))
  }

  /** Pays and answers the txid. */
  async pay(address: string, amount: number): Promise<string> {
    await this.rpc('walletpassphrase', PASSPHRASE, 600)
    return this.rpc('sendtoaddress', address, amount)
  }

  /** What this tab is. */
  identity(): Promise<TabIdentity> {
    return this.evaluate(() => (globalThis as unknown as PageGlobals).opentab.identity, null)
  }
}
