/**
 * What the signer refuses to do for a channel, whatever the brain asks: rules over the commitments that it has seen. Money of the holder
 * leaves by HTLCs that it offered alone, and stays gone for their preimages alone; a commitment is never signed once it is void, and never made
 * void before another one can be published. Pure: each rule gives the state after it, which takes effect once it is durable.
 */

import type { Msat } from '../channels/amount.ts'
import {
  type AttachedState,
  type ChannelContract,
  type ClosingTransaction,
  type Commitment,
  type CommitmentHtlc,
  GREATEST_FEERATE,
} from '../channels/ports.ts'
import { MAX_COMMITMENT_NUMBER } from '../channels/secrets.ts'
import { bytesToHex, equalBytes } from '../primitives/bytes.ts'
import { Writer } from '../primitives/codec.ts'
import { fromDisplay, sha256 } from '../primitives/hashes.ts'
import { LOCK_TIME_THRESHOLD } from '../primitives/lock-times.ts'
import { invalid, notNow, ok, type Rejection, type Result } from '../primitives/result.ts'
import type { ChannelMarks, CommitmentMark, FormerPoint, OfferedMark } from './channel-record.ts'
import { greatestFee } from './greatest-fee.ts'

/** Most HTLCs that a commitment can hold: 483 of each side (BOLT 2, `max_accepted_htlcs`). */
const MAX_HTLCS = 966

/** Virtual bytes of a closing transaction, at most. */
const CLOSING_VBYTES = 160

/** What the signer knows of a channel while it runs. */
export interface GuardState {
  readonly contract: ChannelContract
  /** Accepted and not void, two at most, oldest first. */
  readonly holder: readonly Commitment[]
  /** See `ChannelMarks`. */
  readonly released: number
  /** Signed and not void, as far as the counterparty has told: two at most, oldest first. */
  readonly counterparty: readonly Commitment[]
  /** See `ChannelMarks`. */
  readonly former: FormerPoint | undefined
  readonly published: CommitmentMark | undefined
  readonly closing: boolean
  readonly owed: readonly number[]
  readonly offered: readonly OfferedMark[]
}

/** Hash of a contract, 64 hex digits. */
export function contractDigest(contract: ChannelContract): string {
  const { keyId, fundingTxid, fundingOutput, fundingAmount, holderIsFunder, payout } = contract
  const writer = new Writer(512).varBytes(Uint8Array.from(keyId, (char) => char.charCodeAt(0)))
  writer.put(fromDisplay(fundingTxid)).u32(fundingOutput).i64FromNumber(fundingAmount)
  writer
    .u8(holderIsFunder ? 1 : 0)
    .u32(payout.branch)
    .u32(payout.index)
    .varBytes(payout.script)
  for (const { basepoints, dustLimit, delay } of [contract.holder, contract.counterparty]) {
    const { funding, revocation, payment, delayedPayment, htlc } = basepoints
    for (const point of [funding, revocation, payment, delayedPayment, htlc]) writer.varBytes(point)
    writer.i64FromNumber(dustLimit).u32(delay)
  }
  return bytesToHex(sha256(writer.finish()))
}

/** Of commitments that stand: each is marked in every record as long as it does. */
const knownMarks = new WeakMap<Commitment, CommitmentMark>()

/** A commitment by number and hash. */
export function markOf(commitment: Commitment): CommitmentMark {
  const known = knownMarks.get(commitment)
  if (known) return known
  const mark = makeMark(commitment)
  knownMarks.set(commitment, mark)
  return mark
}

function makeMark(commitment: Commitment): CommitmentMark {
  const { ofHolder, number, point, feerate, holderAmount, counterpartyAmount, htlcs } = commitment
  const writer = new Writer(128 + htlcs.length * 57).u8(ofHolder ? 1 : 0).i64FromNumber(number)
  writer.varBytes(point).u32(feerate).i64FromNumber(holderAmount).i64FromNumber(counterpartyAmount)
  for (const { offered, id, amount, paymentHash, expiry } of htlcs)
    writer
      .u8(offered ? 1 : 0)
      .i64FromNumber(id)
      .i64FromNumber(amount)
      .varBytes(paymentHash)
      .u32(expiry)
  return { number, digest: bytesToHex(sha256(writer.finish())) }
}

