/** Order by lot: places in a transaction should tell nothing. Pure, any thread. */
import type { Random } from '../primitives/ports.ts'

/** A number from 0 up, below `limit` (at most 2^16): uniform but for one part in 2^16. */
export function below(limit: number, random: Random): number {
  const [high, low] = random.bytes(2)
  return ((high << 8) | low) % limit
}

/** A copy in another order (Fisher and Yates). */
export function shuffled<T>(items: readonly T[], random: Random): T[] {
  const mixed = [...items]
  for (let i = mixed.length - 1; i > 0; i--) {
    const j = below(i + 1, random)
    ;[mixed[i], mixed[j]] = [mixed[j], mixed[i]]
  }
  return mixed
}
