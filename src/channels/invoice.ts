/**
 * Invoices: what a payee asks for, as text that is signed (BOLT 11). Their human-readable part is `ln` and the address prefix of the network, so that
 * none is paid on another: `lntab…`. Pure, any thread; the signature is the signer's.
 */
import { secp256k1 } from '@noble/curves/secp256k1.js'
import { bytesToNumberBE, numberToBytesBE } from '@noble/curves/utils.js'
import { bech32, utf8 } from '@scure/base'
import { concatBytes } from '../primitives/bytes.ts'
import { sha256 } from '../primitives/hashes.ts'
import { invalid, ok, type Result } from '../primitives/result.ts'
import { curve } from '../script/curve.ts'
import { outputKeyOf, p2trScript } from '../script/taproot.ts'
import { MAX_MSAT, type Msat, msat } from './amount.ts'
import { type FeatureName, type Features, hasFeature, NO_FEATURES, unknownRequired } from './features.ts'
import type { ShortChannelId } from './short-channel-id.ts'
import { decodeWire, isPoint, POINT_BYTES, WireWriter } from './wire.ts'

const { Fn, Fp } = secp256k1.Point

/** A channel that only the invoice tells of, and what it asks for passing a payment on. */
export interface RouteHint {
  /** The node where the channel begins, 33 bytes; it ends at the next one's, or at the payee. */
  readonly nodeId: Uint8Array
  readonly shortChannelId: ShortChannelId
  readonly feeBase: Msat
  readonly feeProportionalMillionths: number
  /** Blocks. */
  readonly cltvExpiryDelta: number
}

/** What an invoice says. */
export interface InvoiceTerms {
  /** The payer chooses where it is absent. */
  readonly amount?: Msat
  /** When it was made, whole seconds since 1970, below 2^35. */
  readonly timestamp: number
  /** 32 bytes. */
  readonly paymentHash: Uint8Array
  /** 32 bytes. */
  readonly paymentSecret: Uint8Array
  /** What is paid for: at most 639 bytes of UTF-8, or the SHA-256 of a text that comes another way. */
  readonly description: string | Uint8Array
  /** To be given back in the onion; at most 639 bytes. */
  readonly metadata?: Uint8Array
  /** Seconds after the timestamp. */
  readonly expiry: number
  /** Blocks that the last HTLC must be away from its expiry when it arrives. */
  readonly minFinalCltvExpiryDelta: number
  /** P2TR scripts to pay on the chain instead, best first. */
  readonly fallbacks: readonly Uint8Array[]
  /** Ways to the payee over channels that are not announced, each of 1 to 12 of them in order. */
  readonly routeHints: readonly (readonly RouteHint[])[]
  readonly features: Features
}

/** An invoice that was read. */
export interface Invoice extends InvoiceTerms {
  /** Node id of who signed it and is to be paid, 33 bytes. */
  readonly payee: Uint8Array
}

/** Why a text is no invoice of this network that can be paid. */
export type InvoiceCode = `invoice-${
  | 'amount'
  | 'character'
  | 'checksum'
  | 'feature'
  | 'field'
  | 'format'
  | 'length'
  | 'missing'
  | 'mixed-case'
  | 'prefix'
  | 'signature'}`

/** Seconds that an invoice holds which does not say it. */
export const DEFAULT_EXPIRY = 3600
/** Blocks, where the invoice does not say it; ours always do. */
export const DEFAULT_MIN_FINAL_CLTV_EXPIRY_DELTA = 18

/** Most characters that are read: what a QR code has room for. BOLT 11 sets no limit. */
const MAX_CHARACTERS = 4296

/** Features that an invoice may require. */
const KNOWN_FEATURES: readonly FeatureName[] = [
  'var_onion_optin',
  'payment_secret',
  'basic_mpp',
  'option_attribution_data',
  'option_payment_metadata',
]

/** The multipliers, the greatest first: how many millisatoshis one of each is. A millisatoshi is ten pico-coins. */
const UNITS = [
  ['', 100_000_000_000n],
  ['m', 100_000_000n],
  ['u', 100_000n],
  ['n', 100n],
] as const

/** Names of the fields, by their letters in bech32's alphabet, as 5-bit numbers. */
const FIELD = { p: 1, r: 3, features: 5, x: 6, f: 9, d: 13, s: 16, n: 19, h: 23, c: 24, m: 27 } as const

