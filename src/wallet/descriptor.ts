/**
 * Output descriptors: the public description of an account. Of BIP380, BIP386 and BIP389 the part that this wallet
 * spends by: `tr(KEY)`, key path only, with a public key that needs no secret to derive from. Pure, any thread.
 */

import { HDKey } from '@scure/bip32'
import { putBounded } from '../primitives/bounded.ts'
import { hexToBytes, isHex } from '../primitives/bytes.ts'
import { taprootOutputKey } from '../script/taproot.ts'
import { invalid, ok, type Rejection, type Result } from './result.ts'

/** First index of hardened children (BIP32). */
export const HARDENED = 0x8000_0000

/** Where a key comes from: what a PSBT tells its signer (BIP174, BIP371). */
export interface KeyOrigin {
  /** First 4 bytes of HASH160 of the master public key, big-endian. */
  readonly fingerprint: number
  /** Child numbers from the master key on; hardened ones from 2^31 up. */
  readonly path: readonly number[]
}

/** A key of an account, ready to receive. */
export interface DerivedKey {
  /** X-only, 32 bytes: before the tweak. */
  readonly internalKey: Uint8Array
  /** X-only, 32 bytes: what the P2TR output holds. */
  readonly outputKey: Uint8Array
  readonly origin: KeyOrigin
}

export interface Descriptor {
  /** As written, with its checksum. */
  readonly text: string
  /** Whether it ends in `/*`, one key an index. Otherwise every index gives the same key. */
  readonly ranged: boolean
  /** How many paths BIP389's `<a;b>` lists; 1 without it. */
  readonly branches: number
  /**
   * The key at `index` (below 2^31) of a branch: BIP32 public derivation, then BIP341's tweak without script tree,
   * as BIP86 says. Takes about a millisecond.
   */
  derive(branch: number, index: number): DerivedKey
}

const MAX_DESCRIPTOR_CHARACTERS = 1_000

/** The descriptor of an account with a receiving and a change branch: `tr([origin]xpub/<0;1>/*)`. */
export function accountDescriptor(xpub: string, origin: KeyOrigin): Descriptor {
  const fingerprint = origin.fingerprint.toString(16).padStart(8, '0')
  const steps = origin.path.map((step) => (step < HARDENED ? `/${step}` : `/${step - HARDENED}h`))
  const parsed = parseDescriptor(`tr([${fingerprint}${steps.join('')}]${xpub}/<0;1>/*)`)
  if (!parsed.ok) throw new Error(parsed.detail)
  return parsed.value
}

