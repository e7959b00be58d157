/**
 * Arithmetic modulo p = 2^256 − 2^32 − 977, the field of secp256k1. An element is ten 32-bit limbs of 26 bits each, the least
 * significant first (the last has 22), 40 bytes at an address. Limbs may run over: an element of magnitude m has limbs up to
 * 2·m·(2^26 − 1), the last 2·m·(2^22 − 1). Sums add magnitudes and nothing carries until a product, which takes magnitudes up to
 * 8 and yields 1. Wide limbs would need 128-bit products, which WebAssembly doesn't have. Results may overwrite operands.
 * Nothing here takes constant time: no secret ever comes near.
 */
import { invert as invertNormal } from './inverse'

/** Address of an element. */
export type Field = usize

/** Bytes of an element. */
export const FIELD_SIZE: u32 = 40

const LIMB: u64 = 0x3ffffff
const TOP_LIMB: u64 = 0x3fffff

// 2^260 ≡ 2^36 + 0x3d10 (mod p): what a limb counts again ten limbs further down, as two limbs.
const FOLD_LOW: u64 = 0x3d10
const FOLD_HIGH: u64 = 0x400

// The limbs of p.
const P0: u32 = 0x3fffc2f
const P1: u32 = 0x3ffffbf
const P_MIDDLE: u32 = 0x3ffffff
const P9: u32 = 0x3fffff
const P_LOW_PAIR: u64 = (u64(P1) << 32) | u64(P0)
const P_PAIR: u64 = (u64(P_MIDDLE) << 32) | u64(P_MIDDLE)
/** Where a shifted pair keeps what it has of each limb itself. */
const HALVED_PAIR: u64 = (u64(0x7fffffff) << 32) | u64(0x7fffffff)
const P_HIGH_PAIR: u64 = (u64(P9) << 32) | u64(P_MIDDLE)

/**
 * r = a·b for magnitudes up to 8; r has magnitude 1. The product's columns are made from 75 products of limbs instead of 100
 * (Karatsuba). They are then carried from the tenth up and from the first up side by side; each limb of the upper half is folded
 * into the lower as soon as it is known.
 */
