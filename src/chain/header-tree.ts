/** The tree of all known headers, in typed arrays. A header is named by its `HeaderIndex`. */
import type { BlockHeader } from '../primitives/block.ts'
import type { BlockHash } from '../primitives/hashes.ts'

/** Position of a header in the tree, in order of arrival; genesis is 0. Stable while the tab lives and across reopening. */
export type HeaderIndex = number

/** The index of no header. */
export const NO_HEADER: HeaderIndex = -1

export declare class HeaderTree {
  /** Headers held. */
  readonly size: number
  /** `NO_HEADER` when unknown. */
  find(hash: BlockHash): HeaderIndex
  header(index: HeaderIndex): BlockHeader
  hash(index: HeaderIndex): BlockHash
  /** `NO_HEADER` for genesis. */
  parent(index: HeaderIndex): HeaderIndex
  height(index: HeaderIndex): number
  /** Seconds since 1970. */
  time(index: HeaderIndex): number
  bits(index: HeaderIndex): number
  /** Sum of expected hashes from genesis to this header. */
  chainWork(index: HeaderIndex): bigint
  /** Median of the times of this header and its 10 ancestors (BIP113), seconds. */
  medianTimePast(index: HeaderIndex): number
  /** The ancestor at `height` (itself at its own), `NO_HEADER` above it. */
  ancestor(index: HeaderIndex, height: number): HeaderIndex
  /** Last common ancestor. */
  forkPoint(a: HeaderIndex, b: HeaderIndex): HeaderIndex
  /** The body is stored. */
  hasBody(index: HeaderIndex): boolean
  /** Proven bad, itself or an ancestor. */
  isInvalid(index: HeaderIndex): boolean
  /** Headers without children. */
  leaves(): HeaderIndex[]
}
