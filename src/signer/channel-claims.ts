/**
 * What the signer signs of money that a channel has on the chain: claims, penalties and sweeps, all of each, to nobody but the holder. Pure but for
 * randomness. Thread: the signer worker only.
 */
import { keysOf, sidesOf } from '../channels/commitment-transaction.ts'
import { deriveRevocationSecretKey, deriveSecretKey } from '../channels/keys.ts'
import type { SpendRequest } from '../channels/ports.ts'
import { secondLevelOutput } from '../channels/scripts.ts'
import { isPoint } from '../channels/wire.ts'
import { equalBytes } from '../primitives/bytes.ts'
import type { Random } from '../primitives/ports.ts'
import { invalid, ok, type Result } from '../primitives/result.ts'
import { decodeTransaction, type TxOutput } from '../primitives/transaction.ts'
import { curve } from '../script/curve.ts'
import { packOutputs } from '../script/input-check.ts'
import { SIGHASH_DEFAULT, SighashCache } from '../script/sighash.ts'
import { tapLeafHash } from '../script/taproot.ts'
import type { ChannelSecrets } from './channel-keys.ts'
import { greatestFee } from './greatest-fee.ts'
import { SchnorrKey } from './schnorr-key.ts'

/**
 * Signs one input, 64 bytes (BIP340), where every output is one of `allowed`. Rejects with `payout-foreign`, with `spend-inputs` where what is spent was
 * not told, and with `max-fee-exceeded` a fee beyond reason.
 */
export function signClaim(
  request: Pick<SpendRequest, 'transaction' | 'input' | 'spent' | 'leafScript'>,
  allowed: readonly Uint8Array[],
  secretKey: Uint8Array,
  random: Random,
): Result<Uint8Array> {
  const { input, spent, leafScript } = request
  const decoded = decodeTransaction(request.transaction)
  if (!decoded.ok) return decoded
  const transaction = decoded.value
  const isForeign = transaction.outputs.some(
    ({ scriptPubKey }) => !allowed.some((script) => equalBytes(script, scriptPubKey)),
  )
  if (isForeign) return invalid('payout-foreign', 'An output pays somebody else: it was not signed.')
  if (spent.length !== transaction.inputs.length)
    return invalid('spend-inputs', 'Not every output that is spent was told.')
  const told = spent.map(({ amount, script }) => ({ value: amount, scriptPubKey: script }))
  const fee = sumOf(told) - sumOf(transaction.outputs)
  // A witness of a spend here has at most some 250 bytes.
  const vsize = transaction.strippedSize + 65 * spent.length
  if (fee > greatestFee(vsize, undefined))
    return invalid('max-fee-exceeded', `The fee of ${fee} satoshis is beyond reason: it was not signed.`)
  const context = leafScript && {
    leafHash: tapLeafHash(leafScript),
    codeSeparatorPosition: 0xffffffff,
  }
  // All of it: what a signature leaves open would be another's to fill in.
  const message = new SighashCache(transaction, packOutputs(told)).sighash(
    input,
    SIGHASH_DEFAULT,
    undefined,
    context,
  )
  if (!message) return invalid('spend-inputs', `There is no input ${input} to sign.`)
  return ok(new SchnorrKey(secretKey).sign(message, random.bytes(32)))
}

/** Where a spend may pay: the account, and the holder's second level. */
export function allowedScripts({ contract, key }: SpendRequest): Uint8Array[] {
  const { script } = contract.payout
  if (key.kind !== 'htlc' || !isPoint(key.point)) return [script]
  const commitment = { ofHolder: true, point: key.point }
  const keys = keysOf(contract, commitment)
  return [script, secondLevelOutput(keys, sidesOf(contract, commitment).broadcaster.delay).scriptPubKey]
}

/** The secret key that signs; undefined where a secret that was told is none. */
export function claimSecret({ key }: SpendRequest, secrets: ChannelSecrets): Uint8Array | undefined {
  switch (key.kind) {
    case 'payment':
      return secrets.payment
    case 'delayed-payment':
      return deriveSecretKey(secrets.delayedPayment, key.point)
    case 'htlc':
      return deriveSecretKey(secrets.htlc, key.point)
    case 'revocation':
      return pointOf(key.secret) && deriveRevocationSecretKey(secrets.revocation, key.secret)
  }
}

/** The point of a secret that the counterparty has told: it is none any more. Undefined where it never was. */
export function pointOf(secret: Uint8Array): Uint8Array | undefined {
  return curve().sum([], secret)
}

function sumOf(outputs: readonly Pick<TxOutput, 'value'>[]): number {
  return outputs.reduce((total, { value }) => total + value, 0)
}
