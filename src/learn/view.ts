/** A lesson as it is drawn: plain data, read off the people's own records and the ledger. Amounts are satoshis. Pure, any thread. */
import { msatToSats } from '../channels/amount.ts'
import { type CommitmentOutput, commitmentTransaction, sidesOf } from '../channels/commitment-transaction.ts'
import type { ChannelContract, Commitment } from '../channels/ports.ts'
import { secretIndex } from '../channels/secrets.ts'
import { balanceOf, type ChannelState, unrevokedNumber } from '../channels/state.ts'
import { bytesToHex } from '../primitives/bytes.ts'
import type { Ledger } from './ledger.ts'
import type { Person } from './person.ts'
import { groupText, LEAF_NAMES, outputWords, scriptText, type Way } from './words.ts'

export interface LessonView {
  /** Of the last block. */
  readonly height: number
  /** Those that hold something, and the last one: newest first. */
  readonly blocks: readonly { readonly height: number; readonly transactions: readonly NamedTransaction[] }[]
  readonly waiting: readonly NamedTransaction[]
  readonly people: readonly PersonView[]
  readonly channels: readonly ChannelView[]
  /** Messages that wait to be delivered, oldest first. */
  readonly flying: readonly { readonly from: string; readonly to: string; readonly text: string }[]
}

export interface NamedTransaction {
  readonly txid: string
  readonly title: string
}

export interface PersonView {
  readonly name: string
  readonly awake: boolean
  readonly cheats: boolean
  readonly hasTower: boolean
  /** On the chain. */
  readonly coins: number
}

export interface ChannelView {
  readonly sides: readonly [string, string]
  readonly capacity: number
  readonly status: string
  /** Shares, payments under way apart. */
  readonly shares: readonly [number, number]
  readonly underWay: number
  /** Whether the channel's money is still in the shared output. */
  readonly isClosed: boolean
  /** The commitment that stands on the chain, or waits for it, with what becomes of its outputs. */
  readonly published: PublishedView | undefined
  /** The newest of each side. */
  readonly commitments: readonly [CommitmentView, CommitmentView]
  /** Of both sides, oldest first. */
  readonly states: readonly StateView[]
  /** Secrets that were told, of states that were given up. */
  readonly secrets: readonly { readonly by: string; readonly number: number; readonly secret: string }[]
  /** What each side's tab waits for on the chain. */
  readonly outlook: readonly { readonly who: string; readonly text: string }[]
}

/** A state that a side could once publish. */
export interface StateView {
  readonly owner: string
  readonly number: number
  /** Of the owner, and of the other side. */
  readonly shares: readonly [number, number]
  readonly underWay: number
  readonly given: boolean
}

export interface CommitmentView {
  readonly owner: string
  readonly number: number
  readonly txid: string
  readonly fee: number
  readonly outputs: readonly OutputView[]
}

export interface PublishedView extends CommitmentView {
  readonly given: boolean
  /** By output, as `outputs`: what spends it and where; undefined where nothing does. */
  readonly fates: readonly (string | undefined)[]
}

export interface OutputView {
  /** Place in the transaction. */
  readonly index: number
  readonly kind: CommitmentOutput['kind']
  readonly title: string
  readonly whose: string
  readonly amount: number
  readonly ways: readonly Way[]
  /** In words, for who wants to see them. */
  readonly scripts: readonly { readonly name: string; readonly text: string }[]
  /** Hex. */
  readonly scriptPubKey: string
}

/** A commitment of `owner`, as its record says. */
export function commitmentView(
  contract: ChannelContract,
  commitment: Commitment,
  owner: string,
  other: string,
  given: boolean,
): CommitmentView {
  const built = commitmentTransaction(contract, commitment)
  if (!built.ok) throw new Error(built.detail)
  const { transaction, outputs, fee } = built.value
  const { delay } = sidesOf(contract, commitment).broadcaster
  return {
    owner,
    number: commitment.number,
    txid: transaction.txid,
    fee,
    outputs: outputs
      .map((each, index) => ({
        index,
        ...outputWords(each, { owner, other, delay, given, ofHolder: commitment.ofHolder }),
        kind: each.kind,
        amount: each.amount,
        scripts: Object.entries<Uint8Array>(each.output.leaves).map(([name, script]) => ({
          name: LEAF_NAMES[name],
          text: scriptText(script),
        })),
        scriptPubKey: bytesToHex(each.output.scriptPubKey),
      }))
      .sort((a, b) => placeOf(a) - placeOf(b) || a.whose.localeCompare(b.whose) || b.amount - a.amount),
  }
}

