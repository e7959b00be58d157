/**
 * MuSig2 (BIP327): several keys that together make one BIP340 signature. Public keys are plain, 33 bytes compressed; public nonces 66
 * bytes, two such points; partial signatures 32 bytes. What a counterparty sends is judged by a `Result`; a nonce that is used twice is our
 * own mistake and throws. Pure, any thread; `nonceGen` and `MusigSession.sign` touch secrets: they are for the signer.
 */
import { secp256k1 } from '@noble/curves/secp256k1.js'
import { bytesToNumberBE, numberToBytesBE } from '@noble/curves/utils.js'
import { compareBytes, concatBytes, EMPTY, equalBytes } from '../primitives/bytes.ts'
import { taggedHash } from '../primitives/hashes.ts'
import { invalid, ok, type Result } from '../primitives/result.ts'
import { curve, POINT_BYTES, pointOf, scalarOf } from './curve.ts'
import { tapTweak } from './taproot.ts'

const { Point } = secp256k1
const { Fn } = Point
type CurvePoint = InstanceType<typeof Point>

/** Bytes of a public nonce, and of an aggregate one. */
export const PUBLIC_NONCE_BYTES = 66

/** Whether these bytes are a compressed point, 33 bytes: what a key that a counterparty names has to be. */
export function isPublicKey(bytes: Uint8Array): boolean {
  return curve().sum([{ point: bytes }]) !== undefined
}

/** Whether these are two compressed points, 66 bytes: what a public nonce of a signer has to be. */
export function isPublicNonce(bytes: Uint8Array): boolean {
  return (
    bytes.length === PUBLIC_NONCE_BYTES &&
    isPublicKey(bytes.subarray(0, POINT_BYTES)) &&
    isPublicKey(bytes.subarray(POINT_BYTES))
  )
}

function isEven(point: CurvePoint): boolean {
  return (point.y & 1n) === 0n
}

/** A hash as a scalar modulo the group order. */
function hashScalar(tag: string, ...parts: Uint8Array[]): bigint {
  return Fn.create(bytesToNumberBE(taggedHash(tag, ...parts)))
}

/** The keys in ascending order: a new list (BIP327, `KeySort`). */
export function keySort(publicKeys: readonly Uint8Array[]): Uint8Array[] {
  return [...publicKeys].sort(compareBytes)
}

/** The aggregate of some keys and the tweaks applied to it (BIP327, `KeyAgg Context`). Immutable. */
export class AggregateKey {
  /** In the order in which they were aggregated. */
  readonly publicKeys: readonly Uint8Array[]
  /** The aggregate, x-only: 32 bytes. */
  readonly xOnly: Uint8Array
  /** The aggregate in compressed form: 33 bytes. */
  readonly compressed: Uint8Array
  private readonly point: CurvePoint
  /** The sign and the sum that the tweaks come to (BIP327: gacc, tacc). */
  private readonly sign: bigint
  private readonly tweak: bigint
  private readonly listHash: Uint8Array
  private readonly secondKey: Uint8Array | undefined

  private constructor(publicKeys: readonly Uint8Array[], point: CurvePoint, sign: bigint, tweak: bigint) {
    this.publicKeys = publicKeys
    this.point = point
    this.sign = sign
    this.tweak = tweak
    this.compressed = point.toBytes(true)
    this.xOnly = this.compressed.subarray(1)
    this.listHash = taggedHash('KeyAgg list', ...publicKeys)
    this.secondKey = secondKeyOf(publicKeys)
  }

  /**
   * Aggregates keys, one at least, in the order given (BIP327, `KeyAgg`). Rejects with `musig2-public-key`, naming the first that is no
   * point.
   */
  static of(publicKeys: readonly Uint8Array[]): Result<AggregateKey> {
    const listHash = taggedHash('KeyAgg list', ...publicKeys)
    const second = secondKeyOf(publicKeys)
    let sum = Point.ZERO
    for (const [signer, publicKey] of publicKeys.entries()) {
      const point = pointOf(publicKey)
      if (!point)
        return invalid('musig2-public-key', `The public key of signer ${signer} is no point of the curve.`)
      sum = sum.add(point.multiplyUnsafe(coefficientOf(publicKey, listHash, second)))
    }
    // Nobody can aim at it: each coefficient is a hash of all keys.
    if (sum.is0()) return invalid('musig2-public-key', 'The public keys cancel each other out.')
    return ok(new AggregateKey(publicKeys, sum, 1n, 0n))
  }

