/**
 * A signer of channels that costs nothing: signatures are hashes of what they are under, which the other side's mock knows to make. Its points
 * are real. It throws, and so fails a test, where it is asked for what a signer must never do: to sign two commitments of one number, one that
 * is void, to make void what it has nothing to publish instead of, to use a nonce twice.
 */

import { isTrimmed } from '../../src/channels/commitment-transaction.ts'
import { perCommitmentPoint } from '../../src/channels/keys.ts'
import type {
  AttachedState,
  ChannelBasepoints,
  ChannelContract,
  ChannelKeys,
  ChannelSigner,
  ClosingTransaction,
  Commitment,
  CounterpartyCommitmentRequest,
  CounterpartyCommitmentSignatures,
  HolderCommitmentRequest,
  HolderCommitmentSignatures,
  HolderPoint,
} from '../../src/channels/ports.ts'
import { perCommitmentSecret, secretIndex } from '../../src/channels/secrets.ts'
import { bytesToHex, concatBytes } from '../../src/primitives/bytes.ts'
import { sha256 } from '../../src/primitives/hashes.ts'
import { invalid, notNow, OK, ok, type Result } from '../../src/primitives/result.ts'
import { p2trScript } from '../../src/script/taproot.ts'
import type { NodeSigner } from './channel-nodes.ts'

function text(value: string): Uint8Array {
  return new TextEncoder().encode(value)
}

/** What a commitment says, whoever looks at it. */
function contentOf(contract: ChannelContract, commitment: Commitment): string {
  const { ofHolder, number, point, feerate, holderAmount, counterpartyAmount, htlcs } = commitment
  const owner = ofHolder ? contract.holder : contract.counterparty
  const [own, other] = ofHolder ? [holderAmount, counterpartyAmount] : [counterpartyAmount, holderAmount]
  const lines = htlcs
    .map(({ offered, id, amount, paymentHash, expiry }) =>
      [offered === ofHolder ? 'offered' : 'received', id, amount, bytesToHex(paymentHash), expiry].join(' '),
    )
    .sort()
  return [
    contract.fundingTxid,
    bytesToHex(owner.basepoints.funding),
    number,
    bytesToHex(point),
    feerate,
    own,
    other,
    ...lines,
  ].join('\n')
}

function untrimmed(contract: ChannelContract, { ofHolder, htlcs }: Commitment): number {
  const { dustLimit } = ofHolder ? contract.holder : contract.counterparty
  return htlcs.filter(({ amount }) => !isTrimmed(amount, dustLimit)).length
}

function signature(content: string, nonces: readonly Uint8Array[], by: ChannelBasepoints): Uint8Array {
  return sha256(text(`${content}\n${nonces.map(bytesToHex).join(' ')}\n${bytesToHex(by.funding)}`))
}

function htlcSignatures(content: string, count: number, by: ChannelBasepoints): Uint8Array[] {
  return Array.from({ length: count }, (_, at) => {
    const half = sha256(text(`${content}\nhtlc ${at}\n${bytesToHex(by.htlc)}`))
    return concatBytes(half, half)
  })
}

/** Of a channel, what the mock never forgets: a restart does not take it along. */
interface Memory {
  readonly seed: Uint8Array
  readonly basepoints: ChannelBasepoints
  /** Holder's secrets released. */
  released: number
  /** Content by number of the counterparty's commitments signed. */
  readonly signed: Map<number, string>
  /** Newest of the holder's that was accepted. */
  accepted: number
  published: number | undefined
}

export class MockChannelSigner implements ChannelSigner {
  private readonly name: string
  private readonly memories: Map<string, Memory>
  private readonly points = new Map<string, HolderPoint>()
  private readonly attached = new Set<string>()
  private readonly closingNonces = new Set<string>()
  private readonly contracts = new Map<string, ChannelContract>()
  locked = false

  constructor(name: string, memories: Map<string, Memory> = new Map()) {
    this.name = name
    this.memories = memories
  }

  /** With nothing in memory but what a signer never forgets. */
  restarted(): MockChannelSigner {
    return new MockChannelSigner(this.name, this.memories)
  }

  private memory(keyId: string): Memory {
    const memory = this.memories.get(keyId)
    if (!memory) throw new Error(`${this.name} has no keys ${keyId}`)
    return memory
  }