const TIMESTAMP_WORDS = 7
/** 64 bytes and the recovery id. */
const SIGNATURE_BYTES = 65
const SIGNATURE_WORDS = 104
const HASH_WORDS = 52
const POINT_WORDS = 53
const MAX_FIELD_WORDS = 1023
/** Witness version of P2TR. */
const TAPROOT_VERSION = 1

/** An invoice before its signature: the human-readable part, and the data as 5-bit numbers. */
export interface UnsignedInvoice {
  readonly prefix: string
  readonly words: readonly number[]
}

/** Puts terms in their form. Throws where they break a bound of `InvoiceTerms`, which their maker has checked. `addressPrefix`: of the network. */
export function unsignedInvoice(terms: InvoiceTerms, addressPrefix: string): UnsignedInvoice {
  const { description, metadata, expiry, minFinalCltvExpiryDelta, features } = terms
  const fields: number[][] = [
    field(FIELD.p, bech32.toWords(terms.paymentHash)),
    field(FIELD.s, bech32.toWords(terms.paymentSecret)),
    typeof description === 'string'
      ? field(FIELD.d, bech32.toWords(utf8.decode(description)))
      : field(FIELD.h, bech32.toWords(description)),
  ]
  if (metadata) fields.push(field(FIELD.m, bech32.toWords(metadata)))
  if (expiry !== DEFAULT_EXPIRY) fields.push(field(FIELD.x, numberWords(BigInt(expiry))))
  fields.push(field(FIELD.c, numberWords(BigInt(minFinalCltvExpiryDelta))))
  for (const fallback of terms.fallbacks) {
    const outputKey = outputKeyOf(fallback)
    if (!outputKey) throw new Error('An invoice names scripts of P2TR alone')
    fields.push(field(FIELD.f, [TAPROOT_VERSION, ...bech32.toWords(outputKey)]))
  }
  for (const hints of terms.routeHints) fields.push(field(FIELD.r, bech32.toWords(encodeHints(hints))))
  if (features !== NO_FEATURES) fields.push(field(FIELD.features, numberWords(features)))
  return {
    prefix: `ln${addressPrefix}${amountText(terms.amount)}`,
    words: [...numberWords(BigInt(terms.timestamp), TIMESTAMP_WORDS), ...fields.flat()],
  }
}

/** What is signed: the node's key signs its SHA-256 (ECDSA). It begins with `ln`, as nothing else that the key signs does. */
export function invoiceMessage({ prefix, words }: UnsignedInvoice): Uint8Array {
  return concatBytes(utf8.decode(prefix), packWords(words))
}

/** The text of an invoice. `signature`: 65 bytes, r ‖ s ‖ recovery id, of `invoiceMessage`. */
export function signedInvoice({ prefix, words }: UnsignedInvoice, signature: Uint8Array): string {
  return bech32.encode(prefix, [...words, ...bech32.toWords(signature)], false)
}

/** A field of 5-bit numbers. */
function field(type: number, words: readonly number[]): number[] {
  if (words.length > MAX_FIELD_WORDS) throw new Error('A field of an invoice holds at most 639 bytes')
  return [type, words.length >> 5, words.length & 31, ...words]
}

/** A number in 5-bit digits: so many, else as few as it takes. */
function numberWords(value: bigint, length = 0): number[] {
  const words: number[] = []
  for (let left = value; left > 0n || words.length < length; left >>= 5n) words.unshift(Number(left & 31n))
  return words
}

function encodeHints(hints: readonly RouteHint[]): Uint8Array {
  const writer = new WireWriter()
  for (const { nodeId, shortChannelId, feeBase, feeProportionalMillionths, cltvExpiryDelta } of hints)
    writer
      .put(nodeId)
      .shortChannelId(shortChannelId)
      .u32(feeBase)
      .u32(feeProportionalMillionths)
      .u16(cltvExpiryDelta)
  return writer.finish()
}

/** With the greatest multiplier that leaves a whole number. */
function amountText(amount: Msat | undefined): string {
  if (amount === undefined) return ''
  if (amount <= 0) throw new Error('An invoice asks for more than nothing, or for any amount')
  const value = BigInt(amount)
  const unit = UNITS.find(([, size]) => value % size === 0n)
  return unit ? `${value / unit[1]}${unit[0]}` : `${value * 10n}p`
}

