/** What every `ChannelStore` must do, for whatever runner. */
import type { ChannelStore, ChannelWrite } from '../../src/channels/ports.ts'

/** Opens a store on the records that earlier calls left, as a tab does that comes back. */
export type ReopenChannels = () => Promise<ChannelStore>

export interface ChannelStoreCase {
  /** The promise. */
  readonly name: string
  /** Throws when it is broken. `reopen` starts with no records. */
  run(reopen: ReopenChannels): Promise<void>
}

function write(
  keyId: string,
  sequence: number,
  records: Record<string, string | undefined>,
  revoked: Record<number, string> = {},
): ChannelWrite {
  return {
    keyId,
    sequence,
    records: new Map(Object.entries(records)),
    revoked: new Map(Object.entries(revoked).map(([number, text]) => [Number(number), text])),
  }
}

/** What is stored, as plain data. */
async function stored(store: ChannelStore): Promise<unknown> {
  const channels = await store.load()
  return channels
    .map(({ keyId, sequence, records }) => [keyId, sequence, [...records].sort()])
    .sort(([a], [b]) => (String(a) < String(b) ? -1 : 1))
}

function same(actual: unknown, expected: unknown): void {
  const [a, b] = [JSON.stringify(actual), JSON.stringify(expected)]
  if (a !== b) throw new Error(`expected ${b}, got ${a}`)
}

async function refused(promise: Promise<unknown>): Promise<void> {
  const outcome = await promise.then(
    () => undefined,
    (error: unknown) => error,
  )
  if (!(outcome instanceof Error) || !outcome.message.includes('does not follow'))
    throw new Error(`expected a refusal, got ${outcome}`)
}

export const CHANNEL_STORE_CASES: readonly ChannelStoreCase[] = [
  {
    name: 'keeps what was written, channel by channel, and loads no revoked commitment',
    async run(reopen) {
      const store = await reopen()
      same(await stored(store), [])
      await store.commit([write('a', 1, { state: 'one', 'htlc/h/0': 'x' }, { 0: 'first' })])
      await store.commit([
        write('a', 2, { state: 'two', 'htlc/h/0': undefined }, { 1: 'second' }),
        write('b', 1, { state: 'other' }, { 0: 'of b' }),
      ])
      const again = await reopen()
      same(await stored(again), [
        ['a', 2, [['state', 'two']]],
        ['b', 1, [['state', 'other']]],
      ])
      same(
        [await again.revoked('a', 0), await again.revoked('a', 1), await again.revoked('b', 0)],
        ['first', 'second', 'of b'],
      )
      same((await again.revoked('b', 1)) === undefined, true)
    },
  },
  {
    name: 'refuses a write that does not follow the last one, and all that came with it',
    async run(reopen) {
      const store = await reopen()
      await store.commit([write('a', 1, { state: 'one' })])
      await store.commit([write('a', 2, { state: 'two' })])
      for (const sequence of [1, 2, 4])
        await refused(store.commit([write('b', 1, { state: 'b' }), write('a', sequence, { state: 'past' })]))
      await refused(store.commit([write('c', 2, { state: 'c' })]))
      same(await stored(await reopen()), [['a', 2, [['state', 'two']]]])
    },
  },
  {
    name: 'takes overlapping writes in their order',
    async run(reopen) {
      const store = await reopen()
      await Promise.all(
        [1, 2, 3, 4].map((sequence) => store.commit([write('a', sequence, { state: `${sequence}` })])),
      )
      same(await stored(await reopen()), [['a', 4, [['state', '4']]]])
    },
  },
  {
    name: 'forgets all of a channel, and nothing of another whose id begins the same; and takes nothing of the forgotten one',
    async run(reopen) {
      const store = await reopen()
      await store.commit([
        write('a', 1, { state: 'one' }, { 0: 'first', 7: 'eighth' }),
        write('ab', 1, { state: 'other' }, { 0: 'kept' }),
      ])
      await store.commit([{ ...write('a', 2, {}), forget: true }])
      await refused(store.commit([write('a', 3, { state: 'late' })]))
      const again = await reopen()
      same(await stored(again), [['ab', 1, [['state', 'other']]]])
      same([(await again.revoked('a', 7)) === undefined, await again.revoked('ab', 0)], [true, 'kept'])
    },
  },
]
