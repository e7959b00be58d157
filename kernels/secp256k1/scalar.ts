/**
 * Arithmetic modulo n, the order of secp256k1's group. A scalar is eight 32-bit limbs, the least significant first, 32 bytes
 * at an address, always below n. Results may overwrite operands. Few scalars are computed for each signature, so that the code
 * is loops.
 */

/** Address of a scalar. */
export type Scalar = usize

/** Bytes of a scalar. */
export const SCALAR_SIZE: u32 = 32

const ORDER = memory.data<u32>([
  0xd0364141, 0xbfd25e8c, 0xaf48a03b, 0xbaaedce6, 0xfffffffe, 0xffffffff, 0xffffffff, 0xffffffff,
])
// 2^256 − n: what 2^256 counts modulo n.
const FOLD = memory.data<u32>([0x2fc9bebf, 0x402da173, 0x50b75fc4, 0x45512319, 0x00000001])
const FOLD_LIMBS = 5

/** A product before its reduction: 16 limbs, and one that a carry can't reach. */
const wide = memory.data(68)
const high = memory.data(32)

/** r = the 32 bytes at `bytes`, most significant first, modulo n. False where they are n or more. */
export function fromBytes(r: Scalar, bytes: usize): bool {
  for (let i: usize = 0; i < SCALAR_SIZE; i += 4) store<u32>(r + i, bswap(load<u32>(bytes + 28 - i)))
  if (!isAtLeastOrder(r)) return true
  subtractOrder(r)
  return false
}

export function copy(r: Scalar, a: Scalar): void {
  store<u64>(r, load<u64>(a))
  store<u64>(r, load<u64>(a, 8), 8)
  store<u64>(r, load<u64>(a, 16), 16)
  store<u64>(r, load<u64>(a, 24), 24)
}

export function isZero(a: Scalar): bool {
  return (load<u64>(a) | load<u64>(a, 8) | load<u64>(a, 16) | load<u64>(a, 24)) === 0
}

/** r += a. */
export function add(r: Scalar, a: Scalar): void {
  let carry: u64 = 0
  for (let i: usize = 0; i < SCALAR_SIZE; i += 4) {
    carry += u64(load<u32>(r + i)) + load<u32>(a + i)
    store<u32>(r + i, u32(carry))
    carry >>= 32
  }
  if (carry !== 0 || isAtLeastOrder(r)) subtractOrder(r)
}

/** r = −a. */
export function negate(r: Scalar, a: Scalar): void {
  if (isZero(a)) copy(r, a)
  else subtract(r, ORDER, a)
}

/** r = a·b. */
export function multiply(r: Scalar, a: Scalar, b: Scalar): void {
  multiplyWide(a, b)
  // Bits left: 386, 260, 257.
  fold(8)
  fold(5)
  fold(1)
  while (load<u32>(wide, 32) !== 0 || isAtLeastOrder(wide)) {
    const borrow = subtract(wide, wide, ORDER)
    store<u32>(wide, load<u32>(wide, 32) - borrow, 32)
  }
  copy(r, wide)
}

/** `wide` = a·b. */
function multiplyWide(a: Scalar, b: Scalar): void {
  memory.fill(wide, 0, 68)
  for (let i: usize = 0; i < SCALAR_SIZE; i += 4) {
    const factor: u64 = load<u32>(a + i)
    // Halves of a split and coefficients have 128 bits.
    if (factor === 0) continue
    let carry: u64 = 0
    for (let j: usize = 0; j < SCALAR_SIZE; j += 4) {
      carry += factor * load<u32>(b + j) + load<u32>(wide + i + j)
      store<u32>(wide + i + j, u32(carry))
      carry >>= 32
    }
    store<u32>(wide + i + SCALAR_SIZE, u32(carry))
  }
}

