/** Asks the browser to keep this page's data when space gets tight: once, when the wallet first holds coins. */
import type { BrainClient } from './brain-client.ts'

interface Balances {
  readonly mine: { readonly trusted: number; readonly untrusted_pending: number; readonly immature: number }
}

export function keepStorage(brain: BrainClient): void {
  const stop = brain.on('wallet', async ({ state }) => {
    if (state === 'none' || (await holdings(brain)) === 0) return
    stop()
    if (!(await navigator.storage.persisted())) await navigator.storage.persist()
  })
}

/** Coins of all kinds; none while there is no wallet. */
async function holdings(brain: BrainClient): Promise<number> {
  try {
    const { mine } = (await brain.rpc('getbalances', [])) as Balances
    return mine.trusted + mine.untrusted_pending + mine.immature
  } catch {
    return 0
  }
}