/** Shares first, then payments, then anchors: so that the outputs of both sides lie beside each other. */
function placeOf({ kind }: Pick<OutputView, 'kind'>): number {
  return kind.endsWith('anchor') ? 2 : kind === 'htlc' ? 1 : 0
}

/** A channel between two people; undefined where there is none. */
export function channelView(
  first: Person,
  second: Person,
  published: PublishedView | undefined,
): ChannelView | undefined {
  const [own, theirs] = [first.channelWith(second)?.state, second.channelWith(first)?.state]
  if (!own || !theirs) return undefined
  const { contract } = own
  const newest = (person: Person, state: ChannelState, other: Person) =>
    commitmentView(state.contract, state.holder.commitment, person.name, other.name, false)
  // Whoever cheats runs on an old copy: the other side's record is the one that counts.
  const balance = balanceOf(first.cheats ? theirs : own)
  const shares = [msatToSats(balance.holder), msatToSats(balance.counterparty)] as const
  return {
    sides: [first.name, second.name],
    capacity: contract.fundingAmount,
    status: statusOf(own, theirs),
    shares: first.cheats ? [shares[1], shares[0]] : shares,
    underWay: msatToSats(balance.outgoing) + msatToSats(balance.incoming),
    isClosed: own.spent !== undefined || theirs.spent !== undefined,
    published,
    commitments: [newest(first, own, second), newest(second, theirs, first)],
    states: [...statesOf(first, second), ...statesOf(second, first)].sort((a, b) => a.number - b.number),
    secrets: [...secretsOf(theirs, first.name), ...secretsOf(own, second.name)].sort(
      (a, b) => a.number - b.number,
    ),
    outlook: [first, second].flatMap((person) =>
      person.awake
        ? person.monitor
            .outlook((person === first ? own : theirs).contract.keyId)
            .filter(({ amount }) => amount !== ANCHOR)
            .map(({ text }) => ({ who: person.name, text: text.replace(/\d{4,}(?= sat)/g, groupText) }))
        : [],
    ),
  }
}

/** Satoshis of an anchor, which is nobody's worry. */
const ANCHOR = 330

function statesOf(person: Person, other: Person): StateView[] {
  const state = person.channelWith(other)?.state
  if (!state) return []
  const past = person.past.get(state.contract.keyId)
  return [...(past ?? [])].map(([number, { state: then }]) => {
    const { holderAmount, counterpartyAmount, htlcs } = then.holder.commitment
    return {
      owner: person.name,
      number,
      shares: [msatToSats(holderAmount), msatToSats(counterpartyAmount)],
      underWay: htlcs.reduce((sum, { amount }) => sum + msatToSats(amount), 0),
      given: number < state.holder.commitment.number,
    }
  })
}

/** The secrets that the counterparty of a state, called `by`, has told. */
function secretsOf(state: ChannelState, by: string): ChannelView['secrets'] {
  return Array.from({ length: unrevokedNumber(state) }, (_, number) => {
    const secret = state.secrets.find(secretIndex(number))
    return { by, number, secret: secret ? bytesToHex(secret) : '' }
  })
}

function statusOf(own: ChannelState, theirs: ChannelState): string {
  if (own.spent || theirs.spent) return 'closed: the chain pays it out'
  switch (own.status === 'open' ? theirs.status : own.status) {
    case 'funding':
      return own.fundingHeight === undefined
        ? 'waits for its funding to be in a block'
        : 'waits for both to be ready'
    case 'open':
      return 'open'
    case 'shutdown':
      return 'closing, in agreement'
    default:
      return 'closing, by the chain'
  }
}

/** The blocks that hold something and the last one, newest first; the money that the first one hands out is left out. */
export function blocksView(ledger: Ledger, titleOf: (txid: string) => string): LessonView['blocks'] {
  return ledger.blocks
    .map(({ transactions }, height) => ({
      height,
      transactions: height === 0 ? [] : transactions.map(({ txid }) => ({ txid, title: titleOf(txid) })),
    }))
    .filter(({ height, transactions }) => transactions.length > 0 || height === ledger.height)
    .reverse()
}
