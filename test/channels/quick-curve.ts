/** The curve of a simulation: WebAssembly for sums of public points, as in a tab. */
import { installCurve } from '../../src/script/curve.ts'
import { openCurveKernel } from '../../src/workers/curve-kernel.ts'
import { kernelBytes } from '../support/kernels.ts'

/** For this process. */
export async function installQuickCurve(): Promise<void> {
  installCurve(await openCurveKernel(await kernelBytes('secp256k1')))
}