export function multiply(r: Field, a: Field, b: Field): void {
  const a0: u64 = load<u32>(a)
  const a1: u64 = load<u32>(a, 4)
  const a2: u64 = load<u32>(a, 8)
  const a3: u64 = load<u32>(a, 12)
  const a4: u64 = load<u32>(a, 16)
  const a5: u64 = load<u32>(a, 20)
  const a6: u64 = load<u32>(a, 24)
  const a7: u64 = load<u32>(a, 28)
  const a8: u64 = load<u32>(a, 32)
  const a9: u64 = load<u32>(a, 36)
  const b0: u64 = load<u32>(b)
  const b1: u64 = load<u32>(b, 4)
  const b2: u64 = load<u32>(b, 8)
  const b3: u64 = load<u32>(b, 12)
  const b4: u64 = load<u32>(b, 16)
  const b5: u64 = load<u32>(b, 20)
  const b6: u64 = load<u32>(b, 24)
  const b7: u64 = load<u32>(b, 28)
  const b8: u64 = load<u32>(b, 32)
  const b9: u64 = load<u32>(b, 36)

  // Columns of the lower halves' product, of the upper halves', and of the mixed one, (aₗ + aᵤ)·(bₗ + bᵤ) − aₗ·bₗ − aᵤ·bᵤ.
  // Only the differences need to fit into 64 bits, and they do.
  const low0 = a0 * b0
  const low1 = a0 * b1 + a1 * b0
  const low2 = a0 * b2 + a1 * b1 + a2 * b0
  const low3 = a0 * b3 + a1 * b2 + a2 * b1 + a3 * b0
  const low4 = a0 * b4 + a1 * b3 + a2 * b2 + a3 * b1 + a4 * b0
  const low5 = a1 * b4 + a2 * b3 + a3 * b2 + a4 * b1
  const low6 = a2 * b4 + a3 * b3 + a4 * b2
  const low7 = a3 * b4 + a4 * b3
  const low8 = a4 * b4
  const up0 = a5 * b5
  const up1 = a5 * b6 + a6 * b5
  const up2 = a5 * b7 + a6 * b6 + a7 * b5
  const up3 = a5 * b8 + a6 * b7 + a7 * b6 + a8 * b5
  const up4 = a5 * b9 + a6 * b8 + a7 * b7 + a8 * b6 + a9 * b5
  const up5 = a6 * b9 + a7 * b8 + a8 * b7 + a9 * b6
  const up6 = a7 * b9 + a8 * b8 + a9 * b7
  const up7 = a8 * b9 + a9 * b8
  const up8 = a9 * b9
  const sa0 = a0 + a5
  const sa1 = a1 + a6
  const sa2 = a2 + a7
  const sa3 = a3 + a8
  const sa4 = a4 + a9
  const sb0 = b0 + b5
  const sb1 = b1 + b6
  const sb2 = b2 + b7
  const sb3 = b3 + b8
  const sb4 = b4 + b9
  const mixed0 = sa0 * sb0 - low0 - up0
  const mixed1 = sa0 * sb1 + sa1 * sb0 - low1 - up1
  const mixed2 = sa0 * sb2 + sa1 * sb1 + sa2 * sb0 - low2 - up2
  const mixed3 = sa0 * sb3 + sa1 * sb2 + sa2 * sb1 + sa3 * sb0 - low3 - up3
  const mixed4 = sa0 * sb4 + sa1 * sb3 + sa2 * sb2 + sa3 * sb1 + sa4 * sb0 - low4 - up4
  const mixed5 = sa1 * sb4 + sa2 * sb3 + sa3 * sb2 + sa4 * sb1 - low5 - up5
  const mixed6 = sa2 * sb4 + sa3 * sb3 + sa4 * sb2 - low6 - up6
  const mixed7 = sa3 * sb4 + sa4 * sb3 - low7 - up7
  const mixed8 = sa4 * sb4 - low8 - up8

  let high = mixed4
  const t9 = high & LIMB
  high >>= 26
  let low = low0
  high += mixed5 + up0
  let u = high & LIMB
  high >>= 26
  low += u * FOLD_LOW
  const t0 = low & LIMB
  low = (low >> 26) + u * FOLD_HIGH
  low += low1
  high += mixed6 + up1
  u = high & LIMB
  high >>= 26
  low += u * FOLD_LOW
  const t1 = low & LIMB
  low = (low >> 26) + u * FOLD_HIGH
  low += low2
  high += mixed7 + up2
  u = high & LIMB
  high >>= 26
  low += u * FOLD_LOW
  const t2 = low & LIMB
  low = (low >> 26) + u * FOLD_HIGH
  low += low3
  high += mixed8 + up3
  u = high & LIMB
  high >>= 26
  low += u * FOLD_LOW
  store<u32>(r, u32(low & LIMB), 12)
  low = (low >> 26) + u * FOLD_HIGH
  low += low4
  high += up4
  u = high & LIMB
  high >>= 26
  low += u * FOLD_LOW
  store<u32>(r, u32(low & LIMB), 16)
  low = (low >> 26) + u * FOLD_HIGH
  low += low5 + mixed0
  high += up5
  u = high & LIMB
  high >>= 26
  low += u * FOLD_LOW
  store<u32>(r, u32(low & LIMB), 20)
  low = (low >> 26) + u * FOLD_HIGH
  low += low6 + mixed1
  high += up6
  u = high & LIMB
  high >>= 26
  low += u * FOLD_LOW
  store<u32>(r, u32(low & LIMB), 24)
  low = (low >> 26) + u * FOLD_HIGH
  low += low7 + mixed2
  high += up7
  u = high & LIMB
  high >>= 26
  low += u * FOLD_LOW
  store<u32>(r, u32(low & LIMB), 28)
  low = (low >> 26) + u * FOLD_HIGH
  low += low8 + mixed3
  high += up8
  u = high & LIMB
  high >>= 26
  low += u * FOLD_LOW
  store<u32>(r, u32(low & LIMB), 32)
  low = (low >> 26) + u * FOLD_HIGH
  foldTop(r, low, high, t9, t0, t1, t2)
}