export function marksOf(state: GuardState): ChannelMarks {
  const { holder, released, counterparty, former, published, closing, owed, offered } = state
  return {
    holder: holder.map(markOf),
    released,
    counterparty: counterparty.map(markOf),
    former,
    published,
    closing,
    owed,
    offered,
  }
}

/** A channel that nothing was signed of. */
export function newState(contract: ChannelContract): GuardState {
  return {
    contract,
    holder: [],
    released: 0,
    counterparty: [],
    former: undefined,
    published: undefined,
    closing: false,
    owed: [],
    offered: [],
  }
}

/**
 * The state after a restart: what the brain has kept, as far as it is what the signer remembers. The holder's newest may be one that the brain had not
 * kept yet; the counterparty's can't be, since the brain keeps it before its signature is asked for. Rejects with `channel-outdated` and
 * `channel-mismatch`.
 */
export function resumed(
  contract: ChannelContract,
  told: AttachedState,
  marks: ChannelMarks,
): Result<GuardState> {
  const { released, former, published, closing, owed, offered } = marks
  const asked = told.counterparty.filter((commitment) => remembers(marks.counterparty, commitment))
  const newest = isNextOf(marks.counterparty, told.counterparty) ? asked.at(-1) : told.counterparty.at(-1)
  if (!remembers(marks.holder, told.holder)) return mismatch(marks.holder, told.holder)
  if (!remembers(marks.counterparty.slice(-1), newest)) return mismatch(marks.counterparty, newest)
  const holder = told.holder ? [told.holder] : []
  return ok({
    contract,
    holder,
    released,
    counterparty: asked,
    former,
    published,
    closing,
    owed,
    offered,
  })
}

/** Takes in a commitment of the holder, whose signatures were verified. Codes: see `ChannelSigner.acceptHolderCommitment`. */
export function accepted(
  state: GuardState,
  commitment: Commitment,
  preimages: ReadonlyMap<number, Uint8Array>,
): Result<GuardState> {
  const stopped = stoppedBy(state)
  if (stopped) return stopped
  const newest = state.holder.at(-1)
  if (newest && isSame(newest, commitment)) return ok(state)
  // The secret of the one before was given for it.
  const isSettled = newest !== undefined && state.released === newest.number
  const at = newest?.number ?? -1
  const isNext = commitment.number === at + 1 && (isSettled || !newest)
  const isAgain = commitment.number === at && !isSettled
  if (!isNext && !isAgain) return revoked(commitment)
  const before = state.holder.filter(({ number }) => number < commitment.number)
  const unexplained =
    unexplainedIn(state, before.at(-1), commitment, preimages, true) ?? unheardIn(state, commitment)
  if (unexplained) return unexplained
  const next = { ...state, holder: [...before, commitment].slice(-2) }
  return ok(markTaken(next, before.at(-1), commitment, preimages))
}

/** Makes a commitment of the holder void. Codes: see `ChannelSigner.releaseSecret`. */
export function releasedOf(state: GuardState, number: number): Result<GuardState> {
  if (state.published && state.published.number <= number) return alreadyPublished()
  if (number < state.released) return ok(state)
  const next = state.holder.find((commitment) => commitment.number === number + 1)
  if (number !== state.released || !next)
    return notNow(
      'commitment-missing',
      `The secret of commitment ${number} stays here: no commitment after it was signed by the other side.`,
    )
  return ok({
    ...state,
    released: number + 1,
    holder: state.holder.filter((commitment) => commitment.number > number),
  })
}

/** The counterparty has told the secret of a point: the commitment of it is void. The same state where it is not the one that is waited for. */
export function voidedBy(state: GuardState, point: Uint8Array): GuardState {
  const { former, counterparty } = state
  if (!former || bytesToHex(point) !== former.point) return state
  return {
    ...state,
    former: undefined,
    counterparty: counterparty.filter(({ number }) => number > former.number),
  }
}

/**
 * Takes in a commitment of the counterparty that is to be signed: the next, or the last again, as it was. `offered`: what pays for the HTLCs that the holder
 * offers in it for the first time. Codes: see `ChannelSigner.signCounterpartyCommitment`.
 */
