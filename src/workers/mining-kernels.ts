/**
 * The mining kernels in WebAssembly (kernels/mining) behind the interface of the plain one, which decides every candidate that they find: no nonce
 * is told that doesn't meet its target. Mining threads; synchronous once loaded.
 */
import { type MiningKernel, NONCES } from '../mining/kernel.ts'
import { typescriptKernel } from '../mining/typescript-kernel.ts'
import { equalBytes } from '../primitives/bytes.ts'

/** What a module exports to us; addresses are offsets into its memory. */
interface KernelExports {
  readonly memory: WebAssembly.Memory
  /** Where the 80 bytes of a header go. */
  header(): number
  /** What is done once for a header. */
  prepare(): void
  /** The first nonce whose hash has a most significant word of at most `highest`; −1 for none. */
  search(start: number, count: number, highest: number): number
}

/** From the fastest on. */
const MODULES = [
  { name: 'WebAssembly SIMD', url: new URL('../../kernels/build/mining-simd.wasm', import.meta.url) },
  { name: 'WebAssembly', url: new URL('../../kernels/build/mining-scalar.wasm', import.meta.url) },
] as const

/** The fastest kernel that this browser runs, with its name for people; the plain one where no other can be loaded. */
export async function loadMiningKernel(): Promise<{ readonly name: string; readonly kernel: MiningKernel }> {
  for (const { name, url } of MODULES) {
    try {
      const response = await fetch(url)
      if (response.ok) return { name, kernel: await openMiningKernel(await response.arrayBuffer()) }
    } catch {
      // Not compiled, as where a browser has no SIMD, or wrong: the next one.
    }
  }
  return { name: 'TypeScript', kernel: typescriptKernel }
}

/** The kernel of a compiled module. Rejects where the module can't be compiled, or finds other nonces than the plain kernel. */
export async function openMiningKernel(module: BufferSource): Promise<MiningKernel> {
  const { instance } = await WebAssembly.instantiate(module)
  const kernel = new WasmMiningKernel(instance.exports as unknown as KernelExports)
  selfTest(kernel)
  return kernel
}

class WasmMiningKernel implements MiningKernel {
  private readonly kernel: KernelExports
  private readonly header: Uint8Array

  constructor(kernel: KernelExports) {
    this.kernel = kernel
    this.header = new Uint8Array(kernel.memory.buffer, kernel.header(), 80)
    // For the zeros that are there.
    kernel.prepare()
  }

  scan(header: Uint8Array, target: Uint8Array, startNonce: number, count: number): number {
    const { kernel } = this
    if (!equalBytes(this.header, header)) {
      this.header.set(header)
      kernel.prepare()
    }
    const highest = new DataView(target.buffer, target.byteOffset).getUint32(0)
    const end = Math.min(startNonce + count, NONCES)
    for (let nonce = startNonce; nonce < end; nonce++) {
      nonce = kernel.search(nonce, end - nonce, highest)
      if (nonce < 0) return -1
      if (typescriptKernel.scan(header, target, nonce, 1) === nonce) return nonce
    }
    return -1
  }
}

/** Nonces that a wrong kernel would find elsewhere, or not at all. */
function selfTest(kernel: MiningKernel): void {
  const header = Uint8Array.from({ length: 80 }, (_, i) => i * 7 + 1)
  const target = new Uint8Array(32).fill(0xff)
  target.set([0, 0x80])
  for (const start of [0, 0x7fffff00, 0xfffffe00]) {
    const found = kernel.scan(header, target, start, 512)
    if (found !== typescriptKernel.scan(header, target, start, 512)) throw new Error('it finds wrong nonces')
  }
}