/** r = a² for a magnitude up to 8; r has magnitude 1. */
export function square(r: Field, a: Field): void {
  const a0: u64 = load<u32>(a)
  const a1: u64 = load<u32>(a, 4)
  const a2: u64 = load<u32>(a, 8)
  const a3: u64 = load<u32>(a, 12)
  const a4: u64 = load<u32>(a, 16)
  const a5: u64 = load<u32>(a, 20)
  const a6: u64 = load<u32>(a, 24)
  const a7: u64 = load<u32>(a, 28)
  const a8: u64 = load<u32>(a, 32)
  const a9: u64 = load<u32>(a, 36)
  const d0 = a0 << 1
  const d1 = a1 << 1
  const d2 = a2 << 1
  const d3 = a3 << 1
  const d4 = a4 << 1
  const d5 = a5 << 1
  const d6 = a6 << 1
  const d7 = a7 << 1
  const d8 = a8 << 1

  let high = d0 * a9 + d1 * a8 + d2 * a7 + d3 * a6 + d4 * a5
  const t9 = high & LIMB
  high >>= 26
  let low = a0 * a0
  high += d1 * a9 + d2 * a8 + d3 * a7 + d4 * a6 + a5 * a5
  let u = high & LIMB
  high >>= 26
  low += u * FOLD_LOW
  const t0 = low & LIMB
  low = (low >> 26) + u * FOLD_HIGH
  low += d0 * a1
  high += d2 * a9 + d3 * a8 + d4 * a7 + d5 * a6
  u = high & LIMB
  high >>= 26
  low += u * FOLD_LOW
  const t1 = low & LIMB
  low = (low >> 26) + u * FOLD_HIGH
  low += d0 * a2 + a1 * a1
  high += d3 * a9 + d4 * a8 + d5 * a7 + a6 * a6
  u = high & LIMB
  high >>= 26
  low += u * FOLD_LOW
  const t2 = low & LIMB
  low = (low >> 26) + u * FOLD_HIGH
  low += d0 * a3 + d1 * a2
  high += d4 * a9 + d5 * a8 + d6 * a7
  u = high & LIMB
  high >>= 26
  low += u * FOLD_LOW
  store<u32>(r, u32(low & LIMB), 12)
  low = (low >> 26) + u * FOLD_HIGH
  low += d0 * a4 + d1 * a3 + a2 * a2
  high += d5 * a9 + d6 * a8 + a7 * a7
  u = high & LIMB
  high >>= 26
  low += u * FOLD_LOW
  store<u32>(r, u32(low & LIMB), 16)
  low = (low >> 26) + u * FOLD_HIGH
  low += d0 * a5 + d1 * a4 + d2 * a3
  high += d6 * a9 + d7 * a8
  u = high & LIMB
  high >>= 26
  low += u * FOLD_LOW
  store<u32>(r, u32(low & LIMB), 20)
  low = (low >> 26) + u * FOLD_HIGH
  low += d0 * a6 + d1 * a5 + d2 * a4 + a3 * a3
  high += d7 * a9 + a8 * a8
  u = high & LIMB
  high >>= 26
  low += u * FOLD_LOW
  store<u32>(r, u32(low & LIMB), 24)
  low = (low >> 26) + u * FOLD_HIGH
  low += d0 * a7 + d1 * a6 + d2 * a5 + d3 * a4
  high += d8 * a9
  u = high & LIMB
  high >>= 26
  low += u * FOLD_LOW
  store<u32>(r, u32(low & LIMB), 28)
  low = (low >> 26) + u * FOLD_HIGH
  low += d0 * a8 + d1 * a7 + d2 * a6 + d3 * a5 + a4 * a4
  high += a9 * a9
  u = high & LIMB
  high >>= 26
  low += u * FOLD_LOW
  store<u32>(r, u32(low & LIMB), 32)
  low = (low >> 26) + u * FOLD_HIGH
  foldTop(r, low, high, t9, t0, t1, t2)
}

/** The end of a product: what is left above 2^256 is folded once more, which may leave r's third limb a bit over. */
function foldTop(r: Field, low: u64, high: u64, t9: u64, t0: u64, t1: u64, t2: u64): void {
  low += high * FOLD_LOW + t9
  store<u32>(r, u32(low & TOP_LIMB), 36)
  // In units of 2^256, the fold is that of 2^260 over 16.
  low = (low >> 22) + high * (FOLD_HIGH << 4)
  let carry = low * (FOLD_LOW >> 4) + t0
  store<u32>(r, u32(carry & LIMB))
  carry = (carry >> 26) + low * (FOLD_HIGH >> 4) + t1
  store<u32>(r, u32(carry & LIMB), 4)
  store<u32>(r, u32((carry >> 26) + t2), 8)
}

