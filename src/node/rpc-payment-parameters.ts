/** Parameters that methods of payments and of PSBTs share. */
import { HASH_TYPES } from '../script/hash-types.ts'
import type { Recipient } from '../wallet/wallet.ts'
import { RPC_DESERIALIZATION_ERROR, RPC_INVALID_PARAMETER, RpcError } from './rpc-error.ts'
import { integer, optional, type Parameter, parameter, wrongType } from './rpc-method.ts'
import { amount, hexBytes, number, only, options } from './rpc-parameters.ts'
import { psbtBytesOf } from './rpc-psbt-text.ts'

export const PSBT: Parameter<Uint8Array, string, 'psbt'> = parameter('psbt', 'base64, or hex', (value) => {
  if (typeof value !== 'string') throw wrongType('psbt', 'a PSBT in base64', value)
  const bytes = psbtBytesOf(value)
  if (bytes) return bytes
  throw new RpcError(RPC_DESERIALIZATION_ERROR, 'This is not a PSBT: it is not base64. Was it copied whole?')
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
    return objects.flatMap((pairs) => {
      if (typeof pairs !== 'object' || pairs === null || Array.isArray(pairs))
        throw wrongType('outputs', 'objects such as {"address": 1.5}', pairs)
      return Object.entries(pairs).map(([address, coins]) =>
        address === 'data' ? { data: DATA.parse(coins) } : { address, amount: AMOUNT.parse(coins) },
      )
    })
  },
)

/** Blocks within which a payment should confirm when nobody says otherwise. */
export const DEFAULT_TARGET = 3

export const TARGET = optional(
  integer('conf_target', `blocks within which it should confirm, ${DEFAULT_TARGET} by default`, 1, 1008),
  undefined,
)
export const FEE_RATE = optional(number('fee_rate', 'satoshis per virtual byte', 0.001, 100_000), undefined)
export const FEE_OPTIONS = { conf_target: TARGET, fee_rate: FEE_RATE }

export const REPLACEABLE = only('replaceable', true, 'every payment that waits can be replaced (BIP125)')

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
