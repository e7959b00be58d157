/**
 * A bounded room shared out by where its guests come from. One address and one subnet hold no more than their shares,
 * and when the room is full, whoever comes from where fewer are gets the place of one of those who are most.
 */

import type { Source } from './source.ts'

/** How many guests there may be. */
export interface Shares {
  readonly total: number
  readonly perAddress: number
  readonly perSubnet: number
}

/** Those among whom one has to go when another comes. */
export interface Rivals<T> {
  /** At least one. */
  readonly guests: readonly T[]
  /** The newcomer's address or subnet holds as much as theirs: it has no better claim than they have. */
  readonly equal: boolean
}

/** The room. */
export class FairShare<T> {
  readonly #shares: Shares
  readonly #choose: (rivals: Rivals<T>) => T | undefined
  readonly #sources = new Map<T, Source>()
  /** Subnet to address to guests. Nothing empty is kept. */
  readonly #subnets = new Map<string, Map<string, Set<T>>>()

  /** `choose` says which of the rivals goes; undefined refuses the newcomer. */
  constructor(shares: Shares, choose: (rivals: Rivals<T>) => T | undefined) {
    this.#shares = shares
    this.#choose = choose
  }

  /** How many guests there are. */
  get size(): number {
    return this.#sources.size
  }

  /** Whether a guest from there would be let in now. */
  admits(source: Source): boolean {
    const rivals = this.#rivals(source)
    return rivals === undefined || this.#choose(rivals) !== undefined
  }

  /** Lets a guest in. Answers who has to go for it, the newcomer itself if it is refused; they are out already. */
  add(guest: T, source: Source): T | undefined {
    const rivals = this.#rivals(source)
    const leaves = rivals && (this.#choose(rivals) ?? guest)
    if (leaves === guest) return guest
    if (leaves !== undefined) this.delete(leaves)
    this.#sources.set(guest, source)
    const addresses = this.#subnets.get(source.subnet) ?? new Map<string, Set<T>>()
    const guests = addresses.get(source.address) ?? new Set()
    this.#subnets.set(source.subnet, addresses.set(source.address, guests.add(guest)))
    return leaves
  }

  /** A guest left. Whether it was there. */
  delete(guest: T): boolean {
    const source = this.#sources.get(guest)
    if (source === undefined) return false
    this.#sources.delete(guest)
    const addresses = this.#subnets.get(source.subnet)!
    const guests = addresses.get(source.address)!
    guests.delete(guest)
    if (guests.size === 0) addresses.delete(source.address)
    if (addresses.size === 0) this.#subnets.delete(source.subnet)
    return true
  }

  #rivals({ address, subnet }: Source): Rivals<T> | undefined {
    const neighbours = this.#subnets.get(subnet) ?? new Map<string, Set<T>>()
    const own = neighbours.get(address) ?? new Set()
    if (own.size >= this.#shares.perAddress) return { guests: [...own], equal: true }
    if (populationOf(neighbours) >= this.#shares.perSubnet) return largest(neighbours, own)
    if (this.size < this.#shares.total) return undefined

    const sizes = new Map(
      [...this.#subnets.values()].map((addresses) => [addresses, populationOf(addresses)]),
    )
    const most = Math.max(...sizes.values())
    const ownSize = populationOf(neighbours)
    if (ownSize >= most) return largest(neighbours, own)
    const addresses = [...sizes].filter(([, size]) => size === most).flatMap(([within]) => [...within])
    return { ...largest(new Map(addresses)), equal: ownSize + 1 === most }
  }
}

/** The guests of the address, or equal addresses, that hold most; of the newcomer's own one if no other holds more. */
function largest<T>(addresses: ReadonlyMap<string, ReadonlySet<T>>, own?: ReadonlySet<T>): Rivals<T> {
  const most = Math.max(...[...addresses.values()].map(({ size }) => size))
  if (own !== undefined && own.size >= most) return { guests: [...own], equal: true }
  const guests = [...addresses.values()].filter(({ size }) => size === most).flatMap((set) => [...set])
  return { guests, equal: (own?.size ?? 0) + 1 === most }
}

function populationOf(addresses: ReadonlyMap<string, ReadonlySet<unknown>>): number {
  let population = 0
  for (const { size } of addresses.values()) population += size
  return population
}
