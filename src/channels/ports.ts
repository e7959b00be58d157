/**
 * Ports of a channel: who signs for it, and where its state is durable. A channel holds no key: whoever reads its memory or its store can sign
 * nothing. "Holder" is this side of a channel, "counterparty" the other. Thread: the brain; a signer may live in another.
 */
import type { Sats } from '../primitives/amount.ts'
import type { Txid } from '../primitives/hashes.ts'
import type { Result } from '../primitives/result.ts'
import type { Msat } from './amount.ts'
import type { ChannelAnnouncement } from './gossip.ts'

/**
 * Satoshis for 1,000 weight units: a commitment of a greater fee rate is signed by nobody here. An anchor's child pays what the hour asks for;
 * the commitment itself needs no more than to be relayed.
 */
export const GREATEST_FEERATE = 25_000

/** The public points of one side (BOLT 3, Key Derivation), compressed, 33 bytes each. */
export interface ChannelBasepoints {
  readonly funding: Uint8Array
  readonly revocation: Uint8Array
  readonly payment: Uint8Array
  readonly delayedPayment: Uint8Array
  readonly htlc: Uint8Array
}

/** The keys of one channel, as the signer tells them. */
export interface ChannelKeys {
  /** Names the keys to the signer, which drew it at random: no two channels share keys, also after a restore. Printable, at most 64 characters. */
  readonly keyId: string
  readonly basepoints: ChannelBasepoints
}

/** What belongs to one commitment of the holder and is told to the counterparty before. */
export interface HolderPoint {
  /** Per-commitment point, compressed, 33 bytes (BOLT 3). */
  readonly point: Uint8Array
  /**
   * Public verification nonce, 66 bytes (simple taproot channels, Nonce Terminology): the same each time for a number, since the secret half is
   * derived, never stored. The signer uses it for one signature, when the holder publishes that commitment.
   */
  readonly nonce: Uint8Array
}

/** What one side contributes to the rules of a channel. */
export interface ChannelParty {
  readonly basepoints: ChannelBasepoints
  /** Outputs of this side's commitments below it are left out. */
  readonly dustLimit: Sats
  /** Blocks that this side waits for its own money after it published its commitment: the other side's `to_self_delay`. */
  readonly delay: number
}

/** Where the holder's money goes when the channel ends: a key of the account, so that the signer sees that it is the holder's. */
export interface Payout {
  /** Place of the key below the account (BIP86): branch, and index below 2^31. */
  readonly branch: number
  readonly index: number
  /** Pays to that key: P2TR. */
  readonly script: Uint8Array
}

/** What never changes once a channel is funded: with a `Commitment`, it gives every transaction. */
export interface ChannelContract {
  readonly keyId: string
  readonly fundingTxid: Txid
  readonly fundingOutput: number
  readonly fundingAmount: Sats
  /** Whether the holder pays the fees of the commitments. */
  readonly holderIsFunder: boolean
  readonly holder: ChannelParty
  readonly counterparty: ChannelParty
  /** The only script of the holder that closing transactions and claims pay. */
  readonly payout: Payout
}

/** An HTLC as it stands in a commitment. */
export interface CommitmentHtlc {
  /** Whether the holder offered it; else it was offered to the holder. */
  readonly offered: boolean
  /** Unique among those of the same side (`update_add_htlc.id`). */
  readonly id: number
  readonly amount: Msat
  /** 32 bytes. */
  readonly paymentHash: Uint8Array
  /** Height at which the one who offered it can take it back. */
  readonly expiry: number
}

/** What a commitment transaction says, whoever's it is: seen from the holder. */
export interface Commitment {
  /** Whether it is the holder's, who alone can publish it; else the counterparty's. */
  readonly ofHolder: boolean
  /** From 0, at most 2^48 − 1. */
  readonly number: number
  /** The per-commitment point of its owner, 33 bytes. */
  readonly point: Uint8Array
  /** Satoshis for 1,000 weight units. */
  readonly feerate: number
  /** The holder's share before fees and anchors, HTLCs apart. */
  readonly holderAmount: Msat
  readonly counterpartyAmount: Msat
  /** The trimmed ones, too; ordered by `offered`, then `id`. */
  readonly htlcs: readonly CommitmentHtlc[]
}

/** Why the holder offered an HTLC: what the signer holds against the money that it may cost. */
export type HtlcOrigin =
  /** A payment of the person, who agreed to it by its hash (`beginPayment`). `id` is the payer's own. */
  | { readonly kind: 'payment'; readonly id: string }
  /**
   * Passed on: paid for by an HTLC that was offered to the holder in another channel, of the same hash, no less money and a later expiry, and that
   * stands in every commitment there which could be published. That one is bound until this one came back.
   */
  | { readonly kind: 'forward'; readonly keyId: string; readonly htlc: number }

