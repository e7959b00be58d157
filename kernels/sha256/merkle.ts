/** Merkle trees of Bitcoin's blocks: SHA-256d of pairs of nodes, four at a time. */
import { hashPairs } from './lanes'

/**
 * Replaces `count` nodes of 32 bytes, one at least, by the level above them. Up to 256 bytes behind them are used. Returns whether two siblings
 * are equal, the last of an odd number apart, which is its own sibling (CVE-2012-2459).
 */
export function level(nodes: usize, count: u32): bool {
  const end = nodes + (count << 5)
  let repeated = false
  for (let at = nodes; at + 32 < end; at += 64) if (areEqual(at, at + 32)) repeated = true
  if (count & 1) memory.copy(end, end - 32, 32)
  // Four pairs give two pairs' room of hashes: behind what is still to be read.
  for (let from = nodes, to = nodes; from < end; from += 256, to += 128) hashPairs(from, to)
  return repeated
}

function areEqual(a: usize, b: usize): bool {
  return !v128.any_true(
    v128.or(v128.xor(v128.load(a), v128.load(b)), v128.xor(v128.load(a, 16), v128.load(b, 16))),
  )
}
