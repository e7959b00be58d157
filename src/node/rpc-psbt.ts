/**
 * RPC: partially signed transactions (BIP174), by the roles that they pass through: created, updated, signed, combined, finalised. None is
 * called complete unless its witnesses were run with the coins that it spends.
 */
import { base64 } from '@scure/base'
import { REPLACEABLE_SEQUENCE } from '../policy/fees.ts'
import { sats } from '../primitives/amount.ts'
import { bytesToHex } from '../primitives/bytes.ts'
import { type Txid, toDisplay } from '../primitives/hashes.ts'
import { SEQUENCE_FINAL } from '../primitives/lock-times.ts'
import { decodeTransaction, type Outpoint, outpointOf, type TxOutput } from '../primitives/transaction.ts'
import { decodeAddress } from '../script/address.ts'
import { nullDataScript, p2trScript } from '../script/taproot.ts'
import { Psbt, type PsbtInput, type PsbtOutput } from '../wallet/psbt.ts'
import { withKnownCoins } from '../wallet/psbt-update.ts'
import type { Recipient, Wallet } from '../wallet/wallet.ts'
import type { NodeCore } from './node-core.ts'
import { RPC_DESERIALIZATION_ERROR, RPC_INVALID_PARAMETER, RpcError } from './rpc-error.ts'
import { coins, feeRate } from './rpc-json.ts'
import { flag, implement, integer, method, optional, type Parsed, type RpcMethod } from './rpc-method.ts'
import { hexBytes, list } from './rpc-parameters.ts'
import { INPUT, OUTPUTS, PSBT } from './rpc-payment-parameters.ts'
import { psbtJson } from './rpc-psbt-json.ts'
import type { AnswerOf } from './rpc-result.ts'
import type { Results } from './rpc-results.ts'
import { walletProcessPsbt } from './rpc-signing-methods.ts'
import { requireWallet, unwrap } from './rpc-wallet-error.ts'

const PSBTS = list('txs', 'PSBTs in base64', PSBT)

function parsePsbt(bytes: Uint8Array): Psbt {
  return unwrap(Psbt.parse(bytes))
}

/** The outputs at these places, as far as the chain or the mempool has them. */
export async function outputsAt(
  { chain, mempool }: NodeCore,
  places: readonly Outpoint[],
): Promise<(TxOutput | undefined)[]> {
  const confirmed = await chain.coins(places)
  return places.map(({ txid, index }, i): TxOutput | undefined => {
    const coin = confirmed[i]
    return coin
      ? { value: coin.value, scriptPubKey: p2trScript(coin.outputKey) }
      : mempool.get(toDisplay<Txid>(txid))?.transaction.outputs[index]
  })
}

/** With the coins that the chain or the mempool has. Throws where the PSBT says something else of one. */
async function withCoins(node: NodeCore, psbt: Psbt): Promise<Psbt> {
  const known = await outputsAt(
    node,
    psbt.inputs.map(({ prevout }) => prevout),
  )
  return unwrap(withKnownCoins(psbt, known))
}

/** With the wallet's signatures for what is not yet signed. */
export async function signedBy(wallet: Wallet, psbt: Psbt, hashType: number | undefined): Promise<Psbt> {
  // Nothing is left to sign, or the keys are elsewhere.
  if (wallet.signer.status().state === 'none' || psbt.extract().ok) return psbt
  const signed = await wallet.signer.signPsbt(psbt.bytes, undefined, hashType)
  if (signed.ok) return parsePsbt(signed.value)
  const isOwn = ({ spent }: PsbtInput): boolean => spent !== undefined && wallet.isMine(spent.scriptPubKey)
  // Its part is done, others' is not.
  if (signed.code === 'psbt-not-ours' && psbt.inputs.some(isOwn)) return psbt
  return unwrap(signed)
}

function outputOf(recipient: Recipient, prefix: string): PsbtOutput {
  if (recipient.address === undefined)
    return {
      value: sats(0),
      scriptPubKey: nullDataScript(recipient.data),
      key: undefined,
    }
  const { address, amount } = recipient
  return { value: amount, scriptPubKey: unwrap(decodeAddress(address, prefix)), key: undefined }
}

