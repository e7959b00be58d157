/** RPC: signatures that send nothing: of transactions that others put together, and of messages (BIP322). */
import { base64 } from '@scure/base'
import { bytesToHex } from '../primitives/bytes.ts'
import { type Txid, toDisplay } from '../primitives/hashes.ts'
import {
  decodeTransaction,
  outpointKey,
  outpointOf,
  Transaction,
  type TxOutput,
} from '../primitives/transaction.ts'
import { decodeAddress } from '../script/address.ts'
import { packOutputs } from '../script/input-check.ts'
import { STANDARD_SCRIPT_FLAGS } from '../script/script-flags.ts'
import { SighashCache } from '../script/sighash.ts'
import {
  decodeWitness,
  encodeWitness,
  messageOutput,
  SIMPLE_PREFIX,
  transactionToSign,
  verifiesMessage,
} from '../script/signed-message.ts'
import { verifyInput } from '../script/verify-input.ts'
import { equalOutputs, Psbt } from '../wallet/psbt.ts'
import type { Wallet } from '../wallet/wallet.ts'
import type { NodeCore } from './node-core.ts'
import {
  RPC_DESERIALIZATION_ERROR,
  RPC_INVALID_ADDRESS_OR_KEY,
  RPC_TYPE_ERROR,
  RpcError,
} from './rpc-error.ts'
import { implement, method, type RpcMethod, text } from './rpc-method.ts'
import { outputsAt, signedBy } from './rpc-psbt.ts'
import { signMessage, signRawTransactionWithWallet } from './rpc-signing-methods.ts'
import { requireKeys, requireWallet, unwrap } from './rpc-wallet-error.ts'

/** The witness of each input of a transaction whose coins are all known, once the wallet has signed its own; empty where there is none. */
async function signedWitnesses(
  wallet: Wallet,
  { version, inputs, outputs, lockTime }: Transaction,
  spent: readonly TxOutput[],
  hashType: number | undefined,
): Promise<(readonly Uint8Array[])[]> {
  if (!spent.some(({ scriptPubKey }) => wallet.isMine(scriptPubKey))) return inputs.map(() => [])
  const psbt = Psbt.of({
    version,
    inputs: inputs.map(({ prevout, sequence }, at) => ({
      prevout,
      sequence,
      spent: spent[at],
      key: wallet.addressInfo(spent[at].scriptPubKey).key,
    })),
    outputs: outputs.map((output) => ({ ...output, key: wallet.addressInfo(output.scriptPubKey).key })),
    lockTime,
  })
  const { maps } = (await signedBy(wallet, psbt, hashType)).finalized()
  return maps.inputs.map(({ finalScriptWitness }) => finalScriptWitness ?? [])
}

/** What is wrong with each input; empty where it is valid, as the mempool has it. */
function faultsOf(transaction: Transaction, spent: readonly (TxOutput | undefined)[]): string[] {
  const known = spent.flatMap((output) => output ?? [])
  if (known.length < spent.length)
    return spent.map((output) =>
      output
        ? 'A signature commits to all coins that are spent, and not all are known.'
        : 'The coin that it spends is not found, or spent already.',
    )
  const sighashes = new SighashCache(transaction, packOutputs(known))
  return transaction.inputs.map(({ witness }, at) => {
    if (witness.length === 0) return 'It has no signature, and the wallet has no key for it.'
    const verdict = verifyInput(sighashes, at, STANDARD_SCRIPT_FLAGS)
    return verdict.ok ? '' : verdict.detail
  })
}

