/**
 * Segwit addresses: bech32m (BIP350), with the prefix of any network. Whoever mistypes an address is told where, and what it
 * may have been. Pure, any thread.
 */
import { bech32, bech32m } from '@scure/base'
import { invalid, type Ok, ok, type Rejection, type Result } from '../primitives/result.ts'
import { outputKeyOf, p2trScript } from './taproot.ts'

/** A witness program as an address names it (BIP141). */
export interface SegwitAddress {
  /** The human-readable part, lower case. */
  readonly prefix: string
  /** Witness version, 0 to 16. */
  readonly version: number
  /** 2 to 40 bytes; 20 or 32 in version 0. */
  readonly program: Uint8Array
}

/** Why a text is no address of this network. */
export type AddressCode = `address-${
  | 'character'
  | 'checksum'
  | 'encoding'
  | 'format'
  | 'length'
  | 'mixed-case'
  | 'prefix'
  | 'version'}`

/** A refused address. */
export interface AddressRejection extends Rejection<AddressCode> {
  /** Positions of the wrong characters, counted from 0, where they could be located (Core's `error_locations`). */
  readonly errorLocations?: readonly number[]
  /** The address of this network that was probably meant. To be shown and compared, never taken by itself. */
  readonly suggestion?: string
}

/** The bech32m address of a 32-byte output key: `<prefix>1p…`. */
export function encodeAddress(outputKey: Uint8Array, prefix: string): string {
  return encodeSegwitAddress({ prefix, version: 1, program: outputKey })
}

/** The address that an output pays to; undefined where it is not P2TR. */
export function addressOf(scriptPubKey: Uint8Array, prefix: string): string | undefined {
  const outputKey = outputKeyOf(scriptPubKey)
  return outputKey && encodeAddress(outputKey, prefix)
}

/**
 * The scriptPubKey that an address of this network stands for: witness version 1, 32 bytes, in one case. Rejects with
 * `address-prefix`, `address-version`, or a code of `decodeSegwitAddress`.
 */
export function decodeAddress(text: string, prefix: string): Ok<Uint8Array> | AddressRejection {
  const decoded = decodeSegwitAddress(text)
  if (!text.toLowerCase().startsWith(`${prefix}1`)) {
    const detail = decoded.ok
      ? `This address belongs to another network: it starts with "${decoded.value.prefix}1", those of this network with "${prefix}1".`
      : `Addresses of this network start with "${prefix}1".`
    return locate(text, prefix, invalid('address-prefix', detail))
  }
  if (!decoded.ok) return locate(text, prefix, decoded)
  const { version, program } = decoded.value
  if (version !== 1)
    return invalid(
      'address-version',
      `This address has witness version ${version}: this network knows version 1 (taproot) only.`,
    )
  if (program.length !== OUTPUT_KEY_BYTES)
    return invalid(
      'address-length',
      `This address holds ${program.length} bytes, a taproot address holds ${OUTPUT_KEY_BYTES}. Was it copied whole?`,
    )
  return ok(p2trScript(program))
}

const OUTPUT_KEY_BYTES = 32
/** Characters after the prefix: separator, version, 256 bits in fives, checksum. */
const ADDRESS_CHARACTERS = 1 + 1 + 52 + 6

/** The address of a witness program: bech32 for version 0 (BIP173), bech32m for the others (BIP350). Lower case. */
export function encodeSegwitAddress({ prefix, version, program }: SegwitAddress): string {
  const codec = version === 0 ? bech32 : bech32m
  return codec.encode(prefix, [version, ...codec.toWords(program)])
}

/**
 * Reads a segwit address of any network (BIP350, Addresses for segregated witness outputs). Rejects with `address-format`,
 * `address-mixed-case`, `address-character`, `address-checksum`, `address-encoding`, `address-version`, `address-length`.
 */
