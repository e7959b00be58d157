/**
 * A channel's records in its store: `state`, small and written with every change, and one of each HTLC, `htlc/h/<id>` where the holder offered
 * it and `htlc/c/<id>` else, written when it comes and when it is to go. So a write costs what changed, and each leaves one whole state behind.
 * Pure, any thread.
 */
import { bytesToHex, hexToBytes } from '../primitives/bytes.ts'
import type { ChannelPolicy } from './policy.ts'
import type { Commitment, StoredChannel } from './ports.ts'
import { SecretStore } from './secrets.ts'
import type { ChannelState } from './state.ts'
import type { Htlc, HtlcTerms, Removal, Stage } from './updates.ts'

const VERSION = 1

/** JSON, with byte strings as `{"hex": …}`. */
export function toText(value: unknown): string {
  return JSON.stringify(value, (_, each) => (each instanceof Uint8Array ? { hex: bytesToHex(each) } : each))
}

/** What `toText` wrote. */
export function fromText(text: string): unknown {
  return JSON.parse(text, (_, each) =>
    typeof each === 'object' && each !== null && typeof each.hex === 'string' ? hexToBytes(each.hex) : each,
  )
}

/** What the state's record says of an HTLC: the rest is in its own. */
type StagedHtlc = Omit<Htlc, 'terms' | 'removal'> & { readonly key: string }

/** What is not of one connection alone. The policy is the node's, not the channel's. */
type StoredState = Omit<
  ChannelState,
  | 'htlcs'
  | 'outcomes'
  | 'secrets'
  | 'policy'
  | 'connection'
  | 'counterpartyNonce'
  | 'holderClosingNonce'
  | 'counterpartyClosingNonce'
  | 'closingProposal'
  | 'closingProposed'
> & {
  readonly version: typeof VERSION
  readonly secrets: Uint8Array
  readonly htlcs: readonly StagedHtlc[]
  readonly outcomes: readonly StagedHtlc[]
}

interface StoredHtlc {
  readonly terms: HtlcTerms
  readonly removal?: Removal
}

function keyOf({ terms }: Htlc): string {
  return `htlc/${terms.offered ? 'h' : 'c'}/${terms.id}`
}

function staged(htlc: Htlc): StagedHtlc {
  const { added, removed, acknowledged } = htlc
  return { key: keyOf(htlc), added, removed, acknowledged }
}

/** Texts of parts of states. States are immutable and share what did not change, so that most of one was written before. */
const texts = new WeakMap<object, string>()

function remembered<T extends object>(part: T, encode: (part: T) => string): string {
  const known = texts.get(part)
  if (known !== undefined) return known
  const text = encode(part)
  texts.set(part, text)
  return text
}

/** As `toText` of an object whose values are texts already. */
function objectText(fields: Readonly<Record<string, string>>): string {
  return `{${Object.entries(fields)
    .map(([name, text]) => `${JSON.stringify(name)}:${text}`)
    .join(',')}}`
}

function listText<T extends object>(items: readonly T[], encode: (item: T) => string): string {
  return `[${items.map((item) => remembered(item, encode)).join(',')}]`
}

function encodeState(state: ChannelState): string {
  const {
    policy: _policy,
    connection: _connection,
    counterpartyNonce: _counterpartyNonce,
    holderClosingNonce: _holderClosingNonce,
    counterpartyClosingNonce: _counterpartyClosingNonce,
    closingProposal: _closingProposal,
    closingProposed: _closingProposed,
    htlcs,
    outcomes,
    secrets,
    counterparty,
    holder,
    ...rest
  } = state
  const lasting: Omit<StoredState, 'version' | 'htlcs' | 'outcomes' | 'secrets' | 'counterparty' | 'holder'> =
    rest
  const fields: Record<string, string> = { version: `${VERSION}` }
  for (const [name, value] of Object.entries(lasting))
    if (value !== undefined)
      fields[name] = typeof value === 'object' ? remembered(value, toText) : toText(value)
  return objectText({
    ...fields,
    secrets: remembered(secrets, (store) => toText(store.encode())),
    htlcs: listText(htlcs, (htlc) => toText(staged(htlc))),
    outcomes: listText(outcomes, (htlc) => toText(staged(htlc))),
    counterparty: listText(counterparty, commitmentText),
    holder: remembered(holder, ({ commitment, signatures }) =>
      objectText({ commitment: remembered(commitment, commitmentText), signatures: toText(signatures) }),
    ),
  })
}

function commitmentText({ htlcs, ...rest }: Commitment): string {
  const fields = Object.entries(rest).map(([name, value]) => [name, toText(value)])
  return objectText({ ...Object.fromEntries(fields), htlcs: listText(htlcs, toText) })
}

/** What has to be written so that a store which holds `before`, nothing where undefined, holds `after`. */
export function changedRecords(
  before: ChannelState | undefined,
  after: ChannelState,
): Map<string, string | undefined> {
  const records = new Map<string, string | undefined>([['state', encodeState(after)]])
  const old = new Map(
    [...(before?.htlcs ?? []), ...(before?.outcomes ?? [])].map((htlc) => [keyOf(htlc), htlc]),
  )
  for (const htlc of [...after.htlcs, ...after.outcomes]) {
    const key = keyOf(htlc)
    const was = old.get(key)
    old.delete(key)
    if (was?.terms === htlc.terms && was.removal === htlc.removal) continue
    const { terms, removal } = htlc
    records.set(key, toText({ terms, removal } satisfies StoredHtlc))
  }
  for (const key of old.keys()) records.set(key, undefined)
  return records
}

/** The state that a store holds, as it was when it was written: the connection is over since. Throws on records that no version of this program wrote: storage corruption. */
export function decodeChannel({ records }: StoredChannel, policy: ChannelPolicy): ChannelState {
  const text = records.get('state')
  if (text === undefined) throw new Error('A channel has no state in its store')
  const { version, secrets, htlcs, outcomes, ...lasting } = fromText(text) as StoredState
  if (version !== VERSION)
    throw new Error(`This channel was written by a later version of the program (format ${version}).`)
  const decoded = SecretStore.decode(secrets)
  if (!decoded.ok) throw new Error(decoded.detail)
  const whole = ({ key, added, removed, acknowledged }: StagedHtlc): Htlc => {
    const record = records.get(key)
    if (record === undefined) throw new Error(`A channel has no record ${key} in its store`)
    const { terms, removal } = fromText(record) as StoredHtlc
    return {
      terms,
      added: added as Stage,
      ...(removal && { removal, removed }),
      ...(acknowledged && { acknowledged }),
    }
  }
  return {
    ...lasting,
    policy,
    secrets: decoded.value,
    htlcs: htlcs.map(whole),
    outcomes: outcomes.map(whole),
    connection: 'connected',
  }
}

/** A commitment that the counterparty has revoked. */
export function encodeCommitment(commitment: Commitment): string {
  return remembered(commitment, commitmentText)
}

export function decodeCommitment(text: string): Commitment {
  return fromText(text) as Commitment
}