/** Bits of 5 as bytes, filled up with bits of 0. */
function packWords(words: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(Math.ceil((words.length * 5) / 8))
  words.forEach((word, at) => {
    // A word lies in one byte, or in the end of one and the beginning of the next.
    const bit = at * 5
    const shifted = word << (11 - (bit & 7))
    bytes[bit >> 3] |= shifted >> 8
    if ((shifted & 0xff) !== 0) bytes[(bit >> 3) + 1] |= shifted & 0xff
  })
  return bytes
}

/**
 * Reads an invoice of the network with this address prefix. Whether it has expired is left to the payer. A field of an unknown type, or of another
 * length than its type has, is skipped. Rejects a text that is no bech32, is of another network, says something twice, lacks its hash, secret
 * or description, requires an unknown feature, or was not signed as it stands.
 */
export function decodeInvoice(text: string, addressPrefix: string): Result<Invoice, InvoiceCode> {
  const decoded = decodeText(text.trim().replace(/^lightning:/i, ''))
  if (!decoded.ok) return decoded
  const { prefix, words } = decoded.value
  const amount = readPrefix(prefix, addressPrefix)
  if (!amount.ok) return amount
  if (words.length < TIMESTAMP_WORDS + SIGNATURE_WORDS)
    return invalid('invoice-length', 'This invoice is too short. Was it copied whole?')

  const data = words.slice(0, -SIGNATURE_WORDS)
  const hash = sha256(invoiceMessage({ prefix, words: data }))
  const signature = packWords(words.slice(-SIGNATURE_WORDS))
  try {
    const fields = readFields(data.slice(TIMESTAMP_WORDS))
    // Who signed comes first: of what nobody signed there is nothing to say.
    const payee = signerOf(signature, hash, only(fields, FIELD.n, nodeIdIn))
    const timestamp = Number(wordsNumber(data.slice(0, TIMESTAMP_WORDS)))
    return ok({ ...readTerms(fields), amount: amount.value, timestamp, payee })
  } catch (error) {
    if (error instanceof FieldError) return invalid(error.code, error.message)
    throw error
  }
}

interface Bech32Text {
  /** Lower case. */
  readonly prefix: string
  readonly words: readonly number[]
}

function decodeText(text: string): Result<Bech32Text, InvoiceCode> {
  const lower = text.toLowerCase()
  if (!lower.startsWith('ln') || !lower.includes('1'))
    return invalid('invoice-format', 'This is not an invoice: one starts with "ln". Was it copied whole?')
  if (text.length > MAX_CHARACTERS)
    return invalid(
      'invoice-length',
      `An invoice has at most ${MAX_CHARACTERS} characters, this one ${text.length}.`,
    )
  const stray = /[^!-~]/.exec(text)
  if (stray)
    return invalid(
      'invoice-character',
      `Character ${stray.index + 1} does not occur in invoices. Copy it again.`,
    )
  if (text !== lower && text !== text.toUpperCase())
    return invalid(
      'invoice-mixed-case',
      'An invoice is written in lower case or in capitals, this one mixes both. Copy it again.',
    )
  const decoded = bech32.decodeUnsafe(lower, false)
  if (!decoded)
    return invalid(
      'invoice-checksum',
      'The invoice contains a mistake: its checksum is wrong. Copy it again.',
    )
  return ok(decoded)
}

/** The amount in a human-readable part of this network. */
function readPrefix(prefix: string, addressPrefix: string): Result<Msat | undefined, InvoiceCode> {
  const match = /^ln([a-z]*)(?:([0-9]+)([a-z]?))?$/.exec(prefix)
  if (!match) return invalid('invoice-amount', `"${prefix}" does not say an amount as invoices do.`)
  const [, network, digits, multiplier] = match
  if (network !== addressPrefix)
    return invalid(
      'invoice-prefix',
      `This invoice is for another network: it starts with "ln${network}", those of this network with "ln${addressPrefix}".`,
    )
  if (digits === undefined) return ok(undefined)
  const amount = multiplier === 'p' ? picoCoins(digits) : coins(digits, multiplier)
  if (amount === undefined)
    return invalid(
      'invoice-amount',
      `"${digits}${multiplier}" is no amount: a whole number and m, u, n or p.`,
    )
  if (amount > BigInt(MAX_MSAT))
    return invalid('invoice-amount', 'The invoice asks for over 90,071 coins, more than a payment can carry.')
  return ok(msat(Number(amount)))
}

/** Leading zeros and 0 itself are refused, as no writer may write them. */
function wholeNumber(digits: string): bigint | undefined {
  return /^[1-9][0-9]{0,29}$/.test(digits) ? BigInt(digits) : undefined
}

