/**
 * Sums of points by the signature kernel in WebAssembly (kernels/secp256k1), some ten times as fast as the plain code. The signer's thread, which derives
 * the keys and outputs of channels: only what is public goes in.
 */
import { bytesToHex, concatBytes, equalBytes } from '../primitives/bytes.ts'
import { sha256 } from '../primitives/hashes.ts'
import {
  type CurveKernel,
  installCurve,
  MAX_TERMS,
  NOBLE_CURVE,
  POINT_BYTES,
  type PointTerm,
} from '../script/curve.ts'
import { fetchKernel, kernelExports } from './kernel-file.ts'

const SCALAR_BYTES = 32
const ZERO = new Uint8Array(SCALAR_BYTES)

/** What the module exports to us; addresses are offsets into its memory. */
interface KernelExports {
  readonly memory: WebAssembly.Memory
  input(): number
  combine(weighted: number, plain: number): number
}

/** What `combine` answers where the sum is a point. */
const IS_POINT = 1

/** Makes this thread add points with the kernel. Rejects with an Error that says why it can't be used; the plain one then stays. */
export async function installCurveKernel(): Promise<void> {
  installCurve(
    await openCurveKernel(await fetchKernel(new URL('../../kernels/build/secp256k1.wasm', import.meta.url))),
  )
}

/** The kernel of a compiled module, tested. Rejects as `installCurveKernel` does. */
export async function openCurveKernel(module: BufferSource): Promise<CurveKernel> {
  const kernel = new WasmCurve(await kernelExports<KernelExports>(module))
  selfTest(kernel)
  return kernel
}

class WasmCurve implements CurveKernel {
  private readonly kernel: KernelExports
  /** The module's memory, which never grows. */
  private readonly memory: Uint8Array
  private readonly at: number

  constructor(kernel: KernelExports) {
    this.kernel = kernel
    this.memory = new Uint8Array(kernel.memory.buffer)
    this.at = kernel.input()
  }

  sum(terms: readonly PointTerm[], generator: Uint8Array = ZERO): Uint8Array | undefined {
    // More would not find room in the module's memory.
    if (terms.length > MAX_TERMS) throw new Error(`A sum of ${terms.length} points, over ${MAX_TERMS}`)
    const weighted = terms.filter(({ scalar }) => scalar)
    const plain = terms.filter(({ scalar }) => !scalar)
    const sizes = terms.every(
      ({ point, scalar = ZERO }) => point.length === POINT_BYTES && scalar.length === SCALAR_BYTES,
    )
    if (!sizes || generator.length !== SCALAR_BYTES) return undefined
    const { memory, at } = this
    const input = concatBytes(
      generator,
      ...weighted.flatMap(({ point, scalar = ZERO }) => [point, scalar]),
      ...plain.map(({ point }) => point),
    )
    memory.set(input, at)
    if (this.kernel.combine(weighted.length, plain.length) !== IS_POINT) return undefined
    return memory.slice(at, at + POINT_BYTES)
  }
}

/** Throws an Error where the kernel gives another answer than the plain one: what a miscompiled or altered kernel would fail at once. About 20 ms. */
function selfTest(kernel: CurveKernel): void {
  let point = NOBLE_CURVE.sum([], sha256(Uint8Array.of(0)))
  for (let i = 0; i < 8; i++) {
    const scalars = [0, 1, 2].map((which) => sha256(Uint8Array.of(i, which)))
    const base: PointTerm = { point: point! }
    const sums: Parameters<CurveKernel['sum']>[] = [
      [[base], scalars[0]],
      [[{ ...base, scalar: scalars[1] }], scalars[0]],
      [
        [
          { ...base, scalar: scalars[1] },
          { point: kernel.sum([], scalars[2]) ?? ZERO, scalar: scalars[2] },
        ],
      ],
      [[base, { point: base.point.with(0, base.point[0] ^ 1) }]],
      [[{ point: base.point.with(0, 4) }], scalars[0]],
    ]
    for (const [terms, generator] of sums) {
      const expected = NOBLE_CURVE.sum(terms, generator)
      const found = kernel.sum(terms, generator)
      if (expected && found ? !equalBytes(expected, found) : expected !== found)
        throw new Error(
          `it adds up to ${found && bytesToHex(found)} instead of ${expected && bytesToHex(expected)}`,
        )
      if (expected) point = expected
    }
  }
}
