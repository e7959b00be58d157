/**
 * The signer of channels: keys, nonces and the rules of `channel-guard.ts`, behind the port that the brain has. Runs in the signer worker,
 * beside the wallet's keys, which it never sees. Invariants: a secret nonce signs once, and is in memory alone, or derived and bound by the
 * record to what it signed; what a rule allows is durable before the signature or the secret leaves; the holder's money goes to the key of the
 * account that the contract names, and to nothing else without an HTLC.
 */
import { schnorr, secp256k1 } from '@noble/curves/secp256k1.js'
import type { HDKey } from '@scure/bip32'
import {
  type CommitmentTransaction,
  commitmentTransaction,
  keysOf,
  sidesOf,
} from '../channels/commitment-transaction.ts'
import { closingTransaction, fundingSighash, withFundingSignature } from '../channels/funding-spend.ts'
import { type ChannelAnnouncement, fundingProofHash, gossipHash, nodeId } from '../channels/gossip.ts'
import { htlcSighash, htlcSignatureCheck, htlcTransactions } from '../channels/htlc-transactions.ts'
import { deriveRevocationSecretKey, deriveSecretKey, perCommitmentPoint } from '../channels/keys.ts'
import type {
  AttachedState,
  ChannelContract,
  ChannelKeys,
  ChannelSigner,
  ClosingTransaction,
  Commitment,
  CounterpartyCommitmentRequest,
  CounterpartyCommitmentSignatures,
  HolderAnnouncementSignatures,
  HolderCommitmentRequest,
  HolderCommitmentSignatures,
  HolderPoint,
  HtlcOrigin,
  KeptState,
  SpendRequest,
  StateKeeper,
} from '../channels/ports.ts'
import { fundingKey, fundingScript, secondLevelOutput } from '../channels/scripts.ts'
import { MAX_COMMITMENT_NUMBER, perCommitmentSecret, secretIndex } from '../channels/secrets.ts'
import { isPoint } from '../channels/wire.ts'
import type { Sats } from '../primitives/amount.ts'
import { putBounded } from '../primitives/bounded.ts'
import { bytesToHex, concatBytes, equalBytes } from '../primitives/bytes.ts'
import { Writer } from '../primitives/codec.ts'
import { fromDisplay, sha256 } from '../primitives/hashes.ts'
import type { Random } from '../primitives/ports.ts'
import { invalid, notNow, OK, ok, type Rejection, type Result } from '../primitives/result.ts'
import { decodeTransaction, type Outpoint, type Transaction } from '../primitives/transaction.ts'
import { verifyByCurve } from '../script/curve.ts'
import { packOutputs } from '../script/input-check.ts'
import { type AggregateKey, MusigSession, nonceAgg, nonceGen, type SecretNonce } from '../script/musig2.ts'
import { SIGHASH_DEFAULT, SighashCache } from '../script/sighash.ts'
import { p2trScript, tapLeafHash, tweakSecretKey } from '../script/taproot.ts'
import type { Descriptor } from '../wallet/descriptor.ts'
import { keysMissing } from '../wallet/signer.ts'
import {
  accepted,
  closedBy,
  contractDigest,
  type GuardState,
  isPreimage,
  marksOf,
  newState,
  owing,
  publishedBy,
  releasedOf,
  resumed,
  signedFor,
  standing,
} from './channel-guard.ts'
import {
  type ChannelKeysId,
  type ChannelSecrets,
  createKeysId,
  deriveChannel,
  isKeysId,
  nodeSecret,
  wipeChannel,
} from './channel-keys.ts'
import { type ChannelRecord, type ChannelRecordStore, openRecord, sealRecord } from './channel-record.ts'
import { greatestFee } from './greatest-fee.ts'
import { walletLocked } from './refusals.ts'

/** Closing nonces that wait for their signature, of one channel. */
const MAX_CLOSING_NONCES = 16
/** Channels whose keys are held derived. */
const MAX_HELD_KEYS = 1_000
/** Void commitments that are kept of one channel, see `StateKeeper`: of more, the oldest go. */
const MAX_KEPT_STATES = 10_000