  /**
   * The aggregate tweaked by 32 bytes, as BIP32 (`plain`) or BIP341 (`x-only`) does it (BIP327, `ApplyTweak`). Rejects with
   * `musig2-tweak` a tweak that is not below the group order, or that leads to infinity.
   */
  tweaked(tweak: Uint8Array, kind: 'plain' | 'x-only'): Result<AggregateKey> {
    const added = bytesToNumberBE(tweak)
    if (added >= Fn.ORDER) return invalid('musig2-tweak', 'The tweak is not below the order of the group.')
    const flip = kind === 'x-only' && !isEven(this.point)
    const base = flip ? this.point.negate() : this.point
    const point = base.add(Point.BASE.multiplyUnsafe(added))
    if (point.is0()) return invalid('musig2-tweak', 'The tweak leads to infinity.')
    const sign = flip ? Fn.neg(this.sign) : this.sign
    const sum = Fn.add(added, flip ? Fn.neg(this.tweak) : this.tweak)
    return ok(new AggregateKey(this.publicKeys, point, sign, sum))
  }

  /** The output key of BIP341 with this aggregate as internal key; `merkleRoot`: none for BIP86. As `tweaked`. */
  taproot(merkleRoot?: Uint8Array): Result<AggregateKey> {
    return this.tweaked(tapTweak(this.xOnly, merkleRoot), 'x-only')
  }

  /** The factor of a signer's key in signatures of this aggregate, of even y; undefined where it is none of the keys. */
  signingFactor(publicKey: Uint8Array): bigint | undefined {
    if (!this.publicKeys.some((key) => equalBytes(key, publicKey))) return undefined
    const coefficient = coefficientOf(publicKey, this.listHash, this.secondKey)
    return Fn.mul(coefficient, isEven(this.point) ? this.sign : Fn.neg(this.sign))
  }

  /** What the tweaks add to a signature with this challenge. */
  tweakTerm(challenge: bigint): bigint {
    return Fn.mul(challenge, isEven(this.point) ? this.tweak : Fn.neg(this.tweak))
  }
}

/** The first key that differs from the first one: its coefficient is 1, which saves a multiplication. */
function secondKeyOf(publicKeys: readonly Uint8Array[]): Uint8Array | undefined {
  return publicKeys.find((key) => !equalBytes(key, publicKeys[0]))
}

/** BIP327, `KeyAggCoeff`. */
function coefficientOf(publicKey: Uint8Array, listHash: Uint8Array, second: Uint8Array | undefined): bigint {
  if (second && equalBytes(publicKey, second)) return 1n
  return hashScalar('KeyAgg coefficient', listHash, publicKey)
}

/**
 * A secret nonce: good for one signature. Two signatures with one nonce give the secret key away; so a session takes it out, and whoever
 * comes second finds none. It can't be written down.
 */
export class SecretNonce {
  /** What the other signers are told: 66 bytes. */
  readonly publicNonce: Uint8Array
  /** The signer's key, 33 bytes. */
  readonly publicKey: Uint8Array
  #scalars: readonly [bigint, bigint] | undefined

  private constructor(scalars: readonly [bigint, bigint], publicKey: Uint8Array) {
    this.#scalars = scalars
    this.publicKey = publicKey
    this.publicNonce = concatBytes(...scalars.map((scalar) => Point.BASE.multiply(scalar).toBytes(true)))
  }

  /**
   * A nonce from the form of BIP327's reference code, 97 bytes: two scalars and the public key. For published vectors: what stands in
   * bytes can be read twice. Throws where a scalar is out of range.
   */
  static fromBytes(bytes: Uint8Array): SecretNonce {
    if (bytes.length !== 97) throw new Error(`A secret nonce has 97 bytes, not ${bytes.length}`)
    const scalar = (from: number): bigint => {
      const value = bytesToNumberBE(bytes.subarray(from, from + 32))
      if (value === 0n || value >= Fn.ORDER) throw new Error('A secret nonce is out of range')
      return value
    }
    return new SecretNonce([scalar(0), scalar(32)], bytes.slice(64))
  }

  /** Whether it signed, or was thrown away. */
  get used(): boolean {
    return this.#scalars === undefined
  }

