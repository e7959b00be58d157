/**
 * Output scripts of channels (extension BOLT "simple taproot channels", Funding Transactions to HTLC Second Level Transactions). Every output is
 * P2TR; conditions are leaves of a tree of one or two scripts. Keys are x-only, 32 bytes; delays are blocks, 1 to 65,535. Pure, any thread.
 */
import { ripemd160 } from '@noble/hashes/legacy.js'
import { concatBytes, hexToBytes } from '../primitives/bytes.ts'
import type { Result } from '../primitives/result.ts'
import { curve } from '../script/curve.ts'
import { AggregateKey, keySort } from '../script/musig2.ts'
import {
  OP_16,
  OP_CHECKLOCKTIMEVERIFY,
  OP_CHECKSEQUENCEVERIFY,
  OP_CHECKSIG,
  OP_CHECKSIGVERIFY,
  OP_DROP,
  OP_EQUALVERIFY,
  OP_HASH160,
  OP_SIZE,
  OP_VERIFY,
  pushData,
  pushNumber,
} from '../script/opcodes.ts'
import {
  p2trScript,
  TAPSCRIPT_LEAF_VERSION,
  tapBranchHash,
  tapLeafHash,
  tapTweak,
} from '../script/taproot.ts'
import type { CommitmentKeys } from './keys.ts'

/** `simple_taproot_nums`, x-only: an internal key that nobody can sign with, made from the words "Lightning Simple Taproot". */
export const NUMS_KEY = hexToBytes('dca094751109d0bd055d03565874e8276dd53e926b44e3bd1bb6bf4bc130a279')

/** Blocks after which anyone may take an anchor. */
export const ANCHOR_DELAY = 16

/** Bytes of a preimage, and of a payment hash. */
export const PREIMAGE_BYTES = 32

/** An output and what its key commits to. */
export interface ScriptOutput<Leaf extends string = string> {
  readonly scriptPubKey: Uint8Array
  /** X-only, 32 bytes. */
  readonly internalKey: Uint8Array
  /** Root of the script tree, 32 bytes. */
  readonly merkleRoot: Uint8Array
  /** Scripts of the leaves, all of the version of tapscript. */
  readonly leaves: Readonly<Record<Leaf, Uint8Array>>
  /** Whether the output key has an odd y. */
  readonly oddY: boolean
}

/** The output of an internal key and one or two scripts. */
function scriptOutput<Leaf extends string>(
  internalKey: Uint8Array,
  leaves: Readonly<Record<Leaf, Uint8Array>>,
): ScriptOutput<Leaf> {
  const merkleRoot = Object.values<Uint8Array>(leaves)
    .map((script) => tapLeafHash(script))
    .reduce(tapBranchHash)
  // As `taprootOutputKey`, by the thread's kernel.
  const point = concatBytes(Uint8Array.of(2), internalKey)
  const output = curve().sum([{ point }], tapTweak(internalKey, merkleRoot))
  // Keys were checked when they were read, and a hash is not below the group order once in 2^128.
  if (!output) throw new Error('The internal key is no point')
  const [prefix] = output
  return { scriptPubKey: p2trScript(output.subarray(1)), internalKey, merkleRoot, leaves, oddY: prefix === 3 }
}

/** The control block that spends `output` by a leaf: 33 bytes, and 32 where there is another leaf (BIP341). */
export function controlBlock<Leaf extends string>(output: ScriptOutput<Leaf>, leaf: Leaf): Uint8Array {
  const siblings = Object.entries<Uint8Array>(output.leaves)
    .filter(([name]) => name !== leaf)
    .map(([, script]) => tapLeafHash(script))
  return concatBytes(
    Uint8Array.of(TAPSCRIPT_LEAF_VERSION | (output.oddY ? 1 : 0)),
    output.internalKey,
    ...siblings,
  )
}

/** `<key> OP_CHECKSIGVERIFY` */
function verified(key: Uint8Array): Uint8Array {
  return concatBytes(pushData(key), Uint8Array.of(OP_CHECKSIGVERIFY))
}

/** `<blocks> OP_CHECKSEQUENCEVERIFY`: leaves `blocks` on the stack, which is true. */
function delayed(blocks: number): Uint8Array {
  return concatBytes(pushNumber(blocks), Uint8Array.of(OP_CHECKSEQUENCEVERIFY))
}

/**
 * The key of the funding output: both keys (compressed, 33 bytes), sorted and aggregated (BIP327), with no script (BIP86). Rejects with
 * `musig2-public-key` where one is no point.
 */
export function fundingKey(funding: Uint8Array, otherFunding: Uint8Array): Result<AggregateKey> {
  const aggregate = AggregateKey.of(keySort([funding, otherFunding]))
  return aggregate.ok ? aggregate.value.taproot() : aggregate
}

