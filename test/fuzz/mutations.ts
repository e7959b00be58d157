/** Small random changes of an input: of bits and bytes, of the lengths and numbers of Bitcoin's encodings, and of whole parts. */
import { concatBytes } from '../../src/primitives/bytes.ts'
import { Writer } from '../../src/primitives/codec.ts'
import type { SeededRandom } from '../../src/simulator/seeded-random.ts'

/** Bytes that mean something to a target. */
export type Dictionary = readonly Uint8Array[]

const EDGES = [0, 1, 2, 31, 32, 33, 64, 65, 0x7f, 0x80, 0xfc, 0xfd, 0xfe, 0xff]
const WORDS = [
  0, 1, 0xff, 0x100, 0xffff, 0x10000, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff, 500_000_000,
]
const COUNTS = [0, 1, 2, 0xfc, 0xfd, 0xfe, 0x100, 0xffff, 0x10000, 0xffffffff, 0x1_0000_0000, 2 ** 53 - 1]

type Mutation = (
  input: Uint8Array,
  random: SeededRandom,
  other: Uint8Array,
  dictionary: Dictionary,
) => Uint8Array

const MUTATIONS: readonly Mutation[] = [
  function flipBit(input, random) {
    const at = random.integer(input.length)
    return replaced(input, at, 1, Uint8Array.of(input[at] ^ (1 << random.integer(8))))
  },
  function setByte(input, random) {
    const value = random.chance(0.5) ? random.pick(EDGES) : random.integer(256)
    return replaced(input, random.integer(input.length), 1, Uint8Array.of(value))
  },
  function addToByte(input, random) {
    const at = random.integer(input.length)
    return replaced(input, at, 1, Uint8Array.of(input[at] + random.between(-4, 4)))
  },
  function setWord(input, random) {
    return replaced(input, random.integer(input.length), 4, new Writer(4).u32(random.pick(WORDS)).finish())
  },
  function setCompactSize(input, random) {
    const at = random.integer(input.length)
    const left = input.length - at
    const value = random.chance(0.3) ? Math.max(0, left - random.integer(4)) : random.pick(COUNTS)
    return replaced(input, at, random.pick([0, 1, 3]), new Writer(9).compactSize(value).finish())
  },
  function setLongCompactSize(input, random) {
    const at = random.integer(input.length)
    const long = new Writer(3).u8(0xfd).u16(input[at]).finish()
    return replaced(input, at, 1, long)
  },
  function insertBytes(input, random) {
    return replaced(input, random.integer(input.length + 1), 0, random.bytes(random.between(1, 8)))
  },
  function removePart(input, random) {
    const at = random.integer(input.length)
    return replaced(input, at, random.between(1, Math.min(32, input.length - at)), new Uint8Array(0))
  },
  function repeatPart(input, random) {
    const part = partOf(input, random)
    const times = random.between(1, 4)
    return replaced(
      input,
      random.integer(input.length + 1),
      0,
      concatBytes(...Array.from({ length: times }, () => part)),
    )
  },
  function cut(input, random) {
    return input.slice(0, random.integer(input.length))
  },
  function takeWord(input, random, _, dictionary) {
    if (dictionary.length === 0) return input
    const word = random.pick(dictionary)
    return replaced(input, random.integer(input.length + 1), random.pick([0, word.length]), word)
  },
  function takePart(input, random, other) {
    const part = partOf(other, random)
    return replaced(input, random.integer(input.length + 1), random.pick([0, part.length]), part)
  },
  function splice(input, random, other) {
    const at = random.integer(Math.min(input.length, other.length))
    return concatBytes(input.subarray(0, at), other.subarray(at))
  },
]

/** A changed copy of `input`, of at most `maxLength` bytes. `other`: an input to take parts of. */
export function mutate(
  input: Uint8Array,
  other: Uint8Array,
  dictionary: Dictionary,
  maxLength: number,
  random: SeededRandom,
): Uint8Array {
  let changed = input
  for (let rounds = 1 + random.integer(1 << random.integer(4)); rounds > 0; rounds--) {
    if (changed.length === 0) changed = random.bytes(random.between(1, 8))
    else changed = random.pick(MUTATIONS)(changed, random, other.length === 0 ? changed : other, dictionary)
  }
  return changed.slice(0, maxLength)
}

function replaced(input: Uint8Array, at: number, length: number, by: Uint8Array): Uint8Array {
  return concatBytes(input.subarray(0, at), by, input.subarray(at + length))
}

function partOf(bytes: Uint8Array, random: SeededRandom): Uint8Array {
  const at = random.integer(bytes.length)
  return bytes.subarray(at, at + random.between(1, 1 << random.integer(7)))
}
