/**
 * Signers of a world of channels: the program's own, watched by a witness that remembers over restarts and restored copies what was signed with
 * which nonce; and that of a thief, which signs whatever it is asked for.
 */
import { schnorr } from '@noble/curves/secp256k1.js'
import { HDKey } from '@scure/bip32'
import { commitmentTransaction } from '../../src/channels/commitment-transaction.ts'
import { fundingSighash, withFundingSignature } from '../../src/channels/funding-spend.ts'
import { deriveSecretKey } from '../../src/channels/keys.ts'
import type {
  ChannelContract,
  ChannelSigner,
  Commitment,
  HolderCommitmentSignatures,
  HolderPoint,
} from '../../src/channels/ports.ts'
import { fundingKey } from '../../src/channels/scripts.ts'
import { perCommitmentSecret, secretIndex } from '../../src/channels/secrets.ts'
import { bytesToHex, concatBytes } from '../../src/primitives/bytes.ts'
import { notNow, ok } from '../../src/primitives/result.ts'
import { decodeTransaction, type Transaction } from '../../src/primitives/transaction.ts'
import { packOutputs } from '../../src/script/input-check.ts'
import { MusigSession, nonceAgg, nonceGen } from '../../src/script/musig2.ts'
import { SIGHASH_DEFAULT, SighashCache } from '../../src/script/sighash.ts'
import { tapLeafHash, tweakSecretKey } from '../../src/script/taproot.ts'
import { type ChannelKeysId, deriveChannel } from '../../src/signer/channel-keys.ts'
import { value } from '../support/wallets.ts'

/** A commitment of the holder with what the counterparty signed of it: all that it takes to publish it, by right or not. */
export interface HeldCommitment {
  readonly contract: ChannelContract
  readonly commitment: Commitment
  readonly signatures: HolderCommitmentSignatures
}

/** What a node's signer has done in all its lives. */
export class SignerWitness {
  /** By key id: every commitment of the holder that was accepted, by number. */
  readonly held = new Map<string, Map<number, HeldCommitment>>()
  /** By key id: one more than the number of the newest commitment of the holder whose secret left. */
  readonly released = new Map<string, number>()
  /** What each nonce, by its public half, has signed. */
  private readonly signedWith = new Map<string, string>()
  /** What was signed of the counterparty's commitments, by key id and number. */
  private readonly signedFor = new Map<string, string>()
  private readonly points = new Map<string, HolderPoint>()
  private readonly report: (text: string) => void

  /** `report`: told what a signer must never do. */
  constructor(report: (text: string) => void) {
    this.report = report
  }

  private use(nonce: string, message: string): void {
    const before = this.signedWith.get(nonce)
    if (before !== undefined && before !== message) this.report(`nonce: ${nonce.slice(0, 16)} signs twice`)
    this.signedWith.set(nonce, message)
  }

