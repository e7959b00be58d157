/** Thread root of a mining thread. */
import { MinerThread, type MinerThreadEvent, type MinerThreadRequest } from '../mining/miner-thread.ts'
import { Channel } from './channel.ts'
import { loadMiningKernel } from './mining-kernels.ts'
import { promptClock } from './prompt-clock.ts'

const channel = new Channel<MinerThreadEvent, MinerThreadRequest>(self)

const started = loadMiningKernel().then(
  ({ kernel }) => new MinerThread({ kernel, clock: promptClock(), post: (event) => channel.post(event) }),
)

channel.listen((request) => {
  // The pool hears of a bug as of any in a worker: by an error event.
  started.then((thread) => thread.receive(request)).catch(reportError)
})
