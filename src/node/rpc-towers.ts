/** RPC: watchtowers, with the names of The Eye of Satoshi's plugin for Core Lightning; `towerservice` and `removetoweruser` are of the other side. */
import type { NodeId } from '../channels/gossip.ts'
import type { Channels } from './channels-part.ts'
import type { NodeCore } from './node-core.ts'
import { lookupIn, value } from './rpc-channel-lookup.ts'
import { RPC_INVALID_PARAMETER, RpcError } from './rpc-error.ts'
import { flag, method, optional, text } from './rpc-method.ts'
import type { ChosenTower } from './towers.ts'

const REFUSALS = new Set(['tower-off', 'tower-full', 'tower-silent', 'appointment-invalid'])

const TOWER = text('tower_id', 'node id of 66 hex digits, or peer id')

/** The methods of a node's watchtowers. */
export function towerMethods(channels: Channels) {
  const { towers } = channels
  const { nodeOf } = lookupIn(channels)

  function chosen(given: string): ChosenTower {
    const tower = towers.chosen.find(({ id, peer }) => id === given.toLowerCase() || peer === given)
    if (tower) return tower
    throw new RpcError(RPC_INVALID_PARAMETER, `${given.slice(0, 80)} is none of your towers.`)
  }

  return [
    method(
      'registertower',
      'Chooses another tab as a watchtower: it punishes who publishes an old state of a channel while this tab sleeps. Its person must have turned the service on.',
      [TOWER],
      async (_: NodeCore, given) => {
        const id = nodeOf(given)
        return { tower_id: id, available_slots: value(await towers.register(id)) }
      },
    ),
    method('listtowers', 'The watchtowers of this tab’s channels.', [], () => ({
      towers: towers.chosen.map((tower) => ({
        tower_id: tower.id,
        netaddr: tower.peer,
        ...statusOf(tower),
        acknowledged_states: sum(tower, 'acknowledged'),
        pending_states: sum(tower, 'pending'),
      })),
    })),
    method('gettowerinfo', 'What a watchtower has taken of each channel.', [TOWER], (_: NodeCore, given) => {
      const tower = chosen(given)
      return {
        tower_id: tower.id,
        netaddr: tower.peer,
        registered_at: Math.floor(tower.since / 1000),
        ...statusOf(tower),
        misbehaviors: tower.lost,
        channels: tower.channels.flatMap(({ keyId, acknowledged, pending }) => {
          const channel = channels.channelOf(keyId)
          return channel
            ? {
                channel_id: channel.state.channelId,
                acknowledged_states: acknowledged,
                pending_states: pending,
              }
            : []
        }),
      }
    }),
    method(
      'retrytower',
      'Asks a watchtower again at once that refused a moment ago.',
      [TOWER],
      (_: NodeCore, given) => {
        const { id } = chosen(given)
        towers.retry(id)
        return { tower_id: id }
      },
    ),
    method(
      'abandontower',
      'Gives up a watchtower, and has it let go of what it keeps.',
      [TOWER],
      async (_: NodeCore, given) => {
        const { id } = chosen(given)
        await towers.abandon(id)
        return { tower_id: id }
      },
    ),
    method(
      'towerservice',
      'Turns on or off that this tab is a watchtower of whoever asks, and tells how it stands. Turned off it takes nothing new, and goes on to watch for those whom it promised to.',
      [optional(flag('enabled', 'left out, nothing changes'), undefined)],
      async (_: NodeCore, enabled) => {
        if (enabled !== undefined) await towers.serveOthers(enabled)
        const { isServing, users, limits, thefts } = towers
        return {
          enabled: isServing,
          tower_id: channels.self,
          n_appointments: users.reduce((total, { appointments }) => total + appointments, 0),
          max_appointments: limits.inAll,
          users: users.map(({ id, appointments }) => ({
            user_id: id,
            connected: channels.links.nodes.includes(id as NodeId),
            n_appointments: appointments,
          })),
          breaches: thefts.map(({ txid, height, penalties, settled }) => ({
            txid,
            height,
            penalties,
            settled,
          })),
        }
      },
    ),
    method(
      'removetoweruser',
      'Lets go of all that this tab keeps as a watchtower of a node: it is not protected any more.',
      [text('user_id', 'node id')],
      async (_: NodeCore, id) => {
        if (!towers.users.some((user) => user.id === id))
          throw new RpcError(RPC_INVALID_PARAMETER, `Nothing is kept for ${id.slice(0, 80)}.`)
        await towers.removeUser(id)
        return { user_id: id }
      },
    ),
  ] as const
}

function statusOf({ isConnected, trouble, lost }: ChosenTower) {
  const status: 'misbehaving' | 'subscription_error' | 'reachable' | 'temporary_unreachable' =
    lost > 0
      ? 'misbehaving'
      : trouble && REFUSALS.has(trouble.code)
        ? 'subscription_error'
        : isConnected
          ? 'reachable'
          : 'temporary_unreachable'
  return { status, status_detail: trouble?.detail }
}

function sum({ channels }: ChosenTower, name: 'acknowledged' | 'pending'): number {
  return channels.reduce((total, each) => total + each[name], 0)
}

export type TowerMethods = ReturnType<typeof towerMethods>
