/** One run of a world of channels: what happens in it is drawn from the seed; in the end all is mended as far as it can be, and judged. */
import type { NodeId } from '../../src/channels/gossip.ts'
import { isOperating } from '../../src/channels/state.ts'
import { judge } from './judge.ts'
import { MAX_REORGANISATION, POLICY, type Tally, World } from './world.ts'
import type { WorldNode } from './world-node.ts'

export interface ScenarioOptions {
  readonly seed: string
  readonly focus?: Focus
  /** Told all that happens. */
  readonly log?: (line: string) => void
}

export interface ScenarioResult {
  readonly tally: Tally
  /** Each begins with the name of its invariant. */
  readonly broken: readonly string[]
}

/**
 * What a run dwells on, small as it is: `theft`, whose victims are awake; `silence`, of one who is under way with payments; `chain`, where channels are
 * closed alone in the midst of payments; `death`, at every other write; `tower`, a theft whose victims sleep too long, and have a tower.
 */
export type Focus = 'theft' | 'silence' | 'chain' | 'death' | 'tower'

/** One run in so many has hundreds of channels. */
const LARGE_EVERY = 250

/** How large a run is, and how wild. */
interface Plan {
  readonly nodes: number
  readonly channels: number
  readonly steps: number
}

/** Most are small; one in a hundred has hundreds of channels. */
function planOf({ random, seed }: World, focus: Focus | undefined): Plan {
  if (focus === undefined && Number(seed) % LARGE_EVERY === LARGE_EVERY - 1)
    return { nodes: random.between(24, 40), channels: random.between(100, 200), steps: 120 }
  const chance = random.fraction()
  if (focus !== undefined || chance < 0.65) {
    const nodes = 3
    return { nodes, channels: nodes - 1 + random.integer(2), steps: random.between(25, 55) }
  }
  if (chance < 0.92) {
    const nodes = random.between(4, 5)
    return { nodes, channels: nodes - 1 + random.integer(2), steps: random.between(30, 70) }
  }
  if (chance < 0.985) {
    const nodes = random.between(6, 9)
    return { nodes, channels: nodes + random.integer(5), steps: random.between(50, 100) }
  }
  const nodes = random.between(10, 16)
  return { nodes, channels: random.between(16, 30), steps: 100 }
}

export async function runScenario({ seed, focus, log }: ScenarioOptions): Promise<ScenarioResult> {
  const world = new World(seed, log)
  try {
    await live(world, focus)
  } catch (error) {
    if (world.broken.length === 0) throw error
  }
  const { tally, network, broken } = world
  tally.messages = network.messages
  tally.cuts = network.cuts
  return { tally, broken }
}

async function live(world: World, focus: Focus | undefined): Promise<void> {
  const { random } = world
  const plan = planOf(world, focus)
  await world.open(plan.nodes, focus === 'tower')
  await found(world, plan)
  const villains = drawVillains(world, focus)
  const spare = new Map<WorldNode, ReturnType<World['copyOf']>>()
  let partition = false
  for (let at = 0; at < plan.steps; at++) {
    const node = random.pick(world.nodes)
    const other = random.pick(world.nodes.filter((each) => each !== node))
    for (const villain of villains)
      if (villain.at === at) {
        const done = await villain.act()
        if (!done) villain.at++
      }
    if (focus === 'death') world.lightFuse(node)
    if (focus === 'chain' && random.chance(0.1)) {
      pay(world, node, other)
      await world.run(random.between(50, 400))
      close(world, node, true)
    }
    if (partition && random.chance(0.15)) {
      partition = false
      heal(world)
    }
    const chance = random.integer(1000)
    if (chance < 400) pay(world, node, other)
    else if (chance < 500) world.lightFuse(node)
    else if (chance < 575) world.kill(node)
    else if (chance < 625) world.network.cutAny()
    else if (chance < 800) await world.mine(random.chance(0.2) ? random.between(2, 6) : 1)
    else if (chance < 830) world.sleep(node, false)
    else if (chance < 835) world.sleep(node, true)
    else if (chance < 860) wakeAll(world)
    else if (chance < 875) {
      partition = !partition
      if (partition) {
        for (const each of world.nodes) each.island = random.integer(2)
        world.network.update()
      } else heal(world)
    } else if (chance < 895) await world.reorganise(random.between(1, MAX_REORGANISATION), random.chance(0.3))
    else if (chance < 915) world.chain.setFeerate(random.chance(0.5) ? 253 : random.between(300, 4_000))
    else if (chance < 935) proposeFee(world, node)
    else if (chance < 940) world.network.latency = random.pick([5, 100, 100, 1_500])
    else if (chance < 948) close(world, node, random.chance(0.5))
    else if (chance < 952) world.openChannel(node, other, 200_000, random.integer(2) * 50_000_000)
    else if (chance < 956 && node.isHonest) spare.set(node, world.copyOf(node))
    await world.run(random.between(20, 600))
    if (random.chance(0.2)) world.announce()
    // One run in six has a node whose profile is put back.
    if (at === plan.steps - 20 && random.chance(0.17)) restore(world, spare)
  }
  await mend(world, focus)
  judge(world)
}

