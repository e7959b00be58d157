/**
 * The signer of channels: keys, nonces and the rules of `channel-guard.ts`, behind the port that the brain has. Runs in the signer worker,
 * beside the wallet's keys, which it never sees. Invariants: a secret nonce signs once, and is in memory alone, or derived and bound by the
 * record to what it signed; what a rule allows is durable before the signature or the secret leaves; the holder's money goes to the key of the
 * account that the contract names, and to nothing else without an HTLC.
 */
import { secp256k1 } from '@noble/curves/secp256k1.js'
import type { HDKey } from '@scure/bip32'
import type { Msat } from '../channels/amount.ts'
import {
  type CommitmentTransaction,
  commitmentTransaction,
  sidesOf,
} from '../channels/commitment-transaction.ts'
import { closingTransaction, fundingSighash, withFundingSignature } from '../channels/funding-spend.ts'
import { type ChannelAnnouncement, fundingProofHash, gossipHash, nodeId } from '../channels/gossip.ts'
import { htlcSighash, htlcSignatureCheck, htlcTransactions } from '../channels/htlc-transactions.ts'
import { deriveSecretKey, perCommitmentPoint } from '../channels/keys.ts'
import type {
  AttachedState,
  ChannelContract,
  ChannelKeys,
  ChannelSigner,
  ClosingTransaction,
  Commitment,
  CommitmentHtlc,
  CounterpartyCommitmentRequest,
  CounterpartyCommitmentSignatures,
  HolderAnnouncementSignatures,
  HolderCommitmentRequest,
  HolderCommitmentSignatures,
  HolderPoint,
  HtlcOrigin,
  KeptState,
  LostShareRequest,
  Payout,
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
import type { Outpoint, Transaction } from '../primitives/transaction.ts'
import { verifyByCurve } from '../script/curve.ts'
import { type AggregateKey, MusigSession, nonceAgg, nonceGen, type SecretNonce } from '../script/musig2.ts'
import { p2trScript, tweakSecretKey } from '../script/taproot.ts'
import type { Descriptor } from '../wallet/descriptor.ts'
import { keysMissing } from '../wallet/signer.ts'
import { allowedScripts, claimSecret, pointOf, signClaim } from './channel-claims.ts'
import {
  accepted,
  closedBy,
  contractDigest,
  freed,
  type GuardState,
  marksOf,
  newlyOffered,
  newState,
  owing,
  passable,
  publishedBy,
  releasedOf,
  resumed,
  settledOf,
  signedFor,
  voidedBy,
} from './channel-guard.ts'
import {
  type ChannelKeysId,
  type ChannelSecrets,
  createKeysId,
  deriveChannel,
  isKeysId,
  nodeSecret,
  PAYMENT_BASEPOINTS,
  paymentSecret,
  spendingSecret,
  wipeChannel,
} from './channel-keys.ts'
import {
  type ChannelMarks,
  type ChannelRecord,
  type ChannelRecordStore,
  type OfferedMark,
  type OfferedSource,
  openRecord,
  sealRecord,
} from './channel-record.ts'
import { ChannelSpending, type PaymentApproval, SPENDING } from './channel-spending.ts'
import { walletLocked } from './refusals.ts'
import { SchnorrKey } from './schnorr-key.ts'

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
  /** Nobody is there to be asked: whoever calls is the owner, and agrees to each payment by that. For nodes without a page. */
  readonly unattended?: boolean
  /** Whether the network is for tests alone, so that people may cheat on it: see `StateKeeper`. */
  readonly testControls?: boolean
}

/** Points of the holder's commitments that are held of each channel: of those that stand and that the counterparty was told. */
const MAX_HELD_POINTS = 4

/** The keys of a channel. */
interface HeldKeys {
  readonly id: ChannelKeysId
  readonly secrets: ChannelSecrets
  readonly basepoints: ChannelKeys['basepoints']
  /** By number: each is told once, and needed again for the commitment. */
  readonly points: Map<number, HolderPoint>
}

/** A channel that the brain has told. */
interface Attached {
  readonly keys: HeldKeys
  readonly contract: ChannelContract
  readonly digest: string
  readonly fundingKey: AggregateKey
  state: GuardState
  /** By the hex of their public half. */
  readonly closingNonces: Map<string, SecretNonce>
  /** Of the holder's newest commitments, by number, two at most: where void ones are kept. */
  readonly signatures: Map<number, HolderCommitmentSignatures>
}

