/**
 * One value holds all that can vary between networks. Its canonical serialisation is committed to by the genesis block and
 * carried by links, so its decoder treats every field as a stranger's.
 */
import { type Sats, sats } from '../primitives/amount.ts'
import { equalBytes } from '../primitives/bytes.ts'
import { DecodeError, decodeWith, type Reader, Writer } from '../primitives/codec.ts'
import { invalid, ok, type Result } from '../primitives/result.ts'
import { decodeCompact, encodeCompact } from './pow.ts'

export interface NetworkParams {
  /** Version of the rules that params can't express: `RULES_VERSION`. A change of the rules is a new number and a new network. */
  readonly rulesVersion: number
  /** 1 to 32 characters of [a-z0-9-], for people. */
  readonly name: string
  /** Human-readable part of bech32m addresses, 1 to 16 characters of [a-z]. */
  readonly addressPrefix: string
  /** Seconds since 1970. */
  readonly genesisTime: number
  /** Easiest target allowed, compact form. Also the genesis block's. */
  readonly powLimitBits: number
  /** Whether difficulty follows the blocks' times (`difficulty.ts`); false keeps every block at the limit. */
  readonly retarget: boolean
  /** Seconds between blocks aimed at. */
  readonly targetSpacing: number
  /** Seconds of delay that double the target. */
  readonly halfLife: number
  /** Greatest block weight, weight units. */
  readonly weightLimit: number
  /** Subsidy of the first blocks, satoshis. */
  readonly initialSubsidy: Sats
  /** Blocks between halvings. */
  readonly halvingInterval: number
  /** Blocks before a coinbase output can be spent: one made at height h is spendable in block h + maturity. */
  readonly coinbaseMaturity: number
  /** The unspent coins are hashed after every block whose height is a multiple of it (`snapshot.ts`). */
  readonly snapshotInterval: number
  /** How many blocks later the result stands in a coinbase; less than the interval, so that one at most is outstanding. */
  readonly snapshotDelay: number
  /** Whether `generatetoaddress`, `setmocktime` and the like are offered: a network for tests. */
  readonly testControls: boolean
}

/** The rules that this code knows. */
export const RULES_VERSION = 3

/** No amount and no sum of amounts is greater on any network, satoshis: 21,000,000 coins. */
export const MAX_MONEY = sats(2_100_000_000_000_000)

/** Greatest length of a params serialisation, bytes. */
export const MAX_PARAMS_BYTES = 128

/** The network that a tab joins by itself. */
export const PUBLIC: NetworkParams = {
  rulesVersion: RULES_VERSION,
  name: 'opentab',
  addressPrefix: 'tab',
  // 22 November 2026, 00:00 UTC.
  genesisTime: 1_795_305_600,
  // A target of 2^230: 2^26 hashes a block.
  powLimitBits: 0x1d400000,
  retarget: true,
  targetSpacing: 30,
  halfLife: 600,
  weightLimit: 400_000,
  initialSubsidy: sats(250_000_000),
  halvingInterval: 4_200_000,
  coinbaseMaturity: 20,
  snapshotInterval: 1024,
  snapshotDelay: 64,
  testControls: false,
}

/** Blocks on demand, for tests. Limit, subsidy, halvings and maturity are those of Bitcoin Core's regtest. */
export const REGTEST: NetworkParams = {
  ...PUBLIC,
  name: 'regtest',
  addressPrefix: 'tabrt',
  powLimitBits: 0x207fffff,
  retarget: false,
  weightLimit: 4_000_000,
  initialSubsidy: sats(5_000_000_000),
  halvingInterval: 150,
  coinbaseMaturity: 100,
  testControls: true,
}

/** The canonical serialisation of params that `checkParams` accepts. */
export function encodeParams(params: NetworkParams): Uint8Array {
  return new Writer(MAX_PARAMS_BYTES)
    .u32(params.rulesVersion)
    .varBytes(asciiBytes(params.name))
    .varBytes(asciiBytes(params.addressPrefix))
    .u32(params.genesisTime)
    .u32(params.powLimitBits)
    .u8(params.retarget ? 1 : 0)
    .u32(params.targetSpacing)
    .u32(params.halfLife)
    .u32(params.weightLimit)
    .i64FromNumber(params.initialSubsidy)
    .u32(params.halvingInterval)
    .u32(params.coinbaseMaturity)
    .u32(params.snapshotInterval)
    .u32(params.snapshotDelay)
    .u8(params.testControls ? 1 : 0)
    .finish()
}

/**
 * Decodes params from a stranger. What it accepts passes `checkParams` and encodes to the same bytes. Rejects with
 * `params-decode-failed` what isn't such a serialisation, and with the codes of `checkParams`.
 */
export function decodeParams(bytes: Uint8Array): Result<NetworkParams> {
  const decoded = decodeWith(bytes, 'params-decode-failed', readParams)
  return decoded.ok ? checkParams(decoded.value) : decoded
}

function readParams(reader: Reader): NetworkParams {
  return {
    rulesVersion: reader.u32(),
    name: asciiText(reader.varBytes()),
    addressPrefix: asciiText(reader.varBytes()),
    genesisTime: reader.u32(),
    powLimitBits: reader.u32(),
    retarget: readFlag(reader),
    targetSpacing: reader.u32(),
    halfLife: reader.u32(),
    weightLimit: reader.u32(),
    initialSubsidy: sats(reader.i64AsNumber()),
    halvingInterval: reader.u32(),
    coinbaseMaturity: reader.u32(),
    snapshotInterval: reader.u32(),
    snapshotDelay: reader.u32(),
    testControls: readFlag(reader),
  }
}