/** A commitment of the counterparty to be signed. */
export interface CounterpartyCommitmentRequest {
  readonly contract: ChannelContract
  readonly commitment: Commitment
  /** The counterparty's verification nonce for it, 66 bytes. */
  readonly counterpartyNonce: Uint8Array
  /** Of every HTLC in it that the holder offered. */
  readonly origins: ReadonlyMap<number, HtlcOrigin>
  /** By id: the preimages (32 bytes) of HTLCs offered by the holder that are gone since the counterparty took their money. */
  readonly preimages: ReadonlyMap<number, Uint8Array>
  /** The secret (32 bytes) by which the counterparty revoked its commitment `number - 2`; undefined where there is none. */
  readonly revocation: Uint8Array | undefined
}

/** A commitment of the holder that the counterparty has signed. */
export interface HolderCommitmentRequest {
  readonly contract: ChannelContract
  readonly commitment: Commitment
  readonly signatures: HolderCommitmentSignatures
  /** As in `CounterpartyCommitmentRequest`. */
  readonly preimages: ReadonlyMap<number, Uint8Array>
}

/** What was last durable of a channel, as its signer needs it to go on. */
export interface AttachedState {
  /** The newest of the holder's that was accepted. */
  readonly holder: Commitment | undefined
  /**
   * Those of the counterparty's that are not revoked, two at most, oldest first. They are durable before their signature is asked for: for the
   * newest that may be still to come.
   */
  readonly counterparty: readonly Commitment[]
  /** The secret (32 bytes) of the counterparty's commitment before those; undefined where there is none. */
  readonly revocation?: Uint8Array
}

/** The holder's half of a commitment of the counterparty. */
export interface CounterpartyCommitmentSignatures {
  /** MuSig2 partial signature, 32 bytes. */
  readonly partialSignature: Uint8Array
  /** The public half of the fresh nonce that it was made with, 66 bytes. */
  readonly nonce: Uint8Array
  /** BIP340, 64 bytes each, for the second-level transactions, in the order of the commitment's outputs. */
  readonly htlcSignatures: readonly Uint8Array[]
}

/** The counterparty's half of a commitment of the holder, kept until the next replaces it. */
export interface HolderCommitmentSignatures {
  readonly partialSignature: Uint8Array
  readonly nonce: Uint8Array
  readonly htlcSignatures: readonly Uint8Array[]
}

/** A closing transaction (BOLT 3, Closing Transaction): `closer` is the one who proposed it and pays its fee. */
export interface ClosingTransaction {
  readonly closerIsHolder: boolean
  /** Undefined where the output is left out. At least one stands. */
  readonly holderOutput?: ClosingOutput
  readonly counterpartyOutput?: ClosingOutput
  readonly lockTime: number
}

export interface ClosingOutput {
  readonly script: Uint8Array
  /** The fee is taken off the closer's. */
  readonly amount: Sats
}

/**
 * Signs for the holder. What comes over this port is checked against what the signer itself remembers of the channel. Every method rejects with
 * `wallet-locked`, `wallet-missing`, `channel-keys-unknown` or `signer-failed`, and with the codes named.
 */
export interface ChannelSigner {
  /** New keys, for one channel. */
  createKeys(): Promise<Result<ChannelKeys>>

  /** Deterministic. */
  holderPoint(keyId: string, number: number): Promise<Result<HolderPoint>>

  /**
   * Tells the signer a channel before anything of it is signed: once its funding outpoint is known, with neither commitment, and again after
   * each start with what was last durable. Rejects with `channel-outdated` where the signer remembers a later state, so that this is an older
   * copy, and `channel-mismatch` where it remembers another one.
   */
  attach(contract: ChannelContract, state: AttachedState): Promise<Result<void>>

  /**
   * Takes in the next commitment of the holder, or the same again: verifies all the signatures of the counterparty, whose codes are
   * `signature-invalid` and `htlc-signature-invalid`, and that the money of the holder is as explained (`commitment-unexplained`). Nobody else
   * needs to verify them. Rejects with `commitment-revoked` a number that was passed.
   */
  acceptHolderCommitment(request: HolderCommitmentRequest): Promise<Result<void>>

  /**
   * The secret of the holder's commitment `number` (BOLT 3, 32 bytes), which makes it void: it is never signed after. Asked for once
   * `number + 1` is durable. Rejects with `commitment-signed` where that commitment was signed to be published, and `commitment-missing` where
   * `number + 1` was not accepted: the holder would have nothing to publish.
   */
  releaseSecret(keyId: string, number: number): Promise<Result<Uint8Array>>

