/** Where on the chain a channel was funded (BOLT 7, Definition of `short_channel_id`). Pure, any thread. */
import type { Reader, Writer } from '../primitives/codec.ts'

/** `<height>x<transaction>x<output>`, as people and Core Lightning write it: block height, place in the block, output's index. */
export type ShortChannelId = string & { readonly __brand: 'ShortChannelId' }

/** The parts of a short channel id. */
export interface FundingPlace {
  /** Of the block, at most 2^24 − 1. */
  readonly height: number
  /** Of the transaction in its block, from 0; at most 2^24 − 1. */
  readonly position: number
  /** Of the output, at most 65,535. */
  readonly output: number
}

export function shortChannelId({ height, position, output }: FundingPlace): ShortChannelId {
  return `${height}x${position}x${output}` as ShortChannelId
}

export function fundingPlace(id: ShortChannelId): FundingPlace {
  const [height, position, output] = id.split('x').map(Number)
  return { height, position, output }
}

/** Undefined where the text is not three numbers in range, without leading zeros, with an `x` between. */
export function parseShortChannelId(text: string): ShortChannelId | undefined {
  if (!/^(0|[1-9]\d{0,7})x(0|[1-9]\d{0,7})x(0|[1-9]\d{0,4})$/.test(text)) return undefined
  const id = text as ShortChannelId
  const { height, position, output } = fundingPlace(id)
  return height < 2 ** 24 && position < 2 ** 24 && output < 2 ** 16 ? id : undefined
}

/** 8 bytes: 3 of the height, 3 of the position, 2 of the output. The reader is big-endian or not: it reads bytes alone. */
export function readShortChannelId(reader: Reader): ShortChannelId {
  const [a, b, c, d, e, f, g, h] = reader.take(8)
  return shortChannelId({
    height: (a << 16) | (b << 8) | c,
    position: (d << 16) | (e << 8) | f,
    output: (g << 8) | h,
  })
}

export function writeShortChannelId(writer: Writer, id: ShortChannelId): void {
  const { height, position, output } = fundingPlace(id)
  for (const [value, bytes] of [
    [height, 3],
    [position, 3],
    [output, 2],
  ])
    for (let at = bytes - 1; at >= 0; at--) writer.u8(value >>> (8 * at))
}

/** Below 0 where the first stands before the second on the chain: the order of their bytes. */
export function compareShortChannelIds(a: ShortChannelId, b: ShortChannelId): number {
  const [first, second] = [fundingPlace(a), fundingPlace(b)]
  return first.height - second.height || first.position - second.position || first.output - second.output
}