function readFlag(reader: Reader): boolean {
  const flag = reader.u8()
  if (flag > 1) throw new DecodeError(`has a flag of ${flag}`)
  return flag === 1
}

function asciiBytes(text: string): Uint8Array {
  return Uint8Array.from(text, (char) => char.charCodeAt(0))
}

function asciiText(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes.subarray(0, MAX_PARAMS_BYTES))
}

/** Bounds of the whole numbers among the params, both included; units as in `NetworkParams`. */
export const PARAM_BOUNDS = {
  // From Bitcoin's genesis to 2096: header times end in 2106.
  genesisTime: [1_231_006_505, 4_000_000_000],
  targetSpacing: [1, 86_400],
  halfLife: [1, 31_536_000],
  // Room for a coinbase and a payment; no more than Bitcoin, since buffers and timeouts are sized by it.
  weightLimit: [10_000, 4_000_000],
  initialSubsidy: [0, MAX_MONEY],
  halvingInterval: [1, 0xffffffff],
  coinbaseMaturity: [1, 10_000],
  // Each time costs every tab a walk over all the coins.
  snapshotInterval: [8, 1_000_000],
  snapshotDelay: [1, 10_000],
} as const

/** Bitcoin's own address prefixes: a network that used them could pass its coins off as bitcoins. */
const RESERVED_PREFIXES = ['bc', 'tb', 'bcrt']

/** The networks of this program: their names, and address prefixes that begin as theirs do, are for no other. */
export const OWN_NETWORKS: readonly NetworkParams[] = [PUBLIC, REGTEST]

/** As people read a name: `0pen-t4b` looks as `opentab` does. */
function looks(name: string): string {
  return name
    .replace(/\d/g, (digit) => 'olzeasbtbg'[Number(digit)]!)
    .replaceAll('-', '')
    .replaceAll('i', 'l')
    .replaceAll('rn', 'm')
}

/** Names that promise more than a network of somebody's own is. */
const RESERVED_NAMES: readonly string[] = 'main mainnet public bitcoin regtest signet test testnet'
  .split(' ')
  .map(looks)

/** The limit lies between 2^192 (2^64 hashes a block) and regtest's. */
const MIN_POW_LIMIT = 1n << 192n
const MAX_POW_LIMIT = 0x7fffffn << 232n

/** Checks that params make a network that can work and can't harm a tab that joins it. */
export function checkParams(params: NetworkParams): Result<NetworkParams> {
  if (params.rulesVersion !== RULES_VERSION)
    return invalid(
      'params-rules-version',
      `The network follows rules ${params.rulesVersion}, this page knows rules ${RULES_VERSION}. A newer page may join it.`,
    )
  if (!/^[a-z0-9-]{1,32}$/.test(params.name))
    return invalid('params-name', 'The network name is not 1 to 32 characters of a-z, 0-9 and "-".')
  if (!/^[a-z]{1,16}$/.test(params.addressPrefix) || RESERVED_PREFIXES.includes(params.addressPrefix))
    return invalid('params-address-prefix', "The address prefix is not 1 to 16 letters a-z, or is Bitcoin's.")
  for (const field of Object.keys(PARAM_BOUNDS) as (keyof typeof PARAM_BOUNDS)[]) {
    const [least, greatest] = PARAM_BOUNDS[field]
    const value = params[field]
    if (!Number.isSafeInteger(value) || value < least || value > greatest)
      return invalid('params-out-of-range', `${field} is ${value}, not ${least} to ${greatest}.`)
  }
  // A half-life below the spacing doubles or halves the target at every block: it would swing, not settle.
  if (params.halfLife < params.targetSpacing)
    return invalid('params-out-of-range', 'The half-life is shorter than the block spacing.')
  // Times are whole seconds and never step back: at one second a block nothing could make blocks harder.
  if (params.retarget && params.targetSpacing < 2)
    return invalid('params-out-of-range', 'A spacing of 1 s leaves difficulty no way to rise.')
  if (params.snapshotDelay >= params.snapshotInterval)
    return invalid('params-out-of-range', 'A snapshot would be committed to only after the next was taken.')
  // The sum over all halvings is at most twice the first era's.
  if (params.initialSubsidy * params.halvingInterval * 2 > MAX_MONEY)
    return invalid('params-supply', 'The subsidies add up to more than 21,000,000 coins.')
  const { target } = decodeCompact(params.powLimitBits)
  if (target < MIN_POW_LIMIT || target > MAX_POW_LIMIT)
    return invalid('params-pow-limit', 'The proof-of-work limit is out of range.')
  if (encodeCompact(target) !== params.powLimitBits)
    return invalid('params-pow-limit', 'The proof-of-work limit is negative or not in its shortest form.')
  return checkOwnName(params)
}

/** A network must not pass for one of this program's, whose coins people trust. */
function checkOwnName(params: NetworkParams): Result<NetworkParams> {
  const bytes = encodeParams(params)
  if (OWN_NETWORKS.some((own) => equalBytes(encodeParams(own), bytes))) return ok(params)
  const { name, addressPrefix } = params
  if (looks(name).includes(looks(PUBLIC.name)) || RESERVED_NAMES.includes(looks(name)))
    return invalid(
      'params-name',
      `The network calls itself "${name}" and is another one: the name is reserved.`,
    )
  if (addressPrefix.startsWith(PUBLIC.addressPrefix))
    return invalid(
      'params-address-prefix',
      `The address prefix "${addressPrefix}" begins as those of Opentab's own networks do: it is reserved.`,
    )
  return ok(params)
}