export const signMethods = [
  implement(signRawTransactionWithWallet, async (node: NodeCore, bytes, previous, hashType) => {
    const wallet = await requireWallet(node)
    const decoded = decodeTransaction(bytes)
    if (!decoded.ok)
      throw new RpcError(RPC_DESERIALIZATION_ERROR, `This is not a transaction. ${decoded.detail}`)
    const given = decoded.value
    const named = new Map(
      previous.map(({ txid, vout, scriptPubKey, amount }) => [
        outpointKey(outpointOf(txid, vout)),
        { value: amount, scriptPubKey },
      ]),
    )
    const places = given.inputs.map(({ prevout }) => prevout)
    const known = await outputsAt(node, places)
    const spent = places.map((place, at) => {
      const told = named.get(outpointKey(place))
      const found = known[at]
      if (told && found && !equalOutputs(told, found))
        throw new RpcError(
          RPC_DESERIALIZATION_ERROR,
          `prevtxs says something else of the coin ${outpointKey(place)} than the chain. No signature for it would be valid.`,
        )
      return found ?? told
    })
    const whole = spent.flatMap((output) => output ?? [])
    const isDone = faultsOf(given, spent).every((fault) => fault === '')
    const witnesses =
      isDone || whole.length < spent.length ? [] : await signedWitnesses(wallet, given, whole, hashType)
    const { version, inputs, outputs, lockTime } = given
    const signed = Transaction.of({
      version,
      inputs: inputs.map((input, at) => ({
        ...input,
        witness: witnesses[at]?.length ? witnesses[at] : input.witness,
      })),
      outputs,
      lockTime,
    })
    const errors = faultsOf(signed, spent).flatMap((error, at) => {
      if (error === '') return []
      const { prevout, scriptSig, sequence, witness } = signed.inputs[at]
      return {
        txid: toDisplay<Txid>(prevout.txid),
        vout: prevout.index,
        witness: witness.map(bytesToHex),
        scriptSig: bytesToHex(scriptSig),
        sequence,
        error,
      }
    })
    return {
      hex: bytesToHex(signed.bytes),
      complete: errors.length === 0,
      ...(errors.length > 0 && { errors }),
    }
  }),
  implement(signMessage, async (node, address, message) => {
    const wallet = await requireKeys(node)
    const scriptPubKey = unwrap(decodeAddress(address, node.params.addressPrefix))
    const { key } = wallet.addressInfo(scriptPubKey)
    if (!key)
      throw new RpcError(
        RPC_INVALID_ADDRESS_OR_KEY,
        'This address is not the wallet’s own: it has no key for it.',
      )
    const { version, inputs, outputs, lockTime } = transactionToSign(scriptPubKey, message)
    const psbt = Psbt.of({
      version,
      inputs: inputs.map((input) => ({ ...input, spent: messageOutput(scriptPubKey), key })),
      outputs: outputs.map((output) => ({ ...output, key: undefined })),
      lockTime,
    })
    const signed = unwrap(Psbt.parse(unwrap(await wallet.signer.signPsbt(psbt.bytes))))
    const { witness } = unwrap(signed.extract()).inputs[0]
    return SIMPLE_PREFIX + base64.encode(encodeWitness(witness))
  }),
  method(
    'verifymessage',
    'Whether whoever can spend from an address signed a text (BIP322, simple; with its prefix or, as before, without).',
    [
      text('address', 'whose signature it should be'),
      text('signature', 'of signmessage'),
      text('message', 'what was signed'),
    ],
    async (node: NodeCore, address, signature, message) => {
      const scriptPubKey = unwrap(decodeAddress(address, node.params.addressPrefix))
      const witness = witnessOf(signature)
      return witness !== undefined && verifiesMessage(scriptPubKey, message, witness)
    },
  ),
] satisfies readonly RpcMethod<NodeCore>[]

/** The witness in a signature of the variant "simple". Throws where it is no base64; undefined where that is no witness. */
function witnessOf(signature: string): readonly Uint8Array[] | undefined {
  const text = signature.startsWith(SIMPLE_PREFIX) ? signature.slice(SIMPLE_PREFIX.length) : signature
  let bytes: Uint8Array
  try {
    bytes = base64.decode(text)
  } catch {
    throw new RpcError(RPC_TYPE_ERROR, 'This is not a signature: it is not base64. Was it copied whole?')
  }
  const decoded = decodeWitness(bytes)
  return decoded.ok ? decoded.value : undefined
}