/** By which the lock time of a transaction holds, and nothing else. */
const SEQUENCE_LOCKED = 0xfffffffe

function sequenceOf(asked: number | undefined, replaceable: boolean, lockTime: number): number {
  return asked ?? (replaceable ? REPLACEABLE_SEQUENCE : lockTime > 0 ? SEQUENCE_LOCKED : SEQUENCE_FINAL)
}

/** The roles of BIP174, from the first that a PSBT may wait for to the last. */
const ROLES = ['creator', 'updater', 'signer', 'finalizer', 'extractor'] as const
type Role = (typeof ROLES)[number]

/** What an input waits for. */
function roleFor(psbt: Psbt, final: Psbt, index: number): Role {
  if (!psbt.inputs[index].spent) return 'updater'
  if (psbt.inputs[index].isFinal) return 'extractor'
  return final.inputs[index].isFinal ? 'finalizer' : 'signer'
}

function analysisOf(psbt: Psbt): AnswerOf<Results['analyzepsbt']> {
  const final = psbt.finalized()
  const next = psbt.inputs.map((_, index) => roleFor(psbt, final, index))
  const { fee } = psbt
  if (fee !== undefined && fee < 0)
    return {
      inputs: [],
      next: 'creator',
      error: 'It pays more than the coins it spends hold: no such transaction is valid.',
    }
  const signed = final.extract()
  const byKey = psbt.inputs.every(({ spent, isFinal, leaves }) => spent && !isFinal && leaves.length === 0)
  const vsize = signed.ok ? signed.value.vsize : byKey ? psbt.keyPathVsize : undefined
  return {
    inputs: psbt.inputs.map(({ spent }, index) => ({
      has_utxo: spent !== undefined,
      is_final: next[index] === 'extractor',
      next: next[index],
    })),
    ...(vsize === undefined ? {} : { estimated_vsize: vsize }),
    ...(vsize === undefined || fee === undefined ? {} : { estimated_feerate: feeRate((fee * 1000) / vsize) }),
    ...(fee === undefined ? {} : { fee: coins(fee) }),
    next: ROLES.find((role) => next.includes(role)) ?? 'extractor',
  }
}

const CREATION = [
  list('inputs', 'coins to spend', INPUT),
  OUTPUTS,
  optional(integer('locktime', 'height or time before which it is not valid', 0, 0xffffffff), 0),
  optional(flag('replaceable', 'its inputs say that it can be replaced (default)'), true),
  optional(integer('version', 'of the transaction, 2 by default', 1, 3), 2),
] as const

/** What `createpsbt` makes of its arguments. */
function created(
  node: NodeCore,
  ...[inputs, outputs, lockTime, replaceable, version]: Parsed<typeof CREATION>
): Psbt {
  return Psbt.of({
    version,
    inputs: inputs.map(({ txid, vout, sequence }) => ({
      prevout: outpointOf(txid, vout),
      sequence: sequenceOf(sequence, replaceable, lockTime),
      spent: undefined,
      key: undefined,
    })),
    outputs: outputs.map((recipient) => outputOf(recipient, node.params.addressPrefix)),
    lockTime,
  })
}