export function signedFor(
  state: GuardState,
  commitment: Commitment,
  preimages: ReadonlyMap<number, Uint8Array>,
  offered: readonly OfferedMark[],
): Result<GuardState> {
  const stopped = stoppedBy(state)
  if (stopped) return stopped
  const newest = state.counterparty.at(-1)
  if (newest && isSame(newest, commitment)) return ok(state)
  // Of two contents under one number the counterparty could publish either.
  if (commitment.number !== (newest?.number ?? -1) + 1) return revoked(commitment)
  // At most two can be published: before a third is signed, the first must be void.
  const { former } = state
  if (former)
    return notNow(
      'commitment-revoked',
      `Commitment ${commitment.number} was not signed: the other side has not revoked number ${former.number}.`,
    )
  const unexplained = unexplainedIn(state, newest, commitment, preimages, false)
  if (unexplained) return unexplained
  const next = {
    ...state,
    counterparty: newest ? [newest, commitment] : [commitment],
    former: newest && { number: newest.number, point: bytesToHex(newest.point) },
    offered: [...state.offered, ...offered],
  }
  return ok(markTaken(next, newest, commitment, preimages))
}

/** The HTLCs of a commitment that the holder offers and that nothing was said to pay for yet. */
export function newlyOffered({ offered }: GuardState, { htlcs }: Commitment): CommitmentHtlc[] {
  const known = new Set(offered.map(({ id }) => id))
  return htlcs.filter((htlc) => htlc.offered && !known.has(htlc.id))
}

/** Marks a commitment of the holder as signed to be published: `digest` is the hash that is signed. Codes: see `ChannelSigner.signHolderCommitment`. */
export function publishedBy(state: GuardState, commitment: Commitment, digest: string): Result<GuardState> {
  const { number } = commitment
  // What is void is not held any more.
  if (!state.holder.some((held) => isSame(held, commitment)))
    return invalid(
      'commitment-revoked',
      `Commitment ${number} was not signed: it is void, or not one that the other side signed. Who publishes a void one loses all of the channel.`,
    )
  const { published } = state
  if (published && (published.number !== number || published.digest !== digest))
    return invalid('nonce-used', `Another commitment than this one of number ${number} was signed.`)
  return ok({ ...state, published: { number, digest } })
}

/** Marks that a closing transaction is signed. Codes: see `ChannelSigner.signClosing`. */
export function closedBy(state: GuardState, transaction: ClosingTransaction): Result<GuardState> {
  const { contract } = state
  const { closerIsHolder, holderOutput, counterpartyOutput } = transaction
  const newest = [state.holder.at(-1), state.counterparty.at(-1)]
  const unexplained = (sentence: string) =>
    invalid('closing-unexplained', `The closing transaction was not signed. ${sentence}`)
  let owed = 0
  for (const commitment of newest) {
    if (!commitment) return unexplained('The channel has no commitments yet.')
    if (commitment.htlcs.length > 0) return unexplained('Payments are still under way.')
    owed = Math.max(owed, Math.floor(commitment.holderAmount / 1000))
  }
  const paid = holderOutput?.amount ?? 0
  const fee = contract.fundingAmount - paid - (counterpartyOutput?.amount ?? 0)
  if (fee < 0) return unexplained('It pays more than the channel holds.')
  if (holderOutput && !equalBytes(holderOutput.script, contract.payout.script))
    return unexplained('It pays to a script that is not the one agreed on at the opening.')
  const borne = closerIsHolder ? Math.min(fee, greatestFee(CLOSING_VBYTES, undefined)) : 0
  // What would be dust may be left out: nobody would relay it.
  const isDust = !holderOutput && owed - borne < contract.holder.dustLimit
  if (!isDust && paid < owed - borne)
    return unexplained(`It pays ${paid} satoshis of the ${owed - borne} that are due.`)
  return ok({ ...state, closing: true })
}

/** Marks an HTLC that the holder was offered as passed on. */
export function owing(state: GuardState, id: number): GuardState {
  return { ...state, owed: [...state.owed, id] }
}

/** What it paid for came back: it may be failed. */
export function freed(state: GuardState, id: number): GuardState {
  return { ...state, owed: state.owed.filter((each) => each !== id) }
}

/**
 * The HTLC that the holder was offered and may pass on: one that stands in every commitment that either side could publish, and was not passed
 * on before.
 */
export function passable(state: GuardState, id: number): CommitmentHtlc | undefined {
  const isIt = (htlc: CommitmentHtlc) => !htlc.offered && htlc.id === id
  const live = liveIn(state)
  const isOpen = state.holder.length > 0 && state.counterparty.length > 0
  if (!live || !isOpen || state.owed.includes(id)) return undefined
  return live.every(({ htlcs }) => htlcs.some(isIt)) ? live[0].htlcs.find(isIt) : undefined
}

