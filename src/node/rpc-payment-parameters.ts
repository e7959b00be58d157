/** Parameters that methods of payments and of PSBTs share. */
import type { Sats } from '../primitives/amount.ts'
import { SEQUENCE_FINAL } from '../primitives/lock-times.ts'
import { HASH_TYPES } from '../script/hash-types.ts'
import type { Recipient } from '../wallet/wallet.ts'
import { RPC_DESERIALIZATION_ERROR, RPC_INVALID_PARAMETER, RpcError } from './rpc-error.ts'
import {
  flag,
  integer,
  isObject,
  optional,
  type Parameter,
  parameter,
  text,
  txid,
  wrongType,
} from './rpc-method.ts'
import { amount, hexBytes, list, number, object, only, options, unused } from './rpc-parameters.ts'
import { psbtBytesOf } from './rpc-psbt-text.ts'

export const PSBT: Parameter<Uint8Array, string, 'psbt'> = parameter('psbt', 'base64, or hex', (value) => {
  if (typeof value !== 'string') throw wrongType('psbt', 'a PSBT in base64', value)
  const bytes = psbtBytesOf(value)
  if (bytes) return bytes
  throw new RpcError(RPC_DESERIALIZATION_ERROR, 'This is not a PSBT: it is not base64. Was it copied whole?')
})

/** A coin that is spent, as Bitcoin Core names it. */
export const INPUT = object('input', '{"txid", "vout", "sequence"}', {
  txid: txid(),
  vout: integer('vout', 'position among the outputs', 0, 0xffffffff),
  sequence: optional(integer('sequence', 'its sequence number', 0, SEQUENCE_FINAL), undefined),
  weight: unused('weight'),
})

const AMOUNT = amount('amount', 'in coins')

const DATA = hexBytes('data', 'what the payment carries')

type GivenOutputs = Readonly<Record<string, number | string>>

/** Core's outputs: objects of address and amount, in one object or in an array of them. */
export const OUTPUTS: Parameter<Recipient[], GivenOutputs | readonly GivenOutputs[], 'outputs'> = parameter(
  'outputs',
  '{"address": amount, …} or an array of these; {"data": hex} for data',
  (value) => {
    const objects: unknown[] = Array.isArray(value) ? value : [value]
    const recipients = objects.flatMap((pairs) => {
      if (!isObject(pairs)) throw wrongType('outputs', 'objects such as {"address": 1.5}', pairs)
      return Object.entries(pairs).map(([address, coins]) =>
        address === 'data' ? { data: DATA.parse(coins) } : { address, amount: AMOUNT.parse(coins) },
      )
    })
    refuseTwins(recipients)
    return recipients
  },
)

/** Throws where an address is named twice: a slip, more likely than meant. */
export function refuseTwins(recipients: readonly { readonly address?: string | undefined }[]): void {
  const seen = new Set<string>()
  for (const { address } of recipients)
    if (address !== undefined && seen.size === seen.add(address.toLowerCase()).size)
      throw new RpcError(RPC_INVALID_PARAMETER, `The address ${address.slice(0, 100)} is named twice.`)
}

/** Blocks within which a payment should confirm when nobody says otherwise. */
export const DEFAULT_TARGET = 3

export const TARGET = optional(
  integer('conf_target', `blocks within which it should confirm, ${DEFAULT_TARGET} by default`, 1, 1008),
  undefined,
)
export const FEE_RATE = optional(number('fee_rate', 'satoshis per virtual byte', 0.001, 100_000), undefined)
export const FEE_OPTIONS = { conf_target: TARGET, fee_rate: FEE_RATE }

export const REPLACEABLE = only('replaceable', true, 'every payment that waits can be replaced (BIP125)')

/** What stands for no bound, of confirmations or coins (Bitcoin Core's `DEFAULT_MAX_DEPTH`). */
export const MANY = 9_999_999

/** nVersion; BIP68 needs 2. */
export const VERSION = optional(integer('version', 'of the transaction, 2 by default', 1, 2), undefined)

/** The options of all methods that choose coins. */
const CHOICE_FIELDS = {
  ...FEE_OPTIONS,
  estimate_mode: unused('estimate_mode'),
  replaceable: REPLACEABLE,
  include_unsafe: only('include_unsafe', false, 'what others have yet to confirm is not spent'),
  minconf: optional(integer('minconf', 'confirmations at least of a coin that is chosen', 0, MANY), 0),
  maxconf: optional(integer('maxconf', 'confirmations at most of a coin that is chosen', 0, MANY), MANY),
  solving_data: unused('solving_data'),
  max_tx_weight: optional(
    integer('max_tx_weight', 'weight units that it may take', 1, 4_000_000),
    Number.POSITIVE_INFINITY,
  ),
}

/** The options of all that choose coins until these suffice. */
export const FUNDING_FIELDS = {
  ...CHOICE_FIELDS,
  add_inputs: optional(
    flag('add_inputs', 'coins are added to those that are named, where they do not suffice'),
    undefined,
  ),
}

