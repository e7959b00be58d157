/** Coins locked by a script, and the transactions that spend them by script path (BIP341, BIP342). */
import { schnorr } from '@noble/curves/secp256k1.js'
import { bytesToHex } from '../../src/primitives/bytes.ts'
import { Transaction, unsignedInput } from '../../src/primitives/transaction.ts'
import { packOutputs } from '../../src/script/input-check.ts'
import { hashAnnex, SIGHASH_DEFAULT, SighashCache } from '../../src/script/sighash.ts'
import { p2trScript, taprootOutputKey } from '../../src/script/taproot.ts'
import { type SpendOptions, TestWallet } from '../support/chain-builder.ts'
import { parseAsm } from '../support/script-asm.ts'
import {
  controlBlocksOf,
  rootOf,
  type ScriptTree,
  TAPSCRIPT_LEAF_VERSION,
  tapLeafHash,
} from '../support/tapscript-spends.ts'
import type { RuleId } from './rules.ts'
import type { ScenarioWriter } from './scenario.ts'

const SECRETS = ['alice', 'bob', 'carol'].map((name) => new TestWallet(name).secretKey)
/** The keys of the signers as scripts push them, for `parseAsm`. */
export const KEYS = SECRETS.map((secret) => `0x20${bytesToHex(schnorr.getPublicKey(secret))}`)

/** How a signature is made; by default the first signer's, for everything, before any OP_CODESEPARATOR. */
export interface SigningOptions {
  readonly signer?: number
  readonly hashType?: number
  readonly codeSeparator?: number
}

/** A coin locked by a script, and its spend. */
export interface LeafSpend extends SpendOptions {
  /** As Bitcoin Core's tests write scripts (`parseAsm`). */
  readonly asm: string
  /** The witness items under the script, bottom first; none by default. */
  readonly stack?: (sign: (options?: SigningOptions) => Uint8Array) => readonly Uint8Array[]
  readonly leafVersion?: number
  /** Leaves beside it: each one level above the one before. */
  readonly depth?: number
  readonly annex?: Uint8Array
  /** Last word on the whole witness. */
  readonly tamper?: (witness: readonly Uint8Array[]) => readonly Uint8Array[]
}

/** Blocks with these spends, one each: those that keep `rule` are taken, those that break it refused. */
export function judge(
  s: ScenarioWriter,
  rule: RuleId,
  spends: { readonly keep: readonly LeafSpend[]; readonly break: readonly LeafSpend[] },
): void {
  const all = [...spends.keep, ...spends.break]
  const coin = s.coin()
  const value = Math.floor(coin.value / all.length)
  const outputs = all.map((spend) => ({ ...s.own(value), scriptPubKey: scriptPubKeyOf(spend) }))
  const funding = s.spend({ coin, outputs })
  s.accept(s.mine([funding]))
  // Old enough for the relative locks of the scripts.
  s.grow(2)
  const spending = (spend: LeafSpend, index: number): Transaction =>
    spendLeaf(s, spend, { txid: funding.txidBytes, index }, value)
  all.forEach((spend, index) => {
    const block = s.mine([spending(spend, index)])
    if (index < spends.keep.length) s.accept(block, rule)
    else s.reject(block, rule)
  })
}

function scriptPubKeyOf(spend: LeafSpend): Uint8Array {
  const tweaked = taprootOutputKey(INTERNAL_KEY, rootOf(treeOf(spend)))
  if (!tweaked) throw new Error('The script has no output key')
  return p2trScript(tweaked.outputKey)
}

function spendLeaf(
  s: ScenarioWriter,
  spend: LeafSpend,
  prevout: { readonly txid: Uint8Array; readonly index: number },
  value: number,
): Transaction {
  const { annex, version = 2, lockTime = 0, sequence = 0, leafVersion = TAPSCRIPT_LEAF_VERSION } = spend
  const script = parseAsm(spend.asm)
  const [controlBlock] = controlBlocksOf(INTERNAL_KEY, treeOf(spend))
  const input = unsignedInput(prevout, sequence)
  const unsigned = Transaction.of({ version, inputs: [input], outputs: [s.own(value)], lockTime })
  const spent = packOutputs([{ ...s.own(value), scriptPubKey: scriptPubKeyOf(spend) }])
  const sighashes = new SighashCache(unsigned, spent)
  const sign = ({
    signer = 0,
    hashType = SIGHASH_DEFAULT,
    codeSeparator = 0xffffffff,
  }: SigningOptions = {}) => {
    const leafHash = tapLeafHash(script, leafVersion)
    const message = sighashes.sighash(0, hashType, annex && hashAnnex(annex), {
      leafHash,
      codeSeparatorPosition: codeSeparator,
    })
    if (!message) throw new Error(`nothing to sign with hash type ${hashType}`)
    const signature = schnorr.sign(message, SECRETS[signer], new Uint8Array(32))
    return hashType === SIGHASH_DEFAULT ? signature : Uint8Array.of(...signature, hashType)
  }
  const witness = [...(spend.stack?.(sign) ?? []), script, controlBlock, ...(annex ? [annex] : [])]
  return Transaction.of({ ...unsigned, inputs: [{ ...input, witness: spend.tamper?.(witness) ?? witness }] })
}

const INTERNAL_KEY = schnorr.getPublicKey(new TestWallet('internal').secretKey)

function treeOf({ asm, leafVersion = TAPSCRIPT_LEAF_VERSION, depth = 0 }: LeafSpend): ScriptTree {
  let tree: ScriptTree = { script: parseAsm(asm), leafVersion }
  for (let level = 0; level < depth; level++)
    tree = [tree, { script: Uint8Array.of(level), leafVersion: TAPSCRIPT_LEAF_VERSION }]
  return tree
}
