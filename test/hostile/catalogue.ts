/** All attacks, in the order of the table. */

import type { Attack } from './attack.ts'
import { manyHeaders, sevenHeaders } from './attacks/bare-headers.ts'
import { compactLies, logFlood, mutatedBody, stalledBlock } from './attacks/blocks.ts'
import { abortedStreams, rawChannels, silentStreams } from './attacks/channels.ts'
import { fastClock, slowClock } from './attacks/clock.ts'
import { backStamped } from './attacks/difficulty.ts'
import { badFrames } from './attacks/frames.ts'
import { babble, controlSpam, forgedPayments, fullMempool, orphanSpam } from './attacks/gossip.ts'
import { exactOffenders } from './attacks/offenders.ts'
import { peace } from './attacks/peace.ts'
import { questionFloods } from './attacks/questions.ts'
import { relayChange } from './attacks/relay-change.ts'
import { reloadStorm } from './attacks/reload-storm.ts'
import { serverGone } from './attacks/server-gone.ts'
import { signallingFlood } from './attacks/signalling.ts'
import { longSleep, shortSleep } from './attacks/sleep.ts'
import { idleSockets, manySockets, muteSockets, questionFlood, slowRequests } from './attacks/sockets.ts'
import { blackHoles, fortySybils, fullRelay, fullSlots } from './attacks/sybils.ts'

export const ATTACKS: readonly Attack[] = [
  peace,
  backStamped,
  signallingFlood,
  sevenHeaders,
  manyHeaders,
  slowClock,
  fastClock,
  fortySybils,
  fullRelay,
  blackHoles,
  fullSlots,
  rawChannels,
  silentStreams,
  abortedStreams,
  exactOffenders,
  relayChange,
  badFrames,
  shortSleep,
  longSleep,
  serverGone,
  idleSockets,
  manySockets,
  muteSockets,
  slowRequests,
  questionFlood,
  babble,
  controlSpam,
  orphanSpam,
  forgedPayments,
  fullMempool,
  questionFloods,
  compactLies,
  stalledBlock,
  mutatedBody,
  logFlood,
  reloadStorm,
]
