/** The WebAssembly kernels for tests in Node, built when their sources are newer. */
import { readFile } from 'node:fs/promises'
import { buildKernels } from '../../kernels/build.ts'

/** The module of a kernel, such as `secp256k1`. */
export async function kernelBytes(name: string): Promise<Uint8Array<ArrayBuffer>> {
  await buildKernels()
  return Uint8Array.from(await readFile(new URL(`../../kernels/build/${name}.wasm`, import.meta.url)))
}

/** Numbers below 2^32 that follow from a seed (mulberry32): tests that use them fail the same way again. */
export function seededNumbers(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return (mixed ^ (mixed >>> 14)) >>> 0
  }
}
