/** RPC: partially signed transactions (BIP174): signed, put together and told. */
import { base64 } from '@scure/base'
import { bytesToHex } from '../primitives/bytes.ts'
import type { Psbt } from '../wallet/psbt.ts'
import type { NodeCore } from './node-core.ts'
import { RPC_DESERIALIZATION_ERROR, RpcError } from './rpc-error.ts'
import { coins } from './rpc-json.ts'
import { method, parameter, type RpcMethod, wrongType } from './rpc-method.ts'
import { transactionJson } from './rpc-transaction-json.ts'
import { requireWallet, unwrap } from './rpc-wallet-error.ts'

const PSBT = parameter('psbt', 'base64', (value): Uint8Array => {
  if (typeof value !== 'string') throw wrongType('psbt', 'a PSBT in base64', value)
  return fromBase64(value.trim())
})

async function parsePsbt(node: NodeCore, bytes: Uint8Array): Promise<Psbt> {
  return unwrap((await node.loadPsbt()).parse(bytes))
}

function fromBase64(encoded: string): Uint8Array {
  try {
    return base64.decode(encoded)
  } catch {
    throw new RpcError(
      RPC_DESERIALIZATION_ERROR,
      'This is not a PSBT: it is not base64. Was it copied whole?',
    )
  }
}

export const psbtMethods: readonly RpcMethod<NodeCore>[] = [
  method(
    'walletprocesspsbt',
    'Signs the inputs of a PSBT that are this wallet’s. A complete one is sent with finalizepsbt and sendrawtransaction.',
    [PSBT],
    async (node, bytes) => {
      const psbt = await parsePsbt(node, bytes)
      await requireWallet(node)
      const signed = await parsePsbt(node, unwrap(await node.signer.signPsbt(psbt.bytes)))
      const extracted = signed.extract()
      return {
        psbt: base64.encode(signed.bytes),
        complete: extracted.ok,
        ...(extracted.ok ? { hex: bytesToHex(extracted.value.bytes) } : {}),
      }
    },
  ),
  method(
    'finalizepsbt',
    'The transaction of a PSBT whose inputs are all signed.',
    [PSBT],
    async (node: NodeCore, bytes) => {
      const psbt = await parsePsbt(node, bytes)
      const extracted = psbt.extract()
      return extracted.ok
        ? { hex: bytesToHex(extracted.value.bytes), complete: true }
        : { psbt: base64.encode(psbt.bytes), complete: false }
    },
  ),
  method(
    'decodepsbt',
    'The transaction in a PSBT, and what it pays as far as the PSBT tells.',
    [PSBT],
    async (node: NodeCore, bytes) => {
      const psbt = await parsePsbt(node, bytes)
      const spent = psbt.inputs.map((input) => input.spent?.value)
      const known = spent.every((value) => value !== undefined)
      const paid = psbt.outputs.reduce((sum, { value }) => sum + value, 0)
      return {
        tx: transactionJson(node, psbt.unsigned),
        ...(known ? { fee: coins((spent as number[]).reduce((sum, value) => sum + value, 0) - paid) } : {}),
      }
    },
  ),
]
