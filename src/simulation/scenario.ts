/**
 * One seeded scenario: some nodes on a network of the seed's choosing mine, pay, compete and fail in the ways that tabs do, for
 * some virtual hour. Then all is healed, and every invariant must hold.
 */
import type { NetworkParams } from '../consensus/params.ts'
import type { PeerId } from '../network/transport.ts'
import { callRpc } from '../node/rpc.ts'
import { RPC_INTERNAL_ERROR } from '../node/rpc-error.ts'
import { sats } from '../primitives/amount.ts'
import { outpointKey, type Transaction } from '../primitives/transaction.ts'
import { MINUTE, SECOND } from '../simulator/run.ts'
import { Psbt } from '../wallet/psbt.ts'
import { Adversary } from './adversary.ts'
import { ATTACKS } from './attacks.ts'
import type { SimulatedNode } from './simulated-node.ts'
import { SIMULATION_PARAMS, World } from './world.ts'

export interface ScenarioOptions {
  /** Any text: all that happens follows from it. */
  readonly seed: string
  /** See `VirtualTime`. */
  readonly drain: () => Promise<void>
  /** Hears what happens, for whoever looks into a failing seed. */
  readonly log?: (line: string) => void
}

/** What happened in a run. */
export interface ScenarioReport {
  /** See `World.fingerprint`. */
  readonly fingerprint: string
  /** Of the tip that all agreed on. */
  readonly height: number
  /** How often each thing happened. */
  readonly counts: ReadonlyMap<string, number>
}

/** Runs the scenario of a seed to its end. Throws what breaks. */
export async function runScenario(options: ScenarioOptions): Promise<ScenarioReport> {
  return new Scenario(options).run()
}

/** Mean virtual milliseconds between two happenings: one of these a run. */
const PACES = [30 * SECOND, 60 * SECOND, 120 * SECOND]

class Scenario {
  private readonly world: World
  private readonly random: World['random']
  private readonly log: (line: string) => void
  private readonly counts = new Map<string, number>()
  private miners: SimulatedNode[] = []
  private readonly adversaries: Adversary[] = []
  /** What was to happen later no longer does. */
  private over = false

  constructor({ seed, drain, log = () => {} }: ScenarioOptions) {
    // Drawn before the world is there, by a generator of its own.
    const { random } = new World({ seed: `conditions/${seed}`, drain })
    const params: NetworkParams = { ...SIMULATION_PARAMS, coinbaseMaturity: random.between(3, 5) }
    const slowest = random.pick([50, 300, 2000])
    this.world = new World({
      ...{ seed, drain, params },
      conditions: {
        latency: [random.between(5, slowest), slowest],
        loss: random.pick([0, 0.05, 0.3]),
        degree: random.between(1, 4),
      },
    })
    this.random = this.world.random.fork('scenario')
    this.log = (line) => log(`${(this.world.time.now() / 1000 - params.genesisTime).toFixed(3)} ${line}`)
    this.world.onEvent = (id, event) => {
      if (event.name === 'log') this.log(`${id} [${event.detail.source}] ${event.detail.message}`)
      if (event.name === 'tip' && event.detail.disconnected > 0) this.count('reorganisation')
      if (event.name === 'tip') this.maybeKill(id, 0.005)
    }
  }

  async run(): Promise<ScenarioReport> {
    const { world, random } = this
    await this.populate()
    const end = world.time.now() + random.between(20, 60) * MINUTE
    const pace = random.pick(PACES)
    while (world.time.now() < end) {
      await world.run(random.exponential(pace))
      await this.act()
    }
    this.over = true
    this.log('all is healed')
    for (const adversary of this.adversaries) await adversary.stop()
    for (const node of world.nodes.filter(({ diskFull }) => diskFull)) {
      node.diskFull = false
      await node.kill()
    }
    await world.settle(this.miners)
    await world.checkInvariants()
    const { headers, tip } = world.nodes[0].core.chain
    return { fingerprint: world.fingerprint(), height: headers.height(tip), counts: this.counts }
  }