export class ChannelKeeper implements ChannelSigner, StateKeeper {
  private readonly options: ChannelKeeperOptions
  private root: HDKey | undefined
  /** Of the node's key, derived from `root`: every payment needs it. */
  private node: Uint8Array | undefined
  /** Somebody has asked for the node since the keys were opened. */
  private isAsked = false
  private readonly held = new Map<string, HeldKeys>()
  private readonly channels = new Map<string, Attached>()
  /** The last request of each channel: they run one after another. */
  private readonly last = new Map<string, Promise<unknown>>()
  /** What waits to be written with the next save. */
  private readonly dirty = new Set<Attached>()
  private spending: Promise<ChannelSpending> | undefined
  /** Undefined until it was read, which comes before all that signs. */
  private ledger: ChannelSpending | undefined
  private ledgerChanged = false
  /** Agreed to in this page, and not used. */
  private readonly approvals = new Map<number, PaymentApproval>()
  private saving: Promise<void> = Promise.resolve()
  private closingNonces = 0
  private nextSave: Promise<void> | undefined
  /** By channel, then number; undefined while none are kept. */
  private kept: Map<string, Map<number, KeptState>> | undefined

  constructor(options: ChannelKeeperOptions) {
    this.options = options
  }

  /**
   * Whether it stands for a channel, or for a node that others may know: its keys then outlast the wallet's. A channel is at risk while nobody can sign
   * for it, and a node whose wallet locks by itself would refuse the channel that somebody opens with it, and the penalties that a tower takes.
   */
  get isInUse(): boolean {
    return this.channels.size > 0 || this.isAsked
  }

  /** Takes the key that the channels' come from (`channelRoot`), and wipes it when it closes. */
  open(root: HDKey): void {
    this.wipeRoot()
    this.root = root
  }

  /** Overwrites every key in memory, and throws away the nonces that wait. */
  close(): void {
    this.wipeRoot()
    this.isAsked = false
    for (const { secrets } of this.held.values()) wipeChannel(secrets)
    this.held.clear()
    this.channels.clear()
    this.approvals.clear()
    this.spending = undefined
    this.ledger = undefined
  }

  /** Lets one payment be made. `number`: to `revoke` it by. */
  approve(number: number, approval: PaymentApproval): void {
    this.approvals.set(number, approval)
  }

  /** Takes an approval back that no payment has used. */
  revoke(number: number): void {
    this.approvals.delete(number)
  }

  /** What may be spent without asking, millisatoshis, after it was set to `amount` where that is given: durable when it resolves. Rejects as keys do. */
  async allowance(amount: Msat | undefined): Promise<Result<Msat>> {
    if (!this.root) return this.closed()
    const ledger = await this.readLedger(this.root)
    if (amount !== undefined) {
      ledger.allow(amount)
      this.ledgerChanged = true
      await this.save()
    }
    return ok(ledger.left)
  }

  private readLedger(root: HDKey): Promise<ChannelSpending> {
    this.spending ??= (async () => {
      const key = spendingSecret(root)
      this.ledger = new ChannelSpending(await this.options.records.load(SPENDING), key)
      return this.ledger
    })()
    return this.spending
  }

  private wipeRoot(): void {
    this.root?.wipePrivateData()
    this.root = undefined
    this.node?.fill(0)
    this.node = undefined
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
    return ok(holderPointOf(keys.value, number))
  }

  attach(contract: ChannelContract, told: AttachedState): Promise<Result<void>> {
    return this.exclusively(contract.keyId, async () => {
      const keys = this.keysOf(contract.keyId)
      if (!keys.ok) return keys
      const wrong = this.faultOf(contract, keys.value)
      if (wrong) return mismatch(wrong)
      const key = fundingKey(contract.holder.basepoints.funding, contract.counterparty.basepoints.funding)
      if (!key.ok) return key
      await this.readLedger(this.root!)
      const digest = contractDigest(contract)
      const known = this.channels.get(contract.keyId)
      // Of a channel that is told again the memory is the newest that there is.
      const resume = (digestKnown: string, marks: ChannelMarks) =>
        digestKnown === digest
          ? resumed(contract, told, marks)
          : mismatch('It is not the contract that was signed for.')
      const state = known
        ? resume(known.digest, marksOf(known.state))
        : await this.stateOf(contract, told, keys.value, resume)
      if (!state.ok) return state
      const point = told.revocation && pointOf(told.revocation)
      const channel = known ?? {
        keys: keys.value,
        contract,
        digest,
        fundingKey: key.value,
        state: state.value,
        closingNonces: new Map(),
        signatures: new Map(),
      }
      channel.state = point ? voidedBy(state.value, point) : state.value
      channel.closingNonces.clear()
      this.channels.set(contract.keyId, channel)
      // What was revoked is told now, and what paid for it may be known only now.
      for (const each of this.channels.values())
        if (each.state.offered.length > 0) this.settle(each, each.state)
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
      if (revocation) this.takeRevocation(channel, revocation)
      const offered = this.fundedIn(channel, commitment, origins)
      if (!offered.ok) return offered
      const next = signedFor(channel.state, commitment, preimages, offered.value)
      if (!next.ok) return next
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
      await this.keep(channel, next.value, offered.value)
      const partialSignature = session.value.sign(nonce, secrets.funding, basepoints.funding)
      const htlcSignatures = this.signHtlcs(channel, commitment, built.value)
      return ok({ partialSignature, nonce: nonce.publicNonce, htlcSignatures })
    })
  }