  private away(keyId?: string) {
    if (this.locked) return notNow('wallet-locked', 'The wallet is locked.')
    return keyId !== undefined && !this.attached.has(keyId)
      ? notNow('channel-keys-unknown', 'The channel was not told.')
      : undefined
  }

  async createKeys(): Promise<Result<ChannelKeys>> {
    const away = this.away()
    if (away) return away
    const keyId = `${this.name}-${this.memories.size}`
    const seed = sha256(text(`seed ${keyId}`))
    const point = (label: string) => perCommitmentPoint(sha256(seed, text(label)))
    const basepoints = {
      funding: point('funding'),
      revocation: point('revocation'),
      payment: point('payment'),
      delayedPayment: point('delayed'),
      htlc: point('htlc'),
    }
    this.memories.set(keyId, {
      seed,
      basepoints,
      released: 0,
      signed: new Map(),
      accepted: -1,
      published: undefined,
    })
    return ok({ keyId, basepoints })
  }

  private secret(keyId: string, number: number): Uint8Array {
    return perCommitmentSecret(this.memory(keyId).seed, secretIndex(number))
  }

  async holderPoint(keyId: string, number: number): Promise<Result<HolderPoint>> {
    const away = this.away()
    if (away) return away
    const key = `${keyId} ${number}`
    const known = this.points.get(key)
    if (known) return ok(known)
    const point = perCommitmentPoint(this.secret(keyId, number))
    const made = { point, nonce: concatBytes(point, point) }
    this.points.set(key, made)
    return ok(made)
  }

  async attach(contract: ChannelContract, { holder, counterparty }: AttachedState): Promise<Result<void>> {
    const away = this.away()
    if (away) return away
    const { keyId } = contract
    const memory = this.memory(keyId)
    const signed = Math.max(-1, ...memory.signed.keys())
    if ((holder?.number ?? 0) < memory.released || (counterparty.at(-1)?.number ?? -1) < signed)
      return notNow('channel-outdated', 'This is an old copy of the channel.')
    this.attached.add(keyId)
    this.contracts.set(keyId, contract)
    return OK
  }

  async acceptHolderCommitment(request: HolderCommitmentRequest): Promise<Result<void>> {
    const { contract, commitment, signatures } = request
    const away = this.away(contract.keyId)
    if (away) return away
    const memory = this.memory(contract.keyId)
    if (memory.published !== undefined)
      return notNow('commitment-signed', 'A commitment was signed to be published.')
    if (commitment.number > memory.released + 1 || commitment.number < memory.released)
      return invalid('commitment-revoked', `Commitment ${commitment.number} is not the one whose turn it is.`)
    const content = contentOf(contract, commitment)
    const { basepoints } = contract.counterparty
    const own = await this.holderPoint(contract.keyId, commitment.number)
    if (!own.ok) return own
    const expected = signature(content, [signatures.nonce, own.value.nonce], basepoints)
    if (bytesToHex(expected) !== bytesToHex(signatures.partialSignature))
      return invalid('signature-invalid', `The signature under commitment ${commitment.number} is not valid.`)
    const htlcs = htlcSignatures(content, untrimmed(contract, commitment), basepoints)
    if (htlcs.map(bytesToHex).join() !== signatures.htlcSignatures.map(bytesToHex).join())
      return invalid('htlc-signature-invalid', 'A signature under an HTLC is not valid.')
    memory.accepted = Math.max(memory.accepted, commitment.number)
    return OK
  }

  async paymentBasepoints(): Promise<Result<readonly Uint8Array[]>> {
    return ok([])
  }

  async signLostShare(): Promise<Result<Uint8Array>> {
    throw new Error('No share of a lost channel is looked for here')
  }

  async counterpartyRevoked(): Promise<Result<void>> {
    return OK
  }

  async beginPayment(): Promise<Result<void>> {
    return OK
  }

  async endPayment(): Promise<Result<void>> {
    return OK
  }

  async htlcReturned(): Promise<Result<void>> {
    return OK
  }

