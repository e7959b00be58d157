/** Parameters that methods of payments and of PSBTs share. */
import type { Recipient } from '../wallet/wallet.ts'
import { RPC_DESERIALIZATION_ERROR, RpcError } from './rpc-error.ts'
import { amount, hexBytes, type Parameter, parameter, wrongType } from './rpc-method.ts'
import { psbtBytesOf } from './rpc-psbt-text.ts'

export const PSBT = parameter('psbt', 'base64, or hex', (value): Uint8Array => {
  if (typeof value !== 'string') throw wrongType('psbt', 'a PSBT in base64', value)
  const bytes = psbtBytesOf(value)
  if (bytes) return bytes
  throw new RpcError(RPC_DESERIALIZATION_ERROR, 'This is not a PSBT: it is not base64. Was it copied whole?')
})

const AMOUNT = amount('amount', 'in coins')

const DATA = hexBytes('data', 'what the payment carries')

/** Core's outputs: objects of address and amount, in one object or in an array of them. */
export const OUTPUTS: Parameter<Recipient[]> = parameter(
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
