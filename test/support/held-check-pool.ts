/** A check pool whose verdicts a test gives by hand, in any order. */
import type { CheckOutcome, CheckPool } from '../../src/script/input-check.ts'

export class HeldCheckPool implements CheckPool {
  private readonly held: ((outcome: CheckOutcome) => void)[] = []
  private readonly watchers: (() => void)[] = []

  verify(): Promise<CheckOutcome> {
    const verdict = new Promise<CheckOutcome>((resolve) => this.held.push(resolve))
    for (const watcher of this.watchers.splice(0)) watcher()
    return verdict
  }

  /** Resolves once the pool was asked `times` times in all. */
  async asked(times: number): Promise<void> {
    while (this.held.length < times) await new Promise<void>((resolve) => this.watchers.push(resolve))
  }

  /** The n-th call's checks are good. */
  pass(call: number): void {
    this.held[call]({ ok: true })
  }

  /** The n-th call's first check is bad. */
  fail(call: number, code = 'schnorr-sig'): void {
    this.held[call]({
      ok: false,
      check: 0,
      input: 0,
      kind: 'invalid',
      code,
      detail: 'Failed by the test.',
    })
  }
}
