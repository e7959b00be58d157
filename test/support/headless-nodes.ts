/** Nodes without a browser as processes of their own, driven by lines as a program of somebody else would. Thread: Node's main. */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { RpcArguments, RpcCall, RpcMethodName, RpcResult } from '../../src/node/rpc-client.ts'
import { RpcError, type RpcResponse } from '../../src/node/rpc-error.ts'
import { PATIENCE } from './node-tab.ts'
import { PROJECT } from './test-runs.ts'

/** Log lines that are kept for a failure. */
const LOG_LINES = 60

/** One process. */
export class HeadlessProcess {
  /** For messages. */
  readonly name: string
  private readonly child: ChildProcess
  private readonly exited: Promise<unknown>
  /** Whoever waits for an answer, in the order of the calls. */
  private readonly waiting: { resolve(response: RpcResponse): void; reject(error: Error): void }[] = []
  private readonly log: string[] = []
  private wake: () => void = () => {}
  private nextEvent = this.anEvent()

  /** `folder`: its data. `relay`: as its option. `more`: further options. */
  constructor(name: string, folder: string, relay: string, more: readonly string[] = []) {
    this.name = name
    const options = [
      '--network',
      'regtest',
      '--datadir',
      folder,
      '--relay',
      relay,
      '--console',
      '--events',
      ...more,
    ]
    const child = spawn(process.execPath, ['--import', 'tsx', 'headless/main.ts', ...options], {
      cwd: PROJECT,
      stdio: ['pipe', 'pipe', 'pipe'],
    })
    this.child = child
    this.exited = new Promise((resolve) => child.once('exit', resolve))
    // Written to when it has died: whoever asked is told below.
    child.stdin.on('error', () => undefined)
    createInterface({ input: child.stdout }).on('line', (line) => this.take(JSON.parse(line)))
    createInterface({ input: child.stderr }).on('line', (line) => {
      this.log.push(line)
      if (this.log.length > LOG_LINES) this.log.shift()
    })
    child.once('exit', () => {
      for (const { reject } of this.waiting.splice(0))
        reject(new Error(`${this.name} ended.\n${this.report()}`))
    })
  }

  /** Rejects with the node's `RpcError`, or an Error where the process ends before it answers. */
  readonly rpc: RpcCall = async (method, ...args) => {
    const response = await new Promise<RpcResponse>((resolve, reject) => {
      this.waiting.push({ resolve, reject })
      this.child.stdin!.write(`${method} ${JSON.stringify(args).slice(1, -1)}\n`)
    })
    if ('error' in response) throw new RpcError(response.error.code, response.error.message)
    return response.result as never
  }

  /** Asks again after every event of the node until `holds` says yes; resolves with that answer. */
  async until<Name extends RpcMethodName, const Args extends RpcArguments<Name>>(
    what: string,
    method: Name,
    args: Args,
    holds: (result: RpcResult<Name, Args>) => boolean,
  ): Promise<RpcResult<Name, Args>> {
    const over = AbortSignal.timeout(PATIENCE)
    const ended = new Promise<void>((resolve) => over.addEventListener('abort', () => resolve()))
    for (;;) {
      const { nextEvent } = this
      const result = (await this.rpc(method, ...args)) as RpcResult<Name, Args>
      if (holds(result)) return result
      if (over.aborted)
        throw new Error(`${this.name} waited in vain until ${what}; ${method} says ${JSON.stringify(result)}`)
      await Promise.race([nextEvent, ended, this.exited])
    }
  }

  /** Waits until it has a block of this hash at its tip. */
  async untilTip(hash: string): Promise<void> {
    await this.until(`its tip is ${hash}`, 'getbestblockhash', [], (tip) => tip === hash)
  }

  /** Kills it at once: nothing in it runs any more. */
  async kill(): Promise<void> {
    this.child.kill('SIGKILL')
    await this.exited
  }

  /** Resolves when it has ended. */
  async ended(): Promise<void> {
    await this.exited
  }

  /** Has it stop by itself. */
  async stop(): Promise<void> {
    await this.rpc('stop')
    await this.exited
  }

  /** What a failed test prints. */
  report(): string {
    return [`--- ${this.name}`, ...this.log].join('\n')
  }

  private take(line: RpcResponse | { readonly event: string }): void {
    if (!('event' in line)) {
      this.waiting.shift()?.resolve(line)
      return
    }
    this.wake()
    this.nextEvent = this.anEvent()
  }

  private anEvent(): Promise<void> {
    return new Promise((resolve) => {
      this.wake = resolve
    })
  }
}

/** Runs a test with nodes that are ended, and their folders removed, whatever happens; what they logged is printed when it fails. */
export async function withNodes(run: (nodes: HeadlessNodes) => Promise<void>): Promise<void> {
  const nodes = new HeadlessNodes()
  try {
    await run(nodes)
  } catch (error) {
    process.stderr.write(`${nodes.report()}\n`)
    throw error
  } finally {
    await nodes.close()
  }
}

/** The nodes of a test. */
export class HeadlessNodes {
  private readonly processes: HeadlessProcess[] = []
  private readonly folders = new Map<string, string>()

  /** The folder of the nodes of this name; made at the first call. */
  async folder(name: string): Promise<string> {
    const folder = this.folders.get(name) ?? (await mkdtemp(join(tmpdir(), 'opentab-node-')))
    this.folders.set(name, folder)
    return folder
  }

  /** A node of this name, with the folder that others of the same name left or have. */
  async start(name: string, relay: string, more: readonly string[] = []): Promise<HeadlessProcess> {
    const folder = await this.folder(name)
    const started = new HeadlessProcess(name, folder, relay, more)
    this.processes.push(started)
    return started
  }

  report(): string {
    return this.processes.map((each) => each.report()).join('\n')
  }

  async close(): Promise<void> {
    for (const each of this.processes) await each.kill()
    for (const folder of this.folders.values()) await rm(folder, { recursive: true, force: true })
  }
}
