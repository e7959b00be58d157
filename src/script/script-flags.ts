/**
 * Script rules of policy: what this node neither relays nor mines though a block may hold it, so that a later rule can give it
 * a meaning. Names and sense are those of Bitcoin Core's SCRIPT_VERIFY_… flags; its flags for consensus have no place here,
 * since all of those rules hold from genesis on. Pure, any thread.
 */

export const SCRIPT_VERIFY = {
  /** Numbers and pushes in their shortest form only (BIP62, rules 3 and 4). */
  MINIMALDATA: 1,
  /** No OP_NOP1 and OP_NOP4 to OP_NOP10. */
  DISCOURAGE_UPGRADABLE_NOPS: 2,
  /** No OP_SUCCESSx (BIP342). */
  DISCOURAGE_OP_SUCCESS: 4,
  /** No leaf version but that of tapscript (BIP341). */
  DISCOURAGE_UPGRADABLE_TAPROOT_VERSION: 8,
  /** No public key of another length than 32 bytes (BIP342). */
  DISCOURAGE_UPGRADABLE_PUBKEYTYPE: 16,
} as const

/** A sum of `SCRIPT_VERIFY` members; fits one byte. */
export type ScriptFlags = number

/** What blocks are held to: consensus alone. */
export const CONSENSUS_SCRIPT_FLAGS: ScriptFlags = 0

/** What the mempool asks for. */
export const STANDARD_SCRIPT_FLAGS: ScriptFlags =
  SCRIPT_VERIFY.MINIMALDATA |
  SCRIPT_VERIFY.DISCOURAGE_UPGRADABLE_NOPS |
  SCRIPT_VERIFY.DISCOURAGE_OP_SUCCESS |
  SCRIPT_VERIFY.DISCOURAGE_UPGRADABLE_TAPROOT_VERSION |
  SCRIPT_VERIFY.DISCOURAGE_UPGRADABLE_PUBKEYTYPE