/** What stands in no commitment any more that could be published: those marks, and the state without them. */
export function settledOf(state: GuardState): {
  readonly state: GuardState
  readonly gone: readonly OfferedMark[]
} {
  const { owed, offered } = state
  const live = owed.length > 0 || offered.length > 0 ? liveIn(state) : undefined
  if (!live) return { state, gone: [] }
  const names = new Set(live.flatMap(({ htlcs }) => htlcs.map(nameOf)))
  const stands = (isOffered: boolean) => (id: number) => names.has(nameOf({ offered: isOffered, id }))
  const gone = offered.filter(({ id }) => !stands(true)(id))
  const bound = owed.filter(stands(false))
  if (gone.length === 0 && bound.length === owed.length) return { state, gone }
  const left = offered.filter((mark) => !gone.includes(mark))
  return { state: { ...state, owed: bound, offered: left }, gone }
}

/** Every commitment that could be published; undefined where the brain has left one out. */
function liveIn({ holder, counterparty, former }: GuardState): readonly Commitment[] | undefined {
  const isWhole = !former || counterparty.some(({ number }) => number === former.number)
  return isWhole ? [...holder, ...counterparty] : undefined
}

/** Marks the HTLCs that are gone for their preimages since the commitment before. */
function markTaken(
  state: GuardState,
  before: Commitment | undefined,
  { htlcs }: Commitment,
  preimages: ReadonlyMap<number, Uint8Array>,
): GuardState {
  if (preimages.size === 0) return state
  const standing = new Set(htlcs.map(nameOf))
  const taken = new Set(
    before?.htlcs.flatMap((htlc) =>
      htlc.offered && !standing.has(nameOf(htlc)) && isPreimage(preimages.get(htlc.id), htlc.paymentHash)
        ? [htlc.id]
        : [],
    ),
  )
  if (taken.size === 0) return state
  const offered = state.offered.map((mark) => (taken.has(mark.id) ? { ...mark, taken: true } : mark))
  return { ...state, offered }
}

/** An HTLC that the holder offers stands in the counterparty's commitment first, where it was looked at what pays for it. */
function unheardIn({ counterparty, holder }: GuardState, commitment: Commitment): Rejection | undefined {
  const known = new Map(
    [holder.at(-1), counterparty.at(-1)].flatMap(
      (each) => each?.htlcs.map((htlc) => [nameOf(htlc), htlc] as const) ?? [],
    ),
  )
  for (const htlc of commitment.htlcs) {
    const signed = known.get(nameOf(htlc))
    if (htlc.offered && !(signed && isSameHtlc(signed, htlc)))
      return unexplained(commitment, `HTLC ${htlc.id} was never offered to the other side.`)
  }
  return undefined
}

/** Whether bytes are the preimage of a payment hash. */
export function isPreimage(preimage: Uint8Array | undefined, paymentHash: Uint8Array): boolean {
  return preimage !== undefined && preimage.length === 32 && equalBytes(sha256(preimage), paymentHash)
}

/** What a commitment leaves unexplained of the change since the one before it; undefined where all is. */
function unexplainedIn(
  { contract, owed }: GuardState,
  before: Commitment | undefined,
  commitment: Commitment,
  preimages: ReadonlyMap<number, Uint8Array>,
  ofHolder: boolean,
): Rejection | undefined {
  const malformed = malformedIn(contract, commitment, ofHolder)
  if (malformed) return unexplained(commitment, malformed)
  // What the first one gives away is judged when the funding transaction is to be signed.
  if (!before)
    return commitment.number === 0 && commitment.htlcs.length === 0
      ? undefined
      : unexplained(commitment, 'The one before it is not known.')
  const standing = new Map(commitment.htlcs.map((htlc) => [nameOf(htlc), htlc]))
  let least: number = before.holderAmount
  for (const htlc of before.htlcs) {
    const name = nameOf(htlc)
    const kept = standing.get(name)
    standing.delete(name)
    if (kept && !isSameHtlc(kept, htlc)) return unexplained(commitment, `HTLC ${htlc.id} was changed.`)
    if (kept) continue
    if (htlc.offered) {
      if (!isPreimage(preimages.get(htlc.id), htlc.paymentHash)) least += htlc.amount
    } else if (owed.includes(htlc.id)) least += htlc.amount
  }
  for (const htlc of standing.values()) if (htlc.offered) least -= htlc.amount
  return commitment.holderAmount >= least
    ? undefined
    : unexplained(
        commitment,
        `It leaves this side ${commitment.holderAmount} millisatoshis; by its payments it should have ${least}.`,
      )
}

