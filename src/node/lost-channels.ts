/**
 * Channels whose state is lost: what of them is worth a copy, so that their peers can be asked to close them, and the search for what peers paid to this
 * seed's payment basepoints, which needs the words alone. Thread: the brain.
 */
import { MENTIONS_AT_ONCE, mentionsAt } from '../chain/chain-search.ts'
import { type NodeId, nodeId } from '../channels/gossip.ts'
import type { ChannelId } from '../channels/messages.ts'
import type { ChannelSigner, Payout } from '../channels/ports.ts'
import {
  type ChannelSpend,
  feeFor,
  inputWeight,
  shareOutput,
  sharesOf,
  spendTransaction,
  spendWitness,
  withWitnesses,
} from '../channels/spends.ts'
import { isPoint } from '../channels/wire.ts'
import { bytesToHex, concatBytes, hexToBytes, isHex } from '../primitives/bytes.ts'
import { invalid, ok, type Result } from '../primitives/result.ts'
import { outpointKey, type Transaction } from '../primitives/transaction.ts'
import { SIGHASH_DEFAULT } from '../script/sighash.ts'
import type { NodeCore } from './node-core.ts'

/** Who has the other side of a channel, and which: all that is needed to ask for its close. */
export interface StaticBackup {
  readonly peer: NodeId
  readonly channelId: ChannelId
}

const VERSION = 1

/** A backup as people keep it: hex of a byte with the version, the node (33 bytes) and the channel id (32). */
export function encodeStaticBackup({ peer, channelId }: StaticBackup): string {
  return bytesToHex(concatBytes(Uint8Array.of(VERSION), hexToBytes(peer), hexToBytes(channelId)))
}

/** Rejects with `static-backup`. */
export function decodeStaticBackup(text: string): Result<StaticBackup> {
  const bytes = isHex(text, 66) ? hexToBytes(text) : undefined
  const peer = bytes?.subarray(1, 34)
  if (!bytes || !peer || bytes[0] !== VERSION || !isPoint(peer))
    return invalid(
      'static-backup',
      'This is no backup of a channel. Give the texts that staticbackup answered, whole.',
    )
  return ok({ peer: nodeId(peer), channelId: bytesToHex(bytes.subarray(34)) as ChannelId })
}

/** An unspent output that pays a payment basepoint. */
export interface LostShare {
  readonly spend: ChannelSpend
  /** Place of its basepoint among all. */
  readonly basepoint: number
}

/** What the active chain pays to these payment basepoints and is unspent, found by the filters of its blocks. */
export async function findLostShares(
  { chain }: Pick<NodeCore, 'chain'>,
  basepoints: readonly Uint8Array[],
): Promise<LostShare[]> {
  const scripts = basepoints.map((point) => shareOutput(point).scriptPubKey)
  const places = new Map(scripts.map((script, index) => [bytesToHex(script), index]))
  const shares = new Map<string, LostShare>()
  const tip = chain.headers.height(chain.tip)
  for (let from = 0; from <= tip; from += MENTIONS_AT_ONCE) {
    const count = Math.min(MENTIONS_AT_ONCE, tip - from + 1)
    const indexes = Array.from({ length: count }, (_, at) => chain.activeAt(from + at))
    const found = await mentionsAt(chain, indexes)
    for (const index of indexes) {
      if (!found.get(index)?.filter().matchesAny(scripts)) continue
      const block = await chain.readBlock(index)
      for (const transaction of block?.transactions ?? []) {
        for (const { prevout } of transaction.inputs) shares.delete(outpointKey(prevout))
        const paid = new Set(
          transaction.outputs.map(({ scriptPubKey }) => places.get(bytesToHex(scriptPubKey))),
        )
        for (const basepoint of paid)
          if (basepoint !== undefined)
            for (const spend of sharesOf(basepoints[basepoint], transaction))
              shares.set(outpointKey(spend.outpoint), { spend, basepoint })
      }
    }
  }
  return [...shares.values()]
}

/**
 * A transaction that brings shares home, those that are worth their fee. `feerate`: satoshis for 1,000 weight units. Rejects with `spend-fee` where it would bring
 * nothing, and with the signer's codes.
 */
export async function claimLostShares(
  shares: readonly LostShare[],
  signer: Pick<ChannelSigner, 'signLostShare'>,
  payout: Payout,
  feerate: number,
): Promise<Result<Transaction>> {
  const worth = shares.filter(({ spend }) => spend.output.value > feeFor(feerate, inputWeight(spend)))
  const spends = worth.map(({ spend }) => spend)
  const planned = spendTransaction({ spends, destination: payout.script, feerate })
  if (!planned.ok) return planned
  const { transaction } = planned.value
  const witnesses: Uint8Array[][] = []
  for (const [input, { spend, basepoint }] of worth.entries()) {
    if (!('leafScript' in spend.path)) throw new Error('A share is spent by its leaf')
    const signature = await signer.signLostShare({
      basepoint,
      payout,
      transaction: transaction.bytes,
      input,
      spent: spends.map(({ output }) => ({ script: output.scriptPubKey, amount: output.value })),
      leafScript: spend.path.leafScript,
      hashType: SIGHASH_DEFAULT,
    })
    if (!signature.ok) return signature
    witnesses.push(spendWitness(spend, signature.value))
  }
  return ok(withWitnesses(transaction, witnesses))
}
