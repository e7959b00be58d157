/** Thread root of the mining thread on the graphics card. */
import { runMinerThread } from './mining-thread-root.ts'
import { loadWebGpuKernel } from './webgpu-kernel.ts'

runMinerThread(self, loadWebGpuKernel())