export interface ChannelKeeperOptions {
  readonly records: ChannelRecordStore
  readonly random: Random
  /** The wallet's account, whose keys contracts name; undefined where there is none. */
  readonly account: () => Descriptor | undefined
  /** Whether the network is for tests alone, so that people may cheat on it: see `StateKeeper`. */
  readonly testControls?: boolean
}

/** The keys of a channel. */
interface HeldKeys {
  readonly id: ChannelKeysId
  readonly secrets: ChannelSecrets
  readonly basepoints: ChannelKeys['basepoints']
}

/** A channel that the brain has told. */
interface Attached {
  readonly keys: HeldKeys
  readonly contract: ChannelContract
  readonly digest: string
  readonly fundingKey: AggregateKey
  state: GuardState
  /** Of the HTLCs that the holder offers, by id. */
  origins: ReadonlyMap<number, HtlcOrigin>
  /** By the hex of their public half. */
  readonly closingNonces: Map<string, SecretNonce>
  /** Of the holder's newest commitments, by number, two at most: where void ones are kept. */
  readonly signatures: Map<number, HolderCommitmentSignatures>
}

export class ChannelKeeper implements ChannelSigner, StateKeeper {
  private readonly options: ChannelKeeperOptions
  private root: HDKey | undefined
  private readonly held = new Map<string, HeldKeys>()
  private readonly channels = new Map<string, Attached>()
  /** The last request of each channel: they run one after another. */
  private readonly last = new Map<string, Promise<unknown>>()
  /** What waits to be written with the next save. */
  private readonly dirty = new Set<Attached>()
  private saving: Promise<void> = Promise.resolve()
  private closingNonces = 0
  private nextSave: Promise<void> | undefined
  /** By channel, then number; undefined while none are kept. */
  private kept: Map<string, Map<number, KeptState>> | undefined

  constructor(options: ChannelKeeperOptions) {
    this.options = options
  }

  /** Whether it stands for a channel: its keys then outlast the wallet's, since a channel is at risk while nobody can sign for it. */
  get isInUse(): boolean {
    return this.channels.size > 0
  }

  /** Takes the key that the channels' come from (`channelRoot`), and wipes it when it closes. */
  open(root: HDKey): void {
    this.root?.wipePrivateData()
    this.root = root
  }

  /** Overwrites every key in memory, and throws away the nonces that wait. */
  close(): void {
    this.root?.wipePrivateData()
    this.root = undefined
    for (const { secrets } of this.held.values()) wipeChannel(secrets)
    this.held.clear()
    this.channels.clear()
  }

  async createKeys(): Promise<Result<ChannelKeys>> {
    const keys = this.keysOf(createKeysId(this.options.random))
    return keys.ok ? ok({ keyId: keys.value.id, basepoints: keys.value.basepoints }) : keys
  }

  async holderPoint(keyId: string, number: number): Promise<Result<HolderPoint>> {
    const keys = this.keysOf(keyId)
    if (!keys.ok) return keys
    if (!Number.isSafeInteger(number) || number < 0 || number > MAX_COMMITMENT_NUMBER)
      return invalid('commitment-number', `${number} is no number of a commitment.`)
    const { secrets, basepoints } = keys.value
    const point = perCommitmentPoint(perCommitmentSecret(secrets.commitmentSeed, secretIndex(number)))
    return ok({ point, nonce: verificationNonce(secrets, basepoints.funding, number).publicNonce })
  }

  attach(contract: ChannelContract, told: AttachedState): Promise<Result<void>> {
    return this.exclusively(contract.keyId, async () => {
      const keys = this.keysOf(contract.keyId)
      if (!keys.ok) return keys
      const wrong = this.faultOf(contract, keys.value)
      if (wrong) return mismatch(wrong)
      const key = fundingKey(contract.holder.basepoints.funding, contract.counterparty.basepoints.funding)
      if (!key.ok) return key
      const digest = contractDigest(contract)
      const state = await this.stateOf(contract, digest, told, keys.value)
      if (!state.ok) return state
      this.channels.set(contract.keyId, {
        keys: keys.value,
        contract,
        digest,
        fundingKey: key.value,
        state: state.value,
        origins: new Map(),
        closingNonces: new Map(),
        signatures: new Map(),
      })
      return OK
    })
  }

