/**
 * A network's short name and picture, by which two people see at a glance whether they mean the same one. Both are functions of its genesis hash alone, and so of every
 * rule. They tell networks apart; they don't stand for one against somebody who searches for a look-alike, which takes some 2^32 tries: the whole hash does. Pure, any thread.
 */
import { type BlockHash, fromDisplay, taggedHash } from '../src/primitives/hashes.ts'
import { NETWORK_WORDS } from './network-words.ts'

/** Words of a name. */
const WORDS = 4

/** Cells of a picture in each direction; the left half is mirrored. */
export const PICTURE_SIZE = 5

/** Colours that a picture may have: so many hues that people give them different names. */
const HUES: readonly number[] = [0, 28, 48, 90, 150, 190, 222, 260, 290, 325]

/** Four words, such as `otter-canyon-piano-wolf`: 32 bits. `networkId`: genesis hash, display order. */
export function networkNickname(networkId: string): string {
  const hash = taggedHash('opentab/network-name', fromDisplay(networkId as BlockHash))
  return Array.from(hash.subarray(0, WORDS), (byte) => NETWORK_WORDS[byte]).join('-')
}

export interface NetworkPicture {
  /** Degrees, as CSS counts hues. */
  readonly hue: number
  /** Row by row, `PICTURE_SIZE` cells each: which are filled. */
  readonly cells: readonly boolean[]
}

/** A mirrored pattern of 15 bits in one of ten colours. `networkId`: genesis hash, display order. */
export function networkPicture(networkId: string): NetworkPicture {
  const hash = taggedHash('opentab/network-picture', fromDisplay(networkId as BlockHash))
  const half = Math.ceil(PICTURE_SIZE / 2)
  const cells = Array.from({ length: PICTURE_SIZE ** 2 }, (_, at) => {
    const [x, y] = [at % PICTURE_SIZE, Math.floor(at / PICTURE_SIZE)]
    const bit = y * half + Math.min(x, PICTURE_SIZE - 1 - x)
    return ((hash[1 + (bit >> 3)]! >> (bit & 7)) & 1) === 1
  })
  return { hue: HUES[hash[0]! % HUES.length]!, cells }
}