  async counterpartyRevoked(keyId: string, secret: Uint8Array): Promise<Result<void>> {
    const channel = this.channels.get(keyId)
    // Where it is not known yet, it is told with the secret.
    if (!channel || this.takeRevocation(channel, secret)) return OK
    return invalid(
      'revocation-invalid',
      'The secret that was told is not that of the commitment before the last.',
    )
  }

  async beginPayment(paymentHash: Uint8Array, most: Msat): Promise<Result<void>> {
    if (!this.root) return this.closed()
    if (this.options.unattended) return OK
    const ledger = await this.readLedger(this.root)
    const begun = ledger.begin(bytesToHex(paymentHash), most, this.approvals)
    if (!begun.ok) return begun
    // Before its first HTLC is durable: after a start that is signed for, or its channel ends.
    this.ledgerChanged = true
    await this.save()
    return OK
  }

  async endPayment(paymentHash: Uint8Array): Promise<Result<void>> {
    this.ledger?.end(bytesToHex(paymentHash))
    this.ledgerChanged = true
    return OK
  }

  htlcReturned(keyId: string, id: number): Promise<Result<void>> {
    return this.serveById(keyId, async (channel) => {
      const source = channel.state.offered.find((mark) => mark.id === id && !mark.taken)
      if (source?.source.kind !== 'forward') return OK
      const upstream = this.channels.get(source.source.keyId)
      if (!upstream) return OK
      const charged = this.options.unattended ? OK : this.ledger!.charge(source.amount as Msat)
      if (!charged.ok) return charged
      this.ledgerChanged = true
      const offered = channel.state.offered.filter((mark) => mark !== source)
      upstream.state = freed(upstream.state, source.source.htlc)
      this.dirty.add(upstream)
      await this.keep(channel, { ...channel.state, offered })
      return OK
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
      const own = session.value.sign(nonce, secrets.funding, basepoints.funding)
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
      const { secrets, basepoints } = channel.keys
      return ok(session.value.sign(secretNonce, secrets.funding, basepoints.funding))
    })
  }

  async paymentBasepoints(): Promise<Result<readonly Uint8Array[]>> {
    const { root } = this
    if (!root) return this.closed()
    return ok(
      Array.from({ length: PAYMENT_BASEPOINTS }, (_, index) => publicKeyOf(paymentSecret(root, index))),
    )
  }

  async signLostShare(request: LostShareRequest): Promise<Result<Uint8Array>> {
    const { basepoint, payout } = request
    if (!this.root) return this.closed()
    if (!Number.isSafeInteger(basepoint) || basepoint < 0 || basepoint >= PAYMENT_BASEPOINTS)
      return invalid('channel-keys-unknown', 'There is no such payment basepoint.')
    if (!this.isOwn(payout)) return mismatch(NOT_OWN)
    const secret = paymentSecret(this.root, basepoint)
    const signature = signClaim(request, [payout.script], secret, this.options.random)
    secret.fill(0)
    return signature
  }

  async signSpend(request: SpendRequest): Promise<Result<Uint8Array>> {
    const { contract, key, merkleRoot, leafScript } = request
    const keys = this.keysOf(contract.keyId)
    if (!keys.ok) return keys
    const wrong = this.faultOf(contract, keys.value)
    if (wrong) return mismatch(wrong)
    const secret = claimSecret(request, keys.value.secrets)
    if (!secret) return invalid('revocation-invalid', 'The secret that was told is none.')
    const signing = leafScript ? secret : tweakSecretKey(secret, merkleRoot)
    const signature = signClaim(request, allowedScripts(request), signing, this.options.random)
    if (key.kind !== 'payment') secret.fill(0)
    return signature
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
          fundingSignature: new SchnorrKey(keys.secrets.funding).sign(
            fundingProofHash(announcement),
            this.options.random.bytes(32),
          ),
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
    this.isAsked = true
    this.node ??= nodeSecret(this.root)
    return run(this.node)
  }