  acceptHolderCommitment({
    contract,
    commitment,
    signatures,
    preimages,
  }: HolderCommitmentRequest): Promise<Result<void>> {
    return this.serve(contract, async (channel) => {
      const next = accepted(channel.state, commitment, preimages)
      if (!next.ok) return next
      const verified = verifyHolderCommitment(channel, commitment, signatures)
      if (!verified.ok) return verified
      if (this.kept) putBounded(channel.signatures, commitment.number, signatures, 2)
      await this.keep(channel, next.value)
      return OK
    })
  }

  releaseSecret(keyId: string, number: number): Promise<Result<Uint8Array>> {
    return this.serveById(keyId, async (channel) => {
      const next = releasedOf(channel.state, number)
      if (!next.ok) return next
      if (this.kept && number === channel.state.released) this.keepState(this.kept, channel, number)
      await this.keep(channel, next.value)
      return ok(perCommitmentSecret(channel.keys.secrets.commitmentSeed, secretIndex(number)))
    })
  }

  signCounterpartyCommitment(
    request: CounterpartyCommitmentRequest,
  ): Promise<Result<CounterpartyCommitmentSignatures>> {
    const { contract, commitment, counterpartyNonce, origins, preimages, revocation } = request
    return this.serve(contract, async (channel) => {
      const revokedPoint = revocation && pointOf(revocation)
      const next = signedFor(channel.state, commitment, preimages, revokedPoint)
      if (!next.ok) return next
      const unfunded = this.unfundedIn(channel, commitment, origins)
      if (unfunded) return unfunded
      const built = commitmentTransaction(contract, commitment)
      if (!built.ok) return built
      const message = fundingSighash(contract, channel.fundingKey, built.value.transaction)
      const { secrets, basepoints } = channel.keys
      // Made for this message, used in the next lines and never kept: it can't sign twice.
      const nonce = nonceGen({
        random: this.options.random.bytes(32),
        publicKey: basepoints.funding,
        secretKey: secrets.funding,
        aggregateKey: channel.fundingKey.xOnly,
        message,
      })
      const session = startSession(
        channel.fundingKey,
        [nonce.publicNonce, counterpartyNonce],
        message,
        'nonce-invalid',
      )
      if (!session.ok) return session
      const paidFor = this.markOwed(channel, commitment, preimages)
      channel.origins = origins
      await this.keep(channel, next.value, paidFor)
      const partialSignature = session.value.sign(nonce, secrets.funding)
      const key = deriveSecretKey(secrets.htlc, commitment.point)
      const htlcSignatures = htlcTransactions(contract, commitment, built.value).map((transaction) =>
        this.sign(htlcSighash(transaction), key),
      )
      key.fill(0)
      return ok({ partialSignature, nonce: nonce.publicNonce, htlcSignatures })
    })
  }

  signHolderCommitment(
    contract: ChannelContract,
    commitment: Commitment,
    signatures: HolderCommitmentSignatures,
  ): Promise<Result<Uint8Array>> {
    return this.serve(contract, async (channel) => {
      const built = commitmentTransaction(contract, commitment)
      if (!built.ok) return built
      const { secrets, basepoints } = channel.keys
      const message = fundingSighash(contract, channel.fundingKey, built.value.transaction)
      const nonce = verificationNonce(secrets, basepoints.funding, commitment.number)
      const nonces = [nonce.publicNonce, signatures.nonce]
      const session = startSession(channel.fundingKey, nonces, message, 'signature-invalid')
      if (!session.ok) return session
      const { funding } = contract.counterparty.basepoints
      if (!session.value.verify(signatures.partialSignature, signatures.nonce, funding))
        return signatureInvalid()
      // The nonce is the same each time: so is all that it signs together with, or it signs nothing.
      const next = publishedBy(channel.state, commitment, bytesToHex(sha256(message, signatures.nonce)))
      if (!next.ok) return next
      await this.keep(channel, next.value)
      const own = session.value.sign(nonce, secrets.funding)
      return session.value.aggregate([own, signatures.partialSignature])
    })
  }

  async keepStates(on: boolean): Promise<Result<void>> {
    if (!this.options.testControls) return noTestControls()
    this.kept = on ? (this.kept ?? new Map()) : undefined
    return OK
  }

