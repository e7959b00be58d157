/** How much money a block may make. */
import { type Sats, sats } from '../primitives/amount.ts'
import type { NetworkParams } from './params.ts'

/** Subsidy of the block at `height`, satoshis: halved, rounding down, every `halvingInterval` blocks. The genesis block has none. */
export function subsidy(height: number, params: NetworkParams): Sats {
  if (height === 0) return sats(0)
  return sats(Math.floor(params.initialSubsidy / 2 ** Math.floor(height / params.halvingInterval)))
}