// What follows works on two limbs at a time, which never carry into each other.

/** r += a: magnitudes add up. */
export function add(r: Field, a: Field): void {
  store<u64>(r, load<u64>(r) + load<u64>(a))
  store<u64>(r, load<u64>(r, 8) + load<u64>(a, 8), 8)
  store<u64>(r, load<u64>(r, 16) + load<u64>(a, 16), 16)
  store<u64>(r, load<u64>(r, 24) + load<u64>(a, 24), 24)
  store<u64>(r, load<u64>(r, 32) + load<u64>(a, 32), 32)
}

/** r = −a for an a of magnitude at most m; r has magnitude m + 1. */
export function negate(r: Field, a: Field, m: u32): void {
  const times: u64 = 2 * (m + 1)
  const middle = P_PAIR * times
  store<u64>(r, P_LOW_PAIR * times - load<u64>(a))
  store<u64>(r, middle - load<u64>(a, 8), 8)
  store<u64>(r, middle - load<u64>(a, 16), 16)
  store<u64>(r, middle - load<u64>(a, 24), 24)
  store<u64>(r, P_HIGH_PAIR * times - load<u64>(a, 32), 32)
}

/** r *= factor: the magnitude too. */
export function scale(r: Field, factor: u64): void {
  store<u64>(r, load<u64>(r) * factor)
  store<u64>(r, load<u64>(r, 8) * factor, 8)
  store<u64>(r, load<u64>(r, 16) * factor, 16)
  store<u64>(r, load<u64>(r, 24) * factor, 24)
  store<u64>(r, load<u64>(r, 32) * factor, 32)
}

/** r /= 2: an odd r has p added first. Magnitude m becomes ⌊m / 2⌋ + 1. */
export function halve(r: Field): void {
  const odd: u64 = 0 - (load<u64>(r) & 1)
  const pair0 = load<u64>(r) + (P_LOW_PAIR & odd)
  const pair1 = load<u64>(r, 8) + (P_PAIR & odd)
  const pair2 = load<u64>(r, 16) + (P_PAIR & odd)
  const pair3 = load<u64>(r, 24) + (P_PAIR & odd)
  const pair4 = load<u64>(r, 32) + (P_HIGH_PAIR & odd)
  store<u64>(r, halvePair(pair0, pair1))
  store<u64>(r, halvePair(pair1, pair2), 8)
  store<u64>(r, halvePair(pair2, pair3), 16)
  store<u64>(r, halvePair(pair3, pair4), 24)
  store<u64>(r, halvePair(pair4, 0), 32)
}

/** Each limb halved, with the lowest bit of the one above it on top. */
function halvePair(pair: u64, above: u64): u64 {
  return ((pair >> 1) & HALVED_PAIR) + (((pair >> 32) & 1) << 25) + ((above & 1) << 57)
}

/** Carries r's limbs, up to magnitude 31, and leaves magnitude 1: r < 2^256 + a little, not yet below p. */
export function normalizeWeak(r: Field): void {
  const top = load<u32>(r, 36)
  const over = top >> 22
  let carry = load<u32>(r) + over * 0x3d1
  store<u32>(r, carry & u32(LIMB))
  carry = (carry >> 26) + load<u32>(r, 4) + (over << 6)
  store<u32>(r, carry & u32(LIMB), 4)
  carry = (carry >> 26) + load<u32>(r, 8)
  store<u32>(r, carry & u32(LIMB), 8)
  carry = (carry >> 26) + load<u32>(r, 12)
  store<u32>(r, carry & u32(LIMB), 12)
  carry = (carry >> 26) + load<u32>(r, 16)
  store<u32>(r, carry & u32(LIMB), 16)
  carry = (carry >> 26) + load<u32>(r, 20)
  store<u32>(r, carry & u32(LIMB), 20)
  carry = (carry >> 26) + load<u32>(r, 24)
  store<u32>(r, carry & u32(LIMB), 24)
  carry = (carry >> 26) + load<u32>(r, 28)
  store<u32>(r, carry & u32(LIMB), 28)
  carry = (carry >> 26) + load<u32>(r, 32)
  store<u32>(r, carry & u32(LIMB), 32)
  store<u32>(r, (carry >> 26) + (top & u32(TOP_LIMB)), 36)
}