/** What is wrong with a commitment by itself. */
function malformedIn(
  contract: ChannelContract,
  commitment: Commitment,
  ofHolder: boolean,
): string | undefined {
  const { number, feerate, holderAmount, counterpartyAmount, htlcs } = commitment
  if (commitment.ofHolder !== ofHolder) return "It is the other side's."
  if (!isCount(number) || number > MAX_COMMITMENT_NUMBER) return 'Its number is out of range.'
  if (!isCount(feerate) || feerate > GREATEST_FEERATE)
    return `Its fee rate of ${feerate} satoshis for 1,000 weight units is over ${GREATEST_FEERATE}.`
  if (htlcs.length > MAX_HTLCS) return `It has over ${MAX_HTLCS} HTLCs.`
  if (new Set(htlcs.map(nameOf)).size < htlcs.length) return 'It holds an HTLC twice.'
  const isSound = ({ id, amount, paymentHash, expiry }: CommitmentHtlc) =>
    isCount(id) &&
    isCount(amount) &&
    amount > 0 &&
    paymentHash.length === 32 &&
    isCount(expiry) &&
    expiry < LOCK_TIME_THRESHOLD
  if (!htlcs.every(isSound)) return 'It holds an HTLC that is none.'
  const amounts = [holderAmount, counterpartyAmount, ...htlcs.map(({ amount }) => amount)]
  const sum = amounts.reduce((sum: number, amount: Msat) => sum + amount, 0)
  if (!amounts.every(isCount) || sum !== contract.fundingAmount * 1000)
    return 'Its amounts are not what the channel holds.'
  return undefined
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0
}

function nameOf({ offered, id }: Pick<CommitmentHtlc, 'offered' | 'id'>): string {
  return `${offered ? 'offered' : 'received'} ${id}`
}

function isSameHtlc(a: CommitmentHtlc, b: CommitmentHtlc): boolean {
  return a.amount === b.amount && a.expiry === b.expiry && equalBytes(a.paymentHash, b.paymentHash)
}

function isSame(a: Commitment, b: Commitment): boolean {
  return a.number === b.number && markOf(a).digest === markOf(b).digest
}

/** Whether a commitment is one of the marked; where there is none, nothing may be marked either. */
function remembers(marks: readonly CommitmentMark[], commitment: Commitment | undefined): boolean {
  if (!commitment) return marks.length === 0
  const { number, digest } = markOf(commitment)
  return marks.some((mark) => mark.number === number && mark.digest === digest)
}

/** Whether the last of `told` is the one that comes after all that was marked, and the one before it, if any, the last of those. */
function isNextOf(marks: readonly CommitmentMark[], told: readonly Commitment[]): boolean {
  const last = marks.at(-1)
  const [before, next] = told.length === 2 ? told : [undefined, told[0]]
  return next?.number === (last?.number ?? -1) + 1 && before?.number === last?.number
}

function stoppedBy({ published, closing }: GuardState): Rejection | undefined {
  if (published) return alreadyPublished()
  return closing
    ? notNow('channel-closing', 'Nothing is signed for this channel any more: it is being closed.')
    : undefined
}

function alreadyPublished(): Rejection {
  return notNow(
    'commitment-signed',
    'A commitment of this channel was signed to be published: the channel ends by it.',
  )
}

function revoked({ number }: Commitment): Rejection {
  return invalid('commitment-revoked', `Commitment ${number} is not the one whose turn it is.`)
}

function unexplained({ number }: Commitment, sentence: string): Rejection {
  return invalid('commitment-unexplained', `Commitment ${number} was refused. ${sentence}`)
}

function outdated(): Rejection {
  return notNow(
    'channel-outdated',
    'This copy of the channel is older than what was signed: what it says is void. Nothing is signed for it; ask the other side to close it.',
  )
}

function mismatch(marks: readonly CommitmentMark[], told: Commitment | undefined): Rejection {
  const newest = marks.at(-1)
  if (newest && newest.number > (told?.number ?? -1)) return outdated()
  return invalid('channel-mismatch', 'What is stored of this channel is not what was signed.')
}