  /** The keys of an id; of any: those of a channel that was never opened hold nothing. */
  private keysOf(keyId: string): Result<HeldKeys> {
    if (!this.root) return this.closed()
    const known = this.held.get(keyId)
    if (known) return ok(known)
    if (!isKeysId(keyId)) return invalid('channel-keys-unknown', 'No keys of a channel have this name.')
    const secrets = deriveChannel(this.root, keyId)
    const basepoints = {
      funding: publicKeyOf(secrets.funding),
      revocation: publicKeyOf(secrets.revocation),
      payment: publicKeyOf(secrets.payment),
      delayedPayment: publicKeyOf(secrets.delayedPayment),
      htlc: publicKeyOf(secrets.htlc),
    }
    const keys = { id: keyId, secrets, basepoints, points: new Map() }
    putBounded(this.held, keyId, keys, MAX_HELD_KEYS)
    return ok(keys)
  }

  /** What a contract says that is not so. */
  private faultOf({ holder, payout }: ChannelContract, { basepoints }: HeldKeys): string | undefined {
    const points = Object.keys(basepoints) as (keyof typeof basepoints)[]
    if (!points.every((name) => equalBytes(basepoints[name], holder.basepoints[name])))
      return 'It names other keys for this side.'
    return this.isOwn(payout) ? undefined : NOT_OWN
  }

  /** Whether a script is that of a key of the wallet's account. */
  private isOwn({ branch, index, script }: Payout): boolean {
    const account = this.options.account()
    return (
      account !== undefined &&
      branch < account.branches &&
      Number.isSafeInteger(index) &&
      index >= 0 &&
      index < 0x8000_0000 &&
      equalBytes(p2trScript(account.derive(branch, index).outputKey), script)
    )
  }

  private async stateOf(
    contract: ChannelContract,
    told: AttachedState,
    { id, secrets }: HeldKeys,
    resume: (digest: string, marks: ChannelMarks) => Result<GuardState>,
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
    return record
      ? resume(record.contract, record)
      : mismatch('The record of what was signed for it is damaged.')
  }

  /** What pays for the HTLCs that the holder offers in a commitment for the first time. */
  private fundedIn(
    channel: Attached,
    commitment: Commitment,
    origins: ReadonlyMap<number, HtlcOrigin>,
  ): Result<readonly OfferedMark[]> {
    const marks: OfferedMark[] = []
    for (const htlc of newlyOffered(channel.state, commitment)) {
      const source = this.sourceOf(commitment, htlc, origins.get(htlc.id), marks)
      if (!source.ok) return source
      marks.push({ id: htlc.id, amount: htlc.amount, source: source.value, taken: false })
    }
    return ok(marks)
  }

  /** `before`: those of the same commitment. */
  private sourceOf(
    { number }: Commitment,
    { id, amount, expiry, paymentHash }: CommitmentHtlc,
    origin: HtlcOrigin | undefined,
    before: readonly OfferedMark[],
  ): Result<OfferedSource> {
    if (origin?.kind === 'payment') {
      const hash = bytesToHex(paymentHash)
      const others = before.filter(({ source }) => source.kind === 'payment' && source.hash === hash)
      const refusal = this.options.unattended
        ? undefined
        : this.ledger!.refusal(hash, amount, sum(others.map((mark) => mark.amount)))
      return refusal ?? ok({ kind: 'payment', hash })
    }
    const upstream = origin && this.channels.get(origin.keyId)
    // After a start it may be told in a moment.
    if (origin && !upstream) return unattached()
    const paying = upstream && passable(upstream.state, origin.htlc)
    const isPaid =
      paying &&
      equalBytes(paying.paymentHash, paymentHash) &&
      paying.amount >= amount &&
      paying.expiry > expiry &&
      !before.some(
        ({ source }) =>
          source.kind === 'forward' && source.keyId === origin.keyId && source.htlc === origin.htlc,
      )
    return isPaid
      ? ok({ kind: 'forward', keyId: origin.keyId, htlc: origin.htlc })
      : invalid(
          'commitment-unexplained',
          `Commitment ${number} was refused. Nothing pays for HTLC ${id}, which it offers.`,
        )
  }

