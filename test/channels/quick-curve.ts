/**
 * The curve of a simulation: WebAssembly for sums of public points, as in a tab, and for the products of secrets, too, which here are none. So a run
 * takes a fraction of its time. To be installed before anything of the program is imported: the library's points can't be changed later.
 */
import { kernelBytes } from '../support/kernels.ts'

/** For this process. */
export async function installQuickCurve(): Promise<void> {
  const { freeze } = Object
  // The library freezes its classes as it is loaded.
  Object.freeze = <T>(value: T): T => value
  const { secp256k1 } = await import('@noble/curves/secp256k1.js')
  Object.freeze = freeze
  const { installCurve } = await import('../../src/script/curve.ts')
  const { openCurveKernel } = await import('../../src/workers/curve-kernel.ts')
  const kernel = await openCurveKernel(await kernelBytes('secp256k1'))
  installCurve(kernel)
  const { Point } = secp256k1
  const { Fn } = Point
  Point.prototype.multiply = function multiply(this: InstanceType<typeof Point>, scalar: bigint) {
    if (!Fn.isValidNot0(scalar)) throw new RangeError('A scalar is out of its range')
    const bytes = Fn.toBytes(scalar)
    const product =
      this === Point.BASE ? kernel.sum([], bytes) : kernel.sum([{ point: this.toBytes(true), scalar: bytes }])
    if (!product) throw new RangeError('A product is the point at infinity')
    return Point.fromBytes(product)
  }
}
