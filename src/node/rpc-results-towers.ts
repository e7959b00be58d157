/** What the RPC methods of watchtowers answer, with the names of The Eye of Satoshi's plugin for Core Lightning, for `help` and for the types of their results. */
import { flag, hex, list, maybe, number, object, oneOf, text, time } from './rpc-result.ts'

const STATUS = {
  status: oneOf(
    ['reachable', 'temporary_unreachable', 'subscription_error', 'misbehaving'],
    'subscription_error: it refuses; misbehaving: it once did not have what it had promised to keep',
  ),
  status_detail: maybe(text('why it takes nothing at the moment, for people')),
}

export const towerResults = {
  abandontower: object({ tower_id: hex('') }),
  gettowerinfo: object({
    tower_id: hex(''),
    netaddr: text('peer id in the network'),
    registered_at: time(''),
    ...STATUS,
    misbehaviors: number('how often it did not have what it had promised to keep'),
    channels: list(
      object({
        channel_id: hex(''),
        acknowledged_states: number('revoked states that it has promised to punish'),
        pending_states: number('revoked states that nobody but this tab punishes yet'),
      }),
    ),
  }),
  listtowers: object({
    towers: list(
      object({
        tower_id: hex(''),
        netaddr: text('peer id in the network'),
        ...STATUS,
        acknowledged_states: number('of all channels'),
        pending_states: number('of all channels'),
      }),
    ),
  }),
  registertower: object({
    tower_id: hex(''),
    available_slots: number('appointments that it has room for; most states take one'),
  }),
  removetoweruser: object({ user_id: hex('') }),
  retrytower: object({ tower_id: hex('') }),
  towerservice: object({
    enabled: flag('whether this tab watches for whoever asks'),
    tower_id: hex('what others give to registertower'),
    n_appointments: number('that it keeps for all'),
    max_appointments: number(''),
    users: list(
      object({
        user_id: hex('node id'),
        connected: flag(''),
        n_appointments: number('that it keeps for it'),
      }),
    ),
    breaches: list(
      object({
        txid: hex('of the transaction that was given up'),
        height: maybe(number('of its block; absent while it waits for one')),
        penalties: number('that take from it, each of other outputs'),
        settled: number('how many of them are done, or void since somebody was faster'),
      }),
    ),
  }),
} as const