export function decodeSegwitAddress(text: string): Result<SegwitAddress, AddressCode> {
  const lower = text.toLowerCase()
  const separator = lower.lastIndexOf('1')
  if (separator < 1 || lower.length - separator <= 1 + CHECKSUM_CHARACTERS || lower.length > MAX_CHARACTERS)
    return invalid('address-format', 'This is not an address. Was it copied whole?')
  const stray = strayCharacter(text, separator)
  if (stray >= 0)
    return invalid(
      'address-character',
      `Character ${stray + 1}, "${text[stray]}", does not occur in addresses.`,
    )
  if (text !== lower && text !== text.toUpperCase())
    return invalid(
      'address-mixed-case',
      'An address is written in lower case or in capitals, this one mixes both. Copy it again.',
    )
  const asBech32m = bech32m.decodeUnsafe(lower, MAX_CHARACTERS)
  const decoded = asBech32m ?? bech32.decodeUnsafe(lower, MAX_CHARACTERS)
  if (!decoded) return invalid('address-checksum', 'The address contains a mistake: its checksum is wrong.')

  const [version, ...words] = decoded.words
  if (version > 16)
    return invalid('address-version', `This address has the witness version ${version}: there are 0 to 16.`)
  if ((version === 0) === (asBech32m !== undefined))
    return invalid(
      'address-encoding',
      `An address of witness version ${version} ends with a ${version === 0 ? 'bech32' : 'bech32m'} checksum, ` +
        `this one with that of ${version === 0 ? 'bech32m' : 'bech32'}. Ask for a new address.`,
    )
  const program = bech32m.fromWordsUnsafe(words)
  if (!program) return invalid('address-length', 'What this address holds does not end on a whole byte.')
  const lengthFits = version === 0 ? [20, 32].includes(program.length) : program.length >= 2
  if (!lengthFits || program.length > 40)
    return invalid(
      'address-length',
      `This address holds ${program.length} bytes, which witness version ${version} does not have.`,
    )
  return ok({ prefix: decoded.prefix, version, program })
}

const CHECKSUM_CHARACTERS = 6
/** BIP173: the checksum finds any 4 errors up to this length. */
const MAX_CHARACTERS = 90
const CHARSET = 'qpzry9x8gf2tvdw0s3jn54khce6mua7l'

/** Position of the first character that is not printable ASCII, or after the separator not in bech32's alphabet; else -1. */
function strayCharacter(text: string, separator: number): number {
  return text.split('').findIndex((character, at) => {
    // Printable first: there are characters beyond ASCII whose lower case is in the alphabet, such as the Kelvin sign.
    const allowed = /[!-~]/.test(character) && (at <= separator || CHARSET.includes(character.toLowerCase()))
    return !allowed
  })
}

/**
 * Adds to a rejection what one slip of the keyboard would explain: one wrong character, two neighbours swapped, or a wrong
 * prefix. BIP173 advises against correcting for the user, since a correction of several errors would make the checksum blind.
 * One slip has about 2,000 variants of 2^30, so a badly garbled address finds none of them; we show where it differs.
 */
function locate(text: string, prefix: string, rejection: AddressRejection): AddressRejection {
  const lower = text.toLowerCase()
  const written = text === text.toUpperCase() ? lower : text
  if (lower.length !== prefix.length + ADDRESS_CHARACTERS) return rejection
  for (const candidate of slips(lower, prefix)) {
    // The checksum alone first: it refuses nearly all, and this runs some two thousand times.
    if (bech32m.decodeUnsafe(candidate)?.prefix !== prefix) continue
    const decoded = decodeSegwitAddress(candidate)
    if (!decoded.ok || decoded.value.version !== 1) continue
    const errorLocations = differences(written, candidate)
    const places = errorLocations.map((at) => at + 1).join(', ')
    const detail = `${rejection.detail} Compare character ${places} with the original: was it "${candidate}"?`
    return { ...rejection, detail, errorLocations, suggestion: candidate }
  }
  return rejection
}

/** What one slip could have turned into `lower`. */
function* slips(lower: string, prefix: string): Iterable<string> {
  yield prefix + lower.slice(prefix.length)
  // From the separator on, which may have changed places with the first character behind it.
  for (let at = prefix.length; at < lower.length; at++) {
    const [before, after] = [lower.slice(0, at), lower.slice(at + 1)]
    for (const character of CHARSET) yield before + character + after
    if (at + 1 < lower.length) yield `${before}${lower[at + 1]}${lower[at]}${lower.slice(at + 2)}`
  }
}

function differences(a: string, b: string): number[] {
  return Array.from(b).flatMap((character, at) => (character === a[at] ? [] : [at]))
}
