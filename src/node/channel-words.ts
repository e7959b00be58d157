/** What a channel waits for and what it asks of its person, in words, and the name of its state as Core Lightning has it. Pure, any thread. */
import type { Outlook } from '../channels/monitor.ts'
import { type ChannelState, fundingDepth } from '../channels/state.ts'
import type { AnswerOf } from './rpc-result.ts'
import type { Results } from './rpc-results.ts'

export type StateName = AnswerOf<Results['listpeerchannels']>['channels'][number]['state']

/** The state of a channel, by Core Lightning's names. */
export function stateName(state: ChannelState): StateName {
  if (state.spent) return 'ONCHAIN'
  if (state.closingTransactions.length > 0) return 'CLOSINGD_COMPLETE'
  switch (state.status) {
    case 'funding':
      return 'CHANNELD_AWAITING_LOCKIN'
    case 'open':
      return 'CHANNELD_NORMAL'
    case 'shutdown':
      return 'CHANNELD_SHUTTING_DOWN'
    default:
      return 'AWAITING_UNILATERAL'
  }
}

/** What it waits for: the state in a few words, then what more there is to say, a sentence each. `outlook`: of the monitor. */
export function statusOf(state: ChannelState, outlook: readonly Outlook[]): string[] {
  const why = state.failure ? [state.failure.text] : []
  if (state.spent) return [closedWords(outlook), ...outlook.map(({ text }) => text), ...why]
  const away = state.connection === 'connected' ? [] : ['The other side is away.']
  if (state.closingTransactions.length > 0)
    return ['closing: the transaction that both signed waits for a block']
  switch (state.status) {
    case 'funding':
      return [openingWords(state), ...away]
    case 'open':
      return [away.length > 0 ? 'open, but the other side is away: payments wait until it is back' : 'open']
    case 'shutdown':
      return [
        state.htlcs.length > 0
          ? `closing: ${state.htlcs.length === 1 ? 'a payment' : `${state.htlcs.length} payments`} under way must end first`
          : 'closing: both sides agree on the fee',
        ...away,
      ]
    case 'failed':
      return ['closing alone: your last commitment waits for a block', ...why]
    case 'stale':
      return [
        'this copy of the channel is old: the other side has to close it',
        'Nothing is published from here, since the other side could take it all. Your share comes to this wallet when the other side closes.',
      ]
  }
}

function openingWords(state: ChannelState): string {
  const depth = fundingDepth(state)
  return depth < state.minimumDepth
    ? `opening: ${depth} of ${state.minimumDepth} confirmation${state.minimumDepth === 1 ? '' : 's'}`
    : 'opening: confirmed, and the other side is still to say so'
}

/** In one line, of all that is ours on the chain. */
function closedWords(outlook: readonly Outlook[]): string {
  const blocks = Math.max(0, ...outlook.map((each) => each.blocks))
  if (blocks > 0) return `closing: yours again in ${blocks} block${blocks === 1 ? '' : 's'}`
  return outlook.some(({ isDone }) => !isDone)
    ? 'closing: what is yours waits for a block'
    : 'closed: what is yours is in your wallet'
}

/**
 * The block before which this tab has to have looked at the chain, or money may be lost: by then a revoked commitment, published now, is the other side's
 * to spend, or an HTLC that was offered to us runs out. Undefined where nothing is at stake any more.
 */
export function onlineBefore(state: ChannelState): number | undefined {
  if (state.status === 'funding' && state.fundingHeight === undefined) return undefined
  if (state.spent || state.status === 'stale') return undefined
  const expiries = state.htlcs.flatMap(({ terms }) => (terms.offered ? [] : terms.expiry))
  return Math.min(state.height + state.contract.counterparty.delay, ...expiries)
}
