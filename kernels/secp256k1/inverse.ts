/**
 * Inverses modulo p by the division steps of Bernstein and Yang ("Fast constant-time gcd computation and modular inversion", 2019), in
 * a variant whose time varies: half the time of Fermat's power. Numbers are nine signed limbs of 30 bits, the least significant first; f and
 * g start as p and x, and steps that shift g to the right lead to ±1 and 0, while d and e keep f ≡ d·x and g ≡ e·x.
 */

const LIMBS: u32 = 9
const LIMB: i64 = 0x3fffffff

// p = −977 − 4·2^30 + 2^16·2^240: all its other limbs are 0.
const P0: i64 = -977
const P1: i64 = -4
const P8: i64 = 0x10000
/** 1/p modulo 2^30. */
const P_INVERSE: u32 = 0x2ddacacf

const d = memory.data(36)
const e = memory.data(36)
const f = memory.data(36)
const g = memory.data(36)

// What 30 steps, which only depend on the lowest bits of f and g, make of them: (u·f + v·g, q·f + r·g) / 2^30.
let u: i32 = 0
let v: i32 = 0
let q: i32 = 0
let r: i32 = 0

/** Replaces x, ten limbs of 26 bits below p, by 1/x, the same; 0 by 0. */
export function invert(x: usize): void {
  memory.fill(d, 0, 36)
  memory.fill(e, 0, 36)
  store<i32>(e, 1)
  memory.fill(f, 0, 36)
  store<i32>(f, i32(P0))
  store<i32>(f, i32(P1), 4)
  store<i32>(f, i32(P8), 32)
  repack(g, 30, x, 26)
  let eta: i32 = -1
  // f and g become shorter: limbs in use.
  let length = LIMBS
  do {
    eta = divide(eta)
    updateCoefficients()
    updateNumbers(length)
    length = shorten(length)
  } while (!isZero(g, length))
  // f is 1 or −1, and d is between −2p and p.
  addIfNegative()
  if (load<i32>(f + 4 * (length - 1)) < 0) {
    for (let at: u32 = 0; at < 36; at += 4) store<i32>(d + at, -load<i32>(d + at))
    carry()
  }
  addIfNegative()
  repack(x, 26, d, 30)
}

/** 30 division steps on the lowest bits: keeps them in u, v, q and r, and returns the new −δ. */
function divide(eta: i32): i32 {
  let f0 = load<u32>(f)
  let g0 = load<u32>(g)
  let u0: u32 = 1
  let v0: u32 = 0
  let q0: u32 = 0
  let r0: u32 = 1
  let left: i32 = 30
  while (true) {
    // As many halvings as g is even.
    const zeros = ctz<u32>(g0 | (u32(-1) << left))
    g0 >>= zeros
    u0 <<= zeros
    v0 <<= zeros
    eta -= zeros
    left -= zeros
    if (left === 0) break
    if (eta < 0) {
      eta = -eta
      let kept = f0
      f0 = g0
      g0 = 0 - kept
      kept = u0
      u0 = q0
      q0 = 0 - kept
      kept = v0
      v0 = r0
      r0 = 0 - kept
    }
    // The multiple of f that makes up to 6 more bits of g zero: −1/f is f·(f² − 2) modulo 64.
    const bits = min(min(eta + 1, left), 6)
    const multiple = (f0 * g0 * (f0 * f0 - 2)) & ((1 << bits) - 1)
    g0 += f0 * multiple
    q0 += u0 * multiple
    r0 += v0 * multiple
  }
  u = u0
  v = v0
  q = q0
  r = r0
  return eta
}