function heal(world: World): void {
  for (const node of world.nodes) node.island = 0
  world.network.update()
}

function wakeAll(world: World): void {
  for (const node of world.nodes) if (!world.longAway.has(node)) world.wake(node)
}

function pay(world: World, payer: WorldNode, payee: WorldNode): void {
  const { random } = world
  const amount = random.chance(0.2)
    ? random.between(1, 353_999)
    : random.chance(0.2)
      ? random.between(20_000_000, 150_000_000)
      : random.between(354_000, 20_000_000)
  // Several at once share commitments.
  for (let count = random.chance(0.3) ? random.between(2, 5) : 1; count > 0; count--)
    world.pay(payer, payee, amount)
}

function proposeFee({ random }: World, { life }: WorldNode): void {
  const funded = (life?.channels() ?? []).filter(
    ({ state }) => state.contract.holderIsFunder && isOperating(state),
  )
  if (funded.length > 0) void random.pick(funded).proposeFee(random.between(253, 2_500))
}

function close(world: World, { life, name }: WorldNode, alone: boolean): void {
  const open = (life?.isReady ? life.channels() : []).filter(({ state }) => isOperating(state))
  if (open.length === 0) return
  const channel = world.random.pick(open)
  world.tally.closes++
  world.log(`${name} closes ${channel.state.contract.keyId}${alone ? ' alone' : ''}`)
  void (alone ? channel.forceClose() : channel.close(world.random.between(253, 1_000)))
}

function restore(world: World, spare: ReadonlyMap<WorldNode, ReturnType<World['copyOf']>>): void {
  const [node, copy] = [...spare].find(([each]) => each.isHonest && each.life?.isReady) ?? []
  if (!node || !copy) return
  world.tally.restores++
  world.log(`${node.name} is put back to an old copy`)
  node.restore(copy)
  world.track(node.start())
}

/** The channels of a connected graph, all funded and used. */
async function found(world: World, { channels }: Plan): Promise<void> {
  const { random, nodes } = world
  const edges: { from: WorldNode; to: WorldNode; amount: number; push: number }[] = []
  for (let at = 0; at < channels; at++) {
    // A tree first, so that everybody can be reached.
    const one = at < nodes.length - 1 ? nodes[at + 1] : random.pick(nodes)
    const other =
      at < nodes.length - 1
        ? nodes[random.integer(at + 1)]
        : random.pick(nodes.filter((each) => each !== one))
    const [from, to] = random.chance(0.5) ? [one, other] : [other, one]
    const amount = random.pick([100_000, 300_000, 1_000_000])
    const push = random.chance(0.6) ? Math.floor(amount * 1000 * random.fraction() * 0.6) : 0
    edges.push({ from, to, amount, push })
  }
  const amounts = new Map<WorldNode, number[]>()
  for (const { from, amount } of edges) amounts.set(from, [...(amounts.get(from) ?? []), amount])
  await world.fund(amounts)
  for (const [at, { from, to, amount, push }] of edges.entries()) {
    world.openChannel(from, to, amount, push)
    await world.run(400)
    // Unfunded ones of a peer are limited.
    if (at % 4 === 3) await world.mine()
  }
  await world.mine(2)
  await world.run(2_000)
  world.announce()
  world.tally.channels = edges.length
  const open = nodes.flatMap(({ life }) => life!.channels()).filter(({ state }) => isOperating(state)).length
  if (open !== 2 * edges.length) throw new Error(`${open} of ${2 * edges.length} halves of channels are open`)
}

interface Villain {
  at: number
  /** False where it can't yet. */
  act(): Promise<boolean>
}

/** Who will cheat, and when: at most one node in four, and one at least where that is what the run dwells on. */
function drawVillains(world: World, focus: Focus | undefined): Villain[] {
  const { random } = world
  const most = Math.max(1, Math.floor(world.nodes.length / 4))
  const wanted =
    focus === 'theft' || focus === 'silence' || focus === 'tower' ? 1 : focus ? 0 : random.integer(most + 1)
  return random
    .shuffle(world.nodes)
    .slice(0, wanted)
    .map((node) => {
      const at = random.between(12, 40)
      const manner =
        focus === 'theft' || focus === 'tower'
          ? 0
          : focus === 'silence'
            ? random.between(5, 8)
            : random.integer(10)
      if (manner < 5) return { at, act: () => steal(world, node, focus) }
      return {
        at,
        act: async () => {
          const { manners } = node
          // It is under way with somebody when it turns.
          for (const other of world.nodes) if (other !== node) world.pay(node, other, 30_000_000)
          for (const other of world.nodes) if (other !== node) world.pay(other, node, 30_000_000)
          await world.run(random.between(50, 900))
          if (manner < 6) manners.silent = true
          else if (manner < 7) manners.unsigning = true
          else if (manner < 9) manners.withholding = true
          else manners.replaying = true
          world.log(`${node.name} turns bad: ${JSON.stringify(manners)}`)
          return true
        },
      }
    })
}