  /** Nodes, of which one mines at least, and in some runs hostile peers. */
  private async populate(): Promise<void> {
    const { world, random } = this
    const count = random.between(3, 7)
    const payers = random.between(2, 3)
    for (let i = 0; i < count; i++)
      await world.addNode({
        hashRate: random.pick([0.01, 0.05, 0.2]),
        wallet: i < payers,
        clockError: random.chance(0.3) ? random.between(-40, 40) * SECOND : 0,
      })
    this.miners = world.nodes.filter((_, i) => i === 0 || random.chance(0.5))
    world.mine(this.miners)
    // Of the rest some join late.
    for (const [i, node] of world.nodes.entries()) if (i < 2 || random.chance(0.8)) this.start(node)
    if (!random.chance(0.4)) return
    for (let i = random.between(1, 2); i > 0; i--) {
      const names = random.shuffle(Object.keys(ATTACKS) as (keyof typeof ATTACKS)[])
      const attacks = names.slice(0, random.between(1, 3))
      this.log(`hostile-${i} does ${attacks.join(', ')}`)
      const adversary = new Adversary({
        id: `hostile-${i}` as PeerId,
        network: world.network,
        random: random.fork('adversary'),
        attacks: attacks.map((name) => ATTACKS[name]),
        view: () => world.running[0]?.core,
      })
      this.adversaries.push(adversary)
      await adversary.start()
    }
  }

  private async act(): Promise<void> {
    const { random } = this
    const node = random.pick(this.world.nodes)
    const [, happening] = random.pick(WEIGHTED)
    await happening(this, node)
  }

  /** Does something on a node that breaks the run when it fails, unless the node's disk is full. */
  private background(node: SimulatedNode, work: Promise<unknown>): void {
    this.world.background(
      work.catch((error: unknown) => {
        if (!node.diskFull) throw error
      }),
    )
  }

  private later(milliseconds: number, run: () => void): void {
    this.world.time.after(milliseconds, () => {
      if (!this.over) run()
    })
  }

