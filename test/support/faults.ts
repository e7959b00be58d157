/** The port of bugs, in tests. */
import type { Faults } from '../../src/primitives/ports.ts'

/** A bug fails the test under way: its runner watches for rejections that nobody handles. */
export const FAIL_TEST: Faults = {
  report(error) {
    void Promise.reject(error)
  },
}

/** Keeps what is told, for a test that causes a bug. */
export class ToldFaults implements Faults {
  readonly told: { readonly error: unknown; readonly consequence: string | undefined }[] = []

  report(error: unknown, consequence?: string): void {
    this.told.push({ error, consequence })
  }
}
