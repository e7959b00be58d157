/**
 * The mining kernels in WebAssembly (kernels/mining) behind the interface of the plain one, which decides every candidate that they find: no nonce
 * is told that doesn't meet its target. Mining threads; synchronous once loaded.
 */
import { type DeferredMiningKernel, type MiningKernel, NONCES } from '../mining/kernel.ts'
import { typescriptKernel } from '../mining/typescript-kernel.ts'
import { equalBytes } from '../primitives/bytes.ts'
import { fetchKernel, kernelExports } from './kernel-file.ts'

/** A kernel, and what people are told of it. */
export interface LoadedMiningKernel<Kernel = MiningKernel> {
  readonly name: string
  readonly kernel: Kernel
  /** Why it isn't a faster one: a sentence. */
  readonly fallback: string | undefined
}

/** What a module exports to us; addresses are offsets into its memory. */
interface KernelExports {
  readonly memory: WebAssembly.Memory
  /** Where the 80 bytes of a header go. */
  header(): number
  /** What is done once for a header. */
  prepare(): void
  /** Where the results of that lie, of 32 bits each in the machine's order (little-endian). */
  words(): number
  wordCount(): number
  /** The first nonce whose hash has a most significant word of at most `highest`; −1 for none. */
  search(start: number, count: number, highest: number): number
}

/** From the fastest on. */
const MODULES = [
  { name: 'WebAssembly SIMD', url: new URL('../../kernels/build/mining-simd.wasm', import.meta.url) },
  { name: 'WebAssembly', url: new URL('../../kernels/build/mining-scalar.wasm', import.meta.url) },
] as const

/** The fastest kernel that this browser runs; the plain one where no other can be loaded. */
export async function loadMiningKernel(): Promise<LoadedMiningKernel> {
  const faults: string[] = []
  const loaded = (name: string, kernel: MiningKernel): LoadedMiningKernel => ({
    name,
    kernel,
    fallback: faults.length > 0 ? `${faults.join(' ')} The processor mines with ${name}.` : undefined,
  })
  for (const { name, url } of MODULES) {
    try {
      return loaded(name, await openMiningKernel(await fetchKernel(url)))
    } catch (error) {
      faults.push(`The mining kernel in ${name} can't be used (${(error as Error).message}).`)
    }
  }
  return loaded('TypeScript', typescriptKernel)
}

/** The kernel of a compiled module. Rejects where the module can't be compiled, or finds other nonces than the plain kernel. */
export async function openMiningKernel(module: BufferSource): Promise<MiningKernel> {
  const kernel = new WasmMiningKernel(new HeaderWords(await kernelExports<KernelExports>(module)))
  await testMiningKernel(kernel)
  return kernel
}

/** What kernels take from a header, fetched for a kernel that isn't in WebAssembly. */
export async function loadHeaderWords(): Promise<HeaderWords> {
  return new HeaderWords(await kernelExports<KernelExports>(await fetchKernel(MODULES[1].url)))
}

/** What is computed once for a header, in the memory of a module. */
export class HeaderWords {
  readonly kernel: KernelExports
  /** In the order of the shader's. They change with `take`. */
  readonly words: Uint32Array<ArrayBuffer>
  private readonly header: Uint8Array

  constructor(kernel: KernelExports) {
    const memory = kernel.memory.buffer
    this.kernel = kernel
    this.words = new Uint32Array(memory, kernel.words(), kernel.wordCount())
    this.header = new Uint8Array(memory, kernel.header(), 80)
    // For the zeros that are there.
    kernel.prepare()
  }

  /** Turns to a header of 80 bytes. */
  take(header: Uint8Array): void {
    if (equalBytes(this.header, header)) return
    this.header.set(header)
    this.kernel.prepare()
  }
}

class WasmMiningKernel implements MiningKernel {
  private readonly words: HeaderWords

  constructor(words: HeaderWords) {
    this.words = words
  }

  scan(header: Uint8Array, target: Uint8Array, startNonce: number, count: number): number {
    this.words.take(header)
    const { kernel } = this.words
    const highest = highestWord(target)
    const end = Math.min(startNonce + count, NONCES)
    for (let nonce = startNonce; nonce < end; nonce++) {
      nonce = kernel.search(nonce, end - nonce, highest)
      if (nonce < 0) return -1
      if (typescriptKernel.scan(header, target, nonce, 1) === nonce) return nonce
    }
    return -1
  }
}

/** The most significant word of a target of 32 bytes, big-endian. */
export function highestWord(target: Uint8Array): number {
  return new DataView(target.buffer, target.byteOffset).getUint32(0)
}

/** Rejects where a kernel finds other nonces than the plain one does, in whichever of up to eight lanes they come. */
export async function testMiningKernel(kernel: MiningKernel | DeferredMiningKernel): Promise<void> {
  const header = Uint8Array.from({ length: 80 }, (_, i) => i * 7 + 1)
  const target = new Uint8Array(32).fill(0xff)
  target.set([0, 0x80])
  /** Answers what both found. */
  const compare = async (start: number, count: number): Promise<number> => {
    const expected = typescriptKernel.scan(header, target, start, count)
    if ((await kernel.scan(header, target, start, count)) !== expected)
      throw new Error('it finds wrong nonces')
    return expected
  }
  for (const start of [0, 0x7fffff00, 0xfffffe00]) {
    const winner = await compare(start, 512)
    for (let distance = 0; distance < 8 && winner >= 0; distance++)
      await compare(Math.max(winner - distance, 0), distance + 1)
  }
}