  async keptStates(keyId: string): Promise<Result<readonly KeptState[]>> {
    return this.options.testControls ? ok([...(this.kept?.get(keyId)?.values() ?? [])]) : noTestControls()
  }

  /**
   * Signs a commitment whose secret is about to leave for the first time. Its nonce signs nothing else: the next one was accepted, so that no other
   * signature of the counterparty under this one is ever taken, and none of it is published.
   */
  private keepState(
    kept: NonNullable<typeof this.kept>,
    { contract, keys: { id, secrets, basepoints }, fundingKey, state, signatures }: Attached,
    number: number,
  ): void {
    const commitment = state.holder.find((held) => held.number === number)
    const theirs = signatures.get(number)
    if (!commitment || !theirs) return
    const built = commitmentTransaction(contract, commitment)
    if (!built.ok) return
    const { transaction } = built.value
    const nonce = verificationNonce(secrets, basepoints.funding, number)
    const message = fundingSighash(contract, fundingKey, transaction)
    const session = startSession(fundingKey, [nonce.publicNonce, theirs.nonce], message, 'signature-invalid')
    if (!session.ok) return
    const whole = session.value.aggregate([
      session.value.sign(nonce, secrets.funding),
      theirs.partialSignature,
    ])
    if (!whole.ok) return
    const states = kept.get(id) ?? new Map<number, KeptState>()
    kept.set(id, states)
    const { holderAmount } = commitment
    const { bytes } = withFundingSignature(transaction, whole.value)
    putBounded(states, number, { number, holderAmount, transaction: bytes }, MAX_KEPT_STATES)
  }

  closingNonce(keyId: string): Promise<Result<Uint8Array>> {
    return this.serveById(keyId, async ({ closingNonces, keys: { secrets, basepoints } }) => {
      const nonce = nonceGen({
        random: this.options.random.bytes(32),
        publicKey: basepoints.funding,
        secretKey: secrets.funding,
        // Its message is not known yet: not even a source of randomness that repeats itself gives the same one twice.
        extra: new Writer(8).i64FromNumber(this.closingNonces++).finish(),
      })
      putBounded(closingNonces, bytesToHex(nonce.publicNonce), nonce, MAX_CLOSING_NONCES)
      return ok(nonce.publicNonce)
    })
  }

  signClosing(
    contract: ChannelContract,
    transaction: ClosingTransaction,
    nonce: Uint8Array,
    counterpartyNonce: Uint8Array,
  ): Promise<Result<Uint8Array>> {
    return this.serve(contract, async (channel) => {
      const secretNonce = channel.closingNonces.get(bytesToHex(nonce))
      channel.closingNonces.delete(bytesToHex(nonce))
      if (!secretNonce)
        return notNow('nonce-used', 'This nonce was used, or is from before the last start: ask for another.')
      const next = closedBy(channel.state, transaction)
      if (!next.ok) return next
      const message = fundingSighash(contract, channel.fundingKey, closingTransaction(contract, transaction))
      const nonces = [secretNonce.publicNonce, counterpartyNonce]
      const session = startSession(channel.fundingKey, nonces, message, 'nonce-invalid')
      if (!session.ok) return session
      await this.keep(channel, next.value)
      return ok(session.value.sign(secretNonce, channel.keys.secrets.funding))
    })
  }

