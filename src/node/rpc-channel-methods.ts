/** All methods of channels, and what `help` tells of them before there are any to be called. Thread: the brain. */
import type { Channels } from './channels-part.ts'
import { channelMethods } from './rpc-channels.ts'
import type { Declaration } from './rpc-method.ts'
import { towerMethods } from './rpc-towers.ts'

/** The methods of a node's channels and watchtowers. */
export function methodsOf(channels: Channels) {
  return [...channelMethods(channels), ...towerMethods(channels)]
}

/** How they are called and what they answer. They can't be called: nothing of the channels is touched before. */
export const channelDeclarations: readonly Declaration[] = methodsOf({} as Channels)