  /** Takes the scalars out, for good. Throws where that was done before. */
  take(): readonly [bigint, bigint] {
    const scalars = this.#scalars
    if (!scalars) throw new Error('This secret nonce was used before')
    this.#scalars = undefined
    return scalars
  }
}

/** What a nonce is made of. All but `random` and `publicKey` make it harder to get the same one twice; each is left out where unknown. */
export interface NonceInput {
  /** 32 bytes that nobody else knows: fresh, or derived so that they belong to one message alone. */
  readonly random: Uint8Array
  /** The signer's key, 33 bytes. */
  readonly publicKey: Uint8Array
  /** 32 bytes. */
  readonly secretKey?: Uint8Array
  /** X-only, 32 bytes. */
  readonly aggregateKey?: Uint8Array
  /** Any length. */
  readonly message?: Uint8Array
  readonly extra?: Uint8Array
}

/** A secret nonce and, in it, its public half (BIP327, `NonceGen`). */
export function nonceGen({
  random,
  publicKey,
  secretKey,
  aggregateKey,
  message,
  extra,
}: NonceInput): SecretNonce {
  const seed = secretKey ? xor(secretKey, taggedHash('MuSig/aux', random)) : random
  const aggregate = aggregateKey ?? EMPTY
  const told = extra ?? EMPTY
  const start = concatBytes(
    seed,
    Uint8Array.of(publicKey.length),
    publicKey,
    Uint8Array.of(aggregate.length),
    aggregate,
    message ? concatBytes(Uint8Array.of(1), numberToBytesBE(message.length, 8), message) : Uint8Array.of(0),
    numberToBytesBE(told.length, 4),
    told,
  )
  const scalars = [0, 1].map((which) =>
    numberToBytesBE(hashScalar('MuSig/nonce', start, Uint8Array.of(which)), 32),
  )
  return SecretNonce.fromBytes(concatBytes(...scalars, publicKey))
}

function xor(a: Uint8Array, b: Uint8Array): Uint8Array {
  return a.map((byte, i) => byte ^ b[i])
}

/** The halves of a nonce, a point each. */
function halvesOf(nonce: Uint8Array): [Uint8Array, Uint8Array] {
  return [nonce.subarray(0, POINT_BYTES), nonce.subarray(POINT_BYTES)]
}

/** Whether half an aggregate nonce stands for infinity. */
function isInfinity(half: Uint8Array): boolean {
  return half.length === POINT_BYTES && half.every((byte) => byte === 0)
}

/** The sum of public nonces, 66 bytes (BIP327, `NonceAgg`). Rejects with `musig2-public-nonce`, naming the first that is malformed. */
export function nonceAgg(publicNonces: readonly Uint8Array[]): Result<Uint8Array> {
  const sums = [0, 1].map((half) =>
    curve().sum(publicNonces.map((nonce) => ({ point: halvesOf(nonce)[half] }))),
  )
  const malformed = sums.includes(undefined) ? publicNonces.findIndex((nonce) => !isPublicNonce(nonce)) : -1
  return malformed < 0
    ? ok(concatBytes(...sums.map((sum) => sum ?? new Uint8Array(POINT_BYTES))))
    : invalid(
        'musig2-public-nonce',
        `The public nonce of signer ${malformed} is not two points of the curve.`,
      )
}

/** One message that the keys of an aggregate sign with one set of nonces (BIP327, `Session Context`). Immutable. */
export class MusigSession {
  private readonly key: AggregateKey
  /** The x of the signature's R, and whether the nonces have to be negated for it. */
  private readonly nonceX: Uint8Array
  private readonly nonceOdd: boolean
  private readonly nonceCoefficient: bigint
  private readonly challenge: bigint

  private constructor(key: AggregateKey, nonce: Uint8Array, nonceCoefficient: bigint, message: Uint8Array) {
    this.key = key
    this.nonceCoefficient = nonceCoefficient
    this.nonceX = nonce.subarray(1)
    this.nonceOdd = isOdd(nonce)
    this.challenge = hashScalar('BIP0340/challenge', this.nonceX, key.xOnly, message)
  }

