/** One value holds all that can vary between networks. */
import type { Sats } from '../primitives/amount.ts'

export interface NetworkParams {
  /** Version of the rules that params can't express; 1. A change of the rules is a new number and a new network. */
  readonly rulesVersion: number
  /** 1 to 32 characters of [a-z0-9-], for people. */
  readonly name: string
  /** Human-readable part of bech32m addresses, 1 to 16 characters of [a-z]. */
  readonly addressPrefix: string
  /** Seconds since 1970. */
  readonly genesisTime: number
  /** Easiest target allowed, compact form. Also the genesis block's. */
  readonly powLimitBits: number
  /** Whether difficulty follows ASERT; false keeps every block at the limit. */
  readonly retarget: boolean
  /** Seconds between blocks aimed at. */
  readonly targetSpacing: number
  /** ASERT half-life, seconds. */
  readonly halfLife: number
  /** Greatest block weight, weight units. */
  readonly weightLimit: number
  /** Subsidy of the first blocks, satoshis. */
  readonly initialSubsidy: Sats
  /** Blocks between halvings. */
  readonly halvingInterval: number
  /** Blocks before a coinbase output can be spent: one made at height h is spendable in block h + maturity. */
  readonly coinbaseMaturity: number
  /** Whether `generatetoaddress`, `setmocktime` and the like are offered: a network for tests. */
  readonly testControls: boolean
}