  /**
   * Signs with a fresh nonce each time: the next commitment, or the last one anew. Rejects with `commitment-revoked` (a number that was passed,
   * one whose `revocation` is missing or wrong, or other content under the same number), `commitment-unexplained` (the holder would have less than its
   * origins and preimages explain, or the fee is beyond reason) and `payment-not-approved`.
   */
  signCounterpartyCommitment(
    request: CounterpartyCommitmentRequest,
  ): Promise<Result<CounterpartyCommitmentSignatures>>

  /**
   * The secret (32 bytes) by which the counterparty revoked its last commitment but one: what stood there alone is gone. Takes effect in the order of calls, without
   * waiting for those before. Rejects with `revocation-invalid`.
   */
  counterpartyRevoked(keyId: string, secret: Uint8Array): Promise<Result<void>>

  /**
   * Before the first HTLC of a payment: `most` is what all of them may take, fees included, less what came back. A person has agreed to that, or it falls
   * into what may be spent without asking. Asked again, also after a restart, it costs nothing more. Rejects with `payment-not-approved`.
   */
  beginPayment(paymentHash: Uint8Array, most: Msat): Promise<Result<void>>

  /** Nothing more is offered for a payment: what it has not used may be spent by others. */
  endPayment(paymentHash: Uint8Array): Promise<Result<void>>

  /**
   * The chain gave an HTLC back that was passed on, so that the one which pays for it may be failed. The signer sees no chain: its amount is taken from what
   * may be spent without asking. Rejects with `payment-not-approved`; then the one upstream is left to its expiry.
   */
  htlcReturned(keyId: string, id: number): Promise<Result<void>>

  /**
   * The whole signature (BIP340, 64 bytes) under the holder's commitment, to be published. Rejects with `commitment-revoked`, and with
   * `nonce-used` where the nonce of that number has signed something else.
   */
  signHolderCommitment(
    contract: ChannelContract,
    commitment: Commitment,
    signatures: HolderCommitmentSignatures,
  ): Promise<Result<Uint8Array>>

  /** A fresh nonce for one signature under a closing transaction, its public half, 66 bytes. The secret half lives as long as the signer. */
  closingNonce(keyId: string): Promise<Result<Uint8Array>>

  /**
   * A partial signature (32 bytes) under a closing transaction. `nonce`: what `closingNonce` gave, used up by this call, whatever its outcome.
   * Rejects with `nonce-used`, `closing-unexplained` (the holder gets less than the last commitment gives it, less the fee where it is the closer).
   */
  signClosing(
    contract: ChannelContract,
    transaction: ClosingTransaction,
    nonce: Uint8Array,
    counterpartyNonce: Uint8Array,
  ): Promise<Result<Uint8Array>>

  /**
   * Signs one input with one key of a channel: what follows a commitment on the chain. BIP340, 64 bytes, or 65 where `hashType` is not the
   * default. Rejects with `payout-foreign` where an output pays anybody but the contract's `payout` or the holder's second level.
   */
  signSpend(request: SpendRequest): Promise<Result<Uint8Array>>

  /** All payment basepoints that channels of this seed can have, 33 bytes each: what the peers of lost channels pay to. Takes a second. */
  paymentBasepoints(): Promise<Result<readonly Uint8Array[]>>

  /** As `signSpend`, for a share that the peer of a lost channel paid to a payment basepoint: nothing of the channel need be known. */
  signLostShare(request: LostShareRequest): Promise<Result<Uint8Array>>

  /**
   * The holder's half of the announcement of a channel (BOLT 7), of nothing but its fields, whose hashes the signer computes itself. Rejects with
   * `announcement-mismatch` one that is not of these keys and this node, or claims more than the channel holds.
   */
  signAnnouncement(
    contract: ChannelContract,
    announcement: ChannelAnnouncement,
  ): Promise<Result<HolderAnnouncementSignatures>>

  /** The node's public key, 33 bytes: who it is to other nodes. */
  nodeKey(): Promise<Result<Uint8Array>>

  /** SHA-256 of the shared point of the node's key and a public key of 33 bytes (BOLT 4). Rejects with `public-key-invalid`. */
  ecdh(publicKey: Uint8Array): Promise<Result<Uint8Array>>

  /** The node's ECDSA signature under a hash of 32 bytes (BOLT 7, BOLT 11): r, s, of low s, and the recovery id, 65 bytes. The key holds no money. */
  signNode(hash: Uint8Array): Promise<Result<Uint8Array>>
}

