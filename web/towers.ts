/** Which towers watch over which channels: none watches those that it is itself a side of. Pure but for what it asks the node. Thread: Window. */
import { plural } from './format.ts'
import type { LiveNode } from './live-node.ts'
import type { Tower } from './rpc-results.ts'

/** A tower, and the states of one channel that it has yet to take. */
export interface Watcher {
  readonly status: Tower['status']
  readonly pending: number
}

/** The towers of each channel that has some, by channel id. */
export type Watchers = ReadonlyMap<string, readonly Watcher[]>

export async function watchersOf(node: LiveNode): Promise<Watchers> {
  const { towers } = await node.rpc('listtowers')
  const watchers = new Map<string, Watcher[]>()
  for (const { tower_id, status } of towers) {
    const { channels } = await node.rpc('gettowerinfo', tower_id)
    for (const { channel_id, pending_states } of channels)
      watchers.set(channel_id, [...(watchers.get(channel_id) ?? []), { status, pending: pending_states }])
  }
  return watchers
}

/** Who watches over these channels while this tab sleeps, a sentence. */
export function watchWords(channelIds: readonly string[], watchers: Watchers): string {
  const of = (id: string) => (watchers.get(id) ?? []).filter(({ status }) => status !== 'misbehaving')
  const bare = channelIds.filter((id) => of(id).length === 0).length
  if (bare === channelIds.length) return 'No tower watches while this tab sleeps.'
  if (bare > 0) return `Over ${plural(bare, 'channel')} no tower watches while this tab sleeps.`
  const isWhole = channelIds.every((id) => of(id).some(({ pending }) => pending === 0))
  const most = Math.min(...channelIds.map((id) => of(id).length))
  return `${plural(most, 'tower')} ${most === 1 ? 'watches' : 'watch'} while this tab sleeps${isWhole ? '' : ', but not over the latest states yet'}.`
}