/** Parses a descriptor; its checksum is checked where it has one. Rejects with `descriptor-invalid`. */
export function parseDescriptor(text: string): Result<Descriptor> {
  if (text.length > MAX_DESCRIPTOR_CHARACTERS) return bad('It is too long.')
  const [body, checksum, ...rest] = text.trim().split('#')
  if (rest.length > 0) return bad('It has more than one "#".')
  const stranger = [...body].find((char) => !INPUT_CHARACTERS.includes(char))
  if (stranger) return bad(`It has a character that descriptors don't use: "${stranger}".`)
  if (checksum !== undefined && checksum !== descriptorChecksum(body))
    return bad('Its checksum behind "#" does not fit: copy it again, whole.')
  const expression = /^tr\((.*)\)$/.exec(body)?.[1]
  if (expression === undefined) return bad('Only tr(…) describes coins of this network.')
  if (expression.includes(',')) return bad('It has a script tree; this wallet spends by key path only.')
  const parts = /^(?:\[([0-9a-fA-F]{8})((?:\/[^/\]]*)*)\])?([0-9A-Za-z]+)((?:\/[^/]*)*)$/.exec(expression)
  if (!parts) return bad('It should look like tr([fingerprint/86h/…]xpub/<0;1>/*).')
  const [, fingerprint, originPath = '', keyText, path] = parts
  const originSteps = parseSteps(originPath)
  if (!originSteps)
    return bad(`The origin "${originPath}" should be a path of numbers, with an h where hardened.`)
  const known =
    fingerprint === undefined
      ? undefined
      : { fingerprint: Number.parseInt(fingerprint, 16), path: originSteps }

  if (/^[xt]prv/.test(keyText))
    return bad('It holds a private key (xprv). Use its public one (xpub): private keys stay in the signer.')
  if (isHex(keyText, 32)) {
    const internalKey = hexToBytes(keyText)
    if (path !== '') return bad('A single key can have no path behind it.')
    if (!taprootOutputKey(internalKey)) return bad('Its key is no point of the curve.')
    return ok(fromBranches(body, false, [{ origin: known ?? NO_ORIGIN, internalKey: () => internalKey }]))
  }
  const account = parseXpub(keyText)
  if (!account) return bad('Its key is neither an xpub, copied whole, nor 64 hex digits.')
  const ranged = path.endsWith('/*')
  const paths = parseBranches(ranged ? path.slice(0, -2) : path)
  if (!paths)
    return bad(`The path "${path}" should be of plain numbers below 2^31 and at most one <a;b>, then /*.`)
  const origin = known ?? { fingerprint: account.fingerprint, path: [] }
  const branches = paths.map((steps) => {
    let parent: HDKey | undefined
    return {
      origin: { fingerprint: origin.fingerprint, path: [...origin.path, ...steps] },
      internalKey: (index: number) => {
        // Not before it is needed: the keys of a wallet that is opened again are mostly known.
        parent ??= steps.reduce((key, step) => key.deriveChild(step), account)
        return xOnly(ranged ? parent.deriveChild(index) : parent)
      },
    }
  })
  return ok(fromBranches(body, ranged, branches))
}

/** The descriptors that a descriptor with BIP389's `<a;b>` stands for, one a branch, each with its checksum; itself where it has none. */
export function branchesOf({ text }: Descriptor): string[] {
  const [body] = text.split('#')
  const tuple = /<([^<>]*)>/.exec(body!)
  const bodies = tuple ? tuple[1]!.split(';').map((branch) => body!.replace(tuple[0], branch)) : [body!]
  return bodies.map((one) => `${one}#${descriptorChecksum(one)}`)
}

/** The descriptor with `<a;b>` (BIP389) of two that differ in the step before the last alone; undefined where they do in anything else. */
export function joinBranches(receiving: Descriptor, change: Descriptor): Descriptor | undefined {
  const [first, second] = [receiving, change].map(({ text }) => /^(.*\/)(\d+)\/\*\)#/.exec(text))
  if (!first || !second || first[1] !== second[1]) return undefined
  const joined = parseDescriptor(`${first[1]}<${first[2]};${second[2]}>/*)`)
  return joined.ok ? joined.value : undefined
}

/** The x coordinate of a key's point, 32 bytes. */
function xOnly(key: HDKey): Uint8Array {
  if (!key.publicKey) throw new Error('An extended key without its public key')
  return key.publicKey.slice(1)
}

interface Branch {
  readonly origin: KeyOrigin
  /** X-only, 32 bytes. */
  internalKey(index: number): Uint8Array
}

const NO_ORIGIN: KeyOrigin = { fingerprint: 0, path: [] }

function fromBranches(body: string, ranged: boolean, branches: readonly Branch[]): Descriptor {
  const text = `${body}#${descriptorChecksum(body)}`
  const known = keysOf(text)
  const derive = (branch: number, index: number): DerivedKey => {
    const key = `${branch}/${index}`
    const derived = known.get(key) ?? deriveAnew(branch, index)
    known.set(key, derived)
    return derived
  }
  const deriveAnew = (branch: number, index: number): DerivedKey => {
    const { origin, internalKey: keyAt } = branches[branch]
    const internalKey = keyAt(index)
    const tweaked = taprootOutputKey(internalKey)
    // BIP341 leaves this open with a probability of 2^-128.
    if (!tweaked) throw new Error(`Key ${index} of ${text} has no output key`)
    const path = ranged ? [...origin.path, index] : origin.path
    return { internalKey, outputKey: tweaked.outputKey, origin: { fingerprint: origin.fingerprint, path } }
  }
  return { text, ranged, branches: branches.length, derive }
}

