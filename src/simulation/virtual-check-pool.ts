/**
 * The check pool in virtual time: verifies for real, and answers at an instant drawn from the seed. What one node of a run has
 * verified the others need not verify again: verification is pure.
 */
import { bytesToHex } from '../primitives/bytes.ts'
import { sha256 } from '../primitives/hashes.ts'
import type { CheckOutcome, CheckPool, InputFailure, TransactionCheck } from '../script/input-check.ts'
import { CONSENSUS_SCRIPT_FLAGS } from '../script/script-flags.ts'
import { verifyTransaction } from '../script/verify-input.ts'

/** Verdicts shared by the nodes of a run. */
export class VerdictCache {
  private readonly verdicts = new Map<string, InputFailure | undefined>()

  verify(check: TransactionCheck): InputFailure | undefined {
    const flags = Uint8Array.of(check.flags ?? CONSENSUS_SCRIPT_FLAGS)
    const key = bytesToHex(sha256(check.transaction, check.spentOutputs, flags))
    if (!this.verdicts.has(key)) this.verdicts.set(key, verifyTransaction(check))
    return this.verdicts.get(key)
  }
}

export class VirtualCheckPool implements CheckPool {
  private readonly verdicts: VerdictCache

  constructor(verdicts: VerdictCache) {
    this.verdicts = verdicts
  }

  async verify(checks: readonly TransactionCheck[]): Promise<CheckOutcome> {
    for (let check = 0; check < checks.length; check++) {
      const failure = this.verdicts.verify(checks[check])
      if (failure) return { ok: false, check, ...failure }
    }
    return { ok: true }
  }
}
