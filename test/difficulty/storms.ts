/** Many tabs that hear of blocks late: stale blocks, in steady state and when all wake at once. */
import { Miner, nextFind, Random } from './mining.ts'
import { START, TABS, TABS_WORK } from './powers.ts'
import type { Rule, Tip } from './rules.ts'

interface Node {
  readonly tip: Tip
  readonly parent: Node | undefined
  readonly height: number
  /** Hashes since the beginning. */
  readonly work: number
}

export interface Storm {
  /** Blocks of the chain in the end. */
  readonly blocks: number
  /** Blocks found that aren't in it, as a part of all. */
  readonly stale: number
  /** The most blocks that some tab took back at once. */
  readonly deepest: number
}

const TAB_COUNT = 30

/**
 * Thirty tabs with `power` together for `seconds`, after `hours` without a block. A block reaches each other tab after `delay` seconds, times
 * 0.5 to 1.5.
 */
export function storm(
  rule: Rule,
  hours: number,
  power: number,
  delay: number,
  seconds: number,
  seed: number,
): Storm {
  const random = new Random(seed)
  const root: Node = { tip: rule.settled(START, TABS_WORK), parent: undefined, height: 0, work: 0 }
  const at: Node[] = new Array(TAB_COUNT).fill(root)
  const coming: { time: number; tab: number; node: Node }[] = []
  let now = START + hours * 3600
  const end = now + seconds
  let found = 0
  let deepest = 0
  for (;;) {
    const nodes = [...new Set(at)]
    const groups = nodes.map((node) => {
      const tabs = at.filter((one) => one === node).length
      return new Miner(node.tip, (power * tabs) / TAB_COUNT)
    })
    const find = nextFind(groups, now, random, Math.min(end, coming[0]?.time ?? end))
    if (find === undefined) {
      const arrival = coming.shift()
      if (arrival === undefined || arrival.time >= end) break
      now = arrival.time
      const { tab, node } = arrival
      if (node.work > at[tab].work) {
        deepest = Math.max(deepest, at[tab].height - meeting(at[tab], node).height)
        at[tab] = node
      }
      continue
    }
    now = find.at
    found++
    const parent = nodes[find.who]
    const stamp = groups[find.who].stamp(now)
    const node: Node = {
      tip: parent.tip.child(stamp),
      parent,
      height: parent.height + 1,
      work: parent.work + parent.tip.work(stamp),
    }
    const miners = at.flatMap((one, tab) => (one === parent ? [tab] : []))
    const finder = miners[random.integer(0, miners.length - 1)]
    at[finder] = node
    for (let tab = 0; tab < TAB_COUNT; tab++)
      if (tab !== finder) coming.push({ time: now + delay * (0.5 + random.uniform()), tab, node })
    coming.sort((a, b) => a.time - b.time)
  }
  const best = at.reduce((most, node) => (node.work > most.work ? node : most))
  return { blocks: best.height, stale: found === 0 ? 0 : 1 - best.height / found, deepest }
}

/** Where two branches part. */
function meeting(a: Node, b: Node): Node {
  let [one, other] = [a, b]
  while (one !== other) {
    if (one.height >= other.height && one.parent) one = one.parent
    else if (other.parent) other = other.parent
  }
  return one
}

/** Stale blocks while thirty tabs mine steadily. */
export function staleRate(rule: Rule, delay: number, hours: number, seed: number): number {
  return storm(rule, 0, TABS, delay, hours * 3600, seed).stale
}
