/** Starting and stopping the miner, with the settings that the person chose last. Thread: Window. */
import type { LiveNode } from './live-node.ts'
import { remember, remembered } from './remembered.ts'

export interface MiningSettings {
  readonly threads: number
  /** Share of the time that a thread works, above 0 to 1. */
  readonly throttle: number
}

/** Threads that this machine runs at once. */
export function coreCount(): number {
  return navigator.hardwareConcurrency || 1
}

/** What was chosen last; every core at full speed unless something was. */
export function miningSettings(): MiningSettings {
  const [threads, throttle] = (remembered('opentab.mining') ?? '').split(' ').map(Number)
  const isKept = Number.isInteger(threads) && threads! >= 1 && throttle! > 0 && throttle! <= 1
  return isKept
    ? { threads: Math.min(threads!, coreCount()), throttle: throttle! }
    : { threads: coreCount(), throttle: 1 }
}

export function rememberMiningSettings({ threads, throttle }: MiningSettings): void {
  remember('opentab.mining', `${threads} ${throttle}`)
}

/** Starts to mine to the wallet's address, or applies the settings to a miner that runs. */
export async function startMining(node: LiveNode): Promise<void> {
  const { threads, throttle } = miningSettings()
  await node.rpc('setgenerate', true, threads, throttle)
}

export async function stopMining(node: LiveNode): Promise<void> {
  await node.rpc('setgenerate', false)
}