/** Descriptors whose keys are remembered. */
const MAX_REMEMBERED = 16
const remembered = new Map<string, Map<string, DerivedKey>>()

/** The keys derived so far of a descriptor: each takes a millisecond, and every payment and every reopened wallet asks for the same ones. */
function keysOf(text: string): Map<string, DerivedKey> {
  const keys = remembered.get(text) ?? new Map<string, DerivedKey>()
  putBounded(remembered, text, keys, MAX_REMEMBERED)
  return keys
}

/** `/86h/1'/0` as child numbers; undefined where a step is none. */
function parseSteps(path: string): number[] | undefined {
  const steps = path.split('/').slice(1).map(parseStep)
  return steps.includes(undefined) ? undefined : (steps as number[])
}

function parseStep(text: string): number | undefined {
  const match = /^(\d{1,10})([h']?)$/.exec(text)
  const number = Number(match?.[1])
  return match && number < HARDENED ? number + (match[2] ? HARDENED : 0) : undefined
}

/**
 * `/5/<0;1>` as one path a branch, unhardened: [[5, 0], [5, 1]]. Undefined where it is none, or lists a branch
 * twice.
 */
function parseBranches(path: string): number[][] | undefined {
  const tuple = /<([^<>]*)>/.exec(path)
  const alternatives = tuple ? tuple[1].split(';') : ['']
  if (tuple && alternatives.length < 2) return undefined
  const paths = alternatives.map((branch) => parseSteps(tuple ? path.replace(tuple[0], branch) : path))
  // As numbers: 0 may be written 00, and change would come back to addresses that were given out.
  if (new Set(paths.map(String)).size < paths.length) return undefined
  return paths.every((steps) => steps?.every((step) => step < HARDENED)) ? (paths as number[][]) : undefined
}

/** Bitcoin's version bytes are used on every network: what differs is the coin type in the path. */
function parseXpub(text: string): HDKey | undefined {
  try {
    return HDKey.fromExtendedKey(text)
  } catch {
    return undefined
  }
}

function bad(reason: string): Rejection {
  return invalid('descriptor-invalid', `This descriptor can't be used. ${reason}`)
}

/** BIP380, Checksum: the characters by group of 32, and those of the checksum itself. */
const INPUT_CHARACTERS =
  '0123456789()[],\'/*abcdefgh@:$%{}IJKLMNOPQRSTUVWXYZ&+-.;<=>?!^_|~ijklmnopqrstuvwxyzABCDEFGH`#"\\ '
const CHECKSUM_CHARACTERS = 'qpzry9x8gf2tvdw0s3jn54khce6mua7l'
const GENERATOR = [0xf5dee51989n, 0xa9fdca3312n, 0x1bab10e32dn, 0x3706b1677an, 0x644d626ffdn]

/** The 8 characters behind `#` (BIP380). `body` holds descriptor characters only. */
export function descriptorChecksum(body: string): string {
  const positions = [...body].map((char) => INPUT_CHARACTERS.indexOf(char))
  const symbols: number[] = []
  for (let i = 0; i < positions.length; i += 3) {
    const triple = positions.slice(i, i + 3)
    symbols.push(...triple.map((position) => position & 31))
    symbols.push(triple.reduce((sum, position) => sum * 3 + (position >> 5), 0))
  }
  let checksum = 1n
  for (const symbol of [...symbols, 0, 0, 0, 0, 0, 0, 0, 0]) {
    const top = checksum >> 35n
    checksum = ((checksum & 0x7ffffffffn) << 5n) ^ BigInt(symbol)
    for (let i = 0; i < 5; i++) if ((top >> BigInt(i)) & 1n) checksum ^= GENERATOR[i]
  }
  checksum ^= 1n
  return Array.from({ length: 8 }, (_, i) => {
    return CHECKSUM_CHARACTERS[Number((checksum >> BigInt(5 * (7 - i))) & 31n)]
  }).join('')
}