function coins(digits: string, multiplier: string): bigint | undefined {
  const count = wholeNumber(digits)
  const unit = UNITS.find(([letter]) => letter === multiplier)
  return count === undefined || !unit ? undefined : count * unit[1]
}

/** Tenths of a millisatoshi, of which only whole ones can be paid. */
function picoCoins(digits: string): bigint | undefined {
  const count = wholeNumber(digits)
  return count === undefined || count % 10n !== 0n ? undefined : count / 10n
}

interface RawField {
  readonly type: number
  readonly words: readonly number[]
}

/** Thrown where a field does not hold what it should; leaves `decodeInvoice` as a rejection. */
class FieldError extends Error {
  readonly code: InvoiceCode

  constructor(code: InvoiceCode, detail: string) {
    super(detail)
    this.code = code
  }
}

/** Lengths of fields, in words, which have but one. */
const LENGTHS: ReadonlyMap<number, number> = new Map([
  [FIELD.p, HASH_WORDS],
  [FIELD.s, HASH_WORDS],
  [FIELD.h, HASH_WORDS],
  [FIELD.n, POINT_WORDS],
])

/** BOLT 11 says both that a field of a wrong length fails the payment and, in an example, that it is ignored, as unknown ones are. */
function readFields(words: readonly number[]): RawField[] {
  const fields: RawField[] = []
  for (let at = 0; at < words.length; ) {
    const [type, high, low] = words.slice(at, at + 3)
    const end = at + 3 + high * 32 + low
    if (low === undefined || end > words.length)
      throw new FieldError('invoice-field', 'A field of this invoice is longer than the invoice.')
    const length = end - at - 3
    if (length === (LENGTHS.get(type) ?? length)) fields.push({ type, words: words.slice(at + 3, end) })
    at = end
  }
  return fields
}

/** The one field of a type, if there is one. Two would be read one way here and another way there. */
function only<T>(
  fields: readonly RawField[],
  type: number,
  read: (words: readonly number[]) => T,
): T | undefined {
  const found = fields.filter((field) => field.type === type)
  if (found.length > 1)
    throw new FieldError('invoice-field', `This invoice has two fields "${bech32Letter(type)}".`)
  return found.length === 0 ? undefined : read(found[0].words)
}

function bech32Letter(word: number): string {
  return 'qpzry9x8gf2tvdw0s3jn54khce6mua7l'[word]
}

function readTerms(fields: readonly RawField[]): Omit<InvoiceTerms, 'timestamp' | 'amount'> {
  const text = only(fields, FIELD.d, textIn)
  const hash = only(fields, FIELD.h, bytesIn)
  if (text !== undefined && hash)
    throw new FieldError(
      'invoice-field',
      'This invoice says what is paid for, and hashes another text of it.',
    )
  return {
    paymentHash: needed(only(fields, FIELD.p, bytesIn), 'payment hash'),
    paymentSecret: needed(only(fields, FIELD.s, bytesIn), 'payment secret'),
    description: needed(text ?? hash, 'description of what is paid for'),
    metadata: only(fields, FIELD.m, bytesIn),
    expiry: only(fields, FIELD.x, safeNumber) ?? DEFAULT_EXPIRY,
    minFinalCltvExpiryDelta: only(fields, FIELD.c, safeNumber) ?? DEFAULT_MIN_FINAL_CLTV_EXPIRY_DELTA,
    fallbacks: fields.filter(({ type }) => type === FIELD.f).flatMap(({ words }) => fallbackIn(words)),
    routeHints: fields.filter(({ type }) => type === FIELD.r).map(({ words }) => hintsIn(words)),
    features: only(fields, FIELD.features, featuresIn) ?? NO_FEATURES,
  }
}

function needed<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw new FieldError('invoice-missing', `This invoice has no ${what}.`)
  return value
}

function featuresIn(words: readonly number[]): Features {
  const features = minimalNumber(words)
  const unknown = unknownRequired(features, KNOWN_FEATURES)
  if (unknown !== undefined)
    throw new FieldError(
      'invoice-feature',
      `This invoice asks for feature ${unknown}, which this program does not know.`,
    )
  // BOLT 9: dependencies are set, too.
  if (hasFeature(features, 'basic_mpp') && !hasFeature(features, 'payment_secret'))
    throw new FieldError(
      'invoice-feature',
      'This invoice takes payments in parts, but no payment secret to join them.',
    )
  return features
}

