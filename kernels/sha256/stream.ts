/** SHA-256 (FIPS 180-4) of a stream, and BIP340's tagged hashes. One hash is under way at a time. */
import { INITIAL, ROUND_CONSTANTS } from './constants'

/** The eight words between blocks: a midstate, once the stream ends with a block. */
export const state = memory.data(32)
const block = memory.data(64)
const schedule = memory.data(256)
/** Bytes absorbed since the start. */
let length: u64 = 0

/** Starts a hash. */
export function start(): void {
  memory.copy(state, INITIAL, 32)
  length = 0
}

/** Starts a hash whose first 64 bytes, hashed, have left this state. */
export function startFrom(midstate: usize): void {
  memory.copy(state, midstate, 32)
  length = 64
}

/** Stores the state after SHA-256(tag) ‖ SHA-256(tag), with which a tagged hash starts (BIP340). */
export function tagMidstate(midstate: usize, tag: usize, bytes: u32): void {
  start()
  absorb(tag, bytes)
  finish(midstate)
  start()
  absorb(midstate, 32)
  absorb(midstate, 32)
  memory.copy(midstate, state, 32)
}

/** Adds bytes to the hash. */
export function absorb(from: usize, bytes: u32): void {
  const filled = u32(length) & 63
  length += bytes
  if (filled > 0) {
    const taken = min(64 - filled, bytes)
    memory.copy(block + filled, from, taken)
    if (filled + taken < 64) return
    compress(block)
    from += taken
    bytes -= taken
  }
  for (; bytes >= 64; bytes -= 64, from += 64) compress(from)
  memory.copy(block, from, bytes)
}

/** Writes the 32 bytes of the hash. */
export function finish(hash: usize): void {
  const bits = length << 3
  const filled = u32(length) & 63
  store<u8>(block + filled, 0x80)
  memory.fill(block + filled + 1, 0, 63 - filled)
  if (filled >= 56) {
    compress(block)
    memory.fill(block, 0, 56)
  }
  store<u64>(block, bswap(bits), 56)
  compress(block)
  for (let i: usize = 0; i < 32; i += 4) store<u32>(hash + i, bswap(load<u32>(state + i)))
}

/** The compression function (6.2.2) on 64 bytes. */
function compress(from: usize): void {
  for (let i: usize = 0; i < 64; i += 4) store<u32>(schedule + i, bswap(load<u32>(from + i)))
  for (let at = schedule + 64; at < schedule + 256; at += 4) {
    const w2 = load<u32>(at - 8)
    const w15 = load<u32>(at - 60)
    const s0 = rotr(w15, 7) ^ rotr(w15, 18) ^ (w15 >> 3)
    const s1 = rotr(w2, 17) ^ rotr(w2, 19) ^ (w2 >> 10)
    store<u32>(at, load<u32>(at - 64) + s0 + load<u32>(at - 28) + s1)
  }
  let a = load<u32>(state)
  let b = load<u32>(state, 4)
  let c = load<u32>(state, 8)
  let d = load<u32>(state, 12)
  let e = load<u32>(state, 16)
  let f = load<u32>(state, 20)
  let g = load<u32>(state, 24)
  let h = load<u32>(state, 28)
  for (let i: usize = 0; i < 256; i += 4) {
    const s1 = rotr(e, 6) ^ rotr(e, 11) ^ rotr(e, 25)
    const t1 = h + s1 + (g ^ (e & (f ^ g))) + load<u32>(ROUND_CONSTANTS + i) + load<u32>(schedule + i)
    const s0 = rotr(a, 2) ^ rotr(a, 13) ^ rotr(a, 22)
    const t2 = s0 + ((a & b) | (c & (a | b)))
    h = g
    g = f
    f = e
    e = d + t1
    d = c
    c = b
    b = a
    a = t1 + t2
  }
  store<u32>(state, load<u32>(state) + a)
  store<u32>(state, load<u32>(state, 4) + b, 4)
  store<u32>(state, load<u32>(state, 8) + c, 8)
  store<u32>(state, load<u32>(state, 12) + d, 12)
  store<u32>(state, load<u32>(state, 16) + e, 16)
  store<u32>(state, load<u32>(state, 20) + f, 20)
  store<u32>(state, load<u32>(state, 24) + g, 24)
  store<u32>(state, load<u32>(state, 28) + h, 28)
}