  /** The signer, seen by the witness. */
  watching(signer: ChannelSigner): ChannelSigner {
    const witness = this
    let calls = 0
    return {
      createKeys: () => signer.createKeys(),
      // The same each time, and the dearest of all that is asked for.
      async holderPoint(keyId, number) {
        const name = `${keyId} ${number}`
        const known = witness.points.get(name)
        if (known) return ok(known)
        const point = await signer.holderPoint(keyId, number)
        if (point.ok) witness.points.set(name, point.value)
        return point
      },
      attach: (contract, state) => signer.attach(contract, state),
      async acceptHolderCommitment(request) {
        const accepted = await signer.acceptHolderCommitment(request)
        if (!accepted.ok) return accepted
        const { contract, commitment, signatures } = request
        const held = witness.held.get(contract.keyId) ?? new Map<number, HeldCommitment>()
        witness.held.set(contract.keyId, held.set(commitment.number, { contract, commitment, signatures }))
        return accepted
      },
      async releaseSecret(keyId, number) {
        const secret = await signer.releaseSecret(keyId, number)
        if (secret.ok) witness.released.set(keyId, Math.max(witness.released.get(keyId) ?? 0, number + 1))
        return secret
      },
      async signCounterpartyCommitment(request) {
        const signed = await signer.signCounterpartyCommitment(request)
        if (!signed.ok) return signed
        const { contract, commitment } = request
        const said = JSON.stringify({ ...commitment, point: bytesToHex(commitment.point) })
        const key = `${contract.keyId} ${commitment.number}`
        const before = witness.signedFor.get(key)
        if (before !== undefined && before !== said)
          witness.report(`revoked: two commitments ${commitment.number} of one channel are signed`)
        witness.signedFor.set(key, said)
        // A fresh one for each call, also where the commitment is the same.
        witness.use(bytesToHex(signed.value.nonce), `${key} ${++calls}`)
        return signed
      },
      async signHolderCommitment(contract, commitment, signatures) {
        const signed = await signer.signHolderCommitment(contract, commitment, signatures)
        if (!signed.ok) return signed
        const { keyId } = contract
        if (commitment.number < (witness.released.get(keyId) ?? 0))
          witness.report(`revoked: commitment ${commitment.number} is published after its secret left`)
        // Derived by the number: whatever it signs has to be the same each time.
        witness.use(`${keyId} ${commitment.number}`, bytesToHex(signatures.nonce))
        return signed
      },
      closingNonce: (keyId) => signer.closingNonce(keyId),
      async signClosing(contract, transaction, nonce, counterpartyNonce) {
        const signed = await signer.signClosing(contract, transaction, nonce, counterpartyNonce)
        if (signed.ok) witness.use(bytesToHex(nonce), `closing ${++calls}`)
        return signed
      },
      counterpartyRevoked: (keyId, secret) => signer.counterpartyRevoked(keyId, secret),
      beginPayment: (hash, most) => signer.beginPayment(hash, most),
      endPayment: (hash) => signer.endPayment(hash),
      htlcReturned: (keyId, id) => signer.htlcReturned(keyId, id),
      signSpend: (request) => signer.signSpend(request),
      paymentBasepoints: () => signer.paymentBasepoints(),
      signLostShare: (request) => signer.signLostShare(request),
      signAnnouncement: (contract, announcement) => signer.signAnnouncement(contract, announcement),
      nodeKey: () => signer.nodeKey(),
      ecdh: (publicKey) => signer.ecdh(publicKey),
      signNode: (hash) => signer.signNode(hash),
    }
  }
}

/** A commitment as its owner can publish it once it keeps to no rule. `root`: the key that its channels' keys come from. */
export function stolenCommitment(
  root: HDKey,
  { contract, commitment, signatures }: HeldCommitment,
): Transaction {
  const secrets = deriveChannel(copyOf(root), contract.keyId as ChannelKeysId)
  const { holder, counterparty } = contract
  const key = value(fundingKey(holder.basepoints.funding, counterparty.basepoints.funding))
  const { transaction } = value(commitmentTransaction(contract, commitment))
  const nonce = nonceGen({
    random: perCommitmentSecret(secrets.nonceRoot, secretIndex(commitment.number)),
    publicKey: holder.basepoints.funding,
    secretKey: secrets.funding,
  })
  const message = fundingSighash(contract, key, transaction)
  const session = value(
    MusigSession.start(key, value(nonceAgg([nonce.publicNonce, signatures.nonce])), message),
  )
  const own = session.sign(nonce, secrets.funding)
  return withFundingSignature(transaction, value(session.aggregate([own, signatures.partialSignature])))
}

/** Signs every spend, whatever it is. */
export function thiefSigner(root: HDKey): ChannelSigner {
  const refused = async () => notNow('signer-failed', 'A thief signs spends alone.')
  return {
    ...({} as ChannelSigner),
    createKeys: refused,
    holderPoint: refused,
    async signSpend({ contract, transaction, input, spent, key, merkleRoot, leafScript, hashType }) {
      const secrets = deriveChannel(copyOf(root), contract.keyId as ChannelKeysId)
      if (key.kind === 'revocation') return notNow('signer-failed', 'A thief has no such key.')
      const secret =
        key.kind === 'payment'
          ? secrets.payment
          : deriveSecretKey(key.kind === 'htlc' ? secrets.htlc : secrets.delayedPayment, key.point)
      const told = spent.map(({ amount, script }) => ({ value: amount, scriptPubKey: script }))
      const context = leafScript && { leafHash: tapLeafHash(leafScript), codeSeparatorPosition: 0xffffffff }
      const hash = new SighashCache(value(decodeTransaction(transaction)), packOutputs(told)).sighash(
        input,
        hashType,
        undefined,
        context,
      )
      if (!hash) return notNow('signer-failed', 'There is nothing to sign.')
      const signature = schnorr.sign(hash, leafScript ? secret : tweakSecretKey(secret, merkleRoot))
      return ok(hashType === SIGHASH_DEFAULT ? signature : concatBytes(signature, Uint8Array.of(hashType)))
    },
  }
}

function copyOf(root: HDKey): HDKey {
  return HDKey.fromExtendedKey(root.privateExtendedKey)
}