  /**
   * `aggregateNonce`: what `nonceAgg` gave, 66 bytes; `message`: what is signed, 32 bytes for a transaction. Rejects with
   * `musig2-aggregate-nonce` one that is not two points, or infinity.
   */
  static start(key: AggregateKey, aggregateNonce: Uint8Array, message: Uint8Array): Result<MusigSession> {
    const coefficient = hashScalar('MuSig/noncecoef', aggregateNonce, key.xOnly, message)
    const [first, second] = halvesOf(aggregateNonce)
    const nonce = curve().sum([
      ...(isInfinity(first) ? [] : [{ point: first }]),
      ...(isInfinity(second) ? [] : [{ point: second, scalar: Fn.toBytes(coefficient) }]),
    ])
    if (!nonce && [first, second].some((half) => !isInfinity(half) && !isPublicKey(half)))
      return invalid('musig2-aggregate-nonce', 'The aggregate nonce is not two points of the curve.')
    // Infinity only where a signer cheats; with G the partial signatures show who.
    return ok(new MusigSession(key, nonce ?? Point.BASE.toBytes(true), coefficient, message))
  }

  /**
   * A partial signature, 32 bytes (BIP327, `Sign`). Uses the nonce up, whatever comes of it. Throws where it was used before, or belongs
   * to another key than `secretKey`, or where that key is none of the aggregate's. The signature is not verified again here: who gets it
   * does that. `publicKey`: the secret's, from a caller that computed it from the secret itself, and never from what it was told.
   */
  sign(
    secretNonce: SecretNonce,
    secretKey: Uint8Array,
    publicKey: Uint8Array = Point.BASE.multiply(Fn.fromBytes(secretKey)).toBytes(true),
  ): Uint8Array {
    const scalars = secretNonce.take()
    const secret = Fn.fromBytes(secretKey)
    if (!equalBytes(publicKey, secretNonce.publicKey)) throw new Error('The nonce belongs to another key')
    const factor = this.key.signingFactor(publicKey)
    if (factor === undefined) throw new Error('The key is none of those that were aggregated')
    const [k1, k2] = this.nonceOdd ? scalars.map((scalar) => Fn.neg(scalar)) : scalars
    const nonce = Fn.add(k1, Fn.mul(this.nonceCoefficient, k2))
    return Fn.toBytes(Fn.add(nonce, Fn.mul(this.challenge, Fn.mul(factor, secret))))
  }

  /**
   * Whether a partial signature is that of `publicKey` with `publicNonce` (BIP327, `PartialSigVerifyInternal`). False, too, for what is
   * malformed, for a key that is none of the aggregate's, and for a nonce that comes to infinity, which nobody can aim at.
   */
  verify(partialSignature: Uint8Array, publicNonce: Uint8Array, publicKey: Uint8Array): boolean {
    const factor = this.key.signingFactor(publicKey)
    if (factor === undefined) return false
    const [first, second] = halvesOf(publicNonce)
    const nonce = curve().sum([
      { point: first },
      { point: second, scalar: Fn.toBytes(this.nonceCoefficient) },
    ])
    // s·G − e·a·P
    const factorOfKey = Fn.neg(Fn.mul(this.challenge, factor))
    const claimed = curve().sum([{ point: publicKey, scalar: Fn.toBytes(factorOfKey) }], partialSignature)
    return (
      nonce !== undefined &&
      claimed !== undefined &&
      equalBytes(claimed.subarray(1), nonce.subarray(1)) &&
      isOdd(claimed) === (isOdd(nonce) !== this.nonceOdd)
    )
  }

  /**
   * The BIP340 signature, 64 bytes, of the partial signatures of all keys (BIP327, `PartialSigAgg`). It is valid where each of them is.
   * Rejects with `musig2-partial-signature` one that is out of range.
   */
  aggregate(partialSignatures: readonly Uint8Array[]): Result<Uint8Array> {
    let sum = this.key.tweakTerm(this.challenge)
    for (const [signer, partial] of partialSignatures.entries()) {
      const s = scalarOf(partial)
      if (s === undefined)
        return invalid(
          'musig2-partial-signature',
          `The partial signature of signer ${signer} is out of range.`,
        )
      sum = Fn.add(sum, s)
    }
    return ok(concatBytes(this.nonceX, Fn.toBytes(sum)))
  }
}

/** Whether the y of a compressed point is odd. */
function isOdd(compressed: Uint8Array): boolean {
  return compressed[0] === 3
}