/** Whole bytes, the bits behind them 0. */
function bytesIn(words: readonly number[]): Uint8Array {
  const bytes = bech32.fromWordsUnsafe([...words])
  if (!bytes) throw new FieldError('invoice-field', 'A field of this invoice does not end on a whole byte.')
  return bytes
}

function textIn(words: readonly number[]): string {
  try {
    return utf8.encode(bytesIn(words))
  } catch (error) {
    if (error instanceof FieldError) throw error
    throw new FieldError('invoice-field', 'What this invoice says to be paid for is no text (UTF-8).')
  }
}

function wordsNumber(words: readonly number[]): bigint {
  return words.reduce((value, word) => (value << 5n) | BigInt(word), 0n)
}

function minimalNumber(words: readonly number[]): bigint {
  if (words[0] === 0) throw new FieldError('invoice-field', 'A number in this invoice begins with a zero.')
  return wordsNumber(words)
}

function safeNumber(words: readonly number[]): number {
  const value = minimalNumber(words)
  if (value > BigInt(Number.MAX_SAFE_INTEGER))
    throw new FieldError('invoice-field', 'A number in this invoice is over 2^53 - 1.')
  return Number(value)
}

/** A script of P2TR; other versions are of other networks and skipped, as BOLT 11 has it for unknown ones. */
function fallbackIn([version, ...program]: readonly number[]): Uint8Array[] {
  if (version !== TAPROOT_VERSION || program.length !== HASH_WORDS) return []
  return [p2trScript(bytesIn(program))]
}

function hintsIn(words: readonly number[]): RouteHint[] {
  const read = decodeWire(bytesIn(words), 'invoice-field', (reader) => {
    const hints: RouteHint[] = []
    do
      hints.push({
        nodeId: reader.point(),
        shortChannelId: reader.shortChannelId(),
        feeBase: msat(reader.u32()),
        feeProportionalMillionths: reader.u32(),
        cltvExpiryDelta: reader.u16(),
      })
    while (reader.remaining > 0)
    return hints
  })
  if (!read.ok)
    throw new FieldError('invoice-field', 'A way to the payee in this invoice is no list of channels.')
  return read.value
}

function nodeIdIn(words: readonly number[]): Uint8Array {
  const nodeId = bytesIn(words)
  if (nodeId.length !== POINT_BYTES || !isPoint(nodeId))
    throw new FieldError('invoice-field', 'The payee that this invoice names is no point of the curve.')
  return nodeId
}

/**
 * Who signed: the payee that the invoice names, where the signature is theirs and its s is low; else the one whom it recovers to, low s or not
 * (BOLT 11, Requirements).
 */
function signerOf(signature: Uint8Array, hash: Uint8Array, named: Uint8Array | undefined): Uint8Array {
  const compact = signature.subarray(0, SIGNATURE_BYTES - 1)
  if (named) {
    if (secp256k1.verify(compact, hash, named, { prehash: false, lowS: true })) return named
    throw new FieldError('invoice-signature', WRONG_SIGNATURE)
  }
  const signer = recoverPublicKey(compact, signature[SIGNATURE_BYTES - 1], hash)
  if (!signer) throw new FieldError('invoice-signature', WRONG_SIGNATURE)
  return signer
}

/** The public key under whose ECDSA signature (r ‖ s) a hash is (SEC 1, 4.1.6): 33 bytes. Undefined where there is none. */
function recoverPublicKey(compact: Uint8Array, recovery: number, hash: Uint8Array): Uint8Array | undefined {
  const [r, s] = [compact.subarray(0, 32), compact.subarray(32)].map((half) => bytesToNumberBE(half))
  if (r === 0n || s === 0n || r >= Fn.ORDER || s >= Fn.ORDER || recovery > 3) return undefined
  // The x of the nonce's point is r, or r + n where that is below the field's order.
  const x = recovery > 1 ? r + Fn.ORDER : r
  if (x >= Fp.ORDER) return undefined
  const point = concatBytes(Uint8Array.of(2 + (recovery & 1)), numberToBytesBE(x, 32))
  // (s·R − hash·G) / r
  const inverse = Fn.inv(r)
  const factor = Fn.neg(Fn.mul(Fn.create(bytesToNumberBE(hash)), inverse))
  return curve().sum([{ point, scalar: Fn.toBytes(Fn.mul(s, inverse)) }], Fn.toBytes(factor))
}

const WRONG_SIGNATURE = 'The signature of this invoice is wrong: it was changed, or made badly.'
