/**
 * A whole simulated network: virtual time, the links, and the nodes, all drawn from one seed. Scenarios and directed tests drive it;
 * equal seeds and equal calls give equal runs, event by event.
 */
import { type NetworkParams, REGTEST } from '../consensus/params.ts'
import type { PeerId } from '../network/transport.ts'
import type { NodeEvent } from '../node/events.ts'
import { callRpc } from '../node/rpc.ts'
import { MINUTE, Run, type RunOptions, SECOND } from '../simulator/run.ts'
import type { NetworkConditions } from '../simulator/virtual-network.ts'
import { checkInvariants } from './invariants.ts'
import { SimulatedNode } from './simulated-node.ts'
import { simulatedSigner } from './simulated-signer.ts'
import { TabNetwork } from './tab-network.ts'
import { VerdictCache } from './virtual-check-pool.ts'

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

/** A quick network that loses nothing. */
const GOOD_CONDITIONS: NetworkConditions = { latency: [20, 100], loss: 0, degree: 3 }

export interface WorldOptions extends Omit<RunOptions, 'start'> {
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

export class World extends Run {
  readonly params: NetworkParams
  readonly network: TabNetwork
  readonly verdicts = new VerdictCache()
  readonly nodes: SimulatedNode[] = []
  /** Hears all that nodes tell. */
  onEvent: (id: PeerId, event: NodeEvent) => void = () => {}

  constructor({ seed, drain, params = SIMULATION_PARAMS, conditions = GOOD_CONDITIONS }: WorldOptions) {
    super({ seed, start: (params.genesisTime + 60) * 1000, drain })
    this.params = params
    this.network = new TabNetwork(this.time, this.random.fork('network'), conditions)
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
}
