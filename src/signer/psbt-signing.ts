/**
 * What an input of a PSBT asks of an account's keys, and the signatures that answer it: by the input's own key (BIP86, or with the
 * root of a script tree), or for leaves that a key of the account stands in (BIP342, BIP371). The input's claims are checked before
 * anything is signed. For the signer alone.
 */
import { schnorr } from '@noble/curves/secp256k1.js'
import { concatBytes, equalBytes } from '../primitives/bytes.ts'
import type { Random } from '../primitives/ports.ts'
import { nameOfHashType } from '../script/hash-types.ts'
import { ScriptReader } from '../script/opcodes.ts'
import { SIGHASH_DEFAULT, type SighashCache } from '../script/sighash.ts'
import {
  commitsTo,
  isControlBlockSize,
  outputKeyOf,
  TAPSCRIPT_LEAF_VERSION,
  taprootOutputKey,
  tweakSecretKey,
} from '../script/taproot.ts'
import { type Descriptor, HARDENED, type KeyOrigin } from '../wallet/descriptor.ts'
import type { Psbt, PsbtInput } from '../wallet/psbt.ts'
import { invalid, ok, type Rejection, type Result } from '../wallet/result.ts'
import type { AccountKeys } from './keys.ts'

/** Where a key lies in the account. */
export interface Position {
  readonly branch: number
  readonly index: number
}

/** A signature that an input can have from the account. */
export interface OwnSpend {
  readonly position: Position
  /** The leaf that is signed for; undefined for the input's own key. */
  readonly leaf: PsbtInput['leaves'][number] | undefined
}

/**
 * The place that a PSBT gives a key by its origin, where that is in the account of a descriptor as `accountDescriptor` makes it.
 * Whether the key is the one there is not yet known.
 */
export function positionOf(account: Descriptor, origin: KeyOrigin | undefined): Position | undefined {
  const first = account.derive(0, 0).origin
  if (origin?.fingerprint !== first.fingerprint) return undefined
  const { path } = origin
  const accountPath = first.path.slice(0, -2)
  const depth = accountPath.length
  const [branch, index] = path.slice(depth)
  const inside = path.length === depth + 2 && accountPath.every((step, i) => step === path[i])
  return inside && branch < account.branches && index < HARDENED ? { branch, index } : undefined
}

/**
 * Whether an input asks for no other hash type than the one that is `asked` for by name, else SIGHASH_DEFAULT: what a signature leaves
 * open is nothing that a file may choose. Rejects with `psbt-sighash`.
 */
export function checkHashType(
  index: number,
  input: PsbtInput,
  asked: number | undefined,
): Rejection | undefined {
  const { sighashType } = input
  if (sighashType === undefined || sighashType === (asked ?? SIGHASH_DEFAULT)) return undefined
  const wants = `Input ${index} asks for the signature hash type ${nameOfHashType(sighashType)}`
  return invalid(
    'psbt-sighash',
    asked === undefined
      ? `${wants}: unless that is asked for by name, too, this wallet signs whole transactions only (DEFAULT). It was not signed.`
      : `${wants}, and should be signed with ${nameOfHashType(asked)}. It was not signed.`,
  )
}

/** What the account can sign of an input, nothing where none of its keys is named. Rejects with `psbt-mismatch`. */
export function ownSpendsOf(index: number, input: PsbtInput, account: Descriptor): Result<OwnSpend[]> {
  const spends: OwnSpend[] = []
  const outputKey = input.spent && outputKeyOf(input.spent.scriptPubKey)
  const position = positionOf(account, input.key?.origin)
  if (position && input.key) {
    const own = account.derive(position.branch, position.index)
    if (!equalBytes(input.key.internalKey, own.internalKey)) return wrongKey(index)
    const { merkleRoot } = input
    const held = merkleRoot ? taprootOutputKey(own.internalKey, merkleRoot)?.outputKey : own.outputKey
    // The coin may be one of a tree whose root the PSBT leaves out, and be spent by a leaf.
    const isOurs = outputKey && held && equalBytes(held, outputKey)
    if (isOurs) spends.push({ position, leaf: undefined })
    else if (input.leaves.length === 0) return wrongCoin(index)
  }
  for (const { publicKey, origin, leafHashes } of input.leafKeys) {
    const position = positionOf(account, origin)
    if (!position) continue
    if (!equalBytes(publicKey, account.derive(position.branch, position.index).internalKey))
      return wrongKey(index)
    for (const leaf of input.leaves) {
      const isNamed = leafHashes.some((hash) => equalBytes(hash, leaf.hash))
      if (!isNamed || leaf.version !== TAPSCRIPT_LEAF_VERSION || !pushes(leaf.script, publicKey)) continue
      if (!outputKey || !isControlBlockSize(leaf.controlBlock.length)) return wrongCoin(index)
      if (!commitsTo(outputKey, leaf.hash, leaf.controlBlock)) return wrongCoin(index)
      spends.push({ position, leaf })
    }
  }
  if (spends.length === 0 && position) return wrongCoin(index)
  return ok(spends)
}

/** Adds the signature of one spend to the PSBT. Rejects with `psbt-sighash`. */
export function addOwnSignature(
  psbt: Psbt,
  index: number,
  { position: { branch, index: child }, leaf }: OwnSpend,
  hashType: number,
  { key: accountKey, descriptor }: AccountKeys,
  sighashes: SighashCache,
  random: Random,
): Rejection | undefined {
  const context = leaf && { leafHash: leaf.hash, codeSeparatorPosition: 0xffffffff }
  const message = sighashes.sighash(index, hashType, undefined, context)
  if (!message)
    return invalid(
      'psbt-sighash',
      `Input ${index} can't be signed with ${nameOfHashType(hashType)}: there is no output at its place, or no such type. Nothing was signed.`,
    )
  const parent = accountKey.deriveChild(branch)
  const key = parent.deriveChild(child)
  const untweaked = key.privateKey!
  const secretKey = leaf ? untweaked : tweakSecretKey(untweaked, psbt.inputs[index].merkleRoot)
  const signed = schnorr.sign(message, secretKey, random.bytes(32))
  const signature = hashType === SIGHASH_DEFAULT ? signed : concatBytes(signed, Uint8Array.of(hashType))
  if (leaf) psbt.addLeafSignature(index, descriptor.derive(branch, child).internalKey, leaf.hash, signature)
  else psbt.addSignature(index, signature)
  for (const secret of [secretKey, untweaked]) secret.fill(0)
  for (const extended of [key, parent]) extended.wipePrivateData()
  return undefined
}

/** Whether a script pushes these bytes. */
function pushes(script: Uint8Array, data: Uint8Array): boolean {
  const reader = new ScriptReader(script)
  while (reader.next()) if (equalBytes(reader.data, data)) return true
  return false
}

function wrongKey(index: number): Rejection {
  return mismatch(`The key of input ${index} is not the one at its path.`)
}

function wrongCoin(index: number): Rejection {
  return mismatch(`Input ${index} spends a coin that its key does not hold.`)
}

/** Something in a PSBT is not what it claims. */
export function mismatch(sentence: string): Rejection {
  return invalid('psbt-mismatch', `${sentence} It was not signed.`)
}
