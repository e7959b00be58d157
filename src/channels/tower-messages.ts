/**
 * What a client and its watchtower say to each other: messages of this network of tabs alone, beside those of the BOLTs. Their types are odd and of the
 * range that BOLT 1 leaves to custom messages, so that who knows no towers ignores them. A request has a number, which its answer repeats. Pure, any thread.
 */
import { bytesToHex, hexToBytes } from '../primitives/bytes.ts'
import { DecodeError } from '../primitives/codec.ts'
import { notNow, type Rejection, type Result } from '../primitives/result.ts'
import { type Appointment, BLOB_BYTES } from './appointments.ts'
import { decodeWire, WireWriter } from './wire.ts'

export type TowerRequest =
  /** Asks what the tower would do for the client. */
  | { readonly type: 'tower_register'; readonly number: number }
  | ({ readonly type: 'tower_keep'; readonly number: number; readonly series: string } & Appointment)
  /** Asks for a blob, as a proof that it is there: without the txid nobody else can make it. */
  | ({ readonly type: 'tower_show'; readonly number: number; readonly series: string } & Omit<
      Appointment,
      'blob'
    >)
  | { readonly type: 'tower_forget'; readonly number: number; readonly series: string }

export type TowerMessage =
  | TowerRequest
  /** `room`: how many more appointments the tower would keep for the client. `blob`: what was asked for. */
  | {
      readonly type: 'tower_done'
      readonly number: number
      readonly room: number
      readonly blob?: Uint8Array
    }
  | { readonly type: 'tower_refused'; readonly number: number; readonly code: TowerRefusal }

/** Why a tower does not do what it was asked for: what is told to people here, whatever the tower would say. */
const REFUSALS = {
  'tower-off': 'This tab watches for nobody new. Choose another one as your tower.',
  'tower-full':
    'This tower keeps as much as it can, for you or in all. Close old channels, or choose another one.',
  'tower-absent': 'The tower does not keep what it was asked for.',
  'appointment-invalid': 'The tower can’t read what it is to keep: it may run another version.',
} as const
export type TowerRefusal = keyof typeof REFUSALS
/** By their byte. */
const CODES = Object.keys(REFUSALS) as TowerRefusal[]

const TYPES: Readonly<Record<TowerMessage['type'], number>> = {
  tower_register: 44_001,
  tower_keep: 44_003,
  tower_show: 44_005,
  tower_forget: 44_007,
  tower_done: 44_009,
  tower_refused: 44_011,
}
const NAMES = new Map(Object.entries(TYPES).map(([name, type]) => [type, name as TowerMessage['type']]))

/** What each costs of a peer's share of messages: the tower writes and reads its disk for them. */
const COST = 15

const NAME_BYTES = 16

export function isTowerMessage(type: number): boolean {
  return NAMES.has(type)
}

/** Tokens that a message of this type costs, of the 3,000 that a peer has each second; undefined where it is none of a tower. */
export function towerMessageCost(type: number): number | undefined {
  const name = NAMES.get(type)
  if (name === undefined) return undefined
  return name === 'tower_done' || name === 'tower_refused' ? 1 : COST
}

/** With its two bytes of type. */
export function encodeTowerMessage(message: TowerMessage): Uint8Array {
  const writer = new WireWriter(64 + BLOB_BYTES).u16(TYPES[message.type]).u32(message.number)
  switch (message.type) {
    case 'tower_register':
      break
    case 'tower_keep':
    case 'tower_show':
      writer.put(hexToBytes(message.series)).put(hexToBytes(message.locator)).u8(message.part)
      if (message.type === 'tower_keep') writer.put(message.blob)
      break
    case 'tower_forget':
      writer.put(hexToBytes(message.series))
      break
    case 'tower_done':
      writer.u32(message.room)
      if (message.blob) writer.put(message.blob)
      break
    case 'tower_refused':
      writer.u8(CODES.indexOf(message.code))
  }
  return writer.finish()
}

/** Reads a message, its type included. Rejects with `message-malformed`. */
export function decodeTowerMessage(bytes: Uint8Array): Result<TowerMessage> {
  return decodeWire<TowerMessage>(bytes, 'message-malformed', (reader) => {
    const type = NAMES.get(reader.u16())
    if (type === undefined) throw new DecodeError('is of another type')
    const number = reader.u32()
    const name = () => bytesToHex(reader.take(NAME_BYTES))
    switch (type) {
      case 'tower_register':
        return { type, number }
      case 'tower_keep':
        return {
          type,
          number,
          series: name(),
          locator: name(),
          part: reader.u8(),
          blob: reader.take(BLOB_BYTES),
        }
      case 'tower_show':
        return { type, number, series: name(), locator: name(), part: reader.u8() }
      case 'tower_forget':
        return { type, number, series: name() }
      case 'tower_done': {
        const room = reader.u32()
        return {
          type,
          number,
          room,
          ...(reader.remaining > 0 && { blob: reader.take(BLOB_BYTES) }),
        }
      }
      case 'tower_refused': {
        const code = CODES[reader.u8()]
        if (code === undefined) throw new DecodeError('refuses for a reason that is not known')
        return { type, number, code }
      }
    }
  })
}

/** A refusal as a result. */
export function refusalOf(code: TowerRefusal): Rejection {
  return notNow(code, REFUSALS[code])
}
