/**
 * A stand-in for the brain: keeps payloads in IndexedDB and accepts those it could store. Thread: worker.
 */

import { openDB } from 'idb'
import type { GossipVerdict } from '../../../src/network/transport.ts'

/** A message to the worker. */
export interface BrainRequest {
  readonly id: number
  readonly request: { readonly payload: Uint8Array } | { readonly list: true }
}

/** Its reply. */
export interface BrainReply {
  readonly id: number
  readonly verdict: GossipVerdict
  /** Payloads in the database. */
  readonly kept: number[][]
}

const STORE = 'payloads'

const opened = openDB(`plumbing-${crypto.randomUUID()}`, 1, {
  upgrade(database) {
    database.createObjectStore(STORE, { autoIncrement: true })
  },
})

async function reply({ id, request }: BrainRequest): Promise<BrainReply> {
  const database = await opened
  if ('payload' in request) await database.add(STORE, request.payload)
  const kept: Uint8Array[] = await database.getAll(STORE)
  return { id, verdict: 'accept', kept: kept.map((payload) => [...payload]) }
}

self.addEventListener('message', async ({ data }: MessageEvent<BrainRequest>) => {
  self.postMessage(await reply(data))
})
