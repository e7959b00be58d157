/**
 * What a tab says of the conditions on links: whether it takes part, and what it asks for, as a timetable of rules between groups of tabs. A statement is
 * signed by the tab's own key, since whoever hands gossip on need not be its author. Everything is bounded as it is read. Pure, any thread.
 */
import { DecodeError, decodeWith, type Reader, Writer } from '../primitives/codec.ts'
import { invalid, OK, type Result } from '../primitives/result.ts'
import { type LinkConditions, UNSHAPED } from './link-conditions.ts'
import type { PeerId } from './transport.ts'

/** Most bytes of a statement with its signature. */
export const MAX_STATEMENT_BYTES = 16_384
/** Most groups of a request. */
export const MAX_GROUPS = 16
/** Most tabs that its groups name together. */
export const MAX_MEMBERS = 128
/** Most letters of a group's name. */
export const MAX_GROUP_NAME = 24
/** Most steps of a timetable. */
export const MAX_STEPS = 32
/** Most rules of all its steps. */
export const MAX_RULES = 256
/** Most milliseconds of latency, and of jitter. */
export const MAX_LATENCY = 60_000
/** Most of what is lost: at 1 nothing would come through, which is a cut. */
export const MAX_LOSS = 0.99
/** Least bytes a second: with fewer a block would take hours. */
export const MIN_BANDWIDTH = 100
/** Most bytes a second that can be said. */
export const MAX_BANDWIDTH = 0xffff_ffff
/** Latest step, seconds after the first. */
export const MAX_AFTER = 86_400
/** Bytes of an Ed25519 signature. */
const SIGNATURE_BYTES = 64
const MAX_PEER_ID_BYTES = 64
const VERSION = 1
const SHARES = 10_000
/** On the wire, in place of a group's place in the list. */
const EVERYBODY = 255
const REST = 254
const REST_NAME = 'rest'

/** The tabs that a rule is about: a group by its place in the list, from 0; those in no group; or all. */
export type Side = number | 'rest' | 'everybody'

/** Conditions of the links from one side to another, in this direction. */
export interface ConditionRule extends LinkConditions {
  readonly from: Side
  readonly to: Side
}

export interface TabGroup {
  /** 1 to 24 letters, other than `rest`. */
  readonly name: string
  /** Tabs that nobody knows are no mistake: they may come yet. */
  readonly members: readonly PeerId[]
}

export interface ConditionStep {
  /** Seconds after the request was made, from which on its rules hold in place of those before. */
  readonly after: number
  readonly rules: readonly ConditionRule[]
}

/** Conditions that a tab asks the others for. */
export interface ConditionRequest {
  /** No tab is in two. */
  readonly groups: readonly TabGroup[]
  /** 1 to 32, each later than the one before. */
  readonly steps: readonly ConditionStep[]
}

/** What one tab says; each one replaces those before. */
export interface Statement {
  readonly author: PeerId
  /** Grows with each statement of this author. */
  readonly sequence: number
  /** Whether the tab's person lets its links be shaped. */
  readonly takesPart: boolean
  /** Undefined while it asks for nothing. */
  readonly request: ConditionRequest | undefined
  /** Milliseconds since it asked for that. */
  readonly elapsed: number
}

/** Refuses what could not be told or would be absurd, with a sentence: see the bounds above. */
export function checkRequest({ groups, steps }: ConditionRequest): Result<void> {
  const bad = (detail: string) => invalid('bad-conditions', detail)
  if (groups.length > MAX_GROUPS) return bad(`There can be ${MAX_GROUPS} groups at most.`)
  const members = groups.flatMap((group) => group.members)
  if (members.length > MAX_MEMBERS) return bad(`Groups can name ${MAX_MEMBERS} tabs at most.`)
  if (new Set(members).size < members.length) return bad('A tab can be in one group only.')
  const names = groups.map(({ name }) => name)
  if (names.some((name) => !isName(name)))
    return bad(
      `A group's name has 1 to ${MAX_GROUP_NAME} letters, digits, dots, dashes, underscores and spaces, and is not '${REST_NAME}'.`,
    )
  if (new Set(names).size < names.length) return bad('Two groups have the same name.')
  if (steps.length === 0 || steps.length > MAX_STEPS) return bad(`A timetable has 1 to ${MAX_STEPS} steps.`)
  if (steps.reduce((sum, { rules }) => sum + rules.length, 0) > MAX_RULES)
    return bad(`There can be ${MAX_RULES} conditions at most.`)
  for (const [at, { after, rules }] of steps.entries()) {
    if (!isWithin(after, 0, MAX_AFTER)) return bad(`A step comes 0 to ${MAX_AFTER} seconds after the start.`)
    if (at > 0 && after <= steps[at - 1].after) return bad('Each step must come later than the one before.')
    for (const rule of rules) {
      if ([rule.from, rule.to].some((side) => typeof side === 'number' && !(side in groups)))
        return bad('A condition names a group that is not there.')
      if (!isWithin(rule.latency, 0, MAX_LATENCY) || !isWithin(rule.jitter, 0, MAX_LATENCY))
        return bad(`Latency and jitter are 0 to ${MAX_LATENCY} milliseconds.`)
      if (!isWithin(rule.loss, 0, MAX_LOSS))
        return bad(`Loss is 0 to ${MAX_LOSS}: cut the link to let nothing through.`)
      if (!isWithin(rule.duplication, 0, 1)) return bad('Duplication is 0 to 1.')
      if (rule.bandwidth !== undefined && !isWithin(rule.bandwidth, MIN_BANDWIDTH, MAX_BANDWIDTH))
        return bad(`Bandwidth is at least ${MIN_BANDWIDTH} bytes a second.`)
    }
  }
  return OK
}

