/**
 * What the signer itself keeps of a channel, and the port that keeps it: how far its commitments have come, so that none is signed once it was
 * revoked, whatever the brain forgot or an old copy of its store says. Numbers and hashes alone, a few hundred bytes, under a MAC of the
 * channel's own secret. Thread: the signer worker only.
 */
import { hmac } from '@noble/hashes/hmac.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { utf8 } from '@scure/base'
import { bytesToHex, isHex } from '../primitives/bytes.ts'
import { type ChannelKeysId, isKeysId } from './channel-keys.ts'
import type { SPENDING, SpendingRecord } from './channel-spending.ts'

/** A commitment that was taken in or signed, by its number and the hash of its content. */
export interface CommitmentMark {
  readonly number: number
  /** 64 hex digits. */
  readonly digest: string
}

/** A commitment of the counterparty before the last one that was signed. */
export interface FormerPoint {
  readonly number: number
  /** Its per-commitment point, 66 hex digits. */
  readonly point: string
}

/** An HTLC that the holder offered, and what pays for it: from its first signature on, until no commitment that can be published holds it. */
export interface OfferedMark {
  readonly id: number
  /** Millisatoshis. */
  readonly amount: number
  readonly source: OfferedSource
  /** Its preimage was shown: the money is the counterparty's. */
  readonly taken: boolean
}

export type OfferedSource =
  /** A payment of the person: its hash, 64 hex digits. */
  | { readonly kind: 'payment'; readonly hash: string }
  /** An HTLC that the holder was offered in the channel of that name. */
  | { readonly kind: 'forward'; readonly keyId: string; readonly htlc: number }

/** What is known of a channel beside its content. */
export interface ChannelMarks {
  /** Of the holder's, accepted and not void: two at most, oldest first. */
  readonly holder: readonly CommitmentMark[]
  /** How many of the holder's secrets were released: the least number that is not void. */
  readonly released: number
  /** The last of the counterparty's that were signed: two at most, oldest first. */
  readonly counterparty: readonly CommitmentMark[]
  /** It has to be void before another one is signed. */
  readonly former: FormerPoint | undefined
  /** The holder's commitment that was signed to be published, by the hash that was signed. */
  readonly published: CommitmentMark | undefined
  /** A closing transaction was signed: nothing is updated any more. */
  readonly closing: boolean
  /** Ids of HTLCs that the holder was offered and has passed on: they go for money alone, unless those that they pay for came back. */
  readonly owed: readonly number[]
  readonly offered: readonly OfferedMark[]
}

/** The one record of a channel: plain data. */
export interface ChannelRecord extends ChannelMarks {
  readonly version: 1
  readonly keyId: ChannelKeysId
  /** Hash of the contract, 64 hex digits. */
  readonly contract: string
  /** HMAC-SHA256 of the rest by the channel's own key, 64 hex digits. */
  readonly mac: string
}

/** Port: keeps the records of channels. Durable in the strict sense when `save` resolves; throws when storage fails. */
export interface ChannelRecordStore {
  /** The stored record, unvalidated: what comes from a disk is input. Undefined when there is none. */
  load(keyId: ChannelKeysId | typeof SPENDING): Promise<unknown>
  /** Replaces some records together. A failed save leaves the former ones. */
  save(records: readonly (ChannelRecord | SpendingRecord)[]): Promise<void>
}

const MAC_CONTEXT = 'opentab/channel-record'

/** `key`: a secret of the channel, 32 bytes. */
export function sealRecord(
  keyId: ChannelKeysId,
  contract: string,
  marks: ChannelMarks,
  key: Uint8Array,
): ChannelRecord {
  const open = { version: 1, keyId, contract, ...marks } as const
  return { ...open, mac: macOf(open, key) }
}

/** The record that was stored, or undefined where it is damaged, or another hand's: then nothing of the channel is signed. */
export function openRecord(
  stored: unknown,
  keyId: ChannelKeysId,
  key: Uint8Array,
): ChannelRecord | undefined {
  if (!isRecord(stored)) return undefined
  const { mac, ...open } = stored
  return stored.keyId === keyId && macOf(open, key) === mac ? stored : undefined
}

function macOf(open: Omit<ChannelRecord, 'mac'>, key: Uint8Array): string {
  const {
    version,
    keyId,
    contract,
    holder,
    released,
    counterparty,
    former,
    published,
    closing,
    owed,
    offered,
  } = open
  const marks = (list: readonly CommitmentMark[]) => list.map(({ number, digest }) => [number, digest])
  const told = [
    MAC_CONTEXT,
    version,
    keyId,
    contract,
    marks(holder),
    released,
    marks(counterparty),
    former ? [former.number, former.point] : [],
    published ? marks([published]) : [],
    closing,
    owed,
    offered.map(({ id, amount, source, taken }) =>
      source.kind === 'payment'
        ? [id, amount, taken, source.hash]
        : [id, amount, taken, source.keyId, source.htlc],
    ),
  ]
  return bytesToHex(hmac(sha256, key, utf8.decode(JSON.stringify(told))))
}

function isRecord(value: unknown): value is ChannelRecord {
  const record = (value ?? {}) as Partial<Record<keyof ChannelRecord, unknown>>
  const {
    version,
    keyId,
    contract,
    holder,
    released,
    counterparty,
    former,
    published,
    closing,
    owed,
    offered,
    mac,
  } = record
  return (
    version === 1 &&
    typeof keyId === 'string' &&
    isKeysId(keyId) &&
    isDigest(contract) &&
    isList(holder, isMark) &&
    Number.isSafeInteger(released) &&
    isList(counterparty, isMark) &&
    (former === undefined || isFormer(former)) &&
    (published === undefined || isMark(published)) &&
    typeof closing === 'boolean' &&
    isList(owed, Number.isSafeInteger) &&
    isList(offered, isOffered) &&
    isDigest(mac)
  )
}

function isMark(value: unknown): boolean {
  const { number, digest } = (value ?? {}) as Partial<Record<keyof CommitmentMark, unknown>>
  return Number.isSafeInteger(number) && isDigest(digest)
}

function isOffered(value: unknown): boolean {
  const { id, amount, source, taken } = (value ?? {}) as Partial<Record<keyof OfferedMark, unknown>>
  const { kind, hash, keyId, htlc } = (source ?? {}) as Partial<Record<string, unknown>>
  const isSource =
    kind === 'payment' ? isDigest(hash) : typeof keyId === 'string' && Number.isSafeInteger(htlc)
  return Number.isSafeInteger(id) && Number.isSafeInteger(amount) && typeof taken === 'boolean' && isSource
}

function isFormer(value: unknown): boolean {
  const { number, point } = (value ?? {}) as Partial<Record<keyof FormerPoint, unknown>>
  return Number.isSafeInteger(number) && typeof point === 'string' && isHex(point, 33)
}

function isDigest(value: unknown): boolean {
  return typeof value === 'string' && isHex(value, 32)
}

function isList(value: unknown, isItem: (item: unknown) => boolean): boolean {
  return Array.isArray(value) && value.every(isItem)
}
