/**
 * The records of a node on disk: a LevelDB of its own for each network, which a second process can't open. Here are its tables, their keys, and what
 * is said when the disk fails; each store is in the file named after it. Thread: Node's main.
 */
import { mkdir } from 'node:fs/promises'
import { deserialize, serialize } from 'node:v8'
import type { ClassicLevel } from 'classic-level'
import { StorageError } from '../src/chain/store.ts'
import { Turns } from '../src/primitives/turns.ts'

/** What records are kept in. The names are part of the format, as in `ProfileSchema`. */
const TABLES = [
  'chain-state',
  'headers',
  'bodies',
  'undo',
  'mentions',
  'snapshots',
  'deltas',
  'buckets',
  'wallets',
  'wallet-records',
  'keys',
  'channel-keys',
  'channels',
  'revoked-commitments',
  'tower-appointments',
  'peers',
  'identity',
] as const

export type Table = (typeof TABLES)[number]

/** Parts of a key, the leading ones first: whole numbers from 0 to 2^53 − 1, and texts. */
export type Key = readonly (string | number)[]

/** One change of a batch; without `value` the record is deleted. */
export interface Change {
  readonly table: Table
  readonly key: Key
  readonly value?: Uint8Array
}

type Level = ClassicLevel<string, Uint8Array>
type Sublevel = ReturnType<typeof sublevelOf>

/** Hexadecimal digits of a number in a key: so many that keys lie in the order of their numbers. */
const DIGITS = 14

/** Of a record in a range. */
export interface Row {
  readonly key: Key
  readonly value: Uint8Array
}

export class DiskDatabase {
  private readonly level: Level
  private readonly tables: ReadonlyMap<Table, Sublevel>
  private readonly turns = new Turns()

  private constructor(level: Level) {
    this.level = level
    this.tables = new Map(TABLES.map((table) => [table, sublevelOf(level, table)]))
  }

  /** Opens or makes the database in a folder, which is made as well. Rejects with a `StorageError`: `unavailable` where another process has it. */
  static async open(folder: string): Promise<DiskDatabase> {
    const { ClassicLevel: Database } = await import('classic-level').catch((cause: unknown) => {
      throw new StorageError(
        'unavailable',
        'The package classic-level, which keeps the folder of a node, is not installed, or has no program for this system. Install it: npm install classic-level.',
        { cause },
      )
    })
    // For its owner alone: the seeds in it are encrypted, but what was paid is not.
    await mkdir(folder, { recursive: true, mode: 0o700 }).catch((cause: Error) => {
      throw new StorageError('unavailable', `The folder ${folder} can't be made (${cause.message}).`, {
        cause,
      })
    })
    const level: Level = new Database(folder, { valueEncoding: 'view' })
    await level.open().catch((error: unknown) => {
      throw storageErrorOf(error)
    })
    return new DiskDatabase(level)
  }

  /** Undefined where there is no such record. */
  async get(table: Table, key: Key): Promise<Uint8Array | undefined> {
    return plain(await failing(this.table(table).get(textOf(key))))
  }

  /** In the order asked for; undefined where there is no record. */
  async getMany(table: Table, keys: readonly Key[]): Promise<(Uint8Array | undefined)[]> {
    return (await failing(this.table(table).getMany(keys.map(textOf)))).map(plain)
  }

  /** The keys in a table, in order, without the records. */
  async keys(table: Table): Promise<Key[]> {
    return (await failing(this.table(table).keys().all())).map(keyOf)
  }

  /** The records whose keys begin with these parts, in the order of their keys. `from`, `to`: bounds of the next part, both included. */
  async rows(table: Table, prefix: Key, from?: number, to?: number): Promise<Row[]> {
    const start = textOf(prefix)
    const entries = await failing(
      this.table(table)
        .iterator({
          gte: from === undefined ? start : start + partOf(from),
          // Every part begins with a character below this one.
          lt: to === undefined ? `${start}~` : `${start}${partOf(to)}~`,
        })
        .all(),
    )
    return entries.map(([key, value]) => ({ key: keyOf(key), value: plain(value) }))
  }

