/** What transactions pay, and which amounts are too small to be worth a place: Bitcoin Core's defaults. Everything here may differ between nodes. Pure. */
import { sats } from '../primitives/amount.ts'

/**
 * Satoshis per 1,000 virtual bytes: nothing that pays less is relayed, and a replacement pays so much beyond all that it drives out, since it is
 * relayed once more (Core's `-minrelaytxfee` and `-incrementalrelayfee`; BIP125, rule 4).
 */
export const RELAY_FEE_RATE = 1_000

/** Satoshis per 1,000 virtual bytes: above it a fee is taken for a slip, be it asked for or offered (Core's `-maxtxfee` and `maxfeerate`, 0.1 coin). */
export const MAX_FEE_RATE = 10_000_000

/** Least amount of a P2TR output, satoshis: below, it costs more to spend at 3,000 sat/kvB than it holds (Core's dust threshold). */
export const DUST = sats(330)

/** Sequence of an input that says that it may be replaced (BIP125), and leaves nLockTime in force. */
export const REPLACEABLE_SEQUENCE = 0xfffffffd

/** Satoshis that `vsize` virtual bytes cost at `rate` satoshis per 1,000, rounded up. */
export function feeAt(rate: number, vsize: number): number {
  return Math.ceil((rate * vsize) / 1_000)
}

/** Satoshis per 1,000 virtual bytes. */
export function feeRate(fees: number, weight: number): number {
  return (fees * 4_000) / weight
}