const CHANGE_ADDRESS = 'where change goes; a fresh own address by default'
const CHANGE_POSITION = 'place of the change among the outputs; by lot by default'
const LOCK_UNSPENTS = 'its coins are locked: see lockunspent'
const BEARERS = 'positions of the outputs that bear the fee, in equal parts'
const POSITION = integer('position', 'position among the outputs', 0, 10_000)
const CHANGE_TYPE = only('change_type', 'bech32m', 'this network has no other type')

/** The options of `walletcreatefundedpsbt` and `fundrawtransaction`. */
export const FUND_OPTIONS = options({
  ...FUNDING_FIELDS,
  changeAddress: optional(text('changeAddress', CHANGE_ADDRESS), undefined),
  changePosition: optional(integer('changePosition', CHANGE_POSITION, 0, 10_000), undefined),
  change_type: CHANGE_TYPE,
  includeWatching: unused('includeWatching'),
  lockUnspents: optional(flag('lockUnspents', LOCK_UNSPENTS), false),
  feeRate: optional(amount('feeRate', 'coins per 1,000 virtual bytes'), undefined),
  subtractFeeFromOutputs: optional(list('subtractFeeFromOutputs', BEARERS, POSITION), []),
  input_weights: unused('input_weights'),
})

/** What becomes of a payment beside being sent. */
const FINISH_FIELDS = {
  inputs: optional(list('inputs', 'coins to spend', INPUT), []),
  locktime: optional(
    integer(
      'locktime',
      'height or time before which it is not valid; the height of the tip by default',
      0,
      0xffffffff,
    ),
    undefined,
  ),
  lock_unspents: optional(flag('lock_unspents', LOCK_UNSPENTS), false),
  psbt: optional(flag('psbt', 'a PSBT is answered, and nothing sent'), false),
  add_to_wallet: optional(flag('add_to_wallet', 'false: it is answered and not sent'), true),
  change_type: CHANGE_TYPE,
  include_watching: unused('include_watching'),
}

/** The options of `send`. */
export const SEND_OPTIONS = options({
  ...FUNDING_FIELDS,
  ...FINISH_FIELDS,
  change_address: optional(text('change_address', CHANGE_ADDRESS), undefined),
  change_position: optional(integer('change_position', CHANGE_POSITION, 0, 10_000), undefined),
  subtract_fee_from_outputs: optional(list('subtract_fee_from_outputs', BEARERS, POSITION), []),
})

/** The options of `sendall`. */
export const SEND_ALL_OPTIONS = options({
  ...CHOICE_FIELDS,
  ...FINISH_FIELDS,
  version: VERSION,
  send_max: optional(flag('send_max', 'coins that cost more than they bring are left'), false),
})

/** A recipient of `sendall`: an amount that is named, or whatever is left. */
export type Share =
  | { readonly address: string; readonly amount: Sats | undefined }
  | { readonly address?: undefined; readonly data: Uint8Array }

/** Core's recipients of `sendall`: addresses that share what is left, and objects as in `outputs`. */
export const SHARES: Parameter<Share[], readonly (string | GivenOutputs)[], 'recipients'> = parameter(
  'recipients',
  'addresses, which share what is left in equal parts, and objects such as {"address": amount}',
  (value) => {
    if (!Array.isArray(value)) throw wrongType('recipients', 'an array', value)
    const shares = value.flatMap((item): Share[] =>
      typeof item === 'string' ? [{ address: item, amount: undefined }] : OUTPUTS.parse(item),
    )
    refuseTwins(shares)
    return shares
  },
  'an array',
)

/** Core's amounts by address. */
export const AMOUNTS: Parameter<
  { readonly address: string; readonly amount: Sats }[],
  Readonly<Record<string, number | string>>,
  'amounts'
> = parameter(
  'amounts',
  '{"address": amount, …}',
  (value) => {
    if (!isObject(value)) throw wrongType('amounts', 'an object such as {"address": 1.5}', value)
    const payees = Object.entries(value).map(([address, given]) => ({ address, amount: AMOUNT.parse(given) }))
    refuseTwins(payees)
    return payees
  },
  'an object',
)

export const BUMP_OPTIONS = options({ ...FEE_OPTIONS, replaceable: REPLACEABLE })

/** Types of signature hashes by Core's names; undefined where nobody named one. */
export const HASH_TYPE = optional(
  parameter(
    'sighashtype',
    `what the signatures commit to: ${[...HASH_TYPES.keys()].join(', ')}; DEFAULT by default, which is all of the transaction`,
    (value): number => {
      if (typeof value !== 'string') throw wrongType('sighashtype', 'a text', value)
      const type = HASH_TYPES.get(value)
      if (type !== undefined) return type
      throw new RpcError(
        RPC_INVALID_PARAMETER,
        `'${value.slice(0, 40)}' is not a valid sighash parameter: use one of ${[...HASH_TYPES.keys()].join(', ')}.`,
      )
    },
  ),
  undefined,
)
