/** Thread root of a mining thread on the processor. */

import { loadMiningKernel } from './mining-kernels.ts'
import { runMinerThread } from './mining-thread-root.ts'

runMinerThread(self, loadMiningKernel())
