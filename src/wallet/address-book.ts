/**
 * The keys of an account: which were handed out, and which outputs pay one of them. Keeps a look-ahead of 20 keys or more
 * behind the last one used or issued, so that a wallet restored from its words finds what it received (BIP44,
 * Address gap limit). Thread: the brain.
 */
import { equalBytes } from '../primitives/bytes.ts'
import { encodeAddress } from '../script/address.ts'
import { outputKeyOf, p2trScript } from '../script/taproot.ts'
import type { DerivedKey, Descriptor, KeyOrigin } from './descriptor.ts'

/** Unused keys in a row after which a search ends (BIP44). */
export const GAP_LIMIT = 20

/**
 * Keys that a branch hands out at most, in a wallet and in what it imports alike: a million would take a tab ten minutes and 100 MB, and a damaged
 * count could name 2^31.
 */
export const MAX_ISSUED = 100_000

/** Keys of a page, see `takePages`: to derive them takes some 25 ms. */
const PAGE = 2 * GAP_LIMIT

export const RECEIVING = 0
export const CHANGE = 1
export type Branch = typeof RECEIVING | typeof CHANGE

/** A number for each branch, receiving first. */
export type PerBranch = readonly [number, number]

export interface OwnKey extends DerivedKey {
  readonly branch: Branch
  readonly index: number
  readonly scriptPubKey: Uint8Array
  readonly address: string
}

/** `PAGE` output keys in a row. */
export interface KeyPage {
  readonly branch: Branch
  /** Index of the first key, divided by `PAGE`. */
  readonly page: number
  /** 32 bytes each. */
  readonly outputKeys: readonly Uint8Array[]
}

interface BranchState {
  readonly branch: Branch
  readonly keys: OwnKey[]
  /** Index of the next key to hand out. */
  next: number
  readonly used: Set<number>
  /** Pages that were taken. */
  pages: number
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

  /** `next`: per branch, the index of the next key to hand out. `pages`: what `takePages` gave, which saves deriving those keys again. */
  constructor(
    descriptor: Descriptor,
    addressPrefix: string,
    next: PerBranch = [0, 0],
    pages: readonly KeyPage[] = [],
  ) {
    this.descriptor = descriptor
    this.addressPrefix = addressPrefix
    this.states = ([RECEIVING, CHANGE] as const)
      .slice(0, descriptor.branches)
      .map((branch) => ({ branch, keys: [], next: next[branch], used: new Set<number>(), pages: 0 }))
    for (const { branch, page, outputKeys } of pages.toSorted((a, b) => a.page - b.page)) {
      const state = this.states[branch]
      if (page !== state?.pages) continue
      for (const outputKey of outputKeys) this.add(state, outputKey)
      state.pages++
    }
    this.extend()
  }

  /** Per branch, the index of the next key to hand out. */
  get next(): [number, number] {
    return [this.state(RECEIVING).next, this.state(CHANGE).next]
  }

  /** Per branch, the number of keys derived so far, the look-ahead included. */
  get derived(): PerBranch {
    return [this.state(RECEIVING).keys.length, this.state(CHANGE).keys.length]
  }

  /** The own key that a script pays to. */
  find(scriptPubKey: Uint8Array): OwnKey | undefined {
    const outputKey = outputKeyOf(scriptPubKey)
    const candidates = outputKey && this.byPrefix.get(prefixOf(outputKey))
    return candidates?.find((key) => equalBytes(key.outputKey, outputKey!))
  }

