/**
 * RPC: conditions on the links of a network for tests, with the names of `tc netem` and Toxiproxy where they have one. On any other network each of them is
 * refused.
 */
import {
  type ConditionRequest,
  type ConditionRule,
  MAX_AFTER,
  MAX_BANDWIDTH,
  MAX_LATENCY,
  MAX_LOSS,
  MIN_BANDWIDTH,
  partitionRules,
  type Side,
  stepAt,
} from '../network/condition-requests.ts'
import type { LinkAgreement } from '../network/link-agreement.ts'
import type { LinkConditions } from '../network/link-conditions.ts'
import type { PeerId } from '../network/transport.ts'
import type { NodeCore } from './node-core.ts'
import { RPC_INVALID_PARAMETER, RPC_METHOD_NOT_FOUND, RPC_MISC_ERROR, RpcError } from './rpc-error.ts'
import { flag, isObject, method, optional, parameter, type RpcMethod, text, wrongType } from './rpc-method.ts'
import { list, number, object } from './rpc-parameters.ts'

const RULE = object('conditions', 'of the links from one side to another', {
  latency: optional(number('latency', 'milliseconds that everything takes longer', 0, MAX_LATENCY), 0),
  jitter: optional(number('jitter', 'most milliseconds that are drawn and added', 0, MAX_LATENCY), 0),
  loss: optional(number('loss', 'share that is lost', 0, MAX_LOSS), 0),
  duplication: optional(number('duplication', 'share of gossip that comes twice', 0, 1), 0),
  bandwidth: optional(number('bandwidth', 'bytes a second', MIN_BANDWIDTH, MAX_BANDWIDTH), undefined),
  cut: optional(flag('cut', 'nothing comes through'), false),
  from: optional(text('from', 'a group, rest for the tabs in none, or all'), 'all'),
  to: optional(text('to', 'a group, rest for the tabs in none, or all'), 'all'),
})
type GivenRule = ReturnType<typeof RULE.parse>

/** One rule, or a list of them. */
const RULES = parameter<readonly GivenRule[], 'conditions', object>(
  'conditions',
  'what links are to be like: latency, jitter, loss, duplication, bandwidth, cut, and from and to where they are for some only; one object, or an array of them',
  (value) => (Array.isArray(value) ? value.map((item) => RULE.parse(item)) : [RULE.parse(value)]),
  'an object or an array of objects',
)

/** Groups of tabs: by names, or in an array, which names them by letters. */
const GROUPS = parameter<ConditionRequest['groups'], 'groups', object>(
  'groups',
  'tabs by their peer ids: an object of arrays by the groups’ names, or an array of arrays, whose groups are a, b, c…',
  (value) => {
    if (!Array.isArray(value) && !isObject(value))
      throw wrongType('groups', 'an object or an array of arrays of peer ids', value)
    const entries = Array.isArray(value)
      ? value.map((members, at): [string, unknown] => [letterOf(at), members])
      : Object.entries(value)
    return entries.map(([name, members]) => {
      if (
        !Array.isArray(members) ||
        members.some((id) => typeof id !== 'string' || !/^[!-~]{1,64}$/.test(id))
      )
        throw wrongType(`groups.${name.slice(0, 40)}`, 'an array of peer ids', members)
      return { name, members: members as PeerId[] }
    })
  },
  'an object of arrays of peer ids, or an array of them',
)

const STEP = object('step', 'one time and what holds from then on', {
  after: number('after', 'seconds after the call', 0, MAX_AFTER),
  conditions: RULES,
})

function linksOf({ links }: NodeCore): LinkAgreement {
  if (links) return links
  throw new RpcError(
    RPC_METHOD_NOT_FOUND,
    'Conditions can be put on links on networks for tests only, such as ?network=regtest.',
  )
}

function ask(node: NodeCore, request: ConditionRequest): null {
  const asked = linksOf(node).ask(request)
  if (asked.ok) return null
  throw new RpcError(asked.kind === 'not-now' ? RPC_MISC_ERROR : RPC_INVALID_PARAMETER, asked.detail)
}