/** Makes r, up to magnitude 31, the one representation below p. */
export function normalize(r: Field): void {
  normalizeWeak(r)
  // Now r < 2^256 + 2^252: at most one p too much.
  if (isAtLeastP(r)) {
    // r − p is r + (2^32 + 977), the carry above 2^256 dropped.
    let carry = load<u32>(r) + 0x3d1
    store<u32>(r, carry & u32(LIMB))
    carry = (carry >> 26) + load<u32>(r, 4) + 0x40
    store<u32>(r, carry & u32(LIMB), 4)
    for (let i: usize = 8; i < 36; i += 4) {
      carry = (carry >> 26) + load<u32>(r + i)
      store<u32>(r + i, carry & u32(LIMB))
    }
    store<u32>(r, ((carry >> 26) + load<u32>(r, 36)) & u32(TOP_LIMB), 36)
  }
}

/** Whether r, whose limbs are carried, is p or more. */
function isAtLeastP(r: Field): bool {
  const top = load<u32>(r, 36)
  if (top !== P9) return top > P9
  for (let i: usize = 32; i >= 8; i -= 4) if (load<u32>(r + i) !== P_MIDDLE) return false
  const second = load<u32>(r, 4)
  return second > P1 || (second === P1 && load<u32>(r) >= P0)
}

const candidate = memory.data(FIELD_SIZE)

/** Whether a, up to magnitude 31, is 0 modulo p; a is left as it is. */
export function isZero(a: Field): bool {
  // The lowest limb alone settles nearly every case: of a multiple of p it is 0 or p's own.
  const lowest = (load<u32>(a) + (load<u32>(a, 36) >> 22) * 0x3d1) & u32(LIMB)
  if (lowest !== 0 && lowest !== P0) return false
  copy(candidate, a)
  normalize(candidate)
  let bits: u32 = 0
  for (let i: usize = 0; i < FIELD_SIZE; i += 4) bits |= load<u32>(candidate + i)
  return bits === 0
}

const difference = memory.data(FIELD_SIZE)

/** Whether a, of magnitude 1, and b, up to magnitude 29, are the same modulo p. */
export function areEqual(a: Field, b: Field): bool {
  negate(difference, a, 1)
  add(difference, b)
  return isZero(difference)
}

/** Whether the normalised a is odd. */
export function isOdd(a: Field): bool {
  return bool(load<u32>(a) & 1)
}

export function copy(r: Field, a: Field): void {
  store<u64>(r, load<u64>(a))
  store<u64>(r, load<u64>(a, 8), 8)
  store<u64>(r, load<u64>(a, 16), 16)
  store<u64>(r, load<u64>(a, 24), 24)
  store<u64>(r, load<u64>(a, 32), 32)
}

/** r = value, below 2^26. */
export function setSmall(r: Field, value: u32): void {
  store<u64>(r, value)
  store<u64>(r, 0, 8)
  store<u64>(r, 0, 16)
  store<u64>(r, 0, 24)
  store<u64>(r, 0, 32)
}

/** r = the 32 bytes at `bytes`, most significant first. False where they are p or more: r is then not normalised. */
export function fromBytes(r: Field, bytes: usize): bool {
  let pending: u64 = 0
  let bits: u32 = 0
  let limb = r
  for (let i: i32 = 28; i >= 0; i -= 4) {
    pending |= u64(bswap(load<u32>(bytes + i))) << bits
    for (bits += 32; bits >= 26 && limb < r + 36; bits -= 26, limb += 4) {
      store<u32>(limb, u32(pending & LIMB))
      pending >>= 26
    }
  }
  store<u32>(r, u32(pending), 36)
  return !isAtLeastP(r)
}

/** Writes the normalised a as 32 bytes, most significant first. */
export function toBytes(bytes: usize, a: Field): void {
  let pending: u64 = 0
  let bits: u32 = 0
  let limb = a
  for (let i: i32 = 28; i >= 0; i -= 4) {
    for (; bits < 32 && limb < a + FIELD_SIZE; bits += 26, limb += 4) pending |= u64(load<u32>(limb)) << bits
    store<u32>(bytes + i, bswap(u32(pending)))
    pending >>= 32
    bits -= 32
  }
}

/** r = 1/a for a magnitude up to 31, normalised; 0 for a = 0. */
export function invert(r: Field, a: Field): void {
  if (r !== a) copy(r, a)
  normalize(r)
  invertNormal(r)
}