  async signSpend(request: SpendRequest): Promise<Result<Uint8Array>> {
    const { contract, input, spent, key, merkleRoot, leafScript, hashType } = request
    const keys = this.keysOf(contract.keyId)
    if (!keys.ok) return keys
    const wrong = this.faultOf(contract, keys.value)
    if (wrong) return mismatch(wrong)
    const decoded = decodeTransaction(request.transaction)
    if (!decoded.ok) return decoded
    const transaction = decoded.value
    const foreign = foreignOutput(request, transaction.outputs)
    if (foreign) return foreign
    if (spent.length !== transaction.inputs.length)
      return invalid('spend-inputs', 'Not every output that is spent was told.')
    const told = spent.map(({ amount, script }) => ({ value: amount, scriptPubKey: script }))
    const fee = sum(told.map(({ value }) => value)) - sum(transaction.outputs.map(({ value }) => value))
    // A witness of a spend here has at most some 250 bytes.
    const vsize = transaction.strippedSize + 65 * spent.length
    if (fee > greatestFee(vsize, undefined))
      return invalid('max-fee-exceeded', `The fee of ${fee} satoshis is beyond reason: it was not signed.`)
    const context = leafScript && {
      leafHash: tapLeafHash(leafScript),
      codeSeparatorPosition: 0xffffffff,
    }
    const message = new SighashCache(transaction, packOutputs(told)).sighash(
      input,
      hashType,
      undefined,
      context,
    )
    if (!message) return invalid('spend-hash-type', 'There is nothing to sign by this hash type.')
    const secret = spendSecret(request, keys.value.secrets)
    if (!secret) return invalid('revocation-invalid', 'The secret that was told is none.')
    const signing = leafScript ? secret : tweakSecretKey(secret, merkleRoot)
    const signature = this.sign(message, signing)
    if (key.kind !== 'payment') secret.fill(0)
    return ok(hashType === SIGHASH_DEFAULT ? signature : concatBytes(signature, Uint8Array.of(hashType)))
  }

  signAnnouncement(
    contract: ChannelContract,
    announcement: ChannelAnnouncement,
  ): Promise<Result<HolderAnnouncementSignatures>> {
    return this.serve(contract, async ({ keys }) =>
      this.withNodeSecret((secret) => {
        const { nodeIds, fundingKeys, capacity } = announcement
        const own = nodeIds.indexOf(nodeId(secp256k1.getPublicKey(secret, true)))
        const { holder, counterparty, fundingAmount } = contract
        const isOfChannel =
          own >= 0 &&
          equalBytes(fundingKeys[own], holder.basepoints.funding) &&
          equalBytes(fundingKeys[1 - own], counterparty.basepoints.funding) &&
          capacity <= fundingAmount
        if (!isOfChannel)
          return invalid('announcement-mismatch', 'The announcement is not that of this channel: not signed.')
        return ok({
          nodeSignature: secp256k1.sign(gossipHash(announcement), secret, { prehash: false }),
          // By a tagged hash of the fields (BIP340): it is a signature under nothing else, no spend of the funding output for one.
          fundingSignature: this.sign(fundingProofHash(announcement), keys.secrets.funding),
        })
      }),
    )
  }

  async nodeKey(): Promise<Result<Uint8Array>> {
    return this.withNodeSecret((secret) => ok(secp256k1.getPublicKey(secret, true)))
  }

  async ecdh(publicKey: Uint8Array): Promise<Result<Uint8Array>> {
    if (!isPoint(publicKey)) return invalid('public-key-invalid', 'The key is no point of the curve.')
    return this.withNodeSecret((secret) => ok(sha256(secp256k1.getSharedSecret(secret, publicKey, true))))
  }

  async signNode(hash: Uint8Array): Promise<Result<Uint8Array>> {
    return this.withNodeSecret((secret) => {
      const signature = secp256k1.sign(hash, secret, { prehash: false, format: 'recovered' })
      // Noble puts the recovery id first, BOLT 11 last.
      return ok(concatBytes(signature.subarray(1), signature.subarray(0, 1)))
    })
  }

  /**
   * Whether an output is the funding output of a channel that can be got back: one whose first commitment the counterparty has signed. Returns
   * what of it the commitment gives to the counterparty, satoshis; undefined where it is none.
   */
  givenAway(outpoint: Outpoint, script: Uint8Array, amount: Sats): number | undefined {
    for (const { contract, state, fundingKey } of this.channels.values()) {
      const [first] = state.holder
      if (first?.number !== 0 || state.published || state.closing) continue
      const isIt =
        equalBytes(fromDisplay(contract.fundingTxid), outpoint.txid) &&
        contract.fundingOutput === outpoint.index &&
        contract.fundingAmount === amount &&
        contract.holderIsFunder &&
        equalBytes(fundingScript(fundingKey), script)
      if (isIt) return amount - Math.floor(first.holderAmount / 1000)
    }
    return undefined
  }

