/**
 * The signature kernel in WebAssembly (kernels/secp256k1) behind the interface of the plain one. It must give the verdicts of
 * `verifySchnorr` in every case: a tab whose kernel differs leaves the network. Check workers; synchronous once it is loaded.
 */
import type { SignatureCheck, SignatureKernel } from '../script/schnorr.ts'
import { fetchKernel, kernelExports } from './kernel-file.ts'
import { selfTest } from './signature-self-test.ts'

/** What the module exports to us; addresses are offsets into its memory. */
interface KernelExports {
  readonly memory: WebAssembly.Memory
  input(): number
  chunk(): number
  capacity(): number
  begin(): void
  absorb(bytes: number): void
  finish(): void
  firstInvalid(): number
}

/** Fetches the kernel and tests it. Rejects with an Error that says what is wrong when it can't be used. */
export async function loadSignatureKernel(): Promise<SignatureKernel> {
  return await openSignatureKernel(
    await fetchKernel(new URL('../../kernels/build/secp256k1.wasm', import.meta.url)),
  )
}

/** The kernel of a compiled module, tested. Rejects as `loadSignatureKernel` does. */
export async function openSignatureKernel(module: BufferSource): Promise<SignatureKernel> {
  const kernel = new WasmSignatureKernel(await kernelExports<KernelExports>(module))
  selfTest(kernel)
  return kernel
}

class WasmSignatureKernel implements SignatureKernel {
  private readonly kernel: KernelExports
  /** The module's memory, which never grows. */
  private readonly memory: Uint8Array
  private readonly signatureAt: number
  private readonly chunk: number
  private readonly capacity: number

  constructor(kernel: KernelExports) {
    this.kernel = kernel
    this.memory = new Uint8Array(kernel.memory.buffer)
    this.signatureAt = kernel.input()
    this.chunk = kernel.chunk()
    this.capacity = kernel.capacity()
  }

  findInvalid(signatures: readonly SignatureCheck[]): number {
    for (const { signature, publicKey } of signatures)
      if (signature.length !== 64 || publicKey.length !== 32)
        throw new Error(`A signature of ${signature.length} bytes with a key of ${publicKey.length} bytes.`)
    // Batches of one size, since large ones are faster than a large one and a remnant.
    const batches = Math.ceil(signatures.length / this.capacity)
    const size = Math.ceil(signatures.length / batches)
    for (let start = 0; start < signatures.length; start += size) {
      const end = Math.min(start + size, signatures.length)
      for (let i = start; i < end; i++) this.add(signatures[i])
      const first = this.kernel.firstInvalid()
      if (first < end - start) return start + first
    }
    return -1
  }

  private add({ signature, message, publicKey }: SignatureCheck): void {
    const { kernel, memory, signatureAt, chunk } = this
    memory.set(signature, signatureAt)
    memory.set(publicKey, signatureAt + 64)
    kernel.begin()
    for (let at = 0; at < message.length; at += chunk) {
      const part = message.length <= chunk ? message : message.subarray(at, at + chunk)
      memory.set(part, signatureAt + 96)
      kernel.absorb(part.length)
    }
    kernel.finish()
  }
}