  /** False where it is not the secret that is waited for. */
  private takeRevocation(channel: Attached, secret: Uint8Array): boolean {
    const point = channel.state.former && pointOf(secret)
    if (!point) return channel.state.former === undefined
    const state = voidedBy(channel.state, point)
    if (state === channel.state) return false
    // It is told again after a start: nothing has to be written for it.
    this.settle(channel, state)
    return true
  }

  /** Takes on a state; what stands nowhere any more is settled with what paid for it. */
  private settle(channel: Attached, next: GuardState): void {
    const { state, gone } = settledOf(next)
    channel.state = state
    this.dirty.add(channel)
    for (const { amount, source, taken, ...mark } of gone) {
      if (source.kind === 'payment') {
        this.ledger?.settle(source.hash, amount as Msat, taken)
        this.ledgerChanged = true
        continue
      }
      if (taken) continue
      const upstream = this.channels.get(source.keyId)
      if (upstream) {
        upstream.state = freed(upstream.state, source.htlc)
        this.dirty.add(upstream)
      } else
        channel.state = {
          ...channel.state,
          offered: [...channel.state.offered, { amount, source, taken, ...mark }],
        }
    }
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
      return channel ? run(channel) : unattached()
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

  /** Takes on a state and resolves when it is durable, with all that changed by it. `offered`: HTLCs that are new in it. */
  private keep(channel: Attached, state: GuardState, offered: readonly OfferedMark[] = []): Promise<void> {
    if (state === channel.state && !this.dirty.has(channel)) return this.saving
    this.settle(channel, state)
    for (const { amount, source } of offered)
      if (source.kind === 'payment') {
        this.ledger?.use(source.hash, amount as Msat)
        this.ledgerChanged = true
      } else {
        const upstream = this.channels.get(source.keyId)!
        upstream.state = owing(upstream.state, source.htlc)
        this.dirty.add(upstream)
      }
    return this.save()
  }

  private save(): Promise<void> {
    // All that comes while a save is under way goes with the next one.
    this.nextSave ??= this.saving.then(() => {
      this.nextSave = undefined
      const records = [...this.dirty].map(recordOf)
      this.dirty.clear()
      const spending = this.ledgerChanged && this.ledger ? [this.ledger.record()] : []
      this.ledgerChanged = false
      this.saving = this.options.records.save([...records, ...spending])
      return this.saving
    })
    return this.nextSave
  }

  /** Under the second-level transactions of a commitment of the counterparty. */
  private signHtlcs(
    { contract, keys: { secrets, basepoints } }: Attached,
    commitment: Commitment,
    built: CommitmentTransaction,
  ): Uint8Array[] {
    if (built.htlcs.length === 0) return []
    const secret = deriveSecretKey(secrets.htlc, commitment.point, basepoints.htlc)
    const key = new SchnorrKey(secret)
    secret.fill(0)
    return htlcTransactions(contract, commitment, built).map((transaction) =>
      key.sign(htlcSighash(transaction), this.options.random.bytes(32)),
    )
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

/** What the counterparty is told of commitment `number` of the holder. */
function holderPointOf({ secrets, basepoints, points }: HeldKeys, number: number): HolderPoint {
  const known = points.get(number)
  if (known) return known
  const made = {
    point: perCommitmentPoint(perCommitmentSecret(secrets.commitmentSeed, secretIndex(number))),
    nonce: verificationNonce(secrets, basepoints.funding, number).publicNonce,
  }
  putBounded(points, number, made, MAX_HELD_POINTS)
  return made
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
  { contract, keys, fundingKey }: Attached,
  commitment: Commitment,
  signatures: HolderCommitmentSignatures,
): Result<CommitmentTransaction> {
  const { number, point } = commitment
  const own = holderPointOf(keys, number)
  if (!equalBytes(own.point, point)) return mismatch('The commitment names another point than its own.')
  const built = commitmentTransaction(contract, commitment)
  if (!built.ok) return built
  const message = fundingSighash(contract, fundingKey, built.value.transaction)
  const session = startSession(fundingKey, [own.nonce, signatures.nonce], message, 'signature-invalid')
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

const NOT_OWN = 'It pays out to a script that is not of this wallet.'

function publicKeyOf(secret: Uint8Array): Uint8Array {
  return secp256k1.getPublicKey(secret, true)
}

function sum(amounts: readonly number[]): number {
  return amounts.reduce((total, amount) => total + amount, 0)
}

function unattached(): Rejection {
  return notNow('channel-keys-unknown', 'This channel has not been told to its signer since the last start.')
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
