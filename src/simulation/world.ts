/**
 * A whole simulated network: virtual time, the links, and the nodes, all drawn from one seed. Scenarios and directed tests drive it;
 * equal seeds and equal calls give equal runs, event by event.
 */
import { type NetworkParams, REGTEST } from '../consensus/params.ts'
import type { PeerId } from '../network/transport.ts'
import type { NodeEvent } from '../node/events.ts'
import { callRpc } from '../node/rpc.ts'
import { bytesToHex } from '../primitives/bytes.ts'
import { startSha256 } from '../primitives/hashes.ts'
import { checkInvariants } from './invariants.ts'
import { SeededRandom } from './seeded-random.ts'
import { SimulatedNode } from './simulated-node.ts'
import { simulatedSigner } from './simulated-signer.ts'
import { VerdictCache } from './virtual-check-pool.ts'
import { type NetworkConditions, VirtualNetwork } from './virtual-network.ts'
import { VirtualTime } from './virtual-time.ts'

/** Trivial difficulty at first, which then follows the miners; coinbases mature soon, and coins are often counted. */
export const SIMULATION_PARAMS: NetworkParams = {
  ...REGTEST,
  retarget: true,
  weightLimit: 400_000,
  coinbaseMaturity: 3,
  snapshotInterval: 8,
  snapshotDelay: 3,
  // Which would let blocks be hours ahead of time.
  testControls: false,
}

/** Virtual milliseconds. */
export const SECOND = 1000
export const MINUTE = 60 * SECOND

/** A quick network that loses nothing. */
const GOOD_CONDITIONS: NetworkConditions = { latency: [20, 100], gossipLoss: 0, degree: 3 }

export interface WorldOptions {
  /** Any text. */
  readonly seed: string
  /** See `VirtualTime`. */
  readonly drain: () => Promise<void>
  readonly params?: NetworkParams
  readonly conditions?: NetworkConditions
}

export interface WorldNodeOptions {
  /** Hashes a virtual second while it mines; two an average block at the limit. */
  readonly hashRate?: number
  /** A node without one mines for nobody. */
  readonly wallet?: boolean
  /** Milliseconds by which its clock is ahead. */
  readonly clockError?: number
}

export class World {
  readonly params: NetworkParams
  readonly random: SeededRandom
  readonly time: VirtualTime
  readonly network: VirtualNetwork
  readonly verdicts = new VerdictCache()
  readonly nodes: SimulatedNode[] = []
  /** Hears all that nodes tell. */
  onEvent: (id: PeerId, event: NodeEvent) => void = () => {}
  private readonly events = startSha256()
  /** Thrown by what nobody awaits. */
  private failure: Error | undefined

  constructor({ seed, drain, params = SIMULATION_PARAMS, conditions = GOOD_CONDITIONS }: WorldOptions) {
    this.params = params
    this.random = new SeededRandom(seed)
    this.time = new VirtualTime((params.genesisTime + 60) * 1000, drain)
    this.network = new VirtualNetwork(this.time, this.random.fork('network'), conditions)
  }

  /** A node that is not started yet. */
  async addNode(options: WorldNodeOptions = {}): Promise<SimulatedNode> {
    const { hashRate = 0.05, wallet = true, clockError = 0 } = options
    const id = `node-${this.nodes.length}` as PeerId
    const { params, time, network, verdicts } = this
    const node = new SimulatedNode({
      ...{ id, params, time, network, verdicts, hashRate, clockError },
      random: this.random.fork(id),
      signer: wallet ? await simulatedSigner(id, params) : undefined,
      faults: { report: (error) => this.fail(error) },
      onEvent: (event) => {
        this.record(id, event)
        this.onEvent(id, event)
      },
    })
    this.nodes.push(node)
    return node
  }

  /** `count` nodes that run. */
  async startNodes(count: number, options?: WorldNodeOptions): Promise<SimulatedNode[]> {
    const nodes: SimulatedNode[] = []
    for (let i = 0; i < count; i++) nodes.push(await this.addNode(options))
    for (const node of nodes) await this.time.complete(node.start())
    return nodes
  }

  get running(): SimulatedNode[] {
    return this.nodes.filter((node) => node.running)
  }

  /** Has nodes mine from now on, in this life and those to come. */
  mine(nodes: readonly SimulatedNode[]): void {
    for (const node of nodes) this.background(node.mine())
  }

  /** Does something that may take virtual time; should it fail, the next `run` or `until` throws. */
  background(work: Promise<unknown>): void {
    work.catch((error: unknown) => this.fail(error))
  }

  private fail(error: unknown): void {
    this.failure ??= error instanceof Error ? error : new Error(String(error))
  }

  /** Lets virtual milliseconds pass. */
  async run(milliseconds: number): Promise<void> {
    await this.time.run(milliseconds, () => this.failure !== undefined)
    if (this.failure) throw this.failure
  }

  /** Lets time pass until `done`; throws after so many virtual milliseconds. */
  async until(done: () => boolean, what: string, milliseconds = 10 * MINUTE): Promise<void> {
    const happened = await this.time.run(milliseconds, () => this.failure !== undefined || done())
    if (this.failure) throw this.failure
    if (!happened) throw new Error(`did not happen in ${milliseconds / MINUTE} virtual minutes: ${what}`)
  }

  /** Calls an RPC method; throws its error. Let time pass meanwhile. */
  async rpc(node: SimulatedNode, method: string, ...args: unknown[]): Promise<unknown> {
    const response = await callRpc(node.core, method, args)
    if ('error' in response) throw new Error(`${node.id}: ${method}: ${response.error.message}`)
    return response.result
  }

  /** Whether all nodes that run are on one tip. */
  agreed(nodes = this.running): boolean {
    return new Set(nodes.map(({ core: { chain } }) => chain.headers.hash(chain.tip))).size <= 1
  }

  /** Lets the miners rest, and all nodes hear of what was found. Whether they then agree: equal work may be tied. */
  async rest(): Promise<boolean> {
    for (const node of this.nodes) node.stopMining()
    await this.run(15 * SECOND)
    return this.agreed()
  }

  /**
   * Ends a run: no partition any more, every node runs, and the given ones mine until all agree on one tip and every mempool is empty. What
   * isn't mined within `milliseconds` had its chance.
   */
  async settle(miners: readonly SimulatedNode[], milliseconds = 60 * MINUTE): Promise<void> {
    this.network.heal()
    for (const node of this.nodes) if (!node.alive) this.background(node.start())
    await this.until(() => this.nodes.every((node) => node.running), 'all nodes run', MINUTE)
    const end = this.time.now() + milliseconds
    const settled = (): boolean => this.agreed() && this.nodes.every(({ core }) => core.mempool.size === 0)
    do {
      this.mine(miners)
      await this.run(MINUTE)
      await this.until(settled, 'all nodes agree, with nothing left to mine', end - this.time.now())
    } while (!((await this.rest()) && settled()))
  }

  /** Checks all that must hold of the nodes that run. */
  checkInvariants(): Promise<void> {
    return checkInvariants(this.running, this.time, this.verdicts)
  }

  /** A hash over all that the nodes told and when: equal in equal runs. */
  fingerprint(): string {
    return bytesToHex(this.events.clone().digest())
  }

  private record(id: PeerId, event: NodeEvent): void {
    const line = `${this.time.now()} ${id} ${JSON.stringify(event)}\n`
    const bytes = new Uint8Array(line.length)
    for (let i = 0; i < line.length; i++) bytes[i] = line.charCodeAt(i)
    this.events.update(bytes)
  }
}