/** The rules that hold so many milliseconds after the request was made; undefined before the first step. */
export function stepAt({ steps }: ConditionRequest, elapsed: number): ConditionStep | undefined {
  return steps.findLast(({ after }) => after * 1000 <= elapsed)
}

/** Milliseconds until the next step; undefined after the last. */
export function untilNextStep({ steps }: ConditionRequest, elapsed: number): number | undefined {
  const next = steps.find(({ after }) => after * 1000 > elapsed)
  return next && next.after * 1000 - elapsed
}

/** What the link from one tab to another is to be like by a step of a request. */
export function conditionsBetween(
  { groups }: ConditionRequest,
  { rules }: ConditionStep,
  from: PeerId,
  to: PeerId,
): LinkConditions {
  const sideOf = (id: PeerId): Side => {
    const at = groups.findIndex(({ members }) => members.includes(id))
    return at < 0 ? 'rest' : at
  }
  const [source, target] = [sideOf(from), sideOf(to)]
  const isMeant = (side: Side, own: Side): boolean => side === 'everybody' || side === own
  return rules
    .filter((rule) => isMeant(rule.from, source) && isMeant(rule.to, target))
    .reduce<LinkConditions>(combined, UNSHAPED)
}

/** Both conditions of one link, one behind the other, in either order. */
export function combined(a: LinkConditions, b: LinkConditions): LinkConditions {
  const bandwidths = [a, b].flatMap(({ bandwidth }) => (bandwidth === undefined ? [] : [bandwidth]))
  return {
    latency: Math.min(MAX_LATENCY, a.latency + b.latency),
    jitter: Math.min(MAX_LATENCY, a.jitter + b.jitter),
    loss: Math.min(MAX_LOSS, 1 - (1 - a.loss) * (1 - b.loss)),
    duplication: 1 - (1 - a.duplication) * (1 - b.duplication),
    bandwidth: bandwidths.length > 0 ? Math.min(...bandwidths) : undefined,
    isCut: a.isCut || b.isCut,
  }
}

/**
 * Rules that let nothing pass between any two of the groups, the tabs in no group being one more. `isOneWay`: the first group is heard
 * by nobody else, and hears all.
 */
export function partitionRules(groups: number, isOneWay: boolean): readonly ConditionRule[] {
  const sides: Side[] = [...Array(groups).keys(), 'rest']
  const cut = (from: Side, to: Side): ConditionRule => ({ ...UNSHAPED, isCut: true, from, to })
  return sides.flatMap((from) =>
    isOneWay && from !== 0 ? [] : sides.filter((to) => to !== from).map((to) => cut(from, to)),
  )
}

/** What is signed and told of a statement, without the signature. The request keeps the bounds. */
export function encodeStatement({ author, sequence, takesPart, request, elapsed }: Statement): Uint8Array {
  const writer = new Writer()
    .u8(VERSION)
    .varBytes(ascii(author))
    .u64(BigInt(sequence))
    .u8((takesPart ? 1 : 0) | (request ? 2 : 0))
  if (!request) return writer.finish()
  writer.u64(BigInt(Math.max(0, Math.floor(elapsed)))).u8(request.groups.length)
  for (const { name, members } of request.groups) {
    writer.varBytes(ascii(name)).u8(members.length)
    for (const member of members) writer.varBytes(ascii(member))
  }
  writer.u8(request.steps.length)
  for (const { after, rules } of request.steps) {
    writer.u32(Math.round(after * 1000)).u16(rules.length)
    for (const rule of rules)
      writer
        .u8(sideByte(rule.from))
        .u8(sideByte(rule.to))
        .u16(Math.round(rule.latency))
        .u16(Math.round(rule.jitter))
        .u16(Math.round(rule.loss * SHARES))
        .u16(Math.round(rule.duplication * SHARES))
        .u32(Math.round(rule.bandwidth ?? 0))
        .u8(rule.isCut ? 1 : 0)
  }
  return writer.finish()
}

