/**
 * What must hold in the end of each run, whatever happened in it:
 *
 * - `balance`: an honest node has what it began with, and was paid, less what it paid; less fees: of the transactions that it published, of
 *   commitments of channels that it funded (with their anchors), fractions of satoshis, and HTLCs too small for an output or for the fee of
 *   taking them. Of channels whose other side cheated it has the other side's share, too. Who was away for longer than a node may be may have lost
 *   what was under way then; who was away for the delay of a theft may have lost all, unless a tower had promised to punish it.
 * - `thief`: of a channel that was cheated with, the thief has nothing but what it paid itself, and an anchor.
 * - `payments`: who paid has a payee that was paid, and, where all are honest, the other way round; `ends`: each payment of an honest node is over;
 *   `once`: an invoice is paid by one, where all are honest.
 *
 * While a run lasts: `sums` of every state, `nonce` and `revoked` of every signature (`signers.ts`), `durable` (no node finds itself to run on an old
 * state), `hops` (no HTLC counts as given back whose preimage shows later), `fault` (nothing of the program throws).
 */
import {
  ANCHOR_AMOUNT,
  type CommitmentTransaction,
  commitmentFee,
  commitmentNumber,
  commitmentTransaction,
  fundingOutpoint,
} from '../../src/channels/commitment-transaction.ts'
import type { Commitment } from '../../src/channels/ports.ts'
import type { ChannelState } from '../../src/channels/state.ts'
import { bytesToHex } from '../../src/primitives/bytes.ts'
import { type Txid, toDisplay } from '../../src/primitives/hashes.ts'
import { outpointKey, type Transaction } from '../../src/primitives/transaction.ts'
import { value } from '../support/wallets.ts'
import type { Confirmed } from './shared-chain.ts'
import { hashName, MAX_ABSENCE, POLICY, type World } from './world.ts'
import type { WorldNode } from './world-node.ts'

/** Millisatoshis below which an HTLC may have no output. */
const DUST = 1_000_000
/** Weight of a claim: what an HTLC has to bring to be worth it. */
const CLAIM_WEIGHT = 900

/** What ended a channel on the chain. */
interface Ending {
  readonly transaction: Transaction
  /** Undefined of a closing in agreement. */
  readonly commitment?: Commitment
  readonly built?: CommitmentTransaction
  readonly revoked: boolean
}

export function judge(world: World): void {
  const confirmed = world.chain.confirmed()
  const spenders = new Map<string, Transaction>()
  for (const { transaction } of confirmed.values())
    for (const { prevout } of transaction.inputs) spenders.set(outpointKey(prevout), transaction)
  for (const node of world.nodes) if (node.isHonest) judgeBalance(world, node, confirmed, spenders)
  judgeThieves(world, confirmed)
  judgePayments(world)
}