/** Its victims may sleep, some for longer than they may. */
async function steal(world: World, thief: WorldNode, focus: Focus | undefined): Promise<boolean> {
  const { random } = world
  // Its victims' tower has what there is by now.
  if (focus === 'tower') await world.run(5_000)
  const before = world.thefts.length
  if (!(await world.steal(thief, random.chance(0.5) ? 1 : 3))) return false
  const how = focus === 'theft' ? 0 : focus === 'tower' ? 9 : random.integer(10)
  for (const { victim } of world.thefts.slice(before))
    if (how >= 6 && victim.online) {
      world.sleep(victim, true)
      // Back in time, or well after the thief could take all.
      await world.mine(how < 9 ? random.between(1, POLICY.toSelfDelay - 8) : POLICY.toSelfDelay + 6)
      world.wake(victim)
    }
  return true
}

/** All wake, meet and have time: what can end, ends. Channels with those who cheat are closed. */
async function mend(world: World, focus: Focus | undefined): Promise<void> {
  const { random } = world
  world.log('mending')
  world.chain.setFeerate(253)
  world.network.latency = 50
  for (const node of world.nodes) {
    node.island = 0
    world.wake(node)
    world.revive(node)
  }
  await world.run(8_000)
  world.network.update()
  world.announce()
  // Parts of a payment that wait for others are given up after a minute.
  await world.run(70_000)
  // Sooner or later.
  const patience = world.nodes.every((node) => node.isHonest) || (!focus && random.chance(0.5)) ? 0 : 70
  let quiet = 0
  for (let blocks = 0; ; blocks++) {
    lookForLate(world)
    if (blocks === patience) leaveCheats(world)
    const moved = world.chain.node.mempool.size > 0
    quiet = moved || isUnderWay(world) ? 0 : quiet + 1
    if (quiet > POLICY.toSelfDelay + 6 && blocks > patience) return
    if (blocks > 400) {
      world.report(`ends: something is still under way after ${blocks} calm blocks: ${underWay(world)}`)
      return
    }
    await world.mine()
    if (blocks % 10 === 0) await world.run(3_000)
  }
}

/** All are awake: what is due by its height goes to the chain, and a few blocks later is there. */
function lookForLate(world: World): void {
  const { expiryGrace, claimMargin } = POLICY
  for (const { life, isHonest, name, height } of world.nodes)
    for (const { state } of (isHonest && life?.channels()) || [])
      for (const { terms, removal } of state.spent || state.status === 'failed' ? [] : state.htlcs) {
        const due = terms.offered
          ? terms.expiry + expiryGrace
          : removal?.kind === 'fulfill'
            ? terms.expiry - claimMargin
            : Number.POSITIVE_INFINITY
        if (height > due + 4)
          world.report(
            `ends: HTLC ${terms.id} of ${name} was due for the chain at ${due}, and it is ${height}`,
          )
      }
}

/** Who is honest closes its channels with those who are not. */
function leaveCheats(world: World): void {
  for (const { life, isHonest } of world.nodes)
    for (const channel of (isHonest && life?.channels()) || [])
      if (!world.byId(channel.state.peer as NodeId).isHonest) void channel.forceClose()
}

/** HTLCs that can still expire, or payments that are not over. */
function isUnderWay(world: World): boolean {
  return underWay(world) !== ''
}

function underWay(world: World): string {
  const what: string[] = []
  for (const { life, isHonest, name } of world.nodes) {
    if (!isHonest || !life) continue
    for (const { state } of life.channels())
      if (
        !state.spent &&
        (state.htlcs.length > 0 || state.status === 'shutdown' || state.status === 'failed')
      )
        what.push(
          `${name}: ${state.htlcs.length} HTLCs, ${state.status} with ${world.byId(state.peer as NodeId).name}`,
        )
    for (const { state } of life.channels())
      for (const { terms } of state.spent ? state.htlcs : [])
        if (terms.expiry + 2 > world.chain.height) what.push(`${name}: an HTLC on the chain`)
    for (const { status } of life.payments.all()) if (status === 'pending') what.push(`${name}: a payment`)
  }
  return what.join('; ')
}