export const psbtMethods = [
  method(
    'createpsbt',
    'A PSBT of these inputs and outputs, as it is: nothing is added, neither coins nor change.',
    CREATION,
    (node: NodeCore, ...given) => base64.encode(created(node, ...given).bytes),
  ),
  method(
    'createrawtransaction',
    'An unsigned transaction of these inputs and outputs, in hex: nothing is added, neither coins nor change.',
    CREATION,
    (node: NodeCore, ...given) => bytesToHex(created(node, ...given).unsigned.bytes),
  ),
  method(
    'converttopsbt',
    'A PSBT of a transaction, without its signatures.',
    [
      hexBytes('hexstring', 'a transaction'),
      optional(flag('permitsigdata', 'drop its signatures; else a signed one is refused'), false),
      optional(flag('iswitness', 'not used: the form is recognised'), undefined),
    ],
    async (_node: NodeCore, bytes, permitSignatures) => {
      const decoded = decodeTransaction(bytes)
      if (!decoded.ok)
        throw new RpcError(RPC_DESERIALIZATION_ERROR, `This is not a transaction. ${decoded.detail}`)
      const { version, inputs, outputs, lockTime, hasWitness } = decoded.value
      if (!permitSignatures && (hasWitness || inputs.some(({ scriptSig }) => scriptSig.length > 0)))
        throw new RpcError(
          RPC_DESERIALIZATION_ERROR,
          'This transaction is signed, and a PSBT would lose that: set permitsigdata to true if it is meant.',
        )
      const converted = Psbt.of({
        version,
        inputs: inputs.map(({ prevout, sequence }) => ({
          prevout,
          sequence,
          spent: undefined,
          key: undefined,
        })),
        outputs: outputs.map((output) => ({ ...output, key: undefined })),
        lockTime,
      })
      return base64.encode(converted.bytes)
    },
  ),
  method(
    'utxoupdatepsbt',
    'The PSBT with the coins that it spends, as far as the chain or the mempool has them.',
    [PSBT],
    async (node: NodeCore, bytes) => base64.encode((await withCoins(node, parsePsbt(bytes))).bytes),
  ),
  implement(walletProcessPsbt, async (node, bytes, sign, hashType, derivations, finalize) => {
    const given = parsePsbt(bytes)
    const wallet = await requireWallet(node)
    const updated = unwrap(wallet.updatePsbt(await withCoins(node, given)))
    const signed = sign ? await signedBy(wallet, updated, hashType) : updated
    const result = finalize ? signed.finalized() : signed
    const extracted = result.extract()
    return {
      psbt: base64.encode((derivations ? result : result.withKeysOf(given)).bytes),
      complete: extracted.ok,
      ...(extracted.ok ? { hex: bytesToHex(extracted.value.bytes) } : {}),
    }
  }),
  method(
    'combinepsbt',
    'One PSBT with all that several of the same transaction have.',
    [PSBTS],
    async (_node: NodeCore, texts) => {
      const [first, ...others] = parseAll(texts, 1)
      return base64.encode(others.reduce((all, one) => unwrap(all.combine(one)), first).bytes)
    },
  ),
  method(
    'joinpsbts',
    'One PSBT with the inputs and outputs of several, in an order by lot.',
    [PSBTS],
    async (node: NodeCore, texts) => {
      const parts = parseAll(texts, 2)
      return base64.encode(unwrap(Psbt.join(parts, node.random)).bytes)
    },
  ),
  method(
    'finalizepsbt',
    'The transaction of a PSBT whose inputs are all signed; else the PSBT, with the witnesses of those that are.',
    [PSBT, optional(flag('extract', 'false: the PSBT is given back also when it is complete'), true)],
    async (node: NodeCore, bytes, extract) => {
      const final = (await withCoins(node, parsePsbt(bytes))).finalized()
      const extracted = final.extract()
      return extracted.ok && extract
        ? { hex: bytesToHex(extracted.value.bytes), complete: true }
        : { psbt: base64.encode(final.bytes), complete: extracted.ok }
    },
  ),
  method(
    'analyzepsbt',
    'What a PSBT and each of its inputs wait for, and what it will cost.',
    [PSBT],
    async (_node: NodeCore, bytes) => analysisOf(parsePsbt(bytes)),
  ),
  method('decodepsbt', 'All that is in a PSBT.', [PSBT], async (node: NodeCore, bytes) =>
    psbtJson(node, parsePsbt(bytes)),
  ),
] satisfies readonly RpcMethod<NodeCore>[]

/** At least so many PSBTs. */
function parseAll(texts: readonly Uint8Array[], least: number): [Psbt, ...Psbt[]] {
  const psbts = texts.map(parsePsbt)
  const [first, ...others] = psbts
  if (first === undefined || psbts.length < least)
    throw new RpcError(
      RPC_INVALID_PARAMETER,
      `txs must have at least ${least === 1 ? 'one PSBT' : `${least} PSBTs`}.`,
    )
  return [first, ...others]
}
