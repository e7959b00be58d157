/** Thread root of a mining thread. */
import { MinerThread, type MinerThreadEvent, type MinerThreadRequest } from '../mining/miner-thread.ts'
import { typescriptKernel } from '../mining/typescript-kernel.ts'
import { Channel } from './channel.ts'
import { promptClock } from './prompt-clock.ts'

const channel = new Channel<MinerThreadEvent, MinerThreadRequest>(self)
const thread = new MinerThread({
  kernel: typescriptKernel,
  clock: promptClock(),
  post: (event) => channel.post(event),
})
channel.listen((request) => thread.receive(request))
