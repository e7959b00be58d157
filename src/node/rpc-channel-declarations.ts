/** The methods of channels as `help` tells of them: known before channels are open. Fetched by `help` alone. Thread: the brain. */
import type { Channels } from './channels-part.ts'
import { channelMethods } from './rpc-channels.ts'
import type { Declaration } from './rpc-method.ts'
import { towerMethods } from './rpc-towers.ts'

// Nothing of it is touched before one of them is called, and these are not.
const unopened = {} as Channels

export const channelDeclarations: readonly Declaration[] = [
  ...channelMethods(unopened),
  ...towerMethods(unopened),
]
