/**
 * SHA-256 (FIPS 180-4) of four blocks at a time: a vector holds the same word of four hashes, its lanes. What is in which lane is the caller's
 * matter: hashes may start and end in their lanes at different times.
 */
import { INITIAL, ROUND_CONSTANTS } from './constants'

/** Addresses of eight vectors: the states between blocks. */
export const states = memory.data(8 * 16, 16)
/** Addresses of 64 vectors: the message schedule. */
const schedule = memory.data(64 * 16, 16)
/** That of the block which follows a message of 64 bytes: padding and nothing else. */
const paddingSchedule = memory.data(64 * 16, 16)

/** Must be called once, before anything else. */
export function initialize(): void {
  pad(paddingSchedule, 0, 64)
  expand(paddingSchedule)
}

/** Starts a hash in each lane. */
export function startAll(): void {
  for (let word: usize = 0; word < 8; word++)
    v128.store(states + (word << 4), v128.load32_splat(INITIAL + (word << 2)))
}

/** Starts a hash in one lane. */
export function startLane(lane: usize): void {
  for (let word: usize = 0; word < 8; word++)
    store<u32>(states + (word << 4) + (lane << 2), load<u32>(INITIAL + (word << 2)))
}

/** Writes the 32 bytes of the hash in one lane, all of whose blocks were compressed. */
export function storeLane(lane: usize, hash: usize): void {
  for (let word: usize = 0; word < 8; word++)
    store<u32>(hash + (word << 2), bswap(load<u32>(states + (word << 4) + (lane << 2))))
}

/** Compresses a block of 64 bytes in each lane. */
export function compress(lane0: usize, lane1: usize, lane2: usize, lane3: usize): void {
  for (let at: usize = 0; at < 64; at += 16)
    transpose(
      swapped(v128.load(lane0 + at)),
      swapped(v128.load(lane1 + at)),
      swapped(v128.load(lane2 + at)),
      swapped(v128.load(lane3 + at)),
      schedule + (at << 2),
      16,
    )
  expand(schedule)
  rounds(schedule)
}

/** SHA-256d of the four messages of 64 bytes at `from`. Their hashes, 32 bytes each, are written to `hashes` in the end. */
export function hashPairs(from: usize, hashes: usize): void {
  startAll()
  compress(from, from + 64, from + 128, from + 192)
  rounds(paddingSchedule)
  // The words of the first hashes lie as the second ones need them.
  memory.copy(schedule, states, 8 * 16)
  pad(schedule, 8, 32)
  startAll()
  expand(schedule)
  rounds(schedule)
  for (let half: usize = 0; half < 2; half++) {
    const at = states + (half << 6)
    transpose(
      swapped(v128.load(at)),
      swapped(v128.load(at, 16)),
      swapped(v128.load(at, 32)),
      swapped(v128.load(at, 48)),
      hashes + (half << 4),
      32,
    )
  }
}

/** The words of a last block from `word` on, behind messages of `bytes` bytes. */
function pad(to: usize, word: usize, bytes: i32): void {
  memory.fill(to + (word << 4), 0, (16 - word) << 4)
  v128.store(to + (word << 4), i32x4.splat(0x80000000))
  v128.store(to, i32x4.splat(bytes << 3), 15 * 16)
}

/** The bytes of each word in the opposite order. */
function swapped(words: v128): v128 {
  return v128.swizzle(words, i8x16(3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12))
}

/** Writes four rows of a square as its columns, `step` bytes from one to the next. */
function transpose(r0: v128, r1: v128, r2: v128, r3: v128, to: usize, step: usize): void {
  const low01 = v128.shuffle<i32>(r0, r1, 0, 4, 1, 5)
  const low23 = v128.shuffle<i32>(r2, r3, 0, 4, 1, 5)
  const high01 = v128.shuffle<i32>(r0, r1, 2, 6, 3, 7)
  const high23 = v128.shuffle<i32>(r2, r3, 2, 6, 3, 7)
  v128.store(to, v128.shuffle<i64>(low01, low23, 0, 2))
  v128.store(to + step, v128.shuffle<i64>(low01, low23, 1, 3))
  v128.store(to + 2 * step, v128.shuffle<i64>(high01, high23, 0, 2))
  v128.store(to + 3 * step, v128.shuffle<i64>(high01, high23, 1, 3))
}

function rotated(words: v128, bits: i32): v128 {
  return v128.or(i32x4.shr_u(words, bits), i32x4.shl(words, 32 - bits))
}

/** Computes the message schedule's words from the sixteenth on (6.2.2, step 1). */
function expand(words: usize): void {
  for (let at = words + 16 * 16; at < words + 64 * 16; at += 16) {
    const w2 = v128.load(at - 2 * 16)
    const w15 = v128.load(at - 15 * 16)
    const s0 = v128.xor(v128.xor(rotated(w15, 7), rotated(w15, 18)), i32x4.shr_u(w15, 3))
    const s1 = v128.xor(v128.xor(rotated(w2, 17), rotated(w2, 19)), i32x4.shr_u(w2, 10))
    const sum = i32x4.add(v128.load(at - 16 * 16), v128.load(at - 7 * 16))
    v128.store(at, i32x4.add(sum, i32x4.add(s0, s1)))
  }
}

/** Steps 2 to 4 of 6.2.2. */
function rounds(words: usize): void {
  let a = v128.load(states)
  let b = v128.load(states, 16)
  let c = v128.load(states, 32)
  let d = v128.load(states, 48)
  let e = v128.load(states, 64)
  let f = v128.load(states, 80)
  let g = v128.load(states, 96)
  let h = v128.load(states, 112)
  for (let round: usize = 0; round < 64; round++) {
    const w = i32x4.add(v128.load(words + (round << 4)), v128.load32_splat(ROUND_CONSTANTS + (round << 2)))
    const s1 = v128.xor(v128.xor(rotated(e, 6), rotated(e, 11)), rotated(e, 25))
    const t1 = i32x4.add(i32x4.add(h, w), i32x4.add(s1, v128.bitselect(f, g, e)))
    const s0 = v128.xor(v128.xor(rotated(a, 2), rotated(a, 13)), rotated(a, 22))
    // Where a and b differ, c decides.
    const t2 = i32x4.add(s0, v128.bitselect(c, a, v128.xor(a, b)))
    h = g
    g = f
    f = e
    e = i32x4.add(d, t1)
    d = c
    c = b
    b = a
    a = i32x4.add(t1, t2)
  }
  addTo(states, a)
  addTo(states + 16, b)
  addTo(states + 32, c)
  addTo(states + 48, d)
  addTo(states + 64, e)
  addTo(states + 80, f)
  addTo(states + 96, g)
  addTo(states + 112, h)
}

function addTo(at: usize, words: v128): void {
  v128.store(at, i32x4.add(v128.load(at), words))
}