  /**
   * Makes all of the changes or none, in the order of the calls; `changes` is asked for them once those of earlier calls are made. `durability`:
   * 'strict' waits until the disk has them, 'relaxed' until they survive the death of this process.
   */
  write(
    durability: 'relaxed' | 'strict',
    changes: () => readonly Change[] | Promise<readonly Change[]>,
  ): Promise<void> {
    // LevelDB's own threads would take calls that are under way together in any order.
    return this.turns.run('', async () => {
      const operations = (await changes()).map(({ table, key, value }) => {
        const sublevel = this.table(table)
        return value === undefined
          ? ({ type: 'del', sublevel, key: textOf(key) } as const)
          : ({ type: 'put', sublevel, key: textOf(key), value } as const)
      })
      await failing(this.level.batch(operations, { sync: durability === 'strict' }))
    })
  }

  /** Waits for what is under way. */
  async close(): Promise<void> {
    await this.turns.ended()
    await this.level.close()
  }

  private table(name: Table): Sublevel {
    return this.tables.get(name)!
  }
}

function sublevelOf(level: Level, table: Table) {
  return level.sublevel<string, Uint8Array>(table, { valueEncoding: 'view' })
}

/** Plain data as a record: what a browser would clone. */
export function pack(value: unknown): Uint8Array {
  return serialize(value)
}

/** What `pack` wrote. Throws a `StorageError` where it can't be. */
export function unpack<T>(bytes: Uint8Array): T {
  try {
    return deserialize(bytes) as T
  } catch (cause) {
    throw new StorageError(
      'corrupt',
      'A record on the disk can’t be read. Its folder is damaged: restore it, or start with another.',
      {
        cause,
      },
    )
  }
}

/** Numbers lie in their order, below all texts; no part is the beginning of another. */
function textOf(key: Key): string {
  return key.map(partOf).join('')
}

function partOf(part: string | number): string {
  // JSON has an end, and an escape for halves of surrogate pairs, which have no encoding; percent-encoded, neither mark is in it.
  return typeof part === 'number'
    ? `#${part.toString(16).padStart(DIGITS, '0')}`
    : `=${encodeURIComponent(JSON.stringify(part))}`
}

function keyOf(text: string): Key {
  return Array.from(text.matchAll(/#([0-9a-f]{14})|=([^=#]*)/g), ([, number, word]) =>
    number === undefined ? JSON.parse(decodeURIComponent(word!)) : Number.parseInt(number, 16),
  )
}

/** Buffers are cut otherwise than other byte strings are: `slice` copies nothing. */
function plain<Bytes extends Uint8Array | undefined>(bytes: Bytes): Bytes | Uint8Array {
  return bytes && new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length)
}

async function failing<T>(work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (error) {
    throw storageErrorOf(error)
  }
}

/** What to say for an error of LevelDB; other errors stay what they are. */
function storageErrorOf(error: unknown): unknown {
  if (!(error instanceof Error)) return error
  const cause = { cause: error }
  const { code } = (error.cause ?? error) as { readonly code?: string }
  const reason = (error.cause as Error | undefined)?.message ?? error.message
  switch (code) {
    case 'LEVEL_LOCKED':
      return new StorageError(
        'unavailable',
        'Another node runs on this folder. Nothing was changed: stop that one first, or name another folder with --datadir.',
        cause,
      )
    case 'LEVEL_CORRUPTION':
      return new StorageError(
        'corrupt',
        `The folder of this node is damaged (${reason}). Restore it, or start with another: the chain is fetched again, a wallet comes back from its words or backup.`,
        cause,
      )
    case 'LEVEL_DATABASE_NOT_OPEN':
      return new StorageError('closed', 'The folder of this node was closed.', cause)
    case 'LEVEL_IO_ERROR':
      return new StorageError(
        'unavailable',
        `The disk failed or is full (${reason}). What was stored is kept.`,
        cause,
      )
    default:
      return code?.startsWith('LEVEL_') ? new StorageError('unavailable', reason, cause) : error
  }
}
