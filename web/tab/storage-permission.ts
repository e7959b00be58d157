/**
 * Asks the browser to keep this page's data when space gets tight: once, when a wallet first holds coins. Only where it decides by itself, as
 * Chromium's do; others ask the person, which the wallet's page explains first (`<ot-storage-notice>`).
 */
import { isDecidedByBrowser, keepForGood } from '../storage-lasting.ts'
import type { BrainClient } from './brain-client.ts'

interface Balances {
  readonly mine: { readonly trusted: number; readonly untrusted_pending: number; readonly immature: number }
}

export function keepStorage(brain: BrainClient): void {
  if (!isDecidedByBrowser()) return
  const askOnceRich = async (): Promise<void> => {
    if ((await holdings(brain)) === 0) return
    stop()
    await keepForGood()
  }
  const stop = brain.on('wallet', askOnceRich)
  void askOnceRich()
}

/** Coins of all kinds in all wallets that are loaded. */
async function holdings(brain: BrainClient): Promise<number> {
  try {
    const all = await Promise.all(brain.wallets.map((name) => brain.rpc('getbalances', [], name)))
    return (all as Balances[]).reduce(
      (sum, { mine }) => sum + mine.trusted + mine.untrusted_pending + mine.immature,
      0,
    )
  } catch {
    return 0
  }
}
