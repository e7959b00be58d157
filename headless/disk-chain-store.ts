/** A chain store on disk: a batch is one write, which survives the death of this process. Thread: Node's main. */
import { randomBytes } from 'node:crypto'
import type { HeaderIndex } from '../src/chain/header-tree.ts'
import {
  type BlockRecord,
  type ChainBatch,
  type ChainState,
  type ChainStore,
  StorageError,
  type StoredChain,
} from '../src/chain/store.ts'
import { SALT_BYTES } from '../src/consensus/outpoint-table.ts'
import {
  type Change,
  type DiskDatabase,
  type Key,
  pack,
  type Row,
  type Table,
  unpack,
} from './disk-database.ts'

interface StoredState {
  readonly salt: Uint8Array
  readonly state: ChainState | undefined
}

export class DiskChainStore implements ChainStore {
  private readonly database: DiskDatabase
  private readonly chainstate: number
  private salt: Uint8Array = new Uint8Array(SALT_BYTES)
  private writing: Promise<unknown> = Promise.resolve()
  private closed = false

  /** `chainstate`: which of the database's chainstates; 0 is the active chain's. */
  constructor(database: DiskDatabase, chainstate = 0) {
    this.database = database
    this.chainstate = chainstate
  }

  async load(): Promise<StoredChain> {
    this.assertOpen()
    const { database, chainstate } = this
    const bytes = await database.get('chain-state', [chainstate])
    const stored: StoredState = bytes
      ? unpack(bytes)
      : { salt: new Uint8Array(randomBytes(SALT_BYTES)), state: undefined }
    this.salt = stored.salt
    if (!bytes) await this.commit(async () => [this.stateChange(undefined)])
    const [headerPages, deltas, snapshots] = await Promise.all(
      (['headers', 'deltas', 'snapshots'] as const).map((table) => database.rows(table, [chainstate])),
    )
    return {
      ...stored,
      headerPages: headerPages!.map(({ value }) => value),
      deltas: deltas!.map(({ value }) => value),
      snapshots: snapshots!.map(recordOf),
    }
  }

  async write(batch: ChainBatch): Promise<void> {
    this.assertOpen()
    const { chainstate } = this
    const { delta, state, dropDeltas = 0, keepBuckets } = batch
    const changes: Change[] = []
    const put = (table: Table, value: Uint8Array, ...key: Key): void => {
      changes.push({ table, key: [chainstate, ...key], value })
    }
    for (const { page, bytes } of batch.headerPages ?? []) put('headers', bytes, page)
    for (const table of ['bodies', 'undo', 'mentions', 'snapshots'] as const)
      for (const { index, bytes } of batch[table] ?? []) put(table, bytes, index)
    if (delta && delta.sequence > dropDeltas) put('deltas', delta.bytes, delta.sequence)
    for (const { bits, bucket, bytes } of batch.buckets ?? [])
      if ((keepBuckets ?? bits) === bits) put('buckets', bytes, bits, bucket)
    if (state) changes.push(this.stateChange(state))
    await this.commit(async () => [
      ...changes,
      ...(dropDeltas > 0 ? await this.deletions('deltas', 0, dropDeltas) : []),
      ...(keepBuckets === undefined
        ? []
        : [
            ...(await this.deletions('buckets', 0, keepBuckets - 1)),
            ...(await this.deletions('buckets', keepBuckets + 1, Number.MAX_SAFE_INTEGER)),
          ]),
    ])
  }

  readBodies(indexes: readonly HeaderIndex[]): Promise<(Uint8Array | undefined)[]> {
    return this.readRecords('bodies', indexes)
  }

  readUndo(indexes: readonly HeaderIndex[]): Promise<(Uint8Array | undefined)[]> {
    return this.readRecords('undo', indexes)
  }

  async readMentions(first: HeaderIndex, last: HeaderIndex): Promise<BlockRecord[]> {
    this.assertOpen()
    return (await this.database.rows('mentions', [this.chainstate], first, last)).map(recordOf)
  }

  async readBuckets(bits: number, buckets: readonly number[]): Promise<(Uint8Array | undefined)[]> {
    this.assertOpen()
    return this.database.getMany(
      'buckets',
      buckets.map((bucket) => [this.chainstate, bits, bucket]),
    )
  }

  /** The database stays open: others use it. */
  async close(): Promise<void> {
    this.closed = true
    await this.writing
  }

  private async readRecords(
    table: 'bodies' | 'undo',
    indexes: readonly HeaderIndex[],
  ): Promise<(Uint8Array | undefined)[]> {
    this.assertOpen()
    return this.database.getMany(
      table,
      indexes.map((index) => [this.chainstate, index]),
    )
  }

  private stateChange(state: ChainState | undefined): Change {
    return { table: 'chain-state', key: [this.chainstate], value: pack({ salt: this.salt, state }) }
  }

  /** Of all that there is, from one number to another, both included. */
  private async deletions(table: 'deltas' | 'buckets', from: number, to: number): Promise<Change[]> {
    const rows = await this.database.rows(table, [this.chainstate], from, to)
    return rows.map(({ key }) => ({ table, key }))
  }

  private async commit(changes: () => Promise<readonly Change[]>): Promise<void> {
    const written = this.database.write('relaxed', changes)
    this.writing = written.catch(() => undefined)
    await written
  }

  private assertOpen(): void {
    if (this.closed) throw new StorageError('closed', 'The chain store was closed.')
  }
}

function recordOf({ key, value }: Row): BlockRecord {
  return { index: key[1] as number, bytes: value }
}
