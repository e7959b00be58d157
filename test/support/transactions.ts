/** Transactions for tests: arbitrary ones for codecs, and signed key-path spends for verification. */
import { schnorr } from '@noble/curves/secp256k1.js'
import fc from 'fast-check'
import { sats } from '../../src/primitives/amount.ts'
import { EMPTY } from '../../src/primitives/bytes.ts'
import { NULL_OUTPOINT, Transaction, type TransactionFields } from '../../src/primitives/transaction.ts'
import { packOutputs } from '../../src/script/input-check.ts'
import { hashAnnex, SIGHASH_DEFAULT, SighashCache } from '../../src/script/sighash.ts'
import { p2trScript, taprootOutputKey, tweakSecretKey } from '../../src/script/taproot.ts'

const u32 = fc.integer({ min: 0, max: 0xffffffff })
const bytes32 = fc.uint8Array({ minLength: 32, maxLength: 32 })
/** Lengths on both sides of a CompactSize's step are likely. */
const script = fc.oneof(
  fc.uint8Array({ maxLength: 80 }),
  fc.integer({ min: 250, max: 260 }).map((length) => new Uint8Array(length).fill(0x51)),
)

/** Objects as literals make them: `deepEqual` compares prototypes. */
const PLAIN = { noNullPrototype: true }

const input = fc.record(
  {
    prevout: fc.oneof(fc.record({ txid: bytes32, index: u32 }, PLAIN), fc.constant(NULL_OUTPOINT)),
    scriptSig: script,
    sequence: u32,
    witness: fc.oneof(fc.constant([]), fc.array(script, { maxLength: 4 })),
  },
  PLAIN,
)
const output = fc.record({ value: fc.maxSafeInteger().map(sats), scriptPubKey: script }, PLAIN)

/** Any transaction with at least one input: scripts, amounts and witnesses of any sort. */
export const anyTransactionFields: fc.Arbitrary<TransactionFields> = fc.record(
  {
    version: u32,
    inputs: fc.array(input, { minLength: 1, maxLength: 4 }),
    outputs: fc.array(output, { maxLength: 4 }),
    lockTime: u32,
  },
  PLAIN,
)

/** How one input of a key-path spend is signed. */
export interface KeyPathSigning {
  /** Of the internal key, 32 bytes. */
  readonly secretKey: Uint8Array
  /** Satoshis of the coin spent. */
  readonly value: number
  readonly hashType?: number
  readonly annex?: Uint8Array
}

/** The scriptPubKey that `secretKey` spends by key path, without a script tree. */
export function scriptOf(secretKey: Uint8Array): Uint8Array {
  const tweaked = taprootOutputKey(schnorr.getPublicKey(secretKey))
  if (!tweaked) throw new Error('no taproot output for this key')
  return p2trScript(tweaked.outputKey)
}

/** Signs every input of `fields` (BIP340 with zeros as auxiliary randomness). */
export function signKeyPath(
  fields: TransactionFields,
  signing: readonly KeyPathSigning[],
): { transaction: Transaction; spentOutputs: Uint8Array } {
  const unsigned = Transaction.of({
    ...fields,
    inputs: fields.inputs.map((input) => ({ ...input, scriptSig: EMPTY, witness: [] })),
  })
  const spentOutputs = packOutputs(
    signing.map(({ secretKey, value }) => ({ value: sats(value), scriptPubKey: scriptOf(secretKey) })),
  )
  const sighashes = new SighashCache(unsigned, spentOutputs)
  const inputs = unsigned.inputs.map((input, index) => {
    const { secretKey, annex, hashType = SIGHASH_DEFAULT } = signing[index]
    const message = sighashes.sighash(index, hashType, annex && hashAnnex(annex))
    if (!message) throw new Error(`nothing to sign with hash type ${hashType}`)
    const signature = schnorr.sign(message, tweakSecretKey(secretKey), new Uint8Array(32))
    const item = hashType === SIGHASH_DEFAULT ? signature : Uint8Array.of(...signature, hashType)
    return { ...input, witness: annex ? [item, annex] : [item] }
  })
  return { transaction: Transaction.of({ ...unsigned, inputs }), spentOutputs }
}
