/**
 * How an input can fail: Bitcoin Core's script errors (SCRIPT_ERR_…) in lower case with hyphens, as far as a P2TR input can
 * give them, each with its sentence. Pure, any thread.
 */
import { err, type Rejection, type RejectionKind } from '../primitives/result.ts'

const SENTENCES = {
  // Around the script (BIP141, BIP341).
  'bad-txns-nonstandard-inputs': 'it spends an output that is not P2TR',
  'witness-malleated': 'it has a scriptSig, which a P2TR spend must leave empty',
  'witness-program-witness-empty': 'it has no witness: it is not signed',
  'taproot-wrong-control-size':
    'its control block must have 33 bytes and 32 more for each of 0 to 128 hashes',
  'witness-program-mismatch': 'the output it spends does not commit to this script with this control block',
  // The limits of a tapscript (BIP342).
  'stack-size': 'there are more than 1,000 elements on stack and altstack together',
  'push-size': 'an element of the stack has more than 520 bytes',
  'tapscript-validation-weight':
    'the witness is too small for so many signatures: each takes 50 weight units',
  // What an opcode can meet.
  'bad-opcode': 'the opcode is not defined, or the script ends within it',
  'invalid-stack-operation': 'the stack has too few elements',
  'invalid-altstack-operation': 'the altstack is empty',
  'unbalanced-conditional': 'OP_IF, OP_ELSE and OP_ENDIF do not match',
  'tapscript-minimalif': 'the condition must be empty or the one byte 01',
  'tapscript-checkmultisig': 'OP_CHECKMULTISIG is disabled in a tapscript: use OP_CHECKSIGADD',
  'tapscript-empty-pubkey': 'the public key is empty',
  scriptnum: 'an operand is not a number: it has too many bytes, or more than it needs',
  verify: 'the element is false',
  equalverify: 'the elements are not equal',
  numequalverify: 'the numbers are not equal',
  checksigverify: 'the signature is empty',
  'op-return': 'OP_RETURN ends every script in failure',
  'negative-locktime': 'the lock time is negative',
  'unsatisfied-locktime': 'the transaction does not keep this lock time',
  // What the script must leave.
  cleanstack: 'the script must leave exactly one element on the stack',
  'eval-false': 'the script ends with false',
  // Signatures (BIP340, BIP341).
  'schnorr-sig-size': 'a signature has 64 bytes, or 65 with a hash type',
  'schnorr-sig-hashtype':
    'the hash type of a signature is unknown, not allowed in 65 bytes, or asks for an output that the transaction does not have',
  'schnorr-sig': 'a signature is not valid for its public key',
  // Policy alone.
  minimaldata: 'data is pushed by a longer opcode than it needs',
  'discourage-upgradable-nops': 'this opcode is kept for later rules',
  'discourage-op-success': 'the script holds an OP_SUCCESS, which is kept for later rules',
  'discourage-upgradable-taproot-version': 'the leaf version is kept for later rules',
  'discourage-upgradable-pubkeytype': 'public keys of other lengths than 32 bytes are kept for later rules',
} as const

export type ScriptError = keyof typeof SENTENCES

/** Every code that the verification of an input can give. */
export const SCRIPT_ERRORS = Object.keys(SENTENCES) as readonly ScriptError[]

/**
 * The rejection of input `index`. `place` says where in the script, such as ` at opcode 3 (OP_DUP)`; `kind` is `not-now` where
 * policy alone refuses it.
 */
export function scriptRejection(
  index: number,
  code: ScriptError,
  place = '',
  kind: RejectionKind = 'invalid',
): Rejection {
  return err(kind, code, `Input ${index} fails${place}: ${SENTENCES[code]}.`)
}