/** One side's signatures under the announcement of a channel, 64 bytes each. */
export interface HolderAnnouncementSignatures {
  /** Of its node's key, by `gossipHash`: ECDSA. */
  readonly nodeSignature: Uint8Array
  /** Of its funding key, by `fundingProofHash`: BIP340. */
  readonly fundingSignature: Uint8Array
}

/** A commitment of the holder that is void, whole: who publishes it loses all of the channel to a counterparty that looks. */
export interface KeptState {
  readonly number: number
  readonly holderAmount: Msat
  readonly transaction: Uint8Array
}

/**
 * A control of signers on networks for tests alone: it lets people cheat, and see what follows. A signer never signs what is void; turned on, it
 * signs each commitment in the moment before its secret leaves, and keeps that in memory. Rejects with `test-controls` on any other network.
 */
export interface StateKeeper {
  /** Off, it forgets what it kept. */
  keepStates(on: boolean): Promise<Result<void>>
  /** The void commitments of a channel that were kept, oldest first. */
  keptStates(keyId: string): Promise<Result<readonly KeptState[]>>
}

/** One input that spends an output of a commitment or of a second-level transaction. */
export interface SpendRequest {
  readonly contract: ChannelContract
  /** The unsigned transaction, without witnesses. */
  readonly transaction: Uint8Array
  readonly input: number
  /** The outputs that its inputs spend, in their order: script and amount. */
  readonly spent: readonly ClosingOutput[]
  readonly key: SpendKey
  /** Of a key-path spend: the root of the output's tree, 32 bytes. */
  readonly merkleRoot?: Uint8Array
  /** Of a script-path spend: the script of its leaf. */
  readonly leafScript?: Uint8Array
  readonly hashType: number
}

/** One input that spends a `to_remote` by its leaf. `basepoint`: its place among all. */
export interface LostShareRequest
  extends Pick<SpendRequest, 'transaction' | 'input' | 'spent' | 'leafScript' | 'hashType'> {
  readonly basepoint: number
  /** Where all of it goes. */
  readonly payout: Payout
}

/** Which key of the holder signs. `point`: the per-commitment point of the commitment that it is derived for. */
export type SpendKey =
  | { readonly kind: 'payment' }
  | { readonly kind: 'delayed-payment'; readonly point: Uint8Array }
  | { readonly kind: 'htlc'; readonly point: Uint8Array }
  /** Of the counterparty's revoked commitment: needs the secret that it released, 32 bytes. */
  | { readonly kind: 'revocation'; readonly secret: Uint8Array }

/** One write of a channel. */
export interface ChannelWrite {
  /** The channel's `keyId`: it never changes, other than its channel id. */
  readonly keyId: string
  /** From 1, one more than that of the channel's last write: so no two writers, and no copy of the past, ever take turns. */
  readonly sequence: number
  /** By short names, each a text that only the channel reads; `undefined` deletes a record. */
  readonly records: ReadonlyMap<string, string | undefined>
  /** Texts by the numbers of commitments that the counterparty has revoked: kept beside the records, and read one by one. */
  readonly revoked: ReadonlyMap<number, string>
  /** Ends the channel: all that is stored of it goes. */
  readonly forget?: boolean
}

/** What is stored of a channel. */
export interface StoredChannel {
  readonly keyId: string
  /** Of the last write. */
  readonly sequence: number
  readonly records: ReadonlyMap<string, string>
}

/**
 * The records of all channels of a profile. Durable in the strict sense: a write that has resolved survives the death of the tab and of the
 * machine, since the next message to the counterparty may make what was before worthless, or theft.
 */
export interface ChannelStore {
  load(): Promise<StoredChannel[]>
  /** The text of a revoked commitment; undefined where there is none. */
  revoked(keyId: string, number: number): Promise<string | undefined>
  /**
   * Commits all of the writes, of several channels, or none. Calls may overlap and take effect in their order. Throws where storage fails, and
   * where a `sequence` does not follow: then nothing is written, and the channel must stop, since another tab or an older copy has it.
   */
  commit(writes: readonly ChannelWrite[]): Promise<void>
  close(): Promise<void>
}

/** For stores: throws where a write is not the one after the last. `last`: that one's sequence, undefined where there was none. */
export function checkSequence({ keyId, sequence }: ChannelWrite, last: number | undefined): void {
  if (sequence !== (last ?? 0) + 1)
    throw new Error(
      `Write ${sequence} of channel ${keyId} does not follow write ${last ?? 0}: another tab, or a later copy of this profile, has it.`,
    )
}
