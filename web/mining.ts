/** Starting and stopping the miner, with the settings that the person chose last. Thread: Window. */
import { hashRateText } from './format.ts'
import type { LiveNode } from './live-node.ts'
import { remember, remembered } from './remembered.ts'
import type { MiningInfo } from './rpc-results.ts'

export interface MiningSettings {
  readonly threads: number
  /** Share of the time that a thread works, above 0 to 1. */
  readonly throttle: number
  /** Whether the graphics card works, too. */
  readonly graphicsCard: boolean
}

/** Milliseconds between two looks at the difficulty of the next block, which eases while no block comes. */
export const EASING = 3000

/** Threads that this machine runs at once. */
export function coreCount(): number {
  return navigator.hardwareConcurrency || 1
}

/** Whether the browser lets pages compute on a graphics card. */
export async function hasGraphicsCard(): Promise<boolean> {
  const adapter = await navigator.gpu?.requestAdapter().catch(() => null)
  return adapter != null
}

/** What was chosen last; every core at full speed, and no graphics card, unless something was. */
export function miningSettings(): MiningSettings {
  const [threads, throttle, card] = (remembered('opentab.mining') ?? '').split(' ').map(Number)
  const isKept = Number.isInteger(threads) && threads! >= 1 && throttle! > 0 && throttle! <= 1
  return isKept
    ? { threads: Math.min(threads!, coreCount()), throttle: throttle!, graphicsCard: card === 1 }
    : { threads: coreCount(), throttle: 1, graphicsCard: false }
}

export function rememberMiningSettings({ threads, throttle, graphicsCard }: MiningSettings): void {
  remember('opentab.mining', `${threads} ${throttle} ${graphicsCard ? 1 : 0}`)
}

/**
 * How fast all miners together are, and a word on it: as the latest blocks tell, but never less than this tab. Where blocks come on demand
 * they tell nothing.
 */
export function networkSpeed(
  { mining, identity }: LiveNode,
  { networkhashps }: MiningInfo,
): { readonly text: string; readonly about: string } {
  const own = mining.active ? mining.hashRate : 0
  if (!identity.params.retarget) return { text: '–', about: 'blocks come on demand here' }
  if (own > networkhashps) return { text: hashRateText(own), about: 'at least: yours alone' }
  if (networkhashps === 0) return { text: '–', about: 'too few blocks to tell' }
  return { text: hashRateText(networkhashps), about: 'estimated, all miners' }
}

/** Wallets that were shown when the miner was started: it pays to these while it runs, whichever is shown then. */
const payees = new WeakMap<LiveNode, string>()

/** The wallet that the miner pays to, or would if it were started now. */
export function minesFor(node: LiveNode): string | undefined {
  const payee = node.mining.active ? payees.get(node) : undefined
  return payee !== undefined && node.wallets.includes(payee) ? payee : node.wallet
}

/** Starts to mine to the wallet that is shown, or applies the settings to a miner that runs. */
export async function startMining(node: LiveNode): Promise<void> {
  const { threads, throttle, graphicsCard } = miningSettings()
  const payee = minesFor(node)
  const rpc = payee === undefined ? node.rpc : node.rpcOf(payee)
  await rpc('setgenerate', true, threads, throttle, graphicsCard)
  if (payee !== undefined) payees.set(node, payee)
}

export async function stopMining(node: LiveNode): Promise<void> {
  await node.rpc('setgenerate', false)
}