/** The payload of a statement: its bytes, then a signature of 64 bytes. */
export function signedStatement(bytes: Uint8Array, signature: Uint8Array): Uint8Array {
  return new Writer(bytes.length + SIGNATURE_BYTES).put(bytes).put(signature).finish()
}

/** Takes a payload apart; nothing is verified. Rejects what is over a bound or not canonical with `statement-decode-failed`. */
export function decodeStatement(
  payload: Uint8Array,
): Result<{ readonly statement: Statement; readonly signed: Uint8Array; readonly signature: Uint8Array }> {
  const code = 'statement-decode-failed'
  if (payload.length > MAX_STATEMENT_BYTES || payload.length <= SIGNATURE_BYTES)
    return invalid(code, `A statement of ${payload.length} bytes is none.`)
  const signed = payload.subarray(0, -SIGNATURE_BYTES)
  const decoded = decodeWith(signed, code, readStatement)
  if (!decoded.ok) return decoded
  const checked = decoded.value.request ? checkRequest(decoded.value.request) : OK
  if (!checked.ok) return checked
  return {
    ok: true,
    value: { statement: decoded.value, signed, signature: payload.subarray(-SIGNATURE_BYTES) },
  }
}

function readStatement(reader: Reader): Statement {
  if (reader.u8() !== VERSION) throw new DecodeError('is of another version')
  const author = readPeerId(reader)
  const sequence = readSafe(reader)
  const flags = reader.u8()
  if (flags > 3) throw new DecodeError('has unknown flags')
  const takesPart = (flags & 1) === 1
  if ((flags & 2) === 0) return { author, sequence, takesPart, request: undefined, elapsed: 0 }
  const elapsed = readSafe(reader)
  const groups = Array.from({ length: readCount(reader, MAX_GROUPS) }, (): TabGroup => {
    const name = readAscii(reader, MAX_GROUP_NAME)
    return { name, members: Array.from({ length: readCount(reader, MAX_MEMBERS) }, () => readPeerId(reader)) }
  })
  let total = 0
  const steps = Array.from({ length: readCount(reader, MAX_STEPS) }, (): ConditionStep => {
    const after = reader.u32() / 1000
    const count = reader.u16()
    total += count
    if (total > MAX_RULES) throw new DecodeError(`has over ${MAX_RULES} rules`)
    return { after, rules: Array.from({ length: count }, () => readRule(reader)) }
  })
  return { author, sequence, takesPart, request: { groups, steps }, elapsed }
}

function readRule(reader: Reader): ConditionRule {
  const [from, to] = [readSide(reader), readSide(reader)]
  const [latency, jitter] = [reader.u16(), reader.u16()]
  const [loss, duplication] = [reader.u16() / SHARES, reader.u16() / SHARES]
  const bandwidth = reader.u32() || undefined
  const cut = reader.u8()
  if (cut > 1) throw new DecodeError('has a flag that is neither 0 nor 1')
  return { from, to, latency, jitter, loss, duplication, bandwidth, isCut: cut === 1 }
}

function readSide(reader: Reader): Side {
  const byte = reader.u8()
  return byte === EVERYBODY ? 'everybody' : byte === REST ? 'rest' : byte
}

function sideByte(side: Side): number {
  return side === 'everybody' ? EVERYBODY : side === 'rest' ? REST : side
}

function readCount(reader: Reader, most: number): number {
  const count = reader.u8()
  if (count > most) throw new DecodeError(`lists ${count} items, not up to ${most}`)
  return count
}

function readSafe(reader: Reader): number {
  const value = reader.u64()
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw new DecodeError('has a number beyond 2^53')
  return Number(value)
}

function readPeerId(reader: Reader): PeerId {
  return readAscii(reader, MAX_PEER_ID_BYTES) as PeerId
}

function readAscii(reader: Reader, most: number): string {
  const bytes = reader.varBytes()
  if (bytes.length === 0 || bytes.length > most) throw new DecodeError(`has a name of ${bytes.length} bytes`)
  if (bytes.some((byte) => byte < 0x20 || byte > 0x7e)) throw new DecodeError('has a name not in ASCII')
  return String.fromCharCode(...bytes)
}

function ascii(text: string): Uint8Array {
  return Uint8Array.from(text, (char) => char.charCodeAt(0))
}

function isName(name: string): boolean {
  return name.length <= MAX_GROUP_NAME && name !== REST_NAME && /^[\w.-]([\w. -]*[\w.-])?$/.test(name)
}

/** False for what is no number, too. */
function isWithin(value: number, least: number, most: number): boolean {
  return value >= least && value <= most
}
