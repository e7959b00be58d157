/** What a payment may leave to the miner without a person having seen it. Pure, any thread. */
import { DUST } from '../policy/fees.ts'

/** Satoshis per 1,000 virtual bytes that a fee may take when nobody named it. */
export const MAX_UNNAMED_FEE_RATE = 1_000_000
/** Satoshis that a fee may take in all when nobody named it: Bitcoin Core's `-maxtxfee`. */
export const MAX_UNNAMED_FEE = 10_000_000

/** Virtual bytes of an output and of an input: what a selection may give away rather than make change of it. */
const CHANGE_VBYTES = 43 + 58

/** The most that a payment may leave to the miner, satoshis: at the rate that was named, or else what is no slip. */
export function greatestFee(vsize: number, feeRate: number | undefined): number {
  if (feeRate === undefined)
    return Math.min(MAX_UNNAMED_FEE, Math.ceil((vsize * MAX_UNNAMED_FEE_RATE) / 1000))
  return Math.ceil(((vsize + CHANGE_VBYTES) * feeRate) / 1000) + DUST
}