  /**
   * The channel whose commitment a transaction takes an output of: one that was signed to be published, or that the counterparty can publish.
   * `scripts`: where money may go, `stake`: what the holder has in it at most, satoshis. Undefined where there is none.
   */
  claimOf(
    transaction: Transaction,
  ): { readonly scripts: readonly Uint8Array[]; readonly stake: number } | undefined {
    const spent = new Set(transaction.inputs.map(({ prevout }) => bytesToHex(prevout.txid)))
    for (const { contract, state } of this.channels.values()) {
      const published = state.holder.filter(({ number }) => number === state.published?.number)
      for (const commitment of [...published, ...state.counterparty]) {
        const built = commitmentTransaction(contract, commitment)
        if (!built.ok || !spent.has(bytesToHex(built.value.transaction.txidBytes))) continue
        const { delay } = sidesOf(contract, commitment).broadcaster
        const second = commitment.ofHolder ? [secondLevelOutput(built.value.keys, delay).scriptPubKey] : []
        const stake = sum([commitment.holderAmount, ...commitment.htlcs.map(({ amount }) => amount)])
        return { scripts: [contract.payout.script, ...second], stake: Math.floor(stake / 1000) }
      }
    }
    return undefined
  }

  private withNodeSecret<T>(run: (secret: Uint8Array) => Result<T>): Result<T> {
    if (!this.root) return this.closed()
    const secret = nodeSecret(this.root)
    const result = run(secret)
    secret.fill(0)
    return result
  }

  /** The keys of an id; of any: those of a channel that was never opened hold nothing. */
  private keysOf(keyId: string): Result<HeldKeys> {
    if (!this.root) return this.closed()
    const known = this.held.get(keyId)
    if (known) return ok(known)
    if (!isKeysId(keyId)) return invalid('channel-keys-unknown', 'No keys of a channel have this name.')
    const secrets = deriveChannel(this.root, keyId)
    const publicKey = (secret: Uint8Array) => secp256k1.getPublicKey(secret, true)
    const basepoints = {
      funding: publicKey(secrets.funding),
      revocation: publicKey(secrets.revocation),
      payment: publicKey(secrets.payment),
      delayedPayment: publicKey(secrets.delayedPayment),
      htlc: publicKey(secrets.htlc),
    }
    const keys = { id: keyId, secrets, basepoints }
    putBounded(this.held, keyId, keys, MAX_HELD_KEYS)
    return ok(keys)
  }

  /** What a contract says that is not so. */
  private faultOf({ holder, payout }: ChannelContract, { basepoints }: HeldKeys): string | undefined {
    const points = Object.keys(basepoints) as (keyof typeof basepoints)[]
    if (!points.every((name) => equalBytes(basepoints[name], holder.basepoints[name])))
      return 'It names other keys for this side.'
    const account = this.options.account()
    const { branch, index, script } = payout
    const isOurs =
      account &&
      branch < account.branches &&
      Number.isSafeInteger(index) &&
      index >= 0 &&
      index < 0x8000_0000 &&
      equalBytes(p2trScript(account.derive(branch, index).outputKey), script)
    return isOurs ? undefined : 'It pays out to a script that is not of this wallet.'
  }

  private async stateOf(
    contract: ChannelContract,
    digest: string,
    told: AttachedState,
    { id, secrets }: HeldKeys,
  ): Promise<Result<GuardState>> {
    const stored = await this.options.records.load(id)
    if (stored === undefined)
      return told.holder || told.counterparty.length > 0
        ? notNow(
            'channel-outdated',
            'The record of what was signed for this channel is gone: the wallet was restored. Nothing is signed for it; ask the other side to close it.',
          )
        : ok(newState(contract))
    const record = openRecord(stored, id, secrets.commitmentSeed)
    if (!record) return mismatch('The record of what was signed for it is damaged.')
    if (record.contract !== digest) return mismatch('It is not the contract that was signed for.')
    return resumed(contract, told, record)
  }

