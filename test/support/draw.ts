/**
 * Seeded drawing of numbers and bytes for tests that run by the hundred thousand: the same seed draws the same. Edges are
 * drawn far more often than chance would. The generator is sfc32 (PractRand), keyed by SHA-256.
 */
import { createHash } from 'node:crypto'

/** Lengths on both sides of what encodings and limits tell apart: pushes, CompactSize, stack elements. */
const EDGE_LENGTHS = [0, 1, 2, 32, 33, 64, 65, 75, 76, 77, 80, 83, 252, 253, 254, 255, 256, 257, 520, 521]

export class Draw {
  private readonly state: Uint32Array

  constructor(seed: string) {
    const digest = createHash('sha256').update(seed).digest()
    this.state = Uint32Array.from({ length: 4 }, (_, i) => digest.readUInt32LE(4 * i))
  }

  /** 32 random bits. */
  u32(): number {
    const { state } = this
    const sum = (state[0] + state[1] + state[3]++) >>> 0
    state[0] = state[1] ^ (state[1] >>> 9)
    state[1] = state[2] + (state[2] << 3)
    state[2] = ((state[2] << 21) | (state[2] >>> 11)) + sum
    return sum
  }

  /** From 0 to `count` − 1. */
  below(count: number): number {
    return Math.floor((this.u32() / 2 ** 32) * count)
  }

  /** From `least` to `greatest`, both included. */
  integer(least: number, greatest: number): number {
    return least + this.below(greatest - least + 1)
  }

  /** True once in `times`. */
  oneIn(times: number): boolean {
    return this.below(times) === 0
  }

  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)]
  }

  bytes(length: number): Uint8Array {
    const bytes = new Uint8Array(length)
    for (let at = 0; at < length; at++) bytes[at] = this.u32() >>> 24
    return bytes
  }

  list<T>(length: number, make: (index: number) => T): T[] {
    return Array.from({ length }, (_, index) => make(index))
  }

  /** 32 bits, one in three an edge: what a version, a sequence or a lock time may be. */
  anyU32(): number {
    const edges = [
      0, 1, 2, 0x7fffffff, 0x80000000, 0xfffffffd, 0xfffffffe, 0xffffffff, 499_999_999, 500_000_000,
    ]
    return this.oneIn(3) ? this.pick(edges) : this.u32()
  }

  /** A number of at most `bits` bits, of any size: each length is as likely. */
  bits(bits: number): bigint {
    const length = this.integer(0, bits)
    let value = 0n
    for (let drawn = 0; drawn < length; drawn += 32) value = (value << 32n) | BigInt(this.u32())
    return BigInt.asUintN(length, value)
  }

  /** A byte string of a length that matters, one in a thousand beyond 65,535; its bytes random, or all the same. */
  blob(): Uint8Array {
    const length = this.oneIn(1_000)
      ? this.pick([65_535, 65_536])
      : this.oneIn(2)
        ? this.pick(EDGE_LENGTHS)
        : this.below(100)
    return length > 1_000 || this.oneIn(4) ? new Uint8Array(length).fill(this.u32()) : this.bytes(length)
  }
}
