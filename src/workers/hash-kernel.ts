/**
 * The hash kernel in WebAssembly (kernels/sha256) behind the interface of the plain hasher. It must give the same hashes in every case: a tab
 * whose kernel differs leaves the network. Brain and check workers; synchronous once it is loaded.
 */
import {
  type Hasher,
  hasWitness,
  installHasher,
  type MerkleRoot,
  type SerialisedTransaction,
  strippedParts,
} from '../primitives/hasher.ts'
import { selfTest } from './hash-self-test.ts'
import { fetchKernel, kernelExports } from './kernel-file.ts'

/** What the module exports to us; addresses are offsets into its memory. */
interface KernelExports {
  readonly memory: WebAssembly.Memory
  input(): number
  capacity(): number
  output(): number
  state(): number
  begin(): void
  resume(): void
  absorb(bytes: number): void
  finish(): void
  finishTwice(): void
  maxTransactionBytes(): number
  maxTransactions(): number
  entries(): number
  identify(count: number): void
  merkleLevel(count: number): number
}

/** Makes this thread hash with the kernel. Rejects with an Error that says why it can't be used; the plain hasher then stays. */
export async function installHashKernel(): Promise<void> {
  installHasher(
    await openHashKernel(await fetchKernel(new URL('../../kernels/build/sha256.wasm', import.meta.url))),
  )
}

/** The kernel of a compiled module, tested. Rejects as `installHashKernel` does, also where the browser has no SIMD. */
export async function openHashKernel(module: BufferSource): Promise<Hasher> {
  const kernel = new WasmHasher(await kernelExports<KernelExports>(module))
  selfTest(kernel)
  return kernel
}

class WasmHasher implements Hasher {
  private readonly kernel: KernelExports
  /** The module's memory, which never grows. */
  private readonly memory: Uint8Array
  private readonly inputAt: number
  private readonly outputAt: number
  private readonly stateAt: number
  private readonly capacity: number
  private readonly maxTransactionBytes: number
  /** For each transaction its length and the offset of its witness. */
  private readonly entries: Uint32Array
  /** States of tagged hashes behind their tags. */
  private readonly midstates = new Map<string, Uint8Array>()

  constructor(kernel: KernelExports) {
    this.kernel = kernel
    const { buffer } = kernel.memory
    this.memory = new Uint8Array(buffer)
    this.inputAt = kernel.input()
    this.outputAt = kernel.output()
    this.stateAt = kernel.state()
    this.capacity = kernel.capacity()
    this.maxTransactionBytes = kernel.maxTransactionBytes()
    this.entries = new Uint32Array(buffer, kernel.entries(), 2 * kernel.maxTransactions())
  }

  sha256(parts: readonly Uint8Array[]): Uint8Array {
    this.kernel.begin()
    return this.digest(parts)
  }

  sha256d(parts: readonly Uint8Array[]): Uint8Array {
    this.kernel.begin()
    this.absorb(parts)
    this.kernel.finishTwice()
    return this.readHash()
  }

  taggedHash(tag: string, parts: readonly Uint8Array[]): Uint8Array {
    let midstate = this.midstates.get(tag)
    if (!midstate) {
      const tagHash = this.sha256([Uint8Array.from(tag, (char) => char.charCodeAt(0))])
      this.kernel.begin()
      this.absorb([tagHash, tagHash])
      midstate = this.memory.slice(this.stateAt, this.stateAt + 32)
      this.midstates.set(tag, midstate)
    }
    this.memory.set(midstate, this.stateAt)
    this.kernel.resume()
    return this.digest(parts)
  }

  identify(transactions: readonly SerialisedTransaction[]): Uint8Array {
    const ids = new Uint8Array(transactions.length * 64)
    for (let from = 0; from < transactions.length; ) {
      const count = this.placeTransactions(transactions, from)
      if (count === 0) {
        this.identifyLong(transactions[from], ids.subarray(from * 64))
        from++
        continue
      }
      this.kernel.identify(count)
      ids.set(this.memory.subarray(this.outputAt, this.outputAt + count * 64), from * 64)
      from += count
    }
    return ids
  }

  /** Writes transactions from `from` on into the input buffer: how many fit; none where the first is too long. */
  private placeTransactions(transactions: readonly SerialisedTransaction[], from: number): number {
    const { memory, entries, inputAt, capacity, maxTransactionBytes } = this
    const most = Math.min(transactions.length - from, entries.length / 2)
    let filled = 0
    for (let i = 0; i < most; i++) {
      const { bytes, witnessOffset } = transactions[from + i]
      if (bytes.length > maxTransactionBytes || bytes.length > capacity - filled) return i
      memory.set(bytes, inputAt + filled)
      entries[2 * i] = bytes.length
      entries[2 * i + 1] = witnessOffset
      filled += bytes.length
    }
    return most
  }

  private identifyLong(transaction: SerialisedTransaction, ids: Uint8Array): void {
    const txid = this.sha256d(strippedParts(transaction))
    ids.set(txid)
    ids.set(hasWitness(transaction) ? this.sha256d([transaction.bytes]) : txid, 32)
  }

  merkleRoot(leaves: Uint8Array): MerkleRoot {
    const { memory, kernel, inputAt, capacity } = this
    let level = leaves
    let repeated = false
    while (level.length > 32) {
      const above = new Uint8Array(Math.ceil(level.length / 64) * 32)
      for (let at = 0; at < level.length; at += capacity) {
        const part = level.subarray(at, at + capacity)
        memory.set(part, inputAt)
        if (kernel.merkleLevel(part.length / 32)) repeated = true
        above.set(memory.subarray(inputAt, inputAt + Math.ceil(part.length / 64) * 32), at / 2)
      }
      level = above
    }
    return { root: level.slice(), repeated }
  }

  private digest(parts: readonly Uint8Array[]): Uint8Array {
    this.absorb(parts)
    this.kernel.finish()
    return this.readHash()
  }

  private absorb(parts: readonly Uint8Array[]): void {
    const { memory, kernel, inputAt, capacity } = this
    let filled = 0
    for (const part of parts) {
      let rest = part
      for (let room = capacity - filled; rest.length > room; room = capacity) {
        memory.set(rest.subarray(0, room), inputAt + filled)
        kernel.absorb(capacity)
        filled = 0
        rest = rest.subarray(room)
      }
      memory.set(rest, inputAt + filled)
      filled += rest.length
    }
    kernel.absorb(filled)
  }

  private readHash(): Uint8Array {
    return this.memory.slice(this.outputAt, this.outputAt + 32)
  }
}