function judgeBalance(
  world: World,
  node: WorldNode,
  confirmed: ReadonlyMap<Txid, Confirmed>,
  spenders: ReadonlyMap<string, Transaction>,
): void {
  const { life } = node
  if (!life) throw new Error(`${node.name} does not run in the end`)
  const { chain } = world
  let [wealth, expected, allowed] = [0, world.start.get(node)! * 1000, 0]
  const lines: string[] = []
  for (const script of [node.wallet.scriptPubKey, node.payout.script])
    for (const { value } of chain.coinsOf(script).values()) wealth += value * 1000
  for (const { paid } of life.invoices.all()) expected += paid?.received ?? 0
  for (const { status, terms, fee } of life.payments.all())
    if (status === 'complete') expected -= terms.amount + (fee ?? 0)
  const endings = new Set<Txid>()
  for (const { node: owner, state } of world.states.values()) {
    if (owner !== node) continue
    const { contract } = state
    if (!confirmed.has(contract.fundingTxid)) continue
    const gift = world.gifts.get(contract.fundingTxid) ?? 0
    expected += contract.holderIsFunder ? -gift : gift
    const transaction = spenders.get(outpointKey(fundingOutpoint(contract)))
    if (!transaction) {
      wealth += state.holderAmount
      lines.push(`${contract.keyId} open ${state.holderAmount}`)
      continue
    }
    endings.add(transaction.txid)
    const ending = endingOf(world, state, transaction)
    const { commitment, built, revoked } = ending
    const isWatched = world.thefts.some(({ txid, watched }) => watched && txid === transaction.txid)
    const isLate =
      revoked && !isWatched && (world.overslept.get(node)?.blocks ?? 0) >= POLICY.toSelfDelay - MAX_ABSENCE
    if (isLate) return
    // Its share leaves out HTLCs, which are the offerer's: those that it offered may have been passed on, and paid.
    if (revoked) {
      expected += state.counterpartyAmount
      for (const { terms } of state.htlcs) if (!terms.offered) expected -= terms.amount
    }
    allowed += allowanceOf(world, state, ending) * 1000
    lines.push(
      `${contract.keyId} ${contract.holderIsFunder ? 'funder' : 'accepter'} closed by ${commitment ? `${revoked ? 'revoked ' : ''}commitment ${commitment.number} of ${commitment.ofHolder ? 'holder' : 'counterparty'}, ${built!.htlcs.map(({ htlc }) => `${htlc.offered ? '-' : '+'}${htlc.amount}@${htlc.expiry}`).join(' ')}` : 'agreement'} at ${confirmed.get(transaction.txid)!.height}; last ${state.holderAmount} ${state.htlcs.map(({ terms }) => `${terms.offered ? '-' : '+'}${terms.amount}`).join(' ')}`,
    )
  }
  for (const txid of node.published) if (!endings.has(txid)) allowed += (confirmed.get(txid)?.fee ?? 0) * 1000
  for (const txid of node.funded)
    if (!node.published.has(txid)) allowed += (confirmed.get(txid)?.fee ?? 0) * 1000
  const late = world.overslept.get(node)
  if (late && late.blocks > MAX_ABSENCE) allowed += late.atRisk
  if (wealth + allowed >= expected) return
  world.report(
    `balance: ${node.name} has ${wealth} of ${expected} with ${allowed} for fees: ${expected - allowed - wealth} are missing. ${lines.join(' | ')}`,
  )
}

/** Satoshis that a channel's end may cost the holder. */
function allowanceOf(
  world: World,
  { contract }: ChannelState,
  { transaction, commitment, built, revoked }: Ending,
): number {
  const paid = transaction.outputs.reduce((sum, { value }) => sum + value, 0)
  const fee = contract.fundingAmount - paid
  // In agreement, either may have paid; shares below the dust limit are left out.
  if (!commitment || !built) return fee
  const small = (world.chain.greatestFeerate * CLAIM_WEIGHT) / 1000
  const uneconomic = built.htlcs.reduce((sum, { amount }) => sum + (amount <= small ? amount : 1), 0)
  const trimmed = Math.max(0, fee - commitmentFee(commitment.feerate, built.htlcs.length))
  return (contract.holderIsFunder || revoked ? fee + 2 * ANCHOR_AMOUNT : trimmed) + uneconomic + 2
}

function endingOf(
  world: World,
  { contract, channelId, peer }: ChannelState,
  transaction: Transaction,
): Ending {
  const number = commitmentNumber(contract, transaction)
  if (number === undefined) return { transaction, revoked: false }
  // Each side's commitments, as the side itself took them in.
  for (const { node, state } of world.states.values()) {
    if (state.channelId !== channelId) continue
    const held = node.witness.held.get(state.contract.keyId)?.get(number)
    const built = held && value(commitmentTransaction(held.contract, held.commitment))
    if (!held || !built || built.transaction.txid !== transaction.txid) continue
    const ofHolder = state.contract.keyId === contract.keyId
    const commitment = ofHolder ? held.commitment : mirrored(held.commitment)
    return {
      transaction,
      commitment,
      built,
      revoked: world.thefts.some(({ txid }) => txid === transaction.txid) && !ofHolder,
    }
  }
  throw new Error(`Nobody knows the commitment that closed the channel with ${peer}`)
}