/** Takes the `limbs` limbs of `wide` above the eighth away and adds what they count modulo n. */
function fold(limbs: i32): void {
  memory.copy(high, wide + SCALAR_SIZE, 4 * limbs)
  memory.fill(wide + SCALAR_SIZE, 0, 4 * limbs)
  for (let i = 0; i < limbs; i++) {
    const factor: u64 = load<u32>(high + 4 * i)
    let carry: u64 = 0
    let at = wide + 4 * i
    for (let j = 0; j < FOLD_LIMBS; j++, at += 4) {
      carry += factor * load<u32>(FOLD + 4 * j) + load<u32>(at)
      store<u32>(at, u32(carry))
      carry >>= 32
    }
    for (; carry !== 0; at += 4) {
      carry += load<u32>(at)
      store<u32>(at, u32(carry))
      carry >>= 32
    }
  }
}

function isAtLeastOrder(a: Scalar): bool {
  for (let i: i32 = 28; i >= 0; i -= 4) {
    const limb = load<u32>(a + i)
    const bound = load<u32>(ORDER + i)
    if (limb !== bound) return limb > bound
  }
  return true
}

function subtractOrder(r: Scalar): void {
  subtract(r, r, ORDER)
}

/** r = a − b modulo 2^256; returns the borrow, 0 or 1. */
function subtract(r: Scalar, a: Scalar, b: Scalar): u32 {
  let borrow: i64 = 0
  for (let i: usize = 0; i < SCALAR_SIZE; i += 4) {
    borrow += i64(load<u32>(a + i)) - i64(load<u32>(b + i))
    store<u32>(r + i, u32(borrow))
    borrow >>= 32
  }
  return u32(-borrow)
}

// The endomorphism (x, y) ↦ (βx, y) multiplies points by λ. A scalar k is k1 + k2·λ with halves of at most 128 bits: with the
// lattice basis (A1, B1), (A2, B2) of Guide to Elliptic Curve Cryptography, algorithm 3.74, c1 = round(B2·k / n) and
// c2 = round(−B1·k / n), of which the divisions are products with G1 and G2 shifted by 384 bits.
const MINUS_LAMBDA = memory.data<u32>([
  0xb51283cf, 0xe0cfc810, 0x8ec739c2, 0xa880b9fc, 0x77ed9ba4, 0x5ad9e3fd, 0x3fa3cf1f, 0xac9c52b3,
])
const G1 = memory.data<u32>([
  0x45dbb031, 0xe893209a, 0x71e8ca7f, 0x3daa8a14, 0x9284eb15, 0xe86c90e4, 0xa7d46bcd, 0x3086d221,
])
const G2 = memory.data<u32>([
  0x8ac47f71, 0x1571b4ae, 0x9df506c6, 0x221208ac, 0x0abfe4c4, 0x6f547fa9, 0x010e8828, 0xe4437ed6,
])
const MINUS_B1 = memory.data<u32>([0x0abfe4c3, 0x6f547fa9, 0x010e8828, 0xe4437ed6, 0, 0, 0, 0])
const MINUS_B2 = memory.data<u32>([
  0x3db1562c, 0xd765cda8, 0x0774346d, 0x8a280ac5, 0xfffffffe, 0xffffffff, 0xffffffff, 0xffffffff,
])

const c1 = memory.data(32)
const c2 = memory.data(32)

/** k1 + k2·λ = k, where each half or its negation has at most 128 bits. */
export function split(k1: Scalar, k2: Scalar, k: Scalar): void {
  multiplyShift(c1, k, G1)
  multiplyShift(c2, k, G2)
  multiply(c1, c1, MINUS_B1)
  multiply(c2, c2, MINUS_B2)
  add(c1, c2)
  multiply(c2, c1, MINUS_LAMBDA)
  add(c2, k)
  copy(k1, c2)
  copy(k2, c1)
}

/** r = round(a·b / 2^384). */
function multiplyShift(r: Scalar, a: Scalar, b: Scalar): void {
  multiplyWide(a, b)
  memory.copy(r, wide + 48, 16)
  memory.fill(r + 16, 0, 16)
  let carry: u64 = load<u32>(wide, 44) >> 31
  for (let i: usize = 0; i < 20; i += 4) {
    carry += load<u32>(r + i)
    store<u32>(r + i, u32(carry))
    carry >>= 32
  }
}

/** Whether a is nearer to n than to 0, for an a that is a half of a split: then its negation has at most 128 bits. */
export function isNegative(a: Scalar): bool {
  return (load<u64>(a, 16) | load<u64>(a, 24)) !== 0
}
