/**
 * The keys of an account: which were handed out, and which outputs pay one of them. Keeps a look-ahead of 20 keys
 * behind the last one used or issued, so that a wallet restored from its words finds what it received (BIP44,
 * Address gap limit). Thread: the brain.
 */
import { equalBytes } from '../primitives/bytes.ts'
import { encodeAddress } from '../script/address.ts'
import { outputKeyOf, p2trScript } from '../script/taproot.ts'
import type { DerivedKey, Descriptor } from './descriptor.ts'

/** Unused keys in a row after which a search ends (BIP44). */
export const GAP_LIMIT = 20

export const RECEIVING = 0
export const CHANGE = 1
export type Branch = typeof RECEIVING | typeof CHANGE

export interface OwnKey extends DerivedKey {
  readonly branch: Branch
  readonly index: number
  readonly scriptPubKey: Uint8Array
  readonly address: string
}

interface BranchState {
  readonly keys: OwnKey[]
  /** Index of the next key to hand out. */
  next: number
  readonly used: Set<number>
}

export class AddressBook {
  private readonly descriptor: Descriptor
  private readonly addressPrefix: string
  private readonly states: readonly BranchState[]
  /**
   * By the first four bytes of the output key: blocks are searched with it, and strangers' outputs must cost
   * little.
   */
  private readonly byPrefix = new Map<number, OwnKey[]>()

  /** `next`: per branch, the index of the next key to hand out. */
  constructor(descriptor: Descriptor, addressPrefix: string, next: readonly [number, number] = [0, 0]) {
    this.descriptor = descriptor
    this.addressPrefix = addressPrefix
    this.states = next
      .slice(0, descriptor.branches)
      .map((index) => ({ keys: [], next: index, used: new Set<number>() }))
    this.extend()
  }

  /** Per branch, the index of the next key to hand out. */
  get next(): [number, number] {
    return [this.state(RECEIVING).next, this.state(CHANGE).next]
  }

  /** The own key that a script pays to. */
  find(scriptPubKey: Uint8Array): OwnKey | undefined {
    const outputKey = outputKeyOf(scriptPubKey)
    const candidates = outputKey && this.byPrefix.get(prefixOf(outputKey))
    return candidates?.find((key) => equalBytes(key.outputKey, outputKey!))
  }

  /** The scripts of all keys derived so far, the look-ahead included: what a search of the chain looks for. */
  scripts(): Uint8Array[] {
    return this.states.flatMap(({ keys }) => keys.map(({ scriptPubKey }) => scriptPubKey))
  }

  /**
   * Notes that a key has received. True when the look-ahead grew: what was searched before has to be searched
   * again.
   */
  markUsed({ branch, index }: OwnKey): boolean {
    const state = this.state(branch)
    if (state.used.has(index)) return false
    state.used.add(index)
    state.next = Math.max(state.next, index + 1)
    return this.extend()
  }

  isUsed({ branch, index }: OwnKey): boolean {
    return this.state(branch).used.has(index)
  }

  /** The key that is handed out next; it stays the same until `issue`. */
  peek(branch: Branch): OwnKey {
    const { keys, next } = this.state(branch)
    return keys[next]
  }

  /** Hands a key out: it is not given again. */
  issue({ branch, index }: OwnKey): void {
    const state = this.state(branch)
    state.next = Math.max(state.next, index + 1)
    this.extend()
  }

  /** Hands out all keys below `next`, per branch. True when the look-ahead grew, as in `markUsed`. */
  issueUntil(next: readonly [number, number]): boolean {
    for (const [branch, state] of this.states.entries()) state.next = Math.max(state.next, next[branch])
    return this.extend()
  }

  /** Keys handed out, in order. */
  issued(branch: Branch): readonly OwnKey[] {
    const { keys, next } = this.state(branch)
    return keys.slice(0, next)
  }

  /** Whether a search from words alone, which ends after 20 unused keys in a row, would stop before this key. */
  isBeyondGap({ branch, index }: OwnKey): boolean {
    const { used } = this.state(branch)
    for (let before = index - 1, gap = 0; before >= 0; before--, gap++) {
      if (used.has(before)) return false
      if (gap >= GAP_LIMIT - 1) return true
    }
    return false
  }

  /** A descriptor without `<0;1>` has one branch, which serves for both. */
  private state(branch: Branch): BranchState {
    return this.states[branch] ?? this.states[RECEIVING]
  }

  /** Derives keys until the look-ahead is whole. True when that took any. */
  private extend(): boolean {
    let grew = false
    for (const [branch, state] of this.states.entries()) {
      while (state.keys.length < state.next + GAP_LIMIT) {
        this.add(branch as Branch, state)
        grew = true
      }
    }
    return grew
  }

  private add(branch: Branch, state: BranchState): void {
    const index = state.keys.length
    const derived = this.descriptor.derive(branch, index)
    const address = encodeAddress(derived.outputKey, this.addressPrefix)
    const key = { ...derived, branch, index, address, scriptPubKey: p2trScript(derived.outputKey) }
    state.keys.push(key)
    const prefix = prefixOf(key.outputKey)
    const others = this.byPrefix.get(prefix)
    if (others) others.push(key)
    else this.byPrefix.set(prefix, [key])
  }
}

/** The first four bytes as a number: enough to tell strangers apart. */
export function prefixOf(bytes: Uint8Array): number {
  return ((bytes[0] << 24) | (bytes[1] << 16) | (bytes[2] << 8) | bytes[3]) >>> 0
}