  /** Why an HTLC that the holder is to offer is not paid for; undefined where all are. */
  private unfundedIn(
    channel: Attached,
    commitment: Commitment,
    origins: ReadonlyMap<number, HtlcOrigin>,
  ): Rejection | undefined {
    const before = channel.state.counterparty.at(-1)?.htlcs ?? []
    for (const { offered, id, amount, expiry, paymentHash } of commitment.htlcs) {
      if (!offered || before.some((htlc) => htlc.offered && htlc.id === id)) continue
      const origin = origins.get(id)
      if (origin?.kind === 'payment') continue
      const source = origin && this.channels.get(origin.keyId)
      const paying = source && standing(source.state, origin.htlc)
      const isPaid =
        paying &&
        equalBytes(paying.paymentHash, paymentHash) &&
        paying.amount >= amount &&
        paying.expiry > expiry &&
        !this.isForwarded(origin, channel, id)
      if (!isPaid)
        return invalid(
          'commitment-unexplained',
          `Commitment ${commitment.number} was refused. Nothing pays for HTLC ${id}, which it offers.`,
        )
    }
    return undefined
  }

  /** Whether another HTLC than this one takes what an HTLC brought. */
  private isForwarded(
    { keyId, htlc }: HtlcOrigin & { kind: 'forward' },
    channel: Attached,
    id: number,
  ): boolean {
    for (const other of this.channels.values())
      for (const [outgoing, origin] of other.origins) {
        if (origin.kind !== 'forward' || origin.keyId !== keyId || origin.htlc !== htlc) continue
        const stands = other.state.counterparty.some(({ htlcs }) =>
          htlcs.some(({ offered, id }) => offered && id === outgoing),
        )
        if (stands && (other !== channel || outgoing !== id)) return true
      }
    return false
  }

  /** Marks what the holder is owed elsewhere for HTLCs that are taken by this commitment. Returns the channels that owe it. */
  private markOwed(
    channel: Attached,
    commitment: Commitment,
    preimages: ReadonlyMap<number, Uint8Array>,
  ): Attached[] {
    const owers: Attached[] = []
    for (const { offered, id, paymentHash } of channel.state.counterparty.at(-1)?.htlcs ?? []) {
      const origin = offered ? channel.origins.get(id) : undefined
      const source = origin?.kind === 'forward' ? this.channels.get(origin.keyId) : undefined
      if (!source || origin?.kind !== 'forward') continue
      const stands = commitment.htlcs.some((htlc) => htlc.offered && htlc.id === id)
      if (stands || !isPreimage(preimages.get(id), paymentHash)) continue
      source.state = owing(source.state, origin.htlc)
      owers.push(source)
    }
    return owers
  }

  /** Runs for an attached channel, whose contract is the one told. */
  private serve<T>(
    contract: ChannelContract,
    run: (channel: Attached) => Promise<Result<T>>,
  ): Promise<Result<T>> {
    return this.serveById(contract.keyId, async (channel) =>
      contract === channel.contract || contractDigest(contract) === channel.digest
        ? run(channel)
        : mismatch('It is not the contract that was signed for.'),
    )
  }

  private serveById<T>(keyId: string, run: (channel: Attached) => Promise<Result<T>>): Promise<Result<T>> {
    return this.exclusively(keyId, async () => {
      if (!this.root) return this.closed()
      const channel = this.channels.get(keyId)
      return channel
        ? run(channel)
        : notNow('channel-keys-unknown', 'This channel has not been told to its signer since the last start.')
    })
  }

  private exclusively<T>(keyId: string, run: () => Promise<T>): Promise<T> {
    const result = (this.last.get(keyId) ?? Promise.resolve()).then(run)
    const settled = result.then(
      () => undefined,
      () => undefined,
    )
    this.last.set(keyId, settled)
    void settled.then(() => {
      if (this.last.get(keyId) === settled) this.last.delete(keyId)
    })
    return result
  }

  /** Takes on a state and resolves when it is durable, with that of other channels that changed by it. */
  private keep(channel: Attached, state: GuardState, others: readonly Attached[] = []): Promise<void> {
    if (state === channel.state && others.length === 0) return this.saving
    channel.state = state
    for (const changed of [channel, ...others]) this.dirty.add(changed)
    // All that comes while a save is under way goes with the next one.
    this.nextSave ??= this.saving.then(() => {
      this.nextSave = undefined
      const records = [...this.dirty].map(recordOf)
      this.dirty.clear()
      this.saving = this.options.records.save(records)
      return this.saving
    })
    return this.nextSave
  }

  private sign(message: Uint8Array, secretKey: Uint8Array): Uint8Array {
    return schnorr.sign(message, secretKey, this.options.random.bytes(32))
  }