function mirrored(commitment: Commitment): Commitment {
  const { holderAmount, counterpartyAmount, htlcs, ofHolder } = commitment
  return {
    ...commitment,
    ofHolder: !ofHolder,
    holderAmount: counterpartyAmount,
    counterpartyAmount: holderAmount,
    htlcs: htlcs.map((htlc) => ({ ...htlc, offered: !htlc.offered })),
  }
}

function judgeThieves(world: World, confirmed: ReadonlyMap<Txid, Confirmed>): void {
  for (const thief of new Set(world.thefts.map((theft) => theft.thief))) {
    const thefts = world.thefts.filter((theft) => theft.thief === thief && confirmed.has(theft.txid))
    const isLate = ({ victim, watched }: (typeof thefts)[0]) =>
      !victim.isHonest ||
      (!watched && (world.overslept.get(victim)?.blocks ?? 0) >= POLICY.toSelfDelay - MAX_ABSENCE)
    if (thefts.length === 0 || thefts.some(isLate)) continue
    world.tally.punished += thefts.length
    const own = [thief.wallet.scriptPubKey, thief.payout.script].map(bytesToHex)
    let gained = 0
    const stolen = new Set(thefts.map(({ txid }) => txid))
    const below = new Set(stolen)
    for (const txid of thief.published) {
      const found = confirmed.get(txid)
      // What it did before is its own.
      if (
        !found ||
        stolen.has(txid) ||
        found.height < Math.min(...thefts.map((theft) => confirmed.get(theft.txid)!.height))
      )
        continue
      // Of a channel that was closed by right it has its share.
      const { inputs } = found.transaction
      if (!inputs.some(({ prevout }) => below.has(toDisplay<Txid>(prevout.txid)))) continue
      below.add(txid)
      for (const { prevout } of inputs) {
        const output = world.chain.outputOf(prevout)
        if (own.includes(bytesToHex(output.scriptPubKey))) gained -= output.value
      }
      for (const { value, scriptPubKey } of found.transaction.outputs)
        if (own.includes(bytesToHex(scriptPubKey))) gained += value
    }
    if (gained > thefts.length * ANCHOR_AMOUNT)
      world.report(`thief: ${thief.name} has gained ${gained} satoshis by ${thefts.length} thefts`)
  }
}

function judgePayments(world: World): void {
  const allHonest = world.nodes.every((node) => node.isHonest) && world.overslept.size === 0
  const made = new Map<string, number>()
  for (const { payer, payee, paymentHash, amount } of world.payments) {
    const name = hashName(paymentHash)
    const known = payer.isHonest ? payer.life?.payments.get(paymentHash) : undefined
    const taken = payee.isHonest ? payee.life?.invoices.get(paymentHash)?.paid : undefined
    if (known?.status === 'pending') world.report(`ends: a payment of ${payer.name} is pending in the end`)
    if (known?.status === 'complete') {
      world.tally.paid++
      made.set(name, (made.get(name) ?? 0) + 1)
      if (payee.isHonest && !taken)
        world.report(`payments: ${payer.name} paid ${payee.name}, which was not paid (${name})`)
    }
    if (taken && taken.received < amount)
      world.report(`payments: ${payee.name} took ${taken.received} for ${amount}`)
  }
  if (!allHonest) return
  for (const { payee, paymentHash, amount } of world.payments) {
    const name = hashName(paymentHash)
    const count = made.get(name) ?? 0
    if (count > 1) world.report(`once: ${count} payers have paid one invoice of ${payee.name} (${name})`)
    // One without an output may go to the miner with a close.
    if (count === 0 && amount >= DUST && payee.life?.invoices.get(paymentHash)?.paid)
      world.report(`payments: ${payee.name} was paid, and no payer has made the payment (${name})`)
  }
}