  /** The scripts of all keys derived so far from index `since` of their branch on: what a search of the chain looks for. */
  scripts(since: PerBranch = [0, 0]): Uint8Array[] {
    return this.states.flatMap(({ branch, keys }) =>
      keys.slice(since[branch]).map(({ scriptPubKey }) => scriptPubKey),
    )
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

  /**
   * The key that change goes to: the one that is handed out next, or the last one that a search from words alone comes to where that lies behind
   * it. How many were handed out may be anybody's word, as that of a file; change out of sight would be lost with it.
   */
  changeKey(): OwnKey {
    const { keys, next } = this.state(CHANGE)
    return keys[Math.min(next, this.reach(CHANGE) - 1)]
  }

  /** Hands a key out: it is not given again. */
  issue({ branch, index }: OwnKey): void {
    const state = this.state(branch)
    state.next = Math.max(state.next, index + 1)
    this.extend()
  }

  /**
   * Hands out the keys below `next` (at most `MAX_ISSUED`), per branch, but no more than a page of each at a time: deriving takes a while. False
   * once all are handed out.
   */
  issueTowards(next: PerBranch): boolean {
    for (const state of this.states)
      state.next = Math.max(state.next, Math.min(next[state.branch], state.next + PAGE))
    this.extend()
    return this.states.some((state) => state.next < next[state.branch])
  }

  /** Pages that became whole since the last call: to be stored, and given to the constructor later. */
  takePages(): KeyPage[] {
    const taken: KeyPage[] = []
    for (const state of this.states)
      for (; (state.pages + 1) * PAGE <= state.keys.length; state.pages++) {
        const keys = state.keys.slice(state.pages * PAGE, (state.pages + 1) * PAGE)
        const outputKeys = keys.map(({ outputKey }) => outputKey)
        taken.push({ branch: state.branch, page: state.pages, outputKeys })
      }
    return taken
  }

  /** Keys handed out, in order. */
  issued(branch: Branch): readonly OwnKey[] {
    const { keys, next } = this.state(branch)
    return keys.slice(0, next)
  }

  /** Index of the first key that a search from words alone would not come to: it ends after 20 unused keys in a row. */
  reach(branch: Branch): number {
    let reach = GAP_LIMIT
    for (const index of [...this.state(branch).used].sort((a, b) => a - b)) {
      if (index >= reach) break
      reach = index + 1 + GAP_LIMIT
    }
    return reach
  }

  /** A descriptor without `<0;1>` has one branch, which serves for both. */
  private state(branch: Branch): BranchState {
    return this.states[branch] ?? this.states[RECEIVING]
  }

  /**
   * Derives keys until the look-ahead is whole. True when that took any. By twenties: each time, what lies behind has to be searched for the new
   * ones.
   */
  private extend(): boolean {
    let grew = false
    for (const state of this.states) {
      const { branch, keys, next } = state
      const wanted = Math.ceil((next + GAP_LIMIT) / GAP_LIMIT) * GAP_LIMIT
      for (; keys.length < wanted; grew = true)
        this.add(state, this.descriptor.derive(branch, keys.length).outputKey)
    }
    return grew
  }

  private add({ branch, keys }: BranchState, outputKey: Uint8Array): void {
    const key = new BookKey(this.descriptor, this.addressPrefix, branch, keys.length, outputKey)
    keys.push(key)
    const prefix = prefixOf(outputKey)
    const others = this.byPrefix.get(prefix)
    if (others) others.push(key)
    else this.byPrefix.set(prefix, [key])
  }
}

/** An own key of which only the output key was derived: the rest is for the few that are shown or spent from. */
class BookKey implements OwnKey {
  readonly branch: Branch
  readonly index: number
  readonly outputKey: Uint8Array
  readonly scriptPubKey: Uint8Array
  private readonly descriptor: Descriptor
  private readonly addressPrefix: string

  constructor(
    descriptor: Descriptor,
    addressPrefix: string,
    branch: Branch,
    index: number,
    outputKey: Uint8Array,
  ) {
    this.branch = branch
    this.index = index
    this.outputKey = outputKey
    this.scriptPubKey = p2trScript(outputKey)
    this.descriptor = descriptor
    this.addressPrefix = addressPrefix
  }

  get internalKey(): Uint8Array {
    return this.descriptor.derive(this.branch, this.index).internalKey
  }

  get origin(): KeyOrigin {
    return this.descriptor.derive(this.branch, this.index).origin
  }

  get address(): string {
    return encodeAddress(this.outputKey, this.addressPrefix)
  }
}

/** The first four bytes as a number: enough to tell strangers apart. */
export function prefixOf(bytes: Uint8Array): number {
  return ((bytes[0] << 24) | (bytes[1] << 16) | (bytes[2] << 8) | bytes[3]) >>> 0
}