  private closed(): Rejection {
    return this.options.account() ? walletLocked() : keysMissing()
  }
}

function recordOf({ keys: { id, secrets }, digest, state }: Attached): ChannelRecord {
  return sealRecord(id, digest, marksOf(state), secrets.commitmentSeed)
}

/**
 * The nonce that the counterparty signs commitment `number` of the holder with: derived, so that it can be published after a restart, and
 * bound by the record to one message. Never both kept and used.
 */
function verificationNonce(secrets: ChannelSecrets, publicKey: Uint8Array, number: number): SecretNonce {
  const random = perCommitmentSecret(secrets.nonceRoot, secretIndex(number))
  return nonceGen({ random, publicKey, secretKey: secrets.funding })
}

function startSession(
  key: AggregateKey,
  publicNonces: readonly Uint8Array[],
  message: Uint8Array,
  code: string,
): Result<MusigSession> {
  const aggregate = nonceAgg(publicNonces)
  const session = aggregate.ok ? MusigSession.start(key, aggregate.value, message) : aggregate
  return session.ok ? session : invalid(code, `The other side’s nonce is none. ${session.detail}`)
}

function verifyHolderCommitment(
  { contract, keys: { secrets, basepoints }, fundingKey }: Attached,
  commitment: Commitment,
  signatures: HolderCommitmentSignatures,
): Result<CommitmentTransaction> {
  const { number, point } = commitment
  const own = perCommitmentPoint(perCommitmentSecret(secrets.commitmentSeed, secretIndex(number)))
  if (!equalBytes(own, point)) return mismatch('The commitment names another point than its own.')
  const built = commitmentTransaction(contract, commitment)
  if (!built.ok) return built
  const message = fundingSighash(contract, fundingKey, built.value.transaction)
  const nonce = verificationNonce(secrets, basepoints.funding, number).publicNonce
  const session = startSession(fundingKey, [nonce, signatures.nonce], message, 'signature-invalid')
  if (!session.ok) return session
  const { funding } = contract.counterparty.basepoints
  if (!session.value.verify(signatures.partialSignature, signatures.nonce, funding)) return signatureInvalid()
  const transactions = htlcTransactions(contract, commitment, built.value)
  const all =
    transactions.length === signatures.htlcSignatures.length &&
    transactions.every((transaction, index) => {
      const signature = signatures.htlcSignatures[index]
      return verifyByCurve(htlcSignatureCheck(transaction, signature, built.value))
    })
  return all
    ? built
    : invalid('htlc-signature-invalid', 'A signature of the other side under an HTLC is not valid.')
}

/** An output that pays neither the account nor the holder's second level. */
function foreignOutput(
  { contract, key }: SpendRequest,
  outputs: readonly { readonly scriptPubKey: Uint8Array }[],
): Rejection | undefined {
  const allowed = [contract.payout.script]
  if (key.kind === 'htlc' && isPoint(key.point)) {
    const commitment = { ofHolder: true, point: key.point }
    const keys = keysOf(contract, commitment)
    allowed.push(secondLevelOutput(keys, sidesOf(contract, commitment).broadcaster.delay).scriptPubKey)
  }
  return outputs.every(({ scriptPubKey }) => allowed.some((script) => equalBytes(script, scriptPubKey)))
    ? undefined
    : invalid('payout-foreign', 'An output pays somebody else: it was not signed.')
}

/** The secret key that signs; undefined where a secret that was told is none. */
function spendSecret({ key }: SpendRequest, secrets: ChannelSecrets): Uint8Array | undefined {
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

function pointOf(secret: Uint8Array): Uint8Array | undefined {
  return secp256k1.utils.isValidSecretKey(secret) ? perCommitmentPoint(secret) : undefined
}

function sum(amounts: readonly number[]): number {
  return amounts.reduce((total, amount) => total + amount, 0)
}

function signatureInvalid(): Rejection {
  return invalid('signature-invalid', 'The signature of the other side under this commitment is not valid.')
}

function noTestControls(): Rejection {
  return invalid(
    'test-controls',
    'Void states are kept on networks for tests alone, such as ?network=regtest.',
  )
}

function mismatch(sentence: string): Rejection {
  return invalid('channel-mismatch', `Nothing was signed for this channel. ${sentence}`)
}