function rulesOf(given: readonly GivenRule[], groups: ConditionRequest['groups']): readonly ConditionRule[] {
  const sideOf = (name: string): Side => {
    if (name === 'all') return 'everybody'
    if (name === 'rest') return 'rest'
    const at = groups.findIndex((group) => group.name === name)
    if (at >= 0) return at
    throw new RpcError(
      RPC_INVALID_PARAMETER,
      `There is no group '${name.slice(0, 40)}' among groups, and it is neither all nor rest.`,
    )
  }
  return given.map(({ latency, jitter, loss, duplication, bandwidth, cut, from, to }) => ({
    latency,
    jitter,
    loss,
    duplication,
    bandwidth,
    isCut: cut,
    from: sideOf(from),
    to: sideOf(to),
  }))
}

/** As it is told; what it doesn't change is left out. */
function conditionsJson({ latency, jitter, loss, duplication, bandwidth, isCut }: LinkConditions) {
  return {
    ...(latency > 0 && { latency }),
    ...(jitter > 0 && { jitter }),
    ...(loss > 0 && { loss }),
    ...(duplication > 0 && { duplication }),
    ...(bandwidth !== undefined && { bandwidth }),
    ...(isCut && { cut: true }),
  }
}

function requestJson({ groups, steps }: ConditionRequest) {
  const nameOf = (side: Side): string =>
    side === 'everybody' ? 'all' : side === 'rest' ? 'rest' : groups[side].name
  return {
    groups: Object.fromEntries(groups.map(({ name, members }) => [name, members])),
    timetable: steps.map(({ after, rules }) => ({
      after,
      conditions: rules.map((rule) => ({
        ...conditionsJson(rule),
        from: nameOf(rule.from),
        to: nameOf(rule.to),
      })),
    })),
  }
}

export const linkMethods = [
  method(
    'setlinkconditions',
    'Asks all tabs of a network for tests for these conditions on their links, in place of what this tab asked for before. They last until heal, or until this tab leaves.',
    [RULES, optional(GROUPS, [])],
    (node, rules, groups) => ask(node, { groups, steps: [{ after: 0, rules: rulesOf(rules, groups) }] }),
  ),
  method(
    'schedulelinkconditions',
    'Asks for conditions by a timetable: each step replaces the one before; one without conditions heals.',
    [list('timetable', 'steps, each later than the one before', STEP), optional(GROUPS, [])],
    (node, timetable, groups) =>
      ask(node, {
        groups,
        steps: timetable.map(({ after, conditions }) => ({ after, rules: rulesOf(conditions, groups) })),
      }),
  ),
  method(
    'partition',
    'Cuts the network between any two of these groups of tabs; those in none are one more group.',
    [GROUPS, optional(flag('oneway', 'the first group is not heard by the others, but hears them'), false)],
    (node, groups, oneWay) =>
      ask(node, { groups, steps: [{ after: 0, rules: partitionRules(groups.length, oneWay) }] }),
  ),
  method('heal', 'Ends the conditions that this tab asked for; false where there were none.', [], (node) =>
    linksOf(node).heal(),
  ),
  method(
    'allowlinkconditions',
    'Whether this tab takes part in conditions that tabs ask for, as it does by default. The links of one that does not are left as they are, and the others are told.',
    [flag('allow', 'false: takes no part, and ends what it asked for')],
    (node, allow) => {
      linksOf(node).setTakesPart(allow)
      return null
    },
  ),
  method(
    'getlinkconditions',
    'The conditions that are asked for, by whom, who takes part, and what they make of this tab’s links.',
    [],
    (node) => {
      const links = linksOf(node)
      return {
        takes_part: links.takesPart,
        tabs: links.known.map(({ id, takesPart }) => ({
          peerid: id,
          takes_part: takesPart,
          self: id === node.self,
        })),
        requests: links.inForce.map(({ author, request, elapsed }) => {
          const step = stepAt(request, elapsed)
          return {
            author,
            self: author === node.self,
            elapsed: elapsed / 1000,
            ...requestJson(request),
            step: step ? request.steps.indexOf(step) : -1,
          }
        }),
        links: links.connectedTabs.map((id) => {
          const { there, back, ping } = links.link(id)
          return {
            peerid: id,
            there: conditionsJson(there),
            back: conditionsJson(back),
            ...(ping !== undefined && { ping: ping / 1000 }),
          }
        }),
      }
    },
  ),
] satisfies readonly RpcMethod<NodeCore>[]

/** a, b, c… */
function letterOf(at: number): string {
  return at < 26 ? String.fromCharCode(97 + at) : String(at)
}