  async releaseSecret(keyId: string, number: number): Promise<Result<Uint8Array>> {
    const away = this.away(keyId)
    if (away) return away
    const memory = this.memory(keyId)
    if (memory.published !== undefined && memory.published <= number)
      return notNow('commitment-signed', 'That commitment was signed to be published.')
    if (number > memory.released) throw new Error(`${keyId} releases secret ${number} out of turn`)
    if (memory.accepted <= number) throw new Error(`${keyId} revokes ${number} with nothing in its place`)
    memory.released = Math.max(memory.released, number + 1)
    return ok(this.secret(keyId, number))
  }

  async signCounterpartyCommitment(
    request: CounterpartyCommitmentRequest,
  ): Promise<Result<CounterpartyCommitmentSignatures>> {
    const { contract, commitment, counterpartyNonce, revocation, origins } = request
    const away = this.away(contract.keyId)
    if (away) return away
    const memory = this.memory(contract.keyId)
    const content = contentOf(contract, commitment)
    const { number } = commitment
    const newest = Math.max(-1, ...memory.signed.keys())
    const before = memory.signed.get(number)
    if (before !== undefined && before !== content)
      throw new Error(`${contract.keyId} signs two commitments ${number}:\n${before}\n\n${content}`)
    if (number !== newest && number !== newest + 1)
      throw new Error(`${contract.keyId} signs commitment ${number} after ${newest}`)
    if (number >= 2 && number === newest + 1 && !revocation)
      throw new Error(`${contract.keyId} signs commitment ${number} with ${number - 2} not revoked`)
    for (const { offered, id } of commitment.htlcs)
      if (offered && !origins.has(id)) throw new Error(`HTLC ${id} has no origin`)
    memory.signed.set(number, content)
    memory.signed.delete(number - 2)
    // A nonce is a point; the number of signatures makes each another one.
    const point = perCommitmentPoint(sha256(memory.seed, text(`nonce ${number} ${this.drawn++}`)))
    const nonce = concatBytes(point, point)
    return ok({
      partialSignature: signature(content, [nonce, counterpartyNonce], memory.basepoints),
      nonce,
      htlcSignatures: htlcSignatures(content, untrimmed(contract, commitment), memory.basepoints),
    })
  }

  private drawn = 0

  async signHolderCommitment(
    contract: ChannelContract,
    commitment: Commitment,
    _signatures: HolderCommitmentSignatures,
  ): Promise<Result<Uint8Array>> {
    const away = this.away(contract.keyId)
    if (away) return away
    const memory = this.memory(contract.keyId)
    if (commitment.number < memory.released)
      throw new Error(`${contract.keyId} publishes commitment ${commitment.number}, which is void`)
    memory.published = commitment.number
    return ok(new Uint8Array(64))
  }

  async closingNonce(keyId: string): Promise<Result<Uint8Array>> {
    const away = this.away(keyId)
    if (away) return away
    const point = perCommitmentPoint(sha256(this.memory(keyId).seed, text(`closing ${this.drawn++}`)))
    const nonce = concatBytes(point, point)
    this.closingNonces.add(bytesToHex(nonce))
    return ok(nonce)
  }

  async signClosing(
    contract: ChannelContract,
    _transaction: ClosingTransaction,
    nonce: Uint8Array,
  ): Promise<Result<Uint8Array>> {
    const away = this.away(contract.keyId)
    if (away) return away
    if (!this.closingNonces.delete(bytesToHex(nonce))) return notNow('nonce-used', 'This nonce was used.')
    return ok(sha256(nonce))
  }

  signSpend(): Promise<Result<Uint8Array>> {
    throw new Error('Not asked for')
  }

  signAnnouncement(): Promise<Result<never>> {
    throw new Error('Not asked for')
  }

  nodeKey(): Promise<Result<Uint8Array>> {
    throw new Error('Not asked for')
  }

  ecdh(): Promise<Result<Uint8Array>> {
    throw new Error('Not asked for')
  }

  signNode(): Promise<Result<Uint8Array>> {
    throw new Error('Not asked for')
  }
}

export interface MockNodeSigner extends NodeSigner {
  readonly signer: MockChannelSigner
}

/** Of a node. */
export function mockSigner(name: string): MockNodeSigner {
  let signer = new MockChannelSigner(name)
  return {
    get signer() {
      return signer
    },
    payout: { branch: 0, index: 0, script: p2trScript(sha256(text(name))) },
    restart() {
      signer = signer.restarted()
      return signer
    },
  }
}
