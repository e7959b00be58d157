/**
 * What transactions and blocks must satisfy without knowing coins: `check…` needs nothing else, `contextualCheck…` the headers
 * before. Order and codes are Bitcoin Core's. A code is `invalid`, and marks a block's header for ever, only once the header is
 * known to commit to what was looked at; before that it is `mutated`. Pure.
 */
import { formatCoins } from '../primitives/amount.ts'
import { type Block, merkleRoot } from '../primitives/block.ts'
import { compareBytes, equalBytes } from '../primitives/bytes.ts'
import { SEQUENCE_FINAL } from '../primitives/lock-times.ts'
import { invalid, mutated, OK, type Result } from '../primitives/result.ts'
import { isNullOutpoint, type Outpoint, outpointKey, Transaction } from '../primitives/transaction.ts'
import { pushNumber } from '../script/opcodes.ts'
import { isNullData, isP2tr } from '../script/taproot.ts'
import type { BlockContext } from './block-context.ts'
import {
  coinbasePrefix,
  findWitnessCommitment,
  MAX_COINBASE_SCRIPT_BYTES,
  witnessCommitment,
  witnessMerkleRoot,
} from './coinbase.ts'
import { isFinal } from './locks.ts'
import { MAX_MONEY, type NetworkParams } from './params.ts'

/** Stripped size that no transaction may have (BIP54): it could pass for an inner node of the merkle tree. */
const FORBIDDEN_SIZE = 64

/**
 * Weight units of the limit for each signature that a block may hold. BIP342's budget of 50 allows a block whose signatures take a plain
 * verifier more than a tenth of the block spacing; scripts in use take 99 at least, an item of 65 and the push of a key.
 */
export const WEIGHT_PER_SIGNATURE = 96

/**
 * Witness items that can be a signature by their length (BIP341): 64 bytes, or 65 with a hash type. No transaction has more signatures to
 * verify, since no opcode makes elements of these lengths, and a script can't hold a signature of itself.
 */
export function signatureItems(tx: Transaction): number {
  let count = 0
  for (const { witness } of tx.inputs)
    for (const { length } of witness) if (length === 64 || length === 65) count++
  return count
}

/**
 * Checks a transaction by itself, in or out of a block. Looks only at what its txid commits to, never at its witness, so that a
 * rejection holds for every transaction of that txid.
 */
export function checkTransaction(tx: Transaction, params: NetworkParams): Result<void> {
  if (tx.inputs.length === 0) return invalid('bad-txns-vin-empty', 'The transaction has no input.')
  if (tx.outputs.length === 0) return invalid('bad-txns-vout-empty', 'The transaction has no output.')
  if (tx.strippedSize * 4 > params.weightLimit)
    return invalid('bad-txns-oversize', `The transaction has ${tx.strippedSize} bytes, too many for a block.`)
  if (tx.strippedSize === FORBIDDEN_SIZE)
    return invalid('bad-txns-size', 'A transaction of 64 bytes could pass for a merkle tree node (BIP54).')

  let total = 0
  for (const { value } of tx.outputs) {
    if (value < 0) return invalid('bad-txns-vout-negative', 'An output has a negative amount.')
    if (value > MAX_MONEY)
      return invalid('bad-txns-vout-toolarge', 'An output is greater than all the money there can be.')
    total += value
    if (total > MAX_MONEY)
      return invalid('bad-txns-txouttotal-toolarge', 'The outputs add up to more than all the money.')
  }
  // Stricter than Bitcoin (`docs/protocol.md`, Transactions): nobody burns coins by mistake, and every coin has one form.
  for (const { value, scriptPubKey } of tx.outputs) {
    if (isP2tr(scriptPubKey)) continue
    if (!isNullData(scriptPubKey))
      return invalid('bad-txns-output-type', 'An output is neither P2TR nor OP_RETURN of at most 83 bytes.')
    if (value !== 0)
      return invalid('bad-txns-output-type', `An OP_RETURN output would burn ${formatCoins(value)} coins.`)
  }

  const twice = duplicatePrevout(tx)
  if (twice)
    return invalid('bad-txns-inputs-duplicate', `The transaction spends ${outpointKey(twice)} twice.`)
  if (tx.isCoinbase) {
    const { length } = tx.inputs[0].scriptSig
    if (length < 2 || length > MAX_COINBASE_SCRIPT_BYTES)
      return invalid('bad-cb-length', `The coinbase's scriptSig has ${length} bytes, not 2 to 100.`)
    return OK
  }
  for (const { prevout, scriptSig } of tx.inputs) {
    if (isNullOutpoint(prevout)) return invalid('bad-txns-prevout-null', 'An input names no coin.')
    // BIP141 asks it of every witness program, and every coin here is one.
    if (scriptSig.length !== 0)
      return invalid('bad-txns-scriptsig-not-empty', 'An input has a scriptSig; P2TR takes none (BIP341).')
  }
  return OK
}

/** Inputs that are compared pair by pair: cheaper than sorting them. */
const FEW_INPUTS = 8

/** An outpoint that two inputs spend. */
function duplicatePrevout({ inputs }: Transaction): Outpoint | undefined {
  if (inputs.length <= FEW_INPUTS) {
    for (let i = 1; i < inputs.length; i++)
      for (let j = 0; j < i; j++)
        if (compareOutpoints(inputs[i].prevout, inputs[j].prevout) === 0) return inputs[i].prevout
    return undefined
  }
  // Sorted, equal outpoints are neighbours; cheaper than keys for a set.
  const prevouts = inputs.map(({ prevout }) => prevout).toSorted(compareOutpoints)
  return prevouts.find((prevout, i) => i > 0 && compareOutpoints(prevouts[i - 1], prevout) === 0)
}

