/**
 * RPC: controls of channels on networks for tests, in the manner of Core Lightning's `dev-` commands: who cheats, loses messages or holds them up sees what
 * follows. On any other network each of them is refused.
 */
import { MESSAGE_NAMES } from '../channels/messages.ts'
import { bytesToHex } from '../primitives/bytes.ts'
import { decodeTransaction } from '../primitives/transaction.ts'
import type { Channels } from './channels-part.ts'
import type { MessageFault } from './message-faults.ts'
import type { NodeCore } from './node-core.ts'
import { type ChannelLookup, value } from './rpc-channel-lookup.ts'
import { RPC_INVALID_PARAMETER, RPC_METHOD_NOT_FOUND, RpcError } from './rpc-error.ts'
import {
  type Answer,
  flag,
  integer,
  method,
  optional,
  type Parameters,
  type Parsed,
  text,
} from './rpc-method.ts'

const MAX_DELAY = 3_600_000

const PEER = text('id', 'the other node: node id of 66 hex digits, or peer id')
const TYPE = optional(
  text('type', 'the BOLTs’ name of the messages, such as commitment_signed; any where left out'),
  undefined,
)
const COUNT = optional(integer('count', 'how many of them', 1, 1_000_000), 1)
const DIRECTION = optional(text('direction', 'out: that go; in: that come'), 'out')

/** The test controls of a node's channels. */
export function devMethods(channels: Channels, { nodeOf, channelOf }: ChannelLookup) {
  /** Declares a method that is refused where coins may be worth something. */
  function control<const Name extends string, const P extends Parameters>(
    name: Name,
    summary: string,
    parameters: P,
    run: (node: NodeCore, ...args: Parsed<P>) => Answer<Name> | Promise<Answer<Name>>,
  ) {
    return method<NodeCore, Name, P>(name, summary, parameters, (node, ...args) => {
      if (!node.params.testControls)
        throw new RpcError(
          RPC_METHOD_NOT_FOUND,
          `${name} works on networks for tests only, such as ?network=regtest.`,
        )
      return run(node, ...args)
    })
  }

  function faultOf(
    type: string | undefined,
    count: number,
    direction: string,
    delay: number | undefined,
  ): MessageFault {
    const name = MESSAGE_NAMES.find((known) => known === type)
    if (type !== undefined && !name)
      throw new RpcError(
        RPC_INVALID_PARAMETER,
        `No message of channels is called ${type.slice(0, 80)}. There are ${MESSAGE_NAMES.join(', ')}.`,
      )
    if (direction !== 'in' && direction !== 'out')
      throw new RpcError(RPC_INVALID_PARAMETER, 'direction must be in or out.')
    return { direction, name, count, delay }
  }

  function added(id: string, fault: MessageFault) {
    const node = nodeOf(id)
    channels.faults.add(node, fault)
    return {
      faults: channels.faults.of(node).map(({ direction, name, count, delay }) => ({
        direction,
        type: name,
        count,
        milliseconds: delay,
      })),
    }
  }

  return [
    control(
      'dev-keep-states',
      'Keeps each state of the channels that is given up from now on, so that it can be published. Kept in memory, gone with a reload.',
      [optional(flag('on', 'false: keeps none any more, and forgets those that were kept'), true)],
      async (_, on) => {
        value(await channels.states.keepStates(on))
        return { keeping: on }
      },
    ),
    control(
      'dev-list-states',
      'The states of a channel that were given up, and can be published since they were kept.',
      [text('id', 'channel id, short channel id, or the node')],
      async (_, id) => {
        const kept = value(await channels.states.keptStates(channelOf(id).state.contract.keyId))
        return {
          states: kept.map(({ number, holderAmount, transaction }) => ({
            number,
            to_us_msat: holderAmount,
            tx: bytesToHex(transaction),
          })),
        }
      },
    ),
    control(
      'dev-publish-state',
      'Cheats: publishes a state of a channel that was given up. The other side takes all of the channel, if it looks in time.',
      [
        text('id', 'channel id, short channel id, or the node'),
        integer('number', 'of the state, as dev-list-states tells', 0, 2 ** 48 - 1),
      ],
      async (node, id, number) => {
        const { contract } = channelOf(id).state
        const kept = value(await channels.states.keptStates(contract.keyId)).find(
          (each) => each.number === number,
        )
        if (!kept)
          throw new RpcError(
            RPC_INVALID_PARAMETER,
            `State ${number} was not kept: dev-list-states tells those that were. dev-keep-states has to be called before a state is given up.`,
          )
        const transaction = value(decodeTransaction(kept.transaction))
        value(await node.submitTransaction(transaction))
        return { txid: transaction.txid }
      },
    ),
    control(
      'dev-disconnect',
      'Ends what is said with a node of channels; both sides start anew from what they have stored.',
      [PEER],
      (_, id) => {
        channels.links.disconnect(nodeOf(id))
        return null
      },
    ),
    control(
      'dev-drop-messages',
      'Loses the next messages of channels to or from a node. A channel that misses one fails, or starts anew with the next connection.',
      [PEER, TYPE, COUNT, DIRECTION],
      (_, id, type, count, direction) => added(id, faultOf(type, count, direction, undefined)),
    ),
    control(
      'dev-delay-messages',
      'Holds up the next messages of channels to or from a node, and all that come behind them.',
      [PEER, integer('milliseconds', 'that each is held up', 1, MAX_DELAY), TYPE, COUNT, DIRECTION],
      (_, id, milliseconds, type, count, direction) =>
        added(id, faultOf(type, count, direction, milliseconds)),
    ),
    control(
      'dev-pass-messages',
      'Ends all that dev-drop-messages and dev-delay-messages asked for with a node: what was held up goes on at once.',
      [PEER],
      (_, id) => {
        channels.faults.clear(nodeOf(id))
        return null
      },
    ),
  ] as const
}
