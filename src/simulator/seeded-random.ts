/** A deterministic source of randomness for the simulator: everything that varies in a run comes from its seed. */
import { Writer } from '../primitives/codec.ts'
import { sha256 } from '../primitives/hashes.ts'
import type { Random } from '../primitives/ports.ts'

export class SeededRandom implements Random {
  private state: Uint32Array

  /** Runs with equal seeds draw equal numbers. `seed` is any text. */
  constructor(seed: string) {
    const hash = sha256(Uint8Array.from(seed, (char) => char.charCodeAt(0) & 0xff))
    this.state = new Uint32Array(hash.buffer, hash.byteOffset, 4)
  }

  /** 32 bits: sfc32, a small generator that passes PractRand. Not for secrets. */
  private next(): number {
    const s = this.state
    const result = (s[0] + s[1] + s[3]++) >>> 0
    s[0] = s[1] ^ (s[1] >>> 9)
    s[1] = s[2] + (s[2] << 3)
    s[2] = ((s[2] << 21) | (s[2] >>> 11)) + result
    return result
  }

  bytes(length: number): Uint8Array {
    const writer = new Writer(length + 3)
    for (let written = 0; written < length; written += 4) writer.u32(this.next())
    return writer.finish().slice(0, length)
  }

  /** Uniform in [0, 1). */
  fraction(): number {
    return this.next() / 0x1_0000_0000
  }

  /** A uniform integer in [0, below). */
  integer(below: number): number {
    return Math.floor(this.fraction() * below)
  }

  chance(probability: number): boolean {
    return this.fraction() < probability
  }

  /** A uniform integer in [least, most]. */
  between(least: number, most: number): number {
    return least + this.integer(most - least + 1)
  }

  /** Exponentially distributed with this mean: the wait for the next of many rare events. */
  exponential(mean: number): number {
    return -mean * Math.log(1 - this.fraction())
  }

  pick<T>(items: readonly T[]): T {
    return items[this.integer(items.length)]
  }

  shuffle<T>(items: readonly T[]): T[] {
    const result = items.slice()
    for (let i = result.length - 1; i > 0; i--) {
      const j = this.integer(i + 1)
      ;[result[i], result[j]] = [result[j], result[i]]
    }
    return result
  }

  /** An independent generator named by `label`: adding draws to one part of a run leaves the others as they were. */
  fork(label: string): SeededRandom {
    return new SeededRandom(`${label}/${this.next()}`)
  }
}