/** The output that holds a channel's money. */
export function fundingScript(key: AggregateKey): Uint8Array {
  return p2trScript(key.xOnly)
}

/** The broadcaster's own money, `delay` blocks late, or at once the countersignatory's where the commitment was revoked. */
export function toLocalOutput(
  { broadcasterDelayed, revocation }: CommitmentKeys,
  delay: number,
): ScriptOutput<'settle' | 'revocation'> {
  return scriptOutput(NUMS_KEY, {
    settle: settleScript(broadcasterDelayed, delay),
    // The first key is shown for those who take the broadcaster's anchor: it is that one's internal key.
    revocation: concatBytes(
      pushData(broadcasterDelayed),
      Uint8Array.of(OP_DROP),
      pushData(revocation),
      Uint8Array.of(OP_CHECKSIG),
    ),
  })
}

function settleScript(delayedKey: Uint8Array, delay: number): Uint8Array {
  return concatBytes(verified(delayedKey), delayed(delay))
}

/** The countersignatory's money, one block late, as is every output but anchors: so that no other child holds the commitment back. */
export function toRemoteOutput({
  countersignatoryPayment,
}: Pick<CommitmentKeys, 'countersignatoryPayment'>): ScriptOutput<'settle'> {
  return scriptOutput(NUMS_KEY, { settle: concatBytes(verified(countersignatoryPayment), delayed(1)) })
}

const ANCHOR_SCRIPT = Uint8Array.of(OP_16, OP_CHECKSEQUENCEVERIFY)

/** An anchor: its owner's at once by the key path, anyone's after 16 blocks. */
export function anchorOutput(ownerKey: Uint8Array): ScriptOutput<'sweep'> {
  return scriptOutput(ownerKey, { sweep: ANCHOR_SCRIPT })
}

/** `OP_SIZE 32 OP_EQUALVERIFY OP_HASH160 <RIPEMD160(payment_hash)> OP_EQUALVERIFY` */
function preimageOf(paymentHash: Uint8Array): Uint8Array {
  return concatBytes(
    Uint8Array.of(OP_SIZE),
    pushNumber(PREIMAGE_BYTES),
    Uint8Array.of(OP_EQUALVERIFY, OP_HASH160),
    pushData(ripemd160(paymentHash)),
    Uint8Array.of(OP_EQUALVERIFY),
  )
}

/** What an HTLC's script says: the payment hash, 32 bytes, and the height at which the offer ends. */
export interface HtlcTerms {
  readonly paymentHash: Uint8Array
  readonly expiry: number
}

/** Leaves of HTLC outputs; by the key path goes the revocation. */
export type HtlcLeaf = 'success' | 'timeout'

/**
 * An HTLC that the broadcaster offered: back to it by the HTLC-timeout transaction, which both signed and which names the expiry; the
 * countersignatory's with the preimage.
 */
export function offeredHtlcOutput(keys: CommitmentKeys, { paymentHash }: HtlcTerms): ScriptOutput<HtlcLeaf> {
  return scriptOutput(keys.revocation, {
    success: concatBytes(preimageOf(paymentHash), verified(keys.countersignatoryHtlc), delayed(1)),
    timeout: concatBytes(
      verified(keys.broadcasterHtlc),
      pushData(keys.countersignatoryHtlc),
      Uint8Array.of(OP_CHECKSIG),
    ),
  })
}

/**
 * An HTLC that the broadcaster was offered: the broadcaster's with the preimage by the HTLC-success transaction, which both signed; back to the
 * countersignatory from the expiry on.
 */
export function acceptedHtlcOutput(
  keys: CommitmentKeys,
  { paymentHash, expiry }: HtlcTerms,
): ScriptOutput<HtlcLeaf> {
  return scriptOutput(keys.revocation, {
    success: concatBytes(
      preimageOf(paymentHash),
      verified(keys.broadcasterHtlc),
      pushData(keys.countersignatoryHtlc),
      Uint8Array.of(OP_CHECKSIG),
    ),
    timeout: concatBytes(
      verified(keys.countersignatoryHtlc),
      delayed(1),
      Uint8Array.of(OP_VERIFY),
      pushNumber(expiry),
      Uint8Array.of(OP_CHECKLOCKTIMEVERIFY),
    ),
  })
}

/** The output of HTLC-timeout and HTLC-success transactions: the broadcaster's after `delay` blocks; by the key path goes the revocation. */
export function secondLevelOutput(
  { broadcasterDelayed, revocation }: CommitmentKeys,
  delay: number,
): ScriptOutput<'settle'> {
  return scriptOutput(revocation, { settle: settleScript(broadcasterDelayed, delay) })
}