function compareOutpoints(a: Outpoint, b: Outpoint): number {
  return compareBytes(a.txid, b.txid) || a.index - b.index
}

/**
 * Checks a block's body against its header, then by itself. The header's work is `checkHeader`'s matter.
 *
 * Whoever passes a block on can change its body but not its header, so the order matters. First the merkle root ties the
 * transactions without witness to the header; then the commitment in the coinbase ties the witnesses. Until then a fault is the
 * body's alone, `mutated`, and another body may be good. From then on the header commits to every byte.
 */
export function checkBlock(block: Block, params: NetworkParams): Result<void> {
  const { transactions } = block
  Transaction.identify(transactions)
  const { root, repeated } = merkleRoot(transactions.map((tx) => tx.txidBytes))
  if (!equalBytes(root, block.header.merkleRoot))
    return mutated('bad-txnmrklroot', "The transactions don't have the header's merkle root.")
  // CVE-2012-2459: transactions repeated at the end leave the root as it is.
  if (repeated) return mutated('bad-txns-duplicate', 'The list of transactions repeats itself.')

  if (transactions.length === 0) return invalid('bad-blk-length', 'The block has no transaction.')
  const [coinbase, ...others] = transactions
  if (!coinbase.isCoinbase) {
    // Inner nodes of the merkle tree, 64 bytes each, can stand in for the transactions below them. A body of them never starts
    // with a coinbase: grinding one takes 2^224 hashes. So only here is the true list of transactions in doubt.
    const doubtful = transactions.some((tx) => tx.strippedSize === FORBIDDEN_SIZE)
    return (doubtful ? mutated : invalid)('bad-cb-missing', 'The first transaction is not a coinbase.')
  }

  const commitment = findWitnessCommitment(coinbase)
  // Stricter than BIP141, which asks for it only where there are witnesses.
  if (!commitment) return invalid('bad-witness-commitment', 'The coinbase has no witness commitment.')
  const { witness } = coinbase.inputs[0]
  if (witness.length !== 1 || witness[0].length !== 32)
    return mutated('bad-witness-nonce-size', "The coinbase's witness is not one item of 32 bytes.")
  if (!equalBytes(commitment, witnessCommitment(witnessMerkleRoot(transactions), witness[0])))
    return mutated('bad-witness-merkle-match', "The witnesses don't match the coinbase's commitment.")

  if (block.weight > params.weightLimit)
    return invalid('bad-blk-weight', `The block weighs ${block.weight}; ${params.weightLimit} are allowed.`)
  const signatures = transactions.reduce((sum, tx) => sum + signatureItems(tx), 0)
  if (signatures * WEIGHT_PER_SIGNATURE > params.weightLimit)
    return invalid(
      'bad-blk-signatures',
      `The witnesses hold ${signatures} items of a signature's length; ${Math.floor(params.weightLimit / WEIGHT_PER_SIGNATURE)} are allowed.`,
    )
  if (others.some((tx) => tx.isCoinbase))
    return invalid('bad-cb-multiple', 'The block has more than one coinbase.')
  for (const tx of transactions) {
    const checked = checkTransaction(tx, params)
    if (!checked.ok) return { ...checked, detail: `Transaction ${tx.txid}: ${checked.detail}` }
  }
  return OK
}

/** Checks a block that passed `checkBlock` against the headers before it: locks, and the form of its coinbase. */
export function contextualCheckBlock(block: Block, context: BlockContext): Result<void> {
  for (const tx of block.transactions)
    if (!isFinal(tx, context.height, context.medianTimePast))
      return invalid('bad-txns-nonfinal', `Transaction ${tx.txid} is locked until ${tx.lockTime}.`)
  return checkCoinbaseForm(block.transactions[0], context.height, context.genesisHash)
}

/**
 * Checks what a coinbase says about its place: its height (BIP34) and network, which make its txid unlike any other's, and its
 * lock (`checkCoinbaseLock`). What follows in its scriptSig is the miner's.
 */
function checkCoinbaseForm(coinbase: Transaction, height: number, genesisHash: Uint8Array): Result<void> {
  const { scriptSig } = coinbase.inputs[0]
  const heightPush = pushNumber(height)
  if (!equalBytes(scriptSig.subarray(0, heightPush.length), heightPush))
    return invalid('bad-cb-height', `The coinbase does not start with the block's height ${height} (BIP34).`)
  const prefix = coinbasePrefix(height, genesisHash)
  if (!equalBytes(scriptSig.subarray(0, prefix.length), prefix))
    return invalid('bad-cb-network', 'The coinbase does not name this network after the height.')
  return checkCoinbaseLock(coinbase, height)
}

/** BIP54: a coinbase is locked to the height before its own, and no sequence makes that void. */
export function checkCoinbaseLock(coinbase: Transaction, height: number): Result<void> {
  if (coinbase.lockTime !== height - 1)
    return invalid('bad-cb-locktime', `The coinbase's lock time is ${coinbase.lockTime}, not ${height - 1}.`)
  if (coinbase.inputs[0].sequence === SEQUENCE_FINAL)
    return invalid('bad-cb-sequence', "The coinbase's sequence makes its lock time void.")
  return OK
}