  private count(what: string): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + 1)
  }

  private note(what: string, who: SimulatedNode | string, more = ''): void {
    this.count(what)
    this.log(`${typeof who === 'string' ? who : who.id}: ${what} ${more}`)
  }

  start(node: SimulatedNode): void {
    if (node.alive) return
    this.note('start', node)
    // Someone made room before.
    node.diskFull = false
    this.background(node, node.start())
    // Some tabs don't live to see the end of it.
    if (this.random.chance(0.15))
      this.later(this.random.between(0, 200), () => this.world.background(this.kill(node)))
  }

  async kill(node: SimulatedNode): Promise<void> {
    if (!node.alive) return
    this.note('kill', node)
    await node.kill()
    this.startLater(node)
  }

  /** Once in a while a tab dies at the very instant at which it has told something: that must be durable. */
  private maybeKill(id: PeerId, probability: number): void {
    const node = this.world.nodes.find((each) => each.id === id)
    if (node && !this.over && this.random.chance(probability)) this.world.background(this.kill(node))
  }

  async stop(node: SimulatedNode): Promise<void> {
    // With a full disk it could not end in good order.
    if (!node.running || node.diskFull) return
    this.note('stop', node)
    await this.world.time.complete(node.stop())
    this.startLater(node)
  }

  fillDisk(node: SimulatedNode): void {
    if (!node.running || node.diskFull) return
    this.note('full disk', node)
    node.diskFull = true
    this.later(this.random.between(5, 120) * SECOND, () => {
      node.diskFull = false
      this.world.background(this.kill(node))
    })
  }

  private startLater(node: SimulatedNode): void {
    this.later(this.random.exponential(30 * SECOND), () => this.start(node))
  }

  partition(): void {
    const { world, random } = this
    const groups: PeerId[][] = Array.from({ length: random.between(2, 3) }, () => [])
    const everyone = [...world.nodes.map(({ id }) => id), ...this.adversaries.map(({ id }) => id)]
    for (const id of everyone) random.pick(groups).push(id)
    this.note('partition', groups.map((group) => group.join(' ')).join(' | '))
    world.network.partition(groups)
    this.later(random.between(20, 400) * SECOND, () => {
      this.note('heal', 'network')
      world.network.heal()
    })
  }

  /** `sendtoaddress` to an address that another node gives. */
  pay(node: SimulatedNode): void {
    const payee = this.random.pick(this.world.nodes.filter(({ hasWallet }) => hasWallet))
    if (!node.running || !node.hasWallet || !payee.running) return
    this.world.background(this.payTo(node, payee))
  }

  private async payTo(node: SimulatedNode, payee: SimulatedNode): Promise<void> {
    const address = (await this.call(payee, 'getnewaddress')) as string | undefined
    if (address === undefined) return
    payee.acknowledged.address(address)
    this.maybeKill(payee.id, 0.1)
    if (!node.running) return
    const { trusted } = node.wallet.balances()
    // Now and then all of a wallet's coins; mostly a few: every input takes its time to be signed.
    const amount = Math.floor(trusted * this.random.pick([0.01, 0.02, 0.05, 0.1, 0.1, 0.2, 0.9]))
    if (amount < 1000) return
    const txid = await this.call(node, 'sendtoaddress', address, amount / 1e8)
    if (txid === undefined) return
    this.note('payment', node, `${txid} of ${amount} to ${payee.id}`)
    node.acknowledged.payment(txid as never)
    this.maybeKill(node.id, 0.1)
  }

  /** `bumpfee` of a payment that waits. */
  bump(node: SimulatedNode): void {
    if (!node.running || !node.hasWallet) return
    const [waiting] = this.random.shuffle(node.wallet.pendingPayments())
    if (waiting) this.world.background(this.bumpFee(node, waiting))
  }

  private async bumpFee(node: SimulatedNode, waiting: Transaction): Promise<void> {
    const options = { fee_rate: this.random.between(2, 50) }
    const result = (await this.call(node, 'bumpfee', waiting.txid, options)) as { txid: string } | undefined
    if (result === undefined) return
    this.note('fee bump', node, `${waiting.txid} by ${result.txid}`)
    node.acknowledged.payment(result.txid as never)
  }

  /** Two payments of one coin, offered to two nodes. */
  doubleSpend(node: SimulatedNode): void {
    const others = this.random.shuffle(this.world.running).slice(0, 2)
    if (node.running && node.hasWallet && others.length === 2)
      this.world.background(this.spendTwice(node, others))
  }

  private async spendTwice(node: SimulatedNode, others: readonly SimulatedNode[]): Promise<void> {
    const { wallet } = node
    const coin = wallet.coins().find(({ spendable, value }) => spendable && value > 100_000)
    if (coin === undefined) return
    const payments: Transaction[] = []
    for (const part of [2, 3]) {
      const recipients = [{ address: coin.address, amount: sats(Math.floor(coin.value / part)) }]
      const plan = await wallet.createPayment({
        recipients,
        feeRate: 1000 * part,
        coins: [coin.outpoint],
      })
      const signed = plan.ok ? await wallet.signer.signPsbt(plan.value.psbt) : plan
      const psbt = signed.ok ? Psbt.parse(signed.value) : signed
      const payment = psbt.ok ? psbt.value.extract() : psbt
      if (payment.ok) payments.push(payment.value)
    }
    this.note('double spend', node, outpointKey(coin.outpoint))
    for (const [i, payment] of payments.entries())
      if (others[i].running) this.background(others[i], others[i].core.submitTransaction(payment))
  }

  /** The result of an RPC call; undefined where it was refused. A failure inside the node breaks the run. */
  private async call(node: SimulatedNode, method: string, ...args: unknown[]): Promise<unknown> {
    const response = await callRpc(node.core, method, args)
    if ('result' in response) return response.result
    this.log(`${node.id}: ${method} was refused: ${response.error.message}`)
    if (response.error.code === RPC_INTERNAL_ERROR && !node.diskFull) throw new Error(response.error.message)
    return undefined
  }
}

type Happening = (scenario: Scenario, node: SimulatedNode) => void | Promise<void>

/** What can happen, and how often beside the rest. */
const HAPPENINGS: readonly (readonly [weight: number, Happening])[] = [
  [8, (scenario, node) => scenario.pay(node)],
  [2, (scenario, node) => scenario.bump(node)],
  [2, (scenario, node) => scenario.doubleSpend(node)],
  [2, (scenario) => scenario.partition()],
  [2, (scenario, node) => scenario.kill(node)],
  [1, (scenario, node) => scenario.stop(node)],
  [0.5, (scenario, node) => scenario.fillDisk(node)],
  [1, (scenario, node) => scenario.start(node)],
]
const WEIGHTED = HAPPENINGS.flatMap((happening) => Array<typeof happening>(happening[0] * 2).fill(happening))
