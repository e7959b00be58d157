/**
 * Frames of the peer stream: one byte that names the kind of message, then its payload. Kinds are declared by who speaks them and put into
 * one table a tab, which bounds a frame by its kind before anything of it is parsed. Pure, any thread.
 */
import { decodeWith, Reader, Writer } from '../primitives/codec.ts'
import { invalid, type Result } from '../primitives/result.ts'
import { MAX_FRAME_BYTES } from './transport.ts'

/** Bytes reserved for a message whose kind does not say how long it will be. */
const USUAL_BYTES = 256

export interface WireMessage {
  /** Names its kind. */
  readonly type: string
}

/** A kind of message: how it is written, and how long it may be. */
export interface MessageKind<M extends WireMessage = WireMessage> {
  readonly type: M['type']
  /** Names the kind on the wire, 0 to 255. */
  readonly byte: number
  /** Most bytes of its whole frame, that byte included. */
  readonly maxBytes: number
  /** Writes what follows the byte. The message keeps the kind's limits. */
  write(writer: Writer, message: M): void
  /** Reads it. Throws `DecodeError` for what is not canonical or over a limit. */
  read(reader: Reader): M
  /** Bytes of the whole frame, for what may be large. */
  bytesOf?(message: M): number
}

/** The kinds of message that a tab knows. */
export class MessageTable {
  private readonly byByte = new Map<number, MessageKind>()
  private readonly byType = new Map<string, MessageKind>()

  constructor(kinds: readonly MessageKind[] = []) {
    for (const kind of kinds) this.add(kind)
  }

  /** Throws where another kind has the same byte or type: that is a bug. */
  add(kind: MessageKind): void {
    const other = this.byByte.get(kind.byte) ?? this.byType.get(kind.type)
    if (other) throw new Error(`Messages '${kind.type}' and '${other.type}' can't be told apart.`)
    this.byByte.set(kind.byte, kind)
    this.byType.set(kind.type, kind)
  }

  /** The frame of a message that keeps the limits of its kind, which must be in the table. */
  encode(message: WireMessage): Uint8Array {
    const kind = this.byType.get(message.type)
    if (!kind) throw new Error(`Nobody declared messages '${message.type}'.`)
    const writer = new Writer(kind.bytesOf?.(message) ?? USUAL_BYTES).u8(kind.byte)
    kind.write(writer, message)
    return writer.finish()
  }

  /**
   * The message of a frame; undefined for a kind that is unknown here, which is ignored so that other tabs can speak of more. Rejects with
   * `message-too-large` before parsing, with `message-decode-failed` what is short, long, not canonical or over a limit.
   */
  decode(frame: Uint8Array): Result<WireMessage | undefined> {
    const kind = this.byByte.get(frame[0])
    const maxBytes = kind?.maxBytes ?? MAX_FRAME_BYTES
    if (frame.length > maxBytes)
      return invalid(
        'message-too-large',
        `A ${kind?.type ?? 'frame'} of ${frame.length} bytes is over ${maxBytes} bytes.`,
      )
    return decodeWith(frame, 'message-decode-failed', (reader) => {
      reader.u8()
      if (kind) return kind.read(reader)
      reader.take(reader.remaining)
      return undefined
    })
  }
}

/** The id in front of the payload of a request or an answer, 32 bits, without decoding it; undefined where the frame is too short. */
export function requestIdOf(frame: Uint8Array): number | undefined {
  return frame.length < 5 ? undefined : new Reader(frame.subarray(1, 5)).u32()
}