/** (d, e) = (u·d + v·e, q·d + r·e) / 2^30 modulo p, each between −2p and p. */
function updateCoefficients(): void {
  const u0: i64 = u
  const v0: i64 = v
  const q0: i64 = q
  const r0: i64 = r
  const dSign = load<i32>(d, 32) >> 31
  const eSign = load<i32>(e, 32) >> 31
  const d0: i64 = load<i32>(d)
  const e0: i64 = load<i32>(e)
  let dSum = u0 * d0 + v0 * e0
  let eSum = q0 * d0 + r0 * e0
  // The multiples of p that make the sums multiples of 2^30.
  let dTimes: i64 = (u & dSign) + (v & eSign)
  let eTimes: i64 = (q & dSign) + (r & eSign)
  dTimes -= i64(P_INVERSE * u32(dSum) + u32(dTimes)) & LIMB
  eTimes -= i64(P_INVERSE * u32(eSum) + u32(eTimes)) & LIMB
  dSum = (dSum + P0 * dTimes) >> 30
  eSum = (eSum + P0 * eTimes) >> 30
  dSum += P1 * dTimes
  eSum += P1 * eTimes
  for (let at: u32 = 4; at < 36; at += 4) {
    const di: i64 = load<i32>(d + at)
    const ei: i64 = load<i32>(e + at)
    dSum += u0 * di + v0 * ei
    eSum += q0 * di + r0 * ei
    if (at === 32) {
      dSum += P8 * dTimes
      eSum += P8 * eTimes
    }
    store<i32>(d + at - 4, i32(dSum & LIMB))
    store<i32>(e + at - 4, i32(eSum & LIMB))
    dSum >>= 30
    eSum >>= 30
  }
  store<i32>(d, i32(dSum), 32)
  store<i32>(e, i32(eSum), 32)
}

/** (f, g) = (u·f + v·g, q·f + r·g) / 2^30, which divides evenly. */
function updateNumbers(length: u32): void {
  const u0: i64 = u
  const v0: i64 = v
  const q0: i64 = q
  const r0: i64 = r
  const f0: i64 = load<i32>(f)
  const g0: i64 = load<i32>(g)
  let fSum = (u0 * f0 + v0 * g0) >> 30
  let gSum = (q0 * f0 + r0 * g0) >> 30
  const end = length * 4
  for (let at: u32 = 4; at < end; at += 4) {
    const fi: i64 = load<i32>(f + at)
    const gi: i64 = load<i32>(g + at)
    fSum += u0 * fi + v0 * gi
    gSum += q0 * fi + r0 * gi
    store<i32>(f + at - 4, i32(fSum & LIMB))
    store<i32>(g + at - 4, i32(gSum & LIMB))
    fSum >>= 30
    gSum >>= 30
  }
  store<i32>(f + end - 4, i32(fSum))
  store<i32>(g + end - 4, i32(gSum))
}

/** Drops the last limbs of f and g where both are only a sign; returns how many limbs are left. */
function shorten(length: u32): u32 {
  if (length < 2) return length
  const last = 4 * (length - 1)
  const fTop = load<i32>(f + last)
  const gTop = load<i32>(g + last)
  if (((fTop ^ (fTop >> 31)) | (gTop ^ (gTop >> 31))) !== 0) return length
  store<i32>(f + last - 4, load<i32>(f + last - 4) | (fTop << 30))
  store<i32>(g + last - 4, load<i32>(g + last - 4) | (gTop << 30))
  return length - 1
}

function isZero(number: usize, length: u32): bool {
  let bits: i32 = 0
  for (let i: u32 = 0; i < length; i++) bits |= load<i32>(number + 4 * i)
  return bits === 0
}

/** Adds p to a negative d. */
function addIfNegative(): void {
  if (load<i32>(d, 32) >= 0) return
  store<i32>(d, load<i32>(d) + i32(P0))
  store<i32>(d, load<i32>(d, 4) + i32(P1), 4)
  store<i32>(d, load<i32>(d, 32) + i32(P8), 32)
  carry()
}

/** Brings the limbs of d to 30 bits, but for the sign in the last. */
function carry(): void {
  let over: i32 = 0
  for (let at: u32 = 0; at < 32; at += 4) {
    over += load<i32>(d + at)
    store<i32>(d + at, over & i32(LIMB))
    over >>= 30
  }
  store<i32>(d, load<i32>(d, 32) + over, 32)
}

/** Writes the 260 lowest bits of limbs of one width as limbs of another. */
function repack(to: usize, toWidth: u32, from: usize, fromWidth: u32): void {
  let pending: u64 = 0
  let bits: u32 = 0
  for (let filled: u32 = 0; filled < 260; filled += toWidth) {
    while (bits < toWidth && filled + bits < 260) {
      pending |= u64(load<u32>(from)) << bits
      bits += fromWidth
      from += 4
    }
    store<u32>(to, u32(pending) & ((1 << toWidth) - 1))
    pending >>= toWidth
    bits -= min(bits, toWidth)
    to += 4
  }
}
